//! What the readers of the three formats find, before anybody asks which libraries it shows.

use std::collections::BTreeSet;

use weighbridge_core::fact::Binary;

/// Most libraries asked for, and most search paths, of one file.
pub(super) const MOST_NAMES: usize = 1_024;
/// Longest name in a header that is kept, in bytes.
pub(super) const LONGEST_NAME: usize = 1_024;
/// Most bytes of one table of names or symbols held in memory.
pub(super) const MOST_TABLE: u64 = 128 << 20;

/// What one binary says.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) binary: Binary,
    /// `FileVersion` of a version resource. The current version of a dylib is one of its interface.
    pub(super) resource: Option<String>,
    /// Symbols of the table of signatures that it defines.
    pub(super) defines: BTreeSet<&'static str>,
    /// Symbols of the table of signatures that it wants from others.
    pub(super) asks: BTreeSet<&'static str>,
    /// Parts of the file, by offset and size, in which constant texts lie.
    pub(super) texts: Vec<(u64, u64)>,
}

impl Parts {
    /// Notes a symbol, without the underscore that Mach-O puts before it.
    pub(super) fn symbol(&mut self, name: &[u8], defined: bool) {
        // Names of C++ and Rust are most of a large table, and none is wanted.
        if name.starts_with(b"_Z") || name.starts_with(b"_R") {
            return;
        }
        if defined && self.binary.module.is_none() {
            self.binary.module = name.strip_prefix(b"PyInit_").map(text);
        }
        if let Some(wanted) = super::table::table().symbol(name) {
            if defined {
                self.defines.insert(wanted)
            } else {
                self.asks.insert(wanted)
            };
        }
    }

    /// Notes a library that is asked for.
    pub(super) fn needs(&mut self, name: String) {
        if self.binary.needs.len() < MOST_NAMES && !name.is_empty() && !self.binary.needs.contains(&name) {
            self.binary.needs.push(name);
        }
    }

    /// Notes a folder in which libraries are looked for.
    pub(super) fn searches(&mut self, path: String) {
        if self.binary.search.len() < MOST_NAMES && !path.is_empty() && !self.binary.search.contains(&path) {
            self.binary.search.push(path);
        }
    }

    /// Adds the part for another machine of the same file.
    pub(super) fn merge(&mut self, other: Self) {
        if !self.binary.machine.is_empty() && !other.binary.machine.is_empty() {
            self.binary.machine.push('+');
        }
        self.binary.machine.push_str(&other.binary.machine);
        let Binary { name, needs, search, build_id, version, module, debug, .. } = other.binary;
        self.binary.name = self.binary.name.take().or(name);
        self.binary.build_id = self.binary.build_id.take().or(build_id);
        self.binary.version = self.binary.version.take().or(version);
        self.binary.module = self.binary.module.take().or(module);
        self.binary.debug = self.binary.debug.take().or(debug);
        needs.into_iter().for_each(|name| self.needs(name));
        search.into_iter().for_each(|path| self.searches(path));
        self.defines.extend(other.defines);
        self.asks.extend(other.asks);
        self.texts.extend(other.texts);
    }

    /// The parts that hold texts, in order, none of them twice and none behind the end.
    pub(super) fn ranges(&self, size: u64) -> Vec<(u64, u64)> {
        let mut sorted = self.texts.clone();
        sorted.sort_unstable();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (start, length) in sorted {
            let end = start.saturating_add(length).min(size);
            let from = ranges.last().map_or(start, |(_, last)| start.max(*last));
            if from < end {
                ranges.push((from, end));
            }
        }
        ranges
    }
}

/// The text up to the first zero byte, short enough to keep.
pub(super) fn text(bytes: &[u8]) -> String {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes.get(..LONGEST_NAME).unwrap_or(bytes)).into_owned()
}

/// The bytes from `at` up to the next zero byte.
pub(super) fn name_at(table: &[u8], at: usize) -> Option<&[u8]> {
    table.get(at..)?.split(|byte| *byte == 0).next()
}

/// Bytes in hexadecimal.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Numbers in a header, whose order of bytes the file chooses.
pub(super) struct Numbers<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) big: bool,
}

impl Numbers<'_> {
    /// Two bytes.
    pub(super) fn u16(&self, at: usize) -> Option<u16> {
        let array = crate::bytes::array_at(self.bytes, at)?;
        Some(if self.big { u16::from_be_bytes(array) } else { u16::from_le_bytes(array) })
    }

    /// Four bytes.
    pub(super) fn u32(&self, at: usize) -> Option<u32> {
        let array = crate::bytes::array_at(self.bytes, at)?;
        Some(if self.big { u32::from_be_bytes(array) } else { u32::from_le_bytes(array) })
    }

    /// Eight bytes.
    pub(super) fn u64(&self, at: usize) -> Option<u64> {
        let array = crate::bytes::array_at(self.bytes, at)?;
        Some(if self.big { u64::from_be_bytes(array) } else { u64::from_le_bytes(array) })
    }

    /// Eight bytes in a file for 64 bits, else four.
    pub(super) fn word(&self, at: usize, wide: bool) -> Option<u64> {
        if wide { self.u64(at) } else { self.u32(at).map(u64::from) }
    }
}
