//! Many records, one vulnerability.
//!
//! In OSV, `aliases` means "the same vulnerability", so records that share a name belong together, transitively. One
//! thing is held back: **different CVEs are never merged**, because a record that lists two CVEs tells of both and does
//! not make them one. So:
//!
//! 1. Records with exactly one CVE are grouped by it.
//! 2. A record with several CVEs joins every group of step 1 for one of them. If there is none, it stands for all of
//!    them, under the name of the first.
//! 3. Records without a CVE are grouped by shared names, transitively. Such a group joins every group made so far with
//!    which it shares a name, or stands alone.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::finding::Severity;
use weighbridge_core::knowledge::{Record, Vulnerability};

use crate::advisory::Advisory;
use crate::order::Order;
use crate::range::Hit;

type Member<'a> = (&'a Advisory, Hit);

/// What becomes one vulnerability.
struct Group<'a> {
    /// The CVE that it is about, if any is.
    cve: Option<&'a str>,
    members: Vec<Member<'a>>,
}

/// Joins the records that match one version of one package into vulnerabilities, ordered by name.
pub(crate) fn vulnerabilities(hits: Vec<Member<'_>>, order: Order) -> Vec<Vulnerability> {
    let (with_cve, without): (Vec<_>, Vec<_>) =
        hits.into_iter().partition(|(advisory, _)| cves(advisory).next().is_some());
    let (with_one, with_several): (Vec<_>, Vec<_>) =
        with_cve.into_iter().partition(|(advisory, _)| cves(advisory).nth(1).is_none());

    let mut by_cve: BTreeMap<&str, Vec<Member<'_>>> = BTreeMap::new();
    for member in with_one {
        by_cve.entry(cves(member.0).next().unwrap_or_default()).or_default().push(member);
    }
    let known: BTreeSet<&str> = by_cve.keys().copied().collect();
    for member in with_several {
        let own: Vec<&str> = cves(member.0).filter(|cve| known.contains(cve)).collect();
        let first = cves(member.0).min().unwrap_or_default();
        for cve in if own.is_empty() { vec![first] } else { own } {
            by_cve.entry(cve).or_default().push(member.clone());
        }
    }
    let mut groups: Vec<Group<'_>> =
        by_cve.into_iter().map(|(cve, members)| Group { cve: Some(cve), members }).collect();
    let with_a_cve = groups.len();
    for cluster in clusters(without) {
        let names: BTreeSet<&str> = cluster.iter().flat_map(|(advisory, _)| names(advisory)).collect();
        let mut joined = false;
        for group in groups.iter_mut().take(with_a_cve) {
            if group
                .members
                .iter()
                .any(|(advisory, _)| self::names(advisory).any(|name| names.contains(name)))
            {
                group.members.extend(cluster.iter().cloned());
                joined = true;
            }
        }
        if !joined {
            groups.push(Group { cve: None, members: cluster });
        }
    }
    let mut found: Vec<Vulnerability> = groups.into_iter().map(|group| merge(group, &known, order)).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn names(advisory: &Advisory) -> impl Iterator<Item = &str> {
    std::iter::once(advisory.id.as_str()).chain(advisory.aliases.iter().map(String::as_str))
}

fn cves(advisory: &Advisory) -> impl Iterator<Item = &str> {
    names(advisory).filter(|name| name.starts_with("CVE-"))
}

/// Records that share names, directly or through others.
fn clusters(members: Vec<Member<'_>>) -> Vec<Vec<Member<'_>>> {
    let mut clusters: Vec<(BTreeSet<&str>, Vec<Member<'_>>)> = Vec::new();
    for member in members {
        let mut own: BTreeSet<&str> = names(member.0).collect();
        let mut joined = vec![member];
        clusters.retain_mut(|(other, others)| {
            let related = !own.is_disjoint(other);
            if related {
                own.append(other);
                joined.append(others);
            }
            !related
        });
        clusters.push((own, joined));
    }
    clusters.into_iter().map(|(_, members)| members).collect()
}

fn merge(group: Group<'_>, known: &BTreeSet<&str>, order: Order) -> Vulnerability {
    let Group { cve, mut members } = group;
    members.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
    members.dedup_by(|(a, _), (b, _)| a.id == b.id);
    let records: Vec<Record> = members
        .iter()
        .map(|(advisory, hit)| Record {
            id: advisory.id.clone(),
            modified: advisory.modified,
            matched: hit.matched,
            grade: advisory.grade,
            source: (!advisory.source.is_empty()).then(|| advisory.source.clone()),
        })
        .collect();
    let ids: BTreeSet<&str> = members.iter().map(|(advisory, _)| advisory.id.as_str()).collect();
    let aliases: BTreeSet<&str> =
        members.iter().flat_map(|(advisory, _)| &advisory.aliases).map(String::as_str).collect();
    let github = || ids.iter().chain(&aliases).copied().filter(|name| name.starts_with("GHSA-")).min();
    let name = cve.or_else(github).or_else(|| ids.first().copied());
    let score = members.iter().filter_map(|(advisory, _)| advisory.score).max().map(|score| score.tenths);
    let weaknesses: BTreeSet<u16> =
        members.iter().flat_map(|(advisory, _)| &advisory.weaknesses).copied().collect();
    Vulnerability {
        name: name.unwrap_or_default().to_owned(),
        severity: score.map(Severity::from_score),
        score,
        exploited_since: members.iter().filter_map(|(advisory, _)| advisory.exploited_since).min(),
        epss: None,
        inferred_from: None,
        malicious: members.iter().any(|(advisory, _)| advisory.malicious),
        weaknesses: weaknesses.into_iter().map(|number| format!("CWE-{number}")).collect(),
        // Where records disagree, the version that satisfies all of them.
        fixed: members.iter().filter_map(|(_, hit)| hit.fixed.clone()).reduce(|one, other| {
            if order.compare(&one, &other).is_some_and(Ordering::is_lt) { other } else { one }
        }),
        // A CVE that stands for itself is not another name of this one.
        aliases: aliases
            .difference(&ids)
            .filter(|alias| name != Some(**alias) && !known.contains(**alias))
            .map(ToString::to_string)
            .collect(),
        records,
    }
}
