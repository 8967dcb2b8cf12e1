//! What the bytes alone cannot say: which vulnerabilities match the components, and which versions would mend them.

use std::collections::BTreeMap;

use weighbridge_advisory::Index;
use weighbridge_advisory::pep440::Version;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::graph::{Graph, NodeId};
use weighbridge_core::knowledge::{AdvisoryData, Match};

/// Everything that the advisories say about a graph.
pub struct Known {
    /// Vulnerabilities that match components, in the order of the components.
    pub matches: Vec<Match>,
    /// For each component with a match, the smallest higher version that no advisory is about, if one is known.
    pub clear: BTreeMap<NodeId, String>,
    /// Which advisories these were.
    pub advisories: AdvisoryData,
}

/// Matches every component that has a version. `source` says where the advisories come from.
///
/// A component whose version cannot be read has no match; the rule about requirements that cannot be assessed tells of
/// it.
pub fn enrich(graph: &Graph, index: &Index, source: &str) -> Known {
    let mut matches = Vec::new();
    let mut clear = BTreeMap::new();
    for (id, component) in graph.components() {
        if component.ecosystem != Ecosystem::PyPi {
            continue;
        }
        let Some(version) = component.version.as_deref().and_then(|text| Version::parse(text).ok()) else {
            continue;
        };
        let vulnerabilities = index.vulnerabilities(component.name.as_str(), &version);
        if vulnerabilities.is_empty() {
            continue;
        }
        if let Some(version) = index.smallest_clear_version(component.name.as_str(), &version) {
            clear.insert(id.clone(), version.to_string());
        }
        matches.extend(
            vulnerabilities.into_iter().map(|vulnerability| Match { component: id.clone(), vulnerability }),
        );
    }
    let advisories = AdvisoryData {
        as_of: index.about().as_of,
        records: u64::try_from(index.advisories().len()).unwrap_or(u64::MAX),
        source: source.to_owned(),
    };
    Known { matches, clear, advisories }
}
