//! The two headers of a member: the entry in the central directory and the local header before the data.

use std::borrow::Cow;

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::{Cursor, Input};

use super::{Data, Member};
use crate::bytes::{offset, u16_at, u32_at, u64_at};

/// Bytes of a directory entry without name, extra field and comment (APPNOTE 4.3.12).
const CENTRAL: usize = 46;
/// Bytes of a local header without name and extra field (APPNOTE 4.3.7).
const LOCAL: usize = 30;
/// Bytes read at once for a local header: nearly all names and extra fields fit.
const LOCAL_WINDOW: usize = 512;

/// The next entry of a central directory, and how far offsets in it are shifted; none where there is no entry.
pub(super) fn central(cursor: &mut Cursor<'_>, shift: u64) -> Result<Option<Member>, Unread> {
    let fixed = cursor.array::<CENTRAL>()?;
    if !fixed.starts_with(b"PK\x01\x02") {
        return Ok(None);
    }
    let lengths = (|| Some((u16_at(&fixed, 28)?, u16_at(&fixed, 30)?, u16_at(&fixed, 32)?)))();
    let Some((name, extra, comment)) = lengths else { return Ok(None) };
    let name = take(cursor, name)?;
    let extra = take(cursor, extra)?;
    cursor.skip(u64::from(comment));
    // Made on Unix: the upper half of the external attributes is the mode (APPNOTE 4.4.2, 4.4.15).
    let unix = fixed.get(5) == Some(&3);
    let member = (|| {
        Some(Member {
            name: name_of(&name),
            flags: u16_at(&fixed, 8)?,
            method: u16_at(&fixed, 10)?,
            checksum: u32_at(&fixed, 16)?,
            packed: u64::from(u32_at(&fixed, 20)?),
            unpacked: u64::from(u32_at(&fixed, 24)?),
            header: u64::from(u32_at(&fixed, 42)?),
            link: unix && (u32_at(&fixed, 38)? >> 16) & 0o170_000 == 0o120_000,
            other_name: unicode_name(&extra, &name),
        })
    })();
    Ok(member.map(|mut member| {
        zip64(&extra, &mut [&mut member.unpacked, &mut member.packed, &mut member.header]);
        member.header = member.header.saturating_add(shift);
        member
    }))
}

/// The local header at `at` and the data that follow it by its own word; none if there is no header or it breaks off.
pub(super) fn local(input: &Input, at: u64) -> Result<Option<(Member, Data)>, Unread> {
    let mut window = [0; LOCAL_WINDOW];
    let filled = input.read_some(at, &mut window)?;
    let fixed = window.get(..filled).unwrap_or_default();
    if fixed.len() < LOCAL || !fixed.starts_with(b"PK\x03\x04") {
        return Ok(None);
    }
    let (Some(name_size), Some(extra_size)) = (u16_at(fixed, 26), u16_at(fixed, 28)) else { return Ok(None) };
    let names = usize::from(name_size).saturating_add(usize::from(extra_size));
    let names = match fixed.get(LOCAL..LOCAL.saturating_add(names)) {
        Some(names) => Cow::Borrowed(names),
        None => {
            let mut large = vec![0; names];
            if input.read_some(at.saturating_add(offset(LOCAL)), &mut large)? < large.len() {
                return Ok(None);
            }
            Cow::Owned(large)
        }
    };
    let (name, extra) = names.split_at_checked(usize::from(name_size)).unwrap_or_default();
    let member = (|| {
        Some(Member {
            name: name_of(name),
            flags: u16_at(fixed, 6)?,
            method: u16_at(fixed, 8)?,
            checksum: u32_at(fixed, 14)?,
            packed: u64::from(u32_at(fixed, 18)?),
            unpacked: u64::from(u32_at(fixed, 22)?),
            header: at,
            link: false,
            other_name: None,
        })
    })();
    Ok(member.map(|mut member| {
        zip64(extra, &mut [&mut member.unpacked, &mut member.packed]);
        let start = at.saturating_add(offset(LOCAL)).saturating_add(offset(names.len()));
        let data = Data { offset: start, size: member.packed };
        (member, data)
    }))
}

/// Bytes of the data descriptor at `at`, which holds checksum and sizes again; 0 where there is none that agrees with
/// the directory (APPNOTE 4.3.9: with or without a signature, with four or eight bytes a size).
pub(super) fn descriptor(input: &Input, at: u64, member: &Member) -> Result<u64, Unread> {
    let mut bytes = [0; 24];
    let filled = input.read_some(at, &mut bytes)?;
    let bytes = bytes.get(..filled).unwrap_or_default();
    let signed = bytes.starts_with(b"PK\x07\x08");
    let body = if signed { bytes.get(4..).unwrap_or_default() } else { bytes };
    let signature = if signed { 4 } else { 0 };
    if u32_at(body, 0) != Some(member.checksum) {
        // The signature alone is word enough: the sizes are compared elsewhere.
        return Ok(if signed { 16 } else { 0 });
    }
    if u64_at(body, 4) == Some(member.packed) && u64_at(body, 12) == Some(member.unpacked) {
        return Ok(20u64.saturating_add(signature));
    }
    Ok(12u64.saturating_add(signature))
}

/// Replaces the fields that are all ones by those of the zip64 extra field, in order (APPNOTE 4.5.3).
fn zip64(extra: &[u8], fields: &mut [&mut u64]) {
    let Some(field) = fields_of(extra).find_map(|(id, field)| (id == 1).then_some(field)) else { return };
    let mut values = field.chunks_exact(8).filter_map(|chunk| u64_at(chunk, 0));
    for value in fields.iter_mut().filter(|value| ***value == u64::from(u32::MAX)) {
        if let Some(large) = values.next() {
            **value = large;
        }
    }
}

/// The name in the Unicode path extra field, where it is another one (APPNOTE 4.6.9).
fn unicode_name(extra: &[u8], name: &[u8]) -> Option<String> {
    let (_, field) = fields_of(extra).find(|(id, _)| *id == 0x7075)?;
    let other = field.get(5..)?;
    // The name in the header may be the same one in another character set: only ASCII can be compared.
    (other != name && name.is_ascii()).then(|| name_of(other))
}

/// Ids and contents of the extra fields (APPNOTE 4.5.1).
fn fields_of(extra: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = extra;
    std::iter::from_fn(move || {
        let (id, size) = (u16_at(rest, 0)?, u16_at(rest, 2)?);
        let (field, after) = rest.get(4..)?.split_at_checked(usize::from(size))?;
        rest = after;
        Some((id, field))
    })
}

/// The name as text; bytes that are not UTF-8 are written `\xHH`.
fn name_of(bytes: &[u8]) -> String {
    let mut name = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        name.push_str(chunk.valid());
        for byte in chunk.invalid() {
            name.push_str(&format!("\\x{byte:02x}"));
        }
    }
    name
}

/// The next `count` bytes; at most 64 KiB, so the claim may be allocated.
fn take(cursor: &mut Cursor<'_>, count: u16) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::with_capacity(usize::from(count));
    while bytes.len() < usize::from(count) {
        let missing = usize::from(count).saturating_sub(bytes.len());
        let at = cursor.offset();
        let next = cursor.peek()?;
        let part = next.get(..missing.min(next.len())).unwrap_or_default();
        if part.is_empty() {
            return Err(Unread::Truncated { offset: at });
        }
        bytes.extend_from_slice(part);
        let taken = offset(part.len());
        cursor.skip(taken);
    }
    Ok(bytes)
}
