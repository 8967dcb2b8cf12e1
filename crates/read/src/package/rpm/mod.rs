//! The database of RPM: a file of one of three kinds that holds a header for each installed package.
//!
//! [`sqlite`] (since RPM 4.16), [`ndb`] (SUSE) and [`berkeley`] (before 4.16) find the headers, [`header`] says what is in one.
//! What a file claims is never believed: no page and no byte is read twice, so that the work is bounded by the size of the file,
//! and memory by one header. What cannot be read is told with its place, and the rest is read.
//!
//! Sources: rpm's documentation (*Package format*, *Database*, tags), and for each kind the one named there.

mod berkeley;
mod header;
mod ndb;
mod pages;
mod sqlite;

use std::collections::BTreeSet;

use weighbridge_core::coverage::Unread;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Built, SystemOwned, SystemPackage, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::notes::Notes;
use super::system::{ends, is_version, metadata_of};
use super::text::printable;
use header::{Header, Tag, Wrong};

/// Longest header, in bytes: rpm reads none whose store is longer than this.
const MOST_HEADER: u64 = 256 << 20;

/// Most bytes of paths of Python's metadata that are kept of one database: every path may repeat a long folder, so that a small
/// header could stand for very many.
const MOST_METADATA: usize = 16 << 20;

/// Longest path (`PATH_MAX` of Linux), in bytes.
const MOST_PATH: usize = 4096;

/// Longest licence that is kept, in bytes.
const MOST_LICENCE: usize = 1024;

/// Where RPM keeps its database, by the kinds of its versions; the last is that of systems whose `/usr` is an image.
const DATABASES: &[&str] = &[
    "var/lib/rpm/Packages",
    "var/lib/rpm/Packages.db",
    "var/lib/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/Packages",
    "usr/lib/sysimage/rpm/Packages.db",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "usr/share/rpm/Packages",
    "usr/share/rpm/rpmdb.sqlite",
];

/// What SQLite calls the changes that are not in the database yet, or not out of it again (*Write-Ahead Logging*, *Atomic
/// commit*).
const LOGS: [&str; 2] = [".sqlite-wal", ".sqlite-journal"];

/// Reads the database of RPM.
pub struct RpmDatabaseReader;

impl Reader for RpmDatabaseReader {
    fn about(&self) -> &'static About {
        &About {
            id: "rpm-database",
            title: "packages of Red Hat, SUSE and their descendants",
            family: Family::Package,
            names: DATABASES,
            reads: "installed packages with version, source, vendor, module and licence (SQLite, ndb, Berkeley DB), and which of them \
                    own metadata of Python packages; not read and told: changes that are only in a log of SQLite, headers of more \
                    than 256 MiB; left out: the keys that RPM keeps among its packages (`gpg-pubkey`)",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let known = if is_log(hint.path) { hint.size > 0 } else { is_database(hint.path) };
        if known { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let path = sink.place().inner.last().unwrap_or(&sink.place().path);
        if is_log(path) {
            return Err(Unread::Unsupported("a log of changes to the database of RPM".to_owned()));
        }
        let mut found = Found { notes: Notes::manifest(sink), metadata: 0 };
        if sqlite::is(input)? {
            sqlite::read(input, &mut found)
        } else if ndb::is(input)? {
            ndb::read(input, &mut found)
        } else if let Some(order) = berkeley::order(input)? {
            berkeley::read(input, order, &mut found)
        } else {
            Err(Unread::Malformed("it is none of the databases that RPM writes".to_owned()))
        }
    }
}

fn is_database(path: &str) -> bool {
    DATABASES.iter().any(|name| ends(path, name))
}

fn is_log(path: &str) -> bool {
    let database = LOGS.iter().find_map(|ending| path.strip_suffix(ending));
    database.is_some_and(|path| is_database(&format!("{path}.sqlite")))
}

/// The most bytes that one header may take.
fn most_header(input: &Input) -> u64 {
    MOST_HEADER.min(input.limits().state_bytes)
}

fn malformed(reason: impl Into<String>) -> Unread {
    Unread::Malformed(reason.into())
}

/// Takes what is found in a database.
struct Found<'sink> {
    notes: Notes<'sink>,
    /// Bytes of paths told so far.
    metadata: usize,
}

impl Found<'_> {
    /// Whether there is room for more.
    fn is_full(&self) -> bool {
        self.notes.sink.is_full()
    }

    /// What was read at an offset; none, and told, where the file is to blame.
    fn part<T>(&mut self, at: u64, read: Result<T, Unread>) -> Result<Option<T>, Unread> {
        match read {
            Ok(part) => Ok(Some(part)),
            Err(reason @ (Unread::Malformed(_) | Unread::Truncated { .. } | Unread::Limit(..))) => {
                self.notes.unread(reason, Some(Span::Offset(at)));
                Ok(None)
            }
            Err(reason) => Err(reason),
        }
    }

    /// Tells of the package that a header at an offset describes.
    fn header(&mut self, at: u64, blob: &[u8]) {
        let span = Some(Span::Offset(at));
        let header = match Header::parse(blob) {
            Ok(header) => header,
            Err(reason) => return self.notes.lost(reason, span),
        };
        // A key with which packages are signed; it has no architecture, which every package has.
        if header.text(Tag::Name) == Ok(Some("gpg-pubkey")) && header.text(Tag::Arch) == Ok(None) {
            return;
        }
        let Some((name, version)) = identity(&header) else {
            return self.notes.lost("a package without a name or a version that can be read", span);
        };
        let mut owned = BTreeSet::new();
        if self.files(&header, &mut owned) != Ok(true) {
            self.notes.lost(format!("not all of the files of `{name}` can be read"), span.clone());
        }
        if !owned.is_empty() {
            let metadata = owned.into_iter().collect();
            let owned = SystemOwned { ecosystem: Ecosystem::Rpm, package: name.clone(), metadata };
            self.notes.sink.observed(What::SystemOwned(owned), span.clone());
        }
        let mut text = |tag| match header.text(tag) {
            Ok(text) => text.filter(|text| !text.is_empty() && *text != "(none)"),
            Err(reason) => {
                self.notes.malformed(format!("`{name}`: {reason}"), span.clone());
                None
            }
        };
        let built = Built {
            architecture: text(Tag::Arch).filter(|it| is_version(it)).map(str::to_owned),
            vendor: text(Tag::Vendor).map(|it| printable(it, MOST_LICENCE)),
            // `NAME:STREAM:VERSION:CONTEXT`, of which the first two are what somebody chose.
            module: text(Tag::ModularityLabel).and_then(|label| {
                let module: Vec<&str> = label.split(':').take(2).collect();
                Some(module.join(":")).filter(|it| is_version(it))
            }),
            licence: text(Tag::License).map(|it| printable(it, MOST_LICENCE)),
        };
        let source = text(Tag::SourceRpm).and_then(|file| source(file, &version));
        let package = SystemPackage { ecosystem: Ecosystem::Rpm, name, version, source, built };
        self.notes.sink.observed(What::SystemPackage(Box::new(package)), span);
    }

    /// Keeps the metadata of Python packages that are among the files of a package. Whether all fit.
    fn files(&mut self, header: &Header<'_>, owned: &mut BTreeSet<String>) -> Result<bool, Wrong> {
        let files = header.files()?;
        let folders = files.folders.clone();
        let mut whole = folders.iter().all(|folder| self.keep(owned, &[folder]));
        whole &= files.each(|folder, name| {
            let folder = folders.get(folder).copied().unwrap_or_default();
            // What lies in a folder of metadata says nothing more. The oldest lists have whole paths for names.
            !(folder.is_empty() || name.ends_with(b"-info")) || self.keep(owned, &[folder, name])
        })?;
        Ok(whole)
    }

    /// Keeps the metadata in a path, if there is any; false where it does not fit.
    fn keep(&mut self, owned: &mut BTreeSet<String>, path: &[&[u8]]) -> bool {
        if path.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len())) > MOST_PATH {
            return false;
        }
        let path = String::from_utf8_lossy(&path.concat()).into_owned();
        let Some(metadata) = metadata_of(&path) else { return true };
        self.metadata = self.metadata.saturating_add(metadata.len());
        let fits = self.metadata <= MOST_METADATA;
        if fits {
            owned.insert(metadata.to_owned());
        }
        fits
    }
}

/// The name, and `[EPOCH:]VERSION-RELEASE`.
fn identity(header: &Header<'_>) -> Option<(PackageName, String)> {
    let text = |tag| header.text(tag).ok().flatten().filter(|text| is_version(text));
    let name = PackageName::of(Ecosystem::Rpm, header.text(Tag::Name).ok()??).ok()?;
    let (version, release) = (text(Tag::Version)?, text(Tag::Release)?);
    Some((
        name,
        match header.number(Tag::Epoch).ok()? {
            Some(epoch) if epoch != 0 => format!("{epoch}:{version}-{release}"),
            _ => format!("{version}-{release}"),
        },
    ))
}

/// Name and version of the package in the name of a source package (`NAME-VERSION-RELEASE.src.rpm`). Its epoch is not in there:
/// where the version is that of the package built from it, the epoch is, too.
fn source(file: &str, built: &str) -> Option<(PackageName, String)> {
    let stem = file.strip_suffix(".rpm")?;
    let stem = stem.strip_suffix(".nosrc").or_else(|| stem.strip_suffix(".src"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let version = format!("{version}-{release}");
    let own = built.split_once(':').map_or(built, |(_, rest)| rest);
    let version = if version == own { built.to_owned() } else { version };
    let name = PackageName::of(Ecosystem::Rpm, name).ok()?;
    is_version(&version).then_some((name, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_any_root() {
        for (path, database, log) in [
            ("var/lib/rpm/rpmdb.sqlite", true, false),
            ("root/usr/lib/sysimage/rpm/Packages.db", true, false),
            ("usr/share/rpm/rpmdb.sqlite-wal", false, true),
            ("var/lib/rpm/rpmdb.sqlite-shm", false, false),
            ("my/rpmdb.sqlite-wal", false, false),
            ("var/lib/rpm/Basenames", false, false),
        ] {
            assert_eq!((is_database(path), is_log(path)), (database, log), "{path}");
        }
    }

    #[test]
    fn sources_are_in_their_file_names() {
        for (file, built, expected) in [
            ("glibc-2.34-83.el9.src.rpm", "2.34-83.el9", "glibc 2.34-83.el9"),
            ("openssl-3.0.7-24.el9.src.rpm", "1:3.0.7-24.el9", "openssl 1:3.0.7-24.el9"),
            ("perl-5.32-1.el9.src.rpm", "4:5.10-1.el9", "perl 5.32-1.el9"),
            ("a-b-1-2.nosrc.rpm", "1-2", "a-b 1-2"),
            ("a-1.src.rpm", "1-1", "-"),
            ("a-1-1.x86_64.rpm", "1-1", "-"),
            ("", "1-1", "-"),
        ] {
            let told =
                source(file, built).map_or("-".to_owned(), |(name, version)| format!("{name} {version}"));
            assert_eq!(told, expected, "{file}");
        }
    }
}
