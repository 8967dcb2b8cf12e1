//! `pdm.lock`: the packages that PDM has fixed, formats 2 to 4.5.
//!
//! Source: documentation of PDM (*Lock file*, *Lock strategies*) and lock files of its releases. Digests lie in the
//! package (`files`, since 4.1) or in `[metadata.files]` by `"NAME VERSION"`. A package with extras has an entry of its
//! own for them, beside the plain one: what it asks for comes with these extras only. The project itself is not among
//! the packages: what it asks for stands in its `pyproject.toml`.

use std::collections::BTreeMap;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::digest::Digest;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Locked, Origin, Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::document::{Piece, Table, pieces_of};
use super::is_installed;
use super::notes::Notes;
use super::origin;
use super::poetry_lock::files;
use super::requirement::{self, Markers};
use super::text::{printable, quoted};

/// Most edges of one entry: each requirement counts once for every extra of the entry.
const MOST_EDGES: usize = 20_000;

/// Reads `pdm.lock`.
pub struct PdmLockReader;

impl Reader for PdmLockReader {
    fn about(&self) -> &'static About {
        &About {
            id: "pdm-lock",
            title: "PDM lock file",
            family: Family::Package,
            names: &["pdm.lock", "pdm.*.lock"],
            reads: "packages with versions, sources, digests, markers, edges and extras",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let middle = hint.name().strip_prefix("pdm.").and_then(|rest| rest.strip_suffix("lock"));
        let named = middle.is_some_and(|middle| middle.is_empty() || middle.ends_with('.'));
        if named && !is_installed(hint) { Claim::ByName } else { Claim::No }
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
    /// Digests from the end of the file, by name and version.
    digests: BTreeMap<(PackageName, String), Vec<Digest>>,
    /// The file says of which version its format is.
    versioned: bool,
    markers: Markers,
}

impl Lock {
    fn take(&mut self, piece: &Piece<'_>, notes: &mut Notes<'_>) {
        for (package, span) in piece.tables(&piece.table, "package", notes) {
            self.package(package, span, piece, notes);
        }
        let Some(metadata) = piece.table(&piece.table, "metadata", notes) else { return };
        if let Some(item) = metadata.get("lock_version") {
            self.versioned = true;
            let version = piece.text(metadata, "lock_version", notes).unwrap_or_default();
            let major = version.split('.').next().unwrap_or_default();
            if !matches!(major, "2" | "3" | "4") {
                let what = format!("PDM lock file version {}", quoted(version));
                notes.sink.unread(Unread::Unsupported(what), piece.span(item.span()));
            }
        }
        let Some(table) = piece.table(metadata, "files", notes) else { return };
        for key in table.keys() {
            let span = piece.span(key.span());
            let (name, version) = key.get_ref().split_once(' ').unwrap_or((key.get_ref(), ""));
            // The name may carry extras.
            let name = name.split('[').next().unwrap_or_default();
            let Some(name) = requirement::name(name, span, notes) else { continue };
            let found = files(table, key.get_ref(), piece, notes);
            self.digests.entry((name, version.to_owned())).or_default().extend(found);
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
        let origin = source(package, piece, notes);
        let marker = piece.text(package, "marker", notes);
        let marker = marker.and_then(|text| self.markers.canonical(text, span.clone(), notes));
        let mut roles = Vec::new();
        for item in piece.array(package, "extras", notes) {
            let text = piece.expect(item.get_ref().as_str(), "a text", "extras", item, notes);
            let extra = text.and_then(|text| requirement::name(text, piece.span(item.span()), notes));
            roles.extend(extra.map(Role::Extra));
        }
        let of_extras = !roles.is_empty();
        if !of_extras {
            roles.push(Role::Runtime);
        }
        let mut requires = Vec::new();
        for item in piece.array(package, "dependencies", notes) {
            let text = piece.expect(item.get_ref().as_str(), "a text", "dependencies", item, notes);
            let Some(text) = text else { continue };
            // Paths within the project are written so that they hold wherever it lies.
            let text = text.replace("file:///${PROJECT_ROOT}/", "./");
            match requirement::parse(&text) {
                // The entry with extras asks for the plain one.
                Ok(found) if of_extras && found.name == name && found.extras.is_empty() => {}
                Ok(_) if requires.len().saturating_add(roles.len()) > MOST_EDGES => {
                    let limit = u64::try_from(MOST_EDGES).unwrap_or(u64::MAX);
                    notes.sink.unread(Unread::Limit(LimitKind::Entries, limit), span.clone());
                    break;
                }
                Ok(found) => {
                    requires
                        .extend(roles.iter().map(|role| requirement::requires(found.clone(), role.clone())));
                }
                Err(reason) => notes.lost(reason, piece.span(item.span())),
            }
        }
        let ecosystem = Ecosystem::PyPi;
        let locked = Locked { ecosystem, name, version, origin, digests, marker, root: false, requires };
        self.packages.push((locked, span));
    }

    fn tell(self, notes: &mut Notes<'_>) {
        if !self.versioned {
            notes.malformed("states no `lock_version`", None);
        }
        for (mut locked, span) in self.packages {
            let key = (locked.name.clone(), locked.version.clone().unwrap_or_default());
            locked.digests.extend(self.digests.get(&key).into_iter().flatten());
            locked.digests = requirement::sorted(locked.digests);
            if let (Origin::Url { pinned, .. }, false) = (&mut locked.origin, locked.digests.is_empty()) {
                *pinned = true;
            }
            notes.sink.declared(What::Locked(locked), span);
        }
    }
}

/// Where a package comes from: its own keys say so.
fn source(package: &Table<'_>, piece: &Piece<'_>, notes: &mut Notes<'_>) -> Origin {
    let mut text = |key: &str| piece.text(package, key, notes).map(str::to_owned);
    for system in ["git", "hg", "svn", "bzr"] {
        let Some(url) = text(system) else { continue };
        let reference = text("revision").or_else(|| text("ref"));
        let pinned = reference.as_deref().is_some_and(origin::is_commit);
        let url = origin::without_credentials(&url);
        let url = if system == "git" { url } else { format!("{system}+{url}") };
        return Origin::Vcs { url, reference, pinned };
    }
    if let Some(url) = text("url") {
        return origin::locate(&url, false).origin;
    }
    if let Some(path) = text("path") {
        let editable = package.get("editable").and_then(|item| item.get_ref().as_bool()).unwrap_or(false);
        return Origin::Path { path, editable };
    }
    Origin::Index
}
