//! `WB-A003`: a file whose bytes are not those that the hub states.

use weighbridge_core::fact::What;
use weighbridge_core::finding::{Finding, Remedy, Severity};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::dependency::about_place;

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-A003",
    name: "altered-download",
    title: "file whose bytes are not those that the hub states",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-345", "CWE-494"],
    docs: include_str!("a003_altered_download.md"),
};

/// Finds files of a hub, or of the cache that its client keeps, that were changed after the hub stated their digest.
pub struct AlteredDownload;

impl Check for AlteredDownload {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        for fact in world.facts.values().flatten() {
            let What::Altered(altered) = &fact.what else { continue };
            let place = &fact.evidence.place;
            findings.push(Finding {
                title: format!("{} is not what the hub hands out under this name", place.path),
                details: vec![format!("stated: {}", altered.claimed), format!("found: {}", altered.found)],
                remedy: Some(Remedy::Manual(
                    "delete it and fetch it anew; find out who changed it if it happens again".to_owned(),
                )),
                ..about_place(&RULE, place, None, &[&place.path, &altered.found.to_string()])
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use weighbridge_core::digest::{Claimed, Digest};
    use weighbridge_core::fact::Altered;

    use super::super::dependency_world::{Built, check};
    use super::*;

    #[test]
    fn a_changed_blob_is_told_with_both_digests() {
        let claimed = Claimed::Sha256(Digest::of(b"abc"));
        let found = Claimed::Sha256(Digest::of(b"abd"));
        check(
            &AlteredDownload,
            Built::new()
                .fact("models--a--b/snapshots/c/model.pkl", What::Altered(Altered { claimed, found }))
                .fact("other.npy", What::Format("npy")),
            "
            high high models--a--b/snapshots/c/model.pkl is not what the hub hands out under this name
              at models--a--b/snapshots/c/model.pkl
              stated: sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
              found: sha256 a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9
              fix delete it and fetch it anew; find out who changed it if it happens again
            ",
        );
    }
}
