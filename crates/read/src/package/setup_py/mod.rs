//! `setup.py`: what stands in it in so many words. It is never run.
//!
//! [`lexer`] cuts the file into words, [`literal`] follows its statements one after the other as far as they say plainly
//! what a name holds: texts, lists and tables of them, added to and put together. What only running the file could tell
//! is a gap, told once for each argument of `setup()`; the plain parts beside it are read all the same.
//! Source: setuptools, *Keywords* (of `setup`); The Python Language Reference.

pub(super) mod lexer;
mod literal;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Project, Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use self::literal::{Items, Text, Value, calls};
use super::is_installed;
use super::notes::Notes;
use super::requirement::{self, Markers};
use super::text::{decode, line_span, printable};

/// Largest file that is read, in bytes; the largest real ones have some 100 KiB.
const LARGEST: usize = 1 << 20;

/// Arguments of `setup()` that ask for packages.
const ASKING: [&str; 4] = ["install_requires", "extras_require", "setup_requires", "tests_require"];

/// Reads `setup.py`.
pub struct SetupPyReader;

impl Reader for SetupPyReader {
    fn about(&self) -> &'static About {
        &About {
            id: "setup-py",
            title: "set-up script",
            family: Family::Package,
            names: &["setup.py"],
            reads: "what stands literally in its call of `setup`: name, version, requirements, extras; never run",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.name() == "setup.py" && !is_installed(hint) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let bytes = input.read_text()?;
        let asks = |text: &str| ASKING.iter().any(|word| text.contains(word));
        let decoded = decode(&bytes);
        if bytes.len() > LARGEST {
            return match asks(&decoded.text) {
                true => Err(Unread::Unsupported("a `setup.py` of this size".to_owned())),
                false => Ok(()),
            };
        }
        let mut notes = Notes::manifest(sink);
        if let Some((problem, line)) = decoded.problem {
            notes.malformed(problem, line_span(line));
        }
        let calls = calls(&decoded.text);
        let mut setup = Setup { markers: Markers::default(), told: false };
        for call in &calls {
            input.go_on()?;
            setup.call(call, &mut notes);
        }
        // A word in a comment or a help text asks for nothing.
        if !setup.told && literal::names(&decoded.text, &ASKING) {
            notes.sink.unread(Unread::Unsupported("requirements computed by `setup.py`".to_owned()), None);
        }
        Ok(())
    }
}

struct Setup {
    markers: Markers,
    /// Requirements or the lack of them were told.
    told: bool,
}

impl Setup {
    /// One call of `setup`.
    fn call(&mut self, call: &literal::Call, notes: &mut Notes<'_>) {
        let one = |key: &str| match call.arguments.get(key) {
            Some((Value::Text(text), _)) => Some(text),
            _ => None,
        };
        let name = one("name").and_then(|name| requirement::name(&name.text, span(name.line), notes));
        let version = one("version").map(|version| printable(&version.text, 200));
        let python = one("python_requires");
        let python = python.map(|python| requirement::specifier(&python.text, span(python.line), notes));
        let python = python.filter(|python| !python.is_empty());
        let project = Project { name, version, requires_python: python };
        notes.sink.declared(What::Project(project), span(call.line));
        if call.open {
            self.computed("some arguments of `setup()`", call.line, notes);
        }
        for key in ASKING {
            let Some((value, line)) = call.arguments.get(key) else { continue };
            self.told = true;
            let complete = match (key, value) {
                ("extras_require", Value::Table(table)) => {
                    let mut complete = !table.open;
                    for (extra, (line, value)) in &table.items {
                        let (name, marker) = extra.split_once(':').unwrap_or((extra, ""));
                        // A table without an extra's name in front of the marker asks always.
                        let role = match name.trim() {
                            "" => Some(Role::Runtime),
                            name => requirement::name(name, span(*line), notes).map(Role::Extra),
                        };
                        if let Some(role) = role {
                            complete &= self.list(value, &role, marker, notes);
                        }
                    }
                    complete
                }
                ("extras_require", _) => false,
                ("setup_requires", value) => self.list(value, &Role::Build, "", notes),
                ("tests_require", value) => match PackageName::new("tests") {
                    Ok(tests) => self.list(value, &Role::Group(tests), "", notes),
                    Err(_) => false,
                },
                (_, value) => self.list(value, &Role::Runtime, "", notes),
            };
            if !complete {
                self.computed(&format!("`{key}`"), *line, notes);
            }
        }
    }

    fn computed(&mut self, what: &str, line: u32, notes: &mut Notes<'_>) {
        self.told = true;
        notes.sink.unread(Unread::Unsupported(format!("{what} computed by `setup.py`")), span(line));
    }

    /// Asks for what a list or a text of lines names; whether that was all.
    fn list(&mut self, value: &Value, role: &Role, marker: &str, notes: &mut Notes<'_>) -> bool {
        match value {
            // setuptools takes a text for its lines.
            Value::Text(text) => {
                for (at, line) in text.text.lines().enumerate() {
                    let at = text.line.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
                    self.ask(line, at, role, marker, notes);
                }
                true
            }
            Value::List(Items { items, open }) => {
                let mut complete = !open;
                for item in items {
                    match item {
                        Value::Text(Text { text, line }) => self.ask(text, *line, role, marker, notes),
                        _ => complete = false,
                    }
                }
                complete
            }
            Value::Nothing => true,
            Value::Table(_) | Value::Unknown => false,
        }
    }

    fn ask(&mut self, text: &str, line: u32, role: &Role, marker: &str, notes: &mut Notes<'_>) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') || notes.sink.is_full() {
            return;
        }
        match requirement::parse(text) {
            Ok(mut found) => {
                let marker = Some(marker).filter(|marker| !marker.trim().is_empty());
                let joined = requirement::both(found.marker.as_deref(), marker);
                found.marker = joined.and_then(|text| self.markers.canonical(&text, span(line), notes));
                let requires = requirement::requires(found, role.clone());
                notes.sink.declared(What::Requires(requires), span(line));
            }
            Err(reason) => notes.no_package(text, reason, span(line)),
        }
    }
}

fn span(line: u32) -> Option<Span> {
    Some(Span::Line(line))
}
