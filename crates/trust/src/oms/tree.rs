//! BLAKE3 of a large part of a file on all threads: the tree over its chunks (specification of BLAKE3, section 2.1) is cut where
//! it branches, and whoever hashes a subtree reads its bytes himself.

use blake3::hazmat::{self, ChainingValue, HasherExt as _, Mode};
use weighbridge_core::coverage::Unread;

use super::hash::{Hashing, Part};
use crate::digests::Bytes;

/// Bytes that one thread hashes at once. More than a chunk, so that a tree of more than a leaf always branches.
pub(super) const LEAF: u64 = 4 << 20;

/// The digest of more than [`LEAF`] bytes of a file.
///
/// # Errors
/// Why they cannot be read.
pub(super) fn digest(hashing: &Hashing<'_>, part: Part<'_>) -> Result<Bytes, Unread> {
    let tree = Tree { hashing, part };
    let (left, right) = tree.branches(0, part.size())?;
    Ok(Bytes(hazmat::merge_subtrees_root(&left, &right, Mode::Hash).as_bytes().to_vec()))
}

/// The tree over a part of a file; offsets in it count from its start.
struct Tree<'a> {
    hashing: &'a Hashing<'a>,
    part: Part<'a>,
}

impl Tree<'_> {
    fn branches(&self, offset: u64, size: u64) -> Result<(ChainingValue, ChainingValue), Unread> {
        let left = hazmat::left_subtree_len(size);
        let (left, right) = rayon::join(
            || self.subtree(offset, left),
            || self.subtree(offset.saturating_add(left), size.saturating_sub(left)),
        );
        Ok((left?, right?))
    }

    fn subtree(&self, offset: u64, size: u64) -> Result<ChainingValue, Unread> {
        if size > LEAF {
            let (left, right) = self.branches(offset, size)?;
            return Ok(hazmat::merge_subtrees_non_root(&left, &right, Mode::Hash));
        }
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(offset);
        let start = self.part.start.saturating_add(offset);
        let leaf = Part { start, end: start.saturating_add(size), ..self.part };
        self.hashing.read(leaf, &mut |piece| {
            hasher.update(piece);
        })?;
        Ok(hasher.finalize_non_root())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use weighbridge_core::source::Source;

    use super::*;

    fn hashing() -> Hashing<'static> {
        Hashing { cache: None, halt: &|| false, progress: &|_| {} }
    }

    #[test]
    fn a_tree_in_parts_is_the_tree() {
        let leaf = usize::try_from(LEAF).unwrap();
        let bytes: Vec<u8> = (0..5 * leaf + 3000).map(|at| (at % 251) as u8).collect();
        let source: Arc<dyn Source> = Arc::new(bytes.clone());
        for size in [leaf + 1, 2 * leaf - 1, 2 * leaf, 2 * leaf + 1, 3 * leaf, 4 * leaf + 1025, 5 * leaf] {
            for start in [0, 1, 2999] {
                let end = start + size;
                let part = Part { source: &source, start: start as u64, end: end as u64 };
                let digest = digest(&hashing(), part).unwrap();
                assert_eq!(digest.0, blake3::hash(&bytes[start..end]).as_bytes(), "{start}..{end}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let source: Arc<dyn Source> = Arc::new(vec![0; 5 << 20]);
        let part = Part { source: &source, start: 0, end: 9 << 20 };
        let short = digest(&hashing(), part);
        assert_eq!(short, Err(Unread::Truncated { offset: 5 << 20 }));
        let halted = Hashing { halt: &|| true, ..hashing() };
        assert_eq!(digest(&halted, part), Err(Unread::Cancelled));
    }
}
