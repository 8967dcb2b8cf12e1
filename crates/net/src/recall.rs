//! What scans keep beside digests: which readers claimed a file, and what they said of it. One file each in the cache
//! folder.
//!
//! The files: eight bytes that name the form, records in order, and the SHA-256 of all before it. What is damaged, of
//! another form or missing is an empty memory: nothing but time is lost.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use weighbridge_core::cache::{Glance, Glanced, Stamp};
use weighbridge_core::digest::{Digest, Hasher};

use crate::feed::atomic::replace_file;

/// A record that was not used for so many days goes.
pub(crate) const DAYS: i32 = 90;
const DIGEST: usize = 32;

/// Glances at files by their stamps and the beginnings of their names.
#[derive(Debug, Default)]
pub(crate) struct Glances {
    /// Sorted by key, and so all of one file together.
    known: Vec<(Seen, (Glance, i32))>,
    /// Where the first of each file stands, by device and inode: halving would touch much memory for each of very many.
    files: HashMap<(u64, u64), usize>,
    /// Found out by this scan, or not used before today.
    news: Mutex<BTreeMap<Seen, Glance>>,
    today: i32,
}

type Seen = (Stamp, u64);

impl Glances {
    const MAGIC: &[u8; 8] = b"WBGLA\0\0\x02";
    const RECORD: usize = 5 * 8 + 8 + 4 + 1 + DIGEST;
    /// Most records that are kept: 85 MB.
    const MOST: usize = 1_000_000;

    pub(crate) fn open(path: &Path, today: i32) -> Self {
        let known = fs::read(path).ok().and_then(|bytes| Self::read(&bytes)).unwrap_or_default();
        let of = |((stamp, _), _): &(Seen, (Glance, i32))| (stamp.device, stamp.inode);
        let mut files = HashMap::with_capacity(known.len());
        for (place, known) in known.iter().enumerate() {
            files.entry(of(known)).or_insert(place);
        }
        Self { known, files, news: Mutex::default(), today }
    }

    pub(crate) fn get(&self, stamp: &Stamp, name: &Digest) -> Option<Glance> {
        let seen = (*stamp, beginning(name));
        let (glance, day) = self.find(&seen)?;
        if day != self.today {
            self.news.lock().unwrap_or_else(PoisonError::into_inner).insert(seen, glance);
        }
        Some(glance)
    }

    pub(crate) fn learn(&self, stamp: &Stamp, name: &Digest, glance: Glance) {
        let seen = (*stamp, beginning(name));
        if self.find(&seen) != Some((glance, self.today)) {
            self.news.lock().unwrap_or_else(PoisonError::into_inner).insert(seen, glance);
        }
    }

    fn find(&self, seen: &Seen) -> Option<(Glance, i32)> {
        let file = (seen.0.device, seen.0.inode);
        let first = *self.files.get(&file)?;
        let mut known = self.known.get(first..)?.iter().take_while(|(known, _)| known <= seen);
        known.find(|(known, _)| known == seen).map(|(_, found)| *found)
    }

    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        let news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        if news.is_empty() {
            return Ok(());
        }
        let mut known: BTreeMap<Seen, (Glance, i32)> = self.known.iter().copied().collect();
        known.extend(news.iter().map(|(seen, glance)| (*seen, (*glance, self.today))));
        known.retain(|_, (_, day)| is_fresh(*day, self.today));
        if known.len() > Self::MOST {
            known.retain(|_, (_, day)| *day == self.today);
        }
        let mut bytes = Self::MAGIC.to_vec();
        bytes.reserve(known.len().saturating_mul(Self::RECORD));
        for ((Stamp { device, inode, size, modified, changed }, name), (glance, day)) in known {
            for number in [device, inode, size, name] {
                bytes.extend(number.to_le_bytes());
            }
            for number in [modified, changed] {
                bytes.extend(number.to_le_bytes());
            }
            bytes.extend(day.to_le_bytes());
            let claim: u8 = match glance.claim {
                Glanced::Nobody => 0,
                Glanced::Keeper => 1,
                Glanced::Whole => 2,
            };
            let digest = glance.digest.map_or([0; DIGEST], |digest| *digest.as_bytes());
            bytes.push(u8::from(glance.digest.is_some()) | claim << 1);
            bytes.extend(digest);
        }
        seal(path, bytes)
    }

    fn read(bytes: &[u8]) -> Option<Vec<(Seen, (Glance, i32))>> {
        let records = unsealed(bytes, Self::MAGIC)?.chunks_exact(Self::RECORD);
        let is_whole = records.remainder().is_empty();
        let records: Option<Vec<_>> = records.map(Self::record).collect();
        // Those of one file must stand together, in order: looking one up ends behind its place.
        records.filter(|records| is_whole && records.is_sorted_by(|(one, _), (other, _)| one < other))
    }

    fn record(bytes: &[u8]) -> Option<(Seen, (Glance, i32))> {
        let number = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let time = |at: usize| Some(i64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let stamp = Stamp {
            device: number(0)?,
            inode: number(8)?,
            size: number(16)?,
            modified: time(32)?,
            changed: time(40)?,
        };
        let day = i32::from_le_bytes(*bytes.get(48..)?.first_chunk()?);
        let flags = *bytes.get(52)?;
        let digest = Digest::from_bytes(*bytes.get(53..)?.first_chunk()?);
        let claim = match flags >> 1 {
            0 => Glanced::Nobody,
            1 => Glanced::Keeper,
            2 => Glanced::Whole,
            _ => return None,
        };
        Some(((stamp, number(24)?), (Glance { digest: (flags & 1 == 1).then_some(digest), claim }, day)))
    }
}

/// The bytes, and the day of their last use.
type Said = (Arc<[u8]>, i32);

/// What readers said, by names that stand for all that it depends on.
#[derive(Debug, Default)]
pub(crate) struct Sayings {
    known: BTreeMap<Digest, Said>,
    /// Kept by this scan, or not used before today.
    news: Mutex<BTreeMap<Digest, Arc<[u8]>>>,
    today: i32,
}

impl Sayings {
    const MAGIC: &[u8; 8] = b"WBSAY\0\0\x01";
    /// Most bytes that are kept of one file, and of all.
    const MOST_OF_ONE: usize = 1 << 20;
    const MOST: usize = 64 << 20;

    pub(crate) fn open(path: &Path, today: i32) -> Self {
        let known = fs::read(path).ok().and_then(|bytes| Self::read(&bytes)).unwrap_or_default();
        Self { known, news: Mutex::default(), today }
    }

    pub(crate) fn get(&self, name: &Digest) -> Option<Arc<[u8]>> {
        let (said, day) = self.known.get(name)?;
        if *day != self.today {
            self.learn(name, Arc::clone(said));
        }
        Some(Arc::clone(said))
    }

    pub(crate) fn learn(&self, name: &Digest, said: Arc<[u8]>) {
        if said.len() <= Self::MOST_OF_ONE {
            self.news.lock().unwrap_or_else(PoisonError::into_inner).insert(*name, said);
        }
    }

    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        let news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        if news.is_empty() {
            return Ok(());
        }
        let mut known = self.known.clone();
        known.extend(news.iter().map(|(name, said)| (*name, (Arc::clone(said), self.today))));
        known.retain(|_, (_, day)| is_fresh(*day, self.today));
        let size: usize = known.values().map(|(said, _)| said.len()).fold(0, usize::saturating_add);
        if size > Self::MOST {
            known.retain(|_, (_, day)| *day == self.today);
        }
        let mut bytes = Self::MAGIC.to_vec();
        for (name, (said, day)) in &known {
            if bytes.len().saturating_add(said.len()) > Self::MOST {
                break;
            }
            bytes.extend(name.as_bytes());
            bytes.extend(day.to_le_bytes());
            bytes.extend(u32::try_from(said.len()).unwrap_or_default().to_le_bytes());
            bytes.extend(&**said);
        }
        seal(path, bytes)
    }

    fn read(bytes: &[u8]) -> Option<BTreeMap<Digest, Said>> {
        let mut rest = unsealed(bytes, Self::MAGIC)?;
        let mut known = BTreeMap::new();
        while !rest.is_empty() {
            let (head, behind) = rest.split_at_checked(DIGEST + 8)?;
            let name = Digest::from_bytes(*head.first_chunk()?);
            let day = i32::from_le_bytes(*head.get(DIGEST..)?.first_chunk()?);
            let size = u32::from_le_bytes(*head.last_chunk()?);
            let (said, behind) = behind.split_at_checked(usize::try_from(size).ok()?)?;
            known.insert(name, (said.into(), day));
            rest = behind;
        }
        Some(known)
    }
}

/// Whether a record of this day stays. One of a day that is yet to come was kept while the clock was wrong, and would stay for
/// ever.
pub(crate) fn is_fresh(day: i32, today: i32) -> bool {
    today.saturating_sub(day).saturating_abs() <= DAYS
}

fn beginning(name: &Digest) -> u64 {
    name.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Writes the bytes with their digest behind them.
fn seal(path: &Path, mut bytes: Vec<u8>) -> io::Result<()> {
    let mut hasher = Hasher::default();
    hasher.update(&bytes);
    bytes.extend(hasher.finish().as_bytes());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    replace_file(path, |out| out.write_all(&bytes))
}

/// The records, if the bytes are whole and of this form.
fn unsealed<'bytes>(bytes: &'bytes [u8], magic: &[u8; 8]) -> Option<&'bytes [u8]> {
    let (body, seal) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
    body.strip_prefix(magic).filter(|_| Digest::of(body).as_bytes() == seal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(inode: u64) -> Stamp {
        Stamp { device: 1, inode, size: 9, modified: -3, changed: i64::MAX }
    }

    #[test]
    fn glances_are_known_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/glances");
        let memory = Glances::open(&path, 100);
        let name = Digest::of(b"path");
        let one = Glance { digest: Some(Digest::of(b"x")), claim: Glanced::Keeper };
        let other = Glance { digest: None, claim: Glanced::Nobody };
        let whole = Glance { claim: Glanced::Whole, ..one };
        let seen = |inode| match inode {
            7 => one,
            9 => whole,
            _ => other,
        };
        (0..50).for_each(|inode| memory.learn(&stamp(inode), &name, seen(inode)));
        memory.save(&path).unwrap();
        let memory = Glances::open(&path, 100 + DAYS);
        assert_eq!(memory.get(&stamp(7), &name), Some(one));
        assert_eq!(memory.get(&stamp(8), &name), Some(other));
        assert_eq!(memory.get(&stamp(9), &name), Some(whole));
        assert_eq!(memory.get(&stamp(7), &Digest::of(b"other path")), None);
        assert_eq!(memory.get(&stamp(50), &name), None);
        // Used, they stay; the others go.
        memory.save(&path).unwrap();
        let memory = Glances::open(&path, 101 + DAYS);
        memory.learn(&stamp(90), &name, other);
        memory.save(&path).unwrap();
        let memory = Glances::open(&path, 101 + DAYS);
        assert_eq!(memory.known.len(), 4);
        assert_eq!((memory.get(&stamp(7), &name), memory.get(&stamp(10), &name)), (Some(one), None));
    }

    #[test]
    fn sayings_are_known_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sayings");
        let memory = Sayings::open(&path, 100);
        let (one, empty, large) = (Digest::of(b"1"), Digest::of(b"2"), Digest::of(b"3"));
        memory.learn(&one, b"said".as_slice().into());
        memory.learn(&empty, b"".as_slice().into());
        memory.learn(&large, vec![0; Sayings::MOST_OF_ONE + 1].into());
        memory.save(&path).unwrap();
        let memory = Sayings::open(&path, 101);
        assert_eq!(memory.get(&one).as_deref(), Some(b"said".as_slice()));
        assert_eq!(memory.get(&empty).as_deref(), Some(b"".as_slice()));
        assert_eq!(memory.get(&large), None);
    }

    #[test]
    fn a_damaged_memory_is_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memory");
        let name = Digest::of(b"1");
        let sayings = Sayings::open(&path, 100);
        sayings.learn(&name, b"said".as_slice().into());
        sayings.save(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(Sayings::open(&path, 100).get(&name), None);
        }
        fs::write(&path, &whole[..20]).unwrap();
        assert_eq!(Sayings::open(&path, 100).get(&name), None);
        // A seal is no promise that what it seals is sound.
        for body in [&whole[..whole.len() - 40], b"WBSAY\0\0\x01short".as_slice()] {
            seal(&path, body.to_vec()).unwrap();
            assert_eq!(Sayings::open(&path, 100).get(&name), None);
        }
        let glances = Glances::open(&path, 100);
        assert!(glances.known.is_empty());
        (0..2).for_each(|inode| {
            glances.learn(&stamp(inode), &name, Glance { digest: None, claim: Glanced::Nobody });
        });
        glances.save(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        let (first, second) = bytes[8..bytes.len() - DIGEST].split_at(Glances::RECORD);
        let swapped = [Glances::MAGIC.as_slice(), second, first].concat();
        seal(&path, swapped).unwrap();
        assert!(Glances::open(&path, 100).known.is_empty());
    }
}
