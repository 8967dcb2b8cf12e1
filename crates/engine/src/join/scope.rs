//! Scopes: sets of packages among which a requirement is answered. One per lock file, one per environment.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use weighbridge_advisory::conda::python_names;
use weighbridge_advisory::pep440::is_same;
use weighbridge_core::digest::Digest;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Locked, Origin, Requirement, Role};
use weighbridge_core::graph::{Component, NodeId};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Evidence, Place};
use weighbridge_core::purl::Purl;

use super::CHOSEN;
use super::collect::Collected;
use super::installed::{Distribution, ancestors, carriers};
use super::layout::{Counts, Layout, Project, member_folder};
use super::markers::Markers;
use super::pins;
use super::spelling::Spellings;

/// All scopes of a target.
pub(super) struct Scopes<'a> {
    pub(super) locks: Vec<Lock<'a>>,
    pub(super) environments: Vec<Installation<'a>>,
}

/// A lock file.
pub(super) struct Lock<'a> {
    /// The folder of its project.
    pub(super) folder: String,
    /// The project of that folder.
    pub(super) project: NodeId,
    /// The file itself.
    pub(super) place: &'a Place,
    /// Whether it says what the projects ask for that it locks.
    pub(super) has_roots: bool,
    /// The manifest for which it was chosen, where the manifests of the project cannot be installed together.
    pub(super) only_for: Option<&'a Place>,
    pub(super) scope: Scope<'a>,
}

/// An environment.
pub(super) struct Installation<'a> {
    pub(super) id: NodeId,
    /// Folder of the project to which it belongs.
    pub(super) owner: Option<String>,
    /// Which packages carry which others inside themselves, by index.
    pub(super) carried: Vec<(usize, BTreeSet<usize>)>,
    pub(super) scope: Scope<'a>,
}

/// Packages, requirements among them, and from where to follow these.
pub(super) struct Scope<'a> {
    pub(super) packages: Vec<Package<'a>>,
    pub(super) markers: Rc<Markers>,
    /// A package, or an extra of it, that something outside the scope asks for.
    pub(super) seeds: BTreeSet<(usize, Option<PackageName>)>,
    /// Packages that a manifest names, whether or not its marker holds here.
    pub(super) mentioned: BTreeSet<usize>,
    /// An exact version in a requirement is the choice of the tool that locked, not the wish of the requirer.
    pub(super) exact_is_choice: bool,
    by_name: HashMap<(Ecosystem, &'a PackageName), Vec<usize>>,
    /// Conda packages by what they are called on the Python index.
    by_python_name: HashMap<String, Vec<usize>>,
}

/// A package of a scope.
pub(super) struct Package<'a> {
    pub(super) id: NodeId,
    pub(super) ecosystem: Ecosystem,
    pub(super) name: &'a PackageName,
    pub(super) version: Option<String>,
    /// The marker of this entry holds.
    pub(super) applies: bool,
    pub(super) requests: Vec<Request<'a>>,
    /// Extras that it offers, as far as stated.
    pub(super) extras: BTreeSet<&'a PackageName>,
    /// The user asked for it by name.
    pub(super) requested: bool,
    pub(super) evidence: &'a Evidence,
    origin: Option<&'a Origin>,
    digests: &'a [Digest],
    licence: Option<&'a str>,
    installed: bool,
}

/// What a package asks for.
pub(super) struct Request<'a> {
    pub(super) requirement: &'a Requirement,
    /// When; distributions say it in markers and have only `Runtime` here.
    pub(super) role: &'a Role,
}

impl<'a> Scope<'a> {
    fn new(packages: Vec<Package<'a>>, hidden: &BTreeSet<usize>, markers: Rc<Markers>) -> Self {
        let mut by_name: HashMap<(Ecosystem, &PackageName), Vec<usize>> = HashMap::new();
        let mut by_python_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, package) in packages.iter().enumerate().filter(|(index, _)| !hidden.contains(index)) {
            by_name.entry((package.ecosystem, package.name)).or_default().push(index);
            if package.ecosystem == Ecosystem::Conda {
                for name in python_names(package.name.as_str()).into_iter().flatten() {
                    by_python_name.entry(name).or_default().push(index);
                }
            }
        }
        Self {
            packages,
            markers,
            seeds: BTreeSet::new(),
            mentioned: BTreeSet::new(),
            exact_is_choice: false,
            by_name,
            by_python_name,
        }
    }

    /// Notes that a manifest names the package.
    pub(super) fn mention(&mut self, requirement: &Requirement) {
        let named = self.named(requirement);
        self.mentioned.extend(named);
    }

    /// The packages by the name of the requirement. A Python package that only conda has installed answers for the
    /// package of the index, as it does for `pip`; by the name that it has there, where the tables know it.
    fn named(&self, requirement: &Requirement) -> Vec<usize> {
        let by_name = |ecosystem| self.by_name.get(&(ecosystem, &requirement.name));
        let own = by_name(requirement.ecosystem);
        let other = || {
            let is_python = requirement.ecosystem == Ecosystem::PyPi;
            let known = self.by_python_name.get(requirement.name.as_str());
            known.or_else(|| by_name(Ecosystem::Conda)).filter(|_| is_python)
        };
        own.or_else(other).cloned().unwrap_or_default()
    }

    /// Whether the scope knows the package at all, applicable here or not.
    pub(super) fn knows(&self, requirement: &Requirement) -> bool {
        !self.named(requirement).is_empty()
    }

    /// The packages that a requirement means. Of several with the name those that fit its specifier; all if none fits,
    /// since something is there and the file says so.
    pub(super) fn answer(&self, requirement: &Requirement) -> Vec<usize> {
        let applies = |index: &usize| self.packages.get(*index).is_some_and(|package| package.applies);
        let named: Vec<usize> = self.named(requirement).into_iter().filter(applies).collect();
        if named.len() < 2 || requirement.specifier.is_empty() {
            return named;
        }
        // A lock file that names `2.0` beside `2.0+cpu` means the one and not the other.
        let exact = pins::exact(requirement).map(|exact| self.with_version(&named, |it| is_same(&exact, it)));
        if let Some(exact) = exact.filter(|exact| !exact.is_empty()) {
            return exact;
        }
        let fitting = self.with_version(&named, |version| pins::allows(requirement, version));
        if fitting.is_empty() { named } else { fitting }
    }

    /// Those of the packages whose version fits, or that have none.
    pub(super) fn with_version(&self, among: &[usize], fits: impl Fn(&str) -> bool) -> Vec<usize> {
        let fits = |index: &usize| {
            let version = self.packages.get(*index).and_then(|package| package.version.as_deref());
            version.is_none_or(&fits)
        };
        among.iter().copied().filter(fits).collect()
    }

    /// Notes that something outside asks for these packages, with these extras.
    pub(super) fn seed(&mut self, packages: &[usize], extras: &[PackageName]) {
        for index in packages {
            self.seeds.insert((*index, None));
            self.seeds.extend(extras.iter().map(|extra| (*index, Some(extra.clone()))));
        }
    }
}

impl Package<'_> {
    /// The package is a project of the target.
    pub(super) fn is_project(&self) -> bool {
        matches!(self.id, NodeId::Project(_))
    }

    /// It lies installed for itself, and not inside another package.
    pub(super) fn is_installed(&self) -> bool {
        self.installed
    }

    /// It comes from an index, so that its version says what it is.
    pub(super) fn is_from_index(&self) -> bool {
        self.origin.is_none_or(|origin| *origin == Origin::Index)
    }

    /// What the graph says about it.
    pub(super) fn component(&self) -> Component {
        Component {
            ecosystem: self.ecosystem,
            name: self.name.clone(),
            version: self.version.clone(),
            origins: self.origin.into_iter().cloned().collect(),
            digests: self.digests.iter().copied().collect(),
            licence: self.licence.map(str::to_owned),
            installed: self.installed,
        }
    }
}

/// Makes the scopes.
pub(super) fn scopes<'a>(
    collected: &Collected<'a>,
    distributions: &'a [Distribution<'a>],
    layout: &Layout<'a>,
) -> Scopes<'a> {
    Scopes { locks: locks(collected, layout), environments: installations(distributions, layout) }
}

fn locks<'a>(collected: &Collected<'a>, layout: &Layout<'a>) -> Vec<Lock<'a>> {
    let mut locks = Vec::new();
    for (folder, project) in &layout.projects {
        for place in &project.locks {
            let said = collected.locks.get(place).into_iter().flatten();
            let mut packages: Vec<Package<'_>> = said
                .map(|(locked, evidence)| {
                    let root = locked.root.then(|| member_folder(place, &locked.origin)).flatten();
                    let root = root.and_then(|folder| layout.project_at(&folder));
                    let root = root.map(|project| &project.id);
                    locked_package(locked, evidence, root, &project.markers, &collected.spellings)
                })
                .collect();
            // A lock file for other platforms alone is taken as it is; that nothing of it is for this one would be silence.
            if packages.iter().all(|package| !package.applies) {
                packages.iter_mut().for_each(|package| package.applies = true);
            }
            let mut scope = Scope::new(packages, &BTreeSet::new(), Rc::clone(&project.markers));
            let is_chosen = scope.packages.iter().any(|package| package.evidence.reader == CHOSEN);
            // Poetry and PDM copy what the requirer states, as indexes do; the others name the version that they chose.
            let copies = place.name() == "poetry.lock" || place.name().starts_with("pdm.") || is_chosen;
            scope.exact_is_choice = !copies;
            locks.push(Lock {
                folder: folder.clone(),
                project: project.id.clone(),
                place,
                has_roots: scope.packages.iter().any(Package::is_project),
                only_for: (is_chosen && project.locks.len() > 1).then_some(*place),
                scope,
            });
        }
    }
    locks
}

fn locked_package<'a>(
    locked: &'a Locked,
    evidence: &'a Evidence,
    project: Option<&NodeId>,
    markers: &Markers,
    spellings: &Spellings,
) -> Package<'a> {
    let ecosystem = locked.ecosystem;
    let version = locked.version.as_deref().map(|version| spellings.of(ecosystem, &locked.name, version));
    let component = || NodeId::Component(Purl::new(ecosystem, "", &locked.name, version.as_deref()));
    let requests = locked.requires.iter();
    let extras = locked.requires.iter().filter_map(|requires| match &requires.role {
        Role::Extra(extra) => Some(extra),
        _ => None,
    });
    Package {
        id: project.cloned().unwrap_or_else(component),
        ecosystem,
        name: &locked.name,
        applies: markers.may_hold(locked.marker.as_deref()),
        requests: requests.map(|it| Request { requirement: &it.requirement, role: &it.role }).collect(),
        extras: extras.collect(),
        requested: false,
        evidence,
        origin: Some(&locked.origin),
        digests: &locked.digests,
        licence: None,
        installed: false,
        version,
    }
}

fn installations<'a>(distributions: &'a [Distribution<'a>], layout: &Layout<'_>) -> Vec<Installation<'a>> {
    let mut installations = Vec::new();
    for (folder, environment) in &layout.environments {
        let here: Vec<&'a Distribution<'a>> =
            distributions.iter().filter(|distribution| distribution.environment == *folder).collect();
        let carriers = carriers(&here);
        let inner: BTreeSet<usize> =
            (0..here.len()).filter(|index| here.get(*index).is_some_and(|it| it.inside.is_some())).collect();
        let packages = here.into_iter().map(installed_package).collect();
        installations.push(Installation {
            id: environment.id.clone(),
            owner: environment.owner.clone(),
            carried: carriers.into_iter().collect(),
            scope: Scope::new(packages, &inner, Rc::clone(&environment.markers)),
        });
    }
    installations
}

fn installed_package<'a>(distribution: &'a Distribution<'a>) -> Package<'a> {
    // What a carried package asks for is its carrier's business.
    let inner = distribution.inside.is_some();
    let requires = if inner { &[] } else { distribution.requires.as_slice() };
    let extras = distribution.requires.iter().filter_map(|(_, role)| match role {
        Role::Extra(extra) => Some(extra),
        _ => None,
    });
    Package {
        id: distribution.id.clone(),
        ecosystem: distribution.ecosystem,
        name: &distribution.name,
        version: Some(distribution.version.clone()),
        applies: true,
        requests: requires.iter().map(|(requirement, role)| Request { requirement, role }).collect(),
        extras: distribution.extras.iter().chain(extras).collect(),
        requested: distribution.requested && !inner,
        evidence: &distribution.evidence,
        origin: Some(distribution.origin.unwrap_or(&Origin::Index)),
        digests: &[],
        licence: distribution.licence,
        installed: !inner,
    }
}

impl<'a> Scopes<'a> {
    /// The lock files that say which versions a project means: those in its folder, else those in the nearest folder
    /// above that lock it too or do not say whom they lock.
    pub(super) fn locks_for(&self, folder: &str, project: &Project<'_>) -> Vec<usize> {
        let (alone, project) = (project.counts != Counts::All, &project.id);
        for above in ancestors(folder).take(if alone { 1 } else { usize::MAX }) {
            let locks = self.locks.iter().enumerate().filter(|(_, lock)| {
                let locks_it = || lock.scope.packages.iter().any(|package| package.id == *project);
                lock.folder == above && (above == folder || !lock.has_roots || locks_it())
            });
            let locks: Vec<usize> = locks.map(|(index, _)| index).collect();
            if !locks.is_empty() {
                return locks;
            }
        }
        Vec::new()
    }

    /// The environment in which a project runs: its own, else that of the nearest project above.
    pub(super) fn environment_for(&self, folder: &str, layout: &Layout<'_>) -> Option<usize> {
        let environment =
            ancestors(folder).find_map(|folder| layout.environments_of(folder).first().copied())?;
        self.environments.iter().position(|installation| installation.id == environment.id)
    }
}
