//! Small documents as a tree: what JSON and YAML have in common.

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::Value;
use weighbridge_core::place::Span;

/// How many containers deep a document may go.
pub(crate) const DEEPEST: usize = 200;
/// How many values a document may hold.
pub(crate) const MOST: usize = 1 << 20;

/// A value and where it stands.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    /// Line, from 1 on.
    pub(crate) line: u32,
    /// The tag of YAML with its handle resolved; empty where there is none.
    pub(crate) tag: String,
    pub(crate) tree: Tree,
}

/// A value. Names that occur twice in a map are kept twice: which one counts is the loader's choice.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Tree {
    /// A text.
    Text(String),
    /// Any other scalar, as it is written.
    Plain(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    /// Another mention of a list or map that stands elsewhere in the document.
    Alias,
}

impl Node {
    pub(crate) fn new(line: u32, tree: Tree) -> Self {
        Self { line, tag: String::new(), tree }
    }

    /// The text, if it is one; YAML has texts without quotes.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.tree {
            Tree::Text(text) | Tree::Plain(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> &[Node] {
        match &self.tree {
            Tree::List(nodes) => nodes,
            _ => &[],
        }
    }

    pub(crate) fn map(&self) -> &[(Node, Node)] {
        match &self.tree {
            Tree::Map(items) => items,
            _ => &[],
        }
    }

    /// Every value under this name.
    pub(crate) fn get<'node>(&'node self, name: &'node str) -> impl Iterator<Item = &'node Node> {
        self.map().iter().filter(move |(key, _)| key.text() == Some(name)).map(|(_, value)| value)
    }

    pub(crate) fn span(&self) -> Option<Span> {
        Some(Span::Line(self.line))
    }

    /// The same as an argument of an effect: bounded in depth and breadth.
    pub(crate) fn value(&self, depth: usize) -> Value {
        const SHOWN: usize = 200;
        const ELEMENTS: usize = 8;
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let Some(below) = depth.checked_sub(1) else { return Value::Unknown };
        match &self.tree {
            Tree::Text(text) => {
                let end = (0..=SHOWN.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
                let shown = text.get(..end.unwrap_or(0)).unwrap_or_default();
                Value::Text(shown.to_owned(), count(text.len()))
            }
            Tree::Plain(text) => match text.as_str() {
                "" | "~" | "null" | "Null" => Value::None,
                "true" | "True" => Value::Bool(true),
                "false" | "False" => Value::Bool(false),
                text if text.len() < 40 && text.parse::<i128>().is_ok() => Value::Int(text.to_owned()),
                text if text.len() < 40 && text.parse::<f64>().is_ok() => Value::Float(text.to_owned()),
                _ => Self::new(self.line, Tree::Text(text.clone())).value(depth),
            },
            Tree::List(nodes) => Value::List(
                nodes.iter().take(ELEMENTS).map(|node| node.value(below)).collect(),
                count(nodes.len()),
            ),
            Tree::Map(items) => {
                let shown = items.iter().map(|(key, value)| (key.value(below), value.value(below)));
                Value::Dict(shown.take(ELEMENTS).collect(), count(items.len()))
            }
            Tree::Alias => Value::Unknown,
        }
    }
}

/// The way to a value of a map: `pointer.name`, as far as it is of use to a reader.
pub(crate) fn below(pointer: &str, name: &str) -> String {
    const LONGEST: usize = 60;
    let name: String = name.chars().take(LONGEST).collect();
    match pointer {
        "" => name,
        // Deep documents with long names would take more room than their text.
        _ if pointer.len() > LONGEST.saturating_mul(4) => pointer.to_owned(),
        _ => format!("{pointer}.{name}"),
    }
}

/// The way to a value of a list: `pointer[3]`.
pub(crate) fn at(pointer: &str, index: usize) -> String {
    if pointer.len() > 300 { pointer.to_owned() } else { format!("{pointer}[{index}]") }
}

pub(crate) fn too_deep() -> Unread {
    Unread::Limit(LimitKind::Depth, u64::try_from(DEEPEST).unwrap_or(u64::MAX))
}

pub(crate) fn too_many() -> Unread {
    Unread::Limit(LimitKind::Entries, u64::try_from(MOST).unwrap_or(u64::MAX))
}

/// Reads JSON as `json.loads` of Python does, which also takes `NaN` and `Infinity`, and halves of pairs of surrogates.
/// None where Python raises.
///
/// # Errors
/// [`Unread::Limit`] where the document is deeper or larger than what is kept.
pub(crate) fn json(bytes: &[u8]) -> Result<Option<Node>, Unread> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(None) };
    let mut json = Json { rest: text, line: 1, left: MOST };
    let node = match json.value(0) {
        Ok(node) => node,
        Err(Stop::Raises) => return Ok(None),
        Err(Stop::Unread(reason)) => return Err(reason),
    };
    json.space();
    Ok(json.rest.is_empty().then_some(node))
}

enum Stop {
    /// Python raises here.
    Raises,
    Unread(Unread),
}

struct Json<'text> {
    rest: &'text str,
    line: u32,
    left: usize,
}

impl Json<'_> {
    fn space(&mut self) {
        let rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        let space = self.rest.get(..self.rest.len().saturating_sub(rest.len())).unwrap_or_default();
        let lines = space.bytes().filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.rest = rest;
    }

    /// Whether this comes next; if so it is taken.
    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self, depth: usize) -> Result<Node, Stop> {
        if depth > DEEPEST {
            return Err(Stop::Unread(too_deep()));
        }
        self.left = self.left.checked_sub(1).ok_or_else(|| Stop::Unread(too_many()))?;
        self.space();
        let line = self.line;
        let tree = if self.take("{") {
            Tree::Map(self.map(depth)?)
        } else if self.take("[") {
            Tree::List(self.list(depth)?)
        } else if self.take("\"") {
            Tree::Text(self.text()?)
        } else {
            Tree::Plain(self.plain()?)
        };
        Ok(Node::new(line, tree))
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Node, Node)>, Stop> {
        let mut items = Vec::new();
        self.space();
        if self.take("}") {
            return Ok(items);
        }
        loop {
            self.space();
            let line = self.line;
            if !self.take("\"") {
                return Err(Stop::Raises);
            }
            let key = Node::new(line, Tree::Text(self.text()?));
            self.space();
            if !self.take(":") {
                return Err(Stop::Raises);
            }
            items.push((key, self.value(depth.saturating_add(1))?));
            self.space();
            if self.take("}") {
                return Ok(items);
            }
            if !self.take(",") {
                return Err(Stop::Raises);
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Stop> {
        let mut nodes = Vec::new();
        self.space();
        if self.take("]") {
            return Ok(nodes);
        }
        loop {
            nodes.push(self.value(depth.saturating_add(1))?);
            self.space();
            if self.take("]") {
                return Ok(nodes);
            }
            if !self.take(",") {
                return Err(Stop::Raises);
            }
        }
    }

    /// A number or a word.
    fn plain(&mut self) -> Result<String, Stop> {
        for word in ["null", "true", "false", "NaN", "Infinity", "-Infinity"] {
            if self.take(word) {
                return Ok(word.to_owned());
            }
        }
        let is_number = |character: char| character.is_ascii_digit() || "+-.eE".contains(character);
        let end = self.rest.find(|character| !is_number(character)).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at_checked(end).ok_or(Stop::Raises)?;
        let begins = number.trim_start_matches('-').starts_with(|first: char| first.is_ascii_digit());
        if !begins || number.parse::<f64>().is_err() {
            return Err(Stop::Raises);
        }
        self.rest = rest;
        Ok(number.to_owned())
    }

    /// The rest of a text, whose quote has been taken.
    fn text(&mut self) -> Result<String, Stop> {
        let mut text = String::new();
        loop {
            let end = self.rest.find(['"', '\\']).ok_or(Stop::Raises)?;
            let (piece, rest) = self.rest.split_at_checked(end).ok_or(Stop::Raises)?;
            if piece.bytes().any(|byte| byte < 0x20) {
                return Err(Stop::Raises);
            }
            text.push_str(piece);
            self.rest = rest;
            if self.take("\"") {
                return Ok(text);
            }
            self.take("\\");
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, Stop> {
        let kind = self.rest.chars().next().ok_or(Stop::Raises)?;
        self.rest = self.rest.get(kind.len_utf8()..).unwrap_or_default();
        Ok(match kind {
            '"' | '\\' | '/' => kind,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let high = self.hexadecimal()?;
                if !(0xd800..0xdc00).contains(&high) {
                    return Ok(char::from_u32(high).unwrap_or('\u{fffd}'));
                }
                let behind = self.rest;
                let low = if self.take("\\u") { self.hexadecimal()? } else { 0 };
                if !(0xdc00..0xe000).contains(&low) {
                    self.rest = behind;
                    return Ok('\u{fffd}');
                }
                let above = (high & 0x3ff) << 10 | (low & 0x3ff);
                char::from_u32(above.saturating_add(0x1_0000)).unwrap_or('\u{fffd}')
            }
            _ => return Err(Stop::Raises),
        })
    }

    fn hexadecimal(&mut self) -> Result<u32, Stop> {
        let (digits, rest) = self.rest.split_at_checked(4).ok_or(Stop::Raises)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Stop::Raises);
        }
        self.rest = rest;
        u32::from_str_radix(digits, 16).map_err(|_| Stop::Raises)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<String> {
        json(text.as_bytes()).unwrap().map(|node| format!("{} line {}", node.value(9), node.line))
    }

    #[test]
    fn json_is_read_as_python_reads_it() {
        for (text, expected) in [
            (r#"{"a": [1, -2.5e3, true, null]}"#, Some(r#"{"a": [1, -2.5e3, True, None]} line 1"#)),
            ("\n\n[NaN, -Infinity]", Some("[NaN, -Infinity] line 3")),
            (r#"["\u0061\ud83d\ude00\/", "\ud800x"]"#, Some("[\"a😀/\", \"\u{fffd}x\"] line 1")),
            (r#"{"a": 1, "a": 2}"#, Some(r#"{"a": 1, "a": 2} line 1"#)),
            ("{}", Some("{} line 1")),
            ("[1,]", None),
            ("{'a': 1}", None),
            ("[01x]", None),
            ("[+1]", None),
            ("\"a\nb\"", None),
            (r#""\x61""#, None),
            ("[1] x", None),
            ("", None),
            ("\u{feff}{}", None),
        ] {
            assert_eq!(told(text).as_deref(), expected, "{text}");
        }
        assert!(json("[".repeat(500).as_bytes()).is_err());
    }
}
