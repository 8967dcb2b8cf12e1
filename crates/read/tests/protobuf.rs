//! Builds protocol buffers, field by field.

/// A field with a number.
pub(crate) fn number(field: u32, value: u64) -> Vec<u8> {
    [tag(field, 0), varint(value)].concat()
}

/// A field with bytes: a text, a message, packed numbers.
pub(crate) fn bytes(field: u32, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    [tag(field, 2), varint(value.len() as u64), value.to_vec()].concat()
}

/// A field with a message of these fields.
pub(crate) fn message(field: u32, fields: &[Vec<u8>]) -> Vec<u8> {
    bytes(field, fields.concat())
}

/// The tag of a field of this wire type.
pub(crate) fn tag(field: u32, wire: u64) -> Vec<u8> {
    varint(u64::from(field) << 3 | wire)
}

/// A number of variable length.
pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
