//! `lock verify`, `lock diff` and `lock why`: what is otherwise than it was approved, and on what ground it was.

use std::fmt::Write as _;

use weighbridge_trust::lock::Difference;
use weighbridge_trust::lock::places::HUB;

use super::place::Place;
use super::update::at_present;
use super::{LockOnDisk, Memory, Now, tell};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::lock_args::{LockLook, LockWhy};
use crate::printer::{Printer, one_line, printable};
use crate::setup::Setup;

/// Whether everything is as it was approved.
pub(super) fn verify(look: &LockLook, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    run(look, false, setup, printer)
}

/// What an update would change.
pub(super) fn diff(look: &LockLook, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    run(look, true, setup, printer)
}

fn run(look: &LockLook, is_diff: bool, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    let lock = LockOnDisk::existing(&look.file.lock)?;
    let memory = Memory::open(look.no_cache, setup)?;
    let mut text = String::new();
    let (mut differs, mut unread) = (false, false);
    for place in lock.chosen(&look.paths, setup)? {
        let Some(approval) = lock.approvals.get(&place.source) else { continue };
        let place = if is_diff { at_present(place) } else { place };
        let now = Now::look(&place, approval.signer.as_ref().map(|it| it.signature.as_str()), &memory)?;
        if memory.cancel.is_cancelled() {
            return Ok(Exit::Interrupted);
        }
        let Some(now) = now else {
            differs = true;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}  NOT AS APPROVED\n  it is not there", one_line(&place.source));
            if let Some(found) = place.revision_there().filter(|it| Some(it) != place.snapshot().as_ref()) {
                let _ = writeln!(text, "  another revision is: {found}");
            }
            continue;
        };
        let differences = now.compare(approval);
        let is_known = differences.iter().any(|it| !it.is_unread());
        differs |= is_known;
        unread |= differences.iter().any(Difference::is_unread);
        let verdict = match (differences.is_empty(), is_known) {
            (true, _) if is_diff => continue,
            (true, _) => "as approved",
            (false, true) => "NOT AS APPROVED",
            (false, false) => "could not be checked",
        };
        let _ = write!(text, "{}  {verdict}\n{}", one_line(&place.source), tell::differences(&differences));
    }
    memory.save(printer);
    let text = printable(&text);
    printer.out(|out| out.write_all(text.as_bytes()))?;
    Ok(match (differs, unread) {
        (true, _) => Exit::Fail,
        (false, true) => Exit::Incomplete,
        (false, false) => Exit::Pass,
    })
}

/// When and on what ground something was approved.
pub(super) fn why(why: &LockWhy, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    let lock = LockOnDisk::existing(&why.file.lock)?;
    let typed = why.path.to_string_lossy();
    let source = if typed.starts_with(HUB) {
        typed.split('@').next().unwrap_or_default().to_owned()
    } else {
        Place::named(&why.path, &lock.folder, setup)?.source
    };
    // The innermost of those that hold it.
    let holds = |approved: &str, files: &dyn Fn(&str) -> bool| match source.strip_prefix(approved) {
        Some("") => true,
        Some(rest) => rest.strip_prefix('/').is_some_and(files),
        None => approved == "." && files(&source),
    };
    let found = lock
        .approvals
        .values()
        .filter(|it| holds(&it.source, &|path| it.files.contains_key(path)))
        .max_by_key(|it| it.source.len());
    let approval = found.ok_or_else(|| lock.not_locked(&why.path))?;
    let text = printable(&tell::ground(approval));
    printer.out(|out| out.write_all(text.as_bytes()))?;
    Ok(Exit::Pass)
}
