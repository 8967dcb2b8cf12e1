//! The command line in two halves: [`args`] is what was typed, `settings` is what is meant, and everything behind it
//! sees only that.
//!
//! One file each: how the program ends ([`exit`]), what every error says (`errors`), who writes to the two output
//! streams (`printer`), which environment variables there are ([`env_vars`]), what a command does (`commands`).

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail loudly"))]

mod advisories;
pub mod args;
mod at_hand;
mod commands;
mod config;
pub mod env_vars;
mod errors;
pub mod exit;
pub mod lock_args;
pub mod log_args;
mod outputs;
mod packages;
mod printer;
mod progress;
mod settings;
mod setup;
pub mod signing_args;
mod system;
pub mod trust_args;

use std::panic;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::CommandFactory;
use clap::error::ErrorKind;

use crate::args::Cli;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::setup::Setup;

/// What the last panic said. The engine catches a panicking reader and reports it; only a panic that nobody catches is
/// told to the user.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    panic::set_hook(Box::new(|info| {
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(info.to_string());
    }));
    let ended = panic::catch_unwind(run);
    let exit = ended.unwrap_or_else(|_| {
        let message = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
        Printer::plain().failure(&Failure::defect(message.unwrap_or_default()));
        Exit::Internal
    });
    exit.into()
}

/// The manual page in roff.
pub fn man_page() -> String {
    let mut page = Vec::new();
    // Writing into memory cannot fail.
    let _ = clap_mangen::Man::new(Cli::command()).render(&mut page);
    String::from_utf8_lossy(&page).into_owned()
}

/// The help of every command: what is typed for it, and the long text.
pub fn help_pages() -> Vec<(String, String)> {
    let mut program = Cli::command().term_width(100);
    program.build();
    let mut pages = Vec::new();
    collect_help(&program, &mut pages);
    pages
}

fn collect_help(command: &clap::Command, pages: &mut Vec<(String, String)>) {
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    pages.push((name, command.clone().render_long_help().to_string()));
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        collect_help(inner, pages);
    }
}

fn run() -> Exit {
    let setup = Setup::read();
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return explain_usage(&error),
    };
    let printer = Printer::new(&cli.global, &setup);
    for name in &setup.environment.unknown {
        printer.warn(&format!("`{name}` is no variable of Weighbridge and has no effect"));
    }
    match commands::run(&cli, &setup, &printer) {
        Ok(exit) => exit,
        Err(failure) => {
            printer.failure(&failure);
            failure.exit
        }
    }
}

/// Tells what clap has to say. Help and version are what was asked for and go to standard output.
fn explain_usage(error: &clap::Error) -> Exit {
    let printer = Printer::plain();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            match printer.out(|out| write!(out, "{}", error.render())) {
                Ok(()) => Exit::Pass,
                Err(failure) => {
                    printer.failure(&failure);
                    failure.exit
                }
            }
        }
        _ => {
            printer.raw(&error.render().to_string());
            Exit::Usage
        }
    }
}
