//! What the fuzz targets and the smoke test run: everything that reads what strangers wrote.

use std::sync::LazyLock;

use crate::attest::{self, Claim, pep740};
use crate::bundle::Bundle;
use crate::chain::{self, Anchor};
use crate::keyless::{self, Instance, Roots, Wanted};
use crate::log::{self, Checkpoint, NoteKey, Record, VerifierKey};
use crate::oms::{self, Manifest, Trust};
use crate::policy::{NewRule, Place, Policy, add};
use crate::tensors::{self, Content};
use crate::{PrivateKey, PublicKey};

/// The name of a target, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, sorted by name.
pub static TARGETS: &[Target] = &[
    ("log-checkpoint", log_checkpoint),
    ("log-entries", log_entries),
    ("log-key", log_key),
    ("log-proof", log_proof),
    ("signature", signature),
    ("signature-attestation", attestation),
    ("signature-certificate", certificate),
    ("signature-key", key),
    ("signature-keyless", keyless),
    ("signature-pep740", packaged),
    ("signature-statement", statement),
    ("signature-tensors", tensors),
    ("trust-policy", trust_policy),
];

/// Runs the target of this name.
///
/// # Panics
/// When the target does, or when it is not there.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(target, _)| *target == name);
    let Some((_, target)) = target else { panic!("there is no target `{name}`") };
    target(data);
}

/// A key with which nothing here was ever signed.
const KEY: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErkPQ21rjb8iL3sm9ms4+VoXTMhUy
QRWWrYMZZfRwwygBuEkWxhUhPZ9TQHiAZYiySyi4XXxApnKa6ctwVj476Q==
-----END PUBLIC KEY-----
";

/// The key of a log that has signed nothing.
const LOG: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

fn log_checkpoint(data: &[u8]) {
    let key = VerifierKey::read(LOG).expect("it is a key");
    assert!(log::open(data, &key).is_err(), "a note that nobody signed is believed");
    assert!(Checkpoint::open(data, &key).is_err(), "a checkpoint that nobody signed is believed");
}

/// The first byte is how wide the bundle is said to be: what is read gives the same bytes again.
fn log_entries(data: &[u8]) {
    let Some((width, data)) = data.split_first() else { return };
    let width = u16::from(*width);
    if let Ok(entries) = log::entries(data, width) {
        let mut again = Vec::new();
        for entry in entries {
            log::pack(&mut again, entry).expect("it was read from a bundle");
            if let Ok(record) = Record::read(entry) {
                assert_eq!(record.to_bytes(), entry, "an entry has two forms");
            }
        }
        assert_eq!(again, data);
    }
    if let Ok(hashes) = log::hashes(data, width) {
        assert_eq!(log::serialize(&hashes), data);
    }
}

fn log_key(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(key) = VerifierKey::read(&text) {
        assert_eq!(key.to_string(), text.trim(), "a key has two forms");
    }
    if let Ok(key) = NoteKey::read(&text) {
        assert_eq!(*key.to_text(), text.trim(), "a key has two forms");
        let (checkpoint, verifier) = (Checkpoint { size: 1, root: log::leaf(data) }, key.verifier());
        assert_eq!(Checkpoint::open(checkpoint.sign(&key).as_bytes(), &verifier), Ok(checkpoint));
    }
}

fn log_proof(data: &[u8]) {
    let key = VerifierKey::read(LOG).expect("it is a key");
    let text = String::from_utf8_lossy(data);
    let Ok(bundle) = Bundle::read(text.as_bytes()) else { return };
    let Ok(signer) = log::shown(&text, &bundle, None) else { return };
    assert!(log::verify(&text, &bundle, &signer, &key).is_err(), "a log that signed nothing is believed");
}

fn signature(data: &[u8]) {
    let Ok(bundle) = Bundle::read(data) else { return };
    let key = PublicKey::from_pem(KEY).expect("it is a key");
    assert!(oms::verify(&bundle, Trust::Key(&key)).is_err(), "a stranger's signature is believed");
    assert!(oms::verify(&bundle, Trust::Anchors { anchors: &[], time: 0 }).is_err(), "nobody is believed");
    assert!(tensors::verify(&bundle, Trust::Key(&key)).is_err(), "a stranger's signature is believed");
}

/// A file of attestations, and at the same time the statement of one.
fn attestation(data: &[u8]) {
    if let Ok(claim) = Claim::read(data) {
        assert!(!claim.subjects.is_empty(), "a claim about nothing");
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(lines) = attest::lines(text) else { return };
    assert!(lines.len() <= attest::MOST, "more attestations than allowed");
    let key = PublicKey::from_pem(KEY).expect("it is a key");
    for line in &lines {
        let Ok(bundle) = &line.bundle else { continue };
        assert!(attest::signer(bundle, Trust::Key(&key)).is_err(), "a stranger's signature is believed");
        let _ = attest::look(bundle, line.json);
        if let Ok(longer) = attest::append(text, bundle) {
            assert!(longer.starts_with(text), "what was there is not as it was");
        }
    }
}

fn packaged(data: &[u8]) {
    static ROOTS: LazyLock<Roots> = LazyLock::new(Roots::public);
    let text = String::from_utf8_lossy(data);
    for json in pep740::read(&text).unwrap_or_default() {
        let Ok(bundle) = Bundle::read(json.as_bytes()) else { continue };
        let wanted =
            Wanted { name: "nobody@models.example".to_owned(), issuer: "https://models.example".to_owned() };
        let trust = Trust::Keyless { json: &json, wanted: &wanted, roots: &ROOTS };
        assert!(attest::signer(&bundle, trust).is_err(), "a stranger is believed");
    }
}

fn certificate(data: &[u8]) {
    let anchors = Anchor::from_pem(&String::from_utf8_lossy(data)).unwrap_or_default();
    let shown = [data.to_vec()];
    assert!(chain::verify(&shown, &[], 0).is_err(), "a chain to nothing is believed");
    let _ = chain::verify(&shown, &anchors, 0);
    let _ = chain::key_of(data);
}

fn key(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = PublicKey::from_pem(&text);
    let _ = PublicKey::from_der(data);
    let _ = PrivateKey::from_pem(&text, None);
}

fn keyless(data: &[u8]) {
    static ROOTS: LazyLock<Roots> = LazyLock::new(Roots::public);
    let text = String::from_utf8_lossy(data);
    let wanted =
        Wanted { name: "nobody@models.example".to_owned(), issuer: "https://models.example".to_owned() };
    assert!(keyless::verify(&text, [0; 32], &wanted, &ROOTS).is_err(), "a stranger is believed");
    let _ = Roots::read(&text);
    let _ = Instance::read(&text, 0);
}

fn statement(data: &[u8]) {
    let Ok(manifest) = Manifest::read(data) else { return };
    for path in manifest.files.keys() {
        let below = path == "." || path.split('/').all(|name| !matches!(name, "" | "." | ".."));
        assert!(below && !path.contains('\0'), "`{path}` leaves the model");
    }
    // What is read can be written and read again, and then says the same; but for what only old forms lack.
    if manifest.age == oms::Age::Current {
        assert_eq!(Manifest::read(&manifest.to_statement()).as_ref(), Ok(&manifest));
    }
}

fn tensors(data: &[u8]) {
    let Ok(content) = Content::read(data) else { return };
    let statement = content.to_statement();
    assert_eq!(
        Content::read(&statement).as_ref(),
        Ok(&content),
        "what is read can be written and read again"
    );
    assert!(Manifest::read(&statement).is_err(), "a statement of tensors is taken for one of files");
    assert!(content.compare(&content).is_true());
    assert_eq!(content.compare(&Content::default()).is_true(), content == Content::default());
}

/// The first line is a place, all below it a policy: what is read matches, loads and grows without a panic.
fn trust_policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (place, text) = text.split_once('\n').unwrap_or((text, ""));
    let policy = match Policy::read(text, "fuzzed") {
        Ok(policy) => policy,
        Err(error) => {
            assert!(error.line <= text.split('\n').count(), "an error behind the end: {error}");
            return;
        }
    };
    if let Some(place) = Place::new(place) {
        let _ = policy.rule_for(&[place]);
    }
    let _ = policy.never_met();
    // Every file is the place's own text: keys that stand inline are read.
    let _ = policy.load(&|_| Ok(place.to_owned()));
    if let Some(anchor) = policy.anchors.first() {
        let rule = NewRule { matches: place.to_owned(), by: vec![anchor.id.clone()], ..NewRule::default() };
        if let Ok((longer, _)) = add(text, &rule.to_toml(), "fuzzed") {
            assert!(longer.starts_with(text));
        }
    }
}
