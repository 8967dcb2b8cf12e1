//! Model files: one node per content, held by the package that brought it, else by its project or environment.

use std::collections::BTreeMap;
use std::sync::Arc;

use weighbridge_core::graph::NodeId;
use weighbridge_core::place::Place;
use weighbridge_core::world::{File, Installed};

use super::collect::Collected;
use super::draw::Drawing;
use super::installed::recorders;
use super::layout::Layout;

/// Draws every file that a reader of models understood and that has a digest; the others are gaps in coverage.
pub(super) fn draw(
    files: &BTreeMap<Arc<str>, File>,
    collected: &Collected<'_>,
    layout: &Layout<'_>,
    installed: &[Installed],
    drawing: &mut Drawing,
) {
    if collected.models.is_empty() {
        return;
    }
    let packages = recorders(installed, &collected.models.keys().copied().collect());
    for (path, model) in &collected.models {
        let Some(File { size, digest: Ok(digest), .. }) = files.get(*path) else { continue };
        let id = NodeId::Artifact(*digest);
        let place = Place::file(*path);
        let evidence = || model.evidence.iter().copied().cloned();
        drawing.file(id.clone(), model.format, *size, place, evidence());
        let brought = packages.get(path).map(|packages| packages.iter().copied().collect::<Vec<_>>());
        let holders = brought.unwrap_or_else(|| layout.holder(path).into_iter().collect());
        for holder in holders {
            for evidence in evidence() {
                drawing.contains(holder, &id, evidence);
            }
        }
    }
}
