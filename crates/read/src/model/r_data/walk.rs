//! Goes over every object with a stack of its own: nesting costs no recursion.
//!
//! The loader's functions are `ReadItem`, `ReadBC1`, `ReadBCConsts` and `ReadBCLang` of `serialize.c`.

use std::collections::BTreeMap;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::fact::{Effect, EffectKind, Operator, Target, Tensors, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::sink::Sink;

use super::words::{Words, fits, malformed};
use crate::bytes::offset;

// Types of objects (`Rinternals.h`) and what stands in their place in a stream (`serialize.c`).
const NIL: u8 = 0;
const SYMBOL: u8 = 1;
const LIST: u8 = 2;
const CLOSURE: u8 = 3;
const ENVIRONMENT: u8 = 4;
const PROMISE: u8 = 5;
const LANGUAGE: u8 = 6;
const SPECIAL: u8 = 7;
const BUILTIN: u8 = 8;
const CHARACTERS: u8 = 9;
const LOGICAL: u8 = 10;
const INTEGER: u8 = 13;
const REAL: u8 = 14;
const COMPLEX: u8 = 15;
const STRING: u8 = 16;
const DOTS: u8 = 17;
const VECTOR: u8 = 19;
const EXPRESSION: u8 = 20;
const BYTECODE: u8 = 21;
const POINTER: u8 = 22;
const WEAK_REFERENCE: u8 = 23;
const RAW: u8 = 24;
const S4: u8 = 25;
const ALTERNATIVE: u8 = 238;
const ATTRIBUTED_LIST: u8 = 239;
const ATTRIBUTED_LANGUAGE: u8 = 240;
const BASE_ENVIRONMENT: u8 = 241;
const EMPTY_ENVIRONMENT: u8 = 242;
const BYTECODE_REPEATED: u8 = 243;
const BYTECODE_REPEATS: u8 = 244;
const PERSISTENT: u8 = 247;
const PACKAGE: u8 = 248;
const NAMESPACE: u8 = 249;
const BASE_NAMESPACE: u8 = 250;
const MISSING: u8 = 251;
const UNBOUND: u8 = 252;
const GLOBAL_ENVIRONMENT: u8 = 253;
const NULL: u8 = 254;
const REFERENCE: u8 = 255;

// Bits of the flags of an item.
const HAS_ATTRIBUTES: u32 = 1 << 9;
const HAS_TAG: u32 = 1 << 10;

/// Names of functions that are shown of a piece of code.
const CALLS_SHOWN: usize = 6;

/// Goes over the one object of the stream.
pub(super) fn walk(
    input: &Input,
    words: &mut Words<'_>,
    workspace: bool,
    sink: &mut Sink,
) -> Result<(), Unread> {
    let mut walk = Walk {
        words,
        stack: vec![Todo::Item(if workspace { Role::Variables } else { Role::Data })],
        references: Vec::new(),
        most: usize::try_from(input.limits().state_bytes).unwrap_or(usize::MAX) / 64,
        code: Vec::new(),
        captured: None,
        effects: BTreeMap::new(),
        tensors: Tensors::default(),
    };
    let mut steps = 0u32;
    let ended = loop {
        steps = steps.wrapping_add(1);
        if steps.is_multiple_of(4096)
            && let Err(reason) = input.go_on()
        {
            break Err(reason);
        }
        let Some(todo) = walk.stack.pop() else { break Ok(()) };
        if let Err(reason) = walk.step(todo) {
            break Err(reason);
        }
        if walk.stack.len() > walk.most || walk.references.len() > walk.most {
            break Err(Unread::Limit(LimitKind::StateBytes, input.limits().state_bytes));
        }
    };
    // What was begun and not ended still is in the file.
    while let Some(code) = walk.code.pop() {
        walk.finish(code);
    }
    for (key, (count, at)) in std::mem::take(&mut walk.effects) {
        let effect = Effect { count, ..Effect::new(key.kind, key.target, key.construct) };
        sink.observed(What::Effect(effect), Some(Span::Offset(at)));
    }
    if walk.tensors.count > 0 {
        sink.observed(What::Tensors(walk.tensors), None);
    }
    ended
}

/// What an item is to what holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    /// Whoever looks at the data looks at it.
    Data,
    /// The variables of a workspace, a list with their names.
    Variables,
    /// A variable of an environment: a promise is how R keeps an argument that was not looked at yet.
    Bound,
    /// What a call calls.
    Function,
    /// A part of code, or of language, which is not looked at by itself.
    Inert,
    /// The value of a promise.
    Promised,
}

/// What is left to do.
#[derive(Clone, Copy, Debug)]
enum Todo {
    Item(Role),
    /// So many items of a vector.
    Items(u64, Role),
    /// The rest of a list, from the second part of a cell on.
    Rest(Role),
    /// How many constants a piece of bytecode has, then they.
    Counted,
    /// So many constants of bytecode.
    Constants(u64),
    /// A number of R, then language in bytecode.
    Typed,
    /// The end of a piece of code.
    EndOfCode,
    /// The class of an alternative representation was read.
    ClassRead,
}

/// A closure or a promise that is being read.
struct Code {
    language: &'static str,
    construct: &'static str,
    at: u64,
    /// A promise that was evaluated before it was saved holds its value: nobody evaluates it again.
    spent: bool,
    calls: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: EffectKind,
    target: Target,
    construct: &'static str,
}

struct Walk<'walk, 'input> {
    words: &'walk mut Words<'input>,
    stack: Vec<Todo>,
    /// What can be referred to; the name where it is a symbol.
    references: Vec<Option<Box<str>>>,
    most: usize,
    code: Vec<Code>,
    /// Symbols of the list that names the class of an alternative representation.
    captured: Option<Vec<String>>,
    /// Merged, with their number and the first place.
    effects: BTreeMap<Key, (u64, u64)>,
    tensors: Tensors,
}

impl Walk<'_, '_> {
    fn step(&mut self, todo: Todo) -> Result<(), Unread> {
        match todo {
            Todo::Item(role) => self.item(role),
            Todo::Items(0, _) | Todo::Constants(0) => Ok(()),
            Todo::Items(count, role) => {
                self.stack.push(Todo::Items(count.saturating_sub(1), role));
                self.item(role)
            }
            Todo::Rest(role) => self.item(role),
            Todo::Constants(count) => {
                self.stack.push(Todo::Constants(count.saturating_sub(1)));
                let kind = self.words.int()?;
                if kind == i32::from(BYTECODE) { self.bytecode() } else { self.language(kind) }
            }
            Todo::Counted => self.constants(),
            Todo::Typed => {
                let kind = self.words.int()?;
                self.language(kind)
            }
            Todo::EndOfCode => {
                if let Some(code) = self.code.pop() {
                    self.finish(code);
                }
                Ok(())
            }
            Todo::ClassRead => {
                self.class_read();
                Ok(())
            }
        }
    }

    fn item(&mut self, role: Role) -> Result<(), Unread> {
        let at = self.words.offset();
        let flags = u32::from_ne_bytes(self.words.int()?.to_ne_bytes());
        let kind = u8::try_from(flags & 0xff).unwrap_or_default();
        // A promise that has its value is not evaluated again.
        if role == Role::Promised
            && kind != UNBOUND
            && let Some(code) = self.code.last_mut()
        {
            code.spent = true;
        }
        match kind {
            NIL | NULL | EMPTY_ENVIRONMENT | BASE_ENVIRONMENT | GLOBAL_ENVIRONMENT | UNBOUND | MISSING
            | BASE_NAMESPACE => Ok(()),
            REFERENCE => self.reference(flags, at, role),
            PERSISTENT | PACKAGE | NAMESPACE => self.named(kind, at),
            SYMBOL => {
                let name = self.characters(at)?;
                self.name(&name, role);
                self.references.push(Some(name.into()));
                Ok(())
            }
            ENVIRONMENT => {
                self.words.int()?; // whether it is locked
                self.references.push(None);
                self.stack.extend([
                    Todo::Item(Role::Data),  // attributes
                    Todo::Item(Role::Bound), // the table of variables, a vector of lists
                    Todo::Item(Role::Bound), // or the list of variables
                    Todo::Item(Role::Data),  // the environment around it
                ]);
                Ok(())
            }
            LIST | DOTS | LANGUAGE | CLOSURE | PROMISE => self.cell(kind, flags, at, role),
            POINTER => {
                self.references.push(None);
                self.attributes(flags);
                self.stack.extend([Todo::Item(Role::Data), Todo::Item(Role::Data)]);
                Ok(())
            }
            WEAK_REFERENCE => {
                self.references.push(None);
                self.attributes(flags);
                Ok(())
            }
            SPECIAL | BUILTIN => {
                let size = self.words.count()?;
                let name = self.words.text(size)?;
                self.name(&name, role);
                Ok(())
            }
            CHARACTERS => {
                self.attributes(flags);
                self.characters_body(at)?;
                Ok(())
            }
            LOGICAL | INTEGER => self.numbers(flags, 4, if kind == LOGICAL { "logical" } else { "integer" }),
            REAL => self.numbers(flags, 8, "double"),
            COMPLEX => self.numbers(flags, 16, "complex"),
            RAW => {
                let count = self.words.count()?;
                self.words.pass_raw(count)?;
                self.attributes(flags);
                Ok(())
            }
            STRING | VECTOR | EXPRESSION => {
                let count = self.words.count()?;
                fits(self.words, count)?;
                self.attributes(flags);
                // An element of a vector of variables is a list of them.
                let within = match role {
                    Role::Bound => Role::Bound,
                    Role::Inert | Role::Function => Role::Inert,
                    Role::Data | Role::Variables | Role::Promised => Role::Data,
                };
                self.stack.push(Todo::Items(count, within));
                Ok(())
            }
            BYTECODE => {
                self.words.int()?; // how many parts occur more than once
                self.attributes(flags);
                if self.code.is_empty() {
                    self.begin("R bytecode", "BCODESXP", at);
                    self.stack.push(Todo::EndOfCode);
                }
                self.bytecode()
            }
            S4 => {
                self.attributes(flags);
                Ok(())
            }
            ALTERNATIVE => {
                self.stack.extend([
                    Todo::Item(Role::Data), // attributes
                    Todo::Item(role),       // state
                    Todo::ClassRead,
                    Todo::Item(Role::Inert), // class, package, type
                ]);
                self.captured = Some(Vec::new());
                Ok(())
            }
            other => Err(malformed(format!("type {other} at byte {at} is none of R's"))),
        }
    }

    fn attributes(&mut self, flags: u32) {
        if flags & HAS_ATTRIBUTES != 0 {
            self.stack.push(Todo::Item(Role::Data));
        }
    }

    fn numbers(&mut self, flags: u32, size: u64, name: &str) -> Result<(), Unread> {
        let count = self.words.count()?;
        self.words.pass_numbers(count, size)?;
        self.attributes(flags);
        self.tensors.count = self.tensors.count.saturating_add(1);
        self.tensors.elements = self.tensors.elements.saturating_add(count);
        self.tensors.bytes = self.tensors.bytes.saturating_add(count.saturating_mul(size));
        if let Err(place) = self.tensors.types.binary_search_by(|known| known.as_str().cmp(name)) {
            self.tensors.types.insert(place, name.to_owned());
        }
        Ok(())
    }

    /// A cell of a list, or what is stored like one: attributes, a tag, two parts.
    fn cell(&mut self, kind: u8, flags: u32, at: u64, role: Role) -> Result<(), Unread> {
        // A list goes on in its second part with the same role, whether the cell has attributes or not.
        let (first, rest) = match (kind, role) {
            (LIST | DOTS, Role::Variables) => (Role::Data, Role::Variables),
            (LIST | DOTS, Role::Bound) => (Role::Bound, Role::Bound),
            (LIST | DOTS, Role::Inert | Role::Function) => (Role::Inert, Role::Inert),
            (LIST | DOTS, Role::Data | Role::Promised) => (Role::Data, Role::Data),
            (LANGUAGE, _) => (Role::Function, Role::Inert),
            (CLOSURE, _) => (Role::Inert, Role::Inert),
            _ => (Role::Promised, Role::Inert),
        };
        match kind {
            CLOSURE => {
                self.begin("R code", "CLOSXP", at);
                self.stack.push(Todo::EndOfCode);
            }
            PROMISE => {
                let language = match role {
                    Role::Bound | Role::Inert | Role::Function => "R code",
                    Role::Data | Role::Variables | Role::Promised => "R promise",
                };
                self.begin(language, "PROMSXP", at);
                self.stack.push(Todo::EndOfCode);
            }
            _ => {}
        }
        self.stack.push(Todo::Rest(rest));
        self.stack.push(Todo::Item(first));
        if flags & HAS_TAG != 0 {
            // The tag of a closure or promise is its environment.
            self.stack.push(Todo::Item(Role::Inert));
        }
        self.attributes(flags);
        Ok(())
    }

    fn reference(&mut self, flags: u32, at: u64, role: Role) -> Result<(), Unread> {
        let index = match flags >> 8 {
            0 => u32::from_ne_bytes(self.words.int()?.to_ne_bytes()),
            packed => packed,
        };
        let known = usize::try_from(index).ok().and_then(|index| index.checked_sub(1));
        let Some(referred) = known.and_then(|index| self.references.get(index)) else {
            return Err(malformed(format!(
                "a reference at byte {at} names object {index}, which is not there"
            )));
        };
        if let Some(name) = referred.clone() {
            self.name(&name, role);
        }
        Ok(())
    }

    /// A name of some texts: a package, a namespace, or what only the reading program knows.
    fn named(&mut self, kind: u8, at: u64) -> Result<(), Unread> {
        if self.words.int()? != 0 {
            return Err(malformed(format!("the name at byte {at} has names of its own, which no R writes")));
        }
        let count = self.words.int()?;
        let count = u64::try_from(count).map_err(|_| malformed(format!("{count} texts at byte {at}")))?;
        let mut first = String::new();
        for index in 0..count {
            let at = self.words.offset();
            let text = self.characters(at)?;
            if index == 0 {
                first = text;
            }
        }
        self.references.push(None);
        let (effect, target, construct) = match kind {
            PERSISTENT => (EffectKind::Persistent, Target::Unknown(first), "PERSISTSXP"),
            kind => {
                let name = first.strip_prefix("package:").unwrap_or(&first).to_owned();
                let operator = Operator { set: "r", domain: "package".to_owned(), name };
                let construct = if kind == PACKAGE { "PACKAGESXP" } else { "NAMESPACESXP" };
                (EffectKind::Operate, Target::Operator(operator), construct)
            }
        };
        self.effect(effect, target, construct, at);
        Ok(())
    }

    /// Characters as an item of their own.
    fn characters(&mut self, at: u64) -> Result<String, Unread> {
        let flags = u32::from_ne_bytes(self.words.int()?.to_ne_bytes());
        if flags & 0xff != u32::from(CHARACTERS) || flags & HAS_ATTRIBUTES != 0 {
            return Err(malformed(format!("the name at byte {at} is no text")));
        }
        self.characters_body(at)
    }

    fn characters_body(&mut self, at: u64) -> Result<String, Unread> {
        match self.words.int()? {
            -1 => Ok("NA".to_owned()),
            size => match u64::try_from(size) {
                Ok(size) => self.words.text(size),
                Err(_) => Err(malformed(format!("a text at byte {at} claims {size} bytes"))),
            },
        }
    }

    /// The body of a piece of bytecode: its instructions, then its constants.
    fn bytecode(&mut self) -> Result<(), Unread> {
        // The instructions are an item of their own; how many constants there are stands behind it.
        self.stack.extend([Todo::Counted, Todo::Item(Role::Inert)]);
        Ok(())
    }

    fn constants(&mut self) -> Result<(), Unread> {
        let at = self.words.offset();
        let count = self.words.int()?;
        let count = u64::try_from(count)
            .map_err(|_| malformed(format!("bytecode at byte {at} claims {count} constants")))?;
        fits(self.words, count)?;
        self.stack.push(Todo::Constants(count));
        Ok(())
    }

    /// Language among the constants of bytecode.
    fn language(&mut self, mut kind: i32) -> Result<(), Unread> {
        let is = |kind: i32, wanted: u8| kind == i32::from(wanted);
        if is(kind, BYTECODE_REPEATED) {
            self.words.int()?;
            return Ok(());
        }
        if is(kind, BYTECODE_REPEATS) {
            self.words.int()?;
            kind = self.words.int()?;
        }
        let attributed = is(kind, ATTRIBUTED_LANGUAGE) || is(kind, ATTRIBUTED_LIST);
        if !attributed && !is(kind, LANGUAGE) && !is(kind, LIST) {
            // The type is written once more in front of what is read as any item.
            return self.item(Role::Inert);
        }
        self.stack.extend([Todo::Typed, Todo::Typed, Todo::Item(Role::Inert)]);
        if attributed {
            self.stack.push(Todo::Item(Role::Inert));
        }
        Ok(())
    }

    fn name(&mut self, name: &str, role: Role) {
        if let Some(captured) = &mut self.captured
            && captured.len() < 2
        {
            captured.push(name.to_owned());
        }
        if role == Role::Function
            && let Some(code) = self.code.last_mut()
            && code.calls.len() < CALLS_SHOWN
            && name.chars().any(char::is_alphanumeric)
            && !code.calls.iter().any(|known| known == name)
        {
            code.calls.push(name.to_owned());
        }
    }

    fn class_read(&mut self) {
        let mut names = self.captured.take().unwrap_or_default().into_iter();
        let (name, package) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        let operator = Operator { set: "r", domain: format!("altrep {package}"), name };
        let at = self.words.offset();
        self.effect(EffectKind::Operate, Target::Operator(operator), "ALTREP_SXP", at);
    }

    fn begin(&mut self, language: &'static str, construct: &'static str, at: u64) {
        self.code.push(Code { language, construct, at, spent: false, calls: Vec::new() });
    }

    fn finish(&mut self, code: Code) {
        let Code { language, construct, at, spent, calls } = code;
        if spent {
            return;
        }
        // Code inside of a closure belongs to it.
        if let Some(outer) = self.code.last_mut()
            && language == "R code"
            && outer.construct == "CLOSXP"
        {
            for call in calls {
                if outer.calls.len() < CALLS_SHOWN && !outer.calls.contains(&call) {
                    outer.calls.push(call);
                }
            }
            return;
        }
        let beginning =
            if calls.is_empty() { String::new() } else { format!("that calls {}", calls.join(", ")) };
        let target = Target::Code { language, beginning };
        self.effect(EffectKind::Run, target, construct, at);
    }

    fn effect(&mut self, kind: EffectKind, target: Target, construct: &'static str, at: u64) {
        let key = Key { kind, target, construct };
        // Many closures are alike; too many different ones are one line.
        if offset(self.effects.len()) >= 1_000 && !self.effects.contains_key(&key) {
            let language = match key.target {
                Target::Code { language, .. } => language,
                _ => "R code",
            };
            let target = Target::Code { language, beginning: String::new() };
            let more = Key { kind: EffectKind::Run, target, construct: key.construct };
            let (count, _) = self.effects.entry(more).or_insert((0, at));
            *count = count.saturating_add(1);
            return;
        }
        let (count, _) = self.effects.entry(key).or_insert((0, at));
        *count = count.saturating_add(1);
    }
}
