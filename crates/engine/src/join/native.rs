//! Native libraries: one node per binary that shows a library or that an installer gathered, held by the package that
//! brought it; one per library in it; and which binary the system's loader binds to which.
//!
//! - Vendored is what a package recorded (or, in a wheel, what lies in it): package --Vendors--> file --Contains-->
//!   library. A file that nobody recorded hangs below its environment or project.
//! - A module of Python that shows no library is its package's own code and has no node.
//! - A name that a binary asks for is looked for as the loader does: in the folders that the binary names, then in its
//!   own, then among what the same package brought. What is not found is the system's and has no edge.
//! - Which build of a library it is, is the question of [`builds`](super::builds).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weighbridge_core::fact::{Binary, Library};
use weighbridge_core::graph::{Component, NodeId};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Evidence, Place};
use weighbridge_core::world::{File, Installed};

use super::bom::Claims;
use super::builds::{self, Build};
use super::collect::{Collected, Said};
use super::draw::{Drawing, at_best};
use super::installed::{folder_of, join_path, recorders};
use super::layout::Layout;

/// What a binary says, and what shows in it.
#[derive(Default)]
pub(super) struct Shown<'a> {
    pub(super) format: Option<(&'static str, &'a Evidence)>,
    pub(super) binary: Option<Said<'a, Binary>>,
    pub(super) libraries: Vec<Said<'a, Library>>,
}

/// A binary that gets a node.
pub(super) struct Held<'a> {
    pub(super) id: NodeId,
    pub(super) shown: &'a Shown<'a>,
    /// Who brought it.
    pub(super) holders: Vec<NodeId>,
}

/// Draws them, and returns which libraries the binaries of each package or archive show. What lies in an archive has no
/// digest of its own: its libraries hang below the archive. `claims` is what bills of materials say of them.
pub(super) fn draw(
    files: &BTreeMap<Arc<str>, File>,
    collected: &Collected<'_>,
    layout: &Layout<'_>,
    installed: &[Installed],
    claims: &Claims,
    wheels: &BTreeMap<String, NodeId>,
    drawing: &mut Drawing,
) -> BTreeMap<NodeId, BTreeSet<PackageName>> {
    if collected.binaries.is_empty() {
        return BTreeMap::new();
    }
    let packages = recorders(installed, &collected.binaries.keys().map(|place| &*place.path).collect());
    let mut held: BTreeMap<&Place, Held<'_>> = BTreeMap::new();
    for (place, shown) in &collected.binaries {
        let path: &str = &place.path;
        let Some(File { size, digest: Ok(digest), .. }) = files.get(path) else { continue };
        let Some((format, evidence)) = shown.format.filter(|_| is_told(place, shown)) else { continue };
        let id = NodeId::Artifact(*digest);
        let is_inside = !place.inner.is_empty();
        let known = collected.models.get(path).map(|model| model.format);
        let format = if is_inside { known.unwrap_or("archive") } else { format };
        drawing.file(id.clone(), format, *size, Place::file(path), [evidence.clone()]);
        let inside_wheel = wheels.get(path).filter(|_| is_inside);
        let brought = packages.get(path).into_iter().flatten().copied().chain(inside_wheel);
        let brought: Vec<&NodeId> = brought.collect();
        for holder in &brought {
            drawing.vendors(holder, &id, evidence.clone());
        }
        if brought.is_empty()
            && let Some(holder) = layout.holder(path)
        {
            drawing.contains(holder, &id, evidence.clone());
        }
        let holders = if is_inside { vec![id.clone()] } else { brought.into_iter().cloned().collect() };
        held.insert(place, Held { id, shown, holders });
    }
    let builds = builds::settle(&held, claims);
    for (binary, builds) in held.values().zip(&builds) {
        for ((_, evidence), build) in binary.shown.libraries.iter().zip(builds) {
            draw_library(binary, build, evidence, drawing);
        }
    }
    draw_links(&held, drawing);
    builds::shows(&held)
}

/// Whether a binary gets a node: it shows a library, or it is one that was gathered for a package, known or not.
fn is_told(place: &Place, shown: &Shown<'_>) -> bool {
    let own = shown.binary.is_some_and(|(binary, _)| binary.module.is_some());
    !shown.libraries.is_empty() || (place.inner.is_empty() && is_gathered(&place.path) && !own)
}

/// Whether a file lies where tools put the libraries that they gather for a wheel: `NAME.libs` by auditwheel and
/// delvewheel, `.dylibs` by delocate. A folder `.libs` without a name is where libtool builds.
pub(super) fn is_gathered(path: &str) -> bool {
    !gathered_for(path).is_empty()
}

/// What the folder of gathered libraries, in which a file lies, belongs to: the distribution (`numpy` of `numpy.libs`) or
/// the package (`h5py` of `h5py/.dylibs`); else nothing.
pub(super) fn gathered_for(path: &str) -> &str {
    let folder = folder_of(path);
    let name = folder.rsplit('/').next().unwrap_or_default();
    match name.strip_suffix(".libs") {
        Some(distribution) => distribution,
        None if name == ".dylibs" => match folder_of(folder).rsplit('/').next() {
            None | Some("") => name,
            Some(package) => package,
        },
        None => "",
    }
}

fn draw_library(binary: &Held<'_>, build: &Build, evidence: &Evidence, drawing: &mut Drawing) {
    let evidence = at_best(evidence, build.class);
    let component = Component {
        ecosystem: build.ecosystem,
        name: build.name.clone(),
        version: build.version.clone(),
        origins: BTreeSet::new(),
        digests: BTreeSet::new(),
        licence: None,
        installed: true,
    };
    drawing.component(build.id.clone(), component, evidence.clone());
    drawing.contains(&binary.id, &build.id, evidence);
}

/// Which binary is bound to which.
fn draw_links(held: &BTreeMap<&Place, Held<'_>>, drawing: &mut Drawing) {
    let files = held.iter().filter(|(place, _)| place.inner.is_empty());
    let held: BTreeMap<&str, &Held<'_>> = files.map(|(place, binary)| (&*place.path, binary)).collect();
    // Names by which others ask for a binary, among those of one package.
    let mut named: BTreeMap<(&NodeId, &str), &str> = BTreeMap::new();
    for (path, binary) in &held {
        let file = path.rsplit('/').next().unwrap_or_default();
        let stated = binary.shown.binary.and_then(|(binary, _)| binary.name.as_deref());
        for name in [Some(file), stated].into_iter().flatten() {
            for holder in &binary.holders {
                named.entry((holder, name)).or_insert(path);
            }
        }
    }
    for (path, binary) in &held {
        let Some((said, evidence)) = binary.shown.binary else { continue };
        for needed in &said.needs {
            let file = needed.rsplit(['/', '\\']).next().unwrap_or_default();
            let folders = said.search.iter().filter_map(|folder| below(path, folder));
            let beside = folders.chain([folder_of(path).to_owned()]);
            let mut found = beside.filter_map(|folder| held.get(format!("{folder}/{file}").as_str()));
            let brought = || binary.holders.iter().find_map(|holder| held.get(*named.get(&(holder, file))?));
            if let Some(target) = found.next().or_else(brought)
                && target.id != binary.id
            {
                drawing.links(&binary.id, &target.id, evidence.clone());
            }
        }
    }
}

/// The folder below the target that a search path of a binary names, where it is relative to the binary.
fn below(path: &str, search: &str) -> Option<String> {
    let origins = ["$ORIGIN", "${ORIGIN}", "@loader_path"];
    let rest = origins.iter().find_map(|origin| search.strip_prefix(origin))?;
    join_path(folder_of(path), rest)
}
