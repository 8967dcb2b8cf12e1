//! What was approved (`weighbridge.lock`) and what was signed, as the facts of a scan tell it. `weighbridge_trust::lock` reads
//! and writes the file and compares it with what lies there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::coverage::Unread;
use crate::date::Date;
use crate::digest::Digest;
use crate::report::Safety;

/// A model, data set or adapter that somebody approved.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Approval {
    /// Where it lies: a path below the folder of the lock with `/` between names, `.` for that folder, or `hf://ORG/NAME`.
    pub source: String,
    /// What it is.
    pub kind: Kind,
    /// The commit that it was taken from, where a hub says so.
    pub revision: Option<String>,
    /// The day on which it was approved, or its approval last changed.
    pub approved: Date,
    /// Why, where somebody said so.
    pub reason: Option<String>,
    /// It must be signed.
    pub signature_required: bool,
    /// Who signed it.
    pub signer: Option<Signer>,
    /// What the scan found that preceded the approval.
    pub scan: Option<Scanned>,
    /// What it may do although nobody vouches for it, sorted.
    pub grants: Vec<Grant>,
    /// Its files by their paths below it; a model that is a file has one that is called `.`.
    pub files: BTreeMap<String, Pin>,
    /// What was approved before and then replaced, the latest last.
    pub superseded: Vec<Superseded>,
}

/// An approval as a scan meets it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Approved {
    /// What the lock says.
    pub approval: Approval,
    /// How its paths are to be understood, where the lock lies above the target.
    pub above: Option<Arc<Above>>,
}

/// A lock above the target: which of the paths that count from its folder lie in the target, and where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Above {
    /// None of them inside another one.
    pub parts: Vec<Part>,
}

/// A folder or file below the folder of a lock that is weighed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Part {
    /// Its path below the folder of the lock.
    pub there: String,
    /// Its path in what is weighed; empty for the top.
    pub here: String,
}

impl Above {
    /// The path in the target of what the lock would call so; none where that does not lie in the target.
    pub fn here(&self, there: &str) -> Option<String> {
        self.parts.iter().find_map(|part| moved(&part.there, &part.here, there))
    }

    /// What the lock would call a path in the target.
    pub fn there(&self, here: &str) -> Option<String> {
        self.parts.iter().find_map(|part| moved(&part.here, &part.there, here))
    }

    /// The parts that lie at or below what the lock would call so; empty for its folder.
    pub fn within(&self, there: &str) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |part| moved(there, "", &part.there).is_some())
    }
}

/// `path`, which lies at or below `from`, as it is called when that is called `to`. Either may be empty: the top.
fn moved(from: &str, to: &str, path: &str) -> Option<String> {
    let rest = match path.strip_prefix(from)? {
        "" => return Some(to.to_owned()),
        rest if from.is_empty() => rest,
        rest => rest.strip_prefix('/')?,
    };
    Some(if to.is_empty() { rest.to_owned() } else { format!("{to}/{rest}") })
}

/// Something that was approved once and is not any more: what lies there must not go back to it unnoticed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Superseded {
    /// The digest over all its files, as the lock writes it.
    pub digest: String,
    /// The commit that it was taken from, where a hub said so.
    pub revision: Option<String>,
    /// The day on which something else was approved in its place.
    pub until: Date,
}

/// What an approved thing is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A model.
    Model,
    /// A data set.
    Dataset,
    /// Weights that change another model (LoRA).
    Adapter,
}

impl Kind {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Model, Self::Dataset, Self::Adapter];

    /// The word in the lock.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Dataset => "dataset",
            Self::Adapter => "adapter",
        }
    }

    /// The kind with this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A file as it was approved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Pin {
    /// Size in bytes.
    pub size: u64,
    /// Its digest.
    pub digest: Digest,
}

/// Whoever signed what was approved.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Signer {
    /// Who.
    pub identity: Identity,
    /// The public key in DER, where a key signed and it is known.
    pub key: Option<Vec<u8>>,
    /// The roots (`trusted_root.json`) by which Sigstore names him; none for those of the public instance.
    pub roots: Option<Arc<str>>,
    /// The day on which he was first met here.
    pub first_seen: Date,
    /// The file that holds the signature: its path below the model, or its name beside a model that is a file.
    pub signature: String,
}

/// Somebody who signs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Identity {
    /// The holder of a key: by the SHA-256 of its PEM, or whatever else the signature says to help find it.
    Key(String),
    /// The holder of a certificate: by the SHA-256 of it.
    Certificate(String),
    /// Somebody for whom an identity provider vouches.
    Sigstore {
        /// The mail address, or the address of a workflow.
        name: String,
        /// The address of the identity provider.
        issuer: String,
    },
}

impl fmt::Display for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(fingerprint) => write!(out, "key {fingerprint:.16}…"),
            Self::Certificate(fingerprint) => write!(out, "certificate {fingerprint:.16}…"),
            Self::Sigstore { name, issuer } => write!(out, "`{name}`, as {issuer} says"),
        }
    }
}

/// What a scan found of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Scanned {
    /// The worst verdict over its model files; none where it has no model file.
    pub verdict: Option<Safety>,
    /// The day of the advisories that were known.
    pub advisories: String,
    /// The version of Weighbridge.
    pub tool: String,
    /// The day of the scan.
    pub date: Date,
}

impl Scanned {
    /// The words that a verdict can have in the lock.
    pub fn words() -> impl Iterator<Item = &'static str> {
        Safety::ALL.into_iter().map(Safety::as_str).chain([NO_VERDICT])
    }

    /// The word for the verdict in the lock.
    pub fn word(&self) -> &'static str {
        self.verdict.map_or(NO_VERDICT, Safety::as_str)
    }

    /// The verdict behind a word in the lock; none where it is none of [`Scanned::words`].
    pub fn of_word(word: &str) -> Option<Option<Safety>> {
        let known = Safety::ALL.into_iter().find(|safety| safety.as_str() == word);
        known.map(Some).or_else(|| (word == NO_VERDICT).then_some(None))
    }
}

/// The word for no verdict, where there was no model file to judge.
const NO_VERDICT: &str = "none";

/// Something that an approved model may do although nobody vouches for it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Grant {
    /// The name that it may import and call, such as `numpy.core.multiarray._reconstruct`.
    pub allow: String,
    /// Why.
    pub reason: String,
    /// The last day on which it counts; none for ever.
    pub until: Option<Date>,
}

/// A signature of model files that was met. Whoever reads it does not know whom to believe.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Signature {
    /// Whoever it says has signed.
    pub identity: Identity,
    /// What is known of its being good.
    pub proof: Proof,
    /// The files that it is over, by their paths below the model; one that is called `.` where the model is a file.
    pub files: BTreeMap<String, SignedFile>,
    /// Paths that were left out, with all below them.
    pub ignored: Vec<String>,
    /// What it says of the files, by the type of its predicate; none where it says only that these are the model.
    pub attested: Option<String>,
}

/// Whether a signature is good.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Proof {
    /// By the certificate that it shows, or by Sigstore.
    Holds,
    /// It is not, and why.
    Fails(String),
    /// Only somebody who has the public key can say.
    NeedsKey(Box<Unproved>),
    /// That depends on whose roots of Sigstore are believed.
    ByRoots(Box<ByRoots>),
}

impl Proof {
    /// Why the signature is not good, where that is known.
    pub fn fails(&self) -> Option<&str> {
        match self {
            Self::Fails(why) => Some(why),
            Self::ByRoots(it) if !it.is_vouched => it.public.as_ref().err().map(String::as_str),
            Self::Holds | Self::NeedsKey(_) | Self::ByRoots(_) => None,
        }
    }
}

/// What it takes to verify a signature of Sigstore by other roots than those of the public instance.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ByRoots {
    /// The text of the bundle.
    pub json: Arc<str>,
    /// SHA-256 of what it is over.
    pub digest: Digest,
    /// Whom the public instance names, or why it names nobody.
    pub public: Result<Identity, String>,
    /// Somebody whom the user believes names a signer: the public instance, or roots of his own.
    pub is_vouched: bool,
}

/// What it takes to verify a signature by its key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Unproved {
    /// SHA-256, SHA-384 and SHA-512 of what is signed.
    pub digests: [Vec<u8>; 3],
    /// SHA-256 of it in the encoding of an early release, where it has the form of one.
    pub early: Option<Vec<u8>>,
    /// The signatures in DER; one good one is enough.
    pub signatures: Vec<Vec<u8>>,
}

/// What is signed of a file, as far as a digest of its bytes can be compared with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SignedFile {
    /// SHA-256 of the whole; none where it was cut up or hashed otherwise.
    pub digest: Option<Digest>,
    /// Its size, where it was cut up.
    pub size: Option<u64>,
}

/// A signature over tensors that lies inside a model file, and what that file holds (`docs/spec/tensor-signature.md`). Whoever
/// reads it does not know whom to believe.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TensorSignature {
    /// What it says. Every file of a model says the same, which can be as much as the names of a hundred thousand tensors.
    pub says: Arc<SignedTensors>,
    /// What the file itself holds; not read where that would fetch all of it from a server.
    pub held: Result<Weights, Unread>,
}

/// What a signature over tensors says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SignedTensors {
    /// Whoever it says has signed.
    pub identity: Identity,
    /// What is known of its being good.
    pub proof: Proof,
    /// SHA-256 of its text: files of one model carry the same one.
    pub digest: Digest,
    /// What was signed, in whichever files.
    pub signed: Weights,
}

/// Tensors and metadata.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Weights {
    /// Tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Metadata; a key may have several values in several files.
    pub metadata: BTreeSet<Metadata>,
}

/// A tensor.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tensor {
    /// Type of its elements.
    pub dtype: String,
    /// Its size in every dimension, the outermost first.
    pub shape: Vec<u64>,
    /// SHA-256 of its bytes.
    pub digest: Digest,
}

/// An entry of the metadata.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Metadata {
    /// The key.
    pub name: String,
    /// The type of the value: `string`, or `gguf:N` for a value of GGUF that is none.
    pub kind: String,
    /// SHA-256 of the value.
    pub digest: Digest,
}

impl fmt::Display for Tensor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {:?} {}", self.dtype, self.shape, self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_a_lock_are_paths_in_the_target() {
        let part = |there: &str, here: &str| Part { there: there.to_owned(), here: here.to_owned() };
        let above = Above { parts: vec![part("m/a", ""), part("m/w.pkl", "w.pkl/w.pkl"), part("m/b", "b")] };
        for (there, here) in [
            ("m/a", Some("")),
            ("m/a/x/y", Some("x/y")),
            ("m/w.pkl", Some("w.pkl/w.pkl")),
            ("m/b/x", Some("b/x")),
            ("m/ab", None),
            ("m/b2/x", None),
            ("m", None),
            ("", None),
        ] {
            assert_eq!(above.here(there).as_deref(), here, "{there}");
        }
        let above = Above { parts: above.parts[1..].to_vec() };
        assert_eq!(above.there("b/x").as_deref(), Some("m/b/x"));
        assert_eq!(above.there("w.pkl/w.pkl").as_deref(), Some("m/w.pkl"));
        assert_eq!(above.there("c"), None);
    }
}
