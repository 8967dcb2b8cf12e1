//! The smallest change that mends findings.
//!
//! What is wanted, in this order:
//!
//! 1. No package gets a flaw of the stated severity or above that it does not have now.
//! 2. As many flaws as possible go, the most severe first. That one of them goes is decided by solving: once for all
//!    together, and only if that fails one after the other.
//! 3. As few packages as possible change or are added. Everything is kept as it is but for what has a flaw; if that cannot
//!    be solved, the proof names what was kept in the way. One of *those* has to give way, so the search branches over
//!    them and nothing else, the smallest sets first. What it finds first is smallest.
//! 4. The jumps are as small as possible: upwards to the nearest release before downwards, one package after the other; past
//!    a release that would have to be built from source to one that has a wheel.
//!
//! Nothing moves to an older version than it has, but what was yanked or [may fall](Wish::falls): what is older lacks what
//! the project is written for, and what is wrong with it has had less time to be found.
//!
//! What is there now and nobody asks for counts as asked for: somebody installed it by hand.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::rc::Rc;

use pubgrub::External;
use weighbridge_advisory::pep440::{Specifiers, Version};
use weighbridge_advisory::pep508::Requirement;
use weighbridge_core::finding::Severity;
use weighbridge_core::name::PackageName;

use crate::explain;
use crate::listing::{Listing, Release};
use crate::packages::Packages;
use crate::problem::{Failure, Gap, Problem, Resolution};
use crate::shelf::{Key, Shelf};
use crate::solve::{Keep, Manner, Proof, Unsolved, by_distance, solve_on};

/// What is to be mended.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// What is asked for; [`Problem::preferred`] is not looked at.
    pub problem: &'a Problem<'a>,
    /// What there is now: installed or locked. The index lists these versions, or whoever answers for it adds them.
    pub current: &'a BTreeMap<PackageName, Version>,
    /// The flaws of a version.
    pub flaws: &'a dyn Fn(&PackageName, &Version) -> Vec<Flaw>,
    /// Whether a package may move to an older version. What was yanked may, whatever this says.
    pub falls: &'a dyn Fn(&PackageName) -> bool,
    /// Milder flaws are left alone.
    pub from: Severity,
}

/// Something wrong with a version of a package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Flaw {
    /// Its name, such as a CVE id.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
}

/// A flaw of a package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Flawed {
    /// The package.
    pub name: PackageName,
    /// The flaw.
    pub flaw: Flaw,
}

/// What to change, what that mends, and what it does not.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Plan {
    /// The changes, by name.
    pub moves: Vec<Move>,
    /// Flaws that go, milder ones too.
    pub clears: BTreeSet<Flawed>,
    /// Flaws that stay, the most severe first, and why.
    pub stays: Vec<(Flawed, Why)>,
    /// Milder flaws that come.
    pub brings: BTreeSet<Flawed>,
    /// What was not known when this was planned.
    pub gaps: BTreeSet<Gap>,
    /// False if the search for the fewest changes was given up: fewer might do.
    pub is_smallest: bool,
}

/// The change of one package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    /// The package.
    pub name: PackageName,
    /// Its version now; none if it is added.
    pub from: Option<Version>,
    /// Its version then; none if nothing needs it any more.
    pub to: Option<Version>,
}

impl Move {
    /// Whether it goes to an older version.
    pub fn is_down(&self) -> bool {
        matches!((&self.from, &self.to), (Some(from), Some(to)) if to < from)
    }
}

/// Why a flaw stays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// Every version has it.
    NoFix,
    /// The versions without it cannot be used; the newest of them, and why.
    Unusable(Version, String),
    /// The versions without it have others that are as bad; the newest of them, and one of those.
    Worse(Version, String),
    /// The versions without it were yanked; the newest of them.
    Yanked(Version),
    /// The versions without it are older than the one at hand; the newest of them.
    Older(Version),
    /// Something asks for versions that have it.
    Blocked {
        /// Who asks for what.
        by: String,
        /// The whole proof, a line each.
        proof: Vec<String>,
    },
    /// Something inside the package has it, and no version is known without it; why, in words. Never the planner's own answer.
    Carried(String),
    /// No answer within the limits.
    Undecided(String),
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFix => out.write_str("no fixed version"),
            Self::Unusable(version, reason) => write!(out, "{version} {reason}"),
            Self::Worse(version, id) => write!(out, "{version} has {id}"),
            Self::Yanked(version) => write!(out, "{version} was yanked"),
            Self::Older(version) => write!(out, "only older versions are clean, up to {version}"),
            Self::Blocked { by, .. } => write!(out, "blocked: {by}"),
            Self::Carried(reason) | Self::Undecided(reason) => out.write_str(reason),
        }
    }
}

/// Most attempts to find the fewest changes, and most equals among which the smallest jumps are looked for.
const MOST_ATTEMPTS: usize = 1_000;
const MOST_EQUALS: usize = 16;

/// Plans the smallest change.
///
/// # Errors
/// [`Failure`]: what there is now cannot be kept or mended at all, or it could not be looked for.
pub fn plan(wish: &Wish<'_>, packages: &dyn Packages) -> Result<Plan, Failure> {
    let mut roots = wish.problem.roots.to_vec();
    roots.extend(by_hand(wish, packages)?);
    let nothing = BTreeMap::new();
    let problem = Problem { roots: &roots, preferred: &nothing, ..wish.problem.clone() };
    let planner = Planner { wish, shelf: Shelf::new(&problem, packages), flaws: RefCell::default() };
    planner.plan()
}

/// What is there and nobody asks for, as requirements.
fn by_hand(wish: &Wish<'_>, packages: &dyn Packages) -> Result<Vec<Requirement>, Failure> {
    let shelf = Shelf::new(wish.problem, packages);
    let mut open: Vec<Key> = shelf.roots()?.iter().map(|ask| ask.key).collect();
    let mut reached: BTreeSet<Key> = BTreeSet::new();
    while let Some(key) = open.pop() {
        if !reached.insert(key) {
            continue;
        }
        let name = shelf.subject(key).name.clone();
        let listing = shelf.listing(&name)?;
        if let Some(release) = wish.current.get(&name).and_then(|version| listing.find(version)) {
            open.extend(shelf.asks(key, release)?.list.iter().map(|ask| ask.key));
        }
    }
    let reached: BTreeSet<PackageName> =
        reached.into_iter().map(|key| shelf.subject(key).name.clone()).collect();
    let mut found = Vec::new();
    for (name, version) in wish.current.iter().filter(|(name, _)| !reached.contains(*name)) {
        if shelf.listing(name)?.find(version).is_some() {
            let (extras, specifiers) = (Vec::new(), Specifiers::default());
            found.push(Requirement { name: name.clone(), extras, specifiers, url: None, marker: None });
        }
    }
    Ok(found)
}

/// Flaws that must go, by package.
type Targets = BTreeMap<PackageName, BTreeSet<String>>;

/// How good a way is, the best first: its jumps, the largest first, and what moves.
type Rank = (Vec<Jump>, BTreeSet<PackageName>);

struct Planner<'w> {
    wish: &'w Wish<'w>,
    shelf: Shelf<'w>,
    /// The flaws that count of each release of a package.
    flaws: RefCell<BTreeMap<PackageName, Rc<Vec<BTreeSet<Flaw>>>>>,
}

/// A way to reach the targets.
struct Way {
    free: BTreeSet<PackageName>,
    resolution: Resolution,
}

impl Planner<'_> {
    fn plan(&self) -> Result<Plan, Failure> {
        let mut flawed: Vec<Flawed> = Vec::new();
        for (name, version) in self.wish.current {
            let flaws = (self.wish.flaws)(name, version).into_iter();
            let counting = flaws.filter(|flaw| flaw.severity >= self.wish.from);
            flawed.extend(counting.map(|flaw| Flawed { name: name.clone(), flaw }));
        }
        flawed.sort_by(|a, b| {
            (b.flaw.severity, &a.name, &a.flaw.id).cmp(&(a.flaw.severity, &b.name, &b.flaw.id))
        });
        flawed.dedup();
        let (targets, stays) = self.targets(&flawed)?;
        let (way, is_smallest) = self.fewest(&targets)?;
        let mut plan = Plan { stays, is_smallest, gaps: way.resolution.gaps.clone(), ..Plan::default() };
        self.tell_moves(&way, &mut plan);
        Ok(plan)
    }

    /// The flaws that can go together, and why the others stay.
    fn targets(&self, flawed: &[Flawed]) -> Result<(Targets, Vec<(Flawed, Why)>), Failure> {
        let mut all = Targets::new();
        for one in flawed {
            all.entry(one.name.clone()).or_default().insert(one.flaw.id.clone());
        }
        match self.solve(&all, None, None) {
            Ok(_) => return Ok((all, Vec::new())),
            Err(Unsolved::Failure(failure @ (Failure::Unasked { .. } | Failure::Cancelled))) => {
                return Err(failure);
            }
            Err(_) => {}
        }
        let mut targets = Targets::new();
        let mut stays = Vec::new();
        for one in flawed {
            let mut more = targets.clone();
            more.entry(one.name.clone()).or_default().insert(one.flaw.id.clone());
            match self.solve(&more, None, None) {
                Ok(_) => targets = more,
                Err(Unsolved::Proof(proof)) => stays.push((one.clone(), self.why(one, &proof)?)),
                Err(Unsolved::Failure(failure @ (Failure::Steps(_) | Failure::Conflict(_)))) => {
                    stays.push((one.clone(), Why::Undecided(failure.to_string())));
                }
                Err(Unsolved::Failure(failure)) => return Err(failure),
            }
        }
        Ok((targets, stays))
    }

    /// Why a flaw cannot go, where this proves it.
    fn why(&self, one: &Flawed, proof: &Proof) -> Result<Why, Failure> {
        let listing = self.shelf.listing(&one.name)?;
        let has_it = |version: &Version| {
            (self.wish.flaws)(&one.name, version).iter().any(|flaw| flaw.id == one.flaw.id)
        };
        let floor = self.floor(&one.name, &listing);
        let (older, without): (Vec<(usize, &Release)>, Vec<_>) = (listing.releases.iter().enumerate())
            .filter(|(_, it)| !has_it(&it.version))
            .partition(|(place, _)| *place < floor);
        let barred = self.barred(&one.name, &listing, &Targets::new());
        if without.is_empty() {
            let now = self.wish.current.get(&one.name);
            let usable = |version: &Version| floor == 0 || now.is_none_or(|now| version > now);
            let unusable = listing.unusable.iter().rev();
            let unusable = unusable.filter(|(version, _)| usable(version)).find(|(it, _)| !has_it(it));
            let is_new = self.new_flaws(&one.name, &listing);
            let older = older.iter().rev().find(|(place, it)| !it.yanked && is_new(*place).is_none());
            return Ok(match (unusable, older) {
                (Some((version, why)), _) => Why::Unusable(version.clone(), explain::reason(why)),
                (None, Some((_, release))) => Why::Older(release.version.clone()),
                (None, None) => Why::NoFix,
            });
        }
        let sound: Vec<(usize, &Release)> =
            without.iter().copied().filter(|(place, _)| barred.get(*place) == Some(&false)).collect();
        let Some((_, newest)) = sound.last() else {
            let Some((place, release)) = without.last().copied() else { return Ok(Why::NoFix) };
            let id = self.new_flaws(&one.name, &listing)(place).unwrap_or_default();
            return Ok(Why::Worse(release.version.clone(), id));
        };
        if sound.iter().all(|(_, release)| release.yanked) {
            return Ok(Why::Yanked(newest.version.clone()));
        }
        let places = sound.iter().map(|(place, _)| *place).collect();
        let by = explain::blocking(proof, &self.shelf, &one.name, &places, &self.everything_free());
        let by = by.or_else(|| proof.lines.first().cloned()).unwrap_or_default();
        Ok(Why::Blocked { by, proof: proof.lines.clone() })
    }

    /// The fewest packages that must be free to move, and where they go then; false if fewer might do.
    fn fewest(&self, targets: &Targets) -> Result<(Way, bool), Failure> {
        let forced: BTreeSet<PackageName> = targets.keys().cloned().collect();
        let mut open = VecDeque::from([forced.clone()]);
        let mut seen = BTreeSet::from([forced]);
        let mut found: Vec<Way> = Vec::new();
        let mut attempts = 0;
        while let Some(free) = open.pop_front() {
            // Sets come in the order of their sizes: the first that will do is smallest.
            let is_larger = found.first().is_some_and(|way| way.free.len() < free.len());
            if is_larger || found.len() >= MOST_EQUALS {
                break;
            }
            attempts += 1;
            if attempts > MOST_ATTEMPTS {
                if found.is_empty() {
                    return Ok((self.any_way(targets)?, false));
                }
                break;
            }
            match self.solve(targets, Some(&free), None) {
                Ok(resolution) => found.push(Way { free, resolution }),
                Err(Unsolved::Proof(proof)) => {
                    for name in self.in_the_way(&proof, &free) {
                        let mut more = free.clone();
                        more.insert(name);
                        if seen.insert(more.clone()) {
                            open.push_back(more);
                        }
                    }
                }
                Err(Unsolved::Failure(Failure::Steps(_))) => {}
                Err(Unsolved::Failure(failure)) => return Err(failure),
            }
        }
        let mut best: Option<(Rank, Way)> = None;
        for way in found {
            let way = self.nearest(targets, way)?;
            let mut jumps: Vec<Jump> = way
                .free
                .iter()
                .map(|name| self.jump(name, way.resolution.picks.get(name).map(|it| &it.version)))
                .collect();
            jumps.sort_by(|a, b| b.cmp(a));
            let rank = (jumps, way.free.clone());
            if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                best = Some((rank, way));
            }
        }
        match best {
            Some((_, way)) => Ok((way, true)),
            None => Ok((self.any_way(targets)?, false)),
        }
    }

    /// A solution in which everything may move, but nothing moves without need.
    fn any_way(&self, targets: &Targets) -> Result<Way, Failure> {
        let resolution = self.solve(targets, None, None)?;
        let free = resolution
            .picks
            .iter()
            .filter(|(name, pick)| self.wish.current.get(*name) != Some(&pick.version))
            .map(|(name, _)| name.clone());
        Ok(Way { free: free.chain(targets.keys().cloned()).collect(), resolution })
    }

    /// What was kept and stands in the way, by the proof.
    fn in_the_way(&self, proof: &Proof, free: &BTreeSet<PackageName>) -> BTreeSet<PackageName> {
        let leaves = explain::leaves(&proof.tree).into_iter();
        let without_versions = leaves.filter_map(|leaf| match leaf {
            External::NoVersions(node, _) => Some(self.shelf.subject(node.key?).name.clone()),
            _ => None,
        });
        without_versions.filter(|name| !free.contains(name)).collect()
    }

    /// Brings each package that moves as near to where it is as can be, one after the other.
    fn nearest(&self, targets: &Targets, mut way: Way) -> Result<Way, Failure> {
        let mut decided: BTreeMap<PackageName, usize> = BTreeMap::new();
        let forced = way.free.iter().filter(|name| targets.contains_key(*name));
        let others = way.free.iter().filter(|name| !targets.contains_key(*name));
        let names: Vec<PackageName> = forced.chain(others).cloned().collect();
        for name in names {
            let listing = self.shelf.listing(&name)?;
            let Some(here) = way.resolution.picks.get(&name).and_then(|pick| listing.find(&pick.version))
            else {
                continue;
            };
            let all: Vec<(usize, &Release)> = listing.releases.iter().enumerate().collect();
            let ordered = match self.wish.current.get(&name) {
                Some(version) => by_distance(&all, version),
                None => all.into_iter().rev().collect(),
            };
            let barred = self.barred(&name, &listing, targets);
            let nearer = ordered.into_iter().map(|(place, _)| place).take_while(|place| *place != here);
            let mut best = here;
            for place in nearer.filter(|place| barred.get(*place) == Some(&false)) {
                decided.insert(name.clone(), place);
                match self.solve(targets, Some(&way.free), Some(&decided)) {
                    Ok(resolution) if resolution.picks.contains_key(&name) => {
                        way.resolution = resolution;
                        best = place;
                        break;
                    }
                    Ok(_) | Err(Unsolved::Proof(_) | Unsolved::Failure(Failure::Steps(_))) => {}
                    Err(Unsolved::Failure(failure)) => return Err(failure),
                }
            }
            decided.insert(name, best);
        }
        Ok(way)
    }

    fn solve(
        &self,
        targets: &Targets,
        free: Option<&BTreeSet<PackageName>>,
        decided: Option<&BTreeMap<PackageName, usize>>,
    ) -> Result<Resolution, Unsolved> {
        let known: RefCell<BTreeMap<PackageName, Rc<Vec<bool>>>> = RefCell::default();
        let forbids = |name: &PackageName, listing: &Listing| {
            let mut known = known.borrow_mut();
            Rc::clone(
                known.entry(name.clone()).or_insert_with(|| Rc::new(self.barred(name, listing, targets))),
            )
        };
        let keep = Some(Keep { current: self.wish.current, free });
        solve_on(&self.shelf, &Manner { keep, decided, forbids: Some(&forbids) })
    }

    fn everything_free(&self) -> Manner<'_> {
        Manner { keep: Some(Keep { current: self.wish.current, free: None }), ..Manner::default() }
    }

    /// The place of the oldest release that a package may have.
    fn floor(&self, name: &PackageName, listing: &Listing) -> usize {
        let now = self.wish.current.get(name).and_then(|version| listing.find(version));
        let is_yanked = |place: &usize| listing.releases.get(*place).is_some_and(|it| it.yanked);
        now.filter(|now| !is_yanked(now) && !(self.wish.falls)(name)).unwrap_or(0)
    }

    /// Says of a release of a package which flaw it has that the package does not have now.
    fn new_flaws(&self, name: &PackageName, listing: &Listing) -> impl Fn(usize) -> Option<String> + use<> {
        let (now, flaws) = (self.now(name), self.counting(name, listing));
        move |place| {
            let new = flaws.get(place)?.iter().find(|flaw| !now.contains(&flaw.id))?;
            Some(new.id.clone())
        }
    }

    /// For each release, whether it is too old, has a flaw that must go, or a new one.
    fn barred(&self, name: &PackageName, listing: &Listing, targets: &Targets) -> Vec<bool> {
        let now = self.now(name);
        let gone = targets.get(name);
        let is_barred =
            |flaw: &Flaw| !now.contains(&flaw.id) || gone.is_some_and(|gone| gone.contains(&flaw.id));
        let floor = self.floor(name, listing);
        let counting = self.counting(name, listing);
        let places = counting.iter().enumerate();
        places.map(|(place, flaws)| place < floor || flaws.iter().any(is_barred)).collect()
    }

    /// The flaws that count of each release.
    fn counting(&self, name: &PackageName, listing: &Listing) -> Rc<Vec<BTreeSet<Flaw>>> {
        if let Some(known) = self.flaws.borrow().get(name) {
            return Rc::clone(known);
        }
        let of = |release: &Release| {
            let flaws = (self.wish.flaws)(name, &release.version).into_iter();
            flaws.filter(|flaw| flaw.severity >= self.wish.from).collect()
        };
        let flaws: Rc<Vec<BTreeSet<Flaw>>> = Rc::new(listing.releases.iter().map(of).collect());
        self.flaws.borrow_mut().insert(name.clone(), Rc::clone(&flaws));
        flaws
    }

    /// The ids of the flaws that a package has now.
    fn now(&self, name: &PackageName) -> BTreeSet<String> {
        let flaws = self.wish.current.get(name).map(|version| (self.wish.flaws)(name, version));
        flaws.unwrap_or_default().into_iter().map(|flaw| flaw.id).collect()
    }

    fn jump(&self, name: &PackageName, to: Option<&Version>) -> Jump {
        match (self.wish.current.get(name), to) {
            (Some(from), Some(to)) if to < from => Jump::Down,
            (Some(from), Some(to)) => {
                let at = |version: &Version, index: usize| version.release().get(index).copied().unwrap_or(0);
                let differs = |index| at(from, index) != at(to, index);
                match (from.epoch() != to.epoch() || differs(0), differs(1)) {
                    (true, _) => Jump::Major,
                    (false, true) => Jump::Minor,
                    (false, false) => Jump::Patch,
                }
            }
            (None, Some(_)) => Jump::Added,
            (_, None) => Jump::None,
        }
    }

    fn tell_moves(&self, way: &Way, plan: &mut Plan) {
        let picks = &way.resolution.picks;
        let names: BTreeSet<&PackageName> = self.wish.current.keys().chain(picks.keys()).collect();
        for name in names {
            let from = self.wish.current.get(name);
            let to = picks.get(name).map(|pick| &pick.version);
            if from == to {
                continue;
            }
            let flaws = |version: Option<&Version>| -> BTreeSet<Flaw> {
                version
                    .map(|version| (self.wish.flaws)(name, version))
                    .unwrap_or_default()
                    .into_iter()
                    .collect()
            };
            let (before, after) = (flaws(from), flaws(to));
            let flawed = |flaw: &Flaw| Flawed { name: name.clone(), flaw: flaw.clone() };
            plan.clears.extend(before.difference(&after).map(flawed));
            plan.brings.extend(after.difference(&before).map(flawed));
            plan.moves.push(Move { name: name.clone(), from: from.cloned(), to: to.cloned() });
        }
        // What could not be decided may go all the same.
        let clears = &plan.clears;
        plan.stays.retain(|(flawed, _)| !clears.contains(flawed));
    }
}

/// How far a package moves, the least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Jump {
    None,
    Patch,
    Minor,
    Major,
    Added,
    Down,
}
