//! Digests of files, kept from scan to scan in one file of the cache folder.
//!
//! The file: eight bytes that name its form, records sorted by stamp, and the SHA-256 of all before it. A record is five
//! numbers of the stamp, the day of its last use and the digest, all little-endian. What is damaged, of another form or
//! missing is an empty memory: nothing but time is lost.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use weighbridge_core::cache::{Cache, Glance, Stamp};
use weighbridge_core::date::Date;
use weighbridge_core::digest::{Digest, Hasher};
use weighbridge_core::source::Source as _;

use crate::feed::atomic::replace_file;
use crate::open::file::FileSource;
use crate::recall::{Glances, Sayings, is_fresh};

const MAGIC: &[u8; 8] = b"WBDIG\0\0\x01";
const RECORD: usize = 5 * 8 + 4 + 32;
const DIGEST: usize = 32;
/// Most records that are kept: 76 MB. Those that were not used for longest go first.
const MOST: usize = 1_000_000;
/// Files beside it that keep what else scans found out; see [`recall`](crate::recall).
const GLANCES: &str = "glances";
const SAYINGS: &str = "sayings";
const PARTS: &str = "parts";
/// A smaller file is hashed sooner than looked up, in bytes.
const SMALLEST: u64 = 32 << 10;
/// A file that changed less long ago may change again without a new time: its digest is not kept, in nanoseconds.
const SETTLED: i64 = 2_000_000_000;

/// Digests of files by their stamps.
#[derive(Debug)]
pub struct Digests {
    path: PathBuf,
    /// What the files say; each is read when it is first asked for. Nothing that fills one of them may wait for another task
    /// of the pool, which could ask for the same.
    known: OnceLock<BTreeMap<Stamp, (Digest, i32)>>,
    glances: OnceLock<Glances>,
    sayings: OnceLock<Sayings>,
    /// Digests of parts of files.
    parts: OnceLock<Sayings>,
    /// Found out or used by this scan.
    used: Mutex<BTreeMap<Stamp, Digest>>,
    /// The digest of the program that runs.
    program: OnceLock<Option<Digest>>,
    today: i32,
    /// The time at which the scan began, in nanoseconds since 1970.
    now: i64,
}

impl Digests {
    /// The memory at `path`; an empty one where there is none that can be used. `now` is in nanoseconds since 1970.
    pub fn open(path: &Path, today: Date, now: i64) -> Self {
        Self {
            path: path.to_owned(),
            known: OnceLock::new(),
            glances: OnceLock::new(),
            sayings: OnceLock::new(),
            parts: OnceLock::new(),
            used: Mutex::default(),
            program: OnceLock::new(),
            today: today.days(),
            now,
        }
    }

    fn known(&self) -> &BTreeMap<Stamp, (Digest, i32)> {
        self.known
            .get_or_init(|| fs::read(&self.path).ok().and_then(|bytes| read(&bytes)).unwrap_or_default())
    }

    fn glances(&self) -> &Glances {
        self.glances.get_or_init(|| Glances::open(&self.path.with_file_name(GLANCES), self.today))
    }

    fn sayings(&self) -> &Sayings {
        self.sayings.get_or_init(|| Sayings::open(&self.path.with_file_name(SAYINGS), self.today))
    }

    fn known_parts(&self) -> &Sayings {
        self.parts.get_or_init(|| Sayings::open(&self.path.with_file_name(PARTS), self.today))
    }

    /// Whether a file with this stamp can no longer change without another one: within one tick of its file system's clock it
    /// could. A stamp that is yet to come tells of a clock that was wrong, then or now, and settles nothing.
    fn is_settled(&self, stamp: &Stamp) -> bool {
        self.now.saturating_sub(stamp.changed) >= SETTLED
    }

    /// Writes the memory back, if this scan has learnt anything.
    ///
    /// # Errors
    /// Those of the system.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        // What nobody asked for has learnt nothing.
        if let Some(glances) = self.glances.get() {
            glances.save(&path.with_file_name(GLANCES))?;
        }
        for (memory, name) in [(&self.sayings, SAYINGS), (&self.parts, PARTS)] {
            if let Some(memory) = memory.get() {
                memory.save(&path.with_file_name(name))?;
            }
        }
        let today = self.today;
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = |(stamp, digest): (&Stamp, &Digest)| self.known().get(stamp) != Some(&(*digest, today));
        if !used.iter().any(is_news) {
            return Ok(());
        }
        let mut known = self.known().clone();
        known.extend(used.iter().map(|(stamp, digest)| (*stamp, (*digest, today))));
        known.retain(|_, (_, day)| is_fresh(*day, today));
        if known.len() > MOST {
            let mut days: Vec<i32> = known.values().map(|(_, day)| *day).collect();
            days.sort_unstable();
            let oldest = days.get(days.len().saturating_sub(MOST)).copied().unwrap_or(today);
            known.retain(|_, (_, day)| *day >= oldest);
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        replace_file(path, |out| out.write_all(&written(&known)))
    }
}

/// The digest of the program that runs, which `cache` may know; none if its file has gone.
fn program(cache: &Digests) -> Option<Digest> {
    let source = FileSource::open(&std::env::current_exe().ok()?).ok()?;
    let stamp = source.stamp();
    if let Some(digest) = stamp.and_then(|stamp| cache.digest(&stamp)) {
        return Some(digest);
    }
    let mut hasher = Hasher::default();
    let mut window = vec![0; 256 << 10];
    let mut offset = 0u64;
    while offset < source.size() {
        let filled = source.read_at(offset, &mut window).ok().filter(|filled| *filled > 0)?;
        hasher.update(window.get(..filled)?);
        offset = offset.checked_add(u64::try_from(filled).ok()?)?;
    }
    let digest = hasher.finish();
    if let Some(stamp) = stamp {
        cache.learn(&stamp, digest);
    }
    Some(digest)
}

impl Cache for Digests {
    fn prepare(&self) {
        rayon::join(|| self.glances(), || rayon::join(|| self.sayings(), || self.known()));
    }

    fn program(&self) -> Option<Digest> {
        *self.program.get_or_init(|| program(self))
    }

    fn digest(&self, stamp: &Stamp) -> Option<Digest> {
        let (digest, _) = self.known().get(stamp)?;
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(*stamp, *digest);
        Some(*digest)
    }

    fn learn(&self, stamp: &Stamp, digest: Digest) {
        if stamp.size >= SMALLEST && self.is_settled(stamp) {
            self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(*stamp, digest);
        }
    }

    fn parts(&self, stamp: &Stamp, name: &Digest) -> Option<Arc<[u8]>> {
        self.known_parts().get(&part_of(stamp, name))
    }

    fn learn_parts(&self, stamp: &Stamp, name: &Digest, digests: Vec<u8>) {
        if stamp.size >= SMALLEST && self.is_settled(stamp) {
            self.known_parts().learn(&part_of(stamp, name), digests.into());
        }
    }

    fn glance(&self, stamp: &Stamp, name: &Digest) -> Option<Glance> {
        self.glances().get(stamp, name)
    }

    fn learn_glance(&self, stamp: &Stamp, name: &Digest, glance: Glance) {
        if self.is_settled(stamp) {
            self.glances().learn(stamp, name, glance);
        }
    }

    fn kept(&self, name: &Digest) -> Option<Arc<[u8]>> {
        self.sayings().get(name)
    }

    fn keep(&self, name: &Digest, said: Vec<u8>) {
        self.sayings().learn(name, said.into());
    }
}

/// The name of what is kept of parts of a file with this stamp.
fn part_of(stamp: &Stamp, name: &Digest) -> Digest {
    let Stamp { device, inode, size, modified, changed } = stamp;
    let mut hasher = Hasher::default();
    [device, inode, size].iter().for_each(|number| hasher.update(&number.to_le_bytes()));
    [modified, changed].iter().for_each(|number| hasher.update(&number.to_le_bytes()));
    hasher.update(name.as_bytes());
    hasher.finish()
}

fn written(known: &BTreeMap<Stamp, (Digest, i32)>) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for (Stamp { device, inode, size, modified, changed }, (digest, day)) in known {
        for number in [device, inode, size] {
            bytes.extend(number.to_le_bytes());
        }
        for number in [modified, changed] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(day.to_le_bytes());
        bytes.extend(digest.as_bytes());
    }
    let mut hasher = Hasher::default();
    hasher.update(&bytes);
    bytes.extend(hasher.finish().as_bytes());
    bytes
}

fn read(bytes: &[u8]) -> Option<BTreeMap<Stamp, (Digest, i32)>> {
    let (body, seal) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
    if Digest::of(body).as_bytes() != seal {
        return None;
    }
    let records = body.strip_prefix(MAGIC)?.chunks_exact(RECORD);
    records.remainder().is_empty().then(|| records.filter_map(record).collect())
}

fn record(bytes: &[u8]) -> Option<(Stamp, (Digest, i32))> {
    let number = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let time = |at: usize| Some(i64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let stamp = Stamp {
        device: number(0)?,
        inode: number(8)?,
        size: number(16)?,
        modified: time(24)?,
        changed: time(32)?,
    };
    let day = i32::from_le_bytes(*bytes.get(40..)?.first_chunk()?);
    Some((stamp, (Digest::from_bytes(*bytes.get(44..)?.first_chunk()?), day)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recall::DAYS;

    fn day() -> Date {
        Date::from_days(20_000)
    }

    fn stamp(inode: u64, size: u64, changed: i64) -> Stamp {
        Stamp { device: 1, inode, size, modified: changed, changed }
    }

    #[test]
    fn what_was_learnt_is_known_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/digests");
        let now = 10 * SETTLED;
        let memory = Digests::open(&path, day(), now);
        let (large, small, young) =
            (stamp(1, SMALLEST, 0), stamp(2, SMALLEST - 1, 0), stamp(3, SMALLEST, now - 1));
        for known in [large, small, young] {
            memory.learn(&known, Digest::of(b"x"));
        }
        memory.save(&path).unwrap();
        let memory = Digests::open(&path, day(), now);
        assert_eq!(memory.digest(&large), Some(Digest::of(b"x")));
        // Small files are not worth it, and what has just changed may change again.
        assert_eq!((memory.digest(&small), memory.digest(&young)), (None, None));
        for other in [stamp(9, SMALLEST, 0), stamp(1, SMALLEST + 1, 0), stamp(1, SMALLEST, 1)] {
            assert_eq!(memory.digest(&other), None);
        }
    }

    #[test]
    fn parts_are_known_by_stamp_and_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/digests");
        let now = 10 * SETTLED;
        let (name, other) = (Digest::of(b"shards"), Digest::of(b"tensors"));
        let (large, small, young) =
            (stamp(1, SMALLEST, 0), stamp(2, SMALLEST - 1, 0), stamp(3, SMALLEST, now - 1));
        let memory = Digests::open(&path, day(), now);
        for known in [large, small, young] {
            memory.learn_parts(&known, &name, vec![7; 64]);
        }
        memory.save(&path).unwrap();
        let memory = Digests::open(&path, day(), now);
        assert_eq!(memory.parts(&large, &name).as_deref(), Some(&[7; 64][..]));
        let Stamp { modified, .. } = large;
        let touched = Stamp { modified: modified + 1, ..large };
        for (stamp, name) in [
            (small, &name),
            (young, &name),
            (large, &other),
            (touched, &name),
            (stamp(1, SMALLEST + 1, 0), &name),
            (stamp(1, SMALLEST, 1), &name),
        ] {
            assert_eq!(memory.parts(&stamp, name), None);
        }
        // Nothing but parts was learnt, so nothing else is written.
        let names: Vec<_> =
            fs::read_dir(path.parent().unwrap()).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(names, [PARTS]);
    }

    #[test]
    fn a_wrong_clock_keeps_nothing_that_could_be_false() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digests");
        let second = 1_000_000_000;
        let (file, name) = (stamp(1, SMALLEST, 1_800_000_000 * second), Digest::of(b"shards"));
        let is_kept = |day: i32, now: i64| {
            let memory = Digests::open(&path, Date::from_days(day), now);
            memory.learn(&file, Digest::of(b"x"));
            memory.learn_parts(&file, &name, vec![7; 32]);
            memory.save(&path).unwrap();
            let memory = Digests::open(&path, Date::from_days(day), now);
            (memory.digest(&file).is_some(), memory.parts(&file, &name).is_some())
        };
        // In 1970 and before the file was changed: its change is yet to come.
        assert_eq!(is_kept(0, 0), (false, false));
        assert_eq!(is_kept(20_833, 1_799_999_999 * second), (false, false));
        // In 2100 the file is long unchanged, whatever day it is.
        assert_eq!(is_kept(47_482, 4_102_444_800 * second), (true, true));
        // What was kept on a day that is yet to come goes like what was kept too long ago, unless it is used.
        let memory = Digests::open(&path, Date::from_days(20_833), 0);
        assert!(memory.digest(&file).is_some() && memory.parts(&file, &name).is_some());
        memory.save(&path).unwrap();
        let memory = Digests::open(&path, Date::from_days(20_833 + DAYS), 0);
        assert!(memory.digest(&file).is_some() && memory.parts(&file, &name).is_some());
        let path = folder.path().join("other/digests");
        let late = Digests::open(&path, Date::from_days(47_482), 4_102_444_800 * second);
        late.learn(&file, Digest::of(b"x"));
        late.save(&path).unwrap();
        let now = Digests::open(&path, Date::from_days(20_833), 1_800_000_009 * second);
        now.learn(&stamp(2, SMALLEST, 0), Digest::of(b"y"));
        now.save(&path).unwrap();
        assert_eq!(Digests::open(&path, Date::from_days(20_833), 0).known().len(), 1);
    }

    #[test]
    fn what_is_prepared_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digests");
        let (file, name) = (stamp(1, SMALLEST, 0), Digest::of(b"name"));
        let glance = Glance { digest: None, claim: weighbridge_core::cache::Glanced::Nobody };
        let memory = Digests::open(&path, day(), 10 * SETTLED);
        memory.learn(&file, Digest::of(b"x"));
        memory.learn_glance(&file, &name, glance);
        memory.keep(&name, b"said".to_vec());
        memory.save(&path).unwrap();
        let prepared = Digests::open(&path, day(), 10 * SETTLED);
        prepared.prepare();
        for other in ["digests", GLANCES, SAYINGS] {
            fs::write(folder.path().join(other), b"broken").unwrap();
        }
        let known = |memory: &Digests| {
            (
                memory.digest(&file),
                memory.glance(&file, &name),
                memory.kept(&name).as_deref().map(<[u8]>::to_vec),
            )
        };
        assert_eq!(known(&prepared), (Some(Digest::of(b"x")), Some(glance), Some(b"said".to_vec())));
        let broken = Digests::open(&path, day(), 10 * SETTLED);
        broken.prepare();
        assert_eq!(known(&broken), (None, None, None));
    }

    #[test]
    fn the_program_is_known_by_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digests");
        let exe = std::env::current_exe().unwrap();
        let expected = Digest::of(&fs::read(&exe).unwrap());
        let memory = Digests::open(&path, day(), i64::MAX);
        assert_eq!(memory.program(), Some(expected));
        memory.save(&path).unwrap();
        let memory = Digests::open(&path, day(), i64::MAX);
        let stamp = FileSource::open(&exe).unwrap().stamp();
        if let Some(stamp) = stamp {
            assert_eq!(memory.digest(&stamp), Some(expected));
        }
        assert_eq!(memory.program(), Some(expected));
    }

    #[test]
    fn what_is_not_used_for_long_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digests");
        let now = 10 * SETTLED;
        let memory = Digests::open(&path, day(), now);
        (1..=2).for_each(|inode| memory.learn(&stamp(inode, SMALLEST, 0), Digest::of(b"x")));
        memory.save(&path).unwrap();
        let later = Date::from_days(day().days() + DAYS);
        let memory = Digests::open(&path, later, now);
        assert!(memory.digest(&stamp(1, SMALLEST, 0)).is_some());
        memory.save(&path).unwrap();
        let memory = Digests::open(&path, Date::from_days(later.days() + 1), now);
        memory.learn(&stamp(3, SMALLEST, 0), Digest::of(b"y"));
        memory.save(&path).unwrap();
        let memory = Digests::open(&path, later, now);
        let known: Vec<bool> =
            (1..=3).map(|inode| memory.digest(&stamp(inode, SMALLEST, 0)).is_some()).collect();
        assert_eq!(known, [true, false, true]);
    }

    #[test]
    fn a_damaged_memory_is_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digests");
        let memory = Digests::open(&path, day(), 10 * SETTLED);
        memory.learn(&stamp(1, SMALLEST, 0), Digest::of(b"x"));
        memory.save(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in [0, 8, 30, 60, whole.len() - 1] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            assert!(Digests::open(&path, day(), 0).known().is_empty());
        }
        fs::write(&path, &whole[..50]).unwrap();
        assert!(Digests::open(&path, day(), 0).known().is_empty());
        fs::write(&path, whole).unwrap();
        assert_eq!(Digests::open(&path, day(), 0).known().len(), 1);
    }
}
