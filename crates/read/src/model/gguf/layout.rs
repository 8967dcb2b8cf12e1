//! Descriptions of tensors, and whether their bytes lie where they say.

use std::collections::BTreeSet;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{EffectKind, Tensors, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::sink::{Body, Child, Sink};

use super::types::{Known, tensor_type};
use super::{File, Tensor};
use crate::bytes::length;
use crate::fault::Faults;

/// Dimensions that a tensor may have (`GGML_MAX_DIMS`).
const MOST_DIMENSIONS: u32 = 4;
/// Bytes that a name may have, with the end of the string (`GGML_MAX_NAME`).
const LONGEST_NAME: usize = 64;
/// A type that is not known here and below this number may be one of a later version.
const FUTURE_TYPES: u32 = 256;
/// Alignments that are in use leave no more room than this before the tensors, in bytes.
const PADDING: u64 = 4096;
/// How many parts that belong to no tensor are handed out.
const MOST_CHILDREN: usize = 16;

/// Reads the description of every tensor.
pub(super) fn read(file: &mut File<'_>, sink: &mut Sink) -> Result<(), Unread> {
    let mut names = BTreeSet::new();
    for count in 0..file.tensor_count {
        if length(count) >= file.most {
            return Err(Unread::Limit(LimitKind::Entries, crate::bytes::offset(file.most)));
        }
        let at = file.cursor.offset();
        let name = file.text("the name of a tensor", sink)?;
        if name.len() >= LONGEST_NAME {
            file.faults.tell(sink, "have a name of 64 bytes or more", at, || {
                format!("the name of the tensor at {at} has {} bytes", name.len())
            });
        }
        if !names.insert(name.clone()) {
            file.faults
                .tell(sink, "have the name of another one", at, || format!("tensor `{name}` stands twice"));
        }
        if let Some(tensor) = describe(file, name, at, sink)? {
            file.tensors.push(tensor);
        }
    }
    Ok(())
}

/// The rest of a description; none for a tensor whose size cannot be told.
fn describe(file: &mut File<'_>, name: String, at: u64, sink: &mut Sink) -> Result<Option<Tensor>, Unread> {
    let dimensions = file.u32()?;
    if dimensions > MOST_DIMENSIONS {
        let text = format!("tensor `{name}` has {dimensions} dimensions, and loaders have room for 4");
        file.tell(EffectKind::Corrupt, &text, at, sink);
        return Err(Unread::Malformed(text));
    }
    let mut elements = Some(1u64);
    let mut empty = false;
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        let size = file.size()?;
        shape.push(size);
        empty |= size == 0;
        elements = elements.and_then(|elements| elements.checked_mul(size));
    }
    let number = file.u32()?;
    let offset = file.u64()?;
    let elements = if empty { Some(0) } else { elements.filter(|it| i64::try_from(*it).is_ok()) };
    let Some(elements) = elements else {
        let text = format!("tensor `{name}` has a shape whose number of elements wraps");
        file.tell(EffectKind::Corrupt, &text, at, sink);
        return Ok(None);
    };
    let kind = match tensor_type(number) {
        Known::Type(kind) => kind,
        Known::Removed(kind) => {
            file.faults.tell(sink, "have a type that was removed", at, || {
                format!("tensor `{name}` has the type {kind}, which was removed from the format")
            });
            return Ok(None);
        }
        Known::Unknown if number < FUTURE_TYPES => {
            if file.faults.count("have an unknown type") {
                let text = format!("tensors of type {number}");
                sink.unread(Unread::Unsupported(text), Some(Span::Offset(at)));
            }
            return Ok(None);
        }
        Known::Unknown => {
            let text = format!("tensor `{name}` has the type {number}, by which loaders look up its blocks");
            file.tell(EffectKind::Corrupt, &text, at, sink);
            return Ok(None);
        }
    };
    let row = shape.first().copied().unwrap_or(1);
    if row.checked_rem(kind.block) != Some(0) {
        file.faults.tell(sink, "have rows that are no whole blocks", at, || {
            format!(
                "tensor `{name}` has rows of {row} elements, and blocks of {} have {}",
                kind.name, kind.block
            )
        });
    }
    let bytes = elements.div_ceil(kind.block).checked_mul(kind.bytes);
    let end =
        bytes.and_then(|bytes| bytes.checked_add(offset)).and_then(|end| end.checked_add(file.alignment));
    let (Some(bytes), Some(_)) = (bytes, end) else {
        let text =
            format!("tensor `{name}` has {elements} elements of {} at {offset}, which wraps", kind.name);
        file.tell(EffectKind::Corrupt, &text, at, sink);
        return Ok(None);
    };
    Ok(Some(Tensor { name, at, kind, shape, elements, offset, bytes }))
}

/// Checks that the tensors lie in the file, in order and one after the other. With `whole`, everything before their
/// bytes was read, so that what lies behind them can be told.
pub(super) fn check(file: &File<'_>, input: &Input, whole: bool, sink: &mut Sink) -> Result<(), Unread> {
    summarise(&file.tensors, sink);
    if !whole {
        return Ok(());
    }
    let described = file.cursor.offset();
    let start = described.checked_next_multiple_of(file.alignment).unwrap_or(u64::MAX);
    let available = input.size().saturating_sub(start);
    let mut faults = Faults::new("tensors");
    let mut order: Vec<&Tensor> = file.tensors.iter().collect();
    order.sort_by_key(|tensor| (tensor.offset, tensor.bytes));
    let mut total = Some(0u64);
    let mut reached = 0u64;
    let mut loose = Vec::new();
    let mut cut = None;
    for tensor in order {
        input.go_on()?;
        let Tensor { name, at, offset, bytes, .. } = tensor;
        let end = offset.saturating_add(*bytes);
        if offset.checked_rem(file.alignment) != Some(0) {
            faults.tell(sink, "begin at no multiple of the alignment", *at, || {
                format!("tensor `{name}` begins at {offset}, and the alignment is {}", file.alignment)
            });
        }
        if *offset < reached {
            faults.tell(sink, "overlap with the one before", *at, || {
                format!("tensor `{name}` begins at {offset}, inside the one before, which ends at {reached}")
            });
        } else if *offset > reached.checked_next_multiple_of(file.alignment).unwrap_or(u64::MAX) {
            faults.tell(sink, "have a hole before them", *at, || {
                format!("{} bytes before tensor `{name}` belong to none", offset.saturating_sub(reached))
            });
            loose.push((reached, *offset));
        }
        if end > available && cut.is_none() {
            let text = format!("tensor `{name}` ends at {end} of {available} bytes of data");
            cut = Some((text, *at));
        }
        total = total.and_then(|total| total.checked_add(bytes.checked_next_multiple_of(file.alignment)?));
        reached = reached.max(end);
    }
    faults.finish(sink);
    let padding = start.min(input.size()).saturating_sub(described);
    if padding > PADDING {
        let text = format!("{padding} bytes between the descriptions and the tensors belong to none");
        sink.malformed(text, Some(Span::Offset(described)));
        let step = format!("#bytes at {described}").into();
        let body = Body::Slice { offset: described, size: padding };
        sink.child(Child { step, body, reader: None });
    }
    if total.is_none() {
        file.tell(EffectKind::Corrupt, "the sizes of all tensors together wrap", described, sink);
    }
    if let Some((text, at)) = cut {
        file.tell(EffectKind::Overrun, &text, at, sink);
    }
    // The last tensor may be padded like the others. A file without tensors ends with its metadata, padded or not.
    let padded = reached.checked_next_multiple_of(file.alignment).unwrap_or(u64::MAX);
    if padded < available && file.tensors.len() == length(file.tensor_count) {
        let text =
            format!("{} bytes after the last tensor belong to none", available.saturating_sub(reached));
        sink.malformed(text, Some(Span::Offset(start.saturating_add(reached).min(input.size()))));
        loose.push((padded, available));
    }
    for (from, to) in loose.into_iter().take(MOST_CHILDREN) {
        let offset = start.saturating_add(from);
        let size = to.min(available).saturating_sub(from);
        if size > 0 {
            let step = format!("#bytes at {offset}").into();
            sink.child(Child { step, body: Body::Slice { offset, size }, reader: None });
        }
    }
    Ok(())
}

fn summarise(all: &[Tensor], sink: &mut Sink) {
    let mut tensors = Tensors::default();
    for tensor in all {
        tensors.count = tensors.count.saturating_add(1);
        tensors.elements = tensors.elements.saturating_add(tensor.elements);
        tensors.bytes = tensors.bytes.saturating_add(tensor.bytes);
        if let Err(place) = tensors.types.binary_search_by(|known| known.as_str().cmp(tensor.kind.name)) {
            tensors.types.insert(place, tensor.kind.name.to_owned());
        }
    }
    if tensors.count > 0 {
        sink.observed(What::Tensors(tensors), None);
    }
}
