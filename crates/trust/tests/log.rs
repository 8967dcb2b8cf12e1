//! Proofs that a signature stands in a log, as bundles carry them: what holds, and every way not to.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;

use weighbridge_core::digest::Digest;
use weighbridge_core::lock::Identity;
use weighbridge_trust::bundle::Bundle;
use weighbridge_trust::digests::Algorithm;
use weighbridge_trust::log::{
    Checkpoint, Edge, NoteKey, Proof, ProofError, Record, SignerError, Tile, attach, inclusion, leaf, shown,
    verify,
};
use weighbridge_trust::oms::{self, Method, Trust};
use weighbridge_trust::statement::Subject;
use weighbridge_trust::{Curve, PrivateKey};

use crate::Test;
use crate::certificates::{Draft, NOW, issue};
use crate::models::{Holder, choice, model, sign};
use crate::vectors::shared_dir;

pub(crate) const TESTS: &[Test] = &[
    ("log::a_bundle_proves_that_it_is_in_a_log", a_bundle_proves_that_it_is_in_a_log),
    ("log::every_flipped_byte_of_a_proof_is_noticed", every_flipped_byte_of_a_proof_is_noticed),
    ("log::a_proof_is_of_one_log_statement_and_signer", a_proof_is_of_one_log_statement_and_signer),
    ("log::a_signer_is_known_as_far_as_a_bundle_shows_it", a_signer_is_known),
    ("log::what_a_bundle_holds_beside_a_proof_stays", what_a_bundle_holds_beside_a_proof_stays),
    ("log::the_vectors_of_the_specification_are_ours", the_vectors_of_the_specification_are_ours),
];

/// A log of two, in which this record is the second.
fn proof(record: Record, key: &NoteKey) -> Proof {
    proof_at(record, key, 1, 2)
}

/// A log of as many, in which this record has that number.
fn proof_at(record: Record, key: &NoteKey, index: u64, size: u64) -> Proof {
    let mut edge = Edge::default();
    let mut tiles: BTreeMap<Tile, Vec<Digest>> = BTreeMap::new();
    for number in 0..size {
        let entry = if number == index { record.to_bytes() } else { number.to_be_bytes().to_vec() };
        let Ok(()) = edge.push(leaf(&entry), |tile, hashes| -> Result<(), Infallible> {
            tiles.insert(tile, hashes.to_vec());
            Ok(())
        });
    }
    tiles.extend(edge.partial().map(|(tile, hashes)| (tile, hashes.to_vec())));
    let Ok(path) = inclusion(index, size, &mut |tile| Ok::<_, Infallible>(tiles[&tile].clone()));
    let checkpoint = Checkpoint { size, root: edge.root() };
    Proof { index, record, path, checkpoint, note: checkpoint.sign(key) }
}

/// The bundle with the proof that it is in the log of this key.
pub(crate) fn logged(json: &str, key: &NoteKey) -> String {
    logged_at(json, key, 1, 2)
}

/// The bundle with the proof that it has this number in the log of this key, which has so many.
pub(crate) fn logged_at(json: &str, key: &NoteKey, index: u64, size: u64) -> String {
    let bundle = Bundle::read(json.as_bytes()).unwrap();
    let signer = shown(json, &bundle, None).unwrap();
    let record = Record::of(&bundle, signer, 1_785_628_800).unwrap();
    attach(json, &proof_at(record, key, index, size), &key.verifier()).unwrap()
}

fn holder() -> Holder {
    Holder(PrivateKey::generate(Curve::P256).unwrap(), Vec::new())
}

fn signed(holder: &Holder) -> String {
    sign(model().path(), &choice(Method::Files, Algorithm::Sha256), holder).to_json()
}

fn log_key() -> NoteKey {
    NoteKey::generate("models.example/log").unwrap()
}

fn a_bundle_proves_that_it_is_in_a_log() {
    let (holder, key) = (holder(), log_key());
    let plain = signed(&holder);
    let json = logged(&plain, &key);
    let bundle = Bundle::read(json.as_bytes()).unwrap();
    let verified = oms::verify(&bundle, Trust::Key(&holder.0.public_key())).unwrap();
    let signer = weighbridge_trust::log::identity(&verified.signer);
    let included = verify(&json, &bundle, &signer, &key.verifier()).unwrap();
    assert_eq!(
        (included.log.as_str(), included.index, included.time),
        ("models.example/log", 1, 1_785_628_800)
    );
    let nothing = verify(&plain, &bundle, &signer, &key.verifier());
    assert_eq!(nothing, Err(ProofError::Nothing("models.example/log".to_owned())));
    // Logged again gives the same bundle, not one with two proofs of one log.
    assert_eq!(logged(&json, &key), json);
}

fn every_flipped_byte_of_a_proof_is_noticed() {
    let (holder, key) = (holder(), log_key());
    let json = logged(&signed(&holder), &key);
    let bundle = Bundle::read(json.as_bytes()).unwrap();
    let signer = Identity::Key(holder.0.public_key().hint());
    let start = json.find("\"tlogEntries\":[").unwrap();
    let end = start + json[start..].find("}]").unwrap();
    assert!(end - start > 1000, "{json}");
    for at in start..end {
        let mut changed = json.clone().into_bytes();
        changed[at] ^= 1;
        let Ok(changed) = String::from_utf8(changed) else { continue };
        let verdict = verify(&changed, &bundle, &signer, &key.verifier());
        assert!(verdict.is_err(), "byte {at}: {}", &changed[at.saturating_sub(20)..at + 20]);
    }
}

fn a_proof_is_of_one_log_statement_and_signer() {
    let (holder, key) = (holder(), log_key());
    let plain = signed(&holder);
    let bundle = Bundle::read(plain.as_bytes()).unwrap();
    let signer = Identity::Key(holder.0.public_key().hint());
    let record = Record::of(&bundle, signer.clone(), 7).unwrap();
    let check = |proof: &Proof| {
        let json = attach(&plain, proof, &key.verifier()).unwrap();
        verify(&json, &bundle, &signer, &key.verifier())
    };
    assert!(check(&proof(record.clone(), &key)).is_ok());

    let elsewhere = Record { envelope: Digest::of(b"another statement"), ..record.clone() };
    assert_eq!(check(&proof(elsewhere, &key)), Err(ProofError::Statement));
    let renamed = Record { subjects: Vec::new(), ..record.clone() };
    assert_eq!(check(&proof(renamed, &key)), Err(ProofError::Statement));
    let other = Identity::Key(Digest::of(b"another key").to_string());
    let mistaken = Record { signer: other.clone(), ..record.clone() };
    assert_eq!(check(&proof(mistaken, &key)), Err(ProofError::Signer(other)));
    let moved = Proof { index: 0, ..proof(record.clone(), &key) };
    assert_eq!(check(&moved), Err(ProofError::Root(0)));
    let beyond = Proof { index: u64::MAX, ..proof(record.clone(), &key) };
    assert_eq!(check(&beyond), Err(ProofError::Root(u64::MAX)));
    let long = Proof { path: vec![leaf(b""); 10_000], ..proof(record.clone(), &key) };
    assert_eq!(check(&long), Err(ProofError::Root(1)));
    // What stands twice must be the same.
    let good = proof(record.clone(), &key);
    let larger = Proof { checkpoint: Checkpoint { size: 3, ..good.checkpoint }, ..good.clone() };
    assert!(matches!(check(&larger), Err(ProofError::Malformed(_))));

    // Another key under the same name is another log.
    let impostor = log_key();
    let json = attach(&plain, &proof(record.clone(), &impostor), &impostor.verifier()).unwrap();
    let refused = verify(&json, &bundle, &signer, &key.verifier()).unwrap_err();
    assert!(refused.to_string().contains("of another log or key (`models.example/log`)"), "{refused}");
    // Who claims the key and has not signed is told apart from that.
    let forged = attach(&plain, &proof(record.clone(), &impostor), &key.verifier()).unwrap();
    let refused = verify(&forged, &bundle, &signer, &key.verifier());
    assert!(matches!(refused, Err(ProofError::Checkpoint(_))), "{refused:?}");
    // And both may stand side by side.
    let both = attach(&json, &good, &key.verifier()).unwrap();
    assert!(verify(&both, &bundle, &signer, &key.verifier()).is_ok());
    assert!(verify(&both, &bundle, &signer, &impostor.verifier()).is_ok());
    let mut value: serde_json::Value = serde_json::from_str(&both).unwrap();
    let entries = value["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap();
    let first = entries[0].clone();
    entries.resize(65, first);
    let many = verify(&value.to_string(), &bundle, &signer, &key.verifier());
    assert!(matches!(many, Err(ProofError::Malformed(_))));
}

fn a_signer_is_known() {
    let holder = holder();
    let json = signed(&holder);
    let bundle = Bundle::read(json.as_bytes()).unwrap();
    let identity = Identity::Key(holder.0.public_key().hint());
    assert_eq!(shown(&json, &bundle, None), Ok(identity.clone()));
    assert_eq!(shown(&json, &bundle, Some(&holder.0.public_key())), Ok(identity));
    let stranger = PrivateKey::generate(Curve::P384).unwrap().public_key();
    assert!(matches!(shown(&json, &bundle, Some(&stranger)), Err(SignerError::Signature(_))));
    let nameless = json.replace(&holder.0.public_key().hint(), "somebody");
    let nameless = Bundle::read(nameless.as_bytes()).unwrap();
    assert_eq!(shown(&json, &nameless, None), Err(SignerError::Nameless));

    let root = issue(&Draft::authority("CN=root"), None);
    let leaf = issue(&Draft::leaf("CN=signer"), Some(&root));
    let der = leaf.der();
    let holder = Holder(leaf.key, vec![der.clone()]);
    let json = signed(&holder);
    let bundle = Bundle::read(json.as_bytes()).unwrap();
    let shown_by = shown(&json, &bundle, None).unwrap();
    assert_eq!(shown_by, Identity::Certificate(Digest::of(&der).to_string()));
    // The signer that is verified is called the same.
    let anchors = weighbridge_trust::chain::Anchor::from_pem(&root.pem()).unwrap();
    let verified = oms::verify(&bundle, Trust::Anchors { anchors: &anchors, time: NOW }).unwrap();
    assert_eq!(weighbridge_trust::log::identity(&verified.signer), shown_by);
    let mut forged = bundle.clone();
    forged.envelope.signatures = vec![vec![0; 70]];
    assert!(matches!(shown(&json, &forged, None), Err(SignerError::Signature(_))));
    // Where the shared vectors are, one of Sigstore.
    if let Some(folder) = shared_dir() {
        let path = folder.join("corpus/oms/upstream/v1.1.0-sigstore/model.sig");
        let json = fs::read_to_string(path).unwrap();
        let bundle = Bundle::read(json.as_bytes()).unwrap();
        let expected = Identity::Sigstore {
            name: "stefanb@us.ibm.com".to_owned(),
            issuer: "https://sigstore.verify.ibm.com/oauth2".to_owned(),
        };
        assert_eq!(shown(&json, &bundle, None), Ok(expected));
    }
}

fn what_a_bundle_holds_beside_a_proof_stays() {
    let json = signed(&holder())
        .replace(r#""tlogEntries":[]"#, r#""tlogEntries":[{"kindVersion":{"kind":"dsse"}}]"#);
    let before: serde_json::Value = serde_json::from_str(&json).unwrap();
    let mut after: serde_json::Value = serde_json::from_str(&logged(&json, &log_key())).unwrap();
    let entries = after["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap();
    assert_eq!(entries.len(), 2);
    entries.pop();
    assert_eq!(after, before);
    for bad in ["", "[]", "{}", r#"{"verificationMaterial":{"tlogEntries":7}}"#] {
        let bundle = Bundle::read(json.as_bytes()).unwrap();
        let record = Record::of(&bundle, Identity::Key(String::new()), 0).unwrap();
        let key = log_key();
        let attached = attach(bad, &proof(record, &key), &key.verifier());
        assert!(matches!(attached, Err(ProofError::Malformed(_))), "{bad}");
    }
}

/// What `docs/spec/transparency-log.md` states, section 9.
fn the_vectors_of_the_specification_are_ours() {
    let page = include_str!("../../../docs/spec/transparency-log.md");
    // The key of the documentation of Go, which nobody would use.
    let key = NoteKey::read("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
        .unwrap();
    let subject = |name: &str, content: &[u8]| Subject {
        name: name.to_owned(),
        digest: [("sha256".to_owned(), Digest::of(content).to_string())].into(),
    };
    let first = Record {
        envelope: Digest::of(b"one"),
        predicate_type: "https://model_signing/signature/v1.0".to_owned(),
        signer: Identity::Key(Digest::of(b"key").to_string()),
        subjects: vec![subject("llm", b"llm")],
        time: 1_785_628_800,
    };
    let second = Record {
        envelope: Digest::of(b"two"),
        predicate_type: "https://models.example/p".to_owned(),
        signer: Identity::Sigstore {
            name: "ci@models.example".to_owned(),
            issuer: "https://models.example".to_owned(),
        },
        subjects: vec![subject("é", b"a"), subject("b", b"b")],
        time: 1_785_628_801,
    };
    let entries = [first.to_bytes(), second.to_bytes()];
    let mut edge = Edge::default();
    for entry in &entries {
        edge.push(leaf(entry), |_, _| Ok::<(), ()>(())).unwrap();
    }
    let checkpoint = Checkpoint { size: 2, root: edge.root() };
    let stated = entries.iter().map(|entry| String::from_utf8(entry.clone()).unwrap());
    let stated = stated.chain(entries.iter().map(|entry| leaf(entry).to_string()));
    let stated =
        stated.chain([edge.root().to_string(), key.verifier().to_string(), key.verifier().id().to_string()]);
    let note = checkpoint.sign(&key);
    let stated = stated.chain(note.lines().map(str::to_owned));
    for text in stated {
        assert!(page.contains(&text), "not in the specification: {text}");
    }
}
