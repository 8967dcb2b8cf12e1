//! The graph and the facts to findings: one rule, one file, one page, one line in [`CHECKS`].
//!
//! Checks are pure: no input or output, no clock. `safety` decides what loading a model file would mean, `policy`
//! which findings count.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail loudly"))]

mod names;
pub mod policy;
pub mod rules;
pub mod safety;

use weighbridge_core::rule::Rule;
use weighbridge_core::world::Check;

/// Every check, sorted by the id of its first rule.
pub static CHECKS: &[&dyn Check] = &[
    &rules::a001_misnamed_file::MisnamedFile,
    &rules::a002_malformed_file::MalformedFile,
    &rules::a003_altered_download::AlteredDownload,
    &rules::d001_known_vulnerability::KnownVulnerability,
    &rules::d002_malicious_package::MaliciousPackage,
    &rules::d003_altered_installed_file::AlteredInstalledFile,
    &rules::d004_unrecorded_installed_file::UnrecordedInstalledFile,
    &rules::d005_start_up_code::StartUpCode,
    &rules::d006_mutable_origin::MutableOrigin,
    &rules::d007_unassessable_requirement::UnassessableRequirement,
    &rules::d008_disagreeing_versions::DisagreeingVersions,
    &rules::d009_install_time_code::InstallTimeCode,
    &rules::d010_look_alike_name::LookAlikeName,
    &rules::d011_dependency_confusion::DependencyConfusion,
    &rules::d012_unknown_name::UnknownName,
    &rules::d013_withdrawn_package::WithdrawnPackage,
    &rules::d014_altered_package_file::AlteredPackageFile,
    &rules::g001_dangerous_graph::DangerousGraph,
    &rules::g002_untrusted_graph::UntrustedGraph,
    &rules::k001_dangerous_keras_model::DangerousKeras,
    &rules::k002_untrusted_keras_model::UntrustedKeras,
    &rules::n001_vulnerable_library::VulnerableLibrary,
    &rules::p001_dangerous_model_file::Dangerous,
    &rules::p002_untrusted_model_file::Untrusted,
    &rules::s001_unsigned_model::UnsignedModel,
    &rules::s002_altered_locked_file::AlteredLockedFile,
    &rules::s003_unlocked_file::UnlockedFile,
    &rules::s004_changed_signer::ChangedSigner,
    &rules::s005_lost_signature::LostSignature,
    &rules::s006_moved_revision::MovedRevision,
    &rules::s007_altered_signed_model::AlteredSignedModel,
    &rules::s008_malformed_lock::MalformedLock,
    &rules::s009_attested_other_bytes::AttestedOtherBytes,
    &rules::s010_downgraded_model::DowngradedModel,
    &rules::s011_altered_signed_tensors::AlteredSignedTensors,
];

/// Every rule, sorted by id.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    CHECKS.iter().flat_map(|check| check.rules().iter().copied())
}
