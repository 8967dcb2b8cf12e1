//! Who signed a bundle, and what he signed.

use super::manifest::{Age, Manifest};
use super::read::ManifestError;
use crate::bundle::{Bundle, Material};
use crate::chain::{self, Anchor, ChainError, Leaf};
use crate::dsse;
use crate::keyless::{self, Identity, KeylessError, Roots, Wanted};
use crate::keys::{PublicKey, Sha2};
use crate::policy::NamePattern;

/// Whom to believe.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'a> {
    /// Whoever has this key.
    Key(&'a PublicKey),
    /// Whoever has a certificate for signing code that chains to one of these.
    Anchors {
        /// What is trusted.
        anchors: &'a [Anchor],
        /// The time that counts, in seconds since 1970.
        time: i64,
    },
    /// Whoever Sigstore calls so.
    Keyless {
        /// The bundle as it was read.
        json: &'a str,
        /// Whose signature it must be.
        wanted: &'a Wanted,
        /// Whom to believe about that.
        roots: &'a Roots,
    },
    /// Whoever Sigstore calls by a name of this pattern.
    Pattern {
        /// The bundle as it was read.
        json: &'a str,
        /// The names.
        name: &'a NamePattern,
        /// Who vouches for them, exactly.
        issuer: &'a str,
        /// Whom to believe about that.
        roots: &'a Roots,
    },
}

/// Who signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Signer {
    /// The holder of a key.
    Key(PublicKey),
    /// The holder of a certificate.
    Certificate(Box<Leaf>),
    /// Somebody for whom an identity provider vouched.
    Identity(Identity),
}

/// A bundle whose signature is good. Whether it is true of what lies there, [`Manifest::compare`] says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Who signed.
    pub signer: Signer,
    /// What he signed.
    pub manifest: Manifest,
}

/// Why a bundle is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The payload is something else.
    #[error("the envelope holds `{0}`, not an in-toto statement")]
    PayloadType(String),
    /// No signature of the envelope is one of the key.
    #[error("signature invalid: it is not one of {0} over this statement")]
    Signature(String),
    /// The certificate is not trusted.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Sigstore does not vouch for it.
    #[error(transparent)]
    Keyless(#[from] KeylessError),
    /// The bundle shows something else than what is trusted.
    #[error("the bundle is signed with {shown}, and {trusted} is trusted")]
    Method {
        /// What it shows.
        shown: &'static str,
        /// What would be believed.
        trusted: &'static str,
    },
    /// What is signed is not to be believed.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// Verifies a bundle: one good signature of somebody who is trusted is enough, whatever others stand beside it.
///
/// # Errors
/// Why it is refused. Nothing that it says is looked at before its signature is good.
pub fn verify(bundle: &Bundle, trust: Trust<'_>) -> Result<Verified, Refusal> {
    let envelope = &bundle.envelope;
    let (key, signer) = whom(bundle, trust, Manifest::claimed_root)?;
    let Some(key) = key.filter(|key| !is_signed(bundle, key)) else {
        return Ok(Verified { signer, manifest: Manifest::read(&envelope.payload)? });
    };
    // Release 0.2 signed another encoding, and always with SHA-256. Only its own predicate is believed so.
    let digest = Sha2::Sha256.digest(&dsse::encode_0_2(&envelope.payload));
    let is_good = |signature: &Vec<u8>| key.verifies_digest(&digest, signature);
    if envelope.signatures.iter().any(is_good) {
        let manifest = Manifest::read(&envelope.payload)?;
        if manifest.age == Age::Old {
            return Ok(Verified { signer, manifest });
        }
    }
    Err(refused(&signer))
}

/// Finds the digest in a payload by which Sigstore knows it.
type Root = fn(&[u8]) -> Result<[u8; 32], ManifestError>;

/// Who signed a bundle, whatever statement it holds.
pub(crate) fn signer(bundle: &Bundle, trust: Trust<'_>, root: Root) -> Result<Signer, Refusal> {
    let (key, signer) = whom(bundle, trust, root)?;
    if key.is_none_or(|key| is_signed(bundle, &key)) { Ok(signer) } else { Err(refused(&signer)) }
}

/// Who is to be believed, and with which key he must have signed; none where Sigstore has said that he did.
fn whom(bundle: &Bundle, trust: Trust<'_>, root: Root) -> Result<(Option<PublicKey>, Signer), Refusal> {
    let envelope = &bundle.envelope;
    if envelope.payload_type != dsse::IN_TOTO {
        return Err(Refusal::PayloadType(envelope.payload_type.clone()));
    }
    Ok(match (trust, &bundle.material) {
        (Trust::Key(key), _) => (Some(key.clone()), Signer::Key(key.clone())),
        (Trust::Anchors { anchors, time }, Material::Chain(shown)) => {
            let leaf = chain::verify(shown, anchors, time)?;
            (Some(leaf.key.clone()), Signer::Certificate(Box::new(leaf)))
        }
        (Trust::Anchors { .. }, material) => {
            return Err(Refusal::Method { shown: material.describe(), trusted: "a certificate" });
        }
        (Trust::Keyless { json, wanted, roots }, Material::Keyless(_)) => {
            let identity = keyless::verify(json, root(&envelope.payload)?, wanted, roots)?;
            (None, Signer::Identity(identity))
        }
        (Trust::Pattern { json, name, issuer, roots }, Material::Keyless(_)) => {
            let identity = keyless::identify(json, root(&envelope.payload)?, roots)?;
            if !name.matches(&identity.name) || identity.issuer != issuer {
                return Err(KeylessError::Identity(identity.name, identity.issuer).into());
            }
            (None, Signer::Identity(identity))
        }
        (Trust::Keyless { .. } | Trust::Pattern { .. }, material) => {
            return Err(Refusal::Method { shown: material.describe(), trusted: "a Sigstore identity" });
        }
    })
}

/// Whether one signature of the envelope is one of this key.
fn is_signed(bundle: &Bundle, key: &PublicKey) -> bool {
    // Hashed once, however many signatures stand there.
    let digest = key.sha2().digest(&bundle.envelope.signed());
    bundle.envelope.signatures.iter().any(|signature| key.verifies_digest(&digest, signature))
}

fn refused(signer: &Signer) -> Refusal {
    Refusal::Signature(match signer {
        Signer::Key(key) => format!("the key {:.16}", key.hint()),
        Signer::Certificate(leaf) => format!("the certificate of `{}`", leaf.subject),
        Signer::Identity(identity) => format!("`{}`", identity.name),
    })
}

impl Material {
    fn describe(&self) -> &'static str {
        match self {
            Self::Key(_) => "a key",
            Self::Chain(_) => "a certificate",
            Self::Keyless(_) => "a Sigstore identity",
        }
    }
}
