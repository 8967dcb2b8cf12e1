//! Random access to bytes, wherever they come from.

use std::io;
use std::sync::Arc;

use crate::cache::Stamp;
use crate::digest::Digest;

/// Bytes that can be read at any offset: a file, a slice of one, unpacked bytes, an HTTP range.
pub trait Source: Send + Sync {
    /// Size in bytes, as known when the source was opened.
    fn size(&self) -> u64;

    /// Reads bytes at `offset` into `buffer` and returns how many; 0 only at the end. May read fewer than asked.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// The digest, where it is known without reading everything.
    fn digest(&self) -> Option<Digest> {
        None
    }

    /// What tells this version of the file from any other, where the file system says.
    fn stamp(&self) -> Option<Stamp> {
        None
    }

    /// Whether the file is still the version that was opened, where the system can say.
    fn is_unchanged(&self) -> bool {
        true
    }

    /// The bytes come over a network, so that nobody reads all of them without need.
    fn is_remote(&self) -> bool {
        false
    }
}

impl Source for Vec<u8> {
    fn size(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }
}

/// A part of another source.
pub struct Slice {
    parent: Arc<dyn Source>,
    start: u64,
    size: u64,
}

impl Slice {
    /// The `size` bytes of `parent` from `start`; what lies beyond the end of the parent does not exist.
    pub fn new(parent: Arc<dyn Source>, start: u64, size: u64) -> Self {
        let size = size.min(parent.size().saturating_sub(start));
        Self { parent, start, size }
    }
}

impl Source for Slice {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = rest.min(buffer.len());
        let (Some(at), Some(part)) = (self.start.checked_add(offset), buffer.get_mut(..count)) else {
            return Ok(0);
        };
        if part.is_empty() { Ok(0) } else { self.parent.read_at(at, part) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_never_shows_more_than_its_part() {
        let parent: Arc<dyn Source> = Arc::new(b"0123456789".to_vec());
        let read = |start, size, offset| {
            let slice = Slice::new(Arc::clone(&parent), start, size);
            let mut buffer = [0; 16];
            let count = slice.read_at(offset, &mut buffer).unwrap();
            String::from_utf8(buffer[..count].to_vec()).unwrap()
        };
        assert_eq!(read(2, 3, 0), "234");
        assert_eq!(read(2, 3, 2), "4");
        assert_eq!(read(2, 3, 3), "");
        assert_eq!(read(8, 100, 0), "89");
        assert_eq!(read(100, 1, 0), "");
        assert_eq!(read(u64::MAX, u64::MAX, u64::MAX), "");
    }
}
