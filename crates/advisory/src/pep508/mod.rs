//! Requirements (`torch[gpu]>=2; python_version < "3.13"`) and the environment markers in them.
//!
//! Source: the "Dependency specifiers" specification of the Python packaging guide (PEP 508), with the membership
//! tests on `extras` and `dependency_groups` that lock files add (PEP 751). Parsing is lenient where installed
//! metadata is: version lists in parentheses, trailing commas, missing white space.

mod marker;
mod requirement;
mod scanner;

pub use marker::{Active, Marker, MarkerEnvironment};
pub use requirement::{Requirement, RequirementError};
