//! Settings of pip and uv in a project: where they have installers look for packages.
//!
//! Source: pip's documentation (*Configuration*: sections, options by their long names, `-` and `_` alike, values that go
//! on in indented lines) and uv's (*Settings*, *Package indexes*).

use toml::de::DeValue;
use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{IndexKind, PackageIndex, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::{NamePattern, PackageName};
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::document::{Document, Piece, Table};
use super::indexes::{self, Installer};
use super::is_installed;
use super::notes::Notes;
use super::text::{decode, line_span, python_lines, quoted};

/// Reads `pip.conf`.
pub struct PipSettingsReader;

/// Reads `uv.toml`.
pub struct UvSettingsReader;

impl Reader for PipSettingsReader {
    fn about(&self) -> &'static About {
        &About {
            id: "pip-settings",
            title: "settings of pip",
            family: Family::Package,
            names: &["pip.conf", "pip.ini"],
            reads: "the indexes, pages of links and trusted hosts that every `pip install` then uses",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let named = matches!(hint.name(), "pip.conf" | "pip.ini");
        if named && !is_installed(hint) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let decoded = decode(&input.read_text()?);
        let mut notes = Notes::manifest(sink);
        if let Some((problem, line)) = decoded.problem {
            notes.malformed(problem, line_span(line));
        }
        let mut option: Option<String> = None;
        for (number, line) in python_lines(&decoded.text) {
            let written = line.trim();
            if written.is_empty() || written.starts_with(['#', ';']) {
                continue;
            }
            let value = if line.starts_with(char::is_whitespace) && option.is_some() {
                written
            } else if written.starts_with('[') {
                option = None;
                continue;
            } else if let Some((key, value)) = written.split_once(['=', ':']) {
                option = Some(format!("--{}", key.trim().to_ascii_lowercase().replace('_', "-")));
                value.trim()
            } else {
                notes.lost(format!("no `option = value`: `{}`", quoted(written)), line_span(number));
                continue;
            };
            let option = option.as_deref().unwrap_or_default();
            if option == "--no-index" && !matches!(value, "1" | "true" | "yes" | "on") {
                continue;
            }
            for index in indexes::of_option(Installer::Pip, option, value) {
                notes.sink.declared(What::Index(index), line_span(number));
            }
        }
        Ok(())
    }
}

impl Reader for UvSettingsReader {
    fn about(&self) -> &'static About {
        &About {
            id: "uv-settings",
            title: "settings of uv",
            family: Family::Package,
            names: &["uv.toml"],
            reads: "the indexes with their order, pages of links and insecure hosts",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.name() == "uv.toml" && !is_installed(hint) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let bytes = input.read_text()?;
        let mut notes = Notes::manifest(sink);
        let document = Document::new(bytes, &mut notes);
        let piece = document.whole(&mut notes)?;
        tell_uv(&piece.table, &piece, &mut notes);
        Ok(())
    }
}

/// What the settings of uv say about indexes: those of `uv.toml`, or of `[tool.uv]`.
pub(super) fn tell_uv(settings: &Table<'_>, piece: &Piece<'_>, notes: &mut Notes<'_>) {
    let assigned = assigned_by_uv(settings);
    for (table, span) in piece.tables(settings, "index", notes) {
        let Some(url) = piece.text(table, "url", notes) else { continue };
        let is = |key: &str| table.get(key).and_then(|item| item.get_ref().as_bool()) == Some(true);
        let kind = match (is("explicit"), is("default")) {
            (true, _) => IndexKind::Explicit,
            (false, true) => IndexKind::Default,
            (false, false) => IndexKind::First,
        };
        let mut index = PackageIndex::new(kind, indexes::location(url));
        if let Some(name) = piece.text(table, "name", notes) {
            index.packages =
                assigned.iter().filter(|(_, to)| to == name).map(|(package, _)| package.clone()).collect();
            index.packages.sort();
            index.packages.dedup();
        }
        notes.sink.declared(What::Index(index), span);
    }
    let pip = piece.table(settings, "pip", notes);
    for table in std::iter::once(settings).chain(pip) {
        for (key, item) in table {
            let option = format!("--{}", key.get_ref());
            if option == "--index" {
                continue;
            }
            let values: Vec<&str> = match item.get_ref() {
                DeValue::String(text) => vec![text],
                DeValue::Array(items) => items.iter().filter_map(|item| item.get_ref().as_str()).collect(),
                DeValue::Boolean(true) => vec![""],
                _ => Vec::new(),
            };
            for value in values {
                for index in indexes::of_option(Installer::Uv, &option, value) {
                    notes.sink.declared(What::Index(index), piece.span(key.span()));
                }
            }
        }
    }
}

/// The packages that `sources` give to an index, with its name. What else is wrong there is told by who reads it all.
fn assigned_by_uv(settings: &Table<'_>) -> Vec<(PackageName, String)> {
    let mut assigned = Vec::new();
    let sources = settings.get("sources").and_then(|item| item.get_ref().as_table());
    for (key, item) in sources.into_iter().flatten() {
        let Ok(package) = PackageName::new(key.get_ref()) else { continue };
        let index = |item: &DeValue<'_>| Some(item.get("index")?.get_ref().as_str()?.to_owned());
        match item.get_ref() {
            DeValue::Array(items) => {
                assigned
                    .extend(items.iter().filter_map(|item| Some((package.clone(), index(item.get_ref())?))));
            }
            one => assigned.extend(index(one).map(|index| (package, index))),
        }
    }
    assigned
}

/// What `[[tool.poetry.source]]` says. All primary sources are searched together; a supplemental one is asked only about
/// what the others do not know (Poetry's documentation, *Repositories*).
pub(super) fn tell_poetry(poetry: &Table<'_>, piece: &Piece<'_>, notes: &mut Notes<'_>) {
    let assigned = assigned_by_poetry(poetry);
    let mut primary = 0usize;
    for (table, span) in piece.tables(poetry, "source", notes) {
        let name = piece.text(table, "name", notes).unwrap_or_default();
        let is = |key: &str| table.get(key).and_then(|item| item.get_ref().as_bool()) == Some(true);
        let kind = match piece.text(table, "priority", notes) {
            Some("explicit") => IndexKind::Explicit,
            Some("supplemental" | "secondary") => IndexKind::Last,
            Some("default") => IndexKind::Default,
            _ if is("secondary") => IndexKind::Last,
            _ if is("default") => IndexKind::Default,
            _ => {
                primary = primary.saturating_add(1);
                if primary == 1 { IndexKind::Default } else { IndexKind::Extra }
            }
        };
        // The usual index has a name and no URL.
        let location = piece.text(table, "url", notes).map_or_else(|| quoted(name), indexes::location);
        let mut index = PackageIndex::new(kind, location);
        index.packages =
            assigned.iter().filter(|(_, to)| to == name).map(|(package, _)| package.clone()).collect();
        index.packages.sort();
        index.packages.dedup();
        notes.sink.declared(What::Index(index), span);
    }
}

/// The packages that name a source, in the tables of all groups.
fn assigned_by_poetry(poetry: &Table<'_>) -> Vec<(PackageName, String)> {
    let table = |table: &DeValue<'_>, key: &str| table.get(key).is_some();
    let mut assigned = Vec::new();
    let mut lists: Vec<&Table<'_>> = Vec::new();
    for key in ["dependencies", "dev-dependencies"] {
        lists.extend(poetry.get(key).and_then(|item| item.get_ref().as_table()));
    }
    for (_, group) in poetry.get("group").and_then(|item| item.get_ref().as_table()).into_iter().flatten() {
        lists.extend(group.get_ref().get("dependencies").and_then(|item| item.get_ref().as_table()));
    }
    for (key, item) in lists.into_iter().flatten() {
        let Ok(package) = PackageName::new(key.get_ref()) else { continue };
        let one = [item.clone()];
        let entries = match item.get_ref() {
            DeValue::Array(items) => items.iter().collect::<Vec<_>>(),
            _ => one.iter().collect(),
        };
        for entry in entries.into_iter().filter(|entry| table(entry.get_ref(), "source")) {
            let source = entry.get_ref().get("source").and_then(|item| item.get_ref().as_str());
            assigned.extend(source.map(|source| (package.clone(), source.to_owned())));
        }
    }
    assigned
}

/// What `[[source]]` of a `Pipfile` says: the first takes the place of the usual index, each other one is asked only about the
/// packages that name it (Pipenv's documentation, *Specifying Package Indexes*). `others` are the tables without packages.
pub(super) fn tell_pipenv(file: &Table<'_>, others: &[&str], piece: &Piece<'_>, notes: &mut Notes<'_>) {
    let mut assigned: Vec<(PackageName, &str)> = Vec::new();
    for (_, item) in file.iter().filter(|(key, _)| !others.contains(&key.get_ref().as_ref())) {
        for (name, item) in item.get_ref().as_table().into_iter().flatten() {
            let index = item.get_ref().get("index").and_then(|index| index.get_ref().as_str());
            assigned.extend(PackageName::new(name.get_ref()).ok().zip(index));
        }
    }
    for (at, (table, span)) in piece.tables(file, "source", notes).into_iter().enumerate() {
        let Some(url) = piece.text(table, "url", notes) else { continue };
        let kind = if at == 0 { IndexKind::Default } else { IndexKind::Explicit };
        let mut index = PackageIndex::new(kind, indexes::location(url));
        if let Some(name) = piece.text(table, "name", notes).filter(|_| at > 0) {
            index.packages =
                assigned.iter().filter(|(_, to)| *to == name).map(|(package, _)| package.clone()).collect();
            index.packages.sort();
            index.packages.dedup();
        }
        notes.sink.declared(What::Index(index), span.clone());
        if table.get("verify_ssl").and_then(|item| item.get_ref().as_bool()) == Some(false) {
            let trusted = PackageIndex::new(IndexKind::Trusted, indexes::location(url));
            notes.sink.declared(What::Index(trusted), span);
        }
    }
}

/// The patterns of names in a list; what is none of those known here is told.
fn patterns(table: &Table<'_>, key: &str, piece: &Piece<'_>, notes: &mut Notes<'_>) -> Vec<NamePattern> {
    let mut found = Vec::new();
    for item in piece.array(table, key, notes) {
        let text = piece.expect(item.get_ref().as_str(), "a text", key, item, notes);
        match text.map(NamePattern::new) {
            Some(Ok(pattern)) => found.push(pattern),
            Some(Err(_)) => {
                let text = text.unwrap_or_default();
                notes.malformed(
                    format!("`{}` in `{key}` is no pattern known here", quoted(text)),
                    piece.span(item.span()),
                );
            }
            None => {}
        }
    }
    found
}

/// What `[[tool.pdm.source]]` says: one called `pypi` takes the place of the usual index, the others are searched with it
/// unless `respect-source-order` is set: then in the order of the list, the usual one first where it does not name that (PDM's
/// documentation, *Configure the package indexes*). `include_packages` come from there alone, `exclude_packages` never.
pub(super) fn tell_pdm(pdm: &Table<'_>, piece: &Piece<'_>, notes: &mut Notes<'_>) {
    let resolution = pdm.get("resolution").and_then(|item| item.get_ref().get("respect-source-order"));
    let ordered = resolution.and_then(|item| item.get_ref().as_bool()) == Some(true);
    let sources = piece.tables(pdm, "source", notes);
    let is_usual =
        |table: &Table<'_>| table.get("name").and_then(|item| item.get_ref().as_str()) == Some("pypi");
    let mut before_the_usual = sources.iter().any(|(table, _)| is_usual(table));
    for (table, span) in sources {
        let Some(url) = piece.text(table, "url", notes) else { continue };
        let kind = match piece.text(table, "type", notes) {
            Some("find_links") => IndexKind::Links,
            _ if is_usual(table) => {
                before_the_usual = false;
                IndexKind::Default
            }
            _ if ordered && before_the_usual => IndexKind::First,
            _ if ordered => IndexKind::Last,
            _ => IndexKind::Extra,
        };
        let mut index = PackageIndex::new(kind, indexes::location(url));
        index.included = patterns(table, "include_packages", piece, notes);
        index.excluded = patterns(table, "exclude_packages", piece, notes);
        notes.sink.declared(What::Index(index), span.clone());
        if table.get("verify_ssl").and_then(|item| item.get_ref().as_bool()) == Some(false) {
            let trusted = PackageIndex::new(IndexKind::Trusted, indexes::location(url));
            notes.sink.declared(What::Index(trusted), span);
        }
    }
}
