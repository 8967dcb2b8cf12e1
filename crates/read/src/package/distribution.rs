//! Metadata of installed distributions: `METADATA`, `PKG-INFO` and `requires.txt`.
//!
//! Only the headers are read (core metadata specification): the description behind the first empty line may be of any
//! size and says nothing about dependencies. `requires.txt`, the older form beside a `PKG-INFO`, yields
//! [`What::Requires`] with [`Role::Runtime`] or [`Role::Extra`] about the same folder; a marker of its section
//! (`[extra:marker]`) becomes a marker of each requirement in it.

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Distribution, Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::notes::Notes;
use super::requirement::{self, Markers};
use super::text::{RawLines, decode, line_span, printable, python_lines, quoted};
use super::{folder_of, parent_of};

/// Most bytes of headers. The largest real ones, with a licence text folded into a header, have some 100 KiB.
const MOST_HEADERS: u64 = 4 << 20;

/// Longest licence statement that is kept, in characters.
const MOST_LICENCE: usize = 200;

/// Reads metadata of distributions.
pub struct DistributionReader;

impl Reader for DistributionReader {
    fn about(&self) -> &'static About {
        &About {
            id: "distribution",
            title: "metadata of an installed distribution",
            family: Family::Package,
            names: &[
                "*.dist-info/METADATA",
                "*.egg-info/PKG-INFO",
                "*.egg-info/requires.txt",
                "EGG-INFO/PKG-INFO",
                "EGG-INFO/requires.txt",
                "*.egg-info",
                "NAME-VERSION/PKG-INFO",
            ],
            reads: "name, version, requirements with extras and markers, supported Python versions, licence",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let folder = parent_of(hint.path);
        let egg = folder.ends_with(".egg-info") || folder == "EGG-INFO";
        let claimed = match hint.name() {
            "METADATA" => folder.ends_with(".dist-info"),
            "PKG-INFO" if is_source(hint.path) => true,
            "PKG-INFO" | "requires.txt" => egg,
            name => name.ends_with(".egg-info"),
        };
        if claimed { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        if sink.place().name() == "requires.txt" {
            return read_requires(input, sink);
        }
        let folder = match sink.place().name() {
            name if name.ends_with(".egg-info") => name.to_owned(),
            _ => folder_of(sink.place()).to_owned(),
        };
        let mut notes = Notes::metadata(sink);
        let mut found = Found::default();
        // What stands before a failure is kept.
        let end = each_header(input, &mut notes, |header, notes| found.take(header, notes));
        found.tell(&folder, &mut notes).and(end)
    }
}

/// Whether the file lies at the top of a source distribution: in the outermost folder, which is called `NAME-VERSION`.
fn is_source(path: &str) -> bool {
    let folder = path.strip_suffix("/PKG-INFO").filter(|folder| !folder.contains('/'));
    let version = folder.and_then(|folder| folder.rsplit_once('-')).map(|(_, version)| version);
    version.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
}

/// One header with its folded lines joined.
struct Header {
    name: String,
    value: String,
    span: Option<Span>,
}

/// Hands every header up to the first empty line to `take`.
fn each_header(
    input: &Input,
    notes: &mut Notes<'_>,
    mut take: impl FnMut(Header, &mut Notes<'_>),
) -> Result<(), Unread> {
    let mut lines = RawLines::new(input);
    let mut current: Option<Header> = None;
    let most = usize::try_from(MOST_HEADERS).unwrap_or(usize::MAX);
    while let Some(line) = lines.next(most)? {
        let span = line_span(line.number);
        if lines.offset() > MOST_HEADERS && (line.cut || !line.bytes.iter().all(u8::is_ascii_whitespace)) {
            if let Some(header) = current.take() {
                take(header, notes);
            }
            return Err(Unread::Limit(LimitKind::TextBytes, MOST_HEADERS));
        }
        let bytes = match line.number {
            1 => line.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line.bytes),
            _ => &line.bytes,
        };
        let text = String::from_utf8_lossy(bytes);
        if matches!(text, std::borrow::Cow::Owned(_)) {
            notes.malformed(format!("not UTF-8: `{}`", quoted(&text)), span.clone());
        }
        let text = text.trim_end_matches('\r');
        if text.is_empty() {
            break;
        }
        if text.starts_with([' ', '\t']) {
            match &mut current {
                Some(header) => {
                    header.value.push('\n');
                    header.value.push_str(text.trim());
                }
                None => notes.malformed("a folded line before the first header", span),
            }
            continue;
        }
        if let Some(header) = current.take() {
            take(header, notes);
        }
        match text.split_once(':').filter(|(name, _)| !name.is_empty() && !name.contains([' ', '\t'])) {
            Some((name, value)) => {
                current = Some(Header { name: name.to_owned(), value: value.trim().to_owned(), span });
            }
            None => notes.malformed(format!("no `Name: value`: `{}`", quoted(text)), span),
        }
    }
    if let Some(header) = current.take() {
        take(header, notes);
    }
    Ok(())
}

/// What the headers said so far.
#[derive(Default)]
struct Found {
    name: Option<PackageName>,
    version: Option<String>,
    requires: Vec<weighbridge_core::fact::Requirement>,
    extras: Vec<PackageName>,
    requires_python: Option<String>,
    expression: Option<String>,
    licence: Option<String>,
}

impl Found {
    fn take(&mut self, header: Header, notes: &mut Notes<'_>) {
        let Header { name, value, span } = header;
        match name.to_ascii_lowercase().as_str() {
            "name" => {
                let found = requirement::name(&value, span.clone(), notes);
                once(&mut self.name, found, &name, span, notes);
            }
            "version" => {
                let found = Some(printable(&value, MOST_LICENCE)).filter(|version| !version.is_empty());
                once(&mut self.version, found, &name, span, notes);
            }
            "requires-python" => {
                let found = Some(requirement::specifier(&value, span.clone(), notes));
                once(&mut self.requires_python, found.filter(|text| !text.is_empty()), &name, span, notes);
            }
            "license-expression" => {
                let found = Some(printable(&value, MOST_LICENCE)).filter(|text| !text.is_empty());
                once(&mut self.expression, found, &name, span, notes);
            }
            "license" => {
                let first = value.lines().map(str::trim).find(|line| !line.is_empty());
                let found = first.filter(|line| !line.eq_ignore_ascii_case("unknown"));
                self.licence = self.licence.take().or(found.map(|line| printable(line, MOST_LICENCE)));
            }
            "provides-extra" => self.extras.extend(requirement::name(&value, span, notes)),
            "requires-dist" => match requirement::parse(&value.replace('\n', " ")) {
                Ok(requirement) => self.requires.push(requirement),
                Err(reason) => notes.malformed(reason, span),
            },
            _ => {}
        }
    }

    /// The fact, with name and version from the folder where the headers lack them.
    fn tell(self, folder: &str, notes: &mut Notes<'_>) -> Result<(), Unread> {
        let by_folder = named_by_folder(folder);
        let missing = |what: &str| Unread::Malformed(format!("states no {what}"));
        let name = match (self.name, &by_folder) {
            (Some(name), _) => name,
            (None, Some((name, _))) => {
                notes.malformed("states no name; taken from the folder", None);
                name.clone()
            }
            (None, None) => return Err(missing("name")),
        };
        let version = match (self.version, by_folder) {
            (Some(version), _) => version,
            (None, Some((_, Some(version)))) => {
                notes.malformed("states no version; taken from the folder", None);
                version
            }
            (None, _) => return Err(missing("version")),
        };
        let distribution = Distribution {
            ecosystem: Ecosystem::PyPi,
            name,
            version,
            requires: self.requires,
            extras: requirement::sorted(self.extras),
            requires_python: self.requires_python,
            licence: self.expression.or(self.licence),
        };
        notes.sink.observed(What::Distribution(distribution), None);
        Ok(())
    }
}

/// Keeps the first value, as Python's `email` package hands it out, and complains about a second that differs.
fn once<T: PartialEq>(
    slot: &mut Option<T>,
    found: Option<T>,
    name: &str,
    span: Option<Span>,
    notes: &mut Notes<'_>,
) {
    match (&slot, found) {
        (None, found) => *slot = found,
        (Some(first), Some(second)) if *first != second => {
            notes.malformed(format!("a second `{}` that differs from the first", quoted(name)), span);
        }
        _ => {}
    }
}

/// Name and version in `name-version.dist-info`; an `*.egg-info` may end in `-py3.11` or have no version.
fn named_by_folder(folder: &str) -> Option<(PackageName, Option<String>)> {
    let stem = folder.strip_suffix(".dist-info").or_else(|| folder.strip_suffix(".egg-info"))?;
    let mut parts = stem.split('-');
    let name = PackageName::new(parts.next()?).ok()?;
    Some((name, parts.next().filter(|version| !version.is_empty()).map(str::to_owned)))
}

/// Reads `requires.txt`.
fn read_requires(input: &Input, sink: &mut Sink) -> Result<(), Unread> {
    let decoded = decode(&input.read_text()?);
    let mut notes = Notes::metadata(sink);
    if let Some((problem, line)) = decoded.problem {
        notes.malformed(problem, line_span(line));
    }
    let mut markers = Markers::default();
    let mut role = Some(Role::Runtime);
    let mut marker: Option<String> = None;
    for (number, line) in python_lines(&decoded.text) {
        let (line, span) = (line.trim(), line_span(number));
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let (extra, condition) = section.split_once(':').unwrap_or((section, ""));
            marker = markers.canonical(condition, span.clone(), &mut notes);
            role = match extra.trim() {
                "" => Some(Role::Runtime),
                extra => requirement::name(extra, span, &mut notes).map(Role::Extra),
            };
            continue;
        }
        match (requirement::parse(line), &role) {
            (Ok(mut requirement), Some(role)) => {
                let joined = requirement::both(requirement.marker.as_deref(), marker.as_deref());
                requirement.marker =
                    joined.and_then(|text| markers.canonical(&text, span.clone(), &mut notes));
                let requires = requirement::requires(requirement, role.clone());
                notes.sink.observed(What::Requires(requires), span);
            }
            (Ok(_), None) => {
                notes.malformed(format!("in a section without valid name: `{}`", quoted(line)), span);
            }
            (Err(reason), _) => notes.malformed(reason, span),
        }
    }
    Ok(())
}
