//! `requirements.txt` and constraints files, line by line: one bad line never costs another.
//!
//! What a line yields: a package by name, URL, repository or path becomes [`What::Requires`]; `-r` and `-c` become a
//! [`Follow`]; options about indexes become [`What::Index`], those about builds yield nothing. A folder
//! (`-e ../library`) yields a [`Follow`] to its `pyproject.toml`, which states what it needs, and a requirement where
//! its name is known. A URL without a name yields the name that its last part suggests, as concluded and not declared.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Origin, PackageIndex, Requirement, Requires, Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Follow, Sink};

use weighbridge_advisory::pep508::Marker;
use weighbridge_core::digest::Digest;

use super::indexes::{self, Installer};
use super::notes::Notes;
use super::origin::{self, Located};
use super::requirements_lines::{Choice, logical_lines, split_options, via};
use super::text::{decode, line_span, quoted};
use super::{conda_spec, is_installed, parent_of, requirement};

/// Longest line with those that continue it, in bytes; hundreds of hashes make some 100 KiB.
const MOST_LINE: usize = 1 << 20;

/// Reads requirements files.
pub struct RequirementsReader;

/// Reads constraints files: the same lines, which only narrow versions.
pub struct ConstraintsReader;

impl Reader for RequirementsReader {
    fn about(&self) -> &'static About {
        &About {
            id: "requirements",
            title: "requirements file",
            family: Family::Package,
            names: &["*requirements*.txt", "*requirements*.in", "requirements/*.txt", "requirements/*.in"],
            reads: "requirements with extras, markers, hashes, URLs, repositories and paths; nested files",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let named = hint.name().to_ascii_lowercase().contains("requirements");
        let inside = parent_of(hint.path) == "requirements";
        claim(hint, (named || inside) && !is_constraints(hint))
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        read(input, sink, &Role::Runtime)
    }
}

impl Reader for ConstraintsReader {
    fn about(&self) -> &'static About {
        &About {
            id: "constraints",
            title: "constraints file",
            family: Family::Package,
            names: &["*constraints*.txt", "*constraints*.in"],
            reads: "the versions to which it narrows packages that something else asks for",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        claim(hint, is_constraints(hint))
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        read(input, sink, &Role::Constraint)
    }
}

fn claim(hint: &Hint<'_>, named: bool) -> Claim {
    let text = hint.has_extension("txt") || hint.has_extension("in");
    // `conda list --export > requirements.txt` is a habit of many.
    if named && text && !is_installed(hint) && !conda_spec::is_list(hint) { Claim::ByName } else { Claim::No }
}

fn is_constraints(hint: &Hint<'_>) -> bool {
    hint.name().to_ascii_lowercase().contains("constraints")
}

fn read(input: &Input, sink: &mut Sink, role: &Role) -> Result<(), Unread> {
    let decoded = decode(&input.read_text()?);
    let mut notes = Notes::manifest(sink);
    if let Some((problem, line)) = decoded.problem {
        notes.malformed(problem, line_span(line));
    }
    let (mut places, mut files) = (Vec::<(PackageIndex, Option<Span>)>::new(), Vec::new());
    for logical in logical_lines(&decoded.text) {
        if notes.sink.is_full() {
            break;
        }
        let span = line_span(logical.number);
        if logical.text.len() > MOST_LINE {
            notes.lost(format!("longer than any requirement: `{}`", quoted(&logical.text)), span);
            continue;
        }
        let mut line = Line::of(&logical.text, role, span.clone(), &mut notes);
        let via = via(&logical.comments);
        places.extend(line.indexes.drain(..).map(|index| (index, span.clone())));
        files.append(&mut line.files);
        for (mut requirement, certain) in line.requirements.drain(..) {
            requirement.digests = requirement::sorted(requirement.digests);
            let what = What::Requires(Requires { requirement, role: role.clone(), via: via.clone() });
            if certain {
                notes.sink.declared(what, span.clone());
            } else {
                notes.sink.inferred(what, span.clone());
            }
        }
    }
    // Options of a file count for those that it names as well.
    indexes::count_for(&files, places.iter_mut().map(|(index, _)| index));
    for (index, span) in places {
        notes.sink.declared(What::Index(index), span);
    }
    Ok(())
}

/// What a line asks for.
#[derive(Default)]
pub(super) struct Line {
    /// Requirements, and whether their names are stated rather than concluded from an address.
    pub(super) requirements: Vec<(Requirement, bool)>,
    /// Where installers are told to look.
    pub(super) indexes: Vec<PackageIndex>,
    /// Other files of requirements, which are installed with this one.
    files: Vec<String>,
}

impl Line {
    /// Understands one logical line. What is not a requirement goes into the sink at once.
    pub(super) fn of(text: &str, role: &Role, span: Option<Span>, notes: &mut Notes<'_>) -> Self {
        let (written, options) = split_options(text);
        let mut line = Self::default();
        if !written.is_empty() {
            line.requirement(written, false, &span, notes);
        }
        let mut digests = Vec::new();
        let mut hashed = false;
        for option in options {
            match option {
                Choice::Known("--editable", value) => line.requirement(&value, true, &span, notes),
                Choice::Known("--requirement", path) => {
                    let reader = if *role == Role::Constraint { "constraints" } else { "requirements" };
                    if follow(&path, reader, &span, notes) {
                        line.files.push(path);
                    }
                }
                Choice::Known("--constraint", path) => {
                    follow(&path, "constraints", &span, notes);
                }
                Choice::Known("--hash", hash) => match digest(&hash) {
                    Ok(digest) => {
                        hashed = true;
                        digests.extend(digest);
                    }
                    Err(reason) => notes.malformed(reason, span.clone()),
                },
                Choice::Known(option, value) => {
                    line.indexes.extend(indexes::of_option(Installer::Pip, option, &value));
                }
                Choice::Unknown(word) => {
                    notes.malformed(format!("unknown option `{}`", quoted(&word)), span.clone())
                }
            }
        }
        if hashed && line.requirements.is_empty() {
            notes.malformed("`--hash` without a requirement", span);
        }
        for (requirement, _) in &mut line.requirements {
            requirement.digests.extend(&digests);
            if let (Origin::Url { pinned, .. }, true) = (&mut requirement.origin, hashed) {
                *pinned = true;
            }
        }
        line
    }

    /// Understands one word of a command line.
    pub(super) fn of_word(text: &str, editable: bool, span: Option<Span>, notes: &mut Notes<'_>) -> Self {
        let mut line = Self::default();
        line.requirement(text, editable, &span, notes);
        line
    }

    fn requirement(&mut self, text: &str, editable: bool, span: &Option<Span>, notes: &mut Notes<'_>) {
        let text = unquoted(text.trim());
        if text.is_empty() {
            notes.malformed("an option lacks its value", span.clone());
            return;
        }
        // `name @ URL` is a requirement of PEP 508; a bare URL or path is one of `pip`.
        let by_name = text.split_once('@').is_some_and(|(name, _)| is_name_with_extras(name));
        if !by_name && (origin::is_url(text) || origin::is_path(before_marker(text))) {
            self.address(text, editable, span, notes);
            return;
        }
        match requirement::parse(text) {
            Ok(mut requirement) => {
                if let Origin::Path { editable: in_place, path } = &mut requirement.origin {
                    *in_place = editable;
                    follow_folder(path, span, notes);
                }
                self.requirements.push((requirement, true));
            }
            Err(reason) => notes.no_package(text, reason, span.clone()),
        }
    }

    /// A bare URL or path, perhaps with extras and a marker.
    fn address(&mut self, text: &str, editable: bool, span: &Option<Span>, notes: &mut Notes<'_>) {
        let (address, condition) = split_marker(text);
        let marker = match condition.map(Marker::parse) {
            Some(Ok(marker)) => Some(marker.to_string()),
            Some(Err(error)) => {
                notes.malformed(format!("{error}: `{}`", quoted(text)), span.clone());
                None
            }
            None => None,
        };
        let (address, mut extras) = split_extras(address);
        let Located { origin, egg, digests } = if origin::is_url(address) {
            origin::locate(address, editable)
        } else {
            origin::local(address, editable)
        };
        let (egg, more) = egg.as_deref().map_or((None, ""), |egg| {
            let (name, extras) = split_extras(egg);
            (Some(name), extras)
        });
        if !more.is_empty() {
            extras = more;
        }
        if let Origin::Path { path, .. } = &origin {
            follow_folder(path, span, notes);
        }
        let named = match egg {
            // Old `#egg=name-dev` and `#egg=name==1.0` name more than a package; the name is what comes first.
            Some(egg) => requirement::parse(egg).map(|parsed| (parsed.name, None, true)).map_err(Some),
            None => match origin::named(&origin) {
                Some(named) => Ok((named.name, named.version, named.certain)),
                None => Err(None),
            },
        };
        match named {
            Ok((name, version, certain)) => {
                let mut requirement = requirement::plain(name);
                requirement.specifier = version.map(|version| format!("=={version}")).unwrap_or_default();
                requirement.specifier = requirement::specifier(&requirement.specifier, span.clone(), notes);
                requirement.marker = marker;
                let names = extras.split(',').filter(|extra| !extra.trim().is_empty());
                let names = names.filter_map(|extra| requirement::name(extra, span.clone(), notes)).collect();
                requirement.extras = requirement::sorted(names);
                requirement.origin = origin;
                requirement.digests = digests;
                self.requirements.push((requirement, certain));
            }
            Err(Some(reason)) => notes.lost(reason, span.clone()),
            // The folder that is followed states its own name.
            Err(None) if matches!(origin, Origin::Path { .. }) => {}
            Err(None) => {
                let shown = origin::without_credentials(address);
                notes.lost(format!("names no package: `{}`", quoted(&shown)), span.clone());
            }
        }
    }
}

/// Another requirements file, and whether it is read: not where it lies on another machine, nor where the environment
/// completes its name.
fn follow(path: &str, reader: &'static str, span: &Option<Span>, notes: &mut Notes<'_>) -> bool {
    if path.is_empty() {
        notes.malformed("an option lacks its value", span.clone());
    } else if origin::is_url(path) || path.contains("${") {
        let shown = quoted(&origin::without_credentials(path));
        notes.sink.unread(Unread::NotInTarget(shown), span.clone());
    } else {
        notes.sink.follow(Follow { path: path.to_owned(), reader, span: span.clone() });
        return true;
    }
    false
}

/// The manifest of a folder; files that an installer unpacks are read as what they are.
fn follow_folder(path: &str, span: &Option<Span>, notes: &mut Notes<'_>) {
    if origin::is_archive(path) {
        return;
    }
    if path.contains("${") {
        notes.sink.unread(Unread::NotInTarget(quoted(path)), span.clone());
        return;
    }
    let path = format!("{}/pyproject.toml", path.trim_end_matches('/'));
    notes.sink.follow(Follow { path, reader: "pyproject", span: span.clone() });
}

/// The digest of `sha256:…`; none for the other algorithms that `pip` takes.
fn digest(hash: &str) -> Result<Option<Digest>, String> {
    match hash.split_once(':') {
        Some(("sha256", hex)) => hex.parse().map(Some).map_err(|_| format!("no SHA-256: `{}`", quoted(hash))),
        Some(("sha384" | "sha512", hex)) if !hex.is_empty() => Ok(None),
        _ => Err(format!("no digest that installers take: `{}`", quoted(hash))),
    }
}

/// The text without a pair of quotes around it.
fn unquoted(text: &str) -> &str {
    let pair = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    pair('"').or_else(|| pair('\'')).unwrap_or(text)
}

fn is_name_with_extras(text: &str) -> bool {
    let name = text.split('[').next().unwrap_or_default().trim();
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// What stands before a marker, for deciding whether it is a path: a marker may hold a `/`.
fn before_marker(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}

/// Parts an address from its marker: `;` begins one only behind white space or in front of it, as URLs hold `;`.
fn split_marker(text: &str) -> (&str, Option<&str>) {
    let parted = text.split_once(" ;").or_else(|| text.split_once("; "));
    match parted {
        Some((address, marker)) => (address.trim(), Some(marker.trim())),
        None => (text, None),
    }
}

/// Parts `path[extra]` (and `#egg=name[extra]`) from its extras.
fn split_extras(text: &str) -> (&str, &str) {
    let parted = text.strip_suffix(']').and_then(|text| text.rsplit_once('['));
    match parted.filter(|(before, _)| !before.contains("#egg=")) {
        Some((before, extras)) if !before.is_empty() => (before, extras),
        _ => (text, ""),
    }
}
