//! XML, read forward: elements, attributes and texts, and what a document type declares. No entity is ever expanded and
//! nothing is fetched; what expanding and fetching would cost is what is told.
//!
//! Source: XML 1.0 (fifth edition), productions 1 to 28 and 66 to 76.

use std::collections::BTreeMap;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::input::{Cursor, Input};

use crate::bytes::offset;
use crate::events::{DEEPEST, too_deep};

/// Bytes of the window through which a document is read.
const WINDOW: usize = 64 << 10;
/// The longest name or attribute that is read, in bytes.
const LONGEST: usize = 1 << 20;
/// Characters of a text that are kept.
const KEPT: usize = 1 << 10;
/// How many entities are followed in each other.
const NESTED: usize = 64;

/// One step through a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// An element begins; its name without a prefix.
    Start { name: String, attributes: Vec<(String, String)> },
    /// The innermost element ends.
    End(String),
    /// The declaration of the document's type.
    Type(Box<Doctype>),
}

/// What a document type declares.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Doctype {
    /// Files and addresses that it refers to: by which declaration, where, and its place in the document.
    pub(crate) external: Vec<(&'static str, String, u64)>,
    /// Bytes to which its largest entity unfolds.
    pub(crate) unfolds: u64,
}

/// Reads one document.
pub(crate) struct Xml<'input> {
    cursor: Cursor<'input>,
    open: Vec<String>,
    /// The end of an element that has no content, to be told next.
    pending: Option<String>,
    begun: bool,
}

impl<'input> Xml<'input> {
    pub(crate) fn new(input: &'input Input) -> Self {
        Self { cursor: input.cursor(0, WINDOW), open: Vec::new(), pending: None, begun: false }
    }

    /// The next step and where it begins; none at the end of the document.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Step)>, Unread> {
        if let Some(name) = self.pending.take() {
            return Ok(Some((self.cursor.offset(), Step::End(name))));
        }
        loop {
            self.text()?;
            let at = self.cursor.offset();
            let Some(_) = self.cursor.byte()? else {
                if self.open.is_empty() && self.begun {
                    return Ok(None);
                }
                return Err(Unread::Truncated { offset: at });
            };
            match self.peek()? {
                b'?' => self.until(b"?>")?,
                b'!' => {
                    self.cursor.skip(1);
                    if let Some(doctype) = self.declaration(at)? {
                        return Ok(Some((at, Step::Type(Box::new(doctype)))));
                    }
                }
                b'/' => {
                    self.cursor.skip(1);
                    let name = self.name()?;
                    self.space()?;
                    self.expect(b'>')?;
                    return match self.open.pop() {
                        Some(open) if open == name => Ok(Some((at, Step::End(local(name))))),
                        _ => Err(self.wrong("the end of another element than the open one")),
                    };
                }
                _ => return self.start().map(|step| Some((at, step))),
            }
        }
    }

    /// Passes text up to the next `<` or the end.
    fn text(&mut self) -> Result<(), Unread> {
        loop {
            let window = self.cursor.peek()?;
            let plain = window.iter().take_while(|byte| **byte != b'<').count();
            let all = !window.is_empty() && plain == window.len();
            if self.open.is_empty() {
                let mut outside = window.get(..plain).unwrap_or_default();
                // A mark of UTF-8 may stand in front of everything.
                if !self.begun {
                    outside = outside.strip_prefix(b"\xef\xbb\xbf").unwrap_or(outside);
                }
                if !outside.trim_ascii().is_empty() {
                    return Err(self.wrong("text outside of an element"));
                }
            }
            self.cursor.skip(offset(plain));
            if !all {
                return Ok(());
            }
        }
    }

    fn start(&mut self) -> Result<Step, Unread> {
        if self.open.is_empty() && self.begun {
            return Err(self.wrong("a second outermost element"));
        }
        if self.open.len() >= DEEPEST {
            return Err(too_deep());
        }
        self.begun = true;
        let name = self.name()?;
        let mut attributes = Vec::new();
        loop {
            self.space()?;
            match self.peek()? {
                b'>' => {
                    self.cursor.skip(1);
                    self.open.push(name.clone());
                    break;
                }
                b'/' => {
                    self.cursor.skip(1);
                    self.expect(b'>')?;
                    self.pending = Some(local(name.clone()));
                    break;
                }
                _ => {
                    let key = self.name()?;
                    self.space()?;
                    self.expect(b'=')?;
                    self.space()?;
                    let value = self.quoted()?;
                    if attributes.len() >= 1_000 {
                        return Err(self.wrong("an element with more than a thousand attributes"));
                    }
                    attributes.push((local(key), references(&value)));
                }
            }
        }
        Ok(Step::Start { name: local(name), attributes })
    }

    /// A comment, a section of characters, or the document's type.
    fn declaration(&mut self, at: u64) -> Result<Option<Doctype>, Unread> {
        match self.peek()? {
            b'-' => {
                self.cursor.skip(1);
                self.expect(b'-')?;
                self.until(b"-->")?;
                Ok(None)
            }
            b'[' if !self.open.is_empty() => {
                for expected in b"[CDATA[" {
                    self.expect(*expected)?;
                }
                self.until(b"]]>")?;
                Ok(None)
            }
            b'D' if !self.begun => {
                for expected in b"DOCTYPE" {
                    self.expect(*expected)?;
                }
                self.doctype(at).map(Some)
            }
            _ => Err(self.wrong("a declaration that there is not")),
        }
    }

    fn doctype(&mut self, at: u64) -> Result<Doctype, Unread> {
        let mut doctype = Doctype::default();
        self.space()?;
        self.name()?;
        self.space()?;
        if let Some(place) = self.external()? {
            doctype.external.push(("DOCTYPE", place, at));
        }
        self.space()?;
        let mut entities = BTreeMap::new();
        if self.peek()? == b'[' {
            self.cursor.skip(1);
            loop {
                self.space()?;
                let at = self.cursor.offset();
                match self.byte()? {
                    b']' => break,
                    b'%' => {
                        self.name()?;
                        self.expect(b';')?;
                    }
                    b'<' => match self.peek()? {
                        b'?' => self.until(b"?>")?,
                        b'!' => {
                            self.cursor.skip(1);
                            self.declared(at, &mut doctype, &mut entities)?;
                        }
                        _ => return Err(self.wrong("something that declares nothing")),
                    },
                    _ => return Err(self.wrong("something that declares nothing")),
                }
            }
        }
        self.space()?;
        self.expect(b'>')?;
        let mut known = BTreeMap::new();
        doctype.unfolds =
            entities.keys().map(|name| unfold(name, &entities, &mut known, 0)).max().unwrap_or(0);
        Ok(doctype)
    }

    /// One declaration behind `<!`.
    fn declared(
        &mut self,
        at: u64,
        doctype: &mut Doctype,
        entities: &mut BTreeMap<String, String>,
    ) -> Result<(), Unread> {
        if self.peek()? == b'-' {
            self.cursor.skip(1);
            self.expect(b'-')?;
            return self.until(b"-->");
        }
        let keyword = self.name()?;
        if keyword != "ENTITY" {
            // Elements, attributes and notations: passed with their quotes.
            loop {
                match self.peek()? {
                    b'"' | b'\'' => {
                        self.quoted()?;
                    }
                    b'>' => {
                        self.cursor.skip(1);
                        return Ok(());
                    }
                    _ => self.cursor.skip(1),
                }
            }
        }
        self.space()?;
        if self.peek()? == b'%' {
            self.cursor.skip(1);
            self.space()?;
        }
        let name = self.name()?;
        self.space()?;
        if matches!(self.peek()?, b'"' | b'\'') {
            let value = self.quoted()?;
            if entities.len() >= 10_000 {
                return Err(Unread::Limit(LimitKind::Entries, 10_000));
            }
            // The first declaration of a name is the one that counts.
            entities.entry(name).or_insert(value);
        } else if let Some(place) = self.external()? {
            doctype.external.push(("ENTITY", place, at));
            self.space()?;
            if self.peek()? == b'N' {
                self.name()?; // NDATA
                self.space()?;
                self.name()?;
            }
        }
        self.space()?;
        self.expect(b'>')
    }

    /// `SYSTEM "place"` or `PUBLIC "name" "place"`.
    fn external(&mut self) -> Result<Option<String>, Unread> {
        if !matches!(self.peek()?, b'S' | b'P') {
            return Ok(None);
        }
        let keyword = self.name()?;
        self.space()?;
        match keyword.as_str() {
            "SYSTEM" => self.quoted().map(Some),
            "PUBLIC" => {
                self.quoted()?;
                self.space()?;
                self.quoted().map(Some)
            }
            _ => Err(self.wrong("a reference of a kind that there is not")),
        }
    }

    fn quoted(&mut self) -> Result<String, Unread> {
        let quote = self.byte()?;
        if !matches!(quote, b'"' | b'\'') {
            return Err(self.wrong("something else than a quote"));
        }
        let mut value = Vec::new();
        loop {
            match self.byte()? {
                byte if byte == quote => break,
                _ if value.len() >= LONGEST => {
                    return Err(Unread::Limit(LimitKind::TextBytes, offset(LONGEST)));
                }
                byte => value.push(byte),
            }
        }
        Ok(String::from_utf8_lossy(&value).into_owned())
    }

    fn name(&mut self) -> Result<String, Unread> {
        let mut name = Vec::new();
        loop {
            match self.peek()? {
                byte if byte.is_ascii_alphanumeric()
                    || matches!(byte, b':' | b'_' | b'-' | b'.')
                    || byte >= 0x80 =>
                {
                    if name.len() >= KEPT {
                        return Err(self.wrong("a name that does not end"));
                    }
                    name.push(byte);
                    self.cursor.skip(1);
                }
                _ if name.is_empty() => return Err(self.wrong("something else than a name")),
                _ => return Ok(String::from_utf8_lossy(&name).into_owned()),
            }
        }
    }

    fn space(&mut self) -> Result<(), Unread> {
        while self.cursor.peek()?.first().is_some_and(u8::is_ascii_whitespace) {
            self.cursor.skip(1);
        }
        Ok(())
    }

    /// Passes everything up to and with this.
    fn until(&mut self, end: &[u8]) -> Result<(), Unread> {
        let mut last = Vec::new();
        loop {
            last.push(self.byte()?);
            if last.len() > end.len() {
                last.remove(0);
            }
            if last == end {
                return Ok(());
            }
        }
    }

    fn expect(&mut self, expected: u8) -> Result<(), Unread> {
        if self.byte()? == expected {
            Ok(())
        } else {
            Err(self.wrong("something else than what must stand there"))
        }
    }

    fn peek(&mut self) -> Result<u8, Unread> {
        let next = self.cursor.peek()?.first().copied();
        next.ok_or(Unread::Truncated { offset: self.cursor.offset() })
    }

    fn byte(&mut self) -> Result<u8, Unread> {
        self.cursor.byte()?.ok_or(Unread::Truncated { offset: self.cursor.offset() })
    }

    fn wrong(&self, what: &str) -> Unread {
        Unread::Malformed(format!("no XML: {what} before byte {}", self.cursor.offset()))
    }
}

/// The name without its prefix.
fn local(name: String) -> String {
    match name.rsplit_once(':') {
        Some((_, local)) => local.to_owned(),
        None => name,
    }
}

/// The five entities of XML itself and characters by number, which attributes may be written with.
fn references(value: &str) -> String {
    if !value.contains('&') {
        return value.to_owned();
    }
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let Some((name, behind)) = after.split_once(';') else {
            out.push('&');
            rest = after;
            continue;
        };
        let number = name.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => number.parse().ok(),
        });
        match (name, number.and_then(char::from_u32)) {
            ("amp", _) => out.push('&'),
            ("lt", _) => out.push('<'),
            ("gt", _) => out.push('>'),
            ("quot", _) => out.push('"'),
            ("apos", _) => out.push('\''),
            (_, Some(character)) => out.push(character),
            _ => {
                out.push('&');
                out.push_str(name);
                out.push(';');
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// Bytes to which an entity unfolds with everything that it refers to; saturates where it refers to itself.
fn unfold<'text>(
    name: &'text str,
    entities: &'text BTreeMap<String, String>,
    known: &mut BTreeMap<&'text str, u64>,
    depth: usize,
) -> u64 {
    if let Some(size) = known.get(name) {
        return *size;
    }
    let Some(value) = entities.get(name) else { return 0 };
    if depth >= NESTED {
        return u64::MAX;
    }
    // Whatever refers to itself finds this.
    known.insert(name, u64::MAX);
    let mut size = offset(value.len());
    for part in value.split(['&', '%']).skip(1) {
        if let Some((inner, _)) = part.split_once(';') {
            size = size.saturating_add(unfold(inner, entities, known, depth.saturating_add(1)));
        }
    }
    known.insert(name, size);
    size
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weighbridge_core::limits::{Cancel, Limits};

    use super::*;

    fn steps(text: &str) -> Result<Vec<Step>, Unread> {
        let input = Input::new(Arc::new(text.as_bytes().to_vec()), Limits::default(), Cancel::default());
        let mut xml = Xml::new(&input);
        let mut steps = Vec::new();
        while let Some((_, step)) = xml.next()? {
            steps.push(step);
        }
        Ok(steps)
    }

    #[test]
    fn a_document_is_told_in_order() {
        let text = "\u{feff}<?xml version='1.0'?>\n<!-- a --><a:net x='1 &lt; &#50;' y = \"z\"> t <![CDATA[<b>]]><c/></a:net>\n";
        let start = |name: &str, attributes: &[(&str, &str)]| Step::Start {
            name: name.to_owned(),
            attributes: attributes.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        };
        let end = |name: &str| Step::End(name.to_owned());
        let expected = [start("net", &[("x", "1 < 2"), ("y", "z")]), start("c", &[]), end("c"), end("net")];
        assert_eq!(steps(text).unwrap(), expected);
    }

    #[test]
    fn what_a_type_declares_is_told() {
        let doctype = |text: &str| match steps(&format!("{text}<a/>")).unwrap().remove(0) {
            Step::Type(doctype) => *doctype,
            other => panic!("{other:?}"),
        };
        let text = "<!DOCTYPE a PUBLIC 'x' \"a.dtd\" [ <!ELEMENT a (b)> <!ENTITY % p SYSTEM 'http://h/p'> %p;
            <!ENTITY q \"12345\"> <!ENTITY r '&q;&q;'> <!-- ' --> ]>";
        let external = doctype(text).external;
        assert_eq!(
            external.iter().map(|(kind, place, _)| (*kind, place.as_str())).collect::<Vec<_>>(),
            [("DOCTYPE", "a.dtd"), ("ENTITY", "http://h/p")]
        );
        assert_eq!(doctype(text).unfolds, 16);
        assert_eq!(doctype("<!DOCTYPE a [<!ENTITY q '&q;'>]>").unfolds, u64::MAX);
        let mut bomb = "<!DOCTYPE a [<!ENTITY e0 'lol'>".to_owned();
        for level in 1..40 {
            bomb += &format!("<!ENTITY e{level} '{}'>", format!("&e{};", level - 1).repeat(10));
        }
        assert!(doctype(&(bomb + "]>")).unfolds > 1 << 40);
    }

    #[test]
    fn what_is_no_xml_is_refused() {
        for text in [
            "",
            "a",
            "<",
            "<a",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "<a x></a>",
            "<a x=1/>",
            "<a><!DOCTYPE a></a>",
            "<!DOCTYPE a [ x ]><a/>",
            "<!-- <a/>",
            "<a>]]</a",
        ] {
            assert!(steps(text).is_err(), "{text}");
        }
        assert_eq!(steps(&"<a>".repeat(1000)), Err(too_deep()));
    }
}
