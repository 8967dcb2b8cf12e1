//! Effects and values as one line for people, in the manner of Python.
//!
//! Names and texts come from hostile files: whatever could move the cursor, colour the terminal, reverse the reading
//! direction or hide itself is written as an escape.

use std::fmt::{self, Write as _};

use crate::fact::{Effect, EffectKind, Global, Operator, Target, Value};

/// Characters of a text or bytes that are shown.
const TEXT: usize = 80;
/// Characters of what is known of carried code that are shown.
const CODE: usize = 240;
/// Elements of a container that are shown.
const ELEMENTS: usize = 4;
/// Containers in containers that are shown.
const DEPTH: usize = 3;
/// The same of the state of an object, of which the attributes tell and not what they hold.
const STATE_DEPTH: usize = 2;

/// A text from a file, shortened and safe to print.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(out, self.0, TEXT)
    }
}

impl fmt::Display for Global {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(out, &self.module, TEXT)?;
        out.write_char('.')?;
        escape(out, &self.name, TEXT)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global(global) => write!(out, "{global}"),
            Self::ResultOf(global) => write!(out, "{global}(…)"),
            Self::Operator(operator) => write!(out, "{operator}"),
            Self::Code { language, beginning } if beginning.is_empty() => out.write_str(language),
            Self::Code { language, beginning } => {
                write!(out, "{language} ")?;
                escape(out, beginning, CODE)
            }
            Self::Path(path) => escape(out, path, TEXT),
            Self::Unknown(known) => escape(out, known, TEXT),
        }
    }
}

/// Such as `keras.layers.Lambda`, and `PyFunc` where the set has no parts.
impl fmt::Display for Operator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.domain.is_empty() {
            escape(out, &self.domain, TEXT)?;
            out.write_char('.')?;
        }
        escape(out, &self.name, TEXT)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        value(out, self, DEPTH)
    }
}

/// Such as `posix.system("id")`.
impl fmt::Display for Effect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = &self.target;
        match self.kind {
            EffectKind::Call => write!(out, "{target}")?,
            EffectKind::New => write!(out, "{target}.__new__")?,
            EffectKind::Import => return write!(out, "import {target}"),
            EffectKind::Extension => return write!(out, "import by {target}"),
            EffectKind::Buffer => return write!(out, "use {target}"),
            EffectKind::Append => return write!(out, "append to {target}"),
            EffectKind::SetItem => return write!(out, "set items of {target}"),
            EffectKind::Add => return write!(out, "add to {target}"),
            EffectKind::Persistent => write!(out, "{target}")?,
            EffectKind::State => write!(out, "set state of {target} to ")?,
            EffectKind::Operate => write!(out, "{target}")?,
            EffectKind::Run => write!(out, "run {target}")?,
            EffectKind::Read => write!(out, "read {target}")?,
            EffectKind::Write => write!(out, "write {target}")?,
            EffectKind::Fetch => write!(out, "fetch {target}")?,
            EffectKind::Corrupt | EffectKind::Overrun => write!(out, "{target}")?,
        }
        match (self.kind, self.arguments.as_slice()) {
            (EffectKind::State, [state]) => value(out, state, STATE_DEPTH),
            (kind, []) if !kind.is_call() => Ok(()),
            (_, arguments) => {
                out.write_char('(')?;
                list(out, arguments, arguments.len(), DEPTH)?;
                out.write_char(')')
            }
        }
    }
}

fn value(out: &mut fmt::Formatter<'_>, value: &Value, depth: usize) -> fmt::Result {
    let Some(below) = depth.checked_sub(1) else { return out.write_char('…') };
    let count = |count: &u64| usize::try_from(*count).unwrap_or(usize::MAX);
    match value {
        Value::None => out.write_str("None"),
        Value::Bool(true) => out.write_str("True"),
        Value::Bool(false) => out.write_str("False"),
        Value::Int(digits) | Value::Float(digits) if digits.is_empty() => out.write_char('…'),
        Value::Int(digits) | Value::Float(digits) => out.write_str(digits),
        Value::Text(beginning, length) => {
            out.write_char('"')?;
            let shown = escape(out, beginning, TEXT);
            if u64::try_from(beginning.len()).is_ok_and(|shown| shown < *length) && beginning.len() <= TEXT {
                out.write_char('…')?;
            }
            shown?;
            out.write_char('"')
        }
        Value::Bytes(beginning, length) => {
            out.write_str("b\"")?;
            for byte in beginning.iter().take(TEXT / 2) {
                write!(out, "{}", byte.escape_ascii())?;
            }
            let shown = beginning.len().min(TEXT / 2);
            if u64::try_from(shown).is_ok_and(|shown| shown < *length) {
                write!(out, "… {length} bytes")?;
            }
            out.write_char('"')
        }
        Value::Tuple(values, length) => {
            out.write_char('(')?;
            list(out, values, count(length), below)?;
            out.write_str(if *length == 1 { ",)" } else { ")" })
        }
        Value::List(values, length) => {
            out.write_char('[')?;
            list(out, values, count(length), below)?;
            out.write_char(']')
        }
        Value::Set(values, length) => {
            out.write_char('{')?;
            list(out, values, count(length), below)?;
            out.write_char('}')
        }
        Value::Dict(items, length) => {
            out.write_char('{')?;
            for (index, (key, item)) in items.iter().take(ELEMENTS).enumerate() {
                if index > 0 {
                    out.write_str(", ")?;
                }
                self::value(out, key, below)?;
                out.write_str(": ")?;
                self::value(out, item, below)?;
            }
            more(out, items.len().min(ELEMENTS), count(length))?;
            out.write_char('}')
        }
        Value::Global(global) => write!(out, "{global}"),
        Value::ResultOf(global) => write!(out, "{global}(…)"),
        Value::Persistent(id) => {
            out.write_str("persistent_load(")?;
            self::value(out, id, below)?;
            out.write_char(')')
        }
        Value::Unknown => out.write_char('?'),
    }
}

fn list(out: &mut fmt::Formatter<'_>, values: &[Value], count: usize, depth: usize) -> fmt::Result {
    for (index, item) in values.iter().take(ELEMENTS).enumerate() {
        if index > 0 {
            out.write_str(", ")?;
        }
        value(out, item, depth)?;
    }
    more(out, values.len().min(ELEMENTS), count)
}

fn more(out: &mut fmt::Formatter<'_>, shown: usize, count: usize) -> fmt::Result {
    match (shown, count) {
        (shown, count) if shown >= count => Ok(()),
        (0, _) => out.write_char('…'),
        _ => out.write_str(", …"),
    }
}

/// Writes the first `most` characters of `text`, harmless for a terminal and a reader.
fn escape(out: &mut fmt::Formatter<'_>, text: &str, most: usize) -> fmt::Result {
    for (index, character) in text.chars().enumerate() {
        if index == most {
            return out.write_char('…');
        }
        match character {
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\\' => out.write_str("\\\\")?,
            '"' => out.write_str("\\\"")?,
            _ if is_treacherous(character) => match u32::from(character) {
                code @ 0..=0xff => write!(out, "\\x{code:02x}")?,
                code @ 0x100..=0xffff => write!(out, "\\u{code:04x}")?,
                code => write!(out, "\\U{code:08x}")?,
            },
            _ => out.write_char(character)?,
        }
    }
    Ok(())
}

/// Control characters, direction marks, invisible characters, line separators, tags and private ones.
fn is_treacherous(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
            | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xe000..=0xf8ff | 0xfe00..=0xfe0f | 0xfeff | 0xffa0
            | 0xfff0..=0xfffb | 0x1d173..=0x1d17a | 0xe0000..=0x10_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned(), u64::try_from(text.len()).unwrap())
    }

    fn effect(kind: EffectKind, target: Target, arguments: Vec<Value>) -> Effect {
        Effect::new(kind, target, "REDUCE").with(arguments)
    }

    #[test]
    fn effects_read_like_python() {
        let global = |module: &str, name: &str| Global { module: module.to_owned(), name: name.to_owned() };
        let system = || Target::Global(global("posix", "system"));
        let made = || Target::ResultOf(global("a", "B"));
        let numbers = || Value::Tuple((1..9).map(|number| Value::Int(number.to_string())).collect(), 8);
        for (effect, expected) in [
            (effect(EffectKind::Call, system(), vec![text("id")]), "posix.system(\"id\")"),
            (effect(EffectKind::Import, system(), vec![]), "import posix.system"),
            (effect(EffectKind::New, system(), vec![]), "posix.system.__new__()"),
            (effect(EffectKind::Call, made(), vec![numbers()]), "a.B(…)((1, 2, 3, 4, …))"),
            (
                effect(EffectKind::State, made(), vec![Value::Dict(vec![(text("k"), Value::None)], 3)]),
                "set state of a.B(…) to {\"k\": None, …}",
            ),
        ] {
            assert_eq!(effect.to_string(), expected);
        }
    }

    #[test]
    fn a_hostile_name_cannot_write_to_the_terminal() {
        let name = "a\u{1b}[31m\u{202e}\u{200b}\u{7}\u{9b}\u{e0041}é\n";
        let global = Global { module: name.to_owned(), name: "x\ry".to_owned() };
        assert_eq!(global.to_string(), "a\\x1b[31m\\u202e\\u200b\\x07\\x9b\\U000e0041é\\n.x\\ry");
        assert_eq!(Value::Bytes(vec![0x1b, b'a', 0xff], 9).to_string(), "b\"\\x1ba\\xff… 9 bytes\"");
        assert_eq!(Value::Text("ab".to_owned(), 5).to_string(), "\"ab…\"");
        assert_eq!(text(&"x".repeat(100)).to_string().chars().count(), TEXT + 3);
    }
}
