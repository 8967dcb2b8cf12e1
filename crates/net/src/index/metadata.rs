//! What a distribution says of itself: core metadata, of which the header fields on requirements are kept.

use super::page::normalised;

/// The part of core metadata that says what a distribution needs, as it is written.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Metadata {
    /// `Name`.
    pub name: String,
    /// `Version`.
    pub version: String,
    /// Every `Requires-Dist`.
    pub requires: Vec<String>,
    /// `Requires-Python`.
    pub requires_python: Option<String>,
    /// Every `Provides-Extra`.
    pub extras: Vec<String>,
    /// Its requirements are known only once it is built (PEP 643): true of source distributions alone.
    pub is_computed: bool,
}

/// Reads METADATA or PKG-INFO.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read(bytes: &[u8]) -> Result<Metadata, String> {
    let text = String::from_utf8_lossy(bytes);
    let mut metadata = Metadata::default();
    let mut format = None;
    let mut last: Option<&mut String> = None;
    let mut dynamic = Vec::new();
    for line in text.lines() {
        // The header ends at the first empty line; the description follows.
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            if let Some(last) = &mut last {
                last.push(' ');
                last.push_str(line.trim());
            }
            continue;
        }
        last = None;
        let Some((field, value)) = line.split_once(':') else { continue };
        let value = value.trim().to_owned();
        match field.to_ascii_lowercase().as_str() {
            "metadata-version" => format = Some(value),
            "name" => metadata.name = value,
            "version" => metadata.version = value,
            "dynamic" => dynamic.push(value.to_ascii_lowercase()),
            "requires-dist" => {
                metadata.requires.push(value);
                last = metadata.requires.last_mut();
            }
            "requires-python" => last = Some(metadata.requires_python.insert(value)),
            "provides-extra" => metadata.extras.push(value),
            _ => {}
        }
    }
    if format.is_none() || metadata.name.is_empty() || metadata.version.is_empty() {
        return Err("it is no metadata of a distribution".to_owned());
    }
    // Before version 2.2 nothing in a source distribution is a promise (PEP 643).
    let is_old =
        format.as_deref().is_some_and(|format| matches!(format, "1.0" | "1.1" | "1.2" | "2.0" | "2.1"));
    let is_dynamic = |field: &str| dynamic.iter().any(|dynamic| dynamic == field);
    metadata.is_computed = is_old || is_dynamic("requires-dist") || is_dynamic("provides-extra");
    Ok(metadata)
}

impl Metadata {
    /// Whether it is about the project with this normalised name.
    pub(super) fn is_of(&self, project: &str) -> bool {
        normalised(&self.name) == project
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_and_the_description_is_not() {
        let text = "Metadata-Version: 2.1\r\nName: A.b\r\nVersion: 1.0\r\nRequires-Python: >=3.8,\r\n  <4\r\n\
                    Requires-Dist: c (>=1) ; extra == 'x'\r\nProvides-Extra: x\r\nRequires-Dist: d\r\n\r\n\
                    Requires-Dist: not-this\r\n";
        let metadata = read(text.as_bytes()).unwrap();
        assert!(metadata.is_of("a-b") && !metadata.is_of("a"));
        assert_eq!(metadata.requires, ["c (>=1) ; extra == 'x'", "d"]);
        assert_eq!(metadata.requires_python.as_deref(), Some(">=3.8, <4"));
        assert_eq!(metadata.extras, ["x"]);
        assert!(metadata.is_computed);
    }

    #[test]
    fn what_is_promised_is_told_from_what_is_computed() {
        for (head, is_computed) in [
            ("Metadata-Version: 2.2", false),
            ("Metadata-Version: 2.4\nDynamic: Version", false),
            ("Metadata-Version: 2.2\nDynamic: Requires-Dist", true),
            ("Metadata-Version: 1.2", true),
        ] {
            let metadata = read(format!("{head}\nName: a\nVersion: 1\n").as_bytes()).unwrap();
            assert_eq!(metadata.is_computed, is_computed, "{head}");
        }
        for text in ["", "<html>", "Metadata-Version: 2.1\nName: a\n\nVersion: 1\n"] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
