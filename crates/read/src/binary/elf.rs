//! ELF: shared libraries and programs of Linux and most other systems.
//!
//! Source: System V ABI, chapters 4 (object files) and 5 (dynamic linking); `elf.h`.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::sink::Sink;

use super::parts::{LONGEST_NAME, MOST_TABLE, Numbers, Parts, hexadecimal, name_at, text};
use crate::bytes::length;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_NOTE: u32 = 4;
const SHT_PROGBITS: u32 = 1;
const SHT_DYNSYM: u32 = 11;
const EXECUTABLE_SEGMENT: u32 = 1;
const SHF_ALLOC: u64 = 2;
const SHF_EXECINSTR: u64 = 4;
/// Most bytes of the tables of headers.
const MOST_HEADERS: u64 = 8 << 20;

/// A part of the file that is loaded into memory, or a section.
struct Part {
    kind: u32,
    flags: u64,
    name: u32,
    address: u64,
    at: u64,
    size: u64,
}

/// What the header says of how the file is to be read.
struct Shape {
    wide: bool,
    big: bool,
}

/// Reads the headers, the dynamic section and the symbols.
pub(super) fn read(input: &Input, sink: &mut Sink) -> Result<Parts, Unread> {
    let malformed = |reason: &str| Unread::Malformed(reason.to_owned());
    let mut head = [0; 64];
    input.read_some(0, &mut head)?;
    let shape = match (head.get(4), head.get(5)) {
        (Some(class @ (1 | 2)), Some(order @ (1 | 2))) => Shape { wide: *class == 2, big: *order == 2 },
        _ => return Err(malformed("ELF of neither 32 nor 64 bits, or of no order of bytes")),
    };
    let numbers = Numbers { bytes: &head, big: shape.big };
    let cut = || malformed("ELF header ends early");
    let mut parts = Parts::default();
    parts.binary.machine = machine(numbers.u16(18).ok_or_else(cut)?);
    let at = |wide: usize, narrow: usize| if shape.wide { wide } else { narrow };
    let programs = numbers.word(at(32, 28), shape.wide).ok_or_else(cut)?;
    let sections = numbers.word(at(40, 32), shape.wide).ok_or_else(cut)?;
    let counts = [at(54, 42), at(56, 44), at(58, 46), at(60, 48), at(62, 50)];
    let [program_size, program_count, section_size, section_count, names] =
        counts.map(|at| numbers.u16(at).unwrap_or_default());

    let loads = segments(input, &shape, programs, program_size, program_count)?;
    let sections = match sections_of(input, &shape, sections, section_size, section_count) {
        Ok(sections) => sections,
        // Nothing that loads the file needs them.
        Err(reason) => {
            sink.malformed(format!("table of sections: {reason}"), None);
            Vec::new()
        }
    };
    let names = section_names(input, &sections, names);
    input.go_on()?;
    parts.texts = texts(&sections, &names);
    parts.binary.debug = debug_file(input, &sections, &names)?;
    if parts.texts.is_empty() {
        let plain = loads.iter().filter(|it| it.kind == PT_LOAD);
        let data = plain.clone().filter(|it| it.flags & u64::from(EXECUTABLE_SEGMENT) == 0);
        let data: Vec<(u64, u64)> = data.map(|it| (it.at, it.size)).collect();
        parts.texts = if data.is_empty() { plain.map(|it| (it.at, it.size)).collect() } else { data };
    }
    for note in loads.iter().filter(|it| it.kind == PT_NOTE) {
        if let Some(id) = build_id(input, &shape, note)? {
            parts.binary.build_id = Some(id);
        }
    }
    if let Some(dynamic) = loads.iter().find(|it| it.kind == PT_DYNAMIC)
        && let Err(reason) = read_dynamic(input, &shape, dynamic, &loads, &sections, &mut parts)
    {
        let said = format!("dynamic section: {reason}");
        match reason {
            Unread::Truncated { .. } | Unread::Malformed(_) => sink.malformed(said, None),
            reason => return Err(reason),
        }
    }
    Ok(parts)
}

/// Program headers.
fn segments(input: &Input, shape: &Shape, at: u64, size: u16, count: u16) -> Result<Vec<Part>, Unread> {
    let table = table(input, at, size, count, if shape.wide { 56 } else { 32 })?;
    let mut found = Vec::new();
    for entry in table.chunks_exact(usize::from(size).max(1)) {
        let numbers = Numbers { bytes: entry, big: shape.big };
        let word = |wide: usize, narrow: usize| {
            numbers.word(if shape.wide { wide } else { narrow }, shape.wide).unwrap_or_default()
        };
        found.push(Part {
            kind: numbers.u32(0).unwrap_or_default(),
            flags: numbers.u32(if shape.wide { 4 } else { 24 }).unwrap_or_default().into(),
            name: 0,
            at: word(8, 4),
            address: word(16, 8),
            size: word(32, 16),
        });
    }
    Ok(found)
}

/// Section headers.
fn sections_of(input: &Input, shape: &Shape, at: u64, size: u16, count: u16) -> Result<Vec<Part>, Unread> {
    let table = table(input, at, size, count, if shape.wide { 64 } else { 40 })?;
    let mut found = Vec::new();
    for entry in table.chunks_exact(usize::from(size).max(1)) {
        let numbers = Numbers { bytes: entry, big: shape.big };
        let word = |wide: usize, narrow: usize| {
            numbers.word(if shape.wide { wide } else { narrow }, shape.wide).unwrap_or_default()
        };
        found.push(Part {
            name: numbers.u32(0).unwrap_or_default(),
            kind: numbers.u32(4).unwrap_or_default(),
            flags: word(8, 8),
            address: word(16, 12),
            at: word(24, 16),
            size: word(32, 20),
        });
    }
    Ok(found)
}

fn table(input: &Input, at: u64, size: u16, count: u16, least: u16) -> Result<Vec<u8>, Unread> {
    if count == 0 || at == 0 {
        return Ok(Vec::new());
    }
    if size < least {
        return Err(Unread::Malformed("entries of a table are too small".to_owned()));
    }
    input.read_vec(at, u64::from(size).saturating_mul(u64::from(count)), MOST_HEADERS)
}

/// The table of names of sections; empty where it cannot be read.
fn section_names(input: &Input, sections: &[Part], names: u16) -> Vec<u8> {
    let Some(table) = sections.get(usize::from(names)) else { return Vec::new() };
    input.read_vec(table.at, table.size, MOST_HEADERS).unwrap_or_default()
}

/// The name of the file of debug symbols; what follows it is a checksum.
fn debug_file(input: &Input, sections: &[Part], names: &[u8]) -> Result<Option<String>, Unread> {
    let is_link = |section: &&Part| {
        section.kind == SHT_PROGBITS
            && name_at(names, length(section.name.into())) == Some(b".gnu_debuglink".as_slice())
    };
    let Some(link) = sections.iter().find(is_link) else { return Ok(None) };
    let most = u64::try_from(LONGEST_NAME).unwrap_or(u64::MAX);
    let Ok(bytes) = input.read_vec(link.at, link.size.min(most), most) else {
        input.go_on()?;
        return Ok(None);
    };
    Ok(Some(text(&bytes)).filter(|name| !name.is_empty()))
}

/// The sections that hold constant texts, and what compilers leave as comments.
fn texts(sections: &[Part], names: &[u8]) -> Vec<(u64, u64)> {
    let wanted = |section: &&Part| {
        let name = name_at(names, length(section.name.into())).unwrap_or_default();
        let constant = name.starts_with(b".rodata") || name == b".data" || name == b".data.rel.ro";
        let loaded = section.flags & SHF_ALLOC != 0 && section.flags & SHF_EXECINSTR == 0;
        section.kind == SHT_PROGBITS && (loaded && constant || name == b".comment")
    };
    sections.iter().filter(wanted).map(|it| (it.at, it.size)).collect()
}

/// The build id in a segment of notes, if it is there.
fn build_id(input: &Input, shape: &Shape, note: &Part) -> Result<Option<String>, Unread> {
    const NT_GNU_BUILD_ID: u32 = 3;
    let Ok(bytes) = input.read_vec(note.at, note.size.min(64 << 10), 64 << 10) else { return Ok(None) };
    input.go_on()?;
    let numbers = Numbers { bytes: &bytes, big: shape.big };
    let mut at = 0usize;
    let padded = |size: u32| length(u64::from(size).next_multiple_of(4));
    while let (Some(name), Some(size), Some(kind)) =
        (numbers.u32(at), numbers.u32(at.saturating_add(4)), numbers.u32(at.saturating_add(8)))
    {
        let name_from = at.saturating_add(12);
        let from = name_from.saturating_add(padded(name));
        let is_gnu = bytes.get(name_from..).is_some_and(|rest| rest.starts_with(b"GNU\0"));
        if kind == NT_GNU_BUILD_ID && is_gnu && (1..=64).contains(&size) {
            let id = bytes.get(from..from.saturating_add(length(size.into())));
            return Ok(id.map(hexadecimal));
        }
        at = from.saturating_add(padded(size));
    }
    Ok(None)
}

/// Names, and symbols of the table of signatures.
fn read_dynamic(
    input: &Input,
    shape: &Shape,
    dynamic: &Part,
    loads: &[Part],
    sections: &[Part],
    parts: &mut Parts,
) -> Result<(), Unread> {
    const NEEDED: u64 = 1;
    const STRTAB: u64 = 5;
    const SYMTAB: u64 = 6;
    const STRSZ: u64 = 10;
    const SONAME: u64 = 14;
    const RPATH: u64 = 15;
    const RUNPATH: u64 = 29;
    let entry = if shape.wide { 16usize } else { 8 };
    let bytes = input.read_vec(dynamic.at, dynamic.size, MOST_HEADERS)?;
    let mut tags: Vec<(u64, u64)> = Vec::new();
    for pair in bytes.chunks_exact(entry) {
        let numbers = Numbers { bytes: pair, big: shape.big };
        let tag = numbers.word(0, shape.wide).unwrap_or_default();
        if tag == 0 {
            break;
        }
        tags.push((tag, numbers.word(entry / 2, shape.wide).unwrap_or_default()));
    }
    let of = |wanted: u64| tags.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| *value);
    let (Some(names), Some(names_size)) = (of(STRTAB), of(STRSZ)) else { return Ok(()) };
    let names_at = offset_of(loads, names)?;
    let table = input.read_vec(names_at, names_size, MOST_TABLE)?;
    let named = |at: u64| name_at(&table, length(at)).map(text).unwrap_or_default();
    for (tag, value) in &tags {
        if *tag == NEEDED {
            parts.needs(named(*value));
        }
    }
    parts.binary.name = of(SONAME).map(named).filter(|name| !name.is_empty());
    if let Some(paths) = of(RUNPATH).or_else(|| of(RPATH)) {
        named(paths).split(':').for_each(|path| parts.searches(path.to_owned()));
    }
    let Some(symbols) = of(SYMTAB) else { return Ok(()) };
    let symbols_at = offset_of(loads, symbols)?;
    let section = sections.iter().find(|it| it.kind == SHT_DYNSYM && it.at == symbols_at);
    // Without sections nothing says how many there are; linkers put the names behind the symbols.
    let size = section.map_or(names.saturating_sub(symbols), |section| section.size);
    let entry = if shape.wide { 24 } else { 16 };
    let bytes = input.read_vec(symbols_at, size, MOST_TABLE)?;
    for symbol in bytes.chunks_exact(entry) {
        let numbers = Numbers { bytes: symbol, big: shape.big };
        let name = numbers.u32(0).unwrap_or_default();
        let section = numbers.u16(if shape.wide { 6 } else { 14 }).unwrap_or_default();
        if name != 0
            && let Some(name) = name_at(&table, length(name.into()))
        {
            parts.symbol(name, section != 0);
        }
    }
    Ok(())
}

/// Where in the file an address of memory lies.
fn offset_of(loads: &[Part], address: u64) -> Result<u64, Unread> {
    let within = |it: &&Part| {
        it.kind == PT_LOAD && address.checked_sub(it.address).is_some_and(|inside| inside < it.size)
    };
    let found = loads.iter().find(within);
    let at = found.and_then(|it| it.at.checked_add(address.checked_sub(it.address)?));
    at.ok_or_else(|| Unread::Malformed("an address lies outside of the file".to_owned()))
}

/// Machines that Python packages are built for; source: `elf.h`, `EM_*`.
fn machine(number: u16) -> String {
    let known = match number {
        3 => "x86",
        20 => "ppc",
        21 => "ppc64",
        22 => "s390",
        40 => "arm",
        62 => "x86-64",
        183 => "arm64",
        243 => "riscv",
        258 => "loongarch",
        other => return format!("machine {other}"),
    };
    known.to_owned()
}
