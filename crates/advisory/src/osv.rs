//! Advisory records as they arrive: OSV JSON.
//!
//! Source: the OSV schema 1.7 (`id`, `aliases`, `modified`, `withdrawn`, `severity`, `affected[].ranges[].events[]`).
//! Fields that are not needed are ignored, so that new ones do no harm.

use serde::{Deserialize, Deserializer};
use weighbridge_core::date::Date;

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::knowledge::Grade;
use weighbridge_core::name::PackageName;

use crate::advisory::{Advisory, Affected, Bound, Range, RangeEvent, key};
use crate::order::Order;
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
    /// Distributions list here the CVEs that an update mends.
    #[serde(default, deserialize_with = "null_is_default")]
    related: Vec<String>,
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
    /// Of facts about libraries: how well founded they are, from where, and about which part.
    #[serde(default)]
    confidence: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    component: Option<String>,
}

/// Of which packages records are taken.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Scope {
    /// Those of the Python index.
    #[default]
    Python,
    /// Libraries, crates, and these packages of distributions (by name).
    Libraries(&'static [&'static str]),
}

/// What OSV calls the ecosystem of crates.
const CRATES: &str = concat!("crates", ".", "io");

impl Scope {
    /// The ecosystem and release of a package that is in scope.
    fn place(self, package: &OsvPackage) -> Option<(Ecosystem, String)> {
        let (ecosystem, release) = match package.ecosystem.split_once(':') {
            Some((name, release)) => (name, Some(release)),
            None => (package.ecosystem.as_str(), None),
        };
        match (self, ecosystem, release) {
            (Self::Python, "PyPI", None) => Some((Ecosystem::PyPi, String::new())),
            (Self::Libraries(_), "Native", None) => Some((Ecosystem::Native, String::new())),
            (Self::Libraries(_), CRATES, None) => Some((Ecosystem::Cargo, String::new())),
            (Self::Libraries(names), "AlmaLinux", Some(release))
                if names.contains(&package.name.as_str()) =>
            {
                Some((Ecosystem::Rpm, format!("almalinux:{release}")))
            }
            _ => None,
        }
    }
}

/// Parts that no wheel carries: programs beside the library, and servers.
fn is_elsewhere(component: &str) -> bool {
    let program = [
        "tool",
        "xmllint tool",
        "cjpeg tool",
        "server",
        "client programs",
        "shell",
        "xzgrep script",
        "python binding",
    ];
    program.contains(&component)
        || component.starts_with("minizip")
        || component.starts_with("command line tools")
}

/// What the projects themselves say is no vulnerability, or have withdrawn, although lists still name it: SQLite (`not a
/// bug`, or not in the library) and curl (withdrawn or disputed).
const DISPUTED: [&str; 12] = [
    "CVE-2019-15601",
    "CVE-2020-19909",
    "CVE-2021-23404",
    "CVE-2021-28305",
    "CVE-2021-36690",
    "CVE-2021-42169",
    "CVE-2021-45346",
    "CVE-2022-21227",
    "CVE-2022-24854",
    "CVE-2022-46908",
    "CVE-2023-32001",
    "CVE-2023-52071",
];

/// AlmaLinux publishes updates that mend defects (`ALBA`) and bring new things (`ALEA`) beside those for security (`ALSA`).
/// One that names no CVE says nothing about safety.
fn is_plain_update(record: &OsvRecord) -> bool {
    let names = record.aliases.iter().chain(&record.related);
    (record.id.starts_with("ALBA-") || record.id.starts_with("ALEA-"))
        && !names.into_iter().any(|name| name.starts_with("CVE-"))
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
pub(crate) fn parse(json: &[u8], scope: Scope) -> Result<Parsed, serde_json::Error> {
    let record: OsvRecord = serde_json::from_slice(json)?;
    if record.withdrawn.is_some() {
        return Ok(Parsed::Withdrawn);
    }
    let specific = &record.database_specific;
    let disputed = || record.aliases.iter().any(|alias| DISPUTED.contains(&alias.as_str()));
    if matches!(scope, Scope::Libraries(_))
        && (specific.component.as_deref().is_some_and(is_elsewhere) || disputed())
    {
        return Ok(Parsed::Elsewhere);
    }
    if is_plain_update(&record) {
        return Ok(Parsed::Elsewhere);
    }
    let mut gaps = Vec::new();
    let mut affected = Vec::new();
    let mut scores: Vec<Score> = record.severity.iter().filter_map(|it| severity::score(&it.score)).collect();
    for entry in record.affected {
        let Some(package) = entry.package else { continue };
        let Some((ecosystem, release)) = scope.place(&package) else { continue };
        let Ok(name) = PackageName::of(ecosystem, &package.name) else {
            gaps.push(Gap { record: record.id.clone(), package: package.name, text: "name".to_owned() });
            continue;
        };
        scores.extend(entry.severity.iter().filter_map(|it| severity::score(&it.score)));
        let key = key(ecosystem, &release, name.as_str());
        let order = Order::of(ecosystem, name.as_str());
        affected.push(understand(&record.id, &key, order, entry.ranges, entry.versions, &mut gaps));
    }
    if affected.is_empty() {
        return Ok(Parsed::Elsewhere);
    }
    let mut aliases = record.aliases;
    if matches!(scope, Scope::Libraries(_)) && aliases.is_empty() {
        aliases = record.related.into_iter().filter(|name| name.starts_with("CVE-")).collect();
    }
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
        grade: grade(record.database_specific.confidence.as_deref()),
        // Which commit and file it was says the record itself.
        source: record
            .database_specific
            .source
            .and_then(|it| it.split('@').next().map(str::to_owned))
            .unwrap_or_default(),
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
    order: Order,
    ranges: Vec<OsvRange>,
    versions: Vec<String>,
    gaps: &mut Vec<Gap>,
) -> Affected {
    let reads = |version: &str| match order {
        Order::Pep440 => range::bound(version).is_some(),
        other => other.reads(version),
    };
    let mut readable = Vec::new();
    let mut unreadable = Vec::new();
    for range in ranges.into_iter().filter(|range| range.kind == "ECOSYSTEM" || range.kind == "SEMVER") {
        let events: Vec<RangeEvent> = range.events.into_iter().flat_map(events).collect();
        let begins = events.iter().any(|event| event.bound != Bound::Fixed);
        match events.iter().find(|event| !reads(&event.version)) {
            Some(event) => unreadable.push(event.version.clone()),
            None if begins => readable.push(Range { events }),
            None => unreadable.push("a range without a beginning".to_owned()),
        }
    }
    let mut lost = Vec::new();
    let mut listed = Vec::new();
    if readable.is_empty() || !unreadable.is_empty() {
        let (versions, no_versions): (Vec<_>, Vec<_>) =
            versions.into_iter().partition(|version| order.reads(version));
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

fn grade(confidence: Option<&str>) -> Grade {
    let known = |word: &str| Grade::ALL.into_iter().find(|grade| grade.as_str() == word);
    // A word that is not known is not trusted more than the vaguest.
    confidence.map_or(Grade::Stated, |word| known(word).unwrap_or(Grade::Bisect))
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
