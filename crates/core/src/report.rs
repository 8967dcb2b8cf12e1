//! The result of a scan, complete and decided. Renderers only tell it.

use crate::coverage::Coverage;
use crate::date::Date;
use crate::digest::Digest;
use crate::fact::Effect;
use crate::finding::{Finding, Severity, Status, Subject};
use crate::graph::{Graph, NodeId, NodeKind};
use crate::knowledge::AdvisoryData;
use crate::place::{Place, Span};

/// Everything that a scan found out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// What was weighed, as the user named it.
    pub subject: Vec<String>,
    /// The day of the report.
    pub today: Date,
    /// The advisories that were known.
    pub advisories: AdvisoryData,
    /// The version of the tables by which model files are judged.
    pub tables: &'static str,
    /// What there is.
    pub graph: Graph,
    /// Model files, each with the verdict of what loading it would do; ordered by path.
    pub artifacts: Vec<Artifact>,
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
    /// What was read and what was not.
    pub coverage: Coverage,
    /// What else the policy has to say, such as ignores that match nothing any more.
    pub notes: Vec<Note>,
    /// Counts for the summary line.
    pub totals: Totals,
    /// The severity from which an open finding fails the policy.
    pub fail_on: Severity,
    /// The probability of exploitation from which an open finding fails the policy whatever its severity, in
    /// hundred-thousandths; none where the policy names none.
    pub fail_on_epss: Option<u32>,
    /// The verdict.
    pub verdict: Verdict,
}

impl Report {
    /// Whether a finding makes the verdict `fail`.
    pub fn fails(&self, finding: &Finding) -> bool {
        finding.status == Status::Open && finding.reaches(self.fail_on, self.fail_on_epss)
    }

    /// Where a finding shows: its own location, else the place that it is about, else where its subject was first met.
    pub fn location<'a>(&'a self, finding: &'a Finding) -> Option<(&'a Place, Option<&'a Span>)> {
        if let Some((place, span)) = &finding.location {
            return Some((place, span.as_ref()));
        }
        match &finding.subject {
            Subject::Place(place) => Some((place, None)),
            Subject::Node(id) => {
                let node = self.graph.nodes.get(id)?;
                match (&node.kind, node.evidence.first()) {
                    (NodeKind::Artifact { places, .. }, _) => Some((places.first()?, None)),
                    (_, evidence) => evidence.map(|it| (&it.place, it.span.as_ref())),
                }
            }
        }
    }
}

/// How a scan ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// Everything was read and nothing fails the policy.
    Pass,
    /// The policy fails.
    Fail,
    /// Nothing that was read fails the policy, but not everything could be read.
    Incomplete,
}

impl Verdict {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Incomplete => "incomplete",
        }
    }

    /// The exit code that belongs to it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Incomplete => 4,
        }
    }
}

/// A model file and what loading it would do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Artifact {
    /// Path below the target.
    pub place: Place,
    /// Format id.
    pub format: &'static str,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the whole file; none when it could not be read to the end.
    pub digest: Option<Digest>,
    /// The installed package that brought the file along, where its record has this path and this digest.
    pub owner: Option<NodeId>,
    /// The verdict over all inner parts.
    pub safety: Safety,
    /// Every effect of loading it, in the order of places and offsets.
    pub effects: Vec<JudgedEffect>,
}

/// What loading a model file would do. Ordered from best to worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Safety {
    /// Every effect is understood and allowed.
    Harmless,
    /// Not fully understood; never shown as harmless.
    Unread,
    /// It runs code or imports something for which nobody here can vouch.
    Untrusted,
    /// It does something that is known to be an attack.
    Dangerous,
}

impl Safety {
    /// All, the mildest first.
    pub const ALL: [Self; 4] = [Self::Harmless, Self::Unread, Self::Untrusted, Self::Dangerous];

    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Harmless => "harmless",
            Self::Unread => "unread",
            Self::Untrusted => "untrusted",
            Self::Dangerous => "dangerous",
        }
    }
}

/// An effect and what we think of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JudgedEffect {
    /// The entry that has it.
    pub place: Place,
    /// Where in the entry.
    pub span: Option<Span>,
    /// What is done.
    pub effect: Effect,
    /// What we think of it.
    pub safety: Safety,
    /// Why, in one line; empty for a harmless one.
    pub reason: String,
}

/// Something that the policy has to say besides findings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Note {
    /// What, in one line.
    pub message: String,
    /// Where in the configuration, as `file:line`.
    pub location: Option<String>,
}

/// Counts for the summary line.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Totals {
    /// Packages with a version; native libraries are counted apart.
    pub packages: u64,
    /// Requirements for which nothing says a version.
    pub unresolved: u64,
    /// Native libraries in binaries, each version once.
    pub libraries: u64,
    /// Native libraries whose version nothing in the binaries says.
    pub unversioned_libraries: u64,
    /// Libraries that were gathered for a package and that nothing shows to be one that is known.
    pub unknown_libraries: u64,
    /// Packages and libraries to which no advisory could be matched, whatever their state.
    pub unassessed: u64,
    /// Packages of operating systems, by their own databases.
    pub system_packages: u64,
    /// Python environments.
    pub environments: u64,
    /// Model files that no installed package brought along.
    pub models: u64,
    /// Bytes of these.
    pub model_bytes: u64,
    /// Model files that installed packages brought along, data of any kind in the format of one among them.
    pub packaged_models: u64,
    /// Files of data sets.
    pub data_files: u64,
    /// Bytes of these.
    pub data_bytes: u64,
    /// Files of the target.
    pub files: u64,
}
