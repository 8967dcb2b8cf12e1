//! Writing a header, and finding the tensors of a file that was written.

use std::fmt::Write as _;

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;

use super::header::parse;

/// A tensor in a safetensors file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// Type of its elements.
    pub dtype: String,
    /// Its size in every dimension.
    pub shape: Vec<u64>,
    /// Where its bytes begin in the file.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u64,
}

/// The header of a file that holds these tensors one after the other, in this order, with its length in front; padded so
/// that the tensors begin at a multiple of eight bytes. Offsets of the tensors are not looked at.
pub fn header(tensors: &[Stored]) -> Vec<u8> {
    // Loaders of PyTorch models ask for the format.
    let mut text = String::from("{\"__metadata__\":{\"format\":\"pt\"}");
    let mut begin = 0u64;
    for Stored { name, dtype, shape, size, .. } in tensors {
        let end = begin.saturating_add(*size);
        let name = serde_json::Value::String(name.clone());
        let shape: Vec<String> = shape.iter().map(u64::to_string).collect();
        let shape = shape.join(",");
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            ",{name}:{{\"dtype\":\"{dtype}\",\"shape\":[{shape}],\"data_offsets\":[{begin},{end}]}}"
        );
        begin = end;
    }
    text.push('}');
    while !text.len().is_multiple_of(8) {
        text.push(' ');
    }
    let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// The tensors of a file, in the order of its header.
///
/// # Errors
/// When the header cannot be read, or breaks a rule of the format.
pub fn stored(input: &Input) -> Result<Vec<Stored>, Unread> {
    let mut size = [0; 8];
    input.read_exact(0, &mut size)?;
    let size = u64::from_le_bytes(size);
    let text = input.read_vec(8, size, super::LONGEST_HEADER)?;
    let malformed = |text: String| Unread::Malformed(text);
    let header = parse(&text).map_err(|error| malformed(error.to_string()))?;
    if let Some(fault) = header.faults.first() {
        return Err(malformed(fault.text.clone()));
    }
    let start = size.saturating_add(8);
    let stored = header.tensors.into_iter().map(|tensor| Stored {
        offset: start.saturating_add(tensor.begin),
        size: tensor.end.saturating_sub(tensor.begin),
        name: tensor.name,
        dtype: tensor.dtype.to_owned(),
        shape: tensor.shape,
    });
    Ok(stored.collect())
}
