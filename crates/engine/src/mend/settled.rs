//! An index, and what is there now even if the index does not have it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weighbridge_advisory::pep440::Version;
use weighbridge_core::name::PackageName;
use weighbridge_net::index::File;
use weighbridge_resolve::{Listing, Needs, Packages, Release, Unknown};

use super::now::Now;
use crate::choose::packages::OnIndex;

/// An index to which the present versions are added: builds of one's own, and what was taken back.
pub(super) struct Settled<'a> {
    index: OnIndex<'a>,
    now: &'a Now,
    /// What has something to be mended.
    flawed: &'a BTreeSet<PackageName>,
    /// What is kept as it is because nobody says what else there is, and why.
    kept: RefCell<BTreeMap<PackageName, String>>,
}

impl<'a> Settled<'a> {
    pub(super) fn new(index: OnIndex<'a>, now: &'a Now, flawed: &'a BTreeSet<PackageName>) -> Self {
        let settled = Self { index, now, flawed, kept: RefCell::default() };
        let names: Vec<&PackageName> = settled.now.versions.keys().collect();
        settled.index.ahead(&names);
        settled
    }

    /// The file of the index with this number.
    pub(super) fn file(&self, name: &PackageName, number: usize) -> Option<File> {
        self.index.file(name, number)
    }

    /// What is kept as it is because nobody says what else there is, and why.
    pub(super) fn kept(&self) -> Vec<String> {
        let kept = self.kept.borrow();
        kept.iter().map(|(name, reason)| format!("{name} is kept as it is: {reason}")).collect()
    }

    /// What the index offers; nothing of what comes from elsewhere.
    fn offered(&self, name: &PackageName) -> Result<Arc<Listing>, Unknown> {
        if self.now.fixed.contains(name) {
            return Ok(Arc::default());
        }
        match self.index.listing(name) {
            Err(Unknown::Unasked(reason))
                if self.now.versions.contains_key(name) && !self.flawed.contains(name) =>
            {
                self.kept.borrow_mut().insert(name.clone(), reason);
                Ok(Arc::default())
            }
            answer => answer,
        }
    }
}

impl Packages for Settled<'_> {
    fn listing(&self, name: &PackageName) -> Result<Arc<Listing>, Unknown> {
        let listing = self.offered(name)?;
        let Some(version) = self.now.versions.get(name).filter(|it| listing.find(it).is_none()) else {
            return Ok(listing);
        };
        let mut listing = Listing::clone(&listing);
        listing.unusable.retain(|(unusable, _)| unusable != version);
        let place = listing.releases.partition_point(|release| release.version < *version);
        // No file of the index has this number: there is none to be fetched.
        let release = Release { version: version.clone(), yanked: false, file: usize::MAX, is_source: false };
        listing.releases.insert(place, release);
        Ok(Arc::new(listing))
    }

    fn needs(&self, name: &PackageName, version: &Version) -> Result<Arc<Needs>, Unknown> {
        let is_now = self.now.versions.get(name) == Some(version);
        match self.now.needs.get(name).filter(|_| is_now) {
            // What lies there says itself what it needs; an index may know it by another build.
            Some(needs) => Ok(Arc::new(needs.clone())),
            None => self.index.needs(name, version),
        }
    }

    fn ahead(&self, names: &[&PackageName]) {
        self.index.ahead(names);
    }
}
