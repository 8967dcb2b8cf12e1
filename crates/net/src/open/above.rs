//! Files that lie above a target and concern it: found by name, folder by folder upwards.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weighbridge_core::coverage::Unread;
use weighbridge_core::opener::{Entry, Handle};

use super::{file, name, walk};
use crate::is_path;

/// A file above targets.
#[derive(Clone)]
pub struct Above {
    /// The file, or the link to it, in a folder without links; for people.
    pub file: PathBuf,
    /// The file itself; its path counts from the top of the first of the targets (`../../NAME`).
    pub entry: Entry,
    /// The targets, in the order in which they were named.
    pub targets: Vec<Below>,
}

/// A target below the folder of such a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Below {
    /// Its number among the targets.
    pub target: usize,
    /// Its path below that folder, with `/`; names that are not UTF-8 as entries have them.
    pub path: String,
    /// What its only entry is called, where it is a file.
    pub file: Option<String>,
}

/// The folders in which something is looked for from `folder` upwards: up to the top of a repository (a folder with `.git`).
pub fn folders(folder: &Path) -> Vec<&Path> {
    let mut folders = Vec::new();
    for above in folder.ancestors() {
        folders.push(above);
        if above.join(".git").exists() {
            break;
        }
    }
    folders
}

/// For each target that is a plain path the nearest file of this name above it. What the target itself holds does not end the
/// search: neither its own file of this name nor its own repository may hide the one that was put above it.
///
/// A target inside another one has none of its own, because it is weighed there as well.
pub fn find(targets: &[String], name: &str) -> Vec<Above> {
    let real: Vec<Option<PathBuf>> =
        targets.iter().map(|it| fs::canonicalize(it).ok().filter(|_| is_path(it))).collect();
    let is_inside_another = |target: usize, path: &Path| {
        real.iter().enumerate().any(|(other, it)| {
            it.as_ref().is_some_and(|it| path.starts_with(it) && (it.as_path() != path || other < target))
        })
    };
    let mut found: BTreeMap<PathBuf, Above> = BTreeMap::new();
    let mut order: Vec<PathBuf> = Vec::new();
    for (number, (typed, real)) in targets.iter().zip(&real).enumerate() {
        let Some(real) = real.as_ref().filter(|it| !is_inside_another(number, it)) else { continue };
        // A link that is named lies where it lies, wherever it leads; whoever put the file above it may mean either.
        let spots = [as_typed(typed), Some(real.clone())];
        let nearest = spots.into_iter().flatten().find_map(|spot| {
            let above = spot.parent()?;
            let (folder, file) =
                folders(above).into_iter().find_map(|it| Some((it, there(&it.join(name))?)))?;
            let path = name::path_text(&spot, folder)?;
            Some((folder.to_owned(), file, path))
        });
        let Some((folder, file, path)) = nearest else { continue };
        // It is a target itself.
        if file.as_ref().is_ok_and(|file| file == real) {
            continue;
        }
        let called = || Path::new(typed).file_name().or(real.file_name()).map(name::text);
        let below = Below { target: number, path, file: if real.is_dir() { None } else { called() } };
        // Of a link, the folder in which it lies: from there its paths count.
        let key = folder.join(name);
        found
            .entry(key.clone())
            .or_insert_with(|| {
                order.push(key.clone());
                Above { entry: entry(&below, name, &file), file: key, targets: Vec::new() }
            })
            .targets
            .push(below);
    }
    order.iter().filter_map(|key| found.remove(key)).collect()
}

/// The path as it was typed, made absolute; only the folder without links. None where it ends in no name.
fn as_typed(typed: &str) -> Option<PathBuf> {
    let path = Path::new(typed);
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(fs::canonicalize(folder).ok()?.join(path.file_name()?))
}

/// What lies there, if anything does: the file without links, or why it cannot be reached.
fn there(path: &Path) -> Option<Result<PathBuf, Unread>> {
    let absent =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => None,
        Ok(_) => Some(fs::canonicalize(path).map_err(|error| match absent(&error) {
            true => Unread::LinkBroken(leads_to(path)),
            false => file::unread(error),
        })),
        Err(error) if absent(&error) => None,
        Err(error) => Some(Err(file::unread(error))),
    }
}

/// Where a link leads to.
fn leads_to(path: &Path) -> String {
    fs::read_link(path).map(|to| name::text(to.as_os_str())).unwrap_or_default()
}

fn entry(below: &Below, name: &str, file: &Result<PathBuf, Unread>) -> Entry {
    let names = below.path.split('/').count();
    let steps = if below.file.is_some() { names.saturating_sub(1) } else { names };
    let path: Arc<str> = format!("{}{name}", "../".repeat(steps)).into();
    let file = file.as_ref().map(|file| {
        let folder: Arc<Path> = file.parent().unwrap_or(file).into();
        let metadata = fs::metadata(file).ok().filter(fs::Metadata::is_file);
        walk::entry(&folder, file.file_name().unwrap_or_default().as_ref(), metadata.as_ref())
    });
    match file {
        Ok(entry) => Entry { path, ..entry },
        Err(why) => {
            let handle: Arc<dyn Handle> = Arc::new(why.clone());
            Entry { path, size: 0, handle, link_to: None, claimed: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes files below a new repository and tells what is found above each target: the entry, and each target with its path
    /// below the file's folder.
    #[track_caller]
    fn check(files: &[&str], targets: &[&str], expected: &[(&str, &[(usize, &str)])]) {
        let folder = tempfile::tempdir().unwrap();
        for file in [".git/HEAD"].iter().chain(files) {
            fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
            fs::write(folder.path().join(file), "").unwrap();
        }
        let targets: Vec<String> =
            targets.iter().map(|it| format!("{}/{it}", folder.path().display())).collect();
        let found = find(&targets, "lock");
        let below = |above: &Above| above.targets.iter().map(|it| (it.target, it.path.clone())).collect();
        let found: Vec<(String, Vec<(usize, String)>)> =
            found.iter().map(|above| (above.entry.path.to_string(), below(above))).collect();
        let expected: Vec<(String, Vec<(usize, String)>)> = (expected.iter())
            .map(|(entry, below)| {
                ((*entry).to_owned(), below.iter().map(|(at, path)| (*at, (*path).to_owned())).collect())
            })
            .collect();
        assert_eq!(found, expected, "{files:?} {targets:?}");
    }

    #[test]
    fn the_nearest_above_counts_and_none_inside() {
        check(&["lock", "a/b/w"], &["a/b"], &[("../../lock", &[(0, "a/b")])]);
        check(&["lock", "a/b/w"], &["a/b/w"], &[("../../lock", &[(0, "a/b/w")])]);
        check(&["lock", "w"], &["w"], &[("lock", &[(0, "w")])]);
        check(&["lock", "a/lock", "a/b/w"], &["a/b", "a"], &[("../lock", &[(1, "a")])]);
        check(&["lock", "a/lock", "a/b/w"], &["a/b"], &[("../lock", &[(0, "b")])]);
        check(&["lock", "a/lock", "a/.git/HEAD"], &["a"], &[("../lock", &[(0, "a")])]);
        check(&["lock", "a/.git/HEAD", "a/b/w"], &["a/b"], &[]);
        check(&["lock", "a/b/w"], &["."], &[]);
        check(&["lock/w", "a/w"], &["a"], &[]);
        check(&["lock"], &["lock"], &[]);
    }

    #[test]
    fn a_target_counts_once() {
        check(&["lock", "a/w", "b/w"], &["b", "a/w"], &[("../lock", &[(0, "b"), (1, "a/w")])]);
        check(&["lock", "a/w"], &["a", "a/../a", "a/w"], &[("../lock", &[(0, "a")])]);
        check(
            &["a/lock", "b/lock", "a/x/w", "b/w"],
            &["b/w", "a/x"],
            &[("lock", &[(0, "w")]), ("../lock", &[(1, "x")])],
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_is_named_lies_where_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for made in ["p/.git", "q/.git", "q/m"] {
            fs::create_dir_all(root.join(made)).unwrap();
        }
        fs::write(root.join("p/lock"), "").unwrap();
        std::os::unix::fs::symlink("../q/m", root.join("p/link")).unwrap();
        let target = [root.join("p/link").display().to_string()];
        assert_eq!(find(&target, "lock")[0].targets[0].path, "link");
        // Elsewhere there is none; then the place where it leads counts.
        fs::rename(root.join("p/lock"), root.join("q/lock")).unwrap();
        assert_eq!(find(&target, "lock")[0].targets[0].path, "m");
        assert_eq!(find(&["https://a.example/m".to_owned()], "lock").len(), 0);
    }
}
