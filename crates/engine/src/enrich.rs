//! What the bytes alone cannot say: which vulnerabilities match the components, and which versions would mend them.

mod conda;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_advisory::Index;
use weighbridge_advisory::epss::Scores;
use weighbridge_advisory::pep440::Version;
use weighbridge_core::coverage::Gap;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::graph::{Component, Graph, NodeId};
use weighbridge_core::knowledge::{AdvisoryData, Imported, Match, Standing, Unassessed, Vulnerability};
use weighbridge_core::name::PackageName;

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
/// distribution only by what that distribution says, and one of conda by what it is elsewhere.
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
    let itself = |found: Vec<Vulnerability>| found.into_iter().map(|it| (it, None)).collect();
    for (id, component) in graph.components() {
        let found: Result<Vec<(Vulnerability, Option<String>)>, Unassessed> = match component.ecosystem {
            Ecosystem::PyPi => python(index, id, component, &mut known.clear).map(itself),
            Ecosystem::Conda => {
                conda::assess(index, libraries.as_ref(), &covered, id, component).map(|found| {
                    known.clear.extend(found.clear.map(|version| (id.clone(), version)));
                    found.vulnerabilities.into_iter().map(|(it, from)| (it, Some(from))).collect()
                })
            }
            _ => library(libraries.as_ref(), id, component).map(itself),
        };
        match found {
            Ok(found) => known.matches.extend(found.into_iter().map(|(vulnerability, inferred_from)| {
                Match { component: id.clone(), vulnerability: rated(vulnerability, knowledge), inferred_from }
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
    index: &Index,
    id: &NodeId,
    component: &Component,
    clear: &mut BTreeMap<NodeId, String>,
) -> Result<Vec<Vulnerability>, Unassessed> {
    let name = component.name.as_str();
    let version = component.version.as_deref().ok_or(Unassessed::NoVersion)?;
    let version = Version::parse(version).map_err(|_| Unassessed::UnreadableVersion)?;
    let vulnerabilities = index.vulnerabilities(name, &version);
    if !vulnerabilities.is_empty()
        && let Some(version) = index.smallest_clear_version(name, &version)
    {
        clear.insert(id.clone(), version.to_string());
    }
    Ok(vulnerabilities)
}

fn library(
    index: Option<&Index>,
    id: &NodeId,
    component: &Component,
) -> Result<Vec<Vulnerability>, Unassessed> {
    let index = index.ok_or(Unassessed::NoData)?;
    let version = component.version.as_deref().ok_or(Unassessed::NoVersion)?;
    let release = match id {
        NodeId::Component(purl) => release(component.ecosystem, purl.namespace(), version),
        _ => Some(String::new()),
    };
    let release = release.ok_or(Unassessed::NoData)?;
    index.assess(component.ecosystem, &release, component.name.as_str(), version)
}

/// The release of a distribution: RPMs of Red Hat's descendants say it in their own release (`1.13.1-1.el8`).
fn release(ecosystem: Ecosystem, namespace: &str, version: &str) -> Option<String> {
    match ecosystem {
        Ecosystem::Rpm => {
            let (_, release) = version.split_once(".el")?;
            let number: String = release.chars().take_while(char::is_ascii_digit).collect();
            (!number.is_empty()).then(|| format!("{namespace}:{number}"))
        }
        Ecosystem::Deb | Ecosystem::Apk => None,
        Ecosystem::PyPi | Ecosystem::Conda | Ecosystem::Cargo | Ecosystem::Native => Some(String::new()),
    }
}
