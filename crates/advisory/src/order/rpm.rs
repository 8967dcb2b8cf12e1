//! RPM: `rpmvercmp`, and the parts of `[EPOCH:]VERSION[-RELEASE]` (rpm documentation, *Version comparison*).

use std::cmp::Ordering;

use super::{is_digit, numbers, run};

/// Compares; a release counts only where both have one.
pub(super) fn compare(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (Parts::new(one)?, Parts::new(other)?);
    let releases = match (one.release, other.release) {
        (Some(one), Some(other)) => segments(one, other),
        _ => Ordering::Equal,
    };
    Some(numbers(one.epoch, other.epoch).then_with(|| segments(one.version, other.version)).then(releases))
}

struct Parts<'a> {
    epoch: &'a str,
    version: &'a str,
    release: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn new(text: &'a str) -> Option<Self> {
        let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
        let (version, release) = match rest.split_once('-') {
            Some((version, release)) => (version, Some(release)),
            None => (rest, None),
        };
        let sound = epoch.chars().all(is_digit)
            && !epoch.is_empty()
            && version.chars().any(|part| part.is_ascii_alphanumeric())
            && rest.chars().all(|part| part.is_ascii_graphic());
        sound.then_some(Self { epoch, version, release })
    }
}

/// Segments of digits and of letters; `~` stands before the end, `^` behind it and before anything else.
fn segments(mut one: &str, mut other: &str) -> Ordering {
    loop {
        let parted = |part: char| !part.is_ascii_alphanumeric() && part != '~' && part != '^';
        one = run(one, parted).1;
        other = run(other, parted).1;
        match (one.strip_prefix('~'), other.strip_prefix('~')) {
            (Some(left), Some(right)) => {
                (one, other) = (left, right);
                continue;
            }
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        match (one.strip_prefix('^'), other.strip_prefix('^')) {
            (Some(left), Some(right)) => {
                (one, other) = (left, right);
                continue;
            }
            (Some(_), None) => return if other.is_empty() { Ordering::Greater } else { Ordering::Less },
            (None, Some(_)) => return if one.is_empty() { Ordering::Less } else { Ordering::Greater },
            (None, None) => {}
        }
        if one.is_empty() || other.is_empty() {
            return one.len().min(1).cmp(&other.len().min(1));
        }
        let is_number = one.starts_with(is_digit);
        let kind = |part: char| if is_number { is_digit(part) } else { part.is_ascii_alphabetic() };
        let (left, one_rest) = run(one, kind);
        let (right, other_rest) = run(other, kind);
        if right.is_empty() {
            // A number is newer than letters.
            return if is_number { Ordering::Greater } else { Ordering::Less };
        }
        let order = if is_number { numbers(left, right) } else { left.cmp(right) };
        if order.is_ne() {
            return order;
        }
        (one, other) = (one_rest, other_rest);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Order, tests::ascend};

    #[test]
    fn versions_ascend() {
        for line in [
            "1.0 2.0 2.0.1",
            "2.0.1 2.0.1a",
            "5.5p1 5.5p2 5.5p10",
            "10xyz 10.1xyz",
            "xyz10 xyz10.1",
            "xyz.4 2 8",
            "5.5p2 5.6p1",
            "6.0 6.0.rc1",
            "10a2 10b2",
            "1.0aa 1.0aaa=1.0aaa",
            "10.0001=10.1 10.0039=10.39",
            "4.999.9 5.0",
            "2.0=2_0 20101121 20101122",
            "1.0~rc1~git123 1.0~rc1 1.0~rc2 1.0 1.0^=1.0^ 1.0^git1 1.0^git2 1.01",
            "1.0^20160101 1.0.1",
            "1.0~rc1 1.0~rc1^git1 1.0",
            "1.0-1.el8 1.0-1.el8_5.1 1.0-2.el8 1:0.1-1",
        ] {
            ascend(Order::Rpm, line);
        }
        // A release says nothing where the other has none.
        assert_eq!(Order::Rpm.compare("1.0-9", "1.0"), Some(std::cmp::Ordering::Equal));
        for text in ["", "a:1", "1 0", ":", "-1"] {
            assert!(!Order::Rpm.reads(text), "{text:?}");
        }
    }
}
