//! Policies as tables: what is configured, what is found, what follows.

use std::sync::Arc;

use weighbridge_core::coverage::{Gap, Unread};
use weighbridge_core::digest::Digest;
use weighbridge_core::finding::{Confidence, Subject};
use weighbridge_core::graph::{NodeId, Paths};
use weighbridge_core::knowledge::{Epss, Grade, Matched, Record, Vulnerability};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Place;
use weighbridge_core::purl::Purl;
use weighbridge_core::report::Safety;
use weighbridge_core::rule::Rule;

use super::*;

static RULE: Rule = Rule {
    id: "WB-P001",
    name: "dangerous-pickle",
    title: "a pickle runs a program",
    severity: Severity::Critical,
    since: "0.1.0",
    maps_to: &[],
    docs: "",
};

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn found(severity: Severity, subject: Subject) -> Finding {
    Finding {
        rule: &RULE,
        severity,
        confidence: Confidence::High,
        title: String::new(),
        details: Vec::new(),
        location: None,
        vulnerability: None,
        paths: Paths::default(),
        remedy: None,
        fingerprint: Fingerprint::new(&RULE, &[&format!("{subject:?}")]),
        subject,
        status: Status::Open,
    }
}

/// A vulnerability in pillow 9.0.0, critical.
fn vulnerable() -> Finding {
    let name = PackageName::new("pillow").unwrap();
    let id = NodeId::Component(Purl::pypi(&name, Some("9.0.0")));
    let vulnerability = Vulnerability {
        name: "CVE-2023-4863".into(),
        records: vec![Record {
            id: "PYSEC-2023-175".into(),
            modified: None,
            matched: Matched::Range,
            grade: Grade::Stated,
            source: None,
        }],
        aliases: vec!["GHSA-j7hp-h8jx-5ppr".into()],
        severity: Some(Severity::Critical),
        score: Some(96),
        exploited_since: None,
        epss: None,
        malicious: false,
        weaknesses: Vec::new(),
        fixed: None,
        inferred_from: None,
    };
    Finding { vulnerability: Some(Arc::new(vulnerability)), ..found(Severity::Critical, Subject::Node(id)) }
}

/// A dangerous pickle.
fn pickle() -> Finding {
    found(Severity::Critical, Subject::Place(Place::file("models/deep/evil.pkl").step("data.pkl")))
}

fn artifacts() -> Vec<Artifact> {
    vec![Artifact {
        place: Place::file("models/deep/evil.pkl"),
        format: "pickle",
        size: 1,
        digest: Some(Digest::of(b"evil")),
        owner: None,
        safety: Safety::Dangerous,
        effects: Vec::new(),
    }]
}

fn decide(policy: &Policy, findings: Vec<Finding>) -> Decision {
    let advisories = AdvisoryData {
        as_of: day("2026-07-23"),
        records: 1,
        source: "embedded".into(),
        imported: Vec::new(),
    };
    policy.decide(findings, &artifacts(), &Coverage::default(), &advisories, day("2026-08-01"))
}

/// Reads one ignore with these lines, lets it meet both findings, and tells which it ignores, and the notes.
#[track_caller]
fn check_ignore(lines: &str, expected: &[&str], notes: &[&str]) {
    let text = format!("[[ignore]]\nreason = \"because\"\n{lines}\n");
    let ignores = parse(&text, "weighbridge.toml").unwrap().ignores;
    let decision = decide(&Policy { ignores, ..Policy::default() }, vec![vulnerable(), pickle()]);
    let ignored = |finding: &&Finding| matches!(finding.status, Status::Ignored { .. });
    let told: Vec<_> = decision
        .findings
        .iter()
        .filter(ignored)
        .map(|finding| if finding.vulnerability.is_some() { "vulnerable" } else { "pickle" })
        .collect();
    let messages: Vec<_> = decision.notes.iter().map(|note| note.message.as_str()).collect();
    assert_eq!((told.as_slice(), messages.as_slice()), (expected, notes), "{lines}");
}

#[test]
fn an_ignore_applies_where_all_its_conditions_hold() {
    for (condition, expected) in [
        ("finding = \"CVE-2023-4863\"", &["vulnerable"][..]),
        ("finding = \"ghsa-j7hp-h8jx-5ppr\"", &["vulnerable"]),
        ("finding = \"PYSEC-2023-175\"", &["vulnerable"]),
        ("package = \"Pillow\"", &["vulnerable"]),
        ("rule = \"dangerous-pickle\"", &["vulnerable", "pickle"]),
        ("rule = \"WB-P001\"\npackage = \"pillow\"", &["vulnerable"]),
        ("path = \"models\"", &["pickle"]),
        ("path = \"./models/\"", &["pickle"]),
        ("path = \"**/*.pkl\"", &["pickle"]),
    ] {
        check_ignore(&format!("{condition}\npermanent = true"), expected, &[]);
    }
    let digest = Digest::of(b"evil");
    check_ignore(&format!("digest = \"sha256:{digest}\"\npermanent = true"), &["pickle"], &[]);
    let fingerprint = pickle().fingerprint;
    check_ignore(&format!("finding = \"{}\"\npermanent = true", fingerprint.as_str()), &["pickle"], &[]);
}

#[test]
fn an_ignore_that_matches_nothing_is_told() {
    for (condition, called) in [
        ("finding = \"CVE-2023-4864\"", "CVE-2023-4864"),
        ("path = \"models/*.pkl\"", "path `models/*.pkl`"),
        ("path = \"model\"", "path `model`"),
        ("package = \"pillow-simd\"", "package pillow-simd"),
        ("rule = \"WB-P001\"\npath = \"other/**\"", "WB-P001, path `other/**`"),
    ] {
        let note = format!("the ignore of {called} matches nothing any more: remove it");
        check_ignore(&format!("{condition}\npermanent = true"), &[], &[&note]);
    }
}

#[test]
fn an_ignore_ends_and_says_so_in_time() {
    let it = "the ignore of CVE-2023-4863";
    for (until, expected, note) in [
        ("until = 2026-07-31", false, format!("{it} expired on 2026-07-31 and no longer applies")),
        ("until = 2026-08-01", true, format!("{it} expires today")),
        ("until = \"2026-08-02\"", true, format!("{it} expires in 1 day, on 2026-08-02")),
        ("until = 2026-08-15", true, format!("{it} expires in 14 days, on 2026-08-15")),
        ("until = 2026-08-16", true, String::new()),
        ("since = 2026-05-03", true, format!("{it} expires today")),
        ("since = 2026-05-02", false, format!("{it} expired on 2026-07-31 and no longer applies")),
        ("permanent = true", true, String::new()),
    ] {
        let expected = if expected { &["vulnerable"][..] } else { &[] };
        let notes: Vec<&str> = if note.is_empty() { vec![] } else { vec![&note] };
        check_ignore(&format!("finding = \"CVE-2023-4863\"\n{until}"), expected, &notes);
    }
    check_ignore(
        "finding = \"CVE-1\"\nuntil = 2026-01-01",
        &[],
        &["the ignore of CVE-1 expired on 2026-01-01 and matches nothing any more: remove it"],
    );
}

#[test]
fn only_open_findings_from_the_threshold_up_fail() {
    let medium = || found(Severity::Medium, Subject::Place(Place::file("a")));
    let verdict = |policy: &Policy, findings| decide(policy, findings).verdict;
    let policy = Policy::default();
    assert_eq!(verdict(&policy, vec![]), Verdict::Pass);
    assert_eq!(verdict(&policy, vec![medium()]), Verdict::Pass);
    assert_eq!(verdict(&policy, vec![medium(), pickle()]), Verdict::Fail);
    let strict = Policy { fail_on: Severity::Medium, ..Policy::default() };
    assert_eq!(verdict(&strict, vec![medium()]), Verdict::Fail);
    let known = Policy { baseline: Some([medium().fingerprint].into()), ..strict };
    let decision = decide(&known, vec![medium()]);
    assert_eq!((decision.findings[0].status.clone(), decision.verdict), (Status::Baseline, Verdict::Pass));
    assert_eq!(verdict(&known, vec![medium(), pickle()]), Verdict::Fail);
}

#[test]
fn the_worst_comes_first() {
    let low = found(Severity::Low, Subject::Place(Place::file("a")));
    let high = |path: &str| found(Severity::High, Subject::Place(Place::file(path)));
    let decision = decide(&Policy::default(), vec![low.clone(), high("b"), pickle(), high("a")]);
    let order: Vec<_> = decision.findings.into_iter().map(|finding| finding.subject).collect();
    assert_eq!(order, [pickle().subject, high("a").subject, high("b").subject, low.subject]);
}

#[test]
fn what_could_not_be_looked_at_is_no_pass() {
    let fresh = AdvisoryData {
        as_of: day("2026-07-23"),
        records: 1,
        source: "embedded".into(),
        imported: Vec::new(),
    };
    let gap = Coverage {
        unread: vec![Gap { place: Place::file("a"), span: None, reason: Unread::Encrypted }],
        ..Coverage::default()
    };
    let decide = |policy: &Policy, findings, coverage: &Coverage| {
        let decision = policy.decide(findings, &[], coverage, &fresh, day("2026-08-01"));
        (decision.verdict, decision.notes.into_iter().map(|note| note.message).collect::<Vec<_>>())
    };
    assert_eq!(decide(&Policy::default(), vec![], &gap), (Verdict::Incomplete, vec![]));
    assert_eq!(decide(&Policy::default(), vec![pickle()], &gap), (Verdict::Fail, vec![]));
    let aged = |days| Policy { max_age_days: Some(days), ..Policy::default() };
    assert_eq!(decide(&aged(9), vec![], &Coverage::default()), (Verdict::Pass, vec![]));
    let note =
        "the advisories are of 2026-07-23, 9 days old; the policy allows 8 days: `weighbridge db update`";
    assert_eq!(decide(&aged(8), vec![], &Coverage::default()), (Verdict::Incomplete, vec![note.to_owned()]));
}

#[test]
fn a_configuration_is_read() {
    let text = "fail-on = 'medium'\nfail-on-epss = 0.25\nexclude = ['data/**', 'vendor/']\nbaseline = 'base.json'\nmax-age-days = 30\n\
                show = 'all'\noffline = true\nvex = ['a.json']\n[limits]\ndepth = 4\nunpacked-bytes = 1_000\n";
    let expected = Settings {
        fail_on: Some(Severity::Medium),
        fail_on_epss: Some(25_000),
        ignores: Vec::new(),
        exclude: vec!["data/**".into(), "vendor".into()],
        baseline: Some("base.json".into()),
        max_age_days: Some(30),
        vex: vec!["a.json".into()],
        show: Some(weighbridge_core::renderer::Show::All),
        offline: Some(true),
        limits: weighbridge_core::limits::Limits { depth: 4, unpacked_bytes: 1000, ..Default::default() },
    };
    assert_eq!(parse(text, "weighbridge.toml"), Ok(expected.clone()));
    let inside = text.replace("[limits]", "[tool.weighbridge.limits]");
    let inside = format!("[project]\nname = 'a'\n[tool.weighbridge]\n{inside}");
    assert_eq!(parse(&inside, "a/pyproject.toml"), Ok(expected));
    assert_eq!(parse_pyproject("[project]\nname = 'a'\n[tool.other]\n", "pyproject.toml"), Ok(None));
    assert_eq!(parse("", "weighbridge.toml"), Ok(Settings::default()));
}

/// The error as the command line tells it.
#[track_caller]
fn check_error(text: &str, file: &str, expected: &str) {
    let error = parse(text, file).unwrap_err();
    let hint = error.hint.as_ref().map(|hint| format!("\nhint: {hint}"));
    assert_eq!(format!("{error}{}", hint.unwrap_or_default()), expected);
}

#[test]
fn errors_point_at_the_line_and_show_the_way_out() {
    let file = "weighbridge.toml";
    check_error(
        "offline = true\n\nfail_on = 'high'\n",
        file,
        "weighbridge.toml:3: there is no setting `fail_on`\nhint: did you mean `fail-on`?",
    );
    check_error(
        "colour = 1\n",
        file,
        "weighbridge.toml:1: there is no setting `colour`\nhint: there are `baseline`, `exclude`, `fail-on`, \
         `fail-on-epss`, `ignore`, `limits`, `max-age-days`, `offline`, `show`, `vex`",
    );
    check_error(
        "[tool.weighbridge]\noffline = true\n",
        file,
        "weighbridge.toml:1: there is no setting `tool`\nhint: outside `pyproject.toml` the settings stand at the \
         top, without `[tool.weighbridge]`",
    );
    check_error(
        "\nfail-on = 'hihg'\n",
        file,
        "weighbridge.toml:2: `hihg` is not one of `low`, `medium`, `high` and `critical`\nhint: did you mean `high`?",
    );
    check_error("fail-on = 3\n", file, "weighbridge.toml:1: `fail-on` must be a text, not an integer");
    check_error(
        "max-age-days = -1\n",
        file,
        "weighbridge.toml:1: `max-age-days` must be a whole number from 0",
    );
    check_error("show = -1\n", file, "weighbridge.toml:1: `show` must be a number or `\"all\"`");
    check_error(
        "exclude = ['a', '[']\n",
        file,
        "weighbridge.toml:1: `[` is not a glob pattern: invalid range pattern",
    );
    check_error(
        "[limits]\ndepht = 2\n",
        file,
        "weighbridge.toml:2: there is no setting `limits.depht`\nhint: did you mean `depth`?",
    );
    check_error("[limits]\ndepth = 0\n", file, "weighbridge.toml:2: with `depth` at 0 nothing could be read");
    check_error(
        "[project]\nname = 'a'\n\n[tool.weighbridge]\nignored = []\n",
        "app/pyproject.toml",
        "app/pyproject.toml:5: there is no setting `ignored`\nhint: did you mean `ignore`?",
    );
}

#[test]
fn an_ignore_must_say_what_why_and_how_long() {
    let file = "weighbridge.toml";
    check_error(
        "[[ignore]]\nfinding = 'CVE-1'\nuntil = 2027-01-01\n",
        file,
        "weighbridge.toml:1: the ignore of CVE-1 has no reason\nhint: write `reason = \"…\"`, for whoever reads it in \
         a year",
    );
    check_error(
        "\n[[ignore]]\nreason = 'x'\nuntil = 2027-01-01\n",
        file,
        "weighbridge.toml:2: this ignore does not say what it ignores\nhint: name at least one of `finding`, `rule`, \
         `path`, `package` and `digest`",
    );
    check_error(
        "offline = true\n[[ignore]]\nfinding = 'CVE-1'\nreason = 'x'\n[[ignore]]\nrule = 'WB-P001'\nreason = 'x'\n",
        file,
        "weighbridge.toml:2: the ignore of CVE-1 does not say how long\nhint: write `since = YYYY-MM-DD`, from which \
         it lasts 90 days, or `until = YYYY-MM-DD`, or `permanent = true`",
    );
    check_error(
        "[[ignore]]\nfinding = 'CVE-1'\nreason = 'x'\nuntil = 2027-01-01\npermanent = true\n",
        file,
        "weighbridge.toml:1: the ignore of CVE-1 says more than once how long\nhint: keep one of `since`, `until` and \
         `permanent`",
    );
    check_error(
        "[[ignore]]\nfinding = 'CVE-1'\nreason = 'x'\nuntil = 'soon'\n",
        file,
        "weighbridge.toml:4: `until`: `soon` is not a date of the form YYYY-MM-DD",
    );
    check_error(
        "[[ignore]]\npackage = 'pillow==9'\n",
        file,
        "weighbridge.toml:2: `pillow==9` is not a package name\nhint: an ignore by `package` holds for all versions; \
         name it without one",
    );
    check_error(
        "[[ignore]]\nfindign = 'CVE-1'\n",
        file,
        "weighbridge.toml:2: there is no setting `ignore.findign`\nhint: did you mean `finding`?",
    );
    check_error(
        "[ignore]\nfinding = 'CVE-1'\n",
        file,
        "weighbridge.toml:1: `ignore` is not a list of tables\nhint: write each ignore below its own line `[[ignore]]`",
    );
}

#[test]
fn what_is_no_toml_is_an_error_with_a_line() {
    let error = parse("offline = true\nfail-on = \n", "weighbridge.toml").unwrap_err();
    assert_eq!((error.line, error.message.lines().count()), (2, 1), "{error}");
    assert!(parse("a = 1\na = 2\n", "weighbridge.toml").is_err());
}

#[test]
fn a_baseline_is_any_report() {
    let report = |schema: &str| {
        format!(
            "{{\"schema\": \"{schema}\", \"findings\": [{{\"fingerprint\": \"aa\", \"status\": \"open\"}},\
             {{\"fingerprint\": \"bb\", \"status\": \"baseline\"}},\
             {{\"fingerprint\": \"cc\", \"status\": \"ignored\"}}]}}"
        )
    };
    let known = baseline_from_json(&report("weighbridge.report/1")).unwrap();
    assert_eq!(known.iter().map(Fingerprint::as_str).collect::<Vec<_>>(), ["aa", "bb"]);
    assert!(matches!(baseline_from_json(&report("other/1")), Err(BaselineError::Schema(_))));
    for text in ["", "[]", "{\"findings\": []}", "{\"schema\": \"weighbridge.report/1\"}"] {
        assert!(matches!(baseline_from_json(text), Err(BaselineError::Json(_))), "{text}");
    }
}

/// What a document says of pillow 9.0.0 and CVE-2023-4863: the reason why it does not count.
#[track_caller]
fn check_vex(documents: &[&str], expected: Option<&str>) {
    let mut vex = Vec::new();
    for document in documents {
        vex.extend(vex_from_json(document, "vex.json").unwrap());
    }
    let mut finding = vulnerable();
    let app = NodeId::Component(Purl::pypi(&PackageName::new("app").unwrap(), Some("1")));
    if let Subject::Node(id) = finding.subject.clone() {
        finding.paths.paths = vec![vec![NodeId::Project("".into()), app, id]];
    }
    let decision = decide(&Policy { vex, ..Policy::default() }, vec![finding]);
    let reason = match &decision.findings[0].status {
        Status::NotAffected { reason } => Some(reason.as_str()),
        _ => None,
    };
    assert_eq!(reason, expected, "{documents:?}");
    assert_eq!(decision.verdict, if expected.is_some() { Verdict::Pass } else { Verdict::Fail });
}

/// An OpenVEX document of one statement by `maker`.
fn open_vex(vulnerability: &str, products: &str, rest: &str) -> String {
    format!(
        r#"{{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "urn:x", "author": "maker",
            "timestamp": "2026-01-01T00:00:00Z", "version": 1, "statements": [
            {{"vulnerability": {{"name": "{vulnerability}"}}, "products": [{products}], {rest}}}]}}"#
    )
}

#[test]
fn what_open_vex_excuses_does_not_count() {
    let unreachable = r#""status": "not_affected", "justification": "vulnerable_code_not_in_execute_path""#;
    let excused = Some("not affected: vulnerable code not in execute path (VEX by maker in vex.json)");
    for (vulnerability, products, rest, expected) in [
        ("CVE-2023-4863", r#"{"@id": "pkg:pypi/pillow@9.0.0"}"#, unreachable, excused),
        ("CVE-2023-4863", r#"{"@id": "pkg:pypi/pillow@9"}"#, unreachable, excused),
        ("cve-2023-4863", r#"{"@id": "pkg:pypi/Pillow"}"#, unreachable, excused),
        (
            "GHSA-j7hp-h8jx-5ppr",
            r#"{"identifiers": {"purl": "pkg:pypi/pillow@9.0.0?x=y"}}"#,
            unreachable,
            excused,
        ),
        (
            "PYSEC-2023-175",
            r#"{"@id": "pkg:pypi/pillow"}"#,
            r#""status": "fixed""#,
            Some("fixed in this build (VEX by maker in vex.json)"),
        ),
        // A part of a product through which alone it came in.
        (
            "CVE-2023-4863",
            r#"{"@id": "pkg:pypi/app@1", "subcomponents": [{"@id": "pkg:pypi/pillow"}]}"#,
            unreachable,
            excused,
        ),
        (
            "CVE-2023-4863",
            r#"{"@id": "pkg:pypi/other@1", "subcomponents": [{"@id": "pkg:pypi/pillow"}]}"#,
            unreachable,
            None,
        ),
        // Another vulnerability, version or package; a product as a whole says nothing of what it uses.
        ("CVE-2023-4864", r#"{"@id": "pkg:pypi/pillow@9.0.0"}"#, unreachable, None),
        ("CVE-2023-4863", r#"{"@id": "pkg:pypi/pillow@9.0.1"}"#, unreachable, None),
        ("CVE-2023-4863", r#"{"@id": "pkg:npm/pillow@9.0.0"}"#, unreachable, None),
        ("CVE-2023-4863", r#"{"@id": "pkg:pypi/app@1"}"#, unreachable, None),
        ("CVE-2023-4863", "", unreachable, None),
        ("CVE-2023-4863", r#"{"@id": "pkg:pypi/pillow"}"#, r#""status": "under_investigation""#, None),
        (
            "CVE-2023-4863",
            r#"{"@id": "pkg:pypi/pillow"}"#,
            r#""status": "affected", "action_statement": "x""#,
            None,
        ),
    ] {
        check_vex(&[&open_vex(vulnerability, products, rest)], expected);
    }
}

#[test]
fn the_latest_statement_counts() {
    let pillow = r#"{"@id": "pkg:pypi/pillow"}"#;
    let early =
        open_vex("CVE-2023-4863", pillow, r#""status": "not_affected", "impact_statement": "no WebP here""#);
    let late = open_vex(
        "CVE-2023-4863",
        pillow,
        r#""timestamp": "2026-06-01T00:00:00Z", "status": "affected", "action_statement": "update""#,
    );
    check_vex(&[&early], Some("not affected: no WebP here (VEX by maker in vex.json)"));
    check_vex(&[&early, &late], None);
    check_vex(&[&late, &early], None);
}

#[test]
fn what_cyclone_dx_excuses_does_not_count() {
    for (analysis, affects, expected) in [
        (
            r#"{"state": "not_affected", "justification": "code_not_reachable", "detail": "no WebP here"}"#,
            "pillow-ref",
            Some("not affected: code not reachable: no WebP here (VEX by vex.json)"),
        ),
        (r#"{"state": "false_positive"}"#, "pkg:pypi/pillow@9.0.0", Some("false positive (VEX by vex.json)")),
        (r#"{"state": "resolved"}"#, "urn:cdx:1/1#pillow-ref", Some("resolved (VEX by vex.json)")),
        (r#"{"state": "exploitable"}"#, "pillow-ref", None),
        (r#"{"state": "in_triage"}"#, "pillow-ref", None),
        (r#"{"state": "not_affected"}"#, "other-ref", None),
    ] {
        let document = format!(
            r#"{{"bomFormat": "CycloneDX", "specVersion": "1.7",
                "components": [{{"name": "a", "components": [
                    {{"bom-ref": "pillow-ref", "name": "pillow", "purl": "pkg:pypi/pillow@9.0.0"}}]}}],
                "vulnerabilities": [{{"id": "CVE-2023-4863", "analysis": {analysis}, "affects": [{{"ref": "{affects}"}}]}}]}}"#
        );
        check_vex(&[&document], expected);
    }
}

#[test]
fn what_is_no_vex_document_is_refused_whole() {
    let pillow = r#"{"@id": "pkg:pypi/pillow"}"#;
    for (document, expected) in [
        ("{", "not JSON: EOF while parsing an object at line 1 column 1"),
        ("{}", "neither OpenVEX nor CycloneDX with analyses"),
        (
            r#"{"bomFormat": "CycloneDX", "vulnerabilities": []}"#,
            "neither OpenVEX nor CycloneDX with analyses",
        ),
        (&open_vex("CVE-1", pillow, r#""status": "safe""#), "statement 1: no status that OpenVEX knows"),
        (&open_vex("CVE-1", pillow, r#""status": "not_affected""#), "statement 1: not affected, and not why"),
        (&open_vex("", pillow, r#""status": "fixed""#), "statement 1: no vulnerability"),
    ] {
        assert_eq!(vex_from_json(document, "a").unwrap_err().to_string(), expected);
    }
}

#[test]
fn what_is_likely_to_be_exploited_goes_first_and_can_fail() {
    let likely = |score: Option<u32>, name: &str| {
        let mut finding = vulnerable();
        finding.severity = Severity::Medium;
        finding.title = name.to_owned();
        let as_of = day("2026-07-23");
        let vulnerability = Arc::make_mut(finding.vulnerability.as_mut().unwrap());
        vulnerability.epss = score.map(|score| Epss { score, percentile: score, as_of });
        finding
    };
    let findings = || vec![likely(None, "a"), likely(Some(10), "b"), likely(Some(50_000), "c")];
    let plain = decide(&Policy::default(), findings());
    let titles: Vec<&str> = plain.findings.iter().map(|finding| finding.title.as_str()).collect();
    assert_eq!((titles, plain.verdict), (vec!["c", "b", "a"], Verdict::Pass));
    for (least, verdict) in [(50_000, Verdict::Fail), (50_001, Verdict::Pass), (0, Verdict::Fail)] {
        let policy = Policy { fail_on_epss: Some(least), ..Policy::default() };
        assert_eq!(decide(&policy, findings()).verdict, verdict, "{least}");
    }
    // What nobody scored is not likely.
    let policy = Policy { fail_on_epss: Some(0), ..Policy::default() };
    assert_eq!(decide(&policy, vec![likely(None, "a")]).verdict, Verdict::Pass);
    for text in ["fail-on-epss = 'half'", "fail-on-epss = 1.5", "fail-on-epss = -1", "fail-on-epss = nan"] {
        check_error(
            text,
            "weighbridge.toml",
            "weighbridge.toml:1: `fail-on-epss` must be a number from 0 to 1",
        );
    }
    assert_eq!(parse("fail-on-epss = 1", "weighbridge.toml").unwrap().fail_on_epss, Some(100_000));
}
