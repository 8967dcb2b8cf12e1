//! One decision not to count a finding.

use std::fmt;

use glob::{MatchOptions, Pattern};
use weighbridge_core::date::Date;
use weighbridge_core::digest::Digest;
use weighbridge_core::finding::{Finding, Subject};
use weighbridge_core::graph::NodeId;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Place;
use weighbridge_core::purl::Purl;
use weighbridge_core::report::Artifact;

/// How many days an ignore lasts from its `since` if it does not say until when.
pub const DEFAULT_DAYS: i32 = 90;

/// An ignore. It applies to a finding that meets every one of the conditions that it states; it states at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ignore {
    /// Any id of a vulnerability (`CVE-…`, `GHSA-…`, `PYSEC-…`) or the fingerprint of a finding.
    pub finding: Option<String>,
    /// Id or name of a rule.
    pub rule: Option<String>,
    /// Paths below the target; a folder stands for everything below it.
    pub path: Option<Pattern>,
    /// A package, in any version.
    pub package: Option<PackageName>,
    /// Digest of a file.
    pub digest: Option<Digest>,
    /// Why; never empty.
    pub reason: String,
    /// How long.
    pub until: Until,
    /// Where it is written, as `file:line`.
    pub location: String,
}

/// How long an ignore lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    /// Up to and including this day.
    Date(Date),
    /// For ever.
    Permanent,
}

impl Until {
    /// Whether it is over on this day.
    pub fn is_over(self, today: Date) -> bool {
        self.date().is_some_and(|date| date < today)
    }

    /// The last day, if there is one.
    pub fn date(self) -> Option<Date> {
        match self {
            Self::Date(date) => Some(date),
            Self::Permanent => None,
        }
    }
}

impl Ignore {
    /// Whether it is meant for this finding, be it expired or not. `artifacts` say which digest lies where.
    pub fn matches(&self, finding: &Finding, artifacts: &[Artifact]) -> bool {
        let meets = |condition: Option<bool>| condition.unwrap_or(true);
        let stated = self.finding.is_some()
            || self.rule.is_some()
            || self.path.is_some()
            || self.package.is_some()
            || self.digest.is_some();
        stated
            && meets(self.finding.as_deref().map(|id| is_called(finding, id)))
            && meets(self.rule.as_deref().map(|rule| {
                finding.rule.id.eq_ignore_ascii_case(rule) || finding.rule.name.eq_ignore_ascii_case(rule)
            }))
            && meets(
                self.path
                    .as_ref()
                    .map(|pattern| places(finding, artifacts).any(|place| lies_in(pattern, &place.path))),
            )
            && meets(self.package.as_ref().map(|package| is_about(finding, package)))
            && meets(self.digest.map(|digest| has_digest(finding, artifacts, digest)))
    }
}

fn is_called(finding: &Finding, id: &str) -> bool {
    let vulnerability = finding.vulnerability.as_deref();
    let names = vulnerability.into_iter().flat_map(|it| {
        let records = it.records.iter().map(|record| record.id.as_str());
        std::iter::once(it.name.as_str()).chain(records).chain(it.aliases.iter().map(String::as_str))
    });
    names.chain([finding.fingerprint.as_str()]).any(|name| name.eq_ignore_ascii_case(id))
}

/// Every place that the finding is about.
fn places<'a>(finding: &'a Finding, artifacts: &'a [Artifact]) -> impl Iterator<Item = &'a Place> {
    let subject = match &finding.subject {
        Subject::Place(place) => Some(place),
        Subject::Node(_) => None,
    };
    let location = finding.location.as_ref().map(|(place, _)| place);
    let same = artifacts.iter().filter(|artifact| match (&finding.subject, artifact.digest) {
        (Subject::Node(NodeId::Artifact(digest)), Some(found)) => *digest == found,
        _ => false,
    });
    subject.into_iter().chain(location).chain(same.map(|artifact| &artifact.place))
}

/// Whether the path or a folder above it matches.
fn lies_in(pattern: &Pattern, path: &str) -> bool {
    let options = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: false,
    };
    let folders = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
    std::iter::once(path).chain(folders).any(|path| pattern.matches_with(path, options))
}

/// Whether the finding is about a version of the package, or about a file that came in with it.
fn is_about(finding: &Finding, package: &PackageName) -> bool {
    let wanted = Purl::pypi(package, None);
    let subject = match &finding.subject {
        Subject::Node(id) => Some(id),
        Subject::Place(_) => None,
    };
    let ends = finding.paths.paths.iter().filter_map(|path| path.last());
    subject.into_iter().chain(ends).any(|id| match id {
        NodeId::Component(purl) => purl.without_version() == wanted.as_str(),
        _ => false,
    })
}

fn has_digest(finding: &Finding, artifacts: &[Artifact], digest: Digest) -> bool {
    let by_node = matches!(&finding.subject, Subject::Node(NodeId::Artifact(found)) if *found == digest);
    by_node
        || places(finding, artifacts).any(|place| {
            let same = |it: &&Artifact| it.place.path == place.path && it.digest == Some(digest);
            artifacts.iter().any(|artifact| same(&artifact))
        })
}

/// What it ignores, for messages.
impl fmt::Display for Ignore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.finding.clone(),
            self.rule.clone(),
            self.package.as_ref().map(|package| format!("package {package}")),
            self.path.as_ref().map(|path| format!("path `{path}`")),
            self.digest.map(|digest| format!("sha256:{digest}")),
        ];
        out.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}
