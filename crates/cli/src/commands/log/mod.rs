//! `weighbridge log`: a private transparency log in a folder.

mod append;
mod files;
mod init;
mod monitor;
mod verify;

use std::path::Path;

use weighbridge_trust::log::{LogKeyError, VerifierKey};

use super::signing::{key::failed, text};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::log_args::Log;
use crate::printer::Printer;
use crate::setup::Setup;

/// Runs the command.
pub(super) fn run(log: &Log, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    match log {
        Log::Init(init) => init::run(init, printer),
        Log::Append(append) => append::run(append, setup, printer),
        Log::Verify(verify) => verify::run(verify, printer),
        Log::Monitor(monitor) => monitor::run(monitor, printer),
    }
}

/// The public key of a log, as typed: its text, or a file with it.
pub(super) fn verifier_key(typed: &str) -> Result<VerifierKey, Failure> {
    let explain = |error: LogKeyError, failure: Failure| match error {
        LogKeyError::Private => {
            failure.hint("`weighbridge log init` wrote the public one beside it, as `.pub`")
        }
        _ => failure.hint(
            "`weighbridge log init` shows the public key of a log, and writes it beside the private one",
        ),
    };
    let path = Path::new(typed);
    if path.is_file() {
        let read = text(path)?;
        return VerifierKey::read(&read).map_err(|error| explain(error.clone(), failed(path, &error)));
    }
    VerifierKey::read(typed).map_err(|error| {
        explain(error.clone(), Failure::usage("this is no public key of a log").because(&error))
    })
}

/// Text of a stranger that is to stand in one line.
fn in_one_line(text: &str) -> String {
    text.replace('\n', "\\n")
}

fn count(number: u64, what: &str) -> String {
    let plural = match (number, what.strip_suffix('y')) {
        (1, _) => what.to_owned(),
        (_, Some(stem)) => format!("{stem}ies"),
        (_, None) => format!("{what}s"),
    };
    format!("{number} {plural}")
}
