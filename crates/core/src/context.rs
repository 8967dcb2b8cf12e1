//! What the world outside says to a scan: the day, the limits, what is allowed. Read once, passed in, never looked up.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::Cache;
use crate::date::Date;
use crate::limits::{Cancel, Limits};

/// Everything a scan takes from outside besides its target.
#[derive(Clone, Debug)]
pub struct Context {
    /// The day on which the report is made; ignores expire by it, advisories age by it.
    pub today: Date,
    /// The limits.
    pub limits: Limits,
    /// Asks the scan to stop.
    pub cancel: Cancel,
    /// No socket may be opened.
    pub offline: bool,
    /// The Python environment for which markers are evaluated where the target does not say.
    pub python: Python,
    /// Where targets that are no files of this machine come from, and how.
    pub remote: Remote,
    /// Roots of Sigstore (`trusted_root.json`) that are believed beside those of the public instance.
    pub roots: Vec<Arc<str>>,
    /// What earlier scans found out, if it may be believed.
    pub cache: Option<Arc<dyn Cache>>,
}

/// How to reach models that lie elsewhere, and where a hub's client keeps what it has fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remote {
    /// Base URL of the hub (`HF_ENDPOINT`).
    pub hub: String,
    /// The user's token for that hub (`HF_TOKEN`), sent to no other host.
    pub token: Option<Secret>,
    /// The hub must not be asked (`HF_HUB_OFFLINE`).
    pub hub_offline: bool,
    /// The folder in which the hub's client keeps what it has fetched (`HF_HUB_CACHE`), where one is known.
    pub hub_cache: Option<PathBuf>,
    /// The object store that `s3:` asks.
    pub store: ObjectStore,
    /// Root certificates in PEM form to trust instead of the built-in ones (`SSL_CERT_FILE`).
    pub certificates: Option<Arc<[u8]>>,
    /// How long to wait for a connection, for the answer to begin, and between two pieces of it.
    pub patience: Duration,
}

impl Default for Remote {
    fn default() -> Self {
        Self {
            hub: "https://huggingface.co".to_owned(),
            token: None,
            hub_offline: false,
            hub_cache: None,
            store: ObjectStore::default(),
            certificates: None,
            patience: Duration::from_secs(30),
        }
    }
}

/// An object store that speaks the protocol of Amazon S3.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObjectStore {
    /// Its base URL (`AWS_ENDPOINT_URL`); none for Amazon's own in the region.
    pub endpoint: Option<String>,
    /// The region (`AWS_REGION`), which is a part of every signature.
    pub region: String,
    /// The user's key; none to ask without a signature.
    pub key: Option<StoreKey>,
}

impl Default for ObjectStore {
    fn default() -> Self {
        Self { endpoint: None, region: "us-east-1".to_owned(), key: None }
    }
}

/// A key to an object store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreKey {
    /// Its name (`AWS_ACCESS_KEY_ID`), which is no secret.
    pub id: String,
    /// The key (`AWS_SECRET_ACCESS_KEY`), which never leaves this machine.
    pub secret: Secret,
    /// A token that belongs to a key for some hours (`AWS_SESSION_TOKEN`).
    pub session: Option<Secret>,
}

/// A text that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// The Python for which environment markers are evaluated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Python {
    /// Full version, such as `3.12.4`.
    pub version: String,
    /// Values of the marker variables that do not follow from the version: `sys_platform`, `platform_machine`, …
    pub platform: BTreeMap<String, String>,
    /// The libraries of the system, by which wheels say where they run; none where nobody knows.
    pub system: Option<System>,
    /// Who says that this version is meant.
    pub meant: Meant,
}

/// Who says which Python is meant.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Meant {
    /// Nobody: a usual one.
    #[default]
    Assumed,
    /// The user, for where the target does not say.
    Typed,
    /// It is the one of this installer, such as `pip 24.0`, for where the target does not say.
    Installer(String),
    /// It is at hand, by this: an environment that is activated, or a file that names it. It goes before the lowest that a
    /// project supports.
    AtHand(String),
}

impl fmt::Display for Meant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assumed => out.write_str("assumed"),
            Self::Typed => out.write_str("as typed"),
            Self::Installer(installer) => write!(out, "that of {installer}"),
            Self::AtHand(by) => out.write_str(by),
        }
    }
}

/// The version of what a system offers to binaries, as major and minor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum System {
    /// Linux with the C library of GNU.
    Glibc(u64, u64),
    /// Linux with musl.
    Musl(u64, u64),
    /// macOS.
    MacOs(u64, u64),
}
