//! Finds files below a folder by the paths that other files name them by.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use weighbridge_core::opener::{Entry, Tree};

use super::{name, walk};

/// Files below a root, which is absolute and free of links.
pub(super) struct Folder(pub(super) Arc<Path>);

impl Tree for Folder {
    fn find(&self, path: &str) -> Option<Entry> {
        let real = fs::canonicalize(self.0.join(name::path(path)?)).ok()?;
        let below = real.strip_prefix(&*self.0).ok()?;
        let metadata = fs::metadata(&real).ok().filter(fs::Metadata::is_file)?;
        Some(walk::entry(&self.0, below, metadata.len()))
    }
}
