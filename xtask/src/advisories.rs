//! Builds the advisory snapshot that is committed inside the `advisory` crate.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use weighbridge_advisory::Index;

/// The day of the snapshot of the records (see the README of the shared advisories).
const AS_OF: &str = "2026-07-23";

const SOURCES: &[&str] = &[
    "Python Packaging Advisory Database contributors, CC-BY-4.0 (snapshot 2026-07-23)",
    "CISA Known Exploited Vulnerabilities catalogue, CC0-1.0 (2025-08-25)",
    "CISA Vulnrichment, CC0-1.0 (2024-10-24)",
];

/// Reads the shared advisories and writes the snapshot and its README.
///
/// # Errors
/// When the shared folder is not there or its content is not what it should be.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let data = root.join("crates/advisory/data");
    let shared =
        shared_dir(root).context("no folder `shared` with advisories beside or above the project")?;
    let index = build(&shared)?;
    let bytes = index.to_bytes();
    fs::create_dir_all(&data)?;
    fs::write(data.join("README.md"), readme(&index, bytes.len())?)?;
    fs::write(data.join("pypi.snapshot"), bytes)?;
    Ok(())
}

/// `shared/advisories` beside the project or above it, so that a work tree elsewhere finds it too.
pub(crate) fn shared_dir(root: &Path) -> Option<PathBuf> {
    let root = root.canonicalize().ok()?;
    root.ancestors().map(|folder| folder.join("shared/advisories")).find(|folder| folder.is_dir())
}

fn build(shared: &Path) -> anyhow::Result<Index> {
    let mut builder = Index::builder();
    builder.add_exploited(&fs::read(shared.join("kev.json")).context("no `kev.json`")?)?;
    for line in
        lines(&shared.join("cve-facts.jsonl.zst"))?.split(|byte| *byte == b'\n').filter(|it| !it.is_empty())
    {
        builder.add_cve_facts(line)?;
    }
    for line in
        lines(&shared.join("pypi-osv.jsonl.zst"))?.split(|byte| *byte == b'\n').filter(|it| !it.is_empty())
    {
        builder.add_osv("a line", line);
    }
    if let Some((name, error)) = builder.broken().first() {
        bail!("{} records cannot be read, the first is {name}: {error}", builder.broken().len());
    }
    Ok(builder.finish(AS_OF.parse()?, SOURCES.iter().map(ToString::to_string).collect()))
}

/// The lines of a file packed by Zstandard.
pub(crate) fn lines(path: &Path) -> anyhow::Result<Vec<u8>> {
    let file = File::open(path).with_context(|| format!("no `{}`", path.display()))?;
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn readme(index: &Index, size: usize) -> anyhow::Result<String> {
    let about = index.about();
    let exploited = index.advisories().iter().filter(|it| it.exploited_since.is_some()).count();
    let malicious = index.advisories().iter().filter(|it| it.malicious).count();
    let rated = index.advisories().iter().filter(|it| it.score.is_some()).count();
    let mut text = String::from(
        "# The embedded advisories\n\n<!-- Written by `cargo xtask advisories`; do not edit. -->\n\n`pypi.snapshot` \
         holds facts about vulnerable and malicious Python packages (ids, aliases, version ranges, scores, weaknesses, \
         dates) and no prose. It is built from these sources, to whom thanks are due:\n\n",
    );
    for source in &about.sources {
        writeln!(text, "- {source}")?;
    }
    writeln!(
        text,
        "\n| what | count |\n|---|--:|\n| records | {} |\n| packages | {} |\n| rated by CVSS | {rated} |\n| known to be \
         exploited | {exploited} |\n| malicious packages | {malicious} |\n| withdrawn, left out | {} |\n| bytes | {size} |",
        index.advisories().len(),
        index.packages().count(),
        about.withdrawn,
    )?;
    writeln!(
        text,
        "\nComplete up to {}. Parts of records that cannot be understood, and so never match:\n",
        about.as_of
    )?;
    for gap in &about.gaps {
        match gap.text.as_str() {
            "" => writeln!(text, "- {} ({}): names no versions", gap.record, gap.package)?,
            gap_text => writeln!(text, "- {} ({}): `{gap_text}`", gap.record, gap.package)?,
        }
    }
    Ok(text)
}
