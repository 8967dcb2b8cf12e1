//! Opcodes that do something: import, call, make, change.

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{EffectKind, Global};
use weighbridge_core::sink::{Body, Child};

use super::calls::{Known, is_latin1};
use super::effects::{Key, Occurrence};
use super::handle::{Handle, View};
use super::heap::NO_ITEMS;
use super::lexer::Fail;
use super::machine::{Machine, UNDERFLOW};
use super::opcode as op;
use super::renames::to_python3;
use super::view::Viewer;
use crate::model::marshal::{self, Described};

/// What is shown as the arguments of an effect.
#[derive(Clone, Copy)]
pub(super) enum Shown {
    /// Nothing.
    Nothing,
    /// The elements of a tuple.
    Elements(Handle),
    /// The elements of a tuple, then keyword arguments.
    Keywords(Handle, Handle),
    /// The state of an object.
    State(Handle),
    /// One value.
    One(Handle),
}

const NOT_CALLABLE: Fail = Fail::Raises("what is called is not callable");
const NOT_A_TUPLE: Fail = Fail::Raises("arguments are not a tuple");

impl Machine<'_> {
    pub(super) fn record(
        &mut self,
        kind: EffectKind,
        key: Key,
        opcode: u8,
        shown: Shown,
    ) -> Result<(), Fail> {
        let viewer = Viewer { heap: &self.heap, source: &self.source };
        let kept = match &shown {
            Shown::Elements(tuple) => match tuple.view() {
                View::Tuple(index) => Some(self.heap.kept(index))
                    .filter(|kept| usize::try_from(self.heap.count(index)) == Ok(kept.len())),
                _ => None,
            },
            _ => None,
        };
        let handles = match &shown {
            Shown::Elements(_) => kept.as_deref().unwrap_or_default(),
            Shown::State(value) | Shown::One(value) => std::slice::from_ref(value),
            Shown::Nothing | Shown::Keywords(..) => &[],
        };
        let occurrence = Occurrence { kind, key, opcode: op::name(opcode), at: self.at, handles };
        let arguments = || match shown {
            Shown::Nothing => Ok(Vec::new()),
            Shown::Elements(tuple) => viewer.arguments(tuple),
            Shown::Keywords(tuple, keywords) => {
                let mut arguments = viewer.arguments(tuple)?;
                arguments.push(viewer.value(keywords)?);
                Ok(arguments)
            }
            Shown::State(value) => Ok(vec![viewer.state(value)?]),
            Shown::One(value) => Ok(vec![viewer.value(value)?]),
        };
        self.effects.record(occurrence, &self.heap, &mut self.budget, arguments)?;
        Ok(self.source.check_work()?)
    }

    /// What an effect on `value` acts on; none when it is a value of a built-in type.
    fn key(&self, value: Handle) -> Option<Key> {
        match value.view() {
            View::Global(number) => Some(Key::Global(number)),
            View::Object(index) => match self.heap.get_object(index) {
                Some(object) => Some(Key::ResultOf(object.origin)),
                None => Some(Key::Unknown("an object".to_owned())),
            },
            View::Persistent(_) => Some(Key::Unknown("an object that the loader brings".to_owned())),
            View::Unknown => Some(Key::Unknown("a computed object".to_owned())),
            _ => None,
        }
    }

    /// `find_class`: the renames of old protocols, then the import.
    fn import(&mut self, module: &str, name: &str, opcode: u8) -> Result<(), Fail> {
        let (module, name) = if self.frame.protocol < 3 { to_python3(module, name) } else { (module, name) };
        let global = Global { module: module.to_owned(), name: name.to_owned() };
        let number = self.heap.global(global, &mut self.budget)?;
        self.record(EffectKind::Import, Key::Global(number), opcode, Shown::Nothing)?;
        self.push(Handle::new(View::Global(number)))
    }

    /// An import of which the module or the name is computed by the stream.
    fn import_computed(&mut self, module: Option<&str>, name: Option<&str>, opcode: u8) -> Result<(), Fail> {
        let known = match (module, name) {
            (Some(module), _) => format!("a computed name in `{module}`"),
            (None, Some(name)) => format!("`{name}` in a computed module"),
            (None, None) => "a computed name in a computed module".to_owned(),
        };
        self.budget.charge(u64::try_from(known.len()).unwrap_or(u64::MAX))?;
        self.record(EffectKind::Import, Key::Unknown(known), opcode, Shown::Nothing)?;
        self.push(Handle::UNKNOWN)
    }

    pub(super) fn global(&mut self) -> Result<(), Fail> {
        let (module, name) = (self.name_line(false)?, self.name_line(false)?);
        self.import(&module, &name, op::GLOBAL)
    }

    /// A module or a name on a line of its own.
    fn name_line(&mut self, ascii: bool) -> Result<String, Fail> {
        let line = match self.lexer.short_line() {
            Err(Fail::Truncated(end)) => {
                self.python_goes_on();
                return Err(Fail::Truncated(end));
            }
            line => line?,
        };
        if line.length == 0 {
            return Err(Fail::Raises("a module or name is empty"));
        }
        let name = std::str::from_utf8(&line.bytes).map(str::to_owned);
        self.lexer.recycle(line);
        name.ok().filter(|name| !ascii || name.is_ascii()).ok_or(Fail::Raises("a module or name is no text"))
    }

    pub(super) fn stack_global(&mut self) -> Result<(), Fail> {
        let name = self.frame.pop()?;
        let module = self.frame.pop()?;
        let may_be_text = |value: Handle| match value.view() {
            View::Text { .. } | View::Object(_) | View::Persistent(_) | View::Unknown => true,
            // `pandas.NA` and the like are no texts, but a constant of a module may be one.
            View::Global(_) => true,
            _ => false,
        };
        if !may_be_text(module) || !may_be_text(name) {
            return Err(Fail::Raises("STACK_GLOBAL requires texts"));
        }
        let viewer = self.viewer();
        match (viewer.name(module)?, viewer.name(name)?) {
            (Some(module), Some(name)) => self.import(&module, &name, op::STACK_GLOBAL),
            (module, name) => self.import_computed(module.as_deref(), name.as_deref(), op::STACK_GLOBAL),
        }
    }

    /// A code of the extension registry: what the stream itself has registered, else only the loading program knows.
    pub(super) fn extension(&mut self, code: i64, opcode: u8) -> Result<(), Fail> {
        let code = u64::try_from(code).ok().filter(|code| *code > 0);
        let code = code.ok_or(Fail::Raises("an extension code is not above zero"))?;
        match self.extensions.get(&code).cloned() {
            Some(Some((module, name))) => self.import(&module, &name, opcode),
            Some(None) => self.import_computed(None, None, opcode),
            None => {
                let key = Key::Unknown(format!("extension code {code}"));
                self.record(EffectKind::Extension, key, opcode, Shown::Nothing)?;
                self.push(Handle::UNKNOWN)
            }
        }
    }

    pub(super) fn persistent(&mut self, id: Handle, opcode: u8) -> Result<(), Fail> {
        let key = Key::Unknown("persistent_load".to_owned());
        self.record(EffectKind::Persistent, key, opcode, Shown::One(id))?;
        self.take_storage(id, opcode)?;
        if self.storages.is_some() {
            self.note_storage(id)?;
        }
        let tuple = self.heap.tuple(&[id], false, &mut self.budget)?;
        self.push(Handle::new(View::Persistent(tuple)))
    }

    /// Keeps what a persistent id of PyTorch says about a storage: `('storage', type, key, location, count, …)`.
    fn note_storage(&mut self, id: Handle) -> Result<(), Fail> {
        let View::Tuple(index) = id.view() else { return Ok(()) };
        let part = |position| self.heap.element(index, position).unwrap_or(Handle::UNKNOWN);
        let (View::Global(class), View::Int(count)) = (part(1).view(), part(4).view()) else { return Ok(()) };
        let class = self.heap.get_global(class).map(|class| class.name.clone()).unwrap_or_default();
        let viewer = self.viewer();
        if viewer.name(part(0))?.as_deref() != Some("storage") {
            return Ok(());
        }
        let Some(key) = viewer.name(part(2))? else { return Ok(()) };
        let count = u64::try_from(count).unwrap_or(0);
        self.budget.charge(u64::try_from(key.len()).unwrap_or(u64::MAX).saturating_add(96))?;
        if let Some(storages) = &mut self.storages {
            storages.insert(key, (class, count));
        }
        Ok(())
    }

    pub(super) fn next_buffer(&mut self) -> Result<(), Fail> {
        let key = Key::Unknown("a buffer from outside".to_owned());
        self.record(EffectKind::Buffer, key, op::NEXT_BUFFER, Shown::Nothing)?;
        self.push(Handle::UNKNOWN)
    }

    pub(super) fn reduce(&mut self) -> Result<(), Fail> {
        let arguments = self.frame.pop()?;
        let callee = self.frame.pop()?;
        let arguments = self.arguments(arguments)?;
        self.call(callee, arguments, op::REDUCE)
    }

    /// The arguments of a call: a tuple in C, whatever can be iterated in Python.
    fn arguments(&mut self, arguments: Handle) -> Result<Handle, Fail> {
        match arguments.view() {
            View::Tuple(_) => Ok(arguments),
            _ if arguments.is_open() => Ok(arguments),
            View::List(index) if self.python_goes_on() => Ok(Handle::new(View::Tuple(index))),
            View::Dict(_)
            | View::Set(_)
            | View::FrozenSet(_)
            | View::Text { .. }
            | View::Bytes(_)
            | View::ByteArray(_)
            | View::Encoded(_)
                if self.python_goes_on() =>
            {
                Ok(Handle::UNKNOWN)
            }
            _ => Err(NOT_A_TUPLE),
        }
    }

    pub(super) fn obj(&mut self) -> Result<(), Fail> {
        let mark = self.frame.mark()?;
        let first = mark.checked_add(1).filter(|first| *first <= self.frame.height()).ok_or(UNDERFLOW)?;
        let arguments = self.take_tuple(first)?;
        let callee = self.frame.pop()?;
        self.call(callee, arguments, op::OBJ)
    }

    pub(super) fn inst(&mut self) -> Result<(), Fail> {
        // Python imports before it looks for the mark.
        let mark = match self.frame.mark() {
            Err(error) if !self.python_goes_on() => return Err(error),
            mark => mark,
        };
        let (module, name) = (self.name_line(true)?, self.name_line(true)?);
        self.import(&module, &name, op::INST)?;
        let class = self.frame.pop()?;
        let mark = mark?;
        let arguments = self.take_tuple(mark)?;
        self.call(class, arguments, op::INST)
    }

    /// Everything from height `from` on, as a tuple.
    fn take_tuple(&mut self, from: usize) -> Result<Handle, Fail> {
        let tuple = self.heap.tuple(self.frame.above(from), false, &mut self.budget)?;
        self.frame.stack.truncate(from);
        Ok(Handle::new(View::Tuple(tuple)))
    }

    fn call(&mut self, callee: Handle, arguments: Handle, opcode: u8) -> Result<(), Fail> {
        let key = self.key(callee).ok_or(NOT_CALLABLE)?;
        self.record(EffectKind::Call, key, opcode, Shown::Elements(arguments))?;
        if self.makes_code(callee) {
            let found = marshal::describe_arguments(&self.viewer().arguments(arguments)?);
            self.record_code(&found.unwrap_or_default(), opcode)?;
        }
        let result = match callee.view() {
            View::Global(number) => self.result(number, arguments)?,
            _ => Handle::UNKNOWN,
        };
        if let View::Global(number) = callee.view() {
            match self.heap.known(number) {
                Known::Unmarshal => {
                    if let Some(code) = self.unmarshal(arguments)? {
                        self.record_code(&code, opcode)?;
                    }
                }
                Known::Tensor => self.lay_tensor(number, arguments, opcode)?,
                Known::WrappedTensor => self.lay_wrapped_tensor(arguments, opcode)?,
                _ => {}
            }
        }
        self.note_arguments(callee, arguments, result)?;
        self.push(result)
    }

    /// Whether a call of this makes code of its parts.
    fn makes_code(&self, callee: Handle) -> bool {
        match callee.view() {
            View::Global(number) => self.heap.known(number) == Known::MakeCode,
            // Only code objects are made of this many parts of these kinds; other types give no description.
            View::Object(index) => self.heap.get_object(index).is_some_and(|object| {
                self.heap.known(object.origin) == Known::TypeByName
                    && self.argument(object.arguments, 0).is_some_and(|name| {
                        self.viewer().name(name).is_ok_and(|name| name.as_deref() == Some("CodeType"))
                    })
            }),
            _ => false,
        }
    }

    /// Code in the bytes that `marshal.loads` is called with; none where they are data, or not known.
    fn unmarshal(&mut self, arguments: Handle) -> Result<Option<Described>, Fail> {
        let bytes = match self.argument(arguments, 0).map(Handle::view) {
            Some(View::Bytes(at) | View::ByteArray(at)) => {
                let payload = self.source.payload(at)?;
                if payload.length > marshal::MOST_BYTES {
                    return Ok(Some(Described::default()));
                }
                self.input.read_vec(payload.start, payload.length, marshal::MOST_BYTES)?
            }
            Some(View::Encoded(at)) => {
                let text = self.source.text(at, usize::try_from(marshal::MOST_BYTES).unwrap_or(0))?;
                text.beginning.chars().filter_map(|character| u8::try_from(character).ok()).collect()
            }
            _ => return Ok(None),
        };
        // The same bytes may be loaded over and over.
        self.source.spend(bytes.len());
        self.source.check_work()?;
        Ok(marshal::describe(&bytes).filter(|found| found.codes > 0))
    }

    /// Says what is known of code that the stream makes. That it runs is for whoever calls it.
    fn record_code(&mut self, code: &Described, opcode: u8) -> Result<(), Fail> {
        let summary = code.summary();
        self.budget.charge(u64::try_from(summary.len()).unwrap_or(u64::MAX))?;
        self.record(EffectKind::Run, Key::Code(summary), opcode, Shown::Nothing)
    }

    /// A function that calls or loads what it is given has become a part of some data: whoever gets that may call it,
    /// with anything.
    pub(super) fn handed_over(&mut self, tool: u32, opcode: u8) -> Result<(), Fail> {
        self.record(EffectKind::Call, Key::Global(tool), opcode, Shown::One(Handle::UNKNOWN))
    }

    /// The argument at `position` of a call.
    fn argument(&self, arguments: Handle, position: usize) -> Option<Handle> {
        match arguments.view() {
            View::Tuple(index) => self.heap.element(index, position),
            _ => None,
        }
    }

    /// What a call of a global returns, as far as it is known.
    fn result(&mut self, callee: u32, arguments: Handle) -> Result<Handle, Fail> {
        let first = self.argument(arguments, 0);
        let second = self.argument(arguments, 1);
        match self.heap.known(callee) {
            Known::GetAttribute => {
                if let (Some(View::Global(number)), Some(second)) = (first.map(Handle::view), second)
                    && let Some(attribute) = self.viewer().name(second)?
                    && let Some(global) = self.heap.get_global(number)
                {
                    let name = format!("{}.{attribute}", global.name);
                    let global = Global { module: global.module.clone(), name };
                    return Ok(Handle::new(View::Global(self.heap.global(global, &mut self.budget)?)));
                }
            }
            Known::Encode => {
                if let (Some(View::Text { at, .. }), Some(second)) = (first.map(Handle::view), second)
                    && self.viewer().name(second)?.is_some_and(|encoding| is_latin1(&encoding))
                {
                    return Ok(Handle::new(View::Encoded(at)));
                }
            }
            Known::Reconstruct => {
                if let Some(View::Global(class)) = first.map(Handle::view) {
                    let object = self.heap.object(class, arguments, &mut self.budget)?;
                    if self.heap.known(class) != Known::Other {
                        self.hide_items(object)?;
                    }
                    return Ok(object);
                }
            }
            Known::AddExtension => self.register(first, second, self.argument(arguments, 2))?,
            Known::Load(position) => {
                if let Some(bytes) = self.argument(arguments, usize::from(position)) {
                    self.hand_out(callee, bytes)?;
                }
            }
            Known::Dictionary(plain) => {
                let object = self.heap.object(callee, arguments, &mut self.budget)?;
                let count = match arguments.view() {
                    View::Tuple(index) => self.heap.count(index),
                    _ => u32::MAX,
                };
                if count > plain {
                    self.hide_items(object)?;
                }
                return Ok(object);
            }
            Known::BytesFile
            | Known::ArrayWrapper
            | Known::Caller
            | Known::Unmarshal
            | Known::MakeCode
            | Known::TypeByName
            | Known::Tensor
            | Known::WrappedTensor
            | Known::Other => {}
        }
        Ok(self.heap.object(callee, arguments, &mut self.budget)?)
    }

    /// Says that an object has items that are not known.
    fn hide_items(&mut self, object: Handle) -> Result<(), Fail> {
        if let View::Object(index) = object.view() {
            let items = self.items(index)?;
            self.heap.set_opaque(items);
        }
        Ok(())
    }

    /// The container of the items that were set on an object.
    fn items(&mut self, index: u32) -> Result<u32, Fail> {
        let items = self.heap.get_object(index).map_or(NO_ITEMS, |object| object.items);
        if items != NO_ITEMS {
            return Ok(items);
        }
        let items = self.heap.container(&[], true, &mut self.budget)?;
        if let Some(object) = self.heap.object_mut(index) {
            object.items = items;
        }
        Ok(items)
    }

    /// `copyreg.add_extension(module, name, code)`.
    fn register(
        &mut self,
        module: Option<Handle>,
        name: Option<Handle>,
        code: Option<Handle>,
    ) -> Result<(), Fail> {
        let (Some(module), Some(name), Some(View::Int(code))) = (module, name, code.map(Handle::view)) else {
            return Ok(());
        };
        let Ok(code) = u64::try_from(code) else { return Ok(()) };
        let viewer = self.viewer();
        let names = viewer.name(module)?.zip(viewer.name(name)?);
        let bytes = names.as_ref().map_or(0, |(module, name)| module.len().saturating_add(name.len()));
        self.budget.charge(u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(64))?;
        self.extensions.insert(code, names);
        Ok(())
    }

    /// Hands the bytes that a loader is called with out to be read in turn.
    fn hand_out(&mut self, callee: u32, argument: Handle) -> Result<(), Fail> {
        let bytes = match argument.view() {
            View::Object(index) => {
                let file = self.heap.get_object(index);
                let file = file.filter(|file| self.heap.known(file.origin) == Known::BytesFile);
                file.and_then(|file| self.argument(file.arguments, 0))
            }
            _ => Some(argument),
        };
        let Some(bytes) = bytes else { return Ok(()) };
        let (at, body, head) = match bytes.view() {
            View::Bytes(at) | View::ByteArray(at) => {
                let payload = self.source.payload(at)?;
                let head = self.source.bytes(payload.start, 4)?;
                (at, Body::Slice { offset: payload.start, size: payload.length }, head)
            }
            View::Encoded(at) => {
                if self.handed.contains(&at) {
                    return Ok(());
                }
                let most = usize::try_from(self.input.limits().memory_bytes).unwrap_or(usize::MAX);
                let text = self.source.text(at, most)?;
                if !text.whole {
                    let limit = self.input.limits().memory_bytes;
                    return Err(Fail::Unread(Unread::Limit(
                        weighbridge_core::coverage::LimitKind::StateBytes,
                        limit,
                    )));
                }
                let Ok(bytes) = text.beginning.chars().map(u8::try_from).collect::<Result<Vec<u8>, _>>()
                else {
                    return Ok(());
                };
                self.budget.charge(u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
                let head = bytes.get(..4.min(bytes.len())).unwrap_or_default().to_vec();
                (at, Body::Bytes(bytes), head)
            }
            _ => return Ok(()),
        };
        if !self.handed.insert(at) {
            return Ok(());
        }
        self.budget.charge(128)?;
        let global = self.heap.get_global(callee);
        let name = global.map_or("loads", |global| global.name.rsplit('.').next().unwrap_or_default());
        // A loader that takes more than pickles goes by the first bytes, and so do the readers' claims.
        let foreign = head.starts_with(b"PK") || head.starts_with(b"\x93NUM");
        let legacy = head.starts_with(&[0x80, 2, 0x8a, 0x0a]);
        let reader = if foreign || legacy { None } else { Some("pickle") };
        self.children.push(Child { step: format!("{name}@{at}").into(), body, reader });
        Ok(())
    }

    pub(super) fn new_object(&mut self, opcode: u8) -> Result<(), Fail> {
        let keywords = if opcode == op::NEWOBJ_EX { Some(self.frame.pop()?) } else { None };
        let arguments = self.frame.pop()?;
        let class = self.frame.pop()?;
        let Some(key) = self.key(class) else { return Err(Fail::Raises("what is made is not of a class")) };
        let arguments = self.arguments(arguments)?;
        if keywords.is_some_and(|keywords| !matches!(keywords.view(), View::Dict(_)) && !keywords.is_open()) {
            return Err(Fail::Raises("keyword arguments are not a dictionary"));
        }
        let shown = match keywords {
            Some(keywords) => Shown::Keywords(arguments, keywords),
            None => Shown::Elements(arguments),
        };
        self.record(EffectKind::New, key, opcode, shown)?;
        let object = match class.view() {
            View::Global(number) => self.heap.object(number, arguments, &mut self.budget)?,
            _ => Handle::UNKNOWN,
        };
        self.push(object)
    }

    pub(super) fn build(&mut self) -> Result<(), Fail> {
        // Both values must be there before one is popped.
        let from = self.frame.height().checked_sub(2).ok_or(UNDERFLOW)?;
        let instance = self.frame.under(from.saturating_add(1))?;
        let state = self.frame.pop()?;
        let Some(key) = self.key(instance) else { return self.build_plain(state) };
        self.record(EffectKind::State, key, op::BUILD, Shown::State(state))?;
        self.note_state(instance, state)?;
        if let View::Object(index) = instance.view() {
            if let Some(object) = self.heap.object_mut(index) {
                object.state = state;
            }
            if let Some(object) = self.heap.get_object(index)
                && self.loader.joblib
                && self.heap.known(object.origin) == Known::ArrayWrapper
            {
                self.array(state)?;
            }
        }
        Ok(())
    }

    /// BUILD on a value of a built-in type, which has neither `__setstate__` nor a dictionary.
    fn build_plain(&mut self, state: Handle) -> Result<(), Fail> {
        let (dictionary, slots) = match state.view() {
            View::Tuple(index) if self.heap.count(index) == 2 => {
                (self.heap.element(index, 0).unwrap_or(Handle::UNKNOWN), self.heap.element(index, 1))
            }
            _ => (state, None),
        };
        let slots_do_nothing = match slots.map(Handle::view) {
            None => true,
            Some(View::Dict(index)) => self.heap.count(index) == 0,
            Some(_) => slots.is_some_and(Handle::is_open),
        };
        // Python does nothing for a state that is empty or zero, and raises for others.
        if ((dictionary == Handle::NONE || dictionary.is_open()) && slots_do_nothing) || self.python_goes_on()
        {
            Ok(())
        } else {
            Err(Fail::Raises("state is set on a value that takes none"))
        }
    }

    pub(super) fn append(&mut self, from: usize, opcode: u8) -> Result<(), Fail> {
        let target = self.frame.under(from)?;
        if self.frame.height() == from {
            // Python calls `extend` with nothing.
            if let Some(key) = self.key(target).filter(|_| opcode == op::APPENDS)
                && self.python_goes_on()
            {
                self.record(EffectKind::Append, key, opcode, Shown::Nothing)?;
            }
            return Ok(());
        }
        match target.view() {
            View::List(list) => {
                self.heap.extend(list, self.frame.above(from), false, &mut self.budget)?;
            }
            View::ByteArray(_) => {}
            _ => match self.key(target) {
                Some(key) => {
                    self.record(EffectKind::Append, key, opcode, Shown::Nothing)?;
                    self.heap.hand_over(self.frame.above(from));
                }
                None => return Err(Fail::Raises("there is no list to append to")),
            },
        }
        self.frame.stack.truncate(from);
        Ok(())
    }

    pub(super) fn set_items(&mut self, from: usize, opcode: u8) -> Result<(), Fail> {
        let target = self.frame.under(from)?;
        let items = self.frame.above(from);
        if items.is_empty() {
            return Ok(());
        }
        if !items.len().is_multiple_of(2) {
            // Python sets the whole pairs before it misses the last value.
            if let Some(key) = self.key(target).filter(|_| items.len() > 1)
                && self.python_goes_on()
            {
                self.record(EffectKind::SetItem, key, opcode, Shown::Nothing)?;
            }
            return Err(Fail::Raises("a key has no value"));
        }
        match target.view() {
            View::Dict(dictionary) => {
                self.hashable(from, 2)?;
                self.heap.extend(dictionary, self.frame.above(from), true, &mut self.budget)?;
            }
            View::List(list) => self.set_elements(list, from)?,
            View::ByteArray(_) => {
                let number =
                    |value: &Handle| value.is_open() || matches!(value.view(), View::Int(_) | View::Bool(_));
                if !items.iter().all(number) {
                    return Err(Fail::Raises("a byte array takes numbers only"));
                }
            }
            _ => match self.key(target) {
                Some(key) => {
                    self.record(EffectKind::SetItem, key, opcode, Shown::Nothing)?;
                    if let View::Object(index) = target.view() {
                        let items = self.items(index)?;
                        self.heap.extend(items, self.frame.above(from), true, &mut self.budget)?;
                    }
                }
                None => return Err(Fail::Raises("there is nothing to set an item of")),
            },
        }
        self.frame.stack.truncate(from);
        Ok(())
    }

    /// `list[index] = value`: the index must be there.
    fn set_elements(&mut self, list: u32, from: usize) -> Result<(), Fail> {
        let count = i64::from(self.heap.count(list));
        let mut telling = Vec::new();
        for pair in self.frame.above(from).chunks(2) {
            let [key, value] = pair else { continue };
            let within = match key.view() {
                View::Int(index) => index < count && index >= count.saturating_neg(),
                View::Bool(index) => i64::from(index) < count,
                _ => key.is_open(),
            };
            if !within {
                return Err(Fail::Raises("a list has no such index"));
            }
            if value.is_telling() {
                telling.push(*value);
            }
        }
        // Which element it replaces does not matter to a judge; that it is there does.
        self.heap.remember(list, &telling, &mut self.budget)?;
        Ok(())
    }

    pub(super) fn add_items(&mut self, from: usize) -> Result<(), Fail> {
        let target = self.frame.under(from)?;
        if self.frame.height() == from {
            return Ok(());
        }
        match target.view() {
            View::Set(set) => {
                self.hashable(from, 1)?;
                self.heap.extend(set, self.frame.above(from), false, &mut self.budget)?;
            }
            _ => match self.key(target) {
                Some(key) => {
                    self.record(EffectKind::Add, key, op::ADDITEMS, Shown::Nothing)?;
                    self.heap.hand_over(self.frame.above(from));
                }
                None => return Err(Fail::Raises("there is no set to add to")),
            },
        }
        self.frame.stack.truncate(from);
        Ok(())
    }
}
