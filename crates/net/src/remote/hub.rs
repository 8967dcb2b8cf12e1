//! The public routes of the Hugging Face hub (*Hub API Endpoints*): what a revision is, which files it has, and where
//! each of them is handed out.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use weighbridge_core::digest::Claimed;

use super::RemoteError;
use super::fetch::{Answer, Fetcher, Wanted};
use super::url::{Url, decode};

/// Most bytes of one answer.
const MOST_ANSWER: u64 = 32 << 20;
/// Most pages of a list; a page has a thousand files.
const MOST_PAGES: usize = 1_000;

/// A repository, a revision of it, and a part of that: what stands behind `hf:`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Wish {
    /// `models`, `datasets` or `spaces`.
    pub(crate) kind: &'static str,
    /// `ORG/NAME`; the oldest models have no `ORG`.
    pub(crate) name: String,
    /// Branch, tag or commit.
    pub(crate) revision: String,
    /// A file or a folder; none for everything.
    pub(crate) path: Option<String>,
}

impl Wish {
    /// Reads `[datasets/|spaces/][ORG/]NAME[@REVISION][/PATH]`; a path can only follow a revision or a whole name.
    pub(crate) fn parse(locator: &str) -> Option<Self> {
        let (kind, rest) = match locator.split_once('/') {
            Some(("datasets", rest)) => ("datasets", rest),
            Some(("spaces", rest)) => ("spaces", rest),
            Some(("models", rest)) => ("models", rest),
            _ => ("models", locator),
        };
        let (name, revision, path) = match rest.split_once('@') {
            Some((name, rest)) => {
                let (revision, path) = split_revision(rest);
                (name.to_owned(), revision, path)
            }
            None => {
                let mut parts = rest.splitn(3, '/');
                let (first, second, path) = (parts.next()?, parts.next(), parts.next());
                let name = second.map_or_else(|| first.to_owned(), |second| format!("{first}/{second}"));
                (name, "main".to_owned(), path.map(str::to_owned))
            }
        };
        let path = path.map(|path| path.trim_end_matches('/').to_owned()).filter(|path| !path.is_empty());
        let is_sound = !revision.is_empty()
            && name.split('/').count() <= 2
            && name.split('/').all(is_name)
            && path.as_deref().is_none_or(is_path);
        is_sound.then_some(Self { kind, name, revision, path })
    }

    /// What the user would type for this repository at another revision.
    pub(crate) fn at(&self, revision: &str) -> String {
        let kind = if self.kind == "models" { String::new() } else { format!("{}/", self.kind) };
        let path = self.path.as_ref().map_or_else(String::new, |path| format!("/{path}"));
        format!("hf:{kind}{}@{revision}{path}", self.name)
    }
}

/// Revisions below `refs/` have three parts, all others one, in which a `/` is written `%2F`.
fn split_revision(text: &str) -> (String, Option<String>) {
    let parts = if text.starts_with("refs/") { 3 } else { 1 };
    let end = text.match_indices('/').nth(parts - 1).map_or(text.len(), |(at, _)| at);
    let (revision, path) = text.split_at(end);
    (decode(revision), path.strip_prefix('/').map(str::to_owned))
}

/// Whether a text is a name as the hub allows it.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text != "." && text != ".." && text.len() <= 96 && text.bytes().all(allowed)
}

/// Whether a text is a path that stays where it is.
pub(super) fn is_path(text: &str) -> bool {
    !text.contains('\\') && text.split('/').all(|name| !matches!(name, "" | "." | ".."))
}

/// A file of a repository, as the hub lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Listed {
    pub(crate) size: u64,
    pub(crate) claimed: Option<Claimed>,
    /// Where it is handed out; none for a path that no file should have.
    pub(crate) url: Option<Url>,
}

/// A revision of a repository.
#[derive(Debug)]
pub(crate) struct Revision {
    /// The commit.
    pub(crate) commit: String,
    /// Its files by path.
    pub(crate) files: BTreeMap<Arc<str>, Listed>,
}

#[derive(Deserialize)]
struct Info {
    sha: String,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    oid: Option<String>,
    lfs: Option<Large>,
}

#[derive(Deserialize)]
struct Large {
    oid: String,
    size: u64,
}

/// Asks the hub at `base` for the revision that is wished for, and up to `most` of its files.
pub(crate) fn revision(
    fetcher: &Fetcher,
    base: &Url,
    wish: &Wish,
    most: u64,
) -> Result<Revision, RemoteError> {
    let api = base.below(["api", wish.kind]).below(wish.name.split('/'));
    let asked = api.below(["revision", &wish.revision]);
    let mut answer = fetcher.get(&asked, Wanted::default())?;
    let Info { sha: commit } = json(&mut answer)?;
    if commit.len() != 40 || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(answer.wrong("it names no commit"));
    }
    // Every file is fetched by the commit: a branch may move while we read.
    let kind = Some(wish.kind).filter(|kind| *kind != "models");
    let files = base.below(kind).below(wish.name.split('/')).below(["resolve", &commit]);
    let mut listed = BTreeMap::new();
    let mut next = Some(api.below(["tree", &commit]).query("recursive=true"));
    let mut pages = 0;
    while let Some(url) = next {
        pages += 1;
        let mut answer = fetcher.get(&url, Wanted::default())?;
        let items: Vec<Item> = json(&mut answer)?;
        for item in items {
            if item.kind != "file" {
                continue;
            }
            let path: Arc<str> = item.path.as_str().into();
            let (size, claimed) = match &item.lfs {
                Some(large) => (large.size, Claimed::of_name(&large.oid)),
                None => (item.size, item.oid.as_deref().and_then(Claimed::of_name)),
            };
            let url = is_path(&item.path).then(|| files.below(item.path.split('/')));
            if listed.insert(path, Listed { size, claimed, url }).is_some() {
                return Err(answer.wrong("it lists one file twice"));
            }
        }
        if u64::try_from(listed.len()).unwrap_or(u64::MAX) > most || pages > MOST_PAGES {
            return Err(answer.wrong("it lists more files than the limit `files` allows"));
        }
        next = following(&answer)?;
    }
    Ok(Revision { commit, files: listed })
}

/// The address of the next page (RFC 8288), which must be the hub's own.
fn following(answer: &Answer) -> Result<Option<Url>, RemoteError> {
    let links = answer.header("link").unwrap_or_default();
    for link in links.split(',') {
        let Some((target, parameters)) = link.trim().strip_prefix('<').and_then(|link| link.split_once('>'))
        else {
            continue;
        };
        if parameters.contains("rel=\"next\"") {
            let next = answer.url.join(target)?;
            if next.origin() != answer.url.origin() || next == answer.url {
                return Err(answer.wrong("its next page lies elsewhere"));
            }
            return Ok(Some(next));
        }
    }
    Ok(None)
}

fn json<T: DeserializeOwned>(answer: &mut Answer) -> Result<T, RemoteError> {
    let mut bytes = Vec::new();
    let received = answer.body(MOST_ANSWER, |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    });
    match received {
        Err(RemoteError::TooLarge(_)) => Err(answer.wrong("it is too long")),
        Err(error) => Err(error),
        Ok(_) if answer.response.status().as_u16() != 200 => Err(answer.wrong("it is a part of something")),
        Ok(_) => serde_json::from_slice(&bytes)
            .map_err(|error| answer.wrong(format!("it is not what the hub answers: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_as_they_are_meant() {
        for (text, kind, name, revision, path) in [
            ("gpt2", "models", "gpt2", "main", None),
            ("org/name", "models", "org/name", "main", None),
            ("models/org/name", "models", "org/name", "main", None),
            ("org/name@v1", "models", "org/name", "v1", None),
            ("org/name/sub/model.pt", "models", "org/name", "main", Some("sub/model.pt")),
            ("org/name@v1/sub/model.pt", "models", "org/name", "v1", Some("sub/model.pt")),
            ("org/name@refs/pr/1/model.pt", "models", "org/name", "refs/pr/1", Some("model.pt")),
            ("org/name@refs/pr/1", "models", "org/name", "refs/pr/1", None),
            ("org/name@feature%2Fx/a/", "models", "org/name", "feature/x", Some("a")),
            ("gpt2@main/a", "models", "gpt2", "main", Some("a")),
            ("datasets/org/name", "datasets", "org/name", "main", None),
            ("spaces/org/name@v1", "spaces", "org/name", "v1", None),
        ] {
            let wish = Wish::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (wish.kind, wish.name.as_str(), wish.revision.as_str(), wish.path.as_deref()),
                (kind, name, revision, path),
                "{text}"
            );
        }
        for text in [
            "",
            "/",
            "org/",
            "/name",
            "../x",
            "org/..",
            "org/name@",
            "org/na me",
            "a/b@v1/../x",
            "a/b/../x",
            "a/b/c@v1",
            "org/name@v1//x",
            "a?b/c",
            "org/name@v1/a\\b",
        ] {
            assert_eq!(Wish::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_wish_can_be_pinned() {
        let at = |text: &str| Wish::parse(text).unwrap().at("c0ffee");
        assert_eq!(at("org/name"), "hf:org/name@c0ffee");
        assert_eq!(at("datasets/org/name@v1/a/b"), "hf:datasets/org/name@c0ffee/a/b");
    }
}
