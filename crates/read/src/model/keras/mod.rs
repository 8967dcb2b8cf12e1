//! Keras models: the configuration from which a model is made, in a `.keras` archive, in an attribute of an HDF5 file, in
//! the metadata of a SavedModel, or as a file of its own.
//!
//! A configuration is a tree of objects, each with the name of a class (or `function`) and mostly that of its module; the
//! loader looks every one of them up, wherever it stands, and calls it with what stands beside. So the tree is walked as
//! a whole; a text that is no such name means nothing. `json` parses, `objects` walks.
//!
//! Source: `keras/src/saving/serialization_lib.py` and `saving_lib.py` (Keras 3), `keras/src/legacy/saving/` (Keras 1 and
//! 2), `keras/saving/legacy/saved_model/` of Keras 2 (metadata of a SavedModel).

mod base64;
pub(super) mod json;
mod objects;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::What;
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, HEAD_BYTES, Hint, Reader};
use weighbridge_core::sink::Sink;

use crate::bytes::offset;
use json::{Json, Object};

/// The member of a `.keras` archive, and the file of a folder, that the model is made from (`_CONFIG_FILENAME`).
const CONFIG: &str = "config.json";
/// Members that only a Keras archive has beside it.
const BESIDE: [&str; 4] = ["metadata.json", "model.weights.h5", "model.weights.npz", "model.weights.json"];

/// Reads the configuration of a Keras model.
pub struct KerasConfig;

impl Reader for KerasConfig {
    fn about(&self) -> &'static About {
        &About {
            id: "keras-config",
            title: "Keras configurations",
            family: Family::Model,
            names: &["config.json"],
            reads: "Every class and function that the configuration of a model names, code that it carries (`Lambda`), \
                    modules of PyTorch inside, vocabularies and models that it opens.",
        }
    }

    /// By name in any case, because most `.json` files are something else, and nobody is deceived by one that is not.
    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if !hint.has_extension("json") {
            return Claim::No;
        }
        // What the first bytes do not show may still come in the one file that is loaded by its name.
        let more = hint.size > offset(HEAD_BYTES) && hint.name() == CONFIG;
        if more || shows_model(hint.head) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        // An entry is a configuration because its container says so; a file is one if it looks like it.
        let told = !sink.place().inner.is_empty();
        let bytes = input.read_text()?;
        let parsed = json::decode(&bytes).map(|text| (json::parse(&text), text));
        let (parsed, _text) = match parsed {
            Ok(parsed) => parsed,
            Err(reason) if told => {
                sink.observed(What::Format("keras-config"), None);
                return Err(reason);
            }
            Err(_) => return Ok(()),
        };
        if !told && !is_model(&parsed.value) {
            return Ok(());
        }
        sink.observed(What::Format("keras-config"), None);
        let place = |at: u64| Some(Span::Offset(at.min(input.size())));
        for (key, at) in &parsed.twice {
            let reason = format!(
                "`{}` stands twice in one object: loaders differ in which they take",
                key.escape_debug()
            );
            sink.malformed(reason, place(*at));
        }
        objects::walk(&parsed.value, input, sink);
        match parsed.fault {
            Some((reason, at)) => {
                sink.unread(reason, place(at));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Whether the beginning of a JSON text is that of a model.
fn shows_model(head: &[u8]) -> bool {
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if start.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return false;
    }
    // The head may end within a character.
    let text = String::from_utf8_lossy(start);
    is_model(&json::parse(&text).value)
}

/// Whether a value is an object with the name of a class, as every model begins.
fn is_model(value: &Json) -> bool {
    let Json::Object(object) = value else { return false };
    let named = |object: &Object| object.texts("class_name").next().is_some();
    named(object) && ["config", "module", "registered_name"].iter().any(|key| object.has(key))
}

/// Whether an archive is a Keras model, by the names of its members and its own.
pub(crate) fn is_archive<'a>(path: &str, names: impl Iterator<Item = &'a str>) -> bool {
    let (mut config, mut beside) = (false, false);
    for name in names.map(member_name) {
        config |= name == CONFIG;
        beside |= BESIDE.contains(&name);
    }
    let named = path.len().checked_sub(6).and_then(|at| path.get(at..));
    config && (beside || named.is_some_and(|ending| ending.eq_ignore_ascii_case(".keras")))
}

/// The reader of the member of this name of a Keras archive; none for those that are told apart by their content.
pub(crate) fn reader_of(name: &str) -> Option<&'static str> {
    (member_name(name) == CONFIG).then_some("keras-config")
}

/// The name as Python's `zipfile` sees it: it cuts names at a NUL.
fn member_name(name: &str) -> &str {
    name.split('\0').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_known_by_their_members() {
        for (path, names, is) in [
            ("m.keras", vec!["config.json"], true),
            ("m.KERAS", vec!["config.json"], true),
            ("m.zip", vec!["config.json", "metadata.json"], true),
            ("m.zip", vec!["config.json\0x", "model.weights.npz"], true),
            ("m.zip", vec!["config.json"], false),
            ("m.keras", vec!["a/config.json"], false),
        ] {
            assert_eq!(is_archive(path, names.iter().copied()), is, "{path} {names:?}");
        }
    }

    #[test]
    fn a_configuration_shows_itself_in_its_first_bytes() {
        for (head, shows) in [
            (r#"{"module": "keras", "class_name": "Sequential", "config": {"name": "x"#, true),
            (r#" {"class_name": "Model", "config": {}}"#, true),
            (r#"{"model_type": "bert", "architectures": ["A"]}"#, false),
            (r#"{"class_name": "x"}"#, false),
            (r#"[{"class_name": "x", "config": {}}]"#, false),
        ] {
            assert_eq!(shows_model(head.as_bytes()), shows, "{head}");
        }
    }
}
