//! WB-G001: a graph, weights or template that attacks its loader.

use weighbridge_core::finding::{Finding, Severity};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::model_family::Family;
use super::p001_dangerous_model_file::dangerous;

/// A graph, weights or template that attacks its loader.
pub static RULE: Rule = Rule {
    id: "WB-G001",
    name: "dangerous-graph",
    title: "a model that should hold no code attacks its loader",
    severity: Severity::Critical,
    since: "0.1.0",
    maps_to: &["CWE-22", "CWE-190", "CWE-1336", "AML.T0010", "LLM03:2025"],
    docs: include_str!("g001_dangerous_graph.md"),
};

static RULES: &[&Rule] = &[&RULE];

/// Finds such files.
pub struct DangerousGraph;

impl Check for DangerousGraph {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        dangerous(world, Family::Graph, &RULE, findings);
    }
}
