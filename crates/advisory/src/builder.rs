//! Makes an [`Index`] out of records as they arrive.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use weighbridge_core::date::Date;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::knowledge::Grade;

use crate::advisory::{Advisory, Affected, covers, key, set};
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
    /// Of records that were withdrawn: when, and of which packages they spoke.
    gone: BTreeMap<String, (Option<Date>, Vec<String>)>,
    /// Ecosystems that are not known here, and how many records are about each.
    elsewhere: BTreeMap<String, u64>,
    /// About how many bytes all of this holds.
    held: u64,
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
                self.held = self.held.saturating_add(weight(&advisory));
                // Of two copies of a record the newer counts, whichever comes first.
                let newer = |known: &(Advisory, Vec<Gap>)| known.0.modified < advisory.modified;
                if self.advisories.get(&advisory.id).is_none_or(newer) {
                    self.advisories.insert(advisory.id.clone(), (*advisory, gaps));
                }
            }
            Ok(Parsed::Withdrawn(id, changed, packages)) => {
                self.withdrawn = self.withdrawn.saturating_add(1);
                if matches!(self.scope, Scope::All) {
                    let names = packages.iter().chain([&id]).map(|text| text.len()).sum::<usize>();
                    self.held = self.held.saturating_add(count(names));
                    self.gone.insert(id, (changed, packages));
                }
            }
            Ok(Parsed::Elsewhere(ecosystems)) => self.pass_over(ecosystems),
            Err(error) => {
                let why = error.to_string();
                self.held = self.held.saturating_add(count(name.len().saturating_add(why.len())));
                self.broken.push((name.to_owned(), why));
            }
        }
    }

    fn pass_over(&mut self, ecosystems: Vec<String>) {
        /// Most ecosystems that are told apart; there are some forty.
        const MOST: usize = 100;
        /// Longest name of one.
        const LONGEST: usize = 60;
        let mut families: Vec<String> = ecosystems
            .iter()
            .filter_map(|name| name.split(':').next())
            .map(|name| name.chars().take(LONGEST).collect())
            .collect();
        families.sort();
        families.dedup();
        for family in families {
            if self.elsewhere.len() < MOST || self.elsewhere.contains_key(&family) {
                let records = self.elsewhere.entry(family).or_default();
                *records = records.saturating_add(1);
            }
        }
    }

    /// A builder for records that the user has, about everything that is known here.
    pub(crate) fn all() -> Self {
        Self { scope: Scope::All, ..Self::default() }
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

    /// Whether no record was taken, nor one that was withdrawn and may take back what others hold.
    pub fn is_empty(&self) -> bool {
        self.advisories.is_empty() && self.gone.is_empty()
    }

    /// Ecosystems that are not known here, and how many records are about each.
    pub fn elsewhere(&self) -> &BTreeMap<String, u64> {
        &self.elsewhere
    }

    /// About how many bytes everything taken holds, so that whoever gives can stop in time.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Vulnerabilities that are known to be exploited, so far as somebody said so.
    pub fn exploited(&self) -> usize {
        self.facts.values().filter(|facts| facts.exploited_since.is_some()).count()
    }

    /// Records that could not be read: what each was called, and why.
    pub fn broken(&self) -> &[(String, String)] {
        &self.broken
    }

    /// The day of the newest change among the records, but for those that claim to come from after `today`: they prove nothing.
    pub fn newest(&self, today: Date) -> Option<Date> {
        let changed = self.advisories.values().filter_map(|(advisory, _)| advisory.modified);
        let gone = self.gone.values().filter_map(|(changed, _)| *changed);
        changed.chain(gone).filter(|day| *day <= today).max()
    }

    /// Everything taken, one index for each set (see [`crate::advisory::set`]), by its name. What was withdrawn stays in it as
    /// a record about nothing, so that it can take back what others still hold. If `whole`, the records are all that there
    /// is about the releases that they name, and what none of them is about is sound.
    pub fn finish_sets(mut self, as_of: Date, sources: &[String], whole: bool) -> BTreeMap<String, Index> {
        for (id, (changed, packages)) in std::mem::take(&mut self.gone) {
            let newer = self.advisories.get(&id).is_some_and(|(known, _)| known.modified > changed);
            if !newer {
                let affected = packages.into_iter().map(|package| Affected {
                    package,
                    ranges: Vec::new(),
                    versions: Vec::new(),
                });
                self.advisories.insert(id.clone(), (gone(id, changed, affected.collect()), Vec::new()));
            }
        }
        let everything = self.finish(as_of, sources.to_vec());
        let mut sets: BTreeMap<String, (Vec<Advisory>, BTreeSet<String>)> = BTreeMap::new();
        for advisory in everything.advisories() {
            let mut own: BTreeMap<String, Vec<Affected>> = BTreeMap::new();
            for affected in &advisory.affected {
                own.entry(set(&affected.package)).or_default().push(affected.clone());
            }
            for (name, affected) in own {
                let (advisories, covered) = sets.entry(name).or_default();
                if whole {
                    covered.extend(affected.iter().filter_map(|it| covers(&it.package)));
                }
                let says = |it: &Affected| !it.ranges.is_empty() || !it.versions.is_empty();
                let affected = affected.into_iter().filter(says).collect();
                advisories.push(Advisory { affected, ..advisory.clone() });
            }
        }
        let about = everything.about();
        let gaps = |name: &str| about.gaps.iter().filter(|gap| set(&gap.package) == name).cloned().collect();
        let index = |(name, (advisories, covered)): (String, (Vec<Advisory>, BTreeSet<String>))| {
            let about = About {
                as_of,
                withdrawn: 0,
                gaps: gaps(&name),
                sources: about.sources.clone(),
                covered: covered.into_iter().collect(),
            };
            (name, Index::new(about, advisories, BTreeMap::new()))
        };
        sets.into_iter().map(index).collect()
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

/// A record that was withdrawn.
fn gone(id: String, modified: Option<Date>, affected: Vec<Affected>) -> Advisory {
    Advisory {
        id,
        aliases: Vec::new(),
        published: None,
        modified,
        score: None,
        exploited_since: None,
        malicious: false,
        weaknesses: Vec::new(),
        affected,
        grade: Grade::Stated,
        source: String::new(),
    }
}

/// About how many bytes an advisory holds.
fn weight(advisory: &Advisory) -> u64 {
    /// What a text costs beside its letters.
    const TEXT: usize = 32;
    let of = |texts: usize, letters: usize| texts.saturating_mul(TEXT).saturating_add(letters);
    let mut held = of(2, advisory.id.len().saturating_add(advisory.source.len()));
    held = advisory.aliases.iter().fold(held, |held, alias| held.saturating_add(of(1, alias.len())));
    for affected in &advisory.affected {
        let events = affected.ranges.iter().flat_map(|range| &range.events).map(|event| &event.version);
        let versions = events.chain(&affected.versions).chain([&affected.package]);
        held = versions.fold(held, |held, text| held.saturating_add(of(1, text.len())));
    }
    count(held)
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}
