//! TensorFlow: saved models, meta graphs, frozen graphs, checkpoints.
//!
//! A graph is a list of nodes, each with an operator, and a library of functions, which are graphs too. All of it is
//! walked, whether a signature leads there or not. Names of files are followed through the operators that only hand
//! texts on, so that a report can say which file is read or written; operators that save and restore variables are told
//! apart by whether only the saver of the model gets to them.

mod files;
mod graph;
pub mod index;
pub mod keras_metadata;
mod saver;
mod schema;
mod tensor;

use std::collections::BTreeSet;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Target, Tensors, Value, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, HEAD_BYTES, Hint, Reader};
use weighbridge_core::sink::{Body, Child, Sink};

use self::saver::Saver;
use super::operators::Operators;
use crate::protobuf::{Label, Message, Part, Wire, fit, span};

/// Reads saved models, meta graphs and graphs.
pub struct Tensorflow;

/// What can be the outermost message of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Root {
    SavedModel,
    MetaGraph,
    Graph,
}

impl Reader for Tensorflow {
    fn about(&self) -> &'static About {
        &About {
            id: "tensorflow",
            title: "TensorFlow graphs",
            family: Family::Model,
            names: &["saved_model.pb", "*.pb", "*.meta"],
            reads: "Every node of the graph and of the functions of its library, the files that they name, who calls the \
                    operators that save and restore, configurations of Keras layers.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if root(hint.head, hint.size).is_some() {
            Claim::ByMagic
        } else if hint.size > 0 && is_named(hint.name()) {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut head = vec![0; HEAD_BYTES];
        let filled = input.read_some(0, &mut head)?;
        head.truncate(filled);
        let name = sink.place().name().to_ascii_lowercase();
        let saved_model = name == "saved_model.pb";
        if let Some(root) = root(&head, input.size()).or(saved_model.then_some(Root::SavedModel)) {
            sink.observed(What::Format("tensorflow"), None);
            walk(root, input, sink)?;
            return Ok(());
        }
        // Many things are called `.pb` and `.meta`: without a node with an operator it is one of them.
        for root in [Root::Graph, Root::MetaGraph] {
            let mut trial = Sink::new(sink.place().clone(), "tensorflow", *input.limits());
            trial.observed(What::Format("tensorflow"), None);
            let (nodes, ended) = match walk(root, input, &mut trial) {
                Ok(nodes) => (nodes, Ok(())),
                Err(Stopped { nodes, reason }) => (nodes, Err(reason)),
            };
            if nodes == 0 {
                continue;
            }
            let outcome = trial.finish();
            for fact in outcome.facts {
                sink.observed(fact.what, fact.evidence.span);
            }
            for child in outcome.children {
                sink.child(child);
            }
            return ended;
        }
        Ok(())
    }
}

/// Whether a file may be a graph by its name.
fn is_named(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(".pb") || name.ends_with(".meta")
}

/// What these first bytes are the beginning of.
fn root(head: &[u8], size: u64) -> Option<Root> {
    let fits = |message: &'static Message, wanted: &[&str], least: usize| {
        fit(message, head, size)
            .is_some_and(|fit| fit.fields >= least && wanted.iter().any(|field| fit.has(field)))
    };
    match head.first()? {
        // Every writer begins with the version.
        0x08 if fits(&schema::SAVED_MODEL, &["meta_graphs"], 3) => Some(Root::SavedModel),
        0x0a if fits(&schema::GRAPH, &["node"], 3) => Some(Root::Graph),
        0x0a if fits(&schema::META_GRAPH, &["meta_info_def", "graph_def"], 4) => Some(Root::MetaGraph),
        _ => None,
    }
}

/// Why a walk ended early, and how many nodes it had met.
struct Stopped {
    nodes: u64,
    reason: Unread,
}

impl From<Stopped> for Unread {
    fn from(stopped: Stopped) -> Self {
        stopped.reason
    }
}

/// Walks everything and tells how many nodes there are.
fn walk(root: Root, input: &Input, sink: &mut Sink) -> Result<u64, Stopped> {
    let mut walk = Walk {
        wire: Wire::new(input, ""),
        operators: Operators::new("tensorflow", "op", input.limits()),
        tensors: Tensors::default(),
        saver: Saver::default(),
        nodes: 0,
        kept: 0,
        steps: 0,
        told: BTreeSet::new(),
        sink,
    };
    let part = walk.wire.whole();
    let ended = match root {
        Root::SavedModel => walk.saved_model(part),
        Root::MetaGraph => walk.meta_graph(part),
        Root::Graph => walk.graph(part).map(|()| walk.conclude()),
    };
    if ended.is_err() {
        walk.conclude();
    }
    let nodes = walk.nodes;
    walk.finish();
    match ended {
        Ok(()) => Ok(nodes),
        Err(reason) => Err(Stopped { nodes, reason }),
    }
}

/// The most bytes of texts that are kept: names of nodes, of functions and of files.
const MOST_KEPT: usize = 64 << 20;

struct Walk<'input, 'sink> {
    wire: Wire<'input>,
    sink: &'sink mut Sink,
    operators: Operators,
    tensors: Tensors,
    saver: Saver,
    nodes: u64,
    /// Bytes of the texts that are kept until the end of a meta graph.
    kept: usize,
    /// How many nodes were followed to find names of files.
    steps: usize,
    /// Files that were told, by operator and path.
    told: BTreeSet<(&'static str, String)>,
}

impl Walk<'_, '_> {
    fn saved_model(&mut self, part: Part) -> Result<(), Unread> {
        let mut fields = part.fields(&schema::SAVED_MODEL);
        let mut graphs = 0u64;
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            if field.name == "meta_graphs" {
                self.within("meta_graphs", graphs, |walk| walk.meta_graph(field.part))?;
                graphs = graphs.saturating_add(1);
            }
        }
        if graphs == 0 { Err(crate::protobuf::empty("saved model of TensorFlow")) } else { Ok(()) }
    }

    fn meta_graph(&mut self, part: Part) -> Result<(), Unread> {
        let mut fields = part.fields(&schema::META_GRAPH);
        let mut assets = 0u64;
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            match field.name {
                "graph_def" => self.within("graph_def", (), |walk| walk.graph(field.part))?,
                "saver_def" => self.saver_def(field.part)?,
                "asset_file_def" => {
                    self.within("asset_file_def", assets, |walk| walk.asset(field.part))?;
                    assets = assets.saturating_add(1);
                }
                "object_graph_def" => {
                    self.within("object_graph_def", (), |walk| walk.object_graph(field.part))?;
                }
                _ => {}
            }
        }
        self.conclude();
        Ok(())
    }

    fn saver_def(&mut self, part: Part) -> Result<(), Unread> {
        let mut fields = part.fields(&schema::SAVER);
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            if let "save_tensor_name" | "restore_op_name" = field.name {
                let name = self.wire.text(field.part)?;
                if self.keep(std::iter::once(&name)) {
                    self.saver.root(&name);
                }
            }
        }
        Ok(())
    }

    /// A file beside the model that a constant of the graph names.
    fn asset(&mut self, part: Part) -> Result<(), Unread> {
        let mut fields = part.fields(&schema::ASSET);
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            if field.name == "filename" {
                let file = self.wire.text(field.part)?;
                let path = format!("assets/{file}");
                let effect = Effect::new(EffectKind::Read, Target::Path(path), "asset_file_def");
                self.effect(effect, field.at);
            } else {
                let mut fields = field.part.fields(&schema::TENSOR_INFO);
                while let Some(field) = self.wire.next(&mut fields, self.sink)? {
                    if field.name == "name" {
                        let name = self.wire.text(field.part)?;
                        if self.keep(std::iter::once(&name)) {
                            self.saver.asset(&name);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn object_graph(&mut self, part: Part) -> Result<(), Unread> {
        let mut fields = part.fields(&schema::OBJECT_GRAPH);
        let mut objects = 0u64;
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            if field.name == "nodes" {
                self.within("nodes", objects, |walk| walk.object(field.part))?;
                objects = objects.saturating_add(1);
            }
        }
        Ok(())
    }

    fn object(&mut self, part: Part) -> Result<(), Unread> {
        let mut fields = part.fields(&schema::OBJECT);
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            if field.name == "user_object" {
                let mut fields = field.part.fields(&schema::USER_OBJECT);
                let (mut identifier, mut metadata) = (String::new(), None);
                while let Some(field) = self.wire.next(&mut fields, self.sink)? {
                    match field.name {
                        "identifier" => identifier = self.wire.text(field.part)?,
                        "metadata" => metadata = Some(field.part),
                        _ => {}
                    }
                }
                let keras = identifier.starts_with("_tf_keras_");
                if let Some(metadata) = metadata.filter(|metadata| keras && metadata.size() > 0) {
                    let step = format!("#{identifier} at {}", metadata.start);
                    self.sink.child(keras_child(step, metadata));
                }
            }
        }
        Ok(())
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

    fn effect(&mut self, effect: Effect, at: u64) {
        let effect = effect.at(self.wire.path.to_string());
        self.sink.observed(What::Effect(effect), span(at));
    }

    /// Whether these texts may be kept as well.
    fn keep<'t>(&mut self, texts: impl Iterator<Item = &'t String>) -> bool {
        // What a text costs besides its bytes.
        let bytes = texts.map(|text| text.len().saturating_add(64)).fold(0, usize::saturating_add);
        self.kept = self.kept.saturating_add(bytes);
        let fits = self.kept <= MOST_KEPT;
        self.saver.full |= !fits;
        fits
    }

    fn finish(self) {
        self.wire.finish(self.sink);
        if self.tensors.count > 0 {
            self.sink.observed(What::Tensors(self.tensors), None);
        }
        self.operators.tell(self.sink);
    }
}

/// The configuration of a Keras layer, in JSON.
fn keras_child(step: String, part: Part) -> Child {
    let body = Body::Slice { offset: part.start, size: part.size() };
    Child { step: step.into(), body, reader: Some("keras-config") }
}

/// A text as an argument in a report.
fn text(text: &str) -> Value {
    Value::Text(text.to_owned(), crate::bytes::offset(text.len()))
}
