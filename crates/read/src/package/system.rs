//! What the operating system says of its own packages: the databases of dpkg and of apk, and `os-release`. That of RPM has
//! a module of its own, [`rpm`](super::rpm).
//!
//! Sources: deb-control(5), dpkg-query(1) (*package status*), Debian Policy 5.6.1 (`Source`), the apk database format
//! (apk-tools, `apk_db.c`: `P`, `V`, `o`, `F`, `R`), os-release(5).

use std::collections::BTreeSet;

use weighbridge_core::coverage::Unread;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Built, OperatingSystem, SystemOwned, SystemPackage, What};
use weighbridge_core::input::Input;
use weighbridge_core::name::PackageName;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::notes::Notes;
use super::text::{RawLine, RawLines, line_span, quoted};

/// Longest line of which more than the beginning matters, in bytes: paths have at most 4096.
const MOST_LINE: usize = 8 << 10;

/// Longest version and value of `os-release`, in bytes.
const MOST_VALUE: usize = 256;

/// Reads what dpkg knows: `status`, the files of `status.d`, and which package owns metadata of Python packages.
pub struct DpkgReader;

/// Reads the database of apk.
pub struct ApkReader;

/// Reads `os-release`.
pub struct OsReleaseReader;

/// Whether a path is this one, at the top or below any folder.
pub(super) fn ends(path: &str, wanted: &str) -> bool {
    path.strip_suffix(wanted).is_some_and(|above| above.is_empty() || above.ends_with('/'))
}

/// What lies in the folder `wanted` (`a/b/`) of any root, by its name.
fn lies_in<'p>(path: &'p str, wanted: &str) -> Option<&'p str> {
    let (folder, name) = path.split_at_checked(path.rfind('/')?.checked_add(1)?)?;
    ends(folder, wanted).then_some(name)
}

/// What a file of dpkg is.
enum Dpkg<'p> {
    /// Paragraphs about packages.
    Status,
    /// The paths of a package.
    List(&'p str),
    /// Digests and paths of a package.
    Digests(&'p str),
}

fn dpkg(path: &str) -> Option<Dpkg<'_>> {
    if ends(path, "var/lib/dpkg/status") {
        return Some(Dpkg::Status);
    }
    if let Some(name) = lies_in(path, "var/lib/dpkg/info/") {
        return name.strip_suffix(".list").map(|package| Dpkg::List(without_architecture(package)));
    }
    // Images without a shell have one file a package here.
    let name = lies_in(path, "var/lib/dpkg/status.d/")?;
    Some(name.strip_suffix(".md5sums").map_or(Dpkg::Status, |it| Dpkg::Digests(without_architecture(it))))
}

/// `libc6` of `libc6:amd64`.
fn without_architecture(package: &str) -> &str {
    package.split(':').next().unwrap_or(package)
}

impl Reader for DpkgReader {
    fn about(&self) -> &'static About {
        &About {
            id: "dpkg",
            title: "packages of Debian and its descendants",
            family: Family::Package,
            names: &["var/lib/dpkg/status", "var/lib/dpkg/status.d/*", "var/lib/dpkg/info/*.list"],
            reads: "installed packages with version and source, and which of them own metadata of Python packages",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if dpkg(hint.path).is_some() { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let path = sink.place().inner.last().cloned().unwrap_or_else(|| sink.place().path.clone());
        match dpkg(&path) {
            Some(Dpkg::List(package)) => owned(input, sink, package, |line| Some(line)),
            Some(Dpkg::Digests(package)) => {
                owned(input, sink, package, |line| Some(line.split_once("  ")?.1))
            }
            Some(Dpkg::Status) | None => status(input, sink),
        }
    }
}

/// Tells which folders or files of metadata of Python packages are among the paths of a package.
fn owned(
    input: &Input,
    sink: &mut Sink,
    package: &str,
    path: impl for<'l> Fn(&'l str) -> Option<&'l str>,
) -> Result<(), Unread> {
    let Ok(package) = PackageName::of(Ecosystem::Deb, package) else {
        return Err(Unread::Malformed("its name is that of no package".to_owned()));
    };
    let mut metadata = BTreeSet::new();
    let mut lines = RawLines::new(input);
    while let Some(line) = lines.next(MOST_LINE)? {
        let text = String::from_utf8_lossy(&line.bytes);
        if let Some(found) = path(text.trim_end()).and_then(metadata_of) {
            metadata.insert(found.to_owned());
        }
    }
    if !metadata.is_empty() {
        let metadata = metadata.into_iter().collect();
        sink.observed(What::SystemOwned(SystemOwned { ecosystem: Ecosystem::Deb, package, metadata }), None);
    }
    Ok(())
}

/// The `*.dist-info` or `*.egg-info` in a path, from the root.
pub(super) fn metadata_of(path: &str) -> Option<&str> {
    let path = path.trim_start_matches("./").trim_start_matches('/');
    let mut end = 0usize;
    for name in path.split('/') {
        end = end.checked_add(name.len())?;
        if name.ends_with(".dist-info") || name.ends_with(".egg-info") {
            return path.get(..end);
        }
        end = end.checked_add(1)?;
    }
    None
}

/// A paragraph as far as it matters.
#[derive(Default)]
struct Paragraph {
    /// The line with the name.
    line: usize,
    name: Option<String>,
    version: Option<String>,
    source: Option<String>,
    /// The third word of `Status`.
    state: Option<String>,
    /// Any field at all.
    any: bool,
}

/// Paragraphs of `Field: value`, parted by empty lines.
fn status(input: &Input, sink: &mut Sink) -> Result<(), Unread> {
    let mut notes = Notes::manifest(sink);
    let mut lines = RawLines::new(input);
    let mut paragraph = Paragraph::default();
    while let Some(line) = lines.next(MOST_LINE)? {
        let text = String::from_utf8_lossy(&line.bytes);
        let text = text.trim_end();
        if text.is_empty() {
            installed(std::mem::take(&mut paragraph), line.number, &mut notes);
            continue;
        }
        if text.starts_with([' ', '\t']) {
            continue;
        }
        let Some((field, value)) = text.split_once(':') else {
            notes.lost(format!("no `Field: value`: `{}`", quoted(text)), line_span(line.number));
            continue;
        };
        paragraph.any = true;
        let value = || Some(value.trim().to_owned());
        match field.to_ascii_lowercase().as_str() {
            "package" => (paragraph.name, paragraph.line) = (value(), line.number),
            "version" => paragraph.version = value(),
            "source" => paragraph.source = value(),
            "status" => paragraph.state = value().and_then(|it| it.split(' ').next_back().map(str::to_owned)),
            _ => {}
        }
        if notes.sink.is_full() {
            break;
        }
    }
    installed(paragraph, 0, &mut notes);
    Ok(())
}

/// Tells of a package, if it is there.
fn installed(paragraph: Paragraph, end: usize, notes: &mut Notes<'_>) {
    let Paragraph { line, name, version, source, state, any } = paragraph;
    // Of what was removed only its configuration is left.
    if !any || matches!(state.as_deref(), Some("config-files" | "not-installed")) {
        return;
    }
    let at = if line == 0 { end } else { line };
    let named = name.as_deref().and_then(|name| PackageName::of(Ecosystem::Deb, name).ok());
    let (Some(name), Some(version)) = (named, version.filter(|it| is_version(it))) else {
        notes
            .lost("a package without a name or a version that can be read", line_span(at).filter(|_| at > 0));
        return;
    };
    // `Source: glibc`, or `Source: gcc-12 (12.2.0-14)` where the version is another one.
    let source = source.and_then(|source| {
        let (of, stated) = match source.split_once(' ') {
            Some((of, stated)) => (of, stated.trim().strip_prefix('(')?.strip_suffix(')')?.to_owned()),
            None => (source.as_str(), version.clone()),
        };
        let of = PackageName::of(Ecosystem::Deb, of).ok()?;
        is_version(&stated).then_some((of, stated))
    });
    let package = SystemPackage { ecosystem: Ecosystem::Deb, name, version, source, built: Built::default() };
    notes.sink.observed(What::SystemPackage(Box::new(package)), line_span(at));
}

pub(super) fn is_version(text: &str) -> bool {
    !text.is_empty() && text.len() <= MOST_VALUE && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Reader for ApkReader {
    fn about(&self) -> &'static About {
        &About {
            id: "apk-database",
            title: "packages of Alpine and its descendants",
            family: Family::Package,
            names: &["lib/apk/db/installed"],
            reads: "installed packages with version and origin, and which of them own metadata of Python packages",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        if ends(hint.path, "lib/apk/db/installed") { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut notes = Notes::manifest(sink);
        let mut lines = RawLines::new(input);
        let mut found = Apk::default();
        while let Some(line) = lines.next(MOST_LINE)? {
            found.take(&line, &mut notes);
            if notes.sink.is_full() {
                break;
            }
        }
        found.tell(&mut notes);
        Ok(())
    }
}

/// A package of apk's database as far as it was read.
#[derive(Default)]
struct Apk {
    line: usize,
    name: Option<String>,
    version: Option<String>,
    origin: Option<String>,
    folder: String,
    metadata: BTreeSet<String>,
    any: bool,
}

impl Apk {
    fn take(&mut self, line: &RawLine, notes: &mut Notes<'_>) {
        let text = String::from_utf8_lossy(&line.bytes);
        let text = text.trim_end();
        if text.is_empty() {
            return std::mem::take(self).tell(notes);
        }
        let Some((field, value)) = text.split_once(':') else {
            notes.lost(format!("no `F:value`: `{}`", quoted(text)), line_span(line.number));
            return;
        };
        if !self.any {
            (self.any, self.line) = (true, line.number);
        }
        let owned = || Some(value.to_owned());
        match field {
            "P" => self.name = owned(),
            "V" => self.version = owned(),
            "o" => self.origin = owned(),
            "F" => {
                value.clone_into(&mut self.folder);
                self.metadata.extend(metadata_of(value).map(str::to_owned));
            }
            "R" if value.ends_with(".egg-info") => {
                self.metadata.insert(format!("{}/{value}", self.folder));
            }
            _ => {}
        }
    }

    fn tell(self, notes: &mut Notes<'_>) {
        if !self.any {
            return;
        }
        let span = line_span(self.line);
        let of = |text: Option<String>| PackageName::of(Ecosystem::Apk, &text?).ok();
        let (Some(name), Some(version)) = (of(self.name), self.version.filter(|it| is_version(it))) else {
            notes.lost("a package without a name or a version that can be read", span);
            return;
        };
        if !self.metadata.is_empty() {
            let metadata = self.metadata.into_iter().collect();
            let owned = SystemOwned { ecosystem: Ecosystem::Apk, package: name.clone(), metadata };
            notes.sink.observed(What::SystemOwned(owned), span.clone());
        }
        let source = of(self.origin).map(|origin| (origin, version.clone()));
        let package =
            SystemPackage { ecosystem: Ecosystem::Apk, name, version, source, built: Built::default() };
        notes.sink.observed(What::SystemPackage(Box::new(package)), span);
    }
}

impl Reader for OsReleaseReader {
    fn about(&self) -> &'static About {
        &About {
            id: "os-release",
            title: "release of the operating system",
            family: Family::Package,
            names: &["etc/os-release", "usr/lib/os-release"],
            reads: "which distribution it is, and which release of it",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let known = self.about().names.iter().any(|name| ends(hint.path, name));
        if known { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let mut notes = Notes::metadata(sink);
        let mut lines = RawLines::new(input);
        let (mut id, mut version) = (None, None);
        while let Some(line) = lines.next(MOST_LINE)? {
            let text = String::from_utf8_lossy(&line.bytes);
            let Some((key, value)) = text.trim().split_once('=') else { continue };
            let value = value.trim_matches(['"', '\'']);
            let fits = |allowed: &str| {
                let plain = |byte: u8| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || allowed.as_bytes().contains(&byte)
                };
                !value.is_empty() && value.len() <= MOST_VALUE && value.bytes().all(plain)
            };
            let kept = match key {
                "ID" => &mut id,
                "VERSION_ID" => &mut version,
                _ => continue,
            };
            if fits("._-") {
                *kept = Some(value.to_owned());
            } else {
                notes.malformed(format!("`{key}` is `{}`", quoted(value)), line_span(line.number));
            }
        }
        // os-release(5): without an id it is some Linux.
        let id = id.unwrap_or_else(|| "linux".to_owned());
        notes.sink.observed(What::OperatingSystem(OperatingSystem { id, version }), None);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_any_root() {
        for (path, yes) in [
            ("var/lib/dpkg/status", true),
            ("rootfs/var/lib/dpkg/status", true),
            ("myvar/lib/dpkg/status", false),
            ("var/lib/dpkg/status-old", false),
            ("var/lib/dpkg/status.d/base", true),
            ("var/lib/dpkg/status.d/base.md5sums", true),
            ("var/lib/dpkg/info/libc6:amd64.list", true),
            ("var/lib/dpkg/info/libc6:amd64.md5sums", false),
            ("var/lib/dpkg/info/deep/a.list", false),
            ("a.list", false),
        ] {
            assert_eq!(dpkg(path).is_some(), yes, "{path}");
        }
    }

    #[test]
    fn metadata_is_found_in_paths() {
        for (path, expected) in [
            (
                "/usr/lib/python3/dist-packages/a-1.dist-info/METADATA",
                Some("usr/lib/python3/dist-packages/a-1.dist-info"),
            ),
            (
                "/usr/lib/python3/dist-packages/a-1.egg-info",
                Some("usr/lib/python3/dist-packages/a-1.egg-info"),
            ),
            ("./usr/a.dist-info/x/b.dist-info", Some("usr/a.dist-info")),
            ("/usr/lib/python3/dist-packages/a/dist-info", None),
            ("", None),
            ("/", None),
        ] {
            assert_eq!(metadata_of(path), expected, "{path}");
        }
    }
}
