//! The heaps: local (names of a group), global (texts of variable length), fractal (many links or attributes).
//!
//! Source: HDF5 File Format Specification 3.0, sections III.D, III.E and III.F.

use weighbridge_core::coverage::Unread;

use super::file::{Block, Fields, File, bytes_for};
use super::tree::{self, Kind};
use crate::bytes::{length, offset};

/// How deep indirect blocks may lie in each other; a heap of 2^64 bytes needs fewer.
const MOST_LEVELS: usize = 64;

/// The data of the local heap at `address`: names, by their offsets.
pub(super) fn local(file: &File<'_>, address: u64) -> Result<Block, Unread> {
    let size = file.length_size.saturating_mul(2).saturating_add(file.address_size).saturating_add(8);
    let block = file.read(address, offset(size))?;
    let mut fields = file.fields(&block);
    fields.signature(b"HEAP")?;
    fields.version("local heap", &[0])?;
    fields.skip(3)?;
    let size = fields.length()?;
    let _free = fields.length()?;
    let data = fields.defined()?;
    file.read(data, size)
}

/// The text at `at` in a local heap.
pub(super) fn name(file: &File<'_>, heap: &Block, at: u64) -> Result<String, Unread> {
    let mut fields = file.fields(heap);
    fields.take_claimed(at)?;
    Ok(super::file::text(fields.until_nul()?))
}

/// Where the object of this number in the global heap collection at `address` lies, as an address, and its size.
pub(super) fn global(file: &File<'_>, address: u64, number: u32) -> Result<(u64, u64), Unread> {
    let header = file.length_size.saturating_add(8);
    let block = file.read(address, offset(header))?;
    let mut fields = file.fields(&block);
    fields.signature(b"GCOL")?;
    fields.version("global heap", &[1])?;
    fields.skip(3)?;
    let size = fields.length()?;
    let mut at = offset(header);
    while at.saturating_add(offset(header)) <= size {
        let object = address.saturating_add(at);
        let block = file.read(object, offset(header))?;
        let mut fields = file.fields(&block);
        let index = u32::from(fields.u16()?);
        fields.skip(6)?;
        let bytes = fields.length()?;
        // Number 0 is the free space at the end.
        if index == 0 {
            break;
        }
        if index == number {
            return Ok((object.saturating_add(offset(header)), bytes));
        }
        let Some(padded) = bytes.checked_next_multiple_of(8) else { break };
        at = at.saturating_add(offset(header)).saturating_add(padded);
    }
    Err(Unread::Malformed(format!("the global heap at {address:#x} has no object {number}")))
}

/// A fractal heap: objects that are known by ids.
pub(super) struct FractalHeap {
    address: u64,
    /// Bytes of an id.
    id_size: usize,
    /// Bytes of an offset in the heap.
    offset_size: usize,
    /// Bytes of the length of an object in the heap.
    length_size: usize,
    /// B-tree of the objects that are too large for the heap.
    huge: Option<u64>,
    /// Blocks in a row of the doubling table.
    width: u64,
    /// Bytes of a block in the first two rows.
    first: u64,
    /// Rows of direct blocks; those below hold indirect ones.
    direct_rows: u64,
    /// The root block, and how many rows it has if it is an indirect one.
    root: Option<(u64, u64)>,
}

impl FractalHeap {
    /// Reads the header at `address`.
    pub(super) fn open(file: &File<'_>, address: u64) -> Result<Self, Unread> {
        let size = file.length_size.saturating_mul(12).saturating_add(file.address_size.saturating_mul(3));
        let block = file.read(address, offset(size.saturating_add(22)))?;
        let mut fields = file.fields(&block);
        fields.signature(b"FRHP")?;
        fields.version("fractal heap", &[0])?;
        let id_size = usize::from(fields.u16()?);
        let filters = fields.u16()?;
        if filters != 0 {
            return Err(Unread::Unsupported("an HDF5 heap that is compressed".to_owned()));
        }
        let _flags = fields.u8()?;
        let most_managed = u64::from(fields.u32()?);
        let _next_huge = fields.length()?;
        let huge = fields.address()?;
        let _free = fields.length()?;
        let _free_space = fields.address()?;
        for _ in 0..8 {
            fields.length()?;
        }
        let width = u64::from(fields.u16()?);
        let first = fields.length()?;
        let most_direct = fields.length()?;
        let bits = u64::from(fields.u16()?);
        let _first_rows = fields.u16()?;
        let root = fields.address()?;
        let rows = u64::from(fields.u16()?);
        let sound = width > 0
            && first.is_power_of_two()
            && most_direct.is_power_of_two()
            && first <= most_direct
            && bits <= 64;
        if !sound {
            return Err(Unread::Malformed(format!("the fractal heap at {address:#x} has impossible sizes")));
        }
        let direct_rows = u64::from(most_direct.ilog2().saturating_sub(first.ilog2())).saturating_add(2);
        Ok(Self {
            address,
            id_size,
            offset_size: length(bits.div_ceil(8)),
            length_size: bytes_for(most_direct).min(bytes_for(most_managed)),
            huge,
            width,
            first,
            direct_rows,
            root: root.map(|root| (root, rows)),
        })
    }

    /// Bytes of an id.
    pub(super) fn id_size(&self) -> usize {
        self.id_size
    }

    /// The object of this id.
    pub(super) fn object(&self, file: &File<'_>, id: &[u8]) -> Result<Block, Unread> {
        let mut fields = file.fields_of(id, file.place(self.address));
        let first = fields.u8()?;
        match first >> 4 & 0b11 {
            0 => {
                let at = fields.number(self.offset_size)?;
                let size = fields.number(self.length_size)?;
                file.read(self.managed(file, at)?, size)
            }
            1 => self.huge(file, fields),
            2 => {
                // Up to 16 bytes stand in the id itself; with long ids the length has another byte.
                let low = usize::from(first & 0b1111);
                let long = self.id_size.saturating_sub(1) > 16;
                let more = if long { usize::from(fields.u8()?) } else { 0 };
                let size = if long { low << 8 | more } else { low }.saturating_add(1);
                let start = fields.place();
                Ok(Block { bytes: fields.take(size)?.to_vec(), start })
            }
            kind => Err(Unread::Unsupported(format!("an object of kind {kind} in a heap of HDF5"))),
        }
    }

    fn huge(&self, file: &File<'_>, mut fields: Fields<'_>) -> Result<Block, Unread> {
        let direct = file.address_size.saturating_add(file.length_size);
        if self.id_size.saturating_sub(1) >= direct {
            let (address, size) = (fields.defined()?, fields.length()?);
            return file.read(address, size);
        }
        let key = fields.number(self.id_size.saturating_sub(1).min(file.length_size).min(8))?;
        let Some(address) = self.huge else {
            return Err(Unread::Malformed("a huge object in a heap that has none".to_owned()));
        };
        for record in tree::records(file, address, Kind::Huge)? {
            let mut fields = file.fields(&record);
            let (address, size, number) = (fields.defined()?, fields.length()?, fields.length()?);
            if number == key {
                return file.read(address, size);
            }
        }
        Err(Unread::Malformed(format!("no huge object {key} in the heap")))
    }

    /// The address of the byte `at` of the heap.
    fn managed(&self, file: &File<'_>, at: u64) -> Result<u64, Unread> {
        let outside = || Unread::Malformed(format!("an object at {at} of a heap that does not reach there"));
        let (mut block, mut rows) = self.root.ok_or_else(outside)?;
        if rows == 0 {
            // A single direct block.
            return block.checked_add(at).ok_or_else(outside);
        }
        // Where the current indirect block begins in the heap.
        let mut begin = 0u64;
        for _ in 0..MOST_LEVELS {
            let (row, column, start, size) =
                self.entry(at.saturating_sub(begin), rows).ok_or_else(outside)?;
            let index = row.checked_mul(self.width).and_then(|index| index.checked_add(column));
            let index = index.ok_or_else(outside)?;
            let header = offset(file.address_size.saturating_add(self.offset_size).saturating_add(5));
            let head = file.read(block, 4)?;
            file.fields(&head).signature(b"FHIB")?;
            let address = index
                .checked_mul(offset(file.address_size))
                .and_then(|skip| block.checked_add(header)?.checked_add(skip))
                .ok_or_else(outside)?;
            let entry = file.read(address, offset(file.address_size))?;
            let child = file.fields(&entry).address()?.ok_or_else(outside)?;
            begin = begin.saturating_add(start);
            if row < self.direct_rows {
                return child.checked_add(at.saturating_sub(begin)).ok_or_else(outside);
            }
            block = child;
            // An indirect block of that size has as many rows as it takes to fill it.
            let first_row = self.first.checked_mul(self.width).filter(|row| *row > 0).ok_or_else(outside)?;
            let blocks = size.checked_div(first_row).filter(|blocks| *blocks > 0).ok_or_else(outside)?;
            rows = u64::from(blocks.ilog2()).saturating_add(1);
        }
        Err(outside())
    }

    /// Row and column in an indirect block of the block that holds the byte `at`, where that block begins, and its size.
    fn entry(&self, at: u64, rows: u64) -> Option<(u64, u64, u64, u64)> {
        let mut begin = 0u64;
        for row in 0..rows.min(64) {
            // The first two rows have blocks of the same size, then it doubles with each row.
            let size = self.first.checked_shl(u32::try_from(row.saturating_sub(1)).ok()?)?;
            if size == 0 || size.checked_shr(u32::try_from(row.saturating_sub(1)).ok()?)? != self.first {
                return None;
            }
            let whole = size.checked_mul(self.width)?;
            let end = begin.checked_add(whole)?;
            if at < end {
                let column = at.checked_sub(begin)?.checked_div(size)?;
                return Some((row, column, begin.checked_add(column.checked_mul(size)?)?, size));
            }
            begin = end;
        }
        None
    }
}
