//! Goes from the root group to every object of the file and says what it finds.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Effect, EffectKind, Operator, Target, Tensors, What};
use weighbridge_core::place::Span;
use weighbridge_core::sink::{Body, Child, Sink};

use super::dataset::{self, Dataset};
use super::file::File;
use super::links;
use super::object::{self, Message, kind};
use super::shared::Shared;
use super::superblock::Superblock;
use super::value::{self, Attribute};
use crate::bytes::offset;

/// Attributes that hold what Keras makes a model and its training from (`keras/src/legacy/saving/legacy_h5_format.py`).
const CONFIGS: [&str; 2] = ["model_config", "training_config"];
/// Attributes that Keras 1 and 2 write into models and weights.
const KERAS_ATTRIBUTES: [&str; 5] =
    ["model_config", "training_config", "keras_version", "layer_names", "weight_names"];
/// The attribute by which PyTables knows its files.
const PYTABLES: &str = "PYTABLES_FORMAT_VERSION";
/// How much of the path of an object is kept.
const LONGEST_PATH: usize = 400;
/// A dataset of Keras that is larger than this must be stored in the file (`_H5_DATASET_BOMB_FLOOR_BYTES`).
const LARGE: u64 = 4 << 30;
/// The most that DEFLATE makes of a byte.
const MOST_EXPANSION: u64 = 1032;

/// Reads every object that can be reached from the root group.
pub(super) fn walk(superblock: &Superblock<'_>, sink: &mut Sink) -> Result<(), Unread> {
    let mut walk = Walk {
        file: &superblock.file,
        sink,
        shared: Shared::default(),
        seen: BTreeSet::new(),
        todo: Vec::new(),
        tensors: Tensors::default(),
        types: BTreeSet::new(),
        effects: BTreeMap::new(),
        hollow: Vec::new(),
        pickles: Vec::new(),
        keras: Keras::No,
        pytables: false,
        faults: 0,
    };
    walk.keras_by_name();
    walk.extension(superblock);
    walk.todo.push((superblock.root, String::new()));
    let ended = walk.objects();
    walk.finish();
    ended
}

/// How many faults of objects are told one by one.
const MOST_FAULTS: u64 = 100;

/// What makes two effects the same.
type Key = (&'static str, EffectKind, Target);

/// Whether the file is one that Keras loads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Keras {
    No,
    Weights,
    Model,
}

struct Walk<'a> {
    file: &'a File<'a>,
    sink: &'a mut Sink,
    shared: Shared,
    /// Addresses of object headers that were read or are to be.
    seen: BTreeSet<u64>,
    todo: Vec<(u64, String)>,
    tensors: Tensors,
    types: BTreeSet<String>,
    /// Effects with the place of the first one: pointer, offset, how many.
    effects: BTreeMap<Key, (String, u64, u64)>,
    /// Datasets that claim more than the file can hold.
    hollow: Vec<(String, u64)>,
    /// Texts in attributes that may be pickles: step, offset, size.
    pickles: Vec<(String, u64, u64)>,
    keras: Keras,
    pytables: bool,
    faults: u64,
}

impl Walk<'_> {
    fn keras_by_name(&mut self) {
        let place = self.sink.place();
        let name = place.inner.last().unwrap_or(&place.path).to_ascii_lowercase();
        if name.ends_with("weights.h5") || name.ends_with(".keras") {
            self.keras = Keras::Weights;
        }
    }

    /// What stands about the file as a whole.
    fn extension(&mut self, superblock: &Superblock<'_>) {
        let mut faults = Vec::new();
        let spread = || Unread::Unsupported("HDF5 that is spread over several files".to_owned());
        faults.extend(superblock.driver.map(|_| spread()));
        let at = superblock.extension.unwrap_or_default();
        if let Some(address) = superblock.extension {
            let mut messages = Vec::new();
            faults.extend(object::read_raw(self.file, address, &mut messages).err());
            for message in &messages {
                match message.kind {
                    kind::SHARED_TABLE => match Shared::read(self.file, message) {
                        Ok(shared) => self.shared = shared,
                        Err(reason) => faults.push(reason),
                    },
                    kind::DRIVER => faults.push(spread()),
                    _ => {}
                }
            }
        }
        self.tell(faults, at, "");
    }

    fn objects(&mut self) -> Result<(), Unread> {
        let limit = self.file.input.limits().entries;
        while let Some((address, path)) = self.todo.pop() {
            self.file.input.go_on()?;
            if !self.seen.insert(address) {
                continue;
            }
            if offset(self.seen.len()) > limit {
                return Err(Unread::Limit(LimitKind::Entries, limit));
            }
            if self.sink.is_full() {
                return Ok(());
            }
            let mut faults = Vec::new();
            match object::read(self.file, &self.shared, address, &mut faults) {
                Ok(messages) => self.object(&messages, &path, &mut faults),
                Err(reason) => faults.push(reason),
            }
            self.tell(faults, address, &path);
        }
        Ok(())
    }

    fn object(&mut self, messages: &[Message], path: &str, faults: &mut Vec<Unread>) {
        for attribute in value::attributes(self.file, &self.shared, messages, faults) {
            faults.extend(self.attribute(&attribute, path).err());
        }
        if let Some(dataset) = dataset::of(self.file, messages, faults) {
            self.dataset(&dataset, path);
        }
        for link in links::of(self.file, messages, faults) {
            let below = join(path, &link.name);
            match link.target {
                links::Target::Hard(address) => {
                    // Keras 3 keeps the variables of a layer in a group of this name.
                    if link.name == "vars" {
                        self.keras = self.keras.max(Keras::Weights);
                    }
                    if !self.seen.contains(&address) {
                        self.todo.push((address, below));
                    }
                }
                links::Target::Soft => {}
                links::Target::External { file, path: object } => {
                    // The library looks for the file first; which object is opened in it is for the report.
                    let pointer = format!("{below} → {object}");
                    self.effect("external link", EffectKind::Read, Target::Path(file), &pointer, link.start);
                }
                links::Target::Unknown(kind) => {
                    faults.push(Unread::Unsupported(format!("a link of kind {kind} in HDF5")));
                }
            }
        }
    }

    fn attribute(&mut self, attribute: &Attribute, path: &str) -> Result<(), Unread> {
        let name = attribute.name.as_str();
        if KERAS_ATTRIBUTES.contains(&name) {
            self.keras = self.keras.max(Keras::Weights);
        }
        if name == PYTABLES && path.is_empty() {
            self.pytables = true;
        }
        if CONFIGS.contains(&name) {
            let Some((start, size)) = attribute.text(self.file)? else {
                return Err(Unread::Unsupported(format!("`{name}` that is no text")));
            };
            self.keras = Keras::Model;
            let step = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            let body = Body::Slice { offset: start, size };
            self.sink.child(Child { step: step.into(), body, reader: Some("keras-config") });
        }
        if name == "PSEUDOATOM" && attribute.beginning(self.file, 16)?.is_some_and(|kind| kind == b"object") {
            // Each row of such an array is a pickle, and lies in a heap of the file.
            return Err(Unread::Unsupported(format!("the rows of pickled objects in `{path}`")));
        }
        // PyTables unpickles every attribute of text that looks like a pickle (`tables/attributeset.py`).
        if (attribute.element.is_text() || attribute.element.is_long_text())
            && let Some((start, size)) = attribute.text(self.file)?
            && let Some(last) = start.checked_add(size).and_then(|end| end.checked_sub(1))
            && size > 1
            && self.file.input.read_vec(last, 1, 1)? == b"."
        {
            self.pickles.push((join(path, name), start, size));
        }
        Ok(())
    }

    fn dataset(&mut self, dataset: &Dataset, path: &str) {
        for (name, at) in &dataset.external {
            let target = Target::Path(name.clone());
            self.effect("external storage", EffectKind::Read, target, path, *at);
        }
        for (name, at) in &dataset.virtual_files {
            // A dot is the file itself.
            if name != "." {
                let target = Target::Path(name.clone());
                self.effect("virtual dataset", EffectKind::Read, target, path, *at);
            }
        }
        for (id, name, at) in &dataset.filters {
            let name = filter_name(*id).map_or_else(|| format!("{id} ({name})"), str::to_owned);
            let operator = Operator { set: "hdf5", domain: "filter".to_owned(), name };
            self.effect("filter", EffectKind::Operate, Target::Operator(operator), path, *at);
        }
        let Some(element) = dataset.element else { return };
        let bytes = dataset.count.and_then(|count| count.checked_mul(element.size));
        let (Some(count), Some(bytes)) = (dataset.count, bytes) else {
            self.sink.malformed(format!("`{path}` has a shape that overflows"), None);
            return;
        };
        self.tensors.count = self.tensors.count.saturating_add(1);
        self.tensors.elements = self.tensors.elements.saturating_add(count);
        self.tensors.bytes = self.tensors.bytes.saturating_add(bytes);
        if self.types.len() < 64 {
            self.types.insert(element.name());
        }
        if let Some((address, size)) = dataset.piece {
            let at = self.file.base.saturating_add(address);
            if at.checked_add(size).is_none_or(|end| end > self.file.input.size()) {
                let claim = Target::Unknown(format!("{size} bytes at {at}"));
                let effect = Effect::new(EffectKind::Overrun, claim, "dataset").at(path);
                self.sink.observed(What::Effect(effect), Some(Span::Offset(self.file.place(address))));
            }
        }
        let room = self.file.input.size().saturating_mul(MOST_EXPANSION);
        if dataset.sparse && dataset.external.is_empty() && bytes > LARGE && bytes > room {
            self.hollow.push((path.to_owned(), bytes));
        }
    }

    fn effect(&mut self, construct: &'static str, kind: EffectKind, target: Target, pointer: &str, at: u64) {
        let first = || (pointer.to_owned(), at.min(self.file.input.size()), 0);
        let known = self.effects.entry((construct, kind, target)).or_insert_with(first);
        known.2 = known.2.saturating_add(1);
    }

    /// Says what could only be said when the whole file was seen.
    fn finish(&mut self) {
        let format = match self.keras {
            Keras::No => "hdf5",
            Keras::Weights => "keras-weights",
            Keras::Model => "keras-h5",
        };
        self.sink.observed(What::Format(format), None);
        if self.tensors.count > 0 {
            self.tensors.types = std::mem::take(&mut self.types).into_iter().collect();
            self.sink.observed(What::Tensors(std::mem::take(&mut self.tensors)), None);
        }
        for ((construct, kind, target), (pointer, at, count)) in std::mem::take(&mut self.effects) {
            let construct = match construct {
                "external link" if self.keras > Keras::No => "Keras external link",
                "external storage" if self.keras > Keras::No => "Keras external storage",
                "virtual dataset" if self.keras > Keras::No => "Keras virtual dataset",
                other => other,
            };
            let effect = Effect { count, ..Effect::new(kind, target, construct).at(pointer) };
            self.sink.observed(What::Effect(effect), Some(Span::Offset(at)));
        }
        if self.keras > Keras::No {
            for (path, bytes) in std::mem::take(&mut self.hollow) {
                let claim = Target::Unknown(format!("{bytes} bytes of which next to nothing is stored"));
                let effect = Effect::new(EffectKind::Overrun, claim, "dataset").at(path);
                self.sink.observed(What::Effect(effect), None);
            }
        }
        if self.pytables {
            for (step, start, size) in std::mem::take(&mut self.pickles) {
                let body = Body::Slice { offset: start, size };
                self.sink.child(Child { step: step.into(), body, reader: None });
            }
        }
    }

    fn tell(&mut self, faults: Vec<Unread>, address: u64, path: &str) {
        for fault in faults {
            self.faults = self.faults.saturating_add(1);
            let fault = match fault {
                Unread::Malformed(reason) if !path.is_empty() => {
                    Unread::Malformed(format!("`{path}`: {reason}"))
                }
                other => other,
            };
            if self.faults <= MOST_FAULTS {
                self.sink.unread(fault, Some(Span::Offset(self.file.place(address))));
            } else if self.faults == MOST_FAULTS.saturating_add(1) {
                self.sink.unread(Unread::Malformed("more objects are damaged".to_owned()), None);
            }
        }
    }
}

/// The path of an object below another one, not longer than can be told.
fn join(path: &str, name: &str) -> String {
    let mut joined = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    if let Some((end, _)) = joined.char_indices().nth(LONGEST_PATH) {
        joined.truncate(end);
    }
    joined
}

/// Filters that the library has itself, and those that The HDF Group has registered and that data is commonly written
/// with (list "Registered Filter Plugins").
fn filter_name(id: u16) -> Option<&'static str> {
    Some(match id {
        1 => "deflate",
        2 => "shuffle",
        3 => "fletcher32",
        4 => "szip",
        5 => "nbit",
        6 => "scaleoffset",
        305 => "LZO",
        307 => "bzip2",
        32000 => "LZF",
        32001 => "Blosc",
        32004 => "LZ4",
        32008 => "bitshuffle",
        32013 => "ZFP",
        32015 => "Zstandard",
        32026 => "Blosc2",
        _ => return None,
    })
}
