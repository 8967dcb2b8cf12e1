//! Streams that say themselves how they are packed: a decoder around a bounded window over the parent.
//!
//! The decoders are other people's. They get the bytes through [`Packed`], which remembers why reading failed, they may
//! take no more memory than a limit says, and a panic of theirs is a reason like any other.

use std::io::{self, BufRead, ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::input::{Cursor, Input};
use weighbridge_core::sink::Codec;

/// Most bytes that a decoder may keep of what it has unpacked, for references back into it. The strongest presets of
/// the tools need 64 MiB (xz) and 128 MiB (zstd --ultra -22).
const DICTIONARY_BYTES: u32 = 128 << 20;

/// Unpacks `packed` in pieces of up to `window` bytes until its end, or until `take` wants no more. Returns how many
/// bytes stand behind the packed data. (The decoder of LZMA reads ahead and does not tell of less than its buffer.)
pub(crate) fn unpack(
    packed: &Input,
    codec: Codec,
    window: usize,
    mut take: impl FnMut(&[u8]) -> Result<bool, Unread>,
) -> Result<u64, Unread> {
    if packed.size() == 0 {
        return Err(Unread::Truncated { offset: 0 });
    }
    let mut source = Packed { cursor: packed.cursor(0, WINDOW), failed: None, exhausted: false };
    let mut output = vec![0; window];
    loop {
        let more = decode(&mut source, codec, packed, &mut output, &mut take)?;
        // Several streams one after the other unpack to one; a decoder of one ends between them.
        let left = source.cursor.remaining();
        if !more || left == 0 || !matches!(codec, Codec::Lz4 | Codec::Zstd) {
            return Ok(if more { left } else { 0 });
        }
    }
}

/// Packed bytes read at a time.
const WINDOW: usize = 32 << 10;

/// Unpacks what one decoder takes for its stream. False when `take` wants no more.
fn decode(
    source: &mut Packed<'_>,
    codec: Codec,
    packed: &Input,
    output: &mut [u8],
    take: &mut impl FnMut(&[u8]) -> Result<bool, Unread>,
) -> Result<bool, Unread> {
    // Borrows the source until it has failed or come to its end.
    let mut pump = |source: &mut Packed<'_>| -> Result<Result<bool, Unread>, io::Error> {
        let Some(mut decoder) = guarded(|| decoder(source, codec))? else { return Ok(Ok(true)) };
        loop {
            let count = guarded(|| decoder.read(output))?;
            if count == 0 {
                return Ok(Ok(true));
            }
            let goes_on = packed.go_on().and_then(|()| take(output.get(..count).unwrap_or_default()));
            match goes_on {
                Ok(true) => {}
                other => return Ok(other),
            }
        }
    };
    match pump(source) {
        // This decoder takes the end of the bytes for the end of a frame, which has a mark of its own.
        Ok(Ok(true)) if codec == Codec::Lz4 && source.exhausted => {
            Err(Unread::Truncated { offset: packed.size() })
        }
        Ok(ended) => ended,
        Err(error) => Err(source.failed.take().unwrap_or_else(|| reason(&error, codec, packed))),
    }
}

/// A decoder for what comes next; none where that is to be passed over.
fn decoder<'a>(source: &'a mut Packed<'_>, codec: Codec) -> io::Result<Option<Box<dyn Read + 'a>>> {
    let kibibytes = DICTIONARY_BYTES >> 10;
    Ok(Some(match codec {
        Codec::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(source)),
        Codec::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        Codec::Zlib => Box::new(flate2::bufread::ZlibDecoder::new(source)),
        Codec::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(source)),
        Codec::Lzma => Box::new(lzma_rust2::LzmaReader::new_mem_limit(source, kibibytes, None)?),
        Codec::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(source, true, kibibytes)),
        Codec::Zstd => {
            let mut frame = FrameDecoder::new();
            frame.set_max_window_size(u64::from(DICTIONARY_BYTES));
            match frame.init(&mut *source) {
                Ok(()) => Box::new(ZstdFrame { frame, source }),
                // Frames for applications hold no data (section 3.1.2).
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    source.cursor.skip(u64::from(length));
                    return Ok(None);
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }))
}

/// One frame of Zstandard.
struct ZstdFrame<'a, 'input> {
    frame: FrameDecoder,
    source: &'a mut Packed<'input>,
}

impl Read for ZstdFrame<'_, '_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        while self.frame.can_collect() == 0 && !self.frame.is_finished() {
            let blocks = BlockDecodingStrategy::UptoBlocks(1);
            self.frame.decode_blocks(&mut *self.source, blocks).map_err(io::Error::other)?;
        }
        self.frame.read(output)
    }
}

/// Runs somebody else's code.
fn guarded<T>(run: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(io::Error::other(Panicked)))
}

#[derive(Debug, thiserror::Error)]
#[error("the decoder failed")]
struct Panicked;

/// What a decoder's error means.
fn reason(error: &io::Error, codec: Codec, packed: &Input) -> Unread {
    match error.kind() {
        ErrorKind::OutOfMemory => Unread::Limit(LimitKind::StateBytes, u64::from(DICTIONARY_BYTES)),
        ErrorKind::UnexpectedEof => Unread::Truncated { offset: packed.size() },
        _ if error.get_ref().is_some_and(|inner| inner.is::<Panicked>()) => Unread::Panicked,
        _ => Unread::Malformed(format!("packed data breaks the rules of {}", codec.as_str())),
    }
}

/// The packed bytes, for decoders.
struct Packed<'input> {
    cursor: Cursor<'input>,
    /// Why they could not be read, for whoever gets to see the decoder's own error.
    failed: Option<Unread>,
    /// Somebody wanted more than there is.
    exhausted: bool,
}

impl BufRead for Packed<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.cursor.peek() {
            Ok(bytes) => Ok(bytes),
            Err(reason) => {
                let error = io::Error::other(reason.to_string());
                self.failed = Some(reason);
                Err(error)
            }
        }
    }

    fn consume(&mut self, count: usize) {
        self.cursor.skip(u64::try_from(count).unwrap_or(u64::MAX));
    }
}

impl Read for Packed<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let count = bytes.len().min(output.len());
        if let (Some(from), Some(to)) = (bytes.get(..count), output.get_mut(..count)) {
            to.copy_from_slice(from);
        }
        self.exhausted |= count == 0 && !output.is_empty();
        self.consume(count);
        Ok(count)
    }
}
