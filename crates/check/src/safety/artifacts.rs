//! Facts of all entries to one verdict a file.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rayon::prelude::*;
use weighbridge_core::fact::{Effect, EffectKind, Fact, Target, Value, What};
use weighbridge_core::place::{Place, Span};
use weighbridge_core::report::{Artifact, JudgedEffect, Safety};
use weighbridge_core::world::{File, Installed};

use super::archives::Archives;
use super::checkpoints::Checkpoints;
use super::{HARMLESS, judge};

/// Formats of model files; a container counts when one of them is inside.
#[rustfmt::skip] // one line a format
const MODELS: &[&str] = &[
    "catboost",
    "cntk",
    "coreml",
    "executable",
    "executorch",
    "flax",
    "ggml",
    "gguf",
    "hdf5",
    "hub-config",
    "jinja",
    "keras",
    "keras-config",
    "keras-h5",
    "keras-metadata",
    "keras-weights",
    "lightgbm",
    "llamafile",
    "matlab",
    "mxnet",
    "npy",
    "npz",
    "onnx",
    "openvino",
    "orbax",
    "paddle",
    "paddle-json",
    "paddle-parameters",
    "pickle",
    "pmml",
    "pt2",
    "pytorch-legacy",
    "pytorch-zip",
    "r-data",
    "safetensors",
    "skops",
    "tensor-data",
    "tensorflow",
    "tensorflow-index",
    "tflite",
    "torch-distributed",
    "torch-package",
    "torch7",
    "torchscript",
    "torchserve",
    "xgboost",
    "yaml-config",
    "zarr",
];

/// One artifact for every file of the target that is or holds a model, ordered by path. The verdict is the worst of
/// all parts; a part that was not read or not understood makes it at least unread.
pub fn judge_artifacts(
    facts: &BTreeMap<Place, Vec<Fact>>,
    files: &BTreeMap<Arc<str>, File>,
) -> Vec<Artifact> {
    let mut paths: BTreeMap<Arc<str>, Vec<(&Place, &[Fact])>> = BTreeMap::new();
    for (place, facts) in facts {
        paths.entry(Arc::clone(&place.path)).or_default().push((place, facts));
    }
    let checkpoints = Checkpoints::of(facts, files);
    let paths: Vec<_> = paths.into_iter().collect();
    let judged = |(path, entries): &(Arc<str>, Vec<_>)| judge_file(path, entries, files, &checkpoints);
    paths.par_iter().filter_map(judged).collect()
}

/// Notes which installed package brought which file along: its record has the path and the digest.
pub fn find_owners(artifacts: &mut [Artifact], installed: &[Installed]) {
    let mut unowned: HashMap<Arc<str>, &mut Artifact> =
        artifacts.iter_mut().map(|artifact| (Arc::clone(&artifact.place.path), artifact)).collect();
    if unowned.is_empty() {
        return;
    }
    // Records are long, and few of what they name are artifacts.
    let recorded = installed.par_iter().flat_map_iter(|package| {
        let recorded = package.record.iter().flatten();
        recorded.map(move |recorded| (&package.component, recorded))
    });
    let named =
        recorded.filter_map(|(component, recorded)| Some((recorded.path.as_ref()?, component, recorded)));
    let named: Vec<_> = named.filter(|(path, ..)| unowned.contains_key(*path)).collect();
    for (path, component, recorded) in named {
        if let Some(artifact) = unowned.get_mut(path)
            && artifact.owner.is_none()
            && recorded.digest.is_some()
            && recorded.digest == artifact.digest
        {
            artifact.owner = Some(component.clone());
        }
    }
}

fn judge_file(
    path: &Arc<str>,
    entries: &[(&Place, &[Fact])],
    files: &BTreeMap<Arc<str>, File>,
    checkpoints: &Checkpoints<'_>,
) -> Option<Artifact> {
    let format = format(entries)?;
    let file = files.get(path);
    let archives = Archives::of(entries);
    let mut safety = Safety::Harmless;
    let mut effects = Vec::new();
    for (place, facts) in entries {
        let mut add = |span: Option<Span>, effect: &Effect| {
            let (judged, reason) = match judge(effect) {
                _ if archives.define(place, effect) => HARMLESS,
                (Safety::Untrusted, _) if is_own_code(place, effect, files) => HARMLESS,
                judgement => judgement,
            };
            safety = safety.max(judged);
            let (place, effect) = ((*place).clone(), effect.clone());
            effects.push(JudgedEffect { place, span, effect, safety: judged, reason });
        };
        for fact in *facts {
            match &fact.what {
                What::Effect(effect) => {
                    add(fact.evidence.span.clone(), effect);
                    if let Some(beyond) = beyond_the_end(place, effect, files) {
                        add(fact.evidence.span.clone(), &beyond);
                    }
                }
                What::Takes(taken) => {
                    for (span, effect) in archives.lacking(place, taken) {
                        add(Some(span), &effect);
                    }
                }
                What::Slices(slices) => {
                    for (span, effect) in checkpoints.foreign(place, slices) {
                        add(Some(span), &effect);
                    }
                }
                _ => {}
            }
        }
        if facts.iter().any(|fact| matches!(fact.what, What::Unread(_))) {
            safety = safety.max(Safety::Unread);
        }
    }
    Some(Artifact {
        place: Place::file(Arc::clone(path)),
        format,
        size: file.map_or(0, |file| file.size),
        digest: file.and_then(|file| file.digest.as_ref().ok().copied()),
        owner: None,
        safety,
        effects,
    })
}

/// Extensions of files that hold weights.
const WEIGHTS: [&str; 14] = [
    "bin",
    "ckpt",
    "gguf",
    "h5",
    "joblib",
    "keras",
    "nemo",
    "onnx",
    "pkl",
    "pt",
    "pth",
    "safetensors",
    "tflite",
    "ubj",
];

/// Whether a configuration names a module that lies in the target as source, far from any weights: it is the
/// configuration of a program, which runs its own code. Beside weights it is a model that brings code along.
fn is_own_code(place: &Place, effect: &Effect, files: &BTreeMap<Arc<str>, File>) -> bool {
    let (true, Target::Global(global)) = (effect.opcode == "_target_", &effect.target) else { return false };
    if !place.inner.is_empty() {
        return false;
    }
    let folder = place.folder();
    let within = |path: &str| match folder {
        "" => !path.contains('/'),
        _ => path
            .strip_prefix(folder)
            .and_then(|rest| rest.strip_prefix('/'))
            .is_some_and(|rest| !rest.contains('/')),
    };
    let is_weights = |path: &str| {
        path.rsplit_once('.')
            .is_some_and(|(_, extension)| WEIGHTS.contains(&extension.to_ascii_lowercase().as_str()))
    };
    let start: Arc<str> = if folder.is_empty() { "".into() } else { format!("{folder}/").into() };
    let mut beside = files.range(start..).map(|(path, _)| path).take_while(|path| path.starts_with(folder));
    if beside.any(|path| within(path) && is_weights(path)) {
        return false;
    }
    let module = global.module.replace('.', "/");
    let sources = [format!("{module}.py"), format!("{module}/__init__.py")];
    let mut above = folder;
    loop {
        let prefix = if above.is_empty() { String::new() } else { format!("{above}/") };
        if sources.iter().any(|source| {
            [format!("{prefix}{source}"), format!("{prefix}src/{source}")]
                .iter()
                .any(|path| files.contains_key(path.as_str()))
        }) {
            return true;
        }
        match above.rsplit_once('/') {
            Some((parent, _)) => above = parent,
            None if above.is_empty() => return false,
            None => above = "",
        }
    }
}

/// That a file beside the model ends before the byte up to which the model reads it.
fn beyond_the_end(place: &Place, effect: &Effect, files: &BTreeMap<Arc<str>, File>) -> Option<Effect> {
    let (EffectKind::Read, Target::Path(path), [Value::Int(end)]) =
        (effect.kind, &effect.target, effect.arguments.as_slice())
    else {
        return None;
    };
    let steps = path.split('/').filter(|step| !matches!(*step, "" | "."));
    let folder = place.folder().split('/').filter(|step| !step.is_empty());
    let beside: Vec<&str> = folder.chain(steps).collect();
    let size = files.get(beside.join("/").as_str())?.size;
    let end = end.parse::<u64>().ok().filter(|end| *end > size && place.inner.is_empty())?;
    let text = format!("`{path}` is read up to byte {end} and has {size}");
    Some(Effect::new(EffectKind::Overrun, Target::Unknown(text), effect.opcode).at(effect.pointer.clone()))
}

/// The format of the file itself if there is a model anywhere in it: that of a model before that of a container.
fn format(entries: &[(&Place, &[Fact])]) -> Option<&'static str> {
    let formats = |facts: &[Fact]| {
        let named = facts.iter().filter_map(|fact| match fact.what {
            What::Format(format) => Some(format),
            _ => None,
        });
        named.collect::<Vec<_>>()
    };
    let outer: Vec<&'static str> = entries
        .iter()
        .filter(|(place, _)| place.inner.is_empty())
        .flat_map(|(_, facts)| formats(facts))
        .collect();
    let model = |format: &&&'static str| MODELS.contains(*format);
    if let Some(format) = outer.iter().find(model) {
        return Some(format);
    }
    let inner =
        entries.iter().flat_map(|(_, facts)| formats(facts)).find(|format| MODELS.contains(format))?;
    Some(outer.first().copied().unwrap_or(inner))
}
