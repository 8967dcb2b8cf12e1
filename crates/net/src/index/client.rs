//! Asks indexes, each question once however many ask it, and some before anybody does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use weighbridge_core::context::Remote;
use weighbridge_core::digest::Digest;
use weighbridge_core::limits::Cancel;

use super::IndexError;
use super::cache::{Cache, Head};
use super::contents::{self, MOST_METADATA};
use super::metadata::{self, Metadata};
use super::page::{self, File, Project, Sidecar, normalised};
use super::wheel::Wheel;
use super::which::{Index, Indexes, Order};
use crate::online::Online;
use crate::remote::RemoteError;
use crate::remote::fetch::{Answer, Fetcher, Wanted};
use crate::remote::source::RangeSource;
use crate::remote::url::Url;

/// Most bytes of a page. The largest of the public index has some 30 MiB.
const MOST_PAGE: u64 = 64 << 20;
/// Most bytes of a source distribution that is fetched for its metadata.
const MOST_SOURCE: u64 = 64 << 20;
/// A page is asked for again after so many seconds, whatever the server thinks (the public index says 600).
const MOST_FRESH: u64 = 3_600;
/// The same where the server says nothing: what the public index says.
const GUESSED_FRESH: u64 = 600;
/// Requests at a time.
const THREADS: usize = 16;
/// Most questions that wait to be asked ahead.
const MOST_AHEAD: usize = 10_000;
/// After so many wheels without metadata beside them, and none with, it is no longer looked for where nobody says so.
const MISSES: u32 = 4;

/// What a client takes from outside besides the indexes.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long to wait, and whom to trust.
    pub remote: Remote,
    /// The folder in which Weighbridge keeps what it has fetched.
    pub cache: Option<PathBuf>,
    /// Most bytes fetched of one wheel.
    pub most_bytes: u64,
    /// Asks the client to stop.
    pub cancel: Cancel,
}

/// A client of the indexes in use. Clones share what they know.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    fetcher: Option<Arc<Fetcher>>,
    indexes: Indexes,
    cache: Cache,
    most_bytes: u64,
    projects: Memo<Arc<Project>>,
    metadata: Memo<Arc<Metadata>>,
    /// Wheels with and without metadata beside them, where nobody had said so.
    beside: (AtomicU32, AtomicU32),
    ahead: Mutex<Ahead>,
}

type Memo<T> = Mutex<BTreeMap<String, Arc<OnceLock<Result<T, IndexError>>>>>;

#[derive(Default)]
struct Ahead {
    waiting: VecDeque<Question>,
    threads: usize,
    /// Projects that were scouted: each is once.
    scouted: BTreeSet<String>,
}

enum Question {
    Project(String),
    /// A project, and then whatever the scout says.
    Scouted(String, Arc<dyn Scout>),
    Metadata(String, File),
}

/// Guesses what somebody who asks for a project will ask next.
pub trait Scout: Send + Sync {
    /// The file, by its number, that will probably be chosen.
    fn file(&self, project: &Project) -> Option<usize>;

    /// The projects that it will probably need.
    fn needed(&self, metadata: &Metadata) -> Vec<String>;
}

impl Client {
    /// A client of `indexes`. Without permission to connect it knows only what is in the cache.
    ///
    /// # Errors
    /// [`RemoteError::Certificates`] as [`IndexError::Remote`].
    pub fn new(online: Option<Online>, indexes: Indexes, options: &Options) -> Result<Self, IndexError> {
        let fetcher = match online {
            Some(online) => {
                let users = indexes.users();
                Some(Arc::new(Fetcher::for_users(online, &options.remote, users, &options.cancel)?))
            }
            None => None,
        };
        Ok(Self(Arc::new(Inner {
            fetcher,
            indexes,
            cache: Cache::new(options.cache.as_deref()),
            most_bytes: options.most_bytes,
            projects: Mutex::default(),
            metadata: Mutex::default(),
            beside: Default::default(),
            ahead: Mutex::default(),
        })))
    }

    /// The indexes that are asked.
    pub fn indexes(&self) -> &Indexes {
        &self.0.indexes
    }

    /// What the indexes say of a project.
    ///
    /// # Errors
    /// [`IndexError`]; asking again gives the same answer.
    pub fn project(&self, name: &str) -> Result<Arc<Project>, IndexError> {
        self.0.project(name)
    }

    /// The addresses of those indexes that have a project, whatever their order says.
    ///
    /// # Errors
    /// [`IndexError`] where one of them cannot be asked.
    pub fn holders(&self, name: &str) -> Result<Vec<String>, IndexError> {
        let name = normalised(name);
        let mut holders = Vec::new();
        for index in self.0.indexes.list.iter().filter(|index| !index.is_explicit) {
            match self.0.ask_page(index, &name) {
                Ok(project) => holders.push(project.index),
                Err(IndexError::NoProject(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(holders)
    }

    /// What a file of a project says of itself.
    ///
    /// # Errors
    /// [`IndexError`]; asking again gives the same answer.
    pub fn metadata(&self, project: &str, file: &File) -> Result<Arc<Metadata>, IndexError> {
        self.0.metadata(project, file)
    }

    /// A wheel, to look at what lies in it. Fetched is its directory, and then what somebody opens; never more than the client's
    /// most bytes of a wheel. The digest that the index states is that of the whole file and so not checked.
    ///
    /// # Errors
    /// [`IndexError`]; [`IndexError::Offline`] where nothing may be fetched, whatever is in the cache.
    pub fn wheel(&self, file: &File) -> Result<Wheel, IndexError> {
        let fetcher = self.0.fetcher.as_ref().ok_or_else(|| IndexError::Offline(file.name.clone()))?;
        let source = self.0.ranges(fetcher, file)?;
        Wheel::new(&file.name, Arc::new(source))
            .map_err(|reason| IndexError::Content { url: file.url.to_string(), reason })
    }

    /// What somebody has learned of a file and given to [`Client::learn`], now or in another run.
    pub fn learned(&self, file: &File) -> Option<Vec<u8>> {
        self.0.cache.learned(file.sha256?)
    }

    /// Keeps what somebody has learned of a file, under the digest that the index states for it.
    pub fn learn(&self, file: &File, bytes: &[u8]) {
        if let Some(digest) = file.sha256 {
            self.0.cache.put_learned(digest, bytes);
        }
    }

    /// Begins to ask for projects of which somebody may want to know soon.
    pub fn projects_ahead<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        self.ask_ahead(names.into_iter().map(|name| Question::Project(name.to_owned())));
    }

    /// Begins to ask what a file says of itself.
    pub fn metadata_ahead(&self, project: &str, file: &File) {
        self.ask_ahead([Question::Metadata(project.to_owned(), file.clone())]);
    }

    /// Begins to ask for projects, for the files of them that will probably be chosen, and for what these need, and so on.
    pub fn scout<'a>(&self, names: impl IntoIterator<Item = &'a str>, scout: &Arc<dyn Scout>) {
        Inner::scout(&self.0, names.into_iter().map(normalised), scout);
    }

    fn ask_ahead(&self, questions: impl IntoIterator<Item = Question>) {
        Inner::ask_ahead(&self.0, questions);
    }
}

impl Inner {
    fn scout(this: &Arc<Self>, names: impl Iterator<Item = String>, scout: &Arc<dyn Scout>) {
        let new: Vec<Question> = {
            let mut ahead = this.ahead.lock().unwrap_or_else(PoisonError::into_inner);
            let room = MOST_AHEAD.saturating_sub(ahead.scouted.len());
            let new = names.filter(|name| ahead.scouted.insert(name.clone())).take(room);
            new.map(|name| Question::Scouted(name, Arc::clone(scout))).collect()
        };
        Self::ask_ahead(this, new);
    }

    fn ask_ahead(this: &Arc<Self>, questions: impl IntoIterator<Item = Question>) {
        let mut ahead = this.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        for question in questions {
            if ahead.waiting.len() < MOST_AHEAD {
                ahead.waiting.push_back(question);
            }
        }
        while ahead.threads < THREADS.min(ahead.waiting.len()) {
            // The threads do not keep the client alive: it ends with the last one who asks.
            let inner = Arc::downgrade(this);
            let work = move || {
                while let Some(inner) = inner.upgrade() {
                    if !Self::answer_next(&inner) {
                        return;
                    }
                }
            };
            // Without threads each question is answered when somebody needs it.
            if thread::Builder::new().name("index".to_owned()).spawn(work).is_err() {
                break;
            }
            ahead.threads = ahead.threads.saturating_add(1);
        }
    }

    /// Answers the next question that waits; false if none does, and the thread ends.
    fn answer_next(this: &Arc<Self>) -> bool {
        let question = {
            let mut ahead = this.ahead.lock().unwrap_or_else(PoisonError::into_inner);
            match ahead.waiting.pop_front() {
                Some(question) => question,
                None => {
                    ahead.threads = ahead.threads.saturating_sub(1);
                    return false;
                }
            }
        };
        // Whoever needs the answer gets it from the memory, errors too.
        match question {
            Question::Project(name) => drop(this.project(&name)),
            Question::Metadata(project, file) => drop(this.metadata(&project, &file)),
            Question::Scouted(name, scout) => {
                let project = this.project(&name).ok();
                let file = project.and_then(|project| project.files.get(scout.file(&project)?).cloned());
                if let Some(metadata) = file.and_then(|file| this.metadata(&name, &file).ok()) {
                    Self::scout(this, scout.needed(&metadata).iter().map(|name| normalised(name)), &scout);
                }
            }
        }
        true
    }

    fn project(&self, name: &str) -> Result<Arc<Project>, IndexError> {
        let name = normalised(name);
        let slot = slot(&self.projects, &name);
        slot.get_or_init(|| self.ask_project(&name).map(Arc::new)).clone()
    }

    fn metadata(&self, project: &str, file: &File) -> Result<Arc<Metadata>, IndexError> {
        let slot = slot(&self.metadata, &file.url.as_sent());
        slot.get_or_init(|| self.ask_metadata(&normalised(project), file).map(Arc::new)).clone()
    }

    fn ask_project(&self, name: &str) -> Result<Project, IndexError> {
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_name {
            return Err(IndexError::NoProject(name.escape_default().to_string()));
        }
        let indexes = self.indexes.for_project(name)?;
        let mut found: Option<Project> = None;
        for index in indexes {
            if index.is_last && found.is_some() {
                continue;
            }
            let project = match self.ask_page(index, name) {
                Ok(project) => project,
                Err(IndexError::NoProject(_)) => continue,
                // An index that cannot be asked may have the version that counts.
                Err(error) => return Err(error),
            };
            match &mut found {
                None => found = Some(project),
                Some(known) => known.add(project),
            }
            if self.indexes.order == Order::First {
                break;
            }
        }
        found.ok_or_else(|| IndexError::NoProject(name.to_owned()))
    }

    fn ask_page(&self, index: &Index, name: &str) -> Result<Project, IndexError> {
        let shown = index.url.to_string();
        let cached = self.cache.page(&shown, name).and_then(|(head, body)| {
            let url = Url::parse(&head.url).ok()?;
            let project = page::read(&head.kind, body.bytes(), &url, name).ok()?;
            Some((head, body, Project { index: shown.clone(), ..project }))
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let Some(fetcher) = &self.fetcher else {
            let offline = || IndexError::Offline(name.to_owned());
            return cached.map(|(_, _, project)| project).ok_or_else(offline);
        };
        let is_fresh = |head: &Head| head.seen <= now && now - head.seen < head.fresh;
        let cached = match cached {
            Some((head, _, project)) if is_fresh(&head) => return Ok(project),
            cached => cached,
        };
        let etag = cached.as_ref().and_then(|(head, _, _)| head.etag.clone());
        let url = index.url.below([name, ""]);
        let wanted = Wanted { accept: Some(page::ACCEPT), unlike: etag.as_deref(), ..Wanted::default() };
        let mut answer = match fetcher.get(&url, wanted) {
            Err(RemoteError::Status { status: 404 | 410, .. }) => {
                return Err(IndexError::NoProject(name.to_owned()));
            }
            answer => answer?,
        };
        let fresh = freshness(&answer);
        if answer.response.status().as_u16() == 304 {
            if let Some((head, body, project)) = cached {
                self.cache.put_page(&shown, name, &Head { seen: now, fresh, ..head }, body.bytes());
                return Ok(project);
            }
        } else if answer.response.status().as_u16() != 200 {
            return Err(answer.wrong("it is a part of the page, which was not asked for").into());
        }
        let body = whole(&mut answer, MOST_PAGE)?;
        let kind = answer.header("content-type").unwrap_or_default().to_owned();
        let wrong =
            |reason| IndexError::Page { url: answer.url.to_string(), project: name.to_owned(), reason };
        let project = page::read(&kind, &body, &answer.url, name).map_err(wrong)?;
        let project = Project { index: shown.clone(), ..project };
        if let Some((_, _, before)) = &cached
            && let Some(file) = changed(before, &project)
        {
            let cached = self.cache.page_path(&shown, name).unwrap_or_default();
            return Err(IndexError::Changed { url: shown, file, cached: cached.display().to_string() });
        }
        let etag = answer.header("etag").map(str::to_owned);
        // An address with a query may hold a signature, and is good for this answer only.
        let url = answer.url.as_sent();
        if !url.contains('?') {
            let head = Head { url, kind, etag, seen: now, fresh, size: body.len() };
            self.cache.put_page(&shown, name, &head, &body);
        }
        Ok(project)
    }

    fn ask_metadata(&self, project: &str, file: &File) -> Result<Metadata, IndexError> {
        let url = file.url.to_string();
        let wrong = |reason: &str| IndexError::Content { url: url.clone(), reason: reason.to_owned() };
        let is_wheel = file.name.ends_with(".whl");
        let understood = |bytes: &[u8]| -> Result<Metadata, IndexError> {
            let metadata = metadata::read(bytes).map_err(|reason| wrong(&reason))?;
            if !metadata.is_of(project) {
                return Err(wrong(&format!("its metadata is that of `{}`", metadata.name.escape_default())));
            }
            if metadata.is_computed && !is_wheel {
                return Err(IndexError::Computed(file.name.clone()));
            }
            Ok(Metadata { is_computed: false, ..metadata })
        };
        let cached = file.sha256.and_then(|digest| self.cache.metadata(digest));
        if let Some(bytes) = cached.filter(|bytes| fits(file, bytes)) {
            return understood(&bytes);
        }
        let Some(fetcher) = &self.fetcher else { return Err(IndexError::Offline(file.name.clone())) };
        let bytes = match self.beside(fetcher, file)? {
            // Some servers answer everything with a page.
            Some(bytes) if file.sidecar != Sidecar::Unsaid || metadata::read(&bytes).is_ok() => bytes,
            _ if is_wheel => {
                let source = self.ranges(fetcher, file)?;
                contents::from_zip(&source, ".dist-info/METADATA").map_err(|reason| wrong(&reason))?
            }
            _ => {
                let packed = whole(&mut fetcher.get(&file.url, Wanted::default())?, MOST_SOURCE)?;
                if file.sha256.is_some_and(|digest| digest != Digest::of(&packed)) {
                    return Err(wrong("it has another SHA-256"));
                }
                let inside = match file.name.rsplit_once('.').map(|(_, suffix)| suffix) {
                    Some("zip") => contents::from_zip(&packed, "/PKG-INFO"),
                    Some("gz" | "tgz") => contents::from_tar_gz(&packed),
                    _ => Err("it is neither a wheel nor a source distribution".to_owned()),
                };
                inside.map_err(|reason| wrong(&reason))?
            }
        };
        let metadata = understood(&bytes);
        // What is computed stays so: it is kept as well, so that nobody fetches the file again to learn that.
        if let (Ok(_) | Err(IndexError::Computed(_)), Some(digest)) = (&metadata, file.sha256) {
            self.cache.put_metadata(digest, &bytes);
        }
        metadata
    }

    fn ranges(&self, fetcher: &Arc<Fetcher>, file: &File) -> Result<RangeSource, RemoteError> {
        let (fetcher, url) = (Arc::clone(fetcher), file.url.clone());
        match file.size {
            Some(size) => Ok(RangeSource::new(fetcher, url, size, self.most_bytes)),
            None => RangeSource::ask(fetcher, url, self.most_bytes),
        }
    }

    /// The metadata that lies beside a file, if it does.
    fn beside(&self, fetcher: &Fetcher, file: &File) -> Result<Option<Vec<u8>>, IndexError> {
        let (found, missing) = &self.beside;
        let is_unsaid = file.sidecar == Sidecar::Unsaid;
        if is_unsaid
            && (!file.name.ends_with(".whl")
                || (found.load(Ordering::Relaxed) == 0 && missing.load(Ordering::Relaxed) >= MISSES))
        {
            return Ok(None);
        }
        let url = file.url.with_suffix(".metadata");
        let mut answer = match fetcher.get(&url, Wanted::default()) {
            Err(RemoteError::Status { status: 400..=499, .. }) => {
                if is_unsaid {
                    missing.fetch_add(1, Ordering::Relaxed);
                }
                return Ok(None);
            }
            answer => answer?,
        };
        if is_unsaid {
            found.fetch_add(1, Ordering::Relaxed);
        }
        let bytes = whole(&mut answer, MOST_METADATA)?;
        if !fits(file, &bytes) {
            let reason = "it has another SHA-256".to_owned();
            return Err(IndexError::Content { url: url.to_string(), reason });
        }
        Ok(Some(bytes))
    }
}

/// Whether these bytes are the metadata that the index promised, as far as it promised something.
fn fits(file: &File, bytes: &[u8]) -> bool {
    match file.sidecar {
        Sidecar::Known(digest) => digest == Digest::of(bytes),
        Sidecar::There | Sidecar::Unsaid => true,
    }
}

/// A file that now has another digest than before.
fn changed(before: &Project, now: &Project) -> Option<String> {
    let known: BTreeMap<&str, Digest> =
        before.files.iter().filter_map(|file| Some((file.name.as_str(), file.sha256?))).collect();
    let mut now = now.files.iter();
    let changed = now.find(|file| {
        let known = known.get(file.name.as_str());
        known.zip(file.sha256).is_some_and(|(known, now)| *known != now)
    });
    changed.map(|file| file.name.clone())
}

fn slot<T>(memo: &Memo<T>, key: &str) -> Arc<OnceLock<Result<T, IndexError>>> {
    let mut memo = memo.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(memo.entry(key.to_owned()).or_default())
}

fn whole(answer: &mut Answer, most: u64) -> Result<Vec<u8>, RemoteError> {
    if answer.response.body().content_length().is_some_and(|announced| announced > most) {
        return Err(RemoteError::TooLarge(most));
    }
    let mut bytes = Vec::new();
    answer.body(most, |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(bytes)
}

/// For how many seconds an answer may be used without asking (RFC 9111, sections 5.2.2 and 4.2.2: where the server says
/// nothing at all, it may be guessed).
fn freshness(answer: &Answer) -> u64 {
    let Some(control) = answer.header("cache-control") else { return GUESSED_FRESH };
    let control = control.to_ascii_lowercase();
    let mut words = control.split(',').map(str::trim);
    if words.clone().any(|word| matches!(word, "no-store" | "no-cache")) {
        return 0;
    }
    let seconds = words.find_map(|word| word.strip_prefix("max-age=")?.parse().ok());
    seconds.map_or(0, |seconds: u64| seconds.min(MOST_FRESH))
}
