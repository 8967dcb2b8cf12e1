//! Semantic Versioning 2.0.0, section 11: precedence.

use std::cmp::Ordering;

use super::{is_digit, numbers};

/// Compares; build metadata says nothing. A leading `v` and missing numbers, which no version may have, are read as meant.
pub(super) fn compare(one: &str, other: &str) -> Option<Ordering> {
    let (one_core, one_early) = parts(one)?;
    let (other_core, other_early) = parts(other)?;
    let cores =
        (0..3).map(|at| numbers(one_core.get(at).unwrap_or(&"0"), other_core.get(at).unwrap_or(&"0")));
    let core = cores.fold(Ordering::Equal, Ordering::then);
    Some(core.then_with(|| match (one_early, other_early) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(one), Some(other)) => early(one, other),
    }))
}

/// The numbers, and the identifiers of a pre-release.
fn parts(version: &str) -> Option<(Vec<&str>, Option<&str>)> {
    let version = version.strip_prefix('v').unwrap_or(version).split('+').next()?;
    let (core, early) = match version.split_once('-') {
        Some((core, early)) => (core, Some(early)),
        None => (version, None),
    };
    let core: Vec<&str> = core.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.chars().all(is_digit);
    let is_identifier =
        |part: &str| !part.is_empty() && part.chars().all(|part| part.is_ascii_alphanumeric() || part == '-');
    let sound = core.len() <= 3
        && core.iter().all(is_number)
        && early.is_none_or(|it| it.split('.').all(is_identifier));
    sound.then_some((core, early))
}

fn early(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let order = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => match (one.chars().all(is_digit), other.chars().all(is_digit)) {
                (true, true) => numbers(one, other),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => one.cmp(other),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Order, tests::ascend};

    #[test]
    fn versions_ascend() {
        ascend(
            Order::SemVer,
            "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 \
             1.0.0=1.0.0+build=v1.0.0 1.0.1 1.2.0=1.2 1.10.0 2.0.0-0 2.0.0-a-b 2.0.0",
        );
        for text in ["", "1.a", "1.0.0-", "1.0.0-a..b", "1.2.3.4", "a"] {
            assert!(!Order::SemVer.reads(text), "{text}");
        }
    }
}
