//! Foreign text made safe to show.

/// The text on one line, with everything escaped that a terminal would act on or not show: control characters (and
/// with them every ANSI sequence), bidirectional overrides (CVE-2021-42574), and what is invisible.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if character.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(character))),
            _ if is_invisible(character) => out.push_str(&format!("\\u{{{:x}}}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out
}

/// Characters without a glyph, or that change the direction or look of others (Unicode 16: general categories Cf, Zl,
/// Zp and Co, default-ignorable code points, and blank letters).
pub(crate) fn is_invisible(character: char) -> bool {
    matches!(u32::from(character),
        0xad | 0x34f | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
        | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x2800 | 0x3164 | 0xe000..=0xf8ff | 0xfe00..=0xfe0f
        | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff
        | 0xf0000..=0x10ffff)
}

/// A path as a relative URI reference (RFC 3986 section 4.2); a first name with a colon is kept from being a scheme.
pub(crate) fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte))
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    // An empty reference or one that begins with `//` would mean something else.
    if out.is_empty() {
        ".".to_owned()
    } else {
        format!("{}{out}", if out.starts_with("//") { "." } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_harmless_to_look_at() {
        for (input, expected) in [
            ("plain › Ünïcödé 模型", "plain › Ünïcödé 模型"),
            ("\u{1b}[2J\u{1b}]8;;http://a\u{7}", "\\x1b[2J\\x1b]8;;http://a\\x07"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{9b}31m", "\\x9b31m"),
            ("model\u{202e}lkp.exe", "model\\u{202e}lkp.exe"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
        ] {
            assert_eq!(escape(input), expected);
        }
    }

    #[test]
    fn paths_become_references() {
        for (input, expected) in [
            ("models/a b.pkl", "models/a%20b.pkl"),
            ("c:/a", "c%3A/a"),
            ("", "."),
            ("//a", ".//a"),
            ("ä?#", "%C3%A4%3F%23"),
        ] {
            assert_eq!(uri(input), expected);
        }
    }
}
