//! Nodes and edges as they are drawn. Drawing a thing twice merges what is said of it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::graph::{Component, Condition, Edge, Graph, Node, NodeId, NodeKind, Relation};
use weighbridge_core::place::{Class, Evidence, EvidenceSet, Place};

use super::installed::is_below;

/// A graph in the making.
#[derive(Default)]
pub(super) struct Drawing {
    nodes: BTreeMap<NodeId, Node>,
    edges: Vec<(Edge, Arc<Evidence>)>,
    /// The evidence that was met last: much is drawn on one.
    last: Option<Arc<Evidence>>,
    /// Folders of the projects that ask for a node.
    asked_by: BTreeMap<NodeId, BTreeSet<Arc<str>>>,
}

impl Drawing {
    /// A node that is no package.
    pub(super) fn node(&mut self, id: NodeId, kind: NodeKind, evidence: impl IntoIterator<Item = Evidence>) {
        let node = self.nodes.entry(id).or_insert_with(|| Node { kind, evidence: Default::default() });
        node.evidence.extend(evidence);
    }

    /// A package.
    pub(super) fn component(&mut self, id: NodeId, component: Component, evidence: Evidence) {
        let evidence = self.shared(evidence);
        match self.nodes.entry(id) {
            Entry::Vacant(entry) => {
                let evidence = EvidenceSet::from(evidence);
                entry.insert(Node { kind: NodeKind::Component(component), evidence });
            }
            Entry::Occupied(mut entry) => {
                let node = entry.get_mut();
                node.evidence.insert(evidence);
                if let NodeKind::Component(known) = &mut node.kind {
                    known.origins.extend(component.origins);
                    known.digests.extend(component.digests);
                    known.installed |= component.installed;
                    known.licence = known.licence.take().max(component.licence);
                }
            }
        }
    }

    /// The Python packages drawn so far that have a version, by name.
    pub(super) fn packages(&self) -> BTreeMap<String, Vec<(NodeId, String)>> {
        let mut found: BTreeMap<String, Vec<(NodeId, String)>> = BTreeMap::new();
        for (id, node) in &self.nodes {
            if let NodeKind::Component(Component {
                ecosystem: Ecosystem::PyPi,
                name,
                version: Some(version),
                ..
            }) = &node.kind
            {
                found.entry(name.to_string()).or_default().push((id.clone(), version.clone()));
            }
        }
        found
    }

    /// A file. The same bytes in two places are one node with two places.
    pub(super) fn file(
        &mut self,
        id: NodeId,
        format: &'static str,
        size: u64,
        place: Place,
        evidence: impl IntoIterator<Item = Evidence>,
    ) {
        self.node(id.clone(), NodeKind::Artifact { format: None, size, places: BTreeSet::new() }, evidence);
        if let Some(Node { kind: NodeKind::Artifact { format: known, places, .. }, .. }) =
            self.nodes.get_mut(&id)
        {
            *known = Some(known.map_or(format, |known| known.min(format)));
            places.insert(place);
        }
    }

    /// `to` came in through `from`, which asks for it.
    pub(super) fn depends(&mut self, from: &NodeId, to: &NodeId, condition: Condition, evidence: Evidence) {
        if let NodeId::Project(folder) = from {
            self.asked_by.entry(to.clone()).or_default().insert(Arc::clone(folder));
        }
        let (from, to) = (from.clone(), to.clone());
        let evidence = self.shared(evidence);
        self.edges.push((Edge { from, to, relation: Relation::DependsOn, condition }, evidence));
    }

    fn shared(&mut self, evidence: Evidence) -> Arc<Evidence> {
        match &self.last {
            Some(last) if **last == evidence => Arc::clone(last),
            _ => Arc::clone(self.last.insert(Arc::new(evidence))),
        }
    }

    /// `from` holds `to`.
    pub(super) fn contains(&mut self, from: &NodeId, to: &NodeId, evidence: Evidence) {
        self.related(from, to, Relation::Contains, evidence);
    }

    /// `from` brings a copy of `to` along.
    pub(super) fn vendors(&mut self, from: &NodeId, to: &NodeId, evidence: Evidence) {
        self.related(from, to, Relation::Vendors, evidence);
    }

    /// The system's loader binds `from` to `to`.
    pub(super) fn links(&mut self, from: &NodeId, to: &NodeId, evidence: Evidence) {
        self.related(from, to, Relation::Links, evidence);
    }

    fn related(&mut self, from: &NodeId, to: &NodeId, relation: Relation, evidence: Evidence) {
        let (from, to, condition) = (from.clone(), to.clone(), Condition::default());
        let evidence = self.shared(evidence);
        self.edges.push((Edge { from, to, relation, condition }, evidence));
    }

    /// Whether the project in `folder`, or one below it, asks for the node.
    pub(super) fn is_asked_for(&self, id: &NodeId, folder: &str) -> bool {
        let mut asking = self.asked_by.get(id).into_iter().flatten();
        asking.any(|asking| **asking == *folder || is_below(asking, folder))
    }

    /// One sort of a list is much cheaper than as many insertions into a tree, and places of nodes compare at once, where
    /// identities would compare by their texts.
    fn sort_edges(&mut self) {
        let places: HashMap<&NodeId, usize> =
            self.nodes.keys().enumerate().map(|(place, id)| (id, place)).collect();
        let mut strangers = false;
        self.edges.sort_by_cached_key(|(edge, _)| {
            let ends = places.get(&edge.from).zip(places.get(&edge.to)).map(|(from, to)| (*from, *to));
            strangers |= ends.is_none();
            ends
        });
        if strangers {
            return self.edges.sort();
        }
        let is_same = |one: &(Edge, Arc<Evidence>), other: &(Edge, Arc<Evidence>)| {
            one.0.from == other.0.from && one.0.to == other.0.to
        };
        self.edges.chunk_by_mut(is_same).for_each(<[_]>::sort);
    }

    /// The graph.
    pub(super) fn finish(mut self) -> Graph {
        self.sort_edges();
        let mut edges: Vec<(Edge, EvidenceSet)> = Vec::with_capacity(self.edges.len());
        for (edge, evidence) in self.edges {
            match edges.last_mut() {
                Some((last, merged)) if *last == edge => {
                    merged.insert(evidence);
                }
                _ => edges.push((edge, evidence.into())),
            }
        }
        Graph { nodes: self.nodes, edges: edges.into_iter().collect() }
    }
}

/// The same evidence, only as well founded as `class`.
pub(super) fn at_best(evidence: &Evidence, class: Class) -> Evidence {
    Evidence { class: evidence.class.max(class), ..evidence.clone() }
}

/// What the join concludes from the mere presence of a place.
pub(super) fn concluded(place: Place, class: Class) -> Evidence {
    Evidence { place, span: None, reader: "join", class }
}
