//! Attestations of Python packages (PEP 740): the same statements and signatures as a Sigstore bundle, in a form of their own.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::bundle::MEDIA_TYPE;
use crate::dsse::IN_TOTO;

/// How the predicate types end of what a publisher attests when he uploads a file; each index begins its own with an address of its
/// documentation.
const PUBLISH: &str = "/attestations/publish/v1";
/// Largest file that is read, in bytes.
pub const LARGEST: usize = 4 << 20;
/// Most attestations in one file.
pub const MOST: usize = 64;

/// A file that holds no attestations of a package.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Pep740Error {
    /// Not the JSON that it should be.
    #[error("the attestation is malformed: {0}")]
    Malformed(String),
    /// Of a version that nobody here knows.
    #[error("the attestation is of version {0}, and 1 is known")]
    Version(u64),
    /// More than anybody needs.
    #[error("there are more than {MOST} attestations in it")]
    TooMany,
}

/// What an index hands out for a file: the attestations of each publisher. What it says of the publishers is not signed, and is
/// not looked at: the certificates say who they are.
#[derive(Deserialize)]
struct Provenance {
    version: u64,
    attestation_bundles: Vec<Publisher>,
}

#[derive(Deserialize)]
struct Publisher {
    attestations: Vec<Attestation>,
}

#[derive(Deserialize)]
struct Attestation {
    version: u64,
    verification_material: Material,
    envelope: Envelope,
}

#[derive(Deserialize)]
struct Material {
    certificate: String,
    transparency_entries: Vec<Value>,
}

#[derive(Deserialize)]
struct Envelope {
    statement: String,
    signature: String,
}

/// The names of files with attestations of a package begin with its name and end so.
pub const ENDINGS: [&str; 2] = [".attestation", ".provenance"];

/// Whether a predicate type is one of what a publisher attests when he uploads a file.
pub fn is_publish(predicate_type: &str) -> bool {
    let host = predicate_type.strip_prefix("https://").and_then(|rest| rest.strip_suffix(PUBLISH));
    host.is_some_and(|host| !host.is_empty() && !host.contains('/'))
}

/// The attestations in a file, a single one or the provenance that an index hands out, each as the JSON of a bundle.
///
/// # Errors
/// [`Pep740Error`].
pub fn read(json: &str) -> Result<Vec<String>, Pep740Error> {
    let malformed = |error: serde_json::Error| Pep740Error::Malformed(error.to_string());
    if json.len() > LARGEST {
        return Err(Pep740Error::Malformed(format!("it is larger than {LARGEST} bytes")));
    }
    let value: Value = serde_json::from_str(json).map_err(malformed)?;
    let attestations: Vec<Attestation> = if value.get("attestation_bundles").is_some() {
        let provenance: Provenance = serde_json::from_value(value).map_err(malformed)?;
        known(provenance.version)?;
        provenance.attestation_bundles.into_iter().flat_map(|publisher| publisher.attestations).collect()
    } else {
        vec![serde_json::from_value(value).map_err(malformed)?]
    };
    if attestations.len() > MOST {
        return Err(Pep740Error::TooMany);
    }
    attestations.into_iter().map(Attestation::into_bundle).collect()
}

impl Attestation {
    fn into_bundle(self) -> Result<String, Pep740Error> {
        known(self.version)?;
        let bundle = json!({
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {
                "certificate": { "rawBytes": self.verification_material.certificate },
                "tlogEntries": self.verification_material.transparency_entries,
            },
            "dsseEnvelope": {
                "payload": self.envelope.statement,
                "payloadType": IN_TOTO,
                "signatures": [{ "sig": self.envelope.signature }],
            },
        });
        Ok(bundle.to_string())
    }
}

fn known(version: u64) -> Result<(), Pep740Error> {
    if version == 1 { Ok(()) } else { Err(Pep740Error::Version(version)) }
}
