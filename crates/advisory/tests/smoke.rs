//! Random and damaged input: an error or a value, never a panic, never a silent change.

use libtest_mimic::Trial;
use weighbridge_advisory::pep440::{Specifiers, Version};
use weighbridge_advisory::pep508::{Marker, Requirement};
use weighbridge_advisory::{Index, SnapshotError};

use super::index::small;
use super::random::Random;

pub(crate) fn trials() -> Vec<Trial> {
    trials![texts, flipped_bits, cut_short, rubbish, claims_behind_a_right_digest]
}

const WORDS: &[&str] = &[
    "1",
    "0",
    ".",
    "!",
    "-",
    "_",
    "+",
    "a",
    "rc",
    "post",
    "dev",
    "18446744073709551616",
    " ",
    "\t",
    "\n",
    "*",
    ".*",
    "==",
    ">=",
    "~=",
    "===",
    "!=",
    "<",
    ",",
    "(",
    ")",
    "[",
    "]",
    ";",
    "@",
    "'",
    "\"",
    "python_version",
    "extra",
    "extras",
    "in",
    "not in",
    "and",
    "or",
    "os_name",
    "é",
    "\u{1f980}",
    "\0",
    "torch",
    "https://x",
    "\\",
    "#",
];

/// How many of the words can be part of a version.
const VERSION_WORDS: usize = 12;

fn texts() {
    let mut random = Random::new(1);
    let mut understood = 0u32;
    for _ in 0..60_000 {
        // Half of them from the words of versions alone, so that many make sense.
        let words = if random.below(2) == 0 { &WORDS[..VERSION_WORDS] } else { WORDS };
        let text: String = (0..random.below(9)).map(|_| random.one_of(words)).collect();
        // What is understood prints as something that is understood alike.
        if let Ok(version) = Version::parse(&text) {
            understood += 1;
            assert_eq!(Version::parse(&version.to_string()).unwrap(), version, "{text:?}");
        }
        if let Ok(set) = Specifiers::parse_lenient(&text) {
            assert_eq!(Specifiers::parse(&set.to_string()).unwrap(), set, "{text:?}");
        }
        match Requirement::parse(&text) {
            Ok(one) => assert_eq!(Requirement::parse(&one.to_string()).unwrap(), one, "{text:?}"),
            Err(error) => assert!(text.is_char_boundary(error.offset), "{text:?}: {error}"),
        }
        match Marker::parse(&text) {
            Ok(one) => assert_eq!(Marker::parse(&one.to_string()).unwrap(), one, "{text:?}"),
            Err(error) => assert!(text.is_char_boundary(error.offset), "{text:?}: {error}"),
        }
    }
    assert!(understood > 1000, "the words make versions now and then");
}

fn flipped_bits() {
    let bytes = small().to_bytes();
    assert_eq!(Index::from_bytes(&bytes).unwrap(), small());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert!(Index::from_bytes(&changed).is_err(), "bit {bit} of byte {at}");
        }
    }
}

fn cut_short() {
    let bytes = small().to_bytes();
    for length in 0..bytes.len() {
        assert!(Index::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(Index::from_bytes(&longer).is_err());
}

fn rubbish() {
    let mut random = Random::new(2);
    assert_eq!(Index::from_bytes(b"").unwrap_err(), SnapshotError::Foreign);
    assert_eq!(Index::from_bytes(b"PK\x03\x04").unwrap_err(), SnapshotError::Foreign);
    let start = small().to_bytes();
    for _ in 0..2000 {
        let mut bytes = start[..random.below(60)].to_vec();
        bytes.extend((0..random.below(400)).map(|_| u8::try_from(random.below(256)).unwrap()));
        assert!(Index::from_bytes(&bytes).is_err());
    }
}

/// Content that somebody made on purpose: the digest is right, the content is not. A value or an error, in little memory.
fn claims_behind_a_right_digest() {
    let mut random = Random::new(3);
    let sealed = small().to_bytes();
    let content = unseal(&sealed);
    assert_eq!(
        seal(&content, u32::try_from(content.len()).unwrap()),
        sealed,
        "the layout is the one assumed here"
    );
    for _ in 0..20_000 {
        let mut changed = content.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(changed.len());
            changed[at] = u8::try_from(random.below(256)).unwrap();
        }
        let size = u32::try_from(changed.len()).unwrap();
        if let Ok(index) = Index::from_bytes(&seal(&changed, size)) {
            // Whatever it says now can be asked.
            let names: Vec<String> = index.packages().map(str::to_owned).collect();
            for name in names {
                let version = Version::parse("1.0").unwrap();
                index.vulnerabilities(&name, &version);
                index.smallest_clear_version(&name, &version);
            }
        }
    }
    for size in [0, 1, u32::try_from(content.len() + 1).unwrap(), 300 << 20, u32::MAX] {
        assert!(Index::from_bytes(&seal(&content, size)).is_err(), "claims {size}");
    }
}

/// Where the packed bytes start: magic, SHA-256, size.
const HEADER: usize = 6 + 32 + 4;

fn unseal(bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    let mut inflater = flate2::read::DeflateDecoder::new(&bytes[HEADER..]);
    std::io::Read::read_to_end(&mut inflater, &mut content).unwrap();
    content
}

fn seal(content: &[u8], size: u32) -> Vec<u8> {
    let mut deflater = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut deflater, content).unwrap();
    let packed = deflater.finish().unwrap();
    let digest = weighbridge_core::digest::Digest::of(&packed);
    [&b"WBADV\x03"[..], digest.as_bytes(), &size.to_le_bytes(), &packed].concat()
}
