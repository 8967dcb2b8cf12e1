//! What is known about globals: the allow-list, the list of known attacks, the standard library.

use std::sync::LazyLock;

use weighbridge_core::fact::Global;

static ALLOWED_TEXT: &str = include_str!("../../data/globals.tsv");
static DANGEROUS_TEXT: &str = include_str!("../../data/globals-dangerous.tsv");
static STDLIB_TEXT: &str = include_str!("../../data/globals-stdlib.tsv");

/// All of them, as the version names them.
#[cfg(test)]
pub(super) static TEXTS: [&str; 3] = [ALLOWED_TEXT, DANGEROUS_TEXT, STDLIB_TEXT];

/// What kind of thing an allowed global is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A class.
    Class,
    /// A function or a constant.
    Function,
}

/// How an allowed global may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rule {
    /// With any arguments.
    Data,
    /// Made without its `__init__`, and given state.
    Object,
    /// Named only, never called.
    Value,
    /// `getattr` of an allowed class and a constant name.
    Getattr,
    /// `_codecs.encode` of a text to Latin-1.
    Latin1,
    /// `copyreg._reconstructor` and its like: an allowed class, a plain base.
    Reconstructor,
    /// `functools.partial` of an allowed function.
    Partial,
    /// `defaultdict` of an allowed class.
    Factory,
    /// Loads the pickle in the argument at this position, which is read in turn.
    Nested(u8),
    /// Calls its first argument with the others, and may set attributes from the last.
    Proxy,
    /// Sets attributes from its last argument.
    Attributes,
    /// `type` of one argument.
    TypeOf,
}

/// An entry of the allow-list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Allowed {
    pub(super) module: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) rule: Rule,
}

/// An entry of the list of known attacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Dangerous {
    module: &'static str,
    names: &'static str,
    /// In a word, what a call does.
    pub(super) does: &'static str,
    /// The same in a clause.
    pub(super) reason: &'static str,
}

fn lines(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

static ALLOWED: LazyLock<Vec<Allowed>> = LazyLock::new(|| {
    let parse = |fields: Vec<&'static str>| {
        let [module, name, kind, rule, _] = *fields.as_slice() else { return None };
        let kind = if kind == "class" { Kind::Class } else { Kind::Function };
        let rule = match rule {
            "data" => Rule::Data,
            "object" => Rule::Object,
            "value" => Rule::Value,
            "getattr" => Rule::Getattr,
            "latin1" => Rule::Latin1,
            "reconstructor" => Rule::Reconstructor,
            "partial" => Rule::Partial,
            "factory" => Rule::Factory,
            "nested" => Rule::Nested(0),
            "nested4" => Rule::Nested(4),
            "proxy" => Rule::Proxy,
            "attributes" => Rule::Attributes,
            "typeof" => Rule::TypeOf,
            _ => return None,
        };
        Some(Allowed { module, name, kind, rule })
    };
    lines(ALLOWED_TEXT).filter_map(parse).collect()
});

static DANGEROUS: LazyLock<Vec<Dangerous>> = LazyLock::new(|| {
    let parse = |fields: Vec<&'static str>| match *fields.as_slice() {
        [module, names, does, reason] => Some(Dangerous { module, names, does, reason }),
        _ => None,
    };
    lines(DANGEROUS_TEXT).filter_map(parse).collect()
});

/// Modules of the standard library, sorted, and whether each is inert.
static STDLIB: LazyLock<Vec<(&'static str, bool)>> = LazyLock::new(|| {
    let parse = |fields: Vec<&'static str>| match *fields.as_slice() {
        [module, inert] => Some((module, inert == "inert")),
        _ => None,
    };
    lines(STDLIB_TEXT).filter_map(parse).collect()
});

/// The module under the name of Python 3: `dill` writes that of Python 2 in every protocol.
fn module(global: &Global) -> &str {
    match global.module.as_str() {
        "__builtin__" => "builtins",
        "copy_reg" => "copyreg",
        module => module,
    }
}

/// The entry of exactly this global.
pub(super) fn allowed(global: &Global) -> Option<Allowed> {
    let key = (module(global), global.name.as_str());
    let index = ALLOWED.binary_search_by(|entry| (entry.module, entry.name).cmp(&key)).ok()?;
    ALLOWED.get(index).copied()
}

/// The entry of known attacks that holds this global.
pub(super) fn dangerous(global: &Global) -> Option<Dangerous> {
    let module = module(global);
    let holds = |entry: &&Dangerous| {
        let in_module = match entry.module.strip_suffix(".*") {
            Some(parent) => {
                module.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
            None => module == entry.module,
        };
        let first = global.name.split('.').next().unwrap_or_default();
        in_module
            && (entry.names == "*" || entry.names.split(' ').any(|name| name == global.name || name == first))
    };
    DANGEROUS.iter().find(holds).copied()
}

/// Whether the module belongs to the standard library, and if so, whether it is inert.
pub(super) fn standard(global: &Global) -> Option<bool> {
    let top = module(global).split('.').next().unwrap_or_default();
    let index = STDLIB.binary_search_by(|(module, _)| (*module).cmp(top)).ok()?;
    STDLIB.get(index).map(|(_, inert)| *inert)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_whole_and_sorted() {
        let rows = |text: &'static str| lines(text).count();
        assert_eq!(ALLOWED.len(), rows(ALLOWED_TEXT), "a line of globals.tsv is not understood");
        assert_eq!(
            DANGEROUS.len(),
            rows(DANGEROUS_TEXT),
            "a line of globals-dangerous.tsv is not understood"
        );
        assert_eq!(STDLIB.len(), rows(STDLIB_TEXT), "a line of globals-stdlib.tsv is not understood");
        assert!(ALLOWED.is_sorted_by(|one, other| (one.module, one.name) < (other.module, other.name)));
        assert!(STDLIB.is_sorted());
    }

    #[test]
    fn nothing_is_both_allowed_and_a_known_attack() {
        for entry in ALLOWED.iter() {
            let global = Global { module: entry.module.to_owned(), name: entry.name.to_owned() };
            assert_eq!(dangerous(&global), None, "{global}");
        }
    }
}
