//! `weighbridge fix FOLDER`: the smallest change of packages that mends what is known to be vulnerable; planned, tried in
//! a fresh environment, and written into the project's own files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use weighbridge_advisory::pep440::Version;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::finding::Severity;
use weighbridge_core::knowledge::Vulnerability;
use weighbridge_core::name::PackageName;
use weighbridge_engine::mend::{Change, Mended, Order, mend, severity};
use weighbridge_resolve::plan::{Flawed, Move, Why};
use weighbridge_resolve::{Failure as Unsolved, Plan};

use super::{apply, end_on_interrupt, mend_json, verify};
use crate::advisories;
use crate::args::{Fix, Global, ListFormat};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::packages;
use crate::printer::{Printer, printable};
use crate::progress::Bar;
use crate::settings::{self, Weigh};
use crate::setup::Setup;

/// Vulnerabilities that stay and are named one by one; the rest is counted.
const MOST_TOLD: usize = 12;

/// Runs the command for a target with packages.
pub(super) fn run(global: &Global, fix: &Fix, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    let mut weigh = settings::mending(global, fix, setup)?;
    end_on_interrupt(Some(weigh.context.cancel.clone()))?;
    let client = packages::client(&fix.indexes, &weigh, setup, printer)?;
    packages::take_python(&client, &mut weigh.context.python);
    let owned = advisories::load_all(setup, printer)?;
    printer.detail(&format!("advisories: {}, of {}", owned.source, owned.index.about().as_of));
    let others = |wanted: &BTreeSet<Ecosystem>| advisories::load_others(wanted, setup, printer);
    let knowledge = owned.knowledge(&others);
    let request = weigh.request();
    let order = Order {
        request: &request,
        knowledge: &knowledge,
        client: &client,
        from: fix.from,
        downgrades: fix.allow_downgrade,
    };
    let bar = Bar::new(printer.progress);
    let mended = mend(&order, &weigh.context, &bar)?;
    drop(bar);
    let exit = exit(&mended);
    if fix.format == Some(ListFormat::Json) {
        let as_of = owned.index.about().as_of.to_string();
        let answer = mend_json::answer(&mended, &weigh.targets, fix.from, as_of, exit.code());
        printer.out(|out| weighbridge_report::write_json(&answer, out))?;
        return Ok(exit);
    }
    let Mended { changes, unread } = mended;
    let mut text = String::new();
    for (number, change) in changes.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        text.push_str(&tell(change, fix.from, settings::width(setup)));
    }
    if changes.is_empty() {
        let from = if fix.from == Severity::Low {
            String::new()
        } else {
            format!(" of {} or above", fix.from.as_str())
        };
        text = format!("nothing to mend: no vulnerability{from} is known of what is there\n");
    }
    for gap in unread.iter().take(MOST_TOLD) {
        wrapped(&mut text, "not known: ", &gap.to_string(), settings::width(setup));
    }
    if let more @ 1.. = unread.len().saturating_sub(MOST_TOLD) {
        let _ = writeln!(text, "not known: {more} more places; `weighbridge scan --resolve` names them");
    }
    printer.out(|out| out.write_all(printable(&text).as_bytes()))?;
    let flaw = |name: &PackageName, version: &Version| {
        let found = knowledge.python.vulnerabilities(name.as_str(), version);
        let worst = found.into_iter().filter(|it| severity(it) >= fix.from).max_by_key(severity)?;
        Some(format!("{} {}", worst.name, word(&worst)))
    };
    match act(fix, &weigh, &changes, &flaw, setup, printer)? {
        Exit::Pass => Ok(exit),
        worse => Ok(worse),
    }
}

/// Tries and writes what was planned, as far as that is asked for; the trial first.
fn act(
    fix: &Fix,
    weigh: &Weigh,
    changes: &[Change],
    flaw: &dyn Fn(&PackageName, &Version) -> Option<String>,
    setup: &Setup,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let moving: Vec<(&Change, &Plan)> = changes
        .iter()
        .filter_map(|change| Some((change, change.plan.as_ref().ok()?)))
        .filter(|(_, plan)| !plan.moves.is_empty())
        .collect();
    if let Some(command) = &fix.verify {
        // All of them before anything is written.
        for (change, plan) in &moving {
            verify::run(fix, command, (change, plan), weigh, setup, printer)?;
        }
    }
    if !fix.apply || moving.is_empty() {
        return Ok(Exit::Pass);
    }
    let order = apply::Order {
        changes,
        plans: &moving,
        target: &folder(&fix.target),
        indexes: &fix.indexes,
        flaw,
        context: &weigh.context,
    };
    apply::run(&order, setup, printer)
}

/// The folder that a target is.
pub(super) fn folder(target: &Path) -> PathBuf {
    let text = target.to_string_lossy();
    text.strip_prefix("venv:").map_or_else(|| target.to_owned(), PathBuf::from)
}

/// How it ends: what stays fails, and what could not be planned or read is incomplete. What stays counts before what is not
/// known, as in a scan.
fn exit(mended: &Mended) -> Exit {
    let plans = || mended.changes.iter().map(|change| &change.plan);
    if plans().any(|plan| plan.as_ref().is_ok_and(|plan| !plan.stays.is_empty())) {
        return Exit::Fail;
    }
    let is_known = mended.unread.is_empty() && plans().all(Result::is_ok);
    if is_known { Exit::Pass } else { Exit::Incomplete }
}

/// The plan, for a person. Writing to a string cannot fail.
fn tell(change: &Change, from: Severity, width: usize) -> String {
    let mut text = String::new();
    let known = counted(change.flaws.len(), "vulnerability", "vulnerabilities");
    let packages = counted(change.now.len(), "package", "packages");
    let _ = writeln!(text, "{}  {packages}, {known}  for {}", change.name, change.target);
    match &change.plan {
        Ok(plan) => tell_plan(change, plan, from, width, &mut text),
        Err(failure) => tell_failure(change, failure, width, &mut text),
    }
    text
}

fn tell_failure(change: &Change, failure: &Unsolved, width: usize, text: &mut String) {
    text.push('\n');
    let message = failure.to_string();
    for (number, line) in message.lines().enumerate() {
        wrapped(text, if number == 0 { "no plan: " } else { "  " }, line.trim(), width);
    }
    tell_unknown(change, width, text);
}

fn tell_plan(change: &Change, plan: &Plan, from: Severity, width: usize, text: &mut String) {
    let by_package = |flaws: &BTreeSet<Flawed>| {
        let mut by: BTreeMap<PackageName, Vec<String>> = BTreeMap::new();
        for flawed in flaws {
            by.entry(flawed.name.clone()).or_default().push(flawed.flaw.id.clone());
        }
        by
    };
    let clears = by_package(&plan.clears);
    if !plan.moves.is_empty() {
        text.push('\n');
    }
    let steps: Vec<(String, String)> = plan.moves.iter().map(step).collect();
    let wide = |of: fn(&(String, String)) -> &String| steps.iter().map(|step| of(step).chars().count()).max();
    let (name, versions) = (wide(|step| &step.0).unwrap_or(0), wide(|step| &step.1).unwrap_or(0));
    for (moved, step) in plan.moves.iter().zip(&steps) {
        let cleared =
            clears.get(&moved.name).map(|ids| cleared(change, &moved.name, ids)).unwrap_or_default();
        let line = format!("  {:name$}  {:versions$}  {cleared}", step.0, step.1);
        if line.chars().count() <= width {
            let _ = writeln!(text, "{}", line.trim_end());
        } else {
            let _ = writeln!(text, "  {:name$}  {}", step.0, step.1);
            wrapped(text, "    ", &cleared, width);
        }
    }
    tell_stays(change, plan, width, text);
    for flawed in &plan.brings {
        let inside = inside(change, &flawed.name, &flawed.flaw.id);
        let line = format!("{}{inside} with {}", rated(change, flawed), flawed.name);
        wrapped(text, "  brings ", &line, width);
    }
    for gap in &plan.gaps {
        wrapped(text, "  not known: ", &gap.to_string(), width);
    }
    tell_unknown(change, width, text);
    text.push('\n');
    let milder = change.flaws.values().filter(|it| severity(it) < from).count();
    let count = |wanted: fn(&Move) -> bool| plan.moves.iter().filter(|moved| wanted(moved)).count();
    let (added, gone) = (count(|it| it.from.is_none()), count(|it| it.to.is_none()));
    let mut moves = match plan.moves.len().saturating_sub(added).saturating_sub(gone) {
        0 => "nothing to move".to_owned(),
        count => format!("{count} of {} packages move", change.now.len()),
    };
    for (count, word) in [(added, "added"), (gone, "no longer needed")] {
        if count > 0 {
            let _ = write!(moves, ", {count} {word}");
        }
    }
    let mut end = format!("{moves}; {} of {} vulnerabilities go", plan.clears.len(), change.flaws.len());
    if milder > 0 {
        let _ = write!(end, "; {milder} milder than {} were not looked at", from.as_str());
    }
    if !plan.is_smallest {
        end.push_str("; fewer moves might do: the search was cut short");
    }
    wrapped(text, "= ", &end, width);
    if change.is_environment && !plan.moves.is_empty() {
        let moved = plan.moves.iter().filter_map(|it| Some(format!("{}=={}", it.name, it.to.as_ref()?)));
        let pins: Vec<String> = moved.collect();
        wrapped(text, "= to do it: ", &format!("pip install {}", pins.join(" ")), width);
    }
}

/// What is not known of what there is. An index that does not answer is silent about every package for one reason.
fn tell_unknown(change: &Change, width: usize, text: &mut String) {
    const MOST: usize = 3;
    for unknown in change.unknown.iter().take(MOST) {
        wrapped(text, "  not known: ", unknown, width);
    }
    if let more @ 1.. = change.unknown.len().saturating_sub(MOST) {
        let _ = writeln!(text, "  not known: {more} more; `--format json` names them");
    }
}

fn tell_stays(change: &Change, plan: &Plan, width: usize, text: &mut String) {
    if plan.stays.is_empty() {
        return;
    }
    // What stays of one package for one reason is one thing to know.
    let mut groups: Vec<(&PackageName, String, Vec<&Flawed>)> = Vec::new();
    for (flawed, why) in &plan.stays {
        let reason = because(why);
        match groups.iter_mut().find(|(name, known, _)| **name == flawed.name && *known == reason) {
            Some((_, _, all)) => all.push(flawed),
            None => groups.push((&flawed.name, reason, vec![flawed])),
        }
    }
    text.push_str("\n  stays:\n");
    for (name, reason, all) in groups.iter().take(MOST_TOLD) {
        let version = change.now.get(*name).map(ToString::to_string).unwrap_or_default();
        let first = all.first().map(|flawed| rated(change, flawed)).unwrap_or_default();
        let more = match all.len() {
            0 | 1 => String::new(),
            count => format!(" + {} more", count.saturating_sub(1)),
        };
        wrapped(text, "  ", &format!("{name} {version}  {first}{more}: {reason}"), width);
    }
    if let more @ 1.. = groups.len().saturating_sub(MOST_TOLD) {
        let _ = writeln!(text, "  + {more} more");
    }
}

/// Why a vulnerability stays, in plain words.
pub(super) fn because(why: &Why) -> String {
    match why {
        Why::Unusable(version, reason) => format!("mended in {version}, which {reason}"),
        Why::Worse(version, id) => format!("{version} is free of it and has {id}"),
        Why::Yanked(version) => format!("mended in {version}, which was yanked"),
        Why::Older(_) => format!("{why} (`--allow-downgrade`)"),
        Why::Blocked { by, .. } => format!("blocked: {by}"),
        Why::NoFix | Why::Carried(_) | Why::Undecided(_) => why.to_string(),
    }
}

/// What moves, and from where to where.
fn step(moved: &Move) -> (String, String) {
    let versions = match (&moved.from, &moved.to) {
        (Some(from), Some(to)) if moved.is_down() => format!("{from} → {to} (older)"),
        (Some(from), Some(to)) => format!("{from} → {to}"),
        (None, Some(to)) => format!("none → {to}"),
        (Some(from), None) => format!("{from} → none"),
        (None, None) => String::new(),
    };
    (moved.name.to_string(), versions)
}

/// `clears CVE-1 HIGH and 17 more`.
fn cleared(change: &Change, name: &PackageName, ids: &[String]) -> String {
    let known = |id: &String| change.flaws.get(&(name.clone(), id.clone()));
    let worst = ids
        .iter()
        .max_by_key(|id| known(id).map(|it| (severity(it), it.score, std::cmp::Reverse((*id).clone()))));
    let Some(worst) = worst else { return String::new() };
    let rated = known(worst).map(|it| format!(" {}", word(it))).unwrap_or_default();
    let rated = format!("{rated}{}", inside(change, name, worst));
    match ids.len().saturating_sub(1) {
        0 => format!("clears {worst}{rated}"),
        more => format!("clears {worst}{rated} + {more} more"),
    }
}

/// ` in openssl 1.1.1k`, where a vulnerability is not one of the package itself.
fn inside(change: &Change, name: &PackageName, id: &str) -> String {
    let library = change.libraries.get(&(name.clone(), id.to_owned()));
    library.map(|library| format!(" in {library}")).unwrap_or_default()
}

/// `CVE-1 HIGH`.
fn rated(change: &Change, flawed: &Flawed) -> String {
    let id = &flawed.flaw.id;
    let word = match change.flaws.get(&(flawed.name.clone(), id.clone())) {
        Some(known) => word(known),
        None => flawed.flaw.severity.as_str().to_ascii_uppercase(),
    };
    format!("{id} {word}")
}

fn word(vulnerability: &Vulnerability) -> String {
    if vulnerability.malicious {
        return "MALICIOUS".to_owned();
    }
    severity(vulnerability).as_str().to_ascii_uppercase()
}

/// Adds a text with a word in front, wrapped at the width; further lines stand below the text.
fn wrapped(out: &mut String, first: &str, text: &str, width: usize) {
    let indent = first.chars().count();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        let room = line.chars().count().saturating_add(word.chars().count()).saturating_add(1);
        if !is_empty && room > width {
            let _ = writeln!(out, "{}", line.trim_end());
            line = " ".repeat(indent.max(4));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
