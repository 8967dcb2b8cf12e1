//! Object stores that speak the protocol of Amazon S3: the list of a bucket (*ListObjectsV2*), and where objects lie.

use std::collections::BTreeMap;
use std::sync::Arc;

use weighbridge_core::context::ObjectStore;

use super::RemoteError;
use super::fetch::{Fetcher, Wanted};
use super::hub::is_path;
use super::url::{Url, decode, encode};

/// Most bytes of one answer; a page has a thousand objects.
const MOST_ANSWER: u64 = 32 << 20;
/// Most pages of a list.
const MOST_PAGES: usize = 1_000;

/// A bucket, and a part of it: what stands behind `s3:`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    /// An object, or what the keys of objects begin with before a `/`; none for everything.
    pub(crate) prefix: Option<String>,
}

impl Bucket {
    /// Reads `//BUCKET[/PREFIX]`.
    pub(crate) fn parse(locator: &str) -> Option<Self> {
        let rest = locator.strip_prefix("//")?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        // *Bucket naming rules*, and what other stores allow.
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_name =
            (1..=255).contains(&name.len()) && name.bytes().all(allowed) && name != "." && name != "..";
        let prefix = Some(prefix.trim_end_matches('/')).filter(|prefix| !prefix.is_empty());
        (is_name && prefix.is_none_or(is_path))
            .then(|| Self { name: name.to_owned(), prefix: prefix.map(str::to_owned) })
    }

    /// Where the bucket lies: below the endpoint, as every store has it.
    pub(crate) fn url(&self, store: &ObjectStore) -> Result<Url, RemoteError> {
        let amazon = || format!("https://s3.{}.amazonaws.com", store.region);
        Ok(Url::parse(&store.endpoint.clone().unwrap_or_else(amazon))?.below([self.name.as_str()]))
    }

    fn wants(&self, key: &str) -> bool {
        self.prefix.as_deref().is_none_or(|prefix| {
            key.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

/// An object, as the store lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Object {
    pub(crate) size: u64,
    /// Where it is handed out; none for a key that no file can have.
    pub(crate) url: Option<Url>,
}

/// Asks the store for up to `most` objects of a bucket, by key.
pub(crate) fn objects(
    fetcher: &Fetcher,
    base: &Url,
    bucket: &Bucket,
    most: u64,
) -> Result<BTreeMap<Arc<str>, Object>, RemoteError> {
    let mut objects = BTreeMap::new();
    let mut next: Option<String> = None;
    for _ in 0..MOST_PAGES {
        // In the order of their names, as they are signed.
        let mut query =
            next.take().map_or_else(String::new, |token| format!("continuation-token={}&", encode(&token)));
        query.push_str("encoding-type=url&list-type=2&prefix=");
        query.push_str(&encode(bucket.prefix.as_deref().unwrap_or_default()));
        let mut answer = fetcher.get(&base.query(&query), Wanted::default())?;
        let mut bytes = Vec::new();
        let received = answer.body(MOST_ANSWER, |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        });
        match received {
            Err(RemoteError::TooLarge(_)) => return Err(answer.wrong("it is too long")),
            received => received?,
        };
        let text = String::from_utf8(bytes).map_err(|_| answer.wrong("it is no text"))?;
        let list =
            element(&text, "ListBucketResult").ok_or_else(|| answer.wrong("it is no list of a bucket"))?;
        let is_encoded = element(list, "EncodingType").is_some_and(|encoding| encoding == "url");
        let mut rest = list;
        while let Some((object, after)) = next_element(rest, "Contents") {
            rest = after;
            let size = element(object, "Size").and_then(|size| size.trim().parse().ok());
            let (Some(key), Some(size)) = (element(object, "Key"), size) else {
                return Err(answer.wrong("it lists an object without key or size"));
            };
            let key = plain(key);
            let key = if is_encoded { decode(&key.replace('+', " ")) } else { key };
            // What programs put there to show a folder.
            if !bucket.wants(&key) || (key.ends_with('/') && size == 0) {
                continue;
            }
            let url = is_path(&key).then(|| base.below(key.split('/')));
            if objects.insert(key.as_str().into(), Object { size, url }).is_some() {
                return Err(answer.wrong("it lists one object twice"));
            }
        }
        if u64::try_from(objects.len()).unwrap_or(u64::MAX) > most {
            return Err(answer.wrong("it lists more objects than the limit `files` allows"));
        }
        if element(list, "IsTruncated").is_none_or(|truncated| truncated.trim() != "true") {
            return Ok(objects);
        }
        let token = element(list, "NextContinuationToken").map(plain);
        next = Some(token.ok_or_else(|| answer.wrong("it breaks off and does not say where it goes on"))?);
    }
    Err(RemoteError::Answer { url: base.to_string(), reason: "its list has no end".to_owned() })
}

/// What stands in the first element of this name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    next_element(text, name).map(|(content, _)| content)
}

/// What stands in the first element of this name, and what follows it. The elements of a list hold no others of their
/// own name, and keys cannot look like elements, because they are encoded.
fn next_element<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let open = format!("<{name}");
    let mut rest = text;
    loop {
        let (_, after) = rest.split_once(&open)?;
        // `<Size>` and `<Size attribute="">`, not `<Sizes>`.
        if after.starts_with(['>', ' ', '\n', '\r', '\t']) {
            let (_, content) = after.split_once('>')?;
            return content.split_once(&format!("</{name}>"));
        }
        rest = after;
    }
}

/// A text without entities (XML 1.0, section 4.6).
fn plain(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_read_as_they_are_meant() {
        for (text, name, prefix) in [
            ("//models", "models", None),
            ("//models/", "models", None),
            ("//models/a/b.pt", "models", Some("a/b.pt")),
            ("//my.models/a/", "my.models", Some("a")),
        ] {
            let bucket = Bucket::parse(text).unwrap();
            assert_eq!((bucket.name.as_str(), bucket.prefix.as_deref()), (name, prefix));
        }
        for text in
            ["", "models", "//", "//../a", "//a b", "//models/../x", "//models//x", "//a@b", "//a:1/x"]
        {
            assert_eq!(Bucket::parse(text), None, "{text}");
        }
    }

    #[test]
    fn elements_are_found() {
        let text = "<A><Sizes>1</Sizes><Size x='1'>2</Size><Key>a&amp;lt;b</Key></A>";
        assert_eq!(element(text, "Size"), Some("2"));
        assert_eq!(element(text, "Key").map(plain).as_deref(), Some("a&lt;b"));
        assert_eq!(element(text, "Missing"), None);
        assert_eq!(element("<Key>open", "Key"), None);
    }
}
