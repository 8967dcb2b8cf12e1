//! The hash table of Berkeley DB in which RPM kept its packages before 4.16.
//!
//! Source: Berkeley DB 4.8 to 5.3, `db_page.h` and `hash.h` (the layout). The first page describes the table. Pages of the table
//! have pairs of key and value: from the front the offsets of the items, from the back the items. A long value lies on a chain of
//! overflow pages. Numbers have the byte order of the machine. All pages are gone through in order, not bucket by bucket: one that
//! was freed has another type. A key is the number of a package; the one of number 0 is no package.

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;

use super::pages::Pages;
use super::{Found, malformed, most_header};
use crate::bytes::{array_at, length, offset};

const MAGIC: u32 = 0x0006_1561;
/// Bytes of the first page that are looked at.
const DESCRIPTION: usize = 72;
/// Bytes at the front of every page.
const PAGE_HEADER: usize = 26;

/// Types of pages: of a table, unsorted (before 4.6) and sorted, and of a long value.
const UNSORTED: u8 = 2;
const SORTED: u8 = 13;
const OVERFLOW: u8 = 7;

/// Types of items: the value itself, and where a long one lies.
const INLINE: u8 = 1;
const ELSEWHERE: u8 = 3;

/// How numbers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    fn number16(self, bytes: &[u8], at: usize) -> Option<usize> {
        let bytes = array_at(bytes, at)?;
        Some(usize::from(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }))
    }

    fn number32(self, bytes: &[u8], at: usize) -> Option<u64> {
        let bytes = array_at(bytes, at)?;
        Some(u64::from(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }))
    }
}

/// The byte order of a file, if it begins as a hash table.
pub(super) fn order(input: &Input) -> Result<Option<Order>, Unread> {
    let mut head = [0; 16];
    input.read_some(0, &mut head)?;
    let is = |order: &Order| order.number32(&head, 12) == Some(MAGIC.into());
    Ok([Order::Little, Order::Big].into_iter().find(is))
}

/// Finds the headers of all packages.
pub(super) fn read(input: &Input, order: Order, found: &mut Found<'_>) -> Result<(), Unread> {
    let mut head = [0; DESCRIPTION];
    input.read_exact(0, &mut head)?;
    let size = order.number32(&head, 20).unwrap_or(0);
    if !(512..=65536).contains(&size) || !size.is_power_of_two() {
        return Err(malformed("the size of its pages is none that Berkeley DB has"));
    }
    if head.get(24) != Some(&0) {
        return Err(Unread::Encrypted);
    }
    if head.get(26) != Some(&0) {
        return Err(Unread::Unsupported("a Berkeley DB with checksums or in parts".to_owned()));
    }
    let mut table = Table { pages: Pages::new(input, size, 0), order };
    let last = order.number32(&head, 32).unwrap_or(0);
    let whole = table.pages.expect(last.saturating_add(1));
    found.part(input.size(), whole)?;
    for number in 1..table.pages.count() {
        let at = table.pages.offset(number);
        let mut kind = [0];
        input.read_exact(at.saturating_add(25), &mut kind)?;
        if matches!(kind, [UNSORTED | SORTED]) {
            let claimed = table.pages.claim(number).and_then(|()| table.pages.read(number));
            if let Some(page) = found.part(at, claimed)? {
                table.page(input, &page, at, found)?;
            }
        }
        if found.is_full() {
            break;
        }
    }
    Ok(())
}

struct Table<'input> {
    pages: Pages<'input>,
    order: Order,
}

impl Table<'_> {
    /// Takes the pairs of a page.
    fn page(&mut self, input: &Input, page: &[u8], at: u64, found: &mut Found<'_>) -> Result<(), Unread> {
        let items = self.items(page).ok_or_else(|| malformed("the items of a page lie over each other"));
        let Some(items) = found.part(at, items)? else { return Ok(()) };
        for pair in items.chunks(2) {
            let [key, value] = pair else {
                found.notes.lost("a key without a value", Some(Span::Offset(at)));
                break;
            };
            if *key == [INLINE, 0, 0, 0, 0] {
                continue;
            }
            let value = self.value(input, value);
            if let Some(header) = found.part(at, value)? {
                found.header(at, &header);
            }
            if found.is_full() {
                break;
            }
        }
        Ok(())
    }

    /// The items of a page, none of which lies over another one.
    fn items<'page>(&self, page: &'page [u8]) -> Option<Vec<&'page [u8]>> {
        let count = self.order.number16(page, 20)?;
        let front = PAGE_HEADER.checked_add(count.checked_mul(2)?)?;
        let mut items = Vec::new();
        let mut end = page.len();
        for at in 0..count {
            let start = self.order.number16(page, PAGE_HEADER.checked_add(at.checked_mul(2)?)?)?;
            items.push(page.get(start..end).filter(|_| start >= front)?);
            end = start;
        }
        Some(items)
    }

    /// The bytes of a value.
    fn value(&mut self, input: &Input, item: &[u8]) -> Result<Vec<u8>, Unread> {
        match item.split_first() {
            Some((&INLINE, value)) => Ok(value.to_vec()),
            Some((&ELSEWHERE, _)) => {
                let number =
                    |at| self.order.number32(item, at).ok_or_else(|| malformed("an item ends early"));
                let (first, size) = (number(4)?, number(8)?);
                self.long_value(first, size, most_header(input))
            }
            _ => Err(malformed("a value is of a type that RPM does not write")),
        }
    }

    /// A value of `size` bytes on the chain of pages that begins with `next`.
    fn long_value(&mut self, mut next: u64, size: u64, most: u64) -> Result<Vec<u8>, Unread> {
        if size > most {
            return Err(Unread::Limit(LimitKind::StateBytes, most));
        }
        let mut value = Vec::new();
        while offset(value.len()) < size {
            if next == 0 {
                return Err(malformed("a long value ends early"));
            }
            self.pages.claim(next)?;
            let page = self.pages.read(next)?;
            let count = self.order.number16(&page, 22).unwrap_or(0);
            let part = page.get(PAGE_HEADER..PAGE_HEADER.saturating_add(count));
            let part = part.filter(|_| page.get(25) == Some(&OVERFLOW) && count > 0);
            value.extend_from_slice(
                part.ok_or_else(|| malformed(format!("page {next} is none of a long value")))?,
            );
            next = self.order.number32(&page, 16).unwrap_or(0);
        }
        if offset(value.len()) > size || next != 0 {
            return Err(malformed("a long value has another size than it says"));
        }
        value.truncate(length(size));
        Ok(value)
    }
}
