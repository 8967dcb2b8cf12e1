//! Digests that are kept from run to run: in every form, and only of what can no longer change unseen.

use std::fs;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use weighbridge_core::cache::{Cache, Stamp};
use weighbridge_core::coverage::Unread;
use weighbridge_core::date::Date;
use weighbridge_core::listing::{File, Is, Listing};
use weighbridge_core::opener::Handle;
use weighbridge_core::source::Source;
use weighbridge_net::digests::Digests;
use weighbridge_net::open::listing;
use weighbridge_trust::digests::Algorithm;
use weighbridge_trust::oms::{self, Choice, Hashing, Manifest, Method, SignError};
use weighbridge_trust::tensors::{self, Part};

use crate::Test;
use crate::models::choice;

pub(crate) const TESTS: &[Test] = &[
    ("memory::what was hashed is not read again in any form", what_was_hashed_is_not_read_again_in_any_form),
    ("memory::tensors are not read again", tensors_are_not_read_again),
    ("memory::a change in place with its time set back is seen", a_change_with_its_time_set_back_is_seen),
    ("memory::what has just changed is not kept", what_has_just_changed_is_not_kept),
    ("memory::what changes while it is read is not kept", what_changes_while_it_is_read_is_not_kept),
];

const FORMS: [(Method, Algorithm); 6] = [
    (Method::Files, Algorithm::Sha256),
    (Method::Files, Algorithm::Blake2b),
    (Method::Files, Algorithm::Blake3),
    (Method::Shards(30_000), Algorithm::Sha256),
    (Method::Shards(30_000), Algorithm::Blake3),
    (Method::Shards(65_536), Algorithm::Blake2b),
];

/// Large enough to be kept.
fn content() -> Vec<u8> {
    (0..100_000u32).map(|number| number.to_le_bytes()[0]).collect()
}

fn memory(folder: &Path, now: i64) -> Digests {
    Digests::open(&folder.join("digests"), Date::from_days(20_000), now)
}

/// What happens when bytes are read for the first time, and how many are.
#[derive(Default)]
struct Watch {
    count: AtomicU64,
    before: Option<Box<dyn Fn() + Send + Sync>>,
}

struct Watched<T: ?Sized>(Arc<T>, Arc<Watch>);

impl Handle for Watched<dyn Handle> {
    fn open(&self) -> Result<Arc<dyn Source>, Unread> {
        Ok(Arc::new(Watched(self.0.open()?, Arc::clone(&self.1))))
    }

    fn stamp(&self) -> Option<Stamp> {
        self.0.stamp()
    }
}

impl Source for Watched<dyn Source> {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read_at(offset, buffer)?;
        let before = self.1.count.fetch_add(u64::try_from(count).unwrap(), Ordering::SeqCst);
        if let (0, Some(act)) = (before, &self.1.before) {
            act();
        }
        Ok(count)
    }

    fn stamp(&self) -> Option<Stamp> {
        self.0.stamp()
    }

    fn is_unchanged(&self) -> bool {
        self.0.is_unchanged()
    }
}

/// The listing, and what happens when its files are read.
fn watched(model: &Path, watch: Watch) -> (Listing, Arc<Watch>) {
    let watch = Arc::new(watch);
    let mut listing = listing::list(model).unwrap();
    for item in &mut listing.items {
        if let Is::File(File { handle, .. }) = &mut item.is {
            *handle = Arc::new(Watched(Arc::clone(handle), Arc::clone(&watch)));
        }
    }
    (listing, watch)
}

fn hashing(cache: &Digests) -> Hashing<'_> {
    Hashing { cache: Some(cache), halt: &|| false, progress: &|_| {} }
}

/// What is signed, and how many bytes were read for it.
fn describe(model: &Path, choice: &Choice, cache: &Digests) -> (Manifest, u64) {
    let (listing, watch) = watched(model, Watch::default());
    let manifest = oms::describe(&listing, choice, &hashing(cache)).unwrap().manifest;
    (manifest, watch.count.load(Ordering::SeqCst))
}

fn what_was_hashed_is_not_read_again_in_any_form() {
    let (model, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["a.bin", "b.bin"] {
        fs::write(model.path().join(name), content()).unwrap();
    }
    for (method, algorithm) in FORMS {
        let choice = choice(method, algorithm);
        let cache = memory(kept.path(), i64::MAX);
        let (first, read) = describe(model.path(), &choice, &cache);
        assert_eq!(read, 200_000, "{method:?} {algorithm}");
        cache.save(&kept.path().join("digests")).unwrap();
        let (second, read) = describe(model.path(), &choice, &memory(kept.path(), i64::MAX));
        assert_eq!((second, read), (first, 0), "{method:?} {algorithm}");
    }
    // One shard that is the whole file is what a scan knows it by.
    let whole = choice(Method::Shards(1_000_000), Algorithm::Sha256);
    assert_eq!(describe(model.path(), &whole, &memory(kept.path(), i64::MAX)).1, 0);
    // Other cuts are others.
    let other = choice(Method::Shards(30_001), Algorithm::Sha256);
    assert_eq!(describe(model.path(), &other, &memory(kept.path(), i64::MAX)).1, 200_000);
    // A small file beside them is all that is read.
    fs::write(model.path().join("README.md"), "changed").unwrap();
    for (method, algorithm) in FORMS {
        let cache = memory(kept.path(), i64::MAX);
        assert_eq!(describe(model.path(), &choice(method, algorithm), &cache).1, 7, "{method:?} {algorithm}");
    }
}

fn tensors_are_not_read_again() {
    let (model, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["a.safetensors", "b.safetensors"] {
        fs::write(model.path().join(name), content()).unwrap();
    }
    let hash = |bounds: &[(u64, u64)]| {
        let (listing, watch) = watched(model.path(), Watch::default());
        let mut parts = Vec::new();
        for item in &listing.items {
            let Is::File(file) = &item.is else { panic!("a file") };
            let source = file.handle.open().unwrap();
            let part = |&(offset, size)| Part { source: Arc::clone(&source), offset, size };
            parts.extend(bounds.iter().map(part));
        }
        let cache = memory(kept.path(), i64::MAX);
        let digests: Vec<_> =
            tensors::hash(&parts, &hashing(&cache)).into_iter().map(Result::unwrap).collect();
        cache.save(&kept.path().join("digests")).unwrap();
        (digests, watch.count.load(Ordering::SeqCst))
    };
    let bounds = [(8, 100), (108, 0), (108, 50_000)];
    let (first, read) = hash(&bounds);
    assert_eq!(read, 2 * 50_100);
    assert_eq!(hash(&bounds), (first.clone(), 0));
    // Where they lie decides, not how many there are.
    let (other, read) = hash(&[(8, 100), (108, 1), (109, 49_999)]);
    assert_eq!((other[0], read), (first[0], 2 * 50_100));
    assert_ne!(other, first);
}

fn a_change_with_its_time_set_back_is_seen() {
    let (model, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = model.path().join("weights.bin");
    fs::write(&path, content()).unwrap();
    let before = stamp(model.path());
    let cache = memory(kept.path(), i64::MAX);
    let all: Vec<Manifest> = FORMS
        .iter()
        .map(|(method, algorithm)| describe(model.path(), &choice(*method, *algorithm), &cache).0)
        .collect();
    cache.save(&kept.path().join("digests")).unwrap();
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let mut changed = content();
    changed[70_000] ^= 1;
    // The kernel's clock ticks every few milliseconds.
    while stamp(model.path()).is_some_and(|now| now.changed == before.unwrap().changed) {
        fs::write(&path, &changed).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        if before.is_none() {
            break;
        }
    }
    let after = stamp(model.path());
    assert_eq!(
        after.map(|it| (it.inode, it.size, it.modified)),
        before.map(|it| (it.inode, it.size, it.modified))
    );
    for ((method, algorithm), before) in FORMS.iter().zip(all) {
        let cache = memory(kept.path(), i64::MAX);
        let (after, read) = describe(model.path(), &choice(*method, *algorithm), &cache);
        assert_eq!(read, 100_000, "{method:?} {algorithm}");
        assert_ne!(after.files, before.files, "{method:?} {algorithm}");
    }
}

/// The stamp of the one file of a model.
fn stamp(model: &Path) -> Option<Stamp> {
    match &listing::list(model).unwrap().items[0].is {
        Is::File(file) => file.handle.stamp(),
        _ => None,
    }
}

fn what_has_just_changed_is_not_kept() {
    let model = tempfile::tempdir().unwrap();
    fs::write(model.path().join("weights.bin"), content()).unwrap();
    // A system that keeps no such time keeps no digest.
    let Some(Stamp { changed, .. }) = stamp(model.path()) else { return };
    for (method, algorithm) in FORMS {
        let choice = choice(method, algorithm);
        for (after, read) in
            [(i64::MIN, 100_000), (-1, 100_000), (1_999_999_999, 100_000), (2_000_000_000, 0)]
        {
            let kept = tempfile::tempdir().unwrap();
            let now = changed.saturating_add(after);
            let cache = memory(kept.path(), now);
            describe(model.path(), &choice, &cache);
            cache.save(&kept.path().join("digests")).unwrap();
            let again = describe(model.path(), &choice, &memory(kept.path(), now)).1;
            assert_eq!(again, read, "{method:?} {algorithm}, {after} ns later");
        }
    }
}

fn what_changes_while_it_is_read_is_not_kept() {
    for (method, algorithm) in FORMS {
        let (model, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = model.path().join("weights.bin");
        fs::write(&path, content()).unwrap();
        let choice = choice(method, algorithm);
        let cache = memory(kept.path(), i64::MAX);
        let grow = path.clone();
        // It is never shorter meanwhile: another thread may read of it.
        let act = move || fs::File::options().append(true).open(&grow).unwrap().write_all(b"x").unwrap();
        let (listing, _) = watched(model.path(), Watch { before: Some(Box::new(act)), ..Watch::default() });
        let Err(SignError::Files(files)) = oms::describe(&listing, &choice, &hashing(&cache)) else {
            panic!("it is signed: {method:?} {algorithm}")
        };
        let told: Vec<String> = files.iter().map(|(path, why)| format!("{path}: {why}")).collect();
        assert_eq!(told, ["weights.bin: cannot be read: the file changed while it was read"]);
        cache.save(&kept.path().join("digests")).unwrap();
        let cache = memory(kept.path(), i64::MAX);
        if let Is::File(file) = &listing.items[0].is
            && let Some(stamp) = file.handle.stamp()
        {
            assert_eq!(cache.digest(&stamp), None);
        }
        assert_eq!(describe(model.path(), &choice, &cache).1, 100_001, "{method:?} {algorithm}");
    }
}
