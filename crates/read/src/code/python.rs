//! Python source files and notebooks: which modules their code imports, and what a script says that it needs (PEP 723).
//!
//! Only files of the target itself: code of installed packages imports much that nobody asked for. What is imported only
//! helps to rank findings, so that a file that is too large is left alone and bytes that are no text are passed over.

use std::collections::BTreeMap;

use serde_json::Value;
use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Import, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::imports::imports;
use crate::package::script_block;

/// Largest file that is looked at, in bytes: people write smaller ones, and outputs make notebooks large.
const LARGEST: u64 = 16 << 20;
/// Most modules that are kept of one file.
const MOST: usize = 1_000;

/// Reads what Python code imports.
pub struct Python;

impl Reader for Python {
    fn about(&self) -> &'static About {
        &About {
            id: "python",
            title: "Python source code",
            family: Family::Code,
            names: &["*.py", "*.ipynb", "files without an ending with `# /// script`"],
            reads: "which modules it imports, to tell which findings your own code reaches; the requirements of a script (PEP 723)",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let foreign = |name: &str| {
            matches!(name, "site-packages" | "dist-packages" | "node_modules") || name.starts_with("python3.")
        };
        let code = hint.has_extension("py") || hint.has_extension("ipynb");
        if hint.size > LARGEST || hint.path.split('/').any(foreign) {
            Claim::No
        } else if code {
            Claim::ByName
        } else if is_script(hint) {
            Claim::ByMagic
        } else {
            Claim::No
        }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let bytes = input.read_text()?;
        let text = String::from_utf8_lossy(&bytes);
        let mut found: BTreeMap<String, u32> = BTreeMap::new();
        // A notebook is JSON, and no Python file begins with a brace that way and is read as JSON.
        match serde_json::from_str::<Value>(&text) {
            Ok(notebook @ Value::Object(_)) => {
                let cells = notebook.get("cells").and_then(Value::as_array);
                for (number, cell) in (1u32..).zip(cells.into_iter().flatten()) {
                    if cell.get("cell_type").is_some_and(|kind| kind == "code") {
                        let source = match cell.get("source") {
                            Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect(),
                            other => other.and_then(Value::as_str).unwrap_or_default().to_owned(),
                        };
                        imports(&source, |module, _| keep(&mut found, module, number));
                    }
                }
            }
            _ => {
                script_block(&text, sink);
                imports(&text, |module, line| keep(&mut found, module, line));
            }
        }
        if !found.is_empty() {
            let found = found.into_iter().map(|(module, at)| Import { module, at }).collect();
            sink.observed(What::Imports(found), None);
        }
        Ok(())
    }
}

/// Whether a program without an ending says what it needs: `#!/usr/bin/env -S uv run --script` and a block of PEP 723.
fn is_script(hint: &Hint<'_>) -> bool {
    hint.head.starts_with(b"#!")
        && !hint.name().contains('.')
        && String::from_utf8_lossy(hint.head).lines().any(|line| line == "# /// script")
}

fn keep(found: &mut BTreeMap<String, u32>, module: &str, at: u32) {
    if found.len() < MOST {
        let first = found.entry(module.to_owned()).or_insert(at);
        *first = at.min(*first);
    }
}
