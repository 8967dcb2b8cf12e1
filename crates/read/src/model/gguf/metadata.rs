//! Keys and values.

use std::collections::BTreeSet;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::place::Span;
use weighbridge_core::sink::{Body, Child, Sink};

use super::{File, Pair};
use crate::bytes::{length, offset};

/// How deep lists may be nested; no known file nests any.
const DEEPEST: usize = 8;
/// Bytes of a string that are looked at to see whether it is a template.
const LOOKED_AT: u64 = 16 << 10;

/// Types of values (`enum gguf_metadata_value_type`).
const BOOL: u32 = 7;
pub(super) const STRING: u32 = 8;
const ARRAY: u32 = 9;
const UINT32: u32 = 4;

/// How many bytes a value of this type has, where that is always the same.
fn width(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | BOOL => Some(1),
        2 | 3 => Some(2),
        UINT32 | 5 | 6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

/// Reads every pair.
pub(super) fn read(file: &mut File<'_>, sink: &mut Sink) -> Result<(), Unread> {
    let mut keys = BTreeSet::new();
    for count in 0..file.pairs {
        if length(count) >= file.most {
            return Err(Unread::Limit(LimitKind::Entries, offset(file.most)));
        }
        let at = file.cursor.offset();
        let key = file.text("a key", sink)?;
        if key.is_empty() {
            file.faults.tell(sink, "have an empty key", at, || format!("the key at {at} is empty"));
        }
        let kind = file.u32()?;
        let begin = file.cursor.offset();
        value(file, &key, kind, at, sink)?;
        if !keys.insert(key.clone()) {
            // Some loaders take the first, some the last, some none.
            file.faults
                .tell(sink, "have the key of another one", at, || format!("the key `{key}` stands twice"));
        }
        file.metadata.push(Pair { key, at, kind, value: begin, end: file.cursor.offset() });
    }
    Ok(())
}

fn value(file: &mut File<'_>, key: &str, kind: u32, at: u64, sink: &mut Sink) -> Result<(), Unread> {
    if key == "general.alignment" {
        return alignment(file, kind, at, sink);
    }
    if kind == STRING {
        let size = file.text_size(&format!("the value of `{key}`"), sink)?;
        let begin = file.cursor.offset();
        if is_template(file, key, begin, size)? {
            sink.child(Child {
                step: key.into(),
                body: Body::Slice { offset: begin, size },
                reader: Some("jinja"),
            });
        }
        file.cursor.skip(size);
        return Ok(());
    }
    skip(file, key, kind, sink)
}

/// `tokenizer.chat_template`, `tokenizer.chat_template.NAME`, and what looks like one under a similar key.
fn is_template(file: &File<'_>, key: &str, offset: u64, size: u64) -> Result<bool, Unread> {
    if key == "tokenizer.chat_template" || key.starts_with("tokenizer.chat_template.") {
        return Ok(true);
    }
    let key = key.to_ascii_lowercase();
    if !key.contains("template") && !key.contains("prompt") {
        return Ok(false);
    }
    let mut text = vec![0; usize::try_from(size.min(LOOKED_AT)).unwrap_or(0)];
    let filled = file.input.read_some(offset, &mut text)?;
    let text = text.get(..filled).unwrap_or_default();
    Ok(text.windows(2).any(|pair| matches!(pair, b"{{" | b"{%")))
}

fn alignment(file: &mut File<'_>, kind: u32, at: u64, sink: &mut Sink) -> Result<(), Unread> {
    if kind != UINT32 {
        sink.malformed("`general.alignment` is no 32-bit number", Some(Span::Offset(at)));
        return skip(file, "general.alignment", kind, sink);
    }
    let value = u64::from(file.u32()?);
    if value.is_power_of_two() {
        file.alignment = value;
    } else {
        // Loaders round up with this number as a mask, and divide by it.
        sink.malformed(format!("the alignment is {value}, which is no power of two"), Some(Span::Offset(at)));
    }
    Ok(())
}

/// Goes past a value, whose lists may hold lists.
fn skip(file: &mut File<'_>, key: &str, kind: u32, sink: &mut Sink) -> Result<(), Unread> {
    // What is left at each level: a type, and how many of it.
    let mut open = vec![(kind, 1u64)];
    while let Some((kind, left)) = open.pop() {
        if let Some(width) = width(kind) {
            let room = file.cursor.remaining().checked_div(width).unwrap_or(0);
            if left > room {
                let text = format!("`{key}` claims {left} numbers in a file that has room for {room}");
                file.too_much(left, width, &text, sink);
                return Err(Unread::Truncated { offset: file.cursor.offset() });
            }
            file.cursor.skip(left.saturating_mul(width));
            continue;
        }
        if !matches!(kind, STRING | ARRAY) {
            return Err(Unread::Malformed(format!(
                "`{key}` has a value of type {kind}, which no version knows"
            )));
        }
        let smallest = if kind == ARRAY { 8 } else { 4 };
        let room = file.cursor.remaining().checked_div(smallest).unwrap_or(0);
        if left > room {
            let text = format!("`{key}` claims {left} values in a file that has room for {room}");
            file.too_much(left, 16, &text, sink);
            return Err(Unread::Truncated { offset: file.cursor.offset() });
        }
        if kind == STRING {
            for _ in 0..left {
                let size = file.text_size("a string", sink)?;
                file.cursor.skip(size);
            }
            file.input.go_on()?;
        } else if let Some(left) = left.checked_sub(1) {
            if open.len() >= DEEPEST {
                return Err(Unread::Malformed(format!("`{key}` nests lists deeper than {DEEPEST} levels")));
            }
            open.push((ARRAY, left));
            let kind = file.u32()?;
            let count = file.size()?;
            if kind == ARRAY {
                file.faults.tell(sink, "nest lists", file.cursor.offset(), || {
                    format!("`{key}` is a list of lists, which loaders do not read")
                });
            }
            open.push((kind, count));
            file.input.go_on()?;
        }
    }
    Ok(())
}
