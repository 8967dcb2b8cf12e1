//! Hashes what lies at a place, for the lock.

use std::collections::BTreeMap;

use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::Digest;
use weighbridge_core::listing::{File, Is, Item, Listing};

use super::compare::Found;
use super::places;
use crate::digests::Algorithm;
use crate::oms::{self, Hashing, Method};

/// Every file of a listing with its digest, but for those that are never part of what is approved and those at `left_out`.
/// Links to files are followed: a cache of the hub consists of them.
pub fn find(listing: &Listing, left_out: &[&str], hashing: &Hashing<'_>) -> BTreeMap<String, Found> {
    let counts = |item: &&Item| {
        listing.is_file || !(places::is_left_out(&item.path) || left_out.contains(&item.path.as_str()))
    };
    let items: Vec<&Item> = listing.items.iter().filter(counts).collect();
    let found = oms::each(
        &items,
        |item| item.size(),
        hashing.halt,
        |item| match &item.is {
            Is::File(file) | Is::Link(file) => Found { size: file.size, digest: digest(file, hashing) },
            Is::Odd(why) => Found { size: 0, digest: Err(why.clone()) },
        },
    );
    let mut files: BTreeMap<String, Found> = BTreeMap::new();
    for (item, found) in items.into_iter().zip(found) {
        let found = found.unwrap_or(Found { size: 0, digest: Err(Unread::Cancelled) });
        // A name that is no text may look like another one: what cannot be read of either is told.
        if files.get(&item.path).is_none_or(|other| other.digest.is_ok()) {
            files.insert(item.path.clone(), found);
        }
    }
    files
}

fn digest(file: &File, hashing: &Hashing<'_>) -> Result<Digest, Unread> {
    let pieces = hashing.pieces(file, Method::Files, Algorithm::Sha256)?;
    let bytes = pieces.first().and_then(|piece| piece.digest.0.as_slice().try_into().ok());
    bytes.map(Digest::from_bytes).ok_or_else(|| Unread::Unsupported("a file without a digest".to_owned()))
}
