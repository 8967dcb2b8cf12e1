//! Signatures inside of models: what a signature over tensors speaks of, and a new head for the file that carries it
//! (`docs/spec/tensor-signature.md`).
//!
//! Nothing is taken from a file that breaks any rule of its format: loaders would disagree on what is in it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::digest::{Digest, Hasher};
use weighbridge_core::fact::{Target, What};
use weighbridge_core::input::Input;
use weighbridge_core::limits::Limits;
use weighbridge_core::lock::{Metadata, SignedTensors, Tensor, TensorSignature, Weights};
use weighbridge_core::place::Place;
use weighbridge_core::reader::{Claim, HEAD_BYTES, Hint, Reader};
use weighbridge_core::sink::Sink;
use weighbridge_trust::oms::LookError;
use weighbridge_trust::tensors;

pub use super::safetensors::Stored;
use super::{gguf, pickle, safetensors, torch_legacy};
use crate::bytes::offset;

/// The key under which a signature lies.
pub const KEY: &str = "weighbridge.signature";
/// Longest signature, and longest head of a file with one, in bytes: what safetensors allows for its header.
pub const LONGEST: u64 = 100_000_000;
/// Most tensors, and most keys, of a file.
pub const MOST: u64 = 1 << 20;

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// A format that can carry a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// safetensors.
    Safetensors,
    /// GGUF.
    Gguf,
}

/// What a file holds of a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contents {
    /// Tensors in the order of the file, their shape with the outermost dimension first.
    pub tensors: Vec<Stored>,
    /// Metadata, but for the signature and what only says how the file is laid out.
    pub metadata: Vec<Metadata>,
    /// The signature.
    pub signature: Option<String>,
    /// Which of how many files of a model this one says it is, counted from zero.
    pub split: Option<(u64, u64)>,
}

/// A piece of a file that is written anew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A part of the old file.
    Part {
        /// Where it begins there.
        offset: u64,
        /// How many bytes.
        size: u64,
    },
}

/// The limits within which files that carry signatures are read.
pub fn limits() -> Limits {
    Limits { text_bytes: LONGEST, entries: MOST, ..Limits::default() }
}

/// What a file in the folder of a model is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It holds tensors and can carry a signature.
    Tensors(Format),
    /// A pickle or a checkpoint of PyTorch, which runs what it says when a loader takes it in place of the tensors.
    Pickled,
    /// Something else.
    Other,
}

/// What a file is, by its content or else its name.
///
/// # Errors
/// What the system says.
pub fn kind(input: &Input, path: &str) -> Result<Kind, Unread> {
    let mut head = vec![0; HEAD_BYTES];
    let filled = input.read_some(0, &mut head)?;
    head.truncate(filled);
    let hint = Hint { path, size: input.size(), head: &head };
    // An archive says nothing by itself; under this name it is a checkpoint.
    let archive = head.starts_with(b"PK\x03\x04") && hint.has_extension("bin");
    let pickled = [pickle::Pickle.claims(&hint), torch_legacy::TorchLegacy.claims(&hint)];
    let claims = [
        (safetensors::Safetensors.claims(&hint), Kind::Tensors(Format::Safetensors)),
        (gguf::Gguf.claims(&hint), Kind::Tensors(Format::Gguf)),
        (if archive { Claim::ByMagic } else { Claim::No }, Kind::Pickled),
        (if pickled.contains(&Claim::ByMagic) { Claim::ByMagic } else { Claim::No }, Kind::Pickled),
    ];
    let first = claims.into_iter().filter(|(claim, _)| *claim != Claim::No).max_by_key(|(claim, _)| *claim);
    Ok(first.map_or(Kind::Other, |(_, kind)| kind))
}

/// What a file holds.
///
/// # Errors
/// When it breaks a rule of its format, or cannot be read.
pub fn contents(input: &Input, format: Format) -> Result<Contents, Unread> {
    match format {
        Format::Safetensors => safetensors::contents(input),
        Format::Gguf => gguf::contents(input),
    }
}

/// Tells of the signature that a file of the target carries, with the digests of all its tensors. Files without one cost nothing
/// more than their head.
///
/// # Errors
/// When the file breaks a rule of its format, or cannot be read.
pub(super) fn tell(input: &Input, format: Format, sink: &mut Sink) -> Result<(), Unread> {
    let contents = contents(input, format)?;
    let Some(json) = &contents.signature else { return Ok(()) };
    let says = match look(json) {
        Ok(says) => says,
        Err(error) if error.is_of_something_else() => {
            return Err(Unread::Unsupported(format!("the signature inside: {error}")));
        }
        Err(error) => {
            sink.malformed(format!("the signature inside: {error}"), None);
            return Ok(());
        }
    };
    // Each of them is kept as a fact is.
    let counts = [contents.tensors.len(), says.signed.tensors.len(), says.signed.metadata.len()];
    if counts.into_iter().max() > Some(input.limits().facts) {
        return Err(Unread::Limit(LimitKind::Facts, offset(input.limits().facts)));
    }
    let held = if input.is_remote() { Err(Unread::NotFetched) } else { Ok(held(input, &contents)?) };
    sink.observed(What::TensorSignature(Box::new(TensorSignature { says, held })), None);
    Ok(())
}

/// What a signature says, which depends on nothing but its text. As long as somebody holds it, it is kept for the other files of
/// the model: all of them carry the same one.
fn look(json: &str) -> Result<Arc<SignedTensors>, LookError> {
    static KNOWN: Mutex<BTreeMap<Digest, Weak<SignedTensors>>> = Mutex::new(BTreeMap::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let digest = Digest::of(json.as_bytes());
    if let Some(says) = known().get(&digest).and_then(Weak::upgrade) {
        return Ok(says);
    }
    let (identity, proof, signed) = tensors::look(json)?;
    let says = Arc::new(SignedTensors { identity, proof, digest, signed });
    let mut known = known();
    known.retain(|_, says| says.strong_count() > 0);
    // Another thread may have been faster.
    if let Some(says) = known.get(&digest).and_then(Weak::upgrade) {
        return Ok(says);
    }
    known.insert(digest, Arc::downgrade(&says));
    Ok(says)
}

/// The tensors and metadata of a file.
fn held(input: &Input, contents: &Contents) -> Result<Weights, Unread> {
    let tensor = |it: &Stored| {
        let digest = digest(input, it.offset, it.offset.saturating_add(it.size))?;
        Ok((it.name.clone(), Tensor { dtype: it.dtype.clone(), shape: it.shape.clone(), digest }))
    };
    Ok(Weights {
        tensors: contents.tensors.iter().map(tensor).collect::<Result<_, Unread>>()?,
        metadata: contents.metadata.iter().cloned().collect(),
    })
}

/// The pieces of the file with this signature in place of any older one. Its tensors and all else stay as they are.
///
/// # Errors
/// When it breaks a rule of its format, cannot be read, or has no room for the signature.
pub fn embed(input: &Input, format: Format, signature: &str) -> Result<Vec<Piece>, Unread> {
    match format {
        Format::Safetensors => safetensors::embed(input, signature),
        Format::Gguf => gguf::embed(input, signature),
    }
}

/// Writes a file anew: its pieces one after the other, in constant memory.
///
/// # Errors
/// Those of reading and of `take`.
pub fn write(
    input: &Input,
    pieces: &[Piece],
    take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => take(bytes)?,
            Piece::Part { offset, size } => each(input, *offset, offset.saturating_add(*size), take)?,
        }
    }
    Ok(())
}

/// A sink for the facts of a file whose name does not matter.
pub(super) fn sink(reader: &dyn Reader, input: &Input) -> Sink {
    Sink::new(Place::file("model"), reader.about().id, *input.limits())
}

/// Fails unless everything in the file was read and obeys the rules.
pub(super) fn is_sound(sink: Sink) -> Result<(), Unread> {
    for fact in sink.finish().facts {
        match fact.what {
            What::Malformed(text) => return Err(Unread::Malformed(text)),
            What::Unread(why) => return Err(why),
            What::Effect(effect) => {
                let what = match effect.target {
                    Target::Unknown(what) => format!("{what} ({})", effect.opcode),
                    _ => effect.opcode.to_owned(),
                };
                return Err(Unread::Malformed(format!("loaders are misled by it: {what}")));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The digest of a part of a file.
pub(super) fn digest(input: &Input, begin: u64, end: u64) -> Result<Digest, Unread> {
    let mut hasher = Hasher::default();
    each(input, begin, end, &mut |part| {
        hasher.update(part);
        Ok::<(), Unread>(())
    })?;
    Ok(hasher.finish())
}

/// Reads a part of a file piece by piece.
fn each<E: From<Told>>(
    input: &Input,
    begin: u64,
    end: u64,
    take: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    // Most tensors of some models are small, and there are many.
    let size = usize::try_from(end.saturating_sub(begin)).unwrap_or(BUFFER);
    let mut buffer = vec![0; size.min(BUFFER)];
    let mut at = begin;
    while at < end {
        let rest = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX).min(buffer.len());
        let part = buffer.get_mut(..rest).unwrap_or_default();
        input.read_exact(at, part).map_err(Told)?;
        take(part)?;
        at = at.saturating_add(u64::try_from(rest).unwrap_or(u64::MAX));
    }
    Ok(())
}

/// Why something was not read, on its way into another error.
struct Told(Unread);

impl From<Told> for Unread {
    fn from(told: Told) -> Self {
        told.0
    }
}

impl From<Told> for io::Error {
    fn from(told: Told) -> Self {
        Self::other(told.0)
    }
}

/// That a head or signature is longer than it may be.
pub(super) fn too_long() -> Unread {
    Unread::Limit(LimitKind::TextBytes, LONGEST)
}
