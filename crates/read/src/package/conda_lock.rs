//! `conda-lock.yml`: the packages that conda-lock has fixed, platform by platform; `pixi.lock` up to version 3 is nearly
//! the same.
//!
//! Source: the lock files themselves and conda-lock's documentation of version 1. Conda packages state what they ask
//! for as a table of names and specifiers, pixi as a list. What the project asks for stands in the files that the lock
//! names as its sources.

use weighbridge_core::coverage::Unread;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Locked, Origin, Requires, Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::conda::{self, text};
use super::is_installed;
use super::notes::Notes;
use super::requirement::{self, Markers};
use super::text::{decode, line_span, printable, quoted};
use crate::tree::{Node, Tree};
use crate::yaml;

/// Reads lock files of conda-lock.
pub struct CondaLockReader;

impl Reader for CondaLockReader {
    fn about(&self) -> &'static About {
        &About {
            id: "conda-lock",
            title: "conda-lock lock file",
            family: Family::Package,
            names: &["*conda-lock.yml", "*conda-lock.yaml"],
            reads: "packages of conda and of pip with versions, platforms, digests, edges and channels",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let name = hint.name().to_ascii_lowercase();
        let named = name.ends_with("conda-lock.yml") || name.ends_with("conda-lock.yaml");
        if named && !is_installed(hint) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        read(input, sink, |document, notes| match version(document).as_deref() {
            Some("1") => lock(document, notes),
            other => {
                unsupported("conda-lock lock file", other, document, notes);
                lock(document, notes);
            }
        })
    }
}

/// Reads the documents of a lock file in YAML.
pub(super) fn read(
    input: &Input,
    sink: &mut Sink,
    mut take: impl FnMut(&Node, &mut Notes<'_>),
) -> Result<(), Unread> {
    let decoded = decode(&input.read_text()?);
    let stream = yaml::documents(&decoded.text)?;
    let mut notes = Notes::manifest(sink);
    if let Some((problem, line)) = decoded.problem {
        notes.malformed(problem, line_span(line));
    }
    if stream.documents.is_empty() && stream.broken.is_none() {
        return Err(Unread::Malformed("an empty file".to_owned()));
    }
    for document in &stream.documents {
        take(document, &mut notes);
    }
    match stream.broken {
        Some(reason) => Err(Unread::Malformed(format!("no YAML: {}", printable(&reason, 300)))),
        None => Ok(()),
    }
}

/// The version of the format that a lock file states.
pub(super) fn version(document: &Node) -> Option<String> {
    document.get("version").next().and_then(Node::text).map(str::to_owned)
}

/// Says that the format is another one than those known here. It is read all the same.
pub(super) fn unsupported(what: &str, version: Option<&str>, document: &Node, notes: &mut Notes<'_>) {
    let version = version.map_or("of an unknown version".to_owned(), |it| format!("version {}", quoted(it)));
    notes.sink.unread(Unread::Unsupported(format!("{what} {version}")), document.span());
}

/// The packages of one document.
pub(super) fn lock(document: &Node, notes: &mut Notes<'_>) {
    for metadata in document.get("metadata") {
        for channel in metadata.get("channels").flat_map(Node::list) {
            let location = channel.text().or_else(|| channel.get("url").next().and_then(Node::text));
            match location {
                Some(location) => conda::tell_channel(location, channel.span(), notes),
                None => notes.malformed("a channel that is no text", channel.span()),
            }
        }
    }
    let mut any = false;
    let mut markers = Markers::default();
    for packages in document.get("package") {
        any = true;
        if !matches!(packages.tree, Tree::List(_)) {
            notes.lost("`package` is no list", packages.span());
        }
        for node in packages.list() {
            if notes.sink.is_full() {
                return;
            }
            if let Some(locked) = package(node, &mut markers, notes) {
                notes.sink.declared(What::Locked(locked), node.span());
            }
        }
    }
    if !any {
        notes.lost("lists no packages", document.span());
    }
}

fn package(node: &Node, markers: &mut Markers, notes: &mut Notes<'_>) -> Option<Locked> {
    let span = node.span();
    let Some(name) = text(node, "name", notes) else {
        notes.lost("a package without name", span);
        return None;
    };
    // What the tool took for granted of the system (`__osx 11.0`).
    if name.starts_with("__") {
        return None;
    }
    let ecosystem = match text(node, "manager", notes).or_else(|| text(node, "kind", notes)) {
        Some("pip" | "pypi") => Ecosystem::PyPi,
        Some("conda") => Ecosystem::Conda,
        other => {
            let manager = other.unwrap_or_default();
            notes.lost(
                format!("package `{}` of an unknown manager `{}`", quoted(name), quoted(manager)),
                span,
            );
            return None;
        }
    };
    let Ok(name) = PackageName::of(ecosystem, name.trim()) else {
        notes.lost(format!("`{}` is not a package name", quoted(name)), span);
        return None;
    };
    let version = text(node, "version", notes).map(conda::version);
    if version.is_none() {
        notes.lost(format!("package `{name}` states no version"), span.clone());
    }
    let address = text(node, "url", notes).unwrap_or_default();
    let origin = if ecosystem == Ecosystem::PyPi { conda::python_origin(address) } else { Origin::Index };
    let mut digests = Vec::new();
    for hash in node.get("hash") {
        digests.extend(text(hash, "sha256", notes).and_then(|hex| conda::sha256(hex, hash.span(), notes)));
    }
    let marker = text(node, "platform", notes).and_then(conda::marker);
    let marker = marker.and_then(|text| markers.canonical(text, span, notes));
    let requires = node.get("dependencies").flat_map(|node| dependencies(node, ecosystem, notes)).collect();
    let digests = requirement::sorted(digests);
    Some(Locked { ecosystem, name, version, origin, digests, marker, root: false, requires })
}

/// What a package asks for: a table of names and specifiers, or a list of specifications.
fn dependencies(node: &Node, ecosystem: Ecosystem, notes: &mut Notes<'_>) -> Vec<Requires> {
    let mut found = Vec::new();
    for (key, value) in node.map() {
        let (Some(name), Some(specifier)) = (key.text(), value.text()) else {
            notes.lost("a dependency that is no text", key.span());
            continue;
        };
        if ecosystem == Ecosystem::Conda && !name.contains(char::is_whitespace) {
            found.extend(conda::depends(&format!("{name} {specifier}"), key.span(), notes));
        } else if ecosystem == Ecosystem::Conda {
            notes.lost(format!("`{}` is not a package name", quoted(name)), key.span());
        } else {
            let requirement = conda::python(name, specifier, key.span(), notes);
            found.extend(requirement.map(|it| requirement::requires(it, Role::Runtime)));
        }
    }
    for item in node.list() {
        let Some(text) = item.text() else {
            notes.lost("a dependency that is no text", item.span());
            continue;
        };
        if ecosystem == Ecosystem::Conda {
            found.extend(conda::depends(text, item.span(), notes));
        } else {
            match requirement::parse(text) {
                Ok(requirement) => found.push(requirement::requires(requirement, Role::Runtime)),
                Err(reason) => notes.lost(reason, item.span()),
            }
        }
    }
    if matches!(node.tree, Tree::Alias) || node.text().is_some_and(|text| !text.is_empty()) {
        notes.lost("`dependencies` is no table", node.span());
    }
    found
}
