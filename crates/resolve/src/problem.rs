//! What is to be solved, and how it can end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use weighbridge_advisory::pep440::Version;
use weighbridge_advisory::pep508::Requirement;
use weighbridge_core::limits::Cancel;
use weighbridge_core::name::PackageName;

use crate::target::Target;

/// What is asked for, by whom, and within which bounds.
#[derive(Clone, Debug)]
pub struct Problem<'a> {
    /// What is asked for, in the order in which it is written: an installer's choice may depend on it.
    pub roots: &'a [Requirement],
    /// Versions that packages must have if something asks for them (`-c` of pip).
    pub constraints: &'a [Requirement],
    /// Versions that are taken where they fit: what is installed or locked.
    pub preferred: &'a BTreeMap<PackageName, Version>,
    /// Versions that must not be taken.
    pub forbidden: &'a BTreeMap<PackageName, BTreeSet<Version>>,
    /// For whom.
    pub target: &'a Target,
    /// Most steps of each of the two ways to a solution.
    pub most_steps: usize,
    /// Asks to stop.
    pub cancel: &'a Cancel,
}

/// A bound that is not measured: a tenth of the rounds that pip allows itself.
pub const MOST_STEPS: usize = 20_000;

/// One version for everything that is asked for.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Resolution {
    /// The versions.
    pub picks: BTreeMap<PackageName, Pick>,
    /// What the solution does not know, in the order of its kinds and names.
    pub gaps: BTreeSet<Gap>,
}

/// The version of one package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pick {
    /// The version.
    pub version: Version,
    /// Its place among the files of its listing; see [`crate::Release::file`].
    pub file: usize,
    /// The extras of it that are asked for.
    pub extras: BTreeSet<PackageName>,
    /// Who asks for it, by which requirement; no name for the project itself. Sorted, each once.
    pub asked_by: BTreeSet<(Option<PackageName>, String)>,
}

/// Something that a solution does not know.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Gap {
    /// What this package needs is known only to a program of it, which was not run: more may be needed.
    Needs {
        /// The package.
        name: PackageName,
        /// Its version.
        version: Version,
        /// Why it is not known.
        reason: String,
    },
    /// This package comes from an address, and was not looked at.
    Address {
        /// The package.
        name: PackageName,
        /// The address as the requirement has it.
        url: String,
    },
}

impl fmt::Display for Gap {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needs { name, version, reason } => {
                write!(out, "what {name} {version} needs is not known: {reason}")
            }
            Self::Address { name, .. } => write!(out, "{name} comes from an address and was not looked at"),
        }
    }
}

/// Why there is no solution.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure {
    /// No versions fit together; in plain words, a line each.
    #[error("no versions fit together:\n  {}", .0.join("\n  "))]
    Conflict(Vec<String>),
    /// Something could not be asked for.
    #[error("what there is of {name} could not be asked: {reason}")]
    Unasked {
        /// The package.
        name: PackageName,
        /// Why.
        reason: String,
    },
    /// The limit was reached before a solution or a proof was found.
    #[error("no solution within {0} steps")]
    Steps(usize),
    /// A stop was asked for.
    #[error("interrupted")]
    Cancelled,
}
