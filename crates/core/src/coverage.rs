//! What was read and what was not. "Could not look" is a result.

use std::fmt;

use crate::place::{Place, Span};

/// Why an entry, or a part of it, was not read or not understood.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Unread {
    /// The system refused access.
    Permission,
    /// Reading failed; the system's message.
    Io(String),
    /// A FIFO, socket or device: opening it could block or have effects.
    Special(&'static str),
    /// A symbolic link that leads out of the target; where it points.
    LinkOutside(String),
    /// A symbolic link that leads back to a folder above it, or to nothing; where it points.
    LinkBroken(String),
    /// A file named by another one that lies outside the target or does not exist; as it was named.
    NotInTarget(String),
    /// The source ended early: it lied about its size, or shrank while it was read.
    Truncated {
        /// Where bytes were expected.
        offset: u64,
    },
    /// A limit was reached; which one, and its value.
    Limit(LimitKind, u64),
    /// The content is encrypted.
    Encrypted,
    /// A format or variant that Weighbridge knows of and does not read; its name.
    Unsupported(String),
    /// The content breaks the rules of its format so that what follows cannot be understood.
    Malformed(String),
    /// Nothing says which versions would be installed, and they could not be chosen either; why.
    Unresolved(String),
    /// The reader failed on this input. A defect of Weighbridge: please report it.
    Panicked,
    /// The scan was interrupted before this entry was read.
    Cancelled,
    /// No reader claims the file and no record names it, so that its bytes were left alone. Never a gap in coverage:
    /// it only says why a file has no digest.
    NotAsked,
    /// The file lies on a server, and of its bytes only those were fetched that decide what it is. Never a gap in
    /// coverage: it only says why a file has no digest.
    NotFetched,
    /// The file is larger than [`crate::limits::Limits::digest_bytes`]. Never a gap in coverage: it only says why a file
    /// has no digest.
    NotHashed,
}

impl Unread {
    /// Whether something was left out that could matter; else it only says why a file has no digest.
    pub fn is_gap(&self) -> bool {
        !matches!(self, Self::NotAsked | Self::NotFetched | Self::NotHashed)
    }
}

impl std::error::Error for Unread {}

/// The limit that was reached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LimitKind {
    /// [`crate::limits::Limits::text_bytes`].
    TextBytes,
    /// [`crate::limits::Limits::unpacked_bytes`].
    UnpackedBytes,
    /// [`crate::limits::Limits::expansion_ratio`].
    ExpansionRatio,
    /// [`crate::limits::Limits::entries`].
    Entries,
    /// [`crate::limits::Limits::depth`].
    Depth,
    /// [`crate::limits::Limits::facts`].
    Facts,
    /// [`crate::limits::Limits::state_bytes`].
    StateBytes,
    /// [`crate::limits::Limits::files`].
    Files,
    /// [`crate::limits::Limits::remote_bytes`].
    RemoteBytes,
}

impl fmt::Display for LimitKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::TextBytes => "bytes of a text file",
            Self::UnpackedBytes => "bytes unpacked from one file",
            Self::ExpansionRatio => "unpacked bytes per packed byte",
            Self::Entries => "entries in one container",
            Self::Depth => "containers nested in each other",
            Self::Facts => "facts from one entry",
            Self::StateBytes => "bytes of working state",
            Self::Files => "files below one target",
            Self::RemoteBytes => "bytes of one file from a server",
        })
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permission => out.write_str("permission denied"),
            Self::Io(message) => write!(out, "cannot be read: {message}"),
            Self::Special(kind) => write!(out, "{kind}, not opened"),
            Self::LinkOutside(target) => write!(out, "link leads out of the target, to `{target}`"),
            Self::LinkBroken(target) => write!(out, "link leads nowhere or in a circle, to `{target}`"),
            Self::NotInTarget(named) => write!(out, "names `{named}`, which is not in the target"),
            Self::Truncated { offset } => write!(out, "ends early, at byte {offset}"),
            Self::Limit(kind, limit) => write!(out, "more than {limit} {kind}"),
            Self::Encrypted => out.write_str("encrypted"),
            Self::Unsupported(what) => write!(out, "{what}, not read by this version"),
            Self::Malformed(reason) => write!(out, "malformed: {reason}"),
            Self::Unresolved(reason) => write!(out, "cannot be resolved: {reason}"),
            Self::Panicked => {
                out.write_str("the reader failed on this input (a defect of Weighbridge: please report it)")
            }
            Self::Cancelled => out.write_str("interrupted"),
            Self::NotAsked => out.write_str("not read, because nothing asks for it"),
            Self::NotFetched => out.write_str("only the parts that matter were fetched from the server"),
            Self::NotHashed => out.write_str("too large to be hashed, as the settings say"),
        }
    }
}

/// A place that was not read or not understood.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Gap {
    /// The entry.
    pub place: Place,
    /// The part of it, where only a part is meant.
    pub span: Option<Span>,
    /// Why.
    pub reason: Unread,
}

impl fmt::Display for Gap {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.span {
            Some(Span::Line(line)) => write!(out, "{}:{line}: {}", self.place, self.reason),
            Some(Span::Offset(offset)) => write!(out, "{}, byte {offset}: {}", self.place, self.reason),
            None => write!(out, "{}: {}", self.place, self.reason),
        }
    }
}

/// What a scan looked at, and every place that it did not.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Coverage {
    /// Files and inner entries that were read.
    pub read: u64,
    /// Bytes of the files of the target that were read.
    pub bytes: u64,
    /// Every place that was not read or not understood, ordered by place.
    pub unread: Vec<Gap>,
    /// Folders left out by configuration or by a built-in rule (such as `.git`), ordered.
    pub excluded: Vec<String>,
}
