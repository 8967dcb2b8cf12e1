//! What an attestation says, of what, and who signed it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::here::{Here, Lies};
use super::kind::Type;
use super::predicate::{self, Outcome, PredicateError, Said};
use crate::bundle::Bundle;
use crate::digests::{Algorithm, Bytes};
use crate::oms::{self, Compared, Manifest, Refusal, SignError, Signer, Signs, Status, Trust};
use crate::statement::{self, Statement, Subject};

/// What an attestation says. Nothing of it is to be believed before [`signer`] has said who signed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The type of its predicate.
    pub predicate_type: String,
    /// What it is about.
    pub kind: Type,
    /// When it was made, in seconds since 1970, as its signer says; none where it does not say so.
    pub time: Option<i64>,
    /// The verdict that it gives; none where it gives none that is known here.
    pub outcome: Option<Outcome>,
    /// Of what it speaks: names and SHA-256, in its order; never empty.
    pub subjects: Vec<(String, Bytes)>,
}

/// A statement that is no claim about files.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClaimError {
    /// Not the JSON that it should be.
    #[error("the statement is malformed: {0}")]
    Malformed(String),
    /// A name is there more than once.
    #[error("the statement names `{0}` twice")]
    Duplicate(String),
    /// Its predicate is not what its type says.
    #[error("the predicate `{0}`: {1}")]
    Predicate(String, PredicateError),
}

impl Claim {
    /// Reads the statement of a claim.
    ///
    /// # Errors
    /// [`ClaimError`].
    pub fn read(payload: &[u8]) -> Result<Self, ClaimError> {
        let Statement { subject, predicate_type, predicate, .. }: Statement<Value> =
            statement::read(payload).map_err(ClaimError::Malformed)?;
        if subject.is_empty() {
            return Err(ClaimError::Malformed("it has no subject".to_owned()));
        }
        let mut names = BTreeSet::new();
        let mut subjects = Vec::with_capacity(subject.len());
        for Subject { name, digest } in subject {
            let digest =
                digest.get("sha256").and_then(|text| Bytes::of_text(text, Algorithm::Sha256.length()));
            let digest = digest.ok_or_else(|| {
                ClaimError::Malformed(format!("its subject `{name}` has no sha256 in lower case"))
            })?;
            // Whoever reads the first and whoever reads the last would disagree.
            if !names.insert(name.clone()) {
                return Err(ClaimError::Duplicate(name));
            }
            subjects.push((name, digest));
        }
        let Said { kind, time, outcome } = predicate::said(&predicate_type, &predicate)
            .map_err(|error| ClaimError::Predicate(predicate_type.clone(), error))?;
        Ok(Self { predicate_type, kind, time, outcome, subjects })
    }

    /// The statement that a predicate holds for these files as JSON: the same bytes for the same files.
    pub fn statement(manifest: &Manifest, predicate_type: &str, predicate: Value) -> Vec<u8> {
        let subject = |(path, digest): (&String, &Bytes)| Subject {
            name: if path == "." { manifest.name.clone() } else { path.clone() },
            digest: BTreeMap::from([(Algorithm::Sha256.name().to_owned(), digest.to_string())]),
        };
        let whole = manifest.files.iter();
        let whole = whole.filter_map(|(path, pieces)| pieces.first().map(|piece| (path, &piece.digest)));
        let statement = Statement {
            kind: statement::TYPE.to_owned(),
            subject: whole.map(subject).collect(),
            predicate_type: predicate_type.to_owned(),
            predicate,
        };
        serde_json::to_vec(&statement).expect("texts, and a value that was JSON, are JSON")
    }

    /// Compares what it speaks of with what lies there. Files that it does not name are [`Status::Extra`].
    pub fn compare(&self, here: &Here) -> Compared {
        let mut files = BTreeMap::new();
        let mut named: BTreeMap<&str, &Bytes> = BTreeMap::new();
        if here.is_file {
            // By its name; a claim about one file alone is known by its digest, whatever the file is called now.
            let own = self.subjects.iter().find(|(name, _)| *name == here.name);
            let only = || (self.subjects.len() == 1).then(|| self.subjects.first()).flatten();
            named.extend(own.or_else(only).map(|(_, digest)| (".", digest)));
        } else {
            named.extend(self.subjects.iter().map(|(name, digest)| (name.as_str(), digest)));
        }
        for (path, lies) in &here.files {
            let status = match (lies, named.remove(path.as_str())) {
                (Lies::Unread(why), _) => Status::Unread(why.clone()),
                (Lies::Digest(digest), Some(expected)) if digest == expected => Status::Ok,
                (Lies::Digest(digest), Some(expected)) => {
                    Status::Changed { expected: expected.to_string(), actual: digest.to_string() }
                }
                (Lies::LeftOut { runs }, _) => Status::Ignored { runs: *runs },
                (Lies::Digest(_) | Lies::Unnamed, _) => Status::Extra,
            };
            files.insert(path.clone(), status);
        }
        files.extend(named.into_keys().map(|path| (path.to_owned(), Status::Missing)));
        Compared { files }
    }
}

/// Signs a statement.
///
/// # Errors
/// [`SignError::Signer`].
pub fn sign(payload: Vec<u8>, signer: &dyn Signs) -> Result<Bundle, SignError> {
    signer.seal(payload).map_err(SignError::Signer)
}

/// Who signed a bundle, if he is to be believed.
///
/// # Errors
/// Why not. Nothing that it says is looked at before its signature is good.
pub fn signer(bundle: &Bundle, trust: Trust<'_>) -> Result<Signer, Refusal> {
    oms::signer(bundle, trust, Manifest::claimed_root)
}
