//! Base64 as `binascii.a2b_base64` reads it: what is no digit is skipped, and padding ends it.
//!
//! Source: `Modules/binascii.c` of CPython; RFC 4648, section 4.

/// The bytes that `text` stands for.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut group, mut digits) = (0u32, 0u8);
    for byte in text.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte.saturating_sub(b'A'),
            b'a'..=b'z' => byte.saturating_sub(b'a').saturating_add(26),
            b'0'..=b'9' => byte.saturating_sub(b'0').saturating_add(52),
            b'+' => 62,
            b'/' => 63,
            b'=' if digits > 1 => break,
            _ => continue,
        };
        group = group << 6 | u32::from(digit);
        digits = digits.saturating_add(1);
        // A digit has six bits; from the second one on each completes a byte.
        if let 2..=4 = digits {
            let shift = 8u32.saturating_sub(u32::from(digits).saturating_mul(2));
            let byte = group >> shift & 0xff;
            bytes.extend(u8::try_from(byte));
        }
        if digits == 4 {
            (group, digits) = (0, 0);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn text_becomes_bytes() {
        for (text, bytes) in [
            ("", b"".as_slice()),
            ("QQ==", b"A"),
            ("QUI=", b"AB"),
            ("QUJD", b"ABC"),
            ("QU\nJD\n/+8=\n", b"ABC\xff\xef"),
            ("gAROLg==", b"\x80\x04N."),
        ] {
            assert_eq!(decode(text), bytes, "{text}");
        }
    }
}
