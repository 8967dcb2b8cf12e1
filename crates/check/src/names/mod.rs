//! What names of Python packages are known here, and which look like famous ones.

mod look_alike;

use std::sync::LazyLock;

pub(crate) use look_alike::{How, look_alike};

const KNOWN: &str = include_str!("../../data/names/known.txt");
const FAMOUS: &str = include_str!("../../data/names/famous.txt");
const INNOCENT: &str = include_str!("../../data/names/innocent.txt");

/// The names of a list, which is sorted and normalised.
fn names(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().filter(|line| !line.starts_with('#'))
}

/// Whether somebody packaged the package for conda-forge or mended a vulnerability in it, or it is famous. Says nothing
/// about a version of it.
pub(crate) fn is_known(name: &str) -> bool {
    static ALL: LazyLock<[Vec<&str>; 3]> =
        LazyLock::new(|| [KNOWN, FAMOUS, INNOCENT].map(|list| names(list).collect()));
    ALL.iter().any(|list| list.binary_search(&name).is_ok())
}

#[cfg(test)]
mod tests {
    use weighbridge_core::name::PackageName;

    use super::*;

    #[test]
    fn lists_are_sorted_and_normalised() {
        for list in [KNOWN, FAMOUS, INNOCENT] {
            let names: Vec<&str> = names(list).collect();
            assert!(names.is_sorted_by(|one, other| one < other));
            for name in names {
                assert_eq!(PackageName::new(name).unwrap().as_str(), name);
            }
        }
    }

    #[test]
    fn names_are_known_or_not() {
        for name in ["numpy", "torch", "faiss-cpu", "whisper", "zarr"] {
            assert!(is_known(name), "{name}");
        }
        // The last two were attacks.
        for name in ["", "nunpy", "our-internal-tool", "torchtriton", "colourama"] {
            assert!(!is_known(name), "{name}");
        }
    }
}
