//! Builds the list of known package names that is committed inside the `check` crate, and the table of what conda's packages
//! are called on the Python index inside the `advisory` crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;
use weighbridge_core::name::PackageName;

use crate::advisories::{lines, shared_dir};

const HEAD: &str = "\
# Names of Python packages that somebody vouched for by packaging or by mending them. Written by `cargo xtask names`.
# conda-forge's names on the Python index (prefix-dev/parselmouth, BSD-3-Clause) and the packages of the Python
# Packaging Advisory Database (CC-BY-4.0) but for those that were reported as attacks. Sorted.
";

const CONDA_HEAD: &str = "\
# What Python packages of conda-forge are called on the Python index. Columns, separated by tabs: package of conda, projects
# separated by spaces; a package without them is called the same there, normalised. Written by
# `cargo xtask names` from prefix-dev/parselmouth (BSD-3-Clause), snapshot 2026-08-19. Sorted.
";

/// Reads the shared data and writes the list and the table.
///
/// # Errors
/// When the shared folder is not there or its content is not what it should be.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let shared =
        shared_dir(root).context("no folder `shared` with advisories beside or above the project")?;
    let mut names = BTreeSet::new();
    let map: Value = serde_json::from_slice(&lines(&shared.join("conda-pypi-map.json.zst"))?)?;
    for value in map.as_object().context("the map of conda is no object")?.values() {
        match value {
            Value::String(name) => names.insert(name.clone()),
            Value::Array(all) => {
                names.extend(all.iter().filter_map(Value::as_str).map(str::to_owned));
                true
            }
            _ => false,
        };
    }
    fs::write(root.join("crates/advisory/data/conda-names.tsv"), conda_names(&map)?)?;
    let mut attacks = BTreeSet::new();
    for line in
        lines(&shared.join("pypi-osv.jsonl.zst"))?.split(|byte| *byte == b'\n').filter(|it| !it.is_empty())
    {
        let record: Value = serde_json::from_slice(line)?;
        let ids = std::iter::once(&record["id"]).chain(record["aliases"].as_array().into_iter().flatten());
        let malicious = ids.filter_map(Value::as_str).any(|id| id.starts_with("MAL-"));
        let packages = record["affected"].as_array().into_iter().flatten().map(|it| &it["package"]);
        let packages = packages.filter(|it| it["ecosystem"] == "PyPI").filter_map(|it| it["name"].as_str());
        (if malicious { &mut attacks } else { &mut names }).extend(packages.map(str::to_owned));
    }
    let normalised = |names: BTreeSet<String>| -> BTreeSet<String> {
        names.iter().filter_map(|name| PackageName::new(name).ok()).map(|name| name.to_string()).collect()
    };
    let attacks = normalised(attacks);
    let mut text = HEAD.to_owned();
    for name in normalised(names).difference(&attacks) {
        text.push_str(name);
        text.push('\n');
    }
    fs::write(root.join("crates/check/data/names/known.txt"), text)?;
    Ok(())
}

/// The table of conda's names.
fn conda_names(map: &Value) -> anyhow::Result<String> {
    let mut table: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, value) in map.as_object().context("the map of conda is no object")? {
        let projects = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        let projects: BTreeSet<String> =
            projects.filter_map(|name| PackageName::new(name).ok()).map(|name| name.to_string()).collect();
        if !projects.is_empty() {
            table.entry(name.to_lowercase()).or_default().extend(projects);
        }
    }
    let mut text = CONDA_HEAD.to_owned();
    for (name, projects) in table {
        text.push_str(&name);
        if !projects.iter().eq([&name.replace(['_', '.'], "-")]) {
            text.push('\t');
            text.push_str(&projects.into_iter().collect::<Vec<_>>().join(" "));
        }
        text.push('\n');
    }
    Ok(text)
}
