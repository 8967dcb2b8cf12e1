//! `WB-D007`: requirements of which nothing says the version.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_advisory::pep440::Version;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::Origin;
use weighbridge_core::finding::{Finding, Remedy, Severity};
use weighbridge_core::graph::{NodeKind, Relation};
use weighbridge_core::place::{Class, Place, Span};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::dependency::{about_place, counted, shortened};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-D007",
    name: "unassessable-requirement",
    title: "requirement whose version nothing states",
    severity: Severity::Low,
    since: "0.1.0",
    maps_to: &["CWE-1104", "LLM03:2025"],
    docs: include_str!("d007_unassessable_requirement.md"),
};

/// Finds requirements that cannot be assessed, one finding for each file.
pub struct UnassessableRequirement;

impl Check for UnassessableRequirement {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let mut open: BTreeMap<&Place, BTreeSet<Line>> = BTreeMap::new();
        for (edge, evidence) in &world.graph.edges {
            if edge.relation != Relation::DependsOn {
                continue;
            }
            let Some(component) = world.graph.component(&edge.to) else { continue };
            let own = component.origins.iter().any(|origin| matches!(origin, Origin::Path { .. }));
            if component.version.is_none() && !own {
                for evidence in evidence.iter().filter(|evidence| evidence.class == Class::Unresolved) {
                    let specifier = &*edge.condition.specifier;
                    // `numpy 1.21.*`: conda needs no sign.
                    let apart = if specifier.starts_with(|first: char| first.is_ascii_alphanumeric()) {
                        " "
                    } else {
                        ""
                    };
                    let text = format!("{}{apart}{specifier}", component.name);
                    open.entry(&evidence.place).or_default().insert((evidence.span.clone(), text));
                }
            }
        }
        for (place, lines) in &open {
            findings.push(unpinned(place, lines));
        }
        for (place, lines) in versions_out_of_order(world) {
            findings.push(unreadable(place, &lines));
        }
        for (place, lines) in packages_of_conda(world) {
            findings.push(unmatched(place, &lines));
        }
    }
}

type Line = (Option<Span>, String);

fn unpinned(place: &Place, lines: &BTreeSet<Line>) -> Finding {
    let names: BTreeSet<&str> = lines.iter().map(|(_, text)| name_of(text)).collect();
    let remedy = if place.name() == "pyproject.toml" {
        "write a lock file (`uv lock`), or scan the environment in which they are installed"
    } else {
        "write the versions down (`pip freeze`, `uv pip compile`), scan the environment in which they are installed, or let `--resolve` choose them as pip would"
    };
    Finding {
        title: format!(
            "nothing says which {} of {} would be installed",
            if names.len() == 1 { "version" } else { "versions" },
            listed(&names)
        ),
        details: shortened(lines.iter().map(told)),
        remedy: Some(Remedy::Pin(remedy.to_owned())),
        ..about_place(&RULE, place, first_line(lines), &["unpinned", &place.path])
    }
}

fn unreadable(place: &Place, lines: &BTreeSet<Line>) -> Finding {
    let count = counted(lines.len(), "version does", "versions do");
    Finding {
        title: format!("{count} not follow the rules for versions and cannot be compared"),
        details: shortened(lines.iter().map(told)),
        remedy: Some(Remedy::Manual(
            "judge these packages by hand; no advisory was matched to them".to_owned(),
        )),
        ..about_place(&RULE, place, first_line(lines), &["unreadable", &place.path])
    }
}

/// Components whose version is none by PEP 440, by the first place that names them.
fn versions_out_of_order<'w>(world: &'w World<'_>) -> BTreeMap<&'w Place, BTreeSet<Line>> {
    let mut found: BTreeMap<&Place, BTreeSet<Line>> = BTreeMap::new();
    for node in world.graph.nodes.values() {
        let NodeKind::Component(component) = &node.kind else { continue };
        let is_unread = |version: &&str| Version::parse(version).is_err();
        if component.ecosystem == Ecosystem::PyPi
            && let Some(version) = component.version.as_deref().filter(is_unread)
            && let Some(evidence) = node.evidence.first()
        {
            let line = (evidence.span.clone(), format!("{} {version}", component.name));
            found.entry(&evidence.place).or_default().insert(line);
        }
    }
    found
}

/// Packages of conda with a version that no advisory could be held against, by the first place that names them: none is
/// written for conda, and not each of them is known to be something else elsewhere.
fn packages_of_conda<'w>(world: &'w World<'_>) -> BTreeMap<&'w Place, BTreeSet<Line>> {
    let mut found: BTreeMap<&Place, BTreeSet<Line>> = BTreeMap::new();
    for id in world.unassessed.keys() {
        let component = world.graph.component(id).filter(|it| it.ecosystem == Ecosystem::Conda);
        let evidence = world.graph.nodes.get(id).and_then(|node| node.evidence.first());
        let (Some(component), Some(evidence)) = (component, evidence) else { continue };
        if let Some(version) = &component.version {
            let line = (evidence.span.clone(), format!("{} {version}", component.name));
            found.entry(&evidence.place).or_default().insert(line);
        }
    }
    found
}

fn unmatched(place: &Place, lines: &BTreeSet<Line>) -> Finding {
    let count = counted(lines.len(), "conda package has", "conda packages have");
    Finding {
        title: format!("{count} no advisories to be compared with"),
        details: shortened(lines.iter().map(told)),
        remedy: Some(Remedy::Manual(
            "scan the environment that is made of them: the Python packages and libraries in it are compared"
                .to_owned(),
        )),
        ..about_place(&RULE, place, first_line(lines), &["unmatched", &place.path])
    }
}

fn told((span, text): &Line) -> String {
    match span {
        Some(Span::Line(line)) => format!("{text} (line {line})"),
        _ => text.clone(),
    }
}

fn first_line(lines: &BTreeSet<Line>) -> Option<Span> {
    lines.iter().find_map(|(span, _)| span.clone())
}

fn name_of(text: &str) -> &str {
    text.split(['<', '>', '=', '!', '~', ' ']).next().unwrap_or(text)
}

/// The first names, and how many more there are.
fn listed(names: &BTreeSet<&str>) -> String {
    const MOST: usize = 4;
    let shown: Vec<&str> = names.iter().copied().take(MOST).collect();
    match names.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use weighbridge_core::knowledge::Unassessed;

    use super::super::dependency_world::{Built, check};
    use super::*;

    #[test]
    fn one_finding_lists_what_a_manifest_leaves_open() {
        check(
            &UnassessableRequirement,
            Built::new()
                .edge("P", "a 1", "==1")
                .unresolved("numpy", ">=1.20", 3)
                .unresolved("torch", "", 4)
                .unresolved("b", "", 5)
                .unresolved("c", "", 6)
                .unresolved("d", "", 7),
            "
            low high nothing says which versions of b, c, d, numpy and 1 more would be installed
              at requirements.txt:3
              numpy>=1.20 (line 3)
              torch (line 4)
              b (line 5)
              c (line 6)
              d (line 7)
              fix write the versions down (`pip freeze`, `uv pip compile`), scan the environment in which they are installed, or let `--resolve` choose them as pip would
            ",
        );
    }

    #[test]
    fn patterns_of_conda_stand_apart_from_the_name() {
        check(
            &UnassessableRequirement,
            Built::new().unresolved("numpy", "1.21.*", 3),
            "
            low high nothing says which version of numpy would be installed
              at requirements.txt:3
              numpy 1.21.* (line 3)
              fix write the versions down (`pip freeze`, `uv pip compile`), scan the environment in which they are installed, or let `--resolve` choose them as pip would
            ",
        );
    }

    #[test]
    fn what_is_pinned_is_quiet() {
        check(&UnassessableRequirement, Built::new().edge("P", "a 1", "==1").edge("a 1", "b 2", ">=1"), "");
    }

    #[test]
    fn packages_of_conda_that_nothing_was_held_against_are_told() {
        check(
            &UnassessableRequirement,
            Built::new()
                .edge("P", "conda/mamba 1.0", "")
                .edge("P", "conda/zlib 1.2", "")
                .edge("P", "generic/odd 1.0", "")
                .unassessed("conda/mamba 1.0", Unassessed::NoData)
                .unassessed("generic/odd 1.0", Unassessed::NoData),
            "
            low high 1 conda package has no advisories to be compared with
              at uv.lock:1
              mamba 1.0 (line 1)
              fix scan the environment that is made of them: the Python packages and libraries in it are compared
            ",
        );
    }

    #[test]
    fn a_version_that_is_none_is_told() {
        check(
            &UnassessableRequirement,
            Built::new().edge("P", "a 2.6.0-NA", ""),
            "
            low high 1 version does not follow the rules for versions and cannot be compared
              at uv.lock:1
              a 2.6.0-NA (line 1)
              fix judge these packages by hand; no advisory was matched to them
            ",
        );
    }
}
