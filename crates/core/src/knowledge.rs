//! What others know about our components: vulnerabilities, as they match this graph.

use std::fmt;
use std::sync::Arc;

use crate::date::Date;
use crate::finding::Severity;
use crate::graph::NodeId;

/// One vulnerability or malicious package, however many records tell of it under however many names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vulnerability {
    /// The name that people know: the CVE id if there is one, else the GHSA id, else the first record's id.
    pub name: String,
    /// One row per record that tells of it, sorted by id.
    pub records: Vec<Record>,
    /// All further ids, sorted, without those of `records`.
    pub aliases: Vec<String>,
    /// By the highest CVSS base score; none where nobody rated it.
    pub severity: Option<Severity>,
    /// Highest CVSS base score times ten, 0 to 100.
    pub score: Option<u8>,
    /// The day on which CISA listed it as known to be exploited.
    pub exploited_since: Option<Date>,
    /// How likely it is to be exploited soon, where scores were imported and name it.
    pub epss: Option<Epss>,
    /// The package itself is an attack.
    pub malicious: bool,
    /// Weaknesses, as `CWE-79`, sorted.
    pub weaknesses: Vec<String>,
    /// The smallest version of the affected branch that mends it, where the records name one.
    pub fixed: Option<String>,
    /// Package URL of the package of another ecosystem whose advisories these are, where a table says that the component is the
    /// same: what a conda package is called on the Python index.
    pub inferred_from: Option<String>,
}

/// The Exploit Prediction Scoring System of FIRST: how likely a vulnerability is to be exploited within 30 days.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Epss {
    /// The probability in hundred-thousandths, 0 to 100,000.
    pub score: u32,
    /// Of all vulnerabilities so many hundred-thousandths have this score or a lower one.
    pub percentile: u32,
    /// The day of the scores.
    pub as_of: Date,
}

impl Epss {
    /// What stands for a probability of one.
    pub const ONE: u32 = 100_000;

    /// Reads a probability from 0 to 1, in hundred-thousandths.
    pub fn probability(text: &str) -> Option<u32> {
        let number: f64 = text.trim().parse().ok()?;
        if !(0.0..=1.0).contains(&number) {
            return None;
        }
        format!("{number:.5}").replace('.', "").parse().ok()
    }
}

/// One record about a vulnerability.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Record {
    /// Its id, such as `PYSEC-2023-175`.
    pub id: String,
    /// The day of its last change.
    pub modified: Option<Date>,
    /// How this record matched: by what it says of versions.
    pub matched: Matched,
    /// How well founded the bounds of its ranges are.
    pub grade: Grade,
    /// Where its facts about versions come from, where it is not the database that its id names.
    pub source: Option<String>,
}

/// How well founded the versions of a record are, best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Grade {
    /// A record about packages of an ecosystem or a distribution, in its own versions.
    Stated,
    /// Ranges by those who maintain the library.
    Exact,
    /// The release that mends it, by the notes or the history of the library; when it began is not said.
    FixedOnly,
    /// Ranges of CPE data, or by others than those who maintain the library.
    Cpe,
    /// A version named in a sentence, often merely the one that was tested.
    Text,
    /// The first sound build of somebody who packages the library: the true fix may be earlier.
    Bound,
    /// Releases between which a fuzzer's search by halves found it.
    Bisect,
}

impl Grade {
    /// All, best first.
    pub const ALL: [Self; 7] =
        [Self::Stated, Self::Exact, Self::FixedOnly, Self::Cpe, Self::Text, Self::Bound, Self::Bisect];

    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stated => "stated",
            Self::Exact => "exact",
            Self::FixedOnly => "fixed-only",
            Self::Cpe => "cpe",
            Self::Text => "text",
            Self::Bound => "bound",
            Self::Bisect => "bisect",
        }
    }

    /// Whether it only says that something may be affected.
    pub fn is_vague(self) -> bool {
        self >= Self::Text
    }
}

/// How a record matched a version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Matched {
    /// The version lies in one of its ranges.
    Range,
    /// The version lies in a range of which a bound had to be repaired before it could be read.
    RepairedRange,
    /// The version stands in its list of versions; no range of it can be read.
    List,
}

/// What an index of packages says of a component, where that is not merely that it is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// What it says.
    pub kind: StandingKind,
    /// Why, in the words of the index; none where it gives no reason.
    pub reason: Option<String>,
    /// Who says so: the address of the index.
    pub index: String,
}

/// How a package stands with an index, the best first (PEP 592, PEP 792).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum StandingKind {
    /// Nothing new will come of the project.
    Archived,
    /// The project is obsolete, or superseded.
    Deprecated,
    /// The project is there and this version of it is not, or not any more.
    Missing,
    /// The version was taken back by its publisher.
    Yanked,
    /// The project must not be installed.
    Quarantined,
}

/// A vulnerability that matches a component of the graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Match {
    /// The component.
    pub component: NodeId,
    /// The vulnerability.
    pub vulnerability: Arc<Vulnerability>,
}

/// Why no advisory could be matched to a component. Not being vulnerable is something else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Unassessed {
    /// Nothing says which version it is.
    NoVersion,
    /// Its version cannot be compared.
    UnreadableVersion,
    /// A distribution has built and patched it, and nothing says which package of the distribution it is. How many
    /// vulnerabilities the version of its authors has, of which the distribution may have mended any.
    DistributionBuild(u32),
    /// It is part of a module, which has several streams with versions of their own, and the data do not say of which they speak.
    Module,
    /// The data hold nothing about this package, neither good nor bad.
    NoData,
}

impl Unassessed {
    /// The reason alone.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoVersion => "nothing says which version it is",
            Self::UnreadableVersion => "its version cannot be compared",
            Self::DistributionBuild(_) => "built and patched by a distribution",
            Self::Module => "part of a module, and the data do not say of which of its streams they speak",
            Self::NoData => "no advisory data",
        }
    }
}

impl fmt::Display for Unassessed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DistributionBuild(possible) => write!(
                out,
                "{}, no one says as which package (the version of its authors has {possible} known {}, which may be \
                 mended)",
                self.as_str(),
                if *possible == 1 { "vulnerability" } else { "vulnerabilities" },
            ),
            reason => out.write_str(reason.as_str()),
        }
    }
}

/// Which advisories a scan knew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdvisoryData {
    /// The day up to which they are complete.
    pub as_of: Date,
    /// Records that can match.
    pub records: u64,
    /// Where they come from: `embedded`, or the path of the updated data.
    pub source: String,
    /// What the user has imported beside them and this scan has used.
    pub imported: Vec<Imported>,
}

/// Data that the user has imported.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Imported {
    /// Which they are: `epss`, `exploited`, or an ecosystem, with its distribution (`deb-debian`).
    pub name: String,
    /// The day up to which they reach.
    pub as_of: Date,
    /// Records or scores.
    pub records: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_lie_between_nothing_and_one() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1", Some(100_000)),
            ("1.0", Some(100_000)),
            (" 0.97532 ", Some(97_532)),
            ("9e-05", Some(9)),
            ("0.000004", Some(0)),
            ("0.123456789", Some(12_346)),
            ("1.00001", None),
            ("-0.1", None),
            ("NaN", None),
            ("inf", None),
            ("", None),
            ("50%", None),
        ] {
            assert_eq!(Epss::probability(text), expected, "{text}");
        }
    }
}
