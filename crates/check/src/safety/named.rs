//! Python code that a configuration names: targets of Hydra, classes of the hub, loaders of MLflow.
//!
//! Unlike a pickle, a configuration names what a program of known libraries then makes with known keywords. So the classes
//! of these libraries (`data/packages.tsv`) are harmless as a whole; what is known from attacks is not, wherever it lies.

use std::sync::LazyLock;

use weighbridge_core::fact::{Effect, Global};
use weighbridge_core::report::Safety;

use super::table::{self, Rule};
use super::{HARMLESS, Judgement, dangerous, judge_unknown, untrusted};

pub(super) static PACKAGES_TEXT: &str = include_str!("../../data/packages.tsv");

/// What of a package is harmless.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Classes,
    All,
}

/// Prefixes of dotted names, sorted.
static PACKAGES: LazyLock<Vec<(&'static str, Part)>> = LazyLock::new(|| {
    let parse = |line: &'static str| {
        let mut fields = line.split('\t');
        let prefix = fields.next()?;
        match fields.next()? {
            "classes" => Some((prefix, Part::Classes)),
            "all" => Some((prefix, Part::All)),
            _ => None,
        }
    };
    PACKAGES_TEXT.lines().filter(|line| !line.starts_with('#')).filter_map(parse).collect()
});

/// Constructs of configurations that name Python code.
const CONSTRUCTS: [&str; 9] = [
    "!apply",
    "!module",
    "!name",
    "!new",
    "_target_",
    "auto_mapping",
    "loader_module",
    "model_index.json",
    "modules.json",
];

/// Modules of `diffusers.pipelines` that pipelines name without the package before them.
const PIPELINES: [&str; 12] = [
    "audioldm2",
    "deepfloyd_if",
    "kandinsky",
    "latent_diffusion",
    "musicldm",
    "paint_by_example",
    "shap_e",
    "stable_diffusion",
    "stable_diffusion_safe",
    "unidiffuser",
    "versatile_diffusion",
    "wuerstchen",
];

/// Whether a configuration does this.
pub(super) fn is_named(effect: &Effect) -> bool {
    CONSTRUCTS.contains(&effect.opcode)
}

/// What it means that a configuration names `global`, to be imported or called with the values beside it.
pub(super) fn judge(effect: &Effect, global: &Global) -> Judgement {
    if effect.opcode == "model_index.json" && PIPELINES.contains(&global.module.as_str()) {
        return HARMLESS;
    }
    if let Some(entry) = table::allowed(global) {
        return match entry.rule {
            Rule::Data | Rule::Object | Rule::Value | Rule::Factory => HARMLESS,
            Rule::Getattr | Rule::Nested(_) | Rule::Proxy => {
                dangerous(format!("`{global}` reaches or calls what it is given"))
            }
            _ => untrusted(format!("`{global}` is not known to be harmless with these arguments")),
        };
    }
    let unknown = judge_unknown(global);
    if unknown.0 == Safety::Untrusted && is_of_package(global) { HARMLESS } else { unknown }
}

/// Whether this is a part of a package that is harmless as such.
fn is_of_package(global: &Global) -> bool {
    let path = format!("{}.{}", global.module, global.name);
    let last = global.name.rsplit('.').next().unwrap_or_default();
    let is_class = last.starts_with(|first: char| first.is_ascii_uppercase());
    PACKAGES.iter().any(|(prefix, part)| {
        let below = path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        below && (*part == Part::All || is_class)
    })
}

#[cfg(test)]
mod tests {
    use weighbridge_core::fact::{EffectKind, Target};

    use super::*;

    #[test]
    fn the_table_is_whole_and_sorted() {
        assert_eq!(PACKAGES.len(), PACKAGES_TEXT.lines().count() - 1);
        assert!(PACKAGES.is_sorted_by_key(|(prefix, _)| *prefix));
        assert!(CONSTRUCTS.is_sorted() && PIPELINES.is_sorted());
    }

    #[test]
    fn code_of_configurations_is_judged_by_package() {
        for (construct, name, expected) in [
            ("_target_", "torch.optim:AdamW", Safety::Harmless),
            ("_target_", "torch.optim.lr_scheduler:CosineAnnealingLR", Safety::Harmless),
            ("_target_", "torchvision.models:resnet50", Safety::Harmless),
            ("_target_", "nemo.collections.asr.modules:ConvASREncoder", Safety::Harmless),
            ("_target_", "builtins:dict", Safety::Harmless),
            ("_target_", "torch.hub:load", Safety::Dangerous),
            ("_target_", "torch:load", Safety::Dangerous),
            ("_target_", "torch.utils.cpp_extension:load", Safety::Dangerous),
            ("_target_", "torch:save", Safety::Untrusted),
            ("_target_", "builtins:exec", Safety::Dangerous),
            ("_target_", "builtins:getattr", Safety::Dangerous),
            ("_target_", "os:system", Safety::Dangerous),
            ("_target_", "torchbad:Model", Safety::Untrusted),
            ("_target_", "shop.models:Net", Safety::Untrusted),
            ("_target_", "torch.nn:Linear.__init__", Safety::Dangerous),
            ("!new", "speechbrain.lobes.models.ECAPA_TDNN:ECAPA_TDNN", Safety::Harmless),
            ("!apply", "subprocess:run", Safety::Dangerous),
            ("model_index.json", "diffusers:UNet2DConditionModel", Safety::Harmless),
            ("model_index.json", "stable_diffusion:StableDiffusionSafetyChecker", Safety::Harmless),
            ("_target_", "stable_diffusion:StableDiffusionSafetyChecker", Safety::Untrusted),
            ("modules.json", "sentence_transformers.models:Pooling", Safety::Harmless),
            ("modules.json", "custom_st:Transformer", Safety::Untrusted),
            ("loader_module", "mlflow.sklearn:_load_pyfunc", Safety::Harmless),
            ("loader_module", "loader:_load_pyfunc", Safety::Untrusted),
            ("auto_mapping", "transformers.models.bert.modeling_bert:BertModel", Safety::Harmless),
        ] {
            let (module, member) = name.split_once(':').unwrap();
            let global = Global { module: module.to_owned(), name: member.to_owned() };
            let effect = Effect::new(EffectKind::Call, Target::Global(global.clone()), construct);
            assert_eq!(judge(&effect, &global).0, expected, "{construct} {name}");
        }
    }
}
