//! Every way in which the program can end. `docs/exit-codes.md` explains them to people.

use std::process::ExitCode;

use weighbridge_core::report::Verdict;

/// How the program ends. Among several reasons the first that applies wins: interrupted, internal, usage, nothing to
/// weigh, fail, incomplete, pass. The output format never changes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    /// Everything was read and nothing fails the policy.
    Pass = 0,
    /// The policy fails.
    Fail = 1,
    /// What was typed or configured makes no sense.
    Usage = 2,
    /// There is nothing to weigh.
    Nothing = 3,
    /// Not everything could be read, asked or brought up to date.
    Incomplete = 4,
    /// A defect of this program, or a report that could not be delivered.
    Internal = 5,
    /// The user interrupted (128 + SIGINT, as shells count).
    Interrupted = 130,
}

impl Exit {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Pass,
        Self::Fail,
        Self::Usage,
        Self::Nothing,
        Self::Incomplete,
        Self::Internal,
        Self::Interrupted,
    ];

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// For a verdict; `exit_zero` silences a failing policy and nothing else.
    pub fn of(verdict: Verdict, exit_zero: bool) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Fail if exit_zero => Self::Pass,
            Verdict::Fail => Self::Fail,
            Verdict::Incomplete => Self::Incomplete,
        }
    }

    /// What it means, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Pass => "pass: everything was read and nothing fails the policy",
            Self::Fail => "the policy fails",
            Self::Usage => "usage or configuration error",
            Self::Nothing => "nothing to weigh",
            Self::Incomplete => "incomplete: something could not be read, or the advisories are too old",
            Self::Internal => "internal error, or a report could not be written",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_zero_silences_a_failing_policy_and_nothing_else() {
        for (verdict, plain, zero) in [
            (Verdict::Pass, Exit::Pass, Exit::Pass),
            (Verdict::Fail, Exit::Fail, Exit::Pass),
            (Verdict::Incomplete, Exit::Incomplete, Exit::Incomplete),
        ] {
            assert_eq!((Exit::of(verdict, false), Exit::of(verdict, true)), (plain, zero));
        }
    }

    #[test]
    fn the_numbers_are_those_of_the_documentation() {
        assert_eq!(Exit::ALL.map(Exit::code), [0, 1, 2, 3, 4, 5, 130]);
    }
}
