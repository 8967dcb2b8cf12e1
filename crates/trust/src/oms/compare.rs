//! Compares what was signed with what lies there.

use std::collections::BTreeMap;

use weighbridge_core::coverage::Unread;
use weighbridge_core::listing::{File, Is, Item, Listing};

use super::IGNORED;
use super::hash::Hashing;
use super::manifest::{Age, Manifest, Method, Piece, lies_in};
use crate::attest;

/// What was found of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Status {
    /// As it was signed.
    Ok,
    /// Not as it was signed.
    Changed {
        /// The signed digests, `, ` between them.
        expected: String,
        /// Those of what lies there.
        actual: String,
    },
    /// Signed, and not there.
    Missing,
    /// There, and not signed.
    Extra,
    /// There, not signed, and left out by rule.
    Ignored {
        /// It can run: a program, a script, a pickle, a library.
        runs: bool,
    },
    /// It cannot be said.
    Unread(Unread),
}

/// Every file that was signed or lies there, by its path.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Compared {
    /// Sorted by path.
    pub files: BTreeMap<String, Status>,
}

/// What is taken although it was not signed.
#[derive(Clone, Debug, Default)]
pub struct Tolerance {
    /// The signature itself, by its path below the model.
    pub signature: Option<String>,
    /// Files with attestations, by their paths below the model, where they hold nothing else.
    pub claims: Vec<String>,
    /// Further paths to leave out, with all below them.
    pub ignore_paths: Vec<String>,
    /// Links are followed even where they were not when the model was signed.
    pub allow_symlinks: bool,
}

/// Endings of files that run, or run something when they are loaded.
const RUNNING: [&str; 26] = [
    "bat", "ckpt", "cmd", "com", "dll", "dylib", "exe", "jar", "joblib", "js", "lua", "npy", "pickle", "pkl",
    "pl", "ps1", "pt", "pth", "py", "pyc", "pyd", "pyz", "rb", "sh", "so", "wasm",
];

impl Tolerance {
    /// Whether a file is the signature itself.
    pub(crate) fn is_taken(&self, path: &str) -> bool {
        self.signature.as_deref() == Some(path)
    }

    /// Whether a file holds attestations and nothing else.
    pub(crate) fn is_claims(&self, path: &str) -> bool {
        self.claims.iter().any(|claims| claims == path)
    }

    /// Whether a file is left out whatever was signed.
    pub(crate) fn leaves_out(&self, path: &str) -> bool {
        self.is_claims(path)
            || IGNORED.iter().any(|ignored| lies_in(path, ignored))
            || self.ignore_paths.iter().any(|ignored| lies_in(path, ignored))
    }
}

impl Compared {
    /// Everything that was signed is there as it was signed, and nothing else is that was not left out by rule.
    pub fn is_true(&self) -> bool {
        self.files.values().all(|status| matches!(status, Status::Ok | Status::Ignored { .. }))
    }

    /// The same, with files that nobody signed.
    pub fn is_true_but_for_extras(&self) -> bool {
        let taken = |status: &Status| matches!(status, Status::Ok | Status::Ignored { .. } | Status::Extra);
        self.files.values().all(taken)
    }

    /// Something is known to be otherwise than it was signed, whatever could not be read.
    pub fn is_false(&self) -> bool {
        self.files.values().any(|status| matches!(status, Status::Changed { .. } | Status::Missing))
    }

    /// Of something it cannot be said.
    pub fn is_unread(&self) -> bool {
        self.files.values().any(|status| matches!(status, Status::Unread(_)))
    }

    /// Files left out by rule that can run.
    pub fn unsigned_that_run(&self) -> impl Iterator<Item = &str> {
        let runs = |status: &Status| matches!(status, Status::Ignored { runs: true });
        self.files.iter().filter(move |(_, status)| runs(status)).map(|(path, _)| path.as_str())
    }
}

impl Manifest {
    /// Compares what was signed with what lies there. Every file is looked at, also after the first that is wrong.
    pub fn compare(&self, listing: &Listing, tolerance: &Tolerance, hashing: &Hashing<'_>) -> Compared {
        let mut files: BTreeMap<String, Status> = BTreeMap::new();
        // A name that is no text may look like another one: what is wrong with either is told.
        let mut tell = |path: &str, status: Status| {
            if files.get(path).is_none_or(|other| *other == Status::Ok) {
                files.insert(path.to_owned(), status);
            }
        };
        let mut signed = Vec::new();
        for item in &listing.items {
            match self.look(item, listing, tolerance) {
                Look::Signature => {}
                Look::Told(status) => tell(&item.path, status),
                Look::Signed(file, expected) => signed.push((item.path.as_str(), file, expected)),
            }
        }
        let all: Vec<&File> = signed.iter().map(|(_, file, _)| *file).collect();
        let hashed = hashing.files(&all, self.method, self.algorithm);
        for ((path, _, expected), actual) in signed.into_iter().zip(hashed) {
            tell(path, status(expected, actual));
        }
        for path in self.files.keys() {
            files.entry(path.clone()).or_insert(Status::Missing);
        }
        Compared { files }
    }

    /// What an item is before anything is hashed.
    fn look<'a>(&'a self, item: &'a Item, listing: &Listing, tolerance: &Tolerance) -> Look<'a> {
        let path = item.path.as_str();
        if !listing.is_file {
            // What is signed is looked at even where it should have been left out.
            let expected = self.files.contains_key(path);
            if tolerance.is_taken(path) && !expected {
                return Look::Signature;
            }
            let is_claims = tolerance.is_claims(path);
            // Data sets are called so, too: what the name alone leaves out must be what it says.
            let left_out = if path == attest::FILE && !is_claims {
                tolerance.ignore_paths.iter().any(|ignored| lies_in(path, ignored))
            } else {
                self.ignores(path) || tolerance.leaves_out(path)
            };
            if left_out && !expected {
                return Look::Told(Status::Ignored { runs: !is_claims && runs(item) });
            }
        }
        let links = self.allow_symlinks || tolerance.allow_symlinks || self.age == Age::Old;
        let file = match &item.is {
            Is::File(file) => file,
            Is::Link(file) if links => file,
            Is::Link(_) => return Look::Told(Status::Unread(Unread::Special("link"))),
            Is::Odd(why) => return Look::Told(Status::Unread(why.clone())),
        };
        match self.files.get(path) {
            Some(expected) => Look::Signed(file, expected),
            // No shard speaks of an empty file (section 4.2): nothing in it could be signed. One that runs by its mere name
            // (`__init__.py`) is told all the same.
            None if file.size == 0 && matches!(self.method, Method::Shards(_)) => {
                Look::Told(Status::Ignored { runs: runs(item) })
            }
            None => Look::Told(Status::Extra),
        }
    }
}

/// What an item is before anything is hashed.
enum Look<'a> {
    /// The signature itself.
    Signature,
    /// What its bytes would not change.
    Told(Status),
    /// A file that was signed, and how it is expected.
    Signed(&'a File, &'a [Piece]),
}

fn status(expected: &[Piece], actual: Result<Vec<Piece>, Unread>) -> Status {
    match actual {
        Err(why) => Status::Unread(why),
        Ok(actual) if actual == expected => Status::Ok,
        Ok(actual) => Status::Changed { expected: text(expected, &actual), actual: text(&actual, expected) },
    }
}

/// The digests of the pieces that are not those of `others`, which are cut alike; of many, the first ones.
fn text(pieces: &[Piece], others: &[Piece]) -> String {
    const SHOWN: usize = 3;
    let differs = |(at, piece): &(usize, &Piece)| others.get(*at) != Some(*piece);
    let differ: Vec<&Piece> = pieces.iter().enumerate().filter(differs).map(|(_, piece)| piece).collect();
    let shown = differ.iter().take(SHOWN).map(|piece| match piece.end {
        None => piece.digest.to_string(),
        Some(end) => format!("{}:{end} {}", piece.start, piece.digest),
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if differ.len() > SHOWN {
        text.push_str(&format!(", and {} more", differ.len().saturating_sub(SHOWN)));
    }
    text
}

/// Whether an item runs, or runs something when it is loaded.
pub fn runs(item: &Item) -> bool {
    let is_executable = matches!(&item.is, Is::File(file) | Is::Link(file) if file.executable);
    let name = item.path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    // Git puts hooks that never run into every folder.
    may_run(&item.path) || (is_executable && !name.ends_with(".sample"))
}

/// Whether a file with this path runs by its name, or runs something when it is loaded.
pub fn may_run(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    RUNNING.contains(&ending)
}
