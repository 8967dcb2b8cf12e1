//! A plain path: a folder with everything below it, or one file.

use std::fs;
use std::io;
use std::path;
use std::sync::Arc;

use weighbridge_core::context::Context;
use weighbridge_core::opener::{Entry, OpenError, Opened, Opener};

use super::tree::Folder;
use super::{file, name, walk};

/// Opens folders and files. A link that the user names is followed; links below it are not (see [`super`]).
#[derive(Debug)]
pub struct Path;

impl Opener for Path {
    fn schemes(&self) -> &'static [&'static str] {
        &[""]
    }

    fn open(&self, locator: &str, context: &Context) -> Result<Opened, OpenError> {
        let (real, metadata) = resolve(locator)?;
        if metadata.is_dir() {
            return Ok(folder(locator, &real, context));
        }
        if file::special(metadata.file_type()).is_some() {
            return Err(OpenError::Unexpected {
                locator: locator.to_owned(),
                expected: "a folder or a file",
            });
        }
        let refused =
            || OpenError::Unexpected { locator: locator.to_owned(), expected: "a folder or a file" };
        // The name that the user types says what the file is, even if it is a link to one that is called otherwise.
        let typed = path::Path::new(locator);
        let name = name::text(typed.file_name().or(real.file_name()).ok_or_else(refused)?);
        let (Some(folder), Some(file)) = (real.parent(), real.file_name()) else { return Err(refused()) };
        let entry = walk::entry(&folder.into(), file.as_ref(), Some(&metadata));
        let entries = vec![Entry { path: name.as_str().into(), ..entry }];
        // What the file names (`-r other.txt`) may lie beside or below it.
        let beside = typed.parent().filter(|beside| !beside.as_os_str().is_empty());
        let beside = fs::canonicalize(beside.unwrap_or(path::Path::new("."))).unwrap_or(folder.to_owned());
        let tree = Box::new(Folder(beside.into()));
        Ok(Opened { name, entries, excluded: Vec::new(), notes: Vec::new(), tree })
    }
}

/// The real path behind `locator` and what lies there.
pub(super) fn resolve(locator: &str) -> Result<(path::PathBuf, fs::Metadata), OpenError> {
    let real = fs::canonicalize(locator);
    real.and_then(|real| fs::metadata(&real).map(|metadata| (real, metadata))).map_err(|error| {
        match error.kind() {
            io::ErrorKind::NotFound => OpenError::Missing(locator.to_owned()),
            _ => OpenError::Refused { locator: locator.to_owned(), message: error.to_string() },
        }
    })
}

/// Everything below the folder `real`.
pub(super) fn folder(locator: &str, real: &path::Path, context: &Context) -> Opened {
    let root: Arc<path::Path> = real.into();
    let walk::Walked { entries, excluded } = walk::walk(&root, context);
    let name = real.file_name().map_or_else(|| locator.to_owned(), name::text);
    Opened { name, entries, excluded, notes: Vec::new(), tree: Box::new(Folder(root)) }
}
