//! Version 1 of the JSON.
//!
//! Every field is always there: what is not known is `null`, what there is none of is an empty list. The one exception
//! is a location, which names a `line` or an `offset`, whichever its format counts in. Fields stand in the order in
//! which they are declared here, lists in the order that their field states: the same report gives the same bytes.

mod convert;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// The value of [`Report::schema`].
pub const SCHEMA: &str = "weighbridge.report/1";

/// The JSON Schema (draft 2020-12) of [`Report`].
#[cfg(feature = "schema")]
pub fn schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Report<'_>>();
    schema.insert("$id".to_owned(), "urn:weighbridge:schema:report-v1".into());
    schema.insert("title".to_owned(), format!("Weighbridge report ({SCHEMA})").into());
    schema.to_value()
}

/// Declares wire types with the traits that all of them have.
macro_rules! wire {
    ($($(#[$attribute:meta])* $visibility:vis $kind:ident $name:ident $body:tt)*) => {
        $(
            #[derive(Clone, PartialEq, Debug, Serialize)]
            #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
            $(#[$attribute])*
            $visibility $kind $name $body
        )*
    };
}

pub mod lock;
pub mod plan;
pub mod verification;

/// The report on one scan: what there is, what is wrong with it, and what could not be looked at.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report<'r> {
    /// `weighbridge.report/1`.
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA)))]
    pub schema: &'static str,
    /// The program that wrote the report.
    pub tool: Tool,
    /// What was weighed, as it was named on the command line.
    pub subject: Vec<String>,
    /// How the scan ended.
    pub verdict: Verdict,
    /// The exit code that belongs to the verdict; `--exit-zero` changes the code of the process, not this one.
    pub exit_code: u8,
    /// The severity from which an open finding makes the verdict `fail`.
    pub fail_on: Severity,
    /// The probability of exploitation (EPSS) from which an open finding makes the verdict `fail` whatever its severity,
    /// 0.0 to 1.0; `null` where the policy names none.
    pub fail_on_epss: Option<f64>,
    /// What was known on which day.
    pub as_of: AsOf,
    /// Model files and what loading each would do, sorted by path.
    pub artifacts: Told<'r, Artifact>,
    /// Projects and Python environments: the nodes from which every path starts, sorted by id.
    pub roots: Told<'r, Root>,
    /// Packages, sorted by purl.
    pub components: Told<'r, Component>,
    /// Files that are nodes of the graph, each once however often it occurs, sorted by digest.
    pub files: Told<'r, File>,
    /// How all of these hang together, sorted by the ids of their ends.
    pub edges: Told<'r, Edge>,
    /// What is wrong, worst first; with those that the baseline or the policy sets aside.
    pub findings: Told<'r, Finding>,
    /// What was read and what was not.
    pub coverage: Coverage,
    /// What else the policy has to say, such as ignores that match nothing any more.
    pub notes: Vec<Note>,
    /// Counts.
    pub totals: Totals,
}

/// A list of which each item is made when it is written: what is told of a hundred thousand packages is never there as a
/// whole.
pub struct Told<'r, T>(Box<dyn Fn() -> Items<'r, T> + 'r>);

type Items<'r, T> = Box<dyn Iterator<Item = T> + 'r>;

impl<'r, T> Told<'r, T> {
    fn new<I: Iterator<Item = T> + 'r>(items: impl Fn() -> I + 'r) -> Self {
        Self(Box::new(move || Box::new(items())))
    }
}

impl<T: Serialize> Serialize for Told<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema> schemars::JsonSchema for Told<'_, T> {
    fn inline_schema() -> bool {
        Vec::<T>::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        Vec::<T>::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Vec::<T>::json_schema(generator)
    }
}

wire! {
/// The program that wrote the report.
pub struct Tool {
    /// `weighbridge`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// How a scan ends.
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything was read and nothing fails the policy.
    Pass,
    /// The policy fails.
    Fail,
    /// Nothing that was read fails the policy, but not everything could be read or asked.
    Incomplete,
}

/// How bad a finding is if it is true.
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth mending at the next occasion; also what nobody rated.
    Medium,
    /// Mend it before you ship.
    High,
    /// Stop.
    Critical,
}

/// How sure it is that a finding is true.
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// A guess worth a look.
    Low,
    /// Follows from what somebody states.
    Medium,
    /// Follows from bytes that were read.
    High,
}

/// Data that the user has imported (`weighbridge db import`).
pub struct Imported {
    /// Which they are: `epss`, `exploited`, or an ecosystem, with its distribution (`deb-debian`).
    pub name: String,
    /// The day up to which they reach (`YYYY-MM-DD`).
    pub as_of: String,
    /// Records or scores.
    pub records: u64,
}

/// How likely a vulnerability is to be exploited within 30 days (EPSS of FIRST).
pub struct Epss {
    /// The probability, 0.0 to 1.0.
    pub score: f64,
    /// Which part of all vulnerabilities has this score or a lower one, 0.0 to 1.0.
    pub percentile: f64,
    /// The day of the scores (`YYYY-MM-DD`).
    pub date: String,
}

/// What was known on which day.
pub struct AsOf {
    /// The day of the report (`YYYY-MM-DD`); ignores expire and advisories age by it.
    pub today: String,
    /// The day up to which the advisories are complete (`YYYY-MM-DD`).
    pub advisories: String,
    /// Where the advisories come from: `embedded`, or the path of updated data.
    pub source: String,
    /// How many advisory records can match.
    pub records: u64,
    /// What was imported beside them and used.
    pub imported: Vec<Imported>,
    /// The version of the tables by which model files are judged: the day on which they last changed, and which state of
    /// that day (`YYYY-MM-DD.N`).
    pub tables: String,
}

/// What loading a model file would do.
#[serde(rename_all = "kebab-case")]
pub enum Safety {
    /// Every effect is understood and allowed.
    Harmless,
    /// It runs code or imports something for which nobody can vouch.
    Untrusted,
    /// It does something that is known to be an attack.
    Dangerous,
    /// Not fully understood; never to be taken as harmless.
    Unread,
}

/// A model file.
pub struct Artifact {
    /// Path below the target, with `/` between names.
    pub path: String,
    /// Steps inside the file at `path`, outermost first; empty for the file itself.
    pub inner: Vec<String>,
    /// Format, such as `pickle` or `pytorch-zip`.
    pub format: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the file; `null` where it could not be read to the end.
    pub sha256: Option<String>,
    /// Purl of the installed package that brought the file along, as its record proves.
    pub owner: Option<String>,
    /// What loading it would do.
    pub verdict: Safety,
    /// Every effect of loading it, in the order of places and offsets.
    pub effects: Vec<Effect>,
}

/// One thing that loading a model file does, merged over equal occurrences.
pub struct Effect {
    /// `import`, `call`, `new`, `state`, `append`, `set-item`, `add`, `extension`, `persistent`, `buffer`; outside of
    /// pickles also `operate`, `run`, `read`, `write`, `fetch`, `corrupt` or `overrun`.
    pub kind: String,
    /// Module on which it acts, or the domain of an operator; `null` where `name` is a path, code, or what is known of
    /// a target that only running the file would tell.
    pub module: Option<String>,
    /// Qualified name in the module, or the name of an operator; with `module` being `null`, what is known of the target.
    pub name: String,
    /// It acts on an instance of, or the result of calling, `module.name` and not on that itself.
    pub on_result: bool,
    /// Arguments as Python writes them, shortened.
    pub arguments: Vec<String>,
    /// Steps inside the file, outermost first.
    pub inner: Vec<String>,
    /// Byte offset in the innermost step.
    pub offset: Option<u64>,
    /// Opcode, as `pickletools` names it; outside of pickles the construct of the format.
    pub opcode: String,
    /// Where in the structure of the innermost step; empty where the offset says it all.
    pub pointer: String,
    /// How often it occurs.
    pub count: u64,
    /// `count` includes occurrences with other arguments than these.
    pub sampled: bool,
    /// A loader gets this far; `false` behind an error at which every loader stops.
    pub reached: bool,
    /// What we think of it.
    pub verdict: Safety,
    /// Why; empty for a harmless one.
    pub reason: String,
}

/// Which kind of root it is.
#[serde(rename_all = "kebab-case")]
pub enum RootKind {
    /// A project.
    Project,
    /// A Python environment.
    Environment,
}

/// A project or a Python environment.
pub struct Root {
    /// `project:` or `environment:` and the folder below the target.
    pub id: String,
    /// What it is.
    pub kind: RootKind,
    /// Stated name, else the name of the folder.
    pub name: String,
    /// Version of the project, or Python version of the environment.
    pub version: Option<String>,
}

/// A package.
pub struct Component {
    /// Its package URL; without a version where nothing says which one would be installed.
    pub purl: String,
    /// Normalised name.
    pub name: String,
    /// Version.
    pub version: Option<String>,
    /// A project or environment asks for it itself.
    pub direct: bool,
    /// It lies installed in an environment of the target.
    pub installed: bool,
    /// Stated licence.
    pub licence: Option<String>,
    /// Where it comes from, as far as anything says.
    pub origins: Vec<Origin>,
    /// SHA-256 digests of its files by the lock files, sorted.
    pub digests: Vec<String>,
    /// By which ways it came in: labels from the root to the package, shortest first, at most 8.
    pub paths: Vec<Vec<String>>,
    /// There are more paths than these.
    pub paths_truncated: bool,
    /// Where it was met.
    pub evidence: Vec<Evidence>,
}

/// Which kind of origin it is.
#[serde(rename_all = "kebab-case")]
pub enum OriginKind {
    /// An index of packages.
    Index,
    /// A file at a URL.
    Url,
    /// A repository of source code.
    Vcs,
    /// A path.
    Path,
    /// The package manager of the operating system.
    System,
}

/// Where a package comes from.
pub struct Origin {
    /// What it is.
    pub kind: OriginKind,
    /// The URL without credentials, or the path; `null` for an index.
    pub location: Option<String>,
    /// Branch, tag or commit.
    pub reference: Option<String>,
    /// Its content cannot change unnoticed: a digest or a full commit id is named. `null` where that makes no sense.
    pub pinned: Option<bool>,
}

/// A file that is a node of the graph.
pub struct File {
    /// SHA-256; `sha256:` and this is the node's id.
    pub sha256: String,
    /// Size in bytes.
    pub size: u64,
    /// Format, where it was recognised.
    pub format: Option<String>,
    /// Every place where these bytes lie.
    pub places: Vec<Location>,
}

/// How two nodes hang together.
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// The first holds the second.
    Contains,
    /// The first asks for the second.
    DependsOn,
    /// The first brings a copy of the second along: a wheel and the library inside it.
    Vendors,
    /// The first is a program or library that the system's loader binds to the second when it starts.
    Links,
}

/// How one node came in through another.
pub struct Edge {
    /// Id of a root, purl of a component, or `sha256:` and the digest of a file.
    pub from: String,
    /// Likewise.
    pub to: String,
    /// How.
    pub relation: Relation,
    /// Version specifier; empty for any version.
    pub specifier: String,
    /// Extras of the second that are asked for.
    pub extras: Vec<String>,
    /// Environment marker that held.
    pub marker: Option<String>,
    /// The extra or group of the first that asks, such as `extra dev`; `null` for always.
    pub through: Option<String>,
    /// Why it is believed.
    pub evidence: Vec<Evidence>,
}

/// Why a node or an edge is believed.
pub struct Evidence {
    /// Where it was read.
    #[serde(flatten)]
    pub location: Location,
    /// Id of the reader, or of the part of the program that concluded it.
    pub reader: String,
    /// How well founded: `verified`, `observed`, `declared`, `inferred`, `claimed` or `unresolved`.
    pub class: String,
}

/// Where something is.
pub struct Location {
    /// Path below the target, with `/` between names.
    pub path: String,
    /// Steps inside that file, outermost first; empty for the file itself.
    pub inner: Vec<String>,
    /// Line, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Byte offset, counted from 0, in the innermost step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// Whether a finding counts.
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It counts.
    Open,
    /// It was there when the baseline was made.
    Baseline,
    /// The policy ignores it.
    Ignored,
    /// A VEX document that the user named says that it does not matter here.
    NotAffected,
}

/// Something that is wrong.
pub struct Finding {
    /// Id of the rule, such as `WB-P001`; stable for ever.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// What is wrong, in one line.
    pub title: String,
    /// What one needs to believe it, one line each.
    pub details: Vec<String>,
    /// What it is about: a purl, the id of another node, or a path below the target.
    pub subject: String,
    /// Where it shows.
    pub location: Option<Location>,
    /// The vulnerability, if it is one.
    pub advisory: Option<Advisory>,
    /// By which ways it came in: labels from the root, shortest first.
    pub paths: Vec<Vec<String>>,
    /// There are more paths than these.
    pub paths_truncated: bool,
    /// What to do.
    pub remedy: Option<Remedy>,
    /// What stays the same from scan to scan while the finding is the same.
    pub fingerprint: String,
    /// Whether it counts.
    pub status: Status,
    /// Why and how long it is ignored, or why it does not matter; `null` where it counts or stands in the baseline.
    pub ignored: Option<Ignored>,
}

/// A vulnerability or malicious package, however many records tell of it.
pub struct Advisory {
    /// Id of the first record that tells of it, in the order of ids.
    pub id: String,
    /// The name that people know: the CVE id if there is one.
    pub name: String,
    /// Every other id, sorted: of further records, CVE, GHSA, and so on.
    pub aliases: Vec<String>,
    /// The records that tell of it, sorted by id.
    pub records: Vec<Record>,
    /// Highest CVSS base score, 0.0 to 10.0; `null` where nobody rated it.
    pub score: Option<f64>,
    /// Severity by that score; `null` where nobody rated it (the finding then counts as `medium`).
    pub severity: Option<Severity>,
    /// The day on which CISA listed it as known to be exploited.
    pub exploited_since: Option<String>,
    /// How likely it is to be exploited soon; `null` where no scores were imported or none names it.
    pub epss: Option<Epss>,
    /// The package itself is an attack.
    pub malicious: bool,
    /// Weaknesses, such as `CWE-79`, sorted.
    pub cwes: Vec<String>,
    /// The smallest version of the affected branch that mends it.
    pub fixed: Option<String>,
    /// Package URL of the package whose advisories these are, where a table says that it is the same under another name, as
    /// for packages of conda; else `null`.
    pub inferred_from: Option<String>,
}

/// How a record matched a version.
#[serde(rename_all = "kebab-case")]
pub enum Matched {
    /// The version lies in one of its ranges.
    Range,
    /// The version lies in a range of which a bound had to be repaired before it could be read.
    RepairedRange,
    /// The version stands in its list of versions.
    List,
}

/// One record about a vulnerability.
pub struct Record {
    /// Its id.
    pub id: String,
    /// The day of its last change.
    pub modified: Option<String>,
    /// How it matched.
    pub matched: Matched,
    /// How well founded its versions are: `stated`, `exact`, `fixed-only`, `cpe`, `text`, `bound` or `bisect`.
    pub grade: String,
    /// Where its facts about versions come from; `null` where its id says it.
    pub source: Option<String>,
}

/// Which kind of remedy it is.
#[serde(rename_all = "kebab-case")]
pub enum RemedyKind {
    /// Move a package to another version.
    Update,
    /// Name an exact version, or a lock file.
    Pin,
    /// Delete something.
    Remove,
    /// Write something anew in a form that runs nothing.
    Convert,
    /// Anything else.
    Manual,
}

/// What to do about a finding.
pub struct Remedy {
    /// What kind.
    pub kind: RemedyKind,
    /// The instruction, in one line.
    pub text: String,
    /// The package to update.
    pub package: Option<String>,
    /// The version that is there.
    pub from: Option<String>,
    /// The smallest version that none of the known advisories affects.
    pub to: Option<String>,
    /// Requirements that exclude `to`.
    pub breaks: Vec<Break>,
}

/// A requirement that excludes the version of a remedy.
pub struct Break {
    /// Who requires it, as people call it.
    pub requirer: String,
    /// The version specifier.
    pub specifier: String,
}

/// Why and how long a finding is ignored.
pub struct Ignored {
    /// Why.
    pub reason: String,
    /// Up to and including this day; `null` for ever.
    pub until: Option<String>,
}

/// What was read and what was not.
pub struct Coverage {
    /// Files and inner entries that were read.
    pub read: u64,
    /// Bytes of the files that were read.
    pub bytes: u64,
    /// Every place that was not read or not understood, sorted by place.
    pub unread: Vec<Unread>,
    /// Folders left out, sorted.
    pub excluded: Vec<String>,
}

/// A place that was not read or not understood.
pub struct Unread {
    /// Path below the target.
    pub path: String,
    /// Steps inside that file, outermost first.
    pub inner: Vec<String>,
    /// Line, counted from 1, where only a part of the entry is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Byte offset, counted from 0, in the innermost step, where only a part of the entry is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// `permission`, `io`, `special`, `link-outside`, `link-broken`, `not-in-target`, `truncated`, `limit`,
    /// `encrypted`, `unsupported`, `malformed`, `panicked` or `cancelled`.
    pub kind: String,
    /// Why, for people.
    pub reason: String,
}

/// Something that the policy has to say besides findings.
pub struct Note {
    /// What.
    pub message: String,
    /// Where in the configuration, as `file:line`.
    pub location: Option<String>,
}

/// Counts.
pub struct Totals {
    /// Packages with a version; native libraries are counted apart.
    pub packages: u64,
    /// Requirements for which nothing says a version.
    pub unresolved: u64,
    /// Native libraries in binaries, each version once.
    pub libraries: u64,
    /// Native libraries whose version nothing in the binaries says.
    pub unversioned_libraries: u64,
    /// Libraries that were gathered for a package and that nothing shows to be one that is known.
    pub unknown_libraries: u64,
    /// Packages and libraries to which no advisory could be matched, whatever their state.
    pub unassessed: u64,
    /// Packages of operating systems, by their own databases.
    pub system_packages: u64,
    /// Python environments.
    pub environments: u64,
    /// Model files that no installed package brought along.
    pub models: u64,
    /// Bytes of these.
    pub model_bytes: u64,
    /// Model files that installed packages brought along, data of any kind in the format of one among them.
    pub packaged_models: u64,
    /// Files of data sets.
    pub data_files: u64,
    /// Bytes of these.
    pub data_bytes: u64,
    /// Files of the target.
    pub files: u64,
    /// Findings by status and severity, as `open.high`; pairs that do not occur are left out.
    pub findings: BTreeMap<String, u64>,
}
}
