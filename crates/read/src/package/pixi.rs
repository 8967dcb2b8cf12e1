//! `pixi.toml`, and `[tool.pixi]` of `pyproject.toml`, which holds the same tables.
//!
//! Source: pixi's documentation, *Manifest*. A feature is a group of requirements, and a target a platform on which they
//! count. Which features an environment puts together does not matter here: somebody develops and ships each of them.

use toml::de::DeValue;
use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{IndexKind, Origin, PackageIndex, Requirement, Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::document::{Document, Item, Piece, Table};
use super::notes::Notes;
use super::pyproject::Manifest;
use super::requirement::{self, Markers};
use super::text::{printable, quoted};
use super::{conda, is_installed, origin, poetry_lock};

/// Reads `pixi.toml`.
pub struct PixiReader;

impl Reader for PixiReader {
    fn about(&self) -> &'static About {
        &About {
            id: "pixi",
            title: "pixi manifest",
            family: Family::Package,
            names: &["pixi.toml"],
            reads: "name, version, packages of conda and of the Python index by feature and platform, channels",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.name() == "pixi.toml" && !is_installed(hint) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let bytes = input.read_text()?;
        let mut notes = Notes::manifest(sink);
        let document = Document::new(bytes, &mut notes);
        let piece = document.whole(&mut notes)?;
        let mut manifest = Manifest::default();
        for key in ["workspace", "project", "package"] {
            let Some(table) = piece.table(&piece.table, key, &mut notes) else { continue };
            let span = piece.table.get(key).and_then(|item| piece.span(item.span()));
            let name = piece.text(table, "name", &mut notes).and_then(|name| PackageName::new(name).ok());
            let version = piece.text(table, "version", &mut notes).map(|version| printable(version, 200));
            let project = manifest.declare(span);
            project.name = project.name.take().or(name);
            project.version = project.version.take().or(version);
        }
        tables(&mut manifest, &piece.table, &piece, &mut notes);
        manifest.tell(&mut notes);
        Ok(())
    }
}

/// Tables of conda packages, and whether they are only there to build the project.
const CONDA: [(&str, bool); 4] = [
    ("dependencies", false),
    ("run-dependencies", false),
    ("host-dependencies", true),
    ("build-dependencies", true),
];

/// Reads the tables of a manifest, wherever it stands.
pub(super) fn tables(manifest: &mut Manifest, table: &Table<'_>, piece: &Piece<'_>, notes: &mut Notes<'_>) {
    let mut reading = Reading { manifest, piece, markers: Markers::default() };
    for key in ["workspace", "project"] {
        if let Some(workspace) = piece.table(table, key, notes) {
            reading.channels(workspace, notes);
        }
    }
    reading.feature(table, &Role::Runtime, notes);
    if let Some(package) = piece.table(table, "package", notes) {
        reading.feature(package, &Role::Runtime, notes);
    }
    let Some(features) = piece.table(table, "feature", notes) else { return };
    for key in features.keys() {
        let Some(name) = requirement::name(key.get_ref(), piece.span(key.span()), notes) else { continue };
        if let Some(feature) = piece.table(features, key.get_ref(), notes) {
            reading.channels(feature, notes);
            reading.feature(feature, &Role::Group(name), notes);
        }
    }
}

struct Reading<'r, 'text> {
    manifest: &'r mut Manifest,
    piece: &'r Piece<'text>,
    markers: Markers,
}

impl Reading<'_, '_> {
    fn channels(&mut self, table: &Table<'_>, notes: &mut Notes<'_>) {
        for item in self.piece.array(table, "channels", notes) {
            let named = item.get_ref().get("channel").and_then(|item| item.get_ref().as_str());
            let location = item.get_ref().as_str().or(named);
            if let Some(location) = self.piece.expect(location, "a text", "channels", item, notes) {
                let location = quoted(&origin::without_credentials(location));
                let index = PackageIndex::new(IndexKind::Channel, location);
                notes.sink.declared(What::Index(index), self.piece.span(item.span()));
            }
        }
    }

    /// The requirements of the whole or of a feature, on all platforms and on some.
    fn feature(&mut self, table: &Table<'_>, role: &Role, notes: &mut Notes<'_>) {
        self.target(table, role, None, notes);
        let Some(targets) = self.piece.table(table, "target", notes) else { return };
        for key in targets.keys() {
            let Some(target) = self.piece.table(targets, key.get_ref(), notes) else { continue };
            let marker = conda::marker(key.get_ref());
            if marker.is_none() {
                let span = self.piece.span(key.span());
                notes.malformed(format!("an unknown platform: `{}`", quoted(key.get_ref())), span);
            }
            self.target(target, role, marker, notes);
        }
    }

    fn target(&mut self, table: &Table<'_>, role: &Role, marker: Option<&str>, notes: &mut Notes<'_>) {
        for (key, build) in CONDA {
            let Some(packages) = self.piece.table(table, key, notes) else { continue };
            let role = if build { &Role::Build } else { role };
            for (name, item) in packages {
                let span = self.piece.span(name.span());
                if let Some(mut found) = self.conda(name.get_ref(), item, span.clone(), notes) {
                    found.marker = marker.and_then(|text| self.markers.canonical(text, span.clone(), notes));
                    self.manifest.ask(found, role.clone(), span);
                }
            }
        }
        // It narrows versions if something else asks for the package.
        if let Some(packages) = self.piece.table(table, "constraints", notes) {
            for (name, item) in packages {
                let span = self.piece.span(name.span());
                if let Some(found) = self.conda(name.get_ref(), item, span.clone(), notes) {
                    self.manifest.ask(found, Role::Constraint, span);
                }
            }
        }
        let Some(packages) = self.piece.table(table, "pypi-dependencies", notes) else { return };
        for (name, item) in packages {
            let span = self.piece.span(name.span());
            if let Some(mut found) = self.python(name.get_ref(), item, span.clone(), notes) {
                let both = requirement::both(found.marker.as_deref(), marker);
                found.marker = both.and_then(|text| self.markers.canonical(&text, span.clone(), notes));
                self.manifest.ask(found, role.clone(), span);
            }
        }
    }

    /// A specifier, or a table with `version`, `build` and where the package comes from.
    fn conda(
        &self,
        name: &str,
        item: &Item<'_>,
        span: Option<Span>,
        notes: &mut Notes<'_>,
    ) -> Option<Requirement> {
        let piece = self.piece;
        let mut from = Origin::Index;
        let specifier = match item.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Table(table) => {
                from = poetry_lock::place(table, piece, notes);
                if let Some(channel) = piece.text(table, "channel", notes) {
                    conda::tell_channel(channel, span.clone(), notes);
                }
                let version = piece.text(table, "version", notes).unwrap_or("*");
                match piece.text(table, "build", notes) {
                    Some(build) => format!("{version} {build}"),
                    None => version.to_owned(),
                }
            }
            _ => {
                piece.expect(None::<()>, "a specifier", name, item, notes);
                return None;
            }
        };
        match conda::constrained(name, &specifier) {
            Ok(found) => Some(Requirement { origin: from, ..found }),
            Err(reason) => {
                notes.lost(reason, span);
                None
            }
        }
    }

    /// A specifier of PEP 440, or a table with `version`, `extras`, `env-markers` and where the package comes from.
    fn python(
        &self,
        name: &str,
        item: &Item<'_>,
        span: Option<Span>,
        notes: &mut Notes<'_>,
    ) -> Option<Requirement> {
        let piece = self.piece;
        let DeValue::Table(table) = item.get_ref() else {
            let text = piece.expect(item.get_ref().as_str(), "a specifier", name, item, notes)?;
            return conda::python(name, text, span, notes);
        };
        let version = piece.text(table, "version", notes).unwrap_or("*");
        let mut found = conda::python(name, version, span.clone(), notes)?;
        for item in piece.array(table, "extras", notes) {
            let text = piece.expect(item.get_ref().as_str(), "a text", "extras", item, notes);
            found.extras.extend(text.and_then(|text| requirement::name(text, span.clone(), notes)));
        }
        found.extras = requirement::sorted(found.extras);
        found.marker = piece.text(table, "env-markers", notes).map(str::to_owned);
        found.origin = poetry_lock::place(table, piece, notes);
        Some(found)
    }
}
