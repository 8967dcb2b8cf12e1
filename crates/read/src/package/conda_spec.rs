//! Lists of conda packages as text: explicit ones (`@EXPLICIT`, one address a line) and those that `conda list --export`
//! writes (`name=version=build`).
//!
//! Source: conda's documentation, *Managing environments*. They have no name of their own and are known by what their
//! first lines say. Installers take an explicit list as it is, whichever platform it was made for.

use weighbridge_core::coverage::Unread;
use weighbridge_core::ecosystem::Ecosystem;
use weighbridge_core::fact::{Locked, Origin, Requirement, Role, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::notes::Notes;
use super::text::{decode, line_span, python_lines, quoted};
use super::{conda, is_installed, match_spec, origin, requirement};

/// Reads lists of conda packages.
pub struct CondaSpecReader;

/// What stands above a list that `conda list --export` writes.
const EXPORT: &[u8] = b"$ conda create --name <env> --file <this file>";

impl Reader for CondaSpecReader {
    fn about(&self) -> &'static About {
        &About {
            id: "conda-spec",
            title: "explicit or exported list of conda packages",
            family: Family::Package,
            names: &["*.txt, *.lock with `@EXPLICIT`", "*.txt of `conda list --export`"],
            reads: "packages with versions, builds, digests and channels",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let named = ["txt", "lock", "list", "spec", "explicit"].iter().any(|it| hint.has_extension(it));
        if named && is_list(hint) && !is_installed(hint) { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        let decoded = decode(&input.read_text()?);
        let mut notes = Notes::manifest(sink);
        if let Some((problem, line)) = decoded.problem {
            notes.malformed(problem, line_span(line));
        }
        for (number, line) in python_lines(&decoded.text) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || line == "@EXPLICIT" {
                continue;
            }
            if notes.sink.is_full() {
                break;
            }
            if line.contains('/') && !line.contains("::") {
                explicit(line, line_span(number), &mut notes);
            } else {
                exported(line, line_span(number), &mut notes);
            }
        }
        Ok(())
    }
}

/// Whether the first lines say that this is such a list; then no other reader of lines understands it.
pub(super) fn is_list(hint: &Hint<'_>) -> bool {
    let mut lines = hint.head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.any(|line| line == b"@EXPLICIT" || line.ends_with(EXPORT))
}

/// The address of a package, perhaps with its digest: `https://…/numpy-1.26.4-py311h64a7726_0.conda#0123…`.
fn explicit(line: &str, span: Option<Span>, notes: &mut Notes<'_>) {
    let (address, digest) = line.split_once('#').unwrap_or((line, ""));
    let Some(file) = conda::file_name(address) else {
        notes.lost(format!("no address of a package: `{}`", quoted(line)), span);
        return;
    };
    // An MD5 has 32 digits, and is none that would be believed.
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    let digests = if hex.len() > 32 { conda::sha256(hex, span.clone(), notes) } else { None };
    if let Some(channel) = conda::channel(address) {
        conda::tell_channel(&channel, span.clone(), notes);
    }
    let origin = if origin::is_url(address) { Origin::Index } else { origin::local(address, false).origin };
    let locked = Locked {
        ecosystem: Ecosystem::Conda,
        name: file.name,
        version: Some(file.version),
        origin,
        digests: digests.into_iter().collect(),
        marker: None,
        root: false,
        requires: Vec::new(),
    };
    notes.sink.declared(What::Locked(locked), span);
}

/// `name=version=build`. What `pip` has installed is in the list too, as a build `pypi_0` of the channel `pypi`.
fn exported(line: &str, span: Option<Span>, notes: &mut Notes<'_>) {
    let found: Result<Requirement, String> = match line.strip_suffix("=pypi_0") {
        Some(rest) => requirement::parse(&rest.replacen('=', "==", usize::from(!rest.contains("==")))),
        None => match match_spec::parse(line) {
            Ok(spec) => {
                if let Some(channel) = &spec.channel {
                    conda::tell_channel(channel, span.clone(), notes);
                }
                Ok(spec.requirement)
            }
            Err(reason) => Err(reason),
        },
    };
    match found {
        Ok(requirement) => {
            let requires = requirement::requires(requirement, Role::Runtime);
            notes.sink.declared(What::Requires(requires), span);
        }
        Err(reason) => notes.lost(reason, span),
    }
}
