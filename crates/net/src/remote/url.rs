//! Addresses that may be fetched from: `https`, and plain `http` only on this machine.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::RemoteError;

/// An absolute address (RFC 3986) without user, password and fragment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Url {
    secure: bool,
    /// Host in lower case, with the port where one is named. Shared, since a page names thousands of files of one host.
    authority: Arc<str>,
    /// Path and query; begins with `/`.
    path: String,
}

impl Url {
    /// Reads an address.
    pub(crate) fn parse(text: &str) -> Result<Self, RemoteError> {
        let wrong =
            |reason| RemoteError::Address { url: without_query(text).escape_default().to_string(), reason };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let secure = scheme.eq_ignore_ascii_case("https");
        if !secure && !scheme.eq_ignore_ascii_case("http") {
            return Err(wrong("only `https` is fetched, and `http` on this machine"));
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(wrong("it holds a user name or a password"));
        }
        let authority = authority.to_ascii_lowercase();
        let host = host(&authority).ok_or_else(|| wrong("it names no host"))?;
        if !secure && !is_this_machine(host) {
            return Err(wrong("an open connection leads only to this machine"));
        }
        let path = path.split('#').next().unwrap_or_default();
        let mut encoded = String::with_capacity(path.len().saturating_add(1));
        if !path.starts_with('/') {
            encoded.push('/');
        }
        encode_path(path, &mut encoded);
        Ok(Self { secure, authority: authority.into(), path: encoded })
    }

    /// The address to which an answer from this one leads (RFC 3986, section 5.2, as far as servers use it).
    pub(crate) fn join(&self, location: &str) -> Result<Self, RemoteError> {
        let joined = if location.contains("://") {
            Self::parse(location)?
        } else if let Some(rest) = location.strip_prefix("//") {
            Self::parse(&format!("{}://{rest}", self.scheme()))?
        } else if location.starts_with('/') {
            Self::parse(&format!("{}{location}", self.origin()))?
        } else {
            let path = self.path.split('?').next().unwrap_or_default();
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            Self::parse(&format!("{}{}", self.origin(), without_dots(&format!("{folder}/{location}"))))?
        };
        if self.secure && !joined.secure {
            return Err(RemoteError::Address {
                url: joined.to_string(),
                reason: "a secure address leads to an open connection",
            });
        }
        Ok(joined)
    }

    /// This address with more names below it, each encoded.
    pub(crate) fn below<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut path = self.path.trim_end_matches('/').to_owned();
        for name in names {
            path.push('/');
            path.push_str(&encode(name));
        }
        Self { path, ..self.clone() }
    }

    /// This address with more at the end of its path.
    pub(crate) fn with_suffix(&self, suffix: &str) -> Self {
        let (path, query) =
            self.path.split_once('?').map_or((self.path.as_str(), None), |(path, query)| (path, Some(query)));
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        Self { path: format!("{path}{suffix}{query}"), ..self.clone() }
    }

    /// This address with a query.
    pub(crate) fn query(&self, query: &str) -> Self {
        Self { path: format!("{}?{query}", self.path), ..self.clone() }
    }

    /// Scheme, host and port: who answers.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme(), self.authority)
    }

    /// Host and port, path, and query: what is signed.
    pub(crate) fn parts(&self) -> (&str, &str, &str) {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        (&self.authority, path, query)
    }

    /// The last name of the path, decoded; empty if there is none.
    pub(crate) fn name(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        decode(path.rsplit('/').next().unwrap_or_default())
    }

    /// The whole address, as it is sent.
    pub(crate) fn as_sent(&self) -> String {
        format!("{}{}", self.origin(), self.path)
    }

    fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}

/// Addresses in a document, most of which begin as the one before: that part of them is read once.
pub(crate) struct Links<'base> {
    base: &'base Url,
    /// Scheme, host and port as they are written, and the address that they were in.
    last: Option<(String, Url)>,
}

impl<'base> Links<'base> {
    /// Those of a document at this address, or that says that they begin there.
    pub(crate) fn new(base: &'base Url) -> Self {
        Self { base, last: None }
    }

    /// What [`Url::join`] says.
    pub(crate) fn join(&mut self, location: &str) -> Result<Url, RemoteError> {
        if let Some((begin, url)) = &self.last
            && let Some(path) = location.strip_prefix(begin.as_str()).filter(|path| path.starts_with('/'))
        {
            let mut encoded = String::with_capacity(path.len());
            encode_path(path.split('#').next().unwrap_or_default(), &mut encoded);
            return Ok(Url { path: encoded, ..url.clone() });
        }
        let url = self.base.join(location)?;
        if let Some((scheme, rest)) = location.split_once("://")
            && let Some(end) = rest.find(['/', '?', '#'])
        {
            let begin = scheme.len().saturating_add("://".len()).saturating_add(end);
            self.last = location.get(..begin).map(|begin| (begin.to_owned(), url.clone()));
        }
        Ok(url)
    }
}

/// Without the query, which may hold a signature.
impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", self.origin(), without_query(&self.path))
    }
}

/// Adds a path, encoded where a request line cannot hold it; a browser would do so as well.
fn encode_path(path: &str, encoded: &mut String) {
    let is_plain = |byte: u8| {
        matches!(byte, 0x21..=0x7e)
            && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
    };
    if path.bytes().all(is_plain) {
        return encoded.push_str(path);
    }
    for byte in path.bytes() {
        if is_plain(byte) { encoded.push(char::from(byte)) } else { escape(encoded, byte) }
    }
}

/// A path without the steps `.` and `..`, which a browser would take before it asks (RFC 3986, section 5.2.4).
fn without_dots(path: &str) -> String {
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let (path, rest) = path.split_at(end);
    let mut steps: Vec<&str> = Vec::new();
    for step in path.split('/').skip(1) {
        match step {
            "." => {}
            ".." => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        steps.push("");
    }
    format!("/{}{rest}", steps.join("/"))
}

fn without_query(text: &str) -> &str {
    text.split(['?', '#']).next().unwrap_or_default()
}

fn escape(out: &mut String, byte: u8) {
    // Writing to a `String` cannot fail.
    let _ = write!(out, "%{byte:02X}");
}

/// A name with everything encoded but unreserved characters (RFC 3986, section 2.3).
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            escape(&mut encoded, byte);
        }
    }
    encoded
}

/// Undoes the encoding of a name; what is none stays as it is.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits =
            tail.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The host of an authority that is written as one.
fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some(""))?)
        }
        None => {
            let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            (!host.is_empty() && host.bytes().all(is_name)).then_some((host, port))?
        }
    };
    (port.is_empty() || port.parse::<u16>().is_ok()).then_some(host)
}

/// Whether a host is this machine whatever the name service says; names go through the name service, so none is.
fn is_this_machine(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.octets()[0] == Ipv4Addr::LOCALHOST.octets()[0],
        Ok(IpAddr::V6(address)) => address.is_loopback(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_addresses_are_addresses() {
        for (text, expected) in [
            ("https://Example.org", "https://example.org/"),
            ("https://example.org:8443/a b/ü?x=1#f", "https://example.org:8443/a%20b/%C3%BC?x=1"),
            ("HTTPS://example.org?x", "https://example.org/?x"),
            ("http://127.0.0.1:80/x", "http://127.0.0.1:80/x"),
            ("http://127.9.9.9/x", "http://127.9.9.9/x"),
            ("http://[::1]:80/x", "http://[::1]:80/x"),
        ] {
            assert_eq!(Url::parse(text).unwrap().as_sent(), expected);
        }
        for text in [
            "example.org/x",
            "ftp://example.org/x",
            "file:///etc/passwd",
            "https:///x",
            "https://user:secret@example.org/",
            "https://127.0.0.1@example.org/",
            "https://exa mple.org/",
            "https://example.org:99999/",
            "https://[::1/",
            "https://[::1]x/",
            "http://example.org/x",
            "http://localhost/x",
            "http://127.0.0.1.example.org/x",
            "http://169.254.169.254/latest",
            "http://[::2]/x",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
        let error = Url::parse("http://example.org/x?token=secret").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn redirects_lead_where_the_server_says_but_never_into_the_open() {
        let from = Url::parse("https://hub.example/org/name/file?x=1").unwrap();
        let sent = |location: &str| from.join(location).map(|url| url.as_sent());
        assert_eq!(sent("https://cdn.example/a?s=1").unwrap(), "https://cdn.example/a?s=1");
        assert_eq!(sent("//cdn.example/a").unwrap(), "https://cdn.example/a");
        assert_eq!(sent("/b").unwrap(), "https://hub.example/b");
        assert_eq!(sent("c").unwrap(), "https://hub.example/org/name/c");
        assert_eq!(sent("../../d/./e?f=../g#h").unwrap(), "https://hub.example/d/e?f=../g");
        assert_eq!(sent("../../../../d/..").unwrap(), "https://hub.example/");
        for location in ["http://127.0.0.1/a", "http://cdn.example/a", "ftp://cdn.example/a"] {
            assert!(sent(location).is_err(), "{location}");
        }
    }

    #[test]
    fn links_are_joined_as_each_by_itself() {
        let base = Url::parse("https://index.example/simple/a/").unwrap();
        let mut links = Links::new(&base);
        for location in [
            "https://Files.example/a/b.whl#sha256=1",
            "https://Files.example/a b.whl",
            "https://Files.example:80/a",
            "https://Files.example.org/a",
            "https://Files.example.org",
            "https://files.example.org/a/../b?c#d",
            "../../b.whl",
            "/c",
            "//other.example/c",
            "c?d=https://x.example/e",
            "c?d=https://x.example/f",
            "http://files.example/a",
            "https://user@files.example/a",
            "https://user@files.example/b",
            "ftp://files.example/a",
            "ftp://files.example/b",
            "https://Files.example/a",
        ] {
            assert_eq!(links.join(location), base.join(location), "{location}");
        }
    }

    #[test]
    fn names_are_encoded_and_decoded() {
        let base = Url::parse("https://hub.example/api/").unwrap();
        let url = base.below(["refs/pr/1", "a b?", "ü"]);
        assert_eq!(url.as_sent(), "https://hub.example/api/refs%2Fpr%2F1/a%20b%3F/%C3%BC");
        assert_eq!(url.name(), "ü");
        assert_eq!(decode("a%2"), "a%2");
        assert_eq!(decode("%zz%41"), "%zzA");
    }
}
