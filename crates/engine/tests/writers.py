"""Writes what real libraries write, into `good/`, and attacks that scanners missed, into `bad/`.

    writers.py FOLDER

Nothing here is loaded. The attacks would print a line.
"""

import collections
import gzip
import io
import os
import pickle
import sys
import tarfile
import warnings
import zipfile

import joblib
import lightgbm
import networkx
import nltk
import numpy
import pandas
import safetensors.numpy
import scipy.interpolate
import scipy.sparse
import scipy.spatial
import scipy.stats
import statsmodels.api
import statsmodels.formula.api
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.utils import all_estimators

os.chdir(sys.argv[1])
os.makedirs("good")
os.makedirs("bad")

# --- what is harmless

rows = numpy.arange(40.0).reshape(20, 2)
labels = numpy.array([0, 1] * 10)
texts = ["a model may lie", "a model may not lie"] * 10
frame = pandas.DataFrame({"amount": rows[:, 0], "kind": ["a", "b"] * 10, "day": pandas.date_range("2026-01-01", periods=20)})
frame["kind"] = frame["kind"].astype("category")
columns = ColumnTransformer([("number", StandardScaler(), ["amount"]), ("kind", OneHotEncoder(), ["kind"])])
values = {
    "state": {"weights": rows.astype("f4"), "epoch": 3, "names": ["a", "b"], "loss": numpy.float64(0.5)},
    "ordered": collections.OrderedDict(a=rows, b=labels),
    "array": rows,
    "objects": numpy.array([None, {"a": 1}, "text"], dtype=object),
    "frame": frame,
    "series": frame["day"],
    "forest": RandomForestClassifier(3).fit(rows, labels),
    "boosting": GradientBoostingClassifier(n_estimators=2).fit(rows, labels),
    "text": make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, labels),
    "columns": make_pipeline(columns, SVC()).fit(frame, labels),
}
for name, value in values.items():
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with open(f"good/{name}-{protocol}.pkl", "wb") as file:
            pickle.dump(value, file, protocol)
    joblib.dump(value, f"good/{name}.joblib")
    for codec in ("zlib", "gzip", "bz2", "lzma", "xz"):
        joblib.dump(value, f"good/{name}-{codec}.joblib", compress=(codec, 3))
with gzip.open("good/state.pkl.gz", "wb") as file:
    pickle.dump(values["state"], file)

# One of everything that other libraries make of the same rows, by a name of the library.
warnings.simplefilter("ignore")
regular = numpy.arange(20.0)
stochastic = numpy.random.default_rng(1).normal(size=(60, 2))
lonely = pandas.DataFrame({"y": stochastic[:, 0], "x": stochastic[:, 1], "kind": ["a", "b"] * 30})
tagged = [[("a", "DT"), ("model", "NN")]] * 5
graph = networkx.karate_club_graph()
graph.nodes  # what networkx keeps in its cache goes into the pickle too
others = {
    "lightgbm-classifier": lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(rows, labels),
    "lightgbm-regressor": lightgbm.LGBMRegressor(n_estimators=2, verbose=-1).fit(rows, rows[:, 0]),
    "lightgbm-booster": lightgbm.train({"verbose": -1}, lightgbm.Dataset(rows, labels), 2),
    "networkx-graph": graph,
    "networkx-digraph": networkx.DiGraph([(1, 2), (2, 3)]),
    "nltk-unigram": nltk.UnigramTagger(tagged),
    "nltk-backoff": nltk.BigramTagger(tagged, backoff=nltk.DefaultTagger("NN")),
    "nltk-bayes": nltk.NaiveBayesClassifier.train([({"a": 1}, "x"), ({"a": 2}, "y")]),
    "nltk-frequencies": nltk.FreqDist("abracadabra"),
    "nltk-stemmer": nltk.stem.SnowballStemmer("english"),
    "nltk-punkt": nltk.tokenize.PunktSentenceTokenizer("Hello Mr. X. Bye."),
    "nltk-tree": nltk.Tree("S", [nltk.Tree("NP", ["a"])]),
    "scipy-norm": scipy.stats.norm,
    "scipy-gamma": scipy.stats.gamma,
    "scipy-frozen": scipy.stats.norm(1, 2),
    "scipy-poisson": scipy.stats.poisson(3),
    "scipy-density": scipy.stats.gaussian_kde(stochastic[:, 0]),
    "scipy-normal": scipy.stats.multivariate_normal([0, 0]),
    "scipy-interp": scipy.interpolate.interp1d(regular, regular),
    "scipy-cubic": scipy.interpolate.CubicSpline(regular, regular),
    "scipy-spline": scipy.interpolate.make_interp_spline(regular, regular),
    "scipy-rbf": scipy.interpolate.RBFInterpolator(stochastic, stochastic[:, 0]),
    "scipy-grid": scipy.interpolate.RegularGridInterpolator((regular,), regular),
    "scipy-tree": scipy.spatial.KDTree(stochastic),
    "scipy-triangles": scipy.spatial.Delaunay(stochastic),
    "scipy-rotation": scipy.spatial.transform.Rotation.from_euler("x", 1.0),
    **{f"scipy-{form}": scipy.sparse.eye(3, format=form) for form in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")},
    "statsmodels-ols": statsmodels.api.OLS(stochastic[:, 0], stochastic).fit(),
    "statsmodels-formula": statsmodels.formula.api.ols("y ~ x + numpy.exp(x) + C(kind)", lonely).fit(),
    "statsmodels-glm": statsmodels.api.GLM(stochastic[:, 0], stochastic).fit(),
    "statsmodels-arima": statsmodels.api.tsa.ARIMA(stochastic[:, 0], order=(1, 0, 0)).fit(),
    "statsmodels-sarimax": statsmodels.api.tsa.SARIMAX(stochastic[:, 0], order=(1, 0, 0)).fit(disp=0),
    "statsmodels-smoothing": statsmodels.api.tsa.ExponentialSmoothing(stochastic[:, 0]).fit(),
    "xgboost-classifier": xgboost.XGBClassifier(n_estimators=2).fit(rows, labels),
    "xgboost-regressor": xgboost.XGBRegressor(n_estimators=2).fit(rows, rows[:, 0]),
    "xgboost-booster": xgboost.train({}, xgboost.DMatrix(rows, labels), 2),
    "pandas-offset": pandas.DateOffset(months=1),
    "pandas-periods": pandas.period_range("2026", periods=3, freq="M"),
    "pandas-intervals": pandas.interval_range(0, 3),
    "pandas-durations": pandas.to_timedelta([1, 2], "s"),
    "pandas-zones": pandas.Series(pandas.date_range("2026", periods=3, tz="Europe/Berlin")),
    "pandas-multi": frame.set_index(["kind", "amount"]),
    "pandas-nullable": pandas.DataFrame({"a": pandas.array([1, None]), "b": pandas.array(["x", None])}),
    "pandas-sparse": pandas.Series(pandas.arrays.SparseArray([0, 0, 1])),
}
for name, value in others.items():
    with open(f"good/{name}.pkl", "wb") as file:
        pickle.dump(value, file)
    joblib.dump(value, f"good/{name}.joblib")
for name, kind in all_estimators():
    try:
        estimator = kind().fit(rows, labels)
        content = pickle.dumps(estimator)
    except Exception:
        continue  # it wants other rows, or arguments, and is not what is tested here
    with open(f"good/estimator-{name}.pkl", "wb") as file:
        file.write(content)
with tarfile.open("good/models.tar.xz", "w:xz") as archive:
    archive.add("good/state-4.pkl", "models/state.pkl")

fields = numpy.zeros(2, dtype=[("a", "f8"), ("b", "U3", (2,))])
numpy.save("good/half.npy", numpy.zeros((3, 4), dtype="f2"))
numpy.save("good/fortran.npy", numpy.asfortranarray(rows))
numpy.save("good/fields.npy", fields)
numpy.save("good/objects.npy", values["objects"])
numpy.save("good/empty.npy", numpy.zeros((0, 5)))
numpy.save("good/scalar.npy", numpy.float32(1))
numpy.savez("good/two.npz", rows=rows, labels=labels)
numpy.savez_compressed("good/packed.npz", rows=rows, objects=values["objects"])
safetensors.numpy.save_file({"rows": rows, "half": rows.astype("f2")}, "good/rows.safetensors", {"format": "np"})

# --- what is not


class Call:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def named(module, name, *arguments):
    """A pickle of protocol 4 that calls a function by name: the writer need not have it."""
    text = lambda text: b"\x8c" + bytes([len(text)]) + text.encode()
    values = b"".join(text(value) for value in arguments)
    return b"\x80\x04" + text(module) + text(name) + b"\x93(" + values + b"tR."


system = pickle.dumps({"weights": Call(os.system, "echo this model just ran a program")})
with open("bad/system.pkl", "wb") as file:
    file.write(system)
for name in ("checkpoint.pt", "checkpoint.dat"):
    with zipfile.ZipFile("bad/" + name, "w") as archive:
        archive.writestr("archive/data.pkl", system)
        archive.writestr("archive/version", "3\n")
attacks = {
    "pipepager": named("pydoc", "pipepager", "text", "cat"),
    "spawnv": named("multiprocessing.util", "spawnv_passfds", "/bin/echo"),
    "builtins": named("numpy", "__builtins__"),
    "eval": named("builtins", "eval", "print('this model just ran')"),
    "nested": pickle.dumps(Call(pickle.loads, system)),
    "import": named("importlib", "import_module", "this"),
    "after": pickle.dumps([1]) + system,
    "broken": system[:-1] + b"\xff and then nothing",
    # At these `pickle.load` raises before it comes to the call, and `joblib.load` and `dill.load` go on.
    "float": b"\x80\x04F 1\n0" + system[2:],
    "frame": b"\x80\x04\x95\xff\xff\xff\x7f\0\0\0\0" + system[11:],
    "arguments": b"\x80\x04cposix\nsystem\n]X\x04\0\0\0echoaR.",
}
for name, content in attacks.items():
    with open(f"bad/{name}.pkl", "wb") as file:
        file.write(content)
for codec in ("zlib", "gzip", "bz2", "lzma", "xz"):
    payload = {"a": rows, "b": Call(os.system, "echo this model just ran a program")}
    joblib.dump(payload, f"bad/{codec}.joblib", compress=(codec, 3))
    if codec != "lzma":
        # A name that says nothing: `joblib.load` goes by the first bytes. Those of LZMA say too little.
        joblib.dump(payload, f"bad/{codec}.dat", compress=(codec, 3))
for suffix, mode in (("tar", "w"), ("tar.gz", "w:gz"), ("tbz2", "w:bz2")):
    with tarfile.open(f"bad/models.{suffix}", mode) as archive:
        archive.add("bad/system.pkl", "models/weights.bin")
with io.BytesIO() as buffer:
    numpy.save(buffer, numpy.array([Call(os.system, "echo this array just ran a program")], dtype=object))
    with open("bad/array.npy", "wb") as file:
        file.write(buffer.getvalue())
with gzip.open("bad/system.pkl.gz", "wb") as file:
    file.write(system)
