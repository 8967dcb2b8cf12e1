//! Packages of conda, for which nobody writes advisories: they are held against those of what they are elsewhere.
//!
//! What a conda package is made of may be in the graph itself: the distribution that it brought is matched as what it is,
//! and said twice would be said wrong. Several conda packages may be one software, too (`matplotlib` and
//! `matplotlib-base`, `zlib` and `libzlib`): then the one on which the others depend holds its files.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_advisory::Index;
use weighbridge_advisory::conda::{Elsewhere, elsewhere};
use weighbridge_advisory::order::Order;
use weighbridge_advisory::pep440::Version;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::graph::{Component, Graph, NodeId, Relation};
use weighbridge_core::knowledge::{Unassessed, Vulnerability};
use weighbridge_core::name::PackageName;
use weighbridge_core::purl::Purl;

/// What the advisories about other names say of a conda package.
#[derive(Default)]
pub(super) struct Assessed {
    /// The vulnerabilities, each with the package whose advisories say it.
    pub(super) vulnerabilities: Vec<Vulnerability>,
    /// The smallest higher version that none of them is about.
    pub(super) clear: Option<String>,
}

/// Conda packages about which something else in the graph says all there is to say.
pub(super) struct Covered<'graph>(BTreeSet<&'graph NodeId>);

impl<'graph> Covered<'graph> {
    pub(super) fn new(graph: &'graph Graph) -> Self {
        let mut twins: BTreeMap<(String, Option<&str>), BTreeSet<&NodeId>> = BTreeMap::new();
        let conda = |(_, component): &(&NodeId, &Component)| component.ecosystem == Ecosystem::Conda;
        let mut python: BTreeSet<&NodeId> = BTreeSet::new();
        for (id, component) in graph.components().filter(conda) {
            let key = match elsewhere(component.name.as_str()) {
                Some(Elsewhere::Library(library)) => library.to_owned(),
                Some(Elsewhere::Python(names)) => {
                    python.insert(id);
                    format!("python {}", names.join(" "))
                }
                None => {
                    python.insert(id);
                    continue;
                }
            };
            twins.entry((key, component.version.as_deref())).or_default().insert(id);
        }
        if twins.is_empty() && python.is_empty() {
            return Self(BTreeSet::new());
        }
        let mut twin_of: BTreeMap<&NodeId, &BTreeSet<&NodeId>> = BTreeMap::new();
        for twins in twins.values().filter(|twins| twins.len() > 1) {
            twin_of.extend(twins.iter().map(|id| (*id, twins)));
        }
        let asks: BTreeSet<(&NodeId, &NodeId)> = graph
            .edges
            .keys()
            .filter(|edge| edge.relation == Relation::DependsOn && twin_of.contains_key(&edge.from))
            .map(|edge| (&edge.from, &edge.to))
            .collect();
        // Of two that ask for each other one is left.
        let is_twin = |(from, to): &(&'graph NodeId, &'graph NodeId)| {
            let same = twin_of.get(from).is_some_and(|twins| twins.contains(to));
            same && from != to && (!asks.contains(&(*to, *from)) || to < from)
        };
        let mut covered: BTreeSet<&NodeId> =
            asks.iter().copied().filter(is_twin).map(|(from, _)| from).collect();
        let brings_python = graph.edges.keys().filter(|edge| {
            edge.relation == Relation::Contains
                && python.contains(&edge.from)
                && graph.component(&edge.to).is_some_and(|it| it.ecosystem == Ecosystem::PyPi)
        });
        covered.extend(brings_python.map(|edge| &edge.from));
        Self(covered)
    }

    fn holds(&self, id: &NodeId) -> bool {
        self.0.contains(id)
    }
}

/// Holds a conda package against the advisories about what it is elsewhere.
///
/// # Errors
/// Why there is nothing to say.
pub(super) fn assess(
    index: &Index,
    libraries: Option<&Index>,
    covered: &Covered<'_>,
    id: &NodeId,
    component: &Component,
) -> Result<Assessed, Unassessed> {
    let version = component.version.as_deref().ok_or(Unassessed::NoVersion)?;
    if covered.holds(id) {
        return Ok(Assessed::default());
    }
    match elsewhere(component.name.as_str()).ok_or(Unassessed::NoData)? {
        Elsewhere::Python(names) => python(index, &names, version),
        Elsewhere::Library(name) => library(libraries.ok_or(Unassessed::NoData)?, name, version),
    }
}

fn python(index: &Index, names: &[String], version: &str) -> Result<Assessed, Unassessed> {
    let version = Version::parse(version).map_err(|_| Unassessed::UnreadableVersion)?;
    let mut found: BTreeMap<String, Vulnerability> = BTreeMap::new();
    let mut clear: Vec<Option<Version>> = Vec::new();
    for name in names {
        let vulnerabilities = index.vulnerabilities(name, &version);
        if !vulnerabilities.is_empty() {
            clear.push(index.smallest_clear_version(name, &version));
        }
        for vulnerability in vulnerabilities {
            let key = vulnerability.name.clone();
            found.entry(key).or_insert_with(|| inferred(vulnerability, Ecosystem::PyPi, name));
        }
    }
    // A package that is several projects is mended where all of them are.
    let clear = clear.into_iter().collect::<Option<Vec<Version>>>().and_then(|all| all.into_iter().max());
    Ok(Assessed {
        vulnerabilities: found.into_values().collect(),
        clear: clear.map(|version| version.to_string()),
    })
}

fn library(index: &Index, name: &str, version: &str) -> Result<Assessed, Unassessed> {
    let found = index.assess(Ecosystem::Native, "", name, version)?;
    let order = Order::of(Ecosystem::Native, name);
    let mut fixes: Vec<&String> =
        found.iter().filter_map(|vulnerability| vulnerability.fixed.as_ref()).collect();
    fixes.sort_by(|one, other| order.compare(one, other).unwrap_or_else(|| one.cmp(other)));
    let is_clear =
        |fix: &&&String| index.assess(Ecosystem::Native, "", name, fix).is_ok_and(|left| left.is_empty());
    let clear = fixes.iter().find(is_clear).map(|fix| (*fix).clone());
    let vulnerabilities = found.into_iter().map(|it| inferred(it, Ecosystem::Native, name)).collect();
    Ok(Assessed { vulnerabilities, clear })
}

/// The vulnerability, with the package that it is told of.
fn inferred(vulnerability: Vulnerability, ecosystem: Ecosystem, name: &str) -> Vulnerability {
    let purl = PackageName::of(ecosystem, name).map(|name| Purl::new(ecosystem, "", &name, None).to_string());
    Vulnerability { inferred_from: Some(purl.unwrap_or_else(|_| name.to_owned())), ..vulnerability }
}
