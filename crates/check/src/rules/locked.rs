//! What the rules about `weighbridge.lock` share: the approved things that lie in the target, and how they differ from what
//! was approved.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use weighbridge_core::digest::Digest;
use weighbridge_core::fact::{Fact, What};
use weighbridge_core::finding::{Finding, Remedy, Severity};
use weighbridge_core::lock::{Above, Approval, Approved, Signature};
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
    /// Where it lies; for a part of it, where the lock says so.
    base: String,
    /// The lock lies above the target, and only a part of what it approves here lies in the target.
    part: Option<&'w Above>,
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

impl Locked<'_> {
    /// A file of it in the target; the lock for one that is not.
    fn file(&self, path: &str) -> Place {
        let path = places::below(&self.base, path);
        match self.part {
            None => Place::file(path),
            Some(above) => above.here(&path).map_or_else(|| self.place.clone(), Place::file),
        }
    }
}

/// Everything approved by a lock in the target or above it. What does not lie there at all has nothing to tell: a lock goes into
/// version control, and models mostly do not.
pub(super) fn locked<'w>(world: &World<'w>) -> Vec<Locked<'w>> {
    let mut found = Vec::new();
    for (place, facts) in world.facts.iter().filter(|(place, _)| place.inner.is_empty()) {
        for fact in facts {
            let What::Approved(approved) = &fact.what else { continue };
            let lock = Lock { place, span: fact.evidence.span.clone(), approved };
            match places::place(places::folder(place, approved), &approved.approval.source) {
                Where::Path(base) => found.extend(lock.at(world, &base)),
                Where::Hub(name) => {
                    let snapshots = snapshots(world, &name, approved.above.as_deref());
                    found.extend(snapshots.iter().filter_map(|snapshots| lock.in_hub(world, snapshots)));
                }
            }
        }
    }
    found
}

/// What a lock says of one thing.
struct Lock<'w> {
    place: &'w Place,
    span: Option<Span>,
    approved: &'w Approved,
}

impl<'w> Lock<'w> {
    fn locked(&self, base: String, part: Option<&'w Above>, differences: Vec<Difference>) -> Locked<'w> {
        let (place, span, approval) = (self.place, self.span.clone(), &self.approved.approval);
        Locked { place, span, approval, base, part, differences }
    }

    /// What is otherwise at `base`; none where nothing lies there.
    fn at(&self, world: &World<'w>, base: &str) -> Option<Locked<'w>> {
        let approval = &self.approved.approval;
        let here = match self.approved.above.as_deref() {
            None => base.to_owned(),
            Some(above) => match above.here(base) {
                Some(here) => here,
                None => return self.part(world, base, above),
            },
        };
        let files = files(world, &here, self.place, approval);
        if files.is_empty() {
            return None;
        }
        let seen = Seen { files, signature: shown(world, &here, approval), revision: None };
        let differences = compare(approval, &seen);
        Some(self.locked(here, None, differences))
    }

    /// What is otherwise of the files of something at `base` of which only a part lies in the target. Its signature and what
    /// it was before are about all of it.
    fn part(&self, world: &World<'w>, base: &str, above: &'w Above) -> Option<Locked<'w>> {
        let approval = &self.approved.approval;
        let here = |path: &str| above.here(&places::below(base, path));
        let mut files: BTreeMap<String, Found> = BTreeMap::new();
        for part in above.within(base) {
            let top = world.files.get_key_value(part.here.as_str()).map(|(path, file)| (&**path, file));
            let all = top.into_iter().chain(below(world, &part.here).map(|(path, _, file)| (path, file)));
            for (path, file) in all {
                let path = above.there(path).and_then(|path| below_base(base, &path));
                files.extend(path.map(|path| (path, found(file))));
            }
        }
        let signature = approval.signer.as_ref().map(|signer| signer.signature.as_str());
        let claims = here(attest::FILE).filter(|_| !approval.files.contains_key(attest::FILE));
        let has_claims = claims.is_some_and(|path| holds_attestations(world, &path));
        files.retain(|path, _| signature != Some(path) && !(has_claims && path == attest::FILE));
        if files.is_empty() {
            return None;
        }
        let pins = approval.files.iter().filter(|(path, _)| here(path).is_some());
        let approval = Approval {
            files: pins.map(|(path, pin)| (path.clone(), *pin)).collect(),
            signature_required: false,
            signer: None,
            superseded: Vec::new(),
            ..approval.clone()
        };
        let files = files.iter().map(|(path, found)| (path.as_str(), found.clone())).collect();
        let differences = compare(&approval, &Seen { files, signature: Shown::Nothing, revision: None });
        Some(self.locked(base.to_owned(), Some(above), differences))
    }

    /// What is otherwise in a cache of the hub.
    fn in_hub(&self, world: &World<'w>, snapshots: &Snapshots) -> Option<Locked<'w>> {
        let approval = &self.approved.approval;
        let pinned = approval.revision.as_deref().unwrap_or_default();
        let base = format!("{}/snapshots/{pinned}", snapshots.folder);
        let is_there = snapshots.revisions.contains(pinned);
        let moved = self.moved(world, snapshots);
        if !is_there {
            let base = self.approved.above.as_ref().and_then(|it| it.here(&base)).unwrap_or(base);
            return (!moved.is_empty()).then(|| self.locked(base, None, moved));
        }
        let mut locked = self.at(world, &base)?;
        locked.differences.extend(moved);
        Some(locked)
    }

    /// That a loader would take another snapshot than the approved one.
    fn moved(&self, world: &World<'_>, snapshots: &Snapshots) -> Vec<Difference> {
        let approval = &self.approved.approval;
        let pinned = approval.revision.as_deref().unwrap_or_default();
        let here = match &self.approved.above {
            None => Some(snapshots.folder.clone()),
            Some(above) => above.here(&snapshots.folder),
        };
        // Of a snapshot alone it is not known which ones lie beside it.
        let Some(here) = here else { return Vec::new() };
        // A reference is a file that holds nothing but the name of the commit, so that its digest says which one.
        let main = world.files.get(format!("{here}/refs/main").trim_start_matches('/'));
        let main = main.and_then(|file| file.digest.as_ref().ok());
        let says = |commit: &str| main.is_some_and(|it| *it == Digest::of(commit.as_bytes()));
        let present = match main {
            None => None,
            Some(_) if says(pinned) => None,
            Some(_) => {
                Some(snapshots.revisions.iter().find(|it| says(it)).map_or("another one", String::as_str))
            }
        };
        let is_there = snapshots.revisions.contains(pinned);
        let other = || snapshots.revisions.iter().next_back().map(String::as_str);
        let Some(found) = present.or_else(|| other().filter(|_| !is_there)) else { return Vec::new() };
        let moved = Difference::Moved { pinned: pinned.to_owned(), found: found.to_owned() };
        [moved].into_iter().chain(downgraded_to(approval, found)).collect()
    }
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
            Some(path) => (locked.file(path), None),
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
struct Snapshots {
    /// The folder of the repository, as the lock would call it.
    folder: String,
    revisions: BTreeSet<String>,
}

/// The caches in the target that hold a repository.
fn snapshots(world: &World<'_>, name: &str, above: Option<&Above>) -> Vec<Snapshots> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let inside = format!("/{name}/snapshots/");
    for path in world.files.keys() {
        let there = above.map(|above| above.there(path).unwrap_or_default());
        let path = there.as_deref().unwrap_or(path);
        let begin = path.strip_prefix(&inside[1..]).map(|rest| (name.to_owned(), rest));
        let later = || path.split_once(&inside).map(|(above, rest)| (format!("{above}/{name}"), rest));
        let Some((folder, rest)) = begin.or_else(later) else { continue };
        if let Some((revision, _)) = rest.split_once('/') {
            found.entry(folder).or_default().insert(revision.to_owned());
        }
    }
    found.into_iter().map(|(folder, revisions)| Snapshots { folder, revisions }).collect()
}

fn found(file: &File) -> Found {
    Found { size: file.size, digest: file.digest.clone() }
}

/// The path below `base`, which is empty for the top.
fn below_base(base: &str, path: &str) -> Option<String> {
    let rest = if base.is_empty() { path } else { path.strip_prefix(base)?.strip_prefix('/')? };
    Some(rest.to_owned())
}
