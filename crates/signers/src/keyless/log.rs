//! Transparency logs (Rekor). Version 1 takes the envelope and answers in a form of its own; version 2 takes the digest of what
//! is signed (`hashedrekord` 0.0.2) and answers in the form of bundles.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use weighbridge_trust::Sha2;
use weighbridge_trust::dsse::Envelope;
use weighbridge_trust::keyless::Log;

use super::{Keyless, SigningError, below};

/// An entry as version 1 tells it (Rekor, `openapi.yaml`: `LogEntry`).
#[derive(Deserialize)]
struct Entry {
    body: String,
    #[serde(rename = "integratedTime")]
    integrated_time: i64,
    #[serde(rename = "logID")]
    log_id: String,
    #[serde(rename = "logIndex")]
    log_index: i64,
    verification: Verification,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verification {
    inclusion_proof: Proof,
    signed_entry_timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    checkpoint: String,
    hashes: Vec<String>,
    log_index: i64,
    root_hash: String,
    tree_size: i64,
}

/// What of an entry says which kind it is (`dsse` 0.0.1).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    kind: String,
    api_version: String,
}

impl Keyless {
    /// Has a log take the envelope, and returns its entry as a bundle carries it (`TransparencyLogEntry`).
    pub(super) fn entry(
        &self,
        log: &Log,
        envelope: &Envelope,
        certificate: &[u8],
    ) -> Result<Value, SigningError> {
        // An envelope has one signature here: it was just made.
        let signature = STANDARD.encode(envelope.signatures.first().map_or(&[][..], Vec::as_slice));
        if log.version == 2 {
            let url = below(&log.url, "api/v2/log/entries");
            let verifier = json!({
                "x509Certificate": { "rawBytes": STANDARD.encode(certificate) },
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            });
            // It gets to see a digest only.
            let body = json!({ "hashedRekordRequestV002": {
                "digest": STANDARD.encode(Sha2::Sha256.digest(&envelope.signed())),
                "signature": { "content": signature, "verifier": verifier },
            } });
            let answer = self.post_json(&url, &body)?;
            let entry: Option<Value> = serde_json::from_slice(&answer).ok();
            return entry.filter(Value::is_object).ok_or_else(|| unlike(&url));
        }
        let envelope = json!({
            "payload": STANDARD.encode(&envelope.payload),
            "payloadType": envelope.payload_type,
            "signatures": [{ "sig": signature }],
        });
        let url = below(&log.url, "api/v1/log/entries");
        let proposed =
            json!({ "envelope": envelope.to_string(), "verifiers": [STANDARD.encode(pem(certificate))] });
        let body = json!({ "apiVersion": "0.0.1", "kind": "dsse", "spec": { "proposedContent": proposed } });
        let answer = self.post_json(&url, &body)?;
        let entries: BTreeMap<String, Entry> = serde_json::from_slice(&answer).map_err(|_| unlike(&url))?;
        let entry = entries.into_values().next().ok_or_else(|| unlike(&url))?;
        entry.carried().ok_or_else(|| unlike(&url))
    }
}

fn unlike(url: &str) -> SigningError {
    SigningError::Answer { url: url.to_owned(), expected: "an entry of a log" }
}

impl Entry {
    /// The entry as a bundle carries it; none where it is not what it should be.
    fn carried(self) -> Option<Value> {
        let kind: Kind = serde_json::from_slice(&STANDARD.decode(&self.body).ok()?).ok()?;
        let proof = self.verification.inclusion_proof;
        let hashes = proof.hashes.iter().map(|hash| hex_to_base64(hash)).collect::<Option<Vec<String>>>()?;
        Some(json!({
            "logIndex": self.log_index.to_string(),
            "logId": { "keyId": hex_to_base64(&self.log_id)? },
            "kindVersion": { "kind": kind.kind, "version": kind.api_version },
            "integratedTime": self.integrated_time.to_string(),
            "inclusionPromise": { "signedEntryTimestamp": self.verification.signed_entry_timestamp },
            "inclusionProof": {
                "logIndex": proof.log_index.to_string(),
                "rootHash": hex_to_base64(&proof.root_hash)?,
                "treeSize": proof.tree_size.to_string(),
                "hashes": hashes,
                "checkpoint": { "envelope": proof.checkpoint },
            },
            "canonicalizedBody": self.body,
        }))
    }
}

/// Version 1 writes SHA-256 in hexadecimal digits, bundles in base64.
fn hex_to_base64(text: &str) -> Option<String> {
    let digest: weighbridge_core::digest::Digest = text.parse().ok()?;
    Some(STANDARD.encode(digest.as_bytes()))
}

/// A certificate in PEM form (RFC 7468, section 5).
fn pem(der: &[u8]) -> String {
    const WIDTH: usize = 64;
    let body = STANDARD.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = &*body;
    while !rest.is_empty() {
        let (line, others) = rest.split_at(rest.len().min(WIDTH));
        pem.push_str(line);
        pem.push('\n');
        rest = others;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
