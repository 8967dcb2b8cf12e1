//! Which folder belongs to which project, and which Python each of them runs.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use weighbridge_core::context::Python;
use weighbridge_core::fact::{Origin, Requires, Role};
use weighbridge_core::graph::{NodeId, NodeKind};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Class, Evidence, EvidenceSet, Place};

use super::collect::Collected;
use super::draw::{Drawing, concluded};
use super::inclusion::Inclusion;
use super::installed::{Distribution, ancestors, folder_of, join_path};
use super::markers::{Markers, Pythons};
use super::{CHOSEN, Input};

/// Projects and environments by their folders.
pub(super) struct Layout<'a> {
    pub(super) projects: BTreeMap<String, Project<'a>>,
    pub(super) environments: BTreeMap<&'a str, Environment>,
}

/// The reader of commands that install packages.
pub(super) const COMMANDS: &str = "install-lines";

/// The reader of source code, which reads what single scripts need.
const CODE: &str = "python";

/// A folder with a manifest or a lock file, a file with commands that install packages, or the target itself.
pub(super) struct Project<'a> {
    pub(super) id: NodeId,
    /// Its name as a package, where it states one.
    pub(super) package: Option<&'a PackageName>,
    /// Manifests with requirements: its own, and what these take in.
    pub(super) manifests: Vec<&'a Place>,
    /// What else narrows versions: files that its manifests take in for that, and what those do that take in its own.
    narrowing: Vec<&'a Place>,
    /// The file that stands for the project where it is asked what it asks for.
    pub(super) first: Option<&'a Place>,
    pub(super) locks: Vec<&'a Place>,
    pub(super) markers: Rc<Markers>,
    pub(super) counts: Counts,
    name: String,
    version: Option<&'a str>,
    /// Who says which Python it runs.
    pub(super) python_by: String,
    requires_python: Option<&'a str>,
    evidence: EvidenceSet,
}

/// What of that which is locked, narrowed or installed around a project counts for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Counts {
    /// All of it.
    All,
    /// Its own lock file and its own constraints: it is a script that runs in an environment made for it.
    Own,
    /// Constraints alone, and what was chosen for it: it is a file of commands that run elsewhere, in an image or on a server.
    Constraints,
}

/// A Python environment.
pub(super) struct Environment {
    pub(super) id: NodeId,
    pub(super) markers: Rc<Markers>,
    /// Folder of the project to which it belongs; none where it is itself the target.
    pub(super) owner: Option<String>,
    python: Option<String>,
    evidence: Evidence,
    /// It has a `pyvenv.cfg`.
    declared: bool,
}

/// Lays out the projects and environments of a target.
pub(super) fn lay_out<'a>(
    input: &Input<'_>,
    collected: &Collected<'a>,
    distributions: &[Distribution<'a>],
) -> Layout<'a> {
    let mut pythons = Pythons::new(&input.context.python);
    let mut layout = Layout { projects: BTreeMap::new(), environments: BTreeMap::new() };
    let inside = Inside::new(collected, distributions);
    let inclusion = Inclusion::new(collected, |place| inside.holds(place));
    layout.find_projects(collected, &inside, &inclusion, &mut pythons);
    layout.find_environments(collected, distributions, &mut pythons);
    layout.add_parts(collected, &inside, &inclusion, |requires| requires.role != Role::Constraint);
    // A target that is an environment and nothing else is no project besides.
    if !layout.environments.contains_key("") || layout.projects.contains_key("") {
        let evidence = concluded(Place::file(""), Class::Observed);
        let project = layout.projects.entry(String::new()).or_insert_with(|| Project::at("", &mut pythons));
        project.evidence.insert(evidence);
        if project.package.is_none() {
            input.name.clone_into(&mut project.name);
        }
    }
    // Constraints count for everything below them.
    layout.add_parts(collected, &inside, &inclusion, |requires| requires.role == Role::Constraint);
    layout.find_narrowing(collected, &inclusion);
    layout.own_environments();
    layout.choose_pythons(&mut pythons);
    layout
}

impl<'a> Layout<'a> {
    fn find_projects(
        &mut self,
        collected: &Collected<'a>,
        inside: &Inside<'a>,
        inclusion: &Inclusion<'a>,
        pythons: &mut Pythons<'_>,
    ) {
        let stated = stated(collected);
        let folder_for = |place: &'a Place, evidence: &Evidence| folder_for(place, evidence.reader, &stated);
        let inside = |place: &Place| inside.holds(place);
        for (place, said) in collected.projects.iter().filter(|(place, _)| !inside(place)) {
            for (stated, evidence) in said {
                let project = self.project_of_file(folder_for(place, evidence), evidence, pythons);
                if let (None, Some(name)) = (project.package, &stated.name) {
                    project.package = Some(name);
                    project.name = name.to_string();
                }
                project.version = project.version.or(stated.version.as_deref());
                project.requires_python = project.requires_python.or(stated.requires_python.as_deref());
            }
        }
        let standing =
            collected.requires.iter().filter(|(place, _)| !inside(place) && inclusion.stands(place));
        // The projects of each manifest.
        let mut folders: BTreeMap<&Place, Vec<&'a str>> = BTreeMap::new();
        for (place, said) in standing {
            if let Some((_, evidence)) = said.first() {
                let folder = folder_for(place, evidence);
                self.manifest_of(place, evidence, folder, pythons).manifests.push(place);
                folders.insert(place, vec![folder]);
            }
        }
        for (host, taken) in inclusion.hosts() {
            let includes = collected.includes.get(host).and_then(|said| said.first());
            let Some((_, evidence)) = includes else { continue };
            let folder = folder_for(host, evidence);
            let project = self.manifest_of(host, evidence, folder, pythons);
            project.manifests.extend(taken.iter().filter(|place| collected.requires.contains_key(*place)));
            folders.entry(host).or_insert_with(|| vec![folder]);
            for part in taken.iter().filter(|place| !inclusion.stands(place)) {
                folders.entry(part).or_default().push(folder);
            }
        }
        let mut members = Vec::new();
        for (place, said) in collected.locks.iter().filter(|(place, _)| !inside(place)) {
            if let Some((_, evidence)) = said.first() {
                let own = [folder_for(place, evidence)];
                // What was chosen for a manifest was chosen for the projects that have it.
                let chosen = folders.get(place).filter(|_| evidence.reader == CHOSEN);
                for folder in chosen.map_or(own.as_slice(), Vec::as_slice) {
                    self.project_of_file(folder, evidence, pythons).locks.push(place);
                }
                members.extend(said.iter().filter(|(locked, _)| locked.root).map(|said| (*place, *said)));
            }
        }
        // Members of a workspace that the lock file knows and no manifest in the target declares.
        for (place, (locked, evidence)) in members {
            let Some(folder) = member_folder(place, &locked.origin) else { continue };
            let project =
                self.projects.entry(folder.clone()).or_insert_with(|| Project::at(&folder, pythons));
            project.evidence.insert(evidence.clone());
            if project.package.is_none() {
                project.package = Some(&locked.name);
                project.name = locked.name.to_string();
            }
            project.version = project.version.or(locked.version.as_deref());
        }
    }

    /// The project of which a file is the manifest.
    fn manifest_of(
        &mut self,
        place: &'a Place,
        evidence: &Evidence,
        folder: &str,
        pythons: &mut Pythons<'_>,
    ) -> &mut Project<'a> {
        let commands = evidence.reader == COMMANDS;
        let project = self.project_of_file(folder, evidence, pythons);
        // What a notebook or a script installs lies in the environment in which the project's code runs.
        let is_code = [".ipynb", ".py"].iter().any(|ending| place.path.ends_with(ending));
        if commands && !is_code {
            project.counts = Counts::Constraints;
        }
        project.first = Some(project.first.map_or(place, |first| first.min(place)));
        project
    }

    /// Parts of other projects that lie in the folder of one are its manifests, too.
    fn add_parts(
        &mut self,
        collected: &Collected<'a>,
        inside: &Inside<'a>,
        inclusion: &Inclusion<'a>,
        is_meant: impl Fn(&Requires) -> bool,
    ) {
        let stated = stated(collected);
        let parts = collected.requires.iter().filter(|(place, _)| !inclusion.stands(place));
        let parts = parts.filter(|(_, said)| said.iter().any(|(requires, _)| is_meant(requires)));
        for (place, said) in parts.filter(|(place, _)| !inside.holds(place)) {
            let folder = said.first().map(|(_, evidence)| folder_for(place, evidence.reader, &stated));
            if let Some(project) = folder.and_then(|folder| self.projects.get_mut(folder)) {
                project.manifests.push(place);
            }
        }
        for project in self.projects.values_mut() {
            project.manifests.sort_unstable();
            project.manifests.dedup();
        }
    }

    /// Follows what manifests take in: upward to the files that name them, and from all of these downward. Who takes in a
    /// part has a project of his own.
    fn find_narrowing(&mut self, collected: &Collected<'a>, inclusion: &Inclusion<'a>) {
        let mut places: BTreeMap<&str, &'a Place> = BTreeMap::new();
        let mut by: BTreeMap<&str, Vec<&'a Place>> = BTreeMap::new();
        for place in collected.requires.keys().chain(collected.includes.keys()) {
            places.insert(&place.path, place);
        }
        for (place, said) in &collected.includes {
            for (included, _) in said {
                by.entry(&included.path).or_default().push(place);
            }
        }
        for project in self.projects.values_mut() {
            let own: BTreeSet<&Place> = project.manifests.iter().copied().collect();
            let mut named: BTreeSet<&Place> = own.iter().copied().chain(project.first).collect();
            let mut open: Vec<&Place> = project.manifests.clone();
            while let Some(place) = open.pop() {
                let above = by.get(&*place.path).into_iter().flatten().copied();
                let above = above.filter(|_| inclusion.stands(place));
                open.extend(above.filter(|place| named.insert(place)));
            }
            open.extend(&named);
            while let Some(place) = open.pop() {
                let below = collected.includes.get(place).into_iter().flatten();
                let below = below.filter_map(|(included, _)| places.get(included.path.as_str()).copied());
                open.extend(below.filter(|place| named.insert(place)));
            }
            project.narrowing = named.difference(&own).copied().collect();
        }
    }

    /// The project in a folder that has this file.
    fn project_of_file(
        &mut self,
        folder: &str,
        evidence: &Evidence,
        pythons: &mut Pythons<'_>,
    ) -> &mut Project<'a> {
        let project = self.projects.entry(folder.to_owned()).or_insert_with(|| Project::at(folder, pythons));
        if by_itself(&evidence.place, evidence.reader) == Some(folder) {
            project.counts = Counts::Own;
        }
        project.evidence.insert(Evidence { span: None, ..evidence.clone() });
        project
    }

    fn find_environments(
        &mut self,
        collected: &Collected<'a>,
        distributions: &[Distribution<'a>],
        pythons: &mut Pythons<'_>,
    ) {
        for (folder, (stated, evidence)) in &collected.environments {
            let environment = Environment {
                id: NodeId::Environment((*folder).into()),
                markers: pythons.of(stated.python.as_deref(), stated.implementation.as_deref()),
                owner: None,
                python: stated.python.clone(),
                evidence: (*evidence).clone(),
                declared: true,
            };
            self.environments.insert(folder, environment);
        }
        for distribution in distributions {
            self.environments.entry(distribution.environment).or_insert_with(|| {
                let python = python_of_folder(distribution.root);
                Environment {
                    id: NodeId::Environment(distribution.environment.into()),
                    markers: pythons.of(python, None),
                    owner: None,
                    python: python.map(str::to_owned),
                    evidence: concluded(Place::file(distribution.metadata), Class::Inferred),
                    declared: false,
                }
            });
        }
    }

    fn own_environments(&mut self) {
        for (folder, environment) in &mut self.environments {
            // An environment made in the project's own folder belongs to that project.
            environment.owner =
                ancestors(folder).find(|folder| self.projects.contains_key(*folder)).map(str::to_owned);
        }
    }

    /// Python of a project: that of its environment, else the one at hand if the project supports it, else the lowest that it
    /// supports, else that of the project above.
    fn choose_pythons(&mut self, pythons: &mut Pythons<'_>) {
        let folders: Vec<String> = self.projects.keys().cloned().collect();
        for folder in &folders {
            let environments = self.environments_of(folder);
            let own = environments.first().map(|it| (Rc::clone(&it.markers), it.python_by(pythons.given())));
            let stated = self.projects.get(folder).and_then(|project| project.requires_python);
            let at_hand = pythons.at_hand(stated);
            let lowest = || {
                let markers = pythons.lowest(stated?)?;
                Some((markers, "the lowest of `requires-python`".to_owned()))
            };
            let above = || {
                let mut above = ancestors(folder).skip(1);
                let above = above.find_map(|folder| self.projects.get(folder))?;
                Some((Rc::clone(&above.markers), above.python_by.clone()))
            };
            // Folders come in order, so that the project above has its Python already.
            let chosen = own.or(at_hand).or_else(lowest).or_else(above);
            if let (Some((markers, by)), Some(project)) = (chosen, self.projects.get_mut(folder)) {
                (project.markers, project.python_by) = (markers, by);
            }
        }
    }

    /// The environments that belong to the project in `folder`, the one that people mean first.
    pub(super) fn environments_of(&self, folder: &str) -> Vec<&Environment> {
        let mut found: Vec<(&&str, &Environment)> = self
            .environments
            .iter()
            .filter(|(_, environment)| environment.owner.as_deref() == Some(folder))
            .collect();
        found.sort_by_key(|(path, environment)| {
            let name = path.rsplit('/').next().unwrap_or_default();
            let usual = [".venv", "venv", "env", ".env"].iter().position(|usual| *usual == name);
            (!environment.declared, usual.unwrap_or(usize::MAX), **path)
        });
        found.into_iter().map(|(_, environment)| environment).collect()
    }

    /// The nearest project at or above `folder`, with its folder.
    pub(super) fn project_above(&self, folder: &str) -> Option<(&str, &Project<'a>)> {
        ancestors(folder)
            .find_map(|folder| self.projects.get_key_value(folder))
            .map(|(folder, project)| (folder.as_str(), project))
    }

    /// The project whose folder is exactly this.
    pub(super) fn project_at(&self, folder: &str) -> Option<&Project<'a>> {
        self.projects.get(folder)
    }

    /// The project of this package name, if exactly one in the target has it.
    pub(super) fn project_named(&self, name: &PackageName) -> Option<&Project<'a>> {
        let mut named = self.projects.values().filter(|project| project.package == Some(name));
        named.next().filter(|_| named.next().is_none())
    }

    /// The innermost project or environment in which a file lies.
    pub(super) fn holder(&self, path: &str) -> Option<&NodeId> {
        ancestors(folder_of(path)).find_map(|folder| {
            let environment = self.environments.get(folder).map(|environment| &environment.id);
            environment.or_else(|| self.projects.get(folder).map(|project| &project.id))
        })
    }

    /// Draws the projects and environments, each held by the project above it. `target` names the target itself.
    pub(super) fn draw(&self, target: &str, drawing: &mut Drawing) {
        for (folder, project) in &self.projects {
            let version = project.version.map(str::to_owned);
            let kind = NodeKind::Project { name: project.name.clone(), version };
            drawing.node(project.id.clone(), kind, project.evidence.iter().cloned());
            if !folder.is_empty()
                && let Some((_, above)) = self.project_above(folder_of(folder))
            {
                for evidence in project.evidence.iter() {
                    drawing.contains(&above.id, &project.id, evidence.clone());
                }
            }
        }
        for (folder, environment) in &self.environments {
            let name = folder.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(target).to_owned();
            let kind = NodeKind::Environment { name, python: environment.python.clone() };
            drawing.node(environment.id.clone(), kind, [environment.evidence.clone()]);
            if let Some(owner) = environment.owner.as_ref().and_then(|owner| self.projects.get(owner)) {
                drawing.contains(&owner.id, &environment.id, environment.evidence.clone());
            }
        }
    }
}

impl Environment {
    /// Who says which Python it runs.
    pub(super) fn python_by(&self, given: &Python) -> String {
        let NodeId::Environment(folder) = &self.id else { return String::new() };
        match (&self.python, folder.rsplit('/').next()) {
            (None, _) => given.meant.to_string(),
            (Some(_), None | Some("")) => "its own".to_owned(),
            (Some(_), Some(name)) => format!("that of {name}"),
        }
    }
}

impl<'a> Project<'a> {
    /// Every file whose constraints narrow what the project asks for.
    pub(super) fn narrowing(&self) -> impl Iterator<Item = &'a Place> {
        self.manifests.iter().chain(&self.narrowing).copied()
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn at(folder: &str, pythons: &mut Pythons<'_>) -> Self {
        Self {
            id: NodeId::Project(Arc::from(folder)),
            package: None,
            manifests: Vec::new(),
            narrowing: Vec::new(),
            first: None,
            locks: Vec::new(),
            markers: pythons.of(None, None),
            counts: Counts::All,
            name: folder.rsplit('/').next().unwrap_or(folder).to_owned(),
            version: None,
            python_by: pythons.given().meant.to_string(),
            requires_python: None,
            evidence: EvidenceSet::new(),
        }
    }
}

/// The folders that say themselves that they are projects.
fn stated<'a>(collected: &Collected<'a>) -> BTreeSet<&'a str> {
    // What was chosen lies at the places of manifests and is no lock file.
    let locks = collected.locks.iter().filter(|(_, said)| said.iter().any(|(_, it)| it.reader != CHOSEN));
    collected.projects.keys().chain(locks.map(|(place, _)| place)).map(|place| place.folder()).collect()
}

/// The folder of the project to which a file belongs that this reader has read, or the path of the file where it is one of
/// its own.
fn folder_for<'a>(place: &'a Place, reader: &str, stated: &BTreeSet<&str>) -> &'a str {
    if reader == COMMANDS {
        return &place.path;
    }
    if let Some(file) = by_itself(place, reader) {
        return file;
    }
    let folder = place.folder();
    // `requirements/*.txt` are the requirements of the project that has the folder.
    let split = folder.rsplit('/').next() == Some("requirements") && !stated.contains(folder);
    if split { folder_of(folder) } else { folder }
}

/// The path under which a file is a project of its own: a script that says what it needs (PEP 723), also for the lock
/// file beside it. `setup.py` speaks for its folder.
fn by_itself<'p>(place: &'p Place, reader: &str) -> Option<&'p str> {
    let file = place.path.strip_suffix(".lock").unwrap_or(&place.path);
    ((file.ends_with(".py") || reader == CODE) && file.rsplit('/').next() != Some("setup.py")).then_some(file)
}

/// The folder of the project that a lock file means by one of its roots; none where that lies outside the target.
pub(super) fn member_folder(lock: &Place, origin: &Origin) -> Option<String> {
    match origin {
        Origin::Path { path, .. } if path.starts_with('/') => None,
        Origin::Path { path, .. } => join_path(lock.folder(), path),
        _ => Some(lock.folder().to_owned()),
    }
}

/// `3.11` in `…/lib/python3.11/site-packages`.
fn python_of_folder(root: &str) -> Option<&str> {
    root.split('/').filter_map(|name| name.strip_prefix("python")).find(|rest| {
        rest.split_once('.').is_some_and(|(major, minor)| {
            let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            number(major) && number(minor)
        })
    })
}

/// Knows which places lie among the files of installed packages.
struct Inside<'a> {
    environments: BTreeSet<&'a str>,
    roots: BTreeSet<&'a str>,
}

impl<'a> Inside<'a> {
    /// Folders that an environment has of its own; a project may lie in the same folder as an environment.
    const FOLDERS: [&'static str; 11] =
        ["bin", "conda-meta", "etc", "include", "info", "lib", "Lib", "lib64", "Library", "Scripts", "share"];

    fn new(collected: &Collected<'a>, distributions: &[Distribution<'a>]) -> Self {
        let environments = collected.environments.keys().copied().collect();
        let roots = distributions.iter().map(|distribution| distribution.root);
        Self { environments, roots: roots.filter(|root| !root.is_empty()).collect() }
    }

    fn holds(&self, place: &Place) -> bool {
        ancestors(place.folder()).any(|folder| {
            let name = folder.rsplit('/').next().unwrap_or_default();
            let own = Self::FOLDERS.contains(&name) && self.environments.contains(folder_of(folder));
            own || self.roots.contains(folder)
        })
    }
}
