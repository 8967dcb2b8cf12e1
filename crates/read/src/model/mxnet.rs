//! MXNet: graphs of operators in JSON (`*-symbol.json`) and lists of arrays (`*.params`).
//!
//! Source: `src/nnvm/legacy_json_util.cc` and `src/ndarray/ndarray.cc` (`NDArray::Save`) of MXNet 1.9.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Target, Tensors, What};
use weighbridge_core::input::{Cursor, Input};
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use crate::bytes::u64_at;
use crate::events::{Event, Events, Path};
use crate::json::Json;
use crate::tally::{Tally, operate, text};

/// Reads graphs and arrays of MXNet.
pub struct MxNet;

/// What a list of arrays begins with (`kMXAPINDArrayListMagic`).
const LIST: u64 = 0x112;
/// What an array begins with: the second version, and the third, in which a shape may be empty.
const ARRAY: [u32; 2] = [0xf993_fac9, 0xf993_faca];
/// Characters of a text that are kept.
const KEPT: usize = 1 << 10;
/// The most dimensions of an array.
const MOST_DIMENSIONS: u32 = 32;

/// Names and sizes of element types by their number (`mshadow/base.h`).
const TYPES: [(&str, u64); 13] = [
    ("float32", 4),
    ("float64", 8),
    ("float16", 2),
    ("uint8", 1),
    ("int32", 4),
    ("int8", 1),
    ("int64", 8),
    ("bool", 1),
    ("int16", 2),
    ("uint16", 2),
    ("uint32", 4),
    ("uint64", 8),
    ("bfloat16", 2),
];

impl Reader for MxNet {
    fn about(&self) -> &'static About {
        &About {
            id: "mxnet",
            title: "MXNet",
            family: Family::Model,
            names: &["*-symbol.json", "*.params"],
            reads: "Every operator of a graph, of graphs inside it too; every array with its bounds.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let list = u64_at(hint.head, 0) == Some(LIST) && u64_at(hint.head, 8) == Some(0);
        if list || is_graph(hint.head) {
            Claim::ByMagic
        } else if hint.size > 0 && hint.name().to_ascii_lowercase().ends_with("-symbol.json") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut head = [0; 8];
        let filled = input.read_some(0, &mut head)?;
        sink.observed(What::Format("mxnet"), None);
        if filled == 8 && u64::from_le_bytes(head) == LIST {
            let mut tensors = Tensors::default();
            let ended = arrays(input, &mut tensors, sink);
            if tensors.count > 0 {
                sink.observed(What::Tensors(tensors), None);
            }
            return ended;
        }
        let mut tally = Tally::default();
        let ended = graph(input, &mut tally);
        tally.tell(sink);
        ended
    }
}

/// Whether a JSON object begins like a graph: a list of nodes, of which the first names its operator.
fn is_graph(head: &[u8]) -> bool {
    let next = |rest: &'_ [u8], expected: &[u8]| -> Option<Vec<u8>> {
        rest.trim_ascii_start().strip_prefix(expected).map(<[u8]>::to_vec)
    };
    let begun = next(head, b"{")
        .and_then(|rest| next(&rest, b"\"nodes\""))
        .and_then(|rest| next(&rest, b":"))
        .and_then(|rest| next(&rest, b"["))
        .and_then(|rest| next(&rest, b"{"));
    let Some(node) = begun else { return false };
    let holds = |wanted: &[u8]| node.windows(wanted.len()).any(|window| window == wanted);
    holds(b"\"op\"") && holds(b"\"name\"") && holds(b"\"inputs\"")
}

fn graph(input: &Input, tally: &mut Tally) -> Result<(), Unread> {
    let mut json = Json::new(input, 0, KEPT);
    let mut path = Path::default();
    while let Some((at, event)) = json.next()? {
        path.step(&event);
        let Event::Text(value) = event else { continue };
        if path.ends(&["nodes", "op"]) {
            // `null` is a variable.
            if value.kept != "null" {
                tally.add(operate("mxnet", "", &value.kept, "op").at(path.pointer()), at);
            }
        } else if path.ends(&["attrs", "op_type"])
            || path.ends(&["attr", "op_type"])
            || path.ends(&["param", "op_type"])
        {
            // Which code of the loading program a `Custom` operator calls.
            let effect = operate("mxnet", "Custom", &value.kept, "op_type").with(vec![text(&value.kept)]);
            tally.add(effect.at(path.pointer()), at);
        }
    }
    Ok(())
}

fn arrays(input: &Input, tensors: &mut Tensors, sink: &mut Sink) -> Result<(), Unread> {
    let mut cursor = input.cursor(16, 4 << 10);
    let count = number(&mut cursor)?;
    for index in 0..count {
        input.go_on()?;
        let at = cursor.offset();
        if let Err(reason) = array(&mut cursor, index, tensors, sink) {
            return Err(match reason {
                Unread::Malformed(text) => Unread::Malformed(format!("array {index} at byte {at} {text}")),
                other => other,
            });
        }
    }
    // Names, for all of them or for none.
    let names = number(&mut cursor)?;
    if names != 0 && names != count {
        sink.malformed(format!("{names} names for {count} arrays"), Some(Span::Offset(cursor.offset())));
    }
    for _ in 0..names {
        input.go_on()?;
        let size = number(&mut cursor)?;
        pass(&mut cursor, size)?;
    }
    let left = cursor.remaining();
    if left > 0 {
        let at = cursor.offset();
        sink.malformed(format!("{left} bytes stand after the arrays"), Some(Span::Offset(at)));
        let body = Body::Slice { offset: at, size: left };
        sink.child(Child { step: format!("#bytes at {at}").into(), body, reader: None });
    }
    Ok(())
}

fn array(cursor: &mut Cursor<'_>, index: u64, tensors: &mut Tensors, sink: &mut Sink) -> Result<(), Unread> {
    let at = cursor.offset();
    let word = |cursor: &mut Cursor<'_>| cursor.array().map(u32::from_le_bytes);
    let magic = word(cursor)?;
    if !ARRAY.contains(&magic) {
        return Err(Unread::Unsupported(format!("array of version {magic:#x} of MXNet")));
    }
    // Dense, by rows, or compressed rows; then the shape of what is stored, and of every index beside it.
    let indices = match word(cursor)? {
        0 => 0usize,
        1 => 1,
        2 => 2,
        other => return Err(Unread::Malformed(format!("is stored in way {other}, which there is not"))),
    };
    let stored = if indices > 0 { Some(shape(cursor)?) } else { None };
    let whole = shape(cursor)?;
    if whole.is_empty() && magic != 0xf993_faca {
        return Ok(());
    }
    word(cursor)?; // device
    word(cursor)?; // its number
    let (name, size) = kind(word(cursor)?)?;
    let mut parts = vec![(stored.unwrap_or(whole), size)];
    for _ in 0..indices {
        let (_, size) = kind(word(cursor)?)?;
        parts.push((shape(cursor)?, size));
    }
    // Of compressed rows the loader takes as many elements as there are columns.
    if let [elements, _, (columns, _)] = parts.as_mut_slice() {
        elements.0.clone_from(columns);
    }
    for (part, (shape, size)) in parts.iter().enumerate() {
        let product = |start: u64| shape.iter().try_fold(start, |all, next| all.checked_mul(*next));
        let (Some(elements), Some(bytes)) = (product(1), product(*size)) else {
            let what = Target::Unknown(format!("array {index} has more elements than can be counted"));
            sink.observed(
                What::Effect(Effect::new(EffectKind::Corrupt, what, "NDArray")),
                Some(Span::Offset(at)),
            );
            return Err(Unread::Malformed("has more elements than can be counted".to_owned()));
        };
        if bytes > cursor.remaining() {
            let left = cursor.remaining();
            let what = Target::Unknown(format!("array {index} claims {bytes} bytes of {left}"));
            sink.observed(
                What::Effect(Effect::new(EffectKind::Overrun, what, "NDArray")),
                Some(Span::Offset(at)),
            );
            return Err(Unread::Truncated { offset: cursor.offset().saturating_add(left) });
        }
        cursor.skip(bytes);
        tensors.bytes = tensors.bytes.saturating_add(bytes);
        if part == 0 {
            tensors.count = tensors.count.saturating_add(1);
            tensors.elements = tensors.elements.saturating_add(elements);
        }
    }
    if let Err(place) = tensors.types.binary_search_by(|known| known.as_str().cmp(name)) {
        tensors.types.insert(place, name.to_owned());
    }
    Ok(())
}

fn kind(number: u32) -> Result<(&'static str, u64), Unread> {
    let known = usize::try_from(number).ok().and_then(|number| TYPES.get(number)).copied();
    known.ok_or_else(|| Unread::Malformed(format!("has elements of type {number}, which there is not")))
}

fn shape(cursor: &mut Cursor<'_>) -> Result<Vec<u64>, Unread> {
    let count = cursor.array().map(u32::from_le_bytes)?;
    if count > MOST_DIMENSIONS {
        return Err(Unread::Malformed(format!("has {count} dimensions")));
    }
    (0..count)
        .map(|_| {
            let dimension = cursor.array().map(i64::from_le_bytes)?;
            u64::try_from(dimension).map_err(|_| Unread::Malformed(format!("has a dimension of {dimension}")))
        })
        .collect()
}

fn number(cursor: &mut Cursor<'_>) -> Result<u64, Unread> {
    cursor.array().map(u64::from_le_bytes)
}

fn pass(cursor: &mut Cursor<'_>, size: u64) -> Result<(), Unread> {
    if size > cursor.remaining() {
        return Err(Unread::Truncated { offset: cursor.offset().saturating_add(cursor.remaining()) });
    }
    cursor.skip(size);
    Ok(())
}
