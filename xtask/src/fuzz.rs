//! The verdict and the pickle machine against CPython, for as long as one likes: round after round of random streams,
//! each round from another seed.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Streams of a round.
const STREAMS: u32 = 50_000;

/// The test of the verdict.
const TEST: &str = "verdict::what_is_harmless_fires_no_event";

/// Runs rounds until the minutes are over; a round that has begun is finished.
///
/// # Errors
/// When a stream fires an event that was judged harmless; the output of the test says which.
pub(crate) fn run(root: &Path, minutes: Option<&str>) -> anyhow::Result<()> {
    let minutes: u64 = minutes.unwrap_or("60").parse().context("the minutes are no number")?;
    let (started, limit) = (Instant::now(), Duration::from_secs(minutes.saturating_mul(60)));
    let mut round = 0u32;
    while started.elapsed() < limit {
        round += 1;
        let status = Command::new("cargo")
            .args([
                "test",
                "--quiet",
                "--package",
                "weighbridge-engine",
                "--test",
                "main",
                "--",
                "--exact",
                TEST,
            ])
            .env("WEIGHBRIDGE_TEST_STREAMS", STREAMS.to_string())
            .env("WEIGHBRIDGE_TEST_SEED", round.to_string())
            .current_dir(root)
            .status()?;
        if !status.success() {
            bail!("round {round}: a stream does what its verdict does not say");
        }
    }
    let (streams, minutes) = (u64::from(round) * u64::from(STREAMS), started.elapsed().as_secs() / 60);
    writeln!(
        io::stdout(),
        "{streams} streams in {minutes} minutes, {round} seeds: what was judged harmless fired no event"
    )?;
    Ok(())
}
