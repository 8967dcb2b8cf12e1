//! `weighbridge completions` and `weighbridge man`: both follow from the definition of the arguments.

use clap::CommandFactory;

use crate::args::Cli;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::Printer;

/// Prints the completions of a shell.
pub(super) fn completions(shell: clap_complete::Shell, printer: &Printer) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "weighbridge", &mut text);
    printer.out(|out| out.write_all(&text))?;
    Ok(Exit::Pass)
}

/// Prints the manual page.
pub(super) fn man(printer: &Printer) -> Result<Exit, Failure> {
    printer.out(|out| out.write_all(crate::man_page().as_bytes()))?;
    Ok(Exit::Pass)
}
