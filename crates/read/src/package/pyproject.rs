//! `pyproject.toml`: what a project is and asks for.
//!
//! Source: PEP 621 (`[project]`), PEP 735 (`[dependency-groups]`), PEP 518 (`[build-system]`); the tables of tools are
//! in [`super::pyproject_tools`]. A file that holds only the settings of tools declares no project and yields nothing.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;
use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Origin, Project, Requirement, Requires, Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Follow, Sink};

use super::document::{Document, Item, Piece, Table};
use super::notes::Notes;
use super::text::printable;
use super::{is_installed, pyproject_tools, requirement};

/// Most steps taken to expand groups that include groups; every real file needs less than a hundred.
const MOST_STEPS: usize = 100_000;

/// Reads `pyproject.toml`.
pub struct PyprojectReader;

impl Reader for PyprojectReader {
    fn about(&self) -> &'static About {
        &About {
            id: "pyproject",
            title: "project manifest",
            family: Family::Package,
            names: &["pyproject.toml"],
            reads: "name, version, dependencies, extras, groups and build requirements; tables of Poetry, uv, PDM, Hatch and pixi, with their indexes",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.name() == "pyproject.toml" && !is_installed(hint) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let bytes = input.read_text()?;
        let mut notes = Notes::manifest(sink);
        let document = Document::new(bytes, &mut notes);
        let piece = document.whole(&mut notes)?;
        let mut manifest = Manifest::default();
        manifest.project(&piece, &mut notes);
        manifest.groups(&piece, &mut notes);
        manifest.build(&piece, &mut notes);
        pyproject_tools::read(&mut manifest, &piece, &mut notes);
        manifest.tell(&mut notes);
        Ok(())
    }
}

/// What the file said so far.
#[derive(Default)]
pub(super) struct Manifest {
    /// The project that the file declares, and where.
    pub(super) project: Option<(Project, Option<Span>)>,
    /// What is asked for.
    pub(super) requires: Vec<(Requires, Option<Span>)>,
    /// `[project]` lists the dependencies itself; tables of tools only add to them.
    pub(super) lists_dependencies: bool,
    /// What `[project]` leaves to tools: fields of `dynamic`.
    pub(super) dynamic: BTreeSet<String>,
    /// Places that a tool gives packages instead of the index, by package: the origin and the marker under which it
    /// applies.
    pub(super) sources: BTreeMap<PackageName, Vec<(Origin, Option<String>)>>,
}

impl Manifest {
    pub(super) fn ask(&mut self, requirement: Requirement, role: Role, span: Option<Span>) {
        self.requires.push((requirement::requires(requirement, role), span));
    }

    /// The project of which the file states parts.
    pub(super) fn declare(&mut self, span: Option<Span>) -> &mut Project {
        let none = Project { name: None, version: None, requires_python: None };
        &mut self.project.get_or_insert((none, span)).0
    }

    fn project(&mut self, piece: &Piece<'_>, notes: &mut Notes<'_>) {
        let Some(project) = piece.table(&piece.table, "project", notes) else { return };
        let span = piece.table.get("project").and_then(|item| piece.span(item.span()));
        let name = piece.text(project, "name", notes);
        if name.is_none() {
            notes.malformed("`[project]` states no name", span.clone());
        }
        let name = name.and_then(|name| requirement::name(name, line_of(project, "name", piece), notes));
        let version = piece.text(project, "version", notes).map(|version| printable(version, 200));
        let python = piece.text(project, "requires-python", notes);
        let python = python
            .map(|text| requirement::specifier(text, line_of(project, "requires-python", piece), notes));
        *self.declare(span) =
            Project { name, version, requires_python: python.filter(|text| !text.is_empty()) };
        self.lists_dependencies = project.contains_key("dependencies");
        self.strings(project, "dependencies", &Role::Runtime, piece, notes);
        if let Some(extras) = piece.table(project, "optional-dependencies", notes) {
            for key in extras.keys() {
                if let Some(extra) = requirement::name(key.get_ref(), piece.span(key.span()), notes) {
                    self.strings(extras, key.get_ref(), &Role::Extra(extra), piece, notes);
                }
            }
        }
        for item in piece.array(project, "dynamic", notes) {
            let field = piece.expect(item.get_ref().as_str(), "a text", "dynamic", item, notes);
            self.dynamic.extend(field.map(str::to_owned));
            if let Some(field @ ("dependencies" | "optional-dependencies")) = field {
                dynamic(field, piece, item, notes);
            }
        }
    }

    /// The requirements of the array at `key`.
    pub(super) fn strings(
        &mut self,
        table: &Table<'_>,
        key: &str,
        role: &Role,
        piece: &Piece<'_>,
        notes: &mut Notes<'_>,
    ) {
        for item in piece.array(table, key, notes) {
            if let Some(requirement) = string(item, key, piece, notes) {
                self.ask(requirement, role.clone(), piece.span(item.span()));
            }
        }
    }

    /// The top of the block in a script: that it stands by itself, and which Python it needs.
    pub(super) fn script(&mut self, piece: &Piece<'_>, span: Option<Span>, notes: &mut Notes<'_>) {
        let python = piece.text(&piece.table, "requires-python", notes);
        let line = line_of(&piece.table, "requires-python", piece);
        let python = python.map(|text| requirement::specifier(text, line, notes));
        self.declare(span).requires_python = python.filter(|text| !text.is_empty());
    }

    /// `[dependency-groups]`.
    fn groups(&mut self, piece: &Piece<'_>, notes: &mut Notes<'_>) {
        let Some(table) = piece.table(&piece.table, "dependency-groups", notes) else { return };
        let mut groups = Groups::default();
        for key in table.keys() {
            let span = piece.span(key.span());
            let Some(name) = requirement::name(key.get_ref(), span.clone(), notes) else { continue };
            if groups.contains(&name) {
                notes.malformed(format!("a second group `{name}`"), span);
            }
            groups.add(&name);
            for item in piece.array(table, key.get_ref(), notes) {
                let span = piece.span(item.span());
                match item.get_ref() {
                    DeValue::Table(include) => {
                        let included = piece.text(include, "include-group", notes);
                        if included.is_none() {
                            notes.lost(
                                format!("an entry of group `{name}` that is no requirement"),
                                span.clone(),
                            );
                        }
                        let included = included.and_then(|text| requirement::name(text, span.clone(), notes));
                        groups.include(&name, included, span);
                    }
                    _ => groups.ask(&name, string(item, key.get_ref(), piece, notes), span),
                }
            }
        }
        groups.expand(self, notes);
    }

    fn build(&mut self, piece: &Piece<'_>, notes: &mut Notes<'_>) {
        let Some(build) = piece.table(&piece.table, "build-system", notes) else { return };
        self.declare(piece.table.get("build-system").and_then(|item| piece.span(item.span())));
        self.strings(build, "requires", &Role::Build, piece, notes);
    }

    pub(super) fn tell(self, notes: &mut Notes<'_>) {
        if let Some((project, span)) = self.project {
            notes.sink.declared(What::Project(project), span);
        }
        let mut markers = requirement::Markers::default();
        for (requires, span) in self.requires {
            let sources =
                self.sources.get(&requires.requirement.name).filter(|_| requires.role != Role::Build);
            let Some(sources) = sources.filter(|_| requires.requirement.origin == Origin::Index) else {
                notes.sink.declared(What::Requires(requires), span);
                continue;
            };
            for (origin, marker) in sources {
                let mut requires = requires.clone();
                requires.requirement.origin = origin.clone();
                let marker = requirement::both(requires.requirement.marker.as_deref(), marker.as_deref());
                let marker = marker.and_then(|text| markers.canonical(&text, span.clone(), notes));
                requires.requirement.marker = marker;
                notes.sink.declared(What::Requires(requires), span.clone());
            }
        }
    }
}

/// Dependencies that the build computes: from files that can be read, or not without running the build.
fn dynamic(field: &str, piece: &Piece<'_>, item: &Item<'_>, notes: &mut Notes<'_>) {
    let tool = |name: &str| {
        piece.table.get("tool").and_then(|tool| tool.get_ref().get(name)).map(|item| item.get_ref())
    };
    if tool("poetry").and_then(|poetry| poetry.get("dependencies")).is_some() {
        return;
    }
    let setuptools = tool("setuptools").and_then(|table| table.get("dynamic"));
    let stated = setuptools.and_then(|table| table.get_ref().get(field)).map(|item| item.get_ref());
    let mut files = Vec::new();
    // Optional dependencies name files for each extra.
    let tables: Vec<&DeValue<'_>> = match (field, stated) {
        ("dependencies", Some(table)) => vec![table],
        (_, Some(DeValue::Table(extras))) => extras.values().map(|item| item.get_ref()).collect(),
        _ => Vec::new(),
    };
    for file in tables.iter().filter_map(|table| table.get("file")) {
        match file.get_ref() {
            DeValue::String(path) => files.push(path.to_string()),
            DeValue::Array(paths) => {
                files.extend(paths.iter().filter_map(|path| Some(path.get_ref().as_str()?.to_owned())))
            }
            _ => {}
        }
    }
    // Of a plugin of Hatch.
    let hatch = tool("hatch").and_then(|table| table.get("metadata")?.get_ref().get("hooks"));
    let hook = hatch.and_then(|hooks| hooks.get_ref().get("requirements_txt")?.get_ref().get("files"));
    if let (Some(DeValue::Array(paths)), "dependencies") = (hook.map(|paths| paths.get_ref()), field) {
        files.extend(paths.iter().filter_map(|path| Some(path.get_ref().as_str()?.to_owned())));
    }
    let span = piece.span(item.span());
    if files.is_empty() {
        let what = field.replace('-', " ");
        notes.sink.unread(Unread::Unsupported(format!("{what} computed at build time")), span.clone());
    }
    for path in files {
        notes.sink.follow(Follow { path, reader: "requirements", span: span.clone() });
    }
}

fn string(item: &Item<'_>, key: &str, piece: &Piece<'_>, notes: &mut Notes<'_>) -> Option<Requirement> {
    let text = piece.expect(item.get_ref().as_str(), "a text", key, item, notes)?;
    match requirement::parse(text) {
        Ok(requirement) => Some(requirement),
        Err(reason) => {
            notes.no_package(text, reason, piece.span(item.span()));
            None
        }
    }
}

fn line_of(table: &Table<'_>, key: &str, piece: &Piece<'_>) -> Option<Span> {
    table.get(key).and_then(|item| piece.span(item.span()))
}

/// Groups of requirements that include each other.
#[derive(Default)]
pub(super) struct Groups {
    groups: BTreeMap<PackageName, Group>,
}

#[derive(Default)]
struct Group {
    requirements: Vec<(Requirement, Option<Span>)>,
    includes: Vec<(PackageName, Option<Span>)>,
}

impl Groups {
    pub(super) fn contains(&self, name: &PackageName) -> bool {
        self.groups.contains_key(name)
    }

    /// A group, perhaps an empty one.
    pub(super) fn add(&mut self, name: &PackageName) {
        self.groups.entry(name.clone()).or_default();
    }

    /// The group asks for this.
    pub(super) fn ask(&mut self, name: &PackageName, requirement: Option<Requirement>, span: Option<Span>) {
        let group = self.groups.entry(name.clone()).or_default();
        group.requirements.extend(requirement.map(|requirement| (requirement, span)));
    }

    /// The group holds what this one holds.
    pub(super) fn include(&mut self, name: &PackageName, included: Option<PackageName>, span: Option<Span>) {
        let group = self.groups.entry(name.clone()).or_default();
        group.includes.extend(included.map(|included| (included, span)));
    }

    /// Asks for everything in each group, included groups and all. A circle is complained about and changes nothing.
    pub(super) fn expand(&self, manifest: &mut Manifest, notes: &mut Notes<'_>) {
        let mut steps = 0usize;
        for (name, group) in &self.groups {
            for (included, span) in &group.includes {
                if !self.groups.contains_key(included) {
                    notes.lost(
                        format!("group `{name}` includes `{included}`, which is not there"),
                        span.clone(),
                    );
                }
            }
            let mut seen = BTreeSet::from([name]);
            let mut open = vec![name];
            let mut circle = None;
            while let Some(next) = open.pop() {
                let Some(part) = self.groups.get(next) else { continue };
                for (requirement, span) in &part.requirements {
                    manifest.ask(requirement.clone(), Role::Group(name.clone()), span.clone());
                }
                for (included, span) in &part.includes {
                    if included == name {
                        circle = Some(span.clone());
                    }
                    if seen.insert(included) {
                        open.push(included);
                    }
                }
                steps = steps.saturating_add(part.requirements.len().saturating_add(part.includes.len()));
                if steps > MOST_STEPS {
                    let limit = u64::try_from(MOST_STEPS).unwrap_or(u64::MAX);
                    notes.sink.unread(Unread::Limit(LimitKind::StateBytes, limit), None);
                    return;
                }
            }
            if let Some(span) = circle {
                notes.malformed(format!("group `{name}` includes itself"), span);
            }
        }
    }
}
