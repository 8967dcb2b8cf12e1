//! Where approved things lie on this machine, and which revision that is.

use std::fs;
use std::path::{Component, Path, PathBuf};

use weighbridge_core::lock::Approval;
use weighbridge_trust::lock::places::{self, HUB, Where};

use crate::errors::Failure;
use crate::setup::Setup;

/// Something that is approved, or is to be.
pub(super) struct Place {
    /// As the lock calls it.
    pub(super) source: String,
    /// Where its files lie.
    pub(super) path: PathBuf,
    /// Where that comes from.
    pub(super) lies: Lies,
}

/// Where files come from.
pub(super) enum Lies {
    /// From anywhere.
    Plain,
    /// From a cache of the hub: the folder of the repository there.
    Hub(PathBuf),
}

impl Place {
    /// What the user named.
    pub(super) fn named(typed: &Path, lock: &Path, setup: &Setup) -> Result<Self, Failure> {
        if let Some(repository) = typed.to_str().and_then(|text| text.strip_prefix(HUB)) {
            return Self::in_hub(repository, setup);
        }
        let unreadable = |error| Failure::unreadable(typed, &error);
        // A link that is named is itself what was approved, wherever it leads.
        let path = match (typed.parent(), typed.file_name()) {
            (Some(folder), Some(name)) => {
                let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
                folder.canonicalize().map_err(unreadable)?.join(name)
            }
            _ => typed.canonicalize().map_err(unreadable)?,
        };
        if let Some((source, _)) = path.to_str().and_then(places::snapshot) {
            let repository = path.parent().and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
            return Ok(Self { source, path, lies: Lies::Hub(repository) });
        }
        let below = path.strip_prefix(lock).ok().and_then(slashed);
        let source = below.ok_or_else(|| {
            Failure::usage(format!("`{}` does not lie below the folder of the lock", typed.display()))
                .hint(format!("that is `{}`; `--lock FILE` names a lock elsewhere", lock.display()))
        })?;
        Ok(Self { source, path, lies: Lies::Plain })
    }

    fn in_hub(typed: &str, setup: &Setup) -> Result<Self, Failure> {
        let (repository, revision) = typed.split_once('@').map_or((typed, None), |(it, at)| (it, Some(at)));
        let is_name = |name: &str| !matches!(name, "" | "." | "..") && !name.contains(['\\', ':']);
        if !repository.contains('/') || !repository.split('/').all(is_name) {
            return Err(Failure::usage(format!("`{HUB}{typed}` names no repository"))
                .hint(format!("expected `{HUB}ORG/NAME`, or `{HUB}ORG/NAME@REVISION`")));
        }
        let folder = setup.environment.hub_cache().unwrap_or_default().join(places::hub_folder(repository));
        let revision = match revision {
            Some(commit) if places::is_commit(commit) => Some(commit.to_owned()),
            other => reference(&folder, other.unwrap_or("main")),
        };
        let revision = revision.ok_or_else(|| {
            Failure::usage(format!("`{HUB}{typed}` does not lie in the cache of the hub"))
                .hint("`hf download` brings it there; nothing is fetched here")
        })?;
        let path = folder.join("snapshots").join(&revision);
        Ok(Self { source: format!("{HUB}{repository}"), path, lies: Lies::Hub(folder) })
    }

    /// Where what was approved lies.
    pub(super) fn of(approval: &Approval, lock: &Path, setup: &Setup) -> Self {
        let source = approval.source.clone();
        match places::place("", &source) {
            Where::Path(path) if path.is_empty() => Self { source, path: lock.to_owned(), lies: Lies::Plain },
            Where::Path(path) => Self { source, path: lock.join(path), lies: Lies::Plain },
            Where::Hub(name) => {
                let folder = setup.environment.hub_cache().unwrap_or_default().join(name);
                let pinned = approval.revision.clone().unwrap_or_default();
                let path = folder.join("snapshots").join(pinned);
                Self { source, path, lies: Lies::Hub(folder) }
            }
        }
    }

    /// The revision that a loader would take now, where that is known.
    pub(super) fn revision_there(&self) -> Option<String> {
        match &self.lies {
            Lies::Hub(folder) => reference(folder, "main").or_else(|| self.snapshot()),
            Lies::Plain => noted(&self.path),
        }
    }

    /// The revision at which the path itself points.
    pub(super) fn snapshot(&self) -> Option<String> {
        let name = self.path.file_name()?.to_str()?;
        places::is_commit(name).then(|| name.to_owned())
    }
}

/// The commit behind a name of a revision, in the cache of the hub.
fn reference(folder: &Path, name: &str) -> Option<String> {
    let path = name.split('/').try_fold(folder.join("refs"), |path, name| {
        (!matches!(name, "" | "." | "..")).then(|| path.join(name))
    })?;
    let text = super::read(&path, 256).ok()?;
    places::is_commit(text.trim()).then(|| text.trim().to_owned())
}

/// The commit that `hf download --local-dir` noted for every file that it brought (huggingface_hub, *Download files*: the
/// first line of `.cache/huggingface/download/NAME.metadata`); none where they differ.
fn noted(folder: &Path) -> Option<String> {
    /// Notes that are looked at.
    const MOST: usize = 10_000;
    let mut folders = vec![folder.join(".cache/huggingface/download")];
    let mut commits: Vec<String> = Vec::new();
    let mut looked = 0usize;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).ok()?.flatten() {
            looked = looked.saturating_add(1);
            let kind = entry.file_type().ok()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && entry.path().extension().is_some_and(|it| it == "metadata") {
                let text = super::read(&entry.path(), 4096).ok()?;
                commits.push(text.lines().next().unwrap_or_default().trim().to_owned());
            }
            if looked > MOST {
                return None;
            }
        }
    }
    commits.sort();
    commits.dedup();
    match &*commits {
        [only] if places::is_commit(only) => Some(only.clone()),
        _ => None,
    }
}

/// A path below the lock as the lock writes it; `.` for the folder itself.
fn slashed(path: &Path) -> Option<String> {
    let names: Option<Vec<&str>> = path
        .components()
        .map(|component| match component {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    let names = names?;
    Some(if names.is_empty() { ".".to_owned() } else { names.join("/") })
}
