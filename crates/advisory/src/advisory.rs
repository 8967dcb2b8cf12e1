//! An advisory as facts: what the snapshot keeps of a record.

use weighbridge_core::date::Date;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::knowledge::Grade;

use crate::severity::Score;

/// One record about vulnerable or malicious packages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Advisory {
    /// Its id, such as `PYSEC-2023-175`.
    pub id: String,
    /// Other names of the same vulnerability, sorted.
    pub aliases: Vec<String>,
    /// The day on which it was published.
    pub published: Option<Date>,
    /// The day of its last change.
    pub modified: Option<Date>,
    /// Highest CVSS base score.
    pub score: Option<Score>,
    /// The day on which CISA listed it as known to be exploited.
    pub exploited_since: Option<Date>,
    /// It is about a package that is itself an attack.
    pub malicious: bool,
    /// Numbers of weaknesses (79 for CWE-79), sorted.
    pub weaknesses: Vec<u16>,
    /// Which versions of which packages.
    pub affected: Vec<Affected>,
    /// How well founded these are.
    pub grade: Grade,
    /// Where they come from, where the id does not say it; else empty.
    pub source: String,
}

/// Which versions of one package an advisory is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Affected {
    /// Normalised name; outside of Python with its ecosystem before it, see [`key`].
    pub package: String,
    /// Ranges; each of their events can be read, if need be after repair.
    pub ranges: Vec<Range>,
    /// Single versions; only where there is no range, or one that cannot be read.
    pub versions: Vec<String>,
}

impl Affected {
    /// Whether it speaks of packages of a module.
    pub(crate) fn is_of_module(&self) -> bool {
        let events = self.ranges.iter().flat_map(|range| &range.events);
        events.map(|event| &event.version).chain(&self.versions).any(|version| is_modular(version))
    }
}

/// A range of versions, as events in any order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Range {
    /// The events.
    pub events: Vec<RangeEvent>,
}

/// Where a vulnerability begins or ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RangeEvent {
    /// Which of the two.
    pub bound: Bound,
    /// The version as the record writes it.
    pub version: String,
}

/// Kinds of event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Bound {
    /// No longer vulnerable from here.
    Fixed,
    /// Vulnerable from here.
    Introduced,
    /// No longer vulnerable after this.
    LastAffected,
}

/// What a package is called in an index: a Python package by its name, all others with the type of their package URLs and
/// the release of their distribution before it (`generic/openssl`, `rpm/almalinux:8/libxcb`).
pub fn key(ecosystem: Ecosystem, release: &str, name: &str) -> String {
    match (ecosystem, release) {
        (Ecosystem::PyPi, _) => name.to_owned(),
        (_, "") => format!("{ecosystem}/{name}"),
        _ => format!("{ecosystem}/{release}/{name}"),
    }
}

/// What a complete set about Python covers.
pub(crate) const ALL_OF_PYTHON: &str = "pypi/";

/// To which set of imported records a package belongs: its ecosystem, and its distribution if it has one (`pypi`, `cargo`,
/// `deb-debian`). A new import of a set takes the place of the earlier one.
pub fn set(key: &str) -> String {
    match key.split('/').collect::<Vec<_>>()[..] {
        [ecosystem, release, _] => {
            format!("{ecosystem}-{}", release.split(':').next().unwrap_or(release))
        }
        [ecosystem, _] => ecosystem.to_owned(),
        _ => Ecosystem::PyPi.to_string(),
    }
}

/// What a complete set covers beside the packages that its records name: the beginning of the keys of the whole release. None
/// for libraries, about which no data are complete, and for RPMs, since what tools call packages of a distribution may come
/// from an archive beside it, of which the data never speak: AlmaLinux's, which name every package that was built, cover
/// [`own`] packages alone.
pub(crate) fn covers(key: &str) -> Option<String> {
    let Some((beginning, _)) = key.rsplit_once('/') else { return Some(ALL_OF_PYTHON.to_owned()) };
    let complete = [Ecosystem::Cargo, Ecosystem::Deb, Ecosystem::Apk];
    let ecosystem = Ecosystem::of_purl_type(beginning.split('/').next()?)?;
    if beginning.starts_with("rpm/almalinux:") {
        return own(key);
    }
    complete.contains(&ecosystem).then(|| format!("{beginning}/"))
}

/// What covers the packages that a distribution has built itself, and no others: a key that is that of no package.
pub(crate) fn own(key: &str) -> Option<String> {
    key.rsplit_once('/').map(|(beginning, _)| format!("{beginning}/*"))
}

/// Whether a version is that of a package of a module of Red Hat's descendants: their build system writes it into the release.
pub fn is_modular(version: &str) -> bool {
    version.contains(".module")
}
