//! The compact file of advisories: facts only, column by column, so that it packs well.
//!
//! Layout: the magic `WBADV` and a version byte, the SHA-256 of the packed bytes, the size of the unpacked ones (u32,
//! little endian), then DEFLATE. Unpacked it is a sequence of numbers (LEB128) and texts (length, then bytes; sorted
//! columns share prefixes). A reader checks the digest before it unpacks, and every count before it allocates.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use weighbridge_core::date::Date;
use weighbridge_core::digest::Digest;
use weighbridge_core::knowledge::Grade;

use crate::advisory::{Advisory, Affected, Bound, Range, RangeEvent};
use crate::index::{About, Index};
use crate::osv::Gap;
use crate::severity::{Score, Standard};

const MAGIC: &[u8; 6] = b"WBADV\x03";
/// Most unpacked bytes: all advisories of all ecosystems would fit.
const MOST_BYTES: u32 = 256 << 20;

/// In the order of their codes.
const STANDARDS: [Standard; 3] = [Standard::V30, Standard::V31, Standard::V40];

/// What a snapshot holds: of an index, all but what follows from it.
type Content = (About, Vec<Advisory>, BTreeMap<String, Date>);

/// Why a snapshot cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It is something else, or of a later version.
    #[error("not a snapshot of advisories that this version can read")]
    Foreign,
    /// It was cut off or changed.
    #[error("the snapshot of advisories is damaged: {0}")]
    Damaged(&'static str),
}

/// Writes a snapshot.
pub(crate) fn write(index: &Index) -> Vec<u8> {
    let Index { about, advisories, exploited, .. } = index;
    let mut out = Writer::default();
    out.day(Some(about.as_of));
    out.number(about.withdrawn);
    out.texts(&about.sources);
    out.sorted(&about.covered.iter().map(String::as_str).collect::<Vec<_>>());
    out.number(count(about.gaps.len()));
    for gap in &about.gaps {
        out.text(&gap.record);
        out.text(&gap.package);
        out.text(&gap.text);
    }
    let mut packages: Vec<&str> =
        advisories.iter().flat_map(|it| &it.affected).map(|it| it.package.as_str()).collect();
    packages.sort_unstable();
    packages.dedup();
    let mut versions: Vec<&str> = advisories
        .iter()
        .flat_map(|it| &it.affected)
        .flat_map(|it| {
            let events = it.ranges.iter().flat_map(|range| &range.events).map(|event| event.version.as_str());
            events.chain(it.versions.iter().map(String::as_str))
        })
        .collect();
    versions.sort_unstable();
    versions.dedup();
    let mut origins: Vec<&str> = advisories.iter().map(|it| it.source.as_str()).collect();
    origins.sort_unstable();
    origins.dedup();
    out.sorted(&origins);
    out.sorted(&packages);
    out.sorted(&versions);
    out.sorted(&advisories.iter().map(|it| it.id.as_str()).collect::<Vec<_>>());
    // A number in a sorted table; everything looked up here was put into it above.
    let at = |table: &[&str], text: &str| count(table.partition_point(|other| *other < text));
    for advisory in advisories {
        out.texts(&advisory.aliases);
    }
    for advisory in advisories {
        out.day(advisory.published);
    }
    for advisory in advisories {
        out.day(advisory.modified);
    }
    for advisory in advisories {
        match advisory.score {
            None => out.number(0),
            Some(Score { tenths, standard }) => {
                out.number(1 + STANDARDS.iter().position(|it| *it == standard).map_or(0, count));
                out.number(u64::from(tenths));
            }
        }
        out.day(advisory.exploited_since);
        out.number(u64::from(advisory.malicious));
        out.number(count(advisory.weaknesses.len()));
        advisory.weaknesses.iter().for_each(|number| out.number(u64::from(*number)));
        out.number(Grade::ALL.iter().position(|it| *it == advisory.grade).map_or(0, count));
        out.number(at(&origins, &advisory.source));
    }
    for advisory in advisories {
        out.number(count(advisory.affected.len()));
        for affected in &advisory.affected {
            out.number(at(&packages, &affected.package));
            out.number(count(affected.ranges.len()));
            for range in &affected.ranges {
                out.number(count(range.events.len()));
                for event in &range.events {
                    out.number(match event.bound {
                        Bound::Fixed => 0,
                        Bound::Introduced => 1,
                        Bound::LastAffected => 2,
                    });
                    out.number(at(&versions, &event.version));
                }
            }
            out.number(count(affected.versions.len()));
            affected.versions.iter().for_each(|version| out.number(at(&versions, version)));
        }
    }
    out.sorted(&exploited.keys().map(String::as_str).collect::<Vec<_>>());
    exploited.values().for_each(|date| out.day(Some(*date)));
    seal(&out.bytes)
}

fn seal(unpacked: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    // Writing into memory cannot fail.
    let packed = encoder.write_all(unpacked).and_then(|()| encoder.finish()).unwrap_or_default();
    let mut bytes = MAGIC.to_vec();
    bytes.extend(Digest::of(&packed).as_bytes());
    bytes.extend(u32::try_from(unpacked.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(packed);
    bytes
}

/// Reads a snapshot.
pub(crate) fn read(bytes: &[u8]) -> Result<Content, SnapshotError> {
    use SnapshotError::Damaged;
    let rest = bytes.strip_prefix(MAGIC).ok_or(SnapshotError::Foreign)?;
    let (digest, rest) = rest.split_first_chunk::<32>().ok_or(Damaged("it ends early"))?;
    let (size, packed) = rest.split_first_chunk::<4>().ok_or(Damaged("it ends early"))?;
    if Digest::of(packed).as_bytes() != digest {
        return Err(Damaged("its digest is another one"));
    }
    let size = u32::from_le_bytes(*size);
    if size > MOST_BYTES {
        return Err(Damaged("it claims to be too large"));
    }
    let mut unpacked = Vec::new();
    let most = u64::from(size).saturating_add(1);
    let mut inflater = DeflateDecoder::new(packed);
    (&mut inflater).take(most).read_to_end(&mut unpacked).map_err(|_| Damaged("it cannot be unpacked"))?;
    if unpacked.len() != usize::try_from(size).unwrap_or(usize::MAX) {
        return Err(Damaged("its size is another one"));
    }
    Reader { rest: &unpacked }.snapshot().ok_or(Damaged("its content makes no sense"))
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn number(&mut self, mut value: u64) {
        while value > 0x7f {
            self.bytes.push(0x80 | u8::try_from(value & 0x7f).unwrap_or(0));
            value >>= 7;
        }
        self.bytes.push(u8::try_from(value).unwrap_or(0));
    }

    fn text(&mut self, text: &str) {
        self.number(count(text.len()));
        self.bytes.extend(text.bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.number(count(texts.len()));
        texts.iter().for_each(|text| self.text(text));
    }

    /// 0 for none, else days since 1970 plus one; earlier days are none.
    fn day(&mut self, day: Option<Date>) {
        self.number(day.and_then(|day| u64::try_from(day.days()).ok()).map_or(0, |days| days + 1));
    }

    /// A sorted column: how much of the one before each text begins with, and the rest.
    fn sorted(&mut self, texts: &[&str]) {
        self.number(count(texts.len()));
        let mut before = "";
        for text in texts {
            let mut shared = before.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
            while !text.is_char_boundary(shared) {
                shared -= 1;
            }
            self.number(count(shared));
            self.text(text.get(shared..).unwrap_or_default());
            before = text;
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn snapshot(mut self) -> Option<Content> {
        let as_of = self.day()??;
        let withdrawn = self.number()?;
        let sources = self.texts()?;
        let covered = self.sorted()?;
        let gaps = self.many(|reader| {
            Some(Gap { record: reader.text()?, package: reader.text()?, text: reader.text()? })
        })?;
        let origins = self.sorted()?;
        let packages = self.sorted()?;
        let versions = self.sorted()?;
        let ids = self.sorted()?;
        let mut advisories = Vec::with_capacity(ids.len());
        for id in ids {
            advisories.push(Advisory {
                id,
                aliases: self.texts()?,
                published: None,
                modified: None,
                score: None,
                exploited_since: None,
                malicious: false,
                weaknesses: Vec::new(),
                affected: Vec::new(),
                grade: Grade::Stated,
                source: String::new(),
            });
        }
        for advisory in &mut advisories {
            advisory.published = self.day()?;
        }
        for advisory in &mut advisories {
            advisory.modified = self.day()?;
        }
        for advisory in &mut advisories {
            advisory.score = match self.number()? {
                0 => None,
                code => {
                    let standard = *STANDARDS.get(usize::try_from(code).ok()?.checked_sub(1)?)?;
                    let tenths = u8::try_from(self.number()?).ok().filter(|tenths| *tenths <= 100)?;
                    Some(Score { tenths, standard })
                }
            };
            advisory.exploited_since = self.day()?;
            advisory.malicious = self.number()? != 0;
            advisory.weaknesses = self.many(|reader| u16::try_from(reader.number()?).ok())?;
            advisory.grade = *Grade::ALL.get(usize::try_from(self.number()?).ok()?)?;
            advisory.source = self.one_of(&origins)?;
        }
        for advisory in &mut advisories {
            advisory.affected = self.many(|reader| reader.affected(&packages, &versions))?;
        }
        let about = About { as_of, withdrawn, gaps, sources, covered };
        let cves = self.sorted()?;
        let mut exploited = BTreeMap::new();
        for cve in cves {
            exploited.insert(cve, self.day()??);
        }
        self.rest.is_empty().then_some((about, advisories, exploited))
    }

    fn affected(&mut self, packages: &[String], versions: &[String]) -> Option<Affected> {
        let package = self.one_of(packages)?;
        let ranges = self.many(|reader| {
            let events = reader.many(|reader| {
                let bound = match reader.number()? {
                    0 => Bound::Fixed,
                    1 => Bound::Introduced,
                    2 => Bound::LastAffected,
                    _ => return None,
                };
                Some(RangeEvent { bound, version: reader.one_of(versions)? })
            })?;
            Some(Range { events })
        })?;
        let versions = self.many(|reader| reader.one_of(versions))?;
        Some(Affected { package, ranges, versions })
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..63).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn texts(&mut self) -> Option<Vec<String>> {
        self.many(Self::text)
    }

    fn day(&mut self) -> Option<Option<Date>> {
        let number = self.number()?;
        Some(match number.checked_sub(1) {
            None => None,
            Some(days) => Some(Date::from_days(i32::try_from(days).ok()?)),
        })
    }

    fn sorted(&mut self) -> Option<Vec<String>> {
        let mut before = String::new();
        self.many(|reader| {
            let shared = usize::try_from(reader.number()?).ok()?;
            let text = before.get(..shared)?.to_owned() + &reader.text()?;
            before.clone_from(&text);
            Some(text)
        })
    }

    fn one_of(&mut self, table: &[String]) -> Option<String> {
        table.get(usize::try_from(self.number()?).ok()?).cloned()
    }

    /// A count and so many items. Each takes at least a byte, so the count cannot claim more than there is.
    fn many<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = usize::try_from(self.number()?).ok().filter(|length| *length <= self.rest.len())?;
        let mut items = Vec::with_capacity(length);
        for _ in 0..length {
            items.push(item(self)?);
        }
        Some(items)
    }
}
