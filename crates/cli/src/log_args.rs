//! What was typed for `weighbridge log`. The comments are the help texts.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with a log.
#[derive(Subcommand, Debug)]
pub enum Log {
    /// Begin a log: a folder of plain files, and the key that signs its head.
    Init(LogInit),
    /// Write signatures into a log, and the proof of it into each of them.
    Append(LogAppend),
    /// Verify a log from its first entry on: every file of it, its head, and that it has only grown.
    Verify(LogVerify),
    /// Tell what was written into a log since the last look, and whether it has only grown.
    Monitor(LogMonitor),
}

/// Options of `log init`.
#[derive(Args, Debug)]
pub struct LogInit {
    /// The folder of the log; it is made if it is not there.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The name of the log for ever, such as `models.example/log`: where it is served, or would be.
    #[arg(long, value_name = "NAME")]
    pub origin: String,
    /// Private key of the log, outside the folder; it is made if it is not there, with `.pub` for everybody.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
}

/// Options of `log append`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: 0 written, or there already · 1 refused: a signature that does not hold, or a log that is damaged · 2 usage · \
4 could not: something could not be read, or another process appends")]
pub struct LogAppend {
    /// The folder of the log.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Signatures: bundles such as `model.sig`, folders of models for the `model.sig` in them, and files of one bundle a line
    /// (`*.jsonl`).
    #[arg(value_name = "BUNDLE", required = true)]
    pub bundles: Vec<PathBuf>,
    /// Private key of the log.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Public key of the signer (PEM): nothing is written unless it has signed. Without it, a signature by key is written down
    /// under the key that it names.
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
}

/// Options of `log verify`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: 0 verified · 1 verified bad: a file that is not as it was signed, or a log that was rewritten · 2 usage · \
4 could not check: something is missing or could not be read")]
pub struct LogVerify {
    /// The folder of the log.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Public key of the log: its text, or a file with it.
    #[arg(long, value_name = "VKEY")]
    pub key: String,
    /// An earlier checkpoint, which the log must continue.
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
}

/// Options of `log monitor`.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes: 0 nothing new that is not expected · 1 something new by a signer who is not expected, or the log was rewritten or is \
damaged · 2 usage · 4 could not read")]
pub struct LogMonitor {
    /// The folder of the log.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Public key of the log: its text, or a file with it.
    #[arg(long, value_name = "VKEY")]
    pub key: String,
    /// File with the checkpoint of the last look; without it everything is new, and it is written.
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
    /// Only entries with this subject (its name, or a digest of it) or this signer (the SHA-256 of its key or certificate, or its
    /// name in Sigstore); may be given several times [default: all].
    #[arg(long, value_name = "WHAT")]
    pub watch: Vec<String>,
    /// Signer who is expected to sign: its public key or certificate (PEM file), the SHA-256 of it as this command shows it,
    /// or `NAME=ISSUER` in Sigstore; may be given several times [default: nobody].
    #[arg(long, value_name = "SIGNER")]
    pub expect: Vec<String>,
}
