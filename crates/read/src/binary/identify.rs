//! Which libraries a binary is, or holds copies of.
//!
//! A text counts only where the binary is the library (it is called so, or defines its symbols) or where nothing says
//! that it is a client: it neither asks others for the library's symbols nor is linked to a file that is called like
//! the library. What a client says of the library that it was built with says nothing about the copy that it will use.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::coverage::Unread;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Library, Sign, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;
use weighbridge_core::sink::Sink;

use super::name::Name;
use super::parts::Parts;
use super::pattern::{glob, is_printable};
use super::table::{Signature, Text, table};
use crate::bytes::{length, offset};

/// Bytes of texts looked at together.
const WINDOW: usize = 1 << 20;
/// What two windows have in common: more than the longest text that a pattern can match, on both sides.
const OVERLAP: usize = 512;
/// Most versions of one library in one file.
const MOST_VERSIONS: usize = 8;
/// Longest text that is a version and nothing else, with what may stand behind it.
const LONGEST_BARE: usize = 40;

/// What was seen of one library.
#[derive(Default)]
struct Seen {
    /// Versions, each with its text and where it stands.
    versions: BTreeMap<String, (String, u64)>,
    /// A text that only the library holds and that says no version.
    mark: Option<(String, u64)>,
}

/// Tells the libraries of a binary that is called `name`.
pub(super) fn identify(input: &Input, name: &str, parts: &Parts, sink: &mut Sink) -> Result<(), Unread> {
    let seen = look_for_texts(input, parts)?;
    let names = Names::new(name, parts);
    let needs: Vec<Name> = parts.binary.needs.iter().map(|needed| Name::new(needed)).collect();
    let mut found: BTreeMap<&str, Vec<(Library, Option<Span>)>> = BTreeMap::new();
    let mut wanted = Vec::new();
    for (place, signature) in table().signatures.iter().enumerate() {
        let Ok(package) = PackageName::of(Ecosystem::Native, signature.name) else { continue };
        let seen = seen.get(&place);
        let library = |version: Option<String>, sign, shown: &str| Library {
            name: package.clone(),
            version,
            sign,
            shown: shown.to_owned(),
        };
        let named = names.of(signature);
        let defined = signature.symbols.iter().find(|symbol| parts.defines.contains(**symbol)).copied();
        let is_client = defined.is_none()
            && (signature.symbols.iter().any(|symbol| parts.asks.contains(symbol))
                || needs.iter().any(|needed| is_called(signature, needed)));
        if named.is_none() && is_client {
            continue;
        }
        let versions = seen.map(|seen| &seen.versions).filter(|versions| !versions.is_empty());
        let told: Vec<(Library, Option<Span>)> = if let Some(versions) = versions {
            let one = |(version, (text, at)): (&String, &(String, u64))| {
                (library(Some(version.clone()), Sign::Text, text), Some(Span::Offset(*at)))
            };
            versions.iter().map(one).collect()
        } else if let Some(named) = named {
            let resource = parts.resource.as_deref().filter(|_| signature.resource);
            match (names.version(signature), resource.and_then(plain)) {
                (Some((version, name)), _) => vec![(library(Some(version), Sign::FileName, &name), None)],
                (None, Some(version)) => vec![(library(Some(version), Sign::Resource, named), None)],
                (None, None) => vec![(library(None, Sign::FileName, named), None)],
            }
        } else if let Some((text, at)) = seen.and_then(|seen| seen.mark.as_ref()) {
            vec![(library(None, Sign::Text, text), Some(Span::Offset(*at)))]
        } else if let Some(symbol) = defined {
            vec![(library(None, Sign::Symbol, symbol), None)]
        } else {
            continue;
        };
        // A text of digits and dots may be the version of anything else that the file holds, so that most shapes count
        // only in the library's own file.
        let is_own = named.is_some();
        let is_open = told.iter().all(|(library, _)| library.version.is_none());
        if is_open && signature.bare.iter().any(|shape| is_own || is_for_copies(shape)) {
            wanted.push(Wanted { signature, is_own });
        }
        found.insert(signature.name, told);
    }
    let held: BTreeSet<&str> = found.keys().copied().collect();
    for signature in table().signatures.iter().filter(|it| it.not.iter().any(|other| held.contains(other))) {
        found.remove(signature.name);
    }
    wanted.retain(|wanted| found.contains_key(wanted.signature.name));
    if !wanted.is_empty() {
        let bare = bare_versions(input, parts, &wanted)?;
        for (name, (version, at)) in bare {
            if let Some([(library, span)]) = found.get_mut(name).map(Vec::as_mut_slice) {
                *library = Library {
                    version: Some(version.clone()),
                    sign: Sign::Text,
                    shown: version,
                    ..library.clone()
                };
                *span = Some(Span::Offset(at));
            }
        }
    }
    for (library, span) in found.into_values().flatten() {
        sink.observed(What::Library(library), span);
    }
    Ok(())
}

/// A version of nothing but numbers and dots; resources also hold words.
fn plain(version: &str) -> Option<String> {
    let plain = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    // Four numbers are stored; a library with three writes a zero behind.
    (plain && version.contains('.')).then(|| match version.strip_suffix(".0") {
        Some(shorter) if shorter.matches('.').count() == 2 => shorter.to_owned(),
        _ => version.to_owned(),
    })
}

/// The names of a binary: that of the file, and the one by which others ask for it.
struct Names(Vec<Name>);

impl Names {
    fn new(file: &str, parts: &Parts) -> Self {
        // A module of Python may be called like the library that it makes usable.
        if parts.binary.module.is_some() {
            return Self(Vec::new());
        }
        Self([Some(file), parts.binary.name.as_deref()].into_iter().flatten().map(Name::new).collect())
    }

    /// The name that is the library's.
    fn of(&self, signature: &Signature) -> Option<&str> {
        self.0.iter().find(|name| is_called(signature, name)).map(|name| name.written.as_str())
    }

    /// The version that a name says.
    fn version(&self, signature: &Signature) -> Option<(String, String)> {
        let released = |name: &Name| {
            let is_release = signature.releases.iter().any(|stem| glob(stem, &name.stem).is_some());
            let numbers = name.numbers.as_deref().filter(|it| is_release && it.matches('.').count() >= 2)?;
            Some((numbers.to_owned(), name.written.clone()))
        };
        let mapped = |name: &Name| {
            signature.sonames.iter().find_map(|(pattern, version)| {
                let number = glob(pattern, &name.plain)?;
                Some((version.replace('@', &number), name.written.clone()))
            })
        };
        self.0.iter().find_map(|name| mapped(name).or_else(|| released(name)))
    }
}

fn is_called(signature: &Signature, name: &Name) -> bool {
    signature.files.iter().any(|file| glob(file, &name.stem).is_some())
}

/// Looks for the texts of all signatures in one pass.
fn look_for_texts(input: &Input, parts: &Parts) -> Result<BTreeMap<usize, Seen>, Unread> {
    let mut seen: BTreeMap<usize, Seen> = BTreeMap::new();
    let Some(needles) = &table().needles else { return Ok(seen) };
    each_window(input, parts, |window, at, keep| {
        for hit in needles.find_overlapping_iter(window) {
            let Some(Text { signature, pattern, version: shape }) =
                table().patterns.get(hit.pattern().as_usize())
            else {
                continue;
            };
            let Some((start, end, version)) = pattern.matches(window, hit.start()) else { continue };
            // What lies near an edge is seen whole in the other window.
            if !keep(start) {
                continue;
            }
            let text = String::from_utf8_lossy(window.get(start..end).unwrap_or_default()).trim().to_owned();
            let at = at.saturating_add(offset(start));
            let seen = seen.entry(*signature).or_default();
            if !pattern.has_version() && *shape == "@" {
                seen.mark.get_or_insert((text, at));
            } else if !pattern.has_version() {
                seen.versions.entry((*shape).to_owned()).or_insert((text, at));
            } else if !version.is_empty() && seen.versions.len() < MOST_VERSIONS {
                seen.versions.entry(shape.replace('@', &version)).or_insert((text, at));
            }
        }
    })?;
    Ok(seen)
}

/// A library whose version is looked for among texts that are nothing else.
struct Wanted {
    signature: &'static Signature,
    /// The file is called like it.
    is_own: bool,
}

/// Whether a shape of a version is mistaken for nothing, so that it counts also where the library is a copy.
fn is_for_copies(shape: &str) -> bool {
    shape.starts_with(['%', '+'])
}

/// Versions that stand alone: of each library the only one of the shapes that are mistaken for nothing, else the only one
/// of all its shapes.
fn bare_versions(
    input: &Input,
    parts: &Parts,
    wanted: &[Wanted],
) -> Result<BTreeMap<&'static str, (String, u64)>, Unread> {
    let mut found: BTreeMap<(&str, bool), BTreeMap<String, u64>> = BTreeMap::new();
    each_window(input, parts, |window, start, keep| {
        let mut at = 0usize;
        for text in window.split(|byte| !is_printable(*byte)) {
            let here = at;
            at = at.saturating_add(text.len()).saturating_add(1);
            if !(3..=LONGEST_BARE).contains(&text.len()) || !keep(here) {
                continue;
            }
            let Ok(text) = std::str::from_utf8(text) else { continue };
            // Most texts are none, and there are many.
            if !text.as_bytes().first().is_some_and(u8::is_ascii_digit) {
                continue;
            }
            for Wanted { signature, is_own } in wanted {
                for shape in signature.bare.iter().filter(|shape| *is_own || is_for_copies(shape)) {
                    if let Some(version) = bare(shape, text) {
                        let at = start.saturating_add(offset(here));
                        let versions = found.entry((signature.name, !is_for_copies(shape))).or_default();
                        versions.entry(version).or_insert(at);
                    }
                }
            }
        }
    })?;
    let mut only: BTreeMap<&str, (String, u64)> = BTreeMap::new();
    // The surer shapes of a library come first.
    for ((name, _), versions) in &found {
        if let (1, Some((version, at))) = (versions.len(), versions.first_key_value()) {
            only.entry(name).or_insert_with(|| (version.clone(), *at));
        }
    }
    Ok(only)
}

/// The version in a text of nothing else: digits and dots behind the given beginning, or with `%` five digits that
/// are a number of the form `MMmmpp` (`20914` is 2.9.14). Behind it may stand how many changes came after it
/// (`1.5.3-0-gb546257`) or its day; `~` at the end of the shape wants the former.
fn bare(shape: &str, text: &str) -> Option<String> {
    if let Some(begin) = shape.strip_prefix('%') {
        let number: u32 = text.parse().ok().filter(|_| text.len() == 5 && text.starts_with(begin))?;
        return Some(format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100));
    }
    let (version, tail) = without_tail(text);
    let (shape, wanted) = shape.strip_suffix('~').map_or((shape, None), |shape| (shape, Some(Tail::Changes)));
    if wanted.is_some() && tail != wanted {
        return None;
    }
    let fits = match shape.strip_prefix('+') {
        Some(whole) => glob(whole, version),
        None => glob(&format!("{shape}@"), version),
    };
    fits.map(|_| version.to_owned()).filter(|version| version.contains('.'))
}

/// What may stand behind a version.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// Of `git describe`: `-0-gb546257`, in x265 `+1-e444744`.
    Changes,
    /// The day of the release: ` 2022-12-11`.
    Day,
}

fn without_tail(text: &str) -> (&str, Option<Tail>) {
    let end = text.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(text.len());
    let (version, tail) = text.split_at_checked(end).unwrap_or((text, ""));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_hash = |text: &str| {
        let text = text.strip_prefix('g').unwrap_or(text);
        (6..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let changes = tail.strip_prefix(['-', '+']).and_then(|tail| tail.split_once('-'));
    if changes.is_some_and(|(number, hash)| is_number(number) && is_hash(hash)) {
        return (version, Some(Tail::Changes));
    }
    let day: Vec<&str> = tail.strip_prefix(' ').unwrap_or_default().split('-').collect();
    if let [year, month, day] = day.as_slice()
        && [(year, 4), (month, 2), (day, 2)].iter().all(|(text, size)| is_number(text) && text.len() == *size)
    {
        return (version, Some(Tail::Day));
    }
    (if tail.is_empty() { version } else { text }, None)
}

/// Shows all texts of a binary in windows that overlap, with the offset of each and whether something that begins at
/// this place is for this window.
fn each_window(
    input: &Input,
    parts: &Parts,
    mut look: impl FnMut(&[u8], u64, &dyn Fn(usize) -> bool),
) -> Result<(), Unread> {
    let mut buffer = Vec::new();
    for (start, end) in parts.ranges(input.size()) {
        let mut at = start;
        while at < end {
            let size = length(end.saturating_sub(at)).min(WINDOW);
            buffer.resize(size, 0);
            let filled = input.read_some(at, &mut buffer)?;
            let window = buffer.get(..filled).unwrap_or_default();
            if window.is_empty() {
                break;
            }
            let last = at.saturating_add(offset(filled)) >= end || filled < size;
            let from = if at == start { 0 } else { OVERLAP / 2 };
            let to = if last { filled } else { filled.saturating_sub(OVERLAP / 2) };
            look(window, at, &|place| (from..to).contains(&place));
            if last {
                break;
            }
            at = at.saturating_add(offset(filled.saturating_sub(OVERLAP)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_alone_or_with_what_follows_them() {
        for (shape, text, version) in [
            ("1.", "1.5.3", Some("1.5.3")),
            ("1.", "1.5.3-0-gb546257", Some("1.5.3")),
            ("1.", "1.5.3-rc1", None),
            ("10.", "10.42 2022-12-11", Some("10.42")),
            ("10.", "10.42 2022-12-111", None),
            ("4.~", "4.2+1-e444744", Some("4.2")),
            ("4.~", "4.2", None),
            ("+3.5?.@", "3.53.1", Some("3.53.1")),
            ("+3.5?.@", "3.5.1", None),
            ("+3.5?.@", "3.11.7", None),
            ("%209", "20914", Some("2.9.14")),
            ("%209", "209140", None),
        ] {
            assert_eq!(bare(shape, text).as_deref(), version, "{shape} for {text}");
        }
    }
}
