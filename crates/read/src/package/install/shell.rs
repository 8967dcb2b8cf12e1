//! Commands of a shell, cut as a POSIX shell cuts them and without running anything.
//!
//! Source: POSIX.1-2024, *Shell Command Language* (2.2 *Quoting*, 2.3 *Token Recognition*, 2.7 *Redirection*), and what
//! bash adds to it (`$'…'`, `<<<`, `|&`). What only running could tell stays as it is written, in a word that is not
//! literal. Commands in substitutions and subshells are commands like all others.

/// Most substitutions and subshells in each other; people write two or three.
const DEEPEST: usize = 64;
/// Most words that are kept of one command.
const MOST_WORDS: usize = 50_000;
/// Most here-documents that wait for their text at once.
const MOST_HERE: usize = 16;

/// Text to be cut into commands, with the line of the file from which each part of it comes.
#[derive(Default)]
pub(super) struct Script {
    text: String,
    /// Where parts begin, and their lines.
    lines: Vec<(usize, u32)>,
}

impl Script {
    /// A text whose lines follow each other in the file.
    pub(super) fn of(text: &str, first: u32) -> Self {
        let mut script = Self::default();
        for (line, number) in text.split_inclusive('\n').zip(first..) {
            script.push(line, number);
        }
        script
    }

    /// Adds a text that stands in one line of the file.
    pub(super) fn push(&mut self, text: &str, line: u32) {
        self.lines.push((self.text.len(), line));
        self.text.push_str(text);
    }

    /// The line in which this offset lies.
    fn line(&self, offset: usize) -> u32 {
        let behind = self.lines.partition_point(|(start, _)| *start <= offset);
        behind.checked_sub(1).and_then(|at| self.lines.get(at)).map_or(1, |(_, line)| *line)
    }
}

/// A word of a command.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Word {
    /// Without quotes; expansions stand as they are written.
    pub(super) text: String,
    /// Nothing in it is known only when the command runs.
    pub(super) literal: bool,
    /// Values of variables are filled in that whoever runs it may set otherwise.
    pub(super) filled_in: bool,
    /// The line in which it begins.
    pub(super) line: u32,
}

/// A simple command: words without redirections and assignments told apart by nobody yet.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Command {
    pub(super) words: Vec<Word>,
    /// The text of its here-document, and the line in which that begins.
    pub(super) here: Option<(String, u32)>,
    /// The line in which it begins.
    pub(super) line: u32,
    /// The substitutions and subshells in which it runs, outermost first, each by a number of its own.
    pub(super) shells: Vec<u32>,
    /// It has more words than are kept.
    pub(super) cut: bool,
}

/// Hands out the commands of a script, in the order in which they end; a command in a substitution comes before the
/// one around it.
///
/// # Errors
/// The line at which something is nested deeper than anybody writes; what stands behind it is not read.
pub(super) fn commands(script: &Script, take: &mut dyn FnMut(Command)) -> Result<(), u32> {
    Lexer {
        script,
        rest: &script.text,
        command: Command::default(),
        word: None,
        quote: Quote::None,
        around: Vec::new(),
        waiting: Vec::new(),
        held: Vec::new(),
        shells: 1,
        take,
    }
    .run()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
    /// `$'…'`, in which `\` is an escape.
    Escaped,
}

/// What goes on when a substitution ends.
struct Around {
    command: Command,
    word: Option<Word>,
    quote: Quote,
    close: char,
    number: u32,
}

/// A here-document whose text comes behind the end of the line.
struct Waiting {
    end: String,
    /// Tabs before the lines do not count.
    tabs: bool,
    /// Which of the held commands it belongs to; none while that has not ended.
    of: Option<usize>,
}

struct Lexer<'a> {
    script: &'a Script,
    rest: &'a str,
    command: Command,
    word: Option<Word>,
    quote: Quote,
    around: Vec<Around>,
    waiting: Vec<Waiting>,
    /// Commands on whose line a here-document waits.
    held: Vec<Command>,
    /// The number of the next subshell.
    shells: u32,
    take: &'a mut dyn FnMut(Command),
}

impl Lexer<'_> {
    fn run(mut self) -> Result<(), u32> {
        while let Some(character) = self.peek() {
            match self.quote {
                Quote::Single => self.in_single(character),
                Quote::Escaped => self.in_escaped(character),
                Quote::Double => self.in_double(character)?,
                Quote::None => self.bare(character)?,
            }
        }
        // What is left open ends with the text, as far as it goes.
        while let Some(around) = self.around.pop() {
            self.end_command();
            self.resume(around);
        }
        self.end_command();
        self.take_held();
        Ok(())
    }

    fn in_single(&mut self, character: char) {
        self.bump(character);
        match character {
            '\'' => self.quote = Quote::None,
            _ => self.put(character),
        }
    }

    fn in_escaped(&mut self, character: char) {
        self.bump(character);
        match character {
            '\'' => self.quote = Quote::None,
            '\\' => {
                if let Some(next) = self.peek() {
                    self.bump(next);
                    self.put(match next {
                        'n' => '\n',
                        't' => '\t',
                        other => other,
                    });
                }
            }
            _ => self.put(character),
        }
    }

    fn in_double(&mut self, character: char) -> Result<(), u32> {
        match character {
            '"' => {
                self.bump(character);
                self.quote = Quote::None;
            }
            '\\' => {
                self.bump(character);
                match self.peek() {
                    Some('\n') => self.bump('\n'),
                    Some(next @ ('"' | '\\' | '$' | '`')) => {
                        self.bump(next);
                        self.put(next);
                    }
                    _ => self.put('\\'),
                }
            }
            '$' => self.expansion()?,
            '`' => self.backtick()?,
            _ => {
                self.bump(character);
                self.put(character);
            }
        }
        Ok(())
    }

    fn bare(&mut self, character: char) -> Result<(), u32> {
        match character {
            '\n' => {
                self.bump(character);
                self.end_command();
                self.here_documents();
            }
            ';' | '|' => {
                self.bump(character);
                self.end_command();
            }
            '&' => {
                self.bump(character);
                // `&>` sends both outputs to a file.
                match self.peek() {
                    Some('>') => self.redirection(),
                    _ => self.end_command(),
                }
            }
            '<' | '>' => self.redirection(),
            '(' => {
                self.bump(character);
                self.end_command();
                self.enter(')')?;
            }
            ')' | '`' if self.around.last().is_some_and(|around| around.close == character) => {
                self.bump(character);
                self.end_command();
                if let Some(around) = self.around.pop() {
                    self.resume(around);
                }
            }
            // The end of a pattern of `case`.
            ')' => {
                self.bump(character);
                self.end_command();
            }
            '#' if self.word.is_none() => {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.skip(end);
            }
            '\'' => {
                self.begin();
                self.bump(character);
                self.quote = Quote::Single;
            }
            '"' => {
                self.begin();
                self.bump(character);
                self.quote = Quote::Double;
            }
            '\\' => {
                self.bump(character);
                if self.rest.starts_with("\r\n") {
                    self.skip(2);
                } else if let Some(next) = self.peek() {
                    if next != '\n' {
                        self.begin();
                        self.put(next);
                    }
                    self.bump(next);
                }
            }
            '$' => self.expansion()?,
            '`' => self.backtick()?,
            _ if character.is_whitespace() => {
                self.bump(character);
                self.end_word();
            }
            _ => {
                self.begin();
                self.bump(character);
                self.put(character);
            }
        }
        Ok(())
    }

    /// `$…`, which begins here.
    fn expansion(&mut self) -> Result<(), u32> {
        self.begin();
        self.bump('$');
        let bare = self.quote == Quote::None;
        match self.peek() {
            Some('(') => {
                self.bump('(');
                self.unknown("$(…)");
                return self.enter(')');
            }
            Some('{') => {
                let end = braces(self.rest);
                let (braced, _) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
                self.unknown("$");
                self.unknown(braced);
                self.skip(end);
            }
            Some('\'') if bare => {
                self.bump('\'');
                self.quote = Quote::Escaped;
            }
            Some('"') if bare => {
                self.bump('"');
                self.quote = Quote::Double;
            }
            Some(first) if first.is_ascii_alphabetic() || first == '_' => {
                let part = |part: char| part.is_ascii_alphanumeric() || part == '_';
                let end = self.rest.find(|other| !part(other)).unwrap_or(self.rest.len());
                let (name, _) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
                self.unknown("$");
                self.unknown(name);
                self.skip(end);
            }
            Some(special) if special.is_ascii_digit() || "@*#?-$!".contains(special) => {
                self.unknown("$");
                self.unknown(special.encode_utf8(&mut [0; 4]));
                self.bump(special);
            }
            _ => self.put('$'),
        }
        Ok(())
    }

    fn backtick(&mut self) -> Result<(), u32> {
        // Inside of one, this is its end: the quote that is open was left open there.
        if let Some(at) = self.around.iter().rposition(|around| around.close == '`') {
            self.bump('`');
            while self.around.len() > at {
                self.end_command();
                let Some(around) = self.around.pop() else { break };
                self.resume(around);
            }
            return Ok(());
        }
        self.begin();
        self.bump('`');
        self.unknown("`…`");
        self.enter('`')
    }

    /// `<`, `>` and their like, which are no words, and the file behind them.
    fn redirection(&mut self) {
        // A number right before it says which stream.
        if self.word.as_ref().is_some_and(|word| word.text.bytes().all(|byte| byte.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        let here = self.rest.strip_prefix("<<").filter(|rest| !rest.starts_with('<'));
        if let Some(rest) = here {
            let tabs = rest.starts_with('-');
            self.skip(if tabs { 3 } else { 2 });
            self.blank();
            let end = self.target();
            if self.waiting.len() < MOST_HERE && !end.is_empty() {
                self.waiting.push(Waiting { end, tabs, of: None });
            }
            return;
        }
        let end = self.rest.find(|other| !"<>&|".contains(other)).unwrap_or(self.rest.len());
        self.skip(end);
        self.blank();
        self.target();
    }

    fn blank(&mut self) {
        let end = self.rest.find(|other| other != ' ' && other != '\t').unwrap_or(self.rest.len());
        self.skip(end);
    }

    /// The word behind a redirection, without quotes.
    fn target(&mut self) -> String {
        let mut text = String::new();
        let mut quote = None;
        while let Some(character) = self.peek() {
            match (quote, character) {
                (_, '\n') => break,
                (Some(open), _) if open == character => quote = None,
                (Some(_), _) => text.push(character),
                (None, '"' | '\'') => quote = Some(character),
                (None, '\\') if self.rest.starts_with("\\\n") => break,
                (None, '\\') => {}
                (None, ';' | '&' | '|' | '<' | '>' | '(' | ')') => break,
                (None, _) if character.is_whitespace() => break,
                (None, _) => text.push(character),
            }
            self.bump(character);
        }
        text
    }

    /// The texts of the here-documents of the line that has just ended.
    fn here_documents(&mut self) {
        for waiting in std::mem::take(&mut self.waiting) {
            let line = self.script.line(self.offset());
            let mut text = String::new();
            while !self.rest.is_empty() {
                let end = self.rest.find('\n').map_or(self.rest.len(), |at| at.saturating_add(1));
                let (whole, _) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
                self.skip(end);
                let bare = whole.trim_end_matches(['\n', '\r']);
                let bare = if waiting.tabs { bare.trim_start_matches('\t') } else { bare };
                if bare == waiting.end {
                    break;
                }
                text.push_str(whole);
            }
            if let Some(command) = waiting.of.and_then(|at| self.held.get_mut(at)) {
                command.here.get_or_insert((text, line));
            }
        }
        self.take_held();
    }

    fn take_held(&mut self) {
        for command in std::mem::take(&mut self.held) {
            (self.take)(command);
        }
    }

    /// Goes into a substitution or subshell.
    fn enter(&mut self, close: char) -> Result<(), u32> {
        if self.around.len() >= DEEPEST {
            return Err(self.script.line(self.offset()));
        }
        self.around.push(Around {
            command: std::mem::take(&mut self.command),
            word: self.word.take(),
            quote: std::mem::replace(&mut self.quote, Quote::None),
            close,
            number: self.shells,
        });
        self.shells = self.shells.saturating_add(1);
        Ok(())
    }

    fn resume(&mut self, around: Around) {
        self.command = around.command;
        self.word = around.word;
        self.quote = around.quote;
    }

    fn begin(&mut self) {
        if self.word.is_none() {
            let line = self.script.line(self.offset());
            self.word = Some(Word { literal: true, line, ..Word::default() });
        }
    }

    fn put(&mut self, character: char) {
        self.begin();
        if let Some(word) = &mut self.word {
            word.text.push(character);
        }
    }

    /// Adds what only running could tell.
    fn unknown(&mut self, text: &str) {
        self.begin();
        if let Some(word) = &mut self.word {
            word.literal = false;
            word.text.push_str(text);
        }
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        if self.command.words.is_empty() {
            self.command.line = word.line;
        }
        if self.command.words.len() < MOST_WORDS {
            self.command.words.push(word);
        } else {
            self.command.cut = true;
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        let mut command = std::mem::take(&mut self.command);
        command.shells = self.around.iter().map(|around| around.number).collect();
        let has_here = self.waiting.iter().any(|waiting| waiting.of.is_none());
        if has_here {
            let at = Some(self.held.len());
            self.waiting.iter_mut().filter(|waiting| waiting.of.is_none()).for_each(|it| it.of = at);
            self.held.push(command);
        } else if !command.words.is_empty() {
            if self.waiting.is_empty() {
                (self.take)(command);
            } else {
                self.held.push(command);
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self, character: char) {
        self.skip(character.len_utf8());
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn offset(&self) -> usize {
        self.script.text.len().saturating_sub(self.rest.len())
    }
}

/// The end of `{…}`, with which the text begins; the end of the line where nothing closes it.
fn braces(text: &str) -> usize {
    let mut depth = 0usize;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth = depth.saturating_add(1),
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at.saturating_add(1);
                }
            }
            '\n' => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each command on a line: its line, its words parted by `·`, those that are not literal behind `?`.
    fn told(text: &str) -> String {
        let mut all = Vec::new();
        let ended = commands(&Script::of(text, 1), &mut |command| {
            let words = command.words.iter().map(|word| {
                let mark = if word.literal { "" } else { "?" };
                format!("{mark}{}", word.text)
            });
            let here = command.here.map_or(String::new(), |(text, line)| format!(" << {line} {text:?}"));
            all.push(format!("{} {}{here}", command.line, words.collect::<Vec<_>>().join("·")));
        });
        all.extend(ended.err().map(|line| format!("{line} too deep")));
        all.join("\n")
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(told(text), expected, "{text}");
    }

    #[test]
    fn words_are_cut_and_unquoted() {
        check("pip install a 'b c' \"d e\" f\\ g", "1 pip·install·a·b c·d e·f g");
        check("a \\\n  b\\\nc\nd", "1 a·bc\n4 d");
        check("a \\\r\n b", "1 a·b");
        check("a 'x\ny' b # c\nd#e ''", "1 a·x\ny·b\n3 d#e·");
        check("a \"\\\"\\$\\n\" $'b\\'c\\n'", "1 a·\"$\\n·b'c\n");
    }

    #[test]
    fn commands_end_at_operators() {
        check("a&&b||c;d|e&f\ng", "1 a\n1 b\n1 c\n1 d\n1 e\n1 f\n2 g");
        check("(a; b) && c", "1 a\n1 b\n1 c");
        check("case x in\n y) a;;\nesac", "1 case·x·in\n2 y\n2 a\n3 esac");
    }

    #[test]
    fn redirections_are_no_words() {
        check("a > b 2>&1 c &> d <e >>f", "1 a·c");
        check("pip install numpy>=1.0 b", "1 pip·install·numpy·b");
        check("a <<< 'b c' d", "1 a·d");
    }

    #[test]
    fn what_only_running_tells_is_not_literal() {
        check("a $b ${c:-d e} x${f}y '$g' \"$h i\"", "1 a·?$b·?${c:-d e}·?x${f}y·$g·?$h i");
        check("a $(b \"$(c)\" d) e", "1 c\n1 b·?$(…)·d\n1 a·?$(…)·e");
        check("a `b c` \"`d`\" e", "1 b·c\n1 d\n1 a·?`…`·?`…`·e");
        check("a ${{ matrix.b }} $", "1 a·?${{ matrix.b }}·$");
        check("a ${b\nc", "1 a·?${b\n2 c");
    }

    #[test]
    fn here_documents_belong_to_their_command() {
        check("a <<E b | c\nx\ny\nE\nd", "1 a·b << 2 \"x\\ny\\n\"\n1 c\n5 d");
        check("a <<-'E F' <<G\n\tx\n\tE F\ny\nG\nb", "1 a << 2 \"\\tx\\n\"\n6 b");
        check("<<E\na\nE\n", "0  << 2 \"a\\n\"");
        check("a <<E\nb", "1 a << 2 \"b\"");
    }

    #[test]
    fn hostile_text_is_bounded() {
        check("a 'b\nc", "1 a·b\nc");
        check("a $(b", "1 b\n1 a·?$(…)");
        check("a \"$(b \"c", "1 b·c\n1 a·?$(…)");
        check("a)b`c)d`", "1 a\n1 c\n1 d\n1 b?`…`".replace("b?", "?b").as_str());
        let deep = told(&"$(".repeat(100_000));
        assert_eq!(deep, "1 too deep");
        for piece in ["${", "<<a ", "`", "\"$(", "$'", "a;", "\\\n", "<<'", "((", "<<a\n"] {
            let _ = told(&piece.repeat(50_000));
        }
        let mut most = 0;
        commands(&Script::of(&"a ".repeat(200_000), 1), &mut |command| {
            assert!(command.cut);
            most = command.words.len();
        })
        .unwrap();
        assert_eq!(most, MOST_WORDS);
    }
}
