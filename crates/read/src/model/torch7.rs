//! Torch7 (`.t7`), the ancestor of PyTorch in Lua: binary or text.
//!
//! Reading a file makes objects of classes that the program has loaded, and may bring functions along as bytecode of Lua,
//! which is not checked before it runs.
//!
//! Source: `File.lua` of torch7 (`writeObject`, `readObject`), `Tensor.lua`, `generic/Storage.c`.

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Effect, EffectKind, Target, Tensors, What};
use weighbridge_core::input::{Cursor, Input};
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use crate::tally::{Tally, operate};

/// Reads files of Torch7.
pub struct Torch7;

/// Bytes of the window through which a file is read.
const WINDOW: usize = 64 << 10;
/// The longest text that is kept.
const KEPT: u64 = 256;
/// The most dimensions of a tensor.
const MOST_DIMENSIONS: i64 = 64;

/// Element types: the middle of the name of a class, and bytes of an element.
const ELEMENTS: [(&str, u64); 8] = [
    ("Byte", 1),
    ("Char", 1),
    ("Double", 8),
    ("Float", 4),
    ("Half", 2),
    ("Int", 4),
    ("Long", 8),
    ("Short", 2),
];

impl Reader for Torch7 {
    fn about(&self) -> &'static About {
        &About {
            id: "torch7",
            title: "Torch7",
            family: Family::Model,
            names: &["*.t7"],
            reads: "Every object, binary or text: functions in bytecode, classes, tensors with their bounds.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        // An object of the class library's version 1.
        let binary = b"\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1";
        if hint.head.starts_with(binary) || hint.head.starts_with(b"4\n1\n3\nV 1\n") {
            Claim::ByMagic
        } else if hint.size > 0 && hint.has_extension("t7") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut head = [0; 2];
        let filled = input.read_some(0, &mut head)?;
        let ascii = filled == 2 && head.iter().all(|byte| byte.is_ascii_digit() || *byte == b'\n');
        let mut walk = Walk {
            input,
            words: Words { cursor: input.cursor(0, WINDOW), ascii },
            seen: std::collections::BTreeSet::new(),
            tally: Tally::default(),
            tensors: Tensors::default(),
        };
        let ended = walk.all();
        let at = walk.words.cursor.offset();
        let left = walk.words.remaining()?;
        let Walk { tally, tensors, .. } = walk;
        sink.observed(What::Format("torch7"), None);
        tally.tell(sink);
        if tensors.count > 0 {
            sink.observed(What::Tensors(tensors), None);
        }
        ended?;
        if left > 0 {
            sink.malformed(format!("{left} bytes stand after the object"), Some(Span::Offset(at)));
            let body = Body::Slice { offset: at, size: left };
            sink.child(Child { step: format!("#bytes at {at}").into(), body, reader: None });
        }
        Ok(())
    }
}

/// Numbers in both encodings.
struct Words<'input> {
    cursor: Cursor<'input>,
    ascii: bool,
}

impl Words<'_> {
    fn int(&mut self) -> Result<i64, Unread> {
        if self.ascii {
            self.word()
        } else {
            self.cursor.array().map(|bytes| i64::from(i32::from_le_bytes(bytes)))
        }
    }

    fn long(&mut self) -> Result<i64, Unread> {
        if self.ascii { self.word() } else { self.cursor.array().map(i64::from_le_bytes) }
    }

    fn double(&mut self) -> Result<(), Unread> {
        if self.ascii { self.token().map(|_| ()) } else { self.cursor.array::<8>().map(|_| ()) }
    }

    /// A length, which must not be negative.
    fn size(&mut self, long: bool) -> Result<u64, Unread> {
        let at = self.cursor.offset();
        let size = if long { self.long()? } else { self.int()? };
        u64::try_from(size).map_err(|_| Unread::Malformed(format!("a size of {size} at byte {at}")))
    }

    fn text(&mut self) -> Result<String, Unread> {
        let size = self.size(false)?;
        let kept = self.bytes(size)?;
        Ok(String::from_utf8_lossy(&kept).into_owned())
    }

    /// So many bytes: the first of them. In text a line ends behind them.
    fn bytes(&mut self, size: u64) -> Result<Vec<u8>, Unread> {
        if size > self.cursor.remaining() {
            return Err(Unread::Truncated {
                offset: self.cursor.offset().saturating_add(self.cursor.remaining()),
            });
        }
        let mut kept = Vec::new();
        for _ in 0..size.min(KEPT) {
            kept.extend(self.cursor.byte()?);
        }
        self.cursor.skip(size.saturating_sub(KEPT));
        if self.ascii && self.cursor.peek()?.first() == Some(&b'\n') {
            self.cursor.skip(1);
        }
        Ok(kept)
    }

    /// Passes so many elements of a storage.
    fn elements(&mut self, count: u64, size: u64) -> Result<(), Unread> {
        if self.ascii {
            for _ in 0..count {
                self.token()?;
            }
            return Ok(());
        }
        let truncated =
            Unread::Truncated { offset: self.cursor.offset().saturating_add(self.cursor.remaining()) };
        match count.checked_mul(size).filter(|bytes| *bytes <= self.cursor.remaining()) {
            Some(bytes) => {
                self.cursor.skip(bytes);
                Ok(())
            }
            None => Err(truncated),
        }
    }

    fn word(&mut self) -> Result<i64, Unread> {
        let at = self.cursor.offset();
        let token = self.token()?;
        token.parse().map_err(|_| Unread::Malformed(format!("`{token}` at byte {at} is no number")))
    }

    /// What stands up to the next space or end of line.
    fn token(&mut self) -> Result<String, Unread> {
        let mut token = String::new();
        while let Some(byte) = self.cursor.byte()? {
            match byte {
                b' ' | b'\n' | b'\t' | b'\r' if token.is_empty() => {}
                b' ' | b'\n' | b'\t' | b'\r' => return Ok(token),
                _ if token.len() >= 64 => {
                    let at = self.cursor.offset();
                    return Err(Unread::Malformed(format!("a number before byte {at} does not end")));
                }
                _ => token.push(char::from(byte)),
            }
        }
        if token.is_empty() { Err(Unread::Truncated { offset: self.cursor.offset() }) } else { Ok(token) }
    }

    /// Bytes that are left, but for the end of the last line.
    fn remaining(&mut self) -> Result<u64, Unread> {
        while self.ascii && self.cursor.peek()?.first().is_some_and(u8::is_ascii_whitespace) {
            self.cursor.skip(1);
        }
        Ok(self.cursor.remaining())
    }
}

struct Walk<'input> {
    input: &'input Input,
    words: Words<'input>,
    /// Numbers of objects that were read: what has one of them stands there once.
    seen: std::collections::BTreeSet<i64>,
    tally: Tally,
    tensors: Tensors,
}

impl Walk<'_> {
    /// One object and everything in it, with the number of objects that are left in each one around it.
    fn all(&mut self) -> Result<(), Unread> {
        let mut open = vec![1u64];
        let most = usize::try_from(self.input.limits().state_bytes / 64).unwrap_or(usize::MAX);
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
                    let inside = self.object()?;
                    if inside > 0 {
                        open.push(inside);
                    }
                }
            }
            if open.len() > most || self.seen.len() > most {
                return Err(Unread::Limit(LimitKind::StateBytes, self.input.limits().state_bytes));
            }
        }
        Ok(())
    }

    /// One object; how many objects stand in it.
    fn object(&mut self) -> Result<u64, Unread> {
        let at = self.words.cursor.offset();
        match self.words.int()? {
            0 => Ok(0),
            1 => self.words.double().map(|()| 0),
            2 => self.words.text().map(|_| 0),
            5 => self.words.int().map(|_| 0),
            3 => {
                if !self.seen.insert(self.words.int()?) {
                    return Ok(0);
                }
                let count = self.words.size(false)?;
                if count > self.words.cursor.remaining() {
                    return Err(Unread::Malformed(format!("a table at byte {at} claims {count} items")));
                }
                Ok(count.saturating_mul(2))
            }
            4 => {
                if !self.seen.insert(self.words.int()?) {
                    return Ok(0);
                }
                // Before there were versions, the class stood here.
                let version = self.words.text()?;
                let class = if version.starts_with("V ") { self.words.text()? } else { version };
                self.class(&class, at)
            }
            6 => self.function(at),
            // Of these two, one is of old; both may stand there once.
            7 | 8 => {
                if !self.seen.insert(self.words.int()?) {
                    return Ok(0);
                }
                self.function(at)
            }
            other => Err(Unread::Malformed(format!("type {other} at byte {at} is none of Torch7's"))),
        }
    }

    /// Bytecode, then what it has closed over.
    fn function(&mut self, at: u64) -> Result<u64, Unread> {
        let size = self.words.size(false)?;
        self.words.bytes(size)?;
        let beginning = format!("of {size} bytes");
        let target = Target::Code { language: "Lua bytecode", beginning };
        self.tally.add(Effect::new(EffectKind::Run, target, "function"), at);
        Ok(1)
    }

    fn class(&mut self, class: &str, at: u64) -> Result<u64, Unread> {
        let middle = |ending| class.strip_prefix("torch.").and_then(|rest: &str| rest.strip_suffix(ending));
        let element = |name: &str| {
            let name = name.strip_prefix("Cuda").unwrap_or(name);
            let name = if name.is_empty() { "Float" } else { name };
            ELEMENTS.iter().find(|(known, _)| *known == name).map(|(_, size)| *size)
        };
        if middle("Tensor").and_then(element).is_some() {
            return self.tensor(at);
        }
        if let Some(size) = middle("Storage").and_then(element) {
            let count = self.words.size(true)?;
            self.words.elements(count, size)?;
            self.tensors.bytes = self.tensors.bytes.saturating_add(count.saturating_mul(size));
            return Ok(0);
        }
        let (domain, name) = class.rsplit_once('.').unwrap_or(("", class));
        self.tally.add(operate("torch7", domain, name, "class"), at);
        match class {
            // A list of names and values one after the other.
            "tds.Hash" | "tds.hash" => self.words.size(true).map(|count| count.saturating_mul(2)),
            "tds.Vec" | "tds.vec" => self.words.size(true),
            // Everything else is a table.
            _ => Ok(1),
        }
    }

    fn tensor(&mut self, at: u64) -> Result<u64, Unread> {
        let dimensions = self.words.int()?;
        if !(0..=MOST_DIMENSIONS).contains(&dimensions) {
            return Err(Unread::Malformed(format!("the tensor at byte {at} has {dimensions} dimensions")));
        }
        let mut elements = Some(u64::from(dimensions > 0));
        for _ in 0..dimensions {
            let size = self.words.size(true)?;
            elements = elements.and_then(|all| all.checked_mul(size));
        }
        for _ in 0..dimensions {
            self.words.long()?;
        }
        self.words.long()?; // where it begins in its storage
        match elements {
            Some(elements) => {
                self.tensors.count = self.tensors.count.saturating_add(1);
                self.tensors.elements = self.tensors.elements.saturating_add(elements);
            }
            None => {
                let what = Target::Unknown("a tensor has more elements than can be counted".to_owned());
                self.tally.add(Effect::new(EffectKind::Corrupt, what, "Tensor"), at);
            }
        }
        Ok(1) // its storage
    }
}
