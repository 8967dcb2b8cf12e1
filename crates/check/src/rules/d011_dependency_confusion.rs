//! `WB-D011`: packages for which more than one index may answer, and indexes that anyone on the way may be.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Fact, IndexKind, Origin, PackageIndex, Requires, Role, What};
use weighbridge_core::finding::{Confidence, Finding, Fingerprint, Remedy, Severity};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Evidence, Place, Span};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{Check, World};

use super::dependency::{about_place, counted, is_below, shortened};
use crate::names::is_known;

/// The rule.
pub static RULE: Rule = Rule {
    id: "WB-D011",
    name: "dependency-confusion",
    title: "packages for which more than one index may answer, or an index that nobody vouches for",
    severity: Severity::Medium,
    since: "0.1.0",
    maps_to: &["CWE-427", "CWE-1357", "AML.T0010", "LLM03:2025"],
    docs: include_str!("d011_dependency_confusion.md"),
};

/// Readers of settings, which count for everything in their folder and below.
const SETTINGS: [&str; 2] = ["pip-settings", "uv-settings"];

/// Most indexes that are looked at for one command, one file or one package; people name three or four.
const MOST: usize = 64;
/// Most indexes of settings, and of commands that read files of requirements, in the whole target.
const MOST_FAR: usize = 10_000;

/// Finds ways in which a stranger's package may be taken for one's own; at most three findings for each file that names
/// indexes.
pub struct DependencyConfusion;

impl Check for DependencyConfusion {
    fn rules(&self) -> &'static [&'static Rule] {
        const RULES: &[&Rule] = &[&RULE];
        RULES
    }

    fn check(&self, world: &World<'_>, findings: &mut Vec<Finding>) {
        let asked = Asked::new(world.facts);
        for (place, open) in asked.open() {
            findings.push(confusion(place, &open, world.indexed));
        }
        for (place, indexes) in &asked.indexes {
            let bad = |holds: fn(&PackageIndex) -> bool| {
                let bad = indexes.iter().filter(|(index, _)| holds(index)).take(MOST);
                bad.filter(|(index, evidence)| !asked.is_hashed(index, evidence)).copied().collect::<Vec<_>>()
            };
            findings.extend(unchecked(place, &bad(|index| index.kind == IndexKind::Trusted)));
            findings.extend(unencrypted(place, &bad(is_unencrypted)));
        }
    }
}

/// The names for which more than one index may answer and that no table knows: of these it matters which indexes have
/// them.
pub fn names_to_ask(facts: &BTreeMap<Place, Vec<Fact>>) -> BTreeSet<PackageName> {
    let asked = Asked::new(facts);
    let names = asked.open().into_values().flat_map(|open| open.names.into_iter().cloned());
    names.filter(|name| !is_known(name.as_str())).collect()
}

type Said<'a, T> = (&'a T, &'a Evidence);

/// What is asked for where, and where installers are told to look.
struct Asked<'a> {
    indexes: BTreeMap<&'a Place, Vec<Said<'a, PackageIndex>>>,
    requires: BTreeMap<&'a Place, Vec<Said<'a, Requires>>>,
    /// Packages that a lock file holds to the digests of their files.
    locked: BTreeSet<&'a PackageName>,
    /// The projects of the target.
    own: BTreeSet<&'a PackageName>,
}

/// Packages for which several indexes may answer, by the file that names one more.
#[derive(Default)]
struct Open<'a> {
    names: BTreeSet<&'a PackageName>,
    /// The indexes besides the usual one.
    rivals: BTreeSet<&'a str>,
    /// The index that takes the place of the usual one.
    usual: Option<&'a str>,
    span: Option<Span>,
}

impl<'a> Asked<'a> {
    fn new(facts: &'a BTreeMap<Place, Vec<Fact>>) -> Self {
        let mut asked = Self {
            indexes: BTreeMap::new(),
            requires: BTreeMap::new(),
            locked: BTreeSet::new(),
            own: BTreeSet::new(),
        };
        // What lies in an archive installs nothing here.
        for (place, facts) in facts.iter().filter(|(place, _)| place.inner.is_empty()) {
            for Fact { what, evidence } in facts {
                match what {
                    What::Index(index) if index.kind != IndexKind::Channel => {
                        asked.indexes.entry(place).or_default().push((index, evidence));
                    }
                    What::Requires(requires) if is_open(requires) => {
                        asked.requires.entry(place).or_default().push((requires, evidence));
                    }
                    What::Locked(locked) if !locked.digests.is_empty() => {
                        asked.locked.insert(&locked.name);
                    }
                    What::Project(project) => asked.own.extend(&project.name),
                    _ => {}
                }
            }
        }
        asked
    }

    /// What each index beside others may answer for.
    fn open(&self) -> BTreeMap<&'a Place, Open<'a>> {
        let mut open: BTreeMap<&Place, Open<'_>> = BTreeMap::new();
        if self.indexes.is_empty() {
            return open;
        }
        let far = self.far();
        for (place, requires) in &self.requires {
            let near = Near::new(self, &far, place);
            if near.is_empty() {
                continue;
            }
            for (requires, evidence) in requires {
                let requirement = &requires.requirement;
                let name = &requirement.name;
                // A manifest is installed through its lock file; a command is not.
                let is_locked = self.locked.contains(name) && evidence.reader != "install-lines";
                if !requirement.digests.is_empty() || is_locked || self.own.contains(name) {
                    continue;
                }
                let covering = near.covering(evidence);
                let has = |kind| covering.iter().any(|(_, (index, _))| index.kind == kind);
                let is_assigned = covering.iter().any(|(_, (index, _))| index.is_only_for(name));
                if has(IndexKind::None) || is_assigned {
                    continue;
                }
                let best = has(IndexKind::BestMatch);
                let usual = covering.iter().find(|(_, (index, _))| index.kind == IndexKind::Default);
                let rivals = covering
                    .iter()
                    .filter(|(_, (index, _))| is_rival(index, best) && !index.is_never_for(name));
                for (at, (index, evidence)) in rivals {
                    let open = open.entry(at).or_default();
                    open.names.insert(name);
                    open.rivals.insert(&index.location);
                    open.usual = usual.map(|(_, (index, _))| index.location.as_str());
                    if open.span.is_none() || evidence.span < open.span {
                        open.span.clone_from(&evidence.span);
                    }
                }
            }
        }
        open
    }

    /// The indexes that count for other files than their own.
    fn far(&self) -> Vec<(&'a Place, Said<'a, PackageIndex>)> {
        let all = self.indexes.iter().flat_map(|(at, all)| all.iter().map(move |said| (*at, *said)));
        let far = all
            .filter(|(_, (index, evidence))| SETTINGS.contains(&evidence.reader) || !index.files.is_empty());
        far.take(MOST_FAR).collect()
    }

    /// Whether every package for which the index counts is held to digests, so that another file would be refused.
    fn is_hashed(&self, index: &PackageIndex, evidence: &Evidence) -> bool {
        let at = &evidence.place;
        let settings = SETTINGS.contains(&evidence.reader);
        let mut counted = self
            .requires
            .iter()
            .filter(|(place, _)| {
                **place == at
                    || (settings && is_below(&place.path, settings_folder(at)))
                    || index.files.iter().any(|file| names(at, file, place))
            })
            .flat_map(|(place, requires)| requires.iter().map(move |said| (*place, said)))
            .filter(|(place, (_, evidence))| covers(index, at, place, evidence))
            .peekable();
        counted.peek().is_some() && counted.all(|(_, (requires, _))| !requires.requirement.digests.is_empty())
    }
}

/// The indexes that may count for what one file asks for.
struct Near<'a> {
    place: &'a Place,
    /// Those of the file itself, by the lines for which they count.
    own: BTreeMap<Option<(u32, u32)>, Vec<Said<'a, PackageIndex>>>,
    /// Those of other files.
    others: Vec<(&'a Place, Said<'a, PackageIndex>)>,
}

impl<'a> Near<'a> {
    fn new(asked: &Asked<'a>, far: &[(&'a Place, Said<'a, PackageIndex>)], place: &'a Place) -> Self {
        let mut own: BTreeMap<_, Vec<Said<'_, PackageIndex>>> = BTreeMap::new();
        for said in asked.indexes.get(place).into_iter().flatten() {
            let here = own.entry(said.0.lines).or_default();
            if here.len() < MOST {
                here.push(*said);
            }
        }
        let counts = |(at, (index, evidence)): &&(&Place, Said<'_, PackageIndex>)| {
            *at != place
                && ((SETTINGS.contains(&evidence.reader) && is_below(&place.path, settings_folder(at)))
                    || index.files.iter().any(|file| names(at, file, place)))
        };
        Self { place, own, others: far.iter().filter(counts).take(MOST).copied().collect() }
    }

    fn is_empty(&self) -> bool {
        self.own.is_empty() && self.others.is_empty()
    }

    /// The indexes that count for a line of the file.
    fn covering(&self, evidence: &Evidence) -> Vec<(&'a Place, Said<'a, PackageIndex>)> {
        let mut found: Vec<Said<'_, PackageIndex>> = self.own.get(&None).cloned().unwrap_or_default();
        if let Some(Span::Line(line)) = evidence.span {
            // Commands follow each other, so that the last ones to begin before the line are those around it.
            let before = self.own.range(Some((0, 0))..=Some((line, u32::MAX))).rev().take(MOST);
            let around = before.filter(|(lines, _)| lines.is_some_and(|(_, last)| line <= last));
            found.extend(around.flat_map(|(_, said)| said.iter().copied()).take(MOST));
        }
        found.into_iter().map(|said| (self.place, said)).chain(self.others.iter().copied()).collect()
    }
}

/// Whether an index could be asked for the package.
fn is_open(requires: &Requires) -> bool {
    let requirement = &requires.requirement;
    requirement.ecosystem == Ecosystem::PyPi
        && requirement.origin == Origin::Index
        && requires.role != Role::Constraint
}

/// Whether an index of a file counts for this line of a file.
fn covers(index: &PackageIndex, at: &Place, place: &Place, evidence: &Evidence) -> bool {
    match (index.lines, &evidence.span) {
        (Some((first, last)), Some(Span::Line(line))) if at == place => (first..=last).contains(line),
        (Some(_), None) if at == place => false,
        _ => true,
    }
}

/// Whether an index may answer in the place of another one. `best` is a setting by which order does not count.
fn is_rival(index: &PackageIndex, best: bool) -> bool {
    match index.kind {
        IndexKind::Extra | IndexKind::Last => true,
        IndexKind::First => best,
        // A folder of this machine is nobody's index.
        IndexKind::Links => index.location.contains("://") && !index.location.starts_with("file:"),
        _ => false,
    }
}

/// Whether what a file calls `written` is this file: from its own folder, or one above.
fn names(at: &Place, written: &str, place: &Place) -> bool {
    let written = written.trim_start_matches("./");
    let mut folder = at.folder();
    loop {
        let path = place.path.strip_prefix(folder).map(|rest| rest.trim_start_matches('/'));
        if path == Some(written) && is_below(&place.path, folder) {
            return true;
        }
        if folder.is_empty() {
            return false;
        }
        folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
    }
}

/// The folder for which settings count: `.pip/pip.conf` and `.config/pip/pip.conf` are those of the folder around.
fn settings_folder(place: &Place) -> &str {
    let folder = place.folder();
    let inner = ["/.config/pip", "/.pip", "/.config/uv"].iter().find_map(|end| folder.strip_suffix(end));
    let whole = [".config/pip", ".pip", ".config/uv"].contains(&folder);
    if whole { "" } else { inner.unwrap_or(folder) }
}

fn is_unencrypted(index: &PackageIndex) -> bool {
    let looked = !matches!(index.kind, IndexKind::Trusted | IndexKind::None | IndexKind::BestMatch);
    let lower = index.location.to_ascii_lowercase();
    let host = lower.strip_prefix("http://").and_then(|rest| rest.split(['/', '?', '#']).next());
    let own = |host: &str| {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        name == "localhost" || name == "[::1]" || name.starts_with("127.") || host == "[::1]"
    };
    looked && host.is_some_and(|host| !own(host))
}

fn confusion(place: &Place, open: &Open<'_>, indexed: &BTreeMap<PackageName, Vec<String>>) -> Finding {
    let (unknown, known): (Vec<&PackageName>, Vec<&PackageName>) =
        open.names.iter().copied().partition(|name| !is_known(name.as_str()));
    let is_rival = |index: &String| open.rivals.iter().any(|rival| same(rival, index));
    // What a rival and another index both have is confused already.
    let both: Vec<&PackageName> = unknown
        .iter()
        .copied()
        .filter(|name| {
            let found = indexed.get(*name);
            found.is_some_and(|found| found.iter().any(is_rival) && !found.iter().all(is_rival))
        })
        .collect();
    let (severity, confidence, subject) = match (both.as_slice(), unknown.as_slice(), known.as_slice()) {
        ([_, ..], _, _) => (Severity::High, Confidence::High, &both),
        ([], [_, ..], _) => (Severity::Medium, Confidence::Medium, &unknown),
        _ => (Severity::Low, Confidence::Medium, &known),
    };
    let what = match subject.as_slice() {
        [name] => name.to_string(),
        names => counted(names.len(), "package", "packages"),
    };
    let title = match severity {
        Severity::High => format!("more than one index has {what}, and any of them may answer"),
        Severity::Medium => format!("more than one index may answer for {what}, unknown here"),
        _ => format!("more than one index may answer for {what}"),
    };
    let mut details = Vec::new();
    details.extend(shortened(unknown.iter().map(|name| match indexed.get(*name) {
        Some(found) if found.is_empty() => {
            format!("{name}: no index that was asked has it; whoever registers it decides")
        }
        Some(found) => format!("{name}: on {}", found.join(" and ")),
        None => format!("{name}: whoever registers it on another index decides what is installed"),
    })));
    if !known.is_empty() && severity > Severity::Low {
        details.push(format!("and {} that everybody knows", counted(known.len(), "package", "packages")));
    } else if known.len() > 1 {
        details.extend(shortened(known.iter().map(ToString::to_string)));
    }
    let usual = open.usual.map_or("the usual index".to_owned(), str::to_owned);
    details.extend(shortened(open.rivals.iter().map(|rival| format!("asked besides {usual}: {rival}"))));
    Finding {
        severity,
        confidence,
        title,
        details,
        remedy: Some(Remedy::Manual(
            "have each package come from one index (`explicit = true` with `[tool.uv.sources]`, one `--index-url` that hands \
             through what is public), or hold it to digests with `--hash`"
                .to_owned(),
        )),
        fingerprint: Fingerprint::new(&RULE, &[&place.path, "several"]),
        ..about_place(&RULE, place, open.span.clone(), &[])
    }
}

/// Whether two addresses are those of one index.
fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

fn unchecked(place: &Place, hosts: &[Said<'_, PackageIndex>]) -> Option<Finding> {
    let title = match locations(hosts).as_slice() {
        [] => return None,
        [host] => format!("the certificate of {host} is not checked"),
        hosts => format!("the certificates of {} hosts are not checked", hosts.len()),
    };
    Some(Finding {
        title,
        details: details(hosts),
        remedy: Some(Remedy::Manual(
            "give the host a certificate, or name the authority that signed it (`--cert`, `PIP_CERT`, `SSL_CERT_FILE`)"
                .to_owned(),
        )),
        fingerprint: Fingerprint::new(&RULE, &[&place.path, "unchecked"]),
        ..about_place(&RULE, place, first(hosts), &[])
    })
}

fn unencrypted(place: &Place, indexes: &[Said<'_, PackageIndex>]) -> Option<Finding> {
    let title = match locations(indexes).as_slice() {
        [] => return None,
        [index] => format!("packages come from {index} without encryption"),
        indexes => format!("packages come from {} indexes without encryption", indexes.len()),
    };
    Some(Finding {
        severity: Severity::High,
        title,
        details: details(indexes),
        remedy: Some(Remedy::Manual(
            "name the index by `https://`: anyone on the way can replace what is installed".to_owned(),
        )),
        fingerprint: Fingerprint::new(&RULE, &[&place.path, "unencrypted"]),
        ..about_place(&RULE, place, first(indexes), &[])
    })
}

fn locations<'a>(indexes: &[Said<'a, PackageIndex>]) -> Vec<&'a str> {
    let all: BTreeSet<&str> = indexes.iter().map(|(index, _)| index.location.as_str()).collect();
    all.into_iter().collect()
}

/// The places, where the title does not say it all.
fn details(indexes: &[Said<'_, PackageIndex>]) -> Vec<String> {
    let all = locations(indexes);
    if all.len() > 1 { shortened(all.into_iter().map(str::to_owned)) } else { Vec::new() }
}

fn first(indexes: &[Said<'_, PackageIndex>]) -> Option<Span> {
    indexes.iter().filter_map(|(_, evidence)| evidence.span.clone()).min()
}

#[cfg(test)]
mod tests {
    use weighbridge_core::name::NamePattern;

    use super::super::dependency_world::{Built, check, requires};
    use super::*;

    fn index(kind: IndexKind, location: &str) -> What {
        What::Index(PackageIndex::new(kind, location))
    }

    fn asks(name: &str) -> What {
        requires(name, Origin::Index)
    }

    const URL: &str = "https://own.example/simple";

    #[test]
    fn a_name_of_ones_own_beside_an_index_of_ones_own_is_told() {
        check(
            &DependencyConfusion,
            Built::new()
                .fact("requirements.txt", index(IndexKind::Extra, URL))
                .fact("requirements.txt", asks("our-private-tools"))
                .fact("requirements.txt", asks("numpy"))
                .fact("other.txt", asks("our-other-tools")),
            "
            medium medium more than one index may answer for our-private-tools, unknown here
              at requirements.txt
              our-private-tools: whoever registers it on another index decides what is installed
              and 1 package that everybody knows
              asked besides the usual index: https://own.example/simple
              fix have each package come from one index (`explicit = true` with `[tool.uv.sources]`, one `--index-url` that hands through what is public), or hold it to digests with `--hash`
            ",
        );
    }

    #[test]
    fn names_that_everybody_knows_are_low() {
        check(
            &DependencyConfusion,
            Built::new()
                .fact("requirements.txt", index(IndexKind::Default, "https://a.example"))
                .fact("requirements.txt", index(IndexKind::Links, "https://b.example/list.html"))
                .fact("requirements.txt", asks("torch")),
            "
            low medium more than one index may answer for torch
              at requirements.txt
              asked besides https://a.example: https://b.example/list.html
              fix have each package come from one index (`explicit = true` with `[tool.uv.sources]`, one `--index-url` that hands through what is public), or hold it to digests with `--hash`
            ",
        );
    }

    #[test]
    fn what_two_indexes_have_is_high() {
        let built = Built::new()
            .fact("requirements.txt", index(IndexKind::Extra, URL))
            .fact("requirements.txt", asks("our-private-tools"))
            .fact("requirements.txt", asks("our-other-tools"))
            .indexed("our-private-tools", &["https://usual.example/simple/", "https://own.example/simple/"])
            .indexed("our-other-tools", &[]);
        check(
            &DependencyConfusion,
            built,
            "
            high high more than one index has our-private-tools, and any of them may answer
              at requirements.txt
              our-other-tools: no index that was asked has it; whoever registers it decides
              our-private-tools: on https://usual.example/simple/ and https://own.example/simple/
              asked besides the usual index: https://own.example/simple
              fix have each package come from one index (`explicit = true` with `[tool.uv.sources]`, one `--index-url` that hands through what is public), or hold it to digests with `--hash`
            ",
        );
    }

    #[track_caller]
    fn is_silent(built: Built) {
        check(&DependencyConfusion, built, "");
    }

    #[test]
    fn one_index_or_one_for_each_package_is_no_confusion() {
        let asking = |kind| {
            Built::new()
                .fact("pyproject.toml", index(kind, URL))
                .fact("pyproject.toml", asks("our-private-tools"))
        };
        is_silent(asking(IndexKind::Default));
        is_silent(asking(IndexKind::First));
        is_silent(asking(IndexKind::Explicit));
        is_silent(asking(IndexKind::Extra).fact("pyproject.toml", index(IndexKind::None, "")));
        let own = PackageName::new("our-private-tools").unwrap();
        let assigned = PackageIndex { packages: vec![own], ..PackageIndex::new(IndexKind::Extra, URL) };
        is_silent(asking(IndexKind::Explicit).fact("pyproject.toml", What::Index(assigned)));
        let patterns = || vec![NamePattern::new("our-*").unwrap()];
        let included = PackageIndex { included: patterns(), ..PackageIndex::new(IndexKind::Extra, URL) };
        is_silent(asking(IndexKind::Explicit).fact("pyproject.toml", What::Index(included)));
        let excluded = PackageIndex { excluded: patterns(), ..PackageIndex::new(IndexKind::Extra, URL) };
        is_silent(asking(IndexKind::Explicit).fact("pyproject.toml", What::Index(excluded)));
        let elsewhere = PackageIndex { lines: Some((2, 3)), ..PackageIndex::new(IndexKind::Extra, URL) };
        is_silent(asking(IndexKind::Explicit).fact("pyproject.toml", What::Index(elsewhere)));
        is_silent(
            Built::new()
                .fact("requirements.txt", index(IndexKind::Links, "./wheels"))
                .fact("requirements.txt", asks("our-private-tools")),
        );
    }

    #[test]
    fn settings_and_commands_count_where_they_are_meant() {
        let found = |built: Built| built.findings(&DependencyConfusion).len();
        let best = index(IndexKind::BestMatch, "unsafe-best-match");
        let first = || {
            Built::new()
                .fact("a.toml", index(IndexKind::First, URL))
                .fact("a.toml", asks("our-private-tools"))
        };
        assert_eq!(found(first()), 0);
        assert_eq!(found(first().fact("a.toml", best)), 1);
        let files =
            PackageIndex { files: vec!["req/own.txt".into()], ..PackageIndex::new(IndexKind::Extra, URL) };
        let command = || Built::new().fact("docker/Dockerfile", What::Index(files.clone()));
        assert_eq!(found(command().fact("req/own.txt", asks("our-private-tools"))), 1);
        assert_eq!(found(command().fact("docker/req/own.txt", asks("our-private-tools"))), 1);
        assert_eq!(found(command().fact("other/req/own.txt", asks("our-private-tools"))), 0);
        let settings = |path: &str| {
            Built::new()
                .fact_by("pip-settings", path, index(IndexKind::Extra, URL))
                .fact("sub/requirements.txt", asks("our-private-tools"))
        };
        assert_eq!(found(settings("pip.conf")), 1);
        assert_eq!(found(settings(".pip/pip.conf")), 1);
        assert_eq!(found(settings("sub/.config/pip/pip.conf")), 1);
        assert_eq!(found(settings("other/pip.conf")), 0);
    }

    #[test]
    fn digests_settle_it() {
        let What::Requires(mut hashed) = asks("our-private-tools") else { unreachable!() };
        hashed.requirement.digests = vec![weighbridge_core::digest::Digest::of(b"a")];
        is_silent(
            Built::new()
                .fact("requirements.txt", index(IndexKind::Extra, "http://own.example"))
                .fact("requirements.txt", index(IndexKind::Trusted, "own.example"))
                .fact("requirements.txt", What::Requires(hashed)),
        );
    }

    #[test]
    fn indexes_that_anyone_may_be_are_told() {
        check(
            &DependencyConfusion,
            Built::new()
                .fact("requirements.txt", index(IndexKind::Default, "http://own.example/simple"))
                .fact("requirements.txt", index(IndexKind::Links, "http://localhost:8080/simple"))
                .fact("requirements.txt", index(IndexKind::Trusted, "own.example")),
            "
            medium high the certificate of own.example is not checked
              at requirements.txt
              fix give the host a certificate, or name the authority that signed it (`--cert`, `PIP_CERT`, `SSL_CERT_FILE`)
            high high packages come from http://own.example/simple without encryption
              at requirements.txt
              fix name the index by `https://`: anyone on the way can replace what is installed
            ",
        );
    }
}
