//! Bills of materials of others: what they claim hangs below the package whose wheel brought the bill, else below the
//! file that it is.
//!
//! - Everything that a wheel's bill lists is in the wheel, so each component hangs there by `Vendors`. The edges inside
//!   the bill are not drawn: two wheels that carry the same crate carry it for different reasons, and an edge of one
//!   would be a way that the other does not have.
//! - The identity of a component is its package URL; without one, its name, where a library is called so. What has
//!   neither has no node: no identity is invented for it. [`unidentified`] says what that was.
//! - The packages of a bill that lies in a project are no dependencies of the project.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Bom, BomComponent, Fact, What};
use weighbridge_core::graph::{Component, NodeId};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Class, Place};
use weighbridge_core::purl::Purl;
use weighbridge_core::world::File;

use super::collect::Collected;
use super::draw::{Drawing, at_best, concluded};
use super::installed::Distribution;
use super::layout::Layout;
use super::spelling::Spellings;

/// What a bill claims of a native library.
pub(super) struct Claim {
    pub(super) ecosystem: Ecosystem,
    pub(super) name: PackageName,
    pub(super) version: Option<String>,
    pub(super) purl: Purl,
}

/// What bills claim of native libraries, by the package or archive in which they lie, and by library.
pub(super) type Claims = BTreeMap<NodeId, BTreeMap<PackageName, Vec<Claim>>>;

/// Collects the claims about native libraries. Of an archive only what lies in the archive itself counts.
pub(super) fn claims(
    files: &BTreeMap<Arc<str>, File>,
    collected: &Collected<'_>,
    distributions: &[Distribution<'_>],
) -> Claims {
    let mut claims = Claims::new();
    let packages = packages(distributions);
    for (place, said) in &collected.boms {
        let holder = match package_of(place, &packages) {
            Some(package) => package,
            None if place.inner.is_empty() => continue,
            None => match file(place, files) {
                Some((archive, _)) => archive,
                None => continue,
            },
        };
        for (bom, _) in said {
            for claimed in bom.components.iter().filter(|it| !it.subject && may_be_library(it)) {
                let Some(found) = identify(claimed, &collected.spellings) else { continue };
                let Some(library) = library_of(found.ecosystem, &found.name) else { continue };
                let Identity { ecosystem, name, version, purl } = found;
                let claim = Claim { ecosystem, name, version, purl };
                claims.entry(holder.clone()).or_default().entry(library).or_default().push(claim);
            }
        }
    }
    claims
}

fn packages<'a>(distributions: &'a [Distribution<'_>]) -> BTreeMap<&'a str, &'a NodeId> {
    distributions.iter().map(|it| (it.metadata, &it.id)).collect()
}

/// The installed package in which a bill lies.
fn package_of(place: &Place, packages: &BTreeMap<&str, &NodeId>) -> Option<NodeId> {
    wheel_of(place).and_then(|metadata| packages.get(metadata)).map(|id| (*id).clone())
}

/// The native library that a component is, or that a package of a distribution holds.
pub(crate) fn library_of(ecosystem: Ecosystem, name: &PackageName) -> Option<PackageName> {
    match ecosystem {
        Ecosystem::Native => Some(name.clone()),
        Ecosystem::Rpm | Ecosystem::Deb | Ecosystem::Apk => {
            let library = weighbridge_read::binary::library_of_package(name.as_str())?;
            PackageName::of(Ecosystem::Native, library).ok()
        }
        Ecosystem::PyPi | Ecosystem::Conda | Ecosystem::Cargo => None,
    }
}

/// Whether [`library_of`] could know what a component is; most of a large bill are packages of Python, which never are.
fn may_be_library(claimed: &BomComponent) -> bool {
    let ecosystem = claimed.purl.as_deref().map(Purl::ecosystem_of);
    !matches!(ecosystem, Some(None | Some(Ecosystem::PyPi | Ecosystem::Conda | Ecosystem::Cargo)))
}

/// Draws what every bill claims. `shows` are the libraries that the binaries of each package or archive show.
pub(super) fn draw(
    files: &BTreeMap<Arc<str>, File>,
    collected: &Collected<'_>,
    layout: &Layout<'_>,
    distributions: &[Distribution<'_>],
    shows: &BTreeMap<NodeId, BTreeSet<PackageName>>,
    wheels: &BTreeMap<String, NodeId>,
    drawing: &mut Drawing,
) {
    let packages = packages(distributions);
    for (place, said) in &collected.boms {
        let package = package_of(place, &packages);
        let installed = package.is_some();
        // A bill inside a wheel that lies there as a file.
        let inside = || wheels.get(&*place.path).filter(|_| !place.inner.is_empty()).cloned();
        let package = package.or_else(inside);
        for (bom, evidence) in said {
            let holder = match &package {
                Some(package) => package.clone(),
                None => match file(place, files) {
                    Some((id, size)) => {
                        let format = if place.inner.is_empty() { "bom" } else { "archive" };
                        // That it lies there is no claim.
                        let evidence = concluded(Place::clone(place), Class::Observed);
                        drawing.file(id.clone(), format, size, Place::file(&*place.path), [evidence.clone()]);
                        if let Some(above) = layout.holder(&place.path) {
                            drawing.contains(above, &id, evidence);
                        }
                        id
                    }
                    // A file without digest has no node of its own.
                    None => match layout.holder(&place.path) {
                        Some(above) => above.clone(),
                        None => continue,
                    },
                },
            };
            let own = subject(bom, &collected.spellings);
            for claimed in bom.components.iter().filter(|it| !it.subject) {
                let Some(found) = identify(claimed, &collected.spellings) else { continue };
                let found = match claimed.purl {
                    Some(_) => found,
                    None => settle(found, shows.get(&holder)),
                };
                let id = NodeId::Component(found.purl.clone());
                // The wheel itself, and the parts of it that have no identity of their own.
                if id == holder || own.contains(&found.purl) {
                    continue;
                }
                let evidence = at_best(evidence, Class::Claimed);
                let component = Component {
                    ecosystem: found.ecosystem,
                    name: found.name,
                    version: found.version,
                    origins: BTreeSet::new(),
                    digests: claimed.digests.iter().copied().collect(),
                    licence: None,
                    installed,
                };
                drawing.component(id.clone(), component, evidence.clone());
                drawing.vendors(&holder, &id, evidence);
            }
        }
    }
}

/// What the bills claim that has no identity here: `NAME VERSION` each, sorted. Nothing is known of it, and it is in no
/// graph.
pub(crate) fn unidentified(facts: &BTreeMap<Place, Vec<Fact>>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for fact in facts.values().flatten() {
        let What::Bom(bom) = &fact.what else { continue };
        let claimed = bom.components.iter().filter(|it| !it.subject && it.kind != "file");
        found.extend(claimed.filter(|it| !is_identified(it)).map(|it| match &it.version {
            Some(version) => format!("{} {version}", it.name),
            None => it.name.clone(),
        }));
    }
    found
}

/// What a component is.
struct Identity {
    ecosystem: Ecosystem,
    name: PackageName,
    version: Option<String>,
    purl: Purl,
}

/// Whether [`identify`] says anything.
fn is_identified(claimed: &BomComponent) -> bool {
    match &claimed.purl {
        Some(text) => Purl::parse(text).is_some(),
        None => library(&claimed.name).is_some(),
    }
}

fn identify(claimed: &BomComponent, spellings: &Spellings) -> Option<Identity> {
    let (ecosystem, name, stated) = match &claimed.purl {
        Some(text) => Purl::parse(text).map(|(ecosystem, name, purl)| (ecosystem, name, Some(purl)))?,
        None => (Ecosystem::Native, library(&claimed.name)?, None),
    };
    let written = stated.as_ref().and_then(Purl::version);
    let version = written.clone().or_else(|| claimed.version.clone()).map(|version| match ecosystem {
        Ecosystem::PyPi => spellings.of(ecosystem, &name, &version),
        // vcpkg counts its own changes of one version behind it.
        Ecosystem::Native => match version.split_once('#') {
            Some((plain, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => plain.to_owned(),
            _ => version,
        },
        _ => version,
    });
    let purl = match stated {
        Some(purl) if written == version && purl.is_plain() => purl,
        stated => {
            let namespace = stated.as_ref().map_or("", Purl::namespace);
            Purl::new(ecosystem, namespace, &name, version.as_deref())
        }
    };
    Some(Identity { ecosystem, name, version, purl })
}

/// People call by one name what looks alike: where the binaries show not this library but the one that it is mistaken for
/// (zlib-ng for zlib), a name without a package URL means that one.
fn settle(found: Identity, shown: Option<&BTreeSet<PackageName>>) -> Identity {
    let Some(shown) = shown.filter(|shown| !shown.contains(&found.name)) else { return found };
    let alike = weighbridge_read::binary::lookalikes(found.name.as_str());
    let Some(other) = shown.iter().find(|other| alike.contains(&other.as_str())) else { return found };
    let purl = Purl::new(found.ecosystem, "", other, found.version.as_deref());
    Identity { name: other.clone(), purl, ..found }
}

/// The library of our table of signatures that people call so: the same letters, with or without `lib` in front.
fn library(name: &str) -> Option<PackageName> {
    /// Names of people, in lower case, and those of the table.
    const OTHERS: [(&str, &str); 5] = [
        ("freetype2", "freetype"),
        ("libjpeg / libjpeg-turbo", "libjpeg-turbo"),
        ("little cms 2", "lcms2"),
        ("little cms", "lcms2"),
        ("littlecms2", "lcms2"),
    ];
    let lower = name.trim().to_ascii_lowercase();
    let other = OTHERS.iter().find(|(called, _)| *called == lower).map(|(_, known)| *known);
    let found = other.or_else(|| {
        let exact = weighbridge_read::binary::libraries().find(|known| *known == lower);
        exact.or_else(|| weighbridge_read::binary::libraries().find(|known| plain(known) == plain(&lower)))
    });
    PackageName::of(Ecosystem::Native, found?).ok()
}

/// The name without `lib` in front.
fn plain(name: &str) -> &str {
    name.strip_prefix("lib").unwrap_or(name)
}

/// The `*.dist-info` below which a bill of an installed package lies.
fn wheel_of(place: &Place) -> Option<&str> {
    if !place.inner.is_empty() {
        return None;
    }
    let at = place.path.rfind(".dist-info/sboms/")?;
    place.path.get(..at.checked_add(".dist-info".len())?)
}

/// The node of the file, or of the archive that it lies in.
fn file(place: &Place, files: &BTreeMap<Arc<str>, File>) -> Option<(NodeId, u64)> {
    match files.get(&place.path) {
        Some(File { size, digest: Ok(digest), .. }) => Some((NodeId::Artifact(*digest), *size)),
        _ => None,
    }
}

/// What the bill is about.
fn subject(bom: &Bom, spellings: &Spellings) -> BTreeSet<Purl> {
    let subjects = bom.components.iter().filter(|it| it.subject);
    subjects.filter_map(|it| identify(it, spellings)).map(|found| found.purl).collect()
}
