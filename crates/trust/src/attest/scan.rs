//! The result of a scan as a predicate: the Simple Verification Result of in-toto (v0.2), with what it says beyond that in a
//! field of our own, as its parsing rules allow.

use serde_json::{Value, json};
use weighbridge_core::date::Moment;

use super::kind::Type;
use super::predicate::{At, Outcome, PredicateError, Said, resource};

/// Who verifies: the scan of this program, by the version of the meaning of its verdicts.
pub const VERIFIER: &str = "https://weighbridge.dev/scan/v1";
/// The property that holds for what passed.
const PASSED: &str = "WEIGHBRIDGE_SCAN_PASS";
/// The field of our own.
const FIELD: &str = "weighbridge_scan";

/// What a scan found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scan {
    /// When it was made, in seconds since 1970.
    pub time: i64,
    /// The verdict: pass, incomplete or fail.
    pub outcome: Outcome,
    /// The version of the program.
    pub version: String,
    /// The version of the tables by which model files are judged.
    pub tables: String,
    /// The day of the advisories.
    pub advisories: String,
    /// The severity from which a finding fails.
    pub fail_on: String,
    /// SHA-256 of the configuration that decided what counts, in hexadecimal digits, and its name; none without one.
    pub policy: Option<(String, String)>,
    /// How many findings of each severity are open.
    pub findings: Vec<(&'static str, u64)>,
    /// How many files were read, and how many places could not be.
    pub read: (u64, u64),
}

impl Scan {
    /// The predicate.
    pub fn to_predicate(&self) -> Value {
        let policies =
            self.policy.iter().map(|(name, digest)| json!({ "name": name, "digest": { "sha256": digest } }));
        let findings: serde_json::Map<String, Value> =
            self.findings.iter().map(|(severity, count)| ((*severity).to_owned(), (*count).into())).collect();
        let properties: &[&str] = if self.outcome == Outcome::Pass { &[PASSED] } else { &[] };
        json!({
            "verifier": { "id": VERIFIER, "policies": policies.collect::<Vec<_>>() },
            "timeCreated": Moment(self.time).to_string(),
            "properties": properties,
            FIELD: {
                "verdict": self.outcome.word(),
                "version": self.version,
                "tables": self.tables,
                "advisories": self.advisories,
                "failOn": self.fail_on,
                "findings": findings,
                "files": self.read.0,
                "unread": self.read.1,
            },
        })
    }
}

/// Reads a Simple Verification Result. One of another verifier has no verdict that is known here.
pub(super) fn said(of: &At<'_>) -> Result<Said, PredicateError> {
    let verifier = of.object("verifier")?;
    let id = verifier.text("id")?;
    // v0.2 asks for the list, be it empty.
    for policy in verifier.list("policies")? {
        resource(&policy)?;
    }
    let time = of.time("timeCreated")?;
    let properties = of.list("properties")?;
    if properties.iter().any(|property| !property.value.is_string()) {
        return Err(of.wrong("properties", "a list of texts"));
    }
    let passed = properties.iter().any(|property| property.value == PASSED);
    let outcome = if id == VERIFIER {
        let ours = of.object(FIELD)?;
        let outcome = match ours.text("verdict")? {
            "pass" => Outcome::Pass,
            "incomplete" => Outcome::Incomplete,
            "fail" => Outcome::Fail,
            _ => return Err(ours.wrong("verdict", "`pass`, `incomplete` or `fail`")),
        };
        if passed != (outcome == Outcome::Pass) {
            return Err(of.wrong("properties", "what the verdict beside it says"));
        }
        Some(outcome)
    } else {
        None
    };
    Ok(Said { kind: Type::Scan, time: Some(time), outcome })
}
