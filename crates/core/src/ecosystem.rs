//! Whose rules of names and versions a package follows.

use std::fmt;

/// Where a package comes from, and so how its name is normalised and its versions are ordered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Ecosystem {
    /// Packages of the Python package index; versions by PEP 440.
    PyPi,
    /// Packages of conda channels.
    Conda,
    /// Crates of Rust; Semantic Versioning.
    Cargo,
    /// Libraries as their authors release them, whoever built them: OpenSSL inside a wheel. Each library orders its
    /// versions in its own way.
    Native,
    /// Packages of Debian and what descends from it.
    Deb,
    /// Packages of Red Hat and what descends from it.
    Rpm,
    /// Packages of Alpine and what descends from it.
    Apk,
}

impl Ecosystem {
    /// All, in order.
    pub const ALL: [Self; 7] =
        [Self::PyPi, Self::Conda, Self::Cargo, Self::Native, Self::Deb, Self::Rpm, Self::Apk];

    /// The type of its package URLs (purl-spec, types). A library without an ecosystem of its own is `generic`.
    pub fn purl_type(self) -> &'static str {
        match self {
            Self::PyPi => "pypi",
            Self::Conda => "conda",
            Self::Cargo => "cargo",
            Self::Native => "generic",
            Self::Deb => "deb",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
        }
    }

    /// The one whose package URLs have this type.
    pub fn of_purl_type(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.purl_type().eq_ignore_ascii_case(name))
    }

    /// What a person calls one of its packages.
    pub fn noun(self) -> &'static str {
        match self {
            Self::PyPi => "package",
            Self::Conda => "conda package",
            Self::Cargo => "crate",
            Self::Native => "library",
            Self::Deb | Self::Rpm | Self::Apk => "system package",
        }
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.purl_type())
    }
}
