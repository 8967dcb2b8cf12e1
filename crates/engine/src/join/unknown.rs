//! Libraries that a tool gathered for a package and that nothing shows to be one that is known.
//!
//! Only what lies in the folder of such a tool counts, because it came from elsewhere: whatever else a package brings is
//! its own work, and so is what is called like the package (`libfaiss` of `faiss-cpu`).

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::fact::{Fact, What};
use weighbridge_core::graph::Graph;
use weighbridge_core::place::Place;
use weighbridge_core::world::Installed;
use weighbridge_read::binary::Name;

use super::installed::recorders;
use super::native::{gathered_for, is_gathered};

/// The names of the libraries, without digests, each with the packages (`NAME VERSION`, or the file name of a wheel) that
/// bring it.
pub(crate) fn unknown(
    facts: &BTreeMap<Place, Vec<Fact>>,
    installed: &[Installed],
    graph: &Graph,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut open: BTreeMap<&Place, String> = BTreeMap::new();
    for (place, facts) in facts {
        let path = place.inner.last().unwrap_or(&place.path);
        if is_gathered(path) && is_unknown(facts) {
            let name = Name::new(path);
            if !is_called_like(&name.stem, gathered_for(path)) {
                open.insert(place, name.plain);
            }
        }
    }
    let holders = recorders(installed, &open.keys().map(|place| &*place.path).collect());
    let mut unknown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (place, name) in open {
        let packages = unknown.entry(name).or_default();
        match holders.get(&*place.path) {
            Some(holders) => packages.extend(holders.iter().map(|holder| graph.label(holder))),
            None if place.inner.is_empty() => {
                packages.insert(gathered_for(&place.path).to_owned());
            }
            None => {
                packages.insert(of_wheel(place.path.rsplit('/').next().unwrap_or_default()));
            }
        }
    }
    unknown
}

/// `NAME VERSION` of the file name of a wheel, else the name as it is.
fn of_wheel(file: &str) -> String {
    let mut parts = file.split('-');
    match (parts.next(), parts.next()) {
        (Some(name), Some(version)) if file.ends_with(".whl") => format!("{name} {version}"),
        _ => file.to_owned(),
    }
}

/// Whether the file is a binary, no module of Python, and shows no library.
fn is_unknown(facts: &[Fact]) -> bool {
    let mut is_binary = false;
    for fact in facts {
        match &fact.what {
            What::Library(_) => return false,
            What::Binary(binary) if binary.module.is_some() => return false,
            What::Binary(_) => is_binary = true,
            _ => {}
        }
    }
    is_binary
}

/// Whether a library bears the name of a package: one begins with the other.
fn is_called_like(stem: &str, package: &str) -> bool {
    /// Fewer letters in common say nothing.
    const FEWEST: usize = 4;
    let letters = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase()).collect()
    };
    let (library, package) = (letters(stem.strip_prefix("lib").unwrap_or(stem)), letters(package));
    library.len().min(package.len()) >= FEWEST
        && (library.starts_with(&package) || package.starts_with(&library))
}
