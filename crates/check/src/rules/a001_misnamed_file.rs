//! `WB-A001`: a file whose name and content disagree.

use weighbridge_core::fact::{Fact, Misnamed, What};
use weighbridge_core::finding::{Finding, Fingerprint, Remedy, Severity};
use weighbridge_core::place::Place;
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::dependency::about_place;

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-A001",
    name: "misnamed-file",
    title: "file whose name and content disagree",
    severity: Severity::Medium,
    since: "0.1.0",
    maps_to: &["CWE-646", "AML.T0010", "LLM03:2025"],
    docs: include_str!("a001_misnamed_file.md"),
};

/// Finds names that promise something else than what is inside.
pub struct MisnamedFile;

impl Check for MisnamedFile {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        for (place, facts) in world.facts {
            let mut misnamed: Vec<&Misnamed> = facts
                .iter()
                .filter_map(|fact| match &fact.what {
                    What::Misnamed(misnamed) => Some(misnamed),
                    _ => None,
                })
                .collect();
            misnamed.sort();
            let found = misnamed.into_iter().find_map(|misnamed| Some((misnamed, judge(place, misnamed)?)));
            findings.extend(found.map(|(misnamed, broken)| finding(place, facts, misnamed, &broken)));
        }
    }
}

/// What the name promises, and how much it matters that it is not so.
struct Broken {
    promise: String,
    severity: Severity,
}

/// Formats that Python's loaders of models take under each other's names: `torch.load`, `joblib.load` and
/// `pickle.load` go by content, and people name what they saved as they like.
const PYTHON_MODELS: [&str; 3] = ["pickle", "pytorch-legacy", "zip"];
/// Many formats are packed inside without saying so in their names.
const PACKED: &str = "compressed";
/// Formats that have no names of their own: people save them as text, JSON, XML or under any name, as their libraries'
/// manuals do, and all of them are told by what is inside.
const UNNAMED: [&str; 5] = ["lightgbm", "mxnet", "openvino", "pmml", "xgboost"];
const PYTHON_NAMES: [&str; 15] = [
    "bin",
    "ckpt",
    "cloudpickle",
    "dill",
    "joblib",
    "model",
    "pckl",
    "pdopt",
    "pdparams",
    "pickle",
    "pkl",
    "pt",
    "pth",
    "sav",
    "th",
];

/// Names that promise text, pictures or tables: nobody expects a program in them.
const PLAIN_NAMES: [&str; 32] = [
    "bmp", "cfg", "conf", "css", "csv", "gif", "htm", "html", "ini", "ipynb", "jpeg", "jpg", "js", "json",
    "jsonl", "log", "md", "mp3", "mp4", "pdf", "png", "py", "rst", "svg", "toml", "tsv", "txt", "wav",
    "webp", "xml", "yaml", "yml",
];

/// Names of packed files: joblib packs by another codec than the name says if it is told so, and nobody is deceived.
const PACKED_NAMES: [&str; 8] = ["bz2", "gz", "lz4", "lzma", "tar", "tgz", "xz", "zst"];

fn judge(place: &Place, misnamed: &Misnamed) -> Option<Broken> {
    let name = place.name().to_ascii_lowercase();
    let mut endings = name.rsplit('.');
    let extension = endings.next().filter(|extension| extension.len() < name.len())?;
    // `model.pth.tar` is a checkpoint by custom and no tar.
    let before = endings.next().filter(|_| extension == "tar");
    let python = PYTHON_NAMES.contains(&extension) || before.is_some_and(|it| PYTHON_NAMES.contains(&it));
    let fits = |id: &&str| *id == PACKED || UNNAMED.contains(id) || (python && PYTHON_MODELS.contains(id));
    if misnamed.by_content.iter().all(|id| fits(id) || misnamed.by_name.contains(id)) {
        return None;
    }
    // Formats that only a later version reads are often archives inside (`.nemo`, `.mar`).
    let containers = ["tar", "zip"];
    if misnamed.by_name == ["known"] && misnamed.by_content.iter().all(|id| containers.contains(id)) {
        return None;
    }
    // Whatever is stored in protocol buffers may be called so.
    let stored_so = ["cntk", "coreml", "keras-metadata", "onnx", "paddle", "tensorflow"];
    if extension == "pb" && misnamed.by_content.iter().all(|id| stored_so.contains(id)) {
        return None;
    }
    // What CNTK itself calls its models.
    if extension == "model" && misnamed.by_content == ["cntk"] {
        return None;
    }
    // MATLAB itself has saved HDF5 under its own name since version 7.3.
    if extension == "mat" && misnamed.by_content.iter().all(|id| matches!(*id, "hdf5" | "known")) {
        return None;
    }
    // Joblib of old called its packed arrays `.npy.z`.
    if extension == "z" {
        return None;
    }
    let promise = match misnamed.by_name.as_slice() {
        _ if PACKED_NAMES.contains(&extension) => {
            return Some(Broken { promise: format!("`.{extension}`"), severity: Severity::Low });
        }
        _ if python => "a model that Python saved".to_owned(),
        [only] if noun(only).is_some() => noun(only).unwrap_or_default().to_owned(),
        [] if !PLAIN_NAMES.contains(&extension) => return None,
        _ => format!("`.{extension}`"),
    };
    Some(Broken { promise, severity: RULE.severity })
}

fn finding(place: &Place, facts: &[Fact], misnamed: &Misnamed, broken: &Broken) -> Finding {
    // Readers tell more exactly than their ids what they found.
    let formats = facts.iter().filter_map(|fact| match fact.what {
        What::Format(format) => Some(format),
        _ => None,
    });
    let mut found: Vec<&str> = formats.chain(misnamed.by_content.iter().copied()).collect();
    found.retain(|id| noun(id).is_some());
    let is = match found.first().and_then(|id| noun(id)) {
        Some(noun) => noun.to_owned(),
        None => format!("in the format `{}`", misnamed.by_content.join(", ")),
    };
    let parts: Vec<&str> =
        std::iter::once(&*place.path).chain(place.inner.iter().map(|step| &**step)).collect();
    Finding {
        severity: broken.severity,
        title: format!("{place} is {is}, not {}", broken.promise),
        details: vec!["whoever goes by the name does not look for what loaders find inside".to_owned()],
        remedy: Some(Remedy::Manual(
            "find out who made it; name it after what it is, or delete it".to_owned(),
        )),
        fingerprint: Fingerprint::new(&RULE, &parts),
        ..about_place(&RULE, place, None, &parts)
    }
}

/// What people call a format.
fn noun(id: &str) -> Option<&'static str> {
    Some(match id {
        "7z" => "a 7z archive",
        "cntk" => "a CNTK model",
        "coreml" => "a Core ML model",
        "executable" => "a program",
        "ggml" => "a GGML model",
        "gguf" => "a GGUF model",
        "hdf5" => "an HDF5 file",
        "keras" => "a Keras model",
        "npy" => "a NumPy array",
        "npz" => "NumPy arrays (npz)",
        "onnx" => "an ONNX model",
        "paddle" => "a PaddlePaddle program",
        "pickle" => "a pickle",
        "pytorch-legacy" => "a PyTorch checkpoint of old",
        "pytorch-zip" => "a PyTorch checkpoint",
        "rar" => "a RAR archive",
        "safetensors" => "safetensors",
        "tar" => "a tar archive",
        "tensorflow" => "a TensorFlow graph",
        "tensorflow-index" => "the index of a TensorFlow checkpoint",
        "tflite" => "a TensorFlow Lite model",
        "zip" => "a zip archive",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::dependency_world::{Built, check};
    use super::*;

    fn misnamed(by_name: &[&'static str], by_content: &[&'static str]) -> What {
        What::Misnamed(Misnamed { by_name: by_name.to_vec(), by_content: by_content.to_vec() })
    }

    #[track_caller]
    fn judged(path: &str, by_name: &[&'static str], by_content: &[&'static str], expected: Option<&str>) {
        let misnamed = Misnamed { by_name: by_name.to_vec(), by_content: by_content.to_vec() };
        let found = judge(&Place::file(path), &misnamed).map(|it| format!("{} {}", it.severity, it.promise));
        assert_eq!(found.as_deref(), expected, "{path}");
    }

    #[test]
    fn names_promise_what_loaders_hold_them_to() {
        // Names that people use for one another.
        judged("a.pt", &["pytorch-legacy", "zip"], &["pickle"], None);
        judged("a.bin", &["pytorch-legacy"], &["zip"], None);
        judged("a.pkl", &["pickle"], &["zip"], None);
        judged("model_best.pth.tar", &["tar"], &["zip"], None);
        judged("checkpoint", &[], &["pytorch-legacy"], None);
        judged("book.xlsx", &[], &["zip"], None);
        judged("data.dat", &[], &["pickle"], None);
        judged("a.pkl", &["pickle"], &["compressed"], None);
        judged("a.rds", &["known"], &["compressed"], None);
        judged("a.nemo", &["known"], &["tar"], None);
        // Disguises.
        judged("a.safetensors", &["safetensors"], &["pickle"], Some("medium safetensors"));
        judged("a.npy", &["npy"], &["pickle"], Some("medium a NumPy array"));
        judged(
            "a.pt",
            &["pytorch-legacy", "zip"],
            &["safetensors"],
            Some("medium a model that Python saved"),
        );
        judged("config.json", &[], &["pickle"], Some("medium `.json`"));
        judged("logo.PNG", &[], &["zip"], Some("medium `.png`"));
        judged("a.zip", &["zip"], &["pickle"], Some("medium a zip archive"));
        judged("requirements.txt", &["requirements"], &["pickle"], Some("medium `.txt`"));
        judged("a.onnx", &["onnx"], &["gguf"], Some("medium an ONNX model"));
        // Nobody is deceived.
        judged("a.gz", &["known"], &["pickle"], Some("low `.gz`"));
    }

    #[test]
    fn a_pickle_in_disguise_is_told_by_what_its_reader_says() {
        check(
            &MisnamedFile,
            Built::new()
                .fact("weights.safetensors", misnamed(&["safetensors"], &["zip"]))
                .fact("weights.safetensors", What::Format("pytorch-zip"))
                .fact("fine.pt", misnamed(&["zip"], &["pickle"])),
            "
            medium high weights.safetensors is a PyTorch checkpoint, not safetensors
              at weights.safetensors
              whoever goes by the name does not look for what loaders find inside
              fix find out who made it; name it after what it is, or delete it
            ",
        );
    }
}
