//! Handles in a few bytes: a tag, then what differs from the one before.
//!
//! A pickle of records is mostly texts and numbers that follow each other closely, and tuples of them. Kept as
//! differences they take two or three bytes instead of eight.

use weighbridge_core::coverage::Unread;

use super::handle::Handle;
use super::heap::{Budget, Pool};

/// What the handles before a handle were, so that the next one can be told by its difference.
#[derive(Clone, Copy, Default)]
struct Before {
    offset: u64,
    index: u64,
}

/// The longest that one handle gets: the tag, and 58 bits in groups of seven.
const LONGEST: usize = 10;

/// Packs `handle` into the beginning of `out` and gives the length.
fn pack(handle: Handle, before: &mut Before, out: &mut [u8; LONGEST]) -> usize {
    let (tag, payload) = handle.parts();
    let difference = match Kind::of(tag) {
        Kind::Plain => None,
        Kind::Number => Some(zigzag((payload << Handle::TAG_BITS).cast_signed() >> Handle::TAG_BITS)),
        Kind::Offset => {
            let difference = payload.wrapping_sub(before.offset).cast_signed();
            before.offset = payload;
            Some(zigzag(difference))
        }
        Kind::Index => {
            let difference = payload.wrapping_sub(before.index).cast_signed();
            before.index = payload;
            Some(zigzag(difference))
        }
    };
    let mut bytes = out.iter_mut();
    let mut put = |byte: u8| {
        if let Some(slot) = bytes.next() {
            *slot = byte;
        }
    };
    put(tag);
    let mut length = 1usize;
    let mut left = difference;
    while let Some(rest) = left {
        let [low, ..] = rest.to_le_bytes();
        let more = rest >> 7;
        left = (more > 0).then_some(more);
        put((low & 0x7f) | if more > 0 { 0x80 } else { 0 });
        length = length.saturating_add(1);
    }
    length
}

/// Unpacks the handle at `at`, and moves `at` behind it.
fn unpack(bytes: &[u8], at: &mut usize, before: &mut Before) -> Option<Handle> {
    let mut next = || {
        let byte = bytes.get(*at).copied()?;
        *at = at.saturating_add(1);
        Some(byte)
    };
    let tag = next()?;
    let kind = Kind::of(tag);
    if matches!(kind, Kind::Plain) {
        return Some(Handle::from_parts(tag, 0));
    }
    let (mut difference, mut shift) = (0u64, 0u32);
    loop {
        let byte = next()?;
        difference |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift = shift.saturating_add(7);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let difference = unzigzag(difference);
    let payload = match kind {
        Kind::Plain => 0,
        Kind::Number => difference.cast_unsigned() & (u64::MAX >> Handle::TAG_BITS),
        Kind::Offset => {
            before.offset = before.offset.wrapping_add(difference.cast_unsigned());
            before.offset
        }
        Kind::Index => {
            before.index = before.index.wrapping_add(difference.cast_unsigned());
            before.index
        }
    };
    Some(Handle::from_parts(tag, payload))
}

fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ (value & 1).cast_signed().wrapping_neg()
}

/// What the payload of a handle is.
#[derive(Clone, Copy)]
enum Kind {
    /// Nothing.
    Plain,
    /// A small integer.
    Number,
    /// An offset in the stream.
    Offset,
    /// An index into the heap.
    Index,
}

impl Kind {
    fn of(tag: u8) -> Self {
        match tag {
            3 => Self::Number,
            4..=10 => Self::Offset,
            11..=18 => Self::Index,
            _ => Self::Plain,
        }
    }
}

/// Tuples of a few elements, one after the other. They never change, so nothing needs room to grow.
#[derive(Default)]
pub(super) struct Tuples {
    bytes: Pool<u8>,
}

/// The most elements of a tuple that is kept here.
pub(super) const SMALL: usize = 4;

/// A tuple, unpacked.
#[derive(Clone, Copy)]
pub(super) struct Small {
    elements: [Handle; SMALL],
    pub(super) count: u8,
    /// It holds something that cannot be a key.
    pub(super) unhashable: bool,
}

impl Small {
    pub(super) fn elements(&self) -> &[Handle] {
        self.elements.get(..usize::from(self.count)).unwrap_or_default()
    }
}

impl Tuples {
    /// Where the next tuple will lie.
    pub(super) fn next(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a tuple of at most [`SMALL`] elements.
    pub(super) fn push(
        &mut self,
        items: &[Handle],
        unhashable: bool,
        budget: &mut Budget,
    ) -> Result<(), Unread> {
        let count = u8::try_from(items.len()).unwrap_or(0);
        self.bytes.push(count | if unhashable { 0x80 } else { 0 }, budget)?;
        let mut before = Before::default();
        let mut packed = [0; LONGEST];
        for item in items {
            let length = pack(*item, &mut before, &mut packed);
            self.bytes.extend(packed.get(..length).unwrap_or_default(), budget)?;
        }
        Ok(())
    }

    /// The tuple at `at`.
    pub(super) fn get(&self, mut at: usize) -> Option<Small> {
        let bytes = self.bytes.as_slice();
        let head = bytes.get(at).copied()?;
        at = at.saturating_add(1);
        let count = head & 0x7f;
        let mut small = Small { elements: [Handle::UNKNOWN; SMALL], count, unhashable: head & 0x80 != 0 };
        let mut before = Before::default();
        for slot in small.elements.get_mut(..usize::from(count))? {
            *slot = unpack(bytes, &mut at, &mut before)?;
        }
        Some(small)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// Handles in the order in which they came, to be found by their number.
#[derive(Default)]
pub(super) struct Sequence {
    bytes: Pool<u8>,
    /// Where each block begins.
    blocks: Pool<u32>,
    count: u64,
    before: Before,
}

/// Handles of a block: to find one, those before it in its block are unpacked.
const BLOCK: u64 = 16;

impl Sequence {
    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.count
    }

    /// Adds one.
    pub(super) fn push(&mut self, handle: Handle, budget: &mut Budget) -> Result<(), Unread> {
        if self.count.is_multiple_of(BLOCK) {
            let start = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
            self.blocks.push(start, budget)?;
            self.before = Before::default();
        }
        let mut packed = [0; LONGEST];
        let length = pack(handle, &mut self.before, &mut packed);
        self.bytes.extend(packed.get(..length).unwrap_or_default(), budget)?;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// The one with this number.
    pub(super) fn get(&self, number: u64) -> Option<Handle> {
        if number >= self.count {
            return None;
        }
        let block = self.blocks.get(usize::try_from(number.checked_div(BLOCK)?).ok()?)?;
        let mut at = usize::try_from(block).ok()?;
        let mut before = Before::default();
        let bytes = self.bytes.as_slice();
        for _ in 0..number.checked_rem(BLOCK)? {
            unpack(bytes, &mut at, &mut before)?;
        }
        unpack(bytes, &mut at, &mut before)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.blocks.clear();
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::handle::View;
    use super::*;

    /// Handles of every kind, with the largest and smallest payloads.
    fn handles() -> Vec<Handle> {
        let mut views = vec![View::None, View::Bool(true), View::Bool(false), View::Unknown];
        for number in [0, 1, -1, 63, -64, 1 << 40, (1 << 57) - 1, -(1 << 57)] {
            views.push(View::Int(number));
        }
        for at in [0, 5, 250, 3, (1 << 58) - 1, 7] {
            views.extend([
                View::IntAt(at),
                View::FloatAt(at),
                View::Text { at, telling: false },
                View::Text { at, telling: true },
                View::Bytes(at),
                View::ByteArray(at),
                View::Encoded(at),
            ]);
        }
        for index in [0, 9, u32::MAX, 4] {
            views.extend([
                View::Tuple(index),
                View::List(index),
                View::Dict(index),
                View::Set(index),
                View::FrozenSet(index),
                View::Global(index),
                View::Object(index),
                View::Persistent(index),
            ]);
        }
        views.into_iter().map(Handle::new).chain([Handle::ABSENT]).collect()
    }

    #[test]
    fn a_sequence_gives_back_what_was_put_into_it() {
        let handles = handles();
        let mut budget = Budget::new(1 << 20);
        let mut sequence = Sequence::default();
        for handle in &handles {
            sequence.push(*handle, &mut budget).unwrap();
        }
        for (number, handle) in handles.iter().enumerate() {
            let found = sequence.get(u64::try_from(number).unwrap());
            assert!(found == Some(*handle), "{number}: {:?}", handle.view());
        }
        assert!(sequence.get(sequence.len()).is_none());
    }

    #[test]
    fn a_tuple_gives_back_what_was_put_into_it() {
        let mut budget = Budget::new(1 << 20);
        let mut tuples = Tuples::default();
        let mut places = Vec::new();
        let handles = handles();
        for (number, items) in handles.chunks(3).chain([&[][..]]).enumerate() {
            places.push((tuples.next(), items, number % 2 == 0));
            tuples.push(items, number % 2 == 0, &mut budget).unwrap();
        }
        for (place, items, unhashable) in places {
            let small = tuples.get(place).unwrap();
            assert!(small.elements() == items && small.unhashable == unhashable);
        }
        assert!(tuples.get(tuples.next()).is_none());
    }

    #[test]
    fn the_budget_is_a_limit() {
        let mut budget = Budget::new(10_000);
        let mut sequence = Sequence::default();
        let outcome = (0..100_000).try_for_each(|_| sequence.push(Handle::NONE, &mut budget));
        assert!(outcome.is_err());
    }
}
