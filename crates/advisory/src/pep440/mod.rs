//! Versions and version specifiers of Python packages.
//!
//! Source: the "Version specifiers" specification of the Python packaging guide (PEP 440).

mod specifier;
mod version;

pub use specifier::{Operator, Specifier, SpecifierError, Specifiers};
pub use version::{LocalSegment, PreRelease, PreReleaseKind, Version, VersionError};

/// Whether two texts are one version: equal as they are, or as versions.
pub fn is_same(one: &str, other: &str) -> bool {
    let version = |text| Version::parse(text).ok();
    one == other || version(one).is_some_and(|one| version(other) == Some(one))
}
