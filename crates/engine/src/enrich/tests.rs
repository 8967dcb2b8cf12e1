//! What is matched to which component, on small graphs.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_advisory::Index;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::Origin;
use weighbridge_core::graph::{Component, Condition, Edge, Graph, Node, NodeId, NodeKind, Relation};
use weighbridge_core::knowledge::{Imported, Unassessed};
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

/// A record about an RPM as OSV writes it: no version below `fixed` is sound.
fn rpm_record(id: &str, ecosystem: &str, name: &str, fixed: &str) -> String {
    format!(
        r#"{{"id":"{id}","modified":"2026-07-20T00:00:00Z","related":["{id}"],"affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{name}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
    )
}

/// What is said of an RPM of a database: the names of its vulnerabilities and the version that mends them, or why there are none to say.
fn rpm(namespace: &str, name: &str, version: &str, qualifiers: &[(&str, &str)]) -> String {
    let mut builder = Index::import_builder();
    for record in [
        rpm_record("CVE-2024-0001", "AlmaLinux:9", "vim", "2:8.2-21.el9"),
        rpm_record("CVE-2024-0002", "AlmaLinux:9", "bash", "5.1-9.el9"),
        rpm_record("CVE-2024-0003", "AlmaLinux:9", "nodejs", "1:18-2.module_el9.2.0+36+853e48f5"),
        rpm_record("CVE-2024-0004", "Rocky Linux:9", "gcc", "11.4-3.el9"),
    ] {
        builder.add_osv("a record", record.as_bytes());
    }
    let sets = builder.finish_sets("2026-07-20".parse().unwrap(), &["a file".to_owned()], true);
    let others = |_: &BTreeSet<Ecosystem>| -> Vec<(Imported, Index)> {
        let imported =
            |name: &str| Imported { name: name.to_owned(), as_of: "2026-07-20".parse().unwrap(), records: 1 };
        sets.iter().map(|(name, index)| (imported(name), index.clone())).collect()
    };
    let purl_name = PackageName::of(Ecosystem::Rpm, name).unwrap();
    let (_, component) = id(&format!("rpm/{name} {version}"));
    let component = Component { origins: BTreeSet::from([Origin::System]), installed: true, ..component };
    let purl = Purl::new(Ecosystem::Rpm, namespace, &purl_name, Some(version)).with(qualifiers);
    let id = NodeId::Component(purl);
    let node = Node { kind: NodeKind::Component(component), evidence: EvidenceSet::new() };
    let mut graph = Graph::default();
    graph.nodes.insert(id.clone(), node);
    let index = Index::embedded().unwrap();
    let known = enrich(&graph, &Knowledge { others: &others, ..Knowledge::of(&index, "embedded") });
    match known.unassessed.get(&id).map(|reason| reason.as_str()) {
        Some(reason) => reason.to_owned(),
        None => {
            let names =
                known.matches.iter().map(|it| it.vulnerability.name.as_str()).collect::<Vec<_>>().join(" ");
            format!("{names} {}", known.clear.get(&id).map_or("-", String::as_str))
        }
    }
}

#[test]
fn rpms_are_held_against_the_data_of_their_distribution() {
    let nine = ("distro", "almalinux-9.4");
    assert_eq!(rpm("almalinux", "vim", "2:8.2-20.el9", &[nine]), "CVE-2024-0001 2:8.2-21.el9");
    assert_eq!(rpm("almalinux", "vim", "2:8.2-21.el9", &[nine]), " -");
    // What has no epoch in a database has none.
    assert_eq!(rpm("almalinux", "vim", "8.2-99.el9", &[nine]), "CVE-2024-0001 2:8.2-21.el9");
    assert_eq!(rpm("almalinux", "bash", "5.1-9.el9", &[nine]), " -");
    // The distribution's own package, of which it has said nothing, and that of another vendor.
    assert_eq!(rpm("almalinux", "tar", "1.34-6.el9", &[nine]), " -");
    assert_eq!(rpm("", "vim", "2:8.2-20.el9", &[nine]), "no advisory data");
    assert_eq!(rpm("almalinux", "vim", "2:8.2-20.el8", &[("distro", "almalinux-8.9")]), "no advisory data");
    assert_eq!(rpm("fedora", "vim", "2:8.2-20.fc40", &[("distro", "fedora-40")]), "no advisory data");
    // Modules.
    let module = Unassessed::Module.as_str();
    assert_eq!(rpm("almalinux", "nodejs", "1:18-1.el9", &[nine, ("rpmmod", "nodejs:18")]), module);
    assert_eq!(rpm("almalinux", "nodejs", "1:18-1.module_el9.1.0+1+1", &[nine]), module);
    assert_eq!(rpm("almalinux", "nodejs", "1:16-1.el9", &[nine]), " -");
    // Data that speak of sources.
    let rocky =
        |source| rpm("rocky", "libgcc", "11.4-2.el9", &[("distro", "rocky-9.3"), ("upstream", source)]);
    assert_eq!(rocky("gcc@11.4-2.el9"), "CVE-2024-0004 11.4-3.el9");
    assert_eq!(rocky("gcc@11.4-3.el9"), " -");
    assert_eq!(rocky("other@1-1"), "no advisory data");
}
