//! `weighbridge why`: every way by which a package, library, advisory or file came in, shortest first, with what each
//! step asked for and the one step without which most of it is gone; or what stands on it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use weighbridge_advisory::pep440::is_same;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::finding::Subject;
use weighbridge_core::graph::{Condition, Edge, Graph, Node, NodeId, NodeKind, Relation, Routes, Terms};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Place;
use weighbridge_core::purl::Purl;
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
    let weigh = settings::unjudged(global, &why.weighing, &why.resolving, &why.target, setup)?;
    end_on_interrupt(Some(weigh.context.cancel.clone()))?;
    let report = scan::weigh(&weigh, &why.resolving, setup, printer)?;
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
    let text = if why.invert { invert(&report.graph, &found) } else { tell(&report.graph, &found, most) };
    let text = printable(&text);
    printer.out(|out| out.write_all(text.as_bytes()))?;
    Ok(Exit::Pass)
}

/// The nodes that bear the name, lie at the path, or have the vulnerability.
fn find(report: &Report, asked: &str) -> BTreeSet<NodeId> {
    let mut found: BTreeSet<NodeId> = report
        .graph
        .nodes
        .iter()
        .filter(|(id, node)| is_called(asked, id, node))
        .map(|(id, _)| id.clone())
        .collect();
    for finding in &report.findings {
        let Some(vulnerability) = &finding.vulnerability else { continue };
        let names = std::iter::once(&vulnerability.name)
            .chain(&vulnerability.aliases)
            .chain(vulnerability.records.iter().map(|record| &record.id));
        if names.into_iter().any(|name| name.eq_ignore_ascii_case(asked))
            && let Subject::Node(id) = &finding.subject
        {
            found.insert(id.clone());
        }
    }
    found
}

/// Whether people may call the node so.
fn is_called(asked: &str, id: &NodeId, node: &Node) -> bool {
    match (id, &node.kind) {
        (NodeId::Component(purl), NodeKind::Component(component)) => {
            if asked.starts_with("pkg:") {
                return asked == purl.as_str()
                    || asked == purl.without_version()
                    || Purl::parse(asked).is_some_and(|(.., asked)| {
                        let versions = asked.version().zip(purl.version());
                        asked.without_version() == purl.without_version()
                            && versions.is_some_and(|(one, two)| is_version(&one, &two, component.ecosystem))
                    });
            }
            let parts = asked.split_once("==").or_else(|| asked.split_once('@'));
            let (name, version) = parts.map_or((asked, None), |(name, it)| (name, Some(it)));
            PackageName::of(component.ecosystem, name).is_ok_and(|name| name == component.name)
                && version.is_none_or(|asked| {
                    component
                        .version
                        .as_deref()
                        .is_some_and(|known| is_version(asked, known, component.ecosystem))
                })
        }
        (NodeId::Artifact(digest), NodeKind::Artifact { places, .. }) => {
            let digest = digest.to_string();
            let ends = |place: &Place| {
                let text = place.to_string();
                [&*place.path, &text].into_iter().any(|path| is_end(path, asked))
            };
            asked.strip_prefix("sha256:").is_some_and(|start| start.len() >= 6 && digest.starts_with(start))
                || places.iter().any(ends)
        }
        _ => false,
    }
}

/// Whether people may write a version so: `2022.12.07` is `2022.12.7`.
fn is_version(asked: &str, known: &str, ecosystem: Ecosystem) -> bool {
    asked == known || ecosystem == Ecosystem::PyPi && is_same(asked, known)
}

/// Whether whole parts of the path end so; `./` before it says nothing.
fn is_end(path: &str, asked: &str) -> bool {
    let asked = asked.trim_start_matches("./");
    !asked.is_empty() && path.strip_suffix(asked).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
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
        let _ = writeln!(text, "{}  {count}", title(graph, id));
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
    cut(graph, &routes, found, &mut text);
    text
}

/// The label and the identity; of a digest what tells it from others.
fn title(graph: &Graph, id: &NodeId) -> String {
    let identity = match id {
        NodeId::Artifact(digest) => format!("sha256:{}…", digest.to_string().get(..12).unwrap_or_default()),
        other => other.to_string(),
    };
    format!("{}  {identity}", graph.label(id))
}

/// The one step that ends most, where there is a choice.
fn cut(graph: &Graph, routes: &Routes<'_>, found: &BTreeSet<NodeId>, text: &mut String) {
    let mut ends = found.iter().filter(|id| routes.distance(id).is_some_and(|steps| steps > 0));
    let reached = ends.clone().count();
    // Of what one thing brings in, and that a root, there is nothing to choose.
    let has_choice = |id: &NodeId| routes.distance(id) != Some(1) || routes.requirers(id).count() > 1;
    if reached == 0 || (reached == 1 && !ends.any(has_choice)) {
        return;
    }
    let _ = match routes.cut(found) {
        None => writeln!(text, "\n= no single step ends it: there are ways that share none"),
        Some(cut) => {
            let step = format!("{} → {}", graph.label(cut.from), graph.label(cut.to));
            match (cut.gone, reached) {
                (_, 1) => writeln!(text, "\n= without {step} it is gone"),
                (gone, all) if gone == all => writeln!(text, "\n= without {step} all {all} are gone"),
                (gone, all) => writeln!(text, "\n= without {step} most are gone: {gone} of {all}"),
            }
        }
    };
}

/// Who brings each in, as a tree; what was told once is not told again.
fn invert<'f>(graph: &'f Graph, found: &'f BTreeSet<NodeId>) -> String {
    let routes = graph.routes();
    let mut text = String::new();
    for (number, id) in found.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        let _ = writeln!(text, "{}", title(graph, id));
        let mut told = BTreeSet::from([id]);
        // Who is told next, on whom it stands, and how deep.
        let mut open: Vec<(&'f NodeId, &'f NodeId, usize)> = Vec::new();
        let push = |open: &mut Vec<(&'f NodeId, &'f NodeId, usize)>, on: &'f NodeId, depth| {
            open.extend(routes.requirers(on).rev().map(|by| (by, on, depth)));
        };
        push(&mut open, id, 1);
        while let Some((by, on, depth)) = open.pop() {
            let again = !told.insert(by);
            let has_more = routes.requirers(by).next().is_some();
            let above = if again && has_more { "  (above)" } else { "" };
            let condition = conditions(graph, by, on);
            let _ = writeln!(
                text,
                "{:indent$}← {}{condition}{above}",
                "",
                graph.label(by),
                indent = 2 * depth.min(20)
            );
            if !again {
                push(&mut open, by, depth.saturating_add(1));
            }
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
    let Terms { specifier, extras, marker, through } = &*edge.condition;
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
