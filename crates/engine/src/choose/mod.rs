//! Chooses versions for the projects that leave them open, as the user's installer would, and says so as facts.
//!
//! It stands between reading and joining: what it chose reaches the graph as if a lock file said so, with its own class of
//! evidence. Read [`packages`] (an index as the resolver sees it) first.

pub(crate) mod packages;

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_advisory::pep508::Requirement;
use weighbridge_core::coverage::{Gap, Unread};
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{self, Fact, Locked, Origin, Requires, Role, What};
use weighbridge_core::limits::Cancel;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Class, Evidence, Place, Span};
use weighbridge_net::index::Client;
use weighbridge_resolve::problem::MOST_STEPS;
use weighbridge_resolve::{self as resolve, Failure, Packages as _, Pick, Problem, Resolution, Target};

use crate::join::{CHOSEN, Ground, Input, grounds};
use packages::{OnIndex, told};

/// What was chosen.
#[derive(Default)]
pub(crate) struct Chosen {
    /// The packages, as if a lock file said so, by the place of the manifest that asks for them.
    pub(crate) facts: BTreeMap<Place, Vec<Fact>>,
    /// What could not be chosen, or is not known of what was.
    pub(crate) unread: Vec<Gap>,
    /// Those of them that are about what a package needs, and which one.
    pub(crate) needs: BTreeMap<Gap, PackageName>,
    /// For whom it was chosen; for the reader of the report.
    pub(crate) notes: Vec<String>,
}

/// Chooses for every open project of a target.
pub(crate) fn choose(input: &Input<'_>, client: &Client) -> Chosen {
    let mut chosen = Chosen::default();
    for project in grounds(input).into_iter().filter(|project| project.is_open) {
        let target = Target::of(project.environment.clone(), input.context.python.system);
        let Some(target) = target.map(|target| target.said_by(&project.python_by)) else { continue };
        let chooser = Chooser {
            project: &project,
            packages: OnIndex::new(client, &target),
            target: &target,
            constraints: project
                .constraints
                .iter()
                .filter_map(|(it, _)| as_requirement(&it.requirement))
                .collect(),
            cancel: &input.context.cancel,
        };
        chooser.choose(&mut chosen);
    }
    chosen
}

/// What is asked for, and by which line of which manifest.
struct Asked<'a> {
    requirement: Requirement,
    place: &'a Place,
    span: Option<Span>,
    is_runtime: bool,
}

struct Chooser<'a> {
    project: &'a Ground<'a>,
    packages: OnIndex<'a>,
    target: &'a Target,
    constraints: Vec<Requirement>,
    cancel: &'a Cancel,
}

impl Chooser<'_> {
    /// One choice for all manifests together, as they end up in one environment. Where that cannot be (extras that exclude
    /// each other, one file for each kind of machine): one for each manifest, and of that without what is only asked for
    /// now and then.
    fn choose(&self, chosen: &mut Chosen) {
        let asked: Vec<Asked<'_>> =
            self.project.manifests.keys().flat_map(|place| self.asked(place)).collect();
        let Some(first) = asked.first() else { return };
        match self.resolve(&asked) {
            Ok(resolution) => {
                let at = self.project.first.unwrap_or(first.place);
                self.tell(at, &asked, &resolution, chosen);
            }
            Err(Failure::Conflict(_) | Failure::Steps(_)) => {
                for place in self.project.manifests.keys() {
                    self.choose_alone(place, chosen);
                }
            }
            Err(failure) => chosen.unread.push(gap(first, failure.to_string())),
        }
    }

    fn choose_alone(&self, place: &Place, chosen: &mut Chosen) {
        let mut asked = self.asked(place);
        let mut outcome = self.resolve(&asked);
        if matches!(outcome, Err(Failure::Conflict(_) | Failure::Steps(_)))
            && asked.iter().any(|it| !it.is_runtime)
            && let Some(first) = asked.first()
        {
            let reason = "its extras and groups cannot be installed together, and were left out".to_owned();
            chosen.unread.push(gap(first, reason));
            asked.retain(|it| it.is_runtime);
            outcome = self.resolve(&asked);
        }
        let Some(first) = asked.first() else { return };
        match outcome {
            Ok(resolution) => self.tell(place, &asked, &resolution, chosen),
            Err(failure) => chosen.unread.push(gap(first, failure.to_string())),
        }
    }

    /// What a manifest asks for, each once, in the order of its lines.
    fn asked<'m>(&self, place: &'m Place) -> Vec<Asked<'m>> {
        let mut seen = BTreeSet::new();
        let said = self.project.manifests.get(place).into_iter().flatten();
        let asked = said.filter_map(|(requires, evidence)| {
            let requirement = as_requirement(&requires.requirement)?;
            let is_runtime = requires.role == Role::Runtime;
            seen.insert(requirement.to_string()).then(|| Asked {
                requirement,
                place,
                span: evidence.span.clone(),
                is_runtime,
            })
        });
        asked.collect()
    }

    fn resolve(&self, asked: &[Asked<'_>]) -> Result<Resolution, Failure> {
        let roots: Vec<Requirement> = asked.iter().map(|it| it.requirement.clone()).collect();
        let names: Vec<&PackageName> = roots.iter().map(|it| &it.name).collect();
        self.packages.ahead(&names);
        let problem = Problem {
            roots: &roots,
            constraints: &self.constraints,
            preferred: &BTreeMap::new(),
            forbidden: &BTreeMap::new(),
            target: self.target,
            most_steps: MOST_STEPS,
            cancel: self.cancel,
        };
        resolve::resolve(&problem, &self.packages)
    }

    fn tell(&self, at: &Place, asked: &[Asked<'_>], resolution: &Resolution, chosen: &mut Chosen) {
        let facts = chosen.facts.entry(at.clone()).or_default();
        for (name, pick) in &resolution.picks {
            let line = asked.iter().find(|it| it.requirement.name == *name && it.place == at);
            let evidence = Evidence {
                place: at.clone(),
                span: line.and_then(|it| it.span.clone()),
                reader: CHOSEN,
                class: Class::Inferred,
            };
            facts.push(Fact { what: What::Locked(self.locked(name, pick)), evidence });
        }
        let first = asked.first();
        for unknown in &resolution.gaps {
            let (resolve::Gap::Needs { name, .. } | resolve::Gap::Address { name, .. }) = unknown;
            let line = asked.iter().find(|it| it.requirement.name == *name).or(first);
            let Some(gap) = line.map(|line| gap(line, unknown.to_string())) else { continue };
            if matches!(unknown, resolve::Gap::Needs { .. }) {
                chosen.needs.insert(gap.clone(), name.clone());
            }
            chosen.unread.push(gap);
        }
        let count = match resolution.picks.len() {
            1 => "1 version".to_owned(),
            count => format!("{count} versions"),
        };
        chosen
            .notes
            .push(format!("{count} of {} chosen as pip would today, for {}", self.project.name, self.target));
    }

    fn locked(&self, name: &PackageName, pick: &Pick) -> Locked {
        // Both were asked for while choosing, and an answer stays the same.
        let digest = self.packages.file(name, pick.file).and_then(|file| file.sha256);
        let needs = self.packages.needs(name, &pick.version).ok();
        let requires = needs.iter().flat_map(|needs| &needs.requirements).map(|requirement| Requires {
            requirement: as_fact(requirement),
            role: Role::Runtime,
            via: Vec::new(),
        });
        Locked {
            ecosystem: Ecosystem::PyPi,
            name: name.clone(),
            version: Some(pick.version.to_string()),
            origin: Origin::Index,
            digests: digest.into_iter().collect(),
            marker: None,
            root: false,
            requires: requires.collect(),
        }
    }
}

fn gap(asked: &Asked<'_>, reason: String) -> Gap {
    Gap { place: asked.place.clone(), span: asked.span.clone(), reason: Unread::Unresolved(reason) }
}

/// A requirement as the resolver takes it; none where it cannot be read, which was told when it was.
pub(crate) fn as_requirement(requirement: &fact::Requirement) -> Option<Requirement> {
    let extras: Vec<&str> = requirement.extras.iter().map(PackageName::as_str).collect();
    let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
    let what = match &requirement.origin {
        Origin::Index | Origin::System => requirement.specifier.clone(),
        Origin::Url { url, .. } | Origin::Vcs { url, .. } => format!(" @ {url}"),
        Origin::Path { path, .. } => format!(" @ {}", told(path)),
    };
    let marker = requirement.marker.as_ref().map(|marker| format!(" ; {marker}")).unwrap_or_default();
    Requirement::parse(&format!("{}{extras}{what}{marker}", requirement.name)).ok()
}

fn as_fact(requirement: &Requirement) -> fact::Requirement {
    let mut extras = requirement.extras.clone();
    extras.sort();
    fact::Requirement {
        ecosystem: Ecosystem::PyPi,
        name: requirement.name.clone(),
        extras,
        specifier: requirement.specifiers.to_string(),
        marker: requirement.marker.as_ref().map(ToString::to_string),
        origin: match &requirement.url {
            Some(url) => Origin::Url { url: url.clone(), pinned: false },
            None => Origin::Index,
        },
        digests: Vec::new(),
    }
}
