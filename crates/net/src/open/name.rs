//! File names as text, and back. Two different names never become the same text.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

/// The name as text: bytes that are not UTF-8 are written `\xHH`, and so is a backslash that could be taken for the
/// beginning of such a byte.
pub(super) fn text(name: &OsStr) -> String {
    let bytes = name.as_encoded_bytes();
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for (at, character) in chunk.valid().char_indices() {
            let rest = chunk.valid().get(at..).unwrap_or_default();
            if character == '\\' && escaped(rest.as_bytes()).is_some() {
                text.push_str("\\x5c");
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// The name behind `text`, as [`text`] wrote it; none where the system knows no such names.
pub(super) fn name(text: &str) -> Option<OsString> {
    let mut rest = text.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((first, tail)) = rest.split_first() {
        match escaped(rest) {
            Some(byte) => {
                bytes.push(byte);
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    from_bytes(bytes)
}

/// The path below a root as text with `/` between names; none if it does not lie below the root.
pub(super) fn path_text(path: &Path, root: &Path) -> Option<String> {
    let below = path.strip_prefix(root).ok()?;
    let mut joined = String::new();
    for component in below.components() {
        let Component::Normal(name) = component else { return None };
        if !joined.is_empty() {
            joined.push('/');
        }
        joined.push_str(&text(name));
    }
    Some(joined)
}

/// The path behind a text with `/` between names; none for an absolute path or one with `.` or `..`.
pub(super) fn path(text: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in text.split('/') {
        let name = name(part)?;
        // A name that the system would take for more than one name, or for none, is nothing that a walk writes.
        let mut components = Path::new(&name).components();
        if !matches!((components.next(), components.next()), (Some(Component::Normal(_)), None)) {
            return None;
        }
        path.push(name);
    }
    Some(path)
}

/// The byte that `\xHH` at the beginning of `bytes` stands for.
fn escaped(bytes: &[u8]) -> Option<u8> {
    let digits = bytes.strip_prefix(b"\\x")?.get(..2)?;
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(is_lower_hex))?;
    u8::from_str_radix(digits, 16).ok()
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(unix)]
fn from_bytes(bytes: Vec<u8>) -> Option<OsString> {
    Some(std::os::unix::ffi::OsStringExt::from_vec(bytes))
}

#[cfg(not(unix))]
fn from_bytes(bytes: Vec<u8>) -> Option<OsString> {
    String::from_utf8(bytes).ok().map(OsString::from)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn names_survive_the_round_trip_and_stay_apart() {
        for (bytes, expected) in [
            (&b"plain.txt"[..], "plain.txt"),
            ("müller".as_bytes(), "müller"),
            (b"a\xffb", "a\\xffb"),
            (b"a\\xffb", "a\\x5cxffb"),
            (b"a\\x5cxffb", "a\\x5cx5cxffb"),
            (b"a\\xFFb", "a\\xFFb"),
            (b"\\x\xff", "\\x\\xff"),
            (b"\\\xff", "\\\\xff"),
            (b"\xc3", "\\xc3"),
        ] {
            let written = text(OsStr::from_bytes(bytes));
            assert_eq!(written, expected);
            assert_eq!(name(&written).unwrap().as_bytes(), bytes, "{written}");
        }
    }

    #[test]
    fn only_paths_below_are_paths() {
        assert_eq!(path("a/b"), Some(PathBuf::from("a/b")));
        for text in ["", "/a", "a//b", "a/", "..", "a/../b", "./a", "\\x2e\\x2e/b", "a\\x2fb"] {
            assert_eq!(path(text), None, "{text}");
        }
    }
}
