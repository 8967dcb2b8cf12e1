//! `WB-S005`: a locked model that was signed and is not any more.

use weighbridge_core::finding::{Finding, Severity};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};
use weighbridge_trust::lock::Difference;

use super::locked::{Locked, Told, tell};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-S005",
    name: "lost-signature",
    title: "locked model that was signed and is not any more",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-347", "AML.T0010", "LLM03:2025"],
    docs: include_str!("s005_lost_signature.md"),
};

/// Finds locked models whose signature is gone.
pub struct LostSignature;

impl Check for LostSignature {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let pick = |it: &Difference| matches!(it, Difference::SignatureLost(_));
        let told = |locked: &Locked<'_>, picked: &[&Difference]| {
            let paths = picked.iter().filter_map(|it| match it {
                Difference::SignatureLost(path) => Some(format!("there is no {path} any more")),
                _ => None,
            });
            let signer = locked.approval.signer.as_ref();
            let signer = signer.map(|it| format!("it was signed by {}", it.identity));
            Told {
                severity: RULE.severity,
                title: format!("{} has lost its signature", locked.approval.source),
                details: paths.chain(signer).collect(),
                path: None,
                remedy: "get it anew with its signature, or ask its signer".to_owned(),
            }
        };
        tell(world, &RULE, pick, told, findings);
    }
}
