//! Object headers: the messages that say what an object is.
//!
//! Source: HDF5 File Format Specification 3.0, sections IV.A.1 (headers) and IV.A.2 (messages).

use std::collections::BTreeSet;

use weighbridge_core::coverage::{LimitKind, Unread};

use super::file::{Fields, File};
use super::shared::Shared;

/// Ids of messages.
pub(super) mod kind {
    pub(in super::super) const DATASPACE: u16 = 0x01;
    pub(in super::super) const LINK_INFO: u16 = 0x02;
    pub(in super::super) const DATATYPE: u16 = 0x03;
    pub(in super::super) const LINK: u16 = 0x06;
    pub(in super::super) const EXTERNAL_FILES: u16 = 0x07;
    pub(in super::super) const LAYOUT: u16 = 0x08;
    pub(in super::super) const FILTERS: u16 = 0x0b;
    pub(in super::super) const ATTRIBUTE: u16 = 0x0c;
    pub(in super::super) const SHARED_TABLE: u16 = 0x0f;
    pub(super) const CONTINUATION: u16 = 0x10;
    pub(in super::super) const SYMBOL_TABLE: u16 = 0x11;
    pub(in super::super) const DRIVER: u16 = 0x14;
    pub(in super::super) const ATTRIBUTE_INFO: u16 = 0x15;
    /// The highest id of the specification.
    pub(super) const LAST: u16 = 0x18;
}

/// Flag of a message: the body only says where the message is.
const SHARED: u8 = 1 << 1;
/// Flag of a message: an object with it must not be opened by who does not know the message (bit 7).
const MUST_BE_KNOWN: u8 = 1 << 7;

/// A message of an object header.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) kind: u16,
    pub(super) flags: u8,
    /// Where the body begins in the entry.
    pub(super) start: u64,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// The fields of the body.
    pub(super) fn fields<'b>(&'b self, file: &File<'_>) -> Fields<'b> {
        file.fields_of(&self.body, self.start)
    }
}

/// What the header at `address` says, with shared messages fetched. Errors in parts go to `faults`.
pub(super) fn read(
    file: &File<'_>,
    shared: &Shared,
    address: u64,
    faults: &mut Vec<Unread>,
) -> Result<Vec<Message>, Unread> {
    let mut messages = Vec::new();
    let ended = read_raw(file, address, &mut messages);
    for message in &mut messages {
        if message.flags & SHARED == 0 {
            continue;
        }
        match shared.fetch(file, message, 0) {
            Ok(found) => *message = found,
            Err(reason) => {
                faults.push(reason);
                message.body.clear();
            }
        }
    }
    messages.retain(|message| message.flags & SHARED == 0);
    for message in &messages {
        if message.kind > kind::LAST && message.flags & MUST_BE_KNOWN != 0 {
            faults.push(Unread::Unsupported(format!("message {:#x} of an HDF5 object", message.kind)));
        }
    }
    if let Err(reason) = ended {
        if messages.is_empty() {
            return Err(reason);
        }
        faults.push(reason);
    }
    Ok(messages)
}

/// The messages as they stand in the header at `address`.
pub(super) fn read_raw(file: &File<'_>, address: u64, messages: &mut Vec<Message>) -> Result<(), Unread> {
    let start = file.read_up_to(address, 64)?;
    let mut fields = file.fields(&start);
    let first = if start.bytes.starts_with(b"OHDR") {
        let prefix = modern_prefix(&mut fields)?;
        let size = u64::try_from(fields.position()).unwrap_or(u64::MAX);
        Chunk { address: address.saturating_add(size), ..prefix }
    } else {
        fields.version("object header", &[1])?;
        // Reserved, number of messages, reference count.
        fields.skip(7)?;
        let size = u64::from(fields.u32()?);
        Chunk { address: address.saturating_add(16), size, form: Form::Classic }
    };
    let (mut todo, mut seen) = (vec![first], BTreeSet::new());
    while let Some(chunk) = todo.pop() {
        // Two chunks at one address: a circle.
        if !seen.insert(chunk.address) {
            return Err(Unread::Malformed("the object header leads back to itself".to_owned()));
        }
        let before = messages.len();
        chunk.read(file, messages)?;
        let limit = file.input.limits().entries;
        if u64::try_from(messages.len()).unwrap_or(u64::MAX) > limit {
            return Err(Unread::Limit(LimitKind::Entries, limit));
        }
        for message in messages.get(before..).unwrap_or_default() {
            if message.kind == kind::CONTINUATION && message.flags & SHARED == 0 {
                let mut fields = message.fields(file);
                let (address, size) = (fields.defined()?, fields.length()?);
                todo.push(Chunk { address, size, form: chunk.form.continued() });
            }
        }
    }
    Ok(())
}

/// A run of messages.
struct Chunk {
    address: u64,
    size: u64,
    form: Form,
}

/// How messages are laid out.
#[derive(Clone, Copy)]
enum Form {
    Classic,
    /// Version 2: whether messages have a creation order, and whether the chunk has a signature and a checksum.
    Modern {
        ordered: bool,
        signed: bool,
    },
}

impl Form {
    fn continued(self) -> Self {
        match self {
            Self::Classic => Self::Classic,
            Self::Modern { ordered, .. } => Self::Modern { ordered, signed: true },
        }
    }
}

/// The prefix of a header of version 2; the address is filled in later.
fn modern_prefix(fields: &mut Fields<'_>) -> Result<Chunk, Unread> {
    fields.skip(4)?;
    fields.version("object header", &[2])?;
    let flags = fields.u8()?;
    // Times, and when to store attributes elsewhere.
    fields.skip(if flags & 1 << 5 == 0 { 0 } else { 16 })?;
    fields.skip(if flags & 1 << 4 == 0 { 0 } else { 4 })?;
    let size = fields.number(1usize << (flags & 0b11))?;
    Ok(Chunk { address: 0, size, form: Form::Modern { ordered: flags & 1 << 2 != 0, signed: false } })
}

impl Chunk {
    fn read(&self, file: &File<'_>, messages: &mut Vec<Message>) -> Result<(), Unread> {
        let block = file.read(self.address, self.size)?;
        let mut fields = file.fields(&block);
        if let Form::Modern { signed: true, .. } = self.form {
            fields.signature(b"OCHK")?;
        }
        loop {
            let (header, trailer) = match self.form {
                Form::Classic => (8, 0),
                Form::Modern { ordered, signed } => {
                    (if ordered { 6 } else { 4 }, if signed { 4 } else { 0usize })
                }
            };
            // A gap that is too small for a message, and the checksum of a continuation.
            if fields.left() < trailer.saturating_add(header) {
                return Ok(());
            }
            let (kind, size, flags) = match self.form {
                Form::Classic => {
                    let fixed = (fields.u16()?, fields.u16()?, fields.u8()?);
                    fields.skip(3)?;
                    fixed
                }
                Form::Modern { ordered, .. } => {
                    let fixed = (u16::from(fields.u8()?), fields.u16()?, fields.u8()?);
                    fields.skip(if ordered { 2 } else { 0 })?;
                    fixed
                }
            };
            let start = fields.place();
            let body = fields.take(usize::from(size))?.to_vec();
            // Most of what is in headers is padding and times: only what is understood is kept.
            if kind != 0 {
                messages.push(Message { kind, flags, start, body });
            }
        }
    }
}
