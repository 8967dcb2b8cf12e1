"""Asks one scanner about every case of the suites, and prints `ID VERDICT` lines.

    peers.py TOOL LIST

TOOL is picklescan, picklescan-strict, modelscan, fickling or modelaudit, and must be installed for this Python; LIST
begins each line with the id of a case and its path below the folder of LIST. Each case runs in a process of its own through the tool's own command line: exit
code 0 is `clean`, 1 is `flag`, and anything else (an error, a format that it does not know, a minute without an answer)
is `err`, as all of them document it.
"""

import os
import signal
import sys
import tempfile
import zipfile

tool, cases = sys.argv[1], os.path.abspath(sys.argv[2])
folder = os.path.dirname(cases)
os.environ |= {"PROMPTFOO_DISABLE_TELEMETRY": "1", "NO_ANALYTICS": "1"}
SECONDS = 60


def files(path):
    if not os.path.isdir(path):
        return [path]
    return sorted(os.path.join(parent, name) for parent, _, names in os.walk(path) for name in names)


def command(main, *arguments):
    """Runs a command line and gives its exit code."""
    sys.argv = [tool, *arguments]
    try:
        code = main()
    except SystemExit as end:
        code = end.code
    return 0 if code is None else code


def load():
    """The tool as a function from a path to an exit code. What it imports is imported once."""
    if tool.startswith("picklescan"):
        from picklescan.cli import main

        strict = ["--strict"] if tool.endswith("-strict") else []
        return lambda path: command(main, *strict, "-p", path)
    if tool == "modelscan":
        from modelscan.cli import main

        return lambda path: command(main, "-p", path)
    if tool == "modelaudit":
        import modelaudit.cli
        from modelaudit.__main__ import _run

        return lambda path: command(_run, "scan", "--no-cache", path)
    if tool == "fickling":
        from fickling import scan_zip_archive
        from fickling.cli import main

        def archive(path):
            # The command line reads no archives; the library does.
            results = scan_zip_archive(path, graceful=True).values()
            return 2 if not results else int(not all(result.is_safe for result in results))

        def one(path):
            return archive(path) if zipfile.is_zipfile(path) else command(main, "--check-safety", path)

        def worst(path):
            codes = [one(file) for file in files(path)]
            return 1 if 1 in codes else max(codes)

        return worst
    sys.exit(f"no such tool: {tool}")


def verdict(scan, path):
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)
        signal.alarm(SECONDS)
        code = 2
        # Some tools write their results into the working directory.
        with tempfile.TemporaryDirectory() as scratch:
            os.chdir(scratch)
            try:
                code = scan(path)
            except BaseException:
                pass
            os.chdir("/")
        os._exit(code if code in (0, 1) else 2)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {0: "clean", 1: "flag"}.get(code, "err")


scan = load()
with open(cases, encoding="utf-8") as lines:
    rows = [line.rstrip("\n").split("\t") for line in lines]
for name, path, *_ in rows:
    print(name, verdict(scan, os.path.join(folder, path)), flush=True)
