//! The choice of versions for the requirements of a real project, beside pip and uv: with nothing fetched before, and
//! with everything. Needs the network and an index of packages, and what it measures cold is mostly these.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Bench, Row, environment, seconds};

pub(super) const TITLE: &str = "Choosing the versions of a real project";

const RESOLVERS: &[&str] = &["pip==26.3", "uv==0.13.9"];

/// The list, of `xtask/data/requirements`; `docs/resolver.md` says how many packages come of it.
const LIST: &str = "comfyui-requirements.txt";

/// How often each is asked once everything is there.
const TIMES: u32 = 5;

/// The section.
pub(super) fn section(bench: &Bench, root: &Path) -> anyhow::Result<String> {
    let python = environment(&bench.folder, "resolvers", RESOLVERS)?;
    let tool = |name: &str| python.with_file_name(name).display().to_string();
    let (pip, uv) = (tool("pip"), tool("uv"));
    let folder = bench.folder.join("resolution");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let project = folder.join("project");
    fs::create_dir_all(&project)?;
    fs::copy(root.join("xtask/data/requirements").join(LIST), project.join("requirements.txt"))?;
    let cache = |name: &str| folder.join(name).display().to_string();
    let (project, python) = (project.display().to_string(), tool("python"));
    let list = format!("{project}/requirements.txt");
    let ours = format!("WEIGHBRIDGE_CACHE_DIR={}", cache("weighbridge"));
    let path = format!("PATH={}:{}", folder.join("../resolvers/bin").display(), std::env::var("PATH")?);
    let version = ["-c", "import platform; print(platform.python_version())"];
    let version = String::from_utf8(Command::new(&python).args(version).output()?.stdout)?;
    let ours = ["env", &ours, &path, bench.own(), "scan", "--no-config", "--format", "json"];
    let ours = [ours.as_slice(), &["--resolve", "--python", version.trim(), &project]].concat();
    let (pips, uvs) = (cache("pip"), cache("uv"));
    let pips = [
        pip.as_str(),
        "install",
        "--dry-run",
        "--ignore-installed",
        "--quiet",
        "--cache-dir",
        &pips,
        "-r",
        &list,
    ];
    let uvs = [uv.as_str(), "pip", "compile", "--quiet", "--python", &python, "--cache-dir", &uvs, &list];
    let mut cold = Vec::new();
    let mut warm = Vec::new();
    for (who, shown, command) in [
        ("weighbridge", "weighbridge scan --resolve --format json PROJECT", ours.as_slice()),
        ("pip", "pip install --dry-run --ignore-installed -r LIST", &pips),
        ("uv", "uv pip compile LIST", &uvs),
    ] {
        let named = |row: Row| Row { command: shown.to_owned(), ..row };
        cold.push(named(bench.measure(who, 1, command)?));
        warm.push(named(bench.measure(who, TIMES, command)?));
    }
    let mut text = format!(
        "## {TITLE}\n\n`{LIST}` of `xtask/data/requirements`, from the index that pip would ask: [the same choice](resolver.md) \
         as pip makes, but pip also builds what says nothing of its needs, and ours also matches and judges all that was chosen. \
         With an empty cache once, which measures the network above all; then the best of {TIMES} with the cache of that. \
         Versions: {}. Ours first starts the installed pip to ask for its index, which is in its time. What is kept also depends on what \
         the index says of its pages: where it says nothing, ours keeps them for ten minutes, uv asks again, and pip keeps nothing.\n\n\
         | cache | tool | command | wall | CPU | memory | exit | wall, ours = 1 |\n|---|---|---|--:|--:|--:|--:|--:|\n",
        RESOLVERS.join(", ")
    );
    for (cache, rows) in [("empty", cold), ("warm", warm)] {
        let ours = rows.first().map_or(f64::NAN, |row| row.wall);
        for row in rows {
            writeln!(
                text,
                "| {cache} | {} | `{}` | {} | {} | {:.0} MB | {} | {:.1} |",
                row.who,
                row.command,
                seconds(row.wall),
                seconds(row.cpu),
                row.memory as f64 / 1e6,
                row.exit,
                row.wall / ours,
            )?;
        }
    }
    text.push('\n');
    Ok(text)
}
