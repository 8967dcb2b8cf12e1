//! Who vouches for what: the lock of models that were approved, and signatures of models.

mod lock;
mod signature;

pub use lock::ModelLockReader;
pub use signature::SignatureReader;
