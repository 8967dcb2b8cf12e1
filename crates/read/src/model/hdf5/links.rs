//! The links of a group: in the old form by a B-tree and a heap of names, in the new one as messages, in the header or in
//! a fractal heap.
//!
//! Source: HDF5 File Format Specification 3.0, sections III.B, III.C, IV.A.2.c, IV.A.2.g and IV.A.2.r.

use std::collections::BTreeSet;

use weighbridge_core::coverage::{LimitKind, Unread};

use super::file::{Fields, File, text};
use super::heap::{self, FractalHeap};
use super::object::{Message, kind};
use super::tree::{self, Kind};
use crate::bytes::offset;

/// A link of a group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) target: Target,
    /// Where it stands in the entry.
    pub(super) start: u64,
}

/// Where a link leads.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Target {
    /// To the object header at this address.
    Hard(u64),
    /// To whatever stands under this path of the file.
    Soft,
    /// To an object of another file.
    External { file: String, path: String },
    /// Only a program that has registered this kind of link knows.
    Unknown(u8),
}

/// The links that the messages of an object hold or lead to. What is wrong goes to `faults`.
pub(super) fn of(file: &File<'_>, messages: &[Message], faults: &mut Vec<Unread>) -> Vec<Link> {
    let mut links = Vec::new();
    for message in messages {
        let ended = match message.kind {
            kind::SYMBOL_TABLE => symbols(file, message, &mut links),
            kind::LINK => link(message.fields(file)).map(|link| links.push(link)),
            kind::LINK_INFO => dense(file, message, &mut links),
            _ => Ok(()),
        };
        faults.extend(ended.err());
    }
    links
}

fn symbols(file: &File<'_>, message: &Message, links: &mut Vec<Link>) -> Result<(), Unread> {
    let mut fields = message.fields(file);
    let (tree, names) = (fields.defined()?, fields.defined()?);
    let names = heap::local(file, names)?;
    let entry = file.address_size.saturating_mul(2).saturating_add(24);
    for node in tree::symbol_nodes(file, tree)? {
        let head = file.read(node, 8)?;
        let mut fields = file.fields(&head);
        fields.signature(b"SNOD")?;
        fields.version("symbol table node", &[1])?;
        fields.skip(1)?;
        let count = usize::from(fields.u16()?);
        let size = entry.saturating_mul(count);
        let block = file.read(node.saturating_add(8), offset(size))?;
        let mut fields = file.fields(&block);
        for _ in 0..count {
            let start = fields.place();
            let name = fields.number(file.address_size)?;
            let address = fields.address()?;
            let cached = fields.u32()?;
            fields.skip(20)?;
            let name = heap::name(file, &names, name)?;
            // Cached in the entry: a soft link, whose path stands in the heap.
            let target = match address {
                Some(address) if cached != 2 => Target::Hard(address),
                _ => Target::Soft,
            };
            add(file, links, Link { name, target, start })?;
        }
    }
    Ok(())
}

fn dense(file: &File<'_>, message: &Message, links: &mut Vec<Link>) -> Result<(), Unread> {
    let mut fields = message.fields(file);
    fields.version("link info", &[0])?;
    let flags = fields.u8()?;
    fields.skip(if flags & 1 == 0 { 0 } else { 8 })?;
    let Some(heap) = fields.address()? else { return Ok(()) };
    let by_name = fields.address()?;
    let by_order = if flags & 1 << 1 == 0 { None } else { fields.address()? };
    let heap = FractalHeap::open(file, heap)?;
    // The library asks one tree for a name and the other for the order: what only one of them has is a link, too.
    let mut seen = BTreeSet::new();
    for tree in [by_name, by_order].into_iter().flatten() {
        let (kind, records) = tree::typed_records(file, tree, Kind::Links)?;
        for record in records {
            let mut fields = file.fields(&record);
            fields.skip(if kind == 5 { 4 } else { 8 })?;
            let id = fields.take(heap.id_size())?;
            if !seen.insert(id.to_vec()) {
                continue;
            }
            let object = heap.object(file, id)?;
            add(file, links, link(file.fields(&object))?)?;
        }
    }
    Ok(())
}

/// One link message.
fn link(mut fields: Fields<'_>) -> Result<Link, Unread> {
    let start = fields.place();
    fields.version("link", &[1])?;
    let flags = fields.u8()?;
    let kind = if flags & 1 << 3 == 0 { 0 } else { fields.u8()? };
    fields.skip(if flags & 1 << 2 == 0 { 0 } else { 8 })?;
    fields.skip(if flags & 1 << 4 == 0 { 0 } else { 1 })?;
    let size = fields.number(1usize << (flags & 0b11))?;
    let name = text(fields.take_claimed(size)?);
    let target = match kind {
        0 => Target::Hard(fields.defined()?),
        1 => Target::Soft,
        64 => {
            let size = usize::from(fields.u16()?);
            let mut value = fields.part(size)?;
            let _version_and_flags = value.u8()?;
            let file = text(value.until_nul()?);
            // The library takes the rest as a text that ends where it ends.
            let path = text(value.rest().split(|byte| *byte == 0).next().unwrap_or_default());
            Target::External { file, path }
        }
        other => Target::Unknown(other),
    };
    Ok(Link { name, target, start })
}

fn add(file: &File<'_>, links: &mut Vec<Link>, link: Link) -> Result<(), Unread> {
    let limit = file.input.limits().entries;
    if offset(links.len()) >= limit {
        return Err(Unread::Limit(LimitKind::Entries, limit));
    }
    links.push(link);
    Ok(())
}
