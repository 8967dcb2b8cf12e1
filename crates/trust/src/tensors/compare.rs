//! Compares what was signed with what a model holds.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::digest::Digest;
use weighbridge_core::lock::{Metadata, Tensor};

use super::content::Content;

/// What was found of a tensor, or of a key of the metadata.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Status {
    /// As it was signed.
    Ok,
    /// Not as it was signed.
    Changed {
        /// Type, shape and digest that were signed.
        expected: String,
        /// Those of what is there.
        actual: String,
    },
    /// Signed, and not there.
    Missing,
    /// There, and not signed.
    Extra,
    /// Signed under another name, which is missing.
    Renamed {
        /// That name.
        from: String,
    },
}

/// Everything that was signed or is there, by its name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Compared {
    /// Tensors.
    pub tensors: BTreeMap<String, Status>,
    /// Keys of the metadata.
    pub metadata: BTreeMap<String, Status>,
}

impl Compared {
    /// The model holds what was signed, and nothing else.
    pub fn is_true(&self) -> bool {
        self.tensors.values().chain(self.metadata.values()).all(|status| *status == Status::Ok)
    }
}

impl Content {
    /// Compares what was signed with what is there.
    pub fn compare(&self, actual: &Self) -> Compared {
        let mut tensors: BTreeMap<String, Status> = BTreeMap::new();
        for (name, expected) in &self.tensors {
            let status = match actual.tensors.get(name) {
                Some(tensor) if tensor == expected => Status::Ok,
                Some(tensor) => {
                    Status::Changed { expected: expected.to_string(), actual: tensor.to_string() }
                }
                None => Status::Missing,
            };
            tensors.insert(name.clone(), status);
        }
        let extra = actual.tensors.iter().filter(|(name, _)| !self.tensors.contains_key(*name));
        let mut lost = self.lost(actual);
        for (name, tensor) in extra {
            let from = lost.get_mut(tensor).and_then(BTreeSet::pop_first);
            let status = match from {
                None => Status::Extra,
                Some(from) => {
                    tensors.remove(from);
                    Status::Renamed { from: from.to_owned() }
                }
            };
            tensors.insert(name.clone(), status);
        }
        Compared { tensors, metadata: self.compare_metadata(actual) }
    }

    /// The names under which each tensor was signed that are not there.
    fn lost(&self, actual: &Self) -> BTreeMap<&Tensor, BTreeSet<&str>> {
        let mut lost: BTreeMap<&Tensor, BTreeSet<&str>> = BTreeMap::new();
        for (name, tensor) in self.tensors.iter().filter(|(name, _)| !actual.tensors.contains_key(*name)) {
            lost.entry(tensor).or_default().insert(name);
        }
        lost
    }

    fn compare_metadata(&self, actual: &Self) -> BTreeMap<String, Status> {
        let (expected, actual) = (by_name(&self.metadata), by_name(&actual.metadata));
        let names: BTreeSet<&str> = expected.keys().chain(actual.keys()).copied().collect();
        let one = |name: &str| match (expected.get(name), actual.get(name)) {
            (Some(expected), Some(actual)) if expected == actual => Status::Ok,
            (Some(expected), Some(actual)) => {
                Status::Changed { expected: text(expected), actual: text(actual) }
            }
            (Some(_), None) => Status::Missing,
            (None, _) => Status::Extra,
        };
        names.into_iter().map(|name| (name.to_owned(), one(name))).collect()
    }
}

/// The types and digests of each key.
type Values<'a> = BTreeMap<&'a str, Vec<(&'a str, Digest)>>;

fn by_name(metadata: &BTreeSet<Metadata>) -> Values<'_> {
    let mut values = Values::new();
    for entry in metadata {
        values.entry(&entry.name).or_default().push((&entry.kind, entry.digest));
    }
    values
}

fn text(values: &[(&str, Digest)]) -> String {
    values.iter().map(|(kind, digest)| format!("{kind} {digest}")).collect::<Vec<_>>().join(", ")
}
