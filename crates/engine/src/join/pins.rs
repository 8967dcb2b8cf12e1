//! Requirements that leave no choice: exact versions and wheels named by their file name.

use std::cmp::Ordering;

use weighbridge_advisory::order::Order;
use weighbridge_advisory::pep440::{Specifiers, Version};
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Origin, Requirement};
use weighbridge_core::name::PackageName;

/// The version in canonical form (PEP 440); a text that is no version stays as it is.
pub(super) fn canonical(version: &str) -> String {
    Version::parse(version).map_or_else(|_| version.trim().to_owned(), |version| version.to_string())
}

/// The version in the form in which its ecosystem compares it as text.
pub(super) fn canonical_in(ecosystem: Ecosystem, version: &str) -> String {
    match ecosystem {
        Ecosystem::PyPi => canonical(version),
        _ => version.trim().to_owned(),
    }
}

/// The one version that the requirement allows, if it names it.
pub(super) fn pinned(requirement: &Requirement) -> Option<String> {
    exact(requirement).or_else(|| match &requirement.origin {
        Origin::Url { url, .. } if requirement.ecosystem == Ecosystem::PyPi => {
            wheel_version(url, &requirement.name)
        }
        _ => None,
    })
}

/// The version in a clause `==X` or `===X` of the specifier.
pub(super) fn exact(requirement: &Requirement) -> Option<String> {
    match requirement.ecosystem {
        Ecosystem::PyPi => exact_python(&requirement.specifier),
        Ecosystem::Conda => exact_conda(&requirement.specifier),
        _ => None,
    }
}

/// The same for a specifier of conda, which may name a build behind a space. What is between `|` is a choice.
fn exact_conda(specifier: &str) -> Option<String> {
    let version = specifier.split(' ').next().filter(|version| !version.contains('|'))?;
    version.split(',').find_map(|clause| {
        let version = clause.strip_prefix("==")?;
        (!version.is_empty() && !version.contains('*')).then(|| version.to_owned())
    })
}

fn exact_python(specifier: &str) -> Option<String> {
    specifier.split(',').find_map(|clause| {
        let clause = clause.trim();
        let version = clause.strip_prefix("===").or_else(|| clause.strip_prefix("=="))?.trim();
        (!version.is_empty() && !version.ends_with(".*")).then(|| canonical(version))
    })
}

/// Whether the specifier allows the version. What cannot be read allows everything: it must not hide a package.
pub(super) fn allows(requirement: &Requirement, version: &str) -> bool {
    match requirement.ecosystem {
        Ecosystem::PyPi => allows_python(&requirement.specifier, version),
        Ecosystem::Conda => allows_conda(&requirement.specifier, version),
        _ => true,
    }
}

/// The same for conda (its documentation, *Package match specifications*): clauses joined by `,`, choices parted by `|`, a build
/// behind a space, which is not looked at.
fn allows_conda(specifier: &str, version: &str) -> bool {
    let choices = specifier.split(' ').next().unwrap_or_default();
    // Groups in brackets and patterns are for the solver of conda alone.
    if choices.contains(['(', ')', '^', '$']) {
        return true;
    }
    choices.split('|').any(|clauses| clauses.split(',').all(|clause| allows_clause(clause.trim(), version)))
}

fn allows_clause(clause: &str, version: &str) -> bool {
    let at = clause.find(|letter: char| !"=!<>~".contains(letter)).unwrap_or(clause.len());
    let (operator, bound) = clause.split_at(at);
    let bound = bound.trim();
    let bare = bound.trim_end_matches('*').trim_end_matches('.');
    if bare.is_empty() {
        return true;
    }
    let is_series = bound.ends_with('*');
    let compared = || Order::Conda.compare(version, bare);
    let is = |allowed: fn(Ordering) -> bool| compared().is_none_or(allowed);
    match operator {
        "=" => is_within(bare, version),
        "" | "==" if is_series => is_within(bare, version),
        "" | "==" => version == bare || is(Ordering::is_eq),
        "!=" if is_series => !is_within(bare, version),
        "!=" => version != bare && is(Ordering::is_ne),
        ">=" => is(Ordering::is_ge),
        "<=" => is(Ordering::is_le),
        ">" => is(Ordering::is_gt),
        "<" => is(Ordering::is_lt),
        "~=" => {
            let series = bare.rsplit_once('.').map_or(bare, |(series, _)| series);
            is(Ordering::is_ge) && is_within(series, version)
        }
        _ => true,
    }
}

/// Whether a version of conda is one of the series `1.2`: `1.2`, `1.2.3` and `1.2rc1`, but not `1.20`.
fn is_within(series: &str, version: &str) -> bool {
    let (series, mut version) = (series.to_ascii_lowercase(), version.to_ascii_lowercase());
    let missing = series.split('.').count().saturating_sub(version.split('.').count());
    // What is missing is 0; nobody writes more than a few.
    version.extend(std::iter::repeat_n(".0", missing.min(8)));
    version.strip_prefix(series.as_str()).is_some_and(|rest| {
        let goes_on =
            |letter: char| letter.is_ascii_digit() && series.ends_with(|it: char| it.is_ascii_digit());
        !rest.starts_with(goes_on)
    })
}

fn allows_python(specifier: &str, version: &str) -> bool {
    if specifier.is_empty() {
        return true;
    }
    match (Specifiers::parse_lenient(specifier), Version::parse(version)) {
        (Ok(specifiers), Ok(version)) => specifiers.allows(&version),
        (Ok(_), Err(_)) => exact_python(specifier).is_none_or(|exact| exact == version),
        (Err(_), _) => true,
    }
}

/// Whether an exact version in a requirement means this version. `2.1.0` also means `2.1.0+cu118` (PEP 440, *Version
/// matching*: a local label counts only where the requirement names one).
pub(super) fn means(pinned: &str, version: &str) -> bool {
    match (Version::parse(pinned), Version::parse(version)) {
        (Ok(pinned), Ok(version)) if pinned.is_local() => pinned == version,
        (Ok(pinned), Ok(version)) => pinned.cmp_public(&version).is_eq(),
        _ => pinned == version,
    }
}

/// The same in an ecosystem: conda has an order of its own, in which a missing part is a zero.
pub(super) fn means_in(ecosystem: Ecosystem, pinned: &str, version: &str) -> bool {
    match ecosystem {
        Ecosystem::Conda => {
            pinned == version || Order::Conda.compare(pinned, version).is_none_or(Ordering::is_eq)
        }
        _ => means(pinned, version),
    }
}

/// The version in the name of a wheel (`NAME-VERSION-…-….whl`, binary distribution format), if it is for `name`.
fn wheel_version(url: &str, name: &PackageName) -> Option<String> {
    let path = url.split(['?', '#']).next()?;
    let stem = path.rsplit('/').next()?.strip_suffix(".whl")?;
    let mut parts = stem.split('-');
    let named = PackageName::new(parts.next()?).ok()?;
    // A `+` of a local version is often percent-encoded.
    let version = Version::parse(&parts.next()?.replace("%2B", "+").replace("%2b", "+")).ok()?;
    (named == *name && parts.count() >= 3).then(|| version.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_versions_are_found() {
        for (specifier, version) in [
            ("==1.0", Some("1.0")),
            (">=0.5,==1.0rc1", Some("1.0rc1")),
            ("===1.0-NA", Some("1.0-NA")),
            ("==2022.12.07", Some("2022.12.7")),
            ("==1.*", None),
            (">=1.0", None),
            ("", None),
        ] {
            assert_eq!(exact_python(specifier).as_deref(), version, "{specifier}");
        }
    }

    #[test]
    fn exact_versions_of_conda_are_found() {
        for (specifier, version) in [
            ("==1.26.4 py311h64a7726_0", Some("1.26.4")),
            ("==1.26.4", Some("1.26.4")),
            (">=1,==1.26.4", Some("1.26.4")),
            ("1.26.*", None),
            ("==1|==2", None),
            ("", None),
        ] {
            assert_eq!(exact_conda(specifier).as_deref(), version, "{specifier}");
        }
    }

    #[test]
    fn specifiers_of_conda_allow_what_conda_would() {
        for (specifier, allowed, refused) in [
            ("", "1.0", ""),
            ("* openblas", "1.0", ""),
            ("==1.26.4 py311h64a7726_0", "1.26.4", "1.26.5"),
            ("==1.2", "1.2.0", "1.2.1"),
            ("1.2.* py311_0", "1.2.3", "1.20"),
            ("1.2.*", "1.2", "1.3"),
            ("1.2*", "1.2rc1", "1.20"),
            ("=1.2.0", "1.2", "1.2.1"),
            (">=1.2,<2", "1.21.1", "2.0"),
            (">=1.2,<2", "1.2", "1.1"),
            (">=3.8.0,<4.0a0", "3.9.0", "4.0a1"),
            (">=2014a", "2014b", "2013d"),
            ("1.8.*|>=2", "2.1", "1.9"),
            ("1.8.*|>=2", "1.8.7", "1.7"),
            ("~=3.11", "3.12", "4.0"),
            ("~=3.11.2", "3.11.4", "3.12.0"),
            ("!=1.5", "1.6", "1.5.0"),
            ("!=1.5.*", "1.6", "1.5.2"),
            (">1,!=1.5,<=1.9", "1.9", "1.5"),
            ("<1.0", "1.0rc1", "1.0"),
            // What cannot be read hides nothing.
            ("^1.2$", "3", ""),
            ("(>=1,<2)|>3", "2.5", ""),
            (">=1", "un known", ""),
        ] {
            assert!(allows_conda(specifier, allowed), "{specifier} {allowed}");
            assert!(refused.is_empty() || !allows_conda(specifier, refused), "{specifier} {refused}");
        }
    }

    #[test]
    fn an_exact_version_means_its_local_builds() {
        assert!(means("2.1.0", "2.1.0+cu118") && means("2.1", "2.1.0"));
        assert!(
            !means("2.1.0+cpu", "2.1.0")
                && !means("2.1.0+cpu", "2.1.0+cu118")
                && !means("2.1.0", "2.1.0.post1")
        );
        assert!(means_in(Ecosystem::Conda, "1.2", "1.2.0") && !means_in(Ecosystem::Conda, "1.2", "1.2.1"));
        assert!(means("1.0-NA", "1.0-NA") && !means("1.0-NA", "1.0"));
    }

    #[test]
    fn wheels_name_their_version() {
        let name = PackageName::new("torch").unwrap();
        for (url, version) in [
            ("https://example.org/torch-2.0.0%2Bcu118-cp310-cp310-linux_x86_64.whl", Some("2.0.0+cu118")),
            ("https://example.org/torch-2.0.0-1-cp310-cp310-linux_x86_64.whl#sha256=0", Some("2.0.0")),
            ("https://example.org/torchvision-0.1-py3-none-any.whl", None),
            ("https://example.org/torch-2.0.0.tar.gz", None),
        ] {
            assert_eq!(wheel_version(url, &name).as_deref(), version, "{url}");
        }
    }

    #[test]
    fn what_cannot_be_read_hides_nothing() {
        assert!(allows_python("", "1"));
        assert!(allows_python(">=1", "1.5"));
        assert!(!allows_python("<1", "1.5"));
        assert!(allows_python("nonsense", "1"));
        assert!(allows_python(">=1", "unknown"));
    }
}
