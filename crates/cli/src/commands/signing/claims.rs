//! Attestations on disk: where they lie, which there are, and how one is added.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use weighbridge_net::feed::atomic::replace_file;
use weighbridge_trust::attest::{self, FileError, LARGEST, pep740};
use weighbridge_trust::bundle::{Bundle, BundleError};

use super::below;
use crate::errors::Failure;
use crate::exit::Exit;

/// Most files with attestations of a Python index that are looked at for one file.
const MOST_FILES: usize = 16;

/// The attestations of a model.
#[derive(Default)]
pub(super) struct Gathered {
    /// Each, in the order of files and lines.
    pub(super) found: Vec<Found>,
    /// A file that could not be read, and why.
    pub(super) unread: Option<(String, String)>,
    /// Files with attestations by their paths below the model, where they lie there and hold nothing else.
    pub(super) apart: Vec<String>,
}

/// One attestation.
pub(super) struct Found {
    /// The file as it is shown, and the line in it.
    pub(super) place: String,
    /// Its text, as a bundle.
    pub(super) json: String,
    /// What it is, or why it is none.
    pub(super) bundle: Result<Bundle, String>,
    /// It has the form of PEP 740.
    pub(super) is_pep740: bool,
}

/// Where the attestations of a model lie if nobody says so.
pub(super) fn default_file(model: &Path) -> PathBuf {
    if model.is_dir() {
        return model.join(attest::FILE);
    }
    let mut name = model.as_os_str().to_owned();
    name.push(format!(".{}", attest::FILE));
    name.into()
}

/// Reads the attestations of a model: those in the file that was named or in the usual one, and those of a Python index beside it.
pub(super) fn gather(model: &Path, named: Option<&Path>) -> io::Result<Gathered> {
    let file = named.map_or_else(|| default_file(model), Path::to_owned);
    let mut gathered = Gathered::default();
    let shown = file.display();
    match text(&file, LARGEST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => {}
        Err(error) => gathered.unread = Some((shown.to_string(), error.to_string())),
        Ok(text) => match attest::lines(&text) {
            Err(error) => gathered.unread = Some((shown.to_string(), error.to_string())),
            Ok(lines) => {
                let is_whole = lines.iter().all(|line| line.bundle.is_ok());
                if is_whole && !lines.is_empty() {
                    gathered.apart.extend(below(&file, model));
                }
                gathered.found.extend(lines.into_iter().map(|line| Found {
                    place: format!("{shown}:{}", line.number),
                    json: line.json.to_owned(),
                    bundle: line.bundle.map_err(|error| error.to_string()),
                    is_pep740: false,
                }));
            }
        },
    }
    // The usual file is not asked for where another one is named, and is what it is all the same.
    if named.is_some() && model.is_dir() {
        let usual = set_apart(model).filter(|usual| !gathered.apart.contains(usual));
        gathered.apart.extend(usual);
    }
    if named.is_none() && model.is_file() {
        gather_packaged(model, &mut gathered)?;
    }
    Ok(gathered)
}

/// Reads what an index of Python packages attests of a file: `NAME.*.attestation`, `NAME.provenance` beside it.
fn gather_packaged(model: &Path, gathered: &mut Gathered) -> io::Result<()> {
    let whole = model.canonicalize()?;
    let (Some(folder), Some(name)) = (whole.parent(), whole.file_name().and_then(|name| name.to_str()))
    else {
        return Ok(());
    };
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let other = entry?.file_name();
        let Some(other) = other.to_str() else { continue };
        let rest = other.strip_prefix(name);
        if rest.is_some_and(|rest| pep740::ENDINGS.iter().any(|ending| rest.ends_with(ending))) {
            names.push(other.to_owned());
        }
    }
    names.sort();
    if names.len() > MOST_FILES {
        let why = format!("more than {MOST_FILES} files with attestations lie beside it");
        gathered.unread = Some((model.display().to_string(), why));
        return Ok(());
    }
    for name in names {
        let file = model.with_file_name(&name);
        let shown = file.display().to_string();
        match text(&file, pep740::LARGEST) {
            Err(error) => gathered.unread = Some((shown.to_string(), error.to_string())),
            Ok(text) => match pep740::read(&text) {
                Err(error) => gathered.found.push(Found {
                    place: shown,
                    json: String::new(),
                    bundle: Err(error.to_string()),
                    is_pep740: true,
                }),
                Ok(bundles) => gathered.found.extend(bundles.into_iter().map(|json| Found {
                    place: shown.clone(),
                    bundle: Bundle::read(json.as_bytes()).map_err(|error| error.to_string()),
                    json,
                    is_pep740: true,
                })),
            },
        }
    }
    Ok(())
}

/// The file with attestations as a path to leave out of a signature: where there is none yet, or where it is one. What is called
/// so and is something else is signed like any other file.
pub(in crate::commands) fn set_apart(model: &Path) -> Option<String> {
    let file = default_file(model);
    let is_one = match text(&file, LARGEST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(_) => false,
        Ok(text) => attest::lines(&text)
            .is_ok_and(|lines| !lines.is_empty() && lines.iter().all(|line| line.bundle.is_ok())),
    };
    is_one.then(|| attest::FILE.to_owned())
}

/// Signatures in the folder of a model itself: they are no part of what is attested.
pub(super) fn signatures(model: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(model)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.ends_with(".sig")) else { continue };
        // What reads as a bundle is none of anything that runs.
        if text(&entry.path(), LARGEST).is_ok_and(|text| Bundle::read(text.as_bytes()).is_ok()) {
            found.push(name.to_owned());
        }
    }
    found.sort();
    Ok(found)
}

/// Adds an attestation to a file, which is replaced as a whole or not at all. Who adds at the same time waits, so that nothing
/// is lost.
pub(super) fn add(file: &Path, bundle: &Bundle) -> Result<(), Failure> {
    let failed = |error: &io::Error| Failure::unwritten(&format!("`{}`", file.display()), error);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let held = hold(folder).map_err(|error| failed(&error))?;
    let before = match text(file, LARGEST) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::unreadable(file, &error)),
    };
    let after = attest::append(&before, bundle).map_err(|error| not_added(file, &error))?;
    if after != before {
        replace_file(file, |out| out.write_all(after.as_bytes())).map_err(|error| failed(&error))?;
    }
    drop(held);
    Ok(())
}

fn not_added(file: &Path, error: &FileError) -> Failure {
    let failure = Failure::new(Exit::Fail, format!("`{}` takes no attestation: {error}", file.display()));
    match error {
        FileError::Line(_, BundleError::Malformed(_) | BundleError::MediaType(_)) => {
            failure.hint("if it is something else by that name, `--claims FILE` names another one")
        }
        _ => failure.hint("move it away to begin a new one, or name another one with `--claims FILE`"),
    }
}

/// Keeps others who add to files in this folder waiting. Where a folder cannot be locked (no Unix, some network file systems), the
/// last of two who add at the same moment wins, and the file is whole all the same.
fn hold(folder: &Path) -> io::Result<Option<File>> {
    if !cfg!(unix) {
        return Ok(None);
    }
    let folder = File::open(folder)?;
    match folder.lock() {
        Ok(()) => Ok(Some(folder)),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        Err(error) => Err(error),
    }
}

/// The text of a regular file that is not larger than this.
pub(super) fn text(path: &Path, most: usize) -> io::Result<String> {
    // Asked before it is opened: a pipe would be waited for.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut text = String::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(limit).read_to_string(&mut text)?;
    if text.len() > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {most} bytes")));
    }
    Ok(text)
}
