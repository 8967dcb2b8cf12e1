//! What came from an index, kept on disk: pages until they are too old, metadata for good under the digest of its file.
//!
//! A file of the cache is replaced as a whole. One that cannot be read is none; one that cannot be written is not there
//! the next time.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use weighbridge_core::digest::Digest;

/// The folder; its name changes with the form of what is in it.
const FOLDER: &str = "index/v1";
/// Most bytes of a file of the cache that are read.
const MOST_BYTES: u64 = 128 << 20;

/// The cache, or none.
pub(super) struct Cache {
    folder: Option<PathBuf>,
}

/// What was said of a page when it came.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub(super) struct Head {
    /// The address that gave it in the end.
    pub(super) url: String,
    /// Its type.
    pub(super) kind: String,
    /// Its version, where the server named one.
    pub(super) etag: Option<String>,
    /// When it came, or was last said to hold still, in seconds since 1970.
    pub(super) seen: u64,
    /// For how many seconds it may be used without asking.
    pub(super) fresh: u64,
    /// Its size in bytes.
    pub(super) size: usize,
}

/// A page, in the file of the cache.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Body {
    file: Vec<u8>,
    begin: usize,
}

impl Body {
    /// The page as it came.
    pub(super) fn bytes(&self) -> &[u8] {
        self.file.get(self.begin..).unwrap_or_default()
    }
}

impl Cache {
    /// The cache in this folder for all that Weighbridge keeps.
    pub(super) fn new(folder: Option<&Path>) -> Self {
        Self { folder: folder.map(|folder| folder.join(FOLDER)) }
    }

    /// The page of a project on an index.
    pub(super) fn page(&self, index: &str, project: &str) -> Option<(Head, Body)> {
        let bytes = read(&self.page_path(index, project)?)?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let head: Head = serde_json::from_slice(bytes.get(..end)?).ok()?;
        let body = Body { begin: end.checked_add(1)?, file: bytes };
        (body.bytes().len() == head.size).then_some((head, body))
    }

    /// Keeps a page.
    pub(super) fn put_page(&self, index: &str, project: &str, head: &Head, body: &[u8]) {
        let Some(path) = self.page_path(index, project) else { return };
        let Ok(mut bytes) = serde_json::to_vec(head) else { return };
        bytes.push(b'\n');
        bytes.extend_from_slice(body);
        write(&path, &bytes);
    }

    /// Where the page of a project is kept.
    pub(super) fn page_path(&self, index: &str, project: &str) -> Option<PathBuf> {
        let index = Digest::of(index.as_bytes()).to_string();
        let index = index.get(..16)?;
        Some(self.folder.as_ref()?.join("pages").join(index).join(format!("{project}.page")))
    }

    /// The metadata of the file with this digest.
    pub(super) fn metadata(&self, file: Digest) -> Option<Vec<u8>> {
        read(&self.metadata_path(file)?)
    }

    /// Keeps the metadata of the file with this digest.
    pub(super) fn put_metadata(&self, file: Digest, bytes: &[u8]) {
        if let Some(path) = self.metadata_path(file) {
            write(&path, bytes);
        }
    }

    fn metadata_path(&self, file: Digest) -> Option<PathBuf> {
        self.path_of("metadata", file)
    }

    /// What somebody learned of the wheel with this digest.
    pub(super) fn learned(&self, file: Digest) -> Option<Vec<u8>> {
        read(&self.path_of("wheels", file)?)
    }

    /// Keeps what somebody learned of the wheel with this digest.
    pub(super) fn put_learned(&self, file: Digest, bytes: &[u8]) {
        if let Some(path) = self.path_of("wheels", file) {
            write(&path, bytes);
        }
    }

    fn path_of(&self, kind: &str, file: Digest) -> Option<PathBuf> {
        let name = file.to_string();
        Some(self.folder.as_ref()?.join(kind).join(name.get(..2)?).join(name))
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        return None;
    }
    fs::read(path).ok()
}

/// Without waiting until it is on the disk itself: what a crash tears is no page, and comes anew.
fn write(path: &Path, bytes: &[u8]) {
    let written = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".weighbridge-").tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    // A full or read-only disk costs time, not the answer.
    let _ = written();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_torn_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(folder.path()));
        let head = Head {
            url: "https://index.example/a/".into(),
            kind: "text/html".into(),
            etag: None,
            seen: 1,
            fresh: 2,
            size: 4,
        };
        assert_eq!(cache.page("index", "a"), None);
        cache.put_page("index", "a", &head, b"body");
        let (known, body) = cache.page("index", "a").unwrap();
        assert_eq!((known, body.bytes()), (head, b"body".as_slice()));
        assert_eq!(cache.page("other", "a"), None);
        let path = cache.page_path("index", "a").unwrap();
        let whole = fs::read(&path).unwrap();
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            assert_eq!(cache.page("index", "a"), None, "{end}");
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(cache.page("index", "a"), None);
    }
}
