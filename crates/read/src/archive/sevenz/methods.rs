//! The ids of methods (7-Zip's `Methods.txt`), and what their properties mean.

use weighbridge_core::coverage::Unread;
use weighbridge_core::sink::{Machine, Method};

use crate::bytes;

/// The method with this id and these properties.
pub(super) fn method(id: &[u8], properties: &[u8]) -> Result<Method, Unread> {
    let broken = || Unread::Malformed("a coder has properties that its method does not allow".to_owned());
    Ok(match id {
        [0] => Method::Copy,
        // The distance less one.
        [3] => match properties {
            [distance] => Method::Delta(usize::from(*distance).saturating_add(1)),
            _ => return Err(broken()),
        },
        [0x21] => Method::Lzma2(dictionary(properties).ok_or_else(broken)?),
        [3, 1, 1] => match (properties.first(), bytes::u32_at(properties, 1)) {
            (Some(first), Some(size)) if *first < 9 * 5 * 5 => Method::Lzma(*first, size),
            _ => return Err(broken()),
        },
        // A filter that starts elsewhere than at 0 would need its position.
        [4] | [3, 3, 1, 3] => jumps(Machine::X86, properties)?,
        [5] | [3, 3, 2, 5] => jumps(Machine::PowerPc, properties)?,
        [6] | [3, 3, 4, 1] => jumps(Machine::Ia64, properties)?,
        [7] | [3, 3, 5, 1] => jumps(Machine::Arm, properties)?,
        [8] | [3, 3, 7, 1] => jumps(Machine::ArmThumb, properties)?,
        [9] | [3, 3, 8, 5] => jumps(Machine::Sparc, properties)?,
        [10] => jumps(Machine::Arm64, properties)?,
        [11] => jumps(Machine::RiscV, properties)?,
        [3, 3, 1, 0x1b] => Method::Bcj2,
        [4, 1, 8] => Method::Deflate,
        [4, 2, 2] => Method::Bzip2,
        [4, 0xf7, 0x11, 1] => Method::Zstd,
        [6, 0xf1, 7, 1] => return Err(Unread::Encrypted),
        id => return Err(Unread::Unsupported(format!("the packing method {}", name(id)))),
    })
}

fn jumps(machine: Machine, properties: &[u8]) -> Result<Method, Unread> {
    if properties.iter().all(|byte| *byte == 0) {
        Ok(Method::Jumps(machine))
    } else {
        Err(Unread::Unsupported("a filter of jumps that starts in the middle".to_owned()))
    }
}

/// The size of the dictionary of LZMA2: one byte, two bits of which are a mantissa.
fn dictionary(properties: &[u8]) -> Option<u32> {
    match properties {
        [40] => Some(u32::MAX),
        [bits @ 0..40] => (2 | u32::from(bits & 1)).checked_shl(u32::from(bits / 2).saturating_add(11)),
        _ => None,
    }
}

fn name(id: &[u8]) -> String {
    let known = match id {
        [3, 4, 1] => "PPMd",
        [4, 1, 9] => "Deflate64",
        [4, 1, ..] => "of zip",
        [4, 3, ..] => "of RAR",
        [4, 0xf7, 0x11, 2] => "Brotli",
        [4, 0xf7, 0x11, 4] => "LZ4",
        [4, 0xf7, 0x11, 5] => "LZ5",
        [4, 0xf7, 0x11, 6] => "Lizard",
        [0x21, ..] | [6, 0xf1, ..] => "of a later version",
        _ => return format!("0x{}", id.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    };
    known.to_owned()
}
