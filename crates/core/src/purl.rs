//! Package URLs (purl-spec, ECMA-427): the identity of a component.
//!
//! Only `pkg:pypi` is built so far. A type whose rules cannot be met yields no purl rather than an invented one.

use std::fmt;
use std::sync::Arc;

use crate::name::PackageName;

/// A canonical package URL. Orders and compares by its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    text: Arc<str>,
    /// Where the version begins in `text`, after the `@`.
    version_at: Option<usize>,
}

impl Purl {
    /// `pkg:pypi/NAME@VERSION`; without a version the package itself, whichever version it will be.
    pub fn pypi(name: &PackageName, version: Option<&str>) -> Self {
        let mut text = format!("pkg:pypi/{name}");
        let version_at = version.map(|version| {
            text.push('@');
            let at = text.len();
            percent_encode(version, &mut text);
            at
        });
        Self { text: text.into(), version_at }
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text without the version: what stays the same when the package is updated.
    pub fn without_version(&self) -> &str {
        self.version_at.and_then(|at| self.text.get(..at.saturating_sub(1))).unwrap_or(&self.text)
    }

    /// Whether a version is named.
    pub fn has_version(&self) -> bool {
        self.version_at.is_some()
    }
}

/// Encodes all but the characters that purl-spec leaves as they are in a component (unreserved and `:`).
fn percent_encode(component: &str, out: &mut String) {
    for byte in component.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
                out.push(char::from(byte))
            }
            _ => {
                out.push('%');
                for nibble in [byte >> 4, byte & 15] {
                    out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase());
                }
            }
        }
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl fmt::Debug for Purl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pypi_purls_are_canonical() {
        let name = PackageName::new("Ruamel_YAML").unwrap();
        let purl = Purl::pypi(&name, Some("1.0+cu118"));
        assert_eq!(purl.as_str(), "pkg:pypi/ruamel-yaml@1.0%2Bcu118");
        assert_eq!(purl.without_version(), "pkg:pypi/ruamel-yaml");
        assert_eq!(Purl::pypi(&name, None).without_version(), "pkg:pypi/ruamel-yaml");
        assert_eq!(Purl::pypi(&name, Some("1!2.0")).as_str(), "pkg:pypi/ruamel-yaml@1%212.0");
    }
}
