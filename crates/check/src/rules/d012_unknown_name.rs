//! `WB-D012`: a package that is asked for by a name that nothing here has ever seen.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::What;
use weighbridge_core::finding::{Confidence, Finding, Remedy, Severity};
use weighbridge_core::graph::Relation;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Class, Evidence, Place};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::dependency::{about_place, is_from_index, shortened};
use crate::names::{is_known, look_alike};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-D012",
    name: "unknown-name",
    title: "requirement whose name nothing here has ever seen",
    severity: Severity::Low,
    since: "0.1.0",
    maps_to: &["CWE-1357", "AML.T0010", "LLM09:2025"],
    docs: include_str!("d012_unknown_name.md"),
};

/// Finds names that may have been made up, one finding for each file.
pub struct UnknownName;

impl Check for UnknownName {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let own = own_names(world);
        let mut open: BTreeMap<&Place, BTreeMap<&PackageName, &Evidence>> = BTreeMap::new();
        for (edge, evidence) in &world.graph.edges {
            if edge.relation != Relation::DependsOn {
                continue;
            }
            let Some(component) = world.graph.component(&edge.to) else { continue };
            let name = &component.name;
            let unseen = component.ecosystem == Ecosystem::PyPi
                && component.version.is_none()
                && is_from_index(component)
                && !own.contains(name)
                && !is_known(name.as_str())
                && look_alike(name.as_str()).is_none();
            if unseen {
                for evidence in evidence.iter().filter(|evidence| evidence.class == Class::Unresolved) {
                    open.entry(&evidence.place).or_default().entry(name).or_insert(evidence);
                }
            }
        }
        for (place, names) in &open {
            let span = names.values().filter_map(|evidence| evidence.span.clone()).min();
            let title = match names.keys().collect::<Vec<_>>()[..] {
                [name] => format!("nothing here has ever seen a package {name}"),
                _ => format!("nothing here has ever seen {} of the packages that are asked for", names.len()),
            };
            let details =
                if names.len() == 1 { Vec::new() } else { shortened(names.keys().map(ToString::to_string)) };
            findings.push(Finding {
                confidence: Confidence::Low,
                title,
                details,
                remedy: Some(Remedy::Manual(
                    "look up who publishes it before you install it: assistants make names up, and strangers register them"
                        .to_owned(),
                )),
                ..about_place(&RULE, place, span, &[&place.path])
            });
        }
    }
}

/// Names that the target vouches for: its own projects, and what a lock file or an environment of it holds.
fn own_names<'w>(world: &'w World<'_>) -> BTreeSet<&'w PackageName> {
    let stated = world.facts.values().flatten().filter_map(|fact| match &fact.what {
        What::Project(project) => project.name.as_ref(),
        What::Locked(locked) => Some(&locked.name),
        What::Distribution(distribution) => Some(&distribution.name),
        _ => None,
    });
    stated.collect()
}

#[cfg(test)]
mod tests {
    use super::super::dependency_world::{Built, check};
    use super::*;

    #[test]
    fn names_that_nobody_has_seen_are_told() {
        check(
            &UnknownName,
            Built::new().unresolved("fastapi-llm-guardian", "", 3).unresolved("numpy", "", 1),
            "
            low low nothing here has ever seen a package fastapi-llm-guardian
              at requirements.txt:3
              fix look up who publishes it before you install it: assistants make names up, and strangers register them
            ",
        );
    }

    #[test]
    fn known_locked_and_misspelt_ones_are_not() {
        check(
            &UnknownName,
            Built::new()
                .edge("P", "our-tools 1", "")
                .unresolved("torch", "", 1)
                .unresolved("reqeusts", "", 2),
            "",
        );
    }
}
