//! The index of a TensorFlow checkpoint (`NAME.index`): a sorted table that says where each tensor lies in the shards
//! beside it.
//!
//! Source: `tensorflow/core/util/tensor_bundle/tensor_bundle.h`, and "LevelDB table format" for the file itself.

use std::collections::BTreeMap;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Target, Tensors, Value, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Follow, Sink};

use super::{schema, tensor};
use crate::bytes::{array_at, length, offset, u32_at};
use crate::fault::Faults;
use crate::protobuf::{Wire, fit, span};

/// Reads the index of a checkpoint.
pub struct TensorflowIndex;

/// Bytes of the footer.
const FOOTER: u64 = 48;
/// The last eight of them, as a number.
const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
/// Longest block that is read; TensorFlow writes blocks of 256 KiB.
const MOST_BLOCK: u64 = 64 << 20;
/// The most shards that are looked for.
const MOST_SHARDS: u64 = 10_000;

impl Reader for TensorflowIndex {
    fn about(&self) -> &'static About {
        &About {
            id: "tensorflow-index",
            title: "TensorFlow checkpoints",
            family: Family::Model,
            names: &["*.index"],
            reads: "Every tensor with its type, shape and place, and whether it fits the shard that it is said to be in.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        // The first entry has an empty key and the header of the checkpoint for a value.
        let size = match hint.head {
            [0, 0, size, ..] if *size < 0x80 => usize::from(*size),
            _ => return Claim::No,
        };
        let value = hint.head.get(3..size.saturating_add(3)).unwrap_or_default();
        let fit = fit(&schema::BUNDLE_HEADER, value, offset(size));
        if size > 0 && fit.is_some_and(|fit| fit.has("num_shards") || fit.has("version")) {
            Claim::ByMagic
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("tensorflow-index"), None);
        let mut faults = Faults::new("entries");
        let mut bundle = Bundle::default();
        let ended = table(input, &mut bundle, &mut faults, sink);
        faults.finish(sink);
        if bundle.tensors.count > 0 {
            sink.observed(What::Tensors(std::mem::take(&mut bundle.tensors)), None);
        }
        bundle.tell(sink);
        ended
    }
}

/// What the entries say.
#[derive(Default)]
struct Bundle {
    shards: u64,
    tensors: Tensors,
    /// Where the last tensor of each shard ends.
    ends: BTreeMap<u64, u64>,
}

/// Walks all blocks of the table.
fn table(input: &Input, bundle: &mut Bundle, faults: &mut Faults, sink: &mut Sink) -> Result<(), Unread> {
    let start = input.size().checked_sub(FOOTER).ok_or(Unread::Truncated { offset: input.size() })?;
    let footer = input.read_vec(start, FOOTER, FOOTER)?;
    if array_at(&footer, 40).map(u64::from_le_bytes) != Some(MAGIC) {
        return Err(Unread::Malformed("the footer of the table is none".to_owned()));
    }
    let mut at = 0;
    let broken = || Unread::Malformed("the footer of the table names no index".to_owned());
    // The first handle is that of the list of filters, of which there are none.
    let _filters = handle(&footer, &mut at).ok_or_else(broken)?;
    let index = handle(&footer, &mut at).ok_or_else(broken)?;
    let mut reached = 0u64;
    for (_, value) in entries(&block(input, index)?, index.0)? {
        input.go_on()?;
        let mut at = 0;
        let data = handle(&value.bytes, &mut at).ok_or_else(broken)?;
        // Blocks stand one after the other, so no crafted index can make the work larger than the file.
        if data.0 < reached {
            return Err(Unread::Malformed("blocks of the table overlap".to_owned()));
        }
        reached = data.0.saturating_add(data.1);
        for (key, value) in entries(&block(input, data)?, data.0)? {
            if sink.is_full() {
                return Ok(());
            }
            bundle.entry(&key, &value, input, faults, sink)?;
        }
    }
    Ok(())
}

/// The value of an entry, and where it stands in the file.
struct Stored {
    bytes: Vec<u8>,
    at: u64,
}

/// Offset and size of a block.
fn handle(bytes: &[u8], at: &mut usize) -> Option<(u64, u64)> {
    Some((varint(bytes, at)?, varint(bytes, at)?))
}

/// The bytes of a block, which must not be packed.
fn block(input: &Input, (at, size): (u64, u64)) -> Result<Vec<u8>, Unread> {
    let bytes = input.read_vec(at, size, MOST_BLOCK)?;
    let mut packed = [0];
    input.read_exact(at.saturating_add(size), &mut packed)?;
    if packed != [0] {
        return Err(Unread::Unsupported("a packed block of a checkpoint's index".to_owned()));
    }
    Ok(bytes)
}

/// The entries of a block: a key is stored as what it does not share with the one before.
fn entries(block: &[u8], start: u64) -> Result<Vec<(Vec<u8>, Stored)>, Unread> {
    let broken = || Unread::Malformed(format!("the block of the table at byte {start} is broken"));
    let restarts = block.len().checked_sub(4).and_then(|at| u32_at(block, at)).ok_or_else(broken)?;
    let trailer = u64::from(restarts).saturating_mul(4).saturating_add(4);
    let end = offset(block.len()).checked_sub(trailer).map(length).ok_or_else(broken)?;
    let block = block.get(..end).unwrap_or_default();
    let (mut at, mut entries, mut key) = (0usize, Vec::new(), Vec::new());
    while at < block.len() {
        let mut number = || varint(block, &mut at).map(length).ok_or_else(broken);
        let (shared, own, size) = (number()?, number()?, number()?);
        let value_at = at.checked_add(own).ok_or_else(broken)?;
        let end = value_at.checked_add(size).ok_or_else(broken)?;
        if shared > key.len() {
            return Err(broken());
        }
        key.truncate(shared);
        key.extend_from_slice(block.get(at..value_at).ok_or_else(broken)?);
        let bytes = block.get(value_at..end).ok_or_else(broken)?.to_vec();
        entries.push((key.clone(), Stored { bytes, at: start.saturating_add(offset(value_at)) }));
        at = end;
    }
    Ok(entries)
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..70).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at = at.saturating_add(1);
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

impl Bundle {
    fn entry(
        &mut self,
        key: &[u8],
        value: &Stored,
        input: &Input,
        faults: &mut Faults,
        sink: &mut Sink,
    ) -> Result<(), Unread> {
        let part = input.slice(value.at, offset(value.bytes.len()));
        let mut wire = Wire::new(&part, "");
        if key.is_empty() {
            let mut fields = wire.whole().fields(&schema::BUNDLE_HEADER);
            self.shards = 1;
            while let Some(field) = wire.next(&mut fields, sink)? {
                if field.name == "num_shards" {
                    self.shards = field.number;
                }
            }
            return Ok(());
        }
        let mut fields = wire.whole().fields(&schema::BUNDLE_ENTRY);
        let (mut kind, mut dims, mut sliced) = (0, Vec::new(), false);
        let (mut shard, mut from, mut size) = (0, 0, 0);
        while let Some(field) = wire.next(&mut fields, sink)? {
            match field.name {
                "dtype" => kind = field.number,
                "shape" => dims = tensor::shape(&mut wire, field.part, sink)?,
                "shard_id" => shard = field.number,
                "offset" => from = field.number,
                "size" => size = field.number,
                "slices" => sliced = true,
                _ => {}
            }
        }
        let name = String::from_utf8_lossy(key).into_owned();
        let corrupt = |sink: &mut Sink, what: &str| {
            let text = format!("{what} of `{name}` is negative or does not fit 64 bits");
            let effect = Effect::new(EffectKind::Corrupt, Target::Unknown(text), "BundleEntryProto");
            sink.observed(What::Effect(effect), span(value.at));
        };
        let (kind, width) = tensor::kind(kind).unwrap_or(("other", 0));
        let Some((elements, bytes)) = tensor::measure(&dims, width) else {
            corrupt(sink, "the shape");
            return Ok(());
        };
        let Some(end) = from.checked_add(size).filter(|end| i64::try_from(*end).is_ok()) else {
            corrupt(sink, "the place");
            return Ok(());
        };
        // A tensor in slices has its bytes under other keys.
        if !sliced {
            if size < bytes {
                let text = format!("tensor `{name}` of {bytes} bytes has {size}");
                let effect = Effect::new(EffectKind::Overrun, Target::Unknown(text), "BundleEntryProto");
                sink.observed(What::Effect(effect), span(value.at));
            } else if size > bytes && width > 0 {
                faults.tell(sink, "have more bytes than their shape", value.at, || {
                    format!("tensor `{name}` of {bytes} bytes has {size}")
                });
            }
            let reached = self.ends.entry(shard).or_default();
            *reached = end.max(*reached);
        }
        let tensors = &mut self.tensors;
        tensors.count = tensors.count.saturating_add(1);
        tensors.elements = tensors.elements.saturating_add(elements);
        tensors.bytes = tensors.bytes.saturating_add(size);
        if let Err(place) = tensors.types.binary_search_by(|known| known.as_str().cmp(kind)) {
            tensors.types.insert(place, kind.to_owned());
        }
        Ok(())
    }

    /// Tells up to which byte each shard is read, and lets the shards be read.
    fn tell(&self, sink: &mut Sink) {
        let name = sink.place().name().to_owned();
        let Some(stem) = name.strip_suffix(".index") else { return };
        let beside = sink.place().inner.is_empty();
        for (shard, end) in self.ends.iter().take(length(MOST_SHARDS)) {
            if *shard >= self.shards {
                sink.malformed(format!("tensors lie in shard {shard} of {}", self.shards), None);
                continue;
            }
            let path = format!("{stem}.data-{shard:05}-of-{:05}", self.shards);
            let effect = Effect::new(EffectKind::Read, Target::Path(path.clone()), "BundleEntryProto");
            sink.observed(What::Effect(effect.with(vec![Value::Int(end.to_string())])), None);
            if beside {
                sink.follow(Follow { path, reader: "tensor-data", span: None });
            }
        }
    }
}
