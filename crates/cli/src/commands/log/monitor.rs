//! `log monitor`: what is new in a log since the last look.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use weighbridge_core::date::Date;
use weighbridge_core::digest::Digest;
use weighbridge_core::lock::Identity;
use weighbridge_net::feed::atomic::replace_file;
use weighbridge_trust::log::{Checkpoint, Record, Tile, VerifierKey, WIDTH, leaf};
use weighbridge_trust::{PublicKey, chain};

use super::files::Files;
use super::{count, in_one_line, verifier_key};
use crate::commands::signing::key::failed;
use crate::commands::signing::text;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::log_args::LogMonitor;
use crate::printer::{Printer, printable};

/// Subjects of one entry that are named.
const MOST_SUBJECTS: usize = 4;

/// Runs the command.
pub(super) fn run(monitor: &LogMonitor, printer: &Printer) -> Result<Exit, Failure> {
    let key = verifier_key(&monitor.key)?;
    let expected = monitor.expect.iter().map(|typed| expected(typed)).collect::<Result<Vec<_>, _>>()?;
    let before = last_look(&monitor.state, &key)?;
    let files = Files::new(&monitor.folder);
    let note = files.checkpoint()?;
    let head = Checkpoint::open(&note, &key).map_err(|error| {
        Failure::new(Exit::Fail, format!("`{}` cannot be believed", monitor.folder.display())).because(&error)
    })?;
    let new = since(&files, before, head, monitor)?;
    let mut told = String::new();
    let (mut concerned, mut unexpected) = (0u64, 0u64);
    for (index, record) in &new {
        let is_expected = expected.iter().any(|expected| expected.is(&record.signer));
        concerned = concerned.saturating_add(1);
        unexpected = unexpected.saturating_add(u64::from(!is_expected));
        one(&mut told, *index, record, is_expected);
    }
    let since = before.map_or(0, |before| before.size);
    let grown = head.size.saturating_sub(since);
    let what = if grown == 0 { "nothing new".to_owned() } else { count(grown, "new entry") };
    let mut text = format!("{}  {what} in `{}`", monitor.folder.display(), key.name());
    // Writing to a string cannot fail.
    let _ = match concerned {
        _ if grown == 0 => writeln!(text, ", which has {}", count(head.size, "entry")),
        0 => writeln!(text, ", none of them watched"),
        _ => {
            let watched =
                if monitor.watch.is_empty() { String::new() } else { format!(", {concerned} watched") };
            let verdict =
                if unexpected > 0 { format!("{unexpected} NOT EXPECTED") } else { "all expected".to_owned() };
            writeln!(text, "{watched}, {verdict}")
        }
    };
    let text = printable(&(text + &told));
    printer.out(|out| out.write_all(text.as_bytes()))?;
    // Only what was told is not told again.
    replace_file(&monitor.state, |out| out.write_all(&note))
        .map_err(|error| Failure::unwritten(&format!("`{}`", monitor.state.display()), &error))?;
    Ok(if unexpected > 0 { Exit::Fail } else { Exit::Pass })
}

/// The checkpoint of the last look; none at the first.
fn last_look(path: &Path, key: &VerifierKey) -> Result<Option<Checkpoint>, Failure> {
    let note = match std::fs::read(path) {
        Ok(note) => note,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::unreadable(path, &error)),
    };
    Checkpoint::open(&note, key).map(Some).map_err(|error| {
        Failure::usage(format!("`{}` is not the state of this log", path.display())).because(&error).hint(
            "each log has a state of its own; without that file the log is looked at from its beginning",
        )
    })
}

/// The entries since the last look that are watched, once it is proved that the log is the same but for them.
fn since(
    files: &Files,
    before: Option<Checkpoint>,
    head: Checkpoint,
    monitor: &LogMonitor,
) -> Result<Vec<(u64, Record)>, Failure> {
    let size = before.map_or(0, |before| before.size);
    let rewritten = |why: String| {
        Failure::new(
            Exit::Fail,
            format!("the log `{}` was rewritten or is damaged: {why}", monitor.folder.display()),
        )
        .hint(format!(
            "keep `{}` and the checkpoint of the log: both are signed, and together they are the proof",
            monitor.state.display()
        ))
        .hint("`weighbridge log verify --from` says more")
    };
    if head.size < size {
        return Err(rewritten(format!("it had {}, and has {}", count(size, "entry"), head.size)));
    }
    let mut edge = files.edge(size)?;
    if before.is_some_and(|before| before.root != edge.root()) {
        return Err(rewritten(format!("its first {} are not those of the last look", count(size, "entry"))));
    }
    let mut new = Vec::new();
    let first = size / u64::from(WIDTH);
    let mut skipped = usize::try_from(size % u64::from(WIDTH)).unwrap_or(0);
    for tile in (first..).map_while(|number| Tile::entries(number, head.size)) {
        for entry in files.entries(tile)?.into_iter().skip(std::mem::take(&mut skipped)) {
            let index = edge.size();
            let record = Record::read(&entry).map_err(|error| {
                Failure::new(Exit::Fail, format!("entry {index} in {tile} is damaged")).because(&error)
            })?;
            edge.push(leaf(&entry), |_, _| Ok::<(), Failure>(()))?;
            if monitor.watch.is_empty() || monitor.watch.iter().any(|what| concerns(&record, what)) {
                new.push((index, record));
            }
        }
    }
    if edge.root() != head.root {
        return Err(rewritten("what is new does not lead to the root that was signed".to_owned()));
    }
    Ok(new)
}

/// Whether an entry is about what is watched.
fn concerns(record: &Record, what: &str) -> bool {
    let is_subject = record.subjects.iter().any(|subject| {
        let mut digests = subject.digest.iter();
        subject.name == what
            || digests.any(|(function, digest)| {
                digest == what
                    || what.strip_prefix(function.as_str()).and_then(|it| it.strip_prefix(':'))
                        == Some(digest)
            })
    });
    is_subject
        || match &record.signer {
            Identity::Key(fingerprint) | Identity::Certificate(fingerprint) => fingerprint == what,
            Identity::Sigstore { name, .. } => name == what,
        }
}

/// A signer who is expected.
enum Expected {
    /// By the SHA-256 of a key or certificate.
    Fingerprint(String),
    Sigstore(Identity),
}

impl Expected {
    fn is(&self, signer: &Identity) -> bool {
        match (self, signer) {
            (Self::Fingerprint(expected), Identity::Key(shown) | Identity::Certificate(shown)) => {
                expected == shown
            }
            (Self::Sigstore(expected), shown) => expected == shown,
            _ => false,
        }
    }
}

fn expected(typed: &str) -> Result<Expected, Failure> {
    if let Ok(digest) = typed.parse::<Digest>() {
        return Ok(Expected::Fingerprint(digest.to_string()));
    }
    if let Some((name, issuer)) = typed.split_once("=https://") {
        let issuer = format!("https://{issuer}");
        return Ok(Expected::Sigstore(Identity::Sigstore { name: name.to_owned(), issuer }));
    }
    let path = Path::new(typed);
    let pem = text(path)?;
    if pem.contains("-----BEGIN CERTIFICATE-----") {
        let certificates = chain::pem_to_der(&pem).map_err(|error| failed(path, &error))?;
        let first = certificates.first().map(Vec::as_slice).unwrap_or_default();
        return Ok(Expected::Fingerprint(Digest::of(first).to_string()));
    }
    let key = PublicKey::from_pem(&pem).map_err(|error| failed(path, &error))?;
    Ok(Expected::Fingerprint(key.hint()))
}

/// The lines for one entry.
fn one(text: &mut String, index: u64, record: &Record, is_expected: bool) {
    let verdict = if is_expected { "expected" } else { "NOT EXPECTED" };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  entry {index}  {}  {verdict}", Date::from_unix_seconds(record.time));
    let _ = match &record.signer {
        Identity::Key(fingerprint) => writeln!(text, "    key {}", in_one_line(fingerprint)),
        Identity::Certificate(fingerprint) => writeln!(text, "    certificate {}", in_one_line(fingerprint)),
        Identity::Sigstore { name, issuer } => {
            writeln!(text, "    {}={}", in_one_line(name), in_one_line(issuer))
        }
    };
    for subject in record.subjects.iter().take(MOST_SUBJECTS) {
        let _ = writeln!(text, "    of {}", in_one_line(&subject.name));
        for (function, digest) in &subject.digest {
            let _ = writeln!(text, "       {} {}", in_one_line(function), in_one_line(digest));
        }
    }
    if record.subjects.len() > MOST_SUBJECTS {
        let _ = writeln!(text, "    and {} more", record.subjects.len().saturating_sub(MOST_SUBJECTS));
    }
}
