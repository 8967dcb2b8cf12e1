//! `log verify`: a log from its first entry on.

use std::fmt::Write as _;
use std::path::Path;

use weighbridge_core::digest::Digest;
use weighbridge_trust::log::{Checkpoint, Edge, Record, Tile, VerifierKey, leaf, pack, serialize};

use super::files::Files;
use super::{count, verifier_key};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::log_args::LogVerify;
use crate::printer::{Printer, printable};

/// Files that are named of those that a stopped process left.
const MOST_NAMED: usize = 5;

/// Runs the command.
pub(super) fn run(verify: &LogVerify, printer: &Printer) -> Result<Exit, Failure> {
    let key = verifier_key(&verify.key)?;
    let from = verify.from.as_deref().map(|path| earlier(path, &key)).transpose()?;
    let folder = verify.folder.display();
    let (text, exit) = match whole(&Files::new(&verify.folder), &key, from) {
        Ok((head, left)) => {
            let mut text = format!("{folder}  verified\n");
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  `{}`: {}", key.name(), count(head.size, "entry"));
            let _ = writeln!(text, "  root {}", head.root);
            if let (Some(from), Some(path)) = (from, &verify.from) {
                let _ = writeln!(text, "  continues {} ({})", path.display(), count(from.size, "entry"));
            }
            for name in left.iter().take(MOST_NAMED) {
                let _ = writeln!(text, "  not part of it: {name}, left by a process that was stopped");
            }
            if left.len() > MOST_NAMED {
                let _ = writeln!(text, "  and {} more", left.len().saturating_sub(MOST_NAMED));
            }
            (text, Exit::Pass)
        }
        Err(failure) if matches!(failure.exit, Exit::Fail | Exit::Incomplete) => {
            let verdict = if failure.exit == Exit::Fail { "NOT VERIFIED" } else { "could not be checked" };
            let mut text = format!("{folder}  {verdict}\n  {}\n", failure.message);
            for cause in &failure.causes {
                let _ = writeln!(text, "  {cause}");
            }
            (text, failure.exit)
        }
        Err(failure) => return Err(failure),
    };
    let text = printable(&text);
    printer.out(|out| out.write_all(text.as_bytes()))?;
    Ok(exit)
}

/// An earlier checkpoint that the user named.
fn earlier(path: &Path, key: &VerifierKey) -> Result<Checkpoint, Failure> {
    let note = std::fs::read(path).map_err(|error| Failure::unreadable(path, &error))?;
    Checkpoint::open(&note, key).map_err(|error| {
        Failure::usage(format!("`{}` is no checkpoint of this log", path.display())).because(&error)
    })
}

/// The head of a log that is what it says from the first entry on, and what lies there beyond it.
fn whole(
    files: &Files,
    key: &VerifierKey,
    from: Option<Checkpoint>,
) -> Result<(Checkpoint, Vec<String>), Failure> {
    let head = Checkpoint::open(&files.checkpoint()?, key).map_err(|error| wrong(error.to_string()))?;
    if from.is_some_and(|from| from.size > head.size) {
        return Err(wrong("the log was rewritten: it had more entries at the earlier checkpoint".to_owned()));
    }
    let mut edge = Edge::default();
    let follow = |edge: &Edge| match from {
        Some(from) if from.size == edge.size() && from.root != edge.root() => {
            Err(wrong(format!("the log was rewritten: its first {} are others", count(from.size, "entry"))))
        }
        _ => Ok(()),
    };
    follow(&edge)?;
    for tile in (0..).map_while(|number| Tile::entries(number, head.size)) {
        let mut bundle = Vec::new();
        for entry in files.entries(tile)? {
            let index = edge.size();
            Record::read(&entry).map_err(|error| wrong(format!("entry {index} in {tile}: {error}")))?;
            pack(&mut bundle, &entry).map_err(|error| Failure::defect(error.to_string()))?;
            edge.push(leaf(&entry), |tile, hashes| compare(files, tile, hashes))?;
            follow(&edge)?;
        }
        narrower(files, tile, &bundle)?;
    }
    for (tile, hashes) in edge.partial() {
        compare(files, tile, hashes)?;
    }
    if edge.root() != head.root {
        return Err(wrong("the signed root is not that of the entries".to_owned()));
    }
    Ok((head, files.left_over(head.size)?))
}

/// Compares a tile with what it should be.
fn compare(files: &Files, tile: Tile, expected: &[Digest]) -> Result<(), Failure> {
    let found = files.hashes(tile)?;
    if let Some(at) = found.iter().zip(expected).position(|(one, other)| one != other) {
        return Err(wrong(format!("hash {at} of {tile} is not that of what lies below it")));
    }
    narrower(files, tile, &serialize(expected))
}

/// Compares what a file was when it was less wide: the same but for the end.
fn narrower(files: &Files, tile: Tile, whole: &[u8]) -> Result<(), Failure> {
    for narrow in files.narrower(tile)? {
        let Some(found) = files.narrow(narrow)? else { continue };
        let is_whole = match narrow.is_of_entries() {
            true => weighbridge_trust::log::entries(&found, narrow.width()).is_ok(),
            false => weighbridge_trust::log::hashes(&found, narrow.width()).is_ok(),
        };
        if !is_whole || !whole.starts_with(&found) {
            return Err(wrong(format!("{narrow} is not the beginning of {tile}")));
        }
    }
    Ok(())
}

fn wrong(why: String) -> Failure {
    Failure::new(Exit::Fail, why)
}
