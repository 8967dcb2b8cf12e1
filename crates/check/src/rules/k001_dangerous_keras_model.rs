//! WB-K001: a Keras or TensorFlow model that attacks when it is loaded or run.

use weighbridge_core::finding::{Finding, Severity};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::model_family::Family;
use super::p001_dangerous_model_file::dangerous;

/// A Keras or TensorFlow model that attacks when it is loaded or run.
pub static RULE: Rule = Rule {
    id: "WB-K001",
    name: "dangerous-keras-model",
    title: "loading a Keras or TensorFlow model does something that is known from attacks",
    severity: Severity::Critical,
    since: "0.1.0",
    maps_to: &["CWE-502", "CWE-94", "AML.T0010", "AML.T0011.000", "LLM03:2025"],
    docs: include_str!("k001_dangerous_keras_model.md"),
};

static RULES: &[&Rule] = &[&RULE];

/// Finds such files.
pub struct DangerousKeras;

impl Check for DangerousKeras {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        dangerous(world, Family::Keras, &RULE, findings);
    }
}
