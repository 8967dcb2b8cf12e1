//! Signatures over tensors, inside the files of a model.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::limits::Cancel;
use weighbridge_core::listing::{Is, Listing};
use weighbridge_core::lock::Tensor;
use weighbridge_core::source::Source;
use weighbridge_net::feed::atomic::replace_file;
use weighbridge_net::open::listing;
use weighbridge_read::model::signature::{self, Contents, Format, Kind};
use weighbridge_trust::bundle::Bundle;
use weighbridge_trust::oms::{self, Compared, Signs, Status};
use weighbridge_trust::tensors::{self, Content, Part};

use super::answer::{Found, Signed, Verdict};
use super::verify::{Whom, trust};
use super::{Memory, default_signature};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::setup::Setup;
use crate::signing_args::{Sign, Verify};

/// The files of a model that hold tensors, and what else lies there.
#[derive(Default)]
struct Model {
    /// Sorted by name.
    files: Vec<Carrier>,
    /// Files that hold tensors or may, and cannot be read.
    unread: Vec<(String, Unread)>,
    /// Indexes of shards.
    indexes: Vec<(String, Input)>,
    /// Whether each other file can run.
    others: BTreeMap<String, bool>,
}

/// A file that holds tensors and can carry a signature.
struct Carrier {
    /// Its name.
    name: String,
    source: Arc<dyn Source>,
    input: Input,
    format: Format,
    contents: Contents,
}

/// Why the content of a model cannot be told.
enum Problem {
    /// It is no model that anybody could have signed.
    Broken(String),
    /// Something could not be read.
    Unread(String),
}

impl From<(&str, &Unread)> for Problem {
    fn from((name, why): (&str, &Unread)) -> Self {
        let text = format!("`{name}`: {}", super::unread(why));
        match why {
            Unread::Malformed(_) | Unread::Truncated { .. } => Self::Broken(text),
            _ => Self::Unread(text),
        }
    }
}

impl Problem {
    fn text(self) -> String {
        match self {
            Self::Broken(text) | Self::Unread(text) => text,
        }
    }
}

/// An index of shards, as far as it decides what is loaded.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Signs the tensors of a model inside its files.
pub(super) fn sign(
    sign: &Sign,
    signer: &dyn Signs,
    name: &dyn Fn() -> String,
    setup: &Setup,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let memory = Memory::open(sign.reading.no_cache, setup)?;
    let listed = listing::list(&sign.path).map_err(|error| Failure::unreadable(&sign.path, &error))?;
    if listed.is_file && fs::symlink_metadata(&sign.path).is_ok_and(|metadata| metadata.is_symlink()) {
        let text = format!("`{}` is a link, and the file behind it would change", sign.path.display());
        return Err(Failure::usage(text).hint("name the file itself, or sign a copy"));
    }
    let model = Model::open(&listed, false, &memory.cancel);
    let refused = |text: String| Failure::new(Exit::Fail, format!("the model cannot be signed: {text}"));
    let content = model.content(&memory);
    if memory.cancel.is_cancelled() {
        return Ok(Exit::Interrupted);
    }
    let content = content.map_err(|problem| refused(problem.text()))?;
    if content.tensors.is_empty() {
        return Err(refused("there is no tensor in it".to_owned())
            .hint("a signature can lie in safetensors and GGUF files; leave out `--embed` for others"));
    }
    let bundle = tensors::sign(&content, signer).map_err(|error| refused(error.to_string()))?;
    let json = bundle.to_json();
    // Nothing is written before it is known that everything can be.
    let mut changes = Vec::new();
    for file in model.files.iter().filter(|file| file.contents.signature.as_deref() != Some(&*json)) {
        let pieces = signature::embed(&file.input, file.format, &json)
            .map_err(|why| refused(Problem::from((&*file.name, &why)).text()))?;
        changes.push((file, pieces));
    }
    for (file, pieces) in &changes {
        let path = file.path(&sign.path, &listed);
        let written = replace_file(&path, |out| {
            signature::write(&file.input, pieces, &mut |piece| out.write_all(piece))?;
            if file.source.is_unchanged() {
                Ok(())
            } else {
                Err(io::Error::other("the file changed while it was read"))
            }
        });
        if memory.cancel.is_cancelled() {
            return Ok(Exit::Interrupted);
        }
        written.map_err(|error| Failure::unwritten(&format!("`{}`", path.display()), &error))?;
    }
    memory.save(printer);
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let (tensors, files) = (content.tensors.len(), model.files.len());
    printer.say(&format!("signed {} in {}", count(tensors, "tensor"), count(files, "file")));
    printer.say(&format!("  by {}", name()));
    for file in &model.files {
        printer.say(&format!("  in {}", file.path(&sign.path, &listed).display()));
    }
    let detached = default_signature(&sign.path);
    if !changes.is_empty() && detached.exists() {
        printer.say(&format!("  {} speaks of the files as they were: sign them again", detached.display()));
    }
    Ok(Exit::Pass)
}

/// What is to be thought of a signature inside a model; nothing if there is none.
pub(super) fn verify(
    path: &Path,
    listed: &Listing,
    verify: &Verify,
    whom: &Whom,
    memory: &Memory,
    time: i64,
) -> Option<Found> {
    let model = Model::open(listed, verify.reading.allow_symlinks, &memory.cancel);
    let mut found = Found {
        path: path.display().to_string(),
        signature: None,
        verdict: Verdict::Unsigned(None),
        signed: None,
        ruled: None,
        claims: Vec::new(),
    };
    let signature =
        |file: &Carrier| file.contents.signature.clone().map(|json| (file.path(path, listed), json));
    let Some((carrier, json)) = model.files.iter().find_map(signature) else {
        // A file without a sound header has no signature that anybody could read; of one that could not be read nothing is
        // known.
        let reason = model.unread.iter().find_map(|(name, why)| match Problem::from((&**name, why)) {
            Problem::Unread(reason) => Some(reason),
            Problem::Broken(_) => None,
        })?;
        found.verdict = Verdict::Unchecked(reason);
        return Some(found);
    };
    found.signature = Some(carrier.display().to_string());
    let signatures: BTreeSet<&str> =
        model.files.iter().filter_map(|file| file.contents.signature.as_deref()).collect();
    found.verdict = match judge(&model, &json, signatures.len(), whom, memory, time) {
        Err(Problem::Broken(reason)) => Verdict::Bad(reason),
        Err(Problem::Unread(reason)) => Verdict::Unchecked(reason),
        Ok((signer, tensors)) => {
            let runs = model.others.values().any(|runs| *runs) && !verify.allow_unsigned_files;
            let verdict = match (tensors.is_true(), runs) {
                (false, _) => Verdict::Bad("the model is not as it was signed".to_owned()),
                (true, true) => Verdict::Bad(
                    "files that nobody signed can run; `--allow-unsigned-files` takes them".to_owned(),
                ),
                (true, false) => Verdict::Verified,
            };
            let others = model.others.into_iter().map(|(path, runs)| (path, Status::Ignored { runs }));
            found.signed = Some(Signed {
                logged: None,
                signer,
                early: false,
                name: None,
                algorithm: "sha256",
                compared: Compared { files: others.collect() },
                tensors: Some(tensors),
            });
            verdict
        }
    };
    Some(found)
}

/// Who signed, and what of it is still true.
fn judge(
    model: &Model,
    json: &str,
    signatures: usize,
    whom: &Whom,
    memory: &Memory,
    time: i64,
) -> Result<(oms::Signer, tensors::Compared), Problem> {
    if signatures > 1 {
        return Err(Problem::Broken("its files carry different signatures".to_owned()));
    }
    let bundle = Bundle::read(json.as_bytes()).map_err(|error| Problem::Broken(error.to_string()))?;
    let verified = tensors::verify(&bundle, trust(whom, json, time))
        .map_err(|refusal| Problem::Broken(refusal.to_string()))?;
    let compared = verified.content.compare(&model.content(memory)?);
    Ok((verified.signer, compared))
}

impl Model {
    /// Looks into every file of the folder itself; those of folders below are another model.
    fn open(listed: &Listing, allow_links: bool, cancel: &Cancel) -> Self {
        let mut model = Self::default();
        for item in &listed.items {
            let name = if listed.is_file { &listed.name } else { &item.path };
            let file = match &item.is {
                Is::File(file) | Is::Link(file) if !name.contains('/') => file,
                _ => {
                    model.others.insert(name.clone(), oms::runs(item));
                    continue;
                }
            };
            let opened = file.handle.open().and_then(|source| {
                let input = Input::new(Arc::clone(&source), signature::limits(), cancel.clone());
                let kind = signature::kind(&input, name)?;
                Ok((source, input, kind))
            });
            match opened {
                Ok((_, _, Kind::Pickled)) => {
                    model.others.insert(name.clone(), true);
                }
                Ok((_, input, Kind::Other)) => {
                    if name.ends_with(".safetensors.index.json") {
                        model.indexes.push((name.clone(), input));
                    }
                    model.others.insert(name.clone(), oms::runs(item));
                }
                Ok(_) if matches!(item.is, Is::Link(_)) && !allow_links => {
                    model.unread.push((name.clone(), Unread::Special("link")));
                }
                Ok((source, input, Kind::Tensors(format))) => match signature::contents(&input, format) {
                    Ok(contents) => {
                        model.files.push(Carrier { name: name.clone(), source, input, format, contents });
                    }
                    Err(why) => model.unread.push((name.clone(), why)),
                },
                Err(why) => model.unread.push((name.clone(), why)),
            }
        }
        model
    }

    /// All tensors and metadata of all files.
    fn content(&self, memory: &Memory) -> Result<Content, Problem> {
        if let Some((name, why)) = self.unread.first() {
            return Err((&**name, why).into());
        }
        self.is_whole()?;
        self.fits_its_indexes()?;
        let mut content = Content::default();
        let stored: Vec<_> = self
            .files
            .iter()
            .flat_map(|file| file.contents.tensors.iter().map(move |it| (file, it)))
            .collect();
        let part = |(file, tensor): &(&Carrier, &signature::Stored)| Part {
            source: Arc::clone(&file.source),
            offset: tensor.offset,
            size: tensor.size,
        };
        let parts: Vec<Part> = stored.iter().map(part).collect();
        let digests = memory.with(|hashing| tensors::hash(&parts, hashing));
        for ((file, tensor), digest) in stored.into_iter().zip(digests) {
            let digest = digest.map_err(|why| Problem::from((&*file.name, &why)))?;
            let known = Tensor { dtype: tensor.dtype.clone(), shape: tensor.shape.clone(), digest };
            if content.tensors.insert(tensor.name.clone(), known).is_some() {
                return Err(Problem::Broken(format!(
                    "tensor `{}` lies in `{}` and in another file: these are several models",
                    tensor.name, file.name
                )));
            }
        }
        for file in &self.files {
            if !file.source.is_unchanged() {
                return Err(Problem::Unread(format!("`{}` changed while it was read", file.name)));
            }
            content.metadata.extend(file.contents.metadata.iter().cloned());
        }
        Ok(content)
    }

    /// A file that says it is one of several is one of as many as there are.
    fn is_whole(&self) -> Result<(), Problem> {
        let mut numbers = BTreeSet::new();
        let there = u64::try_from(self.files.len()).unwrap_or(u64::MAX);
        for file in &self.files {
            let Some((number, count)) = file.contents.split.filter(|(_, count)| *count > 1) else { continue };
            if count != there || number >= count || !numbers.insert(number) {
                return Err(Problem::Broken(format!(
                    "`{}` says that it is file {} of {count}, and there are {there}",
                    file.name,
                    number.saturating_add(1)
                )));
            }
        }
        Ok(())
    }

    /// An index decides what a loader opens: it must not lead elsewhere.
    fn fits_its_indexes(&self) -> Result<(), Problem> {
        let names = |file: &Carrier| file.contents.tensors.iter().map(|it| it.name.clone()).collect();
        let files: BTreeMap<&str, BTreeSet<String>> =
            self.files.iter().map(|file| (&*file.name, names(file))).collect();
        for (name, input) in &self.indexes {
            let text = input.read_text().map_err(|why| Problem::from((&**name, &why)))?;
            let index: Index = serde_json::from_slice(&text)
                .map_err(|error| Problem::Broken(format!("`{name}`: {error}")))?;
            for (tensor, file) in index.weight_map {
                if !files.get(&*file).is_some_and(|tensors| tensors.contains(&tensor)) {
                    return Err(Problem::Broken(format!(
                        "`{name}` says that tensor `{tensor}` is in `{file}`, and it is not"
                    )));
                }
            }
        }
        Ok(())
    }
}

impl Carrier {
    /// Where the file lies.
    fn path(&self, model: &Path, listed: &Listing) -> PathBuf {
        if listed.is_file { model.to_owned() } else { model.join(&self.name) }
    }
}
