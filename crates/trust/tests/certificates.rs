//! Builds certificates for tests, good and bad ones.

use std::str::FromStr as _;
use std::time::Duration;

use weighbridge_trust::{Curve, PrivateKey};
use x509_cert::Certificate;
use x509_cert::TbsCertificate;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::{BitString, Ia5String, ObjectIdentifier, OctetString, UtcTime};
use x509_cert::der::{Decode as _, Encode as _, EncodePem as _, pem::LineEnding};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName};
use x509_cert::ext::{AsExtension as _, Extension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

/// 2026-01-01, in seconds since 1970.
pub(crate) const NOW: i64 = 1_767_225_600;
/// A day, in seconds.
pub(crate) const DAY: i64 = 86_400;

/// The use that signing code is.
pub(crate) const CODE: &str = "1.3.6.1.5.5.7.3.3";
/// That of a web server.
pub(crate) const SERVER: &str = "1.3.6.1.5.5.7.3.1";

/// What a certificate says, before somebody signs it.
pub(crate) struct Draft {
    pub(crate) subject: &'static str,
    /// It is one of an authority, with this many below it.
    pub(crate) authority: Option<Option<u8>>,
    pub(crate) usage: Option<KeyUsages>,
    pub(crate) uses: Vec<&'static str>,
    /// First and last second of its life.
    pub(crate) life: (i64, i64),
    pub(crate) mail: Option<&'static str>,
    /// A critical extension of this kind, which says nothing.
    pub(crate) critical: Option<&'static str>,
    /// Every extension stands there twice.
    pub(crate) twice: bool,
}

impl Draft {
    /// A certificate for signing code.
    pub(crate) fn leaf(subject: &'static str) -> Self {
        Self {
            subject,
            authority: None,
            usage: Some(KeyUsages::DigitalSignature),
            uses: vec![CODE],
            life: (NOW - DAY, NOW + DAY),
            mail: Some("signer@models.example"),
            critical: None,
            twice: false,
        }
    }

    /// One of an authority.
    pub(crate) fn authority(subject: &'static str) -> Self {
        Self {
            authority: Some(None),
            usage: Some(KeyUsages::KeyCertSign),
            uses: Vec::new(),
            mail: None,
            ..Self::leaf(subject)
        }
    }
}

/// A certificate and its key.
pub(crate) struct Issued {
    pub(crate) certificate: Certificate,
    pub(crate) key: PrivateKey,
}

impl Issued {
    /// The certificate in DER.
    pub(crate) fn der(&self) -> Vec<u8> {
        self.certificate.to_der().unwrap()
    }

    /// The certificate in PEM form.
    pub(crate) fn pem(&self) -> String {
        self.certificate.to_pem(LineEnding::LF).unwrap()
    }
}

/// Issues a certificate for a new key; without an issuer it signs itself.
pub(crate) fn issue(draft: &Draft, issuer: Option<&Issued>) -> Issued {
    let key = PrivateKey::generate(Curve::P256).unwrap();
    let subject = Name::from_str(draft.subject).unwrap();
    let signer = issuer.map_or(&key, |issuer| &issuer.key);
    // ecdsa-with-SHA256 (RFC 5758, section 3.2).
    let algorithm = AlgorithmIdentifierOwned {
        oid: ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"),
        parameters: None,
    };
    let mut extensions: Vec<Extension> = Vec::new();
    let mut add = |extension: Extension| extensions.push(extension);
    if let Some(path_len_constraint) = draft.authority {
        add(BasicConstraints { ca: true, path_len_constraint }.to_extension(&subject, &[]).unwrap());
    }
    if let Some(usage) = draft.usage {
        add(KeyUsage(usage.into()).to_extension(&subject, &[]).unwrap());
    }
    if !draft.uses.is_empty() {
        let uses = draft.uses.iter().map(|oid| ObjectIdentifier::new_unwrap(oid)).collect();
        add(ExtendedKeyUsage(uses).to_extension(&subject, &[]).unwrap());
    }
    if let Some(mail) = draft.mail {
        let names = vec![GeneralName::Rfc822Name(Ia5String::new(mail).unwrap())];
        add(SubjectAltName(names).to_extension(&subject, &[]).unwrap());
    }
    if let Some(oid) = draft.critical {
        let extn_id = ObjectIdentifier::new_unwrap(oid);
        // An empty SEQUENCE.
        add(Extension { extn_id, critical: true, extn_value: OctetString::new([0x30, 0]).unwrap() });
    }
    if draft.twice {
        extensions.extend(extensions.clone());
    }
    let time = |seconds: i64| {
        let since = Duration::from_secs(u64::try_from(seconds).unwrap());
        Time::UtcTime(UtcTime::from_unix_duration(since).unwrap())
    };
    let public = pem_body(&key.public_key().to_pem());
    let tbs_certificate = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::from(1u32),
        signature: algorithm.clone(),
        issuer: issuer
            .map_or_else(|| subject.clone(), |issuer| issuer.certificate.tbs_certificate.subject.clone()),
        validity: Validity { not_before: time(draft.life.0), not_after: time(draft.life.1) },
        subject,
        subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(&public).unwrap(),
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(extensions),
    };
    let signature = signer.sign(&tbs_certificate.to_der().unwrap());
    let signature = BitString::from_bytes(&signature).unwrap();
    Issued { certificate: Certificate { tbs_certificate, signature_algorithm: algorithm, signature }, key }
}

fn pem_body(pem: &str) -> Vec<u8> {
    use base64::Engine as _;
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    base64::engine::general_purpose::STANDARD.decode(body).unwrap()
}
