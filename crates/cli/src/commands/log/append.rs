//! `log append`: writes signatures into a log, and the proof of it into each of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use weighbridge_core::digest::Digest;
use weighbridge_net::feed::atomic::replace_file;
use weighbridge_trust::PublicKey;
use weighbridge_trust::bundle::{Bundle, Material};
use weighbridge_trust::log::{
    Checkpoint, NoteKey, Proof, Record, SignerError, Tile, WIDTH, attach, leaf, pack, root_over, serialize,
    shown,
};

use super::count;
use super::files::Files;
use crate::commands::signing::key::{failed, public};
use crate::commands::signing::verify::read;
use crate::commands::signing::{default_signature, text};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::log_args::LogAppend;
use crate::printer::Printer;
use crate::setup::Setup;

/// A file with bundles.
struct Source {
    path: PathBuf,
    items: Vec<Item>,
    /// One bundle a line.
    is_lines: bool,
    /// Of the file as it was read.
    digest: Digest,
}

/// A bundle, and what is written down of it.
struct Item {
    json: String,
    record: Record,
    /// Its number, once it has one.
    index: Option<u64>,
    /// Nothing may be added to a bundle of Sigstore: its verifiers take no second log.
    is_keyless: bool,
}

/// Runs the command.
pub(super) fn run(append: &LogAppend, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    let key = NoteKey::read(&text(&append.key)?).map_err(|error| failed(&append.key, &error))?;
    let signer = append.public_key.as_deref().map(public).transpose()?;
    let time = setup.now.div_euclid(1_000_000_000);
    let mut sources: Vec<Source> = Vec::with_capacity(append.bundles.len());
    for path in &append.bundles {
        let path = if path.is_dir() { default_signature(path) } else { path.clone() };
        // A file that is named twice is one.
        if !sources.iter().any(|source| is_same(&source.path, &path)) {
            sources.push(read_source(path, signer.as_ref(), time)?);
        }
    }
    let files = Files::new(&append.folder);
    let (before, guard) = open(&files, &append.folder, &key)?;
    find(&files, before.size, &mut sources)?;
    let after = grow(&files, before, &key, &mut sources)?;
    let note = match after {
        Some(checkpoint) => checkpoint.sign(&key),
        None => String::from_utf8_lossy(&files.checkpoint()?).into_owned(),
    };
    let head = after.unwrap_or(before);
    drop(guard);
    let mut prove = files.prover(head.size);
    for source in &sources {
        prove_all(source, head, &note, &key, &mut prove)?;
        tell(source, before.size, printer);
    }
    printer.say(&format!("log `{}`: {}", key.verifier().name(), count(head.size, "entry")));
    Ok(Exit::Pass)
}

/// The head of the log, once nobody else can write to it.
fn open(files: &Files, folder: &Path, key: &NoteKey) -> Result<(Checkpoint, std::fs::File), Failure> {
    // Before the lock, which would make a file in whatever folder this is.
    files.checkpoint()?;
    let guard = files.lock()?;
    let head = Checkpoint::open(&files.checkpoint()?, &key.verifier()).map_err(|error| {
        Failure::new(Exit::Fail, format!("the log `{}` is not one of this key", folder.display()))
            .because(&error)
    })?;
    Ok((head, guard))
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// The bundles of a file that the user named.
fn read_source(path: PathBuf, signer: Option<&PublicKey>, time: i64) -> Result<Source, Failure> {
    let whole = read(&path, true).map_err(|error| Failure::unreadable(&path, &error))?;
    let is_lines = path.extension().is_some_and(|extension| extension == "jsonl");
    let texts: Vec<(usize, &str)> = if is_lines {
        (1..).zip(whole.lines()).filter(|(_, line)| !line.trim().is_empty()).collect()
    } else {
        vec![(1, whole.as_str())]
    };
    let mut items = Vec::with_capacity(texts.len());
    for (line, json) in texts {
        let at = if is_lines {
            format!("line {line} of `{}`", path.display())
        } else {
            format!("`{}`", path.display())
        };
        let refused = |error: &dyn std::error::Error| {
            Failure::new(Exit::Fail, format!("{at} cannot be written into a log")).because(error)
        };
        let bundle = Bundle::read(json.as_bytes()).map_err(|error| refused(&error))?;
        let identity = shown(json, &bundle, signer).map_err(|error| match error {
            SignerError::Nameless => refused(&error).hint("name it with `--public-key`"),
            _ => refused(&error),
        })?;
        let record = Record::of(&bundle, identity, time).map_err(|error| refused(&error))?;
        let is_keyless = matches!(bundle.material, Material::Keyless(_));
        items.push(Item { json: json.to_owned(), record, index: None, is_keyless });
    }
    if items.is_empty() {
        return Err(Failure::usage(format!("`{}` holds no bundle", path.display())));
    }
    Ok(Source { path, items, is_lines, digest: Digest::of(whole.as_bytes()) })
}

/// Looks for what is in the log already, and takes the record of it.
fn find(files: &Files, size: u64, sources: &mut [Source]) -> Result<(), Failure> {
    let mut wanted: BTreeMap<Digest, Vec<&mut Item>> = BTreeMap::new();
    for item in sources.iter_mut().flat_map(|source| &mut source.items) {
        wanted.entry(item.record.envelope).or_default().push(item);
    }
    let mut index = 0u64;
    for tile in (0..).map_while(|number| Tile::entries(number, size)) {
        for entry in files.entries(tile)? {
            let record = Record::read(&entry).map_err(|error| {
                Failure::new(Exit::Fail, format!("entry {index} in {tile} is damaged")).because(&error)
            })?;
            for item in wanted.get_mut(&record.envelope).into_iter().flatten() {
                if item.index.is_none() && item.record.is_of_the_same(&record) {
                    item.index = Some(index);
                    item.record = record.clone();
                }
            }
            index = index.saturating_add(1);
        }
    }
    Ok(())
}

/// Writes down what is not there yet. The new head; none where nothing is new.
fn grow(
    files: &Files,
    before: Checkpoint,
    key: &NoteKey,
    sources: &mut [Source],
) -> Result<Option<Checkpoint>, Failure> {
    let mut edge = files.edge(before.size)?;
    if edge.root() != before.root {
        return Err(damaged("its tiles do not lead to the root that was signed"));
    }
    files.sweep(before.size)?;
    let mut bundle = Vec::new();
    if let Some(tile) = Tile::entries(before.size / u64::from(WIDTH), before.size) {
        files.entries(tile)?.iter().try_for_each(|entry| packed(&mut bundle, entry))?;
    }
    let mut full = Vec::new();
    let mut earlier: BTreeMap<Digest, Vec<(u64, Record)>> = BTreeMap::new();
    for item in sources.iter_mut().flat_map(|source| &mut source.items).filter(|item| item.index.is_none()) {
        let same = earlier.entry(item.record.envelope).or_default();
        if let Some((index, _)) = same.iter().find(|(_, record)| record.is_of_the_same(&item.record)) {
            item.index = Some(*index);
            continue;
        }
        let index = edge.size();
        same.push((index, item.record.clone()));
        item.index = Some(index);
        let entry = item.record.to_bytes();
        packed(&mut bundle, &entry)?;
        edge.push(leaf(&entry), |tile, hashes| {
            full.push(tile);
            files.write_tile(tile, &serialize(hashes))
        })?;
        if let Some(tile) =
            Tile::entries(index / u64::from(WIDTH), edge.size()).filter(|it| it.width() == WIDTH)
        {
            files.write_tile(tile, &bundle)?;
            full.push(tile);
            bundle.clear();
        }
    }
    if edge.size() == before.size {
        return Ok(None);
    }
    for (tile, hashes) in edge.partial() {
        files.write_tile(tile, &serialize(hashes))?;
    }
    if let Some(tile) = Tile::entries(edge.size() / u64::from(WIDTH), edge.size()) {
        files.write_tile(tile, &bundle)?;
    }
    let after = Checkpoint { size: edge.size(), root: edge.root() };
    files.write_checkpoint(&after.sign(key))?;
    full.into_iter().try_for_each(|tile| files.forget_partial(tile))?;
    Ok(Some(after))
}

fn packed(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), Failure> {
    pack(bundle, entry).map_err(|error| Failure::defect(error.to_string()))
}

/// Writes the proofs into the bundles of a file.
fn prove_all(
    source: &Source,
    head: Checkpoint,
    note: &str,
    key: &NoteKey,
    prove: &mut impl FnMut(u64) -> Result<Vec<Digest>, Failure>,
) -> Result<(), Failure> {
    let mut lines = Vec::with_capacity(source.items.len());
    for item in &source.items {
        if item.is_keyless {
            lines.push(item.json.clone());
            continue;
        }
        let index = item.index.unwrap_or_default();
        let record = item.record.clone();
        let path = prove(index)?;
        if root_over(leaf(&record.to_bytes()), index, head.size, &path) != Some(head.root) {
            return Err(damaged(&format!("entry {index} does not lead to the root that was signed")));
        }
        let proof = Proof { index, record, path, checkpoint: head, note: note.to_owned() };
        let json =
            attach(&item.json, &proof, &key.verifier()).map_err(|error| failed(&source.path, &error))?;
        lines.push(json);
    }
    if source.items.iter().all(|item| item.is_keyless) {
        return Ok(());
    }
    let now = read(&source.path, true).map_err(|error| Failure::unreadable(&source.path, &error))?;
    if Digest::of(now.as_bytes()) != source.digest {
        let what =
            format!("`{}` has changed since it was read, and was left as it is", source.path.display());
        return Err(Failure::new(Exit::Incomplete, what)
            .hint("what it held stands in the log; the same command again looks at what it holds now"));
    }
    let mut text = lines.join("\n");
    if source.is_lines {
        text.push('\n');
    }
    replace_file(&source.path, |out| out.write_all(text.as_bytes())).map_err(|error| {
        Failure::unwritten(&format!("`{}`", source.path.display()), &error)
            .hint("it stands in the log; the same command again writes the proof into it")
    })
}

fn tell(source: &Source, before: u64, printer: &Printer) {
    /// Bundles of one file that are told one by one.
    const MOST: usize = 20;
    for item in source.items.iter().take(MOST) {
        let index = item.index.unwrap_or_default();
        let there = if index < before { "  (there already)" } else { "" };
        printer.say(&format!("entry {index}  {}{there}", source.path.display()));
        printer.say(&format!("  signed by {}", item.record.signer));
        if item.is_keyless {
            printer.say("  no proof in it: verifiers of Sigstore take no second log in a bundle");
        }
    }
    if source.items.len() > MOST {
        let more = source.items.len().saturating_sub(MOST);
        printer.say(&format!("and {more} more of {}", source.path.display()));
    }
}

fn damaged(why: &str) -> Failure {
    Failure::new(Exit::Fail, format!("the log is damaged: {why}"))
        .hint("`weighbridge log verify` says where; take it from a copy as it was")
}
