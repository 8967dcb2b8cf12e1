//! Pages of an index: the files of one project.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use weighbridge_core::digest::Digest;

use super::html;
use crate::remote::url::{Links, Url};

/// Most files of one project that are looked at. The largest project of the public index has some ten thousand.
const MOST_FILES: usize = 200_000;

/// What an index says of a project.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Project {
    /// Its normalised name.
    pub name: String,
    /// Which index says so; without user, password and query.
    pub index: String,
    /// Whether it is looked after.
    pub state: State,
    /// Why it is in that state, as the index says.
    pub reason: Option<String>,
    /// Its files, as the index lists them; several indexes one after the other.
    pub files: Vec<File>,
    /// How many files are left out, because their address is none that may be asked.
    pub left_out: usize,
}

/// The state of a project (PEP 792), the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// Nothing else is known.
    Active,
    /// Nothing new will come.
    Archived,
    /// It is obsolete, or superseded.
    Deprecated,
    /// It must not be installed.
    Quarantined,
}

/// A file that can be downloaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Its name, which holds version and tags.
    pub name: String,
    pub(crate) url: Url,
    /// Its SHA-256, where the index tells it.
    pub sha256: Option<Digest>,
    /// Its size in bytes, where the index tells it.
    pub size: Option<u64>,
    /// When it was uploaded, as the index writes it.
    pub uploaded: Option<String>,
    /// The versions of Python for which it is, as a specifier.
    pub requires_python: Option<String>,
    /// It was yanked (PEP 592), for this reason, which may be empty.
    pub yanked: Option<String>,
    /// Whether its metadata lies beside it.
    pub sidecar: Sidecar,
}

/// Whether the metadata of a file lies beside it (PEP 658, PEP 714).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sidecar {
    /// The index does not say so; it may lie there all the same.
    Unsaid,
    /// It does.
    There,
    /// It does, and has this SHA-256.
    Known(Digest),
}

impl Project {
    /// The version of one of its files, as the name of the file has it; none where that is no name of a wheel or a
    /// source distribution (*Binary distribution format*, *Source distribution file name*).
    pub fn version_of<'f>(&self, file: &'f File) -> Option<&'f str> {
        if let Some(stem) = file.name.strip_suffix(".whl") {
            return stem.split('-').nth(1);
        }
        let suffixes = [".tar.gz", ".zip", ".tar.bz2", ".tgz"];
        let stem = suffixes.iter().find_map(|suffix| file.name.strip_suffix(suffix))?;
        let mut parts = stem.match_indices('-').map(|(at, _)| stem.split_at(at));
        parts
            .find(|(name, _)| normalised(name) == self.name)
            .map(|(_, version)| version.trim_start_matches('-'))
    }

    /// Adds what a further index says. Of two files of one name that counts which was there first, and the worse state.
    pub(super) fn add(&mut self, other: Self) {
        let known: BTreeSet<String> = self.files.iter().map(|file| file.name.clone()).collect();
        self.files.extend(other.files.into_iter().filter(|file| !known.contains(&file.name)));
        self.left_out = self.left_out.saturating_add(other.left_out);
        if other.state > self.state {
            (self.state, self.reason) = (other.state, other.reason);
        }
    }
}

impl File {
    /// Its address, without user, password and query.
    pub fn address(&self) -> String {
        self.url.to_string()
    }
}

/// The kinds of pages that are understood, the best first, as a request names them.
pub(super) const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, \
                                 text/html;q=0.01";

/// Reads a page of this type from this address, which must be about the project with the normalised name `name`.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read(kind: &str, bytes: &[u8], at: &Url, name: &str) -> Result<Project, String> {
    let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let project = match media.as_str() {
        "application/vnd.pypi.simple.v1+json" => read_json(bytes, at, name)?,
        "application/vnd.pypi.simple.v1+html" | "text/html" => read_html(bytes, at, name)?,
        "" => return Err("it does not say of which type it is".to_owned()),
        other => return Err(format!("it is of the type `{}`", other.escape_default())),
    };
    if project.files.len() > MOST_FILES {
        return Err(format!("it lists more than {MOST_FILES} files"));
    }
    Ok(project)
}

#[derive(serde::Deserialize)]
struct Page<'page> {
    meta: Meta,
    name: String,
    #[serde(default, borrow)]
    files: Vec<Listed<'page>>,
    #[serde(default, rename = "project-status")]
    status: Option<Status>,
}

#[derive(serde::Deserialize)]
struct Meta {
    #[serde(rename = "api-version")]
    version: String,
    #[serde(default, rename = "project-status")]
    status: Option<serde_json::Value>,
    #[serde(default, rename = "project-status-reason")]
    reason: Option<String>,
}

#[derive(serde::Deserialize)]
struct Status {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

/// A file as a page has it. Pages of tens of megabytes are read whenever a project is asked for, so nothing is taken out
/// of them that is not used.
#[derive(serde::Deserialize)]
struct Listed<'page> {
    filename: String,
    #[serde(borrow)]
    url: Cow<'page, str>,
    #[serde(default, borrow)]
    hashes: Hashes<'page>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default, rename = "upload-time")]
    uploaded: Option<String>,
    #[serde(default, rename = "requires-python")]
    requires_python: Option<String>,
    #[serde(default)]
    yanked: Option<Flag>,
    #[serde(default, rename = "core-metadata")]
    sidecar: Option<Beside>,
    #[serde(default, rename = "dist-info-metadata")]
    old_sidecar: Option<Beside>,
}

/// The one digest that counts here.
#[derive(serde::Deserialize, Default)]
struct Hashes<'page> {
    #[serde(default, borrow)]
    sha256: Option<Cow<'page, str>>,
}

impl Hashes<'_> {
    fn digest(&self) -> Option<Digest> {
        self.sha256.as_ref()?.parse().ok()
    }
}

/// Yes or no, or yes with a reason.
struct Flag(Option<String>);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Flag;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("yes, no or a reason")
            }

            fn visit_bool<E>(self, is: bool) -> Result<Flag, E> {
                Ok(Flag(is.then(String::new)))
            }

            fn visit_str<E>(self, reason: &str) -> Result<Flag, E> {
                Ok(Flag(Some(reason.to_owned())))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Yes or no, or yes with digests.
struct Beside(Sidecar);

impl<'de> Deserialize<'de> for Beside {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Beside;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("yes, no or digests")
            }

            fn visit_bool<E>(self, is: bool) -> Result<Beside, E> {
                Ok(Beside(if is { Sidecar::There } else { Sidecar::Unsaid }))
            }

            fn visit_map<A: MapAccess<'de>>(self, digests: A) -> Result<Beside, A::Error> {
                let digests = Hashes::deserialize(MapAccessDeserializer::new(digests))?;
                Ok(Beside(digests.digest().map_or(Sidecar::There, Sidecar::Known)))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

fn read_json(bytes: &[u8], at: &Url, name: &str) -> Result<Project, String> {
    // What is a text as a whole is quicker to read than what is only here and there.
    let page: Page<'_> = match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(bytes),
    }
    .map_err(|error| format!("{error}"))?;
    understood(&page.meta.version)?;
    if normalised(&page.name) != name {
        return Err(format!("it is about `{}`", page.name.escape_default()));
    }
    let (status, reason) = match (page.status, page.meta.status) {
        (Some(status), _) => (status.status, status.reason),
        // As the index of the first draft writes it.
        (None, Some(serde_json::Value::String(status))) => (Some(status), page.meta.reason),
        (None, Some(status)) => match serde_json::from_value::<Status>(status) {
            Ok(status) => (status.status, status.reason),
            Err(_) => (None, None),
        },
        (None, None) => (None, None),
    };
    let mut project = Project {
        name: name.to_owned(),
        index: at.to_string(),
        state: state(status.as_deref()),
        reason,
        files: Vec::with_capacity(page.files.len()),
        left_out: 0,
    };
    let mut links = Links::new(at);
    for listed in page.files {
        let Ok(url) = links.join(&listed.url) else {
            project.left_out = project.left_out.saturating_add(1);
            continue;
        };
        project.files.push(File {
            url,
            sha256: listed.hashes.digest(),
            size: listed.size,
            uploaded: listed.uploaded,
            requires_python: listed.requires_python.filter(|text| !text.trim().is_empty()),
            yanked: listed.yanked.and_then(|Flag(reason)| reason),
            sidecar: listed.sidecar.or(listed.old_sidecar).map_or(Sidecar::Unsaid, |Beside(sidecar)| sidecar),
            name: listed.filename,
        });
    }
    Ok(project)
}

fn read_html(bytes: &[u8], at: &Url, name: &str) -> Result<Project, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is no text in UTF-8".to_owned())?;
    let page = html::read(text);
    if let Some(version) = page.meta.get("pypi:repository-version") {
        understood(version)?;
    }
    let base = match &page.base {
        Some(base) => at.join(base).map_err(|error| error.to_string())?,
        None => at.clone(),
    };
    let mut project = Project {
        name: name.to_owned(),
        index: at.to_string(),
        state: state(page.meta.get("pypi:project-status").map(String::as_str)),
        reason: page.meta.get("pypi:project-status-reason").cloned(),
        files: Vec::new(),
        left_out: 0,
    };
    let mut links = Links::new(&base);
    for anchor in page.anchors {
        let Some(href) = anchor.get("href") else { continue };
        let Ok(url) = links.join(href) else {
            project.left_out = project.left_out.saturating_add(1);
            continue;
        };
        let file = url.name();
        // Pages hold other links as well; a file has a name that begins with that of the project.
        if !is_of(&file, name) {
            continue;
        }
        let sha256 = |text: &str| text.strip_prefix("sha256=").map(str::to_owned);
        let fragment = href.split_once('#').map_or("", |(_, fragment)| fragment);
        let stated = fragment.split('&').find_map(sha256);
        let attribute = |name: &str| anchor.get(name).cloned();
        let beside = attribute("data-core-metadata").or_else(|| attribute("data-dist-info-metadata"));
        project.files.push(File {
            name: file,
            url,
            sha256: digest(stated.as_ref()),
            size: None,
            uploaded: None,
            requires_python: attribute("data-requires-python").filter(|text| !text.trim().is_empty()),
            yanked: attribute("data-yanked"),
            sidecar: match beside.as_deref() {
                None | Some("false") => Sidecar::Unsaid,
                Some(text) => digest(sha256(text).as_ref()).map_or(Sidecar::There, Sidecar::Known),
            },
        });
    }
    Ok(project)
}

/// Whether a file of this name belongs to the project; names of files come in all spellings.
fn is_of(file: &str, name: &str) -> bool {
    let file = normalised(file);
    file.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'))
}

/// A page of a later major version may mean anything (PEP 629).
fn understood(version: &str) -> Result<(), String> {
    match version.split('.').next() {
        Some("1") => Ok(()),
        _ => Err(format!("it is of the version `{}` of the interface", version.escape_default())),
    }
}

fn state(status: Option<&str>) -> State {
    match status {
        Some("archived") => State::Archived,
        Some("quarantined") => State::Quarantined,
        Some("deprecated") => State::Deprecated,
        _ => State::Active,
    }
}

fn digest(text: Option<&String>) -> Option<Digest> {
    text?.parse().ok()
}

/// The name of a project as an index writes it in addresses (PEP 503, *Normalized Names*).
pub(super) fn normalised(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for letter in name.chars() {
        if matches!(letter, '-' | '_' | '.') {
            if !normal.ends_with('-') {
                normal.push('-');
            }
        } else {
            normal.push(letter.to_ascii_lowercase());
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Url {
        Url::parse("https://index.example/simple/some-lib/").unwrap()
    }

    #[test]
    fn both_kinds_of_pages_say_the_same() {
        let digest = "a".repeat(64);
        let other = "b".repeat(64);
        let json = format!(
            r#"{{"meta": {{"api-version": "1.4"}}, "name": "Some_Lib", "versions": ["1.0"], "unheard": [],
                "project-status": {{"status": "quarantined", "reason": "bad"}}, "files": [
                {{"filename": "some_lib-1.0-py3-none-any.whl", "url": "../../files/some_lib-1.0-py3-none-any.whl",
                  "hashes": {{"sha256": "{digest}"}}, "requires-python": ">=3.8", "yanked": "why",
                  "core-metadata": {{"sha256": "{other}"}}}},
                {{"filename": "some-lib-0.9.tar.gz", "url": "https://files.example/some-lib-0.9.tar.gz",
                  "hashes": {{}}, "yanked": false, "dist-info-metadata": true}},
                {{"filename": "some-lib-0.8.tar.gz", "url": "ftp://files.example/some-lib-0.8.tar.gz", "hashes": {{}}}}
                ]}}"#
        );
        let html = format!(
            r#"<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.4">
               <meta name='pypi:project-status' content='quarantined'>
               <META content="bad" NAME="pypi:project-status-reason"></head><body>
               <a href="../../files/some_lib-1.0-py3-none-any.whl#sha256={digest}" data-yanked="why"
                 data-requires-python="&gt;=3.8" data-core-metadata="sha256={other}">some_lib-1.0-py3-none-any.whl</a>
               <a href="https://files.example/some-lib-0.9.tar.gz" data-dist-info-metadata=true>x</a>
               <a href="https://other.example/about">about</a>
               <a href="ftp://files.example/some-lib-0.8.tar.gz">x</a><!-- <a href="some-lib-0.1.tar.gz"> -->"#
        );
        let one =
            read("application/vnd.pypi.simple.v1+json; charset=utf-8", json.as_bytes(), &at(), "some-lib");
        let one = one.unwrap();
        assert_eq!(one.state, State::Quarantined);
        assert_eq!(one.reason.as_deref(), Some("bad"));
        assert_eq!((one.files.len(), one.left_out), (2, 1));
        let first = &one.files[0];
        assert_eq!(first.url.as_sent(), "https://index.example/files/some_lib-1.0-py3-none-any.whl");
        assert_eq!(first.sidecar, Sidecar::Known(other.parse().unwrap()));
        assert_eq!(first.yanked.as_deref(), Some("why"));
        assert_eq!(one.files[1].sidecar, Sidecar::There);
        assert_eq!(read("text/html", html.as_bytes(), &at(), "some-lib"), Ok(one));
    }

    #[test]
    fn what_is_yes_no_or_more_is_read_in_each_form() {
        let digest = "a".repeat(64);
        let read = |fields: &str| {
            let page = format!(
                r#"{{"meta": {{"api-version": "1.0"}}, "name": "a", "files": [
                     {{"filename": "a\u002d1.zip", "url": "https:\/\/files.example/a\u002d1.zip", {fields}}}]}}"#
            );
            read("application/vnd.pypi.simple.v1+json", page.as_bytes(), &at(), "a")
                .map(|project| project.files[0].clone())
        };
        let plain = read(r#""hashes": {}"#).unwrap();
        assert_eq!(
            (plain.name.as_str(), plain.address().as_str()),
            ("a-1.zip", "https://files.example/a-1.zip")
        );
        assert_eq!((plain.yanked, plain.sidecar, plain.sha256), (None, Sidecar::Unsaid, None));
        for (text, expected) in [
            ("true", Some("")),
            ("false", None),
            ("null", None),
            (r#""""#, Some("")),
            (r#""w\u0068y""#, Some("why")),
        ] {
            let file = read(&format!(r#""yanked": {text}"#)).unwrap();
            assert_eq!(file.yanked.as_deref(), expected, "{text}");
        }
        let known = Sidecar::Known(digest.parse().unwrap());
        for (text, expected) in [
            ("true", Sidecar::There),
            ("false", Sidecar::Unsaid),
            ("null", Sidecar::Unsaid),
            ("{}", Sidecar::There),
            (r#"{"md5": "b"}"#, Sidecar::There),
            (r#"{"sha256": "b"}"#, Sidecar::There),
            (&format!(r#"{{"md5": "b", "sha256": "{digest}"}}"#), known),
        ] {
            for name in ["core-metadata", "dist-info-metadata"] {
                let file = read(&format!(r#""{name}": {text}"#)).unwrap();
                assert_eq!(file.sidecar, expected, "{name} {text}");
            }
        }
        let file = read(&format!(r#""hashes": {{"md5": "b", "sha256": "{digest}"}}"#)).unwrap();
        assert_eq!(file.sha256, digest.parse().ok());
        for fields in
            [r#""yanked": 1"#, r#""core-metadata": "x""#, r#""hashes": true"#, r#""hashes": {"sha256": 1}"#]
        {
            assert!(read(fields).is_err(), "{fields}");
        }
    }

    #[test]
    fn what_is_no_page_is_refused_in_words() {
        let json = "application/vnd.pypi.simple.v1+json";
        for (kind, text, reason) in [
            (json, "{", "EOF"),
            (json, r#"{"meta":{"api-version":"2.0"},"name":"some-lib"}"#, "version `2.0`"),
            (json, r#"{"meta":{"api-version":"1.0"},"name":"other"}"#, "about `other`"),
            (json, r#"{"meta":{"api-version":"1.0"},"name":"some-lib","files":[{}]}"#, "filename"),
            ("application/json", "{}", "type `application/json`"),
            ("text/html", "<meta name='pypi:repository-version' content='9'>", "version `9`"),
            ("text/html", "<base href='ftp://x/'>", "ftp"),
            ("", "", "type"),
        ] {
            let error = read(kind, text.as_bytes(), &at(), "some-lib").unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        assert!(read("text/html", &[0xff], &at(), "some-lib").is_err());
    }
}
