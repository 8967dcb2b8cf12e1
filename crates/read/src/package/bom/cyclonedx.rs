//! CycloneDX as JSON, versions 1.2 to 1.7.
//!
//! Source: CycloneDX specification (ECMA-424), *bom-1.7.schema.json*; earlier versions differ in what is not read here.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::BomComponent;

use super::{Draft, digests, each, items, list, purl, short, span, word};
use crate::json::Node;
use crate::package::notes::Notes;

/// Versions of the standard that hold what is read here in the same places.
const VERSIONS: [&str; 6] = ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"];

/// Reads a document.
pub(super) fn read(document: &Node, draft: &mut Draft<'_>, notes: &mut Notes<'_>) -> Result<(), Unread> {
    draft.version = word(document, "specVersion", notes).map(short).unwrap_or_default();
    if !VERSIONS.contains(&draft.version.as_str()) {
        let what = format!("CycloneDX version `{}`", draft.version);
        notes.sink.unread(Unread::Unsupported(what), span(document.at));
    }
    let components = list(document, "components", notes);
    if let Some(subject) = document.get("metadata").and_then(|metadata| metadata.get("component")) {
        component_with_inner(subject, true, draft, notes)?;
    }
    for node in each(draft.input, components) {
        if draft.full {
            break;
        }
        component_with_inner(&node?, false, draft, notes)?;
    }
    for dependency in each(draft.input, list(document, "dependencies", notes)) {
        draft.input.go_on()?;
        let dependency = dependency?;
        let Some(from) = word(&dependency, "ref", notes) else {
            notes.malformed("an edge without `ref`", span(dependency.at));
            continue;
        };
        for to in items(&dependency, "dependsOn", notes) {
            match to.text() {
                Some(text) => draft.ask(from, text, to.at, notes),
                None => notes.malformed("an edge to what is no text", span(to.at)),
            }
        }
    }
    Ok(())
}

/// Reads a component and those inside it.
fn component_with_inner(
    node: &Node,
    subject: bool,
    draft: &mut Draft<'_>,
    notes: &mut Notes<'_>,
) -> Result<(), Unread> {
    // What is still to be read, with what it stands inside of; a stack, since components nest.
    let mut open = vec![(node, None, subject)];
    while let Some((node, inside, subject)) = open.pop() {
        draft.input.go_on()?;
        let place = component(node, inside, subject, draft, notes);
        if draft.full {
            break;
        }
        // What lies in a component that says too little of itself is understood all the same.
        open.extend(
            items(node, "components", notes).iter().rev().map(|inner| (inner, place.or(inside), false)),
        );
    }
    Ok(())
}

fn component(
    node: &Node,
    inside: Option<usize>,
    subject: bool,
    draft: &mut Draft<'_>,
    notes: &mut Notes<'_>,
) -> Option<usize> {
    let Some(name) = word(node, "name", notes) else {
        notes.lost("a component without name", span(node.at));
        return None;
    };
    let found = BomComponent {
        name: short(name),
        version: word(node, "version", notes).map(short),
        purl: word(node, "purl", notes).and_then(|text| purl(text, node.at, notes)),
        digests: digests(items(node, "hashes", notes), "alg", "content", notes),
        kind: word(node, "type", notes).map(short).unwrap_or_default(),
        inside,
        subject,
    };
    draft.add(found, word(node, "bom-ref", notes), node.at, notes)
}
