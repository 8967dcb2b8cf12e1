//! Finds files below a folder by the paths that other files name them by.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use weighbridge_core::opener::{Entry, Tree};

use super::{blobs, name, walk};

/// Files below a root, which is absolute and free of links.
pub(super) struct Folder(pub(super) Arc<Path>);

impl Tree for Folder {
    fn find(&self, path: &str) -> Option<Entry> {
        let real = fs::canonicalize(self.0.join(name::path(path)?)).ok()?;
        let metadata = fs::metadata(&real).ok().filter(fs::Metadata::is_file)?;
        if let Some((folder, blob)) = blobs::of_snapshot(&self.0, &real) {
            let entry = walk::entry(&folder.as_path().into(), blob.as_ref(), Some(&metadata));
            return Some(Entry { path: path.into(), ..entry });
        }
        let below = real.strip_prefix(&*self.0).ok()?;
        Some(walk::entry(&self.0, below, Some(&metadata)))
    }
}
