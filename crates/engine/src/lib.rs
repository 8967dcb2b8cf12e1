//! The flow: open, read, join, enrich, check, gate. Nothing looks back.
//!
//! [`flow::scan_with`] is the whole of it, [`read::read`] the part from bytes to facts, [`conclude::conclude`] the part
//! from the graph to the report.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail loudly"))]

mod choose;
mod codec;
pub mod conclude;
pub mod enrich;
mod exclude;
pub mod fix;
pub mod flow;
pub mod join;
mod keep;
pub mod mend;
pub mod progress;
pub mod read;
mod record;
mod standing;
mod unpack;
mod weigh;
mod work;
