//! Manifests: what the projects themselves ask for.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Origin, Requires, Role};
use weighbridge_core::graph::{Component, Condition, NodeId, Terms};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Class, Evidence, Place};
use weighbridge_core::purl::Purl;

use super::collect::{Collected, Said};
use super::draw::{Drawing, at_best};
use super::installed::join_path;
use super::layout::{Layout, Project};
use super::resolve::{Answer, Resolver};
use super::scope::Scopes;
use super::spread::Asked;

/// Draws what every project asks for, and notes in the scopes from where to go on.
pub(super) fn draw(
    collected: &Collected<'_>,
    layout: &Layout<'_>,
    scopes: &mut Scopes<'_>,
    drawing: &mut Drawing,
) -> Asked {
    let mut asked = Asked::new();
    for (folder, project) in &layout.projects {
        let resolver = Resolver::new(folder, project, collected, layout, scopes);
        for place in &project.manifests {
            let said = collected.requires.get(place).map(Vec::as_slice).unwrap_or_default();
            let mut manifest =
                Manifest { place, folder, project, layout, resolver: &resolver, named: BTreeMap::new() };
            for said in said {
                manifest.requirement(*said, scopes, &mut asked, drawing);
            }
            manifest.explain(said, drawing);
        }
    }
    asked
}

/// One manifest of one project.
struct Manifest<'m, 'a> {
    place: &'m Place,
    /// The folder of the project.
    folder: &'m str,
    project: &'m Project<'a>,
    layout: &'m Layout<'a>,
    resolver: &'m Resolver<'a>,
    /// What the names in this file turned out to mean.
    named: BTreeMap<PackageName, BTreeSet<NodeId>>,
}

impl Manifest<'_, '_> {
    fn requirement(
        &mut self,
        (requires, evidence): Said<'_, Requires>,
        scopes: &mut Scopes<'_>,
        asked: &mut Asked,
        drawing: &mut Drawing,
    ) {
        let requirement = &requires.requirement;
        self.resolver.mention(requirement, scopes);
        let holds = self.project.markers.holds(requirement.marker.as_deref(), extra_of(&requires.role));
        if requires.role == Role::Constraint || !holds || self.is_own(requires) {
            return;
        }
        let meant = project_meant(self.layout, self.place, self.folder, &requirement.origin);
        if let Some(other) = meant {
            let condition = condition_of(requires);
            drawing.depends(&self.project.id, &other, condition, evidence.clone());
            asked.insert((self.project.id.clone(), requirement.ecosystem, requirement.name.clone()));
            return;
        }
        let answers = self.resolver.answer(self.place, requires, scopes);
        for answer in answers {
            let (id, class) = match &answer {
                Answer::Package(id) => (id.clone(), Class::Verified),
                Answer::Version(version, class) => {
                    let id = self.draw_component(requires, Some(version), at_best(evidence, *class), drawing);
                    (id, *class)
                }
                Answer::Unknown => {
                    let evidence = at_best(evidence, Class::Unresolved);
                    (self.draw_component(requires, None, evidence, drawing), Class::Unresolved)
                }
            };
            self.named.entry(requirement.name.clone()).or_default().insert(id.clone());
            if requires.via.is_empty() || self.is_via_project(requires) {
                let evidence = at_best(evidence, class);
                drawing.depends(&self.project.id, &id, condition_of(requires), evidence);
                asked.insert((self.project.id.clone(), requirement.ecosystem, requirement.name.clone()));
            }
        }
    }

    /// Edges by the comments that say through whom a pinned package came in (`# via`). Nobody checked them.
    ///
    /// A package that the comments do not connect with the project after all is asked for by the project: a file of
    /// requirements installs all it lists.
    fn explain(&self, said: &[Said<'_, Requires>], drawing: &mut Drawing) {
        let explained = said.iter().filter(|(requires, _)| {
            !requires.via.is_empty() && requires.role != Role::Constraint && !self.is_via_project(requires)
        });
        let mut through: BTreeMap<&NodeId, BTreeSet<&NodeId>> = BTreeMap::new();
        let mut claimed: BTreeMap<&NodeId, (&Requires, &Evidence)> = BTreeMap::new();
        for (requires, evidence) in explained {
            for to in self.nodes(&requires.requirement.name) {
                claimed.insert(to, (requires, evidence));
                for from in requires.via.iter().flat_map(|via| self.nodes(via)).filter(|from| *from != to) {
                    through.entry(from).or_default().insert(to);
                    let terms = Terms { marker: requires.requirement.marker.clone(), ..Terms::default() };
                    drawing.depends(from, to, terms.into(), at_best(evidence, Class::Claimed));
                }
            }
        }
        let direct = self.named.values().flatten().filter(|id| !claimed.contains_key(id));
        let mut reached: BTreeSet<&NodeId> = BTreeSet::new();
        spread(direct.collect(), &through, &mut reached);
        for (id, (requires, evidence)) in claimed {
            if !reached.contains(id) {
                drawing.depends(&self.project.id, id, condition_of(requires), evidence.clone());
                spread(vec![id], &through, &mut reached);
            }
        }
    }

    fn nodes(&self, name: &PackageName) -> impl Iterator<Item = &NodeId> {
        self.named.get(name).into_iter().flatten()
    }

    /// A project that asks for itself only asks for more of its own extras, all of which count anyway.
    fn is_own(&self, requires: &Requires) -> bool {
        let requirement = &requires.requirement;
        requirement.ecosystem == Ecosystem::PyPi && self.project.package == Some(&requirement.name)
    }

    fn is_via_project(&self, requires: &Requires) -> bool {
        requires.via.iter().any(|via| self.project.package == Some(via))
    }

    fn draw_component(
        &self,
        requires: &Requires,
        version: Option<&str>,
        evidence: Evidence,
        drawing: &mut Drawing,
    ) -> NodeId {
        let requirement = &requires.requirement;
        let id = NodeId::Component(Purl::new(requirement.ecosystem, "", &requirement.name, version));
        let component = Component {
            ecosystem: requirement.ecosystem,
            name: requirement.name.clone(),
            version: version.map(str::to_owned),
            origins: [requirement.origin.clone()].into(),
            digests: requirement.digests.iter().copied().collect(),
            licence: None,
            installed: false,
        };
        drawing.component(id.clone(), component, evidence);
        id
    }
}

/// The project of the target in the folder that a requirement in a manifest names.
pub(super) fn project_meant(
    layout: &Layout<'_>,
    place: &Place,
    folder: &str,
    origin: &Origin,
) -> Option<NodeId> {
    let Origin::Path { path, .. } = origin else { return None };
    if path.starts_with('/') {
        return None;
    }
    // Tools resolve such a path against the file, or against the folder in which they run.
    [place.folder(), folder]
        .into_iter()
        .filter_map(|folder| layout.project_at(&join_path(folder, path)?))
        .map(|project| project.id.clone())
        .next()
}

/// Marks everything that can be reached from `open`.
fn spread<'n>(
    mut open: Vec<&'n NodeId>,
    through: &BTreeMap<&'n NodeId, BTreeSet<&'n NodeId>>,
    reached: &mut BTreeSet<&'n NodeId>,
) {
    while let Some(id) = open.pop() {
        if reached.insert(id) {
            open.extend(through.get(id).into_iter().flatten());
        }
    }
}

fn extra_of(role: &Role) -> Option<&PackageName> {
    match role {
        Role::Extra(extra) => Some(extra),
        _ => None,
    }
}

fn condition_of(requires: &Requires) -> Condition {
    let terms = Terms {
        specifier: requires.requirement.specifier.clone(),
        extras: requires.requirement.extras.clone(),
        marker: requires.requirement.marker.clone(),
        through: match &requires.role {
            Role::Runtime | Role::Constraint => None,
            Role::Extra(extra) => Some(format!("extra {extra}")),
            Role::Group(group) => Some(format!("group {group}")),
            Role::Build => Some("build".to_owned()),
        },
    };
    terms.into()
}
