//! YAML that names Python code: tags of PyYAML and of HyperPyYAML, targets of Hydra and NeMo, models of MLflow.
//!
//! YAML is the language of a thousand other tools. A file that names no code says nothing here: no format, no finding, and
//! where it is no YAML after all, no gap either.
//!
//! Source: PyYAML `constructor.py` (`UnsafeConstructor`), Hydra *Instantiating objects*, HyperPyYAML `core.py`, MLflow
//! *MLflow Models* (storage format).

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Global, Operator, Target, Value, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use crate::tree::{self, Node, Tree};
use crate::yaml;

/// The longest file that is read, in bytes; Python needs minutes for that much.
const LONGEST: u64 = 16 << 20;
/// How many containers deep arguments are shown.
const SHOWN: usize = 4;

const PYTHON: &str = "tag:yaml.org,2002:python/";
const TARGET: &str = "_target_";
/// The environment of a model of MLflow; those of projects are called `environment.yml`.
const CONDA: &str = "conda.yaml";
/// Options of pip that name a place to take packages from.
const INDEXES: [&str; 5] = ["--extra-index-url", "--find-links", "--index-url", "-f", "-i"];
/// Places of the makers of PyTorch and its extensions, which have them take packages from there.
const HOSTS: [&str; 2] = ["data.pyg.org", "download.pytorch.org"];

/// Reads what YAML files name of Python code.
pub struct YamlConfig;

impl Reader for YamlConfig {
    fn about(&self) -> &'static About {
        &About {
            id: "yaml-config",
            title: "YAML that names Python code",
            family: Family::Model,
            names: &["*.yaml", "*.yml", "MLmodel"],
            reads: "Python tags (also by `%TAG`, verbatim and through anchors), `_target_` of Hydra and NeMo, tags of \
                    HyperPyYAML, the loader and code of an `MLmodel` and the indexes of its `conda.yaml`. Other YAML says nothing.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if matches!(hint.name(), "MLmodel" | CONDA) {
            return Claim::ByName;
        }
        let named = hint.has_extension("yaml") || hint.has_extension("yml");
        // A file of which everything is here and that has neither tags, escapes nor targets costs nothing.
        let whole = u64::try_from(hint.head.len()) == Ok(hint.size);
        if named && (!whole || is_worth(hint.head)) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let place = sink.place();
        let name = place
            .inner
            .last()
            .map_or_else(|| place.name(), |step| step.rsplit('/').next().unwrap_or_default());
        let (of_mlflow, of_conda) = (name == "MLmodel", name == CONDA);
        if input.size() > LONGEST {
            // No configuration is that long, and nobody could say what is in it without reading it.
            return Ok(());
        }
        let bytes = input.read_text()?;
        if !of_mlflow && !of_conda && !is_worth(&bytes) {
            return Ok(());
        }
        let Some(text) = decode(&bytes) else { return Ok(()) };
        let mut found = Found { sink, any: false };
        let mut broken = None;
        for text in std::iter::once(&text).chain(&of_version_one(&text)) {
            let stream = match yaml::documents(text) {
                Ok(stream) => stream,
                Err(reason) if suspicious(text) || text.contains(TARGET) => return Err(reason),
                Err(_) => return Ok(()),
            };
            for document in &stream.documents {
                if of_mlflow {
                    found.mlflow(document);
                }
                if of_conda {
                    found.conda(document);
                }
                found.walk(document, "");
            }
            broken = broken.or(stream.broken);
        }
        match broken {
            // Python may read on where we cannot; templates of other tools are broken too, and name no code.
            Some(reason) if found.any || suspicious(&text) => {
                Err(Unread::Malformed(format!("no YAML: {reason}")))
            }
            _ => Ok(()),
        }
    }
}

/// Whether there can be anything of interest: a tag, a target, or an escape that could hide its name.
fn is_worth(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| matches!(byte, b'!' | b'\\' | 0)) || contains(bytes, TARGET.as_bytes())
}

/// Whether a text that is no YAML mentions what only tags of Python need.
fn suspicious(text: &str) -> bool {
    ["!!python", "tag:yaml.org,2002:", "%TAG"].iter().any(|mention| text.contains(mention))
}

/// The text as a loader of YAML 1.1 sees it, if that is another one: lines also end at characters that YAML 1.2 takes
/// for ordinary ones (YAML 1.1, 4.2 *Line break characters*). PyYAML is such a loader.
fn of_version_one(text: &str) -> Option<String> {
    let breaks = ['\u{85}', '\u{2028}', '\u{2029}'];
    text.contains(breaks).then(|| text.replace(breaks, "\n"))
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// UTF-8, or UTF-16 by its mark, which is what PyYAML takes.
fn decode(bytes: &[u8]) -> Option<String> {
    let wide = |from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> =
            bytes.get(2..)?.chunks_exact(2).filter_map(|pair| Some(from(pair.try_into().ok()?))).collect();
        String::from_utf16(&units).ok()
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

struct Found<'sink> {
    sink: &'sink mut Sink,
    any: bool,
}

impl Found<'_> {
    fn effect(&mut self, effect: Effect, node: &Node) {
        if !self.any {
            self.any = true;
            self.sink.observed(What::Format("yaml-config"), None);
        }
        self.sink.observed(What::Effect(effect), node.span());
    }

    fn walk(&mut self, node: &Node, pointer: &str) {
        if self.sink.is_full() {
            return;
        }
        self.tag(node, pointer);
        for (index, inner) in node.list().iter().enumerate() {
            self.walk(inner, &tree::at(pointer, index));
        }
        for (key, value) in node.map() {
            let name = key.text().unwrap_or("?");
            let pointer = tree::below(pointer, name);
            if name == TARGET {
                self.target(node, value, &pointer);
            }
            self.walk(key, &pointer);
            self.walk(value, &pointer);
        }
        if let Some(text) = node.text() {
            self.resolvers(text, node, pointer);
        }
    }

    fn tag(&mut self, node: &Node, pointer: &str) {
        if let Some(kind) = node.tag.strip_prefix(PYTHON) {
            self.python(kind, node, pointer);
        } else if let Some(kind) = node.tag.strip_prefix('!') {
            self.hyper(kind, node, pointer);
        }
    }

    /// A tag of PyYAML's unsafe loader.
    fn python(&mut self, kind: &str, node: &Node, pointer: &str) {
        let (construct, name) = kind.split_once(':').unwrap_or((kind, ""));
        let (kind, construct, arguments) = match construct {
            "name" => (EffectKind::Import, "!!python/name", vec![]),
            "module" => {
                let target = Target::Global(Global { module: name.to_owned(), name: String::new() });
                let effect = Effect::new(EffectKind::Import, target, "!!python/module").at(pointer);
                return self.effect(effect, node);
            }
            "object/apply" => (EffectKind::Call, "!!python/object/apply", arguments(node)),
            "object/new" => (EffectKind::New, "!!python/object/new", arguments(node)),
            "object" => (EffectKind::New, "!!python/object", vec![]),
            // Tuples, numbers and texts of Python.
            _ => return,
        };
        let global = dotted(name);
        let effect = Effect::new(kind, Target::Global(global.clone()), construct).at(pointer);
        self.effect(effect.with(arguments), node);
        let state = match construct {
            "!!python/object" if !node.map().is_empty() => Some(node),
            _ => node.get("state").next(),
        };
        if let Some(state) = state
            && construct != "!!python/name"
        {
            let effect = Effect::new(EffectKind::State, Target::ResultOf(global), construct).at(pointer);
            self.effect(effect.with(vec![state.value(SHOWN)]), state);
        }
    }

    /// A tag of HyperPyYAML, by which SpeechBrain builds its models.
    fn hyper(&mut self, kind: &str, node: &Node, pointer: &str) {
        let Some((construct, name)) = kind.split_once(':') else { return };
        let (kind, construct) = match construct {
            "new" => (EffectKind::Call, "!new"),
            "apply" => (EffectKind::Call, "!apply"),
            "name" => (EffectKind::Import, "!name"),
            "module" => {
                let target = Target::Global(Global { module: name.to_owned(), name: String::new() });
                return self.effect(Effect::new(EffectKind::Import, target, "!module").at(pointer), node);
            }
            "include" => {
                let target = Target::Path(name.to_owned());
                return self.effect(Effect::new(EffectKind::Read, target, "!include").at(pointer), node);
            }
            _ => return,
        };
        if !is_dotted(name) {
            return;
        }
        let effect = Effect::new(kind, Target::Global(dotted(name)), construct).at(pointer);
        self.effect(effect.with(if kind == EffectKind::Call { arguments(node) } else { vec![] }), node);
    }

    /// `_target_: package.module.Class`, called with the names beside it.
    fn target(&mut self, node: &Node, value: &Node, pointer: &str) {
        let Some(name) = value.text() else { return };
        if name.contains("${") {
            // Another value of the configuration says which one.
            return;
        }
        let global = dotted(name);
        // These call nothing: they give what they are told the name of.
        let given = ["get_class", "get_method", "get_object", "get_static_method"];
        if global.module == "hydra.utils" && given.contains(&global.name.as_str()) {
            for path in node.get("path") {
                if let Some(path) = path.text().filter(|path| !path.contains("${")) {
                    let effect =
                        Effect::new(EffectKind::Import, Target::Global(dotted(path)), TARGET).at(pointer);
                    self.effect(effect, value);
                }
            }
            return;
        }
        let plain =
            |name: &str| !matches!(name, TARGET | "_args_" | "_convert_" | "_partial_" | "_recursive_");
        let positional = node.get("_args_").flat_map(Node::list).map(|value| value.value(SHOWN));
        let mut arguments: Vec<Value> = positional.take(8).collect();
        let named = node.map().iter().filter(|(key, _)| key.text().is_some_and(plain));
        let named: Vec<(Value, Value)> =
            named.take(8).map(|(key, value)| (key.value(1), value.value(SHOWN))).collect();
        if !named.is_empty() {
            let count = u64::try_from(named.len()).unwrap_or(u64::MAX);
            arguments.push(Value::Dict(named, count));
        }
        let effect = Effect::new(EffectKind::Call, Target::Global(global), TARGET).at(pointer);
        self.effect(effect.with(arguments), value);
    }

    /// `${eval:…}`: a resolver of OmegaConf that evaluates, where the loading program has registered one.
    fn resolvers(&mut self, text: &str, node: &Node, pointer: &str) {
        for resolver in ["eval", "exec", "python"] {
            if self.any && text.contains(&format!("${{{resolver}:")) {
                let operator =
                    Operator { set: "omegaconf", domain: String::new(), name: resolver.to_owned() };
                let effect =
                    Effect::new(EffectKind::Operate, Target::Operator(operator), "resolver").at(pointer);
                self.effect(effect.with(vec![node.value(1)]), node);
            }
        }
    }

    /// Where an environment takes its packages from, if it says so: the usual index is the installer's default.
    fn conda(&mut self, document: &Node) {
        let dependencies = document.get("dependencies").flat_map(Node::list);
        for line in dependencies.flat_map(|dependency| dependency.get("pip")).flat_map(Node::list) {
            let Some(text) = line.text() else { continue };
            let words: Vec<&str> = text.split([' ', '=']).filter(|word| !word.is_empty()).collect();
            let [option, url, ..] = words.as_slice() else { continue };
            let host = url.strip_prefix("https://").and_then(|rest| rest.split(['/', ':']).next());
            if INDEXES.contains(option) && !host.is_some_and(|host| HOSTS.contains(&host)) {
                let effect = Effect::new(EffectKind::Fetch, Target::Path((*url).to_owned()), "pip");
                self.effect(effect.at("dependencies.pip"), line);
            }
        }
    }

    /// What `mlflow.pyfunc.load_model` runs: a loader by its module, and code that lies in the model.
    fn mlflow(&mut self, document: &Node) {
        let run =
            |file: &str| Target::Code { language: "Python code of the model", beginning: file.to_owned() };
        for (flavor, node) in document.get("flavors").flat_map(|flavors| flavors.map()) {
            let pointer = |key: &str| format!("flavors.{}.{key}", flavor.text().unwrap_or("?"));
            for loader in node.get("loader_module") {
                if let Some(module) = loader.text() {
                    let name = "_load_pyfunc".to_owned();
                    let target = Target::Global(Global { module: module.to_owned(), name });
                    let effect = Effect::new(EffectKind::Call, target, "loader_module");
                    self.effect(effect.at(pointer("loader_module")), loader);
                }
            }
            for key in ["code", "model_code_path"] {
                for path in node.get(key) {
                    if let Some(text) = path.text().filter(|text| !matches!(*text, "" | "null" | "~")) {
                        let construct = if key == "code" { "code" } else { "model_code_path" };
                        let effect = Effect::new(EffectKind::Run, run(text), construct);
                        self.effect(effect.at(pointer(key)), path);
                    }
                }
            }
        }
    }
}

/// The arguments that a tag gives to what it calls: the list, or what stands under `args` and `kwds`.
fn arguments(node: &Node) -> Vec<Value> {
    match &node.tree {
        Tree::List(nodes) => nodes.iter().take(8).map(|node| node.value(SHOWN)).collect(),
        Tree::Map(_) => {
            let listed = node.get("args").flat_map(Node::list).map(|node| node.value(SHOWN));
            listed.take(8).chain(node.get("kwds").map(|node| node.value(SHOWN))).collect()
        }
        Tree::Text(_) | Tree::Plain(_) | Tree::Alias => Vec::new(),
    }
}

/// Whether this can be the name of something in a Python module.
fn is_dotted(name: &str) -> bool {
    name.split('.').all(|part| {
        let mut characters = part.chars();
        characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
            && characters.all(|next| next.is_alphanumeric() || next == '_')
    })
}

/// The module and the name in it. Where classes lie inside of classes, the module ends before the first capital.
fn dotted(name: &str) -> Global {
    let name = name.trim();
    let Some((module, last)) = name.rsplit_once('.') else {
        return Global { module: "builtins".to_owned(), name: name.to_owned() };
    };
    if let Some((outer, class)) = module.rsplit_once('.')
        && class.starts_with(|first: char| first.is_uppercase())
    {
        return Global { module: outer.to_owned(), name: format!("{class}.{last}") };
    }
    Global { module: module.to_owned(), name: last.to_owned() }
}
