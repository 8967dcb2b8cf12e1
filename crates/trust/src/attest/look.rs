//! Looks at an attestation without knowing whom to believe.

use weighbridge_core::digest::Digest;
use weighbridge_core::lock::{Signature, SignedFile};

use super::claim::{Claim, ClaimError};
use crate::bundle::Bundle;
use crate::oms;

/// What an attestation says of which files, and as much of the proof as can be had without a key; `json` is its text.
///
/// # Errors
/// Why it says nothing that is understood here.
pub fn look(bundle: &Bundle, json: &str) -> Result<Signature, ClaimError> {
    if bundle.envelope.payload_type != crate::dsse::IN_TOTO {
        return Err(ClaimError::Malformed(format!("the envelope holds `{}`", bundle.envelope.payload_type)));
    }
    let claim = Claim::read(&bundle.envelope.payload)?;
    let (identity, proof) =
        oms::proof(bundle, json, false).map_err(|error| ClaimError::Malformed(error.to_string()))?;
    let file = |(name, digest): (String, crate::digests::Bytes)| {
        (name, SignedFile { digest: digest.0.try_into().ok().map(Digest::from_bytes), size: None })
    };
    Ok(Signature {
        identity,
        proof,
        files: claim.subjects.into_iter().map(file).collect(),
        ignored: Vec::new(),
        attested: Some(claim.predicate_type),
    })
}
