"""Writes `globals.tsv`: what a pickle may name, and how it may be used.

    python3 crates/check/data/globals.py REAL_GLOBALS.csv > crates/check/data/globals.tsv

The file `REAL_GLOBALS.csv` lists globals seen in models that nobody wrote to attack (module, qualname, libraries, file
kinds, used_as). Everything below is reviewed by hand: what a class's `__new__` and `__setstate__`, or a function, does
with arguments from a stranger. What is in neither list stays unknown, and unknown is never harmless.

Rules: `data` may be called, made and given state with any arguments; `object` may be made without its `__init__`, and
given state; `value` may be named, and given to others, but not called; the other rules look at the arguments (`crates/check/src/safety/shape.rs`).

Classes of other libraries stand in `globals-libraries.csv`, which `libraries.py` writes. What moved from one module to
another is allowed under its old names too: `globals-moved.csv`, from the tables by which the libraries themselves load
old pickles.

Estimators and losses of scikit-learn 1.9 stand in `globals-sklearn.csv`: all subclasses of `BaseEstimator` and the
classes that they are built from. Their `__setstate__`, where they have one, checks the version and fills `__dict__`.
"""

import csv
import pathlib
import sys

# Standard library: exact names, by rule.
STDLIB = {
    "builtins": {
        "data": "ArithmeticError AssertionError AttributeError BaseException EOFError Exception FileNotFoundError "
        "FloatingPointError FutureWarning ImportError IndexError KeyError LookupError MemoryError NameError "
        "NotImplementedError OSError OverflowError RuntimeError RuntimeWarning StopIteration TypeError "
        "UnicodeDecodeError UnicodeEncodeError UserWarning ValueError Warning ZeroDivisionError bool bytearray bytes "
        "complex dict float frozenset int list object range set slice str tuple",
        "value": "Ellipsis NotImplemented abs all any hash len max min pow property repr round sorted staticmethod sum",
        "typeof": "type",
        "getattr": "getattr",
    },
    "_codecs": {"latin1": "encode"},
    "_io": {"data": "BytesIO StringIO"},
    "argparse": {"data": "Namespace"},
    "array": {"data": "array _array_reconstructor"},
    "collections": {"data": "ChainMap Counter OrderedDict UserDict UserList UserString deque", "factory": "defaultdict"},
    "copyreg": {"reconstructor": "_reconstructor __newobj__ __newobj_ex__"},
    "datetime": {"data": "date datetime time timedelta timezone"},
    "decimal": {"data": "Decimal"},
    "enum": {"value": "Enum Flag IntEnum IntFlag StrEnum"},
    "fractions": {"data": "Fraction"},
    "functools": {"partial": "partial"},
    "io": {"data": "BytesIO StringIO"},
    "ipaddress": {"data": "IPv4Address IPv4Interface IPv4Network IPv6Address IPv6Interface IPv6Network"},
    "math": {"value": "cos exp fabs log log10 log1p log2 sin sqrt tanh"},
    "numbers": {"value": "Complex Integral Number Rational Real"},
    "pathlib": {"data": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath"},
    "pathlib._local": {"data": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath"},
    "pickle": {"nested": "loads _loads"},
    "_pickle": {"nested": "loads"},
    "random": {"data": "Random"},
    "re": {"data": "RegexFlag _compile"},
    "string": {"data": "Template"},
    "time": {"data": "struct_time"},
    "types": {"data": "MappingProxyType SimpleNamespace"},
    "uuid": {"data": "SafeUUID UUID"},
    "zoneinfo": {"value": "ZoneInfo", "data": "ZoneInfo._unpickle"},
}

NUMPY_TYPES = (
    "bool_ bool8 bool byte bytes_ cdouble cfloat character clongdouble complex64 complex128 complex256 complexfloating "
    "csingle datetime64 double flexible float16 float32 float64 float128 float_ floating generic half inexact int8 "
    "int16 int32 int64 int_ intc integer intp long longdouble longlong number object_ short signedinteger single str_ "
    "timedelta64 ubyte uint uint8 uint16 uint32 uint64 uintc uintp ulong ulonglong unsignedinteger ushort unicode_ "
    "string_ void"
)
NUMPY_FUNCTIONS = (
    "abs absolute add all any arccos arcsin arctan arctan2 argmax argmin average cbrt ceil clip concatenate cos cosh "
    "cumsum divide dot exp exp2 expm1 fabs floor floor_divide fmax fmin greater hypot isfinite isnan less log log10 "
    "log1p log2 logaddexp logical_and logical_not logical_or max maximum mean median min minimum mod multiply "
    "nan_to_num nanmax nanmean nanmedian nanmin nanstd nansum negative percentile power prod quantile reciprocal "
    "remainder rint round sign sin sinh sqrt square std subtract sum tan tanh transpose true_divide var"
)
# numpy moved its internals from `numpy.core` to `numpy._core` with 2.0; both names are in use.
NUMPY_CORE = {
    "multiarray": {"data": "_reconstruct scalar"},
    "numeric": {"data": "_frombuffer"},
    "_internal": {"data": "_convert_to_stringdtype_kwargs"},
}
BIT_GENERATORS = "MT19937 PCG64 PCG64DXSM Philox SFC64"
NUMPY = {
    "numpy": {
        "object": "vectorize",
        "data": "dtype matrix ndarray poly1d recarray record " + NUMPY_TYPES,
        # `memmap` opens, and can make, the file that it is given.
        "value": NUMPY_FUNCTIONS + " inf memmap nan pi",
    },
    "numpy.dtypes": {"data": "StringDType"},
    "numpy.linalg": {"value": "norm"},
    "numpy.ma": {"data": "MaskedArray"},
    "numpy.ma.core": {"data": "MaskedArray MaskedConstant _mareconstruct"},
    "numpy.matrixlib.defmatrix": {"data": "matrix"},
    "numpy.random": {"data": "Generator RandomState SeedSequence " + BIT_GENERATORS},
    "numpy.random._generator": {"data": "Generator"},
    "numpy.random._pickle": {"data": "__bit_generator_ctor __generator_ctor __randomstate_ctor"},
    "numpy.random.bit_generator": {"data": "SeedSequence __pyx_unpickle_SeedSequence"},
    "numpy.random.mtrand": {"data": "RandomState"},
    "numpy.rec": {"data": "recarray record"},
    **{"numpy.random._" + name.lower(): {"data": name} for name in "MT19937 PCG64 Philox SFC64".split()},
    **{prefix + "." + module: rules for prefix in ("numpy.core", "numpy._core") for module, rules in NUMPY_CORE.items()},
    **{prefix + ".records": {"data": "recarray record"} for prefix in ("numpy.core", "numpy._core")},
}

SPARSE = {"bsr": "_bsr", "coo": "_coo", "csc": "_csc", "csr": "_csr", "dia": "_dia", "dok": "_dok", "lil": "_lil"}
SCIPY = {
    # Up to scipy 1.7 the modules had no underscore.
    **{
        "scipy.sparse." + module: {"data": f"{name}_matrix {name}_array"}
        for name, private in SPARSE.items()
        for module in (name, private)
    },
}

STORAGES = (
    "BFloat16Storage BoolStorage ByteStorage CharStorage ComplexDoubleStorage ComplexFloatStorage DoubleStorage "
    "FloatStorage HalfStorage IntStorage LongStorage QInt32Storage QInt8Storage QUInt2x4Storage QUInt4x2Storage "
    "QUInt8Storage ShortStorage UntypedStorage"
)
TORCH_TYPES = (
    "bfloat16 bool cdouble cfloat complex128 complex32 complex64 double float float16 float32 float64 "
    "float8_e4m3fn float4_e2m1fn_x2 float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu half int int16 "
    "int32 int64 int8 long qint32 qint8 quint2x4 quint4x2 quint8 short uint16 uint32 uint64 uint8"
)
TORCH = {
    "torch": {
        "data": "Size Tensor device dtype " + STORAGES,
        "value": "channels_last channels_last_3d contiguous_format per_channel_affine "
        "per_channel_affine_float_qparams per_channel_symmetric per_tensor_affine per_tensor_symmetric preserve_format "
        "sparse_bsc sparse_bsr sparse_coo sparse_csc sparse_csr strided " + TORCH_TYPES,
    },
    "torch.cuda": {"value": STORAGES.replace("UntypedStorage", "").strip()},
    "torch._utils": {
        "data": "_rebuild_device_tensor_from_numpy _rebuild_meta_tensor_no_storage _rebuild_nested_tensor "
        "_rebuild_parameter _rebuild_qtensor _rebuild_sparse_tensor _rebuild_tensor "
        "_rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_wrapper_subclass _rebuild_xla_tensor",
        "attributes": "_rebuild_parameter_with_state",
    },
    "torch._tensor": {"proxy": "_rebuild_from_type_v2", "data": "Tensor"},
    "torch.distributed.checkpoint.metadata": {"object": "BytesStorageMetadata"},
    "torch.jit._pickle": {
        "data": "build_boollist build_doublelist build_intlist build_tensor_from_id build_tensorlist restore_type_tag"
    },
    "torch.nn.parameter": {"data": "Buffer Parameter UninitializedParameter"},
    "torch.serialization": {"data": "_get_layout"},
    "torch.storage": {
        "data": "TypedStorage UntypedStorage _TypedStorage _UntypedStorage",
        "nested": "_load_from_bytes",
    },
}

PANDAS_CLASSES = (
    "Categorical CategoricalDtype CategoricalIndex DataFrame DateOffset DatetimeIndex DatetimeTZDtype Float64Index "
    "Index Int64Index Interval IntervalDtype IntervalIndex MultiIndex NaT Period PeriodDtype PeriodIndex RangeIndex "
    "Series SparseDtype StringDtype Timedelta TimedeltaIndex Timestamp UInt64Index BooleanDtype Float32Dtype "
    "Float64Dtype Int16Dtype Int32Dtype Int64Dtype Int8Dtype UInt16Dtype UInt32Dtype UInt64Dtype UInt8Dtype"
)
PANDAS = {
    "pandas": {"data": PANDAS_CLASSES, "value": "NA"},
    "pandas.arrays": {
        "data": "BooleanArray DatetimeArray FloatingArray IntegerArray IntervalArray PeriodArray SparseArray "
        "StringArray TimedeltaArray"
    },
    "pandas._libs.interval": {"data": "Interval"},
    "pandas._libs.missing": {"value": "NA"},
    "pandas._libs.sparse": {"data": "BlockIndex IntIndex"},
    "pandas._libs.tslibs.period": {"data": "Period"},
    "pandas.core.arrays.boolean": {"data": "BooleanArray BooleanDtype"},
    "pandas.core.arrays.categorical": {"data": "Categorical"},
    "pandas.core.arrays.datetimes": {"data": "DatetimeArray"},
    "pandas.core.arrays.floating": {"data": "Float32Dtype Float64Dtype FloatingArray"},
    "pandas.core.arrays.integer": {
        "data": "Int16Dtype Int32Dtype Int64Dtype Int8Dtype IntegerArray UInt16Dtype UInt32Dtype UInt64Dtype UInt8Dtype"
    },
    "pandas.core.arrays.interval": {"data": "IntervalArray"},
    "pandas.core.arrays.numpy_": {"data": "NumpyExtensionArray PandasArray PandasDtype"},
    "pandas.core.arrays.period": {"data": "PeriodArray"},
    "pandas.core.arrays.sparse.array": {"data": "SparseArray"},
    "pandas.core.arrays.sparse.dtype": {"data": "SparseDtype"},
    "pandas.core.arrays.string_": {"data": "StringArray StringDtype"},
    "pandas.core.arrays.timedeltas": {"data": "TimedeltaArray"},
    "pandas.core.dtypes.dtypes": {
        "data": "CategoricalDtype DatetimeTZDtype IntervalDtype NumpyEADtype PandasDtype PeriodDtype SparseDtype"
    },
    "pandas.core.frame": {"data": "DataFrame"},
    "pandas.core.series": {"data": "Series"},
    "pandas.core.indexes.base": {"data": "Index", "proxy": "_new_Index"},
    "pandas.core.indexes.datetimes": {"data": "DatetimeIndex", "proxy": "_new_DatetimeIndex"},
    "pandas.core.indexes.interval": {"data": "IntervalIndex", "proxy": "_new_IntervalIndex"},
    "pandas.core.indexes.period": {"data": "PeriodIndex", "proxy": "_new_PeriodIndex"},
    "pandas.core.indexes.range": {"data": "RangeIndex"},
    "pandas.core.indexes.multi": {"data": "MultiIndex"},
    "pandas.core.indexes.category": {"data": "CategoricalIndex"},
    "pandas.core.indexes.timedeltas": {"data": "TimedeltaIndex", "proxy": "_new_TimedeltaIndex"},
    "pandas.core.indexes.numeric": {"data": "Float64Index Int64Index UInt64Index"},
    "pandas.core.internals.managers": {"data": "BlockManager SingleBlockManager"},
    "pandas._libs.internals": {"data": "BlockPlacement _unpickle_block"},
    "pandas._libs.tslibs.timestamps": {"data": "Timestamp _unpickle_timestamp"},
    "pandas._libs.tslibs.timedeltas": {"data": "Timedelta _timedelta_unpickle"},
    "pandas._libs.tslibs.nattype": {"data": "_nat_unpickle"},
}

OTHER = {
    # Functions that models hold and nobody calls while they load.
    "gensim.matutils": {"value": "unitvec"},
    "gensim.models.ensemblelda": {"value": "mass_masking rank_masking"},
    "gensim.models.ldaseqmodel": {"object": "sslm"},
    "gensim.models.tfidfmodel": {"value": "smartirs_normalize smartirs_wglobal smartirs_wlocal"},
    # A dictionary up to statsmodels 0.10 that empties other items when one is set.
    "statsmodels.tools.decorators": {"data": "ResettableCache"},
    # What scikit-learn 1.4 to 1.8 call their module `sklearn._loss._loss` in pickles.
    "_loss": {
        "data": "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss "
        "CyHalfPoissonLoss CyHalfSquaredError CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHuberLoss CyPinballLoss"
    },
    # Pickles only name it, skops calls it; it takes nothing.
    "sklearn._loss._loss": {"data": "CyHalfMultinomialLoss"},
    "cloudpickle": {"nested": "loads"},
    "cloudpickle.cloudpickle": {"nested": "loads"},
    "dateutil.relativedelta": {"object": "relativedelta"},
    "dateutil.tz.tz": {"data": "tzoffset tzutc"},
    "dill": {"nested": "loads"},
    "dill._dill": {"nested": "loads"},
    "jax._src.array": {"proxy": "_reconstruct_array"},
    "joblib.numpy_pickle": {"data": "NumpyArrayWrapper"},
    "ml_dtypes": {"value": "bfloat16 float8_e4m3b11fnuz float8_e4m3fn float8_e5m2 int4 uint4"},
    # Time zones by name, from the files that the package brings along; a name that leads out of them is refused.
    "pytz": {"data": "_UTC _p"},
    "scipy.stats._stats_py": {"data": "LinregressResult"},
    "pandas._libs.tslibs.offsets": {
        "data": "BDay BusinessDay BusinessHour BusinessMonthBegin BusinessMonthEnd BYearBegin BYearEnd CDay "
        "CustomBusinessDay DateOffset Day Easter Hour Micro Milli Minute MonthBegin MonthEnd Nano QuarterBegin "
        "QuarterEnd Second SemiMonthBegin SemiMonthEnd Week YearBegin YearEnd"
    },
    "scipy.interpolate._bsplines": {"object": "BSpline"},
    "scipy._lib.array_api_compat.numpy._aliases": {"value": "asarray"},
    "PIL.Image": {"object": "Image"},
    "sklearn.ensemble._gb_losses": {
        "object": "BinomialDeviance ExponentialLoss HuberLossFunction LeastAbsoluteError LeastSquaresError "
        "MultinomialDeviance QuantileLossFunction"
    },
    "sklearn.ensemble._hist_gradient_boosting.loss": {
        "object": "BinaryCrossEntropy CategoricalCrossEntropy LeastAbsoluteDeviation LeastSquares Poisson"
    },
    "sklearn.linear_model._sgd_fast": {
        "data": "EpsilonInsensitive Hinge Huber Log ModifiedHuber SquaredEpsilonInsensitive SquaredHinge SquaredLoss"
    },
    "sklearn.metrics._scorer": {"object": "_PredictScorer _ProbaScorer _Scorer _ThresholdScorer"},
    "sklearn.preprocessing.imputation": {"object": "Imputer"},
    "sklearn.cluster._kmeans": {"value": "_kmeans_single_elkan _kmeans_single_lloyd"},
    "sklearn.utils": {"object": "Bunch"},
    # Its fifth argument is a pickle.
    "spacy.vocab": {"nested4": "unpickle_vocab"},
    "sklearn.feature_extraction.text": {"data": "CountVectorizer HashingVectorizer TfidfTransformer TfidfVectorizer"},
    "sklearn.externals.joblib.numpy_pickle": {"data": "NumpyArrayWrapper"},
}

# Seen in good files, and not to be vouched for: they carry code, load something unseen or hand raw program text to
# an engine written in C.
NOT_VOUCHED = {
    ("regex._regex", "compile"),
    ("spacy.tokens.doc", "unpickle_doc"),
    ("torch.fx.graph_module", "reduce_graph_module"),
}
NOT_VOUCHED_PACKAGES = {"__builtin__", "__torch__", "builtins", "cloudpickle", "dill", "mlflow"}


def reviewed():
    for table in (STDLIB, NUMPY, SCIPY, TORCH, PANDAS, OTHER):
        for module, rules in table.items():
            for rule, names in rules.items():
                for name in names.split():
                    yield (module, name), (rule, "reviewed")


def seen(path):
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            module, name, used = row["module"], row["qualname"], set(row["used_as"].split())
            if module.split(".")[0] in NOT_VOUCHED_PACKAGES or (module, name) in NOT_VOUCHED:
                continue
            rule = "data" if "reduce" in used else "object" if used & {"build", "newobj"} else "value"
            library = row["libraries"].split(";")[0].split()[0]
            yield (module, name), (rule, "seen in models of " + library)


def estimators():
    with open(pathlib.Path(__file__).with_name("globals-sklearn.csv"), newline="") as file:
        for row in csv.DictReader(file):
            yield (row["module"], row["qualname"]), (row["rule"], "class of scikit-learn 1.9")


def libraries():
    with open(pathlib.Path(__file__).with_name("globals-libraries.csv"), newline="") as file:
        for row in csv.DictReader(file):
            yield (row["module"], row["qualname"]), (row["rule"], "class of " + row["library"])


def moved(entries):
    with open(pathlib.Path(__file__).with_name("globals-moved.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    # Some moved twice.
    for _ in range(2):
        for row in rows:
            old, _, new = row["name"].partition("=")
            for (module, name), (rule, _) in list(entries.items()):
                if module == row["new"] and row["name"] == "*":
                    entries.setdefault((row["old"], name), (rule, "moved in " + row["moved in"]))
                elif module == row["new"] and name == (new or old):
                    entries.setdefault((row["old"], old), (rule, "moved in " + row["moved in"]))


def kind(name, why):
    last = name.rsplit(".", 1)[-1].lstrip("_")
    is_class = last[:1].isupper() or name in CLASSES or last.endswith(("_matrix", "_array", "_gen", "_frozen", "_kde"))
    if name.endswith("_ctor"):
        return "function"
    return "class" if is_class or why.startswith("class of") else "function"


CLASSES = set(STDLIB["builtins"]["data"].split()) | set(NUMPY_TYPES.split()) | set(
    "array date datetime time timedelta timezone defaultdict deque dtype device matrix memmap ndarray partial poly1d "
    "recarray record sslm struct_time type interp1d property staticmethod".split()
)


def main():
    entries = dict(estimators())
    for key, value in libraries():
        entries.setdefault(key, value)
    entries.update(seen(sys.argv[1]))
    entries.update(reviewed())
    moved(entries)
    print("# module\tname\tkind\trule\twhy; written by globals.py, sorted")
    for (module, name), (rule, why) in sorted(entries.items()):
        print(module, name, kind(name, why), rule, why, sep="\t")


main()
