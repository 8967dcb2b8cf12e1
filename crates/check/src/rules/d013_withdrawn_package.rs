//! `WB-D013`: a package that its index has withdrawn, or that its publisher has.

use weighbridge_core::finding::{Confidence, Finding, Fingerprint, Remedy, Severity};
use weighbridge_core::knowledge::StandingKind;
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::dependency::{about_node, identity, location};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-D013",
    name: "withdrawn-package",
    title: "package that the index has withdrawn",
    severity: Severity::Medium,
    since: "0.1.0",
    maps_to: &["CWE-1104", "AML.T0010", "LLM03:2025"],
    docs: include_str!("d013_withdrawn_package.md"),
};

/// Most letters of a reason that are shown.
const MOST_LETTERS: usize = 200;

/// Finds packages that an index, where one was asked, would rather not hand out.
pub struct WithdrawnPackage;

impl Check for WithdrawnPackage {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        for (id, standing) in world.standings {
            let Some(component) = world.graph.component(id) else { continue };
            let (label, name) = (world.graph.label(id), &component.name);
            let (severity, confidence, kind, title, remedy) = match standing.kind {
                StandingKind::Quarantined => (
                    Severity::High,
                    Confidence::High,
                    "quarantined",
                    format!("the index has put {name} into quarantine"),
                    format!(
                        "do not install {name} until the index has decided; remove it where it is installed"
                    ),
                ),
                StandingKind::Yanked => (
                    Severity::Medium,
                    Confidence::High,
                    "yanked",
                    format!("{label} was yanked by its publisher"),
                    format!("move {name} to a version that was not yanked"),
                ),
                StandingKind::Missing => (
                    Severity::Medium,
                    Confidence::Low,
                    "missing",
                    format!(
                        "the index has {name}, but not the version {}",
                        shown(component.version.as_deref())
                    ),
                    format!("find out why {label} is not there, and move to a version that is"),
                ),
                StandingKind::Deprecated => (
                    Severity::Low,
                    Confidence::High,
                    "deprecated",
                    format!("{name} is deprecated"),
                    format!("move from {name} to what takes its place"),
                ),
                StandingKind::Archived => (
                    Severity::Low,
                    Confidence::High,
                    "archived",
                    format!("{name} is archived: flaws in it will not be mended"),
                    format!("look for a package in the place of {name} that somebody looks after"),
                ),
            };
            let reason = standing.reason.as_ref().map(|reason| {
                let short: String = reason.chars().take(MOST_LETTERS).collect();
                format!("the reason given: {}", short.escape_default())
            });
            let details = reason.into_iter().chain([format!("said by {}", standing.index)]).collect();
            findings.push(Finding {
                severity,
                confidence,
                title,
                details,
                location: location(world, id),
                remedy: Some(Remedy::Manual(remedy)),
                fingerprint: Fingerprint::new(&RULE, &[&identity(id), kind]),
                ..about_node(world, &RULE, id, &[])
            });
        }
    }
}

fn shown(version: Option<&str>) -> &str {
    version.unwrap_or("that is here")
}

#[cfg(test)]
mod tests {
    use super::super::dependency_world::{Built, check};
    use super::*;

    #[test]
    fn what_an_index_says_is_told() {
        let built = Built::new()
            .edge("P", "a 1", "")
            .edge("a 1", "b 2", "")
            .edge("P", "c 3", "")
            .standing("a 1", StandingKind::Quarantined, Some("it steals"))
            .standing("b 2", StandingKind::Yanked, None)
            .standing("c 3", StandingKind::Missing, None);
        check(
            &WithdrawnPackage,
            built,
            "
            high high the index has put a into quarantine
              at uv.lock:1
              the reason given: it steals
              said by https://index.example/simple
              way project > a 1
              fix do not install a until the index has decided; remove it where it is installed
            medium high b 2 was yanked by its publisher
              at uv.lock:1
              said by https://index.example/simple
              way project > a 1 > b 2
              fix move b to a version that was not yanked
            medium low the index has c, but not the version 3
              at uv.lock:1
              said by https://index.example/simple
              way project > c 3
              fix find out why c 3 is not there, and move to a version that is
            ",
        );
    }

    #[test]
    fn what_no_index_was_asked_for_is_not() {
        check(&WithdrawnPackage, Built::new().edge("P", "a 1", ""), "");
    }
}
