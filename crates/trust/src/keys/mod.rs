//! Keys of ECDSA on the curves of NIST (OpenSSF Model Signing v1.0, section 5.3), each with the hash function of its
//! size: SHA-256 for P-256, SHA-384 for P-384, SHA-512 for P-521.

mod cosign;
mod private;
mod public;

pub use private::PrivateKey;
pub use public::{PublicKey, Sha2};

use std::fmt;

/// A curve of FIPS 186-5.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Curve {
    /// secp256r1.
    P256,
    /// secp384r1.
    P384,
    /// secp521r1.
    P521,
}

impl fmt::Display for Curve {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        })
    }
}

/// A key that cannot be used. No message says anything of a secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// No PEM, or damaged.
    #[error("no key in PEM form")]
    NoPem,
    /// The label of the PEM is another one.
    #[error("a PEM of `{0}`, not of a {1} key")]
    Label(String, &'static str),
    /// The key is of a kind with which models are not signed.
    #[error("not an elliptic curve key on P-256, P-384 or P-521")]
    Kind,
    /// What lies in the PEM is no such key.
    #[error("the key is malformed")]
    Malformed,
    /// The key is encrypted, and there is no password.
    #[error("the key is encrypted, and no password was given")]
    NeedsPassword,
    /// The password does not open it.
    #[error("the password does not open the key")]
    WrongPassword,
    /// The key is encrypted in a way that nobody here can undo.
    #[error("the key is encrypted with `{0}`, which is not supported")]
    Encryption(String),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
}
