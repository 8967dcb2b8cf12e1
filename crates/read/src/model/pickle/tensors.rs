//! The tensors that a stream leaves: what the functions of PyTorch would rebuild, without calling them.
//!
//! Source: `torch/_utils.py` (`_rebuild_tensor`, `_rebuild_tensor_v2`, `_rebuild_tensor_v3`, `_rebuild_parameter`),
//! `torch/_tensor.py` (`_rebuild_from_type_v2`), `torch/nn/modules/module.py` (`_parameters`, `_buffers`, `_modules`),
//! `torch/serialization.py` (persistent ids).

use std::collections::BTreeMap;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::input::Input;

use super::handle::{Handle, View};
use super::heap::NO_ITEMS;
use super::lexer::Fail;
use super::machine::Machine;
use super::streams::USUAL;

/// A tensor as the stream describes it.
pub(in crate::model) struct Described {
    /// Keys and attributes that lead to it.
    pub(in crate::model) path: Vec<String>,
    /// Key of its storage.
    pub(in crate::model) storage: String,
    /// Class of its storage (`FloatStorage`), or the type that the tensor itself states (`float8_e4m3fn`).
    pub(in crate::model) class: String,
    /// Index of its first element in the storage.
    pub(in crate::model) first: u64,
    /// Its size in every dimension.
    pub(in crate::model) shape: Vec<u64>,
    /// Elements from one index to the next, in every dimension.
    pub(in crate::model) strides: Vec<u64>,
}

/// What a stream leaves.
#[derive(Default)]
pub(in crate::model) struct Description {
    pub(in crate::model) tensors: Vec<Described>,
    /// What is no tensor that can be had: a path, what stands there, and whether it is a tensor all the same.
    pub(in crate::model) others: Vec<(Vec<String>, String, bool)>,
}

/// Containers in containers that are followed.
const DEPTH: usize = 64;
/// Values that are looked at: one that is reached by many ways counts once for each.
const STEPS: u64 = 4 << 20;
/// Dimensions of a tensor.
const DIMENSIONS: usize = 64;

/// Runs streams one after the other and describes what one of them leaves.
pub(in crate::model) struct Describer<'input> {
    machine: Machine<'input>,
    description: Description,
    steps: u64,
}

impl<'input> Describer<'input> {
    pub(in crate::model) fn new(input: &'input Input) -> Self {
        let mut machine = Machine::new(input, 1 << 16, USUAL);
        machine.heap.keep_whole();
        machine.storages = Some(BTreeMap::new());
        Self { machine, description: Description::default(), steps: STEPS }
    }

    /// Runs the stream at `at` and gives the offset behind it.
    pub(in crate::model) fn skip(&mut self, at: u64) -> Result<u64, Unread> {
        self.run(at).map(|_| self.machine.lexer.offset())
    }

    /// Runs the stream at `at`, describes what it leaves, and gives the offset behind it.
    pub(in crate::model) fn describe(&mut self, at: u64) -> Result<u64, Unread> {
        let left = self.run(at)?;
        self.value(left, &mut Vec::new())?;
        Ok(self.machine.lexer.offset())
    }

    /// What was described, and the storages by key, with their class and number of elements.
    pub(in crate::model) fn finish(mut self) -> (Description, BTreeMap<String, (String, u64)>) {
        (self.description, self.machine.storages.take().unwrap_or_default())
    }

    fn run(&mut self, at: u64) -> Result<Handle, Unread> {
        self.machine.stream(at).map_err(|fail| match fail {
            Fail::Unread(unread) => unread,
            Fail::Raises(why) => {
                Unread::Malformed(format!("{why}, at offset {}: the loader stops here", self.machine.at))
            }
            Fail::Truncated(_) => Unread::Truncated { offset: self.machine.input.size() },
        })
    }

    fn value(&mut self, value: Handle, path: &mut Vec<String>) -> Result<(), Unread> {
        self.steps = self.steps.checked_sub(1).ok_or_else(|| {
            Unread::Malformed("the object is shared so often that nobody can look at it all".to_owned())
        })?;
        self.machine.input.go_on()?;
        if path.len() > DEPTH {
            return Err(Unread::Limit(LimitKind::Depth, 64));
        }
        match value.view() {
            View::Dict(index) => self.items(index, path),
            View::List(index) | View::Tuple(index) => {
                let parts = self.machine.heap.whole(index).to_vec();
                for (position, part) in parts.into_iter().enumerate() {
                    path.push(position.to_string());
                    self.value(part, path)?;
                    path.pop();
                }
                Ok(())
            }
            View::Object(_) => self.object(value, path),
            View::None => Ok(()),
            View::Bool(_) | View::Int(_) | View::IntAt(_) | View::FloatAt(_) => self.other("a number", path),
            View::Text { .. } => self.other("a text", path),
            View::Bytes(_) | View::ByteArray(_) | View::Encoded(_) => self.other("bytes", path),
            View::Set(_) | View::FrozenSet(_) => self.other("a set", path),
            View::Global(number) => {
                let name = self.machine.heap.get_global(number).map(ToString::to_string);
                self.other(&format!("`{}`", name.unwrap_or_default()), path)
            }
            View::Persistent(_) => self.other("a storage without a tensor", path),
            View::Unknown => self.other("a value that only loading could tell", path),
        }
    }

    fn other(&mut self, what: &str, path: &[String]) -> Result<(), Unread> {
        self.charge(path)?;
        self.description.others.push((path.to_vec(), what.to_owned(), false));
        Ok(())
    }

    /// A tensor that cannot be described.
    fn lost(&mut self, why: &str, path: &[String]) -> Result<(), Unread> {
        self.charge(path)?;
        self.description.others.push((path.to_vec(), why.to_owned(), true));
        Ok(())
    }

    fn charge(&mut self, path: &[String]) -> Result<(), Unread> {
        let bytes =
            path.iter().map(|step| step.len().saturating_add(32)).fold(256usize, usize::saturating_add);
        self.machine.budget.charge(u64::try_from(bytes).unwrap_or(u64::MAX))
    }

    /// Items of a dictionary.
    fn items(&mut self, index: u32, path: &mut Vec<String>) -> Result<(), Unread> {
        for (key, value) in self.pairs(index) {
            match self.key(key)? {
                Some(key) => {
                    path.push(key);
                    self.value(value, path)?;
                    path.pop();
                }
                None => self.other("an item whose key is no text and no number", path)?,
            }
        }
        Ok(())
    }

    fn pairs(&self, index: u32) -> Vec<(Handle, Handle)> {
        let flat = self.machine.heap.whole(index);
        let mut pairs: Vec<(Handle, Handle)> = Vec::with_capacity(flat.len() / 2);
        for pair in flat.chunks(2) {
            if let [key, value] = pair {
                pairs.push((*key, *value));
            }
        }
        pairs
    }

    /// A key as a step of a name.
    fn key(&self, key: Handle) -> Result<Option<String>, Unread> {
        match key.view() {
            View::Int(number) => Ok(Some(number.to_string())),
            _ => self.machine.viewer().name(key),
        }
    }

    fn object(&mut self, value: Handle, path: &mut Vec<String>) -> Result<(), Unread> {
        let View::Object(index) = value.view() else { return Ok(()) };
        let Some(object) = self.machine.heap.get_object(index) else { return Ok(()) };
        let Some(origin) = self.machine.heap.get_global(object.origin) else { return Ok(()) };
        let (module, name, shown) = (origin.module.clone(), origin.name.clone(), origin.to_string());
        let arguments = match object.arguments.view() {
            View::Tuple(index) => self.machine.heap.whole(index).to_vec(),
            _ => Vec::new(),
        };
        match (module.as_str(), name.as_str(), arguments.as_slice()) {
            (
                "torch._utils",
                "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3",
                [storage, first, shape, strides, rest @ ..],
            ) => {
                let stated = if name == "_rebuild_tensor_v3" { rest.get(2).copied() } else { None };
                match self.tensor([*storage, *first, *shape, *strides], stated, path)? {
                    Ok(tensor) => {
                        self.charge(path)?;
                        self.description.tensors.push(tensor);
                        Ok(())
                    }
                    Err(why) => self.lost(why, path),
                }
            }
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state", [tensor, ..])
            | ("torch.nn.parameter", "Parameter" | "Buffer", [tensor, ..]) => self.value(*tensor, path),
            ("torch._utils", name, _) if name.starts_with("_rebuild_") => {
                let kind = name.trim_start_matches("_rebuild_");
                self.lost(&format!("a tensor of a kind that safetensors does not have, `{kind}`"), path)
            }
            // `func(*args)`, then the state of a subclass of tensors.
            ("torch._tensor", "_rebuild_from_type_v2", [function, _, arguments, ..]) => {
                let View::Global(function) = function.view() else {
                    return self.lost("a tensor of an unknown kind", path);
                };
                let inner = self.machine.heap.object(function, *arguments, &mut self.machine.budget)?;
                self.value(inner, path)
            }
            _ => {
                let before = self.description.tensors.len();
                if object.items != NO_ITEMS {
                    self.items(object.items, path)?;
                }
                let plain = matches!(
                    (module.as_str(), name.as_str()),
                    ("collections", "OrderedDict" | "defaultdict") | ("builtins" | "__builtin__", "dict")
                );
                match object.state.view() {
                    // The `_metadata` of a state dictionary are versions of modules.
                    View::Dict(_) if plain => Ok(()),
                    View::Dict(state) => self.attributes(state, path),
                    _ if plain || self.description.tensors.len() > before => Ok(()),
                    _ => self.other(&format!("an object of `{shown}`"), path),
                }
            }
        }
    }

    /// Attributes of an object; a module of PyTorch keeps its tensors in three dictionaries whose names do not count.
    fn attributes(&mut self, state: u32, path: &mut Vec<String>) -> Result<(), Unread> {
        let mut holders = Vec::new();
        let mut others = Vec::new();
        for (key, value) in self.pairs(state) {
            match self.key(key)?.as_deref() {
                Some("_parameters" | "_buffers" | "_modules") => holders.push(value),
                Some(name) => others.push((name.to_owned(), value)),
                None => {}
            }
        }
        if holders.is_empty() {
            for (name, value) in others {
                path.push(name);
                self.value(value, path)?;
                path.pop();
            }
        }
        for holder in holders {
            self.value(holder, path)?;
        }
        Ok(())
    }

    /// A tensor on a storage; or why it cannot be described.
    fn tensor(
        &self,
        [storage, first, shape, strides]: [Handle; 4],
        stated: Option<Handle>,
        path: &[String],
    ) -> Result<Result<Described, &'static str>, Unread> {
        let heap = &self.machine.heap;
        let View::Persistent(id) = storage.view() else { return Ok(Err("a tensor without a storage")) };
        let Some(View::Tuple(id)) = heap.whole(id).first().map(|id| id.view()) else {
            return Ok(Err("a tensor on a storage of an unknown kind"));
        };
        let [kind, class, key, _, _, rest @ ..] = heap.whole(id) else {
            return Ok(Err("a tensor on a storage of an unknown kind"));
        };
        let viewer = self.machine.viewer();
        let (Some(kind), Some(key)) = (viewer.name(*kind)?, viewer.name(*key)?) else {
            return Ok(Err("a tensor on a storage of an unknown kind"));
        };
        if kind != "storage" || rest.iter().any(|view| *view != Handle::NONE) {
            return Ok(Err("a tensor on a part of a storage"));
        }
        let class = match stated.unwrap_or(*class).view() {
            View::Global(number) => heap.get_global(number).map(|class| class.name.clone()),
            _ => None,
        };
        let (Some(class), Some(first)) = (class, count(first)) else {
            return Ok(Err("a tensor whose size or type is not known"));
        };
        let (Some(shape), Some(strides)) = (self.counts(shape), self.counts(strides)) else {
            return Ok(Err("a tensor whose shape is not known"));
        };
        if shape.len() != strides.len() || shape.len() > DIMENSIONS {
            return Ok(Err("a tensor whose shape and strides do not fit together"));
        }
        let path = path.to_vec();
        Ok(Ok(Described { path, storage: key, class, first, shape, strides }))
    }

    /// A tuple of counts; `torch.Size` of one is the same.
    fn counts(&self, value: Handle) -> Option<Vec<u64>> {
        let heap = &self.machine.heap;
        let index = match value.view() {
            View::Tuple(index) | View::List(index) => index,
            View::Object(index) => {
                let object = heap.get_object(index)?;
                let View::Tuple(arguments) = object.arguments.view() else { return None };
                return self.counts(*heap.whole(arguments).first()?);
            }
            _ => return None,
        };
        heap.whole(index).iter().map(|part| count(*part)).collect()
    }
}

fn count(value: Handle) -> Option<u64> {
    match value.view() {
        View::Int(value) => u64::try_from(value).ok(),
        _ => None,
    }
}
