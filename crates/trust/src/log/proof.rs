//! The proof that a signature stands in a log, as its bundle carries it: an entry of `verificationMaterial.tlogEntries` in the
//! form of Sigstore's `TransparencyLogEntry` (protobuf-specs, `sigstore_rekor.proto`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use weighbridge_core::digest::Digest;
use weighbridge_core::lock::Identity;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::note::VerifierKey;
use super::record::{Record, RecordError};
use super::tree::{leaf, root_over};
use crate::bundle::Bundle;

/// By which our entries are told from those of others.
const KIND: &str = "weighbridge";
/// The version of their form.
const VERSION: &str = "1";
/// Most entries of one bundle that are looked at.
const MOST: usize = 64;

/// What proves that a record is in a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// The number of the record, from zero.
    pub index: u64,
    /// The record.
    pub record: Record,
    /// The hashes beside its way to the root, the lowest first.
    pub path: Vec<Digest>,
    /// The head of the log to which it leads.
    pub checkpoint: Checkpoint,
    /// The same as the log has signed it.
    pub note: String,
}

/// A record that is in a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Included {
    /// The name of the log.
    pub log: String,
    /// The number of the record, from zero.
    pub index: u64,
    /// When it was written down, by the clock of the log, in seconds since 1970.
    pub time: i64,
}

/// Why a bundle does not prove that it is in a log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProofError {
    /// There is no proof.
    #[error("no proof that it is in the log `{0}`")]
    Nothing(String),
    /// There is one, by somebody else.
    #[error(
        "no proof that it is in the log `{wanted}`: the one that it carries is of another log or key (`{shown}`)"
    )]
    Another {
        /// Who it says he is.
        shown: String,
        /// Who is asked for.
        wanted: String,
    },
    /// Not of the form.
    #[error("the proof that it is in a log is malformed: {0}")]
    Malformed(String),
    /// The head of the log is not to be believed.
    #[error("the proof that it is in a log does not hold: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The record is not to be believed.
    #[error("the proof that it is in a log does not hold: {0}")]
    Record(#[from] RecordError),
    /// The hashes lead elsewhere.
    #[error("the proof that it is in a log does not hold: entry {0} does not lead to the signed root")]
    Root(u64),
    /// The record is one of another statement.
    #[error("the proof that it is in a log is one of another statement")]
    Statement,
    /// The record names somebody else.
    #[error("the log names another signer: {0}")]
    Signer(Identity),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    log_index: String,
    log_id: LogId,
    kind_version: KindVersion,
    integrated_time: String,
    inclusion_proof: InclusionProof,
    canonicalized_body: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Serialize, Deserialize)]
struct KindVersion {
    kind: String,
    version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct InclusionProof {
    log_index: String,
    root_hash: String,
    tree_size: String,
    hashes: Vec<String>,
    checkpoint: Note,
}

#[derive(Serialize, Deserialize)]
struct Note {
    envelope: String,
}

/// The JSON of a bundle with the proof in it. An older one of the same key gives way; whatever else is in the bundle stays.
///
/// # Errors
/// [`ProofError::Malformed`] where it is no bundle.
pub fn attach(bundle: &str, proof: &Proof, key: &VerifierKey) -> Result<String, ProofError> {
    let mut json: Value =
        serde_json::from_str(bundle).map_err(|error| ProofError::Malformed(error.to_string()))?;
    let material = json.get_mut("verificationMaterial").and_then(Value::as_object_mut);
    let material = material.ok_or_else(|| ProofError::Malformed("it is no bundle".to_owned()))?;
    let id = STANDARD.encode(key.id().as_bytes());
    let entry = Entry {
        log_index: proof.index.to_string(),
        log_id: LogId { key_id: id.clone() },
        kind_version: KindVersion { kind: KIND.to_owned(), version: VERSION.to_owned() },
        integrated_time: proof.record.time.to_string(),
        inclusion_proof: InclusionProof {
            log_index: proof.index.to_string(),
            root_hash: STANDARD.encode(proof.checkpoint.root.as_bytes()),
            tree_size: proof.checkpoint.size.to_string(),
            hashes: proof.path.iter().map(|hash| STANDARD.encode(hash.as_bytes())).collect(),
            checkpoint: Note { envelope: proof.note.clone() },
        },
        canonicalized_body: STANDARD.encode(proof.record.to_bytes()),
    };
    let entries = material.entry("tlogEntries").or_insert_with(|| Value::Array(Vec::new()));
    let entries =
        entries.as_array_mut().ok_or_else(|| ProofError::Malformed("`tlogEntries` is no list".to_owned()))?;
    entries.retain(|entry| {
        !is_ours(entry) || entry.pointer("/logId/keyId").and_then(Value::as_str) != Some(&id)
    });
    entries.push(serde_json::to_value(entry).expect("texts and lists of texts are JSON"));
    Ok(json.to_string())
}

fn is_ours(entry: &Value) -> bool {
    entry.pointer("/kindVersion/kind").and_then(Value::as_str) == Some(KIND)
}

/// Whether the bundle, read from this JSON and signed by this signer, proves that it is in the log with this key.
///
/// # Errors
/// [`ProofError`].
pub fn verify(
    json: &str,
    bundle: &Bundle,
    signer: &Identity,
    key: &VerifierKey,
) -> Result<Included, ProofError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        verification_material: Material,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Material {
        #[serde(default)]
        tlog_entries: Vec<Value>,
    }
    let wire: Wire = serde_json::from_str(json).map_err(|error| ProofError::Malformed(error.to_string()))?;
    let entries = wire.verification_material.tlog_entries;
    if entries.len() > MOST {
        return Err(ProofError::Malformed(format!("the bundle has more than {MOST} entries of logs")));
    }
    let wanted = || key.name().to_owned();
    let mut refused = ProofError::Nothing(wanted());
    let id = STANDARD.encode(key.id().as_bytes());
    for value in entries.into_iter().filter(is_ours) {
        let entry: Entry =
            serde_json::from_value(value).map_err(|error| ProofError::Malformed(error.to_string()))?;
        if entry.log_id.key_id != id {
            let shown =
                entry.inclusion_proof.checkpoint.envelope.lines().next().unwrap_or_default().to_owned();
            refused = ProofError::Another { shown, wanted: wanted() };
            continue;
        }
        // Who has one key has one proof in a bundle.
        return included(&entry, bundle, signer, key);
    }
    Err(refused)
}

fn included(
    entry: &Entry,
    bundle: &Bundle,
    signer: &Identity,
    key: &VerifierKey,
) -> Result<Included, ProofError> {
    let malformed = |what: &str| ProofError::Malformed(what.to_owned());
    if entry.kind_version.version != VERSION {
        return Err(malformed("its version is not 1"));
    }
    let proof = &entry.inclusion_proof;
    let checkpoint = Checkpoint::open(proof.checkpoint.envelope.as_bytes(), key)?;
    let index = whole(&proof.log_index).ok_or_else(|| malformed("its index is no number"))?;
    let decoded = |text: &String| {
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Digest::from_bytes).ok_or_else(|| malformed("a hash of it is none in base64"))
    };
    let path = proof.hashes.iter().map(decoded).collect::<Result<Vec<Digest>, _>>()?;
    let body =
        STANDARD.decode(&entry.canonicalized_body).map_err(|_| malformed("its record is not base64"))?;
    let record = Record::read(&body)?;
    // What stands twice must be the same, or two readers could be told different things.
    let is_one = entry.log_index == proof.log_index
        && whole(&proof.tree_size) == Some(checkpoint.size)
        && decoded(&proof.root_hash)? == checkpoint.root
        && entry.integrated_time == record.time.to_string();
    if !is_one {
        return Err(malformed("it contradicts itself"));
    }
    if root_over(leaf(&body), index, checkpoint.size, &path) != Some(checkpoint.root) {
        return Err(ProofError::Root(index));
    }
    let expected = Record::of(bundle, record.signer.clone(), record.time)?;
    if expected != record {
        return Err(ProofError::Statement);
    }
    if record.signer != *signer {
        return Err(ProofError::Signer(record.signer));
    }
    Ok(Included { log: key.name().to_owned(), index, time: record.time })
}

/// A number in its one form.
fn whole(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}
