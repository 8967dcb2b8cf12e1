//! What a project's manifest says, what its lock file fixes and what lies installed, held against each other.
//!
//! Only what speaks of the same thing is compared: a lock file with the manifest from which its tool makes it and with
//! the environment of its own folder; a manifest with that environment where no lock file knows the package. What is not
//! installed at all is no disagreement: groups and extras are left out at will.
//!
//! What conda has installed is compared only where one environment alone can be meant, and with every version that the lock
//! file has of a package: it names those of several platforms and environments side by side.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Origin, Requires, Role};
use weighbridge_core::graph::NodeId;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Evidence, Place};
use weighbridge_core::world::{Disagreement, Sides};

use super::collect::{Collected, Said};
use super::layout::{Counts, Layout, Project};
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
            let is_meant = |package: &Package<'_>| {
                package.ecosystem != Ecosystem::Conda && reached.contains(&package.id)
            };
            lock_and_environment(lock, is_meant, environment, &mut found);
        }
        if let Some(environment) = conda_environment_of(&lock.folder, layout, scopes) {
            let is_meant = |package: &Package<'_>| package.ecosystem == Ecosystem::Conda;
            lock_and_environment(lock, is_meant, environment, &mut found);
        }
    }
    for (folder, project) in &layout.projects {
        let locks: Vec<&Lock<'_>> = scopes
            .locks_for(folder, project)
            .into_iter()
            .filter_map(|index| scopes.locks.get(index))
            .collect();
        let environment = environment_of(folder, layout, scopes).filter(|_| project.counts != Counts::Own);
        let conda = conda_environment_of(folder, layout, scopes).filter(|_| project.counts != Counts::Own);
        for place in &project.manifests {
            let said = collected.requires.get(place).map(Vec::as_slice).unwrap_or_default();
            let manifest = Manifest { place, project, said };
            for lock in locks.iter().filter(|lock| is_made_from(lock.place, place)) {
                manifest.against_lock(lock, &mut found);
            }
            let is_of_conda = is_of_conda(place);
            if let Some(environment) = environment.filter(|_| speaks_for_its_folder(place) && !is_of_conda) {
                manifest.against_environment(environment, &[Ecosystem::PyPi], &locks, &mut found);
            }
            if let Some(environment) = conda.filter(|_| speaks_for_its_folder(place) || is_of_conda) {
                let both = [Ecosystem::Conda, Ecosystem::PyPi];
                let ecosystems = if is_of_conda { &both[..] } else { &[Ecosystem::Conda] };
                manifest.against_environment(environment, ecosystems, &locks, &mut found);
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

/// The environment of conda that can only be the one of this project: the one that pixi calls the default, else the only one
/// that lies in the folder itself. Of those further away (all that one installation of conda has) nobody says whose they are.
fn conda_environment_of<'s, 'a>(
    folder: &str,
    layout: &Layout<'_>,
    scopes: &'s Scopes<'a>,
) -> Option<&'s Installation<'a>> {
    let installations = layout.environments_of(folder).into_iter().filter_map(|environment| {
        let here = scopes.environments.iter().find(|installation| installation.id == environment.id)?;
        let is_of_conda = here.scope.packages.iter().any(|package| package.ecosystem == Ecosystem::Conda);
        let NodeId::Environment(path) = &here.id else { return None };
        let below = if folder.is_empty() { path } else { path.strip_prefix(folder)?.strip_prefix('/')? };
        is_of_conda.then_some((below, here))
    });
    let (mut default, mut near) = (None, Vec::new());
    for (below, here) in installations {
        match below {
            ".pixi/envs/default" => default = Some(here),
            _ if !below.contains('/') => near.push(here),
            _ => {}
        }
    }
    default.or(near.first().copied().filter(|_| near.len() == 1))
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
    is_meant: impl Fn(&Package<'_>) -> bool,
    environment: &Installation<'_>,
    found: &mut BTreeSet<Disagreement>,
) {
    let installed = installed(environment);
    let mut wanted: BTreeMap<(Ecosystem, &PackageName), Vec<&Package<'_>>> = BTreeMap::new();
    for package in lock.scope.packages.iter().filter(|package| is_meant(package)) {
        wanted.entry((package.ecosystem, package.name)).or_default().push(package);
    }
    for (key, packages) in wanted {
        let Some(there) = installed.get(&key) else { continue };
        let versions: BTreeSet<&str> =
            packages.iter().filter_map(|package| package.version.as_deref()).collect();
        // One without a version, or from elsewhere than an index, may be anything.
        let open = packages.iter().any(|package| package.version.is_none() || !package.is_from_index());
        let met =
            there.iter().any(|there| versions.iter().any(|version| pins::means_in(key.0, version, there)));
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
    /// Requirements of an ecosystem that apply here and ask an index. Tools may override what is asked for: where the file narrows the
    /// package elsewhere, nothing can be said.
    fn asking(&self, ecosystem: Ecosystem) -> impl Iterator<Item = (&'a Requires, &'a Evidence)> {
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
                && requirement.ecosystem == ecosystem
                && requirement.origin == Origin::Index
                && self.project.package != Some(&requirement.name)
                && !narrowed.contains(&requirement.name)
                && self.project.markers.holds(requirement.marker.as_deref(), extra)
        })
    }

    fn against_lock(&self, lock: &Lock<'_>, found: &mut BTreeSet<Disagreement>) {
        for (requires, evidence) in self.asking(Ecosystem::PyPi) {
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
        ecosystems: &[Ecosystem],
        locks: &[&Lock<'_>],
        found: &mut BTreeSet<Disagreement>,
    ) {
        let installed = installed(environment);
        for (requires, evidence) in ecosystems.iter().flat_map(|ecosystem| self.asking(*ecosystem)) {
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

/// Whether the manifest is the one from which people make the environment of conda in its folder.
fn is_of_conda(manifest: &Place) -> bool {
    matches!(manifest.name(), "environment.yml" | "environment.yaml" | "pixi.toml")
}

/// Whether the manifest is the one that people install from in its folder; others are for other occasions.
fn speaks_for_its_folder(manifest: &Place) -> bool {
    matches!(manifest.name(), "pyproject.toml" | "requirements.txt" | "Pipfile" | "setup.cfg" | "setup.py")
}
