//! Which build of a library a binary is: in whose versions, and which one. Strongest first:
//!
//! 1. A package of a distribution, as the bill of materials beside it says, where the file was gathered, is called like
//!    the library and says no other version. What a distribution has patched is never matched by the versions of the
//!    library's authors.
//! 2. The same by the name of the file of debug symbols, into which distributions put version and release. That it is
//!    AlmaLinux's is inferred: Red Hat and those who rebuild it share the names, and manylinux wheels are built there.
//! 3. What the file says itself. Where it names a file of debug symbols and nothing says which package it is of, its
//!    version is marked as that of a distribution's build: those who compile a library for their wheel keep none apart.
//! 4. What the only claim of the bill says, where the file says no version.
//! 5. For a file that is a library by its name alone: the only version that other files of the same package say, since parts
//!    of one release are gathered together. Inferred.
//! 6. What another package shows of the same file: both have the name and the digest that tools put into it (the first, of
//!    the file as it was built), or the same build id. Inferred.

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Library, Sign};
use weighbridge_core::graph::{Component, Graph, NodeId, Relation};
use weighbridge_core::name::PackageName;
use weighbridge_core::place::{Class, Place};
use weighbridge_core::purl::Purl;
use weighbridge_read::binary::{Name, is_called, lookalikes, rpm_of};

use super::bom::{Claim, Claims, library_of};
use super::native::{Held, is_gathered};

/// What ends the versions of builds that a distribution patches and of which nobody says the package: they compare with
/// no others. The first is what OpenSSL says of itself.
pub(crate) const PATCHED: [&str; 2] = ["-fips", "-distribution"];

/// The version without a mark of [`PATCHED`]; none if there is no mark.
pub(crate) fn without_mark(version: &str) -> Option<&str> {
    PATCHED.iter().find_map(|mark| version.strip_suffix(mark))
}

/// A build of a library.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Build {
    pub(super) id: NodeId,
    pub(super) ecosystem: Ecosystem,
    pub(super) name: PackageName,
    pub(super) version: Option<String>,
    /// How well founded it is at best.
    pub(super) class: Class,
}

impl Build {
    fn new(ecosystem: Ecosystem, namespace: &str, name: PackageName, version: Option<String>) -> Self {
        let id = NodeId::Component(Purl::new(ecosystem, namespace, &name, version.as_deref()));
        Self { id, ecosystem, name, version, class: Class::Observed }
    }

    fn claimed(claim: &Claim) -> Self {
        Self {
            id: NodeId::Component(claim.purl.clone()),
            ecosystem: claim.ecosystem,
            name: claim.name.clone(),
            version: claim.version.clone(),
            class: Class::Claimed,
        }
    }

    fn is_of_distribution(&self) -> bool {
        self.ecosystem != Ecosystem::Native
    }

    fn inferred(&self) -> Self {
        Self { class: Class::Inferred, ..self.clone() }
    }
}

/// The libraries that the binaries of each package or archive show.
pub(super) fn shows(held: &BTreeMap<&Place, Held<'_>>) -> BTreeMap<NodeId, BTreeSet<PackageName>> {
    let mut shows: BTreeMap<NodeId, BTreeSet<PackageName>> = BTreeMap::new();
    for binary in held.values() {
        for holder in &binary.holders {
            let names = binary.shown.libraries.iter().map(|(library, _)| library.name.clone());
            shows.entry(holder.clone()).or_default().extend(names);
        }
    }
    shows
}

/// The build of each library of each binary, in their order.
pub(super) fn settle(held: &BTreeMap<&Place, Held<'_>>, claims: &Claims) -> Vec<Vec<Build>> {
    let packages = Packages::new(held, claims);
    let mut builds: Vec<Vec<Build>> = held
        .iter()
        .map(|(place, binary)| {
            binary.shown.libraries.iter().map(|(library, _)| packages.build(place, binary, library)).collect()
        })
        .collect();
    // What is known of a file by one package is known of it in all.
    let mut same: BTreeMap<(Origin<'_>, &PackageName), BTreeSet<Build>> = BTreeMap::new();
    for ((place, binary), builds) in held.iter().zip(&builds) {
        for ((library, _), build) in binary.shown.libraries.iter().zip(builds) {
            if build.version.is_some() && is_file_of(place, library) {
                for origin in origins(place, binary) {
                    same.entry((origin, &library.name)).or_default().insert(build.inferred());
                }
            }
        }
    }
    for ((place, binary), builds) in held.iter().zip(&mut builds) {
        for ((library, _), build) in binary.shown.libraries.iter().zip(builds) {
            if build.is_of_distribution() || !is_file_of(place, library) {
                continue;
            }
            let known: BTreeSet<&Build> = origins(place, binary)
                .into_iter()
                .filter_map(|origin| same.get(&(origin, &library.name)))
                .flatten()
                .collect();
            let of_distribution: Vec<&Build> =
                known.iter().copied().filter(|it| it.is_of_distribution()).collect();
            let all: Vec<&Build> = known.into_iter().collect();
            match (of_distribution.as_slice(), all.as_slice(), build.version.is_some()) {
                ([only], _, _) | ([], [only], false) => *build = (*only).clone(),
                _ => {}
            }
        }
    }
    builds
}

/// What tells that two files were the same before they were gathered.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Origin<'a> {
    /// Name without digests, and the digest of the file as it was built.
    Name(String, String),
    BuildId(&'a str),
}

fn origins<'a>(place: &Place, binary: &'a Held<'_>) -> Vec<Origin<'a>> {
    /// Shorter ones are written by hand and need not be unique.
    const SHORTEST_ID: usize = 32;
    let name = Name::new(path_of(place));
    let digest = name.digests.first().filter(|_| is_gathered(path_of(place))).cloned();
    let named = digest.map(|digest| Origin::Name(name.plain, digest));
    let id = binary.shown.binary.and_then(|(binary, _)| binary.build_id.as_deref());
    let id = id.filter(|id| id.len() >= SHORTEST_ID).map(Origin::BuildId);
    named.into_iter().chain(id).collect()
}

/// The path of a binary in what was installed or archived.
fn path_of(place: &Place) -> &str {
    place.inner.last().unwrap_or(&place.path)
}

/// Whether the file is the library and not something that holds a copy.
fn is_file_of(place: &Place, library: &Library) -> bool {
    is_called(library.name.as_str(), path_of(place))
}

/// What is known of the packages and archives that hold binaries.
struct Packages<'a> {
    claims: &'a Claims,
    /// The versions that files say.
    versions: BTreeMap<(&'a NodeId, &'a PackageName), BTreeSet<&'a str>>,
    /// How many gathered files each library has.
    gathered: BTreeMap<(&'a NodeId, &'a PackageName), usize>,
    shows: BTreeMap<NodeId, BTreeSet<PackageName>>,
}

impl<'a> Packages<'a> {
    fn new(held: &'a BTreeMap<&Place, Held<'a>>, claims: &'a Claims) -> Self {
        let mut packages =
            Packages { claims, versions: BTreeMap::new(), gathered: BTreeMap::new(), shows: shows(held) };
        for (place, binary) in held {
            for (library, _) in &binary.shown.libraries {
                for holder in &binary.holders {
                    let key = (holder, &library.name);
                    if let Some(version) = &library.version {
                        packages.versions.entry(key).or_default().insert(version);
                    }
                    if is_gathered(path_of(place)) && is_file_of(place, library) {
                        let files = packages.gathered.entry(key).or_default();
                        *files = files.saturating_add(1);
                    }
                }
            }
        }
        packages
    }

    fn build(&self, place: &Place, binary: &Held<'_>, library: &Library) -> Build {
        let build = self.found(place, binary, library);
        let debug = binary.shown.binary.is_some_and(|(binary, _)| binary.debug.is_some());
        match &build.version {
            Some(version)
                if debug
                    && is_gathered(path_of(place))
                    && is_file_of(place, library)
                    && !build.is_of_distribution()
                    && without_mark(version).is_none() =>
            {
                let [_, mark] = PATCHED;
                let version = Some(format!("{version}{mark}"));
                let class = build.class;
                Build { class, ..Build::new(Ecosystem::Native, "", build.name, version) }
            }
            _ => build,
        }
    }

    fn found(&self, place: &Place, binary: &Held<'_>, library: &Library) -> Build {
        let own = Build::new(Ecosystem::Native, "", library.name.clone(), library.version.clone());
        if is_file_of(place, library) {
            let claimed = || {
                let gathered = is_gathered(path_of(place));
                binary.holders.iter().filter(|_| gathered).find_map(|holder| self.packaged(holder, library))
            };
            let debug = binary.shown.binary.and_then(|(binary, _)| binary.debug.as_deref());
            let by_symbols = || debug.and_then(|debug| by_debug_file(debug, path_of(place), library));
            if let Some(build) = claimed().or_else(by_symbols) {
                return build;
            }
        }
        if library.version.is_some() {
            return own;
        }
        let claimed: BTreeSet<&str> = binary
            .holders
            .iter()
            .flat_map(|holder| self.claimed(holder, &library.name))
            .filter(|claim| claim.ecosystem == Ecosystem::Native)
            .filter_map(|claim| claim.version.as_deref())
            .collect();
        if let (1, Some(version)) = (claimed.len(), claimed.first()) {
            let version = Some((*version).to_owned());
            let build = Build::new(Ecosystem::Native, "", library.name.clone(), version);
            return Build { class: Class::Claimed, ..build };
        }
        if library.sign == Sign::FileName {
            let of_holders =
                binary.holders.iter().filter_map(|holder| self.versions.get(&(holder, &library.name)));
            let all: BTreeSet<&str> = of_holders.flatten().copied().collect();
            if let (1, Some(version)) = (all.len(), all.first()) {
                let version = Some((*version).to_owned());
                return Build::new(Ecosystem::Native, "", library.name.clone(), version).inferred();
            }
        }
        own
    }

    /// What bills say of a library, also by the name of another one that the package does not hold and that people call
    /// like it.
    fn claimed(&self, holder: &NodeId, library: &PackageName) -> Vec<&Claim> {
        let Some(claims) = self.claims.get(holder) else { return Vec::new() };
        let shown = self.shows.get(holder);
        let is_meant = |name: &PackageName| {
            name == library
                || lookalikes(name.as_str()).contains(&library.as_str())
                    && shown.is_none_or(|shown| !shown.contains(name))
        };
        claims.iter().filter(|(name, _)| is_meant(name)).flat_map(|(_, claims)| claims).collect()
    }

    /// The package of a distribution from which the gathered files of a library come, if the bill speaks of as many as
    /// there are, or of the version that the file says.
    fn packaged(&self, holder: &NodeId, library: &Library) -> Option<Build> {
        let claims = self.claims.get(holder)?.get(&library.name)?;
        let of_distribution = || claims.iter().filter(|claim| claim.ecosystem != Ecosystem::Native);
        let only = of_distribution().next()?;
        if of_distribution().any(|claim| claim.purl != only.purl) {
            return None;
        }
        let files = self.gathered.get(&(holder, &library.name)).copied().unwrap_or_default();
        let upstream = only.version.as_deref().and_then(|it| upstream(only.ecosystem, it))?;
        let fits = match &library.version {
            Some(version) => agree(version, upstream),
            None => of_distribution().count() >= files,
        };
        fits.then(|| Build::claimed(only))
    }
}

/// The package of Red Hat's descendants whose build says so in the name of its debug symbols.
fn by_debug_file(debug: &str, file: &str, library: &Library) -> Option<Build> {
    let (version, release) = debug_version(debug)?;
    if library.version.as_deref().is_some_and(|said| !agree(said, version)) {
        return None;
    }
    let package = rpm_of(library.name.as_str(), file)?;
    let name = PackageName::of(Ecosystem::Rpm, package).ok()?;
    Some(Build::new(Ecosystem::Rpm, "almalinux", name, Some(format!("{version}-{release}"))).inferred())
}

/// Version and release in `libz.so.1.2.11-1.2.11-26.el8.x86_64.debug`, for the releases that AlmaLinux has.
fn debug_version(debug: &str) -> Option<(&str, &str)> {
    let (rest, _machine) = debug.strip_suffix(".debug")?.rsplit_once('.')?;
    let (rest, release) = rest.rsplit_once('-')?;
    let (_, version) = rest.rsplit_once('-')?;
    let (number, of) = release.split_once(".el")?;
    let of: String = of.chars().take_while(char::is_ascii_digit).collect();
    let is_number = number.starts_with(|it: char| it.is_ascii_digit());
    let known = of.parse::<u32>().is_ok_and(|of| of >= 8);
    (is_number && known && version.starts_with(|it: char| it.is_ascii_digit())).then_some((version, release))
}

/// The version of the authors in that of a package: without epoch and release.
fn upstream(ecosystem: Ecosystem, version: &str) -> Option<&str> {
    let version = match version.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|it| it.is_ascii_digit()) => rest,
        _ => version,
    };
    let plain = match ecosystem {
        Ecosystem::Native => version,
        Ecosystem::Apk => version.rsplit_once("-r").map_or(version, |(version, _)| version),
        _ => version.rsplit_once('-').map_or(version, |(version, _)| version),
    };
    let plain = plain.split(['+', '~']).next().unwrap_or(plain);
    (!plain.is_empty()).then_some(plain)
}

/// Whether two versions of one library are the same, or one of them says more of it.
fn agree(one: &str, other: &str) -> bool {
    let [one, other] = [one, other].map(|version| without_mark(version).unwrap_or(version));
    let begins = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with('.'));
    one == other || begins(one, other) || begins(other, one)
}

/// Where a bill of materials and every file that says a version say different ones, a line for each: nobody knows here
/// which of them is wrong.
pub(crate) fn unequal_claims(graph: &Graph) -> BTreeSet<String> {
    let library = |id: &NodeId| {
        let component: &Component = graph.component(id)?;
        let name = library_of(component.ecosystem, &component.name)?;
        let version = component.version.as_deref()?;
        Some((name, upstream(component.ecosystem, version)?.to_owned(), version))
    };
    let mut files: BTreeMap<&NodeId, Vec<&NodeId>> = BTreeMap::new();
    let mut claimed: BTreeMap<&NodeId, Vec<&NodeId>> = BTreeMap::new();
    let mut held: BTreeMap<&NodeId, Vec<&NodeId>> = BTreeMap::new();
    for (edge, evidence) in &graph.edges {
        let is_file = matches!(edge.to, NodeId::Artifact(_));
        let by = |reader| evidence.iter().any(|it| it.reader == reader);
        let kept = match edge.relation {
            Relation::Vendors if is_file => &mut held,
            Relation::Vendors if by("bom") => &mut claimed,
            Relation::Contains if by("native") => &mut files,
            _ => continue,
        };
        kept.entry(&edge.from).or_default().push(&edge.to);
    }
    let mut found = BTreeSet::new();
    for (holder, claims) in claimed {
        // Of an archive the libraries hang below itself.
        let within = held.get(holder).into_iter().flatten().copied().chain([holder]);
        let mut said: BTreeMap<PackageName, BTreeSet<String>> = BTreeMap::new();
        for id in within.filter_map(|file| files.get(file)).flatten() {
            if let Some((name, version, _)) = library(id) {
                said.entry(name).or_default().insert(version);
            }
        }
        if said.is_empty() {
            continue;
        }
        let mut claimed: BTreeMap<PackageName, BTreeSet<String>> = BTreeMap::new();
        for (name, version, _) in claims.iter().filter_map(|id| library(id)) {
            claimed.entry(name).or_default().insert(version);
        }
        for (name, version, written) in claims.iter().filter_map(|id| library(id)) {
            let Some(versions) = said.get(&name) else { continue };
            let several = claimed.get(&name).is_some_and(|all| all.len() > 1);
            if !several && versions.iter().all(|other| !agree(other, &version)) {
                let versions = versions.iter().cloned().collect::<Vec<_>>().join(" and ");
                found.insert(format!(
                    "{}: its bill of materials says {name} {written}, its files say {versions}",
                    graph.label(holder)
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_debug_symbols_say_version_and_release() {
        for (name, expected) in [
            ("libcrypto.so.1.1.1k-1.1.1k-18.el8_6.x86_64.debug", Some(("1.1.1k", "18.el8_6"))),
            ("libgomp.so.1.0.0-8.5.0-28.el8_10.alma.1.x86_64.debug", Some(("8.5.0", "28.el8_10.alma.1"))),
            ("libopenblaso-r0.3.15.so-0.3.15-6.el8.aarch64.debug", Some(("0.3.15", "6.el8"))),
            ("libcrypto.so.1.0.2k-1.0.2k-19.el7.x86_64.debug", None),
            ("libz.so.1.2.11.debug", None),
            ("libfoo-1.2-3.fc40.x86_64.debug", None),
            ("-.el8.x.debug", None),
            ("", None),
        ] {
            assert_eq!(debug_version(name), expected, "{name}");
        }
    }

    #[test]
    fn versions_are_compared_without_what_a_package_adds() {
        for (ecosystem, version, expected) in [
            (Ecosystem::Rpm, "1:1.1.1k-15.el8_6", "1.1.1k"),
            (Ecosystem::Deb, "2:5.1.6+dfsg-0+deb12u1", "5.1.6"),
            (Ecosystem::Apk, "3.5.4-r0", "3.5.4"),
            (Ecosystem::Native, "3.0.7", "3.0.7"),
        ] {
            assert_eq!(upstream(ecosystem, version), Some(expected), "{version}");
        }
        assert!(agree("1.1.1k-fips", "1.1.1k") && agree("0.3.31.188.0", "0.3.31"));
        assert!(!agree("1.1.1w", "1.1.1") && !agree("1.2.1", "1.2.11"));
    }
}
