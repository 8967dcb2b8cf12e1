//! Containers of other files.

pub mod compressed;
pub mod tar;
pub mod zip;
