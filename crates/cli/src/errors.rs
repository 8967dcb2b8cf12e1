//! What every error of every library says to the user: exit code, message, causes and the way out.

use std::error::Error;
use std::io;
use std::path::Path;

use weighbridge_advisory::SnapshotError;
use weighbridge_check::policy::{BaselineError, ConfigError, VexError};
use weighbridge_core::opener::OpenError;
use weighbridge_engine::flow::ScanError;
use weighbridge_net::feed::{FeedError, StoreError};

use crate::exit::Exit;

/// Why the program ends without having done its work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    /// How it ends.
    pub(crate) exit: Exit,
    /// What happened, with its place.
    pub(crate) message: String,
    /// Why, outermost first.
    pub(crate) causes: Vec<String>,
    /// What to do about it.
    pub(crate) hints: Vec<String>,
}

impl Failure {
    /// A failure without causes and hints.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// What was typed or configured makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Adds a hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds an error and everything that caused it.
    pub(crate) fn because(mut self, error: &dyn Error) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            self.causes.push(error.to_string());
            cause = error.source();
        }
        self
    }

    /// A file that the user named cannot be read.
    pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::usage(format!("cannot read `{}`", path.display())).because(error)
    }

    /// Something that was asked for cannot be written.
    pub(crate) fn unwritten(what: &str, error: &io::Error) -> Self {
        let failure = Self::new(Exit::Internal, format!("cannot write {what}")).because(error);
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                failure.hint("make room; nothing was left half-written")
            }
            _ => failure,
        }
    }

    /// The program itself is wrong.
    pub(crate) fn defect(message: impl Into<String>) -> Self {
        Self::new(Exit::Internal, message)
            .hint("this is a defect of Weighbridge; please report it with the message above and the command")
    }
}

/// The failure for an error that stands for itself: its text is the message, what caused it follows.
fn plain(exit: Exit, error: &dyn Error) -> Failure {
    let failure = Failure::new(exit, error.to_string());
    match error.source() {
        Some(source) => failure.because(source),
        None => failure,
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let failure = Self::usage(error.to_string());
        match error.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<(&Path, BaselineError)> for Failure {
    fn from((path, error): (&Path, BaselineError)) -> Self {
        Self::usage(format!("`{}` is no baseline", path.display()))
            .because(&error)
            .hint("make one with `weighbridge scan TARGET -o baseline.json`")
    }
}

impl From<(&Path, VexError)> for Failure {
    fn from((path, error): (&Path, VexError)) -> Self {
        Self::usage(format!("`{}` is no VEX document that can be used", path.display())).because(&error)
    }
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Open(error) => error.into(),
            ScanError::Pattern { .. } => plain(Exit::Usage, &error)
                .hint("patterns are globs on paths below the target, such as `data/raw/**`"),
            ScanError::NothingToWeigh => {
                plain(Exit::Nothing, &error).hint("`docs/formats.md` lists what Weighbridge reads")
            }
            ScanError::Roots(_) => plain(Exit::Usage, &error),
            ScanError::Interrupted => plain(Exit::Interrupted, &error),
            ScanError::Threads(_) => plain(Exit::Internal, &error).hint("ask for fewer threads with `-j`"),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let exit = if matches!(error, OpenError::Remote { .. }) { Exit::Incomplete } else { Exit::Usage };
        let failure = plain(exit, &error);
        match &error {
            OpenError::Missing(locator) => match nearest(locator, &crate::args::verbs()) {
                Some(verb) => failure.hint(format!("did you mean the command `{verb}`?")),
                None => failure,
            },
            OpenError::Remote { needs_token: true, .. } => failure
                .hint("for a hub that knows you set `HF_TOKEN`, for a store `AWS_ACCESS_KEY_ID` and its key"),
            OpenError::Offline { .. } => failure.hint("`hf-cache:` weighs what the hub's client has fetched"),
            OpenError::Remote { .. } | OpenError::Unexpected { .. } | OpenError::Refused { .. } => failure,
        }
    }
}

impl From<FeedError> for Failure {
    fn from(error: FeedError) -> Self {
        const KEPT: &str = "the advisories that were there before are still in use";
        match &error {
            FeedError::Interrupted => plain(Exit::Interrupted, &error),
            FeedError::Certificates => plain(Exit::Usage, &error).hint("look at `SSL_CERT_FILE`"),
            FeedError::Status { .. } => plain(Exit::Incomplete, &error).hint("look at `--from`").hint(KEPT),
            FeedError::Connection { .. }
            | FeedError::Truncated { .. }
            | FeedError::TooLarge { .. }
            | FeedError::Io { .. } => plain(Exit::Incomplete, &error).hint(KEPT),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Busy(_) => plain(Exit::Incomplete, &error).hint("wait until it is done"),
            StoreError::File { .. } => plain(Exit::Internal, &error),
        }
    }
}

impl From<(&Path, SnapshotError)> for Failure {
    fn from((path, error): (&Path, SnapshotError)) -> Self {
        Self::usage(format!("cannot use `{}`", path.display()))
            .because(&error)
            .hint("such a file is made with `weighbridge db export FILE`")
    }
}

/// The candidate that `word` was probably meant to be: at most a third of its letters differ.
pub(crate) fn nearest<'a>(word: &str, candidates: &'a [String]) -> Option<&'a String> {
    let distance = |candidate: &&String| edits(&word.to_lowercase(), &candidate.to_lowercase());
    let near = candidates.iter().min_by_key(distance)?;
    (edits(&word.to_lowercase(), &near.to_lowercase()) <= near.chars().count() / 3).then_some(near)
}

/// How many letters must be changed, added or removed (Levenshtein distance).
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut diagonal = row.first().copied().unwrap_or(0);
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
        for (column, candidate) in other.iter().enumerate() {
            let above = row.get(column + 1).copied().unwrap_or(0);
            let left = row.get(column).copied().unwrap_or(0);
            let best = (diagonal + usize::from(letter != *candidate)).min(above + 1).min(left + 1);
            if let Some(cell) = row.get_mut(column + 1) {
                *cell = best;
            }
            diagonal = above;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_a_stranger_is_not() {
        let verbs: Vec<String> = ["completions", "db", "explain", "why"].map(str::to_owned).to_vec();
        for (word, meant) in [
            ("explian", Some("explain")),
            ("EXPLAIN", Some("explain")),
            ("wy", Some("why")),
            ("models", None),
            ("d", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &verbs).map(String::as_str), meant, "{word}");
        }
        assert_eq!(edits("kitten", "sitting"), 3);
    }

    #[test]
    fn errors_say_how_the_program_ends() {
        for (error, exit) in [
            (ScanError::NothingToWeigh, Exit::Nothing),
            (ScanError::Interrupted, Exit::Interrupted),
            (ScanError::Open(OpenError::Missing("x".into())), Exit::Usage),
            (ScanError::Threads("no".into()), Exit::Internal),
        ] {
            assert_eq!(Failure::from(error).exit, exit);
        }
        let full = Failure::unwritten("`a`", &io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!((full.exit, full.causes.len(), full.hints.len()), (Exit::Internal, 1, 1));
    }
}
