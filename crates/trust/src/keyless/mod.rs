//! Signatures of Sigstore: a certificate that lives for minutes, and a transparency log that saw it in time.
//!
//! The one place that knows `sigstore-verify`. Nothing is fetched: the roots of trust come in as the JSON of a
//! `trusted_root.json`, or are those of the public instance as that library carries them.

mod provider;
mod services;

pub use services::{Instance, Log, Services};

use std::fmt;

use sigstore_verify::trust_root::{SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot};
use sigstore_verify::types::{Bundle, Sha256Hash};
use sigstore_verify::{SubjectAltName, VerificationPolicy, verify as verify_bundle};

/// Whom Sigstore is trusted to name.
pub struct Roots(TrustedRoot);

/// Who signed, as his certificate names him.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The mail address or the address of the workflow.
    pub name: String,
    /// Who vouched for it: the address of the identity provider.
    pub issuer: String,
    /// The earliest time that a log or a timestamp authority states, in seconds since 1970.
    pub time: Option<i64>,
}

/// Whose signature is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Who, exactly.
    pub name: String,
    /// Who vouches for it, exactly.
    pub issuer: String,
}

/// Why a bundle is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeylessError {
    /// The roots of trust cannot be read.
    #[error("the trusted root is malformed: {0}")]
    Roots(String),
    /// What says which services sign cannot be used.
    #[error("the trust configuration cannot be used: {0}")]
    Services(String),
    /// The bundle is not the JSON that it should be.
    #[error("the bundle is malformed: {0}")]
    Malformed(String),
    /// Somebody else signed.
    #[error("identity mismatch: signed by `{0}` as `{1}` says")]
    Identity(String, String),
    /// The signature, the certificate or the log does not hold.
    #[error("{0}")]
    Refused(String),
}

impl Roots {
    /// The roots of a `trusted_root.json`.
    ///
    /// # Errors
    /// [`KeylessError::Roots`].
    pub fn read(json: &str) -> Result<Self, KeylessError> {
        provider::install();
        TrustedRoot::from_json(json).map(Self).map_err(|error| KeylessError::Roots(error.to_string()))
    }

    /// Those of the public instance.
    pub fn public() -> Self {
        Self::read(SIGSTORE_PRODUCTION_TRUSTED_ROOT).expect("the library carries roots that it reads itself")
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Roots")
    }
}

/// Verifies a bundle over the artifact with this digest, the first of its subjects: signature, certificate, the time of
/// both, and that a log holds the entry.
///
/// # Errors
/// [`KeylessError`].
pub fn verify(
    json: &str,
    digest: [u8; 32],
    wanted: &Wanted,
    roots: &Roots,
) -> Result<Identity, KeylessError> {
    // Names are compared here, so that the message can say who it was instead.
    let identity = identify(json, digest, roots)?;
    if identity.name != wanted.name || identity.issuer != wanted.issuer {
        return Err(KeylessError::Identity(identity.name, identity.issuer));
    }
    Ok(identity)
}

/// Who signed the artifact with this digest, whoever it is: nobody is believed but the roots. Verified is what [`verify`] does.
///
/// # Errors
/// [`KeylessError`].
pub fn identify(json: &str, digest: [u8; 32], roots: &Roots) -> Result<Identity, KeylessError> {
    provider::install();
    let bundle = Bundle::from_json(json).map_err(|error| KeylessError::Malformed(error.to_string()))?;
    let policy = VerificationPolicy::any_identity();
    let result = verify_bundle(Sha256Hash::new(digest), &bundle, &policy, &roots.0)
        .map_err(|error| KeylessError::Refused(error.to_string()))?;
    if !result.certificate_verified() || !result.tlog_verified() {
        return Err(KeylessError::Refused("neither certificate nor log could be verified".to_owned()));
    }
    let name = result.identity().map(SubjectAltName::as_str).unwrap_or_default().to_owned();
    let issuer = result.issuer().unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(KeylessError::Identity(name, issuer));
    }
    let time = result.verified_timestamps().iter().map(|time| time.as_second()).min();
    Ok(Identity { name, issuer, time })
}
