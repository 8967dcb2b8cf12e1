//! Protocol buffers as they lie in a file, walked field by field without a copy of what is not asked for: a tensor of
//! two gigabytes is skipped by its length.
//!
//! A format brings tables of its messages ([`Message`]); what they do not name is told as not understood. Rules are
//! those of the parsers that loaders use: the last of equal singular fields counts, a group or a message nested deeper
//! than [`DEPTH`] is refused, and so is everything behind a length that does not fit.
//!
//! Source: "Encoding" in the documentation of Protocol Buffers.

mod fit;
mod path;
mod schema;

use std::collections::BTreeSet;

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::sink::Sink;

pub(crate) use fit::fit;
pub(crate) use path::{Label, Path};
pub(crate) use schema::Kind::{Bytes, Fixed32, Fixed64, Opaque, Sub, Text, Varint};
pub(crate) use schema::{Message, many, one};

use crate::bytes::{length, offset};
use crate::fault::Faults;
use schema::Spec;

/// How deep messages may be nested: `CodedInputStream::default_recursion_limit_`.
pub(crate) const DEPTH: usize = 100;
/// Bytes read at a time: small, because most of a model is skipped.
const WINDOW: usize = 16 << 10;
/// Longest text that is kept; no name and no path is longer.
const MOST_TEXT: u64 = 4096;
/// The most kinds of unknown fields that are told.
const MOST_UNKNOWN: usize = 50;

/// The bytes of a message or of another field with a length, by their offsets in the entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Part {
    /// How many bytes.
    pub(crate) fn size(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The fields, read as those of `message`.
    pub(crate) fn fields(self, message: &'static Message) -> Fields {
        Fields { rest: self, message, seen: 0 }
    }
}

/// The fields of a message that are still to come.
pub(crate) struct Fields {
    rest: Part,
    message: &'static Message,
    /// Singular fields that have been met, by their place in the table.
    seen: u64,
}

/// A field that the table knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// Where its tag stands.
    pub(crate) at: u64,
    /// The number, of a field that holds one.
    pub(crate) number: u64,
    /// The bytes, of a field with a length: a text, a message, packed numbers.
    pub(crate) part: Part,
    /// It holds its numbers packed.
    packed: bool,
}

/// Walks the messages of an entry.
pub(crate) struct Wire<'input> {
    input: &'input Input,
    window: Vec<u8>,
    /// Offset of the first byte of the window.
    start: u64,
    filled: usize,
    /// Some message is longer than what is there.
    cut: bool,
    /// Where the walk is.
    pub(crate) path: Path,
    faults: Faults,
    unknown: BTreeSet<(&'static str, u64)>,
}

impl<'input> Wire<'input> {
    /// At the beginning of `input`; `root` is what paths begin with.
    pub(crate) fn new(input: &'input Input, root: &'static str) -> Self {
        Self {
            input,
            window: vec![0; WINDOW],
            start: 0,
            filled: 0,
            cut: false,
            path: Path::new(root),
            faults: Faults::new("fields"),
            unknown: BTreeSet::new(),
        }
    }

    /// Everything.
    pub(crate) fn whole(&self) -> Part {
        Part { start: 0, end: self.input.size() }
    }

    /// The next field that the table knows; what it does not know is noted.
    pub(crate) fn next(&mut self, fields: &mut Fields, sink: &mut Sink) -> Result<Option<Field>, Unread> {
        loop {
            let at = fields.rest.start;
            if at >= fields.rest.end {
                let whole = !self.cut || at < self.input.size();
                return if whole { Ok(None) } else { Err(Unread::Truncated { offset: at }) };
            }
            self.input.go_on()?;
            let tag = self.varint(&mut fields.rest)?;
            let (number, wire) = (tag >> 3, tag & 7);
            if number == 0 || number > MOST_NUMBER {
                return Err(malformed(at, "a field has a number that no field can have"));
            }
            let (value, part) = self.value(wire, number, &mut fields.rest, at)?;
            let name = fields.message.name;
            let Some((place, spec)) = fields.message.field(number) else {
                if self.unknown.len() < MOST_UNKNOWN {
                    self.unknown.insert((name, number));
                }
                continue;
            };
            if !spec.allows(wire) {
                self.faults.tell(sink, "are of another type than their format says", at, || {
                    format!("`{}` of `{name}` is of another type than the format says", spec.name)
                });
                continue;
            }
            self.note_twice(fields, place, spec, at, sink);
            let packed = wire == LENGTH && matches!(spec.kind, Varint | Fixed32 | Fixed64);
            return Ok(Some(Field { name: spec.name, at, number: value, part, packed }));
        }
    }

    /// Tells a singular field that stands in a message twice: no writer does that, and readers may differ.
    fn note_twice(&mut self, fields: &mut Fields, place: usize, spec: &Spec, at: u64, sink: &mut Sink) {
        let bit = u32::try_from(place).ok().and_then(|place| 1u64.checked_shl(place)).unwrap_or(0);
        if !spec.many && fields.seen & bit != 0 {
            self.faults.tell(sink, "stand in a message twice", at, || {
                format!("`{}` stands in one `{}` twice", spec.name, fields.message.name)
            });
        }
        fields.seen |= bit;
    }

    /// The number or the bytes behind a tag.
    fn value(&mut self, wire: u64, number: u64, rest: &mut Part, at: u64) -> Result<(u64, Part), Unread> {
        let none = Part { start: rest.start, end: rest.start };
        match wire {
            VARINT => Ok((self.varint(rest)?, none)),
            FIXED64 => Ok((u64::from_le_bytes(self.array(rest)?), none)),
            FIXED32 => Ok((u64::from(u32::from_le_bytes(self.array(rest)?)), none)),
            LENGTH => {
                let size = self.varint(rest)?;
                if size > rest.size() && rest.end < self.input.size() {
                    return Err(malformed(at, "a field is longer than the message that holds it"));
                }
                // What is there of a file that was cut is still looked at.
                self.cut |= size > rest.size();
                let part = Part { start: rest.start, end: rest.start.saturating_add(size).min(rest.end) };
                rest.start = part.end;
                Ok((0, part))
            }
            START_GROUP => {
                self.skip_group(number, rest, at)?;
                Ok((0, Part { start: none.start, end: rest.start }))
            }
            _ => Err(malformed(at, "a field is of a type that does not exist")),
        }
    }

    /// Goes behind the end of the group that has begun: nothing that is read here uses groups.
    fn skip_group(&mut self, number: u64, rest: &mut Part, at: u64) -> Result<(), Unread> {
        let mut open = vec![number];
        while let Some(innermost) = open.last().copied() {
            self.input.go_on()?;
            if rest.start >= rest.end {
                return Err(malformed(at, "a group does not end"));
            }
            let tag = self.varint(rest)?;
            match (tag >> 3, tag & 7) {
                (number, END_GROUP) if number == innermost => drop(open.pop()),
                (_, END_GROUP) => return Err(malformed(at, "a group ends as another one")),
                (number, START_GROUP) if open.len() < DEPTH => open.push(number),
                (_, START_GROUP) => return Err(malformed(at, "groups are nested too deeply")),
                (number, wire) => drop(self.value(wire, number, rest, at)?),
            }
        }
        Ok(())
    }

    /// The text in these bytes; only the beginning of one that is too long to be a name.
    pub(crate) fn text(&mut self, part: Part) -> Result<String, Unread> {
        let bytes = self.bytes(part, MOST_TEXT)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The first bytes of a part, at most `most`.
    pub(crate) fn bytes(&mut self, part: Part, most: u64) -> Result<Vec<u8>, Unread> {
        let size = part.size().min(most);
        let mut bytes = vec![0; length(size)];
        match self.cached(part.start, size) {
            Some(cached) => bytes.copy_from_slice(cached),
            None => self.input.read_exact(part.start, &mut bytes)?,
        }
        Ok(bytes)
    }

    /// Every number of a field that holds one, or several packed as varints; none beyond `most`.
    pub(crate) fn numbers(&mut self, field: &Field, most: usize) -> Result<Vec<u64>, Unread> {
        if !field.packed {
            return Ok(vec![field.number]);
        }
        let mut rest = field.part;
        let mut numbers = Vec::new();
        while rest.start < rest.end && numbers.len() < most {
            numbers.push(self.varint(&mut rest)?);
        }
        Ok(numbers)
    }

    /// Goes one message further inside.
    pub(crate) fn enter(&mut self, name: &'static str, label: impl Into<Label>) -> Result<(), Unread> {
        if self.path.depth() >= DEPTH {
            return Err(malformed(self.start, "messages are nested more deeply than loaders allow"));
        }
        self.path.push(name, label.into());
        Ok(())
    }

    /// Comes back out.
    pub(crate) fn leave(&mut self) {
        self.path.pop();
    }

    /// Tells what the tables do not know, and how many faults were only counted.
    pub(crate) fn finish(&self, sink: &mut Sink) {
        self.faults.finish(sink);
        for (message, number) in &self.unknown {
            sink.unread(Unread::Unsupported(format!("field {number} of `{message}`")), None);
        }
    }

    fn varint(&mut self, rest: &mut Part) -> Result<u64, Unread> {
        let at = rest.start;
        let mut number = 0u64;
        for shift in (0..70).step_by(7) {
            let [byte] = self.array(rest)?;
            // What does not fit 64 bits is dropped, as parsers do.
            number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(malformed(at, "a number has more than ten bytes"))
    }

    /// The next bytes of a part.
    fn array<const N: usize>(&mut self, rest: &mut Part) -> Result<[u8; N], Unread> {
        let at = rest.start;
        let end = at.saturating_add(offset(N));
        if end > rest.end {
            return Err(match rest.end >= self.input.size() {
                true => Unread::Truncated { offset: rest.end },
                false => malformed(at, "a message ends inside a field"),
            });
        }
        let mut array = [0; N];
        if self.cached(at, offset(N)).is_none() {
            self.start = at;
            self.filled = self.input.read_some(at, &mut self.window)?;
        }
        let bytes = self.cached(at, offset(N)).ok_or(Unread::Truncated { offset: at })?;
        array.copy_from_slice(bytes);
        rest.start = end;
        Ok(array)
    }

    /// These bytes, if they all lie in the window.
    fn cached(&self, at: u64, size: u64) -> Option<&[u8]> {
        let from = length(at.checked_sub(self.start)?);
        let to = from.checked_add(length(size))?;
        (to <= self.filled).then(|| self.window.get(from..to)).flatten()
    }
}

/// Wire types.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const START_GROUP: u64 = 3;
const END_GROUP: u64 = 4;
const FIXED32: u64 = 5;
/// The highest number that a field can have.
const MOST_NUMBER: u64 = (1 << 29) - 1;

fn malformed(at: u64, reason: &str) -> Unread {
    Unread::Malformed(format!("{reason}, at byte {at}"))
}

/// The fault that nothing of `message` is in the entry.
pub(crate) fn empty(what: &str) -> Unread {
    Unread::Malformed(format!("no {what}: nothing of one is in it"))
}

/// Where a field stands.
pub(crate) fn span(at: u64) -> Option<Span> {
    Some(Span::Offset(at))
}
