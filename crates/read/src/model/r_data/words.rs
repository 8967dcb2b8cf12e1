//! Integers, texts and runs of numbers in the three encodings of R's serialization.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Cursor;

use crate::bytes::{length, offset};

/// How numbers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    /// Big-endian, the default (`X`).
    Xdr,
    /// The byte order of the machine that wrote it, which is little-endian wherever R is still built (`B`).
    Native,
    /// Text (`A`).
    Ascii,
}

/// The longest text that is kept; symbols and names of classes are short.
const LONGEST_KEPT: u64 = 256;
/// The longest word of the text encoding, in bytes (`InWord` of R refuses longer ones).
const LONGEST_WORD: usize = 100;

/// Reads words forward.
pub(super) struct Words<'input> {
    cursor: Cursor<'input>,
    encoding: Encoding,
}

impl<'input> Words<'input> {
    pub(super) fn new(cursor: Cursor<'input>, encoding: Encoding) -> Self {
        Self { cursor, encoding }
    }

    /// Offset of the next byte.
    pub(super) fn offset(&self) -> u64 {
        self.cursor.offset()
    }

    /// Bytes left.
    pub(super) fn remaining(&self) -> u64 {
        self.cursor.remaining()
    }

    /// One integer; `NA` is the smallest one, as in R.
    pub(super) fn int(&mut self) -> Result<i32, Unread> {
        match self.encoding {
            Encoding::Xdr => self.cursor.array().map(i32::from_be_bytes),
            Encoding::Native => self.cursor.array().map(i32::from_le_bytes),
            Encoding::Ascii => {
                let at = self.offset();
                let word = self.word()?;
                match word.as_str() {
                    "NA" => Ok(i32::MIN),
                    digits => digits
                        .parse()
                        .map_err(|_| malformed(format!("`{digits}` at byte {at} is not an integer"))),
                }
            }
        }
    }

    /// The length of a vector: one integer, or -1 and the two halves of a long one.
    pub(super) fn count(&mut self) -> Result<u64, Unread> {
        let at = self.offset();
        let wrong = |count: i32| malformed(format!("a vector at byte {at} claims {count} elements"));
        match self.int()? {
            -1 => {
                let (high, low) = (self.int()?, self.int()?);
                // R refuses more than 2^48 elements.
                let high = u16::try_from(high).map_err(|_| wrong(high))?;
                let low = u32::from_ne_bytes(low.to_ne_bytes());
                Ok((u64::from(high) << 32) | u64::from(low))
            }
            count => u64::try_from(count).map_err(|_| wrong(count)),
        }
    }

    /// Passes `count` words of `size` bytes each.
    fn pass(&mut self, count: u64, size: u64) -> Result<(), Unread> {
        if self.encoding == Encoding::Ascii {
            for _ in 0..count {
                self.word()?;
            }
            return Ok(());
        }
        let bytes = count.checked_mul(size).filter(|bytes| *bytes <= self.remaining());
        let bytes = bytes.ok_or_else(|| self.truncated())?;
        self.cursor.skip(bytes);
        Ok(())
    }

    /// Passes `count` numbers of `size` bytes each.
    pub(super) fn pass_numbers(&mut self, count: u64, size: u64) -> Result<(), Unread> {
        // As text a complex number is two words.
        let words = if self.encoding == Encoding::Ascii && size > 8 { 2 } else { 1 };
        self.pass(count.saturating_mul(words), size.checked_div(words).unwrap_or(size))
    }

    /// Passes `count` bytes of a raw vector.
    pub(super) fn pass_raw(&mut self, count: u64) -> Result<(), Unread> {
        // In the text encoding every byte is a word of two digits.
        self.pass(count, 1)
    }

    /// A text of `size` bytes: its beginning.
    pub(super) fn text(&mut self, size: u64) -> Result<String, Unread> {
        let mut kept = Vec::new();
        if self.encoding == Encoding::Ascii {
            self.pass_space()?;
            for _ in 0..size {
                let byte = self.character()?;
                if offset(kept.len()) < LONGEST_KEPT {
                    kept.push(byte);
                }
            }
        } else {
            if size > self.remaining() {
                return Err(self.truncated());
            }
            for _ in 0..size.min(LONGEST_KEPT) {
                kept.push(self.some_byte()?);
            }
            self.cursor.skip(size.saturating_sub(LONGEST_KEPT));
        }
        Ok(String::from_utf8_lossy(&kept).into_owned())
    }

    /// Passes what ends the last line of text.
    pub(super) fn finish(&mut self) -> Result<(), Unread> {
        if self.encoding == Encoding::Ascii { self.pass_space() } else { Ok(()) }
    }

    fn truncated(&self) -> Unread {
        Unread::Truncated { offset: self.offset().saturating_add(self.remaining()) }
    }

    fn some_byte(&mut self) -> Result<u8, Unread> {
        let byte = self.cursor.byte()?;
        byte.ok_or_else(|| self.truncated())
    }

    fn pass_space(&mut self) -> Result<(), Unread> {
        loop {
            let next = self.cursor.peek()?;
            let spaces = next.iter().take_while(|byte| is_space(**byte)).count();
            let all = !next.is_empty() && spaces == next.len();
            self.cursor.skip(offset(spaces));
            if !all {
                return Ok(());
            }
        }
    }

    fn word(&mut self) -> Result<String, Unread> {
        self.pass_space()?;
        let at = self.offset();
        let mut word = String::new();
        while let Some(byte) = self.cursor.byte()? {
            if is_space(byte) {
                break;
            }
            if word.len() >= LONGEST_WORD {
                return Err(malformed(format!("the word at byte {at} is longer than R reads")));
            }
            word.push(char::from(byte));
        }
        if word.is_empty() { Err(self.truncated()) } else { Ok(word) }
    }

    /// One byte of a text, which may be written as an escape.
    fn character(&mut self) -> Result<u8, Unread> {
        match self.some_byte()? {
            b'\\' => {}
            plain => return Ok(plain),
        }
        Ok(match self.some_byte()? {
            b'n' => b'\n',
            b't' => b'\t',
            b'v' => 0x0b,
            b'b' => 0x08,
            b'r' => b'\r',
            b'f' => 0x0c,
            b'a' => 0x07,
            first @ b'0'..=b'7' => {
                let mut value = u32::from(first.wrapping_sub(b'0'));
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.cursor.peek()?.first().copied() else { break };
                    self.cursor.skip(1);
                    value = value.wrapping_mul(8).wrapping_add(u32::from(digit.wrapping_sub(b'0')));
                }
                u8::try_from(value & 0xff).unwrap_or_default()
            }
            other => other,
        })
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

pub(super) fn malformed(reason: String) -> Unread {
    Unread::Malformed(reason)
}

/// How many elements of at most this size could be left.
pub(super) fn fits(words: &Words<'_>, count: u64) -> Result<usize, Unread> {
    // Every item takes at least one byte in every encoding.
    if count > words.remaining() { Err(words.truncated()) } else { Ok(length(count)) }
}
