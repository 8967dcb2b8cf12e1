//! Installed distributions: the files of one `*.dist-info` or `*.egg-info` put together; and what conda notes of a package.
//!
//! A conda package brings the `*.dist-info` of what it is made of along. Such a distribution is carried by it, just as one
//! that lies inside another: whoever asks for it means the conda package, whose record has its files as they lie there.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use rayon::prelude::*;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Origin, Recorded, Requirement, Role};
use weighbridge_core::graph::NodeId;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Class, Evidence};
use weighbridge_core::purl::Purl;
use weighbridge_core::world::{Installed, RecordedFile};

use super::collect::{Collected, Metadata, prefix};
use super::layout::Layout;
use super::spelling::Spellings;

/// A distribution that lies installed.
pub(super) struct Distribution<'a> {
    pub(super) ecosystem: Ecosystem,
    /// Its component, or the project of the target that it is.
    pub(super) id: NodeId,
    pub(super) name: PackageName,
    pub(super) version: String,
    /// What it asks for, and when; most say the latter in markers.
    pub(super) requires: Vec<(&'a Requirement, &'a Role)>,
    pub(super) extras: &'a [PackageName],
    pub(super) licence: Option<&'a str>,
    pub(super) origin: Option<&'a Origin>,
    /// The user asked for it by name.
    pub(super) requested: bool,
    /// The tool that says it has installed it.
    pub(super) installer: Option<&'a str>,
    pub(super) evidence: Evidence,
    /// The `*.dist-info` or `*.egg-info`, or conda's note.
    pub(super) metadata: &'a str,
    /// The folder that holds the metadata.
    pub(super) root: &'a str,
    /// The environment in which it is installed, by folder.
    pub(super) environment: &'a str,
    /// The root of the distributions among whose files it lies, for one that another carries inside itself or has brought.
    pub(super) inside: Option<&'a str>,
    record: Option<&'a [Recorded]>,
}

/// Every installed distribution, by path of its metadata.
pub(super) fn distributions<'a>(collected: &Collected<'a>) -> Vec<Distribution<'a>> {
    let sites = sites(collected);
    let mut distributions: Vec<Distribution<'a>> = collected
        .metadata
        .iter()
        // An interrupted uninstallation leaves `~ame-1.0.dist-info` behind, which Python does not import from.
        .filter(|(path, _)| !path.rsplit('/').next().unwrap_or_default().starts_with('~'))
        .filter_map(|(path, metadata)| {
            let site = sites.get(root_of(path))?;
            distribution(path, metadata, site, &collected.spellings)
        })
        .collect();
    bring(&mut distributions);
    distributions
}

/// Marks what conda packages have brought.
fn bring(distributions: &mut [Distribution<'_>]) {
    let mut brought: BTreeMap<String, &str> = BTreeMap::new();
    for package in distributions.iter().filter(|it| it.ecosystem == Ecosystem::Conda) {
        let recorded = package.record.unwrap_or_default().iter().filter(|it| is_metadata(&it.path));
        for path in recorded.filter_map(|it| join_path(package.root, &it.path)) {
            // The metadata of an old egg is a file.
            let folder = if path.ends_with(".egg-info") { path.as_str() } else { folder_of(&path) };
            brought.insert(folder.to_owned(), package.root);
        }
    }
    for distribution in distributions.iter_mut().filter(|it| it.ecosystem == Ecosystem::PyPi) {
        if let Some(root) = brought.get(distribution.metadata) {
            distribution.inside = Some(root);
        }
    }
}

/// Whether a recorded path is one of metadata. Only these matter, and there are few among many.
fn is_metadata(path: &str) -> bool {
    path.contains(".dist-info/") || path.contains(".egg-info/") || path.ends_with(".egg-info")
}

/// A folder from which Python imports installed packages, or one that a package carries inside itself.
struct Site<'a> {
    environment: &'a str,
    inside: Option<&'a str>,
}

/// Sorts out the folders that hold metadata.
fn sites<'a>(collected: &Collected<'a>) -> BTreeMap<&'a str, Site<'a>> {
    let mut roots: BTreeMap<&str, bool> = BTreeMap::new();
    for path in collected.metadata.keys().filter(|path| prefix(path).is_none()) {
        *roots.entry(root_of(path)).or_default() |= path.ends_with(".dist-info");
    }
    let environment_of = |root: &'a str| {
        let mut folders = ancestors(root);
        folders.find_map(|folder| collected.environments.get_key_value(folder)).map(|(folder, _)| *folder)
    };
    // An `*.egg-info` in a source tree is left behind by a build of the project itself and installs nothing.
    let is_site = |root: &str| {
        roots.get(root).is_some_and(|dist_info| {
            let name = root.rsplit('/').next().unwrap_or_default();
            *dist_info || name == "site-packages" || name == "dist-packages"
        })
    };
    let mut sites = BTreeMap::new();
    for root in roots.keys().copied() {
        let virtual_environment = environment_of(root);
        if virtual_environment.is_none() && !is_site(root) {
            continue;
        }
        let above = ancestors(root).skip(1).filter(|folder| roots.contains_key(folder));
        let inside = above.filter(|folder| {
            environment_of(folder) == virtual_environment
                && (virtual_environment.is_some() || is_site(folder))
        });
        // Without `pyvenv.cfg` the outermost folder that holds metadata is all there is of an environment.
        let inside = inside.last();
        let environment = virtual_environment.or(inside).unwrap_or(root);
        sites.insert(root, Site { environment, inside });
    }
    for folder in collected.metadata.keys().filter_map(|path| prefix(path)) {
        sites.entry(folder).or_insert(Site { environment: folder, inside: None });
    }
    sites
}

fn distribution<'a>(
    path: &'a str,
    metadata: &Metadata<'a>,
    site: &Site<'a>,
    spellings: &Spellings,
) -> Option<Distribution<'a>> {
    let conda = prefix(path).is_some();
    let ecosystem = if conda { Ecosystem::Conda } else { Ecosystem::PyPi };
    // Where the metadata cannot be read, the name of its folder still says what it belongs to.
    let (name, version, evidence) = match metadata.distribution {
        Some((said, evidence)) => (said.name.clone(), said.version.as_str(), evidence.clone()),
        None if conda => return None,
        None => {
            let (name, version) = named_by_folder(path)?;
            (name, version, Evidence { class: Class::Inferred, ..metadata.first?.clone() })
        }
    };
    let version = spellings.of(ecosystem, &name, version);
    let said = metadata.distribution.map(|(said, _)| said);
    Some(Distribution {
        ecosystem,
        id: NodeId::Component(Purl::new(ecosystem, "", &name, Some(&version))),
        name,
        version,
        requires: requires(metadata),
        extras: said.map(|said| said.extras.as_slice()).unwrap_or_default(),
        licence: said.and_then(|said| said.licence.as_deref()),
        origin: metadata.origin.map(|(origin, _)| origin),
        requested: metadata.requested.is_some(),
        installer: metadata.installer.map(str::trim),
        evidence,
        metadata: path,
        root: root_of(path),
        environment: site.environment,
        inside: site.inside,
        record: metadata.record.map(|(record, _)| record.as_slice()),
    })
}

/// Metadata before version 2 has no requirements; then `requires.txt` has them.
fn requires<'a>(metadata: &Metadata<'a>) -> Vec<(&'a Requirement, &'a Role)> {
    let said = metadata.distribution.map(|(said, _)| said.requires.as_slice()).unwrap_or_default();
    if said.is_empty() {
        metadata.requires.iter().map(|(it, _)| (&it.requirement, &it.role)).collect()
    } else {
        said.iter().map(|requirement| (requirement, &Role::Runtime)).collect()
    }
}

/// The folder from which Python imports what a `*.dist-info` or `*.egg-info` describes; that of the environment for one of
/// conda's notes.
fn root_of(metadata: &str) -> &str {
    if let Some(folder) = prefix(metadata) {
        return folder;
    }
    // An egg is a folder of its own on the search path.
    let folder = folder_of(metadata);
    if folder.ends_with(".egg") { folder_of(folder) } else { folder }
}

/// Name and version in `NAME-VERSION.dist-info` or `NAME-VERSION-py3.11.egg-info`.
fn named_by_folder(path: &str) -> Option<(PackageName, &str)> {
    let name = path.trim_end_matches("/EGG-INFO").rsplit('/').next()?;
    let stem = name.strip_suffix(".egg").unwrap_or(name);
    let stem = stem.strip_suffix(".dist-info").or_else(|| stem.strip_suffix(".egg-info")).unwrap_or(stem);
    let mut parts = stem.split('-');
    Some((PackageName::new(parts.next()?).ok()?, parts.next()?))
}

/// Finds the distributions that are projects of the target, installed from their folder.
pub(super) fn recognise_projects(distributions: &mut [Distribution<'_>], layout: &Layout<'_>) {
    for distribution in distributions {
        if matches!(distribution.origin, Some(Origin::Path { .. }))
            && let Some(project) = layout.project_named(&distribution.name)
        {
            distribution.id = project.id.clone();
        }
    }
}

/// What the installers recorded, without distributions inside others.
pub(super) fn records(distributions: &[Distribution<'_>]) -> Vec<Installed> {
    let outer = distributions.par_iter().filter(|distribution| distribution.inside.is_none());
    let installed = |distribution: &Distribution<'_>| {
        // A distribution strips and moves files after they were recorded; what dpkg and apk say of them is not read.
        let record = distribution.record.filter(|_| distribution.origin != Some(&Origin::System));
        let record = record.map(|record| {
            let recorded = record.iter().map(|Recorded { path: written, digest, size }| {
                let path = within(distribution.environment, distribution.root, written).map(Arc::from);
                RecordedFile::new(path, written, *digest, *size)
            });
            recorded.collect()
        });
        Installed {
            component: distribution.id.clone(),
            root: distribution.root.into(),
            metadata: distribution.metadata.into(),
            record,
        }
    };
    outer.map(installed).collect()
}

/// The packages whose records name files, by those of the paths that are wanted. Records are long, and few of them are.
pub(super) fn recorders<'i>(
    installed: &'i [Installed],
    wanted: &HashSet<&str>,
) -> BTreeMap<&'i str, BTreeSet<&'i NodeId>> {
    let of_package = |package: &'i Installed| {
        let paths = package.record.iter().flatten().filter_map(|recorded| recorded.path.as_deref());
        paths.filter(|path| wanted.contains(path)).map(|path| (path, &package.component))
    };
    let found: Vec<(&str, &NodeId)> = installed.par_iter().flat_map_iter(of_package).collect();
    let mut recorders: BTreeMap<&str, BTreeSet<&NodeId>> = BTreeMap::new();
    for (path, package) in found {
        recorders.entry(path).or_default().insert(package);
    }
    recorders
}

/// The path below the target of a recorded path, if it stays inside the environment.
fn within(environment: &str, root: &str, written: &str) -> Option<String> {
    if written.starts_with('/') || written.contains('\\') || written.contains(':') {
        return None;
    }
    // Nearly every path is plain; resolving only the others halves the work for large environments.
    if !written.split('/').any(|name| matches!(name, "" | "." | "..")) {
        return Some(if root.is_empty() { written.to_owned() } else { format!("{root}/{written}") });
    }
    let path = join_path(root, written)?;
    is_below(&path, environment).then_some(path)
}

/// `folder/relative` with `.` and `..` resolved; none if it climbs above the target.
pub(super) fn join_path(folder: &str, relative: &str) -> Option<String> {
    let mut names: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
    for name in relative.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop()?;
            }
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

/// Whether `path` lies below `folder`; everything lies below the empty folder.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// The folder of a path, empty at the top.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The folder itself and all above it, innermost first, the target's own (empty) last.
pub(super) fn ancestors(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |folder| (!folder.is_empty()).then(|| folder_of(folder)))
}

/// The packages that distributions carry inside themselves, each with those that recorded its metadata.
pub(super) fn carriers(distributions: &[&Distribution<'_>]) -> BTreeMap<usize, BTreeSet<usize>> {
    let mut carriers: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut carried: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, distribution) in distributions.iter().enumerate() {
        if distribution.inside.is_some() {
            carried.entry(distribution.metadata.to_owned()).or_default().push(index);
        }
    }
    if carried.is_empty() {
        return carriers;
    }
    for (index, distribution) in distributions.iter().enumerate() {
        if distribution.inside.is_some() {
            continue;
        }
        for recorded in distribution.record.unwrap_or_default().iter().filter(|it| is_metadata(&it.path)) {
            let Some(path) = join_path(distribution.root, &recorded.path) else { continue };
            let folder = if path.ends_with(".egg-info") { path.as_str() } else { folder_of(&path) };
            for inner in carried.get(folder).into_iter().flatten() {
                carriers.entry(*inner).or_default().insert(index);
            }
        }
    }
    carriers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_paths_stay_inside_the_environment() {
        let root = ".venv/lib/python3.11/site-packages";
        for (written, path) in [
            ("a/b.py", Some(".venv/lib/python3.11/site-packages/a/b.py")),
            ("../../../bin/x", Some(".venv/bin/x")),
            ("./a.py", Some(".venv/lib/python3.11/site-packages/a.py")),
            ("../../../../pyproject.toml", None),
            ("../../../../../../etc/passwd", None),
            ("/etc/passwd", None),
            ("C:\\x", None),
        ] {
            assert_eq!(within(".venv", root, written).as_deref(), path, "{written}");
        }
        assert_eq!(within("", "lib", "../bin/x").as_deref(), Some("bin/x"));
    }

    #[test]
    fn folders_name_distributions() {
        let named = |path| named_by_folder(path).map(|(name, version)| format!("{name} {version}"));
        assert_eq!(named("x/ruamel.yaml-0.17.dist-info").as_deref(), Some("ruamel-yaml 0.17"));
        assert_eq!(named("a-1-py3.8.egg-info").as_deref(), Some("a 1"));
        assert_eq!(named("~ip-23.dist-info"), None);
        assert_eq!(named("a.dist-info"), None);
        assert_eq!(named("a-1-py3.8.egg/EGG-INFO").as_deref(), Some("a 1"));
        assert_eq!(root_of("site-packages/a-1-py3.8.egg/EGG-INFO"), "site-packages");
    }

    #[test]
    fn ancestors_end_at_the_target() {
        assert_eq!(ancestors("a/b").collect::<Vec<_>>(), ["a/b", "a", ""]);
        assert_eq!(ancestors("").collect::<Vec<_>>(), [""]);
    }
}
