//! What each command does, one file each.

mod apply;
mod compiled;
mod db;
mod explain;
mod fix;
mod hand_over;
mod import;
mod lock;
mod log;
mod mend;
mod mend_json;
mod rules;
mod scan;
mod shell;
mod signing;
mod update;
mod verify;
mod why;

use weighbridge_core::limits::Cancel;

use crate::args::{Cli, Command};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::setup::Setup;

/// Does what was typed.
pub(crate) fn run(cli: &Cli, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Scan(scan) => scan::run(&cli.global, scan, setup, printer),
        Command::Explain(explain) => explain::run(&explain.rule, printer),
        Command::Rules(rules) => rules::run(rules.format, printer),
        Command::Why(why) => why::run(&cli.global, why, setup, printer),
        Command::Fix(fix) => fix::run(&cli.global, fix, setup, printer),
        Command::Key(key) => signing::key::run(key, setup, printer),
        Command::Sign(sign) => signing::sign::run(&cli.global, sign, setup, printer),
        Command::Attest(attest) => signing::attest::run(&cli.global, attest, setup, printer),
        Command::Trust(trust) => signing::trust::run(trust, setup, printer),
        Command::Verify(verify) => signing::verify::run(verify, setup, printer),
        Command::Lock(lock) => lock::run(&cli.global, lock, setup, printer),
        Command::Log(log) => log::run(log, setup, printer),
        Command::Db(db) => db::run(&cli.global, db, setup, printer),
        Command::Completions(completions) => shell::completions(completions.shell, printer),
        Command::Man => shell::man(printer),
    }
}

/// Lets Ctrl-C end the program: politely through `cancel` where there is one, at once the second time.
fn end_on_interrupt(cancel: Option<Cancel>) -> Result<(), Failure> {
    let handler = move || match &cancel {
        Some(cancel) if !cancel.is_cancelled() => cancel.cancel(),
        _ => std::process::exit(Exit::Interrupted.code().into()),
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Failure::new(Exit::Internal, "cannot handle interrupts").because(&error))
}
