//! `uv.lock` of the example, written from the table in `packages.txt`.

use std::fmt::Write as _;

use anyhow::{Context as _, bail};

const PACKAGES: &str = include_str!("packages.txt");

/// A row of the table.
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    wheel: &'a str,
    sha256: &'a str,
    extras: Vec<(&'a str, Vec<&'a str>)>,
    requires: Vec<(&'a str, Vec<&'a str>)>,
}

/// The text of the lock; `own_digest` is that of the wheel which exists only here.
///
/// # Errors
/// When a row of the table is malformed.
pub(crate) fn uv_lock(own_digest: &str) -> anyhow::Result<String> {
    let mut text = String::from("version = 1\nrevision = 3\nrequires-python = \">=3.12\"\n");
    let mut project_written = false;
    for row in PACKAGES.lines().filter(|line| !line.starts_with('#')) {
        let package = parse(row).with_context(|| format!("in the row `{row}`"))?;
        if !project_written && package.name > "fraud-vision" {
            text.push_str(PROJECT);
            project_written = true;
        }
        write_package(&package, own_digest, &mut text)?;
    }
    Ok(text)
}

const PROJECT: &str = r#"
[[package]]
name = "fraud-vision"
version = "0.4.0"
source = { virtual = "." }
dependencies = [
    { name = "fraud-vision-preprocess" },
    { name = "numpy" },
    { name = "safetensors" },
    { name = "torch" },
]

[package.metadata]
requires-dist = [
    { name = "fraud-vision-preprocess", specifier = "~=0.3.0" },
    { name = "numpy", specifier = ">=2.3" },
    { name = "safetensors", specifier = ">=0.6" },
    { name = "torch", specifier = ">=2.11" },
]
"#;

fn parse(row: &str) -> anyhow::Result<Package<'_>> {
    let (head, requires) = row.split_once(" :").context("no ` :`")?;
    let mut words = head.split_whitespace();
    let mut word = |what| words.next().with_context(|| format!("no {what}"));
    let (name, version, wheel, sha256) = (word("name")?, word("version")?, word("wheel")?, word("digest")?);
    let extras = words
        .map(|word| word.split_once('=').map(|(extra, packages)| (extra, packages.split(',').collect())))
        .collect::<Option<_>>()
        .context("an extra without `=`")?;
    let requires = requires
        .split(", ")
        .map(str::trim)
        .filter(|requirement| !requirement.is_empty())
        .map(|requirement| match requirement.split_once('[') {
            Some((name, extras)) => (name, extras.trim_end_matches(']').split(',').collect()),
            None => (requirement, Vec::new()),
        })
        .collect();
    if sha256 != "-" && sha256.len() != 64 {
        bail!("`{sha256}` is no digest");
    }
    Ok(Package { name, version, wheel, sha256, extras, requires })
}

fn write_package(package: &Package<'_>, own_digest: &str, text: &mut String) -> std::fmt::Result {
    let Package { name, version, wheel, sha256, extras, requires } = package;
    let sha256 = if *sha256 == "-" { own_digest } else { sha256 };
    write!(text, "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n")?;
    text.push_str("source = { registry = \"https://index.example/simple\" }\n");
    if !requires.is_empty() {
        text.push_str("dependencies = [\n");
        for (name, extras) in requires {
            write!(text, "    {{ name = \"{name}\"")?;
            if !extras.is_empty() {
                write!(text, ", extra = [\"{}\"]", extras.join("\", \""))?;
            }
            text.push_str(" },\n");
        }
        text.push_str("]\n");
    }
    writeln!(
        text,
        "wheels = [\n    {{ url = \"https://index.example/{wheel}\", hash = \"sha256:{sha256}\" }},\n]"
    )?;
    if !extras.is_empty() {
        text.push_str("\n[package.optional-dependencies]\n");
        for (extra, packages) in extras {
            writeln!(text, "{extra} = [")?;
            for package in packages {
                writeln!(text, "    {{ name = \"{package}\" }},")?;
            }
            text.push_str("]\n");
        }
    }
    Ok(())
}
