//! Packages of conda as files: the file is a node, and the package that it holds hangs below it.
//!
//! Nothing is asked for by a file that merely lies there, so what the package itself asks for draws no edge.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::Origin;
use weighbridge_core::graph::{Component, NodeId};
use weighbridge_core::place::Place;
use weighbridge_core::purl::Purl;
use weighbridge_core::world::File;

use super::collect::Collected;
use super::draw::Drawing;
use super::layout::Layout;

/// Draws every package file that has a digest; the others are gaps in coverage.
pub(super) fn draw(
    files: &BTreeMap<Arc<str>, File>,
    collected: &Collected<'_>,
    layout: &Layout<'_>,
    drawing: &mut Drawing,
) {
    for (place, said) in &collected.packed {
        let Some((package, evidence)) = said.iter().min() else { continue };
        let Some(File { size, digest: Ok(digest), .. }) = files.get(&place.path) else { continue };
        let file = NodeId::Artifact(*digest);
        let path = Place::file(Arc::clone(&place.path));
        drawing.file(file.clone(), "conda-package", *size, path, [(*evidence).clone()]);
        if let Some(holder) = layout.holder(&place.path) {
            drawing.contains(holder, &file, (*evidence).clone());
        }
        let id = NodeId::Component(Purl::new(Ecosystem::Conda, "", &package.name, Some(&package.version)));
        let component = Component {
            ecosystem: Ecosystem::Conda,
            name: package.name.clone(),
            version: Some(package.version.clone()),
            origins: [Origin::Path { path: place.path.to_string(), editable: false }].into(),
            digests: BTreeSet::from([*digest]),
            licence: package.licence.clone(),
            installed: false,
        };
        drawing.component(id.clone(), component, (*evidence).clone());
        drawing.contains(&file, &id, (*evidence).clone());
    }
}
