//! The Python and the platform for which versions are chosen, and which wheels they take.
//!
//! Source: the "Platform compatibility tags" specification of the Python packaging guide (PEP 425, 600, 656).

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
        Some(Self { python, environment, platform, is_assumed })
    }

    /// Whether a wheel of this name can be installed; the name is `NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl`, and
    /// each of the three tags may be several joined by dots.
    pub fn takes(&self, wheel: &str) -> bool {
        let Some(stem) = wheel.strip_suffix(".whl") else { return false };
        let mut tags = stem.rsplit('-');
        let (Some(platforms), Some(abis), Some(pythons)) = (tags.next(), tags.next(), tags.next()) else {
            return false;
        };
        let fits = |python: &str, abi: &str| self.takes_python(python, abi);
        platforms.split('.').any(|platform| self.platform.takes(platform))
            && pythons.split('.').any(|python| abis.split('.').any(|abi| fits(python, abi)))
    }

    fn takes_python(&self, python: &str, abi: &str) -> bool {
        let (major, minor) = self.series();
        if let Some(version) = python.strip_prefix("cp").and_then(series) {
            return match abi {
                "none" => version == (major, Some(minor)),
                "abi3" => version.0 == major && version.1.is_some_and(|its| its <= minor),
                // A debug or free-threaded build has another ABI (`cp313t`), and before 3.8 there was `cp37m`.
                abi => {
                    let own = format!("cp{major}{minor}");
                    version == (major, Some(minor))
                        && (abi == own || (minor < 8 && abi.strip_suffix('m') == Some(own.as_str())))
                }
            };
        }
        let Some(version) = python.strip_prefix("py").and_then(series) else { return false };
        abi == "none" && version.0 == major && version.1.is_none_or(|its| its <= minor)
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
        write!(out, "Python {} on {} {}", self.python, value("sys_platform"), value("platform_machine"))?;
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

impl Platform {
    fn takes(&self, tag: &str) -> bool {
        if tag == "any" {
            return true;
        }
        match self {
            Self::Glibc { version, machine } => {
                // The three tags of before PEP 600 stand for a version of glibc each.
                let old = [("manylinux2014_", (2, 17)), ("manylinux2010_", (2, 12)), ("manylinux1_", (2, 5))];
                let old =
                    old.into_iter().find_map(|(prefix, needs)| Some((needs, tag.strip_prefix(prefix)?)));
                match old.or_else(|| versioned(tag, "manylinux_")) {
                    Some((needs, its)) => needs.0 == version.0 && needs.1 <= version.1 && its == machine,
                    None => tag.strip_prefix("linux_") == Some(machine),
                }
            }
            Self::Musl { version, machine } => match versioned(tag, "musllinux_") {
                Some((needs, its)) => needs.0 == version.0 && needs.1 <= version.1 && its == machine,
                None => tag.strip_prefix("linux_") == Some(machine),
            },
            Self::MacOs { version, machine } => versioned(tag, "macosx_").is_some_and(|(needs, its)| {
                let fat = match machine.as_str() {
                    "arm64" => its == "universal2",
                    _ => matches!(its, "universal2" | "intel" | "fat3" | "fat64" | "universal"),
                };
                needs <= *version && (its == machine || fat)
            }),
            Self::Windows { tag: own } => tag == *own,
            Self::Other => false,
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
