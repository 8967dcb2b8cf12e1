//! What uv is told: variables, `uv.toml`, and `[tool.uv]` of a project.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{IndexError, Named, Order, Said, Surroundings, normalised, text, variable};

/// What the environment says.
pub(super) fn environment(variables: &BTreeMap<&'static str, String>) -> Said {
    let main = ["UV_DEFAULT_INDEX", "UV_INDEX_URL"].into_iter().find_map(|name| {
        let (index, url) = name_and_url(variable(variables, name)?);
        Some(Named { name: index, ..Named::new(url, format!("`{name}`")) })
    });
    let extra = ["UV_INDEX", "UV_EXTRA_INDEX_URL"].into_iter().flat_map(|name| {
        variable(variables, name).unwrap_or_default().split_whitespace().map(move |text| {
            let (index, url) = name_and_url(text);
            Named { name: index, ..Named::new(url, format!("`{name}`")) }
        })
    });
    Said {
        main,
        extra: extra.collect(),
        order: variable(variables, "UV_INDEX_STRATEGY").map(order),
        ..Said::default()
    }
}

/// What the configuration files of the user and of the machine say, together.
///
/// # Errors
/// [`IndexError::NoIndex`] where one cannot be read.
pub(super) fn files(around: &Surroundings) -> Result<Said, IndexError> {
    if variable(&around.variables, "UV_NO_CONFIG").is_some() {
        return Ok(Said::default());
    }
    let paths = match variable(&around.variables, "UV_CONFIG_FILE") {
        Some(path) => vec![PathBuf::from(path)],
        None => around
            .configurations
            .iter()
            .map(|folder| folder.join("uv/uv.toml"))
            .chain([PathBuf::from("/etc/xdg/uv/uv.toml"), PathBuf::from("/etc/uv/uv.toml")])
            .collect(),
    };
    let mut all = Said::default();
    for path in paths {
        let Some(text) = text(&path)? else { continue };
        let said = settings(&table(&text, &path)?, &format!("`{}`", path.display()));
        all.main = all.main.or(said.main);
        all.none = all.none.or(said.none);
        all.order = all.order.or(said.order);
        all.extra.extend(said.extra);
    }
    Ok(all)
}

/// What a table of settings says: all of `uv.toml`, or `[tool.uv]`.
pub(super) fn settings(table: &Table, place: &str) -> Said {
    let mut said = Said::default();
    let text = |table: &Table, key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
    let flag = |table: &Table, key: &str| table.get(key).and_then(Value::as_bool) == Some(true);
    for index in table.get("index").and_then(Value::as_array).into_iter().flatten() {
        let Some(index) = index.as_table() else { continue };
        let Some(url) = text(index, "url") else { continue };
        let named = Named {
            name: text(index, "name"),
            is_explicit: flag(index, "explicit"),
            ..Named::new(&url, format!("`index` in {place}"))
        };
        if flag(index, "default") && said.main.is_none() {
            said.main = Some(named);
        } else {
            said.extra.push(named);
        }
    }
    // `uv pip` has a section of its own for the same settings.
    for table in [Some(table), table.get("pip").and_then(Value::as_table)].into_iter().flatten() {
        if let Some(url) = text(table, "index-url").filter(|_| said.main.is_none()) {
            said.main = Some(Named::new(&url, format!("`index-url` in {place}")));
        }
        for url in table.get("extra-index-url").and_then(Value::as_array).into_iter().flatten() {
            let Some(url) = url.as_str() else { continue };
            said.extra.push(Named::new(url, format!("`extra-index-url` in {place}")));
        }
        if flag(table, "no-index") {
            said.none = Some(format!("`no-index` in {place}"));
        }
        said.order = said.order.or(text(table, "index-strategy").as_deref().map(order));
    }
    for (project, source) in table.get("sources").and_then(Value::as_table).into_iter().flatten() {
        // Several sources with markers: the first index is as good a guess as any, and is told.
        let sources = source.as_array().map_or(std::slice::from_ref(source), Vec::as_slice);
        let mut indexes = sources.iter().filter_map(|source| source.get("index").and_then(Value::as_str));
        if let Some(index) = indexes.next() {
            if indexes.any(|other| other != index) {
                said.notes.push(format!(
                    "`{}` comes from several indexes in {place}; `{index}` is asked",
                    project.escape_default()
                ));
            }
            said.assigned.insert(normalised(project), index.to_owned());
        }
    }
    said
}

/// A TOML file.
///
/// # Errors
/// [`IndexError::NoIndex`] where it is none.
pub(super) fn table(text: &str, path: &Path) -> Result<Table, IndexError> {
    text.parse().map_err(|error: toml::de::Error| {
        IndexError::NoIndex(format!("`{}` cannot be read: {}", path.display(), error.message()))
    })
}

fn order(strategy: &str) -> Order {
    if strategy == "unsafe-best-match" { Order::Together } else { Order::First }
}

/// `NAME=URL`, or an address alone.
fn name_and_url(text: &str) -> (Option<String>, &str) {
    match text.split_once('=') {
        Some((name, url)) if !name.contains(['/', ':']) => (Some(name.to_owned()), url),
        _ => (None, text),
    }
}
