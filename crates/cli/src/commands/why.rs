//! `weighbridge why`: every way by which a package or an advisory came in, shortest first, with what each step asked for.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use weighbridge_core::graph::{Condition, Edge, Graph, NodeId, Relation};
use weighbridge_core::name::PackageName;
use weighbridge_core::renderer::Show;
use weighbridge_core::report::Report;

use super::{end_on_interrupt, scan};
use crate::args::{Global, Why};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::{Printer, printable};
use crate::settings;
use crate::setup::Setup;

/// Runs the command.
pub(super) fn run(global: &Global, why: &Why, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    let weigh = settings::unjudged(global, &why.weighing, &why.target, setup)?;
    end_on_interrupt(Some(weigh.context.cancel.clone()))?;
    let report = scan::weigh(&weigh, setup, printer)?;
    let found = find(&report, &why.name);
    if found.is_empty() {
        let target = why.target.to_string_lossy();
        let failure = Failure::new(Exit::Nothing, format!("nothing in `{target}` is or has `{}`", why.name));
        let unread = report.coverage.unread.len();
        return Err(if unread > 0 {
            failure.hint(format!("{unread} places could not be read; `weighbridge scan` names them"))
        } else {
            failure
        });
    }
    let most = match why.show {
        Show::First(most) => most,
        Show::All => usize::MAX,
    };
    let text = printable(&tell(&report.graph, &found, most));
    printer.out(|out| out.write_all(text.as_bytes()))?;
    Ok(Exit::Pass)
}

/// The components that bear the name, or that have the vulnerability.
fn find(report: &Report, asked: &str) -> BTreeSet<NodeId> {
    let mut found = BTreeSet::new();
    if let Ok(name) = PackageName::new(asked) {
        found.extend(
            report
                .graph
                .components()
                .filter(|(_, component)| component.name == name)
                .map(|(id, _)| id.clone()),
        );
    }
    for finding in &report.findings {
        let Some(vulnerability) = &finding.vulnerability else { continue };
        let names = std::iter::once(&vulnerability.name)
            .chain(&vulnerability.aliases)
            .chain(vulnerability.records.iter().map(|record| &record.id));
        if names.into_iter().any(|name| name.eq_ignore_ascii_case(asked))
            && let weighbridge_core::finding::Subject::Node(id) = &finding.subject
        {
            found.insert(id.clone());
        }
    }
    found
}

fn tell(graph: &Graph, found: &BTreeSet<NodeId>, most: usize) -> String {
    let routes = graph.routes();
    let mut text = String::new();
    for (number, id) in found.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        let paths = routes.paths(id, most);
        let count = match (paths.paths.len(), paths.more) {
            (0, _) => "no way leads to it".to_owned(),
            (1, false) => "1 way".to_owned(),
            (shown, false) => format!("{shown} ways, shortest first"),
            (shown, true) => format!("the {shown} shortest of more ways (`--show`)"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}  {id}  {count}", graph.label(id));
        for path in &paths.paths {
            text.push_str("\n  ");
            for (step, node) in path.iter().enumerate() {
                if let Some(from) = step.checked_sub(1).and_then(|before| path.get(before)) {
                    let _ = write!(text, "\n{:indent$}→ ", "", indent = 2 + 2 * step.min(20));
                    let _ = write!(text, "{}{}", graph.label(node), conditions(graph, from, node));
                } else {
                    text.push_str(&graph.label(node));
                }
            }
            text.push('\n');
        }
    }
    text
}

/// What stands on the edges between two nodes: each way of asking for the second.
fn conditions(graph: &Graph, from: &NodeId, to: &NodeId) -> String {
    let first = Edge {
        from: from.clone(),
        to: to.clone(),
        relation: Relation::Contains,
        condition: Condition::default(),
    };
    let between: BTreeSet<String> = graph
        .edges
        .range(&first..)
        .map(|(edge, _)| edge)
        .take_while(|edge| edge.from == *from && edge.to == *to)
        .map(describe)
        .filter(|text| !text.is_empty())
        .collect();
    let between: Vec<String> = between.into_iter().collect();
    if between.is_empty() { String::new() } else { format!("   {}", between.join("  or  ")) }
}

fn describe(edge: &Edge) -> String {
    let Condition { specifier, extras, marker, through } = &edge.condition;
    let mut parts = Vec::new();
    match edge.relation {
        Relation::Vendors => parts.push("carried inside".to_owned()),
        Relation::Links => parts.push("linked".to_owned()),
        Relation::Contains | Relation::DependsOn => {}
    }
    if edge.relation == Relation::DependsOn {
        let extras: Vec<&str> = extras.iter().map(PackageName::as_str).collect();
        let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
        let specifier = if specifier.is_empty() { "any version" } else { specifier };
        parts.push(format!("{extras}{specifier}"));
    }
    parts.extend(through.iter().map(|through| format!("by {through}")));
    parts.extend(marker.iter().map(|marker| format!("if {marker}")));
    parts.join(", ")
}
