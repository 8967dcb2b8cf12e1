//! Package URLs (purl-spec, ECMA-427): the identity of a component.
//!
//! A type whose rules cannot be met yields no purl rather than an invented one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::ecosystem::Ecosystem;
use crate::name::PackageName;

/// A canonical package URL. Orders and compares by its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    text: Arc<str>,
    /// Where the version begins in `text`, after the `@`.
    version_at: Option<usize>,
    /// Where the qualifiers begin in `text`, at the `?`.
    qualifiers_at: Option<usize>,
}

/// What of a package of Debian or Alpine decides which data speak of it: the release, and the source package. (What tools write
/// of RPMs inside wheels is left out: two wheels carry the same package, whoever wrote its URL.)
const DECISIVE: [&str; 2] = ["distro", "upstream"];

impl Purl {
    /// `pkg:pypi/NAME@VERSION`; without a version the package itself, whichever version it will be.
    pub fn pypi(name: &PackageName, version: Option<&str>) -> Self {
        Self::new(Ecosystem::PyPi, "", name, version)
    }

    /// `pkg:TYPE/NAMESPACE/NAME@VERSION`. The namespace of a system package is its distribution (`almalinux`); the
    /// others have none, which is empty.
    pub fn new(ecosystem: Ecosystem, namespace: &str, name: &PackageName, version: Option<&str>) -> Self {
        let kind = ecosystem.purl_type();
        let mut text = String::with_capacity(64);
        text.push_str("pkg:");
        text.push_str(kind);
        text.push('/');
        if !namespace.is_empty() {
            percent_encode(namespace, &mut text);
            text.push('/');
        }
        percent_encode(name.as_str(), &mut text);
        let version_at = version.map(|version| {
            text.push('@');
            let at = text.len();
            percent_encode(version, &mut text);
            at
        });
        Self { text: text.into(), version_at, qualifiers_at: None }
    }

    /// The same with these qualifiers, in place of any that it has.
    #[must_use]
    pub fn with(&self, qualifiers: &[(&str, &str)]) -> Self {
        let mut text =
            self.text.get(..self.qualifiers_at.unwrap_or(self.text.len())).unwrap_or_default().to_owned();
        let mut sorted: Vec<&(&str, &str)> =
            qualifiers.iter().filter(|(_, value)| !value.is_empty()).collect();
        sorted.sort();
        let qualifiers_at = (!sorted.is_empty()).then_some(text.len());
        for (at, (key, value)) in sorted.into_iter().enumerate() {
            text.push(if at == 0 { '?' } else { '&' });
            text.push_str(key);
            text.push('=');
            percent_encode(value, &mut text);
        }
        Self { text: text.into(), version_at: self.version_at, qualifiers_at }
    }

    /// The value of a qualifier.
    pub fn qualifier(&self, key: &str) -> Option<String> {
        let qualifiers = self.text.get(self.qualifiers_at?.checked_add(1)?..)?;
        let value = |pair: &str| {
            pair.split_once('=').filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
        };
        percent_decode(&qualifiers.split('&').find_map(value)?)
    }

    /// Reads a package URL that somebody else wrote: its ecosystem and name, and the canonical purl of these with its
    /// namespace and version. The subpath is left out, and so are qualifiers but those that decide which data speak of a package
    /// of Debian or Alpine. None if it is none, of a type that is not known
    /// here, or breaks the rules of its type.
    ///
    /// Source: purl-spec, *How to parse a purl string in its components*.
    pub fn parse(text: &str) -> Option<(Ecosystem, PackageName, Self)> {
        let rest = text.strip_prefix("pkg:")?.trim_start_matches('/').split('#').next()?;
        let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, rest) = rest.split_once('/')?;
        let ecosystem = Ecosystem::of_purl_type(kind)?;
        let (path, version) = match rest.rsplit_once('@') {
            Some((path, version)) => (path, Some(percent_decode(version)?)),
            None => (rest, None),
        };
        let (namespace, name) = match path.trim_end_matches('/').rsplit_once('/') {
            Some((namespace, name)) => (percent_decode(namespace)?.to_ascii_lowercase(), name),
            None => (String::new(), path),
        };
        let name = PackageName::of(ecosystem, &percent_decode(name)?).ok()?;
        let version = version.filter(|version| !version.is_empty());
        let mut purl = Self::new(ecosystem, &namespace, &name, version.as_deref());
        if matches!(ecosystem, Ecosystem::Deb | Ecosystem::Apk) {
            let decoded = |pair: &str| {
                let (key, value) = pair.split_once('=')?;
                let known = DECISIVE.into_iter().find(|known| known.eq_ignore_ascii_case(key))?;
                Some((known, percent_decode(value)?))
            };
            let kept: BTreeMap<&str, String> = qualifiers.split('&').filter_map(decoded).collect();
            let kept: Vec<(&str, &str)> = kept.iter().map(|(key, value)| (*key, value.as_str())).collect();
            purl = purl.with(&kept);
        }
        Some((ecosystem, name, purl))
    }

    /// The ecosystem of its type.
    pub fn ecosystem(&self) -> Option<Ecosystem> {
        Self::ecosystem_of(&self.text)
    }

    /// The ecosystem of a package URL that somebody else wrote; the rest of it may be anything.
    pub fn ecosystem_of(text: &str) -> Option<Ecosystem> {
        let (kind, _) = text.strip_prefix("pkg:")?.trim_start_matches('/').split_once('/')?;
        Ecosystem::of_purl_type(kind)
    }

    /// The part between type and name, such as `almalinux`; empty if there is none.
    pub fn namespace(&self) -> &str {
        let path = self.without_version();
        let path = path.split_once('/').map_or("", |(_, path)| path);
        path.rsplit_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text without version and qualifiers: what stays the same when the package is updated.
    pub fn without_version(&self) -> &str {
        let end = self.version_at.map(|at| at.saturating_sub(1)).or(self.qualifiers_at);
        end.and_then(|at| self.text.get(..at)).unwrap_or(&self.text)
    }

    /// The version, as it is written outside of a package URL.
    pub fn version(&self) -> Option<String> {
        percent_decode(self.text.get(self.version_at?..self.qualifiers_at.unwrap_or(self.text.len()))?)
    }

    /// Whether it has neither namespace nor qualifiers: type, name and version are all of it.
    pub fn is_plain(&self) -> bool {
        self.qualifiers_at.is_none() && self.namespace().is_empty()
    }

    /// Whether a version is named.
    pub fn has_version(&self) -> bool {
        self.version_at.is_some()
    }
}

/// Encodes all but the characters that purl-spec leaves as they are in a component (unreserved and `:`).
fn percent_encode(component: &str, out: &mut String) {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_~:".contains(byte);
    if component.as_bytes().iter().all(is_plain) {
        return out.push_str(component);
    }
    for byte in component.bytes() {
        if is_plain(&byte) {
            out.push(char::from(byte));
            continue;
        }
        out.push('%');
        for nibble in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase());
        }
    }
}

/// Undoes [`percent_encode`]; none where what comes out is no text.
fn percent_decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(bytes).ok()
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
    fn foreign_purls_become_canonical_or_nothing() {
        for (text, expected) in [
            ("pkg:rpm/AlmaLinux/libxcb@1.13.1-1.el8?arch=x86_64", "pkg:rpm/almalinux/libxcb@1.13.1-1.el8"),
            ("pkg:rpm/centos/libstdc%2B%2B@8.5.0", "pkg:rpm/centos/libstdc%2B%2B@8.5.0"),
            ("pkg:pypi/Ruamel.YAML@1.0%2Bcu118#sub", "pkg:pypi/ruamel-yaml@1.0%2Bcu118"),
            ("pkg:generic/openssl@1.1.1w", "pkg:generic/openssl@1.1.1w"),
            ("pkg:cargo/serde_json@1.0.1", "pkg:cargo/serde_json@1.0.1"),
            ("pkg://conda/numpy", "pkg:conda/numpy"),
        ] {
            assert_eq!(Purl::parse(text).unwrap().2.as_str(), expected);
        }
        for text in
            ["", "pkg:", "pkg:pypi", "pkg:pypi/", "pkg:maven/a/b@1", "npm/a", "pkg:pypi/a%zz", "pkg:pypi/ä"]
        {
            assert!(Purl::parse(text).is_none(), "{text:?}");
        }
        let (ecosystem, _, purl) = Purl::parse("pkg:deb/debian/zlib1g@1:1.2.13%2Bdfsg").unwrap();
        assert_eq!(purl.version().as_deref(), Some("1:1.2.13+dfsg"));
        assert_eq!(Purl::parse("pkg:conda/numpy").unwrap().2.version(), None);
        assert_eq!(
            (ecosystem, purl.ecosystem(), purl.namespace()),
            (Ecosystem::Deb, Some(Ecosystem::Deb), "debian")
        );
    }

    #[test]
    fn qualifiers_say_which_data_speak_of_a_package() {
        let text =
            "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?upstream=openssl%403.0.11&arch=amd64&Distro=debian-12";
        let (_, name, purl) = Purl::parse(text).unwrap();
        assert_eq!(
            purl.as_str(),
            "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?distro=debian-12&upstream=openssl%403.0.11"
        );
        assert_eq!(purl.version().as_deref(), Some("3.0.11-1~deb12u2"));
        assert_eq!(purl.qualifier("upstream").as_deref(), Some("openssl@3.0.11"));
        assert_eq!(purl.qualifier("arch"), None);
        assert_eq!(purl.without_version(), "pkg:deb/debian/libssl3");
        assert_eq!((purl.namespace(), purl.has_version()), ("debian", true));
        assert_eq!(purl.with(&[("distro", "")]).as_str(), "pkg:deb/debian/libssl3@3.0.11-1~deb12u2");
        let nothing = Purl::new(Ecosystem::Apk, "alpine", &name, None).with(&[("distro", "a b")]);
        assert_eq!(nothing.as_str(), "pkg:apk/alpine/libssl3?distro=a%20b");
        assert_eq!((nothing.without_version(), nothing.version()), ("pkg:apk/alpine/libssl3", None));
        let (_, _, again) = Purl::parse(purl.as_str()).unwrap();
        assert_eq!(again, purl);
    }

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
