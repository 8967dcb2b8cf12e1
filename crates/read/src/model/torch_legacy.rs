//! PyTorch's checkpoints before the zip layout (`torch.save` up to 1.5, or `_use_new_zipfile_serialization=False`):
//! five pickles in a row, then the raw storages.
//!
//! Facts of `torch/serialization.py` (`_legacy_load`): the magic number, the protocol version 1001, a dictionary about
//! the system, the object, the list of storage keys; then for every key, in this order, the number of elements in
//! eight bytes, and the elements. How large an element is, the persistent ids of the object say.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Tensors, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::pickle::streams::{End, Streams};

/// Reads legacy checkpoints of PyTorch.
pub struct TorchLegacy;

/// LONG1 of ten bytes: the number 0x1950a86a20f9469cfc6c.
const MAGIC: [u8; 12] = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

impl Reader for TorchLegacy {
    fn about(&self) -> &'static About {
        &About {
            id: "pytorch-legacy",
            title: "PyTorch checkpoint, old layout",
            family: Family::Model,
            names: &["*.pt", "*.pth", "*.bin", "*.ckpt"],
            reads: "all five pickles as the pickle reader does; the raw storages are counted and skipped",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if is_legacy(hint.head) { Claim::ByMagic } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("pytorch-legacy"), None);
        let mut streams = Streams::new(input);
        let mut tensors = Tensors::default();
        let outcome = checkpoint(input, &mut streams, &mut tensors);
        if tensors.count > 0 {
            sink.observed(What::Tensors(tensors), None);
        }
        streams.finish(sink);
        outcome
    }
}

/// Whether an entry that begins like this is a legacy checkpoint. A plain unpickler reads no more of it than the number.
pub(super) fn is_legacy(head: &[u8]) -> bool {
    match head {
        [0x80, 2..=5, rest @ ..] => skip_frame(rest).starts_with(&MAGIC),
        _ => false,
    }
}

/// Protocol 4 and above frame even the magic number.
fn skip_frame(bytes: &[u8]) -> &[u8] {
    match bytes {
        [0x95, _, _, _, _, _, _, _, _, rest @ ..] => rest,
        _ => bytes,
    }
}

/// Element types by the name of the storage class: what the type is called, and bytes of an element.
static ELEMENTS: &[(&str, &str, u64)] = &[
    ("BFloat16Storage", "bfloat16", 2),
    ("BoolStorage", "bool", 1),
    ("ByteStorage", "uint8", 1),
    ("CharStorage", "int8", 1),
    ("ComplexDoubleStorage", "complex128", 16),
    ("ComplexFloatStorage", "complex64", 8),
    ("DoubleStorage", "float64", 8),
    ("FloatStorage", "float32", 4),
    ("HalfStorage", "float16", 2),
    ("IntStorage", "int32", 4),
    ("LongStorage", "int64", 8),
    ("QInt32Storage", "qint32", 4),
    ("QInt8Storage", "qint8", 1),
    ("QUInt2x4Storage", "quint2x4", 1),
    ("QUInt4x2Storage", "quint4x2", 1),
    ("QUInt8Storage", "quint8", 1),
    ("ShortStorage", "int16", 2),
    ("UntypedStorage", "uint8", 1),
];

/// Bytes of a storage of this class with so many elements; none for an unknown class.
pub(super) fn storage_bytes(class: &str, elements: u64) -> Option<u64> {
    elements.checked_mul(element_bytes(class)?)
}

/// Bytes of an element of a storage of this class, or of this type.
pub(super) fn element_bytes(class: &str) -> Option<u64> {
    let stored = ELEMENTS.iter().find(|(known, _, _)| *known == class).map(|(_, _, size)| *size);
    stored.or_else(|| TYPES.iter().find(|(known, _)| *known == class).map(|(_, size)| *size))
}

/// Bytes of an element of the types that have no class of storage (`torch/storage.py`).
static TYPES: &[(&str, u64)] = &[
    ("float8_e4m3fn", 1),
    ("float8_e4m3fnuz", 1),
    ("float8_e5m2", 1),
    ("float8_e5m2fnuz", 1),
    ("float8_e8m0fnu", 1),
    ("uint16", 2),
    ("uint32", 4),
    ("uint64", 8),
];

fn checkpoint(input: &Input, streams: &mut Streams<'_>, tensors: &mut Tensors) -> Result<(), Unread> {
    let mut at = 0;
    for stream in 0..5 {
        if stream == 3 {
            // The fourth is the object: its persistent ids name the storages.
            streams.note_storages();
        }
        match streams.one(at)? {
            End::Stop(end) => at = end,
            End::Failed(offset, fail) => {
                streams.failed(offset, fail);
                return Ok(());
            }
        }
    }
    // The list of keys is sorted, and a loader knows no key that the object does not name.
    for (key, (class, expected)) in streams.storages() {
        let Some((_, name, size)) = ELEMENTS.iter().find(|(known, _, _)| *known == class) else {
            return Err(Unread::Malformed(format!("storage `{key}` is of class `{class}`, at offset {at}")));
        };
        let count = u64::from_le_bytes(input.cursor(at, 8).array()?);
        if count != expected {
            let reason = format!(
                "storage `{key}` has {count} elements where the object says {expected}, at offset {at}"
            );
            return Err(Unread::Malformed(reason));
        }
        let bytes = count.checked_mul(*size);
        let end = bytes.and_then(|bytes| at.checked_add(8)?.checked_add(bytes));
        let Some(end) = end.filter(|end| *end <= input.size()) else {
            return Err(Unread::Truncated { offset: input.size() });
        };
        tensors.count = tensors.count.saturating_add(1);
        tensors.elements = tensors.elements.saturating_add(count);
        tensors.bytes = tensors.bytes.saturating_add(bytes.unwrap_or(0));
        if let Err(place) = tensors.types.binary_search_by(|known| known.as_str().cmp(name)) {
            tensors.types.insert(place, (*name).to_owned());
        }
        at = end;
    }
    streams.rest(at)
}
