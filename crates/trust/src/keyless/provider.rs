//! The cryptography that `sigstore-verify` asks for: the curves of this crate, and ring, which the client of advisory
//! feeds needs anyway.

use ring::signature as by;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use sigstore_verify::crypto::{CryptoProvider, Error, HashContext, SigningScheme, install_default_provider};
use sigstore_verify::types::HashAlgorithm;

use crate::keys::{Curve, PublicKey, Sha2};

/// Makes it the one of the process, whoever comes first.
pub(super) fn install() {
    // The second time it is there already, which is as good.
    let _ = install_default_provider(&Provider);
}

#[derive(Debug)]
struct Provider;

/// A hash function under way.
struct Hashing<D>(D);

impl<D: sha2::Digest + Send> HashContext for Hashing<D> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}

impl CryptoProvider for Provider {
    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn HashContext>, Error> {
        Ok(match algorithm {
            HashAlgorithm::Sha2256 => Box::new(Hashing(Sha256::new())),
            HashAlgorithm::Sha2384 => Box::new(Hashing(Sha384::new())),
            HashAlgorithm::Sha2512 => Box::new(Hashing(Sha512::new())),
            other => return Err(Error::UnsupportedAlgorithm(format!("{other:?}"))),
        })
    }

    fn verify_raw(
        &self,
        scheme: SigningScheme,
        key: &[u8],
        data: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        if let Some((curve, sha2)) = curve(scheme) {
            let key =
                PublicKey::from_point(curve, key).map_err(|error| Error::InvalidKey(error.to_string()))?;
            return verdict(key.verifies(sha2, data, signature));
        }
        let algorithm: &dyn by::VerificationAlgorithm = match scheme {
            SigningScheme::Ed25519 => &by::ED25519,
            SigningScheme::RsaPssSha256 => &by::RSA_PSS_2048_8192_SHA256,
            SigningScheme::RsaPssSha384 => &by::RSA_PSS_2048_8192_SHA384,
            SigningScheme::RsaPssSha512 => &by::RSA_PSS_2048_8192_SHA512,
            SigningScheme::RsaPkcs1Sha256 => &by::RSA_PKCS1_2048_8192_SHA256,
            SigningScheme::RsaPkcs1Sha384 => &by::RSA_PKCS1_2048_8192_SHA384,
            SigningScheme::RsaPkcs1Sha512 => &by::RSA_PKCS1_2048_8192_SHA512,
            other => return Err(Error::UnsupportedAlgorithm(other.name().to_owned())),
        };
        verdict(by::UnparsedPublicKey::new(algorithm, key).verify(data, signature).is_ok())
    }

    fn verify_prehashed(
        &self,
        scheme: SigningScheme,
        key: &[u8],
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        // Nobody here verifies RSA without the message.
        let (curve, _) =
            curve(scheme).ok_or_else(|| Error::UnsupportedAlgorithm(scheme.name().to_owned()))?;
        let key = PublicKey::from_point(curve, key).map_err(|error| Error::InvalidKey(error.to_string()))?;
        verdict(key.verifies_digest(digest, signature))
    }
}

fn curve(scheme: SigningScheme) -> Option<(Curve, Sha2)> {
    match scheme {
        SigningScheme::EcdsaP256Sha256 => Some((Curve::P256, Sha2::Sha256)),
        SigningScheme::EcdsaP256Sha384 => Some((Curve::P256, Sha2::Sha384)),
        SigningScheme::EcdsaP384Sha256 => Some((Curve::P384, Sha2::Sha256)),
        SigningScheme::EcdsaP384Sha384 => Some((Curve::P384, Sha2::Sha384)),
        _ => None,
    }
}

fn verdict(is_good: bool) -> Result<(), Error> {
    if is_good { Ok(()) } else { Err(Error::Verification("the signature does not hold".to_owned())) }
}
