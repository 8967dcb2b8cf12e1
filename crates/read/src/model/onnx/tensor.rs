//! Tensors: whether their bytes are as many as their shape says, and in which file they lie.

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Effect, EffectKind, Operator, Target, Value, What};
use weighbridge_core::sink::{Follow, Sink};

use super::{Walk, schema};
use crate::protobuf::{Part, span};

/// The most dimensions that are looked at: no runtime has more.
const MOST_DIMENSIONS: usize = 1024;
/// The most files that one model can name.
const MOST_FILES: usize = 10_000;

/// What stands before an address in memory, where ONNX Runtime expects the path of a file
/// (`onnxruntime/core/framework/tensorprotoutils.h`); it is only ever written by the runtime itself.
const MEMORY: &str = "_MEM_ADDR_";

/// Names and bits of the types, by their number.
#[rustfmt::skip] // a table
static TYPES: [(&str, u64); 29] = [
    ("undefined", 0), ("float32", 32), ("uint8", 8), ("int8", 8), ("uint16", 16), ("int16", 16), ("int32", 32),
    ("int64", 64), ("string", 0), ("bool", 8), ("float16", 16), ("float64", 64), ("uint32", 32), ("uint64", 64),
    ("complex64", 64), ("complex128", 128), ("bfloat16", 16), ("float8e4m3fn", 8), ("float8e4m3fnuz", 8),
    ("float8e5m2", 8), ("float8e5m2fnuz", 8), ("uint4", 4), ("int4", 4), ("float4e2m1", 4), ("float8e8m0", 8),
    ("uint2", 2), ("int2", 2), ("float6e2m3", 6), ("float6e3m2", 6),
];

/// A tensor as far as it was read.
#[derive(Default)]
struct Found {
    dims: Vec<u64>,
    kind: u64,
    raw: Option<u64>,
    /// Bytes of `float_data` and `double_data`, whose elements have a fixed size.
    fixed: u64,
    external: bool,
    entries: External,
}

/// What `external_data` says.
#[derive(Default)]
struct External {
    any: bool,
    location: String,
    offset: Option<String>,
    length: Option<String>,
}

impl Walk<'_, '_> {
    pub(super) fn sparse(&mut self, part: Part) -> Result<(), Unread> {
        let mut fields = part.fields(&schema::SPARSE);
        let mut dims = Vec::new();
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            match field.name {
                "dims" => dims.extend(self.wire.numbers(&field, MOST_DIMENSIONS)?),
                "values" | "indices" => self.within(field.name, (), |walk| walk.tensor(field.part))?,
                _ => {}
            }
        }
        if count(&dims).is_none() {
            self.corrupt("the shape of a sparse tensor", part.start);
        }
        Ok(())
    }

    pub(super) fn tensor(&mut self, part: Part) -> Result<(), Unread> {
        let mut found = Found::default();
        let mut fields = part.fields(&schema::TENSOR);
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            match field.name {
                "dims" if found.dims.len() < MOST_DIMENSIONS => {
                    found.dims.extend(self.wire.numbers(&field, MOST_DIMENSIONS)?);
                }
                "data_type" => found.kind = field.number,
                "raw_data" => found.raw = Some(field.part.size()),
                "float_data" => found.fixed = found.fixed.saturating_add(field.part.size().max(4)),
                "double_data" => found.fixed = found.fixed.saturating_add(field.part.size().max(8)),
                "name" => {
                    let name = self.wire.text(field.part)?;
                    self.wire.path.rename(&name);
                }
                "data_location" => found.external = field.number == 1,
                "external_data" => self.external_entry(field.part, field.at, &mut found.entries)?,
                _ => {}
            }
        }
        self.weigh(found, part)
    }

    fn external_entry(&mut self, part: Part, at: u64, external: &mut External) -> Result<(), Unread> {
        let mut fields = part.fields(&schema::ENTRY);
        let (mut key, mut value) = (String::new(), String::new());
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            match field.name {
                "key" => key = self.wire.text(field.part)?,
                _ => value = self.wire.text(field.part)?,
            }
        }
        external.any = true;
        match key.as_str() {
            "location" => external.location = value,
            "offset" => external.offset = Some(value),
            "length" => external.length = Some(value),
            "checksum" | "basepath" => {}
            // Versions of the Python package before 1.21 set any key as an attribute of an object of theirs.
            _ => {
                let operator = Operator { set: "onnx", domain: "external_data".to_owned(), name: key };
                let value = Value::Text(value.clone(), crate::bytes::offset(value.len()));
                let effect = Effect::new(EffectKind::Operate, Target::Operator(operator), "external_data");
                self.effect(effect.with(vec![value]), at);
            }
        }
        Ok(())
    }

    /// Compares what the shape says with the bytes that are there.
    fn weigh(&mut self, found: Found, part: Part) -> Result<(), Unread> {
        let known = usize::try_from(found.kind).ok().and_then(|kind| TYPES.get(kind)).copied();
        let Some((name, bits)) = known else {
            let reason = format!("tensors of type {}", found.kind);
            self.sink.unread(Unread::Unsupported(reason), span(part.start));
            return Ok(());
        };
        let sizes = count(&found.dims)
            .and_then(|elements| Some((elements, elements.checked_mul(bits.max(1))?.div_ceil(8))))
            .filter(|(_, bytes)| i64::try_from(*bytes).is_ok());
        let Some((elements, bytes)) = sizes else {
            self.corrupt("the size of a tensor", part.start);
            return Ok(());
        };
        let bytes = if bits == 0 { 0 } else { bytes };
        let tensors = &mut self.tensors;
        tensors.count = tensors.count.saturating_add(1);
        tensors.elements = tensors.elements.saturating_add(elements);
        tensors.bytes = tensors.bytes.saturating_add(bytes);
        if let Err(place) = tensors.types.binary_search_by(|known| known.as_str().cmp(name)) {
            tensors.types.insert(place, name.to_owned());
        }
        if found.external || found.entries.any {
            return self.external(&found, bytes, part.start);
        }
        // Types whose elements have their own size in these two lists; others are stored as numbers of variable length.
        let listed = matches!(found.kind, 1 | 11 | 14 | 15) && found.fixed > 0;
        match found.raw.or(listed.then_some(found.fixed)) {
            Some(raw) if raw < bytes && bits > 0 => {
                let text = format!("a tensor of {bytes} bytes has {raw}");
                let effect = Effect::new(EffectKind::Overrun, Target::Unknown(text), "raw_data");
                self.effect(effect, part.start);
            }
            Some(raw) if raw > bytes && bits > 0 => {
                let text = format!("a tensor of {bytes} bytes has {raw}");
                self.sink.malformed(text, span(part.start));
            }
            _ => {}
        }
        Ok(())
    }

    fn corrupt(&mut self, what: &str, at: u64) {
        let text = format!("{what} is negative or does not fit 64 bits");
        self.effect(Effect::new(EffectKind::Corrupt, Target::Unknown(text), "dims"), at);
    }

    /// The bytes lie in another file.
    fn external(&mut self, found: &Found, bytes: u64, at: u64) -> Result<(), Unread> {
        let External { location, offset, length, .. } = &found.entries;
        if !found.external {
            self.sink.malformed("a tensor names a file and does not say that it lies there", span(at));
        }
        if location.is_empty() {
            self.sink.malformed("a tensor lies in another file that is not named", span(at));
            return Ok(());
        }
        if location.contains(MEMORY) {
            let text = format!("a tensor at the address {} in memory", offset.as_deref().unwrap_or("0"));
            self.effect(Effect::new(EffectKind::Corrupt, Target::Unknown(text), "external_data"), at);
            return Ok(());
        }
        let number = |text: &Option<String>, default: u64| match text {
            None => Some(default),
            Some(digits) => digits.trim().parse::<u64>().ok(),
        };
        let (Some(from), Some(size)) = (number(offset, 0), number(length, bytes)) else {
            self.corrupt_place(location, at);
            return Ok(());
        };
        if from.checked_add(size).is_none_or(|end| i64::try_from(end).is_err()) {
            self.corrupt_place(location, at);
            return Ok(());
        }
        if length.is_some() && size < bytes {
            let text = format!("a tensor of {bytes} bytes has {size} in `{location}`");
            self.effect(Effect::new(EffectKind::Overrun, Target::Unknown(text), "external_data"), at);
        } else if size > bytes && bytes > 0 {
            self.sink.malformed(format!("a tensor of {bytes} bytes has {size} in `{location}`"), span(at));
        }
        let end = from.saturating_add(size);
        if let Some(beside) = self.files.get_mut(location) {
            beside.count = beside.count.saturating_add(1);
            beside.end = beside.end.max(end);
        } else if self.files.len() < MOST_FILES {
            let beside = Beside { count: 1, end, pointer: self.wire.path.to_string(), at };
            self.files.insert(location.clone(), beside);
        } else {
            self.sink.unread(Unread::Limit(LimitKind::Files, crate::bytes::offset(MOST_FILES)), span(at));
        }
        Ok(())
    }

    fn corrupt_place(&mut self, location: &str, at: u64) {
        let text = format!("offset and length in `{location}` are no numbers or do not fit 64 bits");
        self.effect(Effect::new(EffectKind::Corrupt, Target::Unknown(text), "external_data"), at);
    }
}

/// A file in which tensors lie.
pub(super) struct Beside {
    count: u64,
    /// Where the last of them ends.
    end: u64,
    /// The first tensor.
    pointer: String,
    at: u64,
}

impl Beside {
    /// Tells that the file is read, up to which byte, and lets it be read: unless the model lies inside another file or
    /// the path leads out.
    pub(super) fn tell(self, location: String, sink: &mut Sink) {
        let outside = location.starts_with('/')
            || location.contains(['\\', '\0', ':'])
            || location.split('/').any(|step| step == "..");
        if !outside && sink.place().inner.is_empty() {
            sink.follow(Follow { path: location.clone(), reader: "tensor-data", span: span(self.at) });
        }
        let effect = Effect::new(EffectKind::Read, Target::Path(location), "external_data");
        let effect = effect.at(self.pointer).with(vec![Value::Int(self.end.to_string())]);
        sink.observed(What::Effect(Effect { count: self.count, ..effect }), span(self.at));
    }
}

/// The product of the dimensions; none where one is negative or the product does not fit.
fn count(dims: &[u64]) -> Option<u64> {
    // A tensor without elements may have any other dimensions.
    if dims.contains(&0) && dims.iter().all(|dim| i64::try_from(*dim).is_ok()) {
        return Some(0);
    }
    dims.iter()
        .try_fold(1u64, |product, dim| product.checked_mul(u64::try_from(i64::try_from(*dim).ok()?).ok()?))
}
