//! `WB-D006`: a requirement whose content can change without notice.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::fact::{Origin, Requires, Role, What};
use weighbridge_core::finding::{Finding, Fingerprint, Remedy, Severity};
use weighbridge_core::graph::{Edge, Graph, NodeId};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Evidence, Place};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::dependency::{about_place, is_below};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-D006",
    name: "mutable-origin",
    title: "requirement from a place whose content can change unnoticed",
    severity: Severity::Medium,
    since: "0.1.0",
    maps_to: &["CWE-494", "CWE-829", "AML.T0010", "LLM03:2025"],
    docs: include_str!("d006_mutable_origin.md"),
};

/// Finds requirements from branches, tags and files without a digest, one finding for each package of a manifest.
pub struct MutableOrigin;

impl Check for MutableOrigin {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let environments = environments(world.graph);
        let pinned = pinned_by_locks(world);
        let mut told: BTreeSet<(&Place, &PackageName)> = BTreeSet::new();
        for (place, facts) in world.facts {
            if lies_installed(place, &environments) {
                continue;
            }
            let mut stated: Vec<(&Requires, &Evidence)> = facts
                .iter()
                .filter_map(|fact| match &fact.what {
                    What::Requires(requires) => Some((requires, &fact.evidence)),
                    _ => None,
                })
                .collect();
            stated.sort();
            for (requires, evidence) in stated {
                let Some(found) = judge(&requires.requirement.origin) else { continue };
                let name = &requires.requirement.name;
                if (pinned.contains(name) && requires.role != Role::Build) || !told.insert((place, name)) {
                    continue;
                }
                findings.push(finding(world, place, requires, evidence, found));
            }
        }
    }
}

/// What is wrong with an origin.
struct Found {
    severity: Severity,
    what: String,
    details: Vec<String>,
    remedy: &'static str,
}

fn judge(origin: &Origin) -> Option<Found> {
    match origin {
        Origin::Index | Origin::System | Origin::Path { .. } => None,
        Origin::Url { pinned: true, .. } | Origin::Vcs { pinned: true, .. } => None,
        Origin::Url { url, .. } if url.starts_with("file:") => None,
        Origin::Url { url, .. } => {
            let open = is_unencrypted(url);
            let mut details = vec![url.clone()];
            if open {
                details.push(
                    "the connection is not encrypted: anyone on the way can replace the file".to_owned(),
                );
            }
            Some(Found {
                severity: if open { Severity::High } else { Severity::Medium },
                what: "a URL without a digest".to_owned(),
                details,
                remedy: "add the digest of the file (`--hash=sha256:…`, or `#sha256=…` in the URL)",
            })
        }
        Origin::Vcs { url, reference, .. } => {
            let open = is_unencrypted(url);
            let mut details = vec![url.clone()];
            if open {
                details.push(
                    "the connection is not encrypted: anyone on the way can replace the code".to_owned(),
                );
            }
            let (severity, what) = match reference {
                Some(reference) if looks_like_a_version(reference) => {
                    (Severity::Low, format!("the tag `{reference}`, which can be moved"))
                }
                Some(reference) => (Severity::Medium, format!("`{reference}`, which can move")),
                None => (Severity::Medium, "the newest commit of a repository".to_owned()),
            };
            Some(Found {
                severity: if open { Severity::High } else { severity },
                what,
                details,
                remedy: "name the full commit id (`@` and 40 hexadecimal digits), or lock it",
            })
        }
    }
}

/// Schemes without encryption; `git+http://` as well as `http://`.
fn is_unencrypted(url: &str) -> bool {
    let scheme = url.split("://").next().unwrap_or_default();
    let scheme = scheme.rsplit('+').next().unwrap_or_default();
    ["http", "git", "ftp", "svn"].iter().any(|open| scheme.eq_ignore_ascii_case(open)) && url.contains("://")
}

/// `v1.2`, `1.2.3`, `release-4`: people rarely move tags of versions, and names of branches rarely look like this.
fn looks_like_a_version(reference: &str) -> bool {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    let name = name.trim_start_matches("release").trim_start_matches(['-', '_', 'v', 'V']);
    name.contains('.') && name.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
}

fn finding(
    world: &World<'_>,
    place: &Place,
    requires: &Requires,
    evidence: &Evidence,
    found: Found,
) -> Finding {
    let name = &requires.requirement.name;
    let parts = [name.as_str(), &place.path];
    Finding {
        severity: found.severity,
        title: format!("{name} comes from {}", found.what),
        details: found.details,
        remedy: Some(Remedy::Pin(found.remedy.to_owned())),
        location: Some((place.clone(), evidence.span.clone())),
        fingerprint: Fingerprint::new(&RULE, &parts),
        paths: ways(world, place, name),
        ..about_place(&RULE, place, evidence.span.clone(), &parts)
    }
}

/// The ways to the package that this manifest asks for.
fn ways(world: &World<'_>, place: &Place, name: &PackageName) -> weighbridge_core::graph::Paths {
    let asked = world.graph.edges.iter().find(|(Edge { to, .. }, evidence)| {
        world.graph.component(to).is_some_and(|component| component.name == *name)
            && evidence.iter().any(|evidence| evidence.place == *place)
    });
    asked.map(|(edge, _)| world.routes.paths(&edge.to, 8)).unwrap_or_default()
}

/// Packages that a lock file of the target holds to a commit or digest, whatever a manifest says.
fn pinned_by_locks<'w>(world: &'w World<'_>) -> BTreeSet<&'w PackageName> {
    let mut pinned = BTreeMap::new();
    for fact in world.facts.values().flatten() {
        if let What::Locked(locked) = &fact.what {
            let fixed = match &locked.origin {
                Origin::Url { pinned, .. } => *pinned || !locked.digests.is_empty(),
                Origin::Vcs { pinned, .. } => *pinned,
                Origin::Index | Origin::System | Origin::Path { .. } => false,
            };
            *pinned.entry(&locked.name).or_insert(true) &= fixed;
        }
    }
    pinned.into_iter().filter(|(_, pinned)| *pinned).map(|(name, _)| name).collect()
}

fn environments(graph: &Graph) -> Vec<&str> {
    let folders = graph.nodes.keys().filter_map(|id| match id {
        NodeId::Environment(folder) => Some(&**folder),
        _ => None,
    });
    folders.collect()
}

/// Manifests among the files of installed packages ask for nothing.
fn lies_installed(place: &Place, environments: &[&str]) -> bool {
    environments.iter().any(|folder| !folder.is_empty() && is_below(&place.path, folder))
        || place.folder().ends_with(".egg-info")
        || place.path.split('/').any(|name| name == "site-packages" || name == "dist-packages")
}

#[cfg(test)]
mod tests {
    use super::super::dependency_world::{Built, check, requires};
    use super::*;

    fn vcs(url: &str, reference: Option<&str>, pinned: bool) -> Origin {
        Origin::Vcs { url: url.into(), reference: reference.map(str::to_owned), pinned }
    }

    #[track_caller]
    fn judged(origin: Origin, severity: Option<Severity>) {
        assert_eq!(judge(&origin).map(|found| found.severity), severity, "{origin:?}");
    }

    #[test]
    fn severity_follows_from_what_can_change() {
        let https = "https://example.org/r";
        judged(vcs(https, Some("0123456789012345678901234567890123456789"), true), None);
        judged(vcs(https, Some("main"), false), Some(Severity::Medium));
        judged(vcs(https, None, false), Some(Severity::Medium));
        judged(vcs(https, Some("v1.2.3"), false), Some(Severity::Low));
        judged(vcs("http://example.org/r", Some("v1.2.3"), false), Some(Severity::High));
        judged(vcs("git://example.org/r", None, false), Some(Severity::High));
        judged(vcs("ssh://git@example.org/r", None, false), Some(Severity::Medium));
        judged(
            Origin::Url { url: "https://example.org/a.whl".into(), pinned: false },
            Some(Severity::Medium),
        );
        judged(Origin::Url { url: "http://example.org/a.whl".into(), pinned: false }, Some(Severity::High));
        judged(Origin::Url { url: "http://example.org/a.whl".into(), pinned: true }, None);
        judged(Origin::Url { url: "file:///a.whl".into(), pinned: false }, None);
        judged(Origin::Index, None);
    }

    #[test]
    fn a_branch_is_told_with_the_way_out() {
        let branch = vcs("https://example.org/r", Some("main"), false);
        check(
            &MutableOrigin,
            Built::new()
                .fact("requirements.txt", requires("a", branch.clone()))
                .fact("venv/lib/python3/site-packages/x/requirements.txt", requires("b", branch)),
            "
            medium high a comes from `main`, which can move
              at requirements.txt:1
              https://example.org/r
              fix name the full commit id (`@` and 40 hexadecimal digits), or lock it
            ",
        );
    }

    #[test]
    fn a_lock_file_that_names_the_commit_settles_it() {
        let url = "https://example.org/r";
        let commit = vcs(url, Some("0123456789012345678901234567890123456789"), true);
        check(
            &MutableOrigin,
            Built::new()
                .fact("pyproject.toml", requires("a", vcs(url, Some("main"), false)))
                .locked("a", commit),
            "",
        );
    }
}
