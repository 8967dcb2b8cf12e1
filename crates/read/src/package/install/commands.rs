//! Which packages the commands of a script install.
//!
//! Source: the documentation of pip (*pip install*), uv (*Commands*), conda (*conda install*, *conda env create*) and
//! pipx. Whatever else a script does is passed over. What a command takes from a variable is told as a gap, and the
//! rest of the command is read. In Python code it is told and no gap: `noxfile.py` and `tasks.py` are full of it, nobody says
//! that they are run for what a project ships, and nobody could write it otherwise.

use std::borrow::Cow;
use std::rc::Rc;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{IndexKind, PackageIndex, Requirement, Role, What};
use weighbridge_core::sink::Follow;

use super::super::indexes::{self, Installer};
use super::super::notes::Notes;
use super::super::requirements::Line;
use super::super::text::{line_span, quoted};
use super::super::{match_spec, origin, requirement};
use super::image::Image;
use super::options::{self, Arguments, Given, Kind};
use super::shell::{Command, Script, Word, commands};
use super::variables::{self, Variables};

/// How often a command line may hold a command line (`sh -c "sh -c …"`).
const DEEPEST: usize = 8;
/// Most words of a command whose variables are filled in.
const MOST_FILLED: usize = 10_000;
/// How many programs in front of others are passed (`sudo env nice …`).
const MOST_WRAPPERS: usize = 32;

/// How often commands of loops are gone through in one file.
const MOST_ROUNDS: usize = 20_000;
/// Most loops in each other.
const MOST_LOOPS: usize = 64;

/// A loop over words that are written in the script.
#[derive(Clone)]
struct Loop {
    variable: String,
    values: Rc<[Word]>,
}

/// Reads commands, and puts what they install into the sink.
pub(super) struct Installs<'notes, 'sink> {
    pub(super) notes: &'notes mut Notes<'sink>,
    /// The folders in which the shells run that are in each other, as far as that is known: from where the script was
    /// started, or in the image. Each with the subshell for which it counts.
    folders: Vec<(u32, String)>,
    /// Where the files lie that a build has copied; none outside of images.
    pub(super) image: Option<Image>,
    pub(super) variables: Variables,
    /// Values of variables are filled in in the whole script that is read.
    filled_in: bool,
    /// The loops that are open, outermost first; none for one over what only running would tell.
    loops: Vec<Option<Loop>>,
    /// How often commands of loops may still be gone through.
    rounds: usize,
    depth: usize,
    /// They stand in code that nobody says is run: what only running it would tell is no gap.
    pub(super) is_code: bool,
}

impl<'notes, 'sink> Installs<'notes, 'sink> {
    pub(super) fn new(notes: &'notes mut Notes<'sink>) -> Self {
        Self {
            notes,
            folders: vec![(0, String::new())],
            image: None,
            variables: Variables::default(),
            filled_in: false,
            loops: Vec::new(),
            rounds: MOST_ROUNDS,
            depth: 0,
            is_code: false,
        }
    }

    /// Starts another shell in this folder.
    pub(super) fn enter(&mut self, folder: &str) {
        self.variables.forget_shell();
        self.loops.clear();
        self.folders = vec![(0, folder.to_owned())];
    }

    /// Goes on in another folder.
    pub(super) fn change_folder(&mut self, written: &Word) {
        let folder = match written.text.as_str() {
            // Where that leads depends on what came before.
            _ if !written.literal => return,
            "" | "-" => String::new(),
            path if self.image.is_none() && path.starts_with(['/', '~']) => String::new(),
            path => join(self.folder(), path),
        };
        if let Some((_, now)) = self.folders.last_mut() {
            *now = folder;
        }
    }

    /// Reads every command of a script.
    pub(super) fn script(&mut self, script: &Script) {
        if let Err(line) = commands(script, &mut |command| self.command(&command)) {
            self.notes.lost("commands nested deeper than anybody writes", line_span(number(line)));
        }
    }

    fn command(&mut self, command: &Command) {
        if self.notes.sink.is_full() {
            return;
        }
        self.go_to(&command.shells);
        if command.words.is_empty() {
            if let Some((text, line)) = &command.here {
                self.nested(text, *line);
            }
            return;
        }
        let loops = self.loops_of(&command.words);
        let rounds = loops.iter().try_fold(1usize, |rounds, it| rounds.checked_mul(it.values.len()));
        let left = rounds.and_then(|rounds| self.rounds.checked_sub(rounds));
        let (Some(rounds), Some(left), false) = (rounds, left, loops.is_empty()) else {
            let words = self.fill_in(&command.words, &[]);
            return self.words(&words, command.here.as_ref(), command.cut);
        };
        self.rounds = left;
        for round in 0..rounds {
            let mut rest = round;
            let mut bound = Vec::new();
            // The innermost goes fastest.
            for it in loops.iter().rev() {
                let count = it.values.len();
                let value = rest.checked_rem(count).and_then(|at| it.values.get(at));
                rest = rest.checked_div(count).unwrap_or_default();
                bound.extend(value.map(|value| (it.variable.clone(), value.clone())));
            }
            let values = bound.iter().map(|(variable, value)| (variable.clone(), value.text.clone()));
            self.variables.bind(values.collect());
            let words = self.fill_in(&command.words, &bound);
            self.words(&words, command.here.as_ref(), command.cut);
        }
        self.variables.bind(Vec::new());
    }

    /// The loops through whose values a command is to be gone: those whose variables it takes, outermost first.
    fn loops_of(&self, words: &[Word]) -> Vec<Loop> {
        // The head of a loop inside is one of its own, and not several.
        if words.iter().take(3).any(|word| matches!(word.text.as_str(), "for" | "select")) {
            return Vec::new();
        }
        let takes =
            |it: &&Loop| words.iter().any(|word| !word.literal && variables::takes(&word.text, &it.variable));
        let mut found: Vec<Loop> = Vec::new();
        if words.iter().all(|word| word.literal) {
            return found;
        }
        for it in self.loops.iter().rev().flatten().filter(takes).take(MOST_LOOPS) {
            if found.iter().all(|known| known.variable != it.variable) {
                found.push(it.clone());
            }
        }
        found.reverse();
        found
    }

    /// Goes into a loop: `for NAME in WORD…`.
    fn enter_loop(&mut self, rest: &[Word]) {
        let Some((variable, rest)) = rest.split_first() else { return self.loops.push(None) };
        // After it and for whoever does not go through the values, they are not known.
        self.variables.assign(&variable.text, None);
        let values = rest.split_first().filter(|(word, _)| word.text == "in").map(|(_, values)| values);
        let is_plain = |word: &Word| is_literal(word) && !word.text.contains(['*', '?']);
        let values = values.filter(|values| !values.is_empty() && values.iter().all(is_plain));
        let variable = variable.text.clone();
        self.loops.push(values.map(|values| Loop { variable, values: values.into() }));
    }

    /// The words with their variables filled in, where all of a word are known. What takes the variable of a loop stands where
    /// its value is written: there somebody would change it.
    fn fill_in<'w>(&mut self, words: &'w [Word], bound: &[(String, Word)]) -> Cow<'w, [Word]> {
        if words.iter().all(|word| word.literal) {
            return Cow::Borrowed(words);
        }
        let mut filled = Vec::with_capacity(words.len());
        for word in words {
            let value = if word.literal || filled.len() >= MOST_FILLED {
                None
            } else {
                self.variables.fill_in(&word.text)
            };
            let Some(value) = value else {
                filled.push(word.clone());
                continue;
            };
            let taken = bound.iter().find(|(variable, _)| variables::takes(&word.text, variable));
            let line = taken.map_or(word.line, |(_, value)| value.line);
            let part = |text: &str| Word { text: text.to_owned(), literal: true, filled_in: true, line };
            // `PACKAGES="a b"`: a list for the shell to cut, unless it is assigned anew.
            if word.text.starts_with('$') {
                filled.extend(value.split_whitespace().map(part));
            } else {
                filled.push(part(&value));
            }
        }
        Cow::Owned(filled)
    }

    /// What a command assigns to variables.
    fn assign(&mut self, words: &[Word]) {
        for word in words {
            if let Some((variable, value)) = assignment(&word.text) {
                self.variables.assign(variable, Some(value).filter(|_| word.literal));
            } else if let Some((variable, _)) = word.text.split_once("+=") {
                self.variables.assign(variable, None);
            }
        }
    }

    /// Forgets where subshells went that are over.
    fn go_to(&mut self, shells: &[u32]) {
        let here =
            self.folders.iter().skip(1).zip(shells).take_while(|((id, _), shell)| id == *shell).count();
        self.folders.truncate(here.saturating_add(1));
        for shell in shells.iter().skip(here) {
            self.folders.push((*shell, self.folder().to_owned()));
        }
    }

    pub(super) fn folder(&self) -> &str {
        self.folders.last().map_or("", |(_, folder)| folder)
    }

    /// A script inside a command.
    fn nested(&mut self, text: &str, line: u32) {
        if self.depth >= DEEPEST {
            self.notes.lost("commands nested deeper than anybody writes", line_span(number(line)));
            return;
        }
        let other = text.strip_prefix("#!").and_then(|rest| rest.lines().next());
        if other.is_some_and(|program| {
            !is_shell(program.split_whitespace().map(name_of).next_back().unwrap_or(""))
        }) {
            return;
        }
        let folders = vec![(0, self.folder().to_owned())];
        let folders = std::mem::replace(&mut self.folders, folders);
        let loops = self.loops.len();
        self.depth = self.depth.saturating_add(1);
        self.script(&Script::of(text, line));
        self.depth = self.depth.saturating_sub(1);
        self.loops.truncate(loops);
        self.folders = folders;
    }

    /// A command by its words.
    pub(super) fn words(&mut self, words: &[Word], here: Option<&(String, u32)>, cut: bool) {
        let mut at = Installation { lines: lines(words), indexes: Vec::new(), from_input: false, cut };
        let mut words = words;
        if words.iter().all(|word| assignment(&word.text).is_some()) {
            self.assign(words);
        }
        for _ in 0..MOST_WRAPPERS {
            let Some((first, rest)) = words.split_first() else { return };
            if let Some((variable, value)) = assignment(&first.text) {
                at.indexes.extend(indexes::of_variable(variable, value));
                words = rest;
                continue;
            }
            let name = name_of(&first.text);
            if matches!(name, "while" | "until") {
                self.loops.push(None);
            }
            if let Some(behind) = wrapped(name, rest) {
                at.from_input |= name == "xargs";
                words = behind;
                if words.iter().all(|word| assignment(&word.text).is_some()) {
                    self.assign(words);
                }
                continue;
            }
            return self.program(first, name, rest, here, at);
        }
    }

    fn program(
        &mut self,
        first: &Word,
        name: &str,
        rest: &[Word],
        here: Option<&(String, u32)>,
        at: Installation,
    ) {
        match name {
            "cd" | "pushd" => {
                if let Some(folder) = rest.iter().find(|word| !word.text.starts_with('-')) {
                    self.change_folder(folder);
                }
            }
            "for" | "select" => self.enter_loop(rest),
            "done" => drop(self.loops.pop()),
            "read" | "unset" | "getopts" | "mapfile" | "readarray" => {
                for word in rest.iter().filter(|word| !word.text.starts_with('-')) {
                    self.variables.assign(&word.text, None);
                }
            }
            _ if first.text.contains("+=") => self.assign(std::slice::from_ref(first)),
            "export" | "declare" | "typeset" | "local" | "readonly" | "set" => {
                self.assign(rest);
                for word in rest {
                    if let Some((variable, value)) = assignment(&word.text) {
                        self.settings(variable, value, word.line);
                    }
                }
            }
            "eval" => {
                for word in rest {
                    self.nested(&word.text, word.line);
                }
            }
            "uv" => self.uv(rest, at),
            "uvx" => self.install(Kind::UvTool, rest, at),
            "pip-sync" => self.install(Kind::Sync, rest, at),
            "conda" | "mamba" | "micromamba" => self.conda(rest, at),
            "pipx" => self.pipx(rest, at),
            "pipenv" => {
                if let Some(rest) = behind(rest, &["install"]) {
                    self.install(Kind::Pipenv, rest, at);
                }
            }
            _ if is_shell(name) => {
                let is_command = |word: &Word| word.text.starts_with('-') && word.text.ends_with('c');
                let mut words = rest.iter().skip_while(|word| !is_command(word)).skip(1);
                if let Some(script) = words.next() {
                    let around = self.filled_in;
                    self.filled_in |= script.filled_in;
                    self.nested(&script.text, script.line);
                    self.filled_in = around;
                } else if let Some((text, line)) =
                    here.filter(|_| rest.iter().all(|it| it.text.starts_with('-')))
                {
                    self.nested(text, *line);
                }
            }
            _ if is_numbered(name, "pip") => self.pip(rest, at),
            _ if is_numbered(name, "python") || is_numbered(name, "pypy") || name == "py" => {
                self.python(rest, at);
            }
            // `$PIP install`, `{sys.executable} -m pip install`
            _ if !is_literal(first) => {
                let lower = name.to_ascii_lowercase();
                if lower.contains("pip") && rest.first().is_some_and(|word| word.text == "install") {
                    self.pip(rest, at);
                } else {
                    self.python(rest, at);
                }
            }
            _ => {}
        }
    }

    /// `python -m pip …`
    fn python(&mut self, rest: &[Word], at: Installation) {
        let mut words = rest;
        while let Some((option, behind)) = words.split_first() {
            let text = option.text.as_str();
            let (module, behind) = match text {
                "-m" => match behind.split_first() {
                    Some((module, behind)) => (module.text.as_str(), behind),
                    None => return,
                },
                "-W" | "-X" => {
                    words = behind.get(1..).unwrap_or_default();
                    continue;
                }
                "-mpip" => ("pip", behind),
                _ if text.starts_with('-') && text != "-" && !text.starts_with("-c") => {
                    words = behind;
                    continue;
                }
                _ => return,
            };
            return match module {
                "pip" => self.pip(behind, at),
                "uv" => self.uv(behind, at),
                "pipx" => self.pipx(behind, at),
                "piptools" => {
                    if let Some(rest) = self::behind(behind, &["sync"]) {
                        self.install(Kind::Sync, rest, at);
                    }
                }
                _ => {}
            };
        }
    }

    fn pip(&mut self, rest: &[Word], at: Installation) {
        if let Some(arguments) = behind(rest, &["install", "download", "wheel"]) {
            // Options may stand before the word as well.
            let before = rest.len().saturating_sub(arguments.len()).saturating_sub(1);
            let mut words = rest.get(..before).unwrap_or_default().to_vec();
            words.extend_from_slice(arguments);
            self.install(Kind::Pip, &words, at);
        } else if let Some(rest) = behind(rest, &["config"]).and_then(|rest| behind(rest, &["set"])) {
            let mut words = rest.iter().filter(|word| !word.text.starts_with('-'));
            if let (Some(key), Some(value)) = (words.next(), words.next()) {
                let option = key.text.rsplit('.').next().unwrap_or_default();
                let found = indexes::of_option(Installer::Pip, &format!("--{option}"), &value.text);
                self.tell_indexes(found, None, key.line);
            }
        }
    }

    fn uv(&mut self, rest: &[Word], at: Installation) {
        if let Some(rest) = behind(rest, &["pip"]) {
            if let Some(rest) = behind(rest, &["install"]) {
                self.install(Kind::UvPip, rest, at);
            } else if let Some(rest) = behind(rest, &["sync"]) {
                self.install(Kind::Sync, rest, at);
            }
        } else if let Some(rest) = behind(rest, &["tool"]) {
            if let Some(rest) = behind(rest, &["run"]) {
                self.install(Kind::UvTool, rest, at);
            } else if let Some(rest) = behind(rest, &["install"]) {
                self.install(Kind::UvToolInstall, rest, at);
            }
        } else if let Some(rest) = behind(rest, &["add"]) {
            self.install(Kind::UvAdd, rest, at);
        } else if let Some(rest) = behind(rest, &["run"]) {
            self.install(Kind::UvRun, rest, at);
        }
    }

    fn pipx(&mut self, rest: &[Word], at: Installation) {
        if let Some(rest) = behind(rest, &["install"]) {
            self.install(Kind::Pipx, rest, at);
        } else if let Some(rest) = behind(rest, &["inject"]) {
            // The first names the environment.
            let first = rest.iter().position(|word| !word.text.starts_with('-')).unwrap_or(rest.len());
            self.install(Kind::Pipx, rest.get(first.saturating_add(1)..).unwrap_or_default(), at);
        } else if let Some(rest) = behind(rest, &["run"]) {
            self.install(Kind::PipxRun, rest, at);
        }
    }

    fn conda(&mut self, rest: &[Word], at: Installation) {
        if let Some(rest) = behind(rest, &["run"]) {
            let rest = options::skip(rest, &["-n", "--name", "-p", "--prefix", "--cwd"]);
            // `conda run pip install …`: the program is behind it.
            return self.words(rest, None, at.cut);
        }
        if let Some(rest) = behind(rest, &["env"]).and_then(|rest| behind(rest, &["create", "update"])) {
            let named = options::arguments(Kind::Conda, rest);
            for (given, word) in named {
                if matches!(given, Given::Option("--file")) {
                    self.follow(&word, "conda-environment");
                }
            }
            return;
        }
        let Some(rest) = behind(rest, &["install", "create"]) else { return };
        self.cut(&at);
        for (given, word) in options::arguments(Kind::Conda, rest) {
            match given {
                Given::Word => self.match_spec(&word),
                Given::Option("--channel") => {
                    let index = PackageIndex::new(IndexKind::Channel, indexes::location(&word.text));
                    self.tell_indexes(vec![index], Some(at.lines), word.line);
                }
                Given::Option("--file") if word.text.ends_with(".yml") || word.text.ends_with(".yaml") => {
                    self.follow(&word, "conda-environment");
                }
                Given::Option("--file") => {
                    self.follow(&word, "conda-spec");
                }
                Given::Option(_) | Given::Flag(_) | Given::Rest(_) => {}
                Given::Lacking(option) => self.lacking(option, &word),
            }
        }
    }

    fn match_spec(&mut self, word: &Word) {
        if !is_literal(word) {
            return self.unknown(&word.text, word);
        }
        match match_spec::parse(&word.text) {
            Ok(spec) => {
                if let Some(channel) = &spec.channel {
                    let index = PackageIndex::new(IndexKind::Channel, indexes::location(channel));
                    self.tell_indexes(vec![index], Some((word.line, word.line)), word.line);
                }
                self.require(spec.requirement, true, word);
            }
            Err(reason) => self.notes.lost(reason, span(word)),
        }
    }

    /// What the arguments of an installer of Python packages ask for.
    fn install(&mut self, kind: Kind, words: &[Word], at: Installation) {
        self.cut(&at);
        if at.from_input {
            let from = line_span(number(at.lines.0));
            if self.is_code {
                self.notes.sink.declared(What::ComputedInstall("xargs".to_owned()), from);
            } else {
                self.notes.lost("packages that `xargs` takes from its input", from);
            }
        }
        let arguments: Arguments = options::arguments(kind, words);
        let mut found = at.indexes;
        let mut editable = false;
        let has_from = arguments.iter().any(|(given, _)| matches!(given, Given::Option("--from" | "--spec")));
        let mut files = Vec::new();
        for (given, word) in arguments {
            match given {
                Given::Word if kind == Kind::Sync => files.extend(self.follow(&word, "requirements")),
                Given::Word => {
                    // Of a tool that is run the first word names it, unless another option says where it comes from.
                    match kind {
                        Kind::UvTool | Kind::PipxRun if has_from => {}
                        Kind::UvTool | Kind::PipxRun | Kind::UvToolInstall => self.tool(&word),
                        _ => self.requirement(&word, editable),
                    }
                }
                Given::Rest(rest) => {
                    if kind == Kind::UvRun {
                        self.words(&rest, None, false);
                    }
                }
                Given::Option("--requirement" | "--with-requirements") => {
                    files.extend(self.follow(&word, "requirements"));
                }
                Given::Option("--constraint") => {
                    self.follow(&word, "constraints");
                }
                Given::Option("--editable" | "--with-editable") => self.requirement(&word, true),
                Given::Option("--from" | "--spec") => self.requirement(&word, false),
                Given::Option("--with") => {
                    for part in word.text.split(',').filter(|part| !part.trim().is_empty()) {
                        self.requirement(&Word { text: part.trim().to_owned(), ..word.clone() }, false);
                    }
                }
                Given::Flag("--editable") => editable = true,
                Given::Option(option) | Given::Flag(option) => {
                    found.extend(indexes::of_option(kind.installer(), option, &word.text));
                }
                Given::Lacking(option) => self.lacking(option, &word),
            }
        }
        indexes::count_for(&files, found.iter_mut());
        self.tell_indexes(found, Some(at.lines), at.lines.0);
    }

    fn cut(&mut self, at: &Installation) {
        if at.cut {
            self.notes.lost("a command of more words than anybody writes", line_span(number(at.lines.0)));
        }
    }

    fn lacking(&mut self, option: &str, word: &Word) {
        self.notes.lost(format!("`{}` lacks its value", quoted(option)), span(word));
    }

    /// `name@version`, as `uvx` takes it.
    fn tool(&mut self, word: &Word) {
        let text = match word.text.split_once('@').filter(|(name, _)| !name.ends_with(' ')) {
            Some((name, "latest")) => name.to_owned(),
            Some((name, version)) if version.starts_with(|first: char| first.is_ascii_digit()) => {
                format!("{name}=={version}")
            }
            _ => word.text.clone(),
        };
        self.requirement(&Word { text, ..word.clone() }, false);
    }

    fn requirement(&mut self, word: &Word, editable: bool) {
        let mut text = word.text.trim().to_owned();
        if text.is_empty() {
            return;
        }
        if !is_literal(word) {
            // Of credentials nobody needs the value.
            if origin::is_url(&text) {
                text = origin::without_credentials(&text);
            }
            if text.contains(['$', '`', '{']) {
                return self.unknown(&text, word);
            }
        }
        let bare = text.split(';').next().unwrap_or_default().trim();
        let by_name = text.split_once('@').is_some_and(|(name, _)| !name.contains(['/', ':', '.']));
        if origin::is_path(bare) && !by_name && !origin::is_url(&text) && !is_archive(bare) {
            return self.local_folder(bare, word);
        }
        let found = Line::of_word(&text, editable, span(word), self.notes).requirements;
        // `dist/*.whl`: which files these are only the shell could tell.
        if found.is_empty() && is_archive(bare) && !origin::is_url(&text) {
            self.notes.sink.unread(Unread::NotInTarget(quoted(bare)), span(word));
        }
        for (mut found, certain) in found {
            found.digests = requirement::sorted(found.digests);
            self.require(found, certain, word);
        }
    }

    fn require(&mut self, found: Requirement, certain: bool, word: &Word) {
        let what = What::Requires(requirement::requires(found, Role::Runtime));
        if certain && !word.filled_in && !self.filled_in {
            self.notes.sink.declared(what, span(word));
        } else {
            self.notes.sink.inferred(what, span(word));
        }
    }

    /// A word that only running could tell. Its package may be known all the same.
    fn unknown(&mut self, text: &str, word: &Word) {
        if self.is_code {
            self.notes.sink.declared(What::ComputedInstall(quoted(text)), span(word));
        } else {
            let reason = format!("what `{}` means only running it would tell", quoted(text));
            self.notes.sink.unread(Unread::Unresolved(reason), span(word));
        }
        let end = text.find(['=', '<', '>', '!', '~', '[', ' ', ';', '@']).unwrap_or(0);
        let (name, _) = text.split_at_checked(end).unwrap_or(("", text));
        if let Ok(name) = weighbridge_core::name::PackageName::new(name) {
            self.require(requirement::plain(name), false, word);
        }
    }

    /// A folder with a project. The one in which the command runs is read anyway.
    fn local_folder(&mut self, path: &str, word: &Word) {
        let path = path.split_once('[').map_or(path, |(path, _)| path).trim_end_matches('/');
        match self.place_of(path) {
            Some(place) if place.split('/').all(|part| matches!(part, "" | ".")) => {}
            Some(place) => {
                let path = format!("{place}/pyproject.toml");
                self.notes.sink.seek(Follow { path, reader: "pyproject", span: span(word) });
            }
            None => self.notes.sink.unread(Unread::NotInTarget(quoted(path)), span(word)),
        }
    }

    /// Another file, and where it is sought.
    fn follow(&mut self, word: &Word, reader: &'static str) -> Option<String> {
        let path = word.text.as_str();
        let place = if origin::is_url(path) || path == "-" { None } else { self.place_of(path) };
        // What stands behind a variable may still be known to have been copied to the image.
        let known = is_literal(word) || self.image.is_some();
        match place.filter(|place| known && !place.contains('$') && !place.contains('{')) {
            Some(path) => {
                self.notes.sink.seek(Follow { path: path.clone(), reader, span: span(word) });
                Some(path)
            }
            None => {
                let shown = quoted(&origin::without_credentials(path));
                if self.is_code && !is_literal(word) {
                    self.notes.sink.declared(What::ComputedInstall(shown), span(word));
                } else {
                    self.notes.sink.unread(Unread::NotInTarget(shown), span(word));
                }
                None
            }
        }
    }

    /// Where a path of a command lies in the target: from the folder of the file, or one above; none where it lies
    /// elsewhere.
    fn place_of(&self, path: &str) -> Option<String> {
        let path = join(self.folder(), path);
        match &self.image {
            Some(image) => image.source(&path),
            None => (!path.starts_with(['/', '~'])).then_some(path),
        }
    }

    /// What a variable of the environment says about indexes, for everything in the file.
    pub(super) fn settings(&mut self, variable: &str, value: &str, line: u32) {
        self.tell_indexes(indexes::of_variable(variable, value), None, line);
    }

    fn tell_indexes(&mut self, found: Vec<PackageIndex>, lines: Option<(u32, u32)>, line: u32) {
        for mut index in found {
            index.lines = lines;
            self.notes.sink.declared(What::Index(index), line_span(number(line)));
        }
    }
}

/// What is known of a command before its arguments are read.
struct Installation {
    /// Its first line and its last.
    lines: (u32, u32),
    /// What assignments before it say.
    indexes: Vec<PackageIndex>,
    /// More words come from its input.
    from_input: bool,
    /// More words stand there than were kept.
    cut: bool,
}

fn lines(words: &[Word]) -> (u32, u32) {
    let all = words.iter().map(|word| word.line);
    (all.clone().min().unwrap_or(1), all.max().unwrap_or(1))
}

fn number(line: u32) -> usize {
    usize::try_from(line).unwrap_or(usize::MAX)
}

fn span(word: &Word) -> Option<weighbridge_core::place::Span> {
    line_span(number(word.line))
}

/// Whether the word is known. Braces are filled in by notebooks, templates and bash.
pub(super) fn is_literal(word: &Word) -> bool {
    word.literal && !word.text.contains('{')
}

fn is_archive(text: &str) -> bool {
    origin::is_archive(text.split_once('[').map_or(text, |(path, _)| path))
}

/// The last part of a path.
fn name_of(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    name.strip_suffix(".exe").unwrap_or(name)
}

fn is_shell(name: &str) -> bool {
    matches!(name, "sh" | "bash" | "zsh" | "dash" | "ash" | "ksh" | "fish")
}

/// `pip`, `pip3`, `pip3.11`.
fn is_numbered(name: &str, program: &str) -> bool {
    name.strip_prefix(program)
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

/// `NAME=value`.
fn assignment(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let mut letters = name.chars();
    let begins = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    (begins && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')).then_some((name, value))
}

/// The words behind a program or keyword that only runs the rest; none for any other.
fn wrapped<'w>(name: &str, rest: &'w [Word]) -> Option<&'w [Word]> {
    let with_value: &[&str] = match name {
        "if" | "then" | "elif" | "else" | "while" | "until" | "do" | "!" | "{" | "builtin" | "nohup"
        | "command" | "setsid" | "unbuffer" => &[],
        "exec" => &["-a"],
        "time" => &["-f", "-o", "--format", "--output"],
        "sudo" | "doas" => {
            &["-u", "-g", "-h", "-p", "-C", "-r", "-t", "-U", "-D", "-R", "-T", "--user", "--group"]
        }
        "env" => &["-u", "-C", "--unset", "--chdir"],
        "nice" => &["-n", "--adjustment"],
        "ionice" => &["-c", "-n", "-p"],
        "xargs" => {
            &["-n", "-P", "-I", "-L", "-d", "-a", "-s", "-E", "--max-args", "--max-procs", "--arg-file"]
        }
        "timeout" => {
            let rest = options::skip(rest, &["-s", "-k", "--signal", "--kill-after"]);
            return Some(rest.get(1..).unwrap_or_default());
        }
        "poetry" | "pdm" | "hatch" | "pixi" => {
            return rest.split_first().filter(|(word, _)| word.text == "run").map(|(_, rest)| rest);
        }
        "pipenv" => return rest.split_first().filter(|(word, _)| word.text == "run").map(|(_, rest)| rest),
        _ => return None,
    };
    Some(options::skip(rest, with_value))
}

/// The words behind a subcommand. Options may stand before it; one that takes a value is known by what follows.
fn behind<'w>(words: &'w [Word], subcommands: &[&str]) -> Option<&'w [Word]> {
    let mut rest = words;
    while let Some((word, behind)) = rest.split_first() {
        let text = word.text.as_str();
        if subcommands.contains(&text) {
            return Some(behind);
        }
        if !text.starts_with('-') {
            return None;
        }
        let takes_value = !text.contains('=') && options::takes_value(text);
        rest = if takes_value { behind.get(1..).unwrap_or_default() } else { behind };
    }
    None
}

/// A path from a folder.
pub(super) fn join(folder: &str, path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    let absolute = path.starts_with(['/', '~', '$']);
    match (folder, path) {
        ("", _) => path.to_owned(),
        (_, "" | ".") => folder.to_owned(),
        _ if absolute => path.to_owned(),
        _ => format!("{}/{path}", folder.trim_end_matches('/')),
    }
}
