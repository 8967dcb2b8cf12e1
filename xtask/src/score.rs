//! The score page (`docs/score.md`) and the peers' part of it (`docs/data/peers-score.json`).
//!
//! The page is written by the suite itself, which runs all cases: see `crates/engine/tests/suite/score.rs`. Peers are
//! asked only about cases that are new or have changed since, and when another version of them is wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::bench::environment;

/// A tool to compare with: its name, what to install, and how it is called.
struct Peer {
    name: &'static str,
    package: &'static str,
    version: &'static str,
    command: &'static str,
}

/// Each has an environment of its own. Fickling does not start without `typing_extensions`, which it does not ask for.
const PEERS: &[Peer] = &[
    Peer { name: "picklescan", package: "picklescan", version: "1.0.5", command: "picklescan -p PATH" },
    Peer {
        name: "picklescan-strict",
        package: "picklescan",
        version: "1.0.5",
        command: "picklescan --strict -p PATH",
    },
    Peer { name: "modelscan", package: "modelscan", version: "0.8.8", command: "modelscan -p PATH" },
    Peer {
        name: "fickling",
        package: "fickling",
        version: "0.1.12",
        command: "fickling --check-safety PATH",
    },
    Peer {
        name: "modelaudit",
        package: "modelaudit",
        version: "0.2.54",
        command: "modelaudit scan --no-cache PATH",
    },
];

const DATA: &str = "docs/data/peers-score.json";

/// Writes the page.
///
/// # Errors
/// When the suite does not run or a case is not right.
pub(crate) fn write(root: &Path) -> anyhow::Result<()> {
    suite(root, "suite::the_score_page_is_up_to_date", "WEIGHBRIDGE_SUITE_SCORE", "write")
}

/// Asks the peers, then writes the page.
///
/// # Errors
/// When the cases cannot be written, or a peer that was installed does not run.
pub(crate) fn peers(root: &Path) -> anyhow::Result<()> {
    let folder = root.join("target/score");
    let cases = folder.join("cases");
    if cases.exists() {
        fs::remove_dir_all(&cases)?;
    }
    fs::create_dir_all(&cases)?;
    let folder = folder.canonicalize()?;
    let cases = folder.join("cases");
    suite(root, "suite::write", "WEIGHBRIDGE_SUITE_OUT", cases.to_str().context("the path is no text")?)?;
    let list = fs::read_to_string(cases.join("cases.tsv"))?;
    let digests: BTreeMap<String, String> = list
        .lines()
        .filter_map(|line| Some((line.split('\t').next()?.to_owned(), line.split('\t').nth(3)?.to_owned())))
        .collect();
    let old: Value = serde_json::from_slice(&fs::read(root.join(DATA))?)?;
    let mut data = Data::default();
    for peer in PEERS {
        data.ask(peer, root, &folder, &list, &digests, &old)?;
    }
    fs::write(root.join(DATA), data.text(&digests)?)?;
    write(root)
}

/// Runs one test of the suite.
fn suite(root: &Path, test: &str, variable: &str, value: &str) -> anyhow::Result<()> {
    let status = Command::new("cargo")
        .args(["test", "--quiet", "--package", "weighbridge-engine", "--test", "main", "--", "--exact", test])
        .env(variable, value)
        .current_dir(root)
        .status()?;
    if status.success() { Ok(()) } else { bail!("`{test}` failed") }
}

#[derive(Default)]
struct Data {
    peers: Vec<Value>,
    missing: Vec<String>,
    /// By case and peer.
    verdicts: BTreeMap<String, BTreeMap<String, String>>,
}

impl Data {
    fn ask(
        &mut self,
        peer: &Peer,
        root: &Path,
        folder: &Path,
        list: &str,
        digests: &BTreeMap<String, String>,
        old: &Value,
    ) -> anyhow::Result<()> {
        let Peer { name, package, version, command } = *peer;
        let known = old["peers"].as_array().into_iter().flatten();
        let known = known.filter(|it| it["name"] == name).find(|it| it["version"] == version);
        let kept = |case: &str| {
            let before = &old["cases"][case];
            let same = known.is_some() && before["digest"].as_str() == digests.get(case).map(String::as_str);
            same.then(|| before["verdicts"][name].as_str().map(str::to_owned)).flatten()
        };
        let mut ask = BTreeSet::new();
        for case in digests.keys() {
            match kept(case) {
                Some(verdict) => {
                    self.verdicts.entry(case.clone()).or_default().insert(name.to_owned(), verdict);
                }
                None => {
                    ask.insert(case.as_str());
                }
            }
        }
        let mut measured = known.map_or(Value::Null, |known| known["measured"].clone());
        if !ask.is_empty() {
            let packages =
                [format!("{package}=={version}"), "typing_extensions".to_owned(), "numpy".to_owned()];
            let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
            let python = match environment(folder, package, &packages) {
                Ok(python) => python,
                Err(error) => {
                    self.missing.push(format!("{name} {version}: {error}"));
                    return Ok(());
                }
            };
            let lines =
                list.lines().filter(|line| line.split('\t').next().is_some_and(|case| ask.contains(case)));
            let asked: String = lines.map(|line| format!("{line}\n")).collect();
            let asked_path = folder.join("cases").join("ask.tsv");
            fs::write(&asked_path, asked)?;
            let script = root.join("xtask/score/peers.py").canonicalize()?;
            let output = Command::new(python).arg(script).arg(name).arg(&asked_path).output()?;
            if !output.status.success() {
                bail!("{name}: {}", String::from_utf8_lossy(&output.stderr));
            }
            for line in String::from_utf8(output.stdout)?.lines() {
                let (case, verdict) = line.split_once(' ').context("a line is no verdict")?;
                self.verdicts.entry(case.to_owned()).or_default().insert(name.to_owned(), verdict.to_owned());
            }
            measured = today()?.into();
        }
        self.peers.push(json!({
            "name": name, "version": version, "measured": measured, "command": command,
        }));
        Ok(())
    }

    /// One line a peer and one a case, so that changes can be read.
    fn text(&self, digests: &BTreeMap<String, String>) -> anyhow::Result<String> {
        let mut text = String::from("{\n\"peers\": [\n");
        let peers: Vec<String> = self.peers.iter().map(Value::to_string).collect();
        writeln!(text, "{}\n],\n\"missing\": {},\n\"cases\": {{", peers.join(",\n"), json!(self.missing))?;
        let line = |(case, digest): (&String, &String)| {
            let value = json!({"digest": digest, "verdicts": self.verdicts.get(case)});
            format!("{}: {value}", json!(case))
        };
        let lines: Vec<String> =
            digests.iter().filter(|(case, _)| self.verdicts.contains_key(*case)).map(line).collect();
        writeln!(text, "{}\n}}\n}}", lines.join(",\n"))?;
        Ok(text)
    }
}

/// The day, as `date` knows it.
fn today() -> anyhow::Result<String> {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d"]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
