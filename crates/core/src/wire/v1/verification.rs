//! The answer of `verify`, as programs get it.

use serde::Serialize;

use super::Tool;

/// The value of [`Verification::schema`].
pub const SCHEMA: &str = "weighbridge.verification/1";

/// The JSON Schema (draft 2020-12) of [`Verification`].
#[cfg(feature = "schema")]
pub fn schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Verification>();
    schema.insert("$id".to_owned(), "urn:weighbridge:schema:verification-v1".into());
    schema.insert("title".to_owned(), format!("Weighbridge verification ({SCHEMA})").into());
    schema.to_value()
}

wire! {
/// What was found of signed models.
pub struct Verification {
    /// `weighbridge.verification/1`.
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA)))]
    pub schema: &'static str,
    /// The program that verified.
    pub tool: Tool,
    /// The exit code of the process.
    pub exit_code: u8,
    /// The models, in the order in which they were named.
    pub models: Vec<Model>,
}

/// One model and its signature.
pub struct Model {
    /// The model, as it was named on the command line.
    pub path: String,
    /// The file with the signature, which may be one of the model; `null` where there is none.
    pub signature: Option<String>,
    /// What is to be thought of it.
    pub verdict: Verdict,
    /// Why, in plain words; `null` for a verified one.
    pub reason: Option<String>,
    /// Who signed; `null` where no signature holds.
    pub signer: Option<Signer>,
    /// What a trust policy says of it; `null` where none was asked.
    pub policy: Option<Policy>,
    /// The signature has a form of an early release, which is read for a time.
    pub early: bool,
    /// What the signer called the model; `null` where no signature holds, and where it is one of tensors.
    pub name: Option<String>,
    /// The hash function of the digests; `null` where no signature holds.
    pub algorithm: Option<&'static str>,
    /// Where the signature stands in a log; only where the proof of that was asked for and holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Log>,
    /// Every file that was signed or lies there, sorted by path; of a model whose tensors are signed, those that hold none.
    pub files: Vec<File>,
    /// What is attested of it, in the order of files and lines.
    pub claims: Vec<Claim>,
    /// Every tensor that was signed or is there, sorted by name; only where the signature is one of tensors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tensors: Option<Vec<Tensor>>,
    /// Every key of the metadata that was signed or is there, in the same way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Vec<Tensor>>,
}

/// What is to be thought of a model.
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Signed by somebody who is believed, and as it was signed.
    Verified,
    /// The signature does not hold, or the model is not as it was signed.
    Bad,
    /// There is no signature, and the rule of the trust policy takes that with a warning.
    Warned,
    /// There is no signature.
    Unsigned,
    /// No rule of the trust policy speaks of it.
    NoRule,
    /// Something could not be read.
    Unchecked,
}

/// What a trust policy says of a model.
pub struct Policy {
    /// The file of the policy.
    pub file: String,
    /// The rule that applies; `null` where none does, or two claim it.
    pub rule: Option<Rule>,
    /// What the rule asks for, and how it is met.
    pub requirements: Vec<Requirement>,
    /// The anchors that vouch for the model, sorted.
    pub vouched: Vec<Vouched>,
    /// Signatures that do not count, with the reason.
    pub refused: Vec<Refused>,
}

/// A rule of a trust policy.
pub struct Rule {
    /// Its pattern.
    #[serde(rename = "match")]
    pub matches: String,
    /// The line on which it begins.
    pub line: u64,
    /// What becomes of a model without any signature: `refuse`, `warn` or `pin`.
    pub unsigned: &'static str,
}

/// What a rule asks for.
pub struct Requirement {
    /// What must be signed.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The anchors that count.
    pub by: Vec<String>,
    /// How many of them must vouch, with as many different keys.
    pub threshold: u64,
    /// How old the signatures may be, in seconds; `null` for any age.
    pub max_age: Option<i64>,
    /// How many vouch.
    pub vouched: u64,
    /// They are enough.
    pub met: bool,
    /// Why some who signed do not count.
    pub reasons: Vec<String>,
}

/// An anchor that vouches for a model.
pub struct Vouched {
    /// Its id.
    pub anchor: String,
    /// The rule names it.
    pub named: bool,
    /// The file with its signature.
    pub signature: String,
    /// Who signed.
    pub signer: Signer,
}

/// A signature that does not count.
pub struct Refused {
    /// The file.
    pub signature: String,
    /// The anchor for which it does not count; `null` for all.
    pub anchor: Option<String>,
    /// Why.
    pub reason: String,
}

/// Who signed.
pub struct Signer {
    /// How he is known.
    pub method: Method,
    /// The fingerprint of the key, the subject of the certificate, or the name of the identity.
    pub name: String,
    /// Further names in the certificate; the identity provider of an identity.
    pub names: Vec<String>,
    /// SHA-256 of the PEM of the public key (the hint of a bundle), or of the DER of the certificate.
    pub fingerprint: Option<String>,
    /// The time of the signature that a log or an authority states, in seconds since 1970.
    pub time: Option<i64>,
}

/// An entry of a log of signatures.
pub struct Log {
    /// The name of the log.
    pub name: String,
    /// The number of the entry, from zero.
    pub entry: u64,
    /// When it was written down, by the clock of the log, in seconds since 1970.
    pub time: i64,
}

/// How a signer is known.
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// By a public key.
    Key,
    /// By a chain of certificates.
    Certificate,
    /// By Sigstore.
    Sigstore,
}

/// An attestation.
pub struct Claim {
    /// The file with it, and its line.
    pub place: String,
    /// What is to be thought of it.
    pub standing: Standing,
    /// Why it does not count; `null` where it does.
    pub reason: Option<String>,
    /// What it is about: a type of `attest`, or `pep740`; `null` where it cannot be read.
    #[serde(rename = "type")]
    pub kind: Option<&'static str>,
    /// The type of its predicate.
    pub predicate_type: Option<String>,
    /// When it was made, as its signer says, in seconds since 1970; `null` where it does not say so.
    pub time: Option<i64>,
    /// The verdict of a scan or an evaluation: `pass`, `warned`, `incomplete` or `fail`.
    pub verdict: Option<&'static str>,
    /// Who signed it, of those who are believed.
    pub signers: Vec<ClaimSigner>,
}

/// Somebody who is believed and signed an attestation.
pub struct ClaimSigner {
    /// The anchor that he is; where no policy was asked, words for the one who was named.
    pub anchor: String,
    /// Who.
    pub signer: Signer,
}

/// What is to be thought of an attestation.
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Signed by somebody who is believed, and of these bytes.
    Valid,
    /// The same, and older than what is asked for may be.
    Stale,
    /// Signed by somebody who is believed, and of other bytes, or not of all that lies there.
    OtherBytes,
    /// The signature does not hold.
    BadSignature,
    /// Signed by somebody who is believed, and not in the log that is asked for.
    NotLogged,
    /// Signed by somebody who is not believed.
    UnknownSigner,
    /// It cannot be understood.
    Malformed,
    /// Some of the files could not be read.
    Unchecked,
}

/// A file of a model.
pub struct File {
    /// Its path below the model; `.` for a model that is a file.
    pub path: String,
    /// What was found.
    pub status: Status,
    /// The signed digest; of a file in shards, those that differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The digest of what lies there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
    /// Why it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// It was left out by rule, and can run.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub runs: bool,
}

/// What was found of a file.
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// As it was signed.
    Ok,
    /// Not as it was signed.
    Changed,
    /// Signed, and not there.
    Missing,
    /// There, and not signed.
    Extra,
    /// There, not signed, and left out by rule.
    Ignored,
    /// It could not be read.
    Unread,
}

/// A tensor of a model, or a key of its metadata.
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// What was found.
    pub status: TensorStatus,
    /// The signed type, shape and digest, where it was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Those of what is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<String>,
    /// The name under which it was signed, where it was renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_as: Option<String>,
}

/// What was found of a tensor.
#[serde(rename_all = "kebab-case")]
pub enum TensorStatus {
    /// As it was signed.
    Ok,
    /// Not as it was signed.
    Changed,
    /// Signed, and not there.
    Missing,
    /// There, and not signed.
    Extra,
    /// Signed under another name, which is missing.
    Renamed,
}
}
