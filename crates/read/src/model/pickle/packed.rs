//! Joblib's packed files: the whole stream inside zlib, gzip, bzip2, xz, LZMA or LZ4.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::sink::{Body, Child, Sink};

/// Hands the stream inside out, or says why not. False when the entry is not packed.
pub(super) fn unpack(input: &Input, sink: &mut Sink) -> Result<bool, Unread> {
    let mut head = [0; 10];
    let filled = input.read_some(0, &mut head)?;
    let size = input.size();
    let (name, start, end) = match head.get(..filled).unwrap_or_default() {
        // RFC 1950: deflate with a window of 32 KiB, the check bits, no dictionary; then Adler-32.
        [0x78, flags @ (0x01 | 0x5e | 0x9c | 0xda), ..] => {
            let _ = flags;
            ("zlib", 2, size.saturating_sub(4))
        }
        // RFC 1952.
        [0x1f, 0x8b, 8, flags, ..] => match gzip_start(input, *flags)? {
            Some(start) => ("gzip", start, size.saturating_sub(8)),
            None => return Err(Unread::Malformed("the header of gzip is broken".to_owned())),
        },
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => return Err(unsupported("bzip2")),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => return Err(unsupported("xz")),
        [0x5d, 0, 0, ..] => return Err(unsupported("LZMA")),
        [0x04, 0x22, 0x4d, 0x18, ..] => return Err(unsupported("LZ4")),
        _ => return Ok(false),
    };
    let body = Body::Deflate { offset: start, size: end.saturating_sub(start), unpacked: 0 };
    sink.child(Child { step: name.into(), body, reader: Some("pickle") });
    Ok(true)
}

fn unsupported(codec: &str) -> Unread {
    Unread::Unsupported(format!("a pickle packed with {codec}"))
}

/// Where the packed bytes begin behind the header; none when it does not end.
fn gzip_start(input: &Input, flags: u8) -> Result<Option<u64>, Unread> {
    let mut cursor = input.cursor(10, 512);
    if flags & 0x04 != 0 {
        let extra = u16::from_le_bytes(cursor.array()?);
        cursor.skip(u64::from(extra));
    }
    for flag in [0x08, 0x10] {
        if flags & flag != 0 {
            loop {
                match cursor.byte()? {
                    Some(0) => break,
                    Some(_) => {}
                    None => return Ok(None),
                }
            }
        }
    }
    if flags & 0x02 != 0 {
        cursor.skip(2);
    }
    Ok((cursor.offset() < input.size()).then_some(cursor.offset()))
}
