//! `hf-cache:`, `hf-cache:PATH`: what the client of the Hugging Face hub has fetched, by the names that loaders see.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::sync::Arc;

use weighbridge_core::context::Context;
use weighbridge_core::opener::{Entry, OpenError, Opened, Opener};

use super::blobs;
use super::path::{folder, resolve};

/// Opens the cache of the hub's client: every file of every snapshot, each blob once.
#[derive(Debug)]
pub struct HubCache;

impl Opener for HubCache {
    fn schemes(&self) -> &'static [&'static str] {
        &["hf-cache"]
    }

    fn open(&self, locator: &str, context: &Context) -> Result<Opened, OpenError> {
        let default = || context.remote.hub_cache.as_ref()?.to_str();
        let locator = match locator {
            "" => default().ok_or_else(|| OpenError::Missing("hf-cache:".to_owned()))?,
            named => named,
        };
        let (real, metadata) = resolve(locator)?;
        let expected = "the cache of a hub (a folder with `models--*`, `datasets--*` or `spaces--*`)";
        let unexpected = || OpenError::Unexpected { locator: locator.to_owned(), expected };
        if !metadata.is_dir() {
            return Err(unexpected());
        }
        // One repository of a cache is as good as all of them.
        let is_one = real.file_name().is_some_and(blobs::is_repository);
        let mut opened = folder(locator, &real, context);
        let holds_one = |entry: &Entry| Part::of(&entry.path, is_one).is_some();
        if !is_one && !opened.entries.iter().any(holds_one) {
            return Err(unexpected());
        }
        by_snapshot(&mut opened, is_one);
        Ok(opened)
    }
}

/// Which part of a repository a file belongs to.
enum Part<'a> {
    Snapshot,
    /// A blob of the repository with this path.
    Blob(&'a str),
    /// What the client keeps for itself: `refs`, `.no_exist`, locks.
    Other,
}

impl<'a> Part<'a> {
    /// Of the file at `path` below the cache, or below one repository of it; none where it belongs to none.
    fn of(path: &'a str, is_one: bool) -> Option<Self> {
        let (repository, below) = if is_one { ("", path) } else { path.split_once('/')? };
        if !is_one && !blobs::is_repository(OsStr::new(repository)) {
            return None;
        }
        Some(match below.split_once('/') {
            Some(("snapshots", _)) => Self::Snapshot,
            Some(("blobs", _)) => Self::Blob(repository),
            _ => Self::Other,
        })
    }
}

/// Shows each blob under the first name that a snapshot has for it, and the other names as links to that.
fn by_snapshot(opened: &mut Opened, is_one: bool) {
    let mut kept: Vec<Entry> = Vec::new();
    let mut found: BTreeMap<Arc<str>, Entry> = BTreeMap::new();
    for entry in std::mem::take(&mut opened.entries) {
        match Part::of(&entry.path, is_one) {
            Some(Part::Snapshot) => kept.push(entry),
            Some(Part::Blob(_)) => {
                found.insert(Arc::clone(&entry.path), entry);
            }
            // What could not be listed at all is told in any case.
            None if &*entry.path == "." => kept.push(entry),
            Some(Part::Other) | None => {}
        }
    }
    let mut names: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
    for entry in &mut kept {
        let Some(blob) = entry.link_to.clone() else { continue };
        entry.link_to = names.get(&blob).cloned();
        names.entry(blob).or_insert_with(|| Arc::clone(&entry.path));
    }
    // Half a download, or what a snapshot that is gone has left behind: nothing that a loader could find.
    let unnamed = found.keys().filter(|path| !names.contains_key(*path));
    let mut left_out: BTreeMap<&str, u64> = BTreeMap::new();
    for path in unnamed {
        if let Some(Part::Blob(repository)) = Part::of(path, is_one) {
            *left_out.entry(repository).or_default() += 1;
        }
    }
    let left_out: BTreeSet<String> = left_out
        .into_iter()
        .map(|(repository, number)| {
            let folder = if is_one { "blobs".to_owned() } else { format!("{repository}/blobs") };
            format!("{folder}: {number} that no snapshot names")
        })
        .collect();
    opened.excluded.extend(left_out);
    opened.excluded.sort();
    opened.entries = kept;
}
