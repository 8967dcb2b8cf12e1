//! A private transparency log: signatures are made known in a Merkle tree that only grows, and each carries the proof.
//!
//! `docs/spec/transparency-log.md` is the specification; the files are those of C2SP *tlog-tiles*, the checkpoint is that of
//! *tlog-checkpoint*, a *signed-note*. An entry is a [`Record`] of who signed what and when; an [`Edge`] is what must be known of
//! a tree to let it grow, a [`Tile`] is how it lies in files, a [`Checkpoint`] is its root under the [`NoteKey`] of the log. A
//! [`Proof`] in a bundle says where in the tree its record stands.

mod checkpoint;
mod note;
mod proof;
mod record;
mod signer;
mod tile;
mod tree;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use note::{LogKeyError, NoteError, NoteKey, VerifierKey, open};
pub use proof::{Included, Proof, ProofError, attach, verify};
pub use record::{Record, RecordError};
pub use signer::{SignerError, identity, shown};
pub use tile::{Tile, TileError, WIDTH, entries, hashes, pack, serialize};
pub use tree::{Edge, inclusion, leaf, root_over};
