//! How far an archive reaches that begins inside of a file: files of several archives, one behind the other.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;

use super::{SIZES_FOLLOW, header};
use crate::bytes::{array_at, length, offset, u16_at, u32_at, u64_at};

/// Bytes searched at a time.
const WINDOW: u64 = 64 << 10;

/// Where the archive that begins at `start` ends, by its own headers from the first to the last; none where they do not
/// lead to an end record.
///
/// # Errors
/// What the system says, or the wish to stop.
pub(crate) fn extent(input: &Input, start: u64) -> Result<Option<u64>, Unread> {
    let mut at = start;
    loop {
        let mut head = [0; 56];
        let filled = input.read_some(at, &mut head)?;
        let head = head.get(..filled).unwrap_or_default();
        let next = match array_at::<4>(head, 0).as_ref() {
            Some(b"PK\x03\x04") => {
                let Some((member, data)) = header::local(input, at)? else { return Ok(None) };
                let end = data.offset.saturating_add(data.size);
                match member.flags & SIZES_FOLLOW != 0 {
                    // PyTorch leaves the sizes to the descriptor.
                    true if member.packed == 0 => after_descriptor(input, data.offset)?,
                    true => end.checked_add(header::descriptor(input, end, &member)?),
                    false => Some(end),
                }
            }
            Some(b"PK\x01\x02") => (|| {
                let sizes = [u16_at(head, 28)?, u16_at(head, 30)?, u16_at(head, 32)?];
                sizes.iter().try_fold(at.checked_add(46)?, |at, size| at.checked_add(u64::from(*size)))
            })(),
            Some(b"PK\x06\x06") => u64_at(head, 4).and_then(|size| at.checked_add(12)?.checked_add(size)),
            Some(b"PK\x06\x07") => at.checked_add(20),
            Some(b"PK\x05\x06") => {
                let comment = u16_at(head, 20);
                let end = comment.and_then(|comment| at.checked_add(22)?.checked_add(u64::from(comment)));
                return Ok(end.filter(|end| *end <= input.size()));
            }
            _ => None,
        };
        match next.filter(|next| *next > at && *next <= input.size()) {
            Some(next) => at = next,
            None => return Ok(None),
        }
    }
}

/// Where the descriptor ends that states as many bytes as lie between `data` and itself (APPNOTE 4.3.9: with four or
/// eight bytes a size).
fn after_descriptor(input: &Input, data: u64) -> Result<Option<u64>, Unread> {
    let mut window = vec![0; length(WINDOW.min(input.size().saturating_sub(data)))];
    let mut at = data;
    loop {
        let filled = input.read_some(at, &mut window)?;
        let bytes = window.get(..filled).unwrap_or_default();
        for (position, four) in bytes.windows(4).enumerate() {
            if four != b"PK\x07\x08" {
                continue;
            }
            let found = at.saturating_add(offset(position));
            let mut descriptor = [0; 24];
            let filled = input.read_some(found, &mut descriptor)?;
            let descriptor = descriptor.get(..filled).unwrap_or_default();
            let size = found.saturating_sub(data);
            if u64_at(descriptor, 8) == Some(size) && u64_at(descriptor, 16).is_some() {
                return Ok(found.checked_add(24));
            }
            if u32_at(descriptor, 8).map(u64::from) == Some(size) {
                return Ok(found.checked_add(16));
            }
        }
        // A signature may straddle two windows.
        match offset(filled).checked_sub(3).filter(|step| *step > 0) {
            Some(step) if at.saturating_add(offset(filled)) < input.size() => at = at.saturating_add(step),
            _ => return Ok(None),
        }
    }
}
