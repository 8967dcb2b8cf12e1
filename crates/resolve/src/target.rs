//! The Python and the platform for which versions are chosen, and which wheels they take.
//!
//! Source: the "Platform compatibility tags" specification of the Python packaging guide (PEP 425, 600, 656).

use std::cmp::Reverse;
use std::fmt;

use weighbridge_advisory::pep440::Version;
use weighbridge_advisory::pep508::MarkerEnvironment;
use weighbridge_core::context::System;

/// Whom to install for: CPython on one platform.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The full version of Python.
    pub python: Version,
    /// The values of the environment markers.
    pub environment: MarkerEnvironment,
    /// The platform.
    pub platform: Platform,
    /// The version of the system's libraries is that of a usual system of this day, since nobody knows it.
    pub is_assumed: bool,
    /// Who says which Python is meant, for people; empty where it goes without saying.
    pub python_by: String,
}

/// A platform as wheels name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Platform {
    /// Linux with glibc of this version (major, minor).
    Glibc {
        /// Newest symbols that it has.
        version: (u64, u64),
        /// `x86_64`, `aarch64`, …
        machine: String,
    },
    /// Linux with musl of this version.
    Musl {
        /// Newest interface that it has.
        version: (u64, u64),
        /// `x86_64`, `aarch64`, …
        machine: String,
    },
    /// macOS of this version.
    MacOs {
        /// The version.
        version: (u64, u64),
        /// `x86_64` or `arm64`.
        machine: String,
    },
    /// Windows, with the tag that its wheels have: `win_amd64`, `win32`, `win_arm64`.
    Windows {
        /// The tag.
        tag: &'static str,
    },
    /// A platform of which nothing is known: only wheels for every platform fit.
    Other,
}

/// The glibc that is assumed where nobody says: that of Debian 12.
const GLIBC: (u64, u64) = (2, 36);
/// The macOS that is assumed where nobody says.
const MACOS: (u64, u64) = (14, 0);

impl Target {
    /// The target whose markers have these values, with these libraries of the system, which no marker tells.
    ///
    /// `None` where the environment states no version of Python.
    pub fn of(environment: MarkerEnvironment, system: Option<System>) -> Option<Self> {
        let python = Version::parse(environment.value("python_full_version")?).ok()?;
        let machine = environment.value("platform_machine").unwrap_or_default().to_ascii_lowercase();
        let mut is_assumed = false;
        let mut assumed = |version| {
            is_assumed = true;
            version
        };
        let platform = match (environment.value("sys_platform").unwrap_or_default(), system) {
            ("linux", Some(System::Musl(major, minor))) => {
                Platform::Musl { version: (major, minor), machine }
            }
            ("linux", Some(System::Glibc(major, minor))) => {
                Platform::Glibc { version: (major, minor), machine }
            }
            ("linux", _) => Platform::Glibc { version: assumed(GLIBC), machine },
            ("darwin", Some(System::MacOs(major, minor))) => {
                Platform::MacOs { version: (major, minor), machine }
            }
            ("darwin", _) => Platform::MacOs { version: assumed(MACOS), machine },
            ("win32", _) => match machine.as_str() {
                "amd64" | "x86_64" => Platform::Windows { tag: "win_amd64" },
                "arm64" | "aarch64" => Platform::Windows { tag: "win_arm64" },
                _ => Platform::Windows { tag: "win32" },
            },
            _ => Platform::Other,
        };
        Some(Self { python, environment, platform, is_assumed, python_by: String::new() })
    }

    /// The same, with who says which Python is meant.
    #[must_use]
    pub fn said_by(self, by: &str) -> Self {
        Self { python_by: by.to_owned(), ..self }
    }

    /// Whether a wheel of this name can be installed; the name is `NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl`, and
    /// each of the three tags may be several joined by dots.
    pub fn takes(&self, wheel: &str) -> bool {
        self.preference(wheel).is_some()
    }

    /// How good a wheel of this name is, the smaller the better, in the order in which pip tries tags (`packaging.tags.sys_tags`):
    /// what is for a platform before what is for any, what is for this very Python before what is for others too, and the newest
    /// platform that there is here. Of equal tags the higher build counts.
    pub(crate) fn preference(&self, wheel: &str) -> Option<Preference> {
        let mut tags = wheel.strip_suffix(".whl")?.rsplit('-');
        let (platforms, abis, pythons) = (tags.next()?, tags.next()?, tags.next()?);
        let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
        // Name and version follow, or a build and these.
        let build = tags.next().filter(|_| tags.clone().nth(1).is_some());
        let build: u64 = build.and_then(|build| digits(build).parse().ok()).unwrap_or(0);
        let platform = platforms.split('.').filter_map(|platform| self.platform.distance(platform)).min()?;
        let python = pythons.split('.').flat_map(|python| abis.split('.').map(move |abi| (python, abi)));
        let python = python.filter_map(|(python, abi)| self.python_distance(python, abi)).min()?;
        Some(Preference { is_any: platform == ANY, python, platform, build: Reverse(build) })
    }

    /// How far the tags of Python and its ABI are from the own ones; none if they do not fit.
    fn python_distance(&self, python: &str, abi: &str) -> Option<(u8, u64)> {
        let (major, minor) = self.series();
        if let Some((its_major, its)) = python.strip_prefix("cp").and_then(series) {
            if its_major != major {
                return None;
            }
            let is_own = its == Some(minor);
            return match abi {
                "none" => is_own.then_some((2, 0)),
                "abi3" if is_own => Some((1, 0)),
                "abi3" => Some((3, minor.checked_sub(its?)?)),
                // A debug or free-threaded build has another ABI (`cp313t`), and before 3.8 there was `cp37m`.
                abi => {
                    let own = format!("cp{major}{minor}");
                    let fits = abi == own || (minor < 8 && abi.strip_suffix('m') == Some(own.as_str()));
                    (is_own && fits).then_some((0, 0))
                }
            };
        }
        let (its_major, its) = python.strip_prefix("py").and_then(series)?;
        if abi != "none" || its_major != major {
            return None;
        }
        match its {
            None => Some((5, 0)),
            Some(its) if its == minor => Some((4, 0)),
            Some(its) => Some((6, minor.checked_sub(its)?)),
        }
    }

    /// Major and minor version of Python.
    fn series(&self) -> (u64, u64) {
        let at = |index: usize| self.python.release().get(index).copied().unwrap_or(0);
        (at(0), at(1))
    }
}

/// `Python 3.12.0 on linux x86_64`, and what is assumed of it.
impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |name| self.environment.value(name).unwrap_or_default();
        let by = match self.python_by.as_str() {
            "" => String::new(),
            by => format!(" ({by})"),
        };
        write!(out, "Python {}{by} on {} {}", self.python, value("sys_platform"), value("platform_machine"))?;
        match &self.platform {
            Platform::Glibc { version: (major, minor), .. } if self.is_assumed => {
                write!(out, " (glibc {major}.{minor} assumed)")
            }
            Platform::MacOs { version: (major, minor), .. } if self.is_assumed => {
                write!(out, " (macOS {major}.{minor} assumed)")
            }
            Platform::Musl { .. } => out.write_str(" with musl"),
            _ => Ok(()),
        }
    }
}

/// `3` and `312` of the tags `py3` and `cp312`.
fn series(digits: &str) -> Option<(u64, Option<u64>)> {
    let (major, minor) = digits.split_at_checked(1)?;
    let minor = if minor.is_empty() { None } else { Some(minor.parse().ok()?) };
    Some((major.parse().ok()?, minor))
}

/// How good a wheel is, the smaller the better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Preference {
    is_any: bool,
    python: (u8, u64),
    platform: u64,
    build: Reverse<u64>,
}

/// The distance of what is for any platform.
const ANY: u64 = u64::MAX;
/// The distance of what names a system without a version.
const UNVERSIONED: u64 = u64::MAX - 1;

impl Platform {
    /// How much older the platform of a tag is; none if it does not fit.
    fn distance(&self, tag: &str) -> Option<u64> {
        if tag == "any" {
            return Some(ANY);
        }
        // Major versions are years apart, and minor ones below a thousand.
        let age = |here: (u64, u64), its: (u64, u64)| {
            let number = |(major, minor): (u64, u64)| major.saturating_mul(1000).saturating_add(minor);
            number(here).checked_sub(number(its)).map(|age| age.saturating_mul(2))
        };
        match self {
            Self::Glibc { version, machine } => {
                // The three tags of before PEP 600 stand for a version of glibc each.
                let old = [("manylinux2014_", (2, 17)), ("manylinux2010_", (2, 12)), ("manylinux1_", (2, 5))];
                let old =
                    old.into_iter().find_map(|(prefix, needs)| Some((needs, tag.strip_prefix(prefix)?)));
                match old.or_else(|| versioned(tag, "manylinux_")) {
                    Some((needs, its)) if needs.0 == version.0 && its == machine => age(*version, needs),
                    Some(_) => None,
                    None => (tag.strip_prefix("linux_") == Some(machine)).then_some(UNVERSIONED),
                }
            }
            Self::Musl { version, machine } => match versioned(tag, "musllinux_") {
                Some((needs, its)) if needs.0 == version.0 && its == machine => age(*version, needs),
                Some(_) => None,
                None => (tag.strip_prefix("linux_") == Some(machine)).then_some(UNVERSIONED),
            },
            Self::MacOs { version, machine } => {
                let (needs, its) = versioned(tag, "macosx_")?;
                let fat = match machine.as_str() {
                    "arm64" => its == "universal2",
                    _ => matches!(its, "universal2" | "intel" | "fat3" | "fat64" | "universal"),
                };
                let is_own = its == machine;
                let age = age(*version, needs).filter(|_| is_own || fat)?;
                Some(age.saturating_add(u64::from(!is_own)))
            }
            Self::Windows { tag: own } => (tag == *own).then_some(0),
            Self::Other => None,
        }
    }
}

/// `2`, `28` and `x86_64` of `manylinux_2_28_x86_64`.
fn versioned<'t>(tag: &'t str, prefix: &str) -> Option<((u64, u64), &'t str)> {
    let (major, rest) = tag.strip_prefix(prefix)?.split_once('_')?;
    let (minor, machine) = rest.split_once('_')?;
    Some(((major.parse().ok()?, minor.parse().ok()?), machine))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn target(python: &str, platform: &[(&str, &str)]) -> Target {
        let values: BTreeMap<String, String> =
            platform.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Target::of(MarkerEnvironment::new(python, &values), None).unwrap()
    }

    #[test]
    fn the_system_decides_which_wheels_run() {
        let linux = [("sys_platform", "linux"), ("platform_machine", "x86_64")];
        let linux = linux.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let of = |system| Target::of(MarkerEnvironment::new("3.12.1", &linux), system).unwrap();
        for (system, told, takes) in [
            (None, "Python 3.12.1 on linux x86_64 (glibc 2.36 assumed)", [true, true, false, false]),
            (Some(System::Glibc(2, 17)), "Python 3.12.1 on linux x86_64", [true, false, false, false]),
            (Some(System::Glibc(2, 39)), "Python 3.12.1 on linux x86_64", [true, true, true, false]),
            (
                Some(System::Musl(1, 2)),
                "Python 3.12.1 on linux x86_64 with musl",
                [false, false, false, true],
            ),
            (
                Some(System::MacOs(14, 5)),
                "Python 3.12.1 on linux x86_64 (glibc 2.36 assumed)",
                [true, true, false, false],
            ),
        ] {
            let target = of(system);
            let tags = ["manylinux2014", "manylinux_2_28", "manylinux_2_39", "musllinux_1_2"];
            let taken = tags.map(|tag| target.takes(&format!("a-1.0-cp312-cp312-{tag}_x86_64.whl")));
            assert_eq!((target.to_string().as_str(), taken), (told, takes));
        }
    }

    /// The order of `packaging.tags.sys_tags`.
    #[test]
    fn of_several_wheels_the_one_is_best_that_pip_takes() {
        let linux = target("3.11.7", &[("sys_platform", "linux"), ("platform_machine", "x86_64")]);
        let mac = target("3.12.1", &[("sys_platform", "darwin"), ("platform_machine", "arm64")]);
        for (target, best_first) in [
            (
                &linux,
                &[
                    "2-cp311-cp311-manylinux_2_28_x86_64",
                    "1-cp311-cp311-manylinux_2_28_x86_64",
                    "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
                    "cp311-cp311-manylinux1_x86_64",
                    "cp311-cp311-linux_x86_64",
                    "cp311-abi3-manylinux2014_x86_64",
                    "cp311-none-manylinux2014_x86_64",
                    "cp310-abi3-manylinux2014_x86_64",
                    "cp37-abi3-manylinux_2_28_x86_64",
                    "cp36-abi3-manylinux_2_28_x86_64.manylinux2014_x86_64",
                    "py311-none-manylinux2014_x86_64",
                    "py2.py3-none-manylinux2014_x86_64",
                    "py310-none-manylinux2014_x86_64",
                    "cp311-none-any",
                    "py311-none-any",
                    "py3-none-any",
                    "py39-none-any",
                ][..],
            ),
            (
                &mac,
                &[
                    "cp312-cp312-macosx_11_0_arm64",
                    "cp312-cp312-macosx_11_0_universal2",
                    "cp312-cp312-macosx_10_9_universal2",
                    "cp39-abi3-macosx_11_0_arm64",
                ],
            ),
        ] {
            let preference = |tags: &&str| target.preference(&format!("a-1.0-{tags}.whl")).unwrap();
            assert!(best_first.is_sorted_by(|a, b| preference(a) < preference(b)));
        }
    }

    #[test]
    fn wheels_fit_by_their_tags() {
        let linux = target("3.11.7", &[("sys_platform", "linux"), ("platform_machine", "x86_64")]);
        let mac = target("3.12.1", &[("sys_platform", "darwin"), ("platform_machine", "arm64")]);
        let windows = target("3.9.0", &[("sys_platform", "win32"), ("platform_machine", "AMD64")]);
        for (target, tags, fits) in [
            (&linux, "py3-none-any", true),
            (&linux, "py2.py3-none-any", true),
            (&linux, "py2-none-any", false),
            (&linux, "py311-none-any", true),
            (&linux, "py312-none-any", false),
            (&linux, "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", true),
            (&linux, "cp311-cp311-manylinux_2_99_x86_64", false),
            (&linux, "cp311-cp311-manylinux1_x86_64", true),
            (&linux, "cp311-cp311-linux_x86_64", true),
            (&linux, "cp311-cp311-manylinux_2_17_aarch64", false),
            (&linux, "cp311-cp311-musllinux_1_2_x86_64", false),
            (&linux, "cp310-cp310-manylinux2014_x86_64", false),
            (&linux, "cp38-abi3-manylinux2014_x86_64", true),
            (&linux, "cp312-abi3-manylinux2014_x86_64", false),
            (&linux, "cp311-none-manylinux2014_x86_64", true),
            (&linux, "cp38-none-any", false),
            (&linux, "pp311-pypy311_pp73-manylinux2014_x86_64", false),
            (&linux, "1-cp311-cp311-manylinux2014_x86_64", true),
            (&mac, "cp312-cp312-macosx_11_0_arm64", true),
            (&mac, "cp312-cp312-macosx_10_13_universal2", true),
            (&mac, "cp312-cp312-macosx_10_9_x86_64", false),
            (&mac, "cp312-cp312-macosx_15_0_arm64", false),
            (&mac, "cp313-cp313t-macosx_11_0_arm64", false),
            (&windows, "cp39-cp39-win_amd64", true),
            (&windows, "cp39-cp39-win32", false),
        ] {
            assert_eq!(target.takes(&format!("a-1.0-{tags}.whl")), fits, "{tags}");
        }
        assert!(!linux.takes("a-1.0.tar.gz"));
        assert!(!linux.takes("a.whl"));
        let old = target("3.7.3", &[("sys_platform", "linux"), ("platform_machine", "x86_64")]);
        assert!(old.takes("a-1.0-cp37-cp37m-manylinux1_x86_64.whl"));
    }
}
