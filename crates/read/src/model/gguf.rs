//! GGUF: a header, metadata as keys and values, descriptions of tensors, and their bytes.
//!
//! Loaders written in C multiply the counts of the file by the sizes of their structures. What wraps when they do is told
//! as corruption, what claims more than the file holds as overrun, and every other broken rule as malformed. Nothing is
//! kept of a value but the templates, which go on to the reader of Jinja.
//!
//! Source: `docs/gguf.md` of ggml (versions 1 to 3), and `gguf_init_from_file` of ggml for what loaders compute.

mod layout;
mod metadata;
mod signature;
mod types;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Target, What};
use weighbridge_core::input::{Cursor, Input};
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use crate::fault::Faults;
use crate::model::signature::{Format, KEY, tell};
pub(super) use signature::{contents, embed};
use types::Type;

/// Window through which the file is read, in bytes.
const WINDOW: usize = 64 << 10;
/// The longest key that the format allows, in bytes.
const LONGEST_KEY: u64 = 65_535;

/// Reads GGUF files.
pub struct Gguf;

impl Reader for Gguf {
    fn about(&self) -> &'static About {
        &About {
            id: "gguf",
            title: "GGUF",
            family: Family::Model,
            names: &["*.gguf"],
            reads: "The metadata and every tensor, with all counts, sizes and offsets checked against the file; chat \
                    templates, which are parsed; bytes that belong to no tensor.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.head.starts_with(b"GGUF") {
            Claim::ByMagic
        } else if hint.has_extension("gguf") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut file = File::open(input, sink)?;
        let ended = file.read(sink);
        // What is wrong with the tensors that were understood does not depend on those that were not.
        let laid_out = layout::check(&file, input, ended.is_ok(), sink);
        file.faults.finish(sink);
        ended.and(laid_out)?;
        // What lies inside of something else is nobody's model.
        if sink.place().inner.is_empty() && file.metadata.iter().any(|pair| pair.key == KEY) {
            tell(input, Format::Gguf, sink)?;
        }
        Ok(())
    }
}

/// A file that is read from its beginning on.
struct File<'a> {
    input: &'a Input,
    cursor: Cursor<'a>,
    /// Numbers are stored with the most significant byte first.
    big_endian: bool,
    /// Counts and lengths have four bytes: version 1.
    short: bool,
    pairs: u64,
    tensor_count: u64,
    alignment: u64,
    /// How many entries of a kind are kept: as many as a container may have.
    most: usize,
    /// Keys and where their values lie, in the order of the file.
    metadata: Vec<Pair>,
    /// Tensors in the order of the file.
    tensors: Vec<Tensor>,
    faults: Faults,
}

/// A key, and where its value lies.
struct Pair {
    key: String,
    /// Where the pair begins.
    at: u64,
    /// Number of the type of the value.
    kind: u32,
    /// Where the value begins; that of a string, with its length.
    value: u64,
    /// Where it ends.
    end: u64,
}

/// A tensor as the file describes it.
struct Tensor {
    name: String,
    /// Where its description begins.
    at: u64,
    kind: Type,
    /// Its size in every dimension, the innermost first.
    shape: Vec<u64>,
    elements: u64,
    /// Counted from the beginning of the tensor data.
    offset: u64,
    bytes: u64,
}

impl<'a> File<'a> {
    /// Reads the header.
    fn open(input: &'a Input, sink: &mut Sink) -> Result<Self, Unread> {
        let mut cursor = input.cursor(0, WINDOW);
        if &cursor.array::<4>()? != b"GGUF" {
            return Err(Unread::Malformed("does not begin with `GGUF`".to_owned()));
        }
        sink.observed(What::Format("gguf"), None);
        let version = cursor.array::<4>()?;
        // Nobody will get to version 65536: where the lower half is empty, the bytes are the other way round.
        let little = u32::from_le_bytes(version);
        let big_endian = little & 0xffff == 0 && little != 0;
        let version = if big_endian { u32::from_be_bytes(version) } else { little };
        if !(1..=3).contains(&version) {
            return Err(Unread::Unsupported(format!("version {version} of GGUF")));
        }
        if big_endian && version < 3 {
            sink.malformed(format!("version {version} has no big-endian variant"), Some(Span::Offset(4)));
        }
        let mut file = File {
            input,
            cursor,
            big_endian,
            short: version == 1,
            pairs: 0,
            tensor_count: 0,
            alignment: 32,
            most: usize::try_from(input.limits().entries).unwrap_or(usize::MAX),
            metadata: Vec::new(),
            tensors: Vec::new(),
            faults: Faults::new("entries"),
        };
        file.tensor_count = file.size()?;
        file.pairs = file.size()?;
        Ok(file)
    }

    fn read(&mut self, sink: &mut Sink) -> Result<(), Unread> {
        // The smallest pair has an empty key, a type and one byte; the smallest tensor an empty name and a size.
        let (pair, tensor) = if self.short { (9, 20) } else { (13, 24) };
        for (count, smallest, what) in
            [(self.pairs, pair, "key-value pairs"), (self.tensor_count, tensor, "tensors")]
        {
            let room = self.cursor.remaining().checked_div(smallest).unwrap_or(0);
            if count > room {
                self.too_much(
                    count,
                    128,
                    &format!("{count} {what} in a file that has room for {room}"),
                    sink,
                );
            }
        }
        metadata::read(self, sink)?;
        layout::read(self, sink)
    }

    /// Tells a claim of more than the file holds: as corruption where `count` times `size` wraps.
    fn too_much(&self, count: u64, size: u64, what: &str, sink: &mut Sink) {
        let wraps = count.checked_mul(size).is_none_or(|bytes| i64::try_from(bytes).is_err());
        let kind = if wraps { EffectKind::Corrupt } else { EffectKind::Overrun };
        self.tell(kind, what, self.cursor.offset(), sink);
    }

    fn tell(&self, kind: EffectKind, what: &str, at: u64, sink: &mut Sink) {
        let effect = Effect::new(kind, Target::Unknown(what.to_owned()), "size");
        sink.observed(What::Effect(effect), Some(Span::Offset(at)));
    }

    fn u32(&mut self) -> Result<u32, Unread> {
        let bytes = self.cursor.array()?;
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn u64(&mut self) -> Result<u64, Unread> {
        let bytes = self.cursor.array()?;
        Ok(if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    /// A count or length.
    fn size(&mut self) -> Result<u64, Unread> {
        if self.short { self.u32().map(u64::from) } else { self.u64() }
    }

    /// The length of a string, which the file must hold.
    fn text_size(&mut self, what: &str, sink: &mut Sink) -> Result<u64, Unread> {
        let at = self.cursor.offset();
        let size = self.size()?;
        if size <= self.cursor.remaining() {
            return Ok(size);
        }
        // Loaders add one for the end of the string and read into what they then allocate.
        let text = format!("{what} of {size} bytes, of which the file holds {}", self.cursor.remaining());
        self.too_much(size, 1, &text, sink);
        Err(Unread::Truncated { offset: at })
    }

    /// A name or key.
    fn text(&mut self, what: &str, sink: &mut Sink) -> Result<String, Unread> {
        let at = self.cursor.offset();
        let size = self.text_size(what, sink)?;
        if size > LONGEST_KEY {
            return Err(Unread::Malformed(format!("{what} at {at} has {size} bytes")));
        }
        let mut text = Vec::new();
        for _ in 0..size {
            text.extend(self.cursor.byte()?);
        }
        String::from_utf8(text).or_else(|error| {
            self.faults.tell(sink, "are no UTF-8", at, || format!("{what} at {at} is no UTF-8"));
            Ok(String::from_utf8_lossy(error.as_bytes()).into_owned())
        })
    }
}
