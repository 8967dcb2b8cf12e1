//! The header of a package as the databases hold it: an index of tags, and a store with their values.
//!
//! Source: rpm's documentation, *RPM package format* (*Header format*): two counts, then entries of four numbers each (tag, type,
//! offset in the store, count of values), then the store; all numbers big-endian. The magic number of a package file is not there.

use crate::bytes::{array_at, length};

/// Most entries of an index; rpm reads no more.
const MOST_ENTRIES: usize = 0xffff;

/// Bytes of an entry.
const ENTRY: usize = 16;

const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
/// A text in several languages, of which the first is that of the package.
const I18N_STRING: u32 = 9;

/// The tags that matter here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tag {
    Name,
    Version,
    Release,
    Epoch,
    Vendor,
    License,
    Arch,
    /// Whole paths, in packages of before 1999.
    OldFileNames,
    SourceRpm,
    DirIndexes,
    BaseNames,
    DirNames,
    ModularityLabel,
}

impl Tag {
    fn number(self) -> u32 {
        match self {
            Self::Name => 1000,
            Self::Version => 1001,
            Self::Release => 1002,
            Self::Epoch => 1003,
            Self::Vendor => 1011,
            Self::License => 1014,
            Self::Arch => 1022,
            Self::OldFileNames => 1027,
            Self::SourceRpm => 1044,
            Self::DirIndexes => 1116,
            Self::BaseNames => 1117,
            Self::DirNames => 1118,
            Self::ModularityLabel => 5096,
        }
    }
}

/// A header.
pub(super) struct Header<'blob> {
    index: &'blob [u8],
    store: &'blob [u8],
}

/// An entry of the index: its type, how many values it has, and the store from its first value on.
struct Entry<'blob> {
    kind: u32,
    count: usize,
    values: &'blob [u8],
}

/// What is wrong with a header.
pub(super) type Wrong = &'static str;

fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_be_bytes)
}

impl<'blob> Header<'blob> {
    /// The header that these bytes are from their beginning to their end.
    pub(super) fn parse(blob: &'blob [u8]) -> Result<Self, Wrong> {
        let count = |at| number_at(blob, at).map(|it| length(it.into())).ok_or("a header ends early");
        let (entries, bytes) = (count(0)?, count(4)?);
        if entries == 0 || entries > MOST_ENTRIES {
            return Err("a header has no entries, or more than RPM allows");
        }
        let rest = blob.get(8..).unwrap_or_default();
        let (index, store) =
            rest.split_at_checked(entries.saturating_mul(ENTRY)).ok_or("a header ends early")?;
        if store.len() != bytes {
            return Err("a header has another size than it says");
        }
        Ok(Self { index, store })
    }

    /// The entry of a tag. What was added when the package was installed stands last, and goes before what is in the package.
    fn entry(&self, tag: Tag) -> Result<Option<Entry<'blob>>, Wrong> {
        let wanted = tag.number().to_be_bytes();
        let mut entries = self.index.chunks_exact(ENTRY).rev();
        let Some(entry) = entries.find(|entry| entry.starts_with(&wanted)) else { return Ok(None) };
        let number = |at| number_at(entry, at).ok_or("a header ends early");
        let values = self.store.get(length(number(8)?.into())..);
        let values = values.ok_or("an entry lies behind the end of its header")?;
        Ok(Some(Entry { kind: number(4)?, count: length(number(12)?.into()), values }))
    }

    /// The text of a tag.
    pub(super) fn text(&self, tag: Tag) -> Result<Option<&'blob str>, Wrong> {
        let Some(entry) = self.entry(tag)? else { return Ok(None) };
        if !matches!(entry.kind, STRING | I18N_STRING) {
            return Err("an entry is of another type than its tag");
        }
        let text = Strings(entry.values).next().ok_or("a text has no end")?;
        std::str::from_utf8(text).map(Some).map_err(|_| "a text is not UTF-8")
    }

    /// The first number of a tag.
    pub(super) fn number(&self, tag: Tag) -> Result<Option<u32>, Wrong> {
        let Some(entry) = self.entry(tag)? else { return Ok(None) };
        if entry.kind != INT32 || entry.count == 0 {
            return Err("an entry is of another type than its tag");
        }
        number_at(entry.values, 0).map(Some).ok_or("a number lies behind the end of its header")
    }

    /// The texts of a tag, and how many there must be; none where it is not there.
    fn texts(&self, tag: Tag) -> Result<(Strings<'blob>, usize), Wrong> {
        let Some(entry) = self.entry(tag)? else { return Ok((Strings(&[]), 0)) };
        if entry.kind != STRING_ARRAY {
            return Err("an entry is of another type than its tag");
        }
        Ok((Strings(entry.values), entry.count))
    }

    /// The files of the package.
    pub(super) fn files(&self) -> Result<Files<'blob>, Wrong> {
        let (names, count) = self.texts(Tag::BaseNames)?;
        if count == 0 {
            let (names, count) = self.texts(Tag::OldFileNames)?;
            return Ok(Files { folders: vec![b""], names, count, indexes: None });
        }
        let (folders, folder_count) = self.texts(Tag::DirNames)?;
        let folders = folders.take(folder_count).collect();
        let indexes = self.entry(Tag::DirIndexes)?.filter(|it| it.kind == INT32 && it.count == count);
        Ok(Files { folders, names, count, indexes: Some(indexes.ok_or("files are in no folders")?.values) })
    }
}

/// The files of a package: a list of folders, and names with the number of the folder of each.
pub(super) struct Files<'blob> {
    pub(super) folders: Vec<&'blob [u8]>,
    names: Strings<'blob>,
    count: usize,
    /// None where there is but one folder.
    indexes: Option<&'blob [u8]>,
}

impl<'blob> Files<'blob> {
    /// Gives the number of the folder and the name of each file, as long as they are taken. Whether all were.
    pub(super) fn each(self, mut take: impl FnMut(usize, &'blob [u8]) -> bool) -> Result<bool, Wrong> {
        const SHORT: Wrong = "a list of files ends early";
        let mut names = self.names;
        for at in 0..self.count {
            let name = names.next().ok_or(SHORT)?;
            let folder = match self.indexes {
                Some(indexes) => length(number_at(indexes, at.saturating_mul(4)).ok_or(SHORT)?.into()),
                None => 0,
            };
            if folder >= self.folders.len() {
                return Err("a file is in no folder");
            }
            if !take(folder, name) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Texts that each end with a zero.
struct Strings<'blob>(&'blob [u8]);

impl<'blob> Iterator for Strings<'blob> {
    type Item = &'blob [u8];

    fn next(&mut self) -> Option<&'blob [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = self.0.get(..end)?;
        self.0 = self.0.get(end.checked_add(1)?..)?;
        Some(text)
    }
}
