//! What others know about our components: vulnerabilities, as they match this graph.

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
    /// The package itself is an attack.
    pub malicious: bool,
    /// Weaknesses, as `CWE-79`, sorted.
    pub weaknesses: Vec<String>,
    /// The smallest version of the affected branch that mends it, where the records name one.
    pub fixed: Option<String>,
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

/// A vulnerability that matches a component of the graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Match {
    /// The component.
    pub component: NodeId,
    /// The vulnerability.
    pub vulnerability: Vulnerability,
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
}
