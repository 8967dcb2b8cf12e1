//! Python's `marshal`: what carried bytecode names, without running it.
//!
//! A bounded reader of serialised code objects. It decodes no instruction: the names that the code uses, the texts among
//! its constants and the file that it was compiled from tell what it is about, and no more is claimed.
//!
//! Source: `Python/marshal.c` (`r_object`) of CPython 3.0 to 3.14. The layout of code objects changed three times: 3.8
//! added positional-only arguments, 3.11 dropped the count of locals and merged the tables of variables.

use std::mem::take;
use std::rc::Rc;

use weighbridge_core::fact::Value;

use crate::bytes::{array_at, length};

/// The largest code that is looked at, in bytes.
pub(crate) const MOST_BYTES: u64 = 4 << 20;
/// Values in values; CPython itself stops at 2000.
const DEPTH: usize = 120;
/// Names, and texts, that are kept.
const KEPT: usize = 64;
/// Characters of a text that are kept.
const TEXT: usize = 60;
/// Names, and texts, that a summary shows.
const SHOWN: usize = 12;
/// What the bytecode is called as an effect.
pub(crate) const LANGUAGE: &str = "Python bytecode";

/// What is known of code, the functions inside it included.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Described {
    /// How many code objects there are.
    pub(crate) codes: u64,
    /// The name of the outermost one.
    pub(crate) name: String,
    /// The file that it says it was compiled from.
    pub(crate) filename: String,
    /// Globals, attributes and modules that it uses (`co_names`), in the order in which they come.
    pub(crate) names: Vec<String>,
    /// Texts among its constants (`co_consts`), shortened, in the order in which they come.
    pub(crate) texts: Vec<String>,
}

impl Described {
    /// One line, such as `payload: names os, system; texts 'id'`.
    pub(crate) fn summary(&self) -> String {
        let list = |items: &[String], quote: &str| {
            let shown: Vec<String> =
                items.iter().take(SHOWN).map(|item| format!("{quote}{item}{quote}")).collect();
            format!("{}{}", shown.join(", "), if items.len() > SHOWN { ", …" } else { "" })
        };
        let mut parts = Vec::new();
        if !self.names.is_empty() {
            parts.push(format!("names {}", list(&self.names, "")));
        }
        if !self.texts.is_empty() {
            parts.push(format!("texts {}", list(&self.texts, "'")));
        }
        match (self.name.as_str(), parts.is_empty()) {
            (name, true) => name.to_owned(),
            ("", false) => parts.join("; "),
            (name, false) => format!("{name}: {}", parts.join("; ")),
        }
    }

    fn add_name(&mut self, name: &str) {
        add(&mut self.names, name);
    }

    fn add_text(&mut self, text: &str) {
        // The qualified names of inner functions, which 3.3 to 3.10 keep among the constants, say nothing.
        if !text.is_empty() && !text.contains("<locals>") {
            add(&mut self.texts, text);
        }
    }
}

fn add(list: &mut Vec<String>, text: &str) {
    let mut short: String = text.chars().take(TEXT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    if list.len() < KEPT && !list.contains(&short) {
        list.push(short);
    }
}

/// What the bytes of `marshal.dumps` say of the code in them; none where they are no value that some Python 3 loads.
/// Bytes behind the value do not matter to Python either.
pub(crate) fn describe(bytes: &[u8]) -> Option<Described> {
    if u64::try_from(bytes.len()).is_ok_and(|size| size > MOST_BYTES) {
        return None;
    }
    LAYOUTS.iter().find_map(|layout| {
        let mut reader =
            Reader { bytes, at: 0, layout: *layout, seen: Vec::new(), found: Described::default() };
        reader.value(DEPTH)?;
        Some(reader.found)
    })
}

/// What the arguments of `types.CodeType`, or of the functions with which cloudpickle and dill call it, say of the code
/// that it makes. In every version the bytecode, the constants, the names and the names of variables follow each other.
pub(crate) fn describe_arguments(arguments: &[Value]) -> Option<Described> {
    let at = arguments.windows(4).position(|window| {
        matches!(window, [Value::Bytes(..), Value::Tuple(..), Value::Tuple(names, _), Value::Tuple(..)]
            if names.iter().all(|name| matches!(name, Value::Text(..) | Value::Unknown)))
    })?;
    let mut found = Described { codes: 1, ..Described::default() };
    let mut parts = arguments.iter().skip(at).skip(1);
    if let Some(Value::Tuple(constants, _)) = parts.next() {
        constants.iter().for_each(|constant| texts(constant, &mut found));
    }
    if let Some(Value::Tuple(names, _)) = parts.next() {
        for name in names {
            if let Value::Text(name, _) = name {
                found.add_name(name);
            }
        }
    }
    let mut rest = parts.filter_map(|part| match part {
        Value::Text(text, _) => Some(text.clone()),
        _ => None,
    });
    found.filename = rest.next().unwrap_or_default();
    found.name = rest.next().unwrap_or_default();
    Some(found)
}

fn texts(value: &Value, found: &mut Described) {
    match value {
        Value::Text(text, _) => found.add_text(text),
        Value::Tuple(values, _) | Value::Set(values, _) => {
            values.iter().for_each(|value| texts(value, found));
        }
        _ => {}
    }
}

/// How a code object is laid out: how many numbers stand first, and whether the tables of variables are merged.
#[derive(Clone, Copy)]
struct Layout {
    numbers: usize,
    merged: bool,
}

/// Newest first: 3.11 on, 3.8 to 3.10, 3.0 to 3.7.
const LAYOUTS: [Layout; 3] = [
    Layout { numbers: 5, merged: true },
    Layout { numbers: 6, merged: false },
    Layout { numbers: 5, merged: false },
];

/// A value, as far as code objects depend on it.
#[derive(Clone)]
enum Object {
    Text(Rc<str>),
    Bytes,
    /// Its elements, and how deep it goes: references let a flat file build what is deep.
    Tuple(Rc<[Object]>, usize),
    /// The end of a dictionary.
    Null,
    Other,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    layout: Layout,
    /// Values that later ones may refer to; a place is taken before the parts of a value are read.
    seen: Vec<Object>,
    found: Described,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<i32> {
        let number = array_at(self.bytes, self.at).map(i32::from_le_bytes)?;
        self.at = self.at.checked_add(4)?;
        Some(number)
    }

    /// A count in four bytes; none below zero.
    fn count(&mut self) -> Option<usize> {
        Some(length(u64::try_from(self.number()?).ok()?))
    }

    fn value(&mut self, depth: usize) -> Option<Object> {
        let below = depth.checked_sub(1)?;
        let kind = self.byte()?;
        let place = (kind & 0x80 != 0).then_some(self.seen.len());
        if place.is_some() {
            self.seen.push(Object::Other);
        }
        let object = match kind & 0x7f {
            b'0' => Object::Null,
            b'N' | b'F' | b'T' | b'S' | b'.' => Object::Other,
            b'i' => self.other(4)?,
            b'I' | b'g' => self.other(8)?,
            b'y' => self.other(16)?,
            b'f' => {
                let size = self.byte()?;
                self.other(usize::from(size))?
            }
            b'x' => {
                for _ in 0..2 {
                    let size = self.byte()?;
                    self.other(usize::from(size))?;
                }
                Object::Other
            }
            b'l' => {
                // Digits of 15 bits; the sign of the number is that of the count.
                let digits = length(u64::from(self.number()?.unsigned_abs()));
                self.other(digits.checked_mul(2)?)?
            }
            b's' => {
                let size = self.count()?;
                self.take(size)?;
                Object::Bytes
            }
            b'u' | b't' | b'a' | b'A' => {
                let size = self.count()?;
                self.text(size)?
            }
            b'z' | b'Z' => {
                let size = self.byte()?;
                self.text(usize::from(size))?
            }
            b')' => {
                let count = self.byte()?;
                self.tuple(usize::from(count), below)?
            }
            b'(' => {
                let count = self.count()?;
                self.tuple(count, below)?
            }
            b'[' | b'<' | b'>' => {
                for _ in 0..self.count()? {
                    self.value(below)?;
                }
                Object::Other
            }
            b'{' => {
                while !matches!(self.value(below)?, Object::Null) {
                    self.value(below)?;
                }
                Object::Other
            }
            // A slice, since 3.14.
            b':' => {
                for _ in 0..3 {
                    self.value(below)?;
                }
                Object::Other
            }
            b'r' => {
                let number = self.count()?;
                self.seen.get(number)?.clone()
            }
            b'c' => self.code(below)?,
            _ => return None,
        };
        if let Some(slot) = place.and_then(|place| self.seen.get_mut(place)) {
            *slot = object.clone();
        }
        Some(object)
    }

    fn other(&mut self, size: usize) -> Option<Object> {
        self.take(size).map(|_| Object::Other)
    }

    /// Python writes lone surrogates as well, which no Rust text can hold.
    fn text(&mut self, size: usize) -> Option<Object> {
        Some(Object::Text(String::from_utf8_lossy(self.take(size)?).into()))
    }

    fn tuple(&mut self, count: usize, depth: usize) -> Option<Object> {
        // Every element takes a byte at least.
        if count > self.bytes.len().saturating_sub(self.at) {
            return None;
        }
        let elements: Vec<Object> = (0..count).map(|_| self.value(depth)).collect::<Option<_>>()?;
        let inside = elements.iter().map(|element| match element {
            Object::Tuple(_, depth) => *depth,
            _ => 0,
        });
        let deep = inside.max().unwrap_or(0).saturating_add(1);
        (deep <= DEPTH).then(|| Object::Tuple(elements.into(), deep))
    }

    fn code(&mut self, depth: usize) -> Option<Object> {
        for _ in 0..self.layout.numbers {
            self.number()?;
        }
        let outermost = self.found.codes == 0;
        self.found.codes = self.found.codes.saturating_add(1);
        // What a function itself names goes before what the functions inside it do.
        let (names_before, texts_before) = (take(&mut self.found.names), take(&mut self.found.texts));
        let Object::Bytes = self.value(depth)? else { return None };
        let Object::Tuple(constants, _) = self.value(depth)? else { return None };
        let Object::Tuple(names, _) = self.value(depth)? else { return None };
        let Object::Tuple(..) = self.value(depth)? else { return None };
        if self.layout.merged {
            let Object::Bytes = self.value(depth)? else { return None };
        } else {
            for _ in 0..2 {
                let Object::Tuple(..) = self.value(depth)? else { return None };
            }
        }
        let Object::Text(filename) = self.value(depth)? else { return None };
        let Object::Text(name) = self.value(depth)? else { return None };
        if self.layout.merged {
            let Object::Text(_) = self.value(depth)? else { return None };
        }
        self.number()?;
        let Object::Bytes = self.value(depth)? else { return None };
        if self.layout.merged {
            let Object::Bytes = self.value(depth)? else { return None };
        }
        let found = &mut self.found;
        let names_inside = std::mem::replace(&mut found.names, names_before);
        let texts_inside = std::mem::replace(&mut found.texts, texts_before);
        if outermost {
            found.name = shortened(&name);
            found.filename = shortened(&filename);
        }
        for name in names.iter() {
            let Object::Text(name) = name else { return None };
            found.add_name(name);
        }
        let mut budget = KEPT.saturating_mul(16);
        constants.iter().for_each(|constant| constant_texts(constant, &mut budget, found));
        names_inside.iter().for_each(|name| found.add_name(name));
        texts_inside.iter().for_each(|text| found.add_text(text));
        Some(Object::Other)
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

/// A tuple may hold one value many times over, so that only so many are looked at.
fn constant_texts(constant: &Object, budget: &mut usize, found: &mut Described) {
    let Some(left) = budget.checked_sub(1) else { return };
    *budget = left;
    match constant {
        Object::Text(text) => found.add_text(text),
        Object::Tuple(parts, _) => parts.iter().for_each(|part| constant_texts(part, budget, found)),
        Object::Bytes | Object::Null | Object::Other => {}
    }
}

#[cfg(test)]
mod tests;
