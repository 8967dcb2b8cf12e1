//! `weighbridge.lock`: which models, data sets and adapters were approved, as they were then.
//!
//! [`read`] and [`write()`] are the file, [`compare`] says what is otherwise than it was approved, [`places`] where an approved
//! thing is to be looked for. What the file says is in [`weighbridge_core::lock`].

mod compare;
mod find;
pub mod places;
mod read;
mod write;

use std::collections::BTreeMap;

use weighbridge_core::digest::{Digest, Hasher};
use weighbridge_core::lock::Pin;

pub use compare::{Difference, Found, Seen, Shown, compare, downgraded_to, supersede};
pub use find::find;
pub use read::{Located, LockError, read};
pub use write::write;

/// How the file is called.
pub const NAME: &str = "weighbridge.lock";
/// The version of the form that is written and read.
pub const VERSION: i64 = 1;
/// Largest file that is read, in bytes: some 300,000 files.
pub const LARGEST: u64 = 64 << 20;
/// So many earlier states of one thing are kept; of more the latest.
pub const MOST_SUPERSEDED: usize = 64;

/// What stands before a digest over many files.
const DIGEST: &str = "weighbridge1:";

/// The digest over all files in the order of their paths: SHA-256 of `weighbridge1`, a zero byte, and for each file the length
/// of its path in bytes (8 bytes, most significant first), the path, its size (likewise) and its SHA-256.
pub fn digest(files: &BTreeMap<String, Pin>) -> String {
    let mut hasher = Hasher::default();
    hasher.update(b"weighbridge1\0");
    for (path, pin) in files {
        hasher.update(&u64::try_from(path.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(path.as_bytes());
        hasher.update(&pin.size.to_be_bytes());
        hasher.update(pin.digest.as_bytes());
    }
    let digest: Digest = hasher.finish();
    format!("{DIGEST}{digest}")
}
