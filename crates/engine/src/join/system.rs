//! Packages of an operating system: what its own databases say lies in a root, and which Python packages it owns.
//!
//! - A root is the folder above a database. Its packages are contained by the project or environment around the database.
//! - The identity of a package is its package URL with the release (`distro`) and, where it is another one, the source package
//!   from which it was built (`upstream`), since the data of distributions speak of sources. That of an RPM has its architecture
//!   (`arch`) and the stream of its module (`rpmmod`), too, since several may lie side by side. Where the distribution's vendor is known
//!   and another one has built an RPM, it has no namespace: the data of the distribution do not speak of it.
//! - A Python package whose metadata a package of the system owns comes from the system, and hangs below that package. Nobody
//!   but the distribution says what is wrong with it: it patches without a new version.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Built, OperatingSystem, Origin, SystemOwned, SystemPackage};
use weighbridge_core::graph::{Component, NodeId};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Evidence;
use weighbridge_core::purl::Purl;

use super::collect::{Collected, Said};
use super::draw::Drawing;
use super::installed::{Distribution, ancestors};
use super::layout::Layout;

/// How the vendors of distributions, by id, begin their names in RPMs: of those whose data can be imported.
const VENDORS: [(&str, &str); 2] = [("almalinux", "AlmaLinux"), ("rocky", "Rocky")];

/// Where a package of the operating system comes from.
static SYSTEM: Origin = Origin::System;

/// What the databases of all roots say.
#[derive(Default)]
pub(super) struct Systems<'a> {
    roots: BTreeMap<&'a str, Root<'a>>,
}

#[derive(Default)]
struct Root<'a> {
    release: Option<&'a OperatingSystem>,
    packages: Vec<Said<'a, SystemPackage>>,
    /// The first package of each name.
    by_name: BTreeMap<(Ecosystem, &'a PackageName), &'a SystemPackage>,
    /// By metadata, from the root.
    owned: BTreeMap<&'a str, Said<'a, SystemOwned>>,
    /// There is a database that is not read, or not all of it.
    unread: bool,
}

/// The root of a database or release file, by its path.
fn root_of(path: &str) -> &str {
    /// The folders of roots in which such files lie.
    const FOLDERS: [&str; 7] = [
        "var/lib/dpkg/",
        "lib/apk/db/",
        "etc/os-release",
        "usr/lib/os-release",
        "var/lib/rpm/",
        "usr/lib/sysimage/rpm/",
        "usr/share/rpm/",
    ];
    let at = FOLDERS
        .iter()
        .filter_map(|folder| path.rfind(folder))
        .filter(|at| *at == 0 || path.get(..*at).is_some_and(|above| above.ends_with('/')));
    let at = at.min().unwrap_or(0);
    path.get(..at).unwrap_or_default().trim_end_matches('/')
}

/// Sorts out what was said about roots.
pub(super) fn systems<'a>(collected: &Collected<'a>) -> Systems<'a> {
    let mut systems = Systems::default();
    for (place, said) in &collected.system_packages {
        let root = systems.roots.entry(root_of(&place.path)).or_default();
        for (package, evidence) in said {
            root.by_name.entry((package.ecosystem, &package.name)).or_insert(package);
            root.packages.push((package, evidence));
        }
    }
    for (place, said) in &collected.system_owned {
        let root = systems.roots.entry(root_of(&place.path)).or_default();
        for (owned, evidence) in said {
            for metadata in &owned.metadata {
                root.owned.entry(metadata).or_insert((owned, evidence));
            }
        }
    }
    // `etc/os-release` goes before `usr/lib/os-release` (os-release(5)), and comes first in the order of places.
    for (place, (release, _)) in &collected.releases {
        systems.roots.entry(root_of(&place.path)).or_default().release.get_or_insert(release);
    }
    for place in &collected.unread_databases {
        systems.roots.entry(root_of(&place.path)).or_default().unread = true;
    }
    systems
}

/// Marks the distributions that the system has installed.
pub(super) fn own(systems: &Systems<'_>, distributions: &mut [Distribution<'_>]) {
    for distribution in distributions {
        let owner = systems.owner(distribution.metadata).is_some();
        // RPM's tools say so in `INSTALLER`; believed only where there is such a database, so that nobody hides what he
        // brings along by a word.
        let unread = || {
            distribution.installer == Some("rpm")
                && systems
                    .around(distribution.metadata)
                    .any(|(root, inner)| root.unread && inner.starts_with("usr/lib"))
        };
        if owner || unread() {
            distribution.origin = Some(&SYSTEM);
        }
    }
}

/// Draws the packages of every root, and what of Python they own.
pub(super) fn draw(
    systems: &Systems<'_>,
    distributions: &[Distribution<'_>],
    layout: &Layout<'_>,
    drawing: &mut Drawing,
) {
    for root in systems.roots.values() {
        for (package, evidence) in &root.packages {
            let id = root.identity(package);
            let component = Component {
                ecosystem: package.ecosystem,
                name: package.name.clone(),
                version: Some(package.version.clone()),
                origins: BTreeSet::from([Origin::System]),
                digests: BTreeSet::new(),
                licence: package.built.licence.clone(),
                installed: true,
            };
            drawing.component(id.clone(), component, (*evidence).clone());
            if let Some(holder) = layout.holder(&evidence.place.path) {
                drawing.contains(holder, &id, (*evidence).clone());
            }
        }
    }
    for distribution in distributions {
        if let Some((root, owned, evidence)) = systems.owner(distribution.metadata)
            && let Some(id) = root.package(owned.ecosystem, &owned.package)
            && matches!(distribution.id, NodeId::Component(_))
        {
            drawing.contains(&id, &distribution.id, evidence.clone());
        }
    }
}

impl<'a> Systems<'a> {
    /// The roots around a path, innermost first, each with what of the path lies below it.
    fn around<'p>(&self, path: &'p str) -> impl Iterator<Item = (&Root<'a>, &'p str)> {
        ancestors(path).filter_map(move |folder| {
            let root = self.roots.get(folder)?;
            Some((root, path.get(folder.len()..)?.trim_start_matches('/')))
        })
    }

    /// The package of the system to which metadata belongs.
    fn owner(&self, metadata: &str) -> Option<(&Root<'a>, &'a SystemOwned, &'a Evidence)> {
        self.around(metadata).find_map(|(root, inner)| {
            let (owned, evidence) = root.owned.get(inner)?;
            Some((root, *owned, *evidence))
        })
    }
}

impl Root<'_> {
    fn identity(&self, package: &SystemPackage) -> NodeId {
        let distribution = self.release.map(|release| match &release.version {
            Some(version) => format!("{}-{version}", release.id),
            None => release.id.clone(),
        });
        let upstream = package.source.as_ref().and_then(|(name, version)| {
            let other = *name != package.name || *version != package.version;
            other.then(|| format!("{name}@{version}"))
        });
        let namespace = self.release.map_or("", |release| release.id.as_str());
        let namespace = if is_by(namespace, &package.built) { namespace } else { "" };
        let mut qualifiers: Vec<(&str, &str)> = Vec::new();
        qualifiers.extend(package.built.architecture.as_deref().map(|it| ("arch", it)));
        qualifiers.extend(package.built.module.as_deref().map(|it| ("rpmmod", it)));
        qualifiers.extend(distribution.as_deref().map(|it| ("distro", it)));
        qualifiers.extend(upstream.as_deref().map(|it| ("upstream", it)));
        let version = Some(package.version.as_str());
        NodeId::Component(Purl::new(package.ecosystem, namespace, &package.name, version).with(&qualifiers))
    }

    /// The identity of the package of this name.
    fn package(&self, ecosystem: Ecosystem, name: &PackageName) -> Option<NodeId> {
        self.by_name.get(&(ecosystem, name)).map(|package| self.identity(package))
    }
}

/// Whether a package was built by its distribution, as far as is known what that calls itself.
fn is_by(distribution: &str, built: &Built) -> bool {
    let known = VENDORS.iter().find(|(id, _)| *id == distribution);
    known.is_none_or(|(_, name)| built.vendor.as_ref().is_some_and(|vendor| vendor.starts_with(name)))
}

#[cfg(test)]
mod tests {
    use super::root_of;

    #[test]
    fn a_root_is_the_folder_above_its_database() {
        for (path, root) in [
            ("var/lib/dpkg/status", ""),
            ("rootfs/var/lib/dpkg/info/a.list", "rootfs"),
            ("a/b/lib/apk/db/installed", "a/b"),
            ("a/etc/os-release", "a"),
            ("a/usr/lib/os-release", "a"),
            ("usr/lib/sysimage/rpm/rpmdb.sqlite", ""),
            ("image/usr/share/rpm/rpmdb.sqlite", "image"),
        ] {
            assert_eq!(root_of(path), root, "{path}");
        }
    }
}
