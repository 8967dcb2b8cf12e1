//! Writes pickles opcode by opcode, and reads them with the reader under test.

use std::sync::Arc;

use weighbridge_core::fact::{Effect, What};
use weighbridge_core::input::Input;
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::place::{Place, Span};
use weighbridge_core::reader::Reader;
use weighbridge_core::sink::{Child, Sink};
use weighbridge_read::model::pickle::Pickle;

/// A stream under construction. Methods are named after what the opcode pushes or does.
#[derive(Clone, Default)]
pub(crate) struct Stream(pub(crate) Vec<u8>);

impl Stream {
    /// A stream without a protocol, which is protocol 0 or 1.
    pub(crate) fn old() -> Self {
        Self::default()
    }

    /// A stream of this protocol.
    pub(crate) fn protocol(protocol: u8) -> Self {
        Self(vec![0x80, protocol])
    }

    /// Any bytes.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn mark(self) -> Self {
        self.raw(b"(")
    }

    pub(crate) fn none(self) -> Self {
        self.raw(b"N")
    }

    pub(crate) fn int(self, value: u8) -> Self {
        self.raw(&[b'K', value])
    }

    pub(crate) fn text(self, text: &str) -> Self {
        let length = u32::try_from(text.len()).unwrap();
        self.raw(b"X").raw(&length.to_le_bytes()).raw(text.as_bytes())
    }

    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap();
        self.raw(b"B").raw(&length.to_le_bytes()).raw(bytes)
    }

    /// GLOBAL.
    pub(crate) fn global(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n").as_bytes())
    }

    /// STACK_GLOBAL with its two texts.
    pub(crate) fn stack_global(self, module: &str, name: &str) -> Self {
        self.text(module).text(name).raw(b"\x93")
    }

    /// A tuple of the values since the mark.
    pub(crate) fn tuple(self) -> Self {
        self.raw(b"t")
    }

    /// A tuple of the top value.
    pub(crate) fn tuple1(self) -> Self {
        self.raw(b"\x85")
    }

    pub(crate) fn reduce(self) -> Self {
        self.raw(b"R")
    }

    pub(crate) fn build(self) -> Self {
        self.raw(b"b")
    }

    pub(crate) fn pop(self) -> Self {
        self.raw(b"0")
    }

    pub(crate) fn put(self, index: u8) -> Self {
        self.raw(&[b'q', index])
    }

    pub(crate) fn get(self, index: u8) -> Self {
        self.raw(&[b'h', index])
    }

    /// STOP, and the bytes.
    pub(crate) fn stop(self) -> Vec<u8> {
        self.raw(b".").0
    }
}

/// What the reader made of an entry.
pub(crate) struct Reading {
    /// Effects with their offsets.
    pub(crate) effects: Vec<(u64, Effect)>,
    /// What was not read, and where.
    pub(crate) unread: Vec<(Option<u64>, String)>,
    /// What was malformed.
    pub(crate) malformed: Vec<String>,
    pub(crate) children: Vec<Child>,
}

impl Reading {
    /// The effects as people see them.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.effects.iter().map(|(_, effect)| effect.to_string()).collect()
    }
}

/// Reads `bytes` with the pickle reader.
pub(crate) fn read(bytes: &[u8]) -> Reading {
    read_as(&Pickle, bytes, Limits::default())
}

/// Reads `bytes` with any reader.
pub(crate) fn read_as(reader: &dyn Reader, bytes: &[u8], limits: Limits) -> Reading {
    read_file(reader, "a.pkl", bytes, limits)
}

/// Reads `bytes` with the pickle reader, as a file of this name.
pub(crate) fn read_named(name: &str, bytes: &[u8]) -> Reading {
    read_file(&Pickle, name, bytes, Limits::default())
}

fn read_file(reader: &dyn Reader, name: &str, bytes: &[u8], limits: Limits) -> Reading {
    let input = Input::new(Arc::new(bytes.to_vec()), limits, Cancel::default());
    let mut sink = Sink::new(Place::file(name), reader.about().id, limits);
    let outcome = reader.read(&input, &mut sink);
    let result = sink.finish();
    let mut reading =
        Reading { effects: Vec::new(), unread: Vec::new(), malformed: Vec::new(), children: result.children };
    for fact in result.facts {
        match (fact.what, fact.evidence.span) {
            (What::Effect(effect), Some(Span::Offset(at))) => reading.effects.push((at, effect)),
            (What::Unread(reason), Some(Span::Offset(at))) => {
                reading.unread.push((Some(at), reason.to_string()))
            }
            (What::Unread(reason), _) => reading.unread.push((None, reason.to_string())),
            (What::Malformed(reason), _) => reading.malformed.push(reason),
            _ => {}
        }
    }
    reading.unread.extend(outcome.err().map(|reason| (None, reason.to_string())));
    reading
}
