//! The integration tests of the resolver and the planner: one binary, one module a subject.
//!
//! What there is to choose from is written as text; see `world`.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use libtest_mimic::{Arguments, Trial};

/// The named functions as trials, each under `MODULE::FUNCTION`.
macro_rules! trials {
    ($($test:ident),* $(,)?) => {
        vec![$(libtest_mimic::Trial::test(
            concat!(module_path!(), "::", stringify!($test)).trim_start_matches("main::"),
            || { $test(); Ok(()) },
        )),*]
    };
}

mod by_force;
mod choice;
mod conflict;
mod plans;
mod random;
mod speed;
mod world;

fn main() {
    let arguments = Arguments::from_args();
    let trials: Vec<Trial> =
        [by_force::trials(), choice::trials(), conflict::trials(), plans::trials(), speed::trials()]
            .into_iter()
            .flatten()
            .collect();
    libtest_mimic::run(&arguments, trials).exit();
}
