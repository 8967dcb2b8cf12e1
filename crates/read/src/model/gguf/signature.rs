//! What a signature over tensors speaks of in a GGUF file, and the file with one.

use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::Digest;
use weighbridge_core::input::Input;
use weighbridge_core::lock::Metadata;

use super::metadata::STRING;
use super::{File, Gguf, Pair, layout};
use crate::bytes::{length, offset};
use crate::model::safetensors::Stored;
use crate::model::signature::{Contents, KEY, LONGEST, Piece, digest, is_sound, sink, too_long};

/// Keys that only say how the file is laid out, or of how many files it is one.
const LAYOUT: [&str; 4] = ["general.alignment", SPLIT_COUNT, SPLIT_NUMBER, "split.tensors.count"];
const SPLIT_COUNT: &str = "split.count";
const SPLIT_NUMBER: &str = "split.no";
/// Largest alignment to which a file is written: no loader maps larger pages.
const MOST_ALIGNMENT: u64 = 1 << 21;

/// Reads a file that obeys every rule.
fn open(input: &Input) -> Result<File<'_>, Unread> {
    let mut sink = sink(&Gguf, input);
    let mut file = File::open(input, &mut sink)?;
    let ended = file.read(&mut sink).and_then(|()| layout::check(&file, input, true, &mut sink));
    file.faults.finish(&mut sink);
    // What is wrong in detail says more than that the end was not reached.
    is_sound(sink)?;
    ended?;
    if file.big_endian {
        return Err(Unread::Unsupported("a signature of tensors in big-endian GGUF".to_owned()));
    }
    Ok(file)
}

impl File<'_> {
    /// Where the tensor data begins.
    fn data(&self) -> u64 {
        self.cursor.offset().checked_next_multiple_of(self.alignment).unwrap_or(u64::MAX)
    }

    /// How many bytes a length has.
    fn size_width(&self) -> u64 {
        if self.short { 4 } else { 8 }
    }

    /// A count or length as this version writes it.
    fn size_bytes(&self, size: u64) -> Result<Vec<u8>, Unread> {
        if !self.short {
            return Ok(size.to_le_bytes().to_vec());
        }
        u32::try_from(size).map(|size| size.to_le_bytes().to_vec()).map_err(|_| too_long())
    }

    fn text_bytes(&self, text: &str) -> Result<Vec<u8>, Unread> {
        Ok([self.size_bytes(offset(text.len()))?, text.as_bytes().to_vec()].concat())
    }

    /// Where the text of a string begins.
    fn text_at(&self, pair: &Pair) -> u64 {
        pair.value.saturating_add(self.size_width())
    }

    /// The value of a pair, if it is a number without a sign.
    fn number(&self, key: &str) -> Result<Option<u64>, Unread> {
        let Some(pair) = self.metadata.iter().find(|pair| pair.key == key) else { return Ok(None) };
        // `uint8`, `uint16`, `uint32`, `uint64`; llama.cpp writes the second.
        if !matches!(pair.kind, 0 | 2 | 4 | 10) {
            return Err(Unread::Malformed(format!("`{key}` is no number without a sign")));
        }
        let bytes = self.input.read_vec(pair.value, pair.end.saturating_sub(pair.value), 8)?;
        let mut number = [0; 8];
        number.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        Ok(Some(u64::from_le_bytes(number)))
    }
}

/// What a file holds.
pub(in super::super) fn contents(input: &Input) -> Result<Contents, Unread> {
    let file = open(input)?;
    let data = file.data();
    let tensors = file.tensors.iter().map(|tensor| Stored {
        name: tensor.name.clone(),
        dtype: tensor.kind.name.to_owned(),
        shape: tensor.shape.iter().rev().copied().collect(),
        offset: data.saturating_add(tensor.offset),
        size: tensor.bytes,
    });
    let mut metadata = Vec::new();
    let mut signature = None;
    for pair in &file.metadata {
        if pair.key == KEY {
            signature = Some(text(&file, pair)?);
        } else if !LAYOUT.contains(&pair.key.as_str()) {
            metadata.push(entry(&file, pair)?);
        }
    }
    let split = match (file.number(SPLIT_NUMBER)?, file.number(SPLIT_COUNT)?) {
        (_, None) => None,
        (Some(number), Some(count)) => Some((number, count)),
        (None, Some(_)) => {
            return Err(Unread::Malformed(format!("`{SPLIT_COUNT}` without `{SPLIT_NUMBER}`")));
        }
    };
    Ok(Contents { tensors: tensors.collect(), metadata, signature, split })
}

fn entry(file: &File<'_>, pair: &Pair) -> Result<Metadata, Unread> {
    let (kind, begin) = match pair.kind {
        STRING => ("string".to_owned(), file.text_at(pair)),
        kind => (format!("gguf:{kind}"), pair.value),
    };
    let digest: Digest = digest(file.input, begin, pair.end)?;
    Ok(Metadata { name: pair.key.clone(), kind, digest })
}

fn text(file: &File<'_>, pair: &Pair) -> Result<String, Unread> {
    if pair.kind != STRING {
        return Err(Unread::Malformed(format!("`{KEY}` is no string")));
    }
    let begin = file.text_at(pair);
    let size = pair.end.saturating_sub(begin);
    if size > LONGEST {
        return Err(too_long());
    }
    String::from_utf8(file.input.read_vec(begin, size, LONGEST)?)
        .map_err(|_| Unread::Malformed(format!("`{KEY}` is no UTF-8")))
}

/// The pieces of the file with this signature.
pub(in super::super) fn embed(input: &Input, signature: &str) -> Result<Vec<Piece>, Unread> {
    let file = open(input)?;
    if file.alignment > MOST_ALIGNMENT {
        return Err(Unread::Unsupported(format!("an alignment of {} bytes", file.alignment)));
    }
    if offset(signature.len()) > LONGEST {
        return Err(too_long());
    }
    let part = |offset: u64, end: u64| Piece::Part { offset, size: end.saturating_sub(offset) };
    let described = file.cursor.offset();
    let old = file.metadata.iter().find(|pair| pair.key == KEY);
    let pairs = if old.is_some() { file.pairs } else { file.pairs.saturating_add(1) };
    // Magic and version stay.
    let mut head = input.read_vec(0, 8, 8)?;
    head.extend(file.size_bytes(file.tensor_count)?);
    head.extend(file.size_bytes(pairs)?);
    let first = offset(head.len());
    let last = file.metadata.last().map_or(first, |pair| pair.end);
    let mut pieces = vec![Piece::Bytes(head)];
    match old {
        Some(old) => pieces.extend([part(first, old.at), part(old.end, last)]),
        None => pieces.push(part(first, last)),
    }
    let pair = [file.text_bytes(KEY)?, STRING.to_le_bytes().to_vec(), file.text_bytes(signature)?].concat();
    pieces.extend([Piece::Bytes(pair), part(last, described)]);
    let size = pieces.iter().fold(0u64, |size, piece| size.saturating_add(piece.size()));
    let data = size.checked_next_multiple_of(file.alignment).unwrap_or(u64::MAX);
    pieces.push(Piece::Bytes(vec![0; length(data.saturating_sub(size))]));
    pieces.push(part(file.data().min(input.size()), input.size()));
    Ok(pieces)
}

impl Piece {
    /// How many bytes it has.
    fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => offset(bytes.len()),
            Self::Part { size, .. } => *size,
        }
    }
}
