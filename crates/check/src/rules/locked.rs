//! What the rules about `weighbridge.lock` share: the approved things that lie in the target, and how they differ from what
//! was approved.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use weighbridge_core::digest::Digest;
use weighbridge_core::fact::{Fact, What};
use weighbridge_core::finding::{Finding, Remedy, Severity};
use weighbridge_core::lock::{Approval, Signature};
use weighbridge_core::place::{Place, Span};
use weighbridge_core::rule::Rule;
use weighbridge_core::world::{File, World};
use weighbridge_trust::attest;
use weighbridge_trust::lock::places::{self, Where};
use weighbridge_trust::lock::{Difference, Found, Seen, Shown, compare, downgraded_to};

use super::dependency::{about_place, shortened};

/// Something approved that lies in the target.
pub(super) struct Locked<'w> {
    /// The lock.
    pub(super) place: &'w Place,
    /// Where in the lock.
    pub(super) span: Option<Span>,
    /// What the lock says.
    pub(super) approval: &'w Approval,
    /// Where it lies.
    pub(super) base: String,
    /// What is otherwise.
    pub(super) differences: Vec<Difference>,
}

/// What one rule tells of something approved.
pub(super) struct Told {
    pub(super) severity: Severity,
    pub(super) title: String,
    pub(super) details: Vec<String>,
    /// The file that it shows in, by its path below what was approved; none for the line of the lock.
    pub(super) path: Option<String>,
    pub(super) remedy: String,
}

/// Everything approved by a lock in the target. What does not lie there at all has nothing to tell: a lock goes into version
/// control, and models mostly do not.
pub(super) fn locked<'w>(world: &World<'w>) -> Vec<Locked<'w>> {
    let mut found = Vec::new();
    for (place, facts) in world.facts.iter().filter(|(place, _)| place.inner.is_empty()) {
        for fact in facts {
            let What::Approved(approval) = &fact.what else { continue };
            let span = fact.evidence.span.clone();
            let one =
                |base: String, differences| Locked { place, span: span.clone(), approval, base, differences };
            match places::place(place.folder(), &approval.source) {
                Where::Path(base) => {
                    let files = files(world, &base, place, approval);
                    if !files.is_empty() {
                        let seen = Seen { files, signature: shown(world, &base, approval), revision: None };
                        let differences = compare(approval, &seen);
                        found.push(one(base, differences));
                    }
                }
                Where::Hub(name) => {
                    for snapshots in snapshots(world, &name) {
                        let (base, differences) = in_hub(world, &snapshots, place, approval);
                        found.push(one(base, differences));
                    }
                }
            }
        }
    }
    found
}

/// One finding for everything that `pick` takes of the differences of one approved thing.
pub(super) fn tell(
    world: &World<'_>,
    rule: &'static Rule,
    pick: impl Fn(&Difference) -> bool,
    told: impl Fn(&Locked<'_>, &[&Difference]) -> Told,
    findings: &mut Vec<Finding>,
) {
    for locked in locked(world) {
        let picked: Vec<&Difference> = locked.differences.iter().filter(|it| pick(it)).collect();
        if picked.is_empty() {
            continue;
        }
        let Told { severity, title, details, path, remedy } = told(&locked, &picked);
        let (place, span) = match &path {
            Some(path) => (Place::file(places::below(&locked.base, path)), None),
            None => (locked.place.clone(), locked.span.clone()),
        };
        // What is different belongs to the finding: another file that changes later is another finding.
        let parts: Vec<String> = picked.iter().filter_map(|it| path_of(it)).map(str::to_owned).collect();
        let source = [locked.place.path.as_ref(), locked.approval.source.as_str()];
        let parts: Vec<&str> = source.into_iter().chain(parts.iter().map(String::as_str)).collect();
        findings.push(Finding {
            severity,
            title,
            details: shortened(details),
            remedy: Some(Remedy::Manual(remedy)),
            ..about_place(rule, &place, span, &parts)
        });
    }
}

/// The file that a difference is about.
pub(super) fn path_of(difference: &Difference) -> Option<&str> {
    match difference {
        Difference::Changed { path, .. }
        | Difference::Missing(path)
        | Difference::Extra(path)
        | Difference::Unread { path, .. } => Some(path),
        _ => None,
    }
}

/// Where the signature lies, by its path below the model; for one that is a file none.
pub(super) fn signature_path(locked: &Locked<'_>) -> Option<String> {
    let signer = locked.approval.signer.as_ref()?;
    (!locked.approval.files.contains_key(".")).then(|| signer.signature.clone())
}

/// The files below `base`, but for the lock and the signature that the lock knows.
fn files<'w>(world: &World<'w>, base: &str, lock: &Place, approval: &Approval) -> BTreeMap<&'w str, Found> {
    let found = |file: &File| Found { size: file.size, digest: file.digest.clone() };
    if let Some(file) = world.files.get(base) {
        return BTreeMap::from([(".", found(file))]);
    }
    let signature = places::signature(base, approval);
    // What is attested comes later, and is signed itself.
    let claims = places::below(base, attest::FILE);
    let has_claims = !approval.files.contains_key(attest::FILE) && holds_attestations(world, &claims);
    let is_apart = |path: &str| {
        path == &*lock.path || signature.as_deref() == Some(path) || (has_claims && path == claims)
    };
    below(world, base)
        .filter(|(path, ..)| !is_apart(path))
        .map(|(_, rest, file)| (rest, found(file)))
        .collect()
}

/// Whether a file holds attestations.
pub(super) fn holds_attestations(world: &World<'_>, path: &str) -> bool {
    let is_one =
        |fact: &Fact| matches!(&fact.what, What::Signature(signature) if signature.attested.is_some());
    world.facts.get(&Place::file(path)).is_some_and(|facts| facts.iter().any(is_one))
}

/// Every file below a folder: its path, that below the folder, and the file.
pub(super) fn below<'w>(
    world: &World<'w>,
    folder: &str,
) -> impl Iterator<Item = (&'w str, &'w str, &'w File)> + use<'w> {
    let begin = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let range = (Bound::Included(begin.as_str()), Bound::Unbounded);
    let files: &'w BTreeMap<Arc<str>, File> = world.files;
    files.range::<str, _>(range).map_while(move |(path, file)| {
        let rest = path.strip_prefix(begin.as_str())?;
        Some((&**path, rest, file))
    })
}

fn shown<'w>(world: &World<'w>, base: &str, approval: &Approval) -> Shown<'w> {
    let Some(path) = places::signature(base, approval) else { return Shown::Nothing };
    match signature(world, &path) {
        Some(signature) => Shown::Signature(signature),
        None if world.files.contains_key(path.as_str()) => Shown::Other,
        None => Shown::Nothing,
    }
}

/// What a signature at this path says.
fn signature<'w>(world: &World<'w>, path: &str) -> Option<&'w Signature> {
    let facts: &'w BTreeMap<_, _> = world.facts;
    facts.get(&Place::file(path))?.iter().find_map(|fact| match &fact.what {
        What::Signature(signature) => Some(&**signature),
        _ => None,
    })
}

/// The snapshots of one repository in one cache of the hub.
struct Snapshots<'w> {
    /// The folder of the repository.
    folder: String,
    revisions: BTreeSet<&'w str>,
}

/// The caches in the target that hold a repository.
fn snapshots<'w>(world: &World<'w>, name: &str) -> Vec<Snapshots<'w>> {
    let mut found: BTreeMap<String, BTreeSet<&'w str>> = BTreeMap::new();
    let inside = format!("/{name}/snapshots/");
    for path in world.files.keys() {
        let begin = path.strip_prefix(&inside[1..]).map(|rest| (name.to_owned(), rest));
        let later = || path.split_once(&inside).map(|(above, rest)| (format!("{above}/{name}"), rest));
        let Some((folder, rest)) = begin.or_else(later) else { continue };
        if let Some((revision, _)) = rest.split_once('/') {
            found.entry(folder).or_default().insert(revision);
        }
    }
    found.into_iter().map(|(folder, revisions)| Snapshots { folder, revisions }).collect()
}

/// Where the approved snapshot lies, and what is otherwise.
fn in_hub(
    world: &World<'_>,
    snapshots: &Snapshots<'_>,
    lock: &Place,
    approval: &Approval,
) -> (String, Vec<Difference>) {
    let pinned = approval.revision.as_deref().unwrap_or_default();
    // A reference is a file that holds nothing but the name of the commit, so that its digest says which one.
    let main = world.files.get(format!("{}/refs/main", snapshots.folder).as_str());
    let main = main.and_then(|file| file.digest.as_ref().ok());
    let says = |commit: &str| main.is_some_and(|it| *it == Digest::of(commit.as_bytes()));
    let present = match main {
        None => None,
        Some(_) if says(pinned) => None,
        Some(_) => Some(snapshots.revisions.iter().copied().find(|it| says(it)).unwrap_or("another one")),
    };
    let is_there = snapshots.revisions.contains(pinned);
    let other = || snapshots.revisions.iter().next_back().copied();
    let found = present.or_else(|| other().filter(|_| !is_there));
    let moved = found.map(|found| Difference::Moved { pinned: pinned.to_owned(), found: found.to_owned() });
    let back = found.and_then(|found| downgraded_to(approval, found));
    let moved: Vec<Difference> = moved.into_iter().chain(back).collect();
    let base = format!("{}/snapshots/{pinned}", snapshots.folder);
    if !is_there {
        return (base, moved);
    }
    let files = files(world, &base, lock, approval);
    let seen = Seen { files, signature: shown(world, &base, approval), revision: None };
    let mut differences = compare(approval, &seen);
    differences.extend(moved);
    (base, differences)
}
