//! `WB-D004`: code among installed packages that no installer wrote.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::fact::What;
use weighbridge_core::finding::{Finding, Remedy, Severity};
use weighbridge_core::graph::NodeId;
use weighbridge_core::place::Place;
use weighbridge_core::rule::Rule;
use weighbridge_core::seek::Seeker;
use weighbridge_core::world::{Check, File, Installed, World};

use super::dependency::{about_node, about_place, counted, identity, is_below, shortened};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-D004",
    name: "unrecorded-installed-file",
    title: "code among installed packages that no installer recorded",
    severity: Severity::Medium,
    since: "0.1.0",
    maps_to: &["CWE-506", "AML.T0010", "LLM03:2025"],
    docs: include_str!("d004_unrecorded_installed_file.md"),
};

/// Endings of files from which Python imports or executes code.
const CODE: &[&str] = &[".py", ".so", ".pyc", ".pyd", ".dylib", ".pth"];

/// Modules that Python imports at every start, wherever they lie on the search path (Python Standard Library, *site*).
const AT_START: &[&str] = &["sitecustomize.py", "usercustomize.py"];

/// Size in bytes and SHA-256 of `_virtualenv.py` as virtualenv 20.4–21.15 and uv 0.2–0.7 write it beside no record.
const VIRTUALENV: &[(u64, &str)] = &[
    (5834, "07584d2a5d13e0811eb567d78ed2aca0fb60e7defff59a01ca7a48d907bdea51"),
    (5662, "684b8c07932ba4a84ac2e5ae9afe49ef04e92bac3d8d4191d455cf09d093e5fc"),
    (5640, "c9199315871b11b12df226f890a38e66e63191e1adbfb11a66e6861151b33fca"),
    (4329, "0aeb86546345c1d0fada097536e35525714d5cdbcc2d8eb3f9912a955044fcff"),
    (4443, "0f20351ea7e90039c46d3fabdef991f28b1e3ff33eb13ee6f0d5cd21ea0e8b14"),
    (4375, "ee52b2e2e720a40885a6b4b90c40e28e5c70e550af74d5efd169eaa5db2a6f6f"),
    (4342, "6cf30c56faf2a55228914dbbd17f8088ed371ebb08f5e7fa6fd931f913fcaf1d"),
];

/// Finds code that no installer recorded, one finding for each package folder.
pub struct UnrecordedInstalledFile;

impl Check for UnrecordedInstalledFile {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let unrecorded = unrecorded(world);
        let mut roots: BTreeMap<&str, Vec<&Installed>> = BTreeMap::new();
        for installed in world.installed {
            roots.entry(&installed.root).or_default().push(installed);
        }
        for (root, installed) in &roots {
            let inner: Vec<&str> =
                roots.keys().copied().filter(|other| is_below(other, root) && other != root).collect();
            Site { world, root, installed, inner, unrecorded: below(&unrecorded, root) }.check(findings);
        }
    }
}

/// One folder of installed packages.
struct Site<'s, 'w> {
    world: &'s World<'w>,
    root: &'s str,
    installed: &'s [&'s Installed],
    /// Other such folders below it.
    inner: Vec<&'s str>,
    /// What may be code below it and that no installer recorded.
    unrecorded: &'s [(&'s str, &'s File)],
}

impl Site<'_, '_> {
    fn check(&self, findings: &mut Vec<Finding>) {
        let owners = self.owners();
        // A distribution without a record may own any module beside the others.
        let all_recorded = self.installed.iter().all(|installed| installed.record.is_some());
        let mut by_folder: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (path, file) in self.unrecorded {
            let rest = relative(path, self.root);
            let (top, in_folder) = rest.split_once('/').map_or((rest, false), |(top, _)| (top, true));
            let is_known = || if in_folder { owners.contains_key(top) } else { all_recorded };
            if is_code(rest)
                && is_known()
                && !self.inner.iter().any(|inner| is_below(path, inner))
                && !self.is_told_elsewhere(path, rest, file)
            {
                by_folder.entry(if in_folder { top } else { "" }).or_default().push(path);
            }
        }
        for (folder, paths) in by_folder {
            let owner =
                owners.get(folder).filter(|owners| owners.len() == 1).and_then(|owners| owners.first());
            findings.push(self.finding(folder, &paths, owner.copied()));
        }
    }

    /// The distributions that recorded files in each folder directly below the root.
    fn owners(&self) -> BTreeMap<&str, BTreeSet<&NodeId>> {
        let mut owners: BTreeMap<&str, BTreeSet<&NodeId>> = BTreeMap::new();
        for installed in self.installed {
            let mut last = None;
            for path in installed.record.iter().flatten().filter_map(|recorded| recorded.path.as_deref()) {
                if is_below(path, self.root)
                    && let Some((top, _)) = relative(path, self.root).split_once('/')
                    // Most files lie in the folder of the one before.
                    && last != Some(top)
                {
                    owners.entry(top).or_default().insert(&installed.component);
                    last = Some(top);
                }
            }
        }
        owners
    }

    /// Code in `.pth` files is the business of `WB-D005`; one file of virtualenv and uv is known.
    fn is_told_elsewhere(&self, path: &str, rest: &str, file: &File) -> bool {
        let runs_code = || {
            let facts = self.world.facts.get(&Place::file(path)).into_iter().flatten();
            facts.into_iter().any(|fact| matches!(fact.what, What::StartUpCode(_)))
        };
        match rest {
            "_virtualenv.py" => VIRTUALENV.iter().any(|(size, digest)| {
                // Nobody asks for the digest of a file that no record names; then its size must do.
                file.size == *size && file.digest.as_ref().map_or(true, |found| found.to_string() == *digest)
            }),
            _ => rest.ends_with(".pth") && runs_code(),
        }
    }

    fn finding(&self, folder: &str, paths: &[&str], owner: Option<&NodeId>) -> Finding {
        let where_ = if folder.is_empty() {
            "beside the installed packages".to_owned()
        } else {
            format!("in `{folder}`")
        };
        let title = format!(
            "{} {where_} {} in no record of an installer",
            counted(paths.len(), "file with code", "files with code"),
            if paths.len() == 1 { "is" } else { "are" }
        );
        let at_start = paths.iter().any(|path| AT_START.contains(&relative(path, self.root)));
        let mut details = shortened(paths.iter().map(ToString::to_string));
        if at_start {
            details.push("Python imports it at every start".to_owned());
        }
        let place = Place::file(paths.first().copied().unwrap_or(self.root));
        let identity = owner.map(identity).unwrap_or_default();
        let parts: Vec<&str> = [identity.as_str(), folder].into_iter().chain(paths.iter().copied()).collect();
        let common = match owner {
            Some(owner) => about_node(self.world, &RULE, owner, &parts),
            None => about_place(&RULE, &place, None, &parts),
        };
        Finding {
            severity: if at_start { Severity::High } else { RULE.severity },
            title,
            details,
            location: Some((place, None)),
            remedy: Some(Remedy::Remove(
                "find out who put it there; delete it, or install the package that it belongs to anew"
                    .to_owned(),
            )),
            ..common
        }
    }
}

/// The files that may be code and that no record names, sorted.
fn unrecorded<'w>(world: &'w World<'_>) -> Vec<(&'w str, &'w File)> {
    let files = world.files.iter().map(|(path, file)| (&**path, file));
    let files: Vec<(&str, &File)> = files.filter(|(path, _)| may_be_code(path)).collect();
    let mut is_recorded = vec![false; files.len()];
    let mut seeker = Seeker::new(&files, |(path, _): &(&'w str, _)| *path);
    let records = world.installed.iter().flat_map(|installed| installed.record.iter().flatten());
    let paths = records.filter_map(|recorded| recorded.path.as_deref());
    for path in paths.filter(|path| may_be_code(path)) {
        if let Some(is_recorded) = seeker.place(path).and_then(|place| is_recorded.get_mut(place)) {
            *is_recorded = true;
        }
    }
    let files = files.into_iter().zip(is_recorded);
    files.filter(|(_, is_recorded)| !is_recorded).map(|(file, _)| file).collect()
}

/// Whether Python would run what lies there. Compiled code beside its source is a copy of it; without a source it is
/// imported only outside of `__pycache__` (Python Standard Library, *importlib*: sourceless imports).
fn is_code(path: &str) -> bool {
    may_be_code(path) && !(path.ends_with(".pyc") && path.split('/').any(|name| name == "__pycache__"))
}

/// Whether a file ends as code does, wherever it lies.
fn may_be_code(path: &str) -> bool {
    CODE.iter().any(|ending| path.ends_with(ending))
}

fn relative<'p>(path: &'p str, root: &str) -> &'p str {
    if root.is_empty() { path } else { path.get(root.len().saturating_add(1)..).unwrap_or_default() }
}

/// Those of sorted files that lie below a folder.
fn below<'s, 'f>(files: &'s [(&'f str, &'f File)], root: &str) -> &'s [(&'f str, &'f File)] {
    let begin = if root.is_empty() { String::new() } else { format!("{root}/") };
    let rest = files.get(files.partition_point(|(path, _)| **path < *begin)..).unwrap_or_default();
    rest.get(..rest.partition_point(|(path, _)| path.starts_with(&begin))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::dependency_world::{Built, check};
    use super::*;

    const SITE: &str = "venv/lib/python3/site-packages";

    fn built() -> Built {
        Built::new().edge("P", "a 1", "").installed("a 1", "a/x.py=one b.py=two a-1.dist-info/METADATA=m")
    }

    #[test]
    fn what_is_recorded_or_no_code_is_quiet() {
        let mut built = built();
        for quiet in [
            "a/__pycache__/x.cpython-311.pyc",
            "__pycache__/b.cpython-311.pyc",
            "a/data.json",
            "a-1.dist-info/RECORD",
            "a-1.dist-info/INSTALLER",
            "someone/elses.py",
        ] {
            built = built.file(&format!("{SITE}/{quiet}"), "x");
        }
        check(&UnrecordedInstalledFile, built.file("venv/bin/activate_this.py", "x"), "");
    }

    #[test]
    fn code_in_the_folder_of_a_package_is_told_once_for_the_folder() {
        check(
            &UnrecordedInstalledFile,
            built()
                .file(&format!("{SITE}/a/evil.py"), "x")
                .file(&format!("{SITE}/a/deep/evil.so"), "x")
                .file(&format!("{SITE}/a/sourceless.pyc"), "x"),
            "
            medium high 3 files with code in `a` are in no record of an installer
              at venv/lib/python3/site-packages/a/deep/evil.so
              venv/lib/python3/site-packages/a/deep/evil.so
              venv/lib/python3/site-packages/a/evil.py
              venv/lib/python3/site-packages/a/sourceless.pyc
              way project > a 1
              fix find out who put it there; delete it, or install the package that it belongs to anew
            ",
        );
    }

    #[test]
    fn a_module_that_runs_at_every_start_is_worse() {
        check(
            &UnrecordedInstalledFile,
            built().file(&format!("{SITE}/sitecustomize.py"), "x"),
            "
            high high 1 file with code beside the installed packages is in no record of an installer
              at venv/lib/python3/site-packages/sitecustomize.py
              venv/lib/python3/site-packages/sitecustomize.py
              Python imports it at every start
              fix find out who put it there; delete it, or install the package that it belongs to anew
            ",
        );
    }

    #[test]
    fn modules_beside_a_distribution_without_a_record_may_be_its_own() {
        check(&UnrecordedInstalledFile, built().unrecorded("c 1").file(&format!("{SITE}/_c.so"), "x"), "");
    }

    #[test]
    fn the_file_of_virtualenv_is_known_by_its_bytes() {
        let sized = |size| File { size, digest: Err(weighbridge_core::coverage::Unread::NotAsked) };
        let path = format!("{SITE}/_virtualenv.py");
        check(&UnrecordedInstalledFile, built().with_file(&path, sized(4342)), "");
        check(
            &UnrecordedInstalledFile,
            built().with_file(&path, sized(4343)),
            "
            medium high 1 file with code beside the installed packages is in no record of an installer
              at venv/lib/python3/site-packages/_virtualenv.py
              venv/lib/python3/site-packages/_virtualenv.py
              fix find out who put it there; delete it, or install the package that it belongs to anew
            ",
        );
    }

    #[test]
    fn start_up_code_is_told_by_its_own_rule() {
        let path = format!("{SITE}/evil.pth");
        check(
            &UnrecordedInstalledFile,
            built().file(&path, "x").fact(&path, What::StartUpCode("import os".into())),
            "",
        );
    }
}
