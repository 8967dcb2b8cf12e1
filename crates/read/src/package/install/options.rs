//! The options of installers: which take a value, and what they are called in full.
//!
//! Source: `pip install --help`, `uv help add|pip install|run|tool install|tool run`, `conda install --help` and
//! `pipx install --help`, of current versions and, for pip, of older ones.

use super::super::indexes::Installer;
use super::shell::Word;

/// Which program reads the arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Pip,
    UvPip,
    UvAdd,
    UvRun,
    /// `uvx`, `uv tool run`.
    UvTool,
    UvToolInstall,
    /// `pip-sync`, `uv pip sync`: the words are files of requirements.
    Sync,
    Pipx,
    PipxRun,
    Pipenv,
    Conda,
}

impl Kind {
    pub(super) fn installer(self) -> Installer {
        match self {
            Self::UvPip | Self::UvAdd | Self::UvRun | Self::UvTool | Self::UvToolInstall => Installer::Uv,
            _ => Installer::Pip,
        }
    }

    /// Short options that take a value, with their long names.
    fn short(self) -> &'static [(char, &'static str)] {
        match self {
            Self::Pip | Self::Sync | Self::Pipenv => &[
                ('r', "--requirement"),
                ('c', "--constraint"),
                ('e', "--editable"),
                ('i', "--index-url"),
                ('f', "--find-links"),
                ('t', "--target"),
                ('C', "--config-settings"),
                ('d', "--dest"),
                ('w', "--wheel-dir"),
                ('b', "--build"),
                ('p', "--python"),
            ],
            Self::UvPip | Self::UvAdd | Self::UvToolInstall => &[
                ('r', "--requirement"),
                ('c', "--constraint"),
                ('e', "--editable"),
                ('i', "--index-url"),
                ('f', "--find-links"),
                ('t', "--target"),
                ('C', "--config-settings"),
                ('b', "--build-constraint"),
                ('p', "--python"),
                ('P', "--upgrade-package"),
                ('m', "--marker"),
                ('w', "--with"),
            ],
            Self::UvRun | Self::UvTool => &[
                ('i', "--index-url"),
                ('f', "--find-links"),
                ('C', "--config-settings"),
                ('c', "--constraint"),
                ('p', "--python"),
                ('P', "--upgrade-package"),
                ('w', "--with"),
            ],
            Self::Pipx | Self::PipxRun => &[('i', "--index-url")],
            Self::Conda => &[
                ('n', "--name"),
                ('p', "--prefix"),
                ('c', "--channel"),
                ('f', "--file"),
                ('r', "--root-prefix"),
            ],
        }
    }

    /// Words behind the first one that is no option belong to another program.
    fn ends_at_word(self) -> bool {
        matches!(self, Self::UvRun | Self::UvTool | Self::PipxRun)
    }
}

/// Long options that take a value.
const WITH_VALUE: &[&str] = &[
    "--abi",
    "--allow-external",
    "--allow-insecure-host",
    "--allow-unverified",
    "--bounds",
    "--branch",
    "--build",
    "--build-constraint",
    "--build-constraints",
    "--build-option",
    "--cache-dir",
    "--cert",
    "--channel",
    "--client-cert",
    "--clone",
    "--color",
    "--config-file",
    "--config-setting",
    "--config-settings",
    "--config-settings-package",
    "--constraint",
    "--constraints",
    "--default-index",
    "--default-timeout",
    "--dest",
    "--directory",
    "--download",
    "--editable",
    "--env-file",
    "--excludes",
    "--exclude-newer",
    "--exclude-newer-package",
    "--exists-action",
    "--extra",
    "--extra-index-url",
    "--file",
    "--find-links",
    "--fork-strategy",
    "--from",
    "--global-option",
    "--group",
    "--implementation",
    "--index",
    "--index-strategy",
    "--index-url",
    "--install-option",
    "--keyring-provider",
    "--link-mode",
    "--log",
    "--marker",
    "--name",
    "--no-binary",
    "--no-binary-package",
    "--no-build-isolation-package",
    "--no-build-package",
    "--no-extra",
    "--no-group",
    "--no-sources-package",
    "--only-binary",
    "--only-group",
    "--optional",
    "--override",
    "--overrides",
    "--package",
    "--pip-args",
    "--platform",
    "--prefix",
    "--preinstall",
    "--prerelease",
    "--progress-bar",
    "--project",
    "--proxy",
    "--pypi-url",
    "--python",
    "--python-platform",
    "--python-version",
    "--reinstall-package",
    "--refresh-package",
    "--repodata-fn",
    "--report",
    "--requirement",
    "--requirements",
    "--requirements-from-script",
    "--resolution",
    "--resume-retries",
    "--retries",
    "--rev",
    "--revision",
    "--root",
    "--root-prefix",
    "--root-user-action",
    "--script",
    "--solver",
    "--source",
    "--spec",
    "--src",
    "--subdir",
    "--suffix",
    "--tag",
    "--target",
    "--timeout",
    "--torch-backend",
    "--trusted-host",
    "--upgrade-package",
    "--upgrade-strategy",
    "--uploaded-prior-to",
    "--use-deprecated",
    "--use-feature",
    "--wheel-dir",
    "--with",
    "--with-editable",
    "--with-executables-from",
    "--with-requirements",
];

/// One argument, with the word that is its value or itself.
pub(super) type Arguments = Vec<(Given, Word)>;

/// What an argument is.
pub(super) enum Given {
    /// A word that is no option.
    Word,
    /// An option by its full name, with the word that is its value.
    Option(&'static str),
    /// One of the options without value that matter.
    Flag(&'static str),
    /// The words of a program that is run.
    Rest(Vec<Word>),
    /// This option stands at the end and lacks its value.
    Lacking(&'static str),
}

/// Takes the arguments of an installer apart.
pub(super) fn arguments(kind: Kind, words: &[Word]) -> Arguments {
    let mut found = Vec::new();
    let mut words = words.iter();
    let mut only_words = false;
    while let Some(word) = words.next() {
        let text = word.text.as_str();
        if only_words || !text.starts_with('-') || text == "-" {
            if kind == Kind::UvRun {
                let rest = std::iter::once(word).chain(words).cloned().collect();
                found.push((Given::Rest(rest), word.clone()));
                break;
            }
            found.push((Given::Word, word.clone()));
            if kind.ends_at_word() {
                break;
            }
            continue;
        }
        if text == "--" {
            only_words = true;
        } else if text.starts_with("--") {
            let (name, value) =
                text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
            if let Some(flag) = flag(kind, name) {
                found.push((Given::Flag(flag), word.clone()));
            } else if let Some(option) = full(name) {
                let value = value.map(|value| Word { text: value.to_owned(), ..word.clone() });
                found.push(match value.or_else(|| words.next().cloned()) {
                    Some(value) => (Given::Option(option), value),
                    None => (Given::Lacking(option), word.clone()),
                });
            }
        } else {
            let mut letters = text.chars();
            letters.next();
            while let Some(letter) = letters.next() {
                if letter == 'e' && matches!(kind, Kind::UvAdd | Kind::UvToolInstall) {
                    found.push((Given::Flag("--editable"), word.clone()));
                    continue;
                }
                let Some((_, option)) = kind.short().iter().find(|(short, _)| *short == letter) else {
                    continue;
                };
                let rest = letters.as_str();
                let value = if rest.is_empty() {
                    words.next().cloned()
                } else {
                    Some(Word { text: rest.strip_prefix('=').unwrap_or(rest).to_owned(), ..word.clone() })
                };
                found.push(match value {
                    Some(value) => (Given::Option(option), value),
                    None => (Given::Lacking(option), word.clone()),
                });
                break;
            }
        }
    }
    found
}

/// An option without value that matters to this program.
fn flag(kind: Kind, name: &str) -> Option<&'static str> {
    match name {
        "--editable" if matches!(kind, Kind::UvAdd | Kind::UvToolInstall) => Some("--editable"),
        // What `uv` builds from source; with `pip` it takes the names of packages.
        "--no-binary" if matches!(kind, Kind::UvAdd | Kind::UvRun | Kind::UvTool | Kind::UvToolInstall) => {
            Some("--no-binary")
        }
        "--script" if kind == Kind::UvRun => Some("--script"),
        "--no-index" => Some("--no-index"),
        _ => None,
    }
}

/// The name under which the option is known here; none where it takes no value.
fn full(name: &str) -> Option<&'static str> {
    let name = match name {
        "--requirements" => "--requirement",
        "--constraints" | "--override" | "--overrides" => "--constraint",
        // Beginnings that pip takes for the whole.
        "--extra-index" => "--extra-index-url",
        name => name,
    };
    WITH_VALUE.iter().copied().find(|known| *known == name)
}

/// Whether an option before a subcommand takes a value.
pub(super) fn takes_value(option: &str) -> bool {
    full(option).is_some() || option == "-p"
}

/// The words behind the options of a program that only runs another one.
pub(super) fn skip<'w>(words: &'w [Word], with_value: &[&str]) -> &'w [Word] {
    let mut rest = words;
    while let Some((word, behind)) = rest.split_first() {
        let text = word.text.as_str();
        if !text.starts_with('-') || text == "-" {
            break;
        }
        rest = if with_value.contains(&text) { behind.get(1..).unwrap_or_default() } else { behind };
        if text == "--" {
            break;
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_sorted() {
        let mut names = WITH_VALUE.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), WITH_VALUE.len());
    }
}
