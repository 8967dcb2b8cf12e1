//! Debian Policy Manual, section 5.6.12: Version.

use std::cmp::Ordering;

use super::{is_digit, numbers, run};

pub(super) fn compare(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (Parts::new(one)?, Parts::new(other)?);
    Some(
        numbers(one.epoch, other.epoch)
            .then_with(|| pieces(one.upstream, other.upstream))
            .then_with(|| pieces(one.revision, other.revision)),
    )
}

/// `[EPOCH:]UPSTREAM[-REVISION]`.
struct Parts<'a> {
    epoch: &'a str,
    upstream: &'a str,
    revision: &'a str,
}

impl<'a> Parts<'a> {
    fn new(version: &'a str) -> Option<Self> {
        let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
        let allowed = |part: char| part.is_ascii_alphanumeric() || ".+-~:".contains(part);
        let sound = !epoch.is_empty()
            && epoch.chars().all(is_digit)
            && !upstream.is_empty()
            && upstream.chars().all(allowed)
            && revision.chars().all(allowed);
        sound.then_some(Self { epoch, upstream, revision })
    }
}

/// Alternately what is no number, letter by letter, and a number.
fn pieces(mut one: &str, mut other: &str) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let (one_word, one_rest) = run(one, |part| !is_digit(part));
        let (other_word, other_rest) = run(other, |part| !is_digit(part));
        let (one_number, one_rest) = run(one_rest, is_digit);
        let (other_number, other_rest) = run(other_rest, is_digit);
        let order = words(one_word, other_word).then_with(|| numbers(one_number, other_number));
        if order.is_ne() {
            return order;
        }
        (one, other) = (one_rest, other_rest);
    }
    Ordering::Equal
}

/// `~` before the end, the end before letters, letters before all else.
fn words(one: &str, other: &str) -> Ordering {
    let rank = |part: Option<char>| match part {
        Some('~') => (0, '\0'),
        None => (1, '\0'),
        Some(letter) if letter.is_ascii_alphabetic() => (2, letter),
        Some(other) => (3, other),
    };
    let (mut one, mut other) = (one.chars(), other.chars());
    loop {
        match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (left, right) if rank(left) == rank(right) => {}
            (left, right) => return rank(left).cmp(&rank(right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Order, tests::ascend};

    #[test]
    fn versions_ascend() {
        // The policy's own row, then what dpkg's tests are about.
        ascend(Order::Deb, "1~~ 1~~a 1~ 1 1a");
        ascend(
            Order::Deb,
            "1.0~rc1 1.0=1.0-0=0:1.0 1.0-1~bpo 1.0-1=1.0-01 1.0-1+b1 1.0-1.1 1.0+dfsg-1 1.0.1 1.2 1.10 1:0.1",
        );
        for text in ["", "a:1", ":1", "1 2", "1_2", "1:"] {
            assert!(!Order::Deb.reads(text), "{text:?}");
        }
    }
}
