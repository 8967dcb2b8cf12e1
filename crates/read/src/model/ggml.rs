//! The containers that came before GGUF: GGML, GGMF and GGJT of llama.cpp.
//!
//! Each program had its own header, and the file does not say whose it is. That of LLaMA is read: hyperparameters, a
//! vocabulary, tensors up to the end of the file. What does not come out even that way is of another model, and is told
//! as not read.
//!
//! Source: `llama_file_loader` of llama.cpp at the last commit before GGUF (versions 1 to 3 of GGJT).

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Tensors, What};
use weighbridge_core::input::{Cursor, Input};
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

/// Window through which the file is read, in bytes.
const WINDOW: usize = 64 << 10;
/// GGJT aligns the bytes of tensors to this.
const ALIGNMENT: u64 = 32;
/// The longest name of a tensor, and the longest token, in bytes.
const LONGEST_NAME: u32 = 1024;
/// The largest vocabulary; none known comes near.
const MOST_TOKENS: u32 = 1 << 22;
/// The magic numbers as they stand in the file, least significant byte first.
const MAGIC: [&[u8; 4]; 4] = [b"lmgg", b"fmgg", b"tjgg", b"algg"];

/// Reads GGML files.
pub struct Ggml;

impl Reader for Ggml {
    fn about(&self) -> &'static About {
        &About {
            id: "ggml",
            title: "GGML, GGMF, GGJT",
            family: Family::Model,
            names: &["*.ggml"],
            reads: "The header, vocabulary and tensors of LLaMA models; that others are not read.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if MAGIC.iter().any(|magic| hint.head.starts_with(*magic)) {
            Claim::ByMagic
        } else if hint.has_extension("ggml") && hint.size > 0 {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut cursor = input.cursor(0, WINDOW);
        let magic = cursor.array::<4>()?;
        if !MAGIC.contains(&&magic) {
            return Err(Unread::Malformed("begins with none of the magic numbers of GGML".to_owned()));
        }
        sink.observed(What::Format("ggml"), None);
        match model(&mut cursor, magic) {
            Ok(Some(tensors)) => {
                if tensors.count > 0 {
                    sink.observed(What::Tensors(tensors), None);
                }
                Ok(())
            }
            Err(Unread::Cancelled) => Err(Unread::Cancelled),
            // A file of another model soon claims what it does not hold.
            Ok(None) | Err(Unread::Truncated { .. }) => {
                let reason = "GGML that is no LLaMA model, or is broken";
                Err(Unread::Unsupported(reason.to_owned()))
            }
            Err(reason) => Err(reason),
        }
    }
}

/// The tensors of a LLaMA model; none where the file cannot be one.
fn model(cursor: &mut Cursor<'_>, magic: [u8; 4]) -> Result<Option<Tensors>, Unread> {
    // Files of the first kind have no version; adapters have other headers.
    let version = match &magic {
        b"lmgg" => 0,
        b"fmgg" | b"tjgg" => u32::from_le_bytes(cursor.array()?),
        _ => return Ok(None),
    };
    let aligned = &magic == b"tjgg";
    if version > if aligned { 3 } else { 1 } {
        return Ok(None);
    }
    let vocabulary = u32::from_le_bytes(cursor.array()?);
    // Sizes of the model, of which tensors say the same once more.
    cursor.skip(24);
    if vocabulary > MOST_TOKENS {
        return Ok(None);
    }
    for _ in 0..vocabulary {
        let size = u32::from_le_bytes(cursor.array()?);
        if size > LONGEST_NAME {
            return Ok(None);
        }
        cursor.skip(u64::from(size));
        if version > 0 {
            // How likely the token is.
            cursor.skip(4);
        }
    }
    let mut tensors = Tensors::default();
    while cursor.remaining() > 0 {
        let Some((name, elements, bytes)) = tensor(cursor, aligned, version)? else { return Ok(None) };
        tensors.count = tensors.count.saturating_add(1);
        tensors.elements = tensors.elements.saturating_add(elements);
        tensors.bytes = tensors.bytes.saturating_add(bytes);
        if let Err(place) = tensors.types.binary_search_by(|known| known.as_str().cmp(name)) {
            tensors.types.insert(place, name.to_owned());
        }
    }
    Ok((tensors.count > 0).then_some(tensors))
}

/// A tensor: the name of its type, how many elements it has, and how many bytes.
fn tensor(
    cursor: &mut Cursor<'_>,
    aligned: bool,
    version: u32,
) -> Result<Option<(&'static str, u64, u64)>, Unread> {
    let dimensions = u32::from_le_bytes(cursor.array()?);
    let name = u32::from_le_bytes(cursor.array()?);
    let number = u32::from_le_bytes(cursor.array()?);
    let Some((kind, block, size)) = blocks(number, aligned && version >= 3) else { return Ok(None) };
    if !(1..=4).contains(&dimensions) || name > LONGEST_NAME {
        return Ok(None);
    }
    let mut elements = Some(1u64);
    for _ in 0..dimensions {
        let size = u64::from(u32::from_le_bytes(cursor.array()?));
        elements = elements.and_then(|elements| elements.checked_mul(size));
    }
    cursor.skip(u64::from(name));
    if aligned {
        let padding = cursor.offset().checked_next_multiple_of(ALIGNMENT).unwrap_or(u64::MAX);
        cursor.skip(padding.saturating_sub(cursor.offset()));
    }
    let bytes = elements
        .filter(|elements| elements.checked_rem(block) == Some(0))
        .and_then(|elements| elements.checked_div(block)?.checked_mul(size));
    let (Some(elements), Some(bytes)) = (elements, bytes) else { return Ok(None) };
    if bytes > cursor.remaining() {
        return Ok(None);
    }
    cursor.skip(bytes);
    Ok(Some((kind, elements, bytes)))
}

/// Name, elements and bytes of a block; scales of four bytes became scales of two with version 3.
fn blocks(number: u32, short: bool) -> Option<(&'static str, u64, u64)> {
    Some(match number {
        0 => ("F32", 1, 4),
        1 => ("F16", 1, 2),
        2 => ("Q4_0", 32, if short { 18 } else { 20 }),
        3 => ("Q4_1", 32, if short { 20 } else { 24 }),
        6 => ("Q5_0", 32, 22),
        7 => ("Q5_1", 32, 24),
        8 => ("Q8_0", 32, if short { 34 } else { 36 }),
        10 => ("Q2_K", 256, 84),
        11 => ("Q3_K", 256, 110),
        12 => ("Q4_K", 256, 144),
        13 => ("Q5_K", 256, 176),
        14 => ("Q6_K", 256, 210),
        _ => return None,
    })
}
