//! What is matched to which component, on small graphs.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_advisory::Index;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::graph::{Component, Condition, Edge, Graph, Node, NodeId, NodeKind, Relation};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::EvidenceSet;
use weighbridge_core::purl::Purl;

use super::{Knowledge, Known, enrich};

/// `conda/numpy 1.26` as a node.
fn id(text: &str) -> (NodeId, Component) {
    let (ecosystem, rest) = text.split_once('/').unwrap();
    let ecosystem = Ecosystem::of_purl_type(ecosystem).unwrap();
    let (name, version) = rest.split_once(' ').map_or((rest, None), |(name, version)| (name, Some(version)));
    let name = PackageName::of(ecosystem, name).unwrap();
    let component = Component {
        ecosystem,
        name: name.clone(),
        version: version.map(str::to_owned),
        origins: BTreeSet::new(),
        digests: BTreeSet::new(),
        licence: None,
        installed: false,
    };
    (NodeId::Component(Purl::new(ecosystem, "", &name, version)), component)
}

/// Nodes, one a line; `A -> B` asks, `A >> B` contains.
fn known(text: &str) -> Known {
    let mut graph = Graph::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let parts: Vec<&str> = line.split([' ']).collect();
        let arrow = parts.iter().find(|part| matches!(**part, "->" | ">>"));
        let ends: Vec<&str> = match arrow {
            Some(arrow) => line.split(&format!(" {arrow} ")).collect(),
            None => vec![line],
        };
        for (id, component) in ends.iter().map(|text| id(text)) {
            let kind = NodeKind::Component(component);
            graph.nodes.insert(id, Node { kind, evidence: EvidenceSet::new() });
        }
        if let [from, to] = ends.as_slice() {
            let relation = if arrow == Some(&"->") { Relation::DependsOn } else { Relation::Contains };
            let edge = Edge { from: id(from).0, to: id(to).0, relation, condition: Condition::default() };
            graph.edges.insert(edge, EvidenceSet::new());
        }
    }
    enrich(&graph, &Knowledge::of(&Index::embedded().unwrap(), "embedded"))
}

/// How many matches each component has, with the package they are inferred from; and why others were not assessed.
#[track_caller]
fn check(text: &str, expected: &[&str]) -> Known {
    let known = known(text);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for found in &known.matches {
        let from = found.vulnerability.inferred_from.as_deref().unwrap_or("itself");
        *counts.entry(format!("{} by {from}", found.component)).or_default() += 1;
    }
    let mut lines: Vec<String> = counts.into_keys().collect();
    lines.extend(known.unassessed.iter().map(|(id, reason)| format!("{id}: {}", reason.as_str())));
    assert_eq!(lines, expected, "{text}");
    known
}

#[test]
fn conda_packages_are_held_against_what_they_are_elsewhere() {
    let known = check(
        "
        conda/pytorch 2.1.0
        conda/openssl 1.1.1k
        conda/_libgcc_mutex 0.1
        conda/pillow
        conda/six 1.17.0
        conda/requests 2.x!
        conda/requests 99.0
        ",
        &[
            "pkg:conda/openssl@1.1.1k by pkg:generic/openssl",
            "pkg:conda/pytorch@2.1.0 by pkg:pypi/torch",
            "pkg:conda/_libgcc_mutex@0.1: no advisory data",
            "pkg:conda/pillow: nothing says which version it is",
            "pkg:conda/requests@2.x%21: its version cannot be compared",
        ],
    );
    // The same pairs as for the package of the index.
    let names = |known: &Known| -> BTreeSet<String> {
        known.matches.iter().map(|found| found.vulnerability.name.clone()).collect()
    };
    let torch = self::known("pypi/torch 2.1.0");
    let openssl = self::known("generic/openssl 1.1.1k");
    assert!(!torch.matches.is_empty() && !openssl.matches.is_empty());
    assert_eq!(names(&known), names(&torch).union(&names(&openssl)).cloned().collect());
    assert_eq!(known.clear.get(&id("conda/pytorch 2.1.0").0), torch.clear.get(&id("pypi/torch 2.1.0").0));
}

#[test]
fn what_a_conda_package_brought_is_told_once() {
    check("conda/pillow 9.0.0 >> pypi/pillow 9.0.0", &["pkg:pypi/pillow@9.0.0 by itself"]);
    // A library is not told by the bindings beside it.
    check(
        "conda/libopencv 4.5.0 >> pypi/opencv-python 9999",
        &["pkg:conda/libopencv@4.5.0 by pkg:generic/opencv"],
    );
}

#[test]
fn of_packages_that_are_one_software_the_innermost_is_told() {
    check(
        "
        conda/brotli 1.0.7 -> conda/brotli-bin 1.0.7
        conda/brotli-bin 1.0.7 -> conda/libbrotlicommon 1.0.7
        ",
        &["pkg:conda/libbrotlicommon@1.0.7 by pkg:generic/brotli"],
    );
    // Another version is another software, and without an edge nobody knows which is the inner one.
    check(
        "
        conda/curl 7.70.0 -> conda/libcurl 7.71.0
        conda/sqlite 3.30.0
        conda/libsqlite 3.30.0
        ",
        &[
            "pkg:conda/curl@7.70.0 by pkg:generic/curl",
            "pkg:conda/libcurl@7.71.0 by pkg:generic/curl",
            "pkg:conda/libsqlite@3.30.0 by pkg:generic/sqlite",
            "pkg:conda/sqlite@3.30.0 by pkg:generic/sqlite",
        ],
    );
    // A circle hides nothing.
    check(
        "
        conda/curl 7.70.0 -> conda/libcurl 7.70.0
        conda/libcurl 7.70.0 -> conda/curl 7.70.0
        ",
        &["pkg:conda/curl@7.70.0 by pkg:generic/curl"],
    );
}
