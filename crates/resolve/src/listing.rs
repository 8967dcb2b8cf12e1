//! Which releases of a package a target can use, by the files that an index lists.

use std::collections::BTreeMap;

use weighbridge_advisory::pep440::{Specifiers, Version};

use crate::target::{Preference, Target};

/// A file that an index lists, as far as a choice depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Its name.
    pub name: &'a str,
    /// The version in its name.
    pub version: &'a str,
    /// The versions of Python for which it is, as a specifier.
    pub requires_python: Option<&'a str>,
    /// It was yanked (PEP 592).
    pub yanked: bool,
}

/// The releases of one package.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Listing {
    /// Those that can be used, oldest first.
    pub releases: Vec<Release>,
    /// Those that cannot, oldest first, and why.
    pub unusable: Vec<(Version, Unusable)>,
}

/// A release that can be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    /// Its version.
    pub version: Version,
    /// All its usable files were yanked.
    pub yanked: bool,
    /// The file that would be installed, by its number among those listed.
    pub file: usize,
    /// That is a source distribution, which would have to be built.
    pub is_source: bool,
}

/// Why a release cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unusable {
    /// It is for other versions of Python, as this specifier says.
    Python(String),
    /// It has no file for the platform, and no source distribution.
    Platform,
}

impl Listing {
    /// Sorts files by release. Of the files of one release what was not yanked goes before what was, a wheel before a source
    /// distribution, and of wheels the one that pip would take: others may carry other libraries. Among equals the first counts.
    ///
    /// A file whose `requires_python` cannot be read may be used, as with pip; so may none whose version cannot.
    pub fn of<'a>(files: impl IntoIterator<Item = Listed<'a>>, target: &Target) -> Self {
        let mut found: BTreeMap<Version, Result<(Rank, usize), Unusable>> = BTreeMap::new();
        // The files of a release mostly follow each other, and say the same.
        let mut last: Option<(&str, Version)> = None;
        let mut excluded: Option<(&str, bool)> = None;
        for (number, file) in files.into_iter().enumerate() {
            last = last.take().filter(|(text, _)| *text == file.version);
            let (_, version) = match &mut last {
                Some(known) => known,
                None => match Version::parse(file.version) {
                    Ok(version) => last.insert((file.version, version)),
                    Err(_) => continue,
                },
            };
            let mut excludes = |text| match excluded {
                Some((known, is)) if known == text => is,
                _ => {
                    let pythons = Specifiers::parse_lenient(text);
                    let is = pythons.is_ok_and(|pythons| !pythons.allows(&target.python));
                    excluded.insert((text, is)).1
                }
            };
            let is_wheel = file.name.ends_with(".whl");
            let preference = if is_wheel { target.preference(file.name) } else { None };
            let state = if is_wheel && preference.is_none() {
                Err(Unusable::Platform)
            } else {
                match file.requires_python {
                    Some(text) if excludes(text) => Err(Unusable::Python(text.trim().to_owned())),
                    _ => Ok((Rank { yanked: file.yanked, is_source: !is_wheel, preference }, number)),
                }
            };
            match found.get_mut(version) {
                None => {
                    found.insert(version.clone(), state);
                }
                Some(known) => match (&known, &state) {
                    (Err(_), Ok(_)) => *known = state,
                    (Ok((one, _)), Ok((other, _))) if other < one => *known = state,
                    // The Python is the better reason: another platform would not help.
                    (Err(Unusable::Platform), Err(Unusable::Python(_))) => *known = state,
                    _ => {}
                },
            }
        }
        let mut listing = Self::default();
        for (version, state) in found {
            match state {
                Ok((rank, file)) => {
                    let Rank { yanked, is_source, .. } = rank;
                    listing.releases.push(Release { version, yanked, file, is_source });
                }
                Err(why) => listing.unusable.push((version, why)),
            }
        }
        listing
    }

    /// The place of a version among the releases.
    pub fn find(&self, version: &Version) -> Option<usize> {
        self.releases.binary_search_by(|release| release.version.cmp(version)).ok()
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    yanked: bool,
    is_source: bool,
    preference: Option<Preference>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use weighbridge_advisory::pep508::MarkerEnvironment;

    use super::*;

    #[test]
    fn files_are_sorted_by_release_and_the_best_counts() {
        let platform = [("sys_platform", "linux"), ("platform_machine", "x86_64")];
        let platform: BTreeMap<String, String> =
            platform.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let target = Target::of(MarkerEnvironment::new("3.9.1", &platform), None).unwrap();
        let files = [
            ("a-1.10.tar.gz", "1.10", None, false),
            ("a-1.9.tar.gz", "1.9", None, false),
            ("a-1.9-py3-none-any.whl", "1.9", None, false),
            ("a-1.8-py3-none-any.whl", "1.8", None, true),
            ("a-1.8.tar.gz", "1.8", None, false),
            ("a-1.7.tar.gz", "1.7", Some("what?"), true),
            ("a-2.0.tar.gz", "2.0", Some(">=3.10"), false),
            ("a-2.0-cp310-cp310-win_amd64.whl", "2.0", Some(">=3.10"), false),
            ("a-2.1-cp39-cp39-win_amd64.whl", "2.1", None, false),
            ("a-soon.tar.gz", "soon", None, false),
        ];
        let listed = files.map(|(name, version, requires_python, yanked)| Listed {
            name,
            version,
            requires_python,
            yanked,
        });
        let listing = Listing::of(listed, &target);
        let usable: Vec<String> = listing
            .releases
            .iter()
            .map(|release| {
                let yanked = if release.yanked { " yanked" } else { "" };
                format!("{} by {}{yanked}", release.version, files[release.file].0)
            })
            .collect();
        assert_eq!(
            usable,
            [
                "1.7 by a-1.7.tar.gz yanked",
                "1.8 by a-1.8.tar.gz",
                "1.9 by a-1.9-py3-none-any.whl",
                "1.10 by a-1.10.tar.gz"
            ]
        );
        let unusable: Vec<String> =
            listing.unusable.iter().map(|(version, why)| format!("{version} {why:?}")).collect();
        assert_eq!(unusable, ["2.0 Python(\">=3.10\")", "2.1 Platform"]);
    }
}
