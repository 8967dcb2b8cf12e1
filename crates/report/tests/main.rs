//! What the renderers write, whole: compared with committed files, and with the schemas of the formats.
//!
//! Set `WEIGHBRIDGE_BLESS=1` to write the committed files anew, and read the difference before committing it.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod fixture;
mod published;
mod schemas;
mod snapshots;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = Vec::new();
    trials.extend(schemas::trials());
    trials.extend(snapshots::trials());
    libtest_mimic::run(&arguments, trials).exit();
}
