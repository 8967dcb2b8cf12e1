//! Attestations: what is signed, what each predicate must hold, what lies in the file of them, and how they are counted.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;
use weighbridge_core::listing::Listing;
use weighbridge_net::open::listing;
use weighbridge_trust::attest::{
    self, Claim, ClaimError, FileError, Here, MOST, Outcome, Scan, Type, append, check, lines,
};
use weighbridge_trust::bundle::Bundle;
use weighbridge_trust::digests::Algorithm;
use weighbridge_trust::keyless::Identity;
use weighbridge_trust::oms::{self, Hashing, Manifest, Method, Signer, Status, Tolerance, Trust};
use weighbridge_trust::policy::{Claimed, Policy, Requirement, Voucher};
use weighbridge_trust::{Curve, PrivateKey};

use crate::Test;
use crate::certificates::{DAY, NOW};
use crate::models::{Holder, choice, model};

pub(crate) const TESTS: &[Test] = &[
    ("attestations::what is attested verifies and is compared", what_is_attested_verifies_and_is_compared),
    ("attestations::every field of a predicate is asked for by name", every_field_is_asked_for_by_name),
    ("attestations::a type is known by what is attested", a_type_is_known_by_what_is_attested),
    ("attestations::no byte of a line can be changed", no_byte_of_a_line_can_be_changed),
    ("attestations::a statement that contradicts itself is refused", a_statement_is_refused),
    ("attestations::what is added disturbs nothing", what_is_added_disturbs_nothing),
    ("attestations::a huge file is refused before it is read", a_huge_file_is_refused),
    ("attestations::a file is known by its digest", a_file_is_known_by_its_digest),
    ("attestations::one key counts once and two roles are two", one_key_counts_once_and_two_roles_are_two),
    ("attestations::the last verdict is the one that counts", the_last_verdict_is_the_one_that_counts),
    ("attestations::an age is told by whoever attests", an_age_is_told_by_whoever_attests),
    (
        "attestations::what a policy asks for is told with its line",
        what_a_policy_asks_for_is_told_with_its_line,
    ),
];

fn hashing() -> Hashing<'static> {
    Hashing { cache: None, halt: &|| false, progress: &|_| {} }
}

fn manifest(model: &TempDir) -> Manifest {
    let choice = choice(Method::Files, Algorithm::Sha256);
    oms::describe(&listing::list(model.path()).unwrap(), &choice, &hashing()).unwrap().manifest
}

fn holder() -> Holder {
    Holder(PrivateKey::generate(Curve::P256).unwrap(), Vec::new())
}

/// A scan of this time with this outcome.
fn scan(time: i64, outcome: Outcome) -> Value {
    let scan = Scan {
        time,
        outcome,
        version: "0.1.0".to_owned(),
        tables: "2026-01-01.1".to_owned(),
        advisories: "2026-01-01".to_owned(),
        fail_on: "high".to_owned(),
        policy: Some(("weighbridge.toml".to_owned(), "ab".repeat(32))),
        findings: vec![("low", 1), ("high", 0)],
        read: (3, 0),
    };
    scan.to_predicate()
}

fn attest_scan(model: &TempDir, outcome: Outcome, holder: &Holder) -> Bundle {
    let predicate = scan(NOW, outcome);
    let predicate_type = check(Type::Scan, None, &predicate).unwrap();
    attest::sign(Claim::statement(&manifest(model), &predicate_type, predicate), holder).unwrap()
}

/// A line of a file of attestations.
pub(crate) fn line() -> Vec<u8> {
    attest_scan(&model(), Outcome::Pass, &holder()).to_json().into_bytes()
}

/// What was found of each file that is not as it was attested.
fn compare(model: &TempDir, claim: &Claim) -> Vec<String> {
    let listing = listing::list(model.path()).unwrap();
    let tolerance = Tolerance {
        claims: vec!["claims.jsonl".to_owned()],
        ignore_paths: vec!["model.sig".to_owned()],
        ..Tolerance::default()
    };
    let here = Here::look(&listing, [claim].into_iter(), &tolerance, &hashing());
    let told = |(path, status): (&String, &Status)| match status {
        Status::Ok => None,
        Status::Changed { .. } => Some(format!("changed {path}")),
        other => Some(format!("{other:?} {path}").to_lowercase()),
    };
    claim.compare(&here).files.iter().filter_map(told).collect()
}

fn what_is_attested_verifies_and_is_compared() {
    let (model, holder) = (model(), holder());
    let bundle = attest_scan(&model, Outcome::Pass, &holder);
    let bundle = Bundle::read(bundle.to_json().as_bytes()).unwrap();
    let signer = attest::signer(&bundle, Trust::Key(&holder.0.public_key())).unwrap();
    assert_eq!(signer, Signer::Key(holder.0.public_key()));
    let claim = Claim::read(&bundle.envelope.payload).unwrap();
    assert_eq!((claim.kind, claim.time, claim.outcome), (Type::Scan, Some(NOW), Some(Outcome::Pass)));
    assert_eq!(compare(&model, &claim), Vec::<String>::new());
    // The same again gives the same bytes.
    assert_eq!(attest_scan(&model, Outcome::Pass, &holder).to_json(), bundle.to_json());
    // What lies there beside it, and is no part of what was attested.
    fs::write(model.path().join("claims.jsonl"), "").unwrap();
    fs::write(model.path().join("model.sig"), "").unwrap();
    fs::write(model.path().join(".gitattributes"), "").unwrap();
    assert_eq!(
        compare(&model, &claim),
        [
            "ignored { runs: false } .gitattributes",
            "ignored { runs: false } claims.jsonl",
            "ignored { runs: false } model.sig"
        ]
    );
    fs::write(model.path().join("new.py"), "print(1)").unwrap();
    fs::write(model.path().join("config.json"), "[]").unwrap();
    fs::remove_file(model.path().join("empty.txt")).unwrap();
    let found = compare(&model, &claim);
    for expected in ["changed config.json", "missing empty.txt", "extra new.py"] {
        assert!(found.iter().any(|told| told == expected), "{found:?}");
    }
    // Nobody else signed it.
    let other = PrivateKey::generate(Curve::P256).unwrap();
    assert!(attest::signer(&bundle, Trust::Key(&other.public_key())).is_err());
}

/// Provenance of a model that was trained.
fn provenance() -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://weighbridge.dev/train/v1",
            "externalParameters": { "epochs": 3 },
            "resolvedDependencies": [{ "uri": "hf://a/base", "digest": { "sha256": "ab".repeat(32) } }],
        },
        "runDetails": {
            "builder": { "id": "https://ci.example/trainer" },
            "metadata": { "finishedOn": "2025-12-31T12:00:00Z" },
        },
    })
}

fn spdx() -> Value {
    json!({
        "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "m", "dataLicense": "CC0-1.0",
        "documentNamespace": "https://a.example/m",
        "creationInfo": { "created": "2026-01-31T12:00:00Z", "creators": ["Tool: t"] },
    })
}

fn every_field_is_asked_for_by_name() {
    let slsa = provenance();
    let eval = json!({ "result": "PASSED", "configuration": [{ "digest": { "sha256": "ab".repeat(32) } }],
        "passedTests": ["a"] });
    let cyclonedx = json!({ "bomFormat": "CycloneDX", "specVersion": "1.6" });
    let scan = scan(NOW, Outcome::Fail);
    for (kind, good, fields) in [
        (
            Type::Train,
            &slsa,
            &[
                "buildDefinition",
                "buildDefinition.buildType",
                "buildDefinition.externalParameters",
                "buildDefinition.resolvedDependencies",
                "buildDefinition.resolvedDependencies[0].digest",
                "runDetails",
                "runDetails.builder",
                "runDetails.builder.id",
            ][..],
        ),
        (Type::Slsa, &slsa, &["buildDefinition", "buildDefinition.buildType", "runDetails.builder.id"]),
        (Type::Eval, &eval, &["result", "configuration"]),
        (Type::Sbom, &cyclonedx, &["specVersion"]),
        (
            Type::Sbom,
            &spdx(),
            &["SPDXID", "name", "dataLicense", "documentNamespace", "creationInfo", "creationInfo.creators"],
        ),
        (
            Type::Scan,
            &scan,
            &[
                "verifier",
                "verifier.id",
                "verifier.policies",
                "timeCreated",
                "properties",
                "weighbridge_scan",
                "weighbridge_scan.verdict",
            ],
        ),
    ] {
        check(kind, None, good).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        for field in fields {
            let mut lacking = good.clone();
            let pointer = format!("/{}", field.replace(['.', '['], "/").replace(']', ""));
            let (above, name) = pointer.rsplit_once('/').unwrap();
            let removed = lacking.pointer_mut(above).unwrap().as_object_mut().unwrap().remove(name);
            assert!(removed.is_some(), "{field}");
            let error = check(kind, None, &lacking).unwrap_err().to_string();
            assert_eq!(error, format!("`{field}` is missing in it"), "{kind:?}");
        }
    }
    for (kind, path, value, error) in [
        (Type::Eval, "/result", json!("GREAT"), "`result` in it is not `PASSED`, `WARNED` or `FAILED`"),
        (
            Type::Train,
            "/buildDefinition/buildType",
            json!("https://other.example"),
            "`buildDefinition.buildType` in it is not one of",
        ),
        (
            Type::Train,
            "/runDetails/metadata/finishedOn",
            json!("yesterday"),
            "`runDetails.metadata.finishedOn` in it is not a time",
        ),
        (Type::Train, "/buildDefinition/externalParameters", json!([]), "is not an object"),
        (
            Type::Train,
            "/buildDefinition/resolvedDependencies/0/digest/sha256",
            json!("AB"),
            "`buildDefinition.resolvedDependencies[0].digest.sha256` in it is not 64 hexadecimal digits",
        ),
        (
            Type::Scan,
            "/properties",
            json!(["WEIGHBRIDGE_SCAN_PASS"]),
            "is not what the verdict beside it says",
        ),
        (Type::Scan, "/timeCreated", json!("2026-13-01T00:00:00Z"), "is not a time"),
        (Type::Sbom, "/specVersion", json!("2.0"), "is not `1.x`"),
    ] {
        let mut wrong = match kind {
            Type::Eval => eval.clone(),
            Type::Scan => scan.clone(),
            Type::Sbom => cyclonedx.clone(),
            _ => slsa.clone(),
        };
        *wrong.pointer_mut(path).unwrap() = value;
        let said = check(kind, None, &wrong).unwrap_err().to_string();
        assert!(said.contains(error), "{said}");
    }
    assert!(check(Type::Sbom, None, &json!({})).unwrap_err().to_string().contains("bomFormat"));
    assert!(check(Type::Scan, None, &json!(3)).is_err() && check(Type::Slsa, None, &Value::Null).is_err());
}

fn a_type_is_known_by_what_is_attested() {
    let model = model();
    let files = manifest(&model);
    let read = |predicate_type: &str, predicate: Value| {
        Claim::read(&Claim::statement(&files, predicate_type, predicate)).unwrap()
    };
    let of_build = |build: &str| {
        let mut predicate = provenance();
        predicate["buildDefinition"]["buildType"] = build.into();
        read(attest::SLSA, predicate).kind
    };
    assert_eq!(of_build("https://weighbridge.dev/merge/v1"), Type::Train);
    assert_eq!(of_build("https://weighbridge.dev/dataset/v1"), Type::Dataset);
    assert_eq!(of_build("https://weighbridge.dev/else/v1"), Type::Slsa);
    assert!(Type::Train.is(Type::Slsa) && !Type::Slsa.is(Type::Train) && !Type::Train.is(Type::Dataset));
    let sbom = read("https://spdx.dev/Document", spdx());
    assert_eq!((sbom.kind, sbom.time), (Type::Sbom, Some(1_769_860_800)));
    let bom = json!({ "bomFormat": "CycloneDX", "specVersion": "1.5" });
    assert_eq!(read("https://cyclonedx.org/bom/v1.5", bom).kind, Type::Sbom);
    let graph = json!({ "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [] });
    assert_eq!(check(Type::Sbom, None, &graph).as_deref(), Ok("https://spdx.dev/Document/v3"));
    assert_eq!(
        check(Type::Custom, Some("https://a.example/b"), &Value::Null).as_deref(),
        Ok("https://a.example/b")
    );
    // The predicate of a type of its own is checked under whatever name it comes.
    assert!(check(Type::Custom, Some(attest::SLSA), &provenance()).is_err());
    // Another verifier's result says nothing that is known here.
    let other = json!({ "verifier": { "id": "https://other.example", "policies": [] },
        "timeCreated": "2026-01-31T12:00:00Z", "properties": ["WEIGHBRIDGE_SCAN_PASS"] });
    assert_eq!(read("https://in-toto.io/attestation/svr/v0.2", other).outcome, None);
}

fn no_byte_of_a_line_can_be_changed() {
    let (model, holder) = (model(), holder());
    let key = holder.0.public_key();
    let json = attest_scan(&model, Outcome::Fail, &holder).to_json();
    let honest = Claim::read(&Bundle::read(json.as_bytes()).unwrap().envelope.payload).unwrap();
    let mut refused = 0;
    for at in 0..json.len() {
        for flip in [0x01, 0x20] {
            let mut bytes = json.clone().into_bytes();
            bytes[at] ^= flip;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            for line in lines(&text).unwrap() {
                let Ok(bundle) = line.bundle else {
                    refused += 1;
                    continue;
                };
                match attest::signer(&bundle, Trust::Key(&key)) {
                    // The hint of the key, a key id, blanks of base64: nothing that is signed.
                    Ok(_) => {
                        assert_eq!(Claim::read(&bundle.envelope.payload).as_ref(), Ok(&honest), "byte {at}")
                    }
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(refused > json.len(), "only {refused} changes were noticed");
}

fn a_statement_is_refused() {
    let good = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "a", "digest": { "sha256": "ab".repeat(32) } }],
        "predicateType": "https://a.example/b",
        "predicate": {},
    });
    let read = |value: &Value| Claim::read(&serde_json::to_vec(value).unwrap());
    assert!(read(&good).is_ok());
    for field in ["_type", "subject", "predicateType", "predicate"] {
        let mut lacking = good.clone();
        lacking.as_object_mut().unwrap().remove(field);
        assert!(matches!(read(&lacking), Err(ClaimError::Malformed(_))), "{field}");
    }
    for (path, value, error) in [
        ("/_type", json!("https://in-toto.io/Statement/v0.1"), "`_type` is"),
        ("/subject", json!([]), "no subject"),
        ("/subject/0/digest", json!({}), "its subject `a` has no sha256"),
        ("/subject/0/digest/sha256", json!("AB".repeat(32)), "no sha256 in lower case"),
        ("/subject/0/digest/sha256", json!("ab"), "no sha256"),
        ("/predicateType", json!(attest::SLSA), "`buildDefinition` is missing in it"),
    ] {
        let mut wrong = good.clone();
        *wrong.pointer_mut(path).unwrap() = value;
        let said = read(&wrong).unwrap_err().to_string();
        assert!(said.contains(error), "{said}");
    }
    let mut twice = good.clone();
    let subject = twice["subject"][0].clone();
    twice["subject"].as_array_mut().unwrap().push(subject);
    assert_eq!(read(&twice), Err(ClaimError::Duplicate("a".to_owned())));
}

fn what_is_added_disturbs_nothing() {
    let (model, one, other) = (model(), holder(), holder());
    let first = attest_scan(&model, Outcome::Pass, &one);
    let second = attest_scan(&model, Outcome::Pass, &other);
    // What others write: fields that nobody here knows, other blanks, no end of the last line.
    let mut foreign: Value = serde_json::from_str(&first.to_json()).unwrap();
    foreign["verificationMaterial"]["tlogEntries"] = json!([{ "inclusionProof": "theirs" }]);
    foreign["unknown"] = json!({ "kept": true });
    let text = format!("\n  {foreign}\r\n\n{foreign} ");
    let longer = append(&text, &second).unwrap();
    assert_eq!(longer, format!("{text}\n{}\n", second.to_json()));
    let read = lines(&longer).unwrap();
    assert_eq!(read.iter().map(|line| line.number).collect::<Vec<_>>(), [2, 4, 5]);
    assert!(read.iter().all(|line| line.bundle.is_ok()));
    // The same again is there already.
    assert_eq!(append(&longer, &second).as_deref(), Ok(longer.as_str()));
    // A data set that is called so stays one.
    let error = append("{\"claim\": \"water damage\"}\n", &second).unwrap_err();
    assert!(matches!(error, FileError::Line(1, _)), "{error}");
    // protobuf-specs: an envelope has exactly one signature.
    let mut doubled = first;
    doubled.envelope.signatures.push(vec![1]);
    assert!(lines(&doubled.to_json()).unwrap()[0].bundle.is_err());
}

fn a_huge_file_is_refused() {
    let line = attest_scan(&model(), Outcome::Pass, &holder()).to_json();
    let full = format!("{line}\n").repeat(MOST);
    assert_eq!(lines(&full).unwrap().len(), MOST);
    let more = attest_scan(&model(), Outcome::Fail, &holder());
    assert_eq!(append(&full, &more), Err(FileError::TooMany));
    assert_eq!(lines(&"{}\n".repeat(100_000)), Err(FileError::TooMany));
    assert_eq!(lines(&"\n".repeat(100_000)), Ok(Vec::new()));
    assert_eq!(lines(&"x".repeat(attest::LARGEST + 1)), Err(FileError::TooLarge));
    assert_eq!(lines(&format!("{line}\n{}", "x".repeat(17 << 20))), Err(FileError::TooLong(2)));
}

/// Whether a claim is true of a file.
fn is_true(claim: &Claim, listing: &Listing) -> bool {
    let here = Here::look(listing, [claim].into_iter(), &Tolerance::default(), &hashing());
    claim.compare(&here).is_true()
}

fn a_file_is_known_by_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.whl");
    fs::write(&path, "wheel").unwrap();
    let listed = || listing::list(&path).unwrap();
    let choice = choice(Method::Files, Algorithm::Sha256);
    let files = oms::describe(&listed(), &choice, &hashing()).unwrap().manifest;
    let claim = Claim::read(&Claim::statement(&files, "https://a.example/b", Value::Null)).unwrap();
    assert_eq!(claim.subjects[0].0, "a.whl");
    assert!(is_true(&claim, &listed()));
    let renamed = folder.path().join("b.whl");
    fs::rename(&path, &renamed).unwrap();
    let listed = || listing::list(&renamed).unwrap();
    assert!(is_true(&claim, &listed()), "one file is known by its bytes");
    // Of several that are named, it must be the one.
    let mut several = claim.clone();
    several.subjects.push(("c.whl".to_owned(), claim.subjects[0].1.clone()));
    assert!(!is_true(&several, &listed()));
    fs::write(&renamed, "other").unwrap();
    assert!(!is_true(&claim, &listed()));
}

/// The requirements of the first rule of a policy in which `a`, `b`, `c` and `d` are anchors, of whom the last two approve.
fn requirements(require: &str) -> Vec<Requirement> {
    let mut text = "version = 1\n".to_owned();
    for (id, role) in [("a", "trainer"), ("b", "scanner"), ("c", "approver"), ("d", "approver")] {
        text += &format!("[[anchor]]\nid = '{id}'\nrole = '{role}'\nkind = 'public-key'\nkey = '{id}.pub'\n");
    }
    text += &format!("[[rule]]\nmatch = 'm'\nrequire = [{require}]\n");
    Policy::read(&text, "trust.toml").unwrap().rules.remove(0).require
}

/// Somebody's claim of a type and an outcome, of this many days ago.
fn claim(predicate: Value, kind: Type) -> Claim {
    let predicate_type = check(kind, Some("https://a.example/approved/v1"), &predicate).unwrap();
    Claim::read(&Claim::statement(&manifest(&model()), &predicate_type, predicate)).unwrap()
}

fn claimed<'a>(anchor: &'a str, signer: &'a Signer, claim: &'a Claim) -> Claimed<'a> {
    Claimed { voucher: Voucher { anchor, signer, stated: claim.time }, claim, is_pep740: false }
}

fn signers() -> [Signer; 3] {
    [(); 3].map(|()| Signer::Key(PrivateKey::generate(Curve::P256).unwrap().public_key()))
}

fn one_key_counts_once_and_two_roles_are_two() {
    let [one, other, third] = signers();
    let (trained, approved) = (claim(provenance(), Type::Train), claim(Value::Null, Type::Custom));
    let both = requirements(
        "{ type = 'train', by-role = ['trainer'] }, \
         { type = 'custom', predicate-type = 'https://a.example/approved/v1', by-role = ['approver'], threshold = 2 }",
    );
    let met = |claims: &[Claimed<'_>]| {
        both.iter().map(|asked| asked.is_met(&asked.judge_claims(claims, NOW))).collect::<Vec<_>>()
    };
    let by_a = claimed("a", &one, &trained);
    assert_eq!(met(&[by_a, claimed("c", &other, &approved), claimed("d", &third, &approved)]), [true, true]);
    // One anchor twice, one key under two names, somebody of another role, another type.
    assert_eq!(met(&[by_a, claimed("c", &other, &approved), claimed("c", &third, &approved)]), [true, false]);
    assert_eq!(met(&[by_a, claimed("c", &other, &approved), claimed("d", &other, &approved)]), [true, false]);
    assert_eq!(met(&[by_a, claimed("c", &other, &approved), claimed("b", &third, &approved)]), [true, false]);
    assert_eq!(met(&[claimed("c", &one, &trained), claimed("d", &third, &trained)]), [false, false]);
    // Training is building.
    let built = &requirements("{ type = 'slsa', by = ['a'] }")[0];
    assert!(built.is_met(&built.judge_claims(&[by_a], NOW)));
    // Ids and roles are counted together, each once.
    let mixed = &requirements("{ type = 'train', by = ['c'], by-role = ['approver'], threshold = 2 }")[0];
    assert_eq!(mixed.by, ["c", "d"]);
}

fn the_last_verdict_is_the_one_that_counts() {
    let [one, other, _] = signers();
    let scans = |outcome, days: i64| claim(scan(NOW - days * DAY, outcome), Type::Scan);
    let (old, new) = (scans(Outcome::Pass, 9), scans(Outcome::Pass, 1));
    let (failed, unfinished) = (scans(Outcome::Fail, 5), scans(Outcome::Incomplete, 1));
    let asked = &requirements("{ type = 'scan', by = ['a', 'b'] }")[0];
    let judged = |claims: &[&Claim]| {
        let claims: Vec<Claimed<'_>> = claims.iter().map(|claim| claimed("a", &one, claim)).collect();
        asked.judge_claims(&claims, NOW)
    };
    assert_eq!(judged(&[&old]).count, 1);
    assert_eq!(judged(&[&old, &failed]).count, 0);
    assert_eq!(judged(&[&old, &failed]).short, ["the verdict of `a` is fail, not pass"]);
    assert_eq!(judged(&[&failed, &old, &new]).count, 1);
    assert_eq!(judged(&[&unfinished, &new]).count, 0, "two of one time must both have passed");
    // Another one's failure does not weigh against what somebody who is asked for says.
    let claims = [claimed("a", &one, &new), claimed("b", &other, &failed)];
    assert_eq!(asked.judge_claims(&claims, NOW).count, 1);
    // Where any verdict will do, that there is one is enough.
    let any = &requirements("{ type = 'scan', by = ['a'], verdict = 'any' }")[0];
    assert_eq!(any.judge_claims(&[claimed("a", &one, &failed)], NOW).count, 1);
    // A date to come would be the last word for ever.
    let ahead = scans(Outcome::Pass, -2);
    assert_eq!(judged(&[&ahead, &failed]).count, 0);
    assert!(judged(&[&ahead]).short[0].contains("signed in the future"));
}

fn an_age_is_told_by_whoever_attests() {
    let [one, ..] = signers();
    let asked = &requirements("{ type = 'scan', by = ['a'], max-age = '7d' }")[0];
    let judge = |signer: &Signer, days: i64| {
        let claim = claim(scan(NOW - days * DAY, Outcome::Pass), Type::Scan);
        asked.judge_claims(&[claimed("a", signer, &claim)], NOW)
    };
    assert_eq!(judge(&one, 7).count, 1);
    assert_eq!(judge(&one, 8).short, ["`a` signed 8 days ago, more than 7 days (`max-age`)"]);
    // The log knows better than he does when he signed; an old result that is signed anew is no younger.
    let at = |days: i64| {
        Signer::Identity(Identity {
            name: "ci@models.example".to_owned(),
            issuer: "https://models.example".to_owned(),
            time: Some(NOW - days * DAY),
        })
    };
    assert_eq!((judge(&at(1), 2).count, judge(&at(9), 2).count, judge(&at(1), 9).count), (1, 0, 0));
    // Who does not say when cannot be known to be young.
    let approved = claim(Value::Null, Type::Custom);
    let asked = &requirements(
        "{ type = 'custom', predicate-type = 'https://a.example/approved/v1', by = ['a'], max-age = '7d' }",
    )[0];
    assert!(asked.judge_claims(&[claimed("a", &one, &approved)], NOW).short[0].contains("no trusted time"));
}

fn what_a_policy_asks_for_is_told_with_its_line() {
    let anchors = "version = 1\n[[anchor]]\nid = 'a'\nrole = 'x'\nkind = 'public-key'\nkey = 'a.pub'\n";
    for (rest, line, message) in [
        ("{type='scan', by-role=['y']}", 9, "no anchor has the role `y`"),
        ("{type='scan', by-role=['x'], threshold=2}", 9, "1 may sign: it can never be met"),
        ("{type='scan', by-role=['x', 'x']}", 9, "`by-role` names `x` twice"),
        ("{type='scan', by-role=[]}", 9, "`by-role` is empty"),
        ("{type='scan'}", 9, "does not say by whom"),
        ("{type='scan', by=['a'], verdict='fail'}", 9, "`verdict` cannot be `fail`"),
        ("{type='slsa', by=['a'], verdict='pass'}", 9, "of type `slsa` has no `verdict`"),
        ("{type='oms', by=['a'], predicate-type='p'}", 9, "of type `oms` has no `predicate-type`"),
        ("{type='custom', by=['a']}", 9, "does not say which predicate"),
        ("{type='scann', by=['a']}", 9, "there is no type `scann`"),
    ] {
        let text = format!("{anchors}[[rule]]\nmatch = 'm'\nrequire = [{rest}]\n");
        let error = Policy::read(&text, "trust.toml").unwrap_err();
        assert_eq!(error.line, line, "{rest}: {error}");
        assert!(error.message.contains(message), "{rest}: {error}");
    }
    let role = "version = 1\n[[anchor]]\nid = 'a'\nrole = 'x y'\nkind = 'public-key'\nkey = 'a.pub'\n";
    assert_eq!(
        Policy::read(role, "t").unwrap_err().to_string(),
        "t:4: a `role` is at most 64 letters, digits, `-`, `_` and `.`"
    );
}
