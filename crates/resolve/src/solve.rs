//! PubGrub over the releases of packages: finds a solution if there is one, or proves that there is none.
//!
//! Versions are the places of releases in their listing, and a requirement is the set of places that it allows, so that
//! every rule of PEP 440 holds exactly as the specifier states it, and the solver compares nothing but numbers.
//!
//! Source: the documentation of the crate `pubgrub` 0.4; N. Weizenbaum, *PubGrub: Next-Generation Version Solving*.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use pubgrub::{
    Dependencies, DependencyConstraints, DependencyProvider, DerivationTree, PackageResolutionStatistics,
    PubGrubError, Ranges,
};
use weighbridge_advisory::pep440::Version;
use weighbridge_core::name::PackageName;

use crate::explain;
use crate::listing::{Listing, Release};
use crate::packages::Packages;
use crate::problem::{Failure, Problem, Resolution};
use crate::shelf::{Ask, Demand, Key, Shelf, Subject};

/// Finds a solution: the newest versions that fit together, with those preferred that the problem prefers.
///
/// # Errors
/// [`Failure`]; a [`Failure::Conflict`] is proved.
pub fn solve(problem: &Problem<'_>, packages: &dyn Packages) -> Result<Resolution, Failure> {
    solve_on(&Shelf::new(problem, packages), &Manner::default()).map_err(Into::into)
}

/// How a solution is looked for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Manner<'a> {
    /// What there is now. With it, a package stays as it is, or away, unless it is free.
    pub(crate) keep: Option<Keep<'a>>,
    /// Releases that are decided.
    pub(crate) decided: Option<&'a BTreeMap<PackageName, usize>>,
    /// What must not be taken.
    pub(crate) forbids: Option<&'a Forbids<'a>>,
}

/// Says for each release of a package whether it must not be taken.
pub(crate) type Forbids<'a> = dyn Fn(&PackageName, &Listing) -> Rc<Vec<bool>> + 'a;

/// What stays as it is.
#[derive(Clone, Copy)]
pub(crate) struct Keep<'a> {
    /// What there is now.
    pub(crate) current: &'a BTreeMap<PackageName, Version>,
    /// What may move; none for everything.
    pub(crate) free: Option<&'a BTreeSet<PackageName>>,
}

/// Why there is no solution, with the proof.
pub(crate) enum Unsolved {
    /// The proof, which reads itself with what the shelf knows.
    Proof(Box<Proof>),
    /// Anything else.
    Failure(Failure),
}

/// The proof that there is no solution.
pub(crate) struct Proof {
    pub(crate) tree: Tree,
    /// How the requirements in it were written.
    pub(crate) texts: Texts,
    /// The proof in plain words.
    pub(crate) lines: Vec<String>,
}

pub(crate) type Tree = DerivationTree<Node, Ranges<u32>, String>;

impl From<Unsolved> for Failure {
    fn from(unsolved: Unsolved) -> Self {
        match unsolved {
            Unsolved::Proof(proof) => Self::Conflict(proof.lines),
            Unsolved::Failure(failure) => failure,
        }
    }
}

impl From<Failure> for Unsolved {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Solves in this manner, with what is known already.
pub(crate) fn solve_on(shelf: &Shelf<'_>, manner: &Manner<'_>) -> Result<Resolution, Unsolved> {
    let provider = Provider::new(shelf, *manner);
    match pubgrub::resolve(&provider, Node::root(), 0u32) {
        Ok(selected) => {
            let chosen: BTreeMap<Key, usize> = selected
                .iter()
                .filter_map(|(node, place)| Some((node.key?, usize::try_from(*place).ok()?)))
                .collect();
            let unsound =
                || Failure::Conflict(vec!["the solution that was found did not stand the check".into()]);
            Ok(shelf.finish(&chosen)?.ok_or_else(unsound)?)
        }
        Err(PubGrubError::NoSolution(tree)) => {
            let texts = provider.texts.take();
            let lines = explain::lines(&tree, shelf, &texts, manner);
            Err(Unsolved::Proof(Box::new(Proof { tree, texts, lines })))
        }
        Err(
            PubGrubError::ErrorRetrievingDependencies { source, .. }
            | PubGrubError::ErrorChoosingVersion { source, .. }
            | PubGrubError::ErrorInShouldCancel(source),
        ) => Err(source.into()),
    }
}

/// A package in the eyes of the solver; no key for the problem itself.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Node {
    pub(crate) key: Option<Key>,
    text: Arc<str>,
}

impl Node {
    fn root() -> Self {
        Self { key: None, text: "the project".into() }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// How requirements were written: by who asks (key and release, none for the problem) and what is asked for.
pub(crate) type Texts = BTreeMap<(Option<(Key, usize)>, Key), BTreeSet<String>>;

struct Provider<'s, 'p> {
    shelf: &'s Shelf<'p>,
    manner: Manner<'s>,
    steps: Cell<usize>,
    /// Packages of which somebody named a pre-release.
    early: RefCell<BTreeSet<PackageName>>,
    /// Packages of which somebody named one version.
    pinned: RefCell<BTreeSet<PackageName>>,
    /// The place of what the user asked for in the user's list.
    order: RefCell<BTreeMap<Key, usize>>,
    texts: RefCell<Texts>,
}

impl<'s, 'p> Provider<'s, 'p> {
    fn new(shelf: &'s Shelf<'p>, manner: Manner<'s>) -> Self {
        Self {
            shelf,
            manner,
            steps: Cell::default(),
            early: RefCell::default(),
            pinned: RefCell::default(),
            order: RefCell::default(),
            texts: RefCell::default(),
        }
    }

    fn node(&self, key: Key) -> Node {
        Node { key: Some(key), text: Arc::clone(&self.shelf.subject(key).text) }
    }

    /// The sets that are asked for, one for each package.
    fn constraints(
        &self,
        asker: Option<(Key, usize)>,
        asks: &[Rc<Ask>],
    ) -> Result<DependencyConstraints<Node, Ranges<u32>>, Failure> {
        let mut sets: BTreeMap<Key, Ranges<u32>> = BTreeMap::new();
        for ask in asks {
            let subject = self.shelf.subject(ask.key);
            let listing = self.shelf.listing(&subject.name)?;
            if let Demand::Clauses(clauses) = &ask.demand {
                if clauses.names_prerelease {
                    self.early.borrow_mut().insert(subject.name.clone());
                }
                if clauses.pins {
                    self.pinned.borrow_mut().insert(subject.name.clone());
                }
            }
            let mut texts = self.texts.borrow_mut();
            let text = match self.shelf.constrained(&subject.name) {
                Some(bounds) => format!("{} (constrained to {bounds})", ask.text),
                None => ask.text.to_string(),
            };
            texts.entry((asker, ask.key)).or_default().insert(text);
            let set = places(&ask.demand, &listing);
            let known = sets.entry(ask.key).or_insert_with(Ranges::full);
            *known = known.intersection(&set);
        }
        Ok(sets.into_iter().map(|(key, set)| (self.node(key), set)).collect())
    }

    /// The releases in a range that may be taken, the best first.
    fn candidates(&self, subject: &Subject, listing: &Listing, range: &Ranges<u32>) -> Vec<usize> {
        let name = &subject.name;
        let forbidden = self.manner.forbids.map(|forbids| forbids(name, listing));
        let is_forbidden =
            |place: usize| forbidden.as_ref().is_some_and(|forbidden| forbidden.get(place) == Some(&true));
        let all: Vec<(usize, &Release)> = listing
            .releases
            .iter()
            .enumerate()
            .filter(|(place, _)| range.contains(&number(*place)))
            .filter(|(place, _)| !is_forbidden(*place))
            .collect();
        let has = |wanted: usize| all.iter().any(|(place, _)| *place == wanted);
        if let Some(decided) = self.manner.decided.and_then(|decided| decided.get(name)) {
            return if has(*decided) { vec![*decided] } else { Vec::new() };
        }
        let mut preferred = self.shelf.problem.preferred.get(name);
        if let Some(keep) = self.manner.keep {
            let current = keep.current.get(name).and_then(|version| listing.find(version));
            if keep.free.is_some_and(|free| !free.contains(name)) {
                return current.filter(|current| has(*current)).into_iter().collect();
            }
            preferred = keep.current.get(name);
        }
        let early = self.early.borrow().contains(name)
            || preferred.is_some_and(Version::is_prerelease)
            || all.iter().all(|(_, release)| release.version.is_prerelease());
        let mut ordered: Vec<(usize, &Release)> = match preferred {
            Some(version) => by_distance(&all, version),
            None => all.iter().rev().copied().collect(),
        };
        if !early {
            // Not left out: they may be all that fits what is asked for later.
            ordered.sort_by_key(|(_, release)| release.version.is_prerelease());
        }
        let takes_yanked =
            self.pinned.borrow().contains(name) && ordered.iter().all(|(_, release)| release.yanked);
        let is_kept = |release: &Release| preferred == Some(&release.version);
        ordered.retain(|(_, release)| takes_yanked || !release.yanked || is_kept(release));
        ordered.into_iter().map(|(place, _)| place).collect()
    }
}

/// The nearest to a version first: upwards before downwards, and on the way what need not be built before what must, of
/// which nobody knows what it needs.
pub(crate) fn by_distance<'l>(all: &[(usize, &'l Release)], version: &Version) -> Vec<(usize, &'l Release)> {
    let (mut below, mut above): (Vec<_>, Vec<_>) =
        all.iter().copied().partition(|(_, it)| it.version < *version);
    below.reverse();
    for side in [&mut above, &mut below] {
        side.sort_by_key(|(_, it)| it.is_source && it.version != *version);
    }
    above.into_iter().chain(below).collect()
}

/// The places that a demand allows. Neighbours become one span, and a span that reaches the first or last release has
/// no end there, so that equal demands are equal sets.
fn places(demand: &Demand, listing: &Listing) -> Ranges<u32> {
    let count = listing.releases.len();
    if count == 0 {
        return Ranges::full();
    }
    let mut set = Ranges::empty();
    let mut place = 0;
    while place < count {
        if !demand.allows(place) {
            place += 1;
            continue;
        }
        let start = place;
        while place < count && demand.allows(place) {
            place += 1;
        }
        set = set.union(&match (start, place == count) {
            (0, true) => Ranges::full(),
            (0, false) => Ranges::strictly_lower_than(number(place)),
            (start, true) => Ranges::higher_than(number(start)),
            (start, false) => Ranges::between(number(start), number(place)),
        });
    }
    set
}

/// Places are numbers of files of one project, of which no reader takes more than fit.
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

impl DependencyProvider for Provider<'_, '_> {
    type P = Node;
    type V = u32;
    type VS = Ranges<u32>;
    type Priority = (bool, bool, u32, Reverse<usize>, Reverse<Arc<str>>);
    type M = String;
    type Err = Failure;

    fn prioritize(
        &self,
        node: &Node,
        range: &Ranges<u32>,
        conflicts: &PackageResolutionStatistics,
    ) -> Self::Priority {
        let Some(key) = node.key else {
            return (true, true, u32::MAX, Reverse(0), Reverse(Arc::clone(&node.text)));
        };
        // Where there is no choice nothing can be chosen wrongly.
        let is_single = range.as_singleton().is_some();
        // Fewer conflicts say little, and would change the order for nothing.
        let conflicts = Some(conflicts.conflict_count()).filter(|count| *count >= 5).unwrap_or(0);
        let is_bounded = range.bounding_range().is_some_and(|(_, end)| end != std::ops::Bound::Unbounded);
        let order = self.order.borrow().get(&key).copied().unwrap_or(usize::MAX);
        (is_single, is_bounded, conflicts, Reverse(order), Reverse(Arc::clone(&node.text)))
    }

    fn choose_version(&self, node: &Node, range: &Ranges<u32>) -> Result<Option<u32>, Failure> {
        let Some(key) = node.key else { return Ok(Some(0)) };
        let subject = self.shelf.subject(key);
        let listing = self.shelf.listing(&subject.name)?;
        Ok(self.candidates(&subject, &listing, range).first().map(|place| number(*place)))
    }

    fn get_dependencies(
        &self,
        node: &Node,
        place: &u32,
    ) -> Result<Dependencies<Node, Ranges<u32>, String>, Failure> {
        let Some(key) = node.key else {
            let roots = self.shelf.roots()?;
            for (place, ask) in roots.iter().enumerate() {
                self.order.borrow_mut().entry(ask.key).or_insert(place);
            }
            return Ok(Dependencies::Available(self.constraints(None, &roots)?));
        };
        let release = usize::try_from(*place).unwrap_or(usize::MAX);
        let asks = self.shelf.asks(key, release)?;
        if let Some(pythons) = &asks.other_python {
            return Ok(Dependencies::Unavailable(format!("needs Python {pythons}")));
        }
        Ok(Dependencies::Available(self.constraints(Some((key, release)), &asks.list)?))
    }

    fn should_cancel(&self) -> Result<(), Failure> {
        let steps = self.steps.get();
        if self.shelf.problem.cancel.is_cancelled() {
            return Err(Failure::Cancelled);
        }
        if steps >= self.shelf.problem.most_steps {
            return Err(Failure::Steps(steps));
        }
        self.steps.set(steps.saturating_add(1));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_need_not_be_built_is_nearer() {
        let release = |text: &str| {
            let (version, is_source) = text.strip_prefix('s').map_or((text, false), |text| (text, true));
            Release { version: Version::parse(version).unwrap(), yanked: false, file: 0, is_source }
        };
        let order = |texts: &[&str], from: &str| {
            let releases: Vec<Release> = texts.iter().map(|text| release(text)).collect();
            let all: Vec<(usize, &Release)> = releases.iter().enumerate().collect();
            let ordered = by_distance(&all, &Version::parse(from).unwrap());
            ordered.iter().map(|(_, it)| it.version.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(order(&["1", "2", "3", "4"], "2"), "2 3 4 1");
        // What is there stays the nearest, whatever it is.
        assert_eq!(order(&["s1", "2", "s3", "s4", "5", "6"], "3"), "3 5 6 4 2 1");
        assert_eq!(order(&["1", "s2", "s3"], "3"), "3 1 2");
    }
}
