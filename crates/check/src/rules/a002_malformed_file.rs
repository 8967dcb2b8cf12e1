//! `WB-A002`: a file that breaks the rules of its format.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::fact::{Fact, What};
use weighbridge_core::finding::{Finding, Remedy, Severity};
use weighbridge_core::place::{Evidence, Place, Span};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::dependency::{about_place, counted, shortened};
use super::s008_malformed_lock;

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-A002",
    name: "malformed-file",
    title: "file that breaks the rules of its format",
    severity: Severity::Low,
    since: "0.1.0",
    maps_to: &["CWE-436", "CWE-1286"],
    docs: include_str!("a002_malformed_file.md"),
};

/// Finds files of which a part is not as its format wants it; one finding a file.
pub struct MalformedFile;

impl Check for MalformedFile {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let models: BTreeSet<&str> = world.artifacts.iter().map(|artifact| &*artifact.place.path).collect();
        let mut files: BTreeMap<&str, BTreeSet<(&Evidence, &str)>> = BTreeMap::new();
        // A lock of models that does not read has a rule of its own.
        let is_ours = |fact: &&Fact| !s008_malformed_lock::is_lock(fact);
        for fact in world.facts.values().flatten().filter(is_ours) {
            if let What::Malformed(reason) = &fact.what {
                files.entry(&fact.evidence.place.path).or_default().insert((&fact.evidence, reason));
            }
        }
        for (path, flaws) in files {
            findings.push(finding(path, &flaws, models.contains(path)));
        }
    }
}

/// In a model file or an archive two readers of one broken file see two different things, which is how payloads are
/// hidden; a slip in the metadata of a package is only untidy.
fn finding(path: &str, flaws: &BTreeSet<(&Evidence, &str)>, model: bool) -> Finding {
    let first = flaws.first().map(|(evidence, _)| *evidence);
    let place = first.map_or_else(|| Place::file(path), |evidence| evidence.place.clone());
    let span = first.and_then(|evidence| evidence.span.clone());
    let details = flaws.iter().map(|(evidence, reason)| format!("{}{reason}", position(evidence)));
    let remedy = if model {
        "get it anew from its publisher, or write it anew with the tool that made it"
    } else {
        "mend it, or tell its maintainers; what is broken was passed over and the rest read"
    };
    Finding {
        severity: if model { Severity::Medium } else { RULE.severity },
        title: format!(
            "{path} breaks the rules of its format in {}",
            counted(flaws.len(), "place", "places")
        ),
        details: shortened(details),
        remedy: Some(Remedy::Manual(remedy.to_owned())),
        ..about_place(&RULE, &place, span, &[path])
    }
}

/// Such as `archive/data.pkl, offset 5: ` or `line 3: `.
fn position(evidence: &Evidence) -> String {
    let inner: Vec<&str> = evidence.place.inner.iter().map(|step| &**step).collect();
    let inner = inner.join(" › ");
    match (&evidence.span, inner.is_empty()) {
        (Some(Span::Offset(offset)), true) => format!("offset {offset}: "),
        (Some(Span::Offset(offset)), false) => format!("{inner}, offset {offset}: "),
        (Some(Span::Line(line)), true) => format!("line {line}: "),
        (Some(Span::Line(line)), false) => format!("{inner}, line {line}: "),
        (None, true) => String::new(),
        (None, false) => format!("{inner}: "),
    }
}

#[cfg(test)]
mod tests {
    use super::super::dependency_world::{Built, check};
    use super::*;

    #[test]
    fn a_file_is_told_once_with_everything_that_is_wrong() {
        check(
            &MalformedFile,
            Built::new()
                .fact("METADATA", What::Malformed("no `Name: value`: `x`".to_owned()))
                .fact("METADATA", What::Malformed("not UTF-8".to_owned()))
                .fact("good.npy", What::Format("npy")),
            "
            low high METADATA breaks the rules of its format in 2 places
              at METADATA
              no `Name: value`: `x`
              not UTF-8
              fix mend it, or tell its maintainers; what is broken was passed over and the rest read
            ",
        );
    }
}
