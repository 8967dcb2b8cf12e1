//! Reports built by hand: what a scan might have found. Nothing here is read from a disk.

use std::collections::BTreeSet;
use std::sync::Arc;

use weighbridge_core::coverage::{Coverage, Gap, Unread};
use weighbridge_core::date::Date;
use weighbridge_core::digest::Digest;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Effect, EffectKind, Global, Origin, Target, Value};
use weighbridge_core::finding::{Confidence, Finding, Fingerprint, Remedy, Severity, Status, Subject};
use weighbridge_core::graph::{
    Component, Condition, Edge, Graph, Node, NodeId, NodeKind, Paths, Relation, Terms,
};
use weighbridge_core::knowledge::{AdvisoryData, Epss, Grade, Matched, Record, Vulnerability};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Class, Evidence, EvidenceSet, Place, Span};
use weighbridge_core::purl::Purl;
use weighbridge_core::report::{Artifact, JudgedEffect, Note, Report, Safety, Totals, Verdict};
use weighbridge_core::rule::Rule;

pub(crate) const VULNERABLE: Rule = Rule {
    id: "WB-D001",
    name: "known-vulnerability",
    title: "a package has a known vulnerability",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-1395"],
    docs: "# WB-D001\n\nA package has a known vulnerability.",
};
pub(crate) const MALICIOUS: Rule = Rule {
    id: "WB-D002",
    name: "known-malicious-package",
    title: "a package is known to be an attack",
    severity: Severity::Critical,
    ..VULNERABLE
};
pub(crate) const UNPINNED: Rule = Rule {
    id: "WB-D005",
    name: "unpinned-requirement",
    title: "nothing says which version is installed",
    severity: Severity::Low,
    ..VULNERABLE
};
pub(crate) const PICKLE: Rule = Rule {
    id: "WB-P001",
    name: "dangerous-pickle",
    title: "a pickle runs a program when loaded",
    severity: Severity::Critical,
    since: "0.1.0",
    maps_to: &["CWE-502", "AML.T0010"],
    docs: "# WB-P001\n\nA pickle runs a program when loaded.",
};
pub(crate) const TAMPERED: Rule = Rule {
    id: "WB-T001",
    name: "tampered-installation",
    title: "an installed file differs from what its installer recorded",
    severity: Severity::High,
    ..PICKLE
};

static RULES: [Rule; 5] = [VULNERABLE, MALICIOUS, UNPINNED, PICKLE, TAMPERED];

fn rule(id: &str) -> &'static Rule {
    RULES.iter().find(|rule| rule.id == id).unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// `name version` or `name` to the purl of a component; `.` to the project; `lib:` in front of a native library.
pub(crate) fn node(label: &str) -> NodeId {
    if label == "." {
        return NodeId::Project("".into());
    }
    if let Some((name, version)) = label.strip_prefix("lib:").and_then(|rest| rest.split_once(' ')) {
        let name = PackageName::new(name).unwrap();
        return NodeId::Component(Purl::new(Ecosystem::Native, "", &name, Some(version)));
    }
    let (name, version) = match label.split_once(' ') {
        Some((name, version)) => (name, Some(version)),
        None => (label, None),
    };
    NodeId::Component(Purl::pypi(&PackageName::new(name).unwrap(), version))
}

/// The project `fraud-vision` and what hangs on it; a line for every path, nodes set apart by `>`.
pub(crate) fn graph(paths: &[&str]) -> Graph {
    let mut graph = Graph::default();
    let lock = |line| Evidence {
        place: Place::file("uv.lock"),
        span: Some(Span::Line(line)),
        reader: "uv-lock",
        class: Class::Declared,
    };
    let mut line = 12;
    let project = NodeKind::Project { name: "fraud-vision".into(), version: Some("0.3.0".into()) };
    let place = Place::file("pyproject.toml");
    let evidence = Evidence { place, span: Some(Span::Line(2)), reader: "pyproject", class: Class::Declared };
    graph.nodes.insert(node("."), Node { kind: project, evidence: evidence.into() });
    for path in paths {
        let labels: Vec<&str> = path.split('>').map(str::trim).collect();
        for label in labels.iter().filter(|label| **label != ".") {
            line += 9;
            let (name, version) = label.split_once(' ').map_or((*label, None), |(name, it)| (name, Some(it)));
            let library = name.strip_prefix("lib:");
            let ecosystem = if library.is_some() { Ecosystem::Native } else { Ecosystem::PyPi };
            let name = library.unwrap_or(name);
            let component = Component {
                ecosystem,
                name: PackageName::new(name).unwrap(),
                version: version.map(str::to_owned),
                origins: BTreeSet::from([Origin::Index]),
                digests: BTreeSet::from([Digest::of(label.as_bytes())]),
                licence: Some(
                    if name == "pillow" { "HPND" } else { "Apache-2.0 OR BSD-3-Clause" }.to_owned(),
                ),
                installed: true,
            };
            let evidence = lock(line).into();
            graph.nodes.entry(node(label)).or_insert(Node { kind: NodeKind::Component(component), evidence });
        }
        for pair in labels.windows(2) {
            let condition = Terms { specifier: ">=1".into(), ..Terms::default() }.into();
            let (from, to) = (node(pair[0]), node(pair[1]));
            let relation = if pair[1].starts_with("lib:") { Relation::Vendors } else { Relation::DependsOn };
            let edge = Edge { from, to, relation, condition };
            graph.edges.entry(edge).or_default().insert(lock(line));
        }
    }
    graph
}

/// A report without findings over this graph.
pub(crate) fn clean(graph: Graph) -> Report {
    let digest = Digest::of(b"weights");
    let place = Place::file("models/scorer.safetensors");
    let kind = NodeKind::Artifact {
        format: Some("safetensors"),
        size: 1_900_000_000,
        places: BTreeSet::from([place.clone()]),
    };
    let mut graph = graph;
    graph.nodes.insert(NodeId::Artifact(digest), Node { kind, evidence: EvidenceSet::new() });
    let contains = Edge {
        from: node("."),
        to: NodeId::Artifact(digest),
        relation: Relation::Contains,
        condition: Condition::default(),
    };
    graph.edges.insert(contains, EvidenceSet::new());
    let artifact = Artifact {
        place,
        format: "safetensors",
        size: 1_900_000_000,
        digest: Some(digest),
        owner: None,
        safety: Safety::Harmless,
        effects: Vec::new(),
    };
    Report {
        subject: vec![".".into()],
        today: day("2026-08-01"),
        advisories: AdvisoryData {
            as_of: day("2026-07-23"),
            records: 24_118,
            source: "embedded".into(),
            imported: Vec::new(),
        },
        tables: "2026-07-20.1",
        totals: Totals {
            packages: 214,
            unresolved: 0,
            libraries: 0,
            unversioned_libraries: 0,
            unknown_libraries: 0,
            system_packages: 0,
            unassessed: 0,
            environments: 1,
            packaged_models: 0,
            data_files: 0,
            data_bytes: 0,
            models: 1,
            model_bytes: 1_900_000_000,
            files: 1_204,
        },
        graph,
        artifacts: vec![artifact],
        findings: Vec::new(),
        coverage: Coverage {
            read: 1_204,
            bytes: 1_950_000_000,
            unread: Vec::new(),
            excluded: vec![".git".into()],
        },
        notes: Vec::new(),
        fail_on: Severity::High,
        fail_on_epss: None,
        verdict: Verdict::Pass,
    }
}

pub(crate) fn finding(
    report: &Report,
    id: &str,
    severity: Severity,
    subject: Subject,
    title: &str,
) -> Finding {
    let paths = match &subject {
        Subject::Node(id) => report.graph.routes().paths(id, 8),
        Subject::Place(_) => Paths::default(),
    };
    let about = match &subject {
        Subject::Node(id) => id.to_string(),
        Subject::Place(place) => place.to_string(),
    };
    Finding {
        rule: rule(id),
        severity,
        confidence: Confidence::High,
        title: title.to_owned(),
        details: Vec::new(),
        location: None,
        vulnerability: None,
        paths,
        remedy: None,
        fingerprint: Fingerprint::new(rule(id), &[&about, title]),
        subject,
        status: Status::Open,
    }
}

/// A vulnerability; `exploited` since a day.
pub(crate) fn vulnerability(
    report: &Report,
    label: &str,
    name: &str,
    score: u8,
    fixed: &str,
    exploited: bool,
) -> Finding {
    let severity = Severity::from_score(score);
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    let record = |id: String, matched| Record {
        id,
        modified: Some(day("2026-06-30")),
        matched,
        grade: Grade::Stated,
        source: None,
    };
    let vulnerability = Vulnerability {
        name: name.to_owned(),
        records: vec![
            record(format!("GHSA-{digits}"), Matched::Range),
            record(format!("PYSEC-{digits}"), Matched::RepairedRange),
        ],
        aliases: vec![name.to_owned()],
        severity: Some(severity),
        score: Some(score),
        exploited_since: exploited.then(|| day("2023-09-13")),
        epss: None,
        malicious: false,
        weaknesses: vec!["CWE-787".into()],
        fixed: Some(fixed.to_owned()),
        inferred_from: None,
    };
    let package = label.split(' ').next().unwrap().trim_start_matches("lib:");
    let version = label.split(' ').nth(1).unwrap();
    let remedy = Remedy::Update {
        name: PackageName::new(package).unwrap(),
        from: version.to_owned(),
        to: fixed.to_owned(),
        breaks: if package == "pillow" {
            vec![("ultralytics 8.4.1".into(), "<10".into())]
        } else {
            Vec::new()
        },
    };
    let mut details = vec![format!("CVSS {}.{}", score / 10, score % 10)];
    if exploited {
        details.push("known to be exploited since 2023-09-13 (CISA KEV)".to_owned());
    }
    details.push(format!("GHSA-{digits}, changed 2026-06-30"));
    let title = format!("{name} in {}", label.trim_start_matches("lib:"));
    Finding {
        details,
        vulnerability: Some(Arc::new(vulnerability)),
        remedy: Some(remedy),
        fingerprint: Fingerprint::new(&VULNERABLE, &[package, name]),
        ..finding(report, "WB-D001", severity, Subject::Node(node(label)), &title)
    }
}

fn evil(report: &mut Report) -> Finding {
    let place = Place::file("models/encoder.pkl");
    let global = Global { module: "posix".into(), name: "system".into() };
    let command = "echo weighed";
    let argument = Value::Text(command.into(), u64::try_from(command.len()).unwrap());
    let effect = |kind, arguments, opcode, offset, reason: &str| JudgedEffect {
        place: place.clone(),
        span: Some(Span::Offset(offset)),
        effect: Effect::new(kind, Target::Global(global.clone()), opcode).with(arguments),
        safety: Safety::Dangerous,
        reason: reason.to_owned(),
    };
    report.artifacts.insert(
        0,
        Artifact {
            place: place.clone(),
            format: "pickle",
            size: 132,
            digest: Some(Digest::of(b"evil")),
            owner: None,
            safety: Safety::Dangerous,
            effects: vec![
                effect(EffectKind::Import, vec![], "STACK_GLOBAL", 24, "posix runs programs"),
                effect(EffectKind::Call, vec![argument], "REDUCE", 61, "posix.system runs a program"),
            ],
        },
    );
    report.totals.models += 1;
    report.totals.model_bytes += 132;
    Finding {
        details: vec!["offset 61  REDUCE  posix.system(\"echo weighed\")".into()],
        location: Some((place.clone(), Some(Span::Offset(61)))),
        remedy: Some(Remedy::Remove("delete it; it holds no weights to rescue".into())),
        ..finding(
            report,
            "WB-P001",
            Severity::Critical,
            Subject::Place(place),
            "models/encoder.pkl runs a program when loaded",
        )
    }
}

/// A normal project in trouble: fourteen vulnerabilities in one package, a dangerous model, a tampered file, ignored
/// findings, and places that were not read.
pub(crate) fn several() -> Report {
    let mut report = clean(graph(&[
        ". > ultralytics 8.4.1 > pillow 9.0.0",
        ". > torchvision 0.14.0 > pillow 9.0.0",
        ". > pillow 9.0.0",
        ". > aiohttp 3.8.1 > charset-normalizer 2.1.1",
        ". > transformers 4.30.0 > requests 2.28.0 > urllib3 1.26.5",
        ". > numpy",
    ]));
    let mut findings = vec![evil(&mut report)];
    for (name, score, exploited) in [
        ("CVE-2023-4863", 96, true),
        ("CVE-2022-22817", 98, false),
        ("CVE-2023-50447", 81, false),
        ("CVE-2022-24303", 91, false),
        ("CVE-2022-30595", 98, false),
        ("CVE-2022-45198", 75, false),
        ("CVE-2022-45199", 75, false),
        ("CVE-2023-44271", 75, false),
        ("CVE-2022-22815", 65, false),
        ("CVE-2022-22816", 65, false),
        ("CVE-2024-28219", 67, false),
        ("CVE-2025-48379", 71, false),
        ("CVE-2026-25990", 88, false),
        ("CVE-2026-40192", 33, false),
    ] {
        findings.push(vulnerability(&report, "pillow 9.0.0", name, score, "12.2.0", exploited));
    }
    findings.push(vulnerability(&report, "urllib3 1.26.5", "CVE-2023-43804", 81, "1.26.17", false));
    findings.push(vulnerability(&report, "aiohttp 3.8.1", "CVE-2024-23334", 59, "3.9.2", false));
    let tampered = Place::file(".venv/lib/python3.11/site-packages/requests/sessions.py");
    findings.push(Finding {
        details: vec![
            "recorded sha256 3b1c5d0f81e24d87, found 9f86d081884c7d65".into(),
            "recorded 30,373 bytes, found 30,912".into(),
        ],
        remedy: Some(Remedy::Manual("pip install --force-reinstall requests==2.28.0".into())),
        ..finding(
            &report,
            "WB-T001",
            Severity::High,
            Subject::Place(tampered),
            "requests/sessions.py of requests 2.28.0 is not the file that was installed",
        )
    });
    findings.push(Finding {
        location: Some((Place::file("pyproject.toml"), Some(Span::Line(14)))),
        remedy: Some(Remedy::Pin("pin it, or commit a lock file".into())),
        ..finding(
            &report,
            "WB-D005",
            Severity::Low,
            Subject::Node(node("numpy")),
            "nothing says which version of numpy is installed",
        )
    });
    let reason = || "not reachable: no untrusted proxies".to_owned();
    let ignored = Status::Ignored { reason: reason(), until: Some(day("2026-08-07")) };
    let urllib3 = vulnerability(&report, "urllib3 1.26.5", "CVE-2024-37891", 44, "1.26.19", false);
    findings.push(Finding { status: ignored, ..urllib3 });
    let requests = vulnerability(&report, "requests 2.28.0", "CVE-2023-32681", 61, "2.31.0", false);
    findings.push(Finding { status: Status::Ignored { reason: reason(), until: None }, ..requests });
    let excused = vulnerability(&report, "requests 2.28.0", "CVE-2024-35195", 56, "2.32.0", false);
    let reason = "not affected: vulnerable code not in execute path (VEX by supplier in a.json)".to_owned();
    findings.push(Finding { status: Status::NotAffected { reason }, ..excused });
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    report.findings = findings;
    report.coverage.unread = vec![
        gap(Place::file("models/big.pt").step("archive/data.pkl"), None, Unread::Truncated { offset: 4_096 }),
        gap(
            Place::file("requirements.txt"),
            Some(Span::Line(7)),
            Unread::Malformed("no requirement: `??`".into()),
        ),
    ];
    report.notes = vec![Note {
        message: "the ignore of CVE-2021-1 matches nothing any more: remove it".into(),
        location: Some("weighbridge.toml:12".into()),
    }];
    report.verdict = Verdict::Fail;
    report
}

fn gap(place: Place, span: Option<Span>, reason: Unread) -> Gap {
    Gap { place, span, reason }
}

/// One vulnerability.
pub(crate) fn one() -> Report {
    let mut report = clean(graph(&[". > transformers 4.30.0 > pillow 9.0.0"]));
    report.totals.packaged_models = 1_163;
    report.findings = vec![vulnerability(&report, "pillow 9.0.0", "CVE-2023-4863", 96, "10.0.1", true)];
    for finding in &mut report.findings {
        let epss = Epss { score: 93_567, percentile: 99_812, as_of: day("2026-07-31") };
        Arc::make_mut(finding.vulnerability.as_mut().unwrap()).epss = Some(epss);
    }
    report.verdict = Verdict::Fail;
    report
}

/// Libraries inside one package, and one library of another.
pub(crate) fn carried() -> Report {
    let mut report = clean(graph(&[
        ". > albumentations 1.3.0 > opencv-python-headless 4.5.5 > lib:openssl 1.1.1k",
        ". > albumentations 1.3.0 > opencv-python-headless 4.5.5 > lib:libpng 1.6.37",
        ". > albumentations 1.3.0 > opencv-python-headless 4.5.5 > lib:ffmpeg 4.4",
        ". > lxml 4.9.1 > lib:libxml2 2.9.14",
        ". > pillow 9.0.0 > lib:zlib 1.2.11",
        ". > psycopg2-binary 2.9 > lib:zlib 1.2.11",
    ]));
    report.findings = [
        ("lib:openssl 1.1.1k", "CVE-2022-0778", 75, "1.1.1n"),
        ("lib:openssl 1.1.1k", "CVE-2021-3711", 98, "1.1.1l"),
        ("lib:libpng 1.6.37", "CVE-2025-64720", 71, "1.6.51"),
        ("lib:ffmpeg 4.4", "CVE-2022-48434", 81, "5.1.2"),
        ("lib:libxml2 2.9.14", "CVE-2022-40303", 75, "2.10.3"),
        ("lib:zlib 1.2.11", "CVE-2018-25032", 75, "1.2.12"),
        ("lib:zlib 1.2.11", "CVE-2022-37434", 98, "1.2.13"),
    ]
    .map(|(label, name, score, fixed)| vulnerability(&report, label, name, score, fixed, false))
    .into();
    report.verdict = Verdict::Fail;
    report
}

/// Nothing wrong, but not everything could be read, and the advisories are old.
pub(crate) fn incomplete() -> Report {
    let mut report = clean(graph(&[". > pillow 12.2.0"]));
    report.coverage.unread = (1..=7)
        .map(|number| gap(Place::file(format!("models/part-{number}.pt")), None, Unread::Permission))
        .collect();
    report.verdict = Verdict::Incomplete;
    report
}

/// Five hundred findings: an old environment, and one in which somebody has edited many files.
pub(crate) fn many() -> Report {
    let label = |number: u32| format!("package-{number:02} 1.{number}");
    let way = |number: u32| match number {
        0..20 => format!(". > {}", label(number)),
        _ => format!(". > {} > {}", label(number % 7), label(number)),
    };
    let labels: Vec<String> = (0..60).map(way).collect();
    let mut report = clean(graph(&labels.iter().map(String::as_str).collect::<Vec<_>>()));
    let mut findings = Vec::new();
    for number in 0..300u32 {
        let label = format!("package-{:02} 1.{}", number % 60, number % 60);
        let name = format!("CVE-2025-{}", 10_000 + number);
        let score = u8::try_from(20 + number * 7 % 80).unwrap();
        findings.push(vulnerability(&report, &label, &name, score, "2.0", number == 77));
    }
    for number in 0..200 {
        let path = format!("site-packages/package_{:02}/module_{number:03}.py", number % 60);
        let title = format!("{path} is not the file that was installed");
        let place = Place::file(path);
        findings.push(Finding {
            remedy: Some(Remedy::Manual("install the package again".into())),
            ..finding(&report, "WB-T001", Severity::High, Subject::Place(place), &title)
        });
    }
    let package = Subject::Node(node("package-07 1.7"));
    let mut attack = vulnerability(&report, "package-07 1.7", "MAL-2026-7", 0, "2.0", false);
    if let Some(known) = &mut attack.vulnerability {
        let known = Arc::make_mut(known);
        known.malicious = true;
        known.score = None;
        known.severity = None;
    }
    findings.insert(
        1,
        Finding {
            details: vec!["it lies installed: its code may have run already".into()],
            vulnerability: attack.vulnerability,
            remedy: Some(Remedy::Remove(
                "remove package-07 and renew every secret that it could read".into(),
            )),
            ..finding(
                &report,
                "WB-D002",
                Severity::Critical,
                package,
                "package-07 1.7 is malicious (MAL-2026-7)",
            )
        },
    );
    for finding in findings.iter_mut().step_by(9) {
        finding.status = Status::Baseline;
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    report.findings = findings;
    report.verdict = Verdict::Fail;
    report
}

/// Names and texts made to deceive whoever reads the report.
pub(crate) fn hostile() -> Report {
    let mut report = clean(graph(&[". > pillow 12.2.0"]));
    let place =
        Place::file("models/\u{1b}[2J\u{202e}lkp.exe|`x`<img src=x onerror=y>[a](http://a.b) @octo.pkl");
    let title = format!("{} imports a name nobody vouches for", place.path);
    report.findings = vec![Finding {
        details: vec![
            "\u{1b}]8;;http://a.b\u{7}click\u{1b}]8;;\u{7}".into(),
            "two\nlines\rand a return".into(),
        ],
        remedy: Some(Remedy::Manual("</details><script>\u{200b}\u{9b}31m".into())),
        location: Some((place.clone(), Some(Span::Offset(3)))),
        ..finding(&report, "WB-P001", Severity::High, Subject::Place(place), &title)
    }];
    report.coverage.unread =
        vec![gap(Place::file("a\u{7}b").step("\u{2066}x"), None, Unread::Malformed("\u{1b}[0m".into()))];
    report.notes = vec![Note { message: "\u{1b}[31m".into(), location: None }];
    report.verdict = Verdict::Fail;
    report
}
