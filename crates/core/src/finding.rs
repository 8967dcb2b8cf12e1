//! What is wrong, where, by which path it came in and what to do about it.

use std::fmt;
use std::sync::Arc;

use crate::date::Date;
use crate::digest::Hasher;
use crate::graph::{NodeId, Paths};
use crate::knowledge::Vulnerability;
use crate::name::PackageName;
use crate::place::{Place, Span};
use crate::rule::Rule;

/// How bad a finding is if it is true.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth mending at the next occasion. What nobody rated counts as medium, and says so.
    Medium,
    /// Mend it before you ship.
    High,
    /// Stop.
    Critical,
}

impl Severity {
    /// All, mildest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word used in reports and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// By a CVSS base score times ten (CVSS v3.1 section 5, v4.0 section 6: qualitative rating scale).
    pub fn from_score(tenths: u8) -> Self {
        match tenths {
            0..=39 => Self::Low,
            40..=69 => Self::Medium,
            70..=89 => Self::High,
            _ => Self::Critical,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

/// How sure we are that a finding is true, apart from how bad it would be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Confidence {
    /// A guess worth a look.
    Low,
    /// Follows from what somebody states and we did not see.
    Medium,
    /// Follows from bytes that we read.
    High,
}

impl Confidence {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What a finding is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Subject {
    /// A node of the graph, usually a component.
    Node(NodeId),
    /// An entry of the target.
    Place(Place),
}

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The rule that it breaks.
    pub rule: &'static Rule,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// What it is about.
    pub subject: Subject,
    /// What is wrong, in one line without the rule's id.
    pub title: String,
    /// What a reader of the report needs to believe it: offsets, arguments, digests. One line each.
    pub details: Vec<String>,
    /// Where exactly it shows.
    pub location: Option<(Place, Option<Span>)>,
    /// The vulnerability, if it is one.
    pub vulnerability: Option<Arc<Vulnerability>>,
    /// By which ways it came in.
    pub paths: Paths,
    /// What to do.
    pub remedy: Option<Remedy>,
    /// What stays the same while the finding is the same.
    pub fingerprint: Fingerprint,
    /// Whether it counts.
    pub status: Status,
}

impl Finding {
    /// Whether it is bad enough to fail a policy, if it counts: by its severity, or by how likely its vulnerability is to be
    /// exploited (in hundred-thousandths).
    pub fn reaches(&self, severity: Severity, epss: Option<u32>) -> bool {
        let likely = self.vulnerability.as_ref().and_then(|it| it.epss);
        self.severity >= severity
            || epss.is_some_and(|least| likely.is_some_and(|likely| likely.score >= least))
    }
}

/// What to do about a finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// Move a package to another version.
    Update {
        /// The package.
        name: PackageName,
        /// The version that is there.
        from: String,
        /// The smallest version that none of the known advisories affects.
        to: String,
        /// Requirements that exclude it: the requirer as people call it, and its specifier.
        breaks: Vec<(String, String)>,
    },
    /// Name an exact version, or a lock file.
    Pin(String),
    /// Delete something.
    Remove(String),
    /// Write something anew in a form that runs nothing.
    Convert(String),
    /// Anything else, as an instruction.
    Manual(String),
}

impl fmt::Display for Remedy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Update { name, from, to, breaks } => {
                write!(out, "{name} {from} → {to}")?;
                if let Some((requirer, specifier)) = breaks.first() {
                    write!(out, " (excluded by {requirer}: {name}{specifier}")?;
                    if breaks.len() > 1 {
                        write!(out, ", and {} more", breaks.len().saturating_sub(1))?;
                    }
                    out.write_str(")")?;
                }
                Ok(())
            }
            Self::Pin(what) | Self::Remove(what) | Self::Convert(what) | Self::Manual(what) => {
                out.write_str(what)
            }
        }
    }
}

/// Identifies a finding across scans: a digest over its rule and what it is about, not over versions or offsets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Of the rule's id and the parts that name what the finding is about.
    pub fn new(rule: &Rule, parts: &[&str]) -> Self {
        let mut hasher = Hasher::default();
        for part in std::iter::once(rule.id).chain(parts.iter().copied()) {
            hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        let digest = hasher.finish().to_string();
        Self(digest.get(..32).unwrap_or(&digest).to_owned())
    }

    /// A fingerprint read from a baseline.
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a finding counts for the verdict.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Status {
    /// It counts.
    Open,
    /// It was there when the baseline was made.
    Baseline,
    /// The policy ignores it.
    Ignored {
        /// Why.
        reason: String,
        /// Up to and including this day; none for ever.
        until: Option<Date>,
    },
    /// A VEX document that the user named says that it does not matter here.
    NotAffected {
        /// Why, and who says so.
        reason: String,
    },
}

impl Status {
    /// Why it does not count by somebody's decision, and until when; none for an open finding and one of the baseline.
    pub fn decision(&self) -> Option<(&str, Option<Date>)> {
        match self {
            Self::Open | Self::Baseline => None,
            Self::Ignored { reason, until } => Some((reason, *until)),
            Self::NotAffected { reason } => Some((reason, None)),
        }
    }

    /// The word used in reports.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Baseline => "baseline",
            Self::Ignored { .. } => "ignored",
            Self::NotAffected { .. } => "not-affected",
        }
    }
}
