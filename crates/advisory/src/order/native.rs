//! Libraries in C and C++, which know no common rule.

use std::cmp::Ordering;

use super::{is_digit, numbers, run};

/// Words that stand before the release that they announce; all other words stand behind.
const EARLY: [&str; 8] = ["a", "alpha", "b", "beta", "dev", "pre", "preview", "rc"];

/// Numbers between dots. Missing ones are 0; `alpha`, `beta`, `rc` come before the release; `p3` and `-2` behind it, and so
/// do single letters (`9e` of the IJG's libjpeg). Letters before the first number (`v1.2`, `n4.4`, `b1234`) say nothing.
pub(super) fn dotted(one: &str, other: &str) -> Option<Ordering> {
    let (mut one, mut other) = (started(one)?, started(other)?);
    loop {
        let (left, one_rest) = token(one)?;
        let (right, other_rest) = token(other)?;
        let order = match (left, right) {
            (Token::End, Token::End) => return Some(Ordering::Equal),
            (Token::Number(left), Token::Number(right)) => numbers(left, right),
            (Token::Word(left), Token::Word(right)) => {
                early(left, one_rest).cmp(&early(right, other_rest)).reverse().then_with(|| left.cmp(right))
            }
            (left, right) => rank(&left, one_rest).cmp(&rank(&right, other_rest)),
        };
        if order.is_ne() {
            return Some(order);
        }
        // Equal by rank: a number 0 against the end, which stays the end.
        one = if matches!(left, Token::End) { one } else { one_rest };
        other = if matches!(right, Token::End) { other } else { other_rest };
    }
}

/// The text from its first number on.
fn started(text: &str) -> Option<&str> {
    let allowed = |part: char| part.is_ascii_alphanumeric() || ".-_+".contains(part);
    let (word, rest) = run(text, |part| part.is_ascii_alphabetic() || part == '-' || part == '_');
    (word.len() <= 12 && rest.starts_with(is_digit) && rest.chars().all(allowed)).then_some(rest)
}

#[derive(Clone, Copy, Debug)]
enum Token<'a> {
    Number(&'a str),
    Word(&'a str),
    End,
}

fn token(text: &str) -> Option<(Token<'_>, &str)> {
    let rest = run(text, |part| ".-_+".contains(part)).1;
    if rest.is_empty() {
        return Some((Token::End, rest));
    }
    if rest.starts_with(is_digit) {
        let (number, rest) = run(rest, is_digit);
        return Some((Token::Number(number), rest));
    }
    let (word, rest) = run(rest, |part| part.is_ascii_alphabetic());
    (!word.is_empty()).then_some((Token::Word(word), rest))
}

/// Whether a word announces a release. A single letter does only with a number behind it: `2.0b1`, but `9b`.
fn early(word: &str, rest: &str) -> bool {
    let word = word.to_ascii_lowercase();
    EARLY.contains(&word.as_str()) && (word.len() > 1 || rest.starts_with(is_digit))
}

/// Before the end, the end, behind the end; a number stands behind a letter (`9e` before `9.1`).
fn rank(token: &Token<'_>, rest: &str) -> i8 {
    match token {
        Token::Word(word) if early(word, rest) => -1,
        Token::End => 0,
        Token::Number(number) if number.chars().all(|digit| digit == '0') => 0,
        Token::Word(_) => 1,
        Token::Number(_) => 2,
    }
}

/// OpenSSL: `1.0.2 < 1.0.2a < … < 1.0.2z < 1.0.2za < … < 1.0.2zg`; from 3.0.0 on numbers alone. `-alpha1`, `-beta3` and
/// `-pre2` come before the release. A text with more (`1.1.1k FIPS`) is the build of a distribution and no such version.
pub(super) fn openssl(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (Letters::new(one)?, Letters::new(other)?);
    let mut order = Ordering::Equal;
    for at in 0..one.numbers.len().max(other.numbers.len()) {
        order = order.then_with(|| {
            numbers(one.numbers.get(at).unwrap_or(&"0"), other.numbers.get(at).unwrap_or(&"0"))
        });
    }
    let early = |version: &Letters<'_>| version.early.map(str::to_owned);
    Some(
        order
            .then_with(|| one.letters.len().cmp(&other.letters.len()))
            .then_with(|| one.letters.cmp(other.letters))
            .then_with(|| match (early(&one), early(&other)) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(left), Some(right)) => words_and_numbers(&left, &right),
            }),
    )
}

struct Letters<'a> {
    numbers: Vec<&'a str>,
    letters: &'a str,
    early: Option<&'a str>,
}

impl<'a> Letters<'a> {
    fn new(text: &'a str) -> Option<Self> {
        let (text, early) = match text.split_once('-') {
            Some((text, early)) => (text, Some(early)),
            None => (text, None),
        };
        let (core, letters) = run(text, |part| is_digit(part) || part == '.');
        let numbers: Vec<&str> = core.split('.').collect();
        let known = |early: &str| {
            let word = run(early, |part| part.is_ascii_lowercase()).0;
            ["alpha", "beta", "dev", "pre", "rc"].contains(&word)
        };
        let sound = numbers.iter().all(|number| !number.is_empty() && number.chars().all(is_digit))
            && letters.len() <= 2
            && letters.chars().all(|letter| letter.is_ascii_lowercase())
            && early.is_none_or(known);
        sound.then_some(Self { numbers, letters, early })
    }
}

fn words_and_numbers(one: &str, other: &str) -> Ordering {
    let (left, one) = run(one, |part| !is_digit(part));
    let (right, other) = run(other, |part| !is_digit(part));
    left.cmp(right).then_with(|| numbers(run(one, is_digit).0, run(other, is_digit).0))
}

#[cfg(test)]
mod tests {
    use super::super::{Order, tests::ascend};

    #[test]
    fn openssl_ascends_by_letters() {
        ascend(
            Order::OpenSsl,
            "0.9.7-beta3 0.9.7 0.9.8 1.0.1 1.0.2-beta1 1.0.2 1.0.2a 1.0.2u 1.0.2z 1.0.2za 1.0.2zg 1.1.0 1.1.1-pre8 1.1.1 1.1.1k 1.1.1w \
             1.1.1za 3.0.0-alpha1 3.0.0-beta1 3.0.0=3.0 3.0.7 3.0.13 3.5.8 4.0.3",
        );
        for text in ["1.1.1k FIPS", "1.1.1k  FIPS 25 Mar 2021", "", "1.1.1abc", "0.9.6-cvs", "fips", "1..1"] {
            assert!(!Order::OpenSsl.reads(text), "{text}");
        }
    }

    #[test]
    fn dotted_numbers_ascend() {
        ascend(Order::Dotted, "1.6.0rc1 1.6.0=1.6=v1.6.0=1.6.0.0 1.6.0p1 1.6.1 1.6.37 1.6.38 1.10");
        ascend(Order::Dotted, "1.14.4-beta 1.14.4 1.14.4-2 1.14.4-3 1.14.5");
        ascend(Order::Dotted, "9 9a 9b 9e 9.1");
        ascend(Order::Dotted, "b1233 b1234 b10000");
        ascend(Order::Dotted, "n4.4 n4.4.1=4.4.1 5.0-dev 5.0");
        ascend(Order::Dotted, "2.9.0-alpha 2.9.0-beta1 2.9.0-beta2 2.9.0-rc1 2.9.0");
        for text in ["", "trunk", "1 2", "ä1", "1.2/3"] {
            assert!(!Order::Dotted.reads(text), "{text}");
        }
    }
}
