//! Whether a text that PyTorch evaluates is nothing but arithmetic on sizes.
//!
//! What `torch.export.save` writes: expressions of SymPy as its `srepr` prints them (`Mul(Integer(2), Symbol('s17',
//! positive=True, integer=True))`) or as text (`2*s17`), and conditions on inputs (`L['x'].size()[0] % 8 == 0`).

/// Functions that may be called: those of SymPy and of `torch/utils/_sympy/functions.py`, sorted.
#[rustfmt::skip] // a table of words
static FUNCTIONS: &[&str] = &[
    "Abs", "Add", "And", "BitwiseFn_bitwise_and", "BitwiseFn_bitwise_or", "BitwiseFn_bitwise_xor", "Boolean",
    "CeilDiv", "CeilToInt", "CleanDiv", "Eq", "Equality", "Float", "FloatPow", "FloatTrueDiv", "FloorDiv",
    "FloorToInt", "Ge", "GreaterThan", "Gt", "Identity", "IntTrueDiv", "Integer",
    "IsNonOverlappingAndDenseIndicator", "LShift", "Le", "LessThan", "Lt", "Max", "Min", "Mod",
    "ModularIndexing", "Mul", "Ne", "Not", "OpaqueUnaryFn_acos", "OpaqueUnaryFn_asin", "OpaqueUnaryFn_atan",
    "OpaqueUnaryFn_cos", "OpaqueUnaryFn_cosh", "OpaqueUnaryFn_exp", "OpaqueUnaryFn_log", "OpaqueUnaryFn_log2",
    "OpaqueUnaryFn_sin", "OpaqueUnaryFn_sinh", "OpaqueUnaryFn_sqrt", "OpaqueUnaryFn_tan", "OpaqueUnaryFn_tanh",
    "Or", "Piecewise", "Pow", "PowByNatural", "PythonMod", "RShift", "Rational", "RoundDecimal", "RoundToInt",
    "StrictGreaterThan", "StrictLessThan", "Symbol", "ToFloat", "TruncToFloat", "TruncToInt", "Unequality",
    "Where", "Xor", "ceil", "ceiling", "floor", "len", "max", "min", "round", "sqrt", "trunc",
];

/// Methods and members that may be used, sorted.
#[rustfmt::skip] // a table of words
static MEMBERS: &[&str] = &[
    "ceil", "dim", "floor", "math", "numel", "size", "sqrt", "storage_offset", "stride", "sym_float", "sym_int",
    "sym_ite", "sym_max", "sym_min", "sym_not", "sym_sqrt", "sym_sum", "trunc",
];

/// What stands before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A function or member that may be called.
    Callable,
    /// Another name, a number, a text, or the end of a part in parentheses.
    Value,
    Dot,
    /// An operator, a comma, an opening parenthesis, or nothing.
    Open,
}

/// Whether evaluating the text can do nothing but calculate.
pub(super) fn is_plain(text: &str) -> bool {
    let mut rest = text;
    let mut before = Before::Open;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            'A'..='Z' | 'a'..='z' | '_' => {
                let end = rest.find(|next: char| !next.is_ascii_alphanumeric() && next != '_');
                let name = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                before = match before {
                    Before::Dot if MEMBERS.binary_search(&name).is_ok() => Before::Callable,
                    Before::Dot => return false,
                    _ if name.starts_with("__") => return false,
                    _ if FUNCTIONS.binary_search(&name).is_ok() => Before::Callable,
                    _ if matches!(name, "and" | "or" | "not" | "if" | "else" | "is" | "in") => Before::Open,
                    _ => Before::Value,
                };
                name.len()
            }
            '0'..='9' => {
                let end = rest.find(|next: char| !next.is_ascii_digit() && next != '.').unwrap_or(rest.len());
                let number = rest.get(..end).unwrap_or_default();
                // `1.real` would begin a chain of attributes.
                let power = rest.get(end..).is_some_and(|rest| rest.starts_with(['e', 'E']));
                let named =
                    rest.get(end..).is_some_and(|rest| rest.starts_with(|it: char| it.is_alphabetic()));
                if named && !power {
                    return false;
                }
                before = Before::Value;
                number.len().saturating_add(usize::from(power))
            }
            '\'' | '"' => {
                let inside = rest.get(1..).unwrap_or_default();
                let Some(end) = inside.find(first) else { return false };
                let text = inside.get(..end).unwrap_or_default();
                let plain = |next: char| next.is_ascii_alphanumeric() || matches!(next, '_' | '.' | '-');
                if !text.chars().all(plain) {
                    return false;
                }
                before = Before::Value;
                end.saturating_add(2)
            }
            '.' => {
                if before == Before::Open || before == Before::Dot {
                    return false;
                }
                before = Before::Dot;
                1
            }
            '(' => {
                if matches!(before, Before::Value | Before::Dot) {
                    return false;
                }
                before = Before::Open;
                1
            }
            ')' | ']' => {
                before = Before::Value;
                1
            }
            ' ' => 1,
            '[' | ',' | '+' | '-' | '*' | '/' | '%' | '<' | '>' | '=' | '!' | '&' | '|' | '~' | '^' => {
                before = Before::Open;
                1
            }
            _ => return false,
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted() {
        assert!(FUNCTIONS.is_sorted() && MEMBERS.is_sorted());
    }

    #[test]
    fn arithmetic_is_plain() {
        for text in [
            "",
            "s0",
            "2*s17 + u0//3 - 1",
            "FloatPow(ToFloat(Symbol('s17', positive=True, integer=True)), Float('0.5', precision=53))",
            "StrictLessThan(Symbol('u0', integer=True), Integer(100))",
            "L['y'].size()[0] == L['x'].size()[0]",
            "(1 + (L['x'].size()[0] % 5)) != 1 and not L['x'].stride()[1] > 3",
            "torch.sym_max(4, L['x'].size()[0]) <= 2*L['x'].size()[0]",
            "math.trunc(1.5e-3*s0)",
            "Max(1, s0, s1)**2",
        ] {
            assert!(is_plain(text), "{text}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        for text in [
            "__import__('os').system('id')",
            "eval('1')",
            "exec(chr(112))",
            "(lambda: 0)()",
            "s0.__class__",
            "''.join",
            "Integer.__init__",
            "Symbol('s0; import os')",
            "L['x'].size().__class__",
            "L['x'].numpy()",
            "torch.hub.load('a')",
            "math.os",
            "(Max)(1)(2)",
            "[1][0](2)",
            "f(1)",
            "getattr(s0, 'a')",
            "1 .real",
            "1.real",
            "s0\nimport os",
            "s0; s1",
            "x := 1",
            "{1}",
            "open('a')",
            "preview(s0)",
            "s\u{e9}",
        ] {
            assert!(!is_plain(text), "{text}");
        }
    }
}
