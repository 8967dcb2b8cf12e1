//! skops: a zip archive with `schema.json`, a tree of nodes of which each names a module, a class, and the loader that
//! makes an object of it.
//!
//! What a loader does with the two names differs from node to node, and so does what skops itself has asked its user to
//! trust in the past: up to 0.11 it showed the names of the node where it called something else (CVE-2025-54412,
//! CVE-2025-54413, CVE-2025-54886). So every effect here is what is done, not what the node calls itself.
//!
//! Source: `skops/io/_general.py`, `_numpy.py`, `_sklearn.py`, `_scipy.py` and `old/` of skops 0.16 (protocols 0 to 2), and
//! the differences to 0.10.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Target, Value, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use crate::bytes::offset;
use crate::fault::Faults;
use crate::json::{self, Node};
use crate::model::keras::json::decode;
use crate::tally::{Tally, global, text};

/// Reads the schema of a skops model.
pub struct Skops;

/// The name of the schema in its archive.
const SCHEMA: &str = "schema.json";
/// What every node has.
const LOADER: &str = "__loader__";
/// Elements of arguments that are kept.
const KEPT: usize = 8;

/// Builtins that the loaders of containers make, and nothing else.
const CONTAINERS: [&str; 5] = ["dict", "frozenset", "list", "set", "tuple"];

impl Reader for Skops {
    fn about(&self) -> &'static About {
        &About {
            id: "skops",
            title: "skops",
            family: Family::Model,
            names: &[SCHEMA, "*.skops"],
            reads: "Every node of the schema: what its loader imports, makes and calls. The archive and its arrays are read \
                    by their own readers.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        // A model is only what lies in an archive; what else is called so shows by its content that it is none.
        if hint.name() != SCHEMA {
            Claim::No
        } else if contains(hint.head, b"\"__loader__\"")
            && hint.head.trim_ascii_start().first() == Some(&b'{')
        {
            Claim::ByMagic
        } else {
            Claim::ByName
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        if is_wide(input)? {
            // `json.loads` finds out the encoding of bytes by where their zeros stand.
            let text = decode(&input.read_text()?)?.into_owned();
            let body = Body::Bytes(text.into_bytes());
            sink.child(Child { step: "#utf-8".into(), body, reader: Some("skops") });
            return Ok(());
        }
        // Many programs call a file so.
        let whole = match json::tree(input) {
            Ok(whole) if whole.get(LOADER).is_some() => whole,
            Ok(_) | Err(Unread::Malformed(_) | Unread::Truncated { .. }) if !is_node(input)? => return Ok(()),
            Ok(_) => return Ok(()),
            Err(reason) => return Err(reason),
        };
        sink.observed(What::Format("skops"), None);
        let mut walk = Walk { tally: Tally::default(), faults: Faults::new("nodes"), trail: Vec::new() };
        walk.all(&whole, input, sink)?;
        walk.tally.tell(sink);
        walk.faults.finish(sink);
        Ok(())
    }
}

/// Whether the bytes are a text in UTF-16 or UTF-32: of JSON in UTF-8 none of the first is zero.
fn is_wide(input: &Input) -> Result<bool, Unread> {
    let mut head = [0; 4];
    let filled = input.read_some(0, &mut head)?;
    let head = head.get(..filled).unwrap_or_default();
    Ok(head.contains(&0) || matches!(head, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]))
}

/// Whether something that is no JSON speaks of nodes.
fn is_node(input: &Input) -> Result<bool, Unread> {
    let mut head = [0; 4096];
    let filled = input.read_some(0, &mut head)?;
    Ok(contains(head.get(..filled).unwrap_or_default(), b"\"__loader__\""))
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Where a value stands: the number of what is around it, and its name or number there.
enum Step<'node> {
    Name(usize, &'node str),
    Index(usize, usize),
}

struct Walk<'node> {
    tally: Tally,
    faults: Faults,
    trail: Vec<Step<'node>>,
}

impl<'node> Walk<'node> {
    /// Goes over everything with a stack of its own.
    fn all(&mut self, whole: &'node Node, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut stack = vec![(whole, None, false)];
        while let Some((node, step, keys)) = stack.pop() {
            input.go_on()?;
            let place: usize = match step {
                None => 0,
                Some(step) => {
                    self.trail.push(step);
                    self.trail.len()
                }
            };
            match &node.value {
                json::Value::Object(items) => {
                    self.node(node, place, keys, sink);
                    for (name, item) in items.iter().rev() {
                        let types = keys || name == "key_types";
                        stack.push((item, Some(Step::Name(place, name)), types));
                    }
                }
                json::Value::List(items) => {
                    for (index, item) in items.iter().enumerate().rev() {
                        stack.push((item, Some(Step::Index(place, index)), keys));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// One object of the schema, if it is a node. `keys`: it is one of the types that keys are converted by.
    fn node(&mut self, node: &Node, place: usize, keys: bool, sink: &mut Sink) {
        for name in [LOADER, "__class__", "__module__"] {
            if node.all(name).nth(1).is_some() {
                self.faults.tell(sink, "name something twice", node.at, || {
                    format!("the node at byte {} has `{name}` twice: loaders differ in which counts", node.at)
                });
            }
        }
        for loader in node.all(LOADER).filter_map(Node::text) {
            for (module, class) in names(node) {
                self.load(node, place, (loader, module, class), keys, sink);
            }
        }
    }

    fn load(
        &mut self,
        node: &Node,
        place: usize,
        (loader, module, class): (&str, &str, &str),
        keys: bool,
        sink: &mut Sink,
    ) {
        let named = || Target::Global(global(module, class));
        let content = node.get("content");
        match loader {
            "JsonNode"
            | "SliceNode"
            | "BytesNode"
            | "BytearrayNode"
            | "DTypeNode"
            | "MaskedArrayNode"
            | "DefaultDictNode"
            | "SparseMatrixNode"
            | "CachedNode"
            | "_DictWithDeprecatedKeysNode" => {}
            "DictNode" | "ListNode" | "SetNode" | "TupleNode" => {
                if module != "builtins" || !CONTAINERS.contains(&class) {
                    let arguments = match loader {
                        "DictNode" => Vec::new(),
                        "TupleNode" => arguments(content),
                        _ => vec![sequence(content)],
                    };
                    self.effect(EffectKind::Call, named(), "Node", arguments, node, place);
                }
            }
            "FunctionNode" => {
                // Protocol 0 names the function by its content, and shows the user the names of the node.
                let within = |name| content.and_then(|content| content.get(name)).and_then(Node::text);
                if let (Some(module), Some(name)) = (within("module_path"), within("function")) {
                    let target = Target::Global(global(module, name));
                    self.effect(EffectKind::Import, target, "FunctionNode", Vec::new(), node, place);
                }
                self.effect(EffectKind::Import, named(), "FunctionNode", Vec::new(), node, place);
            }
            // What keys are converted by is called on every key.
            "TypeNode" if keys => {
                self.effect(EffectKind::Call, named(), "TypeNode", vec![Value::Unknown], node, place)
            }
            "TypeNode" => self.effect(EffectKind::Import, named(), "TypeNode", Vec::new(), node, place),
            "ObjectNode" => {
                self.effect(EffectKind::New, named(), "ObjectNode", Vec::new(), node, place);
                if let Some(state) = content {
                    let target = Target::ResultOf(global(module, class));
                    let state = vec![attributes(state)];
                    self.effect(EffectKind::State, target, "ObjectNode", state, node, place);
                }
            }
            "ConstructorFromReduceNode" => {
                let arguments = arguments(content);
                self.effect(EffectKind::Call, named(), "ConstructorFromReduceNode", arguments, node, place);
            }
            "LossNode" | "TreeNode" | "QuantileForestNode" => {
                // Only the first makes what it names, the others what they are for.
                let (module, class) = match loader {
                    "LossNode" => (module, class),
                    "TreeNode" => ("sklearn.tree._tree", "Tree"),
                    _ => ("quantile_forest._quantile_forest_fast", "QuantileForest"),
                };
                let reduced = node.get("__reduce__").and_then(|reduce| reduce.get("args"));
                let arguments =
                    reduced.map(|node| arguments(node.get("content").map(|_| node))).unwrap_or_default();
                let target = Target::Global(global(module, class));
                self.effect(EffectKind::Call, target, "ReduceNode", arguments, node, place);
                if let Some(state) = content {
                    let target = Target::ResultOf(global(module, class));
                    let state = vec![attributes(state)];
                    self.effect(EffectKind::State, target, "ReduceNode", state, node, place);
                }
            }
            "NdArrayNode" => {
                if (module, class) != ("numpy", "ndarray") {
                    self.effect(EffectKind::Call, named(), "NdArrayNode", vec![Value::Unknown], node, place);
                }
            }
            "RandomStateNode" => {
                self.effect(EffectKind::Call, named(), "RandomStateNode", Vec::new(), node, place)
            }
            "RandomGeneratorNode" => {
                self.effect(
                    EffectKind::Call,
                    named(),
                    "RandomGeneratorNode",
                    vec![Value::Unknown],
                    node,
                    place,
                );
                // The name of the generator is a text inside a text, and is called.
                let state = content.and_then(|content| content.get("bit_generator")?.get("content"));
                let named = state.and_then(|state| state.get("bit_generator")?.get("content")?.text());
                let name = named.unwrap_or_default().trim_matches('"');
                let target = Target::Global(global("numpy.random", name));
                self.effect(
                    EffectKind::Call,
                    target,
                    "RandomGeneratorNode",
                    vec![Value::Unknown],
                    node,
                    place,
                );
            }
            "MethodNode" => {
                let object = content.and_then(|content| content.get("obj"));
                let method =
                    content.and_then(|content| content.get("func")).and_then(Node::text).unwrap_or_default();
                for (module, class) in object.map(names).unwrap_or_else(|| vec![(module, class)]) {
                    let target = Target::Global(global(module, &format!("{class}.{method}")));
                    self.effect(EffectKind::Import, target, "MethodNode", Vec::new(), node, place);
                }
            }
            "PartialNode" => {
                let target = Target::Global(global("functools", "partial"));
                let function = content.and_then(|content| content.get("func")).map_or(Value::Unknown, value);
                self.effect(EffectKind::Call, target, "PartialNode", vec![function], node, place);
            }
            "OperatorFuncNode" => {
                // Whatever module the node names, the function is of `operator`.
                let target = Target::Global(global("operator", class));
                let arguments = arguments(node.get("attrs"));
                self.effect(EffectKind::Call, target, "OperatorFuncNode", arguments, node, place);
            }
            unknown => {
                if self.faults.count("are of a kind that is not known") {
                    let reason = format!("node `{}` of skops", unknown.chars().take(80).collect::<String>());
                    sink.unread(Unread::Unsupported(reason), Some(Span::Offset(node.at)));
                }
            }
        }
    }

    fn effect(
        &mut self,
        kind: EffectKind,
        target: Target,
        construct: &'static str,
        arguments: Vec<Value>,
        node: &Node,
        place: usize,
    ) {
        let effect = Effect::new(kind, target, construct).with(arguments).at(self.pointer(place));
        self.tally.add(effect, node.at);
    }

    /// The place as people write it.
    fn pointer(&self, mut place: usize) -> String {
        let mut steps = Vec::new();
        while let Some(step) = place.checked_sub(1).and_then(|index| self.trail.get(index)) {
            place = match step {
                Step::Name(outer, name) => {
                    steps.push(format!(".{}", name.chars().take(60).collect::<String>()));
                    *outer
                }
                Step::Index(outer, index) => {
                    steps.push(format!("[{index}]"));
                    *outer
                }
            };
        }
        steps.reverse();
        steps.concat().trim_start_matches('.').to_owned()
    }
}

/// Modules and classes that a node names: more than one when a name stands there twice.
fn names(node: &Node) -> Vec<(&str, &str)> {
    let mut names = Vec::new();
    for module in node.all("__module__").map(|node| node.text().unwrap_or_default()).take(4) {
        for class in node.all("__class__").map(|node| node.text().unwrap_or_default()).take(4) {
            names.push((module, class));
        }
    }
    names
}

/// The arguments that a node for a tuple stands for.
fn arguments(node: Option<&Node>) -> Vec<Value> {
    match node.map(|node| (node.list(), node.get("content").and_then(Node::list))) {
        Some((Some(items), _) | (None, Some(items))) => items.iter().take(KEPT).map(value).collect(),
        Some(_) => vec![Value::Unknown],
        None => Vec::new(),
    }
}

fn sequence(node: Option<&Node>) -> Value {
    let items = node.and_then(Node::list).unwrap_or_default();
    Value::List(items.iter().take(KEPT).map(value).collect(), offset(items.len()))
}

/// What a node becomes, as far as it can be told.
fn value(node: &Node) -> Value {
    let (Some(loader), Some((module, class))) =
        (node.get(LOADER).and_then(Node::text), names(node).into_iter().next())
    else {
        return Value::Unknown;
    };
    match loader {
        "JsonNode" => match node.get("content").and_then(Node::text) {
            Some("null") => Value::None,
            Some("true") => Value::Bool(true),
            Some("false") => Value::Bool(false),
            Some(quoted) if quoted.starts_with('"') => text(quoted.trim_matches('"')),
            Some(number) if number.parse::<i64>().is_ok() => Value::Int(number.to_owned()),
            Some(number) if number.parse::<f64>().is_ok() => Value::Float(number.chars().take(40).collect()),
            _ => Value::Unknown,
        },
        "FunctionNode" | "TypeNode" => Value::Global(global(module, class)),
        "MethodNode" | "OperatorFuncNode" => Value::Unknown,
        "PartialNode" => Value::ResultOf(global("functools", "partial")),
        _ => Value::ResultOf(global(module, class)),
    }
}

/// The state of an object: of attributes that are data only their number is kept.
fn attributes(state: &Node) -> Value {
    let Some(content) = state.get("content") else { return Value::None };
    let json::Value::Object(items) = &content.value else {
        // A tuple is state of a class's own making.
        return Value::Tuple(Vec::new(), 0);
    };
    let telling = items.iter().filter(|(name, node)| {
        let code = matches!(value(node), Value::Global(_) | Value::Unknown);
        name.starts_with("__") || code
    });
    let kept = telling.take(KEPT.saturating_mul(4)).map(|(name, node)| (text(name), value(node)));
    Value::Dict(kept.collect(), offset(items.len()))
}
