//! Storages of PyTorch that a stream takes, and tensors that it lays over them: whether the numbers fit together.
//!
//! A loader reads a storage as a record of the archive and believes how many elements the stream states; before 2.10
//! PyTorch did not compare the two (CVE-2026-24747). What the record really holds is for the reader of the archive to
//! say; here stands what the stream alone gets wrong.
//!
//! Source: `torch/serialization.py` (`persistent_load`, `load_tensor`), `torch/_utils.py` (`_rebuild_tensor_v2`,
//! `_rebuild_tensor_v3`, `_rebuild_qtensor`), `aten/src/ATen/native/Resize.h` (`computeStorageNbytes`).

use weighbridge_core::fact::{EffectKind, Taken, Value};

use super::acts::Shown;
use super::calls::Known;
use super::effects::Key;
use super::handle::{Handle, View};
use super::lexer::Fail;
use super::machine::Machine;
use crate::model::torch_legacy::element_bytes;

/// Sizes are 64-bit numbers with a sign in PyTorch.
const MOST: i128 = 0x7fff_ffff_ffff_ffff;

/// A number of the stream; none where it is not known.
type Number = Option<i128>;

impl Machine<'_> {
    /// Takes a storage: `('storage', class, key, location, count, …)`.
    pub(super) fn take_storage(&mut self, id: Handle, opcode: u8) -> Result<(), Fail> {
        let Some((class, key, location, count)) = self.storage(id)? else { return Ok(()) };
        if location.as_deref() == Some("meta") {
            return Ok(());
        }
        let Some(count) = count else { return Ok(()) };
        let bytes = element_bytes(&class).map(|size| count.saturating_mul(i128::from(size)));
        if count < 0 || bytes.unwrap_or(count) > MOST {
            let what = format!("storage `{key}` of {count} elements has no size in 64 bits");
            return self.note(EffectKind::Corrupt, what, opcode);
        }
        let Some(bytes) = bytes.and_then(|bytes| u64::try_from(bytes).ok()) else { return Ok(()) };
        let offset = self.at;
        if let Some(known) = self.taken.get_mut(&key) {
            if known.bytes < bytes {
                *known = Taken { bytes, offset, ..known.clone() };
            }
            return Ok(());
        }
        self.budget
            .charge(u64::try_from(key.len()).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(128))?;
        self.taken.insert(key.clone(), Taken { key, bytes, offset });
        Ok(())
    }

    /// Lays a tensor over a storage: `function(storage, first, shape, strides, …)`.
    pub(super) fn lay_tensor(&mut self, function: u32, arguments: Handle, opcode: u8) -> Result<(), Fail> {
        let View::Tuple(index) = arguments.view() else { return Ok(()) };
        let part = |position| self.heap.element(index, position);
        let (Some(storage), Some(first), Some(shape), Some(strides)) = (part(0), part(1), part(2), part(3))
        else {
            return Ok(());
        };
        let View::Persistent(id) = storage.view() else { return Ok(()) };
        let Some(id) = self.heap.element(id, 0) else { return Ok(()) };
        let Some((class, key, _, Some(count))) = self.storage(id)? else { return Ok(()) };
        let stated = match part(6).map(Handle::view) {
            Some(View::Global(number))
                if self.heap.get_global(function).is_some_and(|it| it.name.ends_with("_v3")) =>
            {
                self.heap.get_global(number).map(|global| global.name.clone())
            }
            _ => None,
        };
        let Some(first) = self.number(first)? else { return Ok(()) };
        let (Some(shape), Some(strides)) = (self.numbers(shape)?, self.numbers(strides)?) else {
            return Ok(());
        };
        if shape.len() != strides.len() {
            return Ok(());
        }
        if first < 0 || shape.iter().chain(&strides).any(|number| *number < 0) {
            let what = format!("a number below zero in a tensor on storage `{key}`: {shape:?}, {strides:?}");
            return self.note(EffectKind::Corrupt, what, opcode);
        }
        if shape.contains(&0) {
            return Ok(());
        }
        let reached = shape.iter().zip(&strides).fold(first.saturating_add(1), |reached, (size, stride)| {
            reached.saturating_add(size.saturating_sub(1).saturating_mul(*stride))
        });
        let item = i128::from(stated.as_deref().and_then(element_bytes).unwrap_or(0).max(1));
        let whole = if stated.is_some() {
            let bytes = element_bytes(&class).map_or(0, i128::from);
            count.saturating_mul(bytes)
        } else {
            count
        };
        if reached.saturating_mul(item).saturating_mul(16) > MOST {
            let what = format!("no size in 64 bits of a tensor on storage `{key}`: {shape:?}, {strides:?}");
            return self.note(EffectKind::Corrupt, what, opcode);
        }
        if reached.saturating_mul(item) > whole && whole >= 0 {
            let what = format!("{reached} elements of storage `{key}`, which has {count}");
            return self.note(EffectKind::Overrun, what, opcode);
        }
        Ok(())
    }

    pub(super) fn note(&mut self, kind: EffectKind, what: String, opcode: u8) -> Result<(), Fail> {
        self.budget.charge(u64::try_from(what.len()).unwrap_or(u64::MAX))?;
        self.record(kind, Key::Unknown(what), opcode, Shown::Nothing)
    }

    /// Class, key, location and count of elements; none for an id of another kind.
    #[expect(clippy::type_complexity, reason = "four parts of a tuple that is taken apart at once")]
    fn storage(&self, id: Handle) -> Result<Option<(String, String, Option<String>, Number)>, Fail> {
        let View::Tuple(index) = id.view() else { return Ok(None) };
        let part = |position| self.heap.element(index, position).unwrap_or(Handle::UNKNOWN);
        let View::Global(class) = part(1).view() else { return Ok(None) };
        let viewer = self.viewer();
        if viewer.name(part(0))?.as_deref() != Some("storage") {
            return Ok(None);
        }
        let Some(key) = viewer.name(part(2))? else { return Ok(None) };
        let class = self.heap.get_global(class).map(|class| class.name.clone()).unwrap_or_default();
        Ok(Some((class, key, viewer.name(part(3))?, self.number(part(4))?)))
    }

    pub(super) fn number(&self, value: Handle) -> Result<Number, Fail> {
        match value.view() {
            View::Int(value) => Ok(Some(i128::from(value))),
            View::IntAt(_) => match self.viewer().value(value)? {
                // What has more digits than fit is larger than everything, by its sign.
                Value::Int(digits) => Ok(Some(digits.parse().unwrap_or(i128::MAX))),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// A tuple of numbers, or `torch.Size` of one.
    fn numbers(&self, value: Handle) -> Result<Option<Vec<i128>>, Fail> {
        let index = match value.view() {
            View::Tuple(index) | View::List(index) => index,
            View::Object(index) => {
                let arguments = self.heap.get_object(index).map(|object| object.arguments.view());
                match arguments {
                    Some(View::Tuple(arguments)) => match self.heap.element(arguments, 0).map(Handle::view) {
                        Some(View::Tuple(inner) | View::List(inner)) => inner,
                        _ => return Ok(None),
                    },
                    _ => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        let kept = self.heap.kept(index);
        if u32::try_from(kept.len()) != Ok(self.heap.count(index)) {
            return Ok(None);
        }
        kept.iter().map(|part| self.number(*part)).collect()
    }

    /// Looks at a call that makes a tensor of the arguments that it hands to another function.
    pub(super) fn lay_wrapped_tensor(&mut self, arguments: Handle, opcode: u8) -> Result<(), Fail> {
        let View::Tuple(index) = arguments.view() else { return Ok(()) };
        let (Some(function), Some(inner)) = (self.heap.element(index, 0), self.heap.element(index, 2)) else {
            return Ok(());
        };
        match function.view() {
            View::Global(number) if self.heap.known(number) == Known::Tensor => {
                self.lay_tensor(number, inner, opcode)
            }
            _ => Ok(()),
        }
    }
}
