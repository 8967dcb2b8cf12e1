//! Patterns of names and of places. Exact unless they hold a `*`.

use std::cmp::{Ordering, Reverse};
use std::fmt;

/// Longest pattern, in bytes.
const LONGEST_PATTERN: usize = 1024;
/// Longest name that a pattern with a `*` can match, in bytes.
const LONGEST_NAME: usize = 4096;

/// A name that a certificate may show: an identity, a mail address, the address of a web page, the name of a host.
///
/// Without a `*` it is that name to the last letter. A `*` stands for at least one character within one part of a name:
/// it never crosses a `/` or an `@`, nor what else separates parts of an address (`\`, `:`, `?`, `#`, `%`, blanks). The host
/// of an address and all after the `@` of a mail address are always written out; a name of a host may begin with `*.`, which
/// stands for one label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamePattern(String);

impl NamePattern {
    /// The pattern of an identity.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn identity(text: &str) -> Result<Self, String> {
        Self::new(text, false)
    }

    /// The pattern of a subject alternative name, which may be a host.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn alternative_name(text: &str) -> Result<Self, String> {
        Self::new(text, true)
    }

    fn new(text: &str, may_be_a_host: bool) -> Result<Self, String> {
        check_letters(text, |_| false)?;
        let has_star = |part: &str| part.contains('*');
        if has_star(text) {
            match (text.split_once("://"), text.rsplit_once('@')) {
                (Some((scheme, rest)), _) => {
                    if has_star(scheme) || has_star(rest.split(['/', '?', '#']).next().unwrap_or_default()) {
                        return Err(format!("`{text}` has a `*` in its host, which must be written out"));
                    }
                }
                (None, Some((_, host))) => {
                    if has_star(host) {
                        return Err(format!("`{text}` has a `*` after its `@`, which must be written out"));
                    }
                }
                (None, None) if may_be_a_host && is_host(text) => {}
                (None, None) if may_be_a_host => {
                    return Err(format!(
                        "`{text}` may have a `*` as its first label only, with two more labels after it"
                    ));
                }
                (None, None) => {
                    return Err(format!(
                        "`{text}` is neither a mail nor a web address: a `*` in it could be anybody"
                    ));
                }
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether a name is one of those that are meant.
    pub fn matches(&self, name: &str) -> bool {
        if !self.0.contains('*') {
            return self.0 == name;
        }
        let is_host = !self.0.contains('@') && !self.0.contains("://");
        let within = |letter: char| {
            let parts =
                matches!(letter, '/' | '\\' | '@' | ':' | '?' | '#' | '%') || is_host && letter == '.';
            !(parts || letter.is_whitespace() || letter.is_control())
        };
        name.len() <= LONGEST_NAME && fits(&self.0, name, within)
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Whether a text is `*.` and the name of a host below which not everybody can have names: two labels at least.
fn is_host(text: &str) -> bool {
    let label = |label: &str| !label.is_empty() && !label.contains('*');
    text.strip_prefix("*.").is_some_and(|rest| rest.contains('.') && rest.split('.').all(label))
}

/// By what a model is known to rules: a path below the folder of the policy (`models/prod/llama`, `.` for that folder), an
/// absolute path (`/srv/models/llama`), or a source (`hf://org/name`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    root: Root,
    segments: Vec<String>,
}

/// From where a path or source is counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Root {
    Policy,
    System,
    Scheme(String),
}

impl Place {
    /// The place of this name; none where it is empty or has parts that are `.`, `..` or empty.
    pub fn new(text: &str) -> Option<Self> {
        let (root, segments) = split(text).ok()?;
        Some(Self { root, segments: segments.into_iter().map(str::to_owned).collect() })
    }
}

/// A pattern of places, part for part between `/`: `*` stands for at least one character of a part (in a source it crosses no
/// `@`), and `**` as a whole part for any number of parts, also none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlacePattern {
    text: String,
    root: Root,
    segments: Vec<Segment>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Segment {
    /// `**`.
    Any,
    /// A name, with or without `*`.
    Name(String),
}

impl PlacePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(text: &str) -> Result<Self, String> {
        let is_source = text.contains("://");
        // Folders have names with spaces; one at an end is a slip of whoever typed it.
        let is_inner = |text: &str| !text.starts_with(' ') && !text.ends_with(' ');
        let spaces = !is_source && text.split('/').all(is_inner);
        check_letters(text, |letter| spaces && letter == ' ')?;
        if let Some(letter) = text.chars().find(|letter| matches!(letter, '?' | '[' | ']' | '{' | '}')) {
            return Err(format!("`{letter}` is no wildcard here, there are `*` and `**`"));
        }
        let (root, segments) = split(text)?;
        if let Some(segment) = segments.iter().find(|segment| segment.contains("**") && **segment != "**") {
            return Err(format!("`**` stands for whole parts of a path: `{segment}` holds more"));
        }
        if let (Root::Scheme(_), Some(first)) = (&root, segments.first())
            && first.contains('*')
            && *segments != ["**"]
        {
            return Err(format!("`{text}` has a `*` in its first part, which must be written out"));
        }
        let segment = |name: &str| match name {
            "**" => Segment::Any,
            name => Segment::Name(name.to_owned()),
        };
        Ok(Self { text: text.to_owned(), root, segments: segments.into_iter().map(segment).collect() })
    }

    /// Whether a place is one of those that are meant.
    pub fn matches(&self, place: &Place) -> bool {
        if self.root != place.root || place.segments.iter().any(|segment| segment.len() > LONGEST_NAME) {
            return false;
        }
        let is_source = matches!(self.root, Root::Scheme(_));
        // At each number of parts of the place: whether the pattern so far matches these.
        let mut reached = vec![false; place.segments.len().saturating_add(1)];
        if let Some(start) = reached.first_mut() {
            *start = true;
        }
        for segment in &self.segments {
            let mut next = Vec::with_capacity(reached.len());
            match segment {
                Segment::Any => {
                    let mut before = false;
                    next.extend(reached.iter().map(|here| {
                        before |= here;
                        before
                    }));
                }
                Segment::Name(name) => {
                    next.push(false);
                    let within = |letter| !(is_source && letter == '@');
                    let pairs = reached.iter().zip(&place.segments);
                    next.extend(pairs.map(|(here, part)| *here && fits(name, part, within)));
                }
            }
            reached = next;
        }
        reached.last().copied().unwrap_or_default()
    }

    /// How its length compares: the longer of two patterns is the one with more characters that stand for themselves (`/` is
    /// not counted); of equals the one with more `*`; of equals the one with fewer `**`.
    pub fn longer(&self, other: &Self) -> Ordering {
        self.length().cmp(&other.length())
    }

    fn length(&self) -> (usize, usize, Reverse<usize>) {
        let mut length = (0_usize, 0_usize, Reverse(0_usize));
        for segment in &self.segments {
            match segment {
                Segment::Any => length.2 = Reverse(length.2.0.saturating_add(1)),
                Segment::Name(name) => {
                    let stars = name.matches('*').count();
                    length.0 = length.0.saturating_add(name.chars().count().saturating_sub(stars));
                    length.1 = length.1.saturating_add(stars);
                }
            }
        }
        length
    }

    /// The same for all patterns that match the same places: in a row of parts that are nothing but wildcards, the order does
    /// not matter, nor how many of them are `**`.
    pub(super) fn meaning(&self) -> Vec<String> {
        let mut meaning = vec![match &self.root {
            Root::Policy => String::new(),
            Root::System => "/".to_owned(),
            Root::Scheme(scheme) => scheme.clone(),
        }];
        let mut any = false;
        for segment in &self.segments {
            match segment {
                Segment::Any => any = true,
                Segment::Name(name) => {
                    if name != "*" && std::mem::take(&mut any) {
                        meaning.push("**".to_owned());
                    }
                    meaning.push(name.clone());
                }
            }
        }
        if any {
            meaning.push("**".to_owned());
        }
        meaning
    }
}

impl fmt::Display for PlacePattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// What no pattern may hold, but for the blanks that are allowed in it.
fn check_letters(text: &str, allowed: impl Fn(char) -> bool) -> Result<(), String> {
    if text.len() > LONGEST_PATTERN {
        return Err(format!("a pattern of more than {LONGEST_PATTERN} bytes"));
    }
    let is_blank = |letter: char| (letter.is_control() || letter.is_whitespace()) && !allowed(letter);
    if text.chars().any(is_blank) {
        return Err(format!("`{}` holds a blank", text.escape_debug()));
    }
    if text.contains('\\') {
        return Err(format!("`{text}` holds a `\\`: parts of a path are separated by `/`"));
    }
    Ok(())
}

/// The root and the parts of a path or source.
fn split(text: &str) -> Result<(Root, Vec<&str>), String> {
    let (root, rest) = match (text.split_once("://"), text.strip_prefix('/')) {
        (Some((scheme, rest)), _) => {
            let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
            if scheme.is_empty() || !scheme.chars().all(plain) {
                return Err(format!("`{scheme}` is no scheme, such as `hf` in `hf://org/name`"));
            }
            (Root::Scheme(scheme.to_owned()), rest)
        }
        (None, Some(rest)) => (Root::System, rest),
        (None, None) if text == "." => return Ok((Root::Policy, Vec::new())),
        (None, None) => (Root::Policy, text),
    };
    let segments: Vec<&str> = rest.split('/').collect();
    match segments.iter().find(|segment| matches!(**segment, "" | "." | "..")) {
        Some(segment) => Err(format!("`{text}` has a part `{segment}`, which no place has")),
        None => Ok((root, segments)),
    }
}

/// Whether a text is as the pattern says, where each `*` stands for one or more characters that are `within` a part.
fn fits(pattern: &str, text: &str, within: impl Fn(char) -> bool) -> bool {
    if !pattern.contains('*') {
        return pattern == text;
    }
    let letters: Vec<char> = text.chars().collect();
    // At each number of letters of the text: whether the pattern so far matches these.
    let mut reached = vec![false; letters.len().saturating_add(1)];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for part in pattern.chars() {
        let mut next = Vec::with_capacity(reached.len());
        let mut before = false;
        next.push(before);
        for (here, letter) in reached.iter().zip(&letters) {
            before = match part {
                '*' => (*here || before) && within(*letter),
                _ => *here && part == *letter,
            };
            next.push(before);
        }
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_its_part_of_a_name() {
        const WORKFLOW: &str = "https://git.example/corp/*/.flows/release.yml@refs/tags/v*";
        const AT: &str = ".flows/release.yml@refs/tags/v1.2";
        for (pattern, name, expected) in [
            ("ann@corp.example", "ann@corp.example", true),
            ("ann@corp.example", "Ann@corp.example", false),
            ("*@corp.example", "ann.b+c@corp.example", true),
            ("*@corp.example", "@corp.example", false),
            ("*@corp.example", "ann@evil.example@corp.example", false),
            ("*@corp.example", "ann@corp.example.evil.example", false),
            ("*@corp.example", "a/b@corp.example", false),
            ("*@corp.example", "a b@corp.example", false),
            (WORKFLOW, &format!("https://git.example/corp/models/{AT}"), true),
            (WORKFLOW, &format!("https://git.example/corp/a/b/{AT}"), false),
            (WORKFLOW, &format!("https://git.example/corp//{AT}"), false),
            (WORKFLOW, &format!("https://git.example.evil.example/corp/models/{AT}"), false),
            (WORKFLOW, &format!("https://git.example@evil.example/corp/models/{AT}"), false),
            (WORKFLOW, &format!("https://git.example/corp/a%2Fb/{AT}"), false),
            (WORKFLOW, &format!("https://git.example/corp/models/{AT}/evil"), false),
            (WORKFLOW, &format!("https://git.example/corp/models/{AT}@refs"), false),
            (WORKFLOW, "https://git.example/corp/models/.flows/release.yml@refs/tags/v", false),
        ] {
            assert_eq!(NamePattern::identity(pattern).unwrap().matches(name), expected, "{pattern} {name}");
        }
        for (pattern, name, expected) in [
            ("*.vendor.example", "sign.vendor.example", true),
            ("*.vendor.example", "a.sign.vendor.example", false),
            ("*.vendor.example", "vendor.example", false),
            ("*.vendor.example", ".vendor.example", false),
            ("*.vendor.example", "x@y.vendor.example", false),
            ("vendor.example", "vendor.example", true),
        ] {
            let pattern = NamePattern::alternative_name(pattern).unwrap();
            assert_eq!(pattern.matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_star_for_a_host_or_for_anybody_is_refused() {
        for pattern in [
            "https://*.example/corp",
            "https://git.example*/corp",
            "https://*",
            "*://git.example/corp",
            "https://git*@git.example/corp",
            "https://git.example*?x",
            "ann@*",
            "ann@*.example",
            "*@*",
            "*",
            "corp-*",
            "*.vendor.example",
        ] {
            assert!(NamePattern::identity(pattern).is_err(), "{pattern}");
        }
        for pattern in
            ["*", "*.example", "a.*.example", "s*.vendor.example", "*.*.example", "**.a.b", "*.a..b"]
        {
            assert!(NamePattern::alternative_name(pattern).is_err(), "{pattern}");
        }
        for pattern in ["a b", "a\nb", "a\\b", &"a".repeat(2000)] {
            assert!(NamePattern::identity(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn places_are_matched_part_for_part() {
        for (pattern, place, expected) in [
            ("models/prod", "models/prod", true),
            ("models/prod", "models/prod/x", false),
            ("models/prod/**", "models/prod", true),
            ("models/prod/**", "models/prod/a/b", true),
            ("models/prod/**", "models/production", false),
            ("models/*", "models/a", true),
            ("models/*", "models", false),
            ("models/*", "models/a/b", false),
            ("models/**/x", "models/x", true),
            ("models/**/x", "models/a/b/x", true),
            ("models/**/x", "models/a/b/y", false),
            ("models/v*", "models/v1@2", true),
            ("models/v*", "models/v", false),
            ("**", ".", true),
            ("**", "a/b", true),
            ("**", "/a/b", false),
            ("**", "hf://org/name", false),
            (".", ".", true),
            ("/srv/**", "/srv/a", true),
            ("/srv/**", "srv/a", false),
            ("hf://org/**", "hf://org/name", true),
            ("hf://org/**", "hf://organ/name", false),
            ("hf://org/*", "hf://org/name@main", false),
            ("hf://**", "hf://org/name", true),
            ("hf://**", "https://org/name", false),
            ("Models", "models", false),
            ("my models/*", "my models/a b", true),
            ("my models/a", "mymodels/a", false),
        ] {
            let read = PlacePattern::new(pattern).unwrap();
            assert_eq!(read.matches(&Place::new(place).unwrap()), expected, "{pattern} {place}");
        }
        for pattern in
            ["", "a//b", "a/", "./a", "../a", "a/**b", "a/***", "a?", "[ab]", "hf://*/x", "hf://", "H://x"]
        {
            assert!(PlacePattern::new(pattern).is_err(), "{pattern}");
        }
        // What nobody sees at the end of a name, and what only looks like a space.
        for pattern in ["a ", " a", "a /b", "a/ b", " ", "a\tb", "a\u{a0}b", "hf://o/a b"] {
            assert!(PlacePattern::new(pattern).is_err(), "{pattern:?}");
        }
        for place in ["", "a//b", "../a", "a/.."] {
            assert_eq!(Place::new(place), None, "{place}");
        }
    }

    #[test]
    fn a_long_pattern_ends() {
        let pattern = PlacePattern::new(&vec!["**"; 300].join("/")).unwrap();
        assert!(pattern.matches(&Place::new(&vec!["a"; 3000].join("/")).unwrap()));
        let pattern = PlacePattern::new(&"a*".repeat(500)).unwrap();
        assert!(!pattern.matches(&Place::new(&("a".repeat(4000) + "b/c")).unwrap()));
    }
}
