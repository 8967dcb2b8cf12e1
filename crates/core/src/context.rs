//! What the world outside says to a scan: the day, the limits, what is allowed. Read once, passed in, never looked up.

use std::collections::BTreeMap;

use crate::date::Date;
use crate::limits::{Cancel, Limits};

/// Everything a scan takes from outside besides its target.
#[derive(Clone, Debug)]
pub struct Context {
    /// The day on which the report is made; ignores expire by it, advisories age by it.
    pub today: Date,
    /// The limits.
    pub limits: Limits,
    /// Asks the scan to stop.
    pub cancel: Cancel,
    /// No socket may be opened.
    pub offline: bool,
    /// The Python environment for which markers are evaluated where the target does not say.
    pub python: Python,
}

/// The Python for which environment markers are evaluated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Python {
    /// Full version, such as `3.12.4`.
    pub version: String,
    /// Values of the marker variables that do not follow from the version: `sys_platform`, `platform_machine`, …
    pub platform: BTreeMap<String, String>,
}
