//! One file of the target and everything inside it: digest, claims, readers, children.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use weighbridge_core::cache::{Cache, Glance, Glanced};
use weighbridge_core::context::Context;
use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::digest::{ClaimHasher, Claimed, Digest, Hasher};
use weighbridge_core::fact::{Altered, Fact, Included, Misnamed, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::{Class, Evidence, Place, Span};
use weighbridge_core::reader::{Claim, Family, HEAD_BYTES, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Follow, Sink, Unpacking};
use weighbridge_core::source::Source;
use weighbridge_core::world::File;

use crate::keep;
use crate::progress::Progress;
use crate::record::{self, Members};
use crate::unpack::{self, Budget, length};
use crate::work::Item;

/// Who says what only the engine can say: that something could not be opened, unpacked or digested.
pub(crate) const ENGINE: &str = "engine";

/// Bytes digested at a time.
const DIGEST_WINDOW: usize = 256 << 10;

/// A file on a server that is no larger is fetched whole and gets its digest, in bytes. Of a larger one only those
/// parts are fetched that its readers ask for; that it has no digest is no gap, because nothing that decides what
/// loading it does was left out.
const REMOTE_DIGEST_BYTES: u64 = 1 << 20;

/// What to do with a file.
pub(crate) enum Ask {
    /// Let all readers claim it.
    Claims,
    /// Let all readers claim it, and compute its digest in any case: a record names it.
    Recorded,
    /// Let all readers claim it by the name of a link; its bytes are those of this file, which these readers have
    /// read already.
    Link(File, Vec<&'static str>),
    /// Let this reader read it, whatever it claims: another file names it.
    Reader(&'static str),
    /// Only compute its digest: a record names it.
    Digest,
}

/// What came of a file.
pub(crate) struct Weighed {
    pub(crate) path: Arc<str>,
    pub(crate) file: File,
    /// What each entry says; one place may come more than once.
    pub(crate) facts: Vec<(Place, Vec<Fact>)>,
    /// Other files that it names.
    pub(crate) follows: Vec<Named>,
    /// Readers that read the file itself.
    pub(crate) ran: Vec<&'static str>,
    /// Entries inside that a reader read.
    pub(crate) inner: u64,
}

/// A file, and apart from it what it says: most say nothing, and there are very many.
pub(crate) struct Apart {
    pub(crate) path: Arc<str>,
    pub(crate) file: File,
    /// Without the file.
    pub(crate) said: Option<Box<Weighed>>,
}

/// A file that another one names.
pub(crate) struct Named {
    pub(crate) place: Place,
    pub(crate) by: &'static str,
    pub(crate) follow: Follow,
    /// It may also lie in a folder above.
    pub(crate) above: bool,
}

/// What every file is weighed with.
pub(crate) struct Scale<'scan> {
    pub(crate) readers: &'scan [&'scan dyn Reader],
    pub(crate) context: &'scan Context,
    pub(crate) progress: &'scan dyn Progress,
    /// Stands for the version of all readers; see [`version_of`].
    pub(crate) version: Digest,
}

/// What stands for the version of these readers.
pub(crate) fn version_of(readers: &[&dyn Reader]) -> Digest {
    let mut version = Hasher::default();
    version.update(concat!(env!("CARGO_PKG_VERSION"), " 1").as_bytes());
    for reader in readers {
        version.update(b"\n");
        version.update(reader.about().id.as_bytes());
    }
    version.finish()
}

impl Weighed {
    fn new(item: &Item) -> Self {
        let file = File { size: item.size, digest: Err(Unread::NotAsked) };
        Self {
            path: Arc::clone(&item.path),
            file,
            facts: Vec::new(),
            follows: Vec::new(),
            ran: Vec::new(),
            inner: 0,
        }
    }

    /// With what it says apart.
    pub(crate) fn apart(mut self) -> Apart {
        let Self { path: _, file: _, facts, follows, ran, inner } = &self;
        if facts.is_empty() && follows.is_empty() && ran.is_empty() && *inner == 0 {
            return Apart { path: self.path, file: self.file, said: None };
        }
        let file = std::mem::replace(&mut self.file, File { size: 0, digest: Err(Unread::NotAsked) });
        Apart { path: Arc::clone(&self.path), file, said: Some(Box::new(self)) }
    }

    fn unread(&mut self, place: &Place, reader: &'static str, reason: Unread) {
        self.facts.push((place.clone(), vec![unread(place, None, reader, reason)]));
    }

    fn say_all(&mut self, place: &Place, what: impl IntoIterator<Item = What>) {
        for what in what {
            self.say(place, what);
        }
    }

    /// Something that only the engine could see.
    fn say(&mut self, place: &Place, what: What) {
        let evidence = Evidence { place: place.clone(), span: None, reader: ENGINE, class: Class::Observed };
        self.facts.push((place.clone(), vec![Fact { what, evidence }]));
    }
}

/// The digest of a file, and the one by which it is compared with what somebody states of it.
struct Sums {
    digest: Hasher,
    claimed: Option<Claimed>,
    /// The digest in the form of the claim, where that is another one.
    in_form: Option<ClaimHasher>,
}

impl Sums {
    fn new(claimed: Option<Claimed>, size: u64) -> Self {
        let other = claimed.filter(|claimed| !matches!(claimed, Claimed::Sha256(_)));
        Self { digest: Hasher::default(), claimed, in_form: other.map(|claimed| claimed.hasher(size)) }
    }

    fn update(&mut self, piece: &[u8]) {
        self.digest.update(piece);
        if let Some(in_form) = &mut self.in_form {
            in_form.update(piece);
        }
    }

    /// The digest; says so where the bytes are not those that somebody states.
    fn finish(self, place: &Place, weighed: &mut Weighed) -> Digest {
        let digest = self.digest.finish();
        let found = self.in_form.map_or(Claimed::Sha256(digest), ClaimHasher::finish);
        if let Some(claimed) = self.claimed.filter(|claimed| *claimed != found) {
            weighed.say(place, What::Altered(Altered { claimed, found }));
        }
        digest
    }
}

/// The fact that something is not read.
pub(crate) fn unread(place: &Place, span: Option<Span>, reader: &'static str, reason: Unread) -> Fact {
    let evidence = Evidence { place: place.clone(), span, reader, class: Class::Observed };
    Fact { what: What::Unread(reason), evidence }
}

/// What is told of a file that a manifest takes in.
pub(crate) fn included(place: &Place, span: Option<Span>, reader: &'static str, file: Included) -> Fact {
    let evidence = Evidence { place: place.clone(), span, reader, class: Class::Declared };
    Fact { what: What::Includes(file), evidence }
}

/// Readers by what they claim of an entry.
struct Claims<'scan> {
    by_name: Vec<&'static str>,
    by_content: Vec<&'static str>,
    /// Those with the highest claim, and every reader of packages that claims at all.
    chosen: Vec<&'scan dyn Reader>,
    /// Those that failed.
    failed: Vec<&'static str>,
}

impl<'scan> Claims<'scan> {
    /// Lets one more reader read the entry.
    fn add(&mut self, reader: &'scan dyn Reader) {
        if self.chosen.iter().all(|known| known.about().id != reader.about().id) {
            self.chosen.push(reader);
        }
    }

    /// Says so where the content shows what the name does not say.
    fn misnamed(&self) -> Option<What> {
        let agrees = self.by_content.iter().all(|id| self.by_name.contains(id));
        let misnamed = || Misnamed { by_name: self.by_name.clone(), by_content: self.by_content.clone() };
        (!agrees).then(|| What::Misnamed(misnamed()))
    }
}

/// An entry inside the file that still has to be read.
struct Todo {
    parent: Arc<dyn Source>,
    /// Number of the parent among everything unpacked from this file.
    parent_number: u64,
    parent_place: Place,
    child: Child,
    depth: usize,
}

/// A stream that was unpacked for the entries in it.
struct Solid {
    unpacking: Arc<Unpacking>,
    source: Arc<dyn Source>,
    /// Not all of it could be unpacked.
    is_broken: bool,
    /// Its number among everything unpacked from the file.
    number: u64,
}

/// That a reader has read an entry, known by its bytes and not by its name alone: a container may hold two entries of
/// one name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Done {
    parent_number: u64,
    step: Arc<str>,
    /// Which part of the parent, and whether it is packed.
    part: (bool, u64, u64),
    reader: &'static str,
}

impl Todo {
    /// Those of `chosen` that have not read this entry. Two readers of one container hand out the same entries.
    fn remaining<'scan>(
        &self,
        mut chosen: Vec<&'scan dyn Reader>,
        done: &mut BTreeSet<Done>,
    ) -> Vec<&'scan dyn Reader> {
        let part = match self.child.body {
            Body::Slice { offset, size } => (false, offset, size),
            Body::Deflate { offset, size, .. } | Body::Stream { offset, size, .. } => (true, offset, size),
            Body::Bytes(_) | Body::Solid { .. } => return chosen,
        };
        let (parent_number, step) = (self.parent_number, &self.child.step);
        chosen.retain(|reader| {
            done.insert(Done { parent_number, step: Arc::clone(step), part, reader: reader.about().id })
        });
        chosen
    }
}

impl<'scan> Scale<'scan> {
    /// Weighs one file. When the scan was cancelled, what comes back is incomplete.
    pub(crate) fn weigh(&self, item: &Item, ask: &Ask) -> Weighed {
        let mut weighed = Weighed::new(item);
        if !self.context.cancel.is_cancelled() {
            self.open(item, ask, &mut weighed);
        }
        self.progress.file();
        weighed
    }

    fn open(&self, item: &Item, ask: &Ask, weighed: &mut Weighed) {
        let place = Place::file(Arc::clone(&item.path));
        if self.remembered(item, ask, &place, weighed) {
            return;
        }
        let source = match item.handle.open() {
            Ok(source) => source,
            Err(reason) => {
                weighed.file.digest = Err(reason.clone());
                weighed.unread(&place, ENGINE, reason);
                return;
            }
        };
        weighed.file.size = source.size();
        let input = self.input(&source);
        let mut head = vec![0; HEAD_BYTES.min(usize::try_from(source.size()).unwrap_or(HEAD_BYTES))];
        match input.read_some(0, &mut head) {
            Ok(filled) => head.truncate(filled),
            Err(reason) => {
                weighed.file.digest = Err(reason.clone());
                weighed.unread(&place, ENGINE, reason);
                return;
            }
        }
        let mut claims = self.claims(&Hint { path: &item.path, size: source.size(), head: &head });
        if claims.by_content.is_empty()
            && let Some(reader) = self.appended(&input, &head)
        {
            claims.by_content.push(reader.about().id);
            claims.add(reader);
        }
        let misnamed = claims.misnamed();
        let glanced = self.glanced(&claims, misnamed.is_some());
        let is_whole = glanced.is_none() && claims.failed.is_empty();
        weighed.say_all(&place, misnamed);
        for reader in claims.failed {
            weighed.unread(&place, reader, Unread::Panicked);
        }
        let mut chosen = match ask {
            Ask::Claims | Ask::Recorded | Ask::Link(..) => claims.chosen,
            Ask::Reader(id) => self.reader(id).into_iter().collect(),
            Ask::Digest => Vec::new(),
        };
        if let Ask::Link(file, ran) = ask {
            chosen.retain(|reader| !ran.contains(&reader.about().id));
            weighed.file.digest.clone_from(&file.digest);
        }
        if let Ask::Reader(id) = ask
            && chosen.is_empty()
        {
            weighed.unread(&place, ENGINE, Unread::Unsupported(format!("format `{id}`")));
        }
        let is_record = matches!(ask, Ask::Digest | Ask::Recorded);
        // What somebody states of a file is checked wherever that costs no network.
        let is_claimed = item.claimed.is_some() && !source.is_remote();
        let asked = !chosen.is_empty() || is_record || is_claimed;
        let left_alone = source.is_remote() && source.size() > REMOTE_DIGEST_BYTES && !is_record;
        let too_large = source.size() > self.context.limits.digest_bytes && !is_record && !is_claimed;
        // What is compared with a digest of another form has to be read.
        let stamp = source.stamp().filter(|_| item.claimed.is_none());
        let cache = self.context.cache.as_deref().zip(stamp);
        let remembered = || cache.and_then(|(cache, stamp)| cache.digest(&stamp));
        if weighed.file.digest == Err(Unread::NotAsked) {
            weighed.file.digest = match source.digest().or_else(|| if asked { remembered() } else { None }) {
                Some(digest) => Ok(digest),
                // Nothing is left to read for the digest.
                None if length(&head) == source.size() => {
                    let mut sums = Sums::new(item.claimed, length(&head));
                    sums.update(&head);
                    Ok(sums.finish(&place, weighed))
                }
                None if asked && left_alone => Err(Unread::NotFetched),
                None if asked && too_large => Err(Unread::NotHashed),
                None if asked => self.digest(&input, &place, item.claimed, weighed),
                None => Err(Unread::NotAsked),
            };
            if let (Some((cache, stamp)), Ok(digest)) = (cache, &weighed.file.digest) {
                cache.learn(&stamp, *digest);
            }
            if let Err(reason) = &weighed.file.digest
                && reason.is_gap()
            {
                weighed.unread(&place, ENGINE, reason.clone());
            }
        }
        drop(head);
        if let (Some(claim), Some((cache, stamp)), Ask::Claims | Ask::Recorded | Ask::Digest) =
            (glanced, cache, ask)
            && weighed.facts.is_empty()
        {
            let digest = weighed.file.digest.as_ref().ok().copied();
            cache.learn_glance(&stamp, &self.name_of(&item.path), Glance { digest, claim });
        }
        if chosen.is_empty() || self.said_before(&place, &chosen, weighed) {
            return;
        }
        let whole = cache.filter(|_| is_whole && matches!(ask, Ask::Claims | Ask::Recorded));
        let name = whole.and_then(|(cache, _)| self.whole_as(cache, weighed));
        let is_kept = match (whole, &name) {
            (Some((cache, _)), Some(name)) if self.whole_before(cache, name, weighed) => true,
            _ => {
                self.read_all(place.clone(), source, &chosen, weighed);
                self.keep(&place, &chosen, weighed);
                whole.zip(name).is_some_and(|((cache, _), name)| self.keep_whole(cache, &name, weighed))
            }
        };
        if let (Some((cache, stamp)), true, Ok(digest)) = (whole, is_kept, &weighed.file.digest) {
            let glance = Glance { digest: Some(*digest), claim: Glanced::Whole };
            cache.learn_glance(&stamp, &self.name_of(&item.path), glance);
        }
    }

    /// The name under which is kept what came of a file as a whole: it depends on the program, the limits, the path and
    /// the bytes.
    fn whole_as(&self, cache: &dyn Cache, weighed: &Weighed) -> Option<Digest> {
        let (program, digest) = (cache.program()?, weighed.file.digest.as_ref().ok()?);
        let mut name = Hasher::default();
        for part in [&program, &self.version, digest] {
            name.update(part.as_bytes());
        }
        name.update(format!("{} {:?}\n", keep::FORM, self.context.limits).as_bytes());
        name.update(weighed.path.as_bytes());
        Some(name.finish())
    }

    /// Takes what came of the same bytes before.
    fn whole_before(&self, cache: &dyn Cache, name: &Digest, weighed: &mut Weighed) -> bool {
        let Some(whole) = cache.kept(name).and_then(|bytes| keep::read(&weighed.path, &bytes)) else {
            return false;
        };
        (weighed.facts, weighed.ran, weighed.inner) = (whole.facts, whole.ran, whole.inner);
        true
    }

    /// Keeps what came of a file as a whole, if all of it can be kept; whether it was.
    fn keep_whole(&self, cache: &dyn Cache, name: &Digest, weighed: &Weighed) -> bool {
        if self.context.cancel.is_cancelled() || !weighed.follows.is_empty() {
            return false;
        }
        let said = keep::write(&weighed.facts, &weighed.ran, weighed.inner);
        said.map(|said| cache.keep(name, said)).is_some()
    }

    /// Which readers claim a file, where that can be kept.
    fn glanced(&self, claims: &Claims<'_>, is_misnamed: bool) -> Option<Glanced> {
        if is_misnamed || !claims.failed.is_empty() {
            return None;
        }
        match claims.chosen.as_slice() {
            [] => Some(Glanced::Nobody),
            [only] => only.keeper().map(|_| Glanced::Keeper),
            _ => None,
        }
    }

    /// The name under which is kept what was seen of a file: claims depend on its path and on the readers.
    fn name_of(&self, path: &str) -> Digest {
        let mut name = Hasher::default();
        name.update(self.version.as_bytes());
        name.update(path.as_bytes());
        name.finish()
    }

    /// Takes what an earlier scan has seen of the same file, without opening it; whether that is all there is.
    fn remembered(&self, item: &Item, ask: &Ask, place: &Place, weighed: &mut Weighed) -> bool {
        let Some(cache) = self.context.cache.as_deref() else { return false };
        let Some(stamp) = item.handle.stamp().filter(|_| item.claimed.is_none()) else { return false };
        if !matches!(ask, Ask::Claims | Ask::Recorded | Ask::Digest) {
            return false;
        }
        let Some(Glance { digest, claim }) = cache.glance(&stamp, &self.name_of(&item.path)) else {
            return false;
        };
        match (ask, claim, digest) {
            // A digest that nobody asks for is given where it costs nothing.
            (Ask::Claims, Glanced::Nobody, digest) => {
                if stamp.size <= length(&[0; HEAD_BYTES]) {
                    let Some(digest) = digest else { return false };
                    weighed.file.digest = Ok(digest);
                }
            }
            (Ask::Recorded, Glanced::Nobody, Some(digest)) => weighed.file.digest = Ok(digest),
            (Ask::Claims | Ask::Recorded, Glanced::Keeper, Some(digest)) => {
                let keeper = self.readers.iter().copied().filter(|reader| reader.keeper().is_some());
                let is_recorded = matches!(ask, Ask::Recorded);
                let too_large = stamp.size > self.context.limits.digest_bytes && !is_recorded;
                weighed.file.digest = Ok(digest);
                let said =
                    keeper.filter(|_| !too_large).find(|reader| self.said_before(place, &[*reader], weighed));
                if said.is_none() {
                    weighed.file.digest = Err(Unread::NotAsked);
                    return false;
                }
            }
            (Ask::Claims | Ask::Recorded, Glanced::Whole, Some(digest)) => {
                let too_large =
                    stamp.size > self.context.limits.digest_bytes && !matches!(ask, Ask::Recorded);
                weighed.file.digest = Ok(digest);
                let name = self.whole_as(cache, weighed).filter(|_| !too_large);
                if !name.is_some_and(|name| self.whole_before(cache, &name, weighed)) {
                    weighed.file.digest = Err(Unread::NotAsked);
                    return false;
                }
            }
            (Ask::Digest, _, Some(digest)) => weighed.file.digest = Ok(digest),
            _ => return false,
        }
        weighed.file.size = stamp.size;
        true
    }

    /// The name under which a reader keeps what it says of a file.
    fn kept_as(&self, place: &Place, reader: &dyn Reader, weighed: &Weighed) -> Option<Digest> {
        let keeper = reader.keeper()?;
        let digest = weighed.file.digest.as_ref().ok()?;
        let mut name = Hasher::default();
        name.update(digest.as_bytes());
        name.update(keeper.version().as_bytes());
        name.update(reader.about().id.as_bytes());
        name.update(b"\n");
        name.update(place.name().as_bytes());
        Some(name.finish())
    }

    /// Takes what the only reader of a file said of the same bytes before.
    fn said_before(&self, place: &Place, chosen: &[&dyn Reader], weighed: &mut Weighed) -> bool {
        let ([reader], Some(cache)) = (chosen, self.context.cache.as_deref()) else { return false };
        let Some(name) = self.kept_as(place, *reader, weighed) else { return false };
        let said = cache.kept(&name);
        let said = said.and_then(|said| reader.keeper()?.read(&said));
        let Some(said) = said else { return false };
        let id = reader.about().id;
        let facts = said.into_iter().map(|(what, span)| {
            let evidence = Evidence { place: place.clone(), span, reader: id, class: Class::Observed };
            Fact { what, evidence }
        });
        weighed.facts.push((place.clone(), facts.collect()));
        weighed.ran = vec![id];
        true
    }

    /// Keeps what the only reader of a file has said of it.
    fn keep(&self, place: &Place, chosen: &[&dyn Reader], weighed: &Weighed) {
        let ([reader], Some(cache)) = (chosen, self.context.cache.as_deref()) else { return };
        let Some(name) = self.kept_as(place, *reader, weighed) else { return };
        // What the engine said besides, or of something inside, is not kept.
        let ([(of, facts)], true, 0) = (weighed.facts.as_slice(), weighed.follows.is_empty(), weighed.inner)
        else {
            return;
        };
        if of == place
            && let Some(said) = reader.keeper().and_then(|keeper| keeper.write(facts))
        {
            cache.keep(&name, said);
        }
    }

    /// Reads the file with `chosen`, then everything inside it. An explicit stack instead of recursion: nesting costs
    /// no stack, and an entry is unpacked only when its turn has come.
    fn read_all(&self, place: Place, source: Arc<dyn Source>, chosen: &[&dyn Reader], weighed: &mut Weighed) {
        let mut budget = Budget::new(self.context.limits, source.size());
        let mut stack = Vec::new();
        let mut done = BTreeSet::new();
        let mut solids: Vec<Solid> = Vec::new();
        let mut number = 0u64;
        let mut members = Members::of(&place);
        let is_remote = source.is_remote();
        weighed.ran = chosen.iter().map(|reader| reader.about().id).collect();
        let children = self.read(&place, &source, chosen, weighed);
        push(&mut stack, children, &source, number, &place, 1);
        drop(source);
        let file = place;
        while let Some(todo) = stack.pop() {
            if self.context.cancel.is_cancelled() {
                return;
            }
            if let Err(reason) = budget.entry() {
                // Whatever is left on the stack is what this one line stands for.
                weighed.unread(&Place::file(Arc::clone(&weighed.path)), ENGINE, reason);
                return;
            }
            let todo = match self.unpacked(todo, &mut solids, &mut number, &mut budget, weighed) {
                Some(todo) => todo,
                None => continue,
            };
            let place = todo.parent_place.step(Arc::clone(&todo.child.step));
            // Each member of a package is compared with its record, whether or not anybody reads it.
            let mut members = members.as_mut().filter(|members| todo.depth == members.depth());
            let chosen = match self.choose(&todo, &place, weighed) {
                Ok(chosen) => todo.remaining(chosen, &mut done),
                Err(reason) => {
                    members.iter_mut().for_each(|members| members.add(&todo.child.step, None));
                    weighed.unread(&place, ENGINE, reason);
                    continue;
                }
            };
            if chosen.is_empty() && (members.is_none() || is_remote) {
                members.iter_mut().for_each(|members| members.add(&todo.child.step, None));
                continue;
            }
            let Todo { parent, child, depth, .. } = todo;
            let unpacked = match unpack::whole(&parent, child.body, &mut budget, &self.context.cancel) {
                Ok(unpacked) => unpacked,
                Err(reason) => {
                    members.iter_mut().for_each(|members| members.add(&child.step, None));
                    weighed.unread(&place, ENGINE, reason);
                    continue;
                }
            };
            drop(parent);
            if let Some(members) = members {
                let is_whole = unpacked.unread.is_none() && !is_remote;
                let digest = is_whole.then(|| record::digest(&self.input(&unpacked.source))).flatten();
                members.add(&child.step, digest);
            }
            if let Some(reason) = unpacked.unread {
                weighed.unread(&place, ENGINE, reason);
            }
            if let Some(reason) = unpacked.malformed {
                weighed.say(&place, What::Malformed(reason));
            }
            if chosen.is_empty() {
                continue;
            }
            number = number.saturating_add(1);
            weighed.inner = weighed.inner.saturating_add(1);
            let children = self.read(&place, &unpacked.source, &chosen, weighed);
            push(&mut stack, children, &unpacked.source, number, &place, depth.saturating_add(1));
        }
        if let Some(found) = members.and_then(|members| members.compare(&weighed.facts)) {
            weighed.say(&file, What::MemberRecord(found));
        }
    }

    /// Puts a part of a packed stream in relation to what the stream unpacks to. A stream is unpacked when its first
    /// part is met, and goes with its last one.
    fn unpacked(
        &self,
        mut todo: Todo,
        solids: &mut Vec<Solid>,
        number: &mut u64,
        budget: &mut Budget,
        weighed: &mut Weighed,
    ) -> Option<Todo> {
        let Body::Solid { unpacking, offset, size } = &todo.child.body else { return Some(todo) };
        let (unpacking, offset, size) = (Arc::clone(unpacking), *offset, *size);
        let known = solids.iter().position(|solid| Arc::ptr_eq(&solid.unpacking, &unpacking));
        let known = match known {
            Some(known) => known,
            None => {
                solids.retain(|solid| Arc::strong_count(&solid.unpacking) > 1);
                let whole = unpack::solid(&todo.parent, &unpacking, budget, &self.context.cancel);
                let (source, reason) = match whole {
                    Ok(whole) => (whole.source, whole.unread),
                    // The other parts of the stream are not worth another try.
                    Err(reason) => (Arc::new(Vec::new()) as Arc<dyn Source>, Some(reason)),
                };
                let is_broken = reason.is_some();
                if let Some(reason) = reason {
                    weighed.unread(&todo.parent_place, ENGINE, reason);
                }
                *number = number.saturating_add(1);
                solids.push(Solid { unpacking, source, is_broken, number: *number });
                solids.len().saturating_sub(1)
            }
        };
        let solid = solids.get(known)?;
        // Why the stream ends early is told already, once for all that is lost with it.
        if solid.is_broken && offset >= solid.source.size() {
            return None;
        }
        todo.parent = Arc::clone(&solid.source);
        todo.parent_number = solid.number;
        todo.child.body = Body::Slice { offset, size };
        Some(todo)
    }

    /// The readers for an entry inside the file: the one that its container names, else those that claim it.
    fn choose(
        &self,
        todo: &Todo,
        place: &Place,
        weighed: &mut Weighed,
    ) -> Result<Vec<&'scan dyn Reader>, Unread> {
        let limits = self.context.limits;
        if todo.depth > limits.depth {
            let limit = u64::try_from(limits.depth).unwrap_or(u64::MAX);
            return Err(Unread::Limit(LimitKind::Depth, limit));
        }
        let child = &todo.child;
        if let Some(id) = child.reader {
            let reader = self.reader(id).ok_or_else(|| Unread::Unsupported(format!("format `{id}`")))?;
            return Ok(vec![reader]);
        }
        let head = unpack::head(&todo.parent, &child.body, HEAD_BYTES, limits, &self.context.cancel)?;
        let claims = self.claims(&Hint { path: &child.step, size: stated_size(&child.body), head: &head });
        weighed.say_all(place, claims.misnamed());
        for reader in claims.failed {
            weighed.unread(place, reader, Unread::Panicked);
        }
        let mut chosen = claims.chosen;
        chosen.retain(|reader| reader.about().family != Family::Data);
        Ok(chosen)
    }

    /// Lets each of `chosen` read one entry and returns the entries inside it.
    fn read(
        &self,
        place: &Place,
        source: &Arc<dyn Source>,
        chosen: &[&dyn Reader],
        weighed: &mut Weighed,
    ) -> Vec<Child> {
        let mut children = Vec::new();
        for reader in chosen {
            let id = reader.about().id;
            let input = self.input(source);
            let mut sink = Sink::new(place.clone(), id, self.context.limits);
            // What the sink took in before a panic is whole: every fact goes in by one push.
            let ended = catch_unwind(AssertUnwindSafe(|| reader.read(&input, &mut sink)));
            let mut outcome = sink.finish();
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => outcome.facts.push(unread(place, None, id, reason)),
                Err(_) => outcome.facts.push(unread(place, None, id, Unread::Panicked)),
            }
            weighed.facts.push((place.clone(), outcome.facts));
            children.extend(outcome.children);
            let named = |follow, above| Named { place: place.clone(), by: id, follow, above };
            weighed.follows.extend(outcome.follows.into_iter().map(|follow| named(follow, false)));
            weighed.follows.extend(outcome.sought.into_iter().map(|follow| named(follow, true)));
        }
        children
    }

    fn claims(&self, hint: &Hint<'_>) -> Claims<'scan> {
        let mut claims =
            Claims { by_name: Vec::new(), by_content: Vec::new(), chosen: Vec::new(), failed: Vec::new() };
        let mut claimed = Vec::new();
        for reader in self.readers {
            let id = reader.about().id;
            let Ok(claim) = catch_unwind(AssertUnwindSafe(|| reader.claims(hint))) else {
                claims.failed.push(id);
                continue;
            };
            if claim == Claim::ByMagic {
                claims.by_content.push(id);
            }
            if claim > Claim::No {
                claimed.push((claim, *reader));
            }
        }
        // What is claimed without a look at the content is claimed by the name. Nobody asks where the content shows nothing.
        let named = Hint { head: &[], ..*hint };
        for reader in self.readers.iter().filter(|_| !claims.by_content.is_empty()) {
            match catch_unwind(AssertUnwindSafe(|| reader.claims(&named))) {
                Ok(Claim::No) => {}
                Ok(_) => claims.by_name.push(reader.about().id),
                Err(_) if claims.failed.contains(&reader.about().id) => {}
                Err(_) => claims.failed.push(reader.about().id),
            }
        }
        // Installers go by the name alone: content that looks like something else, by chance or by intent, must not
        // keep a `RECORD` or a lock file from being read as what it is.
        let highest = claimed.iter().map(|(claim, _)| *claim).max();
        let runs = |claim: Claim, reader: &dyn Reader| {
            Some(claim) == highest || matches!(reader.about().family, Family::Package | Family::Trust)
        };
        claims.chosen = claimed
            .into_iter()
            .filter(|(claim, reader)| runs(*claim, *reader))
            .map(|(_, reader)| reader)
            .collect();
        claims
    }

    /// The reader of zip archives, if one stands behind something that nobody knows: those who open an archive look for
    /// its end first (APPNOTE 6.3.10, section 4.3.16), so that a picture may be one as well. Programs that carry an
    /// archive and formats that put a mark before one (modules of Java, extensions of browsers) are no disguise.
    fn appended(&self, input: &Input, head: &[u8]) -> Option<&'scan dyn Reader> {
        const END: usize = 22;
        const OPEN: [&[u8]; 5] = [b"MZ", b"\x7fELF", b"#!", b"JM\x01\0", b"Cr24"];
        let reader = self.reader("zip")?;
        if OPEN.iter().any(|mark| head.starts_with(mark)) {
            return None;
        }
        let at = input.size().checked_sub(length(&[0; END]))?;
        let mut end = [0; END];
        match head.last_chunk::<END>().filter(|_| length(head) == input.size()) {
            Some(last) => end = *last,
            None => input.read_exact(at, &mut end).ok()?,
        }
        let directory: &[u8; 8] = end.get(12..20)?.first_chunk()?;
        let [size, start] = [0, 4].map(|from| {
            let bytes = directory.get(from..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
            u64::from(u32::from_le_bytes(bytes))
        });
        let is_end = end.starts_with(b"PK\x05\x06") && end.ends_with(&[0, 0]);
        (is_end && size > 0 && size.saturating_add(start) <= at).then_some(reader)
    }

    /// The digest over all bytes.
    fn digest(
        &self,
        input: &Input,
        place: &Place,
        claimed: Option<Claimed>,
        weighed: &mut Weighed,
    ) -> Result<Digest, Unread> {
        let size = input.size();
        self.progress.expect(0, size);
        let mut sums = Sums::new(claimed, size);
        let mut window = vec![0; DIGEST_WINDOW.min(usize::try_from(size).unwrap_or(DIGEST_WINDOW))];
        let mut offset = 0u64;
        while offset < size {
            let filled = input.read_some(offset, &mut window)?;
            let piece = window.get(..filled).unwrap_or_default();
            if piece.is_empty() {
                return Err(Unread::Truncated { offset });
            }
            sums.update(piece);
            self.progress.bytes(length(piece));
            offset = offset.saturating_add(length(piece));
        }
        Ok(sums.finish(place, weighed))
    }

    fn input(&self, source: &Arc<dyn Source>) -> Input {
        Input::new(Arc::clone(source), self.context.limits, self.context.cancel.clone())
    }

    fn reader(&self, id: &str) -> Option<&'scan dyn Reader> {
        self.readers.iter().copied().find(|reader| reader.about().id == id)
    }
}

/// Puts children on the stack so that the first one is taken first.
fn push(
    stack: &mut Vec<Todo>,
    children: Vec<Child>,
    parent: &Arc<dyn Source>,
    parent_number: u64,
    parent_place: &Place,
    depth: usize,
) {
    stack.extend(children.into_iter().rev().map(|child| Todo {
        parent: Arc::clone(parent),
        parent_number,
        parent_place: parent_place.clone(),
        child,
        depth,
    }));
}

fn stated_size(body: &Body) -> u64 {
    match body {
        Body::Slice { size, .. } | Body::Solid { size, .. } => *size,
        Body::Deflate { unpacked, .. } => *unpacked,
        // Nobody knows before it is unpacked; not nothing.
        Body::Stream { .. } => u64::MAX,
        Body::Bytes(bytes) => length(bytes),
    }
}
