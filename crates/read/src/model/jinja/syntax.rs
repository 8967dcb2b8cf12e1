//! A template as it was understood: expressions in one list, so that neither reading nor dropping a deep one recurses,
//! and what every name may stand for.

use std::collections::BTreeMap;

/// An expression, by its place in [`Template::nodes`]; parts stand before the whole.
pub(super) type Node = usize;

/// A template.
#[derive(Default, Debug)]
pub(super) struct Template {
    /// Every expression, and where it begins.
    pub(super) nodes: Vec<(Expression, usize)>,
    /// What each name may stand for, whichever part of the template gives it a value.
    pub(super) names: BTreeMap<String, Vec<Binding>>,
    /// What each attribute of a namespace is set to.
    pub(super) fields: BTreeMap<String, Vec<Binding>>,
    /// Macros by their place.
    pub(super) macros: Vec<Macro>,
    /// Parameters of blocks that macros call back.
    pub(super) called_back: Vec<String>,
    /// What recursive loops give values to, and how deep they unpack for it.
    pub(super) recursive: Vec<(String, u8)>,
    /// Other templates that it loads.
    pub(super) loads: Vec<Load>,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Binding {
    /// This value.
    Value(Node),
    /// An element of this value, or an element of that, so many times.
    Element(Node, u8),
    /// A macro.
    Macro(usize),
    /// `caller`, which gives what this block writes.
    Caller(Node),
    /// A template that was imported, or a name from it.
    Imported,
    /// A parameter that whoever calls the macro gives.
    Parameter,
}

/// A macro.
#[derive(Clone, Debug)]
pub(super) struct Macro {
    /// Names of its parameters, in order.
    pub(super) parameters: Vec<String>,
    /// What it writes.
    pub(super) written: Node,
}

/// What a part of a template writes.
#[derive(Clone, Default, Debug)]
pub(super) struct Body {
    /// In the order of the template.
    pub(super) pieces: Vec<Piece>,
    /// Some pieces depend on a condition, or are repeated.
    pub(super) branches: bool,
}

/// A piece of what is written.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// This text.
    Text(String),
    /// The value of this expression.
    Value(Node),
}

/// Another template that is loaded.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// `include`, `import`, `from` or `extends`.
    pub(super) tag: &'static str,
    /// Its name.
    pub(super) name: Node,
    pub(super) at: usize,
}

/// An expression.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Text(String),
    Integer(Option<i64>),
    /// A float, `none`, `true` or `false`: nothing that names anything.
    Constant,
    Name(String),
    /// `base.name`
    Attribute(Node, String),
    /// `base[key]`
    Item(Node, Node),
    /// `base[from:to:step]`
    Slice(Node, [Option<Node>; 3]),
    Call(Node, Arguments),
    /// `base|name(…)`
    Filter(Node, String, Arguments),
    /// Something `is name(…)`
    Test(String),
    List(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
    /// `a ~ b`
    Concatenation(Vec<Node>),
    Binary(Operation, Node, Node),
    /// `-x`, `+x`
    Sign(Node),
    /// What gives one of its parts: `a if b else c`, `a or b`.
    OneOf(Vec<Node>),
    /// `a == b`, `not a`, `a in b`: true or false.
    Truth,
    /// What a block writes; with filters it stands before its parts.
    Written(Body),
}

/// Arithmetic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    Add,
    Multiply,
    Modulo,
    /// Everything that only numbers have.
    Other,
}

/// Arguments of a call.
#[derive(Clone, Default, Debug)]
pub(super) struct Arguments {
    pub(super) positional: Vec<Node>,
    pub(super) named: Vec<(String, Node)>,
    /// `*list`
    pub(super) list: Option<Node>,
    /// `**mapping`
    pub(super) mapping: Option<Node>,
}

impl Expression {
    /// The expressions of which it is made.
    pub(super) fn parts(&self) -> Vec<Node> {
        match self {
            Self::Text(_)
            | Self::Integer(_)
            | Self::Constant
            | Self::Name(_)
            | Self::Test(_)
            | Self::Truth => Vec::new(),
            Self::Attribute(base, _) | Self::Sign(base) => vec![*base],
            Self::Item(one, other) | Self::Binary(_, one, other) => vec![*one, *other],
            Self::Slice(base, bounds) => bounds.iter().flatten().chain([base]).copied().collect(),
            Self::Call(base, arguments) | Self::Filter(base, _, arguments) => {
                let named = arguments.named.iter().map(|(_, value)| value);
                let unpacked = arguments.list.iter().chain(&arguments.mapping);
                [base]
                    .into_iter()
                    .chain(&arguments.positional)
                    .chain(named)
                    .chain(unpacked)
                    .copied()
                    .collect()
            }
            Self::List(parts) | Self::Concatenation(parts) | Self::OneOf(parts) => parts.clone(),
            Self::Mapping(items) => items.iter().flat_map(|(key, value)| [*key, *value]).collect(),
            Self::Written(body) => {
                let value = |piece: &Piece| match piece {
                    Piece::Value(node) => Some(*node),
                    Piece::Text(_) => None,
                };
                body.pieces.iter().filter_map(value).collect()
            }
        }
    }
}
