//! JSON as Python reads it, with every key that occurs and where each object stands.
//!
//! Python takes the last of equal keys, other loaders the first; so all are kept. It also takes `NaN` and `Infinity`, and
//! bytes in UTF-16 or UTF-32. What stands before a fault is kept: a reader reports both.
//!
//! Source: RFC 8259; `json/decoder.py`, `json/scanner.py` and `json/__init__.py` (`detect_encoding`) of CPython.

use std::borrow::Cow;

use weighbridge_core::coverage::{LimitKind, Unread};

use crate::bytes::offset;

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Json {
    /// Anything that names nothing: `null`, a truth value, a number.
    Scalar,
    Text(String),
    /// The elements. Of scalars and texts only the first are kept: vocabularies and weights are long.
    List(Vec<Json>),
    Object(Object),
}

/// An object.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Object {
    /// Where it stands in the text.
    pub(super) start: u64,
    /// Keys and values in order; a key may occur more than once.
    pub(super) items: Vec<(String, Json)>,
}

impl Object {
    /// Every value of this key.
    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Json> {
        self.items.iter().filter(move |(known, _)| known == key).map(|(_, value)| value)
    }

    /// Whether it has this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.all(key).next().is_some()
    }

    /// Every text under this key.
    pub(super) fn texts<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.all(key).filter_map(|value| match value {
            Json::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Every object under this key.
    pub(super) fn objects<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Object> {
        self.all(key).filter_map(|value| match value {
            Json::Object(object) => Some(object),
            _ => None,
        })
    }
}

/// What was understood.
pub(super) struct Parsed {
    pub(super) value: Json,
    /// Why reading stopped, and where.
    pub(super) fault: Option<(Unread, u64)>,
    /// Keys that stand in an object twice, and where; the first ones.
    pub(super) twice: Vec<(String, u64)>,
}

/// Values in values. Python stops at about a thousand; models need some dozens.
const DEPTH: usize = 256;
/// Scalars and texts of a list that are kept.
const KEPT: usize = 64;
/// Keys that stand twice that are told.
const MOST_TWICE: usize = 20;
/// Bytes that the values may take.
const MOST_STATE: u64 = 256 << 20;
/// What a value takes beside its text, about.
const VALUE: u64 = 64;

/// The text of the bytes, decoded as `json.loads` does.
pub(in crate::model) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Unread> {
    let wide = |little: bool, bytes: &[u8]| {
        let units = bytes.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
        let units =
            units.map(|pair| if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) });
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
    };
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, _, ..] | [_, 0, 0, 0, ..] => {
            Err(Unread::Unsupported("JSON in UTF-32".to_owned()))
        }
        [0xff, 0xfe, rest @ ..] => Ok(Cow::Owned(wide(true, rest))),
        [0xfe, 0xff, rest @ ..] => Ok(Cow::Owned(wide(false, rest))),
        [0, _, ..] => Ok(Cow::Owned(wide(false, bytes))),
        [_, 0, ..] => Ok(Cow::Owned(wide(true, bytes))),
        _ => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            let text = std::str::from_utf8(bytes);
            text.map(Cow::Borrowed).map_err(|_| Unread::Malformed("the JSON is not UTF-8".to_owned()))
        }
    }
}

/// Parses `text`.
pub(super) fn parse(text: &str) -> Parsed {
    let mut parser = Parser { text: text.as_bytes(), at: 0, state: 0, fault: None, twice: Vec::new() };
    let value = parser.value(DEPTH);
    parser.space();
    if parser.fault.is_none() && parser.at < parser.text.len() {
        parser.fail("something stands after the value");
    }
    Parsed { value, fault: parser.fault, twice: parser.twice }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    state: u64,
    fault: Option<(Unread, u64)>,
    twice: Vec<(String, u64)>,
}

impl Parser<'_> {
    fn fail(&mut self, reason: &str) {
        self.stop(Unread::Malformed(format!("the JSON breaks off at byte {}: {reason}", self.at)));
    }

    fn stop(&mut self, reason: Unread) {
        if self.fault.is_none() {
            self.fault = Some((reason, offset(self.at)));
        }
    }

    fn charge(&mut self, bytes: usize) {
        self.state = self.state.saturating_add(VALUE).saturating_add(offset(bytes));
        if self.state > MOST_STATE {
            self.stop(Unread::Limit(LimitKind::StateBytes, MOST_STATE));
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at = self.at.saturating_add(1);
        }
    }

    /// Takes these bytes if they come next.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let found = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(bytes));
        if found {
            self.at = self.at.saturating_add(bytes.len());
        }
        found
    }

    fn value(&mut self, depth: usize) -> Json {
        self.space();
        let Some(below) = depth.checked_sub(1) else {
            self.stop(Unread::Limit(LimitKind::Depth, offset(DEPTH)));
            return Json::Scalar;
        };
        match self.peek() {
            Some(b'{') => Json::Object(self.object(below)),
            Some(b'[') => Json::List(self.list(below)),
            Some(b'"') => {
                let text = self.text();
                self.charge(text.len());
                Json::Text(text)
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number();
                Json::Scalar
            }
            _ => {
                let words: [&[u8]; 5] = [b"null", b"true", b"false", b"NaN", b"Infinity"];
                if !words.into_iter().any(|word| self.take(word)) {
                    self.fail("no value where one must be");
                }
                Json::Scalar
            }
        }
    }

    fn object(&mut self, below: usize) -> Object {
        let mut object = Object { start: offset(self.at), items: Vec::new() };
        self.take(b"{");
        self.charge(0);
        self.space();
        if self.take(b"}") {
            return object;
        }
        while self.fault.is_none() {
            self.space();
            if self.peek() != Some(b'"') {
                self.fail("no key where one must be");
                break;
            }
            let key = self.text();
            self.charge(key.len());
            self.space();
            if !self.take(b":") {
                self.fail("no colon after a key");
                break;
            }
            let value = self.value(below);
            object.items.push((key, value));
            self.space();
            if self.take(b"}") {
                break;
            }
            if !self.take(b",") {
                self.fail("neither a comma nor the end of an object");
            }
        }
        self.find_twice(&object);
        object
    }

    fn find_twice(&mut self, object: &Object) {
        let mut keys: Vec<&String> = object.items.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        for pair in keys.windows(2) {
            if let [one, other] = pair
                && one == other
                && self.twice.len() < MOST_TWICE
            {
                self.twice.push(((*one).clone(), object.start));
            }
        }
    }

    fn list(&mut self, below: usize) -> Vec<Json> {
        let mut items = Vec::new();
        let mut plain = 0usize;
        self.take(b"[");
        self.charge(0);
        self.space();
        if self.take(b"]") {
            return items;
        }
        while self.fault.is_none() {
            let state = self.state;
            let value = self.value(below);
            if matches!(value, Json::List(_) | Json::Object(_)) {
                items.push(value);
            } else {
                plain = plain.saturating_add(1);
                if plain <= KEPT {
                    items.push(value);
                } else {
                    self.state = state;
                }
            }
            self.space();
            if self.take(b"]") {
                break;
            }
            if !self.take(b",") {
                self.fail("neither a comma nor the end of a list");
            }
        }
        items
    }

    fn number(&mut self) {
        let digits = |parser: &mut Self| {
            let start = parser.at;
            while matches!(parser.peek(), Some(b'0'..=b'9')) {
                parser.at = parser.at.saturating_add(1);
            }
            if parser.at == start {
                parser.fail("a number without digits");
            }
        };
        self.take(b"-");
        if self.take(b"Infinity") {
            return;
        }
        if !self.take(b"0") {
            digits(self);
        }
        if self.take(b".") {
            digits(self);
        }
        if self.take(b"e") || self.take(b"E") {
            if !self.take(b"+") {
                self.take(b"-");
            }
            digits(self);
        }
    }

    fn text(&mut self) -> String {
        self.take(b"\"");
        let mut text = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
                self.at = self.at.saturating_add(1);
            }
            // The parts lie between ASCII characters, so each is UTF-8.
            let part = self.text.get(start..self.at).unwrap_or_default();
            text.push_str(std::str::from_utf8(part).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at = self.at.saturating_add(1);
                    return text;
                }
                Some(b'\\') => {
                    self.at = self.at.saturating_add(1);
                    match self.escape() {
                        Some(character) => text.push(character),
                        None => {
                            self.fail("an escape that is none");
                            return text;
                        }
                    }
                }
                Some(_) => {
                    self.fail("a control character in a text");
                    return text;
                }
                None => {
                    self.fail("a text without an end");
                    return text;
                }
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let escape = self.peek()?;
        self.at = self.at.saturating_add(1);
        Some(match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                let mut units = vec![first];
                if (0xd800..0xdc00).contains(&first) && self.text.get(self.at..)?.starts_with(b"\\u") {
                    let at = self.at;
                    self.at = self.at.saturating_add(2);
                    let second = self.unit()?;
                    if (0xdc00..0xe000).contains(&second) {
                        units.push(second);
                    } else {
                        self.at = at;
                    }
                }
                // Python keeps half a surrogate pair; it can be no part of a name that exists.
                char::decode_utf16(units).next()?.unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at.checked_add(4)?)?;
        let digits = std::str::from_utf8(digits).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        self.at = self.at.saturating_add(4);
        u16::from_str_radix(digits, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_and_this_reader_agree_on_what_is_json() {
        for good in [
            "{}",
            " [1, -2.5e+3, NaN, -Infinity, \"\\u00e9\\ud83d\\ude00\\n\", null]\n",
            "{\"a\": {\"b\": [{}]}}",
            "\"\\ud800x\"",
        ] {
            assert_eq!(parse(good).fault, None, "{good}");
        }
        for bad in
            ["", "{", "[1,]", "{\"a\" 1}", "01", "1.", "\"\u{1}\"", "\"\\x\"", "{} {}", "nul", "{a: 1}"]
        {
            assert!(parse(bad).fault.is_some(), "{bad}");
        }
        let deep = "[".repeat(DEPTH + 1);
        assert_eq!(parse(&deep).fault.unwrap().0, Unread::Limit(LimitKind::Depth, 256));
    }

    #[test]
    fn what_stands_before_a_fault_is_kept_and_so_are_equal_keys() {
        let parsed = parse("{\"a\": 1, \"a\": [\"b\", {\"c\"");
        assert!(parsed.fault.is_some());
        assert_eq!(parsed.twice, [("a".to_owned(), 0)]);
        let Json::Object(object) = parsed.value else { panic!() };
        assert_eq!(object.all("a").count(), 2);
    }

    #[test]
    fn long_lists_cost_no_memory() {
        let text = format!("[{}{{}}]", "1, ".repeat(1_000_000));
        let Json::List(items) = parse(&text).value else { panic!() };
        assert_eq!(items.len(), KEPT + 1);
    }

    #[test]
    fn all_encodings_of_python_are_read() {
        let wide = |unit: fn(u16) -> [u8; 2]| "{}".encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        for bytes in [
            b"{}".to_vec(),
            b"\xef\xbb\xbf{}".to_vec(),
            wide(u16::to_le_bytes),
            wide(u16::to_be_bytes),
            [vec![0xff, 0xfe], wide(u16::to_le_bytes)].concat(),
        ] {
            assert_eq!(decode(&bytes).unwrap(), "{}", "{bytes:?}");
        }
        assert!(decode(b"\xff\xff\xff\xff").is_err());
    }
}
