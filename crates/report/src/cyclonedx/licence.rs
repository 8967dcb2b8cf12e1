//! The free text of a licence field as CycloneDX wants it: an SPDX id, an SPDX expression, or a name.

use crate::tree::{Tree, object};

/// The SPDX ids that packages of the Python index use most; anything else becomes a name, which is always right.
const IDS: [&str; 40] = [
    "0BSD",
    "AFL-3.0",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-2.0",
    "Artistic-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC-BY-4.0",
    "CC0-1.0",
    "CECILL-2.1",
    "CNRI-Python",
    "EPL-2.0",
    "EUPL-1.2",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "HPND",
    "ISC",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-1.1",
    "MPL-2.0",
    "MS-PL",
    "NCSA",
    "OFL-1.1",
    "PSF-2.0",
    "PostgreSQL",
    "Python-2.0",
    "Unlicense",
    "WTFPL",
    "ZPL-2.1",
    "Zlib",
];

/// The value of `licenses`; none for an empty text.
pub(super) fn choice(text: &str) -> Option<Vec<Tree>> {
    let text = text.trim();
    let licence = |key: &str| match key {
        "id" => object! { "license": object! { "id": text, "acknowledgement": "declared" } },
        _ => object! { "license": object! { "name": text, "acknowledgement": "declared" } },
    };
    Some(vec![match text {
        "" => return None,
        _ if IDS.contains(&text) => licence("id"),
        _ if is_expression(text) => object! { "expression": text, "acknowledgement": "declared" },
        _ => licence("name"),
    }])
}

/// Whether the text is an expression (SPDX specification, annex B) over ids that are known here.
fn is_expression(text: &str) -> bool {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut depth = 0usize;
    let mut wants_id = true;
    for word in spaced.split_whitespace() {
        match word {
            "(" if wants_id => depth += 1,
            ")" if !wants_id && depth > 0 => depth -= 1,
            "AND" | "OR" if !wants_id => wants_id = true,
            _ if wants_id && IDS.contains(&word) => wants_id = false,
            _ => return false,
        }
    }
    depth == 0 && !wants_id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_ids_expressions_or_names() {
        assert!(IDS.is_sorted());
        for (text, key) in [
            ("MIT", "id"),
            (" MIT ", "id"),
            ("mit", "name"),
            ("MIT OR Apache-2.0", "expression"),
            ("(MIT AND HPND) OR Zlib", "expression"),
            ("MIT OR", "name"),
            ("(MIT", "name"),
            ("MIT) OR (MIT", "name"),
            ("MIT License", "name"),
        ] {
            let json = serde_json::to_string(&choice(text).unwrap()).unwrap();
            assert!(json.contains(&format!("\"{key}\":")), "{text}: {json}");
        }
        assert_eq!(choice("  "), None);
    }
}
