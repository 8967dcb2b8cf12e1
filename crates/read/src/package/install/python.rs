//! Python code that runs a command: `subprocess.run([…])`, `os.system("…")`, `get_ipython().system("…")`.
//!
//! Arguments are read where they stand literally in the call. What only running could tell stands in braces, as in an
//! f-string, and is told as a gap where a package could be named there.
//! Source: the documentation of Python (*subprocess*, *os.system*) and of IPython (`InteractiveShell.system`), into whose
//! calls notebooks turn when they are exported as scripts.

use super::super::setup_py::lexer::{self, Kind};
use super::commands::Installs;
use super::shell::{Script, Word};

/// Functions that run what their first argument says, by the module.
const RUNNERS: [(&str, &[&str]); 2] = [
    ("subprocess", &["run", "call", "check_call", "check_output", "Popen", "getoutput", "getstatusoutput"]),
    ("os", &["system", "popen"]),
];
/// The same of `get_ipython()`.
const SHELL: [&str; 4] = ["system", "getoutput", "system_raw", "run_line_magic"];
/// Words without which a file calls none of them.
const WORDS: [&str; 5] = ["subprocess", "os.system", "os.popen", "from os ", "get_ipython"];
/// Longest text that stands for what is not known, in bytes.
const LONGEST: usize = 60;

/// Whether code may hold such a call that installs something.
pub(super) fn is_worth(text: &str) -> bool {
    text.contains("install") && WORDS.iter().any(|word| text.contains(word))
}

/// Reads the calls in code. `line` says where a line of the code stands in the file.
pub(super) fn read(code: &str, line: &dyn Fn(u32) -> u32, installs: &mut Installs<'_, '_>) {
    if !is_worth(code) {
        return;
    }
    let words = lexer::words(code);
    let mut calls = Calls { words: &words, at: 0, line };
    while calls.at < words.len() {
        match calls.head() {
            Some(call) => calls.read(call, installs),
            None => calls.pass(1),
        }
    }
}

/// What a call takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    /// A command, as a text or as a list of words.
    Command,
    /// A command of a notebook that was exported: it was run there.
    Shell,
    /// The name of a magic, and its line.
    Magic,
}

struct Calls<'w> {
    words: &'w [lexer::Word<'w>],
    at: usize,
    line: &'w dyn Fn(u32) -> u32,
}

impl Calls<'_> {
    fn kind(&self, ahead: usize) -> Option<&Kind<'_>> {
        self.words.get(self.at.saturating_add(ahead)).map(|word| &word.kind)
    }

    fn name(&self, ahead: usize) -> Option<&str> {
        match self.kind(ahead) {
            Some(Kind::Name(name)) => Some(name),
            _ => None,
        }
    }

    fn is_sign(&self, ahead: usize, sign: char) -> bool {
        self.kind(ahead) == Some(&Kind::Sign(sign))
    }

    fn pass(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    /// The line in the file.
    fn line(&self) -> u32 {
        self.words.get(self.at).map_or(1, |word| (self.line)(word.line))
    }

    /// Goes behind the opening bracket of a call that begins here; nowhere if none does.
    fn head(&mut self) -> Option<Call> {
        let before = self.at.checked_sub(1).and_then(|at| self.words.get(at)).map(|word| &word.kind);
        if matches!(before, Some(Kind::Sign('.') | Kind::Name("def"))) {
            return None;
        }
        let first = self.name(0)?;
        if first == "get_ipython" && self.is_sign(1, '(') && self.is_sign(2, ')') && self.is_sign(3, '.') {
            let function = self.name(4).filter(|name| SHELL.contains(name) && self.is_sign(5, '('))?;
            let call = if function == "run_line_magic" { Call::Magic } else { Call::Shell };
            self.pass(6);
            return Some(call);
        }
        // By its module, or imported from it.
        for (module, functions) in RUNNERS {
            if first == module && self.is_sign(1, '.') && self.is_sign(3, '(') {
                self.name(2).filter(|name| functions.contains(name))?;
                self.pass(4);
                return Some(Call::Command);
            }
            if functions.contains(&first) && self.is_sign(1, '(') {
                self.pass(2);
                return Some(Call::Command);
            }
        }
        None
    }

    /// Reads the arguments of a call, and stops at or before their end.
    fn read(&mut self, call: Call, installs: &mut Installs<'_, '_>) {
        let around = installs.is_code;
        installs.is_code &= call == Call::Command;
        self.arguments(call, installs);
        installs.is_code = around;
    }

    fn arguments(&mut self, call: Call, installs: &mut Installs<'_, '_>) {
        if self.name(0) == Some("args") && self.is_sign(1, '=') {
            self.pass(2);
        }
        installs.enter("");
        let line = self.line();
        if self.is_sign(0, '[') || self.is_sign(0, '(') {
            self.pass(1);
            let words = self.list();
            return installs.words(&words, None, false);
        }
        let Some(mut text) = self.text() else { return };
        if call == Call::Magic {
            if !self.is_sign(0, ',') {
                return;
            }
            self.pass(1);
            let Some(behind) = self.text() else { return };
            text = format!("{text} {behind}");
        }
        installs.script(&Script::of(&text, line));
    }

    /// The words of a list that is open, and what is added to it.
    fn list(&mut self) -> Vec<Word> {
        let mut words = Vec::new();
        while let Some(kind) = self.kind(0) {
            match kind {
                Kind::Sign(']' | ')') => {
                    self.pass(1);
                    if self.is_sign(0, '+') {
                        self.pass(1);
                        words.push(self.item());
                    }
                    break;
                }
                Kind::Sign(',') | Kind::End => self.pass(1),
                _ => words.push(self.item()),
            }
        }
        words
    }

    /// One item, up to what ends it.
    fn item(&mut self) -> Word {
        let line = self.line();
        let is_end = |calls: &Self| matches!(calls.kind(0), None | Some(Kind::Sign(',' | ']' | ')')));
        let start = self.at;
        if let Some(text) = self.text().filter(|_| is_end(self)) {
            let literal = !text.contains('{');
            return Word { text, literal, line, ..Word::default() };
        }
        self.at = start;
        Word { text: self.expression(), literal: false, line, ..Word::default() }
    }

    /// A text, with what is put into it or behind it in braces; none where no text begins.
    fn text(&mut self) -> Option<String> {
        let mut text = self.piece()?;
        loop {
            if let Some(piece) = self.piece() {
                text.push_str(&piece);
            } else if self.is_sign(0, '+') {
                self.pass(1);
                match self.piece() {
                    Some(piece) => text.push_str(&piece),
                    None => text.push_str(&self.expression()),
                }
            } else if self.is_sign(0, '%') {
                self.pass(1);
                let what = self.expression();
                return Some(text.replace("%s", &what).replace("%d", &what));
            } else if self.is_sign(0, '.') && self.is_sign(2, '(') {
                // `.format(…)`, for which the braces stand there already; `.split()` changes nothing.
                self.expression();
            } else {
                return Some(text);
            }
        }
    }

    /// One text as it is written.
    fn piece(&mut self) -> Option<String> {
        let word = self.words.get(self.at)?;
        let Kind::Text(text) = &word.kind else { return None };
        let text = text.clone().or_else(|| word.formatted.clone())?;
        self.pass(1);
        Some(text)
    }

    /// What is no text, in braces: everything up to the end of the argument, or of the sum.
    fn expression(&mut self) -> String {
        let mut text = String::from("{");
        let mut depth = 0usize;
        while let Some(kind) = self.kind(0) {
            match kind {
                Kind::Sign('(' | '[' | '{') => depth = depth.saturating_add(1),
                Kind::Sign(',' | ')' | ']' | '}' | '+') | Kind::End if depth == 0 => break,
                Kind::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            let piece = match kind {
                Kind::Name(name) => (*name).to_owned(),
                Kind::Sign(sign) if !matches!(sign, '{' | '}') => sign.to_string(),
                _ => "…".to_owned(),
            };
            if text.len().saturating_add(piece.len()) <= LONGEST {
                text.push_str(&piece);
            }
            self.pass(1);
        }
        text.push('}');
        text
    }
}
