//! Environment markers: conditions on the Python at hand and on the extras that were asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use weighbridge_core::name::PackageName;

use super::RequirementError;
use super::scanner::Scanner;
use crate::pep440::{Operator as VersionOperator, Specifier, Version};

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Marker(Node);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Node {
    /// All hold; two or more.
    And(Vec<Node>),
    /// One holds; two or more.
    Or(Vec<Node>),
    Compare(Operand, Comparison, Operand),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Operand {
    Variable(Variable),
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Comparison {
    Version(VersionOperator),
    In,
    NotIn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Variable {
    /// Index into [`VARIABLES`].
    Environment(usize),
    Extra,
    Extras,
    DependencyGroups,
}

/// The variables of the environment, and whether their values are compared as versions when both sides are ones.
const VARIABLES: [(&str, bool); 11] = [
    ("implementation_name", false),
    ("implementation_version", true),
    ("os_name", false),
    ("platform_machine", false),
    ("platform_python_implementation", false),
    ("platform_release", true),
    ("platform_system", false),
    ("platform_version", false),
    ("python_full_version", true),
    ("python_version", true),
    ("sys_platform", false),
];

/// Spellings of before PEP 508 that metadata still has.
const OLD_SPELLINGS: [(&str, &str); 6] = [
    ("os.name", "os_name"),
    ("sys.platform", "sys_platform"),
    ("platform.version", "platform_version"),
    ("platform.machine", "platform_machine"),
    ("platform.python_implementation", "platform_python_implementation"),
    ("python_implementation", "platform_python_implementation"),
];

/// How deep parentheses may nest; deeper ones are refused.
const MOST_DEPTH: usize = 64;

/// The values of the marker variables for one Python on one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkerEnvironment {
    values: [String; VARIABLES.len()],
}

/// What was asked for of the package that states a marker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Active<'a> {
    /// Its extras.
    pub extras: &'a [PackageName],
    /// Its dependency groups.
    pub groups: &'a [PackageName],
}

impl MarkerEnvironment {
    /// CPython `version` on the platform whose marker values are given by name; what is not given is empty.
    pub fn new(version: &str, platform: &BTreeMap<String, String>) -> Self {
        let series = version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        let values = VARIABLES.map(|(name, _)| match (name, platform.get(name)) {
            ("python_version", _) => series.clone(),
            ("python_full_version", _) => version.to_owned(),
            (_, Some(value)) => value.clone(),
            ("implementation_version", None) => version.to_owned(),
            ("implementation_name", None) => "cpython".to_owned(),
            ("platform_python_implementation", None) => "CPython".to_owned(),
            _ => String::new(),
        });
        Self { values }
    }

    /// The value of a variable by its name in markers.
    pub fn value(&self, name: &str) -> Option<&str> {
        let index = VARIABLES.iter().position(|(variable, _)| *variable == name)?;
        self.values.get(index).map(String::as_str)
    }
}

impl Marker {
    /// Parses a marker.
    ///
    /// # Errors
    /// What was wrong, and where in the text.
    pub fn parse(text: &str) -> Result<Self, RequirementError> {
        let mut scanner = Scanner::new(text);
        let marker = Self::parse_rest(&mut scanner)?.ok_or_else(|| scanner.error("a marker is missing"))?;
        if scanner.is_at_end() { Ok(marker) } else { Err(scanner.error("something follows the marker")) }
    }

    /// Parses what is left; none if that is only white space.
    pub(super) fn parse_rest(scanner: &mut Scanner<'_>) -> Result<Option<Self>, RequirementError> {
        scanner.skip_space();
        if scanner.is_at_end() {
            return Ok(None);
        }
        let node = any_of(scanner, 0)?;
        scanner.skip_space();
        Ok(Some(Self(node)))
    }

    /// Whether the condition holds.
    ///
    /// As installers do, `extra` is tried with each active extra in turn, and with the empty text if there is none;
    /// the marker holds if it does for one of them.
    pub fn evaluate(&self, environment: &MarkerEnvironment, active: Active<'_>) -> bool {
        if active.extras.is_empty() {
            return self.0.holds(environment, active, "");
        }
        active.extras.iter().any(|extra| self.0.holds(environment, active, extra.as_str()))
    }

    /// Whether the condition could hold for some set of extras and groups, in this environment.
    pub fn evaluate_optimistically(&self, environment: &MarkerEnvironment) -> bool {
        self.0.may_hold(environment)
    }

    /// The extras that the marker names, sorted, without repetition.
    pub fn extras(&self) -> Vec<PackageName> {
        let mut extras = Vec::new();
        self.0.collect_extras(&mut extras);
        extras.sort();
        extras.dedup();
        extras
    }
}

impl Node {
    fn holds(&self, environment: &MarkerEnvironment, active: Active<'_>, extra: &str) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().all(|node| node.holds(environment, active, extra)),
            Self::Or(nodes) => nodes.iter().any(|node| node.holds(environment, active, extra)),
            Self::Compare(left, comparison, right) => {
                compare(left, *comparison, right, environment, active, extra)
            }
        }
    }

    fn may_hold(&self, environment: &MarkerEnvironment) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().all(|node| node.may_hold(environment)),
            Self::Or(nodes) => nodes.iter().any(|node| node.may_hold(environment)),
            Self::Compare(left, comparison, right) => {
                left.is_about_extras()
                    || right.is_about_extras()
                    || compare(left, *comparison, right, environment, Active::default(), "")
            }
        }
    }

    fn collect_extras(&self, extras: &mut Vec<PackageName>) {
        match self {
            Self::And(nodes) | Self::Or(nodes) => {
                nodes.iter().for_each(|node| node.collect_extras(extras));
            }
            Self::Compare(Operand::Text(text), _, Operand::Variable(Variable::Extra | Variable::Extras))
            | Self::Compare(Operand::Variable(Variable::Extra), _, Operand::Text(text)) => {
                extras.extend(PackageName::new(text));
            }
            Self::Compare(..) => {}
        }
    }
}

impl Operand {
    fn is_about_extras(&self) -> bool {
        matches!(self, Self::Variable(Variable::Extra | Variable::Extras | Variable::DependencyGroups))
    }

    /// The value; none for the variables that are sets.
    fn value<'a>(&'a self, environment: &'a MarkerEnvironment, extra: &'a str) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Variable(Variable::Environment(index)) => {
                environment.values.get(*index).map(String::as_str)
            }
            Self::Variable(Variable::Extra) => Some(extra),
            Self::Variable(Variable::Extras | Variable::DependencyGroups) => None,
        }
    }

    fn is_version(&self) -> bool {
        match self {
            Self::Variable(Variable::Environment(index)) => {
                VARIABLES.get(*index).is_some_and(|(_, is_version)| *is_version)
            }
            _ => false,
        }
    }
}

fn compare(
    left: &Operand,
    comparison: Comparison,
    right: &Operand,
    environment: &MarkerEnvironment,
    active: Active<'_>,
    extra: &str,
) -> bool {
    // `'x' in extras`, `'x' not in dependency_groups`.
    let set = match right {
        Operand::Variable(Variable::Extras) => Some(active.extras),
        Operand::Variable(Variable::DependencyGroups) => Some(active.groups),
        _ => None,
    };
    if let (Some(set), Operand::Text(text)) = (set, left) {
        let found = PackageName::new(text).is_ok_and(|name| set.contains(&name));
        return match comparison {
            Comparison::In => found,
            Comparison::NotIn => !found,
            Comparison::Version(_) => false,
        };
    }
    let (Some(left_value), Some(right_value)) =
        (left.value(environment, extra), right.value(environment, extra))
    else {
        return false;
    };
    if left.is_about_extras() || right.is_about_extras() {
        let normalise =
            |text: &str| PackageName::new(text).map_or_else(|_| text.to_owned(), |n| n.to_string());
        return compare_texts(&normalise(left_value), comparison, &normalise(right_value));
    }
    if let Comparison::Version(operator) = comparison
        && (left.is_version() || right.is_version())
        && let Some(holds) = compare_versions(left_value, operator, right_value)
    {
        return holds;
    }
    compare_texts(left_value, comparison, right_value)
}

/// None where a side is no version, or the operator does not take it: then texts are compared.
fn compare_versions(left: &str, operator: VersionOperator, right: &str) -> Option<bool> {
    let version = Version::parse(left).ok()?;
    let specifier = Specifier::parse(&format!("{}{right}", operator.as_str())).ok()?;
    Some(specifier.allows(&version))
}

fn compare_texts(left: &str, comparison: Comparison, right: &str) -> bool {
    match comparison {
        Comparison::In => right.contains(left),
        Comparison::NotIn => !right.contains(left),
        Comparison::Version(operator) => match operator {
            VersionOperator::Equal | VersionOperator::Identical => left == right,
            VersionOperator::NotEqual => left != right,
            VersionOperator::Less => left < right,
            VersionOperator::LessEqual => left <= right,
            VersionOperator::Greater => left > right,
            VersionOperator::GreaterEqual => left >= right,
            // Not defined for texts.
            VersionOperator::Compatible => false,
        },
    }
}

fn any_of(scanner: &mut Scanner<'_>, depth: usize) -> Result<Node, RequirementError> {
    list(scanner, depth, "or", all_of, Node::Or)
}

fn all_of(scanner: &mut Scanner<'_>, depth: usize) -> Result<Node, RequirementError> {
    list(scanner, depth, "and", term, Node::And)
}

fn list(
    scanner: &mut Scanner<'_>,
    depth: usize,
    word: &str,
    item: fn(&mut Scanner<'_>, usize) -> Result<Node, RequirementError>,
    join: fn(Vec<Node>) -> Node,
) -> Result<Node, RequirementError> {
    let first = item(scanner, depth)?;
    let mut nodes = Vec::new();
    loop {
        scanner.skip_space();
        if !scanner.eat_word(word) {
            break;
        }
        nodes.push(item(scanner, depth)?);
    }
    if nodes.is_empty() {
        return Ok(first);
    }
    nodes.insert(0, first);
    Ok(join(nodes))
}

fn term(scanner: &mut Scanner<'_>, depth: usize) -> Result<Node, RequirementError> {
    scanner.skip_space();
    if scanner.eat("(") {
        if depth >= MOST_DEPTH {
            return Err(scanner.error(format!("more than {MOST_DEPTH} nested parentheses")));
        }
        let node = any_of(scanner, depth.saturating_add(1))?;
        scanner.skip_space();
        return if scanner.eat(")") { Ok(node) } else { Err(scanner.error("`)` is missing")) };
    }
    let left = operand(scanner)?;
    let comparison = comparison(scanner)?;
    let right = operand(scanner)?;
    Ok(Node::Compare(left, comparison, right))
}

fn operand(scanner: &mut Scanner<'_>) -> Result<Operand, RequirementError> {
    scanner.skip_space();
    for quote in ["'", "\""] {
        if scanner.eat(quote) {
            let text = scanner.take_while(|next| !quote.contains(next));
            return if scanner.eat(quote) {
                Ok(Operand::Text(text.to_owned()))
            } else {
                Err(scanner.error("a quoted text does not end"))
            };
        }
    }
    let start = scanner.offset();
    let word = scanner.take_while(|next| next.is_ascii_alphanumeric() || next == '_' || next == '.');
    let name = OLD_SPELLINGS.iter().find(|(old, _)| *old == word).map_or(word, |(_, new)| *new);
    let variable = match name {
        "extra" => Variable::Extra,
        "extras" => Variable::Extras,
        "dependency_groups" => Variable::DependencyGroups,
        _ => match VARIABLES.iter().position(|(variable, _)| *variable == name) {
            Some(index) => Variable::Environment(index),
            None => {
                let message = if word.is_empty() {
                    "a marker variable or a quoted text is missing".to_owned()
                } else {
                    format!("`{word}` is not a marker variable")
                };
                return Err(RequirementError { offset: start, message });
            }
        },
    };
    Ok(Operand::Variable(variable))
}

fn comparison(scanner: &mut Scanner<'_>) -> Result<Comparison, RequirementError> {
    scanner.skip_space();
    if let Some((operator, _)) = VersionOperator::split(scanner.rest()) {
        scanner.eat(operator.as_str());
        return Ok(Comparison::Version(operator));
    }
    if scanner.eat_word("in") {
        return Ok(Comparison::In);
    }
    if scanner.eat_word("not") {
        scanner.skip_space();
        if scanner.eat_word("in") {
            return Ok(Comparison::NotIn);
        }
    }
    Err(scanner.error("a comparison operator is missing"))
}

impl FromStr for Marker {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |nodes: &[Node], word: &str, out: &mut fmt::Formatter<'_>| {
            for (index, node) in nodes.iter().enumerate() {
                if index > 0 {
                    write!(out, " {word} ")?;
                }
                match node {
                    Node::Compare(..) => write!(out, "{node}")?,
                    // `and` binds stronger, but parentheses spare the reader the question.
                    Node::And(_) | Node::Or(_) => write!(out, "({node})")?,
                }
            }
            Ok(())
        };
        match self {
            Self::And(nodes) => joined(nodes, "and", out),
            Self::Or(nodes) => joined(nodes, "or", out),
            Self::Compare(left, comparison, right) => {
                let comparison = match comparison {
                    Comparison::Version(operator) => operator.as_str(),
                    Comparison::In => "in",
                    Comparison::NotIn => "not in",
                };
                write!(out, "{left} {comparison} {right}")
            }
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(Variable::Extra) => out.write_str("extra"),
            Self::Variable(Variable::Extras) => out.write_str("extras"),
            Self::Variable(Variable::DependencyGroups) => out.write_str("dependency_groups"),
            Self::Variable(Variable::Environment(index)) => {
                out.write_str(VARIABLES.get(*index).map_or("", |(name, _)| name))
            }
            Self::Text(text) if text.contains('\'') => write!(out, "\"{text}\""),
            Self::Text(text) => write!(out, "'{text}'"),
        }
    }
}
