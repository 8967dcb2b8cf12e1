//! What PyTorch writes into zip archives: checkpoints of `torch.save` since 1.6, TorchScript, `torch.package`, exported
//! programs.
//!
//! Source: `caffe2/serialize/inline_container.cc` of PyTorch (records below one top folder; `data.pkl`, `data/N`,
//! `constants.pkl`, `code/`, `version`), `torch/serialization.py`, `torch/package/package_exporter.py`,
//! `torch/csrc/export/pt2_archive_constants.h` and `torch/export/pt2_archive/_package.py`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use flate2::read::DeflateDecoder;
use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Target, Tensors, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::sink::Sink;

use crate::archive::zip::{DEFLATED, Found, STORED, View};
use crate::model::torch_export;

/// The largest record that says which weights are pickles, in bytes.
const MOST_CONFIG: u64 = 64 << 20;

/// What kind of archive it is.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The one top folder with its `/`, in lower case; empty if the records stand at the top.
    top: String,
    kind: Kind,
    /// Records of weights and constants that are pickles: they say so in a table of their own.
    pickled: BTreeSet<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Saved,
    Script,
    Package,
    /// `torch.export.save` since 2.8, and packages of `AOTInductor`.
    Exported,
    /// `torch.export.save` before.
    ExportedOld,
}

/// What to do with a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Treatment {
    /// A pickle, whatever it looks like.
    Pickle,
    /// Code for the interpreter of mobile devices: a pickle that names operators.
    Bytecode,
    /// Code of TorchScript, whatever it looks like.
    Code,
    /// The graph of an exported program.
    Program,
    /// Bytes of tensors, whatever they look like. No loader takes them for anything else.
    Storage,
    /// Whatever its content shows.
    Any,
}

impl Treatment {
    /// Readers that must read it; none to let all claim it.
    pub(crate) fn readers(self) -> &'static [Option<&'static str>] {
        match self {
            Self::Pickle => &[Some("pickle")],
            Self::Bytecode => &[Some("pickle"), Some("torchscript-mobile")],
            Self::Code => &[Some("torchscript")],
            Self::Program => &[Some("torch-export")],
            Self::Storage => &[],
            Self::Any => &[None],
        }
    }
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
        let find = |ending: &str| names.iter().find_map(|name| ends(name, ending));
        let of = |top: String, kind: Kind| Some(Self { top, kind, pickled: BTreeSet::new() });
        let has = |top: &str, wanted: &str| {
            names.iter().any(|name| below(name, top).is_some_and(|rest| starts_with(rest, wanted)))
        };
        if let Some(top) = find("data.pkl") {
            let kind =
                if has(&top, "code/") || has(&top, "constants.pkl") { Kind::Script } else { Kind::Saved };
            let is_one = kind == Kind::Script
                || ["version", "data/", "byteorder", ".data/"].into_iter().any(|wanted| has(&top, wanted));
            return if is_one { of(top, kind) } else { None };
        }
        if let Some(top) = find(".data/extern_modules") {
            return of(top, Kind::Package);
        }
        if let Some(top) = find("archive_format")
            && ["archive_version", "version", "models/", "data/aotinductor/"]
                .into_iter()
                .any(|wanted| has(&top, wanted))
        {
            return of(top, Kind::Exported);
        }
        find("serialized_exported_program.json").and_then(|top| of(top, Kind::ExportedOld))
    }

    /// The format id.
    pub(crate) fn format(&self) -> &'static str {
        match self.kind {
            Kind::Saved => "pytorch-zip",
            Kind::Script => "torchscript",
            Kind::Package => "torch-package",
            Kind::Exported | Kind::ExportedOld => "pt2",
        }
    }

    /// What to do with the member of this name.
    pub(crate) fn treatment(&self, name: &str) -> Treatment {
        let Some(rest) = below(name, &self.top) else { return Treatment::Any };
        let numbered = |folder: &str, ending: &str| {
            (starts_with(rest, folder) && ends_with(rest, ending))
                .then(|| rest.get(folder.len()..rest.len().checked_sub(ending.len())?))
                .flatten()
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        if self.kind == Kind::Script && rest.eq_ignore_ascii_case("bytecode.pkl") {
            return Treatment::Bytecode;
        }
        if [".pkl", ".debug_pkl"].into_iter().any(|ending| ends_with(rest, ending)) {
            return Treatment::Pickle;
        }
        let any = |yes: bool, treatment: Treatment| if yes { treatment } else { Treatment::Any };
        match self.kind {
            Kind::Saved | Kind::Script => {
                if self.kind == Kind::Script && starts_with(rest, "code/") && ends_with(rest, ".py") {
                    return Treatment::Code;
                }
                let folders = ["data/", "constants/", "xl_model_weights/"];
                any(folders.into_iter().any(|folder| numbered(folder, "")), Treatment::Storage)
            }
            Kind::Package => {
                if starts_with(rest, ".data/ts_code/code/") && ends_with(rest, ".py") {
                    return Treatment::Code;
                }
                any(numbered(".data/", ".storage"), Treatment::Storage)
            }
            Kind::Exported => {
                let rest = rest.to_ascii_lowercase();
                let within = |folder: &str| rest.strip_prefix(folder).filter(|name| !name.ends_with(".json"));
                if rest.starts_with("models/") && rest.ends_with(".json") {
                    return Treatment::Program;
                }
                match within("data/weights/").or_else(|| within("data/constants/")) {
                    // An object of a class in Python, which `pickle.loads` gets.
                    Some(name) if name.starts_with("opaque_obj_") => Treatment::Pickle,
                    Some(name) if name.starts_with("custom_obj_") || self.pickled.contains(name) => {
                        Treatment::Any
                    }
                    Some(_) => Treatment::Storage,
                    None => any(rest.starts_with("xl_model_weights/"), Treatment::Storage),
                }
            }
            Kind::ExportedOld => {
                any(rest.eq_ignore_ascii_case("serialized_exported_program.json"), Treatment::Program)
            }
        }
    }

    /// Reads the tables that say which weights and constants of an exported program are pickles.
    pub(crate) fn find_pickled(&mut self, input: &Input, members: &[Found], sink: &mut Sink) {
        if self.kind != Kind::Exported {
            return;
        }
        for found in members {
            let Some(rest) = below(&found.member.name, &self.top) else { continue };
            let rest = rest.to_ascii_lowercase();
            let table = (rest.starts_with("data/weights/") || rest.starts_with("data/constants/"))
                && rest.ends_with(".json");
            if !table {
                continue;
            }
            let outcome = content(input, found).and_then(|bytes| torch_export::pickled(&bytes));
            match outcome {
                Ok(names) => self.pickled.extend(names.into_iter().map(|name| name.to_ascii_lowercase())),
                Err(reason) => sink.unread(reason, Some(Span::Offset(found.data.offset.min(input.size())))),
            }
        }
    }

    /// Says what the archive holds besides its members: how many storages of which sizes, and code.
    pub(crate) fn describe(&self, members: &[Found], sink: &mut Sink) {
        let mut tensors = Tensors::default();
        let mut storages: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        match self.kind {
            Kind::Saved => drop(storages.insert(format!("{}data", self.top), BTreeMap::new())),
            Kind::Script => {
                for pickle in ["data", "constants"] {
                    storages.insert(format!("{}{pickle}", self.top), BTreeMap::new());
                }
            }
            Kind::Package => drop(storages.insert(format!("{}.data", self.top), BTreeMap::new())),
            Kind::Exported | Kind::ExportedOld => {}
        }
        for found in members {
            let Found { member, view, .. } = found;
            if *view == View::Central && self.treatment(&member.name) == Treatment::Storage {
                tensors.count = tensors.count.saturating_add(1);
                tensors.bytes = tensors.bytes.saturating_add(member.unpacked);
            }
            let name = record_name(&member.name).to_ascii_lowercase();
            for (folder, keys) in &mut storages {
                let Some(key) = name.strip_prefix(folder.as_str()).and_then(|rest| rest.strip_prefix('/'))
                else {
                    continue;
                };
                let size = size(found);
                // A pickle of `torch.package` names the key alone, TorchScript in a package the whole record.
                let short = key.strip_suffix(".storage").filter(|_| self.kind == Kind::Package);
                for key in std::iter::once(key).chain(short) {
                    let known = keys.entry(key.to_owned()).or_insert(size);
                    *known = size.min(*known);
                }
            }
            self.describe_code(found, sink);
        }
        if tensors.count > 0 {
            sink.observed(What::Tensors(tensors), None);
        }
        if !storages.is_empty() {
            sink.observed(What::Storages(storages), None);
        }
    }

    /// Code that is carried as it is: Python that `torch.package` imports, libraries that `AOTInductor` has compiled.
    fn describe_code(&self, found: &Found, sink: &mut Sink) {
        let name = record_name(&found.member.name);
        let Some(rest) = below(name, &self.top) else { return };
        let (language, construct) = match self.kind {
            Kind::Package if ends_with(rest, ".py") && !starts_with(rest, ".data/") => {
                ("Python code", "torch.package")
            }
            Kind::Exported if is_machine_code(rest) => ("machine code", "AOTInductor"),
            _ => return,
        };
        let target = Target::Code { language, beginning: rest.to_owned() };
        let effect = Effect::new(EffectKind::Run, target, construct);
        sink.observed(What::Effect(effect), Some(Span::Offset(found.member.header)));
    }
}

/// Libraries for the processor, and code for graphics cards.
fn is_machine_code(name: &str) -> bool {
    [".so", ".dll", ".dylib", ".pyd", ".o", ".cubin", ".hsaco", ".fatbin", ".spv"]
        .into_iter()
        .any(|ending| ends_with(name, ending))
}

/// How many bytes a loader gets of a member.
fn size(found: &Found) -> u64 {
    match found.member.method {
        STORED => found.member.unpacked.min(found.data.size),
        _ => found.member.unpacked,
    }
}

/// The unpacked bytes of a small member.
fn content(input: &Input, found: &Found) -> Result<Vec<u8>, Unread> {
    let packed = input.read_vec(
        found.data.offset,
        found.data.size.min(input.size().saturating_sub(found.data.offset)),
        MOST_CONFIG,
    )?;
    match found.member.method {
        STORED => Ok(packed),
        DEFLATED => {
            let mut bytes = Vec::new();
            let unpacked = DeflateDecoder::new(packed.as_slice()).take(MOST_CONFIG).read_to_end(&mut bytes);
            unpacked.map_err(|error| Unread::Malformed(error.to_string()))?;
            Ok(bytes)
        }
        method => Err(Unread::Unsupported(format!("compression method {method}"))),
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
        check(&["m/archive_format", "m/archive_version"], Some("pt2"));
        check(&["m/archive_format", "m/models/model.json"], Some("pt2"));
        check(&["serialized_exported_program.json", "version"], Some("pt2"));
        check(&["data.pkl"], None);
        check(&["a/b/data.pkl", "a/b/version"], None);
        check(&["a.npy", "b.npy"], None);
        check(&["m/archive_format"], None);
    }

    #[test]
    fn members_are_known_by_their_names() {
        let check = |names: &[&str], members: &[(&str, Treatment)]| {
            let layout = Layout::of(names).unwrap();
            for (name, treatment) in members {
                assert_eq!(layout.treatment(name), *treatment, "{name}");
            }
        };
        check(
            &["m/data.pkl", "m/data/0"],
            &[
                ("m/data.pkl", Treatment::Pickle),
                ("m/code/a.py.debug_pkl", Treatment::Pickle),
                ("m/data/0", Treatment::Storage),
                ("m/data/17", Treatment::Storage),
                ("m/data/x", Treatment::Any),
                ("m/data/", Treatment::Any),
                ("m/version", Treatment::Any),
                ("m/code/a.py", Treatment::Any),
                ("other/data/0", Treatment::Any),
            ],
        );
        check(
            &["m/data.pkl", "m/constants.pkl"],
            &[
                ("m/code/__torch__.py", Treatment::Code),
                ("m/CODE/__torch__.PY", Treatment::Code),
                ("m/bytecode.pkl", Treatment::Bytecode),
                ("m/constants/3", Treatment::Storage),
                ("m/extra/a.py", Treatment::Any),
            ],
        );
        check(
            &["m/.data/extern_modules"],
            &[
                ("m/.data/ts_code/code/__torch__.py", Treatment::Code),
                ("m/.data/3.storage", Treatment::Storage),
                ("m/module.py", Treatment::Any),
            ],
        );
        check(
            &["m/archive_format", "m/models/model.json"],
            &[
                ("m/models/model.json", Treatment::Program),
                ("m/data/weights/weight_0", Treatment::Storage),
                ("m/data/weights/model_weights_config.json", Treatment::Any),
                ("m/data/constants/custom_obj_0", Treatment::Any),
                ("m/data/constants/opaque_obj_0", Treatment::Pickle),
                ("m/data/sample_inputs/model.pt", Treatment::Any),
            ],
        );
    }
}
