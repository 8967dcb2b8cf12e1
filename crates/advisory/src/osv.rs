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
    /// Since version 1.7 of the schema they list them here.
    #[serde(default, deserialize_with = "null_is_default")]
    upstream: Vec<String>,
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
    #[serde(default, deserialize_with = "null_is_default")]
    database_specific: OsvAffectedSpecific,
}

/// RustSec says here what is no vulnerability.
#[derive(Deserialize, Default)]
struct OsvAffectedSpecific {
    #[serde(default, deserialize_with = "text_or_nothing")]
    informational: Option<String>,
}

impl OsvAffectedSpecific {
    /// That nobody looks after a crate any more, or that there is something to know about it.
    fn is_no_flaw(&self) -> bool {
        matches!(self.informational.as_deref(), Some("unmaintained" | "notice"))
    }
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
    /// Everything that is known here.
    All,
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
            (Self::All, ecosystem, release) => any_place(ecosystem, release),
            _ => None,
        }
    }
}

/// The ecosystem and release that OSV calls so (OSV schema, *Defined ecosystems*). Distributions go by the id that they give
/// themselves in `os-release`.
fn any_place(ecosystem: &str, release: Option<&str>) -> Option<(Ecosystem, String)> {
    let plain = |of| Some((of, String::new()));
    match (ecosystem, release) {
        ("PyPI", None) => plain(Ecosystem::PyPi),
        ("Native", None) => plain(Ecosystem::Native),
        (CRATES, None) => plain(Ecosystem::Cargo),
        ("Debian", Some(release)) => Some((Ecosystem::Deb, format!("debian:{release}"))),
        // `22.04:LTS`; what only a subscription brings (`Pro:22.04:LTS`) is another archive.
        ("Ubuntu", Some(release)) if release.starts_with(|first: char| first.is_ascii_digit()) => {
            let release = release.split(':').next().unwrap_or(release);
            Some((Ecosystem::Deb, format!("ubuntu:{release}")))
        }
        ("Alpine", Some(release)) => {
            Some((Ecosystem::Apk, format!("alpine:{}", release.trim_start_matches('v'))))
        }
        ("AlmaLinux", Some(release)) => Some((Ecosystem::Rpm, format!("almalinux:{release}"))),
        ("Rocky Linux", Some(release)) => Some((Ecosystem::Rpm, format!("rocky:{release}"))),
        // These have no releases.
        ("Wolfi", None) => Some((Ecosystem::Apk, "wolfi".to_owned())),
        ("Chainguard", None) => Some((Ecosystem::Apk, "chainguard".to_owned())),
        _ => None,
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

/// A text; anything else says nothing.
fn text_or_nothing<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(from)? {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    })
}

/// What a record turned out to be.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// An advisory, and what of it cannot be understood.
    Advisory(Box<Advisory>, Vec<Gap>),
    /// It was withdrawn: it must not be reported. Its id, when, and of which packages it spoke.
    Withdrawn(String, Option<Date>, Vec<String>),
    /// It is about no package in scope, but about these ecosystems, as it calls them.
    Elsewhere(Vec<String>),
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
        let packages = record.affected.iter().filter_map(|entry| {
            let package = entry.package.as_ref()?;
            let (ecosystem, release) = scope.place(package)?;
            let name = PackageName::of(ecosystem, &package.name).ok()?;
            Some(key(ecosystem, &release, name.as_str()))
        });
        let changed = record.modified.or(record.withdrawn).as_deref().and_then(day);
        return Ok(Parsed::Withdrawn(record.id, changed, packages.collect()));
    }
    let specific = &record.database_specific;
    let disputed = || record.aliases.iter().any(|alias| DISPUTED.contains(&alias.as_str()));
    if matches!(scope, Scope::Libraries(_))
        && (specific.component.as_deref().is_some_and(is_elsewhere) || disputed())
    {
        return Ok(Parsed::Elsewhere(Vec::new()));
    }
    if is_plain_update(&record) {
        return Ok(Parsed::Elsewhere(Vec::new()));
    }
    let mut gaps = Vec::new();
    let mut affected = Vec::new();
    let mut elsewhere = Vec::new();
    let mut distribution = false;
    let mut scores: Vec<Score> = record.severity.iter().filter_map(|it| severity::score(&it.score)).collect();
    for entry in record.affected {
        let Some(package) = entry.package else { continue };
        if entry.database_specific.is_no_flaw() {
            continue;
        }
        let Some((ecosystem, release)) = scope.place(&package) else {
            elsewhere.push(package.ecosystem);
            continue;
        };
        distribution |= matches!(ecosystem, Ecosystem::Deb | Ecosystem::Rpm | Ecosystem::Apk);
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
        return Ok(Parsed::Elsewhere(elsewhere));
    }
    let mut aliases = record.aliases;
    let is_cve = |name: &String| name.starts_with("CVE-");
    if aliases.is_empty() && (matches!(scope, Scope::Libraries(_)) || distribution) {
        aliases = record.related.into_iter().filter(is_cve).collect();
    }
    if distribution && !aliases.iter().any(is_cve) {
        aliases.extend(record.upstream.into_iter().filter(is_cve));
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
