//! The client of package indexes: which index the user's own installer would ask, and what that one says.
//!
//! Weighbridge has no index of its own. [`which`] finds the one in use; [`client`] asks it by the simple repository API,
//! read by [`page`] (JSON, else HTML); [`metadata`] reads what a distribution requires, and [`contents`] gets that out of
//! a wheel or a source distribution; [`wheel`] opens what lies in a wheel, by its [`directory`]; [`cache`] keeps what came on disk.
//!
//! Sources: the *Simple repository API*, *Core metadata* and *Project status markers* specifications of the Python
//! packaging guide (PEP 503, 592, 629, 643, 658, 691, 700, 714, 792).

mod cache;
mod client;
mod contents;
mod directory;
mod html;
mod metadata;
mod page;
mod wheel;
pub mod which;

pub use client::{Client, Options, Scout};
pub use metadata::Metadata;
pub use page::{File, Project, Sidecar, State};
pub use wheel::Wheel;

use crate::remote::RemoteError;

/// Why an index did not say what it was asked for. URLs are shown without user, password and query.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IndexError {
    /// No index that was asked knows the project.
    #[error("no index in use has a project `{0}`")]
    NoProject(String),
    /// Nothing may be fetched, and it was not fetched before.
    #[error("`{0}` is not in the cache of the index, and nothing may be fetched")]
    Offline(String),
    /// No index is known.
    #[error("no index is known: {0}")]
    NoIndex(String),
    /// The server does not answer, or refuses.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The answer is no page of an index, or not the one that was asked for.
    #[error("`{url}` is no page of an index for `{project}`: {reason}")]
    Page {
        /// Who answered.
        url: String,
        /// The project that was asked for.
        project: String,
        /// What is wrong.
        reason: String,
    },
    /// A file has another digest than before under the same name.
    #[error(
        "`{url}` names another SHA-256 for `{file}` than before; if that is known to be right, remove `{cached}`"
    )]
    Changed {
        /// Who answered.
        url: String,
        /// The file.
        file: String,
        /// What was fetched before.
        cached: String,
    },
    /// What came is not what the index promised.
    #[error("`{url}` is not what the index says: {reason}")]
    Content {
        /// What was fetched.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The requirements are known only to a program, which is not run.
    #[error("`{0}` is a source distribution whose requirements are computed when it is built")]
    Computed(String),
}
