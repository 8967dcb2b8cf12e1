//! What the bytes alone cannot say: which vulnerabilities match the components, and which versions would mend them.

mod conda;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weighbridge_advisory::epss::Scores;
use weighbridge_advisory::order::Order;
use weighbridge_advisory::pep440::Version;
use weighbridge_advisory::{Index, Package};
use weighbridge_core::coverage::Gap;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::graph::{Component, Graph, NodeId, Relation};
use weighbridge_core::knowledge::{AdvisoryData, Imported, Match, Standing, Unassessed, Vulnerability};
use weighbridge_core::name::PackageName;
use weighbridge_core::purl::Purl;

use crate::join::without_mark;

/// Everything that the advisories say about a graph.
pub struct Known {
    /// Vulnerabilities that match components, in the order of the components.
    pub matches: Vec<Match>,
    /// For each component with a match, the smallest higher version that no advisory is about, if one is known.
    pub clear: BTreeMap<NodeId, String>,
    /// Components to which nothing could be matched, and why. Those of Python without a version are told by a rule.
    pub unassessed: BTreeMap<NodeId, Unassessed>,
    /// Which advisories these were.
    pub advisories: AdvisoryData,
    /// What an index says of components, where one was asked.
    pub standings: BTreeMap<NodeId, Standing>,
    /// Which indexes have the names for which more than one may answer, where indexes were asked.
    pub indexed: BTreeMap<PackageName, Vec<String>>,
    /// Components of which an index was to be asked and did not answer.
    pub unasked: Vec<Gap>,
}

/// Gives what was imported about packages of these ecosystems.
pub type Others<'a> = dyn Fn(&BTreeSet<Ecosystem>) -> Vec<(Imported, Index)> + 'a;

/// Everything that components are held against.
pub struct Knowledge<'a> {
    /// Advisories about packages of Python.
    pub python: &'a Index,
    /// Where these come from: `embedded`, or the path of fetched ones.
    pub source: &'a str,
    /// Advisories about packages of other ecosystems beside those inside the program. They are only asked for where the graph
    /// has packages of these ecosystems.
    pub others: &'a Others<'a>,
    /// A catalogue of exploited vulnerabilities beside the one inside the program.
    pub exploited: Option<&'a Index>,
    /// How likely vulnerabilities are to be exploited.
    pub epss: Option<&'a Scores>,
    /// What of all this was imported, but for `others`.
    pub imported: Vec<Imported>,
}

impl<'a> Knowledge<'a> {
    /// Nothing but these advisories about Python, and what lies inside the program; `source` says where they come from.
    pub fn of(python: &'a Index, source: &'a str) -> Self {
        Self { python, source, others: &|_| Vec::new(), exploited: None, epss: None, imported: Vec::new() }
    }
}

/// Matches every component that has a version.
///
/// Each component is matched by the rules of its own ecosystem: a library in the versions of its authors, a package of a
/// distribution only by what that distribution says, and with it the Python packages that are part of it, which it patches without
/// a new version, and one of conda by what it is elsewhere.
pub fn enrich(graph: &Graph, knowledge: &Knowledge<'_>) -> Known {
    let index = knowledge.python;
    let mut known = Known {
        matches: Vec::new(),
        clear: BTreeMap::new(),
        unassessed: BTreeMap::new(),
        advisories: AdvisoryData {
            as_of: index.about().as_of,
            records: u64::try_from(index.records_in_force()).unwrap_or(u64::MAX),
            source: knowledge.source.to_owned(),
            imported: knowledge.imported.clone(),
        },
        standings: BTreeMap::new(),
        indexed: BTreeMap::new(),
        unasked: Vec::new(),
    };
    // Reading them takes a few milliseconds, which a target without libraries does not pay.
    let foreign: BTreeSet<Ecosystem> = graph
        .components()
        .map(|(_, component)| component.ecosystem)
        .filter(|ecosystem| *ecosystem != Ecosystem::PyPi)
        .collect();
    let mut libraries = if foreign.is_empty() { None } else { Index::embedded_libraries().ok() };
    for (imported, more) in if foreign.is_empty() { Vec::new() } else { (knowledge.others)(&foreign) } {
        known.advisories.imported.push(imported);
        libraries = Some(match libraries {
            Some(libraries) => libraries.with(more),
            None => more,
        });
    }
    known.advisories.imported.sort();
    let covered = conda::Covered::new(graph);
    let of_system = of_system(graph);
    // Versions of one package follow each other in the order of components.
    let mut last: Option<(&PackageName, Package<'_>)> = None;
    for (id, component) in graph.components() {
        let found: Result<Vec<Vulnerability>, Unassessed> = match component.ecosystem {
            Ecosystem::PyPi => match of_system.get(id) {
                Some(true) => continue,
                Some(false) => Err(Unassessed::NoData),
                None => {
                    let package = match last.take() {
                        Some((name, package)) if *name == component.name => package,
                        _ => index.package(component.name.as_str()),
                    };
                    let found = python(&package, id, component, &mut known.clear);
                    last = Some((&component.name, package));
                    found
                }
            },
            Ecosystem::Conda => {
                conda::assess(index, libraries.as_ref(), &covered, id, component).map(|found| {
                    known.clear.extend(found.clear.map(|version| (id.clone(), version)));
                    found.vulnerabilities
                })
            }
            _ => library(libraries.as_ref(), id, component, &mut known.clear),
        };
        match found {
            Ok(found) => known.matches.extend(found.into_iter().map(|vulnerability| Match {
                component: id.clone(),
                vulnerability: Arc::new(rated(vulnerability, knowledge)),
            })),
            Err(reason) => {
                known.unassessed.insert(id.clone(), reason);
            }
        }
    }
    known
}

/// Adds what is known by the CVE of a vulnerability: since when and how likely it is exploited.
fn rated(vulnerability: Vulnerability, knowledge: &Knowledge<'_>) -> Vulnerability {
    let names = || {
        let aliases = vulnerability.aliases.iter();
        std::iter::once(&vulnerability.name).chain(aliases).filter(|name| name.starts_with("CVE-"))
    };
    let listed = knowledge
        .exploited
        .and_then(|catalogue| names().filter_map(|cve| catalogue.exploited_since(cve)).min());
    let epss = knowledge.epss.and_then(|scores| names().filter_map(|cve| scores.of(cve)).max());
    let exploited_since = match (vulnerability.exploited_since, listed) {
        (Some(known), Some(listed)) => Some(known.min(listed)),
        (known, listed) => known.or(listed),
    };
    Vulnerability { exploited_since, epss, ..vulnerability }
}

fn python(
    package: &Package<'_>,
    id: &NodeId,
    component: &Component,
    clear: &mut BTreeMap<NodeId, String>,
) -> Result<Vec<Vulnerability>, Unassessed> {
    let version = component.version.as_deref().ok_or(Unassessed::NoVersion)?;
    let version = Version::parse(version).map_err(|_| Unassessed::UnreadableVersion)?;
    let vulnerabilities = package.vulnerabilities(&version);
    if !vulnerabilities.is_empty()
        && let Some(version) = package.smallest_clear_version(&version)
    {
        clear.insert(id.clone(), version.to_string());
    }
    Ok(vulnerabilities)
}

fn library(
    index: Option<&Index>,
    id: &NodeId,
    component: &Component,
    clear: &mut BTreeMap<NodeId, String>,
) -> Result<Vec<Vulnerability>, Unassessed> {
    let index = index.ok_or(Unassessed::NoData)?;
    let version = component.version.as_deref().ok_or(Unassessed::NoVersion)?;
    let NodeId::Component(purl) = id else { return Err(Unassessed::NoData) };
    let ecosystem = component.ecosystem;
    let release = release(ecosystem, purl, version).ok_or(Unassessed::NoData)?;
    if ecosystem == Ecosystem::Native
        && let Some(upstream) = without_mark(version)
    {
        let possible = index.assess(ecosystem, &release, component.name.as_str(), upstream)?.len();
        return Err(Unassessed::DistributionBuild(u32::try_from(possible).unwrap_or(u32::MAX)));
    }
    let found = match purl.qualifier("upstream") {
        _ if ecosystem == Ecosystem::Rpm => rpm(index, &release, component, purl, version)?,
        // The data speak of the source package.
        Some(upstream) => {
            let (name, stated) = upstream.split_once('@').unwrap_or((&upstream, version));
            let name = PackageName::of(ecosystem, name).map_err(|_| Unassessed::NoData)?;
            index.assess(ecosystem, &release, name.as_str(), stated)?
        }
        None => index.assess(ecosystem, &release, component.name.as_str(), version)?,
    };
    if component.is_of_system()
        && is_of_source(version, purl.qualifier("upstream").as_deref())
        && let Some(mended) = mended(ecosystem, version, &found)
    {
        clear.insert(id.clone(), mended);
    }
    Ok(found)
}

/// What the data say of an RPM. Some speak of the packages that were built (AlmaLinux), some of their sources (Rocky Linux).
fn rpm(
    index: &Index,
    release: &str,
    component: &Component,
    purl: &Purl,
    version: &str,
) -> Result<Vec<Vulnerability>, Unassessed> {
    if purl.qualifier("rpmmod").is_some() {
        return Err(Unassessed::Module);
    }
    if !component.is_of_system() {
        return index.assess(Ecosystem::Rpm, release, component.name.as_str(), version);
    }
    // In a database, what has no epoch has none; tools that write bills leave it out.
    let stated = if version.contains(':') { version.to_owned() } else { format!("0:{version}") };
    let found = index.assess_own(release, component.name.as_str(), &stated);
    match (found, purl.qualifier("upstream")) {
        (Err(Unassessed::NoData), Some(upstream)) => {
            let (name, version) = upstream.split_once('@').ok_or(Unassessed::NoData)?;
            index.assess(Ecosystem::Rpm, release, name, version)
        }
        (found, _) => found,
    }
}

/// Whether a package has the version of its source, but for a mark that it was built once more (`+b1`): only then a version of
/// the source that mends something is one of the package.
fn is_of_source(version: &str, upstream: Option<&str>) -> bool {
    let Some((_, source)) = upstream.and_then(|it| it.split_once('@')) else { return true };
    let again = version.strip_prefix(source).map(|rest| rest.strip_prefix("+b").unwrap_or(rest));
    again.is_some_and(|rest| rest.chars().all(|digit| digit.is_ascii_digit()))
}

/// The version of a system package that mends everything, where each vulnerability names one.
fn mended(ecosystem: Ecosystem, version: &str, found: &[Vulnerability]) -> Option<String> {
    let order = Order::of(ecosystem, "");
    let mut highest: Option<&str> = None;
    for vulnerability in found {
        let fixed = vulnerability.fixed.as_deref()?;
        if highest.is_none_or(|highest| order.compare(highest, fixed) == Some(Ordering::Less)) {
            highest = Some(fixed);
        }
    }
    let highest = highest?;
    (order.compare(version, highest) == Some(Ordering::Less)).then(|| highest.to_owned())
}

/// The release of a distribution: packages of its own databases say it, RPMs of Red Hat's descendants have it in their own
/// release (`1.13.1-1.el8`).
fn release(ecosystem: Ecosystem, purl: &Purl, version: &str) -> Option<String> {
    match ecosystem {
        Ecosystem::Rpm => {
            let namespace = purl.namespace();
            let number = match purl.qualifier("distro") {
                Some(distro) => {
                    let version = distro.strip_prefix(namespace)?.strip_prefix('-')?.to_owned();
                    // Minor releases share their data.
                    version.split('.').next()?.to_owned()
                }
                None => {
                    let (_, release) = version.split_once(".el")?;
                    release.chars().take_while(char::is_ascii_digit).collect()
                }
            };
            (!namespace.is_empty() && !number.is_empty()).then(|| format!("{namespace}:{number}"))
        }
        Ecosystem::Deb | Ecosystem::Apk => {
            let distro = purl.qualifier("distro")?;
            let (id, version) = distro.split_once('-').unwrap_or((&distro, ""));
            Some(match id {
                // Patch levels share their data (3.19.1); these two have no releases.
                "alpine" => {
                    let numbers: Vec<&str> = version.split('.').take(2).collect();
                    format!("{id}:{}", numbers.join("."))
                }
                "wolfi" | "chainguard" => id.to_owned(),
                _ => format!("{id}:{version}"),
            })
        }
        Ecosystem::PyPi | Ecosystem::Conda | Ecosystem::Cargo | Ecosystem::Native => Some(String::new()),
    }
}

/// Python packages that the operating system has installed and patches: those below a package of the system are assessed with
/// it, of the others nobody here knows the owner.
fn of_system(graph: &Graph) -> BTreeMap<&NodeId, bool> {
    let mut found: BTreeMap<&NodeId, bool> = graph
        .components()
        .filter(|(_, component)| component.ecosystem == Ecosystem::PyPi && component.is_of_system())
        .map(|(id, _)| (id, false))
        .collect();
    if found.is_empty() {
        return found;
    }
    for edge in graph.edges.keys().filter(|edge| edge.relation == Relation::Contains) {
        let owner = graph.component(&edge.from).is_some_and(|it| it.ecosystem != Ecosystem::PyPi);
        if let Some(owned) = found.get_mut(&edge.to) {
            *owned |= owner;
        }
    }
    found
}

#[cfg(test)]
mod system_tests {
    use super::*;

    #[test]
    fn only_the_version_of_the_source_says_what_mends_a_package() {
        for (version, upstream, expected) in [
            ("3.0.11-1", None, true),
            ("3.0.11-1", Some("openssl@3.0.11-1"), true),
            ("1.2-3+b1", Some("a@1.2-3"), true),
            ("4:12.2.0-3", Some("gcc-defaults@1.203"), false),
            ("1.2-3.1", Some("a@1.2-3"), false),
            ("1.2", Some("a"), true),
        ] {
            assert_eq!(is_of_source(version, upstream), expected, "{version} of {upstream:?}");
        }
    }

    #[test]
    fn releases_are_those_of_the_data() {
        let name = PackageName::of(Ecosystem::Deb, "a").unwrap();
        for (ecosystem, namespace, distro, version, expected) in [
            (Ecosystem::Deb, "debian", "debian-12", "1", Some("debian:12")),
            (Ecosystem::Deb, "ubuntu", "ubuntu-22.04", "1", Some("ubuntu:22.04")),
            (Ecosystem::Deb, "debian", "", "1", None),
            (Ecosystem::Apk, "alpine", "alpine-3.19.1", "1", Some("alpine:3.19")),
            (Ecosystem::Apk, "alpine", "alpine-3.20_alpha", "1", Some("alpine:3.20_alpha")),
            (Ecosystem::Apk, "wolfi", "wolfi-20230201", "1", Some("wolfi")),
            (Ecosystem::Rpm, "almalinux", "", "1.1.1k-9.el8_7", Some("almalinux:8")),
            (Ecosystem::Rpm, "almalinux", "almalinux-9.4", "1.0-1", Some("almalinux:9")),
            (Ecosystem::Rpm, "opensuse-leap", "opensuse-leap-15.5", "1.0-1", Some("opensuse-leap:15")),
            (Ecosystem::Rpm, "", "almalinux-9.4", "1.0-1.el9", None),
            (Ecosystem::Rpm, "almalinux", "almalinux", "1.0-1.el9", None),
            (Ecosystem::Rpm, "fedora", "", "1.1.1k-9.fc39", None),
        ] {
            let purl = Purl::new(ecosystem, namespace, &name, Some(version)).with(&[("distro", distro)]);
            assert_eq!(release(ecosystem, &purl, version).as_deref(), expected, "{purl}");
        }
    }
}
