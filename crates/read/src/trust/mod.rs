//! Who vouches for what: the lock of models that were approved, signatures of models, and what is attested of them.

mod attestations;
mod lock;
mod signature;

pub use attestations::AttestationsReader;
pub use lock::ModelLockReader;
pub use signature::SignatureReader;
