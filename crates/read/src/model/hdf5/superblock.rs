//! The superblock: where the file begins to count, how large its addresses are, where the root group is.
//!
//! Source: HDF5 File Format Specification 3.0, section II.A.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;

use super::file::{Block, File};
use crate::bytes::offset;

/// The first bytes of a superblock.
pub(super) const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";
/// Bytes that hold every superblock, with addresses of eight bytes.
const LARGEST: u64 = 128;

/// What the superblock says.
pub(super) struct Superblock<'a> {
    pub(super) file: File<'a>,
    /// Address of the object header of the root group.
    pub(super) root: u64,
    /// Address of the object header with more about the file.
    pub(super) extension: Option<u64>,
    /// Address of what a file driver needs to know that spreads the data over several files.
    pub(super) driver: Option<u64>,
    /// Where the data ends, as an offset in the entry.
    pub(super) end: u64,
}

/// Where the superblock is: at the beginning, or after a user block of 512 bytes or a power of two times that.
pub(super) fn find(input: &Input) -> Result<Option<u64>, Unread> {
    let mut at = 0u64;
    while at < input.size() {
        let mut start = [0; SIGNATURE.len()];
        if input.read_some(at, &mut start)? == SIGNATURE.len() && start == *SIGNATURE {
            return Ok(Some(at));
        }
        at = if at == 0 { 512 } else { at.saturating_mul(2) };
    }
    Ok(None)
}

/// Reads the superblock at `base`.
pub(super) fn read(input: &Input, base: u64) -> Result<Superblock<'_>, Unread> {
    let mut bytes = vec![0; usize::try_from(LARGEST).unwrap_or_default()];
    let filled = input.read_some(base, &mut bytes)?;
    bytes.truncate(filled);
    let block = Block { bytes, start: base };
    let sizes = |at: usize| {
        let size = |at: usize| block.bytes.get(at).copied();
        let early = || Unread::Truncated { offset: base.saturating_add(offset(filled)) };
        let (addresses, lengths) = (size(at), size(at.saturating_add(1)));
        File::new(input, base, addresses.ok_or_else(early)?, lengths.ok_or_else(early)?)
    };
    match block.bytes.get(8) {
        Some(0 | 1) => classic(sizes(13)?, &block),
        Some(2 | 3) => modern(sizes(9)?, &block),
        Some(version) => Err(Unread::Unsupported(format!("version {version} of the superblock of HDF5"))),
        None => Err(Unread::Truncated { offset: base.saturating_add(offset(filled)) }),
    }
}

fn classic<'a>(file: File<'a>, block: &Block) -> Result<Superblock<'a>, Unread> {
    let mut fields = file.fields(block);
    fields.skip(8)?;
    let version = fields.u8()?;
    // Versions of parts, the two sizes, the ranks of B-trees and flags; then, in version 1, another rank.
    fields.skip(15)?;
    if version == 1 {
        fields.skip(4)?;
    }
    let _base = fields.address()?;
    let _free_space = fields.address()?;
    let end = fields.defined()?;
    let driver = fields.address()?;
    let _name = fields.number(file.address_size)?;
    let root = fields.defined()?;
    Ok(Superblock { file, root, extension: None, driver, end })
}

fn modern<'a>(file: File<'a>, block: &Block) -> Result<Superblock<'a>, Unread> {
    let mut fields = file.fields(block);
    // Signature, version, the two sizes and flags.
    fields.skip(12)?;
    let _base = fields.address()?;
    let extension = fields.address()?;
    let end = fields.defined()?;
    let root = fields.defined()?;
    Ok(Superblock { file, root, extension, driver: None, end })
}
