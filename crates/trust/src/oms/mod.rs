//! OpenSSF Model Signing (specification v1.0): a statement that lists the files of a model, under a signature.
//!
//! [`verify`] says who signed a [`Manifest`]; [`Manifest::compare`] says whether it is still true of what lies there.
//! Neither is worth anything without the other. [`describe`] makes a manifest, [`sign`] a bundle of it.

mod compare;
mod hash;
mod look;
mod manifest;
mod read;
mod sign;
mod tree;
mod twin;
mod verify;

pub use compare::{Compared, Status, Tolerance, may_run, runs};
pub(crate) use hash::Cut;
pub use hash::{Halt, Hashing};
pub(crate) use look::proof;
pub use look::{LookError, holds, identified, look, vouch};
pub use manifest::{Age, Manifest, Method, Piece};
pub use read::ManifestError;
pub(crate) use read::lies_below;
pub use sign::{Choice, Described, SignError, Signs, describe, seal, sign};
pub(crate) use verify::signer;
pub use verify::{Refusal, Signer, Trust, Verified, verify};

/// What version control keeps beside a model, never signed (section 4.4); looked for in the folder of the model only.
pub const IGNORED: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];
