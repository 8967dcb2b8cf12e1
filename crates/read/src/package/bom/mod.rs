//! Bills of materials that somebody else wrote: CycloneDX and SPDX as JSON. What they say is a claim.
//!
//! Tools agree on no name: auditwheel writes `auditwheel.cdx.json`, maturin `CRATE.cyclonedx.json`, others `sbom.json`.
//! So every file below `*.dist-info/sboms/` (PEP 770) is one, whatever it is called, and its content says of which
//! standard. Elsewhere the usual names count; among installed packages they are somebody's data.

mod cyclonedx;
mod spdx;

use std::collections::HashMap;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::digest::Digest;
use weighbridge_core::fact::{Bom, BomComponent, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::is_installed;
use super::notes::Notes;
use super::text::{printable, quoted};
use crate::json::{self, Node};

/// Most characters of a name, version or kind that are kept.
const MOST_WORD: usize = 200;
/// Longest package URL that is kept; those with a download URL as qualifier have some 200 bytes.
const MOST_PURL: usize = 4 << 10;

/// Reads bills of materials.
pub struct BomReader;

impl Reader for BomReader {
    fn about(&self) -> &'static About {
        &About {
            id: "bom",
            title: "bill of materials (CycloneDX, SPDX)",
            family: Family::Package,
            names: &[
                "*.dist-info/sboms/*",
                "*.cdx.json",
                "*.cyclonedx.json",
                "*.spdx.json",
                "bom.json",
                "sbom.json",
                "*.cdx.xml",
                "bom.xml",
            ],
            reads: "components with versions, package URLs, digests and edges, as claims of its author",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let lower = hint.name().to_ascii_lowercase();
        let named = always(&lower) || matches!(lower.as_str(), "bom.json" | "sbom.json" | "bom.xml");
        if is_in_wheel(hint.path) || (named && !is_installed(hint)) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let place = sink.place();
        let path = place.inner.last().unwrap_or(&place.path);
        let expected = is_in_wheel(path) || always(&place.name().to_ascii_lowercase());
        let mut first = [0u8; 64];
        let count = input.read_some(0, &mut first)?;
        let first = first.get(..count).unwrap_or_default();
        if first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start().starts_with(b"<") {
            return Err(Unread::Unsupported("bill of materials as XML".to_owned()));
        }
        let document = match json::outline(input) {
            Ok(document) => document,
            // Anything may be called `bom.json`; what is no JSON is none.
            Err(Unread::Malformed(_)) if !expected => return Ok(()),
            Err(reason) => return Err(reason),
        };
        let mut notes = Notes::manifest(sink);
        let mut draft = Draft::new(input);
        let read = if document.get("bomFormat").and_then(Node::text) == Some("CycloneDX") {
            cyclonedx::read(&document, &mut draft, &mut notes)?;
            Some("CycloneDX")
        } else if spdx::is_spdx(&document, input) {
            spdx::read(&document, &mut draft, &mut notes)?;
            Some("SPDX")
        } else {
            None
        };
        match read {
            Some(standard) => {
                let bom = draft.finish(standard, &mut notes);
                notes.sink.claimed(What::Bom(Box::new(bom)), None);
            }
            None if expected => {
                return Err(Unread::Unsupported("bill of materials of an unknown standard".to_owned()));
            }
            None => {}
        }
        Ok(())
    }
}

/// Whether the file lies below `*.dist-info/sboms/`.
fn is_in_wheel(path: &str) -> bool {
    path.match_indices("/sboms/").any(|(at, _)| {
        let above = path.get(..at).unwrap_or_default();
        above.rsplit('/').next().is_some_and(|name| name.ends_with(".dist-info"))
    })
}

/// Whether a name in lower case is given to bills of materials and to nothing else.
fn always(lower: &str) -> bool {
    let suffixes = [".cdx.json", ".cyclonedx.json", ".spdx.json", ".cdx.xml"];
    suffixes.iter().any(|suffix| lower.ends_with(suffix))
}

/// A bill as far as it is read, with the identities by which its parts name each other.
struct Draft<'input> {
    input: &'input Input,
    version: String,
    components: Vec<BomComponent>,
    /// Places of components by the identity that the document gives them.
    known: HashMap<Box<str>, usize>,
    /// Who asks for whom, by places.
    asked: Vec<(usize, usize)>,
    /// Identities that an edge names and no component has, and where that stands.
    strangers: Vec<(Box<str>, u64)>,
    most: usize,
    full: bool,
}

impl<'input> Draft<'input> {
    fn new(input: &'input Input) -> Self {
        Self {
            input,
            version: String::new(),
            components: Vec::new(),
            known: HashMap::new(),
            asked: Vec::new(),
            strangers: Vec::new(),
            most: input.limits().facts,
            full: false,
        }
    }

    /// Adds a component under the identity that the document gives it; its place, unless there is no room.
    fn add(
        &mut self,
        component: BomComponent,
        identity: Option<&str>,
        at: u64,
        notes: &mut Notes<'_>,
    ) -> Option<usize> {
        if self.components.len() >= self.most {
            self.stop(notes);
            return None;
        }
        let place = self.components.len();
        if let Some(identity) = identity {
            match self.known.get(identity).and_then(|known| self.components.get(*known)) {
                None => {
                    self.known.insert(identity.into(), place);
                }
                // auditwheel lists the wheel itself twice.
                Some(known) if known.name == component.name && known.version == component.version => {}
                Some(_) => {
                    notes.malformed(format!("two components are called `{}`", quoted(identity)), span(at))
                }
            }
        }
        self.components.push(component);
        Some(place)
    }

    /// `from` asks for `to`, both by the identities of the document. All components are there by now.
    fn ask(&mut self, from: &str, to: &str, at: u64, notes: &mut Notes<'_>) {
        if self.asked.len().saturating_add(self.strangers.len()) >= self.most {
            return self.stop(notes);
        }
        match (self.known.get(from), self.known.get(to)) {
            (Some(from), Some(to)) => self.asked.push((*from, *to)),
            (known, _) => self.strangers.push((if known.is_none() { from } else { to }.into(), at)),
        }
    }

    /// Marks what the bill is about.
    fn subject(&mut self, identity: &str) {
        if let Some(component) = self.known.get(identity).and_then(|place| self.components.get_mut(*place)) {
            component.subject = true;
        }
    }

    fn stop(&mut self, notes: &mut Notes<'_>) {
        if !self.full {
            self.full = true;
            let most = u64::try_from(self.most).unwrap_or(u64::MAX);
            notes.sink.unread(Unread::Limit(LimitKind::Facts, most), None);
        }
    }

    fn finish(self, standard: &'static str, notes: &mut Notes<'_>) -> Bom {
        for (stranger, at) in &self.strangers {
            notes.malformed(format!("an edge names `{}`, which is not listed", quoted(stranger)), span(*at));
        }
        let mut edges = self.asked;
        edges.sort_unstable();
        edges.dedup();
        let mut components = self.components;
        // A large bill stays in memory until the end of the scan.
        components.shrink_to_fit();
        edges.shrink_to_fit();
        Bom { standard, version: self.version, components, edges }
    }
}

/// Where something stands.
fn span(at: u64) -> Option<Span> {
    Some(Span::Offset(at))
}

/// The text of this name, if it is there and not empty; anything else there is complained about.
fn word<'node>(node: &'node Node, name: &str, notes: &mut Notes<'_>) -> Option<&'node str> {
    let found = node.get(name)?;
    if found.text().is_none() && found.value != json::Value::Null {
        notes.malformed(format!("`{name}` is no text"), span(found.at));
    }
    found.text().map(str::trim).filter(|text| !text.is_empty())
}

/// Where the list of this name in the document itself begins, none if there is no such name; anything else there is
/// complained about.
fn list(document: &Node, name: &str, notes: &mut Notes<'_>) -> Option<u64> {
    let found = document.get(name)?;
    match found.value {
        json::Value::Far => return Some(found.at),
        json::Value::Null => {}
        _ => notes.lost(format!("`{name}` is no list"), span(found.at)),
    }
    None
}

/// The items of such a list, read one by one.
fn each(input: &Input, list: Option<u64>) -> impl Iterator<Item = Result<Node, Unread>> {
    list.map(|at| json::items(input, at)).into_iter().flatten()
}

/// The items of the list of this name, none if there is no such name; anything else there is complained about.
fn items<'node>(node: &'node Node, name: &str, notes: &mut Notes<'_>) -> &'node [Node] {
    let Some(found) = node.get(name) else { return &[] };
    if found.list().is_none() && found.value != json::Value::Null {
        notes.lost(format!("`{name}` is no list"), span(found.at));
    }
    found.list().unwrap_or_default()
}

fn short(text: &str) -> String {
    printable(text, MOST_WORD)
}

/// The package URL, if it can be one at all.
fn purl(text: &str, at: u64, notes: &mut Notes<'_>) -> Option<String> {
    if text.starts_with("pkg:") && text.len() <= MOST_PURL {
        return Some(printable(text, MOST_PURL));
    }
    notes.malformed(format!("no package URL: `{}`", quoted(text)), span(at));
    None
}

/// The SHA-256 digests among `list`, whose items name an algorithm and a digest by these keys.
fn digests(list: &[Node], algorithm: &str, content: &str, notes: &mut Notes<'_>) -> Vec<Digest> {
    let mut found = Vec::new();
    for hash in list {
        let named = word(hash, algorithm, notes).unwrap_or_default().to_ascii_lowercase();
        if !matches!(named.as_str(), "sha-256" | "sha256") {
            continue;
        }
        match word(hash, content, notes).map(str::parse) {
            Some(Ok(digest)) => found.push(digest),
            _ => notes.malformed("a SHA-256 that is none", span(hash.at)),
        }
    }
    super::requirement::sorted(found)
}
