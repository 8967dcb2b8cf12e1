//! Containers of other files.

pub mod compressed;
pub mod sevenz;
pub mod tar;
pub mod zip;
