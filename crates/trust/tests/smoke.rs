//! Every fuzz target on seeded mutations of seeds: it may refuse anything, and must neither panic nor believe.

use std::fs;

use libtest_mimic::Trial;
use weighbridge_trust::digests::Algorithm;
use weighbridge_trust::fuzz;
use weighbridge_trust::log::{Checkpoint, NoteKey, leaf, pack};
use weighbridge_trust::oms::Method;
use weighbridge_trust::tensors::Content;

use crate::certificates::{Draft, issue};
use crate::models::{Holder, choice, model, sign};
use crate::vectors::shared_dir;

/// Mutations of each seed.
const ROUNDS: usize = 200;

pub(crate) fn trials() -> Vec<Trial> {
    let run = |name: &'static str| {
        Trial::test(format!("smoke::{name}"), move || {
            smoke(name);
            Ok(())
        })
    };
    fuzz::TARGETS.iter().map(|(name, _)| run(name)).collect()
}

fn smoke(name: &str) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        // xorshift64*, Vigna 2016.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        usize::try_from(state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % below.max(1)
    };
    for seed in seeds(name) {
        fuzz::run(name, &seed);
        for _ in 0..ROUNDS {
            let mut bytes = seed.clone();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                match random(4) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, b"{}[]\",:0-/."[random(11)]),
                    2 if !bytes.is_empty() => bytes[at] = bytes[at].wrapping_add(1),
                    _ if !bytes.is_empty() => bytes[at] ^= 1 << random(8),
                    _ => {}
                }
            }
            fuzz::run(name, &bytes);
        }
    }
}

/// A place, and a policy below it.
const TRUST_POLICY: &str = r#"models/prod/llm
version = 1
[[anchor]]
id = "team"
kind = "public-key"
file = "team.pub"
[[anchor]]
id = "ci"
kind = "sigstore"
issuer = "https://token.models.example"
identity = "https://models.example/flows/release.yml@refs/tags/v*"
[[rule]]
match = "models/prod/**"
require = [{ type = "oms", by = ["team", "ci"], threshold = 2, max-age = "400d" }]
unsigned = "refuse"
"#;

/// An entry of a log.
const RECORD: &str = r#"{"envelope":{"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},"predicateType":"https://models.example/p","signer":{"key":"ff"},"subject":[{"digest":{"sha256":"ab"},"name":"llm"}],"time":7,"type":"https://weighbridge.dev/log-entry/v1"}"#;

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let statement = br#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"m","digest":{"sha256":
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}],
        "predicateType":"https://model_signing/signature/v1.0","predicate":{"serialization":{"method":"shards",
        "hash_type":"sha256","allow_symlinks":false,"shard_size":2.0},"resources":[]}}"#;
    let authority = issue(&Draft::authority("CN=root"), None);
    let mut seeds = match name {
        "log-checkpoint" => {
            let key = NoteKey::generate("models.example/log").unwrap();
            let checkpoint = Checkpoint { size: 70_000, root: leaf(b"") };
            vec![checkpoint.sign(&key).into_bytes()]
        }
        "log-entries" => {
            let mut bundle = vec![2];
            for entry in [&b""[..], RECORD.as_bytes()] {
                pack(&mut bundle, entry).unwrap();
            }
            vec![bundle, [&[3][..], &[7; 96]].concat()]
        }
        "log-key" => {
            let key = NoteKey::generate("models.example/log").unwrap();
            vec![key.to_text().as_bytes().to_vec(), key.verifier().to_string().into_bytes()]
        }
        "signature-certificate" => vec![authority.der(), authority.pem().into_bytes()],
        "signature-key" => {
            let key = &authority.key;
            let pem = |password: Option<&[u8]>| key.to_pem(password).unwrap().as_bytes().to_vec();
            vec![pem(None), pem(Some(b"secret")), key.public_key().to_pem().into_bytes()]
        }
        "signature-attestation" => {
            let claim = br#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"m","digest":{"sha256":
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}],"predicateType":
                "https://in-toto.io/attestation/svr/v0.2","predicate":{"verifier":{"id":"https://weighbridge.dev/scan/v1",
                "policies":[]},"timeCreated":"2026-01-31T12:00:00Z","properties":[],"weighbridge_scan":{"verdict":"fail"}}}"#;
            vec![claim.to_vec(), [crate::attestations::line(), b"\n{}\n".to_vec()].concat()]
        }
        "signature-pep740" => vec![br#"{"version":1,"attestation_bundles":[{"attestations":[{"version":1,
            "verification_material":{"certificate":"AA==","transparency_entries":[{}]},
            "envelope":{"statement":"e30=","signature":"AA=="}}]}]}"#.to_vec()],
        "signature-statement" => vec![statement.to_vec()],
        "signature-tensors" => vec![Content::default().to_statement(), crate::tensors::content().to_statement()],
        "trust-policy" => vec![TRUST_POLICY.as_bytes().to_vec()],
        _ => vec![br#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":
            {"hint":""},"tlogEntries":[]},"dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json",
            "signatures":[{"sig":"MAYCAQECAQE="}]}}"#.to_vec()],
    };
    if name == "log-proof" {
        let holder = Holder(authority.key, Vec::new());
        let bundle = sign(model().path(), &choice(Method::Files, Algorithm::Sha256), &holder);
        let key = NoteKey::generate("models.example/log").unwrap();
        seeds = vec![crate::log::logged(&bundle.to_json(), &key).into_bytes()];
    }
    // Where the shared vectors are, real ones too.
    let bundles = ["upstream/v1.1.0-certificate", "upstream/v1.1.0-sigstore", "upstream/v1.1.0-elliptic-key"];
    if let Some(folder) = shared_dir().filter(|_| matches!(name, "signature" | "signature-keyless")) {
        seeds.extend(
            bundles
                .iter()
                .filter_map(|bundle| fs::read(folder.join("corpus/oms").join(bundle).join("model.sig")).ok()),
        );
    }
    seeds
}
