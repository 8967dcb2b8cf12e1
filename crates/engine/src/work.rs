//! The work list: the files of all targets under one roof.

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::prelude::*;
use weighbridge_core::digest::Claimed;
use weighbridge_core::lock;
use weighbridge_core::opener::{Entry, Handle, Opened, Tree};
use weighbridge_core::place::Place;
use weighbridge_net::open::above::{Above, Below};

use crate::exclude::Exclude;

/// A file to look at. Paths begin with the name of the target where there is more than one.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) path: Arc<str>,
    pub(crate) size: u64,
    pub(crate) handle: Arc<dyn Handle>,
    /// The path of the item whose bytes these are, too.
    pub(crate) link_to: Option<Arc<str>>,
    /// The digest that is stated for it.
    pub(crate) claimed: Option<Claimed>,
}

/// Everything there is to look at.
pub(crate) struct Work {
    /// Sorted by path, each path once.
    pub(crate) items: Vec<Item>,
    /// What was left out, sorted.
    pub(crate) excluded: Vec<String>,
    exclude: Exclude,
    /// Each target's prefix (empty, or its name and `/`) and how to find more of its files.
    trees: Vec<(String, Box<dyn Tree>)>,
}

/// What a file means by the name of another one.
pub(crate) enum Found {
    /// This one; if it is a link, also the file that it leads to.
    Item(Item, Option<Item>),
    /// One that the user does not want weighed.
    Excluded,
    /// None of the target.
    Missing,
}

impl Work {
    /// Brings the targets together and leaves out what is not wanted.
    pub(crate) fn new(targets: Vec<Opened>, exclude: Exclude) -> Self {
        let several = targets.len() > 1;
        let mut work = Self { items: Vec::new(), excluded: Vec::new(), exclude, trees: Vec::new() };
        let mut excluded = BTreeSet::new();
        let mut names = BTreeSet::new();
        for target in targets {
            let prefix =
                if several { format!("{}/", unique(&target.name, &mut names)) } else { String::new() };
            excluded.extend(target.excluded.iter().map(|folder| format!("{prefix}{folder}")));
            for entry in target.entries {
                match work.exclude.covers(&entry.path) {
                    Some(part) => {
                        excluded.insert(format!("{prefix}{part}"));
                    }
                    None => work.items.push(item(&prefix, entry)),
                }
            }
            work.trees.push((prefix, target.tree));
        }
        // The files of one target come in order.
        if !work.items.par_windows(2).all(|pair| matches!(pair, [one, other] if one.path < other.path)) {
            work.items.sort_by(|one, other| one.path.cmp(&other.path));
            work.items.dedup_by(|later, one| {
                one.path == later.path && {
                    std::mem::swap(later, one);
                    true
                }
            });
        }
        // A link whose file was left out stands for itself.
        let is_orphan = |item: &Item| item.link_to.as_ref().is_some_and(|to| work.get(to).is_none());
        let orphans: Vec<usize> = work
            .items
            .iter()
            .enumerate()
            .filter(|(_, item)| is_orphan(item))
            .map(|(place, _)| place)
            .collect();
        for place in orphans {
            if let Some(item) = work.items.get_mut(place) {
                item.link_to = None;
            }
        }
        work.excluded = excluded.into_iter().collect();
        work
    }

    /// A lock above targets as a file to read, and how its paths are to be understood; none where it is not wanted.
    pub(crate) fn seen_from(&mut self, lock: &Above) -> Option<(Item, lock::Above)> {
        let prefix = |below: &Below| self.trees.get(below.target).map(|(prefix, _)| prefix.as_str());
        let part = |below: &Below| {
            let prefix = prefix(below)?;
            let here = match &below.file {
                Some(name) => format!("{prefix}{name}"),
                None => prefix.trim_end_matches('/').to_owned(),
            };
            Some(lock::Part { there: below.path.clone(), here })
        };
        let parts: Vec<lock::Part> = lock.targets.iter().filter_map(part).collect();
        let item = item(prefix(lock.targets.first()?)?, lock.entry.clone());
        let name = item.path.rsplit('/').next().unwrap_or_default();
        if self.exclude.covers(name).is_some() {
            self.excluded.push(item.path.to_string());
            self.excluded.sort();
            return None;
        }
        Some((item, lock::Above { parts }))
    }

    /// Whether there is something at or below this path; empty for the top.
    pub(crate) fn has(&self, path: &str) -> bool {
        let begin = if path.is_empty() { String::new() } else { format!("{path}/") };
        let first = self.items.partition_point(|item| *item.path < *begin);
        let below = self.items.get(first).is_some_and(|found| found.path.starts_with(&begin));
        below || self.place(path).is_some()
    }

    /// Takes in a file that lies beside a target that is a file, if it is there.
    pub(crate) fn take_in(&mut self, path: &str) {
        let owner = self.trees.iter().find(|(prefix, _)| path.starts_with(prefix.as_str()));
        let Err(place) = self.items.binary_search_by(|item| (*item.path).cmp(path)) else { return };
        let Some((prefix, tree)) = owner else { return };
        let below = path.strip_prefix(prefix.as_str()).unwrap_or(path);
        if self.exclude.covers(below).is_none()
            && let Some(entry) = tree.find(below)
        {
            let item = Item { path: path.into(), ..item(prefix, entry) };
            self.items.insert(place, item);
        }
    }

    /// The file at this path.
    pub(crate) fn get(&self, path: &str) -> Option<&Item> {
        self.items.get(self.place(path)?)
    }

    /// Where the file at this path stands among all.
    pub(crate) fn place(&self, path: &str) -> Option<usize> {
        self.items.binary_search_by(|item| (*item.path).cmp(path)).ok()
    }

    /// The file that the one at `place` names by `written`.
    pub(crate) fn find(&self, place: &Place, written: &str) -> Found {
        // What stands inside another file has no folder to start from.
        let owner = self.trees.iter().find(|(prefix, _)| place.path.starts_with(prefix.as_str()));
        let Some((prefix, tree)) = owner.filter(|_| place.inner.is_empty()) else { return Found::Missing };
        let folder = place.folder().strip_prefix(prefix.trim_end_matches('/')).unwrap_or_default();
        let Some(below) = resolve(folder, written) else { return Found::Missing };
        if self.exclude.covers(&below).is_some() {
            return Found::Excluded;
        }
        let known = |path: &str| self.get(path).cloned();
        let found = known(&format!("{prefix}{below}")).or_else(|| {
            let found = item(prefix, tree.find(&below)?);
            Some(known(&found.path).unwrap_or(found))
        });
        let Some(found) = found else { return Found::Missing };
        let real = found.link_to.as_deref().and_then(known);
        Found::Item(found, real)
    }

    /// The file that an entry names without saying from which folder: its own, else the nearest above that has it.
    pub(crate) fn find_above(&self, place: &Place, written: &str) -> Found {
        if written.starts_with('/') {
            return Found::Missing;
        }
        let mut written = written.to_owned();
        let mut above = place.folder().split('/').filter(|name| !name.is_empty());
        loop {
            match self.find(place, &written) {
                Found::Missing if above.next().is_some() => written.insert_str(0, "../"),
                found => return found,
            }
        }
    }
}

/// The path below the target that `written` means in `folder`; none if it leads out.
pub(crate) fn resolve(folder: &str, written: &str) -> Option<String> {
    if written.starts_with('/') {
        return None;
    }
    // Nearly every path is plain.
    if !folder.is_empty()
        && !folder.starts_with('/')
        && !written.split('/').any(|name| matches!(name, "" | "." | ".."))
    {
        return Some(format!("{folder}/{written}"));
    }
    let mut names: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
    for name in written.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop()?;
            }
            name => names.push(name),
        }
    }
    (!names.is_empty()).then(|| names.join("/"))
}

fn item(prefix: &str, entry: Entry) -> Item {
    let under = |path: Arc<str>| if prefix.is_empty() { path } else { format!("{prefix}{path}").into() };
    Item {
        path: under(entry.path),
        size: entry.size,
        handle: entry.handle,
        link_to: entry.link_to.map(under),
        claimed: entry.claimed,
    }
}

/// `name`, or `name (2)` and so on if that is taken.
fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut number = 1u64;
    while !taken.insert(candidate.clone()) {
        number = number.saturating_add(1);
        candidate = format!("{name} ({number})");
    }
    candidate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_resolve_without_leaving_the_target() {
        for (folder, written, expected) in [
            ("", "a.txt", Some("a.txt")),
            ("a/b", "c.txt", Some("a/b/c.txt")),
            ("a/b", "../c.txt", Some("a/c.txt")),
            ("a/b", "./../../c.txt", Some("c.txt")),
            ("a/b", "../../../c.txt", None),
            ("a", "/etc/passwd", None),
            ("a", "..", None),
            ("", "", None),
        ] {
            assert_eq!(resolve(folder, written).as_deref(), expected, "{folder} {written}");
        }
    }

    #[test]
    fn equal_names_are_told_apart() {
        let mut taken = BTreeSet::new();
        let names: Vec<String> = ["a", "b", "a", "a (2)", "a"].map(|name| unique(name, &mut taken)).into();
        assert_eq!(names, ["a", "b", "a (2)", "a (2) (2)", "a (3)"]);
    }
}
