//! Types of elements.

/// Names and sizes in bits, sorted by name (`Dtype` in `safetensors/src/tensor.rs`). Types of less than a byte are
/// packed; a tensor must still end at a whole byte.
static TYPES: &[(&str, u64)] = &[
    ("BF16", 16),
    ("BOOL", 8),
    ("C64", 64),
    ("F16", 16),
    ("F32", 32),
    ("F4", 4),
    ("F64", 64),
    ("F6_E2M3", 6),
    ("F6_E3M2", 6),
    ("F8_E4M3", 8),
    ("F8_E4M3FNUZ", 8),
    ("F8_E5M2", 8),
    ("F8_E5M2FNUZ", 8),
    ("F8_E8M0", 8),
    ("I16", 16),
    ("I32", 32),
    ("I64", 64),
    ("I8", 8),
    ("U16", 16),
    ("U32", 32),
    ("U64", 64),
    ("U8", 8),
];

/// The type of this name, and the bits of an element.
pub(super) fn find(name: &str) -> Option<(&'static str, u64)> {
    let place = TYPES.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    TYPES.get(place).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(TYPES.is_sorted());
        assert!(TYPES.iter().all(|(name, _)| find(name).is_some()));
        assert_eq!(find("f32"), None);
    }
}
