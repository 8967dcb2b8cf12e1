//! What each project of a target stands on: what it asks for, and what answers it.

use std::collections::BTreeMap;

use weighbridge_advisory::pep508::MarkerEnvironment;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Requires, Role};
use weighbridge_core::graph::NodeId;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Place;

use super::collect::{Said, collect};
use super::installed::{ancestors, distributions, recognise_projects};
use super::layout::{Counts, Layout, Project, lay_out};
use super::manifest::project_meant;
use super::{Input, reads_models, scope};

/// What a project, or an environment that belongs to none, stands on.
pub(crate) struct Ground<'a> {
    /// The project or the environment.
    pub(crate) id: NodeId,
    /// What it is called.
    pub(crate) name: String,
    /// The values of environment markers for which its requirements are looked at.
    pub(crate) environment: MarkerEnvironment,
    /// Who says which Python that is.
    pub(crate) python_by: String,
    /// What each of its manifests asks of indexes and addresses, in the order of the lines.
    pub(crate) manifests: BTreeMap<&'a Place, Vec<Said<'a, Requires>>>,
    /// The manifest at which is told what was chosen for all of them together.
    pub(crate) first: Option<&'a Place>,
    /// Versions that its packages must have if something asks for them.
    pub(crate) constraints: Vec<Said<'a, Requires>>,
    /// Lock files in its folder.
    pub(crate) locks: Vec<&'a Place>,
    /// The environments that belong to it.
    pub(crate) environments: Vec<NodeId>,
    /// Neither a lock file nor an environment says which versions it means.
    pub(crate) is_open: bool,
}

/// What the projects of a target stand on, in the order of their folders; then the environments that belong to none.
pub(crate) fn grounds<'a>(input: &Input<'a>) -> Vec<Ground<'a>> {
    let collected = collect(input.facts, input.chosen, reads_models);
    let mut found = distributions(&collected);
    let layout = lay_out(input, &collected, &found);
    recognise_projects(&mut found, &layout);
    let scopes = scope::scopes(&collected, &found, &layout);
    let mut grounds = Vec::new();
    for (folder, project) in &layout.projects {
        let mut manifests: BTreeMap<&Place, Vec<Said<'_, Requires>>> = BTreeMap::new();
        for place in &project.manifests {
            let said = collected.requires.get(place).into_iter().flatten();
            let mut asked: Vec<Said<'_, Requires>> = said
                .filter(|(it, _)| {
                    is_asked(it, project.package) && !is_own_project(&layout, place, folder, it)
                })
                .copied()
                .collect();
            asked.sort_by_key(|(_, evidence)| evidence.span.as_ref());
            if !asked.is_empty() {
                manifests.insert(place, asked);
            }
        }
        let above = ancestors(folder).filter_map(|folder| layout.project_at(folder));
        let constraints = above
            .flat_map(Project::narrowing)
            .flat_map(|place| collected.requires.get(place).into_iter().flatten())
            .filter(|(it, _)| it.role == Role::Constraint && it.requirement.ecosystem == Ecosystem::PyPi)
            .copied()
            .collect();
        grounds.push(Ground {
            id: project.id.clone(),
            name: project.name().to_owned(),
            environment: project.markers.environment().clone(),
            python_by: project.python_by.clone(),
            manifests,
            first: project.first,
            constraints,
            locks: project.locks.clone(),
            environments: layout.environments_of(folder).into_iter().map(|it| it.id.clone()).collect(),
            is_open: scopes.locks_for(folder, project).is_empty()
                && (project.counts != Counts::All || scopes.environment_for(folder, &layout).is_none()),
        });
    }
    for (folder, environment) in layout.environments.iter().filter(|(_, it)| it.owner.is_none()) {
        grounds.push(Ground {
            id: environment.id.clone(),
            name: folder.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(input.name).to_owned(),
            environment: environment.markers.environment().clone(),
            python_by: environment.python_by(&input.context.python),
            manifests: BTreeMap::new(),
            first: None,
            constraints: Vec::new(),
            locks: Vec::new(),
            environments: vec![environment.id.clone()],
            is_open: false,
        });
    }
    grounds
}

/// Whether it is asked for, and by somebody else than the package itself, which only asks for more of its extras.
fn is_asked(requires: &Requires, own: Option<&PackageName>) -> bool {
    let requirement = &requires.requirement;
    requirement.ecosystem == Ecosystem::PyPi
        && !matches!(requires.role, Role::Build | Role::Constraint)
        && own != Some(&requirement.name)
}

fn is_own_project(layout: &Layout<'_>, place: &Place, folder: &str, requires: &Requires) -> bool {
    project_meant(layout, place, folder, &requires.requirement.origin).is_some()
}
