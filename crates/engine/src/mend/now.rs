//! What a project has now, out of the graph.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_advisory::pep440::{Operator, Specifiers, Version};
use weighbridge_advisory::pep508::Requirement;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Origin, Requires};
use weighbridge_core::graph::{Graph, NodeId, Relation, Terms};
use weighbridge_core::name::PackageName;
use weighbridge_resolve::Needs;

use crate::join::Ground;

/// What a project has now.
pub(super) struct Now {
    /// The versions of what it has, installed, locked or chosen.
    pub(super) versions: BTreeMap<PackageName, Version>,
    /// What it asks for, without the exact versions.
    pub(super) roots: Vec<Requirement>,
    /// The node of each package.
    pub(super) nodes: BTreeMap<PackageName, NodeId>,
    /// What its packages say they need.
    pub(super) needs: BTreeMap<PackageName, Needs>,
    /// What comes from no index and therefore stays as it is.
    pub(super) fixed: BTreeSet<PackageName>,
}

impl Now {
    /// Everything that the project brings in; of its environments only where no lock file says what it means.
    pub(super) fn of(graph: &Graph, ground: &Ground<'_>) -> Self {
        let mut starts = vec![&ground.id];
        if ground.locks.is_empty() {
            starts.extend(&ground.environments);
        }
        let mut now = Self {
            versions: BTreeMap::new(),
            nodes: BTreeMap::new(),
            roots: Vec::new(),
            needs: BTreeMap::new(),
            fixed: BTreeSet::new(),
        };
        let mut asked = BTreeSet::new();
        for (requires, _) in ground.manifests.values().flatten() {
            now.ask(requires, &mut asked);
        }
        let mut open: Vec<&NodeId> = Vec::new();
        for start in starts {
            for (to, condition) in brought(graph, start) {
                let named = graph.component(to).map(|component| &component.name);
                if let Some(name) = named.filter(|name| asked.insert((*name).clone())) {
                    now.roots.extend(requirement(name, condition, true));
                }
                open.push(to);
            }
        }
        now.follow(graph, open);
        now
    }

    fn ask(&mut self, requires: &Requires, asked: &mut BTreeSet<PackageName>) {
        let it = &requires.requirement;
        if it.origin != Origin::Index {
            return;
        }
        let condition = Terms {
            specifier: it.specifier.clone(),
            extras: it.extras.clone(),
            marker: it.marker.clone(),
            through: None,
        };
        if let Some(requirement) = requirement(&it.name, &condition, true) {
            asked.insert(it.name.clone());
            if !self.roots.contains(&requirement) {
                self.roots.push(requirement);
            }
        }
    }

    fn follow<'g>(&mut self, graph: &'g Graph, mut open: Vec<&'g NodeId>) {
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            let Some(component) = graph.component(id).filter(|it| it.ecosystem == Ecosystem::PyPi) else {
                continue;
            };
            if !seen.insert(id) {
                continue;
            }
            let version = component.version.as_deref().and_then(|version| Version::parse(version).ok());
            let Some(version) = version else { continue };
            // Of two versions of one package the first in the order of the graph is meant.
            if self.versions.contains_key(&component.name) {
                continue;
            }
            self.versions.insert(component.name.clone(), version);
            self.nodes.insert(component.name.clone(), id.clone());
            if !component.origins.is_empty() && !component.origins.contains(&Origin::Index) {
                self.fixed.insert(component.name.clone());
            }
            let mut needs = Needs::default();
            for (to, condition) in brought(graph, id) {
                let needed = graph.component(to).filter(|it| it.ecosystem == Ecosystem::PyPi);
                needs.requirements.extend(needed.and_then(|it| requirement(&it.name, condition, false)));
                open.push(to);
            }
            self.needs.insert(component.name.clone(), needs);
        }
    }
}

/// What a node asks for or holds, as packages.
fn brought<'g>(graph: &'g Graph, from: &NodeId) -> impl Iterator<Item = (&'g NodeId, &'g Terms)> + use<'g> {
    let edges = graph.edges_from(from);
    let kinds = [Relation::Contains, Relation::DependsOn];
    edges.filter(move |edge| kinds.contains(&edge.relation)).map(|edge| (&edge.to, &*edge.condition))
}

fn requirement(name: &PackageName, condition: &Terms, may_move: bool) -> Option<Requirement> {
    let extras: Vec<&str> = condition.extras.iter().map(PackageName::as_str).collect();
    let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
    let specifier = if may_move { movable(&condition.specifier) } else { condition.specifier.clone() };
    let marker = condition.marker.as_ref().map(|marker| format!(" ; {marker}")).unwrap_or_default();
    Requirement::parse(&format!("{name}{extras}{specifier}{marker}")).ok()
}

/// Whether a specifier names one version.
pub(super) fn exact(specifier: &str) -> bool {
    Specifiers::parse(specifier).is_ok_and(|all| all.clauses().iter().any(is_exact))
}

/// The specifier without the clauses that name one version.
fn movable(specifier: &str) -> String {
    let Ok(all) = Specifiers::parse(specifier) else { return specifier.to_owned() };
    let kept: Vec<String> =
        all.clauses().iter().filter(|clause| !is_exact(clause)).map(ToString::to_string).collect();
    kept.join(",")
}

fn is_exact(clause: &weighbridge_advisory::pep440::Specifier) -> bool {
    matches!(clause.operator(), Operator::Equal | Operator::Identical) && !clause.is_series()
}
