//! Which package a requirement of a manifest means.
//!
//! In this order: the exact version that the file or a constraint names; the lock file; the only exact version that
//! another manifest of the project names (a `requirements.txt` compiled from `pyproject.toml`); the environment. What
//! none of them answers stays without a version, and nothing is concluded about it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Requirement, Requires, Role};
use weighbridge_core::graph::NodeId;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Class, Place};

use super::collect::Collected;
use super::installed::ancestors;
use super::layout::{Counts, Layout, Project};
use super::pins;
use super::scope::{Scope, Scopes};
use super::spelling::Spellings;

/// What a requirement means.
pub(super) enum Answer {
    /// A package of a scope.
    Package(NodeId),
    /// This version, known as well as this.
    Version(String, Class),
    /// Some version of the package.
    Unknown,
}

/// Answers the requirements of one project.
pub(super) struct Resolver<'a> {
    locks: Vec<usize>,
    environment: Option<usize>,
    in_file: BTreeMap<(&'a Place, Ecosystem, &'a PackageName), BTreeSet<String>>,
    constrained: BTreeMap<(Ecosystem, &'a PackageName), BTreeSet<String>>,
    anywhere: BTreeMap<(Ecosystem, &'a PackageName), BTreeSet<String>>,
    spellings: Rc<Spellings>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(
        folder: &str,
        project: &Project<'a>,
        collected: &Collected<'a>,
        layout: &Layout<'a>,
        scopes: &Scopes<'_>,
    ) -> Self {
        let mut resolver = Self {
            locks: scopes.locks_for(folder, project),
            environment: scopes.environment_for(folder, layout).filter(|_| project.counts == Counts::All),
            in_file: BTreeMap::new(),
            constrained: BTreeMap::new(),
            anywhere: BTreeMap::new(),
            spellings: Rc::clone(&collected.spellings),
        };
        for (place, requires) in pinning(project, project.manifests.iter().copied(), collected) {
            let (ecosystem, name) = (requires.requirement.ecosystem, &requires.requirement.name);
            let version = collected.spellings.pinned(&requires.requirement);
            if let Some(version) = version.filter(|_| requires.role != Role::Constraint) {
                resolver.in_file.entry((place, ecosystem, name)).or_default().insert(version.clone());
                resolver.anywhere.entry((ecosystem, name)).or_default().insert(version);
            }
        }
        // A file of constraints often lies above the files that name it; the nearest one counts. One that is named lies
        // anywhere.
        let reach = if project.counts == Counts::Own { 1 } else { usize::MAX };
        for project in ancestors(folder).take(reach).filter_map(|folder| layout.project_at(folder)) {
            let mut here: BTreeMap<(Ecosystem, &PackageName), BTreeSet<String>> = BTreeMap::new();
            let said = pinning(project, project.narrowing(), collected);
            for (_, requires) in said.filter(|(_, it)| it.role == Role::Constraint) {
                let versions = collected.spellings.pinned(&requires.requirement);
                let key = (requires.requirement.ecosystem, &requires.requirement.name);
                here.entry(key).or_default().extend(versions);
            }
            for (name, versions) in here {
                resolver.constrained.entry(name).or_insert(versions);
            }
        }
        resolver
    }

    /// Notes in the lock files that a manifest names the package.
    pub(super) fn mention(&self, requirement: &Requirement, scopes: &mut Scopes<'_>) {
        for index in &self.locks {
            if let Some(lock) = scopes.locks.get_mut(*index) {
                lock.scope.mention(requirement);
            }
        }
    }

    /// What the requirement in `place` means; nothing if the lock file says that it is not for this environment.
    pub(super) fn answer(&self, place: &Place, requires: &Requires, scopes: &mut Scopes<'_>) -> Vec<Answer> {
        let requirement = &requires.requirement;
        let key = (requirement.ecosystem, &requirement.name);
        let fits = |version: &&String| pins::allows(requirement, version);
        let only = |versions: Option<&BTreeSet<String>>| {
            let mut fitting = versions.into_iter().flatten().filter(fits);
            fitting.next().filter(|_| fitting.next().is_none()).cloned()
        };
        if requires.role == Role::Build {
            let version = self.spellings.pinned(requirement);
            return version.map(|version| Answer::Version(version, Class::Declared)).into_iter().collect();
        }
        let pinned = (self.spellings)
            .pinned(requirement)
            .or_else(|| only(self.in_file.get(&(place, key.0, key.1))))
            .or_else(|| only(self.constrained.get(&key)));
        // Extras asked for here count in the environment too, whichever version lies there.
        let installed = self.environment.and_then(|index| scopes.environments.get_mut(index));
        let installed = installed.map(|installation| {
            let found = installation.scope.answer(requirement);
            installation.scope.seed(&found, &requirement.extras);
            (&installation.scope, found)
        });
        let installed: Vec<(NodeId, Option<String>)> = installed
            .map(|(scope, found)| found.into_iter().filter_map(|index| identity(scope, index)).collect())
            .unwrap_or_default();

        let mut locked = Vec::new();
        let mut known = false;
        for index in &self.locks {
            let Some(lock) = scopes.locks.get_mut(*index) else { continue };
            if lock.only_for.is_some_and(|manifest| manifest != place) {
                continue;
            }
            known |= lock.scope.knows(requirement);
            let mut found = lock.scope.answer(requirement);
            if let Some(version) = &pinned {
                found = lock.scope.with_version(&found, |locked| pins::means(version, locked));
            }
            lock.scope.seed(&found, &requirement.extras);
            locked.extend(found.into_iter().filter_map(|index| identity(&lock.scope, index)));
        }
        if !locked.is_empty() {
            let ids: BTreeSet<NodeId> = locked.into_iter().map(|(id, _)| id).collect();
            return ids.into_iter().map(Answer::Package).collect();
        }
        if let Some(version) = pinned {
            // `==2.1.0` means `2.1.0+cu118` where that is what lies installed.
            let fits = |installed: &str| pins::means(&version, installed);
            let same = installed.into_iter().find(|(_, installed)| installed.as_deref().is_some_and(fits));
            return vec![
                same.map_or(Answer::Version(version, Class::Declared), |(id, _)| Answer::Package(id)),
            ];
        }
        if known {
            return Vec::new();
        }
        if let Some(version) = only(self.anywhere.get(&key)) {
            return vec![Answer::Version(version, Class::Inferred)];
        }
        if installed.is_empty() {
            return vec![Answer::Unknown];
        }
        installed.into_iter().map(|(id, _)| Answer::Package(id)).collect()
    }
}

/// The requirements in these files that name an exact version and can apply in the project.
fn pinning<'a>(
    project: &Project<'a>,
    places: impl Iterator<Item = &'a Place>,
    collected: &Collected<'a>,
) -> impl Iterator<Item = (&'a Place, &'a Requires)> {
    let said = places.flat_map(|place| {
        let said = collected.requires.get(place).into_iter().flatten();
        said.map(move |(requires, _)| (place, *requires))
    });
    said.filter(|(_, requires)| {
        requires.role != Role::Build
            && project.markers.may_hold(requires.requirement.marker.as_deref())
            && pins::pinned(&requires.requirement).is_some()
    })
}

fn identity(scope: &Scope<'_>, index: usize) -> Option<(NodeId, Option<String>)> {
    scope.packages.get(index).map(|package| (package.id.clone(), package.version.clone()))
}
