//! What earlier scans found out about bytes, kept so that nothing is read twice.

use std::fmt;
use std::sync::Arc;

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

/// What a scan found out about a file without keeping what it says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Glance {
    /// Its digest, if somebody wanted one.
    pub digest: Option<Digest>,
    /// Who reads it.
    pub claim: Glanced,
}

/// Which readers claimed a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Glanced {
    /// None, and nothing is wrong with its name.
    Nobody,
    /// Only one that keeps what it said.
    Keeper,
    /// Some, and what came of the file is kept as a whole.
    Whole,
}

/// A memory of what files are. Names are digests of whatever must be the same for a memory to hold, such as the path and
/// the version of who remembers.
pub trait Cache: Send + Sync + fmt::Debug {
    /// Calls everything to mind, on the threads of whoever calls, so that nobody waits for it later.
    fn prepare(&self) {}

    /// What stands for the program that remembers: another one whenever it could read the same bytes otherwise. Without it
    /// nothing is kept that depends on the program.
    fn program(&self) -> Option<Digest> {
        None
    }

    /// The digest that the file had with this stamp.
    fn digest(&self, stamp: &Stamp) -> Option<Digest>;

    /// Keeps a digest for the next scan.
    fn learn(&self, stamp: &Stamp, digest: Digest);

    /// Digests of parts of the file with this stamp, one behind the other; the name says of which parts and by which function.
    fn parts(&self, _stamp: &Stamp, _name: &Digest) -> Option<Arc<[u8]>> {
        None
    }

    /// Keeps digests of parts of a file for the next scan.
    fn learn_parts(&self, _stamp: &Stamp, _name: &Digest, _digests: Vec<u8>) {}

    /// What was seen of the file with this stamp under this name; it is kept on.
    fn glance(&self, _stamp: &Stamp, _name: &Digest) -> Option<Glance> {
        None
    }

    /// Keeps what was seen of a file for the next scan.
    fn learn_glance(&self, _stamp: &Stamp, _name: &Digest, _glance: Glance) {}

    /// What a reader kept under this name; it is kept on.
    fn kept(&self, _name: &Digest) -> Option<Arc<[u8]>> {
        None
    }

    /// Keeps what a reader said for the next scan.
    fn keep(&self, _name: &Digest, _said: Vec<u8>) {}
}
