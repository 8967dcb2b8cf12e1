//! Slices of files that the `.metadata` of a distributed checkpoint of PyTorch points at.
//!
//! The loader opens the file that an object names as `relative_path`, cuts `length` bytes out from `offset` on, and gives
//! them to `torch.load`. It asks nobody whether they are an item of that file; that is for a judge, who knows both. It goes
//! by the names of the attributes and not by the class, so all objects count here that state is set on. Of calls
//! only those count of which it is known that they set attributes.
//!
//! Source: `torch/distributed/checkpoint/filesystem.py` (`_StorageInfo`, `FileSystemReader.read_data`).

use weighbridge_core::fact::{EffectKind, Slice};
use weighbridge_core::place::Place;

use super::handle::{Handle, View};
use super::lexer::Fail;
use super::machine::Machine;
use super::opcode as op;

/// The attributes, in the order in which the class takes them.
const FIELDS: [&str; 3] = ["relative_path", "offset", "length"];

/// What an object says of a slice.
#[derive(Clone, Copy, Default)]
pub(super) struct Said {
    /// The values of [`FIELDS`]; the last that is set counts.
    values: [Option<Handle>; FIELDS.len()],
    /// Attributes were set that the machine does not know.
    hidden: bool,
    /// Where the last was set.
    at: u64,
}

/// Whether the entry is what the loader of a distributed checkpoint opens first: `.metadata`, or `__0.metadata` of one
/// process.
pub(super) fn is_named(place: &Place) -> bool {
    place.name().to_ascii_lowercase().ends_with(".metadata")
}

impl Machine<'_> {
    /// Looks at state that is set on `instance`.
    pub(super) fn note_state(&mut self, instance: Handle, state: Handle) -> Result<(), Fail> {
        let View::Object(object) = instance.view() else { return Ok(()) };
        if self.said.is_none() {
            return Ok(());
        }
        let mut said = Said { at: self.at, ..Said::default() };
        match state.view() {
            // Attributes, and those that have slots.
            View::Tuple(index) if self.heap.count(index) == 2 => {
                for part in self.heap.kept(index).iter() {
                    self.look_at_attributes(*part, &mut said)?;
                }
            }
            _ => self.look_at_attributes(state, &mut said)?,
        }
        self.keep_said(object, said)
    }

    /// Looks at a call of the class, `_StorageInfo(relative_path, offset, length)`, or of one that takes a dictionary of
    /// attributes (`types.SimpleNamespace` from Python 3.13 on).
    pub(super) fn note_arguments(
        &mut self,
        callee: Handle,
        arguments: Handle,
        made: Handle,
    ) -> Result<(), Fail> {
        let (View::Global(class), View::Object(object), true) =
            (callee.view(), made.view(), self.said.is_some())
        else {
            return Ok(());
        };
        let name = self.heap.get_global(class).map(|class| class.name.as_str());
        let is_namespace = name == Some("SimpleNamespace");
        if !is_namespace && name != Some("_StorageInfo") {
            return Ok(());
        }
        let mut said = Said { at: self.at, ..Said::default() };
        match arguments.view() {
            View::Tuple(index) if is_namespace => {
                if let Some(attributes) = self.heap.element(index, 0) {
                    self.look_at_attributes(attributes, &mut said)?;
                }
            }
            View::Tuple(index) => {
                for (position, value) in said.values.iter_mut().enumerate() {
                    *value = self.heap.element(index, position);
                }
            }
            _ => said.hidden = true,
        }
        self.keep_said(object, said)
    }

    fn look_at_attributes(&self, state: Handle, said: &mut Said) -> Result<(), Fail> {
        let index = match state.view() {
            View::Dict(index) => index,
            View::Object(object) => match self.heap.get_object(object).map(|object| object.items) {
                Some(items) if self.heap.get(items).is_some() => items,
                _ => {
                    said.hidden = true;
                    return Ok(());
                }
            },
            _ => {
                said.hidden |= state.is_open();
                return Ok(());
            }
        };
        let kept = self.heap.kept(index);
        said.hidden |= u32::try_from(kept.len()) != Ok(self.heap.count(index))
            || self.heap.get(index).is_none_or(|container| container.opaque);
        for pair in kept.chunks(2) {
            let [key, value] = pair else { continue };
            match self.viewer().name(*key)? {
                Some(name) => {
                    let fields = FIELDS.iter().zip(&mut said.values);
                    for (_, slot) in fields.filter(|(field, _)| **field == name) {
                        *slot = Some(*value);
                    }
                }
                None => said.hidden |= key.is_open(),
            }
        }
        Ok(())
    }

    fn keep_said(&mut self, object: u32, new: Said) -> Result<(), Fail> {
        if !new.hidden && new.values.iter().all(Option::is_none) {
            return Ok(());
        }
        self.budget.charge(128)?;
        let Some(all) = &mut self.said else { return Ok(()) };
        let said = all.entry(object).or_default();
        for (old, new) in said.values.iter_mut().zip(new.values) {
            *old = new.or(*old);
        }
        said.hidden |= new.hidden;
        said.at = new.at;
        Ok(())
    }

    /// Tells the slices that the objects of the stream name when it is over.
    pub(super) fn tell_slices(&mut self) -> Result<(), Fail> {
        let Some(all) = self.said.as_mut().map(std::mem::take) else { return Ok(()) };
        for said in all.into_values() {
            let [path, start, bytes] = said.values;
            // The index of an item has an `offset` as well, and no file.
            if path.is_none() && !said.hidden {
                continue;
            }
            let known = match (path, self.said_number(start)?, self.said_number(bytes)?) {
                (Some(path), Some(start), Some(bytes)) if !said.hidden => {
                    self.viewer().name(path)?.map(|path| Slice { path, start, bytes, offset: said.at })
                }
                _ => None,
            };
            match known {
                Some(slice) => {
                    self.budget
                        .charge(u64::try_from(slice.path.len()).unwrap_or(u64::MAX).saturating_add(128))?;
                    self.slices.insert(slice);
                }
                None => {
                    let what = "bytes of a file which only running the stream could tell".to_owned();
                    let end = std::mem::replace(&mut self.at, said.at);
                    self.note(EffectKind::Read, what, op::BUILD)?;
                    self.at = end;
                }
            }
        }
        Ok(())
    }

    fn said_number(&self, value: Option<Handle>) -> Result<Option<u64>, Fail> {
        let number = value.map_or(Ok(None), |value| self.number(value))?;
        Ok(number.and_then(|number| u64::try_from(number).ok()))
    }
}
