//! Bills of materials: what is taken for one, what is read of it, and what is told where it is broken.

use std::sync::Arc;

use weighbridge_core::limits::Limits;
use weighbridge_core::place::Class;
use weighbridge_core::reader::Claim;
use weighbridge_read::package::seeds::seeds;

use crate::package_facts::{check, claim, read, read_source};

pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
    trials![
        names_and_folders_are_claimed,
        every_standard_says_the_same,
        everything_is_a_claim,
        what_is_no_bill_is_told_where_one_was_expected,
        broken_parts_do_not_hide_sound_ones,
        contradictions_are_told,
        circles_are_pairs_like_others,
        a_million_components_end_at_the_limit,
        nesting_is_bounded,
        a_cut_document_is_told,
    ]
}

fn names_and_folders_are_claimed() {
    for (path, expected) in [
        ("site-packages/a-1.0.dist-info/sboms/whatever", Claim::ByName),
        ("site-packages/a-1.0.dist-info/sboms/deep/er/b.json", Claim::ByName),
        ("a-1.0.dist-info/sboms/sbom.json", Claim::ByName),
        ("release/x.CDX.json", Claim::ByName),
        ("x.spdx.json", Claim::ByName),
        ("bom.json", Claim::ByName),
        // Data that a package brings along, such as the samples of a library for bills of materials.
        ("lib/site-packages/a/tests/bom.json", Claim::No),
        ("sboms/other.json", Claim::No),
        ("bom.json.bak", Claim::No),
    ] {
        assert_eq!(claim("bom", path, b"{}"), expected, "{path}");
    }
}

fn every_standard_says_the_same() {
    let digest = "#e3b0";
    let expected = [
        format!(
            "CycloneDX 1.5 | a 1.0 pkg:pypi/a@1.0 (subject) | openssl 3.0.7 pkg:generic/openssl@3.0.7?x=y {digest} \
             | zlib 1.3 - in 1 0->1 1->2"
        ),
        format!("SPDX 2.3 | a 1.0 - (subject) | serde 1.0.228 pkg:cargo/serde@1.0.228 {digest} 0->1"),
        format!("SPDX 3.0.1 | a 1.0 - (subject) | zlib 1.3 pkg:generic/zlib@1.3 {digest} 0->1"),
    ];
    for ((path, content), expected) in seeds("bom").iter().zip(expected) {
        check("bom", path, std::str::from_utf8(content).unwrap(), &[&expected]);
    }
}

fn everything_is_a_claim() {
    for (path, content) in seeds("bom") {
        assert!(read("bom", path, content).facts.iter().all(|fact| fact.evidence.class == Class::Claimed));
    }
}

fn what_is_no_bill_is_told_where_one_was_expected() {
    let unknown = "ended: bill of materials of an unknown standard, not read by this version";
    check("bom", "a.dist-info/sboms/x", "{}", &[unknown]);
    check("bom", "x.cdx.json", r#"{"bomFormat": "Other"}"#, &[unknown]);
    check("bom", "bom.xml", "<bom/>", &["ended: bill of materials as XML, not read by this version"]);
    // Bills of other trades are called so too.
    check("bom", "bom.json", r#"{"screws": 12}"#, &[]);
    check("bom", "sbom.json", "no JSON at all", &[]);
    let newer = r#"{"bomFormat": "CycloneDX", "specVersion": "2.0", "components": [{"name": "a"}]}"#;
    check(
        "bom",
        "bom.json",
        newer,
        &["@0: unread: CycloneDX version `2.0`, not read by this version", "CycloneDX 2.0 | a - -"],
    );
}

fn broken_parts_do_not_hide_sound_ones() {
    check(
        "bom",
        "x.cdx.json",
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
{"version": "1", "components": [{"name": "inner"}]}, 7, {"name": 3},
{"name": "b", "version": 2, "purl": "no", "hashes": [{"alg": "SHA-256", "content": "zz"}]},
{"name": "c"}], "dependencies": {}}"#,
        &[
            "@65: unread: malformed: a component without name",
            "@118: unread: malformed: a component without name",
            "@130: malformed: `name` is no text",
            "@121: unread: malformed: a component without name",
            "@159: malformed: `version` is no text",
            "@134: malformed: no package URL: `no`",
            "@187: malformed: a SHA-256 that is none",
            "@258: unread: malformed: `dependencies` is no list",
            "CycloneDX 1.6 | inner - - | b - - | c - -",
        ],
    );
}

fn contradictions_are_told() {
    check(
        "bom",
        "x.cdx.json",
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.6",
"components": [{"bom-ref": "r", "name": "a", "version": "1"}, {"bom-ref": "r", "name": "a", "version": "2"}],
"dependencies": [{"ref": "r", "dependsOn": ["nobody", 1]}, {}]}"#,
        &[
            "@111: malformed: two components are called `r`",
            "@213: malformed: an edge to what is no text",
            "@218: malformed: an edge without `ref`",
            "@203: malformed: an edge names `nobody`, which is not listed",
            "CycloneDX 1.6 | a 1 - | a 2 -",
        ],
    );
}

fn circles_are_pairs_like_others() {
    check(
        "bom",
        "x.cdx.json",
        r#"{"bomFormat": "CycloneDX", "specVersion": "1.6",
"components": [{"bom-ref": "a", "name": "a"}, {"bom-ref": "b", "name": "b"}],
"dependencies": [{"ref": "a", "dependsOn": ["b", "b"]}, {"ref": "b", "dependsOn": ["a", "b"]}]}"#,
        &["CycloneDX 1.6 | a - - | b - - 0->1 1->0 1->1"],
    );
}

fn a_million_components_end_at_the_limit() {
    let mut text = String::from(r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": ["#);
    text.push_str(&r#"{"name":"a"},"#.repeat(1_000_000));
    text.push_str(r#"{"name":"b"}]}"#);
    let reading = read_source("bom", "x.cdx.json", Arc::new(text.into_bytes()), Limits::default());
    assert_eq!(reading.problems(), ["unread: more than 200000 facts from one entry"]);
    assert_eq!(reading.boms().map(|bom| bom.components.len()).collect::<Vec<_>>(), [200_000]);
}

fn nesting_is_bounded() {
    let mut text = String::from(r#"{"bomFormat": "CycloneDX", "specVersion": "1.6""#);
    text.push_str(&r#", "components": [{"name": "a""#.repeat(10_000));
    text.push_str(&"}]".repeat(10_000));
    text.push('}');
    check("bom", "x.cdx.json", &text, &["ended: more than 400 containers nested in each other"]);
}

fn a_cut_document_is_told() {
    for (path, content) in seeds("bom") {
        let cut = content[..content.len() - 2].to_vec();
        let size = cut.len();
        let reading = read_source("bom", path, Arc::new(cut), Limits::default());
        assert_eq!(reading.problems().len(), 1, "{path} of {size} bytes");
    }
}
