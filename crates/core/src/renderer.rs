//! The one trait of everything that tells a report.

use std::io;

use crate::report::Report;

/// Tells a report in one format. Decides nothing.
pub trait Renderer: Sync {
    /// Id as on the command line, such as `sarif`.
    fn id(&self) -> &'static str;

    /// What it is for, in one line.
    fn title(&self) -> &'static str;

    /// Endings of file names that choose it, longest first, such as `.cdx.json`.
    fn suffixes(&self) -> &'static [&'static str];

    /// Writes the report.
    ///
    /// # Errors
    /// Those of the output.
    fn render(&self, report: &Report, style: &Style, output: &mut dyn io::Write) -> io::Result<()>;
}

/// How to write for a person. Machine formats ignore it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Style {
    /// Columns of the terminal.
    pub width: usize,
    /// Use ANSI colours.
    pub color: bool,
    /// Use OSC 8 hyperlinks.
    pub hyperlinks: bool,
    /// How many findings to show in full.
    pub show: Show,
    /// How long the scan took, for the summary line; none keeps the output the same from run to run.
    pub elapsed: Option<std::time::Duration>,
    /// The exit code that follows, for the last line.
    pub exit_code: u8,
    /// Where the pages of the rules lie, ending in `/`.
    pub docs: &'static str,
}

/// How many findings a report for people shows in full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Show {
    /// This many; the rest is counted.
    First(usize),
    /// Every one.
    All,
}
