//! What tools add to `pyproject.toml`: `[tool.poetry]`, `[tool.uv]`, `[tool.pdm]`, `[tool.hatch]`; `[tool.pixi]` is in [`super::pixi`].
//!
//! Source: the documentation of Poetry (*The pyproject.toml file*), uv (*Managing dependencies*), PDM (*Manage
//! dependencies*) and Hatch (*Environment configuration*).

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;
use weighbridge_core::fact::{Origin, Requirement, Role};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;

use super::document::{Item, Piece, Table};
use super::notes::Notes;
use super::poetry_lock::{dependency, place};
use super::pyproject::{Groups, Manifest};
use super::requirement::{self, Markers};
use super::requirements::Line;
use super::text::{printable, quoted};
use super::{origin, pip_settings, pixi, poetry};

/// Reads the tables of all tools.
pub(super) fn read(manifest: &mut Manifest, piece: &Piece<'_>, notes: &mut Notes<'_>) {
    let Some(tool) = piece.table(&piece.table, "tool", notes) else { return };
    if let Some(poetry) = piece.table(tool, "poetry", notes) {
        let span = tool.get("poetry").and_then(|item| piece.span(item.span()));
        read_poetry(manifest, poetry, span, piece, notes);
        pip_settings::tell_poetry(poetry, piece, notes);
    }
    if let Some(uv) = piece.table(tool, "uv", notes) {
        read_uv(manifest, uv, piece, notes);
        pip_settings::tell_uv(uv, piece, notes);
    }
    if let Some(pdm) = piece.table(tool, "pdm", notes) {
        read_pdm(manifest, pdm, piece, notes);
        pip_settings::tell_pdm(pdm, piece, notes);
    }
    if let Some(hatch) = piece.table(tool, "hatch", notes) {
        read_hatch(manifest, hatch, piece, notes);
    }
    if let Some(pixi) = piece.table(tool, "pixi", notes) {
        pixi::tables(manifest, pixi, piece, notes);
    }
}

fn read_poetry(
    manifest: &mut Manifest,
    table: &Table<'_>,
    span: Option<Span>,
    piece: &Piece<'_>,
    notes: &mut Notes<'_>,
) {
    let name = piece.text(table, "name", notes).and_then(|name| requirement::name(name, span.clone(), notes));
    let version = piece.text(table, "version", notes).map(|version| printable(version, 200));
    if name.is_some() || table.contains_key("dependencies") {
        let project = manifest.declare(span);
        project.name = project.name.take().or(name);
        project.version = project.version.take().or(version);
    }
    let mut markers = Markers::default();
    if let Some(main) = piece.table(table, "dependencies", notes) {
        let extras = poetry_extras(table, piece, notes);
        for (name, found, optional, span) in dependencies(main, piece, notes, &mut markers) {
            if name.as_str() == "python" {
                let python = Some(found.specifier).filter(|text| !text.is_empty());
                let project = manifest.declare(span);
                project.requires_python = project.requires_python.take().or(python);
            } else if manifest.lists_dependencies {
                // Since Poetry 2 `[project]` asks; this table says from where, and narrows the versions of what is asked for.
                if found.origin != Origin::Index {
                    manifest.sources.entry(name).or_default().push((found.origin, found.marker));
                } else if optional && manifest.dynamic.contains("optional-dependencies") {
                    for (extra, _) in extras.iter().filter(|(_, names)| names.contains(&name)) {
                        manifest.ask(found.clone(), Role::Extra(extra.clone()), span.clone());
                    }
                } else if !found.specifier.is_empty()
                    && manifest.requires.iter().any(|(it, _)| it.requirement.name == name)
                {
                    manifest.ask(found, Role::Constraint, span);
                }
            } else if optional {
                let listing: Vec<_> = extras.iter().filter(|(_, names)| names.contains(&name)).collect();
                for (extra, _) in &listing {
                    manifest.ask(found.clone(), Role::Extra((*extra).clone()), span.clone());
                }
                // Nothing asks for it; it still narrows the version.
                if listing.is_empty() {
                    manifest.ask(found, Role::Constraint, span);
                }
            } else {
                manifest.ask(found, Role::Runtime, span);
            }
        }
    }
    let mut groups = Groups::default();
    if let (Some(old), Ok(dev)) = (piece.table(table, "dev-dependencies", notes), PackageName::new("dev")) {
        for (_, found, _, span) in dependencies(old, piece, notes, &mut markers) {
            groups.ask(&dev, Some(found), span);
        }
    }
    if let Some(named) = piece.table(table, "group", notes) {
        for key in named.keys() {
            let Some(name) = requirement::name(key.get_ref(), piece.span(key.span()), notes) else {
                continue;
            };
            let Some(group) = piece.table(named, key.get_ref(), notes) else { continue };
            groups.add(&name);
            if let Some(table) = piece.table(group, "dependencies", notes) {
                for (_, found, _, span) in dependencies(table, piece, notes, &mut markers) {
                    groups.ask(&name, Some(found), span);
                }
            }
            for item in piece.array(group, "include-groups", notes) {
                let span = piece.span(item.span());
                let text = piece.expect(item.get_ref().as_str(), "a text", "include-groups", item, notes);
                let included = text.and_then(|text| requirement::name(text, span.clone(), notes));
                groups.include(&name, included, span);
            }
        }
    }
    groups.expand(manifest, notes);
}

/// The packages of each extra.
fn poetry_extras(
    table: &Table<'_>,
    piece: &Piece<'_>,
    notes: &mut Notes<'_>,
) -> BTreeMap<PackageName, BTreeSet<PackageName>> {
    let mut found: BTreeMap<PackageName, BTreeSet<PackageName>> = BTreeMap::new();
    let Some(extras) = piece.table(table, "extras", notes) else { return found };
    for key in extras.keys() {
        let Some(extra) = requirement::name(key.get_ref(), piece.span(key.span()), notes) else { continue };
        let names = found.entry(extra).or_default();
        for item in piece.array(extras, key.get_ref(), notes) {
            let text = piece.expect(item.get_ref().as_str(), "a text", "extras", item, notes);
            names.extend(text.and_then(|text| requirement::name(text, piece.span(item.span()), notes)));
        }
    }
    found
}

/// Name, requirement, whether it is optional, and line of every entry of a Poetry table.
fn dependencies(
    table: &Table<'_>,
    piece: &Piece<'_>,
    notes: &mut Notes<'_>,
    markers: &mut Markers,
) -> Vec<(PackageName, Requirement, bool, Option<Span>)> {
    let mut all = Vec::new();
    for (key, item) in table {
        let span = piece.span(key.span());
        let Some(name) = requirement::name(key.get_ref(), span.clone(), notes) else { continue };
        if name.as_str() == "python" {
            // A range of Python versions may have holes that do not matter here.
            let mut found = requirement::plain(name.clone());
            let text = piece.expect(item.get_ref().as_str(), "a constraint", "python", item, notes);
            found.specifier = match text.map(poetry::translate) {
                Some(Ok(specifier) | Err(poetry::Failure::Union(specifier))) => specifier,
                Some(Err(poetry::Failure::Malformed(reason))) => {
                    notes.malformed(reason, span.clone());
                    String::new()
                }
                None => String::new(),
            };
            all.push((name, found, false, span));
            continue;
        }
        for (found, optional) in dependency(&name, item, span.clone(), piece, notes, markers) {
            all.push((name.clone(), found, optional, span.clone()));
        }
    }
    all
}

fn read_uv(manifest: &mut Manifest, uv: &Table<'_>, piece: &Piece<'_>, notes: &mut Notes<'_>) {
    if let Ok(dev) = PackageName::new("dev") {
        manifest.strings(uv, "dev-dependencies", &Role::Group(dev), piece, notes);
    }
    manifest.strings(uv, "constraint-dependencies", &Role::Constraint, piece, notes);
    manifest.strings(uv, "override-dependencies", &Role::Constraint, piece, notes);
    let Some(sources) = piece.table(uv, "sources", notes) else { return };
    let mut markers = Markers::default();
    for (key, item) in sources {
        let span = piece.span(key.span());
        let Some(name) = requirement::name(key.get_ref(), span.clone(), notes) else { continue };
        let entries: Vec<&Item<'_>> = match item.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![item],
        };
        for entry in entries {
            let table = piece.expect(entry.get_ref().as_table(), "a table", key.get_ref(), entry, notes);
            let Some(table) = table else { continue };
            let marker = piece.text(table, "marker", notes);
            let marker = marker.and_then(|text| markers.canonical(text, span.clone(), notes));
            if let Some(origin) = uv_source(table, key.get_ref(), span.clone(), piece, notes) {
                manifest.sources.entry(name.clone()).or_default().push((origin, marker));
            }
        }
    }
}

fn uv_source(
    table: &Table<'_>,
    name: &str,
    span: Option<Span>,
    piece: &Piece<'_>,
    notes: &mut Notes<'_>,
) -> Option<Origin> {
    let is_true = |key: &str| table.get(key).and_then(|item| item.get_ref().as_bool()) == Some(true);
    // A member of the workspace lies wherever the workspace says, which is not in this file.
    if is_true("workspace") {
        return Some(Origin::Path { path: "workspace".to_owned(), editable: true });
    }
    if table.contains_key("index") {
        return Some(Origin::Index);
    }
    match place(table, piece, notes) {
        Origin::Index => {
            notes.malformed(format!("the source of `{}` is of unknown kind", quoted(name)), span);
            None
        }
        origin => Some(origin),
    }
}

/// Environments of Hatch, as groups of their names: each is installed for its own occasion.
fn read_hatch(manifest: &mut Manifest, hatch: &Table<'_>, piece: &Piece<'_>, notes: &mut Notes<'_>) {
    let Some(environments) = piece.table(hatch, "envs", notes) else { return };
    for (key, item) in environments {
        // Beside the environments stand other settings.
        let Some(environment) = item.get_ref().as_table() else { continue };
        if !["dependencies", "extra-dependencies"].iter().any(|key| environment.contains_key(*key)) {
            continue;
        }
        let Some(name) = requirement::name(key.get_ref(), piece.span(key.span()), notes) else { continue };
        for key in ["dependencies", "extra-dependencies"] {
            manifest.strings(environment, key, &Role::Group(name.clone()), piece, notes);
        }
    }
}

/// Groups of PDM: requirements, and editable ones as `pip` writes them.
fn read_pdm(manifest: &mut Manifest, pdm: &Table<'_>, piece: &Piece<'_>, notes: &mut Notes<'_>) {
    let Some(groups) = piece.table(pdm, "dev-dependencies", notes) else { return };
    for key in groups.keys() {
        let Some(group) = requirement::name(key.get_ref(), piece.span(key.span()), notes) else { continue };
        let role = Role::Group(group);
        for item in piece.array(groups, key.get_ref(), notes) {
            let span = piece.span(item.span());
            let text = piece.expect(item.get_ref().as_str(), "a text", key.get_ref(), item, notes);
            let Some(text) = text else { continue };
            let text = text.replace("file:///${PROJECT_ROOT}/", "./");
            if text.trim_start().starts_with("-e") || origin::is_url(&text) {
                for (found, _) in Line::of(&text, &role, span.clone(), notes).requirements {
                    manifest.ask(found, role.clone(), span.clone());
                }
                continue;
            }
            match requirement::parse(&text) {
                Ok(found) => manifest.ask(found, role.clone(), span),
                Err(reason) => notes.no_package(&text, reason, span),
            }
        }
    }
}
