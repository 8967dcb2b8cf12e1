//! `WB-S008`: a lock of models that cannot be believed.

use weighbridge_core::fact::{Fact, What};
use weighbridge_core::finding::{Finding, Remedy, Severity};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::dependency::about_place;

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-S008",
    name: "malformed-lock",
    title: "lock of models that cannot be believed",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-354", "AML.T0010", "LLM03:2025"],
    docs: include_str!("s008_malformed_lock.md"),
};

/// Whether a fact is about a lock that counts: one inside an archive is nobody's.
pub(super) fn is_lock(fact: &Fact) -> bool {
    fact.evidence.reader == "model-lock" && fact.evidence.place.inner.is_empty()
}

/// Finds locks that do not read.
pub struct MalformedLock;

impl Check for MalformedLock {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        for fact in world.facts.values().flatten().filter(|it| is_lock(it)) {
            let What::Malformed(why) = &fact.what else { continue };
            let place = &fact.evidence.place;
            findings.push(Finding {
                title: format!("{} cannot be believed, so that nothing is compared with it", place.name()),
                details: vec![why.clone()],
                remedy: Some(Remedy::Manual(
                    "take it from version control as it was, or mend that line".to_owned(),
                )),
                ..about_place(&RULE, place, fact.evidence.span.clone(), &[&place.path])
            });
        }
    }
}
