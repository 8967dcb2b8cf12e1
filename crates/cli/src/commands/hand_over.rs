//! How the tool of a project is told the indexes that were typed: by variables of the environment, so that no password
//! stands in a command, which tools write into the heads of files.
//!
//! Sources: uv documentation, *Environment variables* and *Package indexes*; pip documentation, *Configuration*; PDM
//! documentation, *Available configurations*; pip-tools 7 (`writer.py` writes addresses as it got them); Poetry documentation,
//! *Repositories*.

use std::fs;
use std::path::Path;
use std::process::Command;

use weighbridge_net::index::which::without_user;

use crate::args::Indexes;
use crate::env_vars::Environment;
use crate::printer::printable;

/// What a tool is told.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Handed {
    /// Variables to set.
    set: Vec<(String, String)>,
    /// Variables that would name other indexes.
    unset: Vec<&'static str>,
    /// User and password of addresses, as they were typed.
    secrets: Vec<String>,
    /// What the tool takes from nobody.
    pub(super) note: Option<&'static str>,
}

/// How `tool`, called with these arguments, is told the indexes.
///
/// # Errors
/// Why it must not be.
pub(super) fn hand_over(
    tool: &str,
    arguments: &[String],
    typed: &Indexes,
    environment: &Environment,
) -> Result<Handed, &'static str> {
    if typed.index_url.is_none() && typed.extra_index_url.is_empty() {
        return Ok(Handed::default());
    }
    let all = || typed.index_url.iter().chain(&typed.extra_index_url);
    let mut handed = Handed { secrets: all().filter_map(|url| user_of(url)).collect(), ..Handed::default() };
    match tool {
        "uv" => {
            const OTHERS: &[&str] = &["UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"];
            handed.for_uv(typed, environment);
            handed.unset.extend(OTHERS.iter().filter(|_| typed.index_url.is_some()));
            handed.note = is_named(arguments, &["--default-index"]);
        }
        "pip" | "pip-compile" => {
            if tool == "pip-compile"
                && !handed.secrets.is_empty()
                && !arguments.iter().any(|it| it == "--no-emit-index-url")
            {
                return Err(
                    "pip-compile would write the password of the index into it: put that into `.netrc`, or \
                            compile with `--no-emit-index-url`",
                );
            }
            handed.for_pip(typed, environment);
            handed.note = is_named(arguments, &["--index-url", "-i"]);
        }
        "pdm" => {
            if let Some(url) = &typed.index_url {
                let (address, user) = without_user(url);
                handed.set("PDM_PYPI_URL", address);
                if let Some((name, password)) = user {
                    handed.set("PDM_PYPI_USERNAME", name);
                    password.into_iter().for_each(|it| handed.set("PDM_PYPI_PASSWORD", it));
                }
            }
            let has_more = !typed.extra_index_url.is_empty();
            handed.note = has_more.then_some("takes no further index from outside: those are its own");
        }
        _ => handed.note = Some("takes no index from outside: it asked its own sources"),
    }
    Ok(handed)
}

impl Handed {
    fn set(&mut self, name: impl Into<String>, value: String) {
        self.set.push((name.into(), value));
    }

    /// Each index has a name, to which its user and password belong.
    fn for_uv(&mut self, typed: &Indexes, environment: &Environment) {
        let mut named = |name: &str, url: &String| {
            let (address, user) = without_user(url);
            if let Some((user, password)) = user {
                let of = name.to_ascii_uppercase();
                self.set(format!("UV_INDEX_{of}_USERNAME"), user);
                password.into_iter().for_each(|it| self.set(format!("UV_INDEX_{of}_PASSWORD"), it));
            }
            format!("{name}={address}")
        };
        let main = typed.index_url.as_ref().map(|url| named("weighbridge", url));
        let extra = (1u32..).zip(&typed.extra_index_url);
        let mut extra: Vec<String> = extra.map(|(at, url)| named(&format!("weighbridge{at}"), url)).collect();
        if main.is_none() {
            extra.extend(environment.text("UV_INDEX"));
        }
        if let Some(main) = main {
            self.set("UV_DEFAULT_INDEX", main);
        }
        if !extra.is_empty() {
            self.set("UV_INDEX", extra.join(" "));
        }
    }

    fn for_pip(&mut self, typed: &Indexes, environment: &Environment) {
        let mut extra = typed.extra_index_url.clone();
        match &typed.index_url {
            Some(url) => {
                self.set("PIP_INDEX_URL", url.clone());
                self.unset.push("PIP_EXTRA_INDEX_URL");
            }
            None => extra.extend(environment.text("PIP_EXTRA_INDEX_URL")),
        }
        if !extra.is_empty() {
            self.set("PIP_EXTRA_INDEX_URL", extra.join(" "));
        }
    }

    /// Tells a command.
    pub(super) fn tell(&self, command: &mut Command) {
        for name in &self.unset {
            command.env_remove(name);
        }
        command.envs(self.set.iter().map(|(name, value)| (name, value)));
    }

    /// What a tool said, fit to be shown.
    pub(super) fn shown(&self, said: &str) -> String {
        let hidden = self.secrets.iter().fold(said.to_owned(), |text, secret| text.replace(secret, "…@"));
        printable(&hidden)
    }

    /// Whether a tool has written a user and a password into a file. What cannot be read counts as such.
    pub(super) fn stands_in(&self, path: &Path) -> bool {
        if self.secrets.is_empty() {
            return false;
        }
        let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        text.map_or(true, |text| self.secrets.iter().any(|secret| text.contains(secret)))
    }
}

/// `USER:PASSWORD@` of an address, as it is written.
fn user_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit_once('@').map(|(user, _)| format!("{user}@"))
}

/// What is to be said where the command itself names an index.
fn is_named(arguments: &[String], options: &[&str]) -> Option<&'static str> {
    let names = |word: &String| options.contains(&word.split('=').next().unwrap_or_default());
    arguments.iter().any(names).then_some("asked the index that its command names")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a tool is told of these indexes, the first of which is the main one if it begins with `=`.
    #[track_caller]
    fn check(tool: &str, arguments: &str, urls: &[&str], expected: &str) {
        let index_url = urls.first().and_then(|url| url.strip_prefix('=')).map(str::to_owned);
        let extra = urls.iter().filter(|url| !url.starts_with('='));
        let typed = Indexes { index_url, extra_index_url: extra.map(|url| (*url).to_owned()).collect() };
        let environment =
            [("UV_INDEX", "https://own.example"), ("PIP_EXTRA_INDEX_URL", "https://own.example")];
        let environment = environment.map(|(name, value)| (name.into(), value.into()));
        let environment = Environment::from_pairs(environment);
        let arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        let told = match hand_over(tool, &arguments, &typed, &environment) {
            Err(reason) => format!("no: {reason:.50}"),
            Ok(handed) => {
                let set: Vec<String> =
                    handed.set.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let note = handed.note.map(|note| format!(" ({note:.20})")).unwrap_or_default();
                set.join(", ") + &note
            }
        };
        assert_eq!(told, expected, "{tool} {arguments:?}");
    }

    #[test]
    fn each_tool_has_its_own_way() {
        const A: &str = "=https://u:p%40@a.example/s";
        const B: &str = "https://b.example/s";
        check("uv", "lock", &[], "");
        check(
            "uv",
            "lock",
            &[A, B],
            "UV_INDEX_WEIGHBRIDGE_USERNAME=u, UV_INDEX_WEIGHBRIDGE_PASSWORD=p@, \
             UV_DEFAULT_INDEX=weighbridge=https://a.example/s, UV_INDEX=weighbridge1=https://b.example/s",
        );
        check("uv", "lock", &[B], "UV_INDEX=weighbridge1=https://b.example/s https://own.example");
        check(
            "uv",
            "pip compile --default-index https://c.example",
            &["=https://a.example"],
            "UV_DEFAULT_INDEX=weighbridge=https://a.example (asked the index that)",
        );
        check(
            "pip",
            "",
            &[A, B],
            "PIP_INDEX_URL=https://u:p%40@a.example/s, PIP_EXTRA_INDEX_URL=https://b.example/s",
        );
        check("pip", "", &[B], "PIP_EXTRA_INDEX_URL=https://b.example/s https://own.example");
        check("pip-compile", "a.in", &["=https://a.example"], "PIP_INDEX_URL=https://a.example");
        check("pip-compile", "a.in", &[A], "no: pip-compile would write the password of the index ");
        check("pip-compile", "--no-emit-index-url", &[A], "PIP_INDEX_URL=https://u:p%40@a.example/s");
        check(
            "pip-compile",
            "--index-url=https://c.example",
            &["=https://a.example"],
            "PIP_INDEX_URL=https://a.example (asked the index that)",
        );
        check(
            "pdm",
            "update",
            &[A, B],
            "PDM_PYPI_URL=https://a.example/s, PDM_PYPI_USERNAME=u, PDM_PYPI_PASSWORD=p@ (takes no further ind)",
        );
        check("poetry", "update", &[A], " (takes no index from )");
    }

    #[test]
    fn passwords_are_hidden_and_found_again() {
        let handed = Handed { secrets: vec!["u:p%40@".to_owned()], ..Handed::default() };
        assert_eq!(handed.shown("cannot ask https://u:p%40@a.example"), "cannot ask https://…@a.example");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert!(handed.stands_in(&path) && !Handed::default().stands_in(&path));
        fs::write(&path, "--index-url https://a.example").unwrap();
        assert!(!handed.stands_in(&path));
        fs::write(&path, "--index-url https://u:p%40@a.example").unwrap();
        assert!(handed.stands_in(&path));
    }
}
