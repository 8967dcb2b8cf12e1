//! Dockerfiles: the commands of `RUN`, `CMD` and `ENTRYPOINT`, in the folder of `WORKDIR`, on the files of `COPY`.
//!
//! Source: Docker's *Dockerfile reference* (instructions, escape directive, here-documents, `RUN --mount`). Which image a
//! build starts from says nothing about packages here.

use std::collections::BTreeMap;

use super::commands::Installs;
use super::image::Image;
use super::shell::{Script, Word};

/// Most stages whose files later ones may start from.
const MOST_STAGES: usize = 100;

/// One instruction with the lines that continue it.
struct Instruction<'text> {
    /// In capitals.
    keyword: String,
    /// Its arguments, in pieces with their lines.
    pieces: Vec<(&'text str, u32)>,
    /// Lines of here-documents.
    here: Vec<(&'text str, u32)>,
}

pub(super) fn read(text: &str, installs: &mut Installs<'_, '_>) {
    let mut stages: BTreeMap<String, Image> = BTreeMap::new();
    let mut stage: Option<String> = None;
    let mut image = Image::default();
    // What stands before the first stage holds in each that asks for it by `ARG NAME`.
    let mut before: Option<BTreeMap<String, String>> = Some(BTreeMap::new());
    let mut defaults: BTreeMap<String, String> = BTreeMap::new();
    instructions(text, |instruction| {
        let arguments: String = instruction.pieces.iter().map(|(piece, _)| *piece).collect();
        let line = instruction.pieces.first().map_or(1, |(_, line)| *line);
        match instruction.keyword.as_str() {
            "FROM" => {
                defaults = before.take().unwrap_or_else(|| std::mem::take(&mut defaults));
                installs.variables.forget_image();
                if let Some(name) = stage.take().filter(|_| stages.len() < MOST_STAGES) {
                    stages.insert(name, std::mem::take(&mut image));
                }
                let words: Vec<&str> =
                    arguments.split_whitespace().filter(|it| !it.starts_with("--")).collect();
                let base = words.first().map(|base| base.to_ascii_lowercase());
                image = base.and_then(|base| stages.get(&base)).cloned().unwrap_or_default();
                stage = match words.as_slice() {
                    [_, word, name, ..] if word.eq_ignore_ascii_case("as") => Some(name.to_ascii_lowercase()),
                    _ => None,
                };
            }
            "WORKDIR" => image.change_folder(unquoted(arguments.trim())),
            "COPY" | "ADD" => copy(&mut image, &arguments),
            "ENV" | "ARG" => {
                let is_bare = instruction.keyword == "ARG" && !arguments.contains('=');
                for (name, value) in variables(&arguments) {
                    installs.settings(&name, &value, line);
                    let value = if is_bare {
                        defaults.get(&name).cloned()
                    } else {
                        installs.variables.fill_in(&value)
                    };
                    if let (Some(before), Some(value)) = (&mut before, &value) {
                        before.insert(name.clone(), value.clone());
                    }
                    installs.variables.set_image(&name, value);
                }
            }
            "RUN" | "CMD" | "ENTRYPOINT" => run(&instruction, &arguments, line, &image, installs),
            _ => {}
        }
    });
}

fn run(
    instruction: &Instruction<'_>,
    arguments: &str,
    line: u32,
    image: &Image,
    installs: &mut Installs<'_, '_>,
) {
    let mut image = image.clone();
    let flags = flags(arguments);
    for mount in flags.iter().filter_map(|flag| flag.strip_prefix("--mount=")) {
        self::mount(&mut image, mount);
    }
    installs.enter(&image.folder);
    installs.image = Some(image);
    let behind = behind_flags(arguments);
    let words: Option<Vec<String>> =
        behind.starts_with('[').then(|| serde_json::from_str(behind.trim_end()).ok()).flatten();
    if let Some(words) = words {
        let words: Vec<Word> =
            words.into_iter().map(|text| Word { text, literal: true, line, ..Word::default() }).collect();
        return installs.words(&words, None, false);
    }
    let mut script = Script::default();
    let mut left = arguments.len().saturating_sub(behind.len());
    for (piece, line) in &instruction.pieces {
        let passed = left.min(piece.len());
        script.push(piece.get(passed..).unwrap_or_default(), *line);
        left = left.saturating_sub(passed);
    }
    script.push("\n", line);
    for (piece, line) in &instruction.here {
        script.push(piece, *line);
    }
    installs.script(&script);
}

/// `type=bind,source=requirements.txt,target=/tmp/requirements.txt`
fn mount(image: &mut Image, mount: &str) {
    let (mut source, mut target, mut own, mut from) = (".", None, true, false);
    for field in mount.split(',') {
        match field.split_once('=') {
            Some(("type", kind)) => own = kind == "bind",
            Some(("source" | "src", path)) => source = path,
            Some(("target" | "dst" | "destination", path)) => target = Some(path),
            Some(("from", _)) => from = true,
            _ => {}
        }
    }
    if let Some(target) = target.filter(|_| own) {
        image.copy((!from).then(|| vec![unquoted(source).to_owned()]), unquoted(target));
    }
}

fn copy(image: &mut Image, arguments: &str) {
    let flags = flags(arguments);
    let elsewhere = flags.iter().any(|flag| flag.starts_with("--from="));
    let rest = behind_flags(arguments);
    let mut words: Vec<String> = match rest.starts_with('[').then(|| serde_json::from_str(rest.trim_end())) {
        Some(Ok(words)) => words,
        _ => rest.split_whitespace().map(|word| unquoted(word).to_owned()).collect(),
    };
    let Some(target) = words.pop() else { return };
    let elsewhere =
        elsewhere || words.iter().any(|source| source.contains("://") || source.starts_with("<<"));
    image.copy((!elsewhere).then_some(words), &target);
}

fn flags(arguments: &str) -> Vec<&str> {
    arguments.split_whitespace().take_while(|word| word.starts_with("--")).collect()
}

fn behind_flags(arguments: &str) -> &str {
    let mut rest = arguments.trim_start();
    while rest.starts_with("--") {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        rest = rest.get(end..).unwrap_or_default().trim_start();
    }
    rest
}

/// `NAME=value NAME="value"`, and the old `NAME value`.
fn variables(arguments: &str) -> Vec<(String, String)> {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    if let [name, values @ ..] = words.as_slice()
        && !name.contains('=')
    {
        return vec![((*name).to_owned(), values.join(" "))];
    }
    let mut found: Vec<(String, String)> = Vec::new();
    let mut open: Option<char> = None;
    for word in words {
        let quotes = |text: &str, quote: char| text.matches(quote).count() % 2 == 1;
        match (open, word.split_once('=')) {
            (Some(quote), _) => {
                if let Some((_, value)) = found.last_mut() {
                    value.push(' ');
                    value.push_str(word.trim_end_matches(quote));
                }
                if quotes(word, quote) {
                    open = None;
                }
            }
            (None, Some((name, value))) => {
                open =
                    ['"', '\''].into_iter().find(|quote| value.starts_with(*quote) && quotes(value, *quote));
                let value = value.trim_matches(['"', '\'']);
                found.push((name.to_owned(), value.to_owned()));
            }
            (None, None) => {}
        }
    }
    found
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}

/// Cuts a Dockerfile into instructions.
fn instructions(text: &str, mut take: impl FnMut(Instruction<'_>)) {
    let escape = escape(text);
    let mut lines = text.split_inclusive('\n').zip(1u32..).peekable();
    while let Some((first, line)) = lines.next() {
        let trimmed = first.trim_start();
        if trimmed.starts_with('#') || trimmed.trim_end().is_empty() {
            continue;
        }
        let (keyword, rest) = trimmed.split_once([' ', '\t']).unwrap_or((trimmed.trim_end(), ""));
        let mut keyword = keyword.to_ascii_uppercase();
        let mut rest = rest;
        if keyword == "ONBUILD" {
            let (inner, behind) = rest.trim_start().split_once([' ', '\t']).unwrap_or((rest.trim(), ""));
            keyword = inner.to_ascii_uppercase();
            rest = behind;
        }
        let mut instruction = Instruction { keyword, pieces: Vec::new(), here: Vec::new() };
        let mut piece = (rest, line);
        // Comments and empty lines do not end what goes on.
        loop {
            let bare = piece.0.trim_end();
            let Some(bare) = bare.strip_suffix(escape) else {
                instruction.pieces.push((bare, piece.1));
                break;
            };
            instruction.pieces.push((bare, piece.1));
            let more = lines.find(|(line, _)| {
                let line = line.trim();
                !line.is_empty() && !line.starts_with('#')
            });
            match more {
                Some(more) => piece = more,
                None => break,
            }
        }
        if matches!(instruction.keyword.as_str(), "RUN" | "COPY" | "ADD") {
            let whole: String = instruction.pieces.iter().map(|(piece, _)| *piece).collect();
            for (end, tabs) in here_documents(&whole) {
                for (line, number) in lines.by_ref() {
                    instruction.here.push((line, number));
                    let bare = line.trim_end_matches(['\n', '\r']);
                    if (if tabs { bare.trim_start_matches('\t') } else { bare }) == end {
                        break;
                    }
                }
            }
        }
        take(instruction);
    }
}

/// The ends of the here-documents that an instruction begins, and whether tabs before them do not count.
fn here_documents(arguments: &str) -> Vec<(String, bool)> {
    const MOST: usize = 16;
    let ends = arguments.split_whitespace().filter_map(|word| {
        let rest = word.trim_start_matches(|digit: char| digit.is_ascii_digit()).strip_prefix("<<")?;
        let (tabs, end) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
        let end = unquoted(end);
        let is_name = !end.is_empty() && end.chars().all(|part| part.is_ascii_alphanumeric() || part == '_');
        is_name.then(|| (end.to_owned(), tabs))
    });
    ends.take(MOST).collect()
}

/// The character that continues lines: `\`, unless a directive at the top says otherwise.
fn escape(text: &str) -> char {
    for line in text.lines() {
        let Some((name, value)) = line.trim().strip_prefix('#').and_then(|line| line.split_once('=')) else {
            break;
        };
        if name.trim().eq_ignore_ascii_case("escape") && value.trim() == "`" {
            return '`';
        }
    }
    '\\'
}
