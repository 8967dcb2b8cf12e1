//! Types of elements: what PyTorch calls a storage or a type, and what safetensors does.

/// Classes of storages and names of types, sorted; the name in safetensors, and bytes of an element
/// (`torch/storage.py`, `_dtype_to_storage_type_map`; `safetensors/torch.py`, `_TYPES`).
static TYPES: &[(&str, &str, u64)] = &[
    ("BFloat16Storage", "BF16", 2),
    ("BoolStorage", "BOOL", 1),
    ("ByteStorage", "U8", 1),
    ("CharStorage", "I8", 1),
    ("ComplexFloatStorage", "C64", 8),
    ("DoubleStorage", "F64", 8),
    ("FloatStorage", "F32", 4),
    ("HalfStorage", "F16", 2),
    ("IntStorage", "I32", 4),
    ("LongStorage", "I64", 8),
    ("ShortStorage", "I16", 2),
    ("float8_e4m3fn", "F8_E4M3", 1),
    ("float8_e4m3fnuz", "F8_E4M3FNUZ", 1),
    ("float8_e5m2", "F8_E5M2", 1),
    ("float8_e5m2fnuz", "F8_E5M2FNUZ", 1),
    ("float8_e8m0fnu", "F8_E8M0", 1),
    ("uint16", "U16", 2),
    ("uint32", "U32", 4),
    ("uint64", "U64", 8),
];

/// The type in safetensors, and bytes of an element; none for what it cannot hold.
pub(super) fn of(class: &str) -> Option<(&'static str, u64)> {
    let place = TYPES.binary_search_by(|(known, _, _)| (*known).cmp(class)).ok()?;
    TYPES.get(place).map(|(_, name, size)| (*name, *size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(TYPES.is_sorted());
        assert!(TYPES.iter().all(|(class, _, _)| of(class).is_some()));
        assert_eq!(of("QInt8Storage"), None);
    }
}
