//! Reads what a statement says of a model, once its signature is verified.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::manifest::{Age, Manifest, Method, PREDICATE, Piece, root};
use crate::digests::{Algorithm, Bytes};
use crate::statement::{self, Statement};

/// The predicate of `model_signing` 0.2, whose digests are the subjects.
const OLD_PREDICATE: &str = "https://model_signing/Digests/v0.1";

/// A statement that is signed and all the same not to be believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not the JSON that it should be.
    #[error("the signed statement is malformed: {0}")]
    Malformed(String),
    /// It speaks of something else.
    #[error("the signed statement is `{0}`, not one of model files")]
    Predicate(String),
    /// It speaks of something else than tensors, inside a file.
    #[error("{}", not_of_tensors(.0))]
    NotOfTensors(String),
    /// Of a form that nobody here knows.
    #[error("the signed statement uses {0}, which is not supported")]
    Unsupported(String),
    /// The digest over all digests is another one.
    #[error("root digest mismatch: the signed digest is not that of the listed files")]
    Root,
    /// A name is listed more than once.
    #[error("duplicate resource name: `{0}`")]
    Duplicate(String),
    /// A name does not lie below the model.
    #[error("resource escapes the model root: `{0}`")]
    Escapes(String),
    /// The shards of a file do not cover it once.
    #[error("the shards of `{0}` overlap or leave a gap")]
    Shards(String),
}

fn not_of_tensors(predicate: &str) -> String {
    match predicate {
        PREDICATE | OLD_PREDICATE => {
            "the signed statement is one of model files (OpenSSF Model Signing), not of tensors: it belongs beside them"
                .to_owned()
        }
        other => format!("the signed statement is `{other}`, not one of tensors"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate {
    resources: Vec<Resource>,
    serialization: Serialization,
}

/// Fields beyond these are to be ignored (section 5.2).
#[derive(Deserialize)]
struct Resource {
    name: String,
    algorithm: String,
    digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Serialization {
    method: String,
    hash_type: String,
    #[serde(default)]
    allow_symlinks: bool,
    #[serde(default)]
    ignore_paths: Vec<String>,
    /// The reference writes `300.0`.
    shard_size: Option<f64>,
}

impl Manifest {
    /// The digest of the subject, by which Sigstore finds the statement. Nothing else is known of it yet.
    ///
    /// # Errors
    /// [`ManifestError::Malformed`].
    pub(crate) fn claimed_root(payload: &[u8]) -> Result<[u8; 32], ManifestError> {
        let head: statement::Head = statement::read(payload).map_err(ManifestError::Malformed)?;
        let digest = head.subject.first().and_then(|subject| subject.digest.get("sha256"));
        let digest = digest.and_then(|digest| Bytes::of_text(digest, Algorithm::Sha256.length()));
        digest
            .and_then(|digest| digest.0.try_into().ok())
            .ok_or_else(|| ManifestError::Malformed("its subject has no sha256".to_owned()))
    }

    /// Reads the statement.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn read(payload: &[u8]) -> Result<Self, ManifestError> {
        let head: statement::Head = statement::read(payload).map_err(ManifestError::Malformed)?;
        match head.predicate_type.as_str() {
            PREDICATE => current(statement::read(payload).map_err(ManifestError::Malformed)?),
            OLD_PREDICATE => old(statement::read(payload).map_err(ManifestError::Malformed)?),
            _ => Err(ManifestError::Predicate(head.predicate_type)),
        }
    }
}

fn current(statement: Statement<Predicate>) -> Result<Manifest, ManifestError> {
    let malformed = |what: &str| ManifestError::Malformed(what.to_owned());
    let [subject] = &*statement.subject else { return Err(malformed("it has not exactly one subject")) };
    let expected = subject.digest.get("sha256").ok_or_else(|| malformed("its subject has no sha256"))?;
    let serialization = statement.predicate.serialization;
    let algorithm = algorithm(&serialization.hash_type)?;
    let method = match (serialization.method.as_str(), serialization.shard_size) {
        ("files", None) => Method::Files,
        ("shards", Some(size)) => {
            Method::Shards(whole(size).ok_or_else(|| malformed("its shard size is none"))?)
        }
        ("shards", None) => return Err(malformed("it has shards of no size")),
        ("files", Some(_)) => return Err(malformed("it has a shard size and no shards")),
        (other, _) => return Err(ManifestError::Unsupported(format!("the method `{other}`"))),
    };
    let mut listed = Vec::with_capacity(statement.predicate.resources.len());
    for resource in statement.predicate.resources {
        let digest = Bytes::of_text(&resource.digest, algorithm.length())
            .ok_or_else(|| ManifestError::Malformed(format!("the digest of `{}` is none", resource.name)))?;
        if !is_named_so(&resource.algorithm, algorithm, method) {
            let what =
                format!("`{}` is hashed with `{}`, not {algorithm}", resource.name, resource.algorithm);
            return Err(ManifestError::Malformed(what));
        }
        listed.push((resource.name, digest));
    }
    if root(listed.iter().map(|(_, digest)| digest)).to_string() != *expected {
        return Err(ManifestError::Root);
    }
    Ok(Manifest {
        name: subject.name.clone(),
        age: Age::Current,
        method,
        algorithm,
        allow_symlinks: serialization.allow_symlinks,
        ignore_paths: serialization.ignore_paths,
        files: files(listed, method)?,
    })
}

fn old(statement: Statement<IgnoredAny>) -> Result<Manifest, ManifestError> {
    let mut listed = Vec::with_capacity(statement.subject.len());
    for subject in statement.subject {
        // Its shards had names of another form; nobody is known to have signed so.
        let is_file = subject.digest.len() == 1 && !subject.name.contains(':');
        let digest = subject.digest.get("sha256").filter(|_| is_file);
        let digest = digest.and_then(|digest| Bytes::of_text(digest, Algorithm::Sha256.length()));
        let digest = digest.ok_or_else(|| ManifestError::Unsupported("digests of old shards".to_owned()))?;
        listed.push((subject.name, digest));
    }
    Ok(Manifest {
        name: String::new(),
        age: Age::Old,
        method: Method::Files,
        algorithm: Algorithm::Sha256,
        allow_symlinks: false,
        ignore_paths: Vec::new(),
        files: files(listed, Method::Files)?,
    })
}

/// The listed digests by the files that they belong to.
fn files(
    listed: Vec<(String, Bytes)>,
    method: Method,
) -> Result<BTreeMap<String, Vec<Piece>>, ManifestError> {
    let only = listed.len() == 1;
    let mut files: BTreeMap<String, Vec<Piece>> = BTreeMap::new();
    for (name, digest) in listed {
        let (path, piece) = match method {
            Method::Files => (name.as_str(), Piece { start: 0, end: None, digest }),
            Method::Shards(_) => {
                let (path, start, end) = shard(&name)
                    .ok_or_else(|| ManifestError::Malformed(format!("`{name}` names no shard")))?;
                (path, Piece { start, end: Some(end), digest })
            }
        };
        // A model that is a file is called `.` (section 4.1).
        let is_alone = path == "." && (only || matches!(method, Method::Shards(_)));
        if !is_alone && !lies_below(path) {
            return Err(ManifestError::Escapes(name));
        }
        let pieces = files.entry(path.to_owned()).or_default();
        // Of shards there may be very many: they are compared once they are sorted.
        if matches!(method, Method::Files) && !pieces.is_empty() {
            return Err(ManifestError::Duplicate(name));
        }
        pieces.push(piece);
    }
    if files.len() > 1 && files.contains_key(".") {
        return Err(ManifestError::Escapes(".".to_owned()));
    }
    if let Method::Shards(size) = method {
        for (path, pieces) in &mut files {
            pieces.sort_by_key(|piece| piece.start);
            if pieces.windows(2).any(|pair| matches!(pair, [one, other] if one.start == other.start)) {
                return Err(ManifestError::Duplicate(path.clone()));
            }
            if !cover(pieces, size) {
                return Err(ManifestError::Shards(path.clone()));
            }
        }
    }
    Ok(files)
}

/// Path, first byte and end of a shard. A path may hold colons itself.
fn shard(name: &str) -> Option<(&str, u64, u64)> {
    let (rest, end) = name.rsplit_once(':')?;
    let (path, start) = rest.rsplit_once(':')?;
    let number = |text: &str| text.parse::<u64>().ok().filter(|number| number.to_string() == text);
    Some((path, number(start)?, number(end)?))
}

/// Whether sorted pieces cover a file from its first byte to their last, each once and each of `size` but the last one.
fn cover(pieces: &[Piece], size: u64) -> bool {
    let mut reached = 0;
    let last = pieces.len().saturating_sub(1);
    for (at, piece) in pieces.iter().enumerate() {
        let length = piece.end.and_then(|end| end.checked_sub(piece.start));
        let fits = length.is_some_and(|length| length == size || (at == last && length > 0 && length < size));
        if piece.start != reached || !fits {
            return false;
        }
        reached = piece.end.unwrap_or(reached);
    }
    true
}

/// Whether a path stays below the model, and is written as nobody could write it otherwise (section 4.1).
pub(crate) fn lies_below(path: &str) -> bool {
    !path.contains('\0') && path.split('/').all(|name| !matches!(name, "" | "." | ".."))
}

fn algorithm(name: &str) -> Result<Algorithm, ManifestError> {
    Algorithm::of_name(name).ok_or_else(|| ManifestError::Unsupported(format!("the hash function `{name}`")))
}

/// Whether a resource says of itself that it is hashed as the whole is; the reference adds the size of the shards.
fn is_named_so(name: &str, algorithm: Algorithm, method: Method) -> bool {
    let plain = match (name.split_once("-sharded-"), method) {
        (Some((plain, text)), Method::Shards(size)) if text == size.to_string() => plain,
        (Some(_), _) => return false,
        (None, _) => name,
    };
    Algorithm::of_name(plain) == Some(algorithm)
}

/// A number of bytes above zero that a JSON number of any form tells exactly.
fn whole(number: f64) -> Option<u64> {
    // Above this, not every whole number has a form of its own (IEEE 754, 53 bits).
    const MOST: f64 = 9_007_199_254_740_992.0;
    if !(1.0..=MOST).contains(&number) || number.fract() != 0.0 {
        return None;
    }
    format!("{number:.0}").parse().ok()
}
