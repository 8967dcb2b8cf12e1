//! What a reader reads from: a source behind the one wrapper that knows the limits and the wish to stop.

use std::io;
use std::sync::Arc;

use crate::coverage::{LimitKind, Unread};
use crate::limits::{Cancel, Limits};
use crate::source::{Slice, Source};

/// Bytes of an entry, read within limits. Every failure is an [`Unread`], ready to be reported.
#[derive(Clone)]
pub struct Input {
    source: Arc<dyn Source>,
    limits: Limits,
    cancel: Cancel,
}

impl Input {
    /// Wraps `source`.
    pub fn new(source: Arc<dyn Source>, limits: Limits, cancel: Cancel) -> Self {
        Self { source, limits, cancel }
    }

    /// The size in bytes that the source states.
    pub fn size(&self) -> u64 {
        self.source.size()
    }

    /// Whether the bytes come over a network, so that nobody reads all of them without need.
    pub fn is_remote(&self) -> bool {
        self.source.is_remote()
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The input for `size` bytes of this one from `start`.
    pub fn slice(&self, start: u64, size: u64) -> Self {
        let slice: Arc<dyn Source> = Arc::new(Slice::new(Arc::clone(&self.source), start, size));
        Self { source: slice, limits: self.limits, cancel: self.cancel.clone() }
    }

    /// Fails when a stop was asked for. Call it in loops that read nothing.
    ///
    /// # Errors
    /// [`Unread::Cancelled`].
    pub fn go_on(&self) -> Result<(), Unread> {
        if self.cancel.is_cancelled() { Err(Unread::Cancelled) } else { Ok(()) }
    }

    /// Reads as many bytes as there are at `offset`, up to the length of `buffer`.
    ///
    /// # Errors
    /// What the system says, or the wish to stop. Reaching the end is no error.
    pub fn read_some(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unread> {
        let mut filled = 0usize;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            self.go_on()?;
            let at = offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
            match self.source.read_at(at, rest) {
                Ok(0) => break,
                Ok(count) => filled = filled.saturating_add(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(Unread::Permission);
                }
                // A source may know better than the system what it was that failed.
                Err(error) => {
                    let known = error.get_ref().and_then(|inner| inner.downcast_ref::<Unread>());
                    return Err(known.cloned().unwrap_or_else(|| Unread::Io(error.to_string())));
                }
            }
        }
        Ok(filled)
    }

    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// [`Unread::Truncated`] when the source ends first, besides those of [`Self::read_some`].
    pub fn read_exact(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Unread> {
        let filled = self.read_some(offset, buffer)?;
        if filled < buffer.len() {
            return Err(Unread::Truncated {
                offset: offset.saturating_add(u64::try_from(filled).unwrap_or(0)),
            });
        }
        Ok(())
    }

    /// The `size` bytes from `offset`, which must not be more than `most`; allocates only what the source can give.
    ///
    /// # Errors
    /// [`Unread::Limit`] above `most`, besides those of [`Self::read_exact`].
    pub fn read_vec(&self, offset: u64, size: u64, most: u64) -> Result<Vec<u8>, Unread> {
        if size > most {
            return Err(Unread::Limit(LimitKind::StateBytes, most));
        }
        if offset.checked_add(size).is_none_or(|end| end > self.size()) {
            return Err(Unread::Truncated { offset: self.size() });
        }
        let size = usize::try_from(size).map_err(|_| Unread::Limit(LimitKind::StateBytes, most))?;
        let mut buffer = vec![0; size];
        self.read_exact(offset, &mut buffer)?;
        Ok(buffer)
    }

    /// All bytes of a text file, within [`Limits::text_bytes`].
    ///
    /// # Errors
    /// [`Unread::Limit`] when the file is larger, besides those of [`Self::read_exact`].
    pub fn read_text(&self) -> Result<Vec<u8>, Unread> {
        if self.size() > self.limits.text_bytes {
            return Err(Unread::Limit(LimitKind::TextBytes, self.limits.text_bytes));
        }
        self.read_vec(0, self.size(), self.limits.text_bytes)
    }

    /// Reads forward from `offset` through a window of `window` bytes.
    pub fn cursor(&self, offset: u64, window: usize) -> Cursor<'_> {
        Cursor { input: self, start: offset, window: vec![0; window.max(1)], filled: 0, at: 0 }
    }
}

/// Reads an [`Input`] forward through a fixed window, so that memory does not grow with the file.
pub struct Cursor<'input> {
    input: &'input Input,
    /// Offset of the first byte of the window.
    start: u64,
    window: Vec<u8>,
    filled: usize,
    at: usize,
}

impl Cursor<'_> {
    /// Offset of the next byte.
    pub fn offset(&self) -> u64 {
        self.start.saturating_add(u64::try_from(self.at).unwrap_or(u64::MAX))
    }

    /// Bytes left by the stated size of the input.
    pub fn remaining(&self) -> u64 {
        self.input.size().saturating_sub(self.offset())
    }

    /// The bytes in the window that come next; refills the window when it is empty. Empty only at the end.
    ///
    /// # Errors
    /// Those of [`Input::read_some`].
    pub fn peek(&mut self) -> Result<&[u8], Unread> {
        if self.at >= self.filled {
            self.start = self.offset();
            self.at = 0;
            self.filled = self.input.read_some(self.start, &mut self.window)?;
        }
        Ok(self.window.get(self.at..self.filled).unwrap_or_default())
    }

    /// Goes `count` bytes forward, which may pass the window or the end.
    pub fn skip(&mut self, count: u64) {
        let within = usize::try_from(count).ok().and_then(|count| self.at.checked_add(count));
        match within.filter(|at| *at <= self.filled) {
            Some(at) => self.at = at,
            None => {
                self.start = self.offset().saturating_add(count);
                self.at = 0;
                self.filled = 0;
            }
        }
    }

    /// The next byte, or none at the end.
    ///
    /// # Errors
    /// Those of [`Input::read_some`].
    pub fn byte(&mut self) -> Result<Option<u8>, Unread> {
        let byte = self.peek()?.first().copied();
        if byte.is_some() {
            self.at = self.at.saturating_add(1);
        }
        Ok(byte)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// [`Unread::Truncated`] when fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Unread> {
        let mut array = [0; N];
        if let Some(bytes) =
            self.at.checked_add(N).and_then(|end| self.window.get(self.at..end.min(self.filled)))
            && bytes.len() == N
        {
            array.copy_from_slice(bytes);
            self.at = self.at.saturating_add(N);
            return Ok(array);
        }
        self.input.read_exact(self.offset(), &mut array)?;
        self.skip(u64::try_from(N).unwrap_or(0));
        Ok(array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input {
        Input::new(Arc::new(bytes.to_vec()), Limits::default(), Cancel::default())
    }

    #[test]
    fn a_cursor_reads_the_same_through_any_window() {
        let bytes: Vec<u8> = (0..=255).collect();
        let input = input(&bytes);
        for window in [1, 2, 3, 7, 64, 1000] {
            let mut cursor = input.cursor(0, window);
            assert_eq!(cursor.byte(), Ok(Some(0)));
            assert_eq!(cursor.array::<4>(), Ok([1, 2, 3, 4]));
            cursor.skip(100);
            assert_eq!((cursor.offset(), cursor.remaining()), (105, 151));
            assert_eq!(cursor.array::<2>(), Ok([105, 106]));
            cursor.skip(148);
            assert_eq!(cursor.array::<2>(), Err(Unread::Truncated { offset: 256 }));
            assert_eq!(cursor.byte(), Ok(Some(255)));
            assert_eq!(cursor.byte(), Ok(None));
        }
    }

    #[test]
    fn a_claimed_size_is_not_allocated() {
        let input = input(b"tiny");
        assert_eq!(input.read_vec(0, 1 << 40, 1 << 50), Err(Unread::Truncated { offset: 4 }));
        assert_eq!(input.read_vec(0, 4, 3), Err(Unread::Limit(LimitKind::StateBytes, 3)));
        assert_eq!(input.read_vec(1, 3, 3), Ok(b"iny".to_vec()));
    }

    #[test]
    fn a_wish_to_stop_stops_reading() {
        let cancel = Cancel::default();
        let input = Input::new(Arc::new(b"abc".to_vec()), Limits::default(), cancel.clone());
        cancel.cancel();
        assert_eq!(input.read_text(), Err(Unread::Cancelled));
    }
}
