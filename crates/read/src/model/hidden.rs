//! Pickles that hide in texts: base64 or hexadecimal, as programs put them into the free attributes of a model.

/// The longest text that is decoded, in bytes.
pub(crate) const LONGEST: usize = 16 << 20;

/// The bytes of the pickle that a text stands for, if it does.
pub(crate) fn pickle(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if text.len() < 8 || text.len() > LONGEST {
        return None;
    }
    // `b'…'` is how Python writes bytes into a text.
    let text = text.strip_prefix("b'").and_then(|rest| rest.strip_suffix('\'')).unwrap_or(text);
    let decoded = if text.starts_with("80") { hexadecimal(text) } else { base64(text) }?;
    // Protocols 2 to 5 say so in their first two bytes, and all end with STOP, perhaps before something else.
    let begins = matches!(decoded.as_slice(), [0x80, 2..=5, ..]);
    (begins && decoded.contains(&b'.')).then_some(decoded)
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes()
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => Some(digit(high)?.checked_mul(16)?.checked_add(digit(low)?)?),
            _ => None,
        })
        .collect()
}

/// RFC 4648, sections 4 and 5, with or without padding, across lines.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut bits = 0u32;
    let mut count = 0u32;
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte.wrapping_sub(b'A'),
            b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' | b'\n' | b'\r' => continue,
            _ => return None,
        };
        bits = bits.wrapping_shl(6) | u32::from(value);
        count = count.wrapping_add(6);
        if count >= 8 {
            count = count.wrapping_sub(8);
            bytes.push(u8::try_from(bits.wrapping_shr(count) & 0xff).unwrap_or_default());
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pickles_are_found_and_other_texts_are_not() {
        let plain = b"\x80\x04K\x01.".to_vec();
        for text in ["gARLAS4=", " gARLAS4=\n", "b'gARLAS4='", "80044b012e"] {
            assert_eq!(pickle(text), Some(plain.clone()), "{text}");
        }
        for text in ["", "gARL", "hello, world", "{\"n_classes\": 3}", "8004", "0.25", "AAAAAAAAAAAA"] {
            assert_eq!(pickle(text), None, "{text}");
        }
    }
}
