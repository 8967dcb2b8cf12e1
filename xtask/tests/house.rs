//! Holds the project to what its documents promise: crate levels, sources and licences of dependencies, tables in
//! order, a page and a fuzz target for each thing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use weighbridge_check::{CHECKS, rules};
use weighbridge_net::OPENERS;
use weighbridge_read::READERS;
use weighbridge_report::RENDERERS;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

/// The level of each crate (ARCHITECTURE.md). A crate may use crates on lower levels only.
const LEVELS: [(&str, u8); 11] = [
    ("weighbridge-core", 0),
    ("weighbridge-advisory", 1),
    ("weighbridge-check", 2),
    ("weighbridge-net", 2),
    ("weighbridge-read", 2),
    ("weighbridge-report", 2),
    ("weighbridge-resolve", 2),
    ("weighbridge-trust", 1),
    ("weighbridge-engine", 3),
    ("weighbridge-signers", 3),
    ("weighbridge", 5),
];

#[test]
fn no_crate_uses_one_on_its_own_level_or_above() {
    let levels = BTreeMap::from(LEVELS);
    let metadata = metadata();
    let members: BTreeSet<&str> =
        metadata["workspace_members"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut seen = BTreeSet::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        if !members.contains(package["id"].as_str().unwrap_or_default()) || name == "xtask" {
            continue;
        }
        let level = levels.get(name).unwrap_or_else(|| panic!("`{name}` has no level in this test"));
        seen.insert(name);
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            // Tests may look at the whole; what is shipped may not.
            if dependency["kind"] == "dev" {
                continue;
            }
            let other = dependency["name"].as_str().unwrap_or_default();
            if let Some(other_level) = levels.get(other) {
                assert!(other_level < level, "`{name}` (level {level}) uses `{other}` (level {other_level})");
            }
        }
    }
    assert_eq!(seen, levels.into_keys().collect());
}

/// Licences that permit use in MIT OR Apache-2.0 software without further conditions on it.
const LICENCES: [&str; 10] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
];
const MORE_LICENCES: [&str; 5] = ["BSL-1.0", "MIT-0", "Unlicense", "Zlib", "bzip2-1.0.6"];

/// Dependencies under a licence with conditions, each with the reason why these can be met.
///
/// - `pubgrub`, and `priority-queue` and `version-ranges` that it uses: the MPL-2.0 (section 3) binds who changes files of these crates to publish the changes.
///   It does not reach other files, and we take the crates from the registry as they are.
const EXCEPTIONS: [(&str, &str); 3] = [
    ("priority-queue", "LGPL-3.0-or-later OR MPL-2.0"),
    ("pubgrub", "MPL-2.0"),
    ("version-ranges", "MPL-2.0"),
];

#[test]
fn every_dependency_comes_from_the_registry_under_a_permissive_licence() {
    let metadata = metadata();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        if let Some(source) = package["source"].as_str() {
            assert!(source.starts_with("registry+"), "`{name}` comes from {source}");
        }
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("`{name}` states no licence"));
        let is_excepted = EXCEPTIONS.contains(&(name, licence));
        assert!(is_permissive(licence) || is_excepted, "`{name}` is licensed under {licence}");
    }
}

/// An expression is permissive if each part joined by AND has an alternative joined by OR that is.
fn is_permissive(expression: &str) -> bool {
    let expression = expression.replace(['(', ')'], "").replace('/', " OR ");
    expression.split(" AND ").all(|part| {
        part.split(" OR ").any(|licence| {
            let licence = licence.trim();
            LICENCES.contains(&licence) || MORE_LICENCES.contains(&licence)
        })
    })
}

#[test]
fn licence_expressions_are_understood() {
    for good in
        ["MIT", "MIT OR GPL-3.0", "(MIT OR Apache-2.0) AND Unicode-3.0", "MIT/Apache-2.0", "Unlicense OR MIT"]
    {
        assert!(is_permissive(good), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "MPL-2.0", ""] {
        assert!(!is_permissive(bad), "{bad}");
    }
}

fn assert_sorted<'a>(what: &str, ids: impl Iterator<Item = &'a str>) {
    let ids: Vec<&str> = ids.collect();
    assert!(!ids.is_empty(), "there are no {what}");
    assert!(ids.is_sorted_by(|a, b| a < b), "{what} are not sorted, or not unique: {ids:?}");
}

#[test]
fn tables_are_sorted_and_ids_are_unique() {
    assert_sorted("readers", READERS.iter().map(|reader| reader.about().id));
    assert_sorted("rules", rules().map(|rule| rule.id));
    assert_sorted("checks", CHECKS.iter().filter_map(|check| check.rules().first()).map(|rule| rule.id));
    assert_sorted("renderers", RENDERERS.iter().map(|renderer| renderer.id()));
    assert_sorted("openers", OPENERS.iter().filter_map(|opener| opener.schemes().first().copied()));
    let names: BTreeSet<&str> = rules().map(|rule| rule.name).collect();
    assert_eq!(names.len(), rules().count(), "two rules have one name");
}

#[test]
fn every_rule_has_a_page_that_answers_the_same_questions() {
    for rule in rules() {
        let page = rule.docs;
        assert!(page.starts_with(&format!("# {}: {}\n", rule.id, rule.name)), "{}: the heading", rule.id);
        for section in ["What it finds", "Why it matters", "Example", "What to do", "What it does not find"] {
            assert!(page.contains(&format!("\n## {section}\n")), "{} does not say: {section}", rule.id);
        }
    }
}

#[test]
fn every_reader_has_a_fuzz_target_and_every_target_a_reader() {
    let targets: BTreeSet<String> = fs::read_dir(root().join("fuzz/fuzz_targets"))
        .expect("there are fuzz targets")
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.replace('_', "-")))
        .collect();
    let readers = READERS.iter().map(|reader| reader.about().id);
    let signatures = weighbridge_trust::fuzz::TARGETS.iter().map(|(name, _)| *name);
    assert_eq!(targets, readers.chain(signatures).map(str::to_owned).collect());
}

/// The map names files; one that moved without it sends a newcomer nowhere. A name in capitals stands for any.
#[test]
fn every_path_in_the_architecture_exists() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("there is a map");
    let roots = ["crates/", "xtask/", "fuzz/", "examples/", "docs/"];
    // Code stands at every odd place between backticks.
    let named =
        page.split('`').skip(1).step_by(2).filter(|code| roots.iter().any(|root| code.starts_with(root)));
    let mut seen = 0;
    for path in named.flat_map(alternatives) {
        let real =
            path.split('/').take_while(|part| !part.starts_with(|letter: char| letter.is_ascii_uppercase()));
        let real: PathBuf = real.collect();
        assert!(root().join(&real).exists(), "ARCHITECTURE.md names {path}");
        seen += 1;
    }
    assert!(seen > 20, "only {seen} paths were found in ARCHITECTURE.md");
}

/// The page on false positives names the test that holds each of its rows; a name that leads nowhere proves nothing.
#[test]
fn every_test_that_the_page_on_false_positives_names_exists() {
    let page = fs::read_to_string(root().join("docs/false-positives.md")).expect("there is a page");
    let mut seen = BTreeSet::new();
    for (path, test) in page.split('`').filter_map(|code| code.split_once(".rs::")) {
        let path = format!("{path}.rs");
        let code = fs::read_to_string(root().join(&path)).unwrap_or_else(|_| panic!("no file {path}"));
        // A function, or the name in a list of trials, with or without the name of its module.
        let forms = [format!("fn {test}("), format!("::{test}\""), format!("\"{test}\"")];
        assert!(forms.iter().any(|form| code.contains(form)), "no test {test} in {path}");
        seen.insert((path, test));
    }
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| trap ")) {
        assert!(row.contains(".rs::"), "no test holds: {row}");
    }
    assert!(seen.len() > 40, "only {} tests are named", seen.len());
}

/// The paths that one with alternatives in braces stands for.
fn alternatives(path: &str) -> Vec<String> {
    match path.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
        None => vec![path.to_owned()],
        Some((before, (inside, after))) => {
            inside.split(',').map(|part| format!("{before}{part}{after}")).collect()
        }
    }
}

/// No host of a package registry stands in the code; the user's installer knows its own.
#[test]
fn no_package_registry_is_named() {
    let words = ["pypi", "crates", "npmjs"]
        .map(|name| format!("{name}.{}", if name == "crates" { "io" } else { "org" }));
    let mut folders =
        vec![root().join("crates"), root().join("xtask"), root().join("docs"), root().join("examples")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the project") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                for word in &words {
                    assert!(!text.contains(word.as_str()), "{} names {word}", path.display());
                }
            }
        }
    }
}
