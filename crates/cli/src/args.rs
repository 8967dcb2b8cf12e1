//! What was typed. Nothing here is merged or decided; `settings` does that. The comments are the help texts.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use weighbridge_core::finding::Severity;
use weighbridge_core::knowledge::Epss;
use weighbridge_core::renderer::Show;

use crate::lock_args::Lock;
use crate::log_args::Log;
use crate::signing_args::{Attest, Key, Sign, Verify};
use crate::trust_args::Trust;

/// Weighs what goes into an AI system: packages, model files, and what is wrong with them.
///
/// `scan` is the default: `weighbridge .` weighs the folder you stand in. Nothing is sent anywhere, and no network is
/// used unless you ask for `db update`, `--ask-index` or `--resolve`, let `fix` change packages, or name a target on a server.
#[derive(Parser, Debug)]
#[command(
    name = "weighbridge",
    version,
    override_usage = "weighbridge [scan] [OPTIONS] TARGET…\n       weighbridge COMMAND [OPTIONS]",
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 pass · 1 the policy fails · 2 usage or configuration · 3 nothing to weigh · \
                  4 incomplete · 5 internal error · 130 interrupted"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// When to use colour.
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    pub color: Option<When>,
    /// Say nothing but errors; a report that only `--format` or `-o` asks for is still written.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say on standard error which configuration, advisories and threads are used.
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Show no progress bar.
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Never open a socket.
    #[arg(long, global = true)]
    pub offline: bool,
}

/// When to use colour.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// On a terminal that can show it.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Weigh targets: what is in them and what is wrong with it (the default).
    Scan(Box<Scan>),
    /// Tell what a rule finds, why it matters and what to do.
    Explain(Explain),
    /// List all rules.
    Rules(Rules),
    /// Show every way by which a package, library, advisory or file came in, shortest first.
    Why(Why),
    /// Plan the smallest change of packages that mends vulnerabilities; of a PyTorch checkpoint, rescue the tensors as safetensors.
    Fix(Fix),
    /// Sign a model: every file of it, in the form of OpenSSF Model Signing.
    Sign(Box<Sign>),
    /// Attest something of a model, a data set or a file, and sign that: how it was made, what is in it, what a scan found.
    Attest(Box<Attest>),
    /// Verify that models are signed by somebody whom you believe, and are still as they were signed.
    Verify(Box<Verify>),
    /// Make, show and take over the keys that sign models.
    #[command(subcommand)]
    Key(Key),
    /// Look after the trust policy: who may vouch for which model.
    #[command(subcommand)]
    Trust(Trust),
    /// Approve models, and have every scan tell what is otherwise than it was approved.
    #[command(subcommand)]
    Lock(Lock),
    /// Keep a log of signatures that only grows, so that none is made in secret.
    #[command(subcommand)]
    Log(Log),
    /// Look after the advisories.
    #[command(subcommand)]
    Db(Db),
    /// Print the completions of a shell.
    Completions(Completions),
    /// Print the manual page.
    Man,
}

/// Options of `scan`.
#[derive(Args, Debug)]
pub struct Scan {
    /// A folder, a file, `venv:PATH`, `hf:ORG/NAME@REVISION`, `hf-cache:`, `https://…`, or `s3://BUCKET/PREFIX`.
    #[arg(required = true, value_name = "TARGET", allow_hyphen_values = false)]
    pub targets: Vec<OsString>,
    /// Format of the report on standard output [default: human].
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    pub format: Option<String>,
    /// Write a report to this file, in the format of its suffix; may be given several times.
    #[arg(short, long, value_name = "FILE")]
    pub output: Vec<PathBuf>,
    /// Severity from which a finding fails the policy [default: high].
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    pub fail_on: Option<Severity>,
    /// Probability of exploitation (EPSS, 0 to 1) from which a finding fails the policy, whatever its severity; needs imported
    /// scores.
    #[arg(long, value_name = "PROBABILITY", value_parser = probability)]
    pub fail_on_epss: Option<u32>,
    /// Earlier report in JSON: what it already found does not fail.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// VEX document (OpenVEX or CycloneDX): what it says does not matter here does not fail; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub vex: Vec<PathBuf>,
    /// Show this many findings in full, or `all` [default: 4].
    #[arg(long, value_name = "N", value_parser = show)]
    pub show: Option<Show>,
    /// Advisories older than this make the result incomplete.
    #[arg(long, value_name = "DAYS")]
    pub max_age: Option<u32>,
    /// Exit with 0 where the policy fails; all other exit codes stay.
    #[arg(long)]
    pub exit_zero: bool,
    /// Ask the index that your pip or uv would ask how each package stands there: quarantined, yanked, vanished.
    #[arg(long)]
    pub ask_index: bool,
    /// Which versions are meant where nothing says so.
    #[command(flatten)]
    pub resolving: Resolving,
    /// What is weighed, and how.
    #[command(flatten)]
    pub weighing: Weighing,
}

/// Options of every command that may choose versions.
#[derive(Args, Clone, Default, Debug)]
pub struct Resolving {
    /// Where no lock file and no environment says which versions are meant, choose them as pip would, from the index that
    /// your pip or uv would ask.
    #[arg(long)]
    pub resolve: bool,
    /// Index and further indexes.
    #[command(flatten)]
    pub indexes: Indexes,
}

/// Which indexes of packages are asked.
#[derive(Args, Clone, Default, Debug)]
pub struct Indexes {
    /// Index to ask instead of the one that pip or uv would ask.
    #[arg(long, value_name = "URL")]
    pub index_url: Option<String>,
    /// Further index to ask; may be given several times.
    #[arg(long, value_name = "URL")]
    pub extra_index_url: Vec<String>,
}

/// Options of every command that weighs a target.
#[derive(Args, Clone, Debug)]
pub struct Weighing {
    /// Configuration file, instead of looking for one.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Use no configuration file.
    #[arg(long, conflicts_with = "config")]
    pub no_config: bool,
    /// Leave out what matches, below the target; may be given several times.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Compute no digest of files above 1 MiB, but where a record names one: a large model is judged at once.
    #[arg(long)]
    pub no_digests: bool,
    /// Hash every file anew, instead of believing the digests that earlier scans kept of files that did not change.
    #[arg(long)]
    pub no_cache: bool,
    /// Number of threads [default: all processors].
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Python version for which markers are evaluated where the target does not say [default: 3.12; where versions are chosen
    /// the one at hand].
    #[arg(long, value_name = "VERSION", value_parser = python)]
    pub python: Option<String>,
}

/// Options of `explain`.
#[derive(Args, Debug)]
pub struct Explain {
    /// Id or name of the rule, such as `WB-D001`.
    pub rule: String,
}

/// Options of `rules`.
#[derive(Args, Debug)]
pub struct Rules {
    /// Format of the list.
    #[arg(long, value_enum, default_value = "human")]
    pub format: ListFormat,
}

/// Formats of a list.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListFormat {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// Options of `why`.
#[derive(Args, Debug)]
pub struct Why {
    /// A package or library (`NAME`, `NAME@VERSION` or a purl), an advisory such as `CVE-2024-12345`, a file of the target
    /// by its path or the end of it, or `sha256:` and the beginning of a digest.
    #[arg(value_name = "NAME|ADVISORY|FILE")]
    pub name: String,
    /// A folder, a file, `venv:PATH`, `hf:ORG/NAME@REVISION`, `hf-cache:`, `https://…`, or `s3://BUCKET/PREFIX`.
    #[arg(value_name = "TARGET", default_value = ".")]
    pub target: OsString,
    /// Show this many ways to each, or `all`.
    #[arg(long, value_name = "N", value_parser = show, default_value = "10")]
    pub show: Show,
    /// Show what stands on it instead: who brings it in, who brings these in, and so on.
    #[arg(long)]
    pub invert: bool,
    /// Which versions are meant where nothing says so.
    #[command(flatten)]
    pub resolving: Resolving,
    /// What is weighed, and how.
    #[command(flatten)]
    pub weighing: Weighing,
}

/// Options of `fix`.
#[derive(Args, Debug)]
pub struct Fix {
    /// A project or environment (a folder, `venv:PATH`), whose packages are to be mended; or a checkpoint, such as `model.pt`,
    /// which is read and never loaded: nothing in it runs.
    #[arg(value_name = "TARGET")]
    pub target: PathBuf,
    /// Only say what would change (the default for packages).
    #[arg(long, conflicts_with = "apply")]
    pub plan: bool,
    /// Format of the plan on standard output [default: human].
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with_all = ["apply", "verify"])]
    pub format: Option<ListFormat>,
    /// Write the plan into the project: pinned versions in its manifests, its lock by its own tool, else a file of constraints.
    #[arg(long)]
    pub apply: bool,
    /// Install what was planned into a fresh environment and run this command there, before anything else is touched.
    #[arg(long, value_name = "COMMAND")]
    pub verify: Option<String>,
    /// Severity from which vulnerabilities are to be mended.
    #[arg(long, value_name = "SEVERITY", value_parser = severity, default_value = "low")]
    pub from: Severity,
    /// Plan moves to older versions, too. Without it only what is an attack or was yanked may move down.
    #[arg(long)]
    pub allow_downgrade: bool,
    /// VEX document (OpenVEX or CycloneDX): what it says does not matter here is left alone; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub vex: Vec<PathBuf>,
    /// Index and further indexes.
    #[command(flatten)]
    pub indexes: Indexes,
    /// What is weighed, and how.
    #[command(flatten)]
    pub weighing: Weighing,
    /// Of a checkpoint: the file to write [default: its name with `.safetensors`].
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Of a checkpoint: only the tensors below this name, such as `state_dict`; their names go on from there.
    #[arg(long, value_name = "NAME")]
    pub below: Option<String>,
    /// Of a checkpoint: replace the file to write if it exists.
    #[arg(long)]
    pub force: bool,
    /// Of a checkpoint: write name, type, shape and SHA-256 of every tensor to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub proof: Option<PathBuf>,
}

/// What to do with the advisories.
#[derive(Subcommand, Debug)]
pub enum Db {
    /// Fetch the present advisories.
    Update(Update),
    /// Tell which advisories there are, how old they are and which are used.
    Status,
    /// Write the advisories in use to a file, to carry them to a machine without network.
    Export {
        /// The file to write.
        file: PathBuf,
    },
    /// Take over what you have in files, without a network: advisories, scores, catalogues.
    Import(Import),
}

/// Options of `db import`.
#[derive(Args, Debug)]
#[command(after_help = "\
Each file is one of these, told by its content; all but the first may be packed by gzip or Zstandard:
  what `db export` wrote, in place of the fetched advisories
  OSV records: an `all.zip` of OSV, one record a line, one record, or a folder of these. Known are packages of Python, \
crates, Debian, Ubuntu, Alpine, AlmaLinux, Rocky Linux, Wolfi and Chainguard
  EPSS scores of FIRST, as the daily CSV file
  the catalogue of known exploited vulnerabilities of CISA (JSON)

What is imported stands beside the advisories inside the program and those of `db update`; of two records with one id the newer \
counts. The records of an ecosystem or distribution take the place of those imported before.")]
pub struct Import {
    /// Files and folders to read, together.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Take them even if they are older or far fewer than those that are there.
    #[arg(long)]
    pub force: bool,
    /// The records are only a part: add them to those imported before, and take no package for sound because none of them is
    /// about it.
    #[arg(long)]
    pub partial: bool,
}

/// Options of `db update`.
#[derive(Args, Debug)]
pub struct Update {
    /// Where the advisories lie, in the layout of the OSV export: `URL/PyPI/all.zip`.
    #[arg(long, value_name = "URL")]
    pub from: Option<String>,
    /// Take them even if they are older or far fewer than those that are there.
    #[arg(long)]
    pub force: bool,
    /// Give up when the server sends nothing for this long.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

/// Options of `completions`.
#[derive(Args, Debug)]
pub struct Completions {
    /// The shell.
    pub shell: clap_complete::Shell,
}

impl Cli {
    /// Reads the arguments, the name of the program first.
    ///
    /// # Errors
    /// What clap says; that includes `--help` and `--version`.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(with_default_verb(arguments.into_iter().collect()))
    }
}

/// The names of all commands.
pub fn verbs() -> Vec<String> {
    Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

/// Puts `scan` in front where no command is named. Only what stands before the first positional argument is looked at:
/// `weighbridge . db` weighs a folder called `db`.
fn with_default_verb(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let mut words = arguments.iter().skip(1);
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("-h" | "--help" | "-V" | "--version") => return arguments,
            // The one option of `Global` that takes its value as a word of its own.
            Some("--color") => {
                words.next();
            }
            Some(word) if word.starts_with('-') && word != "-" => {}
            Some(word) if verbs().iter().any(|verb| verb == word) => return arguments,
            _ => break,
        }
    }
    if arguments.len() > 1 {
        arguments.insert(1, "scan".into());
    }
    arguments
}

fn formats() -> PossibleValuesParser {
    PossibleValuesParser::new(weighbridge_report::RENDERERS.iter().map(|renderer| renderer.id()))
}

/// Reads a severity by its word.
pub(crate) fn severity(text: &str) -> Result<Severity, String> {
    (Severity::ALL.into_iter().find(|severity| severity.as_str() == text))
        .ok_or_else(|| "expected `low`, `medium`, `high` or `critical`".to_owned())
}

/// Reads a probability, in hundred-thousandths.
pub(crate) fn probability(text: &str) -> Result<u32, String> {
    Epss::probability(text).ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

/// Reads how many findings to show.
pub(crate) fn show(text: &str) -> Result<Show, String> {
    match text {
        "all" => Ok(Show::All),
        number => number.parse().map(Show::First).map_err(|_| "expected a number or `all`".to_owned()),
    }
}

/// Reads a Python version such as `3.12` or `3.12.4`.
fn python(text: &str) -> Result<String, String> {
    let numbers: Vec<&str> = text.split('.').collect();
    let number =
        |part: &&str| !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
    if (2..=3).contains(&numbers.len()) && numbers.iter().all(number) {
        Ok(text.to_owned())
    } else {
        Err("expected a version such as `3.12` or `3.12.4`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[track_caller]
    fn check(typed: &str, expected: &str) {
        let words = typed.split_whitespace().map(OsString::from).collect();
        let read: Vec<String> =
            with_default_verb(words).into_iter().map(|word| word.into_string().unwrap()).collect();
        assert_eq!(read.join(" "), expected);
    }

    #[test]
    fn scan_is_the_default_verb() {
        check("w .", "w scan .");
        check("w scan .", "w scan .");
        check("w -q scan .", "w -q scan .");
        check("w --color never rules", "w --color never rules");
        check("w --color never .", "w scan --color never .");
        check("w --color=never why x", "w --color=never why x");
        check("w --format json .", "w scan --format json .");
        check("w . db", "w scan . db");
        check("w ./db", "w scan ./db");
        check("w -q", "w scan -q");
        check("w --version", "w --version");
        check("w -q --help", "w -q --help");
        check("w . --help", "w scan . --help");
        check("w", "w");
    }

    #[test]
    fn values_are_read_or_refused() {
        assert_eq!(show("3"), Ok(Show::First(3)));
        assert_eq!(show("all"), Ok(Show::All));
        assert!(show("-1").is_err() && show("").is_err());
        assert_eq!(severity("high"), Ok(Severity::High));
        assert!(severity("HIGH!").is_err());
        for text in ["3", "3.", "3.x", "3.12.4.1", "", "3.12rc1"] {
            assert!(python(text).is_err(), "{text}");
        }
        assert_eq!(python("3.12.4").as_deref(), Ok("3.12.4"));
    }
}
