//! `WB-D010`: a package whose name looks like that of a famous one.

use std::collections::BTreeSet;

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Imitation, What};
use weighbridge_core::finding::{Confidence, Finding, Remedy, Severity};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Evidence;
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::dependency::{about_node, about_place, is_from_index, location};
use crate::names::{How, is_known, look_alike};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-D010",
    name: "look-alike-name",
    title: "package whose name looks like that of a famous one",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-1357", "AML.T0010", "LLM03:2025"],
    docs: include_str!("d010_look_alike_name.md"),
};

/// Finds names that somebody may have taken for another, one finding a name.
pub struct LookAlikeName;

impl Check for LookAlikeName {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let imitations = world.facts.values().flatten();
        for fact in imitations {
            if let What::Imitation(imitation) = &fact.what {
                findings.push(of_other_scripts(imitation, &fact.evidence));
            }
        }
        let mut told: BTreeSet<&PackageName> = BTreeSet::new();
        for (id, component) in world.graph.components() {
            let name = &component.name;
            if component.ecosystem != Ecosystem::PyPi || !is_from_index(component) {
                continue;
            }
            let Some((famous, how)) = look_alike(name.as_str()) else { continue };
            if !told.insert(name) {
                continue;
            }
            let (severity, what) = match how {
                How::ReadsTheSame => (Severity::High, "at a glance the two read the same"),
                How::OneSlip => (Severity::Medium, "one slip of the finger is between the two"),
            };
            let mut details = vec![what.to_owned()];
            if component.installed {
                details.push("it lies installed: its code may have run already".to_owned());
            }
            findings.push(Finding {
                severity,
                confidence: Confidence::Medium,
                title: format!("{} looks like {famous}, and is not known here", world.graph.label(id)),
                details,
                location: location(world, id),
                remedy: Some(Remedy::Manual(format!(
                    "if {famous} was meant, replace it, and treat machines that installed it as read by a stranger; if not, \
                     ignore this finding with the reason"
                ))),
                ..about_node(world, &RULE, id, &[name.as_str()])
            });
        }
    }
}

/// A name that an installer refuses today, or takes from an index that allows it.
fn of_other_scripts(imitation: &Imitation, evidence: &Evidence) -> Finding {
    let Imitation { written, reads } = imitation;
    let letters: BTreeSet<char> = written.chars().filter(|letter| !letter.is_ascii()).collect();
    let letters: Vec<String> =
        letters.iter().map(|letter| format!("{letter} (U+{:04X})", u32::from(*letter))).collect();
    let famous = if is_known(reads.as_str()) { "" } else { ", which nobody here knows either" };
    Finding {
        confidence: Confidence::High,
        title: format!("{written} reads as {reads}{famous}, and is written with other letters"),
        details: vec![format!("of another script: {}", letters.join(", "))],
        remedy: Some(Remedy::Manual(format!(
            "write {reads} anew if it was meant, and find out who wrote this: such letters are not typed by mistake"
        ))),
        ..about_place(&RULE, &evidence.place, evidence.span.clone(), &[written.as_str()])
    }
}

#[cfg(test)]
mod tests {
    use super::super::dependency_world::{Built, check};
    use super::*;

    #[test]
    fn imitations_are_told_once() {
        check(
            &LookAlikeName,
            Built::new().edge("P", "scikitlearn 1.0", "").edge("P", "reqeusts 2.0", "").edge("P", "reqeusts 2.1", ""),
            "
            medium medium reqeusts 2.0 looks like requests, and is not known here
              at uv.lock:1
              one slip of the finger is between the two
              way project > reqeusts 2.0
              fix if requests was meant, replace it, and treat machines that installed it as read by a stranger; if not, ignore this finding with the reason
            high medium scikitlearn 1.0 looks like scikit-learn, and is not known here
              at uv.lock:1
              at a glance the two read the same
              way project > scikitlearn 1.0
              fix if scikit-learn was meant, replace it, and treat machines that installed it as read by a stranger; if not, ignore this finding with the reason
            ",
        );
    }

    #[test]
    fn letters_of_other_scripts_are_told() {
        let imitation = |written: &str, reads: &str| {
            let reads = PackageName::new(reads).unwrap();
            What::Imitation(Imitation { written: written.to_owned(), reads })
        };
        check(
            &LookAlikeName,
            Built::new()
                .fact("requirements.txt", imitation("numpу", "numpy"))
                .fact("requirements.txt", imitation("оur-tоols", "our-tools")),
            "
            high high numpу reads as numpy, and is written with other letters
              at requirements.txt
              of another script: у (U+0443)
              fix write numpy anew if it was meant, and find out who wrote this: such letters are not typed by mistake
            high high оur-tоols reads as our-tools, which nobody here knows either, and is written with other letters
              at requirements.txt
              of another script: о (U+043E)
              fix write our-tools anew if it was meant, and find out who wrote this: such letters are not typed by mistake
            ",
        );
    }

    #[test]
    fn names_of_their_own_are_not() {
        check(
            &LookAlikeName,
            Built::new().edge("P", "numpy 1", "").edge("P", "whisper 1", "").edge("P", "our-tools 1", ""),
            "",
        );
    }
}
