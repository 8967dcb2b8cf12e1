//! `weighbridge db import`: take over what the user has, without a network. Everything is read and judged before anything is
//! replaced, and whatever goes wrong, what was there before stays in use.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde::de::IgnoredAny;
use weighbridge_advisory::epss::Scores;
use weighbridge_advisory::{Builder, Index};
use weighbridge_core::context::Context;
use weighbridge_core::digest::{Digest, Hasher};
use weighbridge_net::feed::Store;
use weighbridge_net::feed::store::{self, Guard};

use super::update::{self, MOST_RECORD, MOST_RECORDS, implausible};
use crate::advisories::{self, EPSS, EXPLOITED};
use crate::args::Import;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::{Printer, printable};
use crate::setup::Setup;

/// Most bytes of one text, unpacked; four times all records of the largest ecosystem.
const MOST_TEXT: u64 = 8 << 30;

/// Largest document that is not one record a line.
const MOST_DOCUMENT: u64 = 64 << 20;

/// Most levels of folders.
const MOST_DEPTH: usize = 16;

/// Most notes about where a set comes from; each import in parts adds one.
const MOST_SOURCES: usize = 100;

/// Bytes by which the kinds of file are told apart.
const HEAD: usize = 16;

/// Runs the command.
pub(super) fn run(
    import: &Import,
    context: &Context,
    setup: &Setup,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let store = advisories::store(setup).ok_or_else(update::no_place)?;
    if let [file] = import.files.as_slice()
        && head(file)?.starts_with(b"WBADV")
    {
        return snapshot(file, import.force, &store, setup, printer);
    }
    let guard = store.lock()?;
    let mut taker = Taker {
        builder: Index::import_builder(),
        epss: None,
        exploited: None,
        sources: Vec::new(),
        source: String::new(),
        passed_over: 0,
        files: 0,
        guard: &guard,
        context,
    };
    for file in &import.files {
        let name = file.file_name().map_or_else(|| file.to_string_lossy(), |name| name.to_string_lossy());
        let part = if import.partial { ", a part" } else { "" };
        let digest = digest(file, 0)?;
        taker.source = format!("{}, SHA-256 {digest}, imported {}{part}", printable(&name), context.today);
        let before = taker.builder.held();
        taker.take(file, 0)?;
        if taker.builder.held() != before {
            taker.sources.push(taker.source.clone());
        }
    }
    let Taker { mut builder, epss, exploited, sources, passed_over, .. } = taker;
    if passed_over > 0 {
        printer.say(&format!("{passed_over} files of other kinds are passed over"));
    }
    tell_broken(&builder, printer);
    for (ecosystem, records) in builder.elsewhere() {
        printer.say(&format!(
            "{records} records about {} are passed over: no reader here knows its packages",
            printable(ecosystem)
        ));
    }
    if builder.is_empty() && epss.is_none() && exploited.is_none() {
        return Err(Failure::new(Exit::Incomplete, "there is nothing in it that can be used")
            .hint("`weighbridge db import --help` says what can be imported"));
    }
    let mut ready: Vec<(String, Vec<u8>, String)> = Vec::new();
    if !builder.is_empty() {
        let (records, broken) = (builder.len(), builder.broken().len());
        if !import.force && broken > records / 100 {
            return Err(implausible(format!("{broken} of {} records cannot be read", records + broken)));
        }
        let as_of = builder.newest(context.today).unwrap_or(context.today);
        builder.carry_over(&advisories::load(setup, printer)?.index);
        builder.carry_over(&advisories::embedded_libraries()?);
        for (name, index) in builder.finish_sets(as_of, &sources, !import.partial) {
            let index = placed(&store, &name, index, import)?;
            let bytes = index.to_bytes();
            if Index::from_bytes(&bytes).is_err() {
                return Err(implausible(format!("the records about {name} are too many")));
            }
            let told = format!("{name}: of {}, {} records", index.about().as_of, index.records_in_force());
            ready.push((name, bytes, told));
        }
    }
    if let Some(scores) = epss {
        let old = store.imported(EPSS)?.and_then(|bytes| Scores::from_bytes(&bytes).ok());
        if let Some(old) = old.filter(|old| !import.force && old.as_of() > scores.as_of()) {
            return Err(implausible(format!(
                "the scores are of {}, older than those of {} that are in use",
                scores.as_of(),
                old.as_of()
            )));
        }
        let told = format!("{EPSS}: of {}, {} scores", scores.as_of(), scores.len());
        ready.push((EPSS.to_owned(), scores.to_bytes(), told));
    }
    if let Some(catalogue) = exploited {
        let catalogue = placed(&store, EXPLOITED, catalogue, import)?;
        let (day, number) = (catalogue.about().as_of, catalogue.exploited_count());
        let told = format!("{EXPLOITED}: of {day}, {number} vulnerabilities known to be exploited");
        ready.push((EXPLOITED.to_owned(), catalogue.to_bytes(), told));
    }
    for (name, bytes, _) in &ready {
        guard.keep_imported(name, bytes)?;
    }
    printer.out(|out| ready.iter().try_for_each(|(_, _, told)| writeln!(out, "{told}")))?;
    Ok(Exit::Pass)
}

/// Takes over what `db export` wrote, in place of the fetched advisories.
fn snapshot(
    file: &Path,
    force: bool,
    store: &Store,
    setup: &Setup,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let bytes = store::read_file(file)?.unwrap_or_default();
    let index = Index::from_bytes(&bytes).map_err(|error| Failure::from((file, error)))?;
    let guard = store.lock()?;
    let present = advisories::load(setup, printer)?.index;
    if !force && index.about().as_of < present.about().as_of {
        return Err(implausible(format!(
            "the advisories in `{}` are of {}, older than those of {} that are in use",
            file.display(),
            index.about().as_of,
            present.about().as_of
        )));
    }
    if !force && index.advisories().len() < present.advisories().len() / 2 {
        return Err(implausible(format!(
            "`{}` holds {} records where there are {} in use",
            file.display(),
            index.advisories().len(),
            present.advisories().len()
        )));
    }
    guard.replace(&bytes)?;
    printer.say(&format!("took over the advisories of {}", index.about().as_of));
    Ok(Exit::Pass)
}

/// What shall be kept of a set: the new one, or with a part of one, both together. A new one that is older or far smaller than
/// the one that is there hides vulnerabilities.
fn placed(store: &Store, name: &str, new: Index, import: &Import) -> Result<Index, Failure> {
    let old = store.imported(name)?.and_then(|bytes| Index::from_bytes(&bytes).ok());
    let Some(old) = old else { return Ok(new) };
    if import.partial {
        let mut both = old.with(new);
        both.keep_sources(MOST_SOURCES);
        return Ok(both);
    }
    let size = |index: &Index| index.records_in_force().max(index.exploited_count());
    if !import.force && new.about().as_of < old.about().as_of {
        return Err(implausible(format!(
            "what it says about {name} is of {}, older than what is in use, of {}",
            new.about().as_of,
            old.about().as_of
        )));
    }
    if !import.force && size(&new) < size(&old) / 2 {
        let message = format!("it holds {} records about {name} where there are {}", size(&new), size(&old));
        return Err(implausible(message).hint("a part that shall be added is imported with `--partial`"));
    }
    Ok(new)
}

fn tell_broken(builder: &Builder, printer: &Printer) {
    for (name, why) in builder.broken().iter().take(5) {
        printer.warn(&format!("`{}` is left out: {}", printable(name), printable(why)));
    }
    let broken = builder.broken().len();
    if broken > 0 {
        printer.warn(&format!("{broken} records cannot be read and are left out"));
    }
}

/// Collects what the files hold.
struct Taker<'a> {
    builder: Builder,
    epss: Option<Scores>,
    exploited: Option<Index>,
    /// Where the records come from.
    sources: Vec<String>,
    /// What to say of the file at hand.
    source: String,
    /// Files in folders whose name says that they hold something else.
    passed_over: u64,
    /// Files so far.
    files: u64,
    guard: &'a Guard,
    context: &'a Context,
}

impl Taker<'_> {
    fn take(&mut self, path: &Path, depth: usize) -> Result<(), Failure> {
        let unreadable = |error: io::Error| Failure::unreadable(path, &error);
        if self.context.cancel.is_cancelled() {
            return Err(Failure::new(Exit::Interrupted, "interrupted"));
        }
        if path.is_dir() {
            return self.take_folder(path, depth);
        }
        self.files = self.files.saturating_add(1);
        if self.files > MOST_RECORDS {
            return Err(implausible(format!("there are more than {MOST_RECORDS} files")));
        }
        let mut file = File::open(path).map_err(unreadable)?;
        let name = path.display().to_string();
        match head(path)? {
            head if head.starts_with(b"PK") => {
                let unsound = update::read_records(file, &mut self.builder, self.context)?;
                match unsound.first() {
                    Some(first) => Err(implausible(format!("`{name}` is not sound: {first}"))),
                    None => Ok(()),
                }
            }
            head if head.starts_with(b"WBADV") => Err(Failure::usage(format!(
                "`{name}` was written by `db export` and takes the place of everything: import it alone"
            ))),
            head if head.starts_with(&[0x1f, 0x8b]) => {
                self.take_text(BufReader::new(Capped::new(MultiGzDecoder::new(file))), path)
            }
            head if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) => {
                let mut unpacked = self.guard.scratch()?;
                unpack_zstd(&mut file, &mut unpacked).map_err(unreadable)?;
                self.take_text(BufReader::new(unpacked), path)
            }
            _ => self.take_text(BufReader::new(Capped::new(file)), path),
        }
    }

    /// Every file below a folder whose name says that it may hold records, in the order of names. Links to folders are not
    /// followed, since they may lead anywhere.
    fn take_folder(&mut self, folder: &Path, depth: usize) -> Result<(), Failure> {
        if depth > MOST_DEPTH {
            return Err(implausible(format!("`{}` lies too deep", folder.display())));
        }
        for path in entries(folder)? {
            if path.is_dir() {
                self.take_folder(&path, depth + 1)?;
            } else if holds_records(&path) {
                self.take(&path, depth + 1)?;
            } else {
                self.passed_over = self.passed_over.saturating_add(1);
            }
        }
        Ok(())
    }

    fn take_text(&mut self, mut text: impl BufRead, path: &Path) -> Result<(), Failure> {
        let unreadable = |error: io::Error| Failure::unreadable(path, &error);
        let name = path.display().to_string();
        let beginning = text.fill_buf().map_err(unreadable)?;
        if Scores::begins(beginning) {
            let scores = Scores::from_csv(text, self.source.clone()).map_err(|error| {
                Failure::new(Exit::Incomplete, format!("cannot use `{name}`")).because(&error)
            })?;
            self.epss = Some(scores);
            return Ok(());
        }
        if !beginning.trim_ascii_start().starts_with(b"{") {
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "cannot use `{name}`: it holds neither OSV records, nor EPSS scores, nor a catalogue of \
                         exploited vulnerabilities, nor advisories that `db export` wrote"
                ),
            )
            .hint("`weighbridge db import --help` says what can be imported"));
        }
        let mut number = 0u64;
        let mut line = Vec::new();
        loop {
            line.clear();
            let count = (&mut text).take(MOST_RECORD + 1).read_until(b'\n', &mut line).map_err(unreadable)?;
            if count == 0 {
                return Ok(());
            }
            number = number.saturating_add(1);
            if line.trim_ascii().is_empty() {
                continue;
            }
            let whole = serde_json::from_slice::<IgnoredAny>(&line).is_ok();
            if number == 1 && !whole {
                // Not a record a line, so one document.
                (&mut text).take(MOST_DOCUMENT).read_to_end(&mut line).map_err(unreadable)?;
                return self.document(&line, &name);
            }
            self.document(&line, &format!("{name}:{number}"))?;
            if self.context.cancel.is_cancelled() {
                return Err(Failure::new(Exit::Interrupted, "interrupted"));
            }
        }
    }

    /// A record, or a catalogue of exploited vulnerabilities.
    fn document(&mut self, json: &[u8], name: &str) -> Result<(), Failure> {
        #[derive(Deserialize)]
        struct Shape {
            id: Option<IgnoredAny>,
            vulnerabilities: Option<IgnoredAny>,
        }
        let shape = serde_json::from_slice::<Shape>(json);
        if shape.is_ok_and(|shape| shape.id.is_none() && shape.vulnerabilities.is_some()) {
            let catalogue = Index::of_exploited(json, vec![self.source.clone()]).map_err(|error| {
                Failure::new(Exit::Incomplete, format!("cannot use `{name}`")).because(&error)
            })?;
            self.exploited = Some(catalogue);
            return Ok(());
        }
        self.builder.add_osv(name, json);
        update::bounded(&self.builder)
    }
}

/// Whether a file in a folder may hold records, by its name.
fn holds_records(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let plain = name.trim_end_matches(".gz").trim_end_matches(".zst");
    [".json", ".jsonl", ".ndjson", ".zip"].iter().any(|suffix| plain.ends_with(suffix))
}

/// What lies in a folder, in the order of names, without links to folders.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: io::Error| Failure::unreadable(folder, &error);
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        if entry.file_type().map_err(unreadable)?.is_symlink() && path.is_dir() {
            continue;
        }
        paths.insert(path);
    }
    Ok(paths.into_iter().collect())
}

/// The digest of a file; of a folder that of the names and digests in it.
fn digest(path: &Path, depth: usize) -> Result<Digest, Failure> {
    let unreadable = |error: io::Error| Failure::unreadable(path, &error);
    let mut hasher = Hasher::default();
    if path.is_dir() {
        let depth = if depth > MOST_DEPTH { return Ok(hasher.finish()) } else { depth + 1 };
        for entry in entries(path)? {
            if entry.is_dir() || holds_records(&entry) {
                hasher.update(entry.file_name().unwrap_or_default().as_encoded_bytes());
                hasher.update(digest(&entry, depth)?.as_bytes());
            }
        }
        return Ok(hasher.finish());
    }
    let mut file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::usage(format!("`{}` does not exist", path.display())),
        _ => unreadable(error),
    })?;
    let mut piece = vec![0; 64 << 10];
    loop {
        let count = file.read(&mut piece).map_err(unreadable)?;
        if count == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(piece.get(..count).unwrap_or_default());
    }
}

/// The first bytes of a file; none of a folder.
fn head(path: &Path) -> Result<Vec<u8>, Failure> {
    if path.is_dir() {
        return Ok(Vec::new());
    }
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::usage(format!("`{}` does not exist", path.display())),
        _ => Failure::unreadable(path, &error),
    })?;
    let mut head = Vec::new();
    let most = u64::try_from(HEAD).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut head).map_err(|error| Failure::unreadable(path, &error))?;
    Ok(head)
}

/// Unpacks every frame of a file packed by Zstandard, and goes back to the beginning of what came out.
fn unpack_zstd(packed: &mut File, unpacked: &mut File) -> io::Result<()> {
    let mut packed = BufReader::new(packed);
    let mut left = MOST_TEXT;
    while !packed.fill_buf()?.is_empty() {
        let frame = ruzstd::decoding::StreamingDecoder::new(&mut packed).map_err(io::Error::other)?;
        let count = io::copy(&mut frame.take(left.saturating_add(1)), unpacked)?;
        left = left.checked_sub(count).ok_or_else(too_long)?;
    }
    unpacked.seek(SeekFrom::Start(0)).map(drop)
}

fn too_long() -> io::Error {
    io::Error::other(format!("it has more than {MOST_TEXT} bytes"))
}

/// Ends in an error, and not in silence, where more than [`MOST_TEXT`] bytes come.
struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R> Capped<R> {
    fn new(inner: R) -> Self {
        Self { inner, left: MOST_TEXT }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let taken = u64::try_from(count).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(taken).ok_or_else(too_long)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_is_an_error() {
        let mut capped = Capped { inner: io::repeat(b'x'), left: 10 };
        let mut text = Vec::new();
        let error = capped.by_ref().take(100).read_to_end(&mut text).unwrap_err();
        assert!(error.to_string().contains("more than"), "{error}");
    }

    #[test]
    fn names_say_what_may_hold_records() {
        for (name, holds) in [
            ("a.json", true),
            ("a/B.JSONL.zst", true),
            ("all.zip", true),
            ("x.ndjson.gz", true),
            ("README.md", false),
            ("json", false),
            ("a.yaml", false),
        ] {
            assert_eq!(holds_records(Path::new(name)), holds, "{name}");
        }
    }
}
