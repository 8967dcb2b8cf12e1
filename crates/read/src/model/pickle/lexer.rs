//! Operands of opcodes, read forward through a window.

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::input::{Cursor, Input};

use super::text;

/// Why a stream ends before STOP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::model) enum Fail {
    /// The loader raises an error here.
    Raises(&'static str),
    /// The stream wants bytes up to this offset, and the input ends before it.
    Truncated(u64),
    /// We cannot go on, though a loader may.
    Unread(Unread),
}

impl From<Unread> for Fail {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Truncated { offset } => Self::Truncated(offset.saturating_add(1)),
            other => Self::Unread(other),
        }
    }
}

/// What a loader does that is not the same for all. The machine runs as the first; where a stream is built such that
/// another one would do something else, it runs again as that one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::model) struct Loader {
    /// Reads from a file without look-ahead: an operand that crosses the end of a frame loses the bytes before it
    /// (`_Unpickler_ReadImpl` in CPython's `_pickle.c`). From memory, frames mean nothing.
    pub(super) drops_cut: bool,
    /// Knows joblib's arrays, whose bytes lie between the opcodes.
    pub(super) joblib: bool,
    /// The unpickler that is written in Python (`pickle._Unpickler`), on which those of joblib and dill are built: it
    /// takes what the one written in C refuses.
    pub(super) python: bool,
}

/// Bytes of a line that are kept to be understood; a longer text is accepted as it is.
const LINE_BYTES: usize = 1 << 20;

/// A line without its newline.
pub(super) struct Line {
    /// Where it begins.
    pub(super) start: u64,
    /// All of it, or its beginning when it is longer than a machine wants to hold.
    pub(super) bytes: Vec<u8>,
    /// Its full length.
    pub(super) length: u64,
}

impl Line {
    /// Whether [`Self::bytes`] is all of it.
    pub(super) fn is_whole(&self) -> bool {
        u64::try_from(self.bytes.len()) == Ok(self.length)
    }
}

/// Reads opcodes and operands.
pub(super) struct Lexer<'input> {
    input: &'input Input,
    cursor: Cursor<'input>,
    loader: Loader,
    /// End of the frame that the loader holds in memory.
    frame_end: Option<u64>,
    /// An operand crossed the end of a frame, here first.
    pub(super) cut: Option<u64>,
    /// The last line's buffer, to be used again.
    spare: Vec<u8>,
}

impl<'input> Lexer<'input> {
    /// Reads from `offset` through a window of `window` bytes.
    pub(super) fn new(input: &'input Input, offset: u64, window: usize, loader: Loader) -> Self {
        let cursor = input.cursor(offset, window);
        Self { input, cursor, loader, frame_end: None, cut: None, spare: Vec::new() }
    }

    /// Offset of the next byte.
    pub(super) fn offset(&self) -> u64 {
        self.cursor.offset()
    }

    /// Goes to `offset` and forgets the frame.
    pub(super) fn restart(&mut self, offset: u64) {
        match offset.checked_sub(self.offset()) {
            Some(ahead) => self.cursor.skip(ahead),
            // Going back happens where one looks for a stream in foreign bytes, often: with a small window.
            None => self.cursor = self.input.cursor(offset, 4096),
        }
        self.frame_end = None;
        self.cut = None;
    }

    /// The next opcode.
    pub(super) fn opcode(&mut self) -> Result<u8, Fail> {
        match self.cursor.byte()? {
            Some(opcode) => Ok(opcode),
            None => Err(Fail::Truncated(self.offset().saturating_add(1))),
        }
    }

    /// Notes an operand of `length` bytes that crosses the end of the frame. Says whether its bytes still lie where
    /// the opcode ends.
    fn cross(&mut self, length: u64) -> bool {
        let Some(end) = self.frame_end else { return true };
        let at = self.offset();
        if at >= end {
            self.frame_end = None;
            return true;
        }
        if at.saturating_add(length) <= end {
            return true;
        }
        self.cut.get_or_insert(at);
        self.frame_end = None;
        if self.loader.drops_cut {
            self.cursor.skip(end.saturating_sub(at));
        }
        !self.loader.drops_cut
    }

    /// An operand of fixed size.
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], Fail> {
        self.cross(u64::try_from(N).unwrap_or(0));
        let end = self.offset().saturating_add(u64::try_from(N).unwrap_or(0));
        self.cursor.array::<N>().map_err(|unread| match unread {
            Unread::Truncated { .. } => Fail::Truncated(end),
            other => Fail::Unread(other),
        })
    }

    /// Checks that `length` bytes are left.
    fn demand(&mut self, length: u64) -> Result<(), Fail> {
        if length > self.cursor.remaining() {
            return Err(Fail::Truncated(self.offset().saturating_add(length)));
        }
        Ok(())
    }

    /// FRAME: the bytes must be there; where its end matters depends on the loader.
    pub(super) fn frame(&mut self, length: u64) -> Result<(), Fail> {
        self.cross(length);
        self.demand(length)?;
        if self.frame_end.is_none() {
            self.frame_end = Some(self.offset().saturating_add(length));
        }
        Ok(())
    }

    /// Whether the loader still holds unread bytes of a frame.
    pub(super) fn in_frame(&self) -> bool {
        self.frame_end.is_some_and(|end| self.offset() < end)
    }

    /// Goes past bytes that nobody looks at.
    pub(super) fn skip(&mut self, length: u64) -> Result<(), Fail> {
        self.demand(length)?;
        self.cursor.skip(length);
        Ok(())
    }

    /// Goes past a text in UTF-8, surrogates allowed. Gives whether it is telling; none when its bytes do not
    /// lie behind the opcode.
    pub(super) fn utf8(&mut self, length: u64) -> Result<Option<bool>, Fail> {
        let in_place = self.cross(length);
        self.demand(length)?;
        let mut left = length;
        let mut telling = None;
        let mut carried = [0u8; 8];
        let mut carry = 0usize;
        while left > 0 {
            let window = self.cursor.peek()?;
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(window.len());
            let Some(piece) = window.get(..count).filter(|piece| !piece.is_empty()) else {
                return Err(Fail::Truncated(self.offset().saturating_add(left)));
            };
            let taken = u64::try_from(count).unwrap_or(u64::MAX);
            let last = taken == left;
            telling.get_or_insert_with(|| text::is_telling(piece, !last));
            // A character that the window cuts is completed from the next one; at most four bytes are carried over.
            let mut from = 0usize;
            while carry > 0 && from < count {
                if let (Some(slot), Some(byte)) = (carried.get_mut(carry), piece.get(from)) {
                    *slot = *byte;
                }
                carry = carry.saturating_add(1);
                from = from.saturating_add(1);
                let whole = carried.get(..carry).unwrap_or_default();
                match text::valid_utf8(whole, last && from == count) {
                    None => return Err(Fail::Raises("a text is not UTF-8")),
                    Some(done) if done == carry => carry = 0,
                    Some(_) if carry >= 4 => return Err(Fail::Raises("a text is not UTF-8")),
                    Some(_) => {}
                }
            }
            let rest = piece.get(from..).unwrap_or_default();
            match text::valid_utf8(rest, last) {
                None => return Err(Fail::Raises("a text is not UTF-8")),
                Some(done) => {
                    for (slot, byte) in carried.iter_mut().zip(rest.get(done..).unwrap_or_default()) {
                        *slot = *byte;
                        carry = carry.saturating_add(1);
                    }
                }
            }
            self.cursor.skip(taken);
            left = left.saturating_sub(taken);
        }
        Ok(in_place.then_some(telling.unwrap_or(false)))
    }

    /// Goes past a text of one byte a character, as [`Self::utf8`].
    pub(super) fn latin1(&mut self, length: u64) -> Result<Option<bool>, Fail> {
        let in_place = self.cross(length);
        self.demand(length)?;
        let mut first = [0; text::TELLING_BYTES];
        let count = usize::try_from(length).unwrap_or(usize::MAX).min(first.len());
        let first = first.get_mut(..count).unwrap_or_default();
        self.input.read_exact(self.offset(), first)?;
        let telling = text::is_telling(first, false);
        self.cursor.skip(length);
        Ok(in_place.then_some(telling))
    }

    /// A line.
    pub(super) fn line(&mut self) -> Result<Line, Fail> {
        let line = self.raw_line()?;
        let end = line.start.saturating_add(line.length);
        if let Some(frame_end) = self.frame_end {
            if line.start >= frame_end {
                self.frame_end = None;
            } else if end >= frame_end {
                self.cut.get_or_insert(line.start);
                self.frame_end = None;
                if self.loader.drops_cut {
                    self.cursor = self.input.cursor(frame_end, 4096);
                    return self.raw_line();
                }
            }
        }
        Ok(line)
    }

    fn raw_line(&mut self) -> Result<Line, Fail> {
        let start = self.offset();
        let mut bytes = std::mem::take(&mut self.spare);
        bytes.clear();
        loop {
            let window = self.cursor.peek()?;
            if window.is_empty() {
                let end = self.offset();
                if self.loader.python {
                    // It cuts the last byte off without looking whether it is the newline.
                    bytes.pop();
                    return Ok(Line { start, bytes, length: end.saturating_sub(start).saturating_sub(1) });
                }
                return Err(Fail::Truncated(end.saturating_add(1)));
            }
            let newline = window.iter().position(|byte| *byte == b'\n');
            let piece = window.get(..newline.unwrap_or(window.len())).unwrap_or_default();
            let room = LINE_BYTES.saturating_sub(bytes.len());
            bytes.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
            let taken = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            self.cursor.skip(taken);
            if newline.is_some() {
                let length = self.offset().saturating_sub(start);
                self.cursor.skip(1);
                return Ok(Line { start, bytes, length });
            }
        }
    }

    /// A line that is a name or a number; one that is too long to be either is not read.
    pub(super) fn short_line(&mut self) -> Result<Line, Fail> {
        let line = self.line()?;
        if line.is_whole() {
            Ok(line)
        } else {
            let most = u64::try_from(LINE_BYTES).unwrap_or(u64::MAX);
            Err(Fail::Unread(Unread::Limit(LimitKind::StateBytes, most)))
        }
    }

    /// Gives a line's buffer back to be used again.
    pub(super) fn recycle(&mut self, line: Line) {
        self.spare = line.bytes;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weighbridge_core::limits::{Cancel, Limits};

    use super::*;

    #[test]
    fn texts_are_checked_the_same_through_any_window() {
        let cases: [(&[u8], Option<bool>); 7] = [
            ("__é€😀".as_bytes(), Some(true)),
            ("_é€😀_".as_bytes(), Some(false)),
            (b"forms", Some(false)),
            (b"a\xed\xa0\x80b", Some(false)),
            (b"ab\xf0\x9f\x98", None),
            (b"ab\xed\xa0", None),
            (b"\xc3\x28abcdefgh", None),
        ];
        for (text, expected) in cases {
            for window in 1..12 {
                let input = Input::new(Arc::new(text.to_vec()), Limits::default(), Cancel::default());
                let loader = Loader { drops_cut: false, joblib: true, python: false };
                let mut lexer = Lexer::new(&input, 0, window, loader);
                let outcome = lexer.utf8(u64::try_from(text.len()).unwrap());
                match expected {
                    Some(_) if window < 8 => assert!(outcome.is_ok(), "{text:?}"),
                    Some(telling) => assert_eq!(outcome, Ok(Some(telling)), "{text:?} through {window}"),
                    None => assert!(outcome.is_err(), "{text:?} through {window}"),
                }
            }
        }
    }
}
