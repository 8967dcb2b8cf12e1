//! The walk through a folder: every file below it, in the same order every time, without leaving it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
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
    let mut ahead = list_ahead(root, context);
    let listed = ahead.iter().filter_map(|ahead| ahead.listing.as_ref()?.as_ref().ok());
    let mut walk = Walk {
        root,
        entries: Vec::with_capacity(listed.map(|listing| listing.entries.len()).sum()),
        excluded: Vec::new(),
        links: Vec::new(),
        folders: vec![(PathBuf::new(), Some(0))],
    };
    while let Some((folder, place)) = walk.folders.pop() {
        if context.cancel.is_cancelled() {
            break;
        }
        let ahead = place.and_then(|place| ahead.get_mut(place));
        let (listing, inside) = match ahead {
            Some(Ahead { listing, inside }) => (listing.take(), Some(*inside)),
            None => (None, None),
        };
        let (listing, inside) = match listing {
            Some(listing) => (listing, inside),
            None => (list(root, &folder), None),
        };
        if let Err(error) = listing.and_then(|listing| walk.folder(listing, inside)) {
            walk.unread(&folder, file::unread(error));
        }
        let met = walk.entries.len().saturating_add(walk.links.len());
        if u64::try_from(met).unwrap_or(u64::MAX) > context.limits.files {
            walk.unread(&folder, Unread::Limit(LimitKind::Files, context.limits.files));
            break;
        }
    }
    let sort = |entries: &mut Vec<Entry>| entries.par_sort_by(|one, other| one.path.cmp(&other.path));
    sort(&mut walk.entries);
    if !walk.links.is_empty() {
        walk.resolve_links();
        sort(&mut walk.entries);
    }
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

/// What one folder holds, in the order of names.
#[derive(Default)]
struct Listing {
    entries: Vec<Entry>,
    excluded: Vec<String>,
    links: Vec<PathBuf>,
    /// Folders in it.
    inside: Vec<PathBuf>,
    /// Why the rest could not be listed.
    failed: Option<io::Error>,
}

/// A folder that was listed before its turn.
struct Ahead {
    /// None if there are too many files: then it is listed when its turn comes, so that a limit cuts at the same place.
    listing: Option<io::Result<Listing>>,
    /// Where the first of the folders in it stands among all; the others follow.
    inside: usize,
}

/// Lists folders on all threads, level by level.
fn list_ahead(root: &Arc<Path>, context: &Context) -> Vec<Ahead> {
    let met = AtomicU64::new(0);
    let list_one = |folder: PathBuf| {
        if context.cancel.is_cancelled() || met.load(Ordering::Relaxed) > context.limits.files {
            return None;
        }
        let listing = list(root, &folder);
        if let Ok(listing) = &listing {
            let count = listing.entries.len().saturating_add(listing.links.len());
            met.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        Some(listing)
    };
    let mut ahead: Vec<Ahead> = Vec::new();
    let mut level = vec![PathBuf::new()];
    while !level.is_empty() {
        let found: Vec<Option<io::Result<Listing>>> =
            level.into_par_iter().with_max_len(16).map(list_one).collect();
        level = Vec::new();
        let next = ahead.len().saturating_add(found.len());
        for listing in found {
            let inside = next.saturating_add(level.len());
            if let Some(Ok(listing)) = &listing {
                level.extend(listing.inside.iter().cloned());
            }
            ahead.push(Ahead { listing, inside });
        }
    }
    ahead
}

/// Lists one folder below the root. An error means that it cannot be listed at all.
fn list(root: &Arc<Path>, folder: &Path) -> io::Result<Listing> {
    let real = root.join(folder);
    let mut listing = Listing::default();
    let mut items: Vec<(OsString, DirEntry)> = Vec::new();
    for item in fs::read_dir(&real)? {
        match item {
            Ok(item) => items.push((item.file_name(), item)),
            Err(error) => {
                listing.failed = Some(error);
                break;
            }
        }
    }
    // The system lists in any order. Sorting before anything is decided makes a limit cut at the same place.
    items.sort_by(|(one, _), (other, _)| one.as_encoded_bytes().cmp(other.as_encoded_bytes()));
    let is_conda = items.iter().any(|(name, _)| name == "conda-meta");
    let is_blobs = blobs::is_blobs(&real);
    let plain = text(folder);
    let mut plain = (folder.to_str() == Some(&*plain)).then(|| PlainPath::new(plain));
    for (name, item) in items {
        // Nothing that a link leads to is asked, and the system looks only for the last name.
        match item.metadata() {
            Err(error) => listing.entries.push(unread(&folder.join(&name), file::unread(error))),
            Ok(metadata) if metadata.is_symlink() => listing.links.push(folder.join(&name)),
            Ok(metadata) if metadata.is_dir() => {
                // In it conda keeps packages that may be installed in some environment, or in none.
                let is_cache = is_conda && name == "pkgs";
                let below = folder.join(&name);
                if is_cache || EXCLUDED.iter().any(|excluded| name == *excluded) {
                    listing.excluded.push(text(&below));
                } else {
                    listing.inside.push(below);
                }
            }
            Ok(metadata) => listing.entries.push(match file::special(metadata.file_type()) {
                Some(kind) => unread(&folder.join(&name), Unread::Special(kind)),
                None => match plain.as_mut().and_then(|plain| plain.of(&name)) {
                    Some(path) if !is_blobs => plain_entry(root, path, &metadata),
                    _ => entry(root, &folder.join(&name), Some(&metadata)),
                },
            }),
        }
    }
    Ok(listing)
}

/// The paths of what lies in a folder whose text is its name, as that of nearly every one is.
struct PlainPath {
    /// The folder with its `/`, and behind it the name asked for last.
    path: String,
    folder: usize,
}

impl PlainPath {
    fn new(folder: String) -> Self {
        let mut path = folder;
        if !path.is_empty() {
            path.push('/');
        }
        Self { folder: path.len(), path }
    }

    /// The path of a name, if its text is the name itself.
    fn of(&mut self, name: &OsStr) -> Option<Arc<str>> {
        let name = name.to_str().filter(|name| !name.contains('\\'))?;
        self.path.truncate(self.folder);
        self.path.push_str(name);
        Some(self.path.as_str().into())
    }
}

/// The entry for the regular file at a path that is its own text, in a folder that holds no blobs.
fn plain_entry(root: &Arc<Path>, path: Arc<str>, metadata: &Metadata) -> Entry {
    let stamp = file::stamp(metadata);
    let handle = FileHandle { root: Arc::clone(root), path: Arc::clone(&path), raw: None, stamp };
    Entry { path, size: metadata.len(), handle: Arc::new(handle), link_to: None, claimed: None }
}

struct Walk<'walk> {
    root: &'walk Arc<Path>,
    entries: Vec<Entry>,
    excluded: Vec<String>,
    /// Links below the root, looked at when all files are known.
    links: Vec<PathBuf>,
    /// Folders still to be walked, the next one last, and where each stands among those listed ahead.
    folders: Vec<(PathBuf, Option<usize>)>,
}

impl Walk<'_> {
    /// Takes in one folder; `ahead` is where those in it begin among all that were listed ahead. An error means that the rest of
    /// it could not be listed.
    fn folder(&mut self, listing: Listing, ahead: Option<usize>) -> io::Result<()> {
        self.entries.extend(listing.entries);
        self.excluded.extend(listing.excluded);
        self.links.extend(listing.links);
        let inside = listing.inside.into_iter().enumerate();
        let inside = inside.map(|(number, folder)| (folder, ahead.map(|first| first.saturating_add(number))));
        self.folders.extend(inside.rev());
        listing.failed.map_or(Ok(()), Err)
    }

    /// Puts what links lead to behind the entries, which are sorted.
    fn resolve_links(&mut self) {
        let links = std::mem::take(&mut self.links);
        let files = self.entries.len();
        let mut blobs: BTreeMap<PathBuf, Arc<str>> = BTreeMap::new();
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
                    let known = self.entries.get(..files).unwrap_or_default();
                    let known = known.binary_search_by(|entry| entry.path.cmp(&real.path));
                    let link_to = known.is_ok().then(|| Arc::clone(&real.path));
                    self.entries.push(Entry { path: text(&below).into(), link_to, ..real });
                }
            }
        }
    }

    fn unread(&mut self, below: &Path, reason: Unread) {
        self.entries.push(unread(below, reason));
    }
}

/// The entry for something that cannot be read.
fn unread(below: &Path, reason: Unread) -> Entry {
    let path = if below.as_os_str().is_empty() { ".".to_owned() } else { text(below) };
    Entry { path: path.into(), size: 0, handle: Arc::new(reason), link_to: None, claimed: None }
}

/// A path below the root as text.
fn text(below: &Path) -> String {
    name::path_text(below, Path::new("")).unwrap_or_default()
}
