//! `WB-S006`: another revision than the lock pins.

use weighbridge_core::finding::{Finding, Severity};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};
use weighbridge_trust::lock::Difference;

use super::locked::{Locked, Told, tell};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-S006",
    name: "moved-revision",
    title: "another revision of a locked model than the one that was approved",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-494", "AML.T0010", "LLM03:2025"],
    docs: include_str!("s006_moved_revision.md"),
};

/// Finds repositories in a cache of the hub of which another revision would be loaded.
pub struct MovedRevision;

impl Check for MovedRevision {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let pick = |it: &Difference| matches!(it, Difference::Moved { .. });
        let told = |locked: &Locked<'_>, picked: &[&Difference]| {
            let lines = picked.iter().filter_map(|it| match it {
                Difference::Moved { pinned, found } => {
                    Some([format!("approved: {pinned}"), format!("here: {found}")])
                }
                _ => None,
            });
            Told {
                severity: RULE.severity,
                title: format!("{} has moved to another revision", locked.approval.source),
                details: lines.flatten().collect(),
                path: None,
                remedy:
                    "load it with `revision=` of the lock, or approve the new one: `weighbridge lock update`"
                        .to_owned(),
            }
        };
        tell(world, &RULE, pick, told, findings);
    }
}
