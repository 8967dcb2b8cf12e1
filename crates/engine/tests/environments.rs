//! Five environments as people had them, pinned in `environments/*.txt`: whatever advisory is reported for a package of
//! them is what an independent matcher finds in the raw records, to the last pair, and the other way round.
//!
//! The pairs stand in `environments/pairs.tsv`, written by that matcher (`WEIGHBRIDGE_BLESS=1`). What needs neither
//! the package index nor the raw records is compared with that table on every machine: the pins, read as requirements.
//! Where the index that the machine's own `pip` uses can be reached, the environments are installed, once, side by
//! side, into `target/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};

use libtest_mimic::Trial;
use weighbridge_core::finding::Severity;
use weighbridge_core::report::Report;

use crate::real::{REFERENCE, assert_same, reference, reported, shared_advisories, weigh};
use crate::support::{Folder, test, test_when};

/// Name and pins.
const ENVIRONMENTS: [(&str, &str); 5] = [
    ("classic-ml", include_str!("environments/classic-ml.txt")),
    ("computer-vision", include_str!("environments/computer-vision.txt")),
    ("llm-application", include_str!("environments/llm-application.txt")),
    ("serving", include_str!("environments/serving.txt")),
    ("speech", include_str!("environments/speech.txt")),
];

/// Wheels whose own files differ from the record inside them, as published: the library that attaches debuggers was
/// signed after the record had been written. No installer here minds; a checker of records must.
const BROKEN_WHEELS: [&str; 1] = ["debugpy 1.6.5"];

/// Packages that bring a file of one path, of which the last one stays.
const OVERWRITTEN: [&str; 1] = ["jupyter 1.0.0"];

pub(crate) fn tests() -> Vec<Trial> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("environments");
    // Whoever comes first makes all of them; each with its report.
    let made = Arc::new(OnceLock::new());
    let mut tests = vec![test("environments::pins_alone_give_the_pairs_of_the_table", pins)];
    for (at, (name, _)) in ENVIRONMENTS.into_iter().enumerate() {
        let real = |what: &str, run: fn(&Made, usize)| {
            let (folder, made) = (folder.clone(), Arc::clone(&made));
            test_when(&format!("environments::{what}::{name}"), move || {
                let made: &Result<Arc<Made>, String> = made.get_or_init(|| make(&folder).map(Arc::new));
                let made = made.clone()?;
                Ok(move || run(&made, at))
            })
        };
        tests.push(real("pairs_are_those_of_the_raw_records", pairs));
        tests.push(real("what_pip_installed_is_not_tampered_with", fresh));
    }
    tests
}

/// The environments, and what we say of each.
struct Made {
    folder: PathBuf,
    reports: [OnceLock<Report>; ENVIRONMENTS.len()],
}

impl Made {
    fn report(&self, at: usize) -> &Report {
        let name = ENVIRONMENTS[at].0;
        self.reports[at].get_or_init(|| weigh(format!("venv:{}", self.folder.join(name).display())))
    }
}

/// Installs what is missing. That the index cannot be reached or the Python is another skips the tests; a pin that
/// cannot be installed from an index that can be reached fails them.
fn make(folder: &Path) -> Result<Made, String> {
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let version = run(Command::new("python3").args(["-c", "import sys; print(sys.version_info[:2])"]))
        .map_err(|_| "no python3")?;
    if version.trim() != "(3, 11)" {
        return Err(format!("the pins are for Python 3.11, python3 is {}", version.trim()));
    }
    install(folder, "reference", &REFERENCE.join("\n"))
        .map_err(|error| format!("no package index: {error}"))?;
    let installed: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let start = |(name, pins)| scope.spawn(move || install(folder, name, pins));
        let running = ENVIRONMENTS.map(start);
        running.map(|one| one.join().unwrap()).into()
    });
    for (result, (name, _)) in installed.into_iter().zip(ENVIRONMENTS) {
        assert!(result.is_ok(), "{name}: {result:?}");
    }
    Ok(Made { folder: folder.to_owned(), reports: Default::default() })
}

/// Makes an environment of exactly these packages, wheels only, unless it is there.
fn install(folder: &Path, name: &str, pins: &str) -> Result<(), String> {
    let stamp = folder.join(format!("{name}.stamp"));
    if fs::read_to_string(&stamp).is_ok_and(|old| old == pins) {
        return Ok(());
    }
    let environment = folder.join(name);
    // A half-made one of an interrupted run is of no use.
    let _ = fs::remove_dir_all(&environment);
    let list = folder.join(format!("{name}.txt"));
    fs::write(&list, pins).map_err(|error| error.to_string())?;
    run(Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&environment))?;
    run(Command::new("python3")
        .args(["-m", "pip", "--python"])
        .arg(&environment)
        .args(["install", "--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:", "--requirement"])
        .arg(&list))?;
    fs::write(stamp, pins).map_err(|error| error.to_string())
}

/// What a program prints, or the last line of its complaint.
fn run(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } = command.output().map_err(|error| error.to_string())?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let complaint = |text: String| text.lines().rfind(|line| line.starts_with("ERROR")).map(str::to_owned);
    match status.success() {
        true => Ok(text(stdout)),
        false => Err(complaint(text(stderr)).unwrap_or_else(|| "failed without a word".to_owned())),
    }
}

fn table() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/environments/pairs.tsv")
}

/// `package version record` for each environment, as the independent matcher found them.
fn known() -> BTreeMap<String, BTreeSet<String>> {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in fs::read_to_string(table()).unwrap().lines() {
        let (environment, pair) = line.split_once('\t').unwrap();
        known.entry(environment.to_owned()).or_default().insert(pair.replace('\t', " "));
    }
    known
}

fn pins() {
    let known = known();
    assert_eq!(known.len(), ENVIRONMENTS.len());
    for (name, pins) in ENVIRONMENTS {
        let folder = Folder::new().file("requirements.txt", pins);
        let report = weigh(folder.text());
        let packages = pins.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(report.graph.components().count(), packages, "{name}");
        assert_same(&known[name], &reported(&report));
    }
}

fn pairs(made: &Made, at: usize) {
    let name = ENVIRONMENTS[at].0;
    let ours = reported(made.report(at));
    let mut table = known();
    if let Some(shared) = shared_advisories() {
        let lib = made.folder.join(name).join("lib");
        let theirs = reference(&made.folder.join("reference/bin/python"), &shared, &lib);
        if std::env::var_os("WEIGHBRIDGE_BLESS").is_some() {
            bless(name, theirs.clone());
            table.insert(name.to_owned(), theirs.clone());
        }
        assert_same(&theirs, &ours);
        assert_same(&theirs, &table[name]);
    }
    assert_same(&table[name], &ours);
    assert!(ours.len() > 100, "{name} is old, and has {} pairs", ours.len());
}

/// Writes what the independent matcher found, never what we did.
fn bless(name: &str, pairs: BTreeSet<String>) {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _held = ONE_AT_A_TIME.lock();
    let mut all = known();
    all.insert(name.to_owned(), pairs);
    let line = |(name, pairs): (&String, &BTreeSet<String>)| {
        pairs.iter().map(|pair| format!("{name}\t{}\n", pair.replace(' ', "\t"))).collect::<String>()
    };
    fs::write(table(), all.iter().map(line).collect::<String>()).unwrap();
}

/// Nothing above low is said of what has just been installed but advisories and what is wrong with the packages
/// themselves, and nothing cannot be read.
fn fresh(made: &Made, at: usize) {
    let report = made.report(at);
    let is_advisory = |rule: &str| matches!(rule, "WB-D001" | "WB-D007" | "WB-N001");
    // Names are never low here: whoever installed these packages meant them.
    let is_name = |rule: &str| matches!(rule, "WB-D010" | "WB-D012");
    let told: BTreeSet<&str> = (report.findings.iter())
        .filter(|it| it.severity > Severity::Low && !is_advisory(it.rule.id) || is_name(it.rule.id))
        .map(|finding| finding.title.as_str())
        .collect();
    let is_here = |package: &&str| {
        let pin = package.replace(' ', "==");
        ENVIRONMENTS[at].1.lines().any(|line| line == pin)
    };
    let broken = BROKEN_WHEELS.iter().copied().filter(is_here);
    let broken = broken.map(|it| format!("8 files of {it} are not as installed"));
    let overwritten = OVERWRITTEN.iter().copied().filter(is_here);
    let overwritten = overwritten.map(|it| format!("1 file of {it} was overwritten by another package"));
    let expected: BTreeSet<String> = broken.chain(overwritten).collect();
    assert_eq!(told, expected.iter().map(String::as_str).collect());
    let unread: Vec<String> = report.coverage.unread.iter().map(ToString::to_string).collect();
    assert!(unread.is_empty(), "{unread:#?}");
}
