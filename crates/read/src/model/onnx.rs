//! ONNX models: a graph of operators in protocol buffers, with tensors inside or in files beside it.
//!
//! The whole structure is walked: graphs in attributes, functions, sparse tensors, training. What a runtime does with a
//! model is told as effects: the operators that it applies, the files that it opens for tensors, and sizes that make it
//! compute with wrapped numbers.
//!
//! Source: `onnx/onnx-ml.proto`, `docs/IR.md` and `docs/ExternalData.md` of the ONNX project.

mod schema;
mod tensor;

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Global, Target, Tensors, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::operators::Operators;
use crate::protobuf::{Label, Part, Wire, empty, fit, span};

/// Reads ONNX models.
pub struct Onnx;

/// Stands at byte 4 of a model in the format of ONNX Runtime, a FlatBuffer.
const RUNTIME_FORMAT: &[u8] = b"ORTM";

impl Reader for Onnx {
    fn about(&self) -> &'static About {
        &About {
            id: "onnx",
            title: "ONNX",
            family: Family::Model,
            names: &["*.onnx", "*.ort"],
            reads: "Every node of every graph and function with its operator domain, every tensor with its type and \
                    size, the files in which tensors lie. The format of ONNX Runtime (`.ort`) is told as not read.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let runtime = hint.head.get(4..8) == Some(RUNTIME_FORMAT);
        if runtime || is_model(hint.head, hint.size) {
            Claim::ByMagic
        } else if hint.size > 0 && (hint.has_extension("onnx") || hint.has_extension("ort")) {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut head = [0; 32];
        let filled = input.read_some(0, &mut head)?;
        let head = head.get(..filled).unwrap_or_default();
        sink.observed(What::Format("onnx"), None);
        if head.get(4..8) == Some(RUNTIME_FORMAT) {
            return Err(Unread::Unsupported("the format of ONNX Runtime (`.ort`)".to_owned()));
        }
        if head.starts_with(b"<") || head.starts_with(b"ir_version") || head.starts_with(b"{") {
            return Err(Unread::Unsupported("an ONNX model in text form".to_owned()));
        }
        let mut walk = Walk {
            wire: Wire::new(input, ""),
            operators: Operators::new("onnx", "op_type", input.limits()),
            functions: BTreeSet::new(),
            tensors: Tensors::default(),
            files: BTreeMap::new(),
            sink,
        };
        let ended = walk.model();
        walk.finish();
        ended
    }
}

/// Whether these can be the first bytes of a model: the version first, as every writer has it, or a graph that holds
/// enough to tell it from chance.
fn is_model(head: &[u8], size: u64) -> bool {
    let Some(fit) = fit(&schema::MODEL, head, size) else { return false };
    let version = fit.has("ir_version") && head.first() == Some(&0x08);
    if fit.has("graph") || fit.has("functions") {
        return fit.fields >= if version { 4 } else { 8 };
    }
    // A long text before the graph may fill the head.
    version && (fit.has("doc_string") || (fit.has("producer_name") && fit.fields >= 4))
}

struct Walk<'input, 'sink> {
    wire: Wire<'input>,
    sink: &'sink mut Sink,
    operators: Operators,
    /// Domain and name of the model's own functions.
    functions: BTreeSet<(String, String)>,
    tensors: Tensors,
    /// Files in which tensors lie.
    files: BTreeMap<String, tensor::Beside>,
}

impl Walk<'_, '_> {
    fn model(&mut self) -> Result<(), Unread> {
        let mut fields = self.wire.whole().fields(&schema::MODEL);
        let (mut any, mut functions, mut trainings) = (false, 0u64, 0u64);
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            match field.name {
                "graph" => {
                    any = true;
                    self.within("graph", (), |walk| walk.graph(field.part))?;
                }
                "functions" => {
                    any = true;
                    self.within("functions", functions, |walk| walk.function(field.part))?;
                    functions = functions.saturating_add(1);
                }
                "training_info" => {
                    self.within("training_info", trainings, |walk| walk.training(field.part))?;
                    trainings = trainings.saturating_add(1);
                }
                _ => {}
            }
        }
        if any { Ok(()) } else { Err(empty("ONNX model")) }
    }

    fn within(
        &mut self,
        name: &'static str,
        label: impl Into<Label>,
        inside: impl FnOnce(&mut Self) -> Result<(), Unread>,
    ) -> Result<(), Unread> {
        self.wire.enter(name, label)?;
        inside(self)?;
        self.wire.leave();
        Ok(())
    }

    fn training(&mut self, part: Part) -> Result<(), Unread> {
        let mut fields = part.fields(&schema::TRAINING);
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            if let "initialization" | "algorithm" = field.name {
                self.within(field.name, (), |walk| walk.graph(field.part))?;
            }
        }
        Ok(())
    }

    fn graph(&mut self, part: Part) -> Result<(), Unread> {
        let mut fields = part.fields(&schema::GRAPH);
        let mut counts = [0u64; 3];
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            let (name, part) = (field.name, field.part);
            match name {
                "node" => self.counted(&mut counts, 0, name, |walk| walk.node(part))?,
                "initializer" => self.counted(&mut counts, 1, name, |walk| walk.tensor(part))?,
                "sparse_initializer" => self.counted(&mut counts, 2, name, |walk| walk.sparse(part))?,
                _ => {}
            }
        }
        Ok(())
    }

    fn function(&mut self, part: Part) -> Result<(), Unread> {
        let mut fields = part.fields(&schema::FUNCTION);
        let (mut domain, mut name) = (String::new(), String::new());
        let (mut nodes, mut attributes) = (0u64, 0u64);
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            match field.name {
                "name" => name = self.wire.text(field.part)?,
                "domain" => domain = self.wire.text(field.part)?,
                "node" => {
                    self.within("node", nodes, |walk| walk.node(field.part))?;
                    nodes = nodes.saturating_add(1);
                }
                "attribute_proto" => {
                    self.within("attribute_proto", attributes, |walk| {
                        walk.attribute(field.part, &mut Named::default())
                    })?;
                    attributes = attributes.saturating_add(1);
                }
                _ => {}
            }
        }
        if self.functions.len() < MOST_FUNCTIONS {
            self.functions.insert((normal(&domain).to_owned(), name));
        }
        Ok(())
    }

    fn node(&mut self, part: Part) -> Result<(), Unread> {
        let mut fields = part.fields(&schema::NODE);
        let (mut domain, mut name) = (String::new(), String::new());
        let mut named = Named::default();
        let mut attributes = 0u64;
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            match field.name {
                "op_type" => name = self.wire.text(field.part)?,
                "domain" => domain = self.wire.text(field.part)?,
                "attribute" => {
                    self.within("attribute", attributes, |walk| walk.attribute(field.part, &mut named))?;
                    attributes = attributes.saturating_add(1);
                }
                _ => {}
            }
        }
        self.operators.add(normal(&domain), &name, &self.wire.path, part.start);
        match name.as_str() {
            "PyOp" => self.python(named, part.start),
            "EPContext" => self.compiled(named, part.start),
            _ => {}
        }
        Ok(())
    }

    /// The operator of ONNX Runtime that calls a Python class by its name.
    fn python(&mut self, named: Named, at: u64) {
        let global = Global { module: named.module, name: named.class };
        if !global.module.is_empty() {
            let effect = Effect::new(EffectKind::Call, Target::Global(global), "PyOp");
            self.effect(effect, at);
        }
    }

    /// The operator of ONNX Runtime that holds or names what was compiled for one kind of device.
    fn compiled(&mut self, named: Named, at: u64) {
        if named.embedded == Some(0) {
            let effect = Effect::new(EffectKind::Read, Target::Path(named.context), "EPContext");
            self.effect(effect, at);
        }
    }

    fn effect(&mut self, effect: Effect, at: u64) {
        let effect = effect.at(self.wire.path.to_string());
        self.sink.observed(What::Effect(effect), span(at));
    }

    fn attribute(&mut self, part: Part, named: &mut Named) -> Result<(), Unread> {
        let mut fields = part.fields(&schema::ATTRIBUTE);
        let mut name = String::new();
        let mut counts = [0u64; 3];
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            match field.name {
                "name" => {
                    name = self.wire.text(field.part)?;
                    self.wire.path.rename(&name);
                }
                "i" if name == "embed_mode" => named.embedded = Some(field.number),
                "s" => {
                    let slot = match name.as_str() {
                        "module" => &mut named.module,
                        "class_name" => &mut named.class,
                        "ep_cache_context" => &mut named.context,
                        _ => continue,
                    };
                    *slot = self.wire.text(field.part)?;
                }
                "t" => self.within("t", (), |walk| walk.tensor(field.part))?,
                "g" => self.within("g", (), |walk| walk.graph(field.part))?,
                "sparse_tensor" => self.within("sparse_tensor", (), |walk| walk.sparse(field.part))?,
                "tensors" => self.counted(&mut counts, 0, field.name, |walk| walk.tensor(field.part))?,
                "graphs" => self.counted(&mut counts, 1, field.name, |walk| walk.graph(field.part))?,
                "sparse_tensors" => {
                    self.counted(&mut counts, 2, field.name, |walk| walk.sparse(field.part))?
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn counted(
        &mut self,
        counts: &mut [u64; 3],
        place: usize,
        name: &'static str,
        inside: impl FnOnce(&mut Self) -> Result<(), Unread>,
    ) -> Result<(), Unread> {
        let number = counts.get(place).copied().unwrap_or(0);
        if let Some(count) = counts.get_mut(place) {
            *count = number.saturating_add(1);
        }
        self.within(name, number, inside)
    }

    fn finish(mut self) {
        self.wire.finish(self.sink);
        for (domain, name) in &self.functions {
            self.operators.remove(domain, name);
        }
        if self.tensors.count > 0 {
            let tensors = std::mem::take(&mut self.tensors);
            self.sink.observed(What::Tensors(tensors), None);
        }
        for (location, beside) in self.files {
            beside.tell(location, self.sink);
        }
        self.operators.tell(self.sink);
    }
}

/// The most functions of one model that are remembered.
const MOST_FUNCTIONS: usize = 100_000;

/// What some attributes of a node say.
#[derive(Default)]
struct Named {
    /// `module` and `class_name` of `PyOp`.
    module: String,
    class: String,
    /// `ep_cache_context` and `embed_mode` of `EPContext`.
    context: String,
    embedded: Option<u64>,
}

/// The domain of ONNX itself has two names.
fn normal(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}
