//! What every part of Weighbridge shares: the types, the traits, the limits and the versioned JSON.
//!
//! Nothing here does input or output, reads a clock, an environment variable or a random number. The order of the
//! modules is the order in which a scan meets them: bytes ([`source`], [`input`]), what the bytes say ([`fact`]),
//! how it hangs together ([`graph`]), what is wrong with it ([`finding`]), and what is told ([`report`]).

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail loudly"))]

pub mod cache;
pub mod context;
pub mod coverage;
pub mod date;
pub mod digest;
pub mod ecosystem;
pub mod fact;
pub mod finding;
pub mod graph;
pub mod input;
pub mod knowledge;
pub mod limits;
pub mod listing;
pub mod lock;
pub mod name;
pub mod opener;
pub mod place;
pub mod purl;
pub mod reader;
pub mod renderer;
pub mod report;
pub mod rule;
pub mod seek;
pub mod show;
pub mod sink;
pub mod source;
pub mod wire;
pub mod world;
