//! The integration tests of the readers: one binary, one module a subject.
//!
//! Tests run under `libtest-mimic`, so that one whose input is absent on this machine is listed as skipped by its
//! name. A module offers `trials()`; its tests are plain functions collected with [`trials!`].

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use libtest_mimic::{Arguments, Trial};

/// The named functions as trials, each under `MODULE::FUNCTION`.
macro_rules! trials {
    ($($test:ident),* $(,)?) => {
        vec![$(libtest_mimic::Trial::test(
            concat!(module_path!(), "::", stringify!($test)).trim_start_matches("main::"),
            || { $test(); Ok(()) },
        )),*]
    };
}

mod binary;
mod binary_builder;
mod boosting;
mod compressed;
mod configuration;
mod executable;
mod flatbuffer_builder;
mod gguf;
mod gguf_builder;
mod hdf5;
mod hdf5_builder;
mod jinja;
mod keras;
mod known;
mod npy;
mod onnx;
mod onnx_builder;
mod package_bom;
mod package_bombs;
mod package_conda;
mod package_corpus;
mod package_facts;
mod package_hostile;
mod package_install;
mod package_installed;
mod package_locks;
mod package_pipenv;
mod package_pyproject;
mod package_requirements;
mod package_rpm;
mod package_settings;
mod package_setup;
mod package_system;
mod pickle_assembler;
mod pickle_claims;
mod pickle_differential;
mod pickle_effects;
mod pickle_hostile;
mod pickle_streams;
mod protobuf;
mod protobuf_formats;
mod protobuf_models;
mod r_data;
mod read;
mod rpm_builder;
mod safetensors;
mod sevenz;
mod sevenz_builder;
mod signature;
mod skops;
mod small_builders;
mod small_formats;
mod smoke;
mod tar;
mod tensorflow;
mod tensorflow_builder;
mod tflite;
mod zip;
mod zip_builder;

fn main() {
    let arguments = Arguments::from_args();
    let trials: Vec<Trial> = [
        binary::trials(),
        boosting::trials(),
        compressed::trials(),
        configuration::trials(),
        executable::trials(),
        gguf::trials(),
        hdf5::trials(),
        jinja::trials(),
        keras::trials(),
        known::trials(),
        npy::trials(),
        onnx::trials(),
        package_bom::trials(),
        package_bombs::trials(),
        package_conda::trials(),
        package_corpus::trials(),
        package_hostile::trials(),
        package_install::trials(),
        package_installed::trials(),
        package_locks::trials(),
        package_pipenv::trials(),
        package_pyproject::trials(),
        package_requirements::trials(),
        package_rpm::trials(),
        package_system::trials(),
        package_settings::trials(),
        package_setup::trials(),
        pickle_claims::trials(),
        pickle_differential::trials(),
        pickle_effects::trials(),
        pickle_hostile::trials(),
        pickle_streams::trials(),
        protobuf_formats::trials(),
        r_data::trials(),
        safetensors::trials(),
        sevenz::trials(),
        signature::trials(),
        skops::trials(),
        small_formats::trials(),
        smoke::trials(),
        tar::trials(),
        tensorflow::trials(),
        tflite::trials(),
        zip::trials(),
    ]
    .into_iter()
    .flatten()
    .collect();
    libtest_mimic::run(&arguments, trials).exit();
}
