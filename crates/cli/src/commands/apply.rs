//! Writes a plan into a project: exact versions in its manifests are replaced where they stand, its lock is brought up to
//! date by the tool that wrote it, and what neither can hold goes into a file of constraints.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use weighbridge_advisory::pep440::Version;
use weighbridge_core::name::PackageName;
use weighbridge_core::place::Span;
use weighbridge_engine::mend::{Change, Line};
use weighbridge_net::feed::atomic::replace_file;
use weighbridge_resolve::Plan;

use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::{Printer, printable};
use crate::setup::Setup;

/// The file for what no other file can hold.
const CONSTRAINTS: &str = "weighbridge-constraints.txt";

/// New versions by name.
type Versions<'p> = BTreeMap<&'p PackageName, &'p Version>;

/// Writes the plan of one project below `target`.
///
/// # Errors
/// An environment has no files that could be written; a file cannot be read or written; the project's tool fails.
pub(super) fn run(
    change: &Change,
    plan: &Plan,
    target: &Path,
    setup: &Setup,
    printer: &Printer,
) -> Result<(), Failure> {
    let versions: Versions<'_> =
        plan.moves.iter().filter_map(|moved| Some((&moved.name, moved.to.as_ref()?))).collect();
    if change.is_environment {
        return Err(Failure::usage(format!(
            "`{}` is an environment and has no files to write to",
            change.name
        ))
        .hint(format!("pip install {}", pins(&versions).join(" "))));
    }
    let folder = target.join(&change.folder);
    let mut done = String::new();
    let mut held: BTreeSet<&PackageName> = BTreeSet::new();
    for (path, edited) in edit(change, &versions, target)? {
        replace_file(&path, |out| out.write_all(edited.text.as_bytes()))
            .map_err(|error| Failure::unwritten(&format!("`{}`", path.display()), &error))?;
        let _ = writeln!(done, "  wrote {}: {}", path.display(), edited.lines.join(", "));
        held.extend(edited.held);
    }
    for lock in &change.locks {
        let Some(tool) = Tool::of(lock.name(), &versions) else { continue };
        match tool.run(&folder, setup)? {
            Some(command) => {
                printer.detail(&format!("ran {command}"));
                let count = versions.len();
                let _ =
                    writeln!(done, "  {} brought {} up to date: {count} versions", tool.name, lock.name());
                held.extend(versions.keys());
            }
            None => {
                let _ = writeln!(
                    done,
                    "  {} is not brought up to date: {} is not installed",
                    lock.name(),
                    tool.name
                );
            }
        }
    }
    let left: Versions<'_> =
        versions.iter().filter(|(name, _)| !held.contains(*name)).map(|(n, v)| (*n, *v)).collect();
    if !left.is_empty() {
        let path = folder.join(CONSTRAINTS);
        let mut text = "# Versions that weighbridge fix has planned; use with `pip install -c`.\n".to_owned();
        pins(&left).iter().for_each(|pin| text.push_str(&format!("{pin}\n")));
        replace_file(&path, |out| out.write_all(text.as_bytes()))
            .map_err(|error| Failure::unwritten(&format!("`{}`", path.display()), &error))?;
        let _ = writeln!(done, "  wrote {}: install with `-c {CONSTRAINTS}`", path.display());
    }
    printer.out(|out| out.write_all(printable(&format!("\napplied to {}\n{done}", change.name)).as_bytes()))
}

fn pins(versions: &Versions<'_>) -> Vec<String> {
    versions.iter().map(|(name, version)| format!("{name}=={version}")).collect()
}

/// A manifest as it should be.
#[derive(Default)]
struct Edited<'p> {
    text: String,
    /// What changed, for the user.
    lines: Vec<String>,
    /// The packages whose new version stands in it now.
    held: Vec<&'p PackageName>,
}

/// The manifests of the project with the new versions.
fn edit<'p>(
    change: &Change,
    versions: &Versions<'p>,
    target: &Path,
) -> Result<BTreeMap<PathBuf, Edited<'p>>, Failure> {
    let mut by_file: BTreeMap<PathBuf, Vec<&Line>> = BTreeMap::new();
    for line in change.lines.iter().filter(|line| line.is_exact && line.place.inner.is_empty()) {
        by_file.entry(target.join(&*line.place.path)).or_default().push(line);
    }
    let mut edited = BTreeMap::new();
    for (path, lines) in by_file {
        let before = fs::read_to_string(&path).map_err(|error| Failure::unreadable(&path, &error))?;
        let mut rows: Vec<String> = before.split_inclusive('\n').map(str::to_owned).collect();
        let mut file = Edited::default();
        for line in lines {
            let Some((name, version)) = versions.get_key_value(&line.name) else { continue };
            let Some(Span::Line(number)) = line.span else { continue };
            let at = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
            // A digest that belongs to the old version would make every installation fail.
            let has_digest = rows.iter().skip(at).take(2).any(|row| row.contains("--hash"));
            let Some(row) = rows.get_mut(at).filter(|_| !has_digest) else { continue };
            let old = line.specifier.trim_start_matches('=').trim();
            if let Some(new) = replaced(row, old, &version.to_string()) {
                *row = new;
                file.lines.push(format!("{name} {old} → {version}"));
                file.held.push(*name);
            }
        }
        if !file.held.is_empty() {
            file.text = rows.concat();
            edited.insert(path, file);
        }
    }
    Ok(edited)
}

/// The row with the version replaced; none where it does not stand there exactly once by itself.
fn replaced(row: &str, old: &str, new: &str) -> Option<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || ".+!_*".contains(letter);
    let stands_alone = |at: usize| {
        let before = row.get(..at).and_then(|text| text.chars().next_back());
        let after = row.get(at.saturating_add(old.len())..).and_then(|text| text.chars().next());
        !before.is_some_and(|it| is_part(it) || it == '-') && !after.is_some_and(is_part)
    };
    let mut found = row.match_indices(old).map(|(at, _)| at).filter(|at| stands_alone(*at));
    let (at, None) = (found.next()?, found.next()) else { return None };
    let (head, tail) = (row.get(..at)?, row.get(at.checked_add(old.len())?..)?);
    Some(format!("{head}{new}{tail}"))
}

/// The tool that writes a lock, and how it is told the new versions.
struct Tool {
    name: &'static str,
    arguments: Vec<String>,
}

impl Tool {
    /// The tool of a lock file; none for those that no tool brings up to date in place.
    fn of(lock: &str, versions: &Versions<'_>) -> Option<Self> {
        let names = versions.keys().map(ToString::to_string);
        match lock {
            "uv.lock" => {
                let upgrades =
                    pins(versions).into_iter().flat_map(|pin| ["--upgrade-package".to_owned(), pin]);
                Some(Self {
                    name: "uv",
                    arguments: ["lock".to_owned()].into_iter().chain(upgrades).collect(),
                })
            }
            "poetry.lock" => {
                let fixed = ["update", "--lock", "--no-interaction"].map(str::to_owned);
                Some(Self { name: "poetry", arguments: fixed.into_iter().chain(names).collect() })
            }
            "pdm.lock" => {
                let fixed = ["update", "--no-sync", "--update-reuse"].map(str::to_owned);
                Some(Self { name: "pdm", arguments: fixed.into_iter().chain(names).collect() })
            }
            _ => None,
        }
    }

    /// Runs it in the folder of the project and says how; none if it is not installed.
    fn run(&self, folder: &Path, setup: &Setup) -> Result<Option<String>, Failure> {
        let Some(program) = setup.environment.program(self.name) else { return Ok(None) };
        let shown = format!("{} {}", self.name, self.arguments.join(" "));
        let output = Command::new(program)
            .args(&self.arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Failure::new(Exit::Internal, format!("cannot run `{shown}`")).because(&error))?;
        if output.status.success() {
            return Ok(Some(shown));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = said.lines().rev().filter(|line| !line.trim().is_empty()).take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        Err(Failure::new(Exit::Fail, format!("`{shown}` failed: {}", printable(&last.join(" / "))))
            .hint("its lock is as it was; manifests may hold new versions already"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_replaced_where_it_stands_by_itself() {
        for (row, old, new, expected) in [
            ("a==1.0\n", "1.0", "2.0", Some("a==2.0\n")),
            ("a == 1.0  # keep 1\n", "1.0", "2.0", Some("a == 2.0  # keep 1\n")),
            (
                "  \"a[x]==1.0; python_version > '3'\",",
                "1.0",
                "2",
                Some("  \"a[x]==2; python_version > '3'\","),
            ),
            ("a = \"1.0\"", "1.0", "1.0.1", Some("a = \"1.0.1\"")),
            ("a==1.0.1", "1.0", "2", None),
            ("a==11.0", "1.0", "2", None),
            ("a==1.0  # was 1.0", "1.0", "2", None),
            ("a-1.0==1.0", "1.0", "2", Some("a-1.0==2")),
        ] {
            assert_eq!(replaced(row, old, new).as_deref(), expected, "{row}");
        }
    }
}
