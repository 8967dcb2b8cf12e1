//! The database of `ndb`: pages of slots, and blobs to which they point.
//!
//! Source: rpm, `lib/backend/ndb/rpmpkg.c` (the layout; all numbers are little-endian). The file begins with 32 bytes: magic,
//! version, generation, pages of slots, next package. Slots of 16 bytes fill the rest of these pages: magic, package, first block,
//! blocks. A block has 16 bytes; a blob is its magic, the package, a time and its length, the bytes, zeros up to the end of the last
//! block but 12, a checksum, the length again, and another magic. The checksum is not verified: rpm reads without it, too.

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;

use super::{Found, malformed, most_header};
use crate::bytes::u32_at;

const PAGE: u64 = 4096;
/// Bytes of a slot, of a block, and of the head of a blob.
const BLOCK: u64 = 16;
const TAIL: u64 = 12;
/// Bytes of the header, which takes the place of two slots.
const HEADER: u64 = 32;

/// Whether a file begins as such a database.
pub(super) fn is(input: &Input) -> Result<bool, Unread> {
    let mut head = [0; 4];
    input.read_some(0, &mut head)?;
    Ok(head == *b"RpmP")
}

/// Finds the headers of all packages.
pub(super) fn read(input: &Input, found: &mut Found<'_>) -> Result<(), Unread> {
    let mut head = [0; 32];
    input.read_exact(0, &mut head)?;
    let number = |at| u32_at(&head, at).unwrap_or(0);
    let (version, pages) = (number(4), u64::from(number(12)));
    if version != 0 {
        return Err(Unread::Unsupported(format!("version {version} of RPM's `ndb`")));
    }
    let end = pages.saturating_mul(PAGE);
    if pages == 0 {
        return Err(malformed("it has no pages of slots"));
    }
    // Blobs do not lie over each other, so that all of them together fit into the file.
    let mut room = input.size();
    let mut cursor = input.cursor(HEADER, 64 << 10);
    while cursor.offset() < end && !found.is_full() {
        let at = cursor.offset();
        let slot: [u8; 16] = cursor.array()?;
        let number = |at| u32_at(&slot, at).unwrap_or(0);
        if !slot.starts_with(b"Slot") {
            found.notes.lost("a slot is none", Some(Span::Offset(at)));
            continue;
        }
        let (package, first, blocks) = (number(4), u64::from(number(8)), u64::from(number(12)));
        if first == 0 {
            continue;
        }
        let start = first.saturating_mul(BLOCK);
        let read = blob(input, package, start, blocks.saturating_mul(BLOCK), end, &mut room);
        if let Some(blob) = found.part(at, read)? {
            found.header(start, &blob);
        }
        if room == 0 {
            return Err(malformed("its packages lie over each other"));
        }
    }
    Ok(())
}

/// The content of the blob of `size` bytes with head and tail.
fn blob(
    input: &Input,
    package: u32,
    start: u64,
    size: u64,
    slots: u64,
    room: &mut u64,
) -> Result<Vec<u8>, Unread> {
    let most = most_header(input);
    if start < slots {
        return Err(malformed("a package lies among the slots"));
    }
    if start.saturating_add(size) > input.size() {
        return Err(Unread::Truncated { offset: input.size() });
    }
    if size > most {
        return Err(Unread::Limit(LimitKind::StateBytes, most));
    }
    *room = room.saturating_sub(size);
    let head = input.read_vec(start, BLOCK.min(size), BLOCK)?;
    let number = |at| u32_at(&head, at).unwrap_or(0);
    let stated = u64::from(number(12));
    if !head.starts_with(b"BlbS") || number(4) != package {
        return Err(malformed("a slot points to no package, or to another one"));
    }
    let needed = BLOCK.saturating_add(stated).saturating_add(TAIL).div_ceil(BLOCK).saturating_mul(BLOCK);
    if needed != size {
        return Err(malformed("a package has another size than its slot says"));
    }
    let tail = input.read_vec(start.saturating_add(size).saturating_sub(TAIL), TAIL, TAIL)?;
    if u32_at(&tail, 4) != Some(number(12)) || !tail.ends_with(b"BlbE") {
        return Err(malformed("a package has no end"));
    }
    input.read_vec(start.saturating_add(BLOCK), stated, most)
}
