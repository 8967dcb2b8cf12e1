//! Certificates of Sigstore.
