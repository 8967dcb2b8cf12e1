//! FlatBuffers, walked in place: tables by their field tables, vectors, texts.
//!
//! Nothing is copied but what is asked for. Every offset is checked against the size of the file; loaders that do not
//! verify a buffer follow it out of their memory.
//!
//! Source: the FlatBuffers internals page ("FlatBuffer Internals": offsets, tables, vtables, vectors, strings) and
//! `include/flatbuffers/verifier.h` of google/flatbuffers.

use std::cell::RefCell;

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;

use crate::bytes::{array_at, length};

/// Bytes that are read at once.
const BLOCK: u64 = 4096;
/// The longest text that is read, in bytes.
const TEXT: u64 = 1 << 16;

/// What is wrong with a buffer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The file could not be read.
    Unread(Unread),
    /// What stands at this offset reaches to this offset, which lies behind the end.
    Overrun(u64, u64),
    /// The offset at this offset leads before the beginning or wraps.
    Wrapped(u64),
    /// A field table or a table at this offset contradicts itself.
    Broken(u64),
}

impl From<Unread> for Fault {
    fn from(unread: Unread) -> Self {
        Self::Unread(unread)
    }
}

/// A buffer.
pub(crate) struct Buffer<'input> {
    input: &'input Input,
    block: RefCell<(u64, Vec<u8>)>,
}

/// A table, with the part of its field table that counts.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    at: u64,
    size: u64,
    fields: u64,
    fields_size: u64,
}

/// A vector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Vector {
    /// Where its first element stands.
    pub(crate) start: u64,
    /// How many elements it has.
    pub(crate) count: u64,
}

impl<'input> Buffer<'input> {
    pub(crate) fn new(input: &'input Input) -> Self {
        Self { input, block: RefCell::new((0, Vec::new())) }
    }

    /// The `N` bytes at `at`.
    pub(crate) fn bytes<const N: usize>(&self, at: u64) -> Result<[u8; N], Fault> {
        let end = at.checked_add(u64::try_from(N).unwrap_or(u64::MAX)).ok_or(Fault::Wrapped(at))?;
        if end > self.input.size() {
            return Err(Fault::Overrun(at, end));
        }
        let mut block = self.block.borrow_mut();
        let within = |block: &(u64, Vec<u8>)| {
            let from = length(at.checked_sub(block.0)?);
            array_at::<N>(&block.1, from)
        };
        if let Some(found) = within(&block) {
            return Ok(found);
        }
        let start = at.saturating_sub(BLOCK / 8);
        let mut bytes = vec![0; length(BLOCK)];
        let filled = self.input.read_some(start, &mut bytes)?;
        bytes.truncate(filled);
        *block = (start, bytes);
        within(&block).ok_or(Fault::Unread(Unread::Truncated { offset: self.input.size() }))
    }

    pub(crate) fn u8(&self, at: u64) -> Result<u8, Fault> {
        self.bytes(at).map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&self, at: u64) -> Result<u16, Fault> {
        self.bytes(at).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&self, at: u64) -> Result<u32, Fault> {
        self.bytes(at).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&self, at: u64) -> Result<u64, Fault> {
        self.bytes(at).map(u64::from_le_bytes)
    }

    /// The table at the root.
    pub(crate) fn root(&self) -> Result<Table, Fault> {
        self.table_by(0)
    }

    /// The table to which the offset at `at` leads.
    pub(crate) fn table_by(&self, at: u64) -> Result<Table, Fault> {
        self.table(self.follow(at)?)
    }

    /// Where the offset at `at` leads. Offsets count forward from where they stand.
    fn follow(&self, at: u64) -> Result<u64, Fault> {
        let offset = u64::from(self.u32(at)?);
        // Verifiers take offsets for numbers with a sign.
        if offset == 0 || offset > 0x7fff_ffff {
            return Err(Fault::Wrapped(at));
        }
        let to = at.checked_add(offset).ok_or(Fault::Wrapped(at))?;
        if to >= self.input.size() { Err(Fault::Overrun(at, to)) } else { Ok(to) }
    }

    fn table(&self, at: u64) -> Result<Table, Fault> {
        let back = i64::from(i32::from_le_bytes(self.bytes(at)?));
        // The field table stands before or behind the table.
        let fields = if back >= 0 {
            at.checked_sub(back.unsigned_abs()).ok_or(Fault::Wrapped(at))?
        } else {
            at.checked_add(back.unsigned_abs()).ok_or(Fault::Wrapped(at))?
        };
        let fields_size = u64::from(self.u16(fields)?);
        let size = u64::from(self.u16(fields.saturating_add(2))?);
        if fields_size < 4 || !fields_size.is_multiple_of(2) || size < 4 {
            return Err(Fault::Broken(fields));
        }
        for (start, size) in [(fields, fields_size), (at, size)] {
            let end = start.saturating_add(size);
            if end > self.input.size() {
                return Err(Fault::Overrun(start, end));
            }
        }
        Ok(Table { at, size, fields, fields_size })
    }

    /// Where field `number` of a table stands, of which the value takes `size` bytes; none where it is left out.
    pub(crate) fn field(&self, table: &Table, number: u64, size: u64) -> Result<Option<u64>, Fault> {
        let entry = number.saturating_mul(2).saturating_add(4);
        if entry.saturating_add(2) > table.fields_size {
            return Ok(None);
        }
        let within = u64::from(self.u16(table.fields.saturating_add(entry))?);
        if within == 0 {
            return Ok(None);
        }
        if within < 4 || within.saturating_add(size) > table.size {
            return Err(Fault::Broken(table.fields.saturating_add(entry)));
        }
        Ok(Some(table.at.saturating_add(within)))
    }

    /// A field of one byte; `default` where it is left out.
    pub(crate) fn byte(&self, table: &Table, number: u64, default: u8) -> Result<u8, Fault> {
        self.field(table, number, 1)?.map_or(Ok(default), |at| self.u8(at))
    }

    /// A field of four bytes; zero where it is left out.
    pub(crate) fn number(&self, table: &Table, number: u64) -> Result<u32, Fault> {
        self.field(table, number, 4)?.map_or(Ok(0), |at| self.u32(at))
    }

    /// A field of eight bytes; zero where it is left out.
    pub(crate) fn large(&self, table: &Table, number: u64) -> Result<u64, Fault> {
        self.field(table, number, 8)?.map_or(Ok(0), |at| self.u64(at))
    }

    /// A field that is a vector of elements of `size` bytes; empty where it is left out.
    pub(crate) fn vector(&self, table: &Table, number: u64, size: u64) -> Result<Vector, Fault> {
        let Some(at) = self.field(table, number, 4)? else { return Ok(Vector { start: 0, count: 0 }) };
        let to = self.follow(at)?;
        let count = u64::from(self.u32(to)?);
        let start = to.saturating_add(4);
        let end = start.saturating_add(count.saturating_mul(size));
        if end > self.input.size() {
            return Err(Fault::Overrun(to, end));
        }
        Ok(Vector { start, count })
    }

    /// A field that is a vector of tables.
    pub(crate) fn tables(&self, table: &Table, number: u64) -> Result<Vector, Fault> {
        self.vector(table, number, 4)
    }

    /// The table that is element `number` of a vector.
    pub(crate) fn element(&self, vector: Vector, number: u64) -> Result<Table, Fault> {
        self.table_by(vector.start.saturating_add(number.saturating_mul(4)))
    }

    /// A field that is a text; empty where it is left out, shortened where it is very long.
    pub(crate) fn text(&self, table: &Table, number: u64) -> Result<String, Fault> {
        let vector = self.vector(table, number, 1)?;
        let bytes = self.input.read_vec(vector.start, vector.count.min(TEXT), TEXT)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weighbridge_core::limits::{Cancel, Limits};

    use super::*;

    fn input(bytes: &[u8]) -> Input {
        Input::new(Arc::new(bytes.to_vec()), Limits::default(), Cancel::default())
    }

    /// A field table of two fields, of which the second is left out, and a table with a byte.
    const PLAIN: &[u8] = &[12, 0, 0, 0, 8, 0, 8, 0, 4, 0, 0, 0, 8, 0, 0, 0, 42, 0, 0, 0];

    #[test]
    fn fields_are_found_or_left_out() {
        let input = input(PLAIN);
        let buffer = Buffer::new(&input);
        let table = buffer.root().unwrap();
        assert_eq!(buffer.byte(&table, 0, 7), Ok(42));
        assert_eq!(buffer.byte(&table, 1, 7), Ok(7));
        assert_eq!(buffer.byte(&table, 9, 7), Ok(7));
        assert_eq!(buffer.large(&table, 0), Err(Fault::Broken(8)));
        assert_eq!(buffer.text(&table, 1), Ok(String::new()));
    }

    #[test]
    fn offsets_stay_inside() {
        let check = |at: usize, value: &[u8], expected: Fault| {
            let mut bytes = PLAIN.to_vec();
            bytes[at..at + value.len()].copy_from_slice(value);
            let input = input(&bytes);
            let buffer = Buffer::new(&input);
            let found = buffer.root().and_then(|table| buffer.vector(&table, 0, 4));
            assert_eq!(found.unwrap_err(), expected);
        };
        check(0, &[0; 4], Fault::Wrapped(0));
        check(0, &[0xff; 4], Fault::Wrapped(0));
        check(0, &[200, 0, 0, 0], Fault::Overrun(0, 200));
        check(12, &[100, 0, 0, 0], Fault::Wrapped(12));
        check(4, &[3, 0], Fault::Broken(4));
        check(6, &[200, 0], Fault::Overrun(12, 212));
        check(16, &[0xff, 0xff, 0, 0], Fault::Overrun(16, 65551));
        check(16, &[0xff; 4], Fault::Wrapped(16));
    }
}
