//! Environments: what lies installed, and what of it the project does not ask for.

use std::collections::BTreeSet;

use weighbridge_core::graph::NodeId;

use super::draw::Drawing;
use super::lock::Reachable;
use super::scope::{Installation, Scopes};
use super::spread::{Asked, spread};

/// Draws every environment. `locked` says which nodes each lock file reached.
pub(super) fn draw(scopes: &Scopes<'_>, asked: &Asked, locked: &[BTreeSet<NodeId>], drawing: &mut Drawing) {
    for installation in &scopes.environments {
        let of_owner = scopes
            .locks
            .iter()
            .zip(locked)
            .filter(|(lock, _)| installation.owner.as_deref() == Some(lock.folder.as_str()));
        let of_owner: Vec<&BTreeSet<NodeId>> = of_owner.map(|(_, locked)| locked).collect();
        draw_one(installation, asked, &of_owner, drawing);
    }
}

fn draw_one(
    installation: &Installation<'_>,
    asked: &Asked,
    locked: &[&BTreeSet<NodeId>],
    drawing: &mut Drawing,
) {
    let scope = &installation.scope;
    let packages = || scope.packages.iter().enumerate();
    for (_, package) in packages().filter(|(_, package)| !package.is_project()) {
        drawing.component(package.id.clone(), package.component(), package.evidence.clone());
    }
    // Whatever is installed wants its requirements, whoever asked for it.
    let everything = packages().map(|(index, _)| (index, None));
    let found = spread(scope, everything.chain(scope.seeds.iter().cloned()), asked, drawing);

    let mut targets = vec![Vec::new(); scope.packages.len()];
    let mut wanted = vec![false; scope.packages.len()];
    let carried = installation.carried.iter();
    let carried = carried.flat_map(|(inner, carriers)| carriers.iter().map(|carrier| (*carrier, *inner)));
    for (carrier, inner) in carried.clone() {
        if let (Some(carrier), Some(inner)) = (scope.packages.get(carrier), scope.packages.get(inner)) {
            drawing.contains(&carrier.id, &inner.id, inner.evidence.clone());
        }
    }
    for (from, to) in found.edges.iter().copied().chain(carried).filter(|(from, to)| from != to) {
        if let (Some(targets), Some(wanted)) = (targets.get_mut(from), wanted.get_mut(to)) {
            targets.push(to);
            *wanted = true;
        }
    }
    let owner = installation.owner.as_deref();
    let mut reachable = Reachable { targets: &targets, marked: vec![false; scope.packages.len()] };
    for (index, package) in packages() {
        let asked_for = owner.is_some_and(|owner| drawing.is_asked_for(&package.id, owner));
        if package.is_project() || asked_for || locked.iter().any(|locked| locked.contains(&package.id)) {
            reachable.mark(index);
        }
    }
    let mut hung: Vec<usize> = Vec::new();
    // What the user asked for by hand is told even if another such package brings it in too.
    hung.extend(
        packages().filter(|(index, it)| it.requested && !reachable.has(*index)).map(|(index, _)| index),
    );
    hung.iter().for_each(|index| reachable.mark(*index));
    // Then what nobody asks for; and what is still left asks for each other in a circle.
    for circles in [false, true] {
        for index in 0..scope.packages.len() {
            if !reachable.has(index) && (circles || wanted.get(index) == Some(&false)) {
                reachable.mark(index);
                hung.push(index);
            }
        }
    }
    for package in hung.into_iter().filter_map(|index| scope.packages.get(index)) {
        drawing.contains(&installation.id, &package.id, package.evidence.clone());
    }
}
