//! Files of packages that are made to cost: 10^5 extras, 10^6 nodes, markers without end, nests, circles, texts that
//! stand for more text. Each ends, says what it did not take, and yields no more facts than the limit; whether it ends
//! in time is seen by who runs the tests.

use std::fmt::Write as _;
use std::sync::Arc;

use weighbridge_core::fact::What;
use weighbridge_core::limits::Limits;

use crate::package_facts::{Reading, claim, read_source};

pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    trials![
        extras_without_end,
        markers_without_end,
        markers_that_nest,
        markers_as_long_as_they_may_be_are_read,
        a_million_lines_of_requirements,
        a_million_lines_of_other_files,
        a_hundred_thousand_packages_of_a_lock,
        a_package_with_a_hundred_thousand_requirements,
        tables_that_nest,
        keys_without_end,
        lists_of_yaml_that_nest,
        texts_of_yaml_that_stand_for_more,
        objects_of_json_that_nest,
        lines_without_end,
        paths_without_end,
        requirements_of_requirements_are_not_followed_by_a_reader,
    ]
}

/// Most facts of a file, and the note that there were more.
fn most() -> usize {
    Limits::default().facts + 1
}

/// Reads a file that the reader must claim; it never yields more than the limit.
#[track_caller]
fn read(id: &str, path: &str, content: String) -> Reading {
    assert_ne!(claim(id, path, content.as_bytes()), weighbridge_core::reader::Claim::No, "{id}: {path}");
    let reading = read_source(id, path, Arc::new(content.into_bytes()), Limits::default());
    assert!(reading.facts.len() <= most(), "{id}: {}", reading.facts.len());
    reading
}

/// Something is said of what was not taken.
#[track_caller]
fn told(reading: &Reading, what: &str) {
    let problems = reading.problems();
    assert!(problems.iter().any(|it| it.contains(what)), "{what}: {:?}", shortened(&problems));
    // A file made to cost must not fill the report either.
    assert!(problems.len() <= 102, "{}", problems.len());
    assert!(problems.iter().all(|it| it.len() < 2000), "{:?}", shortened(&problems));
}

fn shortened(problems: &[String]) -> Vec<String> {
    problems.iter().take(5).map(|it| it.chars().take(200).collect()).collect()
}

fn joined(count: usize, between: &str, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(between)
}

/// A requirement in each of the files that hold some.
fn carriers(requirement: &str) -> Vec<(&'static str, &'static str, String)> {
    let toml = requirement.replace('\\', "\\\\").replace('"', "\\\"");
    vec![
        ("requirements", "requirements.txt", format!("{requirement}\nsix==1.0\n")),
        ("constraints", "constraints.txt", format!("{requirement}\nsix==1.0\n")),
        (
            "distribution",
            "a-1.0.dist-info/METADATA",
            format!(
                "Metadata-Version: 2.1\nName: a\nVersion: 1.0\nRequires-Dist: {requirement}\nRequires-Dist: six==1.0\n"
            ),
        ),
        ("distribution", "a.egg-info/requires.txt", format!("{requirement}\nsix==1.0\n")),
        (
            "pyproject",
            "pyproject.toml",
            format!("[project]\nname = 'a'\nversion = '1'\ndependencies = [\"{toml}\", 'six==1.0']\n"),
        ),
        (
            "conda-environment",
            "environment.yml",
            format!("name: a\ndependencies:\n  - pip:\n    - \"{toml}\"\n    - six==1.0\n"),
        ),
    ]
}

/// The names that a file requires, in whichever kind of fact.
fn required(reading: &Reading) -> Vec<&str> {
    let of_distributions = reading.facts.iter().flat_map(|fact| match &fact.what {
        What::Distribution(distribution) => distribution.requires.as_slice(),
        _ => &[],
    });
    let requirements = reading.requires().map(|requires| &requires.requirement);
    requirements.chain(of_distributions).map(|requirement| requirement.name.as_str()).collect()
}

fn has_six(reading: &Reading) -> bool {
    required(reading).contains(&"six")
}

fn extras_without_end() {
    let extras = joined(100_000, ",", |at| format!("extra{at}"));
    for (id, path, content) in carriers(&format!("a[{extras}]==1.0")) {
        let reading = read(id, path, content);
        told(&reading, "longer than any requirement");
        assert!(has_six(&reading), "{path}");
    }
    // Stated one by one they are facts like others.
    let mut text = "[project]\nname = 'a'\nversion = '1'\n[project.optional-dependencies]\n".to_owned();
    (0..100_000).for_each(|at| writeln!(text, "extra{at} = ['a[extra{}]']", (at + 1) % 100_000).unwrap());
    let reading = read("pyproject", "pyproject.toml", text);
    let whole = required(&reading).len() >= 100_000;
    assert!(whole || !reading.problems().is_empty());
    let extras = joined(100_000, "", |at| {
        format!("Provides-Extra: extra{at}\nRequires-Dist: b; extra == 'extra{at}'\n")
    });
    let text = format!("Metadata-Version: 2.1\nName: a\nVersion: 1.0\n{extras}");
    let reading = read("distribution", "a-1.0.dist-info/METADATA", text);
    assert!(required(&reading).len() == 100_000 || !reading.problems().is_empty());
}

fn markers_without_end() {
    for between in [" or ", " and "] {
        let marker = joined(100_000, between, |at| format!("python_version == '{at}'"));
        for (id, path, content) in carriers(&format!("a==1.0 ; {marker}")) {
            let reading = read(id, path, content);
            told(&reading, "longer than any requirement");
            assert!(has_six(&reading), "{path}");
        }
    }
}

fn markers_that_nest() {
    let depth = 20_000;
    let nested = format!("{}python_version == '3'{}", "(".repeat(depth), ")".repeat(depth));
    let open = "(".repeat(depth);
    let chain = "(os_name == 'a' or ".repeat(2_000);
    for marker in [nested, open, chain] {
        for (id, path, content) in carriers(&format!("a==1.0 ; {marker}")) {
            let reading = read(id, path, content);
            told(&reading, "a==1.0 ; (");
            assert!(has_six(&reading), "{path}");
        }
    }
}

fn markers_as_long_as_they_may_be_are_read() {
    let marker = joined(2_000, " or ", |at| format!("python_version == '{at}'"));
    for (id, path, content) in carriers(&format!("a==1.0 ; {marker}")) {
        let reading = read(id, path, content);
        assert_eq!(reading.problems(), [""; 0], "{path}");
        assert_eq!(required(&reading).len(), 2, "{path}");
    }
}

fn a_million_lines_of_requirements() {
    for (id, path) in [("requirements", "requirements.txt"), ("constraints", "constraints.txt")] {
        let reading = read(id, path, joined(1_000_000, "\n", |at| format!("a{at}==1")));
        told(&reading, "more than 200000 facts");
    }
    // Metadata is never that long.
    let text = "Metadata-Version: 2.1\nName: a\nVersion: 1.0\n".to_owned();
    let text = text + &"Requires-Dist: b==1\n".repeat(1_000_000);
    told(&read("distribution", "a-1.0.dist-info/METADATA", text), "more than 4194304 bytes");
    let sections = joined(1_000_000, "\n", |at| format!("[e{at}]\nb"));
    told(&read("distribution", "a.egg-info/requires.txt", sections), "more than 200000 facts");
}

fn a_million_lines_of_other_files() {
    let record = joined(1_000_000, "\n", |at| format!("a/{at}.py,,"));
    let reading = read("record", "a-1.0.dist-info/RECORD", record);
    // A record is one fact, as long as the file says.
    assert!(reading.facts.len() == 1 || !reading.problems().is_empty());
    told(&read("pth", "lib/site-packages/a.pth", "import a\n".repeat(1_000_000)), "more than 200000 facts");
    let reading = read("pyvenv", "venv/pyvenv.cfg", joined(1_000_000, "\n", |at| format!("key{at} = value")));
    assert!(reading.facts.len() <= 2);
    let list = joined(1_000_000, "\n", |at| format!("  - a{at}=1.0"));
    let reading = read("conda-environment", "environment.yml", format!("dependencies:\n{list}\n"));
    assert!(!reading.problems().is_empty());
}

/// A lock in which each package needs the next one and the last one the first.
fn ring(count: usize, format: &str) -> String {
    let package = |at: usize| {
        let next = (at + 1) % count;
        match format {
            "uv-lock" => format!(
                "[[package]]\nname = 'a{at}'\nversion = '1'\nsource = {{ registry = 'r' }}\ndependencies = [{{ name = 'a{next}' }}]\n"
            ),
            "poetry-lock" => format!(
                "[[package]]\nname = 'a{at}'\nversion = '1'\noptional = false\npython-versions = '*'\nfiles = []\n[package.dependencies]\na{next} = '*'\n"
            ),
            _ => format!(
                "[[packages]]\nname = 'a{at}'\nversion = '1'\ndependencies = [{{ name = 'a{next}' }}]\n"
            ),
        }
    };
    let head = match format {
        "uv-lock" => "version = 1\nrequires-python = '>=3.11'\n",
        "poetry-lock" => "",
        _ => "lock-version = '1.0'\ncreated-by = 'a'\n",
    };
    let tail = if format == "poetry-lock" { "[metadata]\nlock-version = '2.0'\n" } else { "" };
    format!("{head}{}{tail}", joined(count, "", package))
}

const LOCKS: [(&str, &str); 3] =
    [("uv-lock", "uv.lock"), ("poetry-lock", "poetry.lock"), ("pylock", "pylock.toml")];

fn a_hundred_thousand_packages_of_a_lock() {
    for (id, path) in LOCKS {
        let reading = read(id, path, ring(100_000, id));
        let whole = reading.locked().count() == 100_000;
        assert!(whole || !reading.problems().is_empty(), "{path}: {}", reading.locked().count());
    }
    // Past the limit it is told, whatever the rest says.
    let text = "[[package]]\nname = 'a'\nsource = { registry = 'r' }\n".repeat(250_000);
    told(&read("uv-lock", "uv.lock", text), "more than 200000 facts");
}

fn a_package_with_a_hundred_thousand_requirements() {
    let list = joined(100_000, ", ", |at| format!("{{ name = 'b{at}', marker = \"os_name == '{at}'\" }}"));
    let table = joined(100_000, "\n", |at| format!("b{at} = '*'"));
    for (id, path, text) in [
        (
            "uv-lock",
            "uv.lock",
            format!(
                "[[package]]\nname = 'a'\nversion = '1'\nsource = {{ registry = 'r' }}\ndependencies = [{list}]\n"
            ),
        ),
        (
            "poetry-lock",
            "poetry.lock",
            format!("[[package]]\nname = 'a'\nversion = '1'\n[package.dependencies]\n{table}\n"),
        ),
        (
            "pylock",
            "pylock.toml",
            format!(
                "lock-version = '1.0'\n[[packages]]\nname = 'a'\nversion = '1'\ndependencies = [{list}]\n"
            ),
        ),
    ] {
        let reading = read(id, path, text);
        let needed: usize = reading.locked().map(|locked| locked.requires.len()).sum();
        assert!(needed == 100_000 || !reading.problems().is_empty(), "{path}: {needed}");
    }
}

fn tables_that_nest() {
    let depth = 100_000;
    for value in [
        "[".repeat(depth),
        format!("{}{}", "[".repeat(depth), "]".repeat(depth)),
        "{a=".repeat(depth),
        format!("{}1{}", "{a=".repeat(depth), "}".repeat(depth)),
    ] {
        for (id, path, header) in [
            ("pyproject", "pyproject.toml", "[project]\nname = 'a'\ndependencies"),
            ("uv-lock", "uv.lock", "[[package]]\nname = 'a'\nversion = '1'\ndependencies"),
            ("poetry-lock", "poetry.lock", "[[package]]\nname = 'a'\nversion = '1'\ndependencies"),
            ("pylock", "pylock.toml", "[[packages]]\nname = 'a'\nversion = '1'\ndependencies"),
        ] {
            let reading = read(id, path, format!("{header} = {value}\n"));
            assert!(!reading.problems().is_empty(), "{path}: {}", &value[..9]);
        }
    }
}

fn keys_without_end() {
    for (id, path) in LOCKS.into_iter().chain([("pyproject", "pyproject.toml")]) {
        let dotted = format!("{}a = 1\n", "a.".repeat(100_000));
        let header = format!("[{}a]\nb = 1\n", "a.".repeat(100_000));
        let wide = joined(100_000, "", |at| format!("[tool.a{at}]\nb = {{ c = 1 }}\n"));
        for text in [dotted, header, wide] {
            let reading = read(id, path, text);
            assert_eq!(reading.locked().count() + required(&reading).len(), 0, "{path}");
        }
    }
}

fn lists_of_yaml_that_nest() {
    for nest in ["- ".repeat(100_000), "[".repeat(100_000), "{a: ".repeat(100_000), "? ".repeat(100_000)] {
        let reading = read("conda-environment", "environment.yml", format!("dependencies:\n  {nest}\n"));
        assert!(!reading.problems().is_empty(), "{}", &nest[..4]);
        assert_eq!(required(&reading).len(), 0);
    }
}

/// Nine lines that stand for 10^9 names, an anchor inside itself, keys that merge themselves, and tags that ask for code.
fn texts_of_yaml_that_stand_for_more() {
    let mut laughs = "name: a\nx0: &x0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for at in 1..10 {
        let above = joined(10, ", ", |_| format!("*x{}", at - 1));
        writeln!(laughs, "x{at}: &x{at} [{above}]").unwrap();
    }
    let reading = read("conda-environment", "environment.yml", format!("{laughs}dependencies: *x9\n"));
    assert!(!reading.problems().is_empty());
    assert_eq!(required(&reading).len(), 0);
    let reading =
        read("conda-environment", "environment.yml", format!("{laughs}dependencies: [*x9, numpy=1.0]\n"));
    assert!(!reading.problems().is_empty());
    assert!(required(&reading).len() <= 1);
    for text in [
        "dependencies: &a [numpy=1.0, *a]\n",
        "dependencies: [!!python/object/apply:os.system ['x'], numpy=1.0]\n",
        "dependencies: [*nobody, numpy=1.0]\n",
    ] {
        let reading = read("conda-environment", "environment.yml", text.to_owned());
        assert!(!reading.problems().is_empty(), "{text}");
    }
    let long = "x".repeat(1_000_000);
    let many = joined(100_000, ", ", |_| "*a".to_owned());
    let reading =
        read("conda-environment", "environment.yml", format!("x: &a {long}\ndependencies: [{many}]\n"));
    told(&reading, "");
}

fn objects_of_json_that_nest() {
    for nest in ["[".repeat(100_000), "{\"a\":".repeat(100_000)] {
        let reading = read("install-notes", "a-1.0.dist-info/direct_url.json", nest.clone());
        assert!(!reading.problems().is_empty());
        let text = format!("{{\"bomFormat\": \"CycloneDX\", \"components\": {nest}");
        assert!(!read("bom", "a.cdx.json", text).problems().is_empty());
    }
}

/// A line of 30 MB, and one that is continued 10^5 times.
fn lines_without_end() {
    for text in [
        format!("a=={}\nsix==1.0\n", "1".repeat(30_000_000)),
        format!("a {}\nsix==1.0\n", "\\\n ".repeat(100_000)),
    ] {
        for (id, path) in [("requirements", "requirements.txt"), ("constraints", "constraints.txt")] {
            let reading = read(id, path, text.clone());
            assert!(has_six(&reading) || !reading.problems().is_empty(), "{path}");
            assert!(reading.problems().iter().all(|it| it.len() < 2000));
        }
    }
    let folded = format!(
        "Metadata-Version: 2.1\nName: a\nVersion: 1.0\nSummary: a\n{}Requires-Dist: six==1.0\n",
        " b\n".repeat(1_000_000)
    );
    let reading = read("distribution", "a-1.0.dist-info/METADATA", folded);
    assert!(has_six(&reading) || !reading.problems().is_empty());
    let reading = read("record", "a-1.0.dist-info/RECORD", format!("\"{},,\n", "a".repeat(30_000_000)));
    assert!(!reading.problems().is_empty());
    let hashes = joined(100_000, " ", |at| format!("--hash=sha256:{at:064x}"));
    let reading = read("requirements", "requirements.txt", format!("a==1 {hashes}\nsix==1.0\n"));
    assert!(has_six(&reading));
    let digests: usize = reading.requires().map(|it| it.requirement.digests.len()).sum();
    assert!(digests == 100_000 || !reading.problems().is_empty(), "{digests}");
}

fn paths_without_end() {
    let up = "../".repeat(100_000);
    let reading = read("requirements", "requirements.txt", format!("-r {up}a.txt\n-e {up}a\nsix==1.0\n"));
    assert!(has_six(&reading));
    assert!(reading.problems().iter().all(|it| it.len() < 2000));
    let reading = read("record", "a-1.0.dist-info/RECORD", format!("{up}a.py,,\na.py,,\n"));
    assert!(!reading.facts.is_empty());
}

/// 10^5 names of other files are told as that many to follow, or the limit is.
fn requirements_of_requirements_are_not_followed_by_a_reader() {
    let reading =
        read("requirements", "requirements.txt", joined(100_000, "\n", |at| format!("-r {at}.txt")));
    assert!(reading.follows.len() == 100_000 || !reading.problems().is_empty(), "{}", reading.follows.len());
}
