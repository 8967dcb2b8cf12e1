//! Looks at a signature over tensors without knowing whom to believe.

use weighbridge_core::lock::{Identity, Proof, Weights};

use super::content::Content;
use crate::bundle::Bundle;
use crate::dsse;
use crate::oms::{LookError, Refusal, proof};

/// Who the JSON of a bundle says has signed which tensors, and as much of the proof as can be had without a key.
///
/// # Errors
/// [`LookError`].
pub fn look(json: &str) -> Result<(Identity, Proof, Weights), LookError> {
    let bundle = Bundle::read(json.as_bytes())?;
    if bundle.envelope.payload_type != dsse::IN_TOTO {
        return Err(Refusal::PayloadType(bundle.envelope.payload_type.clone()).into());
    }
    let Content { tensors, metadata } = Content::read(&bundle.envelope.payload)?;
    let (identity, proof) = proof(&bundle, json, false)?;
    Ok((identity, proof, Weights { tensors, metadata }))
}
