//! Packages of conda as files: `info/index.json` inside `*.conda` (a zip of archives packed by Zstandard) and `*.tar.bz2`.
//!
//! Source: conda's documentation, *Conda package specification*. The archives are unpacked by their own readers, which hand
//! out every member; this one reads the member that says which package it is. What runs at installation is read by
//! [`super::install_script`].

use weighbridge_core::coverage::Unread;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Distribution, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::conda::{self, text};
use super::conda_meta::depends;
use super::notes::Notes;
use super::text::{printable, quoted};
use crate::tree;

/// Longest licence statement that is kept, in characters.
const MOST_LICENCE: usize = 200;

/// Reads what packages of conda say of themselves.
pub struct CondaPackageReader;

impl Reader for CondaPackageReader {
    fn about(&self) -> &'static About {
        &About {
            id: "conda-package",
            title: "package file of conda",
            family: Family::Package,
            names: &["*.conda", "*.tar.bz2 with `info/index.json`"],
            reads: "name, version, requirements and licence; what lies inside is read as what it is",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let path = hint.path.strip_prefix("./").unwrap_or(hint.path);
        if path == "info/index.json" { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let node = tree::json(&input.read_text()?)?;
        let node = node.ok_or_else(|| Unread::Malformed("no JSON".to_owned()))?;
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
