//! Single packed files: gzip, zlib, bzip2, xz, LZMA, LZ4 and Zstandard. What is inside is claimed anew.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Codec, Sink};

/// Unpacks packed files.
pub struct Compressed;

/// Extensions of packed files, and how they are packed.
const EXTENSIONS: [(&str, Codec); 11] = [
    ("bz2", Codec::Bzip2),
    ("gz", Codec::Gzip),
    ("lz4", Codec::Lz4),
    ("lzma", Codec::Lzma),
    ("tbz2", Codec::Bzip2),
    ("tgz", Codec::Gzip),
    ("txz", Codec::Xz),
    ("xz", Codec::Xz),
    ("z", Codec::Zlib),
    ("zst", Codec::Zstd),
    ("zstd", Codec::Zstd),
];

impl Reader for Compressed {
    fn about(&self) -> &'static About {
        &About {
            id: "compressed",
            title: "Single packed files",
            family: Family::Archive,
            names: &["*.gz", "*.bz2", "*.xz", "*.lzma", "*.lz4", "*.zst", "*.z"],
            reads: "what is packed inside by gzip, zlib, bzip2, xz, LZMA, LZ4 or Zstandard, whatever the file is called",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if codec(hint.head).is_some_and(|codec| codec != Codec::Lzma || is_lzma(hint.head)) {
            Claim::ByMagic
        } else if hint.size > 0 && by_name(hint).is_some() {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut head = [0; 16];
        let filled = input.read_some(0, &mut head)?;
        let path = sink.place().inner.last().unwrap_or(&sink.place().path).to_string();
        let hint = Hint { path: &path, size: input.size(), head: &[] };
        // Compress of Unix writes `.Z`: LZW, which no reader of models unpacks.
        if head.get(..filled).is_some_and(|head| head.starts_with(&[0x1f, 0x9d])) {
            return Err(Unread::Unsupported("data packed by compress (LZW)".to_owned()));
        }
        // Joblib packs by zlib whatever people call the file; so what the bytes say goes first.
        let Some(codec) = codec(head.get(..filled).unwrap_or_default()) else {
            let named = by_name(&hint).map_or("packed", |(_, codec)| codec.as_str());
            return Err(Unread::Malformed(format!("no {named} file: the first bytes are other ones")));
        };
        sink.observed(What::Format(codec.as_str()), None);
        let name = hint.name();
        let extension = by_name(&hint).map(|(extension, _)| extension);
        let stem = extension.and_then(|extension| name.len().checked_sub(extension.len().saturating_add(1)));
        let step = stem.and_then(|end| name.get(..end)).unwrap_or(name);
        // These say two things at once.
        let step = if matches!(extension, Some("tbz2" | "tgz" | "txz")) {
            format!("{step}.tar")
        } else {
            step.to_owned()
        };
        if step.is_empty() {
            sink.malformed("the name is nothing but an extension", Some(Span::Offset(0)));
        }
        sink.child(Child { step: step.into(), body: stream(codec, input, 0), reader: None });
        Ok(())
    }
}

fn by_name(hint: &Hint<'_>) -> Option<(&'static str, Codec)> {
    EXTENSIONS.into_iter().find(|(extension, _)| hint.has_extension(extension))
}

/// How something is packed that begins like this. LZMA without a container has no magic number; its usual properties
/// stand for one, which is little.
pub(crate) fn codec(head: &[u8]) -> Option<Codec> {
    Some(match head {
        // RFC 1952, section 2.3.1: deflate is the only method.
        [0x1f, 0x8b, 8, ..] => Codec::Gzip,
        // RFC 1950, section 2.2: deflate with a window of 32 KiB, the check bits, no dictionary.
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Codec::Zlib,
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => Codec::Bzip2,
        // An empty stream has no block.
        [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Codec::Bzip2,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Codec::Xz,
        [0x04, 0x22, 0x4d, 0x18, ..] => Codec::Lz4,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Codec::Zstd,
        // lc=3, lp=0, pb=2, and a dictionary of whole 256 bytes: all that joblib looks at.
        [0x5d, 0, ..] => Codec::Lzma,
        _ => return None,
    })
}

/// Whether LZMA without a container is what this is, by all that its header can say (`lzma_alone_decoder` of liblzma,
/// which Python's `lzma` takes at its strictest): a dictionary of 2^n or 2^n + 2^(n-1) bytes, a size that is not known or
/// below 256 GiB, and a first byte of the range coder that is zero.
fn is_lzma(head: &[u8]) -> bool {
    let Some([0x5d, header @ .., 0]) = head.first_chunk::<14>() else { return false };
    let Some((dictionary, size)) = header.split_first_chunk::<4>() else { return false };
    let Some(size) = size.first_chunk::<8>() else { return false };
    let dictionary = u32::from_le_bytes(*dictionary);
    let size = u64::from_le_bytes(*size);
    let lowest = dictionary.trailing_zeros();
    let odd = dictionary.checked_shr(lowest).unwrap_or(0);
    matches!(odd, 1 | 3) && (size == u64::MAX || size < 1 << 38)
}

/// The rest of the entry from `offset` as a stream.
pub(crate) fn stream(codec: Codec, input: &Input, offset: u64) -> Body {
    Body::Stream { codec, offset, size: input.size().saturating_sub(offset) }
}
