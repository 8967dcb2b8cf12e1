//! A file on a server as a source: only the parts that somebody reads are fetched.
//!
//! Parts come in blocks. The first read of a place fetches one block; whoever goes on reading forward gets twice as many
//! with each request. A handful of blocks is kept. All parts must be of one version of the file, by its ETag (RFC 9110,
//! sections 8.8.3 and 13.1.5), else by the time of its last change, and always by its size.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use weighbridge_core::coverage::Unread;
use weighbridge_core::source::Source;

use super::RemoteError;
use super::fetch::{Answer, Fetcher, Wanted};
use super::url::Url;
use crate::open::file::FileSource;

/// Bytes of a block.
const BLOCK: u64 = 64 << 10;
/// Most blocks in one request.
const MOST_BLOCKS: u64 = 64;
/// Most blocks kept.
const KEPT: usize = 128;
/// How often a part is asked for whose bytes break off.
const TRIES: u32 = 3;

/// A file on a server.
pub(crate) struct RangeSource {
    fetcher: Arc<Fetcher>,
    /// Where the file is asked for first.
    url: Url,
    size: u64,
    /// Most bytes to fetch of it.
    most_bytes: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Where the bytes really lie, and which version of the file it is.
    known: Option<Known>,
    /// Blocks by number, each with when it was last used.
    blocks: BTreeMap<u64, (u64, Arc<[u8]>)>,
    clock: u64,
    /// The block after the last one fetched, and how many were fetched then.
    next: u64,
    stride: u64,
    fetched: u64,
    /// The whole file, from a server that does not hand out parts.
    whole: Option<FileSource>,
    /// Why nothing more will come. A server that failed after several tries is not asked again by the next reader.
    failed: Option<Unread>,
}

#[derive(Clone)]
struct Known {
    url: Url,
    version: Version,
}

/// By what a version of a file is told from another one.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Version {
    etag: Option<String>,
    modified: Option<String>,
}

impl Version {
    fn of(answer: &Answer) -> Self {
        let text = |name| answer.header(name).map(str::to_owned);
        Self { etag: text("etag"), modified: text("last-modified") }
    }

    /// What a request for a part may name, so that only a part of this version comes back: no weak ETag.
    fn condition(&self) -> Option<&str> {
        match &self.etag {
            Some(etag) => Some(etag.as_str()).filter(|etag| etag.starts_with('"')),
            None => self.modified.as_deref(),
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (&self.etag, &other.etag) {
            (Some(one), Some(other)) => one == other,
            (None, None) => self.modified == other.modified,
            _ => false,
        }
    }
}

/// What an answer to the request for a part turned out to be.
enum Part {
    Bytes(Vec<u8>),
    Whole(FileSource),
}

impl RangeSource {
    /// The file at `url`, of which somebody says that it has this size. Nothing is asked for yet.
    pub(crate) fn new(fetcher: Arc<Fetcher>, url: Url, size: u64, most_bytes: u64) -> Self {
        Self { fetcher, url, size, most_bytes, state: Mutex::default() }
    }

    /// The file at `url`, whose size the server must tell.
    pub(crate) fn ask(fetcher: Arc<Fetcher>, url: Url, most_bytes: u64) -> Result<Self, RemoteError> {
        let mut state = State::default();
        let mut answer = fetcher.get(&url, Wanted { range: Some((0, BLOCK - 1)), ..Wanted::default() })?;
        let size = match answer.response.status().as_u16() {
            206 => {
                let stated =
                    content_range(&answer).ok_or_else(|| answer.wrong("it does not say which part it is"))?;
                let size = stated.2;
                let last =
                    size.min(BLOCK).checked_sub(1).ok_or_else(|| answer.wrong("it is a part of nothing"))?;
                let bytes = take_part(&mut answer, (0, last), size)?;
                state.known = Some(Known { url: answer.url.clone(), version: Version::of(&answer) });
                state.put(0, &bytes);
                size
            }
            416 if unsatisfied_size(&answer) == Some(0) => 0,
            416 => return Err(answer.wrong("it has no first byte")),
            _ => {
                let whole = take_whole(&mut answer, most_bytes)?;
                let size = whole.size();
                state.whole = Some(whole);
                size
            }
        };
        Ok(Self { fetcher, url, size, most_bytes, state: Mutex::new(state) })
    }

    /// Fetches `count` blocks from `block`.
    fn fetch(&self, state: &mut State, block: u64, count: u64) -> Result<(), RemoteError> {
        let first = block.saturating_mul(BLOCK);
        let last = first.saturating_add(count.saturating_mul(BLOCK)).min(self.size).saturating_sub(1);
        let mut tries = 0;
        loop {
            tries += 1;
            // What broke off has cost as much as what came whole.
            state.fetched = state.fetched.saturating_add(last.saturating_sub(first).saturating_add(1));
            if state.fetched > self.most_bytes {
                return Err(RemoteError::TooLarge(self.most_bytes));
            }
            match self.part(state, first, last) {
                Ok(Part::Bytes(bytes)) => {
                    state.put(block, &bytes);
                    state.next = block.saturating_add(count);
                    state.stride = count;
                    return Ok(());
                }
                Ok(Part::Whole(whole)) => {
                    state.whole = Some(whole);
                    return Ok(());
                }
                Err(RemoteError::Connection { .. }) if tries < TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn part(&self, state: &mut State, first: u64, last: u64) -> Result<Part, RemoteError> {
        let range = Some((first, last));
        let known = state.known.clone();
        let version = known.as_ref().and_then(|known| known.version.condition());
        let wanted = Wanted { range, version, ..Wanted::default() };
        let asked = match &known {
            Some(known) => match self.fetcher.get(&known.url, wanted) {
                // The signature of an address in a store expires; the place that leads there makes a new one.
                Err(RemoteError::Status { status: 400..=410, .. }) if known.url != self.url => {
                    self.fetcher.get(&self.url, wanted)
                }
                asked => asked,
            },
            None => self.fetcher.get(&self.url, wanted),
        };
        let mut answer = asked?;
        let version = Version::of(&answer);
        let changed = || RemoteError::Changed(self.url.to_string());
        match answer.response.status().as_u16() {
            206 => {
                if known.is_some_and(|known| !known.version.is(&version)) {
                    return Err(changed());
                }
                let bytes = take_part(&mut answer, (first, last), self.size)?;
                state.known = Some(Known { url: answer.url, version });
                Ok(Part::Bytes(bytes))
            }
            // After the first part this means that the version is another one.
            200 if known.is_none() => {
                if self.size > self.most_bytes {
                    return Err(RemoteError::TooLarge(self.most_bytes));
                }
                let whole = take_whole(&mut answer, self.most_bytes)?;
                if whole.size() == self.size { Ok(Part::Whole(whole)) } else { Err(changed()) }
            }
            _ => Err(changed()),
        }
    }
}

impl Source for RangeSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = &state.failed {
            return Err(io::Error::other(reason.clone()));
        }
        let (block, within) = (offset / BLOCK, offset % BLOCK);
        if state.whole.is_none() && !state.blocks.contains_key(&block) {
            let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
            let asked = within.saturating_add(length).div_ceil(BLOCK);
            let ahead =
                if block == state.next && state.stride > 0 { state.stride.saturating_mul(2) } else { 1 };
            let known = state.blocks.range(block..).next().map_or(u64::MAX, |(known, _)| known - block);
            let end = self.size.div_ceil(BLOCK) - block;
            let count = asked.max(ahead).min(MOST_BLOCKS).min(known).min(end);
            if let Err(error) = self.fetch(&mut state, block, count) {
                let reason = error.unread();
                state.failed = Some(reason.clone());
                return Err(io::Error::other(reason));
            }
        }
        if let Some(whole) = &state.whole {
            return whole.read_at(offset, buffer);
        }
        state.clock += 1;
        let clock = state.clock;
        let Some((used, bytes)) = state.blocks.get_mut(&block) else { return Ok(0) };
        *used = clock;
        let from = usize::try_from(within).ok().and_then(|within| bytes.get(within..)).unwrap_or_default();
        let count = from.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), from.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }
}

impl State {
    /// Keeps `bytes` as the blocks from `block`, and lets go of those that were not used for longest.
    fn put(&mut self, block: u64, bytes: &[u8]) {
        let pieces = bytes.chunks(usize::try_from(BLOCK).unwrap_or(usize::MAX));
        while self.blocks.len().saturating_add(pieces.len()) > KEPT {
            let Some(oldest) = self.blocks.iter().min_by_key(|(_, (used, _))| *used).map(|(block, _)| *block)
            else {
                break;
            };
            self.blocks.remove(&oldest);
        }
        self.clock += 1;
        for (number, piece) in (block..).zip(pieces) {
            self.blocks.insert(number, (self.clock, piece.into()));
        }
    }
}

/// The bytes from the first to the last one that were asked for, which must be what the answer holds.
fn take_part(answer: &mut Answer, asked: (u64, u64), size: u64) -> Result<Vec<u8>, RemoteError> {
    let stated = content_range(answer).ok_or_else(|| answer.wrong("it does not say which part it is"))?;
    if stated.2 != size {
        return Err(answer.wrong(format!("it is {} bytes long and not {size} as stated", stated.2)));
    }
    if (stated.0, stated.1) != asked {
        return Err(answer.wrong("it is another part than the one that was asked for"));
    }
    let length = asked.1.saturating_sub(asked.0).saturating_add(1);
    let mut bytes = Vec::new();
    let longer = answer.wrong("it is longer than the part that was asked for");
    let received = answer.body(length, |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    });
    match received {
        Ok(received) if received == length => Ok(bytes),
        Ok(received) => {
            let message = format!("it broke off after {received} of {length} bytes");
            Err(RemoteError::Connection { url: answer.url.to_string(), message })
        }
        Err(RemoteError::TooLarge(_)) => Err(longer),
        Err(error) => Err(error),
    }
}

/// The whole file in a temporary one that has no name and goes with the source.
fn take_whole(answer: &mut Answer, most_bytes: u64) -> Result<FileSource, RemoteError> {
    if answer.response.body().content_length().is_some_and(|announced| announced > most_bytes) {
        return Err(RemoteError::TooLarge(most_bytes));
    }
    let url = answer.url.to_string();
    let refused = |error: io::Error| RemoteError::Connection {
        url: url.clone(),
        message: format!("cannot write a temporary file: {error}"),
    };
    let mut file: File = tempfile::tempfile().map_err(refused)?;
    let size = answer.body(most_bytes, |piece| file.write_all(piece).map_err(refused))?;
    Ok(FileSource::new(file, size))
}

/// First byte, last byte and size of the whole (RFC 9110, section 14.4).
fn content_range(answer: &Answer) -> Option<(u64, u64, u64)> {
    let text = answer.header("content-range")?.strip_prefix("bytes ")?;
    let (range, size) = text.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then_some((first, last, size))
}

/// The size of a file of which the part that was asked for does not exist.
fn unsatisfied_size(answer: &Answer) -> Option<u64> {
    answer.header("content-range")?.strip_prefix("bytes */")?.parse().ok()
}
