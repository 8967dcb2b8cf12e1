//! Lock files: what they lock and what of it is reached.

use std::collections::BTreeSet;

use weighbridge_core::fact::Role;
use weighbridge_core::graph::NodeId;
use weighbridge_core::name::PackageName;

use super::draw::Drawing;
use super::scope::{Lock, Scope, Scopes};
use super::spread::{Asked, spread};

/// Draws what each lock file reaches, and says which nodes those are, lock by lock.
pub(super) fn draw(scopes: &Scopes<'_>, asked: &Asked, drawing: &mut Drawing) -> Vec<BTreeSet<NodeId>> {
    scopes.locks.iter().map(|lock| draw_one(lock, asked, drawing)).collect()
}

fn draw_one(lock: &Lock<'_>, asked: &Asked, drawing: &mut Drawing) -> BTreeSet<NodeId> {
    let scope = &lock.scope;
    let mut seeds = scope.seeds.clone();
    let packages = || scope.packages.iter().enumerate();
    seeds.extend(packages().filter(|(_, package)| package.is_project()).map(|(index, _)| (index, None)));
    if !lock.has_roots {
        for index in unasked(scope, &seeds) {
            if let Some(package) = scope.packages.get(index) {
                drawing.contains(&lock.project, &package.id, package.evidence.clone());
                seeds.insert((index, None));
            }
        }
    }
    let found = spread(scope, seeds, asked, drawing);
    let mut drawn = BTreeSet::new();
    for ((_, package), reached) in packages().zip(found.reached) {
        if reached && !package.is_project() {
            drawing.component(package.id.clone(), package.component(), package.evidence.clone());
            drawn.insert(package.id.clone());
        }
    }
    drawn
}

/// The packages that stand in the lock file for their own sake, where it does not say what the project asks for:
/// those that no manifest names and nothing else in it could ask for under any marker or extra. A package that something asks for, only not
/// in this environment, is not among them: it would not be installed here.
fn unasked(scope: &Scope<'_>, seeds: &BTreeSet<(usize, Option<PackageName>)>) -> Vec<usize> {
    let count = scope.packages.len();
    let targets: Vec<Vec<usize>> = scope
        .packages
        .iter()
        .map(|package| {
            let requests =
                package.requests.iter().filter(|it| !matches!(it.role, Role::Build | Role::Constraint));
            requests.flat_map(|request| scope.answer(request.requirement)).collect()
        })
        .collect();
    let mut wanted = vec![false; count];
    for (index, targets) in targets.iter().enumerate() {
        for to in targets.iter().filter(|to| **to != index) {
            if let Some(wanted) = wanted.get_mut(*to) {
                *wanted = true;
            }
        }
    }
    let mut reachable = Reachable { targets: &targets, marked: vec![false; count] };
    seeds.iter().for_each(|(index, _)| reachable.mark(*index));
    scope.mentioned.iter().for_each(|index| reachable.mark(*index));
    let applies = |index: usize| scope.packages.get(index).is_some_and(|package| package.applies);
    let mut roots = Vec::new();
    // First those that nobody asks for; what is then still left asks for each other in a circle.
    for circles in [false, true] {
        for index in 0..count {
            let fresh = !reachable.has(index) && (circles || wanted.get(index) == Some(&false));
            if fresh {
                reachable.mark(index);
                if applies(index) {
                    roots.push(index);
                }
            }
        }
    }
    roots
}

/// Which packages can be reached from those marked so far.
pub(super) struct Reachable<'t> {
    pub(super) targets: &'t [Vec<usize>],
    pub(super) marked: Vec<bool>,
}

impl Reachable<'_> {
    pub(super) fn has(&self, index: usize) -> bool {
        self.marked.get(index).copied().unwrap_or(true)
    }

    pub(super) fn mark(&mut self, from: usize) {
        let mut open = vec![from];
        while let Some(index) = open.pop() {
            if let Some(marked) = self.marked.get_mut(index)
                && !*marked
            {
                *marked = true;
                open.extend(self.targets.get(index).into_iter().flatten());
            }
        }
    }
}
