//! MATLAB data (`.mat`, levels 4 and 5): named arrays, structures, objects and function handles.
//!
//! Python's readers take everything for data. MATLAB itself makes objects of their classes, and a function handle is code
//! that waits for its call.
//!
//! Source: "MAT-File Format" of MathWorks, chapters 1 (level 5) and 2 (level 4); for objects (class 17) `scipy/io/matlab/_mio5.pyx`.

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Effect, EffectKind, Target, Tensors, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Codec, Sink};

use crate::bytes::{array_at, length};
use crate::tally::{Tally, operate};

/// Reads MATLAB data.
pub struct Matlab;

/// Bytes of the header of a file.
const HEADER: u64 = 128;

// Types of elements (table 1-1).
const TEXT: u32 = 1;
const UNSIGNED: u32 = 6;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;
const LAST_TYPE: u32 = 18;

// Classes of arrays (table 1-3), and those that the document leaves out.
const OBJECT: u8 = 3;
const CHARACTERS: u8 = 4;
const SPARSE: u8 = 5;
const LAST_NUMBER: u8 = 15;
const FUNCTION: u8 = 16;
const OPAQUE: u8 = 17;

impl Reader for Matlab {
    fn about(&self) -> &'static About {
        &About {
            id: "matlab",
            title: "MATLAB data",
            family: Family::Model,
            names: &["*.mat"],
            reads: "Every array of levels 4 and 5, packed or not: classes of objects, function handles.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let claim = if hint.head.starts_with(b"MATLAB") && order(hint.head).is_some() {
            Claim::ByMagic
        } else if hint.size > 0 && hint.has_extension("mat") {
            Claim::ByName
        } else {
            return Claim::No;
        };
        // Data of an installed package is the package's own.
        let mut folders = hint.path.split('/');
        if folders.any(|folder| folder == "site-packages" || folder == "dist-packages") {
            return Claim::No;
        }
        claim
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut head = [0; 128];
        let filled = input.read_some(0, &mut head)?;
        let head = head.get(..filled).unwrap_or_default();
        // An element that was packed has no header.
        let (start, big) = match (order(head), head) {
            (Some(big), _) => (HEADER, big),
            (None, [0x0e, 0, 0, 0, ..]) => (0, false),
            (None, [0, 0, 0, 0x0e, ..]) => (0, true),
            _ => return level4(input, sink),
        };
        sink.observed(What::Format("matlab"), None);
        let mut walk =
            Walk { input, big, tally: Tally::default(), tensors: Tensors::default(), open: Vec::new() };
        let ended = walk.all(start, sink);
        let Walk { tally, tensors, .. } = walk;
        tally.tell(sink);
        if tensors.count > 0 {
            sink.observed(What::Tensors(tensors), None);
        }
        ended
    }
}

/// Whether numbers are big-endian, if the header is one of level 5.
fn order(head: &[u8]) -> Option<bool> {
    match array_at::<4>(head, 124)? {
        [0, 1, b'I', b'M'] => Some(false),
        [1, 0, b'M', b'I'] => Some(true),
        _ => None,
    }
}

/// Level 4: arrays of numbers or characters alone, each with a header of five numbers (chapter 2 of the source).
fn level4(input: &Input, sink: &mut Sink) -> Result<(), Unread> {
    let mut tensors = Tensors::default();
    let mut at = 0u64;
    while at < input.size() {
        input.go_on()?;
        let wrong = || Unread::Malformed(format!("no MATLAB data: the array at byte {at} has no header"));
        let mut head = [0; 20];
        input.read_exact(at, &mut head).map_err(|_| wrong())?;
        // The kind is a number of four digits: byte order, nothing, type of the numbers, full or text or sparse.
        let kind = |big: bool| {
            array_at::<4>(&head, 0)
                .map(|word| if big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
        };
        let big = kind(false).is_none_or(|kind| kind > 4_052);
        let kind = kind(big).unwrap_or_default();
        let field = |index: usize| {
            let word = array_at::<4>(&head, index)?;
            Some(u64::from(if big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }))
        };
        let digit = |scale: u32| kind.checked_div(scale).unwrap_or_default() % 10;
        let sizes = [(8, "double"), (4, "single"), (4, "int32"), (2, "int16"), (2, "uint16"), (1, "uint8")];
        let size = usize::try_from(digit(10)).ok().and_then(|index| sizes.get(index));
        let (Some((size, name)), true) = (size, kind <= 4_052 && digit(100) == 0 && digit(1) <= 2) else {
            return Err(wrong());
        };
        let fields = (field(4), field(8), field(12), field(16));
        let (Some(rows), Some(columns), Some(imaginary @ 0..=1), Some(name_size)) = fields else {
            return Err(wrong());
        };
        let bytes = rows.checked_mul(columns).and_then(|count| count.checked_mul(*size));
        let bytes =
            bytes.and_then(|bytes| bytes.checked_mul(imaginary.saturating_add(1))).ok_or_else(wrong)?;
        let next = at.saturating_add(20).saturating_add(name_size).checked_add(bytes).ok_or_else(wrong)?;
        if next > input.size() {
            return Err(Unread::Truncated { offset: input.size() });
        }
        tensors.count = tensors.count.saturating_add(1);
        tensors.elements = tensors.elements.saturating_add(rows.saturating_mul(columns));
        tensors.bytes = tensors.bytes.saturating_add(bytes);
        if let Err(place) = tensors.types.binary_search_by(|known| known.as_str().cmp(name)) {
            tensors.types.insert(place, (*name).to_owned());
        }
        at = next;
    }
    sink.observed(What::Format("matlab"), None);
    if tensors.count > 0 {
        sink.observed(What::Tensors(tensors), None);
    }
    Ok(())
}

/// An array that is being read.
struct Array {
    end: u64,
    class: Option<u8>,
    /// How many texts of it were read: its name, the kind of its class, its class.
    texts: u8,
}

struct Walk<'input> {
    input: &'input Input,
    big: bool,
    tally: Tally,
    tensors: Tensors,
    open: Vec<Array>,
}

impl Walk<'_> {
    fn word(&self, at: u64) -> Result<u32, Unread> {
        let mut bytes = [0; 4];
        self.input.read_exact(at, &mut bytes)?;
        Ok(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn all(&mut self, start: u64, sink: &mut Sink) -> Result<(), Unread> {
        let mut at = start;
        loop {
            self.input.go_on()?;
            while self.open.last().is_some_and(|array| at >= array.end) {
                self.open.pop();
            }
            let end = self.open.last().map_or(self.input.size(), |array| array.end);
            // What is too short for an element pads the one before.
            if end.saturating_sub(at) < 8 {
                if self.open.is_empty() {
                    return Ok(());
                }
                at = end;
                continue;
            }
            at = self.element(at, end, sink)?;
        }
    }

    /// One element; where the next one stands.
    fn element(&mut self, at: u64, end: u64, sink: &mut Sink) -> Result<u64, Unread> {
        let word = self.word(at)?;
        // A small one holds type, size and up to four bytes in eight.
        let (kind, size, data, next) = match word >> 16 {
            0 => {
                let size = u64::from(self.word(at.saturating_add(4))?);
                let data = at.saturating_add(8);
                let padded = if word == COMPRESSED { size } else { size.saturating_add(7) & !7 };
                (word, size, data, data.saturating_add(padded))
            }
            small if small <= 4 => {
                (word & 0xffff, u64::from(small), at.saturating_add(4), at.saturating_add(8))
            }
            _ => {
                return Err(Unread::Malformed(format!("the element at byte {at} has no type that there is")));
            }
        };
        if data.saturating_add(size) > end {
            if end == self.input.size() {
                return Err(Unread::Truncated { offset: end });
            }
            return Err(Unread::Malformed(format!("the element at byte {at} ends behind the one around it")));
        }
        match kind {
            MATRIX => {
                if self.open.len() >= 1_000 {
                    return Err(Unread::Limit(LimitKind::Depth, 1_000));
                }
                self.open.push(Array { end: data.saturating_add(size), class: None, texts: 0 });
                return Ok(data);
            }
            COMPRESSED if self.open.is_empty() => {
                let body = Body::Stream { codec: Codec::Zlib, offset: data, size };
                sink.child(Child { step: format!("element at {at}").into(), body, reader: Some("matlab") });
            }
            UNSIGNED if self.open.last().is_some_and(|array| array.class.is_none()) => {
                let class = self.word(data)? & 0xff;
                self.array(u8::try_from(class).unwrap_or_default(), at);
            }
            TEXT => self.text(data, size, at)?,
            other if other <= LAST_TYPE => {}
            other => return Err(Unread::Malformed(format!("the element at byte {at} is of type {other}"))),
        }
        Ok(next.min(end))
    }

    fn array(&mut self, class: u8, at: u64) {
        if let Some(array) = self.open.last_mut() {
            array.class = Some(class);
        }
        match class {
            FUNCTION => {
                let target = Target::Code { language: "a MATLAB function handle", beginning: String::new() };
                self.tally.add(Effect::new(EffectKind::Run, target, "mxFUNCTION_CLASS"), at);
            }
            CHARACTERS..=LAST_NUMBER => {
                self.tensors.count = self.tensors.count.saturating_add(1);
                let name = if class == CHARACTERS {
                    "char"
                } else if class == SPARSE {
                    "sparse"
                } else {
                    let number = usize::from(class).saturating_sub(6);
                    let names = [
                        "double", "single", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64",
                        "uint64",
                    ];
                    names.get(number).copied().unwrap_or("double")
                };
                if let Err(place) = self.tensors.types.binary_search_by(|known| known.as_str().cmp(name)) {
                    self.tensors.types.insert(place, name.to_owned());
                }
            }
            _ => {}
        }
    }

    /// Of an object the second text is its class, of an opaque one the third.
    fn text(&mut self, data: u64, size: u64, at: u64) -> Result<(), Unread> {
        let Some(array) = self.open.last_mut() else { return Ok(()) };
        array.texts = array.texts.saturating_add(1);
        let is_class = matches!((array.class, array.texts), (Some(OBJECT), 2) | (Some(OPAQUE), 3));
        if is_class {
            let name = self.input.read_vec(data, size.min(256), 256)?;
            let name = String::from_utf8_lossy(&name);
            let name = name.get(..length(size).min(name.len())).unwrap_or(&name);
            self.tally.add(operate("matlab", "", name.trim_end_matches('\0'), "class"), at);
        }
        Ok(())
    }
}
