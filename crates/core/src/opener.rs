//! The one trait of everything that turns a target into entries.

use std::sync::Arc;

use crate::cache::Stamp;
use crate::context::Context;
use crate::coverage::Unread;
use crate::digest::Claimed;
use crate::source::Source;

/// Opens targets of some kinds: a folder, a file, `venv:PATH`.
pub trait Opener: Sync {
    /// The schemes before the `:` that it takes; the empty scheme stands for a plain path.
    fn schemes(&self) -> &'static [&'static str];

    /// Opens the target that stands behind the scheme.
    ///
    /// # Errors
    /// [`OpenError`] when there is nothing to weigh at all; anything smaller is an entry that cannot be read.
    fn open(&self, locator: &str, context: &Context) -> Result<Opened, OpenError>;
}

/// A target that cannot be opened.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such thing.
    #[error("`{0}` does not exist")]
    Missing(String),
    /// It is there, and is not what the scheme says.
    #[error("`{locator}` is not {expected}")]
    Unexpected {
        /// As it was typed.
        locator: String,
        /// What it should be, with its article.
        expected: &'static str,
    },
    /// The system refuses.
    #[error("cannot open `{locator}`: {message}")]
    Refused {
        /// As it was typed.
        locator: String,
        /// The system's message.
        message: String,
    },
    /// It lies elsewhere, and no socket may be opened.
    #[error("cannot open `{locator}`: {by} forbids it")]
    Offline {
        /// As it was typed.
        locator: String,
        /// What forbids it.
        by: &'static str,
    },
    /// It lies elsewhere, and the server does not hand it out.
    #[error("cannot open `{locator}`: {message}")]
    Remote {
        /// As it was typed.
        locator: String,
        /// What happened.
        message: String,
        /// The server wants to know who asks.
        needs_token: bool,
    },
}

/// An opened target.
pub struct Opened {
    /// What the target is called in reports: the name of the folder or file.
    pub name: String,
    /// Every entry, sorted by path. An entry that cannot be read is there with its reason.
    pub entries: Vec<Entry>,
    /// Folders that were left out by rule, sorted.
    pub excluded: Vec<String>,
    /// What the user should know of where the entries come from, each in one line.
    pub notes: Vec<String>,
    /// Finds files that an entry names and that are not among the entries.
    pub tree: Box<dyn Tree>,
}

/// A file of the target. Opened late and dropped early, so that a target of a million files holds few of them open.
#[derive(Clone)]
pub struct Entry {
    /// Path below the target with `/`; bytes that are not UTF-8 are written `\xHH`.
    pub path: Arc<str>,
    /// Size in bytes, as the listing says.
    pub size: u64,
    /// How to open it.
    pub handle: Arc<dyn Handle>,
    /// The entry is a link to the entry with this path: the same bytes under a second name.
    pub link_to: Option<Arc<str>>,
    /// The digest that whoever keeps the entry states for it; to be checked, never to be believed.
    pub claimed: Option<Claimed>,
}

/// Opens one entry.
pub trait Handle: Send + Sync {
    /// Opens the entry for reading.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn open(&self) -> Result<Arc<dyn Source>, Unread>;

    /// What told this version of the entry from any other when it was listed, if the system keeps that.
    fn stamp(&self) -> Option<Stamp> {
        None
    }
}

impl Handle for Unread {
    fn open(&self) -> Result<Arc<dyn Source>, Unread> {
        Err(self.clone())
    }
}

/// Looks up files of a target by path.
pub trait Tree: Send + Sync {
    /// The file at this path below the target; none when it is not there or lies outside.
    fn find(&self, path: &str) -> Option<Entry>;
}
