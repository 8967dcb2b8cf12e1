//! Joblib's packed files: the whole stream inside zlib, gzip, bzip2, xz, LZMA or LZ4.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::sink::{Body, Child, Sink};

use super::super::gzip;

/// Joblib before 0.10 wrote this, the unpacked size as `hex()` of Python prints it, filled up with spaces, and then
/// zlib (`joblib/numpy_pickle_compat.py`, `read_zfile`).
const ZFILE: &[u8] = b"ZF0x";
/// Bytes of mark and size; Python 2 wrote one more space.
const ZFILE_HEADER: u64 = 21;
/// Bytes of the zlib header (RFC 1950, section 2.2) and of the checksum at its end.
const ZLIB_HEADER: u64 = 2;
const ZLIB_TRAILER: u64 = 4;

/// Whether these first bytes are those of a pickle packed in a way that nobody but joblib uses.
pub(super) fn is_packed(head: &[u8]) -> bool {
    head.strip_prefix(ZFILE)
        .and_then(|rest| rest.first_chunk::<17>())
        .is_some_and(|size| size.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b' ' | b'L')))
}

/// Hands the stream inside out, or says why not. False when the entry is not packed.
pub(super) fn unpack(input: &Input, sink: &mut Sink) -> Result<bool, Unread> {
    let mut head = [0; 32];
    let filled = input.read_some(0, &mut head)?;
    let head = head.get(..filled).unwrap_or_default();
    let mut reader = Some("pickle");
    let (name, body) = match head {
        _ if is_zlib(head) => ("zlib", zlib(input, 0)),
        [0x1f, 0x8b, 8, ..] => ("gzip", gzip::body(input)?),
        _ if is_packed(head) => {
            // Arrays lay beside the pickle then, the bare bytes of one in each file.
            if sink.place().name().to_ascii_lowercase().ends_with(".npy.z") {
                reader = None;
            }
            let wider = head.get(21) == Some(&b' ');
            ("zlib", zlib(input, ZFILE_HEADER.saturating_add(u64::from(wider))))
        }
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => return Err(unsupported("bzip2")),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => return Err(unsupported("xz")),
        [0x5d, 0, 0, ..] => return Err(unsupported("LZMA")),
        [0x04, 0x22, 0x4d, 0x18, ..] => return Err(unsupported("LZ4")),
        _ => return Ok(false),
    };
    sink.child(Child { step: name.into(), body, reader });
    Ok(true)
}

/// Whether these are first bytes of zlib: deflate with a window of 32 KiB, the check bits, no dictionary.
pub(in super::super) fn is_zlib(head: &[u8]) -> bool {
    matches!(head, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..])
}

/// What is packed by zlib from `start`.
pub(in super::super) fn zlib(input: &Input, start: u64) -> Body {
    let offset = start.saturating_add(ZLIB_HEADER);
    let size = input.size().saturating_sub(ZLIB_TRAILER).saturating_sub(offset);
    Body::Deflate { offset, size, unpacked: 0, stated: false }
}

fn unsupported(codec: &str) -> Unread {
    Unread::Unsupported(format!("a pickle packed with {codec}"))
}
