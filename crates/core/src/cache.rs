//! What earlier scans found out about bytes, kept so that nothing is read twice.

use std::fmt;

use crate::digest::Digest;

/// What tells a version of a file from any other, as the file system keeps it. The change time is set by the kernel
/// alone, so that whoever writes the bytes anew and sets the modification time back leaves a trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Stamp {
    /// Number of the device.
    pub device: u64,
    /// Number of the file on it.
    pub inode: u64,
    /// Size in bytes.
    pub size: u64,
    /// Last change of the bytes, in nanoseconds since 1970.
    pub modified: i64,
    /// Last change of anything about the file, in nanoseconds since 1970.
    pub changed: i64,
}

/// A memory of digests.
pub trait Cache: Send + Sync + fmt::Debug {
    /// The digest that the file had with this stamp.
    fn digest(&self, stamp: &Stamp) -> Option<Digest>;

    /// Keeps a digest for the next scan.
    fn learn(&self, stamp: &Stamp, digest: Digest);
}
