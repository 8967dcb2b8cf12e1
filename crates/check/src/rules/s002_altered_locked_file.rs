//! `WB-S002`: a file of a locked model that is not as it was approved.

use weighbridge_core::finding::{Finding, Severity};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};
use weighbridge_trust::lock::Difference;

use super::dependency::counted;
use super::locked::{Locked, Told, path_of, tell};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-S002",
    name: "altered-locked-file",
    title: "file that is not as the lock says that it was approved",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-353", "CWE-494", "AML.T0010", "LLM03:2025"],
    docs: include_str!("s002_altered_locked_file.md"),
};

/// Finds files with other bytes than the lock pins.
pub struct AlteredLockedFile;

impl Check for AlteredLockedFile {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let pick = |it: &Difference| matches!(it, Difference::Changed { .. });
        let told = |locked: &Locked<'_>, picked: &[&Difference]| Told {
            severity: RULE.severity,
            title: format!(
                "{} of {} {} not as approved on {}",
                counted(picked.len(), "file", "files"),
                locked.approval.source,
                if picked.len() == 1 { "is" } else { "are" },
                locked.approval.approved
            ),
            details: picked.iter().filter_map(|it| line(it)).collect(),
            path: picked.first().and_then(|it| path_of(it)).map(str::to_owned),
            remedy: "find out who changed it; `weighbridge lock update` approves it if that is meant"
                .to_owned(),
        };
        tell(world, &RULE, pick, told, findings);
    }
}

fn line(difference: &Difference) -> Option<String> {
    match difference {
        Difference::Changed { path, pinned, digest: Some(digest), .. } => {
            Some(format!("{path}: sha256 {:.8}… in the lock, now {digest:.8}…", pinned.digest))
        }
        Difference::Changed { path, pinned, size, digest: None } => {
            Some(format!("{path}: {} bytes in the lock, now {size}", pinned.size))
        }
        _ => None,
    }
}
