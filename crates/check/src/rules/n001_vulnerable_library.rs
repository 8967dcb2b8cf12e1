//! `WB-N001`: a native library with a known vulnerability, inside a package.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::finding::{Confidence, Finding, Fingerprint, Remedy, Severity};
use weighbridge_core::graph::{Component, Graph, NodeId, Relation};
use weighbridge_core::knowledge::{Grade, Match, Vulnerability};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::dependency::{about_node, at_least, identity, likelihood, location};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-N001",
    name: "vulnerable-library",
    title: "native library with a known vulnerability inside a package",
    severity: Severity::Medium,
    since: "0.1.0",
    maps_to: &["CWE-1395", "AML.T0010", "LLM03:2025"],
    docs: include_str!("n001_vulnerable_library.md"),
};

/// Finds libraries, crates and packages of distributions that a package carries inside itself and that have a known
/// vulnerability, one finding for each of them and each vulnerability.
pub struct VulnerableLibrary;

impl Check for VulnerableLibrary {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let of = |found: &&Match| {
            world.graph.component(&found.component).is_some_and(Component::is_carried)
                && !found.vulnerability.malicious
        };
        let mut by_library: BTreeMap<&NodeId, Vec<&Match>> = BTreeMap::new();
        for found in world.matches.iter().filter(of) {
            by_library.entry(&found.component).or_default().push(found);
        }
        if by_library.is_empty() {
            return;
        }
        let known = known(world);
        for (id, matches) in by_library {
            let common = about_node(world, &RULE, id, &[]);
            let carriers = carriers(world, id);
            for found in matches {
                let vulnerability = &found.vulnerability;
                // What the advisories of the package itself say is told there, with the version that mends it.
                let told = |carrier: &&NodeId| {
                    known.get(carrier).is_some_and(|names| names.contains(vulnerability.name.as_str()))
                };
                if !carriers.is_empty() && carriers.iter().all(told) {
                    continue;
                }
                let grade =
                    vulnerability.records.iter().map(|record| record.grade).min().unwrap_or(Grade::Bisect);
                let possible = if grade.is_vague() { "possibly " } else { "" };
                findings.push(Finding {
                    severity: severity(vulnerability, grade),
                    confidence: confidence(grade),
                    title: format!("{possible}{} in {}", vulnerability.name, world.graph.label(id)),
                    details: details(world.graph, vulnerability, grade, &carriers),
                    location: location(world, id),
                    vulnerability: Some(Arc::clone(vulnerability)),
                    remedy: Some(remedy(world.graph, id, vulnerability, &carriers)),
                    fingerprint: Fingerprint::new(&RULE, &[&identity(id), &vulnerability.name]),
                    ..common.clone()
                });
            }
        }
    }
}

/// Names of the vulnerabilities that match each component.
fn known<'w>(world: &'w World<'_>) -> BTreeMap<&'w NodeId, BTreeSet<&'w str>> {
    let mut known: BTreeMap<&NodeId, BTreeSet<&str>> = BTreeMap::new();
    for found in world.matches {
        let names = known.entry(&found.component).or_default();
        names.insert(&found.vulnerability.name);
        names.extend(found.vulnerability.aliases.iter().map(String::as_str));
    }
    known
}

/// The packages in which the library lies: those nearest above it.
fn carriers<'w>(world: &World<'w>, id: &NodeId) -> BTreeSet<&'w NodeId> {
    let mut carriers = BTreeSet::new();
    let mut seen: BTreeSet<&NodeId> = BTreeSet::new();
    let mut open: Vec<&NodeId> = world.routes.incoming(id).map(|edge| &edge.from).collect();
    while let Some(above) = open.pop() {
        if !seen.insert(above) {
            continue;
        }
        match world.graph.component(above) {
            Some(component) if !component.is_carried() => {
                carriers.insert(above);
            }
            _ => open.extend(
                // A library that links another one does not carry it.
                world
                    .routes
                    .incoming(above)
                    .filter(|edge| edge.relation != Relation::Links)
                    .map(|edge| &edge.from),
            ),
        }
    }
    carriers
}

/// By CVSS; what nobody has rated counts as medium, what is exploited already as high at least; what only may be
/// affected is never more than medium.
fn severity(vulnerability: &Vulnerability, grade: Grade) -> Severity {
    let rated = vulnerability.severity.unwrap_or(Severity::Medium);
    let rated = if vulnerability.exploited_since.is_some() { at_least(rated, Severity::High) } else { rated };
    if grade.is_vague() { rated.min(Severity::Medium) } else { rated }
}

fn confidence(grade: Grade) -> Confidence {
    match grade {
        Grade::Stated | Grade::Exact => Confidence::High,
        Grade::FixedOnly | Grade::Cpe => Confidence::Medium,
        Grade::Text | Grade::Bound | Grade::Bisect => Confidence::Low,
    }
}

fn details(
    graph: &Graph,
    vulnerability: &Vulnerability,
    grade: Grade,
    carriers: &BTreeSet<&NodeId>,
) -> Vec<String> {
    let mut details = Vec::new();
    for carrier in carriers {
        details.push(format!("inside {}", graph.label(carrier)));
    }
    match vulnerability.score {
        Some(score) => details.push(format!("CVSS {}.{}", score / 10, score % 10)),
        None => details.push("nobody has rated it; it counts as medium".to_owned()),
    }
    if let Some(since) = vulnerability.exploited_since {
        details.push(format!("known to be exploited since {since} (CISA KEV)"));
    }
    details.extend(vulnerability.epss.as_ref().map(likelihood));
    details.push(match grade {
        Grade::Stated => "by the advisories of the distribution or ecosystem that built it".to_owned(),
        Grade::Exact => "affected versions as the maintainers state them".to_owned(),
        Grade::FixedOnly => "the maintainers say which version mends it, not when it began".to_owned(),
        Grade::Cpe => "affected versions by others than the maintainers".to_owned(),
        Grade::Text => "a sentence names a version; often only the one that was tested".to_owned(),
        Grade::Bound => "sound from a packaged build on; the true fix may be earlier".to_owned(),
        Grade::Bisect => "found by a fuzzer between two releases".to_owned(),
    });
    for record in &vulnerability.records {
        details.push(match &record.source {
            Some(source) => format!("{} ({}, {source})", record.id, record.grade.as_str()),
            None => record.id.clone(),
        });
    }
    if let Some(fixed) = &vulnerability.fixed {
        details.push(format!("mended in {fixed}"));
    }
    details
}

fn remedy(graph: &Graph, id: &NodeId, vulnerability: &Vulnerability, carriers: &BTreeSet<&NodeId>) -> Remedy {
    let name = graph.component(id).map(|library| library.name.to_string()).unwrap_or_default();
    let wanted = match &vulnerability.fixed {
        Some(fixed) => format!("whose {name} is {fixed} or later"),
        None => format!("without this {name}"),
    };
    let carriers: Vec<&Component> = carriers.iter().filter_map(|carrier| graph.component(carrier)).collect();
    if carriers.is_empty() {
        return Remedy::Manual(format!("replace it with a build {wanted}"));
    }
    let names: Vec<&str> = carriers.iter().map(|carrier| carrier.name.as_str()).collect();
    // Only into what lies installed out of wheels does it look.
    let is_looked_into = carriers.iter().all(|it| it.installed && it.ecosystem == Ecosystem::PyPi);
    let way = if is_looked_into { "; `weighbridge fix` looks for such a wheel" } else { "" };
    Remedy::Manual(format!("move {} to a version {wanted}{way}", names.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::super::dependency_world::{Built, check};
    use super::*;

    /// A wheel that carries OpenSSL 1.1.1k.
    fn opencv() -> Built {
        Built::new().edge("P", "opencv-python 4.8", "").vendors("opencv-python 4.8", "generic/openssl 1.1.1k")
    }

    #[test]
    fn a_vulnerable_library_is_told_with_its_carrier() {
        check(
            &VulnerableLibrary,
            opencv().vulnerable("generic/openssl 1.1.1k", "CVE-2022-0778", |it| {
                it.score = Some(75);
                it.severity = Some(Severity::High);
                it.fixed = Some("1.1.1n".into());
                it.records[0].grade = Grade::Exact;
                it.records[0].source = Some("openssl/release-metadata".into());
            }),
            "
            high high CVE-2022-0778 in openssl 1.1.1k
              at uv.lock:1
              inside opencv-python 4.8
              CVSS 7.5
              affected versions as the maintainers state them
              PYSEC-1 (exact, openssl/release-metadata)
              mended in 1.1.1n
              way project > opencv-python 4.8 > openssl 1.1.1k
              fix move opencv-python to a version whose openssl is 1.1.1n or later
            ",
        );
    }

    #[test]
    fn what_lies_installed_is_looked_into_by_the_plan() {
        check(
            &VulnerableLibrary,
            opencv().lies_installed("opencv-python 4.8").vulnerable("generic/openssl 1.1.1k", "CVE-1", |it| {
                it.score = Some(50);
                it.records[0].grade = Grade::Exact;
            }),
            "
            medium high CVE-1 in openssl 1.1.1k
              at uv.lock:1
              inside opencv-python 4.8
              CVSS 5.0
              affected versions as the maintainers state them
              PYSEC-1
              way project > opencv-python 4.8 > openssl 1.1.1k
              fix move opencv-python to a version without this openssl; `weighbridge fix` looks for such a wheel
            ",
        );
    }

    #[test]
    fn what_may_be_is_told_as_such() {
        check(
            &VulnerableLibrary,
            opencv().vulnerable("generic/openssl 1.1.1k", "CVE-1", |it| {
                it.score = Some(98);
                it.severity = Some(Severity::Critical);
                it.records[0].grade = Grade::Bound;
            }),
            "
            medium low possibly CVE-1 in openssl 1.1.1k
              at uv.lock:1
              inside opencv-python 4.8
              CVSS 9.8
              sound from a packaged build on; the true fix may be earlier
              PYSEC-1
              way project > opencv-python 4.8 > openssl 1.1.1k
              fix move opencv-python to a version without this openssl
            ",
        );
    }

    #[test]
    fn what_the_package_itself_is_known_for_is_not_told_twice() {
        let both = opencv().vulnerable("generic/openssl 1.1.1k", "CVE-1", |_| {}).vulnerable(
            "opencv-python 4.8",
            "CVE-1",
            |_| {},
        );
        check(&VulnerableLibrary, both, "");
        check(&VulnerableLibrary, Built::new().edge("P", "a 1", "").vulnerable("a 1", "CVE-1", |_| {}), "");
    }
}
