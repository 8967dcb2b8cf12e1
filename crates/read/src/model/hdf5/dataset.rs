//! Datasets: shape, type, where the data lie, and what they have to be passed through.
//!
//! Source: HDF5 File Format Specification 3.0, sections IV.A.2.h (external files), IV.A.2.i (layout), IV.A.2.l (filters),
//! and VII.B for the selections of a virtual dataset.

use weighbridge_core::coverage::{LimitKind, Unread};

use super::file::{Block, Fields, File, text};
use super::heap;
use super::object::{Message, kind};
use super::value::{Element, elements};
use crate::bytes::offset;

/// What is known of a dataset.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Dataset {
    /// The type of its elements.
    pub(super) element: Option<Element>,
    /// How many it has; none where the number cannot be.
    pub(super) count: Option<u64>,
    /// Where the data lie, if they lie in one piece: address and size.
    pub(super) piece: Option<(u64, u64)>,
    /// The data may be less than the shape says: pieces that were never written are made up when they are read.
    pub(super) sparse: bool,
    /// Other files that hold the data, and where that is said.
    pub(super) external: Vec<(String, u64)>,
    /// Other files whose datasets it shows as its own, and where that is said.
    pub(super) virtual_files: Vec<(String, u64)>,
    /// Filters by number and by the name that the file gives them, and where that is said.
    pub(super) filters: Vec<(u16, String, u64)>,
}

/// The dataset that the messages of an object describe; none if it is no dataset. What is wrong goes to `faults`.
pub(super) fn of(file: &File<'_>, messages: &[Message], faults: &mut Vec<Unread>) -> Option<Dataset> {
    let has = |kind| messages.iter().any(|message| message.kind == kind);
    if !has(kind::LAYOUT) && !has(kind::EXTERNAL_FILES) {
        return None;
    }
    let mut dataset = Dataset::default();
    for message in messages {
        let ended = match message.kind {
            kind::DATATYPE => {
                Element::read(message.fields(file)).map(|element| dataset.element = Some(element))
            }
            kind::DATASPACE => elements(message.fields(file)).map(|count| dataset.count = count),
            kind::LAYOUT => layout(file, message, &mut dataset),
            kind::EXTERNAL_FILES => external(file, message, &mut dataset),
            kind::FILTERS => filters(message.fields(file), &mut dataset),
            _ => Ok(()),
        };
        faults.extend(ended.err());
    }
    Some(dataset)
}

fn layout(file: &File<'_>, message: &Message, dataset: &mut Dataset) -> Result<(), Unread> {
    let mut fields = message.fields(file);
    let version = fields.version("layout", &[1, 2, 3, 4, 5])?;
    let class = if version < 3 {
        // In the old versions the address of pieces and chunks follows, then the shape of what is stored.
        let rank = usize::from(fields.u8()?);
        let class = fields.u8()?;
        fields.skip(5)?;
        let address = if class == 0 { None } else { fields.address()? };
        if class == 1 {
            let mut size = 1u64;
            for _ in 0..rank {
                size = size.saturating_mul(u64::from(fields.u32()?));
            }
            dataset.piece = address.map(|address| (address, size));
            dataset.sparse = address.is_none();
        }
        class
    } else {
        let class = fields.u8()?;
        if class == 1 {
            let address = fields.address()?;
            let size = fields.length()?;
            dataset.piece = address.map(|address| (address, size));
            dataset.sparse = address.is_none();
        }
        class
    };
    match class {
        0 | 1 => Ok(()),
        2 => {
            dataset.sparse = true;
            Ok(())
        }
        3 if version > 3 => {
            let Some(address) = fields.address()? else { return Ok(()) };
            let number = fields.u32()?;
            let (at, size) = heap::global(file, address, number)?;
            let block = file.read(at, size)?;
            mapping(file, &block, dataset)
        }
        class => Err(Unread::Unsupported(format!("a dataset of HDF5 that is stored in way {class}"))),
    }
}

fn external(file: &File<'_>, message: &Message, dataset: &mut Dataset) -> Result<(), Unread> {
    let mut fields = message.fields(file);
    fields.version("list of external files", &[1])?;
    fields.skip(3)?;
    let _room = fields.u16()?;
    let count = fields.u16()?;
    let names = heap::local(file, fields.defined()?)?;
    for _ in 0..count {
        let start = fields.place();
        let name = fields.length()?;
        let (_offset, _size) = (fields.length()?, fields.length()?);
        dataset.external.push((heap::name(file, &names, name)?, start));
    }
    Ok(())
}

fn filters(mut fields: Fields<'_>, dataset: &mut Dataset) -> Result<(), Unread> {
    let version = fields.version("filter pipeline", &[1, 2])?;
    let count = fields.u8()?;
    fields.skip(if version == 1 { 6 } else { 0 })?;
    for _ in 0..count {
        let start = fields.place();
        let id = fields.u16()?;
        let name_size = if version == 1 || id >= 256 { usize::from(fields.u16()?) } else { 0 };
        let _flags = fields.u16()?;
        let values = usize::from(fields.u16()?);
        let name_size =
            if version == 1 { name_size.checked_next_multiple_of(8).unwrap_or(name_size) } else { name_size };
        let name = fields.take(name_size)?;
        let name = text(name.split(|byte| *byte == 0).next().unwrap_or_default());
        let padded = if version == 1 { values.checked_next_multiple_of(2).unwrap_or(values) } else { values };
        fields.skip(padded.saturating_mul(4))?;
        dataset.filters.push((id, name, start));
    }
    Ok(())
}

/// The files that a virtual dataset is put together from.
fn mapping(file: &File<'_>, block: &Block, dataset: &mut Dataset) -> Result<(), Unread> {
    let mut fields = file.fields(block);
    let version = fields.version("virtual dataset", &[0, 1])?;
    let count = fields.length()?;
    let limit = file.input.limits().entries;
    let mut names: Vec<(String, u64)> = Vec::new();
    for _ in 0..count {
        if offset(names.len()) >= limit {
            return Err(Unread::Limit(LimitKind::Entries, limit));
        }
        let start = fields.place();
        // Since version 1 an entry may take its names from an earlier one or from the file itself.
        let flags = if version == 1 { fields.u8()? } else { 0 };
        let name = if flags & 1 << 2 != 0 {
            ".".to_owned()
        } else if flags & 1 != 0 {
            let origin = fields.length()?;
            let known = usize::try_from(origin).ok().and_then(|origin| names.get(origin));
            known.map(|(name, _)| name.clone()).unwrap_or_default()
        } else {
            text(fields.until_nul()?)
        };
        if flags & 1 << 1 != 0 {
            fields.length()?;
        } else {
            fields.until_nul()?;
        }
        selection(&mut fields)?;
        selection(&mut fields)?;
        names.push((name, start));
    }
    dataset.virtual_files.extend(names);
    Ok(())
}

/// Skips a selection: its size depends on its kind, version and content.
fn selection(fields: &mut Fields<'_>) -> Result<(), Unread> {
    let unknown = |kind, version| {
        Err(Unread::Unsupported(format!(
            "selection {kind} of version {version} in a virtual dataset of HDF5"
        )))
    };
    let kind = fields.u32()?;
    let version = fields.u32()?;
    let count = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    match (kind, version) {
        // Nothing and everything.
        (0 | 3, 1) => fields.skip(8),
        // Points and blocks in their first version say themselves how long they are.
        (1 | 2, 1) => {
            fields.skip(4)?;
            let size = u64::from(fields.u32()?);
            fields.skip(count(size))
        }
        (2, 2) => {
            fields.skip(1)?;
            let size = u64::from(fields.u32()?);
            fields.skip(count(size))
        }
        (2, 3) => {
            let flags = fields.u8()?;
            let width = usize::from(fields.u8()?);
            let rank = count(u64::from(fields.u32()?));
            // A regular selection has start, stride, count and block a dimension, another one a list of corners.
            let corners = if flags & 1 != 0 { 4 } else { count(fields.number(width)?).saturating_mul(2) };
            fields.skip(corners.saturating_mul(rank).saturating_mul(width))
        }
        (1, 2) => {
            let width = usize::from(fields.u8()?);
            let rank = count(u64::from(fields.u32()?));
            let points = count(fields.number(width)?);
            fields.skip(points.saturating_mul(rank).saturating_mul(width))
        }
        (kind, version) => unknown(kind, version),
    }
}
