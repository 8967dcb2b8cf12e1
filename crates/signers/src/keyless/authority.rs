//! The certificate authority (Fulcio, API v2, `CreateSigningCertificate`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use weighbridge_trust::{PrivateKey, chain};
use x509_cert::der::asn1::{BitString, ObjectIdentifier, SetOfVec};
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Decode as _, Encode as _, EncodePem as _};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, Version};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::{Keyless, SigningError, below};

/// ecdsa-with-SHA256 (RFC 5758, section 3.2).
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// A certificate without the promise of a log inside of it is nothing that a bundle could carry.
    signed_certificate_embedded_sct: Issued,
}

#[derive(Deserialize)]
struct Issued {
    chain: Chain,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<String>,
}

impl Keyless {
    /// A certificate for this key in DER, issued to whom the token names.
    pub(super) fn certificate(&self, base: &str, key: &PrivateKey) -> Result<Vec<u8>, SigningError> {
        let url = below(base, "api/v2/signingCert");
        let body = json!({
            "credentials": { "oidcIdentityToken": self.token.text() },
            "certificateSigningRequest": STANDARD.encode(request(key)),
        });
        let answer = self.post_json(&url, &body)?;
        let unlike = |expected| SigningError::Answer { url: url.clone(), expected };
        let answer: Answer =
            serde_json::from_slice(&answer).map_err(|_| unlike("a certificate with the promise of a log"))?;
        let certificates = answer.signed_certificate_embedded_sct.chain.certificates;
        let first = certificates.first().and_then(|pem| chain::pem_to_der(pem).ok()?.into_iter().next());
        first
            .filter(|der| chain::key_of(der).is_ok_and(|certified| certified == key.public_key()))
            .ok_or_else(|| unlike("a certificate for the key that was sent"))
    }
}

/// The request of a certificate in PEM form (RFC 2986): only whoever has the key can make it. It names nobody; the
/// authority takes the name from the token.
fn request(key: &PrivateKey) -> String {
    const FITS: &str = "a key and a signature have a DER form";
    let public_key = SubjectPublicKeyInfoOwned::from_der(&key.public_key().to_der()).expect(FITS);
    let info = CertReqInfo {
        version: Version::V1,
        subject: Name::default(),
        public_key,
        attributes: SetOfVec::default(),
    };
    let signature = key.sign(&info.to_der().expect(FITS));
    let request = CertReq {
        info,
        algorithm: AlgorithmIdentifierOwned { oid: ECDSA_SHA256, parameters: None },
        signature: BitString::from_bytes(&signature).expect(FITS),
    };
    request.to_pem(LineEnding::LF).expect(FITS)
}
