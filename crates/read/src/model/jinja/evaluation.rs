//! What every expression of a template may give, found without running it.
//!
//! Each round evaluates every expression once, with what the names may stand for by the round before; that only grows.
//! What still grows after a few rounds is put together in a loop, and is taken for any text that its parts could make.
//! Nothing recurses, whatever the template looks like.

use std::collections::BTreeMap;

use super::fold::{self, Given};
use super::known::{Known, Value};
use super::syntax::{Arguments, Binding, Expression, Node, Operation, Piece, Template};

/// Rounds after which what still grows is not followed any further.
const ROUNDS: usize = 10;
/// Rounds after that.
const LAST_ROUNDS: usize = 6;

/// How many values are kept of all expressions together.
const HELD: usize = 1_500_000;
/// How many values are worked out in all.
const FUEL: usize = 20_000_000;

/// Names that the engine itself defines, and that are objects of the program.
pub(super) const GLOBALS: [&str; 13] = [
    "cycler",
    "dict",
    "joiner",
    "lipsum",
    "namespace",
    "range",
    "self",
    "caller",
    "loop",
    "raise_exception",
    "strftime_now",
    "varargs",
    "kwargs",
];

/// Objects that web frameworks put into their templates, from which their whole program can be reached.
pub(super) const FRAMEWORK: [&str; 8] =
    ["request", "config", "url_for", "get_flashed_messages", "session", "g", "app", "current_app"];

/// Methods of texts and lists by which attacks go on.
const METHODS: [&str; 20] = [
    "append",
    "capitalize",
    "encode",
    "format",
    "format_map",
    "index",
    "join",
    "lower",
    "lstrip",
    "pop",
    "removeprefix",
    "removesuffix",
    "replace",
    "rstrip",
    "split",
    "splitlines",
    "strip",
    "title",
    "translate",
    "upper",
];

/// Methods that put something into a list or mapping.
const MUTATORS: [&str; 5] = ["append", "extend", "insert", "setdefault", "update"];

/// What is known of a template.
pub(super) struct Evaluation<'t> {
    template: &'t Template,
    nodes: Vec<Known>,
    names: BTreeMap<&'t str, Known>,
    fields: BTreeMap<String, Known>,
    /// What gets the value of an expression, or of elements at this depth of it.
    targets: BTreeMap<Node, Vec<(Slot<'t>, u8)>>,
    /// Something is known in this round that was not in the one before.
    changed: bool,
    /// Some namespace is made with more than named values.
    loose_namespaces: bool,
    /// How much may still be worked out.
    fuel: usize,
    /// How many values are kept.
    held: usize,
}

/// What gets a value.
#[derive(Clone, Copy)]
enum Slot<'t> {
    Name(&'t str),
    /// The attribute of any namespace.
    Field(&'t str),
}

impl<'t> Evaluation<'t> {
    /// Finds out what can be known.
    pub(super) fn new(template: &'t Template) -> Self {
        let mut evaluation = Self {
            template,
            nodes: vec![Known::default(); template.nodes.len()],
            names: BTreeMap::new(),
            fields: BTreeMap::new(),
            targets: BTreeMap::new(),
            changed: false,
            loose_namespaces: false,
            fuel: FUEL,
            held: 0,
        };
        evaluation.start();
        for round in 0..ROUNDS.saturating_add(LAST_ROUNDS) {
            evaluation.changed = false;
            for node in 0..template.nodes.len() {
                let known = evaluation.evaluate_within(node);
                if let Some(place) = evaluation.nodes.get_mut(node)
                    && *place != known
                {
                    *place = known;
                    evaluation.changed = true;
                }
                evaluation.pass_on(node, round >= ROUNDS);
            }
            if !evaluation.changed {
                break;
            }
        }
        evaluation
    }

    /// What an expression may give.
    pub(super) fn known(&self, node: Node) -> &Known {
        const NOTHING: &Known = &Known {
            values: Vec::new(),
            many: false,
            built: false,
            data: false,
            plain: false,
            object: false,
        };
        self.nodes.get(node).unwrap_or(NOTHING)
    }

    /// Whether the template gives this name a value.
    pub(super) fn is_bound(&self, name: &str) -> bool {
        self.template.names.contains_key(name)
    }

    /// What does not depend on anything.
    fn start(&mut self) {
        let template = self.template;
        for (name, bindings) in &template.names {
            for binding in bindings {
                let known = match binding {
                    Binding::Value(node) => {
                        self.targets.entry(*node).or_default().push((Slot::Name(name), 0));
                        continue;
                    }
                    Binding::Element(node, depth) => {
                        self.targets.entry(*node).or_default().push((Slot::Name(name), *depth));
                        continue;
                    }
                    Binding::Macro(place) => Known::of(Value::Macro(*place)),
                    Binding::Caller(node) => Known::of(Value::Caller(*node)),
                    Binding::Imported => Known { object: true, ..Known::built() },
                    Binding::Parameter => Known::data(),
                };
                self.names.entry(name).or_default().join(&known);
            }
        }
        for (name, bindings) in &template.fields {
            for binding in bindings {
                if let Binding::Value(node) = binding {
                    self.targets.entry(*node).or_default().push((Slot::Field(name), 0));
                } else if let Binding::Element(node, depth) = binding {
                    self.targets.entry(*node).or_default().push((Slot::Field(name), *depth));
                }
            }
        }
        self.start_names();
    }

    /// A name that is used before it gets its first value stands for something from the conversation there.
    fn start_names(&mut self) {
        let mut firsts: BTreeMap<&str, Node> = BTreeMap::new();
        for (node, (expression, _)) in self.template.nodes.iter().enumerate() {
            if let Expression::Name(name) = expression {
                firsts.entry(name).or_insert(node);
            }
        }
        for (name, bindings) in &self.template.names {
            let values = bindings.iter().filter_map(|binding| match binding {
                Binding::Value(node) | Binding::Element(node, _) => Some(*node),
                _ => None,
            });
            let used = firsts.get(name.as_str());
            if let (Some(used), Some(value)) = (used, values.min())
                && *used <= value
            {
                let known = self.unbound(name);
                self.names.entry(name).or_default().join(&known);
            }
        }
    }

    /// What a name stands for to which the template gives no value.
    fn unbound(&self, name: &str) -> Known {
        match name {
            "caller" | "varargs" | "kwargs" => Known { object: true, ..Known::built() },
            _ if GLOBALS.contains(&name) || FRAMEWORK.contains(&name) => Known::object(),
            // Whoever made the model chose its special tokens, too.
            _ if name.ends_with("_token") => Known { data: true, ..Known::built() },
            _ => Known::data(),
        }
    }

    /// Gives the value of an expression to the names, fields and parameters that get it.
    fn pass_on(&mut self, node: Node, last: bool) {
        let template = self.template;
        let targets = self.targets.get(&node).cloned().unwrap_or_default();
        for (slot, depth) in targets {
            let known = self.known(node).unpacked(depth);
            self.changed |= match slot {
                Slot::Name(name) => grow(self.names.entry(name).or_default(), &known, last),
                Slot::Field(name) => grow(self.fields.entry(name.to_owned()).or_default(), &known, last),
            };
        }
        let Some((Expression::Call(callee, arguments), _)) = template.nodes.get(node) else { return };
        if self.calls(*callee, "namespace") {
            self.fill_namespace(arguments, last);
        }
        self.pass(*callee, arguments, last);
        if let Some((Expression::Attribute(container, method), _)) = template.nodes.get(*callee)
            && MUTATORS.contains(&method.as_str())
        {
            self.put_into(*container, &self.given(arguments), last);
        }
    }

    /// A method puts something into a list or mapping, which other names may stand for, too.
    fn put_into(&mut self, container: Node, given: &Given, last: bool) {
        let template = self.template;
        let mut inside = Known::default();
        let mut hidden = false;
        for argument in given.all() {
            inside.join(&Known::sequence(argument.clone()));
            inside
                .values
                .extend(argument.values.iter().filter(|it| matches!(it, Value::Mapping(_))).cloned());
            let deep = argument.clone().joined(&argument.elements()).joined(&fold::apply(
                "values",
                argument,
                &Given::default(),
            ));
            hidden |= deep.texts().any(|text| text.trim_start().starts_with('_'));
            hidden |= argument.built || argument.elements().built;
        }
        let mut root = container;
        loop {
            match template.nodes.get(root).map(|(expression, _)| expression) {
                Some(Expression::Name(name)) => {
                    let mut known = if root == container { inside } else { Known::default() };
                    known.built |= hidden && root != container;
                    if !self.is_bound(name) {
                        known.join(&self.unbound(name));
                    }
                    self.changed |= grow(self.names.entry(name).or_default(), &known, last);
                    return;
                }
                Some(Expression::Attribute(_, field)) if self.fields.contains_key(field.as_str()) => {
                    self.changed |= grow(self.fields.entry(field.clone()).or_default(), &inside, last);
                    return;
                }
                Some(
                    Expression::Attribute(base, _) | Expression::Item(base, _) | Expression::Slice(base, _),
                ) => {
                    root = *base;
                }
                _ => return,
            }
        }
    }

    /// The attributes that a namespace is made with.
    fn fill_namespace(&mut self, arguments: &Arguments, last: bool) {
        let mut given = self.given(arguments);
        for known in &given.positional {
            for value in &known.values {
                let Value::Mapping(mapping) = value else { continue };
                let named =
                    mapping.held.iter().filter_map(|(key, value)| Some((key.only_text()?.to_owned(), value)));
                given.named.extend(named.map(|(name, value)| (name, value.clone())));
            }
        }
        for (name, known) in given.named {
            self.changed |= grow(self.fields.entry(name).or_default(), &known, last);
        }
        self.loose_namespaces |= !arguments.positional.is_empty() || arguments.mapping.is_some();
    }

    /// Hands arguments over to the parameters of the macros that may be called.
    fn pass(&mut self, callee: Node, arguments: &'t Arguments, last: bool) {
        let template = self.template;
        if let Some((Expression::Name(name), _)) = template.nodes.get(callee) {
            let given = self.given(arguments);
            if matches!(name.as_str(), "caller" | "loop") {
                self.fuel = self
                    .fuel
                    .saturating_sub(template.called_back.len())
                    .saturating_sub(template.recursive.len());
            }
            if name == "caller" {
                let any = given.all().fold(Known::default(), |any, known| any.joined(known));
                for name in &template.called_back {
                    self.changed |= grow(self.names.entry(name).or_default(), &any, last);
                }
            }
            if name == "loop" {
                for (name, depth) in &template.recursive {
                    let known =
                        given.get(0, "iterable").map(|known| known.unpacked(*depth)).unwrap_or_default();
                    self.changed |= grow(self.names.entry(name).or_default(), &known, last);
                }
            }
        }
        for value in self.known(callee).values.clone() {
            let Value::Macro(place) = value else { continue };
            let Some(called) = template.macros.get(place) else { continue };
            let given = self.given(arguments);
            for (position, name) in called.parameters.iter().enumerate() {
                let known = given.get(position, name).cloned().unwrap_or_default();
                self.changed |= grow(self.names.entry(name).or_default(), &known, last);
            }
        }
    }

    /// Whether this is a call of the engine's own function of this name.
    fn calls(&self, callee: Node, function: &str) -> bool {
        matches!(self.template.nodes.get(callee), Some((Expression::Name(name), _))
            if name == function && !self.is_bound(name))
    }

    /// Arguments of a call, evaluated.
    pub(super) fn given(&self, arguments: &Arguments) -> Given {
        let mut given = Given {
            positional: arguments.positional.iter().map(|node| self.known(*node).clone()).collect(),
            named: arguments
                .named
                .iter()
                .map(|(name, node)| (name.clone(), self.known(*node).clone()))
                .collect(),
            rest: None,
        };
        if let Some(list) = arguments.list {
            match self.known(list).values.as_slice() {
                [Value::List(list)] => given.positional.extend(list.held.iter().cloned()),
                _ => given.rest = Some(self.known(list).elements()),
            }
        }
        if let Some(mapping) = arguments.mapping {
            for value in &self.known(mapping).values {
                let Value::Mapping(mapping) = value else { continue };
                let named = mapping
                    .held
                    .iter()
                    .filter_map(|(key, value)| Some((key.only_text()?.to_owned(), value.clone())));
                given.named.extend(named);
            }
            given.rest.get_or_insert_default().join(&Known::data());
        }
        given
    }

    /// Whether everything was worked out that can be.
    pub(super) fn is_complete(&self) -> bool {
        self.fuel > 0 && !self.changed
    }

    fn evaluate_within(&mut self, node: Node) -> Known {
        if self.fuel == 0 {
            return Known { data: true, ..Known::built() };
        }
        let known = self.evaluate(node);
        let parts =
            self.template.nodes.get(node).map(|(expression, _)| expression.parts()).unwrap_or_default();
        let weights = parts.into_iter().map(|part| self.known(part).weight());
        let cost = weights.fold(known.weight(), usize::saturating_add);
        self.fuel = self.fuel.saturating_sub(cost);
        self.held = self.held.saturating_add(known.weight()).saturating_sub(self.known(node).weight());
        if self.held > HELD {
            self.fuel = 0;
        }
        known
    }

    fn evaluate(&self, node: Node) -> Known {
        let Some((expression, _)) = self.template.nodes.get(node) else { return Known::default() };
        match expression {
            Expression::Text(text) => Known::text(text),
            Expression::Integer(Some(number)) => Known::of(Value::Integer(*number)),
            Expression::Integer(None) | Expression::Constant | Expression::Truth | Expression::Test(_) => {
                Known::plain()
            }
            Expression::Name(name) => match self.names.get(name.as_str()) {
                Some(known) => known.clone(),
                None if self.is_bound(name) => Known::default(),
                None => self.unbound(name),
            },
            Expression::Attribute(base, name) => self.attribute(*base, name),
            Expression::Item(base, key) => self.item(*base, *key),
            Expression::Slice(base, bounds) => {
                fold::slice(self.known(*base), bounds.map(|bound| bound.map(|node| self.known(node))))
            }
            Expression::Call(callee, arguments) => self.call(*callee, arguments),
            Expression::Filter(base, name, arguments) => {
                self.filter(name, self.known(*base), &self.given(arguments))
            }
            Expression::List(parts) => {
                Known::list(parts.iter().map(|part| self.known(*part).clone()).collect())
            }
            Expression::Mapping(items) => {
                let items =
                    items.iter().map(|(key, value)| (self.known(*key).clone(), self.known(*value).clone()));
                Known::mapping(items.collect())
            }
            Expression::Concatenation(parts) => {
                let parts: Vec<Known> = parts.iter().map(|part| self.known(*part).clone()).collect();
                fold::concatenate(&parts)
            }
            Expression::Binary(operation, left, right) => {
                binary(*operation, self.known(*left), self.known(*right))
            }
            Expression::Sign(value) => match self.known(*value).values.as_slice() {
                [Value::Integer(number)] => Known::of(Value::Integer(number.saturating_neg())),
                _ => Known::plain(),
            },
            Expression::OneOf(parts) => {
                parts.iter().fold(Known::default(), |known, part| known.joined(self.known(*part)))
            }
            Expression::Written(_) => self.written(node),
        }
    }

    /// What a block writes.
    fn written(&self, node: Node) -> Known {
        let Some((Expression::Written(body), _)) = self.template.nodes.get(node) else {
            return Known::default();
        };
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => Known::text(text),
            Piece::Value(node) => self.known(*node).clone(),
        };
        if !body.branches {
            let parts: Vec<Known> = body.pieces.iter().map(piece).collect();
            return fold::concatenate(&parts);
        }
        // Any of the pieces, or several one after the other.
        let mut any = Known::text("");
        let mut speaks = 0usize;
        for known in body.pieces.iter().map(piece) {
            if known.texts().any(|text| !text.trim().is_empty()) || known.built {
                speaks = speaks.saturating_add(1);
            }
            any.join(&known);
        }
        any.built |= speaks > 1 && any.texts().any(|text| text.contains('_'));
        any
    }

    fn attribute(&self, base: Node, name: &str) -> Known {
        if let Some((Expression::Name(object), _)) = self.template.nodes.get(base)
            && object == "loop"
            && !self.is_bound("loop")
        {
            return match name {
                "previtem" | "nextitem" => Known { data: true, ..Known::built() },
                "cycle" | "changed" => Known::object(),
                _ => Known::plain(),
            };
        }
        self.named(self.known(base), name)
    }

    /// What the attribute or item of this name is.
    fn named(&self, base: &Known, name: &str) -> Known {
        let mut found = Known::default();
        for value in &base.values {
            match value {
                Value::Namespace => match self.fields.get(name) {
                    Some(known) => found.join(known),
                    None => {
                        found.data = true;
                        found.built |= self.loose_namespaces;
                    }
                },
                Value::Mapping(_) => {
                    found.join(&fold::item(&Known::of(value.clone()), &Known::text(name)));
                }
                // Their attributes are methods; what is none is not defined.
                Value::Text(_) | Value::List(_) | Value::Sequence(_) | Value::Integer(_) => {
                    found.object |= METHODS.contains(&name);
                    found.data |= !METHODS.contains(&name);
                }
                Value::Macro(_) | Value::Caller(_) => found.object = true,
            }
        }
        found.built |= base.built;
        found.data |= base.data;
        found.object |= base.object;
        found
    }

    fn item(&self, base: Node, key: Node) -> Known {
        let (base, key) = (self.known(base), self.known(key));
        let mut found = Known::default();
        for text in key.texts() {
            found.join(&self.named(base, text));
        }
        let mut other = key.clone();
        other.values.retain(|value| !matches!(value, Value::Text(_)));
        if !other.is_nothing() {
            found.join(&fold::item(base, &other));
        }
        found
    }

    fn call(&self, callee: Node, arguments: &Arguments) -> Known {
        let given = self.given(arguments);
        let mut found = Known::default();
        for value in &self.known(callee).values {
            match value {
                Value::Macro(place) => {
                    let written = self.template.macros.get(*place).map(|called| called.written);
                    found.join(written.map_or(&Known::default(), |node| self.known(node)));
                }
                Value::Caller(node) => found.join(self.known(*node)),
                _ => {}
            }
        }
        match self.template.nodes.get(callee).map(|(expression, _)| expression) {
            Some(Expression::Name(name)) if !self.is_bound(name) => self.function(name, &given),
            Some(Expression::Attribute(base, name)) => {
                found.joined(&self.method(self.known(*base), name, &given))
            }
            Some(Expression::Item(base, key)) => {
                for name in self.known(*key).texts() {
                    found.join(&self.method(self.known(*base), name, &given));
                }
                found.joined(&Known { object: true, ..Known::built() })
            }
            Some(Expression::Filter(base, filter, named)) if filter == "attr" => {
                for name in self.given(named).get(0, "name").into_iter().flat_map(Known::texts) {
                    found.join(&self.method(self.known(*base), name, &given));
                }
                found.joined(&Known { object: true, ..Known::built() })
            }
            _ if found.is_nothing() && !self.known(callee).is_nothing() => {
                let callee = self.known(callee);
                Known { built: callee.built || callee.object, data: callee.data, ..Known::default() }
            }
            _ => found,
        }
    }

    /// What a function of the engine gives.
    fn function(&self, name: &str, given: &Given) -> Known {
        match name {
            "namespace" => Known::of(Value::Namespace),
            "dict" => {
                let mut items: Vec<(Known, Known)> =
                    given.named.iter().map(|(name, value)| (Known::text(name), value.clone())).collect();
                for value in given.positional.iter().flat_map(|known| &known.values) {
                    match value {
                        Value::Mapping(more) => items.extend(more.held.iter().cloned()),
                        other => {
                            let part = Known::of(other.clone()).unpacked(2);
                            items.push((part.clone(), part));
                        }
                    }
                }
                let mut made = Known::mapping(items);
                given.all().for_each(|known| made.flags(known));
                made
            }
            "range" => Known::sequence(Known::plain()),
            "strftime_now" => {
                // Whatever is no directive stays as it is.
                let mut text = given.get(0, "format").cloned().unwrap_or_default();
                let built = text.texts().any(|text| text.contains('_') && text.contains('%'));
                text.built |= built;
                text.joined(&Known::data())
            }
            "cycler" | "joiner" | "lipsum" | "loop" | "caller" => Known { object: true, ..Known::built() },
            "raise_exception" => Known::default(),
            _ => {
                let mut made = Known::data();
                made.built =
                    given.all().any(|known| known.built || known.texts().any(|text| text.contains('_')));
                made
            }
        }
    }

    fn method(&self, base: &Known, name: &str, given: &Given) -> Known {
        let mut of_data = Known { values: base.values.clone(), ..Known::default() };
        of_data.flags(base);
        // Methods of other objects give whatever they like.
        if base.object && base.values.is_empty() {
            return Known { object: true, ..Known::built() };
        }
        match name {
            "join" => {
                let list = given.get(0, "iterable").cloned().unwrap_or_default();
                let separator = Given { positional: vec![of_data], ..Given::default() };
                fold::apply("join", &list, &separator)
            }
            "format" | "format_map" => fill(base, given, |text| fold::braces(text, given)),
            "append" | "update" | "extend" | "insert" | "remove" => Known::plain(),
            _ => fold::apply(name, &of_data, given),
        }
    }

    fn filter(&self, name: &str, base: &Known, given: &Given) -> Known {
        match name {
            "attr" => {
                let mut found = Known::default();
                for text in given.get(0, "name").into_iter().flat_map(Known::texts) {
                    found.join(&self.named(base, text));
                }
                found.joined(&Known { object: true, ..Known::built() })
            }
            "map" => {
                let mut elements = base.elements();
                let attribute =
                    given.named.iter().find(|(name, _)| name == "attribute").map(|(_, name)| name);
                if let Some(attribute) = attribute {
                    let mut found = Known::default();
                    for text in attribute.texts() {
                        found.join(&self.named(&elements, text));
                    }
                    return Known::sequence(found);
                }
                let mut arguments = Given { named: given.named.clone(), ..Given::default() };
                let mut positional = given.positional.iter();
                let filter = positional.next().and_then(Known::only_text).unwrap_or_default();
                arguments.positional.extend(positional.cloned());
                if filter == "map" || filter.is_empty() {
                    elements.built |= elements.has_text();
                    return Known::sequence(elements);
                }
                // Where every part is known, the order is kept.
                let mapped = base.values.iter().map(|value| match value {
                    Value::List(list) => Known::list(
                        list.held.iter().map(|part| self.filter(filter, part, &arguments)).collect(),
                    ),
                    other => {
                        Known::sequence(self.filter(filter, &Known::of(other.clone()).elements(), &arguments))
                    }
                });
                let mut all = mapped.fold(Known::default(), |all, one| all.joined(&one));
                all.flags(base);
                all
            }
            "format" => fill(base, given, |text| {
                let values: Vec<Known> = given.positional.clone();
                if given.named.is_empty() && given.rest.is_none() {
                    fold::percent(text, &values)
                } else {
                    None
                }
            }),
            "join" if given.get(1, "attribute").is_some() => Known { data: base.data, ..Known::built() },
            _ => fold::apply(name, base, given),
        }
    }
}

/// Texts with something filled in.
fn fill(base: &Known, given: &Given, fill: impl Fn(&str) -> Option<String>) -> Known {
    let mut made = Known::default();
    for text in base.texts() {
        match fill(text) {
            Some(filled) => made.put(Value::Text(filled.into())),
            None => made.built = true,
        }
    }
    made.built |= base.built || base.many || base.object;
    made.data |= base.data || given.all().any(|known| known.data);
    made
}

fn binary(operation: Operation, left: &Known, right: &Known) -> Known {
    if left.is_nothing() || right.is_nothing() {
        return Known::default();
    }
    match operation {
        Operation::Add => add(left, right),
        Operation::Multiply => multiply(left, right).joined(&multiply(right, left)),
        Operation::Modulo if left.has_text() => {
            let values = match right.values.as_slice() {
                [Value::List(list)] => list.held.clone(),
                _ => vec![right.clone()],
            };
            fill(left, &Given { positional: values.clone(), ..Given::default() }, |text| {
                fold::percent(text, &values)
            })
        }
        Operation::Modulo | Operation::Other => {
            let mut number = Known::plain();
            number.data = left.data && right.data;
            number
        }
    }
}

fn add(left: &Known, right: &Known) -> Known {
    let number = |known: &Known| {
        (known.plain || known.values.iter().any(|value| matches!(value, Value::Integer(_))))
            && !known.has_text()
            && !known.data
    };
    if let ([Value::Integer(one)], [Value::Integer(other)]) =
        (left.values.as_slice(), right.values.as_slice())
        && !left.plain
        && !right.plain
    {
        return one.checked_add(*other).map_or_else(Known::plain, |sum| Known::of(Value::Integer(sum)));
    }
    // Only numbers can be added to numbers.
    if number(left) || number(right) {
        return Known::plain();
    }
    let lists = |known: &Known| {
        let mut lists = known.clone();
        lists.values.retain(|value| matches!(value, Value::List(_) | Value::Sequence(_)));
        lists
    };
    let texts = |known: &Known| {
        let mut texts = known.clone();
        texts.values.retain(|value| matches!(value, Value::Text(_)));
        texts
    };
    let (left_lists, right_lists) = (lists(left), lists(right));
    if left_lists.values.is_empty() && right_lists.values.is_empty() {
        return fold::concatenate(&[texts(left), texts(right)]);
    }
    let mut sum = if let ([Value::List(one)], [Value::List(other)]) =
        (left_lists.values.as_slice(), right_lists.values.as_slice())
    {
        Known::list(one.held.iter().chain(&other.held).cloned().collect())
    } else {
        Known::sequence(left_lists.elements().joined(&right_lists.elements()))
    };
    if texts(left).has_text() && texts(right).has_text() {
        sum.join(&fold::concatenate(&[texts(left), texts(right)]));
    }
    sum.flags(left);
    sum.flags(right);
    sum
}

/// A text, so many times.
fn multiply(texts: &Known, times: &Known) -> Known {
    let mut made = Known::plain();
    for text in texts.texts() {
        for value in &times.values {
            let Value::Integer(times) = value else { continue };
            let times = usize::try_from(*times).unwrap_or(0);
            if text.len().saturating_mul(times) <= super::known::LONGEST_TEXT {
                made.put(Value::Text(text.repeat(times).into()));
            } else {
                made.built = true;
            }
        }
        made.built |= times.plain || times.data;
    }
    made.built |= texts.built;
    made
}

/// Joins what was found into what was known; whether that is more than before.
fn grow(known: &mut Known, found: &Known, last: bool) -> bool {
    let before = known.clone();
    if last {
        widen(known, found);
    } else {
        known.join(found);
    }
    *known != before
}

/// What still grows is put together in a loop: it is not followed any further.
fn widen(known: &mut Known, found: &Known) {
    let hidden = known.texts().chain(found.texts()).any(|text| text.trim_start().starts_with('_'));
    let new: Vec<&Value> = found.values.iter().filter(|value| !known.values.contains(value)).collect();
    for value in new {
        match value {
            Value::Integer(_) => known.plain = true,
            Value::Text(_) if hidden => known.built = true,
            Value::Text(_) => known.many = true,
            container if container.hides() => known.built = true,
            _ => known.data = true,
        }
    }
    known.flags(found);
}
