//! The real binary, for what only it can show: arguments, exit codes, streams, signals, files, sockets.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod arguments;
mod attest;
#[allow(dead_code, reason = "the tests of the readers need more of it")]
#[path = "../../read/tests/binary_builder.rs"]
mod binary_builder;
mod broken;
mod carried;
#[allow(dead_code, reason = "the tests of chains need more of it")]
#[path = "../../trust/tests/certificates.rs"]
mod certificates;
mod database;
mod embedded;
mod five_minutes;
mod fix;
mod hostile;
mod interrupts;
mod lock;
mod log;
mod mend;
mod policy;
mod readme;
mod remote;
mod reports;
#[allow(dead_code, reason = "the tests of the engine need more of it")]
#[path = "../../engine/tests/server.rs"]
mod server;
#[allow(dead_code, reason = "the tests of the engine need more of it")]
#[path = "../../engine/tests/shelf.rs"]
mod shelf;
mod signers;
mod signing;
mod streams;
mod support;
mod trust;

use libtest_mimic::{Arguments, Trial};

/// A test and its name.
type Test = (&'static str, fn());

fn main() {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = [
        arguments::TESTS,
        attest::TESTS,
        broken::TESTS,
        carried::TESTS,
        database::TESTS,
        embedded::TESTS,
        five_minutes::TESTS,
        fix::TESTS,
        hostile::TESTS,
        interrupts::TESTS,
        lock::TESTS,
        log::TESTS,
        mend::TESTS,
        policy::TESTS,
        readme::TESTS,
        remote::TESTS,
        signers::TESTS,
        signing::TESTS,
        streams::TESTS,
        trust::TESTS,
    ]
    .into_iter()
    .flatten()
    .map(|(name, test)| {
        Trial::test(*name, || {
            test();
            Ok(())
        })
    })
    .collect();
    trials.extend(broken::trials());
    trials.extend(embedded::trials());
    trials.extend(log::trials());
    trials.extend(reports::trials());
    trials.extend(signers::trials());
    trials.extend(signing::trials());
    // Needs `strace` and the right to trace; listed as ignored where there is none.
    let traceable = database::can_trace();
    trials.push(
        Trial::test("offline_opens_no_socket_at_all", || {
            database::offline_opens_no_socket_at_all();
            Ok(())
        })
        .with_ignored_flag(!traceable),
    );
    libtest_mimic::run(&arguments, trials).exit();
}
