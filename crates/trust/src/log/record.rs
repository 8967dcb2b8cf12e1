//! What is written into a log of a signature: who signed what, and when that was made known. The statement itself is not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weighbridge_core::digest::Digest;
use weighbridge_core::lock::Identity;

use crate::bundle::Bundle;
use crate::dsse;
use crate::statement::{self, Subject};

/// The type of every record.
const TYPE: &str = "https://weighbridge.dev/log-entry/v1";
/// Longest record, in bytes: its length is written down in two.
const LONGEST: usize = 65_535;

/// An entry of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The digest of what is signed: payload and type of the envelope in their encoding ([`dsse::encode`]).
    pub envelope: Digest,
    /// What kind of statement it is.
    pub predicate_type: String,
    /// Who signed, as far as the log knows. Nobody who believes a bundle believes this: it must be the signer that was verified.
    pub signer: Identity,
    /// What the statement speaks of.
    pub subjects: Vec<Subject>,
    /// When it was written down, by the clock of the log, in seconds since 1970.
    pub time: i64,
}

/// Something that cannot be an entry of a log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordError {
    /// Not the JSON that it should be.
    #[error("the entry is malformed: {0}")]
    Malformed(String),
    /// The same could be written otherwise.
    #[error("the entry is not in the one form that an entry may have")]
    Form,
    /// The envelope holds something else.
    #[error("the envelope holds `{0}`, not an in-toto statement")]
    PayloadType(String),
    /// What is signed is no statement.
    #[error("the signed statement is malformed: {0}")]
    Statement(String),
    /// It speaks of too much.
    #[error(
        "the entry would have {0} bytes, more than 65,535: the statement has too many subjects, or too long names"
    )]
    TooLong(usize),
}

/// The fields in the order of their names, without white space: RFC 8785.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    envelope: WireDigest,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    signer: WireSigner,
    subject: Vec<WireSubject>,
    time: i64,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDigest {
    sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum WireSigner {
    Key { key: String },
    Certificate { certificate: String },
    Sigstore { identity: String, issuer: String },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSubject {
    digest: BTreeMap<String, String>,
    name: String,
}

impl Record {
    /// The record of a bundle.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn of(bundle: &Bundle, signer: Identity, time: i64) -> Result<Self, RecordError> {
        let envelope = &bundle.envelope;
        if envelope.payload_type != dsse::IN_TOTO {
            return Err(RecordError::PayloadType(envelope.payload_type.clone()));
        }
        let head: statement::Head = statement::read(&envelope.payload).map_err(RecordError::Statement)?;
        // Only of letters of one byte the order is the same by UTF-8, by UTF-16 (RFC 8785) and by code points.
        let is_plain = |subject: &Subject| subject.digest.keys().all(|function| function.is_ascii());
        if !head.subject.iter().all(is_plain) {
            return Err(RecordError::Statement("a hash function has a name beyond ASCII".to_owned()));
        }
        let record = Self {
            envelope: Digest::of(&envelope.signed()),
            predicate_type: head.predicate_type,
            signer,
            subjects: head.subject,
            time,
        };
        let length = record.to_bytes().len();
        if length > LONGEST { Err(RecordError::TooLong(length)) } else { Ok(record) }
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// [`RecordError::Malformed`], [`RecordError::Form`].
    pub fn read(entry: &[u8]) -> Result<Self, RecordError> {
        let malformed = |what: &str| RecordError::Malformed(what.to_owned());
        let wire: Wire =
            serde_json::from_slice(entry).map_err(|error| RecordError::Malformed(error.to_string()))?;
        if wire.kind != TYPE {
            return Err(RecordError::Malformed(format!("its type is `{}`, not `{TYPE}`", wire.kind)));
        }
        let record = Self {
            envelope: wire.envelope.sha256.parse().map_err(|_| malformed("its digest is none"))?,
            predicate_type: wire.predicate_type,
            signer: match wire.signer {
                WireSigner::Key { key } => Identity::Key(key),
                WireSigner::Certificate { certificate } => Identity::Certificate(certificate),
                WireSigner::Sigstore { identity, issuer } => Identity::Sigstore { name: identity, issuer },
            },
            subjects: wire
                .subject
                .into_iter()
                .map(|subject| Subject { name: subject.name, digest: subject.digest })
                .collect(),
            time: wire.time,
        };
        if record.to_bytes() == entry { Ok(record) } else { Err(RecordError::Form) }
    }

    /// The bytes of the entry.
    pub fn to_bytes(&self) -> Vec<u8> {
        let wire = Wire {
            envelope: WireDigest { sha256: self.envelope.to_string() },
            predicate_type: self.predicate_type.clone(),
            signer: match self.signer.clone() {
                Identity::Key(key) => WireSigner::Key { key },
                Identity::Certificate(certificate) => WireSigner::Certificate { certificate },
                Identity::Sigstore { name, issuer } => WireSigner::Sigstore { identity: name, issuer },
            },
            subject: self
                .subjects
                .iter()
                .map(|subject| WireSubject { digest: subject.digest.clone(), name: subject.name.clone() })
                .collect(),
            time: self.time,
            kind: TYPE.to_owned(),
        };
        serde_json::to_vec(&wire).expect("texts and numbers are JSON")
    }

    /// Whether it speaks of the same signature, whenever that was written down.
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        let Self { envelope, predicate_type, signer, subjects, time: _ } = self;
        (envelope, predicate_type, signer, subjects)
            == (&other.envelope, &other.predicate_type, &other.signer, &other.subjects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Material;
    use crate::dsse::Envelope;

    fn bundle(payload: &str) -> Bundle {
        let payload = payload.as_bytes().to_vec();
        let payload_type = dsse::IN_TOTO.to_owned();
        let envelope = Envelope { payload_type, payload, signatures: vec![vec![1]] };
        Bundle { envelope, material: Material::Key(String::new()), early: false }
    }

    const STATEMENT: &str = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"l\u0001m/é",
        "digest":{"sha512":"cd","sha256":"ab"}}],"predicateType":"https://models.example/p","predicate":{}}"#;

    #[test]
    fn a_record_has_one_form() {
        let record = Record::of(&bundle(STATEMENT), Identity::Key("ff".into()), 7).unwrap();
        let envelope = Digest::of(&dsse::encode(dsse::IN_TOTO, STATEMENT.as_bytes()));
        let expected = format!(
            "{{\"envelope\":{{\"sha256\":\"{envelope}\"}},\"predicateType\":\"https://models.example/p\",\
             \"signer\":{{\"key\":\"ff\"}},\"subject\":[{{\"digest\":{{\"sha256\":\"ab\",\"sha512\":\"cd\"}},\
             \"name\":\"l\\u0001m/é\"}}],\"time\":7,\"type\":\"https://weighbridge.dev/log-entry/v1\"}}"
        );
        assert_eq!(String::from_utf8(record.to_bytes()).unwrap(), expected);
        assert_eq!(Record::read(expected.as_bytes()), Ok(record.clone()));
        for (from, to) in [
            (":7,", ": 7,"),
            ("é", "\\u00e9"),
            ("\"sha256\":\"ab\",\"sha512\":\"cd\"", "\"sha512\":\"cd\",\"sha256\":\"ab\""),
            (&envelope.to_string(), &envelope.to_string().to_uppercase()),
        ] {
            assert_eq!(Record::read(expected.replace(from, to).as_bytes()), Err(RecordError::Form), "{to}");
        }
        for (from, to) in [
            ("log-entry/v1", "log-entry/v2"),
            (",\"time\":7", ""),
            (":7,", ":7,\"more\":1,"),
            ("\"key\":\"ff\"", "\"key\":\"ff\",\"issuer\":\"x\""),
            (":7,", ":7.5,"),
        ] {
            let read = Record::read(expected.replace(from, to).as_bytes());
            assert!(matches!(read, Err(RecordError::Malformed(_))), "{to}: {read:?}");
        }
        assert!(record.is_of_the_same(&Record { time: 8, ..record.clone() }));
        assert!(
            !record.is_of_the_same(&Record { signer: Identity::Certificate("ff".into()), ..record.clone() })
        );
        for signer in [
            Identity::Certificate("ab".into()),
            Identity::Sigstore { name: "ci@models.example".into(), issuer: "https://models.example".into() },
        ] {
            let record = Record { signer, ..record.clone() };
            assert_eq!(Record::read(&record.to_bytes()), Ok(record));
        }
    }

    #[test]
    fn what_cannot_be_an_entry_is_refused() {
        let of = |payload: &str| Record::of(&bundle(payload), Identity::Key(String::new()), 0);
        assert!(matches!(of("{}"), Err(RecordError::Statement(_))));
        assert!(matches!(of(&STATEMENT.replace("sha512", "śha")), Err(RecordError::Statement(_))));
        let long = of(&STATEMENT.replace("l\\u0001m", &"a".repeat(65_536)));
        assert!(matches!(long, Err(RecordError::TooLong(length)) if length > 65_535));
        let mut other = bundle(STATEMENT);
        other.envelope.payload_type = "text/plain".to_owned();
        assert!(matches!(
            Record::of(&other, Identity::Key(String::new()), 0),
            Err(RecordError::PayloadType(_))
        ));
    }
}
