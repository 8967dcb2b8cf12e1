//! Who is asked what there is to choose from.

use std::sync::Arc;

use weighbridge_advisory::pep440::{Specifiers, Version};
use weighbridge_advisory::pep508::Requirement;
use weighbridge_core::name::PackageName;

use crate::listing::Listing;

/// What there is to choose from: an index, a cache of one, or a table in a test.
///
/// The same question gets the same answer for as long as one problem is being solved.
pub trait Packages {
    /// The releases of a package. A package that nobody knows has none.
    ///
    /// # Errors
    /// Why that is not known.
    fn listing(&self, name: &PackageName) -> Result<Arc<Listing>, Unknown>;

    /// What a release needs; asked only for releases that were listed.
    ///
    /// # Errors
    /// Why that is not known.
    fn needs(&self, name: &PackageName, version: &Version) -> Result<Arc<Needs>, Unknown>;

    /// These packages will probably be asked for soon.
    fn ahead(&self, _names: &[&PackageName]) {}
}

/// What a release needs.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Needs {
    /// Its requirements, with markers, those of its extras too.
    pub requirements: Vec<Requirement>,
    /// The versions of Python with which it works.
    pub requires_python: Specifiers,
}

/// Why something is not known.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unknown {
    /// Only a program of the package could say it, and that is not run. Whoever meets this goes on without.
    #[error("{0}")]
    Computed(String),
    /// It was not possible to ask. Whoever meets this stops: any answer could be wrong.
    #[error("{0}")]
    Unasked(String),
}
