//! Walks the objects of a configuration and says what each of them makes the loader do.

use std::collections::BTreeMap;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Effect, EffectKind, Global, Operator, Target, Value, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::sink::{Body, Child, Sink};

use super::base64;
use super::json::{Json, Object};
use crate::bytes::{length, offset};
use crate::model::marshal;

/// Names under one key that are looked at: a key that stands twice is rare, one that stands often an attack.
const MOST_NAMES: usize = 8;
/// How much of a place in the tree is kept.
const LONGEST_POINTER: usize = 400;
/// How much of a name is kept.
const LONGEST_NAME: usize = 400;
/// Effects of different kinds that are kept; a model has some dozens.
const MOST_EFFECTS: usize = 10_000;
/// Layers with a vocabulary, which may be the path of a file (`keras/src/layers/preprocessing/index_lookup.py`).
const LOOKUPS: [&str; 5] =
    ["IndexLookup", "IntegerLookup", "StringLookup", "StringVectorizer", "TextVectorization"];
/// Keys of `Lambda` under which there may be a function.
const FUNCTIONS: [&str; 3] = ["function", "output_shape", "mask"];

/// Says what the objects in `value` do.
pub(super) fn walk(value: &Json, input: &Input, sink: &mut Sink) {
    let mut walk = Walk {
        path: Vec::new(),
        layers: Vec::new(),
        found: BTreeMap::new(),
        modules: Vec::new(),
        full: false,
    };
    walk.value(value);
    for ((kind, target, construct), seen) in walk.found {
        let arguments = if kind == EffectKind::Call { vec![Value::Unknown] } else { Vec::new() };
        let effect = Effect::new(kind, target, construct).at(seen.pointer).with(arguments);
        let effect = Effect { count: seen.count, ..effect };
        sink.observed(What::Effect(effect), Some(Span::Offset(seen.start.min(input.size()))));
    }
    if walk.full {
        sink.unread(Unread::Limit(LimitKind::Facts, offset(MOST_EFFECTS)), None);
    }
    for (pointer, bytes) in walk.modules {
        // `torch.load` takes an archive, else it unpickles whatever is there.
        let archive = bytes.starts_with(b"PK");
        let reader = if archive { None } else { Some("pickle") };
        sink.child(Child { step: pointer.into(), body: Body::Bytes(bytes), reader });
    }
}

/// A step down the tree.
enum Step<'a> {
    Key(&'a str),
    Item(usize),
}

/// Where an effect was seen first, and how often.
struct Seen {
    pointer: String,
    start: u64,
    count: u64,
}

struct Walk<'a> {
    path: Vec<Step<'a>>,
    /// Names of the layers around.
    layers: Vec<&'a str>,
    found: BTreeMap<(EffectKind, Target, &'static str), Seen>,
    /// What was packed as text and is to be unpickled.
    modules: Vec<(String, Vec<u8>)>,
    /// More effects occur than are kept.
    full: bool,
}

impl<'a> Walk<'a> {
    fn value(&mut self, value: &'a Json) {
        match value {
            Json::Scalar | Json::Text(_) => {}
            Json::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.path.push(Step::Item(index));
                    self.value(item);
                    self.path.pop();
                }
            }
            Json::Object(object) => {
                let layer = object.objects("config").flat_map(|config| config.texts("name")).next();
                self.layers.extend(layer);
                self.object(object);
                for (key, value) in &object.items {
                    self.path.push(Step::Key(key));
                    self.value(value);
                    self.path.pop();
                }
                if layer.is_some() {
                    self.layers.pop();
                }
            }
        }
    }

    /// An object that names a class or function. Where a key stands twice, every name counts.
    fn object(&mut self, object: &'a Object) {
        for class in object.texts("class_name").take(MOST_NAMES) {
            match class {
                "function" => self.functions(object),
                "__lambda__" => {
                    for config in object.objects("config") {
                        let codes = ["code", "value"].into_iter().flat_map(|key| config.all(key));
                        let codes: Vec<&Json> = codes.collect();
                        for code in &codes {
                            self.code(code, object);
                        }
                        if codes.is_empty() {
                            self.operator("", "__lambda__", object);
                        }
                    }
                }
                "__typespec__" => {
                    for name in object.texts("spec_name").take(MOST_NAMES) {
                        self.each_module(object, |walk, module| match module {
                            Some(module) if package(module) == "tensorflow" => {
                                walk.operator("tensorflow", name, object);
                            }
                            _ => walk.class(module, name, object),
                        });
                    }
                }
                _ => {
                    // In the metadata of a SavedModel a class that is not known is made of the graph instead.
                    if object.has("must_restore_from_config") {
                        self.operator("saved_model", class, object);
                    } else {
                        self.each_module(object, |walk, module| walk.class(module, class, object));
                    }
                    self.contents(class, object);
                }
            }
        }
    }

    fn functions(&mut self, object: &'a Object) {
        for name in object.texts("config").take(MOST_NAMES) {
            self.each_module(object, |walk, module| match module.map(Module::of) {
                // A function that the loader finds among its own by name, or that the program has registered.
                None | Some(Module::Builtins) => walk.operator("builtins", name, object),
                Some(Module::Keras(domain)) => walk.operator(&domain, name, object),
                Some(Module::Foreign(module)) => {
                    let target = Target::Global(Global { module: cut(module), name: cut(name) });
                    walk.add(EffectKind::Call, target, "function", object);
                }
            });
        }
    }

    fn class(&mut self, module: Option<&str>, class: &str, object: &Object) {
        let registered: Vec<&str> =
            object.texts("registered_name").filter(|name| name.contains('>')).take(MOST_NAMES).collect();
        match module.map(Module::of) {
            Some(Module::Foreign(module)) => {
                let target = Target::Global(Global { module: cut(module), name: cut(class) });
                return self.add(EffectKind::Import, target, "class", object);
            }
            Some(Module::Keras(domain)) => self.operator(&domain, class, object),
            Some(Module::Builtins) => self.operator("builtins", class, object),
            None if registered.is_empty() => self.operator("", class, object),
            None => {}
        }
        // What the program has registered under this name goes before everything else.
        for name in registered {
            self.operator("", name, object);
        }
    }

    fn each_module(&mut self, object: &'a Object, mut act: impl FnMut(&mut Self, Option<&'a str>)) {
        let modules: Vec<&str> = object.texts("module").take(MOST_NAMES).collect();
        if modules.is_empty() {
            act(self, None);
        }
        // A module that is null once and named once is both.
        let nulls = object.all("module").any(|module| matches!(module, Json::Scalar));
        if nulls && !modules.is_empty() {
            act(self, None);
        }
        for module in modules {
            act(self, Some(module));
        }
    }

    /// What a class does with its configuration beside being made.
    fn contents(&mut self, class: &str, object: &'a Object) {
        let name = class.rsplit('>').next().unwrap_or_default();
        for config in object.objects("config") {
            match name {
                "Lambda" => self.lambda(config, object),
                "TorchModuleWrapper" => self.torch_module(config),
                "TFSMLayer" => self.paths(config, "filepath", object),
                "TFOpLambda" | "SlicingOpLambda" => {
                    for function in config.texts("function").take(MOST_NAMES) {
                        self.tensorflow(function, object);
                    }
                }
                "ClassMethod" => {
                    for class in config.texts("cls_symbol").take(MOST_NAMES) {
                        for method in config.texts("method_name").take(MOST_NAMES) {
                            self.tensorflow(&format!("{class}.{method}"), object);
                        }
                    }
                }
                "TensorFlowOpLayer" => self.node(config, object),
                lookup if LOOKUPS.contains(&lookup) => self.paths(config, "vocabulary", object),
                _ => {}
            }
        }
    }

    /// The function of a `Lambda` layer: carried, or named by the program or by Keras.
    fn lambda(&mut self, config: &'a Object, object: &Object) {
        let mut understood = false;
        for key in FUNCTIONS {
            let kind = |wanted: &str| config.texts(&format!("{key}_type")).any(|kind| kind == wanted);
            for value in config.all(key) {
                let is_function = key == "function";
                match value {
                    // An object of its own, which the walk comes to.
                    Json::Object(function) => {
                        understood |= is_function && function.texts("class_name").next().is_some();
                    }
                    Json::List(parts) if matches!(parts.first(), Some(Json::Text(_))) => {
                        understood |= is_function;
                        self.code(value, object);
                    }
                    Json::Text(text) if kind("lambda") || (is_function && is_code(text)) => {
                        understood |= is_function;
                        self.code(value, object);
                    }
                    // The name of a function that the program brings along, or of one of its module.
                    Json::Text(name) if is_function || kind("function") => {
                        understood |= is_function;
                        let modules: Vec<&str> =
                            ["module", "function_module"].iter().flat_map(|key| config.texts(key)).collect();
                        let modules = if modules.is_empty() { vec!["__main__"] } else { modules };
                        for module in modules.into_iter().take(MOST_NAMES) {
                            let target = Target::Global(Global { module: cut(module), name: cut(name) });
                            self.add(EffectKind::Call, target, "Lambda", object);
                        }
                    }
                    _ => {}
                }
            }
        }
        if !understood {
            self.operator("Lambda", "unknown function", object);
        }
    }

    /// Code as `func_dump` writes it: marshalled, as base64, alone or before defaults and closure.
    fn code(&mut self, value: &Json, object: &Object) {
        let text = match value {
            Json::Text(text) => text.as_str(),
            Json::List(parts) => match parts.first() {
                Some(Json::Text(text)) => text.as_str(),
                _ => "",
            },
            _ => "",
        };
        let described = marshal::describe(&base64::decode(text)).filter(|described| described.codes > 0);
        // Keras 1 wrote the bytes themselves, one character each.
        let described = described.or_else(|| marshal::describe(&raw_bytes(text)));
        let beginning = described.map(|described| described.summary()).unwrap_or_default();
        let target = Target::Code { language: marshal::LANGUAGE, beginning };
        self.add(EffectKind::Run, target, "Lambda", object);
    }

    fn torch_module(&mut self, config: &'a Object) {
        for value in config.all("module") {
            let bytes = match value {
                Json::Text(text) => base64::decode(text),
                // The first versions wrote the bytes as an object of their own.
                Json::Object(object) => object
                    .objects("config")
                    .flat_map(|config| config.texts("value"))
                    .flat_map(raw_bytes)
                    .collect(),
                _ => continue,
            };
            if !bytes.is_empty() {
                let step = format!("{}.config.module", self.pointer());
                self.modules.push((step, bytes));
            }
        }
    }

    fn paths(&mut self, config: &'a Object, key: &'a str, object: &Object) {
        let construct = if key == "vocabulary" { "Keras vocabulary" } else { "Keras filepath" };
        for path in config.texts(key).take(MOST_NAMES) {
            self.add(EffectKind::Read, Target::Path(cut(path)), construct, object);
        }
    }

    /// A symbol of TensorFlow, such as `math.add`.
    fn tensorflow(&mut self, symbol: &str, object: &Object) {
        let symbol = symbol.strip_prefix("tf.").unwrap_or(symbol);
        match symbol.rsplit_once('.') {
            Some((module, name)) => self.operator(&format!("tf.{module}"), name, object),
            None => self.operator("tf", symbol, object),
        }
    }

    /// The operation of a `TensorFlowOpLayer`: a NodeDef as JSON, or as a text of JSON.
    fn node(&mut self, config: &'a Object, object: &Object) {
        let mut operations: Vec<String> = Vec::new();
        for node in config.all("node_def") {
            match node {
                Json::Object(node) => operations.extend(node.texts("op").map(str::to_owned)),
                Json::Text(text) => {
                    if let Json::Object(node) = super::json::parse(text).value {
                        operations.extend(node.texts("op").map(str::to_owned));
                    }
                }
                _ => {}
            }
        }
        if operations.is_empty() {
            self.operator("", "TensorFlowOpLayer without an operation", object);
        }
        for name in operations.into_iter().take(MOST_NAMES) {
            let operator = Operator { set: "tensorflow", domain: String::new(), name: cut(&name) };
            self.add(EffectKind::Operate, Target::Operator(operator), "TensorFlowOpLayer", object);
        }
    }

    fn operator(&mut self, domain: &str, name: &str, object: &Object) {
        let operator = Operator { set: "keras", domain: cut(domain), name: cut(name) };
        self.add(EffectKind::Operate, Target::Operator(operator), "object", object);
    }

    fn add(&mut self, kind: EffectKind, target: Target, construct: &'static str, object: &Object) {
        let key = (kind, target, construct);
        if let Some(seen) = self.found.get_mut(&key) {
            seen.count = seen.count.saturating_add(1);
            return;
        }
        if self.found.len() >= MOST_EFFECTS {
            self.full = true;
            return;
        }
        let mut pointer = self.pointer();
        // People know a layer by its name and not by its number.
        if let Some(layer) = self.layers.last().filter(|_| kind != EffectKind::Operate) {
            let space = if pointer.is_empty() { "" } else { " " };
            pointer.push_str(&format!("{space}of `{}`", cut(layer)));
        }
        let seen = Seen { pointer, start: object.start, count: 1 };
        self.found.insert(key, seen);
    }

    /// The place in the tree, such as `config.layers[2]`.
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.path {
            if pointer.len() > LONGEST_POINTER {
                pointer.push('…');
                break;
            }
            match step {
                Step::Key(key) => {
                    if !pointer.is_empty() {
                        pointer.push('.');
                    }
                    pointer.push_str(&cut(key));
                }
                Step::Item(index) => pointer.push_str(&format!("[{index}]")),
            }
        }
        pointer
    }
}

/// What a module is for the loader.
enum Module<'a> {
    /// The functions that Keras knows by name alone.
    Builtins,
    /// A part of Keras, by the names of its first two steps: where below it an object is defined moves with versions.
    Keras(String),
    /// Code of somebody else.
    Foreign(&'a str),
}

impl<'a> Module<'a> {
    fn of(module: &'a str) -> Self {
        if module == "builtins" {
            return Self::Builtins;
        }
        let inner =
            ["tensorflow.python.keras", "tensorflow.keras", "tf_keras", "keras"].into_iter().find_map(
                |root| module.strip_prefix(root).filter(|rest| rest.is_empty() || rest.starts_with('.')),
            );
        let Some(inner) = inner else { return Self::Foreign(module) };
        let part = inner
            .split('.')
            .find(|part| !matches!(*part, "" | "src" | "api" | "_v1" | "_v2" | "keras" | "_tf_keras"));
        match part {
            // A module name is of letters; anything else is nothing of Keras.
            Some(part) if part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
                Self::Keras(format!("keras.{part}"))
            }
            Some(_) => Self::Foreign(module),
            None => Self::Keras("keras".to_owned()),
        }
    }
}

fn package(module: &str) -> &str {
    module.split('.').next().unwrap_or_default()
}

/// Whether a text is marshalled code and not a name: no name has what base64 of a code object begins with, or a NUL.
fn is_code(text: &str) -> bool {
    let encoded =
        text.len() > 32 && marshal::describe(&base64::decode(text)).is_some_and(|found| found.codes > 0);
    encoded || text.contains('\0')
}

/// Characters as bytes, as Python's `raw_unicode_escape` writes those below 256.
fn raw_bytes(text: &str) -> Vec<u8> {
    text.chars()
        .map_while(|character| u8::try_from(character).ok())
        .take(length(marshal::MOST_BYTES))
        .collect()
}

/// A name, not longer than can be told.
fn cut(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}
