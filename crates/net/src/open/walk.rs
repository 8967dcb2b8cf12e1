//! The walk through a folder: every file below it, in the same order every time, without leaving it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weighbridge_core::context::Context;
use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::opener::Entry;

use super::file::{self, FileHandle};
use super::{blobs, link, name};

/// Folders in which version control keeps its own copies and history.
const EXCLUDED: [&str; 5] = [".bzr", ".git", ".hg", ".jj", ".svn"];

/// What lies below a folder.
pub(super) struct Walked {
    /// Sorted by path.
    pub(super) entries: Vec<Entry>,
    /// Folders left out, sorted.
    pub(super) excluded: Vec<String>,
}

/// Everything below `root`, which must be absolute and free of links.
pub(super) fn walk(root: &Arc<Path>, context: &Context) -> Walked {
    let mut walk = Walk {
        root,
        entries: Vec::new(),
        excluded: Vec::new(),
        links: Vec::new(),
        folders: vec![PathBuf::new()],
    };
    while let Some(folder) = walk.folders.pop() {
        if context.cancel.is_cancelled() {
            break;
        }
        if let Err(error) = walk.folder(&folder) {
            walk.unread(&folder, file::unread(error));
        }
        let met = walk.entries.len().saturating_add(walk.links.len());
        if u64::try_from(met).unwrap_or(u64::MAX) > context.limits.files {
            walk.unread(&folder, Unread::Limit(LimitKind::Files, context.limits.files));
            break;
        }
    }
    walk.resolve_links();
    walk.entries.sort_by(|one, other| one.path.cmp(&other.path));
    walk.excluded.sort();
    Walked { entries: walk.entries, excluded: walk.excluded }
}

/// An entry for the regular file `below` the root. Without metadata it counts as empty until it is opened.
pub(super) fn entry(root: &Arc<Path>, below: &Path, metadata: Option<&Metadata>) -> Entry {
    let size = metadata.map_or(0, Metadata::len);
    let stamp = metadata.and_then(file::stamp);
    let path: Arc<str> = text(below).into();
    let raw = (below.to_str() != Some(&*path)).then(|| below.as_os_str().into());
    let handle = FileHandle { root: Arc::clone(root), path: Arc::clone(&path), raw, stamp };
    let claimed = blobs::claimed(&root.join(below));
    Entry { path, size, handle: Arc::new(handle), link_to: None, claimed }
}

struct Walk<'walk> {
    root: &'walk Arc<Path>,
    entries: Vec<Entry>,
    excluded: Vec<String>,
    /// Links below the root, looked at when all files are known.
    links: Vec<PathBuf>,
    /// Folders still to be walked, the next one last.
    folders: Vec<PathBuf>,
}

impl Walk<'_> {
    /// Takes in one folder. An error means that the folder, or the rest of it, cannot be listed.
    fn folder(&mut self, folder: &Path) -> std::io::Result<()> {
        let mut names: Vec<OsString> = Vec::new();
        let mut failed = None;
        for item in fs::read_dir(self.root.join(folder))? {
            match item {
                Ok(item) => names.push(item.file_name()),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        // The system lists in any order. Sorting before anything is decided makes a limit cut at the same place.
        names.sort_by(|one, other| one.as_encoded_bytes().cmp(other.as_encoded_bytes()));
        let is_conda = names.iter().any(|name| name == "conda-meta");
        let mut inside = Vec::new();
        for name in names {
            let below = folder.join(&name);
            match fs::symlink_metadata(self.root.join(&below)) {
                Err(error) => self.unread(&below, file::unread(error)),
                Ok(metadata) if metadata.is_symlink() => self.links.push(below),
                Ok(metadata) if metadata.is_dir() => {
                    // In it conda keeps packages that may be installed in some environment, or in none.
                    let is_cache = is_conda && name == "pkgs";
                    if is_cache || EXCLUDED.iter().any(|excluded| name == *excluded) {
                        self.excluded.push(text(&below));
                    } else {
                        inside.push(below);
                    }
                }
                Ok(metadata) => match file::special(metadata.file_type()) {
                    Some(kind) => self.unread(&below, Unread::Special(kind)),
                    None => self.entries.push(entry(self.root, &below, Some(&metadata))),
                },
            }
        }
        self.folders.extend(inside.into_iter().rev());
        failed.map_or(Ok(()), Err)
    }

    fn resolve_links(&mut self) {
        let links = std::mem::take(&mut self.links);
        if links.is_empty() {
            return;
        }
        let mut blobs: BTreeMap<PathBuf, Arc<str>> = BTreeMap::new();
        let known: BTreeSet<Arc<str>> = self.entries.iter().map(|entry| Arc::clone(&entry.path)).collect();
        for below in links {
            let link = self.root.join(&below);
            match link::end(&link, self.root) {
                // An environment that was moved to another machine has lost its interpreter; that is fine, too.
                link::End::Unread(Unread::LinkOutside(_) | Unread::LinkBroken(_))
                    if link::is_interpreter(&link) => {}
                link::End::Unread(reason) => self.unread(&below, reason),
                link::End::Folder(real) => {
                    // What the link leads to is walked under its own name, unless that was left out.
                    let inside = real.strip_prefix(&**self.root).unwrap_or(&real);
                    if inside.iter().any(|name| EXCLUDED.iter().any(|excluded| name == *excluded)) {
                        self.excluded.push(text(&below));
                    }
                }
                link::End::Blob(folder, name) => {
                    let real = folder.join(&name);
                    let metadata = fs::metadata(&real).ok();
                    let blob = entry(&folder.as_path().into(), name.as_ref(), metadata.as_ref());
                    let path: Arc<str> = text(&below).into();
                    let link_to = blobs.get(&real).cloned();
                    blobs.entry(real).or_insert_with(|| Arc::clone(&path));
                    self.entries.push(Entry { path, link_to, ..blob });
                }
                link::End::File(real) => {
                    let inside = real.strip_prefix(&**self.root).unwrap_or(&real);
                    let metadata = fs::metadata(&real).ok();
                    let real = entry(self.root, inside, metadata.as_ref());
                    let link_to = known.get(&real.path).cloned();
                    self.entries.push(Entry { path: text(&below).into(), link_to, ..real });
                }
            }
        }
    }

    fn unread(&mut self, below: &Path, reason: Unread) {
        let path = if below.as_os_str().is_empty() { ".".to_owned() } else { text(below) };
        self.entries.push(Entry {
            path: path.into(),
            size: 0,
            handle: Arc::new(reason),
            link_to: None,
            claimed: None,
        });
    }
}

/// A path below the root as text.
fn text(below: &Path) -> String {
    name::path_text(below, Path::new("")).unwrap_or_default()
}
