//! Joblib's packed files: the whole stream inside one of the codecs that joblib knows.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::sink::{Child, Codec, Sink};

use crate::archive::compressed::{codec, stream};

/// Joblib before 0.10 wrote this, the unpacked size as `hex()` of Python prints it, filled up with spaces, and then
/// zlib (`joblib/numpy_pickle_compat.py`, `read_zfile`).
const ZFILE: &[u8] = b"ZF0x";
/// Bytes of mark and size; Python 2 wrote one more space.
const ZFILE_HEADER: u64 = 21;

/// Whether these first bytes are those of a pickle packed in a way that nobody but joblib uses.
pub(super) fn is_packed(head: &[u8]) -> bool {
    head.strip_prefix(ZFILE)
        .and_then(|rest| rest.first_chunk::<17>())
        .is_some_and(|size| size.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b' ' | b'L')))
}

/// Hands the stream inside out. False when the entry is not packed.
pub(super) fn unpack(input: &Input, sink: &mut Sink) -> Result<bool, Unread> {
    let mut head = [0; 32];
    let filled = input.read_some(0, &mut head)?;
    let head = head.get(..filled).unwrap_or_default();
    let mut reader = Some("pickle");
    let (codec, offset) = if is_packed(head) {
        // Arrays lay beside the pickle then, the bare bytes of one in each file.
        if sink.place().name().to_ascii_lowercase().ends_with(".npy.z") {
            reader = None;
        }
        let wider = head.get(21) == Some(&b' ');
        (Codec::Zlib, ZFILE_HEADER.saturating_add(u64::from(wider)))
    } else {
        match codec(head) {
            Some(codec) => (codec, 0),
            None => return Ok(false),
        }
    };
    let body = stream(codec, input, offset);
    sink.child(Child { step: codec.as_str().into(), body, reader });
    Ok(true)
}
