//! The pictures in the README are what the program prints: each block of text, for the command that stands above it.

use std::path::Path;
use std::process::Command;

use crate::shelf::{Manner, Shelf};

pub(crate) const TESTS: &[crate::Test] = &[("the_readme_shows_what_the_program_prints", readme)];

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

fn readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let server = Shelf::new(TABLE).serve(Manner::default());
    let url = format!("{}/simple/", server.url());
    let mut shown = Vec::new();
    for (above, rest) in readme.match_indices("```text\n").map(|(at, _)| readme.split_at(at)) {
        let command = above.trim_end().lines().last().unwrap().trim();
        let arguments = command.strip_prefix("cargo run --release -- ");
        let arguments = arguments.or_else(|| command.strip_prefix("weighbridge ")).expect(command);
        let picture = rest.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_weighbridge"))
            .args(arguments.replace("URL", &url).split(' '))
            .current_dir(&root)
            .env_clear()
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), picture, "{command}");
        let stated = picture.trim_end().rsplit_once(" exit ").map(|(_, code)| code);
        let stated = stated.unwrap_or(if picture.contains("NOT VERIFIED") { "1" } else { "0" });
        assert_eq!(output.status.code().unwrap().to_string(), stated, "{command}");
        shown.push(arguments.split(' ').next().unwrap().to_owned());
    }
    for verb in ["scan", "why", "fix", "verify"] {
        assert!(shown.iter().any(|it| it == verb), "no picture of `{verb}`");
    }
}
