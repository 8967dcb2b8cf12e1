//! WB-K002: a Keras or TensorFlow model for whose code nobody here can vouch.

use weighbridge_core::finding::{Finding, Severity};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::model_family::Family;
use super::p002_untrusted_model_file::untrusted;

/// A Keras or TensorFlow model for whose code nobody here can vouch.
pub static RULE: Rule = Rule {
    id: "WB-K002",
    name: "untrusted-keras-model",
    title: "a Keras or TensorFlow model brings or needs code that is not known to be harmless",
    severity: Severity::Medium,
    since: "0.1.0",
    maps_to: &["CWE-829", "AML.T0010", "LLM03:2025"],
    docs: include_str!("k002_untrusted_keras_model.md"),
};

static RULES: &[&Rule] = &[&RULE];

/// Finds such files.
pub struct UntrustedKeras;

impl Check for UntrustedKeras {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        untrusted(world, Family::Keras, &RULE, findings);
    }
}
