"""Loads streams with CPython's own unpickler and prints what it does.

Reads streams from standard input, each after its length in four bytes (little-endian), and prints one JSON line for
each stream and way of loading. Nothing that a stream names is ever imported: the only modules that exist are empty
stand-ins, whose members are classes that write down how they are used.
"""

import io
import json
import pickle
import resource
import struct
import sys
import types
import warnings

import _pickle

MODULES = ["m0", "m1", "m2.sub"]
EXTENSIONS = range(1, 9)
warnings.simplefilter("ignore")
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
events = []


class Anywhere:
    """An attribute that is found on the class and on its instances alike."""

    def __init__(self, kind):
        self.kind = kind

    def __get__(self, instance, owner):
        target = owner if instance is None else instance
        return lambda *arguments: events.append([self.kind, name_of(target), ""])


def name_of(target):
    if isinstance(target, type):
        return type.__getattribute__(target, "_qualified")
    return "result of " + target._origin if target._origin else "?"


def made(target, arguments):
    events.append(["make", name_of(target), canonical(arguments, 2)])


class Meta(type):
    def __call__(cls, *arguments, **keywords):
        made(cls, arguments)
        return instance(cls, cls._qualified)

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return stand_in(cls._module, cls._name + "." + name)

    def __setitem__(cls, key, value):
        events.append(["set-item", name_of(cls), ""])


def instance(cls, origin):
    new = object.__new__(cls)
    object.__setattr__(new, "_origin", origin)
    return new


def stand_in(module, name):
    def new(cls, *arguments, **keywords):
        made(cls, arguments)
        return instance(cls, cls._qualified)

    def call(self, *arguments):
        made(self, arguments)
        return instance(type(self), "")

    def set_item(self, key, value):
        events.append(["set-item", name_of(self), ""])

    members = {
        "_module": module,
        "_name": name,
        "_qualified": module + "." + name,
        "__new__": new,
        "__call__": call,
        "__setitem__": set_item,
        "__setstate__": Anywhere("state"),
        "extend": Anywhere("append"),
        "append": Anywhere("append"),
        "add": Anywhere("add"),
    }
    return Meta("Stub", (), members)


def canonical(value, depth):
    """A value as the Rust side writes it too."""
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else "int"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        shown = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in value[:40])
        while "\ufffd\ufffd" in shown:
            shown = shown.replace("\ufffd\ufffd", "\ufffd")
        return "text:" + shown
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "bytes:" + bytes(value)[:40].hex()
    if isinstance(value, tuple):
        if depth == 0:
            return "tuple"
        return "(" + ",".join(canonical(item, depth - 1) for item in value[:16]) + ")"
    for kind, word in ((list, "list"), (dict, "dict"), (set, "set"), (frozenset, "set")):
        if isinstance(value, kind):
            return word + str(len(value)) if kind is list else word
    return "object"


class Fake(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__") or not name:
            raise AttributeError(name)
        made_class = stand_in(self.__name__, name)
        setattr(self, name, made_class)
        return made_class


def hook(event, arguments):
    if event == "pickle.find_class":
        module, name = arguments
        if module not in MODULES and module != "extension":
            raise RuntimeError("blocked")
        if module == "extension":
            events.append(["extension", name, ""])
        else:
            events.append(["import", module + "." + name, ""])
    elif loading and event in ("import", "exec", "compile", "open", "os.system", "subprocess.Popen", "socket.connect"):
        raise RuntimeError("blocked")


class Unpickler(_pickle.Unpickler):
    def persistent_load(self, identifier):
        events.append(["persistent", "persistent_load", canonical((identifier,), 2)])
        return instance(EMPTY, "")


class PythonUnpickler(pickle._Unpickler):
    """The one that is written in Python: joblib and dill build on it."""

    def persistent_load(self, identifier):
        events.append(["persistent", "persistent_load", canonical((identifier,), 2)])
        return instance(EMPTY, "")


def from_python(stream):
    file = io.BytesIO(stream)
    PythonUnpickler(file, encoding="latin1").load()
    return file.tell()


def from_memory(stream):
    _pickle.loads(stream, encoding="latin1")


def from_file(stream):
    file = io.BytesIO(stream)
    Unpickler(file, encoding="latin1").load()
    return file.tell()


for module in [*MODULES, "m2", "extension"]:
    sys.modules[module] = Fake(module)
sys.modules["m2"].sub = sys.modules["m2.sub"]
EMPTY = stand_in("", "")
import copyreg  # noqa: E402

for code in EXTENSIONS:
    copyreg._inverted_registry[code] = ("extension", "code%d" % code)
loading = False
sys.addaudithook(hook)


def main():
    global loading
    while head := sys.stdin.buffer.read(4):
        stream = sys.stdin.buffer.read(*struct.unpack("<I", head))
        answers = []
        for load in (from_memory, from_file, from_python):
            events.clear()
            copyreg.clear_extension_cache()
            end = None
            loading = True
            try:
                end = load(stream)
                error = None
            except BaseException as raised:
                # Half a character of UTF-16 is no text that JSON could carry.
                error = f"{type(raised).__name__}: {raised}".encode("utf-8", "replace").decode()
            loading = False
            answers.append({"events": list(events), "error": error, "end": end})
        print(json.dumps(answers))


main()
