//! Models that were approved or signed, in an ordinary scan: each way in which they can change, and no noise.

use std::sync::LazyLock;

use libtest_mimic::Trial;
use weighbridge_check::policy::Policy;
use weighbridge_core::context::Context;
use weighbridge_core::date::Date;
use weighbridge_core::digest::Digest;
use weighbridge_core::lock::{Approval, Identity, Kind, Pin, Signer};
use weighbridge_core::report::Report;
use weighbridge_engine::flow::{Request, scan};
use weighbridge_net::open::{above, listing};
use weighbridge_trust::attest::{self, Claim};
use weighbridge_trust::bundle::Material;
use weighbridge_trust::digests::Algorithm;
use weighbridge_trust::lock;
use weighbridge_trust::oms::{self, Choice, Hashing, Method, Signs};
use weighbridge_trust::{Curve, PrivateKey};

use crate::support::{Folder, context, test};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("locks::what_is_as_it_was_approved_and_signed_is_quiet", quiet),
        test("locks::a_changed_file_is_caught_by_lock_and_by_signature", changed),
        test("locks::files_that_come_and_go_are_told", come_and_go),
        test("locks::another_signer_is_told", another_signer),
        test("locks::a_signature_that_does_not_hold_is_told", not_holding),
        test("locks::a_lost_signature_is_told", lost),
        test("locks::what_is_attested_is_compared", attested),
        test("locks::a_demanded_signature_is_missed", demanded),
        #[cfg(unix)]
        test("locks::a_moved_revision_is_told", moved),
        test("locks::a_broken_lock_is_told_once_and_compares_nothing", broken),
        test("locks::a_file_alone_can_be_locked_and_signed", alone),
        test("locks::a_lock_counts_from_its_own_folder", own_folder),
        test("locks::a_lock_inside_an_archive_is_nobodys", inside),
        test("locks::a_lock_above_the_target_is_compared_as_if_the_scan_had_begun_there", above),
        test("locks::a_lock_above_judges_only_what_lies_in_the_target", only_in_the_target),
        test("locks::a_file_alone_is_compared_with_the_lock_above_it", file_below_a_lock),
        test("locks::a_lock_above_counts_once", above_once),
        test("locks::a_lock_above_that_cannot_be_read_is_told", above_broken),
        #[cfg(unix)]
        test("locks::a_cache_of_the_hub_below_a_lock_is_compared", hub_below_a_lock),
        test("locks::shards_are_compared_as_far_as_they_go", shards),
        test("locks::files_nobody_else_reads_are_hashed_for_the_lock", hashed),
    ]
}

/// A pickle that holds nothing.
const PICKLE: &[u8] = b"\x80\x02}X\x01\0\0\0aK\x01s.";

/// Another one.
const OTHER: &[u8] = b"\x80\x02}.";

/// Two keys: making one takes a while.
pub(crate) static KEYS: LazyLock<[PrivateKey; 2]> =
    LazyLock::new(|| [(); 2].map(|()| PrivateKey::generate(Curve::P256).unwrap()));

pub(crate) struct Holder<'a>(pub(crate) &'a PrivateKey);

impl Signs for Holder<'_> {
    fn material(&self) -> Material {
        Material::Key(self.0.public_key().hint())
    }

    fn sign(&self, encoded: &[u8]) -> Result<Vec<u8>, String> {
        Ok(self.0.sign(encoded))
    }
}

/// A model with a few files.
fn model() -> Folder {
    Folder::new()
        .file("m/w.pkl", PICKLE)
        .file("m/notes.unknown", "x".repeat(5000))
        .file("m/sub/config.txt", "c")
}

/// Signs what lies at `path`.
pub(crate) fn sign(folder: Folder, path: &str, key: usize, method: Method) -> Folder {
    let at = folder.path().join(path);
    let listing = listing::list(&at).unwrap();
    let is_file = listing.is_file;
    let choice = Choice {
        method,
        algorithm: Algorithm::Sha256,
        allow_symlinks: false,
        ignore_paths: Vec::new(),
        signature: (!is_file).then(|| "model.sig".to_owned()),
    };
    let hashing = Hashing { cache: None, halt: &|| false, progress: &|_| {} };
    let manifest = oms::describe(&listing, &choice, &hashing).unwrap().manifest;
    let json = oms::sign(&manifest, &Holder(&KEYS[key])).unwrap().to_json();
    let name = if is_file { format!("{path}.sig") } else { format!("{path}/model.sig") };
    folder.file(name, json)
}

/// Attests something of what lies at `path`.
pub(crate) fn attest(folder: Folder, path: &str, key: usize) -> Folder {
    let at = folder.path().join(path);
    let choice = Choice {
        method: Method::Files,
        algorithm: Algorithm::Sha256,
        allow_symlinks: false,
        ignore_paths: vec!["claims.jsonl".to_owned(), "model.sig".to_owned()],
        signature: None,
    };
    let hashing = Hashing { cache: None, halt: &|| false, progress: &|_| {} };
    let manifest = oms::describe(&listing::list(&at).unwrap(), &choice, &hashing).unwrap().manifest;
    let payload = Claim::statement(&manifest, "https://a.example/looked-at/v1", serde_json::Value::Null);
    let bundle = attest::sign(payload, &Holder(&KEYS[key])).unwrap();
    let before = std::fs::read_to_string(at.join("claims.jsonl")).unwrap_or_default();
    folder.file(format!("{path}/claims.jsonl"), attest::append(&before, &bundle).unwrap())
}

pub(crate) fn pins(files: &[(&str, &[u8])]) -> Approval {
    let pin = |bytes: &[u8]| Pin { size: bytes.len() as u64, digest: Digest::of(bytes) };
    Approval {
        source: "m".to_owned(),
        kind: Kind::Model,
        revision: None,
        approved: Date::from_ymd(2026, 1, 1).unwrap(),
        reason: None,
        signature_required: false,
        signer: None,
        scan: None,
        grants: Vec::new(),
        files: files.iter().map(|(path, bytes)| ((*path).to_owned(), pin(bytes))).collect(),
        superseded: Vec::new(),
    }
}

/// What is to be approved of [`model`].
fn approval() -> Approval {
    let large = "x".repeat(5000);
    pins(&[("w.pkl", PICKLE), ("notes.unknown", large.as_bytes()), ("sub/config.txt", b"c")])
}

pub(crate) fn signed_by(approval: Approval, key: usize, signature: &str) -> Approval {
    let key = KEYS[key].public_key();
    let signer = Signer {
        identity: Identity::Key(key.hint()),
        key: Some(key.to_der()),
        roots: None,
        first_seen: Date::from_ymd(2025, 2, 3).unwrap(),
        signature: signature.to_owned(),
    };
    Approval { signer: Some(signer), ..approval }
}

pub(crate) fn locking(folder: Folder, approvals: &[Approval]) -> Folder {
    folder.file("weighbridge.lock", lock::write(approvals))
}

pub(crate) fn weigh(folder: &Folder) -> Report {
    weigh_within(folder, &context())
}

pub(crate) fn weigh_within(folder: &Folder, context: &Context) -> Report {
    weigh_targets(&[folder.text()], &[], context)
}

/// Weighs what lies there with the locks above it.
fn weigh_below(folder: &Folder, below: &[&str], exclude: &[String]) -> Report {
    let targets: Vec<String> = below.iter().map(|it| format!("{}/{it}", folder.text())).collect();
    weigh_targets(&targets, exclude, &context())
}

fn weigh_targets(targets: &[String], exclude: &[String], context: &Context) -> Report {
    let policy = Policy::default();
    let request = Request {
        targets,
        locks: &above::find(targets, lock::NAME),
        exclude,
        jobs: None,
        readers: weighbridge_read::READERS,
        policy: &policy,
    };
    let advisories = weighbridge_advisory::Index::embedded().unwrap();
    scan(&request, &advisories, "embedded", context, &()).unwrap()
}

/// What is found, without what keys call themselves.
#[track_caller]
pub(crate) fn check(folder: &Folder, expected: &str) {
    check_report(&weigh(folder), expected);
}

/// The same of a scan that begins below the folder.
#[track_caller]
fn check_below(folder: &Folder, below: &[&str], expected: &str) {
    check_report(&weigh_below(folder, below, &[]), expected);
}

#[track_caller]
fn check_report(report: &Report, expected: &str) {
    assert!(report.coverage.unread.is_empty(), "{:?}", report.coverage.unread);
    let mut told = String::new();
    for finding in &report.findings {
        let (place, _) = report.location(finding).unwrap();
        told.push_str(&format!("{} {} {}\n  at {place}\n", finding.rule.id, finding.severity, finding.title));
        told.extend(finding.details.iter().map(|line| format!("  {line}\n")));
    }
    for (number, key) in KEYS.iter().enumerate() {
        told = told.replace(&key.public_key().hint()[..16], &format!("KEY{number}"));
    }
    let expected: Vec<&str> = expected.lines().filter(|line| !line.trim().is_empty()).collect();
    let margin = expected.first().map_or(0, |line| line.len() - line.trim_start().len());
    let expected: String = expected.iter().map(|line| format!("{}\n", &line[margin..])).collect();
    assert_eq!(told, expected, "\n{told}");
}

fn quiet() {
    check(&model(), "");
    check(&locking(model(), &[approval()]), "");
    check(&sign(model(), "m", 0, Method::Files), "");
    let signed = locking(sign(model(), "m", 0, Method::Files), &[signed_by(approval(), 0, "model.sig")]);
    check(&signed, "");
    // What is approved and does not lie here, and what lies here and nobody approved.
    let elsewhere = Approval { source: "elsewhere".to_owned(), ..approval() };
    check(
        &locking(signed.file("other/w.pkl", PICKLE), &[elsewhere, signed_by(approval(), 0, "model.sig")]),
        "",
    );
    // Other signatures.
    check(&model().file("m/w.pkl.sig", "-----BEGIN PGP SIGNATURE-----"), "");
}

fn attested() {
    // Signed before it was attested, and locked without that.
    let signed = locking(sign(model(), "m", 0, Method::Files), &[signed_by(approval(), 0, "model.sig")]);
    let folder = attest(attest(signed, "m", 0), "m", 1);
    check(&folder, "");
    // What is called so and is something else was signed and locked by nobody.
    let other = locking(sign(model(), "m", 0, Method::Files), &[signed_by(approval(), 0, "model.sig")]);
    check(
        &other.file("m/claims.jsonl", "{\"claim\": \"water damage\"}"),
        "
        WB-S003 medium m has 1 file that the lock does not know
          at m/claims.jsonl
          claims.jsonl: not in the lock
        WB-S007 medium m is not as it was signed: 1 file that nobody signed
          at m/claims.jsonl
          claims.jsonl: not signed
          signed, as model.sig says, by key KEY0…; whether to believe that is not known here
        ",
    );
    let attested = attest(model(), "m", 0).file("m/w.pkl", OTHER);
    std::fs::remove_file(attested.path().join("m/sub/config.txt")).unwrap();
    check(
        &attested,
        "
        WB-S009 high m is not as it was attested: 1 file changed, 1 file missing
          at m/w.pkl
          w.pkl: sha256 af305d30… was attested, now bccb426e…
          sub/config.txt: missing
          `https://a.example/looked-at/v1`, signed, as claims.jsonl says, by key KEY0…; whether to believe that is not known here
        ",
    );
    // Attested anew, by the same signer: the last word counts. By another one, it does not.
    check(&attest(attest(model(), "m", 0).file("m/w.pkl", OTHER), "m", 0), "");
    let by_another = attest(attest(model(), "m", 0).file("m/w.pkl", OTHER), "m", 1);
    check(
        &by_another,
        "
        WB-S009 high m is not as it was attested: 1 file changed
          at m/w.pkl
          w.pkl: sha256 af305d30… was attested, now bccb426e…
          `https://a.example/looked-at/v1`, signed, as claims.jsonl says, by key KEY0…; whether to believe that is not known here
        ",
    );
    // One that is about the bytes of before, and was written down later, takes nothing back.
    let before = attest(model(), "m", 0);
    let before = std::fs::read_to_string(before.path().join("m/claims.jsonl")).unwrap();
    let now = attest(model().file("m/w.pkl", OTHER), "m", 0);
    let both = std::fs::read_to_string(now.path().join("m/claims.jsonl")).unwrap() + &before;
    check(
        &now.file("m/claims.jsonl", both),
        "
        WB-S009 high m is not as it was attested: 1 file changed
          at m/w.pkl
          w.pkl: sha256 af305d30… was attested, now bccb426e…
          `https://a.example/looked-at/v1`, signed, as claims.jsonl says, by key KEY0…; whether to believe that is not known here
        ",
    );
    let elsewhere = attest(model(), "m", 0);
    let claims = std::fs::read(elsewhere.path().join("m/claims.jsonl")).unwrap();
    check(
        &model().file("other/x.bin", "x").file("other/claims.jsonl", claims),
        "
        WB-S009 medium an attestation in claims.jsonl is about files that do not lie beside it
          at other/claims.jsonl
          notes.unknown: missing
          `https://a.example/looked-at/v1`, signed, as claims.jsonl says, by key KEY0…; whether to believe that is not known here
        ",
    );
}

fn changed() {
    let folder = locking(sign(model(), "m", 0, Method::Files), &[signed_by(approval(), 0, "model.sig")]);
    check(
        &folder.file("m/notes.unknown", "y".repeat(5000)),
        "
        WB-S002 high 1 file of m is not as approved on 2026-01-01
          at m/notes.unknown
          notes.unknown: sha256 c59d3c04… in the lock, now 3c45db29…
        WB-S007 high m is not as it was signed: 1 file changed
          at m/notes.unknown
          notes.unknown: sha256 c59d3c04… was signed, now 3c45db29…
          signed, as model.sig says, by key KEY0…; whether to believe that is not known here
        ",
    );
}

fn come_and_go() {
    let folder = locking(sign(model(), "m", 0, Method::Files), &[signed_by(approval(), 0, "model.sig")]);
    std::fs::remove_file(folder.path().join("m/sub/config.txt")).unwrap();
    check(
        &folder,
        "
        WB-S007 medium m is not as it was signed: 1 file missing
          at m/model.sig
          sub/config.txt: missing
          signed, as model.sig says, by key KEY0…; whether to believe that is not known here
        WB-S003 low m has 1 file missing
          at weighbridge.lock
          sub/config.txt: missing
        ",
    );
    check(
        &folder.file("m/modeling.py", "print(1)").file("m/.github/x.md", ""),
        "
        WB-S003 high m has 2 files that the lock does not know, 1 file missing
          at m/.github/x.md
          sub/config.txt: missing
          .github/x.md: not in the lock
          modeling.py: not in the lock
        WB-S007 high m is not as it was signed: 1 file missing, 1 file that nobody signed
          at m/modeling.py
          sub/config.txt: missing
          modeling.py: not signed
          signed, as model.sig says, by key KEY0…; whether to believe that is not known here
        ",
    );
}

fn another_signer() {
    let folder = locking(sign(model(), "m", 1, Method::Files), &[signed_by(approval(), 0, "model.sig")]);
    check(
        &folder,
        "
        WB-S004 high m is signed by somebody else
          at m/model.sig
          was key KEY0…
          is key KEY1…, as the signature says
          first seen on 2025-02-03
        ",
    );
}

fn not_holding() {
    // Somebody writes the fingerprint of the right key into a signature of his own.
    let folder = sign(model(), "m", 1, Method::Files);
    let json = std::fs::read_to_string(folder.path().join("m/model.sig")).unwrap();
    let json = json.replace(&KEYS[1].public_key().hint(), &KEYS[0].public_key().hint());
    let folder = locking(folder.file("m/model.sig", json), &[signed_by(approval(), 0, "model.sig")]);
    check(
        &folder,
        "
        WB-S001 high m has a signature that does not hold
          at m/model.sig
          it is not one of the key that the lock names
        ",
    );
    let folder = folder.file("m/model.sig", "{}");
    check(
        &folder,
        "
        WB-S001 high m has a signature that does not hold
          at m/model.sig
          `model.sig` is no signature
        ",
    );
}

fn lost() {
    check(
        &locking(model(), &[signed_by(approval(), 0, "model.sig")]),
        "
        WB-S005 high m has lost its signature
          at weighbridge.lock
          there is no model.sig any more
          it was signed by key KEY0…
        ",
    );
}

fn demanded() {
    check(
        &locking(model(), &[Approval { signature_required: true, ..approval() }]),
        "
        WB-S001 high m is not signed, and the lock demands it
          at weighbridge.lock
        ",
    );
}

#[cfg(unix)]
fn moved() {
    const OLD: &str = "0123456789abcdef0123456789abcdef01234567";
    const NEW: &str = "fedcba9876543210fedcba9876543210fedcba98";
    let cached = |revisions: &[&str], main: &str| {
        let blob = Digest::of(PICKLE);
        let mut folder = Folder::new()
            .file(format!("hub/models--org--name/blobs/{blob}"), PICKLE)
            .file("hub/models--org--name/refs/main", main);
        for revision in revisions {
            let link = format!("hub/models--org--name/snapshots/{revision}/model.pkl");
            folder = folder.link(&link, format!("../../blobs/{blob}"));
        }
        let approval = Approval {
            source: "hf://org/name".to_owned(),
            revision: Some(OLD.to_owned()),
            ..pins(&[("model.pkl", PICKLE)])
        };
        locking(folder, &[approval])
    };
    check(&cached(&[OLD], OLD), "");
    check(&cached(&[OLD, NEW], OLD), "");
    let expected = format!(
        "
        WB-S006 high hf://org/name has moved to another revision
          at weighbridge.lock
          approved: {OLD}
          here: {NEW}
        "
    );
    check(&cached(&[OLD, NEW], NEW), &expected);
    check(&cached(&[NEW], NEW), &expected);
    let until = Date::from_ymd(2026, 1, 1).unwrap();
    let earlier = Approval { revision: Some(NEW.to_owned()), ..pins(&[("model.pkl", b"another")]) };
    let now = Approval {
        source: "hf://org/name".to_owned(),
        revision: Some(OLD.to_owned()),
        ..pins(&[("model.pkl", PICKLE)])
    };
    check(
        &locking(cached(&[OLD, NEW], NEW), &[lock::supersede(earlier, now, until)]),
        &format!(
            "{expected}
        WB-S010 high hf://org/name is what was replaced on 2026-01-01
          at weighbridge.lock
          approved since 2026-01-01: another state of it
        "
        ),
    );
    let folder =
        cached(&[OLD], OLD).file(format!("hub/models--org--name/snapshots/{OLD}/modeling.py"), "x = 1");
    check(
        &folder,
        &format!(
            "
            WB-S003 high hf://org/name has 1 file that the lock does not know
              at hub/models--org--name/snapshots/{OLD}/modeling.py
              modeling.py: not in the lock
            "
        ),
    );
}

fn broken() {
    let folder = locking(model(), &[approval()]);
    let text = std::fs::read_to_string(folder.path().join("weighbridge.lock")).unwrap();
    check(
        &folder.file("weighbridge.lock", text.replace("size = 1,", "size = 2,")).file("m/w.pkl", OTHER),
        "
        WB-S008 high weighbridge.lock cannot be believed, so that nothing is compared with it
          at weighbridge.lock
          the digest is not that of the files below it: they were changed by hand, or a merge mixed them
        ",
    );
}

fn alone() {
    let file = |content: &str| {
        let folder = sign(Folder::new().file("a/w.unknown", "one"), "a/w.unknown", 0, Method::Files);
        let approval = Approval { source: "a/w.unknown".to_owned(), ..pins(&[(".", b"one")]) };
        locking(folder.file("a/w.unknown", content), &[signed_by(approval, 0, "w.unknown.sig")])
    };
    check(&file("one").file("a/other.txt", "nobody asked"), "");
    check(
        &file("two"),
        "
        WB-S002 high 1 file of a/w.unknown is not as approved on 2026-01-01
          at a/w.unknown
          .: sha256 7692c3ad… in the lock, now 3fc4ccfe…
        WB-S007 high a/w.unknown is not as it was signed: 1 file changed
          at a/w.unknown
          .: sha256 7692c3ad… was signed, now 3fc4ccfe…
          signed, as w.unknown.sig says, by key KEY0…; whether to believe that is not known here
        ",
    );
}

fn own_folder() {
    let here = Approval { source: ".".to_owned(), ..pins(&[("w.pkl", PICKLE)]) };
    let folder =
        Folder::new().file("deep/er/w.pkl", PICKLE).file("deep/er/weighbridge.lock", lock::write(&[here]));
    check(&folder, "");
    check(
        &folder.file("deep/er/x.so", "").file("deep/x.so", ""),
        "
        WB-S003 high . has 1 file that the lock does not know
          at deep/er/x.so
          x.so: not in the lock
        ",
    );
}

/// [`model`], signed and locked, with a repository around it, so that nothing above the folder counts.
fn locked_model() -> Folder {
    let folder = model().file(".git/HEAD", "");
    locking(sign(folder, "m", 0, Method::Files), &[signed_by(approval(), 0, "model.sig")])
}

fn above() {
    check_below(&locked_model(), &["m"], "");
    check_below(
        &locked_model().file("m/notes.unknown", "y".repeat(5000)).file("m/x.so", ""),
        &["m"],
        "
        WB-S002 high 1 file of m is not as approved on 2026-01-01
          at notes.unknown
          notes.unknown: sha256 c59d3c04… in the lock, now 3c45db29…
        WB-S003 high m has 1 file that the lock does not know
          at x.so
          x.so: not in the lock
        WB-S007 high the model is not as it was signed: 1 file changed, 1 file that nobody signed
          at notes.unknown
          notes.unknown: sha256 c59d3c04… was signed, now 3c45db29…
          x.so: not signed
          signed, as model.sig says, by key KEY0…; whether to believe that is not known here
        ",
    );
    let lost = locked_model();
    std::fs::remove_file(lost.path().join("m/model.sig")).unwrap();
    check_below(
        &lost,
        &["m"],
        "
        WB-S005 high m has lost its signature
          at ../weighbridge.lock
          there is no model.sig any more
          it was signed by key KEY0…
        ",
    );
    check_below(
        &sign(locked_model(), "m", 1, Method::Files),
        &["m"],
        "
        WB-S004 high m is signed by somebody else
          at model.sig
          was key KEY0…
          is key KEY1…, as the signature says
          first seen on 2025-02-03
        ",
    );
    let until = Date::from_ymd(2026, 1, 1).unwrap();
    let earlier = pins(&[("w.pkl", OTHER)]);
    let now = pins(&[("w.pkl", PICKLE)]);
    let folder = Folder::new().file(".git/HEAD", "").file("deep/er/m/w.pkl", OTHER);
    let source = Approval { source: "deep/er/m".to_owned(), ..lock::supersede(earlier, now, until) };
    check_below(
        &locking(folder, &[source]),
        &["deep/er/m"],
        "
        WB-S002 high 1 file of deep/er/m is not as approved on 2026-01-01
          at w.pkl
          w.pkl: sha256 af305d30… in the lock, now bccb426e…
        WB-S010 high deep/er/m is what was replaced on 2026-01-01
          at ../../../weighbridge.lock
          approved since 2026-01-01: another state of it
        ",
    );
    // What no reader knows is weighed because it is locked.
    let data = Approval { source: "d".to_owned(), ..pins(&[("a.unknown", b"one")]) };
    check_below(
        &locking(Folder::new().file(".git/HEAD", "").file("d/b.unknown", "two"), &[data]),
        &["d"],
        "
        WB-S003 medium d has 1 file that the lock does not know, 1 file missing
          at b.unknown
          a.unknown: missing
          b.unknown: not in the lock
        ",
    );
}

fn only_in_the_target() {
    // The signature and the other files of the model do not lie in the target.
    let folder = || locked_model().file("n/w.pkl", PICKLE).file("m/w.pkl", OTHER);
    check_below(&folder(), &["m/sub", "n"], "");
    check_below(
        &folder().file("m/sub/config.txt", "d").file("m/sub/new.py", "x = 1"),
        &["m/sub"],
        "
        WB-S002 high 1 file of m is not as approved on 2026-01-01
          at config.txt
          sub/config.txt: sha256 2e7d2c03… in the lock, now 18ac3e73…
        WB-S003 high m has 1 file that the lock does not know
          at new.py
          sub/new.py: not in the lock
        ",
    );
    let gone = folder().file("m/sub/new.txt", "x");
    std::fs::remove_file(gone.path().join("m/sub/config.txt")).unwrap();
    check_below(
        &gone,
        &["m/sub"],
        "
        WB-S003 medium m has 1 file that the lock does not know, 1 file missing
          at new.txt
          sub/config.txt: missing
          sub/new.txt: not in the lock
        ",
    );
    // A repository between them ends the search; one that the target brings along does not.
    check_below(&locked_model().file("r/.git/HEAD", "").file("r/m/w.pkl", OTHER), &["r/m"], "");
    let report = weigh_below(&folder().file("m/.git/HEAD", ""), &["m"], &[]);
    assert!(report.findings.iter().any(|it| it.rule.id == "WB-S002"));
    // Neither does a lock that it brings along.
    let own = Approval { source: ".".to_owned(), ..pins(&[("w.pkl", OTHER)]) };
    let report = weigh_below(&folder().file("m/weighbridge.lock", lock::write(&[own])), &["m"], &[]);
    let told = |rule: &str| report.findings.iter().filter(|it| it.rule.id == rule).count();
    assert_eq!((told("WB-S002"), told("WB-S003")), (1, 1), "{:?}", report.findings);
    // Whoever leaves locks out leaves out this one, too, and is told.
    let report = weigh_below(&folder(), &["m"], &["weighbridge.lock".to_owned()]);
    assert!(report.findings.iter().all(|it| it.rule.id == "WB-S007"));
    assert_eq!(report.coverage.excluded, ["../weighbridge.lock"]);
}

fn file_below_a_lock() {
    let folder = |content: &str| {
        let folder = Folder::new().file(".git/HEAD", "").file("a/w.unknown", "one");
        let folder = sign(folder, "a/w.unknown", 0, Method::Files);
        let approval = Approval { source: "a/w.unknown".to_owned(), ..pins(&[(".", b"one")]) };
        locking(folder.file("a/w.unknown", content), &[signed_by(approval, 0, "w.unknown.sig")])
    };
    check_below(&folder("one"), &["a/w.unknown"], "");
    check_below(
        &folder("two"),
        &["a/w.unknown"],
        "
        WB-S002 high 1 file of a/w.unknown is not as approved on 2026-01-01
          at w.unknown
          .: sha256 7692c3ad… in the lock, now 3fc4ccfe…
        WB-S007 high w.unknown is not as it was signed: 1 file changed
          at w.unknown
          .: sha256 7692c3ad… was signed, now 3fc4ccfe…
          signed, as w.unknown.sig says, by key KEY0…; whether to believe that is not known here
        ",
    );
    let lost = folder("one");
    std::fs::remove_file(lost.path().join("a/w.unknown.sig")).unwrap();
    check_below(
        &lost,
        &["a/w.unknown"],
        "
        WB-S005 high a/w.unknown has lost its signature
          at ../weighbridge.lock
          there is no w.unknown.sig any more
          it was signed by key KEY0…
        ",
    );
    // One of the files of a model.
    check_below(
        &locked_model().file("m/w.pkl", OTHER),
        &["m/w.pkl"],
        "
        WB-S002 high 1 file of m is not as approved on 2026-01-01
          at w.pkl
          w.pkl: sha256 af305d30… in the lock, now bccb426e…
        ",
    );
}

fn above_once() {
    let whole = Approval { source: ".".to_owned(), ..pins(&[("a/w.pkl", PICKLE), ("b/w.pkl", PICKLE)]) };
    let folder = |one: &[u8], other: &[u8]| {
        let folder = Folder::new().file(".git/HEAD", "").file("a/w.pkl", one).file("b/w.pkl", other);
        locking(folder, std::slice::from_ref(&whole))
    };
    check_below(&folder(PICKLE, PICKLE), &["a", "b/w.pkl"], "");
    // One thing that was approved, of which two parts are weighed.
    check_below(
        &folder(OTHER, OTHER),
        &["a", "b/w.pkl"],
        "
        WB-S002 high 2 files of . are not as approved on 2026-01-01
          at a/w.pkl
          a/w.pkl: sha256 af305d30… in the lock, now bccb426e…
          b/w.pkl: sha256 af305d30… in the lock, now bccb426e…
        ",
    );
    // A target in another one, and the same one again: what is compared there is not compared here.
    for below in [&[".", "a"][..], &["a", "a"], &["a", "a/w.pkl"]] {
        let report = weigh_below(&folder(OTHER, PICKLE), below, &[]);
        let rules: Vec<&str> = report.findings.iter().map(|it| it.rule.id).collect();
        assert_eq!(rules, ["WB-S002"], "{below:?}");
    }
    // A lock that is itself the target has nothing below it.
    check_below(&folder(OTHER, PICKLE), &["weighbridge.lock"], "");
}

fn above_broken() {
    let broken = |text: &str| locked_model().file("weighbridge.lock", text);
    check_below(
        &broken("version = 1\nmodel = 1\n"),
        &["m"],
        "
        WB-S008 high weighbridge.lock cannot be believed, so that nothing is compared with it
          at ../weighbridge.lock
          invalid type: integer `1`, expected a sequence
        ",
    );
    // It is told also where nothing else lies that a scan knows, and where it is no file.
    let folder = Folder::new().file(".git/HEAD", "").file("d/a.unknown", "x").file("weighbridge.lock", "?");
    assert_eq!(weigh_below(&folder, &["d"], &[]).findings.len(), 1);
    #[cfg(unix)]
    {
        let folder = Folder::new().file(".git/HEAD", "").file("m/w.pkl", PICKLE);
        let report = weigh_below(&folder.link("weighbridge.lock", "nowhere"), &["m"], &[]);
        let gaps: Vec<String> =
            report.coverage.unread.iter().map(|gap| format!("{}: {}", gap.place, gap.reason)).collect();
        assert_eq!(gaps, ["../weighbridge.lock: link leads nowhere or in a circle, to `nowhere`"]);
    }
}

#[cfg(unix)]
fn hub_below_a_lock() {
    const OLD: &str = "0123456789abcdef0123456789abcdef01234567";
    const NEW: &str = "fedcba9876543210fedcba9876543210fedcba98";
    let approval = Approval {
        source: "hf://org/name".to_owned(),
        revision: Some(OLD.to_owned()),
        ..pins(&[("model.pkl", PICKLE)])
    };
    let blob = Digest::of(PICKLE);
    let cached = |main: &str, revision: &str| {
        let folder = Folder::new()
            .file(".git/HEAD", "")
            .file(format!("hub/models--org--name/blobs/{blob}"), PICKLE)
            .file("hub/models--org--name/refs/main", main)
            .link(
                &format!("hub/models--org--name/snapshots/{revision}/model.pkl"),
                format!("../../blobs/{blob}"),
            );
        locking(folder, std::slice::from_ref(&approval))
    };
    for below in ["hub", "hub/models--org--name"] {
        check_below(&cached(OLD, OLD), &[below], "");
        let climb = "../".repeat(below.split('/').count());
        let expected = format!(
            "
            WB-S006 high hf://org/name has moved to another revision
              at {climb}weighbridge.lock
              approved: {OLD}
              here: {NEW}
            "
        );
        check_below(&cached(NEW, NEW), &[below], &expected);
    }
    let snapshot = format!("hub/models--org--name/snapshots/{OLD}");
    check_below(&cached(OLD, OLD), &[&snapshot], "");
    check_below(
        &cached(OLD, OLD).file(format!("{snapshot}/modeling.py"), "x = 1"),
        &[&snapshot],
        "
        WB-S003 high hf://org/name has 1 file that the lock does not know
          at modeling.py
          modeling.py: not in the lock
        ",
    );
}

fn inside() {
    let mut archive = zip_of("weighbridge.lock", lock::write(&[approval()]).as_bytes());
    check(&model().file("m/w.pkl", OTHER).file("a.zip", &archive), "");
    archive = zip_of("weighbridge.lock", b"version = 9");
    let report = weigh(&model().file("a.zip", &archive));
    let rules: Vec<&str> = report.findings.iter().map(|it| it.rule.id).collect();
    assert_eq!(rules, ["WB-A002"]);
}

fn zip_of(name: &str, bytes: &[u8]) -> Vec<u8> {
    use std::io::{Cursor, Write as _};
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap().into_inner()
}

fn shards() {
    let folder = sign(model().file("m/empty", ""), "m", 0, Method::Shards(1000));
    check(&folder, "");
    check(
        &folder.file("m/notes.unknown", "x".repeat(5001)).file("m/sub/config.txt", "d"),
        "
        WB-S007 high m is not as it was signed: 2 files changed
          at m/notes.unknown
          notes.unknown: 5000 bytes were signed, now 5001
          sub/config.txt: sha256 2e7d2c03… was signed, now 18ac3e73…
          signed, as model.sig says, by key KEY0…; whether to believe that is not known here
        ",
    );
}

fn hashed() {
    let report = weigh(&locking(model(), &[approval()]));
    let plain = weigh(&model());
    // The file that no reader knows is read where a lock names it, and not otherwise.
    assert_eq!(report.coverage.bytes - plain.coverage.bytes, {
        let lock = lock::write(&[approval()]).len() as u64;
        lock + 5000
    });
}
