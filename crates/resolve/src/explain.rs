//! A proof that no versions fit together, in plain words.
//!
//! A derivation tree tells each step of the thinking, and nobody wants to follow it. What convinces are its leaves: who
//! asks for what, and what there is. Those are told, each once, in the order in which the proof meets them.

use std::collections::BTreeSet;

use pubgrub::{DerivationTree, External, Ranges};
use weighbridge_advisory::pep440::Version;
use weighbridge_core::name::PackageName;

use crate::listing::{Listing, Release, Unusable};
use crate::shelf::{Key, Shelf};
use crate::solve::{Manner, Node, Proof, Texts, Tree};

/// Most lines of an explanation.
const MOST_LINES: usize = 12;

/// The leaves of a proof as lines.
pub(crate) fn lines(tree: &Tree, shelf: &Shelf<'_>, texts: &Texts, manner: &Manner<'_>) -> Vec<String> {
    let mut told: Vec<Told> = Vec::new();
    for leaf in leaves(tree) {
        let mut next: Vec<Told> = tell(leaf, shelf, texts).into_iter().collect();
        // What cannot be met raises the question what there is.
        if let External::FromDependencyOf(_, _, on, set) = leaf
            && let (Some(on), true) = (on.key, set.is_empty())
        {
            next.push(Told { who: Some(on), releases: BTreeSet::new(), what: What::There });
        }
        for next in next {
            match told.iter_mut().find(|known| known.is_like(&next)) {
                Some(known) => known.releases.extend(next.releases),
                None => told.push(next),
            }
        }
    }
    // That a package has no others goes without saying where all it has are told.
    let whole: BTreeSet<Key> =
        told.iter().filter(|it| it.is_about_all(shelf)).filter_map(|it| it.who).collect();
    told.retain(|it| it.what != What::There || !it.who.is_some_and(|who| whole.contains(&who)));
    // What the user wrote comes first, what there is comes last.
    told.sort_by_key(|it| (it.who.is_some(), it.what == What::There));
    let mut lines: Vec<String> = told.iter().map(|it| it.line(shelf, manner)).collect();
    let mut seen = BTreeSet::new();
    lines.retain(|line| seen.insert(line.clone()));
    if lines.len() > MOST_LINES {
        let more = lines.len().saturating_sub(MOST_LINES).saturating_add(1);
        lines.truncate(MOST_LINES.saturating_sub(1));
        lines.push(format!("… and {more} more of the kind"));
    }
    lines
}

/// Who asks for a package in such a way that none of these releases will do, as one line.
pub(crate) fn blocking(
    proof: &Proof,
    shelf: &Shelf<'_>,
    name: &PackageName,
    releases: &BTreeSet<usize>,
    manner: &Manner<'_>,
) -> Option<String> {
    let blocks = |leaf: &&External<Node, Ranges<u32>, String>| match leaf {
        External::FromDependencyOf(_, _, on, set) => {
            let is_about = on.key.is_some_and(|on| shelf.subject(on).name == *name);
            let allows = |place: &usize| u32::try_from(*place).is_ok_and(|place| set.contains(&place));
            is_about && !releases.iter().any(allows)
        }
        _ => false,
    };
    // Else what these releases themselves ask for.
    let asks = |leaf: &&External<Node, Ranges<u32>, String>| match leaf {
        External::FromDependencyOf(node, range, ..) | External::Custom(node, range, _) => {
            let is_about = node.key.is_some_and(|key| shelf.subject(key).name == *name);
            let allows = |place: &usize| u32::try_from(*place).is_ok_and(|place| range.contains(&place));
            is_about && releases.iter().any(allows)
        }
        _ => false,
    };
    let leaves = leaves(&proof.tree);
    let ordered = leaves.iter().filter(|leaf| blocks(leaf)).chain(leaves.iter().filter(|leaf| asks(leaf)));
    let mut lines = ordered.filter_map(|leaf| Some(tell(leaf, shelf, &proof.texts)?.line(shelf, manner)));
    lines.next()
}

/// The leaves of a tree from left to right. A part that several steps share is looked at once.
pub(crate) fn leaves(tree: &Tree) -> Vec<&External<Node, Ranges<u32>, String>> {
    let mut leaves = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![tree];
    while let Some(next) = open.pop() {
        match next {
            DerivationTree::External(leaf) => leaves.push(leaf),
            DerivationTree::Derived(step) => {
                if step.shared_id.is_none_or(|id| seen.insert(id)) {
                    open.push(&step.cause2);
                    open.push(&step.cause1);
                }
            }
        }
    }
    leaves
}

/// One thing to tell of some releases of a package.
struct Told {
    /// Who; none for the project.
    who: Option<Key>,
    releases: BTreeSet<usize>,
    what: What,
}

#[derive(PartialEq, Eq)]
enum What {
    /// Asks for this.
    Asks(BTreeSet<String>),
    /// What there is of it.
    There,
    /// Cannot be used.
    Unusable(String),
}

impl Told {
    fn is_like(&self, other: &Self) -> bool {
        self.who == other.who && self.what == other.what
    }

    /// Whether it is about everything that there is of a package, for anybody.
    fn is_about_all(&self, shelf: &Shelf<'_>) -> bool {
        let name = self.who.map(|who| shelf.subject(who).name.clone());
        let listing = name.and_then(|name| shelf.listing(&name).ok()).unwrap_or_default();
        !self.releases.is_empty()
            && self.releases.len() == listing.releases.len()
            && !listing.unusable.iter().any(|(version, _)| is_newer(version, &listing))
    }

    fn line(&self, shelf: &Shelf<'_>, manner: &Manner<'_>) -> String {
        let Some(key) = self.who else {
            let What::Asks(texts) = &self.what else { return String::new() };
            return format!("the project needs {}", joined(texts));
        };
        let subject = shelf.subject(key);
        let listing = shelf.listing(&subject.name).unwrap_or_default();
        match &self.what {
            What::Asks(texts) => {
                format!("{}{} needs {}", subject.text, spans(&listing, &self.releases), joined(texts))
            }
            What::Unusable(reason) => {
                format!("{}{} {reason}", subject.text, spans(&listing, &self.releases))
            }
            What::There => {
                let kept = manner.keep.and_then(|keep| {
                    let is_kept = keep.free.is_some_and(|free| !free.contains(&subject.name));
                    is_kept.then(|| keep.current.get(&subject.name))
                });
                match kept {
                    Some(Some(version)) => format!("{} stays at {version}", subject.name),
                    Some(None) => format!("{} is not to be added", subject.name),
                    None => match oldest(&subject.name, &listing, manner) {
                        Some(now) => {
                            let there = there_is(subject.name.as_str(), &listing);
                            format!("{there}; it is at {now} and does not move to an older one")
                        }
                        None => there_is(subject.name.as_str(), &listing),
                    },
                }
            }
        }
    }
}

/// The version that a package has now, if there are older ones and none of them may be taken.
fn oldest<'m>(name: &PackageName, listing: &Listing, manner: &Manner<'m>) -> Option<&'m Version> {
    let now = manner.keep?.current.get(name)?;
    let place = listing.find(now).filter(|place| *place > 0)?;
    let forbidden = manner.forbids?(name, listing);
    forbidden.iter().take(place).all(|it| *it).then_some(now)
}

fn tell(leaf: &External<Node, Ranges<u32>, String>, shelf: &Shelf<'_>, texts: &Texts) -> Option<Told> {
    match leaf {
        External::NotRoot(..) => None,
        External::NoVersions(node, _) => {
            Some(Told { who: Some(node.key?), releases: BTreeSet::new(), what: What::There })
        }
        External::Custom(node, range, reason) => Some(Told {
            who: Some(node.key?),
            releases: within(node.key?, range, shelf),
            what: What::Unusable(reason.clone()),
        }),
        External::FromDependencyOf(node, range, on, _) => {
            let on = on.key?;
            let Some(key) = node.key else {
                return Some(Told {
                    who: None,
                    releases: BTreeSet::new(),
                    what: What::Asks(texts.get(&(None, on)).cloned().unwrap_or_default()),
                });
            };
            // That extras belong to their package goes without saying.
            if key != on && shelf.subject(key).plain == on {
                return None;
            }
            let releases = within(key, range, shelf);
            let asked = releases.iter().filter_map(|release| texts.get(&(Some((key, *release)), on)));
            Some(Told {
                who: Some(key),
                what: What::Asks(asked.flatten().cloned().collect()),
                releases: releases.clone(),
            })
        }
    }
}

fn within(key: Key, range: &Ranges<u32>, shelf: &Shelf<'_>) -> BTreeSet<usize> {
    let listing = shelf.listing(&shelf.subject(key).name).unwrap_or_default();
    let places = 0..listing.releases.len();
    places.filter(|place| u32::try_from(*place).is_ok_and(|place| range.contains(&place))).collect()
}

/// ` 1.0`, ` 1.0 to 1.4`, ` (every version)`; the last where there are several, too.
fn spans(listing: &Listing, releases: &BTreeSet<usize>) -> String {
    let version = |place: &usize| listing.releases.get(*place).map(|release| release.version.to_string());
    let (first, last) = (releases.first().and_then(version), releases.last().and_then(version));
    match (first, last) {
        _ if releases.len() > 1 && releases.len() == listing.releases.len() => " (every version)".to_owned(),
        (Some(first), Some(last)) if first == last => format!(" {first}"),
        (Some(first), Some(last)) => format!(" {first} to {last}"),
        _ => String::new(),
    }
}

/// What there is of a package, and what newer there would be for others.
fn there_is(name: &str, listing: &Listing) -> String {
    const MOST: usize = 4;
    let release = |release: &Release| match release.yanked {
        true => format!("{} (yanked)", release.version),
        false => release.version.to_string(),
    };
    let usable = match listing.releases.as_slice() {
        [] if listing.unusable.is_empty() => return format!("there is no {name}"),
        [] => format!("there is no {name} for this Python and platform"),
        all if all.len() <= MOST => {
            format!("of {name} there is {}", all.iter().map(release).collect::<Vec<_>>().join(", "))
        }
        all => {
            let (first, last) = (all.first().map(release), all.last().map(release));
            let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
            format!("of {name} there are {} versions from {first} to {last}", all.len())
        }
    };
    let newer = listing.unusable.iter().filter(|(version, _)| is_newer(version, listing));
    let mut others: Vec<String> = newer.map(|(version, why)| format!("{version} {}", reason(why))).collect();
    // The newest two say it.
    let few = others.split_off(others.len().saturating_sub(2));
    if few.is_empty() { usable } else { format!("{usable} ({})", few.join("; ")) }
}

fn is_newer(version: &Version, listing: &Listing) -> bool {
    listing.releases.last().is_none_or(|last| last.version < *version)
}

/// Why a release cannot be used, after its name.
pub(crate) fn reason(why: &Unusable) -> String {
    match why {
        Unusable::Python(pythons) => format!("needs Python {pythons}"),
        Unusable::Platform => "has no file for this platform".to_owned(),
    }
}

fn joined(texts: &BTreeSet<String>) -> String {
    texts.iter().map(String::as_str).collect::<Vec<_>>().join(" or ")
}
