//! The evasion suite and the benign suite: files that must be flagged, and files that look like them and must not be.
//!
//! One file of cases a group, one [`Case`] a file or folder that is scanned. A case says in a few lines how its bytes
//! are made, so that a reader sees what is malicious about it. To add one, add it to a `cases_*.rs`; to add a group, add
//! the file and a line to [`groups`]. All attacks are inert where they would run: they print, or touch nothing at all.
//!
//! Every case is scanned twice, with one thread and with four; the reports must be the same byte by byte.

pub(crate) mod build;
mod cases_archive;
mod cases_array;
mod cases_configuration;
mod cases_distributed;
mod cases_executable;
mod cases_gadget;
mod cases_gguf;
mod cases_jinja;
mod cases_keras;
mod cases_library;
mod cases_limit;
mod cases_name;
mod cases_onnx;
mod cases_ordinary;
mod cases_pickle;
mod cases_protobuf;
mod cases_pytorch;
mod cases_safetensors;
mod cases_sevenz;
mod cases_small;
mod cases_tensorflow;
mod run;
mod score;

use std::sync::{LazyLock, OnceLock};

use libtest_mimic::Trial;

use crate::support::test;
use build::Stream;
use run::Outcome;

/// Everything in the suite.
#[rustfmt::skip] // one line a group
fn groups() -> Vec<Vec<Case>> {
    vec![
        cases_archive::cases(),
        cases_array::cases(),
        cases_configuration::cases(),
        cases_distributed::cases(),
        cases_executable::cases(),
        cases_gadget::cases(),
        cases_gguf::cases(),
        cases_jinja::cases(),
        cases_keras::cases(),
        cases_library::cases(),
        cases_limit::cases(),
        cases_name::cases(),
        cases_onnx::cases(),
        cases_ordinary::cases(),
        cases_pickle::cases(),
        cases_protobuf::cases(),
        cases_pytorch::cases(),
        cases_safetensors::cases(),
        cases_sevenz::cases(),
        cases_small::cases(),
        cases_tensorflow::cases(),
    ]
}

/// What is scanned, and what must come of it.
pub(crate) struct Case {
    /// Unique, in the letters of a file name.
    pub(crate) name: String,
    /// The technique, as [`TECHNIQUES`] numbers them; for a benign case the one that it looks like, or [`ORDINARY`].
    pub(crate) row: u8,
    /// The first is what tools that take one file are given.
    pub(crate) files: Vec<(String, Content)>,
    pub(crate) expect: Expect,
}

/// What a file holds.
pub(crate) enum Content {
    /// These bytes.
    Made(Box<dyn Fn() -> Vec<u8> + Send + Sync>),
    /// Nothing: it is a symbolic link to this path.
    Link(String),
}

/// What must come of a case. The texts must occur in a finding of the rule, or in the gap, so that a case is not flagged
/// for some other reason than the one that it is about.
pub(crate) enum Expect {
    /// The file is dangerous, and the rule of its family says this.
    Dangerous(String),
    /// The file is untrusted, and the rule of its family says this.
    Untrusted(String),
    /// The scan fails because this rule says this.
    Flagged(&'static str, String),
    /// There is no verdict because of a gap that says this: for files on which an answer would cost too much.
    Incomplete(String),
    /// No finding, no gap, and every model harmless.
    Harmless,
}

/// The row of benign cases that look like no technique: models as people save them every day.
pub(crate) const ORDINARY: u8 = 0;

/// The techniques by number, [`ORDINARY`] first.
pub(crate) const TECHNIQUES: [&str; 35] = [
    "ordinary models",
    "a global that is not on the allow-list, by every opcode that calls",
    "names through memo, POP, DUP, marks",
    "computed names",
    "lexer differentials and broken streams",
    "extension registry",
    "names of Python 2",
    "dotted names through an allowed module",
    "state on functions, classes and modules; planted methods",
    "gadgets of the standard library and of known packages",
    "loaders inside of streams",
    "second streams, padding, data after STOP",
    "more opcodes than budgets allow",
    "zip archives that lie",
    "wrong or missing extensions",
    "submodules and subclasses",
    "packed and nested containers",
    "arrays of objects, structured types, npy versions",
    "PyTorch storages and sizes",
    "TorchScript",
    "Keras layers, functions and files",
    "HDF5 links and external storage",
    "ONNX external data and operators",
    "TensorFlow operators",
    "GGUF counts and sizes",
    "templates that reach out of their sandbox",
    "safetensors headers",
    "code of model repositories",
    "targets and tags in configurations",
    "skops nodes",
    "MLflow and TorchServe",
    "R objects",
    "other formats of models",
    "bombs and depth: the scanner as target",
    "calls that vanish from a decompiled stream",
];

impl Case {
    /// Adds another file to the folder.
    pub(crate) fn beside(mut self, file: &str, bytes: impl Fn() -> Vec<u8> + Send + Sync + 'static) -> Self {
        self.files.push((file.to_owned(), Content::Made(Box::new(bytes))));
        self
    }

    /// Adds a symbolic link to the folder.
    pub(crate) fn link(mut self, file: &str, to: &str) -> Self {
        self.files.push((file.to_owned(), Content::Link(to.to_owned())));
        self
    }

    /// Whether it must be flagged.
    pub(crate) fn is_evasive(&self) -> bool {
        !matches!(self.expect, Expect::Harmless)
    }

    /// Unique, and in the order of techniques.
    pub(crate) fn id(&self) -> String {
        format!("{:02}-{}-{}", self.row, if self.is_evasive() { "bad" } else { "good" }, self.name)
    }
}

fn case(
    row: u8,
    name: &str,
    expect: Expect,
    file: &str,
    bytes: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> Case {
    let case = Case { name: name.to_owned(), row, files: Vec::new(), expect };
    case.beside(file, bytes)
}

/// A case that must be dangerous, with what WB-P001, WB-K001 or WB-G001 must say.
pub(crate) fn dangerous(
    row: u8,
    name: &str,
    says: &str,
    file: &str,
    bytes: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> Case {
    case(row, name, Expect::Dangerous(says.to_owned()), file, bytes)
}

/// A case that must be untrusted, with what WB-P002, WB-K002 or WB-G002 must say.
pub(crate) fn untrusted(
    row: u8,
    name: &str,
    says: &str,
    file: &str,
    bytes: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> Case {
    case(row, name, Expect::Untrusted(says.to_owned()), file, bytes)
}

/// A case on which a rule other than those of models must say this.
pub(crate) fn flagged(
    row: u8,
    name: &str,
    (rule, says): (&'static str, &str),
    file: &str,
    bytes: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> Case {
    case(row, name, Expect::Flagged(rule, says.to_owned()), file, bytes)
}

/// A case that must be told as not read, with what the gap must say.
pub(crate) fn incomplete(
    row: u8,
    name: &str,
    says: &str,
    file: &str,
    bytes: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> Case {
    case(row, name, Expect::Incomplete(says.to_owned()), file, bytes)
}

/// A case in which there must be nothing to say.
pub(crate) fn harmless(
    row: u8,
    name: &str,
    file: &str,
    bytes: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> Case {
    case(row, name, Expect::Harmless, file, bytes)
}

/// All cases by id, each with its outcome as soon as somebody has asked for it.
static CASES: LazyLock<Vec<(Case, OnceLock<Outcome>)>> = LazyLock::new(|| {
    let mut cases: Vec<Case> = groups().into_iter().flatten().collect();
    cases.sort_by_key(Case::id);
    cases.into_iter().map(|case| (case, OnceLock::new())).collect()
});

pub(crate) fn tests() -> Vec<Trial> {
    let mut tests: Vec<Trial> = CASES
        .iter()
        .map(|(case, outcome)| {
            test(&format!("suite::{}", case.id()), || {
                if let Err(why) = &outcome.get_or_init(|| run::run(case)).judged {
                    panic!("{why}");
                }
            })
        })
        .collect();
    tests.push(test("suite::cases_are_unique_and_of_a_row", unique));
    tests.push(test("suite::write", run::write_all));
    tests.push(test("suite::the_score_does_not_sink", score::floor));
    tests.push(test("suite::the_score_page_is_up_to_date", score::page));
    tests
}

fn unique() {
    let ids: Vec<String> = CASES.iter().map(|(case, _)| case.id()).collect();
    assert!(ids.is_sorted_by(|one, other| one < other), "two cases have one name");
    for (case, _) in CASES.iter() {
        assert!(usize::from(case.row) < TECHNIQUES.len(), "{}", case.name);
        assert!(case.row != ORDINARY || !case.is_evasive(), "{}: an attack has a technique", case.name);
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        assert!(case.name.chars().all(plain), "{}: not a plain name", case.name);
    }
}
