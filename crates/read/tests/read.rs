//! Runs one reader on bytes and shows what came out as lines that a test can compare.

use std::io::Read as _;
use std::sync::Arc;

use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::place::{Place, Span};
use weighbridge_core::sink::{Body, Outcome, Sink};

/// What a reader made of some bytes.
pub(crate) struct Read {
    /// One line a fact: its offset where it has one, then what it says.
    pub(crate) facts: Vec<String>,
    /// Name, forced reader and unpacked bytes of each child.
    pub(crate) children: Vec<(String, Option<&'static str>, Vec<u8>)>,
}

impl Read {
    /// Names of the children.
    pub(crate) fn steps(&self) -> Vec<&str> {
        self.children.iter().map(|(step, ..)| step.as_str()).collect()
    }

    /// The bytes of the child of this name.
    pub(crate) fn child(&self, step: &str) -> &[u8] {
        let found = self.children.iter().find(|(name, ..)| name == step);
        &found.unwrap_or_else(|| panic!("no child `{step}` in {:?}", self.steps())).2
    }

    /// Fails unless some fact contains this text.
    pub(crate) fn says(&self, text: &str) {
        assert!(self.facts.iter().any(|fact| fact.contains(text)), "`{text}` is not in {:#?}", self.facts);
    }
}

/// Reads `bytes` with the reader `id` within the usual limits.
pub(crate) fn read(id: &str, bytes: &[u8]) -> Read {
    read_within(id, bytes, Limits::default())
}

/// Reads `bytes` with the reader `id` within `limits`.
pub(crate) fn read_within(id: &str, bytes: &[u8], limits: Limits) -> Read {
    read_named(id, "input", bytes, limits)
}

/// Reads `bytes` with the reader `id` as the file at `path`.
pub(crate) fn read_as(id: &str, path: &str, bytes: &[u8]) -> Read {
    read_named(id, path, bytes, Limits::default())
}

fn read_named(id: &str, path: &str, bytes: &[u8], limits: Limits) -> Read {
    let reader = weighbridge_read::reader(id).unwrap();
    let input = Input::new(Arc::new(bytes.to_vec()), limits, Cancel::default());
    let mut sink = Sink::new(Place::file(path), reader.about().id, limits);
    let ended = reader.read(&input, &mut sink);
    let Outcome { facts, children, .. } = sink.finish();
    let mut lines: Vec<String> = facts
        .iter()
        .map(|fact| match &fact.evidence.span {
            Some(Span::Offset(offset)) => format!("{offset}: {}", show(&fact.what)),
            Some(Span::Line(line)) => format!("line {line}: {}", show(&fact.what)),
            None => show(&fact.what),
        })
        .collect();
    if let Err(reason) = ended {
        lines.push(format!("ended: {reason}"));
    }
    let children =
        children.into_iter().map(|child| (child.step.to_string(), child.reader, unpack(bytes, &child.body)));
    Read { facts: lines, children: children.collect() }
}

fn show(what: &What) -> String {
    match what {
        What::Format(format) => format!("format {format}"),
        What::Malformed(reason) => format!("malformed: {reason}"),
        What::Unread(reason) => format!("unread: {reason}"),
        What::Tensors(tensors) => format!(
            "tensors: {} of {} elements, {} bytes, {:?}",
            tensors.count, tensors.elements, tensors.bytes, tensors.types
        ),
        What::Effect(effect) if effect.pointer.is_empty() => format!("effect: {effect}"),
        What::Effect(effect) => format!("effect: {effect} at {}", effect.pointer),
        other => format!("{other:?}"),
    }
}

fn unpack(parent: &[u8], body: &Body) -> Vec<u8> {
    let part = |offset: u64, size: u64| {
        let offset = usize::try_from(offset).unwrap();
        &parent[offset..offset.checked_add(usize::try_from(size).unwrap()).unwrap()]
    };
    match body {
        Body::Slice { offset, size } => part(*offset, *size).to_vec(),
        Body::Deflate { offset, size, .. } => {
            let mut unpacked = Vec::new();
            let packed = flate2::read::DeflateDecoder::new(part(*offset, *size));
            // A lie about the size may cut the stream: what comes out before is what counts.
            let _ = packed.take(1 << 20).read_to_end(&mut unpacked);
            unpacked
        }
        Body::Solid { unpacking, offset, size } => {
            let input = Input::new(Arc::new(parent.to_vec()), Limits::default(), Cancel::default());
            let mut unpacked = Vec::new();
            let whole = weighbridge_read::archive::sevenz::unpack::reader(&input, unpacking);
            // What is packed in a broken way ends early.
            let _ = whole.map(|whole| whole.take(1 << 20).read_to_end(&mut unpacked));
            let part = unpacked.get(usize::try_from(*offset).unwrap()..).unwrap_or_default();
            part[..part.len().min(usize::try_from(*size).unwrap())].to_vec()
        }
        // The engine unpacks these.
        Body::Stream { offset, size, .. } => part(*offset, *size).to_vec(),
        Body::Bytes(bytes) => bytes.clone(),
    }
}
