//! Files on servers: fetched in parts, within limits, and never through an open connection but on this machine.
//!
//! [`url`] says which addresses may be asked at all, [`fetch`] asks with patience and a bound on it, [`source`] turns
//! ranges of a file into a [`Source`], [`hub`] knows the routes of the Hugging Face hub, and [`store`] and [`sign`] those
//! of object stores.
//!
//! [`Source`]: weighbridge_core::source::Source

pub(crate) mod fetch;
mod hosts;
pub(crate) mod hub;
mod sign;
pub(crate) mod source;
pub(crate) mod store;
pub(crate) mod url;

use weighbridge_core::coverage::{LimitKind, Unread};
use weighbridge_core::opener::OpenError;

/// Why a server did not give what was asked for. URLs are shown without their query, which may hold a signature.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RemoteError {
    /// An address that is none, or that must not be asked.
    #[error("`{url}` is no address to fetch from: {reason}")]
    Address {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The server cannot be reached, or the connection broke.
    #[error("`{url}` cannot be fetched: {message}")]
    Connection {
        /// What was asked for.
        url: String,
        /// What happened.
        message: String,
    },
    /// The server refuses or fails.
    #[error("`{url}` cannot be fetched: {}", meaning(*.status))]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status code.
        status: u16,
    },
    /// The server's answer makes no sense.
    #[error("`{url}` cannot be fetched: {reason}")]
    Answer {
        /// What was asked for.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The file was replaced while it was read: the parts that were read belong to different files.
    #[error("`{0}` changed on the server while it was read")]
    Changed(String),
    /// More would have to be fetched than is allowed.
    #[error("more than {0} bytes would have to be fetched")]
    TooLarge(u64),
    /// The root certificates cannot be read.
    #[error("the file of root certificates holds none that can be read")]
    Certificates,
    /// A stop was asked for.
    #[error("interrupted")]
    Interrupted,
}

fn meaning(status: u16) -> String {
    match status {
        401 | 403 => format!("the server refuses access (status {status})"),
        404 | 410 => format!("the server has no such thing (status {status})"),
        429 => "the server is asked too often (status 429)".to_owned(),
        500.. => format!("the server fails (status {status})"),
        _ => format!("the server answers with status {status}"),
    }
}

impl RemoteError {
    /// Why a part of the target is not read.
    pub(crate) fn unread(&self) -> Unread {
        match self {
            Self::TooLarge(limit) => Unread::Limit(LimitKind::RemoteBytes, *limit),
            Self::Interrupted => Unread::Cancelled,
            error => Unread::Io(error.to_string()),
        }
    }

    /// Why the whole target cannot be opened.
    pub(crate) fn open(&self, locator: &str) -> OpenError {
        let (locator, message) = (locator.to_owned(), self.to_string());
        match self {
            // Nobody was asked.
            Self::Address { .. } | Self::Certificates => OpenError::Refused { locator, message },
            _ => {
                let needs_token = matches!(self, Self::Status { status: 401 | 403, .. });
                OpenError::Remote { locator, message, needs_token }
            }
        }
    }
}
