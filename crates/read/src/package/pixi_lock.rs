//! `pixi.lock`: the packages that pixi has fixed for its environments, platform by platform; versions 1 to 6.
//!
//! Source: the lock files themselves; the format has no specification. Since version 4 the environments list the
//! addresses of their packages, and a package is described once under `packages`: in version 4 and 5 with its name and
//! version, in version 6 only where the file name of a conda package does not say them. A package applies on the
//! platforms of all environments that list it. What the project asks for stands in its manifest.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::coverage::Unread;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Locked, Origin, Requires, Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::conda::{self, text, texts};
use super::conda_lock::{self, unsupported};
use super::is_installed;
use super::notes::Notes;
use super::origin;
use super::requirement::{self, Markers};
use super::text::quoted;
use crate::tree::{Node, Tree};

/// Reads `pixi.lock`.
pub struct PixiLockReader;

impl Reader for PixiLockReader {
    fn about(&self) -> &'static About {
        &About {
            id: "pixi-lock",
            title: "pixi lock file",
            family: Family::Package,
            names: &["pixi.lock"],
            reads: "packages of conda and of the Python index with versions, platforms, digests, edges and channels",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.name() == "pixi.lock" && !is_installed(hint) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        conda_lock::read(input, sink, |document, notes| match conda_lock::version(document).as_deref() {
            Some("1" | "2" | "3") => conda_lock::lock(document, notes),
            Some("4" | "5" | "6") => lock(document, notes),
            other => {
                unsupported("pixi lock file", other, document, notes);
                lock(document, notes);
            }
        })
    }
}

/// Platforms on which some environment has a package, by its address.
type Platforms<'node> = BTreeMap<&'node str, BTreeSet<&'node str>>;

fn lock(document: &Node, notes: &mut Notes<'_>) {
    let mut platforms = Platforms::new();
    for (_, environment) in document.get("environments").flat_map(Node::map) {
        for channel in environment.get("channels").flat_map(Node::list) {
            match channel.text().or_else(|| channel.get("url").next().and_then(Node::text)) {
                Some(location) => conda::tell_channel(location, channel.span(), notes),
                None => notes.malformed("a channel that is no text", channel.span()),
            }
        }
        for (platform, packages) in environment.get("packages").flat_map(Node::map) {
            let Some(platform) = platform.text() else {
                notes.malformed("a platform that is no text", platform.span());
                continue;
            };
            for (key, address) in packages.list().iter().flat_map(Node::map) {
                if let (Some("conda" | "pypi"), Some(address)) = (key.text(), address.text()) {
                    platforms.entry(address).or_default().insert(platform);
                }
            }
        }
    }
    let mut any = false;
    let mut markers = Markers::default();
    for packages in document.get("packages") {
        any = true;
        if !matches!(packages.tree, Tree::List(_)) {
            notes.lost("`packages` is no list", packages.span());
        }
        for node in packages.list() {
            if notes.sink.is_full() {
                return;
            }
            if let Some(locked) = package(node, &platforms, &mut markers, notes) {
                notes.sink.declared(What::Locked(locked), node.span());
            }
        }
    }
    if !any {
        notes.lost("lists no packages", document.span());
    }
}

fn package(
    node: &Node,
    platforms: &Platforms<'_>,
    markers: &mut Markers,
    notes: &mut Notes<'_>,
) -> Option<Locked> {
    let span = node.span();
    // Version 6 says kind and address at once; before it they stand apart.
    let of_kind = |key: &'static str| node.get(key).next().and_then(Node::text);
    let (ecosystem, address) = match (of_kind("conda"), of_kind("pypi"), of_kind("kind")) {
        (Some(address), None, _) => (Ecosystem::Conda, Some(address)),
        (None, Some(address), _) => (Ecosystem::PyPi, Some(address)),
        (None, None, Some("conda")) => (Ecosystem::Conda, None),
        (None, None, Some("pypi")) => (Ecosystem::PyPi, None),
        _ => {
            notes.lost("a package of unknown kind", span);
            return None;
        }
    };
    let path = text(node, "path", notes);
    let address = address.or_else(|| text(node, "url", notes)).or(path).unwrap_or_default();
    let by_file = if ecosystem == Ecosystem::Conda { conda::file_name(address) } else { None };
    let stated = text(node, "name", notes);
    let name = stated.map(|name| PackageName::of(ecosystem, name.trim()));
    let name = match (name, &by_file) {
        (Some(Ok(name)), _) => name,
        (None, Some(by_file)) => by_file.name.clone(),
        _ => {
            let shown = stated.unwrap_or(address);
            notes.lost(format!("`{}` names no package", quoted(shown)), span);
            return None;
        }
    };
    let version = text(node, "version", notes).map(conda::version).or(by_file.map(|it| it.version));
    let editable = node.get("editable").next().and_then(Node::text) == Some("true");
    let origin = match ecosystem {
        Ecosystem::PyPi if path.is_some() => origin::local(address, editable).origin,
        Ecosystem::PyPi => conda::python_origin(address),
        // A package that is built from a folder of the project.
        _ if !origin::is_url(address) => origin::local(address, false).origin,
        _ => Origin::Index,
    };
    if version.is_none() && origin == Origin::Index {
        notes.lost(format!("package `{name}` states no version"), span.clone());
    }
    let digests = text(node, "sha256", notes).and_then(|hex| conda::sha256(hex, span.clone(), notes));
    let conditions: BTreeSet<&str> =
        platforms.get(address).into_iter().flatten().filter_map(|platform| conda::marker(platform)).collect();
    let conditions: Vec<&str> = conditions.into_iter().collect();
    let marker = requirement::any(&conditions).and_then(|text| markers.canonical(&text, span, notes));
    let requires = requires(node, ecosystem, notes);
    let digests = digests.into_iter().collect();
    Some(Locked { ecosystem, name, version, origin, digests, marker, root: false, requires })
}

fn requires(node: &Node, ecosystem: Ecosystem, notes: &mut Notes<'_>) -> Vec<Requires> {
    let mut found = Vec::new();
    if ecosystem == Ecosystem::Conda {
        for (text, span) in texts(node, "depends", notes) {
            found.extend(conda::depends(text, span, notes));
        }
        return found;
    }
    for (text, span) in texts(node, "requires_dist", notes) {
        match requirement::parse(text) {
            Ok(requirement) => found.push(requirement::requires(requirement, Role::Runtime)),
            Err(reason) => notes.lost(reason, span),
        }
    }
    found
}
