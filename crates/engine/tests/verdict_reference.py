"""Loads pickles with CPython's own unpicklers and tells what each would have done.

    verdict_reference.py FOLDER < streams

Standard input: first the list of allowed globals (`module name` lines, framed), then streams, each framed by its length
in four bytes. Standard output: first one line of JSON with the modules of the list that cannot be imported here, then for
every stream one line of JSON: the audit events beyond the import of an allowed global. Every such event is stopped before
it happens, in a process of its own, which has neither time nor memory to do harm.
"""

import _compat_pickle
import _pickle
import importlib
import io
import json
import os
import pickle
import resource
import struct
import sys

ALLOWED = set()
# `dill` writes two modules under their old names in every protocol.
MODULES = {"__builtin__", "copy_reg"}
# Top-level names of the packages that hold allowed globals: their functions import parts of them when first used.
PACKAGES = set()
# Events that only tell that Python computes with its own objects.
PASSIVE = {"array.__new__", "builtins.id", "object.__getattr__", "pickle.find_class"}
events = []
loading = False


def renamed(module, name):
    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[(module, name)]
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


def hook(event, arguments):
    global loading
    if not loading:
        return
    if event == "pickle.find_class":
        module, name = arguments
        if (module, name) not in ALLOWED and renamed(module, name) not in ALLOWED:
            events.append(f"names {module}.{name}")
            raise RuntimeError("stopped")
    elif event == "import" and arguments[0] in MODULES:
        pass
    elif event == "import" and arguments[0].split(".")[0] in PACKAGES:
        # Done here and now, so that what the import itself reads is no event of the stream.
        loading = False
        try:
            importlib.import_module(arguments[0])
        except BaseException:
            pass
        loading = True
    elif event not in PASSIVE:
        events.append(f"{event} {str(arguments)[:80]}")
        raise RuntimeError("stopped")


class PythonUnpickler(pickle._Unpickler):
    pass


def load(stream):
    global loading
    for load in (_pickle.loads, lambda stream: PythonUnpickler(io.BytesIO(stream)).load()):
        loading = True
        try:
            value = load(stream)
        except BaseException:
            value = None
        # What runs when the value goes away counts too.
        del value
        loading = False


def address_space():
    """What the process has mapped, in bytes: libraries map much more than they use."""
    try:
        with open("/proc/self/statm") as sizes:
            return int(sizes.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def isolated(stream):
    """The events, from a copy of this process that ends with the stream."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
        most = address_space() + (1 << 29)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            load(stream)
            os.write(writing, json.dumps(events[:4]).encode("utf-8", "replace"))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    # A process that ran out of time or memory has done nothing.
    return answer.decode() or "[]"


def frames():
    while head := sys.stdin.buffer.read(4):
        yield sys.stdin.buffer.read(*struct.unpack("<I", head))


def main():
    sys.stderr.close()
    os.close(2)
    os.open(os.devnull, os.O_WRONLY)
    os.chdir(sys.argv[1])
    inputs = frames()
    for line in next(inputs).decode().splitlines():
        module, name = line.split(" ")
        ALLOWED.add((module, name))
        MODULES.add(module)
        PACKAGES.add(module.split(".")[0])
    missing = set()
    for module in sorted(MODULES):
        try:
            importlib.import_module(_compat_pickle.IMPORT_MAPPING.get(module, module))
        except BaseException:  # of another version of Python or of the library, or not installed
            missing.add(module)
    print(json.dumps(sorted(missing)), flush=True)
    # What allowed functions import when they are first used.
    for module in (
        "_strptime", "copyreg", "decimal", "encodings.ascii", "encodings.latin_1", "encodings.raw_unicode_escape",
        "encodings.unicode_escape", "fractions", "numbers", "warnings", "zoneinfo",
    ):
        importlib.import_module(module)
    # What a library compiles out of its own source when it is first used.
    if "networkx" in PACKAGES - missing:
        networkx = importlib.import_module("networkx")
        for graph in (networkx.Graph, networkx.DiGraph, networkx.MultiGraph, networkx.MultiDiGraph):
            graph()
    sys.addaudithook(hook)
    for stream in inputs:
        print(isolated(stream), flush=True)


main()
