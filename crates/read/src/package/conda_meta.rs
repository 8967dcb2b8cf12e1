//! `conda-meta/*.json`: what conda has installed into an environment, one file a package.
//!
//! Source: conda's documentation, *Package metadata* and the files that conda, mamba and pixi write. A package lists its
//! files twice, as `files` and with digests as `paths_data`. Of files into which the installer has written the folder of the
//! environment only `sha256_in_prefix` is the digest of what lies there. Links and what is made at installation have none.

use std::collections::BTreeSet;

use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::Digest;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Distribution, Environment, Recorded, Requirement, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::conda::{self, FileName, text, texts};
use super::notes::Notes;
use super::parent_of;
use super::text::{printable, quoted};
use crate::tree::{self, Node};

/// Longest licence statement that is kept, in characters.
const MOST_LICENCE: usize = 200;

/// Reads what conda has installed.
pub struct CondaMetaReader;

impl Reader for CondaMetaReader {
    fn about(&self) -> &'static About {
        &About {
            id: "conda-meta",
            title: "package that conda has installed",
            family: Family::Package,
            names: &["conda-meta/*.json"],
            reads: "name, version, requirements, licence, channel, and the files with their digests; makes the folder an \
                    environment",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let named = parent_of(hint.path) == "conda-meta" && hint.has_extension("json");
        if named { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        // Where the content cannot be read, the name of the file still says what is installed.
        let named = sink.place().name().strip_suffix(".json").map(|stem| format!("{stem}.conda"));
        let by_file = named.as_deref().and_then(conda::file_name);
        let read = input.read_text().and_then(|bytes| tree::json(&bytes));
        let mut notes = Notes::metadata(sink);
        let (node, ended) = match read {
            Ok(Some(node)) => (Some(node), Ok(())),
            Ok(None) => (None, Err(Unread::Malformed("no JSON".to_owned()))),
            Err(reason) => (None, Err(reason)),
        };
        installed(node.as_ref(), by_file, &mut notes).and(ended)
    }
}

fn installed(node: Option<&Node>, by_file: Option<FileName>, notes: &mut Notes<'_>) -> Result<(), Unread> {
    let stated = node.and_then(|node| Some((node, text(node, "name", notes)?)));
    // Other tools keep notes of their own in this folder.
    let Some((name, version)) = identity(stated, by_file, notes) else {
        return match node {
            Some(node) if node.get("paths_data").next().is_some() => {
                Err(Unread::Malformed("names no package".to_owned()))
            }
            _ => Ok(()),
        };
    };
    if name.as_str() == "python" {
        let python =
            Some(version.clone()).filter(|text| text.starts_with(|first: char| first.is_ascii_digit()));
        let environment = Environment { python, implementation: None, system_packages: false };
        notes.sink.observed(What::Environment(environment), None);
    }
    let mut distribution = Distribution {
        ecosystem: Ecosystem::Conda,
        name,
        version,
        requires: Vec::new(),
        extras: Vec::new(),
        requires_python: None,
        licence: None,
    };
    let Some(node) = node else {
        notes.sink.inferred(What::Distribution(distribution), None);
        return Ok(());
    };
    distribution.requires = depends(node, notes);
    let licence = text(node, "license", notes).filter(|licence| !licence.eq_ignore_ascii_case("none"));
    distribution.licence = licence.map(|licence| printable(licence, MOST_LICENCE));
    notes.sink.observed(What::Distribution(distribution), None);
    let channel = text(node, "url", notes).and_then(conda::channel);
    if let Some(channel) = channel {
        conda::tell_channel(&channel, None, notes);
    }
    if is_requested(node) {
        notes.sink.observed(What::Requested, None);
    }
    let recorded = recorded(node, notes);
    notes.sink.observed(What::Record(recorded), None);
    Ok(())
}

/// Name and version, from the file name where the content states none.
fn identity(
    stated: Option<(&Node, &str)>,
    by_file: Option<FileName>,
    notes: &mut Notes<'_>,
) -> Option<(PackageName, String)> {
    let by_file = by_file.map(|it| (it.name, it.version));
    let Some((node, name)) = stated else { return by_file };
    let version = text(node, "version", notes);
    match (PackageName::of(Ecosystem::Conda, name), version) {
        (Ok(name), Some(version)) => Some((name, conda::version(version))),
        _ => {
            notes.malformed(
                format!("`{}` and its version are not stated as they should be", quoted(name)),
                node.span(),
            );
            by_file
        }
    }
}

pub(super) fn depends(node: &Node, notes: &mut Notes<'_>) -> Vec<Requirement> {
    let mut requires = Vec::new();
    for (text, span) in texts(node, "depends", notes) {
        requires.extend(conda::depends(text, span, notes).map(|requires| requires.requirement));
    }
    requires
}

/// Whether the user asked for the package by name. Older versions write `None` where nobody did.
fn is_requested(node: &Node) -> bool {
    let one = node.get("requested_spec").filter_map(Node::text);
    let many = node.get("requested_specs").flat_map(Node::list).filter_map(Node::text);
    one.chain(many).any(|spec| !matches!(spec, "" | "None" | "null"))
}

/// The files, those with digests first met; `files` names them all.
fn recorded(node: &Node, notes: &mut Notes<'_>) -> Vec<Recorded> {
    let mut seen = BTreeSet::new();
    let listed = node.get("paths_data").flat_map(|data| data.get("paths"));
    let mut recorded = paths(listed, &mut seen, stated, notes);
    for (path, _) in texts(node, "files", notes) {
        if seen.insert(path) {
            recorded.push(Recorded { path: path.to_owned(), digest: None, size: None });
        }
    }
    recorded
}

/// Digest and size of a file, as far as they are stated.
type Stated = (Option<Digest>, Option<u64>);

/// The files of lists of paths, each once; `stated` says what is stated of one.
pub(super) fn paths<'node>(
    lists: impl Iterator<Item = &'node Node>,
    seen: &mut BTreeSet<&'node str>,
    stated: fn(&Node, &mut Notes<'_>) -> Stated,
    notes: &mut Notes<'_>,
) -> Vec<Recorded> {
    let mut recorded = Vec::new();
    for entry in lists.flat_map(Node::list) {
        let Some(path) = text(entry, "_path", notes) else {
            notes.malformed("a file without path", entry.span());
            continue;
        };
        if seen.insert(path) {
            let (digest, size) = stated(entry, notes);
            recorded.push(Recorded { path: path.to_owned(), digest, size });
        }
    }
    recorded
}

/// Digest and size of a file as it lies in the package: before the folder of an environment is written into it.
pub(super) fn stated_in_package(entry: &Node, notes: &mut Notes<'_>) -> Stated {
    if !is_file(entry) {
        return (None, None);
    }
    let digest = text(entry, "sha256", notes).and_then(|hex| conda::sha256(hex, entry.span(), notes));
    (digest, size(entry))
}

fn is_file(entry: &Node) -> bool {
    entry.get("path_type").next().and_then(Node::text).is_none_or(|kind| kind == "hardlink")
}

fn size(entry: &Node) -> Option<u64> {
    entry.get("size_in_bytes").next().and_then(Node::text).and_then(|size| size.parse().ok())
}

/// Digest and size of a file as it lies there, as far as they are stated.
fn stated(entry: &Node, notes: &mut Notes<'_>) -> Stated {
    if !is_file(entry) {
        return (None, None);
    }
    let rewritten = entry.get("prefix_placeholder").next().and_then(Node::text);
    let rewritten = rewritten.is_some_and(|it| !matches!(it, "" | "null"));
    let key = match text(entry, "sha256_in_prefix", notes) {
        Some(digest) => Some(digest),
        None if !rewritten => text(entry, "sha256", notes),
        None => None,
    };
    let digest = key.and_then(|hex| conda::sha256(hex, entry.span(), notes));
    (digest, size(entry).filter(|_| !rewritten))
}
