//! The pictures in the README are what the program prints.

use std::path::Path;
use std::process::Command;

use crate::shelf::{Manner, Shelf};

pub(crate) const TESTS: &[crate::Test] = &[
    ("the_readme_shows_the_report_of_the_example", report),
    ("the_readme_shows_why_and_the_plan_of_the_example", why_and_plan),
];

/// What indexes have of the packages of the example that are to be mended, as far as the choice depends on it.
const TABLE: &str = "
    jinja2 3.1.5 python>=3.7: MarkupSafe>=2.0
    jinja2 3.1.6 python>=3.7: MarkupSafe>=2.0
    pillow 12.1.0 python>=3.10
    pillow 12.1.1 python>=3.10
    pillow 12.2.0 python>=3.10
    pillow 12.3.0 python>=3.10
    pillow 13.0.0 python>=3.10
    setuptools 81.0.0 python>=3.9
    setuptools 82.0.1 python>=3.9
    setuptools 83.0.0 python>=3.10
    setuptools 84.2.1 python>=3.10
";

/// The pictures of the README, in order.
fn picture(number: usize) -> String {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let picture = readme.split("```text\n").nth(number).and_then(|rest| rest.split("```").next());
    picture.unwrap().to_owned()
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[track_caller]
fn check(arguments: &[&str], code: i32, number: usize) {
    let output = Command::new(env!("CARGO_BIN_EXE_weighbridge"))
        .args(arguments)
        .current_dir(root())
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), picture(number));
    assert_eq!(output.status.code(), Some(code));
}

fn report() {
    check(&["scan", "examples/fraud-vision"], 1, 1);
}

fn why_and_plan() {
    check(&["why", "pillow", "examples/fraud-vision"], 0, 2);
    let server = Shelf::new(TABLE).serve(Manner::default());
    let url = format!("{}/simple/", server.url());
    check(&["fix", "examples/fraud-vision", "--plan", "--index-url", &url], 0, 3);
}
