//! Hashes tensors, on all threads and in constant memory.

use std::sync::Arc;

use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::Digest;
use weighbridge_core::source::Source;

use crate::digests::Algorithm;
use crate::oms::{Hashing, each};

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

/// The digest of each part, in their order. Who calls asks the sources afterwards whether they changed meanwhile.
pub fn hash(parts: &[Part], hashing: &Hashing<'_>) -> Vec<Result<Digest, Unread>> {
    let one = |part: &Part| {
        let end = part.offset.saturating_add(part.size);
        let digest = hashing.range(&part.source, part.offset, end, Algorithm::Sha256)?;
        let bytes =
            digest.0.try_into().map_err(|_| Unread::Unsupported("a digest of this length".to_owned()))?;
        Ok(Digest::from_bytes(bytes))
    };
    each(parts, hashing.halt, one).into_iter().map(|done| done.unwrap_or(Err(Unread::Cancelled))).collect()
}
