//! Where a symbolic link leads, judged by where it really ends.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use weighbridge_core::coverage::Unread;

use super::{blobs, file, name};

/// Where a link ends.
pub(super) enum End {
    /// At a regular file below the root, at this real path.
    File(PathBuf),
    /// At a blob of the hub's cache in which the root lies: in this folder, under this name.
    Blob(PathBuf, OsString),
    /// At a folder below the root, at this real path.
    Folder(PathBuf),
    /// Nowhere that may be read.
    Unread(Unread),
}

/// Where the link at `link`, an absolute path below `root`, ends. Both must be free of links but for the last name.
pub(super) fn end(link: &Path, root: &Path) -> End {
    let written = || fs::read_link(link).map_or_else(|_| String::new(), |to| name::text(to.as_os_str()));
    let real = match fs::canonicalize(link) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return End::Unread(Unread::Permission);
        }
        // Nothing there, or links in a circle: one and the same for whoever wants to read it.
        Err(_) => return End::Unread(Unread::LinkBroken(written())),
    };
    if let Some((folder, name)) = blobs::of_snapshot(root, &real) {
        return match fs::symlink_metadata(&real).map(|metadata| file::special(metadata.file_type())) {
            Err(error) => End::Unread(file::unread(error)),
            Ok(Some(kind)) => End::Unread(Unread::Special(kind)),
            Ok(None) => End::Blob(folder, name),
        };
    }
    if !real.starts_with(root) {
        return End::Unread(Unread::LinkOutside(written()));
    }
    match fs::metadata(&real) {
        Err(error) => End::Unread(file::unread(error)),
        Ok(metadata) if metadata.is_dir() && link.starts_with(&real) => {
            End::Unread(Unread::LinkBroken(written()))
        }
        Ok(metadata) if metadata.is_dir() => End::Folder(real),
        Ok(metadata) => match file::special(metadata.file_type()) {
            Some(kind) => End::Unread(Unread::Special(kind)),
            None => End::File(real),
        },
    }
}

/// Whether the link at `link` is one of an environment's links to its interpreter, which lead out of it by design
/// (the `venv` module makes `python`, `python3`, `python3.N` and, in Python 3.14, `𝜋thon`; others add `pypy`).
pub(super) fn is_interpreter(link: &Path) -> bool {
    let named = |path: Option<&Path>, names: &[&str]| {
        path.and_then(Path::file_name)
            .and_then(|name| name.to_str())
            .is_some_and(|name| names.contains(&name))
    };
    let Some(folder) = link.parent() else { return false };
    let Some(stem) = link.file_name().and_then(|name| name.to_str()) else { return false };
    let stem = stem.strip_suffix(".exe").unwrap_or(stem);
    let digits = ["python", "pypy", "𝜋thon"].iter().find_map(|start| stem.strip_prefix(start));
    digits.is_some_and(|rest| rest.chars().all(|character| character.is_ascii_digit() || character == '.'))
        && named(Some(folder), &["bin", "Scripts"])
        && folder.parent().is_some_and(|environment| environment.join("pyvenv.cfg").is_file())
}
