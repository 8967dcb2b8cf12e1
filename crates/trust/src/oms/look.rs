//! Looks at a signature without knowing whom to believe: who it says has signed which files, and as much of the proof as
//! can be had without a key.

use weighbridge_core::digest::Digest;
use weighbridge_core::lock::{ByRoots, Identity, Proof, Signature, SignedFile, Unproved};

use super::manifest::{Age, Manifest, Piece};
use super::read::ManifestError;
use super::verify::Refusal;
use crate::bundle::{Bundle, BundleError, Material};
use crate::digests::Algorithm;
use crate::keyless::{self, Roots};
use crate::keys::{PublicKey, Sha2};
use crate::{chain, dsse};

/// Why nothing can be said of a signature.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LookError {
    /// No bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Nothing about the files of a model that can be understood.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The payload is something else.
    #[error(transparent)]
    Payload(#[from] Refusal),
}

impl LookError {
    /// The bundle is sound and says something, but not of the files of a model.
    pub fn is_of_something_else(&self) -> bool {
        matches!(
            self,
            Self::Manifest(ManifestError::Predicate(_) | ManifestError::NotOfTensors(_)) | Self::Payload(_)
        )
    }
}

/// Looks at the JSON of a bundle.
///
/// # Errors
/// [`LookError`].
pub fn look(json: &str) -> Result<Signature, LookError> {
    let bundle = Bundle::read(json.as_bytes())?;
    let envelope = &bundle.envelope;
    if envelope.payload_type != dsse::IN_TOTO {
        return Err(Refusal::PayloadType(envelope.payload_type.clone()).into());
    }
    let manifest = Manifest::read(&envelope.payload)?;
    let (identity, proof) = proof(&bundle, json, manifest.age == Age::Old)?;
    let files = manifest.files.iter().map(|(path, pieces)| (path.clone(), signed_file(pieces, &manifest)));
    Ok(Signature {
        identity,
        proof,
        files: files.collect(),
        ignored: manifest.ignore_paths.clone(),
        attested: None,
    })
}

/// Who a bundle says has signed, and whether that holds; `json` is its text, and `is_old` where it says that it is one of an early
/// release.
pub(crate) fn proof(bundle: &Bundle, json: &str, is_old: bool) -> Result<(Identity, Proof), LookError> {
    let envelope = &bundle.envelope;
    Ok(match &bundle.material {
        Material::Key(hint) => {
            // Early releases put the key itself there.
            let hint = PublicKey::from_pem(hint).map_or_else(|_| hint.clone(), |key| key.hint());
            let signed = envelope.signed();
            let early = is_old.then(|| Sha2::Sha256.digest(&dsse::encode_0_2(&envelope.payload)));
            let unproved = Unproved {
                digests: [Sha2::Sha256, Sha2::Sha384, Sha2::Sha512].map(|sha2| sha2.digest(&signed)),
                early,
                signatures: envelope.signatures.clone(),
            };
            (Identity::Key(hint), Proof::NeedsKey(Box::new(unproved)))
        }
        Material::Chain(shown) => {
            let leaf = shown.first().map(Vec::as_slice).unwrap_or_default();
            let signed = envelope.signed();
            let proof = match chain::key_of(leaf) {
                Err(error) => Proof::Fails(error.to_string()),
                Ok(key) => {
                    let is_good = |signature: &Vec<u8>| key.verifies(key.sha2(), &signed, signature);
                    if envelope.signatures.iter().any(is_good) {
                        Proof::Holds
                    } else {
                        Proof::Fails("it is not one of the certificate that it shows".to_owned())
                    }
                }
            };
            (Identity::Certificate(Digest::of(leaf).to_string()), proof)
        }
        Material::Keyless(_) => {
            let root = Manifest::claimed_root(&envelope.payload)?;
            let mut by = ByRoots {
                json: json.into(),
                digest: Digest::from_bytes(root),
                public: Err(String::new()),
                is_vouched: false,
            };
            by.public = identified(&by, &Roots::public());
            by.is_vouched = by.public.is_ok();
            let nobody = Identity::Sigstore { name: String::new(), issuer: String::new() };
            (by.public.clone().unwrap_or(nobody), Proof::ByRoots(Box::new(by)))
        }
    })
}

/// Whom these roots name as the signer.
///
/// # Errors
/// Why they name nobody.
pub fn identified(by: &ByRoots, roots: &Roots) -> Result<Identity, String> {
    let identity =
        keyless::identify(&by.json, *by.digest.as_bytes(), roots).map_err(|error| error.to_string())?;
    Ok(Identity::Sigstore { name: identity.name, issuer: identity.issuer })
}

/// Has a signature of Sigstore that the public instance does not vouch for named by the first of these roots that does.
pub fn vouch(identity: &mut Identity, proof: &mut Proof, roots: &[Roots]) {
    let Proof::ByRoots(by) = proof else { return };
    if !by.is_vouched
        && let Some(named) = roots.iter().find_map(|roots| identified(by, roots).ok())
    {
        *identity = named;
        by.is_vouched = true;
    }
}

/// Whether a signature that needs a key is one of this key.
pub fn holds(unproved: &Unproved, key: &PublicKey) -> bool {
    let [sha256, sha384, sha512] = &unproved.digests;
    let digest = match key.sha2() {
        Sha2::Sha256 => sha256,
        Sha2::Sha384 => sha384,
        Sha2::Sha512 => sha512,
    };
    let digests = [Some(digest), unproved.early.as_ref()];
    let is_good = |signature: &Vec<u8>| {
        digests.into_iter().flatten().any(|digest| key.verifies_digest(digest, signature))
    };
    unproved.signatures.iter().any(is_good)
}

fn signed_file(pieces: &[Piece], manifest: &Manifest) -> SignedFile {
    match pieces {
        [Piece { end: None, digest, .. }] if manifest.algorithm == Algorithm::Sha256 => {
            SignedFile { digest: digest.0.as_slice().try_into().ok().map(Digest::from_bytes), size: None }
        }
        // One shard over a whole file is a digest of it.
        [Piece { end: Some(end), digest, .. }] if manifest.algorithm == Algorithm::Sha256 => SignedFile {
            digest: digest.0.as_slice().try_into().ok().map(Digest::from_bytes),
            size: Some(*end),
        },
        pieces => SignedFile { digest: None, size: pieces.last().and_then(|piece| piece.end) },
    }
}
