//! Attributes: a name, the type and shape of a value, and the value.
//!
//! Source: HDF5 File Format Specification 3.0, sections IV.A.2.b (dataspace), IV.A.2.d (datatype), IV.A.2.m (attribute).

use std::collections::BTreeSet;

use weighbridge_core::coverage::{LimitKind, Unread};

use super::file::{Block, Fields, File, text};
use super::heap::{self, FractalHeap};
use super::object::{Message, kind};
use super::shared::Shared;
use super::tree::{self, Kind};
use crate::bytes::offset;

/// An attribute, its value as it stands in the entry.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) element: Element,
    /// How many elements the value has.
    pub(super) count: Option<u64>,
    value: Block,
}

/// The type of an element, as far as anything depends on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Element {
    class: u8,
    /// Bytes of an element.
    pub(super) size: u64,
    /// The first bits of the class: a sign, or what has variable length.
    bits: u8,
}

impl Element {
    /// Reads the beginning of a datatype.
    pub(super) fn read(mut fields: Fields<'_>) -> Result<Self, Unread> {
        let first = fields.u8()?;
        let bits = fields.u8()?;
        fields.skip(2)?;
        Ok(Self { class: first & 0b1111, size: u64::from(fields.u32()?), bits })
    }

    /// A text of variable length.
    pub(super) fn is_long_text(self) -> bool {
        self.class == 9 && self.bits & 0b1111 == 1
    }

    /// A text of fixed length.
    pub(super) fn is_text(self) -> bool {
        self.class == 3
    }

    /// What it is called.
    pub(super) fn name(self) -> String {
        let bits = self.size.saturating_mul(8);
        match self.class {
            0 if self.bits & 1 << 3 == 0 => format!("uint{bits}"),
            0 => format!("int{bits}"),
            1 => format!("float{bits}"),
            class => {
                let names =
                    ["time", "text", "bits", "opaque", "compound", "reference", "enum", "list", "array"];
                let name = usize::from(class).checked_sub(2).and_then(|class| names.get(class));
                name.copied().unwrap_or("unknown").to_owned()
            }
        }
    }
}

/// How many elements a dataspace has; none where the number cannot be.
pub(super) fn elements(mut fields: Fields<'_>) -> Result<Option<u64>, Unread> {
    let version = fields.version("dataspace", &[1, 2])?;
    let rank = fields.u8()?;
    let _flags = fields.u8()?;
    let shape = fields.u8()?;
    if version == 1 {
        fields.skip(4)?;
    } else if shape == 2 {
        return Ok(Some(0));
    }
    let mut count = Some(1u64);
    for _ in 0..rank {
        let dimension = fields.length()?;
        count = count.and_then(|count| count.checked_mul(dimension));
    }
    Ok(count)
}

/// The attributes that the messages of an object hold or lead to. What is wrong goes to `faults`.
pub(super) fn attributes(
    file: &File<'_>,
    shared: &Shared,
    messages: &[Message],
    faults: &mut Vec<Unread>,
) -> Vec<Attribute> {
    let mut attributes = Vec::new();
    for message in messages {
        let ended = match message.kind {
            kind::ATTRIBUTE => {
                attribute(file, shared, message.fields(file)).map(|attribute| attributes.push(attribute))
            }
            kind::ATTRIBUTE_INFO => dense(file, shared, message, &mut attributes),
            _ => Ok(()),
        };
        faults.extend(ended.err());
    }
    attributes
}

fn dense(
    file: &File<'_>,
    shared: &Shared,
    message: &Message,
    attributes: &mut Vec<Attribute>,
) -> Result<(), Unread> {
    let mut fields = message.fields(file);
    fields.version("attribute info", &[0])?;
    let flags = fields.u8()?;
    fields.skip(if flags & 1 == 0 { 0 } else { 2 })?;
    let heap = fields.address()?;
    let by_name = fields.address()?;
    let by_order = if flags & 1 << 1 == 0 { None } else { fields.address()? };
    let Some(heap) = heap else { return Ok(()) };
    let heap = FractalHeap::open(file, heap)?;
    let mut seen = BTreeSet::new();
    for tree in [by_name, by_order].into_iter().flatten() {
        for record in tree::records(file, tree, Kind::Attributes)? {
            let mut fields = file.fields(&record);
            let id = fields.take(heap.id_size())?;
            let in_shared_heap = fields.u8()? & 1 << 1 != 0;
            if !seen.insert((id.to_vec(), in_shared_heap)) {
                continue;
            }
            let object = if in_shared_heap {
                let found = shared.in_heap(file, kind::ATTRIBUTE, id)?;
                Block { bytes: found.body, start: found.start }
            } else {
                heap.object(file, id)?
            };
            attributes.push(attribute(file, shared, file.fields(&object))?);
            let limit = file.input.limits().entries;
            if offset(attributes.len()) > limit {
                return Err(Unread::Limit(LimitKind::Entries, limit));
            }
        }
    }
    Ok(())
}

/// One attribute message.
fn attribute(file: &File<'_>, shared: &Shared, mut fields: Fields<'_>) -> Result<Attribute, Unread> {
    let version = fields.version("attribute", &[1, 2, 3])?;
    let flags = fields.u8()?;
    let name_size = usize::from(fields.u16()?);
    let datatype_size = usize::from(fields.u16()?);
    let dataspace_size = usize::from(fields.u16()?);
    fields.skip(if version == 3 { 1 } else { 0 })?;
    // Version 1 pads each part to eight bytes; the sizes do not count the padding.
    let padded =
        |size: usize| if version == 1 { size.checked_next_multiple_of(8).unwrap_or(size) } else { size };
    let part = |fields: &mut Fields<'_>, size: usize| -> Result<Block, Unread> {
        let start = fields.place();
        let bytes = fields.take(padded(size))?.get(..size).unwrap_or_default().to_vec();
        Ok(Block { bytes, start })
    };
    let name = part(&mut fields, name_size)?;
    let name = text(name.bytes.split(|byte| *byte == 0).next().unwrap_or_default());
    let datatype = part(&mut fields, datatype_size)?;
    let is_shared = |bit: u8| version > 1 && flags & 1 << bit != 0;
    let datatype_body = shared.body(file, kind::DATATYPE, datatype.start, &datatype.bytes, is_shared(0))?;
    let element = Element::read(file.fields_of(&datatype_body, datatype.start))?;
    let dataspace = part(&mut fields, dataspace_size)?;
    let dataspace_body =
        shared.body(file, kind::DATASPACE, dataspace.start, &dataspace.bytes, is_shared(1))?;
    let count = elements(file.fields_of(&dataspace_body, dataspace.start))?;
    let start = fields.place();
    Ok(Attribute { name, element, count, value: Block { bytes: fields.rest().to_vec(), start } })
}

impl Attribute {
    /// Where the text of the value lies in the entry, if it is one text: its offset and its size without NULs at the end.
    pub(super) fn text(&self, file: &File<'_>) -> Result<Option<(u64, u64)>, Unread> {
        if self.count != Some(1) {
            return Ok(None);
        }
        let (start, bytes) = if self.element.is_text() {
            let size = crate::bytes::length(self.element.size);
            let value = self.value.bytes.get(..size).unwrap_or(&self.value.bytes);
            (self.value.start, value.to_vec())
        } else if self.element.is_long_text() {
            let mut fields = file.fields(&self.value);
            let size = u64::from(fields.u32()?);
            let Some(address) = fields.address()? else { return Ok(Some((self.value.start, 0))) };
            let number = fields.u32()?;
            if size == 0 {
                return Ok(Some((self.value.start, 0)));
            }
            let (at, stored) = heap::global(file, address, number)?;
            let block = file.read(at, size.min(stored))?;
            (block.start, block.bytes)
        } else {
            return Ok(None);
        };
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
        Ok(Some((start, offset(end))))
    }

    /// The first bytes of the text of the value.
    pub(super) fn beginning(&self, file: &File<'_>, most: u64) -> Result<Option<Vec<u8>>, Unread> {
        let Some((start, size)) = self.text(file)? else { return Ok(None) };
        Ok(Some(file.input.read_vec(start, size.min(most), most)?))
    }
}
