//! What the bytes alone cannot say: which vulnerabilities match the components, and which versions would mend them.

use std::collections::BTreeMap;

use weighbridge_advisory::Index;
use weighbridge_advisory::pep440::Version;
use weighbridge_core::coverage::Gap;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::graph::{Component, Graph, NodeId};
use weighbridge_core::knowledge::{AdvisoryData, Match, Standing, Unassessed, Vulnerability};

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
    /// Components of which an index was to be asked and did not answer.
    pub unasked: Vec<Gap>,
}

/// Matches every component that has a version. `source` says where the advisories come from.
///
/// Each component is matched by the rules of its own ecosystem: a library in the versions of its authors, a package of a
/// distribution only by what that distribution says.
pub fn enrich(graph: &Graph, index: &Index, source: &str) -> Known {
    let mut known = Known {
        matches: Vec::new(),
        clear: BTreeMap::new(),
        unassessed: BTreeMap::new(),
        advisories: AdvisoryData {
            as_of: index.about().as_of,
            records: u64::try_from(index.advisories().len()).unwrap_or(u64::MAX),
            source: source.to_owned(),
        },
        standings: BTreeMap::new(),
        unasked: Vec::new(),
    };
    // Reading them takes a few milliseconds, which a target without libraries does not pay.
    let is_foreign = |(_, component): (_, &Component)| component.ecosystem != Ecosystem::PyPi;
    let libraries = if graph.components().any(is_foreign) { Index::embedded_libraries().ok() } else { None };
    for (id, component) in graph.components() {
        let found = match component.ecosystem {
            Ecosystem::PyPi => python(index, id, component, &mut known.clear),
            _ => library(libraries.as_ref(), id, component),
        };
        match found {
            Ok(found) => known.matches.extend(found.into_iter().map(|vulnerability| Match {
                component: id.clone(),
                vulnerability,
                inferred_from: None,
            })),
            Err(reason) => {
                known.unassessed.insert(id.clone(), reason);
            }
        }
    }
    known
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
