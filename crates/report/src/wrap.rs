//! Lines of a terminal: pieces with a colour, wrapped at a width, with a prefix on every line.

use std::io;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How a piece of text looks. Without colours nothing of it is left, and nothing is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Look {
    Plain,
    Bold,
    Dim,
    Fail,
    Warn,
    Good,
    Loud,
    Fix,
}

impl Look {
    /// The parameters of the SGR sequence (ECMA-48 section 8.3.117).
    fn sgr(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Fail => "1;31",
            Self::Warn => "1;33",
            Self::Good => "1;32",
            Self::Loud => "1;35",
            Self::Fix => "36",
        }
    }
}

/// Text that stays together if it fits on a line, and the space before it if something stands before it.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    text: String,
    look: Look,
    gap: usize,
    link: Option<String>,
}

impl Piece {
    pub(crate) fn new(text: impl Into<String>, look: Look, gap: usize) -> Self {
        Self { text: text.into(), look, gap, link: None }
    }

    pub(crate) fn linked(self, link: Option<String>) -> Self {
        Self { link, ..self }
    }

    pub(crate) fn followed_by(mut self, character: char) -> Self {
        self.text.push(character);
        self
    }

    /// The words of a text, with the spaces between them as they are; `gap` before the first.
    pub(crate) fn words(text: &str, look: Look, gap: usize) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut space = gap;
        for word in text.split(' ') {
            if word.is_empty() {
                space += 1;
            } else {
                pieces.push(Self::new(word, look, space));
                space = 1;
            }
        }
        pieces
    }
}

/// What stands before the first line and before all further ones; of equal width or not.
#[derive(Clone, Copy)]
pub(crate) struct Prefix {
    pub(crate) first: &'static str,
    pub(crate) next: &'static str,
    pub(crate) look: Look,
}

/// Writes lines.
pub(crate) struct Lines<'a> {
    pub(crate) output: &'a mut dyn io::Write,
    /// Columns, at least a few dozen.
    pub(crate) width: usize,
    pub(crate) color: bool,
    pub(crate) hyperlinks: bool,
}

impl Lines<'_> {
    /// An empty line.
    pub(crate) fn blank(&mut self) -> io::Result<()> {
        self.output.write_all(b"\n")
    }

    /// The pieces on as many lines as they need.
    pub(crate) fn line(&mut self, prefix: Prefix, pieces: &[Piece]) -> io::Result<()> {
        self.paint(prefix.first, prefix.look, None)?;
        let mut column = prefix.first.width();
        let mut start = true;
        for piece in pieces {
            let width = piece.text.width();
            let gap = if start { 0 } else { piece.gap };
            if column + gap + width <= self.width {
                self.output.write_all(" ".repeat(gap).as_bytes())?;
                self.paint(&piece.text, piece.look, piece.link.as_deref())?;
                column += gap + width;
                start = false;
                continue;
            }
            if !start {
                self.next(prefix)?;
                column = prefix.next.width();
            }
            let (last, end) = self.broken(prefix, piece, column)?;
            column = end;
            start = last;
        }
        self.blank()
    }

    /// `left`, and `right` at the end of the line; below each other where there is no room.
    pub(crate) fn ends(&mut self, left: &[Piece], right: &Piece, end: usize) -> io::Result<()> {
        let used: usize =
            left.iter().enumerate().map(|(at, it)| it.text.width() + if at > 0 { it.gap } else { 0 }).sum();
        let gap = end.min(self.width).saturating_sub(used + right.text.width());
        let plain = Prefix { first: "", next: "", look: Look::Plain };
        let mut pieces = left.to_vec();
        pieces.push(Piece { gap: gap.max(2), ..right.clone() });
        self.line(plain, &pieces)
    }

    /// Writes a piece that begins a line, broken where it is longer than the line, behind a `/` if one is near. Returns
    /// whether nothing stands on the last line, and its width.
    fn broken(&mut self, prefix: Prefix, piece: &Piece, column: usize) -> io::Result<(bool, usize)> {
        let mut column = column;
        let mut part = String::new();
        for character in piece.text.chars() {
            let width = character.width().unwrap_or(0);
            if column + width > self.width && !part.is_empty() {
                let folder = part.rfind('/').map(|at| at + 1).filter(|at| *at > part.len() / 2);
                let rest = folder.map(|at| part.split_off(at)).unwrap_or_default();
                self.paint(&part, piece.look, piece.link.as_deref())?;
                self.next(prefix)?;
                column = prefix.next.width() + rest.width();
                part = rest;
            }
            part.push(character);
            column += width;
        }
        self.paint(&part, piece.look, piece.link.as_deref())?;
        Ok((part.is_empty(), column))
    }

    fn next(&mut self, prefix: Prefix) -> io::Result<()> {
        self.blank()?;
        self.paint(prefix.next, prefix.look, None)
    }

    fn paint(&mut self, text: &str, look: Look, link: Option<&str>) -> io::Result<()> {
        let link = link.filter(|_| self.hyperlinks && !text.is_empty());
        if let Some(link) = link {
            write!(self.output, "\u{1b}]8;;{link}\u{1b}\\")?;
        }
        let sgr = look.sgr();
        // Spaces need no colour; a terminal would not show it.
        if self.color && !sgr.is_empty() && !text.trim().is_empty() {
            write!(self.output, "\u{1b}[{sgr}m{text}\u{1b}[0m")?;
        } else {
            self.output.write_all(text.as_bytes())?;
        }
        if link.is_some() {
            self.output.write_all(b"\x1b]8;;\x1b\\")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, width: usize, expected: &str) {
        let mut output = Vec::new();
        let mut lines = Lines { output: &mut output, width, color: false, hyperlinks: false };
        let prefix = Prefix { first: "| ", next: "|   ", look: Look::Dim };
        lines.line(prefix, &Piece::words(text, Look::Plain, 0)).unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), expected);
    }

    #[test]
    fn words_stay_together_while_they_fit() {
        check("one two three", 20, "| one two three\n");
        check("one two three", 12, "| one two\n|   three\n");
        check("one  two", 20, "| one  two\n");
        check("a abcdefghijklmnopqrst b", 12, "| a\n|   abcdefgh\n|   ijklmnop\n|   qrst b\n");
        check("abc/defghi/jklm", 12, "| abc/defghi\n|   /jklm\n");
        check("abcde/fghij/k", 12, "| abcde/\n|   fghij/k\n");
        check("模型模型模型", 8, "| 模型模\n|   型模\n|   型\n");
        check("", 12, "| \n");
    }
}
