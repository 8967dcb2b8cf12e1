//! UBJSON, read forward: JSON in binary, with the type and number of a container's values in front where its writer
//! likes.
//!
//! Source: the UBJSON specification, draft 12.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::{Cursor, Input};

use crate::bytes::offset;
use crate::events::{DEEPEST, Event, Events, Text, too_deep};

/// Bytes of the window through which a document is read.
const WINDOW: usize = 64 << 10;

/// Reads one document.
pub(crate) struct Ubjson<'input> {
    cursor: Cursor<'input>,
    /// Bytes of a text that are kept.
    keep: usize,
    open: Vec<Open>,
    begun: bool,
}

/// A container that is open.
#[derive(Clone, Copy)]
struct Open {
    object: bool,
    /// The type of all values, where one is stated.
    kind: Option<u8>,
    /// How many values are left, where their number is stated.
    left: Option<u64>,
    /// The name of the next value was read.
    named: bool,
}

impl<'input> Ubjson<'input> {
    /// The document from `at` on; of each text `keep` bytes are kept.
    pub(crate) fn new(input: &'input Input, at: u64, keep: usize) -> Self {
        Self { cursor: input.cursor(at, WINDOW), keep, open: Vec::new(), begun: false }
    }

    /// Offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.cursor.offset()
    }

    /// The next marker that is not a filler.
    fn marker(&mut self) -> Result<u8, Unread> {
        loop {
            match self.cursor.byte()? {
                Some(b'N') => {}
                Some(marker) => return Ok(marker),
                None => return Err(Unread::Truncated { offset: self.offset() }),
            }
        }
    }

    fn peek(&mut self) -> Result<Option<u8>, Unread> {
        Ok(self.cursor.peek()?.first().copied())
    }

    fn wrong<T>(&self, what: &str) -> Result<T, Unread> {
        Err(Unread::Malformed(format!("no UBJSON: {what} before byte {}", self.offset())))
    }

    fn integer(&mut self, kind: u8) -> Result<Option<i64>, Unread> {
        Ok(Some(match kind {
            b'i' => i64::from(i8::from_be_bytes(self.cursor.array()?)),
            b'U' => i64::from(u8::from_be_bytes(self.cursor.array()?)),
            b'I' => i64::from(i16::from_be_bytes(self.cursor.array()?)),
            b'l' => i64::from(i32::from_be_bytes(self.cursor.array()?)),
            b'L' => i64::from_be_bytes(self.cursor.array()?),
            _ => return Ok(None),
        }))
    }

    /// A length or number of values: an integer of any size that is not negative.
    fn count(&mut self) -> Result<u64, Unread> {
        let kind = self.marker()?;
        match self.integer(kind)?.map(u64::try_from) {
            Some(Ok(count)) => Ok(count),
            _ => self.wrong("a length that is none"),
        }
    }

    fn text(&mut self) -> Result<Text, Unread> {
        let length = self.count()?;
        if length > self.cursor.remaining() {
            return Err(Unread::Truncated { offset: self.offset().saturating_add(self.cursor.remaining()) });
        }
        let mut kept = Vec::new();
        let mut left = length;
        while left > 0 {
            let window = self.cursor.peek()?;
            let part = window.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if part == 0 {
                return Err(Unread::Truncated { offset: self.offset() });
            }
            let room = self.keep.saturating_sub(kept.len());
            kept.extend(window.get(..part.min(room)).unwrap_or_default());
            self.cursor.skip(offset(part));
            left = left.saturating_sub(offset(part));
        }
        Ok(Text { kept: String::from_utf8_lossy(&kept).into_owned(), length })
    }

    /// What stands behind the beginning of a container: the type of its values, their number.
    fn begin(&mut self, object: bool) -> Result<(), Unread> {
        if self.open.len() >= DEEPEST {
            return Err(too_deep());
        }
        let mut open = Open { object, kind: None, left: None, named: false };
        if self.peek()? == Some(b'$') {
            self.cursor.skip(1);
            open.kind = Some(self.marker()?);
            if self.peek()? != Some(b'#') {
                return self.wrong("a type of values without their number");
            }
        }
        if self.peek()? == Some(b'#') {
            self.cursor.skip(1);
            let count = self.count()?;
            // Values of these types take no bytes; everything else takes one at least.
            let empty = matches!(open.kind, Some(b'Z' | b'T' | b'F' | b'N'));
            if empty || count > self.cursor.remaining() {
                return self.wrong("more values than the file holds");
            }
            open.left = Some(count);
        }
        self.open.push(open);
        Ok(())
    }

    fn value(&mut self, kind: u8) -> Result<Event, Unread> {
        if let Some(integer) = self.integer(kind)? {
            return Ok(Event::Int(integer));
        }
        Ok(match kind {
            b'{' | b'[' => {
                let object = kind == b'{';
                self.begin(object)?;
                if object { Event::Object } else { Event::List }
            }
            b'd' => self.cursor.array::<4>().map(|_| Event::Float)?,
            b'D' => self.cursor.array::<8>().map(|_| Event::Float)?,
            b'T' => Event::Bool(true),
            b'F' => Event::Bool(false),
            b'Z' => Event::Null,
            b'S' => Event::Text(self.text()?),
            b'H' => self.text().map(|_| Event::Float)?,
            b'C' => {
                let [byte] = self.cursor.array()?;
                Event::Text(Text { kept: char::from(byte).to_string(), length: 1 })
            }
            _ => return self.wrong("a type that there is not"),
        })
    }

    /// Passes a list of floats at once.
    fn floats(&mut self, count: u64, size: u64) -> Result<Event, Unread> {
        match count.checked_mul(size).filter(|bytes| *bytes <= self.cursor.remaining()) {
            Some(bytes) => {
                self.cursor.skip(bytes);
                Ok(Event::Floats(count))
            }
            None => Err(Unread::Truncated { offset: self.offset().saturating_add(self.cursor.remaining()) }),
        }
    }
}

impl Events for Ubjson<'_> {
    fn next(&mut self) -> Result<Option<(u64, Event)>, Unread> {
        let at = self.offset();
        let Some(open) = self.open.last().copied() else {
            if !self.begun {
                self.begun = true;
                let kind = self.marker()?;
                return self.value(kind).map(|event| Some((at, event)));
            }
            while self.peek()? == Some(b'N') {
                self.cursor.skip(1);
            }
            return match self.cursor.remaining() {
                0 => Ok(None),
                _ => self.wrong("something after the document"),
            };
        };
        let end = match (open.left, open.named) {
            (_, true) => false,
            (Some(left), false) => left == 0,
            (None, false) => {
                while self.peek()? == Some(b'N') {
                    self.cursor.skip(1);
                }
                let end = self.peek()? == Some(if open.object { b'}' } else { b']' });
                if end {
                    self.cursor.skip(1);
                }
                end
            }
        };
        if end {
            self.open.pop();
            return Ok(Some((at, Event::End)));
        }
        if open.object && !open.named {
            let key = self.text()?;
            self.put(Open { named: true, ..open });
            return Ok(Some((at, Event::Key(key))));
        }
        // All floats of a list are one event.
        let size = match open.kind {
            Some(b'd') => 4,
            Some(b'D') => 8,
            _ => 0,
        };
        if let (false, Some(left), true) = (open.object, open.left, size > 0) {
            self.put(Open { left: Some(0), ..open });
            return self.floats(left, size).map(|event| Some((at, event)));
        }
        self.put(Open { named: false, left: open.left.map(|left| left.saturating_sub(1)), ..open });
        let kind = match open.kind {
            Some(kind) => kind,
            None => self.marker()?,
        };
        self.value(kind).map(|event| Some((at, event)))
    }
}

impl Ubjson<'_> {
    fn put(&mut self, open: Open) {
        if let Some(last) = self.open.last_mut() {
            *last = open;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weighbridge_core::limits::{Cancel, Limits};

    use super::*;

    fn events(bytes: &[u8]) -> Result<Vec<Event>, Unread> {
        let input = Input::new(Arc::new(bytes.to_vec()), Limits::default(), Cancel::default());
        let mut document = Ubjson::new(&input, 0, 8);
        let mut events = Vec::new();
        while let Some((_, event)) = document.next()? {
            events.push(event);
        }
        Ok(events)
    }

    #[test]
    fn a_document_is_told_in_order() {
        let text = |kept: &str| Text { kept: kept.to_owned(), length: kept.len() as u64 };
        let document = b"{i\x01a[$l#i\x02\0\0\0\x01\xff\xff\xff\xffU\x01b[$d#U\x02\0\0\0\0\0\0\0\0i\x01c[NTZSi\x02xy]i\x01d{#i\0}";
        let key = |kept| Event::Key(text(kept));
        assert_eq!(
            events(document).unwrap(),
            [
                Event::Object,
                key("a"),
                Event::List,
                Event::Int(1),
                Event::Int(-1),
                Event::End,
                key("b"),
                Event::List,
                Event::Floats(2),
                Event::End,
                key("c"),
                Event::List,
                Event::Bool(true),
                Event::Null,
                Event::Text(text("xy")),
                Event::End,
                key("d"),
                Event::Object,
                Event::End,
                Event::End,
            ]
        );
        // A typed list of lists.
        assert_eq!(events(b"[$[#i\x01]").unwrap(), [Event::List, Event::List, Event::End, Event::End]);
    }

    #[test]
    fn what_is_no_ubjson_is_refused() {
        for bytes in [
            b"".as_slice(),
            b"{",
            b"[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff",
            b"[#L\x7f\xff\xff\xff\xff\xff\xff\xff",
            b"[$l",
            b"SL\xff\xff\xff\xff\xff\xff\xff\xff",
            b"Sl\x7f\xff\xff\xff",
            b"[x]",
            b"TT",
            b"[$d#i\x7f\0",
        ] {
            assert!(events(bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(events(&[b'['; 1000]), Err(too_deep()));
    }
}
