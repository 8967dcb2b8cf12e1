//! Models of CNTK version 2: a dictionary of values in protocol buffers. A function that a user has written is stored as
//! the name of a Python class, or of a shared library and a symbol in it, which loading imports or opens.
//!
//! Source: `Source/CNTKv2LibraryDll/proto/CNTK.proto`, `UserDefinedFunction.cpp` there, and
//! `bindings/python/cntk/internal/__init__.py` of CNTK 2.7.

use std::collections::BTreeMap;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Global, Operator, Target, Value, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use crate::bytes::offset;
use crate::protobuf::{
    Fixed32, Fixed64, Label, Message, Opaque, Part, Sub, Text, Varint, Wire, empty, fit, many, one, span,
};

/// Reads models of CNTK.
pub struct Cntk;

/// The first bytes of a model of version 1: `BCN` in UTF-16.
const VERSION_1: &[u8] = b"B\0C\0N\0\0\0";

static DICTIONARY: Message = Message {
    name: "Dictionary",
    fields: &[one(1, "version", Varint), many(2, "data", Sub(&ENTRY))],
    more: &[],
};

static ENTRY: Message =
    Message { name: "DataEntry", fields: &[one(1, "key", Text), one(2, "value", Sub(&VALUE))], more: &[] };

static VALUE: Message = Message {
    name: "DictionaryValue",
    fields: &[
        one(1, "version", Varint),
        one(2, "value_type", Varint),
        one(3, "bool_value", Varint),
        one(4, "int_value", Varint),
        one(5, "size_t_value", Varint),
        one(6, "float_value", Fixed32),
        one(7, "double_value", Fixed64),
        one(8, "string_value", Text),
        one(9, "nd_shape_value", Opaque),
        one(10, "axis_value", Opaque),
        one(11, "vector_value", Sub(&VECTOR)),
        one(12, "dictionary_value", Sub(&DICTIONARY)),
        one(13, "nd_array_view_value", Opaque),
    ],
    more: &[],
};

static VECTOR: Message = Message { name: "Vector", fields: &[many(1, "value", Sub(&VALUE))], more: &[] };

impl Reader for Cntk {
    fn about(&self) -> &'static About {
        &About {
            id: "cntk",
            title: "CNTK",
            family: Family::Model,
            names: &["*.dnn"],
            reads: "Every dictionary of a model of version 2, with the classes and shared libraries that functions of \
                    users name. Version 1 is told as not read.",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let fit = fit(&DICTIONARY, hint.head, hint.size);
        let begun =
            hint.head.first() == Some(&0x08) && fit.is_some_and(|fit| fit.has("data") && fit.fields >= 6);
        if begun || hint.head.starts_with(VERSION_1) {
            Claim::ByMagic
        } else if hint.size > 0 && hint.has_extension("dnn") {
            Claim::ByName
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("cntk"), None);
        let mut head = [0; VERSION_1.len()];
        if input.read_some(0, &mut head)? == head.len() && head == *VERSION_1 {
            return Err(Unread::Unsupported("a model of CNTK version 1".to_owned()));
        }
        let mut walk = Walk { wire: Wire::new(input, ""), entries: 0, sink };
        let part = walk.wire.whole();
        let ended = walk.dictionary(part);
        walk.wire.finish(walk.sink);
        ended?;
        if walk.entries == 0 { Err(empty("CNTK model")) } else { Ok(()) }
    }
}

struct Walk<'input, 'sink> {
    wire: Wire<'input>,
    entries: u64,
    sink: &'sink mut Sink,
}

/// Keys by which a function of a user is known.
const NAMED: [&str; 6] = ["class", "deserialize_method", "module", "op", "op_name", "type"];

impl Walk<'_, '_> {
    fn dictionary(&mut self, part: Part) -> Result<(), Unread> {
        let mut named: BTreeMap<&'static str, String> = BTreeMap::new();
        let mut fields = part.fields(&DICTIONARY);
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            if field.name != "data" {
                continue;
            }
            self.entries = self.entries.saturating_add(1);
            self.wire.enter("data", ())?;
            let mut fields = field.part.fields(&ENTRY);
            let (mut key, mut text) = (String::new(), None);
            while let Some(field) = self.wire.next(&mut fields, self.sink)? {
                if field.name == "key" {
                    key = self.wire.text(field.part)?;
                    self.wire.path.rename(&key);
                } else {
                    text = self.value(field.part)?;
                }
            }
            self.wire.leave();
            if let (Some(known), Some(text)) = (NAMED.iter().find(|known| **known == key), text) {
                named.insert(known, text);
            }
        }
        self.function(&named, part.start);
        Ok(())
    }

    /// A value; gives the text of one that is a text.
    fn value(&mut self, part: Part) -> Result<Option<String>, Unread> {
        let mut text = None;
        let mut fields = part.fields(&VALUE);
        while let Some(field) = self.wire.next(&mut fields, self.sink)? {
            match field.name {
                "string_value" => text = Some(self.wire.text(field.part)?),
                "dictionary_value" => {
                    self.wire.enter("dictionary", Label::None)?;
                    self.dictionary(field.part)?;
                    self.wire.leave();
                }
                "vector_value" => {
                    let mut values = 0u64;
                    let mut fields = field.part.fields(&VECTOR);
                    while let Some(field) = self.wire.next(&mut fields, self.sink)? {
                        self.wire.enter("vector", values)?;
                        self.value(field.part)?;
                        self.wire.leave();
                        values = values.saturating_add(1);
                    }
                }
                _ => {}
            }
        }
        Ok(text)
    }

    /// Tells a function that a user has written, if the dictionary is one.
    fn function(&mut self, named: &BTreeMap<&'static str, String>, at: u64) {
        let get = |key: &str| named.get(key).cloned();
        let user = get("type").is_some_and(|kind| kind.ends_with("UserDefinedFunction"));
        let construct = "UserDefinedFunction";
        match (get("module"), get("class"), get("deserialize_method")) {
            (Some(module), Some(name), _) => {
                let global = Target::Global(Global { module, name });
                self.effect(Effect::new(EffectKind::Call, global, construct), at);
            }
            (Some(library), None, method) => {
                if library.contains(['/', '\\']) {
                    self.effect(Effect::new(EffectKind::Read, Target::Path(library.clone()), construct), at);
                }
                let method = method.unwrap_or_default();
                self.native(method, vec![Value::Text(library.clone(), offset(library.len()))], at);
            }
            (None, _, Some(method)) => self.native(method, Vec::new(), at),
            (None, _, None) if user => self.native(get("op").unwrap_or_default(), Vec::new(), at),
            _ => {}
        }
    }

    fn native(&mut self, name: String, arguments: Vec<Value>, at: u64) {
        let operator = Operator { set: "cntk", domain: "UserDefinedFunction".to_owned(), name };
        let effect = Effect::new(EffectKind::Operate, Target::Operator(operator), "UserDefinedFunction");
        self.effect(effect.with(arguments), at);
    }

    fn effect(&mut self, effect: Effect, at: u64) {
        let effect = effect.at(self.wire.path.to_string());
        self.sink.observed(What::Effect(effect), span(at));
    }
}
