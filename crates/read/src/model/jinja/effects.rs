//! What rendering a template would do: the filters, tests, functions and methods that it uses, what it looks up behind
//! the values, and the templates that it loads.

use std::collections::BTreeMap;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Operator, Target, Value as Shown, What};
use weighbridge_core::place::Span;
use weighbridge_core::sink::Sink;

use super::evaluation::{Evaluation, FRAMEWORK, GLOBALS};
use super::fold::{self, Given};
use super::known::{Known, Value};
use super::syntax::{Arguments, Expression, Load, Node, Template};

/// How much of an expression is shown, in characters.
const SHOWN: usize = 100;
/// How many hidden names are told that one key may have.
const SHOWN_NAMES: usize = 3;
/// How many different effects are told.
const MOST_EFFECTS: usize = 2_000;

/// Attributes of functions, generators, frames and classes that need no underscore: what Jinja's own sandbox forbids,
/// and what hangs on it.
const INTERPRETER: [&str; 26] = [
    "ag_await",
    "ag_code",
    "ag_frame",
    "co_code",
    "co_consts",
    "cr_await",
    "cr_code",
    "cr_frame",
    "cr_origin",
    "f_back",
    "f_builtins",
    "f_code",
    "f_globals",
    "f_locals",
    "f_trace",
    "func_closure",
    "func_code",
    "func_globals",
    "gi_code",
    "gi_frame",
    "gi_yieldfrom",
    "im_class",
    "im_func",
    "im_self",
    "mro",
    "tb_frame",
];

/// Filters that look attributes up, by which argument they are named.
fn attribute_argument(filter: &str) -> Option<(usize, &'static str)> {
    Some(match filter {
        "groupby" | "selectattr" | "rejectattr" => (0, "attribute"),
        "sum" => (0, "attribute"),
        "join" => (1, "attribute"),
        "map" | "min" | "max" | "sort" | "unique" => (usize::MAX, "attribute"),
        _ => return None,
    })
}

/// Tells every effect of the template.
pub(super) fn tell(source: &str, template: &Template, sink: &mut Sink) {
    let mut effects =
        Effects { source, evaluation: Evaluation::new(template), template, found: BTreeMap::new() };
    for (expression, at) in &template.nodes {
        effects.expression(expression, *at);
    }
    for load in &template.loads {
        effects.load(load);
    }
    if !effects.evaluation.is_complete() {
        sink.unread(Unread::Unsupported("a template of this complexity".to_owned()), None);
    }
    let lines = Lines::new(source);
    let mut found: Vec<_> = effects.found.into_values().collect();
    found.sort_by_key(|(number, _, at)| (*at, *number));
    for (_, effect, at) in found {
        sink.observed(What::Effect(effect), Some(Span::Line(lines.line(at))));
    }
}

struct Effects<'t> {
    source: &'t str,
    template: &'t Template,
    evaluation: Evaluation<'t>,
    /// By kind and target: its number in the order of the template, the first of its kind, and where it is.
    found: BTreeMap<(EffectKind, Target), (usize, Effect, usize)>,
}

impl Effects<'_> {
    fn known(&self, node: Node) -> &Known {
        self.evaluation.known(node)
    }

    fn put(
        &mut self,
        kind: EffectKind,
        target: Target,
        opcode: &'static str,
        at: usize,
        arguments: Vec<Shown>,
    ) {
        let key = (kind, target);
        let number = self.found.len();
        if let Some((_, effect, _)) = self.found.get_mut(&key) {
            effect.count = effect.count.saturating_add(1);
        } else if number < MOST_EFFECTS {
            let effect =
                Effect::new(kind, key.1.clone(), opcode).at(excerpt(self.source, at)).with(arguments);
            self.found.insert(key, (number, effect, at));
        }
    }

    fn operate(&mut self, domain: &str, name: &str, opcode: &'static str, at: usize) {
        self.operate_with(domain, name, opcode, at, Vec::new());
    }

    fn operate_with(
        &mut self,
        domain: &str,
        name: &str,
        opcode: &'static str,
        at: usize,
        arguments: Vec<Shown>,
    ) {
        let operator = Operator { set: "jinja", domain: domain.to_owned(), name: name.to_owned() };
        self.put(EffectKind::Operate, Target::Operator(operator), opcode, at, arguments);
    }

    fn expression(&mut self, expression: &Expression, at: usize) {
        match expression {
            Expression::Name(name) if !self.evaluation.is_bound(name) => {
                if FRAMEWORK.contains(&name.as_str()) {
                    self.operate("variable", name, "name", at);
                } else if name.starts_with("__") {
                    self.operate("attribute", name, "name", at);
                }
            }
            Expression::Attribute(base, name) => {
                let base = self.known(*base).clone();
                self.look_up(&base, name, "attribute", at);
            }
            Expression::Item(base, key) => {
                let (base, key) = (self.known(*base).clone(), self.known(*key).clone());
                self.item(&base, &key, at);
            }
            Expression::Filter(base, name, arguments) => {
                let given = self.evaluation.given(arguments);
                let base = self.known(*base).clone();
                self.filter(&base, name, &given, at);
            }
            Expression::Test(name) => self.operate("test", name, "test", at),
            Expression::Call(callee, arguments) => self.call(*callee, arguments, at),
            _ => {}
        }
    }

    /// An attribute or item with this name, which tells nothing unless it leads behind the values.
    fn look_up(&mut self, base: &Known, name: &str, opcode: &'static str, at: usize) {
        let name = name.trim();
        let inside = INTERPRETER.contains(&name);
        if name == "_" || (!name.starts_with('_') && !inside) {
            return;
        }
        // An entry that a mapping really has comes before any attribute.
        let own = |value: &Value| match value {
            Value::Mapping(mapping) => mapping.held.iter().any(|(key, _)| key.only_text() == Some(name)),
            Value::Namespace => !name.starts_with("__"),
            _ => false,
        };
        let strange = base.built || base.data || base.object || base.many;
        if !strange && !base.values.is_empty() && base.values.iter().all(own) {
            return;
        }
        // A field of the conversation may be called so; nothing of Python's is reached by one underscore alone.
        let field = base.data && !base.object && base.values.is_empty();
        if field
            && !name.starts_with("__")
            && !inside
            && !name.starts_with("_undefined")
            && !name.starts_with("_fail")
        {
            self.operate("private", name, opcode, at);
        } else {
            self.operate("attribute", name, opcode, at);
        }
    }

    fn item(&mut self, base: &Known, key: &Known, at: usize) {
        // Of what a loop may put together, the names that Python itself uses come first.
        let mut names: Vec<&str> = key.texts().collect();
        names.sort_by_key(|name| (!(name.starts_with("__") && name.ends_with("__")), name.len()));
        let hidden = names.iter().filter(|name| name.trim_start().starts_with('_')).take(SHOWN_NAMES);
        let plain = names.iter().filter(|name| !name.trim_start().starts_with('_'));
        for name in hidden.chain(plain) {
            self.look_up(base, name, "subscript", at);
        }
        let object = base.object && !base.data;
        // A key of which nothing is known was not followed.
        let built = key.built || key.is_nothing();
        if object && (built || key.data || key.many) {
            self.operate("computed", "item of an object", "subscript", at);
        } else if built {
            self.operate("computed", "item", "subscript", at);
        }
    }

    fn filter(&mut self, base: &Known, name: &str, given: &Given, at: usize) {
        self.operate("filter", name, "filter", at);
        match name {
            "attr" => self.attribute(base, given.get(0, "name"), "attr", at),
            "format" => {}
            "map" => {
                if let Some(filter) = given.positional.first() {
                    let mut rest = given.positional.iter().skip(1).cloned();
                    let inner =
                        Given { positional: rest.by_ref().collect(), named: given.named.clone(), rest: None };
                    let elements = base.elements();
                    for filter in filter.texts() {
                        // A filter that applies filters ends here.
                        if filter == "map" {
                            self.operate("computed", "filter", "map", at);
                        } else {
                            self.filter(&elements, filter, &inner, at);
                        }
                    }
                    if filter.only_text().is_none() && filter.texts().next().is_none() {
                        self.operate("computed", "filter", "map", at);
                    }
                }
            }
            "select" | "reject" => self.tests(given.positional.first(), at),
            "selectattr" | "rejectattr" => self.tests(given.positional.get(1), at),
            _ => {}
        }
        if let Some((position, argument)) = attribute_argument(name)
            && let Some(names) = given.get(position, argument)
            && (given.named.iter().any(|(name, _)| name == argument) || position < given.positional.len())
        {
            let elements = base.elements();
            let steps: Vec<String> =
                names.texts().flat_map(|names| names.split(['.', ',']).map(str::to_owned)).collect();
            for step in steps {
                self.look_up(&elements, &step, "filter", at);
            }
            if names.built || names.object || (names.data && names.texts().next().is_none()) {
                self.operate("computed", "attribute", "filter", at);
            }
        }
    }

    fn tests(&mut self, names: Option<&Known>, at: usize) {
        for name in names.into_iter().flat_map(Known::texts) {
            self.operate("test", name, "test", at);
        }
    }

    /// An attribute by a name that is the value of an expression.
    fn attribute(&mut self, base: &Known, name: Option<&Known>, opcode: &'static str, at: usize) {
        let name = name.cloned().unwrap_or_default();
        for text in name.texts() {
            self.look_up(base, text, opcode, at);
        }
        if name.built || name.data || name.many || name.object || name.texts().next().is_none() {
            self.operate("computed", "attribute", opcode, at);
        }
    }

    fn call(&mut self, callee: Node, arguments: &Arguments, at: usize) {
        let template = self.template;
        let shown: Vec<Shown> = arguments.positional.iter().map(|node| show(self.known(*node))).collect();
        let known = self.known(callee).clone();
        let only_own = !known.values.is_empty()
            && known.values.iter().all(|value| matches!(value, Value::Macro(_) | Value::Caller(_)))
            && !(known.built || known.object);
        match template.nodes.get(callee).map(|(expression, _)| expression) {
            Some(Expression::Name(name)) => {
                if !self.evaluation.is_bound(name) {
                    self.operate_with("function", name, "call", at, shown);
                } else if known.object && !known.built {
                    self.operate("computed", "call", "call", at);
                }
            }
            Some(Expression::Attribute(base, name)) => {
                if !only_own {
                    self.method(*base, name, arguments, shown, at);
                }
            }
            Some(Expression::Item(base, key)) if !only_own => {
                let names: Vec<String> = self.known(*key).texts().map(str::to_owned).collect();
                if names.is_empty() {
                    self.operate("computed", "call", "call", at);
                }
                for name in names {
                    self.method(*base, &name, arguments, shown.clone(), at);
                }
            }
            Some(Expression::Filter(base, filter, given)) if filter == "attr" => {
                let given = self.evaluation.given(given);
                let names: Vec<String> =
                    given.get(0, "name").into_iter().flat_map(Known::texts).map(str::to_owned).collect();
                for name in names {
                    self.method(*base, &name, arguments, shown.clone(), at);
                }
            }
            _ if only_own => {}
            _ => self.operate("computed", "call", "call", at),
        }
    }

    fn method(&mut self, base: Node, name: &str, arguments: &Arguments, shown: Vec<Shown>, at: usize) {
        if let Some((Expression::Name(object), _)) = self.template.nodes.get(base)
            && !self.evaluation.is_bound(object)
            && GLOBALS.contains(&object.as_str())
            && !name.starts_with('_')
        {
            // Blocks of the template (`self.title()`), `loop.cycle(…)`.
            return;
        }
        if !name.starts_with('_') {
            self.operate_with("method", name, "call", at, shown);
        }
        if matches!(name, "format" | "format_map") {
            let base = self.known(base).clone();
            let first =
                self.evaluation.given(arguments).all().fold(Known::data(), |all, one| all.joined(one));
            for text in base.texts() {
                for field in fold::fields(text) {
                    self.look_up(&first, field, "format", at);
                }
            }
            if base.built {
                self.operate("computed", "format", "format", at);
            }
        }
    }

    fn load(&mut self, load: &Load) {
        let name = self.known(load.name).clone();
        self.operate_with("tag", load.tag, load.tag, load.at, vec![show(&name)]);
        let paths: Vec<String> = name.texts().chain(name.elements_of_lists()).map(str::to_owned).collect();
        for path in paths {
            self.put(EffectKind::Read, Target::Path(path), load.tag, load.at, Vec::new());
        }
    }
}

impl Known {
    /// Texts in lists: `{% include ['a', 'b'] %}` takes the first that there is.
    fn elements_of_lists(&self) -> impl Iterator<Item = &str> {
        self.values.iter().flat_map(|value| match value {
            Value::List(list) => list.held.iter().flat_map(Known::texts).collect(),
            _ => Vec::new(),
        })
    }
}

/// A value as an argument in a report.
fn show(known: &Known) -> Shown {
    match known.values.as_slice() {
        [Value::Text(text)] if !known.built => {
            let beginning: String = text.chars().take(SHOWN).collect();
            Shown::Text(beginning, u64::try_from(text.len()).unwrap_or(u64::MAX))
        }
        [Value::Integer(number)] if !known.plain => Shown::Int(number.to_string()),
        _ => Shown::Unknown,
    }
}

/// The beginning of the expression at this place, in one line.
fn excerpt(source: &str, at: usize) -> String {
    let shown: String = source.get(at..).unwrap_or_default().chars().take(SHOWN).collect();
    let end = ["%}", "}}", "\n"].iter().filter_map(|end| shown.find(end)).min();
    let Some(end) = end else { return shown };
    shown.get(..end).unwrap_or_default().trim_end().trim_end_matches('-').trim_end().to_owned()
}

/// Where the lines of a text begin.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn new(source: &str) -> Self {
        Self(source.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line, counted from 1, in which this byte lies.
    pub(super) fn line(&self, at: usize) -> u32 {
        u32::try_from(self.0.partition_point(|end| *end < at)).unwrap_or(u32::MAX).saturating_add(1)
    }
}
