//! Downloads advisory data over HTTP, and keeps what was made of it in one file.
//!
//! No connection is opened without an [`Online`] token, and `--offline` leaves no way to get one.

pub mod atomic;
pub(crate) mod client;
pub mod store;

use std::io;
use std::time::Duration;

pub use crate::online::Online;
pub use client::Client;
pub use store::{Store, StoreError};

/// Where OSV publishes its data, one folder per ecosystem (OSV documentation, *Data dumps*).
pub const OSV_URL: &str = "https://osv-vulnerabilities.storage.googleapis.com";

/// How to connect.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long to wait for a connection, for the answer to begin, and between two pieces of it.
    pub patience: Duration,
    /// Most bytes of an answer.
    pub most_bytes: u64,
    /// Root certificates in PEM form to trust instead of the built-in ones (`SSL_CERT_FILE`).
    pub certificates: Option<Vec<u8>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { patience: Duration::from_secs(30), most_bytes: 2 << 30, certificates: None }
    }
}

/// Why nothing, or not everything, was downloaded.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The server cannot be reached, or the connection broke.
    #[error("cannot download `{url}`")]
    Connection {
        /// What was asked for.
        url: String,
        /// What happened.
        source: Box<ureq::Error>,
    },
    /// The server answers with something else than the file.
    #[error("cannot download `{url}`: the server answers with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status code.
        status: u16,
    },
    /// The answer ended before its announced length.
    #[error("the download of `{url}` broke off after {received} of {expected} bytes")]
    Truncated {
        /// What was asked for.
        url: String,
        /// Bytes that came.
        received: u64,
        /// Bytes that were announced.
        expected: u64,
    },
    /// The answer is larger than allowed.
    #[error("`{url}` is larger than {most} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The limit.
        most: u64,
    },
    /// Reading the answer or writing the file failed.
    #[error("the download of `{url}` failed")]
    Io {
        /// What was asked for.
        url: String,
        /// What happened.
        source: io::Error,
    },
    /// The certificates cannot be read.
    #[error("the file of root certificates holds none that can be read")]
    Certificates,
    /// A stop was asked for.
    #[error("interrupted")]
    Interrupted,
}

/// The address of the archive with every record of one ecosystem below the base of an OSV bucket.
pub fn archive_url(base: &str, ecosystem: &str) -> String {
    format!("{}/{ecosystem}/all.zip", base.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_lies_below_the_base() {
        assert_eq!(archive_url("https://a.example/b/", "PyPI"), "https://a.example/b/PyPI/all.zip");
        assert_eq!(archive_url("http://127.0.0.1:1", "PyPI"), "http://127.0.0.1:1/PyPI/all.zip");
    }

    #[test]
    fn there_is_no_token_offline() {
        assert!(Online::unless(true).is_none());
        assert!(Online::unless(false).is_some());
    }
}
