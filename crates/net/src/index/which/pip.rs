//! What pip is told: variables and `pip.conf`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{IndexError, Named, Said, Surroundings, ini, text, variable};

/// What the environment says.
pub(super) fn environment(variables: &BTreeMap<&'static str, String>) -> Said {
    let main = variable(variables, "PIP_INDEX_URL").map(|url| Named::new(url, "`PIP_INDEX_URL`"));
    let extra = variable(variables, "PIP_EXTRA_INDEX_URL").unwrap_or_default().split_whitespace();
    let no_index = variable(variables, "PIP_NO_INDEX").is_some_and(is_yes);
    Said {
        main,
        extra: extra.map(|url| Named::new(url, "`PIP_EXTRA_INDEX_URL`")).collect(),
        none: no_index.then(|| "`PIP_NO_INDEX`".to_owned()),
        ..Said::default()
    }
}

/// What the configuration files say. Later files win over earlier ones, and the section of `install` over `global`.
///
/// # Errors
/// [`IndexError::NoIndex`] where one cannot be read.
pub(super) fn files(around: &Surroundings) -> Result<Said, IndexError> {
    let values = values(around)?;
    let why = |key: &str, path: &Path| format!("`{key}` in `{}`", path.display());
    let mut said = Said::default();
    if let Some((url, path)) = values.get("index-url") {
        said.main = Some(Named::new(url, why("index-url", path)));
    }
    // The variable takes the place of the setting; only what is typed adds to it.
    let is_replaced = variable(&around.variables, "PIP_EXTRA_INDEX_URL").is_some();
    if let Some((urls, path)) = values.get("extra-index-url").filter(|_| !is_replaced) {
        let urls = urls.split_whitespace();
        said.extra = urls.map(|url| Named::new(url, why("extra-index-url", path))).collect();
    }
    if let Some((_, path)) = values.get("no-index").filter(|(value, _)| is_yes(value)) {
        said.none = Some(why("no-index", path));
    }
    Ok(said)
}

/// The file of root certificates that the configuration files name.
pub(super) fn certificates(around: &Surroundings) -> Result<Option<String>, IndexError> {
    Ok(values(around)?.remove("cert").map(|(path, _)| path))
}

fn values(around: &Surroundings) -> Result<BTreeMap<String, (String, PathBuf)>, IndexError> {
    let mut of_all = BTreeMap::new();
    let mut of_install = BTreeMap::new();
    for path in paths(around) {
        let Some(text) = text(&path)? else { continue };
        for ((section, key), value) in ini::read(&text) {
            let place = match section.as_str() {
                "global" => &mut of_all,
                "install" => &mut of_install,
                _ => continue,
            };
            place.insert(key, (value, path.clone()));
        }
    }
    of_all.extend(of_install);
    Ok(of_all)
}

/// The files, the last one strongest (pip documentation, *Configuration*, *Location*).
fn paths(around: &Surroundings) -> Vec<PathBuf> {
    let named = variable(&around.variables, "PIP_CONFIG_FILE").map(PathBuf::from);
    if named.as_deref() == Some(Path::new("/dev/null")) {
        return Vec::new();
    }
    let mut paths = vec![PathBuf::from("/etc/xdg/pip/pip.conf"), PathBuf::from("/etc/pip.conf")];
    if cfg!(target_os = "macos") {
        paths.insert(0, PathBuf::from("/Library/Application Support/pip/pip.conf"));
    }
    // A file that is named takes the place of the user's own.
    if !named.as_ref().is_some_and(|path| path.exists()) {
        if let Some(home) = &around.home {
            paths.push(home.join(".pip/pip.conf"));
            if cfg!(target_os = "macos") {
                paths.push(home.join("Library/Application Support/pip/pip.conf"));
            }
        }
        paths.extend(around.configurations.as_ref().map(|folder| folder.join("pip/pip.conf")));
    }
    paths.extend(variable(&around.variables, "VIRTUAL_ENV").map(|folder| Path::new(folder).join("pip.conf")));
    paths.extend(named);
    paths
}

fn is_yes(value: &str) -> bool {
    matches!(value.trim().to_ascii_lowercase().as_str(), "1" | "yes" | "true" | "on" | "y" | "t")
}
