//! The elements of a tensor in the order in which safetensors stores them: the last index runs fastest.

use std::io;

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;

use super::Tensor;
use crate::bytes::length;

/// Bytes that are read at once where elements lie side by side.
const WINDOW: usize = 1 << 20;
/// Bytes that are kept where they do not: elements near each other come from one read.
const BLOCK: usize = 1 << BLOCK_BITS;
const BLOCK_BITS: u32 = 16;
/// Blocks that are kept, a power of two.
const BLOCKS: usize = 256;

/// Why the elements could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum ElementsError {
    /// They could not be read.
    #[error("{0}")]
    Unread(Unread),
    /// They could not be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

impl From<Unread> for ElementsError {
    fn from(unread: Unread) -> Self {
        Self::Unread(unread)
    }
}

impl Tensor {
    /// Gives all elements in order, piece by piece.
    ///
    /// # Errors
    /// [`ElementsError::Unread`], and what `write` fails with.
    pub fn copy(
        &self,
        input: &Input,
        write: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), ElementsError> {
        if self.shape.contains(&0) {
            return Ok(());
        }
        let (run, outer) = self.runs();
        let run_bytes = run.saturating_mul(self.item);
        let mut blocks = Blocks::new(input);
        let mut window = Vec::new();
        let mut index = vec![0u64; outer];
        loop {
            input.go_on()?;
            let element = index
                .iter()
                .zip(&self.strides)
                .fold(self.first, |at, (index, stride)| at.saturating_add(index.saturating_mul(*stride)));
            let mut at = self.storage.saturating_add(element.saturating_mul(self.item));
            let mut left = run_bytes;
            while left > 0 {
                let size = length(left).min(WINDOW);
                window.resize(size, 0);
                if size <= BLOCK / 4 {
                    blocks.read(at, &mut window)?;
                } else {
                    input.read_exact(at, &mut window)?;
                }
                write(&window)?;
                let size = u64::try_from(size).unwrap_or(left);
                at = at.saturating_add(size);
                left = left.saturating_sub(size);
            }
            if !self.next(&mut index) {
                return Ok(());
            }
        }
    }

    /// How many elements lie side by side, and how many of the first dimensions lead from one such run to the next.
    fn runs(&self) -> (u64, usize) {
        let mut run = 1u64;
        let mut outer = self.shape.len();
        for (size, stride) in self.shape.iter().zip(&self.strides).rev() {
            if *size != 1 && *stride != run {
                break;
            }
            run = run.saturating_mul(*size);
            outer = outer.saturating_sub(1);
        }
        (run, outer)
    }

    /// Steps to the next index of the outer dimensions; false behind the last.
    fn next(&self, index: &mut [u64]) -> bool {
        for (index, size) in index.iter_mut().zip(&self.shape).rev() {
            *index = index.saturating_add(1);
            if *index < *size {
                return true;
            }
            *index = 0;
        }
        false
    }
}

/// A few blocks of the file, the newest in place of one that lies a multiple of their number away.
struct Blocks<'a> {
    input: &'a Input,
    blocks: Vec<Option<(u64, Vec<u8>)>>,
}

impl<'a> Blocks<'a> {
    fn new(input: &'a Input) -> Self {
        Self { input, blocks: vec![None; BLOCKS] }
    }

    fn read(&mut self, mut at: u64, mut wanted: &mut [u8]) -> Result<(), Unread> {
        while !wanted.is_empty() {
            let (number, within) = (at >> BLOCK_BITS, length(at) & BLOCK.saturating_sub(1));
            let slot = length(number) & BLOCKS.saturating_sub(1);
            let Some(block) = self.blocks.get_mut(slot) else { return Ok(()) };
            if block.as_ref().is_none_or(|(known, _)| *known != number) {
                let mut bytes = vec![0; BLOCK];
                let filled = self.input.read_some(number << BLOCK_BITS, &mut bytes)?;
                bytes.truncate(filled);
                *block = Some((number, bytes));
            }
            let bytes = block.as_ref().and_then(|(_, bytes)| bytes.get(within..)).unwrap_or_default();
            let count = bytes.len().min(wanted.len());
            if count == 0 {
                return Err(Unread::Truncated { offset: self.input.size() });
            }
            let (now, later) = wanted.split_at_mut(count);
            now.copy_from_slice(bytes.get(..count).unwrap_or_default());
            wanted = later;
            at = at.saturating_add(u64::try_from(count).unwrap_or(0));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weighbridge_core::limits::{Cancel, Limits};

    use super::*;

    /// A tensor of bytes on a storage that holds its own offsets.
    fn copied(shape: &[u64], strides: &[u64], first: u64) -> Vec<u8> {
        let bytes: Vec<u8> = (0..=255).collect();
        let input = Input::new(Arc::new(bytes), Limits::default(), Cancel::default());
        let tensor = Tensor {
            name: String::new(),
            dtype: "U8",
            item: 1,
            shape: shape.to_vec(),
            strides: strides.to_vec(),
            storage: 10,
            first,
        };
        let mut out = Vec::new();
        tensor
            .copy(&input, &mut |piece| {
                out.extend_from_slice(piece);
                Ok(())
            })
            .unwrap();
        out
    }

    #[test]
    fn elements_come_in_the_order_of_the_last_index() {
        assert_eq!(copied(&[2, 3], &[3, 1], 0), [10, 11, 12, 13, 14, 15]);
        assert_eq!(copied(&[2, 3], &[3, 1], 4), [14, 15, 16, 17, 18, 19]);
        assert_eq!(copied(&[3, 2], &[1, 3], 0), [10, 13, 11, 14, 12, 15], "a transposed matrix");
        assert_eq!(copied(&[2, 2], &[10, 1], 0), [10, 11, 20, 21], "columns of a wider one");
        assert_eq!(copied(&[3], &[0], 2), [12, 12, 12], "one element, expanded");
        assert_eq!(copied(&[], &[], 5), [15], "a number");
        assert_eq!(copied(&[1, 2, 1], &[77, 1, 99], 0), [10, 11], "strides of a single index do not count");
        assert!(copied(&[2, 0], &[1, 1], 0).is_empty());
    }
}
