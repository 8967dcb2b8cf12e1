//! CycloneDX 1.7: the bill of materials, with what is known to be wrong with it.
//!
//! Every reference is derived from what it names (a purl, a digest, a folder), so that two documents about the same
//! thing can be compared. The serial number is derived from the content, and the time is the day of the report: the
//! same target gives the same bytes. What was not read makes the composition `incomplete`.

mod licence;
mod vulnerability;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use weighbridge_core::digest::Digest;
use weighbridge_core::graph::{Component, Node, NodeId, NodeKind};
use weighbridge_core::place::{Class, Evidence, Place, Span};
use weighbridge_core::renderer::{Renderer, Style};
use weighbridge_core::report::{Artifact, Report, Safety};

use crate::tree::{Tree, object};

/// The reference of the target where no project stands at its top.
const TARGET: &str = "target";

/// See the module.
pub(crate) struct CycloneDx;

impl Renderer for CycloneDx {
    fn id(&self) -> &'static str {
        "cyclonedx"
    }

    fn title(&self) -> &'static str {
        "CycloneDX 1.7 bill of materials, with vulnerabilities"
    }

    fn suffixes(&self) -> &'static [&'static str] {
        &[".cdx.json", ".bom.json"]
    }

    fn render(&self, report: &Report, _: &Style, output: &mut dyn io::Write) -> io::Result<()> {
        let mut document = document(report);
        let mut content = Vec::new();
        document.write(&mut content)?;
        document.set("serialNumber", serial_number(&content));
        document.write(output)
    }
}

/// A UUID of version 8 (RFC 9562 section 5.8) whose bits are those of the digest of the content.
fn serial_number(content: &[u8]) -> String {
    let digest = Digest::of(content);
    let mut bits = u128::from_be_bytes(std::array::from_fn(|at| digest.as_bytes()[at]));
    bits = bits & !(0xf << 76) | (8 << 76);
    bits = bits & !(0x3 << 62) | (2 << 62);
    let hex = format!("{bits:032x}");
    format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn document(report: &Report) -> Tree {
    let bill = Bill::new(report);
    let complete = report.coverage.unread.is_empty() && report.totals.unresolved == 0;
    let unread = report.coverage.unread.iter();
    let unread = unread.map(|gap| property("weighbridge:unread", gap.to_string()));
    object! {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": "",
        "version": 1u64,
        "metadata": object! {
            "timestamp": format!("{}T00:00:00Z", report.today),
            "tools": object! {
                "components": vec![object! {
                    "type": "application",
                    "name": "weighbridge",
                    "version": env!("CARGO_PKG_VERSION"),
                }],
            },
            "component": bill.root(),
            "properties": Tree::some(unread.collect()),
        },
        "components": bill.components(),
        "dependencies": bill.dependencies(),
        "compositions": vec![object! {
            "aggregate": if complete { "complete" } else { "incomplete" },
            "assemblies": vec![Tree::from(bill.root.as_str())],
            "dependencies": vec![Tree::from(bill.root.as_str())],
        }],
        "vulnerabilities": Tree::some(vulnerability::all(report, &bill)),
    }
}

/// What has a reference, and by which.
struct Bill<'a> {
    report: &'a Report,
    /// The reference of the root.
    root: String,
    /// Model files by reference; the same bytes in several places are one.
    models: BTreeMap<String, Vec<&'a Artifact>>,
}

impl<'a> Bill<'a> {
    fn new(report: &'a Report) -> Self {
        let top = NodeId::Project("".into());
        let root = if report.graph.nodes.contains_key(&top) { top.to_string() } else { TARGET.to_owned() };
        let mut models = BTreeMap::<String, Vec<&Artifact>>::new();
        for artifact in &report.artifacts {
            models.entry(reference(artifact)).or_default().push(artifact);
        }
        Self { report, root, models }
    }

    /// The reference of the model file that holds this place.
    fn model_at(&self, place: &Place) -> Option<String> {
        let found = self.report.artifacts.iter().find(|artifact| artifact.place.path == place.path);
        found.map(reference)
    }

    /// Whether a component of the document has this reference.
    fn has(&self, id: &NodeId) -> bool {
        self.report.graph.nodes.contains_key(id) || self.models.contains_key(&id.to_string())
    }

    fn root(&self) -> Tree {
        let (name, version) =
            match self.report.graph.nodes.get(&NodeId::Project("".into())).map(|it| &it.kind) {
                Some(NodeKind::Project { name, version }) => (name.clone(), version.clone()),
                _ => (self.report.subject.join(", "), None),
            };
        object! { "type": "application", "bom-ref": self.root.as_str(), "name": name, "version": version }
    }

    fn components(&self) -> Vec<Tree> {
        let nodes = self.report.graph.nodes.iter().filter(|(id, _)| id.to_string() != self.root);
        let nodes = nodes.filter(|(id, _)| !self.models.contains_key(&id.to_string()));
        let nodes = nodes.map(|(id, node)| component(id, node));
        nodes.chain(self.models.iter().map(|(reference, places)| model(reference, places))).collect()
    }

    /// What each component leads to. What nothing else leads to hangs on the root, so that nothing floats.
    fn dependencies(&self) -> Vec<Tree> {
        let references = self.report.graph.nodes.keys().map(NodeId::to_string);
        let mut edges: BTreeMap<String, BTreeSet<String>> = references
            .chain(self.models.keys().cloned())
            .map(|reference| (reference, BTreeSet::new()))
            .collect();
        edges.entry(self.root.clone()).or_default();
        let mut floating: BTreeSet<String> = edges.keys().cloned().collect();
        floating.remove(&self.root);
        for edge in self.report.graph.edges.keys().filter(|edge| edge.from != edge.to) {
            let (from, to) = (edge.from.to_string(), edge.to.to_string());
            // An edge of which an end is missing would be a reference to nothing.
            if edges.contains_key(&to)
                && let Some(targets) = edges.get_mut(&from)
            {
                floating.remove(&to);
                targets.insert(to);
            }
        }
        if let Some(targets) = edges.get_mut(&self.root) {
            targets.extend(floating);
        }
        let one = |(from, targets): (String, BTreeSet<String>)| {
            object! { "ref": from, "dependsOn": Tree::some(Tree::texts(targets)) }
        };
        edges.into_iter().map(one).collect()
    }
}

/// The reference of a model file: its digest, else its place.
fn reference(artifact: &Artifact) -> String {
    match artifact.digest {
        Some(digest) => NodeId::Artifact(digest).to_string(),
        None => format!("file:{}", artifact.place),
    }
}

fn component(id: &NodeId, node: &Node) -> Tree {
    let reference = id.to_string();
    match &node.kind {
        NodeKind::Project { name, version } => object! {
            "type": "application", "bom-ref": reference, "name": name.as_str(), "version": version.clone(),
            "evidence": evidence(None, node.evidence.iter()),
        },
        NodeKind::Environment { name, python } => object! {
            "type": "platform", "bom-ref": reference, "name": name.as_str(),
            "description": "Python environment",
            "evidence": evidence(None, node.evidence.iter()),
            "properties": python.as_deref().map(|it| vec![property("weighbridge:python", it)]),
        },
        NodeKind::Component(component) => library(&reference, component, node),
        NodeKind::Artifact { format, size, places } => object! {
            "type": "file", "bom-ref": reference,
            "name": places.first().map_or(id.to_string(), |place| place.name().to_owned()),
            "hashes": match id { NodeId::Artifact(digest) => Some(vec![hash(*digest)]), _ => None },
            "evidence": object! { "occurrences": places.iter().map(|it| occurrence(it, None)).collect::<Vec<_>>() },
            "properties": properties(*format, *size, None),
        },
    }
}

fn library(reference: &str, component: &Component, node: &Node) -> Tree {
    // Digests of a lock file are those of several files for several platforms; only a single one is the component's.
    let digest = if component.digests.len() == 1 { component.digests.first() } else { None };
    object! {
        "type": "library",
        "bom-ref": reference,
        "name": component.name.as_str(),
        "version": component.version.clone(),
        "hashes": digest.map(|digest| vec![hash(*digest)]),
        "licenses": component.licence.as_deref().and_then(licence::choice),
        "purl": reference,
        "evidence": evidence(Some(reference), node.evidence.iter()),
        "properties": component.installed.then(|| vec![property("weighbridge:installed", "true")]),
    }
}

/// A model file, with the parts inside it that do something when it is loaded.
fn model(reference: &str, places: &[&Artifact]) -> Tree {
    let Some(first) = places.first() else { return Tree::Nothing };
    let mut parts = BTreeMap::<Vec<String>, Safety>::new();
    for effect in &first.effects {
        let steps: Vec<String> = effect.place.inner.iter().map(ToString::to_string).collect();
        if !steps.is_empty() {
            let worst = parts.entry(steps).or_insert(effect.safety);
            *worst = effect.safety.max(*worst);
        }
    }
    let part = |(steps, safety): (Vec<String>, Safety)| {
        object! {
            "type": "file",
            "bom-ref": format!("{reference}#{}", steps.join("/")),
            "name": steps.join("/"),
            "properties": vec![property("weighbridge:verdict", safety.as_str())],
        }
    };
    let identity = first.digest.map(|digest| {
        vec![object! {
            "field": "hash",
            "confidence": Tree::Tenths(10),
            "methods": vec![object! {
                "technique": "hash-comparison", "confidence": Tree::Tenths(10), "value": digest.to_string(),
            }],
        }]
    });
    object! {
        "type": "machine-learning-model",
        "bom-ref": reference,
        "name": first.place.name(),
        "hashes": first.digest.map(|digest| vec![hash(digest)]),
        "components": Tree::some(parts.into_iter().map(part).collect()),
        "evidence": object! {
            "identity": identity,
            "occurrences": places.iter().map(|it| occurrence(&it.place, None)).collect::<Vec<_>>(),
        },
        "properties": properties(Some(first.format), first.size, Some(first.safety)),
    }
}

fn properties(format: Option<&str>, size: u64, verdict: Option<Safety>) -> Vec<Tree> {
    let format = format.map(|format| property("weighbridge:format", format));
    let verdict = verdict.map(|verdict| property("weighbridge:verdict", verdict.as_str()));
    format.into_iter().chain([property("weighbridge:size", size.to_string())]).chain(verdict).collect()
}

fn property(name: &'static str, value: impl Into<Tree>) -> Tree {
    object! { "name": name, "value": value.into() }
}

fn hash(digest: Digest) -> Tree {
    object! { "alg": "SHA-256", "content": digest.to_string() }
}

/// Where a component was met, and how sure its identity is by the best evidence.
fn evidence<'a>(purl: Option<&str>, evidence: impl Iterator<Item = &'a Evidence> + Clone) -> Tree {
    let best = evidence.clone().min_by_key(|it| it.class);
    let identity = purl.zip(best).map(|(purl, best)| {
        let confidence = Tree::Tenths(confidence(best.class));
        vec![object! {
            "field": "purl",
            "confidence": confidence.clone(),
            "concludedValue": purl,
            "methods": vec![object! {
                "technique": "manifest-analysis", "confidence": confidence, "value": best.reader,
            }],
        }]
    });
    let occurrences: BTreeSet<(&Place, &Option<Span>)> = evidence.map(|it| (&it.place, &it.span)).collect();
    let occurrences: Vec<Tree> =
        occurrences.into_iter().map(|(place, span)| occurrence(place, span.as_ref())).collect();
    if identity.is_none() && occurrences.is_empty() {
        return Tree::Nothing;
    }
    object! { "identity": identity, "occurrences": Tree::some(occurrences) }
}

/// The confidence that CycloneDX asks for as a number, in tenths. Only their order means something.
fn confidence(class: Class) -> u8 {
    match class {
        Class::Verified => 10,
        Class::Observed => 9,
        Class::Declared => 8,
        Class::Inferred => 5,
        Class::Claimed => 3,
        Class::Unresolved => 1,
    }
}

fn occurrence(place: &Place, span: Option<&Span>) -> Tree {
    let (line, offset) = match span {
        Some(Span::Line(line)) => (Some(*line), None),
        Some(Span::Offset(offset)) => (None, Some(*offset)),
        None => (None, None),
    };
    object! { "location": place.to_string(), "line": line, "offset": offset }
}
