//! Names of Python packages and extras, compared as the index compares them.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// A package or extra name, normalised (lower case, runs of `-`, `_` and `.` become one `-`).
///
/// Source: the name normalisation of the simple repository API (PEP 503) and of extras (PEP 685).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName(Arc<str>);

/// A text that cannot name a package.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not a package name")]
pub struct NameError(pub String);

impl PackageName {
    /// Normalises `text`.
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

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
