//! Trust policies on disk: where they are looked for, and what they say of a model.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weighbridge_net::open::above;
use weighbridge_trust::keyless::Roots;
use weighbridge_trust::policy::{self, FILE, Kind, Loaded, Place, Policy, PolicyError, Rule};

use super::LARGEST_KEY;
use crate::errors::Failure;

/// A policy, and its folder.
pub(super) struct OnDisk {
    /// What it says.
    pub(super) policy: Policy,
    /// Its text.
    pub(super) text: String,
    /// The folder from which its paths count, without links.
    folder: PathBuf,
}

/// A policy with all its anchors.
pub(super) struct Ready {
    pub(super) on_disk: OnDisk,
    pub(super) anchors: Vec<Loaded>,
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Self {
        let failure = Self::usage(error.to_string());
        match error.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl OnDisk {
    /// Reads the policy of this file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::unreadable(path, &error);
        let text = text(path, policy::LARGEST).map_err(failed)?;
        let policy = Policy::read(&text, &path.display().to_string())?;
        // Of a link, the folder in which the link lies: there people look for the paths.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.canonicalize().map_err(failed)?;
        Ok(Self { policy, text, folder })
    }

    /// The same file with other words in it.
    pub(super) fn with(&self, policy: Policy) -> Self {
        Self { policy, text: self.text.clone(), folder: self.folder.clone() }
    }

    /// The roots of Sigstore that its anchors name beside those of the public instance, each once.
    ///
    /// # Errors
    /// One cannot be read or is none.
    fn roots(&self) -> Result<Vec<Arc<str>>, Failure> {
        let mut roots: Vec<Arc<str>> = Vec::new();
        for anchor in &self.policy.anchors {
            let Kind::Sigstore { trusted_root: Some(file), .. } = &anchor.kind else { continue };
            let path = self.folder.join(&file.text);
            let most = usize::try_from(LARGEST_KEY).unwrap_or(usize::MAX);
            let json = text(&path, most).map_err(|error| Failure::unreadable(&path, &error))?;
            Roots::read(&json).map_err(|error| super::key::failed(&path, &error))?;
            if !roots.iter().any(|it| **it == *json) {
                roots.push(json.into());
            }
        }
        Ok(roots)
    }

    /// Makes its anchors ready, and says what is wrong with some.
    pub(super) fn load(&self) -> (Vec<Loaded>, Vec<PolicyError>) {
        let most = usize::try_from(LARGEST_KEY).unwrap_or(usize::MAX);
        self.policy.load(&|name| text(&self.folder.join(name), most).map_err(|error| error.to_string()))
    }

    /// The same; that something is wrong ends the program: a policy that is half applied is none.
    pub(super) fn ready(self) -> Result<Ready, Failure> {
        let (anchors, wrong) = self.load();
        match wrong.into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok(Ready { on_disk: self, anchors }),
        }
    }

    /// A file as the policy would name it: by its path below the folder of the policy where it lies there.
    pub(super) fn name(&self, path: &Path) -> Result<String, Failure> {
        let whole = path.canonicalize().map_err(|error| Failure::unreadable(path, &error))?;
        let shown = whole.strip_prefix(&self.folder).unwrap_or(&whole);
        let names: Option<Vec<&str>> = shown.components().map(|part| part.as_os_str().to_str()).collect();
        let is_below = whole.starts_with(&self.folder);
        match (names, shown.to_str()) {
            (Some(names), _) if is_below => Ok(names.join("/")),
            (_, Some(text)) => Ok(text.to_owned()),
            _ => Err(Failure::usage(format!("the name of `{}` is not UTF-8", path.display()))),
        }
    }

    /// By what rules may know a model: its path below the policy, its whole path, and the source that somebody named.
    pub(super) fn places(&self, model: &Path, source: Option<&Place>) -> Result<Vec<Place>, Failure> {
        let whole = model.canonicalize().map_err(|error| Failure::unreadable(model, &error))?;
        let slashed = |path: &Path| {
            let names: Option<Vec<&str>> =
                path.components().map(|component| component.as_os_str().to_str()).collect();
            names.map(|names| names.join("/"))
        };
        let below = whole.strip_prefix(&self.folder).ok().and_then(slashed);
        let below = below.map(|path| if path.is_empty() { ".".to_owned() } else { path });
        let absolute = whole.strip_prefix("/").ok().and_then(slashed).map(|path| format!("/{path}"));
        let mut places: Vec<Place> =
            below.iter().chain(&absolute).filter_map(|text| Place::new(text)).collect();
        places.extend(source.cloned());
        Ok(places)
    }

    /// The rule for a model; what is wrong, in words, where two claim it.
    pub(super) fn rule(&self, places: &[Place]) -> Result<Option<&Rule>, String> {
        self.policy.rule_for(places).map_err(|(one, other)| {
            format!(
                "the rules `{}` (line {}) and `{}` (line {}) of {} both match, and neither is longer",
                one.matches, one.line, other.matches, other.line, self.policy.file
            )
        })
    }
}

/// The source that somebody named.
pub(super) fn source(text: &str) -> Result<Place, Failure> {
    Place::new(text).filter(|_| text.contains("://")).ok_or_else(|| {
        Failure::usage(format!("`{text}` is no source")).hint("write it as rules do, such as `hf://org/name`")
    })
}

/// The nearest policy in the folder that the user stands in or above it, up to the top of a repository; for a model only where
/// that lies below. What lies in a stranger's folder must not say whom to believe: a model would bring its own policy.
pub(super) fn find(stands_in: Option<&Path>, model: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    let Some(folder) = stands_in else { return Ok(None) };
    let model = model.map(|model| model.canonicalize().map_err(|error| Failure::unreadable(model, &error)));
    let model = model.transpose()?;
    let whole = folder.canonicalize().map_err(|error| Failure::unreadable(folder, &error))?;
    let is_for_it = |above: &&&Path| model.as_ref().is_none_or(|model| model.starts_with(above));
    let folders = above::folders(&whole);
    let found = folders.iter().filter(is_for_it).map(|above| above.join(FILE)).find(|file| is_there(file));
    Ok(found.map(|file| shown(file, &whole)))
}

/// The roots of Sigstore that the policy names which is found from where the user stands. One that cannot be read is an error:
/// signatures would be told as bad that are good.
pub(in crate::commands) fn roots(stands_in: Option<&Path>) -> Result<Vec<Arc<str>>, Failure> {
    match find(stands_in, None)? {
        Some(path) => OnDisk::read(&path)?.roots(),
        None => Ok(Vec::new()),
    }
}

/// The policy above a model that [`find`] does not look for, to tell the user of it.
pub(super) fn near(model: &Path) -> Option<PathBuf> {
    let model = model.canonicalize().ok()?;
    model.ancestors().map(|above| above.join(FILE)).find(|file| is_there(file))
}

/// Whether there is something, be it a link that leads nowhere or a file that cannot be read: a policy that is silently not
/// applied is worse than none.
fn is_there(file: &Path) -> bool {
    let absent =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    fs::symlink_metadata(file).map_or_else(|error| !absent(&error), |_| true)
}

/// The path as a person in `folder` would write it, where that is short.
fn shown(path: PathBuf, folder: &Path) -> PathBuf {
    path.strip_prefix(folder).map(Path::to_owned).unwrap_or(path)
}

/// The policy that was named, or the one that is found from where the user stands.
pub(super) fn named(typed: Option<&PathBuf>, stands_in: Option<&Path>) -> Result<OnDisk, Failure> {
    let found = match typed {
        Some(path) => Some(path.clone()),
        None => find(stands_in, None)?,
    };
    let path = found.ok_or_else(|| {
        Failure::usage(format!("there is no `{FILE}` here or above"))
            .hint("`weighbridge trust init` writes one; `--trust FILE` names one that lies elsewhere")
    })?;
    OnDisk::read(&path)
}

/// The text of a file that is not larger than this.
fn text(path: &Path, most: usize) -> io::Result<String> {
    // Asked before it is opened: a pipe would be waited for.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let file = File::open(path)?;
    let mut text = String::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_string(&mut text)?;
    if text.len() > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {most} bytes")));
    }
    Ok(text)
}
