//! WB-P001: a model file that attacks when it is loaded.

use std::collections::BTreeSet;

use weighbridge_core::fact::{Effect, EffectKind, Target};
use weighbridge_core::finding::{Confidence, Finding, Fingerprint, Remedy, Severity, Status, Subject};
use weighbridge_core::graph::Paths;
use weighbridge_core::place::{Place, Span};
use weighbridge_core::report::{Artifact, JudgedEffect, Safety};
use weighbridge_core::rule::Rule;
use weighbridge_core::show::Shown;
use weighbridge_core::world::{Check, World};

use super::model_family::{Family, family};
use crate::safety::phrase;

/// A model file that attacks when it is loaded.
pub static RULE: Rule = Rule {
    id: "WB-P001",
    name: "dangerous-model-file",
    title: "loading a model file does something that is known from attacks",
    severity: Severity::Critical,
    since: "0.1.0",
    maps_to: &["CWE-502", "AML.T0010", "AML.T0011.000", "LLM03:2025"],
    docs: include_str!("p001_dangerous_model_file.md"),
};

static RULES: &[&Rule] = &[&RULE];

/// Finds such files.
pub struct Dangerous;

impl Check for Dangerous {
    fn rules(&self) -> &'static [&'static Rule] {
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        dangerous(world, Family::Program, &RULE, findings);
    }
}

/// The findings about dangerous files of a family.
pub(super) fn dangerous(world: &World<'_>, wanted: Family, rule: &'static Rule, findings: &mut Vec<Finding>) {
    let dangerous = |artifact: &&Artifact| artifact.safety == Safety::Dangerous;
    for artifact in world.artifacts.iter().filter(dangerous).filter(|it| family(it.format) == wanted) {
        let remedy = match (wanted, conversion(artifact)) {
            (_, Some(command)) => Remedy::Convert(format!(
                "do not load it; get the weights anew, or take them out without loading: {command}"
            )),
            (Family::Program, None) => {
                let what = "delete it and do not load it; get the weights anew, as safetensors";
                Remedy::Remove(what.to_owned())
            }
            (Family::Keras, None) => {
                let what = "do not load it; get the weights alone, and build the layers from your own code";
                Remedy::Remove(what.to_owned())
            }
            (Family::Graph, None) => {
                let what = "do not load it; get it anew from its publisher, and compare the digests";
                Remedy::Remove(what.to_owned())
            }
        };
        findings.extend(finding(rule, artifact, Safety::Dangerous, remedy));
    }
}

/// The command that writes the tensors of this file as safetensors, where it is one that can be converted.
pub(super) fn conversion(artifact: &Artifact) -> Option<String> {
    if !matches!(artifact.format, "pytorch-zip" | "pytorch-legacy") {
        return None;
    }
    let path = &artifact.place.path;
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./+@,".contains(character);
    let quoted = if path.chars().all(plain) { path.to_string() } else { format!("'{}'", Shown(path)) };
    Some(format!("weighbridge fix {quoted}"))
}

/// How many effects are told one by one.
const SHOWN: usize = 5;

/// The finding for an artifact whose worst effects are of this safety.
pub(super) fn finding(
    rule: &'static Rule,
    artifact: &Artifact,
    safety: Safety,
    remedy: Remedy,
) -> Option<Finding> {
    // What an attack calls says little where it makes code of bytes: what the code names says more.
    let told = |judged: &&JudgedEffect| judged.safety == safety || carries_code(judged);
    let mut effects: Vec<&JudgedEffect> = artifact.effects.iter().filter(told).collect();
    // What acts comes before what only names, and then the order of the file.
    effects.sort_by_key(|judged| rank(judged));
    let worst = *effects.iter().find(|judged| judged.safety == safety)?;
    let mut names: Vec<String> = effects.iter().map(|judged| judged.effect.target.to_string()).collect();
    names.sort();
    names.dedup();
    // Whoever reads that something is called knows that it is imported.
    let acted: BTreeSet<&Target> =
        effects.iter().map(|judged| &judged.effect).filter(|it| !imports(it)).map(|it| &it.target).collect();
    effects.retain(|judged| !(imports(&judged.effect) && acted.contains(&judged.effect.target)));
    let path = &artifact.place.path;
    let mut parts: Vec<&str> = vec![path];
    parts.extend(names.iter().map(String::as_str));
    let mut details: Vec<String> =
        effects.iter().take(SHOWN).map(|judged| detail(&artifact.place, judged)).collect();
    if let Some(more) = effects.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        details.push(format!("+ {more} more"));
    }
    // The title says of some effects all that there is to say.
    if !worst.reason.is_empty() && rank(worst) > 0 {
        details.push(worst.reason.clone());
    }
    Some(Finding {
        rule,
        severity: rule.severity,
        confidence: Confidence::High,
        subject: Subject::Place(artifact.place.clone()),
        title: format!("{path} {} when loaded", phrase(&worst.effect)),
        details,
        location: Some((worst.place.clone(), worst.span.clone())),
        vulnerability: None,
        paths: Paths::default(),
        remedy: Some(remedy),
        fingerprint: Fingerprint::new(rule, &parts),
        status: Status::Open,
    })
}

fn carries_code(judged: &JudgedEffect) -> bool {
    matches!(judged.effect.target, Target::Code { .. })
}

fn imports(effect: &Effect) -> bool {
    effect.kind == EffectKind::Import
}

/// Calls of known attacks first, then carried code, other calls, changes, and imports.
fn rank(judged: &JudgedEffect) -> u8 {
    match (judged.effect.kind, phrase(&judged.effect).split(' ').next()) {
        (EffectKind::Call | EffectKind::New, Some("runs" | "evaluates")) => 0,
        (EffectKind::Call | EffectKind::New, Some("opens" | "imports")) => 1,
        _ if carries_code(judged) => 1,
        (EffectKind::Call | EffectKind::New, _) => 2,
        (EffectKind::Import | EffectKind::Extension, _) => 4,
        _ => 3,
    }
}

/// Such as `offset 61  REDUCE  posix.system("id")`, with the way inside where the effect is not in the file itself.
fn detail(artifact: &Place, judged: &JudgedEffect) -> String {
    let mut line = String::new();
    if judged.place != *artifact {
        let inner: Vec<&str> = judged.place.inner.iter().map(|step| &**step).collect();
        line.push_str(&inner.join(" › "));
        line.push_str("  ");
    }
    match judged.span {
        Some(Span::Offset(offset)) => line.push_str(&format!("offset {offset}  ")),
        Some(Span::Line(number)) => line.push_str(&format!("line {number}  ")),
        None => {}
    }
    if !judged.effect.pointer.is_empty() {
        line.push_str(&format!("{}  ", Shown(&judged.effect.pointer)));
    }
    line.push_str(&format!("{}  {}", judged.effect.opcode, judged.effect));
    if judged.effect.count > 1 {
        line.push_str(&format!("  ({} times)", judged.effect.count));
    }
    line
}

#[cfg(test)]
mod tests;
