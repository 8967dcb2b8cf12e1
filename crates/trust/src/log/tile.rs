//! How a tree lies in files (C2SP *tlog-tiles*): tiles of hashes, and bundles of entries.

use std::fmt;
use std::ops::Range;

use weighbridge_core::digest::Digest;

use super::tree::shifted;

/// Hashes of a full tile, and entries of a full bundle.
pub const WIDTH: u16 = 256;
/// Bytes of a hash.
const HASH: usize = 32;

/// A file of a log. Its text is its path below the folder of the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tile {
    /// The level of a tile of hashes; none for a bundle of entries.
    level: Option<u8>,
    index: u64,
    /// 1 to [`WIDTH`].
    width: u16,
}

/// A file of a log that is not what it should be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TileError {
    /// Of another length.
    #[error("it has {found} bytes, not the {expected} of {width} hashes")]
    Length {
        /// As it is.
        found: usize,
        /// As it should be.
        expected: usize,
        /// The number of hashes.
        width: u16,
    },
    /// An entry ends behind the end of the bundle.
    #[error("it ends within its entry {0}")]
    Cut(u16),
    /// Something stands behind the last entry.
    #[error("it goes on behind its {0} entries")]
    Longer(u16),
    /// An entry is too long to be written down.
    #[error("an entry has {0} bytes, more than 65,535")]
    Entry(usize),
}

impl Tile {
    /// A full tile of hashes.
    pub(super) fn full(level: u8, index: u64) -> Self {
        Self { level: Some(level), index, width: WIDTH }
    }

    /// The last tile of a level of the tree of this size, where it is not full and not empty.
    pub fn last(level: u8, size: u64) -> Option<Self> {
        let width = u16::try_from(shifted(size, level) & 255).unwrap_or(0);
        (width > 0).then_some(Self {
            level: Some(level),
            index: shifted(size, level.saturating_add(1)),
            width,
        })
    }

    /// The bundle with this number in the log of this size; none behind its end.
    pub fn entries(index: u64, size: u64) -> Option<Self> {
        let before = index.checked_mul(WIDTH.into())?;
        let left = size.checked_sub(before).filter(|left| *left > 0)?;
        Some(Self { level: None, index, width: u16::try_from(left).map_or(WIDTH, |left| left.min(WIDTH)) })
    }

    /// The files to which a log of this size writes next, each as it is when it is full, and how wide it is.
    pub fn growing(size: u64) -> impl Iterator<Item = (Self, u16)> {
        let levels = [None].into_iter().chain((0u8..8).map(Some));
        levels.map(move |level| {
            let lowest = level.unwrap_or(0);
            let index = shifted(size, lowest.saturating_add(1));
            let width = u16::try_from(shifted(size, lowest) & 255).unwrap_or(0);
            (Self { level, index, width: WIDTH }, width)
        })
    }

    /// The tile in which the subtree over `length` leaves from `start` lies, a power of two, and which of its hashes these are.
    pub(super) fn covering(start: u64, length: u64, size: u64) -> (Self, Range<usize>) {
        let height = length.trailing_zeros();
        let level = u8::try_from(height.min(63) / 8).unwrap_or(0);
        let first = shifted(start, level);
        let index = first >> 8;
        let width = shifted(size, level).saturating_sub(index.saturating_mul(WIDTH.into()));
        let width = u16::try_from(width).map_or(WIDTH, |width| width.min(WIDTH));
        let from = usize::try_from(first & 255).unwrap_or(0);
        (Self { level: Some(level), index, width }, from..from.saturating_add(1 << (height % 8)))
    }

    /// The number of the file on its level.
    pub fn index(self) -> u64 {
        self.index
    }

    /// Whether it is a bundle of entries, and not a tile of hashes.
    pub fn is_of_entries(self) -> bool {
        self.level.is_none()
    }

    /// How many hashes or entries it holds.
    pub fn width(self) -> u16 {
        self.width
    }

    /// The same file as it was when it was less wide, or will be when it is wider; none above [`WIDTH`] and at zero.
    pub fn with_width(self, width: u16) -> Option<Self> {
        (1..=WIDTH).contains(&width).then_some(Self { width, ..self })
    }

    /// The file with the next number, full.
    pub fn next(self) -> Option<Self> {
        Some(Self { index: self.index.checked_add(1)?, width: WIDTH, ..self })
    }

    /// The folder of all that are not full, as a path below that of the log.
    pub fn folder(self) -> String {
        format!("{}.p", Self { width: WIDTH, ..self })
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Some(level) => write!(out, "tile/{level}")?,
            None => out.write_str("tile/entries")?,
        }
        // Three digits a name, all but the last behind an `x`.
        let digits = format!("{:03}", self.index);
        let digits = format!("{digits:0>width$}", width = digits.len().div_ceil(3).saturating_mul(3));
        let groups = digits.len() / 3;
        for (at, group) in (1..).zip(digits.as_bytes().chunks(3)) {
            let x = if at < groups { "x" } else { "" };
            write!(out, "/{x}{}", String::from_utf8_lossy(group))?;
        }
        if self.width < WIDTH { write!(out, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// The hashes of a tile that is `width` wide.
///
/// # Errors
/// [`TileError::Length`].
pub fn hashes(bytes: &[u8], width: u16) -> Result<Vec<Digest>, TileError> {
    let (whole, rest) = bytes.as_chunks::<HASH>();
    if !rest.is_empty() || whole.len() != usize::from(width) {
        let expected = usize::from(width).saturating_mul(HASH);
        return Err(TileError::Length { found: bytes.len(), expected, width });
    }
    Ok(whole.iter().copied().map(Digest::from_bytes).collect())
}

/// The bytes of a tile.
pub fn serialize(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.as_bytes()).copied().collect()
}

/// The entries of a bundle that has `width` of them: each behind its length in two bytes, the most significant first.
///
/// # Errors
/// [`TileError`].
pub fn entries(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    let mut found = Vec::with_capacity(usize::from(width));
    let mut rest = bytes;
    for number in 0..width {
        let (length, behind) = rest.split_first_chunk::<2>().ok_or(TileError::Cut(number))?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, behind) = behind.split_at_checked(length).ok_or(TileError::Cut(number))?;
        found.push(entry);
        rest = behind;
    }
    if rest.is_empty() { Ok(found) } else { Err(TileError::Longer(width)) }
}

/// Puts an entry behind those of a bundle.
///
/// # Errors
/// [`TileError::Entry`].
pub fn pack(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), TileError> {
    let length = u16::try_from(entry.len()).map_err(|_| TileError::Entry(entry.len()))?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        for (tile, expected) in [
            // tlog-tiles, "Merkle Tree".
            (Tile::full(0, 1_234_067), "tile/0/x001/x234/067"),
            (Tile::full(63, 0), "tile/63/000"),
            (Tile::full(1, 999), "tile/1/999"),
            (Tile::full(1, 1000), "tile/1/x001/000"),
            (Tile::full(0, u64::MAX), "tile/0/x018/x446/x744/x073/x709/x551/615"),
            // "Partial Tiles": a tree of 70,000.
            (Tile::last(0, 70_000).unwrap(), "tile/0/273.p/112"),
            (Tile::last(1, 70_000).unwrap(), "tile/1/001.p/17"),
            (Tile::last(2, 70_000).unwrap(), "tile/2/000.p/1"),
            (Tile::last(1, 256).unwrap(), "tile/1/000.p/1"),
            (Tile::entries(0, 256).unwrap(), "tile/entries/000"),
            (Tile::entries(1, 257).unwrap(), "tile/entries/001.p/1"),
            (Tile::entries(0, 1 << 63).unwrap(), "tile/entries/000"),
        ] {
            assert_eq!(tile.to_string(), expected);
        }
        assert_eq!(
            (Tile::last(0, 256), Tile::entries(1, 256), Tile::entries(u64::MAX, u64::MAX)),
            (None, None, None)
        );
        assert_eq!(Tile::last(0, 7).unwrap().folder(), "tile/0/000.p");
    }

    #[test]
    fn a_bundle_gives_back_its_entries_and_nothing_else() {
        let mut bundle = Vec::new();
        let long = vec![7; 65_535];
        for entry in [&b""[..], b"abc", &long] {
            pack(&mut bundle, entry).unwrap();
        }
        assert_eq!(entries(&bundle, 3), Ok(vec![&b""[..], b"abc", &long]));
        assert_eq!(entries(&bundle, 2), Err(TileError::Longer(2)));
        assert_eq!(entries(&bundle, 4), Err(TileError::Cut(3)));
        assert_eq!(entries(&bundle[..bundle.len() - 1], 3), Err(TileError::Cut(2)));
        assert_eq!(entries(&bundle[..3], 2), Err(TileError::Cut(1)));
        assert_eq!(pack(&mut bundle, &vec![0; 65_536]), Err(TileError::Entry(65_536)));
    }

    #[test]
    fn a_tile_has_the_length_of_its_hashes() {
        let all = [Digest::of(b"a"), Digest::of(b"b")];
        let bytes = serialize(&all);
        assert_eq!(hashes(&bytes, 2), Ok(all.to_vec()));
        for (cut, width) in [(&bytes[..63], 2), (&bytes[..], 1), (&bytes[..], 3), (&bytes[..32], 2)] {
            assert!(hashes(cut, width).is_err(), "{width}");
        }
    }
}
