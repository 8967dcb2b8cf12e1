//! What names hold, as far as the statements of a file say it plainly, and the calls of `setup`.
//!
//! Statements are followed in their order. One that is indented may be run or not: what it adds counts, and the value
//! is open, which means that there may be other things in it.

use std::collections::BTreeMap;

use super::lexer::{Kind, Word, words};

/// How deep brackets may nest before they count as unknown.
const DEEPEST: usize = 40;
/// How many words of an index are looked at to see whether something is assigned to it.
const MOST_AHEAD: usize = 40;
/// How many calls of `setup` may be arguments of each other.
const MOST_NESTED: usize = 2;
/// How much values may grow by being used again, in parts and bytes: doubling costs little to write.
const MOST_COPIED: usize = 8 << 20;

/// A text and the line on which it begins.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) line: u32,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    Text(Text),
    List(Items),
    Table(Table),
    /// `None`.
    Nothing,
    Unknown,
}

/// A list, tuple or set.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Items {
    pub(super) items: Vec<Value>,
    /// There may be others.
    pub(super) open: bool,
}

/// A dictionary with texts as keys.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Table {
    pub(super) items: BTreeMap<String, (u32, Value)>,
    /// There may be others.
    pub(super) open: bool,
}

/// A call of `setup`.
#[derive(PartialEq, Debug)]
pub(super) struct Call {
    /// By keyword: the value, and the line of the keyword.
    pub(super) arguments: BTreeMap<String, (Value, u32)>,
    /// There may be others.
    pub(super) open: bool,
    pub(super) line: u32,
}

/// Every call of `setup` in a file.
pub(super) fn calls(text: &str) -> Vec<Call> {
    let words = words(text);
    let mut machine = Machine {
        words: &words,
        at: 0,
        names: BTreeMap::new(),
        left: MOST_COPIED,
        nested: 0,
        calls: Vec::new(),
    };
    while machine.at < words.len() {
        machine.statement();
    }
    machine.calls
}

/// Whether code names one of these, as a name or as a text.
pub(super) fn names(text: &str, names: &[&str]) -> bool {
    words(text).iter().any(|word| match &word.kind {
        Kind::Name(name) => names.contains(name),
        Kind::Text(Some(text)) => names.contains(&text.as_str()),
        _ => false,
    })
}

impl Value {
    /// Parts and bytes of which it is made.
    fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.text.len().saturating_add(1),
            Self::List(list) => list.items.iter().map(Self::size).fold(1, usize::saturating_add),
            Self::Table(table) => {
                let items =
                    table.items.iter().map(|(key, (_, value))| key.len().saturating_add(value.size()));
                items.fold(1, usize::saturating_add)
            }
            Self::Nothing | Self::Unknown => 1,
        }
    }

    /// The same, and perhaps something else besides.
    fn opened(self) -> Self {
        match self {
            Self::List(list) => Self::List(Items { open: true, ..list }),
            Self::Table(table) => Self::Table(Table { open: true, ..table }),
            Self::Text(_) | Self::Nothing | Self::Unknown => Self::Unknown,
        }
    }

    /// `self + other`, or what of it is known.
    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Text(mut text), Self::Text(other)) => {
                text.text.push_str(&other.text);
                Self::Text(text)
            }
            (Self::List(mut list), Self::List(other)) => {
                list.items.extend(other.items);
                list.open |= other.open;
                Self::List(list)
            }
            (Self::Table(mut table), Self::Table(other)) => {
                table.open |= other.open;
                table.items.extend(other.items);
                Self::Table(table)
            }
            (list @ Self::List(_), _) | (_, list @ Self::List(_)) => list.opened(),
            (table @ Self::Table(_), _) | (_, table @ Self::Table(_)) => table.opened(),
            _ => Self::Unknown,
        }
    }
}

struct Machine<'words, 'text> {
    words: &'words [Word<'text>],
    at: usize,
    names: BTreeMap<&'text str, Value>,
    /// How much may still be copied.
    left: usize,
    /// Calls of `setup` in which this is one.
    nested: usize,
    calls: Vec<Call>,
}

impl<'text> Machine<'_, 'text> {
    fn kind(&self, ahead: usize) -> Option<&Kind<'text>> {
        self.words.get(self.at.saturating_add(ahead)).map(|word| &word.kind)
    }

    fn sign(&self, ahead: usize) -> Option<char> {
        match self.kind(ahead) {
            Some(Kind::Sign(sign)) => Some(*sign),
            _ => None,
        }
    }

    fn name(&self, ahead: usize) -> Option<&'text str> {
        match self.kind(ahead) {
            Some(Kind::Name(name)) => Some(name),
            _ => None,
        }
    }

    fn line(&self) -> u32 {
        self.words.get(self.at).map_or(0, |word| word.line)
    }

    fn pass(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    /// Takes the sign if it comes next.
    fn take(&mut self, sign: char) -> bool {
        let comes = self.sign(0) == Some(sign);
        self.pass(usize::from(comes));
        comes
    }

    /// Whether `=` comes next, and not `==`.
    fn is_assignment(&self, ahead: usize) -> bool {
        self.sign(ahead) == Some('=') && self.sign(ahead.saturating_add(1)) != Some('=')
    }

    /// Follows one statement up to its end.
    fn statement(&mut self) {
        let sure = self.words.get(self.at).is_some_and(|word| !word.indented);
        if let Some(name) = self.name(0) {
            self.assignment(name, sure, true);
        }
        // Whatever is left of it may change names, too; between brackets `name=` is an argument.
        let mut depth = 0usize;
        while let Some(kind) = self.kind(0) {
            match kind {
                Kind::End => return self.pass(1),
                Kind::Name("for" | "as" | "import" | "del" | "global") => {
                    if let Some(name) = self.name(1) {
                        self.names.insert(name, Value::Unknown);
                    }
                    self.pass(1);
                }
                Kind::Name("setup") if self.is_call() => self.call(),
                Kind::Name(name) => {
                    let name = *name;
                    let at = self.at;
                    self.assignment(name, false, depth == 0);
                    if self.at == at {
                        self.pass(1);
                    }
                }
                Kind::Sign(sign) => {
                    match sign {
                        '(' | '[' | '{' => depth = depth.saturating_add(1),
                        ')' | ']' | '}' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    self.pass(1);
                }
                _ => self.pass(1),
            }
        }
    }

    /// What begins with a name: an assignment, or a change of what it holds. Passes nothing where it is neither.
    fn assignment(&mut self, name: &'text str, sure: bool, top: bool) {
        if self.is_assignment(1) {
            if !top {
                return;
            }
            self.pass(2);
            let value = self.expression(0);
            // `a = b = c`.
            let value = if self.is_assignment(0) { Value::Unknown } else { value };
            let value = match self.names.remove(name) {
                Some(old) if !sure => old.plus(value).opened(),
                _ if !sure => value.opened(),
                _ => value,
            };
            self.names.insert(name, value);
        } else if self.sign(1) == Some(':') && sure && self.name(2).is_some() {
            // `name: type = value`.
            let mut ahead = 2usize;
            while !matches!(self.kind(ahead), None | Some(Kind::End)) && !self.is_assignment(ahead) {
                ahead = ahead.saturating_add(1);
            }
            if self.is_assignment(ahead) {
                self.pass(ahead.saturating_add(1));
                let value = self.expression(0);
                self.names.insert(name, value);
            }
        } else if self.sign(1) == Some('+') && self.is_assignment(2) {
            self.pass(3);
            let value = self.expression(0);
            self.change(name, sure, |old| old.plus(value));
        } else if self.sign(1) == Some('.')
            && let Some(
                method @ ("append" | "extend" | "update" | "insert" | "remove" | "pop" | "clear" | "add"),
            ) = self.name(2)
            && self.sign(3) == Some('(')
        {
            self.pass(4);
            let value = self.expression(0);
            let whole = self.sign(0) == Some(')');
            self.leave(')');
            self.change(name, sure, |old| match method {
                "append" | "add" if whole => old.plus(Value::List(Items { items: vec![value], open: false })),
                "extend" | "update" if whole => old.plus(value),
                _ => old.opened(),
            });
        } else if self.sign(1) == Some('[')
            && let Some(Kind::Text(key)) = self.kind(2)
            && self.sign(3) == Some(']')
            && (self.is_assignment(4) || (self.sign(4) == Some('+') && self.is_assignment(5)))
        {
            let (key, line) = (key.clone(), self.line());
            let adds = self.sign(4) == Some('+');
            self.pass(if adds { 6 } else { 5 });
            let value = self.expression(0);
            self.change(name, sure, |old| match (old, key) {
                (Value::Table(mut table), Some(key)) => {
                    let before = table.items.remove(&key).filter(|_| adds);
                    let value = match before {
                        Some((_, before)) => before.plus(value),
                        None => value,
                    };
                    table.items.insert(key, (line, value));
                    Value::Table(table)
                }
                (old, _) => old.opened(),
            });
        } else if self.sign(1) == Some('[') {
            // `name[something] = …` anywhere in the statement.
            let mut ahead = 2usize;
            while ahead < MOST_AHEAD
                && !matches!(self.kind(ahead), None | Some(Kind::End))
                && self.sign(ahead) != Some(']')
            {
                ahead = ahead.saturating_add(1);
            }
            let behind = ahead.saturating_add(1);
            if self.is_assignment(behind) || self.is_assignment(behind.saturating_add(1)) {
                self.change(name, sure, Value::opened);
            }
        }
    }

    fn change(&mut self, name: &'text str, sure: bool, how: impl FnOnce(Value) -> Value) {
        let Some(old) = self.names.remove(name) else { return };
        let new = how(old);
        self.names.insert(name, if sure { new } else { new.opened() });
    }

    /// Whether `setup` here is called: by itself or as a member of a package that builds.
    fn is_call(&self) -> bool {
        let before =
            |back: usize| self.at.checked_sub(back).and_then(|at| self.words.get(at)).map(|word| &word.kind);
        let from = match before(1) {
            Some(Kind::Name("def" | "class" | "import")) => false,
            Some(Kind::Sign('.')) => {
                matches!(before(2), Some(Kind::Name("setuptools" | "distutils" | "core" | "skbuild")))
            }
            _ => true,
        };
        from && self.sign(1) == Some('(')
    }

    /// `setup(…)`.
    fn call(&mut self) {
        let line = self.line();
        if self.nested > MOST_NESTED {
            return self.pass(1);
        }
        self.pass(2);
        self.nested = self.nested.saturating_add(1);
        let (arguments, open) = self.arguments(0);
        self.nested = self.nested.saturating_sub(1);
        self.calls.push(Call { arguments, open, line });
    }

    /// Arguments by keyword up to the closing bracket, and whether there may be others.
    fn arguments(&mut self, depth: usize) -> (BTreeMap<String, (Value, u32)>, bool) {
        let mut arguments = BTreeMap::new();
        let mut open = false;
        while !self.take(')') {
            if self.kind(0).is_none() {
                return (arguments, true);
            }
            let line = self.line();
            if self.take(',') {
                continue;
            }
            if self.sign(0) == Some('*') && self.sign(1) == Some('*') {
                self.pass(2);
                match self.expression(depth) {
                    Value::Table(table) => {
                        open |= table.open;
                        let items = table.items.into_iter();
                        arguments.extend(items.map(|(key, (_, value))| (key, (value, line))));
                    }
                    _ => open = true,
                }
            } else if let Some(name) = self.name(0).filter(|_| self.is_assignment(1)) {
                self.pass(2);
                let value = self.expression(depth);
                arguments.insert(name.to_owned(), (value, line));
            } else {
                let at = self.at;
                self.expression(depth);
                self.pass(usize::from(self.at == at));
            }
        }
        (arguments, open)
    }

    /// A value with everything that is added to it, up to what ends it.
    fn expression(&mut self, depth: usize) -> Value {
        let mut value = self.term(depth);
        loop {
            if self.sign(0) == Some('+') && !self.is_assignment(1) {
                self.pass(1);
                let other = self.term(depth);
                value = value.plus(other);
            } else if self.sign(0) == Some('.')
                && let (Value::Text(text), Some(method @ ("split" | "splitlines"))) = (&value, self.name(1))
                && self.sign(2) == Some('(')
                && self.sign(3) == Some(')')
            {
                value = Value::List(split(text, method));
                self.pass(4);
            } else {
                break;
            }
        }
        let ended = matches!(
            self.kind(0),
            None | Some(Kind::End | Kind::Sign(',' | ')' | ']' | '}' | ':' | '=' | ';') | Kind::Name("for"))
        );
        if !ended {
            self.skip();
            // `a if x else b`, `a % b`: what came before may be only a part.
            value = Value::Unknown;
        }
        value
    }

    /// Passes everything up to what ends an expression.
    fn skip(&mut self) {
        let mut depth = 0usize;
        while let Some(kind) = self.kind(0) {
            match kind {
                Kind::End => return,
                Kind::Name("setup") if self.is_call() => {
                    self.call();
                    continue;
                }
                Kind::Sign('(' | '[' | '{') => depth = depth.saturating_add(1),
                Kind::Sign(')' | ']' | '}') => match depth.checked_sub(1) {
                    Some(less) => depth = less,
                    None => return,
                },
                Kind::Sign(',' | ';') if depth == 0 => return,
                _ => {}
            }
            self.pass(1);
        }
    }

    /// Passes everything up to and with the closing bracket.
    fn leave(&mut self, close: char) {
        loop {
            self.skip();
            match self.sign(0) {
                Some(',' | ';') => self.pass(1),
                _ => {
                    self.take(close);
                    return;
                }
            }
        }
    }

    fn term(&mut self, depth: usize) -> Value {
        let line = self.line();
        if depth > DEEPEST {
            self.skip();
            return Value::Unknown;
        }
        let deeper = depth.saturating_add(1);
        match self.kind(0) {
            Some(Kind::Text(_)) => {
                let mut whole = Some(String::new());
                while let Some(Kind::Text(part)) = self.kind(0) {
                    whole = whole.zip(part.as_deref()).map(|(whole, part)| whole + part);
                    self.pass(1);
                }
                whole.map_or(Value::Unknown, |text| Value::Text(Text { text, line }))
            }
            Some(Kind::Sign('[')) => {
                self.pass(1);
                Value::List(self.items(']', deeper).0)
            }
            Some(Kind::Sign('(')) => {
                self.pass(1);
                let (mut items, commas) = self.items(')', deeper);
                match items.items.len() {
                    1 if !commas && !items.open => items.items.pop().unwrap_or(Value::Unknown),
                    _ => Value::List(items),
                }
            }
            Some(Kind::Sign('{')) => {
                self.pass(1);
                self.table(deeper)
            }
            Some(Kind::Name(name)) => {
                let name = *name;
                self.named(name, deeper)
            }
            Some(Kind::End | Kind::Sign(',' | ')' | ']' | '}' | ':' | '=' | ';')) | None => Value::Unknown,
            Some(Kind::Number | Kind::Sign(_)) => {
                self.pass(1);
                Value::Unknown
            }
        }
    }

    /// The items up to the closing bracket, and whether a comma stands between or behind them.
    fn items(&mut self, close: char, depth: usize) -> (Items, bool) {
        let mut list = Items::default();
        let mut commas = false;
        while !self.take(close) {
            if self.kind(0).is_none() {
                list.open = true;
                break;
            }
            if self.take(',') {
                commas = true;
                continue;
            }
            if self.name(0) == Some("for") {
                // A comprehension: what it yields depends on what it goes through.
                self.leave(close);
                return (Items { items: Vec::new(), open: true }, commas);
            }
            let at = self.at;
            if self.take('*') {
                match self.expression(depth) {
                    Value::List(other) => {
                        list.items.extend(other.items);
                        list.open |= other.open;
                    }
                    _ => list.open = true,
                }
                commas = true;
            } else {
                match self.expression(depth) {
                    Value::Unknown => list.open = true,
                    value => list.items.push(value),
                }
            }
            if self.at == at {
                self.pass(1);
                list.open = true;
            }
        }
        (list, commas)
    }

    /// A dictionary, or a set.
    fn table(&mut self, depth: usize) -> Value {
        let mut table = Table::default();
        let mut set = Items::default();
        while !self.take('}') {
            if self.kind(0).is_none() {
                table.open = true;
                break;
            }
            if self.take(',') {
                continue;
            }
            let at = self.at;
            if self.sign(0) == Some('*') && self.sign(1) == Some('*') {
                self.pass(2);
                match self.expression(depth) {
                    Value::Table(other) => {
                        table.open |= other.open;
                        table.items.extend(other.items);
                    }
                    _ => table.open = true,
                }
                continue;
            }
            let key = self.expression(depth);
            if self.take(':') {
                let value = self.expression(depth);
                match key {
                    Value::Text(Text { text, line }) => drop(table.items.insert(text, (line, value))),
                    _ => table.open = true,
                }
                if self.name(0) == Some("for") {
                    self.leave('}');
                    return Value::Table(Table { items: BTreeMap::new(), open: true });
                }
            } else {
                match key {
                    Value::Unknown => set.open = true,
                    key => set.items.push(key),
                }
            }
            if self.at == at {
                self.pass(1);
                table.open = true;
            }
        }
        if set.items.is_empty() && !set.open { Value::Table(table) } else { Value::List(set) }
    }

    fn named(&mut self, name: &'text str, depth: usize) -> Value {
        match (name, self.sign(1)) {
            ("setup", Some('(')) if self.is_call() => {
                self.call();
                Value::Unknown
            }
            ("dict", Some('(')) => {
                self.pass(2);
                let (arguments, open) = self.arguments(depth);
                let items = arguments.into_iter().map(|(key, (value, line))| (key, (line, value)));
                Value::Table(Table { items: items.collect(), open })
            }
            ("list" | "tuple" | "set" | "sorted", Some('(')) => {
                self.pass(2);
                let (mut items, commas) = self.items(')', depth);
                match items.items.pop() {
                    None if !items.open => Value::List(items),
                    Some(Value::List(list)) if !commas && !items.open && items.items.is_empty() => {
                        Value::List(list)
                    }
                    Some(_) if !commas && !items.open && items.items.is_empty() => Value::Unknown,
                    _ => Value::Unknown,
                }
            }
            (_, Some('(')) => {
                self.pass(2);
                self.leave(')');
                Value::Unknown
            }
            (_, Some('[')) => {
                let key = match (self.kind(2), self.sign(3)) {
                    (Some(Kind::Text(Some(key))), Some(']')) => Some(key.as_str()),
                    _ => None,
                };
                let found = key.and_then(|key| match self.names.get(name) {
                    Some(Value::Table(table)) => table.items.get(key).map(|(_, value)| value),
                    _ => None,
                });
                match found {
                    Some(value) => {
                        let (value, left) = copy(value, self.left);
                        self.left = left;
                        self.pass(4);
                        value
                    }
                    None => {
                        self.pass(2);
                        self.leave(']');
                        Value::Unknown
                    }
                }
            }
            ("None", _) => {
                self.pass(1);
                Value::Nothing
            }
            // A comprehension ends what came before; a word of the language is no value.
            ("for", _) => Value::Unknown,
            _ => {
                self.pass(1);
                match self.names.get(name) {
                    Some(value) => {
                        let (value, left) = copy(value, self.left);
                        self.left = left;
                        value
                    }
                    None => Value::Unknown,
                }
            }
        }
    }
}

/// A copy, and how much may still be copied; nothing more once something was too large.
fn copy(value: &Value, left: usize) -> (Value, usize) {
    match left.checked_sub(if left == 0 { 1 } else { value.size() }) {
        Some(left) => (value.clone(), left),
        None => (Value::Unknown, 0),
    }
}

/// The words or lines of a text, as Python's methods of these names cut it.
fn split(text: &Text, method: &str) -> Items {
    let mut items = Vec::new();
    for (at, line) in text.text.lines().enumerate() {
        let number = text.line.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
        let part = |part: &str| Value::Text(Text { text: part.to_owned(), line: number });
        match method {
            "split" => items.extend(line.split_whitespace().map(part)),
            _ => items.push(part(line)),
        }
    }
    Items { items, open: false }
}
