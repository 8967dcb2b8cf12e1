//! Expressions: precedence and associativity as in `jinja2.parser`.

use super::super::lexer::Kind;
use super::super::syntax::{Arguments, Expression, Node, Operation};
use super::{Parsed, Parser};

/// How many parts of one list, mapping or call are kept apart.
const MOST_PARTS: usize = 100_000;

impl Parser<'_> {
    /// An expression with its `if … else …`.
    pub(super) fn expression(&mut self) -> Parsed<Node> {
        self.deeper(|parser| parser.condition())
    }

    /// One expression, or several with commas between, which make a tuple.
    pub(super) fn tuple(&mut self, conditions: bool, ends: &[&str]) -> Parsed<Node> {
        let at = self.at();
        let mut parts = Vec::new();
        let mut several = false;
        while !self.ends_tuple(ends) {
            let part =
                if conditions { self.expression()? } else { self.deeper(|parser| parser.disjunction())? };
            parts.push(part);
            if !self.takes_operator(",") {
                break;
            }
            several = true;
        }
        match parts.as_slice() {
            [] => self.fail("an expression is missing"),
            [only] if !several => Ok(*only),
            _ => Ok(self.node(Expression::List(parts), at)),
        }
    }

    fn ends_tuple(&self, ends: &[&str]) -> bool {
        match self.peek() {
            None | Some(Kind::BlockEnd | Kind::VariableEnd) => true,
            Some(Kind::Operator(operator)) => *operator == ")",
            Some(Kind::Name(name)) => ends.contains(name),
            _ => false,
        }
    }

    fn condition(&mut self) -> Parsed<Node> {
        let at = self.at();
        let mut value = self.disjunction()?;
        while self.takes_name("if") {
            self.deeper(|parser| parser.disjunction())?;
            let mut parts = vec![value];
            if self.takes_name("else") {
                parts.push(self.expression()?);
            }
            value = self.node(Expression::OneOf(parts), at);
        }
        Ok(value)
    }

    fn disjunction(&mut self) -> Parsed<Node> {
        let at = self.at();
        let mut parts = vec![self.conjunction()?];
        while self.takes_name("or") {
            parts.push(self.conjunction()?);
        }
        Ok(self.one_of(parts, at))
    }

    fn conjunction(&mut self) -> Parsed<Node> {
        let at = self.at();
        let mut parts = vec![self.negation()?];
        while self.takes_name("and") {
            parts.push(self.negation()?);
        }
        Ok(self.one_of(parts, at))
    }

    fn one_of(&mut self, parts: Vec<Node>, at: usize) -> Node {
        match parts.as_slice() {
            [only] => *only,
            _ => self.node(Expression::OneOf(parts), at),
        }
    }

    fn negation(&mut self) -> Parsed<Node> {
        let at = self.at();
        if self.takes_name("not") {
            self.deeper(|parser| parser.negation())?;
            return Ok(self.node(Expression::Truth, at));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Parsed<Node> {
        let at = self.at();
        let mut value = self.sum()?;
        loop {
            let compares =
                ["==", "!=", "<", "<=", ">", ">="].iter().any(|operator| self.takes_operator(operator));
            let contains = !compares && self.takes_name("in");
            let excludes = !compares
                && !contains
                && self.peek_name() == Some("not")
                && matches!(self.ahead(1), Some(Kind::Name("in")));
            if excludes {
                self.step();
                self.step();
            }
            if !(compares || contains || excludes) {
                return Ok(value);
            }
            self.sum()?;
            value = self.node(Expression::Truth, at);
        }
    }

    fn sum(&mut self) -> Parsed<Node> {
        let at = self.at();
        let mut value = self.concatenation()?;
        loop {
            let operation = match self.peek() {
                Some(Kind::Operator("+")) => Operation::Add,
                Some(Kind::Operator("-")) => Operation::Other,
                _ => return Ok(value),
            };
            self.step();
            let right = self.concatenation()?;
            value = self.node(Expression::Binary(operation, value, right), at);
        }
    }

    fn concatenation(&mut self) -> Parsed<Node> {
        let at = self.at();
        let mut parts = vec![self.product()?];
        while self.takes_operator("~") {
            parts.push(self.product()?);
        }
        match parts.as_slice() {
            [only] => Ok(*only),
            _ => Ok(self.node(Expression::Concatenation(parts), at)),
        }
    }

    fn product(&mut self) -> Parsed<Node> {
        let at = self.at();
        let mut value = self.power()?;
        loop {
            let operation = match self.peek() {
                Some(Kind::Operator("*")) => Operation::Multiply,
                Some(Kind::Operator("%")) => Operation::Modulo,
                Some(Kind::Operator("/" | "//")) => Operation::Other,
                _ => return Ok(value),
            };
            self.step();
            let right = self.power()?;
            value = self.node(Expression::Binary(operation, value, right), at);
        }
    }

    fn power(&mut self) -> Parsed<Node> {
        let at = self.at();
        let mut value = self.unary(true)?;
        while self.takes_operator("**") {
            let right = self.unary(true)?;
            value = self.node(Expression::Binary(Operation::Other, value, right), at);
        }
        Ok(value)
    }

    fn unary(&mut self, filters: bool) -> Parsed<Node> {
        let at = self.at();
        let value = if self.takes_operator("-") || self.takes_operator("+") {
            let value = self.deeper(|parser| parser.unary(false))?;
            self.node(Expression::Sign(value), at)
        } else {
            self.primary()?
        };
        let value = self.postfix(value)?;
        if !filters {
            return Ok(value);
        }
        self.filters(value, false)
    }

    fn primary(&mut self) -> Parsed<Node> {
        let at = self.at();
        match self.peek() {
            Some(Kind::Name(_)) => {
                let name = self.name()?;
                let expression = match name {
                    "true" | "True" | "false" | "False" | "none" | "None" => Expression::Constant,
                    _ => Expression::Name(name.to_owned()),
                };
                Ok(self.node(expression, at))
            }
            Some(Kind::Text(first)) => {
                let mut text = first.clone();
                self.step();
                // Strings that stand beside each other are one.
                while let Some(Kind::Text(next)) = self.peek() {
                    text.push_str(next);
                    self.step();
                }
                Ok(self.node(Expression::Text(text), at))
            }
            Some(Kind::Integer(value)) => {
                self.step();
                Ok(self.node(Expression::Integer(*value), at))
            }
            Some(Kind::Float) => {
                self.step();
                Ok(self.node(Expression::Constant, at))
            }
            Some(Kind::Operator("(")) => {
                self.step();
                if self.takes_operator(")") {
                    return Ok(self.node(Expression::List(Vec::new()), at));
                }
                let value = self.tuple(true, &[])?;
                self.operator(")")?;
                Ok(value)
            }
            Some(Kind::Operator("[")) => {
                self.step();
                let mut parts = Vec::new();
                self.parts("]", |parser| {
                    let part = parser.expression()?;
                    parts.push(part);
                    Ok(parts.len())
                })?;
                Ok(self.node(Expression::List(parts), at))
            }
            Some(Kind::Operator("{")) => {
                self.step();
                let mut parts = Vec::new();
                self.parts("}", |parser| {
                    let key = parser.expression()?;
                    parser.operator(":")?;
                    let value = parser.expression()?;
                    parts.push((key, value));
                    Ok(parts.len())
                })?;
                Ok(self.node(Expression::Mapping(parts), at))
            }
            _ => self.fail("an expression is missing"),
        }
    }

    /// Parts with commas between, the last one of which may have a comma of its own.
    fn parts(&mut self, close: &str, mut part: impl FnMut(&mut Self) -> Parsed<usize>) -> Parsed<()> {
        let mut count = 0usize;
        while !self.is_operator(close) {
            if count > 0 {
                self.operator(",")?;
                if self.is_operator(close) {
                    break;
                }
            }
            count = part(self)?;
            if count > MOST_PARTS {
                return self.fail("a list of this length is not followed");
            }
        }
        self.operator(close)
    }

    fn postfix(&mut self, mut value: Node) -> Parsed<Node> {
        loop {
            let at = self.template.nodes.get(value).map_or(0, |(_, at)| *at);
            if self.takes_operator(".") {
                value = match self.peek() {
                    Some(Kind::Name(_)) => {
                        let name = self.name()?.to_owned();
                        self.node(Expression::Attribute(value, name), at)
                    }
                    Some(Kind::Integer(number)) => {
                        self.step();
                        let key = self.node(Expression::Integer(*number), at);
                        self.node(Expression::Item(value, key), at)
                    }
                    _ => return self.fail("a name is missing"),
                };
            } else if self.takes_operator("[") {
                value = self.deeper(|parser| parser.subscript(value, at))?;
            } else if self.is_operator("(") {
                let arguments = self.arguments()?;
                value = self.node(Expression::Call(value, arguments), at);
            } else {
                return Ok(value);
            }
        }
    }

    /// `key]`, `from:to:step]` or several of these, which make a tuple that no object but those of foreign types takes.
    fn subscript(&mut self, base: Node, at: usize) -> Parsed<Node> {
        let mut keys = Vec::new();
        let mut slice = None;
        while !self.takes_operator("]") {
            if !keys.is_empty() {
                self.operator(",")?;
            }
            let mut bounds = [None; 3];
            let mut colons = 0usize;
            for bound in &mut bounds {
                if !self.is_operator(":") && !self.is_operator("]") && !self.is_operator(",") {
                    *bound = Some(self.expression()?);
                }
                if !self.takes_operator(":") {
                    break;
                }
                colons = colons.saturating_add(1);
            }
            if colons > 0 {
                slice = Some(bounds);
                keys.push(self.node(Expression::Constant, at));
            } else if let [Some(key), ..] = bounds {
                keys.push(key);
            } else {
                return self.fail("an expression is missing");
            }
        }
        Ok(match (keys.as_slice(), slice) {
            ([_], Some(bounds)) => self.node(Expression::Slice(base, bounds), at),
            ([key], None) => self.node(Expression::Item(base, *key), at),
            _ => {
                let key = self.node(Expression::List(keys), at);
                self.node(Expression::Item(base, key), at)
            }
        })
    }

    fn arguments(&mut self) -> Parsed<Arguments> {
        self.operator("(")?;
        let mut arguments = Arguments::default();
        let mut count = 0usize;
        self.parts(")", |parser| {
            count = count.saturating_add(1);
            if parser.takes_operator("*") {
                arguments.list = Some(parser.expression()?);
            } else if parser.takes_operator("**") {
                arguments.mapping = Some(parser.expression()?);
            } else if matches!(
                (parser.peek(), parser.ahead(1)),
                (Some(Kind::Name(_)), Some(Kind::Operator("=")))
            ) {
                let name = parser.name()?.to_owned();
                parser.step();
                let value = parser.expression()?;
                arguments.named.push((name, value));
            } else {
                let value = parser.expression()?;
                arguments.positional.push(value);
            }
            Ok(count)
        })?;
        Ok(arguments)
    }

    /// Filters, tests and calls of what they give. With `first`, the name of a filter comes without its bar.
    pub(super) fn filters(&mut self, base: Node, mut first: bool) -> Parsed<Node> {
        let mut value = base;
        let at = self.template.nodes.get(base).map_or(0, |(_, at)| *at);
        loop {
            if std::mem::take(&mut first) || self.takes_operator("|") {
                let name = self.dotted()?;
                let arguments = if self.is_operator("(") { self.arguments()? } else { Arguments::default() };
                value = self.node(Expression::Filter(value, name, arguments), at);
            } else if self.takes_name("is") {
                value = self.test(at)?;
            } else if self.is_operator("(") {
                let arguments = self.arguments()?;
                value = self.node(Expression::Call(value, arguments), at);
            } else {
                return Ok(value);
            }
        }
    }

    fn dotted(&mut self) -> Parsed<String> {
        let mut name = self.name()?.to_owned();
        while self.takes_operator(".") {
            name.push('.');
            name.push_str(self.name()?);
        }
        Ok(name)
    }

    fn test(&mut self, at: usize) -> Parsed<Node> {
        self.takes_name("not");
        let name = self.dotted()?;
        if self.is_operator("(") {
            self.arguments()?;
        } else {
            let argument = match self.peek() {
                Some(Kind::Name("is")) => return self.fail("tests cannot be chained with `is`"),
                Some(Kind::Name("else" | "or" | "and")) => false,
                Some(Kind::Name(_) | Kind::Text(_) | Kind::Integer(_) | Kind::Float) => true,
                Some(Kind::Operator(operator)) => matches!(*operator, "[" | "{"),
                _ => false,
            };
            if argument {
                self.deeper(|parser| {
                    let value = parser.primary()?;
                    parser.postfix(value)
                })?;
            }
        }
        Ok(self.node(Expression::Test(name), at))
    }
}
