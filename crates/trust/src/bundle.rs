//! Sigstore bundles: one JSON file with an envelope and what is needed to verify it (protobuf-specs,
//! `sigstore_bundle.proto`; OpenSSF Model Signing v1.0, section 5).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dsse::Envelope;

/// The media type that is written.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Media types that are read.
const MEDIA_TYPES: [&str; 2] = [MEDIA_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3"];
/// Largest bundle that is read, in bytes: the manifest of more than two million files.
pub const LARGEST: u64 = 1 << 30;
/// Most signatures of one envelope that are tried.
const MOST_SIGNATURES: usize = 64;

/// An envelope, and what its signer shows of himself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bundle {
    /// The signed payload.
    pub envelope: Envelope,
    /// What the signer shows.
    pub material: Material,
    /// It has the form of a release of `model_signing` before 1.1, which is read for a time.
    pub early: bool,
}

/// What a signer shows of himself. Nothing of it is to be believed before it is verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Material {
    /// A public key, by what may help to find it: the SHA-256 of its PEM in hexadecimal digits, or the PEM itself.
    Key(String),
    /// A chain of X.509 certificates in DER, the signer's first.
    Chain(Vec<Vec<u8>>),
    /// A short-lived certificate of Sigstore, with entries of its log.
    Keyless(Box<Evidence>),
}

/// What Sigstore gives a signer (protobuf-specs, `sigstore_bundle.proto`).
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// The certificate in DER.
    pub certificate: Vec<u8>,
    /// Entries of transparency logs, each a `TransparencyLogEntry` as JSON.
    pub entries: Vec<Value>,
    /// Timestamps, as the JSON of `TimestampVerificationData`.
    pub timestamps: Option<Value>,
}

/// A bundle that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BundleError {
    /// Not the JSON that it should be.
    #[error("the bundle is malformed: {0}")]
    Malformed(String),
    /// Of a kind that nobody here knows.
    #[error("the media type of the bundle is `{0}`, which is not supported")]
    MediaType(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    media_type: String,
    verification_material: WireMaterial,
    dsse_envelope: WireEnvelope,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMaterial {
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<WireKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x509_certificate_chain: Option<WireChain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<WireCertificate>,
    tlog_entries: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_verification_data: Option<Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireKey {
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// How releases before 1.1 told the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_bytes: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct WireChain {
    certificates: Vec<WireCertificate>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCertificate {
    raw_bytes: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEnvelope {
    payload: String,
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
struct WireSignature {
    sig: String,
    #[serde(default)]
    keyid: Option<String>,
}

impl Bundle {
    /// Reads a bundle.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn read(json: &[u8]) -> Result<Self, BundleError> {
        let malformed = |what: &str| BundleError::Malformed(what.to_owned());
        let wire: Wire =
            serde_json::from_slice(json).map_err(|error| BundleError::Malformed(error.to_string()))?;
        if !MEDIA_TYPES.contains(&wire.media_type.as_str()) {
            return Err(BundleError::MediaType(wire.media_type));
        }
        let bytes = |text: &str, what: &str| {
            STANDARD.decode(text).map_err(|_| BundleError::Malformed(format!("{what} is not base64")))
        };
        let material = wire.verification_material;
        let has_entries = material.tlog_entries.is_some();
        let mut early = false;
        let material = match (material.public_key, material.x509_certificate_chain, material.certificate) {
            (Some(key), None, None) => {
                early = key.raw_bytes.is_some();
                Material::Key(key.hint.or(key.raw_bytes).unwrap_or_default())
            }
            (None, Some(chain), None) => {
                early = !has_entries;
                let read = |certificate: &WireCertificate| bytes(&certificate.raw_bytes, "a certificate");
                Material::Chain(chain.certificates.iter().map(read).collect::<Result<_, _>>()?)
            }
            (None, None, Some(certificate)) => Material::Keyless(Box::new(Evidence {
                certificate: bytes(&certificate.raw_bytes, "the certificate")?,
                entries: material.tlog_entries.unwrap_or_default(),
                timestamps: material.timestamp_verification_data,
            })),
            (None, None, None) => return Err(malformed("it shows neither a key nor a certificate")),
            _ => return Err(malformed("it shows more than one of key, certificate and chain")),
        };
        // Section 5.1: it must be there, be it empty.
        if !has_entries && !early {
            return Err(malformed("`tlogEntries` is missing"));
        }
        let envelope = wire.dsse_envelope;
        if envelope.signatures.is_empty() {
            return Err(malformed("its envelope has no signature"));
        }
        if envelope.signatures.len() > MOST_SIGNATURES {
            return Err(malformed("its envelope has more than 64 signatures"));
        }
        let signature = |signature: &WireSignature| bytes(&signature.sig, "a signature");
        let envelope = Envelope {
            payload: bytes(&envelope.payload, "the payload")?,
            payload_type: envelope.payload_type,
            signatures: envelope.signatures.iter().map(signature).collect::<Result<_, _>>()?,
        };
        Ok(Self { envelope, material, early })
    }

    /// The JSON of the bundle: the same bytes for the same bundle.
    pub fn to_json(&self) -> String {
        let text = |bytes: &Vec<u8>| STANDARD.encode(bytes);
        let mut material = WireMaterial { tlog_entries: Some(Vec::new()), ..WireMaterial::default() };
        match &self.material {
            Material::Key(hint) => {
                material.public_key = Some(WireKey { hint: Some(hint.clone()), raw_bytes: None })
            }
            Material::Chain(chain) => {
                let certificates = chain.iter().map(|der| WireCertificate { raw_bytes: text(der) }).collect();
                material.x509_certificate_chain = Some(WireChain { certificates });
            }
            Material::Keyless(evidence) => {
                material.certificate = Some(WireCertificate { raw_bytes: text(&evidence.certificate) });
                material.tlog_entries = Some(evidence.entries.clone());
                material.timestamp_verification_data.clone_from(&evidence.timestamps);
            }
        }
        let signature = |bytes| WireSignature { sig: text(bytes), keyid: Some(String::new()) };
        let wire = Wire {
            media_type: MEDIA_TYPE.to_owned(),
            verification_material: material,
            dsse_envelope: WireEnvelope {
                payload: text(&self.envelope.payload),
                payload_type: self.envelope.payload_type.clone(),
                signatures: self.envelope.signatures.iter().map(signature).collect(),
            },
        };
        serde_json::to_string(&wire).expect("texts and lists of texts are JSON")
    }
}
