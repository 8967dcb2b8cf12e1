//! A file of pages, each of which is read once at most: so circles end, and work is bounded by the size of the file.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;

use super::malformed;
use crate::bytes::length;

/// The pages of a file.
pub(super) struct Pages<'input> {
    input: &'input Input,
    /// Bytes of a page.
    size: u64,
    /// The number of the page with which the file begins.
    first: u64,
    /// How many whole pages the file has.
    count: u64,
    /// A bit for each page that has its use.
    used: Vec<u64>,
}

impl<'input> Pages<'input> {
    /// The pages of `size` bytes, numbered from `first`.
    pub(super) fn new(input: &'input Input, size: u64, first: u64) -> Self {
        let count = input.size().checked_div(size).unwrap_or(0);
        let words = length(count.div_ceil(64));
        Self { input, size, first, count, used: vec![0; words] }
    }

    /// How many whole pages there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Where a page begins.
    pub(super) fn offset(&self, page: u64) -> u64 {
        page.saturating_sub(self.first).saturating_mul(self.size)
    }

    /// Gives a page its one use.
    pub(super) fn claim(&mut self, page: u64) -> Result<(), Unread> {
        let at = page.checked_sub(self.first).filter(|at| *at < self.count);
        let at = at.ok_or_else(|| malformed(format!("page {page} is not in the file")))?;
        let bit = 1u64 << (at & 63);
        match self.used.get_mut(length(at >> 6)) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                Ok(())
            }
            _ => Err(malformed(format!("page {page} is used twice"))),
        }
    }

    /// The bytes of a page that was claimed.
    pub(super) fn read(&self, page: u64) -> Result<Vec<u8>, Unread> {
        self.input.read_vec(self.offset(page), self.size, self.size)
    }

    /// Tells, by an error, that pages are missing where there should be so many.
    pub(super) fn expect(&self, count: u64) -> Result<(), Unread> {
        let whole = self.input.size().checked_rem(self.size) == Some(0);
        if whole && self.count >= count {
            Ok(())
        } else {
            Err(Unread::Truncated { offset: self.input.size() })
        }
    }
}
