//! The graph of an exported PyTorch program, in JSON: which operators it calls, and which texts PyTorch would evaluate.
//!
//! Sizes that depend on inputs are expressions of SymPy, which loads them by `sympify`, and that is Python's `eval`;
//! conditions on inputs are Python, executed when the program is made into a module. Good files hold nothing but
//! arithmetic there.
//!
//! Source: `torch/_export/serde/schema.py` and `serialize.py` (`deserialize_operator`, `_parse_sym_expr`),
//! `torch/export/_unlift.py` (`_convert_guards_code_to_fn`), `torch/export/pt2_archive/_package.py`.

mod expression;
mod walk;

use weighbridge_core::coverage::Unread;
use weighbridge_core::fact::{Effect, EffectKind, Global, Target, Value, What};
use weighbridge_core::input::Input;
use weighbridge_core::reader::{About, Claim, Family, Hint, Reader};
use weighbridge_core::sink::Sink;

use super::torchscript::Operators;
pub(crate) use walk::pickled;

/// How many texts that would be evaluated are told.
const MOST: usize = 32;
/// Bytes of such a text that are kept.
const KEPT: usize = 200;

/// Reads graphs of exported programs.
pub struct TorchExport;

impl Reader for TorchExport {
    fn about(&self) -> &'static About {
        &About {
            id: "torch-export",
            title: "Exported PyTorch program",
            family: Family::Model,
            names: &["models/*.json of a PT2 archive"],
            reads: "every operator that it calls, and every text that is evaluated",
        }
    }

    /// Only the reader of the archive knows where such a graph lies.
    fn claims(&self, _: &Hint<'_>) -> Claim {
        Claim::No
    }

    fn read(&self, input: &Input, sink: &mut Sink) -> Result<(), Unread> {
        sink.observed(What::Format("torch-export"), None);
        let text = input.read_text()?;
        let mut operators = Operators::default();
        let mut evaluated: Vec<(&'static str, String)> = Vec::new();
        let outcome = walk::texts(&text, &mut |key, value| match key {
            "target" if !value.is_empty() => {
                let (domain, name) = operator(value);
                operators.add(domain, name, 0);
            }
            "expr_str" if !expression::is_plain(value) => keep(&mut evaluated, "expr_str", value),
            "guards_code" if !expression::is_plain(value) => keep(&mut evaluated, "guards_code", value),
            _ => {}
        });
        operators.finish(sink, "target");
        for (construct, text) in evaluated {
            let name = if construct == "expr_str" { "eval" } else { "exec" };
            let global = Global { module: "builtins".to_owned(), name: name.to_owned() };
            let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
            let shown = Value::Text(text.chars().take(KEPT).collect(), length);
            let effect = Effect::new(EffectKind::Call, Target::Global(global), construct);
            sink.observed(What::Effect(effect.with(vec![shown])), None);
        }
        outcome
    }
}

fn keep(evaluated: &mut Vec<(&'static str, String)>, construct: &'static str, text: &str) {
    if evaluated.len() < MOST {
        evaluated.push((construct, text.to_owned()));
    }
}

/// The namespace and the name that a target of a call states: `torch.ops.aten.add.Tensor`, `_operator.mul`.
fn operator(target: &str) -> (&str, &str) {
    if let Some((domain, name)) = target.strip_prefix("torch.ops.").and_then(|rest| rest.split_once('.')) {
        // Behind the name stands which of its overloads.
        return match name.split_once('.') {
            Some((name, overload)) if !overload.contains('.') => (domain, name),
            _ => (domain, name),
        };
    }
    target.split_once('.').unwrap_or(("", target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_taken_apart() {
        for (target, expected) in [
            ("torch.ops.aten.add.Tensor", ("aten", "add")),
            ("torch.ops.higher_order.cond", ("higher_order", "cond")),
            ("torch.ops.evil.__class__.x.y", ("evil", "__class__.x.y")),
            ("_operator.mul", ("_operator", "mul")),
            ("torch.sym_max", ("torch", "sym_max")),
            ("torch.os.system", ("torch", "os.system")),
            ("#ext", ("", "#ext")),
        ] {
            assert_eq!(operator(target), expected, "{target}");
        }
    }
}
