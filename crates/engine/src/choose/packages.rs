//! An index of packages as the resolver sees it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use weighbridge_advisory::pep440::{Specifiers, Version};
use weighbridge_advisory::pep508::{Active, Requirement};
use weighbridge_core::name::PackageName;
use weighbridge_core::show::Shown;
use weighbridge_net::index::{Client, File, IndexError, Metadata, Project, Scout};
use weighbridge_resolve::listing::Listed;
use weighbridge_resolve::{Listing, Needs, Packages, Release, Target, Unknown};

/// What an index offers to one target.
pub(crate) struct OnIndex<'a> {
    client: &'a Client,
    listed: RefCell<BTreeMap<PackageName, Offer>>,
    /// By name and number of the release.
    needs: RefCell<BTreeMap<(PackageName, usize), Known>>,
    ahead: Arc<Newest>,
}

/// What a release needs, or why that is not known.
type Known = Result<Arc<Needs>, Unknown>;

/// A package on the index: its releases for the target, and what the index says; none if it does not know it.
type Offer = Result<(Arc<Listing>, Option<Arc<Project>>), Unknown>;

impl<'a> OnIndex<'a> {
    /// What the index of `client` offers to `target`.
    pub(crate) fn new(client: &'a Client, target: &Target) -> Self {
        let ahead = Arc::new(Newest { target: target.clone(), listings: Mutex::default() });
        Self { client, listed: RefCell::default(), needs: RefCell::default(), ahead }
    }

    /// The file of a package with this number.
    pub(crate) fn file(&self, name: &PackageName, number: usize) -> Option<File> {
        let (_, project) = self.offer(name).ok()?;
        project?.files.get(number).cloned()
    }

    /// The index that says what there is of a package, and the address of one of its files.
    fn offer(&self, name: &PackageName) -> Offer {
        if let Some(known) = self.listed.borrow().get(name) {
            return known.clone();
        }
        let offer = match self.client.project(name.as_str()) {
            Ok(project) => Ok((self.ahead.listing(&project), Some(project))),
            Err(IndexError::NoProject(_)) => Ok((Arc::default(), None)),
            Err(error) => Err(Unknown::Unasked(error.to_string())),
        };
        self.listed.borrow_mut().insert(name.clone(), offer.clone());
        offer
    }

    fn ask_needs(&self, name: &PackageName, version: &Version) -> Result<Arc<Needs>, Unknown> {
        let (listing, project) = self.offer(name)?;
        let place = listing.find(version).and_then(|place| listing.releases.get(place));
        let file = place.and_then(|release| project.as_ref()?.files.get(release.file));
        let Some(file) = file else {
            return Err(Unknown::Unasked(format!("{name} {version} is not on the index")));
        };
        match self.client.metadata(name.as_str(), file) {
            Ok(metadata) => needs(&metadata, version).map(Arc::new).map_err(Unknown::Computed),
            Err(error @ IndexError::Computed(_)) => Err(Unknown::Computed(error.to_string())),
            Err(error) => Err(Unknown::Unasked(error.to_string())),
        }
    }
}

impl Packages for OnIndex<'_> {
    fn listing(&self, name: &PackageName) -> Result<Arc<Listing>, Unknown> {
        self.offer(name).map(|(listing, _)| listing)
    }

    fn needs(&self, name: &PackageName, version: &Version) -> Result<Arc<Needs>, Unknown> {
        let (listing, _) = self.offer(name)?;
        let key = (name.clone(), listing.find(version).unwrap_or(usize::MAX));
        if let Some(known) = self.needs.borrow().get(&key) {
            return known.clone();
        }
        let found = self.ask_needs(name, version);
        self.needs.borrow_mut().insert(key, found.clone());
        found
    }

    fn ahead(&self, names: &[&PackageName]) {
        let listed = self.listed.borrow();
        let new = names.iter().filter(|name| !listed.contains_key(**name));
        let scout: Arc<dyn Scout> = Arc::clone(&self.ahead) as _;
        self.client.scout(new.map(|name| name.as_str()), &scout);
    }
}

/// The releases of a project that a target can use.
fn listing(project: &Project, target: &Target) -> Listing {
    let files = project.files.iter().map(|file| Listed {
        name: &file.name,
        // A file whose name holds no version is none that an installer takes.
        version: project.version_of(file).unwrap_or_default(),
        requires_python: file.requires_python.as_deref(),
        yanked: file.yanked.is_some(),
    });
    Listing::of(files, target)
}

/// Guesses that of everything the newest will be chosen, as installers do.
struct Newest {
    target: Target,
    /// What was listed, by the name of the project: who chooses asks for the same soon.
    listings: Mutex<BTreeMap<String, Arc<OnceLock<Arc<Listing>>>>>,
}

impl Newest {
    fn listing(&self, project: &Project) -> Arc<Listing> {
        let slot = {
            let mut listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(listings.entry(project.name.clone()).or_default())
        };
        Arc::clone(slot.get_or_init(|| Arc::new(listing(project, &self.target))))
    }
}

impl Scout for Newest {
    fn file(&self, project: &Project) -> Option<usize> {
        let listing = self.listing(project);
        let is_likely = |release: &&Release| !release.yanked && !release.version.is_prerelease();
        listing.releases.iter().rev().find(is_likely).map(|release| release.file)
    }

    fn needed(&self, metadata: &Metadata) -> Vec<String> {
        let requirements = metadata.requires.iter().filter_map(|text| Requirement::parse(text).ok());
        let holds = |requirement: &Requirement| {
            let active = Active { extras: &[], groups: &[] };
            requirement.url.is_none()
                && requirement
                    .marker
                    .as_ref()
                    .is_none_or(|marker| marker.evaluate(&self.target.environment, active))
        };
        requirements.filter(holds).map(|requirement| requirement.name.to_string()).collect()
    }
}

/// What metadata says of needs.
///
/// # Errors
/// Why it cannot be believed, in words.
pub(crate) fn needs(metadata: &Metadata, version: &Version) -> Result<Needs, String> {
    if Version::parse(&metadata.version).ok().as_ref() != Some(version) {
        return Err(format!("its metadata is that of version {}", told(&metadata.version)));
    }
    let mut requirements = Vec::with_capacity(metadata.requires.len());
    for text in &metadata.requires {
        let read = Requirement::parse(text);
        requirements.push(read.map_err(|error| format!("it asks for `{}`: {error}", told(text)))?);
    }
    let requires_python = metadata.requires_python.as_deref().map(Specifiers::parse_lenient);
    // What cannot be read excludes nobody, as with pip.
    Ok(Needs { requirements, requires_python: requires_python.and_then(Result::ok).unwrap_or_default() })
}

/// A text of others, fit to be shown.
pub(crate) fn told(text: &str) -> String {
    Shown(text).to_string()
}
