//! `weighbridge rules`: the list of all rules.

use serde::Serialize;
use weighbridge_core::rule::Rule;

use crate::args::ListFormat;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::Printer;

/// A rule as programs get it.
#[derive(Serialize)]
struct Row {
    id: &'static str,
    name: &'static str,
    title: &'static str,
    severity: &'static str,
    since: &'static str,
    maps_to: &'static [&'static str],
}

impl From<&Rule> for Row {
    fn from(rule: &Rule) -> Self {
        Self {
            id: rule.id,
            name: rule.name,
            title: rule.title,
            severity: rule.severity.as_str(),
            since: rule.since,
            maps_to: rule.maps_to,
        }
    }
}

/// Runs the command.
pub(super) fn run(format: ListFormat, printer: &Printer) -> Result<Exit, Failure> {
    printer.out(|out| match format {
        ListFormat::Human => {
            let longest = weighbridge_check::rules().map(|rule| rule.name.len()).max().unwrap_or(0);
            for rule in weighbridge_check::rules() {
                writeln!(out, "{}  {:<8}  {:<longest$}  {}", rule.id, rule.severity, rule.name, rule.title)?;
            }
            Ok(())
        }
        ListFormat::Json => {
            let rows: Vec<Row> = weighbridge_check::rules().map(Row::from).collect();
            serde_json::to_writer_pretty(&mut *out, &rows)?;
            writeln!(out)
        }
    })?;
    Ok(Exit::Pass)
}
