//! JSON, read forward, with the place of everything. Names that occur twice are kept twice: which one counts is the
//! loader's choice.
//!
//! Source: RFC 8259; besides it `NaN`, `Infinity` and `-Infinity`, which Python's and XGBoost's writers write.

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::input::{Cursor, Input};

use crate::bytes::offset;
use crate::events::{DEEPEST, Event, Events, Text, too_deep};

/// Bytes of the window through which a document is read.
const WINDOW: usize = 64 << 10;
/// The longest number that is read, in bytes.
const LONGEST_NUMBER: usize = 1 << 10;

/// Reads one document.
pub(crate) struct Json<'input> {
    cursor: Cursor<'input>,
    /// Bytes of a text that are kept.
    keep: usize,
    open: Vec<Open>,
    next: Next,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Object,
    List,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A value.
    Value,
    /// A value or the end of the list.
    FirstValue,
    /// A name or the end of the object.
    FirstKey,
    /// A comma or the end of what is open.
    More,
    /// Nothing.
    End,
}

impl<'input> Json<'input> {
    /// The document from `at` on; of each text `keep` bytes are kept.
    pub(crate) fn new(input: &'input Input, at: u64, keep: usize) -> Self {
        Self { cursor: input.cursor(at, WINDOW), keep, open: Vec::new(), next: Next::Value }
    }

    /// Reads to the end of the list that has just begun, and keeps nothing of it.
    fn skip_list(&mut self) -> Result<(), Unread> {
        let keep = std::mem::replace(&mut self.keep, 0);
        let depth = self.open.len();
        while self.open.len() >= depth && self.next()?.is_some() {}
        self.keep = keep;
        Ok(())
    }

    /// Offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.cursor.offset()
    }

    fn space(&mut self) -> Result<Option<u8>, Unread> {
        loop {
            let window = self.cursor.peek()?;
            if window.is_empty() {
                return Ok(None);
            }
            let spaces =
                window.iter().take_while(|byte| matches!(**byte, b' ' | b'\t' | b'\n' | b'\r')).count();
            let next = window.get(spaces).copied();
            self.cursor.skip(offset(spaces));
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// The next byte that is no space.
    fn token(&mut self) -> Result<u8, Unread> {
        self.space()?.ok_or(Unread::Truncated { offset: self.cursor.offset() })
    }

    fn byte(&mut self) -> Result<u8, Unread> {
        let byte = self.cursor.byte()?;
        byte.ok_or(Unread::Truncated { offset: self.cursor.offset() })
    }

    fn wrong<T>(&self, expected: &str) -> Result<T, Unread> {
        Err(Unread::Malformed(format!("no JSON: byte {} is not {expected}", self.cursor.offset())))
    }

    fn after_value(&mut self) {
        self.next = if self.open.is_empty() { Next::End } else { Next::More };
    }

    fn close(&mut self) -> Event {
        self.cursor.skip(1);
        self.open.pop();
        self.after_value();
        Event::End
    }

    fn key(&mut self) -> Result<(u64, Event), Unread> {
        if self.token()? != b'"' {
            return self.wrong("the name of a value");
        }
        let at = self.offset();
        let text = self.text()?;
        if self.token()? != b':' {
            return self.wrong("the colon after a name");
        }
        self.cursor.skip(1);
        self.next = Next::Value;
        Ok((at, Event::Key(text)))
    }

    fn value(&mut self) -> Result<(u64, Event), Unread> {
        let first = self.token()?;
        let at = self.offset();
        let event = match first {
            b'{' | b'[' => {
                self.cursor.skip(1);
                if self.open.len() >= DEEPEST {
                    return Err(too_deep());
                }
                let (open, next, event) = match first {
                    b'{' => (Open::Object, Next::FirstKey, Event::Object),
                    _ => (Open::List, Next::FirstValue, Event::List),
                };
                self.open.push(open);
                self.next = next;
                return Ok((at, event));
            }
            b'"' => Event::Text(self.text()?),
            b't' => self.word("true", Event::Bool(true))?,
            b'f' => self.word("false", Event::Bool(false))?,
            b'n' => self.word("null", Event::Null)?,
            b'N' => self.word("NaN", Event::Float)?,
            b'I' => self.word("Infinity", Event::Float)?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return self.wrong("the beginning of a value"),
        };
        self.after_value();
        Ok((at, event))
    }

    fn word(&mut self, word: &str, event: Event) -> Result<Event, Unread> {
        for expected in word.bytes() {
            if self.byte()? != expected {
                return self.wrong("a value");
            }
        }
        Ok(event)
    }

    fn number(&mut self) -> Result<Event, Unread> {
        let mut digits = String::new();
        while let Some(byte) = self.cursor.peek()?.first().copied() {
            match byte {
                b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9' => digits.push(char::from(byte)),
                b'I' if digits == "-" => return self.word("Infinity", Event::Float),
                _ => break,
            }
            if digits.len() > LONGEST_NUMBER {
                return self.wrong("the end of a number");
            }
            self.cursor.skip(1);
        }
        if let Ok(int) = digits.parse() {
            return Ok(Event::Int(int));
        }
        match digits.parse::<f64>() {
            Ok(_) => Ok(Event::Float),
            Err(_) => self.wrong("the end of a number"),
        }
    }

    fn text(&mut self) -> Result<Text, Unread> {
        self.cursor.skip(1);
        let mut kept = Vec::new();
        let mut length = 0u64;
        loop {
            let window = self.cursor.peek()?;
            let plain = window.iter().take_while(|byte| !matches!(**byte, b'"' | b'\\' | 0..=0x1f)).count();
            let room = self.keep.saturating_sub(kept.len());
            kept.extend(window.get(..plain.min(room)).unwrap_or_default());
            length = length.saturating_add(offset(plain));
            self.cursor.skip(offset(plain));
            if plain > 0 {
                continue;
            }
            match self.byte()? {
                b'"' => break,
                b'\\' => {
                    let character = self.escape()?;
                    let mut buffer = [0; 4];
                    let bytes = character.encode_utf8(&mut buffer).as_bytes();
                    length = length.saturating_add(offset(bytes.len()));
                    if kept.len().saturating_add(bytes.len()) <= self.keep {
                        kept.extend(bytes);
                    }
                }
                // Python's reader refuses control characters, others do not.
                control => {
                    length = length.saturating_add(1);
                    if kept.len() < self.keep {
                        kept.push(control);
                    }
                }
            }
        }
        let kept = String::from_utf8(kept)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Ok(Text { kept, length })
    }

    fn escape(&mut self) -> Result<char, Unread> {
        Ok(match self.byte()? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            plain @ (b'"' | b'\\' | b'/') => char::from(plain),
            b'u' => {
                let high = self.unit()?;
                // A pair of surrogates is one character; a lone one is none, and Python keeps it.
                if (0xd800..0xdc00).contains(&high) && self.cursor.peek()?.first() == Some(&b'\\') {
                    self.cursor.skip(1);
                    if self.byte()? != b'u' {
                        return self.wrong("the second half of a character");
                    }
                    let low = self.unit()?;
                    let pair = low.checked_sub(0xdc00).filter(|low| *low < 0x400).and_then(|low| {
                        let high = high.checked_sub(0xd800)?.checked_mul(0x400)?;
                        char::from_u32(high.checked_add(low)?.checked_add(0x10000)?)
                    });
                    pair.unwrap_or(char::REPLACEMENT_CHARACTER)
                } else {
                    char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER)
                }
            }
            _ => return self.wrong("an escape"),
        })
    }

    fn unit(&mut self) -> Result<u32, Unread> {
        let mut unit = 0u32;
        for _ in 0..4 {
            let Some(digit) = char::from(self.byte()?).to_digit(16) else {
                return self.wrong("a digit of an escape");
            };
            unit = unit.wrapping_mul(16).wrapping_add(digit);
        }
        Ok(unit)
    }
}

impl Events for Json<'_> {
    fn next(&mut self) -> Result<Option<(u64, Event)>, Unread> {
        let in_object = self.open.last() == Some(&Open::Object);
        Ok(Some(match self.next {
            Next::End => {
                return match self.space()? {
                    None => Ok(None),
                    Some(_) => self.wrong("the end of the document"),
                };
            }
            Next::Value => self.value()?,
            Next::FirstValue => match self.token()? {
                b']' => (self.offset(), self.close()),
                _ => self.value()?,
            },
            Next::FirstKey => match self.token()? {
                b'}' => (self.offset(), self.close()),
                _ => self.key()?,
            },
            Next::More => match (self.token()?, in_object) {
                (b',', true) => {
                    self.cursor.skip(1);
                    self.key()?
                }
                (b',', false) => {
                    self.cursor.skip(1);
                    self.value()?
                }
                (b'}', true) | (b']', false) => (self.offset(), self.close()),
                _ => return self.wrong("a comma or the end of what is open"),
            },
        }))
    }
}

/// A value, and where it begins.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    pub(crate) at: u64,
    pub(crate) value: Value,
}

/// A value with everything in it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float,
    Text(String),
    List(Vec<Node>),
    /// A list whose items were not kept; see [`outline`].
    Far,
    Object(Vec<(String, Node)>),
}

/// Bytes that a value in memory may take at most, besides its texts.
const NODE_BYTES: u64 = 64;

impl Node {
    /// The values of this name; more than one if it stands there twice.
    pub(crate) fn all<'node>(&'node self, name: &'node str) -> impl Iterator<Item = &'node Self> {
        let items = match &self.value {
            Value::Object(items) => items.as_slice(),
            _ => &[],
        };
        items.iter().filter(move |(key, _)| key == name).map(|(_, value)| value)
    }

    /// The last value of this name, which is the one that most loaders take.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Value::Object(items) = &self.value else { return None };
        items.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(list) => Some(list),
            _ => None,
        }
    }
}

/// The whole document in memory, within the limits on a text and on working state.
pub(crate) fn tree(input: &Input) -> Result<Node, Unread> {
    whole(input, Extent::Tree)
}

/// The whole document, but without the items of the lists directly in its object: [`items`] reads them one by one, so that
/// a document with a million of them takes little memory.
pub(crate) fn outline(input: &Input) -> Result<Node, Unread> {
    whole(input, Extent::Outline)
}

/// How much of a document is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Tree,
    Outline,
}

fn whole(input: &Input, extent: Extent) -> Result<Node, Unread> {
    let most = input.limits().text_bytes;
    if input.size() > most {
        return Err(Unread::Limit(LimitKind::TextBytes, most));
    }
    // A mark of UTF-8 in front is an error to Python and none to many others.
    let mut mark = [0; 3];
    let marked = input.read_some(0, &mut mark)? == 3 && mark == *b"\xef\xbb\xbf";
    let mut json = Json::new(input, if marked { 3 } else { 0 }, usize::MAX);
    let node = grow(&mut json, input, extent)?.ok_or(Unread::Truncated { offset: input.size() })?;
    // Says so if anything follows.
    json.next()?;
    Ok(node)
}

/// The items of the list of an [`outline`] that begins at this place.
pub(crate) fn items(input: &Input, at: u64) -> Items<'_> {
    Items { json: Json::new(input, at, usize::MAX), input, state: State::New }
}

/// Reads the items of a list one by one; ends at its end, or with what is wrong.
pub(crate) struct Items<'input> {
    json: Json<'input>,
    input: &'input Input,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Within,
    Over,
}

impl Items<'_> {
    fn read(&mut self) -> Result<Option<Node>, Unread> {
        // The list itself.
        if self.state == State::New {
            self.json.next()?;
            self.state = State::Within;
        }
        grow(&mut self.json, self.input, Extent::Tree)
    }
}

impl Iterator for Items<'_> {
    type Item = Result<Node, Unread>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Over {
            return None;
        }
        let item = self.read().transpose();
        if !matches!(item, Some(Ok(_))) {
            self.state = State::Over;
        }
        item
    }
}

/// The next value, with what is in it; none where what is around it ends.
fn grow(json: &mut Json<'_>, input: &Input, extent: Extent) -> Result<Option<Node>, Unread> {
    let limits = input.limits();
    let mut left = limits.state_bytes.checked_div(NODE_BYTES).unwrap_or_default();
    // What is open: the container, and the name of it in the one around it.
    let mut open: Vec<(Node, Option<String>)> = Vec::new();
    let mut name: Option<String> = None;
    let mut whole = None;
    while whole.is_none() {
        let Some((at, event)) = json.next()? else { break };
        left = left.checked_sub(1).ok_or(Unread::Limit(LimitKind::StateBytes, limits.state_bytes))?;
        let value = match event {
            Event::Key(text) => {
                name = Some(text.kept);
                continue;
            }
            Event::List if extent == Extent::Outline && is_object_alone(&open) => {
                json.skip_list()?;
                Value::Far
            }
            Event::Object => {
                open.push((Node { at, value: Value::Object(Vec::new()) }, name.take()));
                continue;
            }
            Event::List => {
                open.push((Node { at, value: Value::List(Vec::new()) }, name.take()));
                continue;
            }
            Event::End => {
                let Some((node, outer)) = open.pop() else { return Ok(None) };
                name = outer;
                put(&mut open, node, &mut name, &mut whole);
                continue;
            }
            Event::Text(text) => Value::Text(text.kept),
            Event::Int(int) => Value::Int(int),
            Event::Float | Event::Floats(_) => Value::Float,
            Event::Bool(bool) => Value::Bool(bool),
            Event::Null => Value::Null,
        };
        put(&mut open, Node { at, value }, &mut name, &mut whole);
    }
    Ok(whole)
}

fn is_object_alone(open: &[(Node, Option<String>)]) -> bool {
    matches!(open, [(Node { value: Value::Object(_), .. }, _)])
}

/// Puts a finished value into what is open around it.
fn put(open: &mut [(Node, Option<String>)], node: Node, name: &mut Option<String>, whole: &mut Option<Node>) {
    match open.last_mut().map(|(node, _)| &mut node.value) {
        Some(Value::Object(items)) => items.push((name.take().unwrap_or_default(), node)),
        Some(Value::List(items)) => items.push(node),
        _ => *whole = Some(node),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weighbridge_core::limits::{Cancel, Limits};

    use super::*;

    fn input(text: &str) -> Input {
        Input::new(Arc::new(text.as_bytes().to_vec()), Limits::default(), Cancel::default())
    }

    fn events(text: &str) -> Vec<(u64, Event)> {
        let input = input(text);
        let mut json = Json::new(&input, 0, 8);
        std::iter::from_fn(|| json.next().unwrap()).collect()
    }

    #[test]
    fn a_document_is_told_in_order() {
        let text = |kept: &str| Text { kept: kept.to_owned(), length: kept.len() as u64 };
        let expected = vec![
            (0, Event::Object),
            (1, Event::Key(text("a"))),
            (5, Event::List),
            (6, Event::Int(-1)),
            (10, Event::Float),
            (15, Event::Text(text("x\u{1f600}\n"))),
            (33, Event::Null),
            (37, Event::End),
            (39, Event::Key(text("a"))),
            (43, Event::Bool(true)),
            (47, Event::End),
        ];
        assert_eq!(
            events(r#"{"a":[-1, 2e3, "x\ud83d\ude00\n",null],"a":true}"#),
            expected
                .clone()
                .into_iter()
                .map(|(at, event)| (if at == 5 { 5 } else { at }, event))
                .collect::<Vec<_>>()
        );
        assert_eq!(
            events(r#""123456789""#),
            [(0, Event::Text(Text { kept: "12345678".to_owned(), length: 9 }))]
        );
        assert_eq!(events("[NaN,-Infinity]").len(), 4);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            "{",
            "[",
            "[1",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "[1 2]",
            "1 2",
            "\"",
            "\"\\x\"",
            "tru",
            "-",
            "1e",
            "{\"a\":1,}",
            "]",
            "[1}",
            "\"\\u12\"",
        ] {
            assert!(tree(&input(text)).is_err(), "{text}");
        }
        assert_eq!(tree(&input(&"[".repeat(1000))), Err(too_deep()));
    }

    #[test]
    fn an_outline_says_what_a_tree_says() {
        let text = r#"{"a":[1,{"b":[2,"\n"]},[]],"c":{"d":[3]},"e":[],"a":["x"]} "#;
        let input = input(text);
        let (tree, outline) = (tree(&input).unwrap(), outline(&input).unwrap());
        assert_eq!(outline.get("c"), tree.get("c"));
        for (name, counts) in [("a", [3, 1].as_slice()), ("e", &[0])] {
            let pairs: Vec<(&Node, &Node)> = outline.all(name).zip(tree.all(name)).collect();
            assert_eq!(pairs.len(), counts.len());
            for ((far, whole), count) in pairs.into_iter().zip(counts) {
                assert_eq!((far.at, &far.value), (whole.at, &Value::Far));
                let items: Vec<Node> = items(&input, far.at).map(Result::unwrap).collect();
                assert_eq!((items.len(), Some(items.as_slice())), (*count, whole.list()));
            }
        }
        for end in 0..text.len() - 1 {
            let cut = self::input(&text[..end]);
            assert_eq!(self::outline(&cut), self::tree(&cut), "{end}");
            assert!(items(&cut, 5).count() <= 4 && self::tree(&cut).is_err(), "{end}");
        }
        let deep = format!("{{\"a\":{}", "[".repeat(1000));
        for text in [
            r#"{"a":[1}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":["\x"]}"#,
            r#"{"a":[{"b"}]}"#,
            r#"{"a":[]}x"#,
            "[[1]]",
            "[",
            "]",
            deep.as_str(),
        ] {
            let input = self::input(text);
            assert_eq!(self::outline(&input), self::tree(&input), "{text}");
        }
    }

    #[test]
    fn names_that_occur_twice_are_kept_twice() {
        let whole = tree(&input(r#"{"a":1,"b":[{}],"a":"x"}"#)).unwrap();
        assert_eq!(whole.all("a").map(|node| node.at).collect::<Vec<_>>(), [5, 20]);
        assert_eq!(whole.get("a").unwrap().text(), Some("x"));
        assert_eq!(whole.get("b").unwrap().list().unwrap().len(), 1);
    }
}
