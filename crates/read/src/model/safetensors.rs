//! safetensors: the length of a header, the header in JSON, then the bytes of the tensors.
//!
//! The format promises that loading runs nothing, and that nothing else is in the file: every rule is checked, because
//! loaders that check fewer of them see other tensors.
//!
//! Source: the format section of the README of huggingface/safetensors, and `SafeTensors::deserialize` there.

mod dtype;
mod header;
mod signature;
mod stored;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Effect, EffectKind, Target, Tensors, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

pub(super) use signature::{contents, embed};
pub use stored::{Stored, header, stored};

use crate::bytes::{length, offset, u64_at};
use crate::fault::Faults;
use crate::model::signature::{Format, tell as tell_signature};
use header::{Header, Tensor};

/// The longest header that the format allows, in bytes.
const LONGEST_HEADER: u64 = 100_000_000;
/// How many parts that belong to no tensor are handed out to be read as whatever they are.
const MOST_CHILDREN: u64 = 16;

/// Reads safetensors files.
pub struct Safetensors;

impl Reader for Safetensors {
    fn about(&self) -> &'static About {
        &About {
            id: "safetensors",
            title: "safetensors",
            family: Family::Model,
            names: &["*.safetensors"],
            reads: "The header with every tensor, held to every rule of the format; bytes that belong to no tensor.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let plausible = u64_at(hint.head, 0).is_some_and(|size| size <= LONGEST_HEADER && size < hint.size);
        if plausible && hint.head.get(8) == Some(&b'{') {
            Claim::ByMagic
        } else if hint.has_extension("safetensors") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let is_signed = inspect(input, sink)?;
        // What lies inside of something else is nobody's model.
        if is_signed && sink.place().inner.is_empty() {
            tell_signature(input, Format::Safetensors, sink)?;
        }
        Ok(())
    }
}

/// Reads the file, and says whether its header holds a signature.
fn inspect(input: &Input, sink: &mut Sink) -> Result<bool, Unread> {
    let mut size = [0; 8];
    input.read_exact(0, &mut size)?;
    let size = u64::from_le_bytes(size);
    let header_limit = LONGEST_HEADER.min(input.limits().text_bytes);
    if size > LONGEST_HEADER {
        return Err(Unread::Malformed(format!(
            "the header claims {size} bytes, more than the format allows"
        )));
    }
    if size > header_limit {
        return Err(Unread::Limit(LimitKind::TextBytes, header_limit));
    }
    sink.observed(What::Format("safetensors"), None);
    let text = input.read_vec(8, size, header_limit)?;
    if text.first() != Some(&b'{') {
        sink.malformed("the header does not begin with `{`", Some(Span::Offset(8)));
    }
    let header = header::parse(&text).map_err(|error| {
        // The header is one line as a rule: the column says where.
        Unread::Malformed(format!("the header is no JSON object of tensors: {error}"))
    })?;
    let is_signed = signature::is_signed(&text);
    drop(text);
    let start = size.saturating_add(8);
    let mut faults = Faults::new("tensors");
    for fault in &header.faults {
        faults.tell(sink, fault.kind, 8, || fault.text.clone());
    }
    let wraps: Vec<&str> = header.faults.iter().filter_map(|fault| fault.wraps.as_deref()).collect();
    tell(EffectKind::Corrupt, "shape", &wraps, 8, sink);
    summarise(&header, sink);
    lay_out(input, header, start, &mut faults, sink)?;
    faults.finish(sink);
    Ok(is_signed)
}

/// Says of tensors that whoever trusts what they state is misled; the first by its name.
fn tell(kind: EffectKind, stated: &'static str, names: &[&str], at: u64, sink: &mut Sink) {
    let Some(first) = names.first() else { return };
    let mut effect = Effect::new(kind, Target::Unknown(format!("tensor `{first}`")), stated).at(*first);
    effect.count = offset(names.len());
    sink.observed(What::Effect(effect), Some(Span::Offset(at)));
}

fn summarise(header: &Header, sink: &mut Sink) {
    let mut tensors = Tensors::default();
    for tensor in &header.tensors {
        tensors.count = tensors.count.saturating_add(1);
        tensors.elements = tensors.elements.saturating_add(tensor.elements);
        tensors.bytes = tensors.bytes.saturating_add(tensor.end.saturating_sub(tensor.begin));
        if let Err(place) = tensors.types.binary_search_by(|known| known.as_str().cmp(tensor.dtype)) {
            tensors.types.insert(place, tensor.dtype.to_owned());
        }
    }
    if tensors.count > 0 {
        sink.observed(What::Tensors(tensors), None);
    }
}

/// Checks that the tensors cover the bytes after the header exactly, in order, without hole and overlap.
fn lay_out(
    input: &Input,
    mut header: Header,
    start: u64,
    faults: &mut Faults,
    sink: &mut Sink,
) -> Result<(), Unread> {
    let available = input.size().saturating_sub(start);
    header
        .tensors
        .sort_by(|one, other| (one.begin, one.end, &one.name).cmp(&(other.begin, other.end, &other.name)));
    let mut reached = 0u64;
    let mut loose: Vec<(u64, u64)> = Vec::new();
    let mut outside: Vec<&str> = Vec::new();
    for tensor in &header.tensors {
        input.go_on()?;
        let Tensor { name, begin, end, .. } = tensor;
        let at = start.saturating_add(*begin).min(input.size());
        if *end > available {
            outside.push(name);
            faults.tell(sink, "end after the file", at, || {
                format!("tensor `{name}` ends at {end} of {available} bytes of data")
            });
        }
        if *begin < reached {
            faults.tell(sink, "overlap with the one before", at, || {
                format!("tensor `{name}` begins at {begin}, inside the one before, which ends at {reached}")
            });
        } else if *begin > reached {
            let hole = begin.saturating_sub(reached);
            faults.tell(sink, "have a hole before them", at, || {
                format!("{hole} bytes before tensor `{name}` belong to none")
            });
            loose.push((reached, *begin));
        }
        reached = reached.max(*end);
    }
    tell(EffectKind::Overrun, "data_offsets", &outside, start, sink);
    if reached < available {
        let left = available.saturating_sub(reached);
        let text = format!("{left} bytes after the last tensor belong to none");
        sink.malformed(text, Some(Span::Offset(start.saturating_add(reached))));
        loose.push((reached, available));
    }
    // What belongs to no tensor may be what another loader takes the file for.
    for (from, to) in loose.into_iter().take(length(MOST_CHILDREN)) {
        let offset = start.saturating_add(from);
        let size = to.min(available).saturating_sub(from);
        if size > 0 {
            let step = format!("#bytes at {offset}").into();
            sink.child(Child { step, body: Body::Slice { offset, size }, reader: None });
        }
    }
    if reached > available {
        return Err(Unread::Truncated { offset: input.size() });
    }
    Ok(())
}
