//! Bytes to facts: one file a format, one line in [`READERS`].
//!
//! Readers never judge and never touch disk, network, clock or environment. They take every length and offset in a
//! file for a claim, hand entries inside to the engine as children, and report what was wrong beside what was
//! understood.

#![warn(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "hostile bytes: every index, sum and conversion is checked"
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        reason = "a test may fail loudly"
    )
)]

pub mod archive;
mod bytes;
pub mod data;
mod fault;
pub mod fuzz;
pub mod model;
pub mod package;
mod protobuf;
mod tree;
mod yaml;

use weighbridge_core::reader::Reader;

/// Every reader, sorted by id.
#[rustfmt::skip] // one line a reader
pub static READERS: &[&dyn Reader] = &[
    &model::cntk::Cntk,
    &archive::compressed::Compressed,
    &package::ConstraintsReader,
    &model::coreml::CoreMl,
    &data::dataset::Dataset,
    &package::DistributionReader,
    &model::executable::Executable,
    &model::ggml::Ggml,
    &model::gguf::Gguf,
    &model::hdf5::Hdf5,
    &model::hub_config::HubConfig,
    &model::hub_templates::HubTemplates,
    &package::InstallNotesReader,
    &model::jinja::Jinja,
    &model::keras::KerasConfig,
    &model::tensorflow::keras_metadata::KerasMetadata,
    &model::known::Known,
    &package::KnownManifestsReader,
    &model::npy::Npy,
    &model::onnx::Onnx,
    &model::paddle::Paddle,
    &model::paddle::json::PaddleJson,
    &model::paddle::parameters::PaddleParameters,
    &model::pickle::Pickle,
    &package::PoetryLockReader,
    &package::PthReader,
    &package::PylockReader,
    &package::PyprojectReader,
    &model::torch_legacy::TorchLegacy,
    &package::PyvenvReader,
    &model::r_data::RData,
    &package::RecordReader,
    &package::RequirementsReader,
    &model::safetensors::Safetensors,
    &archive::sevenz::SevenZip,
    &archive::tar::Tar,
    &model::tensor_data::TensorData,
    &model::tensorflow::Tensorflow,
    &model::tensorflow::index::TensorflowIndex,
    &model::torchserve::Torchserve,
    &package::UvLockReader,
    &model::yaml_config::YamlConfig,
    &archive::zip::Zip,
];

/// The reader with this id.
pub fn reader(id: &str) -> Option<&'static dyn Reader> {
    READERS.iter().copied().find(|reader| reader.about().id == id)
}
