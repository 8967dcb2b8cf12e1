//! WB-P002: a model file for whose code nobody here can vouch.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use weighbridge_core::fact::Target;
use weighbridge_core::finding::{Finding, Remedy, Severity};
use weighbridge_core::report::{Artifact, Safety};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, File, World};

use super::model_family::{Family, family};
use super::p001_dangerous_model_file::{conversion, finding};
use super::providers::Providers;

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
    let providers = Providers::new(world);
    let own_code = OwnCode::new(world);
    for artifact in untrusted {
        // Whoever imports the package runs this code anyway: a finding would only say that there are packages.
        let known = (artifact.owner.as_ref())
            .is_some_and(|owner| runs_only(artifact, |module| providers.brings(owner, module)));
        if !known && !own_code.is_configured_by(artifact) {
            let found = finding(rule, artifact, Safety::Untrusted, remedy(artifact));
            findings.extend(found.map(|mut finding| {
                finding.details.extend(providers.lines(artifact));
                finding
            }));
        }
    }
}

/// The code of the target itself; looked for when it is first asked for.
struct OwnCode<'w> {
    world: &'w World<'w>,
    modules: OnceCell<BTreeSet<&'w str>>,
    /// Folders in which other models than settings lie.
    models: OnceCell<BTreeSet<&'w str>>,
}

impl<'w> OwnCode<'w> {
    fn new(world: &'w World<'w>) -> Self {
        Self { world, modules: OnceCell::new(), models: OnceCell::new() }
    }

    /// Whether the file is a configuration that names only code of the target: the settings of a project. Beside the weights
    /// of a model it is a part of that model, which somebody else may have made.
    fn is_configured_by(&self, artifact: &Artifact) -> bool {
        if artifact.format != SETTINGS || artifact.effects.len() > MOST_NAMES {
            return false;
        }
        let models = self.models.get_or_init(|| {
            let models = self.world.artifacts.iter().filter(|other| other.format != SETTINGS);
            models.map(|model| model.place.folder()).collect()
        });
        if models.contains(artifact.place.folder()) {
            return false;
        }
        let modules = self.modules.get_or_init(|| own_modules(self.world.files));
        runs_only(artifact, |module| modules.contains(module))
    }
}

/// Format id of settings.
const SETTINGS: &str = "yaml-config";

/// A configuration with more effects than this is none that a person wrote.
const MOST_NAMES: usize = 10_000;

/// The modules of the code of a project. What else lies in the folder of one is passed over: it may be an environment, which
/// holds most of the files.
fn own_modules(files: &BTreeMap<Arc<str>, File>) -> BTreeSet<&str> {
    let mut modules = BTreeSet::new();
    let mut rest = files.range::<str, _>(..);
    while let Some((path, _)) = rest.next() {
        let Some((module, folder)) = own_module(path) else { continue };
        modules.insert(module);
        if let Some(folder) = folder {
            // `0` comes next after `/`.
            let behind = format!("{folder}0");
            rest = files.range::<str, _>((Bound::Included(behind.as_str()), Bound::Unbounded));
        }
    }
    modules
}

/// The module that Python imports first for this file of a project, which lies at its top or in `src`, and its folder, if it has
/// one.
fn own_module(path: &str) -> Option<(&str, Option<&str>)> {
    let below = path.strip_prefix("src/").unwrap_or(path);
    match below.split_once('/') {
        Some((package, inside)) if inside.ends_with(".py") => {
            Some((package, path.strip_suffix(inside)?.strip_suffix('/')))
        }
        Some(_) => None,
        None => Some((below.strip_suffix(".py")?, None)),
    }
}

/// Whether the file asks for no other code than that of certain modules, by the names that Python imports first.
fn runs_only(artifact: &Artifact, is_of: impl Fn(&str) -> bool) -> bool {
    let mut untrusted = artifact.effects.iter().filter(|judged| judged.safety == Safety::Untrusted);
    untrusted.all(|judged| match &judged.effect.target {
        Target::Global(global) | Target::ResultOf(global) => {
            global.module.split('.').next().is_some_and(&is_of)
        }
        Target::Operator(_) | Target::Code { .. } | Target::Path(_) | Target::Unknown(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use weighbridge_core::coverage::Unread;

    use super::*;

    #[test]
    fn the_modules_of_a_project_lie_at_its_top_or_in_src() {
        let paths = [
            "a.py",
            "a.zip",
            "b/__init__.py",
            "b/c.py",
            "b/d/e.py",
            "b.c/x.py",
            "b0/f.py",
            "docs/index.md",
            "g/data.bin",
            "g/z/h.py",
            "src/b2/i.py",
            "src/b2/j.txt",
            "src/k.py",
            "src/l/m.txt",
            "z.py",
        ];
        let file = || File { size: 0, digest: Err(Unread::NotAsked) };
        let files: BTreeMap<Arc<str>, File> = paths.iter().map(|path| (Arc::from(*path), file())).collect();
        let expected: BTreeSet<&str> = paths.iter().filter_map(|path| Some(own_module(path)?.0)).collect();
        assert_eq!(own_modules(&files), expected);
        assert_eq!(Vec::from_iter(expected), ["a", "b", "b.c", "b0", "b2", "g", "k", "z"]);
    }
}
