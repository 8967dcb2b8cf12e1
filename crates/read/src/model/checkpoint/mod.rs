//! The tensors of a PyTorch checkpoint, without loading it: names, types, shapes, and where the elements lie.
//!
//! What the pickle would rebuild is described by [`super::pickle::tensors`]; here it meets the bytes: the members of the
//! zip layout, or the raw storages behind the five pickles of the old one.

mod elements;
mod types;

use std::collections::BTreeMap;

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;

pub use elements::ElementsError;

use super::pickle::tensors::{Described, Describer, Description};
use super::torch_legacy::{is_legacy, storage_bytes};
use crate::archive::zip::{self, Found, View};

/// The tensors of a checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Format id of the file.
    pub format: &'static str,
    /// Its tensors, sorted by name.
    pub tensors: Vec<Tensor>,
    /// What is not among them, sorted by name.
    pub others: Vec<Other>,
}

/// A part of a checkpoint that is no tensor, or one that cannot be had.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Other {
    /// Keys and attributes that lead to it, joined by `.`.
    pub name: String,
    /// What it is, and of a tensor why it cannot be had.
    pub what: String,
    /// It is a tensor.
    pub tensor: bool,
}

/// A tensor, and where its elements lie in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tensor {
    /// Keys and attributes that lead to it, joined by `.`.
    pub name: String,
    /// Type of its elements, as safetensors names it.
    pub dtype: &'static str,
    /// Bytes of an element.
    pub item: u64,
    /// Its size in every dimension.
    pub shape: Vec<u64>,
    /// Elements from one index to the next, in every dimension.
    strides: Vec<u64>,
    /// Where its storage begins in the file, in bytes.
    storage: u64,
    /// Index of its first element in the storage.
    first: u64,
}

/// Why there are no tensors to be had.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file is no checkpoint of a known layout.
    #[error("this is no PyTorch checkpoint")]
    Foreign,
    /// The file cannot be read or understood.
    #[error("{0}")]
    Unread(Unread),
    /// The file contradicts itself, so that nobody can say which tensors it holds.
    #[error("{0}")]
    Ambiguous(String),
}

impl From<Unread> for CheckpointError {
    fn from(unread: Unread) -> Self {
        Self::Unread(unread)
    }
}

/// Bytes of a storage in the file.
#[derive(Clone, Copy)]
struct Part {
    offset: u64,
    size: u64,
}

/// Reads the tensors of a checkpoint.
///
/// # Errors
/// [`CheckpointError`]; a single tensor that cannot be had is among [`Checkpoint::others`].
pub fn read(input: &Input) -> Result<Checkpoint, CheckpointError> {
    let mut head = [0; 64];
    let filled = input.read_some(0, &mut head)?;
    let head = head.get(..filled).unwrap_or_default();
    let (format, description, storages) = if head.starts_with(b"PK\x03\x04") {
        let (description, storages) = zipped(input)?;
        ("pytorch-zip", description, storages)
    } else if is_legacy(head) {
        let (description, storages) = legacy(input)?;
        ("pytorch-legacy", description, storages)
    } else {
        return Err(CheckpointError::Foreign);
    };
    let mut others: Vec<Other> = description
        .others
        .into_iter()
        .map(|(path, what, tensor)| Other { name: name(&path), what, tensor })
        .collect();
    let mut tensors = Vec::new();
    for described in description.tensors {
        let name = name(&described.path);
        match locate(&name, described, &storages) {
            Ok(tensor) => tensors.push(tensor),
            Err(what) => others.push(Other { name, what, tensor: true }),
        }
    }
    tensors.sort_by(|one, other| one.name.cmp(&other.name));
    others.sort();
    if let Some(twice) = tensors.windows(2).find_map(|pair| match pair {
        [one, other] if one.name == other.name => Some(&one.name),
        _ => None,
    }) {
        return Err(CheckpointError::Ambiguous(format!("two tensors are called `{twice}`")));
    }
    Ok(Checkpoint { format, tensors, others })
}

/// The name of what these steps lead to. A checkpoint that is nothing but one tensor gives it no name.
fn name(path: &[String]) -> String {
    if path.is_empty() { "tensor".to_owned() } else { path.join(".") }
}

/// The tensor in the file; or why it is not one that can be had.
fn locate(name: &str, described: Described, storages: &BTreeMap<String, Part>) -> Result<Tensor, String> {
    let Described { storage, class, first, shape, strides, .. } = described;
    let Some((dtype, item)) = types::of(&class) else {
        return Err(format!("a tensor of `{class}`, which safetensors does not know"));
    };
    let Some(part) = storages.get(&storage) else {
        return Err(format!("a tensor on storage `{storage}`, which is not in the file"));
    };
    let tensor = Tensor { name: name.to_owned(), dtype, item, shape, strides, storage: part.offset, first };
    match tensor.reach() {
        Some(reach) if reach <= part.size => Ok(tensor),
        _ => Err(format!("a tensor that reaches beyond its storage `{storage}` of {} bytes", part.size)),
    }
}

impl Tensor {
    /// How many elements it has; none when that is more than 64 bits count.
    pub fn elements(&self) -> Option<u64> {
        self.shape.iter().try_fold(1u64, |product, size| product.checked_mul(*size))
    }

    /// Bytes of all its elements; none when that is more than 64 bits count.
    pub fn bytes(&self) -> Option<u64> {
        self.elements()?.checked_mul(self.item)
    }

    /// The end of its last element, in bytes from the start of its storage.
    fn reach(&self) -> Option<u64> {
        self.bytes()?;
        if self.shape.contains(&0) {
            return Some(0);
        }
        let mut last = self.first;
        for (size, stride) in self.shape.iter().zip(&self.strides) {
            last = last.checked_add(size.checked_sub(1)?.checked_mul(*stride)?)?;
        }
        last.checked_add(1)?.checked_mul(self.item)
    }
}

type Layout = (Description, BTreeMap<String, Part>);

fn zipped(input: &Input) -> Result<Layout, CheckpointError> {
    let members = zip::members(input)?;
    let mut records: BTreeMap<&str, &Found> = BTreeMap::new();
    for found in members.iter().filter(|found| found.view == View::Central) {
        if records.insert(&found.member.name, found).is_some() {
            let name = &found.member.name;
            return Err(CheckpointError::Ambiguous(format!(
                "more than one member is called `{name}`: loaders differ in which they take"
            )));
        }
    }
    let mut pickles = records.keys().filter_map(|name| name.strip_suffix("data.pkl"));
    let top = pickles.find(|top| top.is_empty() || (top.ends_with('/') && top.matches('/').count() == 1));
    let Some(top) = top.map(str::to_owned) else { return Err(CheckpointError::Foreign) };
    let part = |name: &str| match records.get(format!("{top}{name}").as_str()) {
        Some(found) if found.member.method != 0 => Err(CheckpointError::Unread(Unread::Unsupported(
            format!("the compressed member `{top}{name}`: PyTorch stores them as they are"),
        ))),
        Some(found) => Ok(Some(Part { offset: found.data.offset, size: found.data.size })),
        None => Ok(None),
    };
    if let Some(order) = part("byteorder")? {
        let order = input.read_vec(order.offset, order.size.min(16), 16)?;
        if order != b"little" {
            let order = String::from_utf8_lossy(&order).into_owned();
            return Err(CheckpointError::Unread(Unread::Unsupported(format!(
                "tensors in byte order `{order}`"
            ))));
        }
    }
    let Some(pickle) = part("data.pkl")? else { return Err(CheckpointError::Foreign) };
    let pickle = input.slice(pickle.offset, pickle.size);
    let mut describer = Describer::new(&pickle);
    describer.describe(0)?;
    let (description, named) = describer.finish();
    let mut storages = BTreeMap::new();
    for key in named.into_keys() {
        if let Some(part) = part(&format!("data/{key}"))? {
            storages.insert(key, part);
        }
    }
    Ok((description, storages))
}

fn legacy(input: &Input) -> Result<Layout, CheckpointError> {
    let mut describer = Describer::new(input);
    let mut at = 0;
    for _ in 0..3 {
        at = describer.skip(at)?;
    }
    at = describer.describe(at)?;
    at = describer.skip(at)?;
    let (description, named) = describer.finish();
    let mut storages = BTreeMap::new();
    for (key, (class, elements)) in named {
        let Some(size) = storage_bytes(&class, elements) else {
            return Err(CheckpointError::Ambiguous(format!("storage `{key}` is of class `{class}`")));
        };
        let count = u64::from_le_bytes(input.cursor(at, 8).array()?);
        if count != elements {
            return Err(CheckpointError::Ambiguous(format!(
                "storage `{key}` has {count} elements where the object says {elements}"
            )));
        }
        let offset = at.saturating_add(8);
        let Some(end) = offset.checked_add(size).filter(|end| *end <= input.size()) else {
            return Err(Unread::Truncated { offset: input.size() }.into());
        };
        storages.insert(key, Part { offset, size });
        at = end;
    }
    Ok((description, storages))
}
