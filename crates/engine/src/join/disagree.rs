//! What a project's manifest says, what its lock file fixes and what lies installed, held against each other.
//!
//! Only what speaks of the same thing is compared: a lock file with the manifest from which its tool makes it and with
//! the environment of its own folder; a manifest with that environment where no lock file knows the package. What is not
//! installed at all is no disagreement: groups and extras are left out at will.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Origin, Requires, Role};
use weighbridge_core::graph::NodeId;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Evidence, Place};
use weighbridge_core::world::{Disagreement, Sides};

use super::collect::{Collected, Said};
use super::layout::{Layout, Project};
use super::pins;
use super::scope::{Installation, Lock, Package, Scopes};

/// Finds them, sorted. `locked` says which nodes each lock file reached.
pub(super) fn disagreements(
    collected: &Collected<'_>,
    layout: &Layout<'_>,
    scopes: &Scopes<'_>,
    locked: &[BTreeSet<NodeId>],
) -> Vec<Disagreement> {
    let mut found = BTreeSet::new();
    for (lock, reached) in scopes.locks.iter().zip(locked) {
        if let Some(environment) = environment_of(&lock.folder, layout, scopes) {
            lock_and_environment(lock, reached, environment, &mut found);
        }
    }
    for (folder, project) in &layout.projects {
        let locks: Vec<&Lock<'_>> = scopes
            .locks_for(folder, project)
            .into_iter()
            .filter_map(|index| scopes.locks.get(index))
            .collect();
        let environment = environment_of(folder, layout, scopes).filter(|_| !project.is_alone);
        for place in &project.manifests {
            let said = collected.requires.get(place).map(Vec::as_slice).unwrap_or_default();
            let manifest = Manifest { place, project, said };
            for lock in locks.iter().filter(|lock| is_made_from(lock.place, place)) {
                manifest.against_lock(lock, &mut found);
            }
            if let Some(environment) = environment.filter(|_| speaks_for_its_folder(place)) {
                manifest.against_environment(environment, &locks, &mut found);
            }
        }
    }
    found.into_iter().collect()
}

/// The environment that people mean by the one of this project; one of a project above is another matter.
fn environment_of<'s, 'a>(
    folder: &str,
    layout: &Layout<'_>,
    scopes: &'s Scopes<'a>,
) -> Option<&'s Installation<'a>> {
    let environment = layout.environments_of(folder).first().copied()?;
    scopes.environments.iter().find(|installation| installation.id == environment.id)
}

/// The versions that lie installed, by name.
fn installed<'s>(environment: &'s Installation<'_>) -> BTreeMap<(Ecosystem, &'s PackageName), Vec<&'s str>> {
    let mut versions: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    let packages = environment.scope.packages.iter();
    for package in packages.filter(|package| package.is_installed() && !package.is_project()) {
        if let Some(version) = package.version.as_deref().filter(|_| package.is_from_index()) {
            versions.entry((package.ecosystem, package.name)).or_default().push(version);
        }
    }
    versions
}

fn folder_of(environment: &Installation<'_>) -> Place {
    match &environment.id {
        NodeId::Environment(folder) => Place::file(&**folder),
        other => Place::file(other.to_string()),
    }
}

fn lock_and_environment(
    lock: &Lock<'_>,
    reached: &BTreeSet<NodeId>,
    environment: &Installation<'_>,
    found: &mut BTreeSet<Disagreement>,
) {
    let installed = installed(environment);
    let mut wanted: BTreeMap<(Ecosystem, &PackageName), Vec<&Package<'_>>> = BTreeMap::new();
    for package in lock.scope.packages.iter().filter(|package| reached.contains(&package.id)) {
        wanted.entry((package.ecosystem, package.name)).or_default().push(package);
    }
    for (key, packages) in wanted {
        let Some(there) = installed.get(&key) else { continue };
        let versions: BTreeSet<&str> =
            packages.iter().filter_map(|package| package.version.as_deref()).collect();
        // One without a version, or from elsewhere than an index, may be anything.
        let open = packages.iter().any(|package| package.version.is_none() || !package.is_from_index());
        let met = there.iter().any(|there| versions.iter().any(|version| pins::means(version, there)));
        let (Some(first), Some(there)) = (packages.first(), there.first()) else { continue };
        if !open && !met {
            found.insert(Disagreement {
                sides: Sides::LockAndEnvironment,
                stated: lock.place.clone(),
                span: first.evidence.span.clone(),
                other: folder_of(environment),
                name: key.1.clone(),
                wanted: versions.into_iter().collect::<Vec<_>>().join(", "),
                found: Some((*there).to_owned()),
            });
        }
    }
}

/// The requirements of one manifest.
struct Manifest<'m, 'a> {
    place: &'m Place,
    project: &'m Project<'a>,
    said: &'m [Said<'a, Requires>],
}

impl<'a> Manifest<'_, 'a> {
    /// Requirements that apply here and ask an index. Tools may override what is asked for: where the file narrows the
    /// package elsewhere, nothing can be said.
    fn asking(&self) -> impl Iterator<Item = (&'a Requires, &'a Evidence)> {
        let narrowed: BTreeSet<&PackageName> = self
            .said
            .iter()
            .filter(|(requires, _)| requires.role == Role::Constraint)
            .map(|(requires, _)| &requires.requirement.name)
            .collect();
        self.said.iter().copied().filter(move |(requires, _)| {
            let requirement = &requires.requirement;
            let extra = match &requires.role {
                Role::Extra(extra) => Some(extra),
                _ => None,
            };
            !matches!(requires.role, Role::Build | Role::Constraint)
                && requirement.ecosystem == Ecosystem::PyPi
                && requirement.origin == Origin::Index
                && self.project.package != Some(&requirement.name)
                && !narrowed.contains(&requirement.name)
                && self.project.markers.holds(requirement.marker.as_deref(), extra)
        })
    }

    fn against_lock(&self, lock: &Lock<'_>, found: &mut BTreeSet<Disagreement>) {
        for (requires, evidence) in self.asking() {
            let requirement = &requires.requirement;
            let mut tell = |version: Option<String>| {
                found.insert(Disagreement {
                    sides: Sides::ManifestAndLock,
                    stated: self.place.clone(),
                    span: evidence.span.clone(),
                    other: lock.place.clone(),
                    name: requirement.name.clone(),
                    wanted: requirement.specifier.clone(),
                    found: version,
                });
            };
            if !lock.scope.knows(requirement) {
                // Some tools lock the groups and extras only that they are told to.
                if requires.role == Role::Runtime && !lock.place.name().starts_with("pylock.") {
                    tell(None);
                }
                continue;
            }
            let packages: Vec<&Package<'_>> = lock
                .scope
                .answer(requirement)
                .into_iter()
                .filter_map(|index| lock.scope.packages.get(index))
                .collect();
            let fits = |package: &&Package<'_>| {
                !package.is_from_index()
                    || package.is_project()
                    || package.version.as_deref().is_none_or(|version| pins::allows(requirement, version))
            };
            if !packages.is_empty() && !packages.iter().any(fits) {
                let versions: BTreeSet<&str> =
                    packages.iter().filter_map(|package| package.version.as_deref()).collect();
                tell(Some(versions.into_iter().collect::<Vec<_>>().join(", ")));
            }
        }
    }

    fn against_environment(
        &self,
        environment: &Installation<'_>,
        locks: &[&Lock<'_>],
        found: &mut BTreeSet<Disagreement>,
    ) {
        let installed = installed(environment);
        for (requires, evidence) in self.asking() {
            let requirement = &requires.requirement;
            let locked = locks.iter().any(|lock| lock.scope.knows(requirement));
            let Some(there) = installed.get(&(requirement.ecosystem, &requirement.name)) else { continue };
            let met = there.iter().any(|there| pins::allows(requirement, there));
            if locked || met || requires.role != Role::Runtime {
                continue;
            }
            found.insert(Disagreement {
                sides: Sides::ManifestAndEnvironment,
                stated: self.place.clone(),
                span: evidence.span.clone(),
                other: folder_of(environment),
                name: requirement.name.clone(),
                wanted: requirement.specifier.clone(),
                found: there.first().map(|there| (*there).to_owned()),
            });
        }
    }
}

/// Whether a tool makes this lock file from this manifest.
fn is_made_from(lock: &Place, manifest: &Place) -> bool {
    match manifest.name() {
        "pyproject.toml" => {
            let name = lock.name();
            matches!(name, "uv.lock" | "poetry.lock" | "pylock.toml" | "pdm.lock")
        }
        "Pipfile" => lock.name() == "Pipfile.lock" && lock.folder() == manifest.folder(),
        name => name.ends_with(".py") && lock.path.strip_suffix(".lock") == Some(&*manifest.path),
    }
}

/// Whether the manifest is the one that people install from in its folder; others are for other occasions.
fn speaks_for_its_folder(manifest: &Place) -> bool {
    matches!(manifest.name(), "pyproject.toml" | "requirements.txt" | "Pipfile" | "setup.cfg" | "setup.py")
}
