//! Signs a model.

use weighbridge_core::coverage::Unread;
use weighbridge_core::listing::{File, Is, Listing};

use super::IGNORED;
use super::hash::Hashing;
use super::manifest::{Age, Manifest, Method, lies_in};
use crate::bundle::{Bundle, Material};
use crate::digests::Algorithm;
use crate::dsse::{Envelope, IN_TOTO, encode};

/// How a model is described.
#[derive(Clone, Debug)]
pub struct Choice {
    /// How files are cut.
    pub method: Method,
    /// How they are hashed.
    pub algorithm: Algorithm,
    /// Links to files are followed; else a link refuses the model.
    pub allow_symlinks: bool,
    /// Paths to leave out beside [`IGNORED`], with all below them.
    pub ignore_paths: Vec<String>,
    /// Where the signature will lie, if below the model.
    pub signature: Option<String>,
}

/// A model as it is to be signed.
#[derive(Debug)]
pub struct Described {
    /// What is signed.
    pub manifest: Manifest,
    /// What lies there and is left out.
    pub left_out: Vec<String>,
}

/// Why a model is not signed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignError {
    /// Some of it cannot be signed; every path with the reason.
    #[error("{} cannot be signed", crate::oms::sign::count(.0.len()))]
    Files(Vec<(String, Unread)>),
    /// There is nothing in it.
    #[error("there is no file to sign")]
    Nothing,
    /// Whoever should sign does not.
    #[error("the signer failed: {0}")]
    Signer(String),
}

/// Whoever signs.
pub trait Signs {
    /// What the bundle shows of him.
    fn material(&self) -> Material;

    /// The signature over these bytes, in DER.
    ///
    /// # Errors
    /// Why there is none.
    fn sign(&self, encoded: &[u8]) -> Result<Vec<u8>, String>;

    /// A bundle of this statement, signed.
    ///
    /// # Errors
    /// Why there is none.
    fn seal(&self, payload: Vec<u8>) -> Result<Bundle, String> {
        seal(self, payload)
    }
}

/// A bundle of this statement with what `signer` says of its encoding and shows of himself. Whoever must know more to sign
/// has a [`Signs::seal`] of his own.
///
/// # Errors
/// Why there is none.
pub fn seal<S: Signs + ?Sized>(signer: &S, payload: Vec<u8>) -> Result<Bundle, String> {
    let signature = signer.sign(&encode(IN_TOTO, &payload))?;
    let envelope = Envelope { payload_type: IN_TOTO.to_owned(), payload, signatures: vec![signature] };
    Ok(Bundle { envelope, material: signer.material(), early: false })
}

/// Hashes a model and says what would be signed.
///
/// # Errors
/// [`SignError::Files`], [`SignError::Nothing`].
pub fn describe(listing: &Listing, choice: &Choice, hashing: &Hashing<'_>) -> Result<Described, SignError> {
    let mut ignore_paths: Vec<String> = IGNORED.iter().map(|ignored| (*ignored).to_owned()).collect();
    ignore_paths.extend(choice.signature.iter().chain(&choice.ignore_paths).cloned());
    ignore_paths.sort();
    ignore_paths.dedup();
    let mut left_out = Vec::new();
    let mut wrong = Vec::new();
    let mut files: Vec<(&str, &File)> = Vec::new();
    for item in &listing.items {
        let path = item.path.as_str();
        // Somebody else may be writing his signature this moment; what is left of one is not taken by those who verify.
        if !listing.is_file && is_half_written(path) {
            left_out.push(path.to_owned());
            continue;
        }
        if !listing.is_file && ignore_paths.iter().any(|ignored| lies_in(path, ignored)) {
            if choice.signature.as_deref() != Some(path) {
                left_out.push(path.to_owned());
            }
            continue;
        }
        match &item.is {
            Is::File(file) => files.push((path, file)),
            Is::Link(file) if choice.allow_symlinks => files.push((path, file)),
            Is::Link(_) => wrong.push((path.to_owned(), Unread::Special("link"))),
            Is::Odd(why) => wrong.push((path.to_owned(), why.clone())),
        }
    }
    if !wrong.is_empty() {
        return Err(SignError::Files(wrong));
    }
    let all: Vec<&File> = files.iter().map(|(_, file)| *file).collect();
    let hashed = hashing.files(&all, choice.method, choice.algorithm);
    let mut manifest = Manifest {
        name: listing.name.clone(),
        age: Age::Current,
        method: choice.method,
        algorithm: choice.algorithm,
        allow_symlinks: choice.allow_symlinks,
        ignore_paths,
        files: std::collections::BTreeMap::new(),
    };
    for ((path, _), pieces) in files.into_iter().zip(hashed) {
        match pieces {
            Err(why) => wrong.push((path.to_owned(), why)),
            Ok(pieces) if pieces.is_empty() => left_out.push(path.to_owned()),
            Ok(pieces) => {
                manifest.files.insert(path.to_owned(), pieces);
            }
        }
    }
    if !wrong.is_empty() {
        return Err(SignError::Files(wrong));
    }
    if manifest.files.is_empty() {
        return Err(SignError::Nothing);
    }
    left_out.sort();
    Ok(Described { manifest, left_out })
}

/// Signs what was described.
///
/// # Errors
/// [`SignError::Signer`].
pub fn sign(manifest: &Manifest, signer: &dyn Signs) -> Result<Bundle, SignError> {
    signer.seal(manifest.to_statement()).map_err(SignError::Signer)
}

/// Whether a file is called like those by way of which a signature is written (`net::feed::atomic`).
fn is_half_written(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.strip_prefix(".weighbridge-").is_some_and(|rest| rest.ends_with(".tmp"))
}

fn count(files: usize) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{files} files") }
}
