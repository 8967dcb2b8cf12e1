//! One version: parsing with the lenient spellings, the canonical spelling, the total order.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// A version as the version specification defines it.
///
/// Two versions that differ only in trailing zeros of the release (`1.0`, `1.0.0`) are equal; each still
/// prints as it was given.
#[derive(Clone)]
pub struct Version {
    epoch: u64,
    release: Release,
    pre: Option<PreRelease>,
    post: Option<u64>,
    dev: Option<u64>,
    local: Box<[LocalSegment]>,
}

/// The pre-release part: `a1`, `b2`, `rc3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PreRelease {
    /// Alpha, beta or release candidate.
    pub kind: PreReleaseKind,
    /// The number after the letter, 0 if none was written.
    pub number: u64,
}

/// The three phases before a release, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PreReleaseKind {
    /// `a`, also written `alpha`.
    Alpha,
    /// `b`, also written `beta`.
    Beta,
    /// `rc`, also written `c`, `pre` or `preview`.
    ReleaseCandidate,
}

/// One segment of a local version such as `cu118` in `2.0.1+cu118`, in the order of the specification:
/// text sorts before numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LocalSegment {
    /// Letters, or letters and digits; lower case.
    Text(Box<str>),
    /// Digits only.
    Number(u64),
    /// Digits only, above `u64::MAX` (a date with a time, a decimal digest); no leading zeros.
    LargeNumber(LargeNumber),
}

/// A decimal number beyond 64 bits, compared as a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LargeNumber(Box<str>);

impl Ord for LargeNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for LargeNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Why a text is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// The text does not follow the grammar.
    #[error("`{text}` is not a version")]
    Syntax {
        /// The text, shortened if very long.
        text: String,
    },
    /// A number is above 2^64 - 1.
    #[error("a number in the version `{text}` is too large")]
    TooLarge {
        /// The text, shortened if very long.
        text: String,
    },
}

/// Release numbers; up to four, which is nearly all, without a heap allocation.
#[derive(Clone)]
enum Release {
    Short { numbers: [u64; 4], length: u8 },
    Long(Vec<u64>),
}

impl Release {
    fn push(&mut self, number: u64) {
        match self {
            Release::Short { numbers, length } => match numbers.get_mut(usize::from(*length)) {
                Some(slot) => {
                    *slot = number;
                    *length += 1;
                }
                None => {
                    let mut long = numbers.to_vec();
                    long.push(number);
                    *self = Release::Long(long);
                }
            },
            Release::Long(numbers) => numbers.push(number),
        }
    }

    fn as_slice(&self) -> &[u64] {
        match self {
            Release::Short { numbers, length } => numbers.get(..usize::from(*length)).unwrap_or(numbers),
            Release::Long(numbers) => numbers,
        }
    }
}

impl Version {
    /// Parses a version, accepting every spelling that the specification normalises: a leading `v`,
    /// upper case, `-`, `_` or no separator, `alpha`, `c`, `rev`, surrounding white space.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let mut scanner = Scanner { rest: text.trim().as_bytes() };
        scanner.version().map_err(|failure| {
            let text: String = text.chars().take(80).collect();
            match failure {
                Failure::Syntax => VersionError::Syntax { text },
                Failure::TooLarge => VersionError::TooLarge { text },
            }
        })
    }

    /// Makes a version of nothing but release numbers; an empty slice gives `0`.
    pub fn from_release(numbers: &[u64]) -> Self {
        let mut release = Release::Short { numbers: [0; 4], length: 0 };
        for number in numbers {
            release.push(*number);
        }
        if numbers.is_empty() {
            release.push(0);
        }
        Version { epoch: 0, release, pre: None, post: None, dev: None, local: Box::default() }
    }

    /// The epoch, 0 unless written (`1!2.0`).
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The release numbers as written, trailing zeros included.
    pub fn release(&self) -> &[u64] {
        self.release.as_slice()
    }

    /// The alpha, beta or candidate part.
    pub fn pre(&self) -> Option<PreRelease> {
        self.pre
    }

    /// The post-release number.
    pub fn post(&self) -> Option<u64> {
        self.post
    }

    /// The development-release number.
    pub fn dev(&self) -> Option<u64> {
        self.dev
    }

    /// The local part after `+`; empty if there is none.
    pub fn local(&self) -> &[LocalSegment] {
        &self.local
    }

    /// True for alpha, beta, candidate and development releases.
    pub fn is_prerelease(&self) -> bool {
        self.pre.is_some() || self.dev.is_some()
    }

    /// True for post-releases.
    pub fn is_postrelease(&self) -> bool {
        self.post.is_some()
    }

    /// True if there is a local part.
    pub fn is_local(&self) -> bool {
        !self.local.is_empty()
    }

    /// The version without its local part.
    pub fn public(&self) -> Version {
        Version { local: Box::default(), ..self.clone() }
    }

    /// `X.dev0`, the lowest version that leads up to this one.
    pub(super) fn first_development(&self) -> Version {
        Version { dev: Some(0), local: Box::default(), ..self.clone() }
    }

    /// True if epoch and release numbers are equal (`1.0rc1`, `1.0.post2`).
    pub fn same_base(&self, other: &Version) -> bool {
        self.epoch == other.epoch && trimmed(self.release()) == trimmed(other.release())
    }

    /// True for a post-release (or a development release of one) of exactly `base`.
    pub(super) fn is_postrelease_of(&self, base: &Version) -> bool {
        self.post.is_some()
            && base.dev.is_none()
            && Version { post: None, dev: None, ..self.clone() }.cmp_public(base).is_eq()
    }

    pub(super) fn set_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// Compares as if neither side had a local part.
    pub fn cmp_public(&self, other: &Version) -> Ordering {
        (self.epoch.cmp(&other.epoch))
            .then_with(|| trimmed(self.release()).cmp(trimmed(other.release())))
            .then_with(|| self.phase().cmp(&other.phase()))
    }

    /// Everything after the release as one comparable value. `1.0.dev1 < 1.0a1.dev1 < 1.0a1 < 1.0 < 1.0.post1`.
    fn phase(&self) -> (Option<PreReleaseOrFinal>, Option<u64>, DevOrFinal) {
        let pre = match (self.pre, self.post, self.dev) {
            (Some(pre), _, _) => Some(PreReleaseOrFinal::Pre(pre)),
            (None, None, Some(_)) => None,
            (None, _, _) => Some(PreReleaseOrFinal::Final),
        };
        (pre, self.post, self.dev.map_or(DevOrFinal::Final, DevOrFinal::Dev))
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
enum PreReleaseOrFinal {
    Pre(PreRelease),
    Final,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
enum DevOrFinal {
    Dev(u64),
    Final,
}

/// Release numbers without trailing zeros, which carry no meaning in comparisons.
fn trimmed(release: &[u64]) -> &[u64] {
    let length = release.iter().rposition(|number| *number != 0).map_or(0, |last| last + 1);
    release.get(..length).unwrap_or(release)
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.cmp_public(other).then_with(|| self.local.cmp(&other.local))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.epoch.hash(state);
        trimmed(self.release()).hash(state);
        self.phase().hash(state);
        self.local.hash(state);
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Version::parse(text)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch != 0 {
            write!(f, "{}!", self.epoch)?;
        }
        for (index, number) in self.release().iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            write!(f, "{number}")?;
        }
        if let Some(pre) = self.pre {
            let letters = match pre.kind {
                PreReleaseKind::Alpha => "a",
                PreReleaseKind::Beta => "b",
                PreReleaseKind::ReleaseCandidate => "rc",
            };
            write!(f, "{letters}{}", pre.number)?;
        }
        if let Some(post) = self.post {
            write!(f, ".post{post}")?;
        }
        if let Some(dev) = self.dev {
            write!(f, ".dev{dev}")?;
        }
        for (index, segment) in self.local.iter().enumerate() {
            f.write_str(if index == 0 { "+" } else { "." })?;
            match segment {
                LocalSegment::Text(text) => f.write_str(text)?,
                LocalSegment::Number(number) => write!(f, "{number}")?,
                LocalSegment::LargeNumber(number) => f.write_str(&number.0)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

enum Failure {
    Syntax,
    TooLarge,
}

/// Walks the text once. The grammar needs no backtracking beyond one separator: a separator after a
/// letter part is consumed even when no number follows (`1.0a.` is `1.0a0`), as the reference pattern does.
struct Scanner<'a> {
    rest: &'a [u8],
}

/// Longer spellings first, so that `alpha` is not read as `a` and a rest.
const PRE_RELEASE_WORDS: &[(&str, PreReleaseKind)] = &[
    ("alpha", PreReleaseKind::Alpha),
    ("a", PreReleaseKind::Alpha),
    ("beta", PreReleaseKind::Beta),
    ("b", PreReleaseKind::Beta),
    ("preview", PreReleaseKind::ReleaseCandidate),
    ("pre", PreReleaseKind::ReleaseCandidate),
    ("c", PreReleaseKind::ReleaseCandidate),
    ("rc", PreReleaseKind::ReleaseCandidate),
];
const POST_RELEASE_WORDS: &[(&str, ())] = &[("post", ()), ("rev", ()), ("r", ())];
const DEV_RELEASE_WORDS: &[(&str, ())] = &[("dev", ())];

impl Scanner<'_> {
    fn version(&mut self) -> Result<Version, Failure> {
        self.eat(|byte| byte.eq_ignore_ascii_case(&b'v'));
        let mut first = self.number()?.ok_or(Failure::Syntax)?;
        let mut epoch = 0;
        if self.eat(|byte| *byte == b'!') {
            epoch = first;
            first = self.number()?.ok_or(Failure::Syntax)?;
        }
        let mut release = Release::Short { numbers: [0; 4], length: 0 };
        release.push(first);
        while let [b'.', digit, ..] = self.rest {
            if !digit.is_ascii_digit() {
                break;
            }
            self.eat(|_| true);
            release.push(self.number()?.ok_or(Failure::Syntax)?);
        }
        let pre = self.word_and_number(PRE_RELEASE_WORDS)?.map(|(kind, number)| PreRelease { kind, number });
        let post = match self.rest {
            [b'-', digit, ..] if digit.is_ascii_digit() => {
                self.eat(|_| true);
                self.number()?
            }
            _ => self.word_and_number(POST_RELEASE_WORDS)?.map(|(_, number)| number),
        };
        let dev = self.word_and_number(DEV_RELEASE_WORDS)?.map(|(_, number)| number);
        let local = if self.eat(|byte| *byte == b'+') { self.local()? } else { Box::default() };
        if !self.rest.is_empty() {
            return Err(Failure::Syntax);
        }
        Ok(Version { epoch, release, pre, post, dev, local })
    }

    fn eat(&mut self, accepts: impl Fn(&u8) -> bool) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if accepts(first) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn number(&mut self) -> Result<Option<u64>, Failure> {
        let mut value: Option<u64> = None;
        while let Some((digit @ b'0'..=b'9', rest)) = self.rest.split_first() {
            let next =
                value.unwrap_or(0).checked_mul(10).and_then(|v| v.checked_add(u64::from(digit - b'0')));
            value = Some(next.ok_or(Failure::TooLarge)?);
            self.rest = rest;
        }
        Ok(value)
    }

    /// `[-_.]? word [-_.]? number?`; restores the text when no word follows.
    fn word_and_number<T: Copy>(&mut self, words: &[(&str, T)]) -> Result<Option<(T, u64)>, Failure> {
        let before = self.rest;
        self.eat(is_separator);
        for (word, meaning) in words {
            if let Some((head, rest)) = self.rest.split_at_checked(word.len())
                && head.eq_ignore_ascii_case(word.as_bytes())
            {
                self.rest = rest;
                self.eat(is_separator);
                let number = self.number()?.unwrap_or(0);
                return Ok(Some((*meaning, number)));
            }
        }
        self.rest = before;
        Ok(None)
    }

    fn local(&mut self) -> Result<Box<[LocalSegment]>, Failure> {
        let mut segments = Vec::new();
        for part in self.rest.split(is_separator) {
            if part.is_empty() || !part.iter().all(u8::is_ascii_alphanumeric) {
                return Err(Failure::Syntax);
            }
            let text = String::from_utf8_lossy(part).to_ascii_lowercase();
            segments.push(if !part.iter().all(u8::is_ascii_digit) {
                LocalSegment::Text(text.into())
            } else if let Ok(number) = text.parse() {
                LocalSegment::Number(number)
            } else {
                LocalSegment::LargeNumber(LargeNumber(text.trim_start_matches('0').into()))
            });
        }
        self.rest = &[];
        Ok(segments.into())
    }
}

fn is_separator(byte: &u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.')
}
