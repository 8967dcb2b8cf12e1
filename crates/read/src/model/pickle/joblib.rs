//! Arrays of joblib: their bytes lie in the file right behind the BUILD of their wrapper, between the opcodes.
//!
//! Facts of joblib's `numpy_pickle.py` (`NumpyArrayWrapper.read_array`): the bytes are `product(shape) * itemsize`,
//! after one byte that says how many bytes of padding follow it, if the wrapper names an alignment; an array of
//! objects is a pickle of its own.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::Global;

use super::handle::{Handle, View};
use super::lexer::Fail;
use super::machine::Machine;

/// What is known of a data type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Element {
    /// So many bytes.
    Bytes(u64),
    /// A reference to an object.
    Object,
}

const NOT_KNOWN: &str = "an array of joblib whose shape or type is not known";

fn not_known() -> Fail {
    Fail::Unread(Unread::Unsupported(NOT_KNOWN.to_owned()))
}

impl Machine<'_> {
    /// Goes past the array whose wrapper, on top of the stack, has just got `state`.
    pub(super) fn array(&mut self, state: Handle) -> Result<(), Fail> {
        let start = self.lexer.offset();
        if self.lexer.in_frame() {
            // The array lies behind the frame, the next opcode in it: no writer does that.
            return Err(Fail::Unread(Unread::Malformed("an array of joblib inside a frame".to_owned())));
        }
        let shape = self.state_item(state, "shape")?.ok_or_else(not_known)?;
        let dtype = self.state_item(state, "dtype")?.ok_or_else(not_known)?;
        let alignment = self.state_item(state, "numpy_array_alignment_bytes")?;
        match self.element(dtype)?.ok_or_else(not_known)? {
            Element::Object => self.nested()?,
            Element::Bytes(size) => {
                self.arrays.get_or_insert(start);
                let elements = self.product(shape).ok_or_else(not_known)?;
                let bytes = elements.checked_mul(size).ok_or_else(not_known)?;
                if alignment.is_some_and(|alignment| alignment != Handle::NONE) {
                    let [padding] = self.lexer.take()?;
                    self.lexer.skip(u64::from(padding))?;
                }
                self.lexer.skip(bytes)?;
            }
        }
        self.frame.pop()?;
        let array = Global { module: "numpy".to_owned(), name: "ndarray".to_owned() };
        let array = self.heap.global(array, &mut self.budget)?;
        let array = self.heap.object(array, Handle::NONE, &mut self.budget)?;
        self.push(array)
    }

    fn state_item(&self, state: Handle, name: &str) -> Result<Option<Handle>, Fail> {
        let View::Dict(index) = state.view() else { return Ok(None) };
        let mut found = None;
        for pair in self.heap.kept(index).chunks(2) {
            let [key, value] = pair else { continue };
            if self.viewer().name(*key)?.as_deref() == Some(name) {
                found = Some(*value);
            }
        }
        Ok(found)
    }

    fn product(&self, shape: Handle) -> Option<u64> {
        let View::Tuple(index) = shape.view() else { return None };
        let sizes = self.heap.kept(index);
        if usize::try_from(self.heap.count(index)) != Ok(sizes.len()) {
            return None;
        }
        sizes.iter().try_fold(1u64, |product, size| match size.view() {
            View::Int(size) => product.checked_mul(u64::try_from(size).ok()?),
            _ => None,
        })
    }

    /// What a `numpy.dtype` object says about its elements: `dtype(code, align, copy)`, then a state of
    /// `(version, order, subtype, names, fields, itemsize, alignment, flags)`.
    fn element(&self, dtype: Handle) -> Result<Option<Element>, Fail> {
        let View::Object(index) = dtype.view() else { return Ok(None) };
        let Some(object) = self.heap.get_object(index) else { return Ok(None) };
        let named = self.heap.get_global(object.origin);
        if !named.is_some_and(|global| global.module == "numpy" && global.name == "dtype") {
            return Ok(None);
        }
        let View::Tuple(arguments) = object.arguments.view() else { return Ok(None) };
        let Some(code) = self.heap.element(arguments, 0) else { return Ok(None) };
        let Some(code) = self.viewer().name(code)? else { return Ok(None) };
        let code = code.trim_start_matches(['<', '>', '=', '|']);
        let mut letters = code.chars();
        let (kind, size) = (letters.next(), letters.as_str().parse::<u64>().ok());
        let (mut itemsize, mut flags) = (None, 0);
        if let View::Tuple(state) = object.state.view() {
            let number = |position| match self.heap.element(state, position).map(Handle::view) {
                Some(View::Int(number)) => u64::try_from(number).ok(),
                _ => None,
            };
            itemsize = number(5);
            flags = number(7).unwrap_or(0);
        }
        Ok(match kind {
            Some('O') => Some(Element::Object),
            // The first flag of a type: elements hold references.
            _ if flags & 1 != 0 => Some(Element::Object),
            Some('b' | 'i' | 'u' | 'f' | 'c' | 'm' | 'M' | 'S' | 'V') => {
                itemsize.or(size).map(Element::Bytes)
            }
            // The number of a text counts characters of four bytes.
            Some('U') => itemsize.or(size.and_then(|size| size.checked_mul(4))).map(Element::Bytes),
            _ => None,
        })
    }
}
