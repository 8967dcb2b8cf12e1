//! What leaves the process: the versioned JSON that reports, store and interfaces share.
//!
//! The inner types may change with every commit because nobody outside parses them. A version of the wire, once
//! released, only ever gains fields; what would change or take one away is a new version beside the old one.

pub mod v1;
