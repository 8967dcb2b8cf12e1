//! What a signature over tensors speaks of in a safetensors file, and the file with one.

use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::Digest;
use weighbridge_core::input::Input;
use weighbridge_core::lock::Metadata;

use super::{LONGEST_HEADER, Safetensors, stored};
use crate::bytes::offset;
use crate::model::signature::{Contents, KEY, Piece, is_sound, sink, too_long};

/// The key of the metadata.
const METADATA: &str = "__metadata__";

/// The header of a file that obeys every rule.
fn text(input: &Input) -> Result<String, Unread> {
    let mut sink = sink(&Safetensors, input);
    let ended = super::inspect(input, &mut sink).map(drop);
    // What is wrong in detail says more than that the end was not reached.
    is_sound(sink)?;
    ended?;
    let mut size = [0; 8];
    input.read_exact(0, &mut size)?;
    let text = input.read_vec(8, u64::from_le_bytes(size), LONGEST_HEADER)?;
    String::from_utf8(text).map_err(|_| Unread::Malformed("the header is no UTF-8".to_owned()))
}

/// Whether a header holds a signature, whatever else is wrong with it.
pub(super) fn is_signed(header: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(header) else { return false };
    // Few headers have either; a letter of the key may be written by its number (RFC 8259, section 7).
    if !text.contains(KEY) && !text.contains("\\u") {
        return false;
    }
    let holds =
        |object: &str, key: &str| -> Result<bool, Unread> { Ok(find(&members(object)?, key)?.is_some()) };
    let Ok(top) = members(text) else { return false };
    let mut metadata = top.iter().filter(|member| string(member.key).is_ok_and(|key| key == METADATA));
    metadata.any(|member| holds(member.value, KEY).unwrap_or(false))
}

/// What a file holds.
pub(in super::super) fn contents(input: &Input) -> Result<Contents, Unread> {
    let text = text(input)?;
    let mut metadata = Vec::new();
    let mut signature = None;
    if let Some(member) = find(&members(&text)?, METADATA)? {
        for member in members(member.value)? {
            let (name, value) = (string(member.key)?, string(member.value)?);
            if name == KEY {
                signature = Some(value);
            } else {
                let digest = Digest::of(value.as_bytes());
                metadata.push(Metadata { name, kind: "string".to_owned(), digest });
            }
        }
    }
    Ok(Contents { tensors: stored(input)?, metadata, signature, split: None })
}

/// The pieces of the file with this signature.
pub(in super::super) fn embed(input: &Input, signature: &str) -> Result<Vec<Piece>, Unread> {
    let old = text(input)?;
    let top = members(&old)?;
    let mut kept = Vec::new();
    if let Some(metadata) = find(&top, METADATA)? {
        for member in members(metadata.value)? {
            if string(member.key)? != KEY {
                kept.push(format!("{}:{}", member.key, member.value));
            }
        }
    }
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    kept.push(format!("{}:{}", quoted(KEY), quoted(signature)));
    let mut text = format!("{{{}:{{{}}}", quoted(METADATA), kept.join(","));
    for member in &top {
        if string(member.key)? != METADATA {
            text.extend([",", member.key, ":", member.value]);
        }
    }
    text.push('}');
    while !text.len().is_multiple_of(8) {
        text.push(' ');
    }
    let size = offset(text.len());
    if size > LONGEST_HEADER {
        return Err(too_long());
    }
    let data = offset(old.len()).saturating_add(8);
    Ok(vec![
        Piece::Bytes([&size.to_le_bytes(), text.as_bytes()].concat()),
        Piece::Part { offset: data, size: input.size().saturating_sub(data) },
    ])
}

/// A member of an object, as it is written.
struct Member<'a> {
    key: &'a str,
    value: &'a str,
}

/// White space of JSON (RFC 8259, section 2).
const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// The members of an object. What is written stays as it is, so that nothing changes that is not meant to.
fn members(object: &str) -> Result<Vec<Member<'_>>, Unread> {
    split_members(object).ok_or_else(|| Unread::Malformed("the header is no JSON object".to_owned()))
}

fn split_members(object: &str) -> Option<Vec<Member<'_>>> {
    let mut rest = object.trim_matches(SPACE).strip_prefix('{')?.strip_suffix('}')?.trim_matches(SPACE);
    let mut members = Vec::new();
    while !rest.is_empty() {
        let (key, after) = split_value(rest)?;
        let after = after.trim_start_matches(SPACE).strip_prefix(':')?;
        let (value, after) = split_value(after.trim_start_matches(SPACE))?;
        members.push(Member { key, value });
        rest = after.trim_start_matches(SPACE);
        if !rest.is_empty() {
            rest = rest.strip_prefix(',')?.trim_start_matches(SPACE);
        }
    }
    Some(members)
}

/// Splits the value off that a text begins with; the text is known to be JSON.
fn split_value(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0usize;
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        let next = at.saturating_add(1);
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    quoted = false;
                    if depth == 0 {
                        return text.split_at_checked(next);
                    }
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return text.split_at_checked(next);
                }
            }
            // Where a number or a word ends.
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return text.split_at_checked(at),
            _ => {}
        }
    }
    (depth == 0 && !quoted).then_some((text, ""))
}

/// The member of this key.
fn find<'a, 'b>(members: &'b [Member<'a>], key: &str) -> Result<Option<&'b Member<'a>>, Unread> {
    for member in members {
        if string(member.key)? == key {
            return Ok(Some(member));
        }
    }
    Ok(None)
}

/// The text that a JSON string writes.
fn string(json: &str) -> Result<String, Unread> {
    serde_json::from_str(json).map_err(|error| Unread::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_taken_as_they_are_written() {
        let text = r#" { "a" : {"x":[1,{"}":"\"}"}]} ,"b\"":-1.5e3,"c":"","d": [ ] , "e":null } "#;
        let found: Vec<(&str, &str)> =
            members(text).unwrap().iter().map(|member| (member.key, member.value)).collect();
        assert_eq!(
            found,
            [
                (r#""a""#, r#"{"x":[1,{"}":"\"}"}]}"#),
                (r#""b\"""#, "-1.5e3"),
                (r#""c""#, r#""""#),
                (r#""d""#, "[ ]"),
                (r#""e""#, "null")
            ]
        );
        assert!(members(" {} ").unwrap().is_empty());
        for broken in ["", "[]", "{1", r#"{"a"}"#, r#"{"a":1 "b":2}"#, r#"{"a":"}"#] {
            assert!(members(broken).is_err(), "{broken}");
        }
    }
}
