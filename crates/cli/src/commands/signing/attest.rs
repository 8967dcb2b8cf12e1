//! `weighbridge attest`: says something of a model, and signs that.

use std::ffi::OsString;
use std::path::Path;

use serde_json::Value;
use weighbridge_core::digest::Digest;
use weighbridge_core::finding::{Severity, Status};
use weighbridge_core::listing::Listing;
use weighbridge_core::report::{Report, Verdict};
use weighbridge_net::open::listing;
use weighbridge_trust::attest::{self, Claim, Outcome, Scan};
use weighbridge_trust::digests::Algorithm;
use weighbridge_trust::oms::{self, Choice, Manifest, Method};

use super::sign::{refused, signer};
use super::{Memory, below, check_usual, claims, ignored};
use crate::args::{self, Global, Resolving, Weighing};
use crate::commands::scan;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::settings;
use crate::setup::Setup;
use crate::signing_args::{Attest, TypeName};

/// Largest predicate that is read, in bytes.
const LARGEST: usize = 8 << 20;

/// Runs the command.
pub(in crate::commands) fn run(
    global: &Global,
    attest: &Attest,
    setup: &Setup,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let signer = signer(&attest.by, global, setup, printer)?;
    let file = attest.claims.clone().unwrap_or_else(|| claims::default_file(&attest.path));
    if attest.claims.is_none() {
        check_usual(&file, "--claims")?;
    }
    if attest.kind != TypeName::Custom && attest.predicate_type.is_some() {
        return Err(Failure::usage("`--predicate-type` is for `--type custom`: the other types say theirs"));
    }
    let typed = attest.predicate.as_deref().map(read).transpose()?;
    let kind = attest.kind.into();
    let checked = |predicate: &Value| {
        attest::check(kind, attest.predicate_type.as_deref(), predicate).map_err(|error| {
            let shown = attest.predicate.as_deref().unwrap_or(Path::new("the predicate"));
            Failure::new(
                Exit::Fail,
                format!("`{}` is no predicate of type `{}`: {error}", shown.display(), kind.word()),
            )
            .hint("docs/attestations.md says what each type must hold")
        })
    };
    // What cannot be attested is told before anything is hashed.
    let predicate_type = typed.as_ref().map(checked).transpose()?;
    let memory = Memory::open(attest.reading.no_cache, setup)?;
    let listing = listing::list(&attest.path).map_err(|error| Failure::unreadable(&attest.path, &error))?;
    let manifest = describe(attest, &file, &listing, &memory)?;
    if memory.cancel.is_cancelled() {
        return Ok(Exit::Interrupted);
    }
    let (predicate, predicate_type, exit, said) = match (typed, predicate_type) {
        (Some(predicate), Some(predicate_type)) => (predicate, predicate_type, Exit::Pass, String::new()),
        _ => {
            // The scan that follows does not hash again what was just hashed.
            memory.save(printer);
            let (predicate, verdict) =
                scanned(global, attest, &manifest, listing.is_file, &memory, setup, printer)?;
            let again =
                listing::list(&attest.path).map_err(|error| Failure::unreadable(&attest.path, &error))?;
            if describe(attest, &file, &again, &memory)? != manifest {
                return Err(Failure::new(Exit::Fail, "the files changed while they were scanned"));
            }
            let predicate_type = checked(&predicate)?;
            (predicate, predicate_type, Exit::of(verdict, false), format!(": {}", verdict.as_str()))
        }
    };
    if memory.cancel.is_cancelled() {
        return Ok(Exit::Interrupted);
    }
    let payload = Claim::statement(&manifest, &predicate_type, predicate);
    let bundle = attest::sign(payload, &signer).map_err(|error| refused(&error))?;
    claims::add(&file, &bundle)?;
    memory.save(printer);
    let files = manifest.files.len();
    printer.say(&format!(
        "attested {}{said}, of {files} {}",
        kind.word(),
        if files == 1 { "file" } else { "files" }
    ));
    printer.say(&format!("  by {}", signer.name()));
    printer.say(&format!("  to {}", file.display()));
    if exit != Exit::Pass {
        printer.say(&format!("  `weighbridge scan {}` says why", attest.path.display()));
    }
    Ok(exit)
}

/// The JSON of a predicate.
fn read(path: &Path) -> Result<Value, Failure> {
    let text = claims::text(path, LARGEST).map_err(|error| Failure::unreadable(path, &error))?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::new(Exit::Fail, format!("`{}` is not JSON: {error}", path.display()))
            .hint("`--predicate` names the predicate alone, without statement and envelope")
    })
}

/// The files that it is about, and their digests.
fn describe(attest: &Attest, file: &Path, listing: &Listing, memory: &Memory) -> Result<Manifest, Failure> {
    let mut choice = Choice {
        method: Method::Files,
        algorithm: Algorithm::Sha256,
        allow_symlinks: attest.reading.allow_symlinks,
        ignore_paths: ignored(&attest.reading, &attest.path)?,
        signature: below(file, &attest.path),
    };
    if !listing.is_file {
        let signatures = claims::signatures(&attest.path);
        choice.ignore_paths.extend(signatures.map_err(|error| Failure::unreadable(&attest.path, &error))?);
        choice.ignore_paths.extend(claims::set_apart(&attest.path));
    }
    let described = memory.with(|hashing| oms::describe(listing, &choice, hashing));
    described.map(|described| described.manifest).map_err(|error| refused(&error))
}

/// What a scan finds, as a predicate.
fn scanned(
    global: &Global,
    attest: &Attest,
    manifest: &Manifest,
    is_file: bool,
    memory: &Memory,
    setup: &Setup,
    printer: &Printer,
) -> Result<(Value, Verdict), Failure> {
    let scan = args::Scan {
        targets: vec![OsString::from(&attest.path)],
        format: None,
        output: Vec::new(),
        fail_on: None,
        fail_on_epss: None,
        baseline: None,
        vex: Vec::new(),
        show: None,
        max_age: None,
        exit_zero: false,
        ask_index: false,
        resolving: Resolving::default(),
        weighing: Weighing {
            config: attest.config.clone(),
            no_config: attest.no_config,
            exclude: Vec::new(),
            no_digests: false,
            no_cache: attest.reading.no_cache,
            jobs: None,
            python: None,
        },
    };
    let mut weigh = settings::scan(global, &scan, setup, printer)?.weigh;
    weigh.context.cancel = memory.cancel.clone();
    // What is left out of scans is attested all the same, so that it has to be looked at. Earlier attestations are no part of
    // that: one of the model as it was must not fail the model as it is.
    let apart = Some(&attest.path).filter(|_| !is_file).and_then(|path| claims::set_apart(path));
    weigh.exclude = apart.iter().map(|path| format!("/{path}")).collect();
    let policy = weigh.config.as_deref().map(|path| -> Result<_, Failure> {
        let text = claims::text(path, LARGEST).map_err(|error| Failure::unreadable(path, &error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, Digest::of(text.as_bytes()).to_string()))
    });
    let policy = policy.transpose()?;
    let report = scan::weigh(&weigh, &scan.resolving, setup, printer)?;
    // A verdict is about what was looked at.
    let lies_below =
        |path: &str, folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    let unseen = report
        .coverage
        .excluded
        .iter()
        .find(|folder| manifest.files.keys().any(|path| lies_below(path, folder)));
    if let Some(folder) = unseen {
        return Err(Failure::new(Exit::Fail, format!("no scan looks into `{folder}`"))
            .hint(format!("`--ignore-paths {folder}` attests of the rest")));
    }
    let scan = Scan {
        time: settings::moment(setup)?.0,
        outcome: match report.verdict {
            Verdict::Pass => Outcome::Pass,
            Verdict::Fail => Outcome::Fail,
            Verdict::Incomplete => Outcome::Incomplete,
        },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tables: report.tables.to_owned(),
        advisories: report.advisories.as_of.to_string(),
        fail_on: report.fail_on.as_str().to_owned(),
        policy,
        findings: counted(&report),
        read: (report.coverage.read, u64::try_from(report.coverage.unread.len()).unwrap_or(u64::MAX)),
    };
    Ok((scan.to_predicate(), report.verdict))
}

/// How many open findings there are of each severity.
fn counted(report: &Report) -> Vec<(&'static str, u64)> {
    let count = |severity: Severity| {
        let open = |finding: &&weighbridge_core::finding::Finding| {
            finding.status == Status::Open && finding.severity == severity
        };
        u64::try_from(report.findings.iter().filter(open).count()).unwrap_or(u64::MAX)
    };
    Severity::ALL.into_iter().map(|severity| (severity.as_str(), count(severity))).collect()
}
