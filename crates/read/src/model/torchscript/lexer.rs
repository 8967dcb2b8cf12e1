//! Tokens of TorchScript.
//!
//! Source: `torch/csrc/jit/frontend/lexer.h` (`SharedParserData::match`, `isString`, `isNumber`).

use weighbridge_core::coverage::Unread;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token<'a> {
    /// An identifier or a keyword.
    Name(&'a str),
    /// What stands between quotation marks, as it is written; empty where it is no UTF-8.
    Text(&'a str),
    Number,
    /// A character of an operator.
    Symbol(u8),
    /// The end of a line.
    Line,
}

/// Takes code apart.
pub(super) struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The next token and where it begins; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Token<'a>)>, Unread> {
        loop {
            let at = self.at;
            let Some(first) = self.peek(0) else { return Ok(None) };
            match first {
                b'\n' => {
                    self.skip(1);
                    return Ok(Some((at, Token::Line)));
                }
                b' ' | b'\t' | b'\r' | 0x0b | 0x0c => self.skip(1),
                b'#' => {
                    while self.peek(0).is_some_and(|byte| byte != b'\n') {
                        self.skip(1);
                    }
                }
                b'\\' if self.peek(1) == Some(b'\n') => self.skip(2),
                b'\'' | b'"' => return self.string(first).map(|text| Some((at, Token::Text(text)))),
                b'0'..=b'9' => {
                    self.number();
                    return Ok(Some((at, Token::Number)));
                }
                b'.' if self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) => {
                    self.number();
                    return Ok(Some((at, Token::Number)));
                }
                b'A'..=b'Z' | b'a'..=b'z' | b'_' => {
                    while self.peek(0).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                        self.skip(1);
                    }
                    return Ok(Some((at, Token::Name(self.since(at)))));
                }
                _ if first.is_ascii_punctuation() && !matches!(first, b'$' | b'`' | b'\\') => {
                    self.skip(1);
                    return Ok(Some((at, Token::Symbol(first))));
                }
                _ => {
                    return Err(Unread::Malformed(format!("no code of TorchScript, at offset {at}")));
                }
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at.checked_add(ahead)?).copied()
    }

    fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    fn since(&self, start: usize) -> &'a str {
        let bytes = self.text.get(start..self.at.min(self.text.len())).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Between one or three quotation marks of a kind; a backslash takes the next character with it.
    fn string(&mut self, quote: u8) -> Result<&'a str, Unread> {
        let start = self.at;
        let three = |lexer: &Self| (0..3).all(|ahead| lexer.peek(ahead) == Some(quote));
        let long = three(self);
        let marks = if long { 3 } else { 1 };
        self.skip(marks);
        let inside = self.at;
        loop {
            match self.peek(0) {
                None => break,
                Some(b'\n') if !long => break,
                Some(b'\\') => self.skip(2),
                Some(byte) if byte == quote && (!long || three(self)) => {
                    let text = self.since(inside);
                    self.skip(marks);
                    return Ok(text);
                }
                Some(_) => self.skip(1),
            }
        }
        Err(Unread::Malformed(format!("a text of TorchScript has no end, at offset {start}")))
    }

    /// As much as C's `strtod` takes.
    fn number(&mut self) {
        let digits = |lexer: &mut Self, hexadecimal: bool| {
            while lexer
                .peek(0)
                .is_some_and(|byte| byte.is_ascii_digit() || (hexadecimal && byte.is_ascii_hexdigit()))
            {
                lexer.skip(1);
            }
        };
        let hexadecimal = self.peek(0) == Some(b'0') && matches!(self.peek(1), Some(b'x' | b'X'));
        if hexadecimal {
            self.skip(2);
        }
        digits(self, hexadecimal);
        if self.peek(0) == Some(b'.') {
            self.skip(1);
            digits(self, hexadecimal);
        }
        let exponent = if hexadecimal { [b'p', b'P'] } else { [b'e', b'E'] };
        if self.peek(0).is_some_and(|byte| exponent.contains(&byte)) {
            let signed = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self.peek(signed.saturating_add(1)).is_some_and(|byte| byte.is_ascii_digit()) {
                self.skip(signed.saturating_add(1));
                digits(self, false);
            }
        }
        if self.peek(0) == Some(b'j') {
            self.skip(1);
        }
    }
}
