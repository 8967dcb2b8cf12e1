//! WB-P002: a model file for whose code nobody here can vouch.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::fact::Target;
use weighbridge_core::finding::{Finding, Remedy, Severity};
use weighbridge_core::graph::NodeId;
use weighbridge_core::report::{Artifact, Safety};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, Installed, World};

use super::model_family::{Family, family};
use super::p001_dangerous_model_file::{conversion, finding};
use super::providers;

/// A model file for whose code nobody here can vouch.
pub static RULE: Rule = Rule {
    id: "WB-P002",
    name: "untrusted-model-file",
    title: "loading a model file runs code that is not known to be harmless",
    severity: Severity::Medium,
    since: "0.1.0",
    maps_to: &["CWE-502", "AML.T0010", "LLM03:2025"],
    docs: include_str!("p002_untrusted_model_file.md"),
};

static RULES: &[&Rule] = &[&RULE];

/// Finds such files.
pub struct Untrusted;

impl Check for Untrusted {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        untrusted(world, Family::Program, &RULE, findings);
    }
}

/// The findings about untrusted files of a family.
pub(super) fn untrusted(world: &World<'_>, wanted: Family, rule: &'static Rule, findings: &mut Vec<Finding>) {
    let remedy = |artifact: &Artifact| match (wanted, conversion(artifact)) {
        (_, Some(command)) => {
            Remedy::Convert(format!("review the code that is named, or keep only the weights: {command}"))
        }
        (Family::Program, None) => {
            let what = "review the code that is named, or store the weights as safetensors";
            Remedy::Manual(what.to_owned())
        }
        (Family::Keras, None) => {
            let what = "review the code that is named, or build the layers from your own code and load only the weights";
            Remedy::Manual(what.to_owned())
        }
        (Family::Graph, None) => {
            let what = "find out who provides what is named, and accept the finding with this reason";
            Remedy::Manual(what.to_owned())
        }
    };
    let untrusted = |artifact: &&Artifact| artifact.safety == Safety::Untrusted;
    let untrusted: Vec<&Artifact> =
        world.artifacts.iter().filter(untrusted).filter(|it| family(it.format) == wanted).collect();
    if untrusted.is_empty() {
        return;
    }
    let modules = modules(world.installed, &untrusted);
    let project = LazyCell::new(|| world.files.keys().filter_map(|path| own_module(path)).collect());
    for artifact in untrusted {
        let own = artifact.owner.as_ref().and_then(|owner| modules.get(owner));
        // Whoever imports the package runs this code anyway: a finding would only say that there are packages.
        let known = own.is_some_and(|own| runs_only(artifact, own));
        if !known && !configures_own_code(artifact, world, &project) {
            let found = finding(rule, artifact, Safety::Untrusted, remedy(artifact));
            findings.extend(found.map(|mut finding| {
                finding.details.extend(providers::lines(world, artifact));
                finding
            }));
        }
    }
}

/// The modules of each package that brought one of the artifacts along, by the names that Python imports first.
fn modules<'w>(
    installed: &'w [Installed],
    artifacts: &[&'w Artifact],
) -> BTreeMap<&'w NodeId, BTreeSet<&'w str>> {
    let mut modules: BTreeMap<&NodeId, BTreeSet<&str>> =
        artifacts.iter().filter_map(|artifact| Some((artifact.owner.as_ref()?, BTreeSet::new()))).collect();
    for package in installed {
        let Some(own) = modules.get_mut(&package.component) else { continue };
        for recorded in package.record.iter().flatten() {
            own.extend(providers::top_module(&recorded.written));
        }
    }
    modules
}

/// Whether the file is a configuration that names only code of the target itself: the settings of a project. Beside the
/// weights of a model it is a part of that model, which somebody else may have made.
/// `project` are the modules of that code.
fn configures_own_code<'w>(
    artifact: &Artifact,
    world: &World<'w>,
    project: &LazyCell<BTreeSet<&'w str>, impl FnOnce() -> BTreeSet<&'w str>>,
) -> bool {
    if artifact.format != SETTINGS || artifact.effects.len() > MOST_NAMES {
        return false;
    }
    let folder =
        |artifact: &Artifact| artifact.place.path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let here = folder(artifact);
    let beside = world.artifacts.iter().any(|other| other.format != SETTINGS && folder(other) == here);
    if beside {
        return false;
    }
    runs_only(artifact, project)
}

/// Format id of settings.
const SETTINGS: &str = "yaml-config";

/// A configuration with more effects than this is none that a person wrote.
const MOST_NAMES: usize = 10_000;

/// The module that Python imports first for this file of a project, which lies at its top or in `src`.
fn own_module(path: &str) -> Option<&str> {
    let path = path.strip_prefix("src/").unwrap_or(path);
    match path.split_once('/') {
        Some((package, inside)) if inside.ends_with(".py") => Some(package),
        Some(_) => None,
        None => path.strip_suffix(".py"),
    }
}

/// Whether the file asks for no other code than that of these modules.
fn runs_only(artifact: &Artifact, modules: &BTreeSet<&str>) -> bool {
    let mut untrusted = artifact.effects.iter().filter(|judged| judged.safety == Safety::Untrusted);
    untrusted.all(|judged| match &judged.effect.target {
        Target::Global(global) | Target::ResultOf(global) => {
            global.module.split('.').next().is_some_and(|top| modules.contains(top))
        }
        Target::Operator(_) | Target::Code { .. } | Target::Path(_) | Target::Unknown(_) => false,
    })
}
