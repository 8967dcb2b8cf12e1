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
import zipfile

import joblib
import numpy
import pandas
import safetensors.numpy
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

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
