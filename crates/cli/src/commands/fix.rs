//! `weighbridge fix FILE`: the tensors of a checkpoint as safetensors, without loading it. For folders see [`mend`].

use std::fmt::Write as _;
use std::path::Path;

use weighbridge_check::safety;
use weighbridge_core::fact::{EffectKind, Target};
use weighbridge_core::opener::Opener as _;
use weighbridge_core::report::{Artifact, Safety};
use weighbridge_core::show::Shown;
use weighbridge_engine::fix::{FixError, Order, Rescued, rescue};
use weighbridge_engine::read::{Options, read};
use weighbridge_net::feed::atomic::replace_file;
use weighbridge_net::open::file::FileSource;
use weighbridge_net::open::path;
use weighbridge_read::READERS;
use weighbridge_read::model::checkpoint::{CheckpointError, Other};
use weighbridge_report::words;

use super::{end_on_interrupt, mend};
use crate::args::{Fix, Global};
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::{Printer, printable};
use crate::progress::Bar;
use crate::settings;
use crate::setup::Setup;

/// How many of the things that stay behind are named.
const NAMED: usize = 6;

/// Runs the command.
pub(super) fn run(global: &Global, fix: &Fix, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    if fix.target.is_dir() || fix.target.to_string_lossy().starts_with("venv:") {
        let checkpoint = ["--output", "--below", "--force", "--proof"];
        let typed = [fix.output.is_some(), fix.below.is_some(), fix.force, fix.proof.is_some()];
        if let Some((option, _)) = checkpoint.iter().zip(typed).find(|(_, typed)| *typed) {
            return Err(Failure::usage(format!(
                "`{option}` is for checkpoints, and `{}` is a folder",
                fix.target.display()
            ))
            .hint("name one checkpoint in it"));
        }
        return mend::run(global, fix, setup, printer);
    }
    let context = settings::context(global, setup)?;
    end_on_interrupt(Some(context.cancel.clone()))?;
    let shown = fix.target.display().to_string();
    let locator = fix.target.to_str().ok_or_else(|| {
        Failure::usage(format!("the name of `{shown}` is not UTF-8")).hint("copy it to another name")
    })?;
    if fix.apply || fix.verify.is_some() || fix.format.is_some() {
        return Err(Failure::usage(format!(
            "`{shown}` is a file, and `--apply`, `--verify` and `--format` are for packages"
        ))
        .hint("name the folder of a project"));
    }
    let out = match &fix.output {
        Some(out) => out.clone(),
        None => fix.target.with_extension("safetensors"),
    };
    let opened = path::Path.open(locator, &context)?;
    let options = Options { readers: READERS, exclude: &[], jobs: None };
    let bar = Bar::new(printer.progress);
    let readings = read(vec![opened], &options, &context, &bar)?;
    let artifacts = safety::judge_artifacts(&readings.facts, &readings.files);
    let artifact = artifacts.first();
    // A link that the user names is followed.
    let real = fix.target.canonicalize().map_err(|error| Failure::unreadable(&fix.target, &error))?;
    let source = FileSource::open(&real)
        .map_err(|unread| Failure::new(Exit::Incomplete, format!("cannot read `{shown}`: {unread}")))?;
    let order = Order {
        source: std::sync::Arc::new(source),
        out: &out,
        below: fix.below.as_deref(),
        replace: fix.force,
        limits: context.limits,
        cancel: &context.cancel,
    };
    let rescued = rescue(&order).map_err(|error| failure(&shown, artifact, &out, error))?;
    if let Some(proof) = &fix.proof {
        write_proof(proof, &shown, artifact, &out, &rescued)?;
    }
    let text = tell(&shown, artifact, &out, fix.below.as_deref(), &rescued);
    printer.out(|out| out.write_all(printable(&text).as_bytes()))?;
    let whole = !rescued.others.iter().any(|other| other.tensor);
    Ok(if whole { Exit::Pass } else { Exit::Incomplete })
}

/// Why there is no new file, and what to do instead.
fn failure(shown: &str, artifact: Option<&Artifact>, out: &Path, error: FixError) -> Failure {
    let refused = |message: String| Failure::new(Exit::Fail, message);
    match error {
        FixError::Checkpoint(CheckpointError::Foreign) => foreign(shown, artifact),
        FixError::Checkpoint(CheckpointError::Unread(unread)) => {
            Failure::new(Exit::Incomplete, format!("cannot read the tensors of `{shown}`: {unread}"))
        }
        FixError::Checkpoint(CheckpointError::Ambiguous(why)) => {
            refused(format!("`{shown}` contradicts itself: {why}"))
                .hint("get the weights anew from their publisher, as safetensors")
        }
        FixError::NoTensors(why) => {
            Failure::new(Exit::Nothing, format!("nothing to rescue from `{shown}`: {why}"))
        }
        FixError::Exists(path) => Failure::usage(format!("`{}` exists", path.display()))
            .hint("name another file with `-o`, or replace it with `--force`"),
        FixError::Write { error, .. } => Failure::unwritten(&format!("`{}`", out.display()), &error),
        error @ (FixError::Expanded { .. } | FixError::Differs(_)) => refused(format!("`{shown}`: {error}")),
    }
}

/// A file that is no checkpoint: code that it carries is named, since no conversion can carry that over.
fn foreign(shown: &str, artifact: Option<&Artifact>) -> Failure {
    let format = artifact.map(|artifact| artifact.format);
    let code: Vec<String> = artifact
        .iter()
        .flat_map(|artifact| &artifact.effects)
        .filter(|judged| judged.effect.kind == EffectKind::Run)
        .map(|judged| match &judged.effect.target {
            Target::Code { language, .. } if !judged.effect.pointer.is_empty() => {
                format!("{} ({language})", Shown(&judged.effect.pointer))
            }
            target => target.to_string(),
        })
        .collect();
    if !code.is_empty() {
        let format = format.unwrap_or("this file");
        return Failure::new(Exit::Fail, format!("`{shown}` is {format} and carries code in {}", code.join(", ")))
            .hint("no conversion keeps code and makes it safe")
            .hint("write the code as a class of your own package, build the model with it, and save only its weights");
    }
    let failure = |message: String| Failure::new(Exit::Fail, message);
    match format {
        Some("safetensors") => failure(format!("`{shown}` is safetensors already")),
        Some("pickle") => failure(format!("`{shown}` is a pickle of objects and not a PyTorch checkpoint"))
            .hint("save its arrays with `numpy.savez`, without objects, where it was made"),
        Some(format) => failure(format!("`{shown}` is {format}; only PyTorch checkpoints can be converted")),
        None => failure(format!("`{shown}` is no model file that Weighbridge knows")),
    }
}

/// What was done, for a person.
fn tell(
    shown: &str,
    artifact: Option<&Artifact>,
    out: &Path,
    below: Option<&str>,
    rescued: &Rescued,
) -> String {
    let bytes = rescued.tensors.iter().fold(0u64, |all, tensor| all.saturating_add(tensor.bytes));
    let count = rescued.tensors.len();
    let tensors = if count == 1 { "1 tensor" } else { &format!("{count} tensors") };
    let mut text = format!("{shown} → {}   {tensors}  {}\n", out.display(), words::bytes(bytes));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  every tensor is equal in both files: type, shape and SHA-256 of its elements");
    let spared: Vec<String> = artifact
        .iter()
        .flat_map(|artifact| &artifact.effects)
        .filter(|judged| judged.safety == Safety::Dangerous && judged.effect.kind != EffectKind::Import)
        .map(|judged| judged.effect.to_string())
        .collect();
    if let Some(first) = spared.first() {
        let more = match spared.len() {
            1 => String::new(),
            count => format!(" and {} more", count.saturating_sub(1)),
        };
        let _ = writeln!(text, "  nothing was loaded; loading {shown} runs {first}{more}");
    } else {
        let _ = writeln!(text, "  nothing was loaded");
    }
    let (lost, left): (Vec<&Other>, Vec<&Other>) = rescued.others.iter().partition(|other| other.tensor);
    for (what, others) in [("not rescued", named(&lost)), ("left out", grouped(&left))] {
        if !others.is_empty() {
            let more = match others.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(", {more} more"),
            };
            let shown: Vec<&str> = others.iter().take(NAMED).map(String::as_str).collect();
            let _ = writeln!(text, "  {what}: {}{more}", shown.join(", "));
        }
    }
    if below.is_none()
        && let Some(first) =
            rescued.tensors.first().and_then(|tensor| tensor.name.split_once('.')).map(|(top, _)| top)
        && count > 1
        && ["state_dict", "model_state_dict", "model", "module", "net"].contains(&first)
    {
        let _ =
            writeln!(text, "  names begin with `{first}.`; `--below {first}` takes only those, without it");
    }
    text
}

/// Each by its name, and what it is.
fn named(others: &[&Other]) -> Vec<String> {
    others.iter().map(|other| format!("{} ({})", Shown(&other.name), other.what)).collect()
}

/// Those below one name together: nobody wants to read the hundred settings of an optimizer.
fn grouped(others: &[&Other]) -> Vec<String> {
    let top = |other: &Other| other.name.split('.').next().unwrap_or_default().to_owned();
    others
        .chunk_by(|one, next| top(one) == top(next))
        .flat_map(|group| match group {
            [first, _, ..] => vec![format!("{} ({} values)", Shown(&top(first)), group.len())],
            single => named(single),
        })
        .collect()
}

/// The proof as JSON, for whoever must show it.
fn write_proof(
    path: &Path,
    shown: &str,
    artifact: Option<&Artifact>,
    out: &Path,
    rescued: &Rescued,
) -> Result<(), Failure> {
    let tensors: Vec<serde_json::Value> = rescued
        .tensors
        .iter()
        .map(|tensor| {
            serde_json::json!({
                "name": tensor.name,
                "dtype": tensor.dtype,
                "shape": tensor.shape,
                "bytes": tensor.bytes,
                "sha256": tensor.digest.to_string(),
            })
        })
        .collect();
    let others: Vec<serde_json::Value> = rescued
        .others
        .iter()
        .map(|other| serde_json::json!({ "name": other.name, "what": other.what }))
        .collect();
    let proof = serde_json::json!({
        "from": shown,
        "from_sha256": artifact.and_then(|artifact| artifact.digest).map(|digest| digest.to_string()),
        "format": rescued.format,
        "to": out.display().to_string(),
        "tensors": tensors,
        "left_out": others,
    });
    replace_file(path, |out| {
        serde_json::to_writer_pretty(&mut *out, &proof).map_err(std::io::Error::other)?;
        out.write_all(b"\n")
    })
    .map_err(|error| Failure::unwritten(&format!("`{}`", path.display()), &error))
}
