//! Hashes files of a listing in pieces, on all threads and in constant memory.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use weighbridge_core::cache::{Cache, Stamp};
use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::{Digest, Hasher};
use weighbridge_core::listing::File;
use weighbridge_core::source::Source;

use super::manifest::{Method, Piece};
use super::tree;
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
        let listed = file.handle.stamp();
        if let Some(stamp) = listed {
            let bounds = bounds(stamp.size, method)?;
            if let Some(digests) = self.known(&stamp, &bounds, algorithm) {
                (self.progress)(file.size);
                return Ok(pieces(&bounds, digests, method));
            }
        }
        let source = file.handle.open()?;
        if source.stamp() != listed {
            return Err(changed());
        }
        let bounds = bounds(source.size(), method)?;
        let digests = self.computed(&source, &bounds, algorithm)?;
        Ok(pieces(&bounds, digests, method))
    }

    /// The digests of parts of a file, each from its first byte to its end.
    ///
    /// # Errors
    /// Why it cannot be read; also when it changes meanwhile.
    pub(crate) fn parts(
        &self,
        source: &Arc<dyn Source>,
        bounds: &[(u64, u64)],
        algorithm: Algorithm,
    ) -> Result<Vec<Bytes>, Unread> {
        let known = source.stamp().and_then(|stamp| self.known(&stamp, bounds, algorithm));
        let Some(digests) = known else { return self.computed(source, bounds, algorithm) };
        if !source.is_unchanged() {
            return Err(changed());
        }
        bounds.iter().for_each(|(start, end)| (self.progress)(end.saturating_sub(*start)));
        Ok(digests)
    }

    /// What is kept of a file with this stamp.
    fn known(&self, stamp: &Stamp, bounds: &[(u64, u64)], algorithm: Algorithm) -> Option<Vec<Bytes>> {
        let cache = self.cache?;
        if is_whole(stamp, bounds, algorithm) {
            return Some(vec![Bytes(cache.digest(stamp)?.as_bytes().to_vec())]);
        }
        let digests = cache.parts(stamp, &name(bounds, algorithm))?;
        let one_each = digests.len() == bounds.len().checked_mul(algorithm.length())?;
        one_each.then(|| digests.chunks_exact(algorithm.length()).map(|one| Bytes(one.to_vec())).collect())
    }

    fn learn(&self, stamp: &Stamp, bounds: &[(u64, u64)], algorithm: Algorithm, digests: &[Bytes]) {
        let Some(cache) = self.cache else { return };
        match digests {
            [] => {}
            [digest] if is_whole(stamp, bounds, algorithm) => {
                if let Ok(digest) = digest.0.as_slice().try_into() {
                    cache.learn(stamp, Digest::from_bytes(digest));
                }
            }
            _ => {
                let digests = digests.iter().flat_map(|digest| &digest.0).copied().collect();
                cache.learn_parts(stamp, &name(bounds, algorithm), digests);
            }
        }
    }

    /// Hashes parts of a file, and keeps their digests if it is still the one that was opened.
    fn computed(
        &self,
        source: &Arc<dyn Source>,
        bounds: &[(u64, u64)],
        algorithm: Algorithm,
    ) -> Result<Vec<Bytes>, Unread> {
        let one = |(start, end): &(u64, u64)| self.range(source, *start, *end, algorithm);
        let digests: Vec<Bytes> = match bounds {
            [only] => vec![one(only)?],
            many => many.par_iter().with_max_len(1).map(one).collect::<Result<_, _>>()?,
        };
        // What changed under the reader is neither what was nor what is.
        if !source.is_unchanged() {
            return Err(changed());
        }
        if let Some(stamp) = source.stamp() {
            self.learn(&stamp, bounds, algorithm, &digests);
        }
        Ok(digests)
    }

    /// The digest of a part of a file.
    fn range(
        &self,
        source: &Arc<dyn Source>,
        start: u64,
        end: u64,
        algorithm: Algorithm,
    ) -> Result<Bytes, Unread> {
        if algorithm == Algorithm::Blake3 && end.saturating_sub(start) > tree::LEAF {
            return tree::digest(self, source, start, end);
        }
        let mut hasher = algorithm.hasher();
        self.read(source, start, end, &mut |piece| hasher.update(piece))?;
        Ok(hasher.finish())
    }

    /// Reads a part of a file to its end, piece by piece.
    pub(super) fn read(
        &self,
        source: &Arc<dyn Source>,
        start: u64,
        end: u64,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Unread> {
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
            take(part.get(..count).unwrap_or_default());
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            at = at.saturating_add(count);
            (self.progress)(count);
        }
        Ok(())
    }
}

fn changed() -> Unread {
    Unread::Io("the file changed while it was read".to_owned())
}

/// Whether the digest asked for is the one by which a scan knows the file.
fn is_whole(stamp: &Stamp, bounds: &[(u64, u64)], algorithm: Algorithm) -> bool {
    algorithm == Algorithm::Sha256 && bounds == [(0, stamp.size)]
}

/// Stands for the hash function and the parts, in their order.
fn name(bounds: &[(u64, u64)], algorithm: Algorithm) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(b"weighbridge.parts/1\0");
    hasher.update(algorithm.name().as_bytes());
    for (start, end) in bounds {
        hasher.update(&start.to_le_bytes());
        hasher.update(&end.to_le_bytes());
    }
    hasher.finish()
}

fn pieces(bounds: &[(u64, u64)], digests: Vec<Bytes>, method: Method) -> Vec<Piece> {
    let is_shard = matches!(method, Method::Shards(_));
    let piece = |(&(start, end), digest)| Piece { start, end: is_shard.then_some(end), digest };
    bounds.iter().zip(digests).map(piece).collect()
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

/// Runs `work` over `items` on all threads, the largest first, so that none is left alone with one at the end, and keeps their order;
/// what comes after a halt is not begun.
pub(crate) fn each<T: Sync, R: Send>(
    items: &[T],
    size: impl Fn(&T) -> u64,
    halt: Halt<'_>,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<Option<R>> {
    let halted = AtomicBool::new(false);
    let mut order: Vec<(usize, &T)> = items.iter().enumerate().collect();
    order.sort_by_key(|(_, item)| Reverse(size(item)));
    let one = |(at, item): &(usize, &T)| {
        if halted.load(Ordering::Relaxed) || halt() {
            halted.store(true, Ordering::Relaxed);
            return (*at, None);
        }
        (*at, Some(work(item)))
    };
    let mut done: Vec<(usize, Option<R>)> = order.par_iter().with_max_len(1).map(one).collect();
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, done)| done).collect()
}
