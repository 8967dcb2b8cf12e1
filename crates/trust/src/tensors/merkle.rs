//! The tree over leaves (RFC 6962, section 2.1).

use weighbridge_core::digest::{Digest, Hasher};

/// Before the bytes of a leaf.
pub(crate) const LEAF: u8 = 0;
/// Before the two digests of a node.
const NODE: u8 = 1;

/// A leaf in the making: fields with their lengths, so that no two lists of fields share their bytes.
pub(super) struct Leaf(Hasher);

impl Leaf {
    /// Begins a leaf of this kind.
    pub(super) fn new(kind: &str) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(&[LEAF]);
        let mut leaf = Self(hasher);
        leaf.text(kind);
        leaf
    }

    pub(super) fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.update(text.as_bytes());
    }

    pub(super) fn length(&mut self, length: usize) {
        self.number(u64::try_from(length).unwrap_or(u64::MAX));
    }

    pub(super) fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    pub(super) fn finish(mut self, digest: Digest) -> Digest {
        self.0.update(digest.as_bytes());
        self.0.finish()
    }
}

/// The node over two others.
pub(crate) fn node(left: Digest, right: Digest) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(&[NODE]);
    hasher.update(left.as_bytes());
    hasher.update(right.as_bytes());
    hasher.finish()
}

/// The root over leaves that are hashed already.
pub(crate) fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [leaf] => *leaf,
        _ => {
            // The largest power of two below the number of leaves.
            let half = leaves.len().div_ceil(2).next_power_of_two();
            let (left, right) = leaves.split_at(half);
            node(root(left), root(right))
        }
    }
}
