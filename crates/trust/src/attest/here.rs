//! What lies where a claim is to be true: hashed once, however many claims there are.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::coverage::Unread;
use weighbridge_core::listing::{File, Is, Listing};

use super::claim::Claim;
use crate::digests::{Algorithm, Bytes};
use crate::oms::{self, Hashing, Method, Piece, Tolerance};

/// What lies at a path, as far as some claims speak of it.
#[derive(Debug)]
pub struct Here {
    /// The last name of the path.
    pub(super) name: String,
    pub(super) is_file: bool,
    pub(super) files: BTreeMap<String, Lies>,
}

/// What is known of a file.
#[derive(Debug)]
pub(super) enum Lies {
    Digest(Bytes),
    /// No claim names it.
    Unnamed,
    /// It is left out by rule.
    LeftOut {
        runs: bool,
    },
    Unread(Unread),
}

impl Here {
    /// Looks at what lies there and hashes what one of the claims names.
    pub fn look<'a>(
        listing: &Listing,
        claims: impl Iterator<Item = &'a Claim>,
        tolerance: &Tolerance,
        hashing: &Hashing<'_>,
    ) -> Self {
        let mut named: BTreeSet<&str> = BTreeSet::new();
        if listing.is_file {
            named.insert(".");
        } else {
            named.extend(claims.flat_map(|claim| &claim.subjects).map(|(name, _)| name.as_str()));
        }
        let mut files: BTreeMap<String, Lies> = BTreeMap::new();
        // A name that is no text may look like another one: what cannot be read of either is told.
        let mut tell = |path: &str, lies: Lies| {
            if files.get(path).is_none_or(|other| !matches!(other, Lies::Unread(_))) {
                files.insert(path.to_owned(), lies);
            }
        };
        let mut hashed = Vec::new();
        for item in &listing.items {
            let path = item.path.as_str();
            let is_named = named.contains(path);
            if !listing.is_file && !is_named {
                if tolerance.is_taken(path) {
                    continue;
                }
                if tolerance.leaves_out(path) {
                    // Whatever its mode says: what is nothing but bundles is nothing that runs.
                    let runs = !tolerance.is_claims(path) && oms::runs(item);
                    tell(path, Lies::LeftOut { runs });
                    continue;
                }
            }
            match &item.is {
                Is::Link(_) if !tolerance.allow_symlinks => tell(path, Lies::Unread(Unread::Special("link"))),
                Is::Odd(why) => tell(path, Lies::Unread(why.clone())),
                Is::File(file) | Is::Link(file) if is_named => hashed.push((path, file)),
                Is::File(_) | Is::Link(_) => tell(path, Lies::Unnamed),
            }
        }
        let all: Vec<&File> = hashed.iter().map(|(_, file)| *file).collect();
        let pieces = hashing.files(&all, Method::Files, Algorithm::Sha256);
        for ((path, _), pieces) in hashed.into_iter().zip(pieces) {
            tell(path, pieces.and_then(digest).map_or_else(Lies::Unread, Lies::Digest));
        }
        Self { name: listing.name.clone(), is_file: listing.is_file, files }
    }
}

fn digest(pieces: Vec<Piece>) -> Result<Bytes, Unread> {
    let first = pieces.into_iter().next().map(|piece| piece.digest);
    first.ok_or_else(|| Unread::Unsupported("a file without a digest".to_owned()))
}
