//! The advisories in memory, by package: every question that one can ask of them.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::date::Date;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::knowledge::{Matched, Unassessed, Vulnerability};

use crate::advisory::{self, Advisory, Affected};
use crate::builder::Builder;
use crate::group;
use crate::order::Order;
use crate::osv::Gap;
use crate::pep440::Version;
use crate::range::{self, Hit, Span};
use crate::snapshot::{self, SnapshotError};

/// Advisories, indexed by package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Index {
    pub(crate) about: About,
    pub(crate) advisories: Vec<Advisory>,
    /// The catalogue of exploited vulnerabilities by CVE, also those that no record is about yet: an updated feed of
    /// records brings no catalogue.
    pub(crate) exploited: BTreeMap<String, Date>,
    by_package: BTreeMap<String, Vec<Entry>>,
}

/// What there is to say about the data as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct About {
    /// The day up to which the data are complete.
    pub as_of: Date,
    /// Records that were withdrawn and are not in it.
    pub withdrawn: u64,
    /// Parts of records that cannot be understood and so never match, sorted.
    pub gaps: Vec<Gap>,
    /// Whose data it is, one line a source, for attribution.
    pub sources: Vec<String>,
    /// Keys of packages that the data cover although no record may be about them, sorted; one that ends in `/` stands for
    /// all that begin so.
    pub covered: Vec<String>,
}

/// A row of [`Index::by_package`]: which advisory, and which of its affected packages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Entry {
    advisory: usize,
    affected: usize,
}

static EMBEDDED: &[u8] = include_bytes!("../data/pypi.snapshot");
static LIBRARIES: &[u8] = include_bytes!("../data/libraries.snapshot");

impl Index {
    /// The advisories inside the binary.
    ///
    /// # Errors
    /// Never in a build that passed its tests.
    pub fn embedded() -> Result<Self, SnapshotError> {
        Self::from_bytes(EMBEDDED)
    }

    /// The advisories inside the binary about libraries that wheels carry, and about packages of distributions of which
    /// wheels are built.
    ///
    /// # Errors
    /// Never in a build that passed its tests.
    pub fn embedded_libraries() -> Result<Self, SnapshotError> {
        Self::from_bytes(LIBRARIES)
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    /// What is wrong with it; nothing of a damaged snapshot is used.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        snapshot::read(bytes).map(|(about, advisories, exploited)| Self::new(about, advisories, exploited))
    }

    /// Writes a snapshot. The same advisories give the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        snapshot::write(self)
    }

    /// A builder for advisories that arrive as OSV records.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A builder for records about libraries, crates, and packages of the distributions `releases` (`almalinux:8`) with
    /// these names: where no record is about one of them, the data say that it is sound.
    pub fn library_builder(releases: &[&str], names: &'static [&'static str]) -> Builder {
        Builder::libraries(releases, names)
    }

    /// A builder for records that the user has, about everything that is known here; see [`Builder::finish_sets`].
    pub fn import_builder() -> Builder {
        Builder::all()
    }

    /// An index of nothing but a catalogue of exploited vulnerabilities (CISA KEV, JSON).
    ///
    /// # Errors
    /// When it is not that.
    pub fn of_exploited(json: &[u8], sources: Vec<String>) -> Result<Self, serde_json::Error> {
        let mut builder = Builder::default();
        builder.add_exploited(json)?;
        let index = builder.finish(Date::from_days(0), sources);
        let as_of = index.exploited.values().max().copied().unwrap_or(index.about.as_of);
        Ok(Self { about: About { as_of, ..index.about }, ..index })
    }

    /// Adds what another index knows. Of two records with one id the newer stands, of two of one day the added one; one that
    /// was withdrawn takes the other with it.
    pub fn with(self, more: Self) -> Self {
        let mut known: BTreeMap<String, Advisory> =
            self.advisories.into_iter().map(|advisory| (advisory.id.clone(), advisory)).collect();
        for advisory in more.advisories {
            let newer = known.get(&advisory.id).is_some_and(|known| known.modified > advisory.modified);
            if !newer {
                known.insert(advisory.id.clone(), advisory);
            }
        }
        let together = |one: Vec<String>, other: Vec<String>| -> Vec<String> {
            one.into_iter().chain(other).collect::<BTreeSet<_>>().into_iter().collect()
        };
        let (one, other) = (self.about, more.about);
        let gaps: BTreeSet<Gap> = one.gaps.into_iter().chain(other.gaps).collect();
        let about = About {
            // Only what is complete makes the whole complete up to a later day.
            as_of: if other.covered.iter().any(|it| it == advisory::ALL_OF_PYTHON) {
                one.as_of.max(other.as_of)
            } else {
                one.as_of
            },
            withdrawn: one.withdrawn.saturating_add(other.withdrawn),
            gaps: gaps.into_iter().collect(),
            sources: one.sources.into_iter().chain(other.sources).collect(),
            covered: together(one.covered, other.covered),
        };
        let mut exploited = self.exploited;
        exploited.extend(more.exploited);
        Self::new(about, known.into_values().collect(), exploited)
    }

    /// Leaves out all but the last notes about where the data come from.
    pub fn keep_sources(&mut self, most: usize) {
        let more = self.about.sources.len().saturating_sub(most);
        self.about.sources.drain(..more);
    }

    /// Records that can match; those that only say that they were withdrawn are none.
    pub fn records_in_force(&self) -> usize {
        self.advisories.iter().filter(|advisory| !advisory.affected.is_empty()).count()
    }

    /// Vulnerabilities in the catalogue of exploited ones.
    pub fn exploited_count(&self) -> usize {
        self.exploited.len()
    }

    /// Whether the data are complete about a package, so that their silence means that it is sound.
    fn covers(&self, key: &str) -> bool {
        let whole = || key.rsplit_once('/').map(|(beginning, _)| format!("{beginning}/"));
        let covered = |text: &String| self.about.covered.binary_search(text).is_ok();
        covered(&key.to_owned()) || whole().as_ref().is_some_and(covered)
    }

    pub(crate) fn new(about: About, advisories: Vec<Advisory>, exploited: BTreeMap<String, Date>) -> Self {
        let mut by_package: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for (number, advisory) in advisories.iter().enumerate() {
            for (place, affected) in advisory.affected.iter().enumerate() {
                let entry = Entry { advisory: number, affected: place };
                match by_package.get_mut(&affected.package) {
                    Some(entries) => entries.push(entry),
                    None => {
                        by_package.insert(affected.package.clone(), vec![entry]);
                    }
                }
            }
        }
        Self { about, advisories, exploited, by_package }
    }

    /// What there is to say about the data as a whole.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// The advisories, ordered by id.
    pub fn advisories(&self) -> &[Advisory] {
        &self.advisories
    }

    /// The day on which CISA listed a CVE as known to be exploited, whether or not a record is about it.
    pub fn exploited_since(&self, cve: &str) -> Option<Date> {
        self.exploited.get(cve).copied()
    }

    /// Names of the packages that any advisory is about, sorted.
    pub fn packages(&self) -> impl Iterator<Item = &str> {
        self.by_package.keys().map(String::as_str)
    }

    /// What is known of a Python package (by normalised name), read once for questions about many versions of it.
    pub fn package(&self, name: &str) -> Package<'_> {
        let read = |(advisory, place): (&'_ Advisory, usize)| advisory.affected.get(place).map(Span::new);
        let entries = self.entries(name).filter_map(|entry| Some((entry.0, read(entry)?))).collect();
        Package { entries }
    }

    /// The records that match a version of a package (by normalised name), ordered by id.
    pub fn records(&self, package: &str, version: &Version) -> Vec<(&Advisory, Matched)> {
        let hits = self.package(package).hits(version);
        hits.into_iter().map(|(advisory, hit)| (advisory, hit.matched)).collect()
    }

    /// The vulnerabilities of a version of a package: records that are aliases of each other are one. Ordered by name.
    pub fn vulnerabilities(&self, package: &str, version: &Version) -> Vec<Vulnerability> {
        self.package(package).vulnerabilities(version)
    }

    /// The vulnerabilities of a package that is none of Python, or why there is nothing to say. `release` is that of a
    /// distribution (`almalinux:8`), else empty.
    ///
    /// What is said of the packages of a module says nothing of one that is none, and of which stream it is said is not known.
    ///
    /// # Errors
    /// [`Unassessed::NoData`], [`Unassessed::Module`] and [`Unassessed::UnreadableVersion`].
    pub fn assess(
        &self,
        ecosystem: Ecosystem,
        release: &str,
        name: &str,
        version: &str,
    ) -> Result<Vec<Vulnerability>, Unassessed> {
        let key = advisory::key(ecosystem, release, name);
        self.assess_key(ecosystem, name, &key, version, self.covers(&key))
    }

    /// The same for an RPM that the distribution itself is known to have built.
    ///
    /// # Errors
    /// Those of [`Self::assess`].
    pub fn assess_own(
        &self,
        release: &str,
        name: &str,
        version: &str,
    ) -> Result<Vec<Vulnerability>, Unassessed> {
        let key = advisory::key(Ecosystem::Rpm, release, name);
        let own = advisory::own(&key).is_some_and(|own| self.about.covered.binary_search(&own).is_ok());
        self.assess_key(Ecosystem::Rpm, name, &key, version, own || self.covers(&key))
    }

    fn assess_key(
        &self,
        ecosystem: Ecosystem,
        name: &str,
        key: &str,
        version: &str,
        covered: bool,
    ) -> Result<Vec<Vulnerability>, Unassessed> {
        if !covered && !self.by_package.contains_key(key) {
            return Err(Unassessed::NoData);
        }
        let order = Order::of(ecosystem, name);
        if !order.reads(version) {
            return Err(Unassessed::UnreadableVersion);
        }
        let rpm = ecosystem == Ecosystem::Rpm;
        if rpm && advisory::is_modular(version) {
            return Err(Unassessed::Module);
        }
        let affected = self.entries(key).filter_map(|(advisory, place)| {
            let affected = advisory.affected.get(place)?;
            (!rpm || !affected.is_of_module()).then_some((advisory, affected))
        });
        let entries: Vec<(&Advisory, &Affected)> = affected.collect();
        if entries.is_empty() && !covered {
            return Err(Unassessed::NoData);
        }
        let hits = entries.into_iter().filter_map(|(advisory, affected)| {
            Some((advisory, range::affects_by(order, affected, version)?))
        });
        Ok(group::vulnerabilities(hits.collect(), order))
    }

    /// See [`Package::smallest_clear_version`].
    pub fn smallest_clear_version(&self, package: &str, version: &Version) -> Option<Version> {
        self.package(package).smallest_clear_version(version)
    }

    fn entries<'index>(
        &'index self,
        package: &str,
    ) -> impl Iterator<Item = (&'index Advisory, usize)> + use<'index> {
        let entries = self.by_package.get(package).map(Vec::as_slice).unwrap_or_default();
        entries.iter().filter_map(|entry| Some((self.advisories.get(entry.advisory)?, entry.affected)))
    }
}

/// What the advisories say of one Python package.
pub struct Package<'index> {
    /// In the order of the ids.
    entries: Vec<(&'index Advisory, Span)>,
}

impl<'index> Package<'index> {
    /// The vulnerabilities of a version: records that are aliases of each other are one. Ordered by name.
    pub fn vulnerabilities(&self, version: &Version) -> Vec<Vulnerability> {
        group::vulnerabilities(self.hits(version), Order::Pep440)
    }

    /// The smallest version above `version` that no advisory is about, among those that an advisory names as a fix.
    /// A pre-release only if `version` is one, or no release will do. Whether it was ever published is not known here.
    pub fn smallest_clear_version(&self, version: &Version) -> Option<Version> {
        let spans = || self.entries.iter().map(|(_, span)| span);
        let above = spans().flat_map(Span::fixes).filter(|fix| version.cmp_public(fix).is_lt());
        let candidates: BTreeSet<&Version> = above.collect();
        let is_clear = |candidate: &&Version| spans().all(|span| span.hit(candidate).is_none());
        let (early, releases): (Vec<&Version>, Vec<&Version>) =
            candidates.into_iter().partition(|fix| fix.is_prerelease() && !version.is_prerelease());
        releases.into_iter().find(is_clear).or_else(|| early.into_iter().find(is_clear)).cloned()
    }

    /// Matching records, each once, in the order of their ids.
    fn hits(&self, version: &Version) -> Vec<(&'index Advisory, Hit)> {
        let mut hits: Vec<(&Advisory, Hit)> = Vec::new();
        for (advisory, span) in &self.entries {
            let Some(hit) = span.hit(version) else { continue };
            match hits.last_mut() {
                // A record may speak of a package twice; the surer way to match counts.
                Some((last, known)) if last.id == advisory.id => {
                    if hit.matched < known.matched {
                        *known = hit;
                    }
                }
                _ => hits.push((advisory, hit)),
            }
        }
        hits
    }
}
