//! Mach-O: libraries and programs of Apple's systems, also several in one file.
//!
//! Source: `mach-o/loader.h`, `mach-o/fat.h`, `mach-o/nlist.h` of Apple.

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::sink::Sink;

use super::parts::{MOST_TABLE, Numbers, Parts, hexadecimal, name_at, text};
use crate::bytes::{length, offset};

/// Most programs in one file.
const MOST_SLICES: u32 = 16;
/// Most bytes of load commands.
const MOST_COMMANDS: u64 = 4 << 20;

/// Reads the load commands and symbols, of every program in the file.
pub(super) fn read(input: &Input, sink: &mut Sink) -> Result<Parts, Unread> {
    let mut head = [0; 8];
    input.read_some(0, &mut head)?;
    let numbers = Numbers { bytes: &head, big: true };
    let wide = match numbers.u32(0) {
        Some(0xcafe_babe) => false,
        Some(0xcafe_babf) => true,
        _ => return thin(input, 0, input.size(), sink),
    };
    let count = numbers.u32(4).unwrap_or_default();
    if count == 0 || count > MOST_SLICES {
        return Err(Unread::Malformed(format!("{count} programs in one file")));
    }
    let entry = if wide { 32usize } else { 20 };
    let size = u64::from(count).saturating_mul(offset(entry));
    let table = input.read_vec(8, size, MOST_COMMANDS)?;
    let mut parts = Parts::default();
    for slice in table.chunks_exact(entry) {
        let numbers = Numbers { bytes: slice, big: true };
        let at = numbers.word(8, wide).unwrap_or_default();
        let size = numbers.word(if wide { 16 } else { 12 }, wide).unwrap_or_default();
        parts.merge(thin(input, at, size, sink)?);
    }
    Ok(parts)
}

/// One program: the `size` bytes of the file from `start`.
fn thin(input: &Input, start: u64, size: u64, sink: &mut Sink) -> Result<Parts, Unread> {
    let input = input.slice(start, size);
    let mut head = [0; 32];
    input.read_some(0, &mut head)?;
    let (big, wide) = match crate::bytes::u32_at(&head, 0) {
        Some(0xfeed_face) => (false, false),
        Some(0xfeed_facf) => (false, true),
        Some(0xcefa_edfe) => (true, false),
        Some(0xcffa_edfe) => (true, true),
        _ => return Err(Unread::Malformed("no Mach-O header where the file says that it is".to_owned())),
    };
    let numbers = Numbers { bytes: &head, big };
    let mut parts = Parts::default();
    parts.binary.machine = machine(numbers.u32(4).unwrap_or_default());
    let count = numbers.u32(16).unwrap_or_default();
    let size = numbers.u32(20).unwrap_or_default();
    let commands = input.read_vec(if wide { 32 } else { 28 }, size.into(), MOST_COMMANDS)?;
    let mut rest = commands.as_slice();
    for _ in 0..count {
        let numbers = Numbers { bytes: rest, big };
        let (Some(kind), Some(size)) = (numbers.u32(0), numbers.u32(4)) else { break };
        let size = length(size.into());
        let Some((command, behind)) = rest.split_at_checked(size).filter(|_| size >= 8) else {
            sink.malformed("a load command is larger than all of them", None);
            break;
        };
        read_command(&input, start, kind, &Numbers { bytes: command, big }, wide, &mut parts, sink)?;
        rest = behind;
    }
    Ok(parts)
}

fn read_command(
    input: &Input,
    start: u64,
    kind: u32,
    command: &Numbers<'_>,
    wide: bool,
    parts: &mut Parts,
    sink: &mut Sink,
) -> Result<(), Unread> {
    // The highest bit says that the loader must understand the command.
    const SEGMENT: u32 = 0x1;
    const SYMTAB: u32 = 0x2;
    const LOAD: u32 = 0xc;
    const ID: u32 = 0xd;
    const SEGMENT_64: u32 = 0x19;
    const UUID: u32 = 0x1b;
    const WEAK: u32 = 0x18;
    const RPATH: u32 = 0x1c;
    const REEXPORT: u32 = 0x1f;
    let named = || {
        let at = length(command.u32(8)?.into());
        name_at(command.bytes, at).map(text)
    };
    match kind & !(1 << 31) {
        LOAD | WEAK | REEXPORT => parts.needs(named().unwrap_or_default()),
        RPATH => parts.searches(named().unwrap_or_default()),
        ID => {
            parts.binary.name = named();
            let version = command.u32(16).unwrap_or_default();
            let [major_high, major, minor, patch] = version.to_be_bytes();
            let major = u16::from_be_bytes([major_high, major]);
            parts.binary.version = (version != 0).then(|| format!("{major}.{minor}.{patch}"));
        }
        UUID => parts.binary.build_id = command.bytes.get(8..24).map(hexadecimal),
        SEGMENT | SEGMENT_64 => sections(start, command, wide, parts),
        SYMTAB => match symbols(input, command, wide, parts) {
            Err(reason @ (Unread::Truncated { .. } | Unread::Malformed(_))) => {
                sink.malformed(format!("table of symbols: {reason}"), None);
            }
            other => return other,
        },
        _ => {}
    }
    Ok(())
}

/// The sections of a segment that hold constant texts.
fn sections(start: u64, command: &Numbers<'_>, wide: bool, parts: &mut Parts) {
    let (first, entry) = if wide { (72, 80) } else { (56, 68) };
    let count = command.u32(if wide { 64 } else { 48 }).unwrap_or_default();
    let table = command.bytes.get(first..).unwrap_or_default();
    for section in table.chunks_exact(entry).take(length(count.into())) {
        let name = text(section.get(..16).unwrap_or_default());
        if !matches!(name.as_str(), "__cstring" | "__const" | "__data" | "__literals") {
            continue;
        }
        let numbers = Numbers { bytes: section, big: command.big };
        let size = numbers.word(if wide { 40 } else { 36 }, wide).unwrap_or_default();
        let at = numbers.u32(if wide { 48 } else { 40 }).unwrap_or_default();
        if at != 0 {
            parts.texts.push((start.saturating_add(at.into()), size));
        }
    }
}

fn symbols(input: &Input, command: &Numbers<'_>, wide: bool, parts: &mut Parts) -> Result<(), Unread> {
    /// Entries for debuggers; the type of one that is defined nowhere in the file is 0.
    const STAB: u8 = 0xe0;
    const TYPE: u8 = 0x0e;
    let [at, count, names, names_size] = [8, 12, 16, 20].map(|at| command.u32(at).unwrap_or_default());
    let entry = if wide { 16usize } else { 12 };
    let table = input.read_vec(names.into(), names_size.into(), MOST_TABLE)?;
    let size = u64::from(count).saturating_mul(offset(entry));
    let list = input.read_vec(at.into(), size, MOST_TABLE)?;
    for symbol in list.chunks_exact(entry) {
        let numbers = Numbers { bytes: symbol, big: command.big };
        let kind = symbol.get(4).copied().unwrap_or_default();
        let name = numbers.u32(0).and_then(|at| name_at(&table, length(at.into()))).unwrap_or_default();
        if kind & STAB == 0
            && let Some(name) = name.strip_prefix(b"_")
        {
            parts.symbol(name, kind & TYPE != 0);
        }
    }
    Ok(())
}

/// Source: `mach/machine.h`.
fn machine(number: u32) -> String {
    let known = match number {
        7 => "x86",
        0x0100_0007 => "x86-64",
        12 => "arm",
        0x0100_000c => "arm64",
        18 => "ppc",
        0x0100_0012 => "ppc64",
        other => return format!("machine {other:#x}"),
    };
    known.to_owned()
}
