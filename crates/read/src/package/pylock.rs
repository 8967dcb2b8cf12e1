//! `pylock.toml` and `pylock.NAME.toml`: the lock file that all installers share (PEP 751).

use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::Digest;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Locked, Origin, Requirement, Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::document::{Piece, Table, pieces_of};
use super::is_installed;
use super::notes::Notes;
use super::origin;
use super::requirement::{self, Markers};
use super::text::{printable, quoted};

/// Reads `pylock.toml`.
pub struct PylockReader;

impl Reader for PylockReader {
    fn about(&self) -> &'static About {
        &About {
            id: "pylock",
            title: "Python lock file",
            family: Family::Package,
            names: &["pylock.toml", "pylock.*.toml"],
            reads: "packages with versions, markers, sources, digests and edges",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let middle = hint.name().strip_prefix("pylock.").and_then(|rest| rest.strip_suffix("toml"));
        let named = middle.is_some_and(|middle| middle.is_empty() || middle.ends_with('.'));
        if named && !is_installed(hint) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut markers = Markers::default();
        let mut version = false;
        let mut notes = pieces_of(input, sink, "[[packages]]", |piece, notes| {
            version |= lock_version(piece, notes);
            for (package, span) in piece.tables(&piece.table, "packages", notes) {
                if let Some(locked) = self::package(package, span.clone(), piece, notes, &mut markers) {
                    notes.sink.declared(What::Locked(locked), span);
                }
            }
        })?;
        if !version {
            notes.malformed("states no `lock-version`", None);
        }
        Ok(())
    }
}

/// Whether the piece states the version of the format; one of another major version is read as far as it goes.
fn lock_version(piece: &Piece<'_>, notes: &mut Notes<'_>) -> bool {
    let Some(item) = piece.table.get("lock-version") else { return false };
    let Some(version) = piece.text(&piece.table, "lock-version", notes) else { return true };
    if version != "1" && !version.starts_with("1.") {
        let what = format!("Python lock file version {}", quoted(version));
        notes.sink.unread(Unread::Unsupported(what), piece.span(item.span()));
    }
    true
}

fn package(
    package: &Table<'_>,
    span: Option<Span>,
    piece: &Piece<'_>,
    notes: &mut Notes<'_>,
    markers: &mut Markers,
) -> Option<Locked> {
    let Some(name) = piece.text(package, "name", notes) else {
        notes.lost("a package without name", span);
        return None;
    };
    let name = requirement::name(name, span.clone(), notes)?;
    let version = piece.text(package, "version", notes).map(|version| printable(version, 200));
    let marker = piece.text(package, "marker", notes);
    let marker = marker.and_then(|text| markers.canonical(text, span.clone(), notes));
    let mut digests = Vec::new();
    for key in ["archive", "sdist"] {
        if let Some(file) = piece.table(package, key, notes) {
            digests.extend(digest(file, span.clone(), piece, notes));
        }
    }
    for (file, span) in piece.tables(package, "wheels", notes) {
        digests.extend(digest(file, span, piece, notes));
    }
    let origin = place(package, piece, notes);
    let root =
        matches!(&origin, Origin::Path { path, .. } if path == "." && package.contains_key("directory"));
    let mut requires = Vec::new();
    for (entry, span) in piece.tables(package, "dependencies", notes) {
        let edge = dependency(entry, span, piece, notes);
        requires.extend(edge.map(|edge| requirement::requires(edge, Role::Runtime)));
    }
    let ecosystem = Ecosystem::PyPi;
    let digests = requirement::sorted(digests);
    Some(Locked { ecosystem, name, version, origin, digests, marker, root, requires })
}

/// A reference to another package: any keys of it that tell it apart.
fn dependency(
    entry: &Table<'_>,
    span: Option<Span>,
    piece: &Piece<'_>,
    notes: &mut Notes<'_>,
) -> Option<Requirement> {
    let Some(name) = piece.text(entry, "name", notes) else {
        notes.lost("a dependency without name", span);
        return None;
    };
    let mut found = requirement::plain(requirement::name(name, span.clone(), notes)?);
    if let Some(version) = piece.text(entry, "version", notes) {
        found.specifier = requirement::specifier(&format!("=={version}"), span, notes);
    }
    found.origin = place(entry, piece, notes);
    Some(found)
}

/// Where the package comes from. Files of an `sdist` or of `wheels` come from an index.
fn place(package: &Table<'_>, piece: &Piece<'_>, notes: &mut Notes<'_>) -> Origin {
    let text = |table: &Table<'_>, key: &str, notes: &mut Notes<'_>| {
        piece.text(table, key, notes).map(str::to_owned)
    };
    if let Some(vcs) = piece.table(package, "vcs", notes) {
        let url = text(vcs, "url", notes).map(|url| origin::without_credentials(&url));
        let reference = text(vcs, "commit-id", notes).or_else(|| text(vcs, "requested-revision", notes));
        let pinned = reference.as_deref().is_some_and(origin::is_commit);
        let url = url.or_else(|| text(vcs, "path", notes)).unwrap_or_default();
        return Origin::Vcs { url, reference, pinned };
    }
    if let Some(directory) = piece.table(package, "directory", notes) {
        let editable = directory.get("editable").and_then(|item| item.get_ref().as_bool()).unwrap_or(false);
        return Origin::Path { path: text(directory, "path", notes).unwrap_or_default(), editable };
    }
    if let Some(archive) = piece.table(package, "archive", notes) {
        let pinned = piece.table(archive, "hashes", notes).is_some_and(|hashes| !hashes.is_empty());
        return match text(archive, "url", notes) {
            Some(url) => Origin::Url { url: origin::without_credentials(&url), pinned },
            None => Origin::Path { path: text(archive, "path", notes).unwrap_or_default(), editable: false },
        };
    }
    Origin::Index
}

/// The SHA-256 of a file's `hashes`, where it is among them.
fn digest(file: &Table<'_>, span: Option<Span>, piece: &Piece<'_>, notes: &mut Notes<'_>) -> Option<Digest> {
    let Some(hashes) = piece.table(file, "hashes", notes) else {
        notes.malformed("a file without `hashes`", span);
        return None;
    };
    let hex = piece.text(hashes, "sha256", notes)?;
    let digest = hex.parse().ok();
    if digest.is_none() {
        notes.malformed(format!("no SHA-256: `{}`", quoted(hex)), span);
    }
    digest
}
