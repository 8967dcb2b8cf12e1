//! From targets to a report.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use libtest_mimic::Trial;
use weighbridge_check::policy::Policy;
use weighbridge_core::date::Date;
use weighbridge_core::graph::{Graph, Node, NodeId, NodeKind};
use weighbridge_core::knowledge::AdvisoryData;
use weighbridge_core::place::EvidenceSet;
use weighbridge_core::report::{Artifact, Report, Safety, Verdict};
use weighbridge_engine::enrich::Known;
use weighbridge_engine::flow::{Request, ScanError, Steps, scan_with};
use weighbridge_engine::join::Joined;

use crate::support::{Folder, READERS, context, test};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("scan::a_report_tells_what_was_weighed", report),
        test("scan::what_cannot_be_opened_ends_the_scan", errors),
        test("scan::reports_do_not_depend_on_threads", threads),
    ]
}

/// Scans with steps that make one project node, and an artifact of every file that `words` has read.
fn scan(targets: &[String], jobs: usize) -> Result<Report, ScanError> {
    let policy = Policy::default();
    let request = Request {
        targets,
        locks: &[],
        exclude: &["left-out".to_owned()],
        jobs: NonZeroUsize::new(jobs),
        readers: READERS,
        policy: &policy,
    };
    let steps = Steps {
        join: &|name, _, _| {
            let kind = NodeKind::Project { name: name.to_owned(), version: None };
            let mut graph = Graph::default();
            graph.nodes.insert(NodeId::Project("".into()), Node { kind, evidence: EvidenceSet::new() });
            Joined { graph, ..Joined::default() }
        },
        enrich: &|graph, _| Known {
            matches: Vec::new(),
            clear: BTreeMap::new(),
            unassessed: BTreeMap::new(),
            advisories: AdvisoryData {
                as_of: Date::from_days(20_000),
                records: u64::try_from(graph.nodes.len()).unwrap(),
                source: "embedded".into(),
                imported: Vec::new(),
            },
            standings: BTreeMap::new(),
            indexed: BTreeMap::new(),
            unasked: Vec::new(),
        },
        judge: &|readings| {
            let read = readings
                .facts
                .iter()
                .filter(|(_, facts)| facts.iter().any(|fact| fact.evidence.reader == "words"));
            let artifacts = read.map(|(place, _)| Artifact {
                place: place.clone(),
                format: "words",
                size: readings.files[&place.path].size,
                digest: readings.files[&place.path].digest.clone().ok(),
                owner: None,
                safety: Safety::Harmless,
                effects: Vec::new(),
            });
            artifacts.collect()
        },
    };
    scan_with(&request, &steps, &context(), &())
}

fn report() {
    let folder =
        Folder::new().file("one/a.words", "a b c").file("two/b.words", "a").file("two/left-out/c", "");
    let targets = ["one", "two"].map(|name| format!("{}/{name}", folder.text()));
    let report = scan(&targets, 2).unwrap();
    assert_eq!(report.subject, targets);
    assert_eq!(report.graph.label(&NodeId::Project("".into())), "one, two");
    assert_eq!((report.totals.models, report.totals.model_bytes, report.totals.files), (2, 6, 2));
    assert_eq!((report.coverage.read, report.coverage.bytes), (2, 6));
    assert_eq!(report.coverage.excluded, ["two/left-out"]);
    assert_eq!((report.advisories.records, report.verdict), (1, Verdict::Pass));
    let places: Vec<String> = report.artifacts.iter().map(|artifact| artifact.place.to_string()).collect();
    assert_eq!(places, ["one/a.words", "two/b.words"]);
    // A gap leaves it open whether the target is fine.
    let folder = folder.file("one/b.lines", "panic asked for");
    assert_eq!(scan(&[folder.text()], 2).unwrap().verdict, Verdict::Incomplete);
}

fn errors() {
    let folder = Folder::new().file("a.words", "a");
    let missing = format!("{}/missing", folder.text());
    let error = scan(&[folder.text(), missing.clone()], 1).unwrap_err();
    assert_eq!(error.to_string(), format!("`{missing}` does not exist"));
    assert_eq!(scan(&[], 1).unwrap_err(), ScanError::NothingToWeigh);
}

fn threads() {
    let folder = (0..40).fold(Folder::new(), |folder, number| {
        folder
            .file(format!("{number}/a.words"), "a ".repeat(number))
            .file(format!("{number}/b.lines"), "fail here")
    });
    let reports = [1, 2, 5].map(|jobs| scan(&[folder.text()], jobs).unwrap());
    assert_eq!(reports[0].coverage.unread.len(), 40);
    assert_eq!((&reports[0], &reports[1]), (&reports[1], &reports[2]));
}
