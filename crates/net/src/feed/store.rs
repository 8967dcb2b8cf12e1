//! The folder in which fetched and imported advisories are kept: one snapshot each, replaced as a whole.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::atomic::replace_file;

/// Why the advisories cannot be read or put away.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process changes them.
    #[error("another update of `{0}` is at work")]
    Busy(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot {verb} `{path}`")]
    File {
        /// What was tried: `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The folder of the fetched advisories.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// The right to change a store. The system takes it back when the process ends, however it ends.
#[derive(Debug)]
pub struct Guard {
    folder: PathBuf,
    _lock: File,
}

/// Most bytes of a snapshot that are read; a hundred times what there is today.
const MOST_BYTES: u64 = 256 << 20;

/// How the files of imports are called: these around the name.
const IMPORTED: &str = "imported-";
const SNAPSHOT: &str = ".snapshot";

/// The file of an import; characters that a name should not have are left out, so that it stays in the folder.
fn file_name(name: &str) -> String {
    let plain: String = name.chars().filter(|it| it.is_ascii_alphanumeric() || *it == '-').collect();
    format!("{IMPORTED}{plain}{SNAPSHOT}")
}

impl Store {
    /// The store below a cache folder. Nothing is made before something is to be kept.
    pub fn new(cache: &Path) -> Self {
        Self { folder: cache.join("advisories") }
    }

    /// The snapshot of the Python advisories, whether there is one or not.
    pub fn snapshot(&self) -> PathBuf {
        self.folder.join("pypi.snapshot")
    }

    /// The bytes of the snapshot, if there is one.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn read(&self) -> Result<Option<Vec<u8>>, StoreError> {
        read_file(&self.snapshot())
    }

    /// Where what was imported under this name is kept, whether there is any or not.
    pub fn imported_path(&self, name: &str) -> PathBuf {
        self.folder.join(file_name(name))
    }

    /// The bytes of what was imported under this name, if anything was.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn imported(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        read_file(&self.imported_path(name))
    }

    /// The names under which something was imported, sorted.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn imported_names(&self) -> Result<Vec<String>, StoreError> {
        let failed = |source| StoreError::File { verb: "read", path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            let name = name.to_str().and_then(|it| it.strip_prefix(IMPORTED)?.strip_suffix(SNAPSHOT));
            names.extend(name.map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// Takes the right to change the store, which one process at a time can have.
    ///
    /// # Errors
    /// [`StoreError::Busy`] at once when another process has it; [`StoreError::File`].
    pub fn lock(&self) -> Result<Guard, StoreError> {
        let path = self.folder.join("lock");
        let refused = |source| StoreError::File { verb: "write", path: path.clone(), source };
        fs::create_dir_all(&self.folder).map_err(refused)?;
        let lock = File::options().write(true).create(true).truncate(false).open(&path).map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => Ok(Guard { folder: self.folder.clone(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Busy(self.folder.clone())),
            Err(TryLockError::Error(error)) => Err(refused(error)),
        }
    }
}

impl Guard {
    /// A file without a name for a download; it is gone when the process ends, however it ends.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn scratch(&self) -> Result<File, StoreError> {
        tempfile::tempfile_in(&self.folder).map_err(|source| StoreError::File {
            verb: "write",
            path: self.folder.clone(),
            source,
        })
    }

    /// Replaces the snapshot.
    ///
    /// # Errors
    /// [`StoreError::File`]; the old snapshot is then still there.
    pub fn replace(&self, bytes: &[u8]) -> Result<(), StoreError> {
        self.sweep();
        let path = self.folder.join("pypi.snapshot");
        replace_file(&path, |out| out.write_all(bytes)).map_err(|source| StoreError::File {
            verb: "write",
            path,
            source,
        })
    }

    /// Keeps this under the name of an import, in place of what was kept there.
    ///
    /// # Errors
    /// [`StoreError::File`]; what was there before is then still there.
    pub fn keep_imported(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.sweep();
        let path = self.folder.join(file_name(name));
        replace_file(&path, |out| out.write_all(bytes)).map_err(|source| StoreError::File {
            verb: "write",
            path,
            source,
        })
    }

    /// Removes what a killed update may have left behind; nobody else writes here while we hold the lock.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(".weighbridge-") && name.ends_with(".tmp") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// The bytes of a snapshot file, if it is there.
///
/// # Errors
/// [`StoreError::File`], also when it is implausibly large.
pub fn read_file(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let failed = |source| StoreError::File { verb: "read", path: path.to_owned(), source };
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
        Ok(metadata) if !metadata.is_file() => Err(failed(io::Error::other("not a regular file"))),
        Ok(metadata) if metadata.len() > MOST_BYTES => Err(failed(io::ErrorKind::FileTooLarge.into())),
        Ok(_) => fs::read(path).map(Some).map_err(failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_kept_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        assert_eq!(store.imported_names().unwrap(), [""; 0]);
        assert_eq!(store.imported("epss").unwrap(), None);
        let guard = store.lock().unwrap();
        guard.keep_imported("epss", b"one").unwrap();
        guard.keep_imported("../deb-debian", b"two").unwrap();
        guard.keep_imported("epss", b"three").unwrap();
        guard.replace(b"the fetched ones").unwrap();
        assert_eq!(store.imported_names().unwrap(), ["deb-debian", "epss"]);
        assert_eq!(store.imported("epss").unwrap().as_deref(), Some(&b"three"[..]));
    }

    #[test]
    fn one_process_at_a_time_changes_a_store() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        assert_eq!(store.read().unwrap(), None);
        let guard = store.lock().unwrap();
        assert!(matches!(store.lock(), Err(StoreError::Busy(_))));
        let left_behind = folder.path().join("advisories/.weighbridge-x.tmp");
        fs::write(&left_behind, "half").unwrap();
        guard.replace(b"one").unwrap();
        assert!(!left_behind.exists());
        drop(guard);
        assert_eq!(store.read().unwrap().as_deref(), Some(&b"one"[..]));
        store.lock().unwrap().replace(b"two").unwrap();
        assert_eq!(store.read().unwrap().as_deref(), Some(&b"two"[..]));
    }
}
