//! Operators of a format's own set, each told once with how often it occurs.

use std::collections::BTreeMap;
use std::fmt::Display;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Effect, EffectKind, Operator, Target, Value, What};
use weighbridge_core::limits::Limits;
use weighbridge_core::place::Span;
use weighbridge_core::sink::Sink;

/// The operators that an entry applies.
pub(crate) struct Operators {
    set: &'static str,
    construct: &'static str,
    /// By domain, then by name.
    domains: BTreeMap<String, BTreeMap<String, Occurrence>>,
    count: usize,
    most: usize,
    full: bool,
}

/// Where an operator occurs first, and how often.
struct Occurrence {
    pointer: String,
    at: u64,
    count: u64,
    arguments: Vec<Value>,
}

impl Operators {
    /// None yet. `construct` is what in the format applies them.
    pub(crate) fn new(set: &'static str, construct: &'static str, limits: &Limits) -> Self {
        Self { set, construct, domains: BTreeMap::new(), count: 0, most: limits.facts, full: false }
    }

    /// One more occurrence.
    pub(crate) fn add(&mut self, domain: &str, name: &str, pointer: &dyn Display, at: u64) {
        if let Some(known) = self.domains.get_mut(domain).and_then(|names| names.get_mut(name)) {
            known.count = known.count.saturating_add(1);
        } else if self.count < self.most {
            self.count = self.count.saturating_add(1);
            let occurrence = Occurrence { pointer: pointer.to_string(), at, count: 1, arguments: Vec::new() };
            self.domains.entry(domain.to_owned()).or_default().insert(name.to_owned(), occurrence);
        } else {
            self.full = true;
        }
    }

    /// Shows these arguments with the operator, unless some are shown already.
    pub(crate) fn show(&mut self, domain: &str, name: &str, arguments: Vec<Value>) {
        let known = self.domains.get_mut(domain).and_then(|names| names.get_mut(name));
        if let Some(known) = known.filter(|known| known.arguments.is_empty()) {
            known.arguments = arguments;
        }
    }

    /// Forgets the operator: it turned out to be none of the set.
    pub(crate) fn remove(&mut self, domain: &str, name: &str) {
        if let Some(names) = self.domains.get_mut(domain) {
            names.remove(name);
        }
    }

    /// Tells each of them.
    pub(crate) fn tell(self, sink: &mut Sink) {
        for (domain, names) in self.domains {
            for (name, Occurrence { pointer, at, count, arguments }) in names {
                let operator = Operator { set: self.set, domain: domain.clone(), name };
                let effect = Effect::new(EffectKind::Operate, Target::Operator(operator), self.construct);
                let effect = Effect { count, ..effect.at(pointer).with(arguments) };
                sink.observed(What::Effect(effect), Some(Span::Offset(at)));
            }
        }
        if self.full {
            let most = u64::try_from(self.most).unwrap_or(u64::MAX);
            sink.unread(Unread::Limit(LimitKind::Facts, most), None);
        }
    }
}
