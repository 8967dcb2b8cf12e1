"""Loads pickles with CPython's own unpicklers and tells what each would have done.

    verdict_reference.py FOLDER < streams

Standard input: first the list of allowed globals (`module name` lines, framed), then streams, each framed by its length
in four bytes. For every stream one line of JSON: the audit events beyond the import of an allowed global. Every such
event is stopped before it happens, in a process of its own, which has neither time nor memory to do harm.
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
# Events that only tell that Python computes with its own objects.
PASSIVE = {"array.__new__", "builtins.id", "object.__getattr__", "pickle.find_class"}
events = []
loading = False


def renamed(module, name):
    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[(module, name)]
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


def hook(event, arguments):
    if not loading:
        return
    if event == "pickle.find_class":
        module, name = arguments
        if (module, name) not in ALLOWED and renamed(module, name) not in ALLOWED:
            events.append(f"names {module}.{name}")
            raise RuntimeError("stopped")
    elif event == "import" and arguments[0] in MODULES:
        pass
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


def isolated(stream):
    """The events, from a copy of this process that ends with the stream."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
        resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
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
        try:
            importlib.import_module(module)
        except ImportError:
            pass  # of another version of Python
    # What allowed functions import when they are first used.
    for module in ("_strptime", "decimal", "fractions", "numbers", "zoneinfo", "encodings.latin_1", "copyreg", "warnings"):
        importlib.import_module(module)
    sys.addaudithook(hook)
    for stream in inputs:
        print(isolated(stream), flush=True)


main()
