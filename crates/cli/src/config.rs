//! Finding and reading the configuration file.
//!
//! It is looked for from the folder in which the user stands, upward, and never inside a target: a project that you only
//! look at must not be able to switch off what is found in it. Whoever goes into a folder and weighs it from there
//! uses its configuration; `--no-config` is for strangers' folders.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use weighbridge_check::policy::{self, Settings};
use weighbridge_net::open::above;

use crate::errors::Failure;

/// Largest configuration file, in bytes: far more than anyone writes by hand.
const MOST_BYTES: u64 = 1 << 20;

/// What a configuration file says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Config {
    /// The file; none if there is none.
    pub(crate) file: Option<PathBuf>,
    /// What it says.
    pub(crate) settings: Settings,
}

/// Reads the file that the user named.
pub(crate) fn read(path: &Path) -> Result<Config, Failure> {
    let text =
        text(path)?.ok_or_else(|| Failure::unreadable(path, &io::Error::from(io::ErrorKind::NotFound)))?;
    parse(path, path, &text)
}

/// Looks for a file: the nearest `weighbridge.toml` from `folder` upward, else the nearest `pyproject.toml` that has
/// something to say, else the user's own. The search ends at the top of a repository (a folder with `.git`).
pub(crate) fn find(folder: Option<&Path>, own: Option<&Path>) -> Result<Config, Failure> {
    let folders = folder.map(above::folders).unwrap_or_default();
    for above in &folders {
        let path = above.join("weighbridge.toml");
        if let Some(text) = text(&path)? {
            return parse(&path, &shown(&path, folder), &text);
        }
    }
    for above in &folders {
        let path = above.join("pyproject.toml");
        let Some(text) = text(&path)? else { continue };
        // Somebody else's `pyproject.toml` may be broken without concerning us; the reader of manifests reports it.
        if !text.contains("weighbridge") {
            continue;
        }
        if let Some(settings) = policy::parse_pyproject(&text, &shown(&path, folder).to_string_lossy())? {
            return Ok(Config { file: Some(path), settings });
        }
    }
    match own {
        Some(path) => match text(path)? {
            Some(text) => parse(path, path, &text),
            None => Ok(Config::default()),
        },
        None => Ok(Config::default()),
    }
}

fn parse(path: &Path, shown: &Path, text: &str) -> Result<Config, Failure> {
    let settings = policy::parse(text, &shown.to_string_lossy())?;
    Ok(Config { file: Some(path.to_owned()), settings })
}

/// The path as a person in `folder` would write it, where that is short.
fn shown(path: &Path, folder: Option<&Path>) -> PathBuf {
    folder.and_then(|folder| path.strip_prefix(folder).ok()).unwrap_or(path).to_owned()
}

/// The text of a file, if it is there. A file that is there and cannot be read is an error: a policy that is silently
/// not applied is worse than none.
fn text(path: &Path) -> Result<Option<String>, Failure> {
    let failed = |error: io::Error| Failure::unreadable(path, &error);
    match fs::metadata(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.is_file() => return Err(failed(io::Error::other("not a regular file"))),
        Ok(metadata) if metadata.len() > MOST_BYTES => {
            return Err(failed(io::Error::other(format!("larger than {MOST_BYTES} bytes"))));
        }
        Ok(_) => {}
    }
    let bytes = fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map(Some).map_err(|_| failed(io::Error::other("not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes files below a new folder, goes into `stand`, and tells which file is found.
    #[track_caller]
    fn check(files: &[(&str, &str)], stand: &str, expected: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join(stand)).unwrap();
        for (name, text) in files {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), text).unwrap();
        }
        // The test must not depend on what lies above the temporary folder.
        fs::create_dir_all(root.join(".git")).unwrap();
        let found = find(Some(&root.join(stand)), Some(&root.join("own/config.toml"))).unwrap();
        assert_eq!(found.file, expected.map(|name| root.join(name)));
    }

    const TOOL: &str = "[tool.weighbridge]\nfail-on = 'low'\n";

    #[test]
    fn the_nearest_file_wins_and_the_users_own_comes_last() {
        check(&[], "a", None);
        check(&[("own/config.toml", "")], "a", Some("own/config.toml"));
        check(&[("weighbridge.toml", ""), ("own/config.toml", "")], "a/b", Some("weighbridge.toml"));
        check(&[("weighbridge.toml", ""), ("a/weighbridge.toml", "")], "a/b", Some("a/weighbridge.toml"));
        check(&[("pyproject.toml", TOOL)], "a", Some("pyproject.toml"));
        check(&[("pyproject.toml", TOOL), ("a/pyproject.toml", "[project]")], "a", Some("pyproject.toml"));
        check(&[("weighbridge.toml", ""), ("a/pyproject.toml", TOOL)], "a", Some("weighbridge.toml"));
        check(&[("a/pyproject.toml", "this is [no TOML")], "a", None);
    }

    #[test]
    fn what_lies_below_or_above_the_repository_says_nothing() {
        check(&[("target/weighbridge.toml", "")], ".", None);
        check(&[("weighbridge.toml", ""), ("inner/.git/HEAD", "")], "inner/a", None);
    }

    #[test]
    fn errors_point_at_the_line() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        fs::write(folder.path().join("weighbridge.toml"), "\nfail-onn = 'low'\n").unwrap();
        let failure = find(Some(folder.path()), None).unwrap_err();
        assert!(failure.message.starts_with("weighbridge.toml:2: "), "{}", failure.message);
        assert_eq!(failure.exit, crate::exit::Exit::Usage);
        assert!(read(&folder.path().join("none.toml")).is_err());
    }
}
