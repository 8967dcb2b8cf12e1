//! `Pipfile` and `Pipfile.lock`: what a project of Pipenv asks for, and what is fixed for it.
//!
//! Source: documentation of Pipenv (*Pipfile & Pipfile.lock*, *Specifiers*) and lock files that it wrote
//! (`pipfile-spec` 6). Both hold tables of packages by category: a constraint as text, or a table with it, extras,
//! markers and a place. A lock file lists packages without edges between them: who asks for whom is not in it.

use toml::de::DeValue;
use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::Digest;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Locked, Origin, Project, Requirement, Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::document::{Document, Item, Piece, Table};
use super::is_installed;
use super::notes::Notes;
use super::origin;
use super::pip_settings;
use super::requirement::{self, Markers};
use super::text::{printable, quoted};
use crate::tree::{self, Node, Tree};

/// Tables of a `Pipfile` that hold no packages.
const OTHER_TABLES: [&str; 5] = ["source", "requires", "scripts", "pipenv", "build-system"];

/// Variables of markers (PEP 508) that a `Pipfile` may name as keys of a package.
const VARIABLES: [&str; 11] = [
    "os_name",
    "sys_platform",
    "platform_machine",
    "platform_python_implementation",
    "platform_release",
    "platform_system",
    "platform_version",
    "python_version",
    "python_full_version",
    "implementation_name",
    "implementation_version",
];

/// Systems of version control, as keys of a package.
const SYSTEMS: [&str; 4] = ["git", "hg", "svn", "bzr"];

/// Reads `Pipfile`.
pub struct PipfileReader;

/// Reads `Pipfile.lock`.
pub struct PipfileLockReader;

impl Reader for PipfileReader {
    fn about(&self) -> &'static About {
        &About {
            id: "pipfile",
            title: "manifest of Pipenv",
            family: Family::Package,
            names: &["Pipfile"],
            reads: "requirements of every category with extras, markers and sources; the indexes; the Python version",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.name() == "Pipfile" && !is_installed(hint) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let bytes = input.read_text()?;
        let mut notes = Notes::manifest(sink);
        let document = Document::new(bytes, &mut notes);
        let piece = document.whole(&mut notes)?;
        let mut python = None;
        if let Some(requires) = piece.table(&piece.table, "requires", &mut notes) {
            let version = piece.text(requires, "python_version", &mut notes);
            let full = piece.text(requires, "python_full_version", &mut notes);
            python = supported(version, full, &mut notes);
        }
        let project = Project { name: None, version: None, requires_python: python };
        notes.sink.declared(What::Project(project), None);
        pip_settings::tell_pipenv(&piece.table, &OTHER_TABLES, &piece, &mut notes);
        let mut markers = Markers::default();
        for (key, item) in &piece.table {
            let category = key.get_ref().as_ref();
            if OTHER_TABLES.contains(&category) {
                continue;
            }
            input.go_on()?;
            let span = piece.span(key.span());
            let role = if category == "packages" {
                Role::Runtime
            } else {
                let Some(group) = requirement::name(category, span, &mut notes) else { continue };
                Role::Group(group)
            };
            let table = piece.expect(item.get_ref().as_table(), "a table", category, item, &mut notes);
            for (name, item) in table.into_iter().flatten() {
                let span = piece.span(name.span());
                let entry = stated(name.get_ref(), item, &piece, &mut notes);
                let found = entry.and_then(|entry| {
                    entry.requirement(name.get_ref(), span.clone(), &mut markers, &mut notes)
                });
                if let Some(found) = found {
                    let requires = requirement::requires(found, role.clone());
                    notes.sink.declared(What::Requires(requires), span);
                }
            }
        }
        Ok(())
    }
}

impl Reader for PipfileLockReader {
    fn about(&self) -> &'static About {
        &About {
            id: "pipfile-lock",
            title: "Pipenv lock file",
            family: Family::Package,
            names: &["Pipfile.lock"],
            reads: "packages of every category with versions, markers, sources and digests; the file has no edges",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.name() == "Pipfile.lock" && !is_installed(hint) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let bytes = input.read_text()?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let document = tree::json(bytes)?.ok_or_else(|| Unread::Malformed("no JSON".to_owned()))?;
        let Tree::Map(categories) = &document.tree else {
            return Err(Unread::Malformed("no object with categories of packages".to_owned()));
        };
        let mut notes = Notes::manifest(sink);
        let mut markers = Markers::default();
        let mut described = false;
        for (category, packages) in categories {
            input.go_on()?;
            let category = category.text().unwrap_or_default();
            if category == "_meta" {
                described = true;
                description(packages, &mut notes);
                continue;
            }
            let Tree::Map(packages) = &packages.tree else {
                notes.lost(format!("`{}` is no object of packages", quoted(category)), packages.span());
                continue;
            };
            for (name, item) in packages {
                let text = name.text().unwrap_or_default();
                if let Some(locked) = locked(text, item, name.span(), &mut markers, &mut notes) {
                    notes.sink.declared(What::Locked(locked), name.span());
                }
            }
        }
        if !described {
            notes.malformed("states no `_meta`", None);
        }
        Ok(())
    }
}

/// The supported Python versions: `3.9` means every patch of it, `3.9.1` only that one.
fn supported(version: Option<&str>, full: Option<&str>, notes: &mut Notes<'_>) -> Option<String> {
    let text = match (full, version) {
        (Some(full), _) => format!("=={full}"),
        (None, Some(version)) => format!("=={version}.*"),
        (None, None) => return None,
    };
    let found = requirement::specifier(&text, None, notes);
    Some(found).filter(|found| !found.is_empty())
}

/// What the lock file says of itself.
fn description(meta: &Node, notes: &mut Notes<'_>) {
    // Since 2018 there is only this one.
    let version = meta.get("pipfile-spec").next();
    if version.and_then(Node::text) != Some("6") {
        let shown = version
            .and_then(Node::text)
            .map_or("of an unknown version".to_owned(), |version| format!("version {}", quoted(version)));
        let span = version.unwrap_or(meta).span();
        notes.sink.unread(Unread::Unsupported(format!("Pipenv lock file {shown}")), span);
    }
    let Some(requires) = meta.get("requires").next() else { return };
    let text = |key: &'static str| requires.get(key).next().and_then(Node::text).map(str::to_owned);
    let (version, full) = (text("python_version"), text("python_full_version"));
    if let Some(python) = supported(version.as_deref(), full.as_deref(), notes) {
        let project = Project { name: None, version: None, requires_python: Some(python) };
        notes.sink.declared(What::Project(project), requires.span());
    }
}

/// A package as both files write it.
#[derive(Default)]
struct Entry {
    /// The constraint; of a lock file the version behind `==`.
    version: Option<String>,
    extras: Vec<String>,
    /// Conditions of which all must hold.
    conditions: Vec<String>,
    origin: Option<Origin>,
}

impl Entry {
    fn requirement(
        self,
        name: &str,
        span: Option<Span>,
        markers: &mut Markers,
        notes: &mut Notes<'_>,
    ) -> Option<Requirement> {
        let mut found = requirement::plain(requirement::name(name, span.clone(), notes)?);
        if let Some(version) = self.version {
            // A number alone is an exact version.
            let bare = version.trim_start().starts_with(|first: char| first.is_ascii_digit());
            let version = if bare { format!("=={}", version.trim()) } else { version };
            found.specifier = requirement::specifier(&version, span.clone(), notes);
        }
        let extras = self.extras.iter();
        let extras = extras.filter_map(|extra| requirement::name(extra, span.clone(), notes)).collect();
        found.extras = requirement::sorted(extras);
        let mut marker = None;
        for condition in &self.conditions {
            marker = requirement::both(marker.as_deref(), Some(condition));
        }
        found.marker = marker.and_then(|text| markers.canonical(&text, span, notes));
        found.origin = self.origin.unwrap_or(Origin::Index);
        Some(found)
    }
}

/// The place of a package: what the keys say, and whether it is installed in place.
fn place(key: &str, text: &str, reference: Option<String>, editable: bool) -> Origin {
    match key {
        "path" => origin::local(text, editable).origin,
        "file" if origin::is_url(text) => origin::locate(text, editable).origin,
        "file" => origin::local(text, editable).origin,
        system => {
            let pinned = reference.as_deref().is_some_and(origin::is_commit);
            let url = origin::without_credentials(text);
            let url = if system == "git" { url } else { format!("{system}+{url}") };
            Origin::Vcs { url, reference, pinned }
        }
    }
}

/// An entry of a `Pipfile`.
fn stated(name: &str, item: &Item<'_>, piece: &Piece<'_>, notes: &mut Notes<'_>) -> Option<Entry> {
    let mut entry = Entry::default();
    let table: &Table<'_> = match item.get_ref() {
        DeValue::String(version) => {
            entry.version = Some(version.to_string());
            return Some(entry);
        }
        DeValue::Table(table) => table,
        _ => return piece.expect(None, "a constraint", name, item, notes),
    };
    entry.version = piece.text(table, "version", notes).map(str::to_owned);
    for item in piece.array(table, "extras", notes) {
        let text = piece.expect(item.get_ref().as_str(), "a text", "extras", item, notes);
        entry.extras.extend(text.map(str::to_owned));
    }
    let marker = piece.text(table, "markers", notes).filter(|text| !text.trim().is_empty());
    entry.conditions.extend(marker.map(str::to_owned));
    for variable in VARIABLES.iter().filter(|variable| table.contains_key(**variable)) {
        let condition = piece.text(table, variable, notes);
        entry.conditions.extend(condition.map(|condition| format!("{variable} {condition}")));
    }
    let editable = table.get("editable").and_then(|item| item.get_ref().as_bool()).unwrap_or(false);
    let reference = piece.text(table, "ref", notes).map(str::to_owned);
    for key in SYSTEMS.iter().chain(&["path", "file"]).filter(|key| table.contains_key(**key)) {
        let text = piece.text(table, key, notes)?;
        entry.origin = Some(place(key, text, reference.clone(), editable));
    }
    Some(entry)
}

/// An entry of a `Pipfile.lock`.
fn locked(
    name: &str,
    item: &Node,
    span: Option<Span>,
    markers: &mut Markers,
    notes: &mut Notes<'_>,
) -> Option<Locked> {
    if !matches!(item.tree, Tree::Map(_)) {
        notes.lost(format!("`{}` is no object", quoted(name)), item.span());
        return None;
    }
    let mut entry = Entry::default();
    let (mut reference, mut editable, mut located) = (None, false, Vec::new());
    let mut digests = Vec::new();
    for (key, value) in item.map() {
        let key = key.text().unwrap_or_default();
        match (key, &value.tree) {
            ("version", Tree::Text(text)) => entry.version = Some(text.clone()),
            ("markers", Tree::Text(text)) => entry.conditions.extend(Some(text.clone())),
            ("ref", Tree::Text(text)) => reference = Some(text.clone()),
            ("editable", Tree::Plain(word)) => editable = word == "true",
            ("extras", Tree::List(extras)) => {
                entry.extras.extend(extras.iter().filter_map(Node::text).map(str::to_owned));
            }
            ("hashes", Tree::List(hashes)) => {
                digests.extend(hashes.iter().filter_map(|hash| digest(hash, notes)))
            }
            ("path" | "file", Tree::Text(text)) => located.push((key, text)),
            (system, Tree::Text(text)) if SYSTEMS.contains(&system) => located.push((system, text)),
            ("version" | "markers" | "ref" | "extras" | "hashes" | "path" | "file" | "git", _) => {
                notes.lost(format!("`{key}` of `{}` is of the wrong kind", quoted(name)), value.span());
            }
            _ => {}
        }
    }
    entry.origin = located.last().map(|(key, text)| place(key, text, reference, editable));
    let version = entry.version.take();
    let found = entry.requirement(name, span.clone(), markers, notes)?;
    let exact = |version: &str| {
        let exact = version.strip_prefix("==").map(|text| text.trim_start_matches('=').trim().to_owned());
        exact.filter(|text| !text.is_empty())
    };
    let exact = version.as_deref().and_then(exact);
    if exact.is_none() && found.origin == Origin::Index {
        let shown = version.map_or("none".to_owned(), |version| format!("`{}`", quoted(&version)));
        notes.malformed(format!("the version of `{}` is {shown}, not one", quoted(name)), span);
    }
    let mut origin = found.origin;
    if let (Origin::Url { pinned, .. }, false) = (&mut origin, digests.is_empty()) {
        *pinned = true;
    }
    Some(Locked {
        ecosystem: Ecosystem::PyPi,
        name: found.name,
        version: exact.map(|version| printable(&version, 200)),
        origin,
        digests: requirement::sorted(digests),
        marker: found.marker,
        root: false,
        requires: Vec::new(),
    })
}

/// The digest in `sha256:…`; none of another algorithm.
fn digest(hash: &Node, notes: &mut Notes<'_>) -> Option<Digest> {
    let text = hash.text().unwrap_or_default();
    match text.split_once(':') {
        Some(("sha256", hex)) => {
            let digest = hex.parse().ok();
            if digest.is_none() {
                notes.malformed(format!("no SHA-256: `{}`", quoted(text)), hash.span());
            }
            digest
        }
        Some(_) => None,
        None => {
            notes.malformed(format!("a digest without algorithm: `{}`", quoted(text)), hash.span());
            None
        }
    }
}
