//! Model files: what loading them would do.

pub mod checkpoint;
pub mod known;
pub(crate) mod marshal;
pub mod npy;
pub mod pickle;
pub(crate) mod pytorch_zip;
pub mod r_data;
pub mod safetensors;
pub mod torch_legacy;
