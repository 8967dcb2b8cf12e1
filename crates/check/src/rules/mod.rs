//! The rules, one file each.

mod dependency;
#[cfg(test)]
mod dependency_world;

pub mod a001_misnamed_file;
pub mod a002_malformed_file;
pub mod a003_altered_download;
pub mod d001_known_vulnerability;
pub mod d002_malicious_package;
pub mod d003_altered_installed_file;
pub mod d004_unrecorded_installed_file;
pub mod d005_start_up_code;
pub mod d006_mutable_origin;
pub mod d007_unassessable_requirement;
pub mod d008_disagreeing_versions;
pub mod d009_install_time_code;
pub mod d010_look_alike_name;
pub mod d011_dependency_confusion;
pub mod d012_unknown_name;
pub mod d013_withdrawn_package;
pub mod d014_altered_package_file;
pub mod g001_dangerous_graph;
pub mod g002_untrusted_graph;
mod imported;
pub mod k001_dangerous_keras_model;
pub mod k002_untrusted_keras_model;
mod locked;
mod model_family;
pub mod n001_vulnerable_library;
pub mod p001_dangerous_model_file;
pub mod p002_untrusted_model_file;
mod providers;
pub mod s001_unsigned_model;
pub mod s002_altered_locked_file;
pub mod s003_unlocked_file;
pub mod s004_changed_signer;
pub mod s005_lost_signature;
pub mod s006_moved_revision;
pub mod s007_altered_signed_model;
pub mod s008_malformed_lock;
pub mod s009_attested_other_bytes;
pub mod s010_downgraded_model;
pub mod s011_altered_signed_tensors;
