//! What PDM is told: `[[tool.pdm.source]]`.

use toml::{Table, Value};
use weighbridge_core::name::NamePattern;

use super::project::variable;
use super::{IndexError, Named, Only, Order, Said};

/// What the table says. A source called `pypi` takes the place of the usual index. All are searched together; with
/// `respect-source-order` one after the other, the usual one first where the list does not name it.
///
/// # Errors
/// [`IndexError::NoIndex`] where an address holds a variable of the environment.
pub(super) fn sources(pdm: &Table) -> Result<Said, IndexError> {
    const WHY: &str = "`[[tool.pdm.source]]` in `pyproject.toml`";
    let mut said = Said::default();
    let list = pdm.get("source").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |source: &Value, key: &str| source.get(key).and_then(Value::as_str).map(str::to_owned);
    let is_usual = |source: &Value| text(source, "name").as_deref() == Some("pypi");
    let resolution = pdm.get("resolution").and_then(|it| it.get("respect-source-order"));
    let ordered = resolution.and_then(Value::as_bool) == Some(true);
    let mut before_the_usual = list.iter().any(is_usual);
    for source in list {
        let is_usual = is_usual(source);
        before_the_usual &= !is_usual;
        let Some(url) = text(source, "url") else {
            said.usual = is_usual.then(|| Named::new("", WHY)).or(said.usual);
            continue;
        };
        if text(source, "type").as_deref() == Some("find_links") {
            said.notes.push(format!("the page of links of {WHY} is not used"));
            continue;
        }
        if url.contains('$') {
            return Err(variable(WHY));
        }
        let only = Only {
            included: patterns(source, "include_packages", &mut said.notes),
            excluded: patterns(source, "exclude_packages", &mut said.notes),
        };
        let named = Named { name: text(source, "name"), only, ..Named::new(&url, WHY) };
        if is_usual {
            said.main = Some(named);
        } else {
            said.extra.push(Named { is_last: ordered && !before_the_usual, ..named });
        }
    }
    if said != Said::default() {
        said.order = Some(if ordered { Order::First } else { Order::Together });
    }
    Ok(said)
}

fn patterns(source: &Value, key: &str, notes: &mut Vec<String>) -> Vec<NamePattern> {
    let texts = source.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut found = Vec::new();
    for text in texts {
        match NamePattern::new(text) {
            Ok(pattern) => found.push(pattern),
            Err(_) => {
                notes.push(format!("`{}` in `{key}` of PDM is no pattern known here", text.escape_default()))
            }
        }
    }
    found
}
