//! `lock update`: tells what has changed, scans it anew and writes it down.

use weighbridge_core::lock::Approval;
use weighbridge_trust::lock::{self, Difference};

use super::add::{self, Judging, Typed};
use super::place::{Lies, Place};
use super::{LockOnDisk, Memory, Now, Signed, tell};
use crate::args::Global;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::lock_args::LockUpdate;
use crate::printer::{Printer, one_line, printable};
use crate::settings;
use crate::setup::Setup;

pub(super) fn run(
    global: &Global,
    update: &LockUpdate,
    setup: &Setup,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let mut on_disk = LockOnDisk::existing(&update.file.lock)?;
    let typed = Typed::of(&update.ground)?;
    let memory = Memory::open(update.ground.no_cache, setup)?;
    let today = settings::context(global, setup)?.today;
    let judging = Judging { global, ground: &update.ground, setup, printer };
    let mut changed = false;
    for place in on_disk.chosen(&update.paths, setup)? {
        let Some(old) = on_disk.approvals.get(&place.source).cloned() else { continue };
        let place = at_present(place);
        let now = Now::look(&place, old.signer.as_ref().map(|it| it.signature.as_str()), &memory)?;
        if memory.cancel.is_cancelled() {
            return Ok(Exit::Interrupted);
        }
        let now = now.ok_or_else(|| {
            Failure::new(Exit::Fail, format!("`{}` is not there any more", place.source))
                .hint("take its entry out of the lock if that is meant")
        })?;
        memory.save(printer);
        let differences = now.compare(&old);
        let is_signed = matches!(now.signature, Signed::Signature(..));
        let nothing = Typed::default();
        let typed = if is_signed { &typed } else { &nothing };
        let has_new_key = typed.key.is_some() && old.signer.as_ref().is_none_or(|it| it.key.is_none());
        let has_new_roots =
            typed.roots.is_some() && old.signer.as_ref().is_none_or(|it| it.roots != typed.roots);
        if differences.is_empty() && !has_new_key && !has_new_roots {
            continue;
        }
        let told = printable(&format!("{}\n{}", one_line(&place.source), tell::differences(&differences)));
        printer.out(|out| out.write_all(told.as_bytes()))?;
        let files = now.pins(&place)?;
        let is_of_signer = |it: &&Difference| {
            matches!(
                it,
                Difference::SignerChanged { .. } | Difference::SignatureLost(_) | Difference::NotHolding(_)
            )
        };
        if differences.iter().any(|it| is_of_signer(&it)) && !update.ground.force {
            return Err(Failure::new(
                Exit::Fail,
                format!("`{}` is not signed by who signed it", place.source),
            )
            .hint("ask him; `--force --reason TEXT` approves it all the same"));
        }
        let downgrade = differences.iter().find_map(|it| match it {
            Difference::Downgraded(until) => Some(until),
            _ => None,
        });
        if let Some(until) = downgrade.filter(|_| !update.ground.force) {
            return Err(Failure::new(
                Exit::Fail,
                format!("`{}` is what was replaced on {until}", place.source),
            )
            .hint("`--force --reason TEXT` goes back to it all the same"));
        }
        let force = update.ground.force;
        let signer = add::signer(&place, &now, typed, old.signer.as_ref(), today, force, printer)?;
        if signer.is_none() && old.signature_required {
            return Err(Failure::new(Exit::Fail, format!("`{}` is not signed", place.source))
                .hint("the lock demands it: `signature-required`"));
        }
        let (scan, _) = judging.judge(&place, &memory)?;
        let approval = Approval {
            revision: add::revision(&place),
            approved: scan.date,
            reason: update.ground.reason.clone().or(old.reason.clone()),
            signer,
            scan: Some(scan),
            files,
            ..old.clone()
        };
        let today = approval.approved;
        let approval = lock::supersede(old, approval, today);
        add::announce(&approval, printer);
        on_disk.approvals.insert(place.source, approval);
        changed = true;
    }
    if changed {
        on_disk.save()?;
    } else {
        printer.say("everything is as it was approved");
    }
    Ok(Exit::Pass)
}

/// The place with the revision that a loader would take now.
pub(super) fn at_present(place: Place) -> Place {
    let present = place.revision_there();
    match (&place.lies, present) {
        (Lies::Hub(folder), Some(commit)) => {
            let path = folder.join("snapshots").join(commit);
            Place { path, ..place }
        }
        _ => place,
    }
}
