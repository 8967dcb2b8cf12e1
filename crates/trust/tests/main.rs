//! Signatures of others and our own: the vectors of the shared data, and every way to break a signed model.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod attestations;
mod certificates;
mod chains;
mod conformance;
mod key_files;
mod locks;
mod log;
mod memory;
mod models;
mod packaged;
mod policy;
mod reference;
mod smoke;
mod tensors;
mod together;
mod vectors;

use libtest_mimic::{Arguments, Trial};

/// A test and its name.
type Test = (&'static str, fn());

fn main() {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = Vec::new();
    let plain = [
        attestations::TESTS,
        chains::TESTS,
        key_files::TESTS,
        locks::TESTS,
        log::TESTS,
        memory::TESTS,
        models::TESTS,
        packaged::TESTS,
        policy::TESTS,
        tensors::TESTS,
        together::TESTS,
    ];
    trials.extend(plain.into_iter().flatten().map(|(name, test)| {
        Trial::test(*name, || {
            test();
            Ok(())
        })
    }));
    trials.extend(conformance::trials());
    trials.extend(key_files::trials());
    trials.extend(packaged::trials());
    trials.extend(reference::trials());
    trials.extend(smoke::trials());
    trials.extend(vectors::trials());
    libtest_mimic::run(&arguments, trials).exit();
}
