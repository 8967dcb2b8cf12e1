//! Whether a call of an allowed global has the shape that good files give it.

use weighbridge_core::fact::{Effect, EffectKind, Global, Value};
use weighbridge_core::report::Safety;

use super::judge_state_value;
use super::table::{self, Allowed, Kind, Rule};

/// Why a call does not fit.
type Misfit = &'static str;

/// Whether the arguments are those of a good file.
pub(super) fn fits(entry: Allowed, effect: &Effect) -> Result<(), Misfit> {
    let arguments = effect.arguments.as_slice();
    match entry.rule {
        Rule::Data if decodes(entry) => decoded(arguments),
        Rule::Data => Ok(()),
        Rule::Object => match (effect.kind, effect.opcode) {
            (EffectKind::New, _) => Ok(()),
            // Without arguments, these two do not call `__init__` either.
            (_, "INST" | "OBJ") if arguments.is_empty() => Ok(()),
            _ => Err("good files make it without calling it"),
        },
        Rule::Value => {
            // A class that good files only name can still be made without arguments that do anything.
            if entry.kind == Kind::Class && effect.kind == EffectKind::New && arguments.is_empty() {
                Ok(())
            } else {
                Err("good files name it and do not call it")
            }
        }
        Rule::Getattr => getattr(arguments),
        Rule::Latin1 => match arguments {
            [Value::Text(..), Value::Text(encoding, _)] if is_latin1(encoding) => Ok(()),
            _ => Err("it is not a text that is encoded as Latin-1"),
        },
        Rule::Reconstructor => reconstructor(entry, arguments),
        Rule::Partial => match arguments.first() {
            Some(Value::Global(function)) if is_plain(function) => Ok(()),
            _ => Err("the function that it holds is not known to be harmless"),
        },
        Rule::Factory => match arguments {
            [] | [Value::None] => Ok(()),
            [Value::Global(class), ..] if is_plain(class) => Ok(()),
            // `partial` has been judged where it was called.
            [Value::ResultOf(made), ..]
                if table::allowed(made).is_some_and(|made| made.rule == Rule::Partial) =>
            {
                Ok(())
            }
            _ => Err("the factory that it is given is not known to be harmless"),
        },
        Rule::Nested(position) => match arguments.get(usize::from(position)) {
            // The bytes were handed out and are judged by themselves.
            Some(Value::Bytes(..)) => Ok(()),
            _ => Err("the pickle that it loads is not known"),
        },
        Rule::Proxy => match arguments {
            [Value::Global(called), .., last] if has_rule(called, &[Rule::Data]) => attributes(last),
            _ => Err("what it calls in turn is not known to be harmless"),
        },
        Rule::Attributes => arguments.last().map_or(Ok(()), attributes),
        Rule::TypeOf if arguments.len() == 1 => Ok(()),
        Rule::TypeOf => Err("it makes a class"),
    }
}

fn has_rule(global: &Global, rules: &[Rule]) -> bool {
    table::allowed(global).is_some_and(|entry| rules.contains(&entry.rule))
}

/// Attributes that a function sets: all of them must be known, and none special.
fn attributes(value: &Value) -> Result<(), Misfit> {
    let whole = match value {
        Value::Dict(items, count) => u64::try_from(items.len()) == Ok(*count),
        _ => true,
    };
    if whole && judge_state_value(value).0 == Safety::Harmless {
        Ok(())
    } else {
        Err("the attributes that it sets are not known to be harmless")
    }
}

/// A class or function that may be called by others with whatever they like.
fn is_plain(global: &Global) -> bool {
    has_rule(global, &[Rule::Data, Rule::Object, Rule::Value, Rule::Factory])
}

fn getattr(arguments: &[Value]) -> Result<(), Misfit> {
    let [of, Value::Text(name, length)] = arguments else {
        return Err("it does not take a constant name from a class");
    };
    if u64::try_from(name.len()) != Ok(*length) {
        return Err("the name that it takes is not known");
    }
    let class = match of {
        Value::Global(class) => class,
        Value::ResultOf(class) => return bound_method(class, name),
        _ => return Err("it does not take a constant name from a class"),
    };
    let attribute = Global { module: class.module.clone(), name: format!("{}.{name}", class.name) };
    if table::allowed(&attribute).is_some() {
        return Ok(());
    }
    match table::allowed(class) {
        Some(entry) if entry.kind == Kind::Class && (name == "__new__" || !name.starts_with('_')) => {
            match table::dangerous(&attribute) {
                Some(_) => Err("the method that it takes is known from attacks"),
                None => Ok(()),
            }
        }
        Some(_) => Err("it takes a hidden attribute, or one of something that is no class"),
        None => Err("it takes an attribute of something that is not known to be harmless"),
    }
}

/// A method of an instance, which is how Python writes methods that an object holds. It is only a value: whoever calls
/// it later in the stream is judged there.
fn bound_method(class: &Global, name: &str) -> Result<(), Misfit> {
    if !has_rule(class, &[Rule::Data, Rule::Object]) {
        return Err("it takes an attribute of something that is not known to be harmless");
    }
    if name.starts_with("__") {
        return Err("it takes a hidden attribute");
    }
    let method = Global { module: class.module.clone(), name: format!("{}.{name}", class.name) };
    match table::dangerous(&method) {
        Some(_) => Err("the method that it takes is known from attacks"),
        None => Ok(()),
    }
}

fn reconstructor(entry: Allowed, arguments: &[Value]) -> Result<(), Misfit> {
    let class = match arguments.first() {
        Some(Value::Global(class)) => class,
        _ => return Err("the class that it makes is not known"),
    };
    if !has_rule(class, &[Rule::Data, Rule::Object]) {
        return Err("the class that it makes is not known to be harmless");
    }
    if entry.name != "_reconstructor" {
        return Ok(());
    }
    match arguments {
        [_, Value::Global(base), _] if base.name == "object" || is_plain(base) => Ok(()),
        _ => Err("the base that it makes the object from is not known to be harmless"),
    }
}

/// The state of a `functools.partial` is `(function, arguments, keywords, attributes)`.
pub(super) fn partial_state(state: &Value) -> Result<(), Misfit> {
    match state {
        Value::Tuple(parts, 4) => match parts.first() {
            Some(Value::Global(function)) if is_plain(function) => parts.last().map_or(Ok(()), attributes),
            _ => Err("the function that its state brings is not known to be harmless"),
        },
        _ => Err("its state is not that of a partial function"),
    }
}

/// Whether it takes the name of an encoding, for which Python imports a module of `encodings`.
fn decodes(entry: Allowed) -> bool {
    entry.module == "builtins" && matches!(entry.name, "bytearray" | "bytes" | "str")
}

fn decoded(arguments: &[Value]) -> Result<(), Misfit> {
    match arguments {
        [] => Ok(()),
        [Value::Dict(..)] => Err("its keywords may name an encoding"),
        [_] => Ok(()),
        [_, Value::Text(encoding, _)] | [_, Value::Text(encoding, _), Value::Text(..)]
            if is_latin1(encoding) || is_usual(encoding) =>
        {
            Ok(())
        }
        _ => Err("the encoding that it names is none of the usual ones"),
    }
}

fn is_usual(encoding: &str) -> bool {
    let name = encoding.to_ascii_lowercase().replace(['-', '_'], "");
    matches!(name.as_str(), "ascii" | "usascii" | "utf8" | "utf16" | "utf32")
}

fn is_latin1(encoding: &str) -> bool {
    matches!(
        encoding.to_ascii_lowercase().replace(['-', '_'], "").as_str(),
        "latin1" | "latin" | "iso88591" | "l1"
    )
}
