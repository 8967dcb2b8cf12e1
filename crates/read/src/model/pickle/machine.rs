//! The machine: stack, marks, memo and one opcode after the other, as CPython's C unpickler does it.
//!
//! The reference is `Modules/_pickle.c` of CPython 3.11 to 3.14 (`load` and the `load_*` functions). Where it raises
//! for every input, the machine stops with [`Fail::Raises`]. Where it depends on settings, versions or on what a
//! called function does, the machine goes on: it may say more than happens, never less.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Slice, Taken};
use weighbridge_core::input::Input;
use weighbridge_core::sink::Child;

use super::effects::Effects;
use super::handle::{Handle, View};
use super::heap::{Budget, Heap, Pool};
use super::lexer::{Fail, Lexer, Loader};
use super::memo::Memo;
use super::opcode as op;
use super::slices::Said;
use super::source::Source;
use super::text::{self, Integer};
use super::view::Viewer;

/// Loads streams without running anything.
pub(super) struct Machine<'input> {
    pub(super) input: &'input Input,
    pub(super) lexer: Lexer<'input>,
    pub(super) source: Source<'input>,
    pub(super) loader: Loader,
    pub(super) heap: Heap,
    pub(super) budget: Budget,
    pub(super) effects: Effects,
    pub(super) frame: Frame,
    /// Codes of the extension registry that a stream has registered itself; none where the names are not known.
    pub(super) extensions: BTreeMap<u64, Option<(String, String)>>,
    /// Pickles inside, handed out to be read in turn.
    pub(super) children: Vec<Child>,
    /// Offsets of the opcodes whose bytes were handed out.
    pub(super) handed: BTreeSet<u64>,
    /// Storages of PyTorch by key, with their class and number of elements, where somebody wants to know.
    pub(super) storages: Option<BTreeMap<String, (String, u64)>>,
    /// Storages that are taken out of the archive that the stream lies in, by key.
    pub(super) taken: BTreeMap<String, Taken>,
    /// Where somebody wants to know: what objects say of slices of files, by their numbers.
    pub(super) said: Option<BTreeMap<u32, Said>>,
    /// Slices of files that are loaded for themselves.
    pub(super) slices: BTreeSet<Slice>,
    /// Where the first array of joblib lies that is no pickle itself.
    pub(super) arrays: Option<u64>,
    /// Where Python's own unpickler first does something that the one in C does not.
    pub(super) differs: Option<u64>,
    /// Where the memo is first asked to hold something far beyond what was written into it, and under which index.
    pub(super) far: Option<(u64, u64)>,
    /// How many streams are nested in arrays of objects.
    pub(super) depth: usize,
    /// Offset of the opcode at work.
    pub(super) at: u64,
    /// How many opcodes were executed in this stream.
    pub(super) steps: u64,
    /// How many of the tools that were handed over have been told.
    told: usize,
}

/// What one stream has for itself.
#[derive(Default)]
pub(super) struct Frame {
    pub(super) stack: Pool<Handle>,
    marks: Pool<usize>,
    /// Below this height nothing may be popped.
    fence: usize,
    memo: Memo,
    pub(super) protocol: u8,
}

/// How far an index of the memo may lie beyond the bytes read so far. A pickler that writes into several files goes on
/// counting.
const FAR: u64 = 1 << 24;

pub(super) const UNDERFLOW: Fail = Fail::Raises("the stack is empty");
const NO_MARK: Fail = Fail::Raises("there is no mark");

impl Frame {
    pub(super) fn height(&self) -> usize {
        self.stack.len()
    }

    pub(super) fn pop(&mut self) -> Result<Handle, Fail> {
        if self.stack.len() <= self.fence {
            return Err(UNDERFLOW);
        }
        self.stack.pop().ok_or(UNDERFLOW)
    }

    /// The top, which stays.
    fn top(&self) -> Result<Handle, Fail> {
        if self.stack.len() <= self.fence {
            return Err(UNDERFLOW);
        }
        self.stack.last().ok_or(UNDERFLOW)
    }

    /// Takes the last mark and gives the height at which it was set.
    pub(super) fn mark(&mut self) -> Result<usize, Fail> {
        let mark = self.marks.pop().ok_or(NO_MARK)?;
        self.fence = self.marks.last().unwrap_or(0);
        Ok(mark)
    }

    /// What lies from height `from` on.
    pub(super) fn above(&self, from: usize) -> &[Handle] {
        self.stack.as_slice().get(from..).unwrap_or_default()
    }

    /// The height below the top `count` values, all of which may be popped.
    fn below(&self, count: usize) -> Result<usize, Fail> {
        self.stack.len().checked_sub(count).filter(|from| *from >= self.fence).ok_or(UNDERFLOW)
    }

    /// The value under height `from`, on which an opcode acts.
    pub(super) fn under(&self, from: usize) -> Result<Handle, Fail> {
        if from > self.stack.len() || from <= self.fence {
            return Err(UNDERFLOW);
        }
        from.checked_sub(1).and_then(|at| self.stack.get(at)).ok_or(UNDERFLOW)
    }

    fn clear(&mut self) {
        self.stack.clear();
        self.marks.clear();
        self.memo.clear();
        self.fence = 0;
        self.protocol = 0;
    }
}

impl<'input> Machine<'input> {
    /// A machine that begins at the start of `input` and reads through a window of `window` bytes.
    pub(super) fn new(input: &'input Input, window: usize, loader: Loader) -> Self {
        Self {
            input,
            lexer: Lexer::new(input, 0, window, loader),
            source: Source::new(input),
            loader,
            heap: Heap::default(),
            budget: Budget::new(input.limits().state_bytes),
            effects: Effects::new(input.limits().facts),
            frame: Frame::default(),
            extensions: BTreeMap::new(),
            children: Vec::new(),
            handed: BTreeSet::new(),
            storages: None,
            taken: BTreeMap::new(),
            said: None,
            slices: BTreeSet::new(),
            arrays: None,
            differs: None,
            far: None,
            depth: 0,
            at: 0,
            steps: 0,
            told: 0,
        }
    }

    /// Runs the stream at `offset` up to its STOP, and gives what it leaves.
    pub(super) fn stream(&mut self, offset: u64) -> Result<Handle, Fail> {
        self.lexer.restart(offset);
        self.heap.clear();
        self.frame.clear();
        self.steps = 0;
        self.told = 0;
        let outcome = self.run();
        self.tell_slices()?;
        outcome
    }

    /// Notes an index for which the unpickler in C makes room that no stream needs: it counts up with what is written.
    fn note_far(&mut self, index: u64) {
        if index > self.at.saturating_add(FAR) {
            self.far.get_or_insert((self.at, index));
        }
    }

    /// Whether what comes next is done: Python's own unpickler does it, and the one in C does not.
    pub(super) fn python_goes_on(&mut self) -> bool {
        if !self.loader.python {
            self.differs.get_or_insert(self.at);
        }
        self.loader.python
    }

    /// Looks at values.
    pub(super) fn viewer(&self) -> Viewer<'_, 'input> {
        Viewer { heap: &self.heap, source: &self.source }
    }

    pub(super) fn push(&mut self, value: Handle) -> Result<(), Fail> {
        Ok(self.frame.stack.push(value, &mut self.budget)?)
    }

    fn push_view(&mut self, view: View) -> Result<(), Fail> {
        self.push(Handle::new(view))
    }

    /// Executes opcodes up to STOP.
    pub(super) fn run(&mut self) -> Result<Handle, Fail> {
        let mut opcode = op::MARK;
        loop {
            while let Some(tool) = self.heap.handed_over(self.told) {
                self.told = self.told.saturating_add(1);
                self.handed_over(tool, opcode)?;
            }
            self.at = self.lexer.offset();
            opcode = self.lexer.opcode()?;
            self.steps = self.steps.saturating_add(1);
            match opcode {
                op::STOP => return self.frame.pop(),
                op::MARK => self.set_mark()?,
                op::POP => self.pop()?,
                op::POP_MARK => {
                    let mark = self.frame.mark()?;
                    self.frame.stack.truncate(mark);
                }
                op::DUP => {
                    let top = self.frame.top()?;
                    self.push(top)?;
                }
                op::PROTO => {
                    let [protocol] = self.lexer.take()?;
                    if protocol > op::HIGHEST_PROTOCOL {
                        return Err(Fail::Raises("the protocol is not supported"));
                    }
                    self.frame.protocol = protocol;
                }
                op::FRAME => {
                    let length = self.length8()?;
                    // Python reads what is there of a frame and goes on.
                    match self.lexer.frame(length) {
                        Err(Fail::Truncated(_)) if self.python_goes_on() => {}
                        framed => framed?,
                    }
                }

                op::NONE => self.push(Handle::NONE)?,
                op::NEWTRUE => self.push(Handle::TRUE)?,
                op::NEWFALSE => self.push(Handle::FALSE)?,
                op::BININT => {
                    let value = i32::from_le_bytes(self.lexer.take()?);
                    self.push_view(View::Int(i64::from(value)))?;
                }
                op::BININT1 => {
                    let [value] = self.lexer.take()?;
                    self.push_view(View::Int(i64::from(value)))?;
                }
                op::BININT2 => {
                    let value = u16::from_le_bytes(self.lexer.take()?);
                    self.push_view(View::Int(i64::from(value)))?;
                }
                op::INT | op::LONG => self.text_integer(opcode)?,
                op::LONG1 => {
                    let [length] = self.lexer.take()?;
                    self.binary_integer(u64::from(length))?;
                }
                op::LONG4 => {
                    let length = i32::from_le_bytes(self.lexer.take()?);
                    let length = u64::try_from(length).map_err(|_| Fail::Raises("a length is negative"))?;
                    self.binary_integer(length)?;
                }
                op::FLOAT => {
                    let line = self.number_line()?;
                    if line.is_whole()
                        && text::float(&line.bytes).is_none()
                        && !(text::is_python_float(&line.bytes) && self.python_goes_on())
                    {
                        return Err(Fail::Raises("the argument of FLOAT is no number"));
                    }
                    self.lexer.recycle(line);
                    self.push_view(View::FloatAt(self.at))?;
                }
                op::BINFLOAT => {
                    let in_place = self.lexer.offset();
                    let _: [u8; 8] = self.lexer.take()?;
                    let moved = self.lexer.offset() != in_place.saturating_add(8);
                    self.push_view(if moved { View::Unknown } else { View::FloatAt(self.at) })?;
                }

                op::STRING | op::UNICODE => self.text_line(opcode)?,
                op::SHORT_BINUNICODE => {
                    let [length] = self.lexer.take()?;
                    self.utf8(u64::from(length))?;
                }
                op::BINUNICODE => {
                    let length = u32::from_le_bytes(self.lexer.take()?);
                    self.utf8(u64::from(length))?;
                }
                op::BINUNICODE8 => {
                    let length = self.length8()?;
                    self.utf8(length)?;
                }
                op::SHORT_BINSTRING => {
                    let [length] = self.lexer.take()?;
                    self.latin1(u64::from(length))?;
                }
                op::BINSTRING => {
                    // The C code takes the four bytes as unsigned.
                    let length = u32::from_le_bytes(self.lexer.take()?);
                    self.latin1(u64::from(length))?;
                }
                op::SHORT_BINBYTES => {
                    let [length] = self.lexer.take()?;
                    self.binary(opcode, u64::from(length))?;
                }
                op::BINBYTES => {
                    let length = u32::from_le_bytes(self.lexer.take()?);
                    self.binary(opcode, u64::from(length))?;
                }
                op::BINBYTES8 | op::BYTEARRAY8 => {
                    let length = self.length8()?;
                    self.binary(opcode, length)?;
                }

                op::EMPTY_TUPLE => self.tuple(self.frame.height())?,
                op::TUPLE1 => self.tuple(self.frame.below(1)?)?,
                op::TUPLE2 => self.tuple(self.frame.below(2)?)?,
                op::TUPLE3 => self.tuple(self.frame.below(3)?)?,
                op::TUPLE => {
                    let mark = self.frame.mark()?;
                    self.tuple(mark)?;
                }
                op::EMPTY_LIST => {
                    let list = self.heap.container(&[], false, &mut self.budget)?;
                    self.push_view(View::List(list))?;
                }
                op::EMPTY_DICT => {
                    let dictionary = self.heap.container(&[], true, &mut self.budget)?;
                    self.push_view(View::Dict(dictionary))?;
                }
                op::EMPTY_SET => {
                    let set = self.heap.container(&[], false, &mut self.budget)?;
                    self.push_view(View::Set(set))?;
                }
                op::LIST => {
                    let mark = self.frame.mark()?;
                    let list = self.heap.container(self.frame.above(mark), false, &mut self.budget)?;
                    self.frame.stack.truncate(mark);
                    self.push_view(View::List(list))?;
                }
                op::DICT => self.dictionary()?,
                op::FROZENSET => {
                    let mark = self.frame.mark()?;
                    self.hashable(mark, 1)?;
                    let set = self.heap.container(self.frame.above(mark), false, &mut self.budget)?;
                    self.frame.stack.truncate(mark);
                    self.push_view(View::FrozenSet(set))?;
                }
                op::APPEND => {
                    let from = self.frame.height().checked_sub(1).ok_or(UNDERFLOW)?;
                    self.append(from, opcode)?;
                }
                op::APPENDS => {
                    let mark = self.frame.mark()?;
                    self.append(mark, opcode)?;
                }
                op::SETITEM => {
                    let from = self.frame.height().checked_sub(2).ok_or(UNDERFLOW)?;
                    self.set_items(from, opcode)?;
                }
                op::SETITEMS => {
                    let mark = self.frame.mark()?;
                    self.set_items(mark, opcode)?;
                }
                op::ADDITEMS => {
                    let mark = self.frame.mark()?;
                    self.add_items(mark)?;
                }

                op::PUT => {
                    let line = self.number_line()?;
                    let top = self.frame.top()?;
                    let Some(Integer::Small(index)) = text::index(&line.bytes) else {
                        return Err(Fail::Raises("the argument of PUT is no index"));
                    };
                    self.lexer.recycle(line);
                    // The C code makes room for twice the index, eight bytes each: it has no memory for such a one.
                    let index = u64::try_from(index).ok().filter(|index| index >> 59 == 0);
                    let index = index.ok_or(Fail::Raises("the argument of PUT is out of range"))?;
                    self.note_far(index);
                    self.frame.memo.put(index, top, &mut self.budget)?;
                }
                op::BINPUT => {
                    let [index] = self.lexer.take()?;
                    let top = self.frame.top()?;
                    self.frame.memo.put(u64::from(index), top, &mut self.budget)?;
                }
                op::LONG_BINPUT => {
                    let index = u64::from(u32::from_le_bytes(self.lexer.take()?));
                    let top = self.frame.top()?;
                    self.note_far(index);
                    self.frame.memo.put(index, top, &mut self.budget)?;
                }
                op::MEMOIZE => {
                    let top = self.frame.top()?;
                    self.frame.memo.memoize(top, &mut self.budget)?;
                }
                op::GET => {
                    let line = self.number_line()?;
                    let Some(Integer::Small(index)) = text::index(&line.bytes) else {
                        return Err(Fail::Raises("the argument of GET is no index"));
                    };
                    self.lexer.recycle(line);
                    self.get(u64::try_from(index).unwrap_or(u64::MAX))?;
                }
                op::BINGET => {
                    let [index] = self.lexer.take()?;
                    self.get(u64::from(index))?;
                }
                op::LONG_BINGET => {
                    let index = u32::from_le_bytes(self.lexer.take()?);
                    self.get(u64::from(index))?;
                }

                op::GLOBAL => self.global()?,
                op::STACK_GLOBAL => self.stack_global()?,
                op::REDUCE => self.reduce()?,
                op::OBJ => self.obj()?,
                op::INST => self.inst()?,
                op::NEWOBJ | op::NEWOBJ_EX => self.new_object(opcode)?,
                op::BUILD => self.build()?,
                op::EXT1 => {
                    let [code] = self.lexer.take()?;
                    self.extension(i64::from(code), opcode)?;
                }
                op::EXT2 => {
                    let code = u16::from_le_bytes(self.lexer.take()?);
                    self.extension(i64::from(code), opcode)?;
                }
                op::EXT4 => {
                    let code = i32::from_le_bytes(self.lexer.take()?);
                    self.extension(i64::from(code), opcode)?;
                }
                op::PERSID => {
                    let line = match self.lexer.line() {
                        Err(fail @ Fail::Truncated(_)) => {
                            self.python_goes_on();
                            return Err(fail);
                        }
                        line => line?,
                    };
                    if !line.bytes.is_ascii() {
                        return Err(Fail::Raises("a persistent id is not ASCII"));
                    }
                    let in_place = line.start == self.at.saturating_add(1);
                    self.lexer.recycle(line);
                    let id = View::Text { at: self.at, telling: false };
                    self.persistent(Handle::new(if in_place { id } else { View::Unknown }), opcode)?;
                }
                op::BINPERSID => {
                    let id = self.frame.pop()?;
                    self.persistent(id, opcode)?;
                }
                op::NEXT_BUFFER => self.next_buffer()?,
                op::READONLY_BUFFER => {
                    let top = self.frame.top()?;
                    let buffer = matches!(top.view(), View::Bytes(_) | View::ByteArray(_) | View::Encoded(_));
                    if !buffer && !top.is_open() {
                        return Err(Fail::Raises("a buffer is needed"));
                    }
                    if let View::ByteArray(at) = top.view() {
                        // A view that cannot be written to: what it can do is what bytes can.
                        self.frame.pop()?;
                        self.push_view(View::Bytes(at))?;
                    }
                }
                _ => return Err(Fail::Raises("not an opcode")),
            }
        }
    }

    fn set_mark(&mut self) -> Result<(), Fail> {
        let height = self.frame.height();
        self.frame.marks.push(height, &mut self.budget)?;
        self.frame.fence = height;
        Ok(())
    }

    /// POP takes a mark when nothing lies on it.
    fn pop(&mut self) -> Result<(), Fail> {
        if self.frame.marks.last() == Some(self.frame.height()) {
            self.frame.mark().map(drop)
        } else {
            self.frame.pop().map(drop)
        }
    }

    fn get(&mut self, index: u64) -> Result<(), Fail> {
        let value =
            self.frame.memo.get(index).ok_or(Fail::Raises("the memo has nothing under this index"))?;
        self.push(value)
    }

    /// A length of eight bytes; what a C `Py_ssize_t` cannot hold is an error.
    fn length8(&mut self) -> Result<u64, Fail> {
        let length = u64::from_le_bytes(self.lexer.take()?);
        if i64::try_from(length).is_err() {
            return Err(Fail::Raises("a length is out of range"));
        }
        Ok(length)
    }

    /// A line that is not empty.
    fn number_line(&mut self) -> Result<super::lexer::Line, Fail> {
        let line = self.lexer.line()?;
        if line.length == 0 { Err(Fail::Raises("an argument is empty")) } else { Ok(line) }
    }

    fn text_integer(&mut self, opcode: u8) -> Result<(), Fail> {
        let line = self.number_line()?;
        let value = match opcode {
            _ if !line.is_whole() => Some(Integer::Large),
            op::INT => text::int(&line.bytes),
            _ => text::long_line(&line.bytes),
        };
        self.lexer.recycle(line);
        self.push_view(match value {
            Some(Integer::Bool(value)) => View::Bool(value),
            Some(Integer::Small(value)) if value.unsigned_abs() < 1 << 56 => View::Int(value),
            Some(Integer::Small(_) | Integer::Large) => View::IntAt(self.at),
            None => return Err(Fail::Raises("an argument is no integer")),
        })
    }

    fn binary_integer(&mut self, length: u64) -> Result<(), Fail> {
        if length > 8 {
            let start = self.lexer.offset();
            self.lexer.latin1(length)?;
            let moved = self.lexer.offset() != start.saturating_add(length);
            return self.push_view(if moved { View::Unknown } else { View::IntAt(self.at) });
        }
        if length == 0 {
            return self.push_view(View::Int(0));
        }
        let start = self.lexer.offset();
        let telling = self.lexer.latin1(length)?;
        if telling.is_none() {
            return self.push(Handle::UNKNOWN);
        }
        let count = usize::try_from(length).unwrap_or(8);
        let bytes = self.source.bytes(start, count)?;
        let negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        for (to, from) in wide.iter_mut().zip(&bytes) {
            *to = *from;
        }
        let value = i64::from_le_bytes(wide);
        self.push_view(if value.unsigned_abs() < 1 << 56 { View::Int(value) } else { View::IntAt(self.at) })
    }

    fn push_text(&mut self, telling: Option<bool>) -> Result<(), Fail> {
        self.push_view(match telling {
            Some(telling) => View::Text { at: self.at, telling },
            None => View::Unknown,
        })
    }

    fn utf8(&mut self, length: u64) -> Result<(), Fail> {
        let telling = self.lexer.utf8(length)?;
        self.push_text(telling)
    }

    /// Loaders differ in how they decode texts of Python 2; any encoding may be asked for, so every text will do.
    fn latin1(&mut self, length: u64) -> Result<(), Fail> {
        let telling = self.lexer.latin1(length)?;
        self.push_text(telling)
    }

    fn text_line(&mut self, opcode: u8) -> Result<(), Fail> {
        let line = self.lexer.line()?;
        let in_place = line.start == self.at.saturating_add(1);
        let telling = if !line.is_whole() {
            // Too long to be looked at: a text it is, with a telling beginning or not.
            Some(line.bytes.iter().take(3).any(|byte| matches!(byte, b'_' | b'\\' | b'f' | b'r')))
        } else if opcode == op::STRING {
            let inner =
                text::unquote(&line.bytes).ok_or(Fail::Raises("the argument of STRING is not quoted"))?;
            text::unescape(inner).map(|inner| text::is_telling(&inner, false))
        } else if line.bytes.contains(&b'\\') {
            text::raw_unicode_escape(&line.bytes).map(|inner| text::is_telling(inner.as_bytes(), false))
        } else {
            Some(text::is_telling(&line.bytes, false))
        };
        let telling = telling.ok_or(Fail::Raises("an escape in a text is invalid"))?;
        self.lexer.recycle(line);
        self.push_text(in_place.then_some(telling))
    }

    fn binary(&mut self, opcode: u8, length: u64) -> Result<(), Fail> {
        self.lexer.skip(length)?;
        let array = opcode == op::BYTEARRAY8;
        self.push_view(if array { View::ByteArray(self.at) } else { View::Bytes(self.at) })
    }

    fn tuple(&mut self, from: usize) -> Result<(), Fail> {
        let items = self.frame.above(from);
        let unhashable = items.iter().any(|item| !self.is_hashable(*item));
        let tuple = self.heap.tuple(items, unhashable, &mut self.budget)?;
        self.frame.stack.truncate(from);
        self.push_view(View::Tuple(tuple))
    }

    fn dictionary(&mut self) -> Result<(), Fail> {
        let mark = self.frame.mark()?;
        if !self.frame.above(mark).len().is_multiple_of(2) {
            return Err(Fail::Raises("DICT has a key without a value"));
        }
        self.hashable(mark, 2)?;
        let dictionary = self.heap.container(self.frame.above(mark), true, &mut self.budget)?;
        self.frame.stack.truncate(mark);
        self.push_view(View::Dict(dictionary))
    }

    /// Whether a value can be a key; what is not known can.
    pub(super) fn is_hashable(&self, value: Handle) -> bool {
        match value.view() {
            View::List(_) | View::Dict(_) | View::Set(_) | View::ByteArray(_) => false,
            View::Tuple(index) => !self.heap.get(index).is_some_and(|tuple| tuple.unhashable),
            _ => true,
        }
    }

    /// Checks that every `step`th value from height `from` on can be a key.
    pub(super) fn hashable(&self, from: usize, step: usize) -> Result<(), Fail> {
        let keys = self.frame.above(from).chunks(step).filter_map(<[Handle]>::first);
        if keys.copied().all(|key| self.is_hashable(key)) {
            Ok(())
        } else {
            Err(Fail::Raises("a key or an element of a set cannot be hashed"))
        }
    }

    /// Runs a stream that lies inside this one, with a stack and a memo of its own.
    pub(super) fn nested(&mut self) -> Result<(), Fail> {
        let most = self.input.limits().depth;
        if self.depth >= most {
            let most = u64::try_from(most).unwrap_or(u64::MAX);
            return Err(Fail::Unread(Unread::Limit(weighbridge_core::coverage::LimitKind::Depth, most)));
        }
        self.depth = self.depth.saturating_add(1);
        let outer = std::mem::take(&mut self.frame);
        let outcome = self.run();
        self.frame = outer;
        self.depth = self.depth.saturating_sub(1);
        outcome.map(drop)
    }
}
