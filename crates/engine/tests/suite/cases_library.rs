//! Classes and functions of known packages: what a stranger's state makes them run (rows 8 to 10), and good files that
//! hold them.

use super::build::{Stream, call, plain};
use super::{Case, ORDINARY, dangerous, harmless, untrusted};

/// What `scipy.stats` keeps in the state of a distribution to build its methods from.
const PARSER: &str = "\ndef _parse_args(self, a, loc=0, scale=1):\n    return (a,), loc, scale\n\n\
    def _parse_args_rvs(self, a, loc=0, scale=1, size=None):\n    \
    return self._argcheck_rvs(a, loc, scale, size=size)\n\n\
    def _parse_args_stats(self, a, loc=0, scale=1, moments='mv'):\n    return (a,), loc, scale, moments\n";

/// An instance, made without `__init__`, with this state. As many other attributes come before as a real state may have.
fn with_state(module: &str, name: &str, items: &[(&str, &str)]) -> Vec<u8> {
    let mut stream = Stream::protocol(2).global(module, name).raw(b")\x81}").mark();
    for number in 0..40 {
        stream = stream.text(&format!("attribute{number}")).int(number);
    }
    for (key, value) in items {
        stream = stream.text(key).text(value);
    }
    stream.raw(b"ub").stop()
}

pub(crate) fn cases() -> Vec<Case> {
    let norm = |template: &'static str| {
        move || {
            with_state("scipy.stats._continuous_distns", "gamma_gen", &[("_parse_arg_template", template)])
        }
    };
    let formula = |text: &'static str| {
        move || {
            let items = [("formula", text), ("restore_design_info", "yes")];
            with_state("statsmodels.base.data", "PandasData", &items)
        }
    };
    let runs_template = "scipy runs the text `_parse_arg_template`";
    let runs_formula = "statsmodels evaluates the text `formula`";
    vec![
        // --- 8: state that a class runs
        dangerous(8, "scipy-template-calls", runs_template, "norm.pkl", norm("print('this state just ran')")),
        dangerous(
            8,
            "scipy-template-default",
            runs_template,
            "norm.pkl",
            norm("def _parse_args(self, a=print('x')):\n    return a"),
        ),
        dangerous(8, "scipy-template-imports", runs_template, "norm.pkl", norm("import this")),
        harmless(8, "scipy-distribution", "gamma.pkl", norm(PARSER)),
        dangerous(
            8,
            "statsmodels-formula",
            runs_formula,
            "ols.pkl",
            formula("y ~ print('this formula ran')"),
        ),
        dangerous(
            8,
            "statsmodels-formula-attribute",
            runs_formula,
            "ols.pkl",
            formula("y ~ C(x).__class__.__subclasses__()"),
        ),
        harmless(
            8,
            "statsmodels-ols",
            "ols.pkl",
            formula("Lottery ~ Literacy + np.log(Pop1831) + C(Region)"),
        ),
        harmless(8, "a-formula-of-nobody", "data.pkl", || {
            Stream::protocol(2).raw(b"}").text("formula").text("print('x')").raw(b"s").stop()
        }),
        // --- 10: a loader that takes its pickle as the fifth argument
        dangerous(10, "spacy-vocab", "posix.system(\"id\")", "vocab.pkl", || {
            let inner = super::build::attack();
            let length = u8::try_from(inner.len()).unwrap();
            call("spacy.vocab", "unpickle_vocab", move |stream| {
                stream.raw(b"NNNN").raw(&[b'C', length]).raw(&inner)
            })
        }),
        harmless(10, "spacy-vocab-good", "vocab.pkl", || {
            let inner = plain();
            let length = u8::try_from(inner.len()).unwrap();
            call("spacy.vocab", "unpickle_vocab", move |stream| {
                stream.raw(b"NNNN").raw(&[b'C', length]).raw(&inner)
            })
        }),
        untrusted(10, "spacy-vocab-computed", "the pickle that it loads is not known", "vocab.pkl", || {
            call("spacy.vocab", "unpickle_vocab", |stream| {
                stream.raw(b"NNNN").global("builtins", "bytes").raw(b")R")
            })
        }),
    ]
    .into_iter()
    .chain(gadgets())
    .chain(good_classes())
    .collect()
}

/// 9: functions of known packages that do what their arguments say.
fn gadgets() -> Vec<Case> {
    let known: [(&str, &str); 21] = [
        ("torch._dynamo.guards", "GuardBuilder.get"),
        ("torch._inductor.codecache", "compile_file"),
        ("torch.fx.experimental.symbolic_shapes", "ShapeEnv.evaluate_guards_expression"),
        ("torch.jit.unsupported_tensor_ops", "execWrapper"),
        ("torch.utils._config_module", "ConfigModule.load_config"),
        ("torch.utils.bottleneck.__main__", "run_cprofile"),
        ("torch.utils.data.datapipes.utils.decoder", "basichandlers"),
        ("torch.distributed.rpc", "rpc_sync"),
        ("numpy.ctypeslib", "load_library"),
        ("idlelib.pyshell", "ModifiedInterpreter.runcode"),
        ("idlelib.calltip", "get_entity"),
        ("lib2to3.pgen2.grammar", "Grammar.loads"),
        ("asyncio.unix_events", "_UnixSubprocessTransport._start"),
        ("pandas", "read_csv"),
        ("pandas.core.frame", "DataFrame.eval"),
        ("sympy.core.sympify", "sympify"),
        ("sympy.utilities.lambdify", "lambdify"),
        ("patsy", "dmatrix"),
        ("hydra.utils", "instantiate"),
        ("PIL.ImageMath", "unsafe_eval"),
        ("jsonpickle", "decode"),
    ];
    let case = |(module, name): (&'static str, &'static str)| {
        let title = format!("{module}-{name}").to_lowercase().replace(['.', '_'], "-");
        let says = format!("{module}.{name}(\"x\")");
        dangerous(9, &title, &says, "model.pkl", move || call(module, name, |stream| stream.text("x")))
    };
    known.into_iter().map(case).collect()
}

/// Instances of classes that good models hold, under the names of today and of earlier versions.
fn good_classes() -> Vec<Case> {
    let known: [(&str, &str); 16] = [
        ("sklearn.ensemble.forest", "RandomForestClassifier"),
        ("sklearn.ensemble._forest", "RandomForestClassifier"),
        ("sklearn.cluster.k_means_", "KMeans"),
        ("sklearn.decomposition.pca", "PCA"),
        ("sklearn.linear_model.ridge", "Ridge"),
        ("sklearn.preprocessing.imputation", "Imputer"),
        ("scipy.interpolate.interpolate", "interp1d"),
        ("xgboost.sklearn", "XGBRegressor"),
        ("lightgbm.sklearn", "LGBMRanker"),
        ("catboost.core", "CatBoostClassifier"),
        ("networkx.classes.digraph", "DiGraph"),
        ("nltk.tag.perceptron", "PerceptronTagger"),
        ("gensim.models.ldamodel", "LdaModel"),
        ("statsmodels.regression.linear_model", "RegressionResults"),
        ("transformers.models.llama.configuration_llama", "LlamaConfig"),
        ("torch.nn.modules.linear", "Linear"),
    ];
    let case = |(module, name): (&'static str, &'static str)| {
        let title = format!("{module}-{name}").to_lowercase().replace(['.', '_'], "-");
        harmless(ORDINARY, &title, "model.pkl", move || with_state(module, name, &[("name", "a model")]))
    };
    known.into_iter().map(case).collect()
}
