//! A real environment: made by `python3 -m venv` and `pip install` under `target/` on first use, then weighed as it is
//! and after somebody tampered with it. Where Python or the package index is missing the tests are listed as skipped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::Trial;
use weighbridge_core::context::{Context, Python};
use weighbridge_core::graph::{Graph, NodeId};
use weighbridge_engine::join::{Input, Joined, join};
use weighbridge_engine::read::{Options, Readings, read};

use crate::support::{context, findings_of, test_if};

/// Packages with compiled code, commands, start-up code and packages inside themselves.
const PACKAGES: &[&str] = &["numpy", "requests[socks]", "setuptools==65.5.0", "coverage", "pytest-cov"];

pub(crate) fn tests() -> Vec<Trial> {
    let environment = environment();
    let missing = environment.as_ref().err().map(String::as_str);
    let path = environment.as_ref().ok().cloned().unwrap_or_default();
    let on = |name: &str, run: fn(&Path)| {
        let path = path.clone();
        test_if(missing, name, move || run(&path))
    };
    vec![
        on("environment::a_fresh_environment_raises_no_alarm", a_fresh_environment_raises_no_alarm),
        on(
            "environment::requirements_lead_from_package_to_package",
            requirements_lead_from_package_to_package,
        ),
        on("environment::what_somebody_changes_is_told", what_somebody_changes_is_told),
    ]
}

/// Makes the environment, or says why there is none.
fn environment() -> Result<PathBuf, String> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("environment-1");
    let done = path.join("complete");
    if done.is_file() {
        return Ok(path);
    }
    fs::remove_dir_all(&path).ok();
    let run = |command: &mut Command, missing: &str| {
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if status.is_ok_and(|status| status.success()) { Ok(()) } else { Err(missing.to_owned()) }
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(&path), "no Python that makes environments")?;
    let pip = ["-m", "pip", "install", "--retries", "0", "--timeout", "10"];
    run(Command::new(path.join("bin/python")).args(pip).args(PACKAGES), "no package index within reach")?;
    fs::write(&done, "").map_err(|error| error.to_string())?;
    Ok(path)
}

fn weigh(path: &Path) -> (Joined, Readings, Context) {
    let platform = [("sys_platform", "linux"), ("platform_system", "Linux"), ("os_name", "posix")];
    let platform = platform.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let context = Context {
        python: Python { version: "3.12.0".into(), platform, system: None, meant: Default::default() },
        ..context()
    };
    let opened = weighbridge_net::open(&format!("venv:{}", path.display()), &context).unwrap();
    let options = Options { readers: weighbridge_read::READERS, exclude: &[], jobs: None };
    let readings = read(vec![opened], &options, &context, &()).unwrap();
    let input = Input {
        name: "environment",
        facts: &readings.facts,
        chosen: &BTreeMap::new(),
        files: &readings.files,
        context: &context,
    };
    (join(&input), readings, context)
}

/// The findings of the rules about packages.
fn findings(path: &Path) -> Vec<String> {
    let (joined, readings, context) = weigh(path);
    findings_of(&joined, &readings, &context, |rule| rule.starts_with("WB-D"))
}

/// The label of each node without its version: versions are the index's business.
fn name(graph: &Graph, id: &NodeId) -> String {
    graph.label(id).split(' ').next().unwrap_or_default().to_owned()
}

fn a_fresh_environment_raises_no_alarm(path: &Path) {
    assert_eq!(findings(path), Vec::<String>::new());
}

fn requirements_lead_from_package_to_package(path: &Path) {
    let (joined, ..) = weigh(path);
    let graph = &joined.graph;
    assert!(joined.installed.iter().all(|installed| installed.record.is_some()));
    let routes = graph.routes();
    let (urllib3, _) =
        graph.components().find(|(_, component)| component.name.as_str() == "urllib3").unwrap();
    let ways: Vec<String> = routes
        .paths(urllib3, 9)
        .paths
        .iter()
        .map(|way| way.iter().map(|id| name(graph, id)).collect::<Vec<_>>().join(" > "))
        .collect();
    assert_eq!(ways, ["environment > requests > urllib3"]);
    // `socks` was asked for on a command line, which nothing in the environment remembers.
    let (socks, _) = graph.components().find(|(_, component)| component.name.as_str() == "pysocks").unwrap();
    assert_eq!(routes.distance(socks), Some(1));
}

fn what_somebody_changes_is_told(path: &Path) {
    let copy = tempfile::tempdir().unwrap();
    let copy = copy.path().join("environment");
    copy_folder(path, &copy);
    let site = site_packages(&copy);
    fs::write(site.join("requests/sessions.py"), "# changed\n").unwrap();
    fs::write(site.join("requests/extra.py"), "# added\n").unwrap();
    fs::remove_file(site.join("idna/core.py")).unwrap();
    fs::write(site.join("added.pth"), "import this\n").unwrap();
    let mut found = findings(&copy);
    // Versions are the index's business.
    found.iter_mut().for_each(|line| {
        *line = line
            .split(' ')
            .filter(|word| !word.starts_with(|c: char| c.is_ascii_digit()) || *word == "1")
            .collect::<Vec<_>>()
            .join(" ");
    });
    assert_eq!(
        found,
        [
            "WB-D003 low 1 installed file of idna is missing",
            "WB-D003 high 1 file of requests is not as installed",
            "WB-D004 medium 1 file with code in `requests` is in no record of an installer",
            "WB-D005 high `added.pth` runs code at every start of Python",
        ]
    );
}

fn site_packages(environment: &Path) -> PathBuf {
    let versions = fs::read_dir(environment.join("lib")).unwrap();
    let sites = versions.map(|entry| entry.unwrap().path().join("site-packages"));
    sites.into_iter().find(|site| site.is_dir()).unwrap()
}

/// Copies files and folders; links are left out, as installed packages have none.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy_folder(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
