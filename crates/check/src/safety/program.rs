//! Texts in the state of an object that its class runs as a program when it is loaded.
//!
//! Good files carry such texts too, and these are of a narrow form: what has that form cannot act, and whatever has not
//! is an attack.

use weighbridge_core::fact::{Global, Value};

use super::{HARMLESS, Judgement, dangerous, untrusted};

/// A class of a package keeps a program under a key.
struct Program {
    package: &'static str,
    key: &'static str,
    /// The program is run only if one of these keys is there too; if there are none, always.
    with: &'static [&'static str],
    runs: &'static str,
    is_plain: fn(&str) -> bool,
}

static PROGRAMS: &[Program] = &[
    // `rv_generic.__setstate__` hands it to `exec`.
    Program {
        package: "scipy.stats",
        key: "_parse_arg_template",
        with: &[],
        runs: "scipy runs the text `_parse_arg_template` of its state as Python code",
        is_plain: is_argument_parser,
    },
    // `ModelData.__setstate__` has patsy or formulaic evaluate it, whose terms are Python expressions.
    Program {
        package: "statsmodels",
        key: "formula",
        with: &["restore_design_info", "restore_model_spec"],
        runs: "statsmodels evaluates the text `formula` of its state, whose terms are Python expressions",
        is_plain: is_plain_formula,
    },
];

/// What the programs in the `state` of an instance of `origin` mean.
pub(super) fn judge(origin: &Global, state: &Value) -> Judgement {
    let package = |program: &&Program| {
        origin
            .module
            .strip_prefix(program.package)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    PROGRAMS.iter().filter(package).map(|program| judge_one(program, state)).max().unwrap_or(HARMLESS)
}

fn judge_one(program: &Program, state: &Value) -> Judgement {
    match state {
        Value::Dict(items, _) => {
            let is_key =
                |item: &(Value, Value), key: &str| matches!(&item.0, Value::Text(name, _) if name == key);
            let asked = |item: &(Value, Value)| {
                program.with.is_empty() || program.with.iter().any(|key| is_key(item, key))
            };
            if !items.iter().any(asked) {
                return HARMLESS;
            }
            let texts = items.iter().filter(|item| is_key(item, program.key)).map(|(_, text)| match text {
                Value::Text(text, length) if u64::try_from(text.len()) == Ok(*length) => {
                    if (program.is_plain)(text) { HARMLESS } else { dangerous(program.runs) }
                }
                Value::None => HARMLESS,
                _ => untrusted(program.runs),
            });
            texts.max().unwrap_or(HARMLESS)
        }
        Value::Tuple(parts, _) => parts.iter().map(|part| judge_one(program, part)).max().unwrap_or(HARMLESS),
        _ => HARMLESS,
    }
}

/// Words of Python that could act, or that make a name something else than a name.
const WORDS: [&str; 14] = [
    "and", "class", "del", "for", "from", "global", "if", "import", "in", "lambda", "raise", "while", "with",
    "yield",
];

/// Definitions of functions whose bodies return tuples of names or call `self._argcheck_rvs`, as scipy's template for
/// the parsers of arguments makes them: nothing else is called, no attribute is taken, nothing is subscripted.
fn is_argument_parser(text: &str) -> bool {
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_ ,=():.'\n".contains(&byte)) {
        return false;
    }
    let mut before: Vec<&str> = Vec::new();
    for token in tokens(text) {
        let previous = before.last().copied().unwrap_or_default();
        let fits = match token {
            "(" => match before.as_slice() {
                [.., "def", name] => name.starts_with("_parse_args"),
                [.., "self", ".", "_argcheck_rvs"] => true,
                [.., last] => matches!(*last, "return" | "," | "=" | "("),
                [] => false,
            },
            "." => previous == "self",
            word if previous == "." => word == "_argcheck_rvs",
            word => !WORDS.contains(&word) && !word.starts_with("__"),
        };
        if !fits {
            return false;
        }
        before.push(token);
    }
    true
}

/// Functions that formulas use and that only compute.
const FUNCTIONS: [&str; 14] = [
    "C",
    "I",
    "Q",
    "Poly",
    "Sum",
    "Treatment",
    "bs",
    "center",
    "cr",
    "exp",
    "log",
    "log10",
    "sqrt",
    "standardize",
];

/// Names, numbers, texts and operators; calls of the functions that belong to formulas; no other attribute than those
/// functions in `np`.
fn is_plain_formula(text: &str) -> bool {
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_ ,=()+-*/:~.|%'\"\n^".contains(&byte)) {
        return false;
    }
    let mut before: Vec<&str> = Vec::new();
    for token in tokens(text) {
        let previous = before.last().copied().unwrap_or_default();
        let is_word =
            |token: &str| token.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let fits = match token {
            "(" => !is_word(previous) || FUNCTIONS.contains(&previous),
            "." => matches!(previous, "np" | "numpy") || previous.bytes().all(|byte| byte.is_ascii_digit()),
            word if previous == "." => {
                FUNCTIONS.contains(&word) || word.bytes().all(|byte| byte.is_ascii_digit())
            }
            word => !WORDS.contains(&word) && !word.starts_with("__"),
        };
        if !fits {
            return false;
        }
        before.push(token);
    }
    // A call of what a call returns, or of a text.
    !before.windows(2).any(|pair| matches!(pair, [")" | "'" | "\"", "("]))
}

/// Words and single other characters, without the blanks between.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\n']);
        let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let end = match rest.find(|character| !is_word(character)) {
            Some(0) => 1,
            Some(end) => end,
            None => rest.len(),
        };
        let (token, behind) = rest.split_at_checked(end).filter(|(token, _)| !token.is_empty())?;
        rest = behind;
        Some(token)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARSER: &str = "\ndef _parse_args(self, a, b, loc=0, scale=1):\n    return (a, b,), loc, scale\n\n\
        def _parse_args_rvs(self, a, b, loc=0, scale=1, size=None):\n    \
        return self._argcheck_rvs(a, b, loc, scale, size=size)\n\n\
        def _parse_args_stats(self, a, b, loc=0, scale=1, moments='mv'):\n    return (a, b,), loc, scale, moments\n";

    #[test]
    fn parsers_of_arguments_are_told_from_programs() {
        assert!(is_argument_parser(PARSER));
        assert!(is_argument_parser(&PARSER.replace("loc, scale", "loc, 1")));
        for attack in [
            "print('x')",
            "import os",
            "def _parse_args(self, a=print('x')):\n    return a",
            "def _parse_args(self):\n    return self.x",
            "def _parse_args(self):\n    return self._argcheck_rvs.x",
            "(print)('x')",
            "@print\ndef _parse_args(self): return 1",
            "def _parse_args(self): return 1\n_parse_args_rvs (1)",
            "x = __builtins__",
        ] {
            assert!(!is_argument_parser(attack), "{attack}");
        }
    }

    #[test]
    fn formulas_are_told_from_programs() {
        for good in [
            "y ~ x",
            "Lottery ~ Literacy + np.log(Pop1831) + C(Region)",
            "y ~ x:z + I(x*2) - 1",
            "y ~ 0.5 + a",
        ] {
            assert!(is_plain_formula(good), "{good}");
        }
        for attack in [
            "y ~ __import__('os').system('id')",
            "y ~ print('x')",
            "y ~ np.load('x')",
            "y ~ C(x).eval",
            "y ~ C(print('x'))",
            "y ~ [c for c in x]",
            "y ~ C(x)(y)",
            "y ~ (print)('x')",
        ] {
            assert!(!is_plain_formula(attack), "{attack}");
        }
    }
}
