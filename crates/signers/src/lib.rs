//! Signers that are not a key in a file: a key that never leaves its device ([`pkcs11`]), and a certificate of Sigstore
//! that lives for minutes ([`keyless`]).
//!
//! Each is a feature, and none is on by itself: the one loads a library that the user names, the other sends a token of
//! his over the network. Both are a [`Signs`] of `weighbridge-trust`, which knows neither.
//!
//! [`Signs`]: weighbridge_trust::oms::Signs

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail loudly"))]
#![cfg_attr(
    not(all(feature = "pkcs11", feature = "keyless")),
    allow(rustdoc::broken_intra_doc_links, reason = "a part that is not built cannot be linked to")
)]

#[cfg(feature = "keyless")]
pub mod keyless;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
