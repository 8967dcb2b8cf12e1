//! `WB-S007`: a signed model that is not as it was signed.

use weighbridge_core::fact::What;
use weighbridge_core::finding::{Finding, Remedy, Severity};
use weighbridge_core::lock::Signature;
use weighbridge_core::place::Place;
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};
use weighbridge_trust::attest;
use weighbridge_trust::lock::places;
use weighbridge_trust::oms;

use super::dependency::{about_place, counted, is_below, shortened};
use super::locked::{below, holds_attestations};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-S007",
    name: "altered-signed-model",
    title: "signed model that is not as it was signed",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-353", "CWE-347", "AML.T0010", "LLM03:2025"],
    docs: include_str!("s007_altered_signed_model.md"),
};

/// Compares every signature that it meets with the files that it is over. No key is needed for that.
pub struct AlteredSignedModel;

impl Check for AlteredSignedModel {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        for fact in world.facts.values().flatten().filter(|it| it.evidence.place.inner.is_empty()) {
            let What::Signature(signature) = &fact.what else { continue };
            // What is attested of a model is judged by a rule of its own.
            if signature.attested.is_some() {
                continue;
            }
            let place = &fact.evidence.place;
            let exists = |path: &str| world.files.contains_key(path);
            let files = signature.files.keys().map(String::as_str);
            if let Some(base) = places::signed(&place.path, files, exists) {
                findings.extend(compare(world, place, signature, &base));
            }
        }
    }
}

fn compare(world: &World<'_>, place: &Place, signature: &Signature, base: &str) -> Option<Finding> {
    let (mut changed, mut missing) = (Vec::new(), Vec::new());
    for (path, signed) in &signature.files {
        let Some(file) = world.files.get(places::below(base, path).as_str()) else {
            missing.push(path.as_str());
            continue;
        };
        let found = file.digest.as_ref().ok();
        match (signed.digest, found) {
            (Some(signed), Some(found)) if signed != *found => {
                changed.push((path, format!("sha256 {signed:.8}… was signed, now {found:.8}…")));
            }
            _ => {
                if let Some(size) = signed.size.filter(|size| *size != file.size) {
                    changed.push((path, format!("{size} bytes were signed, now {}", file.size)));
                }
            }
        }
    }
    let extra = extra(world, place, signature, base);
    if changed.is_empty() && missing.is_empty() && extra.is_empty() {
        return None;
    }
    let counts =
        [(changed.len(), "changed"), (missing.len(), "missing"), (extra.len(), "that nobody signed")];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> =
        counts.map(|(count, what)| format!("{} {what}", counted(*count, "file", "files"))).collect();
    let severity = match changed.is_empty() && !extra.iter().any(|path| oms::may_run(path)) {
        true => Severity::Medium,
        false => RULE.severity,
    };
    let first = changed.first().map(|(path, _)| path.as_str()).or(extra.first().copied());
    let location = first.map_or_else(|| place.clone(), |path| Place::file(places::below(base, path)));
    let mut parts = vec![&*place.path];
    parts.extend(changed.iter().map(|(path, _)| path.as_str()));
    parts.extend(missing.iter().chain(&extra));
    let lines = (changed.iter().map(|(path, line)| format!("{path}: {line}")))
        .chain(missing.iter().map(|path| format!("{path}: missing")))
        .chain(extra.iter().map(|path| format!("{path}: not signed")));
    let mut details = shortened(lines);
    details.push(format!(
        "signed, as {} says, by {}; whether to believe that is not known here",
        place.name(),
        signature.identity
    ));
    Some(Finding {
        severity,
        title: format!("{} is not as it was signed: {}", shown(base), counts.join(", ")),
        details,
        remedy: Some(Remedy::Manual(
            "get it anew from its signer; `weighbridge verify` with his key says all of it".to_owned(),
        )),
        ..about_place(&RULE, &location, None, &parts)
    })
}

/// Files below a signed folder that nobody signed.
fn extra<'w>(world: &World<'w>, place: &Place, signature: &Signature, base: &str) -> Vec<&'w str> {
    if signature.files.contains_key(".") {
        return Vec::new();
    }
    // No shard speaks of an empty file (OpenSSF Model Signing v1.0, section 4.2).
    let is_sharded = signature.files.values().any(|file| file.size.is_some());
    let is_ignored = |path: &str| {
        // Data sets are called so, too: what the name alone leaves out must be what it says.
        if path == attest::FILE {
            return holds_attestations(world, &places::below(base, path));
        }
        places::is_left_out(path)
            || oms::IGNORED.iter().any(|it| path == *it || is_below(path, it))
            || signature.ignored.iter().any(|it| path == it || is_below(path, it))
    };
    below(world, base)
        .filter(|(path, rest, file)| {
            !(signature.files.contains_key(*rest)
                || *path == &*place.path
                || is_ignored(rest)
                || (is_sharded && file.size == 0))
        })
        .map(|(_, rest, _)| rest)
        .collect()
}

fn shown(base: &str) -> &str {
    if base.is_empty() { "the model" } else { base }
}
