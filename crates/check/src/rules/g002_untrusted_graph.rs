//! WB-G002: a graph, weights or template that needs or brings something unknown.

use weighbridge_core::finding::{Finding, Severity};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::model_family::Family;
use super::p002_untrusted_model_file::untrusted;

/// A graph, weights or template that needs or brings something unknown.
pub static RULE: Rule = Rule {
    id: "WB-G002",
    name: "untrusted-graph",
    title: "a model that should hold no code needs or brings something for which nobody can vouch",
    severity: Severity::Medium,
    since: "0.1.0",
    maps_to: &["CWE-829", "AML.T0010", "LLM03:2025"],
    docs: include_str!("g002_untrusted_graph.md"),
};

static RULES: &[&Rule] = &[&RULE];

/// Finds such files.
pub struct UntrustedGraph;

impl Check for UntrustedGraph {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        untrusted(world, Family::Graph, &RULE, findings);
    }
}
