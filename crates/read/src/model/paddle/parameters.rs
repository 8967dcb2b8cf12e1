//! Parameters of PaddlePaddle: bare tensors, one after the other.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Target, Tensors, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use super::schema;
use crate::bytes::{array_at, u32_at};
use crate::protobuf::{Wire, span};

/// Reads files of parameters.
pub struct PaddleParameters;

/// Names and bytes of the types of elements (`VarType.Type`).
#[rustfmt::skip] // a table
static TYPES: [(u64, &str, u64); 15] = [
    (0, "bool", 1), (1, "int16", 2), (2, "int32", 4), (3, "int64", 8), (4, "float16", 2), (5, "float32", 4),
    (6, "float64", 8), (19, "size_t", 8), (20, "uint8", 1), (21, "int8", 1), (22, "bfloat16", 2), (23, "complex64", 8),
    (24, "complex128", 16), (32, "float8_e4m3fn", 1), (33, "float8_e5m2", 1),
];

/// The most levels of detail of one tensor; PaddlePaddle uses one or two.
const MOST_LEVELS: u64 = 64;
/// Longest description of a tensor.
const MOST_DESCRIPTION: u64 = 64 << 10;
/// The most dimensions that are looked at: PaddlePaddle has at most 9.
const MOST_DIMENSIONS: usize = 64;

impl Reader for PaddleParameters {
    fn about(&self) -> &'static About {
        &About {
            id: "paddle-parameters",
            title: "PaddlePaddle parameters",
            family: Family::Model,
            names: &["*.pdiparams", "*.pdparams", "*.pdopt"],
            reads: "Every tensor with its type and size, and whether it fits the file; what Python saved is read as the \
                    pickle that it is.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let named = ["pdiparams", "pdparams", "pdopt"].iter().any(|extension| hint.has_extension(extension));
        if hint.size > 0 && named { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut version = [0; 4];
        let filled = input.read_some(0, &mut version)?;
        // Tensors begin with version 0; no pickle begins with a zero byte.
        if filled == 4 && version != [0; 4] {
            let body = Body::Slice { offset: 0, size: input.size() };
            sink.child(Child { step: "#pickle".into(), body, reader: Some("pickle") });
            return Ok(());
        }
        sink.observed(What::Format("paddle-parameters"), None);
        let mut tensors = Tensors::default();
        let ended = all(input, &mut tensors, sink);
        if tensors.count > 0 {
            sink.observed(What::Tensors(tensors), None);
        }
        ended
    }
}

fn all(input: &Input, tensors: &mut Tensors, sink: &mut Sink) -> Result<(), Unread> {
    let mut at = 0u64;
    while at < input.size() && !sink.is_full() {
        at = tensor(input, at, tensors, sink)?;
    }
    Ok(())
}

/// The tensor at `at`, and where it ends.
fn tensor(input: &Input, at: u64, tensors: &mut Tensors, sink: &mut Sink) -> Result<u64, Unread> {
    let malformed = |reason: &str| Unread::Malformed(format!("{reason} in the tensor at byte {at}"));
    let start = input.read_vec(at, 12, 12)?;
    if u32_at(&start, 0) != Some(0) {
        return Err(malformed("another version than 0"));
    }
    let levels = array_at(&start, 4).map(u64::from_le_bytes).filter(|levels| *levels <= MOST_LEVELS);
    let levels = levels.ok_or_else(|| malformed("too many levels of detail"))?;
    let mut next = at.saturating_add(12);
    for _ in 0..levels {
        let mut size = [0; 8];
        input.read_exact(next, &mut size)?;
        next = next
            .checked_add(8)
            .and_then(|next| next.checked_add(u64::from_le_bytes(size)))
            .unwrap_or(u64::MAX);
    }
    let head = input.read_vec(next, 8, 8)?;
    if u32_at(&head, 0) != Some(0) {
        return Err(malformed("another version than 0"));
    }
    let size = u64::from(u32_at(&head, 4).unwrap_or(u32::MAX));
    if size > MOST_DESCRIPTION {
        return Err(malformed("too long a description"));
    }
    let description = next.saturating_add(8);
    let part = input.slice(description, size);
    if part.size() < size {
        return Err(Unread::Truncated { offset: input.size() });
    }
    let (mut kind, mut dims) = (0, Vec::new());
    let mut wire = Wire::new(&part, "");
    let mut fields = wire.whole().fields(&schema::TENSOR);
    while let Some(field) = wire.next(&mut fields, sink)? {
        match field.name {
            "data_type" => kind = field.number,
            _ if dims.len() < MOST_DIMENSIONS => dims.extend(wire.numbers(&field, MOST_DIMENSIONS)?),
            _ => {}
        }
    }
    let known = TYPES.iter().find(|(number, ..)| *number == kind);
    let Some((_, name, width)) = known.copied() else {
        return Err(Unread::Unsupported(format!("a tensor of type {kind}")));
    };
    let fits = |number: u64| i64::try_from(number).is_ok().then_some(number);
    let elements =
        dims.iter().try_fold(1u64, |product, dim| fits(*dim).and_then(|dim| product.checked_mul(dim)));
    let measured = elements.and_then(|elements| Some((elements, fits(elements.checked_mul(width)?)?)));
    let Some((elements, bytes)) = measured else {
        let what = Target::Unknown("the size of a tensor is negative or does not fit 64 bits".to_owned());
        sink.observed(What::Effect(Effect::new(EffectKind::Corrupt, what, "TensorDesc")), span(at));
        return Err(malformed("a size that does not fit 64 bits"));
    };
    tensors.count = tensors.count.saturating_add(1);
    tensors.elements = tensors.elements.saturating_add(elements);
    tensors.bytes = tensors.bytes.saturating_add(bytes);
    if let Err(place) = tensors.types.binary_search_by(|known| known.as_str().cmp(name)) {
        tensors.types.insert(place, name.to_owned());
    }
    let data = description.saturating_add(size);
    let end = data.saturating_add(bytes);
    if end > input.size() {
        let left = input.size().saturating_sub(data);
        let what = Target::Unknown(format!("a tensor of {bytes} bytes has {left}"));
        let place = Some(Span::Offset(at.min(input.size())));
        sink.observed(What::Effect(Effect::new(EffectKind::Overrun, what, "TensorDesc")), place);
        return Err(Unread::Truncated { offset: input.size() });
    }
    Ok(end)
}
