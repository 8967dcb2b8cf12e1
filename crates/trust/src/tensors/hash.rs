//! Hashes tensors, on all threads and in constant memory.

use std::sync::Arc;

use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::Digest;
use weighbridge_core::source::Source;

use crate::digests::{Algorithm, Bytes};
use crate::oms::{Cut, Hashing};

/// The bytes of a tensor.
#[derive(Clone)]
pub struct Part {
    /// The file that holds them.
    pub source: Arc<dyn Source>,
    /// Where they begin in it.
    pub offset: u64,
    /// How many there are.
    pub size: u64,
}

/// The digest of each part, in their order; those of one file stand together, and none of them is known if one is not. Who
/// calls asks the sources afterwards whether they changed meanwhile.
pub fn hash(parts: &[Part], hashing: &Hashing<'_>) -> Vec<Result<Digest, Unread>> {
    let files: Vec<&[Part]> = parts.chunk_by(|one, other| Arc::ptr_eq(&one.source, &other.source)).collect();
    let size = |parts: &&[Part]| parts.iter().fold(0, |sum: u64, part| sum.saturating_add(part.size));
    let done = hashing
        .each(&files, size, usize::MAX, |files| files.iter().map(|parts| of_file(parts, hashing)).collect());
    let spread = |(parts, done): (&&[Part], Result<Vec<Digest>, Unread>)| match done {
        Ok(digests) => digests.into_iter().map(Ok).collect(),
        Err(why) => vec![Err(why); parts.len()],
    };
    files.iter().zip(done).flat_map(spread).collect()
}

fn of_file(parts: &[Part], hashing: &Hashing<'_>) -> Result<Vec<Digest>, Unread> {
    let Some(Part { source, .. }) = parts.first() else { return Ok(Vec::new()) };
    let bounds = parts.iter().map(|part| (part.offset, part.offset.saturating_add(part.size))).collect();
    let digests = hashing.parts(Cut { source: Arc::clone(source), bounds }, Algorithm::Sha256)?;
    digests.into_iter().map(digest).collect()
}

fn digest(bytes: Bytes) -> Result<Digest, Unread> {
    let bytes = bytes.0.try_into().map_err(|_| Unread::Unsupported("a digest of this length".to_owned()))?;
    Ok(Digest::from_bytes(bytes))
}
