//! What loading does, merged over equal occurrences and bounded.
//!
//! Up to [`DISTINCT`] different argument lists are kept for one target. What comes after is merged, position by
//! position, into one list that says what all of them have in common: a text of which nothing is common but that it
//! is a text is `Text("", n)` with `n` above zero, and so on; where even the kind differs it is `Unknown`.

use std::collections::HashMap;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Effect, EffectKind, Target, Value};

use super::handle::{Handle, View};
use super::heap::{Budget, Heap};
use super::text;
use crate::model::marshal;

/// How many different argument lists are kept for one target.
const DISTINCT: usize = 256;

/// What an effect acts on, by number.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Key {
    Global(u32),
    ResultOf(u32),
    /// Code that the stream carries; what is known of it.
    Code(String),
    Unknown(String),
}

struct Entry {
    kind: EffectKind,
    key: Key,
    opcode: &'static str,
    at: u64,
    count: u64,
    sampled: bool,
    arguments: Vec<Value>,
}

#[derive(Default)]
struct Seen {
    distinct: HashMap<Vec<Value>, usize>,
    merged: Option<usize>,
}

/// The effects of one entry.
pub(super) struct Effects {
    entries: Vec<Entry>,
    seen: HashMap<(EffectKind, Key), Seen>,
    most: usize,
    full: bool,
}

/// An occurrence.
pub(super) struct Occurrence<'a> {
    pub(super) kind: EffectKind,
    pub(super) key: Key,
    pub(super) opcode: &'static str,
    pub(super) at: u64,
    /// The arguments as handles, when they are known one by one; used to see without reading that nothing is new.
    pub(super) handles: &'a [Handle],
}

impl Effects {
    /// Keeps at most `most` effects.
    pub(super) fn new(most: usize) -> Self {
        Self { entries: Vec::new(), seen: HashMap::new(), most, full: false }
    }

    /// How many different effects there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether an effect other than an import is at or behind `at`.
    pub(super) fn acts_from(&self, at: u64) -> bool {
        self.entries.iter().any(|entry| {
            entry.at >= at
                && matches!(
                    entry.kind,
                    EffectKind::Call | EffectKind::New | EffectKind::State | EffectKind::SetItem
                )
        })
    }

    /// Whether something is imported that could exist. A text that happens to be opcodes "imports" names with `/` or
    /// `,` in them, at which every loader stops.
    pub(super) fn imports(&self, heap: &Heap) -> bool {
        self.entries.iter().filter(|entry| entry.kind == EffectKind::Import).any(|entry| match entry.key {
            Key::Global(number) | Key::ResultOf(number) => {
                heap.get_global(number).is_some_and(|global| is_path(&global.module) && is_path(&global.name))
            }
            Key::Code(_) | Key::Unknown(_) => true,
        })
    }

    /// Records an occurrence; `arguments` is asked for its values only when they may be new.
    pub(super) fn record(
        &mut self,
        occurrence: Occurrence<'_>,
        heap: &Heap,
        budget: &mut Budget,
        arguments: impl FnOnce() -> Result<Vec<Value>, Unread>,
    ) -> Result<(), Unread> {
        let Occurrence { kind, key, opcode, at, handles } = occurrence;
        let seen = self.seen.entry((kind, key.clone())).or_default();
        if let Some(entry) = seen.merged.and_then(|index| self.entries.get_mut(index))
            && entry.arguments.len() == handles.len()
            && entry.arguments.iter().zip(handles).all(|(value, handle)| covers(value, *handle, heap))
        {
            entry.count = entry.count.saturating_add(1);
            return Ok(());
        }
        let arguments = arguments()?;
        self.add(Entry { kind, key, opcode, at, count: 1, sampled: false, arguments }, budget)
    }

    /// Adds an entry to its like, or keeps it.
    fn add(&mut self, mut entry: Entry, budget: &mut Budget) -> Result<(), Unread> {
        let seen = self.seen.entry((entry.kind, entry.key.clone())).or_default();
        let same = if entry.sampled { None } else { seen.distinct.get(&entry.arguments) };
        if let Some(known) = same.and_then(|index| self.entries.get_mut(*index)) {
            known.count = known.count.saturating_add(entry.count);
            return Ok(());
        }
        let overflow = entry.sampled || seen.distinct.len() >= DISTINCT;
        if let Some(known) = seen.merged.filter(|_| overflow).and_then(|index| self.entries.get_mut(index)) {
            known.count = known.count.saturating_add(entry.count);
            let common = std::mem::take(&mut known.arguments);
            known.arguments = join_all(common, entry.arguments.into_iter().map(blur).collect());
            return Ok(());
        }
        if self.entries.len() >= self.most {
            self.full = true;
            return Ok(());
        }
        let index = self.entries.len();
        budget.charge(256)?;
        budget.charge(entry.arguments.iter().map(weight).fold(0, u64::saturating_add).saturating_mul(2))?;
        if overflow {
            seen.merged = Some(index);
            entry.sampled = true;
            entry.arguments = entry.arguments.into_iter().map(blur).collect();
        } else {
            seen.distinct.insert(entry.arguments.clone(), index);
        }
        self.entries.push(entry);
        Ok(())
    }
}

impl Effects {
    /// Takes in everything that `other` saw.
    pub(super) fn absorb(&mut self, other: Self, budget: &mut Budget) -> Result<(), Unread> {
        self.full |= other.full;
        other.entries.into_iter().try_for_each(|entry| self.add(entry, budget))
    }

    /// Takes in what `other` saw and this did not: a second run over the same bytes counts nothing twice.
    pub(super) fn absorb_new(&mut self, other: Self, budget: &mut Budget) -> Result<(), Unread> {
        self.full |= other.full;
        for entry in other.entries {
            let seen = self.seen.get(&(entry.kind, entry.key.clone()));
            let known = seen.is_some_and(|seen| {
                seen.distinct.contains_key(&entry.arguments) || (entry.sampled && seen.merged.is_some())
            });
            if !known {
                self.add(entry, budget)?;
            }
        }
        Ok(())
    }

    /// The effects in the order of their first occurrence, each with its offset; and whether some did not fit.
    pub(super) fn finish(self, heap: &Heap) -> (Vec<(u64, Effect)>, Option<Unread>) {
        let mut entries = self.entries;
        entries.sort_by_key(|entry| entry.at);
        let global = |number| heap.get_global(number).cloned();
        let effects = entries.into_iter().map(|entry| {
            let target = match entry.key {
                Key::Global(number) => global(number).map(Target::Global),
                Key::ResultOf(number) => global(number).map(Target::ResultOf),
                Key::Code(beginning) => Some(Target::Code { language: marshal::LANGUAGE, beginning }),
                Key::Unknown(known) => Some(Target::Unknown(known)),
            };
            let effect = Effect {
                kind: entry.kind,
                target: target.unwrap_or_else(|| Target::Unknown(String::new())),
                arguments: entry.arguments,
                opcode: entry.opcode,
                pointer: String::new(),
                count: entry.count,
                sampled: entry.sampled,
                reached: true,
            };
            (entry.at, effect)
        });
        let most = u64::try_from(self.most).unwrap_or(u64::MAX);
        (effects.collect(), self.full.then_some(Unread::Limit(LimitKind::Facts, most)))
    }
}

/// Roughly how many bytes a value takes.
fn weight(value: &Value) -> u64 {
    let own = u64::try_from(size_of::<Value>()).unwrap_or(0);
    let sum = |values: &[Value]| values.iter().map(weight).fold(0, u64::saturating_add);
    own.saturating_add(match value {
        Value::Int(text) | Value::Float(text) | Value::Text(text, _) => {
            u64::try_from(text.len()).unwrap_or(0)
        }
        Value::Bytes(bytes, _) => u64::try_from(bytes.len()).unwrap_or(0),
        Value::Tuple(values, _) | Value::List(values, _) | Value::Set(values, _) => sum(values),
        Value::Dict(items, _) => items
            .iter()
            .map(|(key, value)| weight(key).saturating_add(weight(value)))
            .fold(0, u64::saturating_add),
        Value::Persistent(id) => weight(id),
        Value::Global(global) | Value::ResultOf(global) => {
            u64::try_from(global.module.len().saturating_add(global.name.len())).unwrap_or(0)
        }
        Value::None | Value::Bool(_) | Value::Unknown => 0,
    })
}

/// Whether a merged value says everything about `handle` already. Reads nothing.
fn covers(value: &Value, handle: Handle, heap: &Heap) -> bool {
    match (value, handle.view()) {
        (Value::Unknown, _) | (Value::None, View::None) => true,
        (Value::Bool(one), View::Bool(other)) => *one == other,
        (Value::Int(digits), View::Int(_) | View::IntAt(_)) => digits.is_empty(),
        (Value::Float(digits), View::FloatAt(_)) => digits.is_empty(),
        (Value::Text(beginning, length), View::Text { .. }) => beginning.is_empty() && *length > 0,
        (Value::Bytes(beginning, length), View::Bytes(_) | View::ByteArray(_) | View::Encoded(_)) => {
            beginning.is_empty() && *length > 0
        }
        (Value::Global(global), View::Global(number)) => heap.get_global(number) == Some(global),
        (Value::ResultOf(global), View::Object(index)) => {
            heap.get_object(index).and_then(|object| heap.get_global(object.origin)) == Some(global)
        }
        (Value::Tuple(values, count), View::Tuple(index)) => {
            let kept = heap.kept(index);
            *count == u64::from(heap.count(index))
                && values.len() == kept.len()
                && values.iter().zip(&*kept).all(|(value, handle)| covers(value, *handle, heap))
        }
        (Value::Dict(..), View::Dict(index)) => {
            let plain = |pair: &[Handle]| match pair {
                [key, value] => {
                    matches!(key.view(), View::Text { telling: false, .. }) && !value.is_telling()
                }
                _ => true,
            };
            !heap.get(index).is_some_and(|dictionary| dictionary.opaque)
                && heap.kept(index).chunks(2).all(plain)
        }
        (Value::List(values, _), View::List(index)) => values.is_empty() && heap.count(index) > 0,
        _ => false,
    }
}

/// A value of which only the kind and what a judge must see is kept: the first step of merging.
fn blur(value: Value) -> Value {
    match value {
        Value::Dict(items, count) => Value::Dict(items.into_iter().filter(is_telling).collect(), count),
        Value::Tuple(values, count) => Value::Tuple(values.into_iter().map(blur).collect(), count),
        other => other,
    }
}

/// Whether an item of a dictionary must not be forgotten: a special or unknown key, code as a value.
fn is_telling((key, value): &(Value, Value)) -> bool {
    let plain = matches!(key, Value::Text(name, length)
        if !text::is_telling(name.as_bytes(), false) && u64::try_from(name.len()) == Ok(*length));
    !plain || matches!(value, Value::Global(_) | Value::Unknown)
}

/// Most telling items of a merged dictionary; with more, nothing is known of it.
const TELLING: usize = 64;

fn join_items(mut one: Vec<(Value, Value)>, other: Vec<(Value, Value)>, count: u64) -> Value {
    for item in other.into_iter().filter(is_telling) {
        if !one.contains(&item) {
            one.push(item);
        }
    }
    one.sort();
    if one.len() > TELLING { Value::Unknown } else { Value::Dict(one, count) }
}

fn join_all(one: Vec<Value>, other: Vec<Value>) -> Vec<Value> {
    if one.len() == other.len() {
        one.into_iter().zip(other).map(|(one, other)| join(one, other)).collect()
    } else {
        vec![Value::Unknown]
    }
}

/// What two values have in common.
fn join(one: Value, other: Value) -> Value {
    if one == other {
        return one;
    }
    match (one, other) {
        (Value::Int(_), Value::Int(_)) => Value::Int(String::new()),
        (Value::Float(_), Value::Float(_)) => Value::Float(String::new()),
        (Value::Text(_, one), Value::Text(_, other)) => Value::Text(String::new(), one.max(other).max(1)),
        (Value::Bytes(_, one), Value::Bytes(_, other)) => Value::Bytes(Vec::new(), one.max(other).max(1)),
        (Value::Tuple(one, count), Value::Tuple(other, also))
            if count == also && one.len() == other.len() =>
        {
            Value::Tuple(join_all(one, other), count)
        }
        (Value::Dict(one, count), Value::Dict(other, also)) => join_items(one, other, count.max(also)),
        (Value::List(_, one), Value::List(_, other)) => Value::List(Vec::new(), one.max(other)),
        (Value::Persistent(one), Value::Persistent(other)) => Value::Persistent(Box::new(join(*one, *other))),
        _ => Value::Unknown,
    }
}

/// Whether a text is made of identifiers with dots between them.
fn is_path(text: &str) -> bool {
    text.split('.').all(|part| {
        !part.starts_with(|first: char| first.is_ascii_digit())
            && !part.is_empty()
            && part.chars().all(|next| next.is_alphanumeric() || next == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned(), u64::try_from(text.len()).unwrap())
    }

    #[test]
    fn what_differs_is_forgotten_and_what_is_common_stays() {
        let mut effects = Effects::new(1000);
        let (heap, mut budget) = (Heap::default(), Budget::new(1 << 30));
        for number in 0..600u64 {
            let occurrence = Occurrence {
                kind: EffectKind::Call,
                key: Key::Unknown("x".to_owned()),
                opcode: "REDUCE",
                at: number,
                handles: &[],
            };
            let arguments =
                || Ok(vec![text(&number.to_string()), text("latin1"), Value::Int(number.to_string())]);
            effects.record(occurrence, &heap, &mut budget, arguments).unwrap();
        }
        let (found, full) = effects.finish(&heap);
        assert_eq!((found.len(), full), (257, None));
        let (at, last) = found.into_iter().next_back().unwrap();
        assert_eq!((at, last.sampled, last.count), (256, true, 344));
        assert_eq!(
            last.arguments,
            [Value::Text(String::new(), 3), text("latin1"), Value::Int(String::new())]
        );
    }
}
