//! Writes FlatBuffers field by field, and lets a test lie about any offset.

/// The value of a field.
#[derive(Clone)]
pub(crate) enum Field {
    /// Left out.
    Default,
    Byte(u8),
    Number(u32),
    Large(u64),
    Bytes(Vec<u8>),
    Numbers(Vec<u32>),
    Tables(Vec<Vec<Field>>),
    /// An offset that leads wherever it says.
    Offset(u32),
}

impl Field {
    pub(crate) fn text(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }

    fn size(&self) -> usize {
        match self {
            Self::Default => 0,
            Self::Byte(_) => 1,
            Self::Large(_) => 8,
            _ => 4,
        }
    }
}

/// A buffer with this identifier whose root table has these fields.
pub(crate) fn buffer(identifier: &[u8; 4], fields: &[Field]) -> Vec<u8> {
    let mut out = [&[0; 4], identifier.as_slice()].concat();
    let root = table(&mut out, fields);
    out[..4].copy_from_slice(&u32::try_from(root).unwrap().to_le_bytes());
    out
}

/// Appends a field table, a table, and what its fields lead to; gives where the table begins.
fn table(out: &mut Vec<u8>, fields: &[Field]) -> usize {
    let mut within = 4u16;
    let mut places = Vec::new();
    for field in fields {
        places.push(if field.size() == 0 { 0 } else { within });
        within += u16::try_from(field.size()).unwrap();
    }
    let start = out.len();
    out.extend((4 + 2 * u16::try_from(fields.len()).unwrap()).to_le_bytes());
    out.extend(within.to_le_bytes());
    places.iter().for_each(|place| out.extend(place.to_le_bytes()));
    let at = out.len();
    out.extend(i32::try_from(at - start).unwrap().to_le_bytes());
    for field in fields {
        match field {
            Field::Default => {}
            Field::Byte(value) => out.push(*value),
            Field::Number(value) | Field::Offset(value) => out.extend(value.to_le_bytes()),
            Field::Large(value) => out.extend(value.to_le_bytes()),
            Field::Bytes(_) | Field::Numbers(_) | Field::Tables(_) => out.extend([0; 4]),
        }
    }
    for (field, place) in fields.iter().zip(&places) {
        let from = at + usize::from(*place);
        let here = out.len();
        match field {
            Field::Bytes(bytes) => {
                out.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
                out.extend(bytes);
            }
            Field::Numbers(numbers) => {
                out.extend(u32::try_from(numbers.len()).unwrap().to_le_bytes());
                numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
            }
            Field::Tables(tables) => {
                out.extend(u32::try_from(tables.len()).unwrap().to_le_bytes());
                let slots = out.len();
                out.resize(slots + 4 * tables.len(), 0);
                for (number, fields) in tables.iter().enumerate() {
                    let slot = slots + 4 * number;
                    let to = table(out, fields);
                    patch(out, slot, to);
                }
            }
            _ => continue,
        }
        patch(out, from, here);
    }
    at
}

fn patch(out: &mut [u8], slot: usize, to: usize) {
    out[slot..slot + 4].copy_from_slice(&u32::try_from(to - slot).unwrap().to_le_bytes());
}
