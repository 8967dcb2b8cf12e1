//! Where a package comes from, by a URL, a repository or a path as manifests write them.
//!
//! Forms: direct references of PEP 440/508, `pip`'s VCS URLs (`git+https://host/repository@reference#egg=name`), file
//! URLs and paths. Credentials never leave this module.

use weighbridge_advisory::pep440::Version;
use weighbridge_core::digest::Digest;
use weighbridge_core::fact::Origin;
use weighbridge_core::name::PackageName;

/// Endings of files that an installer unpacks.
const ARCHIVES: [&str; 9] =
    [".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar"];

/// A place to get a package from, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Located {
    /// The place.
    pub(super) origin: Origin,
    /// What `#egg=` says: a name, perhaps with extras in brackets.
    pub(super) egg: Option<String>,
    /// The digest of `#sha256=`.
    pub(super) digests: Vec<Digest>,
}

/// The package that a place seems to hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Named {
    pub(super) name: PackageName,
    pub(super) version: Option<String>,
    /// The file name is that of a wheel, which must tell the truth to be installed; otherwise it is a guess.
    pub(super) certain: bool,
}

/// Takes a URL apart. `editable` matters for paths only.
pub(super) fn locate(url: &str, editable: bool) -> Located {
    let (address, fragment) = url.split_once('#').unwrap_or((url, ""));
    let field = |key: &str| {
        fragment
            .split('&')
            .find_map(|pair| pair.split_once('=').filter(|(name, _)| *name == key))
            .map(|(_, v)| v)
    };
    let egg = field("egg").map(percent_decoded).filter(|egg| !egg.is_empty());
    let digests: Vec<Digest> = field("sha256").and_then(|hex| hex.parse().ok()).into_iter().collect();
    let strong =
        ["sha256", "sha384", "sha512"].iter().any(|key| field(key).is_some_and(|hex| !hex.is_empty()));
    let origin = match repository(address) {
        Some(address) => {
            let (url, reference) = split_reference(address);
            let pinned = reference.is_some_and(is_commit);
            let url = without_credentials(url);
            Origin::Vcs { url, reference: reference.map(str::to_owned), pinned }
        }
        None => match file_path(address) {
            Some(path) => Origin::Path { path, editable },
            None => Origin::Url { url: without_credentials(address), pinned: strong },
        },
    };
    Located { origin, egg, digests }
}

/// A path as a place.
pub(super) fn local(path: &str, editable: bool) -> Located {
    let (path, fragment) = path.split_once("#egg=").unwrap_or((path, ""));
    let egg = fragment.split('&').next().filter(|egg| !egg.is_empty()).map(str::to_owned);
    Located { origin: Origin::Path { path: path.to_owned(), editable }, egg, digests: Vec::new() }
}

/// Whether the text begins like a URL or a repository, not like a path or a package name.
pub(super) fn is_url(text: &str) -> bool {
    let lower = text.get(..12).unwrap_or(text).to_ascii_lowercase();
    text.contains("://") && !text.split("://").next().is_some_and(|scheme| scheme.contains([' ', '@', '/']))
        || lower.starts_with("file:")
        || lower.starts_with("git+")
}

/// Whether the text names a file or folder: by its form, as the disk is not asked.
pub(super) fn is_path(text: &str) -> bool {
    let drive = text.get(1..3).is_some_and(|colon| colon == ":\\" || colon == ":/");
    text.starts_with(['.', '/', '~', '\\']) || drive || text.contains(['/', '\\']) || is_archive(text)
}

/// Whether the text ends like a file that an installer unpacks.
pub(super) fn is_archive(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    ARCHIVES.iter().any(|ending| lower.ends_with(ending))
}

/// Whether the text is a full commit id (SHA-1 or SHA-256), which names one state for ever.
pub(super) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The URL without user name and password.
pub(super) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        // `git@host:path`, the form of `scp`.
        return match url.split_once('@') {
            Some((user, rest)) if !user.contains(['/', ':']) => rest.to_owned(),
            _ => url.to_owned(),
        };
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// The path of a `file:` URL.
pub(super) fn file_path(url: &str) -> Option<String> {
    let rest =
        url.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("file:")).and_then(|_| url.get(5..))?;
    let rest =
        rest.strip_prefix("//localhost/").map_or(rest, |_| rest.strip_prefix("//localhost").unwrap_or(rest));
    Some(percent_decoded(rest.strip_prefix("//").unwrap_or(rest)))
}

/// The package that the place seems to hold: the name of a wheel or source archive, else of the repository.
pub(super) fn named(origin: &Origin) -> Option<Named> {
    let guess = |name: &str, version: Option<&str>| {
        let name = PackageName::new(name).ok()?;
        Some(Named { name, version: version.map(str::to_owned), certain: false })
    };
    match origin {
        Origin::Index | Origin::System => None,
        Origin::Vcs { url, .. } => {
            let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
            let last = path.rsplit(['/', ':']).next().unwrap_or_default();
            guess(last.strip_suffix(".git").unwrap_or(last), None)
        }
        // A folder's name says too little about the package in it: it may be `src` or `python`.
        Origin::Path { path, .. } if !is_archive(path) => None,
        Origin::Url { url: path, .. } | Origin::Path { path, .. } => {
            let path = path.split(['?', '#']).next().unwrap_or_default();
            let file = percent_decoded(path.rsplit(['/', '\\']).next().unwrap_or_default());
            if file.to_ascii_lowercase().ends_with(".whl") {
                return wheel(&file);
            }
            // `https://host/owner/repository/archive/v1.0.zip` is named after the revision.
            let folders: Vec<&str> = path.split('/').collect();
            if let Some([repository, "archive", ..]) =
                folders.windows(2).find(|pair| pair.last() == Some(&"archive"))
            {
                return guess(repository, None);
            }
            let lower = file.to_ascii_lowercase();
            let ending = ARCHIVES.iter().find(|ending| lower.ends_with(**ending))?;
            let stem = file.get(..file.len().checked_sub(ending.len())?)?;
            match stem.rsplit_once('-').filter(|(_, version)| Version::parse(version).is_ok()) {
                Some((name, version)) => guess(name, Some(version)),
                None => guess(stem, None).filter(|_| Version::parse(stem).is_err()),
            }
        }
    }
}

/// Name and version in the file name of a wheel (binary distribution format, *File name convention*).
pub(super) fn wheel(file: &str) -> Option<Named> {
    let stem = file.get(..file.len().checked_sub(4)?)?;
    let parts: Vec<&str> = stem.split('-').collect();
    let [name, version, _, ..] = parts.as_slice() else { return None };
    if !(5..=6).contains(&parts.len()) {
        return None;
    }
    Version::parse(version).ok()?;
    Some(Named { name: PackageName::new(name).ok()?, version: Some((*version).to_owned()), certain: true })
}

/// The address of a repository, if the URL is one. `git+` goes without saying; other systems keep their prefix.
fn repository(address: &str) -> Option<&str> {
    if let Some(rest) = address.strip_prefix("git+") {
        return Some(rest);
    }
    let other = ["hg+", "svn+", "bzr+", "git://"].iter().any(|prefix| address.starts_with(prefix));
    (other || (address.starts_with("git@") && address.contains(':'))).then_some(address)
}

/// Cuts `@reference` off the path.
fn split_reference(address: &str) -> (&str, Option<&str>) {
    let path_at = match address.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.find('/').unwrap_or(rest.len());
            scheme.len().saturating_add(3).saturating_add(host)
        }
        None => address.find(':').unwrap_or(0),
    };
    let path = address.get(path_at..).unwrap_or_default();
    match path.rsplit_once('@') {
        Some((before, reference)) => {
            let end = path_at.saturating_add(before.len());
            (address.get(..end).unwrap_or(address), Some(reference).filter(|text| !text.is_empty()))
        }
        None => (address, None),
    }
}

/// The text with `%XX` replaced; bytes that are not UTF-8 become the replacement character.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let pair = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let value =
            pair.filter(|pair| !pair.starts_with('+')).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match value.filter(|_| *byte == b'%') {
            Some(value) => {
                bytes.push(value);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "4eec05349977071bf67fc072290b95e31c8dd836";

    #[test]
    fn places_are_taken_apart_and_lose_their_credentials() {
        let check = |url: &str, expected: &str| {
            let located = locate(url, false);
            let origin = match &located.origin {
                Origin::Index => "index".to_owned(),
                Origin::System => "system".to_owned(),
                Origin::Url { url, pinned } => format!("url {url} {pinned}"),
                Origin::Vcs { url, reference, pinned } => format!("vcs {url} {reference:?} {pinned}"),
                Origin::Path { path, .. } => format!("path {path}"),
            };
            let egg = located.egg.map_or(String::new(), |egg| format!(" egg={egg}"));
            assert_eq!(format!("{origin}{egg}"), expected, "{url}");
        };
        check("https://u:p@h.example/a.whl", "url https://h.example/a.whl false");
        check("https://${USER}:${T}@h.example/a.whl", "url https://h.example/a.whl false");
        check(
            &format!("https://h.example/a.whl#sha256={}", "0".repeat(64)),
            "url https://h.example/a.whl true",
        );
        check(
            "git+https://h.example/o/r.git@main#egg=r",
            "vcs https://h.example/o/r.git Some(\"main\") false egg=r",
        );
        check(
            &format!("git+https://h.example/o/r@{COMMIT}"),
            &format!("vcs https://h.example/o/r Some(\"{COMMIT}\") true"),
        );
        check("git+ssh://git@h.example/o/r.git", "vcs ssh://h.example/o/r.git None false");
        check("git+ssh://git@h.example:22/o/r.git@v1", "vcs ssh://h.example:22/o/r.git Some(\"v1\") false");
        check("git@h.example:o/r.git", "vcs h.example:o/r.git None false");
        check("hg+https://h.example/r@tip", "vcs hg+https://h.example/r Some(\"tip\") false");
        check("git+https://tok@h.example", "vcs https://h.example None false");
        check("file:///a%20b/c", "path /a b/c");
        check("file://localhost/a", "path /a");
        check(
            "git+https://h.example/r#subdirectory=x&egg=r%5Bz%5D",
            "vcs https://h.example/r None false egg=r[z]",
        );
    }

    #[test]
    fn file_names_name_packages() {
        let check = |url: &str, expected: Option<(&str, Option<&str>)>| {
            let found = named(&locate(url, false).origin);
            let found = found.as_ref().map(|named| (named.name.as_str(), named.version.as_deref()));
            assert_eq!(found, expected, "{url}");
        };
        check(
            "https://h.example/torch-1.8.1%2Bcpu-cp37-cp37m-linux_x86_64.whl",
            Some(("torch", Some("1.8.1+cpu"))),
        );
        check("https://h.example/my_pkg-2.0.tar.gz", Some(("my-pkg", Some("2.0"))));
        check("https://h.example/kfp.tar.gz", Some(("kfp", None)));
        check("https://h.example/o/r/archive/v1.0.zip", Some(("r", None)));
        check("https://h.example/o/r/archive/refs/tags/v1.0.tar.gz", Some(("r", None)));
        check("https://h.example/1.0.zip", None);
        check("https://h.example/page", None);
        check("git+https://h.example/o/lm_dataformat.git@main", Some(("lm-dataformat", None)));
        check("file:///src/python", None);
        check("https://h.example/x.whl", None);
    }
}
