//! From the inner report to the wire. Decides nothing: every field is copied or counted.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::coverage::{Gap, Unread};
use crate::date::Date;
use crate::digest::Digest;
use crate::fact::{Origin, Target};
use crate::finding::{Confidence, Finding, Remedy, Severity, Status, Subject};
use crate::graph::{self, Graph, Node, NodeId, NodeKind, Paths, Relation, Routes};
use crate::knowledge::{Epss, Imported, Matched, Vulnerability};
use crate::place::{Evidence, EvidenceSet, Place, Span};
use crate::report::{Artifact, JudgedEffect, Report, Safety, Verdict};

use super::Told;

/// Most paths told for one component; a finding tells as many as its check looked for.
const MOST_PATHS: usize = 8;

impl<'r> From<&'r Report> for super::Report<'r> {
    fn from(report: &'r Report) -> Self {
        let nodes = || report.graph.nodes.iter();
        let (routes, direct) = (report.graph.routes(), direct(&report.graph));
        let known = Rc::new((routes, direct));
        let components = move || {
            let known = Rc::clone(&known);
            nodes().filter_map(move |(id, node)| component(&report.graph, &known.0, &known.1, id, node))
        };
        Self {
            schema: super::SCHEMA,
            tool: super::Tool { name: "weighbridge", version: env!("CARGO_PKG_VERSION") },
            subject: report.subject.clone(),
            verdict: verdict(report.verdict),
            exit_code: report.verdict.exit_code(),
            fail_on: severity(report.fail_on),
            fail_on_epss: report.fail_on_epss.map(part),
            as_of: super::AsOf {
                today: report.today.to_string(),
                advisories: report.advisories.as_of.to_string(),
                source: report.advisories.source.clone(),
                records: report.advisories.records,
                imported: report.advisories.imported.iter().map(imported).collect(),
                tables: report.tables.to_owned(),
            },
            artifacts: Told::new(|| report.artifacts.iter().map(artifact)),
            roots: Told::new(move || nodes().filter_map(|(id, node)| root(id, &node.kind))),
            components: Told::new(components),
            files: Told::new(move || nodes().filter_map(|(id, node)| file(id, &node.kind))),
            edges: Told::new(|| report.graph.edges.iter().map(|(it, evidence)| edge(it, evidence))),
            findings: Told::new(|| report.findings.iter().map(|it| finding(report, it))),
            coverage: super::Coverage {
                read: report.coverage.read,
                bytes: report.coverage.bytes,
                unread: report.coverage.unread.iter().map(unread).collect(),
                excluded: report.coverage.excluded.clone(),
            },
            notes: report
                .notes
                .iter()
                .map(|note| super::Note { message: note.message.clone(), location: note.location.clone() })
                .collect(),
            totals: totals(report),
        }
    }
}

fn imported(data: &Imported) -> super::Imported {
    super::Imported { name: data.name.clone(), as_of: data.as_of.to_string(), records: data.records }
}

/// Hundred-thousandths as a part of one.
fn part(of: u32) -> f64 {
    f64::from(of) / f64::from(Epss::ONE)
}

fn verdict(verdict: Verdict) -> super::Verdict {
    match verdict {
        Verdict::Pass => super::Verdict::Pass,
        Verdict::Fail => super::Verdict::Fail,
        Verdict::Incomplete => super::Verdict::Incomplete,
    }
}

impl From<Severity> for super::Severity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Low => Self::Low,
            Severity::Medium => Self::Medium,
            Severity::High => Self::High,
            Severity::Critical => Self::Critical,
        }
    }
}

fn severity(severity: Severity) -> super::Severity {
    severity.into()
}

fn confidence(confidence: Confidence) -> super::Confidence {
    match confidence {
        Confidence::Low => super::Confidence::Low,
        Confidence::Medium => super::Confidence::Medium,
        Confidence::High => super::Confidence::High,
    }
}

fn safety(safety: Safety) -> super::Safety {
    match safety {
        Safety::Harmless => super::Safety::Harmless,
        Safety::Unread => super::Safety::Unread,
        Safety::Untrusted => super::Safety::Untrusted,
        Safety::Dangerous => super::Safety::Dangerous,
    }
}

fn steps(place: &Place) -> Vec<String> {
    place.inner.iter().map(ToString::to_string).collect()
}

fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

fn location(place: &Place, span: Option<&Span>) -> super::Location {
    let (line, offset) = match span {
        Some(Span::Line(line)) => (Some(*line), None),
        Some(Span::Offset(offset)) => (None, Some(*offset)),
        None => (None, None),
    };
    super::Location { path: place.path.to_string(), inner: steps(place), line, offset }
}

fn evidence(evidence: &EvidenceSet) -> Vec<super::Evidence> {
    let one = |it: &Evidence| super::Evidence {
        location: location(&it.place, it.span.as_ref()),
        reader: it.reader.to_owned(),
        class: it.class.as_str().to_owned(),
    };
    evidence.iter().map(one).collect()
}

fn artifact(artifact: &Artifact) -> super::Artifact {
    super::Artifact {
        path: artifact.place.path.to_string(),
        inner: steps(&artifact.place),
        format: artifact.format.to_owned(),
        size: artifact.size,
        sha256: artifact.digest.as_ref().map(Digest::to_string),
        owner: artifact.owner.as_ref().map(ToString::to_string),
        verdict: safety(artifact.safety),
        effects: artifact.effects.iter().map(effect).collect(),
    }
}

fn effect(judged: &JudgedEffect) -> super::Effect {
    let effect = &judged.effect;
    let (module, name, on_result) = match &effect.target {
        Target::Global(global) => (Some(global.module.clone()), global.name.clone(), false),
        Target::ResultOf(global) => (Some(global.module.clone()), global.name.clone(), true),
        Target::Operator(operator) => (Some(operator.domain.clone()), operator.name.clone(), false),
        Target::Code { .. } | Target::Path(_) | Target::Unknown(_) => {
            (None, effect.target.to_string(), false)
        }
    };
    super::Effect {
        kind: effect.kind.as_str().to_owned(),
        module,
        name,
        on_result,
        arguments: texts(&effect.arguments),
        inner: steps(&judged.place),
        offset: match judged.span {
            Some(Span::Offset(offset)) => Some(offset),
            _ => None,
        },
        opcode: effect.opcode.to_owned(),
        pointer: effect.pointer.clone(),
        count: effect.count,
        sampled: effect.sampled,
        reached: effect.reached,
        verdict: safety(judged.safety),
        reason: judged.reason.clone(),
    }
}

fn root(id: &NodeId, kind: &NodeKind) -> Option<super::Root> {
    let (kind, name, version) = match kind {
        NodeKind::Project { name, version } => (super::RootKind::Project, name, version),
        NodeKind::Environment { name, python } => (super::RootKind::Environment, name, python),
        NodeKind::Component(_) | NodeKind::Artifact { .. } => return None,
    };
    Some(super::Root { id: id.to_string(), kind, name: name.clone(), version: version.clone() })
}

fn file(id: &NodeId, kind: &NodeKind) -> Option<super::File> {
    let (NodeId::Artifact(digest), NodeKind::Artifact { format, size, places }) = (id, kind) else {
        return None;
    };
    Some(super::File {
        sha256: digest.to_string(),
        size: *size,
        format: format.map(str::to_owned),
        places: places.iter().map(|place| location(place, None)).collect(),
    })
}

/// The components for which a project or environment asks itself.
fn direct(graph: &Graph) -> BTreeSet<&NodeId> {
    let is_root = |id: &NodeId| matches!(id, NodeId::Project(_) | NodeId::Environment(_));
    let asks = |edge: &&graph::Edge| edge.relation == Relation::DependsOn && is_root(&edge.from);
    graph.edges.keys().filter(asks).map(|edge| &edge.to).collect()
}

fn component(
    graph: &Graph,
    routes: &Routes<'_>,
    direct: &BTreeSet<&NodeId>,
    id: &NodeId,
    node: &Node,
) -> Option<super::Component> {
    let NodeKind::Component(component) = &node.kind else { return None };
    let ways = routes.paths(id, MOST_PATHS);
    Some(super::Component {
        purl: id.to_string(),
        name: component.name.to_string(),
        version: component.version.clone(),
        direct: direct.contains(id),
        installed: component.installed,
        licence: component.licence.clone(),
        origins: component.origins.iter().map(origin).collect(),
        digests: texts(&component.digests),
        paths: paths(graph, &ways),
        paths_truncated: ways.more,
        evidence: evidence(&node.evidence),
    })
}

fn paths(graph: &Graph, paths: &Paths) -> Vec<Vec<String>> {
    paths.paths.iter().map(|path| path.iter().map(|id| graph.label(id)).collect()).collect()
}

fn origin(origin: &Origin) -> super::Origin {
    let (kind, location, reference, pinned) = match origin {
        Origin::Index => (super::OriginKind::Index, None, None, None),
        Origin::System => (super::OriginKind::System, None, None, None),
        Origin::Url { url, pinned } => (super::OriginKind::Url, Some(url), None, Some(*pinned)),
        Origin::Vcs { url, reference, pinned } => {
            (super::OriginKind::Vcs, Some(url), reference.clone(), Some(*pinned))
        }
        Origin::Path { path, .. } => (super::OriginKind::Path, Some(path), None, None),
    };
    super::Origin { kind, location: location.cloned(), reference, pinned }
}

fn edge(edge: &graph::Edge, why: &EvidenceSet) -> super::Edge {
    super::Edge {
        from: edge.from.to_string(),
        to: edge.to.to_string(),
        relation: match edge.relation {
            Relation::Contains => super::Relation::Contains,
            Relation::DependsOn => super::Relation::DependsOn,
            Relation::Vendors => super::Relation::Vendors,
            Relation::Links => super::Relation::Links,
        },
        specifier: edge.condition.specifier.clone(),
        extras: texts(&edge.condition.extras),
        marker: edge.condition.marker.clone(),
        through: edge.condition.through.clone(),
        evidence: evidence(why),
    }
}

fn finding(report: &Report, finding: &Finding) -> super::Finding {
    super::Finding {
        rule: finding.rule.id.to_owned(),
        severity: severity(finding.severity),
        confidence: confidence(finding.confidence),
        title: finding.title.clone(),
        details: finding.details.clone(),
        subject: match &finding.subject {
            Subject::Node(id) => id.to_string(),
            Subject::Place(place) => place.path.to_string(),
        },
        location: report.location(finding).map(|(place, span)| location(place, span)),
        advisory: finding.vulnerability.as_deref().map(advisory),
        paths: paths(&report.graph, &finding.paths),
        paths_truncated: finding.paths.more,
        remedy: finding.remedy.as_ref().map(remedy),
        fingerprint: finding.fingerprint.as_str().to_owned(),
        status: match finding.status {
            Status::Open => super::Status::Open,
            Status::Baseline => super::Status::Baseline,
            Status::Ignored { .. } => super::Status::Ignored,
            Status::NotAffected { .. } => super::Status::NotAffected,
        },
        ignored: finding.status.decision().map(|(reason, until)| super::Ignored {
            reason: reason.to_owned(),
            until: until.as_ref().map(Date::to_string),
        }),
    }
}

fn advisory(vulnerability: &Vulnerability) -> super::Advisory {
    let id = vulnerability.records.first().map_or(&vulnerability.name, |record| &record.id);
    let aliases: BTreeSet<&String> = std::iter::once(&vulnerability.name)
        .chain(vulnerability.records.iter().map(|record| &record.id))
        .chain(&vulnerability.aliases)
        .filter(|alias| *alias != id)
        .collect();
    let records = vulnerability.records.iter().map(|record| super::Record {
        id: record.id.clone(),
        modified: record.modified.as_ref().map(Date::to_string),
        matched: match record.matched {
            Matched::Range => super::Matched::Range,
            Matched::RepairedRange => super::Matched::RepairedRange,
            Matched::List => super::Matched::List,
        },
        grade: record.grade.as_str().to_owned(),
        source: record.source.clone(),
    });
    super::Advisory {
        id: id.clone(),
        name: vulnerability.name.clone(),
        aliases: aliases.into_iter().cloned().collect(),
        records: records.collect(),
        score: vulnerability.score.map(|tenths| f64::from(tenths) / 10.0),
        severity: vulnerability.severity.map(severity),
        exploited_since: vulnerability.exploited_since.as_ref().map(Date::to_string),
        epss: vulnerability.epss.map(|it| super::Epss {
            score: part(it.score),
            percentile: part(it.percentile),
            date: it.as_of.to_string(),
        }),
        malicious: vulnerability.malicious,
        cwes: vulnerability.weaknesses.clone(),
        fixed: vulnerability.fixed.clone(),
        inferred_from: vulnerability.inferred_from.clone(),
    }
}

fn remedy(remedy: &Remedy) -> super::Remedy {
    let plain = |kind| super::Remedy {
        kind,
        text: remedy.to_string(),
        package: None,
        from: None,
        to: None,
        breaks: Vec::new(),
    };
    match remedy {
        Remedy::Update { name, from, to, breaks } => super::Remedy {
            package: Some(name.to_string()),
            from: Some(from.clone()),
            to: Some(to.clone()),
            breaks: breaks
                .iter()
                .map(|(requirer, specifier)| super::Break {
                    requirer: requirer.clone(),
                    specifier: specifier.clone(),
                })
                .collect(),
            ..plain(super::RemedyKind::Update)
        },
        Remedy::Pin(_) => plain(super::RemedyKind::Pin),
        Remedy::Remove(_) => plain(super::RemedyKind::Remove),
        Remedy::Convert(_) => plain(super::RemedyKind::Convert),
        Remedy::Manual(_) => plain(super::RemedyKind::Manual),
    }
}

impl From<&Gap> for super::Unread {
    fn from(gap: &Gap) -> Self {
        unread(gap)
    }
}

fn unread(gap: &Gap) -> super::Unread {
    let kind = match &gap.reason {
        Unread::Permission => "permission",
        Unread::Io(_) => "io",
        Unread::Special(_) => "special",
        Unread::LinkOutside(_) => "link-outside",
        Unread::LinkBroken(_) => "link-broken",
        Unread::NotInTarget(_) => "not-in-target",
        Unread::Truncated { .. } => "truncated",
        Unread::Limit(..) => "limit",
        Unread::Encrypted => "encrypted",
        Unread::Unsupported(_) => "unsupported",
        Unread::Malformed(_) => "malformed",
        Unread::Unresolved(_) => "unresolved",
        Unread::Panicked => "panicked",
        Unread::Cancelled => "cancelled",
        Unread::NotAsked => "not-asked",
        Unread::NotFetched => "not-fetched",
        Unread::NotHashed => "not-hashed",
    };
    let super::Location { path, inner, line, offset } = location(&gap.place, gap.span.as_ref());
    super::Unread { path, inner, line, offset, kind: kind.to_owned(), reason: gap.reason.to_string() }
}

fn totals(report: &Report) -> super::Totals {
    let mut findings = BTreeMap::<String, u64>::new();
    for finding in &report.findings {
        let count = findings.entry(format!("{}.{}", finding.status.as_str(), finding.severity)).or_default();
        *count = count.saturating_add(1);
    }
    super::Totals {
        packages: report.totals.packages,
        unresolved: report.totals.unresolved,
        libraries: report.totals.libraries,
        unversioned_libraries: report.totals.unversioned_libraries,
        unknown_libraries: report.totals.unknown_libraries,
        unassessed: report.totals.unassessed,
        system_packages: report.totals.system_packages,
        environments: report.totals.environments,
        models: report.totals.models,
        model_bytes: report.totals.model_bytes,
        packaged_models: report.totals.packaged_models,
        data_files: report.totals.data_files,
        data_bytes: report.totals.data_bytes,
        files: report.totals.files,
        findings,
    }
}
