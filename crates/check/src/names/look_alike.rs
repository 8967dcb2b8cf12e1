//! Names that a person or an assistant could write for a famous one.
//!
//! Two kinds, after the measurements of typosquats that were found on the Python index: names that read the same
//! (separators moved or left out, `0` for `o`, `1` and `i` for `l`, `rn` for `m`, `vv` for `w`), and names that are one slip
//! away (a letter more, fewer, other, or two swapped). Digits do not count as slips: `urllib4` is a successor of
//! `urllib3` and no misspelling. Short names have too many neighbours to say anything.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{FAMOUS, is_known, names};

/// Shortest name, without separators, that one slip may have made.
const SHORTEST_SLIP: usize = 6;
/// Shortest name, without separators, that may read the same as another.
const SHORTEST_READING: usize = 5;

/// In which way a name looks like another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    /// At a glance it is the same.
    ReadsTheSame,
    /// One letter more, fewer, other, or two swapped.
    OneSlip,
}

/// The famous name that an unknown one (normalised) looks like.
pub(crate) fn look_alike(name: &str) -> Option<(&'static str, How)> {
    if is_known(name) {
        return None;
    }
    let letters = name.replace('-', "");
    if letters.len() >= SHORTEST_READING
        && let Some(famous) = READINGS.get(&reading(&letters))
    {
        return Some((famous, How::ReadsTheSame));
    }
    if letters.len().saturating_add(1) < SHORTEST_SLIP {
        return None;
    }
    let near = |shorter: &String| SLIPS.get(shorter).into_iter().flatten().copied();
    let candidates = shorter(&letters).into_iter().flat_map(|it| near(&it).collect::<Vec<_>>());
    let is_slip = |famous: &&str| {
        let famous = famous.replace('-', "");
        is_one_slip(letters.as_bytes(), famous.as_bytes()) && undigited(&letters) != undigited(&famous)
    };
    candidates.filter(is_slip).min().map(|famous| (famous, How::OneSlip))
}

/// Famous names by what they read like.
static READINGS: LazyLock<BTreeMap<String, &'static str>> = LazyLock::new(|| {
    let mut readings = BTreeMap::new();
    for name in names(FAMOUS) {
        readings.entry(reading(&name.replace('-', ""))).or_insert(name);
    }
    readings
});

/// Famous names by themselves and by themselves less one letter: two names that are one slip apart share one of these.
static SLIPS: LazyLock<BTreeMap<String, Vec<&'static str>>> = LazyLock::new(|| {
    let mut slips: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in names(FAMOUS) {
        let letters = name.replace('-', "");
        if letters.len() >= SHORTEST_SLIP {
            for shorter in shorter(&letters) {
                slips.entry(shorter).or_default().push(name);
            }
        }
    }
    slips
});

/// What a hasty reader sees.
fn reading(letters: &str) -> String {
    letters.replace("rn", "m").replace("vv", "w").replace('0', "o").replace(['1', 'i'], "l")
}

/// The text itself and all that lack one of its letters. Names are ASCII.
fn shorter(letters: &str) -> Vec<String> {
    let without =
        |gone: usize| letters.chars().enumerate().filter(|(at, _)| *at != gone).map(|(_, it)| it).collect();
    std::iter::once(letters.to_owned()).chain((0..letters.len()).map(without)).collect()
}

fn undigited(letters: &str) -> String {
    letters.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

/// Whether one insertion, removal, replacement or swap of neighbours makes one of the other.
fn is_one_slip(one: &[u8], other: &[u8]) -> bool {
    let shared = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let (one, other) = (one.get(shared..).unwrap_or_default(), other.get(shared..).unwrap_or_default());
    match (one, other) {
        ([], []) => false,
        ([_, left @ ..], [_, right @ ..]) if left == right => true,
        ([a, b, left @ ..], [c, d, right @ ..]) if (a, b) == (d, c) && left == right => true,
        ([_, left @ ..], right) if left == right => true,
        (left, [_, right @ ..]) if left == right => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_are_told_and_others_are_not() {
        use How::{OneSlip, ReadsTheSame};
        for (name, expected) in [
            ("scikitlearn", Some(("scikit-learn", ReadsTheSame))),
            ("sci-kit-learn", Some(("scikit-learn", ReadsTheSame))),
            ("p1llow", Some(("pillow", ReadsTheSame))),
            ("tensorf1ow", Some(("tensorflow", ReadsTheSame))),
            ("transforrners", Some(("transformers", ReadsTheSame))),
            ("reqeusts", Some(("requests", OneSlip))),
            ("tensorfow", Some(("tensorflow", OneSlip))),
            ("tensorflows", Some(("tensorflow", OneSlip))),
            ("pandsa", Some(("pandas", OneSlip))),
            ("huggingfacehub", Some(("huggingface-hub", ReadsTheSame))),
            // Known ones, other versions of a name, short ones, and names of their own.
            ("opencv-python", None),
            ("whisper", None),
            ("urllib4", None),
            ("torcn", None),
            ("six2", None),
            ("our-transformers-tools", None),
            ("numpy", None),
            ("", None),
        ] {
            assert_eq!(look_alike(name), expected, "{name}");
        }
    }

    #[test]
    fn no_known_name_looks_like_another() {
        assert!(names(super::super::KNOWN).all(|name| look_alike(name).is_none()));
    }
}
