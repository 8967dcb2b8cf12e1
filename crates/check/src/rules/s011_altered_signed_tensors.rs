//! `WB-S011`: a model that carries a signature over its tensors and does not hold what was signed.

use std::collections::BTreeMap;

use weighbridge_core::digest::Digest;
use weighbridge_core::fact::What;
use weighbridge_core::finding::{Finding, Remedy, Severity};
use weighbridge_core::lock::{Identity, Tensor, TensorSignature};
use weighbridge_core::place::Place;
use weighbridge_core::rule::Rule;
use weighbridge_core::show::Shown;
use weighbridge_core::world::{Check, World};
use weighbridge_trust::tensors::{Content, Status};

use super::dependency::{about_place, counted, shortened};

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-S011",
    name: "altered-signed-tensors",
    title: "model that carries a signature and does not hold what was signed",
    severity: Severity::High,
    since: "0.1.0",
    maps_to: &["CWE-353", "CWE-347", "AML.T0010", "AML.T0018", "LLM03:2025"],
    docs: include_str!("s011_altered_signed_tensors.md"),
};

/// Compares every signature inside of model files with what the files that carry it hold. No key is needed for that.
pub struct AlteredSignedTensors;

impl Check for AlteredSignedTensors {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let mut models: BTreeMap<(&str, Digest), Vec<Carrier<'_>>> = BTreeMap::new();
        for (place, facts) in world.facts.iter().filter(|(place, _)| place.inner.is_empty()) {
            for fact in facts {
                let What::TensorSignature(signature) = &fact.what else { continue };
                let model = models.entry((place.folder(), signature.says.digest)).or_default();
                model.push(Carrier { place, signature });
            }
        }
        findings.extend(models.into_values().filter_map(|carriers| judge(&carriers)));
    }
}

/// A file that carries a signature.
struct Carrier<'w> {
    place: &'w Place,
    signature: &'w TensorSignature,
}

/// What is wrong with the files of one folder that carry one signature.
fn judge(carriers: &[Carrier<'_>]) -> Option<Finding> {
    let Carrier { place, signature } = carriers.first()?;
    let says = &*signature.says;
    let digest = says.digest.to_string();
    let base = if place.folder().is_empty() { "the model" } else { place.folder() };
    if let Some(why) = says.proof.fails() {
        // Somebody's own instance of Sigstore is not known here, and says nothing against him.
        let (severity, more) = match says.identity {
            Identity::Sigstore { .. } => (Severity::Medium, " (by the public instance of Sigstore)"),
            _ => (RULE.severity, ""),
        };
        return Some(Finding {
            severity,
            title: format!("the signature inside {} does not hold", place.name()),
            details: vec![format!("{why}{more}")],
            remedy: Some(Remedy::Manual("get it anew from its signer, or have it signed anew".to_owned())),
            ..about_place(&RULE, place, None, &[place.folder(), &digest, "signature"])
        });
    }
    let by = format!(
        "signed, as {} says, by {}; whether to believe that is not known here",
        place.name(),
        says.identity
    );
    if let Some((at, why)) =
        carriers.iter().find_map(|it| Some((it.place, it.signature.held.as_ref().err()?)))
    {
        return Some(Finding {
            severity: Severity::Low,
            title: format!("the signature inside {base} was not compared with its tensors"),
            details: vec![format!("{}: {why}", at.name()), by],
            remedy: Some(Remedy::Manual("download it, and scan or verify it there".to_owned())),
            ..about_place(&RULE, at, None, &[place.folder(), &digest, "unread"])
        });
    }
    let signed = Content::from(says.signed.clone());
    let held = all(carriers);
    let told = told(&signed, &held);
    let first = told.first_key_value().and_then(|(kind, them)| Some((*kind, &*them.first()?.0)));
    let (first, name) = first?;
    let is_gone = first >= Kind::Missing;
    let location = carriers.iter().find(|it| !is_gone && it.shows(name)).map_or(*place, |it| it.place);
    let counts: Vec<String> = told.iter().map(|(kind, them)| kind.counted(them.len())).collect();
    let mut parts = vec![place.folder(), &*digest];
    parts.extend(told.values().flatten().map(|(name, _)| name.as_str()));
    let mut details = shortened(told.values().flatten().map(|(_, line)| line.clone()));
    if is_gone {
        let files = counted(carriers.len(), "file", "files");
        details.push(format!("looked for in {files}: those here that carry this signature"));
    }
    details.push(by);
    Some(Finding {
        severity: if is_gone { Severity::Medium } else { RULE.severity },
        title: format!("{base} is not as it was signed: {}", counts.join(", ")),
        details,
        remedy: Some(Remedy::Manual(
            "get it anew from its signer; `weighbridge verify` with his key says all of it".to_owned(),
        )),
        ..about_place(&RULE, location, None, &parts)
    })
}

impl Carrier<'_> {
    /// Whether what is wrong with this tensor, or key of the metadata, can be seen in the file.
    fn shows(&self, name: &str) -> bool {
        let signed = &self.signature.says.signed;
        self.signature.held.as_ref().is_ok_and(|held| {
            held.tensors.get(name).is_some_and(|it| signed.tensors.get(name) != Some(it))
                || held.metadata.iter().any(|it| it.name == name && !signed.metadata.contains(it))
        })
    }
}

/// What all files together hold. Of a tensor that lies in several, the one that was not signed counts: nothing here says which a
/// loader takes.
fn all(carriers: &[Carrier<'_>]) -> Content {
    let mut all = Content::default();
    for Carrier { signature, .. } in carriers {
        let Ok(held) = &signature.held else { continue };
        for (name, tensor) in &held.tensors {
            if !all.tensors.contains_key(name) || signature.says.signed.tensors.get(name) != Some(tensor) {
                all.tensors.insert(name.clone(), tensor.clone());
            }
        }
        all.metadata.extend(held.metadata.iter().cloned());
    }
    all
}

/// What can be wrong; what is only gone comes last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Changed,
    Renamed,
    Extra,
    OtherMetadata,
    Missing,
    MissingMetadata,
}

impl Kind {
    fn counted(self, count: usize) -> String {
        let metadata = || counted(count, "key of the metadata", "keys of the metadata");
        let tensors = || counted(count, "tensor", "tensors");
        match self {
            Self::Changed => format!("{} changed", tensors()),
            Self::Renamed => format!("{} renamed", tensors()),
            Self::Extra => format!("{} that nobody signed", tensors()),
            Self::OtherMetadata => format!("{} changed", metadata()),
            Self::Missing => format!("{} missing", tensors()),
            Self::MissingMetadata => format!("{} missing", metadata()),
        }
    }
}

/// Everything that is not as it was signed: its name, and the line that tells it.
fn told(signed: &Content, held: &Content) -> BTreeMap<Kind, Vec<(String, String)>> {
    let compared = signed.compare(held);
    let mut told: BTreeMap<Kind, Vec<(String, String)>> = BTreeMap::new();
    let mut tell = |kind, name: String, what: String| {
        let metadata = matches!(kind, Kind::OtherMetadata | Kind::MissingMetadata);
        let of = if metadata { "metadata " } else { "" };
        let line = format!("{of}{}: {what}", Shown(&name));
        told.entry(kind).or_default().push((name, line));
    };
    for (name, status) in compared.tensors {
        match status {
            Status::Ok => {}
            Status::Changed { .. } => {
                let what = changed(signed.tensors.get(&name), held.tensors.get(&name));
                tell(Kind::Changed, name, what);
            }
            Status::Missing => tell(Kind::Missing, name, "missing".to_owned()),
            Status::Extra => tell(Kind::Extra, name, "not signed".to_owned()),
            Status::Renamed { from } => tell(Kind::Renamed, name, format!("signed as {}", Shown(&from))),
        }
    }
    for (name, status) in compared.metadata {
        match status {
            Status::Ok => {}
            Status::Changed { .. } => {
                tell(Kind::OtherMetadata, name, "not the value that was signed".to_owned())
            }
            Status::Extra | Status::Renamed { .. } => {
                tell(Kind::OtherMetadata, name, "not signed".to_owned())
            }
            Status::Missing => tell(Kind::MissingMetadata, name, "missing".to_owned()),
        }
    }
    told
}

/// How a tensor differs from the one that was signed.
fn changed(signed: Option<&Tensor>, held: Option<&Tensor>) -> String {
    let (Some(signed), Some(held)) = (signed, held) else { return "changed".to_owned() };
    if (&signed.dtype, &signed.shape) == (&held.dtype, &held.shape) {
        return format!("sha256 {:.8}… was signed, now {:.8}…", signed.digest, held.digest);
    }
    let shape = |it: &Tensor| format!("{} {}", Shown(&it.dtype), Shown(&format!("{:?}", it.shape)));
    format!("{} was signed, now {}", shape(signed), shape(held))
}
