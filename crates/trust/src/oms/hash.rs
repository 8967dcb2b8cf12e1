//! Hashes files of a listing in pieces, on all threads and in constant memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use weighbridge_core::cache::Cache;
use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::Digest;
use weighbridge_core::listing::File;
use weighbridge_core::source::Source;

use super::manifest::{Method, Piece};
use crate::digests::{Algorithm, Bytes};

/// Bytes that are read at once by one thread.
const BUFFER: usize = 256 << 10;
/// Most pieces of one file: smaller shards of a huge file would only cost memory.
const MOST_PIECES: u64 = 1 << 22;

/// Whether to go on; asked often.
pub type Halt<'a> = &'a (dyn Fn() -> bool + Sync);

/// How files are hashed, and what is known of them from before.
#[derive(Clone, Copy)]
pub struct Hashing<'a> {
    /// Digests of files that have not changed since; none where they shall not be believed.
    pub cache: Option<&'a dyn Cache>,
    /// Ends the work early.
    pub halt: Halt<'a>,
    /// Is told of bytes as they are hashed.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

impl Hashing<'_> {
    /// The digests of a file, cut by `method`.
    ///
    /// # Errors
    /// Why it cannot be read; also when it changes meanwhile.
    pub fn pieces(&self, file: &File, method: Method, algorithm: Algorithm) -> Result<Vec<Piece>, Unread> {
        let whole = matches!((method, algorithm), (Method::Files, Algorithm::Sha256));
        if whole
            && let (Some(cache), Some(stamp)) = (self.cache, file.handle.stamp())
            && let Some(digest) = cache.digest(&stamp)
        {
            (self.progress)(file.size);
            return Ok(vec![Piece { start: 0, end: None, digest: Bytes(digest.as_bytes().to_vec()) }]);
        }
        let source = file.handle.open()?;
        let size = source.size();
        let bounds = bounds(size, method)?;
        let pieces: Vec<Piece> = match &*bounds {
            [] => Vec::new(),
            [only] => vec![self.piece(&source, *only, method, algorithm)?],
            many => many
                .par_iter()
                .map(|bounds| self.piece(&source, *bounds, method, algorithm))
                .collect::<Result<_, _>>()?,
        };
        // What changed under the reader is neither what was nor what is.
        if !source.is_unchanged() || source.stamp() != file.handle.stamp() {
            return Err(Unread::Io("the file changed while it was read".to_owned()));
        }
        if whole
            && let (Some(cache), Some(stamp), [piece]) = (self.cache, source.stamp(), &*pieces)
            && let Ok(digest) = piece.digest.0.as_slice().try_into()
        {
            cache.learn(&stamp, Digest::from_bytes(digest));
        }
        Ok(pieces)
    }

    fn piece(
        &self,
        source: &Arc<dyn Source>,
        (start, end): (u64, u64),
        method: Method,
        algorithm: Algorithm,
    ) -> Result<Piece, Unread> {
        let mut hasher = algorithm.hasher();
        let rest = end.saturating_sub(start);
        let mut buffer = vec![0; usize::try_from(rest).unwrap_or(BUFFER).clamp(1, BUFFER)];
        let mut at = start;
        while at < end {
            if (self.halt)() {
                return Err(Unread::Cancelled);
            }
            let wanted = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX).min(buffer.len());
            let part = buffer.get_mut(..wanted).unwrap_or_default();
            let count = source.read_at(at, part).map_err(|error| Unread::Io(error.to_string()))?;
            if count == 0 {
                return Err(Unread::Truncated { offset: at });
            }
            hasher.update(part.get(..count).unwrap_or_default());
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            at = at.saturating_add(count);
            (self.progress)(count);
        }
        let end = matches!(method, Method::Shards(_)).then_some(end);
        Ok(Piece { start, end, digest: hasher.finish() })
    }
}

/// First byte and end of each piece of a file.
fn bounds(size: u64, method: Method) -> Result<Vec<(u64, u64)>, Unread> {
    let shard = match method {
        Method::Files => return Ok(vec![(0, size)]),
        Method::Shards(shard) => shard.max(1),
    };
    let count = size.div_ceil(shard);
    if count > MOST_PIECES {
        return Err(Unread::Unsupported(format!("a file of {count} shards")));
    }
    let cut = |at: u64| {
        let start = at.saturating_mul(shard);
        (start, start.saturating_add(shard).min(size))
    };
    Ok((0..count).map(cut).collect())
}

/// Runs `work` over `items` on all threads and keeps their order; what comes after a halt is not begun.
pub(crate) fn each<T: Sync, R: Send>(
    items: &[T],
    halt: Halt<'_>,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<Option<R>> {
    let halted = AtomicBool::new(false);
    items
        .par_iter()
        .with_max_len(1)
        .map(|item| {
            if halted.load(Ordering::Relaxed) || halt() {
                halted.store(true, Ordering::Relaxed);
                return None;
            }
            Some(work(item))
        })
        .collect()
}
