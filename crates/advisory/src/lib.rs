//! Advisories and everything needed to match them without a network.
//!
//! Read it in this order: [`pep440`] (versions and specifiers), [`pep508`] (requirements and markers), `osv`
//! (records as they arrive), `range` (which versions a record is about), [`severity`], [`advisory`] (what is kept),
//! `snapshot` (the compact file of facts inside the binary), `builder`, `index` (the questions one can ask), `group`
//! (many records, one vulnerability), [`epss`] (how likely it is to be exploited) and [`conda`] (packages under other names).
//!
//! Nothing here opens a file or a socket, and nothing knows what day it is.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

pub mod advisory;
mod builder;
pub mod conda;
pub mod epss;
mod group;
mod index;
pub mod order;
mod osv;
pub mod pep440;
pub mod pep508;
mod range;
pub mod severity;
mod snapshot;

pub use builder::Builder;
pub use index::{About, Index, Package};
pub use osv::Gap;
pub use snapshot::SnapshotError;
