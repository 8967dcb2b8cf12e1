//! Signatures over the content of a model, its tensors and metadata, that lie inside its files
//! (`docs/spec/tensor-signature.md`).
//!
//! [`verify`] says who signed a [`Content`]; [`Content::compare`] says whether it is still that of what lies there.
//! Neither is worth anything without the other. [`hash`] gives the digests of tensors, [`sign`] a bundle, and [`look`] what a
//! signature says where nobody is believed.

mod compare;
mod content;
mod hash;
mod look;
pub(crate) mod merkle;
mod read;
mod sign;

pub use compare::{Compared, Status};
pub use content::{Content, metadata_leaf, tensor_leaf};
pub use hash::{Part, hash};
pub use look::look;
pub use sign::{Verified, sign, verify};

/// The type of the predicate.
pub const PREDICATE: &str = "https://weighbridge.dev/tensors/v1";
