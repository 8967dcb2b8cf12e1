//! What the engine does with targets that nobody would call well behaved.
//!
//! A test that the machine does not allow (a device file without the right to make one) is listed as ignored, with
//! the reason in its name; it never passes in silence.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod bombs;
mod child;
mod choose;
mod codecs;
mod conda;
mod corpus;
mod environment;
mod environments;
mod follow;
mod hostile;
#[cfg(unix)]
mod hub_cache;
mod index;
mod inside;
mod locks;
mod open;
mod real;
mod remote;
mod rules;
mod same;
mod scan;
mod server;
mod shelf;
mod signed_tensors;
mod suite;
mod support;
mod traps;
mod verdict;
mod wheels;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    // Some tests look at a process of their own: see `child`.
    if let Some(code) = child::run() {
        return code;
    }
    // Readers here panic on purpose; what fails a test is told by the test runner.
    std::panic::set_hook(Box::new(|_| {}));
    let tests: Vec<Trial> = [
        bombs::tests(),
        choose::tests(),
        codecs::tests(),
        conda::tests(),
        corpus::tests(),
        environment::tests(),
        environments::tests(),
        follow::tests(),
        hostile::tests(),
        #[cfg(unix)]
        hub_cache::tests(),
        index::tests(),
        inside::tests(),
        locks::tests(),
        open::tests(),
        real::tests(),
        remote::tests(),
        rules::tests(),
        same::tests(),
        scan::tests(),
        signed_tensors::tests(),
        suite::tests(),
        traps::tests(),
        verdict::tests(),
        wheels::tests(),
    ]
    .into_iter()
    .flatten()
    .collect();
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}
