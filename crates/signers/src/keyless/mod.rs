//! Signing with Sigstore: an identity provider says who somebody is, a certificate authority believes it for some
//! minutes, a log shows everybody that it did.
//!
//! Three kinds of service are asked, with one request each: Fulcio for a certificate ([`mod@authority`]), timestamp
//! authorities, and transparency logs (Rekor). What they answer is believed as far as a verifier would: the bundle is
//! verified before anybody gets it.

mod authority;
mod log;
mod timestamp;
mod token;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use weighbridge_net::exchange::{Answer, Exchange, ExchangeError};
use weighbridge_trust::bundle::{Bundle, Evidence, Material};
use weighbridge_trust::dsse::{Envelope, IN_TOTO};
use weighbridge_trust::keyless::{self, Identity, Instance};
use weighbridge_trust::statement;
use weighbridge_trust::{Curve, KeyError, PrivateKey};

pub use token::{Ambient, Token};

/// Most bytes of an answer: an entry of a log holds digests, and the path to its root.
pub const LARGEST_ANSWER: u64 = 4 << 20;

/// Why a statement is not signed. No message shows the token.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The identity token is none, or of no use any more.
    #[error("the identity token cannot be used: {0}")]
    Token(String),
    /// The system gives no random numbers.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A service cannot be asked.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// A service says no.
    #[error("`{url}` answers with status {status}: {why}")]
    Status {
        /// What was asked.
        url: String,
        /// The HTTP status code.
        status: u16,
        /// The beginning of what it says.
        why: String,
    },
    /// A service says what nobody here understands.
    #[error("`{url}` answers with something else than {expected}")]
    Answer {
        /// What was asked.
        url: String,
        /// What it should have been.
        expected: &'static str,
    },
    /// The statement has no subject that Sigstore could find it by.
    #[error("the statement cannot be signed: {0}")]
    Statement(String),
    /// What the services gave does not verify.
    #[error("what the services gave does not verify")]
    Refused(#[source] keyless::KeylessError),
}

/// Signs statements as the identity of a token.
pub struct Keyless {
    exchange: Exchange,
    instance: Instance,
    token: Token,
}

impl Keyless {
    /// Asks the services of `instance` by way of `exchange`.
    pub fn new(exchange: Exchange, instance: Instance, token: Token) -> Self {
        Self { exchange, instance, token }
    }

    /// Signs a statement with a key that is used this once, and says as whom.
    ///
    /// # Errors
    /// [`SigningError`]. What a log has taken stays there, also where this fails afterwards.
    pub fn seal(&self, payload: Vec<u8>) -> Result<(Bundle, Identity), SigningError> {
        let digest = subject(&payload)?;
        let key = PrivateKey::generate(Curve::P256)?;
        let services = &self.instance.services;
        let certificate = self.certificate(&services.authority, &key)?;
        let mut envelope = Envelope { payload_type: IN_TOTO.to_owned(), payload, signatures: Vec::new() };
        let signature = key.sign(&envelope.signed());
        let mut timestamps = Vec::new();
        for url in &services.timestamps {
            let stamped = self.timestamp(url, &signature)?;
            timestamps.push(json!({ "signedTimestamp": STANDARD.encode(stamped) }));
        }
        envelope.signatures.push(signature);
        let mut entries = Vec::new();
        for log in &services.logs {
            entries.push(self.entry(log, &envelope, &certificate)?);
        }
        let evidence = Evidence {
            certificate,
            entries,
            timestamps: (!timestamps.is_empty()).then(|| json!({ "rfc3161Timestamps": timestamps })),
        };
        let bundle = Bundle { envelope, material: Material::Keyless(Box::new(evidence)), early: false };
        let identity = keyless::identify(&bundle.to_json(), digest, &self.instance.roots)
            .map_err(SigningError::Refused)?;
        Ok((bundle, identity))
    }

    /// Sends `body` and takes an answer that is one.
    fn post(&self, url: &str, kind: &str, wanted: &str, body: &[u8]) -> Result<Vec<u8>, SigningError> {
        accepted(url, self.exchange.post(url, kind, wanted, body)?, &self.token)
    }

    fn post_json(&self, url: &str, body: &Value) -> Result<Vec<u8>, SigningError> {
        const JSON: &str = "application/json";
        self.post(url, JSON, JSON, body.to_string().as_bytes())
    }
}

/// The body of an answer with good news.
fn accepted(url: &str, answer: Answer, token: &Token) -> Result<Vec<u8>, SigningError> {
    const SHOWN: usize = 200;
    if matches!(answer.status, 200 | 201) {
        return Ok(answer.body);
    }
    let text = String::from_utf8_lossy(&answer.body).replace(token.text(), "…");
    let why = text.chars().filter(|character| !character.is_control()).take(SHOWN).collect();
    Err(SigningError::Status { url: url.to_owned(), status: answer.status, why })
}

/// The URL of an interface of a service.
fn below(base: &str, path: &str) -> String {
    format!("{}/{path}", base.trim_end_matches('/'))
}

/// The digest by which a verifier looks for the statement.
fn subject(payload: &[u8]) -> Result<[u8; 32], SigningError> {
    let head: statement::Head = statement::read(payload).map_err(SigningError::Statement)?;
    let digest = head.subject.first().and_then(|subject| subject.digest.get("sha256"));
    let digest = digest.and_then(|digest| digest.parse::<weighbridge_core::digest::Digest>().ok());
    let digest =
        digest.ok_or_else(|| SigningError::Statement("its first subject has no SHA-256".to_owned()))?;
    Ok(*digest.as_bytes())
}
