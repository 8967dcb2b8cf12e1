//! Follows requirements of requirements through one scope: which packages are reached, with which extras.

use std::collections::{BTreeSet, HashSet};

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::Role;
use weighbridge_core::graph::{Condition, NodeId, Terms};
use weighbridge_core::name::PackageName;

use super::draw::Drawing;
use super::pins;
use super::scope::{Package, Request, Scope};

/// What a project's own manifests ask for, by project and package; lock files and installed metadata repeat it.
pub(super) type Asked = BTreeSet<(NodeId, Ecosystem, PackageName)>;

/// What was reached.
pub(super) struct Spread {
    /// For each package, whether it was reached.
    pub(super) reached: Vec<bool>,
    /// From whom to whom requirements lead, by index, without repetition.
    pub(super) edges: BTreeSet<(usize, usize)>,
}

/// Draws every edge that is active when the seeds are asked for.
///
/// A search over pairs of package and extra: an extra's requirements count only once an edge asks for the extra.
pub(super) fn spread(
    scope: &Scope<'_>,
    seeds: impl IntoIterator<Item = (usize, Option<PackageName>)>,
    asked: &Asked,
    drawing: &mut Drawing,
) -> Spread {
    let mut found = Spread { reached: vec![false; scope.packages.len()], edges: BTreeSet::new() };
    let mut seen: HashSet<(usize, Option<PackageName>)> = HashSet::new();
    let mut open: Vec<(usize, Option<PackageName>)> = seeds.into_iter().collect();
    while let Some(step) = open.pop() {
        let Some(package) = scope.packages.get(step.0) else { continue };
        if !seen.insert(step.clone()) {
            continue;
        }
        let (index, extra) = step;
        if let Some(reached) = found.reached.get_mut(index)
            && !*reached
        {
            *reached = true;
            open.push((index, None));
            if package.is_project() {
                // Everything that a project offers is developed and shipped with it.
                open.extend(package.extras.iter().map(|extra| (index, Some((*extra).clone()))));
            }
        }
        for request in &package.requests {
            let Some(through) = active(scope, package, request, extra.as_ref()) else { continue };
            let requirement = request.requirement;
            if requirement.name == *package.name && requirement.ecosystem == package.ecosystem {
                open.extend(requirement.extras.iter().map(|extra| (index, Some(extra.clone()))));
                continue;
            }
            let key = || (package.id.clone(), requirement.ecosystem, requirement.name.clone());
            let repeated = package.is_project() && asked.contains(&key());
            for to in scope.answer(requirement) {
                let Some(target) = scope.packages.get(to) else { continue };
                found.edges.insert((index, to));
                open.push((to, None));
                open.extend(requirement.extras.iter().map(|extra| (to, Some(extra.clone()))));
                if !repeated && target.id != package.id {
                    let condition = condition(scope, package, request, through.clone());
                    drawing.depends(&package.id, &target.id, condition, package.evidence.clone());
                }
            }
        }
    }
    found
}

/// Whether a request counts when `extra` of the package is asked for (none: the package itself); then through what.
#[expect(clippy::option_option, reason = "not at all, always, or through an extra: three different answers")]
fn active(
    scope: &Scope<'_>,
    package: &Package<'_>,
    request: &Request<'_>,
    extra: Option<&PackageName>,
) -> Option<Option<String>> {
    let marker = request.requirement.marker.as_deref();
    let holds = |extra| scope.markers.holds(marker, extra);
    match (request.role, extra) {
        (Role::Runtime, None) => holds(None).then_some(None),
        (Role::Runtime, Some(extra)) => {
            let mentioned = marker.is_some_and(|marker| marker.contains("extra"));
            (mentioned && !holds(None) && holds(Some(extra))).then(|| Some(format!("extra {extra}")))
        }
        (Role::Extra(own), Some(extra)) => {
            (own == extra && holds(Some(extra))).then(|| Some(format!("extra {extra}")))
        }
        (Role::Group(group), None) => {
            (package.is_project() && holds(None)).then(|| Some(format!("group {group}")))
        }
        (Role::Extra(_), None) | (Role::Group(_), Some(_)) | (Role::Build | Role::Constraint, _) => None,
    }
}

fn condition(
    scope: &Scope<'_>,
    package: &Package<'_>,
    request: &Request<'_>,
    through: Option<String>,
) -> Condition {
    let requirement = request.requirement;
    let exact = pins::exact(requirement).is_some();
    let chosen = scope.exact_is_choice && exact && !package.is_project();
    let terms = Terms {
        specifier: if chosen { String::new() } else { requirement.specifier.clone() },
        extras: requirement.extras.clone(),
        marker: requirement.marker.clone(),
        through,
    };
    terms.into()
}
