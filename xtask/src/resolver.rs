//! `cargo xtask resolver PIP`: whether `scan --resolve` chooses what pip chooses, on real files of requirements. Needs the
//! network and a pip of the user's choosing; writes `docs/resolver.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// Files of the shared corpus that pip can still resolve. The others of it name versions of which there is no file any more, or
/// packages that no longer build.
const CORPUS: [&str; 11] = [
    "EleutherAI+gpt-neox/requirements/requirements-dev.txt",
    "EleutherAI+gpt-neox/requirements/requirements-wandb.txt",
    "bentoml+BentoML/examples/custom_runner/torch_hub_yolov5/requirements.txt",
    "bentoml+BentoML/examples/triton/onnx/requirements/requirements.txt",
    "chroma-core+chroma/requirements_dev.txt",
    "feast-dev+feast/sdk/python/requirements/py3.10-requirements.txt",
    "feast-dev+feast@2024/sdk/python/requirements/py3.10-requirements.txt",
    "huggingface+diffusers/examples/controlnet/requirements.txt",
    "huggingface+diffusers/examples/controlnet/requirements_flax.txt",
    "huggingface+text-generation-inference/integration-tests/requirements.txt",
    "huggingface+text-generation-inference/server/requirements_cuda.txt",
];

/// What stands above the table.
const HEAD: &str = "\
# The resolver beside pip

What `scan --resolve` chooses, and what `pip install --dry-run --report` chooses for the same file, the same Python and the same
index at the same time. Written by `cargo xtask resolver PIP` (`PIP` is a pip in an environment of its own), which needs the network;
both answers change from day to day, and must change together.

The files are requirements of real projects: those in `xtask/data/requirements`, each with its source in its first line, and those of
the shared corpus that pip can still resolve. Two versions are equal if they are equal by PEP 440 (of thop the name of the file
says `0.1.1-2209072238`, which is `0.1.1.post2209072238`). *Not known*: source distributions whose needs only a build would tell;
pip builds them, Weighbridge does not and says so.

";

/// Measures and writes.
pub(crate) fn run(root: &Path, pip: Option<&str>) -> anyhow::Result<()> {
    let Some(pip) = pip else { bail!("name the pip to compare with: `cargo xtask resolver PIP`") };
    let pip = fs::canonicalize(pip).with_context(|| pip.to_owned())?;
    let python = pip.with_file_name("python");
    let build = ["build", "--release", "--locked", "-p", "weighbridge"];
    if !Command::new(env!("CARGO")).args(build).current_dir(root).status()?.success() {
        bail!("the binary cannot be built");
    }
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for entry in fs::read_dir(root.join("xtask/data/requirements"))? {
        let path = entry?.path();
        files.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), path));
    }
    files.sort();
    let corpus = root.join("../shared/corpus/manifests");
    files.extend(
        CORPUS.iter().map(|name| ((*name).to_owned(), corpus.join(name))).filter(|(_, path)| path.exists()),
    );
    let mut rows = Vec::new();
    for (name, path) in files {
        let cache = tempfile::tempdir()?;
        let output = Command::new(&python)
            .arg(root.join("xtask/data/equality_pip.py"))
            .args([&root.join("target/release/weighbridge"), &pip, &path])
            .env("WEIGHBRIDGE_CACHE_DIR", cache.path())
            .output()?;
        if !output.status.success() {
            bail!("{name}: {}", String::from_utf8_lossy(&output.stderr));
        }
        rows.push((name, serde_json::from_slice(&output.stdout)?));
    }
    fs::write(root.join("docs/resolver.md"), page(&rows))?;
    Ok(())
}

fn page(rows: &[(String, Value)]) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("| requirements | packages | differ | not known |\n|---|--:|---|--:|\n");
    for (name, row) in rows {
        let differ: Vec<String> = list(&row["differ"])
            .map(|it| {
                format!(
                    "{}: {} / {}",
                    it[0].as_str().unwrap_or("?"),
                    it[1].as_str().unwrap_or("none"),
                    it[2].as_str().unwrap_or("none")
                )
            })
            .collect();
        let packages =
            row["packages"].as_u64().map_or_else(|| "pip refuses".to_owned(), |count| count.to_string());
        let differ = if differ.is_empty() { "0".to_owned() } else { differ.join("; ") };
        let unknown = list(&row["unread"]).count();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {name} | {packages} | {differ} | {unknown} |");
    }
    let resolved = rows.iter().filter(|(_, row)| row["packages"].is_u64());
    let (files, equal) = resolved.fold((0, 0), |(files, equal), (_, row)| {
        (files + 1, equal + usize::from(list(&row["differ"]).next().is_none()))
    });
    let _ = writeln!(text, "\n{equal} of {files} files that pip resolves: equal in every package.");
    text
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
