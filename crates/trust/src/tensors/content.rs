//! What is signed: the tensors and metadata of a model.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use weighbridge_core::digest::Digest;
use weighbridge_core::lock::{Metadata, Tensor, Weights};

use super::{PREDICATE, merkle};
use crate::statement::{self, Statement, Subject};

/// What a model holds, in whichever files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Content {
    /// Tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Metadata; a key may have several values in several files.
    pub metadata: BTreeSet<Metadata>,
}

/// What is said of the subjects.
#[derive(Serialize, Deserialize)]
pub(super) struct Predicate {
    pub(super) tensors: Vec<WireTensor>,
    pub(super) metadata: Vec<WireMetadata>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireTensor {
    pub(super) name: String,
    pub(super) dtype: String,
    pub(super) shape: Vec<u64>,
    pub(super) sha256: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireMetadata {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) sha256: String,
}

impl Content {
    /// The root over all tensors: the identity of the weights, whatever files they lie in.
    pub fn tensor_root(&self) -> Digest {
        merkle::root(&self.tensors.iter().map(|(name, tensor)| tensor_leaf(name, tensor)).collect::<Vec<_>>())
    }

    /// The root over all metadata.
    pub fn metadata_root(&self) -> Digest {
        merkle::root(&self.metadata.iter().map(metadata_leaf).collect::<Vec<_>>())
    }

    /// The statement that is signed: the same bytes for the same content.
    pub fn to_statement(&self) -> Vec<u8> {
        let subject = |name: &str, root: Digest| Subject {
            name: name.to_owned(),
            digest: BTreeMap::from([("sha256".to_owned(), root.to_string())]),
        };
        let tensors = self.tensors.iter().map(|(name, tensor)| WireTensor {
            name: name.clone(),
            dtype: tensor.dtype.clone(),
            shape: tensor.shape.clone(),
            sha256: tensor.digest.to_string(),
        });
        let metadata = self.metadata.iter().map(|entry| WireMetadata {
            name: entry.name.clone(),
            kind: entry.kind.clone(),
            sha256: entry.digest.to_string(),
        });
        let statement = Statement {
            kind: statement::TYPE.to_owned(),
            subject: vec![subject("tensors", self.tensor_root()), subject("metadata", self.metadata_root())],
            predicate_type: PREDICATE.to_owned(),
            predicate: Predicate { tensors: tensors.collect(), metadata: metadata.collect() },
        };
        serde_json::to_vec(&statement).expect("texts and numbers are JSON")
    }
}

/// The leaf of the tree for a tensor under this name.
pub fn tensor_leaf(name: &str, tensor: &Tensor) -> Digest {
    let mut leaf = merkle::Leaf::new("weighbridge.tensor/1");
    leaf.text(name);
    leaf.text(&tensor.dtype);
    leaf.length(tensor.shape.len());
    tensor.shape.iter().for_each(|size| leaf.number(*size));
    leaf.finish(tensor.digest)
}

/// The leaf of the tree for an entry of the metadata.
pub fn metadata_leaf(entry: &Metadata) -> Digest {
    let mut leaf = merkle::Leaf::new("weighbridge.metadata/1");
    leaf.text(&entry.name);
    leaf.text(&entry.kind);
    leaf.finish(entry.digest)
}

impl From<Weights> for Content {
    fn from(Weights { tensors, metadata }: Weights) -> Self {
        Self { tensors, metadata }
    }
}
