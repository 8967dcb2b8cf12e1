//! `WB-S010`: a locked model that is what it was before.

use weighbridge_core::finding::{Finding, Severity};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};
use weighbridge_trust::lock::Difference;

use super::locked::{Locked, Told, tell};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-S010",
    name: "downgraded-model",
    title: "locked model that is what was replaced",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-494", "AML.T0010", "LLM03:2025"],
    docs: include_str!("s010_downgraded_model.md"),
};

/// Finds models that are again as they were before the approval that counts.
pub struct DowngradedModel;

impl Check for DowngradedModel {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let pick = |it: &Difference| matches!(it, Difference::Downgraded(_));
        let told = |locked: &Locked<'_>, picked: &[&Difference]| {
            let until = picked.iter().find_map(|it| match it {
                Difference::Downgraded(until) => Some(until.to_string()),
                _ => None,
            });
            Told {
                severity: RULE.severity,
                title: format!(
                    "{} is what was replaced on {}",
                    locked.approval.source,
                    until.unwrap_or_default()
                ),
                details: vec![format!("approved since {}: another state of it", locked.approval.approved)],
                path: None,
                remedy: "get the approved one; `weighbridge lock update --force --reason TEXT` goes back on purpose"
                    .to_owned(),
            }
        };
        tell(world, &RULE, pick, told, findings);
    }
}
