//! What the project that is weighed says about indexes: options in requirements files, `uv.toml`,
//! `pyproject.toml`, `Pipfile`, and where a lock file has its packages from.

use std::fs;
use std::path::{Path, PathBuf};

use toml::Value;

use super::{IndexError, Named, Said, Surroundings, pdm, poetry, text, uv};

/// Most requirements files of a folder that are looked at.
const MOST_FILES: usize = 100;

/// What the project says.
#[derive(Default)]
pub(super) struct Project {
    /// It is a project of uv.
    pub(super) is_of_uv: bool,
    /// By options and settings.
    pub(super) said: Said,
    /// By its lock.
    pub(super) locked: Said,
}

/// Reads what lies in the target's own folder; what lies below it is another project.
///
/// # Errors
/// [`IndexError::NoIndex`] where a file cannot be read.
pub(super) fn read(around: &Surroundings) -> Result<Project, IndexError> {
    let Some(target) = &around.target else { return Ok(Project::default()) };
    let (folder, only) = if target.is_dir() {
        (target.as_path(), None)
    } else {
        (
            target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")),
            Some(target),
        )
    };
    let mut project = Project::default();
    of_uv(folder, &mut project)?;
    for path in requirements(folder, only) {
        let Some(text) = text(&path)? else { continue };
        options(&text, &path, &mut project.said)?;
    }
    if project.said.main.is_none() && project.said.extra.is_empty() {
        other_tools(folder, &mut project.said)?;
    }
    if let Some(text) = text(&folder.join("uv.lock"))? {
        project.is_of_uv = true;
        project.locked.main = locked(&text);
    }
    Ok(project)
}

fn of_uv(folder: &Path, project: &mut Project) -> Result<(), IndexError> {
    // A file of its own takes the place of the table, but for sources, which only the table can hold.
    let path = folder.join("pyproject.toml");
    if let Some(text) = text(&path)?
        // Whoever reads the project for its packages says what is wrong with it.
        && let Ok(table) = uv::table(&text, &path)
        && let Some(table) = table.get("tool").and_then(|tool| tool.get("uv")).and_then(Value::as_table)
    {
        project.is_of_uv = true;
        project.said = uv::settings(table, "`[tool.uv]` of the project");
    }
    let path = folder.join("uv.toml");
    if let Some(text) = text(&path)? {
        project.is_of_uv = true;
        let said = uv::settings(&uv::table(&text, &path)?, "`uv.toml` of the project");
        let before = std::mem::replace(&mut project.said, said);
        project.said.assigned = before.assigned;
    }
    Ok(())
}

/// The requirements files of the folder in the order of their names, or the one that is the target.
fn requirements(folder: &Path, only: Option<&PathBuf>) -> Vec<PathBuf> {
    if let Some(only) = only {
        return vec![only.clone()].into_iter().filter(|path| is_requirements(path)).collect();
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| is_requirements(path)).collect();
    paths.sort();
    paths.truncate(MOST_FILES);
    paths
}

fn is_requirements(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.contains("requirements") && (name.ends_with(".txt") || name.ends_with(".in"))
}

/// Options in a requirements file. A later line takes the place of an earlier one, as with pip.
fn options(text: &str, path: &Path, said: &mut Said) -> Result<(), IndexError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    for line in text.lines() {
        // A comment begins after white space, because an address may hold the sign.
        let line = line.split(" #").next().unwrap_or_default().trim();
        let Some(end) = line.find(|letter: char| letter.is_whitespace() || letter == '=') else {
            if line == "--no-index" {
                said.none = Some(format!("`--no-index` in `{name}`"));
            }
            continue;
        };
        let (option, value) = line.split_at(end);
        let value = value.trim_start_matches([' ', '\t', '=']).trim().trim_matches(['"', '\'']);
        let why = format!("`{option}` in `{name}`");
        if matches!(option, "-i" | "--index-url" | "--pypi-url" | "--extra-index-url") && value.contains("${")
        {
            return Err(variable(&why));
        }
        match option {
            "-i" | "--index-url" | "--pypi-url" => said.main = Some(Named::new(value, why)),
            "--extra-index-url" => said.extra.push(Named::new(value, why)),
            "-f" | "--find-links" => said.notes.push(format!("{why} is not used")),
            _ => {}
        }
    }
    Ok(())
}

/// What the first of the other tools says that names an index: Poetry, PDM, Pipenv.
fn other_tools(folder: &Path, said: &mut Said) -> Result<(), IndexError> {
    let manifest = text(&folder.join("pyproject.toml"))?;
    let manifest = manifest.and_then(|text| text.parse::<toml::Table>().ok());
    let of = |tool: &str| manifest.as_ref()?.get("tool")?.get(tool)?.as_table();
    let found = match (of("poetry").map(poetry::sources), of("pdm")) {
        (Some(found), _) if found != Said::default() => found,
        (_, Some(pdm)) => pdm::sources(pdm)?,
        _ => Said::default(),
    };
    let notes = std::mem::take(&mut said.notes);
    if found != Said::default() {
        *said = Said { order: said.order.or(found.order), none: said.none.take(), ..found };
    } else if let Some(text) = text(&folder.join("Pipfile"))? {
        said.main = of_pipenv(&text)?;
    }
    said.notes.splice(0..0, notes);
    Ok(())
}

/// The first source of a `Pipfile`, which takes the place of the usual index. What is wrong with the file is told by whoever
/// reads it for its packages.
fn of_pipenv(text: &str) -> Result<Option<Named>, IndexError> {
    let Ok(file) = text.parse::<toml::Table>() else { return Ok(None) };
    let first = file.get("source").and_then(Value::as_array).and_then(|sources| sources.first());
    let Some(url) = first.and_then(|source| source.get("url")?.as_str()) else { return Ok(None) };
    let why = "`[[source]]` in `Pipfile`";
    if url.contains('$') {
        return Err(variable(why));
    }
    Ok(Some(Named::new(url, why)))
}

/// An address that the project chose and that is to be completed by the environment, with whatever secret that holds.
pub(super) fn variable(why: &str) -> IndexError {
    IndexError::NoIndex(format!(
        "{why} holds a variable of the environment, which is not put in; name the index with `--index-url`"
    ))
}

/// The index from which a lock file of uv has its first package of an index.
fn locked(text: &str) -> Option<Named> {
    let lock: toml::Table = text.parse().ok()?;
    let packages = lock.get("package").and_then(Value::as_array)?;
    let mut urls = packages.iter().filter_map(|package| package.get("source")?.get("registry")?.as_str());
    urls.find(|url| url.contains("://")).map(|url| Named::new(url, "`uv.lock`"))
}
