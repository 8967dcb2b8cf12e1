//! Where approved things lie.

use weighbridge_core::lock::{Approval, Approved};
use weighbridge_core::place::Place;

/// Where to look for an approved thing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Where {
    /// At this path, counted from the same folder as that of the lock.
    Path(String),
    /// In any cache of the hub, under the folder with this name.
    Hub(String),
}

/// What names things of the hub in a lock.
pub const HUB: &str = "hf://";

/// Where an approved thing lies, for a lock in `folder` (empty for the top of the target).
pub fn place(folder: &str, source: &str) -> Where {
    if let Some(repository) = source.strip_prefix(HUB) {
        return Where::Hub(hub_folder(repository));
    }
    Where::Path(match (folder, source) {
        (folder, ".") => folder.to_owned(),
        ("", source) => source.to_owned(),
        (folder, source) => format!("{folder}/{source}"),
    })
}

/// The folder from which a lock counts: where it lies, or, above the target, its own.
pub fn folder<'a>(place: &'a Place, approved: &Approved) -> &'a str {
    if approved.above.is_some() { "" } else { place.folder() }
}

/// Whether a path leads into the folder of a repository in a cache of the hub.
pub fn is_in_hub(path: &str, name: &str) -> bool {
    path.match_indices(name).any(|(at, _)| {
        let (before, after) = (path.get(..at).unwrap_or_default(), path.get(at..).unwrap_or_default());
        (before.is_empty() || before.ends_with('/'))
            && after.strip_prefix(name).is_some_and(|it| it.starts_with('/'))
    })
}

/// The folder of a repository in a cache of the hub (huggingface_hub, *Understand caching*): `models--ORG--NAME`.
pub fn hub_folder(repository: &str) -> String {
    let (kind, name) = match repository.strip_prefix("datasets/") {
        Some(name) => ("datasets", name),
        None => ("models", repository),
    };
    format!("{kind}--{}", name.replace('/', "--"))
}

/// The repository and revision whose snapshot lies at a path, which may go on below it.
pub fn snapshot(path: &str) -> Option<(String, &str)> {
    let mut names = path.split('/').rev();
    let revision = names.next().filter(|name| is_commit(name))?;
    let folder = (names.next() == Some("snapshots")).then(|| names.next())??;
    let (kind, name) = folder.split_once("--")?;
    let repository = name.replace("--", "/");
    match kind {
        "models" => Some((format!("{HUB}{repository}"), revision)),
        "datasets" => Some((format!("{HUB}datasets/{repository}"), revision)),
        _ => None,
    }
}

/// Whether a text is the name of a commit.
pub fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Where the signature of an approved thing at `base` lies; none where the lock knows of none.
pub fn signature(base: &str, approval: &Approval) -> Option<String> {
    let name = &approval.signer.as_ref()?.signature;
    let folder = if approval.files.contains_key(".") {
        base.rsplit_once('/').map_or("", |(folder, _)| folder)
    } else {
        base
    };
    Some(below(folder, name))
}

/// What a signature at `path` is over, by the paths of the files in it: the folder that it lies in, or what lies beside it under
/// its name. None where nothing of it is there: then it belongs elsewhere.
pub fn signed<'a>(
    path: &str,
    files: impl Iterator<Item = &'a str> + Clone,
    exists: impl Fn(&str) -> bool,
) -> Option<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    let count = |base: &str| files.clone().filter(|file| exists(&below(base, file))).count();
    let is_file = files.clone().any(|file| file == ".");
    let candidates = if is_file { vec![stem] } else { vec![folder, stem] };
    let counted = candidates.into_iter().map(|base| (count(base), base));
    // The first of those with most.
    let best = counted.rev().max_by_key(|(count, _)| *count).filter(|(count, _)| *count > 0);
    best.map(|(_, base)| base.to_owned())
}

/// The path of what is called `path` below `folder`; `.` is the folder itself.
pub fn below(folder: &str, path: &str) -> String {
    match (folder, path) {
        (folder, ".") => folder.to_owned(),
        ("", path) => path.to_owned(),
        (folder, path) => format!("{folder}/{path}"),
    }
}

/// Whether a file, by its path below an approved folder, is never part of it: the lock itself, the store of version control,
/// and what the client of the hub notes of its downloads, which another download writes otherwise.
pub fn is_left_out(path: &str) -> bool {
    if path == super::NAME || path == ".git" || path.starts_with(".git/") {
        return true;
    }
    let Some(noted) = path.strip_prefix(".cache/huggingface/") else { return false };
    let is_note = [".metadata", ".lock"].iter().any(|ending| noted.ends_with(ending));
    matches!(noted, ".gitignore" | "CACHEDIR.TAG") || (noted.starts_with("download/") && is_note)
}
