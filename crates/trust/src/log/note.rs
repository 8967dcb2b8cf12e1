//! Notes under signatures of Ed25519 (C2SP *signed-note*), and the keys of a log.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use weighbridge_core::digest::Digest;
use zeroize::Zeroizing;

/// What begins the text of a private key.
const PRIVATE: &str = "PRIVATE+KEY+";
/// What begins a line with a signature.
const DASH: &str = "\u{2014} ";
/// The type of a signature with Ed25519 over the text of a note (*signed-note*, "Signature types").
const ED25519_NOTE: u8 = 1;
/// Largest note that is read, in bytes.
const LARGEST: usize = 1 << 20;
/// Most signatures that a note may have; at least 16 must be taken.
const MOST_SIGNATURES: usize = 100;
/// Longest name of a key that is taken, in bytes.
const LONGEST_NAME: usize = 255;

/// A key of a log that cannot be used. No message says anything of a secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LogKeyError {
    /// Not of the form.
    #[error("not the key of a log: expected {0}")]
    Malformed(&'static str),
    /// A private key where a public one is asked for.
    #[error("this is the private key of a log, and the public one is asked for")]
    Private,
    /// The name and the number do not belong to the key.
    #[error("the key is damaged: its number is not that of its name and its bytes")]
    Number,
    /// Of a kind that nobody here knows.
    #[error("the key is not one of Ed25519 (type 1)")]
    Kind,
    /// The name cannot be that of a log.
    #[error(
        "`{0}` cannot be the name of a log: it must have 1 to 255 bytes, without spaces, control characters and `+`"
    )]
    Name(String),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

/// The form of a public key.
const PUBLIC_FORM: &str = "`NAME+8 HEXADECIMAL DIGITS+BASE64`";
/// The form of a private key.
const PRIVATE_FORM: &str = "`PRIVATE+KEY+NAME+8 HEXADECIMAL DIGITS+BASE64`";

/// The public key of a log, with its name. Its text is that of other tools (`vkey`).
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: [u8; 32],
}

impl VerifierKey {
    /// Reads the text of a key.
    ///
    /// # Errors
    /// [`LogKeyError`].
    pub fn read(text: &str) -> Result<Self, LogKeyError> {
        let text = text.trim();
        if text.starts_with(PRIVATE) {
            return Err(LogKeyError::Private);
        }
        let Parts { name, number, key } = parts(text).ok_or(LogKeyError::Malformed(PUBLIC_FORM))?;
        let key = Self { name: named(name)?, key: *key };
        if key.number() == number { Ok(key) } else { Err(LogKeyError::Number) }
    }

    /// The name, which is the origin of the log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// By what a bundle tells which log it was: all of the hash of which a note has the first four bytes.
    pub fn id(&self) -> Digest {
        let mut named = self.name.clone().into_bytes();
        named.extend([b'\n', ED25519_NOTE]);
        named.extend(self.key);
        Digest::of(&named)
    }

    /// The number of the key in a note.
    fn number(&self) -> [u8; 4] {
        let [one, two, three, four, ..] = *self.id().as_bytes();
        [one, two, three, four]
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![ED25519_NOTE];
        typed.extend(self.key);
        write!(out, "{}+{}+{}", self.name, digits(self.number()), STANDARD.encode(typed))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "VerifierKey({self})")
    }
}

/// The private key of a log, with its name. Its bytes are wiped when it is dropped, and neither text nor error shows them.
pub struct NoteKey {
    name: String,
    seed: Zeroizing<[u8; 32]>,
}

impl NoteKey {
    /// A new key from the random numbers of the system.
    ///
    /// # Errors
    /// [`LogKeyError::Name`], [`LogKeyError::NoRandomness`].
    pub fn generate(name: &str) -> Result<Self, LogKeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(&mut *seed).map_err(|_| LogKeyError::NoRandomness)?;
        Ok(Self { name: named(name)?, seed })
    }

    /// Reads the text of a key.
    ///
    /// # Errors
    /// [`LogKeyError`].
    pub fn read(text: &str) -> Result<Self, LogKeyError> {
        let rest = text.trim().strip_prefix(PRIVATE).ok_or(LogKeyError::Malformed(PRIVATE_FORM))?;
        let Parts { name, number, key: seed } = parts(rest).ok_or(LogKeyError::Malformed(PRIVATE_FORM))?;
        let key = Self { name: named(name)?, seed };
        if key.verifier().number() == number { Ok(key) } else { Err(LogKeyError::Number) }
    }

    /// The text of the key.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut typed = Zeroizing::new([0; 33]);
        let (kind, seed) = typed.split_at_mut(1);
        kind.fill(ED25519_NOTE);
        seed.copy_from_slice(&*self.seed);
        let encoded = Zeroizing::new(STANDARD.encode(typed.as_slice()));
        Zeroizing::new(format!("{PRIVATE}{}+{}+{}", self.name, digits(self.verifier().number()), *encoded))
    }

    /// The public key that belongs to it.
    pub fn verifier(&self) -> VerifierKey {
        let key = self.pair().public_key().as_ref().try_into().expect("a public key of Ed25519 has 32 bytes");
        VerifierKey { name: self.name.clone(), key }
    }

    /// The note of this text, which ends with a new line.
    pub fn sign(&self, text: &str) -> String {
        let mut signature = self.verifier().number().to_vec();
        signature.extend_from_slice(self.pair().sign(text.as_bytes()).as_ref());
        format!("{text}\n{DASH}{} {}\n", self.name, STANDARD.encode(signature))
    }

    fn pair(&self) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&*self.seed).expect("a seed of Ed25519 has 32 bytes")
    }
}

impl fmt::Debug for NoteKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "NoteKey of {:?}", self.verifier())
    }
}

/// A note that is not to be believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoteError {
    /// Not of the form.
    #[error("the note is malformed: {0}")]
    Malformed(&'static str),
    /// Others have signed it, if anybody.
    #[error("the note is not signed with the key of `{0}`")]
    Unsigned(String),
    /// It says that the key has signed it.
    #[error("signature invalid: it is not one of the key of `{0}` over this note")]
    Signature(String),
}

/// The text of a note that this key has signed. What others have signed beside it is passed over, as the specification asks.
///
/// # Errors
/// [`NoteError`].
pub fn open<'n>(note: &'n [u8], key: &VerifierKey) -> Result<&'n str, NoteError> {
    if note.len() > LARGEST {
        return Err(NoteError::Malformed("it is larger than 1 MiB"));
    }
    let note = std::str::from_utf8(note).map_err(|_| NoteError::Malformed("it is not UTF-8"))?;
    if note.bytes().any(|byte| byte < b' ' && byte != b'\n') {
        return Err(NoteError::Malformed("it has control characters"));
    }
    let blank = note.rfind("\n\n").ok_or(NoteError::Malformed("no signature stands below its text"))?;
    // The text ends with the first of the two.
    let (text, signatures) = note.split_at(blank.saturating_add(1));
    let signatures = signatures.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
    let signatures = signatures.ok_or(NoteError::Malformed("its last line has no end"))?;
    let mut is_signed = false;
    for (at, line) in signatures.split('\n').enumerate() {
        if at >= MOST_SIGNATURES {
            return Err(NoteError::Malformed("it has more than 100 signatures"));
        }
        const LINE: NoteError = NoteError::Malformed("a line below its text is no signature");
        let (name, encoded) = line.strip_prefix(DASH).and_then(|rest| rest.split_once(' ')).ok_or(LINE)?;
        let decoded = STANDARD.decode(encoded).map_err(|_| LINE)?;
        let (number, signature) = decoded.split_first_chunk::<4>().ok_or(LINE)?;
        if !is_name(name) || signature.is_empty() {
            return Err(LINE);
        }
        if name != key.name || *number != key.number() {
            continue;
        }
        UnparsedPublicKey::new(&ED25519, &key.key)
            .verify(text.as_bytes(), signature)
            .map_err(|_| NoteError::Signature(key.name.clone()))?;
        is_signed = true;
    }
    if is_signed { Ok(text) } else { Err(NoteError::Unsigned(key.name.clone())) }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '+')
}

fn named(name: &str) -> Result<String, LogKeyError> {
    if is_name(name) && name.len() <= LONGEST_NAME {
        Ok(name.to_owned())
    } else {
        Err(LogKeyError::Name(name.to_owned()))
    }
}

fn digits(number: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(number))
}

/// What the text of a key says.
struct Parts<'t> {
    name: &'t str,
    number: [u8; 4],
    key: Zeroizing<[u8; 32]>,
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let (name, rest) = text.split_once('+')?;
    let (number, encoded) = rest.split_once('+')?;
    let value = u32::from_str_radix(number, 16).ok()?.to_be_bytes();
    if digits(value) != number {
        return None;
    }
    let mut typed = Zeroizing::new([0; 36]);
    let length = STANDARD.decode_slice(encoded, &mut *typed).ok()?;
    match typed.get(..length)? {
        [ED25519_NOTE, key @ ..] => {
            let mut bytes = Zeroizing::new([0; 32]);
            (key.len() == bytes.len()).then(|| bytes.copy_from_slice(key))?;
            Some(Parts { name, number: value, key: bytes })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of golang.org/x/mod/sumdb/note.
    const PRIVATE_KEY: &str =
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const PUBLIC_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const SIGNATURE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn keys_and_notes_are_those_of_go() {
        let key = NoteKey::read(PRIVATE_KEY).unwrap();
        assert_eq!(*key.to_text(), PRIVATE_KEY);
        assert_eq!(key.verifier().to_string(), PUBLIC_KEY);
        assert_eq!(VerifierKey::read(PUBLIC_KEY), Ok(key.verifier()));
        let note = format!("{TEXT}\n{SIGNATURE}");
        assert_eq!(key.sign(TEXT), note);
        assert_eq!(open(note.as_bytes(), &key.verifier()), Ok(TEXT));
    }

    #[test]
    fn the_example_of_the_specification_opens() {
        // C2SP signed-note, "Example"; transparency-dev formats, the same key.
        let key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        let note = "This is an example message.\n\n— example.com/foo \
            Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
        let key = VerifierKey::read(key).unwrap();
        assert_eq!(open(note.as_bytes(), &key), Ok("This is an example message.\n"));
    }

    #[test]
    fn every_flipped_byte_of_a_note_and_of_a_key_is_noticed() {
        let key = VerifierKey::read(PUBLIC_KEY).unwrap();
        let note = format!("{TEXT}\n{SIGNATURE}").into_bytes();
        for at in 0..note.len() {
            for bit in 0..8 {
                let mut changed = note.clone();
                changed[at] ^= 1 << bit;
                assert!(open(&changed, &key).is_err(), "byte {at}, bit {bit}");
            }
            assert!(open(&note[..at], &key).is_err(), "cut at {at}");
        }
        for (text, read) in [
            (PUBLIC_KEY, &(|text: &str| VerifierKey::read(text).is_err()) as &dyn Fn(&str) -> bool),
            (PRIVATE_KEY, &|text| NoteKey::read(text).is_err()),
        ] {
            for at in 0..text.len() {
                let mut changed = text.as_bytes().to_vec();
                changed[at] ^= 1;
                assert!(read(&String::from_utf8(changed).unwrap()), "byte {at}");
                assert!(read(&text[..at]), "cut at {at}");
            }
        }
        // Another length, and another type, each under its right number (the tests of Go).
        for text in [
            "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
            "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ] {
            assert!(VerifierKey::read(text).is_err());
        }
    }

    #[test]
    fn signatures_of_others_are_passed_over_and_a_bad_one_is_not() {
        let key = VerifierKey::read(PUBLIC_KEY).unwrap();
        let other = NoteKey::generate("witness.example").unwrap();
        let line = |note: String| note.rsplit_once("\n\n").unwrap().1.to_owned();
        let theirs = line(other.sign(TEXT));
        let note = |lines: &str| format!("{TEXT}\n{lines}");
        assert_eq!(open(note(&(theirs.clone() + SIGNATURE)).as_bytes(), &key), Ok(TEXT));
        assert_eq!(open(note(&theirs).as_bytes(), &key), Err(NoteError::Unsigned("PeterNeumann".into())));
        let forged = theirs.replace("witness.example", "PeterNeumann");
        // Its number is another key's: unknown, not forged.
        assert_eq!(open(note(&forged).as_bytes(), &key), Err(NoteError::Unsigned("PeterNeumann".into())));
        let swapped = format!("another text\n\n{SIGNATURE}");
        assert_eq!(open(swapped.as_bytes(), &key), Err(NoteError::Signature("PeterNeumann".into())));
        // A text may have empty lines; the last one parts it from the signatures.
        let text = "one\n\ntwo\n";
        assert_eq!(open(other.sign(text).as_bytes(), &other.verifier()), Ok(text));
        let many = theirs.repeat(101);
        assert!(matches!(open(note(&many).as_bytes(), &key), Err(NoteError::Malformed(_))));
    }

    #[test]
    fn no_text_shows_a_private_key() {
        let key = NoteKey::read(PRIVATE_KEY).unwrap();
        let secret = &PRIVATE_KEY["PRIVATE+KEY+PeterNeumann+c74f20a3+".len()..];
        assert!(!format!("{key:?}").contains(secret));
        let damaged = PRIVATE_KEY.replace("c74f", "c74e");
        for error in [NoteKey::read(&damaged).unwrap_err(), VerifierKey::read(PRIVATE_KEY).unwrap_err()] {
            assert!(!format!("{error} {error:?}").contains(secret));
        }
    }

    #[test]
    fn names_that_a_note_cannot_hold_are_refused() {
        for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b", "a\u{0}", &"a".repeat(256)] {
            assert!(matches!(NoteKey::generate(name), Err(LogKeyError::Name(_))), "{name:?}");
        }
        let key = NoteKey::generate("models.example/log").unwrap();
        assert_eq!(VerifierKey::read(&key.verifier().to_string()), Ok(key.verifier()));
        assert_ne!(*key.to_text(), *NoteKey::generate("models.example/log").unwrap().to_text());
    }
}
