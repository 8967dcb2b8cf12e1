//! `poetry.lock`: the packages that Poetry has fixed, formats 1.0 to 2.1 and the older one before.
//!
//! Source: lock files of the Poetry releases. Digests lie in the package (`files`, since 1.5), in `[metadata.files]`
//! (1.0) or in `[metadata.hashes]` (0.x, hexadecimal only). The project itself is not among the packages: what it asks
//! for stands in its `pyproject.toml`.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;
use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::Digest;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Locked, Origin, Requirement, Requires, Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::document::{Item, Piece, Table, pieces_of};
use super::is_installed;
use super::notes::Notes;
use super::origin;
use super::poetry;
use super::requirement::{self, Markers};
use super::text::{printable, quoted};

/// Reads `poetry.lock`.
pub struct PoetryLockReader;

impl Reader for PoetryLockReader {
    fn about(&self) -> &'static About {
        &About {
            id: "poetry-lock",
            title: "Poetry lock file",
            family: Family::Package,
            names: &["poetry.lock"],
            reads: "packages with versions, sources, digests, edges and extras",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.name() == "poetry.lock" && !is_installed(hint) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut lock = Lock::default();
        let mut notes = pieces_of(input, sink, "[[package]]", |piece, notes| lock.take(piece, notes))?;
        lock.tell(&mut notes);
        Ok(())
    }
}

#[derive(Default)]
struct Lock {
    packages: Vec<(Locked, Option<Span>)>,
    /// Digests from the end of the file, by package.
    digests: BTreeMap<PackageName, Vec<Digest>>,
    markers: Markers,
}

impl Lock {
    fn take(&mut self, piece: &Piece<'_>, notes: &mut Notes<'_>) {
        for (package, span) in piece.tables(&piece.table, "package", notes) {
            self.package(package, span, piece, notes);
        }
        let Some(metadata) = piece.table(&piece.table, "metadata", notes) else { return };
        for key in ["files", "hashes"] {
            let Some(table) = piece.table(metadata, key, notes) else { continue };
            for name in table.keys() {
                let Some(package) = requirement::name(name.get_ref(), piece.span(name.span()), notes) else {
                    continue;
                };
                let found = files(table, name.get_ref(), piece, notes);
                self.digests.entry(package).or_default().extend(found);
            }
        }
    }

    fn package(&mut self, package: &Table<'_>, span: Option<Span>, piece: &Piece<'_>, notes: &mut Notes<'_>) {
        let Some(name) = piece.text(package, "name", notes) else {
            notes.lost("a package without name", span);
            return;
        };
        let Some(name) = requirement::name(name, span.clone(), notes) else { return };
        let version = piece.text(package, "version", notes).map(|version| printable(version, 200));
        let digests = files(package, "files", piece, notes);
        let origin = match piece.table(package, "source", notes) {
            Some(table) => source(table, !digests.is_empty(), span.clone(), piece, notes),
            None => Origin::Index,
        };
        let marker = self.package_marker(package, span.clone(), piece, notes);
        let extras = extras(package, piece, notes);
        let mut requires = Vec::new();
        if let Some(table) = piece.table(package, "dependencies", notes) {
            for (key, item) in table {
                let span = piece.span(key.span());
                let Some(name) = requirement::name(key.get_ref(), span.clone(), notes) else { continue };
                for (requirement, optional) in dependency(&name, item, span, piece, notes, &mut self.markers)
                {
                    requires.extend(roles(requirement, optional, &extras));
                }
            }
        }
        let ecosystem = Ecosystem::PyPi;
        let locked = Locked { ecosystem, name, version, origin, digests, marker, root: false, requires };
        self.packages.push((locked, span));
    }

    /// The marker of format 2.1: one text, or one for each dependency group.
    fn package_marker(
        &mut self,
        package: &Table<'_>,
        span: Option<Span>,
        piece: &Piece<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<String> {
        let item = package.get("markers")?;
        let text = match item.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Table(groups) => {
                let mut texts = BTreeSet::new();
                for key in groups.keys() {
                    texts.extend(piece.text(groups, key.get_ref(), notes));
                }
                let always = texts.remove("");
                if always { None } else { requirement::any(&texts.into_iter().collect::<Vec<_>>()) }
            }
            _ => piece.expect(None, "a text", "markers", item, notes),
        };
        text.and_then(|text| self.markers.canonical(&text, span, notes))
    }

    fn tell(mut self, notes: &mut Notes<'_>) {
        for (mut locked, span) in self.packages {
            if let Some(more) = self.digests.remove(&locked.name) {
                locked.digests.extend(&more);
                // The same package may be locked in two versions; the old tables keep their files together.
                self.digests.insert(locked.name.clone(), more);
            }
            locked.digests = requirement::sorted(locked.digests);
            if let (Origin::Url { pinned, .. }, false) = (&mut locked.origin, locked.digests.is_empty()) {
                *pinned = true;
            }
            notes.sink.declared(What::Locked(locked), span);
        }
    }
}

/// A requirement in the roles that it plays: always, or with each extra that lists it. One that is optional and that no
/// extra lists is never asked for; it still narrows the version.
fn roles(
    requirement: Requirement,
    optional: bool,
    extras: &BTreeMap<PackageName, BTreeSet<PackageName>>,
) -> Vec<Requires> {
    if !optional {
        return vec![requirement::requires(requirement, Role::Runtime)];
    }
    let listing = extras.iter().filter(|(_, names)| names.contains(&requirement.name));
    let mut found: Vec<Requires> = listing
        .map(|(extra, _)| requirement::requires(requirement.clone(), Role::Extra(extra.clone())))
        .collect();
    if found.is_empty() {
        found.push(requirement::requires(requirement, Role::Constraint));
    }
    found
}

/// The packages that each extra lists (`docs = ["Sphinx", "coverage (>=5.0.3)"]`).
fn extras(
    package: &Table<'_>,
    piece: &Piece<'_>,
    notes: &mut Notes<'_>,
) -> BTreeMap<PackageName, BTreeSet<PackageName>> {
    let mut found: BTreeMap<PackageName, BTreeSet<PackageName>> = BTreeMap::new();
    let Some(table) = piece.table(package, "extras", notes) else { return found };
    for key in table.keys() {
        let Some(extra) = requirement::name(key.get_ref(), piece.span(key.span()), notes) else { continue };
        let names = found.entry(extra).or_default();
        for item in piece.array(table, key.get_ref(), notes) {
            let Some(text) = piece.expect(item.get_ref().as_str(), "a text", "extras", item, notes) else {
                continue;
            };
            let end =
                text.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).unwrap_or(text.len());
            let name = text.get(..end).unwrap_or_default();
            names.extend(requirement::name(name, piece.span(item.span()), notes));
        }
    }
    found
}

/// What one entry of a `dependencies` table asks for, and whether it is optional. The entry is a constraint, a table, or
/// a list of such tables for different environments.
pub(super) fn dependency(
    name: &PackageName,
    item: &Item<'_>,
    span: Option<Span>,
    piece: &Piece<'_>,
    notes: &mut Notes<'_>,
    markers: &mut Markers,
) -> Vec<(Requirement, bool)> {
    let mut found = requirement::plain(name.clone());
    match item.get_ref() {
        DeValue::String(text) => {
            found.specifier = poetry::specifier(text, span, notes);
            vec![(found, false)]
        }
        DeValue::Array(items) => items
            .iter()
            // A list in a list is none of the forms, and so is not followed.
            .filter(|item| {
                piece
                    .expect((!item.get_ref().is_array()).then_some(()), "a table", name.as_str(), item, notes)
                    .is_some()
            })
            .collect::<Vec<_>>()
            .into_iter()
            .flat_map(|item| dependency(name, item, piece.span(item.span()), piece, notes, markers))
            .collect(),
        DeValue::Table(table) => {
            if let Some(version) = piece.text(table, "version", notes) {
                found.specifier = poetry::specifier(version, span.clone(), notes);
            }
            for item in piece.array(table, "extras", notes) {
                let text = piece.expect(item.get_ref().as_str(), "a text", "extras", item, notes);
                found.extras.extend(text.and_then(|text| requirement::name(text, span.clone(), notes)));
            }
            found.extras = requirement::sorted(found.extras);
            let mut marker =
                piece.text(table, "markers", notes).map(str::to_owned).filter(|text| !text.trim().is_empty());
            if let Some(python) = piece.text(table, "python", notes) {
                let python = python_marker(&poetry::specifier(python, span.clone(), notes));
                marker = requirement::both(marker.as_deref(), python.as_deref());
            }
            if let Some(platform) = piece.text(table, "platform", notes) {
                let platform = format!("sys_platform == '{}'", platform.replace('\'', ""));
                marker = requirement::both(marker.as_deref(), Some(&platform));
            }
            found.marker = marker.and_then(|text| markers.canonical(&text, span, notes));
            found.origin = place(table, piece, notes);
            let optional = table.get("optional").and_then(|item| item.get_ref().as_bool()).unwrap_or(false);
            vec![(found, optional)]
        }
        _ => {
            piece.expect(None::<()>, "a constraint", name.as_str(), item, notes);
            Vec::new()
        }
    }
}

/// A specifier on the Python version as a marker.
fn python_marker(specifier: &str) -> Option<String> {
    let clauses = specifier.split(',').filter(|clause| !clause.is_empty()).map(|clause| {
        let at = clause.find(|c: char| !"<>=!~".contains(c)).unwrap_or(clause.len());
        let (operator, version) = clause.split_at(at);
        format!("python_full_version {operator} '{version}'")
    });
    Some(clauses.collect::<Vec<_>>().join(" and ")).filter(|text| !text.is_empty())
}

/// Where a dependency table says that the package comes from.
pub(super) fn place(table: &Table<'_>, piece: &Piece<'_>, notes: &mut Notes<'_>) -> Origin {
    let mut text = |key: &str| piece.text(table, key, notes).map(str::to_owned);
    if let Some(url) = text("git") {
        let reference = text("rev").or_else(|| text("tag")).or_else(|| text("branch"));
        let pinned = reference.as_deref().is_some_and(origin::is_commit);
        return Origin::Vcs { url: origin::without_credentials(&url), reference, pinned };
    }
    if let Some(url) = text("url") {
        return origin::locate(&url, false).origin;
    }
    if let Some(path) = text("path").or_else(|| text("file")) {
        let flag = |key: &str| table.get(key).and_then(|item| item.get_ref().as_bool()).unwrap_or(false);
        return Origin::Path { path, editable: flag("develop") || flag("editable") };
    }
    Origin::Index
}

/// The `source` table of a locked package.
fn source(
    table: &Table<'_>,
    digested: bool,
    span: Option<Span>,
    piece: &Piece<'_>,
    notes: &mut Notes<'_>,
) -> Origin {
    let url = piece.text(table, "url", notes).unwrap_or_default();
    match piece.text(table, "type", notes) {
        Some("git") => {
            let reference = piece.text(table, "resolved_reference", notes);
            let reference = reference.or_else(|| piece.text(table, "reference", notes)).map(str::to_owned);
            let pinned = reference.as_deref().is_some_and(origin::is_commit);
            Origin::Vcs { url: origin::without_credentials(url), reference, pinned }
        }
        Some("url") => Origin::Url { url: origin::without_credentials(url), pinned: digested },
        Some("directory" | "file") => {
            let develop = table.get("develop").and_then(|item| item.get_ref().as_bool()).unwrap_or(false);
            Origin::Path { path: url.to_owned(), editable: develop }
        }
        // `legacy` is a second index; without a type it is the first one.
        Some("legacy" | "pypi") | None => Origin::Index,
        Some(other) => {
            notes.malformed(format!("a source of unknown kind: `{}`", quoted(other)), span);
            Origin::Index
        }
    }
}

/// The digests at `key`: tables with `hash = "sha256:…"`, or texts that are the digest alone.
pub(super) fn files(table: &Table<'_>, key: &str, piece: &Piece<'_>, notes: &mut Notes<'_>) -> Vec<Digest> {
    let mut digests = Vec::new();
    for item in piece.array(table, key, notes) {
        let hash = match item.get_ref() {
            DeValue::Table(file) => piece.text(file, "hash", notes),
            DeValue::String(hash) => Some(hash.as_ref()),
            _ => piece.expect(None, "a table", key, item, notes),
        };
        let Some(hash) = hash else { continue };
        let hex = match hash.split_once(':') {
            None => Some(hash),
            Some(("sha256", hex)) => Some(hex),
            Some(_) => None,
        };
        match hex.map(str::parse) {
            Some(Ok(digest)) => digests.push(digest),
            Some(Err(_)) => {
                notes.malformed(format!("no SHA-256: `{}`", quoted(hash)), piece.span(item.span()))
            }
            // Another algorithm.
            None => {}
        }
    }
    digests
}
