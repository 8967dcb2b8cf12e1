//! The bytes of an entry inside another one, within the limits on expansion.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use flate2::{Decompress, FlushDecompress, Status};
use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::input::Input;
use weighbridge_core::limits::{Cancel, Limits};
use weighbridge_core::sink::{Body, Unpacking};
use weighbridge_core::source::{Slice, Source};
use weighbridge_net::open::file::FileSource;
use weighbridge_read::archive::sevenz::unpack;

use crate::codec;

/// Bytes read and written at a time when a whole entry is unpacked.
const WINDOW: usize = 64 << 10;

/// Unpacked bytes that need not stand in any proportion to the packed ones.
const FREE_BYTES: u64 = 1 << 20;

/// What may still be spent on the inside of one file of the target.
pub(crate) struct Budget {
    limits: Limits,
    /// Bytes that may still be unpacked, all levels together, and the limit behind that.
    unpacked: (u64, LimitKind),
    /// Bytes that all entries may still span, packed or not: entries may overlap, and time must end all the same.
    spanned: u64,
    /// Entries that may still be looked at.
    entries: u64,
}

impl Budget {
    /// For a file of `size` bytes. Expansion is limited for the file as a whole, too, so that containers nested in
    /// each other do not multiply it.
    pub(crate) fn new(limits: Limits, size: u64) -> Self {
        let by_ratio = FREE_BYTES.saturating_add(size.saturating_mul(limits.expansion_ratio));
        let unpacked = if by_ratio < limits.unpacked_bytes {
            (by_ratio, LimitKind::ExpansionRatio)
        } else {
            (limits.unpacked_bytes, LimitKind::UnpackedBytes)
        };
        let depth = u64::try_from(limits.depth).unwrap_or(u64::MAX);
        let spanned = limits.unpacked_bytes.saturating_add(size.saturating_mul(depth));
        Self { limits, unpacked, spanned, entries: limits.entries }
    }

    /// Spends one entry.
    ///
    /// # Errors
    /// [`Unread::Limit`] when none is left.
    pub(crate) fn entry(&mut self) -> Result<(), Unread> {
        let left = self.entries.checked_sub(1);
        self.entries = left.ok_or(Unread::Limit(LimitKind::Entries, self.limits.entries))?;
        Ok(())
    }

    fn span(&mut self, size: u64) -> Result<(), Unread> {
        let left = self.spanned.checked_sub(size);
        self.spanned = left.ok_or(Unread::Limit(LimitKind::UnpackedBytes, self.limits.unpacked_bytes))?;
        Ok(())
    }

    /// How many bytes may come out of `packed` ones, and the limit that says so.
    fn allowance(&self, packed: u64) -> (u64, Unread) {
        let by_ratio = FREE_BYTES.saturating_add(packed.saturating_mul(self.limits.expansion_ratio));
        let (bytes, kind) =
            if by_ratio < self.unpacked.0 { (by_ratio, LimitKind::ExpansionRatio) } else { self.unpacked };
        let limit = match kind {
            LimitKind::ExpansionRatio => self.limits.expansion_ratio,
            _ => self.limits.unpacked_bytes,
        };
        (bytes, Unread::Limit(kind, limit))
    }
}

/// The bytes of an entry, as far as they could be had.
pub(crate) struct Unpacked {
    pub(crate) source: Arc<dyn Source>,
    /// Why they are not all there.
    pub(crate) unread: Option<Unread>,
    /// What the container says of them that is not true.
    pub(crate) malformed: Option<String>,
}

/// The first `most` bytes of an entry inside `parent`, fewer if it ends or breaks before.
pub(crate) fn head(
    parent: &Arc<dyn Source>,
    body: &Body,
    most: usize,
    limits: Limits,
    cancel: &Cancel,
) -> Result<Vec<u8>, Unread> {
    let input = Input::new(Arc::clone(parent), limits, cancel.clone());
    match body {
        // Whoever asks has put the whole in the place of the parent.
        Body::Solid { .. } => Err(Unread::Unsupported("a part of a stream that is still packed".to_owned())),
        Body::Bytes(bytes) => Ok(bytes.get(..most.min(bytes.len())).unwrap_or_default().to_vec()),
        Body::Slice { offset, size } => {
            let mut head = vec![0; usize::try_from(*size).unwrap_or(usize::MAX).min(most)];
            let filled = input.slice(*offset, *size).read_some(0, &mut head)?;
            head.truncate(filled);
            Ok(head)
        }
        Body::Deflate { offset, size, .. } | Body::Stream { offset, size, .. } => {
            let mut head = Vec::new();
            let packed = input.slice(*offset, *size);
            let take = |piece: &[u8]| {
                let room = most.saturating_sub(head.len()).min(piece.len());
                head.extend_from_slice(piece.get(..room).unwrap_or_default());
                Ok(head.len() < most)
            };
            let end = match body {
                Body::Stream { codec, .. } => codec::unpack(&packed, *codec, most, take),
                _ => inflate(&packed, most, take),
            };
            match end {
                Err(Unread::Cancelled) => Err(Unread::Cancelled),
                // What broke is reported by whoever unpacks the whole; a beginning may be enough to know it by.
                _ => Ok(head),
            }
        }
    }
}

/// The bytes of an entry inside `parent`: a part of it as it is, else in memory, else in a temporary file that has
/// no name any more and goes when the last reader lets go of it.
pub(crate) fn whole(
    parent: &Arc<dyn Source>,
    body: Body,
    budget: &mut Budget,
    cancel: &Cancel,
) -> Result<Unpacked, Unread> {
    match body {
        Body::Solid { .. } => Err(Unread::Unsupported("a part of a stream that is still packed".to_owned())),
        Body::Bytes(bytes) => {
            let size = length(&bytes);
            budget.span(size)?;
            let (most, limit) = budget.allowance(size);
            if size > most {
                return Err(limit);
            }
            budget.unpacked.0 = budget.unpacked.0.saturating_sub(size);
            Ok(Unpacked { source: Arc::new(bytes), unread: None, malformed: None })
        }
        Body::Slice { offset, size } => {
            let slice = Slice::new(Arc::clone(parent), offset, size);
            budget.span(slice.size())?;
            let unread = (slice.size() < size).then(|| Unread::Truncated { offset: slice.size() });
            Ok(Unpacked { source: Arc::new(slice), unread, malformed: None })
        }
        Body::Stream { codec, offset, size } => {
            budget.span(size)?;
            let packed = Input::new(Arc::clone(parent), budget.limits, cancel.clone()).slice(offset, size);
            let (most, limit) = budget.allowance(packed.size());
            let mut store = Store::default();
            let ended =
                codec::unpack(&packed, codec, WINDOW, |piece| store.put(piece, most, &limit, &budget.limits));
            let unread = match ended {
                Ok(0) => None,
                Ok(left) => Some(Unread::Unsupported(format!("{left} bytes stand behind the packed data"))),
                Err(Unread::Cancelled) => return Err(Unread::Cancelled),
                Err(reason) => Some(reason),
            };
            budget.unpacked.0 = budget.unpacked.0.saturating_sub(store.size);
            budget.span(store.size)?;
            Ok(Unpacked { source: store.finish(), unread, malformed: None })
        }
        Body::Deflate { offset, size, unpacked: claimed } => {
            budget.span(size)?;
            let packed = Input::new(Arc::clone(parent), budget.limits, cancel.clone()).slice(offset, size);
            let (most, limit) = budget.allowance(packed.size());
            let mut store = Store::default();
            let inflated = inflate(&packed, WINDOW, |piece| store.put(piece, most, &limit, &budget.limits));
            let (left, unread) = match inflated {
                Ok(consumed) => (packed.size().saturating_sub(consumed), None),
                Err(Unread::Cancelled) => return Err(Unread::Cancelled),
                Err(reason) => (0, Some(reason)),
            };
            budget.unpacked.0 = budget.unpacked.0.saturating_sub(store.size);
            budget.span(store.size)?;
            let behind = || format!("{left} bytes stand behind the packed data");
            let malformed = if unread.is_some() {
                None
            } else if store.size != claimed {
                Some(format!("claims {claimed} bytes and unpacks to {}", store.size))
            } else {
                (left > 0).then(behind)
            };
            Ok(Unpacked { source: store.finish(), unread, malformed })
        }
    }
}

/// The bytes of a stream in which several entries of `parent` lie, in memory or in a temporary file.
pub(crate) fn solid(
    parent: &Arc<dyn Source>,
    unpacking: &Unpacking,
    budget: &mut Budget,
    cancel: &Cancel,
) -> Result<Unpacked, Unread> {
    let packed = unpacking.packed();
    budget.span(packed)?;
    let input = Input::new(Arc::clone(parent), budget.limits, cancel.clone());
    // Parts of the parent that do not exist allow no expansion.
    let (most, limit) = budget.allowance(packed.min(parent.size()));
    let mut store = Store::default();
    let pump = AssertUnwindSafe(|| {
        let mut reader = unpack::reader(&input, unpacking)?;
        let mut window = vec![0; WINDOW];
        loop {
            input.go_on()?;
            let count = reader.read(&mut window).map_err(|error| unpack::reason(&error))?;
            if count == 0
                || !store.put(window.get(..count).unwrap_or_default(), most, &limit, &budget.limits)?
            {
                return Ok(());
            }
        }
    });
    let unread = match catch_unwind(pump) {
        Ok(Ok(())) => None,
        Ok(Err(Unread::Cancelled)) => return Err(Unread::Cancelled),
        Ok(Err(reason)) => Some(reason),
        // The decoders are other people's.
        Err(_) => Some(Unread::Panicked),
    };
    budget.unpacked.0 = budget.unpacked.0.saturating_sub(store.size);
    budget.span(store.size)?;
    Ok(Unpacked { source: store.finish(), unread, malformed: None })
}

/// Inflates `packed` (RFC 1951) in pieces of up to `window` bytes until its end, or until `take` wants no more. Returns
/// how many packed bytes that took.
fn inflate(
    packed: &Input,
    window: usize,
    mut take: impl FnMut(&[u8]) -> Result<bool, Unread>,
) -> Result<u64, Unread> {
    let mut machine = Decompress::new(false);
    let mut cursor = packed.cursor(0, window);
    let mut output = vec![0; window];
    loop {
        packed.go_on()?;
        let input = cursor.peek()?;
        let at_end = input.is_empty();
        let (before_in, before_out) = (machine.total_in(), machine.total_out());
        let status = machine
            .decompress(input, &mut output, FlushDecompress::None)
            .map_err(|_| Unread::Malformed("packed data breaks the rules of DEFLATE".to_owned()))?;
        let consumed = machine.total_in().saturating_sub(before_in);
        let produced = machine.total_out().saturating_sub(before_out);
        cursor.skip(consumed);
        let piece = usize::try_from(produced).ok().and_then(|produced| output.get(..produced));
        if !take(piece.unwrap_or_default())? || matches!(status, Status::StreamEnd) {
            return Ok(machine.total_in());
        }
        if produced == 0 && (at_end || consumed == 0) {
            return Err(Unread::Truncated { offset: machine.total_out() });
        }
    }
}

/// Unpacked bytes: in memory while they are few, then in a file.
#[derive(Default)]
struct Store {
    memory: Vec<u8>,
    file: Option<File>,
    size: u64,
}

impl Store {
    /// Takes in a piece, up to `most` bytes in all.
    fn put(&mut self, piece: &[u8], most: u64, limit: &Unread, limits: &Limits) -> Result<bool, Unread> {
        let room = usize::try_from(most.saturating_sub(self.size)).unwrap_or(usize::MAX);
        let fits = piece.get(..piece.len().min(room)).unwrap_or_default();
        let after = self.size.saturating_add(length(fits));
        if after > limits.memory_bytes {
            let mut file = match self.file.take() {
                Some(file) => file,
                None => tempfile::tempfile().map_err(temporary)?,
            };
            file.write_all(&self.memory).and_then(|()| file.write_all(fits)).map_err(temporary)?;
            self.memory = Vec::new();
            self.file = Some(file);
        } else {
            self.memory.extend_from_slice(fits);
        }
        self.size = after;
        if fits.len() < piece.len() { Err(limit.clone()) } else { Ok(true) }
    }

    fn finish(self) -> Arc<dyn Source> {
        match self.file {
            Some(file) => Arc::new(FileSource::new(file, self.size)),
            None => Arc::new(self.memory),
        }
    }
}

fn temporary(error: std::io::Error) -> Unread {
    Unread::Io(format!("cannot unpack to a temporary file: {error}"))
}

/// The number of bytes, as files count them.
pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
