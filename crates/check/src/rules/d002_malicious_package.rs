//! `WB-D002`: a package that is itself an attack.

use std::sync::Arc;

use weighbridge_core::finding::{Confidence, Finding, Fingerprint, Remedy, Severity};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::dependency::{about_node, confidence, identity, location};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-D002",
    name: "malicious-package",
    title: "package that is known to be an attack",
    severity: Severity::Critical,
    since: "0.1.0",
    maps_to: &["CWE-506", "AML.T0010", "LLM03:2025"],
    docs: include_str!("d002_malicious_package.md"),
};

/// Finds packages that are known to be attacks.
pub struct MaliciousPackage;

impl Check for MaliciousPackage {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        for found in world.matches.iter().filter(|found| found.vulnerability.malicious) {
            let Some(component) = world.graph.component(&found.component) else { continue };
            let vulnerability = &found.vulnerability;
            let label = world.graph.label(&found.component);
            let mut details: Vec<String> =
                vulnerability.records.iter().map(|record| format!("reported as {}", record.id)).collect();
            if component.installed {
                details.push("it lies installed: its code may have run already".to_owned());
            }
            // Whoever builds for conda mostly takes what lies on the index, and not always.
            let sure = if found.vulnerability.inferred_from.is_some() {
                Confidence::Medium
            } else {
                Confidence::High
            };
            details.extend(
                found
                    .vulnerability
                    .inferred_from
                    .as_ref()
                    .map(|other| format!("inferred: the report is about {other}")),
            );
            findings.push(Finding {
                confidence: confidence(world, &found.component, component).min(sure),
                title: format!("{label} is malicious ({})", vulnerability.name),
                details,
                location: location(world, &found.component),
                vulnerability: Some(Arc::clone(vulnerability)),
                remedy: Some(Remedy::Remove(format!(
                    "remove {} and renew every secret that the machines on which it was installed could read",
                    component.name
                ))),
                fingerprint: Fingerprint::new(&RULE, &[&identity(&found.component), &vulnerability.name]),
                ..about_node(world, &RULE, &found.component, &[])
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dependency_world::{Built, check};
    use super::*;

    #[test]
    fn a_malicious_package_stops_everything() {
        check(
            &MaliciousPackage,
            Built::new().edge("P", "colourama 0.1", "").vulnerable("colourama 0.1", "MAL-2022-1", |it| {
                it.malicious = true;
            }),
            "
            critical high colourama 0.1 is malicious (MAL-2022-1)
              at uv.lock:1
              reported as PYSEC-1
              way project > colourama 0.1
              fix remove colourama and renew every secret that the machines on which it was installed could read
            ",
        );
    }

    #[test]
    fn a_vulnerable_package_is_not_malicious() {
        check(&MaliciousPackage, Built::new().edge("P", "a 1", "").vulnerable("a 1", "CVE-1", |_| {}), "");
    }
}
