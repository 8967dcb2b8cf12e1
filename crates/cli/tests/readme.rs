//! The picture in the README is what the program prints.

use std::path::Path;
use std::process::Command;

pub(crate) const TESTS: &[crate::Test] = &[("the_readme_shows_the_report_of_the_example", readme)];

fn readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO_BIN_EXE_weighbridge"))
        .args(["scan", "examples/fraud-vision"])
        .current_dir(&root)
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let picture = readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), picture);
}
