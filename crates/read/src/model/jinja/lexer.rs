//! Text to tokens, as `jinja2.lexer` with its usual delimiters and without line statements.

use super::literal;

/// A token, and where it begins.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) at: usize,
}

/// Kinds of token.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Kind<'a> {
    /// Text between tags, written out as it is.
    Data(&'a str),
    /// `{%`
    BlockBegin,
    /// `%}`
    BlockEnd,
    /// `{{`
    VariableBegin,
    /// `}}`
    VariableEnd,
    /// A name or keyword.
    Name(&'a str),
    /// A string literal, its escapes undone.
    Text(String),
    /// An integer, where it is small enough to matter.
    Integer(Option<i64>),
    /// A number with a fraction or exponent.
    Float,
    /// An operator or bracket.
    Operator(&'static str),
}

/// Why lexing ended early, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Broken {
    pub(super) reason: String,
    pub(super) at: usize,
}

/// The tokens up to the end, or up to what is no token.
pub(super) fn lex(source: &str) -> (Vec<Token<'_>>, Option<Broken>) {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new() };
    let broken = lexer.run().err();
    (lexer.tokens, broken)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    tokens: Vec<Token<'a>>,
}

/// Operators, each before those that begin it.
const OPERATORS: [&str; 25] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<",
    "=", ".", ":", "|", ",",
];

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.source.len());
    }

    fn push(&mut self, kind: Kind<'a>, at: usize) {
        self.tokens.push(Token { kind, at });
    }

    fn broken<T>(&self, reason: &str, at: usize) -> Result<T, Broken> {
        Err(Broken { reason: reason.to_owned(), at })
    }

    fn run(&mut self) -> Result<(), Broken> {
        while !self.rest().is_empty() {
            let rest = self.rest();
            let Some(open) = next_tag(rest) else {
                self.data(rest);
                self.skip(rest.len());
                return Ok(());
            };
            let (data, tag) = rest.split_at_checked(open).unwrap_or((rest, ""));
            // `{%-` eats the white space before it.
            let trims = tag.as_bytes().get(2) == Some(&b'-');
            self.data(if trims { data.trim_end() } else { data });
            self.skip(open);
            if tag.starts_with("{#") {
                self.comment()?;
            } else if let Some(raw) = raw_begin(tag) {
                self.raw(raw)?;
            } else {
                self.tag(tag.starts_with("{%"))?;
            }
        }
        Ok(())
    }

    fn data(&mut self, data: &'a str) {
        if !data.is_empty() {
            self.push(Kind::Data(data), self.at);
        }
    }

    fn comment(&mut self) -> Result<(), Broken> {
        let rest = self.rest();
        let inside = rest.get(2..).unwrap_or_default();
        let Some(close) = inside.find("#}") else { return self.broken("a comment does not end", self.at) };
        let trims = inside.get(..close).is_some_and(|comment| comment.ends_with('-'));
        self.skip(close.saturating_add(4));
        if trims {
            self.skip_space();
        }
        Ok(())
    }

    /// What stands between `{% raw %}` and `{% endraw %}` is data, whatever it looks like.
    fn raw(&mut self, begin: usize) -> Result<(), Broken> {
        let start = self.at;
        let opening = self.rest().get(..begin).unwrap_or_default();
        self.skip(begin);
        if opening.ends_with("-%}") {
            self.skip_space();
        }
        let rest = self.rest();
        let mut from = 0usize;
        while let Some(found) = rest.get(from..).and_then(|rest| rest.find("{%")) {
            let open = from.saturating_add(found);
            let tag = rest.get(open..).unwrap_or_default();
            if let Some(end) = keyword_tag(tag, "endraw") {
                let data = rest.get(..open).unwrap_or_default();
                let trims = tag.as_bytes().get(2) == Some(&b'-');
                self.data(if trims { data.trim_end() } else { data });
                self.skip(open.saturating_add(end));
                if tag.get(..end).is_some_and(|tag| tag.ends_with("-%}")) {
                    self.skip_space();
                }
                return Ok(());
            }
            from = open.saturating_add(2);
        }
        self.broken("`{% raw %}` without its end", start)
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.skip(rest.len().saturating_sub(rest.trim_start().len()));
    }

    /// A statement or an expression with its delimiters.
    fn tag(&mut self, block: bool) -> Result<(), Broken> {
        let (begin, end, close) = if block {
            (Kind::BlockBegin, Kind::BlockEnd, "%}")
        } else {
            (Kind::VariableBegin, Kind::VariableEnd, "}}")
        };
        self.push(begin, self.at);
        self.skip(2);
        if self.rest().starts_with('-') || (block && self.rest().starts_with('+')) {
            self.skip(1);
        }
        let mut open: Vec<&'static str> = Vec::new();
        loop {
            self.skip_space();
            let rest = self.rest();
            let at = self.at;
            if open.is_empty() {
                let signed = rest.strip_prefix('-').or_else(|| rest.strip_prefix('+').filter(|_| block));
                if let Some(trimmed) = signed
                    && trimmed.starts_with(close)
                {
                    self.push(end, at);
                    self.skip(3);
                    if rest.starts_with('-') {
                        self.skip_space();
                    }
                    return Ok(());
                }
                if rest.starts_with(close) {
                    self.push(end, at);
                    self.skip(2);
                    return Ok(());
                }
            }
            let Some(first) = rest.chars().next() else {
                return self.broken("the template ends inside a tag", at);
            };
            if first.is_ascii_digit() {
                self.number(rest);
            } else if is_word(first) {
                let size = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
                self.push(Kind::Name(rest.get(..size).unwrap_or_default()), at);
                self.skip(size);
            } else if matches!(first, '"' | '\'') {
                self.text(rest, first)?;
            } else if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
                let closes = matches!(*operator, ")" | "]" | "}");
                if closes && open.pop() != Some(*operator) {
                    return self.broken(&format!("unexpected `{operator}`"), at);
                }
                match *operator {
                    "(" => open.push(")"),
                    "[" => open.push("]"),
                    "{" => open.push("}"),
                    _ => {}
                }
                self.push(Kind::Operator(operator), at);
                self.skip(operator.len());
            } else {
                return self.broken(&format!("`{}` is no part of an expression", first.escape_debug()), at);
            }
        }
    }

    fn text(&mut self, rest: &str, quote: char) -> Result<(), Broken> {
        let at = self.at;
        let mut escaped = false;
        for (index, character) in rest.char_indices().skip(1) {
            if escaped {
                escaped = false;
            } else if character == '\\' {
                escaped = true;
            } else if character == quote {
                let inside = rest.get(1..index).unwrap_or_default();
                let text = literal::unescape(inside)
                    .map_err(|reason| Broken { reason: format!("a string with {reason}"), at })?;
                self.push(Kind::Text(text), at);
                self.skip(index.saturating_add(1));
                return Ok(());
            }
        }
        self.broken("a string does not end", at)
    }

    /// A number; `1.x` is the number 1 with an attribute, and `a.1.5` no float.
    fn number(&mut self, rest: &str) {
        let at = self.at;
        let after_dot = matches!(self.tokens.last(), Some(token)
            if token.kind == Kind::Operator(".") && token.at.saturating_add(1) == at);
        let float = if after_dot { 0 } else { literal::float_length(rest) };
        if float > 0 {
            self.push(Kind::Float, at);
            self.skip(float);
        } else {
            let (value, length) = literal::integer(rest);
            self.push(Kind::Integer(value), at);
            self.skip(length.max(1));
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Where the next `{{`, `{%` or `{#` begins.
fn next_tag(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    bytes.windows(2).position(|pair| matches!(pair, b"{{" | b"{%" | b"{#"))
}

/// How long the tag is if it begins raw text. Unlike its end, it may not be closed by `+%}`.
fn raw_begin(tag: &str) -> Option<usize> {
    keyword_tag(tag, "raw").filter(|end| !tag.get(..*end).is_some_and(|tag| tag.ends_with("+%}")))
}

/// The length of `{% KEYWORD %}` with any signs, if the text begins with it.
fn keyword_tag(tag: &str, keyword: &str) -> Option<usize> {
    let inside = tag.strip_prefix("{%")?;
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    let after = inside.trim_start().strip_prefix(keyword)?.trim_start();
    let after = after.strip_prefix(['-', '+']).unwrap_or(after);
    let after = after.strip_prefix("%}")?;
    tag.len().checked_sub(after.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<Kind<'_>> {
        let (tokens, broken) = lex(source);
        assert_eq!(broken, None, "{source}");
        tokens.into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn tags_are_told_from_text() {
        use Kind::{BlockBegin, BlockEnd, Data, Integer, Name, Operator, Text, VariableBegin, VariableEnd};
        assert_eq!(
            kinds("a {#- x #}b{{- {'}}': 1}['a'] -}}  c"),
            [
                Data("a"),
                Data("b"),
                VariableBegin,
                Operator("{"),
                Text("}}".to_owned()),
                Operator(":"),
                Integer(Some(1)),
                Operator("}"),
                Operator("["),
                Text("a".to_owned()),
                Operator("]"),
                VariableEnd,
                Data("c"),
            ]
        );
        assert_eq!(
            kinds("{%+ if x -%}\n {% raw %}{{ y }}{%- endraw -%} z"),
            [BlockBegin, Name("if"), Name("x"), BlockEnd, Data("{{ y }}"), Data("z")]
        );
        assert_eq!(kinds("{ % { {"), [Data("{ % { {")]);
    }

    #[test]
    fn what_does_not_end_is_told_with_its_place() {
        for (source, reason, at) in [
            ("ab{# x", "a comment does not end", 2),
            ("{{ 'x", "a string does not end", 3),
            ("{{ x", "the template ends inside a tag", 4),
            ("{{ (x] }}", "unexpected `]`", 5),
            ("{{ x } }}", "unexpected `}`", 5),
            ("{{ $ }}", "`$` is no part of an expression", 3),
            ("{% raw %} x", "`{% raw %}` without its end", 0),
            ("{{ '\\x4' }}", "a string with an escape that does not end", 3),
        ] {
            assert_eq!(lex(source).1, Some(Broken { reason: reason.to_owned(), at }), "{source}");
        }
    }
}
