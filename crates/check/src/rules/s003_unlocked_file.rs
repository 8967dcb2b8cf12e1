//! `WB-S003`: a file in a locked model that the lock does not know, or one that is gone.

use weighbridge_core::finding::{Finding, Severity};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};
use weighbridge_trust::lock::Difference;
use weighbridge_trust::oms;

use super::dependency::counted;
use super::locked::{Locked, Told, path_of, tell};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-S003",
    name: "unlocked-file",
    title: "file in a locked model that the lock does not know, or that is gone",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-353", "AML.T0010", "LLM03:2025"],
    docs: include_str!("s003_unlocked_file.md"),
};

/// Finds files that came to a locked model, and files that left it.
pub struct UnlockedFile;

impl Check for UnlockedFile {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let pick = |it: &Difference| matches!(it, Difference::Extra(_) | Difference::Missing(_));
        tell(world, &RULE, pick, told, findings);
    }
}

fn told(locked: &Locked<'_>, picked: &[&Difference]) -> Told {
    let extra: Vec<&str> =
        picked.iter().filter(|it| matches!(it, Difference::Extra(_))).filter_map(|it| path_of(it)).collect();
    let missing = picked.len().saturating_sub(extra.len());
    let mut parts = Vec::new();
    if !extra.is_empty() {
        parts.push(format!("{} that the lock does not know", counted(extra.len(), "file", "files")));
    }
    if missing > 0 {
        parts.push(format!("{} missing", counted(missing, "file", "files")));
    }
    // What runs by its mere presence, or when a model is loaded, is how something is slipped in.
    let severity = match extra.iter().any(|path| oms::may_run(path)) {
        true => RULE.severity,
        false if extra.is_empty() => Severity::Low,
        false => Severity::Medium,
    };
    let line = |it: &&Difference| {
        let word = if matches!(it, Difference::Extra(_)) { "not in the lock" } else { "missing" };
        path_of(it).map(|path| format!("{path}: {word}"))
    };
    Told {
        severity,
        title: format!("{} has {}", locked.approval.source, parts.join(", ")),
        details: picked.iter().filter_map(line).collect(),
        path: extra.first().map(|path| (*path).to_owned()),
        remedy: "find out who did it; `weighbridge lock update` approves it if that is meant".to_owned(),
    }
}
