//! Reports on whole projects: valid by the schemas of their formats, and the same whatever the number of threads.

use std::path::{Path, PathBuf};
use std::process::Command;

use jsonschema::Validator;
use libtest_mimic::Trial;
use serde_json::Value;

#[path = "../../report/tests/published.rs"]
mod published;

pub(crate) fn trials() -> Vec<Trial> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let example = root.join("examples/fraud-vision");
    let corpus = published::shared().map(|shared| shared.join("corpus/manifests"));
    vec![
        trial("reports_on_the_example_are_valid", Some(example.clone()), valid),
        trial("reports_on_the_corpus_are_valid", corpus.clone(), valid),
        trial("reports_on_the_example_do_not_depend_on_threads", Some(example), same),
        trial("reports_on_the_corpus_do_not_depend_on_threads", corpus, same),
    ]
}

/// A test of a target, listed as ignored where there is no such folder.
fn trial(name: &str, target: Option<PathBuf>, test: fn(&Path)) -> Trial {
    let target = target.filter(|target| target.is_dir());
    let absent = target.is_none();
    let run = move || {
        test(&target.ok_or("the folder is not there")?);
        Ok(())
    };
    Trial::test(name, run).with_ignored_flag(absent)
}

fn scan(target: &Path, format: &str, jobs: &str) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weighbridge"));
    command.args(["scan", "--no-config", "--show", "all", "--format", format, "-j", jobs]).arg(target);
    // 2026-08-02: ages are counted from here.
    command.env_clear().env("SOURCE_DATE_EPOCH", "1785628800");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn valid(target: &Path) {
    let own = include_str!("../../../docs/schema/report-v1.json");
    let own = jsonschema::validator_for(&serde_json::from_str::<Value>(own).unwrap()).unwrap();
    let published = ["sarif", "cyclonedx"].map(|format| Some((format, published::validator(format)?)));
    let mut validators: Vec<(&str, Validator)> = published.into_iter().flatten().collect();
    validators.push(("json", own));
    for (format, validator) in validators {
        let report: Value = serde_json::from_slice(&scan(target, format, "2")).unwrap();
        let errors = validator.iter_errors(&report).take(5);
        let errors: Vec<String> = errors.map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{format}: {errors:#?}");
    }
}

fn same(target: &Path) {
    for renderer in weighbridge_report::RENDERERS {
        let one = scan(target, renderer.id(), "1");
        assert!(one.len() > 500, "{}", renderer.id());
        assert!(one == scan(target, renderer.id(), "5"), "{} depends on threads", renderer.id());
    }
}
