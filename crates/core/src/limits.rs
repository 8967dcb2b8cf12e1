//! How much of everything a scan may use. Hitting a limit is reported as unread, never passed over in silence.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The limits of one scan. The defaults suit a laptop; each is documented in `docs/configuration.md`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Largest text file (manifest, lock, metadata) taken into memory whole, in bytes.
    pub text_bytes: u64,
    /// Largest unpacked entry kept in memory; a larger one goes to a temporary file, in bytes.
    pub memory_bytes: u64,
    /// Most bytes unpacked from one file of the target, all levels together.
    pub unpacked_bytes: u64,
    /// Most unpacked bytes per packed byte, above a first MiB.
    pub expansion_ratio: u64,
    /// Most entries read out of one container.
    pub entries: u64,
    /// How many containers may be nested.
    pub depth: usize,
    /// Most facts from one entry.
    pub facts: usize,
    /// Most bytes of working state a machine (such as the pickle machine) may hold for one entry.
    pub state_bytes: u64,
    /// Largest file that gets a digest without a record that names it, in bytes. Not a gap: it is read all the same.
    pub digest_bytes: u64,
    /// Most files walked below one target.
    pub files: u64,
    /// Most bytes fetched of one file that lies on a server.
    pub remote_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            text_bytes: 64 << 20,
            memory_bytes: 16 << 20,
            unpacked_bytes: 16 << 30,
            expansion_ratio: 1_000,
            entries: 100_000,
            depth: 16,
            facts: 200_000,
            state_bytes: 1 << 30,
            digest_bytes: u64::MAX,
            files: 5_000_000,
            remote_bytes: 1 << 30,
        }
    }
}

/// Asks a running scan to stop; cheap to test in inner loops. Clones share one state.
#[derive(Clone, Default, Debug)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks for the stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
