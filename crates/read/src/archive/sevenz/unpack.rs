//! Coders one over the other, as one stream of bytes. The decoders are other people's: whoever reads from here must
//! bound what he takes and be ready for a panic.

use std::error::Error;
use std::io::{self, BufReader, Read};

use lzma_rust2::filter::bcj::BcjReader;
use lzma_rust2::filter::bcj2::Bcj2Reader;
use lzma_rust2::filter::delta::DeltaReader;
use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::input::Input;
use weighbridge_core::sink::{Machine, Method, Unpacking};

/// Most bytes that a decoder may keep for references back. The strongest level of 7-Zip on a machine of 64 bits uses as
/// much.
const DICTIONARY_BYTES: u32 = 256 << 20;
/// Packed bytes read at a time.
const WINDOW: usize = 32 << 10;
/// Smallest dictionary of the formats.
const LEAST_DICTIONARY: u32 = 4 << 10;

/// What comes out of `unpacking` over `input`.
///
/// # Errors
/// [`Unread::Limit`] when a decoder wants more memory than is allowed.
pub fn reader<'input>(input: &'input Input, unpacking: &Unpacking) -> Result<Box<dyn Read + 'input>, Unread> {
    chain(input, unpacking, &mut { DICTIONARY_BYTES })
}

/// The readers of a tree, which together may keep `left` bytes.
fn chain<'input>(
    input: &'input Input,
    unpacking: &Unpacking,
    left: &mut u32,
) -> Result<Box<dyn Read + 'input>, Unread> {
    Ok(match unpacking {
        Unpacking::Part { offset, size } => Box::new(Part { input: input.slice(*offset, *size), at: 0 }),
        Unpacking::Coder { method, size, inputs } => {
            let mut below = inputs.iter().map(|it| chain(input, it, left)).collect::<Result<Vec<_>, _>>()?;
            let taken: Box<dyn Read + 'input> = if *method == Method::Bcj2 {
                let streams = Bcj2Reader::try_new(below, *size);
                Box::new(
                    streams.map_err(|_| Unread::Malformed("a filter of jumps lacks streams".to_owned()))?,
                )
            } else {
                let inner =
                    below.pop().ok_or_else(|| Unread::Malformed("a coder has no input".to_owned()))?;
                decoder(inner, *method, *size, left)?
            };
            // What a coder gives beyond its size belongs to nothing.
            Box::new(taken.take(*size))
        }
    })
}

fn decoder<'input>(
    inner: Box<dyn Read + 'input>,
    method: Method,
    size: u64,
    left: &mut u32,
) -> Result<Box<dyn Read + 'input>, Unread> {
    let refused = |_| Unread::Malformed("a coder has properties that its method does not allow".to_owned());
    Ok(match method {
        Method::Copy => inner,
        Method::Lzma(properties, dictionary) => {
            let dictionary = affordable(dictionary, size, left)?;
            let buffered = BufReader::with_capacity(WINDOW, inner);
            Box::new(
                lzma_rust2::LzmaReader::new_with_props(buffered, size, properties, dictionary, None)
                    .map_err(refused)?,
            )
        }
        Method::Lzma2(dictionary) => {
            let buffered = BufReader::with_capacity(WINDOW, inner);
            Box::new(lzma_rust2::Lzma2Reader::new(buffered, affordable(dictionary, size, left)?, None))
        }
        Method::Deflate => Box::new(flate2::read::DeflateDecoder::new(inner)),
        Method::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(inner)),
        Method::Zstd => Box::new(
            ruzstd::decoding::StreamingDecoder::new(inner)
                .map_err(|_| Unread::Malformed("packed data breaks the rules of zstd".to_owned()))?,
        ),
        Method::Delta(distance) => Box::new(DeltaReader::new(inner, distance)),
        Method::Jumps(machine) => Box::new(match machine {
            Machine::X86 => BcjReader::new_x86(inner, 0),
            Machine::PowerPc => BcjReader::new_ppc(inner, 0),
            Machine::Ia64 => BcjReader::new_ia64(inner, 0),
            Machine::Arm => BcjReader::new_arm(inner, 0),
            Machine::ArmThumb => BcjReader::new_arm_thumb(inner, 0),
            Machine::Sparc => BcjReader::new_sparc(inner, 0),
            Machine::Arm64 => BcjReader::new_arm64(inner, 0),
            Machine::RiscV => BcjReader::new_riscv(inner, 0),
        }),
        Method::Bcj2 => return Err(Unread::Malformed("a filter of jumps lacks streams".to_owned())),
    })
}

/// The dictionary that is needed: nothing can refer further back than to the first byte.
fn affordable(dictionary: u32, size: u64, left: &mut u32) -> Result<u32, Unread> {
    let needed = dictionary.min(u32::try_from(size).unwrap_or(u32::MAX)).max(LEAST_DICTIONARY);
    *left =
        left.checked_sub(needed).ok_or(Unread::Limit(LimitKind::StateBytes, u64::from(DICTIONARY_BYTES)))?;
    Ok(needed)
}

/// A part of the archive.
struct Part {
    input: Input,
    at: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(WINDOW);
        let piece = buffer.get_mut(..length).unwrap_or_default();
        // The reason finds its way back through the decoders as the cause of their error.
        let count = self.input.read_some(self.at, piece).map_err(io::Error::other)?;
        self.at = self.at.saturating_add(crate::bytes::offset(count));
        Ok(count)
    }
}

/// The same error, without the promise that it may go to another thread.
fn plain<'error>(error: &'error (dyn Error + Send + Sync + 'static)) -> &'error (dyn Error + 'static) {
    error
}

/// What an error of a decoder means.
#[must_use]
pub fn reason(error: &io::Error) -> Unread {
    let mut cause = error.get_ref().map(plain);
    while let Some(inner) = cause {
        if let Some(reason) = inner.downcast_ref::<Unread>() {
            return reason.clone();
        }
        cause = match inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(plain(inner)),
            None => inner.source(),
        };
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Unread::Malformed("packed data ends early".to_owned()),
        io::ErrorKind::OutOfMemory => Unread::Limit(LimitKind::StateBytes, u64::from(DICTIONARY_BYTES)),
        _ => Unread::Malformed("packed data breaks the rules of its method".to_owned()),
    }
}
