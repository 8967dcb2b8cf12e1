//! Chains of X.509 certificates, from the one that signed to one that is trusted (RFC 5280, section 6.1; OpenSSF Model
//! Signing v1.0, section 8.2).
//!
//! Stricter than the reference: the certificate that signs must be one for code signing, every certificate must be valid
//! at the time that counts, and a critical extension that nobody here knows refuses the chain. Any certificate can be
//! trusted: a root, one below it, or the one that signs.

use ring::signature as rsa;
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::der::oid::{AssociatedOid, ObjectIdentifier};
use x509_cert::der::{Decode, DecodePem, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName};

use crate::digests::Bytes;
use crate::keys::{PublicKey, Sha2};

const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
const ANY_USE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
/// Extensions that are understood, or that bear on nothing that is asked of a chain here.
const KNOWN: [ObjectIdentifier; 4] =
    [BasicConstraints::OID, KeyUsage::OID, ExtendedKeyUsage::OID, SubjectAltName::OID];
/// Most certificates between the one that signs and the trusted one.
const DEEPEST: usize = 8;
/// Most signatures that are checked for one chain: names that are equal many times over cost no more than this.
const MOST_CHECKS: u32 = 64;
/// Most certificates that a bundle may show.
const MOST_SHOWN: usize = 32;

/// A certificate that is trusted: whatever it signed is, and what those signed that it signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anchor(Certificate);

/// The certificate that signed, after its chain has been verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaf {
    /// The key that signed.
    pub key: PublicKey,
    /// Its subject as text (RFC 4514).
    pub subject: String,
    /// Its subject alternative names: mail addresses, addresses of the web and names of hosts, sorted.
    pub names: Vec<String>,
    /// SHA-256 of its DER.
    pub fingerprint: Bytes,
    /// The subject of the certificate that is trusted.
    pub anchor: String,
}

/// Why a chain is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChainError {
    /// There is no certificate at all.
    #[error("there is no certificate")]
    Empty,
    /// More than anybody needs.
    #[error("there are more than {MOST_SHOWN} certificates")]
    TooMany,
    /// One cannot be read.
    #[error("a certificate is malformed: {0}")]
    Malformed(String),
    /// The key of the one that signs is of another kind.
    #[error("the key of the certificate of `{0}` is not an elliptic curve key on P-256, P-384 or P-521")]
    Key(String),
    /// It says that it is for something else.
    #[error("the certificate of `{0}` is not for signing code: its extended key usage lacks codeSigning")]
    NotForCode(String),
    /// Its key may not be used for signatures.
    #[error("the certificate of `{0}` is not for signatures: its key usage lacks digitalSignature")]
    NotForSignatures(String),
    /// Not valid at the time.
    #[error(
        "the certificate of `{subject}` is valid from {from} to {until} only, not on {at}, and there is no trusted time of the signature"
    )]
    Expired {
        /// Whose.
        subject: String,
        /// First day.
        from: String,
        /// Last day.
        until: String,
        /// The day by the clock.
        at: String,
    },
    /// It makes a demand that nobody here can check.
    #[error("the certificate of `{0}` has a critical extension that is not supported: {1}")]
    Critical(String, String),
    /// No way leads to a trusted certificate.
    #[error("the certificate of `{0}` does not chain to a trusted one")]
    Untrusted(String),
}

impl Anchor {
    /// The certificates of a PEM file.
    ///
    /// # Errors
    /// [`ChainError::Empty`], [`ChainError::Malformed`].
    pub fn from_pem(pem: &str) -> Result<Vec<Self>, ChainError> {
        let certificates = certificates(pem)?;
        Ok(certificates.into_iter().map(Self).collect())
    }

    /// Its subject as text.
    pub fn subject(&self) -> String {
        subject(&self.0)
    }

    /// SHA-256 of its DER.
    pub fn fingerprint(&self) -> Bytes {
        digest(self.0.to_der())
    }

    /// SHA-256 of its public key (`SubjectPublicKeyInfo` in DER).
    pub fn key_digest(&self) -> Bytes {
        digest(self.0.tbs_certificate.subject_public_key_info.to_der())
    }

    /// Whether it says that it is one of an authority.
    pub fn is_authority(&self) -> bool {
        let constraints: Result<Option<BasicConstraints>, _> = extension(&self.0);
        constraints.is_ok_and(|constraints| constraints.is_some_and(|constraints| constraints.ca))
    }

    /// Whether it is valid at a time in seconds since 1970.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn valid_at(&self, time: i64) -> Result<(), String> {
        let (from, until) = validity(&self.0);
        if (from..=until).contains(&time) {
            return Ok(());
        }
        let word = if time < from { "is not valid before" } else { "has expired on" };
        let day = day(if time < from { from } else { until });
        Err(format!("the certificate of `{}` {word} {day}", self.subject()))
    }
}

/// SHA-256 of what was encoded. What was read from DER can be written so again; none equals the digest of nothing.
fn digest(der: Result<Vec<u8>, x509_cert::der::Error>) -> Bytes {
    Bytes(der.map(|der| Sha256::digest(der).to_vec()).unwrap_or_default())
}

/// The certificates of a PEM file in DER, as a bundle shows them.
///
/// # Errors
/// [`ChainError::Empty`], [`ChainError::Malformed`].
pub fn pem_to_der(pem: &str) -> Result<Vec<Vec<u8>>, ChainError> {
    let encode = |certificate: &Certificate| certificate.to_der().map_err(malformed);
    certificates(pem)?.iter().map(encode).collect()
}

/// The public key of a certificate in DER.
///
/// # Errors
/// [`ChainError::Malformed`], [`ChainError::Key`].
pub fn key_of(der: &[u8]) -> Result<PublicKey, ChainError> {
    key(&Certificate::from_der(der).map_err(malformed)?)
}

/// Verifies the chain of a bundle, the one that signed first, at a time in seconds since 1970.
///
/// # Errors
/// Why it is refused.
pub fn verify(shown: &[Vec<u8>], anchors: &[Anchor], time: i64) -> Result<Leaf, ChainError> {
    if shown.len() > MOST_SHOWN {
        return Err(ChainError::TooMany);
    }
    let read = |der: &Vec<u8>| Certificate::from_der(der).map_err(malformed);
    let shown: Vec<Certificate> = shown.iter().map(read).collect::<Result<_, _>>()?;
    let (leaf, others) = shown.split_first().ok_or(ChainError::Empty)?;
    let name = subject(leaf);
    let signer = key(leaf)?;
    let usage: Option<KeyUsage> = extension(leaf)?;
    if !usage.is_some_and(|usage| usage.digital_signature()) {
        return Err(ChainError::NotForSignatures(name));
    }
    let uses: Option<ExtendedKeyUsage> = extension(leaf)?;
    if !uses.is_some_and(|uses| uses.0.contains(&CODE_SIGNING)) {
        return Err(ChainError::NotForCode(name));
    }
    is_sound(leaf, time)?;
    let mut search = Search { others, anchors, time, checks: 0, refused: None };
    let Some(anchor) = search.anchor_above(leaf, &mut Vec::new()) else {
        return Err(search.refused.unwrap_or(ChainError::Untrusted(name)));
    };
    let anchor = anchor.subject();
    let fingerprint = Bytes(Sha256::digest(leaf.to_der().map_err(malformed)?).to_vec());
    Ok(Leaf { key: signer, subject: name, names: alternative_names(leaf)?, fingerprint, anchor })
}

/// The search for a way to a trusted certificate.
struct Search<'a> {
    others: &'a [Certificate],
    anchors: &'a [Anchor],
    time: i64,
    checks: u32,
    /// Why the first way that was signed well was refused all the same.
    refused: Option<ChainError>,
}

impl<'a> Search<'a> {
    /// The trusted certificate above `certificate`; `below` are the indexes of those already on the way.
    fn anchor_above(&mut self, certificate: &Certificate, below: &mut Vec<usize>) -> Option<&'a Anchor> {
        if let Some(anchor) = self.anchors.iter().find(|anchor| anchor.0 == *certificate) {
            return Some(anchor);
        }
        let issuer = &certificate.tbs_certificate.issuer;
        for anchor in self.anchors {
            if anchor.0.tbs_certificate.subject == *issuer
                && self.may_issue(&anchor.0, certificate, below.len())
            {
                return Some(anchor);
            }
        }
        if below.len() >= DEEPEST {
            return None;
        }
        for (at, other) in self.others.iter().enumerate() {
            let fits = other.tbs_certificate.subject == *issuer && !below.contains(&at);
            if fits && self.may_issue(other, certificate, below.len()) {
                below.push(at);
                if let Some(anchor) = self.anchor_above(other, below) {
                    return Some(anchor);
                }
                below.pop();
            }
        }
        None
    }

    /// Whether `issuer` signed `certificate` and may do so with `below` authorities between it and the one that signs.
    fn may_issue(&mut self, issuer: &Certificate, certificate: &Certificate, below: usize) -> bool {
        self.checks = self.checks.saturating_add(1);
        if self.checks > MOST_CHECKS || !is_signed_by(certificate, issuer) {
            return false;
        }
        match may_sign_certificates(issuer, below, self.time) {
            Ok(may) => may,
            Err(error) => {
                self.refused.get_or_insert(error);
                false
            }
        }
    }
}

/// Whether a certificate is one of an authority that may have this many authorities below it.
fn may_sign_certificates(issuer: &Certificate, below: usize, time: i64) -> Result<bool, ChainError> {
    is_sound(issuer, time)?;
    let constraints: Option<BasicConstraints> = extension(issuer)?;
    let usage: Option<KeyUsage> = extension(issuer)?;
    let uses: Option<ExtendedKeyUsage> = extension(issuer)?;
    let is_authority = constraints.as_ref().is_some_and(|constraints| constraints.ca);
    let is_near = constraints
        .and_then(|constraints| constraints.path_len_constraint)
        .is_none_or(|most| below <= usize::from(most));
    let may_sign = usage.is_none_or(|usage| usage.key_cert_sign());
    let for_code = uses.is_none_or(|uses| uses.0.contains(&CODE_SIGNING) || uses.0.contains(&ANY_USE));
    Ok(is_authority && is_near && may_sign && for_code)
}

/// What holds for every certificate of a chain: its time, and that its demands are understood.
fn is_sound(certificate: &Certificate, time: i64) -> Result<(), ChainError> {
    let (from, until) = validity(certificate);
    if time < from || time > until {
        return Err(ChainError::Expired {
            subject: subject(certificate),
            from: day(from),
            until: day(until),
            at: day(time),
        });
    }
    for extension in certificate.tbs_certificate.extensions.iter().flatten() {
        if extension.critical && !KNOWN.contains(&extension.extn_id) {
            return Err(ChainError::Critical(subject(certificate), extension.extn_id.to_string()));
        }
    }
    Ok(())
}

/// First and last second of a certificate, since 1970.
fn validity(certificate: &Certificate) -> (i64, i64) {
    let validity = &certificate.tbs_certificate.validity;
    let seconds =
        |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    (seconds(validity.not_before), seconds(validity.not_after))
}

fn day(seconds: i64) -> String {
    weighbridge_core::date::Date::from_unix_seconds(seconds).to_string()
}

/// The extension of a kind; none if there is none.
fn extension<'a, T: Decode<'a> + AssociatedOid>(
    certificate: &'a Certificate,
) -> Result<Option<T>, ChainError> {
    let mut found = None;
    for extension in certificate.tbs_certificate.extensions.iter().flatten() {
        if extension.extn_id != T::OID {
            continue;
        }
        // RFC 5280, section 4.2: never twice. Whoever reads the first and whoever reads the last would disagree.
        if found.is_some() {
            return Err(ChainError::Malformed(format!("extension {} is there twice", T::OID)));
        }
        found = Some(
            T::from_der(extension.extn_value.as_bytes())
                .map_err(|error| ChainError::Malformed(format!("extension {}: {error}", T::OID)))?,
        );
    }
    Ok(found)
}

/// Whether the signature of `certificate` is one of the key of `issuer`.
fn is_signed_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    // RFC 5280, section 4.1.1.2: the algorithm stands in the signed part too, and is the same.
    if certificate.signature_algorithm != certificate.tbs_certificate.signature {
        return false;
    }
    let (Ok(message), Some(signature), Ok(key)) = (
        certificate.tbs_certificate.to_der(),
        certificate.signature.as_bytes(),
        issuer.tbs_certificate.subject_public_key_info.to_der(),
    ) else {
        return false;
    };
    let by_rsa = |algorithm: &'static rsa::RsaParameters| {
        let key = issuer.tbs_certificate.subject_public_key_info.subject_public_key.as_bytes();
        key.is_some_and(|key| rsa::UnparsedPublicKey::new(algorithm, key).verify(&message, signature).is_ok())
    };
    let by_curve = |sha2| PublicKey::from_der(&key).is_ok_and(|key| key.verifies(sha2, &message, signature));
    match certificate.signature_algorithm.oid.to_string().as_str() {
        // RFC 5758, section 3.2.
        "1.2.840.10045.4.3.2" => by_curve(Sha2::Sha256),
        "1.2.840.10045.4.3.3" => by_curve(Sha2::Sha384),
        "1.2.840.10045.4.3.4" => by_curve(Sha2::Sha512),
        // RFC 8017, appendix A.2.4; keys of at least 2048 bits.
        "1.2.840.113549.1.1.11" => by_rsa(&rsa::RSA_PKCS1_2048_8192_SHA256),
        "1.2.840.113549.1.1.12" => by_rsa(&rsa::RSA_PKCS1_2048_8192_SHA384),
        "1.2.840.113549.1.1.13" => by_rsa(&rsa::RSA_PKCS1_2048_8192_SHA512),
        // RFC 8410.
        "1.3.101.112" => {
            let info = &issuer.tbs_certificate.subject_public_key_info;
            let key = info
                .subject_public_key
                .as_bytes()
                .filter(|_| info.algorithm.oid.to_string() == "1.3.101.112");
            key.is_some_and(|key| {
                rsa::UnparsedPublicKey::new(&rsa::ED25519, key).verify(&message, signature).is_ok()
            })
        }
        _ => false,
    }
}

fn certificates(pem: &str) -> Result<Vec<Certificate>, ChainError> {
    const END: &str = "-----END CERTIFICATE-----";
    let mut found = Vec::new();
    // What stands between certificates is talk (RFC 7468, section 2).
    for part in pem.split_inclusive(END) {
        let Some(begin) = part.find("-----BEGIN CERTIFICATE-----") else { continue };
        let part = part.get(begin..).unwrap_or_default();
        found.push(Certificate::from_pem(part).map_err(malformed)?);
    }
    if found.is_empty() { Err(ChainError::Empty) } else { Ok(found) }
}

fn key(certificate: &Certificate) -> Result<PublicKey, ChainError> {
    let der = certificate.tbs_certificate.subject_public_key_info.to_der().map_err(malformed)?;
    PublicKey::from_der(&der).map_err(|_| ChainError::Key(subject(certificate)))
}

fn subject(certificate: &Certificate) -> String {
    certificate.tbs_certificate.subject.to_string()
}

fn alternative_names(certificate: &Certificate) -> Result<Vec<String>, ChainError> {
    let names: Option<SubjectAltName> = extension(certificate)?;
    let text = |name: &GeneralName| match name {
        GeneralName::Rfc822Name(name) => Some(name.as_str().to_owned()),
        GeneralName::UniformResourceIdentifier(name) => Some(name.as_str().to_owned()),
        GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
        _ => None,
    };
    let mut names: Vec<String> = names.iter().flat_map(|names| &names.0).filter_map(text).collect();
    names.sort();
    Ok(names)
}

fn malformed(error: x509_cert::der::Error) -> ChainError {
    ChainError::Malformed(error.to_string())
}
