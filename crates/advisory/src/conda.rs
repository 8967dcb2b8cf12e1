//! What packages of conda are called elsewhere, so that advisories about them can be found: nobody writes any for conda.
//!
//! `data/conda-names.tsv` holds the names of conda-forge's Python packages on the Python index; `cargo xtask names` writes it.
//! `data/conda-libraries.tsv` is ours: which packages are a C or C++ library whose releases keep its authors' versions.
//! Both are searched as they are, so that a scan without conda pays nothing for them.

use std::cmp::Ordering;

static NAMES: &str = include_str!("../data/conda-names.tsv");
static LIBRARIES: &str = include_str!("../data/conda-libraries.tsv");

/// The same software under another name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Elsewhere {
    /// Projects of the Python index, sorted. Most have one; a conda package may put several together.
    Python(Vec<String>),
    /// A library, by the name that advisories use.
    Library(&'static str),
}

/// What a conda package (by its normalised name) is elsewhere, as far as the tables know.
pub fn elsewhere(name: &str) -> Option<Elsewhere> {
    if let Some(library) = find(LIBRARIES, name) {
        return Some(Elsewhere::Library(library));
    }
    python_names(name).map(Elsewhere::Python)
}

/// The projects of the Python index that a conda package is made of.
pub fn python_names(name: &str) -> Option<Vec<String>> {
    Some(match find(NAMES, name)? {
        "" => vec![name.replace(['_', '.'], "-")],
        names => names.split(' ').map(str::to_owned).collect(),
    })
}

/// What stands behind a name in a sorted table, the lines of which begin with it.
fn find(table: &'static str, name: &str) -> Option<&'static str> {
    let (mut low, mut high) = (0usize, table.len());
    while low < high {
        // The line around the middle.
        let middle = low.midpoint(high);
        let start =
            table.get(low..middle)?.rfind('\n').map_or(low, |at| low.saturating_add(at).saturating_add(1));
        let end = table.get(start..)?.find('\n').map_or(table.len(), |at| start.saturating_add(at));
        let line = table.get(start..end)?;
        let (key, value) = line.split_once('\t').unwrap_or((line, ""));
        match if key.starts_with('#') { Ordering::Less } else { key.cmp(name) } {
            Ordering::Equal => return Some(value),
            Ordering::Less => low = end.saturating_add(1),
            Ordering::Greater => high = start,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use weighbridge_core::ecosystem::Ecosystem;
    use weighbridge_core::name::PackageName;

    use super::*;
    use crate::{Index, advisory};

    fn rows(table: &'static str) -> Vec<(&'static str, &'static str)> {
        let lines = table.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split_once('\t').unwrap_or((line, ""))).collect()
    }

    #[test]
    fn every_line_of_the_tables_is_found() {
        for (table, least) in [(NAMES, 20_000), (LIBRARIES, 100)] {
            let rows = rows(table);
            assert!(rows.len() >= least && rows.is_sorted_by(|one, other| one.0 < other.0));
            for (name, value) in rows {
                assert_eq!(find(table, name), Some(value), "{name}");
                assert_eq!(PackageName::of(Ecosystem::Conda, name).unwrap().as_str(), name);
            }
            for name in ["", "#", "a", "zzzzzz", "numpyy", "nump", "# what"] {
                assert_eq!(find(table, name), None, "{name}");
            }
        }
    }

    #[test]
    fn names_elsewhere_are_normalised_and_known() {
        for (name, _) in rows(NAMES) {
            let names = python_names(name).unwrap();
            assert!(!names.is_empty() && names.is_sorted_by(|one, other| one < other), "{name}");
            for python in names {
                assert_eq!(PackageName::new(&python).unwrap().as_str(), python, "{name}");
            }
        }
        let index = Index::embedded_libraries().unwrap();
        let known: Vec<&str> = index.packages().collect();
        for (name, library) in rows(LIBRARIES) {
            let key = advisory::key(Ecosystem::Native, "", library);
            assert!(known.binary_search(&key.as_str()).is_ok(), "{name}: no facts about `{library}`");
        }
    }

    #[test]
    fn packages_are_found_elsewhere() {
        let python =
            |names: &[&str]| Some(Elsewhere::Python(names.iter().map(ToString::to_string).collect()));
        for (name, expected) in [
            ("numpy", python(&["numpy"])),
            ("pytorch", python(&["torch"])),
            ("pytorch-cpu", python(&["torch"])),
            ("ruamel.yaml", python(&["ruamel-yaml"])),
            ("msgpack-python", python(&["msgpack", "msgpack-python"])),
            ("openssl", Some(Elsewhere::Library("openssl"))),
            ("libzlib", Some(Elsewhere::Library("zlib"))),
            ("py-opencv", Some(Elsewhere::Library("opencv"))),
            // The names of a server and of the Python client of another one.
            ("redis", None),
            ("docker", None),
            ("_libgcc_mutex", None),
        ] {
            assert_eq!(elsewhere(name), expected, "{name}");
        }
    }
}
