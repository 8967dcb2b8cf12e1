//! A parser for the part of Python's literals that NumPy writes into headers. It calls nothing and recurses a fixed
//! number of levels.

/// A value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Literal {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer in decimal digits, with a `-` in front if it is negative.
    Int(String),
    /// A string without its quotes and escapes.
    Text(String),
    /// A tuple.
    Tuple(Vec<Literal>),
    /// A list.
    List(Vec<Literal>),
    /// A dictionary in the order in which it is written.
    Dict(Vec<(Literal, Literal)>),
}

/// Why a text is no such literal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct LiteralError {
    /// What is wrong.
    pub(super) reason: &'static str,
    /// Where, in bytes.
    pub(super) at: usize,
}

/// How deep values may nest: structured types within structured types.
const DEEPEST: usize = 32;

/// Parses the whole text.
pub(super) fn parse(text: &str) -> Result<Literal, LiteralError> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(0)?;
    parser.space();
    if parser.at < text.len() { Err(parser.error("something follows the value")) } else { Ok(value) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Result<Literal, LiteralError> {
        if depth > DEEPEST {
            return Err(self.error("values nest too deep"));
        }
        let deeper = depth.saturating_add(1);
        self.space();
        match self.next() {
            Some('{') => {
                self.step('{');
                let mut items = Vec::new();
                while !self.take('}') {
                    let key = self.value(deeper)?;
                    self.expect(':')?;
                    items.push((key, self.value(deeper)?));
                    self.comma('}')?;
                }
                Ok(Literal::Dict(items))
            }
            Some('[') => {
                self.step('[');
                Ok(Literal::List(self.items(']', deeper)?.0))
            }
            Some('(') => {
                self.step('(');
                let (mut items, comma) = self.items(')', deeper)?;
                // `(3)` is a number in parentheses, `(3,)` a tuple.
                match items.pop() {
                    Some(only) if items.is_empty() && !comma => Ok(only),
                    Some(last) => {
                        items.push(last);
                        Ok(Literal::Tuple(items))
                    }
                    None => Ok(Literal::Tuple(items)),
                }
            }
            Some('\'' | '"') => self.string(),
            Some('u' | 'b' | 'U' | 'B')
                if self.rest().get(1..).is_some_and(|rest| rest.starts_with(['\'', '"'])) =>
            {
                self.at = self.at.saturating_add(1);
                self.string()
            }
            Some(digit) if digit.is_ascii_digit() || digit == '-' => Ok(self.integer()),
            Some(letter) if letter.is_ascii_alphabetic() || letter == '_' => self.word(),
            Some(_) => Err(self.error("an unexpected character")),
            None => Err(self.error("it ends early")),
        }
    }

    /// Values up to `close`, and whether a comma stood before it.
    fn items(&mut self, close: char, depth: usize) -> Result<(Vec<Literal>, bool), LiteralError> {
        let mut items = Vec::new();
        let mut comma = false;
        while !self.take(close) {
            items.push(self.value(depth)?);
            comma = self.comma(close)?;
        }
        Ok((items, comma))
    }

    /// A comma, or `close` ahead.
    fn comma(&mut self, close: char) -> Result<bool, LiteralError> {
        self.space();
        if self.next() == Some(close) {
            return Ok(false);
        }
        self.expect(',').map(|()| true)
    }

    fn string(&mut self) -> Result<Literal, LiteralError> {
        let Some(quote) = self.next() else { return Err(self.error("it ends early")) };
        self.step(quote);
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(self.error("a string has no end")),
                Some(end) if end == quote => {
                    self.step(end);
                    return Ok(Literal::Text(text));
                }
                Some('\\') => {
                    self.step('\\');
                    // Names of fields are all that is written here; other escapes do not occur in them.
                    match self.next() {
                        Some(character @ ('\\' | '\'' | '"')) => {
                            self.step(character);
                            text.push(character);
                        }
                        Some('x' | 'u' | 'U' | 'n' | 't' | 'r') => text.push('\\'),
                        _ => return Err(self.error("an escape that is not understood")),
                    }
                }
                Some(character) => {
                    self.step(character);
                    text.push(character);
                }
            }
        }
    }

    fn integer(&mut self) -> Literal {
        let mut digits = String::new();
        while let Some(character) = self.next().filter(|character| {
            character.is_ascii_digit() || (*character == '-' && digits.is_empty()) || *character == '_'
        }) {
            self.step(character);
            if character != '_' {
                digits.push(character);
            }
        }
        // Python 2 wrote `3L`.
        self.take('L');
        Literal::Int(digits)
    }

    fn word(&mut self) -> Result<Literal, LiteralError> {
        let rest = self.rest();
        for (word, value) in
            [("True", Literal::Bool(true)), ("False", Literal::Bool(false)), ("None", Literal::None)]
        {
            if rest.starts_with(word) {
                self.at = self.at.saturating_add(word.len());
                return Ok(value);
            }
        }
        Err(self.error("a name where a value must stand"))
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn step(&mut self, character: char) {
        self.at = self.at.saturating_add(character.len_utf8());
    }

    fn space(&mut self) {
        while let Some(space) =
            self.next().filter(|character| matches!(character, ' ' | '\t' | '\n' | '\r' | '\x0c'))
        {
            self.step(space);
        }
    }

    fn take(&mut self, character: char) -> bool {
        self.space();
        let there = self.next() == Some(character);
        if there {
            self.step(character);
        }
        there
    }

    fn expect(&mut self, character: char) -> Result<(), LiteralError> {
        if self.take(character) { Ok(()) } else { Err(self.error("a comma, colon or bracket is missing")) }
    }

    fn error(&self, reason: &'static str) -> LiteralError {
        LiteralError { reason, at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_headers_are_understood() {
        let int = |digits: &str| Literal::Int(digits.to_owned());
        let text = |text: &str| Literal::Text(text.to_owned());
        for (source, value) in [
            ("(3,)", Literal::Tuple(vec![int("3")])),
            ("(3, 4L)", Literal::Tuple(vec![int("3"), int("4")])),
            ("()", Literal::Tuple(vec![])),
            ("(-1)", int("-1")),
            (" [ 'a', \"b'\" ] \n", Literal::List(vec![text("a"), text("b'")])),
            ("u'a\\'b'", text("a'b")),
            (
                "{'a': True, 'b': None,}",
                Literal::Dict(vec![(text("a"), Literal::Bool(true)), (text("b"), Literal::None)]),
            ),
        ] {
            assert_eq!(parse(source), Ok(value), "{source}");
        }
        for source in ["", "(", "{'a'}", "{'a': __import__('os')}", "'a", "1 2", "[1 2]", "{'a': 1", "'\\q'"]
        {
            assert!(parse(source).is_err(), "{source}");
        }
        assert!(parse(&"(".repeat(100_000)).is_err());
    }
}
