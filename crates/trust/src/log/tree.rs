//! The tree (RFC 6962, section 2.1): how it grows, and how an entry is proved to be in it.

use weighbridge_core::digest::{Digest, Hasher};

use super::tile::{Tile, WIDTH};
use crate::tensors::merkle::{self, node, root};

/// The hash of an entry.
pub fn leaf(entry: &[u8]) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(&[merkle::LEAF]);
    hasher.update(entry);
    hasher.finish()
}

/// The right edge of a tree: the tiles that are not full yet, which is all that its growth depends on.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Edge {
    size: u64,
    /// The hashes of the last tile of each level, fewer than [`WIDTH`].
    levels: Vec<Vec<Digest>>,
}

impl Edge {
    /// The edge of a tree of this size, from its tiles. Whether it is the one that is meant, only its root says.
    ///
    /// # Errors
    /// Those of `read`, which must give as many hashes as the tile is wide.
    pub fn of<E>(size: u64, mut read: impl FnMut(Tile) -> Result<Vec<Digest>, E>) -> Result<Self, E> {
        let mut levels = Vec::new();
        for level in 0u8..8 {
            if shifted(size, level) == 0 {
                break;
            }
            levels.push(match Tile::last(level, size) {
                Some(tile) => read(tile)?,
                None => Vec::new(),
            });
        }
        Ok(Self { size, levels })
    }

    /// The number of entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes in the hash of the next entry. Each tile that is full by it is handed to `full` with its hashes.
    ///
    /// # Errors
    /// Those of `full`.
    pub fn push<E>(
        &mut self,
        leaf: Digest,
        mut full: impl FnMut(Tile, &[Digest]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut hash = leaf;
        self.size = self.size.saturating_add(1);
        for level in 0u8.. {
            let at = usize::from(level);
            if self.levels.len() <= at {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(at) else { break };
            hashes.push(hash);
            if hashes.len() < usize::from(WIDTH) {
                break;
            }
            let index = shifted(self.size, level.saturating_add(1)).saturating_sub(1);
            full(Tile::full(level, index), hashes)?;
            hash = root(hashes);
            hashes.clear();
        }
        Ok(())
    }

    /// The tiles that are not full, with their hashes.
    pub fn partial(&self) -> impl Iterator<Item = (Tile, &[Digest])> {
        let levels = (0u8..).zip(&self.levels);
        levels.filter_map(|(level, hashes)| Some((Tile::last(level, self.size)?, hashes.as_slice())))
    }

    /// The root of the tree.
    pub fn root(&self) -> Digest {
        // What lies right of the hashes of a level is less than one of them covers: it stands as the last leaf.
        let mut right: Option<Digest> = None;
        for hashes in &self.levels {
            let all: Vec<Digest> = hashes.iter().copied().chain(right).collect();
            if !all.is_empty() {
                right = Some(root(&all));
            }
        }
        right.unwrap_or_else(|| root(&[]))
    }
}

/// How many hashes a level of tiles has in a tree of this size.
pub(super) fn shifted(size: u64, level: u8) -> u64 {
    size.checked_shr(u32::from(level).saturating_mul(8)).unwrap_or(0)
}

/// The proof that the entry at `index` is in the tree of this size (RFC 6962, section 2.1.1), from its tiles.
///
/// # Errors
/// Those of `read`, which must give as many hashes as the tile is wide.
pub fn inclusion<E>(
    index: u64,
    size: u64,
    read: &mut impl FnMut(Tile) -> Result<Vec<Digest>, E>,
) -> Result<Vec<Digest>, E> {
    let mut path = Vec::new();
    let (mut start, mut end) = (0, size);
    while end.saturating_sub(start) > 1 {
        let middle = middle(start, end);
        if index < middle {
            path.push(over(middle, end, size, read)?);
            end = middle;
        } else {
            path.push(over(start, middle, size, read)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// Where the leaves of a tree part: after the largest power of two below their number.
fn middle(start: u64, end: u64) -> u64 {
    let length = end.saturating_sub(start);
    let half = 1u64.checked_shl(length.saturating_sub(1).checked_ilog2().unwrap_or(0)).unwrap_or(0);
    start.saturating_add(half)
}

/// The hash over the leaves from `start` to `end`, which are a subtree of the tree of this size.
fn over<E>(
    start: u64,
    end: u64,
    size: u64,
    read: &mut impl FnMut(Tile) -> Result<Vec<Digest>, E>,
) -> Result<Digest, E> {
    let length = end.saturating_sub(start);
    if !length.is_power_of_two() {
        let middle = middle(start, end);
        return Ok(node(over(start, middle, size, read)?, over(middle, end, size, read)?));
    }
    let (tile, range) = Tile::covering(start, length, size);
    let hashes = read(tile)?;
    Ok(root(hashes.get(range).unwrap_or_default()))
}

/// The root that a proof leads to (RFC 9162, section 2.1.3.2); none where it is not one for this index and size.
pub fn root_over(leaf: Digest, index: u64, size: u64, path: &[Digest]) -> Option<Digest> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut hash) = (index, size.saturating_sub(1), leaf);
    for other in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = node(*other, hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(hash, *other);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use super::*;

    /// The leaves of the tests of Certificate Transparency (google/certificate-transparency, `merkle_tree_test.cc`).
    const LEAVES: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    /// The roots over the first so many of them, from there.
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    /// Index, size and proof, from there.
    const PROOFS: [(u64, u64, &[&str]); 5] = [
        (0, 1, &[]),
        (
            0,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        (
            1,
            5,
            &[
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];

    fn bytes(digits: &str) -> Vec<u8> {
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        (0..digits.len()).step_by(2).map(byte).collect()
    }

    fn digests(texts: &[&str]) -> Vec<Digest> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// Tiles in memory, as they lie in files: full ones, and those of the last size.
    #[derive(Default)]
    struct Tiles(BTreeMap<Tile, Vec<Digest>>, Edge);

    impl Tiles {
        fn push(&mut self, leaf: Digest) {
            let Self(tiles, edge) = self;
            let Ok(()) = edge.push(leaf, |tile, hashes| -> Result<(), Infallible> {
                tiles.insert(tile, hashes.to_vec());
                Ok(())
            });
            tiles.extend(edge.partial().map(|(tile, hashes)| (tile, hashes.to_vec())));
        }

        fn read(&self, tile: Tile) -> Result<Vec<Digest>, Infallible> {
            Ok(self.0[&tile].clone())
        }
    }

    fn numbered(count: u32) -> Vec<Digest> {
        (0..count).map(|number| leaf(&number.to_be_bytes())).collect()
    }

    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let mut edge = Edge::default();
        assert_eq!(edge.root().to_string(), ROOTS[0]);
        for (entry, expected) in LEAVES.iter().zip(&ROOTS[1..]) {
            edge.push(leaf(&bytes(entry)), |_, _| -> Result<(), Infallible> { unreachable!() }).unwrap();
            assert_eq!(edge.root().to_string(), *expected, "{}", edge.size());
        }
    }

    #[test]
    fn proofs_are_those_of_certificate_transparency() {
        for (index, size, expected) in PROOFS {
            let mut tiles = Tiles::default();
            LEAVES.iter().take(usize::try_from(size).unwrap()).for_each(|it| tiles.push(leaf(&bytes(it))));
            let expected = digests(expected);
            let Ok(path) = inclusion(index, size, &mut |tile| tiles.read(tile));
            assert_eq!(path, expected, "{index} of {size}");
            let entry = leaf(&bytes(LEAVES[usize::try_from(index).unwrap()]));
            let root = root_over(entry, index, size, &expected).unwrap();
            assert_eq!(root.to_string(), ROOTS[usize::try_from(size).unwrap()]);
        }
    }

    /// RFC 6962, section 2.1, to the letter.
    fn naive(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::of(b""),
            [leaf] => *leaf,
            _ => {
                let mut half = 1;
                while half * 2 < leaves.len() {
                    half *= 2;
                }
                node(naive(&leaves[..half]), naive(&leaves[half..]))
            }
        }
    }

    #[test]
    fn every_size_agrees_with_the_definition_and_grows_on_from_its_tiles() {
        let leaves = numbered(600);
        let mut tiles = Tiles::default();
        for size in 0..=leaves.len() {
            let root = naive(&leaves[..size]);
            assert_eq!(tiles.1.root(), root, "{size}");
            let number = u64::try_from(size).unwrap();
            let Ok(edge) = Edge::of(number, |tile| tiles.read(tile));
            assert_eq!((edge.root(), edge.size()), (root, number), "{size}");
            // Each entry of small trees, the corners of large ones.
            for index in
                (0..size).filter(|index| size < 20 || [0, 1, 255, 256, 257, size - 1].contains(index))
            {
                let at = u64::try_from(index).unwrap();
                let Ok(path) = inclusion(at, number, &mut |tile| tiles.read(tile));
                assert_eq!(root_over(leaves[index], at, number, &path), Some(root), "{index} of {size}");
                // It proves nothing else.
                assert_ne!(root_over(leaves[index], at + 1, number, &path), Some(root));
                assert_ne!(root_over(leaf(b"another"), at, number, &path), Some(root));
                let longer: Vec<Digest> = path.iter().copied().chain([root]).collect();
                assert_eq!(root_over(leaves[index], at, number, &longer), None);
                if let Some((_, shorter)) = path.split_last() {
                    assert_eq!(root_over(leaves[index], at, number, shorter), None);
                }
            }
            if let Some(next) = leaves.get(size) {
                tiles.push(*next);
            }
        }
    }

    #[test]
    fn three_levels_of_tiles_hold_a_hundred_thousand_entries() {
        let leaves = numbered(100_000);
        let mut tiles = Tiles::default();
        for leaf in &leaves {
            tiles.push(*leaf);
        }
        let root = naive(&leaves);
        assert_eq!(tiles.1.root(), root);
        assert_eq!(
            tiles.1.partial().map(|(tile, _)| tile.to_string()).collect::<Vec<_>>(),
            ["tile/0/390.p/160", "tile/1/001.p/134", "tile/2/000.p/1"]
        );
        let Ok(edge) = Edge::of(100_000, |tile| tiles.read(tile));
        assert_eq!(edge, tiles.1);
        for index in [0u64, 255, 256, 65_535, 65_536, 99_999] {
            let Ok(path) = inclusion(index, 100_000, &mut |tile| tiles.read(tile));
            let entry = leaves[usize::try_from(index).unwrap()];
            assert_eq!(root_over(entry, index, 100_000, &path), Some(root), "{index}");
        }
    }

    #[test]
    fn no_size_is_too_large_to_be_refused() {
        for size in [1 << 63, u64::MAX] {
            assert!(Edge::of(size, Err).is_err());
            assert!(inclusion(size - 1, size, &mut Err).is_err());
            assert_eq!(root_over(leaf(b""), size - 1, size, &[]), None);
            assert_eq!(root_over(leaf(b""), size, size, &[]), None);
            let long = vec![leaf(b""); 100];
            assert_eq!(root_over(leaf(b""), 0, size, &long), None);
        }
    }
}
