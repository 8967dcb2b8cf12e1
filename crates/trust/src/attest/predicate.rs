//! What the predicates of each type must hold, and what is taken from them.

use serde_json::Value;
use weighbridge_core::date::Moment;

use super::kind::Type;
use super::scan;
use crate::digests::{Algorithm, Bytes};

/// SLSA Provenance v1.
pub const SLSA: &str = "https://slsa.dev/provenance/v1";
/// Test Result v0.1 of in-toto.
const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// Simple Verification Result v0.2 of in-toto.
pub(super) const SVR: &str = "https://in-toto.io/attestation/svr/v0.2";
/// CycloneDX, and the older form of its name (in-toto attestation, predicate *CycloneDX*).
const CYCLONEDX: &str = "https://cyclonedx.org/bom";
/// SPDX 2 (in-toto attestation, predicate *SPDX*), and SPDX 3.
const SPDX: [&str; 2] = ["https://spdx.dev/Document", "https://spdx.dev/Document/v3"];

/// A predicate that is not what its type says.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PredicateError {
    /// Something that the specification of its type asks for is not there.
    #[error("`{0}` is missing in it")]
    Missing(String),
    /// Something is there and is not what the specification asks for.
    #[error("`{path}` in it is not {expected}")]
    Wrong {
        /// Where: names and positions, `.` between them.
        path: String,
        /// What it should be.
        expected: String,
    },
    /// It is of another type than the one that was named.
    #[error("it is `{found}`, and {expected} was asked for")]
    Type {
        /// The predicate type.
        found: String,
        /// What was asked for.
        expected: String,
    },
}

/// What a predicate says that rules ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Said {
    pub(super) kind: Type,
    pub(super) time: Option<i64>,
    pub(super) outcome: Option<Outcome>,
}

/// The verdict of whoever scanned or evaluated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// It passed.
    Pass,
    /// It passed, with warnings.
    Warned,
    /// Not all could be looked at.
    Incomplete,
    /// It failed.
    Fail,
}

impl Outcome {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warned => "warned",
            Self::Incomplete => "incomplete",
            Self::Fail => "fail",
        }
    }
}

type Checked<T> = Result<T, PredicateError>;

/// The predicate type of what somebody wants to attest, after everything that its specification asks for was found in it.
/// `typed` is the predicate type that he named, for [`Type::Custom`].
///
/// # Errors
/// What is missing or wrong, and where.
pub fn check(kind: Type, typed: Option<&str>, predicate: &Value) -> Checked<String> {
    let type_of = |fixed: &str| Ok(fixed.to_owned());
    let predicate_type = match kind {
        Type::Slsa | Type::Train | Type::Dataset => type_of(SLSA),
        Type::Eval => type_of(TEST_RESULT),
        Type::Scan => type_of(SVR),
        Type::Sbom if predicate.get("bomFormat").is_some() => type_of(CYCLONEDX),
        Type::Sbom if predicate.get("@graph").is_some() => type_of(SPDX[1]),
        Type::Sbom if predicate.get("spdxVersion").is_some() => type_of(SPDX[0]),
        Type::Sbom => Err(PredicateError::Missing("bomFormat` or `spdxVersion".to_owned())),
        Type::Custom => type_of(typed.unwrap_or_default()),
    }?;
    let said = said(&predicate_type, predicate)?;
    if !said.kind.is(kind) {
        let path = match kind {
            Type::Train | Type::Dataset => "buildDefinition.buildType",
            _ => {
                return Err(PredicateError::Type { found: predicate_type, expected: kind.word().to_owned() });
            }
        };
        let known: Vec<String> = kind.build_types().iter().map(|it| format!("`{it}`")).collect();
        let expected = if known.len() > 1 { format!("one of {}", known.join(", ")) } else { known.join("") };
        return Err(PredicateError::Wrong { path: path.to_owned(), expected });
    }
    Ok(predicate_type)
}

/// Reads a predicate by its type.
pub(super) fn said(predicate_type: &str, predicate: &Value) -> Checked<Said> {
    let of = At { path: String::new(), value: predicate };
    match predicate_type {
        SLSA => provenance(&of),
        TEST_RESULT => test_result(&of),
        SVR => scan::said(&of),
        SPDX_2 | SPDX_3 => spdx(&of),
        other if other == CYCLONEDX || is_versioned(other) => cyclonedx(&of),
        _ => Ok(Said { kind: Type::Custom, time: None, outcome: None }),
    }
}

const SPDX_2: &str = SPDX[0];
const SPDX_3: &str = SPDX[1];

/// `https://cyclonedx.org/bom/v1.5`, as some write it.
fn is_versioned(predicate_type: &str) -> bool {
    predicate_type.strip_prefix(CYCLONEDX).is_some_and(|rest| rest.starts_with("/v"))
}

/// SLSA Provenance v1, *Fields*.
fn provenance(of: &At<'_>) -> Checked<Said> {
    let definition = of.object("buildDefinition")?;
    let build = definition.text("buildType")?;
    let kind = Type::of_build(build);
    definition.object("externalParameters")?;
    let materials = definition.list_if("resolvedDependencies")?;
    for material in &materials {
        resource(material)?;
    }
    // What a model was made from is all that such a claim is for.
    if kind != Type::Slsa {
        if materials.is_empty() {
            return Err(PredicateError::Missing(definition.below("resolvedDependencies")));
        }
        for material in &materials {
            material.object("digest")?;
        }
    }
    let details = of.object("runDetails")?;
    details.object("builder")?.text("id")?;
    let metadata = details.object_if("metadata")?;
    let time = metadata.map(|metadata| metadata.time_if("finishedOn")).transpose()?.flatten();
    Ok(Said { kind, time, outcome: None })
}

/// Test Result v0.1, *Fields*.
fn test_result(of: &At<'_>) -> Checked<Said> {
    let outcome = match of.text("result")? {
        "PASSED" => Outcome::Pass,
        "WARNED" => Outcome::Warned,
        "FAILED" => Outcome::Fail,
        _ => return Err(of.wrong("result", "`PASSED`, `WARNED` or `FAILED`")),
    };
    for configuration in of.list("configuration")? {
        resource(&configuration)?;
    }
    for key in ["passedTests", "warnedTests", "failedTests"] {
        if of.list_if(key)?.iter().any(|name| !name.value.is_string()) {
            return Err(of.wrong(key, "a list of names"));
        }
    }
    Ok(Said { kind: Type::Eval, time: None, outcome: Some(outcome) })
}

/// CycloneDX 1.x, the root of a BOM.
fn cyclonedx(of: &At<'_>) -> Checked<Said> {
    if of.text("bomFormat")? != "CycloneDX" {
        return Err(of.wrong("bomFormat", "`CycloneDX`"));
    }
    let version = of.text("specVersion")?;
    let minor = version.strip_prefix("1.").and_then(|minor| minor.parse::<u8>().ok());
    if minor.is_none() {
        return Err(of.wrong("specVersion", "`1.x`"));
    }
    let metadata = of.object_if("metadata")?;
    let time = metadata.map(|metadata| metadata.time_if("timestamp")).transpose()?.flatten();
    Ok(Said { kind: Type::Sbom, time, outcome: None })
}

/// SPDX 2.3, section 6 (*Document creation information*); of SPDX 3 the outer form.
fn spdx(of: &At<'_>) -> Checked<Said> {
    if of.value.get("@graph").is_some() {
        of.need("@context")?;
        of.list("@graph")?;
        return Ok(Said { kind: Type::Sbom, time: None, outcome: None });
    }
    for key in ["spdxVersion", "SPDXID", "name", "documentNamespace", "dataLicense"] {
        of.text(key)?;
    }
    let creation = of.object("creationInfo")?;
    creation.list("creators")?;
    let time = creation.time_if("created")?;
    Ok(Said { kind: Type::Sbom, time, outcome: None })
}

/// Resource Descriptor v1: at least one of three, so that it says what it means.
pub(super) fn resource(of: &At<'_>) -> Checked<()> {
    let is_one = ["uri", "digest", "content"].iter().any(|key| of.value.get(key).is_some());
    if !is_one {
        return Err(PredicateError::Missing(of.below("digest` or `uri")));
    }
    if let Some(digest) = of.object_if("digest")? {
        let sha256 = digest.value.get("sha256").map(Value::as_str);
        let is_one = |text: &str| Bytes::of_text(text, Algorithm::Sha256.length()).is_some();
        if sha256.is_some_and(|text| !text.is_some_and(is_one)) {
            return Err(digest.wrong("sha256", "64 hexadecimal digits in lower case"));
        }
    }
    Ok(())
}

/// A value and where it stands.
pub(super) struct At<'a> {
    pub(super) path: String,
    pub(super) value: &'a Value,
}

impl<'a> At<'a> {
    pub(super) fn below(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn wrong(&self, key: &str, expected: &str) -> PredicateError {
        PredicateError::Wrong { path: self.below(key), expected: expected.to_owned() }
    }

    fn need(&self, key: &str) -> Checked<At<'a>> {
        let value = self.value.get(key).filter(|value| !value.is_null());
        let value = value.ok_or_else(|| PredicateError::Missing(self.below(key)))?;
        Ok(At { path: self.below(key), value })
    }

    pub(super) fn text(&self, key: &str) -> Checked<&'a str> {
        let text = self.need(key)?.value.as_str().filter(|text| !text.is_empty());
        text.ok_or_else(|| self.wrong(key, "a text"))
    }

    pub(super) fn object(&self, key: &str) -> Checked<At<'a>> {
        let found = self.need(key)?;
        if found.value.is_object() { Ok(found) } else { Err(self.wrong(key, "an object")) }
    }

    pub(super) fn object_if(&self, key: &str) -> Checked<Option<At<'a>>> {
        match self.value.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.object(key).map(Some),
        }
    }

    pub(super) fn list(&self, key: &str) -> Checked<Vec<At<'a>>> {
        let found = self.need(key)?;
        let items = found.value.as_array().ok_or_else(|| self.wrong(key, "a list"))?;
        let item = |(at, value)| At { path: format!("{}[{at}]", found.path), value };
        Ok(items.iter().enumerate().map(item).collect())
    }

    fn list_if(&self, key: &str) -> Checked<Vec<At<'a>>> {
        match self.value.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(_) => self.list(key),
        }
    }

    pub(super) fn time(&self, key: &str) -> Checked<i64> {
        let moment: Result<Moment, _> = self.text(key)?.parse();
        moment.map(|moment| moment.0).map_err(|_| self.wrong(key, "a time of the form 2026-01-31T12:00:00Z"))
    }

    fn time_if(&self, key: &str) -> Checked<Option<i64>> {
        match self.value.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.time(key).map(Some),
        }
    }
}
