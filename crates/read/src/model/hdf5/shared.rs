//! Messages that stand elsewhere: in the header of a committed datatype, or in a heap of the file for all of a kind.
//!
//! Source: HDF5 File Format Specification 3.0, sections III.G (table of shared messages) and IV.A.2 ("Shared Message").

use weighbridge_core::coverage::Unread;

use super::file::File;
use super::heap::FractalHeap;
use super::object::{self, Message};

/// How often a shared message may say that it is a shared message.
const MOST_STEPS: usize = 4;

/// The heaps of shared messages, by the kinds of message in them (bit by id).
#[derive(Default)]
pub(super) struct Shared {
    heaps: Vec<(u16, u64)>,
}

impl Shared {
    /// Reads the table that a message of the superblock's extension points to.
    pub(super) fn read(file: &File<'_>, message: &Message) -> Result<Self, Unread> {
        let mut fields = message.fields(file);
        fields.version("shared message table", &[0])?;
        let address = fields.defined()?;
        let count = fields.u8()?;
        let entry = file.address_size.saturating_mul(2).saturating_add(14);
        let size = entry.saturating_mul(usize::from(count)).saturating_add(4);
        let block = file.read(address, u64::try_from(size).unwrap_or(u64::MAX))?;
        let mut fields = file.fields(&block);
        fields.signature(b"SMTB")?;
        let mut heaps = Vec::new();
        for _ in 0..count {
            fields.skip(2)?;
            let kinds = fields.u16()?;
            // Smallest size, when to make a tree, when to make a list again, how many messages.
            fields.skip(10)?;
            let _index = fields.address()?;
            if let Some(heap) = fields.address()? {
                heaps.push((kinds, heap));
            }
        }
        Ok(Self { heaps })
    }

    /// The message that `message` stands for.
    pub(super) fn fetch(&self, file: &File<'_>, message: &Message, steps: usize) -> Result<Message, Unread> {
        if steps >= MOST_STEPS {
            return Err(Unread::Malformed("a shared message leads to shared messages only".to_owned()));
        }
        let mut fields = message.fields(file);
        let version = fields.version("shared message", &[1, 2, 3])?;
        let stored = fields.u8()?;
        if version == 1 {
            fields.skip(6)?;
        }
        let found = if version == 3 && stored == 1 {
            let id = fields.take(8)?;
            self.in_heap(file, message.kind, id)?
        } else {
            let address = fields.defined()?;
            let mut messages = Vec::new();
            object::read_raw(file, address, &mut messages)?;
            messages.into_iter().find(|found| found.kind == message.kind).ok_or_else(|| {
                Unread::Malformed(format!("a shared message is not in the header at {address:#x}"))
            })?
        };
        if found.flags & (1 << 1) == 0 {
            return Ok(found);
        }
        self.fetch(file, &found, steps.saturating_add(1))
    }

    /// The message with this id in the heap for messages of this kind.
    pub(super) fn in_heap(&self, file: &File<'_>, kind: u16, id: &[u8]) -> Result<Message, Unread> {
        let holds = |kinds: u16| 1u16.checked_shl(u32::from(kind)).is_some_and(|bit| kinds & bit != 0);
        let Some((_, heap)) = self.heaps.iter().find(|(kinds, _)| holds(*kinds)) else {
            return Err(Unread::Malformed("a shared message of which the file has no heap".to_owned()));
        };
        let object = FractalHeap::open(file, *heap)?.object(file, id)?;
        Ok(Message { kind, flags: 0, start: object.start, body: object.bytes })
    }

    /// A datatype or dataspace as it stands in an attribute: itself, or where it is.
    pub(super) fn body(
        &self,
        file: &File<'_>,
        kind: u16,
        start: u64,
        body: &[u8],
        shared: bool,
    ) -> Result<Vec<u8>, Unread> {
        if !shared {
            return Ok(body.to_vec());
        }
        let message = Message { kind, flags: 1 << 1, start, body: body.to_vec() };
        Ok(self.fetch(file, &message, 0)?.body)
    }
}
