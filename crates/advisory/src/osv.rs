//! Advisory records as they arrive: OSV JSON.
//!
//! Source: the OSV schema 1.7 (`id`, `aliases`, `modified`, `withdrawn`, `severity`, `affected[].ranges[].events[]`).
//! Fields that are not needed are ignored, so that new ones do no harm.

use serde::{Deserialize, Deserializer};
use weighbridge_core::date::Date;

use crate::advisory::{Advisory, Affected, Bound, Range, RangeEvent};
use crate::pep440::Version;
use crate::range;
use crate::severity::{self, Score};

#[derive(Deserialize)]
struct OsvRecord {
    id: String,
    #[serde(default, deserialize_with = "null_is_default")]
    aliases: Vec<String>,
    published: Option<String>,
    modified: Option<String>,
    withdrawn: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    severity: Vec<OsvSeverity>,
    #[serde(default, deserialize_with = "null_is_default")]
    affected: Vec<OsvAffected>,
    #[serde(default, deserialize_with = "null_is_default")]
    database_specific: OsvDatabaseSpecific,
}

#[derive(Deserialize)]
struct OsvSeverity {
    #[serde(default, deserialize_with = "null_is_default")]
    score: String,
}

#[derive(Deserialize)]
struct OsvAffected {
    package: Option<OsvPackage>,
    #[serde(default, deserialize_with = "null_is_default")]
    ranges: Vec<OsvRange>,
    #[serde(default, deserialize_with = "null_is_default")]
    versions: Vec<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    severity: Vec<OsvSeverity>,
}

#[derive(Deserialize)]
struct OsvPackage {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct OsvRange {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "null_is_default")]
    events: Vec<OsvEvent>,
}

#[derive(Deserialize)]
struct OsvEvent {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
}

/// GitHub's records carry weaknesses here.
#[derive(Deserialize, Default)]
struct OsvDatabaseSpecific {
    #[serde(default, deserialize_with = "null_is_default")]
    cwe_ids: Vec<String>,
}

/// Some databases write `null` for what they do not know.
fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// What a record turned out to be.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// An advisory, and what of it cannot be understood.
    Advisory(Box<Advisory>, Vec<Gap>),
    /// It was withdrawn: it must not be reported.
    Withdrawn,
    /// It is about no package of the ecosystem.
    Elsewhere,
}

/// A part of a record that no repair made understandable, so that it can never match: a bound of a range with no list in
/// its place, an entry of a list, or, with an empty text, an entry that names no versions at all.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Gap {
    /// The record.
    pub record: String,
    /// The package, normalised.
    pub package: String,
    /// The text that is no version.
    pub text: String,
}

/// Parses one record, keeping what it says about packages of `ecosystem`.
pub(crate) fn parse(json: &[u8], ecosystem: &str) -> Result<Parsed, serde_json::Error> {
    let record: OsvRecord = serde_json::from_slice(json)?;
    if record.withdrawn.is_some() {
        return Ok(Parsed::Withdrawn);
    }
    let mut gaps = Vec::new();
    let mut affected = Vec::new();
    let mut scores: Vec<Score> = record.severity.iter().filter_map(|it| severity::score(&it.score)).collect();
    for entry in record.affected {
        let Some(package) = entry.package.filter(|package| package.ecosystem == ecosystem) else { continue };
        let Ok(package) = weighbridge_core::name::PackageName::new(&package.name) else {
            gaps.push(Gap { record: record.id.clone(), package: package.name, text: "name".to_owned() });
            continue;
        };
        scores.extend(entry.severity.iter().filter_map(|it| severity::score(&it.score)));
        affected.push(understand(&record.id, package.as_str(), entry.ranges, entry.versions, &mut gaps));
    }
    if affected.is_empty() {
        return Ok(Parsed::Elsewhere);
    }
    let mut aliases = record.aliases;
    aliases.sort();
    aliases.dedup();
    let malicious = record.id.starts_with("MAL-") || aliases.iter().any(|alias| alias.starts_with("MAL-"));
    let advisory = Advisory {
        published: record.published.as_deref().and_then(day),
        modified: record.modified.as_deref().and_then(day),
        score: scores.into_iter().max(),
        exploited_since: None,
        malicious,
        weaknesses: weaknesses(&record.database_specific.cwe_ids),
        id: record.id,
        aliases,
        affected,
    };
    Ok(Parsed::Advisory(Box::new(advisory), gaps))
}

/// Ranges where they can be read, the list of versions where one of them cannot or there is none.
fn understand(
    record: &str,
    package: &str,
    ranges: Vec<OsvRange>,
    versions: Vec<String>,
    gaps: &mut Vec<Gap>,
) -> Affected {
    let mut readable = Vec::new();
    let mut unreadable = Vec::new();
    for range in ranges.into_iter().filter(|range| range.kind == "ECOSYSTEM" || range.kind == "SEMVER") {
        let events: Vec<RangeEvent> = range.events.into_iter().flat_map(events).collect();
        let begins = events.iter().any(|event| event.bound != Bound::Fixed);
        match events.iter().find(|event| range::bound(&event.version).is_none()) {
            Some(event) => unreadable.push(event.version.clone()),
            None if begins => readable.push(Range { events }),
            None => unreadable.push("a range without a beginning".to_owned()),
        }
    }
    let mut lost = Vec::new();
    let mut listed = Vec::new();
    if readable.is_empty() || !unreadable.is_empty() {
        let (versions, no_versions): (Vec<_>, Vec<_>) =
            versions.into_iter().partition(|version| Version::parse(version).is_ok());
        lost.extend(no_versions);
        listed = versions;
        if listed.is_empty() {
            lost.extend(unreadable);
        }
    }
    if readable.is_empty() && listed.is_empty() && lost.is_empty() {
        lost.push(String::new());
    }
    gaps.extend(lost.into_iter().map(|text| Gap {
        record: record.to_owned(),
        package: package.to_owned(),
        text,
    }));
    Affected { package: package.to_owned(), ranges: readable, versions: listed }
}

fn events(event: OsvEvent) -> impl Iterator<Item = RangeEvent> {
    [
        (Bound::Fixed, event.fixed),
        (Bound::Introduced, event.introduced),
        (Bound::LastAffected, event.last_affected),
    ]
    .into_iter()
    .filter_map(|(bound, version)| Some(RangeEvent { bound, version: version? }))
}

/// The day of an RFC 3339 time in UTC.
fn day(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}

/// The numbers of `CWE-79`, sorted.
pub(crate) fn weaknesses(ids: &[String]) -> Vec<u16> {
    let mut numbers: Vec<u16> = ids
        .iter()
        .filter_map(|id| id.strip_prefix("CWE-"))
        .filter_map(|number| number.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}
