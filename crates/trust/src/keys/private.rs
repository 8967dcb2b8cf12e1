//! Private keys. Their bytes are wiped when they are dropped, and neither text nor error ever shows them.

use std::fmt;

use p256::ecdsa::signature::Signer;
use p256::elliptic_curve::Generate;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use pkcs8::der::pem;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::{Curve, KeyError, PublicKey, cosign};

/// A private key.
pub enum PrivateKey {
    /// On P-256.
    P256(p256::ecdsa::SigningKey),
    /// On P-384.
    P384(p384::ecdsa::SigningKey),
    /// On P-521.
    P521(p521::ecdsa::SigningKey),
}

impl PrivateKey {
    /// A new key from the random numbers of the system.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`].
    pub fn generate(curve: Curve) -> Result<Self, KeyError> {
        match curve {
            Curve::P256 => {
                p256::ecdsa::SigningKey::try_generate().map(Self::P256).map_err(|_| KeyError::NoRandomness)
            }
            Curve::P384 => {
                p384::ecdsa::SigningKey::try_generate().map(Self::P384).map_err(|_| KeyError::NoRandomness)
            }
            Curve::P521 => {
                p521::ecdsa::SigningKey::try_generate().map(Self::P521).map_err(|_| KeyError::NoRandomness)
            }
        }
    }

    /// The key of a PEM: `PRIVATE KEY`, `ENCRYPTED PRIVATE KEY` (RFC 5958), `EC PRIVATE KEY` (RFC 5915), or the key file of
    /// cosign.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(pem: &str, password: Option<&[u8]>) -> Result<Self, KeyError> {
        // What openssl writes before a key on a named curve says only which one.
        let pem = match pem.split_once("-----END EC PARAMETERS-----") {
            Some((_, rest)) => rest,
            None => pem,
        };
        let pem = pem.trim_start();
        if pem.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(KeyError::Encryption("the old way of OpenSSL".to_owned()));
        }
        let (label, document) = pem::decode_vec(pem.as_bytes()).map_err(|_| KeyError::NoPem)?;
        let document = Zeroizing::new(document);
        match label {
            "PRIVATE KEY" => Self::from_pkcs8(&document),
            "EC PRIVATE KEY" => Self::from_sec1(&document),
            "ENCRYPTED PRIVATE KEY" => {
                let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_slice())
                    .map_err(|_| KeyError::Malformed)?;
                let password = password.ok_or(KeyError::NeedsPassword)?;
                is_affordable(&encrypted.encryption_algorithm)?;
                let opened = encrypted.decrypt(password).map_err(|_| KeyError::WrongPassword)?;
                Self::from_pkcs8(opened.as_bytes())
            }
            cosign::LABEL | cosign::OLD_LABEL => {
                let password = password.ok_or(KeyError::NeedsPassword)?;
                Self::from_pkcs8(&cosign::open(&document, password)?)
            }
            other => Err(KeyError::Label(other.to_owned(), "private")),
        }
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Malformed)?;
        if let Ok(key) = p256::ecdsa::SigningKey::from_pkcs8_der(der) {
            return Ok(Self::P256(key));
        }
        if let Ok(key) = p384::ecdsa::SigningKey::from_pkcs8_der(der) {
            return Ok(Self::P384(key));
        }
        p521::ecdsa::SigningKey::from_pkcs8_der(der).map(Self::P521).map_err(|_| KeyError::Kind)
    }

    fn from_sec1(der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(key) = p256::SecretKey::from_sec1_der(der) {
            return Ok(Self::P256(key.into()));
        }
        if let Ok(key) = p384::SecretKey::from_sec1_der(der) {
            return Ok(Self::P384(key.into()));
        }
        p521::SecretKey::from_sec1_der(der).map(|key| Self::P521(key.into())).map_err(|_| KeyError::Kind)
    }

    /// The key as PEM, encrypted where there is a password (scrypt and AES-256-CBC).
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`].
    pub fn to_pem(&self, password: Option<&[u8]>) -> Result<Zeroizing<String>, KeyError> {
        let der = match self {
            Self::P256(key) => key.to_pkcs8_der(),
            Self::P384(key) => key.to_pkcs8_der(),
            Self::P521(key) => key.to_pkcs8_der(),
        };
        let der = der.expect("a key has a PKCS #8 form");
        let (document, label) = match password {
            None => (der, "PRIVATE KEY"),
            Some(password) => {
                let plain = PrivateKeyInfoRef::try_from(der.as_bytes()).expect("it was just encoded");
                (plain.encrypt(password).map_err(|_| KeyError::NoRandomness)?, "ENCRYPTED PRIVATE KEY")
            }
        };
        Ok(document.to_pem(label, LineEnding::LF).expect("a document has a PEM"))
    }

    /// The public key that belongs to it.
    pub fn public_key(&self) -> PublicKey {
        match self {
            Self::P256(key) => PublicKey::P256(*key.verifying_key()),
            Self::P384(key) => PublicKey::P384(*key.verifying_key()),
            Self::P521(key) => PublicKey::P521(*key.verifying_key()),
        }
    }

    /// The signature over `message` in DER, hashed with the function of the curve. The same message gives the same
    /// signature (RFC 6979).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) => Signer::<p256::ecdsa::DerSignature>::sign(key, message).as_bytes().to_vec(),
            Self::P384(key) => Signer::<p384::ecdsa::DerSignature>::sign(key, message).as_bytes().to_vec(),
            Self::P521(key) => Signer::<p521::ecdsa::DerSignature>::sign(key, message).as_bytes().to_vec(),
        }
    }
}

/// Refuses a file that asks for more work or memory than any tool does: what scrypt takes is 128 N r bytes (RFC 7914).
fn is_affordable(scheme: &EncryptionScheme) -> Result<(), KeyError> {
    const MOST_BYTES: u64 = 256 << 20;
    const MOST_ROUNDS: u32 = 10_000_000;
    let EncryptionScheme::Pbes2(parameters) = scheme else {
        return Err(KeyError::Encryption("PBES1".to_owned()));
    };
    match &parameters.kdf {
        Kdf::Scrypt(scrypt) => {
            let bytes = scrypt.cost_parameter.saturating_mul(scrypt.block_size.into()).saturating_mul(128);
            if bytes > MOST_BYTES || scrypt.parallelization > 4 {
                return Err(KeyError::Encryption(format!("scrypt that takes {bytes} bytes")));
            }
        }
        Kdf::Pbkdf2(pbkdf2) if pbkdf2.iteration_count > MOST_ROUNDS => {
            return Err(KeyError::Encryption(format!("PBKDF2 with {} rounds", pbkdf2.iteration_count)));
        }
        Kdf::Pbkdf2(_) => {}
        _ => return Err(KeyError::Encryption("an unknown function of the password".to_owned())),
    }
    Ok(())
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PrivateKey of {:?}", self.public_key())
    }
}
