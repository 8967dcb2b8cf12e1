//! How the packages of a graph stand with the index that the user's installer asks: quarantined, yanked, not there any
//! more.
//!
//! An index that does not know a project says nothing against it: packages of a company lie on no public index.

use std::collections::BTreeMap;

use weighbridge_advisory::pep440::Version;
use weighbridge_check::rules::d011_dependency_confusion::names_to_ask;
use weighbridge_core::coverage::{Gap, Unread};
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Fact, Origin};
use weighbridge_core::graph::{Component, Graph, NodeId};
use weighbridge_core::knowledge::{Standing, StandingKind};
use weighbridge_core::place::Place;
use weighbridge_net::index::{Client, IndexError, Project, State};

use crate::enrich::Known;

/// After so many projects in a row for which the index does not answer, the rest is not asked.
const MOST_FAILURES: usize = 3;

/// Adds to what is known what the index says of each component that has a version and may come from an index.
pub(crate) fn ask(
    graph: &Graph,
    facts: &BTreeMap<Place, Vec<Fact>>,
    packages: &Client,
    mut known: Known,
) -> Known {
    let components: Vec<(&NodeId, &Component)> = graph
        .components()
        .filter(|(_, component)| {
            let is_from_index = component.origins.is_empty() || component.origins.contains(&Origin::Index);
            component.ecosystem == Ecosystem::PyPi && component.version.is_some() && is_from_index
        })
        .collect();
    let mut failures = 0;
    for (at, (id, component)) in components.iter().enumerate() {
        let name = component.name.as_str();
        match packages.project(name) {
            Ok(project) => {
                failures = 0;
                if let Some(standing) = standing(&project, component) {
                    known.standings.insert((*id).clone(), standing);
                }
            }
            Err(IndexError::NoProject(_)) => failures = 0,
            Err(error) => {
                failures += 1;
                let left = components.len().saturating_sub(at).saturating_sub(1);
                let gives_up = failures >= MOST_FAILURES || matches!(error, IndexError::NoIndex(_));
                let more = if gives_up && left > 0 {
                    format!("; {left} further packages were not asked for")
                } else {
                    String::new()
                };
                let reason =
                    Unread::Io(format!("how {name} stands with the index is not known: {error}{more}"));
                known.unasked.push(gap(graph, id, reason));
                if gives_up {
                    break;
                }
            }
        }
        // The first answer shows that somebody answers at all.
        if at == 0 {
            packages.projects_ahead(components.iter().skip(1).map(|(_, component)| component.name.as_str()));
        }
    }
    ask_for_names(facts, packages, &mut known);
    known
}

/// Asks which indexes have the names for which more than one may answer.
fn ask_for_names(facts: &BTreeMap<Place, Vec<Fact>>, packages: &Client, known: &mut Known) {
    let names = names_to_ask(facts);
    let mut failures = 0;
    for (at, name) in names.iter().enumerate() {
        match packages.holders(name.as_str()) {
            Ok(holders) => {
                failures = 0;
                known.indexed.insert(name.clone(), holders);
            }
            Err(error) => {
                failures += 1;
                let left = names.len().saturating_sub(at).saturating_sub(1);
                let gives_up = failures >= MOST_FAILURES || matches!(error, IndexError::NoIndex(_));
                let more = match left {
                    0 => String::new(),
                    _ if !gives_up => String::new(),
                    left => format!("; {left} further names were not asked for"),
                };
                let reason = Unread::Io(format!("which indexes have {name} is not known: {error}{more}"));
                known.unasked.push(Gap { place: Place::file(""), span: None, reason });
                if gives_up {
                    break;
                }
            }
        }
    }
}

/// Where the package was first met.
fn gap(graph: &Graph, id: &NodeId, reason: Unread) -> Gap {
    let evidence = graph.nodes.get(id).and_then(|node| node.evidence.first());
    let (place, span) = match evidence {
        Some(evidence) => (evidence.place.clone(), evidence.span.clone()),
        None => (Place::file(""), None),
    };
    Gap { place, span, reason }
}

/// What is to be said of this component; none if it is there and all is well.
fn standing(project: &Project, component: &Component) -> Option<Standing> {
    let version = Version::parse(component.version.as_deref()?).ok();
    let (of_project, project_reason) = match project.state {
        State::Active => (None, None),
        State::Archived => (Some(StandingKind::Archived), project.reason.clone()),
        State::Deprecated => (Some(StandingKind::Deprecated), project.reason.clone()),
        State::Quarantined => (Some(StandingKind::Quarantined), project.reason.clone()),
    };
    let (of_version, version_reason) = match &version {
        Some(version) => of_version(project, version),
        None => (None, None),
    };
    let (kind, reason) = match (of_project, of_version) {
        (Some(one), other) if other.is_none_or(|other| one >= other) => (one, project_reason),
        (_, other) => (other?, version_reason),
    };
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    Some(Standing { kind, reason, index: project.index.clone() })
}

fn of_version(project: &Project, version: &Version) -> (Option<StandingKind>, Option<String>) {
    let is_it = |text: &str| Version::parse(text).is_ok_and(|of_file| of_file.cmp_public(version).is_eq());
    let files: Vec<_> =
        project.files.iter().filter(|file| project.version_of(file).is_some_and(is_it)).collect();
    // A version of one's own building is on no index, and a page of which links were left out is not the whole.
    if files.is_empty() {
        let may_be_elsewhere = version.is_local() || project.left_out > 0 || project.files.is_empty();
        return ((!may_be_elsewhere).then_some(StandingKind::Missing), None);
    }
    let reasons: Vec<&String> = files.iter().filter_map(|file| file.yanked.as_ref()).collect();
    if reasons.len() < files.len() {
        return (None, None);
    }
    (Some(StandingKind::Yanked), reasons.first().map(|reason| (*reason).clone()))
}
