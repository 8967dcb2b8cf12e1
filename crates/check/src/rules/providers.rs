//! Which package a module is of, and what the target knows about that package.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::fact::Target;
use weighbridge_core::graph::{Component, NodeId};
use weighbridge_core::name::PackageName;
use weighbridge_core::report::{Artifact, Safety};
use weighbridge_core::show::Shown;
use weighbridge_core::world::World;

use crate::safety::foreign_package;

/// Modules of packages that are called otherwise, sorted by module.
const RENAMED: [(&str, &str); 12] = [
    ("Crypto", "pycryptodome"),
    ("PIL", "pillow"),
    ("cv2", "opencv-python"),
    ("dateutil", "python-dateutil"),
    ("faiss", "faiss-cpu"),
    ("fitz", "pymupdf"),
    ("imblearn", "imbalanced-learn"),
    ("pl_bolts", "lightning-bolts"),
    ("skimage", "scikit-image"),
    ("sklearn", "scikit-learn"),
    ("umap", "umap-learn"),
    ("yaml", "pyyaml"),
];

/// Most packages of which a finding tells.
const MOST: usize = 5;

/// Answers which packages of a target bring a module along. All records are gone through once, when that is first asked: they
/// are long, and questions many.
pub(super) struct Providers<'w> {
    world: &'w World<'w>,
    recorded: OnceCell<BTreeMap<&'w str, BTreeSet<&'w NodeId>>>,
}

impl<'w> Providers<'w> {
    pub(super) fn new(world: &'w World<'w>) -> Self {
        Self { world, recorded: OnceCell::new() }
    }

    /// Whether the record of a package has this module, by the name that Python imports first.
    pub(super) fn brings(&self, package: &NodeId, module: &str) -> bool {
        self.recorded().get(module).is_some_and(|packages| packages.contains(package))
    }

    /// The packages by the modules in their records.
    fn recorded(&self) -> &BTreeMap<&'w str, BTreeSet<&'w NodeId>> {
        self.recorded.get_or_init(|| {
            let mut recorded: BTreeMap<&str, BTreeSet<&NodeId>> = BTreeMap::new();
            for package in self.world.installed {
                let mut last = None;
                let modules =
                    package.record.iter().flatten().filter_map(|recorded| top_module(recorded.written()));
                // Most files are of the module of the one before.
                for module in modules.filter(|module| last.replace(*module) != Some(*module)) {
                    recorded.entry(module).or_default().insert(&package.component);
                }
            }
            recorded
        })
    }

    /// A line for each package whose code the untrusted effects of an artifact run: whether it is here, in which version,
    /// and what is known about that.
    pub(super) fn lines(&self, artifact: &Artifact) -> Vec<String> {
        let untrusted = artifact.effects.iter().filter(|judged| judged.safety == Safety::Untrusted);
        let modules: BTreeSet<&str> = untrusted
            .filter_map(|judged| match &judged.effect.target {
                Target::Global(global) | Target::ResultOf(global) => foreign_package(global),
                Target::Operator(_) | Target::Code { .. } | Target::Path(_) | Target::Unknown(_) => None,
            })
            .collect();
        modules.into_iter().take(MOST).map(|module| self.line(module)).collect()
    }

    fn line(&self, module: &str) -> String {
        let world = self.world;
        let providers = self.providers(module);
        if providers.is_empty() {
            return format!("package `{}` is not in this target", Shown(module));
        }
        let told = providers.into_iter().map(|(id, component)| {
            let installed =
                component.installed || world.installed.iter().any(|package| package.component == *id);
            let state = match (installed, &component.version) {
                (true, _) => "installed here",
                (false, Some(_)) => "pinned here and not installed",
                (false, None) => "required here in no certain version",
            };
            let name = match &component.version {
                Some(version) => format!("`{}` {version}", component.name),
                None => format!("`{}`", component.name),
            };
            let mut known: Vec<&str> = (world.matches.iter())
                .filter(|found| found.component == *id)
                .map(|found| found.vulnerability.name.as_str())
                .collect();
            known.sort_unstable();
            known.dedup();
            let known = match (known.as_slice(), &component.version) {
                ([], None) => String::new(),
                ([], Some(_)) => " and has no known vulnerability".to_owned(),
                ([one], _) => format!(" and has a known vulnerability ({one})"),
                ([first, rest @ ..], _) => {
                    format!(" and has known vulnerabilities ({first} and {} more)", rest.len())
                }
            };
            format!("package {name} is {state}{known}")
        });
        told.collect::<Vec<_>>().join("; ")
    }

    /// The components that bring a module along: by their records, else by their name.
    fn providers(&self, module: &str) -> BTreeMap<&'w NodeId, &'w Component> {
        let graph = self.world.graph;
        let by_record = self.recorded().get(module).into_iter().flatten();
        let by_record: BTreeMap<&NodeId, &Component> =
            by_record.filter_map(|id| Some((*id, graph.component(id)?))).collect();
        if !by_record.is_empty() {
            return by_record;
        }
        let renamed = RENAMED.binary_search_by(|(other, _)| (*other).cmp(module)).ok();
        let name = renamed.and_then(|at| RENAMED.get(at)).map_or(module, |(_, name)| name);
        let Ok(name) = PackageName::new(name) else { return BTreeMap::new() };
        graph.components().filter(|(_, component)| component.name == name).collect()
    }
}

/// The module that Python imports first to get at a recorded file; none for files that are of no module.
fn top_module(written: &str) -> Option<&str> {
    let top = written.split('/').next().unwrap_or_default();
    let module = top.strip_suffix(".py").unwrap_or(top);
    // `a.libs`, `a-1.dist-info` and `..` are no modules.
    (!module.is_empty() && !module.contains(['.', '-'])).then_some(module)
}

#[cfg(test)]
mod tests {
    use weighbridge_core::fact::{Effect, EffectKind, Global, What};

    use super::super::dependency_world::Built;
    use super::super::p002_untrusted_model_file::Untrusted;
    use super::*;

    /// The last line of what is found about a model that imports from this module.
    fn told(built: Built, module: &str) -> String {
        let global = Global { module: module.to_owned(), name: "Model".to_owned() };
        let effect = Effect::new(EffectKind::Import, Target::Global(global), "GLOBAL");
        let built = built
            .file("m.pkl", "x")
            .fact("m.pkl", What::Format("pickle"))
            .fact("m.pkl", What::Effect(effect));
        let findings = built.findings(&Untrusted);
        let [finding] = findings.as_slice() else { panic!("{findings:?}") };
        let mut lines = finding.lines().map(str::trim);
        lines.rfind(|line| !line.starts_with("fix")).unwrap_or_default().to_owned()
    }

    #[test]
    fn a_finding_says_what_is_known_of_the_package() {
        let vulnerable = |built: Built, package| built.vulnerable(package, "CVE-2026-1", |_| {});
        for (built, module, expected) in [
            (Built::new(), "shop.models", "package `shop` is not in this target"),
            (
                Built::new().edge("P", "shop 2.1.0", "==2.1.0"),
                "shop.models",
                "package `shop` 2.1.0 is pinned here and not installed and has no known vulnerability",
            ),
            (
                Built::new().edge("P", "scikit-image 1", ""),
                "skimage",
                "package `scikit-image` 1 is pinned here and not installed and has no known vulnerability",
            ),
            (
                Built::new().unresolved("shop", "", 3),
                "shop",
                "package `shop` is required here in no certain version",
            ),
            (
                vulnerable(
                    Built::new().edge("P", "shop-tools 1", "").installed("shop-tools 1", "shop/a.py"),
                    "shop-tools 1",
                ),
                "shop",
                "package `shop-tools` 1 is installed here and has a known vulnerability (CVE-2026-1)",
            ),
        ] {
            assert_eq!(told(built, module), expected);
        }
        let of_program = told(Built::new(), "__main__");
        assert!(!of_program.starts_with("package"), "{of_program}");
    }

    #[test]
    fn renamed_modules_are_sorted() {
        assert!(RENAMED.is_sorted());
    }
}
