//! Model files: what loading them would do.

pub mod checkpoint;
pub mod cntk;
pub mod coreml;
pub mod executable;
pub mod ggml;
pub mod gguf;
pub mod hdf5;
pub mod hub_config;
pub mod hub_templates;
pub mod jinja;
pub mod keras;
pub mod known;
pub(crate) mod marshal;
pub mod npy;
pub mod onnx;
pub(crate) mod operators;
pub mod paddle;
pub mod pickle;
pub(crate) mod pytorch_zip;
pub mod r_data;
pub mod safetensors;
pub mod tensor_data;
pub mod tensorflow;
pub mod torch_legacy;
pub mod torchserve;
pub mod yaml_config;
