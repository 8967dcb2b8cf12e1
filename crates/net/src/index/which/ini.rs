//! The files of Python's `configparser`, as far as pip uses it: no interpolation.

use std::collections::BTreeMap;

/// The values by section and key; keys in lower case with `-` for `_`.
pub(super) type Sections = BTreeMap<(String, String), String>;

/// Reads a file.
pub(super) fn read(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut section = String::new();
    let mut last: Option<(String, String)> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with(['#', ';']) {
            continue;
        }
        if trimmed.is_empty() {
            continue;
        }
        // What is indented goes on with the value before it.
        if line.starts_with([' ', '\t'])
            && let Some(value) = last.as_ref().and_then(|key| sections.get_mut(key))
        {
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
            last = None;
        } else if let Some(at) = trimmed.find(['=', ':']) {
            let (key, value) = trimmed.split_at(at);
            let key = key.trim().to_ascii_lowercase().replace('_', "-");
            let key = (section.clone(), key.trim_start_matches('-').to_owned());
            sections.insert(key.clone(), value.get(1..).unwrap_or_default().trim().to_owned());
            last = Some(key);
        }
    }
    sections
}
