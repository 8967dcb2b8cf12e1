//! Effects of one entry, equal ones merged: told once with their number, at the first place.

use std::collections::BTreeMap;

use weighbridge_core::fact::{Effect, EffectKind, Global, Operator, Target, Value, What};
use weighbridge_core::place::Span;
use weighbridge_core::sink::Sink;

use crate::bytes::offset;

/// Characters of a text that are kept of an argument.
const KEPT: usize = 200;

/// Effects, counted.
#[derive(Default)]
pub(crate) struct Tally {
    effects: BTreeMap<Effect, (u64, u64, String)>,
}

impl Tally {
    /// Adds an effect at a place of the file.
    pub(crate) fn add(&mut self, mut effect: Effect, at: u64) {
        let pointer = std::mem::take(&mut effect.pointer);
        let (count, ..) = self.effects.entry(effect).or_insert((0, at, pointer));
        *count = count.saturating_add(1);
    }

    /// Tells all of them in the order of their places.
    pub(crate) fn tell(self, sink: &mut Sink) {
        let mut effects: Vec<_> = self.effects.into_iter().collect();
        effects.sort_by_key(|(_, (_, at, _))| *at);
        for (mut effect, (count, at, pointer)) in effects {
            (effect.count, effect.pointer) = (count, pointer);
            sink.observed(What::Effect(effect), Some(Span::Offset(at)));
        }
    }
}

/// A member of a format's own set.
pub(crate) fn operate(set: &'static str, domain: &str, name: &str, construct: &'static str) -> Effect {
    let operator = Operator { set, domain: domain.to_owned(), name: name.to_owned() };
    Effect::new(EffectKind::Operate, Target::Operator(operator), construct)
}

/// A file or an address outside of the entry.
pub(crate) fn open(kind: EffectKind, path: &str, construct: &'static str) -> Effect {
    Effect::new(kind, Target::Path(path.to_owned()), construct)
}

/// A module and a name in it.
pub(crate) fn global(module: &str, name: &str) -> Global {
    Global { module: module.to_owned(), name: name.to_owned() }
}

/// A text as an argument.
pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.chars().take(KEPT).collect(), offset(text.len()))
}
