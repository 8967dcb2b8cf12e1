//! PE: libraries and programs of Windows.
//!
//! Source: *PE Format* of Microsoft; `VS_VERSIONINFO` in the reference of Windows.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::sink::Sink;

use super::parts::{MOST_TABLE, Parts, name_at, text};
use crate::bytes::{length, u16_at, u32_at};

/// Most entries of an import or export table that are looked at.
const MOST_ENTRIES: u32 = 1_000_000;

/// A section: where it lies in memory and in the file.
struct Section {
    name: [u8; 8],
    address: u32,
    at: u32,
    size: u32,
}

/// Reads the headers, both tables of symbols and the version resource.
pub(super) fn read(input: &Input, sink: &mut Sink) -> Result<Parts, Unread> {
    let cut = || Unread::Malformed("PE header ends early".to_owned());
    let mut head = [0; 64];
    input.read_some(0, &mut head)?;
    let start = u64::from(u32_at(&head, 0x3c).ok_or_else(cut)?);
    let mut header = vec![0; 4 << 10];
    let filled = input.read_some(start, &mut header)?;
    header.truncate(filled);
    if !header.starts_with(b"PE\0\0") {
        return Err(Unread::Malformed("no PE header where the file says that it is".to_owned()));
    }
    let mut parts = Parts::default();
    parts.binary.machine = machine(u16_at(&header, 4).ok_or_else(cut)?);
    let count = usize::from(u16_at(&header, 6).ok_or_else(cut)?);
    let optional = usize::from(u16_at(&header, 20).ok_or_else(cut)?);
    let wide = match u16_at(&header, 24) {
        Some(0x10b) => false,
        Some(0x20b) => true,
        _ => return Err(Unread::Malformed("no optional header of PE32 or PE32+".to_owned())),
    };
    let sections = sections(input, start, optional, count)?;
    let directories = 24usize.saturating_add(if wide { 112 } else { 96 });
    let directory = |number: usize| {
        let at = number.checked_mul(8)?.checked_add(directories)?;
        // Directories that lie behind the optional header are none.
        (at.checked_add(8)? <= optional.checked_add(24)?).then_some(())?;
        let (address, size) = (u32_at(&header, at)?, u32_at(&header, at.checked_add(4)?)?);
        (address != 0 && size != 0).then_some((address, size))
    };
    parts.texts = sections
        .iter()
        .filter(|section| section.name.starts_with(b".rdata") || section.name.starts_with(b".data"))
        .map(|section| (section.at.into(), section.size.into()))
        .collect();
    let mut tell = |what: &str, read: Result<(), Unread>| match read {
        Err(Unread::Malformed(reason)) => {
            sink.malformed(format!("{what}: {reason}"), None);
            Ok(())
        }
        Err(Unread::Truncated { .. }) => {
            sink.malformed(format!("{what} lies behind the end"), None);
            Ok(())
        }
        other => other,
    };
    if let Some((address, _)) = directory(0) {
        tell("export table", exports(input, &sections, address, &mut parts))?;
    }
    if let Some((address, _)) = directory(1) {
        tell("import table", imports(input, &sections, address, wide, &mut parts))?;
    }
    if let Some((address, _)) = directory(2) {
        tell("resources", resources(input, &sections, address, &mut parts))?;
    }
    Ok(parts)
}

fn sections(input: &Input, start: u64, optional: usize, count: usize) -> Result<Vec<Section>, Unread> {
    const ENTRY: usize = 40;
    let at = start.saturating_add(24).saturating_add(crate::bytes::offset(optional));
    let size = crate::bytes::offset(count.saturating_mul(ENTRY));
    let table = input.read_vec(at, size, 4 << 20)?;
    let one = |entry: &[u8]| {
        Some(Section {
            name: crate::bytes::array_at(entry, 0)?,
            address: u32_at(entry, 12)?,
            size: u32_at(entry, 16)?,
            at: u32_at(entry, 20)?,
        })
    };
    Ok(table.chunks_exact(ENTRY).filter_map(one).collect())
}

/// A section in memory, for tables whose parts point at each other.
struct Loaded {
    address: u32,
    bytes: Vec<u8>,
}

impl Loaded {
    /// The section that holds an address.
    fn around(input: &Input, sections: &[Section], address: u32) -> Result<Self, Unread> {
        let holds = |it: &&Section| address.checked_sub(it.address).is_some_and(|inside| inside < it.size);
        let section =
            sections.iter().find(holds).ok_or_else(|| Unread::Malformed("lies in no section".to_owned()))?;
        // Linkers state sizes rounded up to whole pages of the file.
        let size = u64::from(section.size).min(input.size().saturating_sub(section.at.into()));
        let bytes = input.read_vec(section.at.into(), size, MOST_TABLE)?;
        Ok(Self { address: section.address, bytes })
    }

    fn index(&self, address: u32) -> Option<usize> {
        Some(length(address.checked_sub(self.address)?.into()))
    }

    fn u32(&self, address: u32) -> Option<u32> {
        u32_at(&self.bytes, self.index(address)?)
    }

    fn name(&self, address: u32) -> Option<&[u8]> {
        name_at(&self.bytes, self.index(address)?)
    }
}

fn exports(input: &Input, sections: &[Section], address: u32, parts: &mut Parts) -> Result<(), Unread> {
    let loaded = Loaded::around(input, sections, address)?;
    let field = |at: u32| address.checked_add(at).and_then(|at| loaded.u32(at));
    parts.binary.name = field(12).and_then(|at| loaded.name(at)).map(text).filter(|name| !name.is_empty());
    let (Some(count), Some(names)) = (field(24), field(32)) else {
        return Err(Unread::Malformed("ends early".to_owned()));
    };
    for number in 0..count.min(MOST_ENTRIES) {
        let at = number.checked_mul(4).and_then(|at| names.checked_add(at)).and_then(|at| loaded.u32(at));
        let Some(name) = at.and_then(|at| loaded.name(at)) else { break };
        parts.symbol(name, true);
    }
    Ok(())
}

fn imports(
    input: &Input,
    sections: &[Section],
    address: u32,
    wide: bool,
    parts: &mut Parts,
) -> Result<(), Unread> {
    let loaded = Loaded::around(input, sections, address)?;
    let mut left = MOST_ENTRIES;
    let mut at = address;
    loop {
        let field = |offset: u32| at.checked_add(offset).and_then(|at| loaded.u32(at));
        let (Some(lookup), Some(name), Some(bound)) = (field(0), field(12), field(16)) else { break };
        if name == 0 || left == 0 {
            break;
        }
        parts.needs(loaded.name(name).map(text).unwrap_or_default());
        let mut entry = if lookup == 0 { bound } else { lookup };
        let step = if wide { 8 } else { 4 };
        while let Some(low) = loaded.u32(entry) {
            let high = if wide { entry.checked_add(4).and_then(|at| loaded.u32(at)) } else { Some(low) };
            left = left.saturating_sub(1);
            if (low == 0 && high.unwrap_or(0) == 0) || left == 0 {
                break;
            }
            // The highest bit says that a number is asked for and no name; two bytes stand before a name.
            if high.unwrap_or(0) >> 31 == 0
                && let Some(name) = low.checked_add(2).and_then(|at| loaded.name(at))
            {
                parts.symbol(name, false);
            }
            let Some(next) = entry.checked_add(step) else { break };
            entry = next;
        }
        let Some(next) = at.checked_add(20) else { break };
        at = next;
    }
    Ok(())
}

/// Finds the version resource: type 16, its first name, its first language.
fn resources(input: &Input, sections: &[Section], address: u32, parts: &mut Parts) -> Result<(), Unread> {
    const VERSION: u32 = 16;
    const FOLDER: u32 = 1 << 31;
    let loaded = Loaded::around(input, sections, address)?;
    let mut folder = 0u32;
    for level in 0..3 {
        let from = address.checked_add(folder).and_then(|at| loaded.index(at));
        let Some(from) = from else { return Ok(()) };
        let counts = [12, 14].map(|at| u16_at(&loaded.bytes, from.saturating_add(at)).unwrap_or_default());
        let entries = counts.into_iter().map(usize::from).sum::<usize>();
        let entry = |number: usize| {
            let at = from.checked_add(number.checked_mul(8)?)?.checked_add(16)?;
            Some((u32_at(&loaded.bytes, at)?, u32_at(&loaded.bytes, at.checked_add(4)?)?))
        };
        let mut entries = (0..entries).map_while(entry);
        let found = if level == 0 { entries.find(|(id, _)| *id == VERSION) } else { entries.next() };
        let Some((_, to)) = found else { return Ok(()) };
        folder = to & !FOLDER;
        if to & FOLDER == 0 {
            break;
        }
    }
    let field = |at: u32| {
        address.checked_add(folder).and_then(|from| from.checked_add(at)).and_then(|at| loaded.u32(at))
    };
    let (Some(data), Some(size)) = (field(0), field(4)) else { return Ok(()) };
    let from = loaded.index(data);
    let bytes = from.and_then(|from| loaded.bytes.get(from..from.checked_add(length(size.into()))?));
    parts.resource = bytes.and_then(|bytes| stated(bytes, "FileVersion"));
    parts.binary.version.clone_from(&parts.resource);
    Ok(())
}

/// The value of a text in a version resource: key and value in UTF-16 with a zero behind, the value at a multiple of
/// four bytes.
fn stated(resource: &[u8], key: &str) -> Option<String> {
    let wide: Vec<u8> = key.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let at = resource.windows(wide.len()).position(|window| window == wide)?;
    let from = at.checked_add(wide.len())?.checked_next_multiple_of(4)?;
    let units = resource.get(from..)?.chunks_exact(2).filter_map(|pair| u16_at(pair, 0));
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).take(64).collect();
    let value = String::from_utf16(&units).ok()?;
    // Some write commas: `1, 3, 1, 0`.
    let value = value.replace(", ", ".").replace(',', ".");
    (!value.is_empty()).then(|| value.trim().to_owned())
}

/// Source: *PE Format*, machine types.
fn machine(number: u16) -> String {
    let known = match number {
        0x14c => "x86",
        0x8664 => "x86-64",
        0x1c0 | 0x1c4 => "arm",
        0xaa64 | 0xa641 => "arm64",
        other => return format!("machine {other:#x}"),
    };
    known.to_owned()
}
