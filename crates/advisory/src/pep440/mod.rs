//! Versions and version specifiers of Python packages.
//!
//! Source: the "Version specifiers" specification of the Python packaging guide (PEP 440).

mod specifier;
mod version;

pub use specifier::{Operator, Specifier, SpecifierError, Specifiers};
pub use version::{LocalSegment, PreRelease, PreReleaseKind, Version, VersionError};
