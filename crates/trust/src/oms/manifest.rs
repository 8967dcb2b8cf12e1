//! What a statement says of a model: its files and their digests.

use std::collections::BTreeMap;

use serde::Serialize;
use weighbridge_core::digest::{Digest, Hasher};

use crate::digests::{Algorithm, Bytes};
use crate::statement::{self, Statement, Subject};

/// The type of the predicate that is written (section 5.2).
pub(super) const PREDICATE: &str = "https://model_signing/signature/v1.0";

/// The files of a model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// What its signer called the model. Only a name: anybody may call a model so.
    pub name: String,
    /// By which version of the format it was written.
    pub age: Age,
    /// How the files were cut for hashing.
    pub method: Method,
    /// The hash function of all digests.
    pub algorithm: Algorithm,
    /// Links were followed when it was signed.
    pub allow_symlinks: bool,
    /// Paths that were left out, with all below them.
    pub ignore_paths: Vec<String>,
    /// The digests of each file, in the order of its pieces: one for `files`.
    pub files: BTreeMap<String, Vec<Piece>>,
}

/// A version of the format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Age {
    /// The one of the specification.
    Current,
    /// That of `model_signing` 0.2, read for a time: it says nothing of links or of what was left out.
    Old,
}

/// How files are cut for hashing (section 4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Not at all.
    Files,
    /// Into pieces of this many bytes; empty files have none, and so are not signed.
    Shards(u64),
}

/// A part of a file and its digest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// First byte.
    pub start: u64,
    /// Byte behind the last; none for a whole file, whose size nobody told.
    pub end: Option<u64>,
    /// The digest.
    pub digest: Bytes,
}

#[derive(Serialize)]
struct Predicate<'a> {
    serialization: Serialization<'a>,
    resources: Vec<Resource<'a>>,
}

#[derive(Serialize)]
struct Serialization<'a> {
    method: &'static str,
    hash_type: &'static str,
    allow_symlinks: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard_size: Option<u64>,
    ignore_paths: &'a [String],
}

#[derive(Serialize)]
struct Resource<'a> {
    name: String,
    algorithm: &'a str,
    digest: String,
}

impl Manifest {
    /// The statement of it as JSON: the same bytes for the same manifest.
    pub fn to_statement(&self) -> Vec<u8> {
        let (method, shard_size) = match self.method {
            Method::Files => ("files", None),
            Method::Shards(size) => ("shards", Some(size)),
        };
        let algorithm = match self.method {
            Method::Files => self.algorithm.name().to_owned(),
            Method::Shards(size) => format!("{}-sharded-{size}", self.algorithm),
        };
        // Resources stand in the order of the code points of their names (section 4.1), which is that of UTF-8. The bounds
        // of shards are numbers, so that they are sorted as texts once more.
        let mut listed: Vec<(String, &Bytes)> = Vec::new();
        for (path, pieces) in &self.files {
            for piece in pieces {
                let name = match piece.end {
                    None => path.clone(),
                    Some(end) => format!("{path}:{}:{end}", piece.start),
                };
                listed.push((name, &piece.digest));
            }
        }
        listed.sort();
        let root = root(listed.iter().map(|(_, digest)| *digest));
        let resource = |(name, digest): (String, &Bytes)| Resource {
            name,
            algorithm: &algorithm,
            digest: digest.to_string(),
        };
        let statement = Statement {
            kind: statement::TYPE.to_owned(),
            subject: vec![Subject {
                name: self.name.clone(),
                digest: BTreeMap::from([("sha256".to_owned(), root.to_string())]),
            }],
            predicate_type: PREDICATE.to_owned(),
            predicate: Predicate {
                serialization: Serialization {
                    method,
                    hash_type: self.algorithm.name(),
                    allow_symlinks: self.allow_symlinks,
                    shard_size,
                    ignore_paths: &self.ignore_paths,
                },
                resources: listed.into_iter().map(resource).collect(),
            },
        };
        serde_json::to_vec(&statement).expect("texts, numbers and lists of them are JSON")
    }

    /// Whether a path was left out when the model was signed.
    pub fn ignores(&self, path: &str) -> bool {
        self.ignore_paths.iter().any(|ignored| lies_in(path, ignored))
    }
}

/// The digest over all digests in the order in which they are listed, always SHA-256 (section 5.2).
pub(super) fn root<'a>(digests: impl Iterator<Item = &'a Bytes>) -> Digest {
    let mut hasher = Hasher::default();
    digests.for_each(|digest| hasher.update(&digest.0));
    hasher.finish()
}

/// Whether `path` is `folder` or lies below it.
pub(super) fn lies_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
