//! Access to the bytes of an HDF5 file by its own addresses, and to the fields of what was read.

use std::cell::Cell;

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;

use crate::bytes::{length, offset};

/// How often metadata may be read anew before that is told as an attack: structures that share their blocks would
/// otherwise make a small file cost as much as a huge one.
const READ_AGAIN: u64 = 8;
/// What small files may read in any case, in bytes.
const READ_ANYWAY: u64 = 64 << 20;

/// An opened file: where addresses begin to count, and how large addresses and sizes are.
pub(super) struct File<'a> {
    pub(super) input: &'a Input,
    /// Where address 0 lies: at the superblock.
    pub(super) base: u64,
    /// Bytes of an address ("size of offsets").
    pub(super) address_size: usize,
    /// Bytes of a size ("size of lengths").
    pub(super) length_size: usize,
    /// Bytes that may still be read.
    left: Cell<u64>,
}

impl<'a> File<'a> {
    pub(super) fn new(
        input: &'a Input,
        base: u64,
        address_size: u8,
        length_size: u8,
    ) -> Result<Self, Unread> {
        for size in [address_size, length_size] {
            if !matches!(size, 2 | 4 | 8) {
                return Err(Unread::Unsupported(format!("HDF5 with addresses or sizes of {size} bytes")));
            }
        }
        let left = Cell::new(input.size().saturating_mul(READ_AGAIN).saturating_add(READ_ANYWAY));
        let (address_size, length_size) = (usize::from(address_size), usize::from(length_size));
        Ok(Self { input, base, address_size, length_size, left })
    }

    /// The offset in the entry of this address, not behind the end.
    pub(super) fn place(&self, address: u64) -> u64 {
        self.base.saturating_add(address).min(self.input.size())
    }

    /// `size` bytes at `address`.
    pub(super) fn read(&self, address: u64, size: u64) -> Result<Block, Unread> {
        self.input.go_on()?;
        let start = self
            .base
            .checked_add(address)
            .filter(|start| start.checked_add(size).is_some_and(|end| end <= self.input.size()));
        let Some(start) = start else {
            let reason = format!("{size} bytes at address {address:#x} lie behind the end of the file");
            return Err(Unread::Malformed(reason));
        };
        let left = self.left.get().checked_sub(size.saturating_add(64));
        let Some(left) = left else {
            return Err(Unread::Malformed("the metadata lead to the same bytes again and again".to_owned()));
        };
        self.left.set(left);
        let bytes = self.input.read_vec(start, size, u64::MAX)?;
        Ok(Block { bytes, start })
    }

    /// At most `size` bytes at `address`; fewer at the end of the file.
    pub(super) fn read_up_to(&self, address: u64, size: u64) -> Result<Block, Unread> {
        let rest = self.input.size().saturating_sub(self.base.saturating_add(address));
        self.read(address, size.min(rest))
    }

    /// The fields of a block.
    pub(super) fn fields<'b>(&self, block: &'b Block) -> Fields<'b> {
        self.fields_of(&block.bytes, block.start)
    }

    /// The fields of bytes that begin at the offset `start` of the entry.
    pub(super) fn fields_of<'b>(&self, bytes: &'b [u8], start: u64) -> Fields<'b> {
        Fields { bytes, at: 0, start, address_size: self.address_size, length_size: self.length_size }
    }
}

/// Bytes and where they begin in the entry.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    pub(super) start: u64,
}

/// Reads fields one after the other. All numbers are little-endian.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    start: u64,
    address_size: usize,
    length_size: usize,
}

impl<'a> Fields<'a> {
    /// The offset in the entry of the next byte.
    pub(super) fn place(&self) -> u64 {
        self.start.saturating_add(offset(self.at))
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Bytes that are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Unread> {
        let end = self.at.checked_add(count);
        let Some((end, taken)) = end.and_then(|end| Some((end, self.bytes.get(self.at..end)?))) else {
            return Err(Unread::Malformed(format!("a structure breaks off at byte {}", self.place())));
        };
        self.at = end;
        Ok(taken)
    }

    /// The next `count` bytes, where the count is a claim of the file.
    pub(super) fn take_claimed(&mut self, count: u64) -> Result<&'a [u8], Unread> {
        self.take(length(count))
    }

    /// The next `count` bytes as fields of their own.
    pub(super) fn part(&mut self, count: usize) -> Result<Fields<'a>, Unread> {
        let start = self.place();
        Ok(Fields { bytes: self.take(count)?, at: 0, start, ..self.clone() })
    }

    /// Everything that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.bytes.len();
        rest
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<(), Unread> {
        self.take(count).map(|_| ())
    }

    pub(super) fn u8(&mut self) -> Result<u8, Unread> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    pub(super) fn u16(&mut self) -> Result<u16, Unread> {
        Ok(u16::try_from(self.number(2)?).unwrap_or_default())
    }

    pub(super) fn u32(&mut self) -> Result<u32, Unread> {
        Ok(u32::try_from(self.number(4)?).unwrap_or_default())
    }

    /// A number of `size` bytes, at most eight.
    pub(super) fn number(&mut self, size: usize) -> Result<u64, Unread> {
        if size > 8 {
            return Err(Unread::Malformed(format!("a number of {size} bytes at byte {}", self.place())));
        }
        Ok(self.take(size)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A size.
    pub(super) fn length(&mut self) -> Result<u64, Unread> {
        self.number(self.length_size)
    }

    /// An address; none for the undefined one, which is all ones.
    pub(super) fn address(&mut self) -> Result<Option<u64>, Unread> {
        let undefined = match self.address_size {
            2 => u64::from(u16::MAX),
            4 => u64::from(u32::MAX),
            _ => u64::MAX,
        };
        Ok(Some(self.number(self.address_size)?).filter(|address| *address != undefined))
    }

    /// An address that must be there.
    pub(super) fn defined(&mut self) -> Result<u64, Unread> {
        let at = self.place();
        self.address()?
            .ok_or_else(|| Unread::Malformed(format!("no address where one must be, at byte {at}")))
    }

    /// Fails unless these bytes come next.
    pub(super) fn signature(&mut self, signature: &[u8]) -> Result<(), Unread> {
        let at = self.place();
        if self.take(signature.len())? == signature {
            return Ok(());
        }
        let name = String::from_utf8_lossy(signature);
        Err(Unread::Malformed(format!("no `{name}` where one must be, at byte {at}")))
    }

    /// Fails unless the next byte, a version, is one of these.
    pub(super) fn version(&mut self, of: &str, known: &[u8]) -> Result<u8, Unread> {
        let version = self.u8()?;
        if known.contains(&version) {
            return Ok(version);
        }
        Err(Unread::Unsupported(format!("version {version} of the {of} of HDF5")))
    }

    /// Bytes up to a NUL, which must be there.
    pub(super) fn until_nul(&mut self) -> Result<&'a [u8], Unread> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| *byte == 0) else {
            return Err(Unread::Malformed(format!("a text without an end at byte {}", self.place())));
        };
        let text = self.take(end)?;
        self.skip(1)?;
        Ok(text)
    }
}

/// A text of the file; bytes that are not UTF-8 are written `\xHH`.
pub(super) fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// Bytes that hold every number up to `limit` (`H5VM_limit_enc_size`).
pub(super) fn bytes_for(limit: u64) -> usize {
    let bits = u64::BITS.saturating_sub(limit.max(1).leading_zeros()).saturating_sub(1);
    usize::try_from(bits / 8).unwrap_or_default().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_as_many_bytes_as_the_library_gives_them() {
        for (limit, bytes) in [(0, 1), (1, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 3), (u64::MAX, 8)] {
            assert_eq!(bytes_for(limit), bytes, "{limit}");
        }
    }
}
