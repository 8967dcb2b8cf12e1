//! One spelling for each version of a Python package.
//!
//! `1.0` and `1.0.0` are one version (PEP 440) and one package, but two texts. Registries spell versions, so no zeros are
//! stripped: of the spellings that a target has of a version one is taken, that of what is installed, locked or lies there
//! as a package before that of who asks for it, and that before what a bill of materials claims; then the longest; then the
//! first in order. What each file writes stays in its evidence and in the conditions of edges.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use weighbridge_advisory::pep440::Version;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::Requirement;
use weighbridge_core::name::PackageName;
use weighbridge_core::purl::Purl;

use super::collect::Collected;
use super::pins;

/// How much a spelling counts, the most first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Weight {
    Fixed,
    Asked,
    Claimed,
}

/// The versions that are written otherwise than they are spelled here.
#[derive(Default)]
pub(super) struct Spellings {
    /// By package: canonical texts, and what is taken in their place.
    others: BTreeMap<PackageName, BTreeMap<String, String>>,
}

impl Spellings {
    /// Chooses for everything that was collected.
    pub(super) fn new<'a>(collected: &Collected<'a>) -> Self {
        let mut written = Written::default();
        let mut add = |ecosystem, name: &'a PackageName, version: Cow<'a, str>, weight| {
            if ecosystem == Ecosystem::PyPi {
                written.add(Cow::Borrowed(name), version, weight);
            }
        };
        let installed = collected.metadata.values().filter_map(|it| it.distribution);
        for (said, _) in installed.chain(collected.wheels.values().copied()) {
            add(said.ecosystem, &said.name, Cow::Borrowed(said.version.as_str()), Weight::Fixed);
        }
        for (said, _) in collected.locks.values().flatten() {
            if let Some(version) = &said.version {
                add(said.ecosystem, &said.name, version.as_str().into(), Weight::Fixed);
            }
        }
        let of_wheels = collected.wheels.values().flat_map(|(said, _)| &said.requires);
        let of_sources = collected.source_requires.values().flatten().map(|(said, _)| &said.requirement);
        let asked = collected.requires.values().flatten().map(|(said, _)| &said.requirement);
        for requirement in asked.chain(of_wheels).chain(of_sources) {
            if let Some(version) = pins::pinned(requirement) {
                add(requirement.ecosystem, &requirement.name, version.into(), Weight::Asked);
            }
        }
        let bills = collected.boms.values().flatten().flat_map(|(bom, _)| &bom.components);
        for purl in bills.filter_map(|it| it.purl.as_deref()) {
            if Purl::ecosystem_of(purl) == Some(Ecosystem::PyPi)
                && let Some((_, name, purl)) = Purl::parse(purl)
                && let Some(version) = purl.version()
            {
                written.add(Cow::Owned(name), version.into(), Weight::Claimed);
            }
        }
        written.choose()
    }

    /// The version as it is spelled here.
    pub(super) fn of(&self, ecosystem: Ecosystem, name: &PackageName, version: &str) -> String {
        let canonical = pins::canonical_in(ecosystem, version);
        let other = self.others.get(name).filter(|_| ecosystem == Ecosystem::PyPi);
        other.and_then(|others| others.get(&canonical)).cloned().unwrap_or(canonical)
    }

    /// The one version that the requirement allows, if it names it.
    pub(super) fn pinned(&self, requirement: &Requirement) -> Option<String> {
        let version = pins::pinned(requirement)?;
        Some(self.of(requirement.ecosystem, &requirement.name, &version))
    }
}

/// The texts of versions by package.
#[derive(Default)]
struct Written<'a>(BTreeMap<Cow<'a, PackageName>, BTreeMap<Cow<'a, str>, Weight>>);

impl<'a> Written<'a> {
    fn add(&mut self, name: Cow<'a, PackageName>, version: Cow<'a, str>, weight: Weight) {
        let known = self.0.entry(name).or_default().entry(version).or_insert(weight);
        *known = weight.min(*known);
    }

    fn choose(self) -> Spellings {
        let mut spellings = Spellings::default();
        for (name, texts) in self.0.into_iter().filter(|(_, texts)| texts.len() > 1) {
            let mut versions: BTreeMap<Version, BTreeSet<(Weight, Reverse<usize>, String)>> = BTreeMap::new();
            for (text, weight) in texts {
                let Ok(version) = Version::parse(&text) else { continue };
                let canonical = version.to_string();
                let rank = (weight, Reverse(canonical.len()), canonical);
                versions.entry(version).or_default().insert(rank);
            }
            let mut others = BTreeMap::new();
            for ranks in versions.into_values() {
                let Some((.., best)) = ranks.first().cloned() else { continue };
                let rest = ranks.into_iter().map(|(.., text)| text).filter(|text| *text != best);
                others.extend(rest.map(|text| (text, best.clone())));
            }
            if !others.is_empty() {
                spellings.others.insert(name.into_owned(), others);
            }
        }
        spellings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of each text, in the order of the texts.
    fn spelled(texts: &[(&str, Weight)]) -> String {
        let name = PackageName::new("a").unwrap();
        let mut written = Written::default();
        for (text, weight) in texts {
            written.add(Cow::Borrowed(&name), (*text).into(), *weight);
        }
        let spellings = written.choose();
        let texts: Vec<String> =
            texts.iter().map(|(text, _)| spellings.of(Ecosystem::PyPi, &name, text)).collect();
        texts.join(" ")
    }

    #[test]
    fn equal_versions_are_spelled_alike() {
        use Weight::{Asked, Claimed, Fixed};
        for (texts, expected) in [
            (&[("1.0", Asked), ("1.0.0", Asked), ("v1", Asked)][..], "1.0.0 1.0.0 1.0.0"),
            (&[("1.0.0", Asked), ("1.0", Fixed)], "1.0 1.0"),
            (&[("1.0.0.0", Claimed), ("1", Asked), ("1.0", Asked)], "1.0 1.0 1.0"),
            (&[("1.0.rc1", Asked), ("1.0rc1", Fixed), ("1.0c1", Asked)], "1.0rc1 1.0rc1 1.0rc1"),
            (&[("1.0+cpu", Asked), ("1.0.0+cpu", Asked), ("1.0", Asked)], "1.0.0+cpu 1.0.0+cpu 1.0"),
            (&[("1.0+1", Asked), ("1.0+1.0", Asked)], "1.0+1 1.0+1.0"),
            (&[("1.0", Asked), ("1.0.1", Asked), ("1!1.0", Asked)], "1.0 1.0.1 1!1.0"),
            (&[("1.0-NA", Asked), ("1.0", Asked)], "1.0-NA 1.0"),
        ] {
            assert_eq!(spelled(texts), expected, "{texts:?}");
            let reversed: Vec<(&str, Weight)> = texts.iter().rev().copied().collect();
            let expected: Vec<&str> = expected.split(' ').rev().collect();
            assert_eq!(spelled(&reversed), expected.join(" "), "{texts:?}");
        }
        let name = PackageName::new("a").unwrap();
        assert_eq!(Spellings::default().of(Ecosystem::Conda, &name, "v1.0"), "v1.0");
    }
}
