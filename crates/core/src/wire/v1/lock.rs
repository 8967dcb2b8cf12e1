//! The answer of `lock verify` and `lock diff`, as programs get it.

use serde::Serialize;

use super::Tool;

/// The value of [`LockVerification::schema`].
pub const SCHEMA: &str = "weighbridge.lock-verification/1";

/// The JSON Schema (draft 2020-12) of [`LockVerification`].
#[cfg(feature = "schema")]
pub fn schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<LockVerification>();
    schema.insert("$id".to_owned(), "urn:weighbridge:schema:lock-verification-v1".into());
    schema.insert("title".to_owned(), format!("Weighbridge lock verification ({SCHEMA})").into());
    schema.to_value()
}

wire! {
/// Whether everything is as it was approved.
pub struct LockVerification {
    /// `weighbridge.lock-verification/1`.
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA)))]
    pub schema: &'static str,
    /// The program that compared.
    pub tool: Tool,
    /// The exit code of the process.
    pub exit_code: u8,
    /// The lock, as it was named on the command line.
    pub lock: String,
    /// What was looked at: in the order in which it was named, or sorted by source where nothing was.
    pub models: Vec<LockedModel>,
}

/// Something that was approved, and what is otherwise.
pub struct LockedModel {
    /// A path below the folder of the lock, `.` for that folder, or `hf://ORG/NAME`.
    pub source: String,
    /// `model`, `dataset` or `adapter`.
    pub kind: &'static str,
    /// The day on which it was approved (`YYYY-MM-DD`).
    pub approved: String,
    /// The digest over all its files, as the lock writes it.
    pub digest: String,
    /// The commit that was approved; `null` where none is known.
    pub revision: Option<String>,
    /// The commit that a loader would take now; `null` where none is known.
    pub revision_now: Option<String>,
    /// What is to be thought of it.
    pub verdict: LockVerdict,
    /// What is otherwise, each thing once; empty where it is as approved, and where nothing is there.
    pub differences: Vec<LockDifference>,
}

/// What is to be thought of something approved.
#[serde(rename_all = "kebab-case")]
pub enum LockVerdict {
    /// It is as it was approved.
    AsApproved,
    /// Something is otherwise.
    Differs,
    /// Nothing is there.
    Missing,
    /// Nothing is known to be otherwise, and something could not be read.
    Unchecked,
}

/// Something that is otherwise than it was approved.
pub struct LockDifference {
    /// What.
    pub kind: LockDifferenceKind,
    /// The file, by its path below the model, `.` for a model that is a file; `null` where it is about all of it.
    pub path: Option<String>,
    /// What was approved: the SHA-256 of a file, or a commit.
    pub expected: Option<String>,
    /// What there is instead; `null` also where it was not hashed because its size is another one.
    pub actual: Option<String>,
    /// The approved size of the file, in bytes.
    pub expected_size: Option<u64>,
    /// Its size now.
    pub actual_size: Option<u64>,
    /// Who had signed.
    pub expected_signer: Option<LockSigner>,
    /// Who has, as the signature says.
    pub actual_signer: Option<LockSigner>,
    /// Until when it was approved, where it is what was replaced (`YYYY-MM-DD`).
    pub until: Option<String>,
    /// Why, in plain words, where it could not be read or a signature does not hold.
    pub reason: Option<String>,
}

/// In which way something is otherwise.
#[serde(rename_all = "kebab-case")]
pub enum LockDifferenceKind {
    /// It must be signed, and nobody has signed it.
    Unsigned,
    /// Its signature does not hold.
    NotHolding,
    /// A file has other bytes.
    Changed,
    /// A file is gone.
    Missing,
    /// A file was not approved.
    Extra,
    /// Somebody else has signed.
    SignerChanged,
    /// The signature is gone.
    SignatureLost,
    /// It is what was replaced.
    Downgraded,
    /// Another commit is there.
    Moved,
    /// A file could not be read.
    Unread,
}

/// Somebody who signed.
pub struct LockSigner {
    /// `key`, `certificate` or `sigstore`.
    pub method: &'static str,
    /// The fingerprint of the key or certificate, or the name of the identity.
    pub name: String,
    /// The identity provider; only for `sigstore`.
    pub issuer: Option<String>,
}
}
