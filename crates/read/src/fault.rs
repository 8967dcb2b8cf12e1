//! Says what is wrong without letting one fault, repeated a million times, bury the others.

use std::collections::BTreeMap;

use weighbridge_core::place::Span;
use weighbridge_core::sink::Sink;

/// How many faults of one kind are told one by one.
const SHOWN: u64 = 20;

/// Faults of one entry, counted by kind.
pub(crate) struct Faults {
    /// What has the faults, in the plural.
    subject: &'static str,
    counts: BTreeMap<&'static str, u64>,
}

impl Faults {
    /// None yet; `subject` is what may have them, in the plural.
    pub(crate) fn new(subject: &'static str) -> Self {
        Self { subject, counts: BTreeMap::new() }
    }

    /// Tells the fault, or counts it when enough of its kind were told. `kind` completes "20 more members …".
    pub(crate) fn tell(
        &mut self,
        sink: &mut Sink,
        kind: &'static str,
        at: u64,
        text: impl FnOnce() -> String,
    ) {
        if self.count(kind) {
            sink.malformed(text(), Some(Span::Offset(at)));
        }
    }

    /// Whether one more of this kind is still told.
    pub(crate) fn count(&mut self, kind: &'static str) -> bool {
        let count = self.counts.entry(kind).or_default();
        *count = count.saturating_add(1);
        *count <= SHOWN
    }

    /// Tells how many were only counted.
    pub(crate) fn finish(&self, sink: &mut Sink) {
        for (kind, count) in &self.counts {
            if let Some(more) = count.checked_sub(SHOWN).filter(|more| *more > 0) {
                sink.malformed(format!("{more} more {} {kind}", self.subject), None);
            }
        }
    }
}
