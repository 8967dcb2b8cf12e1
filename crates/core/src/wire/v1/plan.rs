//! The plan of `fix`, as programs get it.

use serde::Serialize;

use super::{Severity, Tool, Unread};

/// The value of [`Plan::schema`].
pub const SCHEMA: &str = "weighbridge.plan/1";

/// The JSON Schema (draft 2020-12) of [`Plan`].
#[cfg(feature = "schema")]
pub fn schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Plan>();
    schema.insert("$id".to_owned(), "urn:weighbridge:schema:plan-v1".into());
    schema.insert("title".to_owned(), format!("Weighbridge plan ({SCHEMA})").into());
    schema.to_value()
}

wire! {
/// The smallest change of packages that mends a target.
pub struct Plan {
    /// `weighbridge.plan/1`.
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA)))]
    pub schema: &'static str,
    /// The program that planned.
    pub tool: Tool,
    /// The target, as it was named on the command line.
    pub subject: Vec<String>,
    /// The severity from which vulnerabilities are to be mended.
    pub from: Severity,
    /// The exit code of the process.
    pub exit_code: u8,
    /// The day up to which the advisories are complete (`YYYY-MM-DD`).
    pub advisories: String,
    /// Projects and environments in which something is to be mended, in the order of their folders.
    pub projects: Vec<Project>,
    /// Places that were not read, or whose versions could not be resolved: more may be wrong there.
    pub unread: Vec<Unread>,
}

/// What is to be changed in one project or environment.
pub struct Project {
    /// What it is called.
    pub name: String,
    /// Its folder below the target; empty for the target itself.
    pub folder: String,
    /// It is an environment and has no files of its own.
    pub environment: bool,
    /// For whom versions are chosen, for people.
    pub target: String,
    /// The Python for which versions are chosen.
    pub python: String,
    /// Who says so, for people.
    pub python_by: String,
    /// How many packages it has now.
    pub packages: u64,
    /// How many vulnerabilities it has now, milder ones too.
    pub vulnerabilities: u64,
    /// Why there is no plan, in plain words; `null` where there is one.
    pub failure: Option<String>,
    /// No plan with fewer moves does the same; false where the search was cut short or failed.
    pub smallest: bool,
    /// The changes, sorted by name.
    pub moves: Vec<Move>,
    /// Vulnerabilities that stay, the most severe first.
    pub stays: Vec<Stay>,
    /// Vulnerabilities that the moves bring, each milder than the worst that goes or than `from`.
    pub brings: Vec<Flaw>,
    /// What was not known when this was planned, in plain words.
    pub unknown: Vec<String>,
}

/// The change of one package.
pub struct Move {
    /// The package.
    pub package: String,
    /// Its version now; `null` if it is added.
    pub from: Option<String>,
    /// Its version then; `null` if nothing needs it any more.
    pub to: Option<String>,
    /// Its version then is older than the one now.
    pub older: bool,
    /// The vulnerabilities of this package that go, sorted by id.
    pub clears: Vec<Flaw>,
}

/// A vulnerability of a package.
pub struct Flaw {
    /// The package.
    pub package: String,
    /// The name that people know, such as a CVE id.
    pub id: String,
    /// What inside the package has it, such as `openssl 1.1.1k`; `null` if the package itself has it.
    pub library: Option<String>,
    /// How bad it is; what nobody rated is `medium`.
    pub severity: Severity,
    /// The package itself is an attack.
    pub malicious: bool,
}

/// A vulnerability that stays, and why.
pub struct Stay {
    /// What stays.
    pub flaw: Flaw,
    /// The version of the package now.
    pub version: Option<String>,
    /// The kind of the reason.
    pub reason: Reason,
    /// The newest version without it, where the reason is about one.
    pub without: Option<String>,
    /// The reason in plain words.
    pub text: String,
    /// The whole proof, a line each, where the reason is `blocked`.
    pub proof: Vec<String>,
}

/// Why a vulnerability stays.
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Every version has it.
    NoFix,
    /// The versions without it are for another Python or platform.
    Unusable,
    /// The versions without it have others that are as bad.
    Worse,
    /// The versions without it were yanked.
    Yanked,
    /// The versions without it are older than the one at hand.
    Older,
    /// Something asks for versions that have it.
    Blocked,
    /// Something inside the package has it, and no version is known whose wheel is without it.
    Carried,
    /// No answer within the limits.
    Undecided,
}
}
