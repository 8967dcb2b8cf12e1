//! Reads texts, bytes and numbers back from the opcode that pushes them.

use std::cell::{Cell, RefCell};

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;

use super::opcode as op;
use super::text;

/// Looks at the stream a second time, through a small block of its own.
pub(super) struct Source<'input> {
    input: &'input Input,
    block: RefCell<Block>,
    /// What reading back has cost so far: values made, and reads by their size.
    work: Cell<u64>,
}

#[derive(Default)]
struct Block {
    start: u64,
    bytes: Vec<u8>,
}

/// Bytes of a block.
const BLOCK: usize = 4096;
/// Longest line that is looked at for its end.
const LINE: u64 = 1 << 20;

/// A text, or its beginning.
pub(super) struct Text {
    pub(super) beginning: String,
    /// Full length in bytes of UTF-8.
    pub(super) length: u64,
    /// Whether `beginning` is all of it.
    pub(super) whole: bool,
}

/// Where the payload of an opcode lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Payload {
    pub(super) opcode: u8,
    pub(super) start: u64,
    pub(super) length: u64,
}

impl<'input> Source<'input> {
    pub(super) fn new(input: &'input Input) -> Self {
        Self { input, block: RefCell::default(), work: Cell::new(0) }
    }

    /// Counts work.
    pub(super) fn spend(&self, work: usize) {
        self.work.set(self.work.get().saturating_add(u64::try_from(work).unwrap_or(u64::MAX)));
    }

    /// Fails when far more work was done than a stream of this size asks for: a hostile one makes us look at the same
    /// large values over and over.
    pub(super) fn check_work(&self) -> Result<(), Unread> {
        let most = self.input.size().saturating_mul(4).saturating_add(1 << 22);
        if self.work.get() <= most {
            return Ok(());
        }
        Err(Unread::Malformed(
            "the same values are used so often that nobody can look at them all".to_owned(),
        ))
    }

    /// Up to `most` bytes at `offset`.
    pub(super) fn bytes(&self, offset: u64, most: usize) -> Result<Vec<u8>, Unread> {
        self.spend(most / 64);
        if most > BLOCK / 2 {
            let mut bytes = vec![0; most];
            let count = self.input.read_some(offset, &mut bytes)?;
            bytes.truncate(count);
            return Ok(bytes);
        }
        let mut block = self.block.borrow_mut();
        let within = |block: &Block| {
            let from = usize::try_from(offset.checked_sub(block.start)?).ok()?;
            block.bytes.get(from..from.checked_add(most)?).map(<[u8]>::to_vec)
        };
        if let Some(bytes) = within(&block) {
            return Ok(bytes);
        }
        block.bytes.resize(BLOCK, 0);
        // A little before what is asked for: arguments are read back in the order in which they were pushed.
        block.start = offset.saturating_sub(64);
        let start = block.start;
        let count = self.input.read_some(start, &mut block.bytes)?;
        block.bytes.truncate(count);
        let from = usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
        let rest = block.bytes.get(from..).unwrap_or_default();
        Ok(rest.get(..most.min(rest.len())).unwrap_or_default().to_vec())
    }

    /// Where the payload of the opcode at `at` lies.
    pub(super) fn payload(&self, at: u64) -> Result<Payload, Unread> {
        let head = self.bytes(at, 9)?;
        let opcode = head.first().copied().unwrap_or(0);
        let width: usize = match opcode {
            op::SHORT_BINSTRING | op::SHORT_BINBYTES | op::SHORT_BINUNICODE | op::LONG1 => 1,
            op::BINSTRING | op::BINBYTES | op::BINUNICODE | op::LONG4 => 4,
            op::BINUNICODE8 | op::BINBYTES8 | op::BYTEARRAY8 => 8,
            op::BINFLOAT => return Ok(Payload { opcode, start: at.saturating_add(1), length: 8 }),
            _ => {
                let start = at.saturating_add(1);
                return Ok(Payload { opcode, start, length: self.line_length(start)? });
            }
        };
        let mut length = [0u8; 8];
        for (to, from) in length.iter_mut().zip(head.iter().skip(1).take(width)) {
            *to = *from;
        }
        let start = at.saturating_add(1).saturating_add(u64::try_from(width).unwrap_or(0));
        Ok(Payload { opcode, start, length: u64::from_le_bytes(length) })
    }

    fn line_length(&self, start: u64) -> Result<u64, Unread> {
        let mut at = start;
        while at.saturating_sub(start) < LINE {
            let bytes = self.bytes(at, BLOCK / 2)?;
            if let Some(newline) = bytes.iter().position(|byte| *byte == b'\n') {
                at = at.saturating_add(u64::try_from(newline).unwrap_or(0));
                break;
            }
            if bytes.is_empty() {
                break;
            }
            at = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
        }
        Ok(at.saturating_sub(start))
    }

    /// The text pushed at `at`, decoded from its first `most` bytes.
    pub(super) fn text(&self, at: u64, most: usize) -> Result<Text, Unread> {
        let payload = self.payload(at)?;
        let wanted = usize::try_from(payload.length).unwrap_or(usize::MAX).min(most);
        let bytes = self.bytes(payload.start, wanted)?;
        let whole = u64::try_from(wanted) == Ok(payload.length);
        let beginning = match payload.opcode {
            op::STRING => {
                let inner = match text::unquote(&bytes) {
                    Some(inner) => inner,
                    None => bytes.get(1..).unwrap_or_default(),
                };
                text::latin1(&text::unescape(inner).unwrap_or(inner.into()))
            }
            op::UNICODE => text::raw_unicode_escape(&bytes).unwrap_or_else(|| text::latin1(&bytes)),
            op::BINSTRING | op::SHORT_BINSTRING | op::PERSID => text::latin1(&bytes),
            _ if whole => text::utf8(&bytes),
            _ => match std::str::from_utf8(&bytes) {
                Ok(text) => text.to_owned(),
                Err(error) => text::utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()),
            },
        };
        let known = u64::try_from(beginning.len()).unwrap_or(u64::MAX);
        let length = if whole { known } else { payload.length.max(known.saturating_add(1)) };
        Ok(Text { beginning, length, whole })
    }

    /// The first `most` bytes pushed at `at`, and how many there are.
    pub(super) fn binary(&self, at: u64, most: usize) -> Result<(Vec<u8>, u64), Unread> {
        let payload = self.payload(at)?;
        let wanted = usize::try_from(payload.length).unwrap_or(usize::MAX).min(most);
        Ok((self.bytes(payload.start, wanted)?, payload.length))
    }
}
