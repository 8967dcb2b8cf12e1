"""Compares the versions that `weighbridge scan --resolve` chooses with those of `pip install --dry-run --report`.

    python equality_pip.py WEIGHBRIDGE PIP FILE...

For each file of requirements pip is asked first, then Weighbridge, for the same Python. Prints one line of JSON a file. pip builds
source distributions to learn what they need, so what it is given should be trusted.
"""

import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def by_pip(pip, file):
    arguments = ["install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-", "-r", file.name]
    done = subprocess.run([pip, *arguments], cwd=file.parent, capture_output=True, text=True, timeout=900)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        return None, (said or done.stderr.splitlines() or [""])[-1].strip()
    installed = json.loads(done.stdout)["install"]
    return {normal(it["metadata"]["name"]): it["metadata"]["version"] for it in installed}, ""


def by_weighbridge(program, file):
    with tempfile.TemporaryDirectory() as folder:
        for part in included(file):
            there = Path(folder) / part.relative_to(file.parent)
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(part, there)
        arguments = ["scan", folder, "--resolve", "--python", platform.python_version(), "--no-config", "--format", "json"]
        report = json.loads(subprocess.run([program, *arguments], capture_output=True, text=True).stdout)
    chosen = {}
    for component in report["components"]:
        found = re.fullmatch(r"pkg:pypi/([^@?]+)@([^?]+).*", component["purl"])
        if found:
            chosen[normal(found[1])] = urllib.parse.unquote(found[2])
    return chosen, [it["reason"] for it in report["coverage"]["unread"]]


def included(file, seen=()):
    yield file
    for name in re.findall(r"^-[rc]\s*(\S+)", file.read_text(), re.M):
        part = (file.parent / name).resolve()
        if part.is_file() and part not in seen and part.is_relative_to(file.parent):
            yield from included(part, (*seen, file))


def same(one, other):
    """Equal as versions: pip shows some as their file writes them, such as 0.1.1-2209072238 for 0.1.1.post2209072238."""
    from pip._vendor.packaging.version import InvalidVersion, Version

    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def main(program, pip, files):
    for file in map(Path, files):
        expected, refused = by_pip(pip, file.resolve())
        chosen, unread = by_weighbridge(program, file.resolve())
        names = sorted(set(expected or {}) | set(chosen))
        differ = [
            [name, (expected or {}).get(name), chosen.get(name)]
            for name in names
            if expected is not None and not same(expected.get(name, ""), chosen.get(name, ""))
        ]
        line = {
            "file": str(file),
            "packages": len(expected) if expected is not None else None,
            "differ": differ,
            "refused": refused,
            "unread": unread,
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
