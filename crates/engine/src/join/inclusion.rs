//! Which manifests are taken in by others (`-r`, `-c`), and by whom.
//!
//! A file that another one takes in is a part of that one's project, and of every project that takes it in. It stands for
//! itself where nobody takes it in; and where its name says that people install from it while only files elsewhere do
//! (`docs/requirements.txt` takes in `../requirements.txt`). Of files that take in each other in a circle one stands for
//! all. Constraints alone ask for nothing, and stand for themselves only where nobody uses them.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::fact::Role;
use weighbridge_core::place::{Evidence, Place};

use super::collect::Collected;
use super::installed::is_below;
use super::layout::COMMANDS;

/// Most requirements that count for projects besides those of their own files: files that take in each other multiply,
/// and nobody writes so many.
const MOST: usize = 200_000;

/// Which manifests are parts of which.
#[derive(Default)]
pub(super) struct Inclusion<'a> {
    /// What each file that stands for itself takes in, and what that takes in.
    taken: BTreeMap<&'a Place, Vec<&'a Place>>,
    /// What does not stand for itself.
    parts: BTreeSet<&'a Place>,
}

impl<'a> Inclusion<'a> {
    /// `is_inside` says which places lie among installed packages: nothing in there takes in anything of a project.
    pub(super) fn new(collected: &Collected<'a>, is_inside: impl Fn(&Place) -> bool) -> Self {
        let mut inclusion = Self::default();
        if collected.includes.is_empty() {
            return inclusion;
        }
        let files = Files::new(collected, is_inside);
        let asking = || files.all.values().copied().filter(|place| !files.only_narrows(place));
        let mut left = MOST;
        for host in asking().filter(|place| files.stands(place)) {
            inclusion.take(host, &files, &mut left);
        }
        // Whom none of these takes in is in a circle, or below one: the outermost file stands for it.
        let mut others: Vec<&Place> = asking().filter(|place| !files.stands(place)).collect();
        others.sort_by_key(|place| (place.path.matches('/').count(), *place));
        for host in others {
            if inclusion.stands(host) {
                inclusion.take(host, &files, &mut left);
            }
        }
        let used = reached(asking(), &files.uses);
        inclusion.parts.extend(used.into_iter().filter(|place| files.only_narrows(place)));
        inclusion
    }

    fn take(&mut self, host: &'a Place, files: &Files<'_, 'a>, left: &mut usize) {
        for place in reached([host], &files.takes) {
            let Some(rest) = left.checked_sub(files.count(place)).filter(|_| place != host) else { continue };
            *left = rest;
            self.taken.entry(host).or_default().push(place);
            if !files.stands(place) {
                self.parts.insert(place);
            }
        }
    }

    /// Whether a file stands for itself.
    pub(super) fn stands(&self, place: &Place) -> bool {
        !self.parts.contains(place)
    }

    /// The files that stand for themselves and take in others, with these.
    pub(super) fn hosts(&self) -> impl Iterator<Item = (&'a Place, &[&'a Place])> {
        let hosts = self.taken.iter().filter(|(host, _)| self.stands(host));
        hosts.map(|(host, taken)| (*host, taken.as_slice()))
    }
}

/// Everything that can be reached from these, and they themselves.
fn reached<'a>(
    from: impl IntoIterator<Item = &'a Place>,
    to: &BTreeMap<&'a Place, Vec<&'a Place>>,
) -> BTreeSet<&'a Place> {
    let mut found: BTreeSet<&Place> = from.into_iter().collect();
    let mut open: Vec<&Place> = found.iter().copied().collect();
    while let Some(place) = open.pop() {
        open.extend(to.get(place).into_iter().flatten().filter(|place| found.insert(place)));
    }
    found
}

/// The manifests of a target and what they take in.
struct Files<'c, 'a> {
    collected: &'c Collected<'a>,
    /// By path.
    all: BTreeMap<&'a str, &'a Place>,
    /// What each takes in to ask for what it asks for.
    takes: BTreeMap<&'a Place, Vec<&'a Place>>,
    /// The same, and what it takes in to narrow versions.
    uses: BTreeMap<&'a Place, Vec<&'a Place>>,
    /// Who takes in each of them.
    by: BTreeMap<&'a Place, Vec<&'a Evidence>>,
}

impl<'c, 'a> Files<'c, 'a> {
    fn new(collected: &'c Collected<'a>, is_inside: impl Fn(&Place) -> bool) -> Self {
        let places = collected.requires.keys().chain(collected.includes.keys()).copied();
        let all = places.filter(|place| !is_inside(place)).map(|place| (&*place.path, place)).collect();
        let mut files =
            Self { collected, all, takes: BTreeMap::new(), uses: BTreeMap::new(), by: BTreeMap::new() };
        for (included, evidence) in collected.includes.values().flatten() {
            let ends = (files.all.get(&*evidence.place.path), files.all.get(included.path.as_str()));
            let (Some(from), Some(to)) = ends else { continue };
            let (from, to) = (*from, *to);
            if from == to {
                continue;
            }
            files.uses.entry(from).or_default().push(to);
            // From what is called like a manifest a Dockerfile installs what the project is anyway.
            if !(included.narrows || evidence.reader == COMMANDS && is_named(to)) {
                files.takes.entry(from).or_default().push(to);
                files.by.entry(to).or_default().push(evidence);
            }
        }
        files
    }

    /// Whether a file stands for itself, as far as that can be said without knowing of circles.
    fn stands(&self, place: &Place) -> bool {
        let is_around = |evidence: &&Evidence| {
            let (from, to) = (evidence.place.folder(), place.folder());
            from == to || is_below(to, from)
        };
        self.by.get(place).is_none_or(|by| is_named(place) && !by.iter().any(is_around))
    }

    /// Whether a file asks for nothing and takes in nothing that asks.
    fn only_narrows(&self, place: &Place) -> bool {
        let said = self.collected.requires.get(place).map(Vec::as_slice).unwrap_or_default();
        !said.is_empty()
            && said.iter().all(|(requires, _)| requires.role == Role::Constraint)
            && !self.takes.contains_key(place)
    }

    /// How many requirements a file has.
    fn count(&self, place: &Place) -> usize {
        self.collected.requires.get(place).map_or(1, Vec::len)
    }
}

/// Whether the name of a file says that people install from it, as its reader knows it.
fn is_named(place: &Place) -> bool {
    let folder = place.folder().rsplit('/').next();
    folder == Some("requirements") || place.name().to_ascii_lowercase().contains("requirements")
}
