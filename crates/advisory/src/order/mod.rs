//! Orders of versions, one for each kind of package.
//!
//! Python's own is [`crate::pep440`], whose versions are parsed once and kept; the others compare texts, since each text is
//! compared a few times only.

mod apk;
mod conda;
mod deb;
mod native;
mod rpm;
mod semver;

use std::cmp::Ordering;

use weighbridge_core::ecosystem::Ecosystem;

use crate::pep440::Version;

/// How the versions of a package are ordered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Order {
    /// Python's (PEP 440).
    Pep440,
    /// That of conda.
    Conda,
    /// Semantic Versioning 2.0.0.
    SemVer,
    /// Numbers between dots, as most libraries count.
    Dotted,
    /// Numbers and letters, as OpenSSL counted up to 1.1.1.
    OpenSsl,
    /// Debian's.
    Deb,
    /// That of Red Hat and what descends from it.
    Rpm,
    /// Alpine's.
    Apk,
}

impl Order {
    /// The order of a package.
    pub fn of(ecosystem: Ecosystem, name: &str) -> Self {
        match ecosystem {
            Ecosystem::PyPi => Self::Pep440,
            Ecosystem::Conda => Self::Conda,
            Ecosystem::Cargo => Self::SemVer,
            Ecosystem::Native if name == "openssl" => Self::OpenSsl,
            Ecosystem::Native => Self::Dotted,
            Ecosystem::Deb => Self::Deb,
            Ecosystem::Rpm => Self::Rpm,
            Ecosystem::Apk => Self::Apk,
        }
    }

    /// Compares two versions; none where one of them is no version of this kind. A lone `0` stands before all versions, as
    /// advisories use it.
    pub fn compare(self, one: &str, other: &str) -> Option<Ordering> {
        match (one, other) {
            ("0", "0") => return Some(Ordering::Equal),
            ("0", other) if self.reads(other) => return Some(Ordering::Less),
            (one, "0") if self.reads(one) => return Some(Ordering::Greater),
            _ => {}
        }
        match self {
            Self::Pep440 => Some(Version::parse(one).ok()?.cmp(&Version::parse(other).ok()?)),
            Self::Conda => conda::compare(one, other),
            Self::SemVer => semver::compare(one, other),
            Self::Dotted => native::dotted(one, other),
            Self::OpenSsl => native::openssl(one, other),
            Self::Deb => deb::compare(one, other),
            Self::Rpm => rpm::compare(one, other),
            Self::Apk => apk::compare(one, other),
        }
    }

    /// Compares an installed version with a bound of an advisory. The epoch of an RPM counts only where the installed version
    /// states one: who copies libraries into wheels writes version and release alone, and an epoch taken as 0 would stand
    /// before every fix of a package that has one.
    pub fn against(self, installed: &str, bound: &str) -> Option<Ordering> {
        let bound = match (self, bound.split_once(':')) {
            (Self::Rpm, Some((_, rest))) if !installed.contains(':') => rest,
            _ => bound,
        };
        self.compare(installed, bound)
    }

    /// Whether the text is a version of this kind.
    pub fn reads(self, version: &str) -> bool {
        version == "0" || (version.len() <= 256 && self.compare(version, version).is_some())
    }
}

/// Compares numbers of any length by their digits.
fn numbers(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// Parts a text where its first characters end that `belongs` takes.
fn run(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|character| !belongs(character)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn is_digit(character: char) -> bool {
    character.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that the versions of a line, parted by blanks, ascend, and that those joined by `=` are equal.
    #[track_caller]
    pub(super) fn ascend(order: Order, line: &str) {
        let groups: Vec<Vec<&str>> =
            line.split_whitespace().map(|group| group.split('=').collect()).collect();
        for (place, group) in groups.iter().enumerate() {
            for one in group {
                for other in group {
                    assert_eq!(order.compare(one, other), Some(Ordering::Equal), "{one} = {other}");
                }
                for other in groups.iter().skip(place + 1).flatten() {
                    assert_eq!(order.compare(one, other), Some(Ordering::Less), "{one} < {other}");
                    assert_eq!(order.compare(other, one), Some(Ordering::Greater), "{other} > {one}");
                }
            }
        }
    }

    #[test]
    fn zero_stands_before_all() {
        for (order, version) in [
            (Order::Pep440, "0.dev0.post1"),
            (Order::Conda, "0a"),
            (Order::SemVer, "0.0.0-alpha"),
            (Order::Dotted, "0.0"),
            (Order::OpenSsl, "0.9.6-beta1"),
            (Order::Deb, "0~1"),
            (Order::Rpm, "0~rc-1"),
            (Order::Apk, "0_alpha"),
        ] {
            if order.reads(version) {
                assert_eq!(order.compare("0", version), Some(Ordering::Less), "{order:?}");
            }
            assert_eq!(order.compare("0", "0"), Some(Ordering::Equal));
        }
    }

    #[test]
    fn an_epoch_counts_where_the_installed_version_states_one() {
        for (order, installed, bound, expected) in [
            (Order::Rpm, "1.1.1k-14.el8", "1:1.1.1k-5.el8", Ordering::Greater),
            (Order::Rpm, "1.1.1k-4.el8", "1:1.1.1k-5.el8", Ordering::Less),
            (Order::Rpm, "0:1.1.1k-14.el8", "1:1.1.1k-5.el8", Ordering::Less),
            (Order::Rpm, "2:1.0-1.el8", "1.1-1.el8", Ordering::Greater),
            (Order::Rpm, "1.0-1.el8", "0", Ordering::Greater),
            (Order::Deb, "1.2-1", "1:1.0-1", Ordering::Less),
        ] {
            assert_eq!(order.against(installed, bound), Some(expected), "{installed} to {bound}");
        }
    }
}
