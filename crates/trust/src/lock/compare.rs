//! Compares what was approved with what lies there.

use std::collections::BTreeMap;

use weighbridge_core::coverage::Unread;
use weighbridge_core::date::Date;
use weighbridge_core::digest::Digest;
use weighbridge_core::lock::{Approval, Identity, Pin, Proof, Signature, Signer, Superseded};

use super::{MOST_SUPERSEDED, places};
use crate::keyless::Roots;
use crate::keys::PublicKey;
use crate::oms;

/// What lies where an approved thing should.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// Its files by their paths below it, without its signature.
    pub files: BTreeMap<&'a str, Found>,
    /// The signature, at the path that the lock knows.
    pub signature: Shown<'a>,
    /// The revision that lies there, where that is known.
    pub revision: Option<&'a str>,
}

/// A file that lies there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Size in bytes.
    pub size: u64,
    /// Its digest, or why there is none.
    pub digest: Result<Digest, Unread>,
}

/// What lies where the signature should.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown<'a> {
    /// Nothing.
    Nothing,
    /// Something that is no signature of model files.
    Other,
    /// A signature.
    Signature(&'a Signature),
}

/// What is otherwise than it was approved.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Difference {
    /// It must be signed, and nobody has signed it.
    Unsigned,
    /// What lies there as its signature is not good, and why.
    NotHolding(String),
    /// Other bytes.
    Changed {
        /// The file.
        path: String,
        /// As it was approved.
        pinned: Pin,
        /// Its size now.
        size: u64,
        /// Its digest now, where it is known.
        digest: Option<Digest>,
    },
    /// A file that is gone.
    Missing(String),
    /// A file that was not approved.
    Extra(String),
    /// Somebody else has signed.
    SignerChanged {
        /// Who had signed.
        pinned: Identity,
        /// Who has now, as the signature says.
        shown: Identity,
    },
    /// The signature is gone, from this path.
    SignatureLost(String),
    /// What lies there was approved once, and replaced on this day.
    Downgraded(Date),
    /// Another revision.
    Moved {
        /// The approved one.
        pinned: String,
        /// The one that lies there.
        found: String,
    },
    /// It cannot be said whether a file is as it was approved.
    Unread {
        /// The file.
        path: String,
        /// Why.
        why: Unread,
    },
}

impl Difference {
    /// Nothing is known to be wrong, but neither that it is right.
    pub fn is_unread(&self) -> bool {
        matches!(self, Self::Unread { .. })
    }
}

/// Every difference, sorted; none where everything is as it was approved.
pub fn compare(approval: &Approval, seen: &Seen<'_>) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (path, pin) in &approval.files {
        let path = path.clone();
        match seen.files.get(path.as_str()) {
            None => differences.push(Difference::Missing(path)),
            Some(Found { digest: Ok(digest), size }) if *digest != pin.digest || *size != pin.size => {
                differences.push(Difference::Changed {
                    path,
                    pinned: *pin,
                    size: *size,
                    digest: Some(*digest),
                });
            }
            Some(Found { digest: Ok(_), .. }) => {}
            Some(Found { digest: Err(_), size }) if *size != pin.size => {
                differences.push(Difference::Changed { path, pinned: *pin, size: *size, digest: None });
            }
            Some(Found { digest: Err(why), .. }) => {
                differences.push(Difference::Unread { path, why: why.clone() });
            }
        }
    }
    let is_extra = |path: &&&str| !approval.files.contains_key(**path) && !places::is_left_out(path);
    differences.extend(seen.files.keys().filter(is_extra).map(|path| Difference::Extra((*path).to_owned())));
    differences.extend(signature(approval, seen.signature));
    if let (Some(pinned), Some(found)) = (&approval.revision, seen.revision)
        && pinned != found
    {
        differences.push(Difference::Moved { pinned: pinned.clone(), found: found.to_owned() });
    }
    if !differences.is_empty() {
        let revision = seen.revision.and_then(|found| downgraded_to(approval, found));
        differences.extend(revision.or_else(|| downgraded(approval, seen)));
    }
    differences.sort();
    differences
}

/// That this revision was approved once and replaced, if it was.
pub fn downgraded_to(approval: &Approval, revision: &str) -> Option<Difference> {
    let was = |it: &&Superseded| it.revision.as_deref() == Some(revision);
    let found = approval.superseded.iter().rev().find(was)?;
    (approval.revision.as_deref() != Some(revision)).then_some(Difference::Downgraded(found.until))
}

/// That exactly these files were approved once and replaced, if they were.
fn downgraded(approval: &Approval, seen: &Seen<'_>) -> Option<Difference> {
    if approval.superseded.is_empty() {
        return None;
    }
    let files = seen.files.iter().filter(|(path, _)| !places::is_left_out(path));
    let pins: Option<BTreeMap<String, Pin>> = files
        .map(|(path, found)| {
            let digest = *found.digest.as_ref().ok()?;
            Some(((*path).to_owned(), Pin { size: found.size, digest }))
        })
        .collect();
    let digest = super::digest(&pins?);
    if digest == super::digest(&approval.files) {
        return None;
    }
    let found = approval.superseded.iter().rev().find(|it| it.digest == digest)?;
    Some(Difference::Downgraded(found.until))
}

/// `new` in the place of `old`, which it remembers from `today` on, with all that `old` remembers.
pub fn supersede(old: Approval, new: Approval, today: Date) -> Approval {
    let mut superseded = old.superseded;
    superseded.push(Superseded { digest: super::digest(&old.files), revision: old.revision, until: today });
    // What counts now is none of those, also where it is approved anew.
    let digest = super::digest(&new.files);
    superseded.retain(|it| it.digest != digest || it.revision != new.revision);
    let older = superseded.len().saturating_sub(MOST_SUPERSEDED);
    superseded.drain(..older);
    Approval { superseded, ..new }
}

fn signature(approval: &Approval, shown: Shown<'_>) -> Option<Difference> {
    let Some(signer) = &approval.signer else {
        return approval.signature_required.then_some(Difference::Unsigned);
    };
    match shown {
        Shown::Nothing => Some(Difference::SignatureLost(signer.signature.clone())),
        Shown::Other => Some(Difference::NotHolding(format!("`{}` is no signature", signer.signature))),
        Shown::Signature(signature) => by(signer, signature),
    }
}

/// What is wrong with a signature that should be one of `signer`.
fn by(signer: &Signer, signature: &Signature) -> Option<Difference> {
    let key = signer.key.as_ref().and_then(|der| PublicKey::from_der(der).ok());
    let shown = by_pinned_roots(signer, signature);
    let identity = shown.as_ref().map_or(&signature.identity, |it| it.as_ref().unwrap_or(&NOBODY));
    let is_same = signer.identity == *identity;
    let fails = match (&signature.proof, key) {
        (Proof::ByRoots(_), _) => shown.as_ref().and_then(|it| it.as_ref().err().cloned()),
        (Proof::NeedsKey(unproved), Some(key)) => {
            // Whatever the signature says of itself: what counts is whose it is.
            if oms::holds(unproved, &key) {
                return None;
            }
            Some("it is not one of the key that the lock names".to_owned())
        }
        (Proof::Fails(why), _) => Some(why.clone()),
        (Proof::Holds | Proof::NeedsKey(_), _) => None,
    };
    let nameless = matches!(identity, Identity::Sigstore { name, .. } if name.is_empty());
    match fails {
        // Who it is that a broken proof of Sigstore does not vouch for is not known.
        Some(why) if is_same || nameless => Some(Difference::NotHolding(why)),
        None if is_same => None,
        _ => Some(Difference::SignerChanged { pinned: signer.identity.clone(), shown: identity.clone() }),
    }
}

/// Somebody whom Sigstore does not name.
static NOBODY: Identity = Identity::Sigstore { name: String::new(), issuer: String::new() };

/// Whom the roots that the lock pins name, which are those of the public instance where it pins none; nothing for a signature that
/// is not one of Sigstore. Whomever else the user believes does not count here.
fn by_pinned_roots(signer: &Signer, signature: &Signature) -> Option<Result<Identity, String>> {
    let Proof::ByRoots(by) = &signature.proof else { return None };
    Some(match &signer.roots {
        None => by.public.clone(),
        Some(roots) => Roots::read(roots)
            .map_err(|error| error.to_string())
            .and_then(|roots| oms::identified(by, &roots)),
    })
}
