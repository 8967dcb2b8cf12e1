//! Who signed a bundle, as records call him.

use weighbridge_core::digest::Digest;
use weighbridge_core::lock::Identity;

use crate::bundle::{Bundle, Material};
use crate::keyless::{self, Roots};
use crate::keys::PublicKey;
use crate::oms::Signer;
use crate::{chain, statement};

/// Why nothing can be written down of a signer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignerError {
    /// A key signed, and nothing says which.
    #[error("it does not say which key has signed it")]
    Nameless,
    /// The signature is not one of the key that is given, or of the certificate that it shows.
    #[error("signature invalid: it is not one of {0}")]
    Signature(&'static str),
    /// The certificate that it shows, or the statement, cannot be read; or Sigstore does not vouch for it.
    #[error("{0}")]
    Refused(String),
}

/// A signer that was verified.
pub fn identity(signer: &Signer) -> Identity {
    match signer {
        Signer::Key(key) => Identity::Key(key.hint()),
        Signer::Certificate(leaf) => Identity::Certificate(leaf.fingerprint.to_string()),
        Signer::Identity(identity) => {
            Identity::Sigstore { name: identity.name.clone(), issuer: identity.issuer.clone() }
        }
    }
}

/// The signer of a bundle that was read from this JSON, as far as it can be known without being told whom to believe: by the
/// `key` that is given, else by the certificate that it shows, or by the public instance of Sigstore. Without any of these it is
/// the key that the bundle names, and whether that key has signed is not known.
///
/// # Errors
/// [`SignerError`].
pub fn shown(json: &str, bundle: &Bundle, key: Option<&PublicKey>) -> Result<Identity, SignerError> {
    let signed = || bundle.envelope.signed();
    let is_signed = |key: &PublicKey| {
        let digest = key.sha2().digest(&signed());
        bundle.envelope.signatures.iter().any(|signature| key.verifies_digest(&digest, signature))
    };
    if let Some(key) = key {
        let identity = Identity::Key(key.hint());
        return if is_signed(key) { Ok(identity) } else { Err(SignerError::Signature("the public key")) };
    }
    match &bundle.material {
        Material::Key(hint) => {
            // Early releases put the key itself there.
            let hint = PublicKey::from_pem(hint).map_or_else(|_| hint.clone(), |key| key.hint());
            let digest: Digest = hint.parse().map_err(|_| SignerError::Nameless)?;
            Ok(Identity::Key(digest.to_string()))
        }
        Material::Chain(chain) => {
            let leaf = chain.first().map(Vec::as_slice).unwrap_or_default();
            let key = chain::key_of(leaf).map_err(|error| SignerError::Refused(error.to_string()))?;
            let identity = Identity::Certificate(Digest::of(leaf).to_string());
            if is_signed(&key) {
                Ok(identity)
            } else {
                Err(SignerError::Signature("the certificate that it shows"))
            }
        }
        Material::Keyless(_) => {
            let head: statement::Head =
                statement::read(&bundle.envelope.payload).map_err(SignerError::Refused)?;
            let digest = head.subject.first().and_then(|subject| subject.digest.get("sha256"));
            let digest: Digest = digest
                .and_then(|digest| digest.parse().ok())
                .ok_or_else(|| SignerError::Refused("its first subject has no sha256".to_owned()))?;
            let identity = keyless::identify(json, *digest.as_bytes(), &Roots::public())
                .map_err(|error| SignerError::Refused(error.to_string()))?;
            Ok(Identity::Sigstore { name: identity.name, issuer: identity.issuer })
        }
    }
}
