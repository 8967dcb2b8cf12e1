//! Code of TorchScript: which types it defines, and which operators it uses.
//!
//! The archive of a TorchScript model holds its code as text in a subset of Python. Nothing in it can import a module or
//! reach an object of Python; what it can do is use operators: those of PyTorch, written `torch.relu(x)`,
//! `ops.quantized.add(x, y)` or as a method, and those of libraries that the loading program has registered. Code of
//! `__setstate__` runs while the model is loaded.
//!
//! Source: `torch/csrc/jit/frontend/lexer.h` (tokens), `torch/csrc/jit/serialization/python_print.cpp` and
//! `import_source.cpp` (`torch`, `ops`, `CONSTANTS`, `__torch__`), `torch/csrc/jit/frontend/sugared_value.cpp` (methods
//! that are operators), `torch/csrc/jit/mobile/` (`bytecode.pkl`).

mod lexer;
mod mobile;

use std::collections::{BTreeMap, BTreeSet};

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Operator, Target, What};
use weighbridge_core::input::Input;
use weighbridge_core::place::Span;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

pub use mobile::TorchScriptMobile;

use crate::bytes::offset;
use lexer::{Lexer, Token};

/// The set by which operators of PyTorch are judged.
pub(crate) const SET: &str = "torchscript";

/// Operators that take the name of a file as their first or second argument, and so could be written as a method of a
/// text or of a tensor.
const OF_FILES: [&str; 2] = ["from_file", "save"];

/// Reads code of TorchScript.
pub struct TorchScript;

impl Reader for TorchScript {
    fn about(&self) -> &'static About {
        &About {
            id: "torchscript",
            title: "TorchScript code",
            family: Family::Model,
            names: &["code/**.py of a TorchScript archive"],
            reads: "the types that it defines, and every operator that it uses",
        }
    }

    /// Only the reader of the archive knows where such code lies.
    fn claims(&self, _: &Hint<'_>) -> Claim {
        Claim::No
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("torchscript-code"), None);
        let text = input.read_text()?;
        let module = module(sink.place().inner.last().map_or("", |step| step));
        let (own, defined) = definitions(&text)?;
        if let Some(module) = module {
            let defined: Vec<String> = defined.into_iter().map(|name| format!("{module}.{name}")).collect();
            if !defined.is_empty() {
                sink.observed(What::Defines(defined), None);
            }
        }
        let mut uses = Uses { own, found: Operators::default() };
        let outcome = uses.read(&text);
        uses.found.finish(sink, "code");
        outcome
    }
}

/// The module that a file of code stands for: `__torch__.a.b` for `m/code/__torch__/a/b.py`.
fn module(path: &str) -> Option<String> {
    let (_, rest) = path.split_once("code/__torch__")?;
    let (stem, ending) = rest.split_at_checked(rest.len().checked_sub(3)?)?;
    let known = ending.eq_ignore_ascii_case(".py") && (stem.is_empty() || stem.starts_with('/'));
    known.then(|| format!("__torch__{}", stem.replace('/', ".")))
}

/// Operators that were seen, each with how often and where first.
#[derive(Default)]
pub(crate) struct Operators(BTreeMap<(String, String), (u64, u64)>);

impl Operators {
    /// One more use at `at`.
    pub(crate) fn add(&mut self, domain: &str, name: &str, at: u64) {
        let (count, _) = self.0.entry((domain.to_owned(), name.to_owned())).or_insert((0, at));
        *count = count.saturating_add(1);
    }

    /// Puts one effect for each into the sink.
    pub(crate) fn finish(self, sink: &mut Sink, construct: &'static str) {
        for ((domain, name), (count, at)) in self.0 {
            let operator = Target::Operator(Operator { set: SET, domain, name });
            let effect = Effect { count, ..Effect::new(EffectKind::Operate, operator, construct) };
            sink.observed(What::Effect(effect), Some(Span::Offset(at)));
        }
    }
}

/// Names of attributes and methods that the classes of a file declare, and the names of the classes.
fn definitions(text: &[u8]) -> Result<(BTreeSet<String>, Vec<String>), Unread> {
    let (mut own, mut defined) = (BTreeSet::new(), Vec::new());
    let mut lexer = Lexer::new(text);
    // The first two tokens of a line.
    let mut line: [Option<&str>; 2] = [None, None];
    let mut position = 0u8;
    while let Some((_, token)) = lexer.next()? {
        match token {
            Token::Line => position = 0,
            Token::Name(name) => {
                match (position, line) {
                    (1, [Some("class"), _]) => defined.push(name.to_owned()),
                    (1, [Some("def"), _]) => drop(own.insert(name.to_owned())),
                    _ => {}
                }
                if position == 0 {
                    line = [Some(name), None];
                }
                position = position.saturating_add(1);
            }
            Token::Symbol(b':') => {
                if let (1, [Some(name), _]) = (position, line) {
                    own.insert(name.to_owned());
                }
                position = position.saturating_add(1);
            }
            Token::Symbol(_) | Token::Text(_) | Token::Number => {
                if position == 0 {
                    line = [None, None];
                }
                position = position.saturating_add(1);
            }
        }
    }
    Ok((own, defined))
}

/// Which operators code uses.
struct Uses {
    /// Attributes and methods of the file's own classes.
    own: BTreeSet<String>,
    found: Operators,
}

/// What stands before a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Dot,
    Name,
    Other,
}

impl Uses {
    fn read(&mut self, text: &[u8]) -> Result<(), Unread> {
        let mut lexer = Lexer::new(text);
        let mut path: Vec<&str> = Vec::new();
        let mut start = 0;
        let mut before = Before::Other;
        // For every open bracket whether it is that of `getattr`.
        let mut open: Vec<bool> = Vec::new();
        loop {
            let next = lexer.next()?;
            let (at, token) = match next {
                Some((at, token)) => (at, Some(token)),
                None => (text.len(), None),
            };
            // Within brackets a line goes on.
            if token == Some(Token::Line) && !open.is_empty() {
                continue;
            }
            let at = offset(at);
            let continues = matches!(
                (token, before),
                (Some(Token::Name(_)), Before::Dot) | (Some(Token::Symbol(b'.')), Before::Name)
            );
            let called = token == Some(Token::Symbol(b'('));
            let getattr = path.as_slice() == ["getattr"];
            if !continues && !path.is_empty() {
                if getattr && called {
                    path.clear();
                } else {
                    self.path(&path, start);
                    path.clear();
                }
            }
            let Some(token) = token else { return Ok(()) };
            before = match token {
                Token::Name(name) => {
                    if before == Before::Dot && path.is_empty() {
                        // Of a result: an empty name stands for it.
                        path.push("");
                    }
                    if path.is_empty() || path.as_slice() == [""] {
                        start = at;
                    }
                    path.push(name);
                    Before::Name
                }
                Token::Symbol(b'.') => Before::Dot,
                Token::Symbol(symbol) => {
                    match symbol {
                        b'(' => open.push(getattr),
                        b'[' | b'{' => open.push(false),
                        b')' | b']' | b'}' => drop(open.pop()),
                        _ => {}
                    }
                    Before::Other
                }
                Token::Text(text) => {
                    if open.last() == Some(&true) {
                        self.attribute(text, at);
                    }
                    Before::Other
                }
                Token::Number | Token::Line => Before::Other,
            };
        }
    }

    /// A path of names, which ends here.
    fn path(&mut self, path: &[&str], at: u64) {
        let rest = match path {
            ["torch" | "", "ops", domain, name, rest @ ..] | ["ops", domain, name, rest @ ..] => {
                self.found.add(domain, name, at);
                rest
            }
            ["__torch__", "torch", "classes", domain, name, ..] => {
                return self.found.add(&format!("torch.classes.{domain}"), name, at);
            }
            ["__torch__", ..] => return,
            ["torch", name, rest @ ..] if *name != "ops" => {
                self.found.add("aten", name, at);
                rest
            }
            // A table of operators becomes a value: nobody writes code so, and what is used of it cannot be seen.
            ["torch" | "ops", ..] | ["getattr"] => return self.found.add("", &path.join("."), at),
            [name @ ("rpc_async" | "rpc_sync" | "rpc_remote")] => return self.found.add("prim", name, at),
            [_, rest @ ..] => rest,
            [] => return,
        };
        rest.iter().for_each(|name| self.attribute(name, at));
    }

    /// An attribute or method of a value: of a type that the code declares, else perhaps an operator.
    fn attribute(&mut self, name: &str, at: u64) {
        if OF_FILES.contains(&name) {
            let domain = if self.own.contains(name) { "attribute" } else { "aten" };
            self.found.add(domain, name, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stand_for_modules() {
        for (path, expected) in [
            ("m/code/__torch__.py", Some("__torch__")),
            ("m/code/__torch__/a/b.py", Some("__torch__.a.b")),
            ("#2/m/.data/ts_code/code/__torch__/a.py", Some("__torch__.a")),
            ("m/code/other.py", None),
            ("m/code/__torch__x.py", None),
        ] {
            assert_eq!(module(path).as_deref(), expected, "{path}");
        }
    }

    #[track_caller]
    fn check(code: &str, expected: &[&str]) {
        let (own, _) = definitions(code.as_bytes()).unwrap();
        let mut uses = Uses { own, found: Operators::default() };
        uses.read(code.as_bytes()).unwrap();
        let found: Vec<String> =
            uses.found.0.keys().map(|(domain, name)| format!("{domain}.{name}")).collect();
        assert_eq!(found, expected, "{code}");
    }

    #[test]
    fn operators_are_found_in_every_form() {
        check("_1 = torch.softmax((lin).forward(y, ), -1)", &["aten.softmax"]);
        check("ops.prim.RaiseException(_0)", &["prim.RaiseException"]);
        check("x = torch . save(y, \"a\")", &["aten.save"]);
        check("x = (torch.\n  save(y, \"a\"))", &["aten.save"]);
        check("f = torch.save\nf(y, \"a\")", &["aten.save"]);
        check("t = torch\nt.save(y, \"a\")", &[".torch", "aten.save"]);
        check("o = ops.aten\no.relu(x)", &[".ops.aten"]);
        check("(y).save(\"a\")", &["aten.save"]);
        check("\"/etc/passwd\".from_file(False, 10)", &["aten.from_file"]);
        check("getattr(y, \"save\")(\"a\")", &["aten.save"]);
        check("g = getattr\ng(y, \"save\")(\"a\")", &[".getattr"]);
        check("torch.size(x).save(\"a\")", &["aten.save", "aten.size"]);
        check("ops.evil.run(x)", &["evil.run"]);
        check("torch.ops.evil.run(x)", &["evil.run"]);
        check("a : __torch__.torch.classes.evil.Thing", &["torch.classes.evil.Thing"]);
    }

    #[test]
    fn what_only_looks_like_an_operator_is_none() {
        check("_2 = \"ops.evil.run(x) torch.save\" # torch.save(x)", &[]);
        check("_0 = getattr(self, \"0\")\nreturn (_0).forward(input, )", &[]);
        check("_3 = __torch__.torch.nn.functional.interpolate", &[]);
        check("mode = torch.pad(x, [1], \"save\")", &["aten.pad"]);
        check(
            "class A(Module):\n  save : bool\n  def f(self: __torch__.A):\n    save = self.save",
            &["attribute.save"],
        );
    }

    #[test]
    fn types_are_defined_by_classes() {
        let code = "class Net(Module):\n  x : int\n  def forward(self) -> int:\n    return 1\nclass P(NamedTuple):\n  y : int\ndef f() -> str:\n  return \"\n\"";
        assert!(definitions(code.as_bytes()).is_err());
        let code = code.replace("\"\n\"", "\"class Q:\"");
        let (own, defined) = definitions(code.as_bytes()).unwrap();
        assert_eq!(defined, ["Net", "P"]);
        assert_eq!(own.into_iter().collect::<Vec<_>>(), ["f", "forward", "x", "y"]);
    }
}
