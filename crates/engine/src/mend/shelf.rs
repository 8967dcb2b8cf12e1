//! What is known of the wheels of one package, version by version, and which of them is worth moving to.

use std::collections::BTreeMap;

use weighbridge_advisory::pep440::Version;
use weighbridge_core::finding::Severity;
use weighbridge_core::knowledge::Vulnerability;
use weighbridge_resolve::Flaw;

use super::carried::{Carried, Held, Load};
use super::severity;

/// What is known of the wheels of one package.
pub(super) struct Shelf {
    /// What the version at hand carries.
    pub(super) held: Held,
    /// What is known of that.
    pub(super) now: Load,
    /// What is known of the versions that were looked into, the one at hand among them, and whether all of each was seen.
    looked: BTreeMap<Version, (Load, bool)>,
    /// The version that is as good as it gets, and what it carries still.
    pub(super) best: Option<(Version, Load)>,
    /// Why none is known to be better.
    pub(super) unknown: String,
}

impl Shelf {
    pub(super) fn new(version: &Version, held: Held, now: Load) -> Self {
        let looked = BTreeMap::from([(version.clone(), (now.clone(), true))]);
        Self { held, now, looked, best: None, unknown: String::new() }
    }

    pub(super) fn put(&mut self, version: &Version, load: Load, is_whole: bool) {
        self.looked.insert(version.clone(), (load, is_whole));
    }

    /// Whether all of the wheel of a version was looked at.
    pub(super) fn is_seen(&self, version: &Version) -> bool {
        self.looked.get(version).is_some_and(|(_, is_whole)| *is_whole)
    }

    /// What a version carries: as it was seen, else as the nearest one below it that was ; what is older than all of
    /// them, and everything where nothing better was looked for, as the version at hand.
    pub(super) fn load(&self, version: &Version) -> &Load {
        let mut below = self.looked.range(..=version.clone()).rev();
        match below.next() {
            Some((seen, (load, _))) if self.best.is_some() || seen == version => load,
            _ => &self.now,
        }
    }

    /// Why something that is carried now is there still in the best of the versions; none if it is not.
    pub(super) fn why(&self, id: &str) -> Option<String> {
        let Some((version, load)) = &self.best else { return Some(self.unknown.clone()) };
        let still = load.get(id)?;
        Some(format!("{version} has {} too", still.library))
    }

    /// The flaws of a version that count in a plan, beside those that its own advisories name: not what stays anyway, and what it
    /// brings only if that is worse than what goes.
    pub(super) fn flaws(&self, version: &Version, own: &Own<'_>) -> Vec<Flaw> {
        let load = self.load(version);
        let is_better = own.trade(&self.now, load).is_fair();
        let counts = load.iter().filter(|(id, _)| {
            let is_new = !self.now.contains_key(*id);
            own.then.iter().all(|it| !names(it, id))
                && !(is_new && is_better)
                && (is_new || self.why(id).is_none())
        });
        counts.map(|(id, it)| Flaw { id: id.clone(), severity: severity(&it.vulnerability) }).collect()
    }
}

/// What the advisories of a package itself say of the version at hand and of another one.
pub(super) struct Own<'a> {
    pub(super) now: &'a [Vulnerability],
    pub(super) then: &'a [Vulnerability],
    /// Milder ones do not count.
    pub(super) from: Severity,
}

impl Own<'_> {
    /// What goes and what comes by a move from what is carried `now` to what is `then`.
    pub(super) fn trade(&self, now: &Load, then: &Load) -> Trade {
        let all = |own: &[Vulnerability], load: &Load| -> BTreeMap<String, Severity> {
            let own = own.iter().map(|it| (it.name.clone(), severity(it)));
            let load = load.iter().map(|(id, it)| (id.clone(), severity(&it.vulnerability)));
            own.chain(load).filter(|(_, severity)| *severity >= self.from).collect()
        };
        let (before, after) = (all(self.now, now), all(self.then, then));
        let without = |one: &BTreeMap<String, Severity>, other: &BTreeMap<String, Severity>| {
            one.iter().filter(|(id, _)| !other.contains_key(*id)).map(|(_, severity)| *severity).collect()
        };
        Trade { goes: without(&before, &after), comes: without(&after, &before) }
    }
}

/// How bad what goes is, and what comes.
pub(super) struct Trade {
    pub(super) goes: Vec<Severity>,
    pub(super) comes: Vec<Severity>,
}

impl Trade {
    /// Whether nothing comes, or little: less, and nothing as bad as the worst that goes.
    pub(super) fn is_fair(&self) -> bool {
        self.comes.is_empty()
            || (self.comes.len() < self.goes.len() && self.comes.iter().max() < self.goes.iter().max())
    }
}

/// Whether a vulnerability has this name.
pub(super) fn names(vulnerability: &Vulnerability, id: &str) -> bool {
    vulnerability.name == id || vulnerability.aliases.iter().any(|alias| alias == id)
}

/// The worst of these.
pub(super) fn worst<'l>(
    load: impl Iterator<Item = (&'l String, &'l Carried)>,
) -> Option<(&'l String, &'l Carried)> {
    load.max_by_key(|(id, it)| (severity(&it.vulnerability), it.vulnerability.score, std::cmp::Reverse(*id)))
}
