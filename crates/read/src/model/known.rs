//! Formats that Weighbridge knows of and does not read yet: a model or an archive that nobody looked into is told as
//! not covered, never passed over in silence.
//!
//! The table holds what may run code, or hold something that does, when it is loaded. Two things keep ordinary files
//! out. A name that ordinary files have too (`.bin`, `.plan`) says nothing: the content must. And plain archives,
//! data and whatever lies among the tests of an installed package are the package's own, recorded by its installer as its
//! code is; only models are told there.

mod table;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Misnamed, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, HEAD_BYTES, Hint, Reader};
use weighbridge_core::sink::Sink;

use table::{FORMATS, Format};

/// Tells what it is that is not read.
pub struct Known;

impl Reader for Known {
    fn about(&self) -> &'static About {
        &About {
            id: "known",
            title: "Formats known and not read yet",
            family: Family::Model,
            names: &["*.tflite", "saved_model.pbtxt", "*.engine", "*.rar"],
            reads: "Which format it is, so that it is listed as not covered.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if by_content(hint).is_some() {
            Claim::ByMagic
        } else if by_name(hint).is_some() {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut head = vec![0; HEAD_BYTES];
        let filled = input.read_some(0, &mut head)?;
        head.truncate(filled);
        let path = sink.place().inner.last().unwrap_or(&sink.place().path).to_string();
        let hint = Hint { path: &path, size: input.size(), head: &head };
        if let (Some(named), Some(shown)) = (by_name(&hint), by_content(&hint))
            && named.id != shown.id
        {
            let misnamed = Misnamed { by_name: vec![named.id], by_content: vec![shown.id] };
            sink.observed(What::Misnamed(misnamed), None);
        }
        if let Some(format) = by_content(&hint).or_else(|| by_name(&hint)) {
            sink.observed(What::Format(format.id), None);
            return Err(Unread::Unsupported(format.title.to_owned()));
        }
        Ok(())
    }
}

/// The format that the first bytes show.
fn by_content(hint: &Hint<'_>) -> Option<&'static Format> {
    let found = FORMATS.iter().find(|format| {
        format
            .magic
            .iter()
            .any(|(at, bytes)| hint.head.get(*at..).is_some_and(|rest| rest.starts_with(bytes)))
    })?;
    is_told(found, hint).then_some(found)
}

/// The format that the name says.
fn by_name(hint: &Hint<'_>) -> Option<&'static Format> {
    // An empty file with the name of a model is nothing that could be loaded.
    if hint.size == 0 {
        return None;
    }
    let name = hint.name();
    let found = FORMATS.iter().find(|format| {
        format.names.iter().any(|known| known.eq_ignore_ascii_case(name))
            || format.extensions.iter().any(|extension| hint.has_extension(extension))
    })?;
    is_told(found, hint).then_some(found)
}

/// Everything is told that does not belong to an installed package, and there what is a model.
fn is_told(format: &Format, hint: &Hint<'_>) -> bool {
    let test = hint.path.split('/').any(|folder| matches!(folder, "test" | "tests"));
    !in_package(hint.path) || (format.model && !test)
}

fn in_package(path: &str) -> bool {
    path.split('/').any(|folder| folder == "site-packages" || folder == "dist-packages")
}

/// What kind of model a zip archive is whose other members are not read: format id and title.
pub(crate) fn archive(names: &[&str]) -> Option<(&'static str, &'static str)> {
    let has = |wanted: &str| names.contains(&wanted);
    let ends = |ending: &str| names.iter().any(|name| name.ends_with(ending));
    if has("schema.json") && (names.len() == 1 || ends(".npy") || ends(".npz")) {
        Some(("skops", "skops model"))
    } else {
        None
    }
}
