//! SPDX as JSON: 2.2 and 2.3, and the graph of 3.0.
//!
//! Source: SPDX specification 2.3 (annex of the JSON schema) and 3.0 (*Core*, *Software*, serialisation as JSON-LD).

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::BomComponent;
use weighbridge_core::input::Input;

use super::{Draft, digests, each, items, list, purl, short, span, word};
use crate::json::{self, Node, Value};
use crate::package::notes::Notes;

/// Whether a document is of SPDX: 2 states its version, 3 is a graph in its context.
pub(super) fn is_spdx(document: &Node, input: &Input) -> bool {
    document.get("spdxVersion").is_some() || context(document, input).is_some()
}

/// The version that the context of a graph names (`…spdx.org/rdf/3.0.1/…`).
fn context(document: &Node, input: &Input) -> Option<String> {
    let context = document.get("@context")?;
    let version = |node: &Node| {
        let (_, version) = node.text()?.split_once("spdx.org/rdf/")?;
        version.split('/').next().map(str::to_owned)
    };
    match context.value {
        Value::Far => json::items(input, context.at).flatten().find_map(|node| version(&node)),
        _ => version(context),
    }
}

/// Reads a document.
pub(super) fn read(document: &Node, draft: &mut Draft<'_>, notes: &mut Notes<'_>) -> Result<(), Unread> {
    let stated = word(document, "spdxVersion", notes);
    let graph = stated.is_none();
    let version = match stated {
        Some(text) => text.strip_prefix("SPDX-").unwrap_or(text).to_owned(),
        None => context(document, draft.input).unwrap_or_default(),
    };
    draft.version = short(&version);
    if !(version.starts_with("3.0") && graph || matches!(version.as_str(), "2.2" | "2.3") && !graph) {
        let what = format!("SPDX version `{}`", draft.version);
        notes.sink.unread(Unread::Unsupported(what), span(document.at));
    }
    if graph { read_graph(document, draft, notes) } else { read_document(document, draft, notes) }
}

fn read_document(document: &Node, draft: &mut Draft<'_>, notes: &mut Notes<'_>) -> Result<(), Unread> {
    for package in each(draft.input, list(document, "packages", notes)) {
        draft.input.go_on()?;
        let package = &package?;
        let Some(name) = word(package, "name", notes) else {
            notes.lost("a package without name", span(package.at));
            continue;
        };
        let references = items(package, "externalRefs", notes);
        let found = BomComponent {
            name: short(name),
            version: word(package, "versionInfo", notes).filter(|text| is_stated(text)).map(short),
            purl: located(references, "referenceType", "purl", "referenceLocator", notes),
            digests: digests(items(package, "checksums", notes), "algorithm", "checksumValue", notes),
            kind: word(package, "primaryPackagePurpose", notes)
                .map(short)
                .unwrap_or_default()
                .to_ascii_lowercase(),
            inside: None,
            subject: false,
        };
        draft.add(found, word(package, "SPDXID", notes), package.at, notes);
        if draft.full {
            return Ok(());
        }
    }
    for described in each(draft.input, list(document, "documentDescribes", notes)) {
        draft.input.go_on()?;
        if let Some(described) = described?.text() {
            draft.subject(described);
        }
    }
    for relation in each(draft.input, list(document, "relationships", notes)) {
        draft.input.go_on()?;
        let relation = &relation?;
        let mut part = |name| word(relation, name, notes);
        let (from, kind, to) = (part("spdxElementId"), part("relationshipType"), part("relatedSpdxElement"));
        let (Some(from), Some(kind), Some(to)) = (from, kind, to) else {
            notes.malformed("a relation without both ends and a kind", span(relation.at));
            continue;
        };
        // Relations to files, to snippets, to other documents and to nothing are not between packages.
        let packages = draft.known.contains_key(from) && draft.known.contains_key(to);
        match kind {
            "DESCRIBES" => draft.subject(to),
            "DESCRIBED_BY" => draft.subject(from),
            "DEPENDS_ON" | "CONTAINS" | "STATIC_LINK" | "DYNAMIC_LINK" if packages => {
                draft.ask(from, to, relation.at, notes);
            }
            "CONTAINED_BY" if packages => draft.ask(to, from, relation.at, notes),
            kind if kind.ends_with("DEPENDENCY_OF") && packages => draft.ask(to, from, relation.at, notes),
            _ => {}
        }
    }
    Ok(())
}

fn read_graph(document: &Node, draft: &mut Draft<'_>, notes: &mut Notes<'_>) -> Result<(), Unread> {
    let elements = list(document, "@graph", notes);
    for element in each(draft.input, elements) {
        draft.input.go_on()?;
        let element = &element?;
        if kind(element) != Some("software_Package") {
            continue;
        }
        let Some(name) = word(element, "name", notes) else {
            notes.lost("a package without name", span(element.at));
            continue;
        };
        let identifiers = items(element, "externalIdentifier", notes);
        let stated = word(element, "software_packageUrl", notes);
        let stated = stated.and_then(|text| purl(text, element.at, notes));
        let found = BomComponent {
            name: short(name),
            version: word(element, "software_packageVersion", notes)
                .filter(|text| is_stated(text))
                .map(short),
            purl: stated.or_else(|| {
                located(identifiers, "externalIdentifierType", "packageUrl", "identifier", notes)
            }),
            digests: digests(items(element, "verifiedUsing", notes), "algorithm", "hashValue", notes),
            kind: word(element, "software_primaryPurpose", notes).map(short).unwrap_or_default(),
            inside: None,
            subject: false,
        };
        draft.add(found, identity(element, notes), element.at, notes);
        if draft.full {
            return Ok(());
        }
    }
    for element in each(draft.input, elements) {
        draft.input.go_on()?;
        let element = &element?;
        match kind(element) {
            Some("SpdxDocument" | "software_Sbom" | "Bom") => {
                let roots = items(element, "rootElement", notes).iter().filter_map(Node::text);
                roots.for_each(|root| draft.subject(root));
            }
            Some("Relationship" | "LifecycleScopedRelationship") => relation(element, draft, notes),
            _ => {}
        }
    }
    Ok(())
}

fn relation(element: &Node, draft: &mut Draft<'_>, notes: &mut Notes<'_>) {
    let kind = word(element, "relationshipType", notes).unwrap_or_default();
    if !matches!(kind, "dependsOn" | "contains" | "hasStaticLink" | "hasDynamicLink" | "describes") {
        return;
    }
    let Some(from) = word(element, "from", notes) else {
        notes.malformed("a relation without `from`", span(element.at));
        return;
    };
    for to in items(element, "to", notes).iter().filter_map(Node::text) {
        if kind == "describes" {
            draft.subject(to);
        } else if draft.known.contains_key(from) && draft.known.contains_key(to) {
            draft.ask(from, to, element.at, notes);
        }
    }
}

fn kind(element: &Node) -> Option<&str> {
    element.get("type").or_else(|| element.get("@type"))?.text()
}

fn identity<'node>(element: &'node Node, notes: &mut Notes<'_>) -> Option<&'node str> {
    word(element, "spdxId", notes).or_else(|| word(element, "@id", notes))
}

/// What stands where nothing is stated.
fn is_stated(text: &str) -> bool {
    !matches!(text, "NOASSERTION" | "NONE")
}

/// The first package URL among references that name their type and their text by these keys.
fn located(list: &[Node], key: &str, kind: &str, content: &str, notes: &mut Notes<'_>) -> Option<String> {
    list.iter().find_map(|reference| {
        word(reference, key, notes).filter(|found| *found == kind)?;
        let text = word(reference, content, notes)?;
        purl(text, reference.at, notes)
    })
}
