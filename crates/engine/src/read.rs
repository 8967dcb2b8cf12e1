//! Bytes to facts: every file of the targets through every reader that claims it, in any order, merged by place.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use weighbridge_core::context::Context;
use weighbridge_core::coverage::{Coverage, Gap, Unread};
use weighbridge_core::digest::Digest;
use weighbridge_core::fact::{Fact, Included, Recorded, What};
use weighbridge_core::lock::{self, Approval, Approved, SignedTensors};
use weighbridge_core::opener::Opened;
use weighbridge_core::place::Place;
use weighbridge_core::reader::{Family, Reader};
use weighbridge_core::seek::Seeker;
use weighbridge_core::world::File;
use weighbridge_net::open::above::Above;
use weighbridge_trust::keyless::Roots;
use weighbridge_trust::lock::NAME;
use weighbridge_trust::lock::places::{self, Where};
use weighbridge_trust::oms;

use crate::exclude::Exclude;
use crate::flow::ScanError;
use crate::progress::Progress;
use crate::weigh::{Apart, Ask, ENGINE, Named, Scale, Weighed, included, unread, version_of};
use crate::work::{Found, Item, Work, resolve};

/// How to read.
pub struct Options<'a> {
    /// Readers, sorted by id; [`weighbridge_read::READERS`] but for tests.
    pub readers: &'a [&'a dyn Reader],
    /// Patterns of paths to leave out: with a `/` the whole path below a target, without one a name at any depth.
    pub exclude: &'a [String],
    /// How many threads; none for one per core. What comes out does not depend on it.
    pub jobs: Option<NonZeroUsize>,
}

/// What the bytes of all targets say.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Readings {
    /// The facts of every entry, in the order in which its readers found them.
    pub facts: BTreeMap<Place, Vec<Fact>>,
    /// Every file by path.
    pub files: BTreeMap<Arc<str>, File>,
    /// What was read and what was not.
    pub coverage: Coverage,
}

/// Reads `targets`. With more than one, the paths of each begin with its name.
///
/// A file gets a digest when a reader claims it or the record of an installed distribution names it (and when it is so
/// small that claiming has read all of it). What nobody asks for is listed and not read: a data set of 100 GB beside
/// a model costs nothing. A large file on a server gets none unless a record names it: only the parts that its readers
/// ask for are fetched.
///
/// # Errors
/// [`ScanError::Pattern`], [`ScanError::Threads`], [`ScanError::Interrupted`]; and [`ScanError::NothingToWeigh`] when
/// no reader claims anything and everything could be looked at.
pub fn read(
    targets: Vec<Opened>,
    options: &Options<'_>,
    context: &Context,
    progress: &dyn Progress,
) -> Result<Readings, ScanError> {
    read_below(targets, &[], options, context, progress)
}

/// The same, with what locks approve of the targets that lie above them.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_below(
    targets: Vec<Opened>,
    locks: &[Above],
    options: &Options<'_>,
    context: &Context,
    progress: &dyn Progress,
) -> Result<Readings, ScanError> {
    let exclude = Exclude::new(options.exclude)
        .map_err(|(pattern, error)| ScanError::Pattern { pattern, message: error.msg.to_owned() })?;
    let version = version_of(options.readers);
    let scale = Scale { readers: options.readers, context, progress, version };
    let pool = threads(options.jobs)?;
    let mut work = pool.install(|| Work::new(targets, exclude));
    let mut facts = BTreeMap::new();
    for lock in locks {
        facts.extend(approved_above(lock, &mut work, &scale)?);
    }
    let ran_on = |place: &Place| (Arc::clone(&place.path), BTreeSet::from([MODEL_LOCK]));
    let mut reading = Reading {
        work: &work,
        pool: &pool,
        scale,
        ran: facts.keys().map(ran_on).collect(),
        readings: Readings { facts, ..Readings::default() },
        recorded: BTreeSet::new(),
        inner: 0,
    };
    let follows = reading.files()?;
    reading.follow(follows)?;
    reading.recorded()?;
    reading.vouch()?;
    progress.finish();
    let readings = reading.conclude();
    // Letting go of very many small things takes a while; nothing waits for it.
    pool.spawn(move || drop(work));
    readings
}

/// What a lock approves that lies above targets, as far as it lies in them. The lock is no file of the target: it has no digest
/// and is not counted.
fn approved_above(
    lock: &Above,
    work: &mut Work,
    scale: &Scale<'_>,
) -> Result<Option<(Place, Vec<Fact>)>, ScanError> {
    let Some((lock, above)) = work.seen_from(lock) else { return Ok(None) };
    let above = Arc::new(above);
    let weighed = scale.weigh(&lock, &Ask::Reader(MODEL_LOCK));
    if scale.context.cancel.is_cancelled() {
        return Err(ScanError::Interrupted);
    }
    let mut told = Vec::new();
    for mut fact in weighed.facts.into_iter().flat_map(|(_, facts)| facts) {
        if let What::Approved(approved) = &mut fact.what {
            if !concerns(&above, &approved.approval, work) {
                continue;
            }
            // Of a target that is one file, what signs it lies beside it.
            let is_file = approved.approval.files.contains_key(".");
            let base = above.here(&approved.approval.source).filter(|_| is_file);
            let signature = base.and_then(|base| places::signature(&base, &approved.approval));
            if let Some(signature) = signature {
                work.take_in(&signature);
            }
            approved.above = Some(Arc::clone(&above));
        }
        told.push(fact);
    }
    Ok((!told.is_empty()).then(|| (Place::file(lock.path), told)))
}

/// Whether something that a lock above approves lies in the targets.
fn concerns(above: &lock::Above, approval: &Approval, work: &Work) -> bool {
    match places::place("", &approval.source) {
        Where::Path(base) => match above.here(&base) {
            Some(here) => work.has(&here),
            None => above.within(&base).any(|part| work.has(&part.here)),
        },
        Where::Hub(name) => {
            let there = |path: &str| above.there(path).is_some_and(|it| places::is_in_hub(&it, &name));
            work.items.iter().any(|item| there(&item.path))
        }
    }
}

/// So many threads, or one a core.
///
/// # Errors
/// [`ScanError::Threads`].
pub(crate) fn threads(jobs: Option<NonZeroUsize>) -> Result<ThreadPool, ScanError> {
    let jobs = jobs.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let pool = ThreadPoolBuilder::new().num_threads(jobs).stack_size(STACK_BYTES).build();
    pool.map_err(|error| ScanError::Threads(error.to_string()))
}

/// Readers bound their own depth; this leaves them room for it.
const STACK_BYTES: usize = 8 << 20;

/// A file of so many bytes is a task of its own; of smaller ones several are, because each costs less than a task.
const LARGE_BYTES: u64 = 64 << 10;

/// Whether a file is called like the record of an installer. One that is not costs a second look at what it names.
fn is_record(item: &Item) -> bool {
    let mut names = item.path.rsplit('/');
    match (names.next(), names.next()) {
        (Some("RECORD" | "installed-files.txt" | NAME), _) => true,
        (Some(name), Some("conda-meta")) if name.ends_with(".json") => true,
        (Some(name), _) => name.ends_with(".sig"),
        _ => false,
    }
}

/// The reader of locks of models.
const MODEL_LOCK: &str = "model-lock";

/// The reader of files that only narrow versions.
const CONSTRAINTS: &str = "constraints";

/// Whether what this reader reads belongs to the file that names it.
fn is_taken_in(reader: &str) -> bool {
    matches!(reader, "requirements" | CONSTRAINTS)
}

struct Reading<'scan> {
    work: &'scan Work,
    pool: &'scan ThreadPool,
    scale: Scale<'scan>,
    readings: Readings,
    /// Entries whose records are taken in.
    recorded: BTreeSet<Place>,
    /// Which readers have read each file.
    ran: BTreeMap<Arc<str>, BTreeSet<&'static str>>,
    /// Entries inside files that were read.
    inner: u64,
}

impl<'scan> Reading<'scan> {
    /// Every file by its claims, then every link by what its name claims besides. Records come first, so that each file
    /// that they name is opened once, for its readers and its digest.
    fn files(&mut self) -> Result<Vec<Named>, ScanError> {
        let (work, pool) = (self.work, self.pool);
        let all = work.items.iter().enumerate();
        let (links, files): (Vec<_>, Vec<_>) = all.partition(|(_, item)| item.link_to.is_some());
        let (records, files): (Vec<_>, Vec<_>) =
            pool.install(|| files.into_par_iter().partition(|(_, item)| is_record(item)));
        let mut follows = self.run(records.into_iter().map(|(_, item)| (item, Ask::Claims)).collect())?;
        let mut is_named = vec![false; work.items.len()];
        for place in self.named_by_records() {
            if let Some(is_named) = is_named.get_mut(place) {
                *is_named = true;
            }
        }
        let ask = |(place, item): (usize, &'scan Item)| match is_named.get(place) {
            Some(true) => (item, Ask::Recorded),
            _ => (item, Ask::Claims),
        };
        follows.extend(self.run(files.into_iter().map(ask).collect())?);
        let asks = links.into_iter().filter_map(|(_, item)| {
            let to = item.link_to.as_ref()?;
            let file = self.readings.files.get(to)?.clone();
            let ran = self.ran.get(to).into_iter().flatten().copied().collect();
            Some((item, Ask::Link(file, ran)))
        });
        let asks = asks.collect();
        follows.extend(self.run(asks)?);
        Ok(follows)
    }

    /// Reads the files that others name, and those that these name, until no new one is named.
    fn follow(&mut self, mut follows: Vec<Named>) -> Result<(), ScanError> {
        let mut asked: BTreeSet<(Arc<str>, &'static str)> = BTreeSet::new();
        while !follows.is_empty() {
            let mut asks = BTreeMap::new();
            for Named { place, by, follow, above } in follows {
                let reader = follow.reader;
                let found = if above {
                    self.work.find_above(&place, &follow.path)
                } else {
                    self.work.find(&place, &follow.path)
                };
                match found {
                    Found::Item(item, real) => {
                        if is_taken_in(reader) {
                            let path = real.as_ref().unwrap_or(&item).path.to_string();
                            let file = Included { path, narrows: reader == CONSTRAINTS };
                            let fact = included(&place, follow.span, by, file);
                            self.readings.facts.entry(place).or_default().push(fact);
                        }
                        let has_run =
                            |item: &Item| self.ran.get(&item.path).is_some_and(|ran| ran.contains(reader));
                        if has_run(&item) || real.as_ref().is_some_and(has_run) {
                            continue;
                        }
                        let item = real.unwrap_or(item);
                        if asked.insert((Arc::clone(&item.path), reader)) {
                            asks.insert((Arc::clone(&item.path), reader), item);
                        }
                    }
                    Found::Excluded => {}
                    Found::Missing => {
                        let fact = unread(&place, follow.span, by, Unread::NotInTarget(follow.path));
                        self.readings.facts.entry(place).or_default().push(fact);
                    }
                }
            }
            let asks = asks.iter().map(|((_, reader), item)| (item, Ask::Reader(reader)));
            follows = self.run(asks.collect())?;
        }
        Ok(())
    }

    /// Digests the files that records name and nobody has read.
    fn recorded(&mut self) -> Result<(), ScanError> {
        let mut named = self.named_by_records();
        named.sort_unstable();
        named.dedup();
        let unread = |item: &&Item| {
            let file = self.readings.files.get(&item.path);
            file.is_some_and(|file| file.digest.as_ref().is_err_and(|reason| !reason.is_gap()))
        };
        let items = named.into_iter().filter_map(|place| self.work.items.get(place)).filter(unread);
        let asks = items.map(|item| (item, Ask::Digest)).collect();
        self.run(asks).map(drop)
    }

    /// The places of the files that those records name with their digests which were not taken in before; one may come more
    /// than once.
    fn named_by_records(&mut self) -> Vec<usize> {
        let records: Vec<(&Place, &Vec<Recorded>)> = (self.readings.facts.iter())
            .filter(|(place, _)| !self.recorded.contains(*place))
            .flat_map(|(place, facts)| {
                facts.iter().filter_map(move |fact| match &fact.what {
                    What::Record(record) => Some((place, record)),
                    _ => None,
                })
            })
            .collect();
        let pinned = self.named_by_locks();
        let mut named: Vec<usize> = pinned.iter().filter_map(|path| self.work.place(path)).collect();
        if records.is_empty() {
            return named;
        }
        let work = self.work;
        let named_by = |(place, record): &(&Place, &Vec<Recorded>)| {
            // Recorded paths start from the folder that holds the `*.dist-info`; in `installed-files.txt` of an
            // `*.egg-info` some tools mean the latter itself.
            let metadata = place.folder();
            let root = metadata.rsplit_once('/').map_or("", |(root, _)| root);
            let itself = Some(metadata).filter(|metadata| metadata.ends_with(".egg-info"));
            let mut found = Vec::new();
            let mut seeker = Seeker::new(&work.items, |item: &Item| &*item.path);
            for recorded in record.iter().filter(|recorded| recorded.digest.is_some()) {
                for folder in [Some(root), itself].into_iter().flatten() {
                    let path = resolve(folder, &recorded.path);
                    found.extend(path.and_then(|path| seeker.place(&path)));
                }
            }
            found
        };
        named.extend(
            self.pool.install(|| -> Vec<usize> { records.par_iter().flat_map_iter(named_by).collect() }),
        );
        let taken: Vec<Place> = records.into_iter().map(|(place, _)| place.clone()).collect();
        self.recorded.extend(taken);
        named
    }

    /// The files that a lock of models or a signature names; of a link what it leads to as well, sorted. These are few, so that
    /// they are looked up whenever that is asked.
    fn named_by_locks(&self) -> Vec<Arc<str>> {
        let known = |path: &str| self.work.get(path);
        let mut found: Vec<&Item> = Vec::new();
        let facts = self.readings.facts.iter().filter(|(place, _)| place.inner.is_empty());
        for (place, fact) in facts.flat_map(|(place, facts)| facts.iter().map(move |fact| (place, fact))) {
            match &fact.what {
                What::Approved(approved) => {
                    let Approved { approval, above } = &**approved;
                    let here = |path: String| above.as_ref().map_or(Some(path.clone()), |it| it.here(&path));
                    match places::place(places::folder(place, approved), &approval.source) {
                        Where::Path(base) => {
                            let paths = approval.files.keys().map(|path| places::below(&base, path));
                            found.extend(paths.filter_map(|path| known(&here(path)?)));
                        }
                        Where::Hub(name) => {
                            let is_there = |path: &str| match above {
                                None => places::is_in_hub(path, &name),
                                Some(above) => {
                                    above.there(path).is_some_and(|it| places::is_in_hub(&it, &name))
                                }
                            };
                            found.extend(self.work.items.iter().filter(|item| is_there(&item.path)));
                        }
                    }
                }
                What::Signature(signature) => {
                    let files = signature.files.keys().map(String::as_str);
                    let exists = |path: &str| known(path).is_some();
                    if let Some(base) = places::signed(&place.path, files.clone(), exists) {
                        found.extend(files.filter_map(|path| known(&places::below(&base, path))));
                    }
                }
                _ => {}
            }
        }
        let both = |item: &Item| [Some(Arc::clone(&item.path)), item.link_to.clone()].into_iter().flatten();
        let mut paths: Vec<Arc<str>> = found.into_iter().flat_map(both).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// Weighs files in parallel and takes in what came of them, in the order of `asks`.
    fn run(&mut self, asks: Vec<(&Item, Ask)>) -> Result<Vec<Named>, ScanError> {
        self.scale.progress.expect(u64::try_from(asks.len()).unwrap_or(u64::MAX), 0);
        let scale = &self.scale;
        let is_large = |item: &Item| item.size >= LARGE_BYTES;
        // The largest first, so that no thread is left alone with one at the end. What is small stays in its order.
        let mut large: Vec<(usize, &(&Item, Ask))> =
            asks.iter().enumerate().filter(|(_, (item, _))| is_large(item)).collect();
        large.sort_by_key(|(_, (item, _))| Reverse(item.size));
        let weigh_large =
            |(number, (item, ask)): &(usize, &(&Item, Ask))| (*number, scale.weigh(item, ask).apart());
        let weigh_small =
            |(item, ask): &(&Item, Ask)| (!is_large(item)).then(|| scale.weigh(item, ask).apart());
        let (mut large, mut weighed): (Vec<(usize, Apart)>, Vec<Option<Apart>>) = self.pool.install(|| {
            let large = large.par_iter().with_max_len(1).map(weigh_large).collect();
            (large, asks.par_iter().with_max_len(16).map(weigh_small).collect())
        });
        if scale.context.cancel.is_cancelled() {
            return Err(ScanError::Interrupted);
        }
        for (number, large) in large.drain(..) {
            if let Some(place) = weighed.get_mut(number) {
                *place = Some(large);
            }
        }
        // Files that are met for the first time, in order, and what came of all beside their sizes and digests.
        let mut new: Vec<(Arc<str>, File)> = Vec::new();
        let mut said: Vec<Box<Weighed>> = Vec::new();
        for (weighed, (_, ask)) in weighed.into_iter().zip(&asks) {
            let Some(Apart { path, file, said: more }) = weighed else { continue };
            let known = match ask {
                // Each file is asked that once, before all else.
                Ask::Claims | Ask::Recorded => None,
                Ask::Link(..) | Ask::Reader(_) | Ask::Digest => {
                    let last = new.last_mut().filter(|(last, _)| *last == path).map(|(_, file)| file);
                    last.or_else(|| self.readings.files.get_mut(&path))
                }
            };
            match known {
                Some(known) if known.digest.as_ref().is_err_and(|reason| !reason.is_gap()) => {
                    known.digest = file.digest;
                }
                Some(_) => {}
                None => new.push((path, file)),
            }
            said.extend(more);
        }
        let Self { readings: Readings { facts, files, .. }, ran, inner, .. } = self;
        let take = || said.into_iter().flat_map(|said| take(*said, facts, ran, inner)).collect();
        let (follows, ()) = self.pool.join(take, || merge(files, new));
        Ok(follows)
    }

    /// Has signatures of Sigstore named by the roots that the user believes.
    fn vouch(&mut self) -> Result<(), ScanError> {
        let read = |json: &Arc<str>| Roots::read(json).map_err(|error| ScanError::Roots(error.to_string()));
        let roots: Vec<Roots> = self.scale.context.roots.iter().map(read).collect::<Result<_, _>>()?;
        if roots.is_empty() {
            return Ok(());
        }
        // Every file of a model carries the same one, which can be large.
        let mut named: BTreeMap<Digest, Arc<SignedTensors>> = BTreeMap::new();
        for fact in self.readings.facts.values_mut().flatten() {
            match &mut fact.what {
                What::Signature(it) => oms::vouch(&mut it.identity, &mut it.proof, &roots),
                What::TensorSignature(it) if it.says.proof.fails().is_some() => {
                    let says = named.entry(it.says.digest).or_insert_with(|| {
                        let mut says = SignedTensors::clone(&it.says);
                        oms::vouch(&mut says.identity, &mut says.proof, &roots);
                        Arc::new(says)
                    });
                    it.says = Arc::clone(says);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn conclude(self) -> Result<Readings, ScanError> {
        let Self { work, mut readings, ran, inner, .. } = self;
        readings.facts.retain(|_, facts| !facts.is_empty());
        let mut read = inner;
        let links: HashSet<&str> =
            work.items.iter().filter(|item| item.link_to.is_some()).map(|item| &*item.path).collect();
        for (path, file) in &readings.files {
            // The bytes behind a link are counted once.
            if !links.contains(&**path) && (file.digest.is_ok() || ran.contains_key(path)) {
                read = read.saturating_add(1);
                readings.coverage.bytes = readings.coverage.bytes.saturating_add(file.size);
            }
        }
        readings.coverage.read = read;
        readings.coverage.excluded.clone_from(&work.excluded);
        let unread = readings.facts.iter().flat_map(|(place, facts)| {
            facts.iter().filter_map(move |fact| match &fact.what {
                What::Unread(reason) => Some(Gap {
                    place: place.clone(),
                    span: fact.evidence.span.clone(),
                    reason: reason.clone(),
                }),
                _ => None,
            })
        });
        let unread: BTreeSet<Gap> = unread.collect();
        readings.coverage.unread = unread.into_iter().collect();
        let is_code = |id: &&str| {
            weighbridge_read::reader(id).is_some_and(|reader| reader.about().family == Family::Code)
        };
        // A script that says what it needs is more than code.
        let asks = |fact: &Fact| matches!(fact.what, What::Project(_) | What::Requires(_));
        if ran.values().flatten().all(is_code)
            && readings.coverage.unread.is_empty()
            && !readings.facts.values().flatten().any(asks)
        {
            return Err(ScanError::NothingToWeigh);
        }
        Ok(readings)
    }
}

/// Adds files. One list made to a map at once is much cheaper than as many insertions.
fn merge(files: &mut BTreeMap<Arc<str>, File>, new: Vec<(Arc<str>, File)>) {
    if new.len() < files.len() {
        files.extend(new);
    } else {
        let fewer = std::mem::replace(files, new.into_iter().collect());
        files.extend(fewer);
    }
}

/// Takes in what came of a file beside its size and digest, and returns what it names.
fn take(
    weighed: Weighed,
    known: &mut BTreeMap<Place, Vec<Fact>>,
    ran: &mut BTreeMap<Arc<str>, BTreeSet<&'static str>>,
    inner: &mut u64,
) -> Vec<Named> {
    for (place, facts) in weighed.facts {
        match known.entry(place) {
            Entry::Vacant(vacant) => {
                vacant.insert(facts);
            }
            // A file that cannot be opened says so once, however often it is asked for.
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                for fact in facts {
                    if fact.evidence.reader != ENGINE || !known.contains(&fact) {
                        known.push(fact);
                    }
                }
            }
        }
    }
    if !weighed.ran.is_empty() {
        ran.entry(weighed.path).or_default().extend(weighed.ran);
    }
    *inner = inner.saturating_add(weighed.inner);
    weighed.follows
}
