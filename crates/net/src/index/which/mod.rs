//! Which indexes the user's own installer would ask, and why those.
//!
//! The order, the first that names an index wins: what was typed; what the project says; the environment; configuration
//! files; a lock file; the default that is built into the installer, which is asked for it. Where a project is one of uv,
//! uv's variables and files go before pip's, else after them: who has configured only one of them means it for both.
//!
//! Sources: pip documentation, *Configuration* and *Requirements File Format*; uv documentation, *Package indexes* and
//! *Settings*; Poetry documentation, *Repositories*; PDM documentation, *Configure the project*.

mod ask;
mod ini;
mod netrc;
mod pdm;
mod pip;
mod poetry;
mod project;
mod uv;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use weighbridge_core::context::Secret;
use weighbridge_core::name::NamePattern;

use super::IndexError;
use super::page::normalised;
use crate::remote::url::{Url, decode};

/// Most bytes of a configuration file.
const MOST_BYTES: u64 = 1 << 20;

/// The indexes in use, the first first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Indexes {
    /// Which of several indexes counts.
    pub order: Order,
    /// The indexes.
    pub list: Vec<Index>,
    /// Projects that come from one index alone: normalised name, and the name of the index.
    pub assigned: BTreeMap<String, String>,
    /// What the user should know about the choice.
    pub notes: Vec<String>,
    /// The Python of the installer, where one was asked for its index.
    pub python: Option<Pythonic>,
}

/// An installer and the Python it installs for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pythonic {
    /// The version of Python.
    pub python: String,
    /// The installer, such as `pip 24.0`.
    pub installer: String,
}

/// Which of several indexes counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The first that knows a project, as uv does.
    First,
    /// All together: the best version wins wherever it lies, as with pip.
    Together,
}

/// One index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Index {
    pub(crate) url: Url,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// It is asked only for projects that are assigned to it.
    pub is_explicit: bool,
    /// It is asked only about projects that the others do not know.
    pub is_last: bool,
    /// Which projects it is asked for, by their names.
    pub only: Only,
    /// What named it.
    pub why: String,
    user: Option<Secret>,
}

/// Which projects an index is asked for, by patterns of their names.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Only {
    /// These are asked of it and of no other one.
    pub included: Vec<NamePattern>,
    /// These are never asked of it.
    pub excluded: Vec<NamePattern>,
}

/// What an index is asked for by whom, as far as the choice depends on it.
#[derive(Clone, Default, Debug)]
pub struct Surroundings {
    /// The environment variables, by name, of [`VARIABLES`] at most.
    pub variables: BTreeMap<&'static str, String>,
    /// The user's home.
    pub home: Option<PathBuf>,
    /// The user's folder of configurations.
    pub configurations: Option<PathBuf>,
    /// The folder or file that is weighed, where it is one of this machine.
    pub target: Option<PathBuf>,
    /// `--index-url`.
    pub typed: Option<String>,
    /// Every `--extra-index-url`.
    pub typed_extra: Vec<String>,
    /// Whether installed programs may be asked for their default.
    pub may_ask: bool,
}

/// The environment variables that matter, sorted.
pub static VARIABLES: &[&str] = &[
    "NETRC",
    "PIP_CERT",
    "PIP_CONFIG_FILE",
    "PIP_EXTRA_INDEX_URL",
    "PIP_INDEX_URL",
    "PIP_NO_INDEX",
    "UV_CONFIG_FILE",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_INDEX",
    "UV_INDEX_STRATEGY",
    "UV_INDEX_URL",
    "UV_NO_CONFIG",
    "VIRTUAL_ENV",
];

/// What one place says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Said {
    /// The index that takes the place of the built-in one.
    main: Option<Named>,
    /// What is said of the usual index without saying where it lies.
    usual: Option<Named>,
    /// More indexes.
    extra: Vec<Named>,
    /// No index at all.
    none: Option<String>,
    order: Option<Order>,
    assigned: BTreeMap<String, String>,
    notes: Vec<String>,
}

/// An index as it is written somewhere.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Named {
    url: String,
    name: Option<String>,
    is_explicit: bool,
    is_last: bool,
    only: Only,
    why: String,
}

impl Named {
    fn new(url: &str, why: impl Into<String>) -> Self {
        Self { url: url.trim().to_owned(), why: why.into(), ..Self::default() }
    }
}

/// Finds the indexes.
///
/// # Errors
/// [`IndexError::NoIndex`] where nothing names one, or what names it is wrong.
pub fn choose(around: &Surroundings) -> Result<Indexes, IndexError> {
    let project = project::read(around)?;
    let by_uv = project.is_of_uv;
    let typed = Said {
        main: around.typed.as_deref().map(|url| Named::new(url, "`--index-url`")),
        extra: around.typed_extra.iter().map(|url| Named::new(url, "`--extra-index-url`")).collect(),
        ..Said::default()
    };
    let (pip, uv) = (
        [pip::environment(&around.variables), pip::files(around)?],
        [uv::environment(&around.variables), uv::files(around)?],
    );
    let (first, second) = if by_uv { (uv, pip) } else { (pip, uv) };
    let [first_environment, first_files] = first;
    let [second_environment, second_files] = second;
    let places = [
        typed,
        project.said,
        first_environment,
        second_environment,
        first_files,
        second_files,
        project.locked,
    ];
    let order = places.iter().find_map(|said| said.order);
    let order = order.unwrap_or(if by_uv { Order::First } else { Order::Together });
    let mut chosen = Said::default();
    for said in places {
        chosen.notes.extend(said.notes);
        for (project, index) in said.assigned {
            chosen.assigned.entry(project).or_insert(index);
        }
        // A main index replaces everything that later places say; further ones add up until then, as both installers do.
        if chosen.main.is_none() && chosen.none.is_none() {
            chosen.extra.extend(said.extra);
            chosen.usual = chosen.usual.or(said.usual);
            (chosen.main, chosen.none) = (said.main, said.none);
        }
    }
    if let Some(why) = chosen.none {
        return Err(IndexError::NoIndex(format!("{why} forbids all of them")));
    }
    let (main, python) = match chosen.main {
        Some(main) => (main, None),
        None => ask::for_default(around.may_ask, by_uv)?,
    };
    let main = match chosen.usual {
        Some(usual) => Named { url: main.url, why: main.why, ..usual },
        None => main,
    };
    let users = netrc::read(around);
    let mut list = Vec::new();
    // uv asks the further ones first; for pip the order does not matter but among files of one name.
    let mut named = match order {
        Order::First => chosen.extra.into_iter().chain([main]).collect::<Vec<_>>(),
        Order::Together => [main].into_iter().chain(chosen.extra).collect(),
    };
    named.sort_by_key(|named| named.is_last);
    for named in named {
        let index = Index::new(&named, &users)?;
        if !list.iter().any(|known: &Index| known.url == index.url) {
            list.push(index);
        }
    }
    Ok(Indexes { order, list, assigned: chosen.assigned, notes: chosen.notes, python })
}

/// The file of root certificates that the user's pip trusts, where the environment or its configuration names one.
///
/// # Errors
/// [`IndexError::NoIndex`] where a configuration file cannot be read.
pub fn certificates(around: &Surroundings) -> Result<Option<PathBuf>, IndexError> {
    if let Some(path) = around.variables.get("PIP_CERT").filter(|path| !path.is_empty()) {
        return Ok(Some(path.into()));
    }
    Ok(pip::certificates(around)?.map(PathBuf::from))
}

impl Index {
    fn new(named: &Named, users: &BTreeMap<String, (String, String)>) -> Result<Self, IndexError> {
        let (address, user) = without_user(&named.url);
        let url = Url::parse(&address)
            .map_err(|error| IndexError::NoIndex(format!("{} says so, but {error}", named.why)))?;
        // A name without a password is completed from the file of passwords, as pip does.
        let known = users.get(url.parts().0.split(':').next().unwrap_or_default());
        let user = match (user, known) {
            (Some((name, None)), Some((known, password))) if name == *known => {
                Some((name, Some(password.clone())))
            }
            (Some(user), _) => Some(user),
            (None, known) => known.map(|(name, password)| (name.clone(), Some(password.clone()))),
        };
        let user = user.map(|(name, password)| {
            let pair = format!("{name}:{}", password.unwrap_or_default());
            Secret::new(format!("Basic {}", base64(pair.as_bytes())))
        });
        let Named { name, is_explicit, is_last, only, why, .. } = named.clone();
        Ok(Self { url, name, is_explicit, is_last, only, why, user })
    }

    /// Its address, without user and password.
    pub fn address(&self) -> String {
        self.url.to_string()
    }
}

impl Indexes {
    /// The indexes at these addresses; for tests, and for whoever knows better.
    ///
    /// # Errors
    /// [`IndexError::NoIndex`] where one is no address to fetch from.
    pub fn at(order: Order, urls: &[&str]) -> Result<Self, IndexError> {
        let list = urls.iter().map(|url| Index::new(&Named::new(url, "the caller"), &BTreeMap::new()));
        let list = list.collect::<Result<_, _>>()?;
        Ok(Self { order, list, assigned: BTreeMap::new(), notes: Vec::new(), python: None })
    }

    /// The indexes to ask for a project with this normalised name.
    pub(super) fn for_project(&self, name: &str) -> Result<Vec<&Index>, IndexError> {
        let Some(assigned) = self.assigned.get(name) else {
            let holds = |patterns: &[NamePattern]| patterns.iter().any(|pattern| pattern.matches(name));
            let only: Vec<&Index> = self.list.iter().filter(|index| holds(&index.only.included)).collect();
            if !only.is_empty() {
                return Ok(only);
            }
            let open = self.list.iter().filter(|index| !index.is_explicit && !holds(&index.only.excluded));
            return Ok(open.collect());
        };
        let index = self.list.iter().find(|index| index.name.as_ref() == Some(assigned));
        index.map(|index| vec![index]).ok_or_else(|| {
            IndexError::NoIndex(format!(
                "`{name}` is to come from an index `{assigned}`, which nothing names"
            ))
        })
    }

    /// What to show to which origin.
    pub(super) fn users(&self) -> BTreeMap<String, Secret> {
        let users = self.list.iter().filter_map(|index| Some((index.url.origin(), index.user.clone()?)));
        users.collect()
    }

    /// One line for each index: where it lies, and what named it. No secret is in it.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.list.iter().map(|index| {
            let only = match index {
                Index { is_explicit: true, .. } => ", only for what is assigned to it",
                Index { is_last: true, .. } => ", only for what the others do not know",
                _ => "",
            };
            format!("`{}`, named by {}{only}", index.url, index.why)
        });
        lines.collect()
    }
}

/// An address without user and password, and these.
pub fn without_user(text: &str) -> (String, Option<(String, Option<String>)>) {
    let Some((scheme, rest)) = text.split_once("://") else { return (text.to_owned(), None) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some((user, host)) = authority.rsplit_once('@') else { return (text.to_owned(), None) };
    let (name, password) = match user.split_once(':') {
        Some((name, password)) => (name, Some(decode(password))),
        None => (user, None),
    };
    (format!("{scheme}://{host}{path}"), Some((decode(name), password)))
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for at in 0..4usize {
            let index = usize::try_from((bits >> (18 - 6 * at)) & 63).unwrap_or_default();
            match LETTERS.get(index) {
                Some(letter) if at <= group.len() => text.push(char::from(*letter)),
                _ => text.push('='),
            }
        }
    }
    text
}

/// The text of a configuration file; none if there is no such file.
fn text(path: &Path) -> Result<Option<String>, IndexError> {
    let failed =
        |reason: String| IndexError::NoIndex(format!("`{}` cannot be read: {reason}", path.display()));
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() && metadata.len() <= MOST_BYTES => {}
        Ok(metadata) if metadata.is_file() => {
            return Err(failed(format!("it has more than {MOST_BYTES} bytes")));
        }
        // A folder, or `/dev/null`.
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    }
    fs::read_to_string(path).map(Some).map_err(|error| failed(error.to_string()))
}

/// The value of a variable that is set to something.
fn variable<'a>(variables: &'a BTreeMap<&'static str, String>, name: &str) -> Option<&'a str> {
    variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
