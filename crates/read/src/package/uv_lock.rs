//! `uv.lock`: the packages that `uv` has fixed for a project or workspace, version 1 of the format.
//!
//! Source: the lock files themselves and uv's documentation of its resolution; the format has no specification.
//! Packages of the project or workspace are the roots; their `metadata.requires-dist` holds the specifiers of the
//! manifests. An edge names a version only where the lock holds several of one package.

use std::collections::BTreeSet;

use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::Digest;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Locked, Origin, Requirement, Requires, Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::document::{Piece, Table, pieces_of};
use super::is_installed;
use super::notes::Notes;
use super::origin;
use super::requirement::{self, Markers};
use super::text::{printable, quoted};

/// Reads `uv.lock`.
pub struct UvLockReader;

impl Reader for UvLockReader {
    fn about(&self) -> &'static About {
        &About {
            id: "uv-lock",
            title: "uv lock file",
            family: Family::Package,
            names: &["uv.lock", "*.py.lock"],
            reads: "packages with versions, sources, digests and edges; the specifiers of the roots",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if (hint.name() == "uv.lock" || hint.name().ends_with(".py.lock")) && !is_installed(hint) {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut lock = Lock::default();
        let mut notes = pieces_of(input, sink, "[[package]]", |piece, notes| lock.take(piece, notes))?;
        lock.tell(&mut notes);
        Ok(())
    }
}

/// What the pieces said so far.
#[derive(Default)]
struct Lock {
    members: BTreeSet<PackageName>,
    packages: Vec<(Locked, Option<Span>)>,
    markers: Markers,
}

impl Lock {
    fn take(&mut self, piece: &Piece<'_>, notes: &mut Notes<'_>) {
        if let Some(item) = piece.table.get("version") {
            let version = item.get_ref().as_integer().map(|integer| integer.as_str());
            if version != Some("1") {
                let shown = version.map_or("of an unknown version".to_owned(), |version| {
                    format!("version {}", quoted(version))
                });
                notes
                    .sink
                    .unread(Unread::Unsupported(format!("uv lock file {shown}")), piece.span(item.span()));
            }
        }
        if let Some(manifest) = piece.table(&piece.table, "manifest", notes) {
            self.manifest(manifest, piece, notes);
        }
        for (package, span) in piece.tables(&piece.table, "package", notes) {
            self.package(package, span, piece, notes);
        }
    }

    /// Members of the workspace; requirements of a script or of a workspace without a project; what narrows them.
    fn manifest(&mut self, manifest: &Table<'_>, piece: &Piece<'_>, notes: &mut Notes<'_>) {
        for item in piece.array(manifest, "members", notes) {
            let text = piece.expect(item.get_ref().as_str(), "a text", "members", item, notes);
            self.members
                .extend(text.and_then(|text| requirement::name(text, piece.span(item.span()), notes)));
        }
        let mut groups = vec![(manifest, "requirements", Role::Runtime)];
        groups.push((manifest, "constraints", Role::Constraint));
        groups.push((manifest, "overrides", Role::Constraint));
        if let Some(table) = piece.table(manifest, "dependency-groups", notes) {
            for key in table.keys() {
                if let Some(group) = requirement::name(key.get_ref(), piece.span(key.span()), notes) {
                    groups.push((table, key.get_ref(), Role::Group(group)));
                }
            }
        }
        for (table, key, role) in groups {
            for (entry, span) in piece.tables(table, key, notes) {
                if let Some(requirement) = self.edge(entry, span.clone(), piece, notes) {
                    let requires = requirement::requires(requirement, role.clone());
                    notes.sink.declared(What::Requires(requires), span);
                }
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
        let source = piece.table(package, "source", notes);
        let digests = digests(package, piece, notes);
        let origin = match source {
            Some(source) => self::source(source, !digests.is_empty(), piece, notes),
            None => {
                notes.malformed(format!("package `{name}` states no source"), span.clone());
                Origin::Index
            }
        };
        // The project itself lies at the root; a path elsewhere is a member only if the manifest says so, which may
        // come later.
        let root = match &origin {
            Origin::Path { path, .. } if source.is_some_and(|table| !table.contains_key("path")) => {
                path == "."
            }
            _ => false,
        };
        let marker = self.forks(package, piece, notes);
        let mut requires = Vec::new();
        self.edges(package, "dependencies", &Role::Runtime, piece, notes, &mut requires);
        let is_extra = |key: &str| key == "optional-dependencies";
        for key in ["optional-dependencies", "dev-dependencies", "dependency-groups"] {
            let Some(groups) = piece.table(package, key, notes) else { continue };
            for group in groups.keys() {
                let name = requirement::name(group.get_ref(), piece.span(group.span()), notes);
                let role = name.map(|name| if is_extra(key) { Role::Extra(name) } else { Role::Group(name) });
                if let Some(role) = role {
                    self.edges(groups, group.get_ref(), &role, piece, notes, &mut requires);
                }
            }
        }
        if let Some(metadata) = piece.table(package, "metadata", notes) {
            self.specifiers(metadata, piece, notes, &mut requires);
        }
        let ecosystem = Ecosystem::PyPi;
        self.packages
            .push((Locked { ecosystem, name, version, origin, digests, marker, root, requires }, span));
    }

    /// The marker of a package that the lock holds for a part of all environments only.
    fn forks(&mut self, package: &Table<'_>, piece: &Piece<'_>, notes: &mut Notes<'_>) -> Option<String> {
        let mut forks = Vec::new();
        let mut span = None;
        for item in piece.array(package, "resolution-markers", notes) {
            span = piece.span(item.span());
            forks.extend(piece.expect(item.get_ref().as_str(), "a text", "resolution-markers", item, notes));
        }
        requirement::any(&forks).and_then(|text| self.markers.canonical(&text, span, notes))
    }

    fn edges(
        &mut self,
        table: &Table<'_>,
        key: &str,
        role: &Role,
        piece: &Piece<'_>,
        notes: &mut Notes<'_>,
        requires: &mut Vec<Requires>,
    ) {
        for (entry, span) in piece.tables(table, key, notes) {
            let requirement = self.edge(entry, span, piece, notes);
            requires.extend(requirement.map(|requirement| requirement::requires(requirement, role.clone())));
        }
    }

    /// An entry of `dependencies` (with a version where needed) or of `requires-dist` (with a specifier).
    fn edge(
        &mut self,
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
        for key in ["extra", "extras"] {
            for item in piece.array(entry, key, notes) {
                let text = piece.expect(item.get_ref().as_str(), "a text", key, item, notes);
                found.extras.extend(text.and_then(|text| requirement::name(text, span.clone(), notes)));
            }
        }
        found.extras = requirement::sorted(found.extras);
        if let Some(version) = piece.text(entry, "version", notes) {
            found.specifier = requirement::specifier(&format!("=={version}"), span.clone(), notes);
        } else if let Some(specifier) = piece.text(entry, "specifier", notes) {
            found.specifier = requirement::specifier(specifier, span.clone(), notes);
        }
        if let Some(marker) = piece.text(entry, "marker", notes) {
            found.marker = self.markers.canonical(marker, span, notes);
        }
        found.origin = match piece.table(entry, "source", notes) {
            Some(table) => source(table, false, piece, notes),
            // `requires-dist` names the source in the entry itself; `index` there is the name of an index.
            None if SOURCES.iter().any(|key| *key != "registry" && entry.contains_key(*key)) => {
                source(entry, false, piece, notes)
            }
            None => Origin::Index,
        };
        Some(found)
    }

    /// Gives the edges of a root the specifiers that its manifest states.
    fn specifiers(
        &mut self,
        metadata: &Table<'_>,
        piece: &Piece<'_>,
        notes: &mut Notes<'_>,
        requires: &mut [Requires],
    ) {
        let mut stated = Vec::new();
        self.edges(metadata, "requires-dist", &Role::Runtime, piece, notes, &mut stated);
        if let Some(groups) = piece.table(metadata, "requires-dev", notes) {
            for group in groups.keys() {
                if let Some(name) = requirement::name(group.get_ref(), piece.span(group.span()), notes) {
                    self.edges(groups, group.get_ref(), &Role::Group(name), piece, notes, &mut stated);
                }
            }
        }
        stated.sort_by(|one, other| one.requirement.name.cmp(&other.requirement.name));
        for edge in requires.iter_mut().filter(|edge| edge.requirement.specifier.is_empty()) {
            let first = stated.partition_point(|one| one.requirement.name < edge.requirement.name);
            let same =
                stated.iter().skip(first).take_while(|one| one.requirement.name == edge.requirement.name);
            let specifiers: BTreeSet<&str> = same
                .filter(|one| plays(one, &edge.role))
                .map(|one| one.requirement.specifier.as_str())
                .collect();
            // Several that differ apply under different markers; which is for this edge cannot be said.
            if let (Some(specifier), 1) = (specifiers.first(), specifiers.len()) {
                edge.requirement.specifier = (*specifier).to_owned();
            }
        }
    }

    fn tell(self, notes: &mut Notes<'_>) {
        for (mut locked, span) in self.packages {
            let local = matches!(locked.origin, Origin::Path { .. });
            locked.root |= local && self.members.contains(&locked.name);
            notes.sink.declared(What::Locked(locked), span);
        }
    }
}

/// Whether a stated requirement is for edges of this role: an extra stands in its marker, a group in its own role.
fn plays(stated: &Requires, role: &Role) -> bool {
    let marker = stated.requirement.marker.as_deref().unwrap_or_default();
    match role {
        Role::Extra(extra) => stated.role == Role::Runtime && names_extra(marker, extra.as_str()),
        Role::Runtime => stated.role == Role::Runtime && !marker.contains("extra ="),
        other => stated.role == *other,
    }
}

fn names_extra(marker: &str, extra: &str) -> bool {
    let mut parts = marker.split("extra ==").skip(1);
    parts.any(|part| {
        let part = part.trim_start().trim_start_matches(['\'', '"']);
        part.split(['\'', '"'])
            .next()
            .and_then(|text| PackageName::new(text).ok())
            .is_some_and(|n| n.as_str() == extra)
    })
}

/// Keys that say where a package comes from.
const SOURCES: [&str; 8] = ["registry", "git", "url", "path", "directory", "editable", "virtual", "direct"];

/// The place of a `source` table.
fn source(table: &Table<'_>, digested: bool, piece: &Piece<'_>, notes: &mut Notes<'_>) -> Origin {
    let Some(key) = SOURCES.iter().find(|key| table.contains_key(**key)) else {
        let keys: Vec<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
        notes.malformed(format!("a source of unknown kind: `{}`", quoted(&keys.join(", "))), None);
        return Origin::Index;
    };
    let Some(text) = piece.text(table, key, notes) else { return Origin::Index };
    match *key {
        "git" => repository(text),
        "url" | "direct" => Origin::Url { url: origin::without_credentials(text), pinned: digested },
        "path" | "directory" => Origin::Path { path: text.to_owned(), editable: false },
        "editable" | "virtual" => Origin::Path { path: text.to_owned(), editable: true },
        _ => Origin::Index,
    }
}

/// `https://host/repository?rev=main#commit`.
fn repository(text: &str) -> Origin {
    let (address, commit) = text.split_once('#').unwrap_or((text, ""));
    let (address, query) = address.split_once('?').unwrap_or((address, ""));
    let asked = query.split('&').find_map(|pair| {
        pair.split_once('=')
            .filter(|(key, _)| matches!(*key, "rev" | "tag" | "branch"))
            .map(|(_, value)| value)
    });
    let reference = Some(commit).filter(|commit| !commit.is_empty()).or(asked);
    Origin::Vcs {
        url: origin::without_credentials(address),
        reference: reference.map(origin::percent_decoded),
        pinned: reference.is_some_and(origin::is_commit),
    }
}

/// The SHA-256 digests of the files of a package, sorted.
fn digests(package: &Table<'_>, piece: &Piece<'_>, notes: &mut Notes<'_>) -> Vec<Digest> {
    let mut digests = Vec::new();
    let sdist = piece.table(package, "sdist", notes);
    let mut take = |file: &Table<'_>, span: Option<Span>, notes: &mut Notes<'_>| {
        if let Some(hash) = piece.text(file, "hash", notes) {
            match hash.split_once(':') {
                Some(("sha256", hex)) => match hex.parse() {
                    Ok(digest) => digests.push(digest),
                    Err(_) => notes.malformed(format!("no SHA-256: `{}`", quoted(hash)), span),
                },
                Some(_) => {}
                None => notes.malformed(format!("a digest without algorithm: `{}`", quoted(hash)), span),
            }
        }
    };
    if let Some(file) = sdist {
        take(file, None, notes);
    }
    for (file, span) in piece.tables(package, "wheels", notes) {
        take(file, span, notes);
    }
    requirement::sorted(digests)
}
