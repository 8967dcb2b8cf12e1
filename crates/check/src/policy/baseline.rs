//! Findings of an earlier report, which do not count again.

use std::collections::BTreeSet;

use serde::Deserialize;
use weighbridge_core::finding::{Fingerprint, Status};

/// Why a file is no baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is no JSON, or not the JSON of a report.
    #[error("not a Weighbridge report in JSON")]
    Json(#[from] serde_json::Error),
    /// It is the JSON of something else, or of a version that this one does not know.
    #[error("`{0}` is not the schema of a Weighbridge report; a baseline is made with `--format json`")]
    Schema(String),
}

/// The findings of a report in JSON, of any version of the wire.
///
/// Those that were ignored, or did not matter by a VEX document, are left out: they wait for their ignore to expire or for
/// a later statement, and a baseline must not outlive it.
///
/// # Errors
/// When the text is no report.
pub fn baseline_from_json(text: &str) -> Result<BTreeSet<Fingerprint>, BaselineError> {
    // What every version of the wire has; all else may change.
    #[derive(Deserialize)]
    struct Report {
        schema: String,
        findings: Vec<Finding>,
    }
    #[derive(Deserialize)]
    struct Finding {
        fingerprint: String,
        status: String,
    }
    let report: Report = serde_json::from_str(text.trim_start_matches('\u{feff}'))?;
    if !report.schema.starts_with("weighbridge.report/") {
        return Err(BaselineError::Schema(report.schema));
    }
    let decided = [
        Status::Ignored { reason: String::new(), until: None },
        Status::NotAffected { reason: String::new() },
    ];
    let is_decided = |finding: &&Finding| decided.iter().any(|status| finding.status == status.as_str());
    let counted = report.findings.iter().filter(|finding| !is_decided(finding));
    Ok(counted.map(|finding| Fingerprint::from_text(&finding.fingerprint)).collect())
}
