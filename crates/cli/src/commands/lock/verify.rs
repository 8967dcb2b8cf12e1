//! `lock verify`, `lock diff` and `lock why`: what is otherwise than it was approved, and on what ground it was.

use weighbridge_trust::lock::places::HUB;

use super::answer::{self, Compared, Outcome};
use super::place::Place;
use super::update::at_present;
use super::{LockOnDisk, Memory, Now, tell};
use crate::args::ListFormat;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::lock_args::{LockLook, LockWhy};
use crate::printer::{Printer, printable};
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
    let mut compared = Vec::new();
    for place in lock.chosen(&look.paths, setup)? {
        let Some(approval) = lock.approvals.get(&place.source) else { continue };
        let place = if is_diff { at_present(place) } else { place };
        let now = Now::look(&place, approval.signer.as_ref().map(|it| it.signature.as_str()), &memory)?;
        if memory.cancel.is_cancelled() {
            return Ok(Exit::Interrupted);
        }
        let revision = place.revision_there();
        let outcome = match now {
            Some(now) => Outcome::There(now.compare(approval)),
            None => Outcome::Missing(revision.clone().filter(|it| Some(it) != place.snapshot().as_ref())),
        };
        compared.push(Compared { approval, revision, outcome });
    }
    memory.save(printer);
    let exit = answer::exit(&compared);
    if look.json || look.format == ListFormat::Json {
        let answer = answer::json(look.file.lock.display().to_string(), &compared, exit);
        printer.out(|out| {
            serde_json::to_writer_pretty(&mut *out, &answer)?;
            writeln!(out)
        })?;
    } else {
        let text = printable(&answer::text(&compared, is_diff));
        printer.out(|out| out.write_all(text.as_bytes()))?;
    }
    Ok(exit)
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
