//! Flax: trees of parameters in MessagePack, and other MessagePack that holds a model.
//!
//! MessagePack holds data alone. Flax knows three extension types; what any other means only the loading program knows.
//! msgpack-numpy, which reads the same files, unpickles arrays of objects.
//!
//! Source: the MessagePack specification, `flax/serialization.py` (0.12), `msgpack_numpy.py` (0.4.8).

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Tensors, What};
use weighbridge_core::input::{Cursor, Input};
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use crate::events::{DEEPEST, too_deep};
use crate::fault::Faults;
use crate::tally::{Tally, operate};

/// Reads MessagePack.
pub struct Flax;

/// Bytes of the window through which a file is read.
const WINDOW: usize = 64 << 10;
/// The longest header of an array that is read: its shape and type.
const LONGEST_HEADER: u64 = 1 << 10;

// Extension types of Flax (`_MsgpackExtType`).
const ARRAY: i8 = 1;
const COMPLEX: i8 = 2;
const SCALAR: i8 = 3;
/// The type of MessagePack itself for points in time.
const TIMESTAMP: i8 = -1;

impl Reader for Flax {
    fn about(&self) -> &'static About {
        &About {
            id: "flax",
            title: "Flax, MessagePack",
            family: Family::Model,
            names: &["*.msgpack", "checkpoint", "checkpoint_*"],
            reads: "Every value with its bounds; extension types; pickles in bytes.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        // Flax of old named its files `checkpoint_STEP`, as other programs do: the content must show it.
        let number = hint.name().strip_prefix("checkpoint").map(|rest| rest.trim_start_matches('_'));
        let checkpoint = number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        if hint.size > 0 && (hint.has_extension("msgpack") || (checkpoint && is_tree(hint.head))) {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("flax"), None);
        let mut walk = Walk {
            input,
            cursor: input.cursor(0, WINDOW),
            tally: Tally::default(),
            tensors: Tensors::default(),
            faults: Faults::new("values"),
            last: Vec::new(),
            objects: false,
            data: Vec::new(),
        };
        let ended = walk.all(sink);
        let Walk { tally, tensors, faults, .. } = walk;
        tally.tell(sink);
        faults.finish(sink);
        if tensors.count > 0 {
            sink.observed(What::Tensors(tensors), None);
        }
        ended
    }
}

/// Whether something begins like a map whose first key is a short text.
fn is_tree(head: &[u8]) -> bool {
    let rest = match head {
        [0x81..=0x8f, rest @ ..] | [0xde, _, _, rest @ ..] => rest,
        _ => return false,
    };
    match rest {
        [key @ 0xa1..=0xbf, name @ ..] => {
            let name = name.get(..usize::from(key & 0x1f)).unwrap_or_default();
            !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic())
        }
        _ => false,
    }
}

struct Walk<'input> {
    input: &'input Input,
    cursor: Cursor<'input>,
    tally: Tally,
    tensors: Tensors,
    faults: Faults,
    /// The text or bytes of the value before, if they are short: the key of this one, perhaps.
    last: Vec<u8>,
    /// An array of msgpack-numpy says that it is one of objects (`kind` is `O`).
    objects: bool,
    /// Where values called `data` stand that begin like no pickle of today: offset, size, place.
    data: Vec<(u64, u64, u64)>,
}

/// Values called `data` that are remembered.
const MOST_DATA: usize = 100_000;

impl Walk<'_> {
    /// Goes over one value and everything in it.
    fn all(&mut self, sink: &mut Sink) -> Result<(), Unread> {
        // How many values are left in each open container.
        let mut open: Vec<u64> = vec![1];
        let mut steps = 0u32;
        while let Some(left) = open.last_mut() {
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(4096) {
                self.input.go_on()?;
            }
            match left.checked_sub(1) {
                None => {
                    open.pop();
                }
                Some(rest) => {
                    *left = rest;
                    if let Some(inside) = self.value(sink)? {
                        if open.len() >= DEEPEST {
                            return Err(too_deep());
                        }
                        open.push(inside);
                    }
                }
            }
        }
        if self.objects {
            if self.data.len() >= MOST_DATA {
                let most = u64::try_from(MOST_DATA).unwrap_or(u64::MAX);
                sink.unread(Unread::Limit(LimitKind::Facts, most), None);
            }
            // msgpack-numpy unpickles these, whatever their protocol.
            for (offset, size, at) in std::mem::take(&mut self.data) {
                if self.faults.count("hold a pickle") {
                    let body = Body::Slice { offset, size };
                    sink.child(Child { step: format!("bytes at {at}").into(), body, reader: Some("pickle") });
                }
            }
        }
        let left = self.cursor.remaining();
        if left > 0 {
            let at = self.cursor.offset();
            sink.malformed(format!("{left} bytes stand after the value"), Some(Span::Offset(at)));
            let body = Body::Slice { offset: at, size: left };
            sink.child(Child { step: format!("#bytes at {at}").into(), body, reader: None });
        }
        Ok(())
    }

    /// One value; of a container the number of values in it.
    fn value(&mut self, sink: &mut Sink) -> Result<Option<u64>, Unread> {
        let at = self.cursor.offset();
        let [kind] = self.cursor.array()?;
        match kind {
            0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => {}
            0x80..=0x8f => return self.container(u64::from(kind & 0x0f), 2),
            0x90..=0x9f => return self.container(u64::from(kind & 0x0f), 1),
            0xa0..=0xbf => return self.short(u64::from(kind & 0x1f)).map(|()| None),
            0xc1 => return Err(Unread::Malformed(format!("no MessagePack: byte {at} is of no type"))),
            0xc4..=0xc6 => {
                let size = self.number(kind.wrapping_sub(0xc4))?;
                self.bytes(at, size, sink)?;
            }
            0xc7..=0xc9 => {
                let size = self.number(kind.wrapping_sub(0xc7))?;
                self.extension(at, size, sink)?;
            }
            0xca | 0xce | 0xd2 => self.pass(4)?,
            0xcb | 0xcf | 0xd3 => self.pass(8)?,
            0xcc | 0xd0 => self.pass(1)?,
            0xcd | 0xd1 => self.pass(2)?,
            0xd4..=0xd8 => self.extension(at, 1 << kind.wrapping_sub(0xd4), sink)?,
            0xd9..=0xdb => {
                let size = self.number(kind.wrapping_sub(0xd9))?;
                return self.short(size).map(|()| None);
            }
            0xdc | 0xdd => {
                let count = self.number(kind.wrapping_sub(0xdb))?;
                return self.container(count, 1);
            }
            0xde | 0xdf => {
                let count = self.number(kind.wrapping_sub(0xdd))?;
                return self.container(count, 2);
            }
        }
        Ok(None)
    }

    /// A number of 1, 2 or 4 bytes.
    fn number(&mut self, width: u8) -> Result<u64, Unread> {
        Ok(match width {
            0 => u64::from(u8::from_be_bytes(self.cursor.array()?)),
            1 => u64::from(u16::from_be_bytes(self.cursor.array()?)),
            _ => u64::from(u32::from_be_bytes(self.cursor.array()?)),
        })
    }

    fn container(&mut self, count: u64, values: u64) -> Result<Option<u64>, Unread> {
        let count = count.saturating_mul(values);
        // Every value takes a byte at least.
        if count > self.cursor.remaining() { Err(self.truncated()) } else { Ok(Some(count)) }
    }

    fn pass(&mut self, size: u64) -> Result<(), Unread> {
        if size > self.cursor.remaining() {
            return Err(self.truncated());
        }
        self.cursor.skip(size);
        Ok(())
    }

    fn truncated(&self) -> Unread {
        Unread::Truncated { offset: self.cursor.offset().saturating_add(self.cursor.remaining()) }
    }

    /// Bytes: programs put pickles there.
    fn bytes(&mut self, at: u64, size: u64, sink: &mut Sink) -> Result<(), Unread> {
        let begin = self.cursor.offset();
        let called_data = self.last == b"data";
        self.short(size)?;
        let Some(last) = begin.checked_add(size).and_then(|end| end.checked_sub(1)).filter(|_| size >= 4)
        else {
            return Ok(());
        };
        let (mut head, mut tail) = ([0; 2], [0; 1]);
        self.input.read_exact(begin, &mut head)?;
        self.input.read_exact(last, &mut tail)?;
        if matches!(head, [0x80, 2..=5]) && tail == *b"." && self.faults.count("hold a pickle") {
            let body = Body::Slice { offset: begin, size };
            sink.child(Child { step: format!("bytes at {at}").into(), body, reader: Some("pickle") });
        } else if called_data && self.data.len() < MOST_DATA {
            self.data.push((begin, size, at));
        }
        Ok(())
    }

    /// Passes a text or bytes, and keeps short ones.
    fn short(&mut self, size: u64) -> Result<(), Unread> {
        let begin = self.cursor.offset();
        self.pass(size)?;
        let kept = if size <= 4 { self.input.read_vec(begin, size, 4)? } else { Vec::new() };
        self.objects |= self.last == b"kind" && kept == b"O";
        self.last = kept;
        Ok(())
    }

    fn extension(&mut self, at: u64, size: u64, sink: &mut Sink) -> Result<(), Unread> {
        let [code] = self.cursor.array()?;
        let code = i8::from_be_bytes([code]);
        let begin = self.cursor.offset();
        self.pass(size)?;
        match code {
            ARRAY | SCALAR => {
                if let Err(reason) = self.array(begin, size) {
                    self.faults
                        .tell(sink, "are no arrays", at, || format!("the array at byte {at} {reason}"));
                }
            }
            COMPLEX | TIMESTAMP => {}
            other => self.tally.add(operate("msgpack", "extension", &other.to_string(), "ext"), at),
        }
        Ok(())
    }

    /// An array: shape, name of the type and bytes, in MessagePack of their own.
    fn array(&mut self, begin: u64, size: u64) -> Result<(), &'static str> {
        let head = self
            .input
            .read_vec(begin, size.min(LONGEST_HEADER), LONGEST_HEADER)
            .map_err(|_| "cannot be read")?;
        let mut head = Head(&head);
        if head.list() != Some(3) {
            return Err("is not made of shape, type and bytes");
        }
        let dimensions = head.list().ok_or("has no shape")?;
        let mut elements = Some(1u64);
        for _ in 0..dimensions {
            let dimension = head.number().ok_or("has a dimension that is no size")?;
            elements = elements.and_then(|all| all.checked_mul(dimension));
        }
        let name = head.text().ok_or("has no type")?;
        let stated = head.binary().ok_or("has no bytes")?;
        let width = width(&name).ok_or("is of a type that Flax does not write")?;
        if elements.and_then(|elements| elements.checked_mul(width)) != Some(stated) {
            return Err("has another number of bytes than its shape says");
        }
        self.tensors.count = self.tensors.count.saturating_add(1);
        self.tensors.elements = self.tensors.elements.saturating_add(elements.unwrap_or_default());
        self.tensors.bytes = self.tensors.bytes.saturating_add(stated);
        if let Err(place) = self.tensors.types.binary_search(&name) {
            self.tensors.types.insert(place, name);
        }
        Ok(())
    }
}

/// Bytes of an element of this type of NumPy or ml_dtypes.
fn width(name: &str) -> Option<u64> {
    Some(match name {
        "bool" | "int8" | "uint8" | "int4" | "uint4" => 1,
        "int16" | "uint16" | "float16" | "bfloat16" => 2,
        "int32" | "uint32" | "float32" => 4,
        "int64" | "uint64" | "float64" | "complex64" => 8,
        "complex128" => 16,
        _ if name.starts_with("float8_") => 1,
        _ => return None,
    })
}

/// The beginning of an array, read without the rest.
struct Head<'a>(&'a [u8]);

impl Head<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_at_checked(N)?;
        self.0 = rest;
        taken.try_into().ok()
    }

    fn list(&mut self) -> Option<u64> {
        match self.take()? {
            [kind @ 0x90..=0x9f] => Some(u64::from(kind & 0x0f)),
            [0xdc] => self.take().map(|count| u64::from(u16::from_be_bytes(count))),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<u64> {
        Some(match self.take()? {
            [number @ 0..=0x7f] => u64::from(number),
            [0xcc] => u64::from(u8::from_be_bytes(self.take()?)),
            [0xcd] => u64::from(u16::from_be_bytes(self.take()?)),
            [0xce] => u64::from(u32::from_be_bytes(self.take()?)),
            [0xcf] => u64::from_be_bytes(self.take()?),
            _ => return None,
        })
    }

    fn text(&mut self) -> Option<String> {
        let size = match self.take()? {
            [kind @ 0xa0..=0xbf] => usize::from(kind & 0x1f),
            [0xd9] => usize::from(u8::from_be_bytes(self.take()?)),
            _ => return None,
        };
        let (text, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    fn binary(&mut self) -> Option<u64> {
        Some(match self.take()? {
            [0xc4] => u64::from(u8::from_be_bytes(self.take()?)),
            [0xc5] => u64::from(u16::from_be_bytes(self.take()?)),
            [0xc6] => u64::from(u32::from_be_bytes(self.take()?)),
            _ => return None,
        })
    }
}
