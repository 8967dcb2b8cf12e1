//! The header of gzip (RFC 1952).

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::sink::Body;

/// Bytes of checksum and size after the packed bytes.
const TRAILER: u64 = 8;
/// The longest name or comment that is passed over, in bytes.
const LONGEST_TEXT: u64 = 64 << 10;

/// Flags of the header (section 2.3.1).
const EXTRA: u8 = 0x04;
const NAME: u8 = 0x08;
const COMMENT: u8 = 0x10;
const CHECKSUM: u8 = 0x02;

/// What is packed in the first member. A file may hold several, one after the other, which belong together: what
/// follows the first is told as not read when it is unpacked.
pub(super) fn body(input: &Input) -> Result<Body, Unread> {
    let mut cursor = input.cursor(0, 512);
    let Ok([0x1f, 0x8b, 8, flags, ..]) = cursor.array::<10>() else {
        return Err(Unread::Malformed("no gzip file: the first bytes are other ones".to_owned()));
    };
    if flags & EXTRA != 0 {
        let size = u16::from_le_bytes(cursor.array()?);
        cursor.skip(u64::from(size));
    }
    for flag in [NAME, COMMENT] {
        let from = cursor.offset();
        if flags & flag == 0 {
            continue;
        }
        loop {
            match cursor.byte()? {
                Some(0) => break,
                Some(_) if cursor.offset().saturating_sub(from) <= LONGEST_TEXT => {}
                Some(_) => return Err(Unread::Malformed("a text in the gzip header has no end".to_owned())),
                None => return Err(Unread::Truncated { offset: cursor.offset() }),
            }
        }
    }
    if flags & CHECKSUM != 0 {
        cursor.skip(2);
    }
    let offset = cursor.offset();
    let Some(size) = input.size().checked_sub(offset).and_then(|rest| rest.checked_sub(TRAILER)) else {
        return Err(Unread::Truncated { offset: input.size() });
    };
    let mut unpacked = [0; 4];
    input.read_exact(input.size().saturating_sub(4), &mut unpacked)?;
    Ok(Body::Deflate { offset, size, unpacked: u64::from(u32::from_le_bytes(unpacked)), stated: false })
}
