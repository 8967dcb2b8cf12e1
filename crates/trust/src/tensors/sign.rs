//! Signs the content of a model, and says who signed it.

use super::content::Content;
use crate::bundle::Bundle;
use crate::oms::{self, Refusal, SignError, Signer, Signs, Trust};

/// A bundle whose signature is good. Whether it is true of what a model holds, [`Content::compare`] says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Who signed.
    pub signer: Signer,
    /// What he signed.
    pub content: Content,
}

/// Signs the content of a model.
///
/// # Errors
/// [`SignError::Signer`], and [`SignError::Nothing`] where there is no tensor.
pub fn sign(content: &Content, signer: &dyn Signs) -> Result<Bundle, SignError> {
    if content.tensors.is_empty() {
        return Err(SignError::Nothing);
    }
    signer.seal(content.to_statement()).map_err(SignError::Signer)
}

/// Verifies a bundle over tensors as [`oms::verify`] verifies one over files.
///
/// # Errors
/// Why it is refused. Nothing that it says is looked at before its signature is good.
pub fn verify(bundle: &Bundle, trust: Trust<'_>) -> Result<Verified, Refusal> {
    let signer = oms::signer(bundle, trust, Content::claimed_root)?;
    Ok(Verified { signer, content: Content::read(&bundle.envelope.payload)? })
}
