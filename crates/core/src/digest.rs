//! SHA-256 digests, by which a file is known.

use std::fmt;
use std::str::FromStr;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest. Two artifacts are the same exactly when their digests are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// A text that is no SHA-256 digest of 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not a SHA-256 digest of 64 hexadecimal digits")]
pub struct DigestError(pub String);

impl Digest {
    /// The digest with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest of `content`.
    pub fn of(content: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(content);
        hasher.finish()
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A digest that somebody states for a file, in the form in which he states it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Claimed {
    /// SHA-256 of the bytes.
    Sha256(Digest),
    /// The name that Git gives a file: SHA-1 of a header with the size, and the bytes (Git documentation, *Git Objects*).
    GitBlob([u8; 20]),
}

impl Claimed {
    /// The claim that a name of 64 or 40 hexadecimal digits in lower case makes.
    pub fn of_name(name: &str) -> Option<Self> {
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        if let Ok(digest) = name.parse() {
            return Some(Self::Sha256(digest));
        }
        // The pad makes a digest of it that the same parser reads.
        let digest: Digest = format!("{name}{:024}", 0).parse().ok()?;
        digest.0.first_chunk().copied().map(Self::GitBlob)
    }

    /// The digest of the same form over bytes that come piece by piece, `size` in all.
    pub fn hasher(self, size: u64) -> ClaimHasher {
        match self {
            Self::Sha256(_) => ClaimHasher::Sha256(Hasher::default()),
            Self::GitBlob(_) => {
                let mut hasher = Sha1::new();
                hasher.update(format!("blob {size}\0"));
                ClaimHasher::GitBlob(hasher)
            }
        }
    }
}

impl fmt::Display for Claimed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => write!(out, "sha256 {digest}"),
            Self::GitBlob(digest) => {
                out.write_str("git blob ")?;
                digest.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
            }
        }
    }
}

/// Computes a digest of the form of a [`Claimed`] one.
#[derive(Clone)]
pub enum ClaimHasher {
    /// SHA-256.
    Sha256(Hasher),
    /// The name that Git gives a file.
    GitBlob(Sha1),
}

impl ClaimHasher {
    /// Takes in the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(piece),
            Self::GitBlob(hasher) => hasher.update(piece),
        }
    }

    /// The digest of everything taken in.
    pub fn finish(self) -> Claimed {
        match self {
            Self::Sha256(hasher) => Claimed::Sha256(hasher.finish()),
            Self::GitBlob(hasher) => Claimed::GitBlob(hasher.finalize().into()),
        }
    }
}

/// Computes a [`Digest`] piece by piece.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Takes in the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of everything taken in.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A precision shortens it, as for texts: `{digest:.16}`.
        let digits = out.precision().unwrap_or(64);
        let mut text = String::with_capacity(64);
        for nibble in self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        out.write_str(text.get(..digits).unwrap_or(&text))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "sha256:{self}")
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let wrong = || DigestError(text.to_owned());
        let mut bytes = [0u8; 32];
        if text.len() != 64 {
            return Err(wrong());
        }
        let (pairs, _) = text.as_bytes().as_chunks::<2>();
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let (Some(high), Some(low)) = (nibble(*high), nibble(*low)) else { return Err(wrong()) };
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

/// The value of a hexadecimal digit.
fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_claims_a_digest_in_the_form_of_its_length() {
        let sha256 = Claimed::Sha256(Digest::of(b"abc"));
        let text = Digest::of(b"abc").to_string();
        assert_eq!(Claimed::of_name(&text), Some(sha256));
        // `printf abc | git hash-object --stdin`.
        let git = Claimed::of_name("f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f").unwrap();
        assert_eq!(git.to_string(), "git blob f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f");
        for claimed in [sha256, git] {
            let mut hasher = claimed.hasher(3);
            hasher.update(b"a");
            hasher.update(b"bc");
            assert_eq!(hasher.finish(), claimed);
        }
        for name in ["", "abc", &text.to_uppercase(), &text[..63], &"g".repeat(40)] {
            assert_eq!(Claimed::of_name(name), None, "{name}");
        }
    }

    #[test]
    fn text_and_bytes_agree() {
        let digest = Digest::of(b"abc");
        // FIPS 180-2, appendix B.1.
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().to_uppercase().parse(), Ok(digest));
        for text in ["", "ba78", &"+".repeat(64), &"é".repeat(32)] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
