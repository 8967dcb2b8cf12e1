//! The integration tests of versions, requirements and advisories: one binary, one module a subject.
//!
//! Tests run under `libtest-mimic`, so that one whose input is absent on this machine is listed as skipped by its name.

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

mod index;
mod libraries;
mod markers;
mod peers;
mod random;
mod reference;
mod requirements;
mod smoke;
mod specifiers;
mod versions;

fn main() {
    let arguments = Arguments::from_args();
    let trials: Vec<Trial> = [
        index::trials(),
        libraries::trials(),
        markers::trials(),
        peers::trials(),
        reference::trials(),
        requirements::trials(),
        smoke::trials(),
        specifiers::trials(),
        versions::trials(),
    ]
    .into_iter()
    .flatten()
    .collect();
    libtest_mimic::run(&arguments, trials).exit();
}
