//! The layout of the cache that the client of the Hugging Face hub keeps (huggingface_hub documentation, *Understand
//! caching*): `models--ORG--NAME/snapshots/REVISION/FILE` is a link to `models--ORG--NAME/blobs/ETAG`, where the ETag is
//! the SHA-256 of a large file and the name that Git gives a small one.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use weighbridge_core::digest::Claimed;

/// The kinds of repository, as the names of their folders begin.
const KINDS: [&str; 3] = ["datasets--", "models--", "spaces--"];

/// Whether a folder with this name holds a repository of the hub.
pub(super) fn is_repository(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| KINDS.iter().any(|kind| name.starts_with(kind)))
}

/// The digest that the name of a blob claims, if the file at `path` is one.
pub(super) fn claimed(path: &Path) -> Option<Claimed> {
    is_blobs(path.parent()?).then(|| Claimed::of_name(path.file_name()?.to_str()?)).flatten()
}

/// The folder and the name of the blob at `real`, if `root` lies in the snapshots of the repository to which it
/// belongs. Both must be absolute and free of links.
pub(super) fn of_snapshot(root: &Path, real: &Path) -> Option<(PathBuf, OsString)> {
    let (folder, name) = (real.parent()?, real.file_name()?);
    let snapshots = folder.parent()?.join("snapshots");
    (is_blobs(folder) && root.starts_with(snapshots)).then(|| (folder.to_owned(), name.to_owned()))
}

/// Whether a folder is the one with the blobs of a repository.
pub(super) fn is_blobs(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name == "blobs")
        && folder.parent().and_then(Path::file_name).is_some_and(is_repository)
}
