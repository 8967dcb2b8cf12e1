//! The digests in which files of a model are signed.

use std::fmt;

use blake2::Blake2b512;
use sha2::{Digest as _, Sha256};

/// A hash function of OpenSSF Model Signing (v1.0, section 4.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// SHA-256: every verifier knows it.
    Sha256,
    /// BLAKE2b with 512 bits.
    Blake2b,
    /// BLAKE3 with 256 bits.
    Blake3,
}

impl Algorithm {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Blake2b, Self::Blake3];

    /// Its name in a bundle.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Blake2b => "blake2b",
            Self::Blake3 => "blake3",
        }
    }

    /// The function with this name; `blake2` is how `model_signing` 1.1 calls the second in its own code.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "blake2" => Some(Self::Blake2b),
            _ => Self::ALL.into_iter().find(|algorithm| algorithm.name() == name),
        }
    }

    /// Length of a digest in bytes.
    pub fn length(self) -> usize {
        match self {
            Self::Sha256 | Self::Blake3 => 32,
            Self::Blake2b => 64,
        }
    }

    /// Begins a digest.
    pub fn hasher(self) -> Hasher {
        match self {
            Self::Sha256 => Hasher::Sha256(Sha256::new()),
            Self::Blake2b => Hasher::Blake2b(Box::new(Blake2b512::new())),
            Self::Blake3 => Hasher::Blake3(Box::new(blake3::Hasher::new())),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Computes a digest piece by piece.
pub enum Hasher {
    /// SHA-256.
    Sha256(Sha256),
    /// BLAKE2b.
    Blake2b(Box<Blake2b512>),
    /// BLAKE3.
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    /// Takes in the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(piece),
            Self::Blake2b(hasher) => hasher.update(piece),
            Self::Blake3(hasher) => {
                hasher.update(piece);
            }
        }
    }

    /// The digest of everything taken in.
    pub fn finish(self) -> Bytes {
        Bytes(match self {
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Blake2b(hasher) => hasher.finalize().to_vec(),
            Self::Blake3(hasher) => hasher.finalize().as_bytes().to_vec(),
        })
    }
}

/// The bytes of a digest; written as hexadecimal digits in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    /// The digest that these hexadecimal digits in lower case write; none if they are none of this length in bytes.
    pub fn of_text(text: &str, length: usize) -> Option<Self> {
        let digits = text.as_bytes();
        let (pairs, rest) = digits.as_chunks::<2>();
        if !rest.is_empty() || pairs.len() != length {
            return None;
        }
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let byte = |[high, low]: &[u8; 2]| Some(value(*high)? << 4 | value(*low)?);
        pairs.iter().map(byte).collect::<Option<_>>().map(Self)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_gives_what_its_standard_gives() {
        for (algorithm, expected) in [
            // FIPS 180-2, appendix B.1.
            (Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            // RFC 7693, appendix A.
            (
                Algorithm::Blake2b,
                "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8\
                 dbf1925ab92386edd4009923",
            ),
            // `printf abc | b3sum`.
            (Algorithm::Blake3, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
        ] {
            let mut hasher = algorithm.hasher();
            hasher.update(b"a");
            hasher.update(b"bc");
            let digest = hasher.finish();
            assert_eq!(digest.to_string(), expected);
            assert_eq!(Bytes::of_text(expected, algorithm.length()), Some(digest));
            assert_eq!(Algorithm::of_name(algorithm.name()), Some(algorithm));
        }
    }

    #[test]
    fn only_digits_in_lower_case_and_of_the_right_number_are_a_digest() {
        for text in ["", "ab", "ABCD", "abcg", "abc", "é12"] {
            assert_eq!(Bytes::of_text(text, 2), None, "{text}");
        }
    }
}
