//! Programs under the names of models, and llamafile, which is both.
//!
//! A llamafile is one file that every system runs as a program, with a zip archive behind it that holds the weights as
//! GGUF. Any other model whose bytes are those of a program is no model: whoever opens it by its name is not the one to
//! whom it matters.
//!
//! Source: System V ABI, chapter 4 (ELF); PE Format of Microsoft; `mach-o/loader.h` and `fat.h` of Apple; `ape/ape.S` of
//! Cosmopolitan for the beginnings of files that are several of these at once.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Target, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, HEAD_BYTES, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use crate::bytes::{length, u32_at};

/// The step to the archive behind a program.
pub(crate) const ARCHIVE: &str = "#zip";
/// How many bytes at the end may hold the end of an archive (APPNOTE 4.3.16): the record and the longest comment.
const LONGEST_END: u64 = 22 + 0xffff;

/// Endings that only models have.
const MODELS: [&str; 27] = [
    "cbm",
    "ckpt",
    "ggml",
    "gguf",
    "h5",
    "hdf5",
    "joblib",
    "keras",
    "llamafile",
    "mlmodel",
    "msgpack",
    "npy",
    "npz",
    "onnx",
    "pdiparams",
    "pdmodel",
    "pdparams",
    "pickle",
    "pkl",
    "pmml",
    "pt",
    "pth",
    "pte",
    "safetensors",
    "t7",
    "tflite",
    "ubj",
];

/// Reads programs that are called like models.
pub struct Executable;

impl Reader for Executable {
    fn about(&self) -> &'static About {
        &About {
            id: "executable",
            title: "Programs under names of models, llamafile",
            family: Family::Model,
            names: &["*.llamafile"],
            reads: "Which kind of program it is; of a llamafile the archive behind it with its weights.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let llamafile = hint.has_extension("llamafile");
        let model = MODELS.iter().any(|extension| hint.has_extension(extension)) || is_weights(hint);
        if model && kind(hint.head).is_some() {
            Claim::ByMagic
        } else if llamafile && hint.size > 0 {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut head = vec![0; HEAD_BYTES];
        let filled = input.read_some(0, &mut head)?;
        head.truncate(filled);
        let name =
            sink.place().inner.last().map_or_else(|| sink.place().name().to_owned(), ToString::to_string);
        let llamafile = name.to_ascii_lowercase().ends_with(".llamafile");
        sink.observed(What::Format(if llamafile { "llamafile" } else { "executable" }), None);
        let archive = has_archive(input)?;
        let Some(kind) = kind(&head) else {
            if archive {
                let reason = "not a program, which a llamafile is; an archive all the same";
                sink.malformed(reason, Some(Span::Offset(0)));
                hand_out(input, sink);
                return Ok(());
            }
            return Err(Unread::Malformed("neither a program nor an archive".to_owned()));
        };
        let target = Target::Code { language: "machine code", beginning: kind.to_owned() };
        let opcode = if llamafile { "llamafile" } else { "program" };
        sink.observed(What::Effect(Effect::new(EffectKind::Run, target, opcode)), Some(Span::Offset(0)));
        if archive {
            hand_out(input, sink);
        } else if llamafile {
            sink.malformed("no archive behind the program, which a llamafile has", None);
        }
        Ok(())
    }
}

fn hand_out(input: &Input, sink: &mut Sink) {
    // The whole file: the archive counts its offsets from the beginning of the program.
    let body = Body::Slice { offset: 0, size: input.size() };
    sink.child(Child { step: ARCHIVE.into(), body, reader: Some("zip") });
}

/// Whether there is the end of a zip archive where one must be.
fn has_archive(input: &Input) -> Result<bool, Unread> {
    let from = input.size().saturating_sub(LONGEST_END);
    let mut tail = vec![0; length(input.size().saturating_sub(from))];
    let filled = input.read_some(from, &mut tail)?;
    Ok(tail.get(..filled).unwrap_or_default().windows(4).any(|four| four == b"PK\x05\x06"))
}

/// `.bin` is what weights are called, and much else: the rest of the name must speak for weights.
fn is_weights(hint: &Hint<'_>) -> bool {
    let name = hint.name().to_ascii_lowercase();
    name.ends_with(".bin") && ["model", "ggml", "weights", "adapter"].iter().any(|part| name.contains(part))
}

/// What kind of program begins like this.
pub(crate) fn kind(head: &[u8]) -> Option<&'static str> {
    // Files that run everywhere begin as DOS programs and as shell scripts at once.
    if head.starts_with(b"MZqFpD='") || head.starts_with(b"jartsr='") {
        return Some("APE");
    }
    if head.starts_with(b"\x7fELF") {
        return Some("ELF");
    }
    let portable = head.starts_with(b"MZ")
        && u32_at(head, 0x3c)
            .and_then(|at| head.get(usize::try_from(at).ok()?..))
            .is_some_and(|header| header.starts_with(b"PE\0\0"));
    if portable {
        return Some("PE");
    }
    // Word sizes and byte orders; the last two hold programs for several machines.
    let mach = [
        b"\xfe\xed\xfa\xce",
        b"\xfe\xed\xfa\xcf",
        b"\xce\xfa\xed\xfe",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe",
        b"\xca\xfe\xba\xbf",
    ];
    mach.iter().any(|magic| head.starts_with(*magic)).then_some("Mach-O")
}
