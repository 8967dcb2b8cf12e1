//! Hashes files of a listing in pieces, on all threads and in constant memory.

use std::cmp::Reverse;
use std::iter;
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
use super::twin::Twin;
use crate::digests::{Algorithm, Bytes};

/// Bytes that are read at once of one stream.
const BUFFER: usize = 256 << 10;
/// Most pieces of one file: smaller shards of a huge file would only cost memory.
const MOST_PIECES: u64 = 1 << 22;
/// What is smaller is not hashed side by side: there is little to save.
const LARGE: u64 = 1 << 20;

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

/// An open file, and first byte and end of each part of it.
pub(crate) struct Cut {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) bounds: Vec<(u64, u64)>,
}

/// A part of an open file.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) source: &'a Arc<dyn Source>,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Hashing<'_> {
    /// The digests of files, cut by `method`, in their order. Of each that cannot be read, why; also when it changes meanwhile.
    pub fn files(
        &self,
        files: &[&File],
        method: Method,
        algorithm: Algorithm,
    ) -> Vec<Result<Vec<Piece>, Unread>> {
        let known: Vec<Option<Vec<Piece>>> =
            files.par_iter().map(|file| self.known_file(file, method, algorithm)).collect();
        let unknown = files.iter().zip(&known).filter(|(_, known)| known.is_none());
        let unknown: Vec<&File> = unknown.map(|(file, _)| *file).collect();
        let computed = self.each(
            &unknown,
            |file| file.size,
            alone(algorithm),
            |files| {
                let cuts = files.iter().map(|file| open(file, method)).collect();
                let digests = self.computed(cuts, algorithm).into_iter();
                digests.map(|done| done.map(|(cut, digests)| pieces(&cut.bounds, digests, method))).collect()
            },
        );
        let mut computed = computed.into_iter();
        let mut next = || computed.next().unwrap_or(Err(Unread::Cancelled));
        known.into_iter().map(|known| known.map_or_else(&mut next, Ok)).collect()
    }

    /// The digests of parts of a file.
    ///
    /// # Errors
    /// Why it cannot be read; also when it changes meanwhile.
    pub(crate) fn parts(&self, cut: Cut, algorithm: Algorithm) -> Result<Vec<Bytes>, Unread> {
        let known = cut.source.stamp().and_then(|stamp| self.known(&stamp, &cut.bounds, algorithm));
        let Some(digests) = known else {
            let done = self.computed(vec![Ok(cut)], algorithm).pop();
            return done.unwrap_or(Err(Unread::Cancelled)).map(|(_, digests)| digests);
        };
        if !cut.source.is_unchanged() {
            return Err(changed());
        }
        cut.bounds.iter().for_each(|(start, end)| (self.progress)(end.saturating_sub(*start)));
        Ok(digests)
    }

    /// What is kept of a file as it was listed.
    fn known_file(&self, file: &File, method: Method, algorithm: Algorithm) -> Option<Vec<Piece>> {
        if self.cache.is_none() || (self.halt)() {
            return None;
        }
        let stamp = file.handle.stamp()?;
        let bounds = bounds(stamp.size, method).ok()?;
        let digests = self.known(&stamp, &bounds, algorithm)?;
        (self.progress)(file.size);
        Some(pieces(&bounds, digests, method))
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

    /// Hashes parts of files, those of several files side by side, and keeps the digests of each file that is still the one that
    /// was opened.
    fn computed(
        &self,
        cuts: Vec<Result<Cut, Unread>>,
        algorithm: Algorithm,
    ) -> Vec<Result<(Cut, Vec<Bytes>), Unread>> {
        // Several files are here because the other threads have theirs.
        let alone = if cuts.len() > 1 { 1 } else { alone(algorithm) };
        let parts: Vec<Part<'_>> = cuts.iter().flatten().flat_map(Cut::parts).collect();
        let digests = self.each(&parts, Part::size, alone, |parts| match parts {
            [one, other] => self.both([**one, **other]).into(),
            parts => parts.iter().map(|part| self.part(**part, algorithm)).collect(),
        });
        let mut digests = digests.into_iter();
        let finish = |cut: Result<Cut, Unread>| {
            let cut = cut?;
            // All of its own, whatever they are: the next are those of another file.
            let own: Vec<_> = digests.by_ref().take(cut.bounds.len()).collect();
            let own: Vec<Bytes> = own.into_iter().collect::<Result<_, _>>()?;
            // What changed under the reader is neither what was nor what is.
            if !cut.source.is_unchanged() {
                return Err(changed());
            }
            if let Some(stamp) = cut.source.stamp() {
                self.learn(&stamp, &cut.bounds, algorithm, &own);
            }
            Ok((cut, own))
        };
        cuts.into_iter().map(finish).collect()
    }

    /// The digest of a part of a file.
    fn part(&self, part: Part<'_>, algorithm: Algorithm) -> Result<Bytes, Unread> {
        if algorithm == Algorithm::Blake3 && part.size() > tree::LEAF {
            return tree::digest(self, part);
        }
        let mut hasher = algorithm.hasher();
        self.read(part, &mut |piece| hasher.update(piece))?;
        Ok(hasher.finish())
    }

    /// The SHA-256 of two parts, side by side; what is wrong with one does not touch the other.
    fn both(&self, parts: [Part<'_>; 2]) -> [Result<Bytes, Unread>; 2] {
        let mut hasher = Twin::default();
        let [mut one, mut other] = parts.map(Stream::new);
        loop {
            match [one.next(self), other.next(self)] {
                [[], []] => break,
                pieces => hasher.update(pieces),
            }
        }
        let [digest, other_digest] = hasher.finish();
        [one.end().map(|()| digest), other.end().map(|()| other_digest)]
    }

    /// Reads a part of a file to its end, piece by piece.
    pub(super) fn read(&self, part: Part<'_>, take: &mut dyn FnMut(&[u8])) -> Result<(), Unread> {
        let mut stream = Stream::new(part);
        loop {
            match stream.next(self) {
                [] => return stream.end(),
                piece => take(piece),
            }
        }
    }

    /// Runs `work` over `items` on all threads, the largest first, so that none is left alone with one at the end, and keeps their
    /// order. Of more than `alone` large ones it is given two at once, and returns as many as it is given; what comes after a
    /// halt is not begun.
    pub(crate) fn each<T: Sync, R: Send>(
        &self,
        items: &[T],
        size: impl Fn(&T) -> u64,
        alone: usize,
        work: impl Fn(&[&T]) -> Vec<Result<R, Unread>> + Sync,
    ) -> Vec<Result<R, Unread>> {
        let halted = AtomicBool::new(false);
        let groups = groups(items, size, alone);
        let run = |(one, other): &(usize, Option<usize>)| {
            let group = [Some(*one), *other].into_iter().flatten();
            let done = if halted.load(Ordering::Relaxed) || (self.halt)() {
                halted.store(true, Ordering::Relaxed);
                group.clone().map(|_| Err(Unread::Cancelled)).collect()
            } else {
                work(&group.clone().filter_map(|at| items.get(at)).collect::<Vec<_>>())
            };
            group.zip(done)
        };
        let mut done: Vec<(usize, Result<R, Unread>)> = match groups.as_slice() {
            [only] => run(only).collect(),
            // A bridge keeps to the order, which `par_iter` would cut in the middle.
            many => many.iter().par_bridge().flat_map_iter(run).collect(),
        };
        done.sort_unstable_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, done)| done).collect()
    }
}

/// How many large items are best hashed one a thread: of fewer, two on one thread would leave another without. Only SHA-256
/// gains from two.
fn alone(algorithm: Algorithm) -> usize {
    if algorithm == Algorithm::Sha256 { rayon::current_num_threads() } else { usize::MAX }
}

/// The places of items, largest first, each with that of a smaller one which goes with it, where there are more than `alone`.
fn groups<T>(items: &[T], size: impl Fn(&T) -> u64, alone: usize) -> Vec<(usize, Option<usize>)> {
    let mut order: Vec<(u64, usize)> = items.iter().enumerate().map(|(at, item)| (size(item), at)).collect();
    order.sort_by_key(|(size, _)| Reverse(*size));
    let (large, small) = order.split_at(order.partition_point(|(size, _)| *size >= LARGE));
    let mut groups = Vec::new();
    for some in large.chunks(alone.saturating_mul(2).max(1)) {
        let (ones, others) = some.split_at(alone.min(some.len()));
        // The largest goes with the smallest, or with none.
        let without = iter::repeat_n(None, ones.len().saturating_sub(others.len()));
        let others = without.chain(others.iter().rev().map(|(_, at)| Some(*at)));
        groups.extend(ones.iter().map(|(_, at)| *at).zip(others));
    }
    groups.extend(small.iter().map(|(_, at)| (*at, None)));
    groups
}

impl Cut {
    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.bounds.iter().map(|(start, end)| Part { source: &self.source, start: *start, end: *end })
    }
}

impl Part<'_> {
    pub(super) fn size(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// A part of a file that is being read.
struct Stream<'a> {
    part: Part<'a>,
    at: u64,
    buffer: Vec<u8>,
    wrong: Option<Unread>,
}

impl<'a> Stream<'a> {
    fn new(part: Part<'a>) -> Self {
        let length = usize::try_from(part.size()).unwrap_or(BUFFER).clamp(1, BUFFER);
        Self { part, at: part.start, buffer: vec![0; length], wrong: None }
    }

    /// The next bytes; none at the end and after something went wrong.
    fn next(&mut self, hashing: &Hashing<'_>) -> &[u8] {
        let count = if self.wrong.is_none() { self.fill(hashing) } else { Ok(0) };
        let count = count.unwrap_or_else(|why| {
            self.wrong = Some(why);
            0
        });
        self.buffer.get(..count).unwrap_or_default()
    }

    /// How many bytes were read into the buffer.
    fn fill(&mut self, hashing: &Hashing<'_>) -> Result<usize, Unread> {
        let rest = usize::try_from(self.part.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = rest.min(self.buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        if (hashing.halt)() {
            return Err(Unread::Cancelled);
        }
        let buffer = self.buffer.get_mut(..wanted).unwrap_or_default();
        let count =
            self.part.source.read_at(self.at, buffer).map_err(|error| Unread::Io(error.to_string()))?;
        if count == 0 {
            return Err(Unread::Truncated { offset: self.at });
        }
        let read = u64::try_from(count).unwrap_or(u64::MAX);
        self.at = self.at.saturating_add(read);
        (hashing.progress)(read);
        Ok(count)
    }

    /// Whether everything was read.
    fn end(self) -> Result<(), Unread> {
        self.wrong.map_or(Ok(()), Err)
    }
}

/// Opens a file that is still as it was listed.
fn open(file: &File, method: Method) -> Result<Cut, Unread> {
    let listed = file.handle.stamp();
    let source = file.handle.open()?;
    if source.stamp() != listed {
        return Err(changed());
    }
    let bounds = bounds(source.size(), method)?;
    Ok(Cut { source, bounds })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_go_together_once_every_thread_has_one() {
        for (alone, sizes, expected) in [
            (2, &[][..], &[][..]),
            (2, &[7, 9], &["1", "0"]),
            (2, &[9, 9, 9, 9], &["0+3", "1+2"]),
            (2, &[1, 4, 3, 2], &["1+0", "2+3"]),
            // Who is the first to have nothing to do takes the next one.
            (2, &[9, 9, 9, 9, 9], &["0+3", "1+2", "4"]),
            (2, &[9, 9, 9, 9, 9, 9], &["0+3", "1+2", "4", "5"]),
            // The largest has no partner as long as there are others without.
            (2, &[10, 6, 5], &["0", "1+2"]),
            (3, &[9, 8, 7, 6], &["0", "1", "2+3"]),
            (1, &[5, 9, 7], &["1+2", "0"]),
            // Small ones are never two.
            (1, &[0, 0, 9, 0], &["2", "0", "1", "3"]),
            (usize::MAX, &[9, 8, 7], &["0", "1", "2"]),
        ] {
            let told: Vec<String> = groups(sizes, |size| size * LARGE, alone)
                .into_iter()
                .map(|(one, other)| other.map_or(format!("{one}"), |other| format!("{one}+{other}")))
                .collect();
            assert_eq!(told, expected, "{sizes:?}, {alone} alone");
        }
        let small = groups(&[LARGE, LARGE - 1], |size| *size, 1);
        assert_eq!(small, [(0, None), (1, None)]);
    }
}
