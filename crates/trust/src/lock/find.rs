//! Hashes what lies at a place, for the lock.

use std::collections::BTreeMap;

use weighbridge_core::coverage::Unread;
use weighbridge_core::digest::Digest;
use weighbridge_core::listing::{File, Is, Item, Listing};

use super::compare::Found;
use super::places;
use crate::digests::Algorithm;
use crate::oms::{Hashing, Method, Piece};

/// Every file of a listing with its digest, but for those that are never part of what is approved and those at `left_out`.
/// Links to files are followed: a cache of the hub consists of them.
pub fn find(listing: &Listing, left_out: &[&str], hashing: &Hashing<'_>) -> BTreeMap<String, Found> {
    let counts = |item: &&Item| {
        listing.is_file || !(places::is_left_out(&item.path) || left_out.contains(&item.path.as_str()))
    };
    let mut files: BTreeMap<String, Found> = BTreeMap::new();
    // A name that is no text may look like another one: what cannot be read of either is told.
    let mut tell = |path: &str, found: Found| {
        if files.get(path).is_none_or(|other| other.digest.is_ok()) {
            files.insert(path.to_owned(), found);
        }
    };
    let mut sound = Vec::new();
    for item in listing.items.iter().filter(counts) {
        match &item.is {
            Is::File(file) | Is::Link(file) => sound.push((item.path.as_str(), file)),
            Is::Odd(why) => tell(&item.path, Found { size: 0, digest: Err(why.clone()) }),
        }
    }
    let all: Vec<&File> = sound.iter().map(|(_, file)| *file).collect();
    let hashed = hashing.files(&all, Method::Files, Algorithm::Sha256);
    for ((path, file), pieces) in sound.into_iter().zip(hashed) {
        tell(path, Found { size: file.size, digest: pieces.and_then(digest) });
    }
    files
}

fn digest(pieces: Vec<Piece>) -> Result<Digest, Unread> {
    let bytes = pieces.first().and_then(|piece| piece.digest.0.as_slice().try_into().ok());
    bytes.map(Digest::from_bytes).ok_or_else(|| Unread::Unsupported("a file without a digest".to_owned()))
}
