//! Programs and libraries for a machine, and which native libraries they are or hold.
//!
//! Only headers, names, symbols and the parts that hold constant texts are read. The order of the modules: [`elf`],
//! [`pe`] and [`mach_o`] read the three formats into [`parts`]; [`identify`] asks the [`table`] of signatures which
//! libraries they show, by [`pattern`]s over texts and by [`name`]s.

mod elf;
mod identify;
mod keep;
mod mach_o;
mod name;
mod parts;
mod pattern;
mod pe;
mod table;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, HEAD_BYTES, Hint, Keeper, Reader};
use weighbridge_core::sink::Sink;

pub use name::Name;
pub use table::{is_called, libraries, library_of_package, lookalikes, rpm_of};

use crate::model::executable::kind;

/// Reads libraries and programs of Linux, Windows and macOS.
pub struct Native;

impl Reader for Native {
    fn about(&self) -> &'static About {
        &About {
            id: "native",
            title: "Native libraries and programs (ELF, PE, Mach-O)",
            family: Family::Binary,
            names: &["*.so", "*.so.*", "*.dylib", "*.dll", "*.pyd"],
            reads: "What they link to, and which libraries they are or hold copies of, by constant texts, names and \
                    symbols.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let library = is_library(hint.name());
        // Programs mostly have no extension; whatever has that of another format is judged by its readers.
        let program = hint.has_extension("exe") || !hint.name().contains('.');
        if (library || program) && matches!(kind(hint.head), Some("ELF" | "PE" | "Mach-O")) && !is_java(hint)
        {
            Claim::ByMagic
        } else if library && hint.size > 0 {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut head = vec![0; HEAD_BYTES];
        let filled = input.read_some(0, &mut head)?;
        head.truncate(filled);
        // A library may be a few lines for the linker that name the real one.
        if head.starts_with(b"/* GNU ld script") {
            return Ok(());
        }
        let (format, parts) = match kind(&head) {
            Some("ELF") => ("elf", elf::read(input, sink)?),
            Some("PE") => ("pe", pe::read(input, sink)?),
            Some("Mach-O") => ("mach-o", mach_o::read(input, sink)?),
            _ => return Err(Unread::Malformed("neither ELF nor PE nor Mach-O".to_owned())),
        };
        let name = sink.place().name().to_owned();
        sink.observed(What::Format(format), None);
        let identified = identify::identify(input, &name, &parts, sink);
        sink.observed(What::Binary(Box::new(parts.binary)), None);
        identified
    }

    fn keeper(&self) -> Option<&dyn Keeper> {
        Some(&keep::Kept)
    }
}

/// Whether a file is called like a library: `.so` may have a version behind it.
fn is_library(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let ends = [".so", ".dylib", ".dll", ".pyd"].iter().any(|extension| name.ends_with(extension));
    let version = name.rsplit_once(".so.").map(|(_, version)| version);
    ends || version.is_some_and(|it| it.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

/// Classes of Java begin like Mach-O for several machines; there the number of programs is a version from 45 on.
fn is_java(hint: &Hint<'_>) -> bool {
    hint.head.starts_with(b"\xca\xfe\xba\xbe")
        && hint.head.get(4..8).is_some_and(|count| count > [0, 0, 0, 16].as_slice())
}
