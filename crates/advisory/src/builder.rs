//! Makes an [`Index`] out of records as they arrive.

use std::collections::BTreeMap;

use serde::Deserialize;
use weighbridge_core::date::Date;
use weighbridge_core::ecosystem::Ecosystem;

use crate::advisory::{Advisory, key};
use crate::index::{About, Index};
use crate::osv::{self, Gap, Parsed, Scope, weaknesses};
use crate::severity::{self, Score};

/// Collects records. One that cannot be read is counted and named, and does not spoil the rest.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    scope: Scope,
    covered: Vec<String>,
    advisories: BTreeMap<String, (Advisory, Vec<Gap>)>,
    withdrawn: u64,
    broken: Vec<(String, String)>,
    facts: BTreeMap<String, Facts>,
    newest: Option<Date>,
}

/// What other sources know about a CVE.
#[derive(Clone, Default, Debug)]
struct Facts {
    exploited_since: Option<Date>,
    score: Option<Score>,
    weaknesses: Vec<u16>,
}

#[derive(Deserialize)]
struct Catalogue {
    vulnerabilities: Vec<Exploited>,
}

#[derive(Deserialize)]
struct Exploited {
    #[serde(rename = "cveID")]
    cve: String,
    #[serde(rename = "dateAdded")]
    added: String,
}

#[derive(Deserialize)]
struct CveFacts {
    cve: String,
    #[serde(default)]
    cwe: Vec<String>,
    #[serde(default)]
    cvss: Vec<String>,
}

impl Builder {
    /// A builder for records about libraries, crates, and packages of the distributions `releases` (`almalinux:8`) with
    /// these names. Where no record is about one of them, the data say that it is sound.
    pub(crate) fn libraries(releases: &[&str], names: &'static [&'static str]) -> Self {
        let keys =
            |release: &&str| names.iter().map(|name| key(Ecosystem::Rpm, release, name)).collect::<Vec<_>>();
        let mut covered: Vec<String> = releases.iter().flat_map(keys).collect();
        covered.sort();
        Self { scope: Scope::Libraries(names), covered, ..Self::default() }
    }

    /// Takes an OSV record; `name` is what to call it if it cannot be read.
    pub fn add_osv(&mut self, name: &str, json: &[u8]) {
        match osv::parse(json, self.scope) {
            Ok(Parsed::Advisory(advisory, gaps)) => {
                self.newest = self.newest.max(advisory.modified);
                // Of two copies of a record the newer counts, whichever comes first.
                let newer = |known: &(Advisory, Vec<Gap>)| known.0.modified < advisory.modified;
                if self.advisories.get(&advisory.id).is_none_or(newer) {
                    self.advisories.insert(advisory.id.clone(), (*advisory, gaps));
                }
            }
            Ok(Parsed::Withdrawn) => self.withdrawn = self.withdrawn.saturating_add(1),
            Ok(Parsed::Elsewhere) => {}
            Err(error) => self.broken.push((name.to_owned(), error.to_string())),
        }
    }

    /// Takes the catalogue of known exploited vulnerabilities (CISA KEV, JSON).
    ///
    /// # Errors
    /// When it is not that.
    pub fn add_exploited(&mut self, json: &[u8]) -> Result<(), serde_json::Error> {
        for entry in serde_json::from_slice::<Catalogue>(json)?.vulnerabilities {
            self.facts.entry(entry.cve).or_default().exploited_since = entry.added.parse().ok();
        }
        Ok(())
    }

    /// Takes one line of weaknesses and scores of a CVE: `{"cve", "cwe": [], "cvss": []}`.
    ///
    /// # Errors
    /// When it is not that.
    pub fn add_cve_facts(&mut self, json: &[u8]) -> Result<(), serde_json::Error> {
        let line: CveFacts = serde_json::from_slice(json)?;
        let facts = self.facts.entry(line.cve).or_default();
        facts.score = facts.score.max(line.cvss.iter().filter_map(|vector| severity::score(vector)).max());
        facts.weaknesses = weaknesses(&line.cwe);
        Ok(())
    }

    /// Carries over what `earlier` knows beyond records: exploitation, scores and weaknesses by CVE.
    pub fn carry_over(&mut self, earlier: &Index) {
        for (cve, date) in &earlier.exploited {
            self.facts.entry(cve.clone()).or_default().exploited_since.get_or_insert(*date);
        }
        for advisory in earlier.advisories() {
            for cve in names(advisory).filter(|name| name.starts_with("CVE-")) {
                let facts = self.facts.entry(cve.to_owned()).or_default();
                facts.exploited_since = facts.exploited_since.or(advisory.exploited_since);
                facts.score = facts.score.or(advisory.score);
                if facts.weaknesses.is_empty() {
                    facts.weaknesses.clone_from(&advisory.weaknesses);
                }
            }
        }
    }

    /// Records taken so far.
    pub fn len(&self) -> usize {
        self.advisories.len()
    }

    /// Whether no record was taken.
    pub fn is_empty(&self) -> bool {
        self.advisories.is_empty()
    }

    /// Records that could not be read: what each was called, and why.
    pub fn broken(&self) -> &[(String, String)] {
        &self.broken
    }

    /// The day of the newest change among the records.
    pub fn newest(&self) -> Option<Date> {
        self.newest
    }

    /// The index of everything taken, complete up to `as_of`.
    pub fn finish(self, as_of: Date, sources: Vec<String>) -> Index {
        let Self { advisories, withdrawn, facts, covered, .. } = self;
        let (mut advisories, gaps): (Vec<Advisory>, Vec<Vec<Gap>>) = advisories.into_values().unzip();
        let mut gaps: Vec<Gap> = gaps.into_iter().flatten().collect();
        for advisory in &mut advisories {
            let known: Vec<&Facts> = names(advisory).filter_map(|name| facts.get(name)).collect();
            let exploited = known.iter().filter_map(|facts| facts.exploited_since).min();
            // The record's own rating goes first; another one only fills the gap.
            let score = advisory.score.or_else(|| known.iter().filter_map(|facts| facts.score).max());
            let mut all: Vec<u16> = known.iter().flat_map(|facts| facts.weaknesses.clone()).collect();
            all.extend(&advisory.weaknesses);
            all.sort_unstable();
            all.dedup();
            advisory.exploited_since = exploited;
            advisory.score = score;
            advisory.weaknesses = all;
        }
        gaps.sort();
        let exploited =
            facts.into_iter().filter_map(|(cve, facts)| Some((cve, facts.exploited_since?))).collect();
        Index::new(About { as_of, withdrawn, gaps, sources, covered }, advisories, exploited)
    }
}

fn names(advisory: &Advisory) -> impl Iterator<Item = &str> {
    std::iter::once(advisory.id.as_str()).chain(advisory.aliases.iter().map(String::as_str))
}
