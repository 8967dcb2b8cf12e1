//! Words of Python, as far as literals need them.
//!
//! Source: The Python Language Reference, *Lexical analysis*.

/// A word and where it stands.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::package) struct Word<'text> {
    pub(in crate::package) kind: Kind<'text>,
    pub(in crate::package) line: u32,
    /// Characters before it on its line, for the first word of a statement; it is indented if there are any.
    pub(in crate::package) indented: bool,
    /// The text of an f-string, with its braces as they are written.
    pub(in crate::package) formatted: Option<String>,
}

#[derive(Clone, PartialEq, Debug)]
pub(in crate::package) enum Kind<'text> {
    /// A line of code ends.
    End,
    Name(&'text str),
    /// A text with its escapes resolved; none where only running it could tell (`f"…"`), or for bytes.
    Text(Option<String>),
    Number,
    Sign(char),
}

/// Cuts the text. What is not closed ends with the text.
pub(in crate::package) fn words(text: &str) -> Vec<Word<'_>> {
    let mut lexer = Lexer { rest: text, line: 1, depth: 0, indented: false, fresh: true, formatted: None };
    std::iter::from_fn(|| lexer.word()).collect()
}

struct Lexer<'text> {
    rest: &'text str,
    line: u32,
    depth: usize,
    indented: bool,
    /// Nothing but space stands before on this line.
    fresh: bool,
    /// The text of the f-string that was read last.
    formatted: Option<String>,
}

impl<'text> Lexer<'text> {
    fn pass(&mut self, bytes: usize) -> &'text str {
        let (passed, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        let lines = passed.bytes().filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.rest = rest;
        passed
    }

    fn word(&mut self) -> Option<Word<'text>> {
        loop {
            let first = self.rest.chars().next()?;
            let line = self.line;
            match first {
                '\n' => {
                    self.pass(1);
                    let was_fresh = self.fresh;
                    if self.depth == 0 {
                        self.fresh = true;
                        self.indented = false;
                        if !was_fresh {
                            return Some(Word { kind: Kind::End, line, indented: false, formatted: None });
                        }
                    }
                }
                '\\' if self.rest.starts_with("\\\n") => drop(self.pass(2)),
                '\\' if self.rest.starts_with("\\\r\n") => drop(self.pass(3)),
                '#' => {
                    let end = self.rest.find('\n').unwrap_or(self.rest.len());
                    self.pass(end);
                }
                _ if first.is_whitespace() => {
                    // Form feeds and carriage returns are no indentation.
                    self.indented |= self.fresh && matches!(first, ' ' | '\t');
                    self.pass(first.len_utf8());
                }
                _ => {
                    self.fresh = false;
                    let kind = self.kind(first);
                    return Some(Word {
                        kind,
                        line,
                        indented: self.indented,
                        formatted: self.formatted.take(),
                    });
                }
            }
        }
    }

    fn kind(&mut self, first: char) -> Kind<'text> {
        if first == '"' || first == '\'' {
            return Kind::Text(self.text(first, false));
        }
        if first.is_ascii_digit() {
            let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && !"._".contains(c));
            self.pass(end.unwrap_or(self.rest.len()));
            return Kind::Number;
        }
        if first.is_alphabetic() || first == '_' {
            let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
            let name = self.pass(end);
            let quote = self.rest.chars().next().filter(|next| matches!(next, '"' | '\''));
            let prefix = name.to_ascii_lowercase();
            let is_prefix = matches!(
                prefix.as_str(),
                "r" | "u" | "b" | "f" | "t" | "br" | "rb" | "fr" | "rf" | "tr" | "rt"
            );
            if let Some(quote) = quote.filter(|_| is_prefix) {
                let text = self.text(quote, prefix.contains('r'));
                if prefix.contains('f') {
                    self.formatted = text;
                    return Kind::Text(None);
                }
                return Kind::Text(text.filter(|_| !prefix.contains(['b', 't'])));
            }
            return Kind::Name(name);
        }
        self.pass(first.len_utf8());
        match first {
            '(' | '[' | '{' => self.depth = self.depth.saturating_add(1),
            ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        Kind::Sign(first)
    }

    /// A text from its first quote to its last; none where an escape is not understood.
    fn text(&mut self, quote: char, raw: bool) -> Option<String> {
        let triple = [quote; 3].iter().collect::<String>();
        let long = self.rest.starts_with(&triple);
        let close = if long { triple } else { quote.to_string() };
        self.pass(close.len());
        let mut out = Some(String::new());
        let mut add = |text: &str, ok: bool| match &mut out {
            Some(so_far) if ok => so_far.push_str(text),
            _ => out = None,
        };
        loop {
            let end = self.rest.find(|c: char| c == '\\' || c == quote || (!long && c == '\n'));
            let Some(end) = end else {
                self.pass(self.rest.len());
                return None;
            };
            add(self.pass(end), true);
            if self.rest.starts_with(&close) {
                self.pass(close.len());
                return out;
            }
            match self.rest.chars().next() {
                Some('\\') => {
                    let next = self.rest.chars().nth(1);
                    let both = self.pass(next.map_or(0, char::len_utf8).saturating_add(1));
                    match next {
                        _ if raw => add(both, true),
                        Some('\n') => {}
                        Some(simple @ ('\\' | '\'' | '"')) => add(simple.encode_utf8(&mut [0; 4]), true),
                        Some('n') => add("\n", true),
                        Some('t') => add("\t", true),
                        // Numbers and names of characters do not occur in names of packages.
                        Some('0'..='7' | 'x' | 'u' | 'U' | 'N' | 'a' | 'b' | 'f' | 'r' | 'v') | None => {
                            add("", false)
                        }
                        Some(_) => add(both, true),
                    }
                }
                // A short text that its line does not close is an error; the next line is code again.
                Some('\n') => return None,
                Some(quote) => add(self.pass(quote.len_utf8()), true),
                None => return None,
            }
        }
    }
}
