//! Pairs of package and advisory on real environments, ours and those of peers, held against what an independent
//! matcher finds in the raw records (`crates/engine/tests/environments`).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::{Bench, Row, input, seconds};

const ENVIRONMENTS: [&str; 1] = ["llm-application"];

pub(super) const TITLE: &str = "Pairs of package and advisory";

/// `package version record`.
type Pairs = BTreeSet<String>;

struct Answer {
    row: Row,
    pairs: Pairs,
}

/// The section, or nothing where the raw records are not there.
pub(super) fn section(bench: &Bench, root: &Path) -> anyhow::Result<Option<String>> {
    let advisories = bench.folder.join("pypi-osv.jsonl");
    if !input::advisories(root, &advisories)? {
        return Ok(None);
    }
    let mut text = format!(
        "## {TITLE}\n\nOne of the environments of [equality with the advisory data](equality-osv.md), installed; each tool \
         asked for the advisories of every package. pip-audit and `uv audit` ask an OSV service on loopback over the \
         records that Weighbridge holds; it answers them as OSV does, so what they show is transport, not matching of \
         their own. `uv audit` reads no environment: it gets a `uv.lock` of the same pins, with an index on loopback, \
         which it asks for the standing of each package. Ours on the environment also hashes every file, \
         reads native libraries and looks into models.\n\n\
         | environment | tool | command | pairs | missed | invented | wall | CPU | memory | wall, ours = 1 |\n\
         |---|---|---|--:|--:|--:|--:|--:|--:|--:|\n"
    );
    for name in ENVIRONMENTS {
        let data = root.join("crates/engine/tests/environments");
        let pins = fs::read_to_string(data.join(format!("{name}.txt")))?;
        let truth = truth(&fs::read_to_string(data.join("pairs.tsv"))?, name);
        let answers = answers(bench, name, &pins, &advisories)?;
        let ours = answers.first().map_or(f64::NAN, |answer| answer.row.wall);
        for Answer { row, pairs } in answers {
            writeln!(
                text,
                "| {name} | {} | `{}` | {} | {} | {} | {} | {} | {:.0} MB | {:.1} |",
                row.who,
                row.command,
                pairs.len(),
                truth.difference(&pairs).count(),
                pairs.difference(&truth).count(),
                seconds(row.wall),
                seconds(row.cpu),
                row.memory as f64 / 1e6,
                row.wall / ours,
            )?;
        }
    }
    text.push('\n');
    Ok(Some(text))
}

fn truth(table: &str, environment: &str) -> Pairs {
    let rows = table.lines().filter_map(|line| line.split_once('\t'));
    rows.filter(|(name, _)| *name == environment).map(|(_, pair)| pair.replace('\t', " ")).collect()
}

/// Ours on the pins first: the question that all three answer.
fn answers(bench: &Bench, name: &str, pins: &str, advisories: &Path) -> anyhow::Result<Vec<Answer>> {
    let folder = bench.folder.join("pairs").join(name);
    let environment = install(&folder, pins)?;
    let (mut service, url) = bench.osv_service(advisories)?;
    let host = url.trim_end_matches("/v1/query").to_owned();
    project(&folder.join("project"), pins, &host)?;
    let shown = |path: &Path| path.display().to_string();
    let lock = shown(&folder.join("project/uv.lock"));
    let venv = format!("venv:{}", shown(&environment));
    let site = shown(&environment.join("lib/python3.11/site-packages"));
    let project = shown(&folder.join("project"));
    let (audit, uv) = (bench.peer("pip-audit"), bench.peer("uv"));
    let ours = [bench.own(), "scan", "--format", "json"];
    let pip_audit = [&audit, "--path", &site, "-s", "osv", "--osv-url", &url, "-f", "json"];
    let pip_audit = [pip_audit.as_slice(), &["--progress-spinner", "off"]].concat();
    let uv_audit = [&uv, "audit", "--project", &project, "--frozen", "--no-progress", "--service-url", &host];
    let uv_audit = [uv_audit.as_slice(), &["--output-format", "json"]].concat();
    let mut answers = Vec::new();
    for (who, command, read) in [
        (
            "weighbridge, the lock",
            [ours.as_slice(), &[&lock]].concat(),
            ours_of as fn(&Value) -> Option<Pairs>,
        ),
        ("pip-audit", pip_audit, pip_audits_of),
        ("uv audit", uv_audit, uv_audits_of),
        ("weighbridge, the environment", [ours.as_slice(), &[&venv]].concat(), ours_of),
    ] {
        let row = bench.measure(who, 3, &command)?;
        let output = Command::new(command[0])
            .args(&command[1..])
            .env("XDG_CACHE_HOME", bench.folder.join("cache"))
            .output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        let value = serde_json::from_slice(&output.stdout).with_context(|| format!("{who}: {told}"))?;
        let pairs = read(&value).with_context(|| format!("{who} answers in another form"))?;
        let command = row.command.replace(&url, "LOOPBACK").replace(&host, "LOOPBACK");
        answers.push(Answer { row: Row { command: command.replace("pairs/", ""), ..row }, pairs });
    }
    drop(service.stdin.take());
    service.wait()?;
    Ok(answers)
}

/// Exactly these packages, from wheels.
fn install(folder: &Path, pins: &str) -> anyhow::Result<PathBuf> {
    let environment = folder.join("environment");
    let ready = folder.join("ready");
    if fs::read_to_string(&ready).is_ok_and(|old| old == pins) {
        return Ok(environment);
    }
    fs::create_dir_all(folder)?;
    let list = folder.join("requirements.txt");
    fs::write(&list, pins)?;
    let make = Command::new("python3")
        .args(["-m", "venv", "--clear", "--without-pip"])
        .arg(&environment)
        .status()?;
    let flags =
        ["install", "--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:", "--requirement"];
    let install = Command::new("python3")
        .args(["-m", "pip", "--python"])
        .arg(&environment)
        .args(flags)
        .arg(&list)
        .status()?;
    if !make.success() || !install.success() {
        bail!("{} cannot be installed from the package index", folder.display());
    }
    fs::write(ready, pins)?;
    Ok(environment)
}

/// A project with these pins, and its lock as uv writes it.
fn project(folder: &Path, pins: &str, host: &str) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let pins: Vec<(&str, &str)> = pins.lines().filter_map(|line| line.split_once("==")).collect();
    let mut manifest = String::from(
        "[project]\nname = \"environment\"\nversion = \"0\"\nrequires-python = \">=3.11\"\ndependencies = [\n",
    );
    let mut lock = String::from(
        "version = 1\nrevision = 3\nrequires-python = \">=3.11\"\n\n[[package]]\nname = \"environment\"\n\
         version = \"0\"\nsource = { virtual = \".\" }\ndependencies = [\n",
    );
    for (name, version) in &pins {
        writeln!(manifest, "    \"{name}=={version}\",")?;
        writeln!(lock, "    {{ name = \"{name}\" }},")?;
    }
    manifest.push_str("]\n");
    lock.push_str("]\n\n[package.metadata]\nrequires-dist = [\n");
    for (name, version) in &pins {
        writeln!(lock, "    {{ name = \"{name}\", specifier = \"=={version}\" }},")?;
    }
    lock.push_str("]\n");
    for (name, version) in &pins {
        writeln!(
            lock,
            "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = {{ registry = \"{host}/simple\" }}"
        )?;
    }
    fs::write(folder.join("pyproject.toml"), manifest)?;
    fs::write(folder.join("uv.lock"), lock)?;
    Ok(())
}

fn ours_of(report: &Value) -> Option<Pairs> {
    let mut pairs = Pairs::new();
    for finding in report["findings"].as_array()?.iter().filter(|finding| finding["rule"] == "WB-D001") {
        let (name, version) = finding["subject"].as_str()?.strip_prefix("pkg:pypi/")?.split_once('@')?;
        for record in finding["advisory"]["records"].as_array()? {
            pairs.insert(format!("{name} {version} {}", record["id"].as_str()?));
        }
    }
    Some(pairs)
}

fn pip_audits_of(report: &Value) -> Option<Pairs> {
    let mut pairs = Pairs::new();
    for package in report["dependencies"].as_array()? {
        for vulnerability in package["vulns"].as_array().into_iter().flatten() {
            let (name, version) = (package["name"].as_str()?, package["version"].as_str()?);
            pairs.insert(format!("{name} {version} {}", vulnerability["id"].as_str()?));
        }
    }
    Some(pairs)
}

fn uv_audits_of(report: &Value) -> Option<Pairs> {
    let rows = report["vulnerabilities"].as_array()?.iter();
    rows.map(|row| {
        let package = &row["dependency"];
        let (name, version) = (package["name"].as_str()?, package["version"].as_str()?);
        Some(format!("{name} {version} {}", row["id"].as_str()?))
    })
    .collect()
}
