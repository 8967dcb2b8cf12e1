//! Manifests, lock files and the metadata of installed distributions.
//!
//! Every reader here is strict about bounds and lenient about content: one bad line or table becomes
//! [`What::Malformed`](weighbridge_core::fact::What::Malformed) with its line, and the rest of the file is understood.
//! Shared parts come first: [`text`] (lines and characters), [`notes`] (complaints), [`origin`] (URLs, repositories,
//! paths), [`requirement`] (PEP 508), [`document`] (TOML), [`poetry`] (its version constraints), [`match_spec`] and [`conda`].

mod conda;
mod document;
mod indexes;
mod match_spec;
mod notes;
mod origin;
mod poetry;
mod requirement;
mod text;

mod bom;
mod conda_environment;
mod conda_lock;
mod conda_meta;
mod conda_package;
mod conda_spec;
mod distribution;
mod install;
mod install_notes;
mod install_script;
mod pdm_lock;
mod pip_settings;
mod pipfile;
mod pixi;
mod pixi_lock;
mod poetry_lock;
mod pth;
mod pylock;
mod pyproject;
mod pyproject_tools;
mod pyvenv;
mod record;
mod requirements;
mod requirements_lines;
mod rpm;
mod script;
mod setup_cfg;
mod setup_py;
mod system;
mod uv_lock;

#[doc(hidden)]
pub mod seeds;

pub use bom::BomReader;
pub use conda_environment::CondaEnvironmentReader;
pub use conda_lock::CondaLockReader;
pub use conda_meta::CondaMetaReader;
pub use conda_package::CondaPackageReader;
pub use conda_spec::CondaSpecReader;
pub use distribution::DistributionReader;
pub use install::InstallLinesReader;
pub use install_notes::InstallNotesReader;
pub use install_script::InstallScriptReader;
pub use pdm_lock::PdmLockReader;
pub use pip_settings::{PipSettingsReader, UvSettingsReader};
pub use pipfile::{PipfileLockReader, PipfileReader};
pub use pixi::PixiReader;
pub use pixi_lock::PixiLockReader;
pub use poetry_lock::PoetryLockReader;
pub use pth::PthReader;
pub use pylock::PylockReader;
pub use pyproject::PyprojectReader;
pub use pyvenv::PyvenvReader;
pub use record::RecordReader;
pub use requirements::{ConstraintsReader, RequirementsReader};
pub use rpm::RpmDatabaseReader;
pub(crate) use script::block as script_block;
pub use setup_cfg::SetupCfgReader;
pub use setup_py::SetupPyReader;
pub use system::{ApkReader, DpkgReader, OsReleaseReader};
pub use uv_lock::UvLockReader;

use weighbridge_core::place::Place;
use weighbridge_core::reader::Hint;

/// The folder that holds the last name of `path`, without what lies above it; empty if there is none.
fn parent_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder.rsplit('/').next().unwrap_or_default())
}

/// The folder around the entry, inside an archive if the entry lies in one.
fn folder_of(place: &Place) -> &str {
    parent_of(place.inner.last().map_or(&*place.path, |step| &**step))
}

/// Whether the entry lies among installed packages, where a manifest is somebody's data and no statement about the
/// target.
fn is_installed(hint: &Hint<'_>) -> bool {
    hint.path.split('/').any(|name| name == "site-packages" || name == "dist-packages")
}
