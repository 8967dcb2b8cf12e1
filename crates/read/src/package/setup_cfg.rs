//! `setup.cfg`: what a project of setuptools states about itself.
//!
//! Source: setuptools, *Configuring setuptools using setup.cfg files*; configparser of Python (*Supported INI File
//! Structure*) for how lines belong together; pbr, which also takes `requires_dist` in `[metadata]`. A file that holds
//! only the settings of tools declares no project and yields nothing.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Project, Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Follow, Sink};

use super::is_installed;
use super::notes::Notes;
use super::requirement;
use super::text::{decode, line_span, printable, quoted};

/// Reads `setup.cfg`.
pub struct SetupCfgReader;

impl Reader for SetupCfgReader {
    fn about(&self) -> &'static About {
        &About {
            id: "setup-cfg",
            title: "configuration of setuptools",
            family: Family::Package,
            names: &["setup.cfg"],
            reads: "name, version, requirements, extras, build and test requirements; files that it names for them",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.name() == "setup.cfg" && !is_installed(hint) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let decoded = decode(&input.read_text()?);
        let mut notes = Notes::manifest(sink);
        if let Some((problem, line)) = decoded.problem {
            notes.malformed(problem, line_span(line));
        }
        let mut setup = Setup::default();
        for option in options(&decoded.text, &mut notes) {
            input.go_on()?;
            setup.take(&option, &mut notes);
        }
        if setup.declares {
            notes.sink.declared(What::Project(setup.project), None);
        }
        Ok(())
    }
}

/// A name with its value.
struct Setting<'text> {
    section: &'text str,
    /// In lower case, with `_` for `-`.
    name: String,
    /// The name as it is written.
    written: &'text str,
    /// The lines of the value with their numbers; the first one may be empty.
    lines: Vec<(usize, &'text str)>,
}

/// The settings of a file. A line that is none is complained about only in the sections that matter here.
fn options<'text>(text: &'text str, notes: &mut Notes<'_>) -> Vec<Setting<'text>> {
    let mut settings: Vec<Setting<'text>> = Vec::new();
    let mut section = "";
    // How far the name of the open setting is indented; none where a line cannot continue one.
    let mut open: Option<usize> = None;
    for (at, line) in text.lines().enumerate() {
        let number = at.saturating_add(1);
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        let indent = line.len().saturating_sub(line.trim_start().len());
        if let (Some(above), Some(setting)) = (open, settings.last_mut())
            && indent > above
        {
            setting.lines.push((number, content));
            continue;
        }
        if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = name.0.trim();
            open = None;
            continue;
        }
        match content.find(['=', ':']).and_then(|at| content.split_at_checked(at)) {
            Some((name, value)) if !name.trim().is_empty() => {
                let written = name.trim();
                let value = value.get(1..).unwrap_or_default().trim();
                let name = written.to_ascii_lowercase().replace('-', "_");
                settings.push(Setting { section, name, written, lines: vec![(number, value)] });
                open = Some(indent);
            }
            _ => {
                open = None;
                if matches!(section, "options" | "options.extras_require" | "metadata") {
                    notes.lost(format!("no `name = value`: `{}`", quoted(content)), line_span(number));
                }
            }
        }
    }
    settings
}

impl Setting<'_> {
    fn span(&self) -> Option<Span> {
        self.lines.first().and_then(|(number, _)| line_span(*number))
    }

    /// The value where it is a single line.
    fn value(&self) -> Option<&str> {
        let mut lines = self.lines.iter().map(|(_, line)| *line).filter(|line| !line.is_empty());
        lines.next().filter(|_| lines.next().is_none())
    }

    /// The items of a list: its lines, or the parts of a single one between `;`.
    fn items(&self) -> Vec<(usize, &str)> {
        let lines = self.lines.iter().copied().filter(|(_, line)| !line.is_empty());
        if self.lines.len() > 1 {
            return lines.collect();
        }
        // A marker in a single line would be cut as well; whoever wrote it meant the marker.
        lines
            .flat_map(|(number, line)| {
                let whole = requirement::parse(line).is_ok();
                let parts: Vec<&str> = if whole { vec![line] } else { line.split(';').collect() };
                parts.into_iter().map(move |part| (number, part.trim()))
            })
            .filter(|(_, part)| !part.is_empty())
            .collect()
    }
}

struct Setup {
    project: Project,
    declares: bool,
}

impl Default for Setup {
    fn default() -> Self {
        let project = Project { name: None, version: None, requires_python: None };
        Self { project, declares: false }
    }
}

impl Setup {
    fn take(&mut self, setting: &Setting<'_>, notes: &mut Notes<'_>) {
        let span = setting.span();
        let value = setting.value();
        // `attr:` and `file:` are computed or lie elsewhere.
        let literal = value.filter(|value| directive(value).is_none());
        match (setting.section, setting.name.as_str()) {
            ("metadata", "name") => {
                self.declares = true;
                let name = literal.and_then(|name| requirement::name(name, span, notes));
                self.project.name = self.project.name.take().or(name);
            }
            ("metadata", "version") => {
                self.project.version = literal.map(|version| printable(version, 200));
            }
            ("options" | "metadata", "python_requires" | "requires_python") => {
                self.declares = true;
                let python = literal.map(|python| requirement::specifier(python, span, notes));
                self.project.requires_python = python.filter(|python| !python.is_empty());
            }
            ("options", "install_requires") | ("metadata", "requires_dist") => {
                self.list(setting, &Role::Runtime, notes);
            }
            ("options", "setup_requires") => self.list(setting, &Role::Build, notes),
            ("options", "tests_require") => {
                if let Ok(tests) = PackageName::new("tests") {
                    self.list(setting, &Role::Group(tests), notes);
                }
            }
            ("options.extras_require", _) => {
                if let Some(extra) = requirement::name(setting.written, span, notes) {
                    self.list(setting, &Role::Extra(extra), notes);
                }
            }
            _ => {}
        }
    }

    fn list(&mut self, setting: &Setting<'_>, role: &Role, notes: &mut Notes<'_>) {
        self.declares = true;
        // One directive, whose files may stand on further lines.
        let first = setting.lines.iter().find(|(_, line)| !line.is_empty());
        if let Some((number, ("file", rest))) = first.and_then(|(at, line)| Some((*at, directive(line)?))) {
            let more = setting.lines.iter().filter(|(at, _)| *at > number).map(|(at, line)| (*at, *line));
            for (number, paths) in std::iter::once((number, rest)).chain(more) {
                for path in paths.split(',').map(str::trim).filter(|path| !path.is_empty()) {
                    let (path, span) = (path.to_owned(), line_span(number));
                    notes.sink.follow(Follow { path, reader: "requirements", span });
                }
            }
            return;
        }
        for (number, item) in setting.items() {
            let span = line_span(number);
            if notes.sink.is_full() {
                return;
            }
            match requirement::parse(item) {
                Ok(found) => {
                    let requires = requirement::requires(found, role.clone());
                    notes.sink.declared(What::Requires(requires), span);
                }
                Err(reason) => notes.no_package(item, reason, span),
            }
        }
    }
}

/// `file:` or `attr:` with what stands behind it.
fn directive(value: &str) -> Option<(&'static str, &str)> {
    ["file", "attr"].into_iter().find_map(|kind| {
        let rest = value.strip_prefix(kind)?.trim_start().strip_prefix(':')?;
        Some((kind, rest.trim()))
    })
}
