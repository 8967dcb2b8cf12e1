//! Commands that install packages, where people write them: Dockerfiles, shell scripts, notebooks, workflows, pipelines.
//!
//! Nothing is run. [`shell`] cuts text into commands and words, [`commands`] knows the installers and [`options`] what
//! their options are called; [`dockerfile`], [`notebook`], [`python`] and [`steps`] find the commands in their files, and
//! [`image`] knows where a build has copied its files to.

mod commands;
mod dockerfile;
mod image;
mod notebook;
mod options;
mod python;
mod shell;
mod steps;
mod variables;

use weighbridge_core::coverage::Unread;
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::notes::Notes;
use super::text::{decode, line_span};
use commands::Installs;
use shell::Script;

/// Largest file that is looked at, in bytes: people write smaller ones, and outputs make notebooks large.
const LARGEST: u64 = 16 << 20;

/// Words of which a file that installs anything, or says from where, holds one.
const WORDS: [&str; 10] = [
    "install",
    "uvx",
    "uv add",
    "uv run",
    "tool run",
    "pipx run",
    "sync",
    "conda create",
    "mamba create",
    "conda env",
];
/// The same for variables of the environment.
const VARIABLES: [&str; 5] = ["_INDEX", "_FIND_LINKS", "_TRUSTED_HOST", "_INSECURE_HOST", "INDEX_URL"];
/// Beginnings of commands that nobody writes for anything else.
const COMMANDS: [&str; 6] =
    ["pip install", "pip3 install", "uv add", "conda install", "mamba install", "uvx "];

/// Reads commands that install packages.
pub struct InstallLinesReader;

impl Reader for InstallLinesReader {
    fn about(&self) -> &'static About {
        &About {
            id: "install-lines",
            title: "commands that install packages",
            family: Family::Package,
            names: &[
                "Dockerfile",
                "Dockerfile.*",
                "*.Dockerfile",
                "Containerfile",
                "*.ipynb",
                "*.py",
                "*.sh",
                "*.bash",
                "*.zsh",
                "*.yml",
                "*.yaml",
            ],
            reads: "what `pip`, `uv`, `uvx`, `conda`, `mamba`, `micromamba`, `pipx` and `pipenv` install in Dockerfiles, shell \
                    scripts, notebooks, calls of `subprocess` and `os.system` in Python code, workflows of CI and compiled Kubeflow pipelines; the indexes that they name",
        }
    }

    fn claims(&self, hint: &Hint<'_>) -> Claim {
        let foreign = |name: &str| {
            matches!(name, "site-packages" | "dist-packages" | "node_modules" | "conda-meta")
                || name.starts_with("python3.")
        };
        let kind = kind(hint);
        if kind.is_none() || hint.size > LARGEST || hint.path.split('/').any(foreign) {
            return Claim::No;
        }
        // A file of which everything is here and that installs nothing costs nothing.
        let whole = u64::try_from(hint.head.len()) == Ok(hint.size);
        let is_worth = || kind.is_some_and(|kind| kind.is_worth(&String::from_utf8_lossy(hint.head)));
        if !whole || is_worth() { Claim::ByName } else { Claim::No }
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        // What lies in an archive installs nothing here.
        if !sink.place().inner.is_empty() {
            return Ok(());
        }
        let bytes = input.read_text()?;
        let hint = Hint { path: &sink.place().path, size: input.size(), head: &bytes };
        let Some(kind) = kind(&hint) else { return Ok(()) };
        let decoded = decode(&bytes);
        if !kind.is_worth(&decoded.text) {
            return Ok(());
        }
        let mut notes = Notes::manifest(sink);
        if let Some((problem, line)) = decoded.problem {
            notes.malformed(problem, line_span(line));
        }
        let mut installs = Installs::new(&mut notes);
        match kind {
            Kind::Dockerfile => dockerfile::read(&decoded.text, &mut installs),
            // Much is called so that is neither; it is a loss only where it would have installed something.
            Kind::Notebook | Kind::Yaml => {
                let ended = if kind == Kind::Notebook {
                    notebook::read(decoded.text.as_bytes(), &mut installs)
                } else {
                    steps::read(&decoded.text, &mut installs)
                };
                return if COMMANDS.iter().any(|command| decoded.text.contains(command)) {
                    ended
                } else {
                    Ok(())
                };
            }
            Kind::Python => {
                installs.is_code = true;
                python::read(&decoded.text, &|line| line, &mut installs);
            }
            Kind::Shell => installs.script(&Script::of(&decoded.text, 1)),
        }
        Ok(())
    }
}

/// What kind of file it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Dockerfile,
    Notebook,
    Python,
    Shell,
    Yaml,
}

fn kind(hint: &Hint<'_>) -> Option<Kind> {
    let name = hint.name().to_ascii_lowercase();
    let is_docker = ["dockerfile", "containerfile"].iter().any(|word| {
        name.strip_suffix(word).is_some_and(|before| before.is_empty() || before.ends_with('.'))
            || name.strip_prefix(word).is_some_and(|behind| behind.starts_with(['.', '-', '_']))
    });
    if hint.has_extension("ipynb") {
        return Some(Kind::Notebook);
    }
    if hint.has_extension("py") {
        return Some(Kind::Python);
    }
    if hint.has_extension("yml") || hint.has_extension("yaml") {
        return Some(Kind::Yaml);
    }
    if ["sh", "bash", "zsh"].iter().any(|extension| hint.has_extension(extension)) {
        return Some(Kind::Shell);
    }
    if is_docker {
        return Some(Kind::Dockerfile);
    }
    let first = hint.head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let program = first.strip_prefix(b"#!").and_then(|rest| std::str::from_utf8(rest).ok())?;
    let program = program.split_whitespace().find(|word| !word.ends_with("env") && !word.starts_with('-'))?;
    let is_shell = matches!(program.rsplit('/').next(), Some("sh" | "bash" | "zsh" | "dash" | "ash"));
    (!name.contains('.') && is_shell).then_some(Kind::Shell)
}

impl Kind {
    /// Whether such a file may install anything, or say from where.
    fn is_worth(self, text: &str) -> bool {
        match self {
            Self::Python => python::is_worth(text),
            _ => WORDS.iter().chain(&VARIABLES).any(|word| text.contains(word)),
        }
    }
}
