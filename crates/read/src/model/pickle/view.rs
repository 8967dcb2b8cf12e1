//! Handles to bounded [`Value`] trees.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Global, Value};

use super::handle::{Handle, View};
use super::heap::{FIRST, Heap};
use super::opcode as op;
use super::source::Source;
use super::text;

/// How many containers deep a tree goes.
const DEPTH: u32 = 4;
/// How many values a tree holds at most.
const NODES: u32 = 256;
/// How many bytes of a text or of bytes are shown.
const SHOWN: usize = 200;
/// How many bytes are shown of a text that a library runs as a program.
const PROGRAM: usize = 4096;
/// Keys of states under which libraries keep such texts.
const PROGRAMS: [&str; 2] = ["_parse_arg_template", "formula"];
/// How many bytes of a name are read; a longer one is not known.
const NAME: usize = 1 << 16;

/// Looks at values.
pub(super) struct Viewer<'a, 'input> {
    pub(super) heap: &'a Heap,
    pub(super) source: &'a Source<'input>,
}

impl Viewer<'_, '_> {
    /// The arguments of a call: the elements of a tuple.
    pub(super) fn arguments(&self, tuple: Handle) -> Result<Vec<Value>, Unread> {
        let View::Tuple(index) = tuple.view() else { return Ok(vec![Value::Unknown]) };
        let mut nodes = NODES;
        let mut values = self.elements(index, DEPTH, &mut nodes)?;
        if u32::try_from(values.len()).is_ok_and(|shown| shown < self.heap.count(index)) {
            values.push(Value::Unknown);
        }
        Ok(values)
    }

    /// A value.
    pub(super) fn value(&self, handle: Handle) -> Result<Value, Unread> {
        self.tree(handle, DEPTH, &mut NODES.clone())
    }

    /// The state of an object: every item that a judge wants to see is there, however many there are.
    pub(super) fn state(&self, handle: Handle) -> Result<Value, Unread> {
        match handle.view() {
            View::Dict(index) => {
                Ok(Value::Dict(self.all_items(index)?, u64::from(self.heap.count(index) / 2)))
            }
            View::Tuple(index) => {
                let kept = self.heap.kept(index);
                let parts = kept.iter().map(|part| match part.view() {
                    View::Dict(_) | View::Object(_) => self.state(*part),
                    _ => self.value(*part),
                });
                let mut parts = parts.collect::<Result<Vec<Value>, Unread>>()?;
                parts.truncate(usize::try_from(FIRST).unwrap_or(0));
                Ok(Value::Tuple(parts, u64::from(self.heap.count(index))))
            }
            View::Object(index) => match self.heap.get_object(index) {
                Some(object) if self.heap.get(object.items).is_some() => {
                    let count = u64::from(self.heap.count(object.items) / 2);
                    Ok(Value::Dict(self.all_items(object.items)?, count))
                }
                _ => self.value(handle),
            },
            _ => self.value(handle),
        }
    }

    fn all_items(&self, index: u32) -> Result<Vec<(Value, Value)>, Unread> {
        let mut items = Vec::new();
        for pair in self.heap.kept(index).chunks(2) {
            let [key, value] = pair else { continue };
            let shown_key = self.tree(*key, 1, &mut 8)?;
            let shown_value = match (&shown_key, value.view()) {
                (Value::Text(name, _), View::Text { at, .. }) if PROGRAMS.contains(&name.as_str()) => {
                    self.text(at, PROGRAM)?
                }
                _ => self.tree(*value, 2, &mut 16)?,
            };
            items.push((shown_key, shown_value));
        }
        if self.heap.get(index).is_some_and(|container| container.opaque) {
            items.push((Value::Unknown, Value::Unknown));
        }
        Ok(items)
    }

    fn elements(&self, index: u32, depth: u32, nodes: &mut u32) -> Result<Vec<Value>, Unread> {
        let first = usize::try_from(FIRST).unwrap_or(0).saturating_mul(2);
        self.heap.kept(index).iter().take(first).map(|item| self.tree(*item, depth, nodes)).collect()
    }

    fn tree(&self, handle: Handle, depth: u32, nodes: &mut u32) -> Result<Value, Unread> {
        let Some(left) = nodes.checked_sub(1) else { return Ok(Value::Unknown) };
        *nodes = left;
        self.source.spend(1);
        let below = depth.checked_sub(1);
        let count = |index| u64::from(self.heap.count(index));
        let mut inside = |index| match below {
            Some(below) => self.elements(index, below, nodes),
            None => Ok(Vec::new()),
        };
        Ok(match handle.view() {
            View::None => Value::None,
            View::Bool(value) => Value::Bool(value),
            View::Int(value) => Value::Int(value.to_string()),
            View::IntAt(at) => self.integer(at)?,
            View::FloatAt(at) => self.float(at)?,
            View::Text { at, .. } => self.text(at, SHOWN)?,
            View::Bytes(at) | View::ByteArray(at) => {
                let (beginning, length) = self.source.binary(at, SHOWN)?;
                Value::Bytes(beginning, length)
            }
            View::Encoded(at) => {
                let text = self.source.text(at, SHOWN)?;
                let beginning = text.beginning.chars().map_while(|character| u8::try_from(character).ok());
                let beginning: Vec<u8> = beginning.collect();
                let known = u64::try_from(beginning.len()).unwrap_or(u64::MAX);
                Value::Bytes(beginning, if text.whole { known } else { text.length })
            }
            View::Tuple(index) => Value::Tuple(inside(index)?, count(index)),
            View::List(index) => Value::List(inside(index)?, count(index)),
            View::Set(index) | View::FrozenSet(index) => Value::Set(inside(index)?, count(index)),
            View::Dict(index) => {
                let mut flat = inside(index)?.into_iter();
                let mut items = Vec::new();
                while let (Some(key), Some(value)) = (flat.next(), flat.next()) {
                    items.push((key, value));
                }
                Value::Dict(items, count(index) / 2)
            }
            View::Global(number) => self.global(number).map_or(Value::Unknown, Value::Global),
            View::Object(index) => {
                let origin = self.heap.get_object(index).and_then(|object| self.global(object.origin));
                origin.map_or(Value::Unknown, Value::ResultOf)
            }
            View::Persistent(index) => match (self.heap.kept(index).first(), below) {
                (Some(id), Some(below)) => Value::Persistent(Box::new(self.tree(*id, below, nodes)?)),
                _ => Value::Persistent(Box::new(Value::Unknown)),
            },
            View::Unknown => Value::Unknown,
        })
    }

    fn global(&self, number: u32) -> Option<Global> {
        self.heap.get_global(number).cloned()
    }

    fn text(&self, at: u64, shown: usize) -> Result<Value, Unread> {
        let mut text = self.source.text(at, shown)?;
        if text.beginning.len() > shown {
            let end = (0..=shown).rev().find(|end| text.beginning.is_char_boundary(*end)).unwrap_or(0);
            text.beginning.truncate(end);
        }
        Ok(Value::Text(text.beginning, text.length))
    }

    fn integer(&self, at: u64) -> Result<Value, Unread> {
        let payload = self.source.payload(at)?;
        if matches!(payload.opcode, op::LONG1 | op::LONG4) {
            let (bytes, length) = self.source.binary(at, 16)?;
            if length > 16 {
                return Ok(Value::Int(format!("<{length} bytes>")));
            }
            let negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
            let mut wide = [if negative { 0xff } else { 0 }; 16];
            for (to, from) in wide.iter_mut().zip(&bytes) {
                *to = *from;
            }
            return Ok(Value::Int(i128::from_le_bytes(wide).to_string()));
        }
        let line = self.source.bytes(payload.start, usize::try_from(payload.length.min(64)).unwrap_or(64))?;
        let digits = text::latin1(&line);
        let digits = digits.trim().trim_end_matches('L').trim_start_matches('+');
        let plain = digits.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
        Ok(Value::Int(if plain && payload.length < 64 {
            digits.to_owned()
        } else {
            format!("<{} digits>", payload.length)
        }))
    }

    fn float(&self, at: u64) -> Result<Value, Unread> {
        let payload = self.source.payload(at)?;
        let bytes =
            self.source.bytes(payload.start, usize::try_from(payload.length.min(400)).unwrap_or(400))?;
        let value = match (payload.opcode, <[u8; 8]>::try_from(bytes.as_slice())) {
            (op::BINFLOAT, Ok(bytes)) => Some(f64::from_be_bytes(bytes)),
            (op::BINFLOAT, Err(_)) => None,
            _ => text::float(&bytes),
        };
        Ok(value.map_or(Value::Unknown, |value| Value::Float(python_float(value))))
    }

    /// The whole of a text that serves as a name; none when it is not known or too long.
    pub(super) fn name(&self, handle: Handle) -> Result<Option<String>, Unread> {
        let View::Text { at, .. } = handle.view() else { return Ok(None) };
        let text = self.source.text(at, NAME)?;
        Ok(text.whole.then_some(text.beginning))
    }
}

/// A float as Python's `repr` writes it: the shortest digits, an exponent below 1e-4 and from 1e16 on.
fn python_float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{value:e}");
        let Some((digits, exponent)) = text.split_once('e') else { return text };
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let text = value.to_string();
    if text.contains('.') { text } else { text + ".0" }
}

#[cfg(test)]
mod tests {
    #[test]
    fn floats_look_as_in_python() {
        for (value, expected) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (1.5e-7, "1.5e-07"),
            (-0.0, "-0.0"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(super::python_float(value), expected);
        }
    }
}
