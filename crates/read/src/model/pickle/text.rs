//! The textual forms of numbers and strings, exactly as strict as CPython's C unpickler.

use std::borrow::Cow;

/// A line up to its first NUL: what the C functions that parse numbers see of it.
fn c_string(line: &[u8]) -> &[u8] {
    line.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

fn trim_start(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| is_space(**byte)).count();
    text.get(spaces..).unwrap_or_default()
}

fn trim(text: &[u8]) -> &[u8] {
    let text = trim_start(text);
    let spaces = text.iter().rev().take_while(|byte| is_space(**byte)).count();
    text.get(..text.len().saturating_sub(spaces)).unwrap_or_default()
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    }
}

/// An integer in text form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Integer {
    /// `True` or `False`: INT with two digits.
    Bool(bool),
    /// One that fits.
    Small(i64),
    /// A larger one, as it is written.
    Large,
}

/// The argument of INT, without its newline: `strtol` with base 0, else Python's `int(text, 0)`.
pub(super) fn int(line: &[u8]) -> Option<Integer> {
    let (negative, digits) = split_sign(trim_start(c_string(line)));
    let (base, digits, bare) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest, false),
        [b'0', ..] => (8, digits, true),
        _ => (10, digits, true),
    };
    let whole = !digits.is_empty() && digits.iter().all(|digit| char::from(*digit).is_digit(base));
    // `strtol` takes no digits at all for zero, and only a line that is empty up to a NUL ends where it must.
    if c_string(line).is_empty() && !line.is_empty() {
        return Some(Integer::Small(0));
    }
    if whole || (bare && digits == b"0") {
        let value = digits.iter().try_fold(0i64, |value, digit| {
            let digit = i64::from(char::from(*digit).to_digit(base)?);
            let value = value.checked_mul(i64::from(base))?;
            if negative { value.checked_sub(digit) } else { value.checked_add(digit) }
        });
        if let Some(value) = value {
            return Some(match value {
                0 | 1 if line.len() == 2 => Integer::Bool(value == 1),
                _ => Integer::Small(value),
            });
        }
    }
    long(line, 0)
}

/// Python's `int(text, base)` for base 10 or 0, without the limit on digits that newer versions have.
pub(super) fn long(line: &[u8], base: u32) -> Option<Integer> {
    let (negative, digits) = split_sign(trim(c_string(line)));
    let (base, digits) = match (base, digits) {
        (0, [b'0', b'x' | b'X', rest @ ..]) => (16, rest.strip_prefix(b"_").unwrap_or(rest)),
        (0, [b'0', b'o' | b'O', rest @ ..]) => (8, rest.strip_prefix(b"_").unwrap_or(rest)),
        (0, [b'0', b'b' | b'B', rest @ ..]) => (2, rest.strip_prefix(b"_").unwrap_or(rest)),
        // Leading zeros are allowed for zero only.
        (0, [b'0', rest @ ..]) if rest.iter().any(|digit| !matches!(digit, b'0' | b'_')) => return None,
        (0, _) => (10, digits),
        (base, _) => (base, digits),
    };
    let mut value = Some(0i64);
    let mut after_digit = false;
    for byte in digits {
        if *byte == b'_' {
            if !after_digit {
                return None;
            }
            after_digit = false;
            continue;
        }
        let digit = i64::from(char::from(*byte).to_digit(base)?);
        after_digit = true;
        value = value
            .and_then(|value| value.checked_mul(i64::from(base)))
            .and_then(|value| if negative { value.checked_sub(digit) } else { value.checked_add(digit) });
    }
    if !after_digit {
        return None;
    }
    Some(value.map_or(Integer::Large, Integer::Small))
}

/// The argument of LONG, without its newline; an `L` at its end is dropped.
pub(super) fn long_line(line: &[u8]) -> Option<Integer> {
    long(line.strip_suffix(b"L").unwrap_or(line), 0)
}

/// The argument of GET and PUT, without its newline.
pub(super) fn index(line: &[u8]) -> Option<Integer> {
    long(line, 10)
}

/// The argument of FLOAT, without its newline. Overflow is an error, `inf` and `nan` are not.
pub(super) fn float(line: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(c_string(line)).ok()?;
    let value: f64 = text.parse().ok()?;
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    (value.is_finite() || !digits).then_some(value)
}

/// Whether `float()` of Python takes the line: white space around it, single underscores between digits, and any size.
pub(super) fn is_python_float(line: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(line) else { return false };
    let text = text.trim();
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let bytes = text.as_bytes();
    let underscores = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_');
    let mut between = underscores.map(|(at, _)| {
        digit(at.checked_sub(1).and_then(|before| bytes.get(before)))
            && digit(bytes.get(at.saturating_add(1)))
    });
    between.all(|between| between) && text.replace('_', "").parse::<f64>().is_ok()
}

/// The text between the quotes of STRING's argument, without its newline.
pub(super) fn unquote(line: &[u8]) -> Option<&[u8]> {
    match line {
        [first @ (b'\'' | b'"'), inner @ .., last] if first == last => Some(inner),
        _ => None,
    }
}

/// Decodes the backslash escapes of a bytes literal; none where Python raises.
pub(super) fn unescape(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next()? {
            b'\n' => {}
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'r' => bytes.push(b'\r'),
            b'b' => bytes.push(0x08),
            b'f' => bytes.push(0x0c),
            b'a' => bytes.push(0x07),
            b'v' => bytes.push(0x0b),
            quoted @ (b'\\' | b'\'' | b'"') => bytes.push(quoted),
            digit @ b'0'..=b'7' => {
                let mut value = u32::from(digit.wrapping_sub(b'0'));
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = rest.as_slice_first() else { break };
                    rest.next();
                    value = value.wrapping_mul(8).wrapping_add(u32::from(digit.wrapping_sub(b'0')));
                }
                bytes.push(value.to_le_bytes().first().copied().unwrap_or(0));
            }
            b'x' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                bytes.push(u8::try_from(high.wrapping_mul(16).wrapping_add(low)).ok()?);
            }
            other => bytes.extend([b'\\', other]),
        }
    }
    Some(Cow::Owned(bytes))
}

/// Looks at the next item of an iterator over bytes without taking it.
trait Ahead {
    fn as_slice_first(&self) -> Option<u8>;
}

impl Ahead for std::iter::Copied<std::slice::Iter<'_, u8>> {
    fn as_slice_first(&self) -> Option<u8> {
        self.clone().next()
    }
}

/// Decodes raw-unicode-escape: Latin-1 with `\uXXXX` and `\UXXXXXXXX`; none where Python raises. A lone surrogate,
/// which Rust's texts cannot hold, becomes U+FFFD.
pub(super) fn raw_unicode_escape(line: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            text.push(char::from(byte));
            continue;
        }
        let digits = match rest.next() {
            Some(b'u') => 4,
            Some(b'U') => 8,
            Some(other) => {
                text.push('\\');
                text.push(char::from(other));
                continue;
            }
            None => {
                text.push('\\');
                break;
            }
        };
        let mut code = 0u32;
        for _ in 0..digits {
            let digit = char::from(rest.next()?).to_digit(16)?;
            code = code.checked_mul(16)?.checked_add(digit)?;
        }
        if code > 0x10_ffff {
            return None;
        }
        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    Some(text)
}

/// Latin-1 to text.
pub(super) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// How `piece` goes on a check for UTF-8 in which lone surrogates are allowed (Python's `surrogatepass`): how many of
/// its bytes are whole characters; none when it is invalid. At the end (`last`) nothing may be left over.
pub(super) fn valid_utf8(piece: &[u8], last: bool) -> Option<usize> {
    let mut done = 0usize;
    loop {
        let rest = piece.get(done..)?;
        let error = match std::str::from_utf8(rest) {
            Ok(_) => return Some(piece.len()),
            Err(error) => error,
        };
        done = done.checked_add(error.valid_up_to())?;
        match piece.get(done..)? {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => done = done.checked_add(3)?,
            [0xed] | [0xed, 0xa0..=0xbf] if !last => return Some(done),
            _ if error.error_len().is_none() && !last => return Some(done),
            _ => return None,
        }
    }
}

/// UTF-8 with lone surrogates to text; a surrogate becomes U+FFFD.
pub(super) fn utf8(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// How texts begin that a judge wants to see wherever they stand: special names, and the keys of states under which some
/// libraries keep program text that they run when they are loaded.
const TELLING: [&[u8]; 4] = [b"__", b"_parse_a", b"formula", b"restore_"];

/// How many bytes tell whether a text is telling.
pub(super) const TELLING_BYTES: usize = 8;

/// Whether a text that begins so is telling. Of a `cut` text only the beginning of the beginning is here: it may be.
pub(super) fn is_telling(beginning: &[u8], cut: bool) -> bool {
    matches!(beginning, [b'_' | b'f' | b'r', ..])
        && TELLING
            .iter()
            .any(|telling| beginning.starts_with(telling) || (cut && telling.starts_with(beginning)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_by_c() {
        use Integer::{Bool, Large, Small};
        for (line, expected) in [
            ("00", Some(Bool(false))),
            ("01", Some(Bool(true))),
            ("+1", Some(Bool(true))),
            (" 1", Some(Bool(true))),
            ("1", Some(Small(1))),
            ("001", Some(Small(1))),
            ("010", Some(Small(8))),
            ("0x1f", Some(Small(31))),
            ("0b11", Some(Small(3))),
            ("0o17", Some(Small(15))),
            ("1_000", Some(Small(1000))),
            ("12 ", Some(Small(12))),
            ("12 x", None),
            ("12\0x", Some(Small(12))),
            ("\0", Some(Small(0))),
            ("09", None),
            ("0x", None),
            ("", None),
            ("1__0", None),
            ("9223372036854775808", Some(Large)),
            ("-9223372036854775808", Some(Small(i64::MIN))),
        ] {
            assert_eq!(int(line.as_bytes()), expected, "INT {line:?}");
        }
        for (line, expected) in [
            ("5L", Some(Small(5))),
            ("5", Some(Small(5))),
            ("010L", None),
            ("0x10L", Some(Small(16))),
            ("L", None),
        ] {
            assert_eq!(long_line(line.as_bytes()), expected, "LONG {line:?}");
        }
    }

    #[test]
    fn floats_overflow_but_infinity_does_not() {
        let ok = |line: &str| float(line.as_bytes()).is_some();
        let lines =
            ["1.5", "1.", ".5", "inf", "-nan", "1e5", "1e999", "1e", " 1", "1 ", "0x1p3", "1_0", "", "."];
        let good: Vec<&str> = lines.into_iter().filter(|line| ok(line)).collect();
        assert_eq!(good, ["1.5", "1.", ".5", "inf", "-nan", "1e5"]);
    }

    #[test]
    fn escapes_are_read_as_in_a_bytes_literal() {
        for (text, expected) in [
            (r"a\x41\101\n\q", Some(&b"aAA\n\\q"[..])),
            (r"\777", Some(b"\xff")),
            (r"\x4", None),
            ("\\", None),
            (r"\18", Some(b"\x018")),
        ] {
            assert_eq!(unescape(text.as_bytes()).as_deref(), expected, "{text}");
        }
        assert_eq!(raw_unicode_escape(b"a\\u0041\\\\u0041\xe9\\").as_deref(), Some("aA\\\\u0041é\\"));
        assert_eq!(raw_unicode_escape(b"\\u004"), None);
        assert_eq!(raw_unicode_escape(b"\\U00110000"), None);
    }

    #[test]
    fn surrogates_pass_and_overlong_forms_do_not() {
        assert_eq!(valid_utf8(b"a\xed\xa0\x80b", true), Some(5));
        assert_eq!(valid_utf8(b"a\xed\xa0", true), None);
        assert_eq!(valid_utf8(b"a\xed\xa0", false), Some(1));
        assert_eq!(valid_utf8(b"a\xc0\x80", false), None);
        assert_eq!(valid_utf8("aé".as_bytes().get(..2).unwrap(), false), Some(1));
    }
}
