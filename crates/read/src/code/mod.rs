//! Source code: what it says of the packages that it uses.

mod imports;
pub mod python;
