//! The table of signatures: what shows a native library in a binary. It is data, in `data/libraries.tsv`; the head of
//! that file says what its columns mean.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::name::Name;
use super::pattern::{Pattern, glob};

/// The table as it is written.
pub(super) static ROWS: &str = include_str!("../../data/libraries.tsv");

/// What is known of one library.
#[derive(Default)]
pub(super) struct Signature {
    /// Its name, as advisories call it.
    pub(super) name: &'static str,
    /// Globs of the stems of file names.
    pub(super) files: Vec<&'static str>,
    /// Symbols that only the library itself defines.
    pub(super) symbols: Vec<&'static str>,
    /// Stems whose numbers in a file name are those of the release.
    pub(super) releases: Vec<&'static str>,
    /// Globs of whole file names, and the version that each means.
    pub(super) sonames: Vec<(&'static str, &'static str)>,
    /// Beginnings of texts that are a version and nothing else, in the library's own file.
    pub(super) bare: Vec<&'static str>,
    /// Libraries that look like this one and are not.
    pub(super) not: Vec<&'static str>,
    /// The version resource of a file that is called so states the release.
    pub(super) resource: bool,
    /// Packages of RPM distributions that hold it, each with the globs of the stems of its files (empty for all).
    pub(super) rpms: Vec<(&'static str, &'static str)>,
    /// Packages of other distributions that hold it.
    pub(super) packages: Vec<&'static str>,
}

/// A text that shows a library.
pub(super) struct Text {
    /// The place of the signature.
    pub(super) signature: usize,
    pub(super) pattern: Pattern,
    /// What the version is, with an `@` for what the pattern found.
    pub(super) version: &'static str,
}

/// All signatures, and one automaton for their texts.
pub(super) struct Table {
    /// By name.
    pub(super) signatures: Vec<Signature>,
    /// The texts.
    pub(super) patterns: Vec<Text>,
    /// Finds the needles of all patterns, by their places in `patterns`.
    pub(super) needles: Option<AhoCorasick>,
    symbols: BTreeMap<&'static [u8], &'static str>,
}

impl Table {
    /// The signature of a library.
    fn signature(&self, library: &str) -> Option<&Signature> {
        let at = self.signatures.binary_search_by(|it| it.name.cmp(library)).ok()?;
        self.signatures.get(at)
    }

    /// The symbol of the table that is called so.
    pub(super) fn symbol(&self, name: &[u8]) -> Option<&'static str> {
        self.symbols.get(name).copied()
    }
}

/// The table, read once.
pub(super) fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| read(ROWS));
    &TABLE
}

/// Every library of the table, sorted.
pub fn libraries() -> impl Iterator<Item = &'static str> {
    table().signatures.iter().map(|signature| signature.name)
}

/// Whether a file of this name is the library, by the table.
pub fn is_called(library: &str, file: &str) -> bool {
    let name = Name::new(file);
    let signature = table().signature(library);
    signature.is_some_and(|it| it.files.iter().any(|pattern| glob(pattern, &name.stem).is_some()))
}

/// The libraries that look like this one and are not.
pub fn lookalikes(library: &str) -> &'static [&'static str] {
    table().signature(library).map(|it| it.not.as_slice()).unwrap_or_default()
}

/// The library that a package of a distribution holds: one that the table says, or the one that is called like it.
pub fn library_of_package(package: &str) -> Option<&'static str> {
    let holds =
        |it: &&Signature| it.rpms.iter().any(|(name, _)| *name == package) || it.packages.contains(&package);
    let listed = table().signatures.iter().find(holds);
    listed.or_else(|| table().signature(&package.to_ascii_lowercase())).map(|it| it.name)
}

/// The package of RPM distributions that holds the file of a library.
pub fn rpm_of(library: &str, file: &str) -> Option<&'static str> {
    let signature = table().signature(library)?;
    let stem = Name::new(file).stem;
    let fits = |(_, pattern): &&(&str, &str)| pattern.is_empty() || glob(pattern, &stem).is_some();
    let listed = signature.rpms.iter().find(fits).map(|(name, _)| *name);
    listed.or_else(|| signature.rpms.is_empty().then_some(signature.name))
}

fn rows(text: &'static str) -> impl Iterator<Item = [&'static str; 4]> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let mut columns = line.split('\t');
        [(); 4].map(|()| columns.next().unwrap_or_default())
    })
}

fn read(text: &'static str) -> Table {
    let mut signatures: Vec<Signature> = Vec::new();
    let mut patterns = Vec::new();
    let mut symbols = BTreeMap::new();
    for [name, kind, value, version] in rows(text) {
        if signatures.last().is_none_or(|last| last.name != name) {
            signatures.push(Signature { name, ..Signature::default() });
        }
        let place = signatures.len().saturating_sub(1);
        let Some(signature) = signatures.last_mut() else { continue };
        match kind {
            "file" => signature.files.push(value),
            "symbol" => {
                signature.symbols.push(value);
                symbols.insert(value.as_bytes(), value);
            }
            "release" => signature.releases.push(value),
            "soname" => signature.sonames.push((value, version)),
            "bare" => signature.bare.push(value),
            "not" => signature.not.push(value),
            "package" => signature.packages.push(value),
            "rpm" => signature.rpms.push((value, version)),
            "resource" => signature.resource = true,
            // A test holds that there are no other kinds and that every pattern can be read.
            _ => patterns.extend(Pattern::parse(value).map(|pattern| Text {
                signature: place,
                pattern,
                version: if version.is_empty() { "@" } else { version },
            })),
        }
    }
    // The automaton is small, every binary is searched, and the other kinds are half as fast.
    let needles = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::DFA))
        .build(patterns.iter().map(|text| text.pattern.needle()))
        .ok();
    Table { signatures, patterns, needles, symbols }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_distributions_and_libraries_find_each_other() {
        for (package, library) in [
            ("openssl-libs", Some("openssl")),
            ("libssl1.1", Some("openssl")),
            ("libXau", Some("libxau")),
            ("libpng", Some("libpng")),
            ("openblas-threads", Some("openblas")),
            ("bash", None),
        ] {
            assert_eq!(library_of_package(package), library, "{package}");
        }
        for (library, file, package) in [
            ("openssl", "libcrypto-5409cd36.so.1.1.1k", Some("openssl-libs")),
            ("openblas", "libopenblasp-r0-59ffcd50.3.15.so", Some("openblas-threads")),
            ("openblas", "libopenblaso-r0-d77a1985.3.15.so", Some("openblas-openmp")),
            ("libgomp", "libgomp-e985bcbb.so.1.0.0", Some("libgomp")),
            ("libtiff", "libtiff-76fbcf36.so.5.3.0", Some("libtiff")),
            ("none", "none.so", None),
        ] {
            assert_eq!(rpm_of(library, file), package, "{file}");
        }
        assert!(is_called("openssl", "libssl-81259c47.so.1.1.1k") && !is_called("zlib", "libssl.so.3"));
        assert_eq!(lookalikes("zlib"), ["zlib-ng"]);
    }

    #[test]
    fn the_table_is_sorted_and_whole() {
        let all: Vec<[&str; 4]> = rows(ROWS).collect();
        for pair in all.windows(2) {
            assert!(pair[0] < pair[1], "{:?} must stand before {:?}", pair[1], pair[0]);
        }
        for [name, kind, value, version] in &all {
            assert!(!name.is_empty() && !name.chars().any(|it| it.is_ascii_uppercase()), "{name}");
            let known =
                ["bare", "file", "not", "package", "release", "resource", "rpm", "soname", "symbol", "text"];
            assert!(known.contains(kind), "{name}: {kind}");
            let may_say = ["rpm", "text"].contains(kind);
            assert!(may_say || (*kind == "soname") != version.is_empty(), "{name}: {value}");
            if *kind == "text" {
                let pattern = Pattern::parse(value).unwrap_or_else(|| panic!("{name}: {value}"));
                // Short ones are found everywhere.
                assert!(pattern.needle().len() >= 5, "{name}: {value}");
            }
        }
        assert!(table().needles.is_some());
        let names: Vec<&str> = libraries().collect();
        assert!(names.is_sorted());
        for signature in &table().signatures {
            assert!(signature.not.iter().all(|other| names.contains(other)), "{}", signature.name);
        }
    }
}
