//! What was typed for `weighbridge lock`. The comments are the help texts.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use weighbridge_core::date::Date;
use weighbridge_core::lock::Kind;

use crate::args::ListFormat;

/// What to do with the lock.
#[derive(Subcommand, Debug)]
pub enum Lock {
    /// Approve models, data sets or adapters as they lie there now: their files, their signer, what a scan finds.
    Add(Box<LockAdd>),
    /// Approve changes: tell them, scan anew, and write them down.
    Update(LockUpdate),
    /// Verify that everything is as it was approved.
    Verify(LockLook),
    /// Tell what `update` would change, and write nothing.
    Diff(LockLook),
    /// Tell when and on what ground something was approved.
    Why(LockWhy),
}

/// Where the lock lies, and how files are hashed.
#[derive(Args, Clone, Debug)]
pub struct LockFile {
    /// The lock; paths in it count from its folder.
    #[arg(long, value_name = "FILE", default_value = "weighbridge.lock")]
    pub lock: PathBuf,
}

/// Options of `lock add`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: 0 approved · 1 refused: dangerous, or a signature that does not hold · 2 usage · 4 something could not be read")]
pub struct LockAdd {
    /// Folders, files, or `hf://ORG/NAME` for what lies in the cache of the hub.
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// What it is.
    #[arg(long, value_enum, default_value = "model")]
    pub kind: KindName,
    /// It must be signed, now and later.
    #[arg(long)]
    pub signature_required: bool,
    /// A name that it may import although nobody vouches for it, such as `numpy.core.multiarray._reconstruct`; may be given
    /// several times.
    #[arg(long, value_name = "NAME", requires = "reason")]
    pub allow: Vec<String>,
    /// The last day on which that counts.
    #[arg(long, value_name = "DAY", requires = "allow", value_parser = day)]
    pub until: Option<Date>,
    /// On what ground.
    #[command(flatten)]
    pub ground: Ground,
    /// The lock.
    #[command(flatten)]
    pub file: LockFile,
}

/// Options of `lock update`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: 0 up to date · 1 refused: dangerous, or signed by somebody else or nobody · 2 usage · 3 not locked · 4 something \
could not be read")]
pub struct LockUpdate {
    /// What to bring up to date [default: everything in the lock].
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// On what ground.
    #[command(flatten)]
    pub ground: Ground,
    /// The lock.
    #[command(flatten)]
    pub file: LockFile,
}

/// On what ground something is approved.
#[derive(Args, Clone, Debug)]
pub struct Ground {
    /// Why it is approved; written into the lock.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Approve it although it is dangerous, or although its signer is another one or gone.
    #[arg(long, requires = "reason")]
    pub force: bool,
    /// Public key of the signer (PEM): then the signature is verified, and the lock keeps the key.
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
    /// Roots of the Sigstore instance (`trusted_root.json`) that names the signer; the lock keeps them [default: those of the
    /// public one, as of this release].
    #[arg(long, value_name = "FILE", conflicts_with = "public_key")]
    pub trusted_root: Option<PathBuf>,
    /// Hash every file anew, instead of believing the digests of files that did not change.
    #[arg(long)]
    pub no_cache: bool,
}

/// Options of `lock verify` and `lock diff`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: 0 as it was approved · 1 otherwise · 2 usage · 3 not locked · 4 could not check: something could not be read")]
pub struct LockLook {
    /// What to look at [default: everything in the lock].
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Hash every file anew, instead of believing the digests of files that did not change.
    #[arg(long)]
    pub no_cache: bool,
    /// Format of the result on standard output.
    #[arg(long, value_enum, default_value = "human")]
    pub format: ListFormat,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// The lock.
    #[command(flatten)]
    pub file: LockFile,
}

/// Options of `lock why`.
#[derive(Args, Debug)]
pub struct LockWhy {
    /// Something that is locked, or a file in it.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// The lock.
    #[command(flatten)]
    pub file: LockFile,
}

/// Kinds of what is approved.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum KindName {
    /// A model.
    Model,
    /// A data set.
    Dataset,
    /// Weights that change another model (LoRA).
    Adapter,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Model => Self::Model,
            KindName::Dataset => Self::Dataset,
            KindName::Adapter => Self::Adapter,
        }
    }
}

fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|error: weighbridge_core::date::DateError| error.to_string())
}
