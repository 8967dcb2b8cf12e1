//! The one owner of standard output (data) and standard error (talk). Nothing else in the program writes to either.

use std::io::{self, BufWriter, Write};

use crate::args::{Global, When};
use crate::errors::Failure;
use crate::setup::Setup;

/// Writes to the two streams.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    /// Colour on standard output.
    pub(crate) color: bool,
    /// Hyperlinks on standard output.
    pub(crate) hyperlinks: bool,
    /// A progress bar on standard error.
    pub(crate) progress: bool,
    color_err: bool,
    quiet: bool,
    verbose: bool,
}

impl Printer {
    /// As the user and the machine want it.
    pub(crate) fn new(global: &Global, setup: &Setup) -> Self {
        let environment = &setup.environment;
        let dumb = environment.text("TERM").is_some_and(|term| term == "dumb");
        let color = |terminal: bool| match global.color {
            Some(When::Always) => true,
            Some(When::Never) => false,
            // no-color.org; bixense.com/clicolors
            Some(When::Auto) | None if environment.get("NO_COLOR").is_some() => false,
            Some(When::Auto) | None => environment.flag("CLICOLOR_FORCE") || (terminal && !dumb),
        };
        Self {
            color: color(setup.out_is_terminal),
            hyperlinks: setup.out_is_terminal && !dumb && color(true),
            progress: setup.err_is_terminal
                && !dumb
                && !global.quiet
                && !global.no_progress
                && !environment.flag("CI"),
            color_err: color(setup.err_is_terminal),
            quiet: global.quiet,
            verbose: global.verbose,
        }
    }

    /// Without colour, for what must be said before the arguments are known.
    pub(crate) fn plain() -> Self {
        Self {
            color: false,
            hyperlinks: false,
            progress: false,
            color_err: false,
            quiet: false,
            verbose: false,
        }
    }

    /// Writes data to standard output. A reader who has seen enough and closed the pipe is no failure.
    pub(crate) fn out(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        match write(&mut out).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::unwritten("standard output", &error))
            }
            _ => {
                // What a closed pipe left in the buffer would be written again when the buffer is dropped.
                let _ = out.into_parts();
                Ok(())
            }
        }
    }

    /// Says something on standard error, unless asked to be quiet.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            self.line("", "", text);
        }
    }

    /// Says something for those who asked for details.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose {
            self.line("", "", text);
        }
    }

    /// Says what may be wrong.
    pub(crate) fn warn(&self, text: &str) {
        if !self.quiet {
            self.line("33", "warning: ", text);
        }
    }

    /// Says what is wrong, even to those who want quiet.
    pub(crate) fn alarm(&self, text: &str) {
        self.line("33", "warning: ", text);
    }

    /// Tells why the program fails, and the way out.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.line("31", "error: ", &failure.message);
        for cause in &failure.causes {
            self.line("", "  caused by: ", cause);
        }
        for hint in &failure.hints {
            self.line("36", "hint: ", hint);
        }
    }

    /// Writes text of our own making to standard error as it is.
    pub(crate) fn raw(&self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    fn line(&self, color: &str, label: &str, text: &str) {
        let text = printable(text);
        // Nobody could be told that telling failed.
        let _ = if self.color_err && !color.is_empty() {
            writeln!(io::stderr().lock(), "\x1b[1;{color}m{label}\x1b[0m{text}")
        } else {
            writeln!(io::stderr().lock(), "{label}{text}")
        };
    }
}

/// The text with every control character spelt out, so that a file name cannot steer the terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        // Bidirectional overrides are format characters, not controls, and reorder what a person reads.
        let reorders = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if reorders || (character.is_control() && character != '\n') {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// The same on one line: where a name stands in a line of ours, a line break in it would begin a line that we did not write.
pub(crate) fn one_line(text: &str) -> String {
    printable(text).replace('\n', "\\u{a}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global(color: Option<When>) -> Global {
        Global { color, quiet: false, verbose: false, no_progress: false, offline: false }
    }

    #[track_caller]
    fn check(color: Option<When>, pairs: &[(&str, &str)], terminal: bool, expected: bool) {
        let setup = Setup { out_is_terminal: terminal, err_is_terminal: terminal, ..Setup::for_test(pairs) };
        assert_eq!(Printer::new(&global(color), &setup).color, expected);
    }

    #[test]
    fn colour_follows_flag_then_environment_then_terminal() {
        check(None, &[], true, true);
        check(None, &[], false, false);
        check(None, &[("TERM", "dumb")], true, false);
        check(None, &[("NO_COLOR", "1")], true, false);
        check(None, &[("NO_COLOR", "")], true, true);
        check(None, &[("CLICOLOR_FORCE", "1")], false, true);
        check(None, &[("CLICOLOR_FORCE", "0")], false, false);
        check(None, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false, false);
        check(Some(When::Always), &[("NO_COLOR", "1")], false, true);
        check(Some(When::Never), &[("CLICOLOR_FORCE", "1")], true, false);
        check(Some(When::Auto), &[("NO_COLOR", "1")], true, false);
    }

    #[test]
    fn a_bar_needs_a_terminal_and_nobody_against_it() {
        let on = |pairs: &[(&str, &str)], global: &Global, terminal| {
            Printer::new(global, &Setup { err_is_terminal: terminal, ..Setup::for_test(pairs) }).progress
        };
        assert!(on(&[], &global(None), true));
        assert!(!on(&[], &global(None), false));
        assert!(!on(&[("CI", "true")], &global(None), true));
        assert!(on(&[("CI", "false")], &global(None), true));
        assert!(!on(&[("TERM", "dumb")], &global(None), true));
        assert!(!on(&[], &Global { quiet: true, ..global(None) }, true));
        assert!(!on(&[], &Global { no_progress: true, ..global(None) }, true));
    }

    #[test]
    fn text_cannot_steer_the_terminal() {
        assert_eq!(one_line("a\n\x1bb"), "a\\u{a}\\u{1b}b");
        assert_eq!(printable("a\x1b[2Jb\r\u{202e}c\td\ne"), "a\\u{1b}[2Jb\\u{d}\\u{202e}c\\u{9}d\ne");
    }
}
