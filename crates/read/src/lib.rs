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
pub mod binary;
mod bytes;
pub mod code;
pub mod data;
mod events;
mod fault;
pub mod fuzz;
mod json;
pub mod model;
pub mod package;
mod protobuf;
mod tally;
mod tree;
pub mod trust;
mod ubjson;
pub mod words;
mod xml;
mod yaml;

use weighbridge_core::reader::Reader;

/// Every reader, sorted by id.
#[rustfmt::skip] // one line a reader
pub static READERS: &[&dyn Reader] = &[
    &package::ApkReader,
    &trust::AttestationsReader,
    &package::BomReader,
    &model::catboost::CatBoost,
    &model::cntk::Cntk,
    &archive::compressed::Compressed,
    &package::CondaEnvironmentReader,
    &package::CondaLockReader,
    &package::CondaMetaReader,
    &package::CondaPackageReader,
    &package::CondaSpecReader,
    &package::ConstraintsReader,
    &model::coreml::CoreMl,
    &data::dataset::Dataset,
    &package::DistributionReader,
    &package::DpkgReader,
    &model::executable::Executable,
    &model::executorch::ExecuTorch,
    &model::flax::Flax,
    &model::ggml::Ggml,
    &model::gguf::Gguf,
    &model::hdf5::Hdf5,
    &model::hub_config::HubConfig,
    &model::hub_templates::HubTemplates,
    &package::InstallLinesReader,
    &package::InstallNotesReader,
    &package::InstallScriptReader,
    &model::jinja::Jinja,
    &model::keras::KerasConfig,
    &model::tensorflow::keras_metadata::KerasMetadata,
    &model::known::Known,
    &model::lightgbm::LightGbm,
    &model::matlab::Matlab,
    &trust::ModelLockReader,
    &trust::SignatureReader,
    &model::mxnet::MxNet,
    &binary::Native,
    &model::npy::Npy,
    &model::onnx::Onnx,
    &model::openvino::OpenVino,
    &model::zarr::Orbax,
    &package::OsReleaseReader,
    &model::paddle::Paddle,
    &model::paddle::json::PaddleJson,
    &model::paddle::parameters::PaddleParameters,
    &package::PdmLockReader,
    &model::pickle::Pickle,
    &package::PipSettingsReader,
    &package::PipfileReader,
    &package::PipfileLockReader,
    &package::PixiReader,
    &package::PixiLockReader,
    &model::pmml::Pmml,
    &package::PoetryLockReader,
    &package::PthReader,
    &package::PylockReader,
    &package::PyprojectReader,
    &code::python::Python,
    &model::torch_legacy::TorchLegacy,
    &package::PyvenvReader,
    &model::r_data::RData,
    &package::RecordReader,
    &package::RequirementsReader,
    &package::RpmDatabaseReader,
    &model::safetensors::Safetensors,
    &package::SetupCfgReader,
    &package::SetupPyReader,
    &archive::sevenz::SevenZip,
    &model::skops::Skops,
    &archive::tar::Tar,
    &model::tensor_data::TensorData,
    &model::tensorflow::Tensorflow,
    &model::tensorflow::index::TensorflowIndex,
    &model::tflite::TfLite,
    &model::torch_distributed::TorchDistributed,
    &model::torch_export::TorchExport,
    &model::torch7::Torch7,
    &model::torchscript::TorchScript,
    &model::torchscript::TorchScriptMobile,
    &model::torchserve::Torchserve,
    &package::UvLockReader,
    &package::UvSettingsReader,
    &model::xgboost::XgBoost,
    &model::yaml_config::YamlConfig,
    &model::zarr::Zarr,
    &archive::zip::Zip,
];

/// The reader with this id.
pub fn reader(id: &str) -> Option<&'static dyn Reader> {
    READERS.iter().copied().find(|reader| reader.about().id == id)
}
