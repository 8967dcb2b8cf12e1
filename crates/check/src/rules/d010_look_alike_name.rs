//! `WB-D010`: a package whose name looks like that of a famous one.

use std::collections::BTreeSet;

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::finding::{Confidence, Finding, Remedy, Severity};
use weighbridge_core::name::PackageName;
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::dependency::{about_node, is_from_index, location};
use crate::names::{How, look_alike};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-D010",
    name: "look-alike-name",
    title: "package whose name looks like that of a famous one",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-1357", "AML.T0010", "LLM03:2025"],
    docs: include_str!("d010_look_alike_name.md"),
};

/// Finds names that somebody may have taken for another, one finding a name.
pub struct LookAlikeName;

impl Check for LookAlikeName {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let mut told: BTreeSet<&PackageName> = BTreeSet::new();
        for (id, component) in world.graph.components() {
            let name = &component.name;
            if component.ecosystem != Ecosystem::PyPi || !is_from_index(component) {
                continue;
            }
            let Some((famous, how)) = look_alike(name.as_str()) else { continue };
            if !told.insert(name) {
                continue;
            }
            let (severity, what) = match how {
                How::ReadsTheSame => (Severity::High, "at a glance the two read the same"),
                How::OneSlip => (Severity::Medium, "one slip of the finger is between the two"),
            };
            let mut details = vec![what.to_owned()];
            if component.installed {
                details.push("it lies installed: its code may have run already".to_owned());
            }
            findings.push(Finding {
                severity,
                confidence: Confidence::Medium,
                title: format!("{} looks like {famous}, and is not known here", world.graph.label(id)),
                details,
                location: location(world, id),
                remedy: Some(Remedy::Manual(format!(
                    "if {famous} was meant, replace it, and treat machines that installed it as read by a stranger; if not, \
                     ignore this finding with the reason"
                ))),
                ..about_node(world, &RULE, id, &[name.as_str()])
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dependency_world::{Built, check};
    use super::*;

    #[test]
    fn imitations_are_told_once() {
        check(
            &LookAlikeName,
            Built::new().edge("P", "scikitlearn 1.0", "").edge("P", "reqeusts 2.0", "").edge("P", "reqeusts 2.1", ""),
            "
            medium medium reqeusts 2.0 looks like requests, and is not known here
              at uv.lock:1
              one slip of the finger is between the two
              way project > reqeusts 2.0
              fix if requests was meant, replace it, and treat machines that installed it as read by a stranger; if not, ignore this finding with the reason
            high medium scikitlearn 1.0 looks like scikit-learn, and is not known here
              at uv.lock:1
              at a glance the two read the same
              way project > scikitlearn 1.0
              fix if scikit-learn was meant, replace it, and treat machines that installed it as read by a stranger; if not, ignore this finding with the reason
            ",
        );
    }

    #[test]
    fn names_of_their_own_are_not() {
        check(
            &LookAlikeName,
            Built::new().edge("P", "numpy 1", "").edge("P", "whisper 1", "").edge("P", "our-tools 1", ""),
            "",
        );
    }
}
