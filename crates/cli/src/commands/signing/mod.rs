//! Keys, signatures and whom to believe: `weighbridge key`, `sign`, `attest`, `verify`, `trust`.

mod answer;
pub(super) mod attest;
mod claimed;
pub(super) mod claims;
mod device;
mod embedded;
pub(super) mod key;
mod keyless;
mod policed;
pub(super) mod policy;
pub(super) mod sign;
pub(super) mod trust;
pub(super) mod verify;

use std::fs;
use std::path::{Path, PathBuf};

use weighbridge_core::cache::Cache;
use weighbridge_core::coverage::Unread;
use weighbridge_core::limits::Cancel;
use weighbridge_net::digests::Digests;
use weighbridge_trust::oms::Hashing;
use zeroize::Zeroizing;

use super::end_on_interrupt;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::setup::Setup;
use crate::signing_args::{Password, Reading};

/// Largest key, certificate or root file that is read, in bytes.
const LARGEST_KEY: u64 = 16 << 20;

/// A text that the user named.
pub(in crate::commands) fn text(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let size = fs::metadata(path).map_err(|error| Failure::unreadable(path, &error))?.len();
    if size > LARGEST_KEY {
        return Err(Failure::usage(format!("`{}` is too large to be a key or certificate", path.display())));
    }
    let bytes = Zeroizing::new(fs::read(path).map_err(|error| Failure::unreadable(path, &error))?);
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Failure::usage(format!("`{}` is no text: expected PEM", path.display()))),
    }
}

/// The password of a key, if there is one.
fn password(typed: &Password, setup: &Setup) -> Result<Option<Zeroizing<String>>, Failure> {
    match &typed.password_file {
        Some(path) => {
            let text = text(path)?;
            Ok(Some(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())))
        }
        None => {
            Ok(setup.environment.text("WEIGHBRIDGE_KEY_PASSWORD").map(|text| Zeroizing::new(text.to_owned())))
        }
    }
}

/// Where the signature of a model lies if nobody says so.
pub(super) fn default_signature(model: &Path) -> PathBuf {
    if model.is_dir() {
        return model.join("model.sig");
    }
    let mut name = model.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// The path of `file` below the model, with `/` between names; none where it lies elsewhere.
fn below(file: &Path, model: &Path) -> Option<String> {
    let model = model.canonicalize().ok()?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = folder.canonicalize().ok()?.join(file.file_name()?);
    slashed(file.strip_prefix(model).ok()?)
}

/// A path below a model as signatures write it.
fn slashed(path: &Path) -> Option<String> {
    let names: Option<Vec<&str>> = path
        .components()
        .filter(|component| !matches!(component, std::path::Component::CurDir))
        .map(|component| match component {
            std::path::Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    names.filter(|names| !names.is_empty()).map(|names| names.join("/"))
}

/// The paths to leave out, as typed: below the model, or below the folder in which the program was started.
fn ignored(reading: &Reading, model: &Path) -> Result<Vec<String>, Failure> {
    let one = |path: &PathBuf| {
        let inside = if path.is_absolute() { below(path, model) } else { slashed(path) };
        inside.ok_or_else(|| {
            Failure::usage(format!("`{}` does not lie below `{}`", path.display(), model.display()))
                .hint("name it as it lies below the model, such as `checkpoints/old`")
        })
    };
    reading.ignore_paths.iter().map(one).collect()
}

/// What earlier runs know of files, and the wish to stop.
pub(super) struct Memory {
    pub(super) cancel: Cancel,
    digests: Option<(PathBuf, Digests)>,
}

impl Memory {
    /// Reads it, unless it is not to be believed.
    pub(super) fn open(no_cache: bool, setup: &Setup) -> Result<Self, Failure> {
        let cancel = Cancel::default();
        end_on_interrupt(Some(cancel.clone()))?;
        let folder = setup.environment.cache_dir().filter(|_| !no_cache);
        let digests = folder.map(|folder| {
            let path = folder.join("digests");
            let digests = Digests::open(&path, setup.clock, setup.now);
            (path, digests)
        });
        Ok(Self { cancel, digests })
    }

    /// Hashes with it.
    pub(super) fn with<R>(&self, work: impl FnOnce(&Hashing<'_>) -> R) -> R {
        let halt = || self.cancel.is_cancelled();
        let cache = self.digests.as_ref().map(|(_, digests)| digests as &dyn Cache);
        work(&Hashing { cache, halt: &halt, progress: &|_| {} })
    }

    /// Keeps what was learnt for the next run.
    pub(super) fn save(&self, printer: &Printer) {
        if let Some((path, digests)) = &self.digests
            && let Err(error) = digests.save(path)
        {
            printer.detail(&format!("digests are not kept in `{}`: {error}", path.display()));
        }
    }
}

/// Refuses to write where a link or a device lies under the usual name: whoever made the model would say what is overwritten.
fn check_usual(file: &Path, option: &str) -> Result<(), Failure> {
    let what = match fs::symlink_metadata(file) {
        Ok(metadata) if metadata.is_symlink() => "a link, and the file behind it would change",
        Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => "no regular file",
        _ => return Ok(()),
    };
    Err(Failure::new(Exit::Fail, format!("`{}` is {what}", file.display()))
        .hint(format!("take it away, or name another file with `{option}`")))
}

/// Why a file was not read, and what to do where that is known.
fn unread(why: &Unread) -> String {
    match why {
        Unread::Special("link") => format!("{why}; `--allow-symlinks` follows it"),
        why => why.to_string(),
    }
}
