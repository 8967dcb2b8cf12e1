//! Configuration files of repositories on the Hugging Face hub: which Python code loading the repository runs.
//!
//! A `config.json` of anything else says nothing here.
//!
//! Source: transformers (`AutoConfig.from_pretrained`, `get_class_from_dynamic_module`, `pipelines/base.py`), diffusers
//! (`pipeline_loading_utils.py`), peft (`auto.py`), sentence-transformers (`SentenceTransformer._load_sbert_model`).

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Global, Operator, Target, Value, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use crate::tree::{self, Node, Tree};

/// Files in which the libraries of the hub look for classes.
const NAMES: [&str; 12] = [
    "adapter_config.json",
    "config.json",
    "feature_extractor_config.json",
    "generation_config.json",
    "image_processor_config.json",
    "model_index.json",
    "modules.json",
    "preprocessor_config.json",
    "processor_config.json",
    "scheduler_config.json",
    "tokenizer_config.json",
    "video_preprocessor_config.json",
];

/// Kernels of attention that transformers brings along; any other name with a `/` is a repository of kernels.
const ATTENTION: [&str; 2] = ["_attn_implementation", "_attn_implementation_internal"];

/// Reads what configuration files of the hub make loaders run.
pub struct HubConfig;

impl Reader for HubConfig {
    fn about(&self) -> &'static About {
        &About {
            id: "hub-config",
            title: "Configuration of the Hugging Face hub",
            family: Family::Model,
            names: &NAMES,
            reads: "Classes and code files that loading the repository uses (`auto_map`, `custom_pipelines`, `_class_name`, \
                    `auto_mapping`), repositories of kernels, and the wish to be trusted.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if NAMES.contains(&hint.name()) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        // What Python cannot read is loaded by nobody.
        let Some(root) = tree::json(&input.read_text()?)? else { return Ok(()) };
        let mut found = Found { sink, any: false };
        match found.sink.place().inner.last().map_or_else(|| found.sink.place().name(), |step| last(step)) {
            "model_index.json" => found.pipeline(&root),
            "modules.json" => found.modules(&root),
            _ => {}
        }
        found.walk(&root, "");
        Ok(())
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

struct Found<'sink> {
    sink: &'sink mut Sink,
    any: bool,
}

impl Found<'_> {
    fn effect(&mut self, effect: Effect, node: &Node) {
        if !self.any {
            self.any = true;
            self.sink.observed(What::Format("hub-config"), None);
        }
        self.sink.observed(What::Effect(effect), node.span());
    }

    /// Looks at every object of the document: models inside of models have a configuration of their own.
    fn walk(&mut self, node: &Node, pointer: &str) {
        for (index, inner) in node.list().iter().enumerate() {
            if matches!(inner.tree, Tree::Map(_) | Tree::List(_)) {
                self.walk(inner, &tree::at(pointer, index));
            }
        }
        for (key, value) in node.map() {
            let Some(name) = key.text() else { continue };
            let pointer = tree::below(pointer, name);
            match name {
                "auto_map" => self.auto_map(value, &pointer),
                "custom_pipelines" => self.custom_pipelines(value, &pointer),
                "auto_mapping" => self.auto_mapping(value, &pointer),
                "trust_remote_code" if value.text() == Some("true") => {
                    let operator =
                        Operator { set: "hub", domain: String::new(), name: "trust_remote_code".to_owned() };
                    let target = Target::Operator(operator);
                    self.effect(
                        Effect::new(EffectKind::Operate, target, "trust_remote_code").at(pointer),
                        value,
                    );
                }
                _ if ATTENTION.contains(&name) || name == "attn_implementation" => {
                    self.attention(name, value, &pointer);
                }
                _ => self.walk(value, &pointer),
            }
        }
    }

    /// `{"AutoModel": "modeling.Model"}`; a tokenizer has a list of two.
    fn auto_map(&mut self, node: &Node, pointer: &str) {
        for (key, value) in node.map() {
            let pointer = tree::below(pointer, key.text().unwrap_or_default());
            let references = if value.list().is_empty() { std::slice::from_ref(value) } else { value.list() };
            for reference in references {
                if let Tree::Text(class) = &reference.tree {
                    self.reference(class, "auto_map", &pointer, reference);
                }
            }
        }
    }

    fn custom_pipelines(&mut self, node: &Node, pointer: &str) {
        for (task, value) in node.map() {
            let pointer = tree::below(pointer, task.text().unwrap_or_default());
            for class in value.get("impl") {
                if let Tree::Text(text) = &class.tree {
                    self.reference(text, "custom_pipelines", &format!("{pointer}.impl"), class);
                }
            }
        }
    }

    /// `module.Class` of a file beside, or `ORG/REPOSITORY--module.Class` of another repository.
    fn reference(&mut self, reference: &str, construct: &'static str, pointer: &str, node: &Node) {
        let (repository, class) = reference.split_once("--").unwrap_or(("", reference));
        let (module, name) = class.rsplit_once('.').unwrap_or((class, ""));
        let file = format!("{}.py", module.replace('.', "/"));
        let (language, beginning) = if repository.is_empty() {
            ("Python code of the repository", file)
        } else {
            ("Python code of another repository", format!("{repository} {file}"))
        };
        let length = u64::try_from(name.len()).unwrap_or(u64::MAX);
        let effect = Effect::new(EffectKind::Run, Target::Code { language, beginning }, construct);
        self.effect(effect.at(pointer).with(vec![Value::Text(name.to_owned(), length)]), node);
    }

    /// Peft imports the library and takes the class from it.
    fn auto_mapping(&mut self, node: &Node, pointer: &str) {
        for library in node.get("parent_library") {
            for class in node.get("base_model_class") {
                if let (Tree::Text(module), Tree::Text(name)) = (&library.tree, &class.tree) {
                    self.named(module, name, "auto_mapping", pointer, library);
                }
            }
        }
    }

    fn named(&mut self, module: &str, name: &str, construct: &'static str, pointer: &str, node: &Node) {
        let target = Target::Global(Global { module: module.to_owned(), name: name.to_owned() });
        self.effect(Effect::new(EffectKind::Import, target, construct).at(pointer), node);
    }

    fn attention(&mut self, name: &str, node: &Node, pointer: &str) {
        for (key, value) in node.map() {
            self.attention(name, value, &tree::below(pointer, key.text().unwrap_or_default()));
        }
        let Tree::Text(text) = &node.tree else { return };
        // `paged|sdpa` is a variant of a built-in one.
        let kernel = text.rsplit('|').next().unwrap_or_default();
        if kernel.contains('/') {
            let construct = if name == "_attn_implementation_internal" { ATTENTION[1] } else { ATTENTION[0] };
            let target =
                Target::Code { language: "kernels of another repository", beginning: kernel.to_owned() };
            self.effect(Effect::new(EffectKind::Run, target, construct).at(pointer), node);
        }
    }

    /// The components of a pipeline of diffusers: `"unet": ["diffusers", "UNet2DConditionModel"]`.
    fn pipeline(&mut self, root: &Node) {
        for (key, value) in root.map() {
            let Some(name) = key.text() else { continue };
            let [library, class] = value.list() else { continue };
            let (Tree::Text(library), Tree::Text(class)) = (&library.tree, &class.tree) else { continue };
            if name == "_class_name" {
                // The class of the pipeline itself, in a file of the repository.
                self.reference(&format!("{library}.{class}"), "_class_name", name, value);
            } else if !name.starts_with('_') {
                self.named(library, class, "model_index.json", name, value);
            }
        }
    }

    /// The modules of a sentence transformer: `[{"type": "sentence_transformers.models.Transformer"}]`.
    fn modules(&mut self, root: &Node) {
        for (index, module) in root.list().iter().enumerate() {
            for kind in module.get("type") {
                let Some((module, class)) = kind.text().and_then(|text| text.rsplit_once('.')) else {
                    continue;
                };
                self.named(module, class, "modules.json", &format!("[{index}].type"), kind);
            }
        }
    }
}
