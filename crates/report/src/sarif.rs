//! SARIF 2.1.0, for code scanning services and editors.
//!
//! Levels: critical and high are errors, medium a warning, low a note. A baseline sets `baselineState`, an ignore a
//! suppression; what was not read is a notification, and the invocation counts as unsuccessful then.

use std::collections::BTreeMap;
use std::io;

use weighbridge_core::coverage::Gap;
use weighbridge_core::digest::Digest;
use weighbridge_core::finding::{Finding, Severity, Status, Subject};
use weighbridge_core::knowledge::Epss;
use weighbridge_core::place::{Place, Span};
use weighbridge_core::renderer::{Renderer, Style};
use weighbridge_core::report::{Artifact, Note, Report, Verdict};
use weighbridge_core::rule::Rule;

use crate::page;
use crate::text::{escape, uri};
use crate::tree::{Tree, object};
use crate::words;

/// See the module.
pub(crate) struct Sarif;

impl Renderer for Sarif {
    fn id(&self) -> &'static str {
        "sarif"
    }

    fn title(&self) -> &'static str {
        "SARIF 2.1.0, for code scanning services and editors"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[".sarif.json", ".sarif"]
    }

    fn render(&self, report: &Report, style: &Style, output: &mut dyn io::Write) -> io::Result<()> {
        let rules: BTreeMap<&str, &Rule> =
            report.findings.iter().map(|finding| (finding.rule.id, finding.rule)).collect();
        let index = |finding: &Finding| rules.keys().position(|id| *id == finding.rule.id);
        let against_baseline = report.findings.iter().any(|finding| finding.status == Status::Baseline);
        let results: Vec<Tree> =
            report.findings.iter().map(|it| result(report, it, index(it), against_baseline)).collect();
        let unread = report.coverage.unread.iter().map(not_read).collect();
        let complete = report.coverage.unread.is_empty() && report.verdict != Verdict::Incomplete;
        let run = object! {
            "tool": object! {
                "driver": object! {
                    "name": "Weighbridge",
                    "version": env!("CARGO_PKG_VERSION"),
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": rules.values().map(|it| rule(it, style)).collect::<Vec<_>>(),
                },
            },
            "invocations": vec![object! {
                "executionSuccessful": complete,
                "exitCode": u64::from(report.verdict.exit_code()),
                "exitCodeDescription": report.verdict.as_str(),
                "toolExecutionNotifications": Tree::some(unread),
                "toolConfigurationNotifications": Tree::some(report.notes.iter().map(note).collect()),
            }],
            "artifacts": Tree::some(report.artifacts.iter().map(artifact).collect()),
            "results": results,
            "columnKind": "utf16CodeUnits",
            "properties": object! {
                "verdict": report.verdict.as_str(),
                "today": report.today.to_string(),
                "advisories": report.advisories.as_of.to_string(),
                "tables": report.tables.to_owned(),
            },
        };
        let log = object! {
            "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
            "version": "2.1.0",
            "runs": vec![run],
        };
        log.write(output)
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// A number from which code scanning services derive their own severity, inside the CVSS range of ours.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
    }
}

fn rule(rule: &Rule, style: &Style) -> Tree {
    let docs = if rule.docs.is_empty() { rule.title } else { rule.docs };
    let tags = std::iter::once("security").chain(rule.maps_to.iter().copied());
    object! {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": object! { "text": rule.title },
        "help": object! { "text": docs, "markdown": docs },
        "helpUri": page(style.docs, rule),
        "defaultConfiguration": object! { "level": level(rule.severity) },
        "properties": object! {
            "tags": Tree::texts(tags),
            "security-severity": score(rule.severity),
            "since": rule.since,
        },
    }
}

fn result(report: &Report, finding: &Finding, index: Option<usize>, against_baseline: bool) -> Tree {
    let vulnerability = finding.vulnerability.as_deref();
    let severity = match vulnerability.and_then(|it| it.score) {
        Some(tenths) => format!("{}.{}", tenths / 10, tenths % 10),
        None => score(finding.severity).to_owned(),
    };
    let advisory = vulnerability.map(|it| {
        let records = it.records.iter().map(|record| &record.id);
        let mut names: Vec<&String> = std::iter::once(&it.name).chain(records).chain(&it.aliases).collect();
        names.sort_unstable();
        names.dedup();
        Tree::List(Tree::texts(names))
    });
    let paths = finding.paths.paths.iter();
    let paths: Vec<Tree> =
        paths.map(|path| Tree::List(Tree::texts(path.iter().map(|id| report.graph.label(id))))).collect();
    let offset = match report.location(finding) {
        Some((_, Some(Span::Offset(offset)))) => Some(*offset),
        _ => None,
    };
    let state = match (&finding.status, against_baseline) {
        (Status::Baseline, _) => Some("unchanged"),
        (_, true) => Some("new"),
        (_, false) => None,
    };
    object! {
        "ruleId": finding.rule.id,
        "ruleIndex": index.and_then(|index| u64::try_from(index).ok()),
        "level": level(finding.severity),
        "message": object! { "text": message(report, finding) },
        "locations": vec![location(report, finding)],
        "partialFingerprints": object! { "weighbridge/v1": finding.fingerprint.as_str() },
        "suppressions": suppression(finding).map(|it| vec![it]),
        "baselineState": state,
        "properties": object! {
            "severity": finding.severity.as_str(),
            "confidence": finding.confidence.as_str(),
            "security-severity": severity,
            "offset": offset,
            "advisory": advisory,
            "epss": vulnerability.and_then(|it| it.epss).map(|it| {
                format!("{}.{:05}", it.score / Epss::ONE, it.score % Epss::ONE)
            }),
            "paths": Tree::some(paths),
        },
    }
}

/// Title, details, the way it came in and the remedy, a line each.
fn message(report: &Report, finding: &Finding) -> String {
    let mut lines = vec![words::title(report, finding)];
    lines.extend(finding.details.iter().map(|detail| escape(detail)));
    let path = words::path(report, finding);
    if !path.is_empty() {
        let others = words::other_paths(finding).map(|others| format!(" ({others})")).unwrap_or_default();
        lines.push(format!("{}{others}", path.join(" → ")));
    }
    lines.extend(finding.remedy.as_ref().map(|remedy| format!("Fix: {}", escape(&remedy.to_string()))));
    // `[text](target)` is a link in a SARIF message (section 3.11.6); foreign text must not make one.
    lines.join("\n").replace("](", "] (")
}

/// Where the finding shows. Services refuse a whole report for one result without a location: the target itself stands
/// for what lies nowhere in particular.
fn location(report: &Report, finding: &Finding) -> Tree {
    let target = Place::file(".");
    let (place, span) = report.location(finding).unwrap_or((&target, None));
    let (name, kind) = match &finding.subject {
        Subject::Node(id) => (id.to_string(), "package"),
        Subject::Place(place) => (place.to_string(), "member"),
    };
    object! {
        "physicalLocation": physical(place, span),
        "logicalLocations": vec![object! { "fullyQualifiedName": escape(&name), "kind": kind }],
    }
}

fn physical(place: &Place, span: Option<&Span>) -> Tree {
    // Code scanning services show nothing without a line, not even of a binary file, and none shows byte offsets.
    let line = match span {
        Some(Span::Line(line)) => *line,
        Some(Span::Offset(_)) | None => 1,
    };
    object! {
        "artifactLocation": object! { "uri": uri(&place.path) },
        "region": object! { "startLine": line },
    }
}

fn suppression(finding: &Finding) -> Option<Tree> {
    let (reason, until) = finding.status.decision()?;
    Some(object! {
        "kind": "external",
        "status": "accepted",
        "justification": reason,
        "properties": until.map(|until| object! { "until": until.to_string() }),
    })
}

fn artifact(artifact: &Artifact) -> Tree {
    object! {
        "location": object! { "uri": uri(&artifact.place.path) },
        "length": i64::try_from(artifact.size).is_ok().then_some(artifact.size),
        "hashes": artifact.digest.map(|digest: Digest| object! { "sha-256": digest.to_string() }),
        "properties": object! { "format": artifact.format, "verdict": artifact.safety.as_str() },
    }
}

fn not_read(gap: &Gap) -> Tree {
    object! {
        "level": "warning",
        "message": object! { "text": format!("not read: {}", escape(&gap.to_string())) },
        "locations": vec![object! { "physicalLocation": physical(&gap.place, gap.span.as_ref()) }],
    }
}

fn note(note: &Note) -> Tree {
    let location = note.location.as_deref().and_then(|location| location.rsplit_once(':'));
    let location = location.and_then(|(file, line)| Some((file, line.parse::<u32>().ok()?)));
    let location = location.map(|(file, line)| {
        vec![object! { "physicalLocation": physical(&Place::file(file), Some(&Span::Line(line))) }]
    });
    object! { "level": "note", "message": object! { "text": escape(&note.message) }, "locations": location }
}
