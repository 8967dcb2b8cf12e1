//! Wheels and source distributions that lie in the target as files: each is a package, with what it asks for and what it
//! carries along.
//!
//! Nothing of it is installed, and what it asks for is not chosen yet: a file beside it may answer, an exact version in the
//! requirement, or a package of that name that the target has anyway. What none of them answers has no version. A file that a
//! package or an interpreter brought along (`ensurepip`, `virtualenv`) is theirs, and one that was built from a project of
//! the target says nothing that the project does not say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Distribution, Origin, Requirement, Role};
use weighbridge_core::graph::{Component, NodeId, Terms};
use weighbridge_core::place::{Class, Place};
use weighbridge_core::purl::Purl;
use weighbridge_core::world::{File, Installed};

use super::collect::{Collected, Said};
use super::draw::{Drawing, at_best};
use super::installed::{folder_of, recorders};
use super::layout::Layout;
use super::pins;
use super::spelling::Spellings;

/// Endings of source distributions.
const SOURCES: [&str; 5] = [".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz"];

/// Whether an entry is the metadata of the wheel or source distribution in which it lies: those of packages that it carries
/// lie deeper.
pub(super) fn is_metadata(place: &Place) -> bool {
    let Some(entry) = place.inner.last() else { return false };
    let Some((folder, name)) = entry.split_once('/') else { return false };
    if place.path.ends_with(".whl") {
        return place.inner.len() == 1 && name == "METADATA" && folder.ends_with(".dist-info");
    }
    // The archive, perhaps packed as a whole.
    place.inner.len() <= 2 && name == "PKG-INFO" && SOURCES.iter().any(|ending| place.path.ends_with(ending))
}

/// Whether an entry is the list of requirements that setuptools writes beside the metadata of a source distribution.
pub(super) fn is_requires(place: &Place) -> bool {
    let entry = place.inner.last().and_then(|entry| entry.strip_suffix(".egg-info/requires.txt"));
    place.inner.len() <= 2
        && entry.is_some_and(|entry| entry.split('/').count() <= 3)
        && SOURCES.iter().any(|ending| place.path.ends_with(ending))
}

/// A file that is a package.
struct Wheel<'a> {
    path: &'a str,
    id: NodeId,
    version: String,
    said: Said<'a, Distribution>,
}

/// Draws them, and says which package each file is.
pub(super) fn draw(
    files: &BTreeMap<Arc<str>, File>,
    collected: &Collected<'_>,
    layout: &Layout<'_>,
    installed: &[Installed],
    drawing: &mut Drawing,
) -> BTreeMap<String, NodeId> {
    if collected.wheels.is_empty() {
        return BTreeMap::new();
    }
    let recorded = recorders(installed, &collected.wheels.keys().copied().collect());
    let own = |path: &str, said: &Distribution| {
        recorded.contains_key(path)
            || matches!(layout.holder(path), Some(NodeId::Environment(_)))
            || layout.project_named(&said.name).is_some()
    };
    let wheels: Vec<Wheel<'_>> = collected
        .wheels
        .iter()
        .filter(|(path, (said, _))| !own(path, said))
        .map(|(path, said)| {
            let version = collected.spellings.of(Ecosystem::PyPi, &said.0.name, &said.0.version);
            Wheel {
                path,
                id: NodeId::Component(Purl::pypi(&said.0.name, Some(&version))),
                version,
                said: *said,
            }
        })
        .collect();
    for wheel in &wheels {
        let (said, evidence) = wheel.said;
        let digest = files.get(wheel.path).and_then(|file| file.digest.as_ref().ok().copied());
        let component = Component {
            ecosystem: Ecosystem::PyPi,
            name: said.name.clone(),
            version: Some(wheel.version.clone()),
            origins: BTreeSet::new(),
            digests: digest.into_iter().collect(),
            licence: said.licence.clone(),
            installed: false,
        };
        drawing.component(wheel.id.clone(), component, evidence.clone());
        if let Some(holder) = layout.holder(wheel.path) {
            drawing.contains(holder, &wheel.id, evidence.clone());
        }
    }
    let known = drawing.packages();
    for wheel in &wheels {
        let Some((_, project)) = layout.project_above(folder_of(wheel.path)) else { continue };
        let (said, evidence) = wheel.said;
        let older = collected.source_requires.get(wheel.path).into_iter().flatten();
        let older = older.filter(|(it, _)| it.role == Role::Runtime && said.requires.is_empty());
        let asked = said.requires.iter().chain(older.map(|(it, _)| &it.requirement));
        let asked = asked.filter(|it| project.markers.holds(it.marker.as_deref(), None));
        for requirement in asked.filter(|it| it.name != said.name) {
            for (id, class) in answers(requirement, wheel, &wheels, &known, &collected.spellings) {
                if class != Class::Verified {
                    let component = wanted(requirement, &id);
                    drawing.component(id.clone(), component, at_best(evidence, class));
                }
                let terms = Terms {
                    specifier: requirement.specifier.clone(),
                    extras: requirement.extras.clone(),
                    marker: requirement.marker.clone(),
                    through: None,
                };
                drawing.depends(&wheel.id, &id, terms.into(), at_best(evidence, class));
            }
        }
    }
    wheels.into_iter().map(|wheel| (wheel.path.to_owned(), wheel.id)).collect()
}

/// What a requirement of a wheel means, and how well that is known.
fn answers(
    requirement: &Requirement,
    wheel: &Wheel<'_>,
    wheels: &[Wheel<'_>],
    known: &BTreeMap<String, Vec<(NodeId, String)>>,
    spellings: &Spellings,
) -> Vec<(NodeId, Class)> {
    let beside = wheels.iter().filter(|other| {
        folder_of(other.path) == folder_of(wheel.path)
            && other.said.0.name == requirement.name
            && pins::allows(requirement, &other.version)
    });
    let beside: BTreeSet<NodeId> = beside.map(|other| other.id.clone()).collect();
    if !beside.is_empty() {
        return beside.into_iter().map(|id| (id, Class::Verified)).collect();
    }
    if let Some(version) = spellings.pinned(requirement) {
        let id = NodeId::Component(Purl::pypi(&requirement.name, Some(&version)));
        return vec![(id, Class::Declared)];
    }
    let there = known.get(requirement.name.as_str()).into_iter().flatten();
    let fitting: BTreeSet<&NodeId> =
        there.filter(|(_, version)| pins::allows(requirement, version)).map(|(id, _)| id).collect();
    if !fitting.is_empty() {
        return fitting.into_iter().map(|id| (id.clone(), Class::Verified)).collect();
    }
    vec![(NodeId::Component(Purl::pypi(&requirement.name, None)), Class::Unresolved)]
}

fn wanted(requirement: &Requirement, id: &NodeId) -> Component {
    let version = match id {
        NodeId::Component(purl) => purl.version(),
        _ => None,
    };
    Component {
        ecosystem: requirement.ecosystem,
        name: requirement.name.clone(),
        version,
        origins: [requirement.origin.clone()].into_iter().filter(|origin| *origin != Origin::Index).collect(),
        digests: BTreeSet::new(),
        licence: None,
        installed: false,
    }
}
