//! What the rules about packages share: how a component is called, where it shows, who brings it in.

use weighbridge_core::fact::Origin;
use weighbridge_core::finding::{Confidence, Finding, Fingerprint, Severity, Status, Subject};
use weighbridge_core::graph::{Component, Edge, NodeId, Relation};
use weighbridge_core::knowledge::Epss;
use weighbridge_core::place::{Class, Evidence, Place, Span};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::World;

/// How many ways a finding tells of; `Paths::more` says when there are more.
const MOST_PATHS: usize = 64;
/// How many lines of details one finding spends on a list.
pub(super) const MOST_LINES: usize = 10;

/// A finding about a node, with the ways by which it came in. The rest is for the caller to fill in.
pub(super) fn about_node(world: &World<'_>, rule: &'static Rule, id: &NodeId, parts: &[&str]) -> Finding {
    Finding {
        rule,
        severity: rule.severity,
        confidence: Confidence::High,
        subject: Subject::Node(id.clone()),
        title: String::new(),
        details: Vec::new(),
        location: None,
        vulnerability: None,
        paths: world.routes.paths(id, MOST_PATHS),
        remedy: None,
        fingerprint: Fingerprint::new(rule, parts),
        status: Status::Open,
    }
}

/// A finding about a place.
pub(super) fn about_place(rule: &'static Rule, place: &Place, span: Option<Span>, parts: &[&str]) -> Finding {
    Finding {
        rule,
        severity: rule.severity,
        confidence: Confidence::High,
        subject: Subject::Place(place.clone()),
        title: String::new(),
        details: Vec::new(),
        location: Some((place.clone(), span)),
        vulnerability: None,
        paths: Default::default(),
        remedy: None,
        fingerprint: Fingerprint::new(rule, parts),
        status: Status::Open,
    }
}

/// What names a node over all its versions.
pub(super) fn identity(id: &NodeId) -> String {
    match id {
        NodeId::Component(purl) => purl.without_version().to_owned(),
        other => other.to_string(),
    }
}

/// The place where a person would change the component: a line of a lock file or manifest before the metadata of an
/// installed distribution.
pub(super) fn location(world: &World<'_>, id: &NodeId) -> Option<(Place, Option<Span>)> {
    let evidence = &world.graph.nodes.get(id)?.evidence;
    let rank = |evidence: &&Evidence| (evidence.class != Class::Declared, evidence.span.is_none());
    evidence.iter().min_by_key(rank).map(|evidence| (evidence.place.clone(), evidence.span.clone()))
}

/// How sure we are that this version is there: seen or fixed by a file, or only concluded.
pub(super) fn confidence(world: &World<'_>, id: &NodeId, component: &Component) -> Confidence {
    let node = world.graph.nodes.get(id);
    let best = node.and_then(|node| node.evidence.iter().map(|evidence| evidence.class).min());
    let founded = best.is_some_and(|class| class <= Class::Declared);
    if founded && (is_from_index(component) || component.is_of_system()) {
        Confidence::High
    } else {
        Confidence::Medium
    }
}

/// Whether the package comes from an index, so that its name and version mean what advisories mean by them.
pub(super) fn is_from_index(component: &Component) -> bool {
    component.origins.is_empty() || component.origins.contains(&Origin::Index)
}

/// The packages that carry this one inside themselves, where that is the only way in which it is there.
pub(super) fn carriers<'w>(world: &World<'w>, id: &NodeId, component: &Component) -> Vec<&'w NodeId> {
    let is_asked_for = || world.routes.incoming(id).any(|edge| edge.relation == Relation::DependsOn);
    if component.installed || is_asked_for() {
        return Vec::new();
    }
    let carried =
        |edge: &&Edge| edge.relation == Relation::Contains && matches!(edge.from, NodeId::Component(_));
    world.routes.incoming(id).filter(carried).map(|edge| &edge.from).collect()
}

/// The first few of many lines, and how many more there are.
pub(super) fn shortened(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.into_iter().collect();
    let more = lines.len().saturating_sub(MOST_LINES);
    if more > 1 {
        lines.truncate(MOST_LINES);
        lines.push(format!("and {more} more"));
    }
    lines
}

/// `1 file`, `2 files`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// Sets the severity to at least this.
pub(super) fn at_least(severity: Severity, least: Severity) -> Severity {
    severity.max(least)
}

/// Whether the path lies below the folder; everything lies below the empty one.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// How likely it is to be exploited soon, in a sentence.
pub(super) fn likelihood(epss: &Epss) -> String {
    let percent = |of: u32| format!("{}.{:02}%", of / 1_000, of / 10 % 100);
    format!(
        "EPSS {}: the chance that it is exploited within 30 days, above that of {} of all vulnerabilities ({})",
        percent(epss.score),
        percent(epss.percentile),
        epss.as_of
    )
}
