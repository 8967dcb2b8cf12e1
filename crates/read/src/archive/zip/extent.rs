//! How far an archive reaches that begins inside of a file: files of several archives, one behind the other.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;

use super::{SIZES_FOLLOW, header};
use crate::bytes::{array_at, u16_at, u64_at};

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
                let streamed = member.flags & SIZES_FOLLOW != 0;
                if streamed && member.packed == 0 && member.unpacked != 0 {
                    return Ok(None);
                }
                let after = if streamed { header::descriptor(input, end, &member)? } else { 0 };
                end.checked_add(after)
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
