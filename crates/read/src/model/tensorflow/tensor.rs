//! Tensors inside graphs: their size, and the texts of those that hold texts.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Target};
use weighbridge_core::sink::Sink;

use super::{Walk, schema};
use crate::protobuf::{Part, Wire, span};

/// Names and bytes of the types, by their number (`tensorflow/core/framework/types.proto`); references to variables are
/// 100 more.
#[rustfmt::skip] // a table
static TYPES: [(&str, u64); 36] = [
    ("invalid", 0), ("float32", 4), ("float64", 8), ("int32", 4), ("uint8", 1), ("int16", 2), ("int8", 1),
    ("string", 0), ("complex64", 8), ("int64", 8), ("bool", 1), ("qint8", 1), ("quint8", 1), ("qint32", 4),
    ("bfloat16", 2), ("qint16", 2), ("quint16", 2), ("uint16", 2), ("complex128", 16), ("float16", 2),
    ("resource", 0), ("variant", 0), ("uint32", 4), ("uint64", 8), ("float8_e5m2", 1), ("float8_e4m3fn", 1),
    ("float8_e4m3fnuz", 1), ("float8_e4m3b11fnuz", 1), ("float8_e5m2fnuz", 1), ("int4", 1), ("uint4", 1),
    ("int2", 1), ("uint2", 1), ("float4_e2m1fn", 1), ("float8_e8m0fnu", 1), ("float8_e4m3", 1),
];

/// The most dimensions that are looked at: TensorFlow has at most 254.
const MOST_DIMENSIONS: usize = 255;
/// The most texts of one tensor that are looked at: names of files are few.
const MOST_TEXTS: usize = 64;

/// Name and bytes of an element of this type.
pub(super) fn kind(number: u64) -> Option<(&'static str, u64)> {
    TYPES.get(usize::try_from(number % 100).ok()?).copied()
}

/// The dimensions of a shape.
pub(super) fn shape(wire: &mut Wire<'_>, part: Part, sink: &mut Sink) -> Result<Vec<u64>, Unread> {
    let mut dims = Vec::new();
    let mut fields = part.fields(&schema::SHAPE);
    while let Some(field) = wire.next(&mut fields, sink)? {
        if field.name == "dim" && dims.len() < MOST_DIMENSIONS {
            let mut size = 0;
            let mut fields = field.part.fields(&schema::DIM);
            while let Some(field) = wire.next(&mut fields, sink)? {
                if field.name == "size" {
                    size = field.number;
                }
            }
            dims.push(size);
        }
    }
    Ok(dims)
}

/// Elements and bytes of a tensor; none where they do not fit 63 bits, or a dimension is negative.
pub(super) fn measure(dims: &[u64], width: u64) -> Option<(u64, u64)> {
    let fits = |number: u64| i64::try_from(number).is_ok().then_some(number);
    let known = dims.iter().map(|dim| fits(*dim)).collect::<Option<Vec<u64>>>()?;
    if known.contains(&0) {
        return Some((0, 0));
    }
    let elements = known.into_iter().try_fold(1u64, |product, dim| product.checked_mul(dim))?;
    let bytes = elements.checked_mul(width.max(1))?;
    fits(bytes).map(|bytes| (elements, if width == 0 { 0 } else { bytes }))
}

impl Walk<'_, '_> {
    /// Looks at a tensor and gives its first texts.
    pub(super) fn tensor(&mut self, part: Part) -> Result<Vec<String>, Unread> {
        let mut texts = Vec::new();
        let (mut dims, mut number, mut content) = (Vec::new(), 0, None);
        let mut fields = part.fields(&schema::TENSOR);
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            match field.name {
                "dtype" => number = field.number,
                "tensor_shape" => dims = shape(&mut self.wire, field.part, self.sink)?,
                "tensor_content" => content = Some(field.part.size()),
                "string_val" if texts.len() < MOST_TEXTS => texts.push(self.wire.text(field.part)?),
                _ => {}
            }
        }
        let (name, width) = kind(number).unwrap_or(("other", 0));
        let Some((elements, bytes)) = measure(&dims, width) else {
            // A shape that is only partly known has -1.
            if !dims.contains(&u64::MAX) || content.is_some() {
                let what =
                    Target::Unknown("the size of a tensor is negative or does not fit 64 bits".to_owned());
                self.effect(Effect::new(EffectKind::Corrupt, what, "tensor_shape"), part.start);
            }
            return Ok(texts);
        };
        if let Some(content) = content.filter(|content| *content != bytes && width > 0 && *content > 0) {
            let text = format!("a tensor of {bytes} bytes has {content}");
            self.sink.malformed(text, span(part.start));
        }
        let tensors = &mut self.tensors;
        tensors.count = tensors.count.saturating_add(1);
        tensors.elements = tensors.elements.saturating_add(elements);
        tensors.bytes = tensors.bytes.saturating_add(bytes);
        if let Err(place) = tensors.types.binary_search_by(|known| known.as_str().cmp(name)) {
            tensors.types.insert(place, name.to_owned());
        }
        Ok(texts)
    }
}
