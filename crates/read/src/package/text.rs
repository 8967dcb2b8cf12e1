//! Lines and characters of text files that nobody vouches for.

use std::fmt::Write as _;

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::{Cursor, Input};
use weighbridge_core::place::Span;

/// How much of a line a message quotes, in characters.
const MOST_QUOTED: usize = 120;

/// The span of a line counted from 1; none for a line number beyond all reason.
pub(super) fn line_span(number: usize) -> Option<Span> {
    u32::try_from(number).ok().map(Span::Line)
}

/// A short, printable piece of `text` for a message.
pub(super) fn quoted(text: &str) -> String {
    printable(text.trim(), MOST_QUOTED)
}

/// The first `most` characters of `text`. Characters that a terminal or editor would obey or hide are written as
/// escapes, so that what is shown is what is there.
pub(super) fn printable(text: &str, most: usize) -> String {
    if text.len() <= most && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len().min(most));
    for (count, character) in text.chars().enumerate() {
        if count >= most {
            // Writing to a `String` cannot fail.
            let _ = write!(out, "… ({} bytes)", text.len());
            break;
        }
        if is_deceptive(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// Control characters, and those that reorder or hide text (Unicode, *Bidirectional Character Types* and
/// *Default Ignorable Code Points*).
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Text, and what was wrong with its encoding.
pub(super) struct Decoded {
    /// The text without its byte-order mark.
    pub(super) text: String,
    /// The complaint and its line, if the bytes do not follow their encoding.
    pub(super) problem: Option<(String, usize)>,
}

/// Decodes as `pip` does: by byte-order mark, by a PEP 263 comment naming Latin-1, else as UTF-8. What is not UTF-8 is
/// read as Latin-1, which keeps every ASCII character in its place.
pub(super) fn decode(bytes: &[u8]) -> Decoded {
    let fine = |text: String| Decoded { text, problem: None };
    // The marks of UTF-32 begin like those of UTF-16 and so come first.
    if let Some(rest) = bytes.strip_prefix(&[0xff, 0xfe, 0, 0]) {
        return utf32(rest, u32::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(&[0, 0, 0xfe, 0xff]) {
        return utf32(rest, u32::from_be_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(&[0xff, 0xfe]) {
        return utf16(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(&[0xfe, 0xff]) {
        return utf16(rest, u16::from_be_bytes);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => fine(text.to_owned()),
        Err(error) => {
            let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
            if names_latin_1(&text) {
                return fine(text);
            }
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
            Decoded { text, problem: Some(("not UTF-8; read as Latin-1".to_owned(), line)) }
        }
    }
}

/// Whether a comment in the first two lines names Latin-1 as the encoding (PEP 263).
fn names_latin_1(text: &str) -> bool {
    text.lines().take(2).filter(|line| line.trim_start().starts_with('#')).any(|line| {
        let Some((_, named)) = line.split_once("coding") else { return false };
        let named = named.trim_start_matches([':', '=']).trim_start().to_ascii_lowercase().replace('_', "-");
        named.starts_with("latin-1") || named.starts_with("iso-8859-1")
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Decoded {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut wrong = !rest.is_empty();
    let text = char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
        .map(|character| {
            character.unwrap_or_else(|_| {
                wrong = true;
                char::REPLACEMENT_CHARACTER
            })
        })
        .collect();
    Decoded { text, problem: wrong.then(|| ("not UTF-16 as its byte-order mark says".to_owned(), 1)) }
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> Decoded {
    let (groups, rest) = bytes.as_chunks::<4>();
    let mut wrong = !rest.is_empty();
    let text = groups
        .iter()
        .map(|group| {
            char::from_u32(unit(*group)).unwrap_or_else(|| {
                wrong = true;
                char::REPLACEMENT_CHARACTER
            })
        })
        .collect();
    Decoded { text, problem: wrong.then(|| ("not UTF-32 as its byte-order mark says".to_owned(), 1)) }
}

/// The lines of `text` as Python's `str.splitlines` cuts them, each with the number under which an editor shows it:
/// Python also cuts at characters such as the form feed, which editors show inside a line.
pub(super) fn python_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = text;
    let mut number = 1usize;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let this = number;
        let Some((at, end)) = rest.char_indices().find(|(_, character)| is_line_end(*character)) else {
            return Some((this, std::mem::take(&mut rest)));
        };
        let (line, tail) = rest.split_at(at);
        rest = tail.strip_prefix(end).unwrap_or_default();
        if end == '\r' {
            rest = rest.strip_prefix('\n').unwrap_or(rest);
        }
        if end == '\r' || end == '\n' {
            number = number.saturating_add(1);
        }
        Some((this, line))
    })
}

/// Where `str.splitlines` cuts (Python Standard Library, *str.splitlines*).
fn is_line_end(character: char) -> bool {
    matches!(
        character,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Bytes read at once.
const WINDOW: usize = 16 << 10;

/// Reads lines forward in bounded memory.
pub(super) struct RawLines<'input> {
    input: &'input Input,
    cursor: Cursor<'input>,
    number: usize,
}

/// One line without its end.
pub(super) struct RawLine {
    /// Counted from 1.
    pub(super) number: usize,
    /// The beginning of the line.
    pub(super) bytes: Vec<u8>,
    /// The line is longer than asked for; the rest was passed over.
    pub(super) cut: bool,
    /// The line ends in a line break, not in the end of the input.
    pub(super) ended: bool,
}

impl<'input> RawLines<'input> {
    pub(super) fn new(input: &'input Input) -> Self {
        Self { input, cursor: input.cursor(0, WINDOW), number: 0 }
    }

    /// Bytes taken so far.
    pub(super) fn offset(&self) -> u64 {
        self.cursor.offset()
    }

    /// Where the next line begins, and how many lines lie before it.
    pub(super) fn mark(&self) -> (u64, usize) {
        (self.offset(), self.number)
    }

    /// Reads on from a mark.
    pub(super) fn go_back(&mut self, (offset, number): (u64, usize)) {
        self.cursor = self.input.cursor(offset, WINDOW);
        self.number = number;
    }

    /// The next line, of which at most `most` bytes are kept; none at the end.
    pub(super) fn next(&mut self, most: usize) -> Result<Option<RawLine>, Unread> {
        let mut line =
            RawLine { number: self.number.saturating_add(1), bytes: Vec::new(), cut: false, ended: false };
        let mut any = false;
        loop {
            let window = self.cursor.peek()?;
            if window.is_empty() {
                break;
            }
            any = true;
            let end = window.iter().position(|byte| *byte == b'\n');
            let piece = window.get(..end.unwrap_or(window.len())).unwrap_or_default();
            let room = most.saturating_sub(line.bytes.len());
            line.cut |= piece.len() > room;
            line.bytes.extend_from_slice(piece.get(..room).unwrap_or(piece));
            let taken = piece.len().saturating_add(usize::from(end.is_some()));
            self.cursor.skip(u64::try_from(taken).unwrap_or(u64::MAX));
            if end.is_some() {
                line.ended = true;
                break;
            }
        }
        self.number = line.number;
        Ok(any.then_some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_as_python_cuts_and_numbered_as_editors_number() {
        let check = |text: &str, expected: &[(usize, &str)]| {
            assert_eq!(python_lines(text).collect::<Vec<_>>(), expected, "{text:?}");
        };
        check("", &[]);
        check("a", &[(1, "a")]);
        check("a\n\nb\n", &[(1, "a"), (2, ""), (3, "b")]);
        check("a\r\nb\rc", &[(1, "a"), (2, "b"), (3, "c")]);
        check("# a\u{c}import b\nc", &[(1, "# a"), (1, "import b"), (2, "c")]);
        check("a\u{2028}b\u{85}c", &[(1, "a"), (1, "b"), (1, "c")]);
    }

    #[test]
    fn encodings_are_found_by_mark_comment_or_validity() {
        let check = |bytes: &[u8], text: &str, problem: Option<usize>| {
            let decoded = decode(bytes);
            assert_eq!(
                (decoded.text.as_str(), decoded.problem.map(|(_, line)| line)),
                (text, problem),
                "{bytes:?}"
            );
        };
        check(b"\xef\xbb\xbfa", "a", None);
        check(b"\xff\xfea\0\xe9\0", "aé", None);
        check(b"\xfe\xff\0a", "a", None);
        check(b"\xff\xfe\0\0a\0\0\0", "a", None);
        check(b"\xff\xfea\0b", "a", Some(1));
        check(b"\xff\xfe\0\xd8", "\u{fffd}", Some(1));
        check(b"# -*- coding: latin-1 -*-\n\xe9", "# -*- coding: latin-1 -*-\né", None);
        check(b"a\nb\xe9", "a\nbé", Some(2));
    }

    #[test]
    fn what_is_shown_cannot_deceive() {
        assert_eq!(printable("a\x1b[2Kb\u{202e}c", 99), "a\\u{1b}[2Kb\\u{202e}c");
        assert_eq!(printable("äbc", 2), "äb… (4 bytes)");
        assert_eq!(printable("abc", 3), "abc");
    }
}
