//! WB-P002: a model file for whose code nobody here can vouch.

use weighbridge_core::finding::{Finding, Remedy, Severity};
use weighbridge_core::report::Safety;
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::p001_dangerous_model_file::finding;

/// A model file for whose code nobody here can vouch.
pub static RULE: Rule = Rule {
    id: "WB-P002",
    name: "untrusted-model-file",
    title: "loading a model file runs code that is not known to be harmless",
    severity: Severity::Medium,
    since: "0.1.0",
    maps_to: &["CWE-502", "AML.T0010", "LLM03:2025"],
    docs: include_str!("p002_untrusted_model_file.md"),
};

static RULES: &[&Rule] = &[&RULE];

/// Finds such files.
pub struct Untrusted;

impl Check for Untrusted {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let remedy = || {
            let what = "review the code that is named, or store the weights as safetensors";
            Remedy::Manual(what.to_owned())
        };
        for artifact in world.artifacts.iter().filter(|artifact| artifact.safety == Safety::Untrusted) {
            findings.extend(finding(&RULE, artifact, Safety::Untrusted, remedy()));
        }
    }
}
