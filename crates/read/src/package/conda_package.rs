//! Packages of conda as files: `info/index.json` and `info/paths.json` inside `*.conda` (a zip of archives packed by
//! Zstandard) and `*.tar.bz2`.
//!
//! Source: conda's documentation, *Conda package specification*. The archives are unpacked by their own readers, which hand
//! out every member; this one reads the members that say which package it is and which files it holds. What runs at
//! installation is read by [`super::install_script`].

use std::collections::BTreeSet;

use weighbridge_core::coverage::Unread;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Distribution, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::conda::{self, text};
use super::conda_meta::{depends, paths, stated_in_package};
use super::notes::Notes;
use super::text::{printable, quoted};
use crate::tree::{self, Node};

/// Longest licence statement that is kept, in characters.
const MOST_LICENCE: usize = 200;

/// The member that lists the files.
const PATHS: &str = "info/paths.json";

/// Reads what packages of conda say of themselves.
pub struct CondaPackageReader;

impl Reader for CondaPackageReader {
    fn about(&self) -> &'static About {
        &About {
            id: "conda-package",
            title: "package file of conda",
            family: Family::Package,
            names: &["*.conda", "*.tar.bz2 with `info/index.json`"],
            reads: "name, version, requirements, licence, and the files with their digests; what lies inside is read as what \
                    it is",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let path = hint.path.strip_prefix("./").unwrap_or(hint.path);
        if matches!(path, "info/index.json" | PATHS) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let node = tree::json(&input.read_text()?)?;
        let node = node.ok_or_else(|| Unread::Malformed("no JSON".to_owned()))?;
        if sink.place().inner.last().is_some_and(|step| step.ends_with(PATHS)) {
            record(&node, sink);
            return Ok(());
        }
        // Others have a file of this name as well; those of conda always say of which build they are.
        if node.get("build").next().is_none() && node.get("depends").next().is_none() {
            return Ok(());
        }
        let mut notes = Notes::manifest(sink);
        let name = text(&node, "name", &mut notes).unwrap_or_default();
        let version = text(&node, "version", &mut notes);
        let (Ok(name), Some(version)) = (PackageName::of(Ecosystem::Conda, name), version) else {
            return Err(Unread::Malformed(format!("`{}` names no package and version", quoted(name))));
        };
        let requires = depends(&node, &mut notes);
        let licence =
            text(&node, "license", &mut notes).filter(|licence| !licence.eq_ignore_ascii_case("none"));
        let distribution = Distribution {
            ecosystem: Ecosystem::Conda,
            name,
            version: conda::version(version),
            requires,
            extras: Vec::new(),
            requires_python: None,
            licence: licence.map(|licence| printable(licence, MOST_LICENCE)),
        };
        notes.sink.observed(What::Distribution(distribution), None);
        Ok(())
    }
}

/// The files of the package, as they lie in it. Other archives have a member of this name too, without a version.
fn record(node: &Node, sink: &mut Sink) {
    if node.get("paths_version").next().is_some() {
        let mut notes = Notes::metadata(sink);
        let recorded = paths(node.get("paths"), &mut BTreeSet::new(), stated_in_package, &mut notes);
        notes.sink.observed(What::Record(recorded), None);
    }
}
