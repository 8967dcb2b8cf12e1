//! Files of this machine as sources.

use std::ffi::OsStr;
use std::fs::{self, File, FileType, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;

use weighbridge_core::cache::Stamp;
use weighbridge_core::coverage::Unread;
use weighbridge_core::opener::Handle;
use weighbridge_core::source::Source;

/// An open file. It may shrink while it is read; then reading simply ends early.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    size: u64,
    stamp: Option<Stamp>,
}

impl FileSource {
    /// A source of the first `size` bytes of `file`.
    pub fn new(file: File, size: u64) -> Self {
        Self { file, size, stamp: None }
    }

    /// Opens the regular file at `path` without following a link in its last name and without ever waiting.
    ///
    /// # Errors
    /// [`Unread::Special`] for anything that is not a regular file, [`Unread::Permission`], [`Unread::Io`].
    pub fn open(path: &Path) -> Result<Self, Unread> {
        // Opening a FIFO waits for a writer and opening a device may have effects: ask first. The file may be
        // swapped between the question and the opening, so the opening does not wait and the question is repeated.
        if let Some(kind) = special(fs::symlink_metadata(path).map_err(unread)?.file_type()) {
            return Err(Unread::Special(kind));
        }
        Self::open_regular(path)
    }

    /// Opens what was a regular file when it was last asked.
    fn open_regular(path: &Path) -> Result<Self, Unread> {
        let mut options = OpenOptions::new();
        options.read(true);
        do_not_follow_or_wait(&mut options);
        let file = options.open(path).map_err(unread)?;
        let metadata = file.metadata().map_err(unread)?;
        match special(metadata.file_type()) {
            Some(kind) => Err(Unread::Special(kind)),
            None => Ok(Self { file, size: metadata.len(), stamp: stamp(&metadata) }),
        }
    }
}

impl Source for FileSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    fn is_unchanged(&self) -> bool {
        self.file
            .metadata()
            .is_ok_and(|now| now.len() == self.size && (self.stamp.is_none() || stamp(&now) == self.stamp))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = rest.min(buffer.len());
        let Some(part) = buffer.get_mut(..count).filter(|part| !part.is_empty()) else { return Ok(0) };
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::read_at(&self.file, part, offset);
        #[cfg(windows)]
        return std::os::windows::fs::FileExt::seek_read(&self.file, part, offset);
    }
}

/// The stamp of a file; none where the system keeps no change time.
#[cfg(unix)]
pub(super) fn stamp(metadata: &fs::Metadata) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt as _;
    let time = |seconds: i64, nanoseconds: i64| seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds);
    Some(Stamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.len(),
        modified: time(metadata.mtime(), metadata.mtime_nsec())?,
        changed: time(metadata.ctime(), metadata.ctime_nsec())?,
    })
}

#[cfg(not(unix))]
pub(super) fn stamp(_: &fs::Metadata) -> Option<Stamp> {
    None
}

/// Opens a file below a root. Holds the path only once, as most files are never opened twice.
pub(super) struct FileHandle {
    pub(super) root: Arc<Path>,
    pub(super) path: Arc<str>,
    /// The path below the root, where `path` is not simply its text.
    pub(super) raw: Option<Box<OsStr>>,
    /// As it was listed.
    pub(super) stamp: Option<Stamp>,
}

impl Handle for FileHandle {
    fn open(&self) -> Result<Arc<dyn Source>, Unread> {
        let path = self.root.join(self.raw.as_deref().unwrap_or(OsStr::new(&*self.path)));
        // What has a stamp was a regular file when it was listed: that was the question.
        let source = match self.stamp {
            // Where the system refuses, it may have become something else: then the question is asked again.
            Some(_) if OPEN_FLAGS != 0 => {
                FileSource::open_regular(&path).or_else(|_| FileSource::open(&path))?
            }
            _ => FileSource::open(&path)?,
        };
        Ok(Arc::new(source))
    }

    fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }
}

/// What a file is if it is neither a regular file nor a link that could be one.
pub(super) fn special(kind: FileType) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_fifo() {
            return Some("FIFO");
        }
        if kind.is_socket() {
            return Some("socket");
        }
        if kind.is_block_device() || kind.is_char_device() {
            return Some("device");
        }
    }
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("folder")
    } else if kind.is_symlink() {
        Some("link")
    } else {
        Some("special file")
    }
}

/// Why the system refused.
pub(super) fn unread(error: io::Error) -> Unread {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Unread::Permission,
        _ => Unread::Io(error.to_string()),
    }
}

/// `O_NOFOLLOW` and `O_NONBLOCK`: no link in the last name, no waiting. The numbers are those of Linux's
/// `include/uapi/asm-generic/fcntl.h` and the `fcntl.h` of the architectures that differ, and of Darwin's
/// `sys/fcntl.h`; elsewhere the questions before and after must do.
const OPEN_FLAGS: i32 = {
    const LINUX: bool = cfg!(any(target_os = "linux", target_os = "android"));
    const GENERIC: bool = cfg!(any(
        target_arch = "x86",
        target_arch = "x86_64",
        target_arch = "riscv64",
        target_arch = "loongarch64",
        target_arch = "s390x"
    ));
    const ARM_OR_POWER: bool = cfg!(any(
        target_arch = "arm",
        target_arch = "aarch64",
        target_arch = "powerpc",
        target_arch = "powerpc64"
    ));
    if LINUX && GENERIC {
        0o400_000 | 0o4_000
    } else if LINUX && ARM_OR_POWER {
        0o100_000 | 0o4_000
    } else if cfg!(target_vendor = "apple") {
        0x100 | 0x4
    } else {
        0
    }
};

#[cfg(unix)]
fn do_not_follow_or_wait(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.custom_flags(OPEN_FLAGS);
}

#[cfg(not(unix))]
fn do_not_follow_or_wait(_: &mut OpenOptions) {}
