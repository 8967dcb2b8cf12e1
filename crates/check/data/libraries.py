"""Writes `globals-libraries.csv`: classes of real libraries that a pickle may make without their `__init__`.

    python3 -m venv V && V/bin/pip install scipy scikit-learn xgboost lightgbm catboost statsmodels nltk networkx pillow \
        gensim transformers tokenizers torch
    V/bin/python crates/check/data/libraries.py > crates/check/data/globals-libraries.csv

It looks at the classes themselves. One is taken if nothing of it runs while it is unpickled but what Python itself or a
reviewed base class brings along: `__new__`, `__setstate__`, `__setattr__`, `__getattr__`, `__del__`, and the methods
that opcodes look up (`append`, `extend`, `add`, `__setitem__`). Whatever has its own of these is left out, and stays
unknown. `REVIEWED` holds the bases whose methods were read; a class that a reader must not take is in `LEFT_OUT`.
"""

import ast
import csv
import enum
import importlib
import importlib.metadata
import importlib.util
import pathlib
import pkgutil
import re
import sys
import warnings

warnings.simplefilter("ignore")

# Modules, with all below them where `.*` stands behind, and the names of classes that models hold.
LIBRARIES = {
    "scipy": {
        "scipy.stats._continuous_distns": r".*_gen|rv_histogram",
        "scipy.stats._discrete_distns": r".*_gen",
        "scipy.stats._multivariate": r".*(_gen|_frozen)|_PSD",
        "scipy.stats._covariance": r"Cov.*",
        "scipy.stats._distn_infrastructure": r"rv_(continuous_|discrete_)?frozen|rv_sample",
        "scipy.stats._qmc": r"Halton|LatinHypercube|PoissonDisk|MultinomialQMC|MultivariateNormalQMC",
        "scipy.interpolate.*": r"[A-Z]\w+|interp1d|_PPoly|_PPolyBase",
        "scipy.optimize._constraints": r"Bounds|LinearConstraint|NonlinearConstraint",
        "scipy.optimize._optimize": r"OptimizeResult",
        "scipy.optimize._lbfgsb_py": r"LbfgsInvHessProduct",
        "scipy.signal._ltisys": r"[A-Z]\w+",
        "scipy.spatial._kdtree": r"KDTree",
        "scipy.spatial._qhull": r"Delaunay|ConvexHull|Voronoi|HalfspaceIntersection",
    },
    "xgboost": {"xgboost.core": r"Booster", "xgboost.sklearn": r"XGB\w+"},
    "lightgbm": {"lightgbm.basic": r"Booster", "lightgbm.sklearn": r"LGBM\w+"},
    "catboost": {"catboost.core": r"CatBoost\w*"},
    "statsmodels": {
        "statsmodels.base.*": r"\w*(Model|Results|Wrapper|Data)",
        "statsmodels.discrete.*": r"\w+",
        "statsmodels.duration.*": r"\w+",
        "statsmodels.genmod.*": r"\w+",
        "statsmodels.gam.*": r"\w+",
        "statsmodels.miscmodels.*": r"\w+",
        "statsmodels.multivariate.*": r"\w+",
        "statsmodels.nonparametric.*": r"\w+",
        "statsmodels.regression.*": r"\w+",
        "statsmodels.robust.*": r"\w+",
        "statsmodels.tools.tools": r"Bunch",
        "statsmodels.tsa.*": r"\w*(Model|Results?|Wrapper|Params|Specification|Smoothing|Initialization|Representation|"
        r"Filter|Smoother|VAR|VECM|ARIMA|ARMAX|SARIMAX|AutoReg|ARDL|STL|Fourier|TimeTrend|Seasonality|Process)",
    },
    "nltk": {
        "nltk.classify.*": r"[A-Z]\w+",
        "nltk.collocations": r"[A-Z]\w+",
        "nltk.grammar": r"[A-Z]\w+",
        "nltk.lm.*": r"[A-Z]\w+",
        "nltk.probability": r"[A-Z]\w+",
        "nltk.stem.*": r"[A-Z]\w+",
        "nltk.tag.*": r"[A-Z]\w+",
        "nltk.tokenize.*": r"[A-Z]\w+",
        "nltk.tree.*": r"[A-Z]\w+",
    },
    "networkx": {"networkx.classes.*": r"\w+"},
    "pillow": {"PIL.Image": r"Image", "PIL.ImagePalette": r"ImagePalette"},
    "gensim": {"gensim.models.*": r"[A-Z]\w+", "gensim.corpora.dictionary": r"Dictionary", "gensim.similarities.docsim": r"\w+"},
    "transformers": {
        "transformers.models.*": r"\w+Config",
        "transformers.configuration_utils": r"\w+Config",
        "transformers.tokenization_utils_base": r"BatchEncoding|AddedToken",
        "transformers.generation.configuration_utils": r"GenerationConfig",
    },
    "tokenizers": {
        "tokenizers": r"Tokenizer|AddedToken|Encoding",
        **{"tokenizers." + part: r"[A-Z]\w+" for part in "decoders models normalizers pre_tokenizers processors".split()},
    },
}

# Read and not imported: importing it takes gigabytes of native libraries.
SOURCES = {"torch": "torch/nn/modules"}

WATCHED = (
    "__setstate__ __new__ __del__ __getattr__ __getattribute__ __setattr__ __setitem__ append extend add"
).split()

# Bases that bring one of these along and were read: what they do with a stranger's state or arguments.
REVIEWED = {
    # Fills `__dict__`, perhaps after a look at the version.
    "sklearn.base.BaseEstimator",
    # Fills `__dict__`, then runs the text `_parse_arg_template` of it: judged by `safety/program.rs`.
    "scipy.stats._distn_infrastructure.rv_generic",
    # Chooses a class by what it is given.
    "scipy.stats._distn_infrastructure.rv_discrete",
    "scipy.signal._ltisys.LinearTimeInvariant",
    "scipy.signal._ltisys.StateSpace",
    "scipy.signal._ltisys.TransferFunction",
    "scipy.signal._ltisys.ZerosPolesGain",
    "scipy.sparse.linalg._interface.LinearOperator",
    # A tuple of parts, and a tree made of them.
    "scipy.interpolate._rbfinterp.RBFInterpolator",
    # Attributes are items of the dictionary.
    "scipy._lib._util._RichResult",
    # `extend` joins coefficients.
    "scipy.interpolate._interpolate._PPolyBase",
    "scipy.interpolate._interpolate.PPoly",
    "scipy.interpolate._interpolate.BPoly",
    # Fill `__dict__` and put defaults where an older version had nothing; what they are given becomes a submodule.
    *(
        "torch.nn.modules." + name
        for name in "module.Module activation.LogSoftmax activation.MultiheadAttention activation.Softmax batchnorm._NormBase container.Sequential "
        "container.ModuleList container.ModuleDict container.ParameterList container.ParameterDict conv._ConvNd "
        "pooling.AvgPool3d pooling._MaxPoolNd rnn.RNNBase transformer.TransformerEncoderLayer transformer.TransformerDecoderLayer "
        "upsampling.Upsample pooling.FractionalMaxPool2d".split()
    ),
    # Closes a handle that a pickle cannot bring.
    "scipy.spatial._qhull._QhullUser",
    # Arrays from bytes.
    "scipy.spatial._ckdtree.cKDTree",
    # These hand bytes to parsers of models, in C++.
    "xgboost.core.Booster",
    "lightgbm.basic.Booster",
    "catboost.core._CatBoostBase",
    # Fills `__dict__`; may evaluate the text `formula` of it: judged by `safety/program.rs`.
    "statsmodels.base.data.ModelData",
    # Fills `__dict__`, and asks the results that it wraps for what it has not itself.
    "statsmodels.base.wrapper.ResultsWrapper",
    "statsmodels.discrete.discrete_model.NegativeBinomial",
    "statsmodels.tsa.statespace.representation.Representation",
    # `append` and `extend` compute with new rows.
    "statsmodels.tsa.ar_model.AutoRegResults",
    "statsmodels.tsa.arima.model.ARIMAResults",
    "statsmodels.tsa.statespace.mlemodel.MLEModel",
    "statsmodels.tsa.statespace.mlemodel.MLEResults",
    "statsmodels.tsa.statespace.sarimax.SARIMAXResults",
    "statsmodels.tsa.statespace.varmax.VARMAXResults",
    # Dictionaries and lists.
    "nltk.probability.FreqDist",
    "nltk.tree.tree.Tree",
    "nltk.tree.immutable.ImmutableTree",
    "nltk.tree.parented.AbstractParentedTree",
    "nltk.tokenize.punkt.PunktLanguageVars",
    "gensim.models.keyedvectors.KeyedVectors",
    # Looks for a back end among the installed ones by a keyword.
    "networkx.classes.graph.Graph",
    "networkx.classes.digraph.DiGraph",
    "networkx.classes.multigraph.MultiGraph",
    "networkx.classes.multidigraph.MultiDiGraph",
    "networkx.classes.coreviews.AtlasView",
    "networkx.classes.coreviews.UnionAdjacency",
    "networkx.classes.coreviews.UnionAtlas",
    "networkx.classes.reportviews.NodeView",
    "networkx.classes.reportviews.OutEdgeView",
    "networkx.classes.reportviews.InEdgeView",
    # Pixels from raw bytes.
    "PIL.Image.Image",
    # Renames attributes by a table of the class.
    "transformers.configuration_utils.PreTrainedConfig",
    "transformers.configuration_utils.PretrainedConfig",
    "transformers.tokenization_utils_base.BatchEncoding",
}
# Parsers in Rust, of JSON.
REVIEWED_PACKAGES = ("tokenizers",)
# They run a program, open a file or load what they are given when they are made or used by others.
LEFT_OUT = re.compile(r"nltk\.(tag\.(stanford|hunpos|senna)|classify\.(megam|weka|senna|tadm|svm)|tokenize\.(repp|stanford\w*))$")


def modules(pattern):
    name = pattern.removesuffix(".*")
    yield name
    if name != pattern:
        for module in pkgutil.walk_packages(importlib.import_module(name).__path__, name + ".", onerror=lambda _: None):
            if not re.search(r"\.tests?(\.|$)|\.results(\.|$)|setup$", module.name):
                if name != "transformers.models" or ".configuration_" in module.name:
                    yield module.name


def owners(kind):
    """The bases that bring a watched method along, besides Python's own."""
    for name in WATCHED:
        base = next((base for base in kind.__mro__ if name in vars(base)), object)
        if base.__module__ in ("builtins", "collections", "enum", "abc", "typing", "object"):
            continue
        # Validators of `huggingface_hub`, which the class has and the state cannot bring.
        if name == "__setattr__" and vars(base)[name].__name__ == "__strict_setattr__":
            continue
        if name == "__new__" and issubclass(base, tuple) and hasattr(base, "_fields"):
            continue
        yield name, base


def rule(kind):
    if issubclass(kind, enum.Enum):
        return "data"
    foreign = [
        (name, base)
        for name, base in owners(kind)
        if f"{base.__module__}.{base.__qualname__}" not in REVIEWED and base.__module__.split(".")[0] not in REVIEWED_PACKAGES
    ]
    if foreign or LEFT_OUT.match(kind.__module__) or issubclass(kind, BaseException):
        print("left out:", kind.__module__, kind.__qualname__, *(f"{base.__module__}.{base.__qualname__}.{name}" for name, base in foreign), file=sys.stderr)
        return None
    return "object"


def read_sources(library, folder):
    """Classes of a folder of modules, of which all bases are in it too."""
    parent = importlib.util.find_spec(library).submodule_search_locations[0]
    classes = {}
    for path in sorted((pathlib.Path(parent).parent / folder).glob("*.py")):
        module = folder.replace("/", ".") + "." + path.stem
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).split("[")[0].split(".")[-1] for base in node.bases}
                own = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
                fits = not own & set(WATCHED) or f"{module}.{node.name}" in REVIEWED
                classes[node.name] = module, bases - {"object", "Generic"}, fits
    left = {name for name, (_, _, fits) in classes.items() if not fits}
    while more := {name for name, (_, bases, _) in classes.items() if name not in left and bases & left | bases - set(classes)}:
        left |= more
    print("left out:", folder, *sorted(left), file=sys.stderr)
    return {(module, name, "object") for name, (module, _, _) in classes.items() if name not in left}


def main():
    rows = set()
    for library, folder in SOURCES.items():
        version = ".".join(importlib.metadata.version(library).split(".")[:2])
        rows |= {(*row, f"{library} {version}") for row in read_sources(library, folder)}
    for library, patterns in LIBRARIES.items():
        version = ".".join(importlib.metadata.version(library).split(".")[:2])
        for pattern, names in patterns.items():
            for name in modules(pattern):
                try:
                    module = importlib.import_module(name)
                except Exception as error:
                    print("not imported:", name, error, file=sys.stderr)
                    continue
                for kind in vars(module).values():
                    own = isinstance(kind, type) and kind.__module__ == name and "<" not in kind.__qualname__
                    if own and re.fullmatch(names, kind.__name__) and (verdict := rule(kind)):
                        rows.add((name, kind.__qualname__, verdict, f"{library} {version}"))
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["module", "qualname", "rule", "library"])
    out.writerows(sorted(rows))


main()
