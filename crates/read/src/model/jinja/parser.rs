//! Statements, as `jinja2.parser` and the extensions that loaders of models switch on: loop controls and generation
//! blocks. `expression` parses what stands inside of them.
//!
//! Scopes are not kept apart: a name may stand for whatever any part of the template gives it, which is more than it
//! can in truth and never less.

mod expression;

use super::lexer::{Broken, Kind, Token};
use super::syntax::{Binding, Body, Expression, Load, Macro, Node, Piece, Template};

/// How deep statements and expressions may be nested.
const DEEPEST: usize = 120;
/// How many pieces are kept of what a part of the template writes.
const MOST_PIECES: usize = 4096;

/// Parses the tokens as far as they can be understood.
pub(super) fn parse(tokens: &[Token<'_>]) -> (Template, Option<Broken>) {
    let mut parser = Parser { tokens, next: 0, depth: 0, template: Template::default() };
    let broken = parser.whole().err();
    (parser.template, broken)
}

pub(super) struct Parser<'a> {
    tokens: &'a [Token<'a>],
    next: usize,
    depth: usize,
    template: Template,
}

type Parsed<T> = Result<T, Broken>;

impl<'a> Parser<'a> {
    fn whole(&mut self) -> Parsed<()> {
        self.body(&[]).map(|_| ())
    }

    fn peek(&self) -> Option<&'a Kind<'a>> {
        self.ahead(0)
    }

    fn ahead(&self, count: usize) -> Option<&'a Kind<'a>> {
        self.tokens.get(self.next.checked_add(count)?).map(|token| &token.kind)
    }

    fn peek_name(&self) -> Option<&'a str> {
        match self.peek() {
            Some(Kind::Name(name)) => Some(name),
            _ => None,
        }
    }

    fn step(&mut self) {
        self.next = self.next.saturating_add(1);
    }

    /// Where the next token begins, or the last one where there is none.
    fn at(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |token| token.at)
    }

    fn fail<T>(&self, reason: &str) -> Parsed<T> {
        Err(Broken { reason: reason.to_owned(), at: self.at() })
    }

    fn is_operator(&self, operator: &str) -> bool {
        matches!(self.peek(), Some(Kind::Operator(found)) if *found == operator)
    }

    fn takes_operator(&mut self, operator: &str) -> bool {
        let found = self.is_operator(operator);
        if found {
            self.step();
        }
        found
    }

    fn operator(&mut self, operator: &str) -> Parsed<()> {
        if self.takes_operator(operator) { Ok(()) } else { self.fail(&format!("`{operator}` is missing")) }
    }

    fn takes_name(&mut self, name: &str) -> bool {
        let found = self.peek_name() == Some(name);
        if found {
            self.step();
        }
        found
    }

    fn name(&mut self) -> Parsed<&'a str> {
        match self.peek_name() {
            Some(name) if !name.starts_with(char::is_numeric) => {
                self.step();
                Ok(name)
            }
            _ => self.fail("a name is missing"),
        }
    }

    fn end_of_tag(&mut self) -> Parsed<()> {
        match self.peek() {
            Some(Kind::BlockEnd) => {
                self.step();
                Ok(())
            }
            _ => self.fail("the tag does not end where it should"),
        }
    }

    fn node(&mut self, expression: Expression, at: usize) -> Node {
        self.template.nodes.push((expression, at));
        self.template.nodes.len().saturating_sub(1)
    }

    fn bind(&mut self, name: &str, binding: Binding) {
        self.template.names.entry(name.to_owned()).or_default().push(binding);
    }

    /// Parses one level deeper.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEEPEST {
            return self.fail(&format!("nested deeper than {DEEPEST} levels"));
        }
        self.depth = self.depth.saturating_add(1);
        let parsed = parse(self);
        self.depth = self.depth.saturating_sub(1);
        parsed
    }

    /// Everything up to a tag with one of these names, which becomes the next token; without names, up to the end.
    fn body(&mut self, ends: &[&str]) -> Parsed<Body> {
        let mut body = Body::default();
        while let Some(kind) = self.peek() {
            match kind {
                Kind::Data(text) => {
                    self.step();
                    body.put(Piece::Text((*text).to_owned()));
                }
                Kind::VariableBegin => {
                    self.step();
                    let value = self.tuple(true, &[])?;
                    match self.peek() {
                        Some(Kind::VariableEnd) => self.step(),
                        _ => return self.fail("the expression does not end where it should"),
                    }
                    body.put(Piece::Value(value));
                }
                Kind::BlockBegin => {
                    self.step();
                    if self.peek_name().is_some_and(|name| ends.contains(&name)) {
                        return Ok(body);
                    }
                    let inner = self.deeper(Self::statement)?;
                    body.branches |= inner.branches;
                    for piece in inner.pieces {
                        body.put(piece);
                    }
                    self.end_of_tag()?;
                }
                _ => return self.fail("a tag is not where it could be"),
            }
        }
        if ends.is_empty() { Ok(body) } else { self.fail(&format!("`{}` is missing", ends.join("` or `"))) }
    }

    /// The body of a block, its end included up to the end of that tag.
    fn block(&mut self, end: &str) -> Parsed<Body> {
        self.end_of_tag()?;
        let body = self.body(&[end])?;
        self.step();
        Ok(body)
    }

    /// A statement, up to and without the end of its last tag; what it writes.
    fn statement(&mut self) -> Parsed<Body> {
        let at = self.at();
        let Some(tag) = self.peek_name() else { return self.fail("a tag without a name") };
        self.step();
        match tag {
            "for" => self.for_loop(),
            "if" => self.if_block(),
            "set" => self.set(),
            "macro" => self.macro_block(),
            "call" => self.call_block(),
            "filter" => self.filter_block(),
            "with" => self.with_block(),
            "block" => self.named_block(),
            "generation" => self.block("endgeneration"),
            "autoescape" => {
                self.expression()?;
                self.block("endautoescape")
            }
            "print" => {
                let mut body = Body::default();
                while !matches!(self.peek(), Some(Kind::BlockEnd)) {
                    if !body.pieces.is_empty() {
                        self.operator(",")?;
                    }
                    let value = self.expression()?;
                    body.put(Piece::Value(value));
                }
                Ok(body)
            }
            "do" => {
                self.tuple(true, &[])?;
                Ok(Body::default())
            }
            "break" | "continue" => Ok(Body { branches: true, ..Body::default() }),
            "include" => self.load("include", at),
            "import" => self.load("import", at),
            "from" => self.load("from", at),
            "extends" => self.load("extends", at),
            other => Err(Broken { reason: format!("the tag `{}` is not known", other.escape_debug()), at }),
        }
    }

    fn for_loop(&mut self) -> Parsed<Body> {
        let targets = self.targets(&["in"])?;
        if !self.takes_name("in") {
            return self.fail("`in` is missing");
        }
        let iterated = self.tuple(false, &["if", "recursive"])?;
        self.assign(&targets, |depth| Binding::Element(iterated, depth.saturating_add(1)));
        if self.takes_name("if") {
            self.expression()?;
        }
        if self.takes_name("recursive") {
            for target in &targets {
                let depth = target.depth.saturating_add(1);
                self.template.recursive.push((target.name.to_owned(), depth));
            }
        }
        self.end_of_tag()?;
        let mut body = self.body(&["else", "endfor"])?;
        body.branches = true;
        if self.takes_name("else") {
            self.end_of_tag()?;
            let other = self.body(&["endfor"])?;
            body.join(other);
        }
        self.step();
        Ok(body)
    }

    fn if_block(&mut self) -> Parsed<Body> {
        let mut body = Body { branches: true, ..Body::default() };
        self.tuple(false, &[])?;
        loop {
            self.end_of_tag()?;
            let branch = self.body(&["elif", "else", "endif"])?;
            body.join(branch);
            if self.takes_name("elif") {
                self.tuple(false, &[])?;
            } else if self.takes_name("else") {
                self.end_of_tag()?;
                let branch = self.body(&["endif"])?;
                body.join(branch);
                self.step();
                return Ok(body);
            } else {
                self.step();
                return Ok(body);
            }
        }
    }

    fn set(&mut self) -> Parsed<Body> {
        let targets = self.targets(&[])?;
        if self.takes_operator("=") {
            let value = self.tuple(true, &[])?;
            let several = targets.len() > 1 || targets.iter().any(|target| target.depth > 0);
            self.assign(&targets, |depth| match depth {
                0 if !several => Binding::Value(value),
                depth => Binding::Element(value, depth),
            });
            return Ok(Body::default());
        }
        let value = if self.is_operator("|") {
            let written = self.written();
            let value = self.filters(written, false)?;
            let body = self.block("endset")?;
            self.fill(written, body);
            value
        } else {
            self.written_block("endset")?
        };
        self.assign(&targets, |_| Binding::Value(value));
        Ok(Body::default())
    }

    fn assign(&mut self, targets: &[Target<'a>], binding: impl Fn(u8) -> Binding) {
        for target in targets {
            let binding = binding(target.depth);
            match target.field {
                Some(field) => {
                    self.template.fields.entry(field.to_owned()).or_default().push(binding);
                }
                None => self.bind(target.name, binding),
            }
        }
    }

    /// Names that get a value: `a`, `a, (b, c)`, `namespace.a`.
    fn targets(&mut self, ends: &[&str]) -> Parsed<Vec<Target<'a>>> {
        let mut targets = Vec::new();
        self.target_list(0, ends, &mut targets)?;
        if targets.is_empty() { self.fail("a name is missing") } else { Ok(targets) }
    }

    fn target_list(&mut self, depth: u8, ends: &[&str], targets: &mut Vec<Target<'a>>) -> Parsed<()> {
        let first = targets.len();
        let mut several = false;
        loop {
            if self.is_operator("(") || self.is_operator("[") {
                let close = if self.is_operator("(") { ")" } else { "]" };
                self.step();
                let before = targets.len();
                self.deeper(|parser| parser.target_list(depth, &[], targets))?;
                self.operator(close)?;
                // Parentheses around one name say nothing.
                if targets.len().saturating_sub(before) > 1 && (several || self.is_operator(",")) {
                    targets.iter_mut().skip(before).for_each(Target::deepen);
                }
            } else if self.peek_name().is_some_and(|name| !ends.contains(&name)) {
                let name = self.name()?;
                let field = if self.takes_operator(".") { Some(self.name()?) } else { None };
                targets.push(Target { name, field, depth });
            } else {
                break;
            }
            if !self.takes_operator(",") {
                break;
            }
            several = true;
        }
        if several {
            targets.iter_mut().skip(first).for_each(Target::deepen);
        }
        Ok(())
    }

    fn macro_block(&mut self) -> Parsed<Body> {
        let name = self.name()?;
        let parameters = self.signature()?;
        let written = self.written_block("endmacro")?;
        let place = self.template.macros.len();
        self.template.macros.push(Macro { parameters, written });
        self.bind(name, Binding::Macro(place));
        Ok(Body::default())
    }

    /// `(a, b=1)`; each default is something that the name may stand for.
    fn signature(&mut self) -> Parsed<Vec<String>> {
        self.operator("(")?;
        let mut parameters = Vec::new();
        while !self.is_operator(")") {
            if !parameters.is_empty() {
                self.operator(",")?;
                if self.is_operator(")") {
                    break;
                }
            }
            let name = self.name()?;
            self.bind(name, Binding::Parameter);
            if self.takes_operator("=") {
                let value = self.expression()?;
                self.bind(name, Binding::Value(value));
            }
            parameters.push(name.to_owned());
        }
        self.operator(")")?;
        Ok(parameters)
    }

    fn call_block(&mut self) -> Parsed<Body> {
        if self.is_operator("(") {
            let mut parameters = self.signature()?;
            self.template.called_back.append(&mut parameters);
        }
        let called = self.expression()?;
        let written = self.written_block("endcall")?;
        self.bind("caller", Binding::Caller(written));
        Ok(Body::of(Piece::Value(called)))
    }

    fn filter_block(&mut self) -> Parsed<Body> {
        let written = self.written();
        let value = self.filters(written, true)?;
        let body = self.block("endfilter")?;
        self.fill(written, body);
        Ok(Body::of(Piece::Value(value)))
    }

    /// A block, as the expression that gives what it writes.
    fn written_block(&mut self, end: &str) -> Parsed<Node> {
        let at = self.at();
        let body = self.block(end)?;
        Ok(self.node(Expression::Written(body), at))
    }

    /// A place for what a block writes whose filters come before it.
    fn written(&mut self) -> Node {
        self.node(Expression::Written(Body::default()), self.at())
    }

    fn fill(&mut self, written: Node, body: Body) {
        if let Some((expression, _)) = self.template.nodes.get_mut(written) {
            *expression = Expression::Written(body);
        }
    }

    fn with_block(&mut self) -> Parsed<Body> {
        let mut first = true;
        while !matches!(self.peek(), Some(Kind::BlockEnd)) {
            if !first {
                self.operator(",")?;
            }
            first = false;
            let targets = self.targets(&[])?;
            self.operator("=")?;
            let value = self.expression()?;
            let several = targets.len() > 1;
            self.assign(&targets, |depth| {
                if several { Binding::Element(value, depth) } else { Binding::Value(value) }
            });
        }
        self.block("endwith")
    }

    fn named_block(&mut self) -> Parsed<Body> {
        self.name()?;
        while self.takes_name("scoped") || self.takes_name("required") {}
        let body = self.block("endblock")?;
        if self.peek_name().is_some() {
            self.step();
        }
        Ok(body)
    }

    fn load(&mut self, tag: &'static str, at: usize) -> Parsed<Body> {
        let name = self.expression()?;
        self.template.loads.push(Load { tag, name, at });
        match tag {
            "import" => {
                if !self.takes_name("as") {
                    return self.fail("`as` is missing");
                }
                let name = self.name()?;
                self.bind(name, Binding::Imported);
            }
            "from" => {
                if !self.takes_name("import") {
                    return self.fail("`import` is missing");
                }
                loop {
                    if matches!(self.peek(), Some(Kind::BlockEnd)) || self.is_context() {
                        break;
                    }
                    let name = self.name()?;
                    let alias = if self.takes_name("as") { self.name()? } else { name };
                    self.bind(alias, Binding::Imported);
                    if !self.takes_operator(",") {
                        break;
                    }
                }
            }
            "include" if self.takes_name("ignore") && !self.takes_name("missing") => {
                return self.fail("`missing` is missing");
            }
            _ => {}
        }
        if self.is_context() {
            self.step();
            self.step();
        }
        Ok(Body { branches: true, ..Body::default() })
    }

    /// `with context` or `without context`.
    fn is_context(&self) -> bool {
        matches!(self.peek_name(), Some("with" | "without"))
            && matches!(self.ahead(1), Some(Kind::Name("context")))
    }
}

/// A name that gets a value.
struct Target<'a> {
    name: &'a str,
    /// An attribute of the namespace of this name.
    field: Option<&'a str>,
    /// How deep the value is unpacked to get what the name stands for.
    depth: u8,
}

impl Target<'_> {
    fn deepen(&mut self) {
        self.depth = self.depth.saturating_add(1);
    }
}

impl Body {
    fn of(piece: Piece) -> Self {
        Self { pieces: vec![piece], branches: false }
    }

    fn put(&mut self, piece: Piece) {
        if self.pieces.len() < MOST_PIECES {
            self.pieces.push(piece);
        } else {
            // What is dropped may be anything.
            self.branches = true;
        }
    }

    fn join(&mut self, other: Self) {
        for piece in other.pieces {
            self.put(piece);
        }
    }
}
