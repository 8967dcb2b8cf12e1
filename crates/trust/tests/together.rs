//! Large files that are hashed two at a time: neither the digests nor what goes wrong with one depends on its partner.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use weighbridge_core::cache::Stamp;
use weighbridge_core::coverage::Unread;
use weighbridge_core::date::Date;
use weighbridge_core::listing::{File, Is, Listing};
use weighbridge_core::opener::Handle;
use weighbridge_core::source::Source;
use weighbridge_net::digests::Digests;
use weighbridge_net::open::listing;
use weighbridge_trust::digests::{Algorithm, Bytes};
use weighbridge_trust::oms::{Hashing, Method};
use weighbridge_trust::tensors::{self, Part};

use crate::Test;

pub(crate) const TESTS: &[Test] = &[
    ("together::every file has the digest that it has alone", every_file_has_the_digest_that_it_has_alone),
    (
        "together::every tensor has the digest that it has alone",
        every_tensor_has_the_digest_that_it_has_alone,
    ),
    ("together::two files take turns on one thread", two_files_take_turns_on_one_thread),
    ("together::what is wrong with one is not with the other", what_is_wrong_with_one_is_not_with_the_other),
    ("together::a known file is not read", a_known_file_is_not_read),
    ("together::a halt ends both", a_halt_ends_both),
];

const MIB: usize = 1 << 20;

/// Lengths about those from which files are hashed two at a time, and small ones between them.
const LENGTHS: [usize; 8] = [MIB, 3 * MIB + 1, 0, 2 * MIB + 63, MIB - 1, 700_001, 5, MIB + 64];

/// Ways to cut a file: whole, in many large parts, in few, in small ones.
const METHODS: [Method; 4] =
    [Method::Files, Method::Shards(MIB as u64), Method::Shards(2_000_000), Method::Shards(100_000)];

fn content(file: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251 + at / 65_537 + 31 * file) as u8).collect()
}

/// A folder with a file of each length, called by their numbers.
fn model(lengths: &[usize]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, length) in lengths.iter().enumerate() {
        fs::write(folder.path().join(file.to_string()), content(file, *length)).unwrap();
    }
    folder
}

fn on<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

fn plain() -> Hashing<'static> {
    Hashing { cache: None, halt: &|| false, progress: &|_| {} }
}

fn digest(content: &[u8], algorithm: Algorithm) -> Bytes {
    let mut hasher = algorithm.hasher();
    hasher.update(content);
    hasher.finish()
}

/// The digests of a file's content, cut by `method`.
fn expected(content: &[u8], method: Method, algorithm: Algorithm) -> Vec<Bytes> {
    match method {
        Method::Files => vec![digest(content, algorithm)],
        Method::Shards(shard) => {
            content.chunks(shard as usize).map(|shard| digest(shard, algorithm)).collect()
        }
    }
}

/// What hashing says of each file of a listing.
fn hashed(
    listing: &Listing,
    method: Method,
    algorithm: Algorithm,
    hashing: &Hashing<'_>,
) -> Vec<Result<Vec<Bytes>, Unread>> {
    let files: Vec<&File> = listing.items.iter().filter_map(|item| file(&item.is)).collect();
    let done = hashing.files(&files, method, algorithm).into_iter();
    done.map(|done| done.map(|pieces| pieces.into_iter().map(|piece| piece.digest).collect())).collect()
}

fn file(is: &Is) -> Option<&File> {
    match is {
        Is::File(file) => Some(file),
        _ => None,
    }
}

fn every_file_has_the_digest_that_it_has_alone() {
    let model = model(&LENGTHS);
    let listing = listing::list(model.path()).unwrap();
    for algorithm in Algorithm::ALL {
        for method in METHODS {
            let all = LENGTHS.iter().enumerate();
            let expected: Vec<_> =
                all.map(|(file, length)| Ok(expected(&content(file, *length), method, algorithm))).collect();
            for threads in 1..=3 {
                let read = AtomicU64::new(0);
                let progress = |count| {
                    read.fetch_add(count, Ordering::SeqCst);
                };
                let hashing = Hashing { progress: &progress, ..plain() };
                let done = on(threads, || hashed(&listing, method, algorithm, &hashing));
                assert!(done == expected, "{method:?} {algorithm}, {threads} threads");
                assert_eq!(read.into_inner(), LENGTHS.iter().sum::<usize>() as u64);
            }
        }
    }
}

fn every_tensor_has_the_digest_that_it_has_alone() {
    let contents = [content(0, 9 * MIB), content(1, 4 * MIB)];
    let sources: Vec<Arc<dyn Source>> =
        contents.iter().map(|content| Arc::new(content.clone()) as Arc<dyn Source>).collect();
    let mut parts = Vec::new();
    let mut expected = Vec::new();
    for (source, content) in sources.iter().zip(&contents) {
        let mut offset = 8;
        for size in [MIB, 3, 2 * MIB + 1, MIB + 65, 0, MIB / 2, 5 * MIB] {
            let size = size.min(content.len() - offset);
            parts.push(Part { source: Arc::clone(source), offset: offset as u64, size: size as u64 });
            expected.push(digest(&content[offset..offset + size], Algorithm::Sha256));
            offset += size;
        }
    }
    for threads in 1..=3 {
        let done = on(threads, || tensors::hash(&parts, &plain()));
        let done: Vec<Bytes> =
            done.into_iter().map(|done| Bytes(done.unwrap().as_bytes().to_vec())).collect();
        assert_eq!(done, expected, "{threads} threads");
    }
}

/// What happens when a file is opened or read.
#[derive(Clone, Default)]
struct Act {
    /// It cannot be opened.
    is_closed: bool,
    /// It ends here, whatever its size says.
    end: Option<u64>,
    /// It is written to meanwhile.
    grows: Option<std::path::PathBuf>,
}

/// Whose bytes were read, in this order.
type Log = Arc<Mutex<Vec<usize>>>;

struct Watched<T: ?Sized> {
    inner: Arc<T>,
    file: usize,
    act: Act,
    log: Log,
}

impl Handle for Watched<dyn Handle> {
    fn open(&self) -> Result<Arc<dyn Source>, Unread> {
        if self.act.is_closed {
            return Err(Unread::Permission);
        }
        let (file, act, log) = (self.file, self.act.clone(), Arc::clone(&self.log));
        Ok(Arc::new(Watched { inner: self.inner.open()?, file, act, log }))
    }

    fn stamp(&self) -> Option<Stamp> {
        self.inner.stamp()
    }
}

impl Source for Watched<dyn Source> {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.log.lock().unwrap().push(self.file);
        if let Some(path) = &self.act.grows {
            fs::OpenOptions::new()
                .append(true)
                .open(path)
                .and_then(|mut file| io::Write::write_all(&mut file, b"x"))?;
        }
        let most = self.act.end.unwrap_or(u64::MAX).saturating_sub(offset);
        let count = buffer.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        self.inner.read_at(offset, &mut buffer[..count])
    }

    fn stamp(&self) -> Option<Stamp> {
        self.inner.stamp()
    }

    fn is_unchanged(&self) -> bool {
        self.inner.is_unchanged()
    }
}

/// The listing of a model, with what happens to its files.
fn watched(model: &Path, acts: &[Act]) -> (Listing, Log) {
    let log = Log::default();
    let mut listing = listing::list(model).unwrap();
    for (file, item) in listing.items.iter_mut().enumerate() {
        if let Is::File(File { handle, .. }) = &mut item.is {
            let act = acts.get(file).cloned().unwrap_or_default();
            *handle = Arc::new(Watched { inner: Arc::clone(handle), file, act, log: Arc::clone(&log) });
        }
    }
    (listing, log)
}

fn two_files_take_turns_on_one_thread() {
    let model = model(&[MIB, MIB]);
    for (algorithm, turns) in
        [(Algorithm::Sha256, [0, 1, 0, 1, 0, 1, 0, 1]), (Algorithm::Blake2b, [0, 0, 0, 0, 1, 1, 1, 1])]
    {
        let (listing, log) = watched(model.path(), &[]);
        on(1, || hashed(&listing, Method::Files, algorithm, &plain()));
        assert_eq!(*log.lock().unwrap(), turns, "{algorithm}");
    }
}

fn what_is_wrong_with_one_is_not_with_the_other() {
    const LENGTH: usize = 2 * MIB + 5;
    for method in METHODS {
        for wrong in 0..2 {
            let model = model(&[LENGTH, LENGTH]);
            let path = model.path().join(wrong.to_string());
            let offset = (MIB / 2) as u64;
            let short = Unread::Truncated { offset };
            let changed = Unread::Io("the file changed while it was read".to_owned());
            for (act, why) in [
                (Act { is_closed: true, ..Act::default() }, Unread::Permission),
                (Act { end: Some(offset), ..Act::default() }, short),
                (Act { grows: Some(path), ..Act::default() }, changed),
            ] {
                let mut acts = [Act::default(), Act::default()];
                acts[wrong] = act;
                let (listing, _) = watched(model.path(), &acts);
                let done = on(1, || hashed(&listing, method, Algorithm::Sha256, &plain()));
                assert_eq!(done[wrong], Err(why), "{method:?}");
                let other = 1 - wrong;
                let expected = expected(&content(other, LENGTH), method, Algorithm::Sha256);
                assert!(done[other] == Ok(expected), "{method:?}: {:?}", done[wrong]);
            }
        }
    }
}

fn a_known_file_is_not_read() {
    let (model, kept) = (model(&[MIB; 3]), tempfile::tempdir().unwrap());
    let memory = || Digests::open(&kept.path().join("digests"), Date::from_days(20_000), i64::MAX);
    let run = |cache: &Digests| {
        let (listing, log) = watched(model.path(), &[]);
        let hashing = Hashing { cache: Some(cache), ..plain() };
        let done = on(1, || hashed(&listing, Method::Files, Algorithm::Sha256, &hashing));
        let mut read = log.lock().unwrap().clone();
        read.dedup();
        (done, read)
    };
    let cache = memory();
    let (first, read) = run(&cache);
    assert_eq!(read, [0, 1, 0, 1, 0, 1, 0, 1, 2]);
    cache.save(&kept.path().join("digests")).unwrap();
    assert_eq!(run(&memory()), (first.clone(), vec![]));
    // One that was touched is read for itself, and told in its place.
    fs::write(model.path().join("1"), content(7, MIB)).unwrap();
    let (second, read) = run(&memory());
    assert_eq!(read, [1]);
    let changed = Ok(vec![digest(&content(7, MIB), Algorithm::Sha256)]);
    assert_eq!(second, [first[0].clone(), changed, first[2].clone()]);
}

fn a_halt_ends_both() {
    let model = model(&[2 * MIB, 2 * MIB, 2 * MIB]);
    let listing = listing::list(model.path()).unwrap();
    let read = AtomicU64::new(0);
    let progress = |count| {
        read.fetch_add(count, Ordering::SeqCst);
    };
    let halt = || read.load(Ordering::SeqCst) >= MIB as u64;
    let hashing = Hashing { cache: None, halt: &halt, progress: &progress };
    let done = on(1, || hashed(&listing, Method::Files, Algorithm::Sha256, &hashing));
    assert_eq!(done, [const { Err(Unread::Cancelled) }; 3]);
    assert_eq!(read.into_inner(), MIB as u64);
}
