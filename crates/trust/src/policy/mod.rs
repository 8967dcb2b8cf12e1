//! Who may vouch for which model: the trust policy `weighbridge-trust.toml`.
//!
//! A policy names *anchors* (whose signatures are believed) and *rules* (for which models whose signatures are needed).
//! [`Policy::read`] reads the file and says of the first thing that it does not understand where it stands;
//! [`Policy::load`] turns the anchors into keys and certificates, whose files somebody else opens; [`Policy::rule_for`]
//! finds the rule of a model; [`Loaded::verify`] says whether an anchor signed a bundle; and [`Requirement::judge`]
//! whether those who signed are enough.

mod judge;
mod load;
mod pattern;
mod read;
mod write;

pub use judge::{Claimed, Judged, Voucher, in_days, too_new, too_old};
pub use load::{Loaded, NotVouched};
pub use pattern::{NamePattern, Place, PlacePattern};
pub use read::seconds;
pub use write::{AddError, NewAnchor, NewRule, TEMPLATE, add};

use std::fmt;

use crate::attest::Type;
use crate::digests::Bytes;

/// The name of the file.
pub const FILE: &str = "weighbridge-trust.toml";
/// Largest policy that is read, in bytes: far more than anybody writes by hand.
pub const LARGEST: usize = 1 << 20;
/// Most anchors of a policy: each is tried on each signature.
pub const MOST_ANCHORS: usize = 256;
/// Most rules of a policy.
pub const MOST_RULES: usize = 4096;

/// A trust policy, as it stands in its file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The file, as it was named to [`Policy::read`].
    pub file: String,
    /// Whose signatures are believed, in the order of the file.
    pub anchors: Vec<Anchor>,
    /// What is asked of which models, in the order of the file.
    pub rules: Vec<Rule>,
}

/// A text of the file, and its line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text {
    /// The line, counted from 1.
    pub line: usize,
    /// The text.
    pub text: String,
}

/// Somebody whose signatures are believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anchor {
    /// By what rules name it.
    pub id: String,
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// The role that it has, by which rules may name it.
    pub role: Option<String>,
    /// By what it is known.
    pub kind: Kind,
}

/// By what an anchor is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The holder of a public key.
    Key {
        /// What the file calls it: `public-key`, or `cosign-key`.
        word: &'static str,
        /// The PEM itself, or the file in which it stands.
        key: Text,
    },
    /// Whoever has a certificate for signing code below one of these.
    Authority(Certificates),
    /// The holder of exactly one of these certificates.
    Leaf(Certificates),
    /// Whoever Sigstore calls so.
    Sigstore {
        /// The identity provider, exactly.
        issuer: String,
        /// The identity.
        identity: NamePattern,
        /// The file with the roots of an instance; none for the public one.
        trusted_root: Option<Text>,
    },
}

/// Certificates that are trusted, and what is asked of those below them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificates {
    /// Files in PEM form.
    pub files: Vec<Text>,
    /// SHA-256 of the public keys (`SubjectPublicKeyInfo` in DER) that the trusted certificates may have; any if empty.
    pub keys: Vec<Bytes>,
    /// Patterns of which one must match a subject alternative name of the certificate that signed; any if empty.
    pub names: Vec<NamePattern>,
}

impl Kind {
    /// The word for it in the file.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Key { word, .. } => word,
            Self::Authority(_) => "x509-ca",
            Self::Leaf(_) => "x509-leaf",
            Self::Sigstore { .. } => "sigstore",
        }
    }

    /// Whether its signatures state a time that somebody else vouches for.
    pub fn states_a_time(&self) -> bool {
        matches!(self, Self::Sigstore { .. })
    }
}

/// What is asked of the models that a pattern matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The models.
    pub matches: PlacePattern,
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// Everything that is asked; never empty.
    pub require: Vec<Requirement>,
    /// What becomes of a model without any signature.
    pub unsigned: Unsigned,
}

/// Signatures that a model must have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// What is signed.
    pub evidence: Evidence,
    /// The ids of the anchors that count, each once; those that it names by a role, too.
    pub by: Vec<String>,
    /// How many of them must have signed, with as many keys.
    pub threshold: usize,
    /// How old the signature may be, in seconds.
    pub max_age: Option<i64>,
    /// The predicate type that a claim must have, where its type does not say.
    pub predicate_type: Option<String>,
    /// Whether a claim that gives a verdict counts only if it passed.
    pub passed: bool,
}

/// What is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// The files of the model, in the form of OpenSSF Model Signing.
    Oms,
    /// That a publisher uploaded the file, in the form of PEP 740.
    Pep740,
    /// What somebody attests of the files.
    Claim(Type),
}

impl Evidence {
    /// The words for all, sorted.
    pub fn words() -> Vec<&'static str> {
        let claims = Type::ALL.into_iter().map(|(word, _)| word);
        let mut words: Vec<&str> = claims.chain([Self::Oms.word(), Self::Pep740.word()]).collect();
        words.sort_unstable();
        words
    }

    /// What this word means.
    pub fn of_word(word: &str) -> Option<Self> {
        let claims = Type::ALL.into_iter().map(|(_, kind)| Self::Claim(kind));
        claims.chain([Self::Oms, Self::Pep740]).find(|evidence| evidence.word() == word)
    }

    /// The word for it in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Oms => "oms",
            Self::Pep740 => "pep740",
            Self::Claim(kind) => kind.word(),
        }
    }

    /// Whether it may itself state when it was made.
    pub fn states_a_time(self) -> bool {
        matches!(self, Self::Claim(kind) if kind.states_a_time())
    }
}

/// What becomes of a model without any signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsigned {
    /// It is refused.
    Refuse,
    /// It is taken, with a warning.
    Warn,
    /// The lock decides.
    Pin,
}

impl Unsigned {
    /// All.
    pub const ALL: [Self; 3] = [Self::Refuse, Self::Warn, Self::Pin];

    /// The word for it in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Warn => "warn",
            Self::Pin => "pin",
        }
    }
}

/// What is wrong with a policy, where, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyError {
    /// The file as it was named to [`Policy::read`].
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, without place and without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.message)
    }
}

impl std::error::Error for PolicyError {}

impl Policy {
    /// The rule for a model that is known by any of these names: of those that match, the one with the longest pattern
    /// ([`PlacePattern::longer`]).
    ///
    /// # Errors
    /// Two rules that match and are equally long.
    pub fn rule_for(&self, places: &[Place]) -> Result<Option<&Rule>, (&Rule, &Rule)> {
        let mut longest: Option<&Rule> = None;
        let mut equal: Option<&Rule> = None;
        for rule in &self.rules {
            if !places.iter().any(|place| rule.matches.matches(place)) {
                continue;
            }
            match longest.map(|longest| rule.matches.longer(&longest.matches)) {
                Some(std::cmp::Ordering::Less) => {}
                Some(std::cmp::Ordering::Equal) => equal = Some(rule),
                None | Some(std::cmp::Ordering::Greater) => (longest, equal) = (Some(rule), None),
            }
        }
        match (longest, equal) {
            (Some(longest), Some(equal)) => Err((longest, equal)),
            (longest, _) => Ok(longest),
        }
    }

    /// Pairs of rules of which the first never applies, because the second matches everything that it does and is longer.
    pub fn never_met(&self) -> Vec<(&Rule, &Rule)> {
        // A longer pattern has at least the letters of the other one, and one that matches all the same paths has no
        // others: what remains are different spellings of the same wildcards.
        let mut by_meaning: std::collections::BTreeMap<Vec<String>, &Rule> =
            std::collections::BTreeMap::new();
        let mut pairs = Vec::new();
        for rule in &self.rules {
            let Some(other) = by_meaning.insert(rule.matches.meaning(), rule) else { continue };
            if rule.matches.longer(&other.matches).is_gt() {
                pairs.push((other, rule));
            } else {
                by_meaning.insert(other.matches.meaning(), other);
                pairs.push((rule, other));
            }
        }
        pairs
    }
}
