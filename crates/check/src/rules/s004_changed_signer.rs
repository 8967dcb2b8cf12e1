//! `WB-S004`: a locked model that somebody else has signed.

use weighbridge_core::finding::{Finding, Severity};
use weighbridge_core::lock::Identity;
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};
use weighbridge_trust::lock::Difference;

use super::locked::{Locked, Told, signature_path, tell};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-S004",
    name: "changed-signer",
    title: "locked model that somebody else has signed",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-345", "AML.T0010", "LLM03:2025"],
    docs: include_str!("s004_changed_signer.md"),
};

/// Finds signatures by somebody else than the lock pins.
pub struct ChangedSigner;

impl Check for ChangedSigner {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let pick = |it: &Difference| matches!(it, Difference::SignerChanged { .. });
        let told = |locked: &Locked<'_>, picked: &[&Difference]| {
            let lines = picked.iter().filter_map(|it| match it {
                Difference::SignerChanged { pinned, shown } => Some([
                    format!("was {}", named(pinned)),
                    format!("is {}, as the signature says", named(shown)),
                ]),
                _ => None,
            });
            let since = locked.approval.signer.as_ref().map(|it| format!("first seen on {}", it.first_seen));
            Told {
                severity: RULE.severity,
                title: format!("{} is signed by somebody else", locked.approval.source),
                details: lines.flatten().chain(since).collect(),
                path: signature_path(locked),
                remedy: "ask whoever signed it before; then `weighbridge lock update --force --reason TEXT`"
                    .to_owned(),
            }
        };
        tell(world, &RULE, pick, told, findings);
    }
}

fn named(identity: &Identity) -> String {
    match identity {
        Identity::Sigstore { name, .. } if name.is_empty() => {
            "somebody whom Sigstore does not name".to_owned()
        }
        other => other.to_string(),
    }
}
