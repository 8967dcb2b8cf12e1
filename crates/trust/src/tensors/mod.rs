//! Signatures over the content of a model, its tensors and metadata, that lie inside its files
//! (`docs/spec/tensor-signature.md`).
//!
//! [`verify`] says who signed a [`Content`]; [`Content::compare`] says whether it is still that of what lies there.
//! Neither is worth anything without the other. [`hash`] gives the digests of tensors, [`sign`] a bundle.

mod compare;
mod content;
mod hash;
pub(crate) mod merkle;
mod read;
mod sign;

pub use compare::{Compared, Status};
pub use content::{Content, Metadata, Tensor};
pub use hash::{Part, hash};
pub use sign::{Verified, sign, verify};

/// The type of the predicate.
pub const PREDICATE: &str = "https://weighbridge.dev/tensors/v1";
