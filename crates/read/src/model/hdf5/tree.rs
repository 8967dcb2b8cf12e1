//! The two kinds of B-tree: version 1 leads to the names of a group, version 2 to records in a heap.
//!
//! Source: HDF5 File Format Specification 3.0, sections III.A.1 and III.A.2.

use std::collections::BTreeSet;

use weighbridge_core::coverage::{LimitKind, Unread};

use super::file::{Block, File, bytes_for};
use crate::bytes::{length, offset};

/// Addresses of the nodes with names that the tree of version 1 at `address` leads to.
pub(super) fn symbol_nodes(file: &File<'_>, address: u64) -> Result<Vec<u64>, Unread> {
    let (mut found, mut todo, mut seen) = (Vec::new(), vec![address], BTreeSet::new());
    while let Some(address) = todo.pop() {
        visit(file, &mut seen, address)?;
        let header = file.address_size.saturating_mul(2).saturating_add(8);
        let head = file.read(address, offset(header))?;
        let mut fields = file.fields(&head);
        fields.signature(b"TREE")?;
        let kind = fields.u8()?;
        let level = fields.u8()?;
        let entries = usize::from(fields.u16()?);
        if kind != 0 {
            return Err(Unread::Malformed(format!("a group leads to a B-tree of kind {kind}")));
        }
        let entry = file.length_size.saturating_add(file.address_size);
        let size = entry.saturating_mul(entries);
        let block = file.read(address.saturating_add(offset(header)), offset(size))?;
        let mut fields = file.fields(&block);
        for _ in 0..entries {
            let _key = fields.length()?;
            let child = fields.defined()?;
            if level == 0 { found.push(child) } else { todo.push(child) }
        }
    }
    Ok(found)
}

/// What the records of a tree of version 2 are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Objects too large for their heap, known by a number.
    Huge,
    /// Links, by name or by order.
    Links,
    /// Attributes, by name or by order.
    Attributes,
}

impl Kind {
    /// The ids of the specification.
    fn ids(self) -> &'static [u8] {
        match self {
            Self::Huge => &[1],
            Self::Links => &[5, 6],
            Self::Attributes => &[8, 9],
        }
    }
}

/// What the header of a tree says.
struct Tree {
    /// Bytes of a node and of a record.
    node: u64,
    record: u64,
    depth: u64,
    /// For each level, counted from the leaves: how many bytes the count of all records below takes.
    below: Vec<usize>,
    /// How many bytes the count of records in a node takes.
    count: usize,
}

/// Every record of the tree of version 2 at `address`.
pub(super) fn records(file: &File<'_>, address: u64, kind: Kind) -> Result<Vec<Block>, Unread> {
    Ok(typed_records(file, address, kind)?.1)
}

/// The id of the kind of record, and every record of the tree of version 2 at `address`.
pub(super) fn typed_records(file: &File<'_>, address: u64, kind: Kind) -> Result<(u8, Vec<Block>), Unread> {
    let size = file.address_size.saturating_add(file.length_size).saturating_add(22);
    let block = file.read(address, offset(size))?;
    let mut fields = file.fields(&block);
    fields.signature(b"BTHD")?;
    fields.version("B-tree", &[0])?;
    let id = fields.u8()?;
    if !kind.ids().contains(&id) {
        return Err(Unread::Malformed(format!("a B-tree with records of kind {id} where there is none")));
    }
    let node = u64::from(fields.u32()?);
    let record = u64::from(fields.u16()?);
    let depth = u64::from(fields.u16()?);
    fields.skip(2)?;
    let root = fields.address()?;
    let count = u64::from(fields.u16()?);
    let Some(root) = root else { return Ok((id, Vec::new())) };
    let tree = Tree::new(file, node, record, depth)?;
    let (mut found, mut todo, mut seen) = (Vec::new(), vec![(root, count, tree.depth)], BTreeSet::new());
    while let Some((address, count, level)) = todo.pop() {
        visit(file, &mut seen, address)?;
        let block = file.read(address, tree.node)?;
        let mut fields = file.fields(&block);
        fields.signature(if level == 0 { b"BTLF" } else { b"BTIN" })?;
        fields.skip(2)?;
        for _ in 0..count {
            let start = fields.place();
            let bytes = fields.take(length(tree.record))?.to_vec();
            found.push(Block { bytes, start });
        }
        let limit = file.input.limits().entries;
        if offset(found.len()) > limit {
            return Err(Unread::Limit(LimitKind::Entries, limit));
        }
        let Some(lower) = level.checked_sub(1) else { continue };
        for _ in 0..=count {
            let child = fields.defined()?;
            let records = fields.number(tree.count)?;
            fields.number(tree.below.get(length(lower)).copied().unwrap_or_default())?;
            todo.push((child, records, lower));
        }
    }
    Ok((id, found))
}

impl Tree {
    /// Computes how wide the counts in inner nodes are, as `H5B2__hdr_init` does.
    fn new(file: &File<'_>, node: u64, record: u64, depth: u64) -> Result<Self, Unread> {
        let impossible = || Unread::Malformed("a B-tree with impossible sizes".to_owned());
        // Signature, version, kind and checksum.
        let room = node.checked_sub(10).ok_or_else(impossible)?;
        let most = room.checked_div(record).filter(|most| *most > 0).ok_or_else(impossible)?;
        // The library has two bytes for the depth; a tree of more levels than this would not fit any file.
        if depth > 32 {
            return Err(impossible());
        }
        let count = bytes_for(most);
        let (mut all, mut below) = (most, vec![0]);
        for level in 0..depth {
            let pointer = file
                .address_size
                .saturating_add(count)
                .saturating_add(below.get(length(level)).copied().unwrap_or_default());
            let room = room.checked_sub(offset(pointer)).ok_or_else(impossible)?;
            let most = room.checked_div(record.saturating_add(offset(pointer))).ok_or_else(impossible)?;
            all = most.saturating_add(1).saturating_mul(all).saturating_add(most);
            below.push(bytes_for(all));
        }
        Ok(Self { node, record, depth, below, count })
    }
}

/// Takes note of a node; a node that is met twice makes the tree a circle.
fn visit(file: &File<'_>, seen: &mut BTreeSet<u64>, address: u64) -> Result<(), Unread> {
    if !seen.insert(address) {
        return Err(Unread::Malformed(format!("a B-tree leads to its node at {address:#x} twice")));
    }
    let limit = file.input.limits().entries;
    if offset(seen.len()) > limit {
        return Err(Unread::Limit(LimitKind::Entries, limit));
    }
    Ok(())
}
