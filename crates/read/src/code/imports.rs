//! Import statements of Python, found without parsing the rest.
//!
//! Source: The Python Language Reference, *The import statement* and *Lexical analysis*. Statements are cut as Python
//! cuts them: comments and texts hold none, brackets and `\` join lines, `;` and `:` part statements. Imports relative to
//! the package of the file are its own.

/// Calls `found` with each imported module, such as `os.path`, and the line of the statement, from 1.
pub(super) fn imports(text: &str, mut found: impl FnMut(&str, u32)) {
    let mut words = Words { rest: text, line: 1, depth: 0, has_begun: false };
    while let Some(word) = words.next() {
        let line = words.line;
        if word != Word::Start {
            continue;
        }
        match words.peek() {
            Some(Word::Name("import")) => {
                words.next();
                while let Some(module) = words.dotted() {
                    found(&module, line);
                    words.skip_alias();
                    if words.peek() != Some(Word::Sign(',')) {
                        break;
                    }
                    words.next();
                }
            }
            Some(Word::Name("from")) => {
                words.next();
                if let Some(module) = words.dotted()
                    && words.peek() == Some(Word::Name("import"))
                {
                    found(&module, line);
                }
            }
            _ => {}
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Word<'text> {
    /// Here a statement may begin.
    Start,
    Name(&'text str),
    Sign(char),
}

/// Words of the code; texts, comments and numbers are passed over.
#[derive(Clone)]
struct Words<'text> {
    rest: &'text str,
    line: u32,
    /// Open brackets.
    depth: u32,
    /// The start of the first statement was told.
    has_begun: bool,
}

impl<'text> Words<'text> {
    fn peek(&self) -> Option<Word<'text>> {
        self.clone().next()
    }

    /// `a.b.c`; none for a relative one.
    fn dotted(&mut self) -> Option<String> {
        let Some(Word::Name(first)) = self.peek() else { return None };
        self.next();
        let mut module = first.to_owned();
        while self.peek() == Some(Word::Sign('.')) {
            self.next();
            let Some(Word::Name(name)) = self.peek() else { break };
            self.next();
            module.push('.');
            module.push_str(name);
        }
        Some(module)
    }

    fn skip_alias(&mut self) {
        if self.peek() == Some(Word::Name("as")) {
            self.next();
            self.next();
        }
    }

    /// Leaves `bytes` behind, and counts the lines in them.
    fn pass(&mut self, bytes: usize) -> &'text str {
        let (passed, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        let lines = passed.bytes().filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.rest = rest;
        passed
    }

    /// Passes a text that begins here, with its quotes.
    fn pass_text(&mut self, quote: char) {
        let triple = [quote; 3].iter().collect::<String>();
        let (open, close) = if self.rest.starts_with(&triple) { (3, triple) } else { (1, quote.to_string()) };
        self.pass(open);
        while let Some(character) = self.rest.chars().next() {
            if character == '\\' {
                let escaped = self.rest.chars().nth(1).map_or(0, char::len_utf8);
                self.pass(escaped.saturating_add(1));
            } else if self.rest.starts_with(&close) {
                self.pass(close.len());
                return;
            } else if open == 1 && character == '\n' {
                // A text that its line does not close is an error; the next line is code again.
                return;
            } else {
                self.pass(character.len_utf8());
            }
        }
    }
}

impl<'text> Iterator for Words<'text> {
    type Item = Word<'text>;

    fn next(&mut self) -> Option<Word<'text>> {
        if !std::mem::replace(&mut self.has_begun, true) {
            return Some(Word::Start);
        }
        loop {
            let character = self.rest.chars().next()?;
            match character {
                '\n' => {
                    self.pass(1);
                    if self.depth == 0 {
                        return Some(Word::Start);
                    }
                }
                '#' => {
                    let end = self.rest.find('\n').unwrap_or(self.rest.len());
                    self.pass(end);
                }
                '\\' => {
                    let end = if self.rest.starts_with("\\\r\n") { 3 } else { 2 };
                    self.pass(end);
                }
                '"' | '\'' => self.pass_text(character),
                _ if character.is_whitespace() => {
                    self.pass(character.len_utf8());
                }
                ';' | ':' if self.depth == 0 => {
                    self.pass(1);
                    return Some(Word::Start);
                }
                '(' | '[' | '{' => {
                    self.pass(1);
                    self.depth = self.depth.saturating_add(1);
                    return Some(Word::Sign(character));
                }
                ')' | ']' | '}' => {
                    self.pass(1);
                    self.depth = self.depth.saturating_sub(1);
                    return Some(Word::Sign(character));
                }
                _ if character.is_alphanumeric() || character == '_' => {
                    let is_part = |part: char| part.is_alphanumeric() || part == '_';
                    let end = self.rest.find(|part| !is_part(part)).unwrap_or(self.rest.len());
                    return Some(Word::Name(self.pass(end)));
                }
                _ => {
                    self.pass(character.len_utf8());
                    return Some(Word::Sign(character));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut all = Vec::new();
        imports(text, |module, line| all.push(format!("{module}:{line}")));
        assert_eq!(all.join(" "), expected, "{text}");
    }

    #[test]
    fn statements_are_found_wherever_they_may_stand() {
        check("import os", "os:1");
        check("import os.path as p, sys, a . b\n", "os.path:1 sys:1 a.b:1");
        check("from a.b import c, d\nfrom e import (\n  f,\n  g)\nimport h", "a.b:1 e:2 h:5");
        check(
            "x = 1; import os\nif x: import sys\ntry:\n    import json\nexcept ImportError: pass",
            "os:1 sys:2 json:4",
        );
        check("import a, \\\n   b\n", "a:1 b:1");
        check("def f():\n\timport torch # import c\n", "torch:2");
        check("import cv2\r\nfrom PIL import Image\r\n", "cv2:1 PIL:2");
    }

    #[test]
    fn words_that_are_no_statements_are_not() {
        check("from . import a\nfrom .b import c\nfrom .. import d", "");
        check("x = 'import os'\ny = \"\"\"\nimport sys\n\"\"\"\n# import json", "");
        check("x = 'it\\'s'\nimport os\ny = r'\\'\nz", "os:2");
        check("important = 1\nimports.x\nx.import_module('a')\nf(from_=1)", "");
        check("d = {\n 'a': 1,\n}\nimport os", "os:4");
        check("x = 'open\nimport os", "os:2");
        check("import", "");
        check("from", "");
        check("import \u{e9}t\u{e9}", "\u{e9}t\u{e9}:1");
    }
}
