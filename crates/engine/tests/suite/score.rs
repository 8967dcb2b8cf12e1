//! The score page: how many cases of each technique are right, for Weighbridge and for the peers.
//!
//! Weighbridge's figures are those of the run that writes the page; the peers' stand in a committed file, which
//! `cargo xtask score --peers` measures. `cargo xtask score` writes the page, and a test compares it.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::{CASES, Case, Expect, ORDINARY, TECHNIQUES, run};

/// Set to write the page instead of comparing it.
const WRITE: &str = "WEIGHBRIDGE_SUITE_SCORE";

/// The suites may grow; they may not shrink below this.
const LEAST_EVASIVE: usize = 900;
const LEAST_BENIGN: usize = 320;

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every technique must have cases that trigger and ones that must not, and every case must be right.
pub(crate) fn floor() {
    let count = |row: Option<u8>, evasive: bool| {
        let cases = CASES.iter().map(|(case, _)| case);
        cases.filter(|case| case.is_evasive() == evasive && row.is_none_or(|row| row == case.row)).count()
    };
    assert!(count(None, true) >= LEAST_EVASIVE, "only {} evasive cases", count(None, true));
    assert!(count(None, false) >= LEAST_BENIGN, "only {} benign cases", count(None, false));
    for row in 1..=34 {
        let (evasive, benign) = (count(Some(row), true), count(Some(row), false));
        assert!(evasive >= 2 && benign >= 2, "row {row}: {evasive} evasive and {benign} benign cases");
    }
    let wrong: Vec<String> =
        CASES.iter().filter(|(case, _)| !is_right(case)).map(|(case, _)| case.id()).collect();
    assert!(wrong.is_empty(), "not right: {}", wrong.join(", "));
}

/// Compares the committed page with that of this run, or writes it.
pub(crate) fn page() {
    let path = project().join("docs/score.md");
    let text = render(&Peers::read());
    if env::var_os(WRITE).is_some() {
        fs::write(path, text).unwrap();
        return;
    }
    let Ok(committed) = fs::read_to_string(path) else { return };
    assert!(committed == text, "docs/score.md is stale; run `cargo xtask score`");
}

fn is_right(case: &Case) -> bool {
    let known = CASES.iter().find(|(known, _)| std::ptr::eq(known, case));
    known.is_some_and(|(case, outcome)| outcome.get_or_init(|| run::run(case)).judged.is_ok())
}

/// What the peers said.
struct Peers {
    /// Name, version, the day of the measurement, and the command.
    tools: Vec<[String; 4]>,
    /// By case and tool, `flag`, `clean` or `err`; only of cases that have not changed since.
    verdicts: BTreeMap<(String, String), String>,
    /// Peers that could not be installed, and why.
    missing: Vec<String>,
}

impl Peers {
    fn read() -> Self {
        let text = fs::read(project().join("docs/data/peers-score.json")).unwrap();
        let data: Value = serde_json::from_slice(&text).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let list = |name: &str| data[name].as_array().unwrap().clone();
        let tools = list("peers");
        let tools = tools
            .iter()
            .map(|tool| ["name", "version", "measured", "command"].map(|key| text(&tool[key])))
            .collect();
        let mut verdicts = BTreeMap::new();
        for (case, _) in CASES.iter() {
            let known = &data["cases"][case.id()];
            if known["digest"].as_str() == Some(&run::digest(case)) {
                for (tool, verdict) in known["verdicts"].as_object().unwrap() {
                    verdicts.insert((case.id(), tool.clone()), text(verdict));
                }
            }
        }
        Self { tools, verdicts, missing: list("missing").iter().map(text).collect() }
    }

    fn verdict(&self, case: &Case, tool: &str) -> Option<&str> {
        self.verdicts.get(&(case.id(), tool.to_owned())).map(String::as_str)
    }
}

/// Whether a verdict is the right one. Where the best answer is that there is none, an error is as good.
fn is_right_verdict(case: &Case, verdict: &str) -> bool {
    match &case.expect {
        Expect::Harmless => verdict == "clean",
        Expect::Incomplete(_) => verdict != "clean",
        _ => verdict == "flag",
    }
}

fn render(peers: &Peers) -> String {
    let mut page = String::from(
        "# Score\n\n<!-- Written by `cargo xtask score`; do not edit. -->\n\n\
         The evasion suite holds files that do something when they are loaded and try not to look like it; the benign \
         suite holds files that look alike and are harmless. Both are built by the code in `crates/engine/tests/suite`, \
         a few readable lines a case, and follow the table of techniques that the rows below name.\n\n\
         The cases are ours, and Weighbridge is mended until it is right on them: its own columns say that nothing has got \
         worse, not that nothing is missed. What the columns beside them say is which techniques today's tools miss, and \
         on which harmless files they raise an alarm. They are general tools as well, of which some do not claim to read \
         all of these formats.\n\n\
         Weighbridge is right about an evasive case when it flags it for the reason that the case is about, and about a \
         benign one when it has nothing to say at all: no finding of any severity, no gap. It is run as with \
         `--fail-on medium`: what is only untrusted does not fail a scan by default. A peer is right when its exit code \
         is 1 for an evasive case and 0 for a benign one. A few cases are bombs, on which the best answer is that there is \
         none; there an error counts as right.\n\n",
    );
    totals(&mut page, peers).unwrap();
    table(&mut page, peers, true).unwrap();
    table(&mut page, peers, false).unwrap();
    page.push_str(
        "Measure the peers yourself: `cargo xtask score --peers` (needs Python 3 and a package index).\n",
    );
    page
}

fn totals(page: &mut String, peers: &Peers) -> std::fmt::Result {
    let cases =
        |evasive: bool| CASES.iter().map(|(case, _)| case).filter(move |it| it.is_evasive() == evasive);
    let (evasive, benign) = (cases(true).count(), cases(false).count());
    writeln!(
        page,
        "| tool | command | measured | evasive, of {evasive}: right | no answer | missed | benign, of {benign}: right | \
         no answer | alarms |\n|---|---|---|--:|--:|--:|--:|--:|--:|"
    )?;
    let ours = |evasive: bool| cases(evasive).filter(|case| is_right(case)).count();
    let version = env!("CARGO_PKG_VERSION");
    let command = "weighbridge scan --fail-on medium PATH";
    writeln!(
        page,
        "| weighbridge {version} | `{command}` | with this page | {} | 0 | {} | {} | 0 | {} |",
        ours(true),
        evasive - ours(true),
        ours(false),
        benign - ours(false)
    )?;
    for [name, version, measured, command] in &peers.tools {
        write!(page, "| {name} {version} | `{command}` | {measured} ")?;
        for evasive in [true, false] {
            let mut counts = [0; 3];
            for case in cases(evasive) {
                match peers.verdict(case, name) {
                    Some(verdict) if is_right_verdict(case, verdict) => counts[0] += 1,
                    Some("err") => counts[1] += 1,
                    Some(_) => counts[2] += 1,
                    None => {}
                }
            }
            write!(page, "| {} | {} | {} ", counts[0], counts[1], counts[2])?;
        }
        page.push_str("|\n");
    }
    page.push('\n');
    for missing in &peers.missing {
        writeln!(page, "Not measured: {missing}.\n")?;
    }
    let unknown = |case: &&Case| peers.tools.iter().any(|tool| peers.verdict(case, &tool[0]).is_none());
    let unknown = CASES.iter().map(|(case, _)| case).filter(unknown).count();
    if unknown > 0 {
        writeln!(
            page,
            "{unknown} cases are newer than the measurement of the peers, and count for none of them.\n"
        )?;
    }
    let misses = |case: &&Case, tool: &str| {
        peers.verdict(case, tool).is_some_and(|verdict| !is_right_verdict(case, verdict))
    };
    let alone = cases(true).filter(|case| peers.tools.iter().all(|tool| misses(case, &tool[0])));
    let alone = alone.count();
    writeln!(page, "{alone} of the {evasive} evasive cases are flagged by none of the peers.\n")
}

fn table(page: &mut String, peers: &Peers, evasive: bool) -> std::fmt::Result {
    let title = if evasive { "Evasive cases that are flagged" } else { "Benign cases that pass" };
    write!(page, "## {title}\n\n| | technique | cases | weighbridge ")?;
    for [name, ..] in &peers.tools {
        write!(page, "| {name} ")?;
    }
    writeln!(page, "|\n|--:|---|--:|--:{}|", "|--:".repeat(peers.tools.len()))?;
    for (row, technique) in (0..).zip(TECHNIQUES) {
        let cases = || {
            CASES.iter().map(|(case, _)| case).filter(move |it| it.row == row && it.is_evasive() == evasive)
        };
        let count = cases().count();
        if count == 0 {
            continue;
        }
        let number = if row == ORDINARY { String::new() } else { row.to_string() };
        let ours = cases().filter(|case| is_right(case)).count();
        write!(page, "| {number} | {technique} | {count} | {ours} ")?;
        for [name, ..] in &peers.tools {
            let right = cases().filter(|case| {
                peers.verdict(case, name).is_some_and(|verdict| is_right_verdict(case, verdict))
            });
            write!(page, "| {} ", right.count())?;
        }
        page.push_str("|\n");
    }
    page.push('\n');
    Ok(())
}
