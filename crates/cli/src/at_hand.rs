//! Which Python is at hand where a target has none of its own: that of the environment that is activated, else the one that a
//! `.python-version` asks for. Files are read and nothing is run.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::env_vars::Environment;

/// Most bytes of a file that names a version.
const MOST: u64 = 64 << 10;
/// Most entries of the folder in which conda records what it installed.
const MOST_RECORDS: usize = 100_000;

/// Its version, and who says so.
pub(crate) fn at_hand(environment: &Environment, targets: &[String]) -> Option<(String, String)> {
    let folder = |name| environment.get(name).map(PathBuf::from);
    let virtual_environment =
        || Some((declared(&folder("VIRTUAL_ENV")?)?, "that of the activated environment".to_owned()));
    let conda = || {
        let version = recorded(&folder("CONDA_PREFIX")?)?;
        Some((version, "that of the activated environment of conda".to_owned()))
    };
    let file = || {
        let version = targets.iter().find_map(|target| asked_for(Path::new(target)))?;
        Some((version, "of `.python-version`".to_owned()))
    };
    virtual_environment().or_else(conda).or_else(file)
}

/// The version in a `pyvenv.cfg`: `version` of venv, `version_info` of virtualenv and uv.
fn declared(environment: &Path) -> Option<String> {
    let text = text(&environment.join("pyvenv.cfg"))?;
    let values = text.lines().filter_map(|line| line.split_once('='));
    let value = |wanted: &str| {
        let mut found = values.clone().filter(|(name, _)| name.trim() == wanted);
        found.find_map(|(_, value)| version(value.trim()))
    };
    value("version").or_else(|| value("version_info"))
}

/// The version of the package `python` that conda recorded.
fn recorded(environment: &Path) -> Option<String> {
    let entries = fs::read_dir(environment.join("conda-meta")).ok()?.take(MOST_RECORDS);
    let mut versions: Vec<String> = entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name();
            let rest = name.to_str()?.strip_suffix(".json")?.strip_prefix("python-")?;
            version(rest.split('-').next()?)
        })
        .collect();
    versions.sort();
    versions.pop()
}

/// The first version in a `.python-version` that is one of CPython.
fn asked_for(folder: &Path) -> Option<String> {
    let text = text(&folder.join(".python-version"))?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    version(lines.next()?)
}

fn text(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(MOST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// `3.12` and `3.12.4` of `3.12.4.final.0`; none of anything else.
fn version(text: &str) -> Option<String> {
    let numbers: Vec<&str> = text
        .split('.')
        .take_while(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        .take(3)
        .collect();
    let is_known = numbers.len() >= 2 && numbers.iter().all(|number| number.len() <= 3);
    is_known.then(|| numbers.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_activated_goes_before_what_a_file_asks_for() {
        let machine = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = machine.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.4\n");
        put("uv/pyvenv.cfg", "home = /usr/bin\nversion_info = 3.13.1.final.0\n");
        put("conda/conda-meta/python-3.10.9-h7a1cb2a_0.json", "{}");
        put("conda/conda-meta/python-dateutil-2.8.2-py_0.json", "{}");
        put("project/.python-version", "# ours\n3.9\n");
        put("odd/.python-version", "pypy3.10\n");
        let path = |name: &str| machine.path().join(name).to_str().unwrap().to_owned();
        let of = |pairs: &[(&str, &str)], target: &str| {
            let pairs = pairs.iter().map(|(name, folder)| ((*name).into(), path(folder).into()));
            at_hand(&Environment::from_pairs(pairs), &[path(target)]).map(|(version, _)| version)
        };
        for (pairs, target, expected) in [
            (&[][..], "nowhere", None),
            (&[], "odd", None),
            (&[], "project", Some("3.9")),
            (&[("VIRTUAL_ENV", "venv")], "project", Some("3.11.4")),
            (&[("VIRTUAL_ENV", "uv"), ("CONDA_PREFIX", "conda")], "project", Some("3.13.1")),
            (&[("CONDA_PREFIX", "conda")], "project", Some("3.10.9")),
            // One that is gone is none.
            (&[("VIRTUAL_ENV", "gone")], "project", Some("3.9")),
        ] {
            assert_eq!(of(pairs, target).as_deref(), expected, "{pairs:?} {target}");
        }
    }
}
