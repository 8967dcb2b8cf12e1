//! Public keys: reading them, and verifying what they signed.

use std::fmt;

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::pkcs8::{DecodePublicKey, Document, EncodePublicKey, LineEnding};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{Curve, KeyError};

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// On P-256.
    P256(p256::ecdsa::VerifyingKey),
    /// On P-384.
    P384(p384::ecdsa::VerifyingKey),
    /// On P-521.
    P521(p521::ecdsa::VerifyingKey),
}

/// A hash function of the SHA-2 family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sha2 {
    /// With 256 bits.
    Sha256,
    /// With 384 bits.
    Sha384,
    /// With 512 bits.
    Sha512,
}

impl Sha2 {
    /// The digest of a message.
    pub fn digest(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

impl PublicKey {
    /// The key of a PEM of `PUBLIC KEY` (RFC 7468, section 13).
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let (label, document) = Document::from_pem(pem.trim_start()).map_err(|_| KeyError::NoPem)?;
        if label != "PUBLIC KEY" {
            return Err(KeyError::Label(label.to_owned(), "public"));
        }
        Self::from_der(document.as_bytes())
    }

    /// The key of a `SubjectPublicKeyInfo` in DER (RFC 5480).
    ///
    /// # Errors
    /// [`KeyError::Kind`], also where the point does not lie on its curve.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(der) {
            return Ok(Self::P256(key));
        }
        if let Ok(key) = p384::ecdsa::VerifyingKey::from_public_key_der(der) {
            return Ok(Self::P384(key));
        }
        p521::ecdsa::VerifyingKey::from_public_key_der(der).map(Self::P521).map_err(|_| KeyError::Kind)
    }

    /// The curve.
    pub fn curve(&self) -> Curve {
        match self {
            Self::P256(_) => Curve::P256,
            Self::P384(_) => Curve::P384,
            Self::P521(_) => Curve::P521,
        }
    }

    /// The hash function that belongs to the curve.
    pub fn sha2(&self) -> Sha2 {
        match self {
            Self::P256(_) => Sha2::Sha256,
            Self::P384(_) => Sha2::Sha384,
            Self::P521(_) => Sha2::Sha512,
        }
    }

    /// The key of a point on a curve in the form of SEC 1, section 2.3.3.
    ///
    /// # Errors
    /// [`KeyError::Kind`] where the point does not lie on it.
    pub fn from_point(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        let key = match curve {
            Curve::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map(Self::P256),
            Curve::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map(Self::P384),
            Curve::P521 => p521::ecdsa::VerifyingKey::from_sec1_bytes(point).map(Self::P521),
        };
        key.map_err(|_| KeyError::Kind)
    }

    /// Whether `signature`, in DER, is one of this key over `message`, hashed with `sha2`.
    pub fn verifies(&self, sha2: Sha2, message: &[u8], signature: &[u8]) -> bool {
        self.verifies_digest(&sha2.digest(message), signature)
    }

    /// Whether `signature`, in DER, is one of this key over the message with this digest.
    pub fn verifies_digest(&self, digest: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(key) => p256::ecdsa::DerSignature::from_bytes(signature)
                .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
            Self::P384(key) => p384::ecdsa::DerSignature::from_bytes(signature)
                .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
            Self::P521(key) => p521::ecdsa::DerSignature::from_bytes(signature)
                .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()),
        }
    }

    /// The DER form of a signature of this key that a device gives as r and s, each as long as the field of the curve
    /// (PKCS #11 v3.1, section 6.3.1); none where it is no signature on the curve.
    pub fn signature_to_der(&self, raw: &[u8]) -> Option<Vec<u8>> {
        Some(match self {
            Self::P256(_) => p256::ecdsa::Signature::from_slice(raw).ok()?.to_der().as_bytes().to_vec(),
            Self::P384(_) => p384::ecdsa::Signature::from_slice(raw).ok()?.to_der().as_bytes().to_vec(),
            Self::P521(_) => p521::ecdsa::Signature::from_slice(raw).ok()?.to_der().as_bytes().to_vec(),
        })
    }

    /// The key as PEM of `PUBLIC KEY`.
    pub fn to_pem(&self) -> String {
        let pem = match self {
            Self::P256(key) => key.to_public_key_pem(LineEnding::LF),
            Self::P384(key) => key.to_public_key_pem(LineEnding::LF),
            Self::P521(key) => key.to_public_key_pem(LineEnding::LF),
        };
        pem.expect("a point on a curve has a PEM")
    }

    /// The key as `SubjectPublicKeyInfo` in DER.
    pub fn to_der(&self) -> Vec<u8> {
        let document = match self {
            Self::P256(key) => key.to_public_key_der(),
            Self::P384(key) => key.to_public_key_der(),
            Self::P521(key) => key.to_public_key_der(),
        };
        document.expect("a point on a curve has a DER form").into_vec()
    }

    /// By what a bundle tells which key it was: the SHA-256 of the PEM in hexadecimal digits (OpenSSF Model Signing v1.0,
    /// section 5.3).
    pub fn hint(&self) -> String {
        weighbridge_core::digest::Digest::of(self.to_pem().as_bytes()).to_string()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PublicKey({} {:.16})", self.curve(), self.hint())
    }
}
