//! Little worlds as text.
//!
//! A line is a release: `NAME VERSION [yanked] [python:SPECIFIER] [elsewhere] [computed] [unasked]: REQUIREMENT | …`.
//! `elsewhere` has no file for the platform, `computed` does not say what it needs, `unasked` cannot be asked. Releases of
//! a package may stand in any order.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use weighbridge_advisory::pep440::{Specifiers, Version};
use weighbridge_advisory::pep508::{MarkerEnvironment, Requirement};
use weighbridge_core::limits::Cancel;
use weighbridge_core::name::PackageName;
use weighbridge_resolve::listing::Listed;
use weighbridge_resolve::problem::MOST_STEPS;
use weighbridge_resolve::{Failure, Listing, Needs, Packages, Problem, Resolution, Target, Unknown};

#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) releases: BTreeMap<PackageName, BTreeMap<Version, Written>>,
    /// How often it was asked what a release needs.
    pub(crate) asked: Cell<usize>,
    listings: BTreeMap<PackageName, Arc<Listing>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub(crate) needs: Arc<Needs>,
    flags: Vec<String>,
}

pub(crate) fn name(text: &str) -> PackageName {
    PackageName::new(text).unwrap()
}

pub(crate) fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

pub(crate) fn requirements(text: &str) -> Vec<Requirement> {
    let parts = text.split(" | ").map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| Requirement::parse(part).unwrap()).collect()
}

/// `a 1, b 2`.
pub(crate) fn versions(text: &str) -> BTreeMap<PackageName, Version> {
    let parts = text.split(", ").filter(|part| !part.trim().is_empty());
    parts
        .map(|part| {
            let (package, number) = part.trim().split_once(' ').unwrap();
            (name(package), version(number))
        })
        .collect()
}

/// CPython 3.11 on Linux.
pub(crate) fn target() -> Target {
    let platform = [("sys_platform", "linux"), ("platform_machine", "x86_64"), ("os_name", "posix")];
    let platform = platform.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Target::of(MarkerEnvironment::new("3.11.4", &platform.into()), None).unwrap()
}

impl World {
    pub(crate) fn new(text: &str) -> Self {
        let mut world = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (head, needs) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
            let mut words = head.split_whitespace();
            let (package, number) = (name(words.next().unwrap()), version(words.next().unwrap()));
            let flags: Vec<String> = words.map(str::to_owned).collect();
            let needs = Needs { requirements: requirements(needs), requires_python: Specifiers::default() };
            let written = Written { needs: Arc::new(needs), flags };
            let before = world.releases.entry(package).or_default().insert(number, written);
            assert!(before.is_none(), "{line} stands there twice");
        }
        world.list();
        world
    }

    pub(crate) fn list(&mut self) {
        let target = target();
        for (package, releases) in &self.releases {
            let files: Vec<(String, String, &Written)> = releases
                .iter()
                .map(|(version, written)| {
                    let tags = if written.has("elsewhere") { "cp311-cp311-win32" } else { "py3-none-any" };
                    (format!("{package}-{version}-{tags}.whl"), version.to_string(), written)
                })
                .collect();
            let listed = files.iter().map(|(name, version, written)| Listed {
                name,
                version,
                requires_python: written.flags.iter().find_map(|flag| flag.strip_prefix("python:")),
                yanked: written.has("yanked"),
            });
            self.listings.insert(package.clone(), Arc::new(Listing::of(listed, &target)));
        }
    }
}

impl Written {
    pub(crate) fn has(&self, wanted: &str) -> bool {
        self.flags.iter().any(|flag| flag == wanted)
    }
}

impl Packages for World {
    fn listing(&self, name: &PackageName) -> Result<Arc<Listing>, Unknown> {
        if name.as_str() == "silent" {
            return Err(Unknown::Unasked("nobody answers".to_owned()));
        }
        Ok(self.listings.get(name).cloned().unwrap_or_default())
    }

    fn needs(&self, name: &PackageName, version: &Version) -> Result<Arc<Needs>, Unknown> {
        self.asked.set(self.asked.get() + 1);
        let written = &self.releases[name][version];
        if written.has("computed") {
            return Err(Unknown::Computed("setup.py was not run".to_owned()));
        }
        if written.has("unasked") {
            return Err(Unknown::Unasked("nobody answers".to_owned()));
        }
        Ok(Arc::clone(&written.needs))
    }
}

/// A problem as text, with what is usual for the rest.
#[derive(Clone, Default)]
pub(crate) struct Asked {
    pub(crate) roots: Vec<Requirement>,
    pub(crate) constraints: Vec<Requirement>,
    pub(crate) preferred: BTreeMap<PackageName, Version>,
}

impl Asked {
    pub(crate) fn new(roots: &str) -> Self {
        Self { roots: requirements(roots), ..Self::default() }
    }

    pub(crate) fn with<T>(&self, steps: usize, then: impl FnOnce(&Problem<'_>) -> T) -> T {
        then(&Problem {
            roots: &self.roots,
            constraints: &self.constraints,
            preferred: &self.preferred,
            forbidden: &BTreeMap::new(),
            target: &target(),
            most_steps: steps,
            cancel: &Cancel::default(),
        })
    }

    pub(crate) fn resolve(&self, world: &World) -> Result<Resolution, Failure> {
        self.with(MOST_STEPS, |problem| weighbridge_resolve::resolve(problem, world))
    }

    pub(crate) fn solve(&self, world: &World) -> Result<Resolution, Failure> {
        self.with(MOST_STEPS, |problem| weighbridge_resolve::solve::solve(problem, world))
    }
}

/// `a 1, b[x] 2; GAP; GAP`, or what went wrong.
pub(crate) fn told(result: &Result<Resolution, Failure>) -> String {
    match result {
        Ok(resolution) => {
            let picks = resolution.picks.iter().map(|(name, pick)| {
                let extras: Vec<&str> = pick.extras.iter().map(PackageName::as_str).collect();
                let extras =
                    if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
                format!("{name}{extras} {}", pick.version)
            });
            let mut told = picks.collect::<Vec<_>>().join(", ");
            for gap in &resolution.gaps {
                told.push_str(&format!("; {gap}"));
            }
            told
        }
        Err(failure) => failure.to_string(),
    }
}
