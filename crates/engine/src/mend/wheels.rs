//! Looks into the wheels of those packages that carry vulnerable libraries, for the nearest version that carries better ones.
//!
//! The newest wheel shows what can be had; the smallest version that is as good is found by halving what lies between, and what
//! was not looked into counts as the nearest older one that was. What the plan takes in the end was looked into as a whole.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_advisory::pep440::Version;
use weighbridge_core::graph::Graph;
use weighbridge_core::name::PackageName;
use weighbridge_core::purl::Purl;
use weighbridge_resolve::plan::{Flawed, Why};
use weighbridge_resolve::{Failure, Flaw, Packages, Plan};

use super::carried::{Held, Load, Whole};
use super::settled::Settled;
use super::shelf::{Own, Shelf, names, worst};
use super::{Mender, severity};

/// Plans of which a wheel may turn out to be worse than was assumed, so that it is planned anew.
const MOST_ROUNDS: usize = 4;
/// Newest versions among which one is looked for that is better than the one at hand.
const MOST_NEWEST: usize = 4;

impl Mender<'_> {
    /// What the packages at hand carry.
    pub(super) fn lay_out(&self, graph: &Graph) {
        let mut shelves = self.shelves.borrow_mut();
        for (name, node) in &self.now.nodes {
            let held = Held::of(graph, node);
            let Some(version) = self.now.versions.get(name).filter(|_| !held.parts.is_empty()) else {
                continue;
            };
            let mut load = self.load(name, &held.parts, &Load::new());
            // What the package's own advisories say is theirs.
            let own = self.vulnerabilities(name, version);
            load.retain(|id, _| own.iter().all(|it| !names(it, id)));
            shelves.insert(name.clone(), Shelf::new(version, held, load));
        }
    }

    fn load(&self, name: &PackageName, parts: &BTreeSet<Purl>, before: &Load) -> Load {
        let accepted = |library: &PackageName, id: &str| {
            [library, name].into_iter().any(|it| self.accepted.contains(&(it.clone(), id.to_owned())))
        };
        self.looking.load(parts, before, &accepted)
    }

    /// Plans, with what the wheels show; and what could not be looked into.
    pub(super) fn with_wheels(
        &self,
        packages: &Settled<'_>,
        libraries: &mut BTreeMap<(PackageName, String), String>,
        plan: impl Fn() -> Result<Plan, Failure>,
    ) -> (Result<Plan, Failure>, Vec<String>) {
        let bad: Vec<PackageName> = (self.shelves.borrow().iter())
            .filter(|(_, shelf)| shelf.now.values().any(|it| severity(&it.vulnerability) >= self.order.from))
            .map(|(name, _)| name.clone())
            .collect();
        for name in &bad {
            self.compare(packages, name);
        }
        let mut unseen = Vec::new();
        let mut rounds = 0;
        let mut planned = loop {
            self.flaws.borrow_mut().clear();
            let planned = match plan() {
                Ok(planned) => planned,
                Err(failure) => return (Err(failure), unseen),
            };
            rounds += 1;
            let open: Vec<(PackageName, Version)> = (planned.moves.iter())
                .filter_map(|it| Some((it.name.clone(), it.to.clone()?)))
                .filter(|(name, to)| self.shelves.borrow().get(name).is_some_and(|shelf| !shelf.is_seen(to)))
                .collect();
            if open.is_empty() || rounds > MOST_ROUNDS {
                let unchecked =
                    open.iter().map(|(name, to)| format!("what the wheel of {name} {to} carries"));
                unseen.extend(unchecked);
                break planned;
            }
            for (name, to) in open {
                if let Err(reason) = self.look(packages, &name, &to, &|_| false) {
                    unseen.push(format!("what the wheel of {name} {to} carries: {reason}"));
                    self.assume(&name, &to);
                }
            }
        };
        self.tell_carried(&mut planned, libraries);
        (Ok(planned), unseen)
    }

    /// Takes for granted that a version carries what an older one does.
    fn assume(&self, name: &PackageName, version: &Version) {
        if let Some(shelf) = self.shelves.borrow_mut().get_mut(name) {
            let load = shelf.load(version).clone();
            shelf.put(version, load, true);
        }
    }

    /// Looks for the smallest version whose wheel is as good as the newest.
    fn compare(&self, packages: &Settled<'_>, name: &PackageName) {
        let unknown = match self.best(packages, name) {
            Ok(()) => return,
            Err(reason) => reason,
        };
        if let Some(shelf) = self.shelves.borrow_mut().get_mut(name) {
            (shelf.best, shelf.unknown) = (None, unknown);
        }
    }

    /// # Errors
    /// Why no better one is known.
    fn best(&self, packages: &Settled<'_>, name: &PackageName) -> Result<(), String> {
        let Some(now) = self.now.versions.get(name) else { return Ok(()) };
        let listing = packages.listing(name).map_err(|unknown| unknown.to_string())?;
        let newer: Vec<&Version> = (listing.releases.iter())
            .filter(|release| !release.yanked && release.file != usize::MAX)
            .map(|release| &release.version)
            .filter(|version| *version > now && (now.is_prerelease() || !version.is_prerelease()))
            .collect();
        let mut worse = String::new();
        let mut good = None;
        for (place, version) in newer.iter().enumerate().rev().take(MOST_NEWEST) {
            let load = self.look(packages, name, version, &|_| false)?;
            let own_now = self.vulnerabilities(name, now);
            let own_then = self.vulnerabilities(name, version);
            let own = Own { now: &own_now, then: &own_then, from: self.order.from };
            let carried = self.shelves.borrow().get(name).map(|shelf| shelf.now.clone()).unwrap_or_default();
            let trade = own.trade(&carried, &load);
            if trade.is_fair() {
                good = Some((place, load, trade.goes.is_empty()));
                break;
            }
            let new = worst(load.iter().filter(|(id, _)| !carried.contains_key(*id)));
            if let (Some((id, it)), true) = (new, worse.is_empty()) {
                worse = format!("{version} has {id} in {}", it.library);
            }
        }
        let Some((place, load, is_vain)) = good else {
            return Err(if worse.is_empty() { "no newer wheel".to_owned() } else { worse });
        };
        if let (Some(version), Some(shelf)) = (newer.get(place), self.shelves.borrow_mut().get_mut(name)) {
            shelf.best = Some(((*version).clone(), load.clone()));
        }
        if is_vain {
            return Ok(());
        }
        let is_as_good = |it: &Load| it.keys().all(|id| load.contains_key(id));
        let (mut low, mut high) = (0, place);
        // All below `low` are worse, and `high` is as good.
        while low < high {
            let middle = low.midpoint(high);
            let Some(version) = newer.get(middle) else { break };
            if is_as_good(&self.look(packages, name, version, &|load| !is_as_good(load))?) {
                high = middle;
            } else {
                low = middle.saturating_add(1);
            }
        }
        Ok(())
    }

    /// Looks into the wheel of a version, and says what is known of what it carries. If a part of it is `enough`, that may be all.
    fn look(
        &self,
        packages: &Settled<'_>,
        name: &PackageName,
        version: &Version,
        enough: &dyn Fn(&Load) -> bool,
    ) -> Result<Load, String> {
        let (stems, now) = match self.shelves.borrow().get(name) {
            Some(shelf) if shelf.is_seen(version) => return Ok(shelf.load(version).clone()),
            Some(shelf) => (shelf.held.stems.clone(), shelf.now.clone()),
            None => Default::default(),
        };
        let listing = packages.listing(name).map_err(|unknown| unknown.to_string())?;
        let release = listing.find(version).and_then(|place| listing.releases.get(place));
        let file = release.and_then(|release| packages.file(name, release.file));
        let file = file.ok_or_else(|| format!("{version} is not on the index"))?;
        let loaded = |parts: &BTreeSet<Purl>| self.load(name, parts, &now);
        let (parts, Whole(is_whole)) =
            self.looking.wheel(name, &file, &stems, &|parts| enough(&loaded(parts)))?;
        let load = loaded(&parts);
        if let Some(shelf) = self.shelves.borrow_mut().get_mut(name) {
            shelf.put(version, load.clone(), is_whole);
        }
        Ok(load)
    }

    /// Adds to a plan what the planner was not asked about: what stays in every wheel, and what comes that is milder.
    fn tell_carried(&self, plan: &mut Plan, libraries: &mut BTreeMap<(PackageName, String), String>) {
        for (name, shelf) in &*self.shelves.borrow() {
            let Some(now) = self.now.versions.get(name) else { continue };
            let to = match plan.moves.iter().find(|it| it.name == *name) {
                Some(moved) => moved.to.as_ref(),
                None => Some(now),
            };
            let flawed = |id: &str, severity| {
                let flaw = Flaw { id: id.to_owned(), severity };
                Flawed { name: name.clone(), flaw }
            };
            let nothing = Load::new();
            let then = to.map_or(&nothing, |to| shelf.load(to));
            for (id, carried) in &shelf.now {
                let flawed = flawed(id, severity(&carried.vulnerability));
                if !then.contains_key(id) {
                    plan.clears.insert(flawed);
                } else if let Some(why) = shelf.why(id).filter(|_| flawed.flaw.severity >= self.order.from) {
                    plan.stays.push((flawed, Why::Carried(why)));
                }
            }
            let own = to.map(|to| self.vulnerabilities(name, to)).unwrap_or_default();
            for (id, carried) in then.iter().filter(|(id, _)| !shelf.now.contains_key(*id)) {
                if own.iter().all(|it| !names(it, id)) {
                    plan.brings.insert(flawed(id, severity(&carried.vulnerability)));
                    libraries.insert((name.clone(), id.clone()), carried.library.clone());
                }
            }
        }
        plan.stays.sort_by(|(a, _), (b, _)| {
            (b.flaw.severity, &a.name, &a.flaw.id).cmp(&(a.flaw.severity, &b.name, &b.flaw.id))
        });
    }
}
