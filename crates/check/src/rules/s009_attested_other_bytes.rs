//! `WB-S009`: an attestation that does not hold, or speaks of other bytes than lie beside it.

use std::collections::BTreeMap;

use weighbridge_core::fact::{Fact, What};
use weighbridge_core::finding::{Finding, Remedy, Severity};
use weighbridge_core::lock::{Identity, Signature};
use weighbridge_core::place::Place;
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};
use weighbridge_trust::lock::places;

use super::dependency::{about_place, counted, shortened};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-S009",
    name: "attested-other-bytes",
    title: "attestation that does not hold, or is about other bytes",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-353", "CWE-347", "AML.T0010", "LLM03:2025"],
    docs: include_str!("s009_attested_other_bytes.md"),
};

/// Compares every attestation that it meets with the files that it is about. No key is needed for that.
pub struct AttestedOtherBytes;

impl Check for AttestedOtherBytes {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        for facts in world.facts.values() {
            let attestations: Vec<Attestation<'_>> =
                facts.iter().filter_map(|fact| Attestation::of(world, fact)).collect();
            // Where a model was changed and attested anew, the last word counts. Whoever could forge a later line could take the
            // earlier one away as well.
            let mut last = BTreeMap::new();
            for it in attestations.iter().filter(|it| it.is_true()) {
                let line = last.entry((it.attested, &it.signature.identity)).or_default();
                *line = it.fact.evidence.span.clone().max(std::mem::take(line));
            }
            let is_superseded = |it: &&Attestation<'_>| {
                it.signature.proof.fails().is_none()
                    && last
                        .get(&(it.attested, &it.signature.identity))
                        .is_some_and(|line| *line > it.fact.evidence.span)
            };
            findings.extend(attestations.iter().filter(|it| !is_superseded(it)).filter_map(judge));
        }
    }
}

/// An attestation, and how it compares.
struct Attestation<'a> {
    fact: &'a Fact,
    signature: &'a Signature,
    /// The type of what it says.
    attested: &'a str,
    /// Nothing where it is about files that do not lie beside it.
    compared: Option<Compared<'a>>,
}

impl<'a> Attestation<'a> {
    fn of(world: &World<'_>, fact: &'a Fact) -> Option<Self> {
        let What::Signature(signature) = &fact.what else { return None };
        let attested = signature.attested.as_deref().filter(|_| fact.evidence.place.inner.is_empty())?;
        Some(Self { fact, signature, attested, compared: compare(world, fact, signature) })
    }

    /// Whether it is good, as far as that can be said without a key, and all that it says of the files is so.
    fn is_true(&self) -> bool {
        let is_as_said = |compared: &Compared<'_>| compared.changed.is_empty() && compared.missing.is_empty();
        self.signature.proof.fails().is_none() && self.compared.as_ref().is_some_and(is_as_said)
    }
}

/// What is otherwise than an attestation says of the files.
struct Compared<'a> {
    /// The folder in which they lie.
    base: String,
    changed: Vec<(&'a str, String)>,
    missing: Vec<&'a str>,
}

/// Compares the files with an attestation; nothing where it is about files that do not lie beside it.
fn compare<'a>(world: &World<'_>, fact: &Fact, signature: &'a Signature) -> Option<Compared<'a>> {
    let exists = |path: &str| world.files.contains_key(path);
    let files = signature.files.keys().map(String::as_str);
    let base = places::signed(&fact.evidence.place.path, files, exists)?;
    let (mut changed, mut missing) = (Vec::new(), Vec::new());
    for (path, signed) in &signature.files {
        let Some(file) = world.files.get(places::below(&base, path).as_str()) else {
            missing.push(path.as_str());
            continue;
        };
        if let (Some(signed), Ok(found)) = (signed.digest, &file.digest)
            && signed != *found
        {
            changed.push((path.as_str(), format!("sha256 {signed:.8}… was attested, now {found:.8}…")));
        }
    }
    Some(Compared { base, changed, missing })
}

fn judge(attestation: &Attestation<'_>) -> Option<Finding> {
    let Attestation { fact, signature, attested, compared } = attestation;
    let place = &fact.evidence.place;
    let remedy = "have it attested anew by whoever vouches for it, or take the line away; `weighbridge verify` says all of it";
    let about = |severity, title, mut details: Vec<String>, location: &Place, parts: &[&str]| {
        details.push(format!(
            "`{attested}`, signed, as {} says, by {}; whether to believe that is not known here",
            place.name(),
            signature.identity
        ));
        let span = if location == place { fact.evidence.span.clone() } else { None };
        let parts: Vec<&str> = [&*place.path, *attested].into_iter().chain(parts.iter().copied()).collect();
        Some(Finding {
            severity,
            title,
            details,
            remedy: Some(Remedy::Manual(remedy.to_owned())),
            ..about_place(&RULE, location, span, &parts)
        })
    };
    if let Some(why) = signature.proof.fails() {
        let title = format!("an attestation in {} has a signature that does not hold", place.name());
        // Somebody's own instance of Sigstore is not known here, and says nothing against him.
        let (severity, more) = match signature.identity {
            Identity::Sigstore { .. } => (Severity::Medium, " (by the public instance of Sigstore)"),
            _ => (RULE.severity, ""),
        };
        return about(severity, title, vec![format!("{why}{more}")], place, &["signature"]);
    }
    let Some(Compared { base, changed, missing }) = compared else {
        let first = signature.files.keys().next().map_or("", String::as_str);
        let title = format!("an attestation in {} is about files that do not lie beside it", place.name());
        let details = vec![format!("{first}: missing")];
        return about(Severity::Medium, title, details, place, &["elsewhere"]);
    };
    if changed.is_empty() && missing.is_empty() {
        return None;
    }
    let counts = [(changed.len(), "changed"), (missing.len(), "missing")];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> =
        counts.map(|(count, what)| format!("{} {what}", counted(*count, "file", "files"))).collect();
    let severity = if changed.is_empty() { Severity::Medium } else { RULE.severity };
    let location = match changed.first() {
        Some((path, _)) => Place::file(places::below(base, path)),
        None => place.clone(),
    };
    let lines = (changed.iter().map(|(path, line)| format!("{path}: {line}")))
        .chain(missing.iter().map(|path| format!("{path}: missing")));
    let shown = if base.is_empty() { "the model" } else { base };
    let title = format!("{shown} is not as it was attested: {}", counts.join(", "));
    let parts: Vec<&str> = changed.iter().map(|(path, _)| *path).chain(missing.iter().copied()).collect();
    about(severity, title, shortened(lines), &location, &parts)
}
