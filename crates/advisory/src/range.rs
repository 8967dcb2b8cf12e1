//! Which versions an advisory is about.
//!
//! Source: the evaluation algorithm of the OSV schema, over the order of PEP 440: events are walked in the order of
//! versions (at equal versions in the order of the record) and switch between affected and not. Two things are added:
//!
//! - Bounds that are no versions are repaired where there is one sensible way to read them, and the match says so.
//! - Some ranges hold several `last_affected` and mean a list (`2.5` beside `2.7.1`). By the letter of the algorithm the
//!   lowest ends the range, and a version that the record names as affected would pass. So a version that equals a
//!   `last_affected` is affected, whatever the other events say. Versions between two of them are not: no one names
//!   them.
//!
//! Local versions: an installed `2.6.0+cu118` is a build of 2.6.0 and counts as that. A bound `2.6.0+cu124` (or
//! `2.6.0-cu124`) that ends a range inclusively stands for all builds of 2.6.0: cu126, which sorts above cu124, is no
//! fix. Where such a bound starts or fixes it is compared with its local part, because a fix in one build does not mend
//! the others.

use std::cmp::Ordering;

use weighbridge_core::knowledge::Matched;

use crate::advisory::{Affected, Bound, Range, RangeEvent};
use crate::order::Order;
use crate::pep440::Version;

/// A bound that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Read {
    pub(crate) version: Version,
    pub(crate) repaired: bool,
}

/// Reads a bound; `0` stands before every version. None if no repair helps.
pub(crate) fn bound(text: &str) -> Option<Read> {
    if text == "0" {
        return Version::parse("0.dev0").ok().map(|version| Read { version, repaired: false });
    }
    if let Ok(version) = Version::parse(text) {
        return Some(Read { version, repaired: false });
    }
    repair(text).map(|version| Read { version, repaired: true })
}

/// Reads what is not PEP 440:
///
/// | text | read as | because |
/// |---|---|---|
/// | `2.6.0-NA` | `2.6.0` | "update: not applicable" of CPE data is the plain release |
/// | `2.6.0-cu124`, `-cpu`, `-rocm6.1` | `2.6.0` | a local version, written with `-` |
/// | `0.2.0-alpha\.33` | `0.2.0a33` | CPE names escape their dots |
/// | `0.2.0-n653` | `0.2.0.post653` | a build counted after the release, hence above it |
/// | `2024-09-25` | `2024.9.25` | a date |
///
/// Everything else is left alone, above all `7.2.0-12.1`: a distribution's patched build, and upstream 7.2.0 is not
/// mended by it.
fn repair(text: &str) -> Option<Version> {
    let text = text.replace('\\', "");
    if let Ok(version) = Version::parse(&text) {
        return Some(version);
    }
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if let [year, month, day] = text.split('-').collect::<Vec<_>>()[..]
        && (year.len(), month.len(), day.len()) == (4, 2, 2)
        && [year, month, day].into_iter().all(is_number)
    {
        return Version::parse(&format!("{year}.{month}.{day}")).ok();
    }
    let (version, tag) = text.rsplit_once('-')?;
    let tag = tag.to_ascii_lowercase();
    let number_after =
        |prefix: &str| tag.strip_prefix(prefix).filter(|rest| is_number(&rest.replace('.', "")));
    if matches!(&*tag, "na" | "cpu") || number_after("cu").is_some() || number_after("rocm").is_some() {
        return Version::parse(version).ok();
    }
    Version::parse(&format!("{version}.post{}", number_after("n")?)).ok()
}

/// How a version matched, and the version that mends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Hit {
    pub(crate) matched: Matched,
    /// The smallest fix of the matching range above the version.
    pub(crate) fixed: Option<String>,
}

/// Whether a version that is not Python's is affected. Bounds that cannot be compared do not come so far.
pub(crate) fn affects_by(order: Order, affected: &Affected, version: &str) -> Option<Hit> {
    let ranged = affected.ranges.iter().filter_map(|range| hit_by(order, range, version));
    let listed =
        affected.versions.iter().any(|listed| order.against(version, listed) == Some(Ordering::Equal));
    let listed = listed.then_some(Hit { matched: Matched::List, fixed: None });
    ranged.chain(listed).min_by_key(|hit| hit.matched)
}

fn hit_by(order: Order, range: &Range, version: &str) -> Option<Hit> {
    let mut events: Vec<&RangeEvent> = range.events.iter().collect();
    events.sort_by(|one, other| order.compare(&one.version, &other.version).unwrap_or(Ordering::Equal));
    let against = |event: &RangeEvent| order.against(version, &event.version);
    let (mut vulnerable, mut named) = (false, false);
    for event in &events {
        match (event.bound, against(event)?) {
            (Bound::Introduced, Ordering::Greater | Ordering::Equal) => vulnerable = true,
            (Bound::Fixed, Ordering::Greater | Ordering::Equal)
            | (Bound::LastAffected, Ordering::Greater) => {
                vulnerable = false;
            }
            (Bound::LastAffected, Ordering::Equal) => named = true,
            (_, Ordering::Less) => {}
        }
    }
    let mends = |event: &&&RangeEvent| event.bound == Bound::Fixed && against(event) == Some(Ordering::Less);
    (vulnerable || named).then(|| Hit {
        matched: Matched::Range,
        fixed: events.iter().find(mends).map(|event| event.version.clone()),
    })
}

/// The versions of a record's entry, parsed once for many questions.
pub(crate) struct Span {
    ranges: Vec<Events>,
    listed: Vec<Version>,
}

struct Events {
    /// In the order of versions.
    events: Vec<(Version, Bound)>,
    repaired: bool,
}

/// Whether a version of the package is affected.
#[cfg(test)]
fn affects(affected: &Affected, version: &Version) -> Option<Hit> {
    Span::new(affected).hit(version)
}

impl Span {
    pub(crate) fn new(affected: &Affected) -> Self {
        Self {
            ranges: affected.ranges.iter().map(Events::new).collect(),
            listed: affected.versions.iter().filter_map(|listed| Version::parse(listed).ok()).collect(),
        }
    }

    /// Whether and how `version` is affected; the surest way if there are several.
    pub(crate) fn hit(&self, version: &Version) -> Option<Hit> {
        let ranged = self.ranges.iter().filter_map(|range| range.hit(version));
        let listed = self.listed.iter().any(|listed| against(version, listed).is_eq());
        let listed = listed.then_some(Hit { matched: Matched::List, fixed: None });
        ranged.chain(listed).min_by_key(|hit| hit.matched)
    }

    /// Every version that is named as a fix.
    pub(crate) fn fixes(&self) -> impl Iterator<Item = &Version> {
        let events = self.ranges.iter().flat_map(|range| &range.events);
        events.filter(|(_, bound)| *bound == Bound::Fixed).map(|(version, _)| version)
    }
}

impl Events {
    fn new(range: &Range) -> Self {
        let read: Vec<(Read, Bound)> =
            range.events.iter().filter_map(|event| Some((bound(&event.version)?, event.bound))).collect();
        let repaired = read.iter().any(|(at, _)| at.repaired);
        let mut events: Vec<(Version, Bound)> =
            read.into_iter().map(|(at, bound)| (at.version, bound)).collect();
        // Stable: `fixed 2, introduced 2` goes on, `introduced 2, fixed 2` is empty.
        events.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self { events, repaired }
    }

    fn hit(&self, version: &Version) -> Option<Hit> {
        let mut vulnerable = false;
        let mut named = false;
        for (at, bound) in &self.events {
            match bound {
                Bound::Introduced if against(version, at).is_ge() => vulnerable = true,
                Bound::Fixed if against(version, at).is_ge() => vulnerable = false,
                Bound::LastAffected => match version.cmp_public(at) {
                    Ordering::Greater => vulnerable = false,
                    Ordering::Equal => named = true,
                    Ordering::Less => {}
                },
                Bound::Introduced | Bound::Fixed => {}
            }
        }
        if !vulnerable && !named {
            return None;
        }
        let mends = |(at, bound): &&(Version, Bound)| *bound == Bound::Fixed && against(version, at).is_lt();
        Some(Hit {
            matched: if self.repaired { Matched::RepairedRange } else { Matched::Range },
            fixed: self.events.iter().find(mends).map(|(at, _)| at.to_string()),
        })
    }
}

/// Compares with a bound: by public version, unless the bound itself has a local part.
fn against(version: &Version, bound: &Version) -> Ordering {
    if bound.is_local() { version.cmp(bound) } else { version.cmp_public(bound) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `i1 f2` is introduced 1, fixed 2; `l` is last affected; `|` separates ranges.
    fn affected(ranges: &str, versions: &[&str]) -> Affected {
        let event = |word: &str| RangeEvent {
            bound: match word.as_bytes()[0] {
                b'i' => Bound::Introduced,
                b'f' => Bound::Fixed,
                _ => Bound::LastAffected,
            },
            version: word[1..].to_owned(),
        };
        let range = |range: &str| Range { events: range.split_whitespace().map(event).collect() };
        Affected {
            package: "p".into(),
            ranges: ranges.split('|').filter(|range| !range.trim().is_empty()).map(range).collect(),
            versions: versions.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn versions_are_affected_as_osv_says() {
        for (ranges, versions, yes, no) in [
            ("i0 f2", &[][..], "0.1 1 1.9.9 2rc1 1+cu118", "2 2.0 2.0+cpu 3"),
            ("f2 i1", &[], "1 1.5", "0.9 2"),
            ("i0 l2", &[], "1 2 2.0.0 2+cu118", "2.0.1 2.post1"),
            ("i0 f1 i2 f3", &[], "0 2 2.5", "1 1.5 3"),
            ("i1 f2 | i3", &[], "1 3 99", "2 2.9"),
            ("i2 f2", &[], "", "1 2 3"),
            ("i0 f2 i2 f3", &[], "1 2 2.5", "3"),
            // Several ends: what is named is affected, what lies between is not.
            ("i0 l2.5 l2.5.1", &[], "2.4 2.5 2.5.1", "2.5.0.1 2.6"),
            ("i0 l2.5.0-NA l2.7.1-NA", &[], "2.5 2.7.1 2.7.1+cu118", "2.6 2.7.0 2.8"),
            ("i0 l2.9.0-NA l2.9.0-beta1 l2.9.0-rc1", &[], "2.8 2.9.0b1 2.9.0rc1 2.9.0", "2.9.1 2.9.0b2"),
            ("i2 l2", &[], "2", "1 3"),
            ("i0 l2.6.0-NA", &[], "2.6.0 2.6.0+cu124", "2.6.1"),
            ("i0 l2.6.0-cu124", &[], "1 2.6.0 2.6.0+cu118 2.6.0+cu126", "2.6.1 2.6.0.post1 2.7"),
            ("i0 l2.6.0+cu124", &[], "1 2.6.0 2.6.0+cu118 2.6.0+cu126", "2.6.1 2.6.0.post1 2.7"),
            ("i0 f2.0+patched", &[], "1 2.0 2.0+aaa", "2.0+patched 2.1"),
            ("i0 f0.2.0-n653", &[], "0.2.0 0.2.0.post652", "0.2.1 0.2.0.post653"),
            ("i0 l2024-09-25", &[], "1.0 2024.9.25", "2024.9.26 20240926"),
            ("l1", &[], "1", "0.9 2"),
            (r"i0 f0.2.0-alpha\.33", &[], "0.1", "0.2"),
            ("", &["1.0", "0.7.10p1"], "1 1.0.0 1.0+local", "1.1"),
            ("", &["1.1+x"], "1.1+x", "1.1 1.1+y"),
            ("i1 f2", &["5"], "1 5", "2"),
            ("i1!1 f1!2", &[], "1!1.5", "1.5 3"),
        ] {
            let affected = affected(ranges, versions);
            let is = |version: &str| affects(&affected, &Version::parse(version).unwrap()).is_some();
            for version in yes.split_whitespace() {
                assert!(is(version), "{version} is in `{ranges}` {versions:?}");
            }
            for version in no.split_whitespace() {
                assert!(!is(version), "{version} is not in `{ranges}` {versions:?}");
            }
        }
    }

    #[test]
    fn a_repair_is_told_and_the_fix_is_that_of_the_branch() {
        let hit =
            |ranges, version| affects(&affected(ranges, &[]), &Version::parse(version).unwrap()).unwrap();
        assert_eq!(hit("i0 l2.6.0-NA", "1").matched, Matched::RepairedRange);
        assert_eq!(hit("i0 f1.5 | i2 f2.5", "2.1").fixed.unwrap(), "2.5");
        assert_eq!(hit("i0 f1.5 i2 f2.5", "1").fixed.unwrap(), "1.5");
        assert_eq!(hit("i0", "1").fixed, None);
    }

    #[test]
    fn repairs_are_those_of_the_table() {
        for (text, expected) in [
            ("2.6.0-NA", "2.6.0"),
            ("2.6.0-CU118", "2.6.0"),
            ("2.6.0-cpu", "2.6.0"),
            ("2.6.0-rocm6.1", "2.6.0"),
            (r"0.2.0-alpha\.33", "0.2.0a33"),
            ("0.2.0-n653", "0.2.0.post653"),
            ("2024-09-25", "2024.9.25"),
        ] {
            let read = bound(text).unwrap();
            assert_eq!((read.version.to_string().as_str(), read.repaired), (expected, true), "{text}");
        }
        assert!(!bound("2.9.0-beta1").unwrap().repaired);
    }

    #[test]
    fn what_cannot_be_read_is_not_guessed() {
        for text in
            ["trunk", "4.6.0.stable11", "1.0-foo", "", "-", "2018-04-22b", "-NA", "7.2.0-12.1", "1.0-cu"]
        {
            assert_eq!(bound(text), None, "{text}");
        }
    }
}
