//! Measures Weighbridge beside its peers in one run and writes `docs/benchmarks.md`.
//!
//! Ratios are what counts: both sides run on the same machine, on the same input, minutes apart. The peers live in a
//! virtual environment of their own under `target/bench/`, with the versions in [`PEERS`]. `cargo xtask bench PART`
//! measures and replaces one section alone: `pairs`, `bill`, `environment`, `signing` (of as many GiB as `cargo xtask bench signing GIB`
//! says), or `resolution`, which needs the network while it measures and is left as it is by everything else.

mod input;
mod pairs;
mod resolution;
mod signing;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

const PEERS: &[&str] = &[
    "pip-audit==2.10.1",
    "uv==0.13.9",
    "picklescan==1.0.5",
    "modelscan==0.8.8",
    "fickling==0.1.12",
    "typing_extensions",
    "numpy",
];

/// What writes the files by which verdicts are compared (`crates/engine/tests/writers.py`).
const WRITERS: &[&str] = &[
    "joblib==1.5.2",
    "lightgbm==4.6.0",
    "networkx==3.5",
    "nltk==3.9.2",
    "numpy==2.3.4",
    "pandas==2.3.3",
    "safetensors==0.6.2",
    "scikit-learn==1.7.2",
    "scipy==1.16.3",
    "statsmodels==0.14.5",
    "xgboost-cpu==3.2.0",
];

/// The title of the section on an installed environment.
const ENVIRONMENT: &str = "An environment of 250 packages";

/// The title of the section on a large bill of materials.
const BILL: &str = "A bill of 100,000 components";

/// How the page ends.
const LAST: &str = "Run it yourself: ";

/// One measured command.
struct Row {
    who: String,
    command: String,
    wall: f64,
    cpu: f64,
    memory: u64,
    exit: i64,
}

/// One question with everybody's answer; ours first.
struct Table {
    title: &'static str,
    about: String,
    rows: Vec<Row>,
}

impl Table {
    /// The section of the page.
    fn section(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        self.tell(&mut text)?;
        Ok(text)
    }

    /// Writes it as a section of the page.
    fn tell(&self, page: &mut String) -> anyhow::Result<()> {
        writeln!(page, "## {}\n\n{}\n", self.title, self.about)?;
        page.push_str("| tool | command | wall | CPU | memory | exit | wall, ours = 1 |\n|---|---|--:|--:|--:|--:|--:|\n");
        let ours = self.rows.first().map_or(f64::NAN, |row| row.wall);
        for row in &self.rows {
            writeln!(
                page,
                "| {} | `{}` | {} | {} | {:.0} MB | {} | {:.1} |",
                row.who,
                row.command.replace('\n', "; ").replace('|', "\\|"),
                seconds(row.wall),
                seconds(row.cpu),
                row.memory as f64 / 1e6,
                row.exit,
                row.wall / ours,
            )?;
        }
        page.push('\n');
        Ok(())
    }
}

/// How a tool judged files of which the truth is known.
struct Verdicts {
    who: String,
    command: String,
    /// Attacks that it flagged, and files that are no attacks.
    attacks: usize,
    alarms: usize,
    /// Files at which it ended with an error, or said that it does not know the format.
    failed: usize,
}

struct Bench {
    folder: PathBuf,
    python: PathBuf,
    writers: PathBuf,
    tests: PathBuf,
    weighbridge: PathBuf,
    scripts: PathBuf,
}

/// Runs everything.
///
/// # Errors
/// When an input cannot be built or a peer cannot be installed.
pub(crate) fn run(root: &Path, only: Option<&str>, size: Option<&str>) -> anyhow::Result<()> {
    let folder = root.join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    let status = Command::new("cargo")
        .args(["build", "--release", "--quiet", "--package", "weighbridge"])
        .current_dir(root)
        .status()?;
    if !status.success() {
        bail!("the release build failed");
    }
    let bench = Bench {
        // A section alone needs nobody but its own peers.
        python: match only {
            Some("signing") => environment(&folder, "model-signing", signing::REFERENCE)?,
            _ => environment(&folder, "peers", PEERS)?,
        },
        // Made where verdicts are compared, and not for one section alone.
        writers: if only.is_none() { environment(&folder, "writers", WRITERS)? } else { PathBuf::new() },
        tests: root.join("crates/engine/tests").canonicalize()?,
        weighbridge: root.join("target/release/weighbridge").canonicalize()?,
        scripts: root.join("xtask/bench").canonicalize()?,
        folder,
    };
    let path = root.join("docs/benchmarks.md");
    let before = std::fs::read_to_string(&path)?;
    let (title, section) = match only {
        None => return Ok(std::fs::write(path, bench.whole(root, &before)?)?),
        Some("pairs") => {
            (pairs::TITLE, pairs::section(&bench, root)?.context("the raw advisories are not there")?)
        }
        Some("bill") => (BILL, bench.components()?.section()?),
        Some("environment") => (ENVIRONMENT, bench.environment(root)?.section()?),
        Some("signing") => (signing::TITLE, signing::section(&bench, size)?),
        Some("resolution") => (resolution::TITLE, resolution::section(&bench, root)?),
        Some(other) => bail!("no part of the benchmarks is called `{other}`"),
    };
    std::fs::write(path, with_section(&before, title, &section))?;
    Ok(())
}

impl Bench {
    /// The whole page, with the section on resolution from the one before.
    fn whole(&self, root: &Path, before: &str) -> anyhow::Result<String> {
        let pairs = pairs::section(self, root)?;
        let tables = [
            self.start_up()?,
            self.pinned(root)?,
            self.environment(root)?,
            self.lock()?,
            self.components()?,
            self.pickle()?,
            self.small_models()?,
            self.large_checkpoint()?,
            self.large_safetensors()?,
        ];
        let verdicts = self.verdicts()?;
        let page = page(&tables, &verdicts, self)?;
        let page = pairs.map_or(page.clone(), |pairs| with_section(&page, pairs::TITLE, &pairs));
        let page = with_section(&page, signing::TITLE, &signing::section(self, None)?);
        Ok(match section_of(before, resolution::TITLE) {
            Some(range) => {
                let kept = before.get(range).unwrap_or_default();
                with_section(&page, resolution::TITLE, kept)
            }
            None => page,
        })
    }
}

/// The page with one section replaced, or put before the line that ends the page.
fn with_section(page: &str, title: &str, section: &str) -> String {
    let last = page.rfind(LAST).unwrap_or(page.len());
    let Range { start, end } = section_of(page, title).unwrap_or(last..last);
    let part = |range: Range<usize>| page.get(range).unwrap_or_default();
    format!("{}{section}{}", part(0..start), part(end..page.len()))
}

/// Where the section of this title stands.
fn section_of(page: &str, title: &str) -> Option<Range<usize>> {
    let heading = format!("## {title}\n");
    let begin = page.find(&heading)?;
    let inside = begin + heading.len();
    let next = page.get(inside..)?.find("\n## ").map(|at| inside + at + 1);
    Some(begin..next.or(page.rfind(LAST)).unwrap_or(page.len()))
}

/// Makes an environment with these packages on first use and returns its Python.
pub(crate) fn environment(folder: &Path, name: &str, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let environment = folder.join(name);
    let python = environment.join("bin/python");
    if !environment.join("ready").exists() {
        let make = Command::new("python3").args(["-m", "venv"]).arg(&environment).status()?;
        let install =
            Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages).status()?;
        if !make.success() || !install.success() {
            bail!("{packages:?} cannot be installed from the package index");
        }
        std::fs::write(environment.join("ready"), "")?;
    }
    Ok(python)
}

impl Bench {
    fn measure(&self, who: &str, times: u32, command: &[&str]) -> anyhow::Result<Row> {
        let output = Command::new(&self.python)
            .arg(self.scripts.join("measure.py"))
            .arg(times.to_string())
            .args(command)
            .env("XDG_CACHE_HOME", self.folder.join("cache"))
            .current_dir(&self.folder)
            .output()?;
        let result: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{who}: {}", String::from_utf8_lossy(&output.stderr)))?;
        let number = |key: &str| result[key].as_f64().unwrap_or(f64::NAN);
        Ok(Row {
            who: who.to_owned(),
            command: self.shown(command),
            wall: number("wall"),
            cpu: number("cpu"),
            memory: result["memory"].as_u64().unwrap_or(0),
            exit: result["exit"].as_i64().unwrap_or(-1),
        })
    }

    /// The command as a reader of the page would type it.
    fn shown(&self, command: &[&str]) -> String {
        let peers = format!("{}/", self.folder.join("peers/bin").display());
        command
            .join(" ")
            .replace(&self.weighbridge.display().to_string(), "weighbridge")
            .replace(&peers, "")
            .replace(&format!("{}/", self.folder.display()), "")
    }

    fn own(&self) -> &str {
        self.weighbridge.to_str().unwrap_or("weighbridge")
    }

    fn peer(&self, name: &str) -> String {
        self.folder.join("peers/bin").join(name).display().to_string()
    }

    fn start_up(&self) -> anyhow::Result<Table> {
        let mut rows = vec![
            self.measure("weighbridge", 20, &[self.own(), "--version"])?,
            self.measure("weighbridge", 20, &[self.own(), "explain", "WB-P001"])?,
        ];
        for name in ["pip-audit", "picklescan", "modelscan", "fickling"] {
            let flag = if matches!(name, "picklescan" | "modelscan") { "--help" } else { "--version" };
            rows.push(self.measure(name, 5, &[&self.peer(name), flag])?);
        }
        Ok(Table { title: "Start-up", about: "The time before anything is done.".to_owned(), rows })
    }

    fn pinned(&self, root: &Path) -> anyhow::Result<Table> {
        input::pinned_requirements(&self.folder.join("pinned"))?;
        let mut rows = vec![self.measure("weighbridge", 10, &[self.own(), "scan", "pinned"])?];
        let advisories = self.folder.join("pypi-osv.jsonl");
        if input::advisories(root, &advisories)? {
            let (mut service, url) = self.osv_service(&advisories)?;
            let audit = self.peer("pip-audit");
            let flags =
                ["--no-deps", "--disable-pip", "--progress-spinner", "off", "-s", "osv", "--osv-url", &url];
            let mut command = vec![audit.as_str(), "-r", "pinned/requirements.txt"];
            command.extend(flags);
            let row = self.measure("pip-audit", 3, &command)?;
            rows.push(Row { command: row.command.replace(&url, "LOOPBACK"), ..row });
            drop(service.stdin.take());
            service.wait()?;
        }
        let about =
            "41 pinned packages, matched against all advisories; loading them included. pip-audit asks an \
                     OSV service on loopback over the same data."
                .to_owned();
        Ok(Table { title: "41 pinned packages", about, rows })
    }

    fn osv_service(&self, advisories: &Path) -> anyhow::Result<(Child, String)> {
        let mut service = Command::new(&self.python)
            .arg(self.scripts.join("osv_service.py"))
            .arg(advisories)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut port = String::new();
        BufReader::new(service.stdout.take().context("standard output was asked for")?)
            .read_line(&mut port)?;
        Ok((service, format!("http://127.0.0.1:{}/v1/query", port.trim())))
    }

    fn environment(&self, root: &Path) -> anyhow::Result<Table> {
        let list = root.join("xtask/data/environment.txt").canonicalize()?;
        let list = list.to_str().context("the folder of the project is no text")?;
        environment(&self.folder, "env250", &["--no-deps", "--only-binary", ":all:", "-r", list])?;
        let input::Counted { packages, binaries, files, bytes } = input::count(&self.folder.join("env250"))?;
        let hash = "find env250 -type f -print0 | xargs -0 -P 2 -n 500 sha256sum";
        let rows = vec![
            self.measure("weighbridge", 5, &[self.own(), "scan", "--no-cache", "venv:env250"])?,
            self.measure(
                "weighbridge, one thread",
                3,
                &[self.own(), "scan", "--no-cache", "-j", "1", "venv:env250"],
            )?,
            // The first of these scans keeps what the others are told.
            self.measure("weighbridge, the second scan", 8, &[self.own(), "scan", "venv:env250"])?,
            self.measure("sha256sum, two at a time (yardstick)", 3, &["sh", "-c", hash])?,
        ];
        let about = format!(
            "An environment with the {packages} packages of `xtask/data/environment.txt`, as pip installs them: {files} \
             files with {} MB, {binaries} of them native programs and libraries. Every file is hashed and compared with \
             the RECORD of its package, and every library is looked through for what it is a copy of. The peers that read \
             environments do neither. The files are in the page cache. A second scan believes the digests of the first \
             for files whose device, inode, size and times are the same.",
            bytes / 1_000_000
        );
        Ok(Table { title: ENVIRONMENT, about, rows })
    }

    fn lock(&self) -> anyhow::Result<Table> {
        input::lock(&self.folder.join("lock10000"), 10_000)?;
        let rows = vec![self.measure("weighbridge", 5, &[self.own(), "scan", "lock10000"])?];
        let about = "A `uv.lock` with 10,000 packages and 40,000 dependencies.".to_owned();
        Ok(Table { title: "A lock of 10,000 packages", about, rows })
    }

    fn components(&self) -> anyhow::Result<Table> {
        input::bill(&self.folder.join("bill100000"), 100_000)?;
        let file = "bill100000/sbom.json";
        let python = self.python.display().to_string();
        let load = "import json,sys\njson.load(open(sys.argv[1]))";
        let read = "import json,sys\nfrom cyclonedx.model.bom import Bom\nBom.from_json(json.load(open(sys.argv[1])))";
        let rows = vec![
            self.measure("weighbridge", 5, &[self.own(), "scan", "--format", "short", "bill100000"])?,
            self.measure("weighbridge, as JSON", 5, &[self.own(), "scan", "--format", "json", "bill100000"])?,
            self.measure("CPython, json.load (yardstick)", 3, &[&python, "-c", load, file])?,
            self.measure("cyclonedx-python-lib, reading alone (yardstick)", 1, &[&python, "-c", read, file])?,
        ];
        let about = "A bill of materials (CycloneDX) with 100,000 components, each fiftieth a package that advisories are about, \
                     matched against all of them: reading, joining, checking and the report included. No peer that pip \
                     installs matches a bill without a database of its own, so the others only read it."
            .to_owned();
        Ok(Table { title: BILL, about, rows })
    }

    fn pickle(&self) -> anyhow::Result<Table> {
        let path = self.folder.join("large/large.pkl");
        let operations = input::large_pickle(&path)?;
        let file = "large/large.pkl";
        let genops = "import pickletools,sys\nfor _ in pickletools.genops(open(sys.argv[1],'rb')): pass";
        let load = "import pickle,sys\npickle.load(open(sys.argv[1],'rb'))";
        let python = self.python.display().to_string();
        let rows = vec![
            self.measure("weighbridge", 3, &[self.own(), "scan", file])?,
            self.measure("picklescan", 1, &[&self.peer("picklescan"), "-p", file])?,
            self.measure("modelscan", 1, &[&self.peer("modelscan"), "-p", file])?,
            self.measure("fickling", 1, &[&self.peer("fickling"), "--check-safety", file])?,
            self.measure("CPython, pickletools (yardstick)", 1, &[&python, "-c", genops, file])?,
            self.measure("CPython, pickle.load (yardstick)", 1, &[&python, "-c", load, file])?,
        ];
        let about =
            format!("A pickle of 200 MB with {operations} opcodes: records of text, numbers and tuples.");
        Ok(Table { title: "A large pickle", about, rows })
    }

    fn small_models(&self) -> anyhow::Result<Table> {
        input::small_pickles(&self.folder.join("small"), 239)?;
        let rows = vec![
            self.measure("weighbridge", 5, &[self.own(), "scan", "small"])?,
            self.measure("picklescan", 3, &[&self.peer("picklescan"), "-p", "small"])?,
            self.measure("modelscan", 3, &[&self.peer("modelscan"), "-p", "small"])?,
        ];
        Ok(Table { title: "239 small pickles", about: "One folder, one command.".to_owned(), rows })
    }

    fn large_checkpoint(&self) -> anyhow::Result<Table> {
        input::large_checkpoint(&self.folder.join("checkpoint/model.pt"), 2 << 30)?;
        let file = "checkpoint/model.pt";
        let rows = vec![
            self.measure("weighbridge, without digest", 5, &[self.own(), "scan", "--no-digests", file])?,
            self.measure("weighbridge, with the digest", 3, &[self.own(), "scan", file])?,
            self.measure("picklescan", 3, &[&self.peer("picklescan"), "-p", file])?,
            self.measure("modelscan", 3, &[&self.peer("modelscan"), "-p", file])?,
            self.measure("sha256sum (yardstick)", 1, &["sha256sum", file])?,
        ];
        let about = "A PyTorch checkpoint of 2 GiB. The peers compute no digest; by default Weighbridge does, and that \
                     is nearly all of its time."
            .to_owned();
        Ok(Table { title: "A checkpoint of 2 GiB", about, rows })
    }

    fn large_safetensors(&self) -> anyhow::Result<Table> {
        input::large_safetensors(&self.folder.join("safetensors/model.safetensors"), 1 << 30)?;
        let file = "safetensors/model.safetensors";
        let rows = vec![
            self.measure("weighbridge, without digest", 5, &[self.own(), "scan", "--no-digests", file])?,
            self.measure("weighbridge, with the digest", 3, &[self.own(), "scan", file])?,
            self.measure("picklescan", 3, &[&self.peer("picklescan"), "-p", file])?,
            self.measure("modelscan", 3, &[&self.peer("modelscan"), "-p", file])?,
        ];
        let about = "A safetensors file of 1 GiB with 1,024 tensors. No peer here reads the format: the one takes it for \
                     a broken pickle, the other leaves it out."
            .to_owned();
        Ok(Table { title: "1 GiB of safetensors", about, rows })
    }
}

impl Bench {
    /// Asks each tool about each file by itself. A tool flags a file by exit code 1, as all four document it.
    fn verdicts(&self) -> anyhow::Result<(usize, usize, Vec<Verdicts>)> {
        let folder = self.folder.join("verdicts");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let made = Command::new(&self.writers).arg(self.tests.join("writers.py")).arg(&folder).status()?;
        if !made.success() {
            bail!("the files to judge cannot be written");
        }
        let files = |kind: &str| -> anyhow::Result<Vec<PathBuf>> {
            let entries = std::fs::read_dir(folder.join(kind))?;
            let mut files =
                entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
            files.sort();
            Ok(files)
        };
        let (good, bad) = (files("good")?, files("bad")?);
        let (picklescan, modelscan, fickling) =
            (self.peer("picklescan"), self.peer("modelscan"), self.peer("fickling"));
        let mut all = Vec::new();
        for (who, command) in [
            ("weighbridge", vec![self.own(), "scan"]),
            ("picklescan", vec![&picklescan, "-p"]),
            ("modelscan", vec![&modelscan, "-p"]),
            ("fickling", vec![&fickling, "--check-safety"]),
        ] {
            let mut verdicts = Verdicts {
                who: who.to_owned(),
                command: self.shown(&[&command, ["FILE"].as_slice()].concat()),
                attacks: 0,
                alarms: 0,
                failed: 0,
            };
            for (file, is_attack) in
                bad.iter().map(|file| (file, true)).chain(good.iter().map(|file| (file, false)))
            {
                let output = Command::new(command[0])
                    .args(&command[1..])
                    .arg(file)
                    .current_dir(&self.folder)
                    .output()?;
                match (output.status.code(), is_attack) {
                    (Some(1), true) => verdicts.attacks += 1,
                    (Some(1), false) => verdicts.alarms += 1,
                    (Some(0), _) => {}
                    _ => verdicts.failed += 1,
                }
            }
            all.push(verdicts);
        }
        Ok((bad.len(), good.len(), all))
    }
}

fn page(
    tables: &[Table],
    (attacks, good, verdicts): &(usize, usize, Vec<Verdicts>),
    bench: &Bench,
) -> anyhow::Result<String> {
    let mut page = String::from(
        "# Benchmarks\n\n<!-- Written by `cargo xtask bench`; do not edit. -->\n\nOne run on one machine, all tools \
         side by side; the best of several runs each. Compare rows of one table, not tables of different days. CPU \
         is user and system time together; memory is the peak resident size. Where another tool wins, the table \
         shows it.\n\n",
    );
    writeln!(page, "Machine: {}\n", machine())?;
    let versions = Command::new(&bench.python).args(["-m", "pip", "list", "--format", "freeze"]).output()?;
    let versions = String::from_utf8_lossy(&versions.stdout).into_owned();
    let named: Vec<&str> = versions
        .lines()
        .filter(|line| PEERS.iter().any(|peer| line.replace('_', "-").starts_with(&peer.replace('_', "-"))))
        .collect();
    writeln!(page, "Versions: weighbridge {}; {}\n", env!("CARGO_PKG_VERSION"), named.join(", "))?;
    for table in tables {
        table.tell(&mut page)?;
    }
    writeln!(
        page,
        "## Verdicts\n\n{good} files that numpy, scipy, pandas, scikit-learn, statsmodels, NLTK, XGBoost, LightGBM, joblib and safetensors wrote, and {attacks} \
         attacks on the same formats (`crates/engine/tests/writers.py` makes both); each tool asked about each file. \
         The attacks are ours, so a high score of ours proves little; what counts are those that others miss.\n\n\
         | tool | command | attacks flagged, of {attacks} | good files flagged, of {good} | no answer |\n\
         |---|---|--:|--:|--:|"
    )?;
    for Verdicts { who, command, attacks, alarms, failed } in verdicts {
        writeln!(page, "| {who} | `{command}` | {attacks} | {alarms} | {failed} |")?;
    }
    page.push('\n');
    writeln!(page, "{LAST}`cargo xtask bench` (needs Python 3 and a package index for the peers).")?;
    Ok(page)
}

fn seconds(value: f64) -> String {
    if value < 0.1 { format!("{:.1} ms", value * 1e3) } else { format!("{value:.2} s") }
}

/// Cores and processor, as far as Linux tells.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            Some(
                text.lines()
                    .find(|line| line.starts_with("model name"))?
                    .split_once(':')?
                    .1
                    .trim()
                    .to_owned(),
            )
        })
        .unwrap_or_else(|| "unknown processor".to_owned());
    format!("{cores} cores, {processor}, {}", std::env::consts::OS)
}
