//! Environments, editable projects, carried packages, models; and a lock file of 10,000 packages.

use std::fmt::Write as _;
use std::time::Instant;

use super::text::{check, facts, join, joined, label};

const SITE: &str = ".venv/lib/python3.11/site-packages";

fn at_site(text: &str) -> String {
    text.replace("SITE", SITE)
}

#[test]
fn an_environment_as_target_is_no_project() {
    check(
        "
        pyvenv.cfg: environment 3.11.4
        lib/python3.11/site-packages: dist a 1 (requested): b
        lib/python3.11/site-packages: dist b 1
        lib/python3.11/site-packages: dist c 1
        lib/python3.11/site-packages/c/requirements.txt: needs z==1
        ",
        "
        env: >> a 1
        env: >> c 1
        a 1 -> b 1
        ",
    );
}

#[test]
fn what_the_user_asked_for_is_told_even_if_another_brings_it_in() {
    check(
        "
        pyvenv.cfg: environment 3.11.4
        lib/python3.11/site-packages: dist a 1 (requested): b
        lib/python3.11/site-packages: dist b 1 (requested)
        ",
        "
        env: >> a 1
        env: >> b 1
        a 1 -> b 1
        ",
    );
}

#[test]
fn circles_in_an_environment_hang_on_it() {
    check(
        "
        pyvenv.cfg: environment 3.11.4
        lib/python3.11/site-packages: dist a 1: b
        lib/python3.11/site-packages: dist b 1: a
        ",
        "
        env: >> a 1
        a 1 -> b 1
        b 1 -> a 1
        ",
    );
}

#[test]
fn a_folder_of_installed_packages_is_an_environment_too() {
    check(
        "
        app/vendor: dist a 1: b; python_version < '3.11'
        usr/lib/python3.9/site-packages: dist c 1: d; python_version < '3.10'
        usr/lib/python3.9/site-packages: dist d 1
        ",
        "
        target >> env:app/vendor inferred
        target >> env:usr/lib/python3.9/site-packages inferred
        env:app/vendor >> a 1
        env:usr/lib/python3.9/site-packages >> c 1
        c 1 -> d 1
        ",
    );
}

#[test]
fn a_project_installed_in_place_is_the_project() {
    check(
        &at_site(
            "
            pyproject.toml: project app 1
            pyproject.toml: needs a>=1
            .venv/pyvenv.cfg: environment 3.11.4
            SITE: dist app 1 (editable /home/somebody/app): a>=1, late>=2, b; extra == 'dev'
            SITE: dist a 1
            SITE: dist b 1
            SITE: dist late 2
            ",
        ),
        "
        app >> env:.venv
        app -> a 1 (>=1)
        app -> late 2 (>=2)
        app -> b 1 (extra dev)
        ",
    );
}

#[test]
fn a_carried_package_hangs_on_its_carrier() {
    let facts = at_site(
        "
        .venv/pyvenv.cfg: environment 3.11.4
        SITE: dist setuptools 65 (records setuptools/__init__.py setuptools/_vendor/wheel-0.4.dist-info/METADATA)
        SITE/setuptools/_vendor: dist wheel 0.4: packaging
        SITE: dist packaging 23
        ",
    );
    check(
        &facts,
        "
        target >> env:.venv
        env:.venv >> setuptools 65
        env:.venv >> packaging 23
        setuptools 65 >> wheel 0.4
        ",
    );
    let joined = joined(&facts);
    assert_eq!(joined.installed.len(), 2);
    let record = joined.installed.iter().find_map(|installed| installed.record.as_ref()).unwrap();
    assert_eq!(record[0].path.as_deref(), Some(format!("{SITE}/setuptools/__init__.py").as_str()));
    let wheel =
        joined.graph.components().find(|(_, component)| component.name.as_str() == "wheel").unwrap().1;
    assert!(!wheel.installed);
}

#[test]
fn metadata_that_a_build_left_in_the_source_installs_nothing() {
    let facts = "
        pyproject.toml: project app 1
        src/app.egg-info/PKG-INFO: says app 1
        src/app.egg-info/requires.txt: needs z
    ";
    check(facts, "");
    assert_eq!(joined(facts).installed, []);
}

#[test]
fn old_metadata_has_its_requirements_in_a_file_of_their_own() {
    check(
        &at_site(
            "
            .venv/pyvenv.cfg: environment 3.11.4
            SITE/a-1.egg-info/PKG-INFO: says a 1
            SITE/a-1.egg-info/requires.txt: needs b>=1
            SITE/a-1.egg-info/requires.txt: extra x: c
            SITE/d-1-py3.11.egg/EGG-INFO/PKG-INFO: says d 1
            SITE/d-1-py3.11.egg/EGG-INFO/requires.txt: needs a[x]
            SITE: dist b 1
            SITE: dist c 1
            ",
        ),
        "
        target >> env:.venv
        env:.venv >> d 1
        d 1 -> a 1 ([x])
        a 1 -> b 1 (>=1)
        a 1 -> c 1 (extra x)
        ",
    );
}

#[test]
fn models_hang_on_what_brought_them() {
    let facts = at_site(
        "
        .venv/pyvenv.cfg: environment 3.11.4
        SITE: dist a 1 (records a/weights.pkl)
        SITE/a/weights.pkl: model
        models/weights.pkl: model
        sub/pyproject.toml: project sub 1
        sub/deep/other.pkl: model
        ",
    );
    let joined = joined(&facts);
    let held: Vec<String> = joined
        .graph
        .edges
        .keys()
        .filter(|edge| edge.to.to_string().starts_with("sha256:"))
        .map(|edge| format!("{} >> {}", label(&joined.graph, &edge.from), label(&joined.graph, &edge.to)))
        .collect();
    let weights = format!("{SITE}/a/weights.pkl");
    let mut expected = vec![
        format!("target >> {weights}"),
        "sub >> sub/deep/other.pkl".to_owned(),
        format!("a 1 >> {weights}"),
    ];
    expected.sort();
    let mut held = held;
    held.sort();
    // The same bytes in two places are one node, named by its first place.
    assert_eq!(held, expected);
}

#[test]
fn a_file_alone_is_a_project_with_a_model() {
    check("weights.pkl: model", "target >> weights.pkl");
}

/// Not a timed test: it fails only if the time grows out of all proportion.
#[test]
fn a_lock_file_of_10_000_packages() {
    let mut text = String::from("uv.lock: root app .: p0, p1, p2\n");
    for index in 0..10_000 {
        write!(text, "uv.lock: lock p{index} 1.{index}: ").unwrap();
        for step in 1..=5 {
            let to = (index + step * step * 7) % 10_000;
            let marker =
                ["", "; sys_platform == 'linux'", "; python_version >= '3.8'", "; extra == 'x'"][step % 4];
            write!(text, "p{to}>=1{marker}, ").unwrap();
        }
        text.push('\n');
    }
    let facts = facts(&text);
    let start = Instant::now();
    let joined = join(&facts);
    let elapsed = start.elapsed();
    assert_eq!(joined.graph.components().count(), 10_000);
    assert!(elapsed.as_secs() < 30, "{elapsed:?}");
}
