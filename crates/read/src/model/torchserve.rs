//! Archives of TorchServe (`.mar`): zip archives with a manifest that names the Python files which serving runs.
//!
//! Source: TorchServe, *model-archiver* (`MAR-INF/MANIFEST.json`) and *Default handlers*.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Target, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use crate::tree::{self, Tree};

const MANIFEST: &str = "MAR-INF/MANIFEST.json";
/// Handlers that TorchServe brings along.
const OWN: [&str; 5] =
    ["base_handler", "image_classifier", "image_segmenter", "object_detector", "text_classifier"];

/// Reads manifests of TorchServe.
pub struct Torchserve;

impl Reader for Torchserve {
    fn about(&self) -> &'static About {
        &About {
            id: "torchserve",
            title: "TorchServe archives",
            family: Family::Model,
            names: &[MANIFEST],
            reads: "The handler and the model file that serving runs as Python code; what else is in the archive is read as \
                    what it is.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.path == MANIFEST || hint.path.ends_with("/MAR-INF/MANIFEST.json") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let Some(root) = tree::json(&input.read_text()?)? else {
            return Err(Unread::Malformed("no JSON".to_owned()));
        };
        sink.observed(What::Format("torchserve"), None);
        for model in root.get("model") {
            for (key, construct) in [("handler", "handler"), ("modelFile", "modelFile")] {
                for named in model.get(key) {
                    let Tree::Text(file) = &named.tree else { continue };
                    // `handler.py:function` names the function too.
                    let module = file.split(':').next().unwrap_or_default();
                    if module.is_empty() || OWN.contains(&module) {
                        continue;
                    }
                    let target =
                        Target::Code { language: "Python code of the archive", beginning: file.clone() };
                    let effect = Effect::new(EffectKind::Run, target, construct);
                    sink.observed(What::Effect(effect.at(format!("model.{key}"))), named.span());
                }
            }
        }
        Ok(())
    }
}
