//! TensorFlow Lite models.
//!
//! A graph of operators in a FlatBuffer. What most models use is built into the interpreter; custom operators are code
//! that the loading program must bring, and those whose names begin with `Flex` are operators of TensorFlow. Behind the
//! buffer may stand a zip archive with files that belong to the model (labels, vocabularies).
//!
//! Source: `tensorflow/lite/schema/schema.fbs` (version 3) and `tensorflow/lite/core/interpreter_builder.cc`; the format
//! of metadata of TensorFlow Lite for the archive.

mod operators;

use std::collections::BTreeMap;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Effect, EffectKind, Operator, Target, Tensors, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use super::flatbuffer::{Buffer, Fault, Table, Vector};
use crate::archive::zip::{self, DEFLATED, STORED};
use crate::bytes::u16_at;
use crate::fault::Faults;

/// Reads models of TensorFlow Lite.
pub struct TfLite;

impl Reader for TfLite {
    fn about(&self) -> &'static About {
        &About {
            id: "tflite",
            title: "TensorFlow Lite",
            family: Family::Model,
            names: &["*.tflite"],
            reads: "every operator, the sizes of tensors and buffers, and files behind the model",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.head.get(4..8) == Some(b"TFL3") {
            Claim::ByMagic
        } else if hint.has_extension("tflite") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("tflite"), None);
        let mut model = Model {
            buffer: Buffer::new(input),
            input,
            codes: Vec::new(),
            sizes: Vec::new(),
            uses: BTreeMap::new(),
            tensors: Tensors::default(),
            steps: input.size().saturating_mul(4).saturating_add(1 << 16),
            faults: Faults::new("places"),
        };
        let outcome = model.read(sink);
        model.finish(sink);
        let outcome = report(outcome, input, sink);
        files(input, sink)?;
        outcome
    }
}

/// Puts what is wrong with a buffer into the sink.
pub(super) fn report(outcome: Result<(), Fault>, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
    let (kind, at, what) = match outcome {
        Ok(()) => return Ok(()),
        Err(Fault::Unread(unread)) => return Err(unread),
        Err(Fault::Broken(at)) => {
            return Err(Unread::Malformed(format!("a table contradicts itself, at offset {at}")));
        }
        Err(Fault::Overrun(at, to)) => {
            (EffectKind::Overrun, at, format!("what stands at {at} and reaches to {to}, behind the end"))
        }
        Err(Fault::Wrapped(at)) => (EffectKind::Corrupt, at, format!("the offset at {at}, which wraps")),
    };
    let span = Span::Offset(at.min(input.size()));
    sink.observed(What::Effect(Effect::new(kind, Target::Unknown(what), "offset")), Some(span));
    Err(Unread::Malformed(format!("an offset leads out of the file, at offset {at}")))
}

struct Model<'input> {
    buffer: Buffer<'input>,
    input: &'input Input,
    /// Number and own name of every kind of operator.
    codes: Vec<(u32, String)>,
    /// Bytes of every buffer.
    sizes: Vec<u64>,
    /// How often each kind of operator is used.
    uses: BTreeMap<usize, u64>,
    tensors: Tensors,
    /// Parts that are still looked at: offsets may lead to one part over and over.
    steps: u64,
    faults: Faults,
}

impl Model<'_> {
    fn read(&mut self, sink: &mut Sink) -> Result<(), Fault> {
        if self.buffer.bytes(4)? != *b"TFL3" {
            sink.malformed("the model does not say that it is one (`TFL3`)", Some(Span::Offset(4)));
        }
        let model = self.buffer.root()?;
        let codes = self.buffer.tables(&model, 1)?;
        for number in 0..codes.count {
            self.step()?;
            let code = self.buffer.element(codes, number)?;
            // Old files know the first numbers only; a newer one holds the larger number in a field of its own.
            let old = u32::from(self.buffer.byte(&code, 0, 0)?);
            let builtin = self.buffer.number(&code, 3)?.max(old);
            let name = if builtin == operators::CUSTOM { self.buffer.text(&code, 1)? } else { String::new() };
            self.codes.push((builtin, name));
        }
        let buffers = self.buffer.tables(&model, 4)?;
        for number in 0..buffers.count {
            self.step()?;
            let size = self.size(buffers, number)?;
            self.sizes.push(size);
        }
        let graphs = self.buffer.tables(&model, 2)?;
        for number in 0..graphs.count {
            self.step()?;
            let graph = self.buffer.element(graphs, number)?;
            self.graph(&graph, sink)?;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Fault> {
        self.steps = self.steps.checked_sub(1).ok_or_else(|| {
            Unread::Malformed("one part is used more often than the file is large".to_owned())
        })?;
        self.input.go_on()?;
        let most = self.input.limits().entries;
        let kept = self.codes.len().max(self.sizes.len());
        if u64::try_from(kept).is_ok_and(|kept| kept < most) {
            return Ok(());
        }
        Err(Unread::Limit(LimitKind::Entries, most).into())
    }

    /// Bytes of a buffer, which stand in it or elsewhere in the file.
    fn size(&self, buffers: Vector, number: u64) -> Result<u64, Fault> {
        let table = self.buffer.element(buffers, number)?;
        let inside = self.buffer.vector(&table, 0, 1)?;
        let (offset, size) = (self.buffer.large(&table, 1)?, self.buffer.large(&table, 2)?);
        // Zero and one say that there is nothing elsewhere.
        if offset <= 1 {
            return Ok(inside.count);
        }
        let at = self.buffer.field(&table, 1, 8)?.unwrap_or(0);
        let end = offset.checked_add(size).ok_or(Fault::Wrapped(at))?;
        if end > self.input.size() { Err(Fault::Overrun(at, end)) } else { Ok(size) }
    }

    fn graph(&mut self, graph: &Table, sink: &mut Sink) -> Result<(), Fault> {
        let tensors = self.buffer.tables(graph, 0)?;
        for number in 0..tensors.count {
            self.step()?;
            let tensor = self.buffer.element(tensors, number)?;
            self.tensor(&tensor, sink)?;
        }
        let operators = self.buffer.tables(graph, 3)?;
        for number in 0..operators.count {
            self.step()?;
            let operator = self.buffer.element(operators, number)?;
            self.operator(number, &operator, tensors.count, sink)?;
        }
        Ok(())
    }

    /// An operator: its kind, and the tensors that it takes and gives.
    fn operator(
        &mut self,
        number: u64,
        operator: &Table,
        tensors: u64,
        sink: &mut Sink,
    ) -> Result<(), Fault> {
        let at = self.buffer.field(operator, 0, 4)?.unwrap_or(0);
        let code = self.buffer.number(operator, 0)?;
        let kinds = self.codes.len();
        match usize::try_from(code).ok().filter(|code| *code < kinds) {
            Some(place) => {
                let count = self.uses.entry(place).or_default();
                *count = count.saturating_add(1);
            }
            None => self.faults.tell(sink, "name operators that are not there", at, || {
                format!("operator {number} is of kind {code}, of which there are {kinds}")
            }),
        }
        for field in [1, 2] {
            let indices = self.buffer.vector(operator, field, 4)?;
            for index in 0..indices.count {
                self.step()?;
                let at = indices.start.saturating_add(index.saturating_mul(4));
                let tensor = self.buffer.u32(at)?;
                // All ones stand for an input that is left out.
                if u64::from(tensor) >= tensors && tensor != u32::MAX {
                    self.faults.tell(sink, "name tensors that are not there", at, || {
                        format!("operator {number} uses tensor {tensor}, of which there are {tensors}")
                    });
                }
            }
        }
        Ok(())
    }

    fn tensor(&mut self, tensor: &Table, sink: &mut Sink) -> Result<(), Fault> {
        let shape = self.buffer.vector(tensor, 0, 4)?;
        let kind = self.buffer.byte(tensor, 1, 0)?;
        let buffer = self.buffer.number(tensor, 2)?;
        let at = self.buffer.field(tensor, 2, 4)?.unwrap_or(0);
        let held = usize::try_from(buffer).ok().and_then(|number| self.sizes.get(number)).copied();
        let Some(held) = held else {
            let buffers = self.sizes.len();
            self.faults.tell(sink, "name buffers that are not there", at, || {
                format!("a tensor lies in buffer {buffer}, of which there are {buffers}")
            });
            return Ok(());
        };
        if held == 0 {
            return Ok(());
        }
        let mut elements = 1u64;
        for number in 0..shape.count {
            self.step()?;
            let place = shape.start.saturating_add(number.saturating_mul(4));
            let size = self.buffer.u32(place)?;
            // Sizes are numbers with a sign.
            let product = elements.checked_mul(u64::from(size)).filter(|it| *it < 1 << 62);
            elements = product.filter(|_| size < 1 << 31).ok_or(Fault::Wrapped(place))?;
        }
        let Some((name, bits)) = KINDS.get(usize::from(kind)).copied().filter(|(_, bits)| *bits > 0) else {
            return Ok(());
        };
        let bytes = elements.checked_mul(bits).ok_or(Fault::Wrapped(at))?.div_ceil(8);
        let sparse = self.buffer.field(tensor, 6, 4)?.is_some();
        if bytes > held && !sparse && self.faults.count("reach behind their buffers") {
            let what = format!("{bytes} bytes of buffer {buffer}, which has {held}");
            let effect = Effect::new(EffectKind::Overrun, Target::Unknown(what), "Tensor");
            sink.observed(What::Effect(effect), Some(Span::Offset(at)));
        }
        let known = &mut self.tensors;
        known.count = known.count.saturating_add(1);
        known.elements = known.elements.saturating_add(elements);
        known.bytes = known.bytes.saturating_add(held);
        if let Err(place) = known.types.binary_search_by(|known| known.as_str().cmp(name)) {
            known.types.insert(place, name.to_owned());
        }
        Ok(())
    }

    /// Says which operators are used, and how many tensors there are.
    fn finish(self, sink: &mut Sink) {
        self.faults.finish(sink);
        if self.tensors.count > 0 {
            sink.observed(What::Tensors(self.tensors), None);
        }
        let mut operators: BTreeMap<Operator, u64> = BTreeMap::new();
        for (place, (builtin, own)) in self.codes.iter().enumerate() {
            let operator = |set, domain: &str, name: &str| Operator {
                set,
                domain: domain.to_owned(),
                name: name.to_owned(),
            };
            let operator = match (*builtin, operators::name(*builtin), own.strip_prefix("Flex")) {
                // An operator of TensorFlow, run by TensorFlow.
                (operators::CUSTOM, _, Some(name)) => operator("tensorflow", "", name),
                (operators::CUSTOM, _, None) => operator("tflite", "custom", own),
                (_, Some(name), _) => operator("tflite", "", name),
                (_, None, _) => operator("tflite", "unknown", &builtin.to_string()),
            };
            // A kind that no graph uses is looked up by the loader all the same.
            let count = operators.entry(operator).or_default();
            *count = count.saturating_add(self.uses.get(&place).copied().unwrap_or(0));
        }
        for (operator, count) in operators {
            let effect = Effect::new(EffectKind::Operate, Target::Operator(operator), "OperatorCode");
            sink.observed(What::Effect(Effect { count: count.max(1), ..effect }), None);
        }
    }
}

/// Types of elements by their numbers: name, and bits of an element; none where the size is not fixed.
static KINDS: &[(&str, u64)] = &[
    ("float32", 32),
    ("float16", 16),
    ("int32", 32),
    ("uint8", 8),
    ("int64", 64),
    ("string", 0),
    ("bool", 8),
    ("int16", 16),
    ("complex64", 64),
    ("int8", 8),
    ("float64", 64),
    ("complex128", 128),
    ("uint64", 64),
    ("resource", 0),
    ("variant", 0),
    ("uint32", 32),
    ("uint16", 16),
    ("int4", 4),
];

/// Hands out the files of an archive that stands behind the model.
fn files(input: &Input, sink: &mut Sink) -> Result<(), Unread> {
    if !has_archive(input)? {
        return Ok(());
    }
    for found in zip::members(input)? {
        let (offset, size) = (found.data.offset, found.data.size);
        if offset > input.size() || found.member.name.ends_with('/') {
            continue;
        }
        let size = size.min(input.size().saturating_sub(offset));
        let body = match found.member.method {
            STORED => Body::Slice { offset, size },
            DEFLATED => Body::Deflate { offset, size, unpacked: found.member.unpacked },
            method => {
                let reason = format!("`{}`: compression method {method}", found.member.name);
                sink.unread(Unread::Unsupported(reason), Some(Span::Offset(offset)));
                continue;
            }
        };
        sink.child(Child { step: found.member.name.into(), body, reader: None });
    }
    Ok(())
}

/// Whether the file ends in the end record of a zip archive (APPNOTE 4.3.16).
fn has_archive(input: &Input) -> Result<bool, Unread> {
    let most = 22u64.saturating_add(u64::from(u16::MAX)).min(input.size());
    let tail = input.read_vec(input.size().saturating_sub(most), most, most)?;
    Ok((0..tail.len()).rev().any(|at| {
        tail.get(at..).is_some_and(|rest| {
            let comment = u16_at(rest, 20).and_then(|comment| usize::from(comment).checked_add(22));
            rest.starts_with(b"PK\x05\x06") && comment == Some(rest.len())
        })
    }))
}
