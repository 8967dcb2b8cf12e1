//! Alpine: apk-tools' package versions, `NUMBER{.NUMBER}[LETTER]{_SUFFIX[NUMBER]}[-rNUMBER]`.

use std::cmp::Ordering;

use super::{is_digit, numbers, run};

/// Suffixes; those before the empty one make a version earlier.
const SUFFIXES: [&str; 10] = ["alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"];

pub(super) fn compare(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (Parts::new(one)?, Parts::new(other)?);
    let mut order = Ordering::Equal;
    for at in 0..one.numbers.len().max(other.numbers.len()) {
        order = order.then_with(|| match (one.numbers.get(at), other.numbers.get(at)) {
            (Some(left), Some(right)) if at > 0 && (left.starts_with('0') || right.starts_with('0')) => {
                // Behind the first number a leading zero makes it a fraction.
                left.trim_end_matches('0').cmp(right.trim_end_matches('0'))
            }
            (Some(left), Some(right)) => numbers(left, right),
            (left, right) => left.is_some().cmp(&right.is_some()),
        });
    }
    order = order.then_with(|| one.letter.cmp(&other.letter));
    for at in 0..one.suffixes.len().max(other.suffixes.len()) {
        let none = (4, "");
        let left = one.suffixes.get(at).copied().unwrap_or(none);
        let right = other.suffixes.get(at).copied().unwrap_or(none);
        order = order.then_with(|| left.0.cmp(&right.0).then_with(|| numbers(left.1, right.1)));
    }
    Some(order.then_with(|| numbers(one.revision, other.revision)))
}

struct Parts<'a> {
    numbers: Vec<&'a str>,
    letter: Option<char>,
    /// The place in [`SUFFIXES`], and the number.
    suffixes: Vec<(usize, &'a str)>,
    revision: &'a str,
}

impl<'a> Parts<'a> {
    fn new(text: &'a str) -> Option<Self> {
        let (rest, revision) = text.rsplit_once("-r").unwrap_or((text, "0"));
        let mut pieces = rest.split('_');
        let mut core = pieces.next()?;
        let letter = core.chars().next_back().filter(char::is_ascii_lowercase);
        if letter.is_some() {
            core = core.get(..core.len().checked_sub(1)?)?;
        }
        let numbers: Vec<&str> = core.split('.').collect();
        let suffix = |piece: &'a str| {
            let (word, number) = run(piece, |part| part.is_ascii_lowercase());
            let place = SUFFIXES.iter().position(|known| *known == word && !word.is_empty())?;
            number.chars().all(is_digit).then_some((place, number))
        };
        let suffixes = pieces.map(suffix).collect::<Option<Vec<_>>>()?;
        let is_number = |text: &&str| !text.is_empty() && text.chars().all(is_digit);
        let sound = numbers.iter().all(is_number) && is_number(&revision);
        sound.then_some(Self { numbers, letter, suffixes, revision })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Order, tests::ascend};

    #[test]
    fn versions_ascend() {
        ascend(
            Order::Apk,
            "1.0_alpha 1.0_alpha2 1.0_beta 1.0_pre1 1.0_rc1 1.0_rc1-r1 1.0=1.0-r0 1.0-r1 1.0-r10 1.0_git20200101 1.0_p1 1.0_p2 \
             1.0a 1.0b 1.0.1 1.2 1.10 2",
        );
        ascend(Order::Apk, "1.01 1.02 1.1");
        for text in ["", "1.", "a", "1_foo", "1-rx", "1.0A", "v1"] {
            assert!(!Order::Apk.reads(text), "{text}");
        }
    }
}
