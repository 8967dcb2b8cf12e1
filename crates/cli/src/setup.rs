//! What the machine says: read once when the program starts, passed on as values, so that the rest can be tested with
//! literals.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use weighbridge_core::context::System;
use weighbridge_core::date::Date;

use crate::env_vars::Environment;
use crate::system::system;

/// The machine, as far as it matters.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The environment variables.
    pub(crate) environment: Environment,
    /// The folder in which the program was started; none if it was removed meanwhile.
    pub(crate) folder: Option<PathBuf>,
    /// The day by the clock.
    pub(crate) clock: Date,
    /// The time by the clock, in nanoseconds since 1970.
    pub(crate) now: i64,
    /// Standard output is a terminal.
    pub(crate) out_is_terminal: bool,
    /// Standard error is a terminal.
    pub(crate) err_is_terminal: bool,
    /// Columns of the terminal behind standard output.
    pub(crate) columns: Option<usize>,
    /// The root of its file system.
    pub(crate) root: PathBuf,
    /// Processors that this process may use.
    pub(crate) processors: usize,
}

impl Setup {
    /// Asks the machine.
    pub(crate) fn read() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = now.as_secs();
        let size = terminal_size::terminal_size_of(std::io::stdout());
        Self {
            environment: Environment::read(),
            folder: std::env::current_dir().ok(),
            clock: Date::from_unix_seconds(i64::try_from(seconds).unwrap_or(i64::MAX)),
            now: i64::try_from(now.as_nanos()).unwrap_or(i64::MAX),
            out_is_terminal: std::io::stdout().is_terminal(),
            err_is_terminal: std::io::stderr().is_terminal(),
            columns: size.map(|(width, _)| usize::from(width.0)),
            root: PathBuf::from("/"),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// Which libraries it has. Looked at only where wheels are chosen: a C library is read for it.
    pub(crate) fn system(&self) -> Option<System> {
        system(&self.root)
    }
}

#[cfg(test)]
impl Setup {
    /// A machine without terminal and environment, on 2026-07-23.
    pub(crate) fn for_test(pairs: &[(&str, &str)]) -> Self {
        Self {
            environment: Environment::from_pairs(
                pairs.iter().map(|(name, value)| (name.into(), value.into())),
            ),
            folder: None,
            clock: Date::from_ymd(2026, 7, 23).unwrap(),
            now: 0,
            out_is_terminal: false,
            err_is_terminal: false,
            columns: None,
            root: PathBuf::from("/nowhere"),
            processors: 2,
        }
    }
}
