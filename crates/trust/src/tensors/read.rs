//! Reads what a statement says of tensors, once its signature is verified.

use std::collections::BTreeMap;

use weighbridge_core::digest::Digest;
use weighbridge_core::lock::{Metadata, Tensor};

use super::PREDICATE;
use super::content::{Content, Predicate};
use crate::digests::{Algorithm, Bytes};
use crate::oms::ManifestError;
use crate::statement::{self, Statement, Subject};

/// Most tensors of a statement, and most metadata.
const MOST: usize = 1 << 20;
/// Most dimensions of a tensor.
const MOST_DIMENSIONS: usize = 256;

impl Content {
    /// The digest of the first subject, by which Sigstore finds the statement. Nothing else is known of it yet.
    ///
    /// # Errors
    /// [`ManifestError::Malformed`].
    pub(super) fn claimed_root(payload: &[u8]) -> Result<[u8; 32], ManifestError> {
        let head: statement::Head = statement::read(payload).map_err(ManifestError::Malformed)?;
        let subject = head.subject.first().ok_or_else(|| malformed("it has no subject"))?;
        Ok(*root(subject)?.as_bytes())
    }

    /// Reads the statement.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn read(payload: &[u8]) -> Result<Self, ManifestError> {
        let head: statement::Head = statement::read(payload).map_err(ManifestError::Malformed)?;
        if head.predicate_type != PREDICATE {
            return Err(ManifestError::NotOfTensors(head.predicate_type));
        }
        let statement: Statement<Predicate> = statement::read(payload).map_err(ManifestError::Malformed)?;
        let [tensors, metadata] = &*statement.subject else {
            return Err(malformed("it has not exactly two subjects"));
        };
        if (&*tensors.name, &*metadata.name) != ("tensors", "metadata") {
            return Err(malformed("its subjects are not `tensors` and `metadata`"));
        }
        let content = content(statement.predicate)?;
        if root(tensors)? != content.tensor_root() || root(metadata)? != content.metadata_root() {
            return Err(ManifestError::Root);
        }
        Ok(content)
    }
}

fn content(predicate: Predicate) -> Result<Content, ManifestError> {
    if predicate.tensors.len() > MOST || predicate.metadata.len() > MOST {
        return Err(malformed("it has more than 1048576 tensors or metadata"));
    }
    let mut content = Content::default();
    for tensor in predicate.tensors {
        let name = tensor.name;
        if tensor.shape.len() > MOST_DIMENSIONS {
            return Err(ManifestError::Malformed(format!("`{name}` has more than 256 dimensions")));
        }
        let digest = digest(&tensor.sha256, &name)?;
        is_next(content.tensors.last_key_value().map(|(last, _)| last), &name, &name)?;
        content.tensors.insert(name, Tensor { dtype: tensor.dtype, shape: tensor.shape, digest });
    }
    for entry in predicate.metadata {
        let digest = digest(&entry.sha256, &entry.name)?;
        let entry = Metadata { name: entry.name, kind: entry.kind, digest };
        is_next(content.metadata.last(), &entry, &entry.name)?;
        content.metadata.insert(entry);
    }
    Ok(content)
}

/// Fails unless `entry` comes behind the last one.
fn is_next<T: Ord>(last: Option<&T>, entry: &T, name: &str) -> Result<(), ManifestError> {
    match last.map(|last| last.cmp(entry)) {
        None | Some(std::cmp::Ordering::Less) => Ok(()),
        Some(std::cmp::Ordering::Equal) => Err(ManifestError::Duplicate(name.to_owned())),
        Some(std::cmp::Ordering::Greater) => {
            Err(ManifestError::Malformed(format!("`{name}` is out of order")))
        }
    }
}

/// The root that a subject states.
fn root(subject: &Subject) -> Result<Digest, ManifestError> {
    match subject.digest.get("sha256") {
        Some(text) if subject.digest == BTreeMap::from([("sha256".to_owned(), text.clone())]) => {
            digest(text, &subject.name)
        }
        _ => Err(malformed("a subject has another digest than sha256")),
    }
}

/// The digest that 64 digits in lower case write.
fn digest(text: &str, name: &str) -> Result<Digest, ManifestError> {
    Bytes::of_text(text, Algorithm::Sha256.length())
        .and_then(|bytes| bytes.0.try_into().ok())
        .map(Digest::from_bytes)
        .ok_or_else(|| ManifestError::Malformed(format!("the digest of `{name}` is none")))
}

fn malformed(what: &str) -> ManifestError {
    ManifestError::Malformed(what.to_owned())
}
