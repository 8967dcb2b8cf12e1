//! Lists a folder or a file exactly as it lies, for signatures.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::listing::{File, Is, Item, Listing};
use weighbridge_core::opener::Handle;
use weighbridge_core::source::Source;

use super::file::{self, FileSource};
use super::name;

/// Most items of one listing.
const MOST: usize = 4_000_000;

/// Lists what lies at `path`. A link there is followed; links below it are told as such.
///
/// # Errors
/// Those of the system for the path itself; for anything below it, the item says so.
pub fn list(path: &Path) -> io::Result<Listing> {
    let root = path.canonicalize()?;
    let metadata = fs::metadata(&root)?;
    let name = root.file_name().map(name::text).unwrap_or_default();
    if !metadata.is_dir() {
        let items = vec![Item { path: ".".to_owned(), is: plain(root, &metadata) }];
        return Ok(Listing { name, is_file: true, items });
    }
    let mut items = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        if let Err(error) = list_folder(&root, &folder, &mut folders, &mut items) {
            if folder.as_os_str().is_empty() {
                return Err(error);
            }
            items.push(odd(&root, &folder, file::unread(error)));
        }
        if items.len() > MOST {
            let most = u64::try_from(MOST).unwrap_or(u64::MAX);
            items.push(odd(&root, &folder, Unread::Limit(LimitKind::Files, most)));
            break;
        }
    }
    items.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Listing { name, is_file: false, items })
}

fn list_folder(
    root: &Path,
    folder: &Path,
    folders: &mut Vec<PathBuf>,
    items: &mut Vec<Item>,
) -> io::Result<()> {
    for item in fs::read_dir(root.join(folder))? {
        let item = item?;
        let below = folder.join(item.file_name());
        match item.metadata() {
            Err(error) => items.push(odd(root, &below, file::unread(error))),
            Ok(metadata) if metadata.is_dir() => folders.push(below),
            // Nobody could sign it by its name, nor be sure which file is meant.
            Ok(_) if below.to_str().is_none() => {
                items.push(odd(root, &below, Unread::Malformed("its name is not UTF-8".to_owned())));
            }
            Ok(metadata) if metadata.is_symlink() => {
                let is = link(&root.join(&below));
                items.push(Item { path: text(root, &below), is });
            }
            Ok(metadata) => {
                let is = plain(root.join(&below), &metadata);
                items.push(Item { path: text(root, &below), is });
            }
        }
    }
    Ok(())
}

/// What a link leads to.
fn link(path: &Path) -> Is {
    let target =
        || fs::read_link(path).map(|target| target.to_string_lossy().into_owned()).unwrap_or_default();
    let Ok(real) = path.canonicalize() else { return Is::Odd(Unread::LinkBroken(target())) };
    match fs::metadata(&real) {
        Err(error) => Is::Odd(file::unread(error)),
        Ok(metadata) if metadata.is_dir() => Is::Odd(Unread::Special("link to a folder")),
        Ok(metadata) => match plain(real, &metadata) {
            Is::File(file) => Is::Link(file),
            odd => odd,
        },
    }
}

fn plain(path: PathBuf, metadata: &Metadata) -> Is {
    match file::special(metadata.file_type()) {
        Some(kind) => Is::Odd(Unread::Special(kind)),
        None => Is::File(File {
            size: metadata.len(),
            executable: is_executable(metadata),
            handle: Arc::new(PathHandle { path, stamp: file::stamp(metadata) }),
        }),
    }
}

#[cfg(unix)]
fn is_executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &Metadata) -> bool {
    false
}

fn odd(root: &Path, below: &Path, why: Unread) -> Item {
    Item { path: text(root, below), is: Is::Odd(why) }
}

/// The path with `/` between names; only what is not UTF-8 is written otherwise.
fn text(root: &Path, below: &Path) -> String {
    match below.to_str() {
        Some(text) if std::path::MAIN_SEPARATOR == '/' => text.to_owned(),
        _ => name::path_text(&root.join(below), root).unwrap_or_else(|| name::text(below.as_os_str())),
    }
}

/// Opens a file by its whole path.
struct PathHandle {
    path: PathBuf,
    stamp: Option<weighbridge_core::cache::Stamp>,
}

impl Handle for PathHandle {
    fn open(&self) -> Result<Arc<dyn Source>, Unread> {
        Ok(Arc::new(FileSource::open(&self.path)?))
    }

    fn stamp(&self) -> Option<weighbridge_core::cache::Stamp> {
        self.stamp
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn everything_is_told_as_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("b/c")).unwrap();
        fs::write(root.join("b/c/weights"), "w").unwrap();
        fs::write(root.join("a.sh"), "#!").unwrap();
        fs::set_permissions(root.join("a.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(root.join(std::ffi::OsStr::from_bytes(b"\xff")), "x").unwrap();
        symlink("b/c/weights", root.join("link")).unwrap();
        symlink("b", root.join("to-folder")).unwrap();
        symlink("nowhere", root.join("broken")).unwrap();
        let listing = list(root).unwrap();
        let told: Vec<String> = listing
            .items
            .iter()
            .map(|item| match &item.is {
                Is::File(file) => {
                    format!("{} {}{}", item.path, file.size, if file.executable { " runs" } else { "" })
                }
                Is::Link(file) => format!("{} -> {}", item.path, file.size),
                Is::Odd(why) => format!("{}: {why}", item.path),
            })
            .collect();
        assert_eq!(
            told,
            [
                "\\xff: malformed: its name is not UTF-8",
                "a.sh 2 runs",
                "b/c/weights 1",
                "broken: link leads nowhere or in a circle, to `nowhere`",
                "link -> 1",
                "to-folder: link to a folder, not opened",
            ]
        );
    }

    #[test]
    fn a_file_is_a_listing_of_one() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("toy.gguf"), "GGUF").unwrap();
        let listing = list(&folder.path().join("toy.gguf")).unwrap();
        assert!(listing.is_file);
        assert_eq!(listing.name, "toy.gguf");
        let [Item { path, is: Is::File(file) }] = &*listing.items else { panic!("one file") };
        assert_eq!((path.as_str(), file.size), (".", 4));
        let source = file.handle.open().unwrap();
        assert!(source.is_unchanged());
        fs::write(folder.path().join("toy.gguf"), "GGUF!").unwrap();
        assert!(!source.is_unchanged());
    }
}
