//! What packages carry inside themselves: the libraries in their wheels, and what is known of these. Of another version than the
//! one at hand only its wheel on the index can tell.
//!
//! A wheel is looked into as if it were installed: the same readers, the same graph. Of its files only those are fetched that can
//! be binaries, and what says what it is and brings along (`*.dist-info`). What was learned of a wheel is kept by its digest.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weighbridge_core::context::Context;
use weighbridge_core::coverage::Gap;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::graph::{Component, Graph, Node, NodeId, NodeKind, Relation};
use weighbridge_core::knowledge::{Grade, Vulnerability};
use weighbridge_core::name::PackageName;
use weighbridge_core::purl::Purl;
use weighbridge_net::index::{File, IndexError, Wheel};

use super::Order;
use crate::enrich::enrich;
use crate::join;
use crate::progress::Progress;
use crate::read::{Options, read};
use crate::weigh::version_of;

/// Into which folder wheels are put for the readers, as an installer would.
const SITE: &str = "lib/site-packages";
/// Most bytes of a wheel, unpacked, that are looked at. Those with the kernels of CUDA have more.
const MOST_BYTES: u64 = 1 << 30;
/// Below this size a file without an ending is no program.
const LEAST_PROGRAM: u64 = 4 << 10;

/// A vulnerability of something that a package carries inside itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Carried {
    /// What is known.
    pub(super) vulnerability: Vulnerability,
    /// What has it, such as `openssl 1.1.1k`.
    pub(super) library: String,
}

/// What is known of all that one version of a package carries, by the name of the vulnerability.
pub(super) type Load = BTreeMap<String, Carried>;

/// What one version of a package carries.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Held {
    /// What shows in it, or what its bills of materials say of it.
    pub(super) parts: BTreeSet<Purl>,
    /// How the files are called in which it shows, without versions and digests.
    pub(super) stems: BTreeSet<String>,
}

impl Held {
    /// What hangs below a package of a graph.
    pub(super) fn of(graph: &Graph, package: &NodeId) -> Self {
        let mut held = Self::default();
        let mut seen = BTreeSet::from([package]);
        let mut open = vec![package];
        while let Some(id) = open.pop() {
            // What a library links lies elsewhere.
            for edge in graph.edges_from(id).filter(|edge| edge.relation != Relation::Links) {
                let Some(node) = graph.nodes.get(&edge.to) else { continue };
                let is_inside = match &node.kind {
                    NodeKind::Component(component) => component.is_carried(),
                    NodeKind::Artifact { .. } => true,
                    NodeKind::Project { .. } | NodeKind::Environment { .. } => false,
                };
                if is_inside && seen.insert(&edge.to) {
                    held.add(&edge.to, node);
                    open.push(&edge.to);
                }
            }
        }
        held
    }

    fn add(&mut self, id: &NodeId, node: &Node) {
        match (id, &node.kind) {
            (NodeId::Component(purl), _) => {
                self.parts.insert(purl.clone());
            }
            (_, NodeKind::Artifact { places, .. }) => {
                self.stems.extend(places.iter().map(|place| stem(&place.path).to_owned()));
            }
            _ => {}
        }
    }
}

/// The name of a binary without folder, digest, version and ending: `libcrypto` of `cv.libs/libcrypto-0a1b2c3d.so.1.1`.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.split('.').next().unwrap_or(name);
    let is_digest = |text: &str| text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match name.rsplit_once('-') {
        Some((before, digest)) if is_digest(digest) => before,
        _ => name,
    }
}

/// Whether a file of a wheel can be a library or a program, as far as its name says.
fn may_be_binary(path: &str, size: u64) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut endings = name.split('.').skip(1);
    let known = |ending: &str| ["so", "pyd", "dll", "dylib", "exe", "node", "bin"].contains(&ending);
    endings.any(known) || (!name.contains('.') && size >= LEAST_PROGRAM)
}

/// Whether a file of a wheel says what the wheel is and what it brings along.
fn is_about(path: &str) -> bool {
    path.split_once('/').is_some_and(|(folder, _)| folder.ends_with(".dist-info"))
}

/// Looks into wheels, and says what is known of what they carry.
pub(super) struct Looking<'a> {
    order: &'a Order<'a>,
    context: &'a Context,
    progress: &'a dyn Progress,
    known: RefCell<BTreeMap<Purl, Known>>,
}

/// What is known of one part: its vulnerabilities, or nothing, because it cannot be assessed.
type Known = Option<Vec<Arc<Vulnerability>>>;

/// What was learned of a wheel, as it is kept: which readers saw it, and how much of it; then a line for each purl.
fn learned(bytes: &[u8], by: &str) -> Option<(BTreeSet<Purl>, Whole)> {
    let mut lines = std::str::from_utf8(bytes).ok()?.lines();
    let extent = lines.next()?.strip_prefix(by)?;
    let whole = match extent {
        " whole" => Whole(true),
        " part" => Whole(false),
        _ => return None,
    };
    Some((lines.map(|line| Some(Purl::parse(line)?.2)).collect::<Option<_>>()?, whole))
}

impl<'a> Looking<'a> {
    pub(super) fn new(order: &'a Order<'a>, context: &'a Context, progress: &'a dyn Progress) -> Self {
        Self { order, context, progress, known: RefCell::default() }
    }

    /// What is known of these parts. What only may be affected is left out. Of a library that cannot be assessed everything
    /// stays that was known of it in `before`.
    pub(super) fn load(
        &self,
        parts: &BTreeSet<Purl>,
        before: &Load,
        skip: &dyn Fn(&PackageName, &str) -> bool,
    ) -> Load {
        self.assess(parts);
        let known = self.known.borrow();
        let mut load = Load::new();
        let mut unassessed = BTreeMap::new();
        for purl in parts {
            let Some((ecosystem, name, _)) = Purl::parse(purl.as_str()) else { continue };
            let library = format!("{name} {}", purl.version().unwrap_or_default());
            let Some(Some(vulnerabilities)) = known.get(purl) else {
                unassessed.extend(join::library_of(ecosystem, &name).map(|it| (it, library)));
                continue;
            };
            for it in vulnerabilities.iter().filter(|it| !skip(&name, &it.name)) {
                let carried =
                    || Carried { vulnerability: (**it).clone(), library: library.trim_end().to_owned() };
                load.entry(it.name.clone()).or_insert_with(carried);
            }
        }
        for (id, carried) in before {
            let name = carried.library.split(' ').next().unwrap_or_default();
            let library = PackageName::of(Ecosystem::Native, name).ok();
            if let Some(library) = library.and_then(|name| unassessed.get(&name)) {
                let library = format!("{} (not assessable)", library.trim_end());
                load.entry(id.clone()).or_insert_with(|| Carried { library, ..carried.clone() });
            }
        }
        load
    }

    /// Learns what is known of those parts that were not asked for yet.
    fn assess(&self, parts: &BTreeSet<Purl>) {
        let mut known = self.known.borrow_mut();
        let new: Vec<&Purl> = parts.iter().filter(|purl| !known.contains_key(*purl)).collect();
        if new.is_empty() {
            return;
        }
        let mut graph = Graph::default();
        for purl in &new {
            let Some((ecosystem, name, _)) = Purl::parse(purl.as_str()) else { continue };
            let component = Component {
                ecosystem,
                name,
                version: purl.version(),
                origins: BTreeSet::new(),
                digests: BTreeSet::new(),
                licence: None,
                installed: true,
            };
            let node = Node { kind: NodeKind::Component(component), evidence: Default::default() };
            graph.nodes.insert(NodeId::Component((*purl).clone()), node);
        }
        let found = enrich(&graph, self.order.knowledge);
        for purl in new {
            let is_assessed = !found.unassessed.contains_key(&NodeId::Component(purl.clone()));
            known.insert(purl.clone(), is_assessed.then(Vec::new));
        }
        for it in found.matches {
            let grade = it.vulnerability.records.iter().map(|record| record.grade).min();
            let is_vague = grade.unwrap_or(Grade::Bisect).is_vague();
            if let (NodeId::Component(purl), false) = (&it.component, is_vague)
                && let Some(Some(vulnerabilities)) = known.get_mut(purl)
            {
                vulnerabilities.push(it.vulnerability);
            }
        }
    }

    /// What a wheel carries. Looked at first are files like those of `stems`; if what they show is `enough`, the others are not
    /// fetched, and what comes back is only a part of it.
    ///
    /// # Errors
    /// Why it cannot be told, in words.
    pub(super) fn wheel(
        &self,
        name: &PackageName,
        file: &File,
        stems: &BTreeSet<String>,
        enough: &dyn Fn(&BTreeSet<Purl>) -> bool,
    ) -> Result<(BTreeSet<Purl>, Whole), String> {
        if !file.name.ends_with(".whl") {
            return Err(format!("{} is a source distribution, whose binaries are not built yet", file.name));
        }
        let by = version_of(self.order.request.readers).to_string();
        let known = self.order.client.learned(file).and_then(|bytes| learned(&bytes, &by));
        if let Some((parts, whole)) = known
            && (whole.0 || enough(&parts))
        {
            return Ok((parts, whole));
        }
        let keep = |parts: &BTreeSet<Purl>, extent: &str| {
            let lines: String = parts.iter().map(|purl| format!("\n{}", purl.as_str())).collect();
            self.order.client.learn(file, format!("{by} {extent}{lines}").as_bytes());
        };
        let wheel = self.order.client.wheel(file).map_err(|error| match error {
            IndexError::Offline(_) => "nothing may be fetched, and it was not looked into before".to_owned(),
            error => error.to_string(),
        })?;
        let is_like = |path: &str| is_about(path) || stems.contains(stem(path));
        let first: BTreeSet<&str> = (wheel.files())
            .filter(|(path, size)| is_about(path) || (is_like(path) && may_be_binary(path, *size)))
            .map(|(path, _)| path)
            .collect();
        let all: BTreeMap<&str, u64> =
            wheel.files().filter(|(path, size)| is_about(path) || may_be_binary(path, *size)).collect();
        if first.len() < all.len() {
            let parts = self.parts(name, &wheel, &|path| first.contains(path))?;
            if enough(&parts) {
                keep(&parts, "part");
                return Ok((parts, Whole(false)));
            }
        }
        if all.values().fold(0, |sum: u64, size| sum.saturating_add(*size)) > MOST_BYTES {
            return Err(format!("the binaries of {} have more than {} bytes", file.name, MOST_BYTES));
        }
        let parts = self.parts(name, &wheel, &|path| all.contains_key(path))?;
        keep(&parts, "whole");
        Ok((parts, Whole(true)))
    }

    /// What the wanted files of a wheel show.
    fn parts(
        &self,
        name: &PackageName,
        wheel: &Wheel,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<BTreeSet<Purl>, String> {
        let options =
            Options { readers: self.order.request.readers, exclude: &[], jobs: self.order.request.jobs };
        let opened = vec![wheel.unpacked(SITE, wanted)];
        let readings =
            read(opened, &options, self.context, self.progress).map_err(|error| error.to_string())?;
        if let Some(gap) = readings.coverage.unread.first() {
            return Err(gap_in(gap));
        }
        let nothing = BTreeMap::new();
        let joined = join::join(&join::Input {
            name: "",
            facts: &readings.facts,
            chosen: &nothing,
            files: &readings.files,
            context: self.context,
        });
        let components = || joined.graph.components();
        if !components().any(|(_, component)| component.name == *name) {
            return Err(format!("it is no wheel of {name}"));
        }
        // All that is in it comes with it, whatever its RECORD says.
        let carried = components().filter(|(_, component)| component.is_carried());
        let parts = carried.filter_map(|(id, _)| match id {
            NodeId::Component(purl) => Some(purl.clone()),
            _ => None,
        });
        Ok(parts.collect())
    }
}

/// Whether all of a wheel was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Whole(pub(super) bool);

fn gap_in(gap: &Gap) -> String {
    let text = gap.to_string();
    text.strip_prefix(SITE).and_then(|text| text.strip_prefix('/')).unwrap_or(&text).to_owned()
}
