"""An independent matcher: prints `package version record-id` for every installed package that a raw OSV record is about.

    reference_match.py ADVISORIES.jsonl.zst FOLDER

Reads names and versions of the `*.dist-info` below FOLDER with the standard library, the records with `zstandard`, and
compares versions with `packaging`. Written naively on purpose.
"""

import importlib.metadata
import io
import json
import pathlib
import re
import sys

import zstandard
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


def parse(text):
    """A version, after the repairs that the data need; none if there is no way to read it."""
    for candidate in (text, text.replace("\\", ""), re.sub(r"-(NA|cu\d+)$", "", text)):
        try:
            return Version(candidate)
        except InvalidVersion:
            pass
    return None


def affected(record_entry, installed):
    ranges = [r for r in record_entry.get("ranges", []) if r["type"] == "ECOSYSTEM"]
    readable = True
    for one in ranges:
        steps = []
        for event in one["events"]:
            (kind, text), = event.items()
            at = Version("0.dev0") if text == "0" else parse(text)
            if at is None:
                readable = False
                break
            steps.append((at, {"fixed": 0, "introduced": 1, "last_affected": 2}[kind]))
        else:
            hit = False
            for at, kind in sorted(steps):
                if kind == 0 and installed >= at:
                    hit = False
                elif kind == 1 and installed >= at:
                    hit = True
                elif kind == 2 and installed > at:
                    hit = False
            if hit:
                return True
    if ranges and readable:
        return False
    return any((parsed := parse(text)) is not None and parsed == installed for text in record_entry.get("versions", []))


def main():
    advisories, folder = sys.argv[1:]
    installed = {}
    for path in pathlib.Path(folder).rglob("*.dist-info"):
        distribution = importlib.metadata.PathDistribution(path)
        # Copies that a package carries inside itself are not installed.
        if "_vendor" not in path.parts:
            name = canonicalize_name(distribution.metadata["Name"])
            installed[name] = (distribution.version, Version(Version(distribution.version).public))
    found = set()
    with open(advisories, "rb") as packed:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(packed), encoding="utf-8"):
            record = json.loads(line)
            if "withdrawn" in record:
                continue
            for entry in record["affected"]:
                name = canonicalize_name(entry["package"]["name"])
                stated, version = installed.get(name, (None, None))
                if version is not None and affected(entry, version):
                    found.add(f"{name} {stated} {record['id']}")
    print("\n".join(sorted(found)))


main()
