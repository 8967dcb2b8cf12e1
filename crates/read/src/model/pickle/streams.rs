//! All streams of an entry: the first, those behind it, and what other loaders make of them.

use std::collections::BTreeMap;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::sink::Sink;

use super::effects::Effects;
use super::lexer::{Fail, Lexer, Loader};
use super::machine::Machine;
use super::opcode as op;

/// The C unpickler, reading from memory, with joblib's arrays.
pub(in crate::model) const USUAL: Loader = Loader { drops_cut: false, joblib: true, python: false };

/// The window through which a stream is read.
const WINDOW: usize = 1 << 18;

/// How a stream ended.
pub(in crate::model) enum End {
    /// At STOP; the next byte's offset.
    Stop(u64),
    /// Before it; where, and why.
    Failed(u64, Fail),
}

/// Reads streams of one entry and keeps what they do until [`Streams::finish`].
pub(in crate::model) struct Streams<'input> {
    input: &'input Input,
    machine: Machine<'input>,
    notes: Vec<(What, Option<Span>)>,
}

impl<'input> Streams<'input> {
    pub(in crate::model) fn new(input: &'input Input) -> Self {
        let window = usize::try_from(input.size()).unwrap_or(WINDOW).clamp(64, WINDOW);
        Self { input, machine: Machine::new(input, window, USUAL), notes: Vec::new() }
    }

    /// Wants to know the storages of PyTorch that persistent ids name.
    pub(in crate::model) fn note_storages(&mut self) {
        self.machine.storages = Some(BTreeMap::new());
    }

    /// Wants to know the slices of files that objects name.
    pub(in crate::model) fn note_slices(&mut self) {
        self.machine.said = Some(BTreeMap::new());
    }

    /// The storages by key, with their class and number of elements.
    pub(in crate::model) fn storages(&mut self) -> BTreeMap<String, (String, u64)> {
        self.machine.storages.take().unwrap_or_default()
    }

    /// Runs the stream at `offset`, as every loader that would take it differently.
    ///
    /// # Errors
    /// Only the wish to stop.
    pub(in crate::model) fn one(&mut self, offset: u64) -> Result<End, Unread> {
        self.machine.arrays = None;
        self.machine.differs = None;
        let end = match self.machine.stream(offset) {
            Ok(_) => End::Stop(self.machine.lexer.offset()),
            Err(Fail::Unread(Unread::Cancelled)) => return Err(Unread::Cancelled),
            Err(fail) => End::Failed(self.machine.at, fail),
        };
        if let Some(cut) = self.machine.lexer.cut {
            self.again(offset, Loader { drops_cut: true, ..USUAL }, cut)?;
            let reason = "an operand crosses the end of its frame: loaders disagree on what follows";
            self.notes.push((What::Unread(Unread::Malformed(reason.to_owned())), Some(Span::Offset(cut))));
        }
        if let Some(from) = self.machine.differs.take()
            && self.again(offset, Loader { python: true, ..USUAL }, from)?
        {
            let reason =
                "the unpickler written in Python, which joblib and dill use, does more than the one in C";
            self.notes.push((What::Unread(Unread::Malformed(reason.to_owned())), Some(Span::Offset(from))));
        }
        if let Some(array) = self.machine.arrays
            && self.again(offset, Loader { joblib: false, ..USUAL }, array)?
        {
            let reason = "the bytes of an array do something when a plain unpickler takes them for opcodes";
            self.notes.push((What::Unread(Unread::Malformed(reason.to_owned())), Some(Span::Offset(array))));
        }
        Ok(end)
    }

    /// Runs the stream again as another loader, and says whether it does something new from `from` on. What it does is kept, except
    /// that bytes of an array which only look like an import are not.
    fn again(&mut self, offset: u64, loader: Loader, from: u64) -> Result<bool, Unread> {
        let lexer = Lexer::new(self.input, offset, 4096, loader);
        let usual = std::mem::replace(&mut self.machine.lexer, lexer);
        let facts = self.input.limits().facts;
        let effects = std::mem::replace(&mut self.machine.effects, Effects::new(facts));
        let at = self.machine.at;
        self.machine.loader = loader;
        let outcome = self.machine.stream(offset);
        self.machine.loader = USUAL;
        self.machine.differs = None;
        self.machine.at = at;
        self.machine.lexer = usual;
        let other = std::mem::replace(&mut self.machine.effects, effects);
        let known = self.machine.effects.len();
        let mut acts = other.acts_from(from);
        if acts || loader.joblib {
            self.machine.effects.absorb_new(other, &mut self.machine.budget)?;
            acts &= self.machine.effects.len() > known;
        }
        match outcome {
            Err(Fail::Unread(Unread::Cancelled)) => Err(Unread::Cancelled),
            _ => Ok(acts),
        }
    }

    /// Says that something at `offset` was not understood.
    pub(in crate::model) fn unread(&mut self, reason: Unread, offset: u64) {
        self.notes.push((What::Unread(reason), Some(Span::Offset(offset))));
    }

    /// Says why the stream that failed at `offset` was not read to its end.
    pub(in crate::model) fn failed(&mut self, offset: u64, fail: Fail) {
        let reason = match fail {
            Fail::Raises(why) => {
                let opcode = match self.opcode_at(offset) {
                    Some("") | None => String::new(),
                    Some(name) => format!("{name}: "),
                };
                Unread::Malformed(format!("{opcode}{why}, at offset {offset}: the loader stops here"))
            }
            Fail::Truncated(end) => Unread::Malformed(format!(
                "a stream ends early, at offset {offset}: the loader wants {} more bytes and stops here",
                end.saturating_sub(self.input.size())
            )),
            Fail::Unread(unread) => unread,
        };
        self.unread(reason, offset);
    }

    fn opcode_at(&self, offset: u64) -> Option<&'static str> {
        self.machine.source.bytes(offset, 1).ok()?.first().map(|opcode| op::name(*opcode))
    }

    /// How many different effects were seen.
    pub(in crate::model) fn effects(&self) -> usize {
        self.machine.effects.len()
    }

    /// Whether everything was understood.
    pub(in crate::model) fn is_whole(&self) -> bool {
        !self.notes.iter().any(|(what, _)| matches!(what, What::Unread(_) | What::Malformed(_)))
    }

    /// Whether anything but imports was seen.
    pub(in crate::model) fn acts(&self) -> bool {
        self.machine.effects.acts_from(0)
    }

    /// Whether something was imported that could exist.
    pub(in crate::model) fn imports(&self) -> bool {
        self.machine.effects.imports(&self.machine.heap)
    }

    /// How many opcodes the last stream executed.
    pub(in crate::model) fn steps(&self) -> u64 {
        self.machine.steps
    }

    /// Streams behind `from`: directly, behind padding, or somewhere in foreign bytes.
    ///
    /// # Errors
    /// Only the wish to stop.
    pub(in crate::model) fn rest(&mut self, from: u64) -> Result<(), Unread> {
        let size = self.input.size();
        let (mut at, mut foreign) = (from, 0u64);
        // Hostile bytes could make every offset the start of a long stream that fails.
        let mut budget = size.saturating_mul(4).saturating_add(1 << 24);
        while at < size {
            let start = self.skip_padding(at)?;
            if start >= size {
                break;
            }
            if budget == 0 {
                let reason = "too many places behind the last stream look like the start of another";
                self.unread(Unread::Malformed(reason.to_owned()), start);
                return Ok(());
            }
            let notes = self.notes.len();
            let facts = self.input.limits().facts;
            let before = std::mem::replace(&mut self.machine.effects, Effects::new(facts));
            let end = self.one(start)?;
            let found = std::mem::replace(&mut self.machine.effects, before);
            let marked = self.machine.source.bytes(start, 1)?.first() == Some(&op::PROTO);
            let is_stream = match &end {
                // Foreign bytes may happen to end in a STOP.
                End::Stop(end) => marked || found.len() > 0 || *end >= size,
                End::Failed(..) => (marked && found.len() > 0) || found.acts_from(0),
            };
            let cost = self.machine.lexer.offset().saturating_sub(start).max(64);
            if !is_stream {
                self.notes.truncate(notes);
                budget = budget.saturating_sub(cost);
                let next = self.next_start(start.saturating_add(1))?;
                foreign = foreign.saturating_add(next.saturating_sub(start));
                at = next;
                continue;
            }
            self.machine.effects.absorb(found, &mut self.machine.budget)?;
            match end {
                End::Stop(end) => at = end,
                End::Failed(offset, fail) => {
                    self.failed(offset, fail);
                    return Ok(());
                }
            }
        }
        if foreign > 0 {
            let what = What::Malformed(format!("{foreign} bytes behind the first stream are no pickle"));
            self.notes.push((what, Some(Span::Offset(from))));
        }
        Ok(())
    }

    /// The first byte from `at` on that is no padding.
    fn skip_padding(&self, at: u64) -> Result<u64, Unread> {
        let mut cursor = self.input.cursor(at, 4096);
        loop {
            let window = cursor.peek()?;
            let padding = window.iter().take_while(|byte| matches!(byte, 0 | b'\n' | b'\r' | b' ' | 0xff));
            let count = padding.count();
            let more = count == window.len() && count > 0;
            cursor.skip(u64::try_from(count).unwrap_or(u64::MAX));
            if !more {
                return Ok(cursor.offset());
            }
        }
    }

    /// The next offset from `at` on at which a stream with a protocol could start; else the end.
    fn next_start(&self, at: u64) -> Result<u64, Unread> {
        let mut cursor = self.input.cursor(at, WINDOW);
        loop {
            let window = cursor.peek()?;
            if window.is_empty() {
                return Ok(cursor.offset());
            }
            let found = window.iter().position(|byte| *byte == op::PROTO);
            let count = found.unwrap_or(window.len());
            cursor.skip(u64::try_from(count).unwrap_or(u64::MAX));
            if found.is_some() {
                let start = cursor.offset();
                let head = self.machine.source.bytes(start, 3)?;
                if let [_, protocol, opcode] = head.as_slice()
                    && *protocol <= op::HIGHEST_PROTOCOL
                    && !op::name(*opcode).is_empty()
                {
                    return Ok(start);
                }
                cursor.skip(1);
            }
        }
    }

    /// Puts everything into the sink.
    pub(in crate::model) fn finish(self, sink: &mut Sink) {
        let Machine { effects, heap, children, far, taken, slices, .. } = self.machine;
        if let Some((at, index)) = far {
            // Eight bytes each, for twice the index (`_Unpickler_MemoPut` in Modules/_pickle.c).
            let bytes = u128::from(index).saturating_mul(16);
            let reason = format!("the memo index {index} makes the loader take {bytes} bytes of memory");
            sink.malformed(reason, Some(Span::Offset(at)));
        }
        let (effects, full) = effects.finish(&heap);
        for (at, effect) in effects {
            sink.observed(What::Effect(effect), Some(Span::Offset(at)));
        }
        for child in children {
            sink.child(child);
        }
        if !taken.is_empty() {
            sink.observed(What::Takes(taken.into_values().collect()), None);
        }
        if !slices.is_empty() {
            sink.observed(What::Slices(slices.into_iter().collect()), None);
        }
        for (what, span) in self.notes {
            sink.observed(what, span);
        }
        if let Some(full) = full {
            sink.unread(full, None);
        }
    }
}
