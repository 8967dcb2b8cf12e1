//! Containers of other files.

pub mod zip;
