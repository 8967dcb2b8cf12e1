//! Who vouches for what: signatures of models, the keys and certificates behind them, and what they say.
//!
//! Nothing here opens a file or a socket, or asks for the time: files come in as a [`Listing`], keys and bundles as texts,
//! and the time as a number. Only a new key asks the system for random numbers. Read in this order: a [`bundle`] holds an
//! envelope ([`dsse`]) and who made it; the envelope holds a statement ([`statement`]); that of a model lists its files
//! ([`oms`]) or its tensors ([`tensors`]), or says something else about them ([`attest`]). Who may vouch for which model, a
//! [`policy`] says; that a signature was made known, a [`log`] proves.
//!
//! [`Listing`]: weighbridge_core::listing::Listing

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail loudly"))]

pub mod attest;
pub mod bundle;
pub mod chain;
pub mod digests;
pub mod dsse;
pub mod fuzz;
pub mod keyless;
pub mod keys;
pub mod lock;
pub mod log;
pub mod oms;
pub mod policy;
pub mod statement;
pub mod tensors;

pub use keys::{Curve, KeyError, PrivateKey, PublicKey, Sha2};
