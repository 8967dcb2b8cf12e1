//! Manifests that are known and not read.

use libtest_mimic::Trial;
use weighbridge_core::reader::Claim;

use crate::package_facts::{check, claim};

pub(crate) fn trials() -> Vec<Trial> {
    trials![what_asks_for_packages_is_told, names_are_claimed]
}

fn what_asks_for_packages_is_told() {
    let told =
        |path: &str, content: &str, expected: &[&str]| check("known-manifests", path, content, expected);
    told("Pipfile.lock", "{}", &["ended: Pipfile lock, not read by this version"]);
    told(
        "setup.py",
        "setup(install_requires=['numpy'])",
        &["ended: requirements in `setup.py`, not read by this version"],
    );
    // Nothing is missed here.
    told("setup.py", "from setuptools import setup\nsetup()\n", &[]);
    told("setup.cfg", "[flake8]\nmax-line-length = 100\n", &[]);
}

fn names_are_claimed() {
    for (path, expected) in [
        ("a/Pipfile", Claim::ByName),
        ("gpu.conda-lock.yml", Claim::No),
        ("settings.yml", Claim::No),
        ("lib/site-packages/a/setup.py", Claim::No),
    ] {
        assert_eq!(claim("known-manifests", path, b"x"), expected, "{path}");
    }
}
