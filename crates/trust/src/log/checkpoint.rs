//! What a log signs: its size and its root (C2SP *tlog-checkpoint*).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use weighbridge_core::digest::Digest;

use super::note::{self, NoteError, NoteKey, VerifierKey};

/// The head of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The number of entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Digest,
}

/// A checkpoint that is not to be believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The key has not signed it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not of the form.
    #[error("the checkpoint is malformed: {0}")]
    Malformed(&'static str),
    /// It is the head of another log.
    #[error("the checkpoint is one of `{0}`, not of `{1}`")]
    Origin(String, String),
}

impl Checkpoint {
    /// Reads a note that the key of the log has signed.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn open(note: &[u8], key: &VerifierKey) -> Result<Self, CheckpointError> {
        let text = note::open(note, key)?;
        let malformed = |what| CheckpointError::Malformed(what);
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(malformed("it has not the three lines origin, size and root"));
        };
        if lines.any(str::is_empty) {
            return Err(malformed("one of its further lines is empty"));
        }
        if origin != key.name() {
            return Err(CheckpointError::Origin(origin.to_owned(), key.name().to_owned()));
        }
        let number = size.parse::<u64>().ok().filter(|number| number.to_string() == size);
        let size = number.ok_or_else(|| malformed("its size is no number"))?;
        let root = STANDARD.decode(root).ok().and_then(|root| root.try_into().ok()).map(Digest::from_bytes);
        let root = root.ok_or_else(|| malformed("its root is no hash in base64"))?;
        Ok(Self { size, root })
    }

    /// The signed note.
    pub fn sign(&self, key: &NoteKey) -> String {
        let root = STANDARD.encode(self.root.as_bytes());
        key.sign(&format!("{}\n{}\n{root}\n", key.verifier().name(), self.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_what_its_three_lines_say() {
        let key = NoteKey::generate("models.example/log").unwrap();
        let verifier = key.verifier();
        let root = Digest::of(b"root");
        for size in [0, 1, 20_852_163, u64::MAX] {
            let checkpoint = Checkpoint { size, root };
            assert_eq!(Checkpoint::open(checkpoint.sign(&key).as_bytes(), &verifier), Ok(checkpoint));
        }
        let encoded = STANDARD.encode(root.as_bytes());
        let open = |text: &str| Checkpoint::open(key.sign(text).as_bytes(), &verifier);
        let good = format!("models.example/log\n7\n{encoded}\n");
        assert!(open(&format!("{good}an extension\n")).is_ok());
        for bad in [
            "models.example/log\n7\n".to_owned(),
            "\n".to_owned(),
            good.replace("\n7\n", "\n07\n"),
            good.replace("\n7\n", "\n+7\n"),
            good.replace("\n7\n", "\n-7\n"),
            good.replace("\n7\n", "\n18446744073709551616\n"),
            good.replace(&encoded, &encoded[1..]),
            good.replace(&encoded, "AAAA"),
            format!("{good}\nextension\n"),
        ] {
            assert!(matches!(open(&bad), Err(CheckpointError::Malformed(_))), "{bad}");
        }
        let other = open(&good.replace("models.example/log", "models.example/other"));
        assert!(matches!(other, Err(CheckpointError::Origin(..))));
    }
}
