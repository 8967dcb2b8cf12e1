//! `weighbridge trust`: writes, extends, shows and checks the trust policy.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use weighbridge_net::feed::atomic::replace_file;
use weighbridge_trust::policy::{self, AddError, NewAnchor, NewRule, Policy, TEMPLATE};

use super::policed::asked;
use super::policy::{OnDisk, named};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::{Printer, printable};
use crate::setup::Setup;
use crate::trust_args::{Add, AddAnchor, AddRule, Trust};

/// Runs the command.
pub(in crate::commands) fn run(trust: &Trust, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    let stands_in = setup.folder.as_deref();
    match trust {
        Trust::Init { file } => init(file, printer),
        Trust::Add(Add::Anchor(anchor)) => {
            let on_disk = named(anchor.policy.trust.as_ref(), stands_in)?;
            let table = new_anchor(anchor, &on_disk)?.to_toml();
            add(&on_disk, &table, &format!("anchor `{}`", anchor.id), printer)
        }
        Trust::Add(Add::Rule(rule)) => {
            let on_disk = named(rule.policy.trust.as_ref(), stands_in)?;
            let table = new_rule(rule).to_toml();
            add(&on_disk, &table, &format!("rule `{}`", rule.matches), printer)
        }
        Trust::List { policy } => {
            let on_disk = named(policy.trust.as_ref(), stands_in)?;
            let text = printable(&list(&on_disk));
            printer.out(|out| out.write_all(text.as_bytes()))?;
            Ok(Exit::Pass)
        }
        Trust::Check { paths, policy } => {
            let on_disk = named(policy.trust.as_ref(), stands_in)?;
            let (text, is_sound) = check(&on_disk, paths, setup.now.div_euclid(1_000_000_000))?;
            let text = printable(&text);
            printer.out(|out| out.write_all(text.as_bytes()))?;
            Ok(if is_sound { Exit::Pass } else { Exit::Fail })
        }
    }
}

/// Writes a first policy. A file that is there is left alone.
fn init(file: &Path, printer: &Printer) -> Result<Exit, Failure> {
    let written = OpenOptions::new().write(true).create_new(true).open(file).and_then(|mut file| {
        file.write_all(TEMPLATE.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::usage(format!("`{}` exists already", file.display()))
            .hint("`weighbridge trust add` adds to it"),
        _ => Failure::unwritten(&format!("`{}`", file.display()), &error),
    })?;
    printer.say(&format!("wrote {}; `weighbridge trust add` adds anchors and rules", file.display()));
    Ok(Exit::Pass)
}

fn new_anchor(typed: &AddAnchor, on_disk: &OnDisk) -> Result<NewAnchor, Failure> {
    let name = |path: &Option<PathBuf>| path.as_deref().map(|path| on_disk.name(path)).transpose();
    Ok(NewAnchor {
        id: typed.id.clone(),
        role: typed.role.clone(),
        kind: typed.kind.word().to_owned(),
        key: name(&typed.key)?,
        certificates: typed.certificates.iter().map(|path| on_disk.name(path)).collect::<Result<_, _>>()?,
        keys: typed.spki_sha256.clone(),
        names: typed.san.clone(),
        issuer: typed.issuer.clone(),
        identity: typed.identity.clone(),
        trusted_root: name(&typed.trusted_root)?,
    })
}

fn new_rule(typed: &AddRule) -> NewRule {
    NewRule {
        matches: typed.matches.clone(),
        evidence: typed.kind.map(|kind| kind.word().to_owned()),
        predicate_type: typed.predicate_type.clone(),
        by: typed.by.clone(),
        by_role: typed.by_role.clone(),
        threshold: typed.threshold,
        max_age: typed.max_age.clone(),
        verdict: typed.verdict.clone(),
        unsigned: typed.unsigned.clone(),
    }
}

/// Adds a table; nothing is written unless the whole can be read again and the new anchor can be used.
fn add(on_disk: &OnDisk, table: &str, what: &str, printer: &Printer) -> Result<Exit, Failure> {
    let file = &on_disk.policy.file;
    let (text, after) = policy::add(&on_disk.text, table, file).map_err(|error| match error {
        AddError::Before(error) => error.into(),
        AddError::After(ref inner) => {
            let failure = Failure::usage(format!("cannot add the {what}")).because(&error);
            inner.hint.iter().fold(failure, |failure, hint| failure.hint(hint.clone()))
        }
        AddError::Disturbed => Failure::usage(format!("cannot add the {what}")).because(&error),
    })?;
    // Only what is new is to be sound: what was there may have been broken for long.
    let is_new = |line: usize| line > on_disk.text.lines().count();
    let (_, wrong) = on_disk.with(after).load();
    if let Some(error) = wrong.into_iter().find(|error| is_new(error.line)) {
        return Err(Failure::usage(format!("cannot add the {what}: {}", error.message)));
    }
    replace_file(Path::new(file), |out| out.write_all(text.as_bytes()))
        .map_err(|error| Failure::unwritten(&format!("`{file}`"), &error))?;
    printer.say(&format!("added the {what} to {file}"));
    Ok(Exit::Pass)
}

fn list(on_disk: &OnDisk) -> String {
    let Policy { file, anchors, rules } = &on_disk.policy;
    let (ready, _) = on_disk.load();
    let mut text = format!("{file}\n");
    // Writing to a string cannot fail.
    for anchor in anchors {
        let about = match ready.iter().find(|ready| ready.line == anchor.line) {
            Some(ready) => ready.describe(),
            None => "cannot be used: see `weighbridge trust check`".to_owned(),
        };
        let role = anchor.role.as_ref().map(|role| format!("  role {role}")).unwrap_or_default();
        let _ = writeln!(text, "anchor  {}  {}{role}  {about}", anchor.id, anchor.kind.word());
    }
    for rule in rules {
        let asked: Vec<String> = rule.require.iter().map(asked).collect();
        let unsigned = rule.unsigned.word();
        let _ = writeln!(text, "rule    {}  {}  unsigned: {unsigned}", rule.matches, asked.join(" and "));
    }
    if anchors.is_empty() && rules.is_empty() {
        let _ = writeln!(text, "neither anchors nor rules");
    }
    text
}

/// Everything that is wrong, the rule of each model, and whether nothing is wrong.
fn check(on_disk: &OnDisk, paths: &[PathBuf], now: i64) -> Result<(String, bool), Failure> {
    let Policy { file, anchors, rules } = &on_disk.policy;
    let (ready, wrong) = on_disk.load();
    let mut told: Vec<(usize, String)> = wrong.into_iter().map(|error| (error.line, error.message)).collect();
    for anchor in &ready {
        for concern in anchor.concerns(now) {
            told.push((anchor.line, format!("anchor `{}`: {concern}", anchor.id)));
        }
    }
    for (rule, longer) in on_disk.policy.never_met() {
        told.push((
            rule.line,
            format!(
                "the rule `{}` never applies: `{}` (line {}) matches all that it does and is longer",
                rule.matches, longer.matches, longer.line
            ),
        ));
    }
    for requirement in rules.iter().flat_map(|rule| &rule.require) {
        let has_time = |id: &&String| anchors.iter().any(|it| it.id == **id && it.kind.states_a_time());
        let most = requirement.by.iter().filter(has_time).count();
        let has_own = requirement.evidence.states_a_time();
        if requirement.max_age.is_some() && most < requirement.threshold && !has_own {
            told.push((
                requirement.line,
                format!(
                    "`max-age` can never be met: only signatures of `sigstore` have a trusted time, and {most} of \
                     these anchors are of that kind, of {} that are asked for",
                    requirement.threshold
                ),
            ));
        }
    }
    let is_named = |id: &String| rules.iter().flat_map(|rule| &rule.require).any(|it| it.by.contains(id));
    let unused: Vec<&str> =
        anchors.iter().filter(|anchor| !is_named(&anchor.id)).map(|anchor| anchor.id.as_str()).collect();
    told.sort();
    // Writing to a string cannot fail.
    let mut text = String::new();
    for (line, message) in &told {
        let _ = writeln!(text, "{file}:{line}: {message}");
    }
    let mut is_sound = told.is_empty();
    for path in paths {
        let said = match on_disk.rule(&on_disk.places(path, None)?) {
            Ok(Some(rule)) => {
                let asked: Vec<String> = rule.require.iter().map(asked).collect();
                let unsigned = rule.unsigned.word();
                format!(
                    "rule `{}` (line {}): {}; unsigned: {unsigned}",
                    rule.matches,
                    rule.line,
                    asked.join(" and ")
                )
            }
            Ok(None) => "no rule".to_owned(),
            Err(why) => {
                is_sound = false;
                why
            }
        };
        let _ = writeln!(text, "{}  {said}", path.display());
    }
    for id in unused {
        let _ = writeln!(text, "note: no rule names the anchor `{id}`");
    }
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let (anchors, rules) = (count(anchors.len(), "anchor"), count(rules.len(), "rule"));
    let verdict = if is_sound { "nothing is wrong" } else { "NOT in order" };
    let _ = writeln!(text, "{file}: {anchors}, {rules}: {verdict}");
    Ok((text, is_sound))
}
