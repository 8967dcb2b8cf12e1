//! As much of a SQLite database as one table of blobs needs.
//!
//! Source: SQLite, *Database File Format*: 1.3 (the header), 1.5 (the freelist), 1.6 (b-tree pages), 1.7 (overflow), 2.1
//! (records), 2.6 (the schema). All numbers are big-endian. Indexes are not needed and not looked at.

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;

use super::pages::Pages;
use super::{Found, malformed, most_header};
use crate::bytes::{array_at, length, offset};

const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Bytes of the header of the file, which lie on the first page before what else is there.
const FILE_HEADER: usize = 100;

/// What a page of a table is.
const INTERIOR: u8 = 5;
const LEAF: u8 = 13;

/// The table with the packages, and the column with their headers (`hnum`, `blob`).
const TABLE: &str = "Packages";
const COLUMN: usize = 1;

/// Longest row of the schema, in bytes: its longest part is a command.
const MOST_SCHEMA: u64 = 1 << 20;

/// Whether a file begins as a SQLite database.
pub(super) fn is(input: &Input) -> Result<bool, Unread> {
    let mut head = [0; 16];
    input.read_some(0, &mut head)?;
    Ok(head == *MAGIC)
}

/// Finds the headers of all packages.
pub(super) fn read(input: &Input, found: &mut Found<'_>) -> Result<(), Unread> {
    let mut head = [0; FILE_HEADER];
    input.read_exact(0, &mut head)?;
    let mut tables = Tables::new(input, &head)?;
    let whole = tables.whole(&head);
    found.part(input.size(), whole)?;
    let freed = tables.claim_freed(&head);
    found.part(32, freed)?;
    let mut root = None;
    tables.each_row(1, MOST_SCHEMA, found, &mut |_, row, _| {
        let columns = Columns::of(row)?;
        let is = |at, text: &str| columns.text(at).is_some_and(|it| it.eq_ignore_ascii_case(text.as_bytes()));
        if is(0, "table") && is(1, TABLE) {
            if root.is_some() {
                return Err(malformed(format!("it has more than one table `{TABLE}`")));
            }
            root = Some(columns.number(3).ok_or_else(|| malformed("the table has no first page"))?);
        }
        Ok(())
    })?;
    let root = root.ok_or_else(|| malformed(format!("it has no table `{TABLE}`")))?;
    tables.each_row(root, most_header(input), found, &mut |at, row, found| {
        let blob = Columns::of(row)?.blob(COLUMN).ok_or_else(|| malformed("a row without a header"))?;
        found.header(at, blob);
        Ok(())
    })
}

fn number16(bytes: &[u8], at: usize) -> Option<usize> {
    array_at(bytes, at).map(|it| usize::from(u16::from_be_bytes(it)))
}

fn number32(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(|it| u64::from(u32::from_be_bytes(it)))
}

/// A number of up to nine bytes, and what follows it (1.6, *varint*).
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0u64;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        let rest = || bytes.get(at.checked_add(1)?..);
        if at == 8 {
            return Some((number << 8 | u64::from(*byte), rest()?));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if *byte < 0x80 {
            return Some((number, rest()?));
        }
    }
    None
}

/// The tables of a database.
struct Tables<'input> {
    pages: Pages<'input>,
    /// Bytes of a page that are used.
    usable: usize,
}

/// What to do with a row: the offset of its page, its content, and where findings go.
type Take<'take, 'sink> = dyn FnMut(u64, &[u8], &mut Found<'sink>) -> Result<(), Unread> + 'take;

impl<'input> Tables<'input> {
    fn new(input: &'input Input, head: &[u8; FILE_HEADER]) -> Result<Self, Unread> {
        let size = match number16(head, 16) {
            Some(1) => 65536,
            Some(size) if size >= 512 && size.is_power_of_two() => size,
            _ => return Err(malformed("the size of its pages is none that SQLite has")),
        };
        let reserved = head.get(20).map_or(0, |it| usize::from(*it));
        let usable = size.checked_sub(reserved).filter(|usable| *usable >= 480);
        let usable = usable.ok_or_else(|| malformed("nothing of its pages is used"))?;
        if matches!(number32(head, 56), Some(2 | 3)) {
            return Err(Unread::Unsupported("a SQLite database in UTF-16".to_owned()));
        }
        Ok(Self { pages: Pages::new(input, offset(size), 1), usable })
    }

    /// Whether all pages are there, of which the header tells (1.3.7: only if it is not older than the last change).
    fn whole(&self, head: &[u8; FILE_HEADER]) -> Result<(), Unread> {
        let stated = if number32(head, 24) == number32(head, 92) { number32(head, 28) } else { None };
        self.pages.expect(stated.unwrap_or(0))
    }

    /// Marks the pages that are in no use, so that none of them passes for one of a table.
    fn claim_freed(&mut self, head: &[u8; FILE_HEADER]) -> Result<(), Unread> {
        let mut next = number32(head, 32).unwrap_or(0);
        while next != 0 {
            self.pages.claim(next)?;
            let trunk = self.pages.read(next)?;
            let count = length(number32(&trunk, 4).unwrap_or(0));
            if count > self.usable.saturating_div(4).saturating_sub(2) {
                return Err(malformed(format!("page {next} lists more free pages than it can hold")));
            }
            for at in 0..count {
                let freed = number32(&trunk, at.saturating_mul(4).saturating_add(8));
                self.pages.claim(freed.unwrap_or(0))?;
            }
            next = number32(&trunk, 0).unwrap_or(0);
        }
        Ok(())
    }

    /// Gives all rows of the table with this first page, in their order; those longer than `most` are told.
    fn each_row<'sink>(
        &mut self,
        root: u64,
        most: u64,
        found: &mut Found<'sink>,
        take: &mut Take<'_, 'sink>,
    ) -> Result<(), Unread> {
        self.pages.claim(root)?;
        let mut stack = vec![root];
        while let Some(number) = stack.pop() {
            let at = self.pages.offset(number);
            let page = self.pages.read(number);
            let Some(page) = found.part(at, page)? else { continue };
            let start = if number == 1 { FILE_HEADER } else { 0 };
            match page.get(start) {
                Some(&INTERIOR) => {
                    let below = self.below(&page, start);
                    for child in found.part(at, below)?.unwrap_or_default().into_iter().rev() {
                        let claimed = self.pages.claim(child);
                        if found.part(at, claimed)?.is_some() {
                            stack.push(child);
                        }
                    }
                }
                Some(&LEAF) => self.leaf(&page, start, at, most, found, take)?,
                _ => found.notes.lost(format!("page {number} is none of a table"), Some(Span::Offset(at))),
            }
            if found.is_full() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Where the cells of a page begin.
    fn cells(&self, page: &[u8], start: usize, header: usize) -> Result<Vec<usize>, Unread> {
        let count = number16(page, start.saturating_add(3)).unwrap_or(0);
        let first = start.saturating_add(header);
        let end = first.saturating_add(count.saturating_mul(2));
        if end > self.usable {
            return Err(malformed("a page has more cells than fit"));
        }
        Ok((0..count).filter_map(|at| number16(page, first.saturating_add(at.saturating_mul(2)))).collect())
    }

    /// The pages below an interior page, in order.
    fn below(&self, page: &[u8], start: usize) -> Result<Vec<u64>, Unread> {
        let cells = self.cells(page, start, 12)?;
        let last = number32(page, start.saturating_add(8));
        let below: Option<Vec<u64>> =
            cells.into_iter().map(|cell| number32(page, cell)).chain([last]).collect();
        below.ok_or_else(|| malformed("a cell lies behind the end of its page"))
    }

    fn leaf<'sink>(
        &mut self,
        page: &[u8],
        start: usize,
        at: u64,
        most: u64,
        found: &mut Found<'sink>,
        take: &mut Take<'_, 'sink>,
    ) -> Result<(), Unread> {
        let cells = self.cells(page, start, 8);
        // Cells do not lie over each other, so that all of them together fit into the page.
        let mut room = self.usable;
        for cell in found.part(at, cells)?.unwrap_or_default() {
            let row = self.row(page, cell, most, &mut room);
            if let Some(row) = found.part(at, row)? {
                let taken = take(at, &row, found);
                found.part(at, taken)?;
            }
            if room == 0 || found.is_full() {
                break;
            }
        }
        Ok(())
    }

    /// The content of a row, from its cell and the pages on which it goes on.
    fn row(&mut self, page: &[u8], cell: usize, most: u64, room: &mut usize) -> Result<Vec<u8>, Unread> {
        const OUTSIDE: &str = "a cell lies behind the end of its page";
        let bytes = page.get(..self.usable).and_then(|page| page.get(cell..));
        let sizes = bytes.and_then(varint).and_then(|(size, rest)| Some((size, varint(rest)?.1)));
        let (size, rest) = sizes.ok_or_else(|| malformed(OUTSIDE))?;
        let local = self.local(size);
        // An empty row takes room, too: a page may not point to one cell as often as it likes.
        match room.checked_sub(local.max(1)) {
            Some(left) => *room = left,
            None => {
                *room = 0;
                return Err(malformed("the cells of a page lie over each other"));
            }
        }
        if size > most {
            return Err(Unread::Limit(LimitKind::StateBytes, most));
        }
        let (content, rest) = rest.split_at_checked(local).ok_or_else(|| malformed(OUTSIDE))?;
        let (mut content, size) = (content.to_vec(), length(size));
        let mut next =
            if content.len() < size { number32(rest, 0).ok_or_else(|| malformed(OUTSIDE))? } else { 0 };
        while content.len() < size {
            if next == 0 {
                return Err(malformed("the content of a row ends early"));
            }
            self.pages.claim(next)?;
            let more = self.pages.read(next)?;
            let wanted = size.saturating_sub(content.len()).min(self.usable.saturating_sub(4));
            content.extend_from_slice(more.get(4..wanted.saturating_add(4)).unwrap_or_default());
            next = number32(&more, 0).unwrap_or(0);
        }
        Ok(content)
    }

    /// How many bytes of a content lie in the cell itself (1.6, the letters `U`, `X`, `M` and `K` there).
    fn local(&self, size: u64) -> usize {
        let usable = offset(self.usable);
        let most = usable.saturating_sub(35);
        if size <= most {
            return length(size);
        }
        let least = usable.saturating_sub(12).saturating_mul(32).saturating_div(255).saturating_sub(23);
        let over = size.saturating_sub(least).checked_rem(usable.saturating_sub(4)).unwrap_or(0);
        let kept = least.saturating_add(over);
        length(if kept <= most { kept } else { least })
    }
}

/// The columns of a row: the type of each, and its bytes.
struct Columns<'row>(Vec<(u64, &'row [u8])>);

impl<'row> Columns<'row> {
    /// Most columns that are looked at; the schema has five.
    const MOST: usize = 8;

    fn of(row: &'row [u8]) -> Result<Self, Unread> {
        Self::parse(row).ok_or_else(|| malformed("a row is no record"))
    }

    fn parse(row: &'row [u8]) -> Option<Self> {
        let (size, after) = varint(row)?;
        let (_, mut body) = row.split_at_checked(length(size))?;
        let mut types = after.get(..length(size).checked_sub(row.len().checked_sub(after.len())?)?)?;
        let mut columns = Vec::new();
        while !types.is_empty() && columns.len() < Self::MOST {
            let (kind, rest) = varint(types)?;
            let bytes = match kind {
                0 | 8 | 9 => 0,
                1..=4 => kind,
                5 => 6,
                6 | 7 => 8,
                10 | 11 => return None,
                _ => kind.saturating_sub(12) >> 1,
            };
            let (value, left) = body.split_at_checked(length(bytes))?;
            columns.push((kind, value));
            (types, body) = (rest, left);
        }
        Some(Self(columns))
    }

    fn text(&self, at: usize) -> Option<&'row [u8]> {
        self.0.get(at).filter(|(kind, _)| *kind >= 13 && kind & 1 == 1).map(|(_, value)| *value)
    }

    fn blob(&self, at: usize) -> Option<&'row [u8]> {
        self.0.get(at).filter(|(kind, _)| *kind >= 12 && kind & 1 == 0).map(|(_, value)| *value)
    }

    /// A number that is not negative.
    fn number(&self, at: usize) -> Option<u64> {
        let (kind, value) = self.0.get(at)?;
        match kind {
            1..=6 => {
                let negative = value.first().is_some_and(|byte| *byte >= 0x80);
                (!negative).then(|| value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
            }
            8 => Some(0),
            9 => Some(1),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_up_to_nine_bytes() {
        for (bytes, expected) in [
            (&[0x00][..], Some((0, 0))),
            (&[0x7f, 1], Some((127, 1))),
            (&[0x81, 0x00], Some((128, 0))),
            (&[0x80, 0x01], Some((1, 0))),
            (&[0xff; 9], Some((u64::MAX, 0))),
            (&[0xff; 10], Some((u64::MAX, 1))),
            (&[0xff; 8], None),
            (&[], None),
        ] {
            assert_eq!(varint(bytes).map(|(number, rest)| (number, rest.len())), expected, "{bytes:?}");
        }
    }

    #[test]
    fn columns_are_those_of_the_types() {
        let row = [6, 0, 1, 9, 17, 14, 5, b'a', b'b', 7];
        let columns = Columns::of(&row).unwrap();
        assert_eq!((columns.number(0), columns.number(1), columns.number(2)), (None, Some(5), Some(1)));
        assert_eq!((columns.text(3), columns.blob(4)), (Some(&b"ab"[..]), Some(&[7][..])));
        assert!(columns.blob(3).is_none() && columns.text(4).is_none() && columns.blob(5).is_none());
        for broken in [&row[..9], &[9, 0], &[2, 10], &[0], &[]] {
            assert!(Columns::of(broken).is_err(), "{broken:?}");
        }
    }
}
