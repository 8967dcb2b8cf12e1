//! Complaints of a reader about its file: the first ones each by itself, the others as a number.

use std::fmt::Write as _;

use weighbridge_core::place::Span;
use weighbridge_core::sink::Sink;

/// How many complaints about one file are told each by itself. A file that is no manifest at all, only named like one,
/// would otherwise fill the report.
const MOST: usize = 100;

/// The sink, and the complaints that went into it. What did not fit is told when this is dropped.
pub(super) struct Notes<'sink> {
    pub(super) sink: &'sink mut Sink,
    told: usize,
    untold: usize,
}

impl<'sink> Notes<'sink> {
    pub(super) fn new(sink: &'sink mut Sink) -> Self {
        Self { sink, told: 0, untold: 0 }
    }

    /// A rule of the format is broken here; the rest is still understood.
    pub(super) fn malformed(&mut self, reason: impl Into<String>, span: Option<Span>) {
        if self.told < MOST {
            self.told = self.told.saturating_add(1);
            self.sink.malformed(reason, span);
        } else {
            self.untold = self.untold.saturating_add(1);
        }
    }
}

impl Drop for Notes<'_> {
    fn drop(&mut self) {
        if self.untold > 0 {
            let mut reason = String::new();
            // Writing to a `String` cannot fail.
            let _ = write!(reason, "{} further places break the rules of the format", self.untold);
            self.sink.malformed(reason, None);
        }
    }
}
