//! What Poetry is told: `[[tool.poetry.source]]`, and the packages that name one of them.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{Named, Order, Said, normalised};

/// What stands for the usual index, which needs no address.
const USUAL: &str = "pypi";

/// What the table says. A primary source takes the place of the usual index unless that is named among them; all of them are
/// searched together, and a supplemental one only for what they do not know.
pub(super) fn sources(poetry: &Table) -> Said {
    let mut said = Said::default();
    for source in poetry.get("source").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| source.get(key).and_then(Value::as_str);
        let flag = |key: &str| source.get(key).and_then(Value::as_bool) == Some(true);
        let Some(name) = text("name").map(str::to_lowercase) else { continue };
        let priority = text("priority").unwrap_or_default();
        let named = Named {
            is_explicit: priority == "explicit",
            is_last: matches!(priority, "supplemental" | "secondary") || flag("secondary"),
            name: Some(name.clone()),
            ..Named::new(text("url").unwrap_or_default(), "`[[tool.poetry.source]]` in `pyproject.toml`")
        };
        let is_primary = !named.is_explicit && !named.is_last;
        if name == USUAL && named.url.is_empty() {
            said.usual = Some(named);
        } else if named.url.is_empty() {
            said.notes.push(format!("the source `{}` of Poetry has no address", name.escape_default()));
        } else if is_primary && said.main.is_none() {
            said.main = Some(named);
        } else {
            said.extra.push(named);
        }
    }
    // Beside the usual index the first of the others is a further one.
    if said.usual.is_some() {
        said.extra.splice(0..0, said.main.take());
    }
    if said != Said::default() {
        said.order = Some(Order::Together);
        said.assigned = assigned(poetry, &mut said.notes);
    }
    said
}

/// The packages that name a source, in the tables of all groups.
fn assigned(poetry: &Table, notes: &mut Vec<String>) -> BTreeMap<String, String> {
    let table = |value: &Value| value.as_table().cloned();
    let own = ["dependencies", "dev-dependencies"].into_iter().filter_map(|key| table(poetry.get(key)?));
    let groups = poetry.get("group").and_then(Value::as_table).into_iter().flatten();
    let groups = groups.filter_map(|(_, group)| table(group.get("dependencies")?));
    let mut assigned: BTreeMap<String, String> = BTreeMap::new();
    for (package, value) in own.chain(groups).flatten() {
        // A list has one entry for each Python or platform.
        let entries = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
        for source in entries.iter().filter_map(|entry| entry.get("source")?.as_str()) {
            let source = source.to_lowercase();
            let first = assigned.entry(normalised(&package)).or_insert_with(|| source.clone());
            if *first != source {
                notes.push(format!(
                    "`{}` comes from several sources of Poetry; `{}` is asked",
                    package.escape_default(),
                    first.escape_default()
                ));
            }
        }
    }
    assigned
}
