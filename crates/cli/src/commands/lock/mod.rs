//! `weighbridge lock`: what was approved, and whether it is still so.

mod add;
mod answer;
mod place;
mod tell;
mod update;
mod verify;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use weighbridge_core::coverage::Unread;
use weighbridge_core::lock::{Approval, Signature};
use weighbridge_net::feed::atomic::replace_file;
use weighbridge_net::open::listing;
use weighbridge_trust::lock::{self, Difference, Found, Seen, Shown};
use weighbridge_trust::oms;

use self::place::Place;
use super::signing::{Memory, claims};
use crate::args::Global;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::lock_args::Lock;
use crate::printer::Printer;
use crate::setup::Setup;

/// Runs the command.
pub(super) fn run(
    global: &Global,
    command: &Lock,
    setup: &Setup,
    printer: &Printer,
) -> Result<Exit, Failure> {
    match command {
        Lock::Add(add) => add::run(global, add, setup, printer),
        Lock::Update(update) => update::run(global, update, setup, printer),
        Lock::Verify(look) => verify::verify(look, setup, printer),
        Lock::Diff(look) => verify::diff(look, setup, printer),
        Lock::Why(why) => verify::why(why, setup, printer),
    }
}

/// The lock on disk.
struct LockOnDisk {
    path: PathBuf,
    /// Its folder, from which paths in it count.
    folder: PathBuf,
    /// What it says, by source.
    approvals: BTreeMap<String, Approval>,
}

impl LockOnDisk {
    /// Reads the lock; one that is not there yet is empty.
    fn open(path: &Path) -> Result<Self, Failure> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.canonicalize().map_err(|error| Failure::unreadable(folder, &error))?;
        let mut lock = Self { path: path.to_owned(), folder, approvals: BTreeMap::new() };
        let text = match read(path, lock::LARGEST) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(lock),
            Err(error) => return Err(Failure::unreadable(path, &error)),
        };
        let read = lock::read(&text).map_err(|error| {
            Failure::usage(format!("`{}` cannot be believed", path.display()))
                .because(&error)
                .hint("take it from version control as it was, or mend that line")
        })?;
        lock.approvals = read.into_iter().map(|(_, approval)| (approval.source.clone(), approval)).collect();
        Ok(lock)
    }

    /// Reads a lock that must be there.
    fn existing(path: &Path) -> Result<Self, Failure> {
        let lock = Self::open(path)?;
        if lock.approvals.is_empty() {
            return Err(Failure::new(Exit::Nothing, format!("nothing is locked in `{}`", path.display()))
                .hint("`weighbridge lock add PATH` approves a model as it lies there now"));
        }
        Ok(lock)
    }

    /// Writes it, as a whole or not at all.
    fn save(&self) -> Result<(), Failure> {
        let approvals: Vec<Approval> = self.approvals.values().cloned().collect();
        let text = lock::write(&approvals);
        replace_file(&self.path, |out| out.write_all(text.as_bytes()))
            .map_err(|error| Failure::unwritten(&format!("`{}`", self.path.display()), &error))
    }

    /// What is locked at these paths; everything where none is named.
    fn chosen(&self, paths: &[PathBuf], setup: &Setup) -> Result<Vec<Place>, Failure> {
        if paths.is_empty() {
            return Ok(self.approvals.values().map(|it| Place::of(it, &self.folder, setup)).collect());
        }
        let one = |path: &PathBuf| {
            let named = Place::named(path, &self.folder, setup)?;
            let approval = self.approvals.get(&named.source).ok_or_else(|| self.not_locked(path))?;
            Ok(Place::of(approval, &self.folder, setup))
        };
        paths.iter().map(one).collect()
    }

    fn not_locked(&self, path: &Path) -> Failure {
        let what = format!("`{}` is not locked in `{}`", path.display(), self.path.display());
        Failure::new(Exit::Nothing, what)
            .hint(format!("`weighbridge lock add {}` approves it", path.display()))
    }
}

/// What lies at a place now.
struct Now {
    files: BTreeMap<String, Found>,
    /// The signature that was looked for, and what lies there.
    signature: Signed,
    revision: Option<String>,
}

/// What lies where a signature is looked for.
enum Signed {
    Nothing,
    Other,
    Signature(String, Box<Signature>),
}

impl Now {
    /// Looks at a place; `signature` is where the lock says that the signature lies.
    fn look(place: &Place, signature: Option<&str>, memory: &Memory) -> Result<Option<Self>, Failure> {
        let listing = match listing::list(&place.path) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::unreadable(&place.path, &error)),
        };
        let name = signature.map_or_else(|| default_signature(place, listing.is_file), str::to_owned);
        let folder = match (listing.is_file, place.path.parent()) {
            (true, Some(folder)) => folder,
            _ => &place.path,
        };
        let found = read(&folder.join(&name), SIGNATURE);
        let looked = match found {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Signed::Nothing,
            Err(_) => Signed::Other,
            Ok(json) => {
                oms::look(&json).map_or(Signed::Other, |it| Signed::Signature(name.clone(), Box::new(it)))
            }
        };
        // What is no signature is a file like any other, unless the lock says that one should be there.
        let is_apart = signature.is_some() || matches!(looked, Signed::Signature(..));
        let claims = if listing.is_file { None } else { claims::set_apart(&place.path) };
        let left_out: Vec<&str> =
            is_apart.then_some(name.as_str()).into_iter().chain(claims.as_deref()).collect();
        let files = memory.with(|hashing| lock::find(&listing, &left_out, hashing));
        let revision = place.revision_there();
        Ok(Some(Self { files, signature: looked, revision }))
    }

    fn seen(&self) -> Seen<'_> {
        Seen {
            files: self.files.iter().map(|(path, found)| (path.as_str(), found.clone())).collect(),
            signature: match &self.signature {
                Signed::Nothing => Shown::Nothing,
                Signed::Other => Shown::Other,
                Signed::Signature(_, signature) => Shown::Signature(signature),
            },
            revision: self.revision.as_deref(),
        }
    }

    /// What is otherwise than it was approved.
    fn compare(&self, approval: &Approval) -> Vec<Difference> {
        lock::compare(approval, &self.seen())
    }

    /// The files as they are to be approved.
    ///
    /// # Errors
    /// Those that cannot be read.
    fn pins(&self, place: &Place) -> Result<BTreeMap<String, weighbridge_core::lock::Pin>, Failure> {
        let mut pins = BTreeMap::new();
        let mut unread: Vec<(&String, &Unread)> = Vec::new();
        for (path, found) in &self.files {
            match &found.digest {
                Ok(digest) => {
                    pins.insert(
                        path.clone(),
                        weighbridge_core::lock::Pin { size: found.size, digest: *digest },
                    );
                }
                Err(why) => unread.push((path, why)),
            }
        }
        if unread.is_empty() && !pins.is_empty() {
            return Ok(pins);
        }
        let shown = &place.source;
        if unread.is_empty() {
            return Err(Failure::usage(format!("`{shown}` has no file to lock")));
        }
        let mut failure = Failure::new(Exit::Incomplete, format!("`{shown}` cannot be locked"));
        failure.causes.extend(unread.iter().take(MOST_SHOWN).map(|(path, why)| format!("{path}: {why}")));
        if unread.len() > MOST_SHOWN {
            failure.causes.push(format!("and {} more", unread.len().saturating_sub(MOST_SHOWN)));
        }
        Err(failure)
    }
}

/// Files that are named of many.
const MOST_SHOWN: usize = 10;
/// Largest signature that is read, in bytes; what `scan` reads, too.
const SIGNATURE: u64 = 64 << 20;

fn default_signature(place: &Place, is_file: bool) -> String {
    let name = place.path.file_name().and_then(|name| name.to_str());
    match name.filter(|_| is_file) {
        Some(name) => format!("{name}.sig"),
        None => "model.sig".to_owned(),
    }
}

/// The text of a file that is not larger than it may be.
fn read(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_string(&mut text)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {most} bytes")));
    }
    Ok(text)
}
