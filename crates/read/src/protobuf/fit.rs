//! Whether the first bytes of an entry can be a message of some kind. Protocol buffers have no magic number: what tells
//! two formats apart is that the fields of one contradict the table of the other.

use super::schema::{Kind, Message};
use super::{DEPTH, FIXED32, FIXED64, LENGTH, MOST_NUMBER, VARINT};
use crate::bytes::{length, offset};

/// What a table explains of some bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    message: &'static Message,
    /// Fields of the outermost message, by their place in the table.
    seen: u64,
    /// Fields of all messages.
    pub(crate) fields: usize,
}

impl Fit {
    /// Whether the outermost message has this field.
    pub(crate) fn has(&self, name: &str) -> bool {
        let place = self.message.fields.iter().position(|spec| spec.name == name);
        let place = place.and_then(|place| u32::try_from(place).ok());
        place.and_then(|place| 1u64.checked_shl(place)).is_some_and(|bit| self.seen & bit != 0)
    }
}

/// What `message` explains of `head`, the first of `size` bytes; none where they contradict it.
pub(crate) fn fit(message: &'static Message, head: &[u8], size: u64) -> Option<Fit> {
    let mut fit = Fit { message, seen: 0, fields: 0 };
    walk(message, head, size, DEPTH, &mut |depth, place| {
        fit.fields = fit.fields.saturating_add(1);
        if depth == DEPTH {
            fit.seen |= u32::try_from(place).ok().and_then(|place| 1u64.checked_shl(place)).unwrap_or(0);
        }
    })?;
    Some(fit)
}

/// Calls `found` with depth and place of every field; none where the bytes contradict the table.
fn walk(
    message: &'static Message,
    mut head: &[u8],
    size: u64,
    depth: usize,
    found: &mut dyn FnMut(usize, usize),
) -> Option<()> {
    let below = depth.checked_sub(1)?;
    let mut left = size;
    let mut last = 0u64;
    while left > 0 {
        let Some((tag, used)) = varint(head, left)? else { return Some(()) };
        let (number, wire) = (tag >> 3, tag & 7);
        let (place, spec) = message.field(number).filter(|_| number <= MOST_NUMBER)?;
        if !spec.allows(wire) || (number == last && !spec.many) {
            return None;
        }
        last = number;
        (head, left) = skip(head, left, used);
        let size = match wire {
            VARINT => {
                let Some((_, used)) = varint(head, left)? else { return Some(()) };
                offset(used)
            }
            FIXED32 => 4,
            FIXED64 => 8,
            LENGTH => {
                let Some((size, used)) = varint(head, left)? else { return Some(()) };
                (head, left) = skip(head, left, used);
                size
            }
            _ => return None,
        };
        if size > left {
            return None;
        }
        let visible = head.get(..length(size).min(head.len())).unwrap_or_default();
        match spec.kind {
            Kind::Text if !is_text(visible, size) => return None,
            Kind::Sub(inner) => walk(inner, visible, size, below, found)?,
            _ => {}
        }
        found(depth, place);
        (head, left) = skip(head, left, length(size));
    }
    Some(())
}

fn skip(head: &[u8], left: u64, count: usize) -> (&[u8], u64) {
    (head.get(count..).unwrap_or_default(), left.saturating_sub(offset(count)))
}

/// A number and its length; the inner none where the visible bytes end, the outer where it is no number.
#[expect(clippy::option_option, reason = "wrong and not visible are different answers")]
fn varint(head: &[u8], left: u64) -> Option<Option<(u64, usize)>> {
    let mut number = 0u64;
    for place in 0..10usize {
        if offset(place) >= left {
            return None;
        }
        let Some(byte) = head.get(place) else { return Some(None) };
        let shift = u32::try_from(place.saturating_mul(7)).ok()?;
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(Some((number, place.saturating_add(1))));
        }
    }
    None
}

/// Whether these first bytes of a text can be one: UTF-8 without control characters.
fn is_text(visible: &[u8], size: u64) -> bool {
    let text = match std::str::from_utf8(visible) {
        Ok(text) => text,
        // The last character may be cut where the visible bytes end.
        Err(error) if error.error_len().is_none() && offset(visible.len()) < size => {
            let whole = visible.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(whole).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.chars().any(|character| character.is_control() && !matches!(character, '\t' | '\n' | '\r'))
}
