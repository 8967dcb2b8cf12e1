//! Who wants to see a scan move.

/// Hears how far a scan is. Called from several threads, at most once per file and per piece of a large one, so an
/// implementation should do little more than add.
pub trait Progress: Sync {
    /// More work has become known: so many files to look at, so many bytes to read.
    fn expect(&self, files: u64, bytes: u64);

    /// One file has been dealt with.
    fn file(&self);

    /// So many bytes have been read.
    fn bytes(&self, count: u64);

    /// Nothing is left to read.
    fn finish(&self);
}

/// Nobody.
impl Progress for () {
    fn expect(&self, _: u64, _: u64) {}
    fn file(&self) {}
    fn bytes(&self, _: u64) {}
    fn finish(&self) {}
}
