//! Requirements of PEP 508 as facts, with specifier and marker in canonical form.

use std::collections::BTreeMap;

use weighbridge_advisory::pep440::Specifiers;
use weighbridge_advisory::pep508::{self, Marker};
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Origin, Requirement, Requires, Role};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;

use super::notes::Notes;
use super::origin::{self, Located};
use super::text::{printable, quoted};

/// Longest requirement, in bytes; URLs with signed queries have some 2 KiB.
const MOST_TEXT: usize = 64 << 10;

/// Parses `name[extra]>=1; marker` or `name @ URL; marker`.
///
/// # Errors
/// What is wrong, quoting the text.
pub(super) fn parse(text: &str) -> Result<Requirement, String> {
    if text.len() > MOST_TEXT {
        return Err(format!("longer than any requirement: `{}`", quoted(text)));
    }
    let parsed = pep508::Requirement::parse(text)
        .map_err(|error| format!("{}: `{}`", printable(&error.to_string(), 300), quoted(text)))?;
    let Located { origin, digests, .. } = match &parsed.url {
        Some(url) if origin::is_url(url) => origin::locate(url, false),
        Some(path) => origin::local(path, false),
        None => Located { origin: Origin::Index, egg: None, digests: Vec::new() },
    };
    Ok(Requirement {
        ecosystem: Ecosystem::PyPi,
        name: parsed.name,
        extras: sorted(parsed.extras),
        specifier: parsed.specifiers.to_string(),
        marker: parsed.marker.map(|marker| marker.to_string()),
        origin,
        digests,
    })
}

/// A requirement without condition, for the parts of a lock file.
pub(super) fn plain(name: PackageName) -> Requirement {
    Requirement {
        ecosystem: Ecosystem::PyPi,
        name,
        extras: Vec::new(),
        specifier: String::new(),
        marker: None,
        origin: Origin::Index,
        digests: Vec::new(),
    }
}

/// A requirement that no comment explains.
pub(super) fn requires(requirement: Requirement, role: Role) -> Requires {
    Requires { requirement, role, via: Vec::new() }
}

/// Sorted and without repetition.
pub(super) fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items.dedup();
    items
}

/// The specifier in canonical form; one that cannot be understood is complained about and stays as it is written,
/// which no version satisfies by accident.
pub(super) fn specifier(text: &str, span: Option<Span>, notes: &mut Notes<'_>) -> String {
    // Some tools write any version as `*`.
    if matches!(text.trim(), "" | "*") {
        return String::new();
    }
    match Specifiers::parse_lenient(text) {
        Ok(specifiers) => specifiers.to_string(),
        Err(error) => {
            notes.malformed(format!("{}: `{}`", printable(&error.to_string(), 300), quoted(text)), span);
            quoted(text)
        }
    }
}

/// The name; complained about if it is none.
pub(super) fn name(text: &str, span: Option<Span>, notes: &mut Notes<'_>) -> Option<PackageName> {
    match PackageName::new(text.trim()) {
        Ok(name) => Some(name),
        Err(_) => {
            notes.no_package(text, format!("`{}` is not a package name", quoted(text)), span);
            None
        }
    }
}

/// Canonical forms of markers, each computed once: lock files repeat few markers many times.
#[derive(Default)]
pub(super) struct Markers {
    known: BTreeMap<String, Option<String>>,
}

impl Markers {
    /// The canonical form; one that cannot be understood is complained about and stays as it is written. None for an
    /// empty text.
    pub(super) fn canonical(
        &mut self,
        text: &str,
        span: Option<Span>,
        notes: &mut Notes<'_>,
    ) -> Option<String> {
        if text.trim().is_empty() {
            return None;
        }
        if let Some(known) = self.known.get(text) {
            return known.clone();
        }
        let canonical = match Marker::parse(text) {
            Ok(marker) => marker.to_string(),
            Err(error) => {
                notes.malformed(format!("{}: `{}`", printable(&error.to_string(), 300), quoted(text)), span);
                quoted(text)
            }
        };
        self.known.insert(text.to_owned(), Some(canonical.clone()));
        Some(canonical)
    }
}

/// Both conditions together, as text that is still to be brought into canonical form.
pub(super) fn both(first: Option<&str>, second: Option<&str>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("({first}) and ({second})")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

/// At least one of the conditions, as text that is still to be brought into canonical form; none if there are none.
pub(super) fn any(conditions: &[&str]) -> Option<String> {
    match conditions {
        [] => None,
        [only] => Some((*only).to_owned()),
        many => Some(many.iter().map(|one| format!("({one})")).collect::<Vec<_>>().join(" or ")),
    }
}
