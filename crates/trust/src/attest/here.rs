//! What lies where a claim is to be true: hashed once, however many claims there are.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::coverage::Unread;
use weighbridge_core::listing::{File, Is, Item, Listing};

use super::claim::Claim;
use crate::digests::{Algorithm, Bytes};
use crate::oms::{self, Hashing, Method, Tolerance};

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
        let found = oms::each(&listing.items, Item::size, hashing.halt, |item| {
            let is_named = named.contains(item.path.as_str());
            if !listing.is_file && !is_named {
                if tolerance.is_taken(&item.path) {
                    return None;
                }
                if tolerance.leaves_out(&item.path) {
                    // Whatever its mode says: what is nothing but bundles is nothing that runs.
                    let runs = !tolerance.is_claims(&item.path) && oms::runs(item);
                    return Some(Lies::LeftOut { runs });
                }
            }
            Some(lies(item, is_named, tolerance.allow_symlinks, hashing))
        });
        let mut files: BTreeMap<String, Lies> = BTreeMap::new();
        for (item, found) in listing.items.iter().zip(found) {
            let lies = match found {
                None => Lies::Unread(Unread::Cancelled),
                Some(Some(lies)) => lies,
                Some(None) => continue,
            };
            // A name that is no text may look like another one: what cannot be read of either is told.
            if files.get(&item.path).is_none_or(|other| !matches!(other, Lies::Unread(_))) {
                files.insert(item.path.clone(), lies);
            }
        }
        Self { name: listing.name.clone(), is_file: listing.is_file, files }
    }
}

fn lies(item: &Item, is_named: bool, follows: bool, hashing: &Hashing<'_>) -> Lies {
    let file = match &item.is {
        Is::File(file) => file,
        Is::Link(file) if follows => file,
        Is::Link(_) => return Lies::Unread(Unread::Special("link")),
        Is::Odd(why) => return Lies::Unread(why.clone()),
    };
    if !is_named {
        return Lies::Unnamed;
    }
    digest(file, hashing).map_or_else(Lies::Unread, Lies::Digest)
}

fn digest(file: &File, hashing: &Hashing<'_>) -> Result<Bytes, Unread> {
    let pieces = hashing.pieces(file, Method::Files, Algorithm::Sha256)?;
    let first = pieces.into_iter().next().map(|piece| piece.digest);
    first.ok_or_else(|| Unread::Unsupported("a file without a digest".to_owned()))
}
