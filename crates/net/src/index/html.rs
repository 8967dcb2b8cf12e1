//! What an index needs of HTML: the attributes of links, and two kinds of elements of the head. Everything else, however
//! broken, is text.

use std::collections::BTreeMap;

/// A page.
#[derive(Default, Debug)]
pub(super) struct Page {
    /// The attributes of each link.
    pub(super) anchors: Vec<BTreeMap<String, String>>,
    /// What the page says of itself: `<meta name= content=>`.
    pub(super) meta: BTreeMap<String, String>,
    /// Where relative links begin.
    pub(super) base: Option<String>,
}

/// Reads a page.
pub(super) fn read(text: &str) -> Page {
    let mut page = Page::default();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let end = after.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        let name = name.to_ascii_lowercase();
        if !matches!(name.as_str(), "a" | "base" | "meta") {
            rest = after;
            continue;
        }
        let (attributes, after) = attributes(after);
        rest = after;
        match name.as_str() {
            "a" => page.anchors.push(attributes),
            "base" if page.base.is_none() => page.base = attributes.get("href").cloned(),
            "meta" => {
                if let (Some(name), Some(content)) = (attributes.get("name"), attributes.get("content")) {
                    page.meta.entry(name.clone()).or_insert_with(|| content.clone());
                }
            }
            _ => {}
        }
    }
    page
}

/// The attributes up to the end of a tag, and what follows it; the first of two with one name counts.
fn attributes(text: &str) -> (BTreeMap<String, String>, &str) {
    let mut found = BTreeMap::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_ascii_whitespace() || letter == '/');
        if rest.is_empty() {
            return (found, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (found, after);
        }
        let ends = |letter: char| letter.is_ascii_whitespace() || matches!(letter, '=' | '>' | '/');
        // A name may begin with `=`, but not go on with it.
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let end = rest.get(first..).and_then(|more| more.find(ends)).map_or(rest.len(), |end| end + first);
        let (name, after) = rest.split_at(end);
        let spaced = after.trim_start();
        let (value, after) = match spaced.strip_prefix('=').map(str::trim_start) {
            None => ("", after),
            Some(value) => match value.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let value = value.get(1..).unwrap_or_default();
                    value.split_once(quote).unwrap_or((value, ""))
                }
                _ => {
                    let ends = |letter: char| letter.is_ascii_whitespace() || letter == '>';
                    value.split_at(value.find(ends).unwrap_or(value.len()))
                }
            },
        };
        found.entry(name.to_ascii_lowercase()).or_insert_with(|| plain(value));
        rest = after;
    }
}

/// A value without the character references that indexes write.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        // The longest reference that is read has eight letters.
        let reference =
            after.get(..after.len().min(9)).unwrap_or_default().split_once(';').map(|(name, _)| name);
        let meant = reference.and_then(|name| {
            let letter = match name {
                "amp" => Some('&'),
                "lt" => Some('<'),
                "gt" => Some('>'),
                "quot" => Some('"'),
                "apos" => Some('\''),
                _ => {
                    let number = name.strip_prefix('#')?;
                    let number = match number.strip_prefix(['x', 'X']) {
                        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                        None => number.parse().ok()?,
                    };
                    char::from_u32(number)
                }
            };
            Some((letter?, name.len()))
        });
        match meant {
            Some((letter, length)) => {
                plain.push(letter);
                rest = after.get(length.saturating_add(1)..).unwrap_or_default();
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_however_they_are_written() {
        for (text, expected) in [
            ("<a href='x'>", "x"),
            ("<A HREF=x>", "x"),
            ("<a\n href = \"x y\" >", "x y"),
            ("<a href=x/y data-yanked>", "x/y"),
            ("<a href='x&amp;y&#x3c;&#62;&unheard;&'>", "x&y<>&unheard;&"),
            ("<p><abbr href='no'><a class=x href='x'", "x"),
            ("<a href='x' href='y'>", "x"),
            ("<a href='open", "open"),
        ] {
            let page = read(text);
            assert_eq!(page.anchors.len(), 1, "{text}");
            assert_eq!(page.anchors[0].get("href").map(String::as_str), Some(expected), "{text}");
        }
    }

    #[test]
    fn broken_pages_end() {
        for text in ["<", "<a", "<a ", "<a =", "<a = = =>", "<!--", "<a href=", "<a ü='ü", "&#", "<a href='&"]
        {
            read(text);
        }
        assert!(read(&"<a ".repeat(100_000)).anchors.len() <= 100_000);
    }
}
