//! Writes a plan into a project: exact versions in its manifests are replaced where they stand, its lock is brought up to
//! date by the tool that wrote it, and what neither can hold goes into a file of constraints.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use weighbridge_advisory::pep440::Version;
use weighbridge_core::context::Context;
use weighbridge_core::fact::What;
use weighbridge_core::name::PackageName;
use weighbridge_core::opener::Opener as _;
use weighbridge_core::place::{Place, Span};
use weighbridge_engine::mend::{Change, Line};
use weighbridge_engine::read::{Options, read};
use weighbridge_net::feed::atomic::replace_file;
use weighbridge_net::open;
use weighbridge_read::READERS;
use weighbridge_resolve::Plan;

use super::compiled::{Compiled, compiled};
use super::hand_over::{Handed, hand_over};
use crate::args::Indexes;
use crate::errors::Failure;
use crate::exit::Exit;
use crate::printer::{Printer, printable};
use crate::setup::Setup;

/// The file for what no other file can hold.
const CONSTRAINTS: &str = "weighbridge-constraints.txt";

/// The lock files that a tool brings up to date.
const LOCKS: [&str; 3] = ["pdm.lock", "poetry.lock", "uv.lock"];

/// New versions by name.
type Versions<'p> = BTreeMap<&'p PackageName, &'p Version>;

/// What to write, where, and with what.
pub(super) struct Order<'a> {
    /// All projects that have something to be mended.
    pub(super) changes: &'a [Change],
    /// Those that move something, with their plans.
    pub(super) plans: &'a [(&'a Change, &'a Plan)],
    /// The folder that was named.
    pub(super) target: &'a Path,
    /// The indexes that were typed, which the tools are to ask as well.
    pub(super) indexes: &'a Indexes,
    /// The worst vulnerability of a version that a tool chose, if it is one that was to be mended.
    pub(super) flaw: &'a dyn Fn(&PackageName, &Version) -> Option<String>,
    pub(super) context: &'a Context,
}

/// Writes the plans of all projects, or of none. Fails the exit code if a tool chose versions that are no better.
///
/// # Errors
/// An environment has no files that could be written; a file cannot be read or written; a project's tool fails. In all
/// projects everything is as it was, or the hints say what is not.
pub(super) fn run(order: &Order<'_>, setup: &Setup, printer: &Printer) -> Result<Exit, Failure> {
    if let Some((change, plan)) = order.plans.iter().find(|(change, _)| change.is_environment) {
        return Err(Failure::usage(format!(
            "`{}` is an environment and has no files to write to",
            change.name
        ))
        .hint(format!("pip install {}", pins(&versions(plan)).join(" "))));
    }
    shared(order)?;
    let mut before = Before::default();
    let (mut text, mut exit) = (String::new(), Exit::Pass);
    for (change, plan) in order.plans {
        let mut job = Job { order, setup, printer, before: &mut before, done: Done::default() };
        match job.project(change, plan) {
            Ok(()) => {
                let _ = write!(text, "\napplied to {}\n{}", change.name, job.done.text);
                exit = if job.done.is_worse { Exit::Fail } else { exit };
            }
            Err(failure) => return Err(before.restore(failure)),
        }
    }
    printer.out(|out| out.write_all(printable(&text).as_bytes()))?;
    Ok(exit)
}

/// Looks whether projects that share a line of a file have the same plan for it.
///
/// # Errors
/// They have not: what mends one would change the other.
fn shared(order: &Order<'_>) -> Result<(), Failure> {
    let mut known: BTreeMap<Shared<'_>, &Change> = BTreeMap::new();
    for change in order.changes {
        for line in change.lines.iter().filter(|line| line.is_exact) {
            let other = *known.entry((&line.place, line.span.as_ref(), &line.name)).or_insert(change);
            let (theirs, ours) = (goes_to(other, &line.name), goes_to(change, &line.name));
            if theirs != ours {
                let told = |to: Option<&Version>| to.map_or("stays".to_owned(), |to| format!("goes to {to}"));
                let message = format!(
                    "`{}` is shared by {} and {}, and of its {} the plans differ: it {} for the one and {} for the other",
                    line.place.path,
                    other.name,
                    change.name,
                    line.name,
                    told(theirs),
                    told(ours)
                );
                let hint = "let each of them name its own version, or lift what holds it back in one of them";
                return Err(Failure::new(Exit::Fail, message).hint(hint));
            }
        }
    }
    Ok(())
}

/// Where a line of a file names a package.
type Shared<'a> = (&'a Place, Option<&'a Span>, &'a PackageName);

/// The version to which a package is planned to move.
fn goes_to<'c>(change: &'c Change, name: &PackageName) -> Option<&'c Version> {
    let plan = change.plan.as_ref().ok()?;
    plan.moves.iter().find(|moved| moved.name == *name)?.to.as_ref()
}

fn versions(plan: &Plan) -> Versions<'_> {
    plan.moves.iter().filter_map(|moved| Some((&moved.name, moved.to.as_ref()?))).collect()
}

/// The work on one project.
struct Job<'a> {
    order: &'a Order<'a>,
    setup: &'a Setup,
    printer: &'a Printer,
    before: &'a mut Before,
    done: Done,
}

/// What was done.
#[derive(Default)]
struct Done {
    /// For the user.
    text: String,
    /// What stands in a file now, in the planned version or the one that the tool chose.
    held: BTreeSet<PackageName>,
    /// A tool chose a version that has what was to be mended.
    is_worse: bool,
}

impl Done {
    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "  {line}");
    }
}

impl Job<'_> {
    fn project(&mut self, change: &Change, plan: &Plan) -> Result<(), Failure> {
        let Order { target, context, .. } = *self.order;
        let versions = versions(plan);
        let (folder, constraints) = home(target, &change.folder);
        let compiled = compiled_files(change, target)?;
        let edited = edit(change, &versions, target, &compiled, &|path| self.before.has(path))?;
        for (path, edited) in edited {
            if !edited.lines.is_empty() {
                self.write(&path, &edited.text)?;
                self.done.line(&format!("wrote {}: {}", path.display(), edited.lines.join(", ")));
            }
            self.done.held.extend(edited.held.into_iter().cloned());
        }
        for (path, compiled) in in_order(compiled) {
            let shown = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
            match compiled {
                Ok(compiled) => {
                    let there = standing(&path, context)?;
                    let added = plan.moves.iter().filter(|moved| moved.from.is_none()).map(|it| &it.name);
                    let added: BTreeSet<&PackageName> = added.collect();
                    let wanted = versions.iter().map(|(name, version)| (*name, *version));
                    let wanted =
                        wanted.filter(|(name, _)| there.contains_key(*name) || added.contains(*name));
                    let wanted: Versions<'_> = wanted.collect();
                    // What stands nowhere in the file needs no new version there.
                    if wanted.keys().any(|name| there.contains_key(*name)) {
                        let tool = Tool::of_compiled(&compiled, &wanted);
                        self.drive(&tool, (&path, &shown), &wanted)?;
                    }
                }
                Err(reason) => self.done.line(&format!("{shown} is not brought up to date: {reason}")),
            }
        }
        for lock in change.locks.iter().filter(|lock| LOCKS.contains(&lock.name())) {
            let path = target.join(&*lock.path);
            // Poetry and PDM take no name that their lock does not have; what is new they add by themselves.
            let there = standing(&path, context)?;
            let tool = Tool::of(lock.name(), &folder, &versions, &|name| there.contains_key(name));
            if let Some(tool) = tool {
                self.drive(&tool, (&path, lock.name()), &versions)?;
            }
        }
        let left = versions.iter().filter(|(name, _)| !self.done.held.contains(**name));
        let left: Versions<'_> = left.map(|(name, version)| (*name, *version)).collect();
        if !left.is_empty() {
            let path = folder.join(&constraints);
            let head = "# Versions that weighbridge fix has planned; use with `pip install -c`.\n";
            let lines = pins(&left).into_iter().map(|pin| format!("{pin}\n"));
            self.write(&path, &lines.fold(head.to_owned(), |text, line| text + &line))?;
            self.done.line(&format!("wrote {}: install with `-c {constraints}`", path.display()));
        }
        Ok(())
    }

    fn write(&mut self, path: &Path, text: &str) -> Result<(), Failure> {
        self.before.keep(path)?;
        replace_file(path, |out| out.write_all(text.as_bytes()))
            .map_err(|error| Failure::unwritten(&format!("`{}`", path.display()), &error))
    }

    /// Lets a tool bring its file up to date and looks at what it chose.
    fn drive(
        &mut self,
        tool: &Tool,
        (path, shown): (&Path, &str),
        versions: &Versions<'_>,
    ) -> Result<(), Failure> {
        let (environment, indexes) = (&self.setup.environment, self.order.indexes);
        let program = environment.program(tool.name).ok_or_else(|| format!("{} is not installed", tool.name));
        let handed = hand_over(tool.name, &tool.arguments, indexes, environment).map_err(str::to_owned);
        let (program, handed) = match program.and_then(|program| Ok((program, handed?))) {
            Ok(both) => both,
            Err(reason) => {
                self.done.line(&format!("{shown} is not brought up to date: {reason}"));
                return Ok(());
            }
        };
        self.before.keep(path)?;
        let command = tool.run(&program, &handed)?;
        if handed.stands_in(path) {
            let message = format!("{} wrote the password of the index into `{}`", tool.name, path.display());
            return Err(Failure::new(Exit::Fail, message).hint("put it into `.netrc`"));
        }
        self.printer.detail(&format!("ran {command}"));
        let mut count = 0usize;
        let mut other = Vec::new();
        let chosen = standing(path, self.order.context)?;
        for (name, version) in versions {
            let Some(found) = chosen.get(*name) else { continue };
            self.done.held.insert((*name).clone());
            if found.contains(*version) {
                count = count.saturating_add(1);
                continue;
            }
            let list: Vec<String> = found.iter().map(ToString::to_string).collect();
            let flaw = found.iter().find_map(|version| (self.order.flaw)(name, version));
            self.done.is_worse |= flaw.is_some();
            let flaw = flaw.map(|flaw| format!(", which has {flaw}")).unwrap_or_default();
            other.push(format!("{} chose {name} {} and not {version}{flaw}", tool.name, list.join(" and ")));
        }
        let counted = if count == 1 { "1 version".to_owned() } else { format!("{count} versions") };
        self.done.line(&format!("{} brought {shown} up to date: {counted} as planned", tool.name));
        let note = handed.note.map(|note| format!("{} {note}", tool.name));
        other.iter().chain(&note).for_each(|line| self.done.line(line));
        Ok(())
    }
}

/// What files were before anything was written; nothing for those that were not there.
#[derive(Default)]
struct Before(Vec<(PathBuf, Option<Vec<u8>>)>);

impl Before {
    /// Whether a file is kept, because something was written to it.
    fn has(&self, path: &Path) -> bool {
        self.0.iter().any(|(known, _)| known == path)
    }

    /// Keeps a file as it is now, if it is not kept already.
    fn keep(&mut self, path: &Path) -> Result<(), Failure> {
        if self.has(path) {
            return Ok(());
        }
        let bytes = match fs::read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::unreadable(path, &error)),
        };
        self.0.push((path.to_owned(), bytes));
        Ok(())
    }

    /// Makes all files what they were, and says so with the failure, or which of them are not.
    fn restore(&self, failure: Failure) -> Failure {
        let mut changed = Vec::new();
        for (path, bytes) in self.0.iter().rev() {
            let restored = match bytes {
                Some(bytes) if fs::read(path).is_ok_and(|now| now == *bytes) => Ok(()),
                Some(bytes) => replace_file(path, |out| out.write_all(bytes)),
                None => match fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    _ => Ok(()),
                },
            };
            changed
                .extend(restored.err().map(|error| format!("`{}` stays changed: {error}", path.display())));
        }
        if changed.is_empty() {
            return failure.hint("nothing was changed");
        }
        changed.into_iter().fold(failure, Failure::hint)
    }
}

/// The folder of a project, and what its file of constraints is called. A script or a Dockerfile is a project by itself and
/// shares its folder with others.
fn home(target: &Path, folder: &str) -> (PathBuf, String) {
    let path = target.join(folder);
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if path.is_file() => {
            let (stem, ending) = CONSTRAINTS.rsplit_once('.').unwrap_or((CONSTRAINTS, ""));
            (parent.to_owned(), format!("{stem}-{}.{ending}", name.to_string_lossy()))
        }
        _ => (path, CONSTRAINTS.to_owned()),
    }
}

/// The versions that stand in a lock or a compiled file.
fn standing(path: &Path, context: &Context) -> Result<BTreeMap<PackageName, BTreeSet<Version>>, Failure> {
    let mut found: BTreeMap<PackageName, BTreeSet<Version>> = BTreeMap::new();
    let mut add = |name: PackageName, version: &str| {
        found.entry(name).or_default().extend(Version::parse(version).ok());
    };
    if path.extension().is_some_and(|it| it == "txt") {
        let text = fs::read_to_string(path).map_err(|error| Failure::unreadable(path, &error))?;
        for (name, rest) in text.lines().filter_map(|line| line.split_once("==")) {
            let end = |letter: char| letter.is_whitespace() || ";\\#".contains(letter);
            let version = rest.split(end).next().unwrap_or_default();
            if let Ok(name) = PackageName::new(name.split('[').next().unwrap_or_default().trim()) {
                add(name, version);
            }
        }
        return Ok(found);
    }
    let opened = open::path::Path.open(&path.to_string_lossy(), context)?;
    let options = Options { readers: READERS, exclude: &[], jobs: NonZeroUsize::new(1) };
    let readings = read(vec![opened], &options, context, &())?;
    for fact in readings.facts.values().flatten() {
        if let What::Locked(locked) = &fact.what
            && let Some(version) = &locked.version
        {
            add(locked.name.clone(), version);
        }
    }
    Ok(found)
}

/// The files of the project that a tool compiled, by path; why they cannot be compiled again where that is so.
type CompiledFiles = BTreeMap<PathBuf, Result<Compiled, String>>;

fn compiled_files(change: &Change, target: &Path) -> Result<CompiledFiles, Failure> {
    let manifests = change.lines.iter().map(|line| &line.place).filter(|it| it.inner.is_empty());
    let locks = change.locks.iter().filter(|lock| lock.name().starts_with("pylock"));
    let places: BTreeSet<&Place> = manifests.chain(locks).collect();
    let mut found = BTreeMap::new();
    for place in places.into_iter().filter(|it| it.path.ends_with(".txt") || it.path.ends_with(".toml")) {
        let path = target.join(&*place.path);
        let text = fs::read_to_string(&path).map_err(|error| Failure::unreadable(&path, &error))?;
        let real = path.canonicalize().map_err(|error| Failure::unreadable(&path, &error))?;
        if let Some(compiled) = compiled(&real, &text) {
            found.insert(path, compiled);
        }
    }
    Ok(found)
}

/// The files in an order in which those come first on which others build.
fn in_order(mut files: CompiledFiles) -> Vec<(PathBuf, Result<Compiled, String>)> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut waits: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    for (path, compiled) in &files {
        let named = compiled.as_ref().map(Compiled::stands_on).unwrap_or_default();
        let named = named.iter().map(|it| real(it)).filter(|it| *it != real(path));
        waits.insert(path.clone(), named.collect());
    }
    let mut ordered = Vec::new();
    while let Some(first) = files.keys().next() {
        let is_ready = |path: &&PathBuf| {
            let waits = waits.get(*path);
            !files.keys().any(|other| waits.is_some_and(|waits| waits.contains(&real(other))))
        };
        // In a circle any of them is the first.
        let next = files.keys().find(is_ready).unwrap_or(first).clone();
        if let Some(compiled) = files.remove(&next) {
            ordered.push((next, compiled));
        }
    }
    ordered
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
    compiled: &CompiledFiles,
    is_written: &dyn Fn(&Path) -> bool,
) -> Result<BTreeMap<PathBuf, Edited<'p>>, Failure> {
    let mut by_file: BTreeMap<PathBuf, Vec<&Line>> = BTreeMap::new();
    for line in change.lines.iter().filter(|line| line.is_exact && line.place.inner.is_empty()) {
        by_file.entry(target.join(&*line.place.path)).or_default().push(line);
    }
    // What a tool wrote it writes anew.
    by_file.retain(|path, _| !compiled.contains_key(path));
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
            let version = version.to_string();
            if let Some(new) = replaced(row, old, &version) {
                *row = new;
                file.lines.push(format!("{name} {old} → {version}"));
                file.held.push(*name);
            } else if is_written(&path) && replaced(row, &version, &version).is_some() {
                // Another project that has the file wanted the same.
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
    /// Where it runs.
    folder: PathBuf,
    arguments: Vec<String>,
}

impl Tool {
    /// The tool of a lock file; none for those that no tool brings up to date in place.
    fn of(
        lock: &str,
        folder: &Path,
        versions: &Versions<'_>,
        has: &dyn Fn(&PackageName) -> bool,
    ) -> Option<Self> {
        let names = versions.keys().filter(|name| has(name)).map(ToString::to_string);
        let (name, fixed): (_, &[&str]) = match lock {
            "uv.lock" => ("uv", &["lock"]),
            "poetry.lock" => ("poetry", &["update", "--lock", "--no-interaction"]),
            "pdm.lock" => ("pdm", &["update", "--no-sync", "--update-reuse"]),
            _ => return None,
        };
        let mut arguments: Vec<String> = fixed.iter().map(|&word| word.to_owned()).collect();
        if name == "uv" {
            arguments.extend(upgrades(versions));
        } else {
            arguments.extend(names);
        }
        Some(Self { name, folder: folder.to_owned(), arguments })
    }

    /// The tool of a compiled file.
    fn of_compiled(compiled: &Compiled, versions: &Versions<'_>) -> Self {
        let arguments = compiled.arguments.iter().cloned().chain(upgrades(versions)).collect();
        Self { name: compiled.program, folder: compiled.folder.clone(), arguments }
    }

    /// Runs it and says how.
    fn run(&self, program: &Path, handed: &Handed) -> Result<String, Failure> {
        let shown = format!("{} {}", self.name, self.arguments.join(" "));
        let mut command = Command::new(program);
        handed.tell(&mut command);
        let output =
            command.args(&self.arguments).current_dir(&self.folder).stdin(Stdio::null()).output().map_err(
                |error| Failure::new(Exit::Internal, format!("cannot run `{shown}`")).because(&error),
            )?;
        if output.status.success() {
            return Ok(shown);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = said.lines().rev().filter(|line| !line.trim().is_empty()).take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        let (folder, said) = (self.folder.display(), handed.shown(&last.join(" / ")));
        Err(Failure::new(Exit::Fail, format!("`{shown}` failed in `{folder}`: {said}")))
    }
}

fn upgrades(versions: &Versions<'_>) -> impl Iterator<Item = String> {
    pins(versions).into_iter().flat_map(|pin| ["--upgrade-package".to_owned(), pin])
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
