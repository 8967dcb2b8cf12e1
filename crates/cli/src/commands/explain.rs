//! `weighbridge explain`: the page of a rule.

use weighbridge_core::rule::Rule;

use crate::errors::{Failure, nearest};
use crate::exit::Exit;
use crate::printer::Printer;

/// Runs the command.
pub(super) fn run(asked: &str, printer: &Printer) -> Result<Exit, Failure> {
    let rule = find(asked)?;
    printer.out(|out| {
        writeln!(out, "{}\n", rule.docs.trim())?;
        write!(out, "{}: {}, severity {}, since {}", rule.id, rule.title, rule.severity, rule.since)?;
        let maps_to = rule.maps_to.join(", ");
        if maps_to.is_empty() { writeln!(out) } else { writeln!(out, ", maps to {maps_to}") }
    })?;
    Ok(Exit::Pass)
}

/// The rule with this id or name, in any case of letters.
fn find(asked: &str) -> Result<&'static Rule, Failure> {
    let fits = |rule: &&Rule| rule.id.eq_ignore_ascii_case(asked) || rule.name.eq_ignore_ascii_case(asked);
    if let Some(rule) = weighbridge_check::rules().find(fits) {
        return Ok(rule);
    }
    let failure = Failure::usage(format!("there is no rule `{asked}`"));
    let known: Vec<String> =
        weighbridge_check::rules().flat_map(|rule| [rule.id.to_owned(), rule.name.to_owned()]).collect();
    let advisory = ["CVE-", "GHSA-", "PYSEC-", "OSV-", "MAL-"]
        .iter()
        .any(|prefix| asked.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)));
    Err(if advisory {
        failure.hint(format!("`weighbridge why {asked}` shows by which ways an advisory concerns you"))
    } else if let Some(near) = nearest(asked, &known) {
        failure.hint(format!("did you mean `{near}`?"))
    } else {
        failure.hint("`weighbridge rules` lists them all")
    })
}
