//! The supply-chain graph: what there is, and how one thing came in through another.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::digest::Digest;
use crate::ecosystem::Ecosystem;
use crate::fact::Origin;
use crate::name::PackageName;
use crate::place::{EvidenceSet, Place};
use crate::purl::Purl;

/// The identity of a node: derived from content or name, never a counter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NodeId {
    /// A project, by its folder below the target (empty for the target itself).
    Project(Arc<str>),
    /// A Python environment, by its folder.
    Environment(Arc<str>),
    /// A package, by its purl; without a version where nothing says which one.
    Component(Purl),
    /// A file, by its digest: the same bytes in three places are one node with three places.
    Artifact(Digest),
}

impl fmt::Display for NodeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project(folder) => write!(out, "project:{folder}"),
            Self::Environment(folder) => write!(out, "environment:{folder}"),
            Self::Component(purl) => purl.fmt(out),
            Self::Artifact(digest) => write!(out, "sha256:{digest}"),
        }
    }
}

/// A node. Evidence says where it was met; equal identities merge their evidence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Where it was met, sorted.
    pub evidence: EvidenceSet,
}

/// What a node is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NodeKind {
    /// A project.
    Project {
        /// Its stated name, else the name of its folder.
        name: String,
        /// Its stated version.
        version: Option<String>,
    },
    /// A Python environment.
    Environment {
        /// Name of its folder.
        name: String,
        /// Full Python version, where known.
        python: Option<String>,
    },
    /// A package.
    Component(Component),
    /// A file.
    Artifact {
        /// Format id, where a reader recognised it.
        format: Option<&'static str>,
        /// Size in bytes.
        size: u64,
        /// Every place where these bytes lie, sorted.
        places: BTreeSet<Place>,
    },
}

/// A package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Component {
    /// Whose rules it follows.
    pub ecosystem: Ecosystem,
    /// Its name.
    pub name: PackageName,
    /// Its version; none where nothing says which one would be installed.
    pub version: Option<String>,
    /// Where it comes from, as far as anything says; sorted.
    pub origins: BTreeSet<Origin>,
    /// SHA-256 digests of its files by the lock files.
    pub digests: BTreeSet<Digest>,
    /// Stated licence.
    pub licence: Option<String>,
    /// It lies installed in an environment of the target.
    pub installed: bool,
}

impl Component {
    /// Whether nothing but the package manager of the operating system has installed it.
    pub fn is_of_system(&self) -> bool {
        !self.origins.is_empty() && self.origins.iter().all(|origin| *origin == Origin::System)
    }

    /// Whether it comes inside a package, so that nobody asked for it: a library, a crate, a package of a distribution that no
    /// package manager has installed here.
    pub fn is_carried(&self) -> bool {
        match self.ecosystem {
            Ecosystem::PyPi | Ecosystem::Conda => false,
            Ecosystem::Cargo | Ecosystem::Native => true,
            Ecosystem::Deb | Ecosystem::Rpm | Ecosystem::Apk => !self.is_of_system(),
        }
    }
}

/// How two nodes hang together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Relation {
    /// The first holds the second.
    Contains,
    /// The first asks for the second.
    DependsOn,
    /// The first brings a copy of the second along: a wheel and the library inside it.
    Vendors,
    /// The first is a program or library that the system's loader binds to the second when it starts (`DT_NEEDED`).
    Links,
}

/// Under which condition the second came in through the first. Most edges have none, and of a large graph most memory is edges:
/// then it takes no room.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Condition(Option<Box<Terms>>);

/// What a [`Condition`] says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Terms {
    /// Version specifier, empty for any version.
    pub specifier: String,
    /// Extras of the second that are asked for.
    pub extras: Vec<PackageName>,
    /// Marker that held.
    pub marker: Option<String>,
    /// The extra or group of the first that asks, such as `extra dev` or `group test`; none for always.
    pub through: Option<String>,
}

/// None at all, which come before all others.
static NO_TERMS: Terms = Terms { specifier: String::new(), extras: Vec::new(), marker: None, through: None };

impl From<Terms> for Condition {
    fn from(terms: Terms) -> Self {
        Self((terms != NO_TERMS).then(|| Box::new(terms)))
    }
}

impl Deref for Condition {
    type Target = Terms;

    fn deref(&self) -> &Terms {
        self.0.as_deref().unwrap_or(&NO_TERMS)
    }
}

/// The ends and nature of an edge: its identity.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Edge {
    /// The node that brings the other in.
    pub from: NodeId,
    /// The node that is brought in.
    pub to: NodeId,
    /// How.
    pub relation: Relation,
    /// When.
    pub condition: Condition,
}

/// Nodes and edges in the order of their identity.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Graph {
    /// The nodes.
    pub nodes: BTreeMap<NodeId, Node>,
    /// The edges and why we believe them.
    pub edges: BTreeMap<Edge, EvidenceSet>,
}

/// Ways from a root to one node, shortest first.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Paths {
    /// Each from a root to the node, both included.
    pub paths: Vec<Vec<NodeId>>,
    /// There are more than these.
    pub more: bool,
}

impl Graph {
    /// The component at `id`, if it is one.
    pub fn component(&self, id: &NodeId) -> Option<&Component> {
        match &self.nodes.get(id)?.kind {
            NodeKind::Component(component) => Some(component),
            _ => None,
        }
    }

    /// All components in the order of their purls.
    pub fn components(&self) -> impl Iterator<Item = (&NodeId, &Component)> {
        self.nodes.iter().filter_map(|(id, node)| match &node.kind {
            NodeKind::Component(component) => Some((id, component)),
            _ => None,
        })
    }

    /// The edges that leave a node, in order.
    pub fn edges_from<'g>(&'g self, from: &NodeId) -> impl Iterator<Item = &'g Edge> + use<'g> {
        let first = Edge {
            from: from.clone(),
            // No identity comes before that of a project at the top of the target.
            to: NodeId::Project(Arc::from("")),
            relation: Relation::Contains,
            condition: Condition::default(),
        };
        let edges = self.edges.range(&first..).map(|(edge, _)| edge);
        edges.take_while(move |edge| edge.from == first.from)
    }

    /// What a person calls the node: `name version`, or the path of a file.
    pub fn label(&self, id: &NodeId) -> String {
        match self.nodes.get(id).map(|node| &node.kind) {
            Some(NodeKind::Project { name, .. } | NodeKind::Environment { name, .. }) => name.clone(),
            Some(NodeKind::Component(component)) => match &component.version {
                Some(version) => format!("{} {version}", component.name),
                None => component.name.to_string(),
            },
            Some(NodeKind::Artifact { places, .. }) => {
                places.first().map_or_else(|| id.to_string(), Place::to_string)
            }
            None => id.to_string(),
        }
    }

    /// An index for questions about ways through the graph.
    pub fn routes(&self) -> Routes<'_> {
        Routes::new(self)
    }
}

/// Answers by which ways a node came in. Built once per report: two passes over the edges.
pub struct Routes<'graph> {
    /// Every node and every end of an edge, in order. All else names them by their places in this list, which order as
    /// they do and compare at once, where identities would compare by their texts.
    nodes: Vec<&'graph NodeId>,
    places: HashMap<&'graph NodeId, usize>,
    /// For each node that a root reaches, the number of steps from the nearest root.
    distance: Vec<Option<usize>>,
    /// The edges in order.
    edges: Vec<&'graph Edge>,
    /// For each node, the edges that lead to it, by their places in that list.
    incoming: Lists,
    /// For each node, those that bring it in.
    requirers: Lists,
    /// For each node, those that it brings in.
    brings: Lists,
}

/// A list for each of many places, in one piece.
struct Lists {
    /// Where the list of each place ends; it begins where the one before ends.
    ends: Vec<usize>,
    items: Vec<usize>,
}

impl Lists {
    /// For each of so many places what is paired with it, sorted and without repetition.
    fn of_pairs(count: usize, mut pairs: Vec<(usize, usize)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut ends = Vec::with_capacity(count);
        let mut end = 0usize;
        for place in 0..count {
            let rest = pairs.get(end..).unwrap_or_default();
            end = end.saturating_add(rest.iter().take_while(|(of, _)| *of == place).count());
            ends.push(end);
        }
        Self { ends, items: pairs.into_iter().map(|(_, item)| item).collect() }
    }

    fn of(&self, place: usize) -> &[usize] {
        let begin = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(place).and_then(|end| self.items.get(begin..*end)).unwrap_or_default()
    }
}

/// One step of the graph, and what no root reaches any more without it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut<'graph> {
    /// The node that brings the other in.
    pub from: &'graph NodeId,
    /// The node that is brought in.
    pub to: &'graph NodeId,
    /// How many of the nodes that were asked about are gone.
    pub gone: usize,
}

impl<'graph> Routes<'graph> {
    fn new(graph: &'graph Graph) -> Self {
        let mut nodes: Vec<&NodeId> = graph.nodes.keys().collect();
        let edges: Vec<&Edge> = graph.edges.keys().collect();
        let mut places = numbered(&nodes);
        let mut ends = ends(&edges, &places);
        if ends.len() < edges.len() {
            let all = edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
            let strangers: BTreeSet<&NodeId> = all.filter(|id| !places.contains_key(id)).collect();
            nodes.extend(strangers);
            nodes.sort_unstable();
            places = numbered(&nodes);
            ends = self::ends(&edges, &places);
        }
        let incoming = ends.iter().enumerate().map(|(number, (_, to))| (*to, number)).collect();
        let incoming = Lists::of_pairs(nodes.len(), incoming);
        ends.retain(|(from, to)| from != to);
        let requirers = Lists::of_pairs(nodes.len(), ends.iter().map(|(from, to)| (*to, *from)).collect());
        let brings = Lists::of_pairs(nodes.len(), ends);
        let is_root = |id: &NodeId| matches!(id, NodeId::Project(_) | NodeId::Environment(_));
        // A project inside another one is a root all the same: people know it by its own name.
        let known =
            |(place, id): (usize, &&NodeId)| (is_root(id) && graph.nodes.contains_key(*id)).then_some(place);
        let mut border: Vec<usize> = nodes.iter().enumerate().filter_map(known).collect();
        let mut distance: Vec<Option<usize>> = vec![None; nodes.len()];
        let mut steps = 0usize;
        while !border.is_empty() {
            let mut next = Vec::new();
            for place in border {
                if let Some(distance @ None) = distance.get_mut(place) {
                    *distance = Some(steps);
                    next.extend_from_slice(brings.of(place));
                }
            }
            border = next;
            steps = steps.saturating_add(1);
        }
        Self { nodes, places, distance, edges, incoming, requirers, brings }
    }

    fn place(&self, id: &NodeId) -> Option<usize> {
        self.places.get(id).copied()
    }

    fn distance_of(&self, place: usize) -> Option<usize> {
        self.distance.get(place).copied().flatten()
    }

    /// The place of a node, if a root reaches it.
    fn reached(&self, id: &NodeId) -> Option<usize> {
        self.place(id).filter(|place| self.distance_of(*place).is_some())
    }

    /// Steps from the nearest root, if any root reaches the node. A direct requirement has 1.
    pub fn distance(&self, id: &NodeId) -> Option<usize> {
        self.distance_of(self.place(id)?)
    }

    /// The edges that lead to `id`, in order.
    pub fn incoming(&self, id: &NodeId) -> impl Iterator<Item = &'graph Edge> {
        let numbers = self.place(id).map(|place| self.incoming.of(place)).unwrap_or_default();
        numbers.iter().filter_map(|number| self.edges.get(*number).copied())
    }

    /// The nodes that bring `id` in, without repetition, sorted.
    pub fn requirers(&self, id: &NodeId) -> impl DoubleEndedIterator<Item = &'graph NodeId> {
        let requirers = self.place(id).map(|place| self.requirers.of(place)).unwrap_or_default();
        requirers.iter().filter_map(|place| self.nodes.get(*place).copied())
    }

    /// The one step whose cut takes most of `targets` away: no root reaches them without it. Of equal ones the nearest
    /// to a root, since that is the one that a project can change. None if every target can be reached by two ways that
    /// share no step.
    ///
    /// Only steps of a shortest way to a target can take it away, so only those are tried: one pass over the edges each.
    pub fn cut(&self, targets: &BTreeSet<NodeId>) -> Option<Cut<'graph>> {
        /// Steps that are tried; those shared by most shortest ways first.
        const MOST_TRIED: usize = 256;
        let targets: Vec<usize> = targets.iter().filter_map(|id| self.reached(id)).collect();
        let mut shared: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for target in &targets {
            let mut to = *target;
            while let Some(from) = self.nearest_requirer(to) {
                let count = shared.entry((from, to)).or_default();
                *count = count.saturating_add(1);
                to = from;
            }
        }
        let mut steps: Vec<((usize, usize), usize)> = shared.into_iter().collect();
        steps.sort_by_key(|(step, count)| (Reverse(*count), *step));
        let gone = |(step, _): &((usize, usize), usize)| {
            let left = self.reached_without(*step);
            let gone = targets.iter().filter(|target| left.get(**target) == Some(&false)).count();
            (gone > 0).then_some((gone, *step))
        };
        let nearness = |from: usize| Reverse(self.distance_of(from).unwrap_or(usize::MAX));
        let best = steps.iter().take(MOST_TRIED).filter_map(gone);
        let (gone, (from, to)) =
            best.max_by_key(|(gone, (from, to))| (*gone, nearness(*from), Reverse((*from, *to))))?;
        Some(Cut { from: self.nodes.get(from)?, to: self.nodes.get(to)?, gone })
    }

    /// The requirer that lies on a shortest way to a node; none for a root.
    fn nearest_requirer(&self, to: usize) -> Option<usize> {
        let before = self.distance_of(to)?.checked_sub(1)?;
        self.requirers.of(to).iter().find(|from| self.distance_of(**from) == Some(before)).copied()
    }

    /// Which nodes a root still reaches when one step is gone.
    fn reached_without(&self, gone: (usize, usize)) -> Vec<bool> {
        let mut left = vec![false; self.nodes.len()];
        let roots = self.distance.iter().enumerate().filter(|(_, distance)| **distance == Some(0));
        let mut open: Vec<usize> = roots.map(|(place, _)| place).collect();
        while let Some(from) = open.pop() {
            let Some(seen) = left.get_mut(from) else { continue };
            if std::mem::replace(seen, true) {
                continue;
            }
            open.extend(self.brings.of(from).iter().filter(|to| (from, **to) != gone));
        }
        left
    }

    /// The first `most` ways from a root to `id`, shortest first, equal lengths in the order of identities. No way
    /// visits a node twice, and none passes through a second root.
    ///
    /// An A* search backwards from the node: the distance from the roots, known exactly, is the estimate, so that
    /// ways come out in order of length and the first ones are cheap in any graph.
    pub fn paths(&self, id: &NodeId, most: usize) -> Paths {
        /// In a dense graph with cycles most partial ways may lead nowhere; this bounds the search for them.
        const MOST_STEPS: usize = 100_000;
        let Some(start) = self.reached(id) else { return Paths::default() };
        let mut open = BinaryHeap::from([Reverse((0usize, vec![start]))]);
        let mut found = Paths::default();
        for _ in 0..MOST_STEPS {
            let Some(Reverse((_, way))) = open.pop() else { return found };
            let Some(end) = way.last().copied() else { continue };
            if self.distance_of(end) == Some(0) {
                if found.paths.len() == most {
                    found.more = true;
                    return found;
                }
                let ids = way.iter().rev().filter_map(|place| self.nodes.get(*place));
                found.paths.push(ids.map(|id| NodeId::clone(id)).collect());
                continue;
            }
            for place in self.requirers.of(end) {
                if let Some(distance) = self.distance_of(*place)
                    && !way.contains(place)
                {
                    let mut longer = Vec::with_capacity(way.len().saturating_add(1));
                    longer.extend_from_slice(&way);
                    longer.push(*place);
                    open.push(Reverse((way.len().saturating_add(distance), longer)));
                }
            }
        }
        found.more = true;
        found
    }
}

/// The places of both ends of each edge, of those that have both.
fn ends(edges: &[&Edge], places: &HashMap<&NodeId, usize>) -> Vec<(usize, usize)> {
    let mut ends = Vec::with_capacity(edges.len());
    // Edges are in order: those that leave one node follow each other.
    let mut last: Option<(&NodeId, usize)> = None;
    for edge in edges {
        let known = last.filter(|(id, _)| **id == edge.from);
        let from = known.or_else(|| Some((&edge.from, *places.get(&edge.from)?)));
        if let (Some((_, from)), Some(to)) = (from, places.get(&edge.to)) {
            ends.push((from, *to));
        }
        last = from;
    }
    ends
}

/// The place of each in the list.
fn numbered<'graph>(nodes: &[&'graph NodeId]) -> HashMap<&'graph NodeId, usize> {
    nodes.iter().enumerate().map(|(place, id)| (*id, place)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a graph from `a>b` words; `P` is the project.
    fn graph(edges: &str) -> Graph {
        let id = |name: &str| match name {
            "P" => NodeId::Project("".into()),
            name => NodeId::Component(Purl::pypi(&PackageName::new(name).unwrap(), Some("1"))),
        };
        let mut graph = Graph::default();
        for edge in edges.split_whitespace() {
            let (from, to) = edge.split_once('>').unwrap();
            for name in [from, to] {
                let kind = match name {
                    "P" => NodeKind::Project { name: "P".into(), version: None },
                    name => NodeKind::Component(Component {
                        ecosystem: Ecosystem::PyPi,
                        name: PackageName::new(name).unwrap(),
                        version: Some("1".into()),
                        origins: BTreeSet::new(),
                        digests: BTreeSet::new(),
                        licence: None,
                        installed: false,
                    }),
                };
                graph.nodes.insert(id(name), Node { kind, evidence: EvidenceSet::new() });
            }
            let edge = Edge {
                from: id(from),
                to: id(to),
                relation: Relation::DependsOn,
                condition: Condition::default(),
            };
            graph.edges.insert(edge, EvidenceSet::new());
        }
        graph
    }

    #[track_caller]
    fn check(edges: &str, to: &str, most: usize, expected: &[&str], more: bool) {
        let graph = graph(edges);
        let to = NodeId::Component(Purl::pypi(&PackageName::new(to).unwrap(), Some("1")));
        let found = graph.routes().paths(&to, most);
        let texts: Vec<String> = found
            .paths
            .iter()
            .map(|path| path.iter().map(|id| graph.label(id).replace(" 1", "")).collect::<Vec<_>>().join(">"))
            .collect();
        assert_eq!((texts, found.more), (expected.iter().map(ToString::to_string).collect(), more));
    }

    #[test]
    fn ways_come_shortest_first() {
        check("P>a a>b b>c P>c", "c", 9, &["P>c", "P>a>b>c"], false);
        check("P>a P>b a>c b>c", "c", 9, &["P>a>c", "P>b>c"], false);
        check("P>a P>b a>c b>c", "c", 1, &["P>a>c"], true);
    }

    #[test]
    fn circles_and_strangers_do_no_harm() {
        check("P>a a>b b>a b>c c>b", "c", 9, &["P>a>b>c"], false);
        check("P>a x>c c>x", "c", 9, &[], false);
        check("P>a a>a", "a", 9, &["P>a"], false);
    }

    #[test]
    fn the_best_cut_takes_most_away_and_lies_nearest_to_a_root() {
        for (edges, targets, expected) in [
            ("P>a a>b b>c", "c", "P>a takes 1"),
            ("P>a P>b a>c b>c", "c", "nothing"),
            ("P>a P>b a>c b>c c>d", "d", "c>d takes 1"),
            ("P>a P>b a>c a>d b>e", "c d e", "P>a takes 2"),
            ("P>a P>b a>c a>d b>d", "c d", "P>a takes 1"),
            ("P>a a>b b>a b>c", "c", "P>a takes 1"),
            ("P>a x>c", "c", "nothing"),
        ] {
            let graph = graph(edges);
            let id = |name: &str| NodeId::Component(Purl::pypi(&PackageName::new(name).unwrap(), Some("1")));
            let targets: BTreeSet<NodeId> = targets.split_whitespace().map(id).collect();
            let label = |id: &NodeId| graph.label(id).replace(" 1", "");
            let found = match graph.routes().cut(&targets) {
                Some(cut) => format!("{}>{} takes {}", label(cut.from), label(cut.to), cut.gone),
                None => "nothing".to_owned(),
            };
            assert_eq!(found, expected, "{edges}");
        }
    }

    #[test]
    fn a_ladder_with_a_million_ways_answers_at_once() {
        let mut edges = String::from("P>a0 P>b0 ");
        for rung in 0..20 {
            for (from, to) in [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")] {
                edges.push_str(&format!("{from}{rung}>{to}{} ", rung + 1));
            }
        }
        let graph = graph(&edges);
        let to = NodeId::Component(Purl::pypi(&PackageName::new("a20").unwrap(), Some("1")));
        let found = graph.routes().paths(&to, 5);
        assert_eq!((found.paths.len(), found.more), (5, true));
        assert!(found.paths.iter().all(|path| path.len() == 22));
    }
}
