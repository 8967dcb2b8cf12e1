//! `WB-D008`: a lock file, a manifest and an environment that speak of different versions.

use std::collections::BTreeMap;

use weighbridge_core::finding::{Finding, Fingerprint, Remedy, Severity};
use weighbridge_core::place::Place;
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, Disagreement, Sides, World};

use super::dependency::{about_place, counted, shortened};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-D008",
    name: "disagreeing-versions",
    title: "lock file, manifest and environment that speak of different versions",
    severity: Severity::Medium,
    since: "0.1.0",
    maps_to: &["CWE-1104", "LLM03:2025"],
    docs: include_str!("d008_disagreeing_versions.md"),
};

/// Tells where they disagree: one finding for each two of them.
pub struct DisagreeingVersions;

impl Check for DisagreeingVersions {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let mut pairs: BTreeMap<(Sides, &Place, &Place), Vec<&Disagreement>> = BTreeMap::new();
        for disagreement in world.disagreements {
            let pair = (disagreement.sides, &disagreement.stated, &disagreement.other);
            pairs.entry(pair).or_default().push(disagreement);
        }
        findings.extend(
            pairs.into_iter().map(|((sides, stated, other), all)| finding(sides, stated, other, &all)),
        );
    }
}

fn finding(sides: Sides, stated: &Place, other: &Place, all: &[&Disagreement]) -> Finding {
    let lines = all.iter().map(|it| line(it));
    // The packages belong to the finding: another one that drifts later is another finding.
    let names = all.iter().map(|it| it.name.as_str());
    let parts: Vec<&str> = [&*stated.path, &*other.path].into_iter().chain(names).collect();
    let what = counted(all.len(), "package", "packages");
    // The target may be an environment itself.
    let other_name =
        if other.path.is_empty() { "the environment".to_owned() } else { format!("`{}`", other.path) };
    let title = match sides {
        Sides::LockAndEnvironment => {
            format!("{what} not installed in {other_name} as `{}` fixes it", stated.path)
        }
        Sides::ManifestAndLock => format!("{what} not in {other_name} as `{}` asks", stated.path),
        Sides::ManifestAndEnvironment => {
            format!("{what} not installed in {other_name} as `{}` asks", stated.path)
        }
    };
    let remedy = match sides {
        Sides::LockAndEnvironment => "install what the lock file fixes, or lock anew",
        Sides::ManifestAndLock => "lock anew with the tool that wrote the lock file",
        Sides::ManifestAndEnvironment => "install anew from the manifest, or change what it asks for",
    };
    let span = all.iter().find_map(|it| it.span.clone());
    Finding {
        title,
        details: shortened(lines),
        remedy: Some(Remedy::Manual(remedy.to_owned())),
        fingerprint: Fingerprint::new(&RULE, &parts),
        ..about_place(&RULE, stated, span, &parts)
    }
}

/// `numpy: locked 1.26.4, installed 1.24.0`.
fn line(it: &Disagreement) -> String {
    let wanted = if it.wanted.is_empty() { "asked for" } else { &it.wanted };
    match (it.sides, &it.found) {
        (Sides::LockAndEnvironment, Some(found)) => {
            format!("{}: locked {wanted}, installed {found}", it.name)
        }
        (Sides::ManifestAndEnvironment, Some(found)) => {
            format!("{}: {wanted} asked for, installed {found}", it.name)
        }
        (Sides::ManifestAndLock, Some(found)) => format!("{}: {wanted} asked for, locked {found}", it.name),
        (_, None) if it.wanted.is_empty() => format!("{}: asked for, not locked", it.name),
        (_, None) => format!("{}: {wanted} asked for, not locked", it.name),
    }
}

#[cfg(test)]
mod tests {
    use weighbridge_core::name::PackageName;
    use weighbridge_core::place::Span;

    use super::super::dependency_world::{Built, check};
    use super::*;

    fn disagreement(sides: Sides, name: &str, wanted: &str, found: Option<&str>) -> Disagreement {
        let (stated, other) = match sides {
            Sides::LockAndEnvironment => ("uv.lock", ".venv"),
            Sides::ManifestAndLock => ("pyproject.toml", "uv.lock"),
            Sides::ManifestAndEnvironment => ("requirements.txt", ""),
        };
        Disagreement {
            sides,
            stated: Place::file(stated),
            span: Some(Span::Line(7)),
            other: Place::file(other),
            name: PackageName::new(name).unwrap(),
            wanted: wanted.to_owned(),
            found: found.map(str::to_owned),
        }
    }

    #[test]
    fn each_two_that_disagree_are_one_finding() {
        check(
            &DisagreeingVersions,
            Built::new()
                .disagreement(disagreement(Sides::LockAndEnvironment, "a", "1.4", Some("1.5")))
                .disagreement(disagreement(Sides::LockAndEnvironment, "b", "2", Some("3")))
                .disagreement(disagreement(Sides::ManifestAndLock, "a", ">=2", Some("1.4")))
                .disagreement(disagreement(Sides::ManifestAndLock, "c", "", None))
                .disagreement(disagreement(Sides::ManifestAndEnvironment, "a", "==1", Some("1.5"))),
            "
            medium high 2 packages not installed in `.venv` as `uv.lock` fixes it
              at uv.lock:7
              a: locked 1.4, installed 1.5
              b: locked 2, installed 3
              fix install what the lock file fixes, or lock anew
            medium high 2 packages not in `uv.lock` as `pyproject.toml` asks
              at pyproject.toml:7
              a: >=2 asked for, locked 1.4
              c: asked for, not locked
              fix lock anew with the tool that wrote the lock file
            medium high 1 package not installed in the environment as `requirements.txt` asks
              at requirements.txt:7
              a: ==1 asked for, installed 1.5
              fix install anew from the manifest, or change what it asks for
            ",
        );
    }

    #[test]
    fn where_all_agree_there_is_nothing_to_tell() {
        check(&DisagreeingVersions, Built::new().installed("a 1", ""), "");
    }
}
