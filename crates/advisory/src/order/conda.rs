//! conda: the order of `conda.models.version.VersionOrder`, as its documentation states it.
//!
//! `[EPOCH!]VERSION[+LOCAL]` in lower case; `.`, `-` and `_` part components, each component is cut into runs of digits and
//! of other characters, a component that begins with letters has a 0 before them. Letters stand before numbers, `dev`
//! before all letters, `post` behind all numbers; what is missing is 0.

use std::cmp::Ordering;

use super::{is_digit, numbers, run};

pub(super) fn compare(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (one.trim().to_ascii_lowercase(), other.trim().to_ascii_lowercase());
    let (one, other) = (Parts::new(&one)?, Parts::new(&other)?);
    Some(
        numbers(one.epoch, other.epoch)
            .then_with(|| lists(&one.version, &other.version))
            .then_with(|| lists(&one.local, &other.local)),
    )
}

/// A run of characters of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Piece<'a> {
    Dev,
    Word(&'a str),
    Number(&'a str),
    Post,
}

const ZERO: Piece<'static> = Piece::Number("0");

impl Piece<'_> {
    fn compare(self, other: Self) -> Ordering {
        let rank = |piece| match piece {
            Piece::Dev => 0,
            Piece::Word(_) => 1,
            Piece::Number(_) => 2,
            Piece::Post => 3,
        };
        match (self, other) {
            (Piece::Word(one), Piece::Word(other)) => one.cmp(other),
            (Piece::Number(one), Piece::Number(other)) => numbers(one, other),
            _ => rank(self).cmp(&rank(other)),
        }
    }
}

struct Parts<'a> {
    epoch: &'a str,
    version: Vec<Vec<Piece<'a>>>,
    local: Vec<Vec<Piece<'a>>>,
}

impl<'a> Parts<'a> {
    fn new(text: &'a str) -> Option<Self> {
        let allowed = |part: char| part.is_ascii_alphanumeric() || "*.+!_-".contains(part);
        if text.is_empty() || !text.chars().all(allowed) {
            return None;
        }
        let (epoch, rest) = text.split_once('!').unwrap_or(("0", text));
        let (version, local) = rest.split_once('+').unwrap_or((rest, ""));
        if epoch.is_empty() || !epoch.chars().all(is_digit) || version.is_empty() || local.contains('+') {
            return None;
        }
        let local = if local.is_empty() { Vec::new() } else { components(local)? };
        Some(Self { epoch, version: components(version)?, local })
    }
}

fn components(text: &str) -> Option<Vec<Vec<Piece<'_>>>> {
    // `1.0.1_` is one of OpenSSL's old versions, whose letter is `_`.
    let (text, tail) = match text.strip_suffix('_') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut all = Vec::new();
    for component in text.split(['.', '-', '_']) {
        if component.is_empty() {
            return None;
        }
        let mut pieces = Vec::new();
        let mut rest = component;
        if !rest.starts_with(is_digit) {
            pieces.push(ZERO);
        }
        while !rest.is_empty() {
            let is_number = rest.starts_with(is_digit);
            let (piece, left) = run(rest, |part| is_digit(part) == is_number);
            pieces.push(match piece {
                "dev" => Piece::Dev,
                "post" => Piece::Post,
                number if is_number => Piece::Number(number),
                word => Piece::Word(word),
            });
            rest = left;
        }
        all.push(pieces);
    }
    if tail && let Some(last) = all.last_mut() {
        last.push(Piece::Word("_"));
    }
    Some(all)
}

fn lists(one: &[Vec<Piece<'_>>], other: &[Vec<Piece<'_>>]) -> Ordering {
    let mut order = Ordering::Equal;
    for at in 0..one.len().max(other.len()) {
        let (left, right) =
            (one.get(at).map_or(&[][..], Vec::as_slice), other.get(at).map_or(&[][..], Vec::as_slice));
        for at in 0..left.len().max(right.len()) {
            let (left, right) =
                (left.get(at).copied().unwrap_or(ZERO), right.get(at).copied().unwrap_or(ZERO));
            order = order.then_with(|| left.compare(right));
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::super::{Order, tests::ascend};

    #[test]
    fn versions_ascend() {
        // The row of conda's own documentation.
        ascend(
            Order::Conda,
            "0.4=0.4.0 0.4.1.rc=0.4.1.RC 0.4.1 0.5a1 0.5b3 0.5C1 0.5 0.9.6 0.960923 1.0 1.1dev1 1.1_ 1.1a1 1.1.0dev1=1.1.dev1 \
             1.1.a1 1.1.0rc1 1.1.0=1.1 1.1.0post1=1.1.post1 1.1post1 1996.07.12 1!0.4.1 1!3.1.1.6 2!0.4.1",
        );
        ascend(Order::Conda, "1.0.1dev 1.0.1_ 1.0.1a 1.0.1b 1.0.1 1.0.1+1 1.0.1+2 1.0.1post");
        for text in ["", "1..2", "a!1", "1 2", "1+2+3", "ä"] {
            assert!(!Order::Conda.reads(text), "{text}");
        }
    }
}
