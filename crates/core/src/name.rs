//! Names of packages and extras, compared as their ecosystems compare them.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::ecosystem::Ecosystem;

/// A package or extra name, normalised by the rules of its ecosystem.
///
/// For Python: lower case, runs of `-`, `_` and `.` become one `-` (simple repository API, PEP 503; extras, PEP 685).
/// For the others, see [`PackageName::of`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName(Arc<str>);

/// A text that cannot name a package.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not a package name")]
pub struct NameError(pub String);

impl PackageName {
    /// Normalises `text` as the name of a Python package.
    ///
    /// # Errors
    /// When `text` holds anything but ASCII letters, digits, `-`, `_` and `.`, or does not begin and end with a
    /// letter or digit (core metadata specification, *Name*).
    pub fn new(text: &str) -> Result<Self, NameError> {
        let edge = |character: Option<char>| character.is_some_and(|c| c.is_ascii_alphanumeric());
        let inner = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        if !edge(text.chars().next()) || !edge(text.chars().next_back()) || !text.chars().all(inner) {
            return Err(NameError(text.to_owned()));
        }
        let mut normalised = String::with_capacity(text.len());
        for character in text.chars() {
            if character.is_ascii_alphanumeric() {
                normalised.push(character.to_ascii_lowercase());
            } else if !normalised.ends_with('-') {
                normalised.push('-');
            }
        }
        Ok(Self(normalised.into()))
    }

    /// Normalises `text` as the name of a package of `ecosystem`: Python names as [`PackageName::new`] does, those of
    /// conda, Debian, Alpine and of libraries in lower case (purl-spec, types), those of Red Hat and of crates as they are.
    ///
    /// # Errors
    /// When `text` is empty, longer than 256 bytes, or holds anything but ASCII letters, digits, `-`, `_`, `.` and `+`.
    pub fn of(ecosystem: Ecosystem, text: &str) -> Result<Self, NameError> {
        if ecosystem == Ecosystem::PyPi {
            return Self::new(text);
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
        if text.is_empty() || text.len() > 256 || !text.bytes().all(allowed) {
            return Err(NameError(text.to_owned()));
        }
        Ok(match ecosystem {
            Ecosystem::Rpm | Ecosystem::Cargo => Self(text.into()),
            _ => Self(text.to_ascii_lowercase().into()),
        })
    }

    /// The name of a Python package as which a text reads in which letters of other scripts stand for those they look like; none
    /// for a text without such letters, and for one with letters that look like nothing else.
    ///
    /// The letters are those of Unicode's *confusables* (UTS #39) that are written as one letter of ASCII.
    pub fn imitated(text: &str) -> Option<Self> {
        if text.is_ascii() {
            return None;
        }
        let letters =
            text.chars().map(|letter| if letter.is_ascii() { Some(letter) } else { looks_like(letter) });
        Self::new(&letters.collect::<Option<String>>()?).ok()
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The letter of ASCII that a letter of another script looks like.
fn looks_like(letter: char) -> Option<char> {
    Some(match letter {
        'а' | 'А' | 'α' | 'Α' | 'ɑ' => 'a',
        'В' | 'Β' | 'Ь' | 'ь' => 'b',
        'с' | 'С' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'Е' | 'Ε' => 'e',
        'ɡ' | 'ց' => 'g',
        'һ' | 'Н' | 'Η' => 'h',
        'і' | 'І' | 'ι' | 'Ι' | 'ı' => 'i',
        'ј' | 'Ј' => 'j',
        'к' | 'К' | 'κ' | 'Κ' => 'k',
        'ӏ' | 'Ӏ' => 'l',
        'м' | 'М' | 'Μ' => 'm',
        'ո' | 'Ν' => 'n',
        'о' | 'О' | 'ο' | 'Ο' | 'օ' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' => 'p',
        'ԛ' => 'q',
        'г' => 'r',
        'ѕ' | 'Ѕ' => 's',
        'т' | 'Т' | 'τ' | 'Τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ѡ' => 'w',
        'х' | 'Х' | 'χ' | 'Χ' => 'x',
        'у' | 'У' | 'γ' | 'ү' | 'Υ' => 'y',
        'Ζ' => 'z',
        '‐' | '‑' | '–' | '−' => '-',
        // The wide forms of East Asian type.
        '\u{ff10}'..='\u{ff5a}' => char::from_u32(u32::from(letter).checked_sub(0xfee0)?)?,
        _ => return None,
    })
}

impl fmt::Display for PackageName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for PackageName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

impl Borrow<str> for PackageName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A pattern of names of Python packages, as shells write them: `*` stands for any text, `?` for one character.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NamePattern(String);

impl NamePattern {
    /// Normalises the text as names are, but for its signs.
    ///
    /// # Errors
    /// When it holds what stands neither in names nor for a part of them.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.*?".contains(letter);
        if text.is_empty() || text.len() > 256 || !text.chars().all(allowed) {
            return Err(NameError(text.to_owned()));
        }
        Ok(Self(text.to_ascii_lowercase().replace(['_', '.'], "-")))
    }

    /// Whether a normalised name is one of those.
    pub fn matches(&self, name: &str) -> bool {
        let mut pieces = self.0.split('*');
        let fits = |piece: &str, at: &str| {
            piece.len() <= at.len()
                && piece.bytes().zip(at.bytes()).all(|(sign, letter)| sign == b'?' || sign == letter)
        };
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = name.get(first.len()..).filter(|_| fits(first, name)) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        // The leftmost place of each piece leaves the most for those behind it.
        for piece in pieces {
            let mut places = rest.char_indices().map(|(at, _)| rest.get(at..).unwrap_or_default());
            match places.find(|at| fits(piece, at)).and_then(|at| at.get(piece.len()..)) {
                Some(behind) => rest = behind,
                None if piece.is_empty() => {}
                None => return false,
            }
        }
        let end = rest.len().checked_sub(last.len()).and_then(|at| rest.get(at..));
        end.is_some_and(|end| fits(last, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_names() {
        for (pattern, matched, other) in [
            ("foo", "foo", "foo-bar"),
            ("Foo_*", "foo-bar", "foo"),
            ("*", "", "-"),
            ("*-internal", "a-internal", "a-internal-b"),
            ("a?c", "abc", "ac"),
            ("a*b*a", "a-b-b-a", "a-b"),
            ("a**b", "ab", "a"),
            ("ab*ba", "abba", "aba"),
        ] {
            let found = NamePattern::new(pattern).unwrap();
            assert!(found.matches(matched), "{pattern} {matched}");
            assert!(other == "-" || !found.matches(other), "{pattern} {other}");
        }
        for text in ["", "a b", "[ab]", "ä*"] {
            assert!(NamePattern::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn each_ecosystem_has_its_own_rules() {
        for (ecosystem, text, name) in [
            (Ecosystem::PyPi, "Ruamel_YAML", "ruamel-yaml"),
            (Ecosystem::Conda, "_libgcc_mutex", "_libgcc_mutex"),
            (Ecosystem::Rpm, "libstdc++", "libstdc++"),
            (Ecosystem::Rpm, "ImageMagick", "ImageMagick"),
            (Ecosystem::Cargo, "serde_json", "serde_json"),
            (Ecosystem::Native, "OpenSSL", "openssl"),
        ] {
            assert_eq!(PackageName::of(ecosystem, text).unwrap().as_str(), name);
        }
        for text in ["", "a b", "a/b", "ä"] {
            assert!(PackageName::of(Ecosystem::Native, text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn letters_of_other_scripts_read_as_names() {
        for (text, name) in [
            ("numpу", Some("numpy")),
            ("tоrch", Some("torch")),
            ("Ｔｏｒｃｈ", Some("torch")),
            ("scikit‑learn", Some("scikit-learn")),
            ("numpy", None),
            ("größe", None),
            ("数据", None),
            ("а b", None),
        ] {
            assert_eq!(PackageName::imitated(text).as_ref().map(PackageName::as_str), name, "{text}");
        }
    }

    #[test]
    fn names_are_normalised_or_refused() {
        for (text, name) in
            [("Django", "django"), ("ruamel.yaml", "ruamel-yaml"), ("a._-B", "a-b"), ("0", "0")]
        {
            assert_eq!(PackageName::new(text).unwrap().as_str(), name);
        }
        for text in ["", "-a", "a-", "a b", "ä", "a/b", "..", "a\n"] {
            assert!(PackageName::new(text).is_err(), "{text:?}");
        }
    }
}
