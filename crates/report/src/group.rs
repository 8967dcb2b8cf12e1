//! Findings put together as a person would: the vulnerabilities of one package, the many breaches of one rule.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::finding::{Finding, Severity, Status, Subject};
use weighbridge_core::graph::NodeId;
use weighbridge_core::report::Report;

/// So many findings of one rule that are worth a block each; more become one block.
const MOST_ALIKE: usize = 3;

/// Open findings that are told together.
pub(crate) struct Block<'a> {
    /// What holds them together.
    pub(crate) kind: Kind,
    /// Whether one of them fails the policy.
    pub(crate) fails: bool,
    /// At least one, worst first.
    pub(crate) findings: Vec<&'a Finding>,
}

/// What holds the findings of a block together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// There is only one.
    Single,
    /// The same rule.
    Rule,
    /// The same file, of which several rules say something.
    Place,
    /// Vulnerabilities of the same package.
    Package,
    /// Vulnerabilities of several libraries inside the same package: one move of it mends them.
    Carrier,
}

impl<'a> Block<'a> {
    /// The worst finding.
    pub(crate) fn worst(&self) -> Option<&'a Finding> {
        self.findings.first().copied()
    }

    /// Whether somebody may have done it on purpose: anything but a package that is out of date.
    pub(crate) fn is_attack(&self) -> bool {
        let is_attack = |finding: &Finding| finding.vulnerability.as_ref().is_none_or(|it| it.malicious);
        self.worst().is_some_and(is_attack)
    }

    /// The findings by what they are about, each worst first, the worst of these first.
    pub(crate) fn by_subject(&self) -> Vec<Vec<&'a Finding>> {
        let mut order: Vec<&Subject> = Vec::new();
        let mut groups: BTreeMap<&Subject, Vec<&'a Finding>> = BTreeMap::new();
        for finding in &self.findings {
            let group = groups.entry(&finding.subject).or_default();
            if group.is_empty() {
                order.push(&finding.subject);
            }
            group.push(finding);
        }
        order.into_iter().filter_map(|subject| groups.remove(subject)).collect()
    }

    /// What to do, if it is the same for all; otherwise what to do first.
    pub(crate) fn remedy(&self, report: &Report) -> Option<String> {
        if self.kind == Kind::Carrier
            && let Some(carrier) = self.worst().and_then(|worst| carrier(report, worst))
        {
            let names: Vec<String> = self
                .by_subject()
                .iter()
                .filter_map(|findings| match &findings.first()?.subject {
                    Subject::Node(id) => Some(report.graph.component(id)?.name.to_string()),
                    Subject::Place(_) => None,
                })
                .collect();
            let name = report.graph.component(carrier).map(|it| it.name.to_string()).unwrap_or_default();
            return Some(format!("move {name} to a version with newer copies of {}", listed(&names)));
        }
        let mut remedies = self.findings.iter().filter_map(|finding| finding.remedy.as_ref());
        let first = remedies.next()?;
        let others = self.kind == Kind::Rule && remedies.any(|remedy| remedy != first);
        Some(if others { format!("{first}; likewise for the others") } else { first.to_string() })
    }
}

/// The open findings in blocks: what fails first, worst first. `alike` puts together many breaches of one rule, and what several
/// rules say of one file.
pub(crate) fn blocks<'report>(report: &'report Report, alike: bool) -> Vec<Block<'report>> {
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Key<'a> {
        Carrier(&'a NodeId),
        Package(&'a Subject),
        Rule(&'a str, bool),
        Place(&'a Subject, bool),
        Single(usize),
    }
    let open = || report.findings.iter().filter(|finding| finding.status == Status::Open);
    let by_package = |finding: &Finding| finding.vulnerability.as_ref().is_some_and(|it| !it.malicious);
    let mut breaches = BTreeMap::<(&str, bool), usize>::new();
    for finding in open().filter(|finding| !by_package(finding)) {
        *breaches.entry((finding.rule.id, report.fails(finding))).or_default() += 1;
    }
    let mut carried = BTreeMap::<&NodeId, BTreeSet<&Subject>>::new();
    for finding in open().filter(|finding| by_package(finding)) {
        if let Some(carrier) = carrier(report, finding) {
            carried.entry(carrier).or_default().insert(&finding.subject);
        }
    }
    let several = |finding| {
        carrier(report, finding).filter(|carrier| carried.get(carrier).is_some_and(|inner| inner.len() > 1))
    };
    let mut groups = BTreeMap::<Key<'_>, Vec<&Finding>>::new();
    for (at, finding) in open().enumerate() {
        let rule = (finding.rule.id, report.fails(finding));
        let key = if by_package(finding) {
            several(finding).map_or(Key::Package(&finding.subject), Key::Carrier)
        } else if alike && breaches.get(&rule).is_some_and(|count| *count > MOST_ALIKE) {
            Key::Rule(rule.0, rule.1)
        } else if alike && matches!(finding.subject, Subject::Place(_)) {
            Key::Place(&finding.subject, rule.1)
        } else {
            Key::Single(at)
        };
        groups.entry(key).or_default().push(finding);
    }
    let block = |(key, mut findings): (Key<'_>, Vec<&'report Finding>)| {
        findings.sort_by_key(|finding| Reverse(weight(finding)));
        let kind = match key {
            _ if findings.len() == 1 => Kind::Single,
            Key::Carrier(_) => Kind::Carrier,
            Key::Package(_) => Kind::Package,
            Key::Place(..) => Kind::Place,
            Key::Rule(..) | Key::Single(_) => Kind::Rule,
        };
        Block { kind, fails: findings.iter().any(|finding| report.fails(finding)), findings }
    };
    let mut blocks: Vec<Block<'_>> = groups.into_iter().map(block).collect();
    blocks.sort_by_key(|block| {
        let worst = block.worst();
        let seen = worst.map(|it| (it.severity, block.is_attack(), weight(it)));
        Reverse((block.fails, seen, block.findings.len()))
    });
    blocks
}

/// The one package inside which the subject of a finding lies, by every way that leads to it: what has to move. None for what
/// is asked for itself, and for what lies in several packages.
pub(crate) fn carrier<'report>(
    report: &'report Report,
    finding: &'report Finding,
) -> Option<&'report NodeId> {
    let is_package = |id: &NodeId| {
        let component = report.graph.component(id);
        component.is_some_and(|it| matches!(it.ecosystem, Ecosystem::PyPi | Ecosystem::Conda))
    };
    let Subject::Node(subject) = &finding.subject else { return None };
    if is_package(subject) || finding.paths.more {
        return None;
    }
    let mut carriers = finding.paths.paths.iter().map(|path| path.iter().rev().find(|id| is_package(id)));
    let first = carriers.next()??;
    carriers.all(|other| other == Some(first)).then_some(first)
}

/// What somebody asked for, and what is vulnerable behind it.
pub(crate) struct Direct<'a> {
    /// The package that a project asks for, or that lies in its environment.
    pub(crate) id: &'a NodeId,
    /// The vulnerable packages that it brings in by the shortest way, perhaps itself.
    pub(crate) packages: BTreeSet<&'a NodeId>,
    /// So many open vulnerabilities of these fail the policy.
    pub(crate) failing: usize,
    /// So many there are.
    pub(crate) vulnerabilities: usize,
}

/// The open vulnerabilities by the direct requirement through which they are reached, the one that brings most first.
pub(crate) fn by_direct(report: &Report) -> Vec<Direct<'_>> {
    let is_package = |id: &&NodeId| {
        let component = report.graph.component(id);
        component.is_some_and(|it| matches!(it.ecosystem, Ecosystem::PyPi | Ecosystem::Conda))
    };
    let mut found: BTreeMap<&NodeId, Direct<'_>> = BTreeMap::new();
    let open = report.findings.iter().filter(|finding| finding.status == Status::Open);
    for finding in open.filter(|it| it.vulnerability.as_ref().is_some_and(|it| !it.malicious)) {
        let Some(path) = shortest(finding) else { continue };
        let mut packages = path.iter().filter(is_package);
        let Some(first) = packages.next() else { continue };
        let direct = found.entry(first).or_insert_with(|| Direct {
            id: first,
            packages: BTreeSet::new(),
            failing: 0,
            vulnerabilities: 0,
        });
        direct.packages.insert(packages.next_back().unwrap_or(first));
        direct.vulnerabilities = direct.vulnerabilities.saturating_add(1);
        direct.failing = direct.failing.saturating_add(usize::from(report.fails(finding)));
    }
    let mut found: Vec<Direct<'_>> = found.into_values().collect();
    found.sort_by_key(|it| (Reverse((it.failing, it.vulnerabilities)), it.id));
    found
}

/// The way by which a finding came in that says most: the shortest that begins at a project, else the shortest at all.
pub(crate) fn shortest(finding: &Finding) -> Option<&Vec<NodeId>> {
    let paths = &finding.paths.paths;
    let from_project = |path: &&Vec<NodeId>| matches!(path.first(), Some(NodeId::Project(_)));
    paths.iter().find(from_project).or(paths.first())
}

/// `a`, `a and b`, `a, b and 3 more`.
fn listed(names: &[String]) -> String {
    /// Most names.
    const MOST: usize = 4;
    match names {
        [] => String::new(),
        [one] => one.clone(),
        names if names.len() > MOST => {
            let more = names.len().saturating_sub(MOST - 1);
            format!("{} and {more} more", names.get(..MOST - 1).unwrap_or_default().join(", "))
        }
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// What makes one vulnerability worse than another.
fn weight(finding: &Finding) -> (Severity, bool, Option<u32>, Option<u8>) {
    let vulnerability = finding.vulnerability.as_deref();
    let exploited = vulnerability.is_some_and(|it| it.exploited_since.is_some());
    let likely = vulnerability.and_then(|it| it.epss).map(|it| it.score);
    (finding.severity, exploited, likely, vulnerability.and_then(|it| it.score))
}
