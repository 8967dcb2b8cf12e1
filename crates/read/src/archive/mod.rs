//! Containers of other files.

pub mod compressed;
pub mod zip;
