//! What is known about operators, layers and filters: one table for each set, `data/operators/SET.tsv`.
//!
//! A line holds domain, name (`*` for every name of the domain), verdict and, where that is not `harmless`, the reason.
//! What no line names is untrusted.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use weighbridge_core::fact::Operator;
use weighbridge_core::report::Safety;

/// The tables, sorted by set.
#[rustfmt::skip] // one line a set
pub(super) static TABLES: &[(&str, &str)] = &[
    ("cntk", include_str!("../../data/operators/cntk.tsv")),
    ("coreml", include_str!("../../data/operators/coreml.tsv")),
    ("executorch", include_str!("../../data/operators/executorch.tsv")),
    ("hdf5", include_str!("../../data/operators/hdf5.tsv")),
    ("hub", include_str!("../../data/operators/hub.tsv")),
    ("jinja", include_str!("../../data/operators/jinja.tsv")),
    ("keras", include_str!("../../data/operators/keras.tsv")),
    ("matlab", include_str!("../../data/operators/matlab.tsv")),
    ("mxnet", include_str!("../../data/operators/mxnet.tsv")),
    ("omegaconf", include_str!("../../data/operators/omegaconf.tsv")),
    ("onnx", include_str!("../../data/operators/onnx.tsv")),
    ("openvino", include_str!("../../data/operators/openvino.tsv")),
    ("paddle", include_str!("../../data/operators/paddle.tsv")),
    ("pmml", include_str!("../../data/operators/pmml.tsv")),
    ("r", include_str!("../../data/operators/r.tsv")),
    ("tensorflow", include_str!("../../data/operators/tensorflow.tsv")),
    ("tflite", include_str!("../../data/operators/tflite.tsv")),
    ("torch7", include_str!("../../data/operators/torch7.tsv")),
    ("torchscript", include_str!("../../data/operators/torchscript.tsv")),
    ("zarr", include_str!("../../data/operators/zarr.tsv")),
];

/// What a line says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Known {
    pub(super) safety: Safety,
    /// A clause of which the operator is the subject; empty for a harmless one.
    pub(super) reason: &'static str,
}

type Set = BTreeMap<&'static str, BTreeMap<&'static str, Known>>;

static SETS: LazyLock<BTreeMap<&'static str, Set>> = LazyLock::new(|| {
    let set = |text: &'static str| {
        let mut set = Set::new();
        for ((domain, name), known) in lines(text).filter_map(parse) {
            set.entry(domain).or_default().insert(name, known);
        }
        set
    };
    TABLES.iter().map(|(name, text)| (*name, set(text))).collect()
});

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

fn parse(line: &'static str) -> Option<((&'static str, &'static str), Known)> {
    let mut fields = line.split('\t');
    let (domain, name, verdict) = (fields.next()?, fields.next()?, fields.next()?);
    let safety = match verdict {
        "harmless" => Safety::Harmless,
        "untrusted" => Safety::Untrusted,
        "dangerous" => Safety::Dangerous,
        _ => return None,
    };
    let reason = fields.next().unwrap_or_default();
    let whole = reason.is_empty() == (safety == Safety::Harmless) && fields.next().is_none();
    whole.then_some(((domain, name), Known { safety, reason }))
}

/// What is known of this operator; the line that names it comes before the one of its whole domain.
pub(super) fn known(operator: &Operator) -> Option<Known> {
    let domain = SETS.get(operator.set)?.get(operator.domain.as_str())?;
    domain.get(operator.name.as_str()).or_else(|| domain.get("*")).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_whole_and_sorted() {
        assert!(TABLES.is_sorted());
        for (name, text) in TABLES {
            let keys: Vec<_> =
                lines(text).map(|line| parse(line).unwrap_or_else(|| panic!("{name}: {line}")).0).collect();
            assert!(!keys.is_empty(), "{name}");
            for pair in keys.windows(2) {
                assert!(pair[0] < pair[1], "{name}: {:?} comes after {:?}", pair[0], pair[1]);
            }
        }
    }

    #[test]
    fn a_named_operator_comes_before_its_domain_and_an_unknown_one_is_not_known() {
        let operator = |set, domain: &str, name: &str| Operator {
            set,
            domain: domain.to_owned(),
            name: name.to_owned(),
        };
        assert_eq!(known(&operator("onnx", "", "Conv")).map(|known| known.safety), Some(Safety::Harmless));
        assert_eq!(known(&operator("onnx", "evil", "Conv")), None);
        assert_eq!(known(&operator("no such set", "", "Conv")), None);
    }
}
