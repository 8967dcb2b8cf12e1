//! NumPy arrays (`.npy`): a header that is a Python literal, then the elements, or a pickle if there are objects.
//!
//! Source: `numpy/lib/format.py`, "Format Version 1.0" to "3.0".

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Tensors, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use crate::bytes::{offset, u16_at, u32_at};

mod dtype;
mod literal;

use literal::Literal;

/// The first bytes of every array file.
const MAGIC: &[u8] = b"\x93NUMPY";
/// The longest header that is read, in bytes; NumPy itself stops at 10,000 unless it is told to trust the file.
const LONGEST_HEADER: u64 = 1 << 20;
/// The most dimensions that an array can have since NumPy 2.0 (`NPY_MAXDIMS`).
const MOST_DIMENSIONS: usize = 64;

/// Reads `.npy` files.
pub struct Npy;

impl Reader for Npy {
    fn about(&self) -> &'static About {
        &About {
            id: "npy",
            title: "NumPy arrays",
            family: Family::Model,
            names: &["*.npy"],
            reads: "The header (versions 1 to 3) with shape and type, whether the elements fit the file, and the pickle \
                    of an array of objects.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.head.starts_with(MAGIC) {
            Claim::ByMagic
        } else if hint.has_extension("npy") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        if !is_array(input, 0)? {
            return Err(Unread::Malformed("no NumPy array: the first bytes are other ones".to_owned()));
        }
        sink.observed(What::Format("npy"), None);
        let mut tensors = Tensors::default();
        let ended = arrays(input, &mut tensors, sink);
        if tensors.count > 0 {
            sink.observed(What::Tensors(tensors), None);
        }
        ended
    }
}

fn is_array(input: &Input, at: u64) -> Result<bool, Unread> {
    let mut magic = [0; MAGIC.len()];
    Ok(input.read_some(at, &mut magic)? == MAGIC.len() && magic == *MAGIC)
}

/// Several arrays may be saved into one file, one after the other.
fn arrays(input: &Input, tensors: &mut Tensors, sink: &mut Sink) -> Result<(), Unread> {
    let mut at = 0u64;
    for _ in 0..input.limits().entries {
        let (header, start) = header(input, at)?;
        at = elements(input, &header, start, tensors, sink)?;
        let left = input.size().saturating_sub(at);
        if left == 0 {
            return Ok(());
        }
        if !is_array(input, at)? {
            sink.malformed(format!("{left} bytes stand after the array"), Some(Span::Offset(at)));
            let body = Body::Slice { offset: at, size: left };
            sink.child(Child { step: format!("#bytes at {at}").into(), body, reader: None });
            return Ok(());
        }
    }
    Err(Unread::Limit(LimitKind::Entries, input.limits().entries))
}

/// The header at `at`, and where the elements begin.
fn header(input: &Input, at: u64) -> Result<(Header, u64), Unread> {
    let mut start = [0; 12];
    let filled = input.read_some(at, &mut start)?;
    let start = start.get(..filled).unwrap_or_default();
    let truncated = || Unread::Truncated { offset: input.size() };
    let version = start.get(6).copied().ok_or_else(truncated)?;
    let (size, skip) = match version {
        1 => (u16_at(start, 8).map(u64::from), 10),
        2 | 3 => (u32_at(start, 8).map(u64::from), 12),
        other => return Err(Unread::Unsupported(format!("version {other} of the npy format"))),
    };
    let size = size.ok_or_else(truncated)?;
    let at = at.saturating_add(skip);
    if size > LONGEST_HEADER {
        return Err(Unread::Malformed(format!("the header claims {size} bytes")));
    }
    let header = input.read_vec(at, size, LONGEST_HEADER)?;
    // Version 3 is UTF-8, the others Latin-1 (where field names are what may differ).
    let text = match (version, std::str::from_utf8(&header)) {
        (_, Ok(text)) => text.to_owned(),
        (3, Err(_)) => return Err(Unread::Malformed("the header is not UTF-8".to_owned())),
        (_, Err(_)) => header.iter().copied().map(char::from).collect(),
    };
    let literal = literal::parse(&text).map_err(|error| {
        let place = at.saturating_add(offset(error.at));
        Unread::Malformed(format!("the header is no Python literal: {} at byte {place}", error.reason))
    })?;
    Ok((Header::of(&literal)?, at.saturating_add(size)))
}

/// The header, understood.
struct Header {
    shape: Vec<u64>,
    element: dtype::Element,
}

impl Header {
    /// Takes the three keys that the format asks for, and no others.
    fn of(literal: &Literal) -> Result<Self, Unread> {
        let wrong = |reason: &str| Unread::Malformed(format!("the header {reason}"));
        let Literal::Dict(items) = literal else { return Err(wrong("is not a dictionary")) };
        let mut values = [None, None, None];
        for (key, value) in items {
            let slot = match key {
                Literal::Text(key) if key == "descr" => values.get_mut(0),
                Literal::Text(key) if key == "fortran_order" => values.get_mut(1),
                Literal::Text(key) if key == "shape" => values.get_mut(2),
                _ => return Err(wrong("has a key that the format does not know")),
            };
            // As in Python, the last of equal keys counts; NumPy never writes two.
            if slot.is_some_and(|slot| slot.replace(value).is_some()) {
                return Err(wrong("states a key twice"));
            }
        }
        let [Some(descr), Some(fortran), Some(shape)] = values else {
            return Err(wrong("lacks `descr`, `fortran_order` or `shape`"));
        };
        if !matches!(fortran, Literal::Bool(_)) {
            return Err(wrong("has a `fortran_order` that is neither True nor False"));
        }
        let Literal::Tuple(dimensions) = shape else { return Err(wrong("has a `shape` that is no tuple")) };
        if dimensions.len() > MOST_DIMENSIONS {
            return Err(wrong("states more than 64 dimensions"));
        }
        let shape: Option<Vec<u64>> = dimensions
            .iter()
            .map(|dimension| match dimension {
                Literal::Int(digits) => digits.parse().ok(),
                _ => None,
            })
            .collect();
        let shape = shape.ok_or_else(|| wrong("has a dimension that is no size"))?;
        let element = dtype::element(descr)
            .map_err(|reason| Unread::Malformed(format!("the type of the elements {reason}")))?;
        Ok(Self { shape, element })
    }
}

/// What follows the header: a pickle if there is an object anywhere in an element, else the elements. Returns where
/// they end.
fn elements(
    input: &Input,
    header: &Header,
    at: u64,
    tensors: &mut Tensors,
    sink: &mut Sink,
) -> Result<u64, Unread> {
    let rest = input.size().saturating_sub(at);
    if header.element.object {
        // NumPy unpickles whatever follows, however many elements the shape states.
        let body = Body::Slice { offset: at, size: rest };
        sink.child(Child { step: "payload".into(), body, reader: Some("pickle") });
        return Ok(input.size());
    }
    let product = |start: u64| header.shape.iter().try_fold(start, |all, next| all.checked_mul(*next));
    let (Some(count), Some(bytes)) = (product(1), product(header.element.size)) else {
        return Err(Unread::Malformed("the shape states more elements than can be counted".to_owned()));
    };
    if bytes > rest {
        sink.malformed(
            format!("the shape states {bytes} bytes and {rest} are there"),
            Some(Span::Offset(at)),
        );
        return Err(Unread::Truncated { offset: input.size() });
    }
    tensors.count = tensors.count.saturating_add(1);
    tensors.elements = tensors.elements.saturating_add(count);
    tensors.bytes = tensors.bytes.saturating_add(bytes);
    if let Err(place) = tensors.types.binary_search(&header.element.name) {
        tensors.types.insert(place, header.element.name.clone());
    }
    Ok(at.saturating_add(bytes))
}
