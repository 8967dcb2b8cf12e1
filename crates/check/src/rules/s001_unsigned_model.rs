//! `WB-S001`: a model without a signature that holds, where the lock demands one.

use weighbridge_core::finding::{Finding, Severity};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};
use weighbridge_trust::lock::Difference;

use super::locked::{Told, signature_path, tell};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-S001",
    name: "unsigned-model",
    title: "model without a signature that holds, where the lock demands one",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-347", "AML.T0010", "LLM03:2025"],
    docs: include_str!("s001_unsigned_model.md"),
};

/// Finds locked models that must be signed and are not, or whose signature is not good.
pub struct UnsignedModel;

impl Check for UnsignedModel {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let pick = |it: &Difference| matches!(it, Difference::Unsigned | Difference::NotHolding(_));
        let told = |locked: &super::locked::Locked<'_>, picked: &[&Difference]| {
            let source = &locked.approval.source;
            let why = picked.iter().find_map(|it| match it {
                Difference::NotHolding(why) => Some(why.clone()),
                _ => None,
            });
            Told {
                severity: RULE.severity,
                title: match why {
                    Some(_) => format!("{source} has a signature that does not hold"),
                    None => format!("{source} is not signed, and the lock demands it"),
                },
                path: why.is_some().then(|| signature_path(locked)).flatten(),
                details: why.into_iter().collect(),
                remedy: "have it signed by whoever vouches for it, then `weighbridge lock update`".to_owned(),
            }
        };
        tell(world, &RULE, pick, told, findings);
    }
}
