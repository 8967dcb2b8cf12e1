//! `log init`: begins a log.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use weighbridge_trust::log::{Checkpoint, Edge, NoteKey};

use super::files::Files;
use crate::commands::signing::key::{create, failed};
use crate::commands::signing::text;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::log_args::LogInit;
use crate::printer::Printer;

/// Makes the folder, the key and the head of an empty log.
pub(super) fn run(init: &LogInit, printer: &Printer) -> Result<Exit, Failure> {
    let folder = &init.folder;
    // A name that cannot be is refused before anything is made.
    let fresh = NoteKey::generate(&init.origin)
        .map_err(|error| Failure::usage("no key can be made for this log").because(&error))?;
    fs::create_dir_all(folder)
        .map_err(|error| Failure::unwritten(&format!("`{}`", folder.display()), &error))?;
    if lies_in(&init.key, folder) {
        return Err(Failure::usage(format!("the private key would lie in the log, `{}`", folder.display()))
            .hint("everybody who reads the log would have it: name a file elsewhere"));
    }
    let files = Files::new(folder);
    let _guard = files.lock()?;
    if files.has_checkpoint() {
        return Err(Failure::usage(format!("`{}` holds a log already", folder.display()))
            .hint("`weighbridge log append` writes into it"));
    }
    let key = if init.key.exists() { existing(init)? } else { written(fresh, init)? };
    let empty = Checkpoint { size: 0, root: Edge::default().root() };
    files.write_checkpoint(&empty.sign(&key))?;
    printer.say(&format!("log          {}  (`{}`, empty)", folder.display(), init.origin));
    printer.say(&format!("private key  {}  (not encrypted)", init.key.display()));
    printer.say("public key, for everybody who verifies:");
    printer.out(|out| writeln!(out, "{}", key.verifier()))?;
    Ok(Exit::Pass)
}

fn existing(init: &LogInit) -> Result<NoteKey, Failure> {
    let key = NoteKey::read(&text(&init.key)?).map_err(|error| failed(&init.key, &error))?;
    let verifier = key.verifier();
    if verifier.name() != init.origin {
        let what = format!("`{}` is the key of `{}`", init.key.display(), verifier.name());
        return Err(Failure::usage(what).hint("one key is for one log: name a file that is not there yet"));
    }
    Ok(key)
}

fn written(key: NoteKey, init: &LogInit) -> Result<NoteKey, Failure> {
    let mut public_file: OsString = init.key.as_os_str().to_owned();
    public_file.push(".pub");
    let public_file = PathBuf::from(public_file);
    create(&public_file, format!("{}\n", key.verifier()).as_bytes(), false)?;
    let mut private = key.to_text();
    private.push('\n');
    if let Err(failure) = create(&init.key, private.as_bytes(), true) {
        // Half a pair helps nobody; it was just written here.
        let _ = fs::remove_file(&public_file);
        return Err(failure);
    }
    Ok(key)
}

/// Whether a file lies below a folder, or would.
fn lies_in(file: &Path, folder: &Path) -> bool {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (parent.canonicalize(), folder.canonicalize()) {
        (Ok(parent), Ok(folder)) => parent.starts_with(folder),
        // What is not there cannot be written to either, and writing will say so.
        _ => false,
    }
}
