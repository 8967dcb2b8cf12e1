//! Programs of PaddlePaddle 3: the intermediate representation in JSON. Names of dialects are numbers there.
//!
//! Source: `paddle/fluid/pir/serialize_deserialize/include/schema.h` of PaddlePaddle.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Target, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use crate::bytes::offset;
use crate::model::operators::Operators;
use crate::protobuf::empty;
use crate::tree::{self, Node, Tree};

/// Reads programs in JSON.
pub struct PaddleJson;

/// How every program begins.
const BEGINNING: &[u8] = b"{\"base_code\":{\"magic\":\"pir\"";
/// What dialects are called in names of operators, by their number.
const DIALECTS: [&str; 5] = ["builtin", "pd_op", "cf", "custom_op", "dist_op"];

impl Reader for PaddleJson {
    fn about(&self) -> &'static About {
        &About {
            id: "paddle-json",
            title: "PaddlePaddle programs in JSON",
            family: Family::Model,
            names: &["inference.json"],
            reads: "Every operator of every block.",
        }
    }

    /// By name, although it is the content that says so: nobody is deceived by a program that is called `.json`.
    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if hint.head.starts_with(BEGINNING) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("paddle-json"), None);
        let root = tree::json(&input.read_text()?)?.ok_or_else(|| empty("PaddlePaddle program"))?;
        let mut operators = Operators::new("paddle", "#", input.limits());
        for program in root.get("program") {
            walk(program, "program", &mut operators, sink);
        }
        operators.tell(sink);
        Ok(())
    }
}

/// Walks everything below a node: regions in blocks in operators; the tree is bounded in depth.
fn walk(node: &Node, pointer: &str, operators: &mut Operators, sink: &mut Sink) {
    match &node.tree {
        Tree::List(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                walk(node, &tree::at(pointer, index), operators, sink);
            }
        }
        Tree::Map(items) => {
            for (key, value) in items {
                let Some(name) = key.text() else { continue };
                let below = tree::below(pointer, name);
                if name == "ops" {
                    for (index, operator) in value.list().iter().enumerate() {
                        take(operator, &tree::at(&below, index), operators, sink);
                    }
                }
                walk(value, &below, operators, sink);
            }
        }
        _ => {}
    }
}

/// Takes in an operator.
fn take(operator: &Node, pointer: &str, operators: &mut Operators, sink: &mut Sink) {
    for name in operator.get("#").filter_map(Node::text) {
        // A parameter has a short name of its own.
        let (dialect, name) =
            if name == "p" { ("0", "parameter") } else { name.split_once('.').unwrap_or(("", name)) };
        let known = dialect.parse::<usize>().ok().and_then(|number| DIALECTS.get(number)).copied();
        operators.add(known.unwrap_or(dialect), name, &pointer, offset(0));
        for attribute in operator.get("A").flat_map(Node::list) {
            let file = attribute.get("N").any(|key| key.text() == Some("file_path"));
            let values = attribute.get("AT").flat_map(|value| value.get("D"));
            for path in values.filter_map(Node::text).filter(|_| file) {
                let kind = if name.starts_with("save") { EffectKind::Write } else { EffectKind::Read };
                let effect = Effect::new(kind, Target::Path(path.to_owned()), "file_path").at(pointer);
                sink.observed(What::Effect(effect), operator.span());
            }
        }
    }
}
