//! From records to answers, on small made-up records.

use std::collections::BTreeMap;

use libtest_mimic::Trial;
use serde_json::{Value, json};
use weighbridge_advisory::Index;
use weighbridge_advisory::pep440::Version;
use weighbridge_advisory::severity::Standard;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::finding::Severity;
use weighbridge_core::knowledge::{Matched, Vulnerability};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        embedded,
        one_record,
        aliases_are_one_vulnerability,
        different_cves_are_kept_apart,
        what_others_know,
        facts_are_carried_over,
        lists_stand_in_for_ranges,
        nothing_is_lost_in_silence,
        clear_versions,
        order_does_not_matter,
        a_package_twice_in_a_record,
        every_order_follows_the_same_rules,
        malicious_packages_are_told_as_such,
        imports_are_sets,
        imports_stand_beside_what_is_there,
        the_newer_record_counts,
        a_complete_set_says_what_is_sound,
        what_is_said_of_a_module_is_said_of_no_other_package,
        what_is_no_flaw_is_none,
        nothing_holds_more_than_it_says,
    ]
}

/// A record of package `p` with these ids (its own first) and events (`i0 f2`).
fn record(ids: &str, events: &str) -> Value {
    let mut ids = ids.split_whitespace();
    let events: Vec<Value> = events
        .split_whitespace()
        .map(|event| {
            let (kind, version) = event.split_at(1);
            let kind = match kind {
                "i" => "introduced",
                "f" => "fixed",
                _ => "last_affected",
            };
            json!({ kind: version })
        })
        .collect();
    json!({
        "id": ids.next().unwrap(), "aliases": ids.collect::<Vec<_>>(),
        "published": "2024-01-02T03:04:05Z", "modified": "2024-02-03T04:05:06Z",
        "affected": [{"package": {"ecosystem": "PyPI", "name": "p"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
    })
}

fn with(mut record: Value, field: &str, value: Value) -> Value {
    record[field] = value;
    record
}

fn build(records: &[Value]) -> Index {
    let mut builder = Index::builder();
    for record in records {
        builder.add_osv("a record", record.to_string().as_bytes());
    }
    assert_eq!(builder.broken(), []);
    builder.finish("2024-03-04".parse().unwrap(), vec!["somebody, CC0-1.0".to_owned()])
}

/// An index with something in every column.
pub(crate) fn small() -> Index {
    let cvss = json!([{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]);
    let mut builder = Index::builder();
    let listed = json!([{"package": {"ecosystem": "PyPI", "name": "Q.q"}, "versions": ["1.0", "0.3X"]}]);
    for record in [
        with(record("PYSEC-2024-1 CVE-2024-0001 GHSA-aaaa-bbbb-cccc", "i0 f1.5 i2 f2.2"), "severity", cvss),
        record("PYSEC-2024-2 CVE-2024-0002", "i0 l1.0-NA"),
        record("GHSA-aaaa-bbbb-cccc CVE-2024-0001", "i0 f1.6"),
        with(record("MAL-2024-3", "i0"), "affected", listed),
        record("PYSEC-2024-4", "i0 ftrunk"),
    ] {
        builder.add_osv("a record", record.to_string().as_bytes());
    }
    builder
        .add_exploited(br#"{"vulnerabilities":[{"cveID":"CVE-2024-0001","dateAdded":"2024-02-01"}]}"#)
        .unwrap();
    builder.add_cve_facts(br#"{"cve":"CVE-2024-0002","cwe":["CWE-79","CWE-7"]}"#).unwrap();
    builder.finish("2024-03-04".parse().unwrap(), vec!["somebody, CC0-1.0".to_owned()])
}

fn found(index: &Index, version: &str) -> Vec<Vulnerability> {
    index.vulnerabilities("p", &Version::parse(version).unwrap())
}

/// `NAME: RECORD RECORD (ALIAS)` for each vulnerability of version 1.
fn told(records: &[Value]) -> Vec<String> {
    let tell = |it: &Vulnerability| {
        let records: Vec<&str> = it.records.iter().map(|record| record.id.as_str()).collect();
        format!("{}: {} ({})", it.name, records.join(" "), it.aliases.join(" "))
    };
    found(&build(records), "1").iter().map(tell).collect()
}

fn embedded() {
    let index = Index::embedded().unwrap();
    assert_eq!(Index::from_bytes(&index.to_bytes()).unwrap(), index);
    assert_eq!(index.about().as_of.to_string(), "2026-07-23");
    assert_eq!(
        (index.advisories().len(), index.packages().count(), index.about().withdrawn),
        (6811, 1469, 269)
    );
    let has = |package: &str, version: &str, id: &str| {
        let records = index.records(package, &Version::parse(version).unwrap());
        records.iter().find(|(advisory, _)| advisory.id == id).map(|(_, matched)| *matched)
    };
    // Dirty ranges, with the plain and the local version.
    assert_eq!(has("torch", "2.6.0", "PYSEC-2025-189"), Some(Matched::RepairedRange));
    assert_eq!(has("torch", "2.6.0+cu118", "PYSEC-2025-189"), Some(Matched::RepairedRange));
    assert_eq!(has("torch", "2.6.0+cu126", "PYSEC-2025-191"), Some(Matched::Range));
    assert_eq!(has("torch", "2.6.1", "PYSEC-2025-189"), None);
    // Versions that a record names beside lower ones.
    assert_eq!(has("torch", "2.7.1", "PYSEC-2025-210"), Some(Matched::RepairedRange));
    assert_eq!(has("torch", "2.6.0", "PYSEC-2025-210"), None);
    assert_eq!(has("apache-airflow", "2.9.0", "PYSEC-2024-264"), Some(Matched::RepairedRange));
    assert_eq!(has("wasmtime", "25.0.1", "PYSEC-2024-311"), Some(Matched::Range));
    let exploited = index.advisories().iter().filter(|it| it.exploited_since.is_some()).count();
    assert_eq!(exploited, 10);
    assert!(index.exploited_since("CVE-2025-48384").is_some(), "an exploited CVE that no record is about");
}

fn one_record() {
    let cvss = json!([
        {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"},
        {"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"},
    ]);
    let index = build(&[with(record("PYSEC-2024-1 CVE-2024-0001", "i0 f1.5 i2 f2.2"), "severity", cvss)]);
    let [one] = &found(&index, "1.0+cu118")[..] else { panic!("one vulnerability") };
    assert_eq!(
        (one.name.as_str(), one.score, one.severity),
        ("CVE-2024-0001", Some(93), Some(Severity::Critical))
    );
    assert_eq!(one.fixed.as_deref(), Some("1.5"));
    assert_eq!(found(&index, "2.1")[0].fixed.as_deref(), Some("2.2"));
    assert_eq!(one.records[0].matched, Matched::Range);
    assert_eq!(found(&index, "1.5"), []);
    let advisory = &index.advisories()[0];
    assert_eq!(advisory.score.map(|score| score.standard), Some(Standard::V40));
    assert_eq!(advisory.published.map(|day| day.to_string()).as_deref(), Some("2024-01-02"));
    assert_eq!(advisory.modified.map(|day| day.to_string()).as_deref(), Some("2024-02-03"));
    assert!(
        index.vulnerabilities("P", &Version::parse("1").unwrap()).is_empty(),
        "names are normalised before"
    );
}

/// Records as `record` takes them, and what is told of them.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

fn aliases_are_one_vulnerability() {
    let cases: &[Case<'_>] = &[
        (
            &[("PYSEC-2024-1 CVE-2024-0001", "i0"), ("GHSA-aaaa-aaaa-aaaa CVE-2024-0001", "i0")],
            &["CVE-2024-0001: GHSA-aaaa-aaaa-aaaa PYSEC-2024-1 ()"],
        ),
        // Through a record between them.
        (&[("A-1 X-1", "i0"), ("B-1 X-2", "i0"), ("C-1 X-1 X-2", "i0")], &["A-1: A-1 B-1 C-1 (X-1 X-2)"]),
        // A record without a CVE belongs to the one that names it.
        (
            &[("GHSA-aaaa-aaaa-aaaa", "i0"), ("PYSEC-2024-1 GHSA-aaaa-aaaa-aaaa CVE-2024-0001", "i0")],
            &["CVE-2024-0001: GHSA-aaaa-aaaa-aaaa PYSEC-2024-1 ()"],
        ),
        (&[("PYSEC-2024-1 GHSA-aaaa-aaaa-aaaa", "i0")], &["GHSA-aaaa-aaaa-aaaa: PYSEC-2024-1 ()"]),
        (&[("B-1", "i0"), ("A-1", "i0")], &["A-1: A-1 ()", "B-1: B-1 ()"]),
    ];
    for (records, expected) in cases {
        let records: Vec<Value> = records.iter().map(|(ids, events)| record(ids, events)).collect();
        assert_eq!(told(&records), *expected);
    }
}

fn different_cves_are_kept_apart() {
    let one = record("A-1 CVE-2024-0001", "i0");
    let two = record("B-1 CVE-2024-0002", "i0");
    let both = record("C-1 CVE-2024-0001 CVE-2024-0002", "i0");
    let expected = ["CVE-2024-0001: A-1 C-1 ()", "CVE-2024-0002: B-1 C-1 ()"];
    assert_eq!(told(&[one.clone(), two.clone(), both.clone()]), expected);
    // With one of them known, the other is another name; with none, the first names both.
    assert_eq!(told(&[one, both.clone()]), ["CVE-2024-0001: A-1 C-1 (CVE-2024-0002)"]);
    assert_eq!(told(&[both]), ["CVE-2024-0001: C-1 (CVE-2024-0002)"]);
    // A GHSA id that two CVEs share does not make them one either.
    let shared = |id: &str, cve: &str| record(&format!("{id} {cve} GHSA-aaaa-aaaa-aaaa"), "i0");
    let told = told(&[
        shared("A-1", "CVE-2024-0001"),
        shared("B-1", "CVE-2024-0002"),
        record("GHSA-aaaa-aaaa-aaaa", "i0"),
    ]);
    assert_eq!(
        told,
        ["CVE-2024-0001: A-1 GHSA-aaaa-aaaa-aaaa ()", "CVE-2024-0002: B-1 GHSA-aaaa-aaaa-aaaa ()"]
    );
    // `related` and `upstream` are not names of the same vulnerability.
    let related = with(record("D-1", "i0"), "related", json!(["CVE-2024-0001"]));
    assert_eq!(found(&build(&[related]), "1")[0].name, "D-1");
}

fn what_others_know() {
    let index = small();
    let [one, two] = &found(&index, "1.0")[..] else { panic!("two vulnerabilities") };
    assert_eq!(one.exploited_since.map(|day| day.to_string()).as_deref(), Some("2024-02-01"));
    assert_eq!(one.fixed.as_deref(), Some("1.6"), "the version that satisfies both records");
    assert_eq!(two.weaknesses, ["CWE-7", "CWE-79"]);
    assert_eq!((two.score, two.severity), (None, None));
    assert_eq!(two.records[0].matched, Matched::RepairedRange);
    let malicious = index.vulnerabilities("q-q", &Version::parse("1").unwrap());
    assert!(malicious[0].malicious && malicious[0].records[0].matched == Matched::List);
}

fn facts_are_carried_over() {
    let mut builder = Index::builder();
    for ids in ["NEW-1 CVE-2024-0001", "NEW-2 CVE-2024-0002", "NEW-3 CVE-2024-0009"] {
        builder.add_osv("a record", record(ids, "i0").to_string().as_bytes());
    }
    let mut earlier = Index::builder();
    let catalogue = br#"{"vulnerabilities":[{"cveID":"CVE-2024-0009","dateAdded":"2023-01-01"}]}"#;
    earlier.add_exploited(catalogue).unwrap();
    builder.carry_over(&small());
    // No record of the earlier index is about this one; its place in the catalogue is kept all the same.
    builder.carry_over(
        &Index::from_bytes(&earlier.finish("2024-01-01".parse().unwrap(), vec![]).to_bytes()).unwrap(),
    );
    let index = builder.finish("2024-04-01".parse().unwrap(), vec![]);
    let found = found(&index, "1");
    let since: Vec<Option<String>> =
        found.iter().map(|it| it.exploited_since.map(|day| day.to_string())).collect();
    assert_eq!(since, [Some("2024-02-01".into()), None, Some("2023-01-01".into())]);
    assert_eq!(found[0].score, Some(98));
    assert_eq!(found[1].weaknesses, ["CWE-7", "CWE-79"]);
}

fn lists_stand_in_for_ranges() {
    let affected = |ranges: Value, versions: Value| {
        let package = json!({"ecosystem": "PyPI", "name": "p"});
        json!([{"package": package, "ranges": ranges, "versions": versions}])
    };
    let ecosystem = |events: Value| json!([{"type": "ECOSYSTEM", "events": events}]);
    let good = json!([{"introduced": "1"}, {"fixed": "2"}]);
    let bad = json!([{"introduced": "0"}, {"fixed": "trunk"}]);
    let git = json!([{"type": "GIT", "repo": "https://example.org", "events": [{"introduced": "0"}]}]);
    #[rustfmt::skip]
    let cases = [
        // (ranges, list, version, how, gaps)
        (ecosystem(good.clone()), json!(["5"]), "1.5", Some(Matched::Range), 0),
        (ecosystem(good), json!(["5"]), "5", None, 0),
        (ecosystem(bad.clone()), json!(["5"]), "5", Some(Matched::List), 0),
        (ecosystem(bad.clone()), json!(["5"]), "6", None, 0),
        (ecosystem(bad.clone()), json!([]), "5", None, 1),
        (ecosystem(bad), json!(["x"]), "5", None, 2),
        (git.clone(), json!(["5"]), "5.0+x", Some(Matched::List), 0),
        (git, json!([]), "5", None, 1),
        (json!(null), json!(["5", "0.3X"]), "5", Some(Matched::List), 1),
        (json!([]), json!(null), "5", None, 1),
        (ecosystem(json!([])), json!(["5"]), "5", Some(Matched::List), 0),
        (ecosystem(json!([{"fixed": "7"}])), json!([]), "5", None, 1),
    ];
    for (ranges, versions, version, how, gaps) in cases {
        let case = format!("{ranges} {versions} {version}");
        let index = build(&[with(record("A-1", "i0"), "affected", affected(ranges, versions))]);
        let found = found(&index, version);
        assert_eq!(found.first().map(|it| it.records[0].matched), how, "{case}");
        assert_eq!(index.about().gaps.len(), gaps, "{case}: {:?}", index.about().gaps);
    }
}

fn nothing_is_lost_in_silence() {
    let mut builder = Index::builder();
    let withdrawn = with(record("A-1", "i0"), "withdrawn", json!("2024-01-01T00:00:00Z"));
    builder.add_osv("a.json", withdrawn.to_string().as_bytes());
    builder.add_osv("b.json", record("B-1", "i0 ftrunk").to_string().as_bytes());
    builder.add_osv("c.json", b"{\"id\": \"C-1\"");
    builder.add_osv("d.json", b"[]");
    builder.add_osv("e.json", b"");
    builder.add_osv("f.json", br#"{"id":"F-1","affected":[{"package":{"ecosystem":"npm","name":"p"}}]}"#);
    builder.add_osv("g.json", record("G-1", "i0").to_string().as_bytes());
    let broken: Vec<&str> = builder.broken().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(broken, ["c.json", "d.json", "e.json"]);
    assert!(builder.add_exploited(b"{}").is_err());
    assert!(builder.add_cve_facts(b"nonsense").is_err());
    let index = builder.finish("2024-01-01".parse().unwrap(), vec![]);
    assert_eq!(index.about().withdrawn, 1);
    let gaps: Vec<(&str, &str)> =
        index.about().gaps.iter().map(|gap| (gap.record.as_str(), gap.text.as_str())).collect();
    assert_eq!(gaps, [("B-1", "trunk")]);
    assert_eq!(found(&index, "1").len(), 1);
}

fn clear_versions() {
    #[rustfmt::skip]
    let cases: &[(&[&str], &str, Option<&str>)] = &[
        (&["i0 f1.5"], "1", Some("1.5")),
        (&["i0 f1.5", "i0 f1.7"], "1", Some("1.7")),
        // The fix of one is affected by another.
        (&["i0 f1.5", "i1.5 f1.6"], "1", Some("1.6")),
        (&["i0 f1.5 i2 f2.5"], "2.1", Some("2.5")),
        (&["i0 f1.5 i2 f2.5"], "1", Some("1.5")),
        (&["i0 l3", "i0 f2"], "1", None),
        (&["i0 l3", "i0 f4"], "1", Some("4")),
        (&["i0"], "1", None),
        (&["i0 f2"], "3", None),
        // Pre-releases.
        (&["i0 f2rc1", "i0 f1.9"], "1", Some("2rc1")),
        (&["i0 f2rc1", "i0 f3"], "1", Some("3")),
        (&["i0 f2rc1", "i0 f3"], "2a1", Some("3")),
        (&["i0 f2rc1", "i5 f6"], "2a1", Some("2rc1")),
        (&["i0 f2rc1"], "1", Some("2rc1")),
        // A build of the fixed version is no way up from it.
        (&["i0 f2"], "2+local", None),
    ];
    for (events, version, expected) in cases {
        let records: Vec<Value> =
            (1..).zip(*events).map(|(at, events)| record(&format!("A-{at}"), events)).collect();
        let clear = build(&records).smallest_clear_version("p", &Version::parse(version).unwrap());
        assert_eq!(clear.map(|it| it.to_string()).as_deref(), *expected, "{events:?} from {version}");
    }
}

fn order_does_not_matter() {
    let older = with(record("A-1", "i0"), "modified", json!("2023-01-01T00:00:00Z"));
    let newer = record("A-1 CVE-2024-0001", "i0 f2");
    let other = record("B-1", "i0 ftrunk");
    let one = build(&[older.clone(), newer.clone(), other.clone()]);
    let turned = build(&[other, newer, older]);
    assert_eq!(one.to_bytes(), turned.to_bytes());
    assert_eq!(found(&one, "1")[0].name, "CVE-2024-0001");
}

fn a_package_twice_in_a_record() {
    let entry = |events: &str| record("x", events)["affected"][0].clone();
    let (dirty, plain) = (entry("i0 l2-NA"), entry("i0 f3"));
    for entries in [json!([dirty, plain]), json!([plain, dirty])] {
        let found = found(&build(&[with(record("A-1", "i0"), "affected", entries)]), "1");
        assert_eq!(found[0].records.len(), 1);
        assert_eq!((found[0].records[0].matched, found[0].fixed.as_deref()), (Matched::Range, Some("3")));
    }
}

/// A record of a package of an ecosystem, as OSV calls it.
fn of(ecosystem: &str, name: &str, ids: &str, events: &str) -> Value {
    let mut made = record(ids, events);
    made["affected"][0]["package"] = json!({"ecosystem": ecosystem, "name": name});
    made
}

fn import(records: &[Value], whole: bool) -> BTreeMap<String, Index> {
    let mut builder = Index::import_builder();
    for record in records {
        builder.add_osv("a record", record.to_string().as_bytes());
    }
    assert_eq!(builder.broken(), []);
    builder.finish_sets("2024-03-04".parse().unwrap(), &["a file".to_owned()], whole)
}

/// The names of the vulnerabilities of a package that is none of Python.
fn assessed(index: &Index, kind: Ecosystem, release: &str, name: &str, version: &str) -> String {
    match index.assess(kind, release, name, version) {
        Ok(found) => found.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(" "),
        Err(why) => format!("({why})"),
    }
}

fn imports_are_sets() {
    let crates = concat!("crates", ".", "io");
    let both = with(
        of("PyPI", "Some_Thing", "GHSA-1 CVE-2024-0009", "i0 f2"),
        "affected",
        json!([
            {"package": {"ecosystem": "PyPI", "name": "Some_Thing"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]},
            {"package": {"ecosystem": crates, "name": "some-thing"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0.0.0-0"}, {"fixed": "1.2.3"}]}]},
            {"package": {"ecosystem": "npm", "name": "thing"}},
        ]),
    );
    let upstream = |mut made: Value, field: &str| {
        made["aliases"] = json!([]);
        made[field] = json!(["CVE-2024-0010", "not a CVE"]);
        made
    };
    let sets = import(
        &[
            both,
            upstream(of("Debian:12", "openssl", "DEBIAN-CVE-2024-0010", "i0 f3.0.11-1~deb12u2"), "upstream"),
            upstream(of("AlmaLinux:9", "openssl-libs", "ALSA-2024:1", "i0 f1:3.0.7-25.el9_3"), "related"),
            upstream(of("Alpine:v3.19", "openssl", "ALPINE-CVE-2024-0010", "i0 f3.1.4-r5"), "upstream"),
            of("Ubuntu:22.04:LTS", "openssl", "UBUNTU-CVE-2024-0010 CVE-2024-0010", "i0 f3.0.2-0ubuntu1.14"),
            of("Wolfi", "openssl", "WOLFI-1 CVE-2024-0010", "i0 f3.3.0-r0"),
            of("Ubuntu:Pro:16.04:LTS", "openssl", "USN-1", "i0"),
            of("npm", "left-pad", "GHSA-2", "i0"),
        ],
        true,
    );
    let names: Vec<&str> = sets.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["apk-alpine", "apk-wolfi", "cargo", "deb-debian", "deb-ubuntu", "pypi", "rpm-almalinux"]
    );
    for (set, kind, release, name, version, expected) in [
        ("cargo", Ecosystem::Cargo, "", "some-thing", "1.2.3-rc.1", "CVE-2024-0009"),
        ("cargo", Ecosystem::Cargo, "", "some-thing", "1.2.3", ""),
        ("deb-debian", Ecosystem::Deb, "debian:12", "openssl", "3.0.11-1~deb12u1", "CVE-2024-0010"),
        ("deb-debian", Ecosystem::Deb, "debian:12", "openssl", "3.0.11-1~deb12u2", ""),
        ("deb-debian", Ecosystem::Deb, "debian:11", "openssl", "1.0", "(no advisory data)"),
        ("deb-ubuntu", Ecosystem::Deb, "ubuntu:22.04", "openssl", "3.0.2-0ubuntu1.13", "CVE-2024-0010"),
        ("apk-alpine", Ecosystem::Apk, "alpine:3.19", "openssl", "3.1.4-r4", "CVE-2024-0010"),
        ("apk-alpine", Ecosystem::Apk, "alpine:3.19", "openssl", "3.1.4-r5", ""),
        ("apk-wolfi", Ecosystem::Apk, "wolfi", "openssl", "3.2.1-r9", "CVE-2024-0010"),
        ("rpm-almalinux", Ecosystem::Rpm, "almalinux:9", "openssl-libs", "1:3.0.7-24.el9", "CVE-2024-0010"),
        ("rpm-almalinux", Ecosystem::Rpm, "almalinux:9", "openssl-libs", "1:3.0.7-25.el9_3", ""),
    ] {
        let found = assessed(&sets[set], kind, release, name, version);
        assert_eq!(found, expected, "{set}: {name} {version} of {release:?}");
    }
    let python = sets["pypi"].vulnerabilities("some-thing", &Version::parse("1").unwrap());
    assert_eq!(python[0].name, "CVE-2024-0009");
    // What is kept is what was taken.
    for (name, index) in &sets {
        assert_eq!(&Index::from_bytes(&index.to_bytes()).unwrap(), index, "{name}");
        assert_eq!(index.about().sources, ["a file"], "{name}");
    }
}

fn imports_stand_beside_what_is_there() {
    let base = build(&[record("PYSEC-1 CVE-2024-0001", "i0 f2")]);
    let mut imported = import(&[record("GHSA-1 CVE-2024-0001", "i0 f3"), record("GHSA-2", "i0")], true);
    let both = base.with(imported.remove("pypi").unwrap());
    let told: Vec<String> = found(&both, "1")
        .iter()
        .map(|it| format!("{} {} {:?}", it.name, it.records.len(), it.fixed))
        .collect();
    // One vulnerability under two names, mended by what mends both records.
    assert_eq!(told, ["CVE-2024-0001 2 Some(\"3\")", "GHSA-2 1 None"]);
}

fn the_newer_record_counts() {
    let changed = |record: Value, day: &str| with(record, "modified", json!(format!("{day}T00:00:00Z")));
    let withdrawn =
        |day: &str| with(changed(record("A-1", "i0"), day), "withdrawn", json!(format!("{day}T00:00:00Z")));
    let base = || build(&[changed(record("A-1", "i0 f2"), "2024-01-10"), record("B-1", "i0")]);
    for (record, expected) in [
        (changed(record("A-1", "i0 f1"), "2024-01-11"), "B-1"),
        (changed(record("A-1", "i0 f1"), "2024-01-10"), "B-1"),
        (changed(record("A-1", "i0 f1"), "2024-01-09"), "A-1 B-1"),
        (withdrawn("2024-01-11"), "B-1"),
        (withdrawn("2024-01-09"), "A-1 B-1"),
    ] {
        let mut sets = import(&[record], false);
        let set = sets.remove("pypi").unwrap();
        let kept = Index::from_bytes(&set.to_bytes()).unwrap();
        let both = base().with(kept);
        let names: Vec<String> = found(&both, "1").into_iter().map(|it| it.name).collect();
        assert_eq!(names.join(" "), expected);
    }
    // One that was taken back in the same import is told only where it was taken back before the record changed again.
    let mut sets = import(&[changed(record("A-1", "i0"), "2024-01-12"), withdrawn("2024-01-11")], false);
    assert_eq!(found(&sets.remove("pypi").unwrap(), "1").len(), 1);
    let mut sets = import(&[changed(record("A-1", "i0"), "2024-01-10"), withdrawn("2024-01-11")], false);
    let set = sets.remove("pypi").unwrap();
    assert_eq!((found(&set, "1").len(), set.records_in_force(), set.advisories().len()), (0, 0, 1));
}

fn a_complete_set_says_what_is_sound() {
    let records = [of("Debian:12", "openssl", "D-1", "i0 f2"), of("AlmaLinux:9", "zlib", "A-1", "i0 f2")];
    let sets = import(&records, true);
    let parts = import(&records, false);
    let zlib = |sets: &BTreeMap<String, Index>, release: &str| {
        assessed(&sets["deb-debian"], Ecosystem::Deb, release, "zlib", "1")
    };
    assert_eq!(zlib(&sets, "debian:12"), "");
    assert_eq!(zlib(&sets, "debian:11"), "(no advisory data)");
    assert_eq!(zlib(&parts, "debian:12"), "(no advisory data)");
    // What a tool calls an RPM of a distribution may come from an archive beside it.
    let rpm = assessed(&sets["rpm-almalinux"], Ecosystem::Rpm, "almalinux:9", "hdf5", "1");
    assert_eq!(rpm, "(no advisory data)");
    let own = |sets: &BTreeMap<String, Index>, release| match sets["rpm-almalinux"]
        .assess_own(release, "hdf5", "1")
    {
        Ok(found) => found.len().to_string(),
        Err(why) => why.to_string(),
    };
    assert_eq!(own(&sets, "almalinux:9"), "0");
    assert_eq!(own(&sets, "almalinux:8"), "no advisory data");
    assert_eq!(own(&parts, "almalinux:9"), "no advisory data");
    // Only what is complete makes the whole complete up to a later day.
    let base = || build(&[record("A-1", "i0")]);
    let newer = |whole| {
        let mut builder = Index::import_builder();
        builder.add_osv("a", record("B-1", "i0").to_string().as_bytes());
        builder.finish_sets("2025-01-01".parse().unwrap(), &[], whole).remove("pypi").unwrap()
    };
    assert_eq!(base().with(newer(true)).about().as_of.to_string(), "2025-01-01");
    assert_eq!(base().with(newer(false)).about().as_of, base().about().as_of);
}

fn what_is_said_of_a_module_is_said_of_no_other_package() {
    let records = [
        of("AlmaLinux:8", "perl", "ALSA-1 CVE-2024-0001", "i0 f4:5.30-1.module_el8.6.0+2766+8bf0b7ce"),
        of("AlmaLinux:8", "perl", "ALSA-2 CVE-2024-0002", "i0 f4:5.26-9.el8"),
        of("AlmaLinux:8", "nodejs", "ALSA-3 CVE-2024-0003", "i0 f1:18-1.module_el8.6.0+1+1"),
    ];
    for whole in [true, false] {
        let set = &import(&records, whole)["rpm-almalinux"];
        let found = |name, version| assessed(set, Ecosystem::Rpm, "almalinux:8", name, version);
        assert_eq!(found("perl", "4:5.26-1.el8"), "CVE-2024-0002");
        assert_eq!(found("perl", "4:5.26-9.el8"), "");
        // Of this one, nothing is said.
        assert_eq!(found("nodejs", "1:16-1.el8"), "(no advisory data)");
        let modular = found("nodejs", "1:16-1.module_el8.6.0+1+1");
        assert_eq!(modular, "(part of a module, and the data do not say of which of its streams they speak)");
    }
}

fn what_is_no_flaw_is_none() {
    let crates = concat!("crates", ".", "io");
    let informational = |word: Value| {
        let mut made = of(crates, "a", "RUSTSEC-1", "i0.0.0-0");
        made["affected"][0]["ranges"][0]["type"] = json!("SEMVER");
        made["affected"][0]["database_specific"] = json!({"informational": word});
        import(&[made], true)
    };
    for word in [json!("unmaintained"), json!("notice")] {
        assert!(informational(word).is_empty());
    }
    for word in [json!("unsound"), json!(null), json!(7), json!({"a": "unmaintained"})] {
        let found = assessed(&informational(word)["cargo"], Ecosystem::Cargo, "", "a", "1.0.0");
        assert_eq!(found, "RUSTSEC-1");
    }
}

/// Whoever feeds records can stop before they take all memory.
fn nothing_holds_more_than_it_says() {
    let mut builder = Index::import_builder();
    let versions: Vec<String> = (0..10_000).map(|number| format!("1.{number}")).collect();
    let listed = json!([{"package": {"ecosystem": "PyPI", "name": "p"}, "versions": versions}]);
    builder.add_osv("a", with(record("A-1", "i0"), "affected", listed).to_string().as_bytes());
    assert!(builder.held() > 300_000, "{}", builder.held());
    let before = builder.held();
    builder.add_osv(&"x".repeat(5_000), b"{");
    assert!(builder.held() > before + 5_000);
    for number in 0..10_000 {
        builder.add_osv("b", of(&format!("eco{number}"), "p", "B-1", "i0").to_string().as_bytes());
    }
    assert_eq!(builder.elsewhere().len(), 100);
}

/// What holds for Python holds for the others, in their own orders.
fn every_order_follows_the_same_rules() {
    let crates = concat!("crates", ".", "io");
    let cases: &[(&str, Ecosystem, &str, &str, &str, &str)] = &[
        // (ecosystem, release, events, affected, not affected)
        (
            "Debian:12",
            Ecosystem::Deb,
            "debian:12",
            "i0 l1.2-3",
            "1.2-3 1.2-3~deb12u1 0:1.0",
            "1.2-3+b1 1.2-4 1:0.1",
        ),
        (
            "Debian:12",
            Ecosystem::Deb,
            "debian:12",
            "i0 f1.2-3~deb12u1 i1.3 f1.3-2",
            "1.2-3~ 1.3-1",
            "1.2-3 1.3-2",
        ),
        // The order of events says nothing.
        ("Debian:12", Ecosystem::Deb, "debian:12", "f1.3-2 i1.3 f1.2-3 i0", "1.2-2 1.3-1", "1.2-3 1.3-2 2"),
        ("Debian:12", Ecosystem::Deb, "debian:12", "i1:1.0 f1:2.0", "1:1.5", "1.5 3.0 2:0.1"),
        ("Debian:12", Ecosystem::Deb, "debian:12", "i0 l1.0 l1.5", "1.0 1.5 0.9", "1.2 1.6"),
        (
            "AlmaLinux:9",
            Ecosystem::Rpm,
            "almalinux:9",
            "i0 f1:3.0.7-25.el9",
            "1:3.0.7-24.el9 3.0.7-24.el9",
            "1:3.0.7-25.el9_3 3.0.8-1.el9",
        ),
        (
            "Alpine:v3.19",
            Ecosystem::Apk,
            "alpine:3.19",
            "i0 f3.1.4-r5",
            "3.1.4-r4 3.1.4_rc1",
            "3.1.4-r5 3.1.10",
        ),
        (
            crates,
            Ecosystem::Cargo,
            "",
            "i0.0.0-0 f0.10.55 i0.11.0-0 f0.11.2",
            "0.10.54 0.11.0-rc.1 0.11.1",
            "0.10.55 0.11.2 1.0.0",
        ),
        ("Native", Ecosystem::Native, "", "i1.6.0 f1.6.37", "1.6 1.6.9 1.6.36", "1.5.30 1.6.37"),
    ];
    for (named, kind, release, events, yes, no) in cases {
        let sets = import(&[of(named, "p", "A-1", events)], true);
        let index = sets.values().next().unwrap();
        for (versions, expected) in [(yes, "A-1"), (no, "")] {
            for version in versions.split(' ') {
                let found = assessed(index, *kind, release, "p", version);
                assert_eq!(found, expected, "{version} in `{events}` of {named}");
            }
        }
    }
    // A list stands in only where no range can be read.
    let listed = |ranges: Value| {
        let mut made = of("Debian:12", "p", "A-1", "i0");
        made["affected"][0]["ranges"] = ranges;
        made["affected"][0]["versions"] = json!(["1.0-1", "not a version"]);
        import(&[made], true).remove("deb-debian").unwrap()
    };
    let unreadable = json!([{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "a b"}]}]);
    let git = json!([{"type": "GIT", "repo": "x", "events": [{"introduced": "0"}]}]);
    let readable = json!([{"type": "ECOSYSTEM", "events": [{"introduced": "5"}]}]);
    for (ranges, one, two) in [(unreadable, "A-1", ""), (git, "A-1", ""), (readable, "", "")] {
        let index = listed(ranges.clone());
        let told = |version| assessed(&index, Ecosystem::Deb, "debian:12", "p", version);
        assert_eq!((told("1.0-1").as_str(), told("1.0-2").as_str()), (one, two), "{ranges}");
    }
    let index = listed(json!([]));
    assert_eq!(assessed(&index, Ecosystem::Deb, "debian:12", "p", "a b"), "(its version cannot be compared)");
}

/// By its own id or by an alias, in one record or in several about the same package.
fn malicious_packages_are_told_as_such() {
    let told = |records: &[Value]| -> Vec<(String, bool)> {
        found(&build(records), "1").into_iter().map(|it| (it.name, it.malicious)).collect()
    };
    assert_eq!(told(&[record("MAL-2024-1", "i0")]), [("MAL-2024-1".to_owned(), true)]);
    assert_eq!(told(&[record("PYSEC-1 MAL-2024-1", "i0")]), [("PYSEC-1".to_owned(), true)]);
    let both = [record("MAL-2024-1 GHSA-1", "i0"), record("GHSA-1", "i0")];
    assert_eq!(told(&both), [("GHSA-1".to_owned(), true)]);
    assert_eq!(told(&[record("PYSEC-1 CVE-2024-1", "i0")]), [("CVE-2024-1".to_owned(), false)]);
    // A word in the middle of a name is none.
    assert_eq!(told(&[record("NORMAL-MAL-1", "i0")]), [("NORMAL-MAL-1".to_owned(), false)]);
}
