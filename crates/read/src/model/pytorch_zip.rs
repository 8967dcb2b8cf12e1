//! The layout of a PyTorch checkpoint inside a zip archive: `torch.save` since 1.6, TorchScript, `torch.package`.
//!
//! Source: `caffe2/serialize/inline_container.cc` of PyTorch (records below one top folder; `data.pkl`, `data/N`,
//! `constants.pkl`, `code/`, `version`), `torch/serialization.py` and `torch/package/package_exporter.py`.

use weighbridge_core::fact::{Tensors, What};
use weighbridge_core::sink::Sink;

use crate::archive::zip::{Found, View};

/// What kind of checkpoint an archive is.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The one top folder with its `/`, in lower case; empty if the records stand at the top.
    top: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Saved,
    Script,
    Package,
}

/// What to do with a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Treatment {
    /// A pickle, whatever it looks like.
    Pickle,
    /// Bytes of tensors, whatever they look like. No loader takes them for anything else.
    Storage,
    /// Whatever its content shows.
    Any,
}

impl Layout {
    /// Recognises the layout by the names of the members: the loader asks for records by name, not by order, in any
    /// case of letters, and cuts a name at a NUL.
    pub(crate) fn of(names: &[&str]) -> Option<Self> {
        let ends = |name: &str, ending: &str| {
            let name = record_name(name);
            let split = name.len().checked_sub(ending.len()).and_then(|at| name.split_at_checked(at))?;
            let (top, found) = split;
            let top_is_one_folder = top.is_empty() || (top.ends_with('/') && top.matches('/').count() == 1);
            (found.eq_ignore_ascii_case(ending) && top_is_one_folder).then(|| top.to_ascii_lowercase())
        };
        let package = || names.iter().find_map(|name| ends(name, ".data/extern_modules"));
        let Some(top) = names.iter().find_map(|name| ends(name, "data.pkl")) else {
            return package().map(|top| Self { top, kind: Kind::Package });
        };
        let has = |wanted: &str| {
            names.iter().any(|name| below(name, &top).is_some_and(|rest| starts_with(rest, wanted)))
        };
        let kind = if has("code/") || has("constants.pkl") { Kind::Script } else { Kind::Saved };
        let is_one = kind == Kind::Script || ["version", "data/", "byteorder", ".data/"].into_iter().any(has);
        is_one.then_some(Self { top, kind })
    }

    /// The format id.
    pub(crate) fn format(&self) -> &'static str {
        match self.kind {
            Kind::Saved => "pytorch-zip",
            Kind::Script => "torchscript",
            Kind::Package => "torch-package",
        }
    }

    /// What to do with the member of this name.
    pub(crate) fn treatment(&self, name: &str) -> Treatment {
        let Some(rest) = below(name, &self.top) else { return Treatment::Any };
        if [".pkl", ".debug_pkl"].into_iter().any(|ending| ends_with(rest, ending)) {
            return Treatment::Pickle;
        }
        let numbered = |folder: &str, ending: &str| {
            (starts_with(rest, folder) && ends_with(rest, ending))
                .then(|| rest.get(folder.len()..rest.len().checked_sub(ending.len())?))
                .flatten()
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let storage = match self.kind {
            Kind::Saved | Kind::Script => {
                ["data/", "constants/", "xl_model_weights/"].into_iter().any(|folder| numbered(folder, ""))
            }
            Kind::Package => numbered(".data/", ".storage"),
        };
        if storage { Treatment::Storage } else { Treatment::Any }
    }

    /// Counts the storages: how many and how large they are. Their element types stand in the pickle.
    pub(crate) fn describe(&self, members: &[Found], sink: &mut Sink) {
        let mut tensors = Tensors::default();
        for Found { member, view, .. } in members {
            if *view == View::Central && self.treatment(&member.name) == Treatment::Storage {
                tensors.count = tensors.count.saturating_add(1);
                tensors.bytes = tensors.bytes.saturating_add(member.unpacked);
            }
        }
        if tensors.count > 0 {
            sink.observed(What::Tensors(tensors), None);
        }
    }
}

/// The name as a loader written in C sees it.
fn record_name(name: &str) -> &str {
    name.split('\0').next().unwrap_or_default()
}

/// The name below the top folder.
fn below<'a>(name: &'a str, top: &str) -> Option<&'a str> {
    let name = record_name(name);
    starts_with(name, top).then(|| name.get(top.len()..)).flatten()
}

fn starts_with(name: &str, beginning: &str) -> bool {
    name.get(..beginning.len()).is_some_and(|found| found.eq_ignore_ascii_case(beginning))
}

fn ends_with(name: &str, ending: &str) -> bool {
    name.len()
        .checked_sub(ending.len())
        .and_then(|at| name.get(at..))
        .is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_known_by_its_records() {
        let check = |names: &[&str], format: Option<&str>| {
            assert_eq!(Layout::of(names).map(|layout| layout.format()), format, "{names:?}");
        };
        check(&["archive/data.pkl", "archive/version"], Some("pytorch-zip"));
        check(&["m/data/0", "m/data.pkl"], Some("pytorch-zip"));
        check(&["m/data/0", "M/DATA.pkl"], Some("pytorch-zip"));
        check(&["data.pkl", "version"], Some("pytorch-zip"));
        check(&["m/data.pkl\0.txt", "m/data/0"], Some("pytorch-zip"));
        check(&["m/data.pkl", "m/code/__torch__.py"], Some("torchscript"));
        check(&["m/.data/extern_modules", "m/model/model.pkl"], Some("torch-package"));
        check(&["data.pkl"], None);
        check(&["a/b/data.pkl", "a/b/version"], None);
        check(&["a.npy", "b.npy"], None);
    }

    #[test]
    fn storages_are_known_by_their_numbers() {
        let layout = Layout::of(&["m/data.pkl", "m/data/0"]).unwrap();
        for (name, treatment) in [
            ("m/data.pkl", Treatment::Pickle),
            ("m/code/a.py.debug_pkl", Treatment::Pickle),
            ("m/data/0", Treatment::Storage),
            ("m/data/17", Treatment::Storage),
            ("m/data/x", Treatment::Any),
            ("m/data/", Treatment::Any),
            ("m/version", Treatment::Any),
            ("other/data/0", Treatment::Any),
        ] {
            assert_eq!(layout.treatment(name), treatment, "{name}");
        }
    }
}
