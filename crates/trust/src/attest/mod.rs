//! Attestations: signed statements about the bytes of a model (in-toto Attestation Framework v1), several in one file.
//!
//! [`Claim`] is what a statement says, [`sign`] puts it into a bundle, [`signer`] says who signed one, [`Here`] looks at what
//! lies there and [`Claim::compare`] says whether it is what the claim speaks of. [`lines`] and [`append`] read and write the file
//! in which several lie; [`pep740`] reads those that an index of Python packages hands out beside its wheels.

mod claim;
mod file;
mod here;
mod kind;
mod look;
pub mod pep740;
mod predicate;
mod scan;

pub use claim::{Claim, ClaimError, sign, signer};
pub use file::{FILE, FileError, LARGEST, Line, MOST, append, is_file_name, lines};
pub use here::Here;
pub use kind::Type;
pub use look::look;
pub use predicate::{Outcome, PredicateError, SLSA, check};
pub use scan::{Scan, VERIFIER};
