//! The lines of a requirements file as `pip` cuts them: joined at `\`, without comments, options told apart.
//!
//! Source: pip documentation, *Requirements file format*, and the behaviour of `pip` where that page is silent: options
//! may be abbreviated, `#` begins a comment at the start of a line or behind white space, a comment ends a continuation.

use weighbridge_core::name::PackageName;

use super::text::python_lines;
use crate::words::words;

/// Most comments that are kept for one line. The longest lists of reasons have some hundred.
const MOST_COMMENTS: usize = 10_000;

/// A logical line.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Logical<'text> {
    /// Number of its first line.
    pub(super) number: usize,
    /// Its content without comment, trimmed.
    pub(super) text: String,
    /// The comments on it and on the comment lines behind it, without `#`.
    pub(super) comments: Vec<&'text str>,
}

/// The logical lines of a file; comments belong to the line above them.
pub(super) struct LogicalLines<'text, Lines> {
    lines: Lines,
    /// A line whose comments may go on.
    above: Option<Logical<'text>>,
}

pub(super) fn logical_lines(text: &str) -> impl Iterator<Item = Logical<'_>> {
    LogicalLines { lines: python_lines(text), above: None }
}

impl<'text, Lines: Iterator<Item = (usize, &'text str)>> Iterator for LogicalLines<'text, Lines> {
    type Item = Logical<'text>;

    fn next(&mut self) -> Option<Logical<'text>> {
        while let Some(mut logical) = self.joined() {
            if logical.text.is_empty() {
                if let Some(above) = &mut self.above {
                    let room = MOST_COMMENTS.saturating_sub(above.comments.len());
                    above.comments.extend(logical.comments.drain(..).take(room));
                }
            } else if let Some(complete) = self.above.replace(logical) {
                return Some(complete);
            }
        }
        self.above.take()
    }
}

impl<'text, Lines: Iterator<Item = (usize, &'text str)>> LogicalLines<'text, Lines> {
    /// The next line with those that continue it, perhaps empty but for comments.
    fn joined(&mut self) -> Option<Logical<'text>> {
        let mut pending: Option<Logical<'text>> = None;
        for (number, line) in &mut self.lines {
            let (content, comment) = split_comment(line);
            let is_comment = comment.is_some() && content.is_empty();
            let mut logical = pending.take().unwrap_or(Logical { number, ..Logical::default() });
            if !is_comment && line.ends_with('\\') {
                // What looks like a comment is none yet: it may begin only once the lines are joined.
                logical.text.push_str(line.trim_matches('\\'));
                pending = Some(logical);
                continue;
            }
            logical.text.push_str(content);
            logical.comments.extend(comment);
            return Some(trimmed(logical));
        }
        pending.map(trimmed)
    }
}

/// The line without white space around it and without a comment that only joining made one.
fn trimmed(mut logical: Logical<'_>) -> Logical<'_> {
    let content = split_comment(&logical.text).0.trim();
    if content.len() < logical.text.len() {
        logical.text = content.to_owned();
    }
    logical
}

/// Content and comment of a line.
fn split_comment(line: &str) -> (&str, Option<&str>) {
    let mut before_is_space = true;
    for (at, character) in line.char_indices() {
        if character == '#' && before_is_space {
            let (content, comment) = line.split_at(at);
            return (content.trim_end(), comment.get(1..));
        }
        before_is_space = character.is_whitespace();
    }
    (line, None)
}

/// The packages that `# via` comments of `pip-compile` and `uv` name: on one line, or one a line behind `# via`.
pub(super) fn via(comments: &[&str]) -> Vec<PackageName> {
    let mut names = Vec::new();
    let mut inside = false;
    for comment in comments {
        let comment = comment.trim();
        let list = match comment.strip_prefix("via") {
            Some("") => {
                inside = true;
                continue;
            }
            Some(list) if list.starts_with([' ', ':']) => {
                inside = true;
                list.trim_start_matches(':')
            }
            _ if inside => comment,
            _ => continue,
        };
        for item in list.split(',') {
            // `feast (setup.py)` names a package and the file that asks for it; `-r requirements.in` names only a file.
            let mut words = item.split_whitespace();
            let (first, second) = (words.next().unwrap_or_default(), words.next());
            if second.is_none_or(|word| word.starts_with('(')) {
                names.extend(PackageName::new(first.split('[').next().unwrap_or_default()).ok());
            } else if !first.starts_with('-') {
                // Prose: the list is over.
                inside = false;
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

/// Options that take a value, then those that do not (pip documentation, *Requirements file format*, of all versions).
const WITH_VALUE: [&str; 16] = [
    "--index-url",
    "--pypi-url",
    "--extra-index-url",
    "--constraint",
    "--requirement",
    "--editable",
    "--find-links",
    "--no-binary",
    "--only-binary",
    "--trusted-host",
    "--use-feature",
    "--global-option",
    "--hash",
    "--config-settings",
    "--config-setting",
    "--install-option",
];
const WITHOUT_VALUE: [&str; 7] = [
    "--no-index",
    "--prefer-binary",
    "--require-hashes",
    "--pre",
    "--always-unzip",
    "--process-dependency-links",
    "--allow-all-external",
];
/// Short options and what they stand for.
const SHORT: [(char, &str); 6] = [
    ('i', "--index-url"),
    ('c', "--constraint"),
    ('r', "--requirement"),
    ('e', "--editable"),
    ('f', "--find-links"),
    ('C', "--config-settings"),
];

/// One option of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Choice {
    /// A known option by its full name, with its value; an option without value has an empty one.
    Known(&'static str, String),
    /// Not an option that `pip` knows, or a value where none belongs.
    Unknown(String),
}

/// Parts a line into what stands before the first option, and the options.
pub(super) fn split_options(line: &str) -> (&str, Vec<Choice>) {
    let mut before_is_space = true;
    let at = line.char_indices().find(|(_, character)| {
        let begins = *character == '-' && before_is_space;
        before_is_space = character.is_whitespace();
        begins
    });
    let (before, options) = line.split_at(at.map_or(line.len(), |(at, _)| at));
    (before.trim(), choices(&words(options).list))
}

fn choices(words: &[String]) -> Vec<Choice> {
    let mut found = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let long = word.starts_with("--");
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if long => (name, Some(value.to_owned())),
            _ => (word.as_str(), None),
        };
        if long {
            found.push(match full_name(name) {
                Some((name, true)) => {
                    Choice::Known(name, value.or_else(|| words.next().cloned()).unwrap_or_default())
                }
                Some((name, false)) if value.is_none() => Choice::Known(name, String::new()),
                _ => Choice::Unknown(word.clone()),
            });
            continue;
        }
        let mut letters = word.strip_prefix('-').unwrap_or_default().chars();
        let letter = letters.next();
        found.push(match letter.and_then(|letter| SHORT.iter().find(|(short, _)| *short == letter)) {
            Some((_, name)) => {
                let rest = letters.as_str();
                let value = if rest.is_empty() { words.next().cloned() } else { Some(rest.to_owned()) };
                Choice::Known(name, value.unwrap_or_default())
            }
            None if word == "-Z" => Choice::Known("--always-unzip", String::new()),
            None => Choice::Unknown(word.clone()),
        });
    }
    found
}

/// The option that `name` is or abbreviates, and whether it takes a value.
fn full_name(name: &str) -> Option<(&'static str, bool)> {
    let all = || {
        let with = WITH_VALUE.iter().map(|option| (*option, true));
        with.chain(WITHOUT_VALUE.iter().map(|option| (*option, false)))
    };
    if let Some(exact) = all().find(|(option, _)| *option == name) {
        return Some(exact);
    }
    let mut matching = all().filter(|(option, _)| name.len() > 2 && option.starts_with(name));
    let first = matching.next()?;
    matching.next().is_none().then_some(first)
}
